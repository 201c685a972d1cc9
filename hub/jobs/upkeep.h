// upkeep: keeps the database from growing without end: old events and history, and bundles and
// objects that nothing needs any more, are removed now and then.
//
// Threads: the loop.
#pragma once

#include <stdint.h>

struct cm_loop;
struct hub_store;
struct hub_upkeep;

// hub_upkeep_start does it once an hour, in steps that let others write between them. The newest
// events are kept.
struct hub_upkeep *hub_upkeep_start(struct cm_loop *loop, struct hub_store *store,
                                    int64_t events_kept);

// hub_upkeep_stop begins nothing more; free it when the store has stopped and the loop has turned.
void hub_upkeep_stop(struct hub_upkeep *u);
void hub_upkeep_free(struct hub_upkeep *u); // NULL is fine
