#include "common/tls/trust.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/tls/openssl.h"

#define PURPOSE "holdfast-trust-v1"

enum { PURPOSE_SIZE = sizeof(PURPOSE) - 1, ID_SIZE = CM_UUID_MAX - 1, VERSION_SIZE = 8 };

void cm_trust_done(struct cm_trust *t) {
    for (size_t i = 0; i < t->count; i++) {
        cm_cert_free(t->roots[i]);
    }
    *t = (struct cm_trust){0};
}

enum cm_rc cm_trust_add(struct cm_trust *t, struct cm_cert *root, struct cm_err *err) {
    CM_CLEANUP(cm_cert_freep) struct cm_cert *owned = root;
    const char *wrong = cm_x509_check_use(root->x509, CM_CERT_ROOT);

    if (wrong != NULL) {
        return cm_fail(err, CM_EINVAL, "a root's certificate is not good: %s", wrong);
    }
    if (t->count == CM_TRUST_ROOTS_MAX) {
        return cm_fail(err, CM_EINVAL, "more than %d roots", CM_TRUST_ROOTS_MAX);
    }
    t->roots[t->count++] = CM_TAKE(owned);
    return CM_OK;
}

static struct cm_sha256 hash_of(const struct cm_cert *cert) {
    CM_AUTOFREE uint8_t *der = NULL;
    size_t size;

    cm_cert_to_der(cert, &der, &size);
    return cm_sha256(der, size);
}

// The purpose, the hub's id, the number (big endian), and the hash of each root.
static struct cm_buf *text_of(const struct cm_trust *t, const char *hub_id) {
    struct cm_buf *out =
        cm_buf_new(PURPOSE_SIZE + ID_SIZE + VERSION_SIZE + t->count * CM_SHA256_SIZE);
    uint8_t *at = out->data;

    memcpy(at, PURPOSE, PURPOSE_SIZE);
    at += PURPOSE_SIZE;
    memset(at, 0, ID_SIZE);
    memcpy(at, hub_id, strnlen(hub_id, ID_SIZE));
    at += ID_SIZE;
    for (int shift = 56; shift >= 0; shift -= 8) {
        *at++ = (uint8_t)(t->version >> shift);
    }
    for (size_t i = 0; i < t->count; i++, at += CM_SHA256_SIZE) {
        struct cm_sha256 hash = hash_of(t->roots[i]);

        memcpy(at, hash.bytes, CM_SHA256_SIZE);
    }
    return out;
}

size_t cm_trust_sign(const struct cm_trust *t, const char *hub_id, const struct cm_key *root_key,
                     uint8_t out[CM_SIGNATURE_MAX]) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *text = text_of(t, hub_id);

    return cm_sign(root_key, text->data, text->size, out);
}

static bool is_signed(const struct cm_trust *by, const struct cm_buf *text,
                      const struct cm_trust_signature *signature) {
    for (size_t i = 0; i < by->count; i++) {
        if (cm_cert_check(by->roots[i], text->data, text->size, signature->bytes,
                          signature->size)) {
            return true;
        }
    }
    return false;
}

enum cm_rc cm_trust_check(const struct cm_trust *now, const struct cm_trust *next,
                          const char *hub_id, const struct cm_trust_signature *signatures,
                          size_t count, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *text = text_of(next, hub_id);

    if (next->version <= now->version || next->count == 0) {
        return cm_fail(err, CM_EAUTH, "a set of roots that is older than the one in use");
    }
    for (size_t i = 0; i < count; i++) {
        if (is_signed(now, text, &signatures[i])) {
            return CM_OK;
        }
    }
    return cm_fail(err, CM_EAUTH, "a set of roots that no root signed which is believed now");
}

enum cm_rc cm_trust_verify(const struct cm_trust *t, const struct cm_cert *cert,
                           enum cm_cert_use use, int64_t at_ms, struct cm_err *err) {
    enum cm_rc rc = cm_fail(err, CM_EAUTH, "no root is believed");

    for (size_t i = 0; rc < 0 && i < t->count; i++) {
        rc = cm_cert_verify(cert, use, NULL, 0, t->roots[i], at_ms, err);
    }
    return rc;
}
