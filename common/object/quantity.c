#include "common/object/quantity.h"

#include <stdint.h>
#include <string.h>

#include "common/decimal.h"
#include "common/json.h"

// value = mantissa * 10^scale, and the mantissa does not end in a zero.
struct quantity {
    unsigned __int128 mantissa;
    int64_t scale;
    bool negative;
};

// read_suffix tells by which powers of ten and of 1024 the number before it is multiplied.
static bool read_suffix(const char *text, int *tens, int *kibis) {
    static const struct {
        const char *text;
        int tens;
        int kibis;
    } suffixes[] = {
        {"", 0, 0},   {"n", -9, 0}, {"u", -6, 0}, {"m", -3, 0}, {"k", 3, 0},  {"M", 6, 0},
        {"G", 9, 0},  {"T", 12, 0}, {"P", 15, 0}, {"E", 18, 0}, {"Ki", 0, 1}, {"Mi", 0, 2},
        {"Gi", 0, 3}, {"Ti", 0, 4}, {"Pi", 0, 5}, {"Ei", 0, 6},
    };

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (strcmp(suffixes[i].text, text) == 0) {
            *tens = suffixes[i].tens;
            *kibis = suffixes[i].kibis;
            return true;
        }
    }
    return false;
}

static bool read_mantissa(const struct cm_decimal *d, unsigned __int128 *out) {
    unsigned __int128 value = 0;

    for (const char *at = d->first; at != NULL && at <= d->last; at++) {
        if (*at == '.') {
            continue;
        }
        if (__builtin_mul_overflow(value, (unsigned __int128)10, &value) ||
            __builtin_add_overflow(value, (unsigned __int128)(*at - '0'), &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

static bool read_quantity(const struct cm_json *node, struct quantity *out) {
    struct quantity q = {0};
    struct cm_decimal d;
    int tens;
    int kibis;

    if (node->type != CM_STRING && node->type != CM_NUMBER) {
        return false;
    }
    size_t len = cm_decimal_read(node->text, node->len, &d);
    if (len == 0 || !read_suffix(node->text + len, &tens, &kibis) ||
        !read_mantissa(&d, &q.mantissa)) {
        return false;
    }
    for (; kibis > 0; kibis--) {
        if (__builtin_mul_overflow(q.mantissa, (unsigned __int128)1024, &q.mantissa)) {
            return false;
        }
    }
    q.negative = d.negative;
    q.scale = q.mantissa == 0 ? 0 : d.scale + tens;
    for (; q.mantissa != 0 && q.mantissa % 10 == 0; q.mantissa /= 10) {
        q.scale++;
    }
    *out = q;
    return true;
}

bool cm_quantity_equal(const struct cm_json *a, const struct cm_json *b) {
    struct quantity x;
    struct quantity y;

    return read_quantity(a, &x) && read_quantity(b, &y) && x.mantissa == y.mantissa &&
           x.scale == y.scale && x.negative == y.negative;
}
