// bench.plan: what a plan costs.
//
// The fleet of memory_fleet.h is taken in once; then a change of each kind is taken in, compared
// with what was before, and written as text, Markdown and JSON. One JSON object comes out:
// milliseconds of each part, and what the plan holds.
//
//     bench.plan [CLUSTERS [APPS]]
#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/plan/show.h"
#include "tests/bench/memory_fleet.h"

static const struct hub_plan_view view = {.from = "before", .to = "now", .folder = ""};

static double write_all(const struct hub_plan *plan, size_t *json_bytes) {
    struct cm_arena *arena = cm_arena_new(0);
    struct cm_str text = {0};
    double start = now_ms();

    hub_plan_text(plan, &view, &text);
    cm_str_clear(&text);
    hub_plan_markdown(plan, &view, HUB_PLAN_MARKDOWN_MAX, &text);
    cm_str_clear(&text);
    cm_json_write_canonical(hub_plan_json(arena, plan, &view), &text);
    *json_bytes = text.len;
    cm_str_done(&text);
    cm_arena_free(arena);
    return now_ms() - start;
}

static size_t count_groups(const struct hub_plan *plan) {
    size_t groups = 0;

    for (size_t i = 0; i < plan->app_count; i++) {
        groups += plan->apps[i].group_count;
    }
    return groups;
}

static void measure(struct bench *b, const char *name, void (*change)(struct bench *b)) {
    double start = now_ms();
    struct hub_plan_before *before = hub_plan_remember(b->fleet);
    double remembered = now_ms();
    size_t json_bytes;

    change(b);
    double put = now_ms();
    (void)commit(b, false);
    double taken_in = now_ms();
    struct hub_plan *plan = hub_plan_make(before, b->fleet, NULL);
    double made = now_ms();
    double written = write_all(plan, &json_bytes);
    (void)printf(",\n  \"%s\": {\"remember_ms\": %.1f, \"take_in_ms\": %.1f, \"compare_ms\": %.1f, "
                 "\"write_ms\": %.1f, \"clusters\": %zu, \"objects\": %zu, \"groups\": %zu, "
                 "\"json_bytes\": %zu}",
                 name, remembered - start, taken_in - put, made - taken_in, written,
                 plan->totals.clusters,
                 plan->totals.changed + plan->totals.added + plan->totals.removed,
                 count_groups(plan), json_bytes);
    hub_plan_free(plan);
    hub_plan_before_free(before);
}

// ---- Changes

static void one_image(struct bench *b) {
    put_manifest(b, 1, 1, 1);
}

static void all_images(struct bench *b) {
    for (unsigned i = 0; i < b->apps; i++) {
        put_manifest(b, i, 1, 2);
    }
}

static void different_everywhere(struct bench *b) {
    for (unsigned i = 0; i < b->apps; i += 4) { // those with a value of each cluster's own
        put_manifest(b, i, 0, 3);
    }
}

static void one_object_goes(struct bench *b) {
    take_away(b, cm_strdup("apps/app-01/object-5.yaml"));
}

static void one_app_goes(struct bench *b) {
    take_away(b, cm_strdup("apps/app-02/app.yaml"));
}

static void one_label(struct bench *b) {
    put_cluster(b, 17, 0, "b");
}

static void every_cluster_file(struct bench *b) {
    for (unsigned i = 0; i < b->clusters; i++) {
        put_cluster(b, i, 1, "a");
    }
}

int main(int argc, char **argv) {
    struct bench b;

    bench_init(&b, argc, argv);
    struct sample load = first_load(&b);
    (void)printf("{\n  \"bench\": \"plan\", \"clusters\": %u, \"apps\": %u, \"load_ms\": %.1f",
                 b.clusters, b.apps, load.ms);
    measure(&b, "one_image", one_image);
    measure(&b, "all_images", all_images);
    measure(&b, "different_everywhere", different_everywhere);
    measure(&b, "one_object_goes", one_object_goes);
    measure(&b, "one_app_goes", one_app_goes);
    measure(&b, "one_label", one_label);
    measure(&b, "a_value_that_nobody_uses", every_cluster_file);
    (void)printf(",\n  \"resident_mib\": %.0f\n}\n", resident_mib());
    bench_done(&b);
    return 0;
}
