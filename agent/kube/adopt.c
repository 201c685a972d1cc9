#include "agent/kube/adopt.h"

#include <stddef.h>
#include <string.h>

#include "agent/kube/added.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/object/diff.h"
#include "common/object/owned.h"
#include "common/object/path.h"
#include "common/str.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

enum {
    LOOKED_AT = 20, // differences
    WORDS_MAX = 300,
};

// Whose fields are taken over. A name may be the beginning of longer ones (kubectl-create).
struct predecessor {
    const char *name;
    const char *operation; // NULL: any
    bool begins;
    bool tool; // a GitOps tool
};

static const struct predecessor predecessors[] = {
    {"kubectl", NULL, true, false},
    {"before-first-apply", "Update", false, false},
    {"helm", NULL, false, false},
    {"Helm", NULL, false, false},
    {"kustomize-controller", NULL, false, true},
    {"helm-controller", NULL, false, true},
    {"argocd-controller", NULL, false, true},
    {"argocd-application-controller", NULL, false, true},
    {"fleetagent", NULL, false, true},
};

// `kubectl rollout restart` writes an annotation into the template: to take it away would restart
// everything once more.
#define NO_PREDECESSOR "kubectl-rollout"

static const char *text_of(const struct cm_json *node, const char *name) {
    const char *text = cm_json_string(cm_json_get(node, name));

    return text == NULL ? "" : text;
}

static bool is_predecessor(const struct cm_json *entry, const char *manager, bool tools) {
    const char *name = text_of(entry, "manager");
    const char *operation = text_of(entry, "operation");

    if (text_of(entry, "subresource")[0] != '\0' || strcmp(name, NO_PREDECESSOR) == 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof(predecessors) / sizeof(predecessors[0]); i++) {
        const struct predecessor *p = &predecessors[i];
        bool named =
            p->begins ? strncmp(name, p->name, strlen(p->name)) == 0 : strcmp(name, p->name) == 0;

        if (named && (p->operation == NULL || strcmp(operation, p->operation) == 0)) {
            return tools || !p->tool;
        }
    }
    return strcmp(operation, "Update") == 0 &&
           (strcmp(name, manager) == 0 || kube_added_is_by(name));
}

static bool is_ours(const struct cm_json *entry, const char *manager) {
    return strcmp(text_of(entry, "manager"), manager) == 0 &&
           strcmp(text_of(entry, "operation"), "Apply") == 0 &&
           text_of(entry, "subresource")[0] == '\0';
}

// unite adds the set of fields `more` to `set`. A member with nothing below it means the field
// itself, "." the same beside what is below it. The depth is that of the JSON reader.
static void unite(struct cm_arena *a, struct cm_json *set, // NOLINT(misc-no-recursion)
                  const struct cm_json *more) {
    if (set->count == 0 || more->count == 0) {
        cm_json_set(a, set, ".", cm_json_new(a, CM_OBJECT));
    }
    for (const struct cm_json *m = more->first; m != NULL; m = m->next) {
        struct cm_json *have = cm_json_get(set, m->key);

        if (have == NULL) {
            cm_json_set(a, set, m->key, cm_json_copy(a, m));
        } else if (have->type == CM_OBJECT && m->type == CM_OBJECT && have->count + m->count > 0) {
            unite(a, have, m);
        }
    }
}

// entry_of_ours begins our own entry, as if we had applied the object.
static struct cm_json *entry_of_ours(struct cm_arena *a, const char *manager,
                                     const char *api_version) {
    struct cm_json *entry = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, entry, "manager", manager);
    cm_json_set_string(a, entry, "operation", "Apply");
    cm_json_set_string(a, entry, "apiVersion", api_version);
    cm_json_set_string(a, entry, "fieldsType", "FieldsV1");
    return entry;
}

static void take(struct cm_arena *a, struct cm_json *ours, const struct cm_json *entry) {
    const struct cm_json *fields = cm_json_get(entry, "fieldsV1");
    struct cm_json *set = cm_json_get(ours, "fieldsV1");

    if (strcmp(text_of(entry, "time"), text_of(ours, "time")) > 0) {
        cm_json_set_string(a, ours, "time", text_of(entry, "time"));
    }
    if (fields == NULL || fields->type != CM_OBJECT || fields->count == 0) {
        return;
    }
    if (set == NULL) {
        cm_json_set(a, ours, "fieldsV1", cm_json_copy(a, fields));
    } else {
        unite(a, set, fields);
    }
}

// rewrite makes the list of managers anew; it tells whether anybody's fields were taken over.
static bool rewrite(struct cm_arena *a, const struct cm_json *live, struct cm_json *ours,
                    bool tools, struct cm_json *out) {
    const struct cm_json *entries = cm_json_path(live, "metadata", "managedFields", NULL);
    const char *manager = text_of(ours, "manager");
    bool any = false;

    if (entries == NULL || entries->type != CM_ARRAY) {
        return false;
    }
    for (const struct cm_json *e = entries->first; e != NULL; e = e->next) {
        bool taken = is_predecessor(e, manager, tools);

        any |= taken;
        if (taken || is_ours(e, manager)) {
            take(a, ours, e);
        } else {
            cm_json_append(out, cm_json_copy(a, e));
        }
    }
    if (cm_json_get(ours, "fieldsV1") != NULL) {
        cm_json_append(out, ours);
    }
    return any;
}

static void add_step(struct cm_arena *a, struct cm_json *patch, const char *op, const char *path,
                     struct cm_json *value) {
    struct cm_json *step = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, step, "op", op);
    cm_json_set_string(a, step, "path", path);
    if (value != NULL) {
        cm_json_set(a, step, "value", value);
    }
    cm_json_append(patch, step);
}

// begin begins a patch that holds only for an object as it was seen.
static struct cm_json *begin(struct cm_arena *a, const struct cm_json *live) {
    struct cm_json *patch = cm_json_new(a, CM_ARRAY);
    const char *version = text_of(cm_json_get(live, "metadata"), "resourceVersion");

    add_step(a, patch, "test", "/metadata/resourceVersion", cm_json_new_string(a, version));
    return patch;
}

static const char *write(struct cm_arena *a, const struct cm_json *patch) {
    struct cm_str text = {0};

    cm_json_write_compact(patch, &text);
    const char *copy = cm_arena_strdup(a, cm_str_get(&text));
    cm_str_done(&text);
    return copy;
}

const char *kube_adopt_patch(struct cm_arena *a, const struct cm_json *live, const char *manager,
                             const char *api_version, bool tools) {
    struct cm_json *ours = entry_of_ours(a, manager, api_version);
    struct cm_json *entries = cm_json_new(a, CM_ARRAY);
    struct cm_json *patch = begin(a, live);
    bool any = rewrite(a, live, ours, tools, entries);
    bool copy = cm_json_path(live, "metadata", "annotations", LAST_APPLIED, NULL) != NULL;

    if (!any && !copy) {
        return NULL;
    }
    if (any) {
        add_step(a, patch, "replace", "/metadata/managedFields", entries);
    }
    if (copy) {
        add_step(a, patch, "remove",
                 "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration", NULL);
    }
    return write(a, patch);
}

// ---- Of single fields

static const struct cm_json *entries_of(const struct cm_json *live) {
    const struct cm_json *entries = cm_json_path(live, "metadata", "managedFields", NULL);

    return entries != NULL && entries->type == CM_ARRAY ? entries : NULL;
}

// merge_into puts a member of a set into another set.
static void merge_into(struct cm_arena *a, struct cm_json *to, const struct cm_json *member) {
    struct cm_json *have = cm_json_get(to, member->key);

    if (have == NULL) {
        cm_json_set(a, to, member->key, cm_json_copy(a, member));
    } else if (have->count + member->count > 0) {
        unite(a, have, member);
    }
}

// move moves the fields at a path, from its segment `at` on, out of one set into another. It tells
// whether there were any. Who made a map, ".", keeps it.
static bool move(struct cm_arena *a, struct cm_json *from, // NOLINT(misc-no-recursion)
                 struct cm_json *to, const struct cm_path *path, size_t at) {
    struct cm_json *member = cm_object_set_below(a, from, &path->segments[at]);

    if (member == NULL || member->type != CM_OBJECT) {
        return false;
    }
    struct cm_json *moved = member;
    if (at + 1 < path->count) {
        moved = cm_json_new(a, CM_OBJECT);
        moved->key = member->key;
        if (!move(a, member, moved, path, at + 1)) {
            return false;
        }
    }
    merge_into(a, to, moved);
    if (moved == member || member->count == 0) {
        (void)cm_json_remove(from, member->key);
    }
    return true;
}

static bool move_all(struct cm_arena *a, struct cm_json *from, struct cm_json *to,
                     const struct cm_differences *which) {
    bool any = false;

    for (size_t i = 0; from != NULL && i < which->count; i++) {
        struct cm_path path;

        any |= cm_path_parse(a, which->items[i].path, &path) && move(a, from, to, &path, 0);
    }
    return any;
}

static bool is_by_people(const struct cm_json *entry) {
    return strcmp(text_of(entry, "operation"), "Update") == 0 &&
           text_of(entry, "subresource")[0] == '\0' && kube_added_is_by(text_of(entry, "manager"));
}

static struct cm_json *copy_of_ours(struct cm_arena *a, const struct cm_json *entries,
                                    const char *manager) {
    for (const struct cm_json *e = entries == NULL ? NULL : entries->first; e != NULL;
         e = e->next) {
        if (is_ours(e, manager)) {
            return cm_json_copy(a, e);
        }
    }
    return NULL;
}

const char *kube_adopt_fields(struct cm_arena *a, const struct cm_json *live, const char *manager,
                              const struct cm_differences *which) {
    const struct cm_json *entries = entries_of(live);
    struct cm_json *ours = copy_of_ours(a, entries, manager);
    struct cm_json *set = ours == NULL ? NULL : cm_json_get(ours, "fieldsV1");
    struct cm_json *patch = begin(a, live);
    struct cm_json *out = cm_json_new(a, CM_ARRAY);
    bool any = false;

    if (set == NULL || set->type != CM_OBJECT) {
        return NULL;
    }
    for (const struct cm_json *e = entries->first; e != NULL; e = e->next) {
        struct cm_json *entry = is_ours(e, manager) ? ours : cm_json_copy(a, e);
        struct cm_json *its = cm_json_get(entry, "fieldsV1");
        bool moved = is_by_people(e) && move_all(a, its, set, which);

        any |= moved;
        if (!moved || its->count > 0) {
            cm_json_append(out, entry);
        }
    }
    add_step(a, patch, "replace", "/metadata/managedFields", out);
    return any ? write(a, patch) : NULL;
}

static bool is_same(const struct cm_json *one, const struct cm_json *other) {
    static const char *const names[] = {"manager", "operation", "apiVersion", "subresource"};
    bool same = true;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        same &= strcmp(text_of(one, names[i]), text_of(other, names[i])) == 0;
    }
    return same;
}

static const struct cm_json *same_in(const struct cm_json *entries, const struct cm_json *entry) {
    const struct cm_json *e = entries == NULL ? NULL : entries->first;

    while (e != NULL && !is_same(e, entry)) {
        e = e->next;
    }
    return e;
}

// has_same_fields tells whether an entry is as it was.
static bool has_same_fields(const struct cm_json *entry, const struct cm_json *was) {
    const struct cm_json *one = cm_json_get(entry, "fieldsV1");
    const struct cm_json *other = was == NULL ? NULL : cm_json_get(was, "fieldsV1");

    return one != NULL && other != NULL && cm_json_equal(one, other);
}

const char *kube_adopt_undo(struct cm_arena *a, const struct cm_json *live,
                            const struct cm_json *before, const struct cm_json *after) {
    const struct cm_json *now = entries_of(live);
    const struct cm_json *old = entries_of(before);
    struct cm_json *patch = begin(a, live);
    struct cm_json *out = cm_json_new(a, CM_ARRAY);

    for (const struct cm_json *e = now == NULL ? NULL : now->first; e != NULL; e = e->next) {
        const struct cm_json *was = same_in(old, e);
        bool back = was != NULL && has_same_fields(e, same_in(entries_of(after), e));

        cm_json_append(out, cm_json_copy(a, back ? was : e));
    }
    for (const struct cm_json *e = old == NULL ? NULL : old->first; e != NULL; e = e->next) {
        if (same_in(now, e) == NULL) {
            cm_json_append(out, cm_json_copy(a, e));
        }
    }
    add_step(a, patch, "replace", "/metadata/managedFields", out);
    return write(a, patch);
}

const char *kube_adopt_words(struct cm_arena *a, const struct cm_json *live,
                             const struct cm_json *desired) {
    struct cm_differences found = {0};
    struct cm_str words = {0};

    cm_object_diff(a, desired, live, LOOKED_AT, &found);
    for (size_t i = 0; i < found.count && words.len < WORDS_MAX; i++) {
        struct cm_manager by;

        if (found.items[i].actual != NULL && cm_object_manager_of(live, found.items[i].path, &by)) {
            cm_str_addf(&words, "%s%.100s was set by '%.60s'", words.len == 0 ? ": " : ", ",
                        found.items[i].path, by.name);
        }
    }
    const char *copy =
        cm_arena_strf(a, "the object was there already and is ours now%s", cm_str_get(&words));
    cm_str_done(&words);
    return copy;
}
