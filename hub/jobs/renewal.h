// renewal: an agent's keys over the years: certified anew, used for the first time, held, approved.
//
// hub/access/keys.h says which key is good when; here that is kept. What is decided is decided on
// the row as it is when the job runs, and jobs run in order.
//
// An agent is *held* when its identity is doubtful: its certificate ended too long ago, or two use
// it. It is then let in nowhere and told to wait, and works on from its disk, until a person
// approves or revokes it. One is *pending* that is held since it enrolled, as a person is to accept
// its key first: it has nothing yet to work from, and it takes the key to approve it, as its own
// log shows it, for somebody else may have used its join token.
//
// Threads: the loop; the functions return at once and call back on the loop after the commit.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"
#include "hub/access/keys.h"
#include "hub/store/agents.h" // HUB_AGENT_SKEW_MS

struct hub_agent_row;
struct hub_authority;
struct hub_certificate;
struct hub_db;
struct hub_store;

// Why an agent is held that comes with a key that is HUB_KEY_STALE, or HUB_KEY_AHEAD.
extern const char hub_renewal_stale[];
extern const char hub_renewal_ahead[];

// hub_renewal_restored_ms tells when the hub was restored from a backup; 0: never.
CM_MUSTUSE enum cm_rc hub_renewal_restored_ms(struct hub_db *db, int64_t *out, struct cm_err *err);

// hub_renewal_keys are the keys of a row.
struct hub_keys hub_renewal_keys(const struct hub_agent_row *row, int64_t restored_ms);

// What came of asking for a certificate; good until the callback returns.
struct hub_renewed {
    const struct hub_certificate *certificate; // NULL: refused
    const char *refused;                       // why, for the agent
    bool held;                                 // it waits for a person
    bool unneeded;                             // its certificate is good; it may connect with it
    bool unknown;                              // not enrolled here, or with another key
    struct cm_sha256 key;                      // that was certified
};

// err: the store failed. Else `renewed` says the rest.
typedef void (*hub_renewal_fn)(void *ctx, const struct cm_err *err,
                               const struct hub_renewed *renewed);

struct hub_renew_ask {
    const char *id;
    struct cm_sha256 key; // of the connection that asks
    const uint8_t *csr;   // of the new key
    size_t csr_size;
    int64_t life_ms;
};

// hub_renewal_certify certifies a new key for whoever asks with a good one.
void hub_renewal_certify(struct hub_store *store, const struct hub_authority *authority,
                         const struct hub_renew_ask *ask, hub_renewal_fn done, void *ctx);

struct hub_expired_ask {
    const char *id;
    uint8_t exporter[32]; // of the TLS session that asked
    const uint8_t *certificate;
    size_t certificate_size;
    const uint8_t *signature;
    size_t signature_size;
    int64_t life_ms;
    int64_t budget_ms; // hub_keys_may_renew
    const char *address;
};

// hub_renewal_expired certifies the key of a certificate that has ended (or begins later: this
// hub's clock counts) once more, if it is still this agent's; holds the agent if that takes a
// person.
void hub_renewal_expired(struct hub_store *store, const struct hub_authority *authority,
                         const struct hub_expired_ask *ask, hub_renewal_fn done, void *ctx);

// hub_renewal_use keeps that a key was used for the first time. begins_ms: of its certificate; 0:
// it is on record. What fails is logged.
void hub_renewal_use(struct hub_store *store, const char *id, const struct cm_sha256 *key,
                     int64_t begins_ms, bool was_lost);

// hub_renewal_returned keeps that a process came back after another one of the same identity had
// taken its place; hub_renewal_refused that an agent was not let in, if it was revoked, once a day.
void hub_renewal_returned(struct hub_store *store, const char *id);
void hub_renewal_refused(struct hub_store *store, const char *id);

// hub_renewal_hold keeps that an agent is held, and why. key: the one that came, from this address,
// and raised the doubt; NULL: it is none that another one stands against.
void hub_renewal_hold(struct hub_store *store, const char *id, const char *why,
                      const struct cm_sha256 *key, const char *address);

// hub_renewal_skew keeps by how much an agent's clock is ahead of ours; 0: by no more than
// HUB_AGENT_SKEW_MS.
void hub_renewal_skew(struct hub_store *store, const char *id, int64_t skew_ms);

typedef void (*hub_approve_fn)(void *ctx, const struct cm_err *err, const char *id,
                               const struct hub_keys *keys);

// hub_renewal_approve lets the held agent of a cluster go on, with the key whose hash begins so
// (NULL: there is but one to choose, and it is not pending). Another one is worth nothing from then
// on. CM_ENOTFOUND: it is not held. CM_EINVAL: it does not say which of two keys, or one that
// neither is, or of a key that is to be accepted less than HUB_ACCEPT_DIGITS digits.
void hub_renewal_approve(struct hub_store *store, const char *cluster, const char *key,
                         const char *made_by, hub_approve_fn done, void *ctx);
