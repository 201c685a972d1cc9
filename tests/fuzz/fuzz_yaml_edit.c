// A text that was edited says the same as before, but for the member that was to be changed.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/yaml.h"
#include "common/yaml_edit.h"

#define SIZE_MAX_LOOKED ((size_t)64 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const path[] = {"spec", "suspend"};

static struct cm_yaml_docs read_all(struct cm_arena *a, const char *text, size_t size) {
    struct cm_yaml_docs docs = {0};
    struct cm_err err;

    enum cm_rc rc = cm_yaml_parse(a, text, size, NULL, &docs, &err);
    assert(rc == CM_OK);
    return docs;
}

// without takes the member out, and what has nothing else.
static const struct cm_json *without(struct cm_json *document) {
    struct cm_json *spec = cm_json_get(document, "spec");

    if (spec != NULL && spec->type == CM_OBJECT) {
        (void)cm_json_remove(spec, "suspend");
    }
    if (spec != NULL && (spec->type == CM_NULL || (spec->type == CM_OBJECT && spec->count == 0))) {
        (void)cm_json_remove(document, "spec");
    }
    return document;
}

static void check(const char *text, size_t size, size_t document, bool set) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_yaml_edit edit = {.document = document,
                                      .path = path,
                                      .depth = 2,
                                      .to = set ? cm_json_new_bool(a, true) : NULL};
    CM_AUTOFREE char *out = NULL;
    struct cm_err err;

    if (cm_yaml_edit_text(text, size, &edit, &out, &err) < 0) {
        assert(out == NULL && err.msg[0] != '\0');
        return;
    }
    struct cm_yaml_docs before = read_all(a, text, size);
    struct cm_yaml_docs after = read_all(a, out, strlen(out));
    assert(before.count == after.count);
    const struct cm_json *got = cm_json_path(after.docs[document], "spec", "suspend", NULL);
    assert(set ? cm_json_true(got) : got == NULL);
    for (size_t i = 0; i < before.count; i++) {
        assert(i == document ? cm_json_equal(without(before.docs[i]), without(after.docs[i]))
                             : cm_json_equal(before.docs[i], after.docs[i]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;

    if (size > SIZE_MAX_LOOKED || memchr(data, '\0', size) != NULL) {
        return 0;
    }
    for (size_t document = 0; document < 3; document++) {
        check(text, size, document, true);
        check(text, size, document, false);
    }
    return 0;
}
