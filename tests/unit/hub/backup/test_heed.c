#include "hub/backup/heed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/access/registry.h"
#include "hub/store/agents.h"
#include "hub/store/db.h"
#include "hub/store/meta.h"
#include "tests/unit/hub/scratch_dir.h"

#define HUB "0d7e2b1f-7a55-4a8e-9a34-0d7e2b1f0a11"
#define PARIS "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0001"
#define ROME "1c8d4071-9d1f-4d4b-8e21-6e4c9f2d305e"
#define OSLO "2d9e5182-ae20-4e5c-9f32-7f5dae3e416f"
#define BERN "3e0f6293-bf31-4f6d-8a43-806ebf4f5270"

struct fixture {
    char dir[SCRATCH_DIR_MAX];
    char *own;
    char *copy;
    struct hub_db *db;
};

static void enroll(struct hub_db *db, const char *id, const char *cluster) {
    const struct hub_agent_row row = {.id = id, .cluster = cluster, .key = cm_sha256(id, 1)};
    struct cm_err err;

    assert_int_equal(hub_agents_enroll(db, &row, 1, &err), CM_OK);
}

static int open_all(void **state) {
    struct fixture *f = cm_new(1, sizeof(*f));
    struct cm_err err;

    scratch_dir_make(f->dir);
    f->own = cm_strf("%s/registry.jsonl", f->dir);
    f->copy = cm_strf("%s/copy.jsonl", f->dir);
    assert_int_equal(hub_db_open(":memory:", HUB_DB_WRITER, &f->db, &err), CM_OK);
    assert_int_equal(hub_meta_set_int(f->db, "epoch", 2, &err), CM_OK);
    enroll(f->db, PARIS, "paris");
    enroll(f->db, ROME, "rome");
    enroll(f->db, BERN, "bern");
    *state = f;
    return 0;
}

static int close_all(void **state) {
    struct fixture *f = *state;

    hub_db_close(f->db);
    scratch_dir_remove(f->dir);
    free(f->own);
    free(f->copy);
    free(f);
    return 0;
}

static void put(const char *path, const char *hub, uint64_t epoch,
                const struct hub_registered *agents, size_t count) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_err err;

    hub_registry_write_hub(&text, hub, epoch);
    for (size_t i = 0; i < count; i++) {
        hub_registry_write_agent(&text, &agents[i]);
    }
    assert_int_equal(cm_fsys_replace(path, text.data, text.len, 0600, &err), CM_OK);
}

// Since the database was written Paris was revoked, Rome waits for a person and Oslo was enrolled.
static const struct hub_registered newer[] = {
    {.id = PARIS, .cluster = "paris", .state = "revoked"},
    {.id = ROME, .cluster = "rome", .state = "active", .held = "its key is another", .held_ms = 9},
    {.id = OSLO, .cluster = "oslo", .state = "active"},
    {.id = BERN, .cluster = "bern", .state = "active"}};

#define PUT(path, hub, epoch) put(path, hub, epoch, newer, sizeof(newer) / sizeof(newer[0]))

static struct hub_heeded heed(const struct fixture *f, const char *copy) {
    const struct hub_heed what = {.hub_id = HUB, .own = f->own, .copy = copy};
    struct hub_heeded heeded;
    struct cm_err err;

    assert_int_equal(hub_heed_registries(f->db, &what, &heeded, &err), CM_OK);
    return heeded;
}

static bool is_in(struct hub_db *db, const char *id, bool held) {
    struct hub_agent_found found;
    struct cm_err err;

    return hub_agents_find(db, id, &found, &err) == CM_OK && (found.row.held[0] != '\0') == held;
}

static int64_t number(struct hub_db *db, const char *sql) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_err err;

    assert_int_equal(hub_db_query_texts(db, &stmt, &err, sql, NULL, 0), CM_OK);
    assert_int_equal(hub_stmt_next(stmt, &err), CM_OK);
    return hub_stmt_int(stmt, 0);
}

static void check_newer(const struct fixture *f, const struct hub_heeded *heeded) {
    assert_int_equal(heeded->ended, 1);
    assert_int_equal(heeded->held, 1);
    assert_false(is_in(f->db, PARIS, false));
    assert_true(is_in(f->db, ROME, true));
    assert_true(is_in(f->db, BERN, false));
    assert_false(is_in(f->db, OSLO, false)); // who is let in no file says
    assert_int_equal(number(f->db, "SELECT count(*) FROM event WHERE kind = 'agent.revoked' AND"
                                   " cluster = 'paris' AND actor = 'hub'"),
                     1);
}

static void who_was_revoked_since_the_database_was_written_stays_out(void **state) {
    struct fixture *f = *state;

    PUT(f->own, HUB, 2);
    struct hub_heeded heeded = heed(f, NULL);
    check_newer(f, &heeded);
    assert_int_equal(heeded.epoch, 0);
    heeded = heed(f, NULL);
    assert_int_equal(heeded.ended + heeded.held, 0);
}

static void the_copy_is_heeded_too(void **state) {
    struct fixture *f = *state;

    PUT(f->copy, HUB, 2);
    struct hub_heeded heeded = heed(f, f->copy);
    check_newer(f, &heeded);
    assert_false(heeded.silent);
}

static void a_higher_epoch_is_gone_above(void **state) {
    struct fixture *f = *state;

    PUT(f->own, HUB, 5);
    assert_int_equal(heed(f, NULL).epoch, 6);
    assert_int_equal(number(f->db, "SELECT value FROM meta WHERE name = 'epoch'"), 6);
    assert_int_equal(number(f->db, "SELECT count(*) FROM event WHERE kind = 'hub.restored'"), 1);
    assert_int_equal(heed(f, NULL).epoch, 0);
}

static void another_hubs_and_what_is_none_say_nothing(void **state) {
    struct fixture *f = *state;
    struct cm_err err;

    PUT(f->own, OSLO, 5);
    assert_int_equal(cm_fsys_replace(f->copy, "x", 1, 0600, &err), CM_OK);
    struct hub_heeded heeded = heed(f, f->copy);
    assert_int_equal(heeded.ended + heeded.held + heeded.epoch, 0);
    assert_true(is_in(f->db, PARIS, false));
}

// Else it would seem to wait for its first key to be accepted.
static void
one_that_is_held_for_a_key_that_the_older_database_has_gets_the_newer_one(void **state) {
    struct fixture *f = *state;
    const struct cm_sha256 newest = {{7}};
    const struct hub_registered rome = {.id = ROME,
                                        .cluster = "rome",
                                        .state = "active",
                                        .key = newest,
                                        .begins_ms = 8,
                                        .held = "a key that was replaced is used again",
                                        .held_ms = 9,
                                        .held_key = cm_sha256(ROME, 1)};
    struct hub_agent_found found;
    struct cm_err err;

    put(f->own, HUB, 2, &rome, 1);
    assert_int_equal(heed(f, NULL).held, 1);
    assert_int_equal(hub_agents_find(f->db, ROME, &found, &err), CM_OK);
    assert_false(hub_agent_is_pending(&found.row));
    assert_true(cm_sha256_equal(&found.row.key, &newest));
    assert_true(cm_sha256_equal(&found.row.held_key, &rome.held_key));
    assert_int_equal(found.row.begins_ms, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_was_revoked_since_the_database_was_written_stays_out,
                                        open_all, close_all),
        cmocka_unit_test_setup_teardown(the_copy_is_heeded_too, open_all, close_all),
        cmocka_unit_test_setup_teardown(a_higher_epoch_is_gone_above, open_all, close_all),
        cmocka_unit_test_setup_teardown(
            one_that_is_held_for_a_key_that_the_older_database_has_gets_the_newer_one, open_all,
            close_all),
        cmocka_unit_test_setup_teardown(another_hubs_and_what_is_none_say_nothing, open_all,
                                        close_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
