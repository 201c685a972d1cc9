#include "hub/past/moment.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#define SECOND_MS ((int64_t)1000)
#define DAY_MS (24 * 3600 * SECOND_MS)
#define COUNT_MAX 1000000
#define TEXT_MAX 64
#define EXAMPLES "write 2.hours.ago, yesterday, 2026-10-01 or 2026-10-01T12:00"

static const struct {
    const char *name;
    int64_t ms;
} units[] = {
    {"second", SECOND_MS}, {"minute", 60 * SECOND_MS}, {"hour", 3600 * SECOND_MS}, {"day", DAY_MS},
    {"week", 7 * DAY_MS},  {"month", 30 * DAY_MS},     {"year", 365 * DAY_MS},
};

// unit_of returns the length of a unit, "hour" or "hours"; 0 if it is none.
static int64_t unit_of(const char *word, size_t size) {
    size -= size > 1 && word[size - 1] == 's' ? 1 : 0;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strlen(units[i].name) == size && memcmp(word, units[i].name, size) == 0) {
            return units[i].ms;
        }
    }
    return 0;
}

static bool is_gap(char c) {
    return c == '.' || c == ' ';
}

// "2.hours.ago": how long ago.
static bool read_ago(const char *text, int64_t *out_ms) {
    char *rest = NULL;
    long count = text[0] >= '0' && text[0] <= '9' ? strtol(text, &rest, 10) : -1;

    if (count < 0 || count > COUNT_MAX || !is_gap(*rest)) {
        return false;
    }
    const char *unit = rest + 1;
    size_t size = strcspn(unit, ". ");
    int64_t ms = unit_of(unit, size);
    *out_ms = count * ms;
    return ms > 0 && is_gap(unit[size]) && strcmp(unit + size + 1, "ago") == 0;
}

// What is left out of "2026-10-01T12:00:00Z", by what is there.
static const char *left_out(size_t size, bool offset) {
    switch (size) {
    case 10:
        return offset ? NULL : "T00:00:00";
    case 16:
        return ":00";
    default:
        return size >= 19 ? "" : NULL;
    }
}

// A time zone stands behind the time: Z, or the first + or - after the date.
static size_t find_offset(const char *text) {
    size_t size = strlen(text);

    for (size_t i = 10; i < size; i++) {
        if (text[i] == 'Z' || text[i] == '+' || text[i] == '-') {
            return i;
        }
    }
    return size;
}

static bool read_date(const char *text, int64_t *out_ms) {
    char full[TEXT_MAX];
    size_t size = strlen(text);

    if (size < 10 || size >= TEXT_MAX / 2) {
        return false;
    }
    size_t offset = find_offset(text);
    const char *rest = left_out(offset, offset < size);
    if (rest == NULL) {
        return false;
    }
    (void)snprintf(full, sizeof(full), "%.*s%s%s", (int)offset, text, rest,
                   offset < size ? text + offset : "Z");
    if (full[10] == ' ') {
        full[10] = 'T';
    }
    return cm_clock_parse(full, out_ms);
}

enum cm_rc hub_moment_parse(const char *text, int64_t now_ms, int64_t *out_ms, struct cm_err *err) {
    int64_t ago = 0;

    if (strcmp(text, "yesterday") == 0) {
        ago = DAY_MS;
    } else if (strcmp(text, "now") != 0 && !read_ago(text, &ago)) {
        if (!read_date(text, out_ms)) {
            return cm_fail(err, CM_EINVAL, "'%.60s' is no time: " EXAMPLES, text);
        }
        return *out_ms <= now_ms ? CM_OK
                                 : cm_fail(err, CM_EINVAL,
                                           "'%.60s' is still to come: times are UTC unless they "
                                           "end with an offset like +02:00",
                                           text);
    }
    *out_ms = now_ms - ago;
    return CM_OK;
}
