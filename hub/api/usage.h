// usage: when each API token was last used, brought to the database now and then.
//
// Threads: note from any; all else on the loop's thread, or while it does not run.
#pragma once

#include <stdint.h>

struct cm_loop;
struct hub_store;
struct hub_usage;

struct hub_usage *hub_usage_new(struct cm_loop *loop, struct hub_store *store);

// hub_usage_note remembers that the token was used.
void hub_usage_note(struct hub_usage *u, const char *token_id, int64_t at_ms);

// hub_usage_stop submits what was not written yet and writes no more.
void hub_usage_stop(struct hub_usage *u);
void hub_usage_free(struct hub_usage *u); // NULL is fine
