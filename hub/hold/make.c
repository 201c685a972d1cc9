// From what a controller decided to a Hold.
//
// Held is the workload's pod template, for that is what controllers release, and what ConfigMaps
// that it refers to hold. What makes the release what it is are its images and the keys of
// ConfigMaps that changed; where neither did, all that did.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/hold/image.h"
#include "hub/hold/internal.h"

#define TEMPLATE "/spec/template"
#define TEXT_MAX 256                  // of an identity that stands in the file
#define WHOLE_MAX ((size_t)64 * 1024) // of a ConfigMap that does
// What a file has room for beside its clusters: ten thousand of them, with names as they are.
#define BYTES_MAX (HUB_HOLD_BYTES_MAX / 4 * 3)
#define ID_DIGITS 8
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789.-"

struct making {
    const struct hub_hold_decision *d;
    struct cm_arena *a; // of the Hold
    struct hub_changes_of delta;
    struct hub_changes_of what;   // of these the identity is chosen
    struct hub_changes_of config; // of the ConfigMaps
    const char **keep;
    size_t keep_count;
    const char **left_out;
    size_t left_out_count;
    struct cm_map *others; // what other workloads refer to -> one of them; NULL: not looked at
    struct cm_err *err;
};

// ---- Objects

static const struct hub_hold_object *find(const struct hub_hold_object *objects, size_t count,
                                          const char *key) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(objects[i].key, key) == 0) {
            return &objects[i];
        }
    }
    return NULL;
}

static const struct hub_hold_object *find_good(const struct making *m, const char *key) {
    return find(m->d->good, m->d->good_count, key);
}

static const struct hub_hold_object *find_bad(const struct making *m, const char *key) {
    return find(m->d->bad, m->d->bad_count, key);
}

static enum cm_rc parse(const struct making *m, struct cm_arena *a,
                        const struct hub_hold_object *object, struct cm_json **out) {
    *out = NULL;
    if (object == NULL || object->bytes == NULL) {
        return CM_OK;
    }
    enum cm_rc rc = cm_json_parse(a, object->bytes, object->size, NULL, out, m->err);
    return rc < 0 ? cm_wrap(m->err, "read %s", object->key) : CM_OK;
}

static bool differ(const struct hub_hold_object *a, const struct hub_hold_object *b) {
    return a->bytes != NULL && b->bytes != NULL &&
           (a->size != b->size || memcmp(a->bytes, b->bytes, a->size) != 0);
}

// ---- What a pod template refers to

struct references {
    struct cm_arena *a;
    const char *namespace;
    const char **keys;
    size_t count;
    size_t capacity;
};

static void add_reference(struct references *r, const char *key) {
    if (r->count == r->capacity) {
        size_t capacity = r->capacity == 0 ? 16 : r->capacity * 2;
        const char **keys = cm_arena_get(r->a, capacity * sizeof(*keys));

        if (r->count > 0) {
            memcpy(keys, r->keys, r->count * sizeof(*keys));
        }
        r->keys = keys;
        r->capacity = capacity;
    }
    r->keys[r->count++] = key;
}

static void refer(struct references *r, const char *kind, const struct cm_json *name) {
    if (cm_json_string(name) == NULL || r->count == HUB_HOLD_FIELDS_MAX) {
        return;
    }
    const char *key = cm_arena_strf(r->a, "%s/%s/%s", kind, r->namespace, name->text);
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->keys[i], key) == 0) {
            return;
        }
    }
    add_reference(r, key);
}

// kind_of returns the kind of the object that a member of this name refers to; NULL: it does not.
static const char *kind_of(const char *member) {
    static const char *const config[] = {"configMap", "configMapRef", "configMapKeyRef", NULL};
    static const char *const secret[] = {"secret", "secretRef", "secretKeyRef", NULL};

    for (size_t i = 0; config[i] != NULL; i++) {
        if (strcmp(member, config[i]) == 0) {
            return "ConfigMap";
        }
        if (strcmp(member, secret[i]) == 0) {
            return "Secret";
        }
    }
    return NULL;
}

// The recursion is as deep as objects are, which their parser has limited.
static void list_references(struct references *r, // NOLINT(misc-no-recursion)
                            const struct cm_json *node) {
    for (const struct cm_json *n = node->first; n != NULL; n = n->next) {
        const char *kind = node->type == CM_OBJECT ? kind_of(n->key) : NULL;

        if (kind != NULL && n->type == CM_OBJECT) {
            refer(r, kind, cm_json_get(n, "name"));
            refer(r, kind, cm_json_get(n, "secretName"));
        }
        list_references(r, n);
    }
}

static struct references references_of(struct cm_arena *a, const struct cm_json *workload) {
    const char *namespace = cm_json_string(cm_json_path(workload, "metadata", "namespace", NULL));
    const struct cm_json *spec = cm_json_path(workload, "spec", "template", "spec", NULL);
    struct references r = {.a = a, .namespace = namespace != NULL ? namespace : ""};

    if (spec != NULL) {
        list_references(&r, spec);
    }
    return r;
}

static bool refers(const struct references *r, const char *key) {
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

bool hub_hold_refers(struct cm_arena *a, const struct cm_json *workload, const char *key) {
    struct references r = references_of(a, workload);

    return refers(&r, key);
}

// ---- ConfigMaps

static bool is_other_workload(const struct making *m, const struct hub_hold_object *object) {
    return strcmp(object->key, m->d->workload) != 0 && !hub_hold_is_secret(object->key) &&
           object->bytes != NULL && memmem(object->bytes, object->size, "\"template\"", 10) != NULL;
}

// note_references notes what one refers to; the arena is only for that.
static enum cm_rc note_references(struct making *m, struct cm_arena *a,
                                  const struct hub_hold_object *object) {
    struct cm_json *workload;
    enum cm_rc rc = parse(m, a, object, &workload);

    if (rc < 0) {
        return rc;
    }
    struct references r = references_of(a, workload);
    for (size_t i = 0; i < r.count; i++) {
        if (cm_map_get(m->others, r.keys[i]) == NULL) {
            cm_map_put(m->others, r.keys[i], (void *)(uintptr_t)object);
        }
    }
    return CM_OK;
}

static enum cm_rc look_at_others(struct making *m) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    enum cm_rc rc = CM_OK;

    m->others = cm_map_new(NULL);
    for (size_t i = 0; rc == CM_OK && i < m->d->bad_count; i++) {
        if (is_other_workload(m, &m->d->bad[i])) {
            rc = note_references(m, a, &m->d->bad[i]);
            cm_arena_reset(a);
        }
    }
    return rc;
}

// check_alone fails if another workload of the release uses a ConfigMap too: that one did not go
// back, so nobody but a human can say what it shall read.
static enum cm_rc check_alone(struct making *m, const char *key) {
    enum cm_rc rc = m->others == NULL ? look_at_others(m) : CM_OK;

    if (rc < 0) {
        return rc;
    }
    const struct hub_hold_object *other = cm_map_get(m->others, key);
    if (other != NULL) {
        return cm_fail(m->err, CM_EBUSY,
                       "%s changed with the release, and %s uses it too, which did not go "
                       "back: give each of them its own, or revert the change in Git",
                       key, other->key);
    }
    return CM_OK;
}

// compare_configs collects how a ConfigMap differs, for what is restored and for the identity.
static enum cm_rc compare_configs(struct making *m, const char *key,
                                  const struct hub_hold_object *good,
                                  const struct hub_hold_object *bad) {
    static const char *const members[] = {"data", "binaryData"};
    const char *object = cm_arena_strdup(m->a, key);
    struct cm_json *before;
    struct cm_json *after;
    enum cm_rc rc = parse(m, m->a, good, &before);

    rc = rc < 0 ? rc : parse(m, m->a, bad, &after);
    rc = rc < 0 ? rc : check_alone(m, key);
    if (rc < 0) {
        return rc;
    }
    m->delta.object = object;
    m->config.object = object;
    for (size_t i = 0; i < 2; i++) {
        const struct cm_json *none = cm_json_new(m->a, CM_OBJECT);
        const struct cm_json *x = cm_json_get(before, members[i]);
        const struct cm_json *y = cm_json_get(after, members[i]);
        const char *at = cm_arena_strf(m->a, "/%s", members[i]);

        hub_hold_compare(&m->delta, at, x != NULL ? x : none, y != NULL ? y : none,
                         (struct cm_place){0});
        hub_hold_compare(&m->config, at, x != NULL ? x : none, y != NULL ? y : none,
                         (struct cm_place){0});
    }
    return CM_OK;
}

// keep_object keeps what only the good release has: a name that was made of a digest.
static enum cm_rc keep_object(struct making *m, const char *key,
                              const struct hub_hold_object *good) {
    struct cm_json *object;
    enum cm_rc rc = CM_OK;

    m->keep[m->keep_count++] = cm_arena_strdup(m->a, key);
    if (!hub_hold_is_secret(key) && good->size <= WHOLE_MAX) {
        rc = parse(m, m->a, good, &object);
        if (rc == CM_OK && object != NULL) {
            m->delta.object = m->keep[m->keep_count - 1];
            hub_hold_add_change(&m->delta, "", NULL, object);
        }
    }
    return rc;
}

static enum cm_rc take_reference(struct making *m, const char *key) {
    const struct hub_hold_object *good = find_good(m, key);
    const struct hub_hold_object *bad = find_bad(m, key);

    if (good != NULL && bad == NULL) {
        return keep_object(m, key, good);
    }
    if (good == NULL || !differ(good, bad)) {
        return CM_OK;
    }
    if (hub_hold_is_secret(key)) {
        m->left_out[m->left_out_count++] = cm_arena_strdup(m->a, key);
        return CM_OK;
    }
    return compare_configs(m, key, good, bad);
}

static enum cm_rc take_references(struct making *m, const struct cm_json *good,
                                  const struct cm_json *bad) {
    struct references here = references_of(m->a, good);
    struct references there = references_of(m->a, bad);
    enum cm_rc rc = CM_OK;

    m->keep = cm_arena_get(m->a, (here.count + there.count + 1) * sizeof(*m->keep));
    m->left_out = cm_arena_get(m->a, (here.count + there.count + 1) * sizeof(*m->left_out));
    for (size_t i = 0; i < here.count && rc == CM_OK; i++) {
        rc = take_reference(m, here.keys[i]);
    }
    for (size_t i = 0; i < there.count && rc == CM_OK; i++) {
        if (!refers(&here, there.keys[i])) {
            rc = take_reference(m, there.keys[i]);
        }
    }
    return rc;
}

// ---- What makes the release what it is

static bool is_metadata(const char *at) {
    return strncmp(at, TEMPLATE "/metadata/", sizeof(TEMPLATE "/metadata/") - 1) == 0;
}

static bool is_image(const struct hub_hold_delta *d) {
    return hub_hold_is_image(d->at);
}

static bool is_meant(const struct hub_hold_delta *d) {
    return !is_metadata(d->at);
}

static bool is_any(const struct hub_hold_delta *d) {
    (void)d;
    return true;
}

static size_t choose(struct making *m, const struct hub_changes_of *from,
                     bool (*wanted)(const struct hub_hold_delta *d),
                     struct hub_hold_identity *out) {
    size_t count = 0;

    for (size_t i = 0; i < from->count; i++) {
        const struct hub_hold_delta *d = &from->items[i];
        char hex[CM_SHA256_HEX_MAX];

        if (!wanted(d)) {
            continue;
        }
        out[count] = (struct hub_hold_identity){.object = d->object, .at = d->at, .value = d->bad};
        if (cm_json_string(d->bad) != NULL && d->bad->len > TEXT_MAX) {
            struct cm_sha256 digest = cm_sha256(d->bad->text, d->bad->len);

            cm_sha256_hex(&digest, hex);
            out[count].value = NULL;
            out[count].sha256 = cm_arena_strdup(m->a, hex);
        }
        count++;
    }
    return count;
}

static void choose_identity(struct making *m, struct hub_hold *hold) {
    struct hub_hold_identity *out =
        cm_arena_get(m->a, (m->what.count + m->config.count + 1) * sizeof(*out));
    size_t count = choose(m, &m->what, is_image, out);

    count += choose(m, &m->config, is_any, out + count);
    if (count == 0) {
        count = choose(m, &m->what, is_meant, out);
    }
    if (count == 0) {
        count = choose(m, &m->what, is_any, out);
    }
    hold->identity = out;
    hold->identity_count = count;
}

// ---- The Hold

static void hash_value(struct cm_str *text, const struct cm_json *value) {
    if (value != NULL) {
        cm_json_write_canonical(value, text);
    }
    cm_str_add_char(text, '\x1f');
}

// id_of names what is rejected and what is restored, so that clusters on which they are the same
// share a file.
static const char *id_of(struct cm_arena *a, const struct hub_hold *hold) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    char hex[CM_SHA256_HEX_MAX];

    cm_str_addf(&text, "%s\x1f", hold->app);
    for (size_t i = 0; i < hold->delta_count; i++) {
        cm_str_addf(&text, "%s\x1f%s\x1f", hold->delta[i].object, hold->delta[i].at);
        hash_value(&text, hold->delta[i].bad);
        hash_value(&text, hold->delta[i].use);
    }
    struct cm_sha256 digest = cm_sha256(cm_str_get(&text), text.len);
    cm_sha256_hex(&digest, hex);
    return cm_arena_strndup(a, hex, ID_DIGITS);
}

// What no file can be called becomes a dash.
const char *hub_hold_name(struct cm_arena *a, const struct hub_hold *hold) {
    char *release = cm_arena_strndup(a, hub_hold_rejected(a, hold), 40);

    for (char *c = release; *c != '\0'; c++) {
        *c = cm_lower(*c);
        if (strchr(NAME_CHARS, *c) == NULL || (c == release && *c == '.')) {
            *c = '-';
        }
    }
    return cm_arena_strf(a, "%s-%s-%s", hold->app, release, id_of(a, hold));
}

static enum cm_rc compare_workload(struct making *m, const struct cm_json *good,
                                   const struct cm_json *bad) {
    struct cm_place spec = cm_schema_member(hub_hold_root(m->a, bad).place, "spec");
    struct cm_place place = cm_schema_member(spec, "template");
    const struct cm_json *before = cm_json_path(good, "spec", "template", NULL);
    const struct cm_json *after = cm_json_path(bad, "spec", "template", NULL);

    if (before == NULL || after == NULL) {
        return cm_fail(m->err, CM_EBUSY, "%s has no pod template: hold its release in Git by hand",
                       m->d->workload);
    }
    m->delta.object = m->what.object = cm_arena_strdup(m->a, m->d->workload);
    hub_hold_compare(&m->delta, TEMPLATE, before, after, place);
    hub_hold_compare(&m->what, TEMPLATE, before, after, place);
    if (m->what.count == 0) { // only the order differs
        m->what = m->delta;
    }
    return take_references(m, good, bad);
}

// has_hidden tells whether a value was told by its digest only.
static bool has_hidden(const struct cm_json *value) { // NOLINT(misc-no-recursion)
    bool hidden = cm_json_string(value) != NULL && strncmp(value->text, "hmac:", 5) == 0;

    for (const struct cm_json *n = value->first; n != NULL && !hidden; n = n->next) {
        hidden = has_hidden(n);
    }
    return hidden;
}

static enum cm_rc check_whole(const struct making *m) {
    if (m->delta.count == 0 && m->left_out_count > 0) {
        return cm_fail(m->err, CM_EBUSY,
                       "only %s changed with the release, and a Hold never holds what is in a "
                       "Secret: revert the change in Git",
                       m->left_out[0]);
    }
    if (m->delta.count == 0) {
        return cm_fail(m->err, CM_ENOTFOUND,
                       "the two releases of %s are the same: there is nothing to hold",
                       m->d->workload);
    }
    if (m->what.count == 0 && m->config.count == 0) {
        return cm_fail(m->err, CM_EBUSY,
                       "%s lacks only %s, by which no release can be told from another: put it "
                       "back in Git",
                       m->d->workload, m->keep[0]);
    }
    for (size_t i = 0; i < m->delta.count; i++) {
        if (m->delta.items[i].use != NULL && has_hidden(m->delta.items[i].use)) {
            return cm_fail(m->err, CM_EBUSY,
                           "what %s was at %s before is known by its digest only: revert the "
                           "release in Git",
                           m->delta.items[i].object, m->delta.items[i].at);
        }
    }
    return CM_OK;
}

// check_size fails if the file of a Hold could not be read, now or when more clusters are in it.
static enum cm_rc check_size(const struct making *m, const struct hub_hold *hold) {
    size_t fields =
        hold->delta_count > hold->identity_count ? hold->delta_count : hold->identity_count;
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    if (fields > HUB_HOLD_FIELDS_MAX) {
        return cm_fail(m->err, CM_EBUSY,
                       "the two releases of %s differ in %zu fields, more than a Hold names: "
                       "revert the release in Git",
                       m->d->workload, fields);
    }
    hub_hold_write(hold, &text);
    if (text.len > BYTES_MAX) {
        return cm_fail(m->err, CM_EBUSY,
                       "a Hold of the two releases of %s would have %zu bytes, more than the %zu "
                       "that leave room for its clusters: revert the release in Git",
                       m->d->workload, text.len, BYTES_MAX);
    }
    return CM_OK;
}

static enum cm_rc compare_releases(struct making *m) {
    struct cm_json *good;
    struct cm_json *bad;
    enum cm_rc rc = parse(m, m->a, find_good(m, m->d->workload), &good);

    rc = rc < 0 ? rc : parse(m, m->a, find_bad(m, m->d->workload), &bad);
    if (rc < 0) {
        return rc;
    }
    if (good == NULL || bad == NULL) {
        return cm_fail(m->err, CM_EBUSY,
                       "what %s was in the %s release is not known: revert the release in Git",
                       m->d->workload, good == NULL ? "good" : "bad");
    }
    rc = compare_workload(m, good, bad);
    return rc < 0 ? rc : check_whole(m);
}

static struct hub_hold *finish(struct making *m) {
    const struct hub_hold_decision *d = m->d;
    struct hub_hold hold = {
        .app = d->app,
        .clusters = d->clusters,
        .bad_revision = d->bad_revision,
        .good_revision = d->good_revision,
        .delta = m->delta.items,
        .delta_count = m->delta.count,
        .keep = m->keep,
        .keep_count = m->keep_count,
        .left_out = m->left_out,
        .left_out_count = m->left_out_count,
        .cause = d->cause,
        .event = d->event,
    };

    choose_identity(m, &hold);
    hold.name = hub_hold_name(m->a, &hold);
    return hub_hold_with(&hold, d->clusters, d->cluster_count);
}

enum cm_rc hub_hold_make(const struct hub_hold_decision *d, struct hub_hold **out,
                         struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct making m = {.d = d,
                       .a = a,
                       .delta = {.a = a},
                       .what = {.a = a, .entries = true},
                       .config = {.a = a},
                       .err = err};
    enum cm_rc rc = compare_releases(&m);

    cm_map_free(m.others);
    if (rc < 0) {
        return rc;
    }
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = finish(&m);
    rc = check_size(&m, hold);
    if (rc == CM_OK) {
        *out = CM_TAKE(hold);
    }
    return rc;
}
