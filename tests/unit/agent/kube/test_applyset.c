#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/applyset.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"

static void the_parents_name_is_a_dns_name(void **state) {
    char name[KUBE_APPLYSET_NAME_MAX];

    (void)state;
    kube_applyset_name("Paris 1_a.", name);
    assert_string_equal(name, "holdfast-paris-1-a");
    kube_applyset_name("0b7c3f60-8c0e", name);
    assert_string_equal(name, "holdfast-0b7c3f60-8c0e");
}

static void the_id_is_that_of_kubectl(void **state) {
    char id[KUBE_APPLYSET_ID_MAX];

    (void)state;
    // base64url of the SHA-256 of "my-set.my-ns.Secret."
    kube_applyset_id("my-set", "my-ns", id);
    assert_string_equal(id, "applyset-XPS7DQcglYD3_BOTiwpLtirwmT9y1Q06wbJ7TyrjGmY-v1");
}

static void members_are_waited_for_until_the_parent_was_written(void **state) {
    struct kube_applyset s;

    (void)state;
    kube_applyset_init(&s, "x", "holdfast-system");
    assert_false(kube_applyset_covers(&s, "ConfigMap", "shop"));
    s.loaded = true;
    assert_false(kube_applyset_covers(&s, "ConfigMap", "shop"));
    s.written_kinds = 1;
    s.written_namespaces = 1;
    assert_true(kube_applyset_covers(&s, "ConfigMap", "shop"));
    assert_true(kube_applyset_covers(&s, "ConfigMap", "holdfast-system")); // needs no mention
    assert_true(kube_applyset_covers(&s, "ConfigMap", ""));
    assert_false(kube_applyset_covers(&s, "Deployment.apps", "shop"));
    kube_applyset_done(&s);
}

static void a_parent_tells_what_was_put_into_it(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_applyset s;
    struct kube_applyset read;
    struct cm_str text = {0};

    (void)state;
    kube_applyset_init(&s, "x", "ns");
    kube_applyset_init(&read, "x", "ns");
    (void)kube_applyset_covers(&s, "Deployment.apps", "b");
    (void)kube_applyset_covers(&s, "ConfigMap", "a");
    struct cm_json *parent = kube_applyset_parent(&s, a);
    cm_json_write_compact(parent, &text);
    assert_non_null(strstr(cm_str_get(&text), "\"applyset.kubernetes.io/contains-group-kinds\":"
                                              "\"ConfigMap,Deployment.apps\""));
    assert_non_null(
        strstr(cm_str_get(&text), "\"applyset.kubernetes.io/additional-namespaces\":\"a,b\""));
    assert_non_null(strstr(cm_str_get(&text), "\"applyset.kubernetes.io/id\":"));
    kube_applyset_read(&read, parent);
    assert_int_equal(cm_map_len(read.kinds), 2);
    assert_non_null(cm_map_get(read.kinds, "Deployment.apps"));
    assert_non_null(cm_map_get(read.namespaces, "a"));
    cm_str_done(&text);
    kube_applyset_done(&s);
    kube_applyset_done(&read);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parents_name_is_a_dns_name),
        cmocka_unit_test(the_id_is_that_of_kubectl),
        cmocka_unit_test(members_are_waited_for_until_the_parent_was_written),
        cmocka_unit_test(a_parent_tells_what_was_put_into_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
