// fold: a long list on a terminal is what is not as it should be, and how much else there is.
//
// Threads: one.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cm_json;
struct ctl;
struct ctl_resource;

#define CTL_FOLD_ROWS 100 // a list that is longer is folded
#define CTL_FOLD_SHOWN 20 // of what is not ready
#define CTL_FOLD_FIRST 3  // names in a sentence

// ctl_fold_wanted tells whether this list should be folded.
bool ctl_fold_wanted(const struct ctl *c, const struct ctl_resource *r, const struct cm_json *rows);

// ctl_fold_print prints "37 of 400 not ready, first: …", the first rows of these, and how to see
// all. The rows are taken out of the list.
void ctl_fold_print(struct ctl *c, const struct ctl_resource *r, struct cm_json *rows);

// ctl_fold_names returns "eu-01, eu-02, eu-03, …" of the rows' member.
const char *ctl_fold_names(struct ctl *c, const struct cm_json *rows, const char *member);
