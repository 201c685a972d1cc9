// health: how an object of Kubernetes is doing, read from the object alone.
//
// The rules of kstatus (sigs.k8s.io/cli-utils) for the built-in kinds and for the conditions of all
// others, with two changes: a Job is in progress until it is done, and a Namespace until it is
// Active.
//
// Threads: any; pure.
#pragma once

#include <stdint.h>

#include "agent/driver.h"

struct cm_arena;
struct cm_json;

struct kube_health {
    enum agent_health health;
    const char *message; // why it is not healthy, "" if it is; in the arena or static
    int64_t again_ms;    // not 0: time alone changes the answer, look again after so long
};

// kube_health_of reads the health of a live object at a time (Unix, milliseconds).
void kube_health_of(struct cm_arena *a, const struct cm_json *object, int64_t now_ms,
                    struct kube_health *out);
