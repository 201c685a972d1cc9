#include "common/object/filled.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/object/diff.h"

// https://kubernetes.io/docs/reference/kubernetes-api/: defaults of apps/v1.
static const struct {
    const char *kind;
    const char *path;
    const char *value;
} values[] = {
    {"Deployment", "spec.strategy",
     "{\"rollingUpdate\":{\"maxSurge\":\"25%\",\"maxUnavailable\":\"25%\"},"
     "\"type\":\"RollingUpdate\"}"},
    {"StatefulSet", "spec.updateStrategy",
     "{\"rollingUpdate\":{\"partition\":0},\"type\":\"RollingUpdate\"}"},
    {"DaemonSet", "spec.updateStrategy",
     "{\"rollingUpdate\":{\"maxSurge\":0,\"maxUnavailable\":1},\"type\":\"RollingUpdate\"}"},
};

static bool is_text(const struct cm_json *value, const char *text) {
    return value != NULL && value->text != NULL && strcmp(value->text, text) == 0;
}

static bool has(const struct cm_json *object, const char *member, const char *text) {
    return is_text(cm_json_get(object, member), text);
}

static bool is_strategy(struct cm_arena *a, const struct cm_json *object,
                        const struct cm_difference *d) {
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        const char *text = values[i].value;
        struct cm_json *value = NULL;
        struct cm_err ignored;

        if (has(object, "kind", values[i].kind) && strcmp(d->path, values[i].path) == 0) {
            return cm_json_parse(a, text, strlen(text), NULL, &value, &ignored) == CM_OK &&
                   cm_json_equal(value, d->actual);
        }
    }
    return false;
}

// below returns what comes after the element of a list that a path ends in: "protocol"; NULL: it
// ends otherwise.
static const char *below(const char *path) {
    const char *end = strrchr(path, ']');

    return end != NULL && end[1] == '.' ? end + 2 : NULL;
}

// is_port_itself: targetPort is the port where it is not set.
static bool is_port_itself(const char *path, const struct cm_json *value) {
    const char *port = strstr(path, "[port=");

    return port != NULL && value->type == CM_NUMBER &&
           strtol(port + 6, NULL, 10) == strtol(value->text, NULL, 10);
}

static bool is_port(const struct cm_json *object, const struct cm_difference *d) {
    const char *member = below(d->path);
    bool service = has(object, "kind", "Service") && has(object, "apiVersion", "v1") &&
                   strncmp(d->path, "spec.ports[", 11) == 0;
    bool container = strstr(d->path, "ontainers[") != NULL && strstr(d->path, "].ports[") != NULL;

    if (member == NULL || (!service && !container)) {
        return false;
    }
    return (strcmp(member, "protocol") == 0 && is_text(d->actual, "TCP")) ||
           (service && strcmp(member, "targetPort") == 0 && is_port_itself(d->path, d->actual));
}

bool cm_object_is_filled_in(struct cm_arena *a, const struct cm_json *object,
                            const struct cm_difference *d) {
    return (has(object, "apiVersion", "apps/v1") && is_strategy(a, object, d)) ||
           is_port(object, d);
}
