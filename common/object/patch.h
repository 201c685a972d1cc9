// patch: RFC 6902 JSON Patch, a list of operations: add, remove, replace, move, copy, test.
//
// Threads: one a tree; pure.
#pragma once

#include <stdbool.h>

#include "common/err.h"

struct cm_arena;
struct cm_json;

struct cm_patch {
    struct cm_arena *a; // for what is needed on the way
    // copy makes all nodes of the result; the caller may keep more with each than a node says.
    struct cm_json *(*copy)(void *ctx, const struct cm_json *node);
    void *ctx;
    bool secret; // errors quote nothing of the document
};

struct cm_patched {
    struct cm_json *document;
    const struct cm_json *wrong; // on failure: the operation, or its member, that is
};

// cm_patch_apply makes a copy of the document with all operations done. It fails with CM_EINVAL and
// sets only out->wrong if one is malformed or cannot be done; the document stays as it is in any
// case.
CM_MUSTUSE enum cm_rc cm_patch_apply(const struct cm_patch *p, const struct cm_json *document,
                                     const struct cm_json *operations, struct cm_patched *out,
                                     struct cm_err *err);
