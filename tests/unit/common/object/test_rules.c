#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/rules.h"
#include "common/str.h"

#define DATABASE(status)                                                                           \
    "{\"apiVersion\":\"db.io/v1\",\"kind\":\"Database\",\"metadata\":{\"generation\":3},"          \
    "\"status\":" status "}"
#define OF "\"group\":\"db.io\",\"kind\":\"Database\","

static struct cm_rules *read_rules(const char *text) {
    struct cm_rules *rules = NULL;
    struct cm_err err;

    if (cm_rules_parse(text, strlen(text), &rules, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return rules;
}

// judge says how an object is, as "verdict why".
static const char *judge(struct cm_arena *a, const char *rules_text, const char *object_text) {
    static const char *const words[] = {"none", "healthy", "progressing", "degraded"};
    struct cm_rules *rules = read_rules(rules_text);
    struct cm_json *object = NULL;
    const char *why = NULL;
    struct cm_err err;

    if (cm_json_parse(a, object_text, strlen(object_text), NULL, &object, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    enum cm_verdict verdict = cm_rules_judge(rules, a, object, &why);
    cm_rules_free(rules);
    return cm_arena_strf(a, "%s%s%s", words[verdict], why[0] == '\0' ? "" : " ", why);
}

static void a_field_says_how_an_object_is(void **state) {
    static const char rules[] =
        "[{" OF "\"degraded\":[{\"path\":\"/status/phase\",\"in\":[\"Failed\",\"Lost\"]}],"
        "\"progressing\":[{\"path\":\"status.migrating\",\"exists\":true}],"
        "\"healthy\":[{\"path\":\"/status/phase\",\"equals\":\"Ready\"}],"
        "\"message\":\"status.message\"}]";

    assert_string_equal(judge(*state, rules, DATABASE("{\"phase\":\"Ready\",\"message\":\"m\"}")),
                        "healthy");
    assert_string_equal(judge(*state, rules, DATABASE("{\"phase\":\"Lost\",\"message\":\"gone\"}")),
                        "degraded gone");
    assert_string_equal(judge(*state, rules, DATABASE("{\"phase\":\"Ready\",\"migrating\":{}}")),
                        "progressing");
    assert_string_equal(judge(*state, rules, DATABASE("{\"message\":\"begins\"}")),
                        "progressing begins");
}

static void a_condition_in_a_list_is_found_by_its_type(void **state) {
    static const char rules[] =
        "[{" OF "\"healthy\":[{\"path\":\"status.conditions[type=Synced].status\","
        "\"equals\":\"True\"},{\"path\":\"status.flags[=on]\",\"exists\":true}]}]";

    assert_string_equal(
        judge(*state, rules,
              DATABASE("{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\"},"
                       "{\"type\":\"Synced\",\"status\":\"True\"}],\"flags\":[\"off\",\"on\"]}")),
        "healthy");
    assert_string_equal(
        judge(*state, rules,
              DATABASE("{\"conditions\":[{\"type\":\"Synced\",\"status\":\"True\"}]}")),
        "progressing");
    assert_string_equal(judge(*state, rules, DATABASE("{\"conditions\":7}")), "progressing");
}

static void what_is_seen_late_is_progressing(void **state) {
    static const char rules[] = "[{" OF "\"observedGeneration\":\"/status/seen\"}]";

    assert_string_equal(judge(*state, rules, DATABASE("{\"seen\":2}")),
                        "progressing its controller has not seen the last change yet");
    assert_string_equal(judge(*state, rules, DATABASE("{}")),
                        "progressing its controller has not seen the last change yet");
    assert_string_equal(judge(*state, rules, DATABASE("{\"seen\":3}")), "none");
}

static void rules_of_a_kind_add_up_and_the_worst_counts(void **state) {
    static const char rules[] =
        "[{" OF "\"healthy\":[{\"path\":\"/status/phase\",\"equals\":\"Ready\"}]},"
        "{" OF "\"healthy\":[{\"path\":\"/status/phase\",\"equals\":\"Idle\"}]},"
        "{" OF "\"degraded\":[{\"path\":\"/status/errors\",\"exists\":true}]}]";

    assert_string_equal(judge(*state, rules, DATABASE("{\"phase\":\"Idle\"}")), "healthy");
    assert_string_equal(judge(*state, rules, DATABASE("{\"phase\":\"Idle\",\"errors\":[]}")),
                        "degraded");
    assert_string_equal(judge(*state, rules, DATABASE("{\"phase\":\"Idle\",\"errors\":null}")),
                        "healthy");
}

static void what_no_rule_is_for_is_left_to_others(void **state) {
    static const char rules[] = "[{" OF "\"healthy\":[{\"path\":\"/a\",\"exists\":true}]},"
                                "{\"kind\":\"ConfigMap\",\"degraded\":[{\"path\":\"data.broken\","
                                "\"equals\":\"true\"}]}]";

    assert_string_equal(judge(*state, rules, "{\"apiVersion\":\"db.io/v1\",\"kind\":\"Backup\"}"),
                        "none");
    assert_string_equal(judge(*state, rules, "{\"apiVersion\":\"v1\",\"kind\":\"Database\"}"),
                        "none");
    assert_string_equal(judge(*state, rules, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"}"),
                        "none");
    assert_string_equal(judge(*state, rules,
                              "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
                              "\"data\":{\"broken\":\"true\"}}"),
                        "degraded");
    assert_string_equal(judge(*state, rules, "{}"), "none");
}

static void what_is_not_understood_never_holds(void **state) {
    static const char rules[] = "[{" OF "\"healthy\":[{\"path\":\"/status/n\",\"above\":\"3\"}],"
                                "\"degraded\":[{\"path\":\"status..\",\"exists\":false}]},7,{}]";

    assert_string_equal(judge(*state, rules, DATABASE("{\"n\":4}")), "progressing");
}

#define SECRET                                                                                     \
    "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"annotations\":{"                   \
    "\"kubectl.kubernetes.io/last-applied-configuration\":\"all\",\"why\":\"it waits\"}},"         \
    "\"data\":{\"password\":\"cGFzcw==\"}}"
#define OF_SECRET "[{\"kind\":\"Secret\",\"healthy\":[{\"path\":"

static void a_secret_is_neither_shown_nor_compared(void **state) {
    static const char never[] = OF_SECRET "\"/type\",\"equals\":\"x\"}],\"message\":";

    assert_string_equal(
        judge(*state, cm_arena_strf(*state, "%s\"/data/password\"}]", never), SECRET),
        "progressing");
    assert_string_equal(
        judge(*state, cm_arena_strf(*state, "%s\"data.password\"}]", never), SECRET),
        "progressing");
    assert_string_equal(
        judge(*state,
              cm_arena_strf(*state,
                            "%s\"/metadata/annotations/kubectl.kubernetes.io~1last-applied-"
                            "configuration\"}]",
                            never),
              SECRET),
        "progressing");
    assert_string_equal(
        judge(*state, cm_arena_strf(*state, "%s\"metadata.annotations.why\"}]", never), SECRET),
        "progressing it waits");
    assert_string_equal(
        judge(*state, OF_SECRET "\"data.password\",\"equals\":\"cGFzcw==\"}]}]", SECRET),
        "progressing");
    assert_string_equal(
        judge(*state, OF_SECRET "\"/data/password\",\"in\":[\"cGFzcw==\"]}]}]", SECRET),
        "progressing");
    assert_string_equal(judge(*state, OF_SECRET "\"/data/password\",\"exists\":true}]}]", SECRET),
                        "healthy");
}

static void numbers_and_truth_are_compared_as_text(void **state) {
    static const char rules[] = "[{" OF "\"healthy\":[{\"path\":\"/status/n\",\"equals\":\"4\"},"
                                "{\"path\":\"/status/ok\",\"in\":[\"true\"]}]}]";

    assert_string_equal(judge(*state, rules, DATABASE("{\"n\":4,\"ok\":true}")), "healthy");
    assert_string_equal(judge(*state, rules, DATABASE("{\"n\":\"4\",\"ok\":\"true\"}")), "healthy");
    assert_string_equal(judge(*state, rules, DATABASE("{\"n\":4,\"ok\":{}}")), "progressing");
}

static void what_is_no_list_is_refused(void **state) {
    static const char *const texts[] = {"", "{}", "7", "[",
                                        "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]"};
    struct cm_rules *rules = NULL;
    struct cm_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(cm_rules_parse(texts[i], strlen(texts[i]), &rules, &err), CM_EINVAL);
    }
    assert_null(rules);
    cm_rules_free(NULL);
}

static void a_path_is_a_pointer_or_names(void **state) {
    (void)state;
    assert_true(cm_rules_path_ok("/status/phase"));
    assert_true(cm_rules_path_ok("status.conditions[type=Ready].status"));
    assert_false(cm_rules_path_ok(""));
    assert_false(cm_rules_path_ok("status..phase"));
    assert_false(cm_rules_path_ok("/status/~2"));
}

static int set_up(void **state) {
    *state = cm_arena_new(0);
    return 0;
}

static int tear_down(void **state) {
    cm_arena_free(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_field_says_how_an_object_is),
        TEST(a_condition_in_a_list_is_found_by_its_type),
        TEST(what_is_seen_late_is_progressing),
        TEST(rules_of_a_kind_add_up_and_the_worst_counts),
        TEST(what_no_rule_is_for_is_left_to_others),
        TEST(what_is_not_understood_never_holds),
        TEST(a_secret_is_neither_shown_nor_compared),
        TEST(numbers_and_truth_are_compared_as_text),
        TEST(what_is_no_list_is_refused),
        TEST(a_path_is_a_pointer_or_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
