// jsonpath.c: what a template makes of a tree: each step turns a set of values into the next.
#include "hub/ctl/jsonpath.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/jsonpath_tree.h"

struct set {
    const struct cm_json **items;
    size_t count;
    size_t room;
};

struct run {
    const struct cm_json *root;
    struct cm_str *out;
    struct cm_err *err;
    size_t values; // met so far
};

static enum cm_rc eval(struct run *r, const struct ctl_step *path, const struct cm_json *value,
                       struct set *out);

static void set_done(struct set *set) {
    free(set->items);
}

static enum cm_rc put(struct run *r, struct set *set, const struct cm_json *value) {
    if (++r->values > CTL_JSONPATH_VALUES_MAX) {
        return cm_fail(r->err, CM_EINVAL, "jsonpath: this gives more than %d values",
                       CTL_JSONPATH_VALUES_MAX);
    }
    if (set->count == set->room) {
        set->room = set->room == 0 ? 16 : set->room * 2;
        set->items = cm_resize(set->items, set->room * sizeof(*set->items));
    }
    set->items[set->count++] = value;
    return CM_OK;
}

static bool is_tree(const struct cm_json *value) {
    return value->type == CM_ARRAY || value->type == CM_OBJECT;
}

static enum cm_rc put_children(struct run *r, const struct cm_json *value, struct set *out) {
    enum cm_rc rc = CM_OK;
    const struct cm_json *at = is_tree(value) ? value->first : NULL;

    for (; rc == CM_OK && at != NULL; at = at->next) {
        rc = put(r, out, at);
    }
    return rc;
}

static enum cm_rc put_fields(struct run *r, const struct ctl_step *step,
                             const struct cm_json *value, struct set *out) {
    enum cm_rc rc = CM_OK;

    for (const struct ctl_name *name = step->names; rc == CM_OK && name != NULL;
         name = name->next) {
        const struct cm_json *member = cm_json_get(value, name->text);

        rc = member == NULL ? CM_OK : put(r, out, member);
    }
    return rc;
}

static int64_t from_end(int64_t index, int64_t count) {
    return index < 0 ? index + count : index;
}

static enum cm_rc put_slice(struct run *r, const struct ctl_step *step, const struct cm_json *value,
                            struct set *out) {
    enum cm_rc rc = CM_OK;

    if (value->type != CM_ARRAY) {
        return CM_OK;
    }
    int64_t count = (int64_t)value->count;
    int64_t from = from_end(step->from, count);
    int64_t to = step->single ? from + 1 : step->has_to ? from_end(step->to, count) : count;
    int64_t i = 0;

    for (const struct cm_json *at = value->first; rc == CM_OK && at != NULL; at = at->next, i++) {
        rc = i >= from && i < to ? put(r, out, at) : CM_OK;
    }
    return rc;
}

static enum cm_rc put_descendants(struct run *r, const struct cm_json *value, struct set *out) {
    enum cm_rc rc = put(r, out, value);
    const struct cm_json *at = is_tree(value) ? value->first : NULL;

    for (; rc == CM_OK && at != NULL; at = at->next) {
        rc = put_descendants(r, at, out);
    }
    return rc;
}

// ---- Filters

static int order(const struct cm_json *a, const struct cm_json *b) {
    if (a->type == CM_NUMBER && b->type == CM_NUMBER) {
        double x = strtod(a->text, NULL);
        double y = strtod(b->text, NULL);

        return x < y ? -1 : x > y;
    }
    return strcmp(a->text, b->text);
}

static bool compare(enum ctl_compare how, const struct cm_json *a, const struct cm_json *b) {
    if (how == CTL_EQUAL || how == CTL_NOT_EQUAL) {
        return cm_json_equal(a, b) == (how == CTL_EQUAL);
    }
    if (a->type != b->type || (a->type != CM_NUMBER && a->type != CM_STRING)) {
        return false;
    }
    int sign = order(a, b);
    return how == CTL_LESS         ? sign < 0
           : how == CTL_LESS_EQUAL ? sign <= 0
           : how == CTL_GREATER    ? sign > 0
                                   : sign >= 0;
}

static enum cm_rc holds(struct run *r, const struct ctl_step *step, const struct cm_json *value,
                        bool *out) {
    CM_CLEANUP(set_done) struct set left = {0};
    CM_CLEANUP(set_done) struct set right = {0};
    enum cm_rc rc = eval(r, step->left, value, &left);
    const struct cm_json *other = step->scalar;

    if (rc == CM_OK && other == NULL && step->compare != CTL_IS_THERE) {
        rc = eval(r, step->right, value, &right);
        other = right.count == 0 ? NULL : right.items[0];
    }
    *out = rc == CM_OK && left.count > 0 &&
           (step->compare == CTL_IS_THERE ||
            (other != NULL && compare(step->compare, left.items[0], other)));
    return rc;
}

static enum cm_rc put_filtered(struct run *r, const struct ctl_step *step,
                               const struct cm_json *value, struct set *out) {
    enum cm_rc rc = CM_OK;
    const struct cm_json *at = is_tree(value) ? value->first : NULL;

    for (; rc == CM_OK && at != NULL; at = at->next) {
        bool wanted = false;

        rc = holds(r, step, at, &wanted);
        if (rc == CM_OK && wanted) {
            rc = put(r, out, at);
        }
    }
    return rc;
}

// ---- Paths

static enum cm_rc take_step(struct run *r, const struct ctl_step *step, const struct cm_json *value,
                            struct set *out) {
    switch (step->type) {
    case CTL_STEP_ROOT:
        return put(r, out, r->root);
    case CTL_STEP_FIELD:
        return put_fields(r, step, value, out);
    case CTL_STEP_ALL:
        return put_children(r, value, out);
    case CTL_STEP_SLICE:
        return put_slice(r, step, value, out);
    case CTL_STEP_DESCEND:
        return put_descendants(r, value, out);
    default:
        return put_filtered(r, step, value, out);
    }
}

// Puts all that a path leads to into *out, which is empty.
static enum cm_rc eval(struct run *r, const struct ctl_step *path, const struct cm_json *value,
                       struct set *out) {
    enum cm_rc rc = put(r, out, value);

    for (; rc == CM_OK && path != NULL; path = path->next) {
        struct set next = {0};

        for (size_t i = 0; rc == CM_OK && i < out->count; i++) {
            rc = take_step(r, path, out->items[i], &next);
        }
        free(out->items);
        *out = next;
    }
    return rc;
}

static void add_value(const struct cm_json *value, struct cm_str *out) {
    if (value->type == CM_STRING || value->type == CM_NUMBER) {
        cm_str_add(out, value->text);
    } else {
        cm_json_write_compact(value, out);
    }
}

static enum cm_rc print_pieces(struct run *r, const struct ctl_piece *piece,
                               const struct cm_json *value);

static enum cm_rc print_path(struct run *r, const struct ctl_piece *piece,
                             const struct cm_json *value) {
    CM_CLEANUP(set_done) struct set found = {0};
    enum cm_rc rc = eval(r, piece->path, value, &found);

    for (size_t i = 0; rc == CM_OK && i < found.count; i++) {
        if (piece->type == CTL_PIECE_RANGE) {
            rc = print_pieces(r, piece->body, found.items[i]);
        } else {
            cm_str_add(r->out, i == 0 ? "" : " ");
            add_value(found.items[i], r->out);
        }
    }
    return rc;
}

static enum cm_rc print_pieces(struct run *r, const struct ctl_piece *piece,
                               const struct cm_json *value) {
    enum cm_rc rc = CM_OK;

    for (; rc == CM_OK && piece != NULL; piece = piece->next) {
        if (piece->type == CTL_PIECE_TEXT) {
            cm_str_add(r->out, piece->text);
        } else {
            rc = print_path(r, piece, value);
        }
    }
    return rc;
}

enum cm_rc ctl_jsonpath_print(const struct ctl_jsonpath *path, const struct cm_json *root,
                              struct cm_str *out, struct cm_err *err) {
    struct run r = {.root = root, .out = out, .err = err};

    return print_pieces(&r, path->pieces, root);
}
