// merge: what server-side apply does to an object, as far as the simulation needs it.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>

struct cm_arena;
struct cm_json;

// agent_sim_merge changes `live` in place: what `desired` says is set, what `before` (the form that
// we applied last; may be NULL) said and `desired` no longer says is taken away, the rest stays.
// Lists are merged by Kubernetes' list keys.
void agent_sim_merge(struct cm_arena *a, const struct cm_json *before,
                     const struct cm_json *desired, struct cm_json *live);

// agent_sim_set puts a value at a path (common/object/path.h); members on the way are made, list
// entries are not. It tells whether the path led somewhere.
bool agent_sim_set(struct cm_arena *a, struct cm_json *object, const char *path,
                   struct cm_json *value);
