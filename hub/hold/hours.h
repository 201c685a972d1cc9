// hours: working hours, as people write them, so that what ends by itself ends while somebody is
// there.
//
//     Mon-Fri 08:00-17:00              UTC
//     Mon,Wed-Fri,Sun 09:30-12:00 +02:00
//     Mon-Fri 22:00-06:00              over midnight; the last ones end on Saturday
//
// Days are those of the week, English and with three letters; a range may go over its end. The
// offset is fixed: there are no time zones with summer time in it.
//
// Threads: any; pure.
#pragma once

#include <stdint.h>

#include "common/err.h"

struct hub_hours {
    uint8_t days;   // bit 0: Monday
    int from_min;   // of the day there
    int to_min;     // not in it any more; after from_min, and over a day's end on the next day
    int offset_min; // east of UTC
};

// hub_hours_parse reads them; CM_EINVAL says what is wrong.
CM_MUSTUSE enum cm_rc hub_hours_parse(const char *text, struct hub_hours *out, struct cm_err *err);

// hub_hours_next is the moment itself (Unix ms) if it is within them, else when they begin next.
int64_t hub_hours_next(const struct hub_hours *h, int64_t at_ms);
