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
    assert_string_equal(render(META("ConfigMap", "a")
                                   ARGO_WAVE("'3'") "---\n" META("ConfigMap", "b")
                                       WAVE("'0'") "    argocd.argoproj.io/sync-wave: 'no'\n"),
                        "");
    assert_int_equal(wave_of("ConfigMap/web/a"), 3);
    assert_int_equal(wave_of("ConfigMap/web/b"), 0);
}

static void a_wrong_wave_is_told_with_its_place(void **state) {
    static const char *const wrong[] = {
        "'1001'", "'-1001'", "first", "''",   "'1.5'",
        "' 1'",   "'1 '",    "'0x1'", "null", "'99999999999999999999999'"};

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

#define JOB "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: j\n"
#define HOOK(value) NOTE("holdfast.dev/hook", value)
#define ARGO_HOOK(value) NOTE("argocd.argoproj.io/hook", value)
#define POLICY(value) "    holdfast.dev/hook-delete-policy: " value "\n"

static void a_job_can_be_a_hook(void **state) {
    static const struct {
        const char *text;
        enum hub_phase phase;
        enum hub_hook_delete policy;
    } cases[] = {
        {JOB, HUB_PHASE_MAIN, HUB_HOOK_BEFORE_CREATION},
        {JOB HOOK("pre-apply"), HUB_PHASE_PRE_APPLY, HUB_HOOK_BEFORE_CREATION},
        {JOB HOOK("post-apply") POLICY("succeeded"), HUB_PHASE_POST_APPLY, HUB_HOOK_SUCCEEDED},
        {JOB HOOK("post-apply") POLICY("never"), HUB_PHASE_POST_APPLY, HUB_HOOK_NEVER},
        {JOB ARGO_HOOK("PreSync") POLICY("before-creation"), HUB_PHASE_PRE_APPLY,
         HUB_HOOK_BEFORE_CREATION},
        {JOB ARGO_HOOK("PostSync"), HUB_PHASE_POST_APPLY, HUB_HOOK_BEFORE_CREATION},
        {JOB ARGO_HOOK("Sync"), HUB_PHASE_MAIN, HUB_HOOK_BEFORE_CREATION},
        {JOB ARGO_HOOK("SyncFail") "    holdfast.dev/hook: pre-apply\n", HUB_PHASE_PRE_APPLY,
         HUB_HOOK_BEFORE_CREATION},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(render(cases[i].text), "");
        assert_int_equal(order_of("Job.batch/web/j")->phase, cases[i].phase);
        assert_int_equal(order_of("Job.batch/web/j")->hook_delete, cases[i].policy);
    }
    assert_string_equal(render(META("ConfigMap", "a") ARGO_HOOK("Sync")), "");
    assert_int_equal(order_of("ConfigMap/web/a")->phase, HUB_PHASE_MAIN);
    assert_string_equal(
        render(META("ConfigMap", "a") ARGO_HOOK("PreSync") "    holdfast.dev/wave: '-1'\n"), "");
    assert_int_equal(order_of("ConfigMap/web/a")->phase, HUB_PHASE_MAIN);
}

static void a_wrong_hook_is_told_with_its_place(void **state) {
    static const struct {
        const char *text;
        const char *said;
    } cases[] = {
        {META("ConfigMap", "a") HOOK("pre-apply"),
         "a.yaml:6:24: the annotation holdfast.dev/hook is for a Job only: remove it here"},
        {JOB HOOK("PreSync"),
         "a.yaml:6:24: the annotation holdfast.dev/hook is 'pre-apply' or 'post-apply'"},
        {JOB HOOK("'3'"),
         "a.yaml:6:24: the annotation holdfast.dev/hook is 'pre-apply' or 'post-apply'"},
        {JOB HOOK("pre-apply") POLICY("later"),
         "a.yaml:7:38: the annotation holdfast.dev/hook-delete-policy is 'before-creation', "
         "'succeeded' or 'never'"},
        {JOB NOTE("holdfast.dev/hook-delete-policy", "never"),
         "a.yaml:6:38: the annotation holdfast.dev/hook-delete-policy is for hooks only: set "
         "holdfast.dev/hook too, or remove it"},
        {JOB ARGO_HOOK("PostDelete"),
         "a.yaml:6:30: the annotation argocd.argoproj.io/hook is understood as PreSync and "
         "PostSync only, and the Job would run at once: set holdfast.dev/hook beside it, or leave "
         "the Job out"},
        {META("ConfigMap", "a") ARGO_HOOK("PreSync"),
         "a.yaml:6:30: the annotation argocd.argoproj.io/hook is understood of a Job only, and the "
         "object would be applied with all others: say when by holdfast.dev/wave beside it, or put "
         "it into an App that this one depends on, without it"},
        {META("ConfigMap", "a") ARGO_HOOK("Skip") "    holdfast.dev/wave: '1'\n",
         "a.yaml:6:30: the annotation argocd.argoproj.io/hook is understood as PreSync, Sync and "
         "PostSync only, and the object would be applied: leave the object out, or remove the "
         "annotation"},
        {META("ConfigMap", "a") ARGO_HOOK("PostDelete"),
         "a.yaml:6:30: the annotation argocd.argoproj.io/hook is understood as PreSync, Sync and "
         "PostSync only, and the object would be applied: leave the object out, or remove the "
         "annotation"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(render(cases[i].text), cases[i].said);
    }
}

static void the_namespace_of_a_pre_apply_hook_is_its_ground(void **state) {
    (void)state;
    assert_string_equal(render(META("Namespace", "web") WAVE("'5'") "---\n" META(
                            "Namespace", "other") "---\n" JOB HOOK("pre-apply")),
                        "");
    assert_int_equal(order_of("Namespace//web")->phase, HUB_PHASE_GROUND);
    assert_int_equal(wave_of("Namespace//web"), 0);
    assert_int_equal(order_of("Namespace//other")->phase, HUB_PHASE_MAIN);
    assert_string_equal(
        render(META("Namespace", "web") WAVE("'-5'") "---\n" JOB HOOK("post-apply")), "");
    assert_int_equal(order_of("Namespace//web")->phase, HUB_PHASE_MAIN);
    assert_int_equal(wave_of("Namespace//web"), -5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_annotation_says_the_wave, tear_down),
        cmocka_unit_test_teardown(a_wave_of_argo_cd_counts_where_ours_is_not_there, tear_down),
        cmocka_unit_test_teardown(a_wrong_wave_is_told_with_its_place, tear_down),
        cmocka_unit_test_teardown(a_namespace_comes_before_what_is_in_it, tear_down),
        cmocka_unit_test_teardown(a_definition_comes_before_objects_of_its_group, tear_down),
        cmocka_unit_test_teardown(a_job_can_be_a_hook, tear_down),
        cmocka_unit_test_teardown(a_wrong_hook_is_told_with_its_place, tear_down),
        cmocka_unit_test_teardown(the_namespace_of_a_pre_apply_hook_is_its_ground, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
