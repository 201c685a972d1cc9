#include "common/semver.h"

#include <ctype.h>
#include <string.h>

#include "common/arena.h"

enum { COMPARISONS_MAX = 32, DIGITS_MAX = 18 };

// One comparison as an interval. Bounds that a shorthand implies end before the next version's
// first pre-release, "2.0.0-0": ^1.2 never means 2.0.0-rc.1.
struct comparison {
    struct cm_semver low;
    struct cm_semver high;
    bool has_low;
    bool has_high;
    bool low_open;
    bool high_open;
    bool outside;    // !=
    bool pre;        // takes pre-releases
    bool begins_set; // after "||"
};

struct cm_semver_range {
    struct comparison items[COMPARISONS_MAX];
    size_t count;
};

// A version in a range, of which the end may be left out or be 'x'.
struct partial {
    struct cm_semver version;
    unsigned numbers; // how many of the three are there
};

// ---- Versions

static const char *read_number(const char *at, uint64_t *out) {
    const char *begin = at;

    for (*out = 0; isdigit((unsigned char)*at) && at - begin < DIGITS_MAX; at++) {
        *out = *out * 10 + (uint64_t)(*at - '0');
    }
    bool leading_zero = begin[0] == '0' && at - begin > 1;
    return at == begin || leading_zero || isdigit((unsigned char)*at) ? NULL : at;
}

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '-' || c == '.';
}

// identifiers_ok: none is empty; of a pre-release, numbers have no leading zero.
static bool identifiers_ok(const char *text, size_t len, bool pre) {
    for (size_t begin = 0; begin <= len;) {
        const char *dot = memchr(text + begin, '.', len - begin);
        size_t end = dot != NULL ? (size_t)(dot - text) : len;
        size_t digits = strspn(text + begin, "0123456789");

        if (end == begin ||
            (pre && text[begin] == '0' && end - begin > 1 && begin + digits >= end)) {
            return false;
        }
        begin = end + 1;
    }
    return true;
}

// read_suffix reads "-rc.1+build" and returns what follows, or NULL.
static const char *read_suffix(const char *at, struct cm_semver *out) {
    const char *begin = at + 1;

    if (*at == '-') {
        for (at++; is_word(*at); at++) {
        }
        out->pre = begin;
        out->pre_len = (size_t)(at - begin);
        if (!identifiers_ok(begin, out->pre_len, true)) {
            return NULL;
        }
    }
    if (*at == '+') {
        begin = at + 1;
        for (at++; is_word(*at); at++) {
        }
        return identifiers_ok(begin, (size_t)(at - begin), false) ? at : NULL;
    }
    return at;
}

static bool is_any(char c) {
    return c == 'x' || c == 'X' || c == '*';
}

// read_partial returns what follows the version, or NULL if there is none.
static const char *read_partial(const char *at, struct partial *out) {
    uint64_t *numbers[] = {&out->version.major, &out->version.minor, &out->version.patch};
    bool any = false;

    *out = (struct partial){.version = {.pre = ""}};
    at += *at == 'v' ? 1 : 0;
    for (size_t i = 0; i < 3; i++) {
        if (is_any(*at)) {
            any = true;
            at++;
        } else if (any || (at = read_number(at, numbers[i])) == NULL) {
            return NULL;
        } else {
            out->numbers++;
        }
        if (*at != '.' || i == 2) {
            break;
        }
        at++;
    }
    return out->numbers == 3 ? read_suffix(at, &out->version) : at;
}

bool cm_semver_parse(const char *text, struct cm_semver *out) {
    struct partial partial;
    const char *end = strnlen(text, CM_SEMVER_TEXT_MAX + 1) > CM_SEMVER_TEXT_MAX
                          ? NULL
                          : read_partial(text, &partial);

    if (end == NULL || *end != '\0' || partial.numbers != 3) {
        return false;
    }
    *out = partial.version;
    return true;
}

static int compare_numbers(uint64_t a, uint64_t b) {
    return a < b ? -1 : a > b ? 1 : 0;
}

static int compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len) {
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order != 0 ? order : compare_numbers(a_len, b_len);
}

// compare_identifier: numbers by value and below words.
static int compare_identifier(const char *a, size_t a_len, const char *b, size_t b_len) {
    bool a_number = strspn(a, "0123456789") >= a_len;
    bool b_number = strspn(b, "0123456789") >= b_len;

    if (a_number != b_number) {
        return a_number ? -1 : 1;
    }
    if (a_number && a_len != b_len) { // no leading zeros
        return compare_numbers(a_len, b_len);
    }
    return compare_bytes(a, a_len, b, b_len);
}

static size_t identifier(const char *text, size_t len) {
    const char *dot = memchr(text, '.', len);

    return dot != NULL ? (size_t)(dot - text) : len;
}

static int compare_pre(const struct cm_semver *a, const struct cm_semver *b) {
    size_t i = 0;
    size_t k = 0;

    if (a->pre_len == 0 || b->pre_len == 0) {
        return compare_numbers(b->pre_len, a->pre_len); // a release comes after its pre-releases
    }
    while (i < a->pre_len && k < b->pre_len) {
        size_t m = identifier(a->pre + i, a->pre_len - i);
        size_t n = identifier(b->pre + k, b->pre_len - k);
        int order = compare_identifier(a->pre + i, m, b->pre + k, n);

        if (order != 0) {
            return order;
        }
        i += m + 1;
        k += n + 1;
    }
    return compare_numbers(i < a->pre_len, k < b->pre_len);
}

int cm_semver_compare(const struct cm_semver *a, const struct cm_semver *b) {
    int order = compare_numbers(a->major, b->major);

    order = order != 0 ? order : compare_numbers(a->minor, b->minor);
    order = order != 0 ? order : compare_numbers(a->patch, b->patch);
    return order != 0 ? order : compare_pre(a, b);
}

// ---- Ranges

// next returns the first version above all that agree with the first `numbers` numbers.
static struct cm_semver next(const struct cm_semver *v, unsigned numbers) {
    struct cm_semver above = {.major = v->major, .pre = "0", .pre_len = 1};

    if (numbers == 1) {
        above.major++;
    } else {
        above.minor = numbers == 2 ? v->minor + 1 : v->minor;
        above.patch = numbers == 3 ? v->patch + 1 : 0;
    }
    return above;
}

static void set_low(struct comparison *c, struct cm_semver low, bool open) {
    c->has_low = true;
    c->low = low;
    c->low_open = open;
}

static void set_high(struct comparison *c, struct cm_semver high, bool open) {
    c->has_high = true;
    c->high = high;
    c->high_open = open;
}

static void set_same(struct comparison *c, const struct partial *p) {
    if (p->numbers == 0) {
        return;
    }
    set_low(c, p->version, false);
    if (p->numbers == 3) {
        set_high(c, p->version, false);
    } else {
        set_high(c, next(&p->version, p->numbers), true);
    }
}

static void set_above(struct comparison *c, const struct partial *p) {
    if (p->numbers == 3) {
        set_low(c, p->version, true);
    } else if (p->numbers > 0) {
        struct cm_semver low = next(&p->version, p->numbers);

        low.pre_len = 0;
        set_low(c, low, false);
    } else { // above any: nothing is
        set_low(c, (struct cm_semver){.major = UINT64_MAX, .pre = ""}, true);
    }
}

static void set_from(struct comparison *c, const struct partial *p) {
    if (p->numbers > 0) {
        set_low(c, p->version, false);
    }
}

static void set_up_to(struct comparison *c, const struct partial *p) {
    if (p->numbers == 3) {
        set_high(c, p->version, false);
    } else if (p->numbers > 0) {
        set_high(c, next(&p->version, p->numbers), true);
    }
}

static void set_tilde(struct comparison *c, const struct partial *p) {
    if (p->numbers > 0) {
        set_low(c, p->version, false);
        set_high(c, next(&p->version, p->numbers == 1 ? 1 : 2), true);
    }
}

// The leftmost number that is not zero must stay.
static void set_caret(struct comparison *c, const struct partial *p) {
    unsigned keep = p->version.major > 0 || p->numbers <= 1   ? 1
                    : p->version.minor > 0 || p->numbers == 2 ? 2
                                                              : 3;

    if (p->numbers > 0) {
        set_low(c, p->version, false);
        set_high(c, next(&p->version, keep), true);
    }
}

static void set_below(struct comparison *c, const struct partial *p) {
    set_high(c, p->numbers > 0 ? p->version : (struct cm_semver){.pre = "0", .pre_len = 1}, true);
}

static void set_not(struct comparison *c, const struct partial *p) {
    set_same(c, p);
    c->outside = true;
}

static const struct {
    const char *text;
    void (*set)(struct comparison *c, const struct partial *p);
} operators[] = {
    // a longer one before its beginning
    {">=", set_from}, {"=>", set_from}, {"<=", set_up_to}, {"=<", set_up_to},
    {"!=", set_not},  {"==", set_same}, {"~>", set_tilde}, {"=", set_same},
    {">", set_above}, {"<", set_below}, {"~", set_tilde},  {"^", set_caret},
};

static const char *skip(const char *at) {
    return at + strspn(at, " \t");
}

// read_one reads a comparison and returns what follows, or NULL.
static const char *read_one(const char *at, struct comparison *c) {
    void (*set)(struct comparison *, const struct partial *) = set_same;
    struct partial p;

    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        size_t len = strlen(operators[i].text);

        if (strncmp(at, operators[i].text, len) == 0) {
            set = operators[i].set;
            at = skip(at + len);
            break;
        }
    }
    at = read_partial(at, &p);
    if (at == NULL) {
        return NULL;
    }
    set(c, &p);
    c->pre = p.version.pre_len > 0;
    return at;
}

// read_hyphen reads " - 1.4" after a version, if it is there.
static const char *read_hyphen(const char *at, struct comparison *c) {
    const char *dash = skip(at);
    struct partial p;

    if (dash == at || dash[0] != '-' || (dash[1] != ' ' && dash[1] != '\t')) {
        return at;
    }
    at = read_partial(skip(dash + 1), &p);
    if (at != NULL) {
        c->has_high = false;
        set_up_to(c, &p);
        c->pre = c->pre || p.version.pre_len > 0;
    }
    return at;
}

// What stands between two comparisons.
struct joint {
    bool either; // "||"
    bool more;
};

// read_joint goes on to the next comparison: "||", a comma or a space.
static const char *read_joint(const char *at, struct joint *out) {
    const char *then = skip(at);

    out->either = strncmp(then, "||", 2) == 0;
    out->more = out->either || *then != '\0';
    if (out->either || *then == ',') {
        return skip(then + (out->either ? 2 : 1));
    }
    return then > at || !out->more ? then : NULL;
}

static enum cm_rc fail_at(const char *text, const char *at, struct cm_err *err) {
    return cm_fail(err, CM_EINVAL,
                   "'%.100s' is no range of versions from its character %zu on: write it as "
                   ">=1.2.0 <2.0.0, ~1.2, ^1.2.3 or 1.x",
                   text, (size_t)(at - text) + 1);
}

enum cm_rc cm_semver_range_parse(struct cm_arena *a, const char *text,
                                 const struct cm_semver_range **out, struct cm_err *err) {
    struct cm_semver_range *range = cm_arena_get(a, sizeof(*range));
    struct joint joint = {.either = true};

    if (strnlen(text, CM_SEMVER_TEXT_MAX + 1) > CM_SEMVER_TEXT_MAX) {
        return cm_fail(err, CM_EINVAL, "a range of versions is longer than %d bytes",
                       CM_SEMVER_TEXT_MAX);
    }
    *range = (struct cm_semver_range){0};
    text = cm_arena_strdup(a, text);
    const char *at = skip(text);
    do {
        const char *begin = at;
        struct comparison *c = &range->items[range->count];

        if (range->count == COMPARISONS_MAX) {
            return cm_fail(err, CM_EINVAL, "a range of more than %d comparisons", COMPARISONS_MAX);
        }
        *c = (struct comparison){.begins_set = joint.either};
        if ((at = read_one(at, c)) == NULL || (at = read_hyphen(at, c)) == NULL ||
            (at = read_joint(at, &joint)) == NULL) {
            return fail_at(text, begin, err);
        }
        range->count++;
    } while (joint.more);
    *out = range;
    return CM_OK;
}

static bool within(const struct comparison *c, const struct cm_semver *v) {
    int low = c->has_low ? cm_semver_compare(v, &c->low) : 1;
    int high = c->has_high ? cm_semver_compare(v, &c->high) : -1;
    bool in = (low > 0 || (low == 0 && !c->low_open)) && (high < 0 || (high == 0 && !c->high_open));

    return (v->pre_len == 0 || c->pre) && in != c->outside;
}

bool cm_semver_range_match(const struct cm_semver_range *range, const struct cm_semver *version) {
    bool all = true;

    for (size_t i = 0; i < range->count; i++) {
        if (range->items[i].begins_set && i > 0) {
            if (all) {
                return true;
            }
            all = true;
        }
        all = all && within(&range->items[i], version);
    }
    return all;
}
