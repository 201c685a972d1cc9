#include "hub/store/cause.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "common/str.h"

enum { HEX_MIN = 8, SUFFIX = 5, TEMPLATE_MIN = 8, TEMPLATE_MAX = 10 };

static const char digits[] = "0123456789";
static const char hex[] = "0123456789abcdef";
static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
// What Kubernetes makes random names of (k8s.io/apimachinery/pkg/util/rand).
static const char random_letters[] = "bcdfghjklmnpqrstvwxz2456789";

static bool is_in(char c, const char *set) {
    return c != '\0' && strchr(set, c) != NULL;
}

static bool is_word(char c) {
    return is_in(c, letters) || is_in(c, digits);
}

static bool has_digit(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (is_in(text[i], digits)) {
            return true;
        }
    }
    return false;
}

// span_of returns how many of the characters from here are of a set and make a whole word.
static size_t span_of(const char *text, const char *set) {
    size_t size = strspn(text, set);

    return is_word(text[size]) ? 0 : size;
}

static bool ends_with(const struct cm_str *text, const char *end) {
    size_t size = strlen(end);

    return text->len >= size && memcmp(text->data + text->len - size, end, size) == 0;
}

// tells_apart: the number that follows is one that causes differ in.
static bool tells_apart(const struct cm_str *before) {
    static const char *const ends[] = {"code ", "code: ", "code=", "status "};

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (ends_with(before, ends[i])) {
            return true;
        }
    }
    return false;
}

// is_tag: what follows is the tag of an image, "web:1.2".
static bool is_tag(const struct cm_str *before) {
    return before->len > 1 && before->data[before->len - 1] == ':' &&
           is_in(before->data[before->len - 2], letters);
}

// random_size returns the size of a random part of a name from here on, which stands behind '-'.
static size_t random_size(const char *text, const struct cm_str *before) {
    size_t size = span_of(text, random_letters);
    bool of_pod = size == SUFFIX && (ends_with(before, "-*-") || has_digit(text, size));
    bool of_template = size >= TEMPLATE_MIN && size <= TEMPLATE_MAX && has_digit(text, size);

    return ends_with(before, "-") && (of_pod || of_template) ? size : 0;
}

// duration_size returns the size of a time such as "1h5m" or "500ms" from here on.
static size_t duration_size(const char *text) {
    size_t size = 0;

    while (is_in(text[size], digits)) {
        size_t number = strspn(text + size, digits);
        size_t unit = strspn(text + size + number, "hmsun");

        if (unit == 0 || unit > 2) {
            return 0;
        }
        size += number + unit;
    }
    return is_word(text[size]) ? 0 : size;
}

// changing_size returns the size of what changes from case to case, 0: nothing does here.
static size_t changing_size(const char *text, const struct cm_str *before) {
    bool begins = before->len == 0 || !is_word(before->data[before->len - 1]);
    size_t random = begins ? random_size(text, before) : 0;
    size_t id = begins ? span_of(text, hex) : 0;

    size_t duration = begins ? duration_size(text) : 0;

    if (random > 0 || duration > 0) {
        return random > 0 ? random : duration;
    }
    if (id >= HEX_MIN && has_digit(text, id)) {
        return id;
    }
    return is_in(*text, digits) && !tells_apart(before) ? strspn(text, digits) : 0;
}

// keep copies what is not looked into: a number that tells causes apart, a tag.
static size_t keep_size(const char *text, const struct cm_str *before) {
    if (!is_in(*text, digits)) {
        return 0;
    }
    if (tells_apart(before)) {
        return strspn(text, digits);
    }
    return is_tag(before) ? strcspn(text, " \"',;)") : 0;
}

void hub_cause_fold(const char *text, struct cm_str *out) {
    while (*text != '\0') {
        size_t keep = keep_size(text, out);
        size_t changing = keep > 0 ? 0 : changing_size(text, out);

        if (changing > 0) {
            cm_str_add_char(out, '*');
            text += changing;
            if (strncmp(text, " pods:", strlen(" pods:")) == 0) { // "1 pod:" is the same cause
                cm_str_add(out, " pod");
                text += strlen(" pods");
            }
        } else {
            keep = keep > 0 ? keep : 1;
            cm_str_add_n(out, text, keep);
            text += keep;
        }
    }
}
