// What is read and written as YAML, or as canonical JSON, is read again as the same tree.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_document(struct cm_arena *a, const struct cm_json *doc) {
    CM_CLEANUP(cm_str_done) struct cm_str yaml = {0};
    CM_CLEANUP(cm_str_done) struct cm_str json = {0};
    struct cm_yaml_docs again;
    struct cm_json *node;
    struct cm_err err;

    cm_yaml_write(doc, &yaml);
    enum cm_rc rc = cm_yaml_parse(a, yaml.data, yaml.len, NULL, &again, &err);
    assert(rc == CM_OK);
    assert(again.count == 1);
    assert(cm_json_equal(again.docs[0], doc));

    cm_json_write_canonical(doc, &json);
    rc = cm_json_parse(a, json.data, json.len, NULL, &node, &err);
    assert(rc == CM_OK);
    assert(cm_json_equal(node, doc));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct cm_json_limits limits = {.max_bytes = 1 << 20, .max_depth = 64, .max_nodes = 9999};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_yaml_docs docs;
    struct cm_err err;

    if (cm_yaml_parse(a, (const char *)data, size, &limits, &docs, &err) != CM_OK) {
        assert(strncmp(err.msg, "line ", 5) == 0);
        return 0;
    }
    for (size_t i = 0; i < docs.count; i++) {
        check_document(a, docs.docs[i]);
    }
    return 0;
}
