#include "freeze_rig.h"

#include <poll.h>
#include <time.h>

#include "common/clock.h"
#include "common/loop.h"
#include "common/metrics.h"
#include "hub/jobs/fetcher.h"
#include "hub/jobs/freeze_set.h"
#include "hub/jobs/writer.h"
#include "hub/repo/source.h"
#include "hub/store/freezes.h"

#define SOON_S 100 // the loop's clock stands still

static void check(const struct cm_err *err) {
    if (err->code < 0) {
        fail_msg("%s", err->msg);
    }
}

static void configure(struct freeze_rig *r) {
    static char name[] = "fleet";
    static char branch[] = "main";
    static char root[] = "";
    static char committer[] = "Hub";
    static char email[] = "hub@example.com";

    r->url = cm_strf("file://%s/fleet.git", r->scratch->folder);
    r->mirror = scratch_path(r->scratch, "git/fleet");
    r->repository = (struct hub_repository){.name = name,
                                            .url = r->url,
                                            .branch = branch,
                                            .path = root,
                                            .timeout_ms = 30000,
                                            .write = HUB_WRITE_DIRECT,
                                            .committer = committer,
                                            .committer_email = email};
    r->repositories = (struct hub_repositories){.items = &r->repository, .count = 1};
}

static void fetch(struct freeze_rig *r) {
    struct hub_repo_source source = hub_fetcher_source(&r->repository);
    struct hub_repo_limits limits = hub_repo_limits_default;
    struct hub_repo_job job = {.folder = r->mirror, .limits = &limits, .cancel_fd = -1};
    struct hub_repo_fetched fetched = {0};
    struct cm_err err = {0};
    enum hub_repo_trouble trouble;

    scratch_run(r->scratch, "git init --quiet --bare -b main fleet.git\n"
                            "git init --quiet -b main work; cd work; echo x >README\n"
                            "git add -A; git commit --quiet -m first; git push --quiet "
                            "../fleet.git main");
    err.code = hub_repo_fetch(&source, &job, &fetched, &trouble, &err);
    check(&err);
}

static void on_pushed(void *ctx, const char *repository) {
    (void)ctx;
    (void)repository;
}

static void start_writer(struct freeze_rig *r) {
    const struct hub_writer_config config = {.loop = r->desk->loop,
                                             .store = r->desk->store,
                                             .metrics = r->metrics,
                                             .repositories = &r->repositories,
                                             .data_dir = r->scratch->folder,
                                             .hub_id = "hub-1",
                                             .epoch = 1,
                                             .pushed = on_pushed,
                                             .ctx = r};
    struct cm_err err = {0};

    err.code = hub_writer_new(&config, &r->writer, &err);
    check(&err);
}

static void on_changed(void *ctx, struct hub_freeze_set *set) {
    struct freeze_rig *r = ctx;
    size_t count;
    const struct hub_freeze_row *rows = hub_freeze_set_rows(set, &count);

    r->changes++;
    (void)snprintf(r->last, sizeof(r->last), "%s", count == 0 ? "" : rows[count - 1].name);
}

static void start_freezer(struct freeze_rig *r) {
    const struct hub_freezer_config config = {.loop = r->desk->loop,
                                              .store = r->desk->store,
                                              .metrics = r->own,
                                              .writer = r->writer,
                                              .repositories = &r->repositories,
                                              .changed = on_changed,
                                              .ctx = r};
    struct cm_err err = {0};

    err.code = hub_freezer_new(&config, &r->freezer, &err);
    check(&err);
    hub_freezer_begin(r->freezer);
}

int freeze_rig_open(void **state) {
    struct freeze_rig *r = cm_new(1, sizeof(*r));
    void *scratch;
    void *desk;

    assert_int_equal(scratch_open(&scratch), 0);
    assert_int_equal(desk_open(&desk), 0);
    r->scratch = scratch;
    r->desk = desk;
    r->metrics = cm_metrics_new();
    r->own = cm_metrics_new();
    configure(r);
    fetch(r);
    desk_run(r->desk, "INSERT INTO cluster (name, labels, suspend, repo, path) VALUES"
                      " ('a', '{}', 0, 'fleet', 'a.yaml'), ('b', '{}', 0, 'fleet', 'b.yaml')");
    desk_run(r->desk, "INSERT INTO app (name, repo, path, namespace, drift, prune, suspend,"
                      " depends_on) VALUES ('shop', 'fleet', 'app.yaml', '', 'report', 1, 0,"
                      " '[]')");
    start_writer(r);
    cm_clock_fake(FREEZE_NOW_MS);
    start_freezer(r);
    *state = r;
    return 0;
}

static void on_stopped(void *ctx) {
    ((struct freeze_rig *)ctx)->stopped = true;
}

static void turn(struct freeze_rig *r) {
    if (!cm_loop_turn(r->desk->loop)) {
        (void)poll(NULL, 0, 1);
    }
}

// What the writer was asked is answered before it is gone.
static void stop_writer(struct freeze_rig *r) {
    r->stopped = false;
    hub_writer_stop(r->writer, on_stopped, r);
    for (time_t end = time(NULL) + SOON_S; !r->stopped && time(NULL) < end;) {
        turn(r);
    }
    assert_true(r->stopped);
    hub_writer_free(r->writer);
}

int freeze_rig_close(void **state) {
    struct freeze_rig *r = *state;
    void *scratch = r->scratch;
    void *desk = r->desk;

    hub_freezer_stop(r->freezer);
    stop_writer(r);
    hub_freezer_free(r->freezer);
    assert_int_equal(desk_close(&desk), 0);
    cm_metrics_free(r->metrics);
    cm_metrics_free(r->own);
    free(r->url);
    free(r->mirror);
    free(r);
    return scratch_close(&scratch);
}

void freeze_rig_restart(struct freeze_rig *r) {
    desk_settle(r->desk);
    hub_freezer_stop(r->freezer);
    stop_writer(r);
    hub_freezer_free(r->freezer);
    start_writer(r);
    cm_metrics_free(r->own);
    r->own = cm_metrics_new();
    start_freezer(r);
}

void freeze_rig_answer(void *ctx, const struct cm_err *err, const struct hub_frozen *frozen) {
    struct freeze_rig *r = ctx;

    r->answers++;
    r->err = *err;
    if (frozen != NULL) {
        r->clusters = frozen->clusters;
        r->writes = frozen->writes;
        (void)snprintf(r->name, sizeof(r->name), "%s", frozen->row->name);
        (void)snprintf(r->text, sizeof(r->text), "%s", frozen->text);
    }
}

void freeze_rig_wait(struct freeze_rig *r, size_t answers, enum cm_rc expected) {
    for (time_t end = time(NULL) + SOON_S; r->answers == answers && time(NULL) < end;) {
        turn(r);
    }
    assert_int_equal(r->answers, answers + 1);
    if (expected == CM_OK) {
        check(&r->err);
    }
    assert_int_equal(r->err.code, expected);
}

struct hub_freeze_row freeze_rig_row(void) {
    return (struct hub_freeze_row){.name = "stop",
                                   .app = "",
                                   .cluster = "",
                                   .group = "",
                                   .selector = "",
                                   .reason = "it burns",
                                   .actor = "ann"};
}

void freeze_rig_start(struct freeze_rig *r, const struct hub_freeze_row *row, bool dry_run,
                      enum cm_rc expected) {
    size_t answers = r->answers;

    hub_freezer_start(r->freezer, row, dry_run, freeze_rig_answer, r);
    freeze_rig_wait(r, answers, expected);
}

void freeze_rig_end(struct freeze_rig *r, const char *name, bool dry_run, enum cm_rc expected) {
    size_t answers = r->answers;

    hub_freezer_end(r->freezer, name, "bob", dry_run, freeze_rig_answer, r);
    freeze_rig_wait(r, answers, expected);
}

void freeze_rig_until(struct freeze_rig *r, const char *sql, int64_t wanted) {
    for (time_t end = time(NULL) + SOON_S;
         desk_count(r->desk, sql) != wanted && time(NULL) < end;) {
        turn(r);
    }
    assert_int_equal(desk_count(r->desk, sql), wanted);
}

void freeze_rig_pass(struct freeze_rig *r, int64_t ms) {
    cm_clock_advance(ms);
    desk_settle(r->desk);
}
