#include "tests/unit/hub/store/memory_db.h"

#include <string.h>

#include "common/buf.h"
#include "hub/store/desired.h"

static void put_manifest(struct hub_db *db, const char *cluster, uint64_t generation,
                         const char *text) {
    struct cm_buf *bytes = cm_buf_copy(text, strlen(text));
    struct hub_manifest_row row = {.cluster = cluster,
                                   .epoch = 1,
                                   .generation = generation,
                                   .sha256 = cm_sha256(bytes->data, bytes->size),
                                   .bytes = bytes};
    struct cm_err err;

    assert_int_equal(hub_desired_put_manifest(db, &row, &err), CM_OK);
    cm_buf_unref(bytes);
}

static void put_pair(struct hub_db *db, const char *cluster, const char *app) {
    struct hub_pair_row row = {
        .cluster = cluster, .app = app, .repo = "fleet", .revision = "abc", .generation = 1};
    struct cm_err err;

    assert_int_equal(hub_desired_put_pair(db, &row, &err), CM_OK);
}

struct seen {
    int count;
    uint64_t generation;
    struct cm_sha256 sha256;
};

static void see_manifest(void *ctx, const struct hub_manifest_row *row) {
    struct seen *seen = ctx;

    seen->count++;
    seen->generation = row->generation;
    seen->sha256 = row->sha256;
}

static void a_newer_manifest_replaces_the_one_before(void **state) {
    struct seen seen = {0};
    struct cm_sha256 expected = cm_sha256("two", 3);
    struct cm_err err;

    put_manifest(*state, "paris-1", 1, "one");
    put_manifest(*state, "paris-1", 2, "two");
    assert_int_equal(hub_desired_each_manifest(*state, see_manifest, &seen, &err), CM_OK);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.generation, 2);
    assert_true(cm_sha256_equal(&seen.sha256, &expected));
}

static void a_blob_is_kept_once_and_found_by_its_name(void **state) {
    struct cm_sha256 name = cm_sha256("object", 6);
    struct cm_sha256 other = cm_sha256("another", 7);
    struct cm_buf *found = NULL;
    struct cm_err err;

    assert_int_equal(hub_desired_put_blob(*state, &name, "object", 6, &err), CM_OK);
    assert_int_equal(hub_desired_put_blob(*state, &name, "object", 6, &err), CM_OK);
    assert_int_equal(hub_desired_find_blob(*state, &name, &found, &err), CM_OK);
    assert_int_equal(found->size, 6);
    assert_memory_equal(found->data, "object", 6);
    cm_buf_unref(found);
    assert_int_equal(hub_desired_find_blob(*state, &other, &found, &err), CM_ENOTFOUND);
}

static void a_cluster_that_left_git_takes_only_its_own_rows_along(void **state) {
    struct cm_err err;

    put_manifest(*state, "paris-1", 1, "one");
    put_pair(*state, "paris-1", "web");
    put_pair(*state, "oslo-1", "web");
    assert_int_equal(hub_desired_forget_cluster(*state, "paris-1", &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM manifest"), 0);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM pair WHERE cluster = 'oslo-1'"), 1);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM pair"), 1);
}

static void documents_are_replaced_as_a_whole(void **state) {
    struct cm_err err;

    assert_int_equal(
        hub_documents_put_cluster(*state, "paris-1", "{}", false, "fleet", "clusters/a.yaml", &err),
        CM_OK);
    assert_int_equal(hub_documents_begin(*state, &err), CM_OK);
    assert_int_equal(
        hub_documents_put_cluster(*state, "oslo-1", "{}", false, "fleet", "clusters/a.yaml", &err),
        CM_OK);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM cluster"), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_newer_manifest_replaces_the_one_before, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(a_blob_is_kept_once_and_found_by_its_name, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(a_cluster_that_left_git_takes_only_its_own_rows_along,
                                        open_db, close_db),
        cmocka_unit_test_setup_teardown(documents_are_replaced_as_a_whole, open_db, close_db),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
