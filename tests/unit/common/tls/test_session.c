#include "common/tls/session.h"

#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/mem.h"
#include "tests/support/pki.h"

// A wire in memory: what one end sends waits for the other.
struct wire {
    uint8_t bytes[64 << 10];
    size_t from;
    size_t to;
    bool closed;
};

struct end {
    struct wire *in;
    struct wire *out;
    struct cm_tls_session *session;
    enum cm_tls_result handshake;
};

struct pair {
    struct wire wires[2];
    struct end client;
    struct end server;
};

static long wire_send(void *arg, const void *bytes, size_t size) {
    struct wire *w = ((struct end *)arg)->out;
    size_t room = sizeof(w->bytes) - w->to;

    size = size < room ? size : room;
    memcpy(w->bytes + w->to, bytes, size);
    w->to += size;
    return (long)size;
}

static long wire_recv(void *arg, void *bytes, size_t size) {
    struct wire *w = ((struct end *)arg)->in;
    size_t left = w->to - w->from;

    if (left == 0) {
        return w->closed ? -1 : 0;
    }
    size = size < left ? size : left;
    memcpy(bytes, w->bytes + w->from, size);
    w->from += size;
    if (w->from == w->to) {
        w->from = w->to = 0;
    }
    return (long)size;
}

static void open_end(struct end *end, struct cm_tls_context *ctx, struct wire *in,
                     struct wire *out) {
    *end = (struct end){.in = in, .out = out, .handshake = CM_TLS_AGAIN};
    end->session = cm_tls_session_new(ctx, &(struct cm_tls_io){wire_send, wire_recv, end});
}

static void step(struct end *end) {
    if (end->handshake == CM_TLS_AGAIN) {
        end->handshake = cm_tls_handshake(end->session);
    }
}

// shake takes the references of both contexts.
static void shake(struct pair *pair, struct cm_tls_context *client, struct cm_tls_context *server) {
    memset(pair, 0, sizeof(*pair));
    open_end(&pair->client, client, &pair->wires[0], &pair->wires[1]);
    open_end(&pair->server, server, &pair->wires[1], &pair->wires[0]);
    cm_tls_context_unref(client); // the sessions keep what they need
    cm_tls_context_unref(server);
    for (int i = 0; i < 4; i++) {
        step(&pair->client);
        step(&pair->server);
    }
}

static void hang_up(struct pair *pair) {
    cm_tls_session_free(pair->client.session);
    cm_tls_session_free(pair->server.session);
}

static struct pair *new_pair(void) {
    return cm_new(1, sizeof(struct pair));
}

static void free_pair(struct pair **pair) {
    hang_up(*pair);
    free(*pair);
}

static int set_up(void **state) {
    static struct pki pki;

    pki_init(&pki);
    *state = &pki;
    return 0;
}

static int tear_down(void **state) {
    pki_done(*state);
    return 0;
}

static struct cm_tls_context *context(const struct cm_tls_config *config) {
    struct cm_tls_context *ctx = NULL;
    struct cm_err err;

    assert_int_equal(cm_tls_context_new(config, &ctx, &err), CM_OK);
    return ctx;
}

static struct cm_tls_context *client_with(const struct pki *p, struct cm_cert *cert,
                                          struct cm_cert *issuer, const struct cm_key *key) {
    struct cm_cert *chain[] = {cert, issuer};

    return context(&(struct cm_tls_config){.role = CM_TLS_CLIENT,
                                           .key = key,
                                           .chain = chain,
                                           .chain_count = 2,
                                           .roots = &p->root,
                                           .root_count = 1});
}

static void both_ends_know_who_the_other_is(void **state) {
    const struct pki *p = *state;
    CM_CLEANUP(free_pair) struct pair *pair = new_pair();
    struct cm_tls_peer agent;
    struct cm_tls_peer hub;

    shake(pair, pki_agent_context(p), pki_hub_context(p, CM_TLS_SERVER_MUTUAL));
    assert_int_equal(pair->client.handshake, CM_TLS_OK);
    assert_int_equal(pair->server.handshake, CM_TLS_OK);
    cm_tls_peer_get(pair->client.session, &hub);
    cm_tls_peer_get(pair->server.session, &agent);
    assert_string_equal(hub.uri, PKI_HUB_URI);
    assert_string_equal(agent.uri, PKI_AGENT_URI);
    struct cm_sha256 key = cm_key_sha256(p->agent_key);
    assert_true(cm_sha256_equal(&agent.key_sha256, &key));
    assert_int_equal(agent.not_after_ms, cm_cert_not_after_ms(p->agent));
    assert_memory_equal(agent.exporter, hub.exporter, sizeof(hub.exporter));
}

static void each_session_exports_other_bytes(void **state) {
    const struct pki *p = *state;
    struct cm_tls_peer peers[2];

    for (int i = 0; i < 2; i++) {
        CM_CLEANUP(free_pair) struct pair *pair = new_pair();

        shake(pair, pki_agent_context(p), pki_hub_context(p, CM_TLS_SERVER_MUTUAL));
        cm_tls_peer_get(pair->server.session, &peers[i]);
    }
    assert_memory_not_equal(peers[0].exporter, peers[1].exporter, 32);
}

static void bytes_go_both_ways(void **state) {
    const struct pki *p = *state;
    CM_CLEANUP(free_pair) struct pair *pair = new_pair();
    char text[16] = {0};
    size_t size = 5;

    shake(pair, pki_agent_context(p), pki_hub_context(p, CM_TLS_SERVER_MUTUAL));
    assert_int_equal(cm_tls_send(pair->client.session, "hello", &size), CM_TLS_OK);
    size = sizeof(text);
    assert_int_equal(cm_tls_recv(pair->server.session, text, &size), CM_TLS_OK);
    assert_string_equal(text, "hello");
    size = 3;
    assert_int_equal(cm_tls_send(pair->server.session, "yes", &size), CM_TLS_OK);
    size = sizeof(text);
    assert_int_equal(cm_tls_recv(pair->client.session, text, &size), CM_TLS_OK);
    assert_int_equal(size, 3);
    size = sizeof(text);
    assert_int_equal(cm_tls_recv(pair->client.session, text, &size), CM_TLS_AGAIN);
}

static void a_good_bye_is_seen(void **state) {
    const struct pki *p = *state;
    CM_CLEANUP(free_pair) struct pair *pair = new_pair();
    char text[16];
    size_t size = sizeof(text);

    shake(pair, pki_agent_context(p), pki_hub_context(p, CM_TLS_SERVER_MUTUAL));
    cm_tls_shutdown(pair->client.session);
    assert_int_equal(cm_tls_recv(pair->server.session, text, &size), CM_TLS_CLOSED);
    pair->wires[0].closed = true; // without one it is seen too
    size = sizeof(text);
    assert_int_equal(cm_tls_recv(pair->client.session, text, &size), CM_TLS_CLOSED);
}

static void a_client_without_certificate_is_refused(void **state) {
    const struct pki *p = *state;
    CM_CLEANUP(free_pair) struct pair *pair = new_pair();

    shake(
        pair,
        context(&(struct cm_tls_config){.role = CM_TLS_CLIENT, .roots = &p->root, .root_count = 1}),
        pki_hub_context(p, CM_TLS_SERVER_MUTUAL));
    assert_int_equal(pair->server.handshake, CM_TLS_FAILED);
    assert_non_null(strstr(cm_tls_error(pair->server.session), "did not return a certificate"));
}

static void a_client_without_certificate_may_enrol(void **state) {
    const struct pki *p = *state;
    CM_CLEANUP(free_pair) struct pair *pair = new_pair();
    struct cm_tls_peer peer;

    shake(pair,
          context(&(struct cm_tls_config){.role = CM_TLS_CLIENT_PINNED,
                                          .pin = cm_cert_key_sha256(p->root)}),
          pki_hub_context(p, CM_TLS_SERVER));
    assert_int_equal(pair->client.handshake, CM_TLS_OK);
    assert_int_equal(pair->server.handshake, CM_TLS_OK);
    cm_tls_peer_get(pair->server.session, &peer);
    assert_false(peer.has_cert);
}

static void a_chain_without_the_pinned_root_is_refused(void **state) {
    const struct pki *p = *state;
    CM_CLEANUP(free_pair) struct pair *pair = new_pair();
    CM_CLEANUP(free_pair) struct pair *leaf = new_pair();

    shake(pair,
          context(&(struct cm_tls_config){.role = CM_TLS_CLIENT_PINNED,
                                          .pin = cm_cert_key_sha256(p->issuer)}),
          pki_hub_context(p, CM_TLS_SERVER));
    assert_int_equal(pair->client.handshake, CM_TLS_FAILED);
    assert_non_null(strstr(cm_tls_error(pair->client.session), "pinned root"));

    // The leaf's own key is no root, though its hash is in the chain.
    shake(leaf,
          context(&(struct cm_tls_config){.role = CM_TLS_CLIENT_PINNED,
                                          .pin = cm_cert_key_sha256(p->hub)}),
          pki_hub_context(p, CM_TLS_SERVER));
    assert_int_equal(leaf->client.handshake, CM_TLS_FAILED);
}

static void a_self_signed_leaf_is_no_root(void **state) {
    const struct pki *p = *state;
    CM_CLEANUP(free_pair) struct pair *pair = new_pair();
    CM_CLEANUP(cm_cert_freep)
    struct cm_cert *own = pki_issue(CM_CERT_SERVER, PKI_HUB_URI, p->hub_key, NULL, p->hub_key);

    shake(pair,
          context(&(struct cm_tls_config){.role = CM_TLS_CLIENT_PINNED,
                                          .pin = cm_cert_key_sha256(own)}),
          context(&(struct cm_tls_config){
              .role = CM_TLS_SERVER, .key = p->hub_key, .chain = &own, .chain_count = 1}));
    assert_int_equal(pair->client.handshake, CM_TLS_FAILED);
}

static void the_pinned_root_does_not_vouch_for_a_foreign_leaf(void **state) {
    const struct pki *p = *state;
    CM_CLEANUP(free_pair) struct pair *pair = new_pair();
    struct pki other;

    pki_init(&other);
    struct cm_cert *chain[] = {other.hub, p->root}; // the root is public: anybody can send it
    shake(pair,
          context(&(struct cm_tls_config){.role = CM_TLS_CLIENT_PINNED,
                                          .pin = cm_cert_key_sha256(p->root)}),
          context(&(struct cm_tls_config){
              .role = CM_TLS_SERVER, .key = other.hub_key, .chain = chain, .chain_count = 2}));
    assert_int_equal(pair->client.handshake, CM_TLS_FAILED);
    pki_done(&other);
}

static void a_hub_of_another_root_is_refused(void **state) {
    const struct pki *p = *state;
    CM_CLEANUP(free_pair) struct pair *pair = new_pair();
    struct pki other;

    pki_init(&other);
    shake(pair, pki_agent_context(p), pki_hub_context(&other, CM_TLS_SERVER));
    assert_int_equal(pair->client.handshake, CM_TLS_FAILED);
    assert_non_null(strstr(cm_tls_error(pair->client.session), "certificate is not good"));
    assert_int_equal(pair->server.handshake, CM_TLS_FAILED); // it got the alert
    pki_done(&other);
}

static void an_agent_of_another_root_is_refused(void **state) {
    const struct pki *p = *state;
    CM_CLEANUP(free_pair) struct pair *pair = new_pair();
    struct pki other;

    pki_init(&other);
    shake(pair, client_with(p, other.agent, other.issuer, other.agent_key),
          pki_hub_context(p, CM_TLS_SERVER_MUTUAL));
    assert_int_equal(pair->server.handshake, CM_TLS_FAILED);
    pki_done(&other);
}

static void another_hub_of_the_same_root_is_refused(void **state) {
    const struct pki *p = *state;
    CM_CLEANUP(free_pair) struct pair *pair = new_pair();
    struct pki twin = *p;

    twin.hub = pki_issue(CM_CERT_SERVER, PKI_HUB_URI "2", p->hub_key, p->root, p->root_key);
    shake(pair, pki_agent_context(p), pki_hub_context(&twin, CM_TLS_SERVER));
    assert_int_equal(pair->client.handshake, CM_TLS_FAILED);
    assert_non_null(strstr(cm_tls_error(pair->client.session), "another hub"));
    cm_cert_free(twin.hub);
}

static void a_certificate_for_another_use_is_refused(void **state) {
    const struct pki *p = *state;
    CM_CLEANUP(free_pair) struct pair *as_hub = new_pair();
    CM_CLEANUP(free_pair) struct pair *as_agent = new_pair();
    struct pki swapped = *p;

    swapped.hub = p->agent; // an agent that plays the hub
    swapped.root = p->issuer;
    swapped.hub_key = p->agent_key;
    shake(as_hub, pki_agent_context(p), pki_hub_context(&swapped, CM_TLS_SERVER));
    assert_int_equal(as_hub->client.handshake, CM_TLS_FAILED);

    shake(as_agent, client_with(p, p->hub, p->root, p->hub_key),
          pki_hub_context(p, CM_TLS_SERVER_MUTUAL));
    assert_int_equal(as_agent->server.handshake, CM_TLS_FAILED);
}

static void an_expired_agent_is_refused(void **state) {
    const struct pki *p = *state;
    CM_CLEANUP(free_pair) struct pair *pair = new_pair();

    cm_clock_fake(cm_cert_not_after_ms(p->agent) + 2000);
    shake(pair, client_with(p, p->agent, p->issuer, p->agent_key),
          pki_hub_context(p, CM_TLS_SERVER_MUTUAL));
    cm_clock_fake(-1);
    assert_int_equal(pair->client.handshake, CM_TLS_FAILED); // the hub has expired as well
    assert_non_null(strstr(cm_tls_error(pair->client.session), "expired"));
}

static void an_agent_without_a_name_is_refused(void **state) {
    const struct pki *p = *state;
    CM_CLEANUP(free_pair) struct pair *pair = new_pair();
    CM_CLEANUP(cm_cert_freep)
    struct cm_cert *nameless =
        pki_issue(CM_CERT_AGENT, NULL, p->agent_key, p->issuer, p->issuer_key);

    shake(pair, client_with(p, nameless, p->issuer, p->agent_key),
          pki_hub_context(p, CM_TLS_SERVER_MUTUAL));
    assert_int_equal(pair->server.handshake, CM_TLS_FAILED);
    assert_non_null(strstr(cm_tls_error(pair->server.session), "URI"));
}

static void credentials_are_replaced_for_new_sessions(void **state) {
    const struct pki *p = *state;
    struct cm_tls_context *server = pki_hub_context(p, CM_TLS_SERVER_MUTUAL);
    CM_CLEANUP(free_pair) struct pair *old = new_pair();
    CM_CLEANUP(free_pair) struct pair *fresh = new_pair();
    struct pki other;
    size_t size = 1;
    struct cm_err err;

    pki_init(&other);
    struct cm_cert *chain[] = {other.hub, other.root};
    struct cm_tls_config config = {.role = CM_TLS_SERVER_MUTUAL,
                                   .key = other.hub_key,
                                   .chain = chain,
                                   .chain_count = 2,
                                   .roots = &other.root,
                                   .root_count = 1};
    shake(old, pki_agent_context(p), cm_tls_context_ref(server));
    assert_int_equal(cm_tls_context_replace(server, &config, &err), CM_OK);
    shake(fresh, pki_agent_context(&other), cm_tls_context_ref(server));
    assert_int_equal(fresh->server.handshake, CM_TLS_OK);
    assert_int_equal(cm_tls_send(old->server.session, "x", &size), CM_TLS_OK);
    cm_tls_context_unref(server);
    pki_done(&other);
}

static void a_config_that_cannot_work_is_refused(void **state) {
    const struct pki *p = *state;
    struct cm_cert *chain[] = {p->hub};
    struct cm_tls_config config = {.role = CM_TLS_SERVER};
    struct cm_tls_context *ctx = NULL;
    struct cm_err err;

    assert_int_equal(cm_tls_context_new(&config, &ctx, &err), CM_EINVAL);
    config.chain = chain;
    config.chain_count = 1;
    config.key = p->agent_key;
    assert_int_equal(cm_tls_context_new(&config, &ctx, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "does not belong"));
    config.role = CM_TLS_CLIENT;
    assert_int_equal(cm_tls_context_new(&config, &ctx, &err), CM_EINVAL);
    assert_null(ctx);
}

static void tls_1_2_is_refused(void **state) {
    // A ClientHello of openssl s_client -tls1_2, with the random and session bytes set to zero.
    static const uint8_t hello[] = {
        0x16, 0x03, 0x01, 0x00, 0x41, 0x01, 0x00, 0x00, 0x3d, 0x03, 0x03, // version 1.2
        0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0, 0, 0, 0, 0,
        0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0, 0, 0, 0, 0,
        0x00,                                           // no session
        0x00, 0x04, 0xc0, 0x2b, 0x00, 0xff,             // ECDHE-ECDSA-AES128-GCM-SHA256
        0x01, 0x00, 0x00, 0x10,                         // extensions
        0x00, 0x0a, 0x00, 0x04, 0x00, 0x02, 0x00, 0x17, // P-256
        0x00, 0x0d, 0x00, 0x04, 0x00, 0x02, 0x04, 0x03, // ECDSA with SHA-256
    };
    const struct pki *p = *state;
    struct cm_tls_context *ctx = pki_hub_context(p, CM_TLS_SERVER);
    CM_CLEANUP(free_pair) struct pair *pair = new_pair();

    open_end(&pair->server, ctx, &pair->wires[1], &pair->wires[0]);
    cm_tls_context_unref(ctx);
    memcpy(pair->wires[1].bytes, hello, sizeof(hello));
    pair->wires[1].to = sizeof(hello);
    assert_int_equal(cm_tls_handshake(pair->server.session), CM_TLS_FAILED);
    assert_non_null(strstr(cm_tls_error(pair->server.session), "protocol"));
}

static void garbage_is_no_handshake(void **state) {
    const struct pki *p = *state;
    struct cm_tls_context *ctx = pki_hub_context(p, CM_TLS_SERVER);
    CM_CLEANUP(free_pair) struct pair *pair = new_pair();

    open_end(&pair->server, ctx, &pair->wires[1], &pair->wires[0]);
    cm_tls_context_unref(ctx);
    memcpy(pair->wires[1].bytes, "GET / HTTP/1.1\r\n\r\n", 18);
    pair->wires[1].to = 18;
    assert_int_equal(cm_tls_handshake(pair->server.session), CM_TLS_FAILED);
}

// A peer that does what our own sessions do not.
struct stranger {
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in;
    BIO *out;
};

static struct stranger stranger_new(void) {
    struct stranger s = {.ctx = SSL_CTX_new(TLS_client_method()),
                         .in = BIO_new(BIO_s_mem()),
                         .out = BIO_new(BIO_s_mem())};

    s.ssl = SSL_new(s.ctx);
    SSL_set_bio(s.ssl, s.in, s.out);
    SSL_set_connect_state(s.ssl);
    return s;
}

static void stranger_done(struct stranger *s) {
    SSL_free(s->ssl);
    SSL_CTX_free(s->ctx);
}

// stranger_step lets it do what it wants to, with all that the other end has sent.
static void stranger_step(struct stranger *s, struct end *other) {
    uint8_t bytes[4096];
    struct end self = {.in = other->out, .out = other->in};
    long n;

    while ((n = wire_recv(&self, bytes, sizeof(bytes))) > 0) {
        assert_int_equal(BIO_write(s->in, bytes, (int)n), n);
    }
    (void)SSL_do_handshake(s->ssl);
    while ((n = BIO_read(s->out, bytes, sizeof(bytes))) > 0) {
        assert_int_equal(wire_send(&self, bytes, (size_t)n), n);
    }
}

static void keys_are_not_changed_without_end(void **state) {
    enum { ALLOWED = 32 };
    struct cm_tls_context *ctx = pki_hub_context(*state, CM_TLS_SERVER);
    CM_CLEANUP(free_pair) struct pair *pair = new_pair();
    CM_CLEANUP(stranger_done) struct stranger peer = stranger_new();
    char text[16];

    open_end(&pair->server, ctx, &pair->wires[1], &pair->wires[0]);
    cm_tls_context_unref(ctx);
    for (int i = 0; i < 4; i++) {
        stranger_step(&peer, &pair->server);
        step(&pair->server);
    }
    assert_int_equal(pair->server.handshake, CM_TLS_OK);
    for (int i = 1; i <= ALLOWED + 1; i++) {
        size_t size = sizeof(text);

        assert_int_equal(SSL_key_update(peer.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        stranger_step(&peer, &pair->server);
        assert_int_equal(cm_tls_recv(pair->server.session, text, &size),
                         i <= ALLOWED ? CM_TLS_AGAIN : CM_TLS_FAILED);
    }
    assert_non_null(strstr(cm_tls_error(pair->server.session), "one handshake after the other"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_know_who_the_other_is),
        cmocka_unit_test(each_session_exports_other_bytes),
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(a_good_bye_is_seen),
        cmocka_unit_test(a_client_without_certificate_is_refused),
        cmocka_unit_test(a_client_without_certificate_may_enrol),
        cmocka_unit_test(a_chain_without_the_pinned_root_is_refused),
        cmocka_unit_test(a_self_signed_leaf_is_no_root),
        cmocka_unit_test(the_pinned_root_does_not_vouch_for_a_foreign_leaf),
        cmocka_unit_test(a_hub_of_another_root_is_refused),
        cmocka_unit_test(an_agent_of_another_root_is_refused),
        cmocka_unit_test(another_hub_of_the_same_root_is_refused),
        cmocka_unit_test(a_certificate_for_another_use_is_refused),
        cmocka_unit_test(an_expired_agent_is_refused),
        cmocka_unit_test(an_agent_without_a_name_is_refused),
        cmocka_unit_test(credentials_are_replaced_for_new_sessions),
        cmocka_unit_test(a_config_that_cannot_work_is_refused),
        cmocka_unit_test(tls_1_2_is_refused),
        cmocka_unit_test(garbage_is_no_handshake),
        cmocka_unit_test(keys_are_not_changed_without_end),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
