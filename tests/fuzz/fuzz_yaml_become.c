// A text that was made to say something else says just that, and its other documents what they
// said.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/yaml.h"
#include "common/yaml_become.h"

#define SIZE_MAX_LOOKED ((size_t)64 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_all(struct cm_arena *a, const char *text, size_t size, struct cm_yaml_docs *out) {
    struct cm_err err;

    return cm_yaml_parse(a, text, size, NULL, out, &err) == CM_OK;
}

// check makes a document say what another one of the text says.
static void check(struct cm_arena *a, const char *text, size_t size,
                  const struct cm_yaml_docs *docs, size_t document) {
    const struct cm_json *wanted = docs->docs[(document + 1) % docs->count];
    CM_AUTOFREE char *out = NULL;
    struct cm_yaml_docs after = {0};
    struct cm_err err = {0};

    if (cm_yaml_become(text, size, document, wanted, &out, &err) < 0) {
        assert(out == NULL && err.msg[0] != '\0');
        return;
    }
    bool read = read_all(a, out, strlen(out), &after);
    assert(read && after.count == docs->count);
    for (size_t i = 0; i < after.count; i++) {
        assert(cm_json_equal(after.docs[i], i == document ? wanted : docs->docs[i]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *text = (const char *)data;
    struct cm_yaml_docs docs = {0};

    if (size > SIZE_MAX_LOOKED || memchr(data, '\0', size) != NULL ||
        !read_all(a, text, size, &docs)) {
        return 0;
    }
    for (size_t i = 0; i < docs.count && i < 4; i++) {
        check(a, text, size, &docs, i);
    }
    return 0;
}
