// sessions: the agents that are connected, and what each of them is sent.
//
//     opened ──Hello──▶ waiting for the store ──Welcome──▶ serving ──▶ closed
//
// A connection is let in if its certificate names an active cluster id of this hub and its key is
// the one on record; the table of keys is kept here in memory, so a revocation takes effect at
// once. After Hello the last committed report is looked up; then Welcome, and Desired unless the
// agent holds just that. What a cluster shall run arrives as a publication, whole and signed; a
// newer one replaces one that is still being sent. Objects and bundles that the agent's last known
// manifest did not have are pushed ahead of Desired; what it still lacks it asks for, and it is
// answered only from its own publication.
//
// A slow agent costs its send queue and no more: what does not fit waits in a list of hashes until
// the queue has drained.
//
// Threads: the loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"
#include "hub/jobs/prover.h"

struct cm_loop;
struct cm_metrics;
struct hub_authority;
struct hub_freeze_set;
struct hub_keys;
struct hub_publication;
struct hub_sessions;
struct hub_store;

struct hub_sessions_config {
    struct cm_loop *loop;
    struct hub_store *store;
    const struct hub_authority *authority;
    struct cm_metrics *metrics;
    const char *link_addr; // "host:port"
    const char *enroll_addr;
    const char *const *advertise; // "host:port" at which agents reach the hub, told at enrolment
    size_t advertise_count;
    uint64_t epoch;
    const char *const *advertise_enroll; // where expired certificates are renewed, told likewise
    size_t advertise_enroll_count;
    int64_t heartbeat_ms;
    int64_t certificate_life_ms;
    bool enroll_needs_approval; // whatever a join token says
    int64_t offline_budget_ms;  // so long after its end a certificate is renewed without a person
    size_t max_connections;
    bool tells_actual; // agents shall tell whole objects as they are

    // enrolled: a cluster has a new agent. behind: an agent holds a newer generation than the hub
    // knows (the hub was restored), or only its target knows of one, as its disk is new. removed:
    // an agent reported Apps with tombstones as gone.
    void (*enrolled)(void *ctx, const char *cluster, const char *cluster_id);
    void (*behind)(void *ctx, const char *cluster, uint64_t epoch, uint64_t generation,
                   bool new_disk);
    void (*removed)(void *ctx, const char *cluster, const char *const *apps, size_t count);
    // frozen: the agent of a cluster has stopped what is frozen there.
    void (*frozen)(void *ctx, const char *cluster);
    // decided: what controllers decided is on record, and Apps are held back until it is answered.
    void (*decided)(void *ctx);
    // proven: a controller has promoted what a new cluster, or one built anew, began with, or what
    // another cluster had rejected.
    void (*proven)(void *ctx, const char *cluster, const char *cluster_id);
    // evicted: an agent may not connect any more, or not before a person let it go on, or may now.
    void (*evicted)(void *ctx); // may be NULL
    void *ctx;
};

CM_MUSTUSE enum cm_rc hub_sessions_new(const struct hub_sessions_config *config,
                                       struct hub_sessions **out, struct cm_err *err);

// hub_sessions_admit puts an active agent into the table; hub_sessions_evict takes one out and
// closes its connection.
void hub_sessions_admit(struct hub_sessions *s, const char *cluster, const char *cluster_id,
                        const struct hub_keys *keys);
void hub_sessions_evict(struct hub_sessions *s, const char *cluster_id);

// hub_sessions_revoke is hub_sessions_evict for an agent of which that was asked for at a
// (monotonic) time. Its connection is closed within a second, also if it reads nothing, and also if
// the store has a long commit or a slow disk: hub_sessions_revoking says that it is to be put on
// record. If that takes long the agent is cut off before, and asked to come later, until
// hub_sessions_revoke, or hub_sessions_spare if it could not be done.
void hub_sessions_revoke(struct hub_sessions *s, const char *cluster_id, int64_t asked_ms);
void hub_sessions_revoking(struct hub_sessions *s, const char *cluster, int64_t asked_ms);
void hub_sessions_spare(struct hub_sessions *s, const char *cluster);

// hub_sessions_hold closes an agent's connection and lets it in no more, hub_sessions_approve lets
// it in again, with these keys, which it shall replace at once. hub_sessions_pend is told of one
// that was never let in, since when (Unix time) its key waits to be accepted.
void hub_sessions_hold(struct hub_sessions *s, const char *cluster_id);
void hub_sessions_pend(struct hub_sessions *s, const char *cluster_id, int64_t since_ms);
void hub_sessions_approve(struct hub_sessions *s, const char *cluster_id,
                          const struct hub_keys *keys);

// hub_sessions_reload is told that the authority's keys are others: connections that begin now see
// them, those that are open stay, and hear of roots that are news to them. What another one signed
// is signed anew, and who is connected gets the new signature: what the one before vouched for may
// be believed no longer when its agent comes back.
CM_MUSTUSE enum cm_rc hub_sessions_reload(struct hub_sessions *s, struct cm_err *err);

// hub_sessions_listen opens both listeners: once the table is filled.
CM_MUSTUSE enum cm_rc hub_sessions_listen(struct hub_sessions *s, struct cm_err *err);
uint16_t hub_sessions_link_port(const struct hub_sessions *s);
uint16_t hub_sessions_enroll_port(const struct hub_sessions *s);

// hub_sessions_publish puts a publication in force (a reference is taken) and sends it if its agent
// is connected. One that is older than what is in force is dropped.
void hub_sessions_publish(struct hub_sessions *s, struct hub_publication *p);

// hub_sessions_withdraw forgets the publication of a cluster that left Git: its agent keeps what it
// has.
void hub_sessions_withdraw(struct hub_sessions *s, const char *cluster);

// hub_sessions_freeze tells agents what is frozen from now on. A reference is taken.
void hub_sessions_freeze(struct hub_sessions *s, struct hub_freeze_set *set);

// hub_sessions_sync asks agents to compare and apply again: one cluster or all (NULL), one App or
// all (""). It returns how many were asked.
size_t hub_sessions_sync(struct hub_sessions *s, const char *cluster, const char *app);

// What an agent found: of the keys that it was asked for those that another tool owns, and whose
// they are. Good until the call returns.
struct hub_looked {
    size_t count;
    const char *const *keys;
    const char *const *owners;
};

// CM_EBUSY: it did not answer, or could not look at all of them; then `looked` may be incomplete.
typedef void (*hub_looked_fn)(void *ctx, const struct cm_err *err, const struct hub_looked *looked);

#define HUB_LOOK_KEYS_MAX 100

struct hub_look_ask {
    const char *cluster;
    const char *ns; // of keys that leave their namespace open; "": none
    const char *const *keys;
    size_t count;
};

// hub_sessions_look asks an agent whose objects these are; `done` follows within 8 s, unless it
// fails: CM_ENOTFOUND it is not connected, CM_EINVAL it is too old for that, CM_EBUSY somebody else
// is looking there, or too many are.
CM_MUSTUSE enum cm_rc hub_sessions_look(struct hub_sessions *s, const struct hub_look_ask *what,
                                        hub_looked_fn done, void *ctx, struct cm_err *err);

// hub_sessions_prove asks an agent that; `done` follows within 3 s, never from within the call,
// unless it fails: CM_ENOTFOUND it is not connected, CM_EINVAL it is too old for that, CM_EBUSY too
// much is asked there, or the form is too large.
CM_MUSTUSE enum cm_rc hub_sessions_prove(struct hub_sessions *s, const struct hub_prove_ask *what,
                                         hub_proved_fn done, void *ctx, struct cm_err *err);

size_t hub_sessions_connected(const struct hub_sessions *s);

// hub_sessions_stop closes listeners and connections; `stopped` comes on the loop when all is
// quiet.
void hub_sessions_stop(struct hub_sessions *s, void (*stopped)(void *ctx), void *ctx);
void hub_sessions_free(struct hub_sessions *s); // after stopped; NULL is fine
