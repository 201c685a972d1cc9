// digests: what really runs behind the tags in a workload's template, from its pods.
//
// A template may name an image by tag, and a tag may come to mean another image at any time, so
// which one runs only pods say: status.containerStatuses[].imageID. Of an image that has a digest
// in the template that is no question. What a webhook puts in beside is not looked at.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cm_arena;
struct cm_json;

// kube_digests_tags lists the containers of a live workload, CronJob or pod whose images have no
// digest: a line "NAME IMAGE" each. The arena's; "": there are none.
const char *kube_digests_tags(struct cm_arena *a, const struct cm_json *live);

// "IMAGE@sha256:…" each, sorted, each once; the caller's to pass to kube_digests_done.
struct kube_digests {
    char **images;
    size_t count; // at most AGENT_DIGESTS_MAX
    bool more;    // there were others, or may be
};

// kube_digests_read adds what the pods of a list run of these lines (kube_digests_tags). Pods that
// go, that have ended (unless `ended`, for those of a Job), or that are of another form of the
// template say nothing, nor do images of which nobody knows a digest.
void kube_digests_read(const char *tags, const struct cm_json *pods, bool ended,
                       struct kube_digests *out);
// kube_digests_close is for when all pods are read: behind a tag of which none said a digest may be
// any.
void kube_digests_close(const char *tags, struct kube_digests *d);
void kube_digests_done(struct kube_digests *d);
