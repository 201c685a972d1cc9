#include "common/object/hiding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "tests/unit/common/object/docs.h"

static const uint8_t key[32] = "a key that nobody knows";

#define WEB "Deployment.apps/shop/web"
#define CONFIG "ConfigMap/shop/cfg"
#define CONTAINER "spec.template.spec.containers[name=web]"

// A set of names that an App shows.
#define SHOWN(...)                                                                                 \
    ((const char *const[]){__VA_ARGS__}),                                                          \
        sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)

static const char *told(void **state, const char *object, const char *path, const char *value,
                        const char *const *shown, size_t count) {
    const struct cm_hiding h = {
        .key = key, .object_key = object, .shown = shown, .shown_count = count};

    return cm_hiding_text(*state, &h, path, value);
}

static void assert_hash(const char *text) {
    assert_int_equal(strlen(text), 2 + 5 + 32);
    assert_memory_equal(text, "\"hmac:", 6);
}

static void what_a_plain_field_is_set_to_is_told(void **state) {
    assert_false(cm_hiding_reaches(*state, WEB, "spec.replicas"));
    assert_string_equal(told(state, WEB, "spec.replicas", "9", NULL, 0), "9");
    assert_string_equal(told(state, WEB, CONTAINER ".image", "\"a:2\"", NULL, 0), "\"a:2\"");
    assert_string_equal(told(state, CONFIG, "metadata.labels.data", "\"x\"", NULL, 0), "\"x\"");
    assert_string_equal(told(state, WEB, "spec.replicas", "", NULL, 0), "");
}

static void where_secrets_are_put_a_value_is_a_hash(void **state) {
    static const char *const places[][2] = {
        {WEB, CONTAINER ".env[name=PASSWORD].value"},
        {WEB, "/spec/template/spec/containers/0/env/0/value"},
        {WEB, CONTAINER ".args[1]"},
        {WEB, CONTAINER ".command"},
        {CONFIG, "data.password"},
        {CONFIG, "binaryData['key.pem']"},
        {"Secret/shop/login", "data.password"},
        {WEB, "no[path"},
        {WEB, ""},
    };

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const char *text = told(state, places[i][0], places[i][1], "\"canary\"", NULL, 0);

        assert_true(cm_hiding_reaches(*state, places[i][0], places[i][1]));
        assert_hash(text);
        assert_string_equal(text, told(state, places[i][0], places[i][1], "\"canary\"", NULL, 0));
        assert_string_not_equal(text, told(state, places[i][0], places[i][1], "\"b\"", NULL, 0));
        // Told again it stays as it is.
        assert_string_equal(text, told(state, places[i][0], places[i][1], text, NULL, 0));
    }
}

static void names_that_the_app_shows_are_told(void **state) {
    assert_string_equal(
        told(state, WEB, CONTAINER ".env[name=LOG_LEVEL].value", "\"x\"", SHOWN("LOG_*")), "\"x\"");
    assert_hash(told(state, WEB, CONTAINER ".env[name=PASS].value", "\"x\"", SHOWN("LOG_*")));
    assert_string_equal(told(state, CONFIG, "data.colour", "\"x\"", SHOWN("a", "colour")), "\"x\"");
    assert_hash(told(state, CONFIG, "data.colours", "\"x\"", SHOWN("a", "colour")));
    assert_string_equal(told(state, WEB, CONTAINER ".args", "[\"x\"]", SHOWN("args")), "[\"x\"]");
    assert_hash(told(state, WEB, CONTAINER ".command[0]", "\"x\"", SHOWN("args")));
    // They are names of variables and keys, not of what is in them.
    assert_hash(
        told(state, WEB, CONTAINER ".env[name=PASS].value", "\"x\"", SHOWN("value", "env")));
    // A Secret is none that could be shown.
    assert_hash(told(state, "Secret/shop/login", "data.colour", "\"x\"", SHOWN("*")));
}

static void in_a_list_of_them_each_is_told_by_its_name(void **state) {
    const char *text = told(state, WEB, "spec.template.spec.containers",
                            "[{\"name\":\"web\",\"image\":\"i\",\"args\":[\"canary\"],\"env\":["
                            "{\"name\":\"A\",\"value\":\"canary\"},"
                            "{\"name\":\"B\",\"value\":\"shown\"}]}]",
                            SHOWN("B"));

    assert_null(strstr(text, "canary"));
    assert_non_null(strstr(text, "\"image\":\"i\""));
    assert_non_null(strstr(text, "{\"name\":\"A\",\"value\":\"hmac:"));
    assert_non_null(strstr(text, "{\"name\":\"B\",\"value\":\"shown\"}"));
    text = told(state, CONFIG, "data", "{\"a\":\"canary\",\"b\":\"shown\"}", SHOWN("b"));
    assert_non_null(strstr(text, "{\"a\":\"hmac:"));
    assert_non_null(strstr(text, "\"b\":\"shown\"}"));
}

static void of_what_was_cut_only_a_plain_string_is_told(void **state) {
    assert_string_equal(told(state, WEB, "spec.text", "\"long\xe2\x80\xa6", NULL, 0),
                        "\"long\xe2\x80\xa6");
    assert_hash(told(state, CONFIG, "data.text", "\"long\xe2\x80\xa6", NULL, 0));
    assert_hash(told(state, WEB, "spec.template", "{\"spec\":{\"containers\xe2\x80\xa6", NULL, 0));
}

static void without_a_key_it_is_a_mask(void **state) {
    const struct cm_hiding h = {.object_key = CONFIG};

    assert_string_equal(cm_hiding_text(*state, &h, "data.a", "\"canary\""), "\"***\"");
    assert_string_equal(cm_hiding_text(*state, &h, "data.a", "\"canary\xe2\x80\xa6"), "\"***\"");
    assert_string_equal(cm_hiding_text(*state, &h, "data.a", "***"), "***");
}

static void the_whole_object_shows_the_same_names(void **state) {
    static const char *const shown[] = {"B", "args"};
    const struct cm_hiding h = {.key = key, .object_key = WEB, .shown = shown, .shown_count = 2};
    CM_CLEANUP(cm_str_done) struct cm_str out = {0};

    cm_json_write_compact(
        cm_object_hide(*state, &h, NULL,
                       yaml(state, "spec: {containers: [{name: web, args: [one], command: [two],\n"
                                   "env: [{name: A, value: three}, {name: B, value: four}]}]}\n")),
        &out);
    assert_non_null(strstr(cm_str_get(&out), "\"one\""));
    assert_null(strstr(cm_str_get(&out), "two"));
    assert_null(strstr(cm_str_get(&out), "three"));
    assert_non_null(strstr(cm_str_get(&out), "\"four\""));
}

static char *nobodys(void **state, const char *text) {
    const struct cm_hiding h = {.key = key, .object_key = WEB, .nobodys = true};
    struct cm_str out = {0};

    cm_json_write_compact(cm_object_hide(*state, &h, NULL, yaml(state, text)), &out);
    return cm_str_take(&out);
}

static void of_what_no_app_names_only_what_is_known_to_be_no_secret_is_told(void **state) {
    CM_AUTOFREE char *text = nobodys(
        state,
        "apiVersion: apps/v1\nkind: Deployment\n"
        "metadata: {name: told, namespace: told, labels: {a: told, port: told, env: told, args: "
        "told}}\n"
        "spec: {replicas: 3, selector: {matchLabels: {app: told}},\n"
        " strategy: {type: told, rollingUpdate: {maxSurge: told}},\n"
        " template: {metadata: {labels: {app: told}}, spec: {nodeSelector: {disk: told},\n"
        "  containers: [{name: told, image: told, resources: {limits: {cpu: told}},\n"
        "   ports: [{name: told, containerPort: 80, protocol: told}],\n"
        "   env: [{name: told, valueFrom: {secretKeyRef: {name: told}}}]}]}}}\n_changed: [told]\n");
    const char *at = text;
    size_t count = 0;

    assert_null(strstr(text, "hmac:"));
    while ((at = strstr(at, "told")) != NULL) {
        at++;
        count++;
    }
    assert_int_equal(count, 19);
    assert_non_null(strstr(text, "\"replicas\":3"));
    assert_non_null(strstr(text, "\"containerPort\":80"));
}

static void every_other_text_of_it_is_a_hash(void **state) {
    CM_AUTOFREE char *text = nobodys(
        state,
        "metadata: {name: web, annotations: {name: hunter2, example.com/token: hunter2},\n"
        " finalizers: [hunter2]}\n"
        "spec: {url: 'https://me:hunter2@example.com', template: {metadata: {annotations: {type: "
        "hunter2}},\n"
        "  spec: {containers: [{name: web, command: [hunter2], args: [hunter2],\n"
        "   env: [{name: A, value: hunter2}],\n"
        "   livenessProbe: {httpGet: {path: hunter2, httpHeaders: [{name: Auth, value: "
        "hunter2}]},\n"
        "    exec: {command: [hunter2]}}}],\n"
        "   volumes: [{name: v, csi: {volumeAttributes: {type: hunter2}}}]}},\n"
        " service: {headers: {request: {set: {name: hunter2}}}},\n"
        " analysis: {metrics: [{name: m, templateVariables: {name: hunter2}, query: hunter2}],\n"
        "  webhooks: [{url: 'http://hunter2', metadata: {cmd: hunter2, type: hunter2, pin: "
        "4711}}]},\n"
        " strategy: {canary: {steps: [{plugin: {config: hunter2}}],\n"
        "  analysis: {args: [{name: a, value: hunter2}]},\n"
        "  trafficRouting: {plugins: {p: {name: hunter2}}}}}}\n");

    assert_null(strstr(text, "hunter2"));
    assert_null(strstr(text, "://"));
    assert_null(strstr(text, "4711"));
    assert_non_null(strstr(text, "\"finalizers\":[\"hmac:"));
    assert_non_null(strstr(text, "\"example.com/token\":\"hmac:"));
    const struct cm_hiding h = {.key = key, .object_key = WEB, .nobodys = true};
    assert_hash(cm_hiding_text(*state, &h, "metadata.annotations.name", "\"hunter2\""));
    assert_string_equal(cm_hiding_text(*state, &h, CONTAINER ".image", "\"a:2\""), "\"a:2\"");
}

static bool hides(void **state, const char *text) {
    return cm_hiding_hides(yaml(state, text));
}

static void what_is_hidden_is_known(void **state) {
    const char *hash = cm_json_string(cm_hiding_hash(*state, key, "x", 1));

    assert_true(hides(state, hash));
    assert_true(hides(state, cm_arena_strf(*state, "[{name: a, value: '%s'}]", hash)));
    assert_true(hides(state, "{a: 1, b: '***'}"));
    assert_false(hides(state, "hmac:0123"));
    assert_false(hides(state, cm_arena_strf(*state, "%s0", hash)));
    assert_false(hides(state, hash + 1));
    assert_false(hides(state, "{a: [b, 1, null]}"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_a_plain_field_is_set_to_is_told),
        TEST(where_secrets_are_put_a_value_is_a_hash),
        TEST(names_that_the_app_shows_are_told),
        TEST(in_a_list_of_them_each_is_told_by_its_name),
        TEST(of_what_was_cut_only_a_plain_string_is_told),
        TEST(without_a_key_it_is_a_mask),
        TEST(the_whole_object_shows_the_same_names),
        TEST(of_what_no_app_names_only_what_is_known_to_be_no_secret_is_told),
        TEST(every_other_text_of_it_is_a_hash),
        TEST(what_is_hidden_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
