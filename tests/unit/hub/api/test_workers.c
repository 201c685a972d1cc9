#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>

#include "common/list.h"
#include "hub/api/workers.h"

#define HELD 6

// What all jobs of a test share: who began, in which order, and the word to go on.
struct desk {
    pthread_mutex_t mu;
    char begun[64];
    size_t count;
    sem_t news; // one for each that began
    sem_t go;   // one for each that may end
};

struct job {
    struct hub_job job;
    struct desk *desk;
    char name;
    bool stopped;
    sem_t done;
};

static void run(struct hub_job *job, bool stopping) {
    struct job *j = CM_CONTAINER(job, struct job, job);

    j->stopped = stopping;
    if (!stopping) {
        (void)pthread_mutex_lock(&j->desk->mu);
        j->desk->begun[j->desk->count++] = j->name;
        (void)pthread_mutex_unlock(&j->desk->mu);
        (void)sem_post(&j->desk->news);
        (void)sem_wait(&j->desk->go);
    }
    (void)sem_post(&j->done);
}

static void init_desk(struct desk *d) {
    memset(d, 0, sizeof(*d));
    (void)pthread_mutex_init(&d->mu, NULL);
    (void)sem_init(&d->news, 0, 0);
    (void)sem_init(&d->go, 0, 0);
}

static void put(struct hub_workers *w, struct desk *d, const char *key, char name, struct job *j) {
    *j = (struct job){.job = {.run = run}, .desk = d, .name = name};
    (void)sem_init(&j->done, 0, 0);
    hub_workers_put(w, key, &j->job);
}

static void wait_for(sem_t *sem, int times) {
    while (times-- > 0) {
        assert_int_equal(sem_wait(sem), 0);
    }
}

static void let_go(struct desk *d, int times) {
    while (times-- > 0) {
        (void)sem_post(&d->go);
    }
}

static void one_who_asks_for_much_leaves_half_to_others(void **state) {
    struct hub_workers *w = hub_workers_new(4);
    struct job greedy[HELD];
    struct job other;
    struct desk d;

    (void)state;
    init_desk(&d);
    for (int i = 0; i < HELD; i++) {
        put(w, &d, "greedy", 'g', &greedy[i]);
    }
    wait_for(&d.news, 2);
    put(w, &d, "other", 'o', &other);
    wait_for(&d.news, 1); // although nobody has ended
    assert_string_equal(d.begun, "ggo");
    let_go(&d, HELD + 1);
    for (int i = 0; i < HELD; i++) {
        wait_for(&greedy[i].done, 1);
    }
    wait_for(&other.done, 1);
    hub_workers_stop(w);
    hub_workers_free(w);
}

static void those_who_ask_take_turns(void **state) {
    struct hub_workers *w = hub_workers_new(1);
    struct job jobs[6];
    struct desk d;

    (void)state;
    init_desk(&d);
    put(w, &d, "a", 'a', &jobs[0]);
    wait_for(&d.news, 1);
    put(w, &d, "a", 'A', &jobs[1]);
    put(w, &d, "a", 'Z', &jobs[2]);
    put(w, &d, "b", 'b', &jobs[3]);
    put(w, &d, "b", 'B', &jobs[4]);
    put(w, &d, "c", 'c', &jobs[5]);
    let_go(&d, 6);
    for (int i = 0; i < 6; i++) {
        wait_for(&jobs[i].done, 1);
    }
    assert_string_equal(d.begun, "aAbcZB");
    hub_workers_stop(w);
    hub_workers_free(w);
}

static void a_stop_waits_for_what_runs_and_tells_what_waits(void **state) {
    struct hub_workers *w = hub_workers_new(1);
    struct job jobs[3];
    struct desk d;

    (void)state;
    init_desk(&d);
    put(w, &d, "a", '1', &jobs[0]);
    put(w, &d, "a", '2', &jobs[1]);
    wait_for(&d.news, 1);
    let_go(&d, 2); // a second may have begun before the stop is heard
    hub_workers_stop(w);
    assert_int_equal(sem_trywait(&jobs[0].done), 0);
    assert_int_equal(sem_trywait(&jobs[1].done), 0);
    assert_false(jobs[0].stopped);
    assert_int_equal(strlen(d.begun) + jobs[1].stopped, 2);
    put(w, &d, "a", '3', &jobs[2]);
    assert_true(jobs[2].stopped);
    hub_workers_free(w);
}

struct named {
    struct hub_job job;
    char name[16];
    sem_t done;
};

static void note_name(struct hub_job *job, bool stopping) {
    struct named *n = CM_CONTAINER(job, struct named, job);

    assert_false(stopping);
    (void)pthread_getname_np(pthread_self(), n->name, sizeof(n->name));
    (void)sem_post(&n->done);
}

static void their_threads_can_be_told_from_others(void **state) {
    struct hub_workers *w = hub_workers_new(1);
    struct named n = {.job = {.run = note_name}};

    (void)state;
    (void)sem_init(&n.done, 0, 0);
    hub_workers_put(w, "a", &n.job);
    wait_for(&n.done, 1);
    assert_string_equal(n.name, "api-read");
    hub_workers_stop(w);
    hub_workers_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_who_asks_for_much_leaves_half_to_others),
        cmocka_unit_test(those_who_ask_take_turns),
        cmocka_unit_test(a_stop_waits_for_what_runs_and_tells_what_waits),
        cmocka_unit_test(their_threads_can_be_told_from_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
