#include "common/object/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/object/listkeys.h"
#include "tests/unit/common/object/docs.h"

static const char deployment[] = "{apiVersion: apps/v1, kind: Deployment, spec: {template: {spec: "
                                 "{containers: [{name: a, image: "
                                 "x}, {name: b, ports: [{containerPort: 80}]}]}}}}";

static void set(void **state, const char *at, const char *value, const char *expected) {
    struct cm_json *object = yaml(state, deployment);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_path path;

    assert_true(cm_field_parse(*state, at, &path));
    assert_true(cm_field_set(*state, object, &path, value != NULL ? yaml(state, value) : NULL));
    cm_json_write_compact(cm_json_path(object, "spec", "template", "spec", NULL), &text);
    assert_string_equal(cm_str_get(&text), expected);
}

static void fields_are_set_made_and_taken_away(void **state) {
    set(state, "/spec/template/spec/containers/[name=a]/image", "w",
        "{\"containers\":[{\"name\":\"a\",\"image\":\"w\"},{\"name\":\"b\",\"ports\":[{"
        "\"containerPort\":80}]}]}");
    set(state, "/spec/template/spec/containers/[name=a]", NULL,
        "{\"containers\":[{\"name\":\"b\",\"ports\":[{\"containerPort\":80}]}]}");
    set(state, "/spec/template/spec/containers/[name=b]/ports/[containerPort=80,protocol=TCP]/name",
        "web",
        "{\"containers\":[{\"name\":\"a\",\"image\":\"x\"},{\"name\":\"b\",\"ports\":[{"
        "\"containerPort\":80,\"name\":\"web\"}]}]}");
    set(state, "/spec/template/spec/containers/[name=a]/env/[name=X]", "{name: X}",
        "{\"containers\":[{\"name\":\"a\",\"image\":\"x\",\"env\":[{\"name\":\"X\"}]},{\"name\":"
        "\"b\",\"ports\":[{\"containerPort\":80}]}]}");
    set(state, "/spec/template/spec/nothing/there", NULL,
        "{\"containers\":[{\"name\":\"a\",\"image\":\"x\"},{\"name\":\"b\",\"ports\":[{"
        "\"containerPort\":80}]}]}");
}

static void what_stands_in_the_way_is_told(void **state) {
    struct cm_json *object = yaml(state, deployment);
    struct cm_path path;

    assert_true(cm_field_parse(*state, "/kind/x/y", &path));
    assert_false(cm_field_set(*state, object, &path, yaml(state, "1")));
}

static void pointers_are_written_and_read_back(void **state) {
    const struct cm_list_rule *rule =
        cm_list_rule_find("apps", "Deployment", "spec.template.spec.containers");
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_path path;

    cm_field_add_member(&text, "a/b~c");
    cm_field_add_entry(&text, rule, yaml(state, "{name: 'x/y'}"));
    assert_string_equal(cm_str_get(&text), "/a~1b~0c/[name=x~1y]");
    assert_true(cm_field_parse(*state, cm_str_get(&text), &path));
    assert_int_equal(path.count, 2);
    assert_string_equal(path.segments[0].name, "a/b~c");
    assert_string_equal(path.segments[1].values[0], "x/y");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_set_made_and_taken_away),
        cmocka_unit_test(what_stands_in_the_way_is_told),
        cmocka_unit_test(pointers_are_written_and_read_back),
    };

    return cmocka_run_group_tests(tests, set_up, take_down);
}
