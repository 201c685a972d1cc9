#include "common/net/net.h"

#include <nng/nng.h>

void cm_net_done(void) {
    nng_fini();
}
