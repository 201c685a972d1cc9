#include "hub/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum cm_rc load(struct hub_config *out, struct cm_err *err, const char *word,
                       const char *value) {
    char *argv[] = {(char[]){"holdfast-hub"}, (char *)(uintptr_t)word, (char *)(uintptr_t)value,
                    NULL};

    return hub_config_load(word == NULL ? 1 : value == NULL ? 2 : 3, argv, out, err);
}

static void defaults_are_good(void **state) {
    struct hub_config c = {0};
    struct cm_err err;

    (void)state;
    assert_int_equal(load(&c, &err, NULL, NULL), CM_OK);
    assert_string_equal(c.listen, "0.0.0.0:7420");
    assert_string_equal(c.api_listen, "127.0.0.1:7422");
    assert_int_equal(c.heartbeat_ms, 60000);
    assert_false(c.api_insecure);
    hub_config_done(&c);
}

static void what_is_given_counts(void **state) {
    struct hub_config c = {0};
    struct cm_err err;

    (void)state;
    assert_int_equal(load(&c, &err, "--heartbeat", "5s"), CM_OK);
    assert_int_equal(c.heartbeat_ms, 5000);
    hub_config_done(&c);
}

static void what_makes_no_sense_is_refused(void **state) {
    struct hub_config c = {0};
    struct cm_err err;

    (void)state;
    assert_int_equal(load(&c, &err, "--heartbeat", "5ms"), CM_EINVAL);
    assert_non_null(strstr(err.msg, "heartbeat"));
    assert_int_equal(load(&c, &err, "--hartbeat", "5s"), CM_EINVAL);
    assert_non_null(strstr(err.msg, "heartbeat"));
    assert_int_equal(load(&c, &err, "serve", NULL), CM_EINVAL);
    assert_non_null(strstr(err.msg, "'serve'"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_good),
        cmocka_unit_test(what_is_given_counts),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
