#include "common/object/owned.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/json_members.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/diff.h"
#include "common/object/path.h"
#include "common/str.h"

static const char *text_of(const struct cm_json *entry, const char *name) {
    const char *text = cm_json_string(cm_json_get(entry, name));

    return text != NULL ? text : "";
}

static struct cm_manager manager_of(const struct cm_json *entry) {
    return (struct cm_manager){
        .name = text_of(entry, "manager"),
        .operation = text_of(entry, "operation"),
        .subresource = text_of(entry, "subresource"),
        .time = text_of(entry, "time"),
    };
}

static const struct cm_json *entries_of(const struct cm_json *live) {
    const struct cm_json *entries = cm_json_path(live, "metadata", "managedFields", NULL);

    return entries != NULL && entries->type == CM_ARRAY ? entries->first : NULL;
}

// fields_of returns the set of fields of an entry, or NULL if it is empty or of another form.
static const struct cm_json *fields_of(const struct cm_json *entry) {
    const struct cm_json *set = cm_json_get(entry, "fieldsV1");

    return set != NULL && set->type == CM_OBJECT && set->count > 0 ? set : NULL;
}

// parse_name reads the JSON behind "k:" or "v:" in the name of a member of a set.
static struct cm_json *parse_name(struct cm_arena *a, const char *name) {
    struct cm_json *node;
    struct cm_err err;

    if (cm_json_parse(a, name + 2, strlen(name + 2), NULL, &node, &err) < 0) {
        return NULL; // no apiserver writes that; it names nothing
    }
    return node;
}

static bool has_text(const struct cm_json *value, const char *text) {
    if (value == NULL) {
        return false;
    }
    if (value->type == CM_BOOL) {
        return strcmp(value->truth ? "true" : "false", text) == 0;
    }
    return value->text != NULL && strcmp(value->text, text) == 0;
}

static bool is_segment(const struct cm_json *name, const struct cm_segment *segment) {
    if (segment->type == CM_SEGMENT_VALUE) {
        return has_text(name, segment->name);
    }
    for (size_t i = 0; segment->keys[i] != NULL; i++) {
        if (!has_text(cm_json_get(name, segment->keys[i]), segment->values[i])) {
            return false;
        }
    }
    return true;
}

struct cm_json *cm_object_set_below(struct cm_arena *a, const struct cm_json *set,
                                    const struct cm_segment *segment) {
    const char *prefix = segment->type == CM_SEGMENT_VALUE ? "v:" : "k:";

    if (segment->type == CM_SEGMENT_MEMBER) {
        return cm_json_get(set, cm_arena_strf(a, "f:%s", segment->name));
    }
    for (struct cm_json *m = set->first; m != NULL; m = m->next) {
        if (strncmp(m->key, prefix, 2) == 0 && is_segment(parse_name(a, m->key), segment)) {
            return m;
        }
    }
    return NULL;
}

static bool holds(struct cm_arena *a, const struct cm_json *set, const struct cm_path *path) {
    for (size_t i = 0; i < path->count; i++) {
        set = cm_object_set_below(a, set, &path->segments[i]);
        if (set == NULL || set->type != CM_OBJECT) {
            return false;
        }
        if (set->count == 0) {
            return true; // the whole value is meant, with all below it
        }
    }
    return true;
}

// holds_exactly tells whether a set names a field itself, or something below it.
static bool holds_exactly(struct cm_arena *a, const struct cm_json *set,
                          const struct cm_path *path) {
    for (size_t i = 0; i < path->count; i++) {
        set = set->count == 0 ? NULL : cm_object_set_below(a, set, &path->segments[i]);
        if (set == NULL || set->type != CM_OBJECT) {
            return false;
        }
    }
    return true;
}

typedef bool (*holds_fn)(struct cm_arena *a, const struct cm_json *set, const struct cm_path *path);

static const struct cm_json *latest_that(holds_fn holding, struct cm_arena *a,
                                         const struct cm_json *live, const struct cm_path *path) {
    const struct cm_json *latest = NULL;

    for (const struct cm_json *e = entries_of(live); e != NULL; e = e->next) {
        const struct cm_json *set = fields_of(e);

        if (set != NULL && holding(a, set, path) &&
            (latest == NULL || strcmp(text_of(e, "time"), text_of(latest, "time")) >= 0)) {
            latest = e;
        }
    }
    return latest;
}

// cm_object_manager_of: who made a map keeps it when others change all that is in it, so whoever
// names the field itself comes first.
bool cm_object_manager_of(const struct cm_json *live, const char *path, struct cm_manager *out) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_json *latest;
    struct cm_path parsed;

    if (!cm_path_parse(a, path, &parsed)) {
        return false;
    }
    latest = latest_that(holds_exactly, a, live, &parsed);
    latest = latest != NULL ? latest : latest_that(holds, a, live, &parsed);
    if (latest == NULL) {
        return false;
    }
    *out = manager_of(latest);
    return true;
}

bool cm_object_is_kept(const struct cm_json *live, const char *path, const char *manager) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_path parsed;

    if (!cm_path_parse(a, path, &parsed)) {
        return false;
    }
    for (const struct cm_json *e = entries_of(live); e != NULL; e = e->next) {
        const struct cm_json *set = fields_of(e);
        bool ours = strcmp(text_of(e, "manager"), manager) == 0 &&
                    strcmp(text_of(e, "operation"), "Apply") == 0;

        if (!ours && set != NULL && holds_exactly(a, set, &parsed)) {
            return true;
        }
    }
    return false;
}

bool cm_object_is_held(const struct cm_json *live, const char *path,
                       bool (*counts)(const void *ctx, const struct cm_manager *m),
                       const void *ctx) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_path parsed = {0};

    if (path[0] != '\0' && !cm_path_parse(a, path, &parsed)) {
        return false;
    }
    for (const struct cm_json *e = entries_of(live); e != NULL; e = e->next) {
        const struct cm_json *set = fields_of(e);
        const struct cm_manager m = manager_of(e);

        if (set != NULL && counts(ctx, &m) && holds_exactly(a, set, &parsed)) {
            return true;
        }
    }
    return false;
}

// applied_set is the set of what a manager applied, at or below a path; NULL if there is none.
static const struct cm_json *applied_set(struct cm_arena *a, const struct cm_json *live,
                                         const struct cm_path *path, const char *manager) {
    const struct cm_json *set = NULL;

    for (const struct cm_json *e = entries_of(live); e != NULL && set == NULL; e = e->next) {
        if (strcmp(text_of(e, "manager"), manager) == 0 &&
            strcmp(text_of(e, "operation"), "Apply") == 0) {
            set = fields_of(e);
        }
    }
    for (size_t i = 0; i < path->count && set != NULL; i++) {
        set = cm_object_set_below(a, set, &path->segments[i]);
    }
    return set != NULL && set->type == CM_OBJECT ? set : NULL;
}

static bool have_same_keys(const struct cm_json *keys, const struct cm_json *one,
                           const struct cm_json *other) {
    for (const struct cm_json *k = keys->first; k != NULL; k = k->next) {
        const struct cm_json *its = cm_json_get(one, k->key);
        const struct cm_json *others = cm_json_get(other, k->key);

        if (its == NULL || others == NULL || !cm_json_equal(its, others)) {
            return false;
        }
    }
    return true;
}

// has_element tells whether a list has an element as it shall be; the server may have filled in
// more. Without keys its value counts.
static bool has_element(struct cm_arena *a, const struct cm_json *keys, const struct cm_json *list,
                        const struct cm_json *element) {
    struct cm_differences found = {0};
    const struct cm_json *e = list->first;

    while (e != NULL &&
           !(keys == NULL ? cm_json_equal(e, element) : have_same_keys(keys, e, element))) {
        e = e->next;
    }
    if (e == NULL || keys == NULL) {
        return e != NULL;
    }
    cm_object_diff(a, element, e, 1, &found);
    return found.count == 0;
}

bool cm_object_has_beside(const struct cm_json *live, const char *path, const char *manager,
                          const struct cm_json *desired, const struct cm_json *actual) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_path parsed;

    if (actual == NULL || desired->type != CM_ARRAY || actual->type != CM_ARRAY ||
        !cm_path_parse(a, path, &parsed)) {
        return false;
    }
    const struct cm_json *set = applied_set(a, live, &parsed, manager);
    const struct cm_json *first = set == NULL ? NULL : set->first;
    bool by_keys = first != NULL && strncmp(first->key, "k:", 2) == 0;
    if (first == NULL || (!by_keys && strncmp(first->key, "v:", 2) != 0)) {
        return false;
    }
    const struct cm_json *keys = by_keys ? parse_name(a, first->key) : NULL;
    for (const struct cm_json *e = desired->first; e != NULL; e = e->next) {
        if ((by_keys && keys == NULL) || !has_element(a, keys, actual, e)) {
            return false;
        }
    }
    return true;
}

// is_map tells of members that are maps whose members have owners of their own wherever they are:
// there {} means that somebody made the map, and that nothing in it is his.
static bool is_map(const char *name) {
    return strcmp(name, "f:labels") == 0 || strcmp(name, "f:annotations") == 0;
}

// unite adds the set `more` to `set`, both of them not empty. The whole of a value, {}, wins.
static void unite(struct cm_arena *a, struct cm_json *set, const struct cm_json *more) {
    CM_CLEANUP(cm_json_index_done) struct cm_json_index index;
    struct cm_json added = {.type = CM_OBJECT};
    struct cm_json *next;

    cm_json_index_init(&index, set);
    for (const struct cm_json *m = more->first; m != NULL; m = m->next) {
        struct cm_json *old = cm_json_index_find(&index, m->key);

        if (old == NULL) {
            struct cm_json *copy = cm_json_copy(a, m);
            copy->key = m->key;
            cm_json_append(&added, copy);
        } else if (old->type == CM_OBJECT && old->count > 0 && m->count > 0) {
            unite(a, old, m);
        } else if (old->type == CM_OBJECT && m->type == CM_OBJECT && is_map(m->key)) {
            const struct cm_json *fuller = cm_json_copy(a, old->count > 0 ? old : m);

            old->first = fuller->first;
            old->last = fuller->last;
            old->count = fuller->count;
        } else {
            old->first = old->last = NULL;
            old->count = 0;
        }
    }
    for (struct cm_json *m = added.first; m != NULL; m = next) {
        next = m->next;
        cm_json_append(set, m);
    }
}

typedef bool (*counts_fn)(const void *ctx, const struct cm_manager *m);

// fields_owned_by returns the union of what managers own, or NULL.
static struct cm_json *fields_owned_by(struct cm_arena *a, const struct cm_json *live,
                                       counts_fn counts, const void *ctx) {
    struct cm_json *all = NULL;

    for (const struct cm_json *e = entries_of(live); e != NULL; e = e->next) {
        const struct cm_json *set = fields_of(e);
        const struct cm_manager m = manager_of(e);

        if (set == NULL || !counts(ctx, &m) || strcmp(m.subresource, "status") == 0) {
            continue;
        }
        if (all == NULL) {
            all = cm_json_copy(a, set);
        } else {
            unite(a, all, set);
        }
    }
    return all;
}

static struct cm_json *restrict_node(struct cm_arena *a, const struct cm_json *node,
                                     const struct cm_json *set);

static void append_copy(struct cm_arena *a, struct cm_json *object, const struct cm_json *from,
                        struct cm_json *value) {
    value->key = cm_arena_strdup(a, from->key);
    cm_json_append(object, value);
}

static struct cm_json *restrict_object(struct cm_arena *a, const struct cm_json *object,
                                       const struct cm_json *set) {
    CM_CLEANUP(cm_json_index_done) struct cm_json_index index;
    CM_CLEANUP(cm_str_done) struct cm_str name = {0};
    struct cm_json *out = cm_json_new(a, CM_OBJECT);

    cm_json_index_init(&index, set);
    for (const struct cm_json *m = object->first; m != NULL; m = m->next) {
        cm_str_clear(&name);
        cm_str_add(&name, "f:");
        cm_str_add(&name, m->key);
        const struct cm_json *below = cm_json_index_find(&index, cm_str_get(&name));
        bool bare =
            below != NULL && below->count == 0 && is_map(below->key) && m->type == CM_OBJECT;
        if (below != NULL && !bare) {
            append_copy(a, out, m, restrict_node(a, m, below));
        }
    }
    return out;
}

// write_key writes what identifies an element: the members that `keys` has, or the whole value.
static void write_key(const struct cm_json *keys, const struct cm_json *element,
                      struct cm_str *out) {
    cm_str_clear(out);
    if (keys == NULL) {
        cm_json_write_compact(element, out);
        return;
    }
    for (const struct cm_json *k = keys->first; k != NULL; k = k->next) {
        const struct cm_json *value = cm_json_get(element, k->key);

        cm_str_add(out, k->key);
        cm_str_add_char(out, '=');
        if (value != NULL) {
            cm_json_write_compact(value, out);
        }
        cm_str_add_char(out, '\n');
    }
}

// The owned elements of a list. All entries of a list have the same keys.
struct owned {
    struct cm_map *sets;        // by what write_key writes
    const struct cm_json *keys; // of the first k: entry; NULL if there is none
};

static void gather(struct cm_arena *a, const struct cm_json *set, struct owned *o) {
    CM_CLEANUP(cm_str_done) struct cm_str key = {0};

    for (struct cm_json *m = set->first; m != NULL; m = m->next) {
        bool by_keys = strncmp(m->key, "k:", 2) == 0;

        if (!by_keys && strncmp(m->key, "v:", 2) != 0) {
            continue;
        }
        const struct cm_json *name = parse_name(a, m->key);
        if (name == NULL) {
            continue;
        }
        o->keys = by_keys && o->keys == NULL ? name : o->keys;
        write_key(by_keys ? o->keys : NULL, name, &key);
        cm_map_put(o->sets, cm_str_get(&key), m);
    }
}

// keep_keys adds the keys of an entry that its owner did not set himself.
static void keep_keys(struct cm_arena *a, const struct cm_json *keys, const struct cm_json *element,
                      struct cm_json *out) {
    if (out->type != CM_OBJECT) {
        return;
    }
    for (const struct cm_json *k = keys->first; k != NULL; k = k->next) {
        const struct cm_json *value = cm_json_get(element, k->key);

        if (value != NULL && cm_json_get(out, k->key) == NULL) {
            cm_json_set(a, out, k->key, cm_json_copy(a, value));
        }
    }
}

static struct cm_json *restrict_array(struct cm_arena *a, const struct cm_json *array,
                                      const struct cm_json *set) {
    CM_CLEANUP(cm_str_done) struct cm_str key = {0};
    struct cm_json *out = cm_json_new(a, CM_ARRAY);
    struct owned o = {.sets = cm_map_new(NULL)};

    gather(a, set, &o);
    for (const struct cm_json *e = array->first; e != NULL; e = e->next) {
        write_key(o.keys, e, &key);
        const struct cm_json *below = cm_map_get(o.sets, cm_str_get(&key));
        if (below == NULL) {
            continue;
        }
        struct cm_json *kept = restrict_node(a, e, below);
        if (o.keys != NULL) {
            keep_keys(a, o.keys, e, kept);
        }
        cm_json_append(out, kept);
    }
    cm_map_free(o.sets);
    return out;
}

static struct cm_json *restrict_node(struct cm_arena *a, const struct cm_json *node,
                                     const struct cm_json *set) {
    if (set->type != CM_OBJECT || set->count == 0) {
        return cm_json_copy(a, node);
    }
    if (node->type == CM_OBJECT) {
        return restrict_object(a, node, set);
    }
    return node->type == CM_ARRAY ? restrict_array(a, node, set) : cm_json_copy(a, node);
}

static void keep(struct cm_arena *a, struct cm_json *out, const struct cm_json *from,
                 const char *name) {
    const struct cm_json *value = cm_json_get(from, name);

    if (value != NULL && cm_json_get(out, name) == NULL) {
        cm_json_set(a, out, name, cm_json_copy(a, value));
    }
}

static struct cm_json *restrict_to_set(struct cm_arena *a, const struct cm_json *live,
                                       const struct cm_json *set) {
    struct cm_json *out = set != NULL && live->type == CM_OBJECT ? restrict_object(a, live, set)
                                                                 : cm_json_new(a, CM_OBJECT);
    const struct cm_json *metadata = cm_json_get(live, "metadata");

    (void)cm_json_remove(out, "status");
    keep(a, out, live, "apiVersion");
    keep(a, out, live, "kind");
    if (metadata == NULL) {
        return out;
    }
    struct cm_json *kept = cm_json_get(out, "metadata");
    if (kept == NULL || kept->type != CM_OBJECT) {
        kept = cm_json_new(a, CM_OBJECT);
        cm_json_set(a, out, "metadata", kept);
    }
    keep(a, kept, metadata, "name");
    keep(a, kept, metadata, "namespace");
    return out;
}

static bool is_named(const void *name, const struct cm_manager *m) {
    return strcmp(m->name, name) == 0;
}

struct cm_json *cm_object_restrict(struct cm_arena *a, const struct cm_json *live,
                                   const char *manager) {
    return restrict_to_set(a, live, fields_owned_by(a, live, is_named, manager));
}

struct cm_json *cm_object_restrict_to(struct cm_arena *a, const struct cm_json *live,
                                      bool (*counts)(const void *ctx, const struct cm_manager *m),
                                      const void *ctx) {
    struct cm_json *set = fields_owned_by(a, live, counts, ctx);

    return set == NULL ? NULL : restrict_to_set(a, live, set);
}
