#include "common/tls/session.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/tls/openssl.h"

// A peer may change its keys once in a while (RFC 8446, section 5.5: after 2^24 full records). It
// costs whoever does it a few bytes, and would be no frame that anybody counts.
enum { LATE_MAX = 32 };

// What a handshake needs, never changed once made: a session keeps the ones that it began with.
struct credentials {
    _Atomic uint32_t refs;
    enum cm_tls_role role;
    SSL_CTX *ssl_ctx;
    char *expected_uri; // NULL: any
    struct cm_sha256 pin;
};

struct cm_tls_context {
    _Atomic uint32_t refs;

    pthread_mutex_t mu; // guards everything below
    struct credentials *now;
};

struct cm_tls_session {
    SSL *ssl;
    struct credentials *credentials;
    struct cm_tls_io io;
    bool closed; // the peer's bytes have ended
    bool is_up;
    unsigned late; // messages of a handshake that came afterwards
    char why[160];
};

static void unref_credentials(struct credentials *c) {
    if (c == NULL || atomic_fetch_sub(&c->refs, 1) != 1) {
        return;
    }
    SSL_CTX_free(c->ssl_ctx);
    free(c->expected_uri);
    free(c);
}

static void unref_credentialsp(struct credentials **c) {
    unref_credentials(*c);
}

static bool is_client(enum cm_tls_role role) {
    return role == CM_TLS_CLIENT || role == CM_TLS_CLIENT_PINNED;
}

// Who may be at the other end

static void free_stack(STACK_OF(X509) * *stack) {
    sk_X509_free(*stack); // the certificates are borrowed
}

// The pinned root; its key may come along in another certificate, too.
static X509 *find_pinned(STACK_OF(X509) * sent, const struct cm_sha256 *pin) {
    for (int i = 0; i < sk_X509_num(sent); i++) {
        X509 *x509 = sk_X509_value(sent, i);
        struct cm_sha256 key = cm_spki_sha256(X509_get_X509_PUBKEY(x509));

        if (cm_sha256_equal(&key, pin) && cm_x509_check_use(x509, CM_CERT_ROOT) == NULL) {
            return x509;
        }
    }
    return NULL;
}

static int mind_no_beginning(int ok, X509_STORE_CTX *ctx) {
    return ok == 1 || X509_STORE_CTX_get_error(ctx) == X509_V_ERR_CERT_NOT_YET_VALID;
}

// check_chain lets OpenSSL build the chain to a root that is trusted, or to the pinned one that the
// peer sent along.
static const char *check_chain(X509_STORE_CTX *ctx, const struct credentials *c) {
    CM_CLEANUP(free_stack) STACK_OF(X509) *pinned = NULL;
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

    if (c->role == CM_TLS_CLIENT_PINNED) {
        X509 *root = find_pinned(X509_STORE_CTX_get0_untrusted(ctx), &c->pin);

        if (root == NULL) {
            return "the hub did not show the pinned root";
        }
        pinned = sk_X509_new_null();
        cm_openssl_must(pinned != NULL && sk_X509_push(pinned, root) > 0, "allocate");
        X509_STORE_CTX_set0_trusted_stack(ctx, pinned);
    }
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
    X509_VERIFY_PARAM_set_time(param, (time_t)(cm_clock_unix_ms() / 1000));
    if (is_client(c->role)) {
        X509_STORE_CTX_set_verify_cb(ctx, mind_no_beginning);
    }
    if (X509_verify_cert(ctx) != 1) {
        return X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
    }
    return NULL;
}

static const char *check_leaf(X509 *leaf, const struct credentials *c) {
    enum cm_cert_use use = is_client(c->role) ? CM_CERT_SERVER : CM_CERT_AGENT;
    const char *wrong = cm_x509_check_use(leaf, use);
    char uri[CM_CERT_URI_MAX];

    if (wrong != NULL) {
        return wrong;
    }
    if (!cm_spki_is_p256(X509_get_X509_PUBKEY(leaf))) {
        return "its key is not a P-256 key";
    }
    if (!cm_x509_uri(leaf, uri)) {
        return "it does not hold exactly one URI name";
    }
    if (c->expected_uri != NULL && strcmp(uri, c->expected_uri) != 0) {
        return "it is another hub's certificate";
    }
    return NULL;
}

static int verify_peer(X509_STORE_CTX *ctx, void *arg) {
    SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct cm_tls_session *s = SSL_get_app_data(ssl);
    const char *wrong = check_chain(ctx, arg);

    if (wrong == NULL) {
        wrong = check_leaf(X509_STORE_CTX_get0_cert(ctx), arg);
        if (wrong != NULL) {
            X509_STORE_CTX_set_error(ctx, X509_V_ERR_APPLICATION_VERIFICATION);
        }
    }
    if (wrong != NULL) {
        (void)snprintf(s->why, sizeof(s->why), "the peer's certificate is not good: %s", wrong);
    }
    return wrong == NULL;
}

// Contexts

static void count_late(int written, int version, int type, const void *bytes, size_t size, SSL *ssl,
                       void *arg) {
    struct cm_tls_session *s = SSL_get_app_data(ssl);

    (void)version, (void)bytes, (void)size, (void)arg;
    s->late += s->is_up && written == 0 && type == SSL3_RT_HANDSHAKE;
}

static void set_policy(SSL_CTX *ctx) {
    static char groups[] = "X25519:P-256"; // OpenSSL's macros take what is not const
    static char algorithms[] = "ECDSA+SHA256";

    cm_openssl_must(SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
                        SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:"
                                                      "TLS_CHACHA20_POLY1305_SHA256:"
                                                      "TLS_AES_256_GCM_SHA384") == 1 &&
                        SSL_CTX_set1_groups_list(ctx, groups) == 1 &&
                        SSL_CTX_set1_sigalgs_list(ctx, algorithms) == 1 &&
                        SSL_CTX_set_num_tickets(ctx, 0) == 1,
                    "set the TLS policy");
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_CLEANSE_PLAINTEXT);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_max_cert_list(ctx, (long)CM_DER_MAX); // before anybody is known
    SSL_CTX_set_security_level(ctx, 2);
    SSL_CTX_set_msg_callback(ctx, count_late);
}

static enum cm_rc use_own(SSL_CTX *ctx, const struct cm_tls_config *config, struct cm_err *err) {
    if (config->key == NULL) {
        return CM_OK;
    }
    if (config->chain_count == 0 || SSL_CTX_use_certificate(ctx, config->chain[0]->x509) != 1 ||
        SSL_CTX_use_PrivateKey(ctx, config->key->pkey) != 1) {
        return cm_fail(err, CM_EINVAL, "the key does not belong to the certificate (%s)",
                       cm_openssl_why());
    }
    for (size_t i = 1; i < config->chain_count; i++) {
        cm_openssl_must(SSL_CTX_add1_chain_cert(ctx, config->chain[i]->x509) == 1, "allocate");
    }
    return CM_OK;
}

static enum cm_rc check_config(const struct cm_tls_config *config, struct cm_err *err) {
    bool needs_roots = config->role == CM_TLS_CLIENT || config->role == CM_TLS_SERVER_MUTUAL;

    if (needs_roots && config->root_count == 0) {
        return cm_fail(err, CM_EINVAL, "no root certificate is trusted");
    }
    if (!is_client(config->role) && config->key == NULL) {
        return cm_fail(err, CM_EINVAL, "a TLS server needs a key and a certificate");
    }
    return CM_OK;
}

static enum cm_rc make_credentials(const struct cm_tls_config *config, struct credentials **out,
                                   struct cm_err *err) {
    CM_CLEANUP(unref_credentialsp) struct credentials *c = NULL;

    if (check_config(config, err) < 0) {
        return cm_wrap(err, "set up TLS");
    }
    c = cm_new(1, sizeof(*c));
    c->refs = 1;
    c->role = config->role;
    c->pin = config->pin;
    c->expected_uri = cm_strdup(config->expected_uri);
    c->ssl_ctx = SSL_CTX_new_ex(cm_openssl_library(), NULL, TLS_method());
    cm_openssl_must(c->ssl_ctx != NULL, "allocate");
    set_policy(c->ssl_ctx);
    if (use_own(c->ssl_ctx, config, err) < 0) {
        return cm_wrap(err, "set up TLS");
    }
    for (size_t i = 0; i < config->root_count; i++) {
        cm_openssl_must(
            X509_STORE_add_cert(SSL_CTX_get_cert_store(c->ssl_ctx), config->roots[i]->x509) == 1,
            "allocate");
    }
    SSL_CTX_set_verify(c->ssl_ctx,
                       c->role == CM_TLS_SERVER ? SSL_VERIFY_NONE
                                                : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       NULL);
    SSL_CTX_set_cert_verify_callback(c->ssl_ctx, verify_peer, c);
    *out = CM_TAKE(c);
    return CM_OK;
}

enum cm_rc cm_tls_context_new(const struct cm_tls_config *config, struct cm_tls_context **out,
                              struct cm_err *err) {
    struct credentials *c = NULL;

    if (make_credentials(config, &c, err) < 0) {
        return err->code;
    }
    struct cm_tls_context *ctx = cm_new(1, sizeof(*ctx));
    ctx->refs = 1;
    ctx->now = c;
    (void)pthread_mutex_init(&ctx->mu, NULL);
    *out = ctx;
    return CM_OK;
}

struct cm_tls_context *cm_tls_context_ref(struct cm_tls_context *ctx) {
    ctx->refs++;
    return ctx;
}

void cm_tls_context_unref(struct cm_tls_context *ctx) {
    if (ctx == NULL || atomic_fetch_sub(&ctx->refs, 1) != 1) {
        return;
    }
    unref_credentials(ctx->now);
    (void)pthread_mutex_destroy(&ctx->mu);
    free(ctx);
}

enum cm_rc cm_tls_context_replace(struct cm_tls_context *ctx, const struct cm_tls_config *config,
                                  struct cm_err *err) {
    struct credentials *fresh = NULL;

    if (make_credentials(config, &fresh, err) < 0) {
        return err->code;
    }
    (void)pthread_mutex_lock(&ctx->mu);
    struct credentials *old = ctx->now;
    ctx->now = fresh;
    (void)pthread_mutex_unlock(&ctx->mu);
    unref_credentials(old);
    return CM_OK;
}

static struct credentials *current(struct cm_tls_context *ctx) {
    (void)pthread_mutex_lock(&ctx->mu);
    struct credentials *c = ctx->now;
    c->refs++;
    (void)pthread_mutex_unlock(&ctx->mu);
    return c;
}

// The BIO below a session: cm_tls_io in OpenSSL's words

static int bio_write(BIO *bio, const char *bytes, int size) {
    struct cm_tls_session *s = BIO_get_data(bio);
    long n = s->io.send(s->io.arg, bytes, (size_t)size);

    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_write(bio);
        return -1;
    }
    return n < 0 ? -1 : (int)n;
}

static int bio_read(BIO *bio, char *bytes, int size) {
    struct cm_tls_session *s = BIO_get_data(bio);
    long n = s->io.recv(s->io.arg, bytes, (size_t)size);

    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    s->closed |= n < 0;
    return n < 0 ? -1 : (int)n;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr) {
    (void)bio, (void)num, (void)ptr;
    return cmd == BIO_CTRL_FLUSH; // there is nothing to flush; all else we do not know
}

static BIO_METHOD *bio_method;

static void make_bio_method(void) {
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "cm_tls_io");
    cm_openssl_must(bio_method != NULL && BIO_meth_set_write(bio_method, bio_write) == 1 &&
                        BIO_meth_set_read(bio_method, bio_read) == 1 &&
                        BIO_meth_set_ctrl(bio_method, bio_ctrl) == 1,
                    "allocate");
}

static BIO *new_bio(struct cm_tls_session *s) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, make_bio_method);
    BIO *bio = BIO_new(bio_method);
    cm_openssl_must(bio != NULL, "allocate");
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    return bio;
}

// Sessions

struct cm_tls_session *cm_tls_session_new(struct cm_tls_context *ctx, const struct cm_tls_io *io) {
    struct cm_tls_session *s = cm_new(1, sizeof(*s));

    s->credentials = current(ctx);
    s->io = *io;
    s->ssl = SSL_new(s->credentials->ssl_ctx);
    cm_openssl_must(s->ssl != NULL && SSL_set_app_data(s->ssl, s) == 1, "allocate");
    BIO *bio = new_bio(s);
    SSL_set_bio(s->ssl, bio, bio);
    if (is_client(s->credentials->role)) {
        SSL_set_connect_state(s->ssl);
    } else {
        SSL_set_accept_state(s->ssl);
    }
    return s;
}

void cm_tls_session_free(struct cm_tls_session *s) {
    if (s != NULL) {
        SSL_free(s->ssl);
        unref_credentials(s->credentials);
        free(s);
    }
}

static void say_why(struct cm_tls_session *s) {
    const char *why = cm_openssl_why();

    if (s->why[0] == '\0') {
        (void)snprintf(s->why, sizeof(s->why), "%s", why);
    }
}

// result turns what an SSL function returned into ours; the error queue was empty before the call.
static enum cm_tls_result result(struct cm_tls_session *s, int rc) {
    if (rc > 0) {
        return CM_TLS_OK;
    }
    switch (SSL_get_error(s->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return CM_TLS_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return CM_TLS_CLOSED;
    case SSL_ERROR_SYSCALL:
        ERR_clear_error();
        return CM_TLS_CLOSED;
    default:
        say_why(s);
        return CM_TLS_FAILED;
    }
}

// What the peer sent beside its own certificate, which the session holds by itself, is of no use
// once that is verified, and a hub has many peers.
static void forget_chain(struct cm_tls_session *s) {
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(s->ssl);

    while (sk_X509_num(chain) > 0) {
        X509_free(sk_X509_pop(chain));
    }
}

enum cm_tls_result cm_tls_handshake(struct cm_tls_session *s) {
    ERR_clear_error();
    enum cm_tls_result done = result(s, SSL_do_handshake(s->ssl));

    if (done == CM_TLS_OK) {
        forget_chain(s);
        s->is_up = true;
    }
    return done;
}

enum cm_tls_result cm_tls_send(struct cm_tls_session *s, const void *bytes, size_t *size) {
    ERR_clear_error();
    return result(s, SSL_write_ex(s->ssl, bytes, *size, size));
}

enum cm_tls_result cm_tls_recv(struct cm_tls_session *s, void *bytes, size_t *size) {
    ERR_clear_error();
    enum cm_tls_result done = result(s, SSL_read_ex(s->ssl, bytes, *size, size));

    if (s->late <= LATE_MAX) {
        return done;
    }
    (void)snprintf(s->why, sizeof(s->why), "the peer begins one handshake after the other");
    return CM_TLS_FAILED;
}

void cm_tls_shutdown(struct cm_tls_session *s) {
    if (SSL_is_init_finished(s->ssl)) {
        (void)SSL_shutdown(s->ssl); // only says good-bye; nobody waits for the answer
    }
    ERR_clear_error();
}

const char *cm_tls_error(const struct cm_tls_session *s) {
    return s->why[0] == '\0' ? "no error" : s->why;
}

void cm_tls_peer_get(const struct cm_tls_session *s, struct cm_tls_peer *out) {
    static const char label[] = "EXPORTER-holdfast-enroll";
    X509 *x509 = SSL_get0_peer_certificate(s->ssl);

    *out = (struct cm_tls_peer){0};
    cm_openssl_must(SSL_export_keying_material(s->ssl, out->exporter, sizeof(out->exporter), label,
                                               sizeof(label) - 1, NULL, 0, 0) == 1,
                    "export keying material");
    if (x509 != NULL) {
        struct cm_cert cert = {x509};

        out->has_cert = true;
        out->key_sha256 = cm_cert_key_sha256(&cert);
        out->not_before_ms = cm_cert_not_before_ms(&cert);
        out->not_after_ms = cm_cert_not_after_ms(&cert);
        if (!cm_x509_uri(x509, out->uri)) {
            out->uri[0] = '\0';
        }
    }
}
