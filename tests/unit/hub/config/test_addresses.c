#include "hub/config/addresses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/config/config.h"

static enum cm_rc make(const char *listen, const char *enroll, const char *advertise,
                       struct hub_addresses *out, struct cm_err *err) {
    struct hub_config config = {
        .listen = (char *)(uintptr_t)listen,
        .enroll_listen = (char *)(uintptr_t)enroll,
        .advertise = (char *)(uintptr_t)advertise,
    };

    return hub_addresses_make(&config, out, err);
}

static void an_address_that_is_listened_on_is_told(void **state) {
    struct hub_addresses a = {0};
    struct cm_err err;

    (void)state;
    assert_int_equal(make("10.0.0.1:7420", "10.0.0.1:7421", NULL, &a, &err), CM_OK);
    assert_int_equal(a.link_count, 1);
    assert_string_equal(a.link[0], "10.0.0.1:7420");
    assert_string_equal(a.enroll[0], "10.0.0.1:7421");
    hub_addresses_done(&a);
}

static void any_address_becomes_the_name_of_the_machine(void **state) {
    static const char *const any[] = {"0.0.0.0:7420", "[::]:7420", "*:7420"};
    char name[256] = "";

    (void)state;
    assert_int_equal(gethostname(name, sizeof(name) - 1), 0);
    CM_AUTOFREE char *expected = cm_strf("%s:7420", name);
    for (size_t i = 0; i < sizeof(any) / sizeof(any[0]); i++) {
        struct hub_addresses a = {0};
        struct cm_err err;

        assert_int_equal(make(any[i], "0.0.0.0:7421", "", &a, &err), CM_OK);
        assert_string_equal(a.link[0], expected);
        hub_addresses_done(&a);
    }
}

static void what_is_advertised_wins(void **state) {
    struct hub_addresses a = {0};
    struct cm_err err;

    (void)state;
    assert_int_equal(
        make("0.0.0.0:7420", "0.0.0.0:7421", "hub.example:443, [2001:db8::1]:8443", &a, &err),
        CM_OK);
    assert_int_equal(a.link_count, 2);
    assert_string_equal(a.link[0], "hub.example:443");
    assert_string_equal(a.link[1], "[2001:db8::1]:8443");
    assert_string_equal(a.enroll[0], "hub.example:7421");
    assert_string_equal(a.enroll[1], "[2001:db8::1]:7421");
    hub_addresses_done(&a);
}

static void the_certificate_is_for_all_hosts_and_this_machine(void **state) {
    struct hub_addresses a = {0};
    struct cm_err err;

    (void)state;
    assert_int_equal(make("0.0.0.0:1", "0.0.0.0:2", "[2001:db8::1]:3", &a, &err), CM_OK);
    assert_int_equal(a.host_count, 3);
    assert_string_equal(a.hosts[0], "localhost");
    assert_string_equal(a.hosts[1], "127.0.0.1");
    assert_string_equal(a.hosts[2], "2001:db8::1");
    hub_addresses_done(&a);
}

static void what_is_no_address_is_refused_by_the_options_name(void **state) {
    static const char *const bad[] = {"hub", ":7420", "hub:", "hub:http", "hub:1,", "a:1,,b"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct hub_addresses a = {0};
        struct cm_err err;

        assert_int_equal(make("0.0.0.0:1", "0.0.0.0:2", bad[i], &a, &err), CM_EINVAL);
        assert_non_null(strstr(err.msg, "--advertise"));
        assert_null(a.link);
    }
    struct hub_addresses a = {0};
    struct cm_err err;
    assert_int_equal(make("0.0.0.0:1", "nowhere", NULL, &a, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "--enroll-listen"));
    assert_int_equal(make("nowhere", "0.0.0.0:2", NULL, &a, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "--listen"));
}

static void too_many_are_refused(void **state) {
    struct hub_addresses a = {0};
    struct cm_err err;

    (void)state;
    assert_int_equal(make("0.0.0.0:1", "0.0.0.0:2",
                          "a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1", &a,
                          &err),
                     CM_EINVAL);
    assert_non_null(strstr(err.msg, "more than 16"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_that_is_listened_on_is_told),
        cmocka_unit_test(any_address_becomes_the_name_of_the_machine),
        cmocka_unit_test(what_is_advertised_wins),
        cmocka_unit_test(the_certificate_is_for_all_hosts_and_this_machine),
        cmocka_unit_test(what_is_no_address_is_refused_by_the_options_name),
        cmocka_unit_test(too_many_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
