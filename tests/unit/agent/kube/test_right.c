#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/right.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/support/json.h"

#define OWNER(version, kind, spec)                                                                 \
    "{\"apiVersion\":\"" version "\",\"kind\":\"" kind "\",\"metadata\":{\"name\":\"o\","          \
    "\"namespace\":\"shop\"},\"spec\":" spec "}"
#define ROUTING(what)                                                                              \
    OWNER("argoproj.io/v1alpha1", "Rollout",                                                       \
          "{\"strategy\":{\"canary\":{\"trafficRouting\":" what "}}}")

static const struct {
    const char *owner;
    const char *targets; // keys with their rights, one behind the other
} owners[] = {
    {OWNER("autoscaling/v2", "HorizontalPodAutoscaler",
           "{\"scaleTargetRef\":{\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\",\"name\":"
           "\"db\"}}"),
     "StatefulSet.apps/shop/db:1 "},
    {OWNER("autoscaling/v1", "HorizontalPodAutoscaler",
           "{\"scaleTargetRef\":{\"apiVersion\":\"v1\",\"kind\":\"ReplicationController\","
           "\"name\":\"rc\"}}"),
     "ReplicationController/shop/rc:1 "},
    {OWNER("keda.sh/v1alpha1", "ScaledObject", "{\"scaleTargetRef\":{\"name\":\"web\"}}"),
     "Deployment.apps/shop/web:1 "},
    {OWNER("flagger.app/v1beta1", "Canary",
           "{\"targetRef\":{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"web\"},"
           "\"service\":{\"port\":80}}"),
     "Deployment.apps/shop/web:1 VirtualService.networking.istio.io/shop/web:2 "
     "HTTPRoute.gateway.networking.k8s.io/shop/web:2 TraefikService.traefik.io/shop/web:2 "
     "Service/shop/web:2 "},
    {OWNER("flagger.app/v1beta1", "Canary",
           "{\"service\":{\"name\":\"front\"},\"routeRef\":{\"apiVersion\":\"apisix.apache.org/v2\""
           ",\"kind\":\"ApisixRoute\",\"name\":\"r\"}}"),
     "VirtualService.networking.istio.io/shop/front:2 "
     "HTTPRoute.gateway.networking.k8s.io/shop/front:2 TraefikService.traefik.io/shop/front:2 "
     "Service/shop/front:2 ApisixRoute.apisix.apache.org/shop/r:2 "},
    {ROUTING("{\"istio\":{\"virtualService\":{\"name\":\"a\"},\"virtualServices\":[{\"name\":"
             "\"b\"},{\"name\":\"c\"}]}}"),
     "VirtualService.networking.istio.io/shop/a:2 VirtualService.networking.istio.io/shop/b:2 "
     "VirtualService.networking.istio.io/shop/c:2 "},
    {ROUTING("{\"plugins\":{\"argoproj-labs/gatewayAPI\":{\"httpRoute\":\"a\",\"httpRoutes\":"
             "[{\"name\":\"b\"}]}}}"),
     "HTTPRoute.gateway.networking.k8s.io/shop/a:2 HTTPRoute.gateway.networking.k8s.io/shop/b:2 "},
    {ROUTING(
         "{\"plugins\":{\"argoproj-labs/gatewayAPI\":{\"namespace\":\"edge\",\"grpcRoute\":\"a\","
         "\"tcpRoutes\":[{\"name\":\"b\"}],\"tlsRoute\":\"c\"}}}"),
     "GRPCRoute.gateway.networking.k8s.io/edge/a:2 TCPRoute.gateway.networking.k8s.io/edge/b:2 "
     "TLSRoute.gateway.networking.k8s.io/edge/c:2 "},
    {ROUTING("{\"istio\":{\"virtualService\":{\"name\":\"a.mesh\"},\"destinationRule\":{\"name\":"
             "\"d\"}}}"),
     "VirtualService.networking.istio.io/mesh/a:2 DestinationRule.networking.istio.io/shop/d:2 "},
    {OWNER("argoproj.io/v1alpha1", "Rollout",
           "{\"workloadRef\":{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"w\"}}"),
     "Deployment.apps/shop/w:1 "},
    {OWNER("argoproj.io/v1alpha1", "Rollout",
           "{\"strategy\":{\"blueGreen\":{\"activeService\":\"a\",\"previewService\":\"p\"}}}"),
     "Service/shop/a:2 Service/shop/p:2 "},
    {OWNER(
         "argoproj.io/v1alpha1", "Rollout",
         "{\"strategy\":{\"canary\":{\"stableService\":\"s\",\"canaryService\":\"c\",\"pingPong\":"
         "{\"pingService\":\"i\",\"pongService\":\"o\"}}}}"),
     "Service/shop/s:2 Service/shop/c:2 Service/shop/i:2 Service/shop/o:2 "},
    {OWNER("autoscaling/v2", "HorizontalPodAutoscaler", "{\"scaleTargetRef\":{}}"), ""},
    {OWNER("autoscaling/v2", "HorizontalPodAutoscaler", "[]"), ""},
    {OWNER("example.com/v1", "Canary", "{\"targetRef\":{\"kind\":\"A\",\"name\":\"a\"}}"), ""},
};

static void an_owner_says_what_it_owns(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        struct kube_right_claim claims[KUBE_RIGHT_CLAIMS_MAX];
        struct cm_str text = {0};
        size_t count = kube_right_claims(a, parse(a, owners[i].owner), claims);

        for (size_t c = 0; c < count; c++) {
            cm_str_addf(&text, "%s:%u ", claims[c].target, claims[c].right);
        }
        assert_string_equal(cm_str_get(&text), owners[i].targets);
        cm_str_done(&text);
    }
}

static void an_owner_of_very_much_owns_no_more_than_there_is_room(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_right_claim claims[KUBE_RIGHT_CLAIMS_MAX];
    struct cm_str text = {0};

    (void)state;
    cm_str_add(&text, "{\"apiVersion\":\"argoproj.io/v1\",\"kind\":\"Rollout\",\"spec\":{"
                      "\"strategy\":{\"canary\":{\"trafficRouting\":{\"istio\":{"
                      "\"virtualServices\":[\"a\"");
    for (int i = 0; i < 100; i++) {
        cm_str_addf(&text, ",\"v%d\"", i);
    }
    cm_str_add(&text, "]}}}}}}");
    assert_int_equal(kube_right_claims(a, parse(a, cm_str_get(&text)), claims),
                     KUBE_RIGHT_CLAIMS_MAX);
    cm_str_done(&text);
}

#define WEB(spec) "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"spec\":" spec "}"
#define LIVE(manager, operation, spec)                                                             \
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"managedFields\":["        \
    "{\"manager\":\"holdfast\",\"operation\":\"Apply\",\"fieldsV1\":{\"f:spec\":{\"f:replicas\":"  \
    "{}}}},{\"manager\":\"" manager "\",\"operation\":\"" operation "\",\"fieldsV1\":{\"f:spec\":" \
    "{\"f:replicas\":{}}}}]},\"spec\":" spec "}"
#define ROUTE(spec)                                                                                \
    "{\"apiVersion\":\"gateway.networking.k8s.io/v1\",\"kind\":\"HTTPRoute\",\"spec\":" spec "}"

#define SERVICE(spec) "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"spec\":" spec "}"
#define HASHED(hash) "\"rollouts-pod-template-hash\":\"" hash "\""

#define ISTIO(kind, more)                                                                          \
    "{\"apiVersion\":\"networking.istio.io/v1\",\"kind\":\"" kind "\"" more "}"
#define HTTP(routes) ISTIO("VirtualService", ",\"spec\":{\"http\":[" routes "]}")
#define TO(host, weight) "{\"destination\":{\"host\":\"" host "\"},\"weight\":" weight "}"
#define FROM(name, to) "{\"name\":\"" name "\",\"route\":[" to "]}"
#define UNNAMED(to) "{\"route\":[" to "]}"
#define BOTH(stable, canary) TO("stable", stable) "," TO("canary", canary)
#define REF(name) "{\"backendRefs\":[{\"name\":\"" name "\"}]}"
#define REFS(stable, most, canary, rest)                                                           \
    "{\"backendRefs\":[{\"name\":\"" stable "\",\"weight\":" most "},{\"name\":\"" canary          \
    "\",\"weight\":" rest "}]}"
#define RULE(subsets) ISTIO("DestinationRule", ",\"spec\":{\"subsets\":[" subsets "]}")

static const struct kube_right_gift all = {
    .manager = "holdfast",
    .rights = KUBE_RIGHT_REPLICAS | KUBE_RIGHT_WEIGHTS,
    .terms = {.routes = "header\nmirror\n", .canaries = "canary\n"}};
static const struct kube_right_gift weights = {.manager = "holdfast", .rights = KUBE_RIGHT_WEIGHTS};

static void only_what_git_sets_can_be_anybodys(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    assert_int_equal(kube_right_of(parse(a, WEB("{\"replicas\":2}"))), KUBE_RIGHT_REPLICAS);
    assert_int_equal(kube_right_of(parse(a, WEB("{}"))), 0);
    assert_int_equal(kube_right_of(parse(a, WEB("{\"replicas\":{}}"))), 0);
    assert_int_equal(kube_right_of(parse(a, ROUTE("{}"))), KUBE_RIGHT_WEIGHTS);
    assert_int_equal(kube_right_of(parse(a, SERVICE("{\"selector\":{}}"))), KUBE_RIGHT_WEIGHTS);
    assert_int_equal(kube_right_of(parse(a, SERVICE("{}"))), 0);
}

static const struct {
    const char *desired;
    const char *live;
    const char *given;
    unsigned differing;
    bool copied;
} cases[] = {
    // Left out if somebody else keeps it, else as it is.
    {WEB("{\"replicas\":2}"), LIVE("kube-controller-manager", "Update", "{\"replicas\":5}"),
     WEB("{}"), KUBE_RIGHT_REPLICAS, false},
    {WEB("{\"replicas\":2}"), LIVE("holdfast", "Update", "{\"replicas\":2}"), WEB("{}"), 0, false},
    {WEB("{\"replicas\":2}"), LIVE("holdfast", "Apply", "{\"replicas\":3}"),
     WEB("{\"replicas\":3}"), KUBE_RIGHT_REPLICAS, true},
    {WEB("{\"replicas\":2}"), WEB("{}"), WEB("{\"replicas\":2}"), 0, false},
    // The weight of the same backend, whatever else the server has filled in.
    {ROUTE("{\"rules\":[{\"backendRefs\":[{\"name\":\"a\",\"port\":80,\"weight\":100},{\"name\":"
           "\"b\",\"port\":80}]},{\"backendRefs\":[{\"name\":\"a\",\"weight\":1}]}]}"),
     ROUTE("{\"rules\":[{\"backendRefs\":[{\"name\":\"b\",\"port\":80,\"kind\":\"Service\","
           "\"weight\":40},{\"name\":\"a\",\"port\":80,\"kind\":\"Service\",\"weight\":60}]}]}"),
     ROUTE(
         "{\"rules\":[{\"backendRefs\":[{\"name\":\"a\",\"port\":80,\"weight\":60},{\"name\":"
         "\"b\",\"port\":80,\"weight\":40}]},{\"backendRefs\":[{\"name\":\"a\",\"weight\":1}]}]}"),
     KUBE_RIGHT_WEIGHTS, true},
    {ROUTE("{\"rules\":[{\"backendRefs\":[{\"name\":\"new\",\"weight\":5}]}]}"),
     ROUTE("{\"rules\":[{\"backendRefs\":[{\"name\":\"old\",\"weight\":1}]}]}"),
     ROUTE("{\"rules\":[{\"backendRefs\":[{\"name\":\"new\",\"weight\":5}]}]}"), 0, false},
    // One that is the same now may be another one when it is written.
    {ROUTE("{\"rules\":[{\"backendRefs\":[{\"name\":\"a\",\"weight\":5}]}]}"),
     ROUTE("{\"rules\":[{\"backendRefs\":[{\"name\":\"a\",\"weight\":5}]}]}"),
     ROUTE("{\"rules\":[{\"backendRefs\":[{\"name\":\"a\",\"weight\":5}]}]}"), 0, true},
    {ROUTE("{\"rules\":{}}"), ROUTE("{\"rules\":[]}"), ROUTE("{\"rules\":{}}"), 0, false},
    {"{\"apiVersion\":\"networking.istio.io/v1\",\"kind\":\"VirtualService\",\"spec\":{\"http\":["
     "{\"route\":[{\"destination\":{\"host\":\"a\"},\"weight\":100}]}]}}",
     "{\"spec\":{\"http\":[{\"route\":[{\"destination\":{\"host\":\"a\",\"port\":1},\"weight\":7}]"
     "}]}}",
     "{\"apiVersion\":\"networking.istio.io/v1\",\"kind\":\"VirtualService\",\"spec\":{\"http\":["
     "{\"route\":[{\"destination\":{\"host\":\"a\"},\"weight\":7}]}]}}",
     KUBE_RIGHT_WEIGHTS, true},
    {"{\"apiVersion\":\"traefik.io/v1\",\"kind\":\"TraefikService\",\"spec\":{\"weighted\":{"
     "\"services\":[{\"name\":\"a\",\"weight\":1}]}}}",
     "{\"spec\":{\"weighted\":{\"services\":[{\"name\":\"a\",\"weight\":2}]}}}",
     "{\"apiVersion\":\"traefik.io/v1\",\"kind\":\"TraefikService\",\"spec\":{\"weighted\":{"
     "\"services\":[{\"name\":\"a\",\"weight\":2}]}}}",
     KUBE_RIGHT_WEIGHTS, true},
    // Routes that an owner has put in front stay, and all others are found again.
    {HTTP(FROM("a", BOTH("100", "0")) "," FROM("b", BOTH("100", "0"))),
     HTTP(FROM("mirror", BOTH("80", "20")) "," FROM("header", TO("canary", "100")) "," FROM(
         "b", BOTH("80", "20")) "," FROM("a", BOTH("80", "20")) "," FROM("old", BOTH("1", "99"))),
     HTTP(FROM("mirror", BOTH("80", "20")) "," FROM("header", TO("canary", "100")) "," FROM(
         "a", BOTH("80", "20")) "," FROM("b", BOTH("80", "20"))),
     KUBE_RIGHT_WEIGHTS, true},
    {HTTP(UNNAMED(BOTH("100", "0")) "," UNNAMED(TO("stable", "100"))),
     HTTP(FROM("header",
               TO("canary", "100")) "," UNNAMED(BOTH("60", "40")) "," UNNAMED(TO("stable", "100"))),
     HTTP(FROM("header",
               TO("canary", "100")) "," UNNAMED(BOTH("60", "40")) "," UNNAMED(TO("stable", "100"))),
     KUBE_RIGHT_WEIGHTS, true},
    // Rules without a name for a canary alone are behind all others.
    {ROUTE("{\"rules\":[" REFS("stable", "100", "canary", "0") "]}"),
     ROUTE(
         "{\"rules\":[" REFS("stable", "70", "canary", "30") "," REF("canary") "," REF("old") "]}"),
     ROUTE("{\"rules\":[" REFS("stable", "70", "canary", "30") "," REF("canary") "]}"),
     KUBE_RIGHT_WEIGHTS, true},
    // A label of Argo Rollouts on a subset.
    {RULE("{\"name\":\"stable\",\"labels\":{\"app\":\"web\"}},{\"name\":\"canary\"},{\"name\":"
          "\"x\"}"),
     RULE("{\"name\":\"canary\",\"labels\":{" HASHED("2b") "}},{\"name\":\"stable\",\"labels\":{"
                                                           "\"app\":\"old\"," HASHED("1a") "}}"),
     RULE("{\"name\":\"stable\",\"labels\":{\"app\":\"web\"," HASHED(
         "1a") "}},{\"name\":\"canary\","
               "\"labels\":{" HASHED("2b") "}},{\"name\":\"x\"}"),
     KUBE_RIGHT_WEIGHTS, true},
    // A Service's selector: a label of Argo Rollouts beside what Git says, or Flagger's primary.
    {SERVICE("{\"selector\":{\"app\":\"new\"}}"),
     SERVICE("{\"selector\":{\"app\":\"old\"," HASHED("5cd6") "}}"),
     SERVICE("{\"selector\":{\"app\":\"new\"," HASHED("5cd6") "}}"), KUBE_RIGHT_WEIGHTS, true},
    {SERVICE("{\"selector\":{\"app\":\"web\",\"tier\":\"x\"}}"),
     SERVICE("{\"selector\":{\"app\":\"web-primary\"}}"),
     SERVICE("{\"selector\":{\"app\":\"web-primary\"}}"), KUBE_RIGHT_WEIGHTS, true},
    {SERVICE("{\"selector\":{\"app\":\"web\"}}"), SERVICE("{\"selector\":{\"app\":\"other\"}}"),
     SERVICE("{\"selector\":{\"app\":\"web\"}}"), 0, false},
};

static void what_is_anothers_stays_as_it_is(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        struct cm_json *desired = parse(a, cases[i].desired);
        struct cm_str text = {0};
        struct kube_right_given given = kube_right_give(a, desired, parse(a, cases[i].live), &all);

        cm_json_write_compact(desired, &text);
        assert_string_equal(cm_str_get(&text), cases[i].given);
        assert_int_equal(given.differing, cases[i].differing);
        assert_int_equal(given.copied, cases[i].copied);
        cm_str_done(&text);
    }
}

static void without_a_right_nothing_is_given(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *desired = parse(a, cases[0].desired);

    (void)state;
    (void)kube_right_give(a, desired, parse(a, cases[0].live), &weights);
    assert_true(cm_json_equal(desired, parse(a, cases[0].desired)));
}

#define OWNED_BY(status, fields)                                                                   \
    "{\"apiVersion\":\"argoproj.io/"                                                               \
    "v1alpha1\",\"kind\":\"Rollout\",\"metadata\":{\"managedFields\":[{"                           \
    "\"manager\":\"rollouts-controller\",\"fieldsV1\":{\"f:status\":{\"f:phase\":{}}}},{"          \
    "\"manager\":"                                                                                 \
    "\"kubectl\",\"fieldsV1\":{\"f:status\":{\"f:abort\":{}}}}]},\"spec\":{\"strategy\":{"         \
    "\"canary\":"                                                                                  \
    "{\"trafficRouting\":" fields "}}},\"status\":{\"phase\":\"" status "\"}}"

static struct cm_json *many_routes(struct cm_arena *a, size_t count, int stable) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    for (size_t i = 0; i < count; i++) {
        cm_str_addf(&text,
                    "%s{\"route\":[{\"destination\":{\"host\":\"stable\"},\"weight\":%d},"
                    "{\"destination\":{\"host\":\"canary\"},\"weight\":%d}]}",
                    i == 0 ? "" : ",", stable, 100 - stable);
    }
    CM_AUTOFREE char *object =
        cm_strf(ISTIO("VirtualService", ",\"spec\":{\"http\":[%s]}"), cm_str_get(&text));
    return parse(a, object);
}

// All are alike, so that the first free one is the right one; beyond some hundred nobody looks.
static void many_routes_without_a_name_cost_little_and_are_found_by_their_places(void **state) {
    static const size_t counts[] = {200, 2000};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        struct cm_json *desired = many_routes(a, counts[i], 100);
        struct cm_json *live = many_routes(a, counts[i], 60);
        size_t before = cm_arena_used(a);
        struct kube_right_given given = kube_right_give(a, desired, live, &all);

        assert_int_equal(given.differing, KUBE_RIGHT_WEIGHTS);
        assert_true(cm_json_equal(desired, live));
        assert_true(cm_arena_used(a) - before < 2000 * counts[i]);
    }
}

static void an_owner_says_on_what_terms_it_has_it(void **state) {
    static const char routing[] = OWNED_BY(
        "Healthy", "{\"managedRoutes\":[{\"name\":\"header\"},{\"name\":\"mirror\"}],\"plugins\":{"
                   "\"argoproj-labs/gatewayAPI\":{}}},\"canaryService\":\"c\"");
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_right_terms terms = kube_right_terms_of(a, parse(a, routing));

    (void)state;
    assert_true(terms.idle);
    assert_string_equal(terms.controllers, "rollouts-controller\ngatewayAPI\n");
    assert_string_equal(terms.routes, "header\nmirror\n");
    assert_string_equal(terms.canaries, "c\n");
    assert_false(kube_right_terms_of(a, parse(a, OWNED_BY("Paused", "{}"))).idle);
    terms = kube_right_terms_of(a, parse(a, "{\"kind\":\"Canary\"}"));
    assert_false(terms.idle);
    assert_string_equal(terms.controllers, "");
}

#define SET_BY(manager)                                                                            \
    ISTIO("VirtualService", ",\"metadata\":{\"managedFields\":[{\"manager\":\"" manager            \
                            "\",\"time\":\"2026-01-01T00:10:00Z\",\"fieldsV1\":{\"f:spec\":{\"f:"  \
                            "http\":{}}}}]},\"spec\":{"                                            \
                            "\"http\":[" UNNAMED(BOTH("50", "50")) "]}")
#define SET_MS (1767225600000 + 600000)

static void weights_set_by_hand_are_nobodys_a_minute_after_the_release(void **state) {
    static const struct {
        const char *live;
        const char *controllers;
        bool idle;
        int64_t idle_ms;
        int64_t now_ms;
        bool given;
        bool by_hand;
    } rows[] = {
        {SET_BY("kubectl-edit"), "flagger\n", true, 0, SET_MS + 59000, true, true},
        {SET_BY("kubectl-edit"), "flagger\n", true, 0, SET_MS + 60000, false, false},
        {SET_BY("kubectl-edit"), "flagger\n", true, SET_MS + 30000, SET_MS + 60000, true, true},
        {SET_BY("kubectl-edit"), "flagger\n", false, 0, SET_MS + 600000, true, true},
        {SET_BY("kubectl-edit"), "", true, 0, SET_MS + 600000, true, false},
        {SET_BY("flagger"), "flagger\n", true, 0, SET_MS + 600000, true, false},
        {SET_BY("holdfast"), "flagger\n", true, 0, SET_MS + 600000, true, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        struct cm_json *desired = parse(a, HTTP(UNNAMED(BOTH("100", "0"))));
        const struct kube_right_gift gift = {
            .manager = "holdfast",
            .rights = KUBE_RIGHT_WEIGHTS,
            .terms = {rows[i].idle, rows[i].idle_ms, rows[i].controllers, "", "", 0},
            .now_ms = rows[i].now_ms};
        struct kube_right_given given = kube_right_give(a, desired, parse(a, rows[i].live), &gift);

        print_message("%zu\n", i);
        assert_int_equal(given.by_hand, rows[i].by_hand);
        assert_int_equal(given.copied, rows[i].given);
        assert_true(cm_json_equal(desired, parse(a, HTTP(UNNAMED(BOTH("100", "0"))))) !=
                    rows[i].given);
    }
}

#define DAEMON(more, pod)                                                                          \
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"DaemonSet\"" more                                      \
    ",\"spec\":{\"template\":{\"spec\":" pod "}}}"
#define NO_NODE(value) "\"flagger.app/scale-to-zero\":\"" value "\""
#define OFF_NODES(manager, value)                                                                  \
    DAEMON(                                                                                        \
        ",\"metadata\":{\"managedFields\":[{\"manager\":\"" manager                                \
        "\",\"fieldsV1\":{\"f:spec\":{\"f:template\":{\"f:spec\":{\"f:nodeSelector\":{}}}}}}]}",   \
        "{\"nodeSelector\":{" NO_NODE(value) "}}")

static void what_is_asleep_is_woken_by_a_patch_of_what_was_seen(void **state) {
    static const struct {
        const char *desired;
        const char *live;
        const char *patch;
    } rows[] = {
        {WEB("{}"), LIVE("flagger", "Update", "{\"replicas\":0}"), "{\"replicas\":3}"},
        {WEB("{\"replicas\":2}"), LIVE("flagger", "Update", "{\"replicas\":0}"),
         "{\"replicas\":2}"},
        {DAEMON("", "{}"), OFF_NODES("flagger", "true"),
         "{\"template\":{\"spec\":{\"nodeSelector\":{\"flagger.app/scale-to-zero\":null}}}}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        struct cm_json *live = parse(a, rows[i].live);

        print_message("%zu\n", i);
        assert_true(kube_right_is_asleep(live, "holdfast"));
        cm_json_set_string(a, cm_json_get(live, "metadata"), "resourceVersion", "7");
        assert_string_equal(kube_right_wake(a, parse(a, rows[i].desired), live, 3),
                            cm_arena_strf(a,
                                          "{\"metadata\":{\"resourceVersion\":\"7\"},\"spec\":%s}",
                                          rows[i].patch));
    }
}

static void only_what_a_controller_of_releases_took_to_none_is_asleep(void **state) {
    static const struct {
        const char *live;
        bool asleep;
    } rows[] = {
        {LIVE("flagger", "Update", "{\"replicas\":0}"), true},
        {LIVE("rollouts-controller", "Update", "{\"replicas\":0}"), true},
        {LIVE("flagger", "Update", "{\"replicas\":1}"), false},
        {LIVE("flagger", "Update", "{}"), false},
        {LIVE("kubectl", "Update", "{\"replicas\":0}"), false},
        {LIVE("keda", "Update", "{\"replicas\":0}"), false},
        {LIVE("kube-controller-manager", "Update", "{\"replicas\":0}"), false},
        {LIVE("holdfast", "Apply", "{\"replicas\":0}"), false},
        {WEB("{\"replicas\":0}"), false},
        {DAEMON("", "{\"nodeSelector\":{\"a\":\"b\"}}"), false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

        print_message("%zu\n", i);
        assert_int_equal(kube_right_is_asleep(parse(a, rows[i].live), "holdfast"), rows[i].asleep);
    }
}

#define AUTOSCALER(spec)                                                                           \
    "{\"apiVersion\":\"autoscaling/v2\",\"kind\":\"HorizontalPodAutoscaler\",\"spec\":" spec "}"

static void an_autoscaler_begins_with_its_least_and_others_with_none(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    assert_int_equal(kube_right_terms_of(a, parse(a, AUTOSCALER("{\"minReplicas\":3}"))).least, 3);
    assert_int_equal(kube_right_terms_of(a, parse(a, AUTOSCALER("{\"minReplicas\":0}"))).least, 0);
    assert_int_equal(kube_right_terms_of(a, parse(a, AUTOSCALER("{}"))).least, 1);
    assert_int_equal(kube_right_terms_of(a, parse(a, OWNED_BY("Healthy", "{}"))).least, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_owner_says_what_it_owns),
        cmocka_unit_test(an_owner_of_very_much_owns_no_more_than_there_is_room),
        cmocka_unit_test(only_what_git_sets_can_be_anybodys),
        cmocka_unit_test(what_is_anothers_stays_as_it_is),
        cmocka_unit_test(many_routes_without_a_name_cost_little_and_are_found_by_their_places),
        cmocka_unit_test(an_owner_says_on_what_terms_it_has_it),
        cmocka_unit_test(weights_set_by_hand_are_nobodys_a_minute_after_the_release),
        cmocka_unit_test(without_a_right_nothing_is_given),
        cmocka_unit_test(what_is_asleep_is_woken_by_a_patch_of_what_was_seen),
        cmocka_unit_test(only_what_a_controller_of_releases_took_to_none_is_asleep),
        cmocka_unit_test(an_autoscaler_begins_with_its_least_and_others_with_none),
    };

    return cmocka_run_group_tests_name("agent.kube.right", tests, NULL, NULL);
}
