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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_has_a_type_and_an_object),
        cmocka_unit_test(anything_else_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
