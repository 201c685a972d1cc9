// rig: a hub of which only the API is served.
//
// Threads: one, which turns the loop; the API has its own.
#pragma once

#include <stdbool.h>

#include "hub/api/api.h"
#include "hub/config/config.h"

struct api_rig {
    const char *dir;
    struct cm_loop *loop;
    struct cm_metrics *metrics;
    struct hub_repositories repositories;
    struct hub_authority *authority;
    struct hub_store *store;
    struct hub_sessions *sessions;
    struct hub_sync *sync;
    struct hub_writer *writer;
    struct hub_freezer *freezer;
    struct hub_api *api;
};

// api_rig_open begins to serve with what is in r->dir, on r->loop, which the caller made;
// repositories are those of its repositories.yaml. The process ends if it cannot.
void api_rig_open(struct api_rig *r, const struct hub_api_limits *limits, bool insecure);

// api_rig_stop makes cm_loop_run return once all is quiet; then comes api_rig_close.
void api_rig_stop(struct api_rig *r);
void api_rig_close(struct api_rig *r);
