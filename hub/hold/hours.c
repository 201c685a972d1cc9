#include "hub/hold/hours.h"

#include <stdbool.h>
#include <string.h>

enum { MINUTE_MS = 60000, HOUR_MINUTES = 60, DAY_MINUTES = 1440, DAYS = 7 };

static const int64_t day_ms = (int64_t)DAY_MINUTES * MINUTE_MS;

// ---- Reading

static int read_day(const char **at) {
    static const char names[DAYS][4] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

    for (int i = 0; i < DAYS; i++) {
        if (strncmp(*at, names[i], 3) == 0) {
            *at += 3;
            return i;
        }
    }
    return -1;
}

static bool read_days(const char **at, uint8_t *out) {
    do {
        int first = read_day(at);
        int last = first;

        if (first >= 0 && **at == '-') {
            ++*at;
            last = read_day(at);
        }
        if (last < 0) {
            return false;
        }
        for (int day = first;; day = (day + 1) % DAYS) {
            *out |= (uint8_t)(1u << day);
            if (day == last) {
                break;
            }
        }
    } while (*(*at)++ == ',');
    return (*at)[-1] == ' ';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// read_time reads "08:30" into minutes, at most `most`.
static bool read_time(const char **at, int most, int *out) {
    const char *t = *at;

    if (!is_digit(t[0]) || !is_digit(t[1]) || t[2] != ':' || !is_digit(t[3]) || !is_digit(t[4]) ||
        t[3] > '5') {
        return false;
    }
    *out = ((t[0] - '0') * 10 + t[1] - '0') * HOUR_MINUTES + (t[3] - '0') * 10 + t[4] - '0';
    *at += 5;
    return *out <= most;
}

static bool read_times(const char **at, struct hub_hours *out) {
    if (!read_time(at, DAY_MINUTES - 1, &out->from_min) || *(*at)++ != '-' ||
        !read_time(at, DAY_MINUTES, &out->to_min) || out->from_min == out->to_min) {
        return false;
    }
    out->to_min += out->to_min < out->from_min ? DAY_MINUTES : 0;
    return true;
}

// read_offset reads " +02:00", or nothing.
static bool read_offset(const char **at, int *out) {
    if (**at == '\0') {
        return true;
    }
    bool west = strncmp(*at, " -", 2) == 0;
    if (!west && strncmp(*at, " +", 2) != 0) {
        return false;
    }
    *at += 2;
    if (!read_time(at, 14 * HOUR_MINUTES, out)) {
        return false;
    }
    *out = west ? -*out : *out;
    return true;
}

enum cm_rc hub_hours_parse(const char *text, struct hub_hours *out, struct cm_err *err) {
    const char *at = text;

    *out = (struct hub_hours){0};
    if (read_days(&at, &out->days) && read_times(&at, out) && read_offset(&at, &out->offset_min) &&
        *at == '\0') {
        return CM_OK;
    }
    return cm_fail(err, CM_EINVAL,
                   "'%.60s' are no working hours: write them as 'Mon-Fri 08:00-17:00 +01:00'",
                   text);
}

// ---- When

static int64_t floor_days(int64_t ms) {
    return ms / day_ms - (ms % day_ms < 0 ? 1 : 0);
}

static bool has_day(const struct hub_hours *h, int64_t day) {
    int64_t weekday = (day + 3) % DAYS; // 1970-01-01 was a Thursday

    return (h->days & (1u << (weekday < 0 ? weekday + DAYS : weekday))) != 0;
}

int64_t hub_hours_next(const struct hub_hours *h, int64_t at_ms) {
    int64_t offset_ms = (int64_t)h->offset_min * MINUTE_MS;
    int64_t there_ms = at_ms + offset_ms;
    int64_t today = floor_days(there_ms);

    for (int64_t day = today - 1; day <= today + DAYS; day++) {
        int64_t from_ms = day * day_ms + (int64_t)h->from_min * MINUTE_MS;
        int64_t to_ms = day * day_ms + (int64_t)h->to_min * MINUTE_MS;

        if (has_day(h, day) && there_ms < to_ms) {
            return there_ms > from_ms ? at_ms : from_ms - offset_ms;
        }
    }
    return at_ms; // there are no days
}
