#include "hub/repo/known_hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"

#define ED "AAAAC3NzaC1lZDI1NTE5AAAAIJNHSYie59a7+b+kFI7ZgmKOI1sp/gWBJMui3aIp8ch1"
#define OTHER "AAAAC3NzaC1lZDI1NTE5AAAAIIaOSzF8/vPzo088UZGkMKTON7o7nzAcw4Fm5l09G15+"
#define ECDSA                                                                                      \
    "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBLNobB4QD43iQDiu19jE5btxIcGzpdW8QRrzEud4" \
    "CbEM6Uuj34JJSWI4AI7F4UeR0gfT9ZiUVGLENbJ1ubfc9BM="

static enum hub_known_host check_key(const char *text, const char *host, uint16_t port,
                                     const char *base64) {
    CM_AUTOFREE uint8_t *key = NULL;
    size_t size = 0;

    assert_true(cm_base64_decode(base64, strlen(base64), &key, &size));
    return hub_known_hosts_check(text, host, port, key, size);
}

static enum hub_known_host check(const char *text, const char *host, uint16_t port) {
    return check_key(text, host, port, ED);
}

static void a_host_is_known_by_its_key(void **state) {
    (void)state;
    static const char text[] = "# ours\n\ngit.example.com ssh-ed25519 " ED " a comment\r\n";

    assert_int_equal(check(text, "git.example.com", 22), HUB_HOST_KNOWN);
    assert_int_equal(check(text, "git.example.org", 22), HUB_HOST_UNKNOWN);
    assert_int_equal(check_key(text, "git.example.com", 22, OTHER), HUB_HOST_CHANGED);
    assert_int_equal(check("", "git.example.com", 22), HUB_HOST_UNKNOWN);
}

static void one_of_several_keys_is_enough(void **state) {
    (void)state;
    static const char text[] = "h ecdsa-sha2-nistp256 " ECDSA "\nh ssh-ed25519 " ED "\n";

    assert_int_equal(check(text, "h", 22), HUB_HOST_KNOWN);
    assert_int_equal(check_key(text, "h", 22, OTHER), HUB_HOST_CHANGED);
}

static void a_port_other_than_22_has_a_line_of_its_own(void **state) {
    (void)state;
    static const char text[] = "[h]:2222 ssh-ed25519 " ED "\n";

    assert_int_equal(check(text, "h", 2222), HUB_HOST_KNOWN);
    assert_int_equal(check(text, "h", 22), HUB_HOST_UNKNOWN);
    assert_int_equal(check(text, "h", 2223), HUB_HOST_UNKNOWN);
}

static void a_line_without_port_vouches_for_other_ports_but_does_not_accuse(void **state) {
    (void)state;
    static const char text[] = "h ssh-ed25519 " ED "\n";

    assert_int_equal(check(text, "h", 2222), HUB_HOST_KNOWN);
    assert_int_equal(check_key(text, "h", 2222, OTHER), HUB_HOST_UNKNOWN);
}

static void hashed_names_match_what_ssh_keygen_hashed(void **state) {
    (void)state;
    static const char text[] =
        "|1|IMAgaAAsM2aqgABAJDU/kDdCibM=|xCQf5QN9N1QZzB5nd9NuXDT27qM= ssh-ed25519 " ED "\n"
        "|1|zMP/QZC75ja88cfgJ6tc60RhKgs=|exchDP03JgTN8jIEbf+vRWP+mZM= ssh-ed25519 " ED "\n";

    assert_int_equal(check(text, "git.example.com", 22), HUB_HOST_KNOWN);
    assert_int_equal(check(text, "git.example.com", 2222), HUB_HOST_KNOWN);
    assert_int_equal(check(text, "git.example.co", 22), HUB_HOST_UNKNOWN);
    assert_int_equal(check_key(text, "git.example.com", 22, OTHER), HUB_HOST_CHANGED);
}

static void malformed_hashes_match_nothing(void **state) {
    (void)state;
    assert_int_equal(check("|1| ssh-ed25519 " ED, "h", 22), HUB_HOST_UNKNOWN);
    assert_int_equal(check("|1|AAAA ssh-ed25519 " ED, "h", 22), HUB_HOST_UNKNOWN);
    assert_int_equal(check("|1|AAAA|AAAA ssh-ed25519 " ED, "h", 22), HUB_HOST_UNKNOWN);
    assert_int_equal(check("|1||| ssh-ed25519 " ED, "h", 22), HUB_HOST_UNKNOWN);
}

static void names_have_wildcards_and_exceptions(void **state) {
    (void)state;
    static const char text[] = "*.example.com,!bad.example.com,g?t ssh-ed25519 " ED "\n";

    assert_int_equal(check(text, "git.example.com", 22), HUB_HOST_KNOWN);
    assert_int_equal(check(text, "a.b.example.com", 22), HUB_HOST_KNOWN);
    assert_int_equal(check(text, "bad.example.com", 22), HUB_HOST_UNKNOWN);
    assert_int_equal(check(text, "example.com", 22), HUB_HOST_UNKNOWN);
    assert_int_equal(check(text, "git", 22), HUB_HOST_KNOWN);
    assert_int_equal(check(text, "gt", 22), HUB_HOST_UNKNOWN);
}

static void a_pattern_of_many_stars_takes_no_time(void **state) {
    (void)state;
    char host[254];
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    memset(host, 'a', sizeof(host) - 1);
    host[sizeof(host) - 1] = '\0';
    for (int i = 0; i < 2000; i++) {
        cm_str_add(&text, "*a");
    }
    cm_str_add(&text, "*b ssh-ed25519 " ED "\n");
    assert_int_equal(check(cm_str_get(&text), host, 22), HUB_HOST_UNKNOWN);
}

static void a_revoked_key_is_revoked_wherever_else_it_stands(void **state) {
    (void)state;
    static const char text[] = "h ssh-ed25519 " ED "\n@revoked * ssh-ed25519 " ED "\n";

    static const char first[] = "@revoked * ssh-ed25519 " ED "\nh ssh-ed25519 " ED "\n";

    assert_int_equal(check(text, "h", 22), HUB_HOST_REVOKED);
    assert_int_equal(check(first, "h", 22), HUB_HOST_REVOKED);
    assert_int_equal(check_key(text, "h", 22, OTHER), HUB_HOST_CHANGED);
}

static void certificate_authorities_are_passed_over(void **state) {
    (void)state;
    static const char text[] = "@cert-authority h ssh-ed25519 " ED "\n";
    struct cm_err err;

    assert_int_equal(check(text, "h", 22), HUB_HOST_UNKNOWN);
    assert_int_equal(hub_known_hosts_validate(text, &err), CM_OK);
}

static void a_fingerprint_stands_for_the_key(void **state) {
    (void)state;
    static const char text[] = "h SHA256:lvUZ7vxVRvioclzBWU4Nb5S2q5W5k/3pZZbzDSTfpGE\n";
    struct cm_err err;

    assert_int_equal(check(text, "h", 22), HUB_HOST_KNOWN);
    assert_int_equal(check_key(text, "h", 22, OTHER), HUB_HOST_CHANGED);
    assert_int_equal(hub_known_hosts_validate(text, &err), CM_OK);
    assert_null(hub_known_hosts_for(text, "h", 22));
}

static void the_best_key_is_asked_for(void **state) {
    (void)state;
    static const char text[] = "|1|zMP/QZC75ja88cfgJ6tc60RhKgs=|exchDP03JgTN8jIEbf+vRWP+mZM= "
                               "ecdsa-sha2-nistp256 " ECDSA "\n"
                               "[git.example.com]:2222 ssh-ed25519 " ED " comment\n"
                               "@revoked * ssh-ed25519 " OTHER "\n";
    CM_AUTOFREE char *line = hub_known_hosts_for(text, "git.example.com", 2222);

    assert_string_equal(line, "[git.example.com]:2222 ssh-ed25519 " ED "\n");
    assert_null(hub_known_hosts_for(text, "git.example.org", 2222));
    CM_AUTOFREE char *fallback = hub_known_hosts_for("h ssh-ed25519 " ED "\n", "h", 2222);
    assert_string_equal(fallback, "[h]:2222 ssh-ed25519 " ED "\n");
}

static void expect_malformed(const char *text, const char *words) {
    struct cm_err err = {0};

    assert_int_equal(hub_known_hosts_validate(text, &err), CM_EINVAL);
    if (strstr(err.msg, words) == NULL) {
        fail_msg("expected '%s', got '%s'", words, err.msg);
    }
}

static void a_malformed_line_is_named(void **state) {
    (void)state;
    expect_malformed("", "empty");
    expect_malformed("# nothing\n", "empty");
    expect_malformed("h ssh-ed25519 " ED "\n\nh ssh-ed25519\n", "line 3");
    expect_malformed("h ssh-rsa " ED "\n", "line 1");
    expect_malformed("h ssh-ed25519 AAAA\n", "line 1");
    expect_malformed("h SHA256:short\n", "line 1");
    expect_malformed("@other h ssh-ed25519 " ED "\n", "line 1");
    expect_malformed("git.example.com\n", "line 1");
    expect_malformed("h\xff ssh-ed25519 " ED "\n", "no text");
}

static void known_hosts_is_bounded(void **state) {
    (void)state;
    CM_AUTOFREE char *text = cm_new(1, HUB_KNOWN_HOSTS_MAX + 2);

    memset(text, '#', HUB_KNOWN_HOSTS_MAX + 1);
    expect_malformed(text, "bytes");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_is_known_by_its_key),
        cmocka_unit_test(one_of_several_keys_is_enough),
        cmocka_unit_test(a_port_other_than_22_has_a_line_of_its_own),
        cmocka_unit_test(a_line_without_port_vouches_for_other_ports_but_does_not_accuse),
        cmocka_unit_test(hashed_names_match_what_ssh_keygen_hashed),
        cmocka_unit_test(malformed_hashes_match_nothing),
        cmocka_unit_test(names_have_wildcards_and_exceptions),
        cmocka_unit_test(a_pattern_of_many_stars_takes_no_time),
        cmocka_unit_test(a_revoked_key_is_revoked_wherever_else_it_stands),
        cmocka_unit_test(certificate_authorities_are_passed_over),
        cmocka_unit_test(a_fingerprint_stands_for_the_key),
        cmocka_unit_test(the_best_key_is_asked_for),
        cmocka_unit_test(a_malformed_line_is_named),
        cmocka_unit_test(known_hosts_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
