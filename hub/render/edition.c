#include "hub/render/edition.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/mem.h"
#include "hub/render/internal.h"

// What the trees of all editions of an App may take: an overlay may be put into many objects, and
// each target may have changes of its own.
#define EDITIONS_MAX ((size_t)512 * 1024 * 1024)

static struct hub_source *new_source(const char *path) {
    struct hub_source *source = cm_new(1, sizeof(*source));

    source->arena = cm_arena_new(0);
    source->path = cm_buf_copy(path, strlen(path) + 1);
    return source;
}

bool hub_edition_is_too_large(struct hub_making *m, const struct cm_json *at) {
    if (m->in->spent + cm_arena_used(m->arena) <= EDITIONS_MAX) {
        return false;
    }
    if (m->too_large) {
        return true;
    }
    m->too_large = true;
    hub_diags_add(m->diags, m->in->path, at != NULL ? at->line : 0, at != NULL ? at->column : 0,
                  "with what App and targets change the objects take more than %zu MiB of memory: "
                  "change fewer objects, give targets the same changes, or split the App",
                  EDITIONS_MAX >> 20);
    return true;
}

static void start(struct hub_making *m) {
    m->count = m->in->template_count;
    m->edits = cm_arena_get(m->arena, (m->count + 1) * sizeof(*m->edits));
    for (size_t i = 0; i < m->count; i++) {
        m->edits[i].base = m->in->templates[i];
    }
}

static void compile(struct hub_making *m, struct hub_edition *e) {
    struct hub_source *source = e->source;

    e->templates = cm_new(m->count + 1, sizeof(struct hub_template *));
    source->templates = cm_arena_get(m->arena, (m->count + 1) * sizeof(*source->templates));
    for (size_t i = 0; i < m->count; i++) {
        const struct hub_edit *edit = &m->edits[i];

        if (edit->removed || edit->failed) {
            continue;
        }
        if (edit->object == NULL) {
            e->templates[e->count++] = edit->base;
            continue;
        }
        struct hub_template *t = &source->templates[source->readable++];
        size_t before = m->diags->all;
        hub_nodes_compile(m, edit, source, t);
        hub_template_check(m->arena, t, m->diags);
        t->wrong = m->diags->all > before;
        e->templates[e->count++] = t;
    }
    source->count = source->readable;
}

static void list_used(struct hub_edition *e) {
    size_t count = 0;

    for (size_t i = 0; i < e->count; i++) {
        count += e->templates[i]->used_count;
    }
    e->used = cm_new(count + 1, sizeof(*e->used));
    for (size_t i = 0; i < e->count; i++) {
        for (size_t k = 0; k < e->templates[i]->used_count; k++) {
            e->used[e->used_count++] = e->templates[i]->used[k];
        }
    }
    e->used_count = hub_names_sort(e->used, e->used_count);
}

struct hub_edition *hub_edition_make(const struct hub_edition_input *in, struct hub_diags *diags) {
    struct hub_edition *e = cm_new(1, sizeof(*e));
    struct hub_making m = {.in = in, .diags = diags};
    size_t before = diags->count;
    size_t all = diags->all;

    e->source = new_source(in->path);
    m.arena = e->source->arena;
    start(&m);
    for (size_t i = 0; i < in->overlay_count; i++) {
        hub_overlay_apply(&m, &in->overlays[i]);
    }
    if (!hub_edition_is_too_large(&m, NULL)) {
        hub_common_apply(&m);
        (void)hub_edition_is_too_large(&m, NULL);
    }
    if (!m.too_large) {
        compile(&m, e);
        list_used(e);
    }
    e->wrong = diags->all > all;
    hub_diags_unique(diags, before);
    if (m.too_large) {
        hub_edition_free(e);
        return NULL;
    }
    return e;
}

size_t hub_edition_size(const struct hub_edition *e) {
    return cm_arena_used(e->source->arena);
}

void hub_edition_free(struct hub_edition *e) {
    if (e == NULL) {
        return;
    }
    hub_source_free(e->source);
    free(e->templates);
    free(e->used);
    free(e);
}
