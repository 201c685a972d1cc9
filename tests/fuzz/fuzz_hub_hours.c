// Working hours that are taken have a day and an end behind their beginning; the next moment within
// them is never before the one that is asked about nor more than eight days after it, is within
// them itself, and who asks later is not sent back.
//
// The input is a moment in eight bytes, then the hours.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "hub/hold/hours.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define MOST_MS INT64_C(253402300799999) // the year 9999

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void check_moment(const struct hub_hours *h, int64_t at_ms) {
    int64_t next_ms = hub_hours_next(h, at_ms);

    require(next_ms >= at_ms && next_ms - at_ms <= 8 * DAY_MS);
    require(hub_hours_next(h, next_ms) == next_ms);
    require(hub_hours_next(h, at_ms + 60000) >= next_ms);
    if (next_ms > at_ms) { // nothing before it is within them
        require(hub_hours_next(h, next_ms - 1) == next_ms);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct hub_hours hours;
    struct cm_err err = {0};
    uint64_t at;

    if (size < sizeof(at)) {
        return 0;
    }
    memcpy(&at, data, sizeof(at));
    CM_AUTOFREE char *text = cm_strndup((const char *)data + sizeof(at), size - sizeof(at));
    if (hub_hours_parse(text, &hours, &err) < 0) {
        require(err.code == CM_EINVAL && err.msg[0] != '\0');
        return 0;
    }
    require(hours.days != 0 && hours.days < 1 << 7 && hours.from_min < hours.to_min);
    require(hours.to_min - hours.from_min <= 24 * 60 && abs(hours.offset_min) <= 14 * 60);
    check_moment(&hours, (int64_t)(at % (uint64_t)MOST_MS));
    return 0;
}
