// proof.c: what is in force before an edit, and whether it does what is meant and nothing else.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/field.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/capture/internal.h"
#include "hub/hold/hold.h"
#include "hub/render/bundle.h"

struct capture_proof {
    struct cm_arena *arena;
    const struct hub_capture *what;
    const struct hub_hold *hold; // with which it was kept; NULL: without one
    struct hub_desired **states; // of every cluster; one reference each
    size_t count;
    struct cm_map *problems; // in words -> itself
    struct cm_map *settings; // see settings.c
    struct cm_json *object;  // as it is rendered where it was seen
    struct cm_map *wanted;   // SHA-256 of a bundle -> struct wanted
};

// What a bundle shall become.
struct wanted {
    struct cm_sha256 bundle;
    bool so; // it is that already
};

// ---- Values

// escape makes what manifests read as variables plain text.
static void escape(struct cm_arena *a, struct cm_json *node) { // NOLINT(misc-no-recursion)
    for (struct cm_json *at = node->first; at != NULL; at = at->next) {
        escape(a, at);
    }
    if (node->type != CM_STRING || strstr(node->text, "${") == NULL) {
        return;
    }
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    for (const char *at = node->text; *at != '\0'; at++) {
        cm_str_add(&text, strncmp(at, "${", 2) == 0 ? "$" : "");
        cm_str_add_char(&text, *at);
    }
    node->text = cm_arena_strdup(a, cm_str_get(&text));
    node->len = text.len;
}

struct cm_json *capture_value(struct cm_arena *a, const struct cm_json *value, bool escaped) {
    struct cm_json *copy = cm_json_copy(a, value);

    if (escaped) {
        escape(a, copy);
    }
    return copy;
}

bool capture_set(struct cm_arena *a, struct cm_json *object, const struct hub_capture *what,
                 bool escaped) {
    for (size_t i = 0; i < what->field_count; i++) {
        const struct hub_capture_field *field = &what->fields[i];
        struct cm_json *value =
            field->value != NULL ? capture_value(a, field->value, escaped) : NULL;
        struct cm_path path;

        if (!cm_field_parse(a, field->path, &path) || !cm_field_set(a, object, &path, value)) {
            return false;
        }
    }
    return true;
}

struct cm_json *capture_parse(struct cm_arena *a, const struct hub_object *object) {
    struct cm_json *tree = NULL;
    struct cm_err ignored;

    if (object->secret || object->bytes == NULL ||
        cm_json_parse(a, (const char *)object->bytes->data, object->bytes->size, NULL, &tree,
                      &ignored) < 0) {
        return NULL;
    }
    return tree;
}

// ---- What is in force

static void remember(void *ctx, const struct hub_cluster_info *info) {
    struct capture_proof *p = ctx;

    (void)info;
    p->count++;
}

struct gathering {
    struct capture_proof *proof;
    const struct hub_fleet *fleet;
};

static void gather(void *ctx, const struct hub_cluster_info *info) {
    struct gathering *g = ctx;
    struct hub_desired *desired = hub_fleet_desired(g->fleet, info->name);

    if (desired != NULL) {
        g->proof->states[g->proof->count++] = hub_desired_ref(desired);
    }
}

// words_of tells apart problems, wherever a line has moved to.
static char *words_of(const struct hub_problem *p) {
    return cm_strf("%s\n%s\n%s\n%s\n%s\n%zu", p->repo, p->path, p->message,
                   p->app != NULL ? p->app : "", p->cluster != NULL ? p->cluster : "", p->clusters);
}

static void gather_problems(struct capture_proof *p, const struct hub_fleet *fleet) {
    size_t count = 0;
    const struct hub_problem *problems = hub_fleet_problems(fleet, &count);

    for (size_t i = 0; i < count; i++) {
        CM_AUTOFREE char *words = words_of(&problems[i]);

        cm_map_put(p->problems, words, p);
    }
}

static void gather_all(struct capture_proof *p, const struct hub_fleet *fleet) {
    struct gathering g = {p, fleet};

    hub_fleet_each_cluster(fleet, remember, p);
    p->states = cm_new(p->count + 1, sizeof(struct hub_desired *));
    p->count = 0;
    hub_fleet_each_cluster(fleet, gather, &g);
    gather_problems(p, fleet);
    p->settings = capture_settings(p->arena, fleet);
}

static const struct hub_pair *find_pair(const struct hub_desired *d, const char *app) {
    for (size_t i = 0; d != NULL && i < d->pair_count; i++) {
        if (strcmp(d->pairs[i].app, app) == 0) {
            return &d->pairs[i];
        }
    }
    return NULL;
}

static size_t find_object(const struct hub_bundle_spec *spec, const char *key) {
    for (size_t i = 0; i < spec->object_count; i++) {
        if (strcmp(spec->objects[i].key, key) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

// ---- What is wanted

// want works out what a bundle becomes. NULL: the fields cannot be in its object.
static struct wanted *want(struct cm_arena *a, const struct hub_bundle *bundle, size_t at,
                           const struct hub_capture *what) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    const struct hub_bundle_spec *spec = &bundle->spec;
    struct cm_json *object = capture_parse(a, &spec->objects[at]);

    if (object == NULL || !capture_set(a, object, what, false)) {
        return NULL;
    }
    cm_json_write_canonical(object, &text);
    struct hub_object *objects = cm_arena_get(a, spec->object_count * sizeof(*objects));
    struct hub_bundle_spec changed = *spec;
    memcpy(objects, spec->objects, spec->object_count * sizeof(*objects));
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = cm_buf_copy(cm_str_get(&text), text.len);
    objects[at].bytes = bytes;
    objects[at].size = (uint32_t)text.len;
    objects[at].sha256 = cm_sha256(bytes->data, bytes->size);
    changed.objects = objects;
    CM_CLEANUP(hub_bundle_unrefp) struct hub_bundle *made = hub_bundle_new(&changed);
    struct wanted *w = cm_new(1, sizeof(*w));
    *w = (struct wanted){made->sha256, cm_sha256_equal(&made->sha256, &bundle->sha256)};
    return w;
}

static const struct wanted *wanted_of(const struct capture_proof *p,
                                      const struct hub_bundle *bundle) {
    char hex[CM_SHA256_HEX_MAX];

    cm_sha256_hex(&bundle->sha256, hex);
    return cm_map_get(p->wanted, hex);
}

static bool is_meant(const struct capture_proof *p, const char *cluster) {
    return p->what->everywhere || strcmp(cluster, p->what->cluster) == 0;
}

// want_all works out what each cluster that is meant shall run, each bundle once.
static enum cm_rc want_all(struct capture_proof *p, bool *so, struct cm_err *err) {
    *so = true;
    for (size_t i = 0; i < p->count; i++) {
        const struct hub_pair *pair = find_pair(p->states[i], p->what->app);
        size_t at = pair != NULL && is_meant(p, p->states[i]->cluster)
                        ? find_object(&pair->bundle->spec, p->what->key)
                        : SIZE_MAX;
        char hex[CM_SHA256_HEX_MAX];

        if (at == SIZE_MAX || wanted_of(p, pair->bundle) != NULL) {
            continue;
        }
        struct wanted *w = want(p->arena, pair->bundle, at, p->what);
        if (w == NULL) {
            return cm_fail(err, CM_EINVAL, "%s in Git has no place for these fields: edit it there",
                           p->what->key);
        }
        cm_sha256_hex(&pair->bundle->sha256, hex);
        cm_map_put(p->wanted, hex, w);
        *so = *so && w->so;
    }
    return CM_OK;
}

// says tells whether what is there (NULL: nothing) is a value; CM_NULL is none.
static bool says(const struct cm_json *now, const struct cm_json *value) {
    bool none = value == NULL || value->type == CM_NULL;

    return none ? now == NULL : now != NULL && cm_json_equal(now, value);
}

// check_was: what people committed since is not undone.
static enum cm_rc check_was(struct capture_proof *p, struct cm_err *err) {
    struct cm_cursor root = cm_field_root(p->arena, p->object);

    for (size_t i = 0; i < p->what->field_count; i++) {
        const struct hub_capture_field *field = &p->what->fields[i];
        struct cm_path path;

        if (field->was == NULL || !cm_field_parse(p->arena, field->path, &path)) {
            continue;
        }
        const struct cm_json *now = cm_field_walk(root, path.segments, path.count).node;
        if (!says(now, field->was) && !says(now, field->value)) {
            return cm_fail(err, CM_EINVAL,
                           "%s of %s is something else in Git by now than when it was changed by "
                           "hand, or a Hold sets it: compare the two and edit it there",
                           field->path, p->what->key);
        }
    }
    return CM_OK;
}

static enum cm_rc find_seen(struct capture_proof *p, const struct capture_tip *t,
                            struct cm_err *err) {
    const struct hub_capture *what = p->what;
    const struct hub_pair *pair = find_pair(hub_fleet_desired(t->fleet, what->cluster), what->app);
    const struct hub_bundle *bundle = NULL;
    const struct hub_object *object = capture_tip_object(t, what, &bundle);

    if (pair != NULL && pair->stale) {
        return cm_fail(err, CM_EINVAL,
                       "App '%s' is wrong in Git on cluster '%s': mend that first ('holdfast get "
                       "problems')",
                       what->app, what->cluster);
    }
    if (object == NULL) {
        return cm_fail(err, CM_ENOTFOUND, "App '%s' has no object '%s' on cluster '%s' in Git",
                       what->app, what->key, what->cluster);
    }
    if (object->secret) {
        return cm_fail(err, CM_EINVAL,
                       "'%s' is a Secret, of which no value is written anywhere: change it where "
                       "it comes from",
                       what->key);
    }
    p->object = capture_parse(p->arena, object);
    return p->object != NULL ? check_was(p, err)
                             : cm_fail(err, CM_EINVAL, "'%s' cannot be read", what->key);
}

struct capture_proof *capture_proof_keep(const struct capture_tip *t,
                                         const struct hub_capture *what,
                                         const struct hub_hold *hold) {
    struct capture_proof *p = cm_new(1, sizeof(*p));

    p->arena = cm_arena_new(0);
    p->wanted = cm_map_new(free);
    p->problems = cm_map_new(NULL);
    p->what = what;
    p->hold = hold;
    gather_all(p, t->fleet);
    return p;
}

enum cm_rc capture_proof_new(const struct capture_tip *t, const struct hub_capture *what,
                             struct capture_proof **out, bool *so, struct cm_err *err) {
    CM_CLEANUP(capture_proof_freep) struct capture_proof *p = capture_proof_keep(t, what, NULL);

    if (find_seen(p, t, err) < 0 || want_all(p, so, err) < 0) {
        return err->code;
    }
    *out = CM_TAKE(p);
    return CM_OK;
}

void capture_proof_free(struct capture_proof *p) {
    if (p == NULL) {
        return;
    }
    for (size_t i = 0; i < p->count; i++) {
        hub_desired_unref(p->states[i]);
    }
    free(p->states);
    cm_map_free(p->wanted);
    cm_map_free(p->problems);
    cm_map_free(p->settings);
    cm_arena_free(p->arena);
    free(p);
}

void capture_proof_freep(struct capture_proof **p) {
    capture_proof_free(*p);
}

const struct cm_json *capture_proof_object(const struct capture_proof *p) {
    return p->object;
}

// find_kept finds what a cluster runs of the App as it was remembered; NULL: nothing, or not that.
static const struct hub_pair *find_kept(const struct capture_proof *p, const char *cluster) {
    for (size_t i = 0; i < p->count; i++) {
        if (strcmp(p->states[i]->cluster, cluster) == 0) {
            const struct hub_pair *pair = find_pair(p->states[i], p->what->app);

            return pair != NULL && !pair->stale ? pair : NULL;
        }
    }
    return NULL;
}

const struct hub_object *capture_proof_find(const struct capture_proof *p, const char *cluster,
                                            const char *key) {
    const struct hub_pair *pair = find_kept(p, cluster);

    return pair != NULL ? hub_bundle_find_key(pair->bundle, key) : NULL;
}

bool capture_proof_runs(const struct capture_proof *p, const char *cluster) {
    return find_kept(p, cluster) != NULL;
}

// ---- What came of it

// is_held tells whether the Hold is about an App on a cluster.
static bool is_held(const struct capture_proof *p, const char *app, const char *cluster) {
    for (size_t i = 0; p->hold != NULL && i < p->hold->cluster_count; i++) {
        if (strcmp(p->hold->clusters[i], cluster) == 0) {
            return strcmp(p->hold->app, app) == 0;
        }
    }
    return false;
}

static enum cm_rc check_pair(const struct capture_proof *p, const struct hub_desired *now,
                             const struct hub_pair *before, struct cm_err *err) {
    const struct hub_pair *after = find_pair(now, before->app);
    bool ours = strcmp(before->app, p->what->app) == 0 && is_meant(p, now->cluster);
    const struct wanted *w = ours ? wanted_of(p, before->bundle) : NULL;
    const struct cm_sha256 *sha256 = w != NULL ? &w->bundle : &before->bundle->sha256;

    if (after != NULL && after->stale == before->stale &&
        (after->waits == NULL) == (before->waits == NULL) &&
        cm_sha256_equal(&after->bundle->sha256, sha256)) {
        return CM_OK;
    }
    if (is_held(p, before->app, now->cluster)) {
        return cm_fail(err, CM_EINVAL, "it would not make what the Hold makes on cluster '%s'",
                       now->cluster);
    }
    if (w == NULL) {
        return cm_fail(err, CM_EINVAL, "it would change App '%s' on cluster '%s', too", before->app,
                       now->cluster);
    }
    return cm_fail(err, CM_EINVAL, "it would not make just this change on cluster '%s'",
                   now->cluster);
}

static enum cm_rc check_cluster(const struct capture_proof *p, const struct hub_desired *before,
                                const struct hub_desired *now, struct cm_err *err) {
    if (now == before && !is_meant(p, before->cluster)) {
        return CM_OK;
    }
    if (now == NULL || now->pair_count != before->pair_count) {
        return cm_fail(err, CM_EINVAL, "it would change which Apps cluster '%s' runs",
                       before->cluster);
    }
    for (size_t i = 0; i < before->pair_count; i++) {
        if (check_pair(p, now, &before->pairs[i], err) < 0) {
            return err->code;
        }
    }
    return CM_OK;
}

static enum cm_rc check_problems(const struct capture_proof *p, const struct hub_fleet *fleet,
                                 struct cm_err *err) {
    size_t count = 0;
    const struct hub_problem *problems = hub_fleet_problems(fleet, &count);

    for (size_t i = 0; i < count; i++) {
        CM_AUTOFREE char *words = words_of(&problems[i]);

        if (cm_map_get(p->problems, words) == NULL) {
            return cm_fail(err, CM_EINVAL, "something would become wrong: %.200s",
                           problems[i].message);
        }
    }
    return CM_OK;
}

enum cm_rc capture_proof_check(const struct capture_proof *p, const struct capture_tip *t,
                               struct cm_err *err) {
    if (check_problems(p, t->fleet, err) < 0 ||
        capture_settings_check(p->settings, t->fleet, err) < 0) {
        return err->code;
    }
    for (size_t i = 0; i < p->count; i++) {
        const struct hub_desired *before = p->states[i];

        if (check_cluster(p, before, hub_fleet_desired(t->fleet, before->cluster), err) < 0) {
            return err->code;
        }
    }
    return CM_OK;
}
