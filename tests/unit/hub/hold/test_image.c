#include "hub/hold/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/mem.h"

static void names_tags_and_digests_are_told_apart(void **state) {
    static const char *const cases[][4] = {
        {"nginx", "nginx", "", ""},
        {"reg:5000/a/b", "reg:5000/a/b", "", ""},
        {"reg:5000/a/b:1.2", "reg:5000/a/b", "1.2", ""},
        {"reg/a:1.2@sha256:ab", "reg/a", "1.2", "sha256:ab"},
        {"reg/a@sha256:ab", "reg/a", "", "sha256:ab"},
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hub_image image;

        hub_image_parse(a, cases[i][0], &image);
        assert_string_equal(image.name, cases[i][1]);
        assert_string_equal(image.tag, cases[i][2]);
        assert_string_equal(image.digest, cases[i][3]);
    }
    assert_string_equal(hub_image_version(a, "reg/a:1.2@sha256:ab"), "1.2");
    assert_string_equal(hub_image_version(a, "reg/a@sha256:0123456789abcdef"), "0123456789ab");
    assert_string_equal(hub_image_version(a, "reg/a"), "reg/a");
}

static void an_image_is_the_same_by_its_digest_or_its_tag(void **state) {
    (void)state;
    assert_true(hub_image_same("reg/a:1", "reg/a:1"));
    assert_true(hub_image_same("reg/a:1", "reg/a:1@sha256:ab"));
    assert_true(hub_image_same("mirror/a:1@sha256:ab", "reg/a:2@sha256:ab"));
    assert_false(hub_image_same("reg/a:1@sha256:ab", "reg/a:1@sha256:cd"));
    assert_false(hub_image_same("reg/a:1", "reg/a:2"));
    assert_false(hub_image_same("reg/a:1", "reg/b:1"));
    assert_false(hub_image_same("reg/a", "reg/a@sha256:ab"));
}

// Docker Hub's images have the first of these names for people, the others for machines.
static void an_image_of_docker_hub_is_one_by_all_its_names(void **state) {
    static const struct {
        const char *left;
        const char *right;
        bool same;
    } cases[] = {
        {"nginx:1.25", "library/nginx:1.25", true},
        {"nginx:1.25", "docker.io/library/nginx:1.25", true},
        {"docker.io/nginx:1.25", "index.docker.io/library/nginx:1.25@sha256:ab", true},
        {"grafana/grafana:9", "docker.io/grafana/grafana:9", true},
        {"nginx:1.25", "quay.io/library/nginx:1.25", false},
        {"nginx:1.25", "localhost/nginx:1.25", false},
        {"nginx:1.25", "bitnami/nginx:1.25", false},
        {"library/a/nginx:1.25", "a/nginx:1.25", false},
        {"docker.io/localhost/nginx:1.25", "localhost/nginx:1.25", false},
        {"docker.io/a.b/nginx:1.25", "a.b/nginx:1.25", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(hub_image_same(cases[i].left, cases[i].right), cases[i].same);
        assert_int_equal(hub_image_same(cases[i].right, cases[i].left), cases[i].same);
    }
}

static void what_people_say_of_an_image_means_it(void **state) {
    static const char pinned[] = "reg.example.com:5000/shop/checkout:1.5.0@sha256:ab";
    static const char *const said[] = {
        "1.5.0",
        "sha256:ab",
        "ab",
        "checkout",
        "checkout:1.5.0",
        "checkout:1.5.0@sha256:ab",
        "checkout@sha256:ab",
        "shop/checkout:1.5.0",
        "reg.example.com:5000/shop/checkout",
        "reg.example.com:5000/shop/checkout:1.5.0",
        "reg.example.com:5000/shop/checkout@sha256:ab",
        pinned,
    };
    static const char *const others[] = {
        "",
        "5.0",
        "1.5.0@sha256:ab",
        "out",
        "out:1.5.0",
        "shop",
        "checkout:1.5",
        "checkout:1.5.0@sha256:",
        "ba/shop/checkout",
        "%",
        "checkout:1.5.*",
        "sha256",
        "5000/shop/checkout:1.5.1",
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        assert_true(hub_image_is(a, said[i], pinned));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (hub_image_is(a, others[i], pinned)) {
            fail_msg("'%s' means it", others[i]);
        }
    }
    assert_true(hub_image_is(a, "docker.io/library/nginx:1", "nginx:1"));
    assert_true(hub_image_is(a, "nginx", "docker.io/library/nginx"));
    assert_false(hub_image_is(a, "docker.io/library/nginx", "quay.io/library/nginx"));
    assert_false(hub_image_is(a, "", "nginx"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_tags_and_digests_are_told_apart),
        cmocka_unit_test(an_image_is_the_same_by_its_digest_or_its_tag),
        cmocka_unit_test(an_image_of_docker_hub_is_one_by_all_its_names),
        cmocka_unit_test(what_people_say_of_an_image_means_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
