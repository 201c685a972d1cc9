#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/driver.h"
#include "agent/kube/webhooks.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "tests/support/json.h"

#define WORKLOAD(app)                                                                              \
    "{\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"app\":\"" app "\",\"more\":\"x\"}}}}}"

static const char *const objects[][2] = {
    {"Deployment.apps//web", WORKLOAD("web")},
    {"Deployment.apps/other/web", WORKLOAD("web")},
    {"DaemonSet.apps/shop/log", WORKLOAD("log")},
    {"Job.batch/shop/web", WORKLOAD("web")},
    {"Service/shop/hooks", "{\"spec\":{\"selector\":{\"app\":\"web\"}}}"},
    {"StatefulSet.apps/shop/db", WORKLOAD("db")},
    {"Deployment.apps/shop/bare", "{\"spec\":{\"template\":{\"metadata\":{}}}}"},
    {"Service/shop/outside", "{\"spec\":{\"externalName\":\"hooks.example.com\"}}"},
};
#define COUNT (sizeof(objects) / sizeof(objects[0]))

static const char *key_at(void *ctx, size_t i) {
    (void)ctx;
    return objects[i][0];
}

static const struct cm_json *form_at(void *ctx, size_t i) {
    return parse(ctx, objects[i][1]);
}

// awaited writes a mark for each object: "x......".
static void awaited_of(const char *policy, const char *namespace, const char *service,
                       char *marks) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct agent_forms forms = {
        .count = COUNT, .key = key_at, .form = form_at, .default_namespace = "shop", .ctx = a};
    bool out[COUNT] = {false};

    kube_webhooks_await(
        parse(a, cm_arena_strf(a,
                               "{\"webhooks\":[{\"clientConfig\":{\"url\":\"https://x\"}},"
                               "{%s\"clientConfig\":{\"service\":{\"namespace\":\"%s\",\"name\":"
                               "\"%s\"}}}]}",
                               policy, namespace, service)),
        &forms, out);
    for (size_t i = 0; i < COUNT; i++) {
        marks[i] = out[i] ? 'x' : '.';
    }
    marks[COUNT] = '\0';
}

static void awaited(const char *namespace, const char *service, char *marks) {
    awaited_of("", namespace, service, marks);
}

static void workloads_behind_a_webhooks_service_are_awaited(void **state) {
    char marks[COUNT + 1];

    (void)state;
    awaited("shop", "hooks", marks);
    assert_string_equal(marks, "x.......");
    awaited("shop", "another", marks); // of which nobody knows what it selects
    assert_string_equal(marks, "........");
    awaited("shop", "outside", marks);
    assert_string_equal(marks, "........");
    awaited_of("\"failurePolicy\":\"Fail\",", "shop", "hooks", marks);
    assert_string_equal(marks, "x.......");
    awaited_of("\"failurePolicy\":\"Ignore\",", "shop", "hooks", marks);
    assert_string_equal(marks, "........");
    awaited("elsewhere", "hooks", marks);
    assert_string_equal(marks, "........");
}

static void what_is_no_configuration_awaits_nothing(void **state) {
    const struct agent_forms forms = {
        .count = COUNT, .key = key_at, .form = form_at, .default_namespace = "shop"};
    bool out[COUNT] = {false};

    (void)state;
    kube_webhooks_await(NULL, &forms, out);
    for (size_t i = 0; i < COUNT; i++) {
        assert_false(out[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workloads_behind_a_webhooks_service_are_awaited),
        cmocka_unit_test(what_is_no_configuration_awaits_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
