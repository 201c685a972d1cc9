#include "hub/hold/internal.h"

#include "release.h"

static void lines_that_others_changed_stay(void **state) {
    static const struct {
        const char *bad;
        const char *now;
        const char *good;
        const char *merged; // NULL: a conflict
    } cases[] = {
        {"a\nb\nc\n", "a\nb\nc\n", "a\nx\nc\n", "a\nx\nc\n"},
        {"a\nb\nc\n", "a\nb\nC\n", "a\nx\nc\n", NULL}, // two lines side by side
        {"a\nb\nc\nd\n", "a\nb\nc\nD\n", "a\nx\nc\nd\n", "a\nx\nc\nD\n"},
        {"a\nb\nc\n", "0\na\nb\nc\n", "a\nb\nc\nd\n", "0\na\nb\nc\nd\n"},
        {"a\nb\nc\n", "a\nx\nc\n", "a\nx\nc\n", "a\nx\nc\n"},
        {"a\nb\nc\n", "a\ny\nc\n", "a\nx\nc\n", NULL},
        {"a\nb\n", "a\n", "a\nb\nc\n", NULL},
        {"a\nb\nc\n", "c\n", "a\nb\nc\nd\n", "c\nd\n"},
        {"a\nb", "a\nb", "", ""},
        {"", "x\n", "", "x\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        const char *out = NULL;
        enum hub_merged merged = hub_merge_text(a, cases[i].bad, cases[i].now, cases[i].good, &out);

        if (merged == HUB_MERGE_CONFLICT) {
            assert_null(cases[i].merged);
        } else if (cases[i].merged == NULL || strcmp(out, cases[i].merged) != 0) {
            fail_msg("%zu: '%s'", i, out);
        }
    }
}

static struct cm_json *value(struct cm_arena *a, const char *text) {
    struct cm_yaml_docs docs;
    struct cm_err err;

    assert_int_equal(cm_yaml_parse(a, text, strlen(text), NULL, &docs, &err), CM_OK);
    return docs.docs[0];
}

static void entries_and_members_that_others_changed_stay(void **state) {
    static const char *const cases[][4] = {
        // bad, now, good, merged
        {"[{name: A, value: x}]", "[{name: A, value: x}, {name: B, value: w}]",
         "[{name: A, value: o}]",
         "[{\"name\":\"A\",\"value\":\"o\"},{\"name\":\"B\",\"value\":\"w\"}]"},
        {"[{name: A, value: x}, {name: C, value: c}]",
         "[{name: A, value: mine}, {name: C, value: c}]", "[{name: A, value: o}]",
         "[{\"name\":\"A\",\"value\":\"mine\"}]"},
        {"[{name: A, value: x}]", "[{name: A, value: x}, {name: D, value: d}]",
         "[{name: Z, value: z}, {name: A, value: x}]",
         "[{\"name\":\"Z\",\"value\":\"z\"},{\"name\":\"A\",\"value\":\"x\"},{\"name\":\"D\","
         "\"value\":"
         "\"d\"}]"},
        {"[{name: A, value: x}, {name: B, value: b}]", "[{name: B, value: b}]",
         "[{name: A, value: o}, {name: B, value: b}]", "[{\"name\":\"B\",\"value\":\"b\"}]"},
        {"[{name: A, value: x, note: o}]", "[{name: A, value: x, note: mine}]",
         "[{name: A, value: o}]", "[{\"name\":\"A\",\"value\":\"o\",\"note\":\"mine\"}]"},
    };
    struct cm_place env = cm_schema_root("apps", "Deployment");

    (void)state;
    env = cm_schema_member(cm_schema_member(env, "spec"), "template");
    env = cm_schema_element(cm_schema_member(cm_schema_member(env, "spec"), "containers"));
    env = cm_schema_member(env, "env");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        CM_CLEANUP(cm_str_done) struct cm_str text = {0};

        cm_json_write_compact(hub_merge_value(a, env, value(a, cases[i][0]), value(a, cases[i][1]),
                                              value(a, cases[i][2])),
                              &text);
        assert_string_equal(cm_str_get(&text), cases[i][3]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_that_others_changed_stay),
        cmocka_unit_test(entries_and_members_that_others_changed_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
