#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>

#include "common/list.h"
#include "hub/api/watch.h"

#define HOUR_MS 3600000

struct entry {
    struct hub_due due;
    sem_t expired;
    int times;
};

static void on_expired(struct hub_due *due) {
    struct entry *e = CM_CONTAINER(due, struct entry, due);

    e->times++;
    (void)sem_post(&e->expired);
}

static void init(struct entry *e) {
    *e = (struct entry){.due = {.expired = on_expired}};
    (void)sem_init(&e->expired, 0, 0);
}

static void an_entry_that_is_due_is_settled_once(void **state) {
    struct hub_watch *w = hub_watch_new();
    struct entry e;

    (void)state;
    init(&e);
    assert_true(hub_watch_add(w, &e.due, 0));
    assert_int_equal(sem_wait(&e.expired), 0);
    assert_false(hub_watch_take(w, &e.due));
    hub_watch_stop(w);
    hub_watch_free(w);
    assert_int_equal(e.times, 1);
}

static void an_entry_that_is_taken_out_is_its_owners(void **state) {
    struct hub_watch *w = hub_watch_new();
    struct entry e;

    (void)state;
    init(&e);
    assert_true(hub_watch_add(w, &e.due, HOUR_MS));
    assert_true(hub_watch_take(w, &e.due));
    assert_false(hub_watch_take(w, &e.due));
    hub_watch_stop(w);
    hub_watch_free(w);
    assert_int_equal(e.times, 0);
}

static void an_entry_that_is_moved_is_due_sooner(void **state) {
    struct hub_watch *w = hub_watch_new();
    struct entry e;

    (void)state;
    init(&e);
    assert_true(hub_watch_add(w, &e.due, HOUR_MS));
    assert_true(hub_watch_add(w, &e.due, 0));
    assert_int_equal(sem_wait(&e.expired), 0);
    hub_watch_stop(w);
    hub_watch_free(w);
    assert_int_equal(e.times, 1);
}

static void a_stop_settles_all_and_takes_no_more(void **state) {
    struct hub_watch *w = hub_watch_new();
    struct entry first;
    struct entry second;

    (void)state;
    init(&first);
    init(&second);
    assert_true(hub_watch_add(w, &first.due, HOUR_MS));
    hub_watch_stop(w);
    assert_int_equal(first.times, 1);
    assert_false(hub_watch_add(w, &second.due, 0));
    hub_watch_free(w);
    assert_int_equal(second.times, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_that_is_due_is_settled_once),
        cmocka_unit_test(an_entry_that_is_taken_out_is_its_owners),
        cmocka_unit_test(an_entry_that_is_moved_is_due_sooner),
        cmocka_unit_test(a_stop_settles_all_and_takes_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
