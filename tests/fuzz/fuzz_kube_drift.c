// What differs in the answer to an apply is noise, whatever it is: judged against the note made of
// it, the same live object has no drift. A note fits, reads back, and a Secret's values are told
// nowhere.
//
// The input is a line of desired and a line of live, in JSON.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/added.h"
#include "agent/kube/adopt.h"
#include "agent/kube/drift.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void find(struct cm_arena *a, const struct cm_json *desired, const struct cm_json *live,
                 const struct kube_baseline *baseline, struct kube_drift *out) {
    static const char *const fields[] = {"/spec/a/0/b", "/spec/[name=x]", "/*/*",
                                         "metadata.labels"};
    const struct cm_spare_rule rule = {fields, 4, NULL, 0, NULL};

    const struct kube_comparison c = {.desired = desired,
                                      .given = desired,
                                      .live = live,
                                      .manager = "holdfast",
                                      .baseline = baseline,
                                      .rules = &rule,
                                      .rule_count = 1};

    kube_drift_find(a, &c, out);
}

static void check_hidden(struct cm_arena *a, const struct cm_json *desired,
                         const struct cm_json *live) {
    struct kube_baseline secret = {.version = "v1", .secret = true, .noise = ""};
    struct kube_drift drift;

    find(a, desired, live, &secret, &drift);
    for (size_t i = 0; i < drift.count; i++) {
        bool added = drift.fields[i].difference == AGENT_DIFFERENCE_ADDED;

        require(strcmp(drift.fields[i].desired, added ? "" : "***") == 0);
        require(drift.fields[i].actual[0] == '\0' || strcmp(drift.fields[i].actual, "***") == 0);
    }
}

// check_taken: whatever is there, what takes it over is two steps, of which the first one tests.
static void check_taken(struct cm_arena *a, const struct cm_json *desired,
                        const struct cm_json *live) {
    struct cm_json *steps = NULL;
    struct kube_added added;
    struct cm_err err;

    const struct kube_added_by by = {"holdfast", false};

    kube_added_find(a, desired, live, &by, AGENT_DRIFT_MAX, &added);
    const char *patch = kube_adopt_fields(a, live, "holdfast", &added.all);
    if (patch != NULL) {
        require(cm_json_parse(a, patch, strlen(patch), NULL, &steps, &err) == CM_OK);
        require(steps->type == CM_ARRAY && steps->count == 2);
    }
}

static void check(struct cm_arena *a, const struct cm_json *desired, const struct cm_json *live) {
    struct kube_baseline baseline = {.version = "apps/v1", .print = 7};
    struct kube_drift drift;
    const char *note = kube_note_write(a, &baseline, desired, live);

    require(strlen(note) <= AGENT_NOTE_MAX);
    require(kube_note_read(a, note, &baseline));
    require(baseline.print == 7 && strcmp(baseline.version, "apps/v1") == 0);
    find(a, desired, live, &baseline, &drift);
    for (size_t i = 0; i < drift.count; i++) {
        require(drift.fields[i].difference != AGENT_DIFFERENCE_FOREIGN);
    }
    find(a, desired, live, NULL, &drift);
    for (size_t i = 0; i < drift.count; i++) {
        require(drift.fields[i].path[0] != '\0' && strlen(drift.fields[i].desired) <= 256 + 4);
    }
    check_hidden(a, desired, live);
    check_taken(a, desired, live);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *feed = memchr(data, '\n', size);
    const char *text = (const char *)data;
    struct cm_json *desired = NULL;
    struct cm_json *live = NULL;
    struct cm_err err;

    if (feed == NULL) {
        return 0;
    }
    size_t first = (size_t)(feed - text);
    if (cm_json_parse(a, text, first, NULL, &desired, &err) < 0 ||
        cm_json_parse(a, feed + 1, size - first - 1, NULL, &live, &err) < 0) {
        return 0;
    }
    if (desired->type == CM_OBJECT && live->type == CM_OBJECT) {
        check(a, desired, live);
    }
    return 0;
}
