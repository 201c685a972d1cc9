// answers: which decisions of controllers a cluster's manifests take into account.
//
// An agent whose controller rejected a release keeps the App as it is until a manifest answers that
// decision. It is answered by a bundle that is not the one that was rejected; or by any, if no
// other one can be made of it. A decision that the planner has not taken in yet is not in the list,
// and so is not answered, whatever the bundle is.
//
// Threads: the planner's.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/tls/digest.h"

struct hub_pair;

#define HUB_ANSWERS_MAX 8 // of an App on a cluster; the oldest give way

struct hub_answer {
    char *app;
    struct cm_sha256 id;
    struct cm_sha256 bad_bundle;
    bool always; // there is nothing else to wait for
};

// Oldest first.
struct hub_answers {
    struct hub_answer *items;
    size_t count;
};

void hub_answers_done(struct hub_answers *all);

// hub_answers_add copies; one that is there already is replaced.
void hub_answers_add(struct hub_answers *all, const struct hub_answer *answer);

// hub_answers_is_given tells whether a pair's bundle answers a decision.
bool hub_answers_is_given(const struct hub_answer *answer, const struct hub_pair *pair);
