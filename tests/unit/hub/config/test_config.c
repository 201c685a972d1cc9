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
    assert_int_equal(c.certificate_life_ms, INT64_C(7) * 86400000);
    assert_int_equal(c.offline_renewal_ms, INT64_C(90) * 86400000);
    assert_false(c.api_insecure);
    assert_false(c.enroll_needs_approval);
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

static void a_certificate_lives_for_at_least_ten_heartbeats(void **state) {
    char *argv[] = {(char[]){"holdfast-hub"},       (char[]){"--heartbeat"}, (char[]){"30m"},
                    (char[]){"--certificate-life"}, (char[]){"4h"},          NULL};
    struct hub_config c = {0};
    struct cm_err err;

    (void)state;
    assert_int_equal(hub_config_load(5, argv, &c, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "--certificate-life must be at least 10 times --heartbeat"));
    argv[4] = (char[]){"5h"};
    assert_int_equal(hub_config_load(5, argv, &c, &err), CM_OK);
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

static void refuses(const char *word, const char *value, const char *says) {
    struct hub_config c = {0};
    struct cm_err err;

    assert_int_equal(load(&c, &err, word, value), CM_EINVAL);
    assert_non_null(strstr(err.msg, says));
}

static void an_address_that_is_none_is_refused_at_once(void **state) {
    (void)state;
    refuses("--listen", "nonsense", "--listen: 'nonsense' is no HOST:PORT");
    refuses("--enroll-listen", "a:b", "--enroll-listen: 'a:b'");
    refuses("--api-listen", "7422", "--api-listen: '7422'");
    refuses("--advertise", "hub.example.com", "--advertise: 'hub.example.com'");
}

static enum cm_rc load_insecure(const char *addr, struct cm_err *err) {
    char *argv[] = {(char[]){"holdfast-hub"}, (char[]){"--api-insecure"}, (char[]){"--api-listen"},
                    (char *)(uintptr_t)addr, NULL};
    struct hub_config c = {0};
    enum cm_rc rc = hub_config_load(4, argv, &c, err);

    hub_config_done(&c);
    return rc;
}

static void an_api_without_tls_that_others_can_reach_is_refused_at_once(void **state) {
    static const char *const others[] = {"0.0.0.0:7422", "192.0.2.1:7422", "[::]:7422",
                                         "[2001:db8::1]:7422", "*:7422"};
    struct cm_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(load_insecure(others[i], &err), CM_EINVAL);
        assert_non_null(strstr(err.msg, "leave out --api-insecure"));
    }
    assert_int_equal(load_insecure("127.0.0.1:7422", &err), CM_OK);
    assert_int_equal(load_insecure("[::1]:7422", &err), CM_OK);
    assert_int_equal(load_insecure("localhost:7422", &err), CM_OK);
}

static void to_make_the_index_anew_takes_no_more_words(void **state) {
    struct hub_config c = {0};
    struct cm_err err;

    (void)state;
    assert_int_equal(load(&c, &err, "reindex", NULL), CM_OK);
    assert_int_equal(c.command, HUB_COMMAND_REINDEX);
    hub_config_done(&c);
    refuses("reindex", "now", "'reindex' takes no more words");
}

static void the_steps_of_another_root_are_commands(void **state) {
    static const struct {
        const char *step;
        enum hub_command command;
        bool anyway;
    } cases[] = {{"begin", HUB_COMMAND_ROOT_BEGIN, false},
                 {"begin-anyway", HUB_COMMAND_ROOT_BEGIN, true},
                 {"finish", HUB_COMMAND_ROOT_FINISH, false},
                 {"finish-anyway", HUB_COMMAND_ROOT_FINISH, true},
                 {"drop", HUB_COMMAND_ROOT_DROP, false},
                 {"drop-anyway", HUB_COMMAND_ROOT_DROP, true}};
    struct cm_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hub_config c = {0};

        assert_int_equal(load(&c, &err, "rotate-root", cases[i].step), CM_OK);
        assert_int_equal(c.command, cases[i].command);
        assert_int_equal(c.anyway, cases[i].anyway);
        assert_null(c.file);
        hub_config_done(&c);
    }
    struct hub_config c = {0};
    assert_int_equal(load(&c, &err, "rotate-root", "again"), CM_EINVAL);
    assert_non_null(strstr(err.msg, "begin, finish or drop"));
    assert_int_equal(load(&c, &err, "rotate-root", NULL), CM_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_good),
        cmocka_unit_test(what_is_given_counts),
        cmocka_unit_test(a_certificate_lives_for_at_least_ten_heartbeats),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(an_address_that_is_none_is_refused_at_once),
        cmocka_unit_test(an_api_without_tls_that_others_can_reach_is_refused_at_once),
        cmocka_unit_test(to_make_the_index_anew_takes_no_more_words),
        cmocka_unit_test(the_steps_of_another_root_are_commands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
