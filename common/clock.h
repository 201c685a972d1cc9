// clock: what time it is, in a form that tests can set.
//
// Threads: any; fake and advance are for one test at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// cm_clock_now_ms is milliseconds since some fixed moment; it never goes back (CLOCK_MONOTONIC).
int64_t cm_clock_now_ms(void);
int64_t cm_clock_now_us(void);

// cm_clock_unix_ms is milliseconds since 1970 (CLOCK_REALTIME).
int64_t cm_clock_unix_ms(void);

// cm_clock_fake stops both clocks at `ms` for tests; cm_clock_advance moves them; a negative value
// gives the real ones back.
void cm_clock_fake(int64_t ms);
void cm_clock_advance(int64_t ms);

// cm_clock_set_on sets the Unix time on by so much, as an administrator or NTP does, until the next
// cm_clock_fake.
void cm_clock_set_on(int64_t ms);

#define CM_CLOCK_TEXT_MAX 32

// cm_clock_format writes a Unix time as RFC 3339 in UTC with milliseconds
// ("2026-10-01T12:00:00.123Z").
void cm_clock_format(int64_t unix_ms, char out[CM_CLOCK_TEXT_MAX]);

// cm_clock_parse reads RFC 3339 (with or without fractions, any offset). It tells whether the text
// was one.
bool cm_clock_parse(const char *text, int64_t *out_unix_ms);
