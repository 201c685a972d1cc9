// Two documents, an object and a patch: merging {} changes nothing, the outcome is the same each
// time, and for a kind of x.io (RFC 7386) merging twice changes no more than merging once.
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/merge.h"
#include "common/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum cm_rc merge(struct cm_arena *a, const struct cm_json *object,
                        const struct cm_json *patch, struct cm_json **out) {
    struct cm_merged merged = {0};
    struct cm_err err;
    enum cm_rc rc =
        cm_object_merge(a, cm_json_copy(a, object), cm_json_copy(a, patch), &merged, &err);

    assert((rc < 0) == (merged.wrong != NULL));
    *out = merged.object;
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct cm_json_limits limits = {65536, 64, 10000};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_yaml_docs docs;
    struct cm_json *once;
    struct cm_json *again;
    struct cm_err err;

    if (cm_yaml_parse(a, (const char *)data, size, &limits, &docs, &err) < 0 || docs.count < 2 ||
        docs.docs[0]->type != CM_OBJECT || docs.docs[1]->type != CM_OBJECT) {
        return 0;
    }
    enum cm_rc rc = merge(a, docs.docs[0], cm_json_new(a, CM_OBJECT), &once);
    assert(rc == CM_OK && cm_json_equal(once, docs.docs[0]));
    rc = merge(a, docs.docs[0], docs.docs[1], &once);
    assert(merge(a, docs.docs[0], docs.docs[1], &again) == rc);
    assert((once == NULL) == (again == NULL));
    if (once == NULL) {
        return 0;
    }
    assert(cm_json_equal(once, again));
    const char *version = cm_json_string(cm_json_get(docs.docs[0], "apiVersion"));
    bool is_ours = version != NULL && strncmp(version, "x.io/", 5) == 0;
    if (is_ours && cm_json_get(docs.docs[1], "apiVersion") == NULL &&
        cm_json_get(docs.docs[1], "kind") == NULL) {
        rc = merge(a, once, docs.docs[1], &again);
        assert(rc == CM_OK && again != NULL && cm_json_equal(once, again));
    }
    return 0;
}
