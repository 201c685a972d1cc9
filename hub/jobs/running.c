#include "hub/jobs/running.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/field.h"
#include "common/str.h"
#include "hub/past/images.h"
#include "hub/render/bundle.h"
#include "hub/store/db.h"
#include "hub/store/decisions.h"
#include "hub/store/desired.h"
#include "hub/store/past.h"
#include "hub/store/status.h"
#include "hub/store/unwritten.h"
#include "proto/holdfast.pb-c.h"

#define IMAGE ".image"
#define CONTAINERS "ontainers" // and initContainers

// A field of an object that is another one.
struct field {
    const char *path;
    const char *actual; // JSON, perhaps cut; "": it is missing
    struct field *next;
};

// A release of a workload that its controller rejected, and the form that it went back to.
struct rejection {
    struct cm_sha256 bad;
    struct cm_sha256 good;
    const char *object; // of `good`, if it is at hand
    size_t size;
};

struct looking {
    struct hub_db *db;
    struct cm_arena *arena;
    const struct hub_running *of;
    struct hub_status_before status;
    struct cm_map *fields;     // by key of the object
    struct cm_map *rejections; // likewise
    struct cm_map *images;     // that run
    struct hub_bundle *bundle; // what was compared with; NULL: not needed yet, or not kept
    bool any;                  // the object that is looked at has an image
    bool partial;              // there may be more
    bool other;                // it is known to be another thing than was applied
    enum cm_rc rc;
    struct cm_err *err;
};

static void add_image(void *ctx, const char *image) {
    struct looking *l = ctx;

    l->any = true;
    if (cm_map_len(l->images) == HUB_PAST_IMAGES_MAX || strlen(image) > HUB_PAST_IMAGE_MAX) {
        l->partial = true;
        return;
    }
    cm_map_put(l->images, image, l);
}

// ---- What is on record

// is_container tells whether a path is one of a container, or of all of them.
static bool is_container(const char *path) {
    const char *list = strstr(path, CONTAINERS);
    const char *rest = list == NULL ? NULL : list + strlen(CONTAINERS);

    return rest != NULL && (*rest == '\0' || (*rest == '[' && strchr(rest, '.') == NULL));
}

static bool ends_with(const char *text, const char *end) {
    size_t size = strlen(text);

    return size >= strlen(end) && strcmp(text + size - strlen(end), end) == 0;
}

static void take_field(void *ctx, const struct hub_unwritten_field *f) {
    struct looking *l = ctx;

    if (!ends_with(f->path, IMAGE) && !is_container(f->path)) {
        return;
    }
    struct field *field = cm_arena_get(l->arena, sizeof(*field));
    *field = (struct field){.path = cm_arena_strdup(l->arena, f->path),
                            .actual = cm_arena_strdup(l->arena, f->actual),
                            .next = cm_map_get(l->fields, f->key)};
    cm_map_put(l->fields, f->key, field);
}

static void take_rejection(void *ctx, const struct hub_decision_row *row) {
    struct looking *l = ctx;
    struct rejection *r = cm_arena_get(l->arena, sizeof(*r));

    *r = (struct rejection){.bad = row->bad, .good = row->good, .size = row->good_object_size};
    if (r->size > 0) {
        r->object = cm_arena_strndup(l->arena, row->good_object, r->size);
    }
    cm_map_put(l->rejections, row->key, r);
}

// ---- One object

// find_form: what is not kept is a Secret, or holds one.
static enum cm_rc find_form(struct looking *l, const struct cm_sha256 *name, struct cm_buf **out) {
    enum cm_rc rc = hub_desired_find_blob(l->db, name, out, l->err);

    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static void add_good(struct looking *l, const struct rejection *r) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *form = NULL;

    l->other = true;
    if (r->object != NULL) {
        hub_images_each(r->object, r->size, add_image, l);
        return;
    }
    l->rc = find_form(l, &r->good, &form);
    if (form == NULL) {
        l->partial = true;
    } else {
        hub_images_each(form->data, form->size, add_image, l);
    }
}

// set_fields tells whether all of them could be set.
static bool set_fields(struct cm_arena *a, struct cm_json *object, const struct field *field) {
    for (; field != NULL; field = field->next) {
        struct cm_json *value = NULL;
        struct cm_path path;
        struct cm_err ignored;

        if ((field->actual[0] != '\0' &&
             cm_json_parse(a, field->actual, strlen(field->actual), NULL, &value, &ignored) < 0) ||
            !cm_field_parse(a, field->path, &path) || !cm_field_set(a, object, &path, value)) {
            return false;
        }
    }
    return true;
}

// add_changed: an agent that does not tell all that is there tells fields of it.
static void add_changed(struct looking *l, const struct field *fields, const struct cm_buf *form) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_json *object = NULL;
    struct cm_err ignored;

    if (cm_json_parse(l->arena, (const char *)form->data, form->size, NULL, &object, &ignored) <
            0 ||
        !set_fields(l->arena, object, fields)) {
        l->partial = true;
        return;
    }
    cm_json_write_canonical(object, &text);
    hub_images_each(text.data, text.len, add_image, l);
}

// desired_of finds what an object that nobody applied was compared with.
static const struct cm_sha256 *desired_of(struct looking *l, const char *key) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;

    if (l->bundle == NULL) {
        l->rc = find_form(l, &l->status.bundle, &bytes);
        l->rc = l->rc < 0 || bytes == NULL
                    ? l->rc
                    : hub_bundle_decode(bytes, NULL, NULL, &l->bundle, l->err);
    }
    for (size_t i = 0; l->bundle != NULL && i < l->bundle->spec.object_count; i++) {
        if (strcmp(l->bundle->spec.objects[i].key, key) == 0) {
            return &l->bundle->spec.objects[i].sha256;
        }
    }
    return NULL;
}

static void add_form(struct looking *l, const struct hub_unwritten_object *o) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *form = NULL;
    const struct cm_sha256 *name = o->applied ? &o->sha256
                                   : o->found ? desired_of(l, o->key)
                                              : NULL;
    const struct field *fields = cm_map_get(l->fields, o->key);

    l->rc = l->rc < 0 || name == NULL ? l->rc : find_form(l, name, &form);
    if (l->rc < 0 || form == NULL) {
        return;
    }
    l->any = false;
    if (fields == NULL) {
        hub_images_each(form->data, form->size, add_image, l);
    } else {
        add_changed(l, fields, form);
    }
    l->partial = l->partial || (o->more && l->any);
}

static void look_at(void *ctx, const struct hub_unwritten_object *o) {
    struct looking *l = ctx;
    const struct rejection *r = cm_map_get(l->rejections, o->key);

    if (l->rc < 0 || o->missing) {
        return;
    }
    if (r != NULL && o->applied && cm_sha256_equal(&r->bad, &o->sha256)) {
        add_good(l, r);
    } else if (o->actual_size > 0) {
        hub_images_each(o->actual, o->actual_size, add_image, l);
    } else {
        add_form(l, o);
    }
}

// ---- All of an App

// is_settled: what is on its way is neither this nor that.
static bool is_settled(const struct hub_status_before *status) {
    return status->applied == HOLDFAST__V1__APPLIED__APPLIED ||
           status->applied == HOLDFAST__V1__APPLIED__FAILED ||
           status->applied == HOLDFAST__V1__APPLIED__SUSPENDED ||
           status->applied == HOLDFAST__V1__APPLIED__OBSERVED;
}

// is_of_no_commit: of what no App in Git names the agent tells the images (hub/jobs/note.c).
static bool is_of_no_commit(const struct hub_status_before *status) {
    return status->applied == HOLDFAST__V1__APPLIED__OBSERVED && status->revision[0] == '\0';
}

static enum cm_rc look(struct looking *l) {
    const struct hub_running *of = l->of;
    enum cm_rc rc = hub_unwritten_drift(l->db, of->cluster, of->app, take_field, l, l->err);

    rc = rc < 0
             ? rc
             : hub_decisions_each_rejected(l->db, of->cluster, of->app, take_rejection, l, l->err);
    rc = rc < 0 ? rc : hub_unwritten_objects(l->db, of->cluster, of->app, look_at, l, l->err);
    return rc < 0 ? rc : l->rc;
}

// value_of gives 0 where the bundle says it: it has these images, and nothing is known to differ.
static enum cm_rc value_of(struct looking *l, int64_t *out) {
    CM_AUTOFREE const char **images = cm_map_keys(l->images);
    const struct hub_past_set set = {
        .app = l->of->app, .images = images, .count = cm_map_len(l->images), .partial = l->partial};
    bool same = false;
    enum cm_rc rc = CM_OK;

    if (!l->partial && !l->other && l->status.drifted == 0) {
        rc = hub_past_images_are(l->db, l->of->cluster, &set, &same, l->err);
    }
    *out = 0;
    return rc < 0 || same ? rc : hub_past_images(l->db, &set, out, l->err);
}

// note: what is on record came after what was noted, though a clock there, or one here, says
// otherwise. As what is older it would change nothing.
static enum cm_rc note(struct looking *l) {
    int64_t next_ms = 0;
    struct hub_past_change change = {.app = l->of->app,
                                     .axis = HUB_PAST_IMAGES,
                                     .cluster = l->of->cluster,
                                     .at_ms = l->of->at_ms,
                                     .seen_ms = l->of->seen_ms};
    enum cm_rc rc = look(l);

    rc = rc < 0 ? rc : value_of(l, &change.value);
    rc = rc < 0 ? rc : hub_past_images_next(l->db, change.cluster, change.app, &next_ms, l->err);
    change.at_ms = change.at_ms > next_ms ? change.at_ms : next_ms;
    return rc < 0 ? rc : hub_past_note(l->db, &change, l->err);
}

enum cm_rc hub_running_note(struct hub_db *db, const struct hub_running *of, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct looking l = {.db = db, .arena = a, .of = of, .err = err};
    enum cm_rc rc = hub_status_find(db, of->cluster, of->app, &l.status, err);

    if (rc < 0 || !l.status.known || !is_settled(&l.status) || is_of_no_commit(&l.status)) {
        return rc;
    }
    l.fields = cm_map_new(NULL);
    l.rejections = cm_map_new(NULL);
    l.images = cm_map_new(NULL);
    rc = note(&l);
    hub_bundle_unref(l.bundle);
    cm_map_free(l.fields);
    cm_map_free(l.rejections);
    cm_map_free(l.images);
    return rc < 0 ? cm_wrap(err, "note what App '%s' runs on '%s'", of->app, of->cluster) : CM_OK;
}

enum cm_rc hub_running_look(struct hub_db *db, const struct hub_running *of, struct cm_err *err) {
    bool due = false;
    enum cm_rc rc = hub_past_images_due(db, of->cluster, of->app, &due, err);

    return rc < 0 || !due ? rc : hub_running_note(db, of, err);
}

// ---- At the start

// Clusters and Apps, each ended by NUL.
static void take_new(void *ctx, const char *cluster, const char *app) {
    struct cm_str *names = ctx;

    cm_str_add_n(names, cluster, strlen(cluster) + 1);
    cm_str_add_n(names, app, strlen(app) + 1);
}

static enum cm_rc note_each(struct hub_db *db, const struct cm_str *names, int64_t now_ms,
                            struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    for (size_t at = 0; rc == CM_OK && at < names->len;) {
        const char *cluster = names->data + at;
        const char *app = cluster + strlen(cluster) + 1;

        rc = hub_running_note(db, &(struct hub_running){cluster, app, now_ms, now_ms}, err);
        at += strlen(cluster) + 1 + strlen(app) + 1;
    }
    return rc;
}

enum cm_rc hub_running_begin(struct hub_db *db, int64_t now_ms, struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str names = {0};
    enum cm_rc rc = hub_past_images_each_new(db, take_new, &names, err);

    if (rc < 0 || names.len == 0) {
        return rc;
    }
    rc = hub_db_begin(db, err);
    if (rc < 0) {
        return rc;
    }
    rc = note_each(db, &names, now_ms, err);
    if (rc < 0) {
        hub_db_rollback(db);
        return rc;
    }
    return hub_db_commit(db, err);
}
