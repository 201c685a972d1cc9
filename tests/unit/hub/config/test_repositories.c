#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/config/config.h"
#include "tests/unit/hub/scratch_dir.h"

struct rig {
    char dir[SCRATCH_DIR_MAX];
    struct hub_repositories list;
    struct cm_err err;
};

static int set_up(void **state) {
    struct rig *r = cm_new(1, sizeof(*r));

    scratch_dir_make(r->dir);
    *state = r;
    return 0;
}

static int tear_down(void **state) {
    struct rig *r = *state;

    hub_repositories_done(&r->list);
    scratch_dir_remove(r->dir);
    free(r);
    return 0;
}

static char *write_file(const struct rig *r, const char *name, const char *text) {
    char *path = cm_strf("%s/%s", r->dir, name);
    struct cm_err err;

    assert_int_equal(cm_fsys_replace(path, text, strlen(text), 0600, &err), CM_OK);
    return path;
}

static enum cm_rc load(struct rig *r, const char *text) {
    CM_AUTOFREE char *path = write_file(r, "r.yaml", text);

    hub_repositories_done(&r->list);
    return hub_repositories_load(path, &r->list, &r->err);
}

#define ONE "repositories:\n- name: fleet\n  url: https://git.example/f.git\n"

static void the_state_repository_has_an_address_of_its_own(void **state) {
    struct rig *r = *state;

    assert_int_equal(load(r, ONE), CM_OK);
    assert_null(r->list.state);
    assert_int_equal(load(r, ONE "state:\n  url: https://git.example/s.git\n  username: hub\n"),
                     CM_OK);
    assert_int_equal(r->list.count, 1);
    assert_string_equal(r->list.state->url, "https://git.example/s.git");
    assert_string_equal(r->list.state->username, "hub");
    assert_int_equal(load(r, ONE "state:\n  url: https://git.example/s.git\n  branch: main\n"),
                     CM_EINVAL);
    assert_non_null(strstr(r->err.msg, ": that says nothing of where the state"));
    assert_int_equal(load(r, ONE "state: {username: hub}\n"), CM_EINVAL);
    assert_int_equal(load(r, ONE "states: {}\n"), CM_EINVAL);
}

static void a_repository_needs_little(void **state) {
    struct rig *r = *state;

    assert_int_equal(load(r, "repositories:\n- name: fleet\n  url: https://git.example/f.git\n"),
                     CM_OK);
    assert_int_equal(r->list.count, 1);
    const struct hub_repository *it = &r->list.items[0];
    assert_string_equal(it->name, "fleet");
    assert_string_equal(it->branch, "main");
    assert_string_equal(it->path, "");
    assert_int_equal(it->poll_ms, 30000);
    assert_int_equal(it->timeout_ms, 300000);
    assert_null(it->token);
    assert_false(it->allow_private_hosts);
}

static void all_can_be_said(void **state) {
    struct rig *r = *state;
    CM_AUTOFREE char *token = write_file(r, "token", "s3cret\n");
    CM_AUTOFREE char *hook = write_file(r, "hook", "h00k\r\n\n");
    CM_AUTOFREE char *text =
        cm_strf("repositories:\n- {name: a, url: 'https://x/a', branch: prod, path: fleet/eu,"
                " pollInterval: 0s, timeout: 1m, tokenFile: '%s', username: bot,"
                " webhookSecretFile: '%s', caFile: /ca.pem, allowPrivateHosts: true}\n"
                "- {name: b, url: 'ssh://git@x/b', sshKeyFile: /key, knownHostsFile: /known}\n",
                token, hook);

    assert_int_equal(load(r, text), CM_OK);
    const struct hub_repository *a = &r->list.items[0];
    assert_string_equal(a->token, "s3cret");
    assert_string_equal(a->webhook_secret, "h00k");
    assert_string_equal(a->path, "fleet/eu");
    assert_int_equal(a->poll_ms, 0);
    assert_int_equal(a->timeout_ms, 60000);
    assert_true(a->allow_private_hosts);
    assert_string_equal(r->list.items[1].ssh_key_file, "/key");
}

static void no_repositories_are_fine(void **state) {
    struct rig *r = *state;

    assert_int_equal(load(r, "repositories: []\n"), CM_OK);
    assert_int_equal(r->list.count, 0);
}

// Each row: a file, where the error is, and words in it.
static const struct {
    const char *text;
    const char *where;
    const char *words;
} wrong[] = {
    {"repos: []\n", "r.yaml:1:1:", "repositories:"},
    {"repositories: {}\n", "r.yaml:1:1:", "with a list"},
    {"- name: a\n", "r.yaml:1:1:", "repositories:"},
    {"repositories: []\nmore: 1\n", "r.yaml:1:1:", "and no more"},
    {"repositories:\n- fleet\n", "r.yaml:2:3:", "a mapping with 'name' and 'url'"},
    {"repositories:\n- name: a\n", "r.yaml:2:3:", "needs 'name' and 'url'"},
    {"repositories:\n- url: x\n", "r.yaml:2:3:", "needs 'name' and 'url'"},
    {"repositories:\n- name: a\n  url: x\n  brunch: z\n", "r.yaml:4:", "did you mean 'branch'?"},
    {"repositories:\n- name: a\n  url: x\n  zzzzzz: z\n", "r.yaml:4:", "unknown field 'zzzzzz'"},
    {"repositories:\n- name: A\n  url: x\n", "r.yaml:2:3:", "use 1 to 63 of a-z, 0-9 and '-'"},
    {"repositories:\n- name: a-\n  url: x\n", "r.yaml:2:3:", "no '-' at either end"},
    {"repositories:\n- name: ''\n  url: x\n", "r.yaml:2:", "not empty"},
    {"repositories:\n- name: 1\n  url: x\n", "r.yaml:2:", "write it in quotes"},
    {"repositories:\n- name: a\n  url: x\n  pollInterval: 30\n", "r.yaml:4:", "such as 30s"},
    {"repositories:\n- name: a\n  url: x\n  pollInterval: soon\n", "r.yaml:4:", "pollInterval"},
    {"repositories:\n- name: a\n  url: x\n  pollInterval: 10ms\n", "r.yaml:2:3:", "at least 1s"},
    {"repositories:\n- name: a\n  url: x\n  timeout: 1ms\n", "r.yaml:2:3:", "'timeout'"},
    {"repositories:\n- name: a\n  url: x\n  path: ../up\n", "r.yaml:2:3:", "'path'"},
    {"repositories:\n- name: a\n  url: x\n  path: /up\n", "r.yaml:2:3:", "such as 'fleet'"},
    {"repositories:\n- name: a\n  url: x\n  allowPrivateHosts: 'yes'\n",
     "r.yaml:4:", "true or false"},
    {"repositories:\n- name: a\n  url: x\n  tokenFile: /nowhere/t\n", "r.yaml:4:", "/nowhere/t"},
    {"repositories:\n- {name: a, url: x}\n- {name: a, url: z}\n",
     "r.yaml:3:3:", "another repository has this name"},
    {"repositories:\n- name: a\n  name: b\n", "line 3, column 9", "'name' is there twice"},
    {"repositories: [\n", "r.yaml:", ""},
    {"repositories: []\n---\nrepositories: []\n", "r.yaml:", "one document"},
    {"", "r.yaml:", "one document"},
};

static void what_is_wrong_is_named_with_its_place(void **state) {
    struct rig *r = *state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        r->err.msg[0] = '\0';
        if (load(r, wrong[i].text) == CM_OK || strstr(r->err.msg, wrong[i].where) == NULL ||
            strstr(r->err.msg, wrong[i].words) == NULL) {
            fail_msg("%s gives: %s", wrong[i].text, r->err.msg);
        }
        assert_null(r->list.items);
    }
}

static void a_secret_is_never_in_the_words(void **state) {
    struct rig *r = *state;
    CM_AUTOFREE char *token = write_file(r, "token", "s3cret\n");
    CM_AUTOFREE char *text = cm_strf("repositories:\n- name: a\n  tokenFile: '%s'\n", token);

    assert_int_equal(load(r, text), CM_EINVAL);
    assert_null(strstr(r->err.msg, "s3cret"));
}

static void an_empty_secret_is_refused(void **state) {
    struct rig *r = *state;
    CM_AUTOFREE char *token = write_file(r, "token", "\n");
    CM_AUTOFREE char *text =
        cm_strf("repositories:\n- {name: a, url: x, tokenFile: '%s'}\n", token);

    assert_int_equal(load(r, text), CM_EINVAL);
    assert_non_null(strstr(r->err.msg, "is empty"));
}

static void it_is_written_to_only_where_that_is_said(void **state) {
    struct rig *r = *state;

    assert_int_equal(load(r, "repositories:\n- {name: a, url: x}\n- {name: b, url: x, write: off}\n"
                             "- {name: c, url: x, write: 'off'}\n- {name: d, url: x, write: "
                             "direct, committer: Ada, committerEmail: ada@example.com}\n"),
                     CM_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(r->list.items[i].write, HUB_WRITE_OFF);
        assert_string_equal(r->list.items[i].committer, "Holdfast");
    }
    assert_int_equal(r->list.items[3].write, HUB_WRITE_DIRECT);
    assert_string_equal(r->list.items[3].committer_email, "ada@example.com");
    static const char *const bad[] = {"write: yes", "write: [direct]", "write: force",
                                      "committer: 'a <b>'", "write: direct, sourceOnly: true"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CM_AUTOFREE char *text = cm_strf("repositories:\n- {name: a, url: x, %s}\n", bad[i]);

        assert_int_equal(load(r, text), CM_EINVAL);
    }
}

#define PULLS "repositories:\n- {name: a, url: x, write: pull-request, "

static void pull_requests_need_a_provider_and_a_token(void **state) {
    struct rig *r = *state;
    CM_AUTOFREE char *token = write_file(r, "token", "s3cret\n");
    CM_AUTOFREE char *text =
        cm_strf(PULLS "provider: gitea, apiTokenFile: '%s', apiUrl: 'https://x/api/v1',"
                      " project: a/b}\n",
                token);
    static const struct {
        const char *more;
        const char *words;
    } bad[] = {{"}", "needs 'provider'"},
               {"provider: sourceforge}", "'provider' is gitea"},
               {"provider: gitea}", "'apiTokenFile'"},
               {"provider: github, tokenFile: '%s', apiUrl: 'http://x/api'}", "with https"}};

    assert_int_equal(load(r, text), CM_OK);
    assert_int_equal(r->list.items[0].write, HUB_WRITE_PULL_REQUEST);
    assert_string_equal(r->list.items[0].provider, "gitea");
    assert_string_equal(r->list.items[0].api_token, "s3cret");
    assert_string_equal(r->list.items[0].project, "a/b");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CM_AUTOFREE char *head = cm_strf("%s%s\n", PULLS, bad[i].more);
        const char *at = strstr(head, "%s");
        CM_AUTOFREE char *whole = at != NULL
                                      ? cm_strf("%.*s%s%s", (int)(at - head), head, token, at + 2)
                                      : cm_strdup(head);

        assert_int_equal(load(r, whole), CM_EINVAL);
        assert_non_null(strstr(r->err.msg, bad[i].words));
    }
}

static void a_missing_file_is_said(void **state) {
    struct rig *r = *state;

    assert_int_equal(hub_repositories_load("/nowhere/r.yaml", &r->list, &r->err), CM_ENOTFOUND);
    assert_non_null(strstr(r->err.msg, "/nowhere/r.yaml"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_repository_needs_little, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_state_repository_has_an_address_of_its_own, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(all_can_be_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_repositories_are_fine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_named_with_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_secret_is_never_in_the_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_secret_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_written_to_only_where_that_is_said, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(pull_requests_need_a_provider_and_a_token, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_missing_file_is_said, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
