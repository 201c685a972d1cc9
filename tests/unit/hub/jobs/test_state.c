// That all that is there comes into a new state repository, whatever fails meanwhile.
#include "hub/jobs/state.h"

#include "tests/unit/hub/repo/scratch.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/metrics.h"
#include "hub/jobs/store.h"
#include "hub/repo/source.h"
#include "hub/store/db.h"
#include "hub/store/status.h"
#include "hub/store/unwritten.h"

#define WINDOW_MS 10
#define SOON_TURNS 30000

struct fixture {
    struct scratch *scratch;
    struct cm_loop *loop;
    struct cm_metrics *metrics;
    struct hub_store *store;
    struct hub_state_writer *writer;
    char *folder;
    char *db_path;
    struct cm_err err;
};

static int set_up(void **state) {
    struct fixture *f = cm_new(1, sizeof(*f));
    void *scratch;

    assert_int_equal(scratch_open(&scratch), 0);
    f->scratch = scratch;
    f->folder = scratch_path(f->scratch, "state.git");
    f->db_path = scratch_path(f->scratch, "hub.db");
    f->loop = cm_loop_new();
    f->metrics = cm_metrics_new();
    assert_int_equal(hub_store_open(f->db_path, f->loop, &f->store, &f->err), CM_OK);
    *state = f;
    return 0;
}

static bool turn(struct fixture *f) {
    bool ran = cm_loop_turn(f->loop);

    if (!ran) {
        (void)poll(NULL, 0, 1);
    }
    return ran;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    void *scratch = f->scratch;

    cm_clock_fake(-1);
    hub_state_writer_end(f->writer);
    hub_store_stop(f->store);
    while (cm_loop_turn(f->loop)) {
    }
    hub_state_writer_free(f->writer);
    hub_store_free(f->store);
    cm_loop_free(f->loop);
    cm_metrics_free(f->metrics);
    free(f->folder);
    free(f->db_path);
    free(f);
    return scratch_close(&scratch);
}

// A job by which the store is at rest, for the time stands still.
struct mark {
    struct hub_store_job job;
    bool done;
};

static enum cm_rc run_nothing(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    (void)job;
    (void)db;
    (void)err;
    return CM_OK;
}

static void mark_done(struct hub_store_job *job, const struct cm_err *err) {
    (void)err;
    CM_CONTAINER(job, struct mark, job)->done = true;
}

static void run(struct fixture *f, const char *sql) {
    struct mark m = {.job = {.run = run_nothing, .done = mark_done}};

    hub_store_submit(f->store, &m.job);
    while (!m.done) {
        turn(f);
    }
    assert_int_equal(hub_db_run(hub_store_db(f->store), &f->err, sql, ""), CM_OK);
}

static void start(struct fixture *f) {
    static const uint8_t key[32] = {7};
    struct hub_state_writer_config config = {.loop = f->loop,
                                             .store = f->store,
                                             .metrics = f->metrics,
                                             .folder = f->folder,
                                             .db_path = f->db_path,
                                             .hub_id = "hub-1",
                                             .epoch = 1,
                                             .value_key = key,
                                             .window_ms = WINDOW_MS};

    f->writer = hub_state_writer_start(&config);
}

// put_report puts an App on record that was there before the hub kept a state repository.
static void put_report(struct fixture *f) {
    struct hub_db *db = hub_store_db(f->store);
    struct hub_status_row row = {
        .cluster = "c01", .app = "shop", .revision = "4f1c", .message = "", .health_message = ""};

    assert_int_equal(hub_status_put(db, &row, &f->err), CM_OK);
    assert_int_equal(hub_db_run(db, &f->err, "DELETE FROM unobserved", ""), CM_OK);
}

static void what_was_there_before_is_written_though_the_disk_was_full(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *branch = scratch_path(f->scratch, "state.git/refs/heads/actual");
    int64_t now_ms = 1000;
    int turns = 0;

    cm_clock_fake(now_ms);
    put_report(f);
    run(f, "PRAGMA query_only = ON");
    start(f);
    while (!hub_store_is_failing(f->store)) {
        turn(f);
        assert_true(++turns < SOON_TURNS);
    }
    run(f, "PRAGMA query_only = OFF");
    while (access(branch, F_OK) != 0) {
        cm_clock_fake(now_ms += WINDOW_MS);
        turn(f);
        assert_true(++turns < SOON_TURNS);
    }
}

// read_line reads the first line of a file, or nothing if there is none.
static void read_line(const char *path, char *out, size_t size) {
    FILE *file = fopen(path, "re");

    if (file != NULL) {
        if (fgets(out, (int)size, file) == NULL) {
            out[0] = '\0';
        }
        (void)fclose(file);
    }
}

static void what_changes_in_thousands_is_gathered_but_not_for_ever(void **state) {
    (void)state;
    assert_false(hub_state_gathers(100, 1));
    assert_true(hub_state_gathers(100000, 1));
    assert_true(hub_state_gathers(100000, 4));
    assert_false(hub_state_gathers(100000, 5));
    assert_false(hub_state_gathers(0, 2));
}

// A job of thousands of rows, with an App that is there in another release.
struct much {
    struct mark mark;
    char revision[16];
};

static enum cm_rc run_one(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct mark *mark = CM_CONTAINER(job, struct mark, job);
    struct hub_status_row row = {.cluster = "c01",
                                 .app = "shop",
                                 .revision = CM_CONTAINER(mark, struct much, mark)->revision,
                                 .message = "",
                                 .health_message = ""};

    return hub_status_put(db, &row, err);
}

static enum cm_rc run_much(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    enum cm_rc rc = hub_db_run(db, err,
                               "INSERT INTO group_member (grp, cluster) WITH n(i) AS (SELECT"
                               " (SELECT count(*) FROM group_member) UNION ALL SELECT i + 1 FROM n"
                               " LIMIT 6000) SELECT i, i FROM n",
                               "");

    return rc < 0 ? rc : run_one(job, db, err);
}

static void submit_much(struct fixture *f, int turns) {
    struct much m = {.mark.job = {.run = run_much, .done = mark_done}};

    (void)snprintf(m.revision, sizeof(m.revision), "%d", turns);
    hub_store_submit(f->store, &m.mark.job);
    while (!m.mark.done) {
        turn(f);
    }
}

// Some passes come one after the other at the begin.
static void what_changes_all_the_time_is_written_all_the_same(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *branch = scratch_path(f->scratch, "state.git/refs/heads/actual");
    char tip[64] = "";
    int64_t now_ms = 1000;
    int commits = 0;
    int windows = 0; // and ends of passes: while one runs there is neither

    cm_clock_fake(now_ms);
    start(f);
    for (int turns = 0; commits < 6; turns++) {
        char now[64] = "";

        submit_much(f, turns);
        cm_clock_fake(now_ms += WINDOW_MS);
        windows += turn(f) ? 1 : 0;
        read_line(branch, now, sizeof(now));
        commits += strcmp(tip, now) != 0 ? 1 : 0;
        memcpy(tip, now, sizeof(tip));
        assert_true(windows < 100);
    }
}

typedef enum cm_rc run_fn(struct hub_store_job *job, struct hub_db *db, struct cm_err *err);

#define CLUSTERS 6000 // more than makes it gather

static enum cm_rc run_fleet(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct mark *mark = CM_CONTAINER(job, struct mark, job);
    enum cm_rc rc = CM_OK;

    for (int i = 0; rc == CM_OK && i < CLUSTERS; i++) {
        CM_AUTOFREE char *cluster = cm_strf("c%04d", i);
        struct hub_status_row row = {.cluster = cluster,
                                     .app = "shop",
                                     .revision = CM_CONTAINER(mark, struct much, mark)->revision,
                                     .message = "",
                                     .health_message = ""};

        rc = hub_status_put(db, &row, err);
    }
    return rc;
}

// A job that counts what is not written, or was not taken off the list yet.
struct counting {
    struct mark mark;
    int64_t left;
};

static enum cm_rc run_count(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct mark *mark = CM_CONTAINER(job, struct mark, job);
    struct counting *c = CM_CONTAINER(mark, struct counting, mark);

    return hub_unwritten_count(db, HUB_UNWRITTEN_ACTUAL, &c->left, err);
}

static void submit_and_wait(struct fixture *f, struct mark *mark) {
    hub_store_submit(f->store, &mark->job);
    while (!mark->done) {
        (void)turn(f);
    }
}

// write_all lets a window end after the other until all that changed is written and off the list;
// `windows` is how many at most.
static void write_all(struct fixture *f, int64_t *now_ms, int windows) {
    int turns = 0;

    for (int64_t left = 1; left > 0;) {
        struct counting c = {.mark.job = {.run = run_count, .done = mark_done}};

        cm_clock_fake(*now_ms += windows-- > 0 ? WINDOW_MS : 0);
        (void)turn(f);
        submit_and_wait(f, &c.mark);
        left = c.left;
        assert_true(++turns < SOON_TURNS);
    }
}

static void change(struct fixture *f, run_fn *how, const char *revision) {
    struct much m = {.mark.job = {.run = how, .done = mark_done}};

    (void)snprintf(m.revision, sizeof(m.revision), "%s", revision);
    submit_and_wait(f, &m.mark);
}

// Some passes come one after the other at the begin.
static void what_a_pass_takes_off_the_list_is_no_change_to_wait_for(void **state) {
    struct fixture *f = *state;
    int64_t now_ms = 1000;

    cm_clock_fake(now_ms);
    start(f);
    for (int i = 0; i < 4; i++) {
        CM_AUTOFREE char *revision = cm_strf("%d", i);

        change(f, run_one, revision);
        write_all(f, &now_ms, SOON_TURNS);
    }
    change(f, run_fleet, "4f1c");
    write_all(f, &now_ms, SOON_TURNS);
    change(f, run_one, "5e2d");
    write_all(f, &now_ms, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_there_before_is_written_though_the_disk_was_full),
        TEST(what_changes_in_thousands_is_gathered_but_not_for_ever),
        TEST(what_changes_all_the_time_is_written_all_the_same),
        TEST(what_a_pass_takes_off_the_list_is_no_change_to_wait_for),
    };

    hub_repo_child_main(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
