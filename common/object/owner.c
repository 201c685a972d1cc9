#include "common/object/owner.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/json.h"

enum { NAME_MAX_BYTES = 130 }; // of somebody's name in a message

const struct cm_owner_sign cm_owner_signs[CM_OWNER_SIGNS] = {
    // "shop:apps/Deployment:default/web"
    {"Argo CD", "Application", "argocd", "annotations", "argocd.argoproj.io/tracking-id", NULL, ":",
     true},
    {"Argo CD", "Application", "argocd", "labels", "argocd.argoproj.io/instance", NULL, "", true},
    {"Flux", "Kustomization", "kustomization", "labels", "kustomize.toolkit.fluxcd.io/name",
     "kustomize.toolkit.fluxcd.io/namespace", "", true},
    {"Flux", "HelmRelease", "helmrelease", "labels", "helm.toolkit.fluxcd.io/name",
     "helm.toolkit.fluxcd.io/namespace", "", true},
    {"Rancher Fleet", "object set", "fleet", "annotations", "objectset.rio.cattle.io/id", NULL, "",
     true},
    {"Rancher Fleet", "object set", "fleet", "labels", "objectset.rio.cattle.io/hash", NULL, "",
     true},
    {"Helm", "release", "helm", "annotations", "meta.helm.sh/release-name",
     "meta.helm.sh/release-namespace", "", false},
};

// Who sets fields of objects that it applies. On objects of its own kinds it also keeps finalizers,
// which says nothing of who applied them. Argo Rollouts, which applies nothing, has its kinds in
// the group of Argo CD.
struct manager {
    const char *tool;
    const char *name;
    const char *group;
    const char *kinds; // " A B " of the group; NULL: all
};

#define ARGO_CD " Application ApplicationSet AppProject "

static const struct manager managers[] = {
    {"Flux", "kustomize-controller", "toolkit.fluxcd.io", NULL},
    {"Flux", "helm-controller", "toolkit.fluxcd.io", NULL},
    {"Argo CD", "argocd-controller", "argoproj.io", ARGO_CD},
    {"Argo CD", "argocd-application-controller", "argoproj.io", ARGO_CD},
    {"Rancher Fleet", "fleetagent", "fleet.cattle.io", NULL},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *text_at(const struct cm_json *live, const char *where, const char *key) {
    return cm_json_string(cm_json_path(live, "metadata", where, key, NULL));
}

// name_length tells how much of a text is fit for a message: an annotation may hold anything.
static int name_length(const char *text, const char *ends) {
    size_t len = 0;

    while (len < NAME_MAX_BYTES && text[len] > ' ' && text[len] < 0x7f &&
           strchr(ends, text[len]) == NULL) {
        len++;
    }
    return (int)len;
}

static enum cm_rc refuse(struct cm_err *err, const char *owner) {
    return cm_fail(err, CM_EINVAL, "%s", owner);
}

static enum cm_rc check_applyset(const struct cm_json *live, const char *applyset,
                                 struct cm_err *err) {
    const char *app = text_at(live, "labels", CM_OWNER_APP);
    char owner[2 * NAME_MAX_BYTES + 64];

    if (app != NULL) {
        (void)snprintf(owner, sizeof(owner), "another holdfast agent (App '%.*s', ApplySet '%.*s')",
                       name_length(app, ""), app, name_length(applyset, ""), applyset);
    } else {
        (void)snprintf(owner, sizeof(owner), "ApplySet '%.*s'", name_length(applyset, ""),
                       applyset);
    }
    return refuse(err, owner);
}

static enum cm_rc check_sign(const struct cm_json *live, const struct cm_owner_sign *sign,
                             struct cm_err *err) {
    const char *name = text_at(live, sign->where, sign->key);
    const char *space = sign->space == NULL ? NULL : text_at(live, sign->where, sign->space);
    char owner[2 * NAME_MAX_BYTES + 64];

    if (name == NULL || !sign->owns) {
        return CM_OK;
    }
    space = space == NULL ? "" : space;
    (void)snprintf(owner, sizeof(owner), "%s (%s '%.*s%s%.*s')", sign->tool, sign->kind,
                   name_length(space, ""), space, space[0] == '\0' ? "" : "/",
                   name_length(name, sign->ends), name);
    return refuse(err, owner);
}

// is_any tells whether a kind is one of them.
static bool is_any(const char *kind, const char *kinds) {
    char word[NAME_MAX_BYTES];

    (void)snprintf(word, sizeof(word), " %s ", kind == NULL ? "" : kind);
    return strstr(kinds, word) != NULL;
}

// is_own_kind tells whether the object is of a kind of the tool itself.
static bool is_own_kind(const struct cm_json *live, const struct manager *manager) {
    const char *kind = cm_json_string(cm_json_get(live, "kind"));
    const char *group = manager->group;
    const char *version = cm_json_string(cm_json_get(live, "apiVersion"));
    const char *slash = version == NULL ? NULL : strchr(version, '/');
    size_t size = strlen(group);

    return slash != NULL && (size_t)(slash - version) >= size &&
           strncmp(slash - size, group, size) == 0 &&
           (manager->kinds == NULL || is_any(kind, manager->kinds));
}

static enum cm_rc check_manager(const struct cm_json *live, const struct cm_json *entry,
                                struct cm_err *err) {
    const char *name = cm_json_string(cm_json_get(entry, "manager"));
    const char *subresource = cm_json_string(cm_json_get(entry, "subresource"));

    if (name == NULL || (subresource != NULL && subresource[0] != '\0')) {
        return CM_OK;
    }
    for (size_t i = 0; i < COUNT(managers); i++) {
        char owner[NAME_MAX_BYTES + 64];

        if (strcmp(name, managers[i].name) == 0 && !is_own_kind(live, &managers[i])) {
            (void)snprintf(owner, sizeof(owner), "%s ('%s' applied it)", managers[i].tool, name);
            return refuse(err, owner);
        }
    }
    return CM_OK;
}

// find_owner fails with who it is.
static enum cm_rc find_owner(const struct cm_json *live, const char *applyset, struct cm_err *err) {
    const char *part_of = text_at(live, "labels", CM_OWNER_APPLYSET);
    const struct cm_json *fields = cm_json_path(live, "metadata", "managedFields", NULL);
    enum cm_rc rc = CM_OK;

    if (part_of != NULL) {
        bool is_ours = applyset != NULL && strcmp(part_of, applyset) == 0;
        return is_ours ? CM_OK : check_applyset(live, part_of, err);
    }
    for (size_t i = 0; rc == CM_OK && i < CM_OWNER_SIGNS; i++) {
        rc = check_sign(live, &cm_owner_signs[i], err);
    }
    if (fields != NULL && fields->type == CM_ARRAY) {
        for (const struct cm_json *e = fields->first; rc == CM_OK && e != NULL; e = e->next) {
            rc = check_manager(live, e, err);
        }
    }
    return rc;
}

enum cm_rc cm_object_owner_check(const struct cm_json *live, const char *applyset,
                                 struct cm_err *err) {
    struct cm_err owner;

    if (find_owner(live, applyset, &owner) == CM_OK) {
        return CM_OK;
    }
    return cm_fail(err, CM_EINVAL,
                   "it belongs to %.380s; take it out there, or write 'adopt: true' in the App to "
                   "take it over",
                   owner.msg);
}

bool cm_object_owner_find(const struct cm_json *live, const char *applyset,
                          char out[CM_OWNER_MAX]) {
    struct cm_err owner;
    bool found = find_owner(live, applyset, &owner) < 0;

    (void)snprintf(out, CM_OWNER_MAX, "%.*s", CM_OWNER_MAX - 1, found ? owner.msg : "");
    return found;
}
