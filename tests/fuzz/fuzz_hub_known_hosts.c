// Whatever known_hosts says, a key is known only if the text holds it; and a line that we write for
// libssh2 names one that is known.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/tls/digest.h"
#include "hub/repo/known_hosts.h"

#define KEY "AAAAC3NzaC1lZDI1NTE5AAAAIJNHSYie59a7+b+kFI7ZgmKOI1sp/gWBJMui3aIp8ch1"
#define FINGERPRINT "SHA256:lvUZ7vxVRvioclzBWU4Nb5S2q5W5k/3pZZbzDSTfpGE"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth) {
    if (!truth) {
        abort();
    }
}

static enum hub_known_host check(const char *text, const char *host, uint16_t port,
                                 const char *base64, size_t len) {
    CM_AUTOFREE uint8_t *key = NULL;
    size_t size = 0;

    if (!cm_base64_decode(base64, len, &key, &size)) {
        return HUB_HOST_UNKNOWN;
    }
    return hub_known_hosts_check(text, host, port, key, size);
}

static void check_line(const char *text, uint16_t port, const char *line) {
    const char *key = strrchr(line, ' ') + 1;
    enum hub_known_host found = check(text, "git.example.com", port, key, strlen(key) - 1);

    require(strchr(line, '\n') == line + strlen(line) - 1);
    require(strncmp(line, port == 22 ? "git.example.com " : "[git.example.com]:2222 ",
                    port == 22 ? 16 : 23) == 0);
    // It is a hint: base64 may have odd bits before its padding, and for another port a line that
    // names it with an unusable key counts when checking. Nothing else may differ.
    require(found != HUB_HOST_UNKNOWN);
    require(found != HUB_HOST_CHANGED || strchr(key, '=') != NULL || port != 22);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint16_t ports[] = {22, 2222};
    CM_AUTOFREE char *text = cm_new(1, size + 1);
    struct cm_err err;

    memcpy(text, data, size);
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        CM_AUTOFREE char *line = hub_known_hosts_for(text, "git.example.com", ports[i]);
        enum hub_known_host found = check(text, "git.example.com", ports[i], KEY, sizeof(KEY) - 1);

        require(found != HUB_HOST_KNOWN || strstr(text, KEY) != NULL ||
                strstr(text, FINGERPRINT) != NULL);
        if (line != NULL) {
            check_line(text, ports[i], line);
        }
    }
    enum cm_rc rc = hub_known_hosts_validate(text, &err);
    require(rc == CM_OK || rc == CM_EINVAL);
    return 0;
}
