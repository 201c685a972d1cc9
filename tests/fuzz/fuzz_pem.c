// What is read from PEM is written to PEM that reads as the same.
#include <stdlib.h>
#include <string.h>

#include "common/tls/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void check_key(const char *pem, size_t size) {
    struct cm_key *key = NULL;
    struct cm_key *back = NULL;
    struct cm_err err;

    if (cm_key_from_pem(pem, size, &key, &err) < 0) {
        require(key == NULL);
        return;
    }
    char *text = cm_key_to_pem(key);
    require(cm_key_from_pem(text, strlen(text), &back, &err) == CM_OK);
    struct cm_sha256 a = cm_key_sha256(key);
    struct cm_sha256 b = cm_key_sha256(back);
    require(cm_sha256_equal(&a, &b));
    cm_key_free(key);
    cm_key_free(back);
    cm_secret_free(text);
}

static void check_cert(const char *pem, size_t size) {
    struct cm_cert *cert = NULL;
    struct cm_cert *back = NULL;
    struct cm_err err;

    if (cm_cert_from_pem(pem, size, &cert, &err) < 0) {
        require(cert == NULL);
        return;
    }
    char *text = cm_cert_to_pem(cert);
    require(cm_cert_from_pem(text, strlen(text), &back, &err) == CM_OK);
    struct cm_sha256 a = cm_cert_key_sha256(cert);
    struct cm_sha256 b = cm_cert_key_sha256(back);
    require(cm_sha256_equal(&a, &b));
    cm_cert_free(cert);
    cm_cert_free(back);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check_key((const char *)data, size);
    check_cert((const char *)data, size);
    return 0;
}
