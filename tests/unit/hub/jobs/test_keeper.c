// How far apart a file's commits are, with a writer that answers at once.
#include "hub/jobs/keeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/loop.h"
#include "common/mem.h"
#include "hub/config/config.h"
#include "hub/jobs/planner.h"
#include "hub/jobs/writer.h"

#define NOW_MS INT64_C(1790000000000)
#define TICK_MS 500
#define APART_MS 60000 // between two clusters on which it fails
#define CLUSTERS 12

struct fixture {
    struct cm_loop *loop;
    struct hub_repositories repositories;
    struct hub_repository repository;
    struct hub_keeper *keeper;
    size_t written;
    size_t refused;
    bool again;                           // what was wanted last said so
    enum cm_rc answer;                    // of the writer
    const struct hub_hold_ask *meanwhile; // wanted while the writer has it; NULL: nothing is
};

static struct fixture *writing; // the writer's: it is asked without a context of ours

void __wrap_hub_writer_add( // NOLINT(cert-dcl51-cpp,bugprone-reserved-identifier) the linker's name
    struct hub_writer *w, const struct hub_writer_ask *ask, hub_writer_fn done, void *ctx);
void __wrap_hub_writer_add( // NOLINT(cert-dcl51-cpp,bugprone-reserved-identifier) likewise
    struct hub_writer *w, const struct hub_writer_ask *ask, hub_writer_fn done, void *ctx) {
    struct cm_err err = {.code = CM_OK};

    (void)w;
    assert_string_equal(ask->kind, "hold");
    if (writing->meanwhile != NULL) {
        hub_keeper_take(writing->keeper, writing->meanwhile, 1);
        writing->meanwhile = NULL;
    }
    writing->again = strstr(ask->args, "\"again\":true") != NULL;
    if (writing->answer < 0) {
        writing->refused++;
        (void)cm_fail(&err, writing->answer, "not now");
    } else {
        writing->written++;
    }
    done(ctx, &err, &(struct hub_writer_answer){.id = "", .diff = "", .path = "", .pull = ""});
}

static int open_keeper(void **state) {
    static char name[] = "fleet";
    static char root[] = "";
    struct fixture *f = cm_new(1, sizeof(*f));

    f->loop = cm_loop_new();
    f->repository = (struct hub_repository){.name = name, .path = root, .write = HUB_WRITE_DIRECT};
    f->repositories = (struct hub_repositories){.items = &f->repository, .count = 1};
    f->keeper = hub_keeper_new(f->loop, NULL, &f->repositories, NULL);
    cm_clock_fake(NOW_MS);
    writing = f;
    *state = f;
    return 0;
}

static int close_keeper(void **state) {
    struct fixture *f = *state;

    cm_clock_fake(-1);
    hub_keeper_stop(f->keeper);
    hub_keeper_free(f->keeper);
    cm_loop_free(f->loop);
    free(f);
    return 0;
}

static struct hub_hold_ask grown(size_t clusters, bool own) {
    return (struct hub_hold_ask){.id = "id",
                                 .repo = "fleet",
                                 .path = "holds/shop/v2.yaml",
                                 .app = "shop",
                                 .text = "kind: Hold\n",
                                 .why = "",
                                 .rejected = "2",
                                 .restored = "1",
                                 .bad_revision = "bbb",
                                 .controller = own ? "holdfast" : "flagger",
                                 .actor = "",
                                 .object = "Deployment/web",
                                 .words = "it did not come up",
                                 .cluster = "a",
                                 .names = "a",
                                 .clusters = clusters,
                                 .own = own};
}

static void pass(struct fixture *f, int64_t ms) {
    for (int64_t passed = 0; passed < ms; passed += TICK_MS) {
        cm_clock_advance(TICK_MS);
        while (cm_loop_turn(f->loop)) {
        }
    }
}

// grow has it fail on one cluster after the other, and returns how long the last one waited.
static int64_t grow(struct fixture *f, struct hub_hold_ask *ask) {
    int64_t waited_ms = 0;

    for (size_t i = 1; i <= CLUSTERS; i++) {
        size_t written = f->written;

        ask->clusters = i;
        hub_keeper_take(f->keeper, ask, 1);
        for (waited_ms = 0; f->written == written; waited_ms += TICK_MS) {
            pass(f, TICK_MS);
        }
        pass(f, waited_ms < APART_MS ? APART_MS - waited_ms : 0);
    }
    return waited_ms;
}

static void what_controllers_keep_out_is_written_further_and_further_apart(void **state) {
    struct hub_hold_ask ask = grown(0, false);

    assert_true(grow(*state, &ask) > 4 * 60 * 1000);
}

static void what_runs_until_git_has_it_waits_ten_seconds_at_most(void **state) {
    struct hub_hold_ask ask = grown(0, true);

    assert_true(grow(*state, &ask) <= 10000 + TICK_MS);
}

static void but_not_where_somebody_takes_the_file_away_each_time(void **state) {
    struct fixture *f = *state;
    struct hub_hold_ask ask = grown(0, true);

    assert_false(f->again);
    ask.again = true;
    assert_true(grow(f, &ask) > 4 * 60 * 1000);
    assert_true(f->again); // so that it counts each time
}

// Each time asks the agents what it would do.
static void what_could_not_be_put_on_record_is_tried_later_and_later(void **state) {
    struct fixture *f = *state;
    struct hub_hold_ask ask = grown(1, true);

    f->answer = CM_EBUSY;
    hub_keeper_take(f->keeper, &ask, 1);
    pass(f, 60 * 60 * 1000);
    assert_in_range(f->refused, 2, 15);
    f->answer = CM_OK;
    pass(f, 10 * 60 * 1000 + TICK_MS);
    assert_int_equal(f->written, 1);
}

static void what_is_newer_and_runs_until_git_has_it_does_not_wait_for_what_failed(void **state) {
    struct fixture *f = *state;
    struct hub_hold_ask ask = grown(1, false);
    const struct hub_hold_ask urgent = grown(2, true);

    f->answer = CM_EBUSY;
    hub_keeper_take(f->keeper, &ask, 1);
    pass(f, 10 * 60 * 1000); // by now it is tried further apart than what is newer may wait
    f->meanwhile = &urgent;
    for (size_t refused = f->refused; f->refused == refused;) {
        pass(f, TICK_MS);
    }
    f->answer = CM_OK;
    pass(f, 10000 + TICK_MS);
    assert_int_equal(f->written, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_keeper, close_keeper)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_controllers_keep_out_is_written_further_and_further_apart),
        TEST(what_runs_until_git_has_it_waits_ten_seconds_at_most),
        TEST(but_not_where_somebody_takes_the_file_away_each_time),
        TEST(what_could_not_be_put_on_record_is_tried_later_and_later),
        TEST(what_is_newer_and_runs_until_git_has_it_does_not_wait_for_what_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
