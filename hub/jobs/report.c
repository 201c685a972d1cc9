#include "hub/jobs/report.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/list.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/field.h"
#include "common/object/path.h"
#include "common/object/who.h"
#include "common/str.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/digests.h"
#include "hub/jobs/note.h"
#include "hub/jobs/publication.h"
#include "hub/jobs/report_work.h"
#include "hub/jobs/running.h"
#include "hub/jobs/store.h"
#include "hub/store/db.h"
#include "hub/store/events.h"
#include "hub/store/past.h"
#include "hub/store/status.h"
#include "hub/store/unwritten.h"
#include "proto/holdfast.pb-c.h"

// Of one report so many differences, and so many happenings, become events, and of one cluster so
// many are kept.
#define DRIFT_EVENTS_MAX 100
#define DRIFT_ROWS_MAX 10000
#define ACTUAL_BYTES_MAX ((int64_t)16 * 1024 * 1024)

// For how long another value of what other controllers have by right may wait to be written to the
// state repository.
#define WEIGHTS_WAIT_MS ((int64_t)30 * 1000)
#define REPLICAS_WAIT_MS HUB_UNWRITTEN_WAIT_MAX_MS

// What changed so long before it was told is an event with its own time.
#define LATE_MS 10000

struct report_job {
    struct hub_store_job job;
    struct report_work work;
    struct hub_report_done done;
};

static enum cm_rc add_event(struct report_work *r, struct hub_db *db, const char *kind,
                            const Holdfast__V1__AppReport *app, const char *message,
                            struct cm_err *err) {
    return hub_events_add(db,
                          &(struct hub_event){.at_ms = r->now_ms,
                                              .happened_ms = r->happened_ms,
                                              .kind = kind,
                                              .cluster = r->cluster,
                                              .app = app->app,
                                              .revision = app->revision,
                                              .actor = "agent",
                                              .message = message},
                          err);
}

static const char *applied_message(const struct report_work *r,
                                   const Holdfast__V1__AppReport *app) {
    return app->message[0] != '\0' ? app->message
           : app->objects == 1     ? "1 object is applied"
                               : cm_arena_strf(r->arena, "%u objects are applied", app->objects);
}

static const char *health_message(const Holdfast__V1__AppReport *app) {
    return app->health_message[0] != '\0' ? app->health_message : "all objects are healthy";
}

// What happened to applying, if it is worth an event.
static const char *applied_kind(const struct hub_status_before *before,
                                const Holdfast__V1__AppReport *app) {
    bool same_bundle =
        app->bundle_sha256.len == sizeof(before->bundle.bytes) &&
        memcmp(app->bundle_sha256.data, before->bundle.bytes, sizeof(before->bundle.bytes)) == 0;

    if (app->applied == HOLDFAST__V1__APPLIED__FAILED &&
        (before->applied != HOLDFAST__V1__APPLIED__FAILED || !same_bundle)) {
        return "app.failed";
    }
    if (app->applied != HOLDFAST__V1__APPLIED__APPLIED) {
        return NULL;
    }
    if (before->applied == HOLDFAST__V1__APPLIED__FAILED && same_bundle) {
        return "app.recovered";
    }
    return before->applied == HOLDFAST__V1__APPLIED__APPLIED && same_bundle ? NULL : "app.applied";
}

// is_owed tells whether an App is healthy, and is still being applied: only once it is applied is
// that told, as one follows from the other.
static bool is_owed(const struct hub_status_before *before, const Holdfast__V1__AppReport *app) {
    return app->health == HOLDFAST__V1__HEALTH__HEALTHY &&
           app->applied == HOLDFAST__V1__APPLIED__APPLYING && !before->ill &&
           (before->owed || before->health != HOLDFAST__V1__HEALTH__HEALTHY);
}

static const char *health_kind(const struct hub_status_before *before,
                               const Holdfast__V1__AppReport *app) {
    if ((app->health == (Holdfast__V1__Health)before->health && !before->owed) ||
        is_owed(before, app)) {
        return NULL;
    }
    switch (app->health) {
    case HOLDFAST__V1__HEALTH__DEGRADED:
        return "app.degraded";
    case HOLDFAST__V1__HEALTH__HEALTHY:
        return before->ill ? "app.recovered" : "app.healthy";
    default:
        return NULL;
    }
}

static enum cm_rc add_app_events(struct report_work *r, struct hub_db *db,
                                 const struct hub_status_before *before,
                                 const Holdfast__V1__AppReport *app, struct cm_err *err) {
    const char *applied = applied_kind(before, app);
    const char *health = health_kind(before, app);
    enum cm_rc rc = CM_OK;

    if (applied != NULL) {
        rc = add_event(r, db, applied, app, applied_message(r, app), err);
    }
    if (rc == CM_OK && health != NULL) {
        rc = add_event(r, db, health, app, health_message(app), err);
        r->result.degraded += app->health == HOLDFAST__V1__HEALTH__DEGRADED ? 1 : 0;
        r->result.recovered += strcmp(health, "app.recovered") == 0 ? 1 : 0;
    }
    return rc;
}

static void set_hash(struct cm_sha256 *out, const ProtobufCBinaryData *field) {
    if (field->len == sizeof(out->bytes)) {
        memcpy(out->bytes, field->data, field->len);
    }
}

static int64_t at_of(const struct report_work *r) {
    return r->happened_ms > 0 ? r->happened_ms : r->now_ms;
}

static enum cm_rc put_app(struct report_work *r, struct hub_db *db,
                          const Holdfast__V1__AppReport *app, struct cm_err *err) {
    struct hub_status_before before;
    struct hub_status_row row = {
        .cluster = r->cluster,
        .app = app->app,
        .revision = app->revision,
        .applied = (int)app->applied,
        .message = app->message,
        .health = (int)app->health,
        .health_message = app->health_message,
        .objects = app->objects,
        .drifted = app->drifted,
        .images = (const char *const *)app->images,
        .image_count = app->n_images,
        .at_ms = app->at_ms,
    };
    enum cm_rc rc = hub_status_find(db, r->cluster, app->app, &before, err);

    set_hash(&row.bundle, &app->bundle_sha256);
    if (app->unseen && before.drifted > app->drifted) {
        row.drifted = before.drifted;
    }
    row.owed = is_owed(&before, app);
    row.ill = app->health == HOLDFAST__V1__HEALTH__DEGRADED ||
              (before.ill && app->health != HOLDFAST__V1__HEALTH__HEALTHY);
    rc = rc < 0 ? rc : add_app_events(r, db, &before, app, err);
    rc = rc < 0 ? rc : hub_note_reported(db, &row, at_of(r), r->now_ms, err);
    return rc < 0 ? rc : hub_status_put(db, &row, err);
}

static int order_gone(const void *app, const void *gone) {
    return strcmp(app, ((const struct hub_gone *)gone)->app);
}

static bool has_tombstone(const struct report_work *r, const char *app) {
    if (r->in_force == NULL) {
        return true;
    }
    const struct hub_desired *d = r->in_force->desired;
    return d->gone_count > 0 &&
           bsearch(app, d->gone, d->gone_count, sizeof(*d->gone), order_gone) != NULL;
}

static enum cm_rc remove_app(struct report_work *r, struct hub_db *db,
                             const Holdfast__V1__AppReport *app, struct cm_err *err) {
    bool awaited = has_tombstone(r, app->app);
    bool had;
    enum cm_rc rc = hub_status_remove(db, r->cluster, app->app, &had, err);

    rc = rc < 0 ? rc : hub_note_removed(db, r->cluster, app->app, at_of(r), r->now_ms, err);
    if (awaited) {
        r->removed[r->result.removed_count++] = app->app;
    }
    const char *message = app->message[0] != '\0' ? app->message : "it is gone from this cluster";
    const char *kind = app->claimed_by[0] != '\0' ? "app.claimed" : "app.removed";
    return rc < 0 || !(had || awaited) ? rc : add_event(r, db, kind, app, message, err);
}

static enum cm_rc add_drift_event(struct report_work *r, struct hub_db *db,
                                  const struct hub_drift_row *row, struct cm_err *err) {
    const char *actual = row->actual[0] != '\0' ? row->actual : "nothing";

    if (++r->drift_events > r->drift_events_max) {
        return CM_OK;
    }
    // Where Git says nothing somebody has added it.
    const char *message =
        row->desired[0] == '\0'
            ? cm_arena_strf(r->arena, "%s: added %s", row->path, actual)
            : cm_arena_strf(r->arena, "%s: %s -> %s", row->path, row->desired, actual);

    return hub_events_add(
        db,
        &(struct hub_event){.at_ms = r->now_ms,
                            .happened_ms = r->happened_ms,
                            .kind = "drift.found",
                            .cluster = r->cluster,
                            .app = row->app,
                            .key = row->key,
                            .actor = cm_who_actor(r->arena, row->manager, row->user),
                            .message = message},
        err);
}

static const char *class_of(const Holdfast__V1__FieldDrift *field) {
    switch ((int)field->difference) {
    case HOLDFAST__V1__DIFFERENCE__BY_RIGHT:
        return "right";
    case HOLDFAST__V1__DIFFERENCE__NOISE:
        return "noise";
    case HOLDFAST__V1__DIFFERENCE__IGNORED:
        return "ignored";
    default:
        return "foreign";
    }
}

// capture_of says what a rule says of writing it into Git: 1, -1; 0: none is about it.
static int capture_of(const Holdfast__V1__FieldDrift *field) {
    if (field->capture) {
        return 1;
    }
    return field->ruled ? -1 : 0;
}

static bool is_drift(const Holdfast__V1__FieldDrift *field) {
    return field->difference == HOLDFAST__V1__DIFFERENCE__FOREIGN;
}

// waits_of tells for how long another value of a field may wait to be written to the state
// repository: what another controller has by right and changes step by step. What selects pods is
// no such step.
static int64_t waits_of(const Holdfast__V1__ObjectReport *object,
                        const Holdfast__V1__FieldDrift *field) {
    if (field->difference != HOLDFAST__V1__DIFFERENCE__BY_RIGHT ||
        strncmp(object->key, "Service/", 8) == 0) {
        return 0;
    }
    return strcmp(field->path, "spec.replicas") == 0 ? REPLICAS_WAIT_MS : WEIGHTS_WAIT_MS;
}

// forget_drift removes what is on record of the object and not among its first fields.
static enum cm_rc forget_drift(const struct report_work *r, struct hub_db *db,
                               const Holdfast__V1__ObjectReport *object, size_t count,
                               struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_json *paths = cm_json_new(r->arena, CM_ARRAY);

    for (size_t i = 0; i < count; i++) {
        cm_json_append(paths, cm_json_new_string(r->arena, object->drift[i]->path));
    }
    cm_json_write_compact(paths, &text);
    return hub_drift_keep(db, r->cluster, object->app, object->key, cm_str_get(&text), err);
}

// put_drift tells whether there was room for all.
static enum cm_rc put_drift(struct report_work *r, struct hub_db *db,
                            const Holdfast__V1__ObjectReport *object,
                            const struct hub_drift_had *had, bool *out_all, struct cm_err *err) {
    size_t room = r->drift_room + had->rows;
    size_t count = object->n_drift < room ? object->n_drift : room;
    enum cm_rc rc = had->rows == 0 ? CM_OK : forget_drift(r, db, object, count, err);

    r->drift_room = room - count;
    *out_all = count == object->n_drift;
    for (size_t i = 0; rc == CM_OK && i < count; i++) {
        const Holdfast__V1__FieldDrift *field = object->drift[i];
        struct hub_drift_row row = {
            .cluster = r->cluster,
            .app = object->app,
            .key = object->key,
            .path = field->path,
            .desired = field->desired,
            .actual = field->actual,
            .manager = field->manager,
            .user = field->user,
            .operation = field->operation,
            .class = class_of(field),
            .capture = capture_of(field),
            .waits_ms = waits_of(object, field),
            .at_ms = field->at_ms,
        };
        rc = hub_drift_put(db, &row, err);
    }
    return rc;
}

// Each difference that was not on record is an event.
static enum cm_rc tell_new_drift(struct report_work *r, struct hub_db *db,
                                 const Holdfast__V1__ObjectReport *object, struct cm_err *err) {
    for (size_t i = 0; i < object->n_drift; i++) {
        const Holdfast__V1__FieldDrift *field = object->drift[i];
        struct hub_drift_row row = {
            .cluster = r->cluster,
            .app = object->app,
            .key = object->key,
            .path = field->path,
            .desired = field->desired,
            .actual = field->actual,
            .manager = field->manager,
            .user = field->user,
        };
        bool known = false;
        enum cm_rc rc = hub_drift_known(db, &row, &known, err);

        rc = rc < 0 || known || !is_drift(field) ? rc : add_drift_event(r, db, &row, err);
        if (rc < 0) {
            return rc;
        }
    }
    return CM_OK;
}

// ---- Drift that ended

#define NAMES_MAX 3 // fields that an event names

// Fields on record that a report does not name any more.
struct cleared {
    const Holdfast__V1__ObjectReport *object;
    struct cm_str names;
    size_t count;
};

static void note_cleared(void *ctx, const char *path) {
    struct cleared *c = ctx;

    for (size_t i = 0; i < c->object->n_drift; i++) {
        if (is_drift(c->object->drift[i]) && strcmp(c->object->drift[i]->path, path) == 0) {
            return;
        }
    }
    if (c->count++ < NAMES_MAX) {
        cm_str_addf(&c->names, "%s%s", c->count == 1 ? "" : ", ", path);
    }
}

static const char *end_of(const Holdfast__V1__ObjectReport *object) {
    if (object->removed) {
        return "the App no longer has this object";
    }
    bool goes_on = object->n_drift > 0 && is_drift(object->drift[0]); // it comes first

    switch (goes_on ? HOLDFAST__V1__DRIFT_END__DRIFT_END_UNKNOWN : object->drift_end) {
    case HOLDFAST__V1__DRIFT_END__DRIFT_END_CORRECTED:
        return "the agent put it right";
    case HOLDFAST__V1__DRIFT_END__DRIFT_END_PUT_BACK:
        return "somebody put it back";
    default:
        return "it no longer differs";
    }
}

static enum cm_rc add_cleared_event(struct report_work *r, struct hub_db *db,
                                    const struct cleared *c, struct cm_err *err) {
    size_t more = c->count < NAMES_MAX ? 0 : c->count - NAMES_MAX;
    const char *names = cm_str_get(&c->names);
    const char *end = end_of(c->object);
    const char *message = more == 0
                              ? cm_arena_strf(r->arena, "%s: %s", names, end)
                              : cm_arena_strf(r->arena, "%s (and %zu more): %s", names, more, end);

    return hub_events_add(db,
                          &(struct hub_event){.at_ms = r->now_ms,
                                              .happened_ms = r->happened_ms,
                                              .kind = "drift.cleared",
                                              .cluster = r->cluster,
                                              .app = c->object->app,
                                              .key = c->object->key,
                                              .actor = "agent",
                                              .message = message},
                          err);
}

// tell_cleared says in *had what is on record of the object.
static enum cm_rc tell_cleared(struct report_work *r, struct hub_db *db,
                               const Holdfast__V1__ObjectReport *object, struct hub_drift_had *had,
                               struct cm_err *err) {
    struct cleared c = {.object = object};
    enum cm_rc rc = hub_drift_paths(db, r->cluster, object->key, note_cleared, &c, had, err);

    rc = rc < 0 || c.count == 0 ? rc : add_cleared_event(r, db, &c, err);
    cm_str_done(&c.names);
    return rc;
}

// who_of names who set the first of what differs.
static const char *who_of(const struct report_work *r, const Holdfast__V1__ObjectReport *object) {
    const Holdfast__V1__FieldDrift *first = object->n_drift == 0 ? NULL : object->drift[0];

    return first == NULL ? "" : cm_who_actor(r->arena, first->manager, first->user);
}

// tell_fight tells that the agent leaves an object alone, unless that is on record.
static enum cm_rc tell_fight(struct report_work *r, struct hub_db *db,
                             const Holdfast__V1__ObjectReport *object, struct cm_err *err) {
    uint32_t before = 0;

    if (object->fought == 0) {
        return CM_OK;
    }
    enum cm_rc rc = hub_objects_fought(db, r->cluster, object->key, &before, err);
    if (rc < 0 || before > 0) {
        return rc;
    }
    return hub_events_add(db,
                          &(struct hub_event){.at_ms = r->now_ms,
                                              .happened_ms = r->happened_ms,
                                              .kind = "drift.fight",
                                              .cluster = r->cluster,
                                              .app = object->app,
                                              .key = object->key,
                                              .actor = who_of(r, object),
                                              .message = object->message},
                          err);
}

static const char *happened_kind(const Holdfast__V1__Happened *h) {
    switch ((int)h->what) {
    case HOLDFAST__V1__WHAT__ADOPTED:
        return "object.adopted";
    case HOLDFAST__V1__WHAT__RECREATED:
        return "object.recreated";
    case HOLDFAST__V1__WHAT__TAKEN:
        return "field.taken";
    default:
        return NULL; // of a newer agent
    }
}

static enum cm_rc add_happened_event(struct report_work *r, struct hub_db *db,
                                     const Holdfast__V1__ObjectReport *object,
                                     const Holdfast__V1__Happened *h, struct cm_err *err) {
    const char *kind = happened_kind(h);

    if (kind == NULL || ++r->besides > r->drift_events_max) {
        return CM_OK;
    }
    return hub_events_add(db,
                          &(struct hub_event){.at_ms = r->now_ms,
                                              .happened_ms = r->happened_ms,
                                              .kind = kind,
                                              .cluster = r->cluster,
                                              .app = object->app,
                                              .key = object->key,
                                              .actor = h->who[0] != '\0' ? h->who : "agent",
                                              .message = h->message},
                          err);
}

// tell_happened tells what an apply did besides, unless it is on record. *out is when the last of
// it happened.
static enum cm_rc tell_happened(struct report_work *r, struct hub_db *db,
                                const Holdfast__V1__ObjectReport *object, int64_t *out,
                                struct cm_err *err) {
    int64_t before = 0;
    enum cm_rc rc = object->n_happened == 0
                        ? CM_OK
                        : hub_objects_happened(db, r->cluster, object->key, &before, err);

    for (size_t i = 0; rc == CM_OK && i < object->n_happened; i++) {
        const Holdfast__V1__Happened *h = object->happened[i];

        rc = h->at_ms <= before ? CM_OK : add_happened_event(r, db, object, h, err);
        *out = h->at_ms > *out ? h->at_ms : *out;
    }
    return rc;
}

// ---- What is there

// is_hashed tells whether no value below a node is in the clear.
static bool is_hashed(const struct cm_json *node) {
    if (node->type != CM_ARRAY && node->type != CM_OBJECT) {
        return node->text == NULL || strncmp(node->text, "hmac:", 5) == 0;
    }
    for (const struct cm_json *n = node->first; n != NULL; n = n->next) {
        if (!is_hashed(n)) {
            return false;
        }
    }
    return true;
}

static bool tells_secret(const char *key, const struct cm_json *tree) {
    const struct cm_json *data = cm_json_get(tree, "data");
    const struct cm_json *texts = cm_json_get(tree, "stringData");

    return strncmp(key, "Secret/", 7) == 0 &&
           ((data != NULL && !is_hashed(data)) || (texts != NULL && !is_hashed(texts)));
}

// What is there of an object, in canonical form; empty: it is not told, or there is no room.
struct whole {
    struct cm_str text;
    struct cm_sha256 firm; // of that without the values that wait
    bool waits;            // there are some
};

static void whole_done(struct whole *w) {
    cm_str_done(&w->text);
}

// blank_waiting takes the values that wait out of what is there, and tells whether there were any,
// and all could be.
static bool blank_waiting(const struct report_work *r, const Holdfast__V1__ObjectReport *object,
                          struct cm_json *tree) {
    bool waits = false;

    for (size_t i = 0; i < object->n_drift; i++) {
        const Holdfast__V1__FieldDrift *field = object->drift[i];
        struct cm_path path;

        if (waits_of(object, field) == 0) {
            continue;
        }
        if (!cm_field_parse(r->arena, field->path, &path) ||
            !cm_field_set(r->arena, tree, &path, cm_json_new(r->arena, CM_NULL))) {
            return false;
        }
        waits = true;
    }
    return waits;
}

// write_whole writes what an agent calls that; nothing if it is something else.
static void write_whole(const struct report_work *r, const Holdfast__V1__ObjectReport *object,
                        struct whole *out) {
    CM_CLEANUP(cm_str_done) struct cm_str firm = {0};
    struct cm_json *tree = NULL;
    struct cm_err err;

    if (cm_json_parse(r->arena, (const char *)object->actual.data, object->actual.len, NULL, &tree,
                      &err) < 0 ||
        tree->type != CM_OBJECT || tells_secret(object->key, tree)) {
        return;
    }
    cm_json_write_canonical(tree, &out->text);
    out->waits = blank_waiting(r, object, tree);
    if (out->waits) {
        cm_json_write_canonical(tree, &firm);
        out->firm = cm_sha256(firm.data, firm.len);
    }
}

// take_actual fills in all that is there of an object, if it is told and there is room for it.
static enum cm_rc take_actual(const struct report_work *r, struct hub_db *db,
                              const Holdfast__V1__ObjectReport *object, struct whole *whole,
                              struct hub_object_row *row, struct cm_err *err) {
    int64_t kept = 0;

    if (object->actual.len == 0) {
        return CM_OK;
    }
    enum cm_rc rc = hub_objects_actual_bytes(db, r->cluster, object->key, &kept, err);
    if (rc == CM_OK && kept + (int64_t)object->actual.len <= ACTUAL_BYTES_MAX) {
        write_whole(r, object, whole);
    }
    row->actual = cm_str_get(&whole->text);
    row->actual_size = whole->text.len;
    row->firm = whole->firm.bytes;
    row->firm_size = whole->waits ? sizeof(whole->firm.bytes) : 0;
    row->drift_more = row->drift_more || whole->text.len == 0;
    return rc;
}

// wait_for_more: values that may wait were there before, and perhaps are other ones now. That they
// came, or went, is written at once.
static enum cm_rc wait_for_more(const struct report_work *r, struct hub_db *db,
                                const Holdfast__V1__ObjectReport *object,
                                const struct hub_drift_had *had, struct cm_err *err) {
    return had->waits_ms == 0
               ? CM_OK
               : hub_unwritten_wait(db, r->cluster, object->app, r->now_ms + had->waits_ms, err);
}

// is_image tells whether a text is "IMAGE@sha256:…", which stands among others on a line.
static bool is_image(const char *text) {
    const char *at = strstr(text, "@sha256:");

    return at != NULL && at != text && at[strlen("@sha256:")] != '\0' &&
           strlen(text) <= HUB_PAST_IMAGE_MAX && strpbrk(text, " \t\r\n") == NULL;
}

// take_digests writes what runs behind tags, a line each.
static void take_digests(const Holdfast__V1__ObjectReport *object, struct cm_str *lines) {
    bool more = object->digests_more;

    for (size_t i = 0; i < object->n_digests; i++) {
        if (is_image(object->digests[i])) {
            cm_str_addf(lines, "%s\n", object->digests[i]);
        } else {
            more = true;
        }
    }
    cm_str_add(lines, more ? "+\n" : "");
}

static enum cm_rc put_seen(struct report_work *r, struct hub_db *db,
                           const Holdfast__V1__ObjectReport *object, struct cm_err *err) {
    struct hub_object_row row = {
        .cluster = r->cluster,
        .app = object->app,
        .key = object->key,
        .sha256 = object->sha256.data,
        .sha256_size = object->sha256.len,
        .health = (int)object->health,
        .message = object->message,
        .drift_more = object->drift_more,
        .fought = object->fought,
        .at_ms = object->at_ms,
    };
    CM_CLEANUP(whole_done) struct whole whole = {0};
    CM_CLEANUP(cm_str_done) struct cm_str digests = {0};
    struct hub_drift_had had;
    bool all = false;
    enum cm_rc rc = tell_cleared(r, db, object, &had, err);

    if (rc < 0 || object->removed) {
        return rc < 0 ? rc : hub_objects_remove(db, r->cluster, object->key, err);
    }
    rc = tell_new_drift(r, db, object, err);
    rc = rc < 0 ? rc : tell_fight(r, db, object, err);
    rc = rc < 0 ? rc : tell_happened(r, db, object, &row.happened_ms, err);
    rc = rc < 0 ? rc : wait_for_more(r, db, object, &had, err);
    rc = rc < 0 ? rc : put_drift(r, db, object, &had, &all, err);
    rc = rc < 0 ? rc : take_actual(r, db, object, &whole, &row, err);
    row.firm_size = all ? row.firm_size : 0; // of what is not on record nobody sees that it waits
    take_digests(object, &digests);
    row.digests = object->digests_known ? cm_str_get(&digests) : NULL;
    return rc < 0 ? rc : hub_objects_put(db, &row, err);
}

// keep_unseen: of what an agent that was started has not seen yet, what is on record of how it
// differs counts.
static enum cm_rc keep_unseen(struct report_work *r, struct hub_db *db,
                              const Holdfast__V1__ObjectReport *object, bool *kept,
                              struct cm_err *err) {
    struct hub_object_row row = {.cluster = r->cluster,
                                 .app = object->app,
                                 .key = object->key,
                                 .health = (int)object->health,
                                 .message = object->message};
    enum cm_rc rc = hub_objects_keep(db, &row, kept, err);

    if (rc < 0 || !*kept || object->n_happened == 0) {
        return rc;
    }
    rc = tell_happened(r, db, object, &row.happened_ms, err);
    return rc < 0 ? rc : hub_objects_keep(db, &row, kept, err);
}

static enum cm_rc put_object(struct report_work *r, struct hub_db *db,
                             const Holdfast__V1__ObjectReport *object, struct cm_err *err) {
    bool kept = false;
    enum cm_rc rc =
        object->unseen && !object->removed ? keep_unseen(r, db, object, &kept, err) : CM_OK;

    return rc < 0 || kept ? rc : put_seen(r, db, object, err);
}

static size_t count_drift(const Holdfast__V1__Report *report) {
    size_t count = 0;

    for (size_t i = 0; i < report->n_objects; i++) {
        count += report->objects[i]->n_drift;
    }
    return count;
}

// tell_more tells how many more there were than what was told.
static enum cm_rc tell_more(struct report_work *r, struct hub_db *db, const char *kind,
                            size_t count, const char *of_what, struct cm_err *err) {
    if (count <= r->drift_events_max) {
        return CM_OK;
    }
    return hub_events_add(
        db,
        &(struct hub_event){.at_ms = r->now_ms,
                            .happened_ms = r->happened_ms,
                            .kind = kind,
                            .cluster = r->cluster,
                            .actor = "agent",
                            .message = cm_arena_strf(r->arena, "%zu more %s at once",
                                                     count - r->drift_events_max, of_what)},
        err);
}

enum cm_rc hub_report_tell_rest(struct report_work *r, struct hub_db *db, struct cm_err *err) {
    enum cm_rc rc = tell_more(r, db, "drift.found", r->drift_events, "differences", err);

    return rc < 0 ? rc
                  : tell_more(r, db, "object.adopted", r->besides,
                              "objects adopted, made anew or with fields taken", err);
}

static enum cm_rc find_room(struct report_work *r, struct hub_db *db, struct cm_err *err) {
    size_t kept = 0;
    enum cm_rc rc = count_drift(r->report) > 0
                        ? hub_drift_count(db, r->cluster, DRIFT_ROWS_MAX, &kept, err)
                        : CM_OK;

    r->drift_room = DRIFT_ROWS_MAX - kept;
    return rc;
}

static int64_t happened(const struct report_work *r, int64_t at_ms) {
    int64_t told_ms = r->report->now_ms;

    if (r->journal_ms > 0) {
        return r->journal_ms;
    }
    return at_ms > 0 && told_ms >= LATE_MS && at_ms <= told_ms - LATE_MS ? at_ms : 0;
}

// ---- What runs

// Apps of a report, each with the moment of the last that it tells.
struct touched {
    struct report_work *work;
    struct hub_db *db;
    struct cm_map *apps;
    enum cm_rc rc;
    struct cm_err *err;
};

static void touch(struct touched *t, const char *app, int64_t at_ms) {
    int64_t *last_ms = cm_map_get(t->apps, app);

    if (last_ms == NULL) {
        last_ms = cm_arena_get(t->work->arena, sizeof(*last_ms));
        *last_ms = at_ms;
        cm_map_put(t->apps, app, last_ms);
    }
    *last_ms = at_ms > *last_ms ? at_ms : *last_ms;
}

static void touch_app(void *ctx, const struct hub_unwritten_app *app) {
    struct touched *t = ctx;

    touch(t, cm_arena_strdup(t->work->arena, app->app), t->work->now_ms);
}

static bool look_at(void *ctx, const char *app, void *at_ms) {
    struct touched *t = ctx;
    const struct hub_running of = {.cluster = t->work->cluster,
                                   .app = app,
                                   .at_ms = *(const int64_t *)at_ms,
                                   .seen_ms = t->work->now_ms};

    t->rc = hub_running_look(t->db, &of, t->err);
    t->rc = t->rc < 0 ? t->rc : hub_digests_note(t->db, &of, t->err);
    return t->rc == CM_OK;
}

// touch_rest: a full report takes away what it did not tell, of any App.
static enum cm_rc touch_rest(struct touched *t) {
    return t->work->report->full_end ? hub_unwritten_apps(t->db, HUB_UNWRITTEN_ACTUAL,
                                                          t->work->cluster, touch_app, t, t->err)
                                     : CM_OK;
}

// is_under_way: of such an App nothing would be noted, and a commit makes many of them.
static bool is_under_way(const Holdfast__V1__AppReport *app) {
    return app->applied == HOLDFAST__V1__APPLIED__APPLYING ||
           app->applied == HOLDFAST__V1__APPLIED__PENDING;
}

static enum cm_rc look_at_running(struct report_work *r, struct hub_db *db, struct cm_err *err) {
    const Holdfast__V1__Report *report = r->report;
    struct touched t = {.work = r, .db = db, .apps = cm_map_new(NULL), .err = err};

    for (size_t i = 0; i < report->n_objects; i++) {
        r->happened_ms = happened(r, report->objects[i]->at_ms);
        touch(&t, report->objects[i]->app, at_of(r));
    }
    for (size_t i = 0; i < report->n_apps; i++) {
        r->happened_ms = happened(r, report->apps[i]->at_ms);
        touch(&t, report->apps[i]->app, at_of(r));
        if (is_under_way(report->apps[i])) {
            (void)cm_map_remove(t.apps, report->apps[i]->app);
        }
    }
    t.rc = touch_rest(&t);
    if (t.rc == CM_OK) {
        cm_map_each(t.apps, look_at, &t);
    }
    cm_map_free(t.apps);
    return t.rc;
}

enum cm_rc hub_report_put(struct report_work *r, struct hub_db *db, struct cm_err *err) {
    const Holdfast__V1__Report *report = r->report;
    enum cm_rc rc = find_room(r, db, err);

    if (rc == CM_OK && report->full) {
        rc = hub_status_full_begin(db, r->cluster, &r->result.marked, err);
    }
    for (size_t i = 0; rc == CM_OK && i < report->n_objects; i++) {
        r->happened_ms = happened(r, report->objects[i]->at_ms);
        rc = put_object(r, db, report->objects[i], err);
    }
    for (size_t i = 0; rc == CM_OK && i < report->n_apps; i++) {
        r->happened_ms = happened(r, report->apps[i]->at_ms);
        rc = report->apps[i]->removed ? remove_app(r, db, report->apps[i], err)
                                      : put_app(r, db, report->apps[i], err);
    }
    rc = rc < 0 || !report->full_end ? rc : hub_status_full_end(db, r->cluster, r->now_ms, err);
    return rc < 0 ? rc : look_at_running(r, db, err);
}

static enum cm_rc run_report(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct report_work *r = &CM_CONTAINER(job, struct report_job, job)->work;
    struct hub_report_mark last;
    enum cm_rc rc = hub_reports_last(db, r->cluster, &last, err);

    if (rc < 0) {
        return rc;
    }
    if (strcmp(last.run, r->report->run) == 0 && r->report->number <= last.number) {
        return CM_OK; // committed before; the acknowledgement was lost
    }
    rc = hub_report_put(r, db, err);
    rc = rc < 0 ? rc : hub_report_tell_rest(r, db, err);
    return rc < 0 ? rc
                  : hub_reports_set(db, r->cluster, r->report->run, r->report->number,
                                    r->report->generation, r->now_ms, err);
}

static void report_done(struct hub_store_job *job, const struct cm_err *err) {
    struct report_job *j = CM_CONTAINER(job, struct report_job, job);

    j->work.result.removed = j->work.removed;
    j->done.done(j->done.ctx, err, &j->work.result);
    hub_publication_unref(j->work.in_force);
    cm_arena_free(j->work.arena);
    free(j);
}

void hub_report_commit(struct hub_store *store, struct hub_publication *in_force,
                       const char *cluster, struct cm_arena *arena,
                       const Holdfast__V1__Report *report, const struct hub_report_done *done) {
    struct report_job *j = cm_new(1, sizeof(*j));

    j->job.run = run_report;
    j->job.done = report_done;
    j->done = *done;
    j->work.arena = arena;
    j->work.report = report;
    j->work.cluster = cm_arena_strdup(arena, cluster);
    j->work.in_force = in_force == NULL ? NULL : hub_publication_ref(in_force);
    j->work.removed = cm_arena_get(arena, (report->n_apps + 1) * sizeof(*j->work.removed));
    j->work.drift_events_max = DRIFT_EVENTS_MAX;
    j->work.now_ms = cm_clock_unix_ms();
    hub_store_submit(store, &j->job);
}
