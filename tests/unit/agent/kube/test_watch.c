#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/internal.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"

static enum cm_rc read_line(struct cm_arena *a, const char *line, const char **type,
                            struct cm_json **object, struct cm_err *err) {
    return kube_watch_read(a, line, strlen(line), type, object, err);
}

static void an_event_has_a_type_and_an_object(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *object = NULL;
    const char *type = NULL;
    struct cm_err err;

    (void)state;
    assert_int_equal(
        read_line(a, "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Pod\"}}", &type, &object, &err),
        CM_OK);
    assert_string_equal(type, "ADDED");
    assert_string_equal(cm_json_string(cm_json_get(object, "kind")), "Pod");
}

static void anything_else_is_an_error(void **state) {
    static const char *const bad[] = {"",
                                      "{",
                                      "[]",
                                      "{\"type\":\"ADDED\"}",
                                      "{\"object\":{}}",
                                      "{\"type\":1,\"object\":{}}",
                                      "{\"type\":\"ADDED\",\"object\":[]}"};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *object = NULL;
    const char *type = NULL;
    struct cm_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(read_line(a, bad[i], &type, &object, &err), CM_EINVAL);
    }
    assert_null(type);
    assert_null(object);
}

// next_page tells the page after one of so many objects and bytes.
static int next_page(int page, size_t objects, size_t bytes) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *list = cm_json_new(a, CM_OBJECT);
    struct cm_json *items = cm_json_new(a, CM_ARRAY);

    cm_json_set(a, list, "items", items);
    for (size_t i = 0; i < objects; i++) {
        cm_json_append(items, cm_json_new(a, CM_OBJECT));
    }
    struct kube_answer answer = {.json = list, .size = bytes};
    return kube_page_next(page, &answer);
}

static void small_objects_come_in_ever_larger_pages(void **state) {
    (void)state;
    assert_int_equal(next_page(8, 8, 8000), 32);
    assert_int_equal(next_page(64, 64, 64000), 256);
    assert_int_equal(next_page(256, 256, 25600), 500);
}

static void large_objects_come_in_small_pages(void **state) {
    (void)state;
    assert_int_equal(next_page(8, 8, 8 << 20), 1);
    assert_int_equal(next_page(64, 64, 64 * 100000), 2);
    assert_int_equal(next_page(8, 1, 100 << 10), 2);
}

static void a_page_of_nothing_says_nothing(void **state) {
    (void)state;
    assert_int_equal(next_page(8, 0, 100), 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_has_a_type_and_an_object),
        cmocka_unit_test(anything_else_is_an_error),
        cmocka_unit_test(small_objects_come_in_ever_larger_pages),
        cmocka_unit_test(large_objects_come_in_small_pages),
        cmocka_unit_test(a_page_of_nothing_says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
