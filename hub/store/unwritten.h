// unwritten: which Apps on which clusters the state repository does not tell yet as they are.
//
// Triggers of the tables add a row in the transaction that changes what is in force or reported,
// and replace the one that is there, so that it has a new number: who has written all up to a
// number removes these rows and misses nothing that changed meanwhile, killed at any point.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct hub_db;

// hub_unwritten_each visits the oldest rows, until a visit fails. *out_last is the number of the
// last one; 0: there is none.
CM_MUSTUSE enum cm_rc hub_unwritten_each(struct hub_db *db, size_t most,
                                         enum cm_rc (*visit)(void *ctx, const char *cluster,
                                                             const char *app, struct cm_err *err),
                                         void *ctx, int64_t *out_last, struct cm_err *err);

// hub_unwritten_remove says that all up to this number is written.
CM_MUSTUSE enum cm_rc hub_unwritten_remove(struct hub_db *db, int64_t last, struct cm_err *err);

// hub_unwritten_author tells who made a commit, as a text that the caller frees; NULL:
// nobody is known.
CM_MUSTUSE enum cm_rc hub_unwritten_author(struct hub_db *db, const char *revision, char **out,
                                           struct cm_err *err);

// hub_unwritten_add_all says that nothing is: the repository is new.
CM_MUSTUSE enum cm_rc hub_unwritten_add_all(struct hub_db *db, struct cm_err *err);

CM_MUSTUSE enum cm_rc hub_unwritten_count(struct hub_db *db, int64_t *out, struct cm_err *err);

// hub_unwritten_pairs visits the Apps in force on a cluster, by name.
struct hub_unwritten_pair {
    const char *app;
    struct cm_sha256 bundle;
    const char *repo;
    const char *revision;
};
CM_MUSTUSE enum cm_rc hub_unwritten_pairs(struct hub_db *db, const char *cluster,
                                          void (*visit)(void *ctx,
                                                        const struct hub_unwritten_pair *pair),
                                          void *ctx, struct cm_err *err);
