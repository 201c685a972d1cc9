// needs: what only people can settle, from when it was decided until it is over.
//
// A release that cannot be kept out, or that failed and serves all the same, is told by an event,
// which passes; that somebody must look does not. It lasts until a release of that workload is
// promoted there or kept out, or until Git says another pod template: from then on its controller
// decides anew. A controller that waits for somebody is such a need, too, until it does anything
// else.
//
// Threads: the store's.
#pragma once

#include "common/err.h"

struct hub_db;
struct hub_decision_row;
struct hub_pair;

// hub_needs_note notes that people are needed, and why.
CM_MUSTUSE enum cm_rc hub_needs_note(struct hub_db *db, const struct hub_decision_row *row,
                                     const char *why, struct cm_err *err);

// hub_needs_wait notes that a controller waits for somebody since then, and how he lets it go on.
CM_MUSTUSE enum cm_rc hub_needs_wait(struct hub_db *db, const struct hub_decision_row *row,
                                     const char *why, struct cm_err *err);

// hub_needs_look ends what is over because an App on a cluster is another one now.
CM_MUSTUSE enum cm_rc hub_needs_look(struct hub_db *db, const char *cluster,
                                     const struct hub_pair *pair, struct cm_err *err);
