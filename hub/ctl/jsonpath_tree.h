// jsonpath_tree: a template of -o jsonpath as a tree.
//
// Inside of jsonpath_parse.c and jsonpath.c only.
//
// Threads: any; constant after it is parsed.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/ctl/jsonpath.h"

struct cm_json;

enum ctl_step_type {
    CTL_STEP_ROOT,    // $
    CTL_STEP_FIELD,   // .name, ['name']; of names: any of them
    CTL_STEP_ALL,     // .* [*]
    CTL_STEP_SLICE,   // [0] [-1] [0:2]
    CTL_STEP_DESCEND, // ..
    CTL_STEP_FILTER,  // [?(…)]
};

enum ctl_compare {
    CTL_IS_THERE,
    CTL_EQUAL,
    CTL_NOT_EQUAL,
    CTL_LESS,
    CTL_LESS_EQUAL,
    CTL_GREATER,
    CTL_GREATER_EQUAL
};

struct ctl_name {
    const char *text;
    struct ctl_name *next;
};

struct ctl_step {
    enum ctl_step_type type;
    struct ctl_name *names; // FIELD
    int64_t from;           // SLICE; negative: from the end
    int64_t to;
    bool has_to;
    bool single;           // [2]
    struct ctl_step *left; // FILTER
    enum ctl_compare compare;
    struct ctl_step *right;       // a path, or
    const struct cm_json *scalar; // a value
    struct ctl_step *next;
};

enum ctl_piece_type { CTL_PIECE_TEXT, CTL_PIECE_PATH, CTL_PIECE_RANGE };

struct ctl_piece {
    enum ctl_piece_type type;
    const char *text;       // TEXT
    struct ctl_step *path;  // PATH, RANGE; NULL is the value itself
    struct ctl_piece *body; // RANGE
    struct ctl_piece *next;
};

struct ctl_jsonpath {
    struct ctl_piece *pieces;
};
