// range: what `plan` compares, in the words of `git diff`.
//
//     (nothing)   HEAD with the working copy          A       A with the working copy
//     A..B        A with B                            A...B   where both parted, with B
// A side that is left out is HEAD. A commit is named by its id (7 digits at least), a branch, a tag
// or HEAD, with ~N or ^ after it.
//
// Threads: one.
#pragma once

#include <stdbool.h>

#include "common/err.h"
#include "hub/repo/id.h"

struct ctl;
struct ctl_offline;

struct ctl_range {
    struct hub_repo_id from;
    struct hub_repo_id to;
    bool work;            // the second side is the working copy
    const char *from_say; // "main (3f2a1c9)"
    const char *to_say;
};

// ctl_range_find finds both sides; `text` NULL: nothing was said. What is in force in a shallow
// clone is said in the error.
CM_MUSTUSE enum cm_rc ctl_range_find(struct ctl *c, const struct ctl_offline *o, const char *text,
                                     struct ctl_range *out);

// ctl_range_commit finds one commit; *say is how to call it.
CM_MUSTUSE enum cm_rc ctl_range_commit(struct ctl *c, const struct ctl_offline *o, const char *name,
                                       struct hub_repo_id *out, const char **say);

// ctl_range_is_folder tells whether a word names a folder here rather than a range.
bool ctl_range_is_folder(const char *word);
