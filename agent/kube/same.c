#include "agent/kube/same.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/field.h"
#include "common/object/path.h"
#include "common/object/quantity.h"
#include "common/object/spare.h"

#define SUFFIX "-primary"
#define TEMPLATE ".spec.template"

enum { DEPTH_MAX = 40 };

// Where a walk is. The place is the name of the member that holds an object, also in a list.
struct walk {
    struct cm_arena *a;
    bool primary;
    unsigned depth;
};

static const char *differs(struct walk *w, const char *place, const char *path,
                           const struct cm_json *ours, const struct cm_json *theirs);

// What the API server fills in where nobody says anything, and what it leaves away as saying
// nothing: a Rollout's template is kept as it is written, that of its ReplicaSet is not. A name
// that means different things in different places has its place.
//     https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/core/v1/defaults.go
static const struct {
    const char *place; // NULL: any
    const char *name;
    const char *value;
} defaults[] = {
    {NULL, "terminationMessagePath", "/dev/termination-log"},
    {NULL, "terminationMessagePolicy", "File"},
    {"ports", "protocol", "TCP"},
    {"spec", "restartPolicy", "Always"}, // of an init container it makes a sidecar
    {"spec", "dnsPolicy", "ClusterFirst"},
    {"spec", "schedulerName", "default-scheduler"},
    {"spec", "terminationGracePeriodSeconds", "30"}, // of a probe it is its own
    {"spec", "hostNetwork", "false"},
    {"spec", "hostPID", "false"},
    {"spec", "hostIPC", "false"},
    {"spec", "volumeMode", "Filesystem"}, // of a claim
    {NULL, "defaultMode", "420"},
    {NULL, "expirationSeconds", "3600"},
    {NULL, "successThreshold", "1"},
    {NULL, "failureThreshold", "3"},
    {NULL, "periodSeconds", "10"},
    {NULL, "timeoutSeconds", "1"},
    {NULL, "initialDelaySeconds", "0"},
    {"httpGet", "scheme", "HTTP"},
    {"httpGet", "path", "/"},
    {"httpGet", "path", ""},
    {"grpc", "service", ""},
    {"hostPath", "type", ""},
    {"env", "value", ""},
    {"fieldRef", "apiVersion", "v1"},
    {"resourceFieldRef", "divisor", "0"},
    {NULL, "optional", "false"},
    {"volumeMounts", "readOnly", "false"},
    {"containers", "stdin", "false"},
    {"containers", "stdinOnce", "false"},
    {"containers", "tty", "false"},
};

static const char *text_of(const struct cm_json *node) {
    if (node->type == CM_BOOL) {
        return cm_json_true(node) ? "true" : "false";
    }
    return node->text == NULL ? "" : node->text;
}

// default_pull_policy is what the API server makes of an image: of the tag 'latest', said or not,
// it is 'Always'.
static const char *default_pull_policy(const struct cm_json *container) {
    const char *image = cm_json_string(cm_json_get(container, "image"));
    const char *name = image == NULL ? NULL : strrchr(image, '/');

    name = name != NULL ? name : image;
    if (name == NULL || strchr(name, '@') != NULL) {
        return "IfNotPresent";
    }
    const char *tag = strchr(name, ':');
    return tag == NULL || strcmp(tag, ":latest") == 0 ? "Always" : "IfNotPresent";
}

static bool is_default(const char *place, const struct cm_json *holder,
                       const struct cm_json *node) {
    if (strcmp(node->key, "imagePullPolicy") == 0) {
        return strcmp(text_of(node), default_pull_policy(holder)) == 0;
    }
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
        if (strcmp(defaults[i].name, node->key) == 0 &&
            (defaults[i].place == NULL || strcmp(defaults[i].place, place) == 0) &&
            strcmp(defaults[i].value, text_of(node)) == 0) {
            return true;
        }
    }
    return false;
}

static bool ends_with(const char *path, const char *end) {
    size_t size = strlen(path);
    size_t want = strlen(end);

    return size >= want && strcmp(path + size - want, end) == 0;
}

// is_selector: an empty one selects all, where none selects nothing; but a pod without nodeSelector
// goes to any node, too.
static bool is_selector(const struct cm_json *node) {
    return node->type == CM_OBJECT && ends_with(node->key, "Selector") &&
           strcmp(node->key, "nodeSelector") != 0;
}

// is_nothing tells whether a member that one side has and the other has not says nothing.
static bool is_nothing(const char *place, const struct cm_json *holder,
                       const struct cm_json *node) {
    static const char *const marks[] = {"pod-template-hash", "rollouts-pod-template-hash",
                                        "flagger-id", "creationTimestamp",
                                        "$patch"}; // of a ControllerRevision

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (strcmp(marks[i], node->key) == 0) {
            return true;
        }
    }
    if (node->type != CM_OBJECT && node->type != CM_ARRAY) {
        return node->type == CM_NULL || is_default(place, holder, node);
    }
    if (is_selector(node)) {
        return false;
    }
    for (const struct cm_json *c = node->first; c != NULL; c = c->next) {
        if (node->type == CM_ARRAY || !is_nothing(node->key, node, c)) {
            return false;
        }
    }
    return true;
}

// is_alias: the API server shows the account of a pod under its former name, too.
static bool is_alias(const struct cm_json *node, const struct cm_json *other) {
    static const char *const names[] = {"serviceAccount", "serviceAccountName"};

    for (size_t i = 0; i < 2; i++) {
        const struct cm_json *same = cm_json_get(other, names[1 - i]);

        if (strcmp(node->key, names[i]) == 0 && same != NULL && cm_json_equal(node, same)) {
            return true;
        }
    }
    return false;
}

static bool begins_with(const char *path, const char *start) {
    return strncmp(path, start, strlen(start)) == 0;
}

// may_be_copy: where Flagger writes the names of its copies, and nowhere else.
//     https://github.com/fluxcd/flagger/blob/main/pkg/canary/config_tracker.go
static bool may_be_copy(const char *path) {
    static const char *const references[] = {
        ".configMapKeyRef.name", ".secretKeyRef.name", ".configMapRef.name", ".secretRef.name",
        ".configMap.name",       ".secret.name",       ".secret.secretName"};

    if (begins_with(path, TEMPLATE ".metadata.labels.")) {
        return true;
    }
    if (!begins_with(path, TEMPLATE ".spec.")) {
        return false;
    }
    if (begins_with(path, TEMPLATE ".spec.affinity.podAntiAffinity.") ||
        begins_with(path, TEMPLATE ".spec.topologySpreadConstraints[")) {
        return strstr(path, ".labelSelector.match") != NULL;
    }
    for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++) {
        if (ends_with(path, references[i])) {
            return true;
        }
    }
    return false;
}

// is_copy: Flagger gave its copies of what the template names another name.
static bool is_copy(const char *path, const struct cm_json *ours, const struct cm_json *theirs) {
    const char *a = cm_json_string(ours);
    const char *b = cm_json_string(theirs);
    size_t size = a == NULL ? 0 : strlen(a);

    return a != NULL && b != NULL && strncmp(a, b, size) == 0 && strcmp(b + size, SUFFIX) == 0 &&
           may_be_copy(path);
}

static const char *member_differs(struct walk *w, const char *place, const char *path,
                                  const struct cm_json *ours, const struct cm_json *theirs) {
    for (const struct cm_json *m = ours->first; m != NULL; m = m->next) {
        const struct cm_json *other = cm_json_get(theirs, m->key);
        const char *at = cm_arena_strf(w->a, "%s.%.100s", path, m->key);
        bool nothing = other == NULL && (is_nothing(place, ours, m) || is_alias(m, theirs));
        const char *found = other != NULL ? differs(w, m->key, at, m, other) : nothing ? NULL : at;

        if (found != NULL) {
            return found;
        }
    }
    for (const struct cm_json *m = theirs->first; m != NULL; m = m->next) {
        if (cm_json_get(ours, m->key) == NULL && !is_nothing(place, theirs, m) &&
            !is_alias(m, ours)) {
            return cm_arena_strf(w->a, "%s.%.100s", path, m->key);
        }
    }
    return NULL;
}

static const char *entry_path(struct walk *w, const char *path, const struct cm_json *entry,
                              size_t i) {
    const char *name = cm_json_string(cm_json_get(entry, "name"));

    return name != NULL ? cm_arena_strf(w->a, "%s[name=%.100s]", path, name)
                        : cm_arena_strf(w->a, "%s[%zu]", path, i);
}

static const char *entry_differs(struct walk *w, const char *place, const char *path,
                                 const struct cm_json *ours, const struct cm_json *theirs) {
    const struct cm_json *other = theirs->first;
    size_t i = 0;

    for (const struct cm_json *e = ours->first; e != NULL; e = e->next) {
        const char *at = entry_path(w, path, e, i++);

        if (other == NULL) {
            return at;
        }
        const char *found = differs(w, place, at, e, other);
        if (found != NULL) {
            return found;
        }
        other = other->next;
    }
    return other == NULL ? NULL : entry_path(w, path, other, i);
}

static bool is_quantity(const char *path) {
    return strstr(path, ".resources.") != NULL || ends_with(path, ".sizeLimit") ||
           ends_with(path, ".divisor");
}

static const char *differs(struct walk *w, const char *place, const char *path,
                           const struct cm_json *ours, const struct cm_json *theirs) {
    const char *found = path;

    if (w->depth >= DEPTH_MAX) {
        return path;
    }
    w->depth++;
    if (ours->type == CM_OBJECT && theirs->type == CM_OBJECT) {
        found = member_differs(w, place, path, ours, theirs);
    } else if (ours->type == CM_ARRAY && theirs->type == CM_ARRAY) {
        found = entry_differs(w, place, path, ours, theirs);
    } else if (cm_json_equal(ours, theirs) ||
               (is_quantity(path) && cm_quantity_equal(ours, theirs)) ||
               (w->primary && is_copy(path, ours, theirs))) {
        found = NULL;
    }
    w->depth--;
    return found;
}

const char *kube_same_template(struct cm_arena *a, const struct cm_json *ours,
                               const struct cm_json *theirs, bool primary) {
    struct walk w = {.a = a, .primary = primary};

    return differs(&w, "template", TEMPLATE, ours, theirs);
}

static const char *image_in(const struct cm_json *containers, const char *name) {
    for (const struct cm_json *c = containers == NULL ? NULL : containers->first; c != NULL;
         c = c->next) {
        const char *is = cm_json_string(cm_json_get(c, "name"));

        if (is != NULL && strcmp(is, name) == 0) {
            return cm_json_string(cm_json_get(c, "image"));
        }
    }
    return NULL;
}

size_t kube_same_images(struct cm_arena *a, struct cm_json *ours, const struct cm_json *theirs) {
    static const char *const lists[] = {"initContainers", "containers"};
    size_t count = 0;

    for (size_t i = 0; i < 2; i++) {
        const struct cm_json *mine = cm_json_path(ours, "spec", lists[i], NULL);
        const struct cm_json *others = cm_json_path(theirs, "spec", lists[i], NULL);

        for (struct cm_json *c = mine == NULL ? NULL : mine->first; c != NULL; c = c->next) {
            const char *name = cm_json_string(cm_json_get(c, "name"));
            const char *image = cm_json_string(cm_json_get(c, "image"));
            const char *runs = name == NULL ? NULL : image_in(others, name);

            if (image != NULL && runs != NULL && strcmp(image, runs) != 0) {
                cm_json_set_string(a, c, "image", runs);
                count++;
            }
        }
    }
    return count;
}

// is_of_template tells whether a field, or what is in it, may be one of a pod template.
static bool is_of_template(const char *field) {
    static const char *const way[] = {"spec", "template"};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_path path;

    if (!cm_field_parse(a, field, &path)) {
        return true;
    }
    for (size_t i = 0; i < 2 && i < path.count; i++) {
        const char *name = path.segments[i].name;

        if (name != NULL && strcmp(name, way[i]) != 0 && strcmp(name, "*") != 0) {
            return false;
        }
    }
    return true;
}

bool kube_same_is_spared(const struct cm_spare_rule *rules, size_t count) {
    for (size_t i = 0; i < count; i++) {
        bool any = rules[i].field_count == 0;

        for (size_t f = 0; f < rules[i].field_count && !any; f++) {
            any = is_of_template(rules[i].fields[f]);
        }
        if (any) {
            return true;
        }
    }
    return false;
}
