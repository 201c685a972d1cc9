// sync: watches the repositories and carries their commits to the agents.
//
//     timer, webhook, 'holdfast sync'
//        │ loop                  git workers       sync worker        store         loop
//        ▼                          fetch ───▶ plan (planner.h) ──▶ record ──▶ publish
//
// One step at a time goes through plan, record and publish, in order; fetches of different
// repositories run beside it. If the store cannot write, the step waits and is tried again: nothing
// is sent that is not recorded. If a repository cannot be fetched or its commit not be read, what
// is in force stays, the failure is an event, and the next try comes later and later, up to its
// poll interval. After a restart the commits that were resolved last are read from the mirrors, so
// the hub serves its fleet while Git is away.
//
// Threads: the loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "hub/fleet/fleet.h"

struct cm_loop;
struct cm_metrics;
struct hub_authority;
struct hub_freeze_set;
struct hub_hold_ask;
struct hub_publication;
struct hub_repositories;
struct hub_store;
struct hub_sync;

struct hub_sync_config {
    struct cm_loop *loop;
    struct hub_store *store;
    const struct hub_authority *authority;
    struct cm_metrics *metrics;
    const struct hub_repositories *repositories; // borrowed
    const char *data_dir;
    uint64_t epoch;
    struct hub_fleet_guard guard;
    size_t git_workers;
    // published: a publication is on record and may be sent. withdrawn: a cluster left Git.
    void (*published)(void *ctx, struct hub_publication *p);
    void (*withdrawn)(void *ctx, const char *cluster);
    // frozen: what is frozen, as Git says something else of that; before anything is published.
    void (*frozen)(void *ctx, struct hub_freeze_set *set);
    // recovered: a repository can be fetched again.
    void (*recovered)(void *ctx, const char *repository);
    // holds: what Git should say of Holds; good until it returns.
    void (*holds)(void *ctx, const struct hub_hold_ask *asks, size_t count);
    // news: a repository has a new commit, or somebody says that it may. NULL: nobody asks.
    void (*news)(void *ctx, const char *repository);
    void *ctx;
};

// hub_sync_new reads what was in force from the store's database; it blocks, at start. CM_EINVAL: a
// repository is configured in a way that cannot work.
CM_MUSTUSE enum cm_rc hub_sync_new(const struct hub_sync_config *config, struct hub_sync **out,
                                   struct cm_err *err);

// hub_sync_start publishes what was in force and begins to watch the repositories.
void hub_sync_start(struct hub_sync *s);

// hub_sync_now fetches one repository, or all (NULL), as soon as possible. CM_ENOTFOUND.
CM_MUSTUSE enum cm_rc hub_sync_now(struct hub_sync *s, const char *repository, struct cm_err *err);

// What sessions tell (hub/session/sessions.h).
// hub_sync_enrolled: an agent enrolled, or what it has proven is another. cluster_id "": whichever
// the cluster has.
void hub_sync_enrolled(struct hub_sync *s, const char *cluster, const char *cluster_id);
void hub_sync_behind(struct hub_sync *s, const char *cluster, uint64_t epoch, uint64_t generation,
                     bool new_disk);
void hub_sync_decided(struct hub_sync *s);
void hub_sync_overruled(struct hub_sync *s, const char *app, const char *path); // the writer tells
void hub_sync_reverted(struct hub_sync *s, const char *app, const char *path);  // likewise
void hub_sync_removed(struct hub_sync *s, const char *cluster, const char *const *apps,
                      size_t count);

// hub_sync_is_ready tells whether every repository was resolved that was resolved before; any
// thread.
bool hub_sync_is_ready(const struct hub_sync *s);

// hub_sync_measure updates metrics that are only known when they are looked at; any thread.
void hub_sync_measure(struct hub_sync *s);

// hub_sync_stop ends fetches and workers; `stopped` comes on the loop when the last job is done.
void hub_sync_stop(struct hub_sync *s, void (*stopped)(void *ctx), void *ctx);
void hub_sync_free(struct hub_sync *s); // after stopped; NULL is fine
