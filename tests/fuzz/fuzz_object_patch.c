// Two documents, one to patch and a list of operations: the document stays as it is, and the result
// is the same each time.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/patch.h"
#include "common/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cm_json *copy(void *ctx, const struct cm_json *node) {
    return cm_json_copy(ctx, node);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct cm_json_limits limits = {65536, 64, 2000};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_patch with = {.a = a, .copy = copy, .ctx = a};
    struct cm_patched first = {0};
    struct cm_patched second = {0};
    struct cm_yaml_docs docs;
    struct cm_err err;

    if (cm_yaml_parse(a, (const char *)data, size, &limits, &docs, &err) < 0 || docs.count < 2 ||
        docs.docs[1]->count > 12) { // each may double the document
        return 0;
    }
    const struct cm_json *before = cm_json_copy(a, docs.docs[0]);
    enum cm_rc rc = cm_patch_apply(&with, docs.docs[0], docs.docs[1], &first, &err);
    assert((rc < 0) == (first.wrong != NULL) && (rc < 0) == (first.document == NULL));
    assert(cm_json_equal(before, docs.docs[0]));
    assert(cm_patch_apply(&with, docs.docs[0], docs.docs[1], &second, &err) == rc);
    assert(rc < 0 || cm_json_equal(first.document, second.document));
    return 0;
}
