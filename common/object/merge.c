#include "common/object/merge.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/json_members.h"
#include "common/object/directive.h"
#include "common/object/id.h"
#include "common/object/listkeys.h"
#include "common/object/merge_check.h"
#include "common/object/schema.h"

// Comparing every entry of a list with every one of the patch's is done up to here.
#define PAIRS_MAX ((size_t)1000 * 1000)

struct merge {
    struct cm_arena *a;
    bool strategic;
    size_t pairs;                   // compared so far
    const struct cm_json *too_long; // a list of the patch for which there were too many
};

static const struct cm_list_rule *rule_at(const struct merge *m, struct cm_place place) {
    return cm_merge_rule(m->strategic, place);
}

static void empty(struct cm_json *holder) {
    holder->first = holder->last = NULL;
    holder->count = 0;
}

// ---- What is put where there was nothing

static struct cm_json *clean(const struct merge *m, struct cm_json *patch, struct cm_place place);

static void clean_list(const struct merge *m, struct cm_json *list, struct cm_place place) {
    bool merges = rule_at(m, place)->type == CM_LIST_MAP;
    struct cm_json *next = list->first;

    empty(list);
    while (next != NULL) {
        struct cm_json *entry = next;

        next = entry->next;
        if (cm_directive_alone(entry)) {
            continue;
        }
        entry = merges ? clean(m, entry, cm_schema_element(place)) : entry;
        if (entry != NULL) {
            cm_json_append(list, entry);
        }
    }
}

// clean takes nulls and directives out of a part of the patch; NULL: nothing is left of it.
static struct cm_json *clean( // NOLINT(misc-no-recursion)
    const struct merge *m, struct cm_json *patch, struct cm_place place) {
    if (patch->type == CM_NULL || cm_directive_of(patch) == CM_PATCH_DELETE) {
        return NULL;
    }
    if (patch->type == CM_ARRAY) {
        enum cm_directive directive = cm_directive_of_list(patch);

        clean_list(m, patch, place);
        return directive == CM_PATCH_DELETE ? NULL : patch;
    }
    if (patch->type != CM_OBJECT) {
        return patch;
    }
    struct cm_json *next = patch->first;
    empty(patch);
    while (next != NULL) {
        struct cm_json *member = next;

        next = member->next;
        bool is_directive = cm_directive_is(member->key);
        member = is_directive ? NULL : clean(m, member, cm_schema_member(place, member->key));
        if (member != NULL) {
            cm_json_append(patch, member);
        }
    }
    return patch;
}

// ---- Merging

static struct cm_json *merge_value(struct merge *m, struct cm_json *base, struct cm_json *patch,
                                   struct cm_place place);

// An entry of the object's list and what the patch makes of it.
struct slot {
    struct cm_json *entry;
    struct cm_json *patch; // NULL: it stays
};

struct list_merge {
    struct merge *m;
    const struct cm_list_rule *rule;
    struct cm_place element;
    struct slot *slots;
    size_t count;
    struct cm_json *out;
};

// loosely_same leaves out keys that one of the entries has not; the first one it must have.
static bool loosely_same(const struct cm_list_rule *rule, const struct cm_json *a,
                         const struct cm_json *b) {
    for (size_t i = 0; rule->keys[i] != NULL; i++) {
        const struct cm_json *x = cm_json_get(a, rule->keys[i]);
        const struct cm_json *y = cm_json_get(b, rule->keys[i]);
        bool both = x != NULL && y != NULL;

        if (both ? !cm_json_equal(x, y) : i == 0) {
            return false;
        }
    }
    return true;
}

static bool is_same(const struct cm_list_rule *rule, const struct cm_json *a,
                    const struct cm_json *b) {
    return rule->type == CM_LIST_SET ? cm_json_equal(a, b) : cm_list_same(rule, a, b);
}

static struct slot *search(const struct list_merge *l, const struct cm_json *entry,
                           bool (*same)(const struct cm_list_rule *rule, const struct cm_json *a,
                                        const struct cm_json *b)) {
    for (size_t i = 0; i < l->count; i++) {
        if (l->slots[i].patch == NULL && same(l->rule, l->slots[i].entry, entry)) {
            return &l->slots[i];
        }
    }
    return NULL;
}

static struct slot *find_slot(const struct list_merge *l, const struct cm_json *entry) {
    struct slot *slot;

    if (l->m->pairs > PAIRS_MAX) {
        return NULL;
    }
    l->m->pairs += l->count;
    slot = search(l, entry, is_same);
    if (slot == NULL && l->rule->type == CM_LIST_MAP && l->rule->keys[1] != NULL) {
        slot = search(l, entry, loosely_same);
    }
    return slot;
}

// stays_in_order tells whether the list keeps its order, as kustomize has it where entries have a
// second key.
static bool stays_in_order(const struct list_merge *l, const struct cm_json *patch) {
    const char *second = l->rule->type == CM_LIST_MAP ? l->rule->keys[1] : NULL;
    bool found = false;

    for (size_t i = 0; second != NULL && i < l->count; i++) {
        found = found || cm_json_get(l->slots[i].entry, second) != NULL;
    }
    for (const struct cm_json *n = patch->first; second != NULL && n != NULL; n = n->next) {
        found = found || cm_json_get(n, second) != NULL;
    }
    return found;
}

static void append(const struct list_merge *l, const struct slot *slot, struct cm_json *entry) {
    entry = slot != NULL ? merge_value(l->m, slot->entry, entry, l->element)
                         : clean(l->m, entry, l->element);
    if (entry != NULL) {
        cm_json_append(l->out, entry);
    }
}

static void merge_entries(const struct list_merge *l, struct cm_json *patch) {
    bool in_order = stays_in_order(l, patch);
    struct cm_json *next = patch->first;

    while (next != NULL) {
        struct cm_json *entry = next;
        struct slot *slot = find_slot(l, entry);

        next = entry->next;
        if (slot != NULL) {
            slot->patch = entry;
        }
        if (slot == NULL || !in_order) {
            append(l, slot, entry);
        }
    }
    for (size_t i = 0; i < l->count; i++) {
        if (l->slots[i].patch == NULL) {
            cm_json_append(l->out, l->slots[i].entry);
        } else if (in_order) {
            append(l, &l->slots[i], l->slots[i].patch);
        }
    }
}

static struct cm_json *merge_list(struct merge *m, struct cm_json *base, struct cm_json *patch,
                                  struct cm_place place) {
    struct list_merge l = {
        .m = m, .rule = rule_at(m, place), .element = cm_schema_element(place), .out = base};

    if (l.rule->type == CM_LIST_ATOMIC || cm_directive_of_list(patch) != CM_PATCH_MERGE) {
        return clean(m, patch, place);
    }
    l.slots = cm_arena_get(m->a, (base->count + 1) * sizeof(*l.slots));
    for (struct cm_json *entry = base->first; entry != NULL; entry = entry->next) {
        l.slots[l.count++].entry = entry;
    }
    empty(base);
    merge_entries(&l, patch);
    if (m->pairs > PAIRS_MAX && m->too_long == NULL) {
        m->too_long = patch;
    }
    return base;
}

static bool is_retained(const struct cm_json *names, const char *name) {
    const struct cm_json *n = names != NULL ? names->first : NULL;

    while (n != NULL && strcmp(n->text, name) != 0) {
        n = n->next;
    }
    return names == NULL || n != NULL;
}

// list_members returns the members of an object as an array ended by NULL.
static struct cm_json **list_members(struct cm_arena *a, const struct cm_json *object) {
    struct cm_json **members = cm_arena_get(a, (object->count + 1) * sizeof(struct cm_json *));
    size_t count = 0;

    for (struct cm_json *n = object->first; n != NULL; n = n->next) {
        members[count++] = n;
    }
    return members;
}

// match_members returns for each of the members the one of that name in `object`, or NULL.
static struct cm_json **match_members(struct cm_arena *a, struct cm_json *const *members,
                                      size_t count, const struct cm_json *object) {
    struct cm_json **matches = cm_arena_get(a, (count + 1) * sizeof(struct cm_json *));
    struct cm_json_index index;

    cm_json_index_init(&index, object);
    for (size_t i = 0; i < count; i++) {
        matches[i] = cm_json_index_find(&index, members[i]->key);
    }
    cm_json_index_done(&index);
    return matches;
}

static void append_member(struct cm_json *object, struct cm_json *member, const char *key) {
    if (member != NULL) {
        member->key = key;
        cm_json_append(object, member);
    }
}

static struct cm_json *merge_members(struct merge *m, struct cm_json *base, struct cm_json *patch,
                                     struct cm_place place) {
    const struct cm_json *retained = cm_json_get(patch, CM_DIRECTIVE_RETAIN);
    size_t old_count = base->count;
    struct cm_json **old = list_members(m->a, base);
    struct cm_json **new = list_members(m->a, patch);
    struct cm_json **patches = match_members(m->a, old, old_count, patch);
    struct cm_json **known = match_members(m->a, new, patch->count, base);

    empty(base);
    for (size_t i = 0; i < old_count; i++) {
        const char *key = old[i]->key;

        if (patches[i] != NULL) {
            struct cm_place below = cm_schema_member(place, key);
            append_member(base, merge_value(m, old[i], patches[i], below), key);
        } else if (is_retained(retained, key)) {
            append_member(base, old[i], key);
        }
    }
    for (size_t i = 0; new[i] != NULL; i++) {
        const char *key = new[i]->key;

        if (known[i] == NULL && !cm_directive_is(key)) {
            append_member(base, clean(m, new[i], cm_schema_member(place, key)), key);
        }
    }
    return base;
}

// merge_value returns what becomes of a value and its patch; NULL: nothing. The recursion is as
// deep as the patch.
static struct cm_json *merge_value( // NOLINT(misc-no-recursion)
    struct merge *m, struct cm_json *base, struct cm_json *patch, struct cm_place place) {
    enum cm_directive directive = cm_directive_of(patch);

    if (base->type != patch->type || directive != CM_PATCH_MERGE) {
        return clean(m, patch, place);
    }
    if (patch->type == CM_OBJECT) {
        return merge_members(m, base, patch, place);
    }
    return patch->type == CM_ARRAY ? merge_list(m, base, patch, place) : clean(m, patch, place);
}

static struct cm_place root_of(struct merge *m, const struct cm_json *object) {
    const char *version = cm_json_string(cm_json_get(object, "apiVersion"));
    const char *kind = cm_json_string(cm_json_get(object, "kind"));
    const char *slash = version != NULL ? strchr(version, '/') : NULL;
    const char *group =
        slash != NULL ? cm_arena_strndup(m->a, version, (size_t)(slash - version)) : "";

    if (version == NULL || kind == NULL) {
        return (struct cm_place){0};
    }
    m->strategic = cm_object_scope(group, kind) != CM_SCOPE_UNKNOWN;
    return cm_schema_root(group, kind);
}

enum cm_rc cm_object_merge(struct cm_arena *a, struct cm_json *object, struct cm_json *patch,
                           struct cm_merged *out, struct cm_err *err) {
    struct merge m = {.a = a};
    struct cm_place root = root_of(&m, object);
    const struct cm_json *wrong = patch;
    enum cm_rc rc = cm_merge_check(patch, root, m.strategic, &wrong, err);

    if (rc < 0) {
        out->wrong = wrong;
        return rc;
    }
    struct cm_json *merged = merge_value(&m, object, patch, root);
    if (m.too_long != NULL) {
        out->wrong = m.too_long;
        return cm_fail(err, CM_EINVAL,
                       "the lists are too long to be merged entry by entry: put a '$patch: "
                       "replace' into the list and write all of it");
    }
    out->object = merged;
    return CM_OK;
}
