#include "hub/render/fill.h"

#include <string.h>

#include "common/arena.h"
#include "common/json_members.h"
#include "common/str.h"
#include "common/yaml.h"
#include "hub/render/source.h"
#include "hub/render/values.h"
#include "proto/wire.h"

// What an object may need while variables are put into it: a list of values that is named often
// would make any amount of it.
#define FILL_MAX (16 * WIRE_OBJECT_MAX)

#define CLUSTER "cluster."
#define CLUSTER_LABELS CLUSTER "labels."

// report_undefined_of_cluster reports what only a Cluster's document gives.
static void report_undefined_of_cluster(struct hub_fill *f, const struct hub_hole *hole,
                                        const struct hub_piece *piece, const char *near) {
    struct hub_spot spot = hole->spots[piece->nth];

    if (strncmp(piece->text, CLUSTER_LABELS, strlen(CLUSTER_LABELS)) == 0) {
        const char *label = piece->text + strlen(CLUSTER_LABELS);

        hub_diags_add(f->diags, hole->path, spot.line, spot.column,
                      "variable '%s' is not defined: %s%s%sgive the Cluster the label '%s', or "
                      "write ${%s:=default}",
                      piece->text, near != NULL ? "did you mean '" : "", near != NULL ? near : "",
                      near != NULL ? "'? Or " : "", label, piece->text);
        return;
    }
    hub_diags_add(f->diags, hole->path, spot.line, spot.column,
                  "variable '%s' is not defined: write cluster.name or cluster.labels.NAME, for "
                  "'cluster' is no value of your own",
                  piece->text);
}

static void report_undefined(struct hub_fill *f, const struct hub_hole *hole,
                             const struct hub_piece *piece) {
    const char *near = hub_values_nearest(f->values, f->arena, piece->text);
    struct hub_spot spot = hole->spots[piece->nth];

    if (strncmp(piece->text, CLUSTER, strlen(CLUSTER)) == 0) {
        report_undefined_of_cluster(f, hole, piece, near);
        return;
    }
    if (near != NULL) {
        hub_diags_add(f->diags, hole->path, spot.line, spot.column,
                      "variable '%s' is not defined: did you mean '%s'? Set it in the values of "
                      "the App, the target or the Cluster, or write ${%s:=default}",
                      piece->text, near, piece->text);
        return;
    }
    hub_diags_add(f->diags, hole->path, spot.line, spot.column,
                  "variable '%s' is not defined: set it in the values of the App, the target or "
                  "the Cluster, or write ${%s:=default}, or $${%s} for the text itself",
                  piece->text, piece->text, piece->text);
}

// text_of returns a scalar as text, or NULL.
static const char *text_of(const struct cm_json *value) {
    switch (value->type) {
    case CM_STRING:
    case CM_NUMBER:
        return value->text;
    case CM_BOOL:
        return value->truth ? "true" : "false";
    case CM_NULL:
        return "null";
    case CM_ARRAY:
    case CM_OBJECT:
        break;
    }
    return NULL;
}

static void add_piece(struct hub_fill *f, const struct hub_hole *hole,
                      const struct hub_piece *piece, struct cm_str *out) {
    struct hub_spot spot = hole->spots[piece->nth];
    const struct cm_json *value = hub_values_find(f->values, f->arena, piece->text);

    if (value == NULL && piece->fallback == NULL) {
        report_undefined(f, hole, piece);
        return;
    }
    const char *text = value != NULL ? text_of(value) : piece->fallback;
    if (text != NULL) {
        cm_str_add(out, text);
        return;
    }
    hub_diags_add(f->diags, hole->path, spot.line, spot.column,
                  "variable '%s' is %s, which cannot stand within a text: use it alone and without "
                  "quotes, or name one of its members",
                  piece->text, cm_json_type_name(value->type));
}

// is_too_large tells whether to give up, and says so once.
static bool is_too_large(struct hub_fill *f, size_t more) {
    const struct cm_json *object = f->template->object;

    if (!f->too_large && cm_arena_used(f->arena) + more > FILL_MAX) {
        f->too_large = true;
        hub_diags_add(f->diags, hub_template_path(f->template, object), object->line,
                      object->column,
                      "with its variables put in the object has more than the %zu bytes that one "
                      "may have: split it, or use smaller values",
                      WIRE_OBJECT_MAX);
    }
    return f->too_large;
}

static const char *fill_text(struct hub_fill *f, const struct hub_hole *hole) {
    struct cm_str text = {0};

    for (size_t i = 0; i < hole->text.count && !is_too_large(f, text.len); i++) {
        const struct hub_piece *piece = &hole->text.pieces[i];

        if (piece->variable) {
            add_piece(f, hole, piece, &text);
        } else {
            cm_str_add_n(&text, piece->text, piece->len);
        }
    }
    const char *copy = cm_arena_strdup(f->arena, cm_str_get(&text));
    cm_str_done(&text);
    return copy;
}

// fill_typed returns the value of a hole that is one variable.
static struct cm_json *fill_typed(struct hub_fill *f, const struct hub_hole *hole) {
    const struct hub_piece *piece = &hole->text.pieces[0];
    const struct cm_json *value = hub_values_find(f->values, f->arena, piece->text);

    if (value != NULL) {
        return cm_json_copy(f->arena, value);
    }
    if (piece->fallback != NULL) {
        return cm_yaml_scalar(f->arena, piece->fallback);
    }
    report_undefined(f, hole, piece);
    return cm_json_new(f->arena, CM_NULL);
}

static const struct hub_hole *take_hole(struct hub_fill *f, const struct cm_json *node,
                                        bool in_key) {
    const struct hub_template *t = f->template;

    if (f->next_hole == t->hole_count || t->holes[f->next_hole].node != node ||
        t->holes[f->next_hole].in_key != in_key) {
        return NULL;
    }
    return &t->holes[f->next_hole++];
}

static struct cm_json *fill_value(struct hub_fill *f, const struct cm_json *node) {
    const struct hub_hole *hole = take_hole(f, node, false);

    if (hole != NULL) {
        return hole->typed ? fill_typed(f, hole) : cm_json_new_string(f->arena, fill_text(f, hole));
    }
    struct cm_json *copy = cm_arena_get(f->arena, sizeof(*copy));
    *copy = *node;
    copy->next = NULL;
    return copy;
}

static bool has_key_hole(const struct hub_fill *f, const struct cm_json *node) {
    const struct hub_template *t = f->template;

    return f->next_hole < t->hole_count && t->holes[f->next_hole].node == node &&
           t->holes[f->next_hole].in_key;
}

// check_names reports a member that has the name of another one now.
static void check_names(struct hub_fill *f, const struct cm_json *node,
                        const struct cm_json *copy) {
    const struct cm_json *again = cm_json_members_duplicate(copy);
    const struct cm_json *item = node->first;

    if (again == NULL) {
        return;
    }
    for (const struct cm_json *n = copy->first; n != again; n = n->next) {
        item = item->next;
    }
    hub_diags_add(f->diags, hub_template_path(f->template, item), item->line, item->column,
                  "'%s' is there twice once variables are put in: give the members different names",
                  again->key);
}

// fill copies a node of the template with the holes filled.
static struct cm_json *fill(struct hub_fill *f, const struct cm_json *node) {
    const struct hub_hole *key_hole = take_hole(f, node, true);
    const char *key = key_hole != NULL ? fill_text(f, key_hole) : node->key;
    bool is_holder = node->type == CM_ARRAY || node->type == CM_OBJECT;
    struct cm_json *copy = fill_value(f, node);
    bool renamed = false;

    copy->key = key;
    copy->line = node->line;
    copy->column = node->column;
    if (!is_holder) {
        return copy;
    }
    copy->first = copy->last = NULL;
    copy->count = 0;
    for (const struct cm_json *item = node->first; item != NULL && !is_too_large(f, 0);
         item = item->next) {
        renamed = renamed || has_key_hole(f, item);
        cm_json_append(copy, fill(f, item));
    }
    if (renamed) {
        check_names(f, node, copy);
    }
    return copy;
}

struct cm_json *hub_fill_object(struct hub_fill *f) {
    f->next_hole = 0;
    f->too_large = false;
    return fill(f, f->template->object);
}
