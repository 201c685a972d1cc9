#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/actual.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/support/json.h"

static const char FORM[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"a\"},"
    "\"spec\":{\"type\":\"ClusterIP\"}}";
static const char SENT[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"a\",\"labels\":{"
    "\"applyset.kubernetes.io/part-of\":\"x\",\"holdfast.dev/app\":\"shop\"}},"
    "\"spec\":{\"type\":\"ClusterIP\"}}";

// live is the object with annotations that these managers set.
static const struct cm_json *live(struct cm_arena *a, const char *type, const char *const *managers,
                                  size_t count) {
    struct cm_str text = {0};

    cm_str_addf(&text, "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"a\","
                       "\"uid\":\"u\",\"labels\":{\"applyset.kubernetes.io/part-of\":\"x\","
                       "\"holdfast.dev/app\":\"shop\"},\"annotations\":{\"n\":\"\"");
    for (size_t i = 0; i < count; i++) {
        cm_str_addf(&text, ",\"%s\":\"set\"", managers[i]);
    }
    cm_str_add(&text, "},\"managedFields\":[{\"manager\":\"holdfast\",\"operation\":\"Apply\","
                      "\"fieldsV1\":{\"f:metadata\":{\"f:labels\":{"
                      "\"f:applyset.kubernetes.io/part-of\":{},\"f:holdfast.dev/app\":{}}},"
                      "\"f:spec\":{\"f:type\":{}}}}");
    for (size_t i = 0; i < count; i++) {
        cm_str_addf(&text,
                    ",{\"manager\":\"%s\",\"operation\":\"Update\",\"fieldsV1\":{\"f:metadata\":{"
                    "\"f:annotations\":{\"f:%s\":{}}}}}",
                    managers[i], managers[i]);
    }
    cm_str_addf(&text, "]},\"spec\":{\"type\":\"%s\",\"clusterIP\":\"10.0.0.1\"}}", type);
    const struct cm_json *tree = parse(a, cm_str_get(&text));
    cm_str_done(&text);
    return tree;
}

static const char *find_as(struct cm_arena *a, const struct cm_json *seen, const char *manager) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *form = cm_buf_copy(FORM, strlen(FORM));
    const struct cm_json *desired = parse(a, manager[0] == '\0' ? FORM : SENT);
    const struct kube_comparison c = {
        .desired = desired, .given = desired, .live = seen, .manager = manager};
    struct kube_drift found;

    kube_drift_find(a, &c, &found);
    kube_actual_find(a, &c, form, &found);
    return found.actual;
}

static const char *find(struct cm_arena *a, const struct cm_json *seen) {
    return find_as(a, seen, "holdfast");
}

static void what_only_we_and_the_control_plane_have_set_is_as_desired(void **state) {
    static const char *const managers[] = {"holdfast", "kube-controller-manager"};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    assert_null(find(a, live(a, "ClusterIP", managers, 2)));
    assert_false(kube_actual_has_others(a, live(a, "ClusterIP", managers, 2), "holdfast"));
}

static void what_somebody_has_put_beside_is_there_without_our_labels(void **state) {
    static const char *const managers[] = {"kube-controller-manager", "kubectl-annotate"};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    assert_true(kube_actual_has_others(a, live(a, "ClusterIP", managers, 2), "holdfast"));
    assert_string_equal(find(a, live(a, "ClusterIP", managers, 2)),
                        "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"Service\",\n"
                        "  \"metadata\": {\n    \"annotations\": {\n"
                        "      \"kubectl-annotate\": \"set\"\n    },\n    \"name\": \"a\"\n  },\n"
                        "  \"spec\": {\n    \"type\": \"ClusterIP\"\n  }\n}\n");
}

static void
where_nothing_is_ours_what_another_agent_has_set_is_there_without_its_labels(void **state) {
    static const char *const managers[] = {"holdfast"};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    const char *found = find_as(a, live(a, "ClusterIP", managers, 1), "");
    assert_non_null(found);
    assert_non_null(strstr(found, "\"holdfast\": \"set\""));
    assert_null(strstr(found, "labels")); // nor is it drift
}

static void a_field_that_differs_is_as_it_is(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    assert_non_null(strstr(find(a, live(a, "NodePort", NULL, 0)), "\"type\": \"NodePort\""));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_only_we_and_the_control_plane_have_set_is_as_desired),
    cmocka_unit_test(what_somebody_has_put_beside_is_there_without_our_labels),
    cmocka_unit_test(where_nothing_is_ours_what_another_agent_has_set_is_there_without_its_labels),
    cmocka_unit_test(a_field_that_differs_is_as_it_is),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
