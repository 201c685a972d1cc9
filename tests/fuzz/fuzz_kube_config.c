// A kubeconfig that is taken names a server and has a certificate only with its key; one that is
// refused leaves nothing behind and says why.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/kubeconfig.h"
#include "common/arena.h"
#include "common/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_kubeconfig config = {0};
    struct cm_err err = {0};

    if (kube_kubeconfig_parse(a, (const char *)data, size, NULL, &config, &err) < 0) {
        require(err.code == CM_EINVAL && err.msg[0] != '\0' && config.server == NULL);
        return 0;
    }
    require(config.server != NULL && config.server[0] != '\0');
    bool has_cert = config.cert_pem != NULL || config.cert_file != NULL;
    bool has_key = config.key_pem != NULL || config.key_file != NULL;
    require(has_cert == has_key);
    return 0;
}
