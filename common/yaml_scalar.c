#include "common/yaml_scalar.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/str.h"

// Without an exponent, a number of fewer digits is below 1e308, the largest double.
#define DIGITS_ALWAYS_FINITE 300

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

struct word {
    const char *text;
    enum cm_yaml_kind kind;
};

static const struct word words[] = {
    {"~", CM_YAML_NULL},           {"null", CM_YAML_NULL},        {"Null", CM_YAML_NULL},
    {"NULL", CM_YAML_NULL},        {"y", CM_YAML_TRUE},           {"Y", CM_YAML_TRUE},
    {"yes", CM_YAML_TRUE},         {"Yes", CM_YAML_TRUE},         {"YES", CM_YAML_TRUE},
    {"true", CM_YAML_TRUE},        {"True", CM_YAML_TRUE},        {"TRUE", CM_YAML_TRUE},
    {"on", CM_YAML_TRUE},          {"On", CM_YAML_TRUE},          {"ON", CM_YAML_TRUE},
    {"n", CM_YAML_FALSE},          {"N", CM_YAML_FALSE},          {"no", CM_YAML_FALSE},
    {"No", CM_YAML_FALSE},         {"NO", CM_YAML_FALSE},         {"false", CM_YAML_FALSE},
    {"False", CM_YAML_FALSE},      {"FALSE", CM_YAML_FALSE},      {"off", CM_YAML_FALSE},
    {"Off", CM_YAML_FALSE},        {"OFF", CM_YAML_FALSE},        {".nan", CM_YAML_NOT_FINITE},
    {".NaN", CM_YAML_NOT_FINITE},  {".NAN", CM_YAML_NOT_FINITE},  {".inf", CM_YAML_NOT_FINITE},
    {".Inf", CM_YAML_NOT_FINITE},  {".INF", CM_YAML_NOT_FINITE},  {"+.inf", CM_YAML_NOT_FINITE},
    {"+.Inf", CM_YAML_NOT_FINITE}, {"+.INF", CM_YAML_NOT_FINITE}, {"-.inf", CM_YAML_NOT_FINITE},
    {"-.Inf", CM_YAML_NOT_FINITE}, {"-.INF", CM_YAML_NOT_FINITE},
};

#define WORD_MAX 5

static enum cm_yaml_kind resolve_word(const char *text, size_t len) {
    if (len > WORD_MAX) {
        return CM_YAML_STRING;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strlen(words[i].text) == len && memcmp(words[i].text, text, len) == 0) {
            return words[i].kind;
        }
    }
    return CM_YAML_STRING;
}

static size_t count_digits(const char *at, const char *end) {
    size_t n = 0;

    while (at + n < end && is_digit(at[n])) {
        n++;
    }
    return n;
}

// A decimal number in pieces: [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
struct pieces {
    bool negative;
    const char *whole;
    size_t whole_len;
    const char *fraction;
    size_t fraction_len;
    const char *exponent; // with its sign
    size_t exponent_len;
};

static bool split_exponent(const char *at, const char *end, struct pieces *p) {
    if (at == end) {
        return true;
    }
    if (*at != 'e' && *at != 'E') {
        return false;
    }
    at++;
    p->exponent = at;
    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    size_t n = count_digits(at, end);
    p->exponent_len = (size_t)(at - p->exponent) + n;
    return n > 0 && at + n == end;
}

static bool split_decimal(const char *at, size_t len, struct pieces *p) {
    const char *end = at + len;

    *p = (struct pieces){0};
    if (at < end && (*at == '-' || *at == '+')) {
        p->negative = *at == '-';
        at++;
    }
    p->whole = at;
    p->whole_len = count_digits(at, end);
    at += p->whole_len;
    if (at < end && *at == '.') {
        p->fraction = at + 1;
        p->fraction_len = count_digits(at + 1, end);
        at += 1 + p->fraction_len;
    }
    return p->whole_len + p->fraction_len > 0 && split_exponent(at, end, p);
}

// write_pieces writes RFC 8259's form: no plus, no needless zeros in front, digits around a point.
static void write_pieces(const struct pieces *p, struct cm_str *number) {
    const char *whole = p->whole;
    size_t len = p->whole_len;

    while (len > 0 && *whole == '0') {
        whole++;
        len--;
    }
    cm_str_clear(number);
    if (p->negative) {
        cm_str_add_char(number, '-');
    }
    cm_str_add_n(number, len > 0 ? whole : "0", len > 0 ? len : 1);
    if (p->fraction_len > 0) {
        cm_str_add_char(number, '.');
        cm_str_add_n(number, p->fraction, p->fraction_len);
    }
    if (p->exponent_len > 0) {
        cm_str_add_char(number, 'e');
        cm_str_add_n(number, p->exponent, p->exponent_len);
    }
}

bool cm_yaml_decimal(const char *text, size_t len, struct cm_str *number) {
    struct pieces p;

    if (!split_decimal(text, len, &p)) {
        return false;
    }
    write_pieces(&p, number);
    return true;
}

// digit_of returns what a digit of any base counts; a number beyond all bases for what is none.
static unsigned digit_of(char c) {
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    char lower = cm_lower(c);
    const char *found = lower != '\0' ? strchr(digits, lower) : NULL;

    return found != NULL ? (unsigned)(found - digits) : UINT_MAX;
}

// read_base reads all of the text as digits of a base into 64 bits.
static bool read_base(const char *text, size_t len, unsigned base, uint64_t *out) {
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned digit = digit_of(text[i]);

        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    *out = value;
    return len > 0;
}

// base_of tells the base of digits without sign and how long their prefix is.
static unsigned base_of(const char *digits, size_t len, size_t *prefix) {
    *prefix = 0;
    if (len < 2 || digits[0] != '0') {
        return 10;
    }
    *prefix = 2;
    switch (digits[1]) {
    case 'x':
    case 'X':
        return 16;
    case 'b':
    case 'B':
        return 2;
    case 'o':
    case 'O':
        return 8;
    default:
        *prefix = 1;
        return 8;
    }
}

// resolve_int reads what Go's ParseInt and ParseUint read with base 0.
static bool resolve_int(const char *text, size_t len, struct cm_str *number) {
    bool has_sign = len > 0 && (text[0] == '-' || text[0] == '+');
    bool negative = has_sign && text[0] == '-';
    const uint64_t most = negative ? (uint64_t)INT64_MAX + 1 : has_sign ? INT64_MAX : UINT64_MAX;
    size_t prefix;
    uint64_t value;

    text += has_sign ? 1 : 0;
    len -= has_sign ? 1 : 0;
    unsigned base = base_of(text, len, &prefix);
    if (!read_base(text + prefix, len - prefix, base, &value) || value > most) {
        return false;
    }
    cm_str_clear(number);
    cm_str_addf(number, "%s%" PRIu64, negative && value != 0 ? "-" : "", value);
    return true;
}

static bool is_finite(const struct pieces *p, const char *text) {
    if (p->exponent_len == 0 && p->whole_len <= DIGITS_ALWAYS_FINITE) {
        return true;
    }
    return isfinite(strtod(text, NULL)) != 0;
}

static enum cm_yaml_kind resolve_float(const char *text, size_t len, struct cm_str *number) {
    struct pieces p;
    struct cm_str json = {0};
    enum cm_yaml_kind kind = CM_YAML_STRING;

    if (split_decimal(text, len, &p)) {
        write_pieces(&p, &json);
        if (is_finite(&p, cm_str_get(&json))) {
            cm_str_clear(number);
            cm_str_add_n(number, json.data, json.len);
            kind = CM_YAML_FLOAT;
        }
    }
    cm_str_done(&json);
    return kind;
}

// drop_underscores copies the text without them.
static void drop_underscores(const char *text, size_t len, struct cm_str *out) {
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '_') {
            cm_str_add_char(out, text[i]);
        }
    }
}

// underscores_ok tells whether each stands between two digits, as Go's ParseFloat wants it.
static bool underscores_ok(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '_' &&
            (i == 0 || i + 1 == len || !is_digit(text[i - 1]) || !is_digit(text[i + 1]))) {
            return false;
        }
    }
    return true;
}

static enum cm_yaml_kind resolve_number(const char *text, size_t len, struct cm_str *number) {
    if (resolve_int(text, len, number)) {
        return CM_YAML_INT;
    }
    return resolve_float(text, len, number);
}

// resolve_spaced reads a number that may hold underscores.
static enum cm_yaml_kind resolve_spaced(const char *text, size_t len, struct cm_str *number) {
    struct cm_str plain = {0};

    if (memchr(text, '_', len) == NULL) {
        return resolve_number(text, len, number);
    }
    if (text[0] == '.' && !underscores_ok(text, len)) {
        return CM_YAML_STRING;
    }
    drop_underscores(text, len, &plain);
    enum cm_yaml_kind kind = resolve_number(cm_str_get(&plain), plain.len, number);
    cm_str_done(&plain);
    return kind;
}

enum cm_yaml_kind cm_yaml_resolve(const char *text, size_t len, struct cm_str *number) {
    if (len == 0) {
        return CM_YAML_NULL;
    }
    char c = text[0];
    if (strchr("~yYnNtTfFoO", c) != NULL && c != '\0') {
        return resolve_word(text, len);
    }
    if (c != '.' && c != '-' && c != '+' && !is_digit(c)) {
        return CM_YAML_STRING;
    }
    enum cm_yaml_kind kind = resolve_word(text, len);
    return kind != CM_YAML_STRING ? kind : resolve_spaced(text, len, number);
}

void cm_yaml_float_name(struct cm_str *number) {
    float value = strtof(cm_str_get(number), NULL);
    char text[64] = "";
    int exponent;

    if (isinf(value) != 0) {
        return; // beyond a 32-bit float: it keeps its text
    }
    for (int digits = 0; digits < 9; digits++) {
        (void)snprintf(text, sizeof(text), "%.*e", digits, (double)value);
        if (strtof(text, NULL) == value) {
            break;
        }
    }
    const char *mark = strchr(text, 'e');
    exponent = mark != NULL ? (int)strtol(mark + 1, NULL, 10) : 0;
    if (mark != NULL && exponent >= -4 && exponent < 6) {
        int decimals = (int)(mark - text) - (text[0] == '-' ? 1 : 0) - 1;

        decimals = (decimals > 0 ? decimals - 1 : 0) - exponent;
        (void)snprintf(text, sizeof(text), "%.*f", decimals > 0 ? decimals : 0, (double)value);
    }
    cm_str_clear(number);
    cm_str_add(number, text);
}
