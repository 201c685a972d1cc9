// The hub's own keys made anew while it runs.
#include "hub/jobs/rotation.h"

#include "desk.h"

#include <string.h>

#include "common/clock.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "hub/access/authority.h"
#include "tests/unit/hub/scratch_dir.h"

#define HOUR_MS ((int64_t)3600 * 1000)

struct hub {
    struct desk *desk;
    char dir[SCRATCH_DIR_MAX];
    struct hub_authority *authority;
    struct cm_metrics *metrics;
    struct hub_rotation *rotation;
    size_t rotated;
};

static void on_rotated(void *ctx) {
    ((struct hub *)ctx)->rotated++;
}

static void hub_begin(struct hub *h, struct desk *d) {
    struct hub_rotation_config config = {
        .loop = d->loop, .store = d->store, .rotated = on_rotated, .ctx = h};
    struct cm_err err;

    *h = (struct hub){.desk = d};
    scratch_dir_make(h->dir);
    assert_int_equal(hub_authority_open(h->dir, NULL, 0, &h->authority, &err), CM_OK);
    h->metrics = cm_metrics_new();
    config.authority = h->authority;
    config.metrics = h->metrics;
    h->rotation = hub_rotation_start(&config);
}

static void hub_end(struct hub *h) {
    hub_rotation_stop(h->rotation);
    desk_settle(h->desk);
    hub_rotation_free(h->rotation);
    hub_authority_free(h->authority);
    cm_metrics_free(h->metrics);
    scratch_dir_remove(h->dir);
}

static void rotate(const struct hub *h) {
    struct cm_err err;

    assert_int_equal(hub_authority_rotate(h->dir, NULL, &err), CM_OK);
    hub_rotation_reload(h->rotation);
    desk_settle(h->desk);
}

static int64_t events(const struct hub *h) {
    return desk_count(h->desk, "SELECT count(*) FROM event WHERE kind = 'hub.rotated'");
}

static void other_keys_are_told_and_put_down_once(void **state) {
    struct hub h;

    hub_begin(&h, *state);
    rotate(&h);
    assert_int_equal(h.rotated, 1);
    assert_int_equal(events(&h), 1);
    hub_rotation_reload(h.rotation); // they are what they were
    assert_int_equal(events(&h), 1);
    hub_end(&h);
}

static bool has_metric(const struct hub *h, const char *line) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_metrics_write(h->metrics, &text);
    return strstr(text.data, line) != NULL;
}

static void which_of_the_keys_it_was_is_told_and_counted(void **state) {
    struct hub h;
    struct cm_err err;

    hub_begin(&h, *state);
    rotate(&h);
    assert_int_equal(desk_count(*state, "SELECT count(*) FROM event WHERE message LIKE"
                                        " '%own: issuer, signer, now with set 1 of roots'"),
                     1);
    assert_true(has_metric(&h, "holdfast_keys_rotated_total{what=\"issuer\"} 1"));
    assert_true(has_metric(&h, "holdfast_keys_rotated_total{what=\"signer\"} 1"));
    assert_true(has_metric(&h, "holdfast_keys_rotated_total{what=\"roots\"} 0"));
    assert_int_equal(hub_authority_root_begin(h.dir, NULL, &err), CM_OK);
    hub_rotation_reload(h.rotation);
    assert_int_equal(desk_count(*state, "SELECT count(*) FROM event WHERE message LIKE"
                                        " '%own: roots, now with set 2 of roots'"),
                     1);
    assert_true(has_metric(&h, "holdfast_keys_rotated_total{what=\"issuer\"} 1"));
    assert_true(has_metric(&h, "holdfast_keys_rotated_total{what=\"roots\"} 1"));
    hub_end(&h);
}

static void keys_that_are_used_are_told_though_nothing_can_be_written(void **state) {
    struct hub h;

    cm_clock_fake(1000000);
    hub_begin(&h, *state);
    desk_run(*state, "CREATE TRIGGER full BEFORE INSERT ON event"
                     " BEGIN SELECT RAISE(FAIL, 'the disk is full'); END");
    rotate(&h);
    assert_int_equal(h.rotated, 1);
    desk_run(*state, "DROP TRIGGER full");
    assert_int_equal(events(&h), 0);
    cm_clock_advance(HOUR_MS); // and put down when it can be
    assert_int_equal(events(&h), 1);
    hub_end(&h);
}

static void what_could_not_be_read_is_read_later(void **state) {
    struct hub h;

    cm_clock_fake(1000000);
    hub_begin(&h, *state);
    desk_fail(*state);
    rotate(&h);
    assert_int_equal(h.rotated, 0);
    desk_mend(*state);
    cm_clock_advance(HOUR_MS);
    assert_int_equal(events(&h), 1);
    assert_int_equal(h.rotated, 1);
    hub_end(&h);
}

static enum cm_rc root_from(const struct hub *h, int64_t *out_ms, struct cm_err *err) {
    struct cm_sha256 root;
    int64_t since_ms;

    assert_int_equal(hub_authority_root_since_ms(h->dir, &root, &since_ms, err), CM_OK);
    enum cm_rc rc = hub_rotation_root_from_ms(desk_own(h->desk), &root, out_ms, err);
    desk_give(h->desk);
    return rc;
}

static void note_root(const struct hub *h) {
    struct cm_err err;

    assert_int_equal(hub_rotation_note_root(desk_own(h->desk), h->authority, &err), CM_OK);
    desk_give(h->desk);
}

// In between it certifies under the root before, however long ago the new one was made.
static void a_new_root_counts_from_when_the_hub_uses_it(void **state) {
    int64_t now_ms = cm_clock_unix_ms();
    int64_t from_ms = -1;
    struct hub h;
    struct cm_err err;

    hub_begin(&h, *state);
    assert_int_equal(root_from(&h, &from_ms, &err), CM_OK); // a hub of before told nothing
    assert_int_equal(from_ms, 0);
    note_root(&h);
    assert_int_equal(root_from(&h, &from_ms, &err), CM_OK); // it may be used for long
    assert_int_equal(from_ms, 0);
    assert_int_equal(hub_authority_root_begin(h.dir, NULL, &err), CM_OK);
    hub_rotation_reload(h.rotation);
    desk_settle(h.desk);
    assert_int_equal(hub_authority_root_finish(h.dir, NULL, &err), CM_OK);
    assert_int_equal(root_from(&h, &from_ms, &err), CM_EBUSY);
    assert_non_null(strstr(err.msg, "reload it"));
    note_root(&h); // nor does it when it is asked for something else
    assert_int_equal(root_from(&h, &from_ms, &err), CM_EBUSY);
    hub_rotation_reload(h.rotation);
    desk_settle(h.desk);
    assert_int_equal(root_from(&h, &from_ms, &err), CM_OK);
    assert_true(from_ms >= now_ms);
    int64_t first_ms = from_ms;
    hub_rotation_reload(h.rotation);
    desk_settle(h.desk);
    assert_int_equal(root_from(&h, &from_ms, &err), CM_OK);
    assert_int_equal(from_ms, first_ms);
    hub_end(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(other_keys_are_told_and_put_down_once, desk_open,
                                        desk_close),
        cmocka_unit_test_setup_teardown(which_of_the_keys_it_was_is_told_and_counted, desk_open,
                                        desk_close),
        cmocka_unit_test_setup_teardown(keys_that_are_used_are_told_though_nothing_can_be_written,
                                        desk_open, desk_close),
        cmocka_unit_test_setup_teardown(what_could_not_be_read_is_read_later, desk_open,
                                        desk_close),
        cmocka_unit_test_setup_teardown(a_new_root_counts_from_when_the_hub_uses_it, desk_open,
                                        desk_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
