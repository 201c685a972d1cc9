// What is taken for a token of the API, which anybody may send, is written again as it was; what it
// opens only that one opens.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/tls/digest.h"
#include "hub/store/tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_AUTOFREE char *text = cm_strndup((const char *)data, size);
    char again[HUB_CREDENTIAL_TEXT_MAX];
    struct hub_credential shown = {0};
    struct hub_api_token token = {0};

    if (!hub_credential_parse(text, &shown)) {
        return 0;
    }
    hub_credential_text(&shown, again);
    require(strcmp(text, again) == 0);
    token.secret = cm_sha256(shown.secret, sizeof(shown.secret));
    require(hub_credential_opens(&shown, &token));
    shown.secret[size % sizeof(shown.secret)] ^= 1;
    require(!hub_credential_opens(&shown, &token));
    return 0;
}
