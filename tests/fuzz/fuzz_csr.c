// A request that is accepted gives a P-256 key whose point is in the request, and that survives its
// text.
#include <stdlib.h>
#include <string.h>

#include "common/tls/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void check(const struct cm_key *key) {
    char *pem = cm_key_to_pem(key);
    struct cm_key *back = NULL;
    struct cm_err err;

    require(cm_key_from_pem(pem, strlen(pem), &back, &err) == CM_OK);
    struct cm_sha256 a = cm_key_sha256(key);
    struct cm_sha256 b = cm_key_sha256(back);
    require(cm_sha256_equal(&a, &b));
    cm_key_free(back);
    cm_secret_free(pem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cm_key *key = NULL;
    struct cm_err err;

    if (cm_csr_key(data, size, &key, &err) == CM_OK) {
        check(key);
    } else {
        require(key == NULL && err.code == CM_EINVAL && err.msg[0] != '\0');
    }
    cm_key_free(key);
    return 0;
}
