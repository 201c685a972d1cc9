#include "hub/hold/ban.h"

#include "release.h"

static struct hub_ban read_ban(struct cm_arena *a, const char *spec) {
    CM_AUTOFREE char *text = cm_strf("metadata: {name: cve}\nspec: %s\n", spec);
    struct cm_yaml_docs docs;
    const struct cm_json *wrong;
    struct cm_err err = {0};
    struct hub_ban ban;

    assert_int_equal(cm_yaml_parse(a, text, strlen(text), NULL, &docs, &err), CM_OK);
    if (hub_ban_read(a, docs.docs[0], &ban, &wrong, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return ban;
}

static void images_are_banned_by_name_tag_digest_or_range(void **state) {
    static const struct {
        const char *images;
        const char *image;
        bool banned;
    } cases[] = {
        {"[{name: reg/checkout}]", "reg/checkout:1.5.0", true},
        {"[{name: reg/checkout}]", "reg/other:1.5.0", false},
        {"[{name: '*/checkout', tag: '1.5.*'}]", "reg/checkout:1.5.0", true},
        {"[{name: '*/checkout', tag: '1.5.*'}]", "reg/checkout:1.6.0", false},
        {"[{digest: 'sha256:ab'}]", "any/thing:1@sha256:ab", true},
        {"[{digest: 'sha256:ab'}]", "any/thing:1", false},
        {"[{name: reg/a, versions: '>=1.5.0 <1.5.3'}]", "reg/a:v1.5.2", true},
        {"[{name: reg/a, versions: '>=1.5.0 <1.5.3'}]", "reg/a:1.5.3", false},
        {"[{name: reg/a, versions: '>=1.5.0 <1.5.3'}]", "reg/a:latest", false},
        {"[{name: reg/a}, {name: reg/b}]", "reg/b:1", true},
        {"[{name: nginx, tag: '1.25.0'}]", "docker.io/library/nginx:1.25.0", true},
        {"[{name: docker.io/library/nginx}]", "nginx:1.25.0", true},
        {"[{name: index.docker.io/library/nginx}]", "library/nginx:1.25.0", true},
        {"[{name: index.docker.io/nginx}]", "library/nginx:1.25.0", true},
        {"[{name: 'docker.io/*'}]", "grafana/grafana:9", true},
        {"[{name: 'docker.io/*'}]", "docker.io/localhost/checkout:1", true},
        {"[{name: localhost/checkout}]", "docker.io/localhost/checkout:1", false},
        {"[{name: 'library/*'}]", "docker.io/grafana/grafana:9", false},
        {"[{name: nginx}]", "quay.io/library/nginx:1.25.0", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        CM_AUTOFREE char *spec = cm_strf("{images: %s}", cases[i].images);
        struct hub_ban ban = read_ban(a, spec);

        assert_int_equal(hub_ban_forbids(&ban, "checkout", cases[i].image), cases[i].banned);
    }
}

static void a_ban_may_be_for_one_app(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_ban ban = read_ban(a, "{app: checkout, images: [{name: reg/a}]}");

    (void)state;
    assert_true(hub_ban_forbids(&ban, "checkout", "reg/a:1"));
    assert_false(hub_ban_forbids(&ban, "other", "reg/a:1"));
}

static void containers_of_all_sorts_are_looked_at(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_ban ban = read_ban(a, "{images: [{name: reg/bad}]}");
    struct release r;

    (void)state;
    release_init(&r, "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: j, namespace: prod}\n"
                     "spec: {jobTemplate: {spec: {template: {spec: {initContainers: [{name: i, "
                     "image: 'reg/bad:1'}]}}}}}\n"
                     "---\n" WORKLOAD("image: 'reg/good:1'", ""));
    assert_string_equal(hub_ban_finds(&ban, "any", r.trees[0]), "reg/bad:1");
    assert_null(hub_ban_finds(&ban, "any", r.trees[1]));
    release_done(&r);
}

static void a_ban_that_names_nothing_is_refused(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    static const char *const texts[] = {"spec: {images: []}", "spec: {images: [{tag: x}]}",
                                        "spec: {images: [{name: a, versions: '>>'}]}", "spec: {}"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct cm_yaml_docs docs;
        const struct cm_json *wrong;
        struct cm_err err = {0};
        struct hub_ban ban;

        assert_int_equal(cm_yaml_parse(a, texts[i], strlen(texts[i]), NULL, &docs, &err), CM_OK);
        assert_int_equal(hub_ban_read(a, docs.docs[0], &ban, &wrong, &err), CM_EINVAL);
        assert_non_null(wrong);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_are_banned_by_name_tag_digest_or_range),
        cmocka_unit_test(a_ban_may_be_for_one_app),
        cmocka_unit_test(containers_of_all_sorts_are_looked_at),
        cmocka_unit_test(a_ban_that_names_nothing_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
