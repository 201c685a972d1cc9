#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/fsys.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/api/openapi.h"
#include "hub/api/routes.h"

static struct cm_json *read_document(struct cm_arena *a) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_json *document = NULL;
    struct cm_err err;

    hub_openapi_write(&text);
    assert_int_equal(cm_json_parse(a, text.data, text.len, NULL, &document, &err), CM_OK);
    return document;
}

static void the_file_in_the_repository_is_what_the_tables_say(void **state) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *kept = NULL;
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_err err;

    (void)state;
    hub_openapi_write(&text);
    assert_int_equal(cm_fsys_read(OPENAPI_FILE, 1 << 20, &kept, &err), CM_OK);
    if (kept->size != text.len || memcmp(kept->data, text.data, text.len) != 0) {
        fail_msg("run: hub.api.openapi > deploy/reference/openapi.json");
    }
}

// The beginning of a route's address, which the page has whatever it calls the names behind it.
static void check_page(const char *page, const struct hub_route *route) {
    char fixed[64] = "";
    size_t len = strcspn(route->path, "*");

    assert_true(len < sizeof(fixed));
    memcpy(fixed, route->path, len);
    const char *bare = strncmp(fixed, "/api/v1", 7) == 0 ? fixed + 7 : fixed;
    if (strstr(page, bare) == NULL) {
        fail_msg("deploy/reference/api.md does not tell of %s %s", route->method, route->path);
    }
}

static void the_page_tells_of_every_route(void **state) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *kept = NULL;
    struct cm_err err;

    (void)state;
    assert_int_equal(cm_fsys_read(REFERENCE_PAGE, 1 << 20, &kept, &err), CM_OK);
    CM_AUTOFREE char *page = cm_strndup((const char *)kept->data, kept->size);
    for (size_t i = 0; hub_route_at(i) != NULL; i++) {
        check_page(page, hub_route_at(i));
    }
}

static void check_refs(const struct cm_json *document, const struct cm_json *node) {
    const char *ref = cm_json_string(cm_json_get(node, "$ref"));

    if (ref != NULL) {
        CM_AUTOFREE char *path = cm_strdup(ref + strlen("#/components/"));
        char *name = strchr(path, '/');

        *name++ = '\0';
        if (cm_json_path(document, "components", path, name, NULL) == NULL) {
            fail_msg("'%s' is not there", ref);
        }
    }
    for (const struct cm_json *at = node->first; at != NULL; at = at->next) {
        check_refs(document, at);
    }
}

static void what_is_referred_to_is_there(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_json *document = read_document(a);

    (void)state;
    check_refs(document, document);
}

static void every_operation_and_member_is_described(void **state) {
    (void)state;
    for (size_t i = 0; hub_route_at(i) != NULL; i++) {
        const struct hub_route *route = hub_route_at(i);

        assert_non_null(route->handle);
        assert_non_null(route->tag);
        assert_int_not_equal(route->status, 0);
        assert_true(route->about != NULL || route->list != NULL || route->detail != NULL);
        assert_int_equal(strchr(route->path, '*') != NULL, route->arg != NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_in_the_repository_is_what_the_tables_say),
        cmocka_unit_test(the_page_tells_of_every_route),
        cmocka_unit_test(what_is_referred_to_is_there),
        cmocka_unit_test(every_operation_and_member_is_described),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
