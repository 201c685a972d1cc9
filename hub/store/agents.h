// agents: who may connect, and the join tokens by which clusters come to be known.
//
// This table, not a certificate, is the authority: a connection is good while its cluster's id is
// active and its key is the one kept here. A cluster that is built anew is enrolled anew and gets a
// new id; the old one is then superseded. An id is never used twice.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct hub_db;

#define HUB_CLUSTER_NAME_MAX 63 // a DNS label, so that it can name a namespace
#define HUB_TOKEN_FAILURES_MAX 5

// hub_cluster_name_ok tells whether a cluster may have this name.
bool hub_cluster_name_ok(const char *name);

// A clock that is further off makes times in events misleading and certificates invalid.
#define HUB_AGENT_SKEW_MS ((int64_t)60 * 1000)

struct hub_agent_row {
    const char *id;
    const char *cluster;
    struct cm_sha256 key;
    struct cm_sha256 next_key;   // zeros: none
    struct cm_sha256 before_key; // zeros: none
    int64_t before_until_ms;
    int64_t begins_ms; // of its newest certificate; 0: from before this was kept
    int64_t ends_ms;
    const char *held; // why it waits for a person; "" or NULL: it does not
    int64_t held_ms;
    struct cm_sha256 held_key; // that raised the doubt; zeros: none, or it was not about a key
    int64_t approved_ms;       // when a person last said so
    int64_t skew_ms;           // its clock minus ours, if that is more than a minute
};

// hub_agent_is_pending tells whether it waits because nobody has accepted yet the key that it
// enrolled with: that is the key that it is held for.
bool hub_agent_is_pending(const struct hub_agent_row *row);

// hub_agents_each visits the active agents.
CM_MUSTUSE enum cm_rc hub_agents_each(struct hub_db *db,
                                      void (*visit)(void *ctx, const struct hub_agent_row *row),
                                      void *ctx, struct cm_err *err);

// hub_agents_count_before counts the active agents whose certificate was made before a time or in
// the second that begins with it, or that were not seen with the one that was made since: such a
// one says so within seconds, or when it is connected next; and those that a person let go on and
// that were not certified since. early_ms: so long before it is made a certificate begins. It tells
// when the last of these that are connected will have renewed what they have by their age; in the
// past: as soon as they can.
CM_MUSTUSE enum cm_rc hub_agents_count_before(struct hub_db *db, int64_t made_ms, int64_t early_ms,
                                              uint64_t *out_count, int64_t *out_renewed_ms,
                                              struct cm_err *err);

// hub_agents_each_ever visits all that there ever were, with their states.
CM_MUSTUSE enum cm_rc hub_agents_each_ever(struct hub_db *db,
                                           void (*visit)(void *ctx, const struct hub_agent_row *row,
                                                         const char *state, int64_t enrolled_ms),
                                           void *ctx, struct cm_err *err);

// hub_agents_restrict takes in what a registry says of an agent where that lets in less: one that
// it says is not active is not, one that waits for a person there does so here, with the newest key
// that is on record there.
struct hub_agents_restricted {
    bool known; // before
    bool ended;
    bool held;
};
CM_MUSTUSE enum cm_rc hub_agents_restrict(struct hub_db *db, const struct hub_agent_row *row,
                                          const char *state, int64_t enrolled_ms,
                                          struct hub_agents_restricted *out, struct cm_err *err);

// hub_agents_merge takes in what a registry says of an agent: one that it says is not active is
// not, one that is not known here comes in, one that waits for a person there does so here.
// *out_revoked and *out_added count.
CM_MUSTUSE enum cm_rc hub_agents_merge(struct hub_db *db, const struct hub_agent_row *row,
                                       const char *state, int64_t enrolled_ms, size_t *out_revoked,
                                       size_t *out_added, struct cm_err *err);

// hub_agents_enroll makes `id` the active agent of its cluster, held or not; the one before is
// superseded.
CM_MUSTUSE enum cm_rc hub_agents_enroll(struct hub_db *db, const struct hub_agent_row *row,
                                        int64_t now_ms, struct cm_err *err);

// hub_agents_find looks up an active agent by its id; the row points into `out`. CM_ENOTFOUND.
// hub_agents_find_named does so by the name of its cluster, hub_agents_find_revoked with one that
// was revoked.
#define HUB_AGENT_HELD_MAX 512
struct hub_agent_found {
    struct hub_agent_row row;
    char id[CM_UUID_MAX];
    char cluster[HUB_CLUSTER_NAME_MAX + 1];
    char held[HUB_AGENT_HELD_MAX];
};
CM_MUSTUSE enum cm_rc hub_agents_find(struct hub_db *db, const char *id,
                                      struct hub_agent_found *out, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_agents_find_revoked(struct hub_db *db, const char *id,
                                              struct hub_agent_found *out, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_agents_find_named(struct hub_db *db, const char *cluster,
                                            struct hub_agent_found *out, struct cm_err *err);

// hub_agents_last_address tells where the agent of a cluster last said Hello from; "": nobody
// knows.
#define HUB_AGENT_ADDRESS_MAX 128
CM_MUSTUSE enum cm_rc hub_agents_last_address(struct hub_db *db, const char *cluster,
                                              char out[HUB_AGENT_ADDRESS_MAX], struct cm_err *err);

// hub_agents_put writes all of an agent's row but its id and its cluster.
CM_MUSTUSE enum cm_rc hub_agents_put(struct hub_db *db, const struct hub_agent_row *row,
                                     struct cm_err *err);

// hub_agents_revoke ends the active agent of a cluster and copies its id, "" if there was only a
// join token that nobody had used; such tokens become void. CM_ENOTFOUND: there was neither.
CM_MUSTUSE enum cm_rc hub_agents_revoke(struct hub_db *db, const char *cluster,
                                        char out_id[CM_UUID_MAX], struct cm_err *err);

struct hub_join_token {
    const char *id;
    const char *cluster;
    struct cm_sha256 secret; // SHA-256 of it
    int64_t expires_ms;
    const char *made_by;
    bool needs_approval; // who enrolls with it is held until a person accepts its key
};

// hub_join_tokens_add keeps a token. Other tokens for the cluster that were not used become void.
// CM_EEXISTS: the cluster is enrolled and `again` is false.
CM_MUSTUSE enum cm_rc hub_join_tokens_add(struct hub_db *db, const struct hub_join_token *token,
                                          bool again, struct cm_err *err);

struct hub_join_claim {
    char cluster[HUB_CLUSTER_NAME_MAX + 1];
    struct cm_sha256 secret;
    int64_t failures; // so far
    bool needs_approval;
};

// hub_join_tokens_find looks up a token that could be used now. It fails with CM_EAUTH, in words
// that tell an attacker no more than that it did not work, if there is none, it was used, it
// expired or it failed too often.
CM_MUSTUSE enum cm_rc hub_join_tokens_find(struct hub_db *db, const char *id, int64_t now_ms,
                                           struct hub_join_claim *out, struct cm_err *err);

// hub_join_tokens_find_answered looks up a token that was used, whose agent is active, with the
// agent's id and its key: if that is who asks, the answer got lost on the way. CM_EAUTH: there is
// none.
struct hub_join_answered {
    struct hub_join_claim claim;
    char agent[CM_UUID_MAX];
    struct cm_sha256 key;
};
CM_MUSTUSE enum cm_rc hub_join_tokens_find_answered(struct hub_db *db, const char *id,
                                                    int64_t now_ms, struct hub_join_answered *out,
                                                    struct cm_err *err);

// hub_join_tokens_use marks the token as used, atomically: CM_EAUTH if somebody was quicker.
CM_MUSTUSE enum cm_rc hub_join_tokens_use(struct hub_db *db, const char *id, int64_t now_ms,
                                          struct cm_err *err);

// hub_join_tokens_fail counts a wrong proof.
CM_MUSTUSE enum cm_rc hub_join_tokens_fail(struct hub_db *db, const char *id, struct cm_err *err);
