// keeper: has Holds written into Git, and taken out of it.
//
// What the planner asks for becomes an intent (hub/jobs/writer.h), which is on record before
// anything is pushed. What cannot be put on record now, as the repository was not fetched yet or
// too much was written for an App within the hour, is tried again later and later; after a restart
// the planner asks anew. Clusters that are added to one file come in commits that are further and
// further apart, but where holdfast goes back by itself: there the release runs until Git has it. A
// repository that the hub does not write to gets none: what is held stays held by the decision that
// is on record.
//
// Threads: the loop.
#pragma once

#include <stddef.h>

struct cm_loop;
struct hub_hold_ask;
struct hub_keeper;
struct hub_prover;
struct hub_repositories;
struct hub_writer;

// hub_keeper_new borrows all of it. prover: what a Hold does is proven before (NULL: never).
struct hub_keeper *hub_keeper_new(struct cm_loop *loop, struct hub_writer *writer,
                                  const struct hub_repositories *repositories,
                                  struct hub_prover *prover);

// hub_keeper_take copies what is asked for. A later ask for the same file replaces one that waits.
void hub_keeper_take(struct hub_keeper *k, const struct hub_hold_ask *asks, size_t count);

// hub_keeper_stop begins nothing more; free it when the writer has stopped.
void hub_keeper_stop(struct hub_keeper *k);
void hub_keeper_free(struct hub_keeper *k); // NULL is fine
