#include "hub/ctl/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "common/str.h"
#include "common/utf8.h"

struct range {
    uint32_t first;
    uint32_t last;
};

// Unicode's East Asian Width W and F, in blocks; and what has no width of its own.
static const struct range wide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},
                                    {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
                                    {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x1F300, 0x1F64F},
                                    {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
static const struct range none[] = {
    {0x300, 0x36F}, {0x200B, 0x200F}, {0x202A, 0x202E}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}};

static bool is_in(uint32_t c, const struct range *ranges, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

static bool continues(char c) {
    return ((unsigned char)c & 0xC0) == 0x80;
}

// Returns the character at `text`, which is not empty; *end is behind it.
static uint32_t code_of(const char *text, const char **end) {
    unsigned char first = (unsigned char)*text;
    uint32_t c = first < 0x80   ? first
                 : first < 0xE0 ? first & 0x1FU
                 : first < 0xF0 ? first & 0x0FU
                                : first & 0x07U;

    for (text++; continues(*text); text++) {
        c = (c << 6) | ((unsigned char)*text & 0x3FU);
    }
    *end = text;
    return c;
}

// Returns the end of the character at `text`, which is not empty, and its width.
static const char *next_char(const char *text, size_t *width) {
    uint32_t c = code_of(text, &text);

    *width = is_in(c, none, sizeof(none) / sizeof(none[0]))   ? 0
             : is_in(c, wide, sizeof(wide) / sizeof(wide[0])) ? 2
                                                              : 1;
    return text;
}

size_t ctl_text_width(const char *text) {
    size_t sum = 0;

    while (*text != '\0') {
        size_t width;

        text = next_char(text, &width);
        sum += width;
    }
    return sum;
}

// Returns the end of the longest beginning that fits into `room` columns.
static const char *head(const char *text, size_t room) {
    while (*text != '\0') {
        size_t width;
        const char *next = next_char(text, &width);

        if (width > room) {
            break;
        }
        room -= width;
        text = next;
    }
    return text;
}

// Returns the start of the longest end that fits into `room` columns.
static const char *tail(const char *text, size_t room) {
    size_t width = ctl_text_width(text);

    while (width > room) {
        size_t one;

        text = next_char(text, &one);
        width -= one;
    }
    return text;
}

const char *ctl_text_elide(struct cm_arena *a, const char *text, size_t width) {
    if (ctl_text_width(text) <= width) {
        return text;
    }
    size_t behind = (width - 1) / 2;
    int before = (int)(head(text, width - 1 - behind) - text);
    return cm_arena_strf(a, "%.*s…%s", before, text, tail(text, behind));
}

const char *ctl_text_cut(struct cm_arena *a, const char *text, size_t width) {
    if (ctl_text_width(text) <= width) {
        return text;
    }
    return cm_arena_strf(a, "%.*s…", (int)(head(text, width - 1) - text), text);
}

// ---- What steers a terminal

static const char *tamed(struct cm_arena *a, const char *text, const char *kept) {
    static const char *const instead[] = {"", " ", "\xC2\xA0", "\xEF\xBF\xBD"}; // as long
    char *copy = cm_arena_strdup(a, text);

    for (char *at = copy; *at != '\0';) {
        size_t size = cm_utf8_steering(at);

        if (size > 0 && strchr(kept, *at) == NULL) {
            memcpy(at, instead[size], size);
        }
        at += size == 0 ? 1 : size;
    }
    return copy;
}

const char *ctl_one_line(struct cm_arena *a, const char *text) {
    return tamed(a, text, "");
}

const char *ctl_lines(struct cm_arena *a, const char *text) {
    return tamed(a, text, "\n\t");
}

void ctl_add_json(struct cm_str *out, const char *json) {
    while (*json != '\0') {
        size_t size = cm_utf8_steering(json);

        if (size == 0 || *json == '\n' || *json == '\t') {
            cm_str_add_char(out, *json++);
            continue;
        }
        cm_str_addf(out, "\\u%04x", (unsigned)code_of(json, &json));
    }
}
