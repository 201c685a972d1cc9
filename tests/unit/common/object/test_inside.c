#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/inside.h"

#define DEFINITION "CustomResourceDefinition.apiextensions.k8s.io//widgets.example.com"

static void a_namespace_takes_along_what_is_in_it(void **state) {
    (void)state;
    assert_true(cm_object_inside("Namespace//shop", NULL, "Service/shop/web"));
    assert_true(cm_object_inside("Namespace//shop", NULL, "Widget.example.com/shop/a"));
    assert_false(cm_object_inside("Namespace//shop", NULL, "Service/other/shop"));
    assert_false(cm_object_inside("Namespace//shop", NULL, "ClusterRole.rbac//shop"));
    assert_false(cm_object_inside("PersistentVolumeClaim/shop/shop", NULL, "Service/shop/web"));
    assert_false(cm_object_inside("Namespace.example.com//shop", NULL, "Service/shop/web"));
}

static void a_definition_takes_along_what_is_of_its_kind(void **state) {
    static const char text[] =
        "{\"spec\":{\"group\":\"example.com\",\"names\":{\"kind\":\"Widget\"}}}";
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *form = NULL;
    struct cm_err err;

    (void)state;
    assert_int_equal(cm_json_parse(a, text, strlen(text), NULL, &form, &err), CM_OK);
    assert_true(cm_object_inside(DEFINITION, form, "Widget.example.com/shop/a"));
    assert_false(cm_object_inside(DEFINITION, form, "Gadget.example.com/shop/a"));
    assert_false(cm_object_inside(DEFINITION, form, "Widget.more.example.com/shop/a"));
    assert_false(cm_object_inside(DEFINITION, form, "Widget/shop/a"));
    assert_true(cm_object_inside(DEFINITION, NULL, "Gadget.example.com/shop/a"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_namespace_takes_along_what_is_in_it),
        cmocka_unit_test(a_definition_takes_along_what_is_of_its_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
