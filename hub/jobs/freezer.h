// freezer: the red button. What is frozen is put on record, told to the agents, and written into
// Git.
//
//     API ── start, end ─▶ store: on record ─▶ answered, agents are told (hub/session/freeze.c)
//                              │                   intent ─▶ Git (hub/jobs/writer.h)
//     a commit ─▶ planner ─▶ store: what Git says ─▶ agents are told
//
// It needs no Git: a freeze counts from when it is on record, and comes before all else that waits
// for the store. It can only stop: what clusters shall run does not change, manifests are made and
// sent as ever, and agents do not apply them meanwhile. A freeze ends by time (here, and on each
// agent by itself), by hub_freezer_end, or when its document leaves Git.
//
// The file is asked for again and again until Git has it, later and later; so is its removal once
// the freeze has ended. What is asked for twice is written once (hub/jobs/writer.h). Where the hub
// may not write, a note says so and the freeze stays on record alone.
//
// Threads: the loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct cm_loop;
struct cm_metrics;
struct hub_freeze_row;
struct hub_freeze_set;
struct hub_freezer;
struct hub_repositories;
struct hub_store;
struct hub_writer;

struct hub_freezer_config {
    struct cm_loop *loop;
    struct hub_store *store;
    struct cm_metrics *metrics;
    struct hub_writer *writer;
    const struct hub_repositories *repositories; // borrowed
    // changed: this is frozen now.
    void (*changed)(void *ctx, struct hub_freeze_set *set);
    void *ctx;
};

// hub_freezer_new reads what is on record and tells it; it blocks, at start. hub_freezer_begin
// begins to write into Git, and to end what is over.
CM_MUSTUSE enum cm_rc hub_freezer_new(const struct hub_freezer_config *config,
                                      struct hub_freezer **out, struct cm_err *err);
void hub_freezer_begin(struct hub_freezer *f);

// hub_freezer_adopt takes over what the database says now: documents in Git changed it.
void hub_freezer_adopt(struct hub_freezer *f, struct hub_freeze_set *set);

struct hub_frozen {
    const struct hub_freeze_row *row;
    size_t clusters;
    const char *text; // of the document
    bool writes;      // the hub writes it into row->repo
};

// `frozen` is good until it returns.
typedef void (*hub_freezer_fn)(void *ctx, const struct cm_err *err,
                               const struct hub_frozen *frozen);

// hub_freezer_start freezes; `done` comes once it is on record. Of the row name ("": one is made),
// what it is about, reason, actor, source (NULL: HUB_FREEZE_BY_HAND) and until_ms are read, and
// copied. What the breaker freezes it freezes on record with that. With `dry_run` nothing is kept.
// It fails as hub_freezes_start, and with CM_EINVAL if the time is over already.
void hub_freezer_start(struct hub_freezer *f, const struct hub_freeze_row *row, bool dry_run,
                       hub_freezer_fn done, void *ctx);

// hub_freezer_end ends one, and tells on how many clusters it was. CM_ENOTFOUND.
void hub_freezer_end(struct hub_freezer *f, const char *name, const char *actor, bool dry_run,
                     hub_freezer_fn done, void *ctx);

// hub_freezer_told notes that the agent of a cluster has stopped all that is frozen there, as far
// as `changed` has told it.
void hub_freezer_told(struct hub_freezer *f, const char *cluster);

// hub_freezer_stop begins nothing more; free it when the store has stopped.
void hub_freezer_stop(struct hub_freezer *f);
void hub_freezer_free(struct hub_freezer *f); // NULL is fine
