#include "hub/repo/id.h"

#include <string.h>

static int digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hub_repo_id_parse(const char *hex, struct hub_repo_id *out) {
    struct hub_repo_id id;

    for (size_t i = 0; i < HUB_REPO_ID_SIZE; i++) {
        int high = digit(hex[2 * i]);
        int low = high < 0 ? -1 : digit(hex[2 * i + 1]);

        if (low < 0) {
            return false;
        }
        id.bytes[i] = (uint8_t)(high << 4 | low);
    }
    if (hex[2 * (size_t)HUB_REPO_ID_SIZE] != '\0') {
        return false;
    }
    *out = id;
    return true;
}

void hub_repo_id_hex(const struct hub_repo_id *id, char out[HUB_REPO_ID_HEX_MAX]) {
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < HUB_REPO_ID_SIZE; i++) {
        out[2 * i] = digits[id->bytes[i] >> 4];
        out[2 * i + 1] = digits[id->bytes[i] & 15];
    }
    out[2 * (size_t)HUB_REPO_ID_SIZE] = '\0';
}

bool hub_repo_id_equal(const struct hub_repo_id *a, const struct hub_repo_id *b) {
    return memcmp(a->bytes, b->bytes, HUB_REPO_ID_SIZE) == 0;
}
