// commit: what a commit changes, in the form in which the fleet wants to be told.
//
// Threads: the sync worker; blocks on the mirrors' files.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "hub/repo/id.h"

struct cm_arena;
struct cm_buf;
struct hub_commit;
struct hub_fleet_commit;
struct hub_planner_source;
struct hub_repo;

// Mirrors that are open for the length of one step, each once it is needed.
struct hub_reading {
    const struct hub_planner_source *sources; // borrowed
    size_t count;
    struct hub_repo **repos;
};

void hub_reading_begin(struct hub_reading *r, const struct hub_planner_source *sources,
                       size_t count);
void hub_reading_end(struct hub_reading *r);

// hub_reading_blob is hub_fleet_reader.read; its ctx is the reading.
CM_MUSTUSE enum cm_rc hub_reading_blob(void *ctx, const char *repo, const uint8_t *oid,
                                       size_t max_bytes, struct cm_buf **out, struct cm_err *err);

// hub_reading_changes lists what differs between `old` and `now`; all of `now` (out->complete) if
// old is NULL or no longer in the mirror. It sets all of *out but the name of the repository; the
// texts are in the arena. CM_ENOTFOUND: the commit is not in the mirror, or has no root folder.
CM_MUSTUSE enum cm_rc hub_reading_changes(struct hub_reading *r, size_t at,
                                          const struct hub_repo_id *old,
                                          const struct hub_repo_id *now, struct cm_arena *a,
                                          struct hub_fleet_commit *out, struct cm_err *err);

// hub_reading_commit reads who made a commit, when and why; the caller ends it with
// hub_commit_done.
CM_MUSTUSE enum cm_rc hub_reading_commit(struct hub_reading *r, size_t at,
                                         const struct hub_repo_id *id, struct hub_commit *out,
                                         struct cm_err *err);

// hub_reading_passed lists what hub_repo_passed does, at most HUB_READING_PASSED_MAX of them.
#define HUB_READING_PASSED_MAX 1000
CM_MUSTUSE enum cm_rc hub_reading_passed(struct hub_reading *r, size_t at, const char *old,
                                         const struct hub_repo_id *now, char **out,
                                         struct cm_err *err);

// hub_reading_resolve finds the commit that a revision names ("4f1c~1").
CM_MUSTUSE enum cm_rc hub_reading_resolve(struct hub_reading *r, size_t at, const char *revision,
                                          struct hub_commit *out, struct cm_err *err);
