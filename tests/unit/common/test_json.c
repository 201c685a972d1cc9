#include "common/json.h"

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
#include "common/str.h"

static int set_up(void **state) {
    *state = cm_arena_new(0);
    return 0;
}

static int take_down(void **state) {
    cm_arena_free(*state);
    return 0;
}

static struct cm_json *parse(void **state, const char *text) {
    struct cm_json *node = NULL;
    struct cm_err err = {0};

    if (cm_json_parse(*state, text, strlen(text), NULL, &node, &err) != CM_OK) {
        print_error("%s: %s\n", text, err.msg);
        fail();
    }
    return node;
}

static void assert_refused(void **state, const char *text, size_t size, const char *msg) {
    struct cm_json *node = NULL;
    struct cm_err err = {0};

    assert_int_equal(cm_json_parse(*state, text, size, NULL, &node, &err), CM_EINVAL);
    assert_null(node);
    assert_string_equal(err.msg, msg);
}

#define REFUSED(text, msg) assert_refused(state, text, sizeof(text) - 1, msg)

static void assert_compact(const struct cm_json *node, const char *expected) {
    struct cm_str out = {0};

    cm_json_write_compact(node, &out);
    assert_string_equal(cm_str_get(&out), expected);
    cm_str_done(&out);
}

static void assert_canonical(const struct cm_json *node, const char *expected) {
    struct cm_str out = {0};

    cm_json_write_canonical(node, &out);
    assert_string_equal(cm_str_get(&out), expected);
    cm_str_done(&out);
}

static void every_type_is_read(void **state) {
    const struct cm_json *node =
        parse(state, " {\"a\":null,\"b\":true,\"c\":false,\"d\":-1.50e+3,\"e\":\"x\",\"f\":[1,{}],"
                     "\"g\":{},\"h\":[]}\r\n\t");

    assert_int_equal(node->type, CM_OBJECT);
    assert_int_equal(node->count, 8);
    assert_int_equal(cm_json_get(node, "a")->type, CM_NULL);
    assert_true(cm_json_true(cm_json_get(node, "b")));
    assert_int_equal(cm_json_get(node, "c")->type, CM_BOOL);
    assert_false(cm_json_true(cm_json_get(node, "c")));
    assert_string_equal(cm_json_get(node, "d")->text, "-1.50e+3");
    assert_string_equal(cm_json_string(cm_json_get(node, "e")), "x");
    assert_int_equal(cm_json_get(node, "f")->count, 2);
    assert_int_equal(cm_json_get(node, "g")->count, 0);
    assert_int_equal(cm_json_get(node, "h")->type, CM_ARRAY);
}

static void a_text_need_not_end_in_nul(void **state) {
    char *text = cm_new(3, 1);
    struct cm_json *node = NULL;
    struct cm_err err;

    text[0] = '1';
    text[1] = '2';
    text[2] = '3';
    assert_int_equal(cm_json_parse(*state, text, 3, NULL, &node, &err), CM_OK);
    free(text);
    assert_string_equal(node->text, "123");
    assert_int_equal(node->len, 3);
}

static void numbers_leave_as_they_came(void **state) {
    assert_compact(parse(state, "[1.10,1e400,18446744073709551616,-0,-0.0,1E+5]"),
                   "[1.10,1e400,18446744073709551616,-0,-0.0,1E+5]");
}

static void malformed_numbers_are_refused(void **state) {
    static const char *const texts[] = {"-", "01a", "1.", ".5", "1e", "1e+", "-a", "+1", "0x1"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct cm_json *node = NULL;
        struct cm_err err;

        assert_int_equal(cm_json_parse(*state, texts[i], strlen(texts[i]), NULL, &node, &err),
                         CM_EINVAL);
    }
    REFUSED("01", "line 1, column 2: '1' where the end of the text was expected");
}

static void escapes_become_what_they_stand_for(void **state) {
    const struct cm_json *node = parse(
        state, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\ud83d\\ude00 plain text \\n"
               "and on\"");

    assert_string_equal(node->text, "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 plain "
                                    "text \nand on");
    assert_int_equal(node->len, strlen(node->text));
}

static void broken_escapes_are_refused(void **state) {
    REFUSED("\"\\x\"", "line 1, column 3: a backslash may stand only before one of \"\\/bfnrtu");
    REFUSED("\"\\u12g4\"", "line 1, column 4: \\u needs four hexadecimal digits");
    REFUSED("\"\\u12", "line 1, column 4: \\u needs four hexadecimal digits");
    REFUSED("\"a\\ud800b\"", "line 1, column 5: half of a surrogate pair stands alone");
    REFUSED("\"\\udc00\\ud800\"", "line 1, column 4: half of a surrogate pair stands alone");
    REFUSED("\"\\ud800\\u0041\"", "line 1, column 4: half of a surrogate pair stands alone");
}

static void a_nul_in_a_string_is_refused(void **state) {
    REFUSED("\"a\\u0000\"", "line 1, column 5: a string may not hold a NUL");
    REFUSED("\"a\0b\"", "line 1, column 3: control byte 0x00 in a string: write it as an escape");
    REFUSED("1\0", "line 1, column 2: byte 0x00 where the end of the text was expected");
}

static void a_string_must_end(void **state) {
    REFUSED("[\n  \"abc", "line 2, column 3: the string that begins here does not end");
    REFUSED("\"abc\n\"", "line 1, column 5: control byte 0x0a in a string: write it as an escape");
}

static void invalid_utf8_is_refused(void **state) {
    REFUSED("\"\x80\"", "line 1, column 2: invalid UTF-8");
    REFUSED("\"\xc0\xaf\"", "line 1, column 2: invalid UTF-8");
    REFUSED("\"\xe0\x80\xaf\"", "line 1, column 2: invalid UTF-8");
    REFUSED("\"\xed\xa0\x80\"", "line 1, column 2: invalid UTF-8");
    REFUSED("\"\xf4\x90\x80\x80\"", "line 1, column 2: invalid UTF-8");
    REFUSED("\"\xf0\x80\x80\x80\"", "line 1, column 2: invalid UTF-8");
    REFUSED("\"\xc3", "line 1, column 2: invalid UTF-8");
    assert_string_equal(parse(state, "\"\xc3\xa9\xef\xbf\xbd\xf4\x8f\xbf\xbf\"")->text,
                        "\xc3\xa9\xef\xbf\xbd\xf4\x8f\xbf\xbf");
}

static void a_name_may_be_there_only_once(void **state) {
    REFUSED("{\"a\":1,\n \"b\":2,\n \"a\":3}",
            "line 3, column 6: 'a' is there twice in one object");
    assert_int_equal(parse(state, "{\"a\":{\"a\":{\"a\":1}}}")->count, 1);
}

static void a_name_is_found_twice_among_many(void **state) {
    struct cm_str text = {0};
    struct cm_json *node;
    struct cm_err err;

    cm_str_add(&text, "{");
    for (int i = 50000; i > 0; i--) {
        cm_str_addf(&text, "\"k%d\":1,\n", i);
    }
    cm_str_add(&text, "\"k77\":2}");
    assert_int_equal(cm_json_parse(*state, text.data, text.len, NULL, &node, &err), CM_EINVAL);
    assert_string_equal(err.msg, "line 50001, column 7: 'k77' is there twice in one object");
    cm_str_done(&text);
}

static void errors_say_what_was_expected(void **state) {
    REFUSED("", "line 1, column 1: the text ends where a value was expected");
    REFUSED("{\"a\" 1}", "line 1, column 6: '1' where ':' was expected");
    REFUSED("{a:1}", "line 1, column 2: 'a' where a member's name in quotes was expected");
    REFUSED("{\"a\":1,}", "line 1, column 8: '}' where a member's name in quotes was expected");
    REFUSED("[1,\n 2\n 3]", "line 3, column 2: '3' where ',' or ']' was expected");
    REFUSED("[1,]", "line 1, column 4: ']' where a value was expected");
    REFUSED("{\"a\":1", "line 1, column 7: the text ends where ',' or '}' was expected");
    REFUSED("nul", "line 1, column 1: 'n' where a value was expected");
    REFUSED("{} x", "line 1, column 4: 'x' where the end of the text was expected");
    REFUSED("nullx", "line 1, column 5: 'x' where the end of the text was expected");
}

static void nodes_know_their_place(void **state) {
    const struct cm_json *node = parse(state, "{\n  \"a\": [1,\n   true]}");
    const struct cm_json *list = cm_json_get(node, "a");

    assert_int_equal(node->line, 1);
    assert_int_equal(list->line, 2);
    assert_int_equal(list->column, 8);
    assert_int_equal(list->last->line, 3);
    assert_int_equal(list->last->column, 4);
}

static void limits_are_kept(void **state) {
    const struct cm_json_limits limits = {.max_bytes = 20, .max_depth = 2, .max_nodes = 4};
    struct cm_json *node;
    struct cm_err err;

    assert_int_equal(cm_json_parse(*state, "[[1,2]]", 7, &limits, &node, &err), CM_OK);
    assert_int_equal(cm_json_parse(*state, "[[[]]]", 6, &limits, &node, &err), CM_EINVAL);
    assert_string_equal(err.msg, "line 1, column 3: the document is nested too deeply");
    assert_int_equal(cm_json_parse(*state, "[1,2,3,4]", 9, &limits, &node, &err), CM_EINVAL);
    assert_string_equal(err.msg, "line 1, column 8: the document has too many values");
    assert_int_equal(cm_json_parse(*state, "                     1", 22, &limits, &node, &err),
                     CM_EINVAL);
    assert_string_equal(err.msg, "line 1, column 1: the text has 22 bytes, more than 20");
}

static void no_limit_lets_a_document_be_nested_without_end(void **state) {
    const struct cm_json_limits limits = {SIZE_MAX, SIZE_MAX, SIZE_MAX};
    struct cm_str text = {0};
    struct cm_json *node;
    struct cm_err err;

    for (int i = 0; i < 1000000; i++) {
        cm_str_add_char(&text, '[');
    }
    assert_int_equal(cm_json_parse(*state, text.data, text.len, &limits, &node, &err), CM_EINVAL);
    assert_string_equal(err.msg, "line 1, column 513: the document is nested too deeply");
    cm_str_done(&text);
}

static void an_arena_without_room_is_an_error(void **state) {
    (void)state;
    for (size_t budget = 1; budget < 400; budget++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(budget);
        const char *text = "{\"a\":[1,\"two\",{\"b\":null}]}";
        struct cm_json *node;
        struct cm_err err;

        if (cm_json_parse(a, text, strlen(text), NULL, &node, &err) == CM_OK) {
            assert_in_range(budget, 300, 400);
            return;
        }
        assert_non_null(strstr(err.msg, "more memory than it may have"));
    }
    fail();
}

static void the_canonical_form_sorts_and_indents(void **state) {
    const struct cm_json *node = parse(
        state, "{\"b\":[1,{\"z\":{},\"y\":[]},[2]],\"B\":\"x\",\"a\":{\"c\":null,\"\xc3\xa9\":1}}");

    assert_canonical(node, "{\n"
                           "  \"B\": \"x\",\n"
                           "  \"a\": {\n"
                           "    \"c\": null,\n"
                           "    \"\xc3\xa9\": 1\n"
                           "  },\n"
                           "  \"b\": [\n"
                           "    1,\n"
                           "    {\n"
                           "      \"y\": [],\n"
                           "      \"z\": {}\n"
                           "    },\n"
                           "    [\n"
                           "      2\n"
                           "    ]\n"
                           "  ]\n"
                           "}\n");
    assert_canonical(parse(state, "true"), "true\n");
}

static void only_what_must_be_escaped_is(void **state) {
    assert_compact(parse(state, "\"\\u0001\\u001f\\b\\f\\n\\r\\t\\\"\\\\\\/\\u007f<\\u2028\""),
                   "\"\\u0001\\u001f\\b\\f\\n\\r\\t\\\"\\\\/\x7f<\xe2\x80\xa8\"");
}

static void trees_can_be_made_and_changed(void **state) {
    struct cm_json *o = cm_json_new(*state, CM_OBJECT);
    struct cm_json *list = cm_json_new(*state, CM_ARRAY);

    cm_json_set_string(*state, o, "s", "x");
    cm_json_set_string(*state, o, "not", NULL);
    cm_json_set_int(*state, o, "i", INT64_MIN);
    cm_json_set_bool(*state, o, "b", true);
    cm_json_set(*state, o, "l", list);
    cm_json_append(list, cm_json_new_int(*state, 1));
    cm_json_append(list, cm_json_new(*state, CM_NULL));
    assert_compact(o, "{\"s\":\"x\",\"i\":-9223372036854775808,\"b\":true,\"l\":[1,null]}");
    cm_json_set_string(*state, o, "i", "y");
    assert_compact(o, "{\"s\":\"x\",\"i\":\"y\",\"b\":true,\"l\":[1,null]}");
    assert_int_equal(o->count, 4);
}

static void a_replaced_last_member_leaves_a_whole_list(void **state) {
    struct cm_json *o = parse(state, "{\"a\":1,\"b\":2}");

    cm_json_set_int(*state, o, "b", 3);
    cm_json_set_int(*state, o, "c", 4);
    assert_compact(o, "{\"a\":1,\"b\":3,\"c\":4}");
}

static void members_can_be_removed(void **state) {
    struct cm_json *o = parse(state, "{\"a\":1,\"b\":2,\"c\":3}");

    assert_false(cm_json_remove(o, "x"));
    assert_true(cm_json_remove(o, "c"));
    cm_json_set_int(*state, o, "d", 4);
    assert_true(cm_json_remove(o, "a"));
    assert_compact(o, "{\"b\":2,\"d\":4}");
    assert_int_equal(o->count, 2);
    assert_true(cm_json_remove(o, "b"));
    assert_true(cm_json_remove(o, "d"));
    assert_compact(o, "{}");
    assert_false(cm_json_remove(parse(state, "[1]"), "a"));
}

static void a_copy_stands_alone(void **state) {
    struct cm_arena *other = cm_arena_new(0);
    struct cm_json *o = parse(state, "{\"a\":[1,{\"b\":\"x\"}],\"c\":true,\"d\":null}");
    struct cm_json *copy = cm_json_copy(other, o);

    cm_json_remove(o, "a");
    assert_compact(copy, "{\"a\":[1,{\"b\":\"x\"}],\"c\":true,\"d\":null}");
    assert_int_equal(cm_json_get(copy, "c")->column, 24);
    cm_arena_free(other);
}

static void paths_lead_to_members_or_to_nothing(void **state) {
    const struct cm_json *o =
        parse(state, "{\"metadata\":{\"name\":\"web\",\"labels\":{\"a\":\"b\"}}}");

    assert_string_equal(cm_json_string(cm_json_path(o, "metadata", "labels", "a", NULL)), "b");
    assert_null(cm_json_path(o, "metadata", "x", "a", NULL));
    assert_null(cm_json_path(o, "metadata", "name", "a", NULL));
    assert_null(cm_json_path(NULL, "metadata", NULL));
    assert_null(cm_json_get(NULL, "a"));
    assert_null(cm_json_string(o));
    assert_null(cm_json_string(NULL));
}

static void integral_numbers_have_a_value(void **state) {
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"0", 0},        {"-0", 0},
        {"12", 12},      {"-12", -12},
        {"1.0", 1},      {"1e3", 1000},
        {"1.50e2", 150}, {"1200e-2", 12},
        {"0e9999", 0},   {"9223372036854775807", INT64_MAX},
        {"1.5", 7},      {"-9223372036854775808", INT64_MIN},
        {"1e19", 7},     {"9223372036854775808", 7},
        {"1e-1", 7},     {"-9223372036854775809", 7},
        {"\"1\"", 7},    {"1e99999999999999999999", 7},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(cm_json_int(parse(state, cases[i].text), 7), cases[i].value);
    }
    assert_int_equal(cm_json_int(NULL, 7), 7);
}

static bool equal(void **state, const char *a, const char *b) {
    bool one = cm_json_equal(parse(state, a), parse(state, b));

    assert_int_equal(one, cm_json_equal(parse(state, b), parse(state, a)));
    return one;
}

static void what_is_not_there_is_equal_to_nothing(void **state) {
    const struct cm_json *null = parse(state, "null");

    assert_true(cm_json_equal(NULL, NULL));
    assert_false(cm_json_equal(null, NULL) || cm_json_equal(NULL, null));
}

static void equal_numbers_have_equal_values(void **state) {
    assert_true(equal(state, "1", "1.0"));
    assert_true(equal(state, "1", "1e0"));
    assert_true(equal(state, "1200", "12e2"));
    assert_true(equal(state, "0.0012", "12E-4"));
    assert_true(equal(state, "0", "-0.0e7"));
    assert_true(equal(state, "10.5", "1.05e1"));
    assert_true(equal(state, "1e99999999999999999999", "1e99999999999999999999"));
    assert_true(equal(state, "1e99999999999999999999", "1E99999999999999999999"));
    assert_false(equal(state, "1e99999999999999999999", "1e99999999999999999998"));
    assert_false(equal(state, "1", "-1"));
    assert_false(equal(state, "1", "1.0000000000000000000000001"));
    assert_false(equal(state, "18446744073709551616", "18446744073709551617"));
    assert_false(equal(state, "12", "120"));
    assert_false(equal(state, "12", "123"));
    assert_false(equal(state, "0", "1"));
    assert_false(equal(state, "1", "\"1\""));
}

static void equal_objects_may_differ_in_order(void **state) {
    assert_true(equal(state, "{\"a\":1,\"b\":[1,2],\"c\":3}", "{\"c\":3.0,\"b\":[1,2],\"a\":1}"));
    assert_false(equal(state, "{\"a\":1,\"b\":2}", "{\"b\":1,\"a\":2}"));
    assert_false(equal(state, "{\"a\":1,\"b\":2}", "{\"b\":2,\"c\":1}"));
    assert_false(equal(state, "{\"a\":1}", "{\"a\":1,\"b\":null}"));
    assert_false(equal(state, "[1,2]", "[2,1]"));
    assert_false(equal(state, "[1,2]", "[1,2,3]"));
    assert_false(equal(state, "{}", "[]"));
    assert_false(equal(state, "true", "false"));
    assert_false(equal(state, "\"a\"", "\"ab\""));
}

static void documents_may_stand_one_behind_the_other(void **state) {
    static const char text[] = " {\"a\": 1}\n{\"b\": 2} [3]\n";
    struct cm_json docs = {0};
    struct cm_err err;

    assert_int_equal(cm_json_parse_all(*state, text, strlen(text), NULL, &docs, &err), CM_OK);
    assert_int_equal(docs.count, 3);
    assert_int_equal(docs.first->next->line, 2);
    assert_non_null(cm_json_get(docs.first->next, "b"));
    assert_int_equal(docs.last->type, CM_ARRAY);
    assert_int_equal(cm_json_parse_all(*state, "{} {", 4, NULL, &docs, &err), CM_EINVAL);
    assert_int_equal(docs.count, 3);
    assert_int_equal(cm_json_parse_all(*state, " ", 1, NULL, &docs, &err), CM_OK);
    assert_int_equal(docs.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(a_text_need_not_end_in_nul),
        cmocka_unit_test(numbers_leave_as_they_came),
        cmocka_unit_test(malformed_numbers_are_refused),
        cmocka_unit_test(escapes_become_what_they_stand_for),
        cmocka_unit_test(broken_escapes_are_refused),
        cmocka_unit_test(a_nul_in_a_string_is_refused),
        cmocka_unit_test(a_string_must_end),
        cmocka_unit_test(invalid_utf8_is_refused),
        cmocka_unit_test(a_name_may_be_there_only_once),
        cmocka_unit_test(a_name_is_found_twice_among_many),
        cmocka_unit_test(errors_say_what_was_expected),
        cmocka_unit_test(nodes_know_their_place),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(no_limit_lets_a_document_be_nested_without_end),
        cmocka_unit_test(an_arena_without_room_is_an_error),
        cmocka_unit_test(the_canonical_form_sorts_and_indents),
        cmocka_unit_test(only_what_must_be_escaped_is),
        cmocka_unit_test(trees_can_be_made_and_changed),
        cmocka_unit_test(a_replaced_last_member_leaves_a_whole_list),
        cmocka_unit_test(members_can_be_removed),
        cmocka_unit_test(a_copy_stands_alone),
        cmocka_unit_test(paths_lead_to_members_or_to_nothing),
        cmocka_unit_test(integral_numbers_have_a_value),
        cmocka_unit_test(what_is_not_there_is_equal_to_nothing),
        cmocka_unit_test(equal_numbers_have_equal_values),
        cmocka_unit_test(equal_objects_may_differ_in_order),
        cmocka_unit_test(documents_may_stand_one_behind_the_other),
    };

    return cmocka_run_group_tests(tests, set_up, take_down);
}
