// state: keeps the state repository: what is desired in the fleet, what is there, and what
// happened, in Git.
//
//     changes of the database ─▶ triggers: rows of `unwritten`      (hub/store/unwritten.h)
//        timer, every window          │
//            └─▶ worker: a pass reads them, commits                 (state_pass.h)
//                    └─▶ store: rows that are written are removed
//
// What changes several times within a window is written once. While thousands of rows change in
// each window (a fleet takes a release, or comes back) it is gathered for up to five of them: a
// pass in between would write a part, make all trees above it, and take the processor that clusters
// wait for. Nobody waits for it: the loop only starts the worker. When a pass fails (the disk is
// full), nothing is lost, for the rows stay; the next try comes later and later, an event and a
// metric tell of it. The same after a crash.
//
// Threads: the loop, and a worker of its own.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cm_loop;
struct cm_metrics;
struct hub_state_writer;
struct hub_store;

struct hub_state_writer_config {
    struct cm_loop *loop;
    struct hub_store *store;
    struct cm_metrics *metrics;
    const char *folder; // of the repository
    const char *db_path;
    const char *hub_id;
    const char *registry; // file of agents; NULL: it is not told
    uint64_t epoch;
    const uint8_t *value_key; // 32 bytes
    int64_t window_ms;
    int64_t keep_months;      // as in state_pass.h
    void (*wrote)(void *ctx); // commits were made; may be NULL
    void *ctx;
};

// hub_state_writer_start begins; the first window is what there is already.
struct hub_state_writer *hub_state_writer_start(const struct hub_state_writer_config *config);

// hub_state_gathers tells whether there is more to wait for: `rows` changed in the last of so many
// windows since the last pass.
bool hub_state_gathers(int64_t rows, int windows);

// hub_state_writer_stop begins nothing more and ends a merge of packs. hub_state_writer_end waits
// for the pass that runs; the loop must turn once more before the free. NULL is fine for all three.
void hub_state_writer_stop(struct hub_state_writer *w);
void hub_state_writer_end(struct hub_state_writer *w);
void hub_state_writer_free(struct hub_state_writer *w);
