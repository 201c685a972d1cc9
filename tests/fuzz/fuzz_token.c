// Any text given as a join token: what is taken for one reads back as it was.
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/mem.h"
#include "proto/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_AUTOFREE char *text = cm_strndup((const char *)data, size);
    char again[WIRE_TOKEN_TEXT_MAX];
    struct wire_token token;
    struct cm_err err;

    if (wire_token_parse(text, &token, &err) < 0) {
        return 0;
    }
    wire_token_text(&token, again);
    assert(strcasecmp(text, again) == 0);
    return 0;
}
