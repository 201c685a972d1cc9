// writer_state: what the files of the writer share.
//
//     writer.c        the whole: asking, batches, what is on record
//     writer_look.c   what an intent would change on the tip that is known
//     writer_flush.c  one round of fetching, deciding and pushing
//
// Threads: the loop; a flush and a look are the worker's while they are with it.
#pragma once

#include "common/backoff.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/workers.h"
#include "hub/jobs/store.h"
#include "hub/jobs/writer.h"
#include "hub/repo/push.h"
#include "hub/repo/tree.h"
#include "hub/write/write.h"

struct cm_metric;
struct hub_repository;

enum { HUB_WRITING_TEXTS = 7 };

// An intent that waits. The texts of `intent` are owned through `texts`.
struct hub_writing {
    struct hub_intent intent;
    char *texts[HUB_WRITING_TEXTS];
    bool automatic;
    bool noted; // why it waits is on record
    struct cm_list in_list;
};

struct hub_writing *hub_writing_new(const struct hub_intent *intent);
void hub_writing_free(struct hub_writing *w);

// What a flush found out about one of its intents.
enum hub_written { HUB_WRITTEN_NOT_YET, HUB_WRITTEN_DONE, HUB_WRITTEN_NEVER };

struct hub_flush_item {
    struct hub_writing *writing; // the flush's own copy
    enum hub_written what;
    char revision[HUB_REPO_ID_HEX_MAX]; // the commit that has it; "": it was so before
    char *why;                          // never: why; else NULL
    struct hub_write_edit edit;         // of this round
    size_t change;                      // the commit of this round that it is in
    bool stands;                        // it has an edit in this round
};

// One round, or some while the tip moves.
struct hub_flush {
    const struct hub_repository *repository;
    const char *folder; // of the mirror
    const char *writer; // for the trailer
    const char *hub_id;
    uint64_t epoch;
    int cancel_fd;
    int64_t now_ms;
    struct hub_flush_item *items;
    size_t count;
    size_t most; // edits in one push; 0: as many as fit
    bool pushed; // something was:
    struct hub_repo_id commit;
    struct cm_err err; // why some are not yet; code CM_OK: none
};

// hub_flush_run blocks.
void hub_flush_run(struct hub_flush *f);
void hub_flush_done(struct hub_flush *f);

// hub_look holds an intent against what a mirror holds; *out_fresh: that has the commit `after`
// (NULL: any will do). CM_EBUSY: it holds nothing yet.
CM_MUSTUSE enum cm_rc hub_look(const struct hub_repository *repository, const char *folder,
                               const struct hub_intent *intent, const struct hub_repo_id *after,
                               struct hub_write_edit *out, bool *out_fresh, struct cm_err *err);

// A tip, with what was already decided on top of it.
struct hub_tip {
    struct hub_repo *repo;
    struct hub_tree *tree;
    struct hub_commit commit;
    const struct hub_flush_item *items; // whose edits count; NULL: none
    size_t count;
};

CM_MUSTUSE enum cm_rc hub_tip_open(const char *folder, struct hub_tip *out, struct cm_err *err);
void hub_tip_close(struct hub_tip *tip); // a zeroed one is fine
struct hub_write_files hub_tip_files(struct hub_tip *tip, const char *root);
