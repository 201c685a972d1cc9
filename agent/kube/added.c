#include "agent/kube/added.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/actual.h"
#include "common/object/field.h"
#include "common/object/filled.h"
#include "common/object/listkeys.h"
#include "common/object/owned.h"
#include "common/object/path.h"
#include "common/object/schema.h"
#include "common/str.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

// Tools call themselves by --field-manager, or the API server does by the beginning of their
// User-Agent: a console in a browser is "Mozilla".
static const char *const tools[] = {"oc",
                                    "k9s",
                                    "Lens",
                                    "OpenLens",
                                    "Freelens",
                                    "lens",
                                    "freelens",
                                    "Mozilla",
                                    "octant",
                                    "headlamp",
                                    "aptakube",
                                    "dashboard",
                                    "kubernetes-dashboard",
                                    "dashboard-api"};

bool kube_added_is_by(const char *manager) {
    for (size_t i = 0; i < COUNT(tools); i++) {
        if (strcmp(manager, tools[i]) == 0) {
            return true;
        }
    }
    return strncmp(manager, "kubectl", strlen("kubectl")) == 0; // kubectl-edit, kubectl.exe
}

static bool is_applied_by(const void *manager, const struct cm_manager *m) {
    return strcmp(m->name, manager) == 0 && strcmp(m->operation, "Apply") == 0 &&
           m->subresource[0] == '\0';
}

static bool is_by_people(const void *ctx, const struct cm_manager *m) {
    const struct kube_added_by *c = ctx;

    return (strcmp(m->operation, "Update") == 0 && m->subresource[0] == '\0' &&
            kube_added_is_by(m->name)) ||
           (c->taken && is_applied_by(c->manager, m));
}

static bool is_by_others(const void *ctx, const struct cm_manager *m) {
    return !is_by_people(ctx, m);
}

// ---- What is left out

// Members by which tools ask for something once, or say what they did; "/": whatever comes behind.
static const char *const passing[] = {"kubectl.kubernetes.io/",
                                      "deployment.kubernetes.io/",
                                      "kubernetes.io/change-cause",
                                      "reconcile.fluxcd.io/",
                                      "field.cattle.io/",
                                      "cattle.io/timestamp",
                                      "force-sync",
                                      "restartAt",
                                      "restartedAt",
                                      "caBundle"};

static bool is_passing(const char *name) {
    const char *slash = strrchr(name, '/');

    for (size_t i = 0; i < COUNT(passing); i++) {
        size_t len = strlen(passing[i]);
        bool begins = passing[i][len - 1] == '/' && strncmp(name, passing[i], len) == 0;

        if (begins || strcmp(name, passing[i]) == 0) {
            return true;
        }
    }
    return slash != NULL && strcmp(slash + 1, "restartedAt") == 0;
}

static bool is_in(const struct cm_path *path, const char *first, const char *second) {
    return path->count >= 2 && strcmp(path->segments[0].name, first) == 0 &&
           path->segments[1].type == CM_SEGMENT_MEMBER &&
           strcmp(path->segments[1].name, second) == 0;
}

static bool is_kind(const struct cm_json *object, const char *kind) {
    const char *its = cm_json_string(cm_json_get(object, "kind"));

    return its != NULL && strcmp(its, kind) == 0;
}

// is_stopping: who stopped a release or a Node did so for a reason, and goes on when he is done.
static bool is_stopping(const struct cm_json *live, const struct cm_path *path) {
    return is_in(path, "spec", "paused") ||
           (is_kind(live, "Node") &&
            (is_in(path, "spec", "unschedulable") || is_in(path, "spec", "taints")));
}

static bool is_empty(const struct cm_json *object, const char *map) {
    const struct cm_json *value = cm_json_get(object, map);

    return value == NULL || value->count == 0;
}

// is_to_be_filled: a Secret or a ConfigMap of which Git says no data is a place for what others put
// there.
static bool is_to_be_filled(const struct cm_json *desired, const struct cm_path *path) {
    const char *first = path->segments[0].name;

    return (is_kind(desired, "Secret") || is_kind(desired, "ConfigMap")) &&
           (strcmp(first, "data") == 0 || strcmp(first, "binaryData") == 0) &&
           is_empty(desired, "data") && is_empty(desired, "stringData") &&
           is_empty(desired, "binaryData");
}

static bool is_left_out(const struct cm_path *path) {
    const struct cm_segment *last = &path->segments[path->count - 1];
    bool named = last->type == CM_SEGMENT_MEMBER;

    return is_in(path, "metadata", "finalizers") || is_in(path, "metadata", "ownerReferences") ||
           (path->count == 2 && is_in(path, "spec", "replicas")) ||
           (named && (is_passing(last->name) || cm_actual_is_note(last->name)));
}

// What the API server fills in is his who wrote when it did, so he need not have said it.
// https://kubernetes.io/docs/reference/kubernetes-api/: defaults.
static const struct {
    const char *name;
    const char *value; // as compact JSON
} defaults[] = {{"allocateLoadBalancerNodePorts", "true"},
                {"defaultMode", "420"},
                {"dnsPolicy", "\"ClusterFirst\""},
                {"externalTrafficPolicy", "\"Cluster\""},
                {"failureThreshold", "3"},
                {"imagePullPolicy", "\"IfNotPresent\""},
                {"internalTrafficPolicy", "\"Cluster\""},
                {"periodSeconds", "10"},
                {"podManagementPolicy", "\"OrderedReady\""},
                {"progressDeadlineSeconds", "600"},
                {"protocol", "\"TCP\""},
                {"restartPolicy", "\"Always\""},
                {"revisionHistoryLimit", "10"},
                {"schedulerName", "\"default-scheduler\""},
                {"scheme", "\"HTTP\""},
                {"sessionAffinity", "\"None\""},
                {"successThreshold", "1"},
                {"terminationGracePeriodSeconds", "30"},
                {"terminationMessagePath", "\"/dev/termination-log\""},
                {"terminationMessagePolicy", "\"File\""},
                {"timeoutSeconds", "1"}};

static bool is_default(const struct cm_segment *last, const struct cm_json *value) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    if (last->type != CM_SEGMENT_MEMBER || value->type == CM_OBJECT || value->type == CM_ARRAY) {
        return false;
    }
    cm_json_write_compact(value, &text);
    for (size_t i = 0; i < COUNT(defaults); i++) {
        if (strcmp(last->name, defaults[i].name) == 0 &&
            strcmp(cm_str_get(&text), defaults[i].value) == 0) {
            return true;
        }
    }
    return false;
}

// ---- What there is

struct finding {
    struct cm_arena *a;
    const struct cm_json *desired;
    const struct cm_json *live;
    struct kube_added_by counting;
    struct cm_json *merged;
    size_t max;
    size_t looked;
    size_t capacity;
    struct cm_differences *out;
};

enum { LOOKED_AT = 1000 }; // more are not looked at: each takes its time

static const struct cm_json null_node = {.type = CM_NULL};

static void keep(struct finding *f, const struct cm_difference *d) {
    struct cm_differences *out = f->out;

    if (out->count == f->max) {
        out->more = true;
        return;
    }
    if (out->count == f->capacity) {
        struct cm_difference *items = out->items;

        f->capacity = f->capacity == 0 ? 4 : f->capacity * 2;
        out->items = cm_arena_get(f->a, f->capacity * sizeof(*items));
        memcpy(out->items, items == NULL ? out->items : items, out->count * sizeof(*items));
    }
    out->items[out->count++] =
        (struct cm_difference){cm_arena_strdup(f->a, d->path), d->desired, d->actual};
}

// is_others tells whether a field is not for us to judge.
static bool is_others(const struct finding *f, const struct cm_path *path) {
    return path->segments[0].type != CM_SEGMENT_MEMBER || is_left_out(path) ||
           is_stopping(f->live, path) || is_to_be_filled(f->desired, path);
}

// is_by_hand: who made a map that holds nothing of his any more is named as the owner of all that
// is in it, so whoever counts has the very field.
static bool is_by_hand(const struct finding *f, const char *text) {
    return cm_object_is_held(f->live, text, is_by_people, &f->counting) &&
           !cm_object_is_held(f->live, text, is_by_others, &f->counting);
}

static void take(struct finding *f, const char *text, const struct cm_json *value) {
    const struct cm_difference d = {text, &null_node, value};
    struct cm_path path;

    if (f->out->more || f->looked++ == LOOKED_AT) {
        f->out->more = true;
        return;
    }
    if (cm_path_parse(f->a, text, &path) && !is_others(f, &path) &&
        !is_default(&path.segments[path.count - 1], value) &&
        !cm_object_is_filled_in(f->a, f->live, &d) && is_by_hand(f, text) &&
        cm_field_set(f->a, f->merged, &path, value)) {
        keep(f, &d);
    }
}

// is_filled_by_people tells whether the members of a map come and go by themselves.
static bool is_filled_by_people(const char *map) {
    static const char *const names[] = {"labels", "annotations", "data",      "binaryData",
                                        "limits", "requests",    "resources", "spec"};

    for (size_t i = 0; i < COUNT(names); i++) {
        if (strcmp(map, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

// rule_of finds by what the elements of a list that was added are told apart.
static const struct cm_list_rule *rule_of(const struct finding *f, const char *text) {
    struct cm_path path = {0};

    (void)cm_path_parse(f->a, text, &path); // else it is the root, which is no list
    return cm_schema_rule(
        cm_field_walk(cm_field_root(f->a, f->live), path.segments, path.count).place);
}

static void cut(struct cm_str *text, size_t len) {
    text->len = len;
    text->data[len] = '\0';
}

static void take_elements(struct finding *f, struct cm_str *text, const struct cm_list_rule *rule,
                          const struct cm_json *list) {
    size_t len = text->len;

    for (const struct cm_json *e = list->first; e != NULL; e = e->next) {
        cm_path_add_entry(text, rule, e);
        take(f, cm_str_get(text), e);
        cut(text, len);
    }
}

// take_parts takes what was added, the member `name` of something, by its smallest parts. The depth
// is that of the JSON reader.
static void take_parts(struct finding *f, struct cm_str *text, // NOLINT(misc-no-recursion)
                       const char *name, const struct cm_json *value) {
    bool list = value->type == CM_ARRAY;
    const struct cm_list_rule *rule = list ? rule_of(f, cm_str_get(text)) : NULL;
    size_t len = text->len;

    if (list && rule->type != CM_LIST_ATOMIC) {
        take_elements(f, text, rule, value);
        return;
    }
    if (value->type != CM_OBJECT || !is_filled_by_people(name)) {
        take(f, cm_str_get(text), value);
        return;
    }
    for (const struct cm_json *m = value->first; m != NULL; m = m->next) {
        cm_path_add_member(text, m->key);
        take_parts(f, text, m->key, m);
        cut(text, len);
    }
}

static void take_difference(struct finding *f, const struct cm_difference *d) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_path path;

    if (cm_path_parse(f->a, d->path, &path)) {
        const struct cm_segment *last = &path.segments[path.count - 1];

        cm_str_add(&text, d->path);
        take_parts(f, &text, last->type == CM_SEGMENT_MEMBER ? last->name : "", d->actual);
    }
}

// has_been_applied: else what others hold of it may be older than we are.
static bool has_been_applied(const struct cm_json *live, const char *manager) {
    return cm_object_is_held(live, "", is_applied_by, manager);
}

void kube_added_find(struct cm_arena *a, const struct cm_json *desired, const struct cm_json *live,
                     const struct kube_added_by *by, size_t max, struct kube_added *out) {
    struct finding f = {
        .a = a, .desired = desired, .live = live, .counting = *by, .max = max, .out = &out->all};
    struct cm_differences found = {0};

    *out = (struct kube_added){0};
    const struct cm_json *theirs = cm_object_restrict_to(a, live, is_by_people, &f.counting);
    if (theirs == NULL || !has_been_applied(live, by->manager)) {
        return;
    }
    cm_object_changes(a, desired, theirs, LOOKED_AT, &found);
    f.merged = cm_json_copy(a, desired);
    for (size_t i = 0; i < found.count; i++) {
        if (found.items[i].desired->type == CM_NULL) {
            take_difference(&f, &found.items[i]);
        }
    }
    out->merged = out->all.count > 0 ? f.merged : NULL;
}
