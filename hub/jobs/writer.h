// writer: carries intents (hub/write) into the repositories that they are for.
//
//     API, decisions ── add ──▶ store: on record ──▶ answered
//                                  │ loop: waits until it is quiet for 2 s, 10 s at most
//                                  ▼
//     worker: fetch ▶ hold each intent against the tip ▶ commits ▶ push (hub/repo/push.h)
//                 ▲        it has been done, or is so: done        │ the tip moved
//                 └────────────────────────────────────────────────┘
//                                  │ a fetched tip has it
//                                  ▼
//     store: done or failed, event ──▶ the repository is fetched by whoever watches it
//
// One writer for each repository: everything goes through here, one push at a time, from a mirror
// of its own (a push and a fetch need the same lock). Nothing is merged as text: an intent is held
// against each new tip anew.
//
// An intent is on record before anything is pushed and until a fetched tip has it, so a kill at any
// moment loses none. That none comes twice says the history: each commit names its intents
// (Holdfast-Event), which are looked for since the intent was made. It also names the hub and its
// epoch (Holdfast-Writer): where the same hub wrote with a higher epoch, this one runs from an old
// copy of its disk and writes nothing.
//
// With `write: pull-request`, and where the branch turns out to be protected though a provider is
// configured, intents go into pull requests instead: one for all that are about the same
// (hub/jobs/writer_pulls.c). They wait until that is merged, and then are done; closed without
// being merged, they have failed, and a release that a Hold would have kept out is tried again.
// What was decided in a cluster is in force meanwhile, by what the hub has on record of it.
//
// What cannot be pushed waits and is tried again later and later: the server is away, the branch is
// protected, the token may only read. Of what the hub decides by itself it writes no more than
// HUB_WRITER_MOST for an App within an hour.
//
// What is proven by rendering the whole fleet (a capture) is looked at on a worker of its own, so
// that nobody else who asks waits for it; a proof ends when the writer stops.
//
// Threads: the loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct cm_loop;
struct cm_metrics;
struct hub_repositories;
struct hub_store;
struct hub_writer;

#define HUB_WRITER_MOST 10

struct hub_writer_config {
    struct cm_loop *loop;
    struct hub_store *store;
    struct cm_metrics *metrics;
    const struct hub_repositories *repositories; // borrowed
    const char *data_dir;
    const char *hub_id;
    const uint8_t *secret; // 32 bytes, of seals (hub/jobs/found.h); NULL: none are made
    uint64_t epoch;
    // pushed: a repository has something new that the hub wrote.
    void (*pushed)(void *ctx, const char *repository);
    // overruled: people do not want a Hold; the decisions that it is made of are on record as such.
    void (*overruled)(void *ctx, const char *app, const char *path);
    // reverted: what a Hold would make is in Git, maybe without it; likewise.
    void (*reverted)(void *ctx, const char *app, const char *path);
    void *ctx;
};

// hub_writer_new takes in what waits on record; it blocks, at start.
CM_MUSTUSE enum cm_rc hub_writer_new(const struct hub_writer_config *config,
                                     struct hub_writer **out, struct cm_err *err);

// hub_writer_start begins with what waits.
void hub_writer_start(struct hub_writer *w);

// What shall be written; texts are copied, NULL is "".
struct hub_writer_ask {
    const char *repository;
    const char *id; // NULL: one is made
    const char *kind;
    const char *app;
    const char *cluster;
    const char *cause;
    const char *args; // JSON
    const char *actor;
    bool automatic; // the hub decided it by itself
    bool dry_run;   // only tell what would change
};

enum hub_writer_state {
    HUB_WRITER_WAITING, // on record, to be pushed
    HUB_WRITER_SO,      // it is so already, as far as is known
    HUB_WRITER_SHOWN,   // a dry run
    HUB_WRITER_OFF,     // the repository is not written to
};

struct hub_writer_answer {
    enum hub_writer_state state;
    const char *id;
    const char *diff; // what changes on the tip as it was fetched last
    const char *path; // the file; "" if nothing changes
    const char *pull; // link to the pull request that it comes into; "" if none is open yet
    bool by_pull;     // it comes into one
};

typedef void (*hub_writer_fn)(void *ctx, const struct cm_err *err,
                              const struct hub_writer_answer *answer);

// hub_writer_add looks at what a change would do, puts it on record and pushes it soon. `done` is
// told what it is once it is on record. CM_ENOTFOUND, CM_EINVAL: it cannot be, with why; CM_EBUSY:
// the repository was not fetched yet, or too many were written.
void hub_writer_add(struct hub_writer *w, const struct hub_writer_ask *ask, hub_writer_fn done,
                    void *ctx);

// hub_writer_by_pulls tells whether all that is written to a repository goes into pull requests, as
// far as is known.
bool hub_writer_by_pulls(const struct hub_writer *w, const char *repository);

// hub_writer_retry tries at once what could not be pushed: the repository can be reached again.
void hub_writer_retry(struct hub_writer *w, const char *repository);

// hub_writer_fetched looks at pull requests soon: the repository was fetched.
void hub_writer_fetched(struct hub_writer *w, const char *repository);

// hub_writer_stop ends pushes and the worker; `stopped` comes on the loop when the last job is
// done.
void hub_writer_stop(struct hub_writer *w, void (*stopped)(void *ctx), void *ctx);
void hub_writer_free(struct hub_writer *w); // after stopped; NULL is fine
