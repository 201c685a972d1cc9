// A hub's folder goes into a file and back.
#include "hub/backup/backup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/access/authority.h"
#include "hub/access/registry.h"
#include "hub/store/agents.h"
#include "hub/store/db.h"
#include "hub/store/meta.h"
#include "tests/unit/hub/scratch_dir.h"

#define PARIS "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0001"

struct fixture {
    char dir[SCRATCH_DIR_MAX];
    char *data;  // of the hub
    char *file;  // of the backup
    char *fresh; // where it is restored
    struct hub_db *db;
    char hub_id[CM_UUID_MAX];
};

static char *in(const char *dir, const char *name) {
    return cm_strf("%s/%s", dir, name);
}

static bool is_there(const char *dir, const char *name) {
    CM_AUTOFREE char *path = in(dir, name);

    return access(path, F_OK) == 0;
}

static void make_keys(struct fixture *f) {
    CM_AUTOFREE char *keys = in(f->data, "keys");
    struct hub_authority *authority = NULL;
    struct cm_err err;

    assert_int_equal(hub_authority_open(keys, NULL, 0, &authority, &err), CM_OK);
    (void)snprintf(f->hub_id, sizeof(f->hub_id), "%s", hub_authority_hub_id(authority));
    hub_authority_free(authority);
}

static void make_database(struct fixture *f) {
    CM_AUTOFREE char *path = in(f->data, "hub.db");
    const struct hub_agent_row row = {.id = PARIS, .cluster = "paris-1"};
    struct cm_err err;

    assert_int_equal(hub_db_open(path, HUB_DB_WRITER, &f->db, &err), CM_OK);
    assert_int_equal(hub_agents_enroll(f->db, &row, 1, &err), CM_OK);
    assert_int_equal(hub_meta_set_int(f->db, "epoch", 4, &err), CM_OK);
}

static int set_up(void **state) {
    struct fixture *f = cm_new(1, sizeof(*f));
    struct cm_err err;

    scratch_dir_make(f->dir);
    f->data = in(f->dir, "data");
    f->file = in(f->dir, "hub.backup");
    f->fresh = in(f->dir, "fresh");
    assert_int_equal(cm_fsys_make_dir(f->data, 0700, &err), CM_OK);
    make_keys(f);
    make_database(f);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    hub_db_close(f->db);
    scratch_dir_remove(f->dir);
    free(f->data);
    free(f->file);
    free(f->fresh);
    free(f);
    return 0;
}

static void back_up(const struct fixture *f) {
    struct hub_backup_facts facts;
    struct cm_err err;

    if (hub_backup_write(f->data, f->file, &facts, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_string_equal(facts.hub_id, f->hub_id);
    assert_int_equal(facts.epoch, 4);
    assert_int_equal(facts.agents, 1);
}

static enum cm_rc restore(const struct fixture *f, struct hub_backup_facts *facts) {
    struct cm_err err;

    return hub_backup_restore(f->file, f->fresh, NULL, facts, &err);
}

static void write_text(const char *dir, const char *name, const char *text) {
    CM_AUTOFREE char *path = in(dir, name);
    struct cm_err err;

    assert_int_equal(cm_fsys_replace(path, text, strlen(text), 0600, &err), CM_OK);
}

static void what_was_backed_up_is_restored_in_the_next_epoch(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *path = in(f->fresh, "hub.db");
    CM_CLEANUP(hub_db_closep) struct hub_db *db = NULL;
    struct hub_backup_facts facts;
    int64_t epoch = 0;
    int64_t restored_ms = 0;
    struct cm_err err;

    write_text(f->data, "admin.token", "secret");
    back_up(f); // while the database is open, and its log is not empty
    assert_int_equal(restore(f, &facts), CM_OK);
    assert_string_equal(facts.hub_id, f->hub_id);
    assert_int_equal(facts.epoch, 5);
    assert_int_equal(facts.agents, 1);
    assert_int_equal(hub_db_open(path, HUB_DB_WRITER, &db, &err), CM_OK);
    assert_int_equal(hub_meta_get_int(db, "epoch", &epoch, &err), CM_OK);
    assert_int_equal(epoch, 5);
    assert_int_equal(hub_meta_get_int(db, "restored_ms", &restored_ms, &err), CM_OK);
    assert_true(restored_ms > 0 && restored_ms <= cm_clock_unix_ms());
    assert_true(is_there(f->fresh, "keys/root.key"));
    assert_true(is_there(f->fresh, "admin.token"));
    assert_int_equal(hub_backup_check_whole(f->fresh, &err), CM_OK);
}

static void only_its_owner_may_read_it_and_nothing_is_left_beside_it(void **state) {
    struct fixture *f = *state;
    struct stat st;

    back_up(f);
    back_up(f); // over the one before
    assert_int_equal(stat(f->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_false(is_there(f->dir, "hub.backup.db"));
    assert_false(is_there(f->dir, "hub.backup.new"));
}

static void a_root_key_that_is_offline_is_not_needed(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *root = in(f->data, "keys/root.key");
    struct hub_backup_facts facts;

    assert_int_equal(unlink(root), 0);
    back_up(f);
    assert_int_equal(restore(f, &facts), CM_OK);
    assert_false(is_there(f->fresh, "keys/root.key"));
}

static void a_folder_in_which_there_is_something_is_left_alone(void **state) {
    struct fixture *f = *state;
    struct hub_backup_facts facts;
    struct cm_err err;

    back_up(f);
    assert_int_equal(cm_fsys_make_dir(f->fresh, 0700, &err), CM_OK);
    write_text(f->fresh, "somebodys", "file");
    assert_int_equal(restore(f, &facts), CM_EEXISTS);
    assert_false(is_there(f->fresh, "keys"));
    assert_int_equal(hub_backup_restore(f->file, f->data, NULL, &facts, &err), CM_EEXISTS);
}

static void flip(const char *path, long at) {
    FILE *file = fopen(path, "r+e");

    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    (void)fputc(byte ^ 1, file);
    assert_int_equal(fclose(file), 0);
}

static void a_damaged_one_is_refused_and_changes_nothing(void **state) {
    struct fixture *f = *state;
    struct hub_backup_facts facts;
    struct stat st;

    back_up(f);
    assert_int_equal(stat(f->file, &st), 0);
    for (long at = 0; at < (long)st.st_size; at += (long)st.st_size / 17) {
        flip(f->file, at);
        assert_int_equal(restore(f, &facts), CM_EINVAL);
        flip(f->file, at);
    }
    assert_int_equal(truncate(f->file, st.st_size - 1), 0);
    assert_int_equal(restore(f, &facts), CM_EINVAL);
    assert_false(is_there(f->dir, "fresh"));
}

static void what_is_no_backup_is_refused(void **state) {
    struct fixture *f = *state;
    struct hub_backup_facts facts;

    write_text(f->dir, "hub.backup", "hello");
    assert_int_equal(restore(f, &facts), CM_EINVAL);
    assert_int_equal(unlink(f->file), 0);
    assert_true(restore(f, &facts) < 0);
}

static void a_restore_that_was_interrupted_is_known_and_done_again(void **state) {
    struct fixture *f = *state;
    struct hub_backup_facts facts;
    struct cm_err err;

    back_up(f);
    assert_int_equal(cm_fsys_make_dir(f->fresh, 0700, &err), CM_OK);
    write_text(f->fresh, "restoring", "");
    write_text(f->fresh, "hub.db", "half of it");
    assert_int_equal(hub_backup_check_whole(f->fresh, &err), CM_EINVAL);
    assert_int_equal(restore(f, &facts), CM_OK);
    assert_int_equal(facts.agents, 1);
    assert_int_equal(hub_backup_check_whole(f->fresh, &err), CM_OK);
}

static void a_folder_that_is_no_hubs_is_told(void **state) {
    struct fixture *f = *state;
    struct hub_backup_facts facts;
    struct cm_err err;

    assert_true(hub_backup_write(f->fresh, f->file, &facts, &err) < 0);
    assert_false(is_there(f->dir, "hub.backup"));
}

// ---- The registry

#define ROME "1c8d4071-9d1f-4d4b-8e21-6e4c9f2d305e"
#define OSLO "2d9e5182-ae20-4e5c-9f32-7f5dae3e416f"

// After the backup Paris was revoked and Rome was enrolled; Oslo was revoked long before.
static char *write_registry(const struct fixture *f, const char *hub_id) {
    const struct hub_registered agents[] = {
        {.id = PARIS, .cluster = "paris-1", .state = "revoked"},
        {.id = ROME, .cluster = "rome-1", .key = {{1}}, .state = "active", .begins_ms = 7},
        {.id = OSLO, .cluster = "oslo-1", .state = "revoked"}};
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    hub_registry_write_hub(&text, hub_id, 9);
    for (size_t i = 0; i < sizeof(agents) / sizeof(agents[0]); i++) {
        hub_registry_write_agent(&text, &agents[i]);
    }
    write_text(f->dir, "registry.jsonl", text.data);
    return in(f->dir, "registry.jsonl");
}

static void check_agents(const struct fixture *f) {
    CM_CLEANUP(hub_db_closep) struct hub_db *db = NULL;
    CM_AUTOFREE char *path = in(f->fresh, "hub.db");
    struct hub_agent_found found;
    struct cm_err err;

    assert_int_equal(hub_db_open(path, HUB_DB_READER, &db, &err), CM_OK);
    assert_int_equal(hub_agents_find(db, PARIS, &found, &err), CM_ENOTFOUND);
    assert_int_equal(hub_agents_find(db, OSLO, &found, &err), CM_ENOTFOUND);
    assert_int_equal(hub_agents_find(db, ROME, &found, &err), CM_OK);
    assert_string_equal(found.row.cluster, "rome-1");
    assert_int_equal(found.row.key.bytes[0], 1);
    assert_int_equal(found.row.begins_ms, 7);
}

static void who_was_revoked_after_the_backup_stays_out(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *registry = write_registry(f, f->hub_id);
    struct hub_backup_facts facts;
    struct cm_err err;

    back_up(f);
    assert_int_equal(hub_backup_restore(f->file, f->fresh, registry, &facts, &err), CM_OK);
    assert_int_equal(facts.epoch, 10);
    assert_int_equal(facts.agents, 1);
    check_agents(f);
}

static void the_registry_of_another_hub_is_refused_and_changes_nothing(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *registry = write_registry(f, PARIS);
    struct hub_backup_facts facts;
    struct cm_err err;

    back_up(f);
    assert_int_equal(hub_backup_restore(f->file, f->fresh, registry, &facts, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "the registry of hub"));
    assert_false(is_there(f->fresh, "hub.db"));
}

static void put_keys(const struct fixture *f) {
    CM_AUTOFREE char *from = in(f->data, "keys");
    CM_AUTOFREE char *to = in(f->fresh, "keys");
    struct cm_err err;

    assert_int_equal(cm_fsys_make_dir(f->fresh, 0700, &err), CM_OK);
    assert_int_equal(rename(from, to), 0);
}

static void a_hub_without_a_database_is_made_again_from_its_keys_and_the_registry(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *registry = write_registry(f, f->hub_id);
    struct hub_backup_facts facts;
    struct cm_err err;

    put_keys(f);
    assert_int_equal(hub_backup_recover(registry, f->fresh, &facts, &err), CM_OK);
    assert_string_equal(facts.hub_id, f->hub_id);
    assert_int_equal(facts.epoch, 10);
    assert_int_equal(facts.agents, 1);
    assert_int_equal(hub_backup_check_whole(f->fresh, &err), CM_OK);
    check_agents(f);
    assert_int_equal(hub_backup_recover(registry, f->fresh, &facts, &err), CM_EEXISTS);
}

static void without_the_keys_nothing_is_recovered(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *registry = write_registry(f, f->hub_id);
    struct hub_backup_facts facts;
    struct cm_err err;

    assert_int_equal(cm_fsys_make_dir(f->fresh, 0700, &err), CM_OK);
    assert_int_equal(hub_backup_recover(registry, f->fresh, &facts, &err), CM_ENOTFOUND);
    assert_false(is_there(f->fresh, "hub.db"));
}

// A root that is made anew is one that no agent believes.
static void with_some_of_the_keys_nothing_is_recovered_or_made_anew(void **state) {
    static const char *const needed[] = {"keys/root.crt", "keys/issuer.crt", "keys/secrets.key"};
    struct fixture *f = *state;
    CM_AUTOFREE char *registry = write_registry(f, f->hub_id);
    CM_AUTOFREE char *aside = in(f->dir, "aside");
    struct hub_backup_facts facts;
    struct cm_err err;

    put_keys(f);
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        CM_AUTOFREE char *path = in(f->fresh, needed[i]);

        assert_int_equal(rename(path, aside), 0);
        assert_int_equal(hub_backup_recover(registry, f->fresh, &facts, &err), CM_ENOTFOUND);
        assert_non_null(strstr(err.msg, strrchr(needed[i], '/') + 1));
        assert_false(is_there(f->fresh, needed[i]) || is_there(f->fresh, "hub.db"));
        assert_int_equal(rename(aside, path), 0);
    }
    assert_int_equal(hub_backup_recover(registry, f->fresh, &facts, &err), CM_OK);
}

static void half_of_a_restore_is_not_recovered(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *registry = write_registry(f, f->hub_id);
    struct hub_backup_facts facts;
    struct cm_err err;

    put_keys(f);
    write_text(f->fresh, "restoring", "");
    assert_int_equal(hub_backup_recover(registry, f->fresh, &facts, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "'holdfast-hub restore' once more"));
}

static void
a_recovery_that_was_interrupted_is_done_again_and_no_restore_takes_its_keys(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *registry = write_registry(f, f->hub_id);
    struct hub_backup_facts facts;
    struct cm_err err;

    back_up(f);
    put_keys(f);
    write_text(f->fresh, "recovering", "");
    write_text(f->fresh, "hub.db", "half of it");
    assert_int_equal(hub_backup_check_whole(f->fresh, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "'holdfast-hub recover' once more"));
    assert_int_equal(restore(f, &facts), CM_EEXISTS);
    assert_true(is_there(f->fresh, "keys/root.crt"));
    assert_int_equal(hub_backup_recover(registry, f->fresh, &facts, &err), CM_OK);
    assert_int_equal(hub_backup_check_whole(f->fresh, &err), CM_OK);
}

static void a_fleet_of_ten_thousand_and_more_is_found_again(void **state) {
    enum { CLUSTERS = 12000 };
    struct fixture *f = *state;
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    CM_AUTOFREE char *registry = in(f->dir, "registry.jsonl");
    struct hub_backup_facts facts;
    char id[CM_UUID_MAX];
    char cluster[64];
    struct cm_err err;

    hub_registry_write_hub(&text, f->hub_id, 9);
    for (int i = 0; i < CLUSTERS; i++) {
        const struct hub_registered agent = {.id = id, .cluster = cluster, .state = "active"};

        (void)snprintf(id, sizeof(id), "0b7c3f60-8c0e-4c3a-9d10-5d3b8e%06x", (unsigned)i);
        (void)snprintf(cluster, sizeof(cluster), "c-%d", i);
        hub_registry_write_agent(&text, &agent);
    }
    write_text(f->dir, "registry.jsonl", text.data);
    put_keys(f);
    if (hub_backup_recover(registry, f->fresh, &facts, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(facts.agents, CLUSTERS);
}

// ---- Who waits for a person

// The registry says that Paris waits since then, and that Rome does.
static char *write_waiting(const struct fixture *f, int64_t since_ms) {
    const struct hub_registered agents[] = {
        {.id = PARIS,
         .cluster = "paris-1",
         .state = "active",
         .held = "two have this identity",
         .held_ms = since_ms,
         .held_key = {{9}}},
        {.id = ROME, .cluster = "rome-1", .state = "active", .held = "a copy", .held_ms = 5}};
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    hub_registry_write_hub(&text, f->hub_id, 9);
    hub_registry_write_agent(&text, &agents[0]);
    hub_registry_write_agent(&text, &agents[1]);
    write_text(f->dir, "registry.jsonl", text.data);
    return in(f->dir, "registry.jsonl");
}

static void check_waits(const struct fixture *f, const char *id, const char *why) {
    CM_CLEANUP(hub_db_closep) struct hub_db *db = NULL;
    CM_AUTOFREE char *path = in(f->fresh, "hub.db");
    struct hub_agent_found found;
    struct cm_err err;

    assert_int_equal(hub_db_open(path, HUB_DB_READER, &db, &err), CM_OK);
    assert_int_equal(hub_agents_find(db, id, &found, &err), CM_OK);
    assert_string_equal(found.row.held, why);
}

static void who_waits_for_a_person_still_does_in_a_recovered_hub(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *registry = write_waiting(f, 5);
    struct hub_backup_facts facts;
    struct cm_err err;

    put_keys(f);
    assert_int_equal(hub_backup_recover(registry, f->fresh, &facts, &err), CM_OK);
    check_waits(f, PARIS, "two have this identity");
    check_waits(f, ROME, "a copy");
}

static void who_waits_since_the_backup_waits_unless_somebody_let_him_go_on_later(void **state) {
    struct fixture *f = *state;
    struct hub_agent_row row = {.id = PARIS, .cluster = "paris-1", .approved_ms = 10};
    struct hub_backup_facts facts;
    struct cm_err err;

    assert_int_equal(hub_agents_put(f->db, &row, &err), CM_OK);
    back_up(f);
    CM_AUTOFREE char *before = write_waiting(f, 9);
    assert_int_equal(hub_backup_restore(f->file, f->fresh, before, &facts, &err), CM_OK);
    check_waits(f, PARIS, "");
    assert_int_equal(cm_fsys_remove_tree(f->fresh, &err), CM_OK);
    CM_AUTOFREE char *after = write_waiting(f, 11);
    assert_int_equal(hub_backup_restore(f->file, f->fresh, after, &facts, &err), CM_OK);
    check_waits(f, PARIS, "two have this identity");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_backed_up_is_restored_in_the_next_epoch),
        TEST(only_its_owner_may_read_it_and_nothing_is_left_beside_it),
        TEST(a_root_key_that_is_offline_is_not_needed),
        TEST(a_folder_in_which_there_is_something_is_left_alone),
        TEST(a_damaged_one_is_refused_and_changes_nothing),
        TEST(what_is_no_backup_is_refused),
        TEST(a_restore_that_was_interrupted_is_known_and_done_again),
        TEST(a_folder_that_is_no_hubs_is_told),
        TEST(who_was_revoked_after_the_backup_stays_out),
        TEST(the_registry_of_another_hub_is_refused_and_changes_nothing),
        TEST(a_hub_without_a_database_is_made_again_from_its_keys_and_the_registry),
        TEST(without_the_keys_nothing_is_recovered),
        TEST(with_some_of_the_keys_nothing_is_recovered_or_made_anew),
        TEST(half_of_a_restore_is_not_recovered),
        TEST(a_recovery_that_was_interrupted_is_done_again_and_no_restore_takes_its_keys),
        TEST(a_fleet_of_ten_thousand_and_more_is_found_again),
        TEST(who_waits_for_a_person_still_does_in_a_recovered_hub),
        TEST(who_waits_since_the_backup_waits_unless_somebody_let_him_go_on_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
