// What is asked for while something about the same waits, and what a round of pushing does.
#include "hub/jobs/writer.h"

#include "desk.h"
#include "tests/unit/hub/repo/scratch.h"

#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/loop.h"
#include "common/metrics.h"
#include "common/tls/digest.h"
#include "hub/config/config.h"
#include "hub/jobs/exempter.h"
#include "hub/jobs/fetcher.h"
#include "hub/jobs/writer_state.h"

#define EPOCH 3
#define TIMEOUT_MS 30000
#define SOON_S 100
#define MADE_MS INT64_C(1764364445123)
#define LOOK_MS 2000 // of the exempter
#define COMMITS "git -C fleet.git rev-list --count main"

// ---- The writer as a whole: a fetched mirror, a store in memory; nothing is pushed, for time
// stands still, and the pause before that does not end.

struct fixture {
    struct scratch *scratch;
    struct desk *desk;
    struct cm_metrics *metrics;
    struct hub_repository repository;
    struct hub_repositories repositories;
    char *url;
    char *mirror;
    char *folder; // of the writer's mirror
    struct hub_writer *writer;
    size_t answers;
    bool stopped;
    enum hub_writer_state state; // of the last answer:
    struct cm_err err;
    char id[HUB_WRITE_ID_MAX];
};

static void configure(struct fixture *f) {
    static char name[] = "fleet";
    static char branch[] = "main";
    static char root[] = "";
    static char committer[] = "Hub";
    static char email[] = "hub@example.com";

    f->url = cm_strf("file://%s/fleet.git", f->scratch->folder);
    f->mirror = scratch_path(f->scratch, "git/fleet");
    f->folder = scratch_path(f->scratch, "writes/fleet");
    f->repository = (struct hub_repository){.name = name,
                                            .url = f->url,
                                            .branch = branch,
                                            .path = root,
                                            .timeout_ms = TIMEOUT_MS,
                                            .write = HUB_WRITE_DIRECT,
                                            .committer = committer,
                                            .committer_email = email};
    f->repositories = (struct hub_repositories){.items = &f->repository, .count = 1};
}

static void fetch(struct fixture *f) {
    struct hub_repo_source source = hub_fetcher_source(&f->repository);
    struct hub_repo_limits limits = hub_repo_limits_default;
    struct hub_repo_job job = {.folder = f->mirror, .limits = &limits, .cancel_fd = -1};
    struct hub_repo_fetched fetched = {0};
    enum hub_repo_trouble trouble;

    if (hub_repo_fetch(&source, &job, &fetched, &trouble, &f->err) < 0) {
        fail_msg("%s", f->err.msg);
    }
}

static void on_pushed(void *ctx, const char *repository) {
    (void)ctx;
    (void)repository;
}

static void start_writer(struct fixture *f) {
    struct hub_writer_config config = {.loop = f->desk->loop,
                                       .store = f->desk->store,
                                       .metrics = f->metrics,
                                       .repositories = &f->repositories,
                                       .data_dir = f->scratch->folder,
                                       .hub_id = "hub-1",
                                       .epoch = EPOCH,
                                       .pushed = on_pushed,
                                       .ctx = f};

    assert_int_equal(hub_writer_new(&config, &f->writer, &f->err), CM_OK);
}

static int set_up(void **state) {
    struct fixture *f = cm_new(1, sizeof(*f));
    void *scratch;
    void *desk;

    assert_int_equal(scratch_open(&scratch), 0);
    assert_int_equal(desk_open(&desk), 0);
    f->scratch = scratch;
    f->desk = desk;
    cm_clock_fake(cm_clock_unix_ms());
    f->metrics = cm_metrics_new();
    scratch_run(f->scratch,
                "git init --quiet --bare -b main fleet.git\n"
                "git init --quiet -b main work; cd work; mkdir -p apps/web\n"
                "printf 'kind: App\\nmetadata: {name: web}\\nspec:\\n  namespace: web\\n' "
                ">apps/web/app.yaml\n"
                "git add -A; git commit --quiet -m first; git push --quiet ../fleet.git main");
    configure(f);
    fetch(f);
    start_writer(f);
    *state = f;
    return 0;
}

static void on_stopped(void *ctx) {
    ((struct fixture *)ctx)->stopped = true;
}

static void turn(struct fixture *f) {
    if (!cm_loop_turn(f->desk->loop)) {
        (void)poll(NULL, 0, 1);
    }
}

static void turn_until(struct fixture *f, const bool *so) {
    for (time_t end = time(NULL) + SOON_S; !*so && time(NULL) < end;) {
        turn(f);
    }
    assert_true(*so);
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    void *scratch = f->scratch;
    void *desk = f->desk;

    hub_writer_stop(f->writer, on_stopped, f);
    turn_until(f, &f->stopped);
    hub_writer_free(f->writer);
    assert_int_equal(desk_close(&desk), 0);
    cm_metrics_free(f->metrics);
    free(f->url);
    free(f->mirror);
    free(f->folder);
    free(f);
    return scratch_close(&scratch);
}

static void on_answer(void *ctx, const struct cm_err *err, const struct hub_writer_answer *answer) {
    struct fixture *f = ctx;

    f->answers++;
    f->err = *err;
    f->state = answer->state;
    (void)snprintf(f->id, sizeof(f->id), "%s", answer->id);
}

static void begin_ask(struct fixture *f, const char *kind) {
    hub_writer_add(
        f->writer,
        &(struct hub_writer_ask){.repository = "fleet", .kind = kind, .app = "web", .actor = "ada"},
        on_answer, f);
}

static void wait_answers(struct fixture *f, size_t count) {
    for (time_t end = time(NULL) + SOON_S; f->answers < count && time(NULL) < end;) {
        turn(f);
    }
    assert_int_equal(f->answers, count);
}

static void ask(struct fixture *f, const char *kind) {
    begin_ask(f, kind);
    wait_answers(f, f->answers + 1);
    if (f->err.code != CM_OK) {
        fail_msg("%s", f->err.msg);
    }
}

static int64_t count_waiting(struct fixture *f) {
    return desk_count(f->desk, "SELECT count(*) FROM intent WHERE state = 'waiting'");
}

static void what_is_so_is_answered_at_once(void **state) {
    struct fixture *f = *state;

    ask(f, "resume");
    assert_int_equal(f->state, HUB_WRITER_SO);
    assert_int_equal(count_waiting(f), 0);
}

static void what_undoes_something_that_waits_waits_too(void **state) {
    struct fixture *f = *state;

    ask(f, "suspend");
    ask(f, "resume");
    assert_int_equal(f->state, HUB_WRITER_WAITING);
    assert_int_equal(count_waiting(f), 2);
}

static void what_undoes_something_that_goes_on_record_waits_too(void **state) {
    struct fixture *f = *state;

    begin_ask(f, "suspend");
    begin_ask(f, "resume");
    wait_answers(f, 2);
    assert_int_equal(f->state, HUB_WRITER_WAITING);
    assert_int_equal(count_waiting(f), 2);
}

static void the_same_twice_is_one(void **state) {
    struct fixture *f = *state;
    char first[HUB_WRITE_ID_MAX];

    ask(f, "suspend");
    (void)snprintf(first, sizeof(first), "%s", f->id);
    ask(f, "suspend");
    assert_string_equal(f->id, first);
    assert_int_equal(count_waiting(f), 1);
}

static void the_same_again_after_its_opposite_is_another_one(void **state) {
    struct fixture *f = *state;
    char first[HUB_WRITE_ID_MAX];

    ask(f, "suspend");
    (void)snprintf(first, sizeof(first), "%s", f->id);
    ask(f, "resume");
    ask(f, "suspend");
    assert_string_not_equal(f->id, first);
    assert_int_equal(count_waiting(f), 3);
}

// ---- What is proven by rendering

// begin_proof asks for a capture that hangs at the mirror of another repository until end_proof.
static void begin_proof(struct fixture *f) {
    static struct hub_repository both[2];
    static char other[] = "other";

    scratch_run(
        f->scratch,
        "git init --quiet --bare -b main git/other/repo; mkfifo git/other/repo/refs/heads/main");
    hub_writer_stop(f->writer, on_stopped, f);
    turn_until(f, &f->stopped);
    hub_writer_free(f->writer);
    f->stopped = false;
    both[0] = both[1] = f->repository;
    both[1].name = other;
    f->repositories = (struct hub_repositories){.items = both, .count = 2};
    start_writer(f);
    hub_writer_add(f->writer,
                   &(struct hub_writer_ask){.repository = "fleet",
                                            .kind = "capture",
                                            .app = "web",
                                            .cluster = "paris",
                                            .actor = "ada",
                                            .args = "{\"object\":\"ConfigMap/web/a\",\"fields\":"
                                                    "[{\"path\":\"data.a\",\"value\":\"b\"}]}"},
                   on_answer, f);
}

// end_proof lets it go on, as often as it reads there.
static void end_proof(struct fixture *f, size_t answers) {
    CM_AUTOFREE char *fifo = scratch_path(f->scratch, "git/other/repo/refs/heads/main");

    for (time_t end = time(NULL) + SOON_S; f->answers < answers && time(NULL) < end;) {
        int fd = open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

        if (fd >= 0) {
            (void)close(fd);
        }
        turn(f);
    }
}

static void nobody_else_waits_for_a_proof(void **state) {
    struct fixture *f = *state;

    begin_proof(f);
    begin_ask(f, "suspend");
    for (time_t end = time(NULL) + SOON_S; f->answers == 0 && time(NULL) < end;) {
        turn(f);
    }
    bool answered = f->answers == 1 && f->err.code == CM_OK && f->state == HUB_WRITER_WAITING;
    end_proof(f, 2);
    assert_true(answered);
    assert_int_equal(f->answers, 2);
    assert_int_not_equal(f->err.code, CM_OK);
}

// What people refused in a pull request rests; what a commit could not do, or people undid, is
// tried again.
static void a_file_that_goes_by_commits_is_asked_for_anew_each_time(void **state) {
    struct fixture *f = *state;

    scratch_run(f->scratch,
                "cd work; mkdir exemptions; printf 'kind: Exemption\nspec:\n"
                "  until: 2025-10-01T08:00:00Z\n' >exemptions/inc-1.yaml\n"
                "git add -A; git commit --quiet -m x; git push --quiet ../fleet.git main");
    fetch(f);
    desk_run(f->desk,
             "INSERT INTO exemption (name, app, repo, path, clusters, object, field, reason,"
             " actor, until_ms) VALUES ('inc-1', 'web', 'fleet', 'exemptions/inc-1.yaml',"
             " '[]', '', '', '', '', 1759305600000)");
    struct hub_exempter *exempter =
        hub_exempter_new(f->desk->loop, f->desk->store, f->writer, &f->repositories);
    cm_clock_advance(LOOK_MS);
    for (time_t end = time(NULL) + SOON_S; count_waiting(f) == 0 && time(NULL) < end;) {
        turn(f);
    }
    assert_int_equal(desk_count(f->desk, "SELECT length(id) FROM intent WHERE kind = 'unexempt'"),
                     CM_UUID_MAX - 1);
    hub_exempter_stop(exempter);
    desk_settle(f->desk);
    hub_exempter_free(exempter);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_so_is_answered_at_once),
        TEST(what_undoes_something_that_waits_waits_too),
        TEST(what_undoes_something_that_goes_on_record_waits_too),
        TEST(the_same_twice_is_one),
        TEST(the_same_again_after_its_opposite_is_another_one),
        TEST(nobody_else_waits_for_a_proof),
        TEST(a_file_that_goes_by_commits_is_asked_for_anew_each_time),
    };

    hub_repo_child_main(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
