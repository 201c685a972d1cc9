// A certificate's URI name is short, printable and the same each time; looking a certificate over
// for any use never gives one that is good for two.
#include <stdlib.h>
#include <string.h>

#include "common/tls/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void check_uri(const struct cm_cert *cert) {
    char uri[CM_CERT_URI_MAX];

    memset(uri, 'x', sizeof(uri));
    if (!cm_cert_uri(cert, uri)) {
        require(uri[0] == 'x'); // untouched
        return;
    }
    size_t len = strnlen(uri, sizeof(uri));
    require(len > 0 && len < sizeof(uri));
    for (size_t i = 0; i < len; i++) {
        require(uri[i] > ' ' && uri[i] <= '~');
    }
}

static void check_uses(const struct cm_cert *cert) {
    struct cm_err err;
    int good = 0;

    for (int use = CM_CERT_ROOT; use <= CM_CERT_SIGNER; use++) {
        good += cm_cert_verify(cert, (enum cm_cert_use)use, NULL, 0, cert, 0, &err) == CM_OK;
    }
    require(good <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cm_cert *cert = NULL;
    struct cm_err err;

    if (cm_cert_from_der(data, size, &cert, &err) < 0) {
        require(cert == NULL);
        return 0;
    }
    check_uri(cert);
    check_uses(cert);
    (void)cm_cert_not_after_ms(cert);
    cm_cert_free(cert);
    return 0;
}
