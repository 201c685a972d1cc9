#include "common/harden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cmocka.h>

static void nothing_of_a_daemon_is_dumped_or_looked_into(void **state) {
    struct rlimit core;

    (void)state;
    assert_int_equal(prctl(PR_GET_DUMPABLE), 1);
    cm_harden();
    assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
    assert_int_equal(core.rlim_cur, 0);
    assert_int_equal(core.rlim_max, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_of_a_daemon_is_dumped_or_looked_into),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
