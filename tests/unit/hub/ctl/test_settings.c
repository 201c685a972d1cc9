#include "hub/ctl/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/fsys.h"
#include "common/json.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/verbs.h"

static const char two[] = "current-context: prod\n"
                          "contexts:\n"
                          "  prod: {server: 'https://prod:1', token-file: /prod.token}\n"
                          "  lab: {server: 'https://lab:1', ca-file: /lab.crt}\n"
                          "output: wide\n";

static struct ctl ctl;
static char file[64];

static int begin(void **state) {
    (void)state;
    (void)snprintf(file, sizeof(file), "/tmp/test_settings.XXXXXX");
    int fd = mkstemp(file);

    ctl = (struct ctl){.arena = cm_arena_new(0), .given = "", .verb = ctl_verb_find("get")};
    ctl.options.config = file;
    return fd < 0 ? -1 : close(fd);
}

static int end(void **state) {
    (void)state;
    free(ctl.options.output);
    cm_arena_free(ctl.arena);
    return unlink(file);
}

static enum cm_rc load(const char *text) {
    assert_int_equal(cm_fsys_replace(file, text, strlen(text), 0600, &ctl.err), CM_OK);
    return ctl_settings_load(&ctl);
}

static char text_of_option[4][32];

static char *option(int i, const char *text) {
    (void)snprintf(text_of_option[i], sizeof(text_of_option[i]), "%s", text);
    return text_of_option[i];
}

static void the_context_in_use_says_which_hub(void **state) {
    (void)state;
    assert_int_equal(load(two), CM_OK);
    assert_string_equal(ctl.hub.server, "https://prod:1");
    assert_string_equal(ctl.hub.token_file, "/prod.token");
    assert_string_equal(ctl.hub.context, "prod");
    assert_string_equal(ctl.options.output, "wide");
}

static void a_context_may_be_named(void **state) {
    (void)state;
    ctl.options.context = option(0, "lab");
    assert_int_equal(load(two), CM_OK);
    assert_string_equal(ctl.hub.server, "https://lab:1");
    assert_null(ctl.hub.token_file);
}

static void a_server_of_the_command_line_gets_no_token_of_a_context(void **state) {
    (void)state;
    ctl.options.server = option(0, "https://other:1");
    ctl.given = " server";
    assert_int_equal(load(two), CM_OK);
    assert_string_equal(ctl.hub.server, "https://other:1");
    assert_null(ctl.hub.token_file);
    assert_null(ctl.hub.context);
}

static void a_named_context_is_stronger_than_a_server_of_the_environment(void **state) {
    (void)state;
    ctl.options.server = option(0, "https://env:1");
    ctl.options.token_file = option(1, "/env.token");
    ctl.options.context = option(2, "lab");
    ctl.given = " context";
    assert_int_equal(load(two), CM_OK);
    assert_string_equal(ctl.hub.server, "https://lab:1");
    assert_null(ctl.hub.token_file);
}

static void a_token_file_replaces_what_the_context_says(void **state) {
    (void)state;
    ctl.options.token_file = option(0, "/mine");
    ctl.given = " token-file";
    assert_int_equal(load(two), CM_OK);
    assert_string_equal(ctl.hub.server, "https://prod:1");
    assert_string_equal(ctl.hub.token_file, "/mine");
}

static void two_answers_to_which_hub_are_refused(void **state) {
    (void)state;
    ctl.given = " server context";
    assert_int_equal(load(two), CM_EINVAL);
}

static void an_unknown_context_proposes_the_nearest(void **state) {
    (void)state;
    ctl.options.context = option(0, "prodd");
    ctl.given = " context";
    assert_int_equal(load(two), CM_ENOTFOUND);
    assert_string_equal(ctl.err.msg, "no context is named 'prodd'; did you mean 'prod'?");
}

static void an_unknown_context_in_use_is_an_error_only_where_a_hub_is_needed(void **state) {
    (void)state;
    assert_int_equal(load("current-context: gone\n"), CM_OK);
    assert_string_equal(ctl.hub.problem, "no context is named 'gone'; see 'holdfast context list'");
    assert_int_equal(ctl.err.code, CM_OK);
}

static void a_file_that_is_flat_is_a_context_too(void **state) {
    (void)state;
    assert_int_equal(load("server: https://one:1\nca-file: /ca\n"), CM_OK);
    assert_string_equal(ctl.hub.server, "https://one:1");
    assert_string_equal(ctl.hub.ca_file, "/ca");
}

static void no_file_is_no_error(void **state) {
    (void)state;
    ctl.options.config = option(0, "/nowhere/x.yaml");
    assert_int_equal(ctl_settings_load(&ctl), CM_OK);
    assert_null(ctl.hub.server);
}

static void a_token_that_others_may_read_is_refused(void **state) {
    (void)state;
    const char *text = "contexts: {a: {server: 'https://a:1', token: hft_x}}\ncurrent-context: a\n";

    assert_int_equal(load(text), CM_OK);
    assert_string_equal(ctl.hub.token, "hft_x");
    assert_int_equal(chmod(file, 0644), 0);
    assert_int_equal(ctl_settings_load(&ctl), CM_EAUTH);
    assert_non_null(strstr(ctl.err.msg, "chmod 600 /tmp/test_settings."));
}

static void errors_in_the_file_name_file_and_line(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"servr: x\n", ": line 1: 'servr' is no setting; did you mean 'server'?"},
        {"output: wide\ncontexts:\n  a: {sever: x}\n",
         ": line 3: 'sever' is no setting; did you mean 'server'?"},
        {"contexts: [a]\n", ": line 1: 'contexts' must be an object, not a list"},
        {"contexts: {a: x}\n", ": line 1: 'a' must be an object, not a string"},
        {"server: 1\n", ": line 1: 'server' must be a string, not a number"},
        {"a\n", ": line 1: 'the file' must be an object, not a string"},
        {"server: a\n---\nserver: b\n", ": line 3: the settings are one document; remove '---'"},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(load(bad[i][0]), CM_EINVAL);
        assert_memory_equal(ctl.err.msg, file, strlen(file));
        assert_string_equal(ctl.err.msg + strlen(file), bad[i][1]);
    }
}

static void what_is_written_is_for_nobody_else_to_read(void **state) {
    (void)state;
    struct ctl_config config;
    struct stat made;

    assert_int_equal(load(two), CM_OK);
    assert_int_equal(ctl_config_read(&ctl, &config), CM_OK);
    assert_int_equal(ctl_config_write(&ctl, &config), CM_OK);
    assert_int_equal(stat(file, &made), 0);
    assert_int_equal(made.st_mode & 0777, 0600);
    assert_int_equal(ctl_config_read(&ctl, &config), CM_OK);
    assert_string_equal(ctl_config_current(&config), "prod");
    assert_non_null(ctl_config_context(&config, "lab"));
}

#define SETTINGS_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SETTINGS_TEST(the_context_in_use_says_which_hub),
        SETTINGS_TEST(a_context_may_be_named),
        SETTINGS_TEST(a_server_of_the_command_line_gets_no_token_of_a_context),
        SETTINGS_TEST(a_named_context_is_stronger_than_a_server_of_the_environment),
        SETTINGS_TEST(a_token_file_replaces_what_the_context_says),
        SETTINGS_TEST(two_answers_to_which_hub_are_refused),
        SETTINGS_TEST(an_unknown_context_proposes_the_nearest),
        SETTINGS_TEST(an_unknown_context_in_use_is_an_error_only_where_a_hub_is_needed),
        SETTINGS_TEST(a_file_that_is_flat_is_a_context_too),
        SETTINGS_TEST(no_file_is_no_error),
        SETTINGS_TEST(a_token_that_others_may_read_is_refused),
        SETTINGS_TEST(errors_in_the_file_name_file_and_line),
        SETTINGS_TEST(what_is_written_is_for_nobody_else_to_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
