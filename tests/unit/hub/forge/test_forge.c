#include "hub/forge/forge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/str.h"

#define SHA "6dcb09b5b57875f334f61aebed695e2e4193db5e"

static void the_url_of_git_tells_where_pull_requests_are(void **state) {
    static const struct {
        enum hub_forge_provider provider;
        const char *url;
        const char *api;
        const char *name;
    } cases[] = {
        {HUB_FORGE_GITHUB, "https://github.com/octo/fleet.git", "https://api.github.com",
         "octo/fleet"},
        {HUB_FORGE_GITHUB, "git@ghe.example.com:octo/fleet", "https://ghe.example.com/api/v3",
         "octo/fleet"},
        {HUB_FORGE_GITEA, "https://git.example.com:3000/platform/fleet.git",
         "https://git.example.com:3000/api/v1", "platform/fleet"},
        {HUB_FORGE_GITEA, "https://git.example.com/below/platform/fleet/",
         "https://git.example.com/api/v1", "platform/fleet"},
        {HUB_FORGE_GITLAB, "ssh://git@gitlab.example.com:2222/a/b/fleet.git",
         "https://gitlab.example.com/api/v4", "a/b/fleet"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hub_forge_project p = {0};
        struct cm_err err;

        assert_int_equal(
            hub_forge_project_of(cases[i].provider, cases[i].url, NULL, NULL, &p, &err), CM_OK);
        assert_string_equal(p.api, cases[i].api);
        assert_string_equal(p.name, cases[i].name);
        hub_forge_project_done(&p);
    }
}

static void a_folder_tells_nothing(void **state) {
    static const char *const urls[] = {"file:///srv/git/fleet.git", "https://x", "https://x/fleet"};
    struct hub_forge_project p = {0};
    struct cm_err err;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(hub_forge_project_of(HUB_FORGE_GITEA, urls[i], NULL, NULL, &p, &err),
                         CM_EINVAL);
        assert_non_null(strstr(err.msg, "'project'"));
        assert_int_equal(
            hub_forge_project_of(HUB_FORGE_GITEA, urls[i], "https://y/api/v1", "a/b", &p, &err),
            CM_OK);
        assert_string_equal(p.name, "a/b");
        hub_forge_project_done(&p);
    }
}

static char name[] = "platform/fleet";
static char api[] = "https://x/api";
static const struct hub_forge_project gitea = {HUB_FORGE_GITEA, api, name};
static const struct hub_forge_project github = {HUB_FORGE_GITHUB, api, name};
static const struct hub_forge_project gitlab = {HUB_FORGE_GITLAB, api, name};

static struct hub_forge_ask about(enum hub_forge_verb verb) {
    return (struct hub_forge_ask){.verb = verb,
                                  .branch = "holdfast/ban/a b",
                                  .base = "main",
                                  .title = "t",
                                  .body = "b\n",
                                  .number = 7,
                                  .page = 2};
}

static void expect(const struct hub_forge_project *p, enum hub_forge_verb verb, const char *method,
                   const char *path, const char *body) {
    struct hub_forge_ask ask = about(verb);
    struct hub_forge_request r;

    hub_forge_request_make(p, &ask, &r);
    assert_string_equal(r.method, method);
    assert_string_equal(r.path, path);
    assert_string_equal(r.body != NULL ? r.body : "", body);
    hub_forge_request_done(&r);
}

static void each_provider_is_asked_in_its_own_words(void **state) {
    (void)state;
    expect(&gitea, HUB_FORGE_FIND, "GET",
           "/repos/platform/fleet/pulls?state=open&sort=recentupdate&base_branch=main&limit=50"
           "&page=2",
           "");
    expect(&gitea, HUB_FORGE_OPEN, "POST", "/repos/platform/fleet/pulls",
           "{\"head\":\"holdfast/ban/a b\",\"base\":\"main\",\"title\":\"t\",\"body\":\"b\\n\"}");
    expect(&gitea, HUB_FORGE_EDIT, "PATCH", "/repos/platform/fleet/pulls/7",
           "{\"title\":\"t\",\"body\":\"b\\n\"}");
    expect(&gitea, HUB_FORGE_CLOSE, "PATCH", "/repos/platform/fleet/pulls/7",
           "{\"state\":\"closed\"}");
    expect(&gitea, HUB_FORGE_DROP, "DELETE", "/repos/platform/fleet/branches/holdfast/ban/a%20b",
           "");
    expect(&github, HUB_FORGE_FIND, "GET",
           "/repos/platform/fleet/pulls?state=open&head=platform:holdfast%2Fban%2Fa%20b&base=main"
           "&per_page=50&page=2",
           "");
    expect(&github, HUB_FORGE_DROP, "DELETE",
           "/repos/platform/fleet/git/refs/heads/holdfast/ban/a%20b", "");
    expect(&gitlab, HUB_FORGE_LOOK, "GET", "/projects/platform%2Ffleet/merge_requests/7", "");
    expect(&gitlab, HUB_FORGE_CLOSE, "PUT", "/projects/platform%2Ffleet/merge_requests/7",
           "{\"state_event\":\"close\"}");
    expect(&gitlab, HUB_FORGE_BRANCH, "GET",
           "/projects/platform%2Ffleet/repository/branches/holdfast%2Fban%2Fa%20b", "");
}

static enum cm_rc read_as(const struct hub_forge_project *p, enum hub_forge_verb verb, int status,
                          const char *body, struct hub_forge_answer *out, struct cm_err *err) {
    struct hub_forge_ask ask = about(verb);

    return hub_forge_answer_read(p, &ask, status, body, strlen(body), out, err);
}

#define REPO(name) "\"repo\":{\"full_name\":\"" name "\"}"
#define PULL_OF(repo, state, merged)                                                               \
    "{\"number\":7,\"html_url\":\"https://x/platform/fleet/pulls/7\",\"state\":\"" state           \
    "\",\"merged\":" merged ",\"merge_commit_sha\":\"" SHA "\",\"head\":{\"ref\":"                 \
    "\"holdfast/ban/a b\",\"sha\":\"" SHA "\"," repo                                               \
    "},\"base\":{\"ref\":\"main\"," REPO("platform/fleet") "}}"
#define GITEA_PULL(state, merged) PULL_OF(REPO("platform/fleet"), state, merged)

static void what_became_of_one_is_read(void **state) {
    static const struct {
        const char *body;
        enum hub_forge_state state;
        const char *commit;
    } cases[] = {{GITEA_PULL("open", "false"), HUB_FORGE_IS_OPEN, ""},
                 {GITEA_PULL("closed", "false"), HUB_FORGE_CLOSED, ""},
                 {GITEA_PULL("closed", "true"), HUB_FORGE_MERGED, SHA}};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct hub_forge_answer out = {0};
        struct cm_err err;

        assert_int_equal(read_as(&gitea, HUB_FORGE_LOOK, 200, cases[i].body, &out, &err), CM_OK);
        assert_int_equal(out.pull.state, cases[i].state);
        assert_int_equal(out.pull.number, 7);
        assert_string_equal(out.pull.url, "https://x/platform/fleet/pulls/7");
        assert_string_equal(out.pull.head, SHA);
        assert_string_equal(out.pull.commit, cases[i].commit);
    }
}

#define OTHER                                                                                      \
    "{\"number\":6,\"state\":\"open\",\"head\":{\"ref\":\"x\"},\"base\":{\"ref\":\"main\"}}"

static void only_the_one_of_the_branch_is_found(void **state) {
    struct hub_forge_answer out = {0};
    struct cm_err err;
    (void)state;
    assert_int_equal(read_as(&gitea, HUB_FORGE_FIND, 200,
                             "[" OTHER "," GITEA_PULL("open", "false") "]", &out, &err),
                     CM_OK);
    assert_int_equal(out.pull.number, 7);
    assert_int_equal(read_as(&gitea, HUB_FORGE_FIND, 200, "[" OTHER "]", &out, &err), CM_OK);
    assert_int_equal(out.pull.state, HUB_FORGE_MISSING);
    assert_false(out.more);
}

static void one_from_a_fork_is_not_the_hubs(void **state) {
    static const char *const forks[] = {PULL_OF(REPO("mallory/fleet"), "open", "false"),
                                        PULL_OF("\"repo\":null", "open", "false")};
    static const char merge_request[] =
        "[{\"iid\":7,\"state\":\"opened\",\"source_branch\":\"holdfast/ban/a b\","
        "\"target_branch\":\"main\",\"source_project_id\":9,\"target_project_id\":3}]";
    struct hub_forge_answer out = {0};
    struct cm_err err;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        CM_AUTOFREE char *list = cm_strf("[%s]", forks[i]);

        assert_int_equal(read_as(&gitea, HUB_FORGE_FIND, 200, list, &out, &err), CM_OK);
        assert_int_equal(out.pull.state, HUB_FORGE_MISSING);
        assert_int_equal(read_as(&github, HUB_FORGE_FIND, 200, list, &out, &err), CM_OK);
        assert_int_equal(out.pull.state, HUB_FORGE_MISSING);
    }
    assert_int_equal(read_as(&gitlab, HUB_FORGE_FIND, 200, merge_request, &out, &err), CM_OK);
    assert_int_equal(out.pull.state, HUB_FORGE_MISSING);
}

static void what_a_stranger_answers_is_looked_at(void **state) {
    struct hub_forge_answer out = {0};
    struct cm_err err;
    static const char lie[] =
        "{\"number\":7,\"html_url\":\"javascript:alert(1)\",\"state\":\"open\","
        "\"head\":{\"sha\":\"../../x\"}}";
    static const char *const strange[] = {"", "[]", "<html>", "{\"number\":0,\"state\":\"open\"}",
                                          "{\"number\":7,\"state\":\"new\"}"};

    (void)state;
    assert_int_equal(read_as(&gitea, HUB_FORGE_LOOK, 200, lie, &out, &err), CM_OK);
    assert_string_equal(out.pull.url, "");
    assert_string_equal(out.pull.head, "");
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        assert_int_equal(read_as(&gitea, HUB_FORGE_LOOK, 200, strange[i], &out, &err), CM_EIO);
    }
    assert_int_equal(read_as(&gitlab, HUB_FORGE_FIND, 200, "{}", &out, &err), CM_EIO);
}

static void a_failure_says_what_the_provider_says(void **state) {
    static const struct {
        int status;
        enum hub_forge_verb verb;
        const char *body;
        enum cm_rc rc;
        const char *words;
    } cases[] = {
        {401, HUB_FORGE_LOOK, "{\"message\":\"token is required\"}", CM_EAUTH,
         "401: token is required: give the token"},
        {404, HUB_FORGE_LOOK, "", CM_ENOTFOUND, "404: check 'apiUrl'"},
        {409, HUB_FORGE_OPEN, "{\"message\":[\"Another open merge request\"]}", CM_EEXISTS,
         "409: Another open"},
        {422, HUB_FORGE_OPEN,
         "{\"message\":\"Validation Failed\",\"errors\":[{\"message\":\"No commits\"}]}", CM_EINVAL,
         "422: Validation Failed: No commits"},
        {400, HUB_FORGE_OPEN, "{\"message\":{\"title\":[\"is\\ntoo long\"]}}", CM_EINVAL,
         "400: is too long"},
        {429, HUB_FORGE_LOOK, "", CM_EBUSY, "429"},
        {403, HUB_FORGE_LOOK, "{\"message\":\"API rate limit exceeded\"}", CM_EBUSY, "403"},
        {302, HUB_FORGE_LOOK, "", CM_EIO, "302"},
        {502, HUB_FORGE_LOOK, "<html>", CM_EIO, "502"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hub_forge_answer out = {0};
        struct cm_err err;

        assert_int_equal(
            read_as(&github, cases[i].verb, cases[i].status, cases[i].body, &out, &err),
            cases[i].rc);
        if (strstr(err.msg, cases[i].words) == NULL) {
            fail_msg("'%s' does not say '%s'", err.msg, cases[i].words);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_url_of_git_tells_where_pull_requests_are),
        cmocka_unit_test(a_folder_tells_nothing),
        cmocka_unit_test(each_provider_is_asked_in_its_own_words),
        cmocka_unit_test(what_became_of_one_is_read),
        cmocka_unit_test(only_the_one_of_the_branch_is_found),
        cmocka_unit_test(one_from_a_fork_is_not_the_hubs),
        cmocka_unit_test(what_a_stranger_answers_is_looked_at),
        cmocka_unit_test(a_failure_says_what_the_provider_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
