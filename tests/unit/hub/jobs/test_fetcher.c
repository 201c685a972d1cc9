// When a repository is looked at again, and what is told of one that cannot be read.
#include "hub/jobs/fetcher.h"

#include "desk.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "hub/config/config.h"

struct fixture {
    struct desk *desk;
    struct cm_metrics *metrics;
    struct hub_fetching shared;
    struct hub_fetcher *fetcher;
    size_t idle;
    size_t troubles;
    size_t recoveries;
};

static void on_idle(void *ctx) {
    ((struct fixture *)ctx)->idle++;
}

static void on_trouble(void *ctx, struct hub_fetcher *f, const char *why) {
    struct fixture *fixture = ctx;

    (void)f;
    fixture->troubles += why != NULL ? 1 : 0;
    fixture->recoveries += why == NULL ? 1 : 0;
}

static int set_up(void **state) {
    static char name[] = "fleet";
    static char url[] = "file:///nowhere";
    static struct hub_repository repository = {.name = name, .url = url, .poll_ms = 60000};
    struct fixture *f = cm_new(1, sizeof(*f));
    void *desk;

    assert_int_equal(desk_open(&desk), 0);
    f->desk = desk;
    f->metrics = cm_metrics_new();
    f->shared = (struct hub_fetching){
        .loop = f->desk->loop, .store = f->desk->store, .idle = on_idle, .ctx = f};
    hub_fetching_make_metrics(&f->shared, f->metrics,
                              &(struct hub_repositories){.items = &repository, .count = 1});
    f->fetcher = hub_fetcher_new(&(struct hub_fetcher_config){.shared = &f->shared,
                                                              .repository = &repository,
                                                              .name = "fleet",
                                                              .folder = "nowhere",
                                                              .trouble = on_trouble,
                                                              .ctx = f});
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    void *desk = f->desk;

    hub_fetcher_drop(f->fetcher);
    assert_int_equal(desk_close(&desk), 0);
    assert_int_equal(f->shared.jobs, 0);
    cm_metrics_free(f->metrics);
    free(f);
    return 0;
}

static const struct hub_repo_id taken = {{1}};

static void refuse(struct fixture *f, const char *why) {
    struct cm_err err;

    (void)cm_fail(&err, CM_EIO, "%s", why);
    hub_fetcher_refused(f->fetcher, &err);
}

static void a_failure_is_an_event_until_its_words_change(void **state) {
    struct fixture *f = *state;

    refuse(f, "no such host");
    refuse(f, "no such host");
    refuse(f, "timed out");
    assert_int_equal(desk_count(f->desk, "SELECT count(*) FROM event WHERE kind = 'sync.failed'"),
                     2);
    assert_int_equal(desk_count(f->desk, "SELECT count(*) FROM event WHERE message ="
                                         " 'repository ''fleet'': timed out'"),
                     1);
    assert_int_equal(f->troubles, 2);
    assert_true(f->idle > 0);
}

static void a_failure_is_counted_with_its_repository(void **state) {
    struct fixture *f = *state;
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    refuse(f, "no such host");
    refuse(f, "no such host");
    cm_metrics_write(f->metrics, &text);
    assert_non_null(
        strstr(cm_str_get(&text), "holdfast_git_fetch_failures_total{repository=\"fleet\"} 2\n"));
}

static void that_it_works_again_is_an_event_too(void **state) {
    struct fixture *f = *state;

    hub_fetcher_taken(f->fetcher, &taken);
    assert_int_equal(desk_count(f->desk, "SELECT count(*) FROM event"), 0);
    refuse(f, "no such host");
    hub_fetcher_taken(f->fetcher, &taken);
    hub_fetcher_taken(f->fetcher, &taken);
    assert_int_equal(
        desk_count(f->desk, "SELECT count(*) FROM event WHERE kind = 'sync.recovered'"), 1);
    assert_int_equal(f->recoveries, 1);
}

static int64_t rows(struct fixture *f, const char *condition) {
    CM_AUTOFREE char *sql = cm_strf("SELECT count(*) FROM repository WHERE %s", condition);

    return desk_count(f->desk, sql);
}

static void how_it_went_is_on_record(void **state) {
    struct fixture *f = *state;

    refuse(f, "no such host");
    assert_int_equal(rows(f, "name = 'fleet' AND failure = 'no such host' AND revision = ''"), 1);
    hub_fetcher_taken(f->fetcher, &taken);
    assert_int_equal(rows(f, "failure = '' AND length(revision) = 40"), 1);
    refuse(f, "no such host");
    assert_int_equal(rows(f, "failure = 'no such host' AND length(revision) = 40"), 1);
    hub_fetcher_forget(f->fetcher);
    assert_int_equal(rows(f, "1"), 0);
}

static void polls_are_spread_over_a_tenth_of_the_interval(void **state) {
    const struct hub_repository repository = {.poll_ms = 60000};
    const struct hub_fetcher_config config = {.repository = &repository};
    int64_t least = INT64_MAX;
    int64_t most = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t pause_ms = hub_fetcher_pause_ms(&config);

        least = pause_ms < least ? pause_ms : least;
        most = pause_ms > most ? pause_ms : most;
    }
    assert_in_range(least, 60000, 61000);
    assert_in_range(most, 65000, 66000);
}

static void a_commit_named_by_its_id_is_not_polled(void **state) {
    const struct hub_repository repository = {.poll_ms = 60000};
    const struct hub_fetcher_config config = {.repository = &repository, .ref.commit = "c0ffee"};

    (void)state;
    assert_int_equal(hub_fetcher_pause_ms(&config), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_failure_is_an_event_until_its_words_change, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_failure_is_counted_with_its_repository, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(that_it_works_again_is_an_event_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(how_it_went_is_on_record, set_up, tear_down),
        cmocka_unit_test(polls_are_spread_over_a_tenth_of_the_interval),
        cmocka_unit_test(a_commit_named_by_its_id_is_not_polled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
