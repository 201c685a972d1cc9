#include "hub/jobs/state_look.h"

#include "tests/unit/hub/repo/scratch.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/jobs/state_words.h"
#include "hub/repo/state.h"

#define WEB(replicas)                                                                              \
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\","          \
    "\"namespace\":\"shop\"},\"spec\":{\"replicas\":" replicas "}}"
#define CFG                                                                                        \
    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"cfg\","                \
    "\"namespace\":\"shop\"}}"

enum { FIRST_S = 1700000000, SECOND_S = 1700000060 };

struct fixture {
    void *scratch;
    char *path;
    struct cm_arena *arena;
    struct hub_state *state;
    struct cm_err err;
};

static void put(struct fixture *f, const char *file, const char *text, int64_t when_s) {
    struct hub_state_edit edit = {
        .path = cm_arena_strf(f->arena, "%s/%s", hub_state_folder(f->arena, "paris"), file),
        .what = text == NULL ? HUB_STATE_GONE : HUB_STATE_FILE};
    struct hub_state_change change = {.branch = "actual",
                                      .edits = &edit,
                                      .edit_count = 1,
                                      .message = "said\n",
                                      .committer = "hub <hub@example.com>",
                                      .when_ms = when_s * 1000};
    bool changed;

    if (text != NULL) {
        assert_int_equal(hub_state_blob(f->state, text, strlen(text), &edit.id, &f->err), CM_OK);
    }
    assert_int_equal(hub_state_stage(f->state, &change, &changed, &f->err), CM_OK);
    assert_int_equal(hub_state_write(f->state, &f->err), CM_OK);
}

static int setup(void **state) {
    struct fixture *f = cm_new(1, sizeof(*f));

    assert_int_equal(scratch_open(&f->scratch), 0);
    f->path = scratch_path(f->scratch, "state.git");
    f->arena = cm_arena_new(0);
    assert_int_equal(hub_state_open(f->path, &f->state, &f->err), CM_OK);
    put(f, "_meta.json", "{\"apps\":{}}", FIRST_S);
    put(f, "web/shop/Deployment.apps.web.json", WEB("2"), FIRST_S);
    put(f, "web/shop/ConfigMap.core.cfg.json", CFG, FIRST_S);
    put(f, "_meta.json", "{\"apps\":{\"web\":{}}}", SECOND_S);
    put(f, "web/shop/Deployment.apps.web.json", WEB("3"), SECOND_S);
    put(f, "web/shop/ConfigMap.core.cfg.json", NULL, SECOND_S);
    put(f, "other/shop/ConfigMap.core.cfg.json", CFG, SECOND_S);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    void *scratch = f->scratch;

    hub_state_close(f->state);
    cm_arena_free(f->arena);
    free(f->path);
    free(f);
    return scratch_close(&scratch);
}

static enum cm_rc look(struct fixture *f, const char *app, int64_t from_s, int64_t to_s,
                       struct cm_json **out) {
    const struct hub_look_side from = {"paris", app, from_s * 1000, true};
    const struct hub_look_side to = {"paris", app, to_s * 1000, false};

    return hub_state_look(f->path, f->arena, &from, &to, out, &f->err);
}

static const char *items_text(struct fixture *f, const char *app) {
    struct cm_json *answer = NULL;
    struct cm_str text = {0};

    if (look(f, app, FIRST_S, SECOND_S, &answer) < 0) {
        fail_msg("%s", f->err.msg);
    }
    cm_json_write_compact(cm_json_get(answer, "items"), &text);
    const char *copy = cm_arena_strdup(f->arena, cm_str_get(&text));
    cm_str_done(&text);
    return copy;
}

static void objects_that_came_went_and_changed_are_told(void **state) {
    assert_string_equal(
        items_text(*state, ""),
        "[{\"app\":\"other\",\"object\":\"ConfigMap/shop/cfg\",\"change\":\"added\"},"
        "{\"app\":\"web\",\"object\":\"ConfigMap/shop/cfg\",\"change\":\"removed\"},"
        "{\"app\":\"web\",\"object\":\"Deployment.apps/shop/web\",\"change\":\"changed\","
        "\"fields\":[{\"path\":\"spec.replicas\",\"from\":2,\"to\":3}],\"more\":false}]");
}

static void of_one_app_only_its_own_are_told(void **state) {
    const char *said = items_text(*state, "other");

    assert_string_equal(
        said, "[{\"app\":\"other\",\"object\":\"ConfigMap/shop/cfg\",\"change\":\"added\"}]");
}

static void a_moment_before_the_repository_is_not_found(void **state) {
    struct fixture *f = *state;
    struct cm_json *answer = NULL;

    assert_int_equal(look(f, "", FIRST_S - 1, SECOND_S, &answer), CM_ENOTFOUND);
    assert_non_null(strstr(f->err.msg, "begins later"));
}

static void it_says_where_nobody_watched(void **state) {
    struct fixture *f = *state;
    struct cm_json *answer = NULL;

    assert_int_equal(look(f, "", FIRST_S, SECOND_S, &answer), CM_OK);
    assert_true(cm_json_true(cm_json_path(answer, "from", "observed", NULL)));
    assert_false(cm_json_true(cm_json_path(answer, "to", "observed", NULL)));
    assert_non_null(cm_json_path(answer, "to", "observed", NULL));
}

// Definitions of kinds are that large, and all of them change when their release does.
static void what_is_told_of_large_objects_is_bounded_and_says_so(void **state) {
    enum { OBJECTS = 12, SIZE = 256 * 1024 };
    struct fixture *f = *state;
    struct cm_json *answer = NULL;
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    for (int i = 0; i < 2 * OBJECTS; i++) {
        CM_CLEANUP(cm_str_done) struct cm_str object = {0};
        CM_AUTOFREE char *path = cm_strf("big/shop/ConfigMap.core.c%d.json", i % OBJECTS);

        cm_str_addf(&object,
                    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":"
                    "\"c%d\",\"namespace\":\"shop\"},\"data\":{\"a\":\"",
                    i % OBJECTS);
        for (int k = 0; k < SIZE; k++) {
            cm_str_add_char(&object, i < OBJECTS ? 'a' : 'b');
        }
        cm_str_add(&object, "\"}}");
        put(f, path, cm_str_get(&object), i < OBJECTS ? SECOND_S + 1 : SECOND_S + 2);
    }
    assert_int_equal(look(f, "big", SECOND_S + 1, SECOND_S + 2, &answer), CM_OK);
    cm_json_write_compact(answer, &text);
    assert_true(text.len < HUB_LOOK_TOLD_MAX + SIZE);
    assert_true(text.len > HUB_LOOK_TOLD_MAX / 2);
    assert_true(cm_json_true(cm_json_get(answer, "more")));
}

static void a_file_that_is_no_json_is_named(void **state) {
    struct fixture *f = *state;
    struct cm_json *answer = NULL;

    put(f, "web/shop/Deployment.apps.web.json", "{", SECOND_S + 1);
    assert_int_equal(look(f, "web", SECOND_S, SECOND_S + 1, &answer), CM_EIO);
    assert_non_null(strstr(f->err.msg, "shop/Deployment.apps.web.json"));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(objects_that_came_went_and_changed_are_told),
        TEST(of_one_app_only_its_own_are_told),
        TEST(a_moment_before_the_repository_is_not_found),
        TEST(it_says_where_nobody_watched),
        TEST(what_is_told_of_large_objects_is_bounded_and_says_so),
        TEST(a_file_that_is_no_json_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
