#include "hub/jobs/state_hide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

static int open_arena(void **state) {
    *state = cm_arena_new(0);
    return 0;
}

static int close_arena(void **state) {
    cm_arena_free(*state);
    return 0;
}

static const char *hide(void *arena, const char *key, const char *path, const char *value) {
    static const uint8_t secret[32] = {1};
    const struct hub_state_hiding h = {.arena = arena, .key = secret};
    const struct cm_json *told = hub_state_hide(&h, key, path, value);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    if (told == NULL) {
        return NULL;
    }
    cm_json_write_compact(told, &text);
    return cm_arena_strdup(arena, cm_str_get(&text));
}

#define DEPLOYMENT "Deployment.apps/shop/web"
#define CONTAINER "spec.template.spec.containers[name=web]"

static void a_value_of_a_plain_field_is_told(void **state) {
    assert_string_equal(hide(*state, DEPLOYMENT, "spec.replicas", "9"), "9");
    assert_string_equal(hide(*state, DEPLOYMENT, CONTAINER ".image", "\"reg/web:2\""),
                        "\"reg/web:2\"");
    assert_string_equal(hide(*state, "ConfigMap/shop/cfg", "metadata.labels.app", "\"x\""),
                        "\"x\"");
}

static void values_where_secrets_are_put_are_told_as_hashes(void **state) {
    const char *const cases[][2] = {
        {DEPLOYMENT, CONTAINER ".env[name=PASSWORD].value"},
        {DEPLOYMENT, CONTAINER ".args"},
        {DEPLOYMENT, CONTAINER ".command"},
        {"ConfigMap/shop/cfg", "data.password"},
        {"ConfigMap/shop/cfg", "binaryData['key.pem']"},
        {DEPLOYMENT, "no[path"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *told = hide(*state, cases[i][0], cases[i][1], "\"canary\"");

        assert_int_equal(strlen(told), 2 + 5 + 32);
        assert_memory_equal(told, "\"hmac:", 6);
        assert_string_equal(told, hide(*state, cases[i][0], cases[i][1], "\"canary\""));
        assert_string_not_equal(told, hide(*state, cases[i][0], cases[i][1], "\"other\""));
    }
}

static void all_that_is_in_them_is_hidden_but_names(void **state) {
    const char *told = hide(*state, DEPLOYMENT, "spec.template.spec.containers",
                            "[{\"name\":\"web\",\"image\":\"i\",\"args\":[\"--password=canary\"],"
                            "\"env\":[{\"name\":\"A\",\"value\":\"canary\"}]}]");

    assert_null(strstr(told, "canary"));
    assert_non_null(strstr(told, "\"image\":\"i\""));
    assert_non_null(strstr(told, "{\"name\":\"A\",\"value\":\"hmac:"));
}

static void what_was_cut_is_told_as_a_hash(void **state) {
    assert_memory_equal(hide(*state, DEPLOYMENT, "spec.text", "\"canary and so\xe2\x80\xa6"),
                        "\"hmac:", 6);
}

static void what_is_missing_or_masked_stays_so(void **state) {
    assert_null(hide(*state, DEPLOYMENT, "spec.replicas", ""));
    assert_string_equal(hide(*state, "ConfigMap/shop/cfg", "data.a", "\"***\""), "\"***\"");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_value_of_a_plain_field_is_told),
        TEST(values_where_secrets_are_put_are_told_as_hashes),
        TEST(all_that_is_in_them_is_hidden_but_names),
        TEST(what_was_cut_is_told_as_a_hash),
        TEST(what_is_missing_or_masked_stays_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
