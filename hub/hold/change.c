// How two releases differ, field by field.
//
// A list whose entries have keys is gone through entry by entry if both releases have the same ones
// in the same order. Else it is one difference: the order is a part of what a controller compares,
// so restoring must be able to bring it back.
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/object/listkeys.h"
#include "common/str.h"
#include "hub/hold/internal.h"

struct cm_cursor hub_hold_root(struct cm_arena *a, const struct cm_json *object) {
    struct cm_cursor root = cm_field_root(a, object);
    struct cm_object_id id;
    struct cm_err err;

    if (cm_object_id_of(a, object, &id, &err) == CM_OK &&
        cm_object_scope(id.group, id.kind) == CM_SCOPE_UNKNOWN &&
        cm_json_path(object, "spec", "template", "spec", NULL) != NULL) {
        root.place = cm_schema_root("apps", "Deployment");
    }
    return root;
}

void hub_hold_add_change(struct hub_changes_of *c, const char *at, const struct cm_json *bad,
                         const struct cm_json *use) {
    if (c->count == c->capacity) {
        size_t capacity = c->capacity == 0 ? 16 : c->capacity * 2;
        struct hub_hold_delta *items = cm_arena_get(c->a, capacity * sizeof(*items));

        if (c->count > 0) {
            memcpy(items, c->items, c->count * sizeof(*items));
        }
        c->items = items;
        c->capacity = capacity;
    }
    c->items[c->count++] = (struct hub_hold_delta){
        .object = c->object, .at = cm_arena_strdup(c->a, at), .bad = bad, .use = use};
}

static void compare_member(struct hub_changes_of *c, const char *at, const char *name,
                           const struct cm_json *good, const struct cm_json *bad,
                           struct cm_place place) {
    CM_CLEANUP(cm_str_done) struct cm_str below = {0};

    cm_str_add(&below, at);
    cm_field_add_member(&below, name);
    hub_hold_compare(c, cm_str_get(&below), good, bad, cm_schema_member(place, name));
}

// The recursion is as deep as objects are, which their parser has limited.
static void compare_objects( // NOLINT(misc-no-recursion)
    struct hub_changes_of *c, const char *at, const struct cm_json *good, const struct cm_json *bad,
    struct cm_place place) {
    for (const struct cm_json *m = bad->first; m != NULL; m = m->next) {
        compare_member(c, at, m->key, cm_json_get(good, m->key), m, place);
    }
    for (const struct cm_json *m = good->first; m != NULL; m = m->next) {
        if (cm_json_get(bad, m->key) == NULL) {
            compare_member(c, at, m->key, m, NULL, place);
        }
    }
}

const struct cm_json *hub_hold_find_like(const struct cm_list_rule *rule,
                                         const struct cm_json *list, const struct cm_json *entry) {
    for (const struct cm_json *n = list->first; n != NULL; n = n->next) {
        if (cm_list_same(rule, n, entry)) {
            return n;
        }
    }
    return NULL;
}

static void compare_entry( // NOLINT(misc-no-recursion)
    struct hub_changes_of *c, const char *at, const struct cm_list_rule *rule,
    const struct cm_json *good, const struct cm_json *bad, struct cm_place place) {
    CM_CLEANUP(cm_str_done) struct cm_str below = {0};

    cm_str_add(&below, at);
    cm_field_add_entry(&below, rule, bad != NULL ? bad : good);
    hub_hold_compare(c, cm_str_get(&below), good, bad, cm_schema_element(place));
}

static void compare_entries( // NOLINT(misc-no-recursion)
    struct hub_changes_of *c, const char *at, const struct cm_json *good, const struct cm_json *bad,
    struct cm_place place) {
    const struct cm_list_rule *rule = cm_schema_rule(place);

    for (const struct cm_json *n = bad->first; n != NULL; n = n->next) {
        compare_entry(c, at, rule, hub_hold_find_like(rule, good, n), n, place);
    }
    for (const struct cm_json *n = good->first; n != NULL; n = n->next) {
        if (hub_hold_find_like(rule, bad, n) == NULL) {
            compare_entry(c, at, rule, n, NULL, place);
        }
    }
}

// have_keys tells whether each entry of a list has the keys by which it is found.
static bool have_keys(const struct cm_list_rule *rule, const struct cm_json *list) {
    const struct cm_json *n = list->first;

    while (n != NULL && cm_list_same(rule, n, n)) {
        n = n->next;
    }
    return n == NULL && rule->type == CM_LIST_MAP;
}

static bool same_entries(const struct cm_list_rule *rule, const struct cm_json *a,
                         const struct cm_json *b) {
    const struct cm_json *x = a->first;
    const struct cm_json *y = b->first;

    for (; x != NULL && y != NULL && cm_list_same(rule, x, y); x = x->next) {
        y = y->next;
    }
    return x == NULL && y == NULL;
}

void hub_hold_compare( // NOLINT(misc-no-recursion)
    struct hub_changes_of *c, const char *at, const struct cm_json *good, const struct cm_json *bad,
    struct cm_place place) {
    const struct cm_list_rule *rule = cm_schema_rule(place);
    bool both = good != NULL && bad != NULL && good->type == bad->type;

    if (good == bad || (both && cm_json_equal(good, bad))) {
        return;
    }
    if (both && bad->type == CM_OBJECT) {
        compare_objects(c, at, good, bad, place);
    } else if (both && bad->type == CM_ARRAY && have_keys(rule, good) && have_keys(rule, bad) &&
               (c->entries || same_entries(rule, good, bad))) {
        compare_entries(c, at, good, bad, place);
    } else {
        hub_hold_add_change(c, at, bad, good);
    }
}
