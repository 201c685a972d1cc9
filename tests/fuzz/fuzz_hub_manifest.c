// A file of manifests, rendered: sorted objects in canonical form, the same each time; or something
// is said to be wrong.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/render/render.h"
#include "hub/render/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char values_text[] = "{\"a\": 1, \"b\": \"text\", \"m\": {\"k\": [true, null]}}";

static void check_bundle(const struct hub_bundle *b) {
    for (size_t i = 0; i < b->spec.object_count; i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        CM_CLEANUP(cm_str_done) struct cm_str again = {0};
        const struct hub_object *o = &b->spec.objects[i];
        struct cm_json *tree;
        struct cm_err err;

        assert(i == 0 || strcmp(b->spec.objects[i - 1].key, o->key) < 0);
        enum cm_rc rc =
            cm_json_parse(a, (const char *)o->bytes->data, o->bytes->size, NULL, &tree, &err);
        if (rc == CM_OK) { // indentation may make it larger than a parser takes
            cm_json_write_canonical(tree, &again);
            assert(again.len == o->bytes->size);
            assert(memcmp(again.data, o->bytes->data, again.len) == 0);
        }
    }
}

static void render_twice(const struct hub_render_input *in) {
    struct hub_rendered first = {0};
    struct hub_rendered second = {0};
    struct hub_rendered third = {0};
    struct hub_diags diags = {0};
    struct hub_diags again = {0};
    bool ok = hub_render(in, &first, &diags);
    size_t wrong = diags.count;

    assert(ok == (wrong == 0));
    for (size_t i = 0; i < in->template_count; i++) {
        hub_render_forget(in->templates[i]);
    }
    assert(hub_render(in, &second, &again) == ok);
    assert(again.count == wrong);
    if (wrong == HUB_DIAGS_MAX) { // there is no room for what it would say
        assert(!hub_render(in, &third, &diags));
        assert(diags.count == wrong);
    }
    if (ok) {
        assert(cm_sha256_equal(&first.bundle->sha256, &second.bundle->sha256));
        check_bundle(first.bundle);
    }
    hub_rendered_done(&first);
    hub_rendered_done(&second);
    hub_diags_done(&diags);
    hub_diags_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *path = cm_buf_copy("fuzz.yaml", 10);
    static const uint8_t key[32] = "key";
    struct cm_json *values;
    struct cm_err err;

    enum cm_rc rc = cm_json_parse(a, values_text, strlen(values_text), NULL, &values, &err);
    assert(rc == CM_OK);
    struct hub_source *source = hub_source_new(path, data, size);
    assert(source->diags.count == 0 || source->count == 0);
    struct hub_template **templates =
        cm_arena_get(a, (source->count + 1) * sizeof(struct hub_template *));
    for (size_t i = 0; i < source->count; i++) {
        templates[i] = &source->templates[i];
    }
    struct hub_render_input in = {
        .app = "app",
        .namespace = "ns",
        .path = "app.yaml",
        .plain_secrets = size % 2 == 0,
        .templates = templates,
        .template_count = source->count,
        .values = {.layers = {values}, .cluster = "paris", .labels = values},
        .secret_key = key,
    };
    render_twice(&in);
    hub_source_free(source);
    return 0;
}
