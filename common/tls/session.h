// session: TLS 1.3 over somebody else's bytes.
//
// OpenSSL without a socket: whoever moves ciphertext (common/net) gives two functions for it.
// TLS 1.3 only, P-256 and X25519, no tickets, no session cache, buffers released while idle.
//
// A client does not mind a hub's certificate that begins in the future: then it is the client's
// clock that is behind (a machine without one begins in 1970), and its link is how that is noticed.
// One that has ended is refused.
//
// Threads: a context is shared and its credentials may be replaced at any time (running sessions
// keep theirs); a session is used by one thread at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/keys.h"

struct cm_tls_context;
struct cm_tls_session;

enum cm_tls_role {
    CM_TLS_SERVER_MUTUAL, // asks for and demands a client certificate (use CM_CERT_AGENT)
    CM_TLS_SERVER,        // authenticates itself only: the enrolment listener
    CM_TLS_CLIENT,        // checks the server against `roots` and, if set, expected_uri
    CM_TLS_CLIENT_PINNED, // enrolment: the chain must hold the root whose key hash is `pin`
};

struct cm_tls_config {
    enum cm_tls_role role;
    const struct cm_key *key;     // own; NULL for a client without a certificate
    struct cm_cert *const *chain; // own certificate first, then intermediates, then (server,
    size_t chain_count;           // for the pin) the root
    struct cm_cert *const *roots; // trusted
    size_t root_count;
    const char *expected_uri; // client: the server's URI name, byte for byte; may be NULL
    struct cm_sha256 pin;
};

CM_MUSTUSE enum cm_rc cm_tls_context_new(const struct cm_tls_config *config,
                                         struct cm_tls_context **out, struct cm_err *err);
void cm_tls_context_unref(struct cm_tls_context *ctx);
struct cm_tls_context *cm_tls_context_ref(struct cm_tls_context *ctx);

// cm_tls_context_replace swaps key, chain and roots for sessions that start from now on.
CM_MUSTUSE enum cm_rc cm_tls_context_replace(struct cm_tls_context *ctx,
                                             const struct cm_tls_config *config,
                                             struct cm_err *err);

// Moves ciphertext. Each returns the number of bytes, 0 for "would block", -1 when closed.
struct cm_tls_io {
    long (*send)(void *arg, const void *bytes, size_t size);
    long (*recv)(void *arg, void *bytes, size_t size);
    void *arg;
};

enum cm_tls_result { CM_TLS_OK, CM_TLS_AGAIN, CM_TLS_CLOSED, CM_TLS_FAILED };

struct cm_tls_session *cm_tls_session_new(struct cm_tls_context *ctx, const struct cm_tls_io *io);
void cm_tls_session_free(struct cm_tls_session *s);
enum cm_tls_result cm_tls_handshake(struct cm_tls_session *s);
enum cm_tls_result cm_tls_send(struct cm_tls_session *s, const void *bytes, size_t *size);
enum cm_tls_result cm_tls_recv(struct cm_tls_session *s, void *bytes, size_t *size);
void cm_tls_shutdown(struct cm_tls_session *s);

// cm_tls_error says why the session failed, for people.
const char *cm_tls_error(const struct cm_tls_session *s);

struct cm_tls_peer {
    bool has_cert;
    char uri[CM_CERT_URI_MAX];
    struct cm_sha256 key_sha256;
    int64_t not_before_ms;
    int64_t not_after_ms;
    uint8_t exporter[32]; // RFC 8446 section 7.5, label "EXPORTER-holdfast-enroll", no context
};

// cm_tls_peer_get tells who is at the other end, once the handshake is done.
void cm_tls_peer_get(const struct cm_tls_session *s, struct cm_tls_peer *out);
