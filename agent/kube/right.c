#include "agent/kube/right.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/object/id.h"
#include "common/object/pointer.h"

const struct kube_right_kind kube_right_kinds[KUBE_RIGHT_KINDS] = {
    {"autoscaling", "HorizontalPodAutoscaler", KUBE_RIGHT_REPLICAS},
    {"keda.sh", "ScaledObject", KUBE_RIGHT_REPLICAS},
    {"flagger.app", "Canary", KUBE_RIGHT_REPLICAS | KUBE_RIGHT_WEIGHTS | KUBE_RIGHT_RELEASES},
    {"argoproj.io", "Rollout", KUBE_RIGHT_REPLICAS | KUBE_RIGHT_WEIGHTS},
};

// Where an owner says what it owns: a JSON pointer to a name, to an object with `name` (and perhaps
// `kind` and `apiVersion`), or to a list of such. `group` and `kind` are those of the target if the
// reference does not say them.
//     https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
//     https://keda.sh/docs/latest/reference/scaledobject-spec/
//     https://docs.flagger.app/usage/how-it-works
//     https://argo-rollouts.readthedocs.io/en/stable/features/specification/
struct rule {
    const char *owner_group;
    const char *owner_kind;
    const char *pointer;
    const char *otherwise; // if nothing is there; NULL: then nothing is owned
    const char *group;
    const char *kind; // NULL: it says it
    unsigned right;
};

#define ISTIO "networking.istio.io"
#define GATEWAY "gateway.networking.k8s.io"
#define TRAEFIK "traefik.io"
#define APISIX "apisix.apache.org"
#define SERVICE_OF_CANARY "/spec/service/name", "/spec/targetRef/name"
#define ROUTING_OF_ROLLOUT "/spec/strategy/canary/trafficRouting"

static const struct rule rules[] = {
    {"autoscaling", "HorizontalPodAutoscaler", "/spec/scaleTargetRef", NULL, "", NULL,
     KUBE_RIGHT_REPLICAS},
    {"keda.sh", "ScaledObject", "/spec/scaleTargetRef", NULL, "apps", "Deployment",
     KUBE_RIGHT_REPLICAS},
    {"flagger.app", "Canary", "/spec/targetRef", NULL, "", NULL, KUBE_RIGHT_REPLICAS},
    {"flagger.app", "Canary", SERVICE_OF_CANARY, ISTIO, "VirtualService", KUBE_RIGHT_WEIGHTS},
    {"flagger.app", "Canary", SERVICE_OF_CANARY, GATEWAY, "HTTPRoute", KUBE_RIGHT_WEIGHTS},
    {"flagger.app", "Canary", SERVICE_OF_CANARY, TRAEFIK, "TraefikService", KUBE_RIGHT_WEIGHTS},
    {"flagger.app", "Canary", SERVICE_OF_CANARY, "", "Service", KUBE_RIGHT_WEIGHTS},
    {"flagger.app", "Canary", "/spec/routeRef", NULL, "", NULL, KUBE_RIGHT_WEIGHTS},
    {"argoproj.io", "Rollout", "/spec/workloadRef", NULL, "", NULL, KUBE_RIGHT_REPLICAS},
    {"argoproj.io", "Rollout", "/spec/strategy/blueGreen/activeService", NULL, "", "Service",
     KUBE_RIGHT_WEIGHTS},
    {"argoproj.io", "Rollout", "/spec/strategy/blueGreen/previewService", NULL, "", "Service",
     KUBE_RIGHT_WEIGHTS},
    {"argoproj.io", "Rollout", "/spec/strategy/canary/stableService", NULL, "", "Service",
     KUBE_RIGHT_WEIGHTS},
    {"argoproj.io", "Rollout", "/spec/strategy/canary/canaryService", NULL, "", "Service",
     KUBE_RIGHT_WEIGHTS},
    {"argoproj.io", "Rollout", "/spec/strategy/canary/pingPong/pingService", NULL, "", "Service",
     KUBE_RIGHT_WEIGHTS},
    {"argoproj.io", "Rollout", "/spec/strategy/canary/pingPong/pongService", NULL, "", "Service",
     KUBE_RIGHT_WEIGHTS},
    {"argoproj.io", "Rollout", ROUTING_OF_ROLLOUT "/istio/virtualService", NULL, ISTIO,
     "VirtualService", KUBE_RIGHT_WEIGHTS},
    {"argoproj.io", "Rollout", ROUTING_OF_ROLLOUT "/istio/virtualServices", NULL, ISTIO,
     "VirtualService", KUBE_RIGHT_WEIGHTS},
    {"argoproj.io", "Rollout", ROUTING_OF_ROLLOUT "/plugins/argoproj-labs~1gatewayAPI/httpRoute",
     NULL, GATEWAY, "HTTPRoute", KUBE_RIGHT_WEIGHTS},
    {"argoproj.io", "Rollout", ROUTING_OF_ROLLOUT "/plugins/argoproj-labs~1gatewayAPI/httpRoutes",
     NULL, GATEWAY, "HTTPRoute", KUBE_RIGHT_WEIGHTS},
    {"argoproj.io", "Rollout", ROUTING_OF_ROLLOUT "/traefik/weightedTraefikServiceName", NULL,
     TRAEFIK, "TraefikService", KUBE_RIGHT_WEIGHTS},
    {"argoproj.io", "Rollout", ROUTING_OF_ROLLOUT "/apisix/route", NULL, APISIX, "ApisixRoute",
     KUBE_RIGHT_WEIGHTS},
};

// Where the weights of a route are: in each element of the lists `outer` (NULL: there is no outer
// list) the list `inner`, whose elements have a `weight`.
struct weights {
    const char *group;
    const char *kind;
    const char *outer;
    const char *inner;
};

static const struct weights weights[] = {
    {ISTIO, "VirtualService", "/spec/http", "/route"},
    {ISTIO, "VirtualService", "/spec/tcp", "/route"},
    {ISTIO, "VirtualService", "/spec/tls", "/route"},
    {GATEWAY, "HTTPRoute", "/spec/rules", "/backendRefs"},
    {GATEWAY, "GRPCRoute", "/spec/rules", "/backendRefs"},
    {TRAEFIK, "TraefikService", NULL, "/spec/weighted/services"},
    {APISIX, "ApisixRoute", "/spec/http", "/backends"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define WEIGHT "weight"
// What they put into a Service's selector: Argo Rollouts a label, Flagger a name that ends so.
#define HASH_LABEL "rollouts-pod-template-hash"
#define PRIMARY "-primary"

static const char *text_of(const struct cm_json *node, const char *name) {
    const char *text = cm_json_string(cm_json_get(node, name));

    return text == NULL ? "" : text;
}

// group_of is the group in an apiVersion.
static const char *group_of(struct cm_arena *a, const char *api_version) {
    const char *slash = strchr(api_version, '/');

    return slash == NULL ? "" : cm_arena_strndup(a, api_version, (size_t)(slash - api_version));
}

static bool is_a(const struct cm_json *object, const char *group, const char *kind) {
    const char *version = text_of(object, "apiVersion");
    size_t size = strlen(group);

    return strcmp(text_of(object, "kind"), kind) == 0 && strncmp(version, group, size) == 0 &&
           version[size] == '/';
}

static const struct cm_json *find(struct cm_arena *a, const struct cm_json *node,
                                  const char *pointer) {
    struct cm_pointer parsed;
    struct cm_err err;

    if (pointer == NULL || cm_pointer_parse(a, pointer, &parsed, &err) < 0) {
        return NULL;
    }
    return cm_pointer_find(&parsed, parsed.count, (struct cm_json *)(uintptr_t)node);
}

// ---- What owners own

struct claiming {
    struct cm_arena *a;
    const char *namespace;
    struct kube_right_claim *out;
    size_t count;
};

static void claim(struct claiming *c, const struct rule *rule, const struct cm_json *reference) {
    const char *name = cm_json_string(reference);
    struct cm_object_id id = {.group = rule->group,
                              .version = "",
                              .kind = rule->kind == NULL ? "" : rule->kind,
                              .namespace = c->namespace,
                              .name = name == NULL ? text_of(reference, "name") : name};

    if (name == NULL && text_of(reference, "kind")[0] != '\0') {
        id.kind = text_of(reference, "kind");
        id.group = group_of(c->a, text_of(reference, "apiVersion"));
    }
    if (id.kind[0] != '\0' && id.name[0] != '\0' && c->count < KUBE_RIGHT_CLAIMS_MAX) {
        c->out[c->count++] = (struct kube_right_claim){cm_object_key(c->a, &id), rule->right};
    }
}

static void claim_all(struct claiming *c, const struct rule *rule, const struct cm_json *owner) {
    const struct cm_json *reference = find(c->a, owner, rule->pointer);

    if (reference == NULL) {
        reference = find(c->a, owner, rule->otherwise);
    }
    if (reference == NULL || reference->type != CM_ARRAY) {
        claim(c, rule, reference);
        return;
    }
    for (const struct cm_json *one = reference->first; one != NULL; one = one->next) {
        claim(c, rule, one);
    }
}

size_t kube_right_claims(struct cm_arena *a, const struct cm_json *owner,
                         struct kube_right_claim out[KUBE_RIGHT_CLAIMS_MAX]) {
    struct claiming c = {a, text_of(cm_json_get(owner, "metadata"), "namespace"), out, 0};

    for (size_t i = 0; i < COUNT(rules); i++) {
        if (is_a(owner, rules[i].owner_group, rules[i].owner_kind)) {
            claim_all(&c, &rules[i], owner);
        }
    }
    return c.count;
}

// ---- Giving way

static bool is_service(const struct cm_json *object) {
    return strcmp(text_of(object, "apiVersion"), "v1") == 0 &&
           strcmp(text_of(object, "kind"), "Service") == 0;
}

static bool has_weights(const struct cm_json *desired) {
    if (is_service(desired)) {
        return cm_json_path(desired, "spec", "selector", NULL) != NULL;
    }
    for (size_t i = 0; i < COUNT(weights); i++) {
        if (is_a(desired, weights[i].group, weights[i].kind)) {
            return true;
        }
    }
    return false;
}

// has_releases tells whether another controller may decide about releases of it, and says so in an
// object of its own.
static bool has_releases(const struct cm_json *desired) {
    return cm_json_path(desired, "spec", "template", NULL) != NULL &&
           (is_a(desired, "apps", "Deployment") || is_a(desired, "apps", "DaemonSet"));
}

unsigned kube_right_of(const struct cm_json *desired) {
    const struct cm_json *replicas = cm_json_path(desired, "spec", "replicas", NULL);

    return (replicas != NULL && replicas->type == CM_NUMBER ? KUBE_RIGHT_REPLICAS : 0U) |
           (has_weights(desired) ? KUBE_RIGHT_WEIGHTS : 0U) |
           (has_releases(desired) ? KUBE_RIGHT_RELEASES : 0U);
}

// is_kept_by_another tells whether somebody else than we owns spec.replicas, who keeps it when we
// no longer apply it.
static bool is_kept_by_another(const struct cm_json *live, const char *manager) {
    const struct cm_json *entries = cm_json_path(live, "metadata", "managedFields", NULL);

    if (entries == NULL || entries->type != CM_ARRAY) {
        return false;
    }
    for (const struct cm_json *e = entries->first; e != NULL; e = e->next) {
        bool ours = strcmp(text_of(e, "manager"), manager) == 0 &&
                    strcmp(text_of(e, "operation"), "Apply") == 0;

        if (!ours && cm_json_path(e, "fieldsV1", "f:spec", "f:replicas", NULL) != NULL) {
            return true;
        }
    }
    return false;
}

static void give_replicas(struct cm_arena *a, struct cm_json *desired, const struct cm_json *live,
                          const char *manager, struct kube_right_given *out) {
    struct cm_json *spec = cm_json_get(desired, "spec");
    const struct cm_json *theirs = cm_json_path(live, "spec", "replicas", NULL);

    if (cm_json_get(spec, "replicas") == NULL || theirs == NULL) {
        return;
    }
    if (!cm_json_equal(cm_json_get(spec, "replicas"), theirs)) {
        out->differing |= KUBE_RIGHT_REPLICAS;
    }
    if (is_kept_by_another(live, manager)) {
        (void)cm_json_remove(spec, "replicas");
    } else {
        cm_json_set(a, spec, "replicas", cm_json_copy(a, theirs));
        out->copied = true;
    }
}

// is_backend tells whether a live element of a list is the one that is meant, whatever its weight.
static bool is_backend(const struct cm_json *desired, const struct cm_json *live) {
    for (const struct cm_json *m = desired->first; m != NULL; m = m->next) {
        const struct cm_json *its = cm_json_get(live, m->key);

        if (strcmp(m->key, WEIGHT) == 0) {
            continue;
        }
        bool inside = its != NULL && m->type == CM_OBJECT && its->type == CM_OBJECT;
        if (inside ? !is_backend(m, its) : its == NULL || !cm_json_equal(m, its)) {
            return false;
        }
    }
    return true;
}

static void give_weight(struct cm_arena *a, struct cm_json *backend, const struct cm_json *live,
                        struct kube_right_given *out) {
    const struct cm_json *ours = cm_json_get(backend, WEIGHT);
    const struct cm_json *theirs = cm_json_get(live, WEIGHT);

    if (theirs == NULL) {
        return;
    }
    out->copied = true; // also what is the same now: its owner may change it meanwhile
    if (ours != NULL && cm_json_equal(ours, theirs)) {
        return;
    }
    out->differing |= KUBE_RIGHT_WEIGHTS;
    cm_json_set(a, backend, WEIGHT, cm_json_copy(a, theirs));
}

static void give_backends(struct cm_arena *a, const struct cm_json *desired,
                          const struct cm_json *live, struct kube_right_given *out) {
    if (desired == NULL || live == NULL || desired->type != CM_ARRAY || live->type != CM_ARRAY) {
        return;
    }
    for (struct cm_json *d = desired->first; d != NULL; d = d->next) {
        const struct cm_json *l = live->first;

        while (l != NULL && !is_backend(d, l)) {
            l = l->next;
        }
        if (l != NULL && d->type == CM_OBJECT) {
            give_weight(a, d, l, out);
        }
    }
}

// give_weights goes through two lists of routes side by side.
static void give_weights(struct cm_arena *a, const struct weights *w, const struct cm_json *desired,
                         const struct cm_json *live, struct kube_right_given *out) {
    const struct cm_json *ours = find(a, desired, w->outer);
    const struct cm_json *theirs = find(a, live, w->outer);

    if (w->outer == NULL) {
        give_backends(a, find(a, desired, w->inner), find(a, live, w->inner), out);
        return;
    }
    if (ours == NULL || theirs == NULL || ours->type != CM_ARRAY || theirs->type != CM_ARRAY) {
        return;
    }
    const struct cm_json *l = theirs->first;
    for (const struct cm_json *d = ours->first; d != NULL && l != NULL; d = d->next, l = l->next) {
        give_backends(a, find(a, d, w->inner), find(a, l, w->inner), out);
    }
}

static bool is_of_primary(const struct cm_json *selector) {
    size_t tail = sizeof(PRIMARY) - 1;

    for (const struct cm_json *m = selector->first; m != NULL; m = m->next) {
        const char *value = cm_json_string(m);
        size_t size = value != NULL ? strlen(value) : 0;

        if (size > tail && strcmp(value + size - tail, PRIMARY) == 0) {
            return true;
        }
    }
    return false;
}

// give_selector: a Service's selector is one field, so what is added to it is applied with it.
static void give_selector(struct cm_arena *a, const struct cm_json *desired,
                          const struct cm_json *live, struct kube_right_given *out) {
    struct cm_json *spec = cm_json_get(desired, "spec");
    struct cm_json *ours = cm_json_get(spec, "selector");
    const struct cm_json *theirs = cm_json_path(live, "spec", "selector", NULL);

    if (ours == NULL || theirs == NULL || ours->type != CM_OBJECT || theirs->type != CM_OBJECT) {
        return;
    }
    const struct cm_json *hash = cm_json_get(theirs, HASH_LABEL);
    bool primary = is_of_primary(theirs) && !is_of_primary(ours);
    if (primary) {
        cm_json_set(a, spec, "selector", cm_json_copy(a, theirs));
    } else if (hash != NULL) {
        cm_json_set(a, ours, HASH_LABEL, cm_json_copy(a, hash));
    }
    out->copied |= primary || hash != NULL;
    out->differing |= primary || hash != NULL ? KUBE_RIGHT_WEIGHTS : 0U;
}

struct kube_right_given kube_right_give(struct cm_arena *a, struct cm_json *desired,
                                        const struct cm_json *live, const char *manager,
                                        unsigned rights) {
    struct kube_right_given given = {0};

    if ((rights & KUBE_RIGHT_REPLICAS) != 0) {
        give_replicas(a, desired, live, manager, &given);
    }
    if ((rights & KUBE_RIGHT_WEIGHTS) != 0 && is_service(desired)) {
        give_selector(a, desired, live, &given);
    }
    for (size_t i = 0; (rights & KUBE_RIGHT_WEIGHTS) != 0 && i < COUNT(weights); i++) {
        if (is_a(desired, weights[i].group, weights[i].kind)) {
            give_weights(a, &weights[i], desired, live, &given);
        }
    }
    return given;
}
