#include "hub/repo/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/mem.h"

static void a_request_arrives_as_it_was_sent(void **state) {
    (void)state;
    const struct hub_request sent = {
        .verb = HUB_REQUEST_FETCH,
        .parent = 4711,
        .folder = "/var/lib/holdfast/mirrors/fleet",
        .source = {.name = "fleet",
                   .url = "https://git.example.com/fleet.git",
                   .branch = "main",
                   .token = "s3cr\"et\n",
                   .in_force = "",
                   .allow_private_hosts = true},
        .limits = hub_repo_limits_default,
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE char *text = hub_request_write(&sent);
    struct hub_request got = {0};
    struct cm_err err;

    assert_int_equal(hub_request_read(a, text, strlen(text), &got, &err), CM_OK);
    assert_int_equal(got.verb, HUB_REQUEST_FETCH);
    assert_int_equal(got.parent, 4711);
    assert_string_equal(got.folder, sent.folder);
    assert_string_equal(got.source.token, sent.source.token);
    assert_null(got.source.password);
    assert_string_equal(got.source.in_force, "");
    assert_true(got.source.allow_private_hosts);
    assert_memory_equal(&got.limits, &sent.limits, sizeof(got.limits));
}

static void a_push_arrives_as_it_was_sent(void **state) {
    (void)state;
    const struct hub_repo_edit edits[] = {{.path = "holds/a.yaml", .text = "a: \"1\"\n"},
                                          {.path = "holds/b.yaml"}};
    const struct hub_repo_change change = {.edits = edits,
                                           .edit_count = 2,
                                           .message = "hold: a\n",
                                           .author = {"Ada", "ada@example.com"},
                                           .authored_ms = 12};
    const struct hub_repo_push push = {.ref = "refs/heads/main",
                                       .base = {{1}},
                                       .expected = {{2}},
                                       .changes = &change,
                                       .change_count = 1,
                                       .committer = {"Hub", "hub@example.com"},
                                       .committed_ms = 34,
                                       .signing_key = "secret"};
    const struct hub_request sent = {.verb = HUB_REQUEST_PUSH, .folder = "/m", .push = &push};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE char *text = hub_request_write(&sent);
    struct hub_request got = {0};
    struct cm_err err;

    assert_int_equal(hub_request_read(a, text, strlen(text), &got, &err), CM_OK);
    assert_int_equal(got.verb, HUB_REQUEST_PUSH);
    assert_string_equal(got.push->ref, push.ref);
    assert_true(hub_repo_id_equal(&got.push->base, &push.base));
    assert_true(hub_repo_id_equal(&got.push->expected, &push.expected));
    assert_int_equal(got.push->committed_ms, 34);
    assert_string_equal(got.push->committer.email, "hub@example.com");
    assert_string_equal(got.push->signing_key, "secret");
    assert_int_equal(got.push->change_count, 1);
    assert_int_equal(got.push->changes[0].authored_ms, 12);
    assert_string_equal(got.push->changes[0].author.name, "Ada");
    assert_string_equal(got.push->changes[0].message, "hold: a\n");
    assert_int_equal(got.push->changes[0].edit_count, 2);
    assert_string_equal(got.push->changes[0].edits[0].text, "a: \"1\"\n");
    assert_string_equal(got.push->changes[0].edits[1].path, "holds/b.yaml");
    assert_null(got.push->changes[0].edits[1].text);
}

static void a_push_without_its_parts_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{\"verb\":2,\"folder\":\"/m\"}", "{\"verb\":2,\"folder\":\"/m\",\"push\":[]}",
        "{\"verb\":2,\"folder\":\"/m\",\"push\":{\"ref\":\"refs/heads/main\"}}"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        struct hub_request got = {0};
        struct cm_err err;

        assert_int_equal(hub_request_read(a, texts[i], strlen(texts[i]), &got, &err), CM_EINVAL);
    }
}

static void an_answer_arrives_as_it_was_sent(void **state) {
    (void)state;
    const struct hub_answer sent = {
        .fetched = {.commit = {{1, 2, 3}}, .changed = true, .received_bytes = 9, .packs = 51}};
    CM_AUTOFREE char *text = hub_answer_write(&sent);
    struct hub_answer got = {.trouble = HUB_REPO_CA};
    struct cm_err err;

    assert_int_equal(hub_answer_read(text, strlen(text), &got, &err), CM_OK);
    assert_int_equal(got.err.code, CM_OK);
    assert_int_equal(got.trouble, HUB_REPO_FINE);
    assert_true(hub_repo_id_equal(&got.fetched.commit, &sent.fetched.commit));
    assert_true(got.fetched.changed);
    assert_false(got.fetched.rewound);
    assert_int_equal(got.fetched.received_bytes, 9);
    assert_int_equal(got.fetched.packs, 51);
}

static void a_failure_arrives_with_its_words(void **state) {
    (void)state;
    struct hub_answer sent = {.trouble = HUB_REPO_HOST_KEY};
    struct hub_answer got = {0};
    struct cm_err err;

    assert_int_equal(cm_fail(&sent.err, CM_EAUTH, "the 100%% wrong \"key\""), CM_EAUTH);
    CM_AUTOFREE char *text = hub_answer_write(&sent);
    assert_int_equal(hub_answer_read(text, strlen(text), &got, &err), CM_OK);
    assert_int_equal(got.err.code, CM_EAUTH);
    assert_int_equal(got.trouble, HUB_REPO_HOST_KEY);
    assert_string_equal(got.err.msg, "the 100% wrong \"key\"");
}

static void expect_no_answer(const char *text) {
    struct hub_answer got = {0};
    struct cm_err err;

    if (hub_answer_read(text, strlen(text), &got, &err) == CM_OK) {
        fail_msg("'%s' was taken for an answer", text);
    }
}

static void an_answer_that_makes_no_sense_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "{}",
                                        "{\"code\":0,\"trouble\":0}",
                                        "{\"code\":7,\"trouble\":0}",
                                        "{\"code\":-6,\"trouble\":99}",
                                        "{\"code\":0,\"trouble\":0,\"commit\":\"xx\"}"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        expect_no_answer(texts[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_arrives_as_it_was_sent),
        cmocka_unit_test(a_push_arrives_as_it_was_sent),
        cmocka_unit_test(a_push_without_its_parts_is_refused),
        cmocka_unit_test(an_answer_arrives_as_it_was_sent),
        cmocka_unit_test(a_failure_arrives_with_its_words),
        cmocka_unit_test(an_answer_that_makes_no_sense_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
