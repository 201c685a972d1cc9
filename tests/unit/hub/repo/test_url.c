#include "hub/repo/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"

static void parse_ok(const char *text, struct hub_url *out) {
    struct cm_err err = {0};

    if (hub_url_parse(text, out, &err) != CM_OK) {
        fail_msg("%s: %s", text, err.msg);
    }
}

static void parse_bad(const char *text, const char *words) {
    struct hub_url url = {0};
    struct cm_err err = {0};

    if (hub_url_parse(text, &url, &err) != CM_EINVAL) {
        fail_msg("'%s' was taken for a URL", text);
    }
    if (strstr(err.msg, words) == NULL) {
        fail_msg("'%s': expected '%s', got '%s'", text, words, err.msg);
    }
    assert_null(url.text);
}

static void an_https_url_has_host_port_and_path(void **state) {
    (void)state;
    CM_CLEANUP(hub_url_done) struct hub_url url = {0};

    parse_ok("https://Git.Example.com:8443/team/fleet.git", &url);
    assert_int_equal(url.scheme, HUB_URL_HTTPS);
    assert_string_equal(url.host, "git.example.com");
    assert_int_equal(url.port, 8443);
    assert_string_equal(url.path, "/team/fleet.git");
    assert_null(url.user);
}

static void each_scheme_has_its_port(void **state) {
    (void)state;
    CM_CLEANUP(hub_url_done) struct hub_url https = {0};
    CM_CLEANUP(hub_url_done) struct hub_url ssh = {0};

    parse_ok("https://git.example.com/x", &https);
    parse_ok("ssh://git.example.com/x", &ssh);
    assert_int_equal(https.port, 443);
    assert_int_equal(ssh.port, 22);
}

static void an_ssh_url_may_name_a_user(void **state) {
    (void)state;
    CM_CLEANUP(hub_url_done) struct hub_url url = {0};

    parse_ok("ssh://deploy@git.example.com:2222/fleet.git", &url);
    assert_int_equal(url.scheme, HUB_URL_SSH);
    assert_string_equal(url.user, "deploy");
    assert_int_equal(url.port, 2222);
}

static void the_form_of_scp_is_ssh_below_the_home_folder(void **state) {
    (void)state;
    CM_CLEANUP(hub_url_done) struct hub_url url = {0};

    parse_ok("git@git.example.com:team/fleet.git", &url);
    assert_int_equal(url.scheme, HUB_URL_SSH);
    assert_string_equal(url.user, "git");
    assert_string_equal(url.host, "git.example.com");
    assert_string_equal(url.path, "team/fleet.git");
    assert_int_equal(url.port, 22);
}

static void an_ipv6_address_stands_in_brackets(void **state) {
    (void)state;
    CM_CLEANUP(hub_url_done) struct hub_url url = {0};

    parse_ok("https://[2001:DB8::1]:8443/x", &url);
    assert_string_equal(url.host, "2001:db8::1");
    assert_int_equal(url.port, 8443);
    parse_bad("https://[2001:db8::1/x", "host name");
    parse_bad("https://[2001:db8::1]x/x", "host name");
    parse_bad("https://[git.example.com]/x", "host name");
}

static void a_file_url_has_an_absolute_path(void **state) {
    (void)state;
    CM_CLEANUP(hub_url_done) struct hub_url url = {0};

    parse_ok("file:///srv/git/fleet.git", &url);
    assert_int_equal(url.scheme, HUB_URL_FILE);
    assert_string_equal(url.path, "/srv/git/fleet.git");
    assert_null(url.host);
    parse_bad("file://srv/git", "absolute");
}

static void a_url_holds_no_secret(void **state) {
    (void)state;
    parse_bad("https://ada:hunter2@git.example.com/x", "password");
    parse_bad("https://token@git.example.com/x", "user name");
    parse_bad("ssh://git:hunter2@git.example.com/x", "password");
}

static void what_proves_nothing_is_refused(void **state) {
    (void)state;
    parse_bad("http://git.example.com/x", "https");
    parse_bad("git://git.example.com/x", "https");
    parse_bad("ftp://git.example.com/x", "named by");
    parse_bad("ext::sh -c id", "space");
    parse_bad("/srv/git/x", "named by");
    parse_bad("", "named by");
}

static void nothing_can_be_taken_for_an_option_of_ssh(void **state) {
    (void)state;
    parse_bad("ssh://-oProxyCommand=x/y", "host name");
    parse_bad("ssh://-x@git.example.com/y", "user name");
    parse_bad("git@-oProxyCommand:y", "host name");
    parse_bad("git@git.example.com:-x", "repository");
}

static void ports_are_numbers_from_1_to_65535(void **state) {
    (void)state;
    parse_bad("https://h:0/x", "port");
    parse_bad("https://h:65536/x", "port");
    parse_bad("https://h:99999999999999999999/x", "port");
    parse_bad("https://h:/x", "port");
    parse_bad("https://h:8x/x", "port");
}

static void odd_bytes_queries_and_missing_paths_are_refused(void **state) {
    (void)state;
    parse_bad("https://h/x\n", "control");
    parse_bad("https://h/x y", "space");
    parse_bad("https://h/\xc3\xa4", "non-ASCII");
    parse_bad("https://h/x?y", "'?'");
    parse_bad("https://h/", "no repository");
    parse_bad("https://h", "no repository");
    parse_bad("https:///x", "host name");
}

static void a_url_is_at_most_2048_bytes_long(void **state) {
    (void)state;
    char text[HUB_URL_MAX + 2] = "https://h/";

    memset(text + 10, 'x', sizeof(text) - 11);
    parse_bad(text, "longer");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_https_url_has_host_port_and_path),
        cmocka_unit_test(each_scheme_has_its_port),
        cmocka_unit_test(an_ssh_url_may_name_a_user),
        cmocka_unit_test(the_form_of_scp_is_ssh_below_the_home_folder),
        cmocka_unit_test(an_ipv6_address_stands_in_brackets),
        cmocka_unit_test(a_file_url_has_an_absolute_path),
        cmocka_unit_test(a_url_holds_no_secret),
        cmocka_unit_test(what_proves_nothing_is_refused),
        cmocka_unit_test(nothing_can_be_taken_for_an_option_of_ssh),
        cmocka_unit_test(ports_are_numbers_from_1_to_65535),
        cmocka_unit_test(odd_bytes_queries_and_missing_paths_are_refused),
        cmocka_unit_test(a_url_is_at_most_2048_bytes_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
