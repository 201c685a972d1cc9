// decimal: the value of a number's text, exactly, however long it is.
//
// A struct cm_decimal points into the text that it was read from.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cm_decimal {
    const char *first; // the first digit that is not 0; NULL if the value is 0
    const char *last;  // the last digit that is not 0
    int64_t scale;     // the power of ten that the last digit counts
    bool negative;
};

// cm_decimal_read reads digits with an optional sign, point and exponent ("-1.50e3", ".5", "1.").
// It returns the number of bytes read: 0 if there is no number, or if the exponent is beyond 18
// digits.
size_t cm_decimal_read(const char *text, size_t len, struct cm_decimal *out);

bool cm_decimal_equal(const struct cm_decimal *a, const struct cm_decimal *b);

// cm_decimal_int gives the value if it is integral and fits.
bool cm_decimal_int(const struct cm_decimal *d, int64_t *out);
