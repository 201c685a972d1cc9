#include "common/decimal.h"

#define EXPONENT_DIGITS_MAX 18

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// read_mantissa returns where the digits end, or `at` if there are none.
static const char *read_mantissa(const char *at, const char *end, struct cm_decimal *d) {
    const char *start = at;
    bool after_point = false;
    bool any = false;
    int64_t pending = 0; // zeros since the last digit that is not 0

    for (; at < end && (is_digit(*at) || (*at == '.' && !after_point)); at++) {
        if (*at == '.') {
            after_point = true;
            continue;
        }
        any = true;
        d->scale -= after_point ? 1 : 0;
        pending++;
        if (*at != '0') {
            d->first = d->first == NULL ? at : d->first;
            d->last = at;
            pending = 0;
        }
    }
    d->scale += pending;
    return any ? at : start;
}

// read_exponent returns where the exponent ends, `at` if there is none, NULL if it is too long.
static const char *read_exponent(const char *at, const char *end, int64_t *out) {
    const char *digits = at + 1;
    bool negative = false;
    int64_t value = 0;

    if (at == end || (*at != 'e' && *at != 'E')) {
        return at;
    }
    if (digits < end && (*digits == '+' || *digits == '-')) {
        negative = *digits == '-';
        digits++;
    }
    if (digits == end || !is_digit(*digits)) {
        return at;
    }
    while (digits < end && *digits == '0') {
        digits++;
    }
    const char *significant = digits;
    for (; digits < end && is_digit(*digits); digits++) {
        if (digits - significant == EXPONENT_DIGITS_MAX) {
            return NULL;
        }
        value = value * 10 + (*digits - '0');
    }
    *out = negative ? -value : value;
    return digits;
}

size_t cm_decimal_read(const char *text, size_t len, struct cm_decimal *out) {
    struct cm_decimal d = {0};
    const char *end = text + len;
    const char *at = text;
    int64_t exponent = 0;

    if (at < end && (*at == '-' || *at == '+')) {
        d.negative = *at == '-';
        at++;
    }
    const char *after = read_mantissa(at, end, &d);
    if (after == at) {
        return 0;
    }
    at = read_exponent(after, end, &exponent);
    if (at == NULL) {
        return 0;
    }
    d.scale = d.first == NULL ? 0 : d.scale + exponent;
    d.negative = d.negative && d.first != NULL;
    *out = d;
    return (size_t)(at - text);
}

bool cm_decimal_equal(const struct cm_decimal *a, const struct cm_decimal *b) {
    const char *x = a->first;
    const char *y = b->first;

    if (a->negative != b->negative || a->scale != b->scale || (x == NULL) != (y == NULL)) {
        return false;
    }
    while (x != NULL && x <= a->last && y <= b->last) {
        x += *x == '.' ? 1 : 0;
        y += *y == '.' ? 1 : 0;
        if (*x++ != *y++) {
            return false;
        }
    }
    return x == NULL || (x > a->last && y > b->last);
}

bool cm_decimal_int(const struct cm_decimal *d, int64_t *out) {
    int64_t value = 0; // counted below zero, where there is room for one more

    if (d->first == NULL) {
        *out = 0;
        return true;
    }
    if (d->scale < 0 || d->scale > EXPONENT_DIGITS_MAX) {
        return false;
    }
    for (const char *at = d->first; at <= d->last; at++) {
        if (*at != '.' && (__builtin_mul_overflow(value, 10, &value) ||
                           __builtin_sub_overflow(value, *at - '0', &value))) {
            return false;
        }
    }
    for (int64_t i = 0; i < d->scale; i++) {
        if (__builtin_mul_overflow(value, 10, &value)) {
            return false;
        }
    }
    if (!d->negative && __builtin_mul_overflow(value, -1, &value)) {
        return false;
    }
    *out = value;
    return true;
}
