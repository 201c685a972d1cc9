// writer_state: what the files of the writer share.
//
//     writer.c        the whole: asking, batches, what is on record
//     writer_look.c   what an intent would change on the tip that is known
//     writer_capture.c  the same of those that are proven by rendering
//     writer_flush.c  one round of fetching, deciding and pushing
//     writer_pulls.c  the same, where it goes into pull requests
//
// Threads: the loop; a flush and a look are the worker's while they are with it.
#pragma once

#include "common/backoff.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/workers.h"
#include "hub/forge/call.h"
#include "hub/jobs/store.h"
#include "hub/jobs/writer.h"
#include "hub/repo/push.h"
#include "hub/repo/tree.h"
#include "hub/write/write.h"

struct cm_map;
struct cm_metric;
struct hub_repository;
struct hub_tip;

enum { HUB_WRITING_TEXTS = 7 };

// An intent that waits. The texts of `intent` are owned through `texts`.
struct hub_writing {
    struct hub_intent intent;
    char *texts[HUB_WRITING_TEXTS];
    bool automatic;
    bool asks_pull; // for a pull request, also where others are commits
    bool noted;     // why it waits is on record
    int64_t pull;   // number of the pull request that it is in; 0: none
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
    char *branch;                       // of its pull request; NULL: it is not known yet
    bool undone;                        // a later one has the last word
    bool overruled;                     // people closed its pull request
};

// A pull request of the hub's, from when its branch is made to when it is merged or closed.
struct hub_pull {
    char *branch;
    char *app;
    char *title;
    int64_t number; // 0: it is not open yet
    char url[HUB_FORGE_URL_MAX];
    char head[HUB_FORGE_SHA_MAX]; // what the hub pushed last; "": nothing, as far as it knows
    char *content;                // names what that changes
    enum hub_forge_state state;
    bool changed; // since it was put on record
};

struct hub_pulls {
    struct hub_pull *items;
    size_t count;
};

void hub_pulls_done(struct hub_pulls *pulls); // a zeroed one is fine
void hub_pulls_copy(const struct hub_pulls *from, struct hub_pulls *out);
struct hub_pull *hub_pulls_find(const struct hub_pulls *pulls, const char *branch); // NULL: none

// hub_pulls_add adds one that is not open yet; it is borrowed until the next is added.
struct hub_pull *hub_pulls_add(struct hub_pulls *pulls, const char *branch, const char *app);

// What is in force beyond the tip: the tip and the Holds that wait to be merged. People see it
// there, and a hub that lost its record finds it (hub/jobs/found.h).
#define HUB_HOLDS_BRANCH "holdfast/holds"

// One round, or some while the tip moves.
struct hub_flush {
    const struct hub_repository *repository;
    const struct hub_writer_world *world; // NULL: nothing but the mirror
    const char *folder;                   // that
    const char *writer;                   // for the trailer
    const char *hub_id;
    uint64_t epoch;
    const uint8_t *secret; // of seals (hub/jobs/found.h); NULL: none are made
    bool seals;            // commits get one
    int cancel_fd;
    int64_t now_ms;
    struct hub_flush_item *items; // last those that ask for pull requests
    size_t count;
    bool cut;     // more wait that would be commits
    size_t most;  // edits in one push; 0: as many as fit
    size_t moved; // rounds in which the tip moved before it was pushed
    bool pushed;  // something was:
    struct hub_repo_id commit;
    enum hub_repo_trouble trouble; // of the last fetch or push
    struct hub_forge *forge;       // NULL: there are no pull requests
    bool by_pulls;                 // all goes into some; found out if the branch is protected
    struct hub_pulls pulls;        // those that are open
    char *holds;           // names what HUB_HOLDS_BRANCH has; "": it is not there; NULL: not known
    bool unshown;          // that is not as it shall be: it is tried again
    struct cm_map *proofs; // hub_proofs_new; borrowed
    bool again;            // something is to be done right after
    int64_t wait_ms;       // for as long the provider wants to be left alone
    struct cm_err err;     // why some are not yet; code CM_OK: none
};

#define HUB_FLUSH_COMMITS 1000 // intents that would be commits, in one flush

// hub_flush_fill takes in what waits (struct hub_writing): of what would be commits as much as
// fits; of what goes into pull requests all, as each branch is made of all that is to be in it.
void hub_flush_fill(struct hub_flush *f, const struct cm_list *waiting);

// hub_flush_run blocks.
void hub_flush_run(struct hub_flush *f);
void hub_flush_done(struct hub_flush *f);

// What hub_flush_run does where it goes into pull requests.
void hub_flush_pulls(struct hub_flush *f);

// hub_flush_show has HUB_HOLDS_BRANCH show what a server has just refused, where there are no pull
// requests, and be gone once it was taken.
void hub_flush_show(struct hub_flush *f);

// Parts of both ways. fetch: a branch (NULL: the one that is watched); its trouble is in `f`.
// history ends what the tip's past has, evaluate finds the edits of the others, end_what_is_so ends
// those that need none.
bool hub_flush_is_open(const struct hub_flush_item *item);
void hub_flush_settle(struct hub_flush_item *item, enum hub_written what, const char *why);
bool hub_flush_any_stands(const struct hub_flush *f);
void hub_flush_end_what_is_so(struct hub_flush *f);

CM_MUSTUSE enum cm_rc hub_flush_fetch(struct hub_flush *f, const char *branch, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_flush_history(struct hub_flush *f, const struct hub_tip *tip,
                                        struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_flush_evaluate(struct hub_flush *f, struct hub_tip *tip,
                                         struct cm_err *err);

// hub_flush_as_hold evaluates one once more, as what it is without any document that may say it.
CM_MUSTUSE enum cm_rc hub_flush_as_hold(struct hub_flush *f, struct hub_tip *tip, size_t i,
                                        struct cm_err *err);

struct hub_flush_target {
    const char *branch;
    struct hub_repo_id expected; // where it is now; zero: it is not there
    bool remove;                 // it is to go; nothing stands then
};

// hub_flush_push_to makes another branch of the tip and what stands. CM_ENOTFOUND: it never can be,
// and what stood was ended.
CM_MUSTUSE enum cm_rc hub_flush_push_to(struct hub_flush *f, const struct hub_tip *tip,
                                        const struct hub_flush_target *to, struct cm_err *err);

// What there is besides the repository that is written to.
struct hub_writer_world {
    const struct hub_repositories *repositories;
    const char *data_dir;
    int cancel_fd; // readable: the writer stops, and so does a proof; -1: it does not
};

// hub_look holds an intent against what a mirror holds; *out_fresh: that has the commit `after`
// (NULL: any will do). CM_EBUSY: it holds nothing yet.
CM_MUSTUSE enum cm_rc hub_look(const struct hub_writer_world *world,
                               const struct hub_repository *repository,
                               const struct hub_intent *intent, const struct hub_repo_id *after,
                               struct hub_write_edit *out, bool *out_fresh, struct cm_err *err);

// A tip, with what was already decided on top of it.
struct hub_tip {
    struct hub_repo *repo;
    struct hub_tree *tree;
    struct hub_commit commit;
    const struct hub_flush_item *items; // whose edits count; NULL: none
    size_t count;
    const struct hub_writer_world *world;
    const struct hub_repository *repository;
    struct cm_map *proofs; // NULL: none are remembered
};

CM_MUSTUSE enum cm_rc hub_tip_open(const char *folder, struct hub_tip *out, struct cm_err *err);
// hub_tip_open_mirror opens what is watched of a repository. CM_EBUSY: it was not fetched yet.
CM_MUSTUSE enum cm_rc hub_tip_open_mirror(const struct hub_writer_world *world,
                                          const struct hub_repository *repository,
                                          struct hub_tip *out, struct cm_err *err);
void hub_tip_close(struct hub_tip *tip); // a zeroed one is fine
struct hub_write_files hub_tip_files(struct hub_tip *tip, const char *root);

// hub_tip_read and hub_tip_each are of these files.
CM_MUSTUSE enum cm_rc hub_tip_read(void *tip, const char *path, size_t max_bytes,
                                   struct cm_buf **out, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_tip_each(void *tip, const char *folder,
                                   bool (*visit)(void *visitor, const char *path), void *visitor,
                                   struct cm_err *err);

// hub_tip_capture makes the edit of a capture, which is proven by rendering the whole fleet: of the
// other repositories as they were fetched last. CM_EBUSY: one was not.
CM_MUSTUSE enum cm_rc hub_tip_capture(void *tip, const struct hub_intent *intent,
                                      const struct cm_json *args, struct hub_write_edit *out,
                                      struct cm_err *err);

// hub_proofs_new makes a memory for what hub_tip_revert has proven; cm_map_free frees it.
struct cm_map *hub_proofs_new(void);

// hub_tip_revert makes the edit that says what a Hold would make, proven likewise: once for the
// same Hold on the same tips, as a pull request is looked at again and again.
CM_MUSTUSE enum cm_rc hub_tip_revert(void *tip, const struct hub_write_edit *hold,
                                     struct hub_write_edit *out, struct cm_err *err);
