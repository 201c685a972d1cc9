#include "hub/repo/address.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static bool is_private(const char *text) {
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        return hub_address_is_private((const struct sockaddr *)&in);
    }
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return hub_address_is_private((const struct sockaddr *)&in6);
}

static void expect(const char *address, bool expected) {
    if (is_private(address) != expected) {
        fail_msg("%s was taken for %s", address, expected ? "public" : "private");
    }
}

static void addresses_that_the_internet_does_not_route_are_private(void **state) {
    (void)state;
    static const char *const addresses[] = {"127.0.0.1",
                                            "127.255.0.9",
                                            "0.0.0.0",
                                            "10.1.2.3",
                                            "172.16.0.1",
                                            "172.31.255.9",
                                            "192.168.9.9",
                                            "169.254.169.254",
                                            "100.64.0.1",
                                            "198.18.0.1",
                                            "224.0.0.1",
                                            "240.0.0.1",
                                            "255.255.255.255",
                                            "192.0.2.1",
                                            "::",
                                            "::1",
                                            "fe80::1",
                                            "fc00::1",
                                            "fd12::1",
                                            "ff02::1",
                                            "::ffff:10.0.0.1",
                                            "64:ff9b::7f00:1",
                                            "2002:7f00:1::",
                                            "2001:db8::1",
                                            "2001::1"};

    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        expect(addresses[i], true);
    }
}

static void addresses_of_the_internet_are_not(void **state) {
    (void)state;
    static const char *const addresses[] = {
        "8.8.8.8",     "140.82.121.4",   "172.32.0.1",      "100.128.0.1", "11.0.0.1",
        "192.169.0.1", "::ffff:8.8.8.8", "2606:4700::1111", "2a00::1",     "64:ff9b::808:808"};

    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        expect(addresses[i], false);
    }
}

static void a_host_is_judged_by_what_it_resolves_to(void **state) {
    (void)state;
    struct cm_err err;

    assert_int_equal(hub_address_check_host("127.0.0.1", 443, false, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "127.0.0.1"));
    assert_int_equal(hub_address_check_host("localhost", 443, false, &err), CM_EINVAL);
    assert_int_equal(hub_address_check_host("127.0.0.1", 443, true, &err), CM_OK);
    assert_int_equal(hub_address_check_host("8.8.8.8", 443, false, &err), CM_OK);
}

static void numbers_in_odd_notations_do_not_hide_an_address(void **state) {
    (void)state;
    struct cm_err err;

    assert_int_equal(hub_address_check_host("2130706433", 443, false, &err), CM_EINVAL);
    assert_int_equal(hub_address_check_host("0x7f.1", 443, false, &err), CM_EINVAL);
}

// A connection of this process to a socket of its own; returns the port.
static uint16_t connect_to_self(int fds[2]) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(in);

    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    fds[1] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fds[0], (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(listen(fds[0], 1), 0);
    assert_int_equal(getsockname(fds[0], (struct sockaddr *)&in, &size), 0);
    assert_int_equal(connect(fds[1], (struct sockaddr *)&in, sizeof(in)), 0);
    return ntohs(in.sin_port);
}

static void connected_sockets_are_judged_by_their_peer(void **state) {
    (void)state;
    struct cm_err err;
    int fds[2];
    uint16_t port = connect_to_self(fds);

    assert_int_equal(hub_address_check_peers(&err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "127.0.0.1"));
    assert_int_equal(hub_address_check_ports(port, &err), CM_OK);
    assert_int_equal(hub_address_check_ports((uint16_t)(port ^ 1), &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "redirects to port"));
    (void)close(fds[1]);
    (void)close(fds[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_that_the_internet_does_not_route_are_private),
        cmocka_unit_test(addresses_of_the_internet_are_not),
        cmocka_unit_test(a_host_is_judged_by_what_it_resolves_to),
        cmocka_unit_test(numbers_in_odd_notations_do_not_hide_an_address),
        cmocka_unit_test(connected_sockets_are_judged_by_their_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
