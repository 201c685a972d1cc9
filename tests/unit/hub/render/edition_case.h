// edition_case: an App's spec and manifests as one text, made into an edition. Included by tests of
// this folder only.
//
//     overlays, labels, annotations, images: as in an App's spec
//     target: {labels, annotations, images}: those of the target
//     files: {NAME: TEXT}                   what `path` names
//     ---
//     manifests
//
// Threads: one.
#pragma once

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/yaml.h"
#include "hub/render/edition.h"

#define OVERLAYS_MAX 16

struct edition_case {
    struct cm_arena *a;
    char *text;
    struct cm_json *spec;
    struct hub_source *base;
    struct hub_source *files[OVERLAYS_MAX];
    size_t file_count;
    struct hub_overlay overlays[OVERLAYS_MAX];
    size_t overlay_count;
    size_t spent;
};

static inline struct hub_source *source_of(const char *path, const char *text) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *name = cm_buf_copy(path, strlen(path) + 1);
    struct hub_source *source = hub_source_new(name, text, strlen(text));

    if (source->diags.count > 0) {
        fail_msg("%s: %s", path, source->diags.items[0].message);
    }
    return source;
}

static inline struct hub_source *file_of(struct edition_case *c, const char *path) {
    const char *text = cm_json_string(cm_json_get(cm_json_get(c->spec, "files"), path));

    assert_non_null(text);
    c->files[c->file_count] = source_of(path, text);
    return c->files[c->file_count++];
}

static inline void read_overlays(struct edition_case *c) {
    const struct cm_json *list = cm_json_get(c->spec, "overlays");

    for (const struct cm_json *n = list != NULL ? list->first : NULL; n != NULL; n = n->next) {
        struct hub_overlay *o = &c->overlays[c->overlay_count++];
        const char *path = cm_json_string(cm_json_get(n, "path"));

        assert_true(c->overlay_count < OVERLAYS_MAX);
        *o = (struct hub_overlay){.node = n,
                                  .target = cm_json_get(n, "target"),
                                  .merge = cm_json_get(n, "merge"),
                                  .replace = cm_json_get(n, "replace"),
                                  .json_patch = cm_json_get(n, "jsonPatch"),
                                  .remove = cm_json_true(cm_json_get(n, "remove"))};
        if (path != NULL) {
            (void)file_of(c, path);
            o->sources = &c->files[c->file_count - 1];
            o->source_count = 1;
        }
    }
}

// open_case takes the text apart; it fails the test if it cannot be read.
static inline void open_case(struct edition_case *c, const char *text) {
    struct cm_yaml_docs docs;
    struct cm_err err;

    *c = (struct edition_case){.a = cm_arena_new(0), .text = cm_strdup(text)};
    char *manifests = strstr(c->text, "\n---\n");
    assert_non_null(manifests);
    manifests[1] = '\0';
    if (cm_yaml_parse(c->a, c->text, strlen(c->text), NULL, &docs, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(docs.count, 1);
    c->spec = docs.docs[0];
    c->base = source_of("base.yaml", manifests + 5);
    read_overlays(c);
}

static inline void close_case(struct edition_case *c) {
    for (size_t i = 0; i < c->file_count; i++) {
        hub_source_free(c->files[i]);
    }
    hub_source_free(c->base);
    free(c->text);
    cm_arena_free(c->a);
}

static inline struct hub_common common_of(const struct cm_json *spec) {
    return (struct hub_common){.labels = cm_json_get(spec, "labels"),
                               .annotations = cm_json_get(spec, "annotations"),
                               .images = cm_json_get(spec, "images")};
}

static inline struct hub_edition *make_edition(struct edition_case *c, struct hub_diags *diags) {
    struct hub_template **templates =
        cm_arena_get(c->a, (c->base->count + 1) * sizeof(struct hub_template *));
    struct hub_edition_input in = {
        .path = "app.yaml",
        .literal = cm_json_true(cm_json_get(c->spec, "literal")),
        .text = c->text,
        .text_size = strlen(c->text),
        .templates = templates,
        .template_count = c->base->count,
        .overlays = c->overlays,
        .overlay_count = c->overlay_count,
        .common = {common_of(c->spec), common_of(cm_json_get(c->spec, "target"))},
        .spent = c->spent,
    };

    for (size_t i = 0; i < c->base->count; i++) {
        templates[i] = &c->base->templates[i];
    }
    struct hub_edition *e = hub_edition_make(&in, diags);
    if (e != NULL && e->wrong) {
        hub_edition_free(e);
        return NULL;
    }
    return e;
}
