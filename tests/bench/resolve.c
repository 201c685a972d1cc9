// bench.resolve: what a commit costs the fleet.
//
// A repository in memory (memory_fleet.h) is taken in as a whole once, then changed by one file at
// a time. One JSON object comes out: milliseconds (median and worst of several), counts, resident
// memory.
//
//     bench.resolve [CLUSTERS [APPS]]
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/str.h"
#include "tests/bench/memory_fleet.h"

#define ROUNDS 9

// ---- Changes of one file

static void change_unused(struct bench *b, unsigned round) {
    put_cluster(b, 17 + round, 1000 + round, "a");
}

static void change_label(struct bench *b, unsigned round) {
    put_cluster(b, 4711, 0, round % 2 == 0 ? "b" : "a");
}

static void change_app_shared(struct bench *b, unsigned round) {
    put_manifest(b, 1, 1, 1 + round);
}

static void change_app_each(struct bench *b, unsigned round) {
    put_manifest(b, 0, 0, 1 + round);
}

static void change_targets(struct bench *b, unsigned round) {
    put_app(b, 2, 1 + round);
}

static void change_group(struct bench *b, unsigned round) {
    put_group(b, 3, 1 + round);
}

static void break_app(struct bench *b, unsigned round) {
    if (round % 2 == 0) {
        put(b, cm_strdup("apps/app-05/object-0.yaml"), cm_strf("metadata: [%u", round));
    } else {
        put_manifest(b, 5, 0, 0);
    }
}

static void new_cluster(struct bench *b, unsigned round) {
    put_cluster(b, 50000 + round, 0, "a");
}

static int compare_ms(const void *a, const void *b) {
    double left = ((const struct sample *)a)->ms;
    double right = ((const struct sample *)b)->ms;

    return left < right ? -1 : left > right ? 1 : 0;
}

static void measure(struct bench *b, const char *name,
                    void (*change)(struct bench *b, unsigned round)) {
    struct sample samples[ROUNDS];

    for (unsigned i = 0; i < ROUNDS; i++) {
        change(b, i);
        samples[i] = commit(b, false);
    }
    qsort(samples, ROUNDS, sizeof(*samples), compare_ms);
    (void)printf(",\n  \"%s\": {\"p50_ms\": %.2f, \"max_ms\": %.2f, \"clusters\": %zu, "
                 "\"rendered\": %zu}",
                 name, samples[ROUNDS / 2].ms, samples[ROUNDS - 1].ms, samples[ROUNDS / 2].changed,
                 samples[ROUNDS / 2].rendered);
}

int main(int argc, char **argv) {
    struct bench b;

    bench_init(&b, argc, argv);
    double before = resident_mib();
    struct sample load = first_load(&b);
    size_t problems;
    (void)hub_fleet_problems(b.fleet, &problems);
    (void)printf("{\n  \"bench\": \"resolve\", \"clusters\": %u, \"apps\": %u, \"problems\": %zu,\n"
                 "  \"first_load\": {\"ms\": %.1f, \"clusters\": %zu, \"rendered\": %zu, "
                 "\"resident_mib\": %.0f}",
                 b.clusters, b.apps, problems, load.ms, load.changed, load.rendered,
                 resident_mib() - before);
    measure(&b, "value_that_nobody_uses", change_unused);
    measure(&b, "label_of_a_cluster", change_label);
    measure(&b, "new_cluster", new_cluster);
    measure(&b, "group_of_500", change_group);
    measure(&b, "manifest_same_everywhere", change_app_shared);
    measure(&b, "manifest_different_everywhere", change_app_each);
    measure(&b, "targets_of_an_app", change_targets);
    measure(&b, "app_breaks_and_is_mended", break_app);
    (void)printf(",\n  \"resident_mib_in_the_end\": %.0f\n}\n", resident_mib() - before);
    bench_done(&b);
    return 0;
}
