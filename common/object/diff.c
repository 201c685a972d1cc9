#include "common/object/diff.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/json_members.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/canonical.h"
#include "common/object/entries.h"
#include "common/object/id.h"
#include "common/object/listkeys.h"
#include "common/object/path.h"
#include "common/object/quantity.h"
#include "common/object/schema.h"
#include "common/object/secret.h"
#include "common/str.h"
#include "common/utf8.h"

struct differ {
    struct cm_arena *arena;
    struct cm_differences *out;
    size_t max;
    size_t capacity;
    bool both;        // what only `actual` has counts too
    bool whole;       // the trees are objects with a kind, not parts of one
    bool secret;      // of a Secret,
    bool hidden;      // in a part of it that nobody may see
    bool in_metadata; // of the object itself
    size_t depth;
    struct cm_str path;
};

static const struct cm_json null_node = {.type = CM_NULL};

static void grow(struct differ *d) {
    size_t capacity = d->capacity == 0 ? 8 : d->capacity * 2;
    struct cm_difference *items = cm_arena_get(d->arena, capacity * sizeof(*items));

    if (d->out->count > 0) {
        memcpy(items, d->out->items, d->out->count * sizeof(*items));
    }
    d->out->items = items;
    d->capacity = capacity;
}

static void report(struct differ *d, const struct cm_json *desired, const struct cm_json *actual) {
    if (d->out->count >= d->max) {
        d->out->more = true;
        return;
    }
    if (d->out->count == d->capacity) {
        grow(d);
    }
    if (d->hidden) {
        desired = desired->type == CM_NULL ? desired : cm_secret_mask(d->arena, desired);
        actual = cm_secret_mask(d->arena, actual);
    }
    d->out->items[d->out->count++] = (struct cm_difference){
        .path = cm_arena_strdup(d->arena, cm_str_get(&d->path)),
        .desired = desired,
        .actual = actual,
    };
}

// cut takes back what was added to the path.
static void cut(struct cm_str *path, size_t len) {
    if (path->data != NULL) {
        path->len = len;
        path->data[len] = '\0';
    }
}

// says_nothing tells whether a value has the meaning of an absent field: null, an empty list, an
// object in which there is nothing else.
static bool says_nothing(const struct cm_json *value) {
    if (value->type == CM_OBJECT) {
        const struct cm_json *m = value->first;

        while (m != NULL && says_nothing(m)) {
            m = m->next;
        }
        return m == NULL;
    }
    return value->type == CM_NULL || (value->type == CM_ARRAY && value->count == 0);
}

// is_empty_scalar tells whether it is the value that Go gives to what was not set.
static bool is_empty_scalar(const struct cm_json *value) {
    switch (value->type) {
    case CM_BOOL:
        return !value->truth;
    case CM_STRING:
        return value->len == 0;
    case CM_NUMBER:
        return cm_json_int(value, 1) == 0;
    default:
        return false;
    }
}

static bool is_as_absent(const struct cm_json *value, struct cm_place place) {
    return says_nothing(value) || ((place.flags & CM_FIELD_EMPTY) != 0 && is_empty_scalar(value));
}

// is_settled tells whether two values are the same to Kubernetes without a look inside.
static bool is_settled(const struct differ *d, const struct cm_json *desired,
                       const struct cm_json *actual, struct cm_place place) {
    if (actual == NULL || actual->type == CM_NULL) {
        return is_as_absent(desired, place);
    }
    if (says_nothing(desired)) {
        return !d->both || is_as_absent(actual, place);
    }
    if ((place.flags & CM_FIELD_QUANTITY) != 0 && cm_quantity_equal(desired, actual)) {
        return true;
    }
    bool holder = desired->type == CM_OBJECT || desired->type == CM_ARRAY;
    return !holder && cm_json_equal(desired, actual);
}

static void compare(struct differ *d, const struct cm_json *desired, const struct cm_json *actual,
                    struct cm_place place);

// is_left_out tells whether a member is not the author's to say.
static bool is_left_out(const struct differ *d, const char *name) {
    if (d->whole && d->depth == 0) {
        return strcmp(name, "apiVersion") == 0 || strcmp(name, "status") == 0;
    }
    return d->in_metadata && d->depth == 1 && cm_object_is_server_owned(name);
}

// are_equal tells, before a path is made, of what most members and elements are.
static bool are_equal(const struct cm_json *desired, const struct cm_json *actual) {
    return desired != NULL && actual != NULL && cm_json_equal(desired, actual);
}

// compare_member compares a member of the two; `desired` is NULL for one that only `actual` has.
static void compare_member(struct differ *d, const char *name, const struct cm_json *desired,
                           const struct cm_json *actual, struct cm_place place) {
    size_t len = d->path.len;
    bool was_hidden = d->hidden;
    struct cm_place below = cm_schema_member(place, name);

    if (is_left_out(d, name) || are_equal(desired, actual)) {
        return;
    }
    cm_path_add_member(&d->path, name);
    d->hidden = d->hidden || (d->secret && cm_secret_hides(name, d->depth == 0));
    if (d->depth == 0) {
        d->in_metadata = d->whole && strcmp(name, "metadata") == 0;
    }
    d->depth++;
    if (desired != NULL) {
        compare(d, desired, actual, below);
    } else if (!is_as_absent(actual, below)) {
        report(d, &null_node, actual);
    }
    d->depth--;
    d->hidden = was_hidden;
    cut(&d->path, len);
}

static void compare_objects(struct differ *d, const struct cm_json *desired,
                            const struct cm_json *actual, struct cm_place place) {
    CM_CLEANUP(cm_json_index_done) struct cm_json_index there;
    CM_CLEANUP(cm_json_index_done) struct cm_json_index here;

    cm_json_index_init(&there, actual);
    cm_json_index_init(&here, desired);
    for (const struct cm_json *m = desired->first; m != NULL && !d->out->more; m = m->next) {
        compare_member(d, m->key, m, cm_json_index_find(&there, m->key), place);
    }
    for (const struct cm_json *m = d->both ? actual->first : NULL; m != NULL; m = m->next) {
        if (cm_json_index_find(&here, m->key) == NULL) {
            compare_member(d, m->key, NULL, m, place);
        }
    }
}

// is_map_list tells whether all elements have the keys by which they could be found.
static bool is_map_list(const struct cm_list_rule *rule, const struct cm_json *list) {
    const struct cm_json *entry = list->first;

    while (entry != NULL && cm_list_same(rule, entry, entry)) {
        entry = entry->next;
    }
    return entry == NULL;
}

static void compare_entry(struct differ *d, const struct cm_list_rule *rule,
                          const struct cm_json *desired, const struct cm_json *actual,
                          struct cm_place place) {
    size_t len = d->path.len;

    if (are_equal(desired, actual)) {
        return;
    }
    cm_path_add_entry(&d->path, rule, desired != NULL ? desired : actual);
    d->depth++;
    if (desired != NULL) {
        compare(d, desired, actual, place);
    } else {
        report(d, &null_node, actual);
    }
    d->depth--;
    cut(&d->path, len);
}

static void compare_map_lists(struct differ *d, const struct cm_json *desired,
                              const struct cm_json *actual, struct cm_place place) {
    const struct cm_list_rule *rule = cm_schema_rule(place);
    CM_CLEANUP(cm_entries_done) struct cm_entries there;
    CM_CLEANUP(cm_entries_done) struct cm_entries here;

    place = cm_schema_element(place);
    cm_entries_init(&there, rule, actual);
    cm_entries_init(&here, rule, desired);
    for (const struct cm_json *e = desired->first; e != NULL && !d->out->more; e = e->next) {
        compare_entry(d, rule, e, cm_entries_find(&there, e), place);
    }
    for (const struct cm_json *e = d->both ? actual->first : NULL; e != NULL; e = e->next) {
        if (cm_entries_find(&here, e) == NULL) {
            compare_entry(d, rule, NULL, e, place);
        }
    }
}

static void write_value(const struct cm_json *value, struct cm_str *out) {
    cm_str_clear(out);
    cm_json_write_compact(value, out);
}

// report_missing reports the elements of a set that the other has not.
static void report_missing(struct differ *d, const struct cm_json *set, const struct cm_json *other,
                           bool is_desired) {
    static const struct cm_list_rule rule = {.type = CM_LIST_SET};
    CM_CLEANUP(cm_map_freep) struct cm_map *values = cm_map_new(NULL);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    size_t len = d->path.len;

    for (struct cm_json *e = other->first; e != NULL; e = e->next) {
        write_value(e, &text);
        cm_map_put(values, cm_str_get(&text), e);
    }
    for (const struct cm_json *e = set->first; e != NULL; e = e->next) {
        write_value(e, &text);
        if (cm_map_get(values, cm_str_get(&text)) == NULL) {
            cm_path_add_entry(&d->path, &rule, e);
            report(d, is_desired ? e : &null_node, is_desired ? NULL : e);
            cut(&d->path, len);
        }
    }
}

// have_differences compares without listing anything.
static bool have_differences(const struct differ *d, const struct cm_json *desired,
                             const struct cm_json *actual, struct cm_place place) {
    struct cm_differences none = {0};
    struct differ quiet = *d;

    quiet.out = &none;
    quiet.max = 0;
    quiet.path = (struct cm_str){0};
    quiet.depth++;
    compare(&quiet, desired, actual, place);
    cm_str_done(&quiet.path);
    return none.more;
}

// compare_atomic_lists compares as a whole, but for what the server fills into elements.
static void compare_atomic_lists(struct differ *d, const struct cm_json *desired,
                                 const struct cm_json *actual, struct cm_place place) {
    const struct cm_json *x = desired->first;
    const struct cm_json *y = actual->first;

    place = cm_schema_element(place);
    if (desired->count != actual->count) {
        report(d, desired, actual);
        return;
    }
    while (x != NULL && !have_differences(d, x, y, place)) {
        x = x->next;
        y = y->next;
    }
    if (x != NULL) {
        report(d, desired, actual);
    }
}

static void compare_lists(struct differ *d, const struct cm_json *desired,
                          const struct cm_json *actual, struct cm_place place) {
    const struct cm_list_rule *rule = cm_schema_rule(place);

    if (rule->type == CM_LIST_SET) {
        report_missing(d, desired, actual, true);
        if (d->both) {
            report_missing(d, actual, desired, false);
        }
    } else if (rule->type == CM_LIST_MAP && is_map_list(rule, desired) &&
               (!d->both || is_map_list(rule, actual))) {
        compare_map_lists(d, desired, actual, place);
    } else {
        compare_atomic_lists(d, desired, actual, place);
    }
}

static void compare(struct differ *d, const struct cm_json *desired, const struct cm_json *actual,
                    struct cm_place place) {
    if (d->out->more || is_settled(d, desired, actual, place)) {
        return;
    }
    bool alike = actual != NULL && actual->type == desired->type;
    bool is_shared = (place.flags & CM_FIELD_ATOMIC) == 0 || d->both;

    if (alike && desired->type == CM_ARRAY) {
        compare_lists(d, desired, actual, place);
    } else if (alike && desired->type == CM_OBJECT && is_shared) {
        compare_objects(d, desired, actual, place);
    } else if (!alike || !cm_json_equal(desired, actual)) {
        report(d, desired, actual);
    }
}

// settle returns a Secret as the server keeps it; any other tree as it is.
static const struct cm_json *settle(struct cm_arena *a, const struct cm_json *object) {
    if (!cm_secret_is(object)) {
        return object;
    }
    struct cm_json *copy = cm_json_copy(a, object);
    cm_secret_settle(a, copy);
    return copy;
}

static struct cm_place root_of(struct cm_arena *a, const struct cm_json *object, bool *whole) {
    const char *version = cm_json_string(cm_json_get(object, "apiVersion"));
    const char *kind = cm_json_string(cm_json_get(object, "kind"));

    *whole = version != NULL && kind != NULL;
    if (!*whole) {
        return (struct cm_place){0};
    }
    const char *slash = strchr(version, '/');
    const char *group =
        slash == NULL ? "" : cm_arena_strndup(a, version, (size_t)(slash - version));
    return cm_schema_root(group, kind);
}

static void list_differences(struct differ *d, const struct cm_json *desired,
                             const struct cm_json *actual) {
    struct cm_place place = root_of(d->arena, desired, &d->whole);

    *d->out = (struct cm_differences){0};
    d->secret = cm_secret_is(desired) || cm_secret_is(actual);
    compare(d, settle(d->arena, desired), settle(d->arena, actual), place);
    cm_str_done(&d->path);
}

void cm_object_diff(struct cm_arena *a, const struct cm_json *desired, const struct cm_json *actual,
                    size_t max, struct cm_differences *out) {
    struct differ d = {.arena = a, .out = out, .max = max};

    list_differences(&d, desired, actual);
}

void cm_object_changes(struct cm_arena *a, const struct cm_json *before,
                       const struct cm_json *after, size_t max, struct cm_differences *out) {
    struct differ d = {.arena = a, .out = out, .max = max, .both = true};

    list_differences(&d, before, after);
}

static void mask_below(struct cm_arena *a, struct cm_json *object, bool at_root) {
    for (struct cm_json *m = object->first; m != NULL; m = m->next) {
        if (!cm_secret_hides(m->key, at_root)) {
            continue;
        }
        const struct cm_json *masked = cm_secret_mask(a, m);
        m->type = masked->type;
        m->text = masked->text;
        m->first = masked->first;
        m->last = masked->last;
        m->count = masked->count;
    }
}

void cm_object_mask(struct cm_arena *a, struct cm_json *object) {
    struct cm_json *annotations = cm_json_path(object, "metadata", "annotations", NULL);

    if (!cm_secret_is(object)) {
        return;
    }
    mask_below(a, object, true);
    if (annotations != NULL && annotations->type == CM_OBJECT) {
        mask_below(a, annotations, false);
    }
}

const char *cm_difference_text(struct cm_arena *a, const struct cm_json *value, size_t max) {
    static const char more[] = "…";
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    if (value == NULL) {
        return "<none>";
    }
    cm_json_write_compact(value, &text);
    if (text.len <= max || max < sizeof(more)) {
        return cm_arena_strndup(a, cm_str_get(&text), max);
    }
    size_t keep = cm_utf8_valid(text.data, max - (sizeof(more) - 1));
    return cm_arena_strf(a, "%.*s%s", (int)keep, text.data, more);
}
