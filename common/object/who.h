// who: who changed something, in words: as he calls himself, and as the API server knows him.
//
// A field manager is a name that anybody may give himself: what is known by it alone is claimed. A
// user is one that the API server let in, by its audit log: verified.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>

struct cm_arena;

// cm_who_lies tells whether a controller's name is used by a user who is not that controller.
bool cm_who_lies(const char *manager, const char *user);

// cm_who_text says it: "alice (verified)", "mallory (verified; claims to be flagger)",
// "kubectl-edit (claimed)" or "unknown". Either may be "". The text is the arena's.
const char *cm_who_text(struct cm_arena *a, const char *manager, const char *user);

// cm_who_actor says the same of who is shown as having done something: a manager stays as he is,
// but for one whose name could be taken for such words; "" if nobody is known.
const char *cm_who_actor(struct cm_arena *a, const char *manager, const char *user);

// cm_who_else takes the words of cm_who_actor and says who decided if that was not a controller
// itself: "alice (verified)", "kubectl-argo-rollouts (claimed)"; "" if it was, or nobody is known.
const char *cm_who_else(struct cm_arena *a, const char *actor);
