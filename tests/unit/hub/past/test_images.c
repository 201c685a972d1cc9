#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/past/images.h"

static void add_image(void *ctx, const char *image) {
    cm_str_addf(ctx, "%s ", image);
}

static void assert_images(const char *object, const char *expected) {
    CM_CLEANUP(cm_str_done) struct cm_str found = {0};

    hub_images_each(object, strlen(object), add_image, &found);
    assert_string_equal(cm_str_get(&found), expected);
}

static void the_images_of_all_containers_are_found(void **state) {
    (void)state;
    assert_images("{\"kind\": \"Deployment\", \"spec\": {\"template\": {\"spec\": {"
                  "\"containers\": [{\"image\": \"reg/web:1.2\", \"name\": \"a\"}, {\"image\": "
                  "\"side:1\"}], \"initContainers\": [{\"image\": \"init@sha256:00\"}]}}}}",
                  "reg/web:1.2 side:1 init@sha256:00 ");
}

static void a_template_is_found_wherever_it_stands(void **state) {
    (void)state;
    assert_images("{\"kind\": \"CronJob\", \"spec\": {\"jobTemplate\": {\"spec\": {\"template\": "
                  "{\"spec\": {\"containers\": [{\"image\": \"job:3\"}]}}}}}}",
                  "job:3 ");
}

static void what_is_no_container_has_no_image(void **state) {
    (void)state;
    assert_images("{\"data\": {\"image\": \"no:1\"}, \"kind\": \"ConfigMap\"}", "");
    assert_images("{\"spec\": {\"volumes\": [{\"image\": {\"reference\": \"no:1\"}}]}}", "");
    assert_images("{\"spec\": {\"containers\": [{\"image\": 5}, {\"image\": \"\"}, 7]}}", "");
    assert_images("\"image\" {", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_images_of_all_containers_are_found),
        cmocka_unit_test(a_template_is_found_wherever_it_stands),
        cmocka_unit_test(what_is_no_container_has_no_image),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
