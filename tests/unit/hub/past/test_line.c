#include "hub/past/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"

#define HASH "4f1c4f1c4f1c4f1c4f1c4f1c4f1c4f1c4f1c4f1c4f1c4f1c4f1c4f1c4f1c4f1c"

static int open_arena(void **state) {
    *state = cm_arena_new(0);
    return 0;
}

static int close_arena(void **state) {
    cm_arena_free(*state);
    return 0;
}

// One of each kind, as it is written.
static const char *const lines[] = {
    "{\"epoch\":1,\"n\":0,\"kind\":\"begin\"}",
    "{\"epoch\":1,\"n\":1,\"kind\":\"cluster\",\"number\":3,\"cluster\":\"paris\"}",
    "{\"epoch\":1,\"n\":2,\"kind\":\"value\",\"number\":7,\"app\":\"web\",\"bundle\":\"" HASH
    "\",\"revision\":\"9ab2\",\"repo\":\"fleet\",\"held\":\"reg/web:2\",\"suspended\":true}",
    "{\"epoch\":1,\"n\":3,\"kind\":\"image\",\"value\":7,\"image\":\"reg/web:1\"}",
    "{\"epoch\":1,\"n\":4,\"kind\":\"change\",\"app\":\"web\",\"axis\":\"actual\",\"cluster\":"
    "\"paris\",\"value\":7,\"atMs\":1000,\"seenMs\":1001}",
    "{\"epoch\":1,\"n\":5,\"kind\":\"change\",\"axis\":\"seen\",\"cluster\":\"paris\",\"atMs\":-5}",
    "{\"epoch\":1,\"n\":6,\"kind\":\"row\",\"app\":\"web\",\"axis\":\"verdict\",\"value\":2,"
    "\"atMs\":1000,\"seenMs\":1001,\"late\":true,\"clusters\":[[\"paris\",0],[\"rome\",-59000]]}",
    "{\"epoch\":1,\"n\":7,\"kind\":\"checkpoint\",\"app\":\"web\",\"axis\":\"desired\",\"atMs\":9}",
    "{\"epoch\":1,\"n\":8,\"kind\":\"decision\",\"number\":4,\"id\":\"" HASH
    "\",\"cluster\":\"paris\",\"app\":\"web\",\"verdict\":\"rejected\",\"text\":\"a \\\"b\\\"\"}",
    "{\"epoch\":1,\"n\":9,\"kind\":\"verdict\",\"clusterId\":\"uid\",\"app\":\"web\",\"identity\":"
    "\"x\",\"verdict\":\"promoted\",\"revision\":\"9ab2\",\"atMs\":4,\"actor\":\"flagger\"}",
    "{\"epoch\":1,\"n\":10,\"kind\":\"proven\",\"cluster\":\"paris\",\"key\":\"Deployment.apps/a/"
    "b\""
    ",\"bundle\":\"" HASH "\"}",
    "{\"epoch\":2,\"n\":11,\"kind\":\"freeze\",\"number\":0,\"name\":\"stop\",\"fromMs\":5}",
    "{\"epoch\":2,\"n\":12,\"kind\":\"frozen\",\"number\":1,\"cluster\":\"paris\",\"toMs\":5}",
    "{\"epoch\":2,\"n\":13,\"kind\":\"lost\"}",
    "{\"epoch\":1,\"n\":8,\"kind\":\"base\",\"atMs\":1800000000000}",
    "{\"purged\":true}",
};
enum { LINES = sizeof(lines) / sizeof(lines[0]) };

static void a_line_is_written_as_it_was_read(void **state) {
    for (size_t i = 0; i < LINES; i++) {
        CM_CLEANUP(cm_str_done) struct cm_str out = {0};
        struct hub_line line;
        struct cm_err err;

        if (hub_line_parse(*state, lines[i], strlen(lines[i]), false, &line, &err) < 0) {
            fail_msg("%s: %s", lines[i], err.msg);
        }
        assert_int_equal(line.kind, i < 5 ? i : i - 1);
        hub_line_write(*state, &line, &out);
        assert_int_equal(out.data[out.len - 1], '\n');
        out.data[out.len - 1] = '\0';
        assert_string_equal(out.data, lines[i]);
    }
}

static void refused(void *state, bool plain, const char *text) {
    struct hub_line line;
    struct cm_err err;

    if (hub_line_parse(state, text, strlen(text), plain, &line, &err) == CM_OK) {
        fail_msg("%s was taken", text);
    }
}

static void what_is_no_line_is_refused(void **state) {
    static const char *const others[] = {
        "",
        "[]",
        "{}",
        "{\"purged\":false}",
        "{\"purged\":true,\"n\":1}",
        "{\"epoch\":0,\"n\":1,\"kind\":\"begin\"}",
        "{\"epoch\":1,\"n\":-1,\"kind\":\"begin\"}",
        "{\"epoch\":1,\"n\":1.5,\"kind\":\"begin\"}",
        "{\"epoch\":1,\"kind\":\"begin\"}",
        "{\"epoch\":1,\"n\":1,\"kind\":\"purged\"}",
        "{\"epoch\":1,\"n\":1,\"kind\":\"other\"}",
        "{\"epoch\":1,\"n\":1,\"kind\":\"begin\",\"more\":1}",
        // a member is missing, empty, of another type, out of bounds
        "{\"epoch\":1,\"n\":1,\"kind\":\"cluster\",\"number\":3}",
        "{\"epoch\":1,\"n\":1,\"kind\":\"cluster\",\"number\":3,\"cluster\":\"\"}",
        "{\"epoch\":1,\"n\":1,\"kind\":\"cluster\",\"number\":\"3\",\"cluster\":\"a\"}",
        "{\"epoch\":1,\"n\":1,\"kind\":\"cluster\",\"number\":4294967296,\"cluster\":\"a\"}",
        "{\"epoch\":1,\"n\":1,\"kind\":\"image\",\"value\":-1,\"image\":\"a\"}",
        "{\"epoch\":1,\"n\":1,\"kind\":\"checkpoint\",\"axis\":\"other\"}",
        "{\"epoch\":1,\"n\":1,\"kind\":\"checkpoint\",\"axis\":1}",
        "{\"epoch\":1,\"n\":1,\"kind\":\"proven\",\"cluster\":\"a\",\"bundle\":\"4f1c\"}",
        "{\"epoch\":1,\"n\":1,\"kind\":\"row\",\"axis\":\"seen\",\"clusters\":[]}",
        "{\"epoch\":1,\"n\":1,\"kind\":\"row\",\"axis\":\"seen\",\"clusters\":[[\"a\"]]}",
        "{\"epoch\":1,\"n\":1,\"kind\":\"row\",\"axis\":\"seen\",\"clusters\":[[\"a\",120000]]}",
        "{\"epoch\":1,\"n\":1,\"kind\":\"row\",\"axis\":\"seen\",\"clusters\":[[\"\",1]]}",
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        refused(*state, false, others[i]);
    }
    refused(*state, true, lines[1]); // numbers are added when it is told
}

static void a_text_that_is_too_long_is_refused(void **state) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_str_add(&text, "{\"epoch\":1,\"n\":1,\"kind\":\"frozen\",\"number\":1,\"cluster\":\"");
    for (int i = 0; i < 1025; i++) {
        cm_str_add_char(&text, 'a');
    }
    cm_str_add(&text, "\"}");
    refused(*state, false, text.data);
}

static void as_the_database_keeps_it_it_has_no_numbers(void **state) {
    static const char text[] = "{\"kind\":\"value\",\"number\":7,\"app\":\"web\",\"bundle\":\"" HASH
                               "\",\"revision\":\"\",\"repo\":\"\",\"held\":\"\",\"suspended\":0}";
    struct hub_line line;
    struct cm_err err;

    assert_int_equal(hub_line_parse(*state, text, strlen(text), true, &line, &err), CM_OK);
    assert_int_equal(line.of[HUB_LINE_M_NUMBER].number, 7);
    assert_int_equal(line.of[HUB_LINE_M_SUSPENDED].number, 0);
    assert_string_equal(line.of[HUB_LINE_M_REPO].text, "");
}

static void an_event_is_read_as_it_stands_in_its_segment(void **state) {
    static const char text[] =
        "{\"n\":812,\"epoch\":2,\"at\":\"2026-11-28T21:14:05.123Z\",\"happened\":"
        "\"2026-11-28T21:14:04.000Z\",\"kind\":\"app.degraded\",\"cluster\":\"paris\"}";
    static const char other[] = "{\"n\":812,\"epoch\":2,\"kind\":\"a\",\"other\":\"x\"}";
    struct hub_line_event e;
    struct cm_err err;

    assert_int_equal(hub_line_parse_event(*state, text, strlen(text), &e, &err), CM_OK);
    assert_int_equal(e.epoch, 2);
    assert_int_equal(e.n, 812);
    assert_int_equal(e.at_ms - e.happened_ms, 1123);
    assert_string_equal(e.kind, "app.degraded");
    assert_string_equal(e.cluster, "paris");
    assert_string_equal(e.message, "");
    assert_int_equal(hub_line_parse_event(*state, other, strlen(other), &e, &err), CM_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_is_written_as_it_was_read, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(what_is_no_line_is_refused, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(a_text_that_is_too_long_is_refused, open_arena,
                                        close_arena),
        cmocka_unit_test_setup_teardown(as_the_database_keeps_it_it_has_no_numbers, open_arena,
                                        close_arena),
        cmocka_unit_test_setup_teardown(an_event_is_read_as_it_stands_in_its_segment, open_arena,
                                        close_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
