#include "common/str.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"

enum { FIRST_CAPACITY = 64, NEAREST_WORD_MAX = 64 };

void cm_str_done(struct cm_str *s) {
    cm_free_wiped(s->data, s->capacity);
    *s = (struct cm_str){0};
}

void cm_str_clear(struct cm_str *s) {
    if (s->data != NULL) {
        explicit_bzero(s->data, s->len);
        s->data[0] = '\0';
    }
    s->len = 0;
}

static void grow(struct cm_str *s, size_t n) {
    size_t needed = s->len + n + 1;
    size_t capacity = s->capacity == 0 ? FIRST_CAPACITY : s->capacity;

    assert(n < SIZE_MAX / 4 && s->len < SIZE_MAX / 4);
    while (capacity < needed) {
        capacity *= 2;
    }
    s->data = cm_resize_wiped(s->data, s->capacity, capacity); // it may have been longer
    s->capacity = capacity;
}

// make_room lets n more bytes and a NUL fit.
static inline void make_room(struct cm_str *s, size_t n) {
    if (s->capacity - s->len <= n) {
        grow(s, n);
    }
}

void cm_str_reserve(struct cm_str *s, size_t n) {
    make_room(s, n);
    s->data[s->len] = '\0';
}

void cm_str_add(struct cm_str *s, const char *text) {
    cm_str_add_n(s, text, strlen(text));
}

void cm_str_add_n(struct cm_str *s, const void *bytes, size_t n) {
    make_room(s, n);
    if (n > 0) {
        memcpy(s->data + s->len, bytes, n);
    }
    s->len += n;
    s->data[s->len] = '\0';
}

void cm_str_add_char(struct cm_str *s, char c) {
    make_room(s, 1);
    s->data[s->len++] = c;
    s->data[s->len] = '\0';
}

__attribute__((format(printf, 2, 0), nonnull)) static void add_va(struct cm_str *s, const char *fmt,
                                                                  va_list args) {
    va_list again;

    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    assert(n >= 0);
    make_room(s, (size_t)n);
    (void)vsnprintf(s->data + s->len, (size_t)n + 1, fmt, again);
    va_end(again);
    s->len += (size_t)n;
}

void cm_str_addf(struct cm_str *s, const char *fmt, ...) {
    va_list args;

    va_start(args, fmt);
    add_va(s, fmt, args);
    va_end(args);
}

const char *cm_str_get(const struct cm_str *s) {
    return s->data == NULL ? "" : s->data;
}

char *cm_str_take(struct cm_str *s) {
    char *text;

    make_room(s, 0);
    s->data[s->len] = '\0';
    text = s->data;
    *s = (struct cm_str){0};
    return text;
}

char *cm_strf(const char *fmt, ...) {
    struct cm_str s = {0};
    va_list args;

    va_start(args, fmt);
    add_va(&s, fmt, args);
    va_end(args);
    return cm_str_take(&s);
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

// The rows of distance: the one before the last, the last, and this one.
struct rows {
    size_t before[NEAREST_WORD_MAX + 1];
    size_t last[NEAREST_WORD_MAX + 1];
    size_t now[NEAREST_WORD_MAX + 1];
};

// fill_row works out row i, from 1: what the first i letters of a are from each beginning of b.
static void fill_row(struct rows *rows, size_t i, const char *a, const char *b, size_t b_len) {
    rows->now[0] = i;
    for (size_t j = 1; j <= b_len; j++) {
        size_t best = least(rows->last[j], rows->now[j - 1]) + 1;

        best = least(best, rows->last[j - 1] + (a[i - 1] != b[j - 1]));
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
            best = least(best, rows->before[j - 2] + 1);
        }
        rows->now[j] = best;
    }
}

// distance counts the letters that were left out, added, changed or swapped with their neighbour
// (optimal string alignment). Both words have at most NEAREST_WORD_MAX letters.
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len) {
    struct rows rows = {0};

    for (size_t j = 0; j <= b_len; j++) {
        rows.last[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        fill_row(&rows, i, a, b, b_len);
        memcpy(rows.before, rows.last, sizeof(rows.before));
        memcpy(rows.last, rows.now, sizeof(rows.last));
    }
    return rows.last[b_len];
}

const char *cm_str_nearest(const char *word, const char *const *candidates, size_t n) {
    size_t len = strnlen(word, NEAREST_WORD_MAX + 1);
    size_t nearest = len / 3;
    const char *found = NULL;

    if (len > NEAREST_WORD_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        size_t other_len = strnlen(candidates[i], NEAREST_WORD_MAX + 1);

        if (other_len > NEAREST_WORD_MAX) {
            continue;
        }
        size_t d = distance(word, len, candidates[i], other_len);
        if (d < nearest || (d == nearest && found == NULL)) {
            nearest = d;
            found = candidates[i];
        }
    }
    return found;
}

struct unit {
    const char *name;
    uint64_t factor;
};

// read_number reads digits at *at and steps over them; it tells whether there was a number that
// fits.
static bool read_number(const char **at, uint64_t *out) {
    const char *p = *at;
    uint64_t value = 0;

    while (*p >= '0' && *p <= '9') {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value)) {
            return false;
        }
        p++;
    }
    if (p == *at) {
        return false;
    }
    *at = p;
    *out = value;
    return true;
}

// find_unit returns the unit that the letters at *at name and steps over them, or NULL.
static const struct unit *find_unit(const struct unit *units, size_t n, const char **at) {
    size_t len = strcspn(*at, "0123456789");

    for (size_t i = 0; i < n; i++) {
        if (strlen(units[i].name) == len && memcmp(units[i].name, *at, len) == 0) {
            *at += len;
            return &units[i];
        }
    }
    return NULL;
}

static bool parse_duration(const char *text, uint64_t *out_ms) {
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
    };
    uint64_t total = 0;
    uint64_t last_factor = UINT64_MAX;

    do {
        uint64_t part;

        if (!read_number(&text, &part)) {
            return false;
        }
        const struct unit *unit = find_unit(units, sizeof(units) / sizeof(units[0]), &text);
        if (unit == NULL || unit->factor >= last_factor) {
            return false;
        }
        last_factor = unit->factor;
        if (__builtin_mul_overflow(part, unit->factor, &part) ||
            __builtin_add_overflow(total, part, &total)) {
            return false;
        }
    } while (*text != '\0');
    *out_ms = total;
    return total <= INT64_MAX;
}

enum cm_rc cm_str_parse_duration(const char *text, int64_t *out_ms, struct cm_err *err) {
    uint64_t ms;

    if (!parse_duration(text, &ms)) {
        return cm_fail(err, CM_EINVAL, "'%.64s' is no duration: write it like 500ms, 30s or 1h30m",
                       text);
    }
    *out_ms = (int64_t)ms;
    return CM_OK;
}

static bool parse_size(const char *text, uint64_t *out) {
    static const struct unit units[] = {
        {"", 1},
        {"KiB", UINT64_C(1) << 10},
        {"MiB", UINT64_C(1) << 20},
        {"GiB", UINT64_C(1) << 30},
        {"TiB", UINT64_C(1) << 40},
    };

    if (!read_number(&text, out)) {
        return false;
    }
    const struct unit *unit = find_unit(units, sizeof(units) / sizeof(units[0]), &text);
    return unit != NULL && *text == '\0' && !__builtin_mul_overflow(*out, unit->factor, out);
}

enum cm_rc cm_str_parse_size(const char *text, uint64_t *out, struct cm_err *err) {
    uint64_t size;

    if (!parse_size(text, &size)) {
        return cm_fail(err, CM_EINVAL, "'%.64s' is no size: write it like 4096, 64KiB or 16MiB",
                       text);
    }
    *out = size;
    return CM_OK;
}
