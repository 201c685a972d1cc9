// world: a repository in memory and a fleet that is fed with it.
//
// Threads: one.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "hub/fleet/fleet.h"

struct cm_map;

struct world {
    struct hub_fleet *fleet;
    const char *repo; // that put, remove and commit speak of
    bool source_only; // it is a source of Apps
    struct cm_map *blobs;
    struct cm_map *tree; // what is committed, by path
    struct hub_fleet_change *changes;
    size_t change_count;
    unsigned commits;
    const char *unreadable; // content that cannot be read for now
    size_t reads;
    bool (*stopped)(void *world);  // of its reader; NULL
    struct hub_fleet_result *last; // of the last commit; the world's
};

void world_init(struct world *w);
void world_done(struct world *w);

void world_put(struct world *w, const char *path, const char *content);
void world_link(struct world *w, const char *path); // a symbolic link
void world_remove(struct world *w, const char *path);

// world_commit gives the fleet what was put and removed since the last commit. Revisions are r1, r2
// and so on.
const struct hub_fleet_result *world_commit(struct world *w);
const struct hub_fleet_result *world_commit_all(struct world *w); // what was put is the whole tree

// world_load gives the fleet, which is a new one, all that stands in the tree now.
void world_load(struct world *w);

// world_waiting counts what waits for a confirmation.
size_t world_waiting(const struct world *w);

// world_reader reads what was put.
struct hub_fleet_reader world_reader(struct world *w);

// Shorthands for documents.
void world_put_cluster(struct world *w, const char *name, const char *labels, const char *values);
void world_put_app(struct world *w, const char *name, const char *spec);
void world_put_config(struct world *w, const char *app, const char *object, const char *value);

// world_pair returns an App of a cluster, or NULL.
const struct hub_pair *world_pair(struct world *w, const char *cluster, const char *app);

// world_object returns an object's canonical text, or NULL; borrowed.
const char *world_object(struct world *w, const char *cluster, const char *app, const char *key);

// world_problem returns the only problem as "path:line:column: message"; borrowed until the next
// call. The text of several problems is joined by line feeds.
const char *world_problems(struct world *w);
