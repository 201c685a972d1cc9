// decisions: what controllers in clusters did with releases, and what that says of releases.
//
// A decision is kept once, by its id, and for as long as the past is (hub/store/past.h). What
// happens at every step of a release, that one began and which share of the traffic it has, gives
// way sooner: the newest two hundred of a cluster are kept. Two hundred may keep a release out;
// older ones only tell by then. An agent may tell without end, so the newest five thousand of the
// others are kept of its cluster, and it is on record if that was not all. A verdict is what is
// known of a release of an App on a cluster, by the cluster's id: it outlives the cluster's name,
// the agent that told it, and all its decisions. Verdicts are a record for whoever asks the
// database: nothing of the hub reads them.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct hub_db;
struct hub_report_mark;

#define HUB_DECISIONS_KEPT 200  // of a cluster: that hold, and as many steps of releases
#define HUB_DECISIONS_TOLD 5000 // of a cluster: all else
#define HUB_VERDICTS_KEPT 100   // of an App on a cluster

// What became of a decision that holds an App back on its cluster.
enum hub_settled {
    HUB_SETTLED_NEW,   // nobody has looked at it yet, or nobody needs to
    HUB_SETTLED_HELD,  // a hold was made of it
    HUB_SETTLED_NEVER, // no hold can be made of it: `why` says why
    HUB_SETTLED_SAME   // what was rejected is what ran before: there is nothing to keep out
};

// Texts may be NULL, which is the same as ""; hashes are zeros where nothing is known.
struct hub_decision_row {
    struct cm_sha256 id;
    const char *cluster;
    const char *cluster_id;
    const char *app;
    const char *key;
    const char *controller;
    const char *controller_key;
    const char *verdict; // "promoted", "rejected", …
    struct cm_sha256 bad;
    struct cm_sha256 good;
    struct cm_sha256 bad_bundle;
    struct cm_sha256 good_bundle;
    const char *bad_revision;
    const char *good_revision;
    const void *good_object; // canonical form; NULL: not known
    size_t good_object_size;
    const char *text;
    int weight; // -1: none
    int64_t at_ms;
    int64_t seen_ms;
    const char *actor;
    bool provisional; // it holds the App back, or asks for a rollback
    enum hub_settled settled;
    const char *why;
    const char *hold; // document; ""
    bool written;     // that is, or was, in Git
    bool retried;     // people want the release to be tried again
};

// hub_decisions_add tells whether it was not known yet; of one that holds, lines alone
// (hub/store/past_rebuild.h) are not enough to know it. It keeps what is kept of its cluster.
CM_MUSTUSE enum cm_rc hub_decisions_add(struct hub_db *db, const struct hub_decision_row *row,
                                        bool *out_new, struct cm_err *err);

// hub_decisions_trim keeps what is kept of a cluster.
CM_MUSTUSE enum cm_rc hub_decisions_trim(struct hub_db *db, const char *cluster,
                                         struct cm_err *err);

// hub_decisions_keep drops what the hub heard before `before_ms` (Unix), but what holds in a
// cluster that Git names or whose agent may connect.
CM_MUSTUSE enum cm_rc hub_decisions_keep(struct hub_db *db, int64_t before_ms, struct cm_err *err);

// hub_decisions_settle writes down what became of one. What holds nothing back, and of which
// nothing came, merely tells from then on.
CM_MUSTUSE enum cm_rc hub_decisions_settle(struct hub_db *db, const struct cm_sha256 *id,
                                           enum hub_settled settled, const char *why,
                                           const char *hold, struct cm_err *err);

// hub_decisions_mark notes what became known of its Hold.
CM_MUSTUSE enum cm_rc hub_decisions_mark(struct hub_db *db, const struct cm_sha256 *id,
                                         bool written, bool retried, struct cm_err *err);

// hub_decisions_renew writes down what its Hold is instead; what was found of what the old one does
// is about that.
CM_MUSTUSE enum cm_rc hub_decisions_renew(struct hub_db *db, const struct cm_sha256 *id,
                                          const char *hold, struct cm_err *err);

// hub_decisions_each_provisional visits those that hold Apps back, oldest first; with `only_new`
// those that nobody has looked at yet.
CM_MUSTUSE enum cm_rc
hub_decisions_each_provisional(struct hub_db *db, bool only_new,
                               void (*visit)(void *ctx, const struct hub_decision_row *row),
                               void *ctx, struct cm_err *err);

// hub_decisions_weighed tells the share of the traffic that a release of a workload has, if that is
// the last that is known of it (else -1), and when any became known last; 0: never.
CM_MUSTUSE enum cm_rc hub_decisions_weighed(struct hub_db *db, const char *cluster, const char *key,
                                            int *out_weight, int64_t *out_ms, struct cm_err *err);

// hub_decision_joins tells of a decision that nobody in a cluster made: a workload went back with
// another App of its release group (HUB_HOLD_JOINS). No agent waits for an answer to it.
bool hub_decision_joins(const struct hub_decision_row *row);

// hub_decisions_each_controller visits the workloads of an App on a cluster with the controller
// that decided of each last.
CM_MUSTUSE enum cm_rc
hub_decisions_each_controller(struct hub_db *db, const char *cluster, const char *app,
                              void (*visit)(void *ctx, const char *key, const char *controller),
                              void *ctx, struct cm_err *err);

// hub_decisions_each_rejected visits the workloads of an App on a cluster of which the last that is
// known is that their controller rejected a release, and went back: `key`, `bad`, `good` and
// `good_object` alone.
CM_MUSTUSE enum cm_rc
hub_decisions_each_rejected(struct hub_db *db, const char *cluster, const char *app,
                            void (*visit)(void *ctx, const struct hub_decision_row *row), void *ctx,
                            struct cm_err *err);

// hub_decisions_last and _set: as of reports (hub/store/status.h).
CM_MUSTUSE enum cm_rc hub_decisions_last(struct hub_db *db, const char *cluster,
                                         struct hub_report_mark *out, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_decisions_set(struct hub_db *db, const char *cluster,
                                        const struct hub_report_mark *mark, struct cm_err *err);

struct hub_verdict_row {
    const char *cluster_id;
    const char *app;
    const char *identity; // of a release: its images, or what else tells it from others
    const char *verdict;  // "promoted" or "rejected"
    const char *revision;
    int64_t at_ms;
    const char *by;
};
CM_MUSTUSE enum cm_rc hub_verdicts_put(struct hub_db *db, const struct hub_verdict_row *row,
                                       struct cm_err *err);
