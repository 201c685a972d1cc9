// actual: how a live object is, in the words of what is desired (common/object/actual.h).
//
// What somebody has put beside what we apply is told by who: not what we ourselves sent or had
// added on the way (labels, what a webhook fills in), and not what the control plane notes for
// itself.
//
// Threads: any; pure.
#pragma once

#include "agent/kube/drift.h"

struct cm_buf;

// kube_actual_has_others tells whether anybody has put something beside what we applied.
bool kube_actual_has_others(struct cm_arena *a, const struct cm_json *live, const char *manager);

// kube_actual_find adds to what kube_drift_find found the canonical form of what is there, unless
// it is as desired. `form` is the form in force, as Git has it.
void kube_actual_find(struct cm_arena *a, const struct kube_comparison *c,
                      const struct cm_buf *form, struct kube_drift *found);
