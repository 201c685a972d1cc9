// pointer: RFC 6901 JSON pointers, "/spec/template/spec/containers/0/image".
//
// "~1" stands for "/" and "~0" for "~"; "" is the whole document.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct cm_arena;
struct cm_json;

struct cm_pointer {
    const char **tokens; // in the arena, without escapes
    size_t count;
};

// cm_pointer_parse fails with CM_EINVAL if the text is no pointer.
CM_MUSTUSE enum cm_rc cm_pointer_parse(struct cm_arena *a, const char *text, struct cm_pointer *out,
                                       struct cm_err *err);

// cm_pointer_index reads a token that is the index of a list: digits without a leading zero.
bool cm_pointer_index(const char *token, size_t *out);

// cm_pointer_find follows the first `depth` tokens from a node; NULL: there is nothing.
struct cm_json *cm_pointer_find(const struct cm_pointer *p, size_t depth, struct cm_json *node);
