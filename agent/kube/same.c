#include "agent/kube/same.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/object/quantity.h"

#define SUFFIX "-primary"

enum { DEPTH_MAX = 40 };

struct walk {
    struct cm_arena *a;
    bool primary;
    unsigned depth;
};

static const char *differs(struct walk *w, const char *path, const struct cm_json *ours,
                           const struct cm_json *theirs);

// What the API server fills in where nobody says anything.
static const struct {
    const char *name;
    const char *value;
} defaults[] = {
    {"terminationMessagePath", "/dev/termination-log"},
    {"terminationMessagePolicy", "File"},
    {"imagePullPolicy", "IfNotPresent"},
    {"imagePullPolicy", "Always"}, // of the tag 'latest'
    {"protocol", "TCP"},
    {"restartPolicy", "Always"},
    {"dnsPolicy", "ClusterFirst"},
    {"schedulerName", "default-scheduler"},
    {"terminationGracePeriodSeconds", "30"},
    {"defaultMode", "420"},
    {"successThreshold", "1"},
    {"failureThreshold", "3"},
    {"periodSeconds", "10"},
    {"timeoutSeconds", "1"},
    {"scheme", "HTTP"},
    {"apiVersion", "v1"}, // of a fieldRef
    {"divisor", "0"},
    {"optional", "false"},
};

static const char *text_of(const struct cm_json *node) {
    return node->text == NULL ? "" : node->text;
}

static bool is_default(const char *name, const struct cm_json *node) {
    bool scalar = node->type != CM_OBJECT && node->type != CM_ARRAY;

    for (size_t i = 0; scalar && i < sizeof(defaults) / sizeof(defaults[0]); i++) {
        if (strcmp(defaults[i].name, name) == 0 &&
            (strcmp(defaults[i].value, text_of(node)) == 0 ||
             (node->type == CM_BOOL && !cm_json_true(node)))) {
            return true;
        }
    }
    return false;
}

// is_nothing tells whether a field that one side has and the other has not says nothing.
static bool is_nothing(const char *name, const struct cm_json *node) {
    static const char *const marks[] = {"pod-template-hash", "rollouts-pod-template-hash",
                                        "flagger-id", "creationTimestamp"};

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (strcmp(marks[i], name) == 0) {
            return true;
        }
    }
    if (node->type != CM_OBJECT && node->type != CM_ARRAY) {
        return node->type == CM_NULL || is_default(name, node);
    }
    for (const struct cm_json *c = node->first; c != NULL; c = c->next) {
        if (node->type == CM_ARRAY || !is_nothing(c->key, c)) {
            return false;
        }
    }
    return true;
}

// is_copy: Flagger gave its copies of what the template names another name.
static bool is_copy(const struct cm_json *ours, const struct cm_json *theirs) {
    const char *a = cm_json_string(ours);
    const char *b = cm_json_string(theirs);
    size_t size = a == NULL ? 0 : strlen(a);

    return a != NULL && b != NULL && strncmp(a, b, size) == 0 && strcmp(b + size, SUFFIX) == 0;
}

static const char *member_differs(struct walk *w, const char *path, const struct cm_json *ours,
                                  const struct cm_json *theirs) {
    for (const struct cm_json *m = ours->first; m != NULL; m = m->next) {
        const struct cm_json *other = cm_json_get(theirs, m->key);
        const char *at = cm_arena_strf(w->a, "%s.%.100s", path, m->key);
        const char *found = other != NULL           ? differs(w, at, m, other)
                            : is_nothing(m->key, m) ? NULL
                                                    : at;

        if (found != NULL) {
            return found;
        }
    }
    for (const struct cm_json *m = theirs->first; m != NULL; m = m->next) {
        if (cm_json_get(ours, m->key) == NULL && !is_nothing(m->key, m)) {
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

static const char *entry_differs(struct walk *w, const char *path, const struct cm_json *ours,
                                 const struct cm_json *theirs) {
    const struct cm_json *other = theirs->first;
    size_t i = 0;

    for (const struct cm_json *e = ours->first; e != NULL; e = e->next) {
        const char *at = entry_path(w, path, e, i++);

        if (other == NULL) {
            return at;
        }
        const char *found = differs(w, at, e, other);
        if (found != NULL) {
            return found;
        }
        other = other->next;
    }
    return other == NULL ? NULL : entry_path(w, path, other, i);
}

static bool ends_with(const char *path, const char *end) {
    size_t size = strlen(path);
    size_t want = strlen(end);

    return size >= want && strcmp(path + size - want, end) == 0;
}

static const char *differs(struct walk *w, const char *path, const struct cm_json *ours,
                           const struct cm_json *theirs) {
    const char *found = path;

    if (w->depth >= DEPTH_MAX) {
        return path;
    }
    w->depth++;
    if (ours->type == CM_OBJECT && theirs->type == CM_OBJECT) {
        found = member_differs(w, path, ours, theirs);
    } else if (ours->type == CM_ARRAY && theirs->type == CM_ARRAY) {
        found = entry_differs(w, path, ours, theirs);
    } else if (cm_json_equal(ours, theirs) ||
               (strstr(path, ".resources.") != NULL && cm_quantity_equal(ours, theirs)) ||
               (w->primary && !ends_with(path, ".image") && is_copy(ours, theirs))) {
        found = NULL;
    }
    w->depth--;
    return found;
}

const char *kube_same_template(struct cm_arena *a, const struct cm_json *ours,
                               const struct cm_json *theirs, bool primary) {
    struct walk w = {.a = a, .primary = primary};

    return differs(&w, ".spec.template", ours, theirs);
}
