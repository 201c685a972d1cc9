// seed: what was in force when the hub stopped, read back from its database.
//
// Threads: the owner at start; blocks.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct hub_db;
struct hub_decision_row;
struct hub_desired;

struct hub_seed_cluster {
    struct hub_desired *desired; // borrowed
    uint64_t epoch;
    uint64_t generation;
    struct cm_sha256 sha256; // of its manifest
};

// A repository that was read at least once.
struct hub_seed_source {
    const char *name;
    const char *revision; // resolved last
    bool in_use;          // a document that is in force is from it
};

struct hub_seed_visitor {
    void (*cluster)(void *ctx, const struct hub_seed_cluster *cluster);
    void (*agent)(void *ctx, const char *cluster, const char *cluster_id);
    void (*source)(void *ctx, const struct hub_seed_source *source);
    // app: an App whose document is in force; sources come first.
    void (*app)(void *ctx, const char *name, const char *repo);
    // used: a confirmation that has let a removal happen.
    void (*used)(void *ctx, const char *confirmation, const char *removal);
    // decision: one that holds an App back, oldest first; after clusters and agents.
    void (*decision)(void *ctx, const struct hub_decision_row *row);
    void *ctx;
};

// hub_seed_load visits all clusters, agents and repositories. A cluster whose manifest or bundles
// cannot be read any more is left out and logged: Git will say it again.
CM_MUSTUSE enum cm_rc hub_seed_load(struct hub_db *db, const struct hub_seed_visitor *visitor,
                                    struct cm_err *err);

// hub_seed_is_whole tells whether the bytes of every object are there (Secrets are not stored).
bool hub_seed_is_whole(const struct hub_desired *desired);
