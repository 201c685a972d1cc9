#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/store/cause.h"

static void assert_folds(const char *text, const char *folded) {
    CM_CLEANUP(cm_str_done) struct cm_str out = {0};

    hub_cause_fold(text, &out);
    assert_string_equal(cm_str_get(&out), folded);
}

static void names_of_pods_lose_what_is_random(void **state) {
    (void)state;
    assert_folds("pod web-7d9c6b5f4-x2x9z is not ready", "pod web-*-* is not ready");
    assert_folds("pod web-7d9c6b5f4-bcdfg is not ready", "pod web-*-* is not ready");
    assert_folds("pod agent-x2x9z", "pod agent-*");
    assert_folds("the front-end of my-httpd", "the front-end of my-httpd");
    assert_folds("pod db-0", "pod db-*");
}

static void ids_and_digests_are_the_same(void **state) {
    (void)state;
    assert_folds("sha256:0123456789abcdef0123456789abcdef is unknown", "sha*:* is unknown");
    assert_folds("uid 6f1c2a34-0000-4000-8000-000000000001", "uid *-*-*-*-*");
    assert_folds("a deadbeef facade", "a deadbeef facade");
}

static void counts_and_times_are_the_same(void **state) {
    (void)state;
    assert_folds("1 of 3 replicas; 1 pod: back-off 10s", "* of * replicas; * pod: back-off *");
    assert_folds("2 of 9 replicas; 12 pods: back-off 5m0s", "* of * replicas; * pod: back-off *");
    assert_folds("dial tcp 10.0.3.7:5432: refused", "dial tcp *.*.*.*:*: refused");
    assert_folds("Get \"http://10.244.1.5:8080/\"", "Get \"http://*.*.*.*:*/\"");
}

static void what_tells_causes_apart_stays(void **state) {
    (void)state;
    assert_folds("web ended (exit code 137, OOMKilled)", "web ended (exit code 137, OOMKilled)");
    assert_folds("failed with statuscode: 503", "failed with statuscode: 503");
    assert_folds("image \"acme/web:1.2.3\" not found", "image \"acme/web:1.2.3\" not found");
}

static void nothing_stays_nothing(void **state) {
    (void)state;
    assert_folds("", "");
    assert_folds("-", "-");
    assert_folds("7", "*");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_pods_lose_what_is_random),
        cmocka_unit_test(ids_and_digests_are_the_same),
        cmocka_unit_test(counts_and_times_are_the_same),
        cmocka_unit_test(what_tells_causes_apart_stays),
        cmocka_unit_test(nothing_stays_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
