// cause: when two texts name the same cause.
//
// The same failure reads differently on each cluster: names of pods end in random letters, times
// and counts grow, addresses differ. The folded form of a text has a star in the place of such
// things, so that equal causes have equal forms. What tells causes apart stays: exit codes, status
// codes, tags of images.
//
// Threads: any; pure.
#pragma once

struct cm_str;

// hub_cause_fold appends the folded form of a text.
void hub_cause_fold(const char *text, struct cm_str *out);
