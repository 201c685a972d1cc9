#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/drift.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "tests/support/json.h"

static const char DESIRED[] =
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"a\"},"
    "\"spec\":{\"replicas\":3,\"paused\":false}}";
static const char ANSWER[] =
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"a\"},"
    "\"spec\":{\"replicas\":3,\"paused\":true}}";
static const char SCALED[] =
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"a\","
    "\"managedFields\":[{\"manager\":\"kubectl\",\"operation\":\"Update\","
    "\"time\":\"2026-01-01T00:00:00Z\",\"fieldsType\":\"FieldsV1\","
    "\"fieldsV1\":{\"f:spec\":{\"f:replicas\":{}}}}]},"
    "\"spec\":{\"replicas\":5,\"paused\":true}}";

static const char *note(struct cm_arena *a, bool secret, const char *answer) {
    struct kube_baseline baseline = {
        .version = "apps/v1", .print = UINT64_C(0xab54a98ceb1f0ad2), .secret = secret};

    return kube_note_write(a, &baseline, parse(a, DESIRED), parse(a, answer));
}

static void a_note_reads_back(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_baseline baseline;

    (void)state;
    assert_string_equal(note(a, false, DESIRED), "1 apps/v1 ab54a98ceb1f0ad2 -");
    assert_true(kube_note_read(a, note(a, true, ANSWER), &baseline));
    assert_string_equal(baseline.version, "apps/v1");
    assert_true(baseline.print == UINT64_C(0xab54a98ceb1f0ad2));
    assert_true(baseline.secret);
    assert_int_equal(strlen(baseline.noise), 12);
}

static void find(struct cm_arena *a, const struct cm_json *desired, const struct cm_json *live,
                 const struct kube_baseline *baseline, struct kube_drift *out) {
    kube_drift_find(a,
                    &(struct kube_comparison){.desired = desired,
                                              .given = desired,
                                              .live = live,
                                              .manager = "holdfast",
                                              .baseline = baseline},
                    out);
}

static size_t foreign(const struct kube_drift *drift) {
    size_t count = 0;

    for (size_t i = 0; i < drift->count; i++) {
        count += drift->fields[i].difference == AGENT_DIFFERENCE_FOREIGN ? 1 : 0;
    }
    return count;
}

static void what_is_no_note_is_not_read(void **state) {
    static const char *const bad[] = {"", "1", "2 v1 ab -", "1 v1 xy -", "1 v1 ab", "1 v1  -"};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_baseline baseline;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(kube_note_read(a, bad[i], &baseline));
    }
}

static void what_differed_from_the_first_moment_is_no_drift(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_baseline baseline;
    struct kube_drift drift;

    (void)state;
    assert_true(kube_note_read(a, note(a, false, ANSWER), &baseline));
    find(a, parse(a, DESIRED), parse(a, ANSWER), &baseline, &drift);
    assert_int_equal(foreign(&drift), 0);
    assert_int_equal(drift.fields[0].difference, AGENT_DIFFERENCE_NOISE);
    find(a, parse(a, DESIRED), parse(a, ANSWER), NULL, &drift);
    assert_int_equal(drift.count, 1);
}

#define OF_WIDGET(fields, parts)                                                                   \
    "{\"apiVersion\":\"e.org/v1\",\"kind\":\"Widget\",\"metadata\":{\"name\":\"w\"," fields        \
    "},\"spec\":{\"parts\":" parts "}}"
#define OWNED(parts)                                                                               \
    "\"managedFields\":[{\"manager\":\"holdfast\",\"operation\":\"Apply\",\"fieldsV1\":{\"f:"      \
    "spec\":"                                                                                      \
    "{\"f:parts\":" parts "}}}]"
#define BY_NAME OWNED("{\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{}}}")
#define BY_VALUE OWNED("{\"v:\\\"a\\\"\":{}}")

static size_t of_widget(struct cm_arena *a, const char *desired, const char *live) {
    struct kube_drift drift;

    find(a, parse(a, desired), parse(a, live), NULL, &drift);
    return foreign(&drift);
}

static void what_others_put_beside_ours_into_any_list_is_no_drift(void **state) {
    static const char desired[] = OF_WIDGET("\"labels\":{}", "[{\"name\":\"a\",\"n\":1}]");
    static const char set[] = OF_WIDGET("\"labels\":{}", "[\"a\"]");
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
#define MORE(n) "[{\"name\":\"b\"},{\"name\":\"a\",\"n\":" n ",\"filled\":2}]"
    assert_int_equal(of_widget(a, desired, OF_WIDGET(BY_NAME, MORE("1"))), 0);
    assert_int_equal(of_widget(a, desired, OF_WIDGET(BY_NAME, MORE("9"))), 1);
    assert_int_equal(of_widget(a, desired, OF_WIDGET(BY_NAME, "[{\"name\":\"b\"}]")), 1);
    assert_int_equal(of_widget(a, desired, OF_WIDGET(OWNED("{}"), MORE("1"))), 1);
    assert_int_equal(of_widget(a, set, OF_WIDGET(BY_VALUE, "[\"b\",\"a\"]")), 0);
    assert_int_equal(of_widget(a, set, OF_WIDGET(BY_VALUE, "[\"b\",\"c\"]")), 1);
}

static void drift_says_what_who_and_when(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_baseline baseline;
    struct kube_drift drift;

    (void)state;
    assert_true(kube_note_read(a, note(a, false, ANSWER), &baseline));
    find(a, parse(a, DESIRED), parse(a, SCALED), &baseline, &drift);
    assert_int_equal(foreign(&drift), 1);
    assert_string_equal(drift.fields[0].path, "spec.replicas");
    assert_string_equal(drift.fields[0].desired, "3");
    assert_string_equal(drift.fields[0].actual, "5");
    assert_string_equal(drift.fields[0].manager, "kubectl");
    assert_string_equal(drift.fields[0].operation, "Update");
    assert_true(drift.fields[0].at_ms == INT64_C(1767225600000));
    assert_false(drift.more);
}

static void a_secret_tells_only_where(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_baseline baseline;
    struct kube_drift drift;
    struct cm_json *desired =
        parse(a, "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"a\"},"
                 "\"type\":\"x\",\"data\":{\"p\":\"eA==\",\"q\":\"eA==\"}}");
    struct cm_json *live =
        parse(a, "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"a\"},"
                 "\"type\":\"y\",\"data\":{\"p\":\"eQ==\"}}");

    (void)state;
    find(a, desired, live, NULL, &drift);
    assert_int_equal(drift.count, 3);
    assert_string_equal(drift.fields[0].desired, "\"x\"");
    assert_string_equal(drift.fields[1].path, "data.p");
    assert_string_equal(drift.fields[1].desired, "***");
    assert_string_equal(drift.fields[1].actual, "***");
    assert_string_equal(drift.fields[2].actual, "");
    assert_true(kube_note_read(a, note(a, true, DESIRED), &baseline));
    find(a, parse(a, DESIRED), parse(a, SCALED), &baseline, &drift);
    assert_string_equal(drift.fields[0].desired, "***");
}

static void a_note_and_a_list_of_fields_stay_within_their_bounds(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *desired =
        parse(a, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}");
    struct cm_json *live = cm_json_copy(a, desired);
    struct cm_json *data = cm_json_new(a, CM_OBJECT);
    struct kube_baseline baseline = {.version = "v1"};
    struct kube_drift drift;

    (void)state;
    cm_json_set(a, desired, "data", data);
    for (int i = 0; i < 500; i++) {
        cm_json_set_int(a, data, cm_arena_strf(a, "k%d", i), i);
    }
    cm_json_set(a, live, "data", parse(a, "{\"other\":\"1\"}"));
    const char *text = kube_note_write(a, &baseline, desired, live);
    assert_true(strlen(text) <= AGENT_NOTE_MAX);
    find(a, desired, live, NULL, &drift);
    assert_int_equal(drift.count, AGENT_DRIFT_MAX);
    assert_true(drift.more);
    assert_true(kube_note_read(a, text, &baseline));
    find(a, desired, live, &baseline, &drift);
    assert_int_equal(foreign(&drift), 0);
    assert_int_equal(drift.fields[0].difference, AGENT_DIFFERENCE_NOISE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_note_reads_back),
        cmocka_unit_test(what_is_no_note_is_not_read),
        cmocka_unit_test(what_differed_from_the_first_moment_is_no_drift),
        cmocka_unit_test(what_others_put_beside_ours_into_any_list_is_no_drift),
        cmocka_unit_test(drift_says_what_who_and_when),
        cmocka_unit_test(a_secret_tells_only_where),
        cmocka_unit_test(a_note_and_a_list_of_fields_stay_within_their_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
