#include "agent/kube/immutable.h"

#include <stddef.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/object/diff.h"
#include "common/str.h"

enum {
    LOOKED_AT = 50,  // differences
    NAMES_MAX = 160, // bytes: a list that is as long is not made longer
};

static const char *const phrases[] = {
    "is immutable",    // "field is immutable", "spec is immutable after creation except ..."
    "immutable field", // of webhooks
    "updates to statefulset spec for fields other than",
    "pod updates may not change fields other than",
    "may not change once set",
    "may not be changed in an update", // of a PriorityClass
    "cannot change roleRef",
    "updates to provisioner are forbidden",
    "updates to parameters are forbidden",
    "updates to reclaimPolicy are forbidden",
};

// What may change in a spec of which the API server says that the rest may not.
static const char *const exceptions[] = {
    "spec.replicas",
    "spec.template",
    "spec.updateStrategy",
    "spec.minReadySeconds",
    "spec.ordinals",
    "spec.persistentVolumeClaimRetentionPolicy",
    "spec.revisionHistoryLimit",
    "spec.resources",
    "spec.volumeAttributesClassName",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *text_of(const struct cm_json *node, const char *key) {
    const char *text = cm_json_string(cm_json_get(node, key));

    return text == NULL ? "" : text;
}

static bool has_phrase(const char *text) {
    for (size_t i = 0; i < COUNT(phrases); i++) {
        if (strstr(text, phrases[i]) != NULL) {
            return true;
        }
    }
    return false;
}

bool kube_immutable_is(int status, const struct cm_json *answer) {
    return status == 422 && has_phrase(text_of(answer, "message"));
}

static void add(struct cm_str *names, const char *name) {
    if (name[0] != '\0' && names->len < NAMES_MAX && !strstr(cm_str_get(names), name)) {
        cm_str_addf(names, "%s%.100s", names->len == 0 ? "" : ", ", name);
    }
}

const char *kube_immutable_fields(struct cm_arena *a, const struct cm_json *answer) {
    const struct cm_json *causes = cm_json_path(answer, "details", "causes", NULL);
    struct cm_str names = {0};

    for (const struct cm_json *c = causes != NULL && causes->type == CM_ARRAY ? causes->first
                                                                              : NULL;
         c != NULL; c = c->next) {
        if (has_phrase(text_of(c, "message"))) {
            add(&names, text_of(c, "field"));
        }
    }
    const char *copy = cm_arena_strdup(a, cm_str_get(&names));
    cm_str_done(&names);
    return copy;
}

static bool begins_with(const char *path, const char *field) {
    size_t size = strlen(field);

    return strncmp(path, field, size) == 0 &&
           (path[size] == '\0' || path[size] == '.' || path[size] == '[');
}

static bool is_exception(const char *path) {
    for (size_t i = 0; i < COUNT(exceptions); i++) {
        if (begins_with(path, exceptions[i])) {
            return true;
        }
    }
    return false;
}

const char *kube_immutable_names(struct cm_arena *a, const char *fields,
                                 const struct cm_json *desired, const struct cm_json *live) {
    struct cm_differences found = {0};
    struct cm_str names = {0};

    if (fields[0] != '\0' && strcmp(fields, "spec") != 0) {
        return fields;
    }
    cm_object_diff(a, desired, live, LOOKED_AT, &found);
    for (size_t i = 0; i < found.count; i++) {
        if (begins_with(found.items[i].path, "spec") && !is_exception(found.items[i].path)) {
            add(&names, found.items[i].path);
        }
    }
    const char *copy = cm_arena_strdup(a, cm_str_get(&names));
    cm_str_done(&names);
    return copy[0] != '\0' ? copy : fields[0] != '\0' ? fields : "a field";
}
