#include "hub/repo/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KNOWN "h ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJNHSYie59a7+b+kFI7ZgmKOI1sp/gWBJMui3aIp8ch1\n"

static const struct hub_repo_source https = {
    .name = "fleet", .url = "https://h/x", .branch = "main", .token = "t"};
static const struct hub_repo_source ssh = {.name = "fleet",
                                           .url = "git@h:x",
                                           .branch = "main",
                                           .ssh_key_file = "/k",
                                           .known_hosts = KNOWN};

static void expect_fine(struct hub_repo_source source) {
    struct cm_err err = {0};

    if (hub_repo_source_check(&source, &err) != CM_OK) {
        fail_msg("%s", err.msg);
    }
}

static void expect_bad(struct hub_repo_source source, const char *words) {
    struct cm_err err = {0};

    assert_int_equal(hub_repo_source_check(&source, &err), CM_EINVAL);
    if (strstr(err.msg, words) == NULL) {
        fail_msg("expected '%s', got '%s'", words, err.msg);
    }
}

static void whole_sources_are_fine(void **state) {
    (void)state;
    struct hub_repo_source source = https;

    expect_fine(https);
    expect_fine(ssh);
    source.branch = "refs/tags/v1.0";
    expect_fine(source);
    source.token = NULL;
    expect_fine(source);
    expect_fine((struct hub_repo_source){.name = "f", .url = "file:///x", .branch = "team/main"});
}

static void ssh_needs_a_key_and_known_hosts(void **state) {
    (void)state;
    struct hub_repo_source source = ssh;

    source.known_hosts = NULL;
    expect_bad(source, "known_hosts");
    source.known_hosts_file = "/f";
    expect_fine(source);
    source.known_hosts = KNOWN;
    expect_bad(source, "known_hosts");
    source = ssh;
    source.known_hosts = "rubbish";
    expect_bad(source, "line 1");
    source = ssh;
    source.ssh_key_file = NULL;
    expect_bad(source, "private key");
}

static void credentials_must_fit_the_scheme(void **state) {
    (void)state;
    struct hub_repo_source source = https;

    source.password = "p";
    expect_bad(source, "not both");
    source = https;
    source.known_hosts = KNOWN;
    expect_bad(source, "https");
    source = ssh;
    source.token = "t";
    expect_bad(source, "ssh URL");
    source =
        (struct hub_repo_source){.name = "f", .url = "file:///x", .branch = "main", .token = "t"};
    expect_bad(source, "no credential");
    source = https;
    source.token = NULL;
    source.username = "ada";
    expect_bad(source, "user name alone");
    source = https;
    source.token = "";
    expect_bad(source, "token is empty");
}

static void a_branch_name_must_be_one_for_git(void **state) {
    (void)state;
    static const char *const names[] = {"",    "-x",    "a..b",    "a b",  "a:b",    "a^",
                                        "a~1", "a*",    "/a",      "a//b", "a.lock", "a.",
                                        "@",   "a@{1}", "../../x", "a\nb", "a\\b",   "+x:refs/x"};
    struct hub_repo_source source = https;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        source.branch = names[i];
        expect_bad(source, "branch");
    }
}

static void every_trouble_has_a_name(void **state) {
    (void)state;
    for (int i = HUB_REPO_FINE; i <= HUB_REPO_PROTOCOL; i++) {
        assert_non_null(hub_repo_trouble_name((enum hub_repo_trouble)i));
    }
    assert_string_equal(hub_repo_trouble_name(HUB_REPO_HOST_KEY), "host-key");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_sources_are_fine),
        cmocka_unit_test(ssh_needs_a_key_and_known_hosts),
        cmocka_unit_test(credentials_must_fit_the_scheme),
        cmocka_unit_test(a_branch_name_must_be_one_for_git),
        cmocka_unit_test(every_trouble_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
