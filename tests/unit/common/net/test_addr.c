#include "common/net/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmocka.h>

static void host_and_port_make_an_address(void **state) {
    static const char *const good[] = {"127.0.0.1:1", "hub.example:7443", "[::1]:65535",
                                       "[2001:db8::1]:80", "localhost:443"};
    struct cm_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(cm_net_addr_check(good[i], false, &err), CM_OK);
        assert_int_equal(cm_net_addr_check(good[i], true, &err), CM_OK);
    }
}

static void anything_else_is_refused_with_an_example(void **state) {
    static const char *const bad[] = {"",           "hub",        "hub:",        "hub:x",
                                      "hub:70000",  "hub:123456", "a b:1",       "::1:80",
                                      "[::1:80",    "[zz]:80",    "hub/x:80",    "a@b:80",
                                      "hub:80?x=1", "%00hub:80",  "tcp://hub:80"};
    struct cm_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(cm_net_addr_check(bad[i], false, &err), CM_EINVAL);
        assert_int_equal(cm_net_addr_check(bad[i], true, &err), CM_EINVAL);
        assert_non_null(strstr(err.msg, "HOST:PORT"));
    }
}

static void only_a_listener_may_leave_things_open(void **state) {
    static const char *const open[] = {"*:1", ":1", "127.0.0.1:0"};
    struct cm_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
        assert_int_equal(cm_net_addr_check(open[i], true, &err), CM_OK);
        assert_int_equal(cm_net_addr_check(open[i], false, &err), CM_EINVAL);
    }
}

static void numbers_are_told_from_names(void **state) {
    (void)state;
    assert_true(cm_net_addr_is_numeric("192.0.2.1:80"));
    assert_true(cm_net_addr_is_numeric("[::1]:80"));
    assert_false(cm_net_addr_is_numeric("localhost:80"));
    assert_false(cm_net_addr_is_numeric("1.hub.example:80"));
}

static void an_ipv6_address_counts_with_all_of_its_64(void **state) {
    static const char *const cases[][2] = {{"192.0.2.1:80", "192.0.2.1"},
                                           {"[2001:db8:1:2:3:4:5:6]:80", "2001:db8:1:2::/64"},
                                           {"[2001:db8:1:2::9]:81", "2001:db8:1:2::/64"},
                                           {"[2001:db8:1:3::9]:81", "2001:db8:1:3::/64"},
                                           {"[::ffff:192.0.2.1]:80", "192.0.2.1"},
                                           {"[::1]", "::/64"},
                                           {"hub.example:80", "unknown"},
                                           {"[2001:db8:1:2::9", "unknown"},
                                           {"", "unknown"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[CM_NET_ORIGIN_MAX];

        cm_net_addr_origin_of(cases[i][0], out);
        assert_string_equal(out, cases[i][1]);
    }
}

static void a_socket_s_address_counts_as_its_text_does(void **state) {
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr_in in = {.sin_family = AF_INET};
    char out[CM_NET_ORIGIN_MAX];

    (void)state;
    assert_int_equal(inet_pton(AF_INET6, "2001:db8:1:2::9", &in6.sin6_addr), 1);
    cm_net_addr_origin((const struct sockaddr *)&in6, out);
    assert_string_equal(out, "2001:db8:1:2::/64");
    assert_int_equal(inet_pton(AF_INET, "192.0.2.1", &in.sin_addr), 1);
    cm_net_addr_origin((const struct sockaddr *)&in, out);
    assert_string_equal(out, "192.0.2.1");
    cm_net_addr_origin(NULL, out);
    assert_string_equal(out, "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_and_port_make_an_address),
        cmocka_unit_test(anything_else_is_refused_with_an_example),
        cmocka_unit_test(only_a_listener_may_leave_things_open),
        cmocka_unit_test(numbers_are_told_from_names),
        cmocka_unit_test(an_ipv6_address_counts_with_all_of_its_64),
        cmocka_unit_test(a_socket_s_address_counts_as_its_text_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
