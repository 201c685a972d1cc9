#include <string.h>

#include "common/arena.h"
#include "hub/render/internal.h"

static const struct hub_node *node_of(const struct cm_json *node) {
    return (const struct hub_node *)(const void *)node;
}

const char *hub_node_path(const struct cm_json *node) {
    return node_of(node)->path;
}

// What a tree is made into nodes of.
struct origin {
    struct cm_arena *a;
    const char *path;
    const struct hub_hole *holes; // in the order of a walk
    size_t hole_count;
    bool literal;
};

static const struct hub_hole *take_hole(struct origin *o, const struct cm_json *node, bool in_key) {
    if (o->hole_count == 0 || o->holes->node != node || o->holes->in_key != in_key) {
        return NULL;
    }
    o->hole_count--;
    return o->holes++;
}

// The recursion is as deep as the tree, which its reader has limited; so it is below.
static struct cm_json *make( // NOLINT(misc-no-recursion)
    struct origin *o, const struct cm_json *node) {
    struct hub_node *made = cm_arena_get(o->a, sizeof(*made));
    bool is_holder = node->type == CM_ARRAY || node->type == CM_OBJECT;

    made->json = *node;
    made->json.next = NULL;
    made->path = o->path;
    made->literal = o->literal;
    made->holes[1] = take_hole(o, node, true);
    made->holes[0] = take_hole(o, node, false);
    if (is_holder) {
        made->json.first = made->json.last = NULL;
        made->json.count = 0;
        for (const struct cm_json *n = node->first; n != NULL; n = n->next) {
            cm_json_append(&made->json, make(o, n));
        }
    }
    return &made->json;
}

struct cm_json *hub_nodes_of_template(struct cm_arena *a, const struct hub_template *t) {
    struct origin o = {.a = a,
                       .path = hub_source_path(t->source),
                       .holes = t->holes,
                       .hole_count = t->hole_count,
                       .literal = t->literal};

    return t->placed ? hub_nodes_copy(a, t->object) : make(&o, t->object);
}

// may_be_secret tells whether a part of app.yaml changes what a Secret may hold: its target need
// not be in it.
static bool may_be_secret(const struct cm_json *node) {
    bool whole = cm_json_get(node, "kind") != NULL;
    bool found = whole
                     ? hub_template_is_secret(node)
                     : cm_json_get(node, "data") != NULL || cm_json_get(node, "stringData") != NULL;

    for (const struct cm_json *n = node->type == CM_ARRAY ? node->first : NULL; n != NULL;
         n = n->next) {
        const char *path = cm_json_string(cm_json_get(n, "path"));

        found =
            found || (path != NULL && (strncmp(path, "/data", strlen("/data")) == 0 ||
                                       strncmp(path, "/stringData", strlen("/stringData")) == 0));
    }
    return found;
}

struct cm_json *hub_nodes_of_app(struct hub_making *m, const struct cm_json *node, bool texts) {
    struct hub_holes found = {.arena = m->arena,
                              .path = m->in->path,
                              .text = m->in->text,
                              .size = m->in->text_size,
                              .diags = m->diags};
    struct origin o = {.a = m->arena, .path = m->in->path, .literal = m->in->literal};

    if (!m->in->literal) {
        found.secret = !texts && may_be_secret(node);
        hub_holes_find(&found, node);
    }
    for (size_t i = 0; texts && i < found.count; i++) {
        found.items[i].typed = false;
    }
    o.holes = hub_holes_take(&found, &o.hole_count);
    hub_holes_done(&found);
    struct cm_json *made = make(&o, node);
    made->key = NULL;
    return made;
}

struct cm_json *hub_nodes_copy( // NOLINT(misc-no-recursion)
    void *arena, const struct cm_json *node) {
    struct hub_node *copy = cm_arena_get(arena, sizeof(*copy));

    *copy = *node_of(node);
    copy->json.next = NULL;
    if (node->type == CM_ARRAY || node->type == CM_OBJECT) {
        copy->json.first = copy->json.last = NULL;
        copy->json.count = 0;
        for (const struct cm_json *n = node->first; n != NULL; n = n->next) {
            cm_json_append(&copy->json, hub_nodes_copy(arena, n));
        }
    }
    return &copy->json;
}

struct cm_json *hub_nodes_new_object(struct cm_arena *a, const struct cm_json *like) {
    struct hub_node *made = cm_arena_get(a, sizeof(*made));

    made->json.type = CM_OBJECT;
    made->json.line = like->line;
    made->json.column = like->column;
    made->path = hub_node_path(like);
    return &made->json;
}

void hub_nodes_set_text(struct cm_json *node, const char *text, const struct cm_json *from) {
    struct hub_node *changed = (struct hub_node *)(void *)node;

    node->text = text;
    node->len = strlen(text);
    node->line = from->line;
    node->column = from->column;
    changed->path = node_of(from)->path;
    changed->literal = node_of(from)->literal;
    changed->holes[0] = node_of(from)->holes[0];
}

// ---- Templates again

// collect_text adds the hole of a text. One that was put together (an image, the name of a member
// that a JSON patch made) is taken apart anew.
static void collect_text(struct hub_holes *out, const struct cm_json *node, bool in_key) {
    const struct hub_node *placed = node_of(node);
    const struct hub_hole *known = placed->holes[in_key ? 1 : 0];
    const char *text = in_key ? node->key : node->text;

    if (text == NULL || hub_text_is_plain(text) || placed->literal) {
        return;
    }
    out->path = placed->path;
    if (known != NULL && strcmp(text, in_key ? known->node->key : known->node->text) == 0) {
        hub_holes_add_known(out, node, known);
        return;
    }
    size_t before = out->count;
    hub_holes_add(out, node, in_key);
    if (out->count == before) {
        return;
    }
    struct hub_hole *added = &out->items[before];
    added->typed = false;
    if (known != NULL && added->spot_count == known->spot_count) {
        added->path = known->path;
        added->spots = known->spots;
    }
}

static void collect(struct hub_holes *out,
                    const struct cm_json *node) { // NOLINT(misc-no-recursion)
    if (node->key != NULL) {
        collect_text(out, node, true);
    }
    if (node->type == CM_STRING) {
        collect_text(out, node, false);
    } else if (node->type == CM_ARRAY || node->type == CM_OBJECT) {
        for (const struct cm_json *n = node->first; n != NULL; n = n->next) {
            collect(out, n);
        }
    }
}

void hub_nodes_compile(struct hub_making *m, const struct hub_edit *edit, struct hub_source *source,
                       struct hub_template *out) {
    struct hub_holes holes = {
        .arena = m->arena, .diags = m->diags, .secret = hub_template_is_secret(edit->object)};

    *out = (struct hub_template){.source = edit->replaced ? source : edit->base->source,
                                 .object = edit->object,
                                 .literal = hub_template_is_literal(edit->object),
                                 .placed = true};
    if (!out->literal) {
        collect(&holes, edit->object);
        out->holes = hub_holes_take(&holes, &out->hole_count);
    }
    hub_holes_done(&holes);
    out->used = hub_holes_names(m->arena, out->holes, out->hole_count, &out->used_count);
}
