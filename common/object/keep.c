#include "common/object/keep.h"

#include <string.h>

#include "common/json.h"

static const char *annotation(const struct cm_json *object, const char *name) {
    return cm_json_string(cm_json_path(object, "metadata", "annotations", name, NULL));
}

static bool is(const char *value, const char *wanted) {
    return value != NULL && strcmp(value, wanted) == 0;
}

// has_option looks for an option in a list with commas, as Argo CD has it.
static bool has_option(const char *list, const char *option) {
    size_t len = strlen(option);

    while (list != NULL && *list != '\0') {
        size_t size;

        list += strspn(list, ", ");
        size = strcspn(list, ",");
        while (size > 0 && list[size - 1] == ' ') {
            size--;
        }
        if (size == len && strncmp(list, option, len) == 0) {
            return true;
        }
        list += strcspn(list, ",");
    }
    return false;
}

bool cm_object_says_keep(const struct cm_json *object) {
    return is(annotation(object, CM_KEEP_ANNOTATION), "disabled") ||
           is(annotation(object, "kustomize.toolkit.fluxcd.io/prune"), "disabled") ||
           is(annotation(object, "helm.sh/resource-policy"), "keep") ||
           has_option(annotation(object, "argocd.argoproj.io/sync-options"), "Prune=false");
}

enum cm_rc cm_object_keep_check(const struct cm_json *object, struct cm_err *err) {
    const char *value = annotation(object, CM_KEEP_ANNOTATION);

    if (value == NULL || is(value, "disabled") || is(value, "enabled")) {
        return CM_OK;
    }
    return cm_fail(err, CM_EINVAL,
                   "the annotation " CM_KEEP_ANNOTATION
                   " is '%.60s': write 'disabled' to keep the object, or 'enabled'",
                   value);
}

bool cm_object_is_precious(const char *key) {
    static const char *const kinds[] = {"Namespace/", "PersistentVolumeClaim/", "PersistentVolume/",
                                        "CustomResourceDefinition.apiextensions.k8s.io/"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strncmp(key, kinds[i], strlen(kinds[i])) == 0) {
            return true;
        }
    }
    return false;
}
