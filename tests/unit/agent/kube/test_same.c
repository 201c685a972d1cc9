#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/same.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/spare.h"
#include "common/str.h"

static const char *differs(struct cm_arena *a, const char *ours, const char *theirs, bool primary) {
    struct cm_json *left = NULL;
    struct cm_json *right = NULL;
    struct cm_err err;

    assert_int_equal(cm_json_parse(a, ours, strlen(ours), NULL, &left, &err), CM_OK);
    assert_int_equal(cm_json_parse(a, theirs, strlen(theirs), NULL, &right, &err), CM_OK);
    return kube_same_template(a, left, right, primary);
}

#define TEMPLATE(labels, image, more)                                                              \
    "{\"metadata\":{\"labels\":{" labels "}},\"spec\":{\"containers\":[{\"name\":\"main\","        \
    "\"image\":\"" image "\"" more "}]}}"

static void what_servers_and_controllers_put_on_is_looked_past(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *ours =
        TEMPLATE("\"app\":\"web\"", "web:1", ",\"resources\":{\"limits\":{\"cpu\":\"0.1\"}}");
    const char *theirs =
        TEMPLATE("\"app\":\"web\",\"rollouts-pod-template-hash\":\"1a\"", "web:1",
                 ",\"resources\":{\"limits\":{\"cpu\":\"100m\"}},\"imagePullPolicy\":"
                 "\"IfNotPresent\",\"terminationMessagePath\":\"/dev/termination-log\","
                 "\"securityContext\":{}");
    const char *any = "{\"spec\":{\"nodeSelector\":{}}}";
    const char *revision = "{\"$patch\":\"replace\",\"metadata\":{\"labels\":{}},\"spec\":{}}";

    (void)state;
    assert_null(differs(a, "{\"metadata\":{\"labels\":{}},\"spec\":{}}", revision, false));
    assert_null(differs(a, ours, theirs, false));
    assert_null(differs(a, theirs, ours, false));
    assert_null(differs(a, any, "{\"spec\":{}}", false));
}

static void what_else_differs_is_named_without_its_value(void **state) {
    static const struct {
        const char *ours;
        const char *theirs;
        const char *path;
    } cases[] = {
        {TEMPLATE("", "web:1", ""), TEMPLATE("", "web:2", ""),
         ".spec.template.spec.containers[name=main].image"},
        {TEMPLATE("", "web:1", ""), TEMPLATE("\"x\":\"y\"", "web:1", ""),
         ".spec.template.metadata.labels.x"},
        {TEMPLATE("\"a\":\"b\"", "web:1", ""), TEMPLATE("\"a\":\"b\",\"x\":\"y\"", "web:1", ""),
         ".spec.template.metadata.labels.x"},
        {TEMPLATE("", "web:1", ",\"env\":[{\"name\":\"P\",\"value\":\"secret\"}]"),
         TEMPLATE("", "web:1", ",\"env\":[{\"name\":\"P\",\"value\":\"other\"}]"),
         ".spec.template.spec.containers[name=main].env[name=P].value"},
        {TEMPLATE("", "web:1", ",\"args\":[\"a\"]"), TEMPLATE("", "web:1", ",\"args\":[]"),
         ".spec.template.spec.containers[name=main].args[0]"},
        {TEMPLATE("", "web:1", ",\"args\":[]"), TEMPLATE("", "web:1", ",\"args\":[\"a\"]"),
         ".spec.template.spec.containers[name=main].args[0]"},
        {TEMPLATE("", "web:1", ""), TEMPLATE("", "web:1", ",\"imagePullPolicy\":\"Never\""),
         ".spec.template.spec.containers[name=main].imagePullPolicy"},
        {"{\"spec\":{\"terminationGracePeriodSeconds\":60}}", "{\"spec\":{}}",
         ".spec.template.spec.terminationGracePeriodSeconds"},
        {"{\"spec\":{\"hostNetwork\":true}}", "{\"spec\":{}}", ".spec.template.spec.hostNetwork"},
        {"{\"spec\":{\"topologySpreadConstraints\":[{\"topologyKey\":\"zone\",\"labelSelector\":{}}"
         "]}}",
         "{\"spec\":{\"topologySpreadConstraints\":[{\"topologyKey\":\"zone\"}]}}",
         ".spec.template.spec.topologySpreadConstraints[0].labelSelector"},
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *path = differs(a, cases[i].ours, cases[i].theirs, false);

        print_message("%zu\n", i);
        assert_non_null(path);
        assert_string_equal(path, cases[i].path);
    }
}

#define POD(spec) "{\"spec\":{" spec "}}"
#define CONTAINER(more) POD("\"containers\":[{\"name\":\"main\",\"image\":\"web:1\"" more "}]")

// A Rollout's template is kept as it was written, that of its ReplicaSet is not.
static void what_a_server_writes_in_another_way_is_the_same(void **state) {
    static const char *const cases[][2] = {
        {POD("\"serviceAccountName\":\"web\""),
         POD("\"serviceAccountName\":\"web\",\"serviceAccount\":\"web\"")},
        {POD("\"serviceAccount\":\"web\""),
         POD("\"serviceAccountName\":\"web\",\"serviceAccount\":\"web\"")},
        {CONTAINER(",\"env\":[{\"name\":\"A\",\"value\":\"\"}]"),
         CONTAINER(",\"env\":[{\"name\":\"A\"}]")},
        {CONTAINER(",\"livenessProbe\":{\"httpGet\":{\"port\":80}}"),
         CONTAINER(
             ",\"livenessProbe\":{\"httpGet\":{\"port\":80,\"path\":\"/\",\"scheme\":\"HTTP\"},"
             "\"periodSeconds\":10}")},
        {POD("\"containers\":[{\"image\":\"host:5000/web\"}]"),
         POD("\"containers\":[{\"image\":\"host:5000/web\",\"imagePullPolicy\":\"Always\"}]")},
        {POD("\"hostNetwork\":false,\"volumes\":[{\"emptyDir\":{\"sizeLimit\":\"1024Mi\"}}]"),
         POD("\"restartPolicy\":\"Always\",\"volumes\":[{\"emptyDir\":{\"sizeLimit\":\"1Gi\"}}]")},
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("%zu\n", i);
        assert_null(differs(a, cases[i][0], cases[i][1], false));
        assert_null(differs(a, cases[i][1], cases[i][0], false));
    }
}

static void what_is_a_default_elsewhere_is_none_here(void **state) {
    static const struct {
        const char *ours;
        const char *theirs;
        const char *path;
    } cases[] = {
        {POD("\"initContainers\":[{\"name\":\"proxy\",\"restartPolicy\":\"Always\"}]"),
         POD("\"initContainers\":[{\"name\":\"proxy\"}]"),
         ".spec.template.spec.initContainers[name=proxy].restartPolicy"},
        {CONTAINER(",\"livenessProbe\":{\"terminationGracePeriodSeconds\":30}"),
         CONTAINER(",\"livenessProbe\":{}"),
         ".spec.template.spec.containers[name=main].livenessProbe.terminationGracePeriodSeconds"},
        {CONTAINER(",\"imagePullPolicy\":\"Always\""), CONTAINER(""),
         ".spec.template.spec.containers[name=main].imagePullPolicy"},
        {CONTAINER(",\"env\":[{\"name\":\"A\",\"value\":\"x\"}]"),
         CONTAINER(",\"env\":[{\"name\":\"A\"}]"),
         ".spec.template.spec.containers[name=main].env[name=A].value"},
        {POD("\"serviceAccountName\":\"web\""),
         POD("\"serviceAccountName\":\"web\",\"serviceAccount\":\"other\""),
         ".spec.template.spec.serviceAccount"},
        {POD("\"serviceAccountName\":\"web\""), POD(""), ".spec.template.spec.serviceAccountName"},
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("%zu\n", i);
        const char *path = differs(a, cases[i].ours, cases[i].theirs, false);
        assert_non_null(path);
        assert_string_equal(path, cases[i].path);
        assert_string_equal(differs(a, cases[i].theirs, cases[i].ours, false), cases[i].path);
    }
}

static void a_value_that_only_looks_like_a_copy_is_another_one(void **state) {
    static const struct {
        const char *ours;
        const char *theirs;
        bool same;
    } cases[] = {
        {CONTAINER(",\"env\":[{\"name\":\"DB_HOST\",\"value\":\"db\"}]"),
         CONTAINER(",\"env\":[{\"name\":\"DB_HOST\",\"value\":\"db-primary\"}]"), false},
        {CONTAINER(",\"args\":[\"db\"]"), CONTAINER(",\"args\":[\"db-primary\"]"), false},
        {CONTAINER(",\"command\":[\"db\"]"), CONTAINER(",\"command\":[\"db-primary\"]"), false},
        {POD("\"serviceAccountName\":\"a\""), POD("\"serviceAccountName\":\"a-primary\""), false},
        {POD("\"nodeSelector\":{\"a\":\"b\"}"), POD("\"nodeSelector\":{\"a\":\"b-primary\"}"),
         false},
        {"{\"metadata\":{\"annotations\":{\"a.secret.name\":\"b\"}}}",
         "{\"metadata\":{\"annotations\":{\"a.secret.name\":\"b-primary\"}}}", false},
        {POD("\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"s\"}}]"),
         POD("\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"s-primary\"}}]"), true},
        {CONTAINER(",\"env\":[{\"name\":\"A\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\"}}}]"),
         CONTAINER(",\"env\":[{\"name\":\"A\",\"valueFrom\":{\"secretKeyRef\":{\"name\":"
                   "\"s-primary\"}}}]"),
         true},
        {POD("\"topologySpreadConstraints\":[{\"labelSelector\":{\"matchLabels\":{\"app\":\"web\"}}"
             "}]"),
         POD("\"topologySpreadConstraints\":[{\"labelSelector\":{\"matchLabels\":{\"app\":"
             "\"web-primary\"}}}]"),
         true},
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("%zu\n", i);
        assert_true((differs(a, cases[i].ours, cases[i].theirs, true) == NULL) == cases[i].same);
    }
}

static void flaggers_copies_are_what_they_are_copies_of_but_no_other_image(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *ours =
        TEMPLATE("\"app\":\"web\"", "web:1", ",\"envFrom\":[{\"configMapRef\":{\"name\":\"s\"}}]");
    const char *primary = "{\"metadata\":{\"labels\":{\"app\":\"web-primary\"},\"annotations\":{"
                          "\"flagger-id\":\"x\"}},\"spec\":{\"containers\":[{\"name\":\"main\","
                          "\"image\":\"web:1\",\"envFrom\":[{\"configMapRef\":{\"name\":"
                          "\"s-primary\"}}]}]}}";

    (void)state;
    assert_null(differs(a, ours, primary, true));
    assert_non_null(differs(a, ours, primary, false));
    assert_string_equal(
        differs(a, TEMPLATE("", "web:1", ""), TEMPLATE("", "web:1-primary", ""), true),
        ".spec.template.spec.containers[name=main].image");
}

static void a_rule_may_let_the_template_be_if_it_is_about_it_or_about_everything(void **state) {
    static const struct {
        const char *field; // NULL: of managers alone
        bool spared;
    } cases[] = {
        {"/spec/replicas", false},
        {"metadata.annotations", false},
        {"/spec/template/spec/containers/[name=web]/image", true},
        {"spec.template.metadata", true},
        {"/spec", true},
        {"/spec/strategy", false},
        {NULL, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *const managers[] = {"vpa"};
        const struct cm_spare_rule rules[] = {
            {.fields = (const char *const[]){"/spec/replicas"}, .field_count = 1},
            {.fields = &cases[i].field,
             .field_count = cases[i].field == NULL ? 0 : 1,
             .managers = managers,
             .manager_count = 1}};

        print_message("%zu\n", i);
        assert_int_equal(kube_same_is_spared(rules, 2), cases[i].spared);
    }
    assert_false(kube_same_is_spared(NULL, 0));
}

static void images_of_what_runs_go_into_the_containers_of_the_same_name(void **state) {
    static const char ours[] = "{\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"web:2\","
                               "\"env\":[{\"name\":\"A\",\"value\":"
                               "\"new\"}]},{\"name\":\"added\",\"image\":\"side:1\"}],"
                               "\"initContainers\":[{\"name\":\"init\","
                               "\"image\":\"init:2\"}]}}";
    static const char theirs[] =
        "{\"spec\":{\"containers\":[{\"name\":\"gone\",\"image\":\"x:1\"},{\"name\":\"main\","
        "\"image\":"
        "\"web:1\",\"env\":[{\"name\":\"A\",\"value\":\"secret\"}]}],\"initContainers\":[{\"name\":"
        "\"init\",\"image\":\"init:1\"}]}}";
    static const char both[] = "{\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"web:1\","
                               "\"env\":[{\"name\":\"A\",\"value\":"
                               "\"new\"}]},{\"name\":\"added\",\"image\":\"side:1\"}],"
                               "\"initContainers\":[{\"name\":\"init\","
                               "\"image\":\"init:1\"}]}}";
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_json *left = NULL;
    struct cm_json *right = NULL;
    struct cm_err err;

    (void)state;
    assert_int_equal(cm_json_parse(a, ours, strlen(ours), NULL, &left, &err), CM_OK);
    assert_int_equal(cm_json_parse(a, theirs, strlen(theirs), NULL, &right, &err), CM_OK);
    assert_int_equal(kube_same_images(a, left, right), 2);
    cm_json_write_compact(left, &text);
    assert_string_equal(cm_str_get(&text), both);
    assert_int_equal(kube_same_images(a, left, right), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_servers_and_controllers_put_on_is_looked_past),
        cmocka_unit_test(what_else_differs_is_named_without_its_value),
        cmocka_unit_test(what_a_server_writes_in_another_way_is_the_same),
        cmocka_unit_test(what_is_a_default_elsewhere_is_none_here),
        cmocka_unit_test(a_value_that_only_looks_like_a_copy_is_another_one),
        cmocka_unit_test(flaggers_copies_are_what_they_are_copies_of_but_no_other_image),
        cmocka_unit_test(images_of_what_runs_go_into_the_containers_of_the_same_name),
        cmocka_unit_test(a_rule_may_let_the_template_be_if_it_is_about_it_or_about_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
