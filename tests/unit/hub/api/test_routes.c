#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/api/routes.h"

static char allow[64];

static const char *path_of(const char *method, const char *path, const char **arg) {
    const struct hub_route *route = hub_route_find(method, path, arg, allow, sizeof(allow));

    return route == NULL ? NULL : route->path;
}

static void a_route_is_found_by_method_and_path(void **state) {
    const char *arg = NULL;

    (void)state;
    assert_string_equal(path_of("GET", "/api/v1/clusters", &arg), "/api/v1/clusters");
    assert_string_equal(path_of("HEAD", "/api/v1/clusters", &arg), "/api/v1/clusters");
    assert_string_equal(path_of("DELETE", "/api/v1/tokens/ci", &arg), "/api/v1/tokens/*");
    assert_string_equal(arg, "ci");
    assert_string_equal(path_of("GET", "/api/v1/status/a/b", &arg), "/api/v1/status/*");
    assert_string_equal(arg, "a/b");
}

static void a_path_that_is_named_in_full_comes_first(void **state) {
    const char *arg = NULL;

    (void)state;
    assert_string_equal(path_of("GET", "/api/v1/objects/desired", &arg), "/api/v1/objects/desired");
}

static void a_star_stands_for_something(void **state) {
    const char *arg = NULL;

    (void)state;
    assert_null(path_of("GET", "/api/v1/clusters/", &arg));
    assert_string_equal(allow, "");
    assert_null(path_of("GET", "/api/v1/clusters2", &arg));
    assert_null(path_of("GET", "/api/v1", &arg));
}

static void another_method_learns_which_there_are(void **state) {
    const char *arg = NULL;

    (void)state;
    assert_null(path_of("PUT", "/api/v1/tokens", &arg));
    assert_string_equal(allow, "GET, HEAD, POST");
    assert_null(path_of("GET", "/api/v1/tokens/ci", &arg));
    assert_string_equal(allow, "DELETE");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_is_found_by_method_and_path),
        cmocka_unit_test(a_path_that_is_named_in_full_comes_first),
        cmocka_unit_test(a_star_stands_for_something),
        cmocka_unit_test(another_method_learns_which_there_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
