// health: how an object of Kubernetes is doing, read from the object alone.
//
// The rules of kstatus (sigs.k8s.io/cli-utils) for the built-in kinds and for the conditions of all
// others, with these changes: a Job is in progress until it is done, a Namespace until it is
// Active, an APIService until it is Available; what has been seen late in a condition counts like
// what was seen late in the status; and an object of a kind that is not built in gets some seconds
// after each change in which its controller may say something, if nothing in its status tells
// whether that speaks of the last change.
//
// What an App says of health counts before the rules for kinds, but not before that an object is
// being deleted or was not seen.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/driver.h"

struct cm_arena;
struct cm_json;

struct kube_health {
    enum agent_health health;
    const char *message; // why it is not healthy, "" if it is; in the arena or static
    int64_t again_ms;    // not 0: after so long, if nothing changes, it is `then`
    enum agent_health then;
};

// kube_health_goes tells whether an object is a Job that is deleted some time after its end, as it
// says itself (ttlSecondsAfterFinished); kube_health_done whether a Job has succeeded.
bool kube_health_goes(const struct cm_json *object);
bool kube_health_done(const struct cm_json *live);

// kube_health_of reads the health of a live object at a time (Unix, milliseconds).
void kube_health_of(struct cm_arena *a, const struct cm_json *object,
                    const struct agent_health_options *options, int64_t now_ms,
                    struct kube_health *out);
