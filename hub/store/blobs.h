// blobs: which bundles and objects nothing needs any more, found and removed a little at a time.
//
// A collection keeps the names of what is needed in a table of this connection, in memory: first
// those that its owner finds (hub/jobs/collect.h), and all along those that are put meanwhile, so
// that what is published while it runs is safe however far it is. Then what is not kept is removed.
// If the program ends before, nothing has happened.
//
// Threads: the store's; the writer's handle. Blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct hub_db;

// hub_blobs_prepare makes the tables of the connection; when it is opened.
CM_MUSTUSE enum cm_rc hub_blobs_prepare(struct hub_db *db, struct cm_err *err);

// hub_blobs_begin starts a collection, also while one runs: then that one is given up.
CM_MUSTUSE enum cm_rc hub_blobs_begin(struct hub_db *db, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_blobs_end(struct hub_db *db, struct cm_err *err);

CM_MUSTUSE enum cm_rc hub_blobs_keep(struct hub_db *db, const struct cm_sha256 *name,
                                     struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_blobs_is_kept(struct hub_db *db, const struct cm_sha256 *name, bool *out,
                                        struct cm_err *err);

// hub_blobs_note keeps what is put while a collection runs; hub_desired_put_blob calls it.
CM_MUSTUSE enum cm_rc hub_blobs_note(struct hub_db *db, const struct cm_sha256 *name,
                                     struct cm_err *err);

// What names blobs: manifests, the Apps in force, what was promoted last, what agents say that they
// run, the objects that they report, and the release of each workload that its controller said last
// to be good, which need not have been promoted: the first one is not. What Apps of release groups
// were before.
enum hub_blobs_user {
    HUB_BLOBS_MANIFESTS,
    HUB_BLOBS_PAIRS,
    HUB_BLOBS_PROVEN,
    HUB_BLOBS_APPLIED,
    HUB_BLOBS_REPORTED,
    HUB_BLOBS_GOOD,
    HUB_BLOBS_BEFORE
};

struct hub_blobs_use {
    const char *cluster;
    const char *name;  // of the App or the object; ""
    const void *bytes; // the manifest, or a hash
    size_t size;
};

struct hub_blobs_walk {
    enum hub_blobs_user user;
    const char *cluster; // begins after this place
    const char *name;
    size_t limit;
    enum cm_rc (*visit)(void *ctx, const struct hub_blobs_use *use, struct cm_err *err);
    void *ctx;
};

// hub_blobs_walk visits uses in order until one visit fails; *out_seen is how many it visited.
CM_MUSTUSE enum cm_rc hub_blobs_walk(struct hub_db *db, const struct hub_blobs_walk *walk,
                                     size_t *out_seen, struct cm_err *err);

struct hub_blobs_cursor {
    uint8_t name[CM_SHA256_SIZE];
    size_t size; // 0: at the beginning
};

// hub_blobs_sweep looks at the next `limit` names after the cursor, removes those that are not kept
// and adds their number to *removed. *more: there are others.
CM_MUSTUSE enum cm_rc hub_blobs_sweep(struct hub_db *db, struct hub_blobs_cursor *cursor,
                                      size_t limit, bool *more, size_t *removed,
                                      struct cm_err *err);
