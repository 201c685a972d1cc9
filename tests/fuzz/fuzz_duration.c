// A duration, size or time that is accepted is in range, and a time that was read is written as one
// that reads back as the same.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_duration(const char *text) {
    struct cm_err err;
    int64_t ms = -1;

    if (cm_str_parse_duration(text, &ms, &err) == CM_OK) {
        assert(ms >= 0);
        assert(strspn(text, "0123456789mshd") == strlen(text));
    } else {
        assert(ms == -1);
        assert(err.code == CM_EINVAL);
    }
}

static void check_size(const char *text) {
    struct cm_err err;
    uint64_t bytes;

    if (cm_str_parse_size(text, &bytes, &err) == CM_OK) {
        assert(text[0] >= '0' && text[0] <= '9');
        assert(bytes >= strtoull(text, NULL, 10));
    }
}

static void check_time(const char *text) {
    char again[CM_CLOCK_TEXT_MAX];
    int64_t ms, back;

    if (!cm_clock_parse(text, &ms) || ms < 0 || ms > INT64_C(253402300799999)) {
        return;
    }
    cm_clock_format(ms, again);
    assert(cm_clock_parse(again, &back));
    assert(back == ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_AUTOFREE char *text = size == 0 ? cm_strdup("") : cm_strndup((const char *)data, size);

    check_duration(text);
    check_size(text);
    check_time(text);
    return 0;
}
