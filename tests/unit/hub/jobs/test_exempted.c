// What sites allow themselves, as their agents tell it.
#include "hub/jobs/exempted.h"

#include "desk.h"

#include "common/arena.h"
#include "common/clock.h"

struct draft {
    struct cm_arena *arena;
    Holdfast__V1__Exempted *m;
};

static struct draft begin(void) {
    struct draft d = {.arena = cm_arena_new(0)};

    d.m = cm_arena_get(d.arena, sizeof(*d.m));
    holdfast__v1__exempted__init(d.m);
    d.m->exemptions = cm_arena_get(d.arena, 4 * sizeof(void *));
    return d;
}

// The ids are of this byte each.
static void add(struct draft *d, const char *name, size_t id_size, uint8_t id) {
    Holdfast__V1__SiteExemption *one = cm_arena_get(d->arena, sizeof(*one));

    holdfast__v1__site_exemption__init(one);
    one->name = cm_arena_strdup(d->arena, name);
    one->app = cm_arena_strdup(d->arena, "web");
    one->id.len = id_size;
    one->id.data = id_size == 0 ? NULL : cm_arena_get(d->arena, id_size);
    for (size_t i = 0; i < id_size; i++) {
        one->id.data[i] = id;
    }
    one->began_ms = cm_clock_unix_ms();
    one->until_ms = one->began_ms + 60000;
    d->m->exemptions[d->m->n_exemptions++] = one;
}

struct outcome {
    enum cm_rc code;
    size_t begun;
    size_t count;
};

static void on_done(void *ctx, const struct cm_err *err, const struct hub_exempted_result *result) {
    struct outcome *o = ctx;

    o->code = err->code;
    o->begun = result->begun;
    o->count++;
}

static struct outcome commit(struct desk *d, struct draft *m) {
    struct outcome o = {0};

    hub_exempted_commit(d->store, "paris-1", m->arena, m->m, true,
                        &(struct hub_exempted_done){.done = on_done, .ctx = &o});
    desk_settle(d);
    assert_int_equal(o.count, 1);
    assert_int_equal(o.code, CM_OK);
    return o;
}

static void of_two_with_one_id_the_first_that_can_be_taken_counts(void **state) {
    struct desk *d = *state;
    struct draft m = begin();

    add(&m, "", CM_SHA256_SIZE, 1); // says not what it is
    add(&m, "first", CM_SHA256_SIZE, 1);
    add(&m, "second", CM_SHA256_SIZE, 1);
    assert_int_equal(commit(d, &m).begun, 1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM site_exemption WHERE said = 'first'"), 1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM site_exemption"), 1);
}

static void what_has_no_id_is_not_taken(void **state) {
    struct desk *d = *state;
    struct draft m = begin();

    add(&m, "first", 0, 0);
    add(&m, "second", 0, 0);
    add(&m, "third", CM_SHA256_SIZE - 1, 1);
    add(&m, "fourth", CM_SHA256_SIZE, 1);
    assert_int_equal(commit(d, &m).begun, 1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM site_exemption WHERE said = 'fourth'"), 1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM site_exemption"), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_two_with_one_id_the_first_that_can_be_taken_counts,
                                        desk_open, desk_close),
        cmocka_unit_test_setup_teardown(what_has_no_id_is_not_taken, desk_open, desk_close),
    };

    return cmocka_run_group_tests_name("exempted", tests, NULL, NULL);
}
