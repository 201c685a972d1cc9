// paint: the lines of a plan, for a terminal or for a `diff` block of Markdown.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/str.h"
#include "hub/plan/plan.h"
#include "hub/plan/show.h"

enum paint_kind { PAINT_HEAD, PAINT_NOTE, PAINT_OBJECT, PAINT_ADD, PAINT_REMOVE, PAINT_CHANGE };

struct paint {
    struct cm_str *out;
    bool diff;   // a block of Markdown, with signs in the first column
    bool colour; // of a terminal
};

// paint_line writes one line; control characters in it become '?'.
void paint_line(const struct paint *p, enum paint_kind kind, size_t level, const char *fmt, ...)
    CM_PRINTF(4, 5);

// paint_safe appends a text that comes from outside.
void paint_safe(struct cm_str *out, const char *text, size_t size);

// paint_clusters appends "eu-1", "2 clusters: eu-1, eu-2", "400 clusters: eu-1, … and 397 more".
void paint_clusters(const char *const *names, size_t count, const char *after_count,
                    struct cm_str *out);

const char *paint_plural(size_t count); // "" or "s"

// paint_app writes the groups of an App.
void paint_app(const struct paint *p, const struct hub_plan_app *app);

// paint_deletions writes all objects that are deleted; it returns how many lines.
size_t paint_deletions(const struct paint *p, const struct hub_plan *plan);

// paint_live writes what agents said; nothing if nobody was asked.
void paint_live(const struct paint *p, const struct hub_plan_live *live);

// paint_texts writes what changes between two texts of several lines.
void paint_texts(const struct paint *p, size_t level, const char *before, const char *after);
