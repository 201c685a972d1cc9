#include "agent/cache/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/cache/record.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/fsys.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/workers.h"
#include "tests/unit/agent/support.h"

struct fixture {
    char *root;
    char *dir;
    struct cm_loop *loop;
    struct cm_workers *disk;
    struct agent_cache *cache;
    size_t committed;
    size_t canceled;
    bool closed;
    int troubles;
    int recoveries;
    uint64_t snapshots; // that there were already
};

static void open_cache(struct fixture *f) {
    struct cm_err err;

    if (agent_cache_open(f->loop, f->disk, f->dir, &f->cache, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

static void on_closed(void *ctx) {
    ((struct fixture *)ctx)->closed = true;
}

static bool is_closed(void *ctx) {
    return ((struct fixture *)ctx)->closed;
}

static void close_cache(struct fixture *f, bool flush) {
    f->closed = false;
    agent_cache_close(f->cache, flush, on_closed, f);
    assert_true(turn_until(f->loop, is_closed, f));
    agent_cache_free(f->cache);
    f->cache = NULL;
}

static void reopen(struct fixture *f) {
    close_cache(f, true);
    open_cache(f);
}

static int set_up(void **state) {
    struct fixture *f = cm_new(1, sizeof(*f));

    f->root = temp_dir();
    f->dir = cm_strf("%s/agent", f->root);
    f->loop = cm_loop_new();
    f->disk = cm_workers_new("disk", 1, NULL);
    open_cache(f);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    if (f->cache != NULL) {
        close_cache(f, true);
    }
    cm_workers_stop(f->disk, true);
    cm_workers_free(f->disk);
    cm_loop_free(f->loop);
    free(f->dir);
    temp_dir_remove(f->root);
    free(f);
    return 0;
}

static void on_commit(void *ctx, const struct cm_err *error) {
    struct fixture *f = ctx;

    if (error->code == CM_OK) {
        f->committed++;
    } else {
        f->canceled++;
    }
}

static bool one_committed(void *ctx) {
    return ((struct fixture *)ctx)->committed >= 1;
}

static void commit_and_wait(struct fixture *f) {
    f->committed = 0;
    agent_cache_commit(f->cache, on_commit, f);
    assert_true(turn_until(f->loop, one_committed, f));
}

static struct cm_sha256 put_text(struct fixture *f, const char *text) {
    struct cm_buf *buf = cm_buf_copy(text, strlen(text));
    struct cm_sha256 name = cm_sha256(buf->data, buf->size);

    agent_cache_put_blob(f->cache, &name, buf);
    cm_buf_unref(buf);
    return name;
}

static void assert_blob(struct fixture *f, const struct cm_sha256 *name, const char *text) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *buf = NULL;
    struct cm_err err;

    assert_int_equal(agent_cache_blob(f->cache, name, false, &buf, &err), CM_OK);
    assert_int_equal(buf->size, strlen(text));
    assert_memory_equal(buf->data, text, buf->size);
}

static void put_item(struct fixture *f, const char *key, const char *app, const char *uid) {
    agent_cache_put_item(f->cache, &(struct agent_item){.key = key,
                                                        .app = app,
                                                        .default_namespace = "shop",
                                                        .uid = uid,
                                                        .note = "a note",
                                                        .account = "shop/web",
                                                        .sha256 = cm_sha256(key, strlen(key)),
                                                        .keep = strstr(key, "kept") != NULL,
                                                        .applied = true});
}

static void a_blob_can_be_read_before_and_after_it_is_on_disk(void **state) {
    struct fixture *f = *state;
    struct cm_sha256 name = put_text(f, "one");

    assert_blob(f, &name, "one");
    commit_and_wait(f);
    assert_blob(f, &name, "one");
    reopen(f);
    assert_true(agent_cache_has(f->cache, &name));
    assert_blob(f, &name, "one");
}

static void what_is_to_be_kept_or_let_go_is_still_so_after_a_restart(void **state) {
    struct fixture *f = *state;

    put_item(f, "ConfigMap/shop/kept", "shop", "uid-1");
    put_item(f, "ConfigMap/shop/other", "shop", "uid-2");
    agent_cache_set_release(f->cache, "ConfigMap/shop/other");
    commit_and_wait(f);
    reopen(f);
    assert_true(agent_cache_item(f->cache, "ConfigMap/shop/kept")->keep);
    assert_true(agent_cache_item(f->cache, "ConfigMap/shop/kept")->applied);
    assert_false(agent_cache_item(f->cache, "ConfigMap/shop/kept")->release);
    assert_false(agent_cache_item(f->cache, "ConfigMap/shop/other")->keep);
    assert_true(agent_cache_item(f->cache, "ConfigMap/shop/other")->release);
}

static void everything_is_there_after_a_restart(void **state) {
    struct fixture *f = *state;
    struct cm_sha256 name = put_text(f, "manifest");
    char run[CM_UUID_MAX];

    (void)snprintf(run, sizeof(run), "%s", agent_cache_report_run(f->cache));
    put_item(f, "ConfigMap/shop/a", "shop", "uid-1");
    put_item(f, "ConfigMap/shop/b", "shop", "uid-2");
    agent_cache_drop_item(f->cache, "ConfigMap/shop/b");
    agent_cache_set_recovered(f->cache);
    agent_cache_set_in_force(f->cache,
                             &(struct agent_in_force){.epoch = 2,
                                                      .generation = 7,
                                                      .manifest = name,
                                                      .signature = (const uint8_t *)"sig",
                                                      .signature_size = 3,
                                                      .signer_der = (const uint8_t *)"cert",
                                                      .signer_size = 4});
    reopen(f);
    const struct agent_item *item = agent_cache_item(f->cache, "ConfigMap/shop/a");
    assert_non_null(item);
    assert_string_equal(item->uid, "uid-1");
    assert_string_equal(item->default_namespace, "shop");
    assert_string_equal(item->note, "a note");
    assert_true(item->applied);
    assert_null(agent_cache_item(f->cache, "ConfigMap/shop/b"));
    assert_true(agent_cache_recovered(f->cache));
    const struct agent_in_force *in_force = agent_cache_in_force(f->cache);
    assert_int_equal(in_force->generation, 7);
    assert_memory_equal(in_force->signature, "sig", 3);
    assert_memory_equal(in_force->signer_der, "cert", 4);
    assert_string_equal(agent_cache_report_run(f->cache), run);
}

static void the_wave_and_the_account_of_an_item_are_remembered(void **state) {
    struct fixture *f = *state;

    put_item(f, "ConfigMap/shop/a", "shop", "uid-1");
    put_item(f, "ConfigMap/shop/b", "shop", "uid-2");
    agent_cache_set_wave(f->cache, "ConfigMap/shop/a", -1000);
    agent_cache_set_wave(f->cache, "ConfigMap/shop/none", 5);
    reopen(f);
    assert_int_equal(agent_cache_item(f->cache, "ConfigMap/shop/a")->wave, -1000);
    assert_string_equal(agent_cache_item(f->cache, "ConfigMap/shop/a")->uid, "uid-1");
    assert_string_equal(agent_cache_item(f->cache, "ConfigMap/shop/a")->account, "shop/web");
    assert_int_equal(agent_cache_item(f->cache, "ConfigMap/shop/b")->wave, 0);
    assert_int_equal(agent_cache_item_count(f->cache), 2);
}

static void snapshot_now(struct fixture *f);

static void what_an_object_may_have_been_applied_in_is_kept_until_it_is_known(void **state) {
    static const struct cm_sha256 none;
    const char *key = "ConfigMap/shop/a";
    struct fixture *f = *state;
    struct cm_sha256 form = put_text(f, "another form");

    put_item(f, key, "shop", "uid-1");
    agent_cache_set_sent(f->cache, key, &agent_cache_item(f->cache, key)->sha256);
    assert_true(cm_sha256_equal(&agent_cache_item(f->cache, key)->sent, &none));
    agent_cache_set_sent(f->cache, key, &form);
    for (int i = 0; i < 2; i++) {
        reopen(f);
        assert_true(cm_sha256_equal(&agent_cache_item(f->cache, key)->sent, &form));
        assert_string_equal(agent_cache_item(f->cache, key)->account, "shop/web");
        commit_and_wait(f);
        agent_cache_set_in_force(f->cache, &(struct agent_in_force){.epoch = 1, .generation = 1});
        commit_and_wait(f); // nobody asked for the bytes since
        snapshot_now(f);
        assert_blob(f, &form, "another form");
    }
    put_item(f, key, "shop", "uid-1");
    reopen(f);
    assert_true(cm_sha256_equal(&agent_cache_item(f->cache, key)->sent, &none));
}

static bool keeps_a(void *ctx, const char *key) {
    (void)ctx;
    return strcmp(key, "Job.batch/shop/a") == 0;
}

static void which_hooks_ran_is_remembered(void **state) {
    static const char *const keys[] = {"Job.batch/shop/a", "Job.batch/shop/b", "Job.batch/x/a"};
    struct fixture *f = *state;
    struct cm_sha256 bundle = cm_sha256("bundle", 6);

    for (size_t i = 0; i < 3; i++) {
        agent_cache_put_hook(f->cache, &(struct agent_hook){.key = keys[i],
                                                            .app = i == 2 ? "other" : "shop",
                                                            .bundle = bundle});
    }
    agent_cache_put_hook(
        f->cache,
        &(struct agent_hook){.key = keys[0], .app = "shop", .bundle = bundle, .done = true});
    agent_cache_keep_hooks(f->cache, "shop", keeps_a, NULL);
    for (int i = 0; i < 2; i++) {
        reopen(f);
        assert_true(agent_cache_hook(f->cache, keys[0])->done);
        assert_true(cm_sha256_equal(&agent_cache_hook(f->cache, keys[0])->bundle, &bundle));
        assert_null(agent_cache_hook(f->cache, keys[1]));
        assert_false(agent_cache_hook(f->cache, keys[2])->done);
        assert_string_equal(agent_cache_hook(f->cache, keys[2])->app, "other");
        commit_and_wait(f);
        snapshot_now(f);
    }
}

// append adds bytes to the log of a cache that is closed.
static void append(struct fixture *f, const struct cm_str *bytes) {
    CM_AUTOFREE char *path = cm_strf("%s/log", f->dir);
    FILE *log = fopen(path, "ae");

    assert_non_null(log);
    assert_int_equal(fwrite(bytes->data, 1, bytes->len, log), bytes->len);
    assert_int_equal(fclose(log), 0);
}

static void an_item_written_before_there_were_waves_and_accounts_has_none(void **state) {
    struct fixture *f = *state;
    struct cm_str record = {0};
    struct cm_str frame = {0};
    struct cm_sha256 name = cm_sha256("a", 1);
    size_t begin = agent_put_begin(&record, AGENT_RECORD_ITEM);
    const char *const texts[] = {"ConfigMap/shop/old", "shop", "shop", "uid", "note"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        agent_put_text(&record, texts[i]);
    }
    cm_str_add_n(&record, name.bytes, sizeof(name.bytes));
    agent_put_u8(&record, 1);
    agent_put_end(&record, begin);
    agent_put_frame(&frame, record.data, record.len);
    close_cache(f, true);
    append(f, &frame);
    open_cache(f);
    const struct agent_item *item = agent_cache_item(f->cache, "ConfigMap/shop/old");
    assert_non_null(item);
    assert_true(item->applied);
    assert_int_equal(item->wave, 0);
    assert_string_equal(item->account, "");
    cm_str_done(&record);
    cm_str_done(&frame);
}

static void report_numbers_never_come_twice(void **state) {
    struct fixture *f = *state;
    uint64_t last = 0;

    for (int i = 0; i < 5000; i++) {
        uint64_t number = agent_cache_next_report(f->cache);

        assert_true(number > last);
        last = number;
        if (i % 100 == 0) {
            commit_and_wait(f);
        }
    }
    close_cache(f, false); // killed: what was pending is lost
    open_cache(f);
    assert_true(agent_cache_next_report(f->cache) > last);
}

// Else the hub would pass over reports that it has never seen.
static void nor_do_they_if_an_older_copy_of_the_disk_is_put_back(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *log = cm_strf("%s/log", f->dir);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *older = NULL;
    uint64_t last = 0;
    struct cm_err err;

    cm_clock_fake(cm_clock_unix_ms());
    close_cache(f, true);
    assert_int_equal(cm_fsys_read(log, 1 << 20, &older, &err), CM_OK);
    open_cache(f);
    for (int i = 0; i < 5000; i++) {
        last = agent_cache_next_report(f->cache);
    }
    close_cache(f, true);
    assert_int_equal(cm_fsys_replace(log, older->data, older->size, 0600, &err), CM_OK);
    cm_clock_advance(5000);
    open_cache(f);
    cm_clock_fake(-1);
    assert_true(agent_cache_next_report(f->cache) > last);
}

static void a_thousand_commits_cost_a_few_writes(void **state) {
    struct fixture *f = *state;
    struct agent_cache_stats stats;

    commit_and_wait(f);
    for (int i = 0; i < 1000; i++) {
        CM_AUTOFREE char *key = cm_strf("ConfigMap/shop/%d", i);

        put_item(f, key, "shop", "");
        agent_cache_commit(f->cache, on_commit, f);
    }
    f->committed = 0;
    agent_cache_commit(f->cache, on_commit, f);
    while (f->committed < 1001) {
        assert_true(turn_until(f->loop, one_committed, f));
        (void)cm_loop_turn(f->loop);
    }
    agent_cache_stats_get(f->cache, &stats);
    assert_true(stats.frames >= 1000);
    assert_true(stats.writes <= 5);
}

static void only_one_agent_may_use_a_folder(void **state) {
    struct fixture *f = *state;
    struct agent_cache *second = NULL;
    struct cm_err err;

    assert_int_equal(agent_cache_open(f->loop, f->disk, f->dir, &second, &err), CM_EBUSY);
}

static void nobody_else_may_read_what_is_there(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *log = cm_strf("%s/log", f->dir);
    struct stat st;

    assert_int_equal(stat(log, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(f->dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void what_a_kill_interrupts_is_told_so(void **state) {
    struct fixture *f = *state;

    put_item(f, "ConfigMap/shop/a", "shop", "");
    agent_cache_commit(f->cache, on_commit, f);
    put_item(f, "ConfigMap/shop/b", "shop", "");
    agent_cache_commit(f->cache, on_commit, f);
    close_cache(f, false);
    assert_int_equal(f->committed + f->canceled, 2);
    assert_true(f->canceled >= 1);
}

// ---- Every byte

struct scene {
    uint64_t generation;
    size_t items;
};

static struct scene look(struct fixture *f) {
    return (struct scene){agent_cache_in_force(f->cache)->generation,
                          agent_cache_item_count(f->cache)};
}

static void step(struct fixture *f, uint64_t generation) {
    CM_AUTOFREE char *text = cm_strf("manifest %d", (int)generation);
    struct cm_sha256 name = put_text(f, text);

    for (uint64_t i = 0; i < 3; i++) {
        CM_AUTOFREE char *key = cm_strf("ConfigMap/shop/%d-%d", (int)generation, (int)i);

        put_item(f, key, "shop", "");
    }
    agent_cache_set_in_force(f->cache,
                             &(struct agent_in_force){.generation = generation, .manifest = name});
    commit_and_wait(f);
}

// write_log replaces the file without waiting for the disk.
static void write_log(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void a_log_cut_at_any_byte_gives_a_state_that_was_committed(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *log = cm_strf("%s/log", f->dir);
    struct cm_buf *bytes = NULL;
    struct cm_err err;

    for (uint64_t g = 1; g <= 3; g++) {
        step(f, g);
    }
    close_cache(f, true);
    assert_int_equal(cm_fsys_read(log, 1 << 20, &bytes, &err), CM_OK);
    uint64_t last = 0;
    for (size_t cut = 0; cut <= bytes->size; cut++) {
        write_log(log, bytes->data, cut);
        open_cache(f);
        struct scene scene = look(f);
        assert_int_equal(scene.items, 3 * scene.generation);
        assert_true(scene.generation >= last && scene.generation <= last + 1);
        last = scene.generation;
        if (scene.generation > 0) {
            CM_AUTOFREE char *text = cm_strf("manifest %d", (int)scene.generation);
            struct cm_sha256 name = agent_cache_in_force(f->cache)->manifest;

            assert_blob(f, &name, text);
        }
        close_cache(f, false);
    }
    assert_int_equal(last, 3);
    cm_buf_unref(bytes);
    open_cache(f);
}

static void a_changed_byte_gives_a_state_from_before_it(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *log = cm_strf("%s/log", f->dir);
    struct cm_buf *bytes = NULL;
    struct cm_err err;

    for (uint64_t g = 1; g <= 2; g++) {
        step(f, g);
    }
    close_cache(f, true);
    assert_int_equal(cm_fsys_read(log, 1 << 20, &bytes, &err), CM_OK);
    for (size_t at = 16; at < bytes->size; at += 7) {
        bytes->data[at] ^= 0x40;
        write_log(log, bytes->data, bytes->size);
        bytes->data[at] ^= 0x40;
        open_cache(f);
        struct scene scene = look(f);
        assert_true(scene.generation < 2 || at + 200 > bytes->size);
        assert_int_equal(scene.items, 3 * scene.generation);
        close_cache(f, false);
    }
    cm_buf_unref(bytes);
    open_cache(f);
}

static void a_file_that_is_no_log_is_left_alone(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *log = cm_strf("%s/log", f->dir);
    struct cm_err err;

    close_cache(f, true);
    assert_int_equal(cm_fsys_replace(log, "my precious notes", 17, 0600, &err), CM_OK);
    assert_int_equal(agent_cache_open(f->loop, f->disk, f->dir, &f->cache, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "not written by this version of the agent"));
    struct cm_buf *bytes = NULL;
    assert_int_equal(cm_fsys_read(log, 100, &bytes, &err), CM_OK);
    assert_memory_equal(bytes->data, "my precious notes", 17);
    cm_buf_unref(bytes);
}

static void writing_goes_on_after_a_torn_end(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *log = cm_strf("%s/log", f->dir);
    struct stat st;

    step(f, 1);
    close_cache(f, true);
    assert_int_equal(stat(log, &st), 0);
    assert_int_equal(truncate(log, st.st_size + 100), 0); // zeros, as after a crash
    open_cache(f);
    step(f, 2);
    reopen(f);
    assert_int_equal(look(f).generation, 2);
    assert_int_equal(look(f).items, 6);
}

// What was cut off may have named objects that were applied, and numbers of reports.
static void a_log_that_lost_its_end_knows_neither_what_it_owns_nor_what_it_told(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *log = cm_strf("%s/log", f->dir);
    CM_AUTOFREE char *run = cm_strdup(agent_cache_report_run(f->cache));
    struct stat st;

    agent_cache_set_recovered(f->cache);
    step(f, 1);
    step(f, 2);
    close_cache(f, true);
    assert_int_equal(stat(log, &st), 0);
    assert_int_equal(truncate(log, st.st_size - 1), 0);
    open_cache(f);
    assert_false(agent_cache_recovered(f->cache));
    assert_string_not_equal(agent_cache_report_run(f->cache), run);
    CM_AUTOFREE char *new_run = cm_strdup(agent_cache_report_run(f->cache));
    reopen(f);
    assert_false(agent_cache_recovered(f->cache));
    assert_string_equal(agent_cache_report_run(f->cache), new_run);
    agent_cache_set_recovered(f->cache);
    reopen(f);
    assert_true(agent_cache_recovered(f->cache));
}

// lose_end cuts the last byte off the log.
static void lose_end(struct fixture *f) {
    CM_AUTOFREE char *log = cm_strf("%s/log", f->dir);
    struct stat st;

    close_cache(f, true);
    assert_int_equal(stat(log, &st), 0);
    assert_int_equal(truncate(log, st.st_size - 1), 0);
    open_cache(f);
}

static void what_a_lost_end_means_is_on_disk_before_the_cache_is_open(void **state) {
    struct fixture *f = *state;

    agent_cache_set_recovered(f->cache);
    step(f, 1);
    step(f, 2);
    lose_end(f);
    CM_AUTOFREE char *run = cm_strdup(agent_cache_report_run(f->cache));
    close_cache(f, false); // stopped before anything else was written
    open_cache(f);
    assert_false(agent_cache_recovered(f->cache));
    assert_true(agent_cache_is_doubted(f->cache));
    assert_string_equal(agent_cache_report_run(f->cache), run);
}

static void a_manifest_is_doubted_until_the_next_one_is_in_force(void **state) {
    struct fixture *f = *state;

    step(f, 1);
    step(f, 2);
    assert_false(agent_cache_is_doubted(f->cache));
    lose_end(f);
    assert_int_equal(look(f).generation, 1);
    assert_true(agent_cache_is_doubted(f->cache));
    agent_cache_set_recovered(f->cache);
    reopen(f);
    assert_true(agent_cache_is_doubted(f->cache));
    step(f, 2);
    assert_false(agent_cache_is_doubted(f->cache));
    reopen(f);
    assert_false(agent_cache_is_doubted(f->cache));
    assert_true(agent_cache_recovered(f->cache));
}

static bool has_form(const struct fixture *f, const char *key) {
    static const struct cm_sha256 none;

    return !cm_sha256_equal(&agent_cache_item(f->cache, key)->sha256, &none);
}

// Another form may have followed, of which the disk says nothing.
static void in_which_form_objects_were_applied_is_not_known_of_an_older_disk(void **state) {
    struct fixture *f = *state;

    agent_cache_set_recovered(f->cache);
    put_item(f, "ConfigMap/shop/before", "shop", "uid-1");
    agent_cache_doubt(f->cache, true);
    assert_false(has_form(f, "ConfigMap/shop/before"));
    agent_cache_set_recovered(f->cache);
    put_item(f, "ConfigMap/shop/after", "shop", "uid-2");
    reopen(f);
    assert_false(has_form(f, "ConfigMap/shop/before"));
    assert_true(agent_cache_item(f->cache, "ConfigMap/shop/before")->applied);
    assert_true(has_form(f, "ConfigMap/shop/after"));
}

// damage changes a byte of the log.
static void damage(struct fixture *f, uint64_t at) {
    CM_AUTOFREE char *log = cm_strf("%s/log", f->dir);
    uint8_t byte = 0;

    close_cache(f, true);
    int fd = open(log, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    (void)close(fd);
    open_cache(f);
}

static uint64_t end_of_log(const struct fixture *f) {
    struct agent_cache_stats stats;

    agent_cache_stats_get(f->cache, &stats);
    return stats.log_bytes;
}

static void nor_is_it_when_the_disk_is_damaged(void **state) {
    struct fixture *f = *state;

    agent_cache_set_recovered(f->cache);
    step(f, 1);
    put_item(f, "ConfigMap/shop/before", "shop", "uid-1");
    commit_and_wait(f);
    step(f, 2);
    assert_true(has_form(f, "ConfigMap/shop/before"));
    damage(f, end_of_log(f) - 1);
    assert_false(has_form(f, "ConfigMap/shop/before"));
    reopen(f);
    assert_false(has_form(f, "ConfigMap/shop/before"));
}

// A frame says that it goes on behind the end; one is the last, and of the other more followed.
static void nor_where_the_length_of_a_frame_is_damaged(void **state) {
    struct fixture *f = *state;

    agent_cache_set_recovered(f->cache);
    for (int more = 0; more < 2; more++) {
        put_item(f, "ConfigMap/shop/before", "shop", "uid-1");
        commit_and_wait(f);
        assert_true(has_form(f, "ConfigMap/shop/before"));
        uint64_t at = end_of_log(f);
        step(f, 1);
        if (more != 0) {
            step(f, 2);
        }
        damage(f, at + 2);
        assert_false(has_form(f, "ConfigMap/shop/before"));
    }
}

// Nobody acted upon that frame; and what people changed by hand, where the App lets them, stays.
static void it_is_known_still_when_a_crash_tore_the_last_frame(void **state) {
    struct fixture *f = *state;

    agent_cache_set_recovered(f->cache);
    step(f, 1);
    put_item(f, "ConfigMap/shop/before", "shop", "uid-1");
    commit_and_wait(f);
    step(f, 2);
    lose_end(f);
    assert_false(agent_cache_recovered(f->cache));
    assert_true(has_form(f, "ConfigMap/shop/before"));
    reopen(f);
    assert_true(has_form(f, "ConfigMap/shop/before"));
}

// Takes the place of libc's for the whole program.
static off_t unreadable_from; // 0: all can be read

ssize_t pread(int fd, void *out, size_t size, off_t at) {
    if (unreadable_from > 0 && at + (off_t)size > unreadable_from) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_pread64, fd, out, size, at);
}

static void a_log_that_cannot_be_read_is_left_as_it_is(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *log = cm_strf("%s/log", f->dir);
    struct stat before;
    struct stat after;
    struct cm_err err;

    step(f, 1);
    step(f, 2);
    close_cache(f, true);
    assert_int_equal(stat(log, &before), 0);
    unreadable_from = before.st_size - 10;
    assert_int_equal(agent_cache_open(f->loop, f->disk, f->dir, &f->cache, &err), CM_EIO);
    unreadable_from = 0;
    assert_int_equal(stat(log, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    open_cache(f);
    assert_int_equal(look(f).generation, 2);
    assert_false(agent_cache_is_doubted(f->cache));
}

// ---- Snapshots

static bool has_snapshot(void *ctx) {
    struct agent_cache_stats stats;

    agent_cache_stats_get(((struct fixture *)ctx)->cache, &stats);
    return stats.snapshots > 0;
}

static struct cm_sha256 put_release(struct fixture *f, const struct test_release *r,
                                    uint64_t generation) {
    for (size_t i = 0; i < r->blob_count; i++) {
        agent_cache_put_blob(f->cache, &r->blobs[i].name, r->blobs[i].bytes);
    }
    agent_cache_put_blob(f->cache, &r->manifest_sha256, r->manifest);
    agent_cache_set_in_force(f->cache, &(struct agent_in_force){.generation = generation,
                                                                .manifest = r->manifest_sha256});
    commit_and_wait(f);
    return r->blobs[0].name;
}

static struct test_release *release_with(const char *key, uint64_t generation) {
    const struct test_object object = {.key = key};
    const struct test_app app = {.name = "shop", .objects = &object, .object_count = 1};

    return release_new(
        &(struct test_manifest){.generation = generation, .apps = &app, .app_count = 1});
}

static void a_snapshot_keeps_what_is_in_force_and_leaves_the_rest(void **state) {
    struct fixture *f = *state;
    CM_CLEANUP(release_freep) struct test_release *first = release_with("ConfigMap/shop/a", 1);
    CM_CLEANUP(release_freep) struct test_release *second = release_with("ConfigMap/shop/b", 2);
    struct agent_cache_stats before;
    struct agent_cache_stats after;

    put_item(f, "ConfigMap/shop/a", "shop", "uid");
    struct cm_sha256 old = put_release(f, first, 1);
    struct cm_sha256 now = put_release(f, second, 2);
    agent_cache_stats_get(f->cache, &before);
    agent_cache_snapshot(f->cache);
    assert_true(turn_until(f->loop, has_snapshot, f));
    agent_cache_stats_get(f->cache, &after);
    assert_int_equal(before.blobs, 6);
    assert_int_equal(after.blobs, 3);
    assert_true(after.log_bytes < before.log_bytes);
    assert_false(agent_cache_has(f->cache, &old));
    assert_true(agent_cache_has(f->cache, &now));
    put_item(f, "ConfigMap/shop/c", "shop", "uid");
    commit_and_wait(f);
    reopen(f);
    assert_int_equal(look(f).generation, 2);
    assert_int_equal(look(f).items, 2);
    assert_false(agent_cache_has(f->cache, &old));
    for (size_t i = 0; i < second->blob_count; i++) {
        assert_true(agent_cache_has(f->cache, &second->blobs[i].name));
    }
}

static void a_snapshot_keeps_the_forms_that_were_applied_last(void **state) {
    struct fixture *f = *state;
    const char *key = "ConfigMap/shop/a";
    CM_CLEANUP(release_freep) struct test_release *second = release_with("ConfigMap/shop/b", 2);
    struct cm_sha256 form = put_text(f, key); // put_item names an item's form by its key

    put_item(f, key, "shop", "uid");
    (void)put_release(f, second, 2);
    agent_cache_snapshot(f->cache);
    assert_true(turn_until(f->loop, has_snapshot, f));
    assert_true(agent_cache_has(f->cache, &form));
}

static void a_snapshot_is_dropped_when_a_blob_it_leaves_behind_is_asked_for(void **state) {
    struct fixture *f = *state;
    CM_CLEANUP(release_freep) struct test_release *first = release_with("ConfigMap/shop/a", 1);
    CM_CLEANUP(release_freep) struct test_release *second = release_with("ConfigMap/shop/b", 2);
    struct agent_cache_stats stats;
    struct cm_sha256 old = put_release(f, first, 1);

    (void)put_release(f, second, 2);
    agent_cache_snapshot(f->cache);
    assert_true(agent_cache_has(f->cache, &old)); // a third manifest may want it
    put_item(f, "ConfigMap/shop/c", "shop", "uid");
    commit_and_wait(f); // it comes after the snapshot
    agent_cache_stats_get(f->cache, &stats);
    assert_int_equal(stats.snapshots, 0);
    assert_true(agent_cache_has(f->cache, &old));
    reopen(f);
    assert_true(agent_cache_has(f->cache, &old));
}

static void a_log_that_grows_is_replaced_by_itself(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *text = cm_new(1, 40001);
    struct agent_cache_stats stats;

    for (uint64_t g = 1; g <= 60; g++) {
        memset(text, 'a' + (int)(g % 26), 40000);
        text[0] = (char)('0' + g % 10);
        text[1] = (char)('0' + g / 10);
        struct cm_sha256 name = put_text(f, text);
        agent_cache_set_in_force(f->cache,
                                 &(struct agent_in_force){.generation = g, .manifest = name});
        commit_and_wait(f);
    }
    assert_true(turn_until(f->loop, has_snapshot, f));
    commit_and_wait(f);
    agent_cache_stats_get(f->cache, &stats);
    assert_true(stats.log_bytes < 1500000);
    reopen(f);
    assert_int_equal(look(f).generation, 60);
}

static size_t largest_frame(const struct cm_buf *log) {
    size_t largest = 0;

    for (size_t at = AGENT_LOG_MAGIC_SIZE; at < log->size;) {
        size_t size = agent_frame_size(log->data + at);

        largest = size > largest ? size : largest;
        at += AGENT_FRAME_HEADER + size;
    }
    return largest;
}

static bool has_another_snapshot(void *ctx) {
    const struct fixture *f = ctx;
    struct agent_cache_stats stats;

    agent_cache_stats_get(f->cache, &stats);
    return stats.snapshots > f->snapshots;
}

static void snapshot_now(struct fixture *f) {
    struct agent_cache_stats stats;

    agent_cache_stats_get(f->cache, &stats);
    f->snapshots = stats.snapshots;
    agent_cache_snapshot(f->cache);
    assert_true(turn_until(f->loop, has_another_snapshot, f));
}

// A frame has a largest size, an inventory has none.
static void a_snapshot_of_many_items_is_written_in_pieces(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *log = cm_strf("%s/log", f->dir);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    char uid[2000];
    struct cm_err err;

    memset(uid, 'u', sizeof(uid) - 1);
    uid[sizeof(uid) - 1] = '\0';
    for (int i = 0; i < 1500; i++) {
        CM_AUTOFREE char *key = cm_strf("ConfigMap/shop/%d", i);

        put_item(f, key, "shop", uid);
        if (i % 100 == 0) {
            commit_and_wait(f);
        }
    }
    commit_and_wait(f);
    snapshot_now(f); // one may have been under way
    snapshot_now(f);
    close_cache(f, true);
    assert_int_equal(cm_fsys_read(log, 8 << 20, &bytes, &err), CM_OK);
    assert_true(largest_frame(bytes) < 2 << 20);
    open_cache(f);
    assert_int_equal(agent_cache_item_count(f->cache), 1500);
    assert_string_equal(agent_cache_item(f->cache, "ConfigMap/shop/1499")->uid, uid);
}

// ---- A disk that fails

static void on_trouble(void *ctx, const struct cm_err *why) {
    struct fixture *f = ctx;

    if (why != NULL) {
        f->troubles++;
    } else {
        f->recoveries++;
    }
}

static bool in_trouble(void *ctx) {
    return ((struct fixture *)ctx)->troubles > 0;
}

// limit_files makes every write beyond `size` bytes of a file fail with EFBIG.
static void limit_files(rlim_t size) {
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_failing_disk_is_told_and_tried_again(void **state) {
    struct fixture *f = *state;

    (void)signal(SIGXFSZ, SIG_IGN);
    step(f, 1);
    agent_cache_on_trouble(f->cache, on_trouble, f);
    limit_files(10);
    put_item(f, "ConfigMap/shop/x", "shop", "");
    f->committed = 0;
    agent_cache_commit(f->cache, on_commit, f);
    assert_true(turn_until(f->loop, in_trouble, f));
    assert_non_null(agent_cache_trouble(f->cache));
    assert_int_equal(f->committed, 0);
    assert_non_null(agent_cache_item(f->cache, "ConfigMap/shop/x")); // it goes on from memory
    limit_files(RLIM_INFINITY);
    assert_true(turn_until(f->loop, one_committed, f));
    assert_null(agent_cache_trouble(f->cache));
    assert_int_equal(f->recoveries, 1);
    reopen(f);
    assert_non_null(agent_cache_item(f->cache, "ConfigMap/shop/x"));
}

static void a_damaged_blob_is_not_given_out(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *log = cm_strf("%s/log", f->dir);
    struct cm_sha256 name = put_text(f, "0123456789");
    struct cm_buf *bytes = NULL;
    struct cm_err err;

    commit_and_wait(f);
    assert_int_equal(cm_fsys_read(log, 1 << 20, &bytes, &err), CM_OK);
    uint8_t *at = memmem(bytes->data, bytes->size, "0123456789", 10);
    assert_non_null(at);
    FILE *file = fopen(log, "r+e");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)(at - bytes->data), SEEK_SET), 0);
    assert_int_equal(fputc('x', file), 'x');
    assert_int_equal(fclose(file), 0);
    cm_buf_unref(bytes);
    bytes = NULL;
    assert_int_equal(agent_cache_blob(f->cache, &name, false, &bytes, &err), CM_EIO);
    assert_false(agent_cache_has(f->cache, &name)); // so that it is asked for again
}

// ---- The journal

struct journal_told {
    char text[256];
    uint64_t last;
};

static bool tell_entry(void *ctx, const struct agent_journal_entry *entry) {
    struct journal_told *t = ctx;
    size_t len = strlen(t->text);

    assert_true(entry->number > t->last);
    t->last = entry->number;
    (void)snprintf(t->text + len, sizeof(t->text) - len, "%lld:%.*s ", (long long)entry->at_ms,
                   (int)entry->size, (const char *)entry->bytes);
    return true;
}

static struct journal_told journal_of(struct fixture *f) {
    struct journal_told t = {.last = 0};

    agent_cache_journal_each(f->cache, tell_entry, &t);
    return t;
}

static void add_entry(struct fixture *f, int64_t at_ms, const char *text) {
    agent_cache_journal_add(f->cache, at_ms, text, strlen(text));
}

static void the_journal_survives_restarts_and_snapshots_in_its_order(void **state) {
    struct fixture *f = *state;

    add_entry(f, 5, "a");
    add_entry(f, 6, "b");
    reopen(f);
    assert_string_equal(journal_of(f).text, "5:a 6:b ");
    agent_cache_snapshot(f->cache);
    add_entry(f, 7, "c");
    reopen(f);
    assert_string_equal(journal_of(f).text, "5:a 6:b 7:c ");
}

static void what_was_told_is_dropped_for_good_and_numbers_go_on(void **state) {
    struct fixture *f = *state;

    add_entry(f, 5, "a");
    uint64_t first = journal_of(f).last;
    add_entry(f, 6, "b");
    agent_cache_journal_told(f->cache, first);
    assert_string_equal(journal_of(f).text, "6:b ");
    uint64_t second = journal_of(f).last;
    agent_cache_journal_told(f->cache, second);
    reopen(f);
    assert_int_equal(agent_cache_journal_count(f->cache), 0);
    add_entry(f, 7, "c");
    assert_true(journal_of(f).last > second);
}

static void what_there_is_no_room_for_is_a_gap(void **state) {
    struct fixture *f = *state;

    for (int i = 0; i < AGENT_JOURNAL_MAX + 3; i++) {
        add_entry(f, 100 + i, "x");
    }
    for (int i = 0; i < 2; i++) {
        const struct agent_journal_gap *gap = agent_cache_journal_gap(f->cache);

        assert_int_equal(agent_cache_journal_count(f->cache), AGENT_JOURNAL_MAX);
        assert_int_equal(gap->count, 3);
        assert_int_equal(gap->from_ms, 100);
        assert_int_equal(gap->to_ms, 102);
        reopen(f);
    }
    agent_cache_journal_told(f->cache, agent_cache_journal_gap(f->cache)->number);
    assert_int_equal(agent_cache_journal_gap(f->cache)->count, 0);
    assert_int_equal(agent_cache_journal_count(f->cache), AGENT_JOURNAL_MAX);
}

static void what_is_lost_of_a_journal_on_its_way_is_counted_once(void **state) {
    struct fixture *f = *state;

    for (int i = 0; i < AGENT_JOURNAL_MAX + 3; i++) {
        add_entry(f, 100 + i, "x");
    }
    uint64_t sent = agent_cache_journal_gap(f->cache)->number + 2; // and two entries
    agent_cache_journal_sent(f->cache, sent);
    for (int i = 0; i < 5; i++) { // these two give way, and three more
        add_entry(f, 9999, "x");
    }
    assert_int_equal(agent_cache_journal_gap(f->cache)->count, 8);
    agent_cache_journal_told(f->cache, sent);
    assert_int_equal(agent_cache_journal_gap(f->cache)->count, 3);
    reopen(f);
    assert_int_equal(agent_cache_journal_gap(f->cache)->count, 3);
}

static void large_entries_leave_room_for_the_rest_of_the_disk(void **state) {
    CM_AUTOFREE char *large = cm_new(1, 100 * 1024);
    struct fixture *f = *state;

    for (int i = 0; i < 5; i++) {
        agent_cache_journal_add(f->cache, i, large, 100 * 1024);
    }
    assert_int_equal(agent_cache_journal_count(f->cache), 2);
    assert_int_equal(agent_cache_journal_gap(f->cache)->count, 3);
}

static void a_journal_that_nobody_takes_is_a_gap(void **state) {
    struct fixture *f = *state;

    add_entry(f, 5, "a");
    add_entry(f, 6, "b");
    agent_cache_journal_lose(f->cache);
    reopen(f);
    assert_int_equal(agent_cache_journal_count(f->cache), 0);
    assert_int_equal(agent_cache_journal_gap(f->cache)->count, 2);
    assert_int_equal(agent_cache_journal_gap(f->cache)->to_ms, 6);
}

// ---- Releases, decisions and holds

static struct cm_sha256 hash(const char *text) {
    return cm_sha256(text, strlen(text));
}

// age has everything be of an older manifest: a snapshot keeps only what is needed.
static void age(struct fixture *f, uint64_t generation) {
    CM_CLEANUP(release_freep)
    struct test_release *r = release_with("ConfigMap/other/a", generation);

    (void)put_release(f, r, generation);
    snapshot_now(f);
}

static void add_release(struct fixture *f, const char *token) {
    agent_cache_add_release(
        f->cache, "Deployment.apps/shop/web",
        &(struct agent_release){
            .token = token, .revision = "r1", .sha256 = hash(token), .bundle = hash("bundle")});
}

static const struct agent_releases *releases_of(struct fixture *f) {
    return agent_cache_releases(f->cache, "Deployment.apps/shop/web");
}

// Who restarts has another clock than who undoes.
static void what_people_did_last_is_not_forgotten_for_what_seems_older(void **state) {
    struct fixture *f = *state;

    agent_cache_set_edge(f->cache, "Deployment.apps/shop/web", AGENT_EDGE_UNDONE, 42);
    agent_cache_set_edge(f->cache, "Deployment.apps/shop/web", AGENT_EDGE_UNDONE, 41);
    assert_int_equal(releases_of(f)->edges[AGENT_EDGE_UNDONE], 42);
}

static void releases_are_remembered_the_newest_eight_and_forgotten_with_the_item(void **state) {
    struct fixture *f = *state;
    struct cm_sha256 form = put_text(f, "d");
    char token[] = "a";

    for (; token[0] < 'a' + AGENT_RELEASES_MAX + 2; token[0]++) {
        add_release(f, token);
    }
    agent_cache_set_promoted(f->cache, "Deployment.apps/shop/web", "c");
    agent_cache_set_promoted(f->cache, "Deployment.apps/shop/web", "d");
    agent_cache_set_edge(f->cache, "Deployment.apps/shop/web", AGENT_EDGE_ENDED, 42);
    for (uint64_t i = 1; i < 3; i++) {
        reopen(f);
        assert_int_equal(releases_of(f)->count, AGENT_RELEASES_MAX);
        assert_string_equal(releases_of(f)->all[0].token, "c");
        assert_false(releases_of(f)->all[0].promoted);
        assert_true(releases_of(f)->all[1].promoted);
        assert_true(cm_sha256_equal(&releases_of(f)->all[1].sha256, &form));
        assert_int_equal(releases_of(f)->edges[AGENT_EDGE_ENDED], 42);
        age(f, i);
    }
    assert_true(agent_cache_has(f->cache, &form));
    agent_cache_drop_item(f->cache, "Deployment.apps/shop/web");
    assert_null(releases_of(f));
    agent_cache_commit(f->cache, NULL, NULL);
    reopen(f);
    assert_null(releases_of(f));
}

static bool tell_decided(void *ctx, const struct agent_decided *decided) {
    struct journal_told *t = ctx;
    size_t len = strlen(t->text);

    (void)snprintf(t->text + len, sizeof(t->text) - len, "%.*s ", (int)decided->size,
                   (const char *)decided->bytes);
    assert_true(decided->number > t->last);
    t->last = decided->number;
    return true;
}

static struct journal_told decisions_of(struct fixture *f) {
    struct journal_told t = {.last = 0};

    agent_cache_decided_each(f->cache, tell_decided, &t);
    return t;
}

static void decisions_survive_restarts_and_snapshots_until_they_are_told(void **state) {
    struct fixture *f = *state;

    agent_cache_decided_add(f->cache, true, "a", 1);
    uint64_t first = decisions_of(f).last;
    agent_cache_decided_add(f->cache, true, "b", 1);
    agent_cache_commit(f->cache, NULL, NULL);
    reopen(f);
    assert_string_equal(decisions_of(f).text, "a b ");
    commit_and_wait(f);
    snapshot_now(f);
    reopen(f);
    assert_string_equal(decisions_of(f).text, "a b ");
    agent_cache_decided_told(f->cache, first);
    reopen(f);
    assert_string_equal(decisions_of(f).text, "b ");
}

static void the_key_that_names_values_is_kept_over_restarts(void **state) {
    static const uint8_t key[AGENT_VALUE_KEY_SIZE] = {1, 2, 3};
    struct fixture *f = *state;

    assert_null(agent_cache_value_key(f->cache));
    agent_cache_set_value_key(f->cache, key);
    commit_and_wait(f);
    reopen(f);
    assert_memory_equal(agent_cache_value_key(f->cache), key, sizeof(key));
    snapshot_now(f);
    reopen(f);
    assert_memory_equal(agent_cache_value_key(f->cache), key, sizeof(key));
    agent_cache_set_value_key(f->cache, NULL);
    commit_and_wait(f);
    reopen(f);
    assert_null(agent_cache_value_key(f->cache));
}

static void what_weighs_little_gives_way_first(void **state) {
    struct fixture *f = *state;

    agent_cache_decided_add(f->cache, true, "a", 1);
    agent_cache_decided_add(f->cache, false, "light", 5);
    for (int i = 0; i < AGENT_DECISIONS_MAX; i++) {
        agent_cache_decided_add(f->cache, true, "b", 1);
    }
    assert_int_equal(agent_cache_decided_count(f->cache), AGENT_DECISIONS_MAX);
    assert_null(strstr(decisions_of(f).text, "light"));
    assert_int_equal(decisions_of(f).text[0], 'b');
}

static void decisions_that_gave_way_are_counted_until_a_hub_knows(void **state) {
    struct fixture *f = *state;

    for (int i = 0; i < AGENT_DECISIONS_MAX + 3; i++) {
        agent_cache_decided_add(f->cache, true, "b", 1);
    }
    uint64_t number = agent_cache_decided_gap(f->cache)->number;
    for (int i = 0; i < 2; i++) { // from the log as it was written, and from a snapshot
        assert_int_equal(agent_cache_decided_gap(f->cache)->count, 3);
        assert_int_equal(agent_cache_decided_gap(f->cache)->number, number);
        commit_and_wait(f);
        if (i == 1) {
            snapshot_now(f);
        }
        reopen(f);
    }
    agent_cache_journal_told(f->cache, number - 1);
    assert_int_equal(agent_cache_decided_gap(f->cache)->count, 3);
    agent_cache_decided_told(f->cache, number - 1);
    agent_cache_journal_told(f->cache, number);
    assert_int_equal(agent_cache_decided_gap(f->cache)->count, 0);
    commit_and_wait(f);
    reopen(f);
    assert_int_equal(agent_cache_decided_gap(f->cache)->count, 0);
}

static void fill_decisions(struct fixture *f, int count) {
    for (int i = 0; i < count; i++) {
        agent_cache_decided_add(f->cache, true, "b", 1);
    }
}

static void a_gap_that_grows_on_its_way_is_not_told_twice(void **state) {
    struct fixture *f = *state;

    fill_decisions(f, AGENT_DECISIONS_MAX + 3);
    uint64_t sent = agent_cache_decided_gap(f->cache)->number;
    agent_cache_journal_sent(f->cache, sent);
    fill_decisions(f, 2);
    agent_cache_journal_told(f->cache, sent);
    assert_int_equal(agent_cache_decided_gap(f->cache)->count, 2);
    assert_true(agent_cache_decided_gap(f->cache)->number > sent);
    agent_cache_journal_told(f->cache, sent); // it is taken away once
    assert_int_equal(agent_cache_decided_gap(f->cache)->count, 2);
    commit_and_wait(f);
    reopen(f);
    assert_int_equal(agent_cache_decided_gap(f->cache)->count, 2);
}

static void decisions_on_their_way_give_no_way(void **state) {
    struct fixture *f = *state;

    agent_cache_decided_add(f->cache, true, "a", 1);
    uint64_t sent = decisions_of(f).last;
    agent_cache_decided_sent(f->cache, sent);
    fill_decisions(f, AGENT_DECISIONS_MAX);
    assert_int_equal(decisions_of(f).text[0], 'a');
    assert_int_equal(agent_cache_decided_gap(f->cache)->count, 1);
    agent_cache_decided_told(f->cache, sent);
    assert_int_equal(agent_cache_decided_count(f->cache), AGENT_DECISIONS_MAX - 1);
    assert_int_equal(agent_cache_decided_gap(f->cache)->count, 1);
}

static struct cm_sha256 bundle_of(const struct test_release *r) {
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = desired_new(r);

    return agent_desired_app(d, "shop")->bundle_sha256;
}

static struct cm_sha256 hold_back_for(struct fixture *f, const char *says) {
    struct agent_hold hold = {.app = "shop", .revision = "r1", .why = "held back", .id_count = 1};

    hold.ids[0] = hash(says);
    hold.says[0] = put_text(f, says);
    agent_cache_put_hold(f->cache, &hold);
    agent_cache_decided_add(f->cache, true, says, strlen(says));
    return hold.says[0];
}

static void what_an_app_is_held_back_for_gives_no_way(void **state) {
    struct fixture *f = *state;

    agent_cache_decided_add(f->cache, true, "a", 1);
    (void)hold_back_for(f, "held");
    for (int i = 0; i < AGENT_DECISIONS_MAX; i++) {
        agent_cache_decided_add(f->cache, true, "b", 1);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(agent_cache_decided_count(f->cache), AGENT_DECISIONS_MAX);
        assert_memory_equal(decisions_of(f).text, "held b ", 7);
        commit_and_wait(f);
        reopen(f);
    }
    agent_cache_drop_hold(f->cache, "shop");
    agent_cache_decided_add(f->cache, true, "c", 1);
    assert_memory_equal(decisions_of(f).text, "b b ", 4);
}

// A hub that was restored from a backup does not know what it acknowledged.
static void what_an_app_is_held_back_for_can_be_told_again_until_it_is_answered(void **state) {
    struct fixture *f = *state;
    struct cm_sha256 says = hold_back_for(f, "held");

    agent_cache_decided_again(f->cache);
    assert_string_equal(decisions_of(f).text, "held "); // it is still to be told
    uint64_t before = decisions_of(f).last;
    agent_cache_decided_told(f->cache, before);
    age(f, 1);
    reopen(f);
    assert_int_equal(agent_cache_decided_count(f->cache), 0);
    agent_cache_decided_again(f->cache);
    assert_string_equal(decisions_of(f).text, "held ");
    assert_true(decisions_of(f).last > before);
    agent_cache_decided_told(f->cache, UINT64_MAX);
    agent_cache_drop_hold(f->cache, "shop");
    agent_cache_decided_again(f->cache);
    assert_int_equal(agent_cache_decided_count(f->cache), 0);
    age(f, 2);
    assert_false(agent_cache_has(f->cache, &says));
}

static void what_is_frozen_is_so_after_restarts_and_snapshots_until_it_is_not(void **state) {
    const struct agent_freeze all[] = {
        {.name = "one", .app = "shop", .who = "ann", .why = "it burns", .until_ms = 77},
        {.name = "two", .app = "", .who = "", .why = "", .until_ms = 0}};
    struct fixture *f = *state;
    size_t count;

    agent_cache_set_freezes(f->cache, all, 2);
    for (int i = 0; i < 2; i++) {
        commit_and_wait(f);
        reopen(f);
        const struct agent_freeze *found = agent_cache_freezes(f->cache, &count);
        assert_int_equal(count, 2);
        assert_string_equal(found[0].name, "one");
        assert_string_equal(found[0].app, "shop");
        assert_string_equal(found[0].who, "ann");
        assert_string_equal(found[0].why, "it burns");
        assert_int_equal(found[0].until_ms, 77);
        assert_string_equal(found[1].name, "two");
        assert_int_equal(found[1].until_ms, 0);
        snapshot_now(f);
    }
    agent_cache_set_freezes(f->cache, NULL, 0);
    commit_and_wait(f);
    reopen(f);
    (void)agent_cache_freezes(f->cache, &count);
    assert_int_equal(count, 0);
}

static void what_the_site_allows_is_so_after_restarts_and_snapshots(void **state) {
    const struct agent_exemption all[] = {{.id = cm_sha256("a", 1),
                                           .name = "inc-1",
                                           .app = "shop",
                                           .key = "ConfigMap/shop/a",
                                           .field = "data.x",
                                           .reason = "it burns",
                                           .actor = "ann",
                                           .manager = "kubectl",
                                           .message = "",
                                           .until_ms = 77,
                                           .began_ms = 7},
                                          {.id = cm_sha256("b", 1),
                                           .name = "inc-2",
                                           .app = "",
                                           .key = "",
                                           .field = "",
                                           .reason = "",
                                           .actor = "",
                                           .manager = "",
                                           .message = "over",
                                           .ended_ms = 9,
                                           .given = true}};
    struct fixture *f = *state;
    size_t count;

    agent_cache_set_exemptions(f->cache, all, 2);
    for (int i = 0; i < 2; i++) {
        commit_and_wait(f);
        reopen(f);
        const struct agent_exemption *found = agent_cache_exemptions(f->cache, &count);
        assert_int_equal(count, 2);
        assert_true(cm_sha256_equal(&found[0].id, &all[0].id));
        assert_string_equal(found[0].field, "data.x");
        assert_string_equal(found[0].reason, "it burns");
        assert_int_equal(found[0].until_ms, 77);
        assert_true(agent_exemption_counts(&found[0]));
        assert_string_equal(found[1].message, "over");
        assert_int_equal(found[1].ended_ms, 9);
        assert_true(found[1].given);
        snapshot_now(f);
    }
    agent_cache_set_exemptions(f->cache, NULL, 0);
    commit_and_wait(f);
    reopen(f);
    (void)agent_cache_exemptions(f->cache, &count);
    assert_int_equal(count, 0);
}

static void an_app_that_is_held_back_is_so_after_a_restart_with_its_bundle(void **state) {
    struct agent_hold hold = {.app = "shop", .revision = "r1", .why = "held back: because"};
    CM_CLEANUP(release_freep) struct test_release *r = release_with("ConfigMap/shop/a", 1);
    struct fixture *f = *state;

    (void)put_release(f, r, 1);
    hold.bundle = bundle_of(r);
    hold.ids[hold.id_count++] = hash("one");
    hold.ids[hold.id_count++] = hash("two");
    agent_cache_put_hold(f->cache, &hold);
    age(f, 2);
    reopen(f);
    const struct agent_hold *found = agent_cache_hold(f->cache, "shop");
    assert_non_null(found);
    assert_string_equal(found->why, "held back: because");
    assert_int_equal(found->id_count, 2);
    assert_true(cm_sha256_equal(&found->ids[1], &hold.ids[1]));
    assert_true(cm_sha256_equal(&found->bundle, &hold.bundle));
    for (size_t i = 0; i < r->blob_count; i++) { // the bundle, and its entry
        assert_true(agent_cache_has(f->cache, &r->blobs[i].name));
    }
    agent_cache_drop_hold(f->cache, "shop");
    agent_cache_commit(f->cache, NULL, NULL);
    reopen(f);
    assert_null(agent_cache_hold(f->cache, "shop"));
    assert_int_equal(agent_cache_hold_count(f->cache), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(a_blob_can_be_read_before_and_after_it_is_on_disk),
        TEST(everything_is_there_after_a_restart),
        TEST(what_is_to_be_kept_or_let_go_is_still_so_after_a_restart),
        TEST(the_wave_and_the_account_of_an_item_are_remembered),
        TEST(what_an_object_may_have_been_applied_in_is_kept_until_it_is_known),
        TEST(which_hooks_ran_is_remembered),
        TEST(releases_are_remembered_the_newest_eight_and_forgotten_with_the_item),
        TEST(what_people_did_last_is_not_forgotten_for_what_seems_older),
        TEST(decisions_survive_restarts_and_snapshots_until_they_are_told),
        TEST(what_weighs_little_gives_way_first),
        TEST(the_key_that_names_values_is_kept_over_restarts),
        TEST(decisions_that_gave_way_are_counted_until_a_hub_knows),
        TEST(a_gap_that_grows_on_its_way_is_not_told_twice),
        TEST(decisions_on_their_way_give_no_way),
        TEST(what_is_lost_of_a_journal_on_its_way_is_counted_once),
        TEST(what_an_app_is_held_back_for_gives_no_way),
        TEST(what_an_app_is_held_back_for_can_be_told_again_until_it_is_answered),
        TEST(an_app_that_is_held_back_is_so_after_a_restart_with_its_bundle),
        TEST(what_is_frozen_is_so_after_restarts_and_snapshots_until_it_is_not),
        TEST(what_the_site_allows_is_so_after_restarts_and_snapshots),
        TEST(an_item_written_before_there_were_waves_and_accounts_has_none),
        TEST(report_numbers_never_come_twice),
        TEST(nor_do_they_if_an_older_copy_of_the_disk_is_put_back),
        TEST(a_thousand_commits_cost_a_few_writes),
        TEST(only_one_agent_may_use_a_folder),
        TEST(nobody_else_may_read_what_is_there),
        TEST(what_a_kill_interrupts_is_told_so),
        TEST(a_log_cut_at_any_byte_gives_a_state_that_was_committed),
        TEST(a_changed_byte_gives_a_state_from_before_it),
        TEST(a_file_that_is_no_log_is_left_alone),
        TEST(writing_goes_on_after_a_torn_end),
        TEST(a_log_that_lost_its_end_knows_neither_what_it_owns_nor_what_it_told),
        TEST(what_a_lost_end_means_is_on_disk_before_the_cache_is_open),
        TEST(a_manifest_is_doubted_until_the_next_one_is_in_force),
        TEST(in_which_form_objects_were_applied_is_not_known_of_an_older_disk),
        TEST(nor_is_it_when_the_disk_is_damaged),
        TEST(nor_where_the_length_of_a_frame_is_damaged),
        TEST(it_is_known_still_when_a_crash_tore_the_last_frame),
        TEST(a_log_that_cannot_be_read_is_left_as_it_is),
        TEST(a_snapshot_of_many_items_is_written_in_pieces),
        TEST(a_snapshot_keeps_what_is_in_force_and_leaves_the_rest),
        TEST(a_snapshot_keeps_the_forms_that_were_applied_last),
        TEST(a_snapshot_is_dropped_when_a_blob_it_leaves_behind_is_asked_for),
        TEST(a_log_that_grows_is_replaced_by_itself),
        TEST(a_failing_disk_is_told_and_tried_again),
        TEST(a_damaged_blob_is_not_given_out),
        TEST(the_journal_survives_restarts_and_snapshots_in_its_order),
        TEST(what_was_told_is_dropped_for_good_and_numbers_go_on),
        TEST(what_there_is_no_room_for_is_a_gap),
        TEST(large_entries_leave_room_for_the_rest_of_the_disk),
        TEST(a_journal_that_nobody_takes_is_a_gap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
