// text: how wide a text is on a terminal, and texts that fit.
//
// Threads: any; all functions are pure.
#pragma once

#include <stddef.h>

struct cm_arena;
struct cm_str;

// ctl_text_width tells how many columns UTF-8 takes: 2 for East Asian wide characters and emoji, 0
// for combining ones.
size_t ctl_text_width(const char *text);

// ctl_text_elide returns the text, or one of at most `width` columns (at least 1) with "…" in its
// middle: names differ at their ends. ctl_text_cut puts "…" at the end: sentences begin with what
// matters.
const char *ctl_text_elide(struct cm_arena *a, const char *text, size_t width);
const char *ctl_text_cut(struct cm_arena *a, const char *text, size_t width);

// ctl_one_line returns a text in which control characters became spaces, and those that turn the
// direction of writing U+FFFD: what somebody wrote into a cluster must neither break a table
// nor steer the terminal nor look like something else. ctl_lines leaves line feeds and tabs.
const char *ctl_one_line(struct cm_arena *a, const char *text);
const char *ctl_lines(struct cm_arena *a, const char *text);

// ctl_add_json adds a JSON text with such characters as escapes; it stays the same document.
void ctl_add_json(struct cm_str *out, const char *json);
