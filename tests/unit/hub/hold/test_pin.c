#include "release.h"

static enum cm_rc pin(const char *text, const char *image, struct hub_hold **out,
                      struct cm_err *err) {
    static const char *const clusters[] = {"eu-001"};
    struct release release;

    release_init(&release, text);
    const struct hub_hold_decision d = {.app = "checkout",
                                        .clusters = clusters,
                                        .cluster_count = 1,
                                        .bad = release.objects,
                                        .bad_count = release.count,
                                        .bad_revision = "bbbbbbbb",
                                        .cause = {.controller = "",
                                                  .actor = "",
                                                  .object = "",
                                                  .phase = "",
                                                  .text = "INC-1",
                                                  .at = "2026-10-01T12:00:00Z"}};
    enum cm_rc rc = hub_hold_pin(&d, image, out, err);
    release_done(&release);
    return rc;
}

static struct hub_hold *must_pin(const char *text, const char *image) {
    struct hub_hold *hold = NULL;
    struct cm_err err = {0};

    if (pin(text, image, &hold, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return hold;
}

#define JOB                                                                                        \
    "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: night, namespace: prod}\n"         \
    "spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: a, image: 'reg/c:2'}, "     \
    "{name: b, image: 'reg/other:2'}]}}}}}\n"
#define JOB_KEY "CronJob.batch/prod/night"

static void every_container_of_the_image_gets_the_other_one(void **state) {
    (void)state;
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *hold = must_pin(WORKLOAD("image: 'reg/c:2'", "") JOB, "reg/c:1");

    assert_int_equal(hold->identity_count, 2);
    assert_int_equal(hold->delta_count, 2);
    assert_string_equal(hold->delta[0].object, WORKLOAD_KEY);
    assert_string_equal(hold->delta[0].at, IMAGE_AT);
    assert_string_equal(hold->delta[0].bad->text, "reg/c:2");
    assert_string_equal(hold->delta[0].use->text, "reg/c:1");
    assert_string_equal(hold->delta[1].object, JOB_KEY);
    assert_string_equal(hold->delta[1].at,
                        "/spec/jobTemplate/spec/template/spec/containers/[name=a]/image");
    assert_string_equal(hold->identity[1].at, hold->delta[1].at);
    assert_memory_equal(hold->name, "checkout-2-", 11);
    assert_string_equal(hold->event, "");
}

static void what_it_writes_is_read_back_and_does_what_it_says(void **state) {
    (void)state;
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *made = must_pin(WORKLOAD("image: 'reg/c:2'", "") JOB, "reg/c@sha256:0a");
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = NULL;
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct release release;
    bool applied = false;
    struct cm_err err = {0};

    hub_hold_write(made, &text);
    assert_int_equal(hub_hold_parse(cm_str_get(&text), text.len, &hold, &err), CM_OK);
    release_init(&release, WORKLOAD("image: 'reg/c:2'", "") JOB);
    const struct hub_hold_objects objects = release_objects(&release);
    const struct hub_hold *const holds[] = {hold};
    assert_int_equal(hub_hold_apply(holds, 1, &objects, &applied), SIZE_MAX);
    assert_true(applied);
    assert_non_null(strstr(release_text(&release, WORKLOAD_KEY), "reg/c@sha256:0a"));
    assert_non_null(strstr(release_text(&release, JOB_KEY), "reg/c@sha256:0a"));
    assert_non_null(strstr(release_text(&release, JOB_KEY), "reg/other:2"));
    release_done(&release);
}

static void an_image_is_meant_by_any_of_its_names(void **state) {
    (void)state;
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *hold =
        must_pin(WORKLOAD("image: 'docker.io/library/nginx:1.25'", ""), "nginx:1.24");

    assert_int_equal(hold->delta_count, 1);
    assert_string_equal(hold->delta[0].bad->text, "docker.io/library/nginx:1.25");
    assert_string_equal(hold->delta[0].use->text, "nginx:1.24");
}

static void what_git_says_already_or_never_is_told(void **state) {
    struct hub_hold *hold = NULL;
    struct cm_err err = {0};

    (void)state;
    assert_int_equal(pin(WORKLOAD("image: 'reg/c:2'", ""), "reg/c:2", &hold, &err), CM_EEXISTS);
    assert_int_equal(pin(WORKLOAD("image: 'reg/c:2'", ""), "reg/d:2", &hold, &err), CM_ENOTFOUND);
    assert_int_equal(pin(WORKLOAD("image: 'reg/c:2'", ""), "reg/c", &hold, &err), CM_EINVAL);
    assert_null(hold);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_container_of_the_image_gets_the_other_one),
        cmocka_unit_test(an_image_is_meant_by_any_of_its_names),
        cmocka_unit_test(what_it_writes_is_read_back_and_does_what_it_says),
        cmocka_unit_test(what_git_says_already_or_never_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
