// added: what people have put beside what we apply, each with a tool for people: a variable of the
// environment, a label, a container, a key of a ConfigMap.
//
// A tool is told by the name under which it wrote. What controllers, webhooks, other tools for Git,
// and whoever applies with a manifest of his own (server-side apply) have put there is theirs, and
// so is what they hold together with somebody. Only of an object that we have applied: what came
// before is taken over then (adopt.h), so that what is held by others is a change since. Left out
// is what tools ask for or note in passing (a restart, a cause, a sync), what keeps an object from
// going (finalizers, owners), what stops it (paused, a Node's taints), replicas, of which their own
// word is told, certificates that are filled in (caBundle), and the data of a Secret or ConfigMap
// of which Git says none.
//
// Each is the smallest part that can come and go by itself: an entry of a list that has keys, a
// member of a map that people fill (labels, annotations, data, quantities), else the field.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/object/diff.h"

struct cm_arena;
struct cm_json;

struct kube_added {
    struct cm_differences all;    // `desired` is null; secret values are masked
    const struct cm_json *merged; // what is desired with all of it; NULL: there is none
};

struct kube_added_by {
    const char *manager; // our name
    bool taken;          // what people had was made ours, to go with an apply, which did not come
};

// kube_added_find lists at most `max` of them, as differences from what we apply. What it gives is
// the arena's, or a part of the live object.
void kube_added_find(struct cm_arena *a, const struct cm_json *desired, const struct cm_json *live,
                     const struct kube_added_by *by, size_t max, struct kube_added *out);

// kube_added_is_by tells whether a manager is a tool for people.
bool kube_added_is_by(const char *manager);
