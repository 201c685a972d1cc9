// pki: a hub's authority with one hub and one agent certificate, for tests.
//
// Threads: one at a time.
#pragma once

#include "common/tls/keys.h"
#include "common/tls/session.h"

#define PKI_HUB_URI "holdfast://6f1c1e5a-7a55-4a8e-9a34-0d7e2b1f0a11/hub"
#define PKI_AGENT_URI                                                                              \
    "holdfast://6f1c1e5a-7a55-4a8e-9a34-0d7e2b1f0a11/cluster/0b7c3f60-8c0e-4c3a-9d10-5d3b8e1c2f4d"

struct pki {
    struct cm_key *root_key;
    struct cm_key *issuer_key;
    struct cm_key *hub_key;
    struct cm_key *agent_key;
    struct cm_cert *root;
    struct cm_cert *issuer;
    struct cm_cert *hub;   // issued by root
    struct cm_cert *agent; // issued by issuer
};

void pki_init(struct pki *p); // valid from an hour ago for a day, by cm_clock_unix_ms
void pki_done(struct pki *p);

// pki_issue makes one more certificate; issuer NULL: self-signed.
struct cm_cert *pki_issue(enum cm_cert_use use, const char *uri, const struct cm_key *key,
                          const struct cm_cert *issuer, const struct cm_key *issuer_key);

// Contexts for both ends of a link. The caller unrefs them.
struct cm_tls_context *pki_hub_context(const struct pki *p, enum cm_tls_role role);
struct cm_tls_context *pki_agent_context(const struct pki *p);
