// Any bytes given as a manifest or a bundle: what is accepted is sorted, names nothing twice, and
// every claim of it can be found.
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "agent/plan/desired.h"
#include "common/mem.h"

#define CLUSTER "cluster_id-2" // as in the sample of the corpus

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_bundle(const uint8_t *data, size_t size) {
    CM_CLEANUP(agent_bundle_unrefp) struct agent_bundle *b = NULL;
    struct cm_sha256 name = cm_sha256(data, size);
    struct cm_err err;

    if (agent_bundle_decode(data, size, &name, &b, &err) < 0) {
        assert(err.code == CM_EINVAL);
        return;
    }
    for (size_t i = 0; i < b->entry_count; i++) {
        assert(i == 0 || strcmp(b->entries[i - 1].key, b->entries[i].key) < 0);
        assert(agent_bundle_find(b, b->entries[i].key) == &b->entries[i]);
    }
}

static void try_manifest(const uint8_t *data, size_t size) {
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = NULL;
    struct cm_err err;

    if (agent_desired_decode(data, size, CLUSTER, &d, &err) < 0) {
        assert(err.code == CM_EINVAL);
        return;
    }
    for (size_t i = 0; i < d->app_count; i++) {
        assert(i == 0 || strcmp(d->apps[i - 1].name, d->apps[i].name) < 0);
        assert(agent_desired_app(d, d->apps[i].name) == &d->apps[i]);
    }
    for (size_t i = 0; i < d->gone_count; i++) {
        assert(agent_desired_app(d, d->gone[i].name) == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    if (data[0] == 'b') {
        try_bundle(data + 1, size - 1);
    } else {
        try_manifest(data + 1, size - 1);
    }
    return 0;
}
