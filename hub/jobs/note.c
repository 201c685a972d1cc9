#include "hub/jobs/note.h"

#include "common/buf.h"
#include "common/clock.h"
#include "hub/fleet/fleet.h"
#include "hub/past/images.h"
#include "hub/render/bundle.h"
#include "hub/store/past.h"
#include "hub/store/status.h"
#include "proto/holdfast.pb-c.h"

// ---- Desired

struct image_note {
    struct hub_db *db;
    int64_t value;
    enum cm_rc rc;
    struct cm_err *err;
};

static void note_image(void *ctx, const char *image) {
    struct image_note *n = ctx;

    n->rc = n->rc < 0 ? n->rc : hub_past_image(n->db, n->value, image, n->err);
}

static enum cm_rc note_images(struct hub_db *db, int64_t value, const struct hub_bundle *bundle,
                              struct cm_err *err) {
    struct image_note n = {db, value, CM_OK, err};

    for (size_t i = 0; n.rc == CM_OK && i < bundle->spec.object_count; i++) {
        const struct hub_object *object = &bundle->spec.objects[i];

        if (object->bytes != NULL && !object->secret) {
            hub_images_each(object->bytes->data, object->bytes->size, note_image, &n);
        }
    }
    return n.rc;
}

static enum cm_rc value_of(struct hub_db *db, const struct hub_pair *pair, int64_t *out,
                           struct cm_err *err) {
    const struct hub_past_bundle b = {.app = pair->app,
                                      .bundle = pair->bundle->sha256,
                                      .revision = pair->revision,
                                      .repo = pair->repo,
                                      .held = pair->held,
                                      .suspended = pair->bundle->spec.suspend};
    bool made = false;
    enum cm_rc rc = hub_past_value(db, &b, out, &made, err);

    return rc < 0 || !made ? rc : note_images(db, *out, pair->bundle, err);
}

static enum cm_rc note_desired(struct hub_db *db, const char *cluster, const char *app,
                               int64_t value, struct cm_err *err) {
    int64_t now_ms = cm_clock_unix_ms();

    return hub_past_note(db,
                         &(struct hub_past_change){.app = app,
                                                   .axis = HUB_PAST_DESIRED,
                                                   .cluster = cluster,
                                                   .value = value,
                                                   .at_ms = now_ms,
                                                   .seen_ms = now_ms},
                         err);
}

enum cm_rc hub_note_published(struct hub_db *db, const char *cluster, const struct hub_pair *pair,
                              struct cm_err *err) {
    int64_t value = 0;
    enum cm_rc rc = value_of(db, pair, &value, err);

    return rc < 0 ? rc : note_desired(db, cluster, pair->app, value, err);
}

enum cm_rc hub_note_withdrawn(struct hub_db *db, const char *cluster, const char *app,
                              struct cm_err *err) {
    return note_desired(db, cluster, app, 0, err);
}

// ---- Actual

static enum hub_verdict verdict_when_applied(const struct hub_status_row *row) {
    switch (row->health) {
    case HOLDFAST__V1__HEALTH__HEALTHY:
        return row->drifted > 0 ? HUB_VERDICT_DRIFTED : HUB_VERDICT_HEALTHY;
    case HOLDFAST__V1__HEALTH__DEGRADED:
        return HUB_VERDICT_DEGRADED;
    default:
        return HUB_VERDICT_PROGRESSING;
    }
}

// verdict_of returns HUB_VERDICT_NONE for what is on its way.
static enum hub_verdict verdict_of(const struct hub_status_row *row) {
    switch (row->applied) {
    case HOLDFAST__V1__APPLIED__APPLIED:
        return verdict_when_applied(row);
    case HOLDFAST__V1__APPLIED__OBSERVED:
        return row->drifted > 0 ? HUB_VERDICT_DRIFTED : verdict_when_applied(row);
    case HOLDFAST__V1__APPLIED__FAILED:
        return HUB_VERDICT_FAILED;
    case HOLDFAST__V1__APPLIED__SUSPENDED:
        return HUB_VERDICT_SUSPENDED;
    default:
        return HUB_VERDICT_NONE;
    }
}

static enum cm_rc note_actual(struct hub_db *db, const struct hub_status_row *row,
                              struct hub_past_change *change, struct cm_err *err) {
    const struct hub_past_bundle b = {
        .app = row->app, .bundle = row->bundle, .revision = row->revision, .repo = ""};
    bool made = false;
    enum cm_rc rc = hub_past_value(db, &b, &change->value, &made, err);

    for (size_t i = 0; rc == CM_OK && made && i < row->image_count; i++) {
        rc = hub_past_image(db, change->value, row->images[i], err);
    }
    change->axis = HUB_PAST_ACTUAL;
    return rc < 0 ? rc : hub_past_note(db, change, err);
}

// is_there tells whether a bundle is what is there: it was applied, or is observed to be, whoever
// applied it. What nobody compares is not known.
static enum cm_rc is_there(struct hub_db *db, const struct hub_status_row *row, bool *out,
                           struct cm_err *err) {
    bool found = row->applied == HOLDFAST__V1__APPLIED__OBSERVED && row->drifted == 0 &&
                 row->objects > 0 && row->health != HOLDFAST__V1__HEALTH__MISSING &&
                 row->health != HOLDFAST__V1__HEALTH__HEALTH_UNKNOWN;

    *out = row->applied == HOLDFAST__V1__APPLIED__APPLIED;
    return found ? hub_status_is_seen(db, row, out, err) : CM_OK;
}

enum cm_rc hub_note_reported(struct hub_db *db, const struct hub_status_row *row, int64_t at_ms,
                             int64_t seen_ms, struct cm_err *err) {
    struct hub_past_change change = {
        .app = row->app, .cluster = row->cluster, .at_ms = at_ms, .seen_ms = seen_ms};
    enum hub_verdict verdict = verdict_of(row);
    bool there = false;
    enum cm_rc rc = is_there(db, row, &there, err);

    rc = rc < 0 || !there ? rc : note_actual(db, row, &change, err);
    if (rc < 0 || verdict == HUB_VERDICT_NONE) {
        return rc;
    }
    change.axis = HUB_PAST_VERDICT;
    change.value = verdict;
    return hub_past_note(db, &change, err);
}

struct status_note {
    struct hub_db *db;
    int64_t now_ms;
    enum cm_rc rc;
    struct cm_err *err;
};

static void note_status(void *ctx, const struct hub_status_row *row) {
    struct status_note *n = ctx;

    n->rc = n->rc < 0 ? n->rc : hub_note_reported(n->db, row, n->now_ms, n->now_ms, n->err);
}

enum cm_rc hub_note_statuses(struct hub_db *db, struct cm_err *err) {
    struct status_note n = {db, cm_clock_unix_ms(), CM_OK, err};
    enum cm_rc rc = hub_status_each(db, note_status, &n, err);

    return rc < 0 ? rc : n.rc;
}

enum cm_rc hub_note_removed(struct hub_db *db, const char *cluster, const char *app, int64_t at_ms,
                            int64_t seen_ms, struct cm_err *err) {
    struct hub_past_change change = {.app = app,
                                     .axis = HUB_PAST_ACTUAL,
                                     .cluster = cluster,
                                     .at_ms = at_ms,
                                     .seen_ms = seen_ms};
    enum cm_rc rc = hub_past_note(db, &change, err);

    change.axis = HUB_PAST_VERDICT;
    rc = rc < 0 ? rc : hub_past_note(db, &change, err);
    change.axis = HUB_PAST_IMAGES;
    rc = rc < 0 ? rc : hub_past_note(db, &change, err);
    change.axis = HUB_PAST_DIGESTS;
    return rc < 0 ? rc : hub_past_note(db, &change, err);
}

enum cm_rc hub_note_seen(struct hub_db *db, const char *cluster, bool connected, int64_t at_ms,
                         struct cm_err *err) {
    return hub_past_note(db,
                         &(struct hub_past_change){.app = "",
                                                   .axis = HUB_PAST_SEEN,
                                                   .cluster = cluster,
                                                   .value = connected ? 1 : 0,
                                                   .at_ms = at_ms,
                                                   .seen_ms = cm_clock_unix_ms()},
                         err);
}
