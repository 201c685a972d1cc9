#include "hub/session/allowance.h"

static int64_t used_now(const struct hub_allowance *a, int64_t now_ms) {
    int64_t full_after_ms = a->used_bytes / HUB_ALLOWANCE_BYTES_PER_MS + 1;
    int64_t passed_ms = now_ms - a->at_ms;

    return passed_ms >= full_after_ms ? 0 : a->used_bytes - passed_ms * HUB_ALLOWANCE_BYTES_PER_MS;
}

bool hub_allowance_take(struct hub_allowance *a, size_t bytes, int64_t now_ms) {
    a->used_bytes = used_now(a, now_ms);
    a->at_ms = now_ms;
    if (a->used_bytes >= HUB_ALLOWANCE_BYTES) {
        return false;
    }
    a->used_bytes += (int64_t)bytes;
    return true;
}
