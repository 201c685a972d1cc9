// Against a server that takes nothing but what GitHub and GitLab document.
#include "hub/forge/call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/str.h"

#define SHA "6dcb09b5b57875f334f61aebed695e2e4193db5e"
#define REVERSED "e5bd3914e2e596debea16f433f57875b5b90bcd6"
#define BRANCH "holdfast/rollback/shop/1.5.0-9f3c"

static struct {
    pid_t pid;
    int to_child;
    int port;
} t;

static int start_server(void **state) {
    int in[2];
    int out[2];

    (void)state;
    assert_int_equal(pipe(in) | pipe(out), 0);
    t.pid = fork();
    if (t.pid == 0) {
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)close(in[1]);
        (void)execl(PYTHON, PYTHON, FORGE_SERVER, (char *)NULL);
        _exit(1);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    t.to_child = in[1];
    FILE *said = fdopen(out[0], "r");
    char line[16] = "";
    assert_non_null(fgets(line, sizeof(line), said));
    t.port = (int)strtol(line, NULL, 10);
    (void)fclose(said);
    return 0;
}

static int stop_server(void **state) {
    (void)state;
    (void)close(t.to_child);
    (void)waitpid(t.pid, NULL, 0);
    return 0;
}

static struct hub_forge *open_forge(enum hub_forge_provider provider, const char *name,
                                    const char *token, int cancel_fd) {
    bool gitlab = provider == HUB_FORGE_GITLAB;
    CM_AUTOFREE char *api =
        cm_strf("http://127.0.0.1:%d/%s", t.port, gitlab ? "gitlab/api/v4" : "github");
    struct hub_forge *f = NULL;
    struct cm_err err;
    const struct hub_forge_config config = {
        .project = {.provider = provider, .api = api, .name = (char *)(uintptr_t)name},
        .token = token,
        .cancel_fd = cancel_fd};

    if (hub_forge_new(&config, &f, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return f;
}

static struct hub_forge_answer ask(struct hub_forge *f, struct hub_forge_ask what) {
    struct hub_forge_answer answer = {0};
    struct cm_err err;

    what.branch = what.branch != NULL ? what.branch : BRANCH;
    what.base = "main";
    what.title = "hold(shop): 1.4.2 on 2 clusters";
    what.body = "because \"it\" failed\n";
    if (hub_forge_call(f, &what, &answer, NULL, &err) < 0) {
        fail_msg("%d: %s", (int)what.verb, err.msg);
    }
    return answer;
}

static struct hub_forge_pull find(struct hub_forge *f) {
    struct hub_forge_pull pull;
    struct cm_err err;

    if (hub_forge_find_open(f, BRANCH, "main", &pull, NULL, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return pull;
}

static void merge_it(struct hub_forge *f) {
    (void)ask(f, (struct hub_forge_ask){.verb = HUB_FORGE_DROP, .branch = "merge-it"});
}

static void live_and_be_merged(struct hub_forge *f) {
    assert_int_equal(find(f).state, HUB_FORGE_MISSING);
    struct hub_forge_pull made = ask(f, (struct hub_forge_ask){.verb = HUB_FORGE_OPEN}).pull;
    assert_int_equal(made.state, HUB_FORGE_IS_OPEN);
    assert_string_equal(made.head, SHA);
    assert_int_equal(find(f).number, made.number);

    struct hub_forge_ask about = {.verb = HUB_FORGE_EDIT, .number = made.number};
    assert_int_equal(ask(f, about).pull.state, HUB_FORGE_IS_OPEN);
    merge_it(f);
    about.verb = HUB_FORGE_LOOK;
    struct hub_forge_pull merged = ask(f, about).pull;
    assert_int_equal(merged.state, HUB_FORGE_MERGED);
    assert_string_equal(merged.commit, REVERSED);
    assert_string_equal(merged.url, made.url);
    (void)ask(f, (struct hub_forge_ask){.verb = HUB_FORGE_DROP});
    (void)ask(f, (struct hub_forge_ask){.verb = HUB_FORGE_DROP}); // it is gone
}

static void be_closed(struct hub_forge *f) {
    struct hub_forge_ask about = {.verb = HUB_FORGE_OPEN};

    about.number = ask(f, about).pull.number;
    about.verb = HUB_FORGE_CLOSE;
    assert_int_equal(ask(f, about).pull.state, HUB_FORGE_CLOSED);
    about.verb = HUB_FORGE_LOOK;
    struct hub_forge_pull closed = ask(f, about).pull;
    assert_int_equal(closed.state, HUB_FORGE_CLOSED);
    assert_string_equal(closed.commit, "");
}

static void protect(struct hub_forge *f) {
    struct hub_forge_ask about = {.verb = HUB_FORGE_BRANCH, .branch = "main"};

    assert_true(ask(f, about).is_protected);
    about.branch = "holdfast/other";
    assert_false(ask(f, about).is_protected);
}

static void open_twice(struct hub_forge *f) {
    struct hub_forge_ask about = {
        .verb = HUB_FORGE_OPEN, .branch = "b", .base = "main", .title = "t", .body = ""};
    struct hub_forge_answer answer;
    struct cm_err err;

    (void)ask(f, about);
    assert_int_equal(hub_forge_call(f, &about, &answer, NULL, &err), CM_EEXISTS);
    assert_non_null(strstr(err.msg, "already exists"));
    about.verb = HUB_FORGE_CLOSE;
    about.number = 404;
    assert_int_equal(hub_forge_call(f, &about, &answer, NULL, &err), CM_ENOTFOUND);
}

static void both_are_asked_as_they_document(void **state) {
    static const enum hub_forge_provider providers[] = {HUB_FORGE_GITHUB, HUB_FORGE_GITLAB};
    static const char *const names[] = {"octo/fleet", "octo/sub/fleet"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct hub_forge *f = open_forge(providers[i], names[i], "s3cret", -1);

        live_and_be_merged(f);
        be_closed(f);
        protect(f);
        open_twice(f);
        (void)ask(f, (struct hub_forge_ask){.verb = HUB_FORGE_DROP, .branch = "b"});
        hub_forge_free(f);
        (void)stop_server(NULL);
        (void)start_server(NULL);
    }
}

static void who_wants_to_be_left_alone_is(void **state) {
    struct hub_forge *f = open_forge(HUB_FORGE_GITHUB, "octo/limited", "s3cret", -1);
    struct hub_forge_pull pull;
    struct cm_err err;
    int64_t wait_ms = 0;

    (void)state;
    assert_int_equal(hub_forge_find_open(f, BRANCH, "main", &pull, &wait_ms, &err), CM_EBUSY);
    assert_int_equal(wait_ms, 7000);
    assert_int_equal(hub_forge_find_open(f, BRANCH, "main", &pull, &wait_ms, &err), CM_EBUSY);
    assert_non_null(strstr(err.msg, "left alone")); // it was not asked
    assert_in_range(wait_ms, 1, 7000);
    hub_forge_free(f);
}

static void a_token_that_is_not_taken_is_said(void **state) {
    struct hub_forge *f = open_forge(HUB_FORGE_GITLAB, "octo/fleet", "other", -1);
    struct hub_forge_pull pull;
    struct cm_err err;

    (void)state;
    assert_int_equal(hub_forge_find_open(f, BRANCH, "main", &pull, NULL, &err), CM_EAUTH);
    assert_non_null(strstr(err.msg, "401: Bad credentials: give the token"));
    assert_null(strstr(err.msg, "other"));
    hub_forge_free(f);
}

static void it_gives_up_when_it_is_told_to(void **state) {
    int fd = eventfd(1, EFD_CLOEXEC);
    struct hub_forge *f = open_forge(HUB_FORGE_GITHUB, "octo/fleet", "s3cret", fd);
    struct hub_forge_pull pull;
    struct cm_err err;

    (void)state;
    assert_int_equal(hub_forge_find_open(f, BRANCH, "main", &pull, NULL, &err), CM_ECANCELED);
    hub_forge_free(f);
    (void)close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_are_asked_as_they_document),
        cmocka_unit_test(who_wants_to_be_left_alone_is),
        cmocka_unit_test(a_token_that_is_not_taken_is_said),
        cmocka_unit_test(it_gives_up_when_it_is_told_to),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
