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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_tags_and_digests_are_told_apart),
        cmocka_unit_test(an_image_is_the_same_by_its_digest_or_its_tag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
