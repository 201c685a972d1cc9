// state_look: which objects of a cluster differ from those of another, or of another moment, field
// by field, as the branch `actual` of the state repository has them.
//
// What is told is what is in that repository, so a value that it hides is hidden here. However
// large objects are, one of them is in memory at a time, and what is told of all is bounded.
//
// Threads: any; blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct cm_arena;
struct cm_json;

#define HUB_LOOK_OBJECTS_MAX 500
#define HUB_LOOK_FIELDS_MAX 64                       // of one object
#define HUB_LOOK_READ_MAX ((size_t)64 * 1024 * 1024) // bytes of files that are compared
#define HUB_LOOK_TOLD_MAX ((size_t)4 * 1024 * 1024)  // bytes of values in an answer

struct hub_look_side {
    const char *cluster;
    const char *app; // "": all
    int64_t at_ms;   // Unix
    bool observed;   // its agent was connected then; else what is known is what was heard last
};

// hub_state_look answers {"from": {"cluster", "atMs", "commit", "observed"}, "to": {…}, "items":
// [{"app", "object", "change", "fields": [{"path", "from", "to"}], "more"}], "more"}. Changes:
// added, removed, changed. CM_ENOTFOUND: there is no repository at `path`, or it is younger than a
// side.
CM_MUSTUSE enum cm_rc hub_state_look(const char *path, struct cm_arena *a,
                                     const struct hub_look_side *from,
                                     const struct hub_look_side *to, struct cm_json **out,
                                     struct cm_err *err);
