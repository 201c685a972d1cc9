#include "hub/render/render.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/canonical.h"
#include "common/object/keep.h"
#include "common/str.h"
#include "hub/render/care.h"
#include "hub/render/fill.h"
#include "hub/render/labels.h"
#include "hub/render/order.h"
#include "hub/render/source.h"
#include "hub/render/tolerate.h"
#include "proto/wire.h"

#define MEMO_FREE 64 // a template may remember so many without looking whether they are in use

// An object that was made of a template, and remembered by it.
struct made {
    char *key;
    struct cm_sha256 sha256;
    struct cm_buf *bytes;
    bool secret;
    bool keep;
    char *ignored; // differences, as its annotation says; NULL: none
    struct hub_care care;
    struct hub_order order;
};

struct job {
    const struct hub_render_input *in;
    struct hub_diags *diags;
    struct cm_arena *arena; // of the object that is being made
    struct hub_template *template;
    size_t made;
};

static void made_free(void *p) {
    struct made *made = p;

    free(made->key);
    free(made->ignored);
    cm_buf_unref(made->bytes);
    free(made);
}

// path_of returns the file in which the template's object begins.
static const char *path_of(const struct job *j) {
    return hub_template_path(j->template, j->template->object);
}

static void report(struct job *j, const struct cm_json *at, const char *message) {
    hub_diags_add(j->diags, path_of(j), at->line, at->column, "%s", message);
}

// ---- Objects

static enum cm_object_scope scope_of(struct job *j, const struct cm_object_id *id) {
    enum cm_object_scope scope = cm_object_scope(id->group, id->kind);

    if (scope == CM_SCOPE_UNKNOWN && j->in->scope != NULL) {
        scope = j->in->scope(j->in->scope_ctx, id->group, id->kind);
    }
    return scope;
}

// settle_namespace gives the object the namespace in which it will be.
static void settle_namespace(struct job *j, struct cm_json *object, struct cm_object_id *id) {
    enum cm_object_scope scope = scope_of(j, id);
    struct cm_json *metadata = cm_json_get(object, "metadata");

    if (scope == CM_SCOPE_CLUSTER) {
        (void)cm_json_remove(metadata, "namespace");
        id->namespace = "";
    } else if (scope == CM_SCOPE_NAMESPACED && id->namespace[0] == '\0') {
        if (j->in->namespace[0] == '\0') {
            hub_diags_add(j->diags, path_of(j), object->line, object->column,
                          "%s '%s' has no namespace: set metadata.namespace here or spec.namespace "
                          "of the App",
                          id->kind, id->name);
            return;
        }
        cm_json_set_string(j->arena, metadata, "namespace", j->in->namespace);
        id->namespace = j->in->namespace;
    }
}

static bool holds(const struct cm_json *object, const char *member) {
    const struct cm_json *node = cm_json_get(object, member);

    return node != NULL && node->type == CM_OBJECT && node->count > 0;
}

static void check_secret(struct job *j, const struct cm_json *object,
                         const struct cm_object_id *id) {
    const char *member = holds(object, "data") ? "data" : "stringData";

    if (j->in->plain_secrets || !holds(object, member)) {
        return;
    }
    // As written: what is filled in has lost its file.
    const struct cm_json *at = cm_json_get(j->template->object, member);
    at = at != NULL ? at : j->template->object;
    hub_diags_add(
        j->diags, hub_template_path(j->template, at), at->line, at->column,
        "Secret '%s' stands in Git for all to read: take it out, or set spec.plainSecrets "
        "of the App to 'allow'",
        id->name);
}

static struct made *finish(struct job *j, struct cm_json *object, const struct cm_object_id *id) {
    struct made *made = cm_new(1, sizeof(*made));

    cm_object_normalise(j->arena, object);
    if (cm_json_depth(object) > cm_json_limits_default.max_depth) {
        hub_diags_add(j->diags, path_of(j), object->line, object->column,
                      "%s '%s' is nested more than %zu levels deep, more than agents read: make it "
                      "flatter",
                      id->kind, id->name, cm_json_limits_default.max_depth);
    }
    made->bytes = cm_object_hash(object, &made->sha256);
    made->key = cm_strdup(cm_object_key(j->arena, id));
    made->keep = cm_object_says_keep(object);
    made->secret = id->group[0] == '\0' && strcmp(id->kind, "Secret") == 0;
    if (made->secret) {
        made->sha256 =
            cm_hmac_sha256(j->in->secret_key, CM_SHA256_SIZE, made->bytes->data, made->bytes->size);
    }
    if (made->bytes->size > WIRE_OBJECT_MAX) {
        hub_diags_add(j->diags, path_of(j), object->line, object->column,
                      "%s '%s' has %zu bytes, more than the %zu that an object may have: split it",
                      id->kind, id->name, made->bytes->size, WIRE_OBJECT_MAX);
    }
    return made;
}

// make makes an object of the job's template, or reports and returns NULL.
static struct made *make(struct job *j) {
    size_t before = j->diags->all;
    struct hub_fill fill = {
        .template = j->template, .values = &j->in->values, .arena = j->arena, .diags = j->diags};
    struct cm_json *object = hub_fill_object(&fill);
    struct cm_object_id id;
    struct cm_err err;

    if (j->diags->all > before) {
        return NULL;
    }
    if (cm_object_id_of(j->arena, object, &id, &err) < 0 ||
        cm_object_keep_check(object, &err) < 0) {
        report(j, object, err.msg);
        return NULL;
    }
    hub_labels_check_filled(object, path_of(j), j->diags);
    settle_namespace(j, object, &id);
    if (id.group[0] == '\0' && strcmp(id.kind, "Secret") == 0) {
        check_secret(j, object, &id);
    }
    struct hub_care care = {0};
    struct hub_order order = {0};
    CM_AUTOFREE char *ignored = NULL;
    bool fine = hub_care_read(j->template, object, &care, j->diags);
    fine = hub_order_read(j->template, object, &id, &order, j->diags) && fine;
    fine = hub_tolerate_read(j->template, object, &ignored, j->diags) && fine;
    if (!fine || j->diags->all > before) {
        return NULL;
    }
    struct made *made = finish(j, object, &id);
    made->care = care;
    made->order = order;
    made->ignored = CM_TAKE(ignored);
    if (j->diags->all > before) {
        made_free(made);
        return NULL;
    }
    return made;
}

// ---- What templates remember

static bool sweep_one(void *ctx, const char *key, void *value) {
    const struct made *made = value;

    if (made->bytes->refs == 1) { // only the memo has it
        (void)cm_map_remove(ctx, key);
    }
    return true;
}

static void remember(struct hub_template *t, const char *key, struct made *made) {
    if (t->memo == NULL) {
        t->memo = cm_map_new(made_free);
        t->memo_limit = MEMO_FREE;
    }
    if (cm_map_len(t->memo) >= t->memo_limit) {
        cm_map_each(t->memo, sweep_one, t->memo);
        t->memo_limit = 2 * cm_map_len(t->memo) + MEMO_FREE;
    }
    cm_map_put(t->memo, key, made);
}

void hub_render_forget(struct hub_template *t) {
    cm_map_free(t->memo);
    t->memo = NULL;
}

void hub_render_key(const struct hub_values *values, const char *const *names, size_t count,
                    struct cm_str *out) {
    struct cm_arena *arena = NULL;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], "cluster.name") == 0) { // by far the most frequent one
            cm_str_add_char(out, '"');
            cm_str_add(out, values->cluster);
            cm_str_add(out, "\"\x1f");
            continue;
        }
        if (arena == NULL) {
            arena = cm_arena_new(0);
        }
        const struct cm_json *value = hub_values_find(values, arena, names[i]);
        if (value != NULL) {
            struct cm_json bare = *value;

            bare.next = NULL;
            bare.key = NULL;
            cm_json_write_compact(&bare, out);
        }
        cm_str_add_char(out, '\x1f');
    }
    cm_arena_free(arena);
}

// object_for returns the object that a template makes with the job's values; the template's.
static const struct made *object_for(struct job *j, struct cm_str *key) {
    struct hub_template *t = j->template;
    struct made *made;

    cm_str_clear(key);
    cm_str_add(key, j->in->plain_secrets ? "+" : "");
    cm_str_add(key, j->in->namespace);
    cm_str_add_char(key, '\x1f');
    hub_render_key(&j->in->values, t->used, t->used_count, key);
    made = t->memo != NULL ? cm_map_get(t->memo, cm_str_get(key)) : NULL;
    if (made != NULL) {
        return made;
    }
    made = make(j);
    cm_arena_reset(j->arena);
    j->made++;
    if (made != NULL) {
        remember(t, cm_str_get(key), made);
    }
    return made;
}

// ---- Bundles

struct entry {
    struct hub_object object;
    const char *ignored; // the template's
    const struct hub_template *template;
};

static int compare_entries(const void *a, const void *b) {
    const struct entry *left = a;
    const struct entry *right = b;
    int order = strcmp(left->object.key, right->object.key);

    if (order != 0) {
        return order;
    }
    order =
        strcmp(hub_source_path(left->template->source), hub_source_path(right->template->source));
    if (order != 0) {
        return order;
    }
    return left->template->object->line < right->template->object->line ? -1 : 1;
}

static void report_duplicates(const struct entry *entries, size_t count, struct hub_diags *diags) {
    for (size_t i = 1; i < count; i++) {
        const struct hub_template *first = entries[i - 1].template;
        const struct hub_template *second = entries[i].template;

        if (strcmp(entries[i - 1].object.key, entries[i].object.key) == 0) {
            hub_diags_add(diags, hub_source_path(second->source), second->object->line,
                          second->object->column,
                          "%s is defined at %s line %u already: remove one of them, or give it "
                          "another name or namespace",
                          entries[i].object.key, hub_source_path(first->source),
                          first->object->line);
        }
    }
}

// make_entries makes all objects and returns how many were new; it goes on after a problem, so that
// all of them are found.
static size_t make_entries(const struct hub_render_input *in, struct entry *entries,
                           struct hub_diags *diags) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *own = in->scratch == NULL ? cm_arena_new(0) : NULL;
    struct job job = {.in = in, .diags = diags, .arena = own != NULL ? own : in->scratch};
    struct cm_str key = {0};
    size_t bytes = 0;

    for (size_t i = 0; i < in->template_count && diags->count < HUB_DIAGS_MAX; i++) {
        job.template = in->templates[i];
        const struct made *made = object_for(&job, &key);
        if (made != NULL) {
            entries[i].object = (struct hub_object){.key = made->key,
                                                    .sha256 = made->sha256,
                                                    .bytes = cm_buf_ref(made->bytes),
                                                    .secret = made->secret,
                                                    .keep = made->keep,
                                                    .care = made->care,
                                                    .order = made->order};
            entries[i].ignored = made->ignored;
            entries[i].template = in->templates[i];
            bytes += made->bytes->size;
        }
        if (bytes > HUB_APP_MAX) {
            hub_diags_add(diags, in->path, 0, 0,
                          "the objects of the App have more than %zu bytes: split the App",
                          HUB_APP_MAX);
            break;
        }
    }
    cm_str_done(&key);
    return job.made;
}

// drop_empty moves the entries that were made to the front and returns how many there are.
static size_t drop_empty(struct entry *entries, size_t count) {
    size_t made = 0;

    for (size_t i = 0; i < count; i++) {
        if (entries[i].template != NULL) {
            struct entry entry = entries[i];

            entries[i] = (struct entry){0};
            entries[made++] = entry;
        }
    }
    return made;
}

static struct hub_bundle *bundle_of(const struct hub_render_input *in,
                                    const struct hub_object *objects,
                                    const struct hub_tolerating *t) {
    CM_AUTOFREE char *account = in->service_account != NULL
                                    ? cm_strf("%s/%s", in->namespace, in->service_account)
                                    : cm_strdup("");
    struct hub_bundle_spec spec = {
        .app = in->app,
        .namespace = in->namespace,
        .drift = in->drift,
        .prune = in->prune,
        .suspend = in->suspend,
        .adopt = in->adopt,
        .prune_precious = in->prune_precious,
        .conflicts = in->conflicts,
        .propagation = in->propagation,
        .recreate = in->recreate,
        .health = in->health,
        .account = account,
        .depends_on = in->depends_on,
        .depends_on_count = in->depends_on_count,
        .shown = in->shown,
        .shown_count = in->shown_count,
        .drift_lists = t->out,
        .drift_list_count = t->out_count,
        .objects = objects,
        .object_count = in->template_count,
    };

    return hub_bundle_new(&spec);
}

static void fill_rendered(const struct hub_render_input *in, const struct entry *entries,
                          struct hub_rendered *out) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    CM_AUTOFREE struct hub_object *objects = cm_new(in->template_count + 1, sizeof(*objects));
    struct hub_tolerating tolerating = {
        .rules = in->tolerances, .count = in->tolerance_count, .namespace = in->namespace};

    out->places = cm_new(in->template_count + 1, sizeof(*out->places));
    for (size_t i = 0; i < in->template_count; i++) {
        const struct hub_template *t = entries[i].template;

        objects[i] = entries[i].object;
        objects[i].drift_list =
            hub_tolerate(arena, &tolerating, objects[i].key, entries[i].ignored);
        out->places[i] = (struct hub_object_place){cm_buf_ref(t->source->path), t->object->line,
                                                   t->object->column};
    }
    hub_order_settle(objects, in->template_count, in->namespace);
    out->bundle = bundle_of(in, objects, &tolerating);
}

bool hub_render(const struct hub_render_input *in, struct hub_rendered *out,
                struct hub_diags *diags) {
    CM_AUTOFREE struct entry *entries = cm_new(in->template_count + 1, sizeof(*entries));
    size_t before = diags->count;
    size_t all = diags->all;

    if (in->template_count > HUB_BUNDLE_OBJECTS_MAX) {
        hub_diags_add(diags, in->path, 0, 0, "the App has %zu objects, more than %d: split the App",
                      in->template_count, HUB_BUNDLE_OBJECTS_MAX);
        return false;
    }
    out->made = make_entries(in, entries, diags);
    size_t made = drop_empty(entries, in->template_count);
    qsort(entries, made, sizeof(*entries), compare_entries);
    report_duplicates(entries, made, diags);
    bool fine = made == in->template_count && diags->all == all; // a full list takes no more
    if (fine) {
        fill_rendered(in, entries, out);
        if (out->bundle->bytes->size > WIRE_BLOB_MAX) {
            hub_diags_add(diags, in->path, 0, 0,
                          "the names of the App's %zu objects do not fit into a bundle: split the "
                          "App",
                          in->template_count);
            hub_rendered_done(out);
            fine = false;
        }
    }
    for (size_t i = 0; i < in->template_count; i++) {
        cm_buf_unref(entries[i].object.bytes);
    }
    hub_diags_unique(diags, before);
    return fine;
}

void hub_rendered_done(struct hub_rendered *r) {
    for (size_t i = 0; r->places != NULL && i < r->bundle->spec.object_count; i++) {
        cm_buf_unref(r->places[i].path);
    }
    free(r->places);
    hub_bundle_unref(r->bundle);
    *r = (struct hub_rendered){0};
}
