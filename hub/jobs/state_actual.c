// state_actual.c: the branch `actual`: objects as they were applied, with what differs as reported.
// Where the agent only observes nothing was applied: an object of which it tells no difference is
// as it is desired, of others is told what differs, and no more.
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/field.h"
#include "common/object/who.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/jobs/state_hide.h"
#include "hub/jobs/state_work.h"
#include "hub/render/bundle.h"
#include "hub/store/desired.h"

#define SECRET "Secret/"

struct object {
    const char *key;
    struct cm_sha256 sha256;
    struct field *fields; // that differ
    size_t field_count;
    const char *actual; // all that is there; "" if that is not told, or it is as it was applied
    size_t actual_size;
};

struct field {
    const char *key;
    const char *path;
    const char *actual;
};

// An App on a cluster, as it is reported.
struct report {
    struct hub_state_side *side;
    struct hub_state_app *app;
    struct object *objects; // that are there
    size_t object_count;
    size_t object_room;
    struct field *fields;
    size_t field_count;
    size_t field_room;
    size_t missing;
};

// grown returns room for one more of what there is.
static void *grown(struct cm_arena *a, const void *items, size_t count, size_t *room, size_t size) {
    size_t now = *room == 0 ? 32 : *room * 2;
    void *copy = cm_arena_get(a, now * size);

    if (count > 0) {
        memcpy(copy, items, count * size);
    }
    *room = now;
    return copy;
}

static void note_object(void *ctx, const struct hub_unwritten_object *o) {
    struct report *r = ctx;
    struct cm_arena *a = r->side->arena;

    if (o->more && o->actual_size == 0) {
        r->app->more = r->app->more != NULL ? r->app->more : cm_json_new(a, CM_ARRAY);
        cm_json_append(r->app->more, cm_json_new_string(a, o->key));
    }
    r->missing += o->missing ? 1 : 0;
    if (o->missing || (r->app->observed ? !o->found : !o->applied)) {
        return;
    }
    if (r->object_count == r->object_room) {
        r->objects = grown(a, r->objects, r->object_count, &r->object_room, sizeof(*r->objects));
    }
    struct object *object = &r->objects[r->object_count++];
    *object = (struct object){
        .key = cm_arena_strdup(a, o->key),
        .actual = cm_arena_strndup(a, o->actual_size == 0 ? "" : o->actual, o->actual_size),
        .actual_size = o->actual_size};
    if (!r->app->observed) {
        object->sha256 = o->sha256;
    }
}

static void note_field(void *ctx, const struct hub_unwritten_field *f) {
    struct report *r = ctx;
    struct cm_arena *a = r->side->arena;

    if (r->field_count == r->field_room) {
        r->fields = grown(a, r->fields, r->field_count, &r->field_room, sizeof(*r->fields));
    }
    r->fields[r->field_count++] = (struct field){.key = cm_arena_strdup(a, f->key),
                                                 .path = cm_arena_strdup(a, f->path),
                                                 .actual = cm_arena_strdup(a, f->actual)};
    hub_state_news_add(r->side->news.causes, "drift");
    hub_state_news_add(r->side->news.actors, cm_who_text(a, f->manager, f->user));
}

// Both lists are sorted by key.
static void give_fields(struct report *r) {
    size_t at = 0;

    for (size_t i = 0; i < r->object_count; i++) {
        struct object *o = &r->objects[i];

        while (at < r->field_count && strcmp(r->fields[at].key, o->key) < 0) {
            at++;
        }
        o->fields = &r->fields[at];
        while (at < r->field_count && strcmp(r->fields[at].key, o->key) == 0) {
            at++;
            o->field_count++;
        }
    }
}

// name_added: what others have put beside what Git sets is no drift, and nobody says who did.
static void name_added(const struct report *r) {
    for (size_t i = 0; i < r->object_count; i++) {
        if (r->objects[i].actual_size > 0 && r->objects[i].field_count == 0) {
            hub_state_news_add(r->side->news.causes, "added");
            hub_state_news_add(r->side->news.actors, "unknown");
        }
    }
}

static enum cm_rc read_report(struct report *r, const char *cluster, struct cm_err *err) {
    struct hub_db *db = r->side->pass->db;
    enum cm_rc rc = hub_unwritten_objects(db, cluster, r->app->name, note_object, r, err);

    rc = rc < 0 ? rc : hub_unwritten_drift(db, cluster, r->app->name, note_field, r, err);
    if (rc == CM_OK) {
        give_fields(r);
        name_added(r);
    }
    return rc;
}

// ---- What was only observed

static bool is_none(const struct cm_sha256 *hash) {
    static const struct cm_sha256 none;

    return cm_sha256_equal(hash, &none);
}

static int order_key(const void *key, const void *object) {
    return strcmp(key, ((const struct object *)object)->key);
}

static bool names_more(const struct hub_state_app *app, const char *key) {
    const struct cm_json *at = app->more == NULL ? NULL : app->more->first;

    while (at != NULL && strcmp(at->text, key) != 0) {
        at = at->next;
    }
    return at != NULL;
}

// take_desired: where the agent has compared and found no difference, the object is as in the
// bundle.
static void take_desired(struct report *r, const struct hub_bundle *bundle) {
    bool any = r->object_count > 0 && bundle->spec.drift != HUB_DRIFT_OFF;

    for (size_t i = 0; any && i < bundle->spec.object_count; i++) {
        const struct hub_object *from = &bundle->spec.objects[i];
        struct object *o =
            bsearch(from->key, r->objects, r->object_count, sizeof(*r->objects), order_key);

        if (o != NULL && o->field_count == 0 && o->actual_size == 0 &&
            !names_more(r->app, o->key)) {
            o->sha256 = from->sha256;
        }
    }
}

// look_beside finds what the agent has compared with. A bundle that is not kept tells nothing.
static enum cm_rc look_beside(struct report *r, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    CM_CLEANUP(hub_bundle_unrefp) struct hub_bundle *bundle = NULL;
    enum cm_rc rc = hub_desired_find_blob(r->side->pass->db, &r->app->bundle, &bytes, err);

    rc = rc < 0 ? rc : hub_bundle_decode(bytes, NULL, NULL, &bundle, err);
    if (rc == CM_OK) {
        take_desired(r, bundle);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// ---- Objects

static bool is_secret(const struct object *o) {
    return strncmp(o->key, SECRET, strlen(SECRET)) == 0;
}

static void name_fields(struct cm_arena *a, struct cm_json *root, const struct object *o) {
    struct cm_json *changed = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < o->field_count; i++) {
        cm_json_append(changed, cm_json_new_string(a, o->fields[i].path));
    }
    cm_json_set(a, root, "changed", changed);
}

// read_actual reads what is there as the agent told it.
static enum cm_rc read_actual(struct cm_arena *a, const struct object *o, struct cm_json **out,
                              struct cm_err *err) {
    return cm_json_parse(a, o->actual, o->actual_size, NULL, out, err) < 0
               ? cm_wrap(err, "what is told of '%s'", o->key)
               : CM_OK;
}

static void add_actual(struct cm_arena *a, struct cm_json *root, const struct object *o) {
    struct cm_json *actual = NULL;
    struct cm_err err;

    if (o->actual_size > 0 && read_actual(a, o, &actual, &err) == CM_OK) {
        cm_json_set(a, root, "actual", actual);
    }
}

// Of a Secret it is told which fields are other ones, and not as what.
static struct cm_json *change_secret(struct cm_arena *a, const struct object *o) {
    CM_CLEANUP(cm_str_done) struct cm_str named = {0};
    struct cm_json *root = NULL;
    struct cm_err err;

    hub_state_named(a, o->key, &o->sha256, true, &named);
    if (cm_json_parse(a, cm_str_get(&named), named.len, NULL, &root, &err) < 0) {
        return NULL;
    }
    name_fields(a, root, o);
    add_actual(a, root, o);
    return root;
}

// observe tells what there is of an object that nobody applied: that it is, and what differs.
static struct cm_json *observe(const struct hub_state_hiding *h, const struct object *o) {
    struct cm_json *root = hub_state_identity(h->arena, o->key);
    struct cm_json *differs = cm_json_new(h->arena, CM_OBJECT);

    if (is_secret(o)) {
        name_fields(h->arena, root, o);
        add_actual(h->arena, root, o);
        return root;
    }
    for (size_t i = 0; i < o->field_count; i++) {
        struct cm_json *value = hub_state_hide(h, o->key, o->fields[i].path, o->fields[i].actual);

        value = value != NULL ? value : cm_json_new(h->arena, CM_NULL);
        cm_json_set(h->arena, differs, o->fields[i].path, value);
    }
    cm_json_set(h->arena, root, "observed", differs);
    return root;
}

// change_object sets what differs. A field that cannot be set is named.
static struct cm_json *change_object(const struct hub_state_hiding *h, const struct object *o,
                                     const struct cm_buf *bytes) {
    struct cm_json *root = NULL;
    struct cm_json *other = cm_json_new(h->arena, CM_ARRAY);
    struct cm_err err;

    if (cm_json_parse(h->arena, (const char *)bytes->data, bytes->size, NULL, &root, &err) < 0) {
        return NULL;
    }
    for (size_t i = 0; i < o->field_count; i++) {
        const struct field *f = &o->fields[i];
        struct cm_json *value = hub_state_hide(h, o->key, f->path, f->actual);
        struct cm_path path;

        if (!cm_field_parse(h->arena, f->path, &path) ||
            !cm_field_set(h->arena, root, &path, value)) {
            cm_json_append(other, cm_json_new_string(h->arena, f->path));
        }
    }
    if (other->count > 0) {
        cm_json_set(h->arena, root, "_changed", other);
    }
    return root;
}

static enum cm_rc make_changed(struct report *r, const struct hub_state_hiding *hiding,
                               const struct object *o, struct cm_json **out, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    enum cm_rc rc = hub_desired_find_blob(r->side->pass->db, &o->sha256, &bytes, err);

    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    if (rc == CM_OK && o->actual_size > 0) {
        return read_actual(hiding->arena, o, out, err);
    }
    *out = rc == CM_OK ? change_object(hiding, o, bytes) : change_secret(hiding->arena, o);
    return *out != NULL
               ? CM_OK
               : cm_fail(err, CM_EIO, "the object '%s' in the database is damaged", o->key);
}

static enum cm_rc write_other(struct report *r, const struct object *o, struct hub_repo_id *out,
                              struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    const struct hub_state_hiding hiding = {.arena = a, .key = r->side->pass->value_key};
    struct cm_json *tree = NULL;
    enum cm_rc rc = CM_OK;

    if (r->app->observed && o->actual_size > 0 && !is_secret(o)) {
        rc = read_actual(a, o, &tree, err);
    } else if (r->app->observed) {
        tree = observe(&hiding, o);
    } else {
        rc = make_changed(r, &hiding, o, &tree, err);
    }
    if (rc < 0) {
        return rc;
    }
    cm_json_write_canonical(tree, &text);
    return hub_state_blob(r->side->pass->repo, cm_str_get(&text), text.len, out, err);
}

static enum cm_rc add_object(struct report *r, const struct object *o, struct hub_repo_id *out,
                             struct cm_err *err) {
    return o->field_count > 0 || o->actual_size > 0 || is_none(&o->sha256)
               ? write_other(r, o, out, err)
               : hub_state_object(r->side->pass, o->key, &o->sha256, is_secret(o), out, err);
}

// ---- Folders

static enum cm_rc make_folder(struct report *r, struct hub_repo_id *out, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_state_edit *edits = cm_arena_get(a, (r->object_count + 1) * sizeof(*edits));
    size_t count = 0;
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < r->object_count; i++) {
        struct hub_state_edit *edit = &edits[count];

        edit->what = HUB_STATE_FILE;
        edit->path = hub_state_file(a, r->objects[i].key);
        rc = add_object(r, &r->objects[i], &edit->id, err);
        count += edit->path != NULL ? 1 : 0;
    }
    return rc < 0 ? rc : hub_state_tree(r->side->pass->repo, edits, count, out, err);
}

// name_of names what is reported: clusters where it is the same share the folder.
static struct cm_sha256 name_of(const struct report *r) {
    struct cm_sha256_stream *s = cm_sha256_begin();

    cm_sha256_add(s, "actual", 7);
    for (size_t i = 0; i < r->object_count; i++) {
        const struct object *o = &r->objects[i];

        cm_sha256_add(s, o->key, strlen(o->key) + 1);
        cm_sha256_add(s, o->sha256.bytes, sizeof(o->sha256.bytes));
        cm_sha256_add(s, &o->field_count, sizeof(o->field_count));
        cm_sha256_add(s, &o->actual_size, sizeof(o->actual_size));
        cm_sha256_add(s, o->actual, o->actual_size);
        for (size_t j = 0; j < o->field_count; j++) {
            cm_sha256_add(s, o->fields[j].path, strlen(o->fields[j].path) + 1);
            cm_sha256_add(s, o->fields[j].actual, strlen(o->fields[j].actual) + 1);
        }
    }
    return cm_sha256_end(s);
}

static enum cm_rc folder_of(struct hub_state_side *s, struct hub_state_app *app,
                            struct hub_repo_id *out, bool *empty, struct cm_err *err) {
    struct report r = {.side = s, .app = app};
    enum cm_rc rc = read_report(&r, s->cluster, err);

    rc = rc < 0 || !app->observed ? rc : look_beside(&r, err);
    *empty = r.object_count == 0;
    if (r.missing > 0) {
        hub_state_news_add(s->news.causes, "missing");
    }
    if (rc < 0 || *empty) {
        return rc;
    }
    struct cm_sha256 name = name_of(&r);
    const struct hub_repo_id *known = hub_state_known(s->pass, &name);
    if (known != NULL) {
        *out = *known;
        return CM_OK;
    }
    rc = make_folder(&r, out, err);
    if (rc == CM_OK) {
        hub_state_keep(s->pass, &name, out);
    }
    return rc;
}

static enum cm_rc tell(struct hub_state_side *s, const struct hub_state_app *app,
                       const struct hub_unwritten_row *row, struct cm_err *err) {
    (void)row;
    (void)err;
    if (app == NULL) {
        return CM_OK;
    }
    hub_state_news_add(s->news.causes,
                       app->revision[0] == '\0'
                           ? "report"
                           : cm_arena_strf(s->arena, "report of %s", app->revision));
    if (app->needs != NULL) {
        hub_state_news_add(s->news.causes, "needs human");
    }
    hub_state_news_add(s->news.actors, "agent");
    return CM_OK;
}

enum cm_rc hub_state_actual_stage(struct hub_state_pass *p, struct hub_state_done *out,
                                  struct cm_err *err) {
    struct hub_state_side side = {
        .pass = p, .list = HUB_UNWRITTEN_ACTUAL, .folder = folder_of, .tell = tell};
    const char *message = NULL;
    char hex[HUB_REPO_ID_HEX_MAX];
    struct hub_repo_id tip;
    enum cm_rc rc = hub_state_tip(p->repo, p->arena, "desired", &tip, &message, err);

    if (rc == CM_OK) {
        hub_repo_id_hex(&tip, hex);
        side.news.desired = hex;
    }
    return rc < 0 && rc != CM_ENOTFOUND
               ? rc
               : hub_state_side_stage(&side, "actual", out, &out->actual_written, err);
}
