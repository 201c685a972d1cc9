#include "agent/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static enum cm_rc load(struct agent_options *out, struct cm_err *err, const char *word,
                       const char *value) {
    char *argv[] = {(char[]){"holdfast-agent"}, (char *)(uintptr_t)word, (char *)(uintptr_t)value,
                    NULL};

    return agent_options_load(word == NULL ? 1 : value == NULL ? 2 : 3, argv, out, err);
}

static void refuses(const char *word, const char *value, const char *says) {
    struct agent_options o = {0};
    struct cm_err err;

    assert_int_equal(load(&o, &err, word, value), CM_EINVAL);
    if (strstr(err.msg, says) == NULL) {
        fail_msg("'%s' lacks '%s'", err.msg, says);
    }
}

static void a_pod_needs_no_options_for_its_cluster(void **state) {
    struct agent_options o = {0};
    struct cm_err err;

    (void)state;
    assert_int_equal(load(&o, &err, NULL, NULL), CM_OK);
    assert_string_equal(o.driver, "kube");
    assert_null(o.kubeconfig);
    assert_string_equal(o.service_account_dir, "/var/run/secrets/kubernetes.io/serviceaccount");
    assert_string_equal(o.inventory_namespace, "holdfast-system");
    agent_options_done(&o);
}

static void another_folder_of_the_service_account_counts(void **state) {
    struct agent_options o = {0};
    struct cm_err err;

    (void)state;
    assert_int_equal(load(&o, &err, "--service-account-dir", "/run/account"), CM_OK);
    assert_string_equal(o.service_account_dir, "/run/account");
    agent_options_done(&o);
}

static void who_observes_looks_into_all_namespaces_into_some_or_into_none(void **state) {
    static const char *const cases[][2] = {{"*", "*"}, {"shop,web", "shop,web"}, {"none", ""}};
    struct agent_options o = {0};
    struct cm_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(load(&o, &err, "--observe-namespaces", cases[i][0]), CM_OK);
        assert_string_equal(o.observe_namespaces, cases[i][1]);
        agent_options_done(&o);
    }
}

static void what_makes_no_sense_is_refused(void **state) {
    (void)state;
    refuses("--driver", "docker", "--driver: 'docker' is neither kube nor sim");
    refuses("--mode", "look", "--mode: 'look' is neither apply nor observe");
    refuses("--observe-namespaces", "shop,", "'shop,' names no namespaces");
    refuses("--observe-namespaces", "shop,*", "'shop,*' names no namespaces");
    refuses("--service-acount-dir", "/run", "service-account-dir");
    refuses("--reconnect-min", "10m", "--reconnect-max is shorter than --reconnect-min");
    refuses("--report-interval", "1ms", "report-interval");
    refuses("enroll", NULL, "'enroll' is no option");
}

static void a_join_token_is_read_from_its_file(void **state) {
    char path[] = "/tmp/test_config.XXXXXX";
    struct agent_options o = {0};
    struct cm_err err;

    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(dprintf(fd, "hf1.token\n"), 10);
    close(fd);
    assert_int_equal(load(&o, &err, "--join-token-file", path), CM_OK);
    assert_string_equal(o.join_token, "hf1.token");
    agent_options_done(&o);
    unlink(path);
    assert_true(load(&o, &err, "--join-token-file", path) < 0);
    assert_non_null(strstr(err.msg, "--join-token-file"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pod_needs_no_options_for_its_cluster),
        cmocka_unit_test(another_folder_of_the_service_account_counts),
        cmocka_unit_test(who_observes_looks_into_all_namespaces_into_some_or_into_none),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(a_join_token_is_read_from_its_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
