// state_marks: references of the state repository that say where a branch was every six hours, so
// that a moment long ago is found without walking all commits since.
//
//     refs/moments/actual/2026-11-29T12       the last commit of before that hour (UTC)
//
// A branch has up to 43,000 commits a day. A mark that is missing (the hub was killed, or did not
// make them yet) makes it slower and nothing else: the next later one is taken, or the branch's
// tip.
//
// Threads: any; one at a time for a repository's handle. Blocks.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <git2.h>

#include "common/err.h"

#define HUB_MARKS_MS ((int64_t)6 * 60 * 60 * 1000)

// hub_marks_put makes the marks that a branch owes that goes from one commit to another.
void hub_marks_put(git_repository *git, const char *branch, const git_oid *from, const git_oid *to);

// hub_marks_drop removes marks of a branch's commits from up to the end of a month ("2026-11").
CM_MUSTUSE enum cm_rc hub_marks_drop(git_repository *git, const char *branch, const char *month,
                                     struct cm_err *err);

// hub_marks_find gives a commit of the branch not long after a moment, or says that there is none.
bool hub_marks_find(git_repository *git, const char *branch, int64_t at_ms, git_oid *out);
