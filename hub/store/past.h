// past: what was so when: of each App on each cluster what it should run, what it ran, and how it
// did; of each cluster whether anybody knew.
//
// A change is an entry (cluster, time) in a row of its kind: App, axis and the value that it came
// to. Entries of one value within a minute share a row, so ten thousand clusters that take a
// release are some eighty rows. How all is now is a table of its own: what is no change is found
// there. Now and then it is copied as a checkpoint, so a moment of long ago is the checkpoint
// before it and the rows since; of entries about one cluster the latest counts, in whatever order
// they came: an agent that was away tells later, with its own times (such rows are `late`).
//
// All of it is told as lines, too (hub/store/past_lines.h), of which it can be made anew.
//
// Values are numbers: of HUB_PAST_DESIRED and _ACTUAL a bundle at a commit (hub_past_value), 0:
// none; of _VERDICT enum hub_verdict; of _SEEN, whose App is "", 1 while the agent is connected; of
// _IMAGES a set of images (hub_past_images), 0: those of the bundle that was applied last; of
// _DIGESTS such a set, too, 0: nothing is known.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct hub_db;
struct hub_line_place;

// Entries of a row are less than this from its time.
#define HUB_PAST_SPAN_MS ((int64_t)60 * 1000)

enum hub_past_axis {
    HUB_PAST_DESIRED, // what the hub published
    HUB_PAST_ACTUAL,  // what the agent applied last, or found to be there
    HUB_PAST_VERDICT, // how that did
    HUB_PAST_SEEN,    // whether the agent was connected
    HUB_PAST_IMAGES,  // which images really run, where the bundle does not say it
    HUB_PAST_DIGESTS, // "web:1.4@sha256:…": what runs behind tags, as pods say
};

// hub_past_is_named tells whether values of an axis are bundles or images, which have rows.
static inline bool hub_past_is_named(enum hub_past_axis axis) {
    return axis != HUB_PAST_VERDICT && axis != HUB_PAST_SEEN;
}

enum hub_verdict {
    HUB_VERDICT_NONE, // nothing is known, or the App is gone
    HUB_VERDICT_HEALTHY,
    HUB_VERDICT_PROGRESSING, // it is applied, and not healthy yet
    HUB_VERDICT_DEGRADED,
    HUB_VERDICT_FAILED, // it could not be applied
    HUB_VERDICT_DRIFTED,
    HUB_VERDICT_SUSPENDED,
};

// hub_past_value finds the number of a bundle at a commit, or makes one.
struct hub_past_bundle {
    const char *app;
    struct cm_sha256 bundle;
    const char *revision;
    const char *repo; // "" if it is not known
    const char *held; // what Holds keep out of it (hub/fleet/fleet.h); NULL: nothing, or not known
    bool suspended;   // it is not to be applied
};
CM_MUSTUSE enum cm_rc hub_past_value(struct hub_db *db, const struct hub_past_bundle *b,
                                     int64_t *out, bool *made, struct cm_err *err);

// hub_past_image says that a value has this image. Repeating it changes nothing.
CM_MUSTUSE enum cm_rc hub_past_image(struct hub_db *db, int64_t value, const char *image,
                                     struct cm_err *err);

// hub_past_images finds the number of a set of images, or makes one: sorted, each once. Of one that
// is not whole (HUB_PAST_PARTIAL is its revision) more may run than is known.
#define HUB_PAST_PARTIAL "partial"
#define HUB_PAST_IMAGES_MAX 1000         // in a set, so that an agent fills no disk
#define HUB_PAST_IMAGE_MAX ((size_t)512) // characters
struct hub_past_set {
    const char *app;
    const char *const *images;
    size_t count;
    bool partial;
};
CM_MUSTUSE enum cm_rc hub_past_images(struct hub_db *db, const struct hub_past_set *set,
                                      int64_t *out, struct cm_err *err);

// hub_past_images_are tells whether the bundle that an App on a cluster has now has just these.
CM_MUSTUSE enum cm_rc hub_past_images_are(struct hub_db *db, const char *cluster,
                                          const struct hub_past_set *set, bool *out,
                                          struct cm_err *err);

// hub_past_images_next tells from when on (Unix ms) a change of what an App on a cluster runs comes
// after what is noted of its bundle and images; 0: nothing is.
CM_MUSTUSE enum cm_rc hub_past_images_next(struct hub_db *db, const char *cluster, const char *app,
                                           int64_t *out, struct cm_err *err);

// hub_past_digests_find tells what is noted of what runs behind the tags of an App on a cluster.
struct hub_past_since {
    int64_t value; // 0: nothing
    int64_t since_ms;
};
CM_MUSTUSE enum cm_rc hub_past_digests_find(struct hub_db *db, const char *cluster, const char *app,
                                            struct hub_past_since *out, struct cm_err *err);

// hub_past_images_due tells whether an App on a cluster may run other images than its bundle has:
// it has failed, something that may change them is reported to be other than Git says, what a
// controller rejected is applied, or it was so the last time.
CM_MUSTUSE enum cm_rc hub_past_images_due(struct hub_db *db, const char *cluster, const char *app,
                                          bool *out, struct cm_err *err);

// hub_past_images_each_new visits what is changed by hand and of which nothing was ever noted:
// nobody has looked, as in a hub of before, or its images were those of its bundle.
CM_MUSTUSE enum cm_rc hub_past_images_each_new(struct hub_db *db,
                                               void (*visit)(void *ctx, const char *cluster,
                                                             const char *app),
                                               void *ctx, struct cm_err *err);

// hub_past_images_drop drops sets that no change has any more, nor a checkpoint, nor what is so
// now; ten thousand at most.
CM_MUSTUSE enum cm_rc hub_past_images_drop(struct hub_db *db, struct cm_err *err);

struct hub_past_change {
    const char *app; // "" for HUB_PAST_SEEN
    enum hub_past_axis axis;
    const char *cluster;
    int64_t value;
    int64_t at_ms;   // when it happened, Unix; taken as seen_ms if it is after that
    int64_t seen_ms; // when the hub heard of it
};

// hub_past_note writes a change. What is so already, and what is older than what is known and comes
// to the same, is left out.
CM_MUSTUSE enum cm_rc hub_past_note(struct hub_db *db, const struct hub_past_change *change,
                                    struct cm_err *err);

// hub_past_replay writes a change that is known to be one, or how it is since when: of lines, which
// tell only such (hub/past/line.h); the same twice counts once. hub_past_replay_row does so with
// all of a row.
CM_MUSTUSE enum cm_rc hub_past_replay(struct hub_db *db, const struct hub_past_change *change,
                                      struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_past_replay_row(struct hub_db *db, const struct hub_past_change *change,
                                          bool late, const struct hub_line_place *places,
                                          size_t count, struct cm_err *err);

// hub_past_forget notes that a cluster is no longer in Git: it should run nothing.
CM_MUSTUSE enum cm_rc hub_past_forget(struct hub_db *db, const char *cluster, int64_t now_ms,
                                      struct cm_err *err);

// hub_past_lost notes that the Apps of a cluster whose status is still marked by a full report
// (hub/store/status.h) are not there.
CM_MUSTUSE enum cm_rc hub_past_lost(struct hub_db *db, const char *cluster, int64_t now_ms,
                                    struct cm_err *err);

// hub_past_is_empty tells whether nothing was ever noted: the database is from before there was a
// past.
CM_MUSTUSE enum cm_rc hub_past_is_empty(struct hub_db *db, bool *out, struct cm_err *err);

// hub_past_unseen notes that nobody is connected, since each was heard last: the hub was stopped or
// killed.
CM_MUSTUSE enum cm_rc hub_past_unseen(struct hub_db *db, int64_t now_ms, struct cm_err *err);

// hub_past_keep makes checkpoints where more than HUB_PAST_ROWS rows came since the last one, and
// drops what is older than HUB_PAST_DAYS, but for what tells how it was then. `now_ms` is Unix
// time.
#define HUB_PAST_ROWS 1000
#define HUB_PAST_DAYS 400
#define HUB_PAST_MS ((int64_t)HUB_PAST_DAYS * 24 * 3600 * 1000)
CM_MUSTUSE enum cm_rc hub_past_keep(struct hub_db *db, int64_t now_ms, struct cm_err *err);

// In the table `meta`: from when on all is known (Unix ms; 0: no such moment), for the index was
// made anew of months that are left.
#define HUB_PAST_KEPT_FROM "past_kept_from"

// hub_past_drop drops it alone.
CM_MUSTUSE enum cm_rc hub_past_drop(struct hub_db *db, int64_t now_ms, struct cm_err *err);
