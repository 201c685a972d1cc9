// scratch_dir: a folder for one test, gone afterwards.
//
// Threads: one.
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "common/fsys.h"

#define SCRATCH_DIR_MAX 64

static inline void scratch_dir_make(char out[SCRATCH_DIR_MAX]) {
    (void)snprintf(out, SCRATCH_DIR_MAX, "/tmp/holdfast-unit-XXXXXX");
    if (mkdtemp(out) == NULL) {
        abort();
    }
}

static inline void scratch_dir_remove(const char *dir) {
    struct cm_err err;

    if (cm_fsys_remove_tree(dir, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
    }
}
