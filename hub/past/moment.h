// moment: a time as people write it.
//
//     now   yesterday   2.hours.ago   90.minutes.ago   3.days.ago   "2 hours ago"
//     2026-10-01   2026-10-01T12:00   2026-10-01T12:00:30Z   2026-10-01T14:00+02:00
//
// The words are those that git takes in REF@{...}, of which this is the part without surprises:
// what is not understood is an error, where git makes a time of it. Without an offset times are
// UTC, and a date alone is the beginning of that day. Yesterday is 24 hours ago, a month 30 days, a
// year 365.
//
// Threads: any; pure.
#pragma once

#include <stdint.h>

#include "common/err.h"

// hub_moment_parse reads a time, in Unix milliseconds; `now_ms` is what "ago" counts from. It fails
// with CM_EINVAL for what is no time, and for one that is still to come.
CM_MUSTUSE enum cm_rc hub_moment_parse(const char *text, int64_t now_ms, int64_t *out_ms,
                                       struct cm_err *err);
