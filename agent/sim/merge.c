#include "agent/sim/merge.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/object/id.h"
#include "common/object/listkeys.h"
#include "common/object/path.h"

// Where the merge is: the kind and the path choose the list keys.
struct merge {
    struct cm_arena *a;
    const char *group;
    const char *kind;
};

static void merge_object(const struct merge *m, const char *path, const struct cm_json *before,
                         const struct cm_json *desired, struct cm_json *live);

// relink empties a list and appends these entries.
static void relink(struct cm_json *list, struct cm_json **entries, size_t count) {
    list->first = NULL;
    list->last = NULL;
    list->count = 0;
    for (size_t i = 0; i < count; i++) {
        entries[i]->next = NULL;
        cm_json_append(list, entries[i]);
    }
}

static bool is_same(const struct cm_list_rule *rule, const struct cm_json *x,
                    const struct cm_json *y) {
    return rule->type == CM_LIST_SET ? cm_json_equal(x, y) : cm_list_same(rule, x, y);
}

static struct cm_json *find_same(const struct cm_list_rule *rule, const struct cm_json *list,
                                 const struct cm_json *entry) {
    struct cm_json *n = list == NULL || list->type != CM_ARRAY ? NULL : list->first;

    while (n != NULL && !is_same(rule, n, entry)) {
        n = n->next;
    }
    return n;
}

static void merge_list(const struct merge *m, const struct cm_list_rule *rule, const char *path,
                       const struct cm_json *before, const struct cm_json *desired,
                       struct cm_json *live) {
    size_t count = 0;
    struct cm_json **out =
        cm_arena_get(m->a, (desired->count + live->count + 1) * sizeof(struct cm_json *));

    for (const struct cm_json *d = desired->first; d != NULL; d = d->next) {
        struct cm_json *l = find_same(rule, live, d);

        if (l != NULL && l->type == CM_OBJECT) {
            merge_object(m, path, find_same(rule, before, d), d, l);
        }
        out[count++] = l != NULL ? l : cm_json_copy(m->a, d);
    }
    for (struct cm_json *l = live->first; l != NULL; l = l->next) {
        bool ours = find_same(rule, before, l) != NULL || find_same(rule, desired, l) != NULL;

        if (!ours) {
            out[count++] = l;
        }
    }
    relink(live, out, count);
}

static void merge_member(const struct merge *m, const char *path, const struct cm_json *before,
                         const struct cm_json *desired, struct cm_json *parent) {
    struct cm_json *live = cm_json_get(parent, desired->key);
    bool alike = live != NULL && live->type == desired->type;

    if (alike && live->type == CM_OBJECT) {
        merge_object(m, path, before, desired, live);
        return;
    }
    if (alike && live->type == CM_ARRAY) {
        const struct cm_list_rule *rule = cm_list_rule_find(m->group, m->kind, path);

        if (rule->type != CM_LIST_ATOMIC) {
            merge_list(m, rule, cm_arena_strf(m->a, "%s[]", path), before, desired, live);
            return;
        }
    }
    cm_json_set(m->a, parent, desired->key, cm_json_copy(m->a, desired));
}

static const struct cm_json *object_or_null(const struct cm_json *node) {
    return node != NULL && node->type == CM_OBJECT ? node : NULL;
}

// The recursion is as deep as the object, which the JSON reader has limited.
static void merge_object( // NOLINT(misc-no-recursion)
    const struct merge *m, const char *path, const struct cm_json *before,
    const struct cm_json *desired, struct cm_json *live) {
    const struct cm_json *old = object_or_null(before);

    for (const struct cm_json *n = old == NULL ? NULL : old->first; n != NULL; n = n->next) {
        if (cm_json_get(desired, n->key) == NULL) {
            (void)cm_json_remove(live, n->key);
        }
    }
    for (const struct cm_json *d = desired->first; d != NULL; d = d->next) {
        const char *at = path[0] == '\0' ? d->key : cm_arena_strf(m->a, "%s.%s", path, d->key);

        merge_member(m, at, cm_json_get(old, d->key), d, live);
    }
}

void agent_sim_merge(struct cm_arena *a, const struct cm_json *before,
                     const struct cm_json *desired, struct cm_json *live) {
    struct merge m = {.a = a, .group = "", .kind = ""};
    struct cm_object_id id;
    struct cm_err err;

    if (cm_object_id_of(a, desired, &id, &err) == CM_OK) {
        m.group = id.group;
        m.kind = id.kind;
    }
    merge_object(&m, "", before, desired, live);
}

static bool entry_matches(const struct cm_json *entry, const struct cm_segment *segment) {
    if (segment->type == CM_SEGMENT_VALUE) {
        return entry->text != NULL && strcmp(entry->text, segment->name) == 0;
    }
    for (size_t i = 0; segment->keys[i] != NULL; i++) {
        const struct cm_json *value = cm_json_get(entry, segment->keys[i]);

        if (value == NULL || value->text == NULL || strcmp(value->text, segment->values[i]) != 0) {
            return false;
        }
    }
    return true;
}

static struct cm_json *find_entry(const struct cm_json *list, const struct cm_segment *segment) {
    struct cm_json *n = list == NULL || list->type != CM_ARRAY ? NULL : list->first;

    while (n != NULL && !entry_matches(n, segment)) {
        n = n->next;
    }
    return n;
}

// step_into returns the node of a segment; a missing member becomes an object.
static struct cm_json *step_into(struct cm_arena *a, struct cm_json *node,
                                 const struct cm_segment *segment) {
    if (segment->type != CM_SEGMENT_MEMBER) {
        return find_entry(node, segment);
    }
    if (node->type != CM_OBJECT) {
        return NULL;
    }
    struct cm_json *next = cm_json_get(node, segment->name);
    if (next == NULL) {
        next = cm_json_new(a, CM_OBJECT);
        cm_json_set(a, node, segment->name, next);
    }
    return next;
}

bool agent_sim_set(struct cm_arena *a, struct cm_json *object, const char *path,
                   struct cm_json *value) {
    struct cm_path parsed;
    struct cm_json *node = object;

    if (!cm_path_parse(a, path, &parsed) || parsed.count == 0) {
        return false;
    }
    for (size_t i = 0; node != NULL && i + 1 < parsed.count; i++) {
        node = step_into(a, node, &parsed.segments[i]);
    }
    const struct cm_segment *last = &parsed.segments[parsed.count - 1];
    if (node == NULL || node->type != CM_OBJECT || last->type != CM_SEGMENT_MEMBER) {
        return false;
    }
    cm_json_set(a, node, last->name, value);
    return true;
}
