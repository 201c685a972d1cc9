// A list of pods or Events has a cause in words or none, and what else is to be asked is named
// whole.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/causes.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct cm_json_limits limits = {65536, 64, 5000};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_causes causes;
    struct cm_json *list = NULL;
    struct cm_err err;

    if (cm_json_parse(a, (const char *)data, size, &limits, &list, &err) < 0) {
        return 0;
    }
    kube_causes_find(a, list, size % 2 == 1, &causes);
    require(causes.words != NULL && !(causes.failing && causes.words[0] == '\0'));
    require(causes.crashed_pod == NULL || causes.crashed_container != NULL);
    require(kube_causes_event(a, list) != NULL);
    (void)kube_causes_has_events(list);
    (void)kube_causes_selector(a, list);
    return 0;
}
