// exempt: reads what an object at the site says that allows a change by hand.
//
//     app: shop
//     object: Deployment.apps/shop/web   # as `holdfast diff` prints it
//     field: spec.replicas               # left out: all of the object
//     until: '2026-10-01T08:00:00Z'      # within AGENT_EXEMPTION_DAYS of now
//     reason: INC-123, the queue is full
//     by: ada                            # left out: nobody says who he is
//
// It is as an Exemption in Git, without clusters. Whoever may make such objects wrote it, so
// nothing of it is believed: sizes, times and forms are checked, and what is not known is an error.
//
// Threads: any; pure.
#pragma once

#include <stdint.h>

#include "agent/exemption.h"
#include "common/err.h"

struct agent_site_object;
struct cm_arena;

#define AGENT_EXEMPTION_DAYS 30
#define AGENT_EXEMPTION_REASON_MAX 500 // bytes
#define AGENT_EXEMPTION_BY_MAX 100
#define AGENT_EXEMPTION_FIELD_MAX 1024

// agent_exempt_id is what it is known by: another object, or the same that says something else, is
// another one.
struct cm_sha256 agent_exempt_id(const struct agent_site_object *object);

// agent_exempt_read reads it into the arena; it is not in force by that. It fails with CM_EINVAL,
// with words for who wrote it. That its time is over is no error.
CM_MUSTUSE enum cm_rc agent_exempt_read(struct cm_arena *a, const struct agent_site_object *object,
                                        int64_t now_ms, struct agent_exemption *out,
                                        struct cm_err *err);
