#include "common/object/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/common/object/docs.h"

static void members_are_written_and_read_back(void **state) {
    static const char *const names[] = {"spec", "a.b/c", "", "it's", "back\\slash", "a]", "['x']"};
    struct cm_str text = {0};
    struct cm_path path;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cm_path_add_member(&text, names[i]);
    }
    assert_string_equal(cm_str_get(&text),
                        "spec['a.b/c']['']['it\\'s']['back\\\\slash']['a]']['[\\'x\\']']");
    assert_true(cm_path_parse(*state, cm_str_get(&text), &path));
    assert_int_equal(path.count, sizeof(names) / sizeof(names[0]));
    for (size_t i = 0; i < path.count; i++) {
        assert_int_equal(path.segments[i].type, CM_SEGMENT_MEMBER);
        assert_string_equal(path.segments[i].name, names[i]);
    }
    cm_str_done(&text);
}

static void entries_are_written_and_read_back(void **state) {
    const struct cm_list_rule *rule = cm_list_rule_find("", "Service", "spec.ports");
    struct cm_str text = {0};
    struct cm_path path;

    cm_path_add_entry(&text, rule, yaml(state, "{port: 80}"));
    cm_path_add_entry(&text, rule, yaml(state, "{port: 'a,b=c]', protocol: ''}"));
    assert_string_equal(cm_str_get(&text), "[port=80,protocol=TCP][port='a,b=c]',protocol='']");
    assert_true(cm_path_parse(*state, cm_str_get(&text), &path));
    assert_int_equal(path.count, 2);
    assert_int_equal(path.segments[1].type, CM_SEGMENT_ENTRY);
    assert_string_equal(path.segments[1].keys[0], "port");
    assert_string_equal(path.segments[1].values[0], "a,b=c]");
    assert_string_equal(path.segments[1].values[1], "");
    assert_null(path.segments[1].keys[2]);
    cm_str_done(&text);
}

static void values_of_sets_are_written_and_read_back(void **state) {
    const struct cm_list_rule *rule = cm_list_rule_find("", "Pod", "metadata.finalizers");
    struct cm_str text = {0};
    struct cm_path path;

    cm_path_add_entry(&text, rule, yaml(state, "a.b/c"));
    cm_path_add_entry(&text, rule, yaml(state, "it's"));
    assert_string_equal(cm_str_get(&text), "[=a.b/c][='it\\'s']");
    assert_true(cm_path_parse(*state, cm_str_get(&text), &path));
    assert_int_equal(path.segments[0].type, CM_SEGMENT_VALUE);
    assert_string_equal(path.segments[0].name, "a.b/c");
    assert_string_equal(path.segments[1].name, "it's");
    cm_str_done(&text);
}

static void what_is_no_path_is_not_read(void **state) {
    static const char *const texts[] = {
        "",     ".a",   "a.",    "a..b",   "a[",   "a[]",     "a]b.",    "a[b",     "a['b'", "a['b",
        "a[b=", "a[=x", "a[b=c", "a[b=c,", "a[b]", "a['b']c", "a[,b=c]", "a[b='c]", "a['b\\"};
    struct cm_path path;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (cm_path_parse(*state, texts[i], &path)) {
            print_error("%s\n", texts[i]);
            fail();
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_written_and_read_back),
        cmocka_unit_test(entries_are_written_and_read_back),
        cmocka_unit_test(values_of_sets_are_written_and_read_back),
        cmocka_unit_test(what_is_no_path_is_not_read),
    };

    return cmocka_run_group_tests(tests, set_up, take_down);
}
