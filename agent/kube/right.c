#include "agent/kube/right.h"

#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/object/pointer.h"
#include "common/str.h"

const struct kube_right_kind kube_right_kinds[KUBE_RIGHT_KINDS] = {
    {"autoscaling", "HorizontalPodAutoscaler", KUBE_RIGHT_REPLICAS},
    {"keda.sh", "ScaledObject", KUBE_RIGHT_REPLICAS},
    {"flagger.app", "Canary", KUBE_RIGHT_REPLICAS | KUBE_RIGHT_WEIGHTS | KUBE_RIGHT_RELEASES},
    {"argoproj.io", "Rollout", KUBE_RIGHT_REPLICAS | KUBE_RIGHT_WEIGHTS | KUBE_RIGHT_RELEASES},
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
    const char *kind;  // NULL: it says it
    const char *space; // where it says the namespace; NULL: nowhere
    unsigned right;
    bool dotted; // the name may be NAME.NAMESPACE
};

#define ISTIO "networking.istio.io"
#define GATEWAY "gateway.networking.k8s.io"
#define TRAEFIK "traefik.io"
#define APISIX "apisix.apache.org"
#define SERVICE_OF_CANARY "/spec/service/name", "/spec/targetRef/name"
#define ROUTING_OF_ROLLOUT "/spec/strategy/canary/trafficRouting"
#define PLUGIN ROUTING_OF_ROLLOUT "/plugins/argoproj-labs~1gatewayAPI"

#define OF(group, kind, pointer, target_group, target, right)                                      \
    { group, kind, pointer, NULL, target_group, target, NULL, right, false }
#define OF_CANARY(target_group, target)                                                            \
    {                                                                                              \
        "flagger.app", "Canary", SERVICE_OF_CANARY, target_group, target, NULL,                    \
            KUBE_RIGHT_WEIGHTS, false                                                              \
    }
#define OF_ROLLOUT(pointer, target_group, target)                                                  \
    OF("argoproj.io", "Rollout", pointer, target_group, target, KUBE_RIGHT_WEIGHTS)
//     https://rollouts-plugin-trafficrouter-gatewayapi.readthedocs.io/en/latest/
#define OF_PLUGIN(member, target)                                                                  \
    {                                                                                              \
        "argoproj.io", "Rollout", PLUGIN member, NULL, GATEWAY, target, PLUGIN "/namespace",       \
            KUBE_RIGHT_WEIGHTS, false                                                              \
    }
#define OF_ISTIO(member)                                                                           \
    {                                                                                              \
        "argoproj.io", "Rollout", ROUTING_OF_ROLLOUT member, NULL, ISTIO, "VirtualService", NULL,  \
            KUBE_RIGHT_WEIGHTS, true                                                               \
    }

static const struct rule rules[] = {
    OF("autoscaling", "HorizontalPodAutoscaler", "/spec/scaleTargetRef", "", NULL,
       KUBE_RIGHT_REPLICAS),
    OF("keda.sh", "ScaledObject", "/spec/scaleTargetRef", "apps", "Deployment",
       KUBE_RIGHT_REPLICAS),
    OF("flagger.app", "Canary", "/spec/targetRef", "", NULL, KUBE_RIGHT_REPLICAS),
    OF_CANARY(ISTIO, "VirtualService"),
    OF_CANARY(GATEWAY, "HTTPRoute"),
    OF_CANARY(TRAEFIK, "TraefikService"),
    OF_CANARY("", "Service"),
    OF("flagger.app", "Canary", "/spec/routeRef", "", NULL, KUBE_RIGHT_WEIGHTS),
    OF("argoproj.io", "Rollout", "/spec/workloadRef", "", NULL, KUBE_RIGHT_REPLICAS),
    OF_ROLLOUT("/spec/strategy/blueGreen/activeService", "", "Service"),
    OF_ROLLOUT("/spec/strategy/blueGreen/previewService", "", "Service"),
    OF_ROLLOUT("/spec/strategy/canary/stableService", "", "Service"),
    OF_ROLLOUT("/spec/strategy/canary/canaryService", "", "Service"),
    OF_ROLLOUT("/spec/strategy/canary/pingPong/pingService", "", "Service"),
    OF_ROLLOUT("/spec/strategy/canary/pingPong/pongService", "", "Service"),
    OF_ISTIO("/istio/virtualService"),
    OF_ISTIO("/istio/virtualServices"),
    OF_ROLLOUT(ROUTING_OF_ROLLOUT "/istio/destinationRule", ISTIO, "DestinationRule"),
    OF_PLUGIN("/httpRoute", "HTTPRoute"),
    OF_PLUGIN("/httpRoutes", "HTTPRoute"),
    OF_PLUGIN("/grpcRoute", "GRPCRoute"),
    OF_PLUGIN("/grpcRoutes", "GRPCRoute"),
    OF_PLUGIN("/tcpRoute", "TCPRoute"),
    OF_PLUGIN("/tcpRoutes", "TCPRoute"),
    OF_PLUGIN("/tlsRoute", "TLSRoute"),
    OF_PLUGIN("/tlsRoutes", "TLSRoute"),
    OF_ROLLOUT(ROUTING_OF_ROLLOUT "/traefik/weightedTraefikServiceName", TRAEFIK, "TraefikService"),
    OF_ROLLOUT(ROUTING_OF_ROLLOUT "/apisix/route", APISIX, "ApisixRoute"),
};

// What is given of an object: the list at `outer`. Each of its elements has a list `inner`, whose
// elements have a `weight`; without an `inner` it is those of `outer` that have it.
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
    {GATEWAY, "TCPRoute", "/spec/rules", "/backendRefs"},
    {GATEWAY, "TLSRoute", "/spec/rules", "/backendRefs"},
    {TRAEFIK, "TraefikService", "/spec/weighted/services", NULL},
    {APISIX, "ApisixRoute", "/spec/http", "/backends"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define WEIGHT "weight"
#define SUBSETS "/spec/subsets"
#define GRACE_MS 60000 // for weights that somebody set by hand
// What they put into a Service's selector: Argo Rollouts a label, Flagger a name that ends so.
#define HASH_LABEL "rollouts-pod-template-hash"
#define PRIMARY "-primary"
// Who takes a workload to no replicas while another one serves: as controllers call themselves.
#define RELEASERS "flagger\nrollouts-controller\n"
#define NO_NODE "flagger.app/scale-to-zero" // what no node has: so a DaemonSet has no pods

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
    const struct cm_json *owner;
    const char *namespace;
    struct kube_right_claim *out;
    size_t count;
};

// place_of finds the namespace of what is referred to, and takes it off the name.
static void place_of(const struct claiming *c, const struct rule *rule, struct cm_object_id *id) {
    const char *dot = rule->dotted ? strchr(id->name, '.') : NULL;
    const char *space = cm_json_string(find(c->a, c->owner, rule->space));

    if (dot != NULL) {
        id->namespace = cm_arena_strndup(c->a, dot + 1, strcspn(dot + 1, "."));
        id->name = cm_arena_strndup(c->a, id->name, (size_t)(dot - id->name));
    } else if (space != NULL && space[0] != '\0') {
        id->namespace = space;
    }
}

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
    place_of(c, rule, &id);
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
    struct claiming c = {a, owner, text_of(cm_json_get(owner, "metadata"), "namespace"), out, 0};

    for (size_t i = 0; i < COUNT(rules); i++) {
        if (is_a(owner, rules[i].owner_group, rules[i].owner_kind)) {
            claim_all(&c, &rules[i], owner);
        }
    }
    return c.count;
}

// ---- On what terms

static bool is_array(const struct cm_json *node) {
    return node != NULL && node->type == CM_ARRAY;
}

static const struct cm_json *managers_of(const struct cm_json *object) {
    const struct cm_json *all = cm_json_path(object, "metadata", "managedFields", NULL);

    return is_array(all) ? all->first : NULL;
}

// is_idle tells whether no release is under way; what says nothing may be at work.
//     https://docs.flagger.app/usage/how-it-works#canary-status
//     https://argo-rollouts.readthedocs.io/en/stable/features/specification/
static bool is_idle(const struct cm_json *owner) {
    static const char *const phases[] = {"Initialized", "Succeeded", "Failed", // of a Canary
                                         "Healthy", "Degraded"};               // of a Rollout
    const char *phase = text_of(cm_json_get(owner, "status"), "phase");

    for (size_t i = 0; i < COUNT(phases); i++) {
        if (strcmp(phases[i], phase) == 0) {
            return true;
        }
    }
    return false;
}

static void add_name(struct cm_str *out, const char *name) {
    if (name[0] != '\0' && strchr(name, '\n') == NULL) {
        cm_str_addf(out, "%s\n", name);
    }
}

static const char *take_names(struct cm_arena *a, struct cm_str *names) {
    const char *text = cm_arena_strdup(a, cm_str_get(names));

    cm_str_done(names);
    return text;
}

// controllers_of are who says in which phase the owner is, and plugins, whose programs are called
// like the end of their names.
static const char *controllers_of(struct cm_arena *a, const struct cm_json *owner) {
    const struct cm_json *plugins = find(a, owner, ROUTING_OF_ROLLOUT "/plugins");
    struct cm_str names = {0};

    for (const struct cm_json *m = managers_of(owner); m != NULL; m = m->next) {
        if (cm_json_path(m, "fieldsV1", "f:status", "f:phase", NULL) != NULL) {
            add_name(&names, text_of(m, "manager"));
        }
    }
    for (const struct cm_json *p = names.len > 0 && plugins != NULL ? plugins->first : NULL;
         p != NULL && p->key != NULL; p = p->next) {
        const char *slash = strrchr(p->key, '/');

        add_name(&names, slash == NULL ? p->key : slash + 1);
    }
    return take_names(a, &names);
}

static const char *routes_of(struct cm_arena *a, const struct cm_json *owner) {
    const struct cm_json *routes = find(a, owner, ROUTING_OF_ROLLOUT "/managedRoutes");
    struct cm_str names = {0};

    for (const struct cm_json *r = is_array(routes) ? routes->first : NULL; r != NULL;
         r = r->next) {
        add_name(&names, text_of(r, "name"));
    }
    return take_names(a, &names);
}

static const char *canaries_of(struct cm_arena *a, const struct cm_json *owner) {
    const char *name = cm_json_string(find(a, owner, "/spec/strategy/canary/canaryService"));
    struct cm_str names = {0};

    if (name != NULL && find(a, owner, PLUGIN) != NULL) {
        add_name(&names, name);
    }
    return take_names(a, &names);
}

// least_of is that of an autoscaler which does not begin at none.
static int64_t least_of(const struct cm_json *owner) {
    return is_a(owner, "autoscaling", "HorizontalPodAutoscaler")
               ? cm_json_int(cm_json_path(owner, "spec", "minReplicas", NULL), 1)
               : 0;
}

struct kube_right_terms kube_right_terms_of(struct cm_arena *a, const struct cm_json *owner) {
    return (struct kube_right_terms){.idle = is_idle(owner),
                                     .controllers = controllers_of(a, owner),
                                     .routes = routes_of(a, owner),
                                     .canaries = canaries_of(a, owner),
                                     .least = least_of(owner)};
}

static bool is_among(const char *names, const char *name) {
    size_t size = strlen(name);

    for (const char *n = names; size > 0 && n[0] != '\0'; n += strcspn(n, "\n") + 1) {
        if (strncmp(n, name, size) == 0 && n[size] == '\n') {
            return true;
        }
    }
    return false;
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
    if (is_a(desired, ISTIO, "DestinationRule")) {
        return cm_json_path(desired, "spec", "subsets", NULL) != NULL;
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

// is_kept tells whether an entry of managedFields is of somebody else than us, who keeps
// spec.replicas when we no longer apply it.
static bool is_kept(const struct cm_json *entry, const char *manager) {
    bool ours = strcmp(text_of(entry, "manager"), manager) == 0 &&
                strcmp(text_of(entry, "operation"), "Apply") == 0;

    return !ours && cm_json_path(entry, "fieldsV1", "f:spec", "f:replicas", NULL) != NULL;
}

static bool is_kept_by_another(const struct cm_json *live, const char *manager) {
    for (const struct cm_json *m = managers_of(live); m != NULL; m = m->next) {
        if (is_kept(m, manager)) {
            return true;
        }
    }
    return false;
}

static const struct cm_json *node_selector(const struct cm_json *object) {
    return cm_json_path(object, "spec", "template", "spec", "nodeSelector", NULL);
}

bool kube_right_is_asleep(const struct cm_json *live, const char *manager) {
    bool asleep = false;

    if (is_a(live, "apps", "DaemonSet")) {
        return cm_json_get(node_selector(live), NO_NODE) != NULL;
    }
    if (cm_json_int(cm_json_path(live, "spec", "replicas", NULL), 1) != 0) {
        return false;
    }
    for (const struct cm_json *m = managers_of(live); m != NULL; m = m->next) {
        if (is_kept(m, manager) && !is_among(RELEASERS, text_of(m, "manager"))) {
            return false; // who wants none
        }
        asleep |= is_kept(m, manager);
    }
    return asleep;
}

const char *kube_right_wake(struct cm_arena *a, const struct cm_json *desired,
                            const struct cm_json *live, int64_t least) {
    const char *version = cm_json_string(cm_json_path(live, "metadata", "resourceVersion", NULL));
    int64_t replicas = cm_json_int(cm_json_path(desired, "spec", "replicas", NULL), least);
    const char *spec = is_a(desired, "apps", "DaemonSet")
                           ? "{\"template\":{\"spec\":{\"nodeSelector\":{\"" NO_NODE "\":null}}}}"
                           : cm_arena_strf(a, "{\"replicas\":%lld}", (long long)replicas);

    return cm_arena_strf(a, "{\"metadata\":{\"resourceVersion\":\"%s\"},\"spec\":%s}",
                         version == NULL ? "" : version, spec);
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

static const struct cm_json *backend_of(const struct cm_json *desired, const struct cm_json *all) {
    const struct cm_json *l = is_array(all) && desired->type == CM_OBJECT ? all->first : NULL;

    while (l != NULL && !is_backend(desired, l)) {
        l = l->next;
    }
    return l;
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
    for (struct cm_json *d = is_array(desired) ? desired->first : NULL; d != NULL; d = d->next) {
        const struct cm_json *l = backend_of(d, live);

        if (l != NULL) {
            give_weight(a, d, l, out);
        }
    }
}

// A live route.
struct route {
    const struct cm_json *node;
    const char *name; // "": none
    const struct cm_json *backends;
    bool of_owner; // put in by one
    bool of_name;  // there is one of its name in what is desired
    bool taken;
};

// Two lists of routes, of which one is to be found in the other: each live one is taken once.
struct pairing {
    struct cm_arena *a;
    const char *inner;
    const char *canaries;
    struct cm_json *ours;
    struct cm_map *by_name; // -> route: the first of a name
    struct route *live;
    size_t count;
    size_t next;   // place of the next one that may be free
    bool by_place; // there are too many to look for the same backends
};

// Above so many comparisons of backends routes without a counterpart of the same name go by their
// places.
enum { COMPARISONS_MAX = 1 << 20 };

static const struct cm_json *named(const struct cm_json *list, const char *name) {
    const struct cm_json *r = name[0] == '\0' ? NULL : list->first;

    while (r != NULL && strcmp(text_of(r, "name"), name) != 0) {
        r = r->next;
    }
    return r;
}

static void note_name(struct cm_map *names, const char *name, void *value) {
    if (name[0] != '\0' && cm_map_get(names, name) == NULL) {
        cm_map_put(names, name, value);
    }
}

static void read_live(struct pairing *p, const struct cm_json *theirs, const char *routes) {
    CM_CLEANUP(cm_map_freep) struct cm_map *ours = cm_map_new(NULL);

    for (struct cm_json *d = p->ours->first; d != NULL; d = d->next) {
        note_name(ours, text_of(d, "name"), d);
    }
    p->live = cm_arena_get(p->a, (theirs->count + 1) * sizeof(*p->live));
    for (const struct cm_json *l = theirs->first; l != NULL; l = l->next) {
        const char *name = text_of(l, "name");
        struct route *r = &p->live[p->count++];

        *r = (struct route){.node = l,
                            .name = name,
                            .backends = find(p->a, l, p->inner),
                            .of_owner = is_among(routes, name),
                            .of_name = name[0] != '\0' && cm_map_get(ours, name) != NULL};
        note_name(p->by_name, name, r);
    }
}

static size_t elements(const struct cm_json *list) {
    return list == NULL ? 1 : 1 + list->count;
}

// is_too_much tells whether comparing all routes with all would take too long.
static bool is_too_much(const struct pairing *p) {
    size_t ours = 0;
    size_t theirs = 0;

    for (const struct cm_json *d = p->ours->first; d != NULL; d = d->next) {
        ours += elements(cm_json_get(d, p->inner + 1));
    }
    for (size_t i = 0; i < p->count; i++) {
        theirs += elements(p->live[i].backends);
    }
    return theirs > 0 && ours > COMPARISONS_MAX / theirs;
}

// is_free tells whether a live route may be one that goes by its backends.
static bool is_free(const struct route *r) {
    return !r->taken && !r->of_owner && !r->of_name;
}

static size_t shared(const struct cm_json *ours, const struct cm_json *theirs) {
    size_t n = 0;

    for (const struct cm_json *d = is_array(ours) ? ours->first : NULL; d != NULL; d = d->next) {
        n += backend_of(d, theirs) != NULL ? 1 : 0;
    }
    return n;
}

static struct route *next_free(struct pairing *p) {
    while (p->next < p->count && !is_free(&p->live[p->next])) {
        p->next++;
    }
    return p->next < p->count ? &p->live[p->next] : NULL;
}

// counterpart_of finds the live route of the same name, else the first with most of the same
// backends: owners put some in front.
static struct route *counterpart_of(struct pairing *p, const struct cm_json *route,
                                    const struct cm_json *backends) {
    const char *name = text_of(route, "name");
    struct route *found = name[0] == '\0' ? NULL : cm_map_get(p->by_name, name);
    size_t most = 0;

    if (found != NULL || p->by_place) {
        return found != NULL ? found : next_free(p);
    }
    for (size_t i = 0; i < p->count; i++) {
        size_t n = is_free(&p->live[i]) ? shared(backends, p->live[i].backends) : 0;

        if (n > most) {
            most = n;
            found = &p->live[i];
        }
    }
    return found;
}

// join puts the elements of a list behind those of another.
static void join(struct cm_json *list, const struct cm_json *more) {
    if (more->first != NULL) {
        *(list->first == NULL ? &list->first : &list->last->next) = more->first;
        list->last = more->last;
        list->count += more->count;
    }
}

// is_for_canary tells whether all backends of a rule without a name are canaries: the plugin for
// the Gateway API puts such rules behind all others, and remembers their places.
static bool is_for_canary(const struct pairing *p, const struct route *route) {
    bool any =
        route->name[0] == '\0' && is_array(route->backends) && route->backends->first != NULL;

    for (const struct cm_json *b = any ? route->backends->first : NULL; b != NULL; b = b->next) {
        any = any && is_among(p->canaries, text_of(b, "name"));
    }
    return any;
}

// keep_routes keeps what owners have put in: those with a name in front, the others behind.
static void keep_routes(struct pairing *p, struct kube_right_given *out) {
    struct cm_json *front = cm_json_new(p->a, CM_ARRAY);
    struct cm_json *back = cm_json_new(p->a, CM_ARRAY);

    for (size_t i = 0; i < p->count; i++) {
        const struct route *r = &p->live[i];

        if (r->of_owner && !r->of_name) {
            cm_json_append(front, cm_json_copy(p->a, r->node));
        } else if (is_free(r) && is_for_canary(p, r)) {
            cm_json_append(back, cm_json_copy(p->a, r->node));
        }
    }
    if (front->first == NULL && back->first == NULL) {
        return;
    }
    join(front, p->ours);
    join(front, back);
    p->ours->first = front->first;
    p->ours->last = front->last;
    p->ours->count = front->count;
    out->copied = true;
    out->differing |= KUBE_RIGHT_WEIGHTS;
}

static const char *list_of(const char *names) {
    return names == NULL ? "" : names;
}

static void give_weights(struct cm_arena *a, const struct weights *w,
                         const struct kube_right_terms *terms, struct cm_json *ours,
                         const struct cm_json *theirs, struct kube_right_given *out) {
    CM_CLEANUP(cm_map_freep) struct cm_map *by_name = cm_map_new(NULL);
    struct pairing p = {.a = a,
                        .inner = w->inner,
                        .canaries = terms->idle ? "" : list_of(terms->canaries),
                        .ours = ours,
                        .by_name = by_name};

    if (w->inner == NULL) {
        give_backends(a, ours, theirs, out);
        return;
    }
    read_live(&p, theirs, list_of(terms->routes));
    p.by_place = is_too_much(&p);
    for (struct cm_json *d = ours->first; d != NULL; d = d->next) {
        const struct cm_json *backends = find(a, d, w->inner);
        struct route *l = counterpart_of(&p, d, backends);

        if (l != NULL) {
            l->taken = true;
            give_backends(a, backends, l->backends, out);
        }
    }
    keep_routes(&p, out);
}

// give_subsets: Argo Rollouts adds to the labels of a DestinationRule's subsets.
static void give_subsets(struct cm_arena *a, const struct cm_json *ours,
                         const struct cm_json *theirs, struct kube_right_given *out) {
    if (!is_array(ours) || !is_array(theirs)) {
        return;
    }
    for (struct cm_json *d = ours->first; d != NULL; d = d->next) {
        const struct cm_json *live = named(theirs, text_of(d, "name"));
        const struct cm_json *hash = cm_json_get(cm_json_get(live, "labels"), HASH_LABEL);
        struct cm_json *labels = cm_json_get(d, "labels");

        if (hash == NULL) {
            continue;
        }
        if (labels == NULL || labels->type != CM_OBJECT) {
            labels = cm_json_new(a, CM_OBJECT);
            cm_json_set(a, d, "labels", labels);
        }
        cm_json_set(a, labels, HASH_LABEL, cm_json_copy(a, hash));
        out->copied = true;
        out->differing |= KUBE_RIGHT_WEIGHTS;
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

// ---- What was set by hand

// has_field tells whether an entry of managedFields has a field, or something in it.
static bool has_field(struct cm_arena *a, const struct cm_json *entry, const char *pointer) {
    const struct cm_json *at = cm_json_get(entry, "fieldsV1");

    while (at != NULL && pointer[0] == '/') {
        size_t size = strcspn(pointer + 1, "/");

        at = cm_json_get(at, cm_arena_strf(a, "f:%.*s", (int)size, pointer + 1));
        pointer += 1 + size;
    }
    return at != NULL;
}

// lapses tells whether weights are their owner's no longer: somebody else set them by hand, and no
// release is under way for a while. What selects pods of a release follows from it, and never does.
static bool lapses(struct cm_arena *a, const struct kube_right_gift *gift,
                   const struct cm_json *live, const char *pointer, struct kube_right_given *out) {
    const struct kube_right_terms *terms = &gift->terms;

    if (terms->controllers == NULL || terms->controllers[0] == '\0') {
        return false;
    }
    for (const struct cm_json *m = managers_of(live); m != NULL; m = m->next) {
        const char *manager = text_of(m, "manager");
        int64_t set_ms = 0;

        if (strcmp(manager, gift->manager) == 0 || is_among(terms->controllers, manager) ||
            !has_field(a, m, pointer)) {
            continue;
        }
        (void)cm_clock_parse(text_of(m, "time"), &set_ms);
        int64_t since_ms = set_ms > terms->idle_ms ? set_ms : terms->idle_ms;
        if (terms->idle && gift->now_ms - since_ms >= GRACE_MS) {
            return true;
        }
        out->by_hand = true;
    }
    return false;
}

static void give_routes(struct cm_arena *a, struct cm_json *desired, const struct cm_json *live,
                        const struct kube_right_gift *gift, const struct weights *w,
                        struct kube_right_given *out) {
    struct cm_json *ours = (struct cm_json *)(uintptr_t)find(a, desired, w->outer);
    const struct cm_json *theirs = find(a, live, w->outer);

    if (is_array(ours) && is_array(theirs) && !lapses(a, gift, live, w->outer, out)) {
        give_weights(a, w, &gift->terms, ours, theirs, out);
    }
}

struct kube_right_given kube_right_give(struct cm_arena *a, struct cm_json *desired,
                                        const struct cm_json *live,
                                        const struct kube_right_gift *gift) {
    struct kube_right_given given = {0};
    bool its = (gift->rights & KUBE_RIGHT_WEIGHTS) != 0;

    if ((gift->rights & KUBE_RIGHT_REPLICAS) != 0) {
        give_replicas(a, desired, live, gift->manager, &given);
    }
    if (its && is_service(desired)) {
        give_selector(a, desired, live, &given);
    }
    if (its && is_a(desired, ISTIO, "DestinationRule")) {
        give_subsets(a, find(a, desired, SUBSETS), find(a, live, SUBSETS), &given);
    }
    for (size_t i = 0; its && i < COUNT(weights); i++) {
        if (is_a(desired, weights[i].group, weights[i].kind)) {
            give_routes(a, desired, live, gift, &weights[i], &given);
        }
    }
    return given;
}
