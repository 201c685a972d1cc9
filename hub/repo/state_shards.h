// state_shards: months of the state repository, each with a history of its own, so that one can be
// archived, fetched or dropped without another.
//
//     refs/heads/actual               the month that is written: its first commit has no parent
//     refs/tags/state/actual/2026-11  the last commit of one that has ended
//
// A month is named after the last commit in it, by its committer's time (UTC); one in which nothing
// was committed is not there. The first commit of the next one says "Holdfast-Before: ID": so a
// reader goes on into the month before, as long as that is kept.
//
// Threads: any; one at a time for a repository's handle. Blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <git2.h>

#include "common/err.h"
#include "hub/repo/state.h"

#define HUB_SHARD_BEFORE "Holdfast-Before: "

// hub_shard_ref names the tag of a month of a branch; the caller frees it.
char *hub_shard_ref(const char *branch, const char *month);

// hub_shard_before gives the commit before the first one of a month. Else: nothing was before.
bool hub_shard_before(const git_commit *first, git_oid *out);

struct hub_shards {
    char **names; // of tags, oldest first
    size_t count;
};
void hub_shards_done(struct hub_shards *s); // a zeroed one is fine

// hub_shards_list finds the months of a branch that have ended; NULL: of all.
CM_MUSTUSE enum cm_rc hub_shards_list(git_repository *git, const char *branch,
                                      struct hub_shards *out, struct cm_err *err);

// hub_shards_drop removes the names of months before this one ("2026-11"), and marks
// (state_marks.h) in them. Of each branch the newest `keep` stay, however old: the clock alone ends
// nothing. *dropped: there were any.
CM_MUSTUSE enum cm_rc hub_shards_drop(git_repository *git, const char *oldest, size_t keep,
                                      bool *dropped, struct cm_err *err);
