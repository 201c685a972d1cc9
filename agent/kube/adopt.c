#include "agent/kube/adopt.h"

#include <stddef.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/object/diff.h"
#include "common/object/owned.h"
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
    return strcmp(name, manager) == 0 && strcmp(operation, "Update") == 0;
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
    struct cm_json *patch = cm_json_new(a, CM_ARRAY);
    const char *version = text_of(cm_json_get(live, "metadata"), "resourceVersion");
    bool any = rewrite(a, live, ours, tools, entries);
    bool copy = cm_json_path(live, "metadata", "annotations", LAST_APPLIED, NULL) != NULL;

    if (!any && !copy) {
        return NULL;
    }
    add_step(a, patch, "test", "/metadata/resourceVersion", cm_json_new_string(a, version));
    if (any) {
        add_step(a, patch, "replace", "/metadata/managedFields", entries);
    }
    if (copy) {
        add_step(a, patch, "remove",
                 "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration", NULL);
    }
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
