#include "common/clock.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

// The largest time that RFC 3339 can write: the end of the year 9999.
#define LATEST_MS INT64_C(253402300799999)
#define EARLIEST_MS (-INT64_C(62167219200000))

static _Atomic int64_t fake_ms = -1; // negative: the clocks are real
static _Atomic int64_t set_on_ms;    // of the fake Unix time

static int64_t read_us(clockid_t id) {
    struct timespec now;

    (void)clock_gettime(id, &now); // cannot fail with these two clocks
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t cm_clock_now_us(void) {
    int64_t fake = fake_ms;

    return fake >= 0 ? fake * 1000 : read_us(CLOCK_MONOTONIC);
}

int64_t cm_clock_now_ms(void) {
    return cm_clock_now_us() / 1000;
}

int64_t cm_clock_unix_ms(void) {
    int64_t fake = fake_ms;

    return fake >= 0 ? fake + set_on_ms : read_us(CLOCK_REALTIME) / 1000;
}

void cm_clock_fake(int64_t ms) {
    fake_ms = ms;
    set_on_ms = 0;
}

void cm_clock_set_on(int64_t ms) {
    assert(fake_ms >= 0);
    set_on_ms += ms;
}

void cm_clock_advance(int64_t ms) {
    assert(fake_ms >= 0);
    fake_ms += ms;
}

void cm_clock_format(int64_t unix_ms, char out[CM_CLOCK_TEXT_MAX]) {
    int64_t ms = unix_ms < EARLIEST_MS ? EARLIEST_MS : unix_ms > LATEST_MS ? LATEST_MS : unix_ms;
    int64_t fraction = (ms % 1000 + 1000) % 1000;
    time_t seconds = (time_t)((ms - fraction) / 1000);
    struct tm tm;

    (void)gmtime_r(&seconds, &tm);
    (void)snprintf(out, CM_CLOCK_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                   (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
                   (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100,
                   (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100, (unsigned)fraction);
}

// read_digits reads exactly n digits followed by the byte `after` (0: anything) and steps over
// both.
static bool read_digits(const char **at, int n, char after, int *out) {
    int value = 0;

    for (int i = 0; i < n; i++, (*at)++) {
        if (**at < '0' || **at > '9') {
            return false;
        }
        value = value * 10 + (**at - '0');
    }
    *out = value;
    if (after == 0) {
        return true;
    }
    return *(*at)++ == after;
}

static int days_in(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

static bool read_date(const char **at, struct tm *tm) {
    int year, month;

    if (!read_digits(at, 4, '-', &year) || !read_digits(at, 2, '-', &month) ||
        !read_digits(at, 2, 0, &tm->tm_mday)) {
        return false;
    }
    if (month < 1 || month > 12 || tm->tm_mday < 1 || tm->tm_mday > days_in(year, month)) {
        return false;
    }
    tm->tm_year = year - 1900;
    tm->tm_mon = month - 1;
    return true;
}

static bool read_time(const char **at, struct tm *tm) {
    return read_digits(at, 2, ':', &tm->tm_hour) && read_digits(at, 2, ':', &tm->tm_min) &&
           read_digits(at, 2, 0, &tm->tm_sec) && tm->tm_hour <= 23 && tm->tm_min <= 59 &&
           tm->tm_sec <= 60; // 60: a leap second
}

// read_fraction reads an optional fraction of a second and rounds it down to milliseconds.
static bool read_fraction(const char **at, int *out_ms) {
    int factor = 100;

    *out_ms = 0;
    if (**at != '.') {
        return true;
    }
    (*at)++;
    if (**at < '0' || **at > '9') {
        return false;
    }
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        *out_ms += (**at - '0') * factor;
        factor /= 10;
    }
    return true;
}

static bool read_offset(const char **at, int *out_minutes) {
    char sign = *(*at)++;
    int hours, minutes;

    *out_minutes = 0;
    if (sign == 'Z' || sign == 'z') {
        return true;
    }
    if ((sign != '+' && sign != '-') || !read_digits(at, 2, ':', &hours) ||
        !read_digits(at, 2, 0, &minutes) || hours > 23 || minutes > 59) {
        return false;
    }
    *out_minutes = (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

bool cm_clock_parse(const char *text, int64_t *out_unix_ms) {
    struct tm tm = {0};
    int ms, offset_minutes;

    if (!read_date(&text, &tm) || (*text != 'T' && *text != 't')) {
        return false;
    }
    text++;
    if (!read_time(&text, &tm) || !read_fraction(&text, &ms) ||
        !read_offset(&text, &offset_minutes) || *text != '\0') {
        return false;
    }
    *out_unix_ms = ((int64_t)timegm(&tm) - (int64_t)offset_minutes * 60) * 1000 + ms;
    return true;
}
