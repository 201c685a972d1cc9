// rotation: the hub's own keys made anew while it runs, because of their age or by hand.
//
// What is old is noticed within a minute, what somebody changed in the folder when he says so
// (SIGHUP); what fails is tried again after an hour. Connections stay; those that begin afterwards
// see the new ones, also if the database cannot take the event in yet. What ends and cannot be
// made anew without somebody is logged once a day.
//
// Threads: the loop; files are read and written on the store's thread.
#pragma once

#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct cm_loop;
struct cm_metrics;
struct hub_authority;
struct hub_db;
struct hub_rotation;
struct hub_store;

struct hub_rotation_config {
    struct cm_loop *loop;
    struct hub_store *store;
    struct hub_authority *authority;
    struct cm_metrics *metrics;
    void (*rotated)(void *ctx); // the authority has other keys
    void *ctx;
};

struct hub_rotation *hub_rotation_start(const struct hub_rotation_config *config);

// hub_rotation_reload takes over what the folder holds.
void hub_rotation_reload(struct hub_rotation *r);

// hub_rotation_stop begins nothing more; free it when the store has stopped and the loop has
// turned.
void hub_rotation_stop(struct hub_rotation *r);
void hub_rotation_free(struct hub_rotation *r); // NULL is fine

// hub_rotation_note_root puts down since when a hub certifies under the root that it uses, if that
// is another one than before. It blocks.
CM_MUSTUSE enum cm_rc hub_rotation_note_root(struct hub_db *db, const struct hub_authority *a,
                                             struct cm_err *err);

// hub_rotation_root_from_ms tells since when a hub certifies under this root; 0: for as long as it
// can. It blocks, and fails with CM_EBUSY if the hub uses another one.
CM_MUSTUSE enum cm_rc hub_rotation_root_from_ms(struct hub_db *db, const struct cm_sha256 *root,
                                                int64_t *out_ms, struct cm_err *err);
