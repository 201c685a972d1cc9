// An address that is taken has a host without anything that could be a second one, a port within
// range, and goes for a listener too.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/net/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_AUTOFREE char *addr = cm_strndup((const char *)data, size);
    struct cm_err err = {0};

    if (cm_net_addr_check(addr, false, &err) < 0) {
        require(err.code == CM_EINVAL && err.msg[0] != '\0');
        return 0;
    }
    const char *port = strrchr(addr, ':') + 1;
    long number = strtol(port, NULL, 10);
    require(number > 0 && number <= 65535 && strlen(port) <= 5);
    require(strpbrk(addr, " \t\r\n/@?#%,") == NULL && strlen(addr) < 300);
    require(strchr(addr, ':') == port - 1 || addr[0] == '[');
    require(cm_net_addr_check(addr, true, &err) == CM_OK);
    (void)cm_net_addr_is_numeric(addr);
    return 0;
}
