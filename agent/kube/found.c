#include "agent/kube/found.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/object/owner.h"
#include "common/str.h"

enum { NAME_MAX_BYTES = 80 }; // of each part of a name; label values have at most 63

const struct kube_found_kind kube_found_kinds[KUBE_FOUND_KINDS] = {
    {"apps", "Deployment"}, {"apps", "StatefulSet"},   {"apps", "DaemonSet"},
    {"batch", "CronJob"},   {"flagger.app", "Canary"}, {"argoproj.io", "Rollout"},
};

static const char *text_at(const struct cm_json *live, const char *where, const char *key) {
    const char *text = cm_json_string(cm_json_path(live, "metadata", where, key, NULL));

    return text == NULL ? "" : text;
}

static const char *member(const struct cm_json *live, const char *name) {
    const char *text = cm_json_string(cm_json_path(live, "metadata", name, NULL));

    return text == NULL ? "" : text;
}

// ---- What it is a part of

// word is a part of a name: it goes into paths and selectors, and may be anything.
static const char *word(struct cm_arena *a, const char *text, size_t size) {
    char *copy = cm_arena_strndup(a, text, size < NAME_MAX_BYTES ? size : NAME_MAX_BYTES);

    for (char *c = copy; *c != '\0'; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9') || *c == '-' || *c == '_' || *c == '.';

        *c = (char)(plain ? *c : '-');
    }
    return copy;
}

static const char *whole(struct cm_arena *a, const char *text) {
    return word(a, text, strlen(text));
}

static const char *by_sign(struct cm_arena *a, const struct cm_json *live,
                           const struct cm_owner_sign *s) {
    const char *name = text_at(live, s->where, s->key);
    size_t size = strcspn(name, s->ends);

    if (size == 0) {
        return NULL;
    }
    if (s->space == NULL) {
        return cm_arena_strf(a, "%s.%s", s->short_name, word(a, name, size));
    }
    return cm_arena_strf(a, "%s.%s.%s", s->short_name, whole(a, text_at(live, s->where, s->space)),
                         word(a, name, size));
}

static const char *group_of(struct cm_arena *a, const struct cm_json *live) {
    static const char *const labels[] = {"app.kubernetes.io/instance", "app.kubernetes.io/name"};
    const char *name = "";
    const char *group = NULL;

    for (size_t i = 0; group == NULL && i < CM_OWNER_SIGNS; i++) {
        group = by_sign(a, live, &cm_owner_signs[i]);
    }
    if (group != NULL) {
        return group;
    }
    for (size_t i = 0; name[0] == '\0' && i < sizeof(labels) / sizeof(labels[0]); i++) {
        name = text_at(live, "labels", labels[i]);
    }
    name = name[0] == '\0' ? member(live, "name") : name;
    return cm_arena_strf(a, "app.%s.%s", whole(a, member(live, "namespace")), whole(a, name));
}

// ---- What it runs

static void add_images(const struct cm_json *pod, const char *list, struct cm_str *out) {
    const struct cm_json *containers = cm_json_get(pod, list);

    if (containers == NULL || containers->type != CM_ARRAY) {
        return;
    }
    for (const struct cm_json *c = containers->first; c != NULL; c = c->next) {
        const char *image = cm_json_string(cm_json_get(c, "image"));

        if (image != NULL) {
            cm_str_addf(out, "%s\n", image);
        }
    }
}

static const char *runs_of(struct cm_arena *a, const struct cm_json *live) {
    struct cm_str text = {0};
    const struct cm_json *spec = cm_json_get(live, "spec");
    const struct cm_json *job = cm_json_path(spec, "jobTemplate", "spec", NULL);
    const struct cm_json *pod = cm_json_path(job == NULL ? spec : job, "template", "spec", NULL);

    add_images(pod, "initContainers", &text);
    add_images(pod, "containers", &text);
    const char *runs = cm_arena_strdup(a, cm_str_get(&text));
    cm_str_done(&text);
    return runs;
}

// ---- Its form

// form_of: beside it all that is there is what others have put there (common/object/actual.h). That
// it has a template says that another controller may decide about its releases.
static const char *form_of(struct cm_arena *a, const struct cm_json *live) {
    static const char *const copied[] = {"apiVersion", "kind"};
    struct cm_str text = {0};
    struct cm_json *form = cm_json_new(a, CM_OBJECT);
    struct cm_json *metadata = cm_json_new(a, CM_OBJECT);

    for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++) {
        const char *value = cm_json_string(cm_json_get(live, copied[i]));

        cm_json_set_string(a, form, copied[i], value == NULL ? "" : value);
    }
    cm_json_set_string(a, metadata, "name", member(live, "name"));
    cm_json_set_string(a, metadata, "namespace", member(live, "namespace"));
    cm_json_set(a, form, "metadata", metadata);
    if (cm_json_path(live, "spec", "template", NULL) != NULL) {
        struct cm_json *spec = cm_json_new(a, CM_OBJECT);

        cm_json_set(a, spec, "template", cm_json_new(a, CM_OBJECT));
        cm_json_set(a, form, "spec", spec);
    }
    cm_json_write_canonical(form, &text);
    const char *copy = cm_arena_strdup(a, cm_str_get(&text));
    cm_str_done(&text);
    return copy;
}

// ---- Whether it is told

static bool is_kind(const struct cm_json *owner, const struct kube_found_kind *k) {
    const char *version = cm_json_string(cm_json_get(owner, "apiVersion"));
    const char *kind = cm_json_string(cm_json_get(owner, "kind"));
    size_t size = strlen(k->group);

    return version != NULL && kind != NULL && strcmp(kind, k->kind) == 0 &&
           strncmp(version, k->group, size) == 0 && version[size] == '/';
}

static bool is_made_of_another(const struct cm_json *live) {
    const struct cm_json *owners = cm_json_path(live, "metadata", "ownerReferences", NULL);
    bool made = false;

    if (owners == NULL || owners->type != CM_ARRAY) {
        return false;
    }
    for (const struct cm_json *o = owners->first; o != NULL; o = o->next) {
        for (size_t i = 0; i < KUBE_FOUND_KINDS; i++) {
            made |= cm_json_true(cm_json_get(o, "controller")) && is_kind(o, &kube_found_kinds[i]);
        }
    }
    return made;
}

bool kube_found_of(struct cm_arena *a, const struct cm_json *live, struct kube_found *out) {
    if (is_made_of_another(live)) {
        return false;
    }
    *out = (struct kube_found){group_of(a, live), runs_of(a, live), form_of(a, live)};
    return true;
}
