#include "common/object/spare.h"

#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/diff.h"
#include "common/object/field.h"
#include "common/object/id.h"
#include "common/object/listkeys.h"
#include "common/object/path.h"
#include "common/object/schema.h"
#include "common/str.h"

enum { LOOKED_AT = 1000, ADDRESSES_MAX = 1000 };

// A field of an object: the path of the difference that tells of it, and behind that the way into
// a value that is compared as a whole.
struct address {
    const char *path;
    const struct cm_segment *rest;
    size_t rest_count;
};

struct addresses {
    struct address *items; // in the arena
    size_t count;
    size_t capacity;
};

// ---- What a rule names

enum cm_rc cm_spare_field_check(const char *text, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_path path;

    if (!cm_field_parse(a, text, &path)) {
        return cm_fail(err, CM_EINVAL,
                       "'%.100s' names no field: write a JSON pointer such as /spec/replicas or "
                       "/spec/template/spec/containers/[name=web]/image",
                       text);
    }
    return CM_OK;
}

// segments_of are those of an address, from the root.
static struct cm_path segments_of(struct cm_arena *a, const struct address *address) {
    struct cm_path path = {0};

    if (!cm_path_parse(a, address->path, &path)) {
        return (struct cm_path){0};
    }
    struct cm_segment *all = cm_arena_get(a, (path.count + address->rest_count + 1) * sizeof(*all));
    memcpy(all, path.segments, path.count * sizeof(*all));
    if (address->rest_count > 0) {
        memcpy(all + path.count, address->rest, address->rest_count * sizeof(*all));
    }
    return (struct cm_path){all, path.count + address->rest_count};
}

// ---- From what a rule names to fields of the desired object

struct expansion {
    struct cm_arena *a;
    struct addresses *out;
    struct cm_str path;
};

static void add_address(struct expansion *e, const struct cm_segment *rest, size_t count) {
    struct addresses *out = e->out;

    if (out->count == ADDRESSES_MAX) {
        return;
    }
    if (out->count == out->capacity) {
        struct address *items = out->items;

        out->capacity = out->capacity == 0 ? 4 : out->capacity * 2;
        out->items = cm_arena_get(e->a, out->capacity * sizeof(*items));
        memcpy(out->items, items == NULL ? out->items : items, out->count * sizeof(*items));
    }
    out->items[out->count++] =
        (struct address){cm_arena_strdup(e->a, cm_str_get(&e->path)), rest, count};
}

static void cut(struct cm_str *path, size_t len) {
    if (path->data != NULL) {
        path->len = len;
        path->data[len] = '\0';
    }
}

// has_keys tells whether the elements of a list are told apart by keys or by their value.
static bool has_keys(const struct cm_list_rule *rule, const struct cm_json *list) {
    for (const struct cm_json *n = list->first; rule->type == CM_LIST_MAP && n != NULL;
         n = n->next) {
        if (!cm_list_same(rule, n, n)) {
            return false;
        }
    }
    return rule->type != CM_LIST_ATOMIC;
}

static void expand(struct expansion *e, struct cm_cursor at, const struct cm_segment *segments,
                   size_t count);

// The recursion is as deep as the pointer is long, which its reader has limited.
static void expand_list( // NOLINT(misc-no-recursion)
    struct expansion *e, struct cm_cursor at, const struct cm_segment *segments, size_t count) {
    const struct cm_list_rule *rule = cm_schema_rule(at.place);
    size_t len = e->path.len;
    size_t index = 0;

    for (struct cm_json *n = at.node->first; n != NULL; n = n->next, index++) {
        if (cm_field_means(rule, segments, n, index)) {
            cm_path_add_entry(&e->path, rule, n);
            expand(e, (struct cm_cursor){n, cm_schema_element(at.place)}, segments + 1, count - 1);
            cut(&e->path, len);
        }
    }
}

static void expand( // NOLINT(misc-no-recursion)
    struct expansion *e, struct cm_cursor at, const struct cm_segment *segments, size_t count) {
    size_t len = e->path.len;

    if (at.node == NULL) {
        return; // nothing is desired there
    }
    bool is_list = at.node->type == CM_ARRAY;
    bool whole = is_list ? !has_keys(cm_schema_rule(at.place), at.node)
                         : (at.place.flags & CM_FIELD_ATOMIC) != 0;
    if (count == 0 || whole) {
        add_address(e, segments, count);
    } else if (is_list) {
        expand_list(e, at, segments, count);
    } else if (segments->type == CM_SEGMENT_MEMBER) {
        cm_path_add_member(&e->path, segments->name);
        expand(e, cm_field_step(at, segments), segments + 1, count - 1);
        cut(&e->path, len);
    }
}

static struct addresses expand_rule(struct cm_arena *a, const struct cm_spare_rule *rule,
                                    const struct cm_json *desired) {
    struct addresses out = {0};
    struct expansion e = {.a = a, .out = &out};

    for (size_t i = 0; i < rule->field_count; i++) {
        struct cm_path path;

        if (cm_field_parse(a, rule->fields[i], &path)) {
            expand(&e, cm_field_root(a, desired), path.segments, path.count);
        }
    }
    cm_str_done(&e.path);
    return out;
}

// ---- Which rule is about a difference

// A rule with what it is about in a desired object.
struct meaning {
    struct addresses fields;
    bool holds;
};

// is_at_or_below tells whether a path is another one or goes on from it; "" is the whole object.
static bool is_at_or_below(const char *path, const char *above) {
    size_t len = strlen(above);

    return len == 0 || (strncmp(path, above, len) == 0 &&
                        (path[len] == '\0' || path[len] == '.' || path[len] == '['));
}

static bool covers(const struct address *address, const struct cm_difference *d) {
    return address->rest_count == 0 && is_at_or_below(d->path, address->path);
}

// is_inside tells whether a field is a part of what differs as a whole.
static bool is_inside(const struct address *address, const struct cm_difference *d) {
    return !covers(address, d) && is_at_or_below(address->path, d->path);
}

static bool is_by_manager(const struct cm_spare *s, const struct cm_spare_rule *rule,
                          const struct cm_difference *d) {
    const char *manager = rule->manager_count == 0 ? "" : s->manager_of(s->ctx, d->path);

    for (size_t i = 0; i < rule->manager_count; i++) {
        if (strcmp(rule->managers[i], manager) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_about(const struct cm_spare *s, const struct cm_spare_rule *rule,
                     const struct meaning *meaning, const struct cm_difference *d) {
    for (size_t i = 0; i < meaning->fields.count; i++) {
        if (covers(&meaning->fields.items[i], d)) {
            return true;
        }
    }
    if (!meaning->holds) {
        return false;
    }
    return (rule->field_count == 0 && rule->manager_count == 0) || is_by_manager(s, rule, d);
}

// ---- Letting be

// let_be lets one field be; it tells whether it was taken over as it is. A part of what is not
// there at all is not there either.
static bool let_be(struct cm_arena *a, const struct cm_spare *s, const struct address *address,
                   struct cm_json *desired, const struct cm_json *live) {
    struct cm_path path = segments_of(a, address);

    if (path.count == 0) {
        return false;
    }
    const struct cm_segment *last = &path.segments[path.count - 1];
    struct cm_cursor parent =
        cm_field_walk(cm_field_root(a, desired), path.segments, path.count - 1);
    struct cm_cursor theirs = cm_field_walk(cm_field_root(a, live), path.segments, path.count - 1);
    struct cm_json *own = parent.node == NULL ? NULL : cm_field_step(parent, last).node;
    if (own == NULL || theirs.node == NULL || theirs.node->type != parent.node->type) {
        return false;
    }
    const struct cm_json *value = cm_field_step(theirs, last).node;
    if (value != NULL && address->rest_count == 0 && parent.node->type == CM_OBJECT &&
        s->is_kept != NULL && s->is_kept(s->ctx, address->path)) {
        (void)cm_json_remove(parent.node, last->name);
        return false;
    }
    cm_field_put(a, parent.node, last, own, value);
    return value != NULL;
}

// vanishes tells whether a difference is one no more when the fields inside it that a rule names
// are let be.
static bool vanishes(struct cm_arena *a, const struct cm_spare *s, const struct addresses *fields,
                     const struct cm_json *desired, const struct cm_json *live,
                     const struct cm_difference *d) {
    struct cm_json *copy = NULL;
    struct cm_differences left;

    for (size_t i = 0; i < fields->count; i++) {
        if (is_inside(&fields->items[i], d)) {
            copy = copy != NULL ? copy : cm_json_copy(a, desired);
            (void)let_be(a, s, &fields->items[i], copy, live);
        }
    }
    if (copy == NULL) {
        return false;
    }
    cm_object_diff(a, copy, live, LOOKED_AT, &left);
    for (size_t i = 0; i < left.count; i++) {
        if (strcmp(left.items[i].path, d->path) == 0) {
            return false;
        }
    }
    return true;
}

static struct meaning *expand_all(struct cm_arena *a, const struct cm_spare *s,
                                  const struct cm_json *desired) {
    struct meaning *all = cm_arena_get(a, (s->count + 1) * sizeof(*all));

    for (size_t i = 0; i < s->count; i++) {
        const char *owner = s->rules[i].owner;

        all[i].holds = owner == NULL || s->holds == NULL || s->holds(s->ctx, owner);
        if (all[i].holds) {
            all[i].fields = expand_rule(a, &s->rules[i], desired);
        }
    }
    return all;
}

void cm_spare_sort(struct cm_arena *a, const struct cm_spare *s, const struct cm_json *desired,
                   const struct cm_json *live, const struct cm_differences *all, size_t *rules) {
    const struct meaning *meant = expand_all(a, s, desired);

    for (size_t i = 0; i < all->count; i++) {
        const struct cm_difference *d = &all->items[i];
        size_t rule = 0;

        while (rule < s->count && !is_about(s, &s->rules[rule], &meant[rule], d) &&
               (live == NULL || !vanishes(a, s, &meant[rule].fields, desired, live, d))) {
            rule++;
        }
        rules[i] = rule < s->count ? rule : CM_SPARE_NO_RULE;
    }
}

// An apply in the making.
struct sparing {
    struct cm_arena *a;
    const struct cm_spare *s;
    const struct cm_json *before;
    struct cm_json *desired;
    const struct cm_json *live;
    bool taken;
};

static bool is_new(const struct sparing *x, const struct address *address) {
    struct cm_path path = segments_of(x->a, address);
    const struct cm_json *old =
        cm_field_walk(cm_field_root(x->a, x->before), path.segments, path.count).node;
    const struct cm_json *now =
        cm_field_walk(cm_field_root(x->a, x->desired), path.segments, path.count).node;

    return old == NULL || now == NULL ? old != now : !cm_json_equal(old, now);
}

static void spare_field(struct sparing *x, enum cm_spare_how how, const struct address *address) {
    bool applied = how == CM_SPARE_NEVER ||
                   (how == CM_SPARE_UNLESS_NEW && x->before != NULL && is_new(x, address));

    if (!applied) {
        x->taken |= let_be(x->a, x->s, address, x->desired, x->live);
    }
}

static void spare_one(struct sparing *x, const enum cm_spare_how *how, enum cm_spare_how otherwise,
                      const struct meaning *rules, const struct cm_difference *d) {
    const struct address whole = {.path = d->path};

    for (size_t i = 0; i < x->s->count; i++) {
        const struct addresses *fields = &rules[i].fields;

        if (is_about(x->s, &x->s->rules[i], &rules[i], d)) {
            spare_field(x, how[i], &whole);
            return;
        }
        if (how[i] == CM_SPARE_NEVER && vanishes(x->a, x->s, fields, x->desired, x->live, d)) {
            return; // what has one owner as a whole is put right as a whole
        }
        for (size_t k = 0; k < fields->count; k++) {
            if (is_inside(&fields->items[k], d)) {
                spare_field(x, how[i], &fields->items[k]);
            }
        }
    }
    spare_field(x, otherwise, &whole);
}

bool cm_spare_apply(struct cm_arena *a, const struct cm_spare *s, const enum cm_spare_how *how,
                    enum cm_spare_how otherwise, const struct cm_json *before,
                    struct cm_json *desired, const struct cm_json *live) {
    struct sparing x = {a, s, before, desired, live, false};
    const struct meaning *rules = expand_all(a, s, desired);
    struct cm_differences all;

    cm_object_diff(a, desired, live, LOOKED_AT, &all);
    for (size_t i = 0; i < all.count; i++) {
        spare_one(&x, how, otherwise, rules, &all.items[i]);
    }
    return x.taken;
}
