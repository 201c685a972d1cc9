// past_read: for the files that answer about the past: what is meant, and the parts of answers.
//
// Threads: a reader's handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "hub/past/select.h"
#include "hub/store/past_query.h"
#include "hub/store/past_state.h"

struct cm_map;
struct past_info;

#define PAST_RECENT 256

struct past_read {
    struct hub_db *db;
    struct cm_arena *arena;
    const struct hub_past_ask *ask;
    size_t count;        // numbers of clusters
    const char **names;  // by number; NULL: there is none
    struct cm_map *info; // of values, by number as text -> struct past_info
    struct past_info
        *recent[PAST_RECENT]; // of them, by the end of the number: most cells are alike
    int64_t kept_from_ms;     // before that not all is known (HUB_PAST_KEPT_FROM); 0: no such time
};

enum cm_rc past_read_begin(struct past_read *r, struct hub_db *db, struct cm_arena *a,
                           const struct hub_past_ask *ask, struct cm_err *err);
void past_read_end(struct past_read *r);

// past_kept_words adds to an error since when anything is known; "": there is no such time.
const char *past_kept_words(struct past_read *r);

// What one selection means: clusters, and when. ~N is turned into a time.
struct past_scope {
    struct hub_select select;
    struct hub_past_when when;
    bool *in;     // by number of cluster
    bool grouped; // it is a group: these are its clusters of now
};
// past_members_set tells in an answer whether clusters are meant that a group has now, though it is
// asked for another time.
void past_members_set(struct past_read *r, const struct past_scope *scope, struct cm_json *answer);

// past_gaps_set tells in an answer since when all is known that decisions, and events, tell of the
// clusters that are meant, and what was scaled: "decisionsFromMs", "eventsFromMs" and
// "scaledFromMs", or nothing if that is all.
enum cm_rc past_gaps_set(struct past_read *r, const struct past_scope *scope,
                         struct cm_json *answer, struct cm_err *err);

enum cm_rc past_scope_find(struct past_read *r, const struct hub_select *select,
                           struct past_scope *out, struct cm_err *err);

// past_each_app visits the Apps that a selection means, sorted; a visit that fails ends it.
enum cm_rc past_each_app(struct past_read *r, const struct hub_select *select,
                         enum cm_rc (*visit)(void *ctx, const char *app, struct cm_err *err),
                         void *ctx, struct cm_err *err);

// A bundle at a commit.
struct past_info {
    uint32_t value;
    const char *app;
    const char *revision;
    const char *repo;
    const char *release; // tells apart what of one commit is not the same: with images, and Holds
    const char *images;  // all of them, sorted
    const char *held;    // in words; ""
    bool suspended;      // it is not to be applied
    uint64_t bundle;     // the first bytes of its name
    void *mark;          // whoever reads may remember something
};
enum cm_rc past_info_find(struct past_read *r, uint32_t value, struct past_info **out,
                          struct cm_err *err);

// past_revision_set tells of a commit in an item, and what is held if anything is; past_images_make
// lists the images of a value.
enum cm_rc past_revision_set(struct past_read *r, struct cm_json *item,
                             const struct past_info *info, struct cm_err *err);
enum cm_rc past_images_make(struct past_read *r, uint32_t value, struct cm_json **out,
                            struct cm_err *err);

// What runs behind tags (past_digests.c): values of HUB_PAST_DIGESTS, of which only those entries
// count whose image is, by tag, among `images`, as in struct past_info.
//
// past_digests_meant tells whether a digest is asked for. past_digests_have tells whether it is
// among the entries; past_digests_lack whether it may be there all the same: of an image by tag
// that it may be of, if it has a name, not all digests are known.
bool past_digests_meant(const char *what);
bool past_digests_have(struct past_read *r, const struct past_info *digests, const char *images);
bool past_digests_lack(struct past_read *r, const struct past_info *digests, const char *images);

// Different ones of several clusters; more than these are left out.
#define PAST_DIGESTS_MAX 256
struct past_digests {
    const struct past_info **infos; // the reader's arena's
    size_t count;
    size_t room;
    bool more;
};
void past_digests_note(struct past_read *r, struct past_digests *d,
                       const struct past_info *digests);
// past_digests_set lists all entries in an item, as "digests", if there are any; "digestsMore":
// some are left out.
void past_digests_set(struct past_read *r, const struct past_digests *d, const char *images,
                      struct cm_json *item);

// A number of clusters, some of them by name, and from when to when.
struct past_fold {
    size_t clusters;
    size_t unobserved; // of them: nobody was connected to say how they were
    size_t drifted;    // of them: something there was not as Git says
    size_t unwell;     // of them: it was not healthy yet, or no more
    size_t undigested; // of them: which digests run behind tags is not known
    struct cm_json *names;
    int64_t from_ms;
    int64_t to_ms;
};
void past_fold_add(struct past_read *r, struct past_fold *fold, size_t cluster, int64_t at_ms);
void past_fold_set(struct past_read *r, const struct past_fold *fold, struct cm_json *item);

// Something that was frozen; texts are the arena's.
struct past_freeze {
    int64_t id;
    const char *name;
    const char *app; // "": all
    const char *reason;
    const char *actor;
    const char *source;
    int64_t from_ms;
    int64_t until_ms; // when it was to end by itself; 0: it was not
    int64_t to_ms;    // when it ended; 0: it is in force
    const char *ended_by;
    const char *ended_why;
    bool *on; // by number of cluster
};

// What was frozen at a moment; of more than these the first by name.
#define PAST_FROZEN_MAX 64
struct past_frozen {
    struct past_freeze *list;
    size_t count;
};
enum cm_rc past_frozen_find(struct past_read *r, int64_t at_ms, struct past_frozen *out,
                            struct cm_err *err);

// past_frozen_of tells which of them kept an App on a cluster from being applied, as bits;
// past_frozen_set lists these, if there are any.
uint64_t past_frozen_of(const struct past_frozen *frozen, const char *app, size_t cluster);
void past_frozen_set(struct past_read *r, const struct past_frozen *frozen, uint64_t which,
                     struct cm_json *item);

// past_frozen_each visits, newest first, what was frozen in a span of time of an App ("": any), on
// whatever cluster it ever was.
struct hub_past_span {
    int64_t from_ms;
    int64_t to_ms;
};
enum cm_rc past_frozen_each(struct past_read *r, const struct hub_past_span *span, const char *app,
                            void (*visit)(void *ctx, const struct past_freeze *freeze), void *ctx,
                            struct cm_err *err);

// past_freeze_words says why something was frozen and until when, past_thaw_words why that ended.
const char *past_freeze_words(struct cm_arena *a, const struct past_freeze *f);
const char *past_thaw_words(struct cm_arena *a, const struct past_freeze *f);

// past_back_find tells the moment before the last `back` changes of what Git says.
enum cm_rc past_back_find(struct past_read *r, const struct past_scope *scope, int64_t *out_ms,
                          struct cm_err *err);

// past_items_set sorts by App and clusters, most first, and cuts after HUB_PAST_ITEMS_MAX ("more":
// true).
void past_items_set(struct past_read *r, struct cm_json *answer, struct cm_json **items,
                    size_t count);
