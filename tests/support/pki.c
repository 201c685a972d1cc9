#include "tests/support/pki.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"

#define HOUR_MS (3600 * INT64_C(1000))

static void must(enum cm_rc rc, const struct cm_err *err) {
    if (rc < 0) {
        (void)fprintf(stderr, "pki: %s\n", err->msg);
        abort();
    }
}

struct cm_cert *pki_issue(enum cm_cert_use use, const char *uri, const struct cm_key *key,
                          const struct cm_cert *issuer, const struct cm_key *issuer_key) {
    static const char *const names[] = {"root", "issuer", "hub", "agent", "signer"};
    int64_t now_ms = cm_clock_unix_ms();
    struct cm_cert_request request = {
        .use = use,
        .common_name = names[use],
        .uri = uri,
        .not_before_ms = now_ms - HOUR_MS,
        .not_after_ms = now_ms + 24 * HOUR_MS,
    };
    struct cm_cert *cert = NULL;
    struct cm_err err;

    must(cm_cert_issue(&request, key, issuer, issuer_key, &cert, &err), &err);
    return cert;
}

void pki_init(struct pki *p) {
    p->root_key = cm_key_new();
    p->issuer_key = cm_key_new();
    p->hub_key = cm_key_new();
    p->agent_key = cm_key_new();
    p->root = pki_issue(CM_CERT_ROOT, NULL, p->root_key, NULL, p->root_key);
    p->issuer = pki_issue(CM_CERT_ISSUER, NULL, p->issuer_key, p->root, p->root_key);
    p->hub = pki_issue(CM_CERT_SERVER, PKI_HUB_URI, p->hub_key, p->root, p->root_key);
    p->agent = pki_issue(CM_CERT_AGENT, PKI_AGENT_URI, p->agent_key, p->issuer, p->issuer_key);
}

void pki_done(struct pki *p) {
    cm_cert_free(p->agent);
    cm_cert_free(p->hub);
    cm_cert_free(p->issuer);
    cm_cert_free(p->root);
    cm_key_free(p->agent_key);
    cm_key_free(p->hub_key);
    cm_key_free(p->issuer_key);
    cm_key_free(p->root_key);
    *p = (struct pki){0};
}

static struct cm_tls_context *context(const struct cm_tls_config *config) {
    struct cm_tls_context *ctx = NULL;
    struct cm_err err;

    must(cm_tls_context_new(config, &ctx, &err), &err);
    return ctx;
}

struct cm_tls_context *pki_hub_context(const struct pki *p, enum cm_tls_role role) {
    struct cm_cert *chain[] = {p->hub, p->root};

    return context(&(struct cm_tls_config){
        .role = role,
        .key = p->hub_key,
        .chain = chain,
        .chain_count = 2,
        .roots = &p->root,
        .root_count = 1,
    });
}

struct cm_tls_context *pki_agent_context(const struct pki *p) {
    struct cm_cert *chain[] = {p->agent, p->issuer};

    return context(&(struct cm_tls_config){
        .role = CM_TLS_CLIENT,
        .key = p->agent_key,
        .chain = chain,
        .chain_count = 2,
        .roots = &p->root,
        .root_count = 1,
        .expected_uri = PKI_HUB_URI,
    });
}
