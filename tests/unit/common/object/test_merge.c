#include "common/object/merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "docs.h"

#define POD "apiVersion: v1\nkind: Pod\n"
#define SERVICE "apiVersion: v1\nkind: Service\n"
#define WIDGET "apiVersion: example.com/v1\nkind: Widget\n"

// assert_merges compares without the first lines of the object, which are the kind.
static void assert_merges(void **state, const char *kind, const char *object, const char *patch,
                          const char *expected) {
    char text[2048];
    struct cm_merged out = {0};
    struct cm_err err = {0};

    (void)snprintf(text, sizeof(text), "%s%s", kind, object);
    if (cm_object_merge(*state, yaml(state, text), yaml(state, patch), &out, &err) < 0) {
        fail_msg("%s: %s", patch, err.msg);
    }
    assert_null(out.wrong);
    if (expected == NULL) {
        assert_null(out.object);
        return;
    }
    assert_non_null(out.object);
    (void)cm_json_remove(out.object, "apiVersion");
    (void)cm_json_remove(out.object, "kind");
    assert_compact(out.object, expected);
}

static void assert_refused(void **state, const char *kind, const char *patch, unsigned line,
                           const char *words) {
    struct cm_merged out = {0};
    struct cm_err err = {0};

    assert_int_equal(cm_object_merge(*state, yaml(state, kind), yaml(state, patch), &out, &err),
                     CM_EINVAL);
    assert_string_equal(err.msg, words);
    assert_int_equal(out.wrong->line, line);
    assert_null(out.object);
}

static void maps_merge_and_null_removes(void **state) {
    assert_merges(state, WIDGET, "a: {b: 1, c: 2, d: [1, 2]}", "a: {b: null, c: {x: 1, y: null}}",
                  "{\"a\":{\"c\":{\"x\":1},\"d\":[1,2]}}");
    assert_merges(state, WIDGET, "a: 1", "b: {c: {d: null}}\nz: null",
                  "{\"a\":1,\"b\":{\"c\":{}}}");
}

static void nothing_changes_nothing(void **state) {
    assert_merges(state, POD, "spec: {containers: [{name: a}, {name: b}], x: null}", "{}",
                  "{\"spec\":{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}],\"x\":null}}");
}

static void the_examples_of_rfc_7386_hold(void **state) {
    static const char *const cases[][3] = {
        {"{a: b}", "{a: c}", "{\"a\":\"c\"}"},
        {"{a: b}", "{b: c}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{a: b}", "{a: null}", "{}"},
        {"{a: b, b: c}", "{a: null}", "{\"b\":\"c\"}"},
        {"{a: [b]}", "{a: c}", "{\"a\":\"c\"}"},
        {"{a: c}", "{a: [b]}", "{\"a\":[\"b\"]}"},
        {"{a: {b: c}}", "{a: {b: d, c: null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{a: [{b: c}]}", "{a: [1]}", "{\"a\":[1]}"},
        {"{e: null}", "{a: 1}", "{\"e\":null,\"a\":1}"},
        {"{a: foo}", "{b: [1, {c: null}]}", "{\"a\":\"foo\",\"b\":[1,{\"c\":null}]}"},
        {"{}", "{a: {bb: {ccc: null}}}", "{\"a\":{\"bb\":{}}}"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char object[256];
        // In flow style the kind goes into the same map.
        (void)snprintf(object, sizeof(object), "{apiVersion: example.com/v1, kind: Widget%s%s",
                       strlen(cases[i][0]) > 2 ? ", " : "", cases[i][0] + 1);
        assert_merges(state, "", object, cases[i][1], cases[i][2]);
    }
}

static void entries_with_a_name_merge_and_come_first(void **state) {
    assert_merges(state, POD,
                  "spec: {containers: [{name: a, image: x}, {name: b, image: q, tty: true}]}",
                  "spec: {containers: [{name: c, image: new}, {name: b, image: z, tty: null}]}",
                  "{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"new\"},{\"name\":\"b\","
                  "\"image\":\"z\"},{\"name\":\"a\",\"image\":\"x\"}]}}");
}

static void lists_without_keys_are_replaced(void **state) {
    assert_merges(state, POD, "spec: {tolerations: [{key: a}, {key: b}]}",
                  "spec: {tolerations: [{key: c, x: null}]}",
                  "{\"spec\":{\"tolerations\":[{\"key\":\"c\",\"x\":null}]}}");
    assert_merges(state, WIDGET, "spec: {containers: [{name: a}]}",
                  "spec: {containers: [{name: b}]}",
                  "{\"spec\":{\"containers\":[{\"name\":\"b\"}]}}");
    // Server-side apply merges these; a strategic merge patch does not.
    assert_merges(state, POD, "spec: {containers: [{name: a, resources: {claims: [{name: x}]}}]}",
                  "spec: {containers: [{name: a, resources: {claims: [{name: q}]}}]}",
                  "{\"spec\":{\"containers\":[{\"name\":\"a\",\"resources\":{\"claims\":[{\"name\":"
                  "\"q\"}]}}]}}");
}

static void sets_unite(void **state) {
    assert_merges(state, POD, "metadata: {finalizers: [a, b]}", "metadata: {finalizers: [c, b]}",
                  "{\"metadata\":{\"finalizers\":[\"c\",\"b\",\"a\"]}}");
}

static void a_second_key_may_be_left_out(void **state) {
    assert_merges(state, SERVICE, "spec: {ports: [{port: 80, name: a}, {port: 81}]}",
                  "spec: {ports: [{port: 81, name: b}]}",
                  "{\"spec\":{\"ports\":[{\"port\":81,\"name\":\"b\"},{\"port\":80,\"name\":\"a\"}"
                  "]}}");
    assert_merges(state, SERVICE, "spec: {ports: [{port: 53, protocol: UDP, name: a}]}",
                  "spec: {ports: [{port: 53, name: b}]}",
                  "{\"spec\":{\"ports\":[{\"port\":53,\"protocol\":\"UDP\",\"name\":\"b\"}]}}");
    assert_merges(
        state, SERVICE, "spec: {ports: [{port: 53, protocol: UDP}, {port: 53, name: a}]}",
        "spec: {ports: [{port: 53, name: b}]}",
        "{\"spec\":{\"ports\":[{\"port\":53,\"protocol\":\"UDP\"},{\"port\":53,\"name\":\"b\"}]}}");
}

static void entries_with_two_keys_keep_their_order(void **state) {
    assert_merges(
        state, SERVICE, "spec: {ports: [{port: 80, protocol: TCP}, {port: 53, protocol: UDP}]}",
        "spec: {ports: [{port: 53, protocol: UDP, name: d}, {port: 53, protocol: TCP}]}",
        "{\"spec\":{\"ports\":[{\"port\":53,\"protocol\":\"TCP\"},{\"port\":80,\"protocol\":"
        "\"TCP\"},{\"port\":53,\"protocol\":\"UDP\",\"name\":\"d\"}]}}");
}

static void directives_delete_and_replace(void **state) {
    assert_merges(state, POD, "spec: {containers: [{name: a, image: x}, {name: b}]}",
                  "spec: {containers: [{name: b, $patch: delete}, {name: c, $patch: delete}]}",
                  "{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"x\"}]}}");
    assert_merges(state, POD, "spec: {containers: [{name: a, image: x, tty: true}]}",
                  "spec: {containers: [{name: a, $patch: replace, image: q}]}",
                  "{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"q\"}]}}");
    assert_merges(state, POD, "spec: {containers: [{name: a}], x: 1}",
                  "spec: {containers: [{$patch: replace}, {name: b}]}",
                  "{\"spec\":{\"containers\":[{\"name\":\"b\"}],\"x\":1}}");
    assert_merges(state, POD, "spec: {containers: [{name: a}], x: 1}",
                  "spec: {containers: [{$patch: delete}]}", "{\"spec\":{\"x\":1}}");
    assert_merges(state, POD, "spec: {x: 1, y: 2}", "spec: {$patch: replace, z: {w: null}}",
                  "{\"spec\":{\"z\":{}}}");
    assert_merges(state, POD, "spec: {x: 1}", "spec: {$patch: delete}", "{}");
    assert_merges(state, POD, "spec: {x: 1}", "$patch: delete", NULL);
    assert_merges(state, WIDGET, "spec: {x: {w: 1}}", "spec: {x: {$patch: merge, z: 2}}",
                  "{\"spec\":{\"x\":{\"w\":1,\"z\":2}}}");
}

static void retained_keys_are_all_that_stays(void **state) {
    assert_merges(state, "apiVersion: apps/v1\nkind: Deployment\n",
                  "spec: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}}",
                  "spec: {strategy: {$retainKeys: [type], type: Recreate}}",
                  "{\"spec\":{\"strategy\":{\"type\":\"Recreate\"}}}");
}

static void what_makes_no_sense_is_refused(void **state) {
    assert_refused(state, POD, "spec:\n  $patch: remove", 2,
                   "'$patch' is 'delete', 'replace' or 'merge', not 'remove'");
    assert_refused(state, POD, "spec:\n  containers:\n  - $patch: gone\n", 3,
                   "'$patch' is 'delete', 'replace' or 'merge', not 'gone'");
    assert_refused(state, POD, "spec:\n  $retainKeys: a", 2,
                   "'$retainKeys' must be a list of the members that stay");
    assert_refused(
        state, POD, "spec:\n  $setElementOrder/containers: [{name: a}]", 2,
        "'$setElementOrder/containers' is not supported: use a jsonPatch to order a list "
        "or to remove from it");
    assert_refused(state, POD, "spec:\n  $pach: delete", 2,
                   "unknown directive '$pach': did you mean '$patch'?");
    assert_refused(state, POD, "spec:\n  containers:\n  - name: a\n    $retainkeys: [b]", 4,
                   "unknown directive '$retainkeys': did you mean '$retainKeys'?");
    assert_refused(state, WIDGET, "$something: 1", 1,
                   "unknown directive '$something': write '$patch' or '$retainKeys', or use a "
                   "jsonPatch for a member of this name");
    assert_refused(state, POD, "spec:\n  containers:\n  - name: a\n  - image: b\n", 4,
                   "an entry of 'containers' has no 'name', by which entries are found: add it");
    assert_refused(state, POD, "spec:\n  containers:\n  - name: a\n    image: b\n  - name: a\n", 5,
                   "'containers' has two entries with this 'name': make one of them");
    assert_refused(state, POD, "spec:\n  tolerations:\n  - key: a\n    $patch: delete\n", 3,
                   "'tolerations' is replaced as a whole, so its entries cannot have '$patch': "
                   "write all of the list, or use a jsonPatch");
}

static void very_long_lists_are_refused(void **state) {
    struct cm_str text = {0};
    struct cm_merged out = {0};
    struct cm_err err = {0};

    cm_str_add(&text, POD "spec:\n  volumes:\n");
    for (int i = 0; i < 1500; i++) {
        cm_str_addf(&text, "  - name: v%d\n", i);
    }
    assert_int_equal(cm_object_merge(*state, yaml(state, cm_str_get(&text)),
                                     yaml(state, cm_str_get(&text)), &out, &err),
                     CM_EINVAL);
    assert_string_equal(err.msg, "the lists are too long to be merged entry by entry: put a "
                                 "'$patch: replace' into the list and write all of it");
    cm_str_done(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(maps_merge_and_null_removes, set_up, take_down),
        cmocka_unit_test_setup_teardown(nothing_changes_nothing, set_up, take_down),
        cmocka_unit_test_setup_teardown(the_examples_of_rfc_7386_hold, set_up, take_down),
        cmocka_unit_test_setup_teardown(entries_with_a_name_merge_and_come_first, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(lists_without_keys_are_replaced, set_up, take_down),
        cmocka_unit_test_setup_teardown(sets_unite, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_second_key_may_be_left_out, set_up, take_down),
        cmocka_unit_test_setup_teardown(entries_with_two_keys_keep_their_order, set_up, take_down),
        cmocka_unit_test_setup_teardown(directives_delete_and_replace, set_up, take_down),
        cmocka_unit_test_setup_teardown(retained_keys_are_all_that_stays, set_up, take_down),
        cmocka_unit_test_setup_teardown(what_makes_no_sense_is_refused, set_up, take_down),
        cmocka_unit_test_setup_teardown(very_long_lists_are_refused, set_up, take_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
