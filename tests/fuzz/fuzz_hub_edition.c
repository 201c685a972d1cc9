// An App's changes, and behind "---" its manifests: the edition is the same each time and renders
// the same each time; what it is made of stays as it is.
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
#include "common/yaml.h"
#include "hub/render/edition.h"
#include "hub/render/render.h"

#define OVERLAYS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char values_text[] = "{\"a\": 1, \"b\": \"text\", \"m\": {\"k\": [true, null]}}";

static const struct cm_json *typed(const struct cm_json *node, const char *name,
                                   enum cm_json_type type) {
    node = cm_json_get(node, name);
    return node != NULL && node->type == type ? node : NULL;
}

static bool all_are(const struct cm_json *holder, enum cm_json_type type) {
    bool ok = true;

    for (const struct cm_json *n = holder != NULL ? holder->first : NULL; n != NULL; n = n->next) {
        ok = ok && n->type == type;
    }
    return ok;
}

// What the schema of an App lets through.
static struct hub_common common_of(const struct cm_json *spec) {
    struct hub_common c = {.labels = typed(spec, "labels", CM_OBJECT),
                           .annotations = typed(spec, "annotations", CM_OBJECT),
                           .images = typed(spec, "images", CM_ARRAY)};

    c.labels = all_are(c.labels, CM_STRING) ? c.labels : NULL;
    c.annotations = all_are(c.annotations, CM_STRING) ? c.annotations : NULL;
    c.images = all_are(c.images, CM_OBJECT) ? c.images : NULL;
    return c;
}

static size_t overlays_of(const struct cm_json *spec, struct hub_source *const *files,
                          struct hub_overlay *out) {
    const struct cm_json *list = typed(spec, "overlays", CM_ARRAY);
    size_t count = 0;

    for (const struct cm_json *n = list != NULL ? list->first : NULL;
         n != NULL && count < OVERLAYS_MAX; n = n->next) {
        const struct cm_json *labels = typed(
            typed(cm_json_get(n, "target"), "labelSelector", CM_OBJECT), "matchLabels", CM_OBJECT);
        out[count] = (struct hub_overlay){.node = n,
                                          .target = typed(n, "target", CM_OBJECT),
                                          .merge = typed(n, "merge", CM_OBJECT),
                                          .json_patch = typed(n, "jsonPatch", CM_ARRAY),
                                          .replace = typed(n, "replace", CM_OBJECT),
                                          .remove = cm_json_true(cm_json_get(n, "remove")),
                                          .sources = files,
                                          .source_count = 1};
        bool plain = cm_json_path(n, "target", "labelSelector", "matchExpressions", NULL) == NULL;
        count += n->type == CM_OBJECT && plain && all_are(labels, CM_STRING) ? 1 : 0;
    }
    return count;
}

static void render(struct cm_arena *a, const struct hub_edition *e, struct cm_str *out) {
    static const uint8_t key[32] = "key";
    struct hub_diags diags = {0};
    struct hub_rendered rendered = {0};
    struct cm_json *values;
    struct cm_err err;
    struct hub_render_input in = {.app = "app",
                                  .namespace = "ns",
                                  .path = "app.yaml",
                                  .plain_secrets = true,
                                  .templates = e->templates,
                                  .template_count = e->count,
                                  .values = {.cluster = "paris"},
                                  .secret_key = key};

    enum cm_rc rc = cm_json_parse(a, values_text, strlen(values_text), NULL, &values, &err);
    assert(rc == CM_OK);
    in.values.layers[0] = values;
    bool ok = hub_render(&in, &rendered, &diags);
    assert(ok == (diags.count == 0));
    if (ok) {
        cm_str_add_n(out, &rendered.bundle->sha256, sizeof(rendered.bundle->sha256));
    }
    for (size_t i = 0; i < diags.count; i++) {
        cm_str_addf(out, "%s:%u:%u: %s\n", diags.items[i].path, diags.items[i].line,
                    diags.items[i].column, diags.items[i].message);
    }
    hub_rendered_done(&rendered);
    hub_diags_done(&diags);
}

// describe writes what an edition comes to, or what is wrong.
static void describe(struct cm_arena *a, const struct hub_edition_input *in, struct cm_str *out) {
    struct hub_diags diags = {0};
    struct hub_edition *e = hub_edition_make(in, &diags);

    assert((e == NULL || e->wrong) == (diags.count > 0));
    for (size_t i = 0; i < diags.count; i++) {
        assert(diags.items[i].path[0] != '\0');
        cm_str_addf(out, "%s:%u:%u: %s\n", diags.items[i].path, diags.items[i].line,
                    diags.items[i].column, diags.items[i].message);
    }
    if (e != NULL) {
        assert(e->count <= in->template_count);
    }
    if (e != NULL && !e->wrong) {
        render(a, e, out);
    }
    hub_edition_free(e);
    hub_diags_done(&diags);
}

static void write_all(const struct hub_source *source, struct cm_str *out) {
    for (size_t i = 0; i < source->count; i++) {
        cm_json_write_compact(source->templates[i].object, out);
    }
}

static void check(struct cm_arena *a, const struct cm_json *spec, const char *text,
                  struct hub_source *base, struct hub_source *file) {
    CM_CLEANUP(cm_str_done) struct cm_str first = {0};
    CM_CLEANUP(cm_str_done) struct cm_str second = {0};
    CM_CLEANUP(cm_str_done) struct cm_str before = {0};
    CM_CLEANUP(cm_str_done) struct cm_str after = {0};
    struct hub_overlay overlays[OVERLAYS_MAX];
    struct hub_template **templates =
        cm_arena_get(a, (base->count + 1) * sizeof(struct hub_template *));
    struct hub_edition_input in = {
        .path = "app.yaml",
        .text = text,
        .text_size = strlen(text),
        .templates = templates,
        .template_count = base->count,
        .overlays = overlays,
        .overlay_count = overlays_of(spec, &file, overlays),
        .common = {common_of(spec), common_of(cm_json_get(spec, "target"))}};

    for (size_t i = 0; i < base->count; i++) {
        templates[i] = &base->templates[i];
    }
    write_all(base, &before);
    describe(a, &in, &first);
    describe(a, &in, &second);
    write_all(base, &after);
    assert(first.len == second.len &&
           memcmp(cm_str_get(&first), cm_str_get(&second), first.len) == 0);
    assert(strcmp(cm_str_get(&before), cm_str_get(&after)) == 0);
}

static struct hub_source *source_of(const char *path, const char *text) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *name = cm_buf_copy(path, strlen(path) + 1);

    return hub_source_new(name, text, strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct cm_json_limits limits = {65536, 64, 10000};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE char *text = cm_strndup((const char *)data, size);
    struct cm_yaml_docs docs;
    struct cm_err err;
    char *manifests = strstr(text, "\n---\n");

    if (manifests == NULL) {
        return 0;
    }
    manifests[1] = '\0';
    if (cm_yaml_parse(a, text, strlen(text), &limits, &docs, &err) < 0 || docs.count == 0) {
        return 0;
    }
    const char *file = cm_json_string(cm_json_get(docs.docs[0], "file"));
    struct hub_source *base = source_of("base.yaml", manifests + 5);
    struct hub_source *overlay = source_of("overlay.yaml", file != NULL ? file : "");
    if (base->count < 20) {
        check(a, docs.docs[0], text, base, overlay);
    }
    hub_source_free(base);
    hub_source_free(overlay);
    return 0;
}
