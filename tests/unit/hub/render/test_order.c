#include "hub/render/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/mem.h"
#include "hub/render/render.h"
#include "hub/render/source.h"

#define META(kind, name) "apiVersion: v1\nkind: " kind "\nmetadata:\n  name: " name "\n"
#define NOTE(name, value) "  annotations:\n    " name ": " value "\n"
#define WAVE(value) NOTE("holdfast.dev/wave", value)
#define ARGO_WAVE(value) NOTE("argocd.argoproj.io/sync-wave", value)

static struct {
    struct hub_source *source;
    struct hub_diags diags;
    struct hub_rendered out;
    char said[1024];
} t;

static int tear_down(void **state) {
    (void)state;
    hub_rendered_done(&t.out);
    hub_diags_done(&t.diags);
    hub_source_free(t.source);
    t.source = NULL;
    return 0;
}

// render makes a bundle of one file and returns the first thing that is wrong; "" if nothing is.
static const char *render(const char *text) {
    static const uint8_t key[32] = "key";
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *path = cm_buf_copy("a.yaml", 7);
    CM_AUTOFREE struct hub_template **templates = cm_new(100, sizeof(struct hub_template *));

    (void)tear_down(NULL);
    t.source = hub_source_new(path, text, strlen(text));
    assert_int_equal(t.source->diags.count, 0);
    for (size_t i = 0; i < t.source->count; i++) {
        templates[i] = &t.source->templates[i];
    }
    const struct hub_render_input in = {.app = "shop",
                                        .namespace = "web",
                                        .path = "app.yaml",
                                        .templates = templates,
                                        .template_count = t.source->count,
                                        .values = {.cluster = "paris"},
                                        .secret_key = key};
    t.said[0] = '\0';
    if (!hub_render(&in, &t.out, &t.diags)) {
        const struct hub_diag *d = &t.diags.items[0];

        (void)snprintf(t.said, sizeof(t.said), "%s:%u:%u: %s", d->path, d->line, d->column,
                       d->message);
    }
    return t.said;
}

static const struct hub_order *order_of(const char *key) {
    for (size_t i = 0; i < t.out.bundle->spec.object_count; i++) {
        if (strcmp(t.out.bundle->spec.objects[i].key, key) == 0) {
            return &t.out.bundle->spec.objects[i].order;
        }
    }
    fail_msg("there is no %s", key);
    return NULL;
}

static int wave_of(const char *key) {
    return order_of(key)->wave;
}

static void an_annotation_says_the_wave(void **state) {
    (void)state;
    assert_string_equal(render(META("ConfigMap", "a") WAVE("'-5'") "---\n" META("ConfigMap", "b")
                                   WAVE("'+1000'") "---\n" META("ConfigMap", "c")),
                        "");
    assert_int_equal(wave_of("ConfigMap/web/a"), -5);
    assert_int_equal(wave_of("ConfigMap/web/b"), 1000);
    assert_int_equal(wave_of("ConfigMap/web/c"), 0);
}

static void a_wave_of_argo_cd_counts_where_ours_is_not_there(void **state) {
    (void)state;
    assert_string_equal(render(META("ConfigMap", "a") ARGO_WAVE("'3'") "---\n" META(
                            "ConfigMap", "b") WAVE("'0'") "    argocd.argoproj.io/sync-wave: no\n"),
                        "");
    assert_int_equal(wave_of("ConfigMap/web/a"), 3);
    assert_int_equal(wave_of("ConfigMap/web/b"), 0);
}

static void a_wrong_wave_is_told_with_its_place(void **state) {
    static const char *const wrong[] = {"'1001'",
                                        "'-1001'",
                                        "first",
                                        "''",
                                        "3",
                                        "'1.5'",
                                        "' 1'",
                                        "'1 '",
                                        "'0x1'",
                                        "null",
                                        "'99999999999999999999999'"};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[256];

        (void)snprintf(text, sizeof(text), META("ConfigMap", "a") WAVE("%s"), wrong[i]);
        assert_string_equal(render(text), "a.yaml:6:24: the annotation holdfast.dev/wave is an "
                                          "integer from -1000 to 1000, in quotes");
    }
    assert_string_equal(render(META("ConfigMap", "a") ARGO_WAVE("soon")),
                        "a.yaml:6:35: the annotation argocd.argoproj.io/sync-wave is an integer "
                        "from -1000 to 1000, in quotes");
}

static void a_namespace_comes_before_what_is_in_it(void **state) {
    (void)state;
    assert_string_equal(render(META("Namespace", "web")
                                   WAVE("'5'") "---\n" META("Namespace", "other")
                                       WAVE("'5'") "---\n" META("ConfigMap", "a") WAVE("'-2'")),
                        "");
    assert_int_equal(wave_of("Namespace//web"), -2);
    assert_int_equal(wave_of("Namespace//other"), 5);
}

static void a_definition_comes_before_objects_of_its_group(void **state) {
    (void)state;
    assert_string_equal(
        render("apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
               "metadata:\n  name: widgets.example.com\n" WAVE(
                   "'1'") "---\napiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: "
                          "w\n" WAVE("'-1'")),
        "");
    assert_int_equal(wave_of("CustomResourceDefinition.apiextensions.k8s.io//widgets.example.com"),
                     -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_annotation_says_the_wave, tear_down),
        cmocka_unit_test_teardown(a_wave_of_argo_cd_counts_where_ours_is_not_there, tear_down),
        cmocka_unit_test_teardown(a_wrong_wave_is_told_with_its_place, tear_down),
        cmocka_unit_test_teardown(a_namespace_comes_before_what_is_in_it, tear_down),
        cmocka_unit_test_teardown(a_definition_comes_before_objects_of_its_group, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
