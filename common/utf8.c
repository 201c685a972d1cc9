#include "common/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool is_tail(unsigned char c) {
    return (c & 0xc0) == 0x80;
}

// three_ok refuses overlong forms and surrogates by the second byte, RFC 3629 section 4.
static bool three_ok(unsigned char lead, unsigned char second) {
    if (lead == 0xe0) {
        return second >= 0xa0;
    }
    return lead != 0xed || second < 0xa0;
}

static bool four_ok(unsigned char lead, unsigned char second) {
    if (lead == 0xf0) {
        return second >= 0x90;
    }
    return lead != 0xf4 || second < 0x90;
}

size_t cm_utf8_sequence(const char *text, size_t size) {
    const unsigned char *s = (const unsigned char *)text;

    if (size >= 1 && s[0] < 0x80) {
        return 1;
    }
    if (size >= 2 && s[0] >= 0xc2 && s[0] <= 0xdf && is_tail(s[1])) {
        return 2;
    }
    if (size >= 3 && s[0] >= 0xe0 && s[0] <= 0xef && is_tail(s[1]) && is_tail(s[2]) &&
        three_ok(s[0], s[1])) {
        return 3;
    }
    if (size >= 4 && s[0] >= 0xf0 && s[0] <= 0xf4 && is_tail(s[1]) && is_tail(s[2]) &&
        is_tail(s[3]) && four_ok(s[0], s[1])) {
        return 4;
    }
    return 0;
}

static size_t ascii_run(const char *text, size_t size) {
    size_t i = 0;

    while (i + sizeof(uint64_t) <= size) {
        uint64_t word;

        memcpy(&word, text + i, sizeof(word));
        if ((word & 0x8080808080808080U) != 0) {
            break;
        }
        i += sizeof(word);
    }
    return i;
}

size_t cm_utf8_valid(const char *text, size_t size) {
    size_t at = 0;

    while (at < size) {
        at += ascii_run(text + at, size - at);
        size_t n = at < size ? cm_utf8_sequence(text + at, size - at) : 0;
        if (n == 0) {
            break;
        }
        at += n;
    }
    return at;
}

size_t cm_utf8_fit(const char *text, size_t max) {
    size_t size = strnlen(text, max + 1);

    if (size > max) {
        size = max;
        while (size > 0 && is_tail((unsigned char)text[size])) {
            size--;
        }
    }
    return size;
}

void cm_utf8_mend(char *text) {
    size_t size = strlen(text);

    for (size_t at = cm_utf8_valid(text, size); at < size;
         at += cm_utf8_valid(text + at, size - at)) {
        text[at] = '?';
    }
}

size_t cm_utf8_steering(const char *at) {
    const unsigned char *b = (const unsigned char *)at;

    if (b[0] < ' ' || b[0] == 0x7F) {
        return b[0] == '\0' ? 0 : 1;
    }
    if ((b[0] == 0xC2 && b[1] >= 0x80 && b[1] < 0xA0) || (b[0] == 0xD8 && b[1] == 0x9C)) {
        return 2;
    }
    if (b[0] != 0xE2) {
        return 0;
    }
    bool marks = b[1] == 0x80 && (b[2] == 0x8E || b[2] == 0x8F || (b[2] >= 0xA8 && b[2] <= 0xAE));
    bool isolates = b[1] == 0x81 && b[2] >= 0xA6 && b[2] <= 0xA9;
    return marks || isolates ? 3 : 0;
}
