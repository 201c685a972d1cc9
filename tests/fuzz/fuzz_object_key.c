// A key that is read is written again as it was; so is the key of an object.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_key(struct cm_arena *a, const char *key) {
    struct cm_object_id id;

    if (cm_object_key_parse(a, key, &id)) {
        assert(strcmp(cm_object_key(a, &id), key) == 0);
        assert(strchr(id.kind, '.') == NULL && id.kind[0] != '\0' && id.name[0] != '\0');
    }
}

static void check_object(struct cm_arena *a, const struct cm_json *object) {
    struct cm_object_id id;
    struct cm_object_id again;
    struct cm_err err;

    if (cm_object_id_of(a, object, &id, &err) != CM_OK) {
        return;
    }
    const char *key = cm_object_key(a, &id);
    assert(strlen(key) < CM_OBJECT_KEY_MAX);
    bool ok = cm_object_key_parse(a, key, &again);
    assert(ok);
    assert(strcmp(id.group, again.group) == 0 && strcmp(id.kind, again.kind) == 0);
    assert(strcmp(id.namespace, again.namespace) == 0 && strcmp(id.name, again.name) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_yaml_docs docs;
    struct cm_err err;

    check_key(a, cm_arena_strndup(a, (const char *)data, size));
    if (cm_yaml_parse(a, (const char *)data, size, NULL, &docs, &err) == CM_OK) {
        for (size_t i = 0; i < docs.count; i++) {
            check_object(a, docs.docs[i]);
        }
    }
    return 0;
}
