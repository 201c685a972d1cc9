// diag: everything that is wrong with a text, not only the first thing.
//
// Each entry has file, line and column and ends with what to do. A list takes HUB_DIAGS_MAX of
// them; the rest shows once the first are mended.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct cm_arena;
struct cm_json_limits;
struct cm_yaml_docs;

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

// A file's text, for places and advice.
struct hub_file_text {
    const char *path;
    const char *bytes;
    size_t size;
};

// hub_diags_parse reads all documents of a text that can be read. What is wrong with the others,
// and members that are there twice, is added, with what to do: most of all over variables within
// {…} and […], and over templates of Helm's. It tells whether no document is left out.
bool hub_diags_parse(struct hub_diags *d, const struct hub_file_text *text, struct cm_arena *a,
                     const struct cm_json_limits *limits, struct cm_yaml_docs *out);

// hub_diags_unique drops entries behind the first `from` that say again, of the same place, what
// one of them says: a text that is in several objects is wrong in each of them.
void hub_diags_unique(struct hub_diags *d, size_t from);
