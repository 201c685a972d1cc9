// diag: everything that is wrong with a text, not only the first thing.
//
// Each entry has file, line and column and ends with what to do. A list takes HUB_DIAGS_MAX of
// them; the rest shows once the first are mended.
//
// Threads: one at a time.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define HUB_DIAGS_MAX 100

struct hub_diag {
    const char *path; // owned by the list
    uint32_t line;    // from 1; 0: the file as a whole
    uint32_t column;
    const char *message;
};

struct hub_diags {
    struct hub_diag *items;
    size_t count;
    size_t all; // that were added, also those for which there was no room
    size_t capacity;
};

void hub_diags_done(struct hub_diags *d);

// hub_diags_add adds a message. One that is too long ends in "..."; characters that the format cut
// are left out.
void hub_diags_add(struct hub_diags *d, const char *path, uint32_t line, uint32_t column,
                   const char *fmt, ...) CM_PRINTF(5, 6);

// hub_diags_add_err adds what a parser of documents said: "line L, column C: words" becomes a place
// and words.
void hub_diags_add_err(struct hub_diags *d, const char *path, const struct cm_err *err);

// hub_diags_add_syntax is hub_diags_add_err for a text that is no YAML; it also says what to do,
// most of all over variables within {…} and […], and over templates of Helm's.
void hub_diags_add_syntax(struct hub_diags *d, const char *path, const char *text, size_t size,
                          const struct cm_err *err);

// hub_diags_unique drops entries behind the first `from` that say again, of the same place, what
// one of them says: a text that is in several objects is wrong in each of them.
void hub_diags_unique(struct hub_diags *d, size_t from);
