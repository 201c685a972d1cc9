// identity: who may connect: join tokens, enrolment, revocation.
//
// Threads: the loop; the functions return at once and call back on the loop after the commit.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"
#include "proto/token.h"

struct hub_authority;
struct hub_store;

struct hub_enroll_ask {
    char token_id[WIRE_TOKEN_ID_MAX];
    uint8_t exporter[32]; // of the TLS session that asked
    struct cm_sha256 proof;
    const uint8_t *csr; // DER; copied
    size_t csr_size;
    int64_t life_ms;     // of the certificate; 0: as long as the issuer's
    bool needs_approval; // whatever the token says
    const char *address; // copied
};

struct hub_enrolled {
    const char *cluster_id;
    const char *cluster;
    struct cm_sha256 key;
    const uint8_t *certificate; // DER
    size_t certificate_size;
    int64_t begins_ms;
    int64_t ends_ms;
    int64_t pending_ms; // since when its key waits to be accepted; 0: it may connect
};

typedef void (*hub_enroll_fn)(void *ctx, const struct cm_err *err,
                              const struct hub_enrolled *enrolled);

// hub_identity_enroll checks a request and, if it is good, uses up the token and certifies the key.
// Who asks again with the same token and the same key, while the token lives, gets the same id.
// Where a person is to accept the key first, the agent is held from the very beginning: it has a
// certificate, which lets nobody in (hub/jobs/renewal.h).
// CM_EAUTH: refused; the words are for the agent.
void hub_identity_enroll(struct hub_store *store, const struct hub_authority *authority,
                         const struct hub_enroll_ask *ask, hub_enroll_fn done, void *ctx);

struct hub_token_ask {
    const char *cluster;
    int64_t life_ms;
    bool again;          // the cluster may be enrolled already: it was built anew
    bool needs_approval; // of a person, who accepts the key
    const char *made_by; // API token's name, for the record
};

// warning: no Cluster document names the cluster, with what to do; NULL: one does.
typedef void (*hub_token_fn)(void *ctx, const struct cm_err *err, const char *token,
                             const char *warning);

// hub_identity_make_token makes a join token; its text is told once and never again.
void hub_identity_make_token(struct hub_store *store, const struct hub_authority *authority,
                             const struct hub_token_ask *ask, hub_token_fn done, void *ctx);

typedef void (*hub_revoke_fn)(void *ctx, const struct cm_err *err, const char *cluster,
                              const char *cluster_id);

// hub_identity_revoke ends the agent of a cluster and voids a join token that nobody used yet.
// `cluster_id` is "" if there was only the token. Closing the connection is the caller's.
void hub_identity_revoke(struct hub_store *store, const char *cluster, const char *made_by,
                         hub_revoke_fn done, void *ctx);
