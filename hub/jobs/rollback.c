#include "hub/jobs/rollback.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/tls/digest.h"
#include "hub/fleet/fleet.h"
#include "hub/hold/hold.h"
#include "hub/jobs/decided.h"
#include "hub/render/bundle.h"

#define NOT_KNOWN "commit what shall run, for it is not known what came up here before"

bool hub_rollback_is_plain(const char *controller) {
    return strcmp(controller, "deployment") == 0 || strcmp(controller, "statefulset") == 0;
}

bool hub_rollback_is_late(const struct hub_decision_row *row) {
    return strcmp(row->verdict, "timed_out") == 0 && hub_rollback_is_plain(row->controller);
}

bool hub_rollback_is_over(const struct hub_decision_row *row) {
    return strcmp(row->verdict, "promoted") == 0;
}

static bool is_none(const struct cm_sha256 *hash) {
    static const struct cm_sha256 none;

    return cm_sha256_equal(hash, &none);
}

enum cm_rc hub_rollback_check_ban(const struct hub_fleet *f, const struct hub_decided *d,
                                  struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct hub_object *good = hub_bundle_find_key(d->good, d->row.key);
    const char *ban = "";

    if (good == NULL || good->bytes == NULL) {
        return cm_fail(err, CM_EBUSY, NOT_KNOWN);
    }
    const char *image = hub_fleet_find_ban(f, a, d->row.app, good->bytes, &ban);
    return image == NULL ? CM_OK
                         : cm_fail(err, CM_EBUSY,
                                   "what came up before is %.200s, which Ban '%.80s' forbids: "
                                   "commit another release",
                                   image, ban);
}

enum cm_rc hub_rollback_check(const struct hub_fleet *f, const struct hub_decided *d,
                              struct cm_err *err) {
    const struct hub_decision_row *row = &d->row;

    if (is_none(&row->bad) || is_none(&row->good) || d->good == NULL) {
        return cm_fail(err, CM_EBUSY, NOT_KNOWN);
    }
    if (cm_sha256_equal(&row->bad, &row->good)) {
        return cm_fail(err, CM_EBUSY,
                       "it came up here before, so the release is not what is wrong: see to the "
                       "cluster");
    }
    return hub_rollback_check_ban(f, d, err);
}

// ---- Once for a release

static enum cm_rc check_once(const struct hub_fleet *f, const struct hub_decided *d,
                             const struct hub_hold *hold, struct cm_err *err) {
    return hub_fleet_was_held(f, hold, d->row.cluster)
               ? cm_fail(err, CM_EBUSY,
                         "that was done once for this release on this cluster: commit another "
                         "one")
               : CM_OK;
}

enum cm_rc hub_rollback_fits(const struct hub_fleet *f, const struct hub_decided *d,
                             const struct hub_hold *hold, struct cm_err *err) {
    if (!hub_hold_changes(hold, d->row.key)) {
        return cm_fail(err, CM_EBUSY,
                       "its pods are as they were when it came up, so the release is not what is "
                       "wrong: see to the cluster");
    }
    return check_once(f, d, hold, err);
}

enum cm_rc hub_rollback_joins(const struct hub_fleet *f, const struct hub_decided *d,
                              const struct hub_hold *hold, struct cm_err *err) {
    enum cm_rc rc = hub_rollback_check_ban(f, d, err);

    return rc < 0 ? rc : check_once(f, d, hold, err);
}

// ---- When it came up after all

struct ending {
    const struct hub_decision_row *row;
    struct cm_arena *arena;
    const char **events;
    size_t count;
};

static void note_waiting(void *ctx, const struct hub_hold *hold) {
    struct ending *e = ctx;

    // What goes back with another App came up, maybe: that is not why it goes back.
    if (strcmp(hold->cause.object, e->row->key) == 0 && !hub_hold_joins(hold)) {
        e->events = cm_resize(e->events, (e->count + 1) * sizeof(*e->events));
        e->events[e->count++] = cm_arena_strdup(e->arena, hold->event);
    }
}

void hub_rollback_end(struct hub_fleet *f, const struct hub_decision_row *row) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct ending e = {.row = row, .arena = a};

    hub_fleet_each_waiting(f, row->app, row->cluster, note_waiting, &e);
    for (size_t i = 0; i < e.count; i++) {
        hub_fleet_retry(f, e.events[i]);
    }
    free(e.events);
}
