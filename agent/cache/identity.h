// identity: who this agent is: its key, certificates, and where its hub is.
//
// One file, replaced whole: JSON, 0600. Before enrolment it holds the key only, so that an agent
// that is stopped in between asks again with the same key.
//
// A new key or certificate replaces the old one in the file first, and only then in memory: so a
// key is never used that could be lost.
//
// Threads: load and save block; save runs on the disk workers, the rest on the loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/tls/trust.h"

struct cm_cert;
struct cm_key;

#define AGENT_CHAIN_MAX 4
#define AGENT_HUBS_MAX 8

struct agent_identity {
    struct cm_key *key;
    bool enrolled; // all below is set
    char *cluster_id;
    char *cluster_name;
    char *hub_id;
    struct cm_cert *chain[AGENT_CHAIN_MAX]; // own certificate first
    size_t chain_count;
    struct cm_trust trust;      // the roots that it believes
    char *hubs[AGENT_HUBS_MAX]; // "host:port"
    size_t hub_count;
    char *enroll_hubs[AGENT_HUBS_MAX]; // where an expired certificate is renewed
    size_t enroll_count;
    struct cm_cert *fresh[AGENT_CHAIN_MAX]; // a new chain that is not on disk yet
    size_t fresh_count;
};

// agent_identity_fresh_text is what is written with the fresh chain for `key` in the place of what
// is there. Once it is on disk agent_identity_use_fresh puts them there in memory, too (key NULL:
// it stays), or agent_identity_drop_fresh forgets the chain.
char *agent_identity_fresh_text(const struct agent_identity *id, struct cm_key *key);
void agent_identity_use_fresh(struct agent_identity *id, struct cm_key *key); // takes the key
void agent_identity_drop_fresh(struct agent_identity *id);

// agent_identity_trust_text is what is written with other roots in the place of those that are
// believed.
char *agent_identity_trust_text(const struct agent_identity *id, const struct cm_trust *trust);

// agent_identity_set_enroll_hubs takes over what the hub told, and tells whether that is news.
bool agent_identity_set_enroll_hubs(struct agent_identity *id, char *const *addrs, size_t count);

// agent_identity_done frees what is in it; a zeroed one is fine.
void agent_identity_done(struct agent_identity *id);

// agent_identity_load reads the file. It fails with CM_ENOTFOUND if there is none and CM_EINVAL if
// it is not one.
CM_MUSTUSE enum cm_rc agent_identity_load(const char *path, struct agent_identity *out,
                                          struct cm_err *err);

// agent_identity_text is what is written; the caller frees it with cm_secret_free.
char *agent_identity_text(const struct agent_identity *id);
CM_MUSTUSE enum cm_rc agent_identity_parse(const char *text, size_t size,
                                           struct agent_identity *out, struct cm_err *err);
