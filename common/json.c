#include "common/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/json_members.h"
#include "common/utf8.h"

// The text is copied into the arena once; strings are unescaped in place there and end in a NUL
// that overwrites their quote. The copy ends in a word of NULs, so that reading never looks
// further.
#define PADDING sizeof(uint64_t)

const struct cm_json_limits cm_json_limits_default = {
    .max_bytes = 16U << 20,
    .max_depth = 64,
    .max_nodes = 1U << 20,
};

struct parser {
    struct cm_arena *arena;
    char *at;
    char *end;
    char *line_start;
    uint32_t line;
    size_t nodes_left;
    size_t depth_left;
    struct cm_err *err;
};

static CM_PRINTF(3, 4) void set_error(struct parser *p, const char *at, const char *fmt, ...) {
    char words[256];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    (void)cm_fail(p->err, CM_EINVAL, "line %u, column %zu: %s", p->line,
                  (size_t)(at - p->line_start) + 1, words);
}

// FAIL_AT sets the error and is its code; a macro, so that analysers see that it is one.
#define FAIL_AT(p, at, ...) (set_error(p, at, __VA_ARGS__), CM_EINVAL)

// fail_here says what stands where something else was expected.
static enum cm_rc fail_here(struct parser *p, const char *expected) {
    unsigned char c = (unsigned char)*p->at;

    if (p->at == p->end) {
        return FAIL_AT(p, p->at, "the text ends where %s was expected", expected);
    }
    if (c > ' ' && c < 0x7f) {
        return FAIL_AT(p, p->at, "'%c' where %s was expected", c, expected);
    }
    return FAIL_AT(p, p->at, "byte 0x%02x where %s was expected", c, expected);
}

static void skip_space(struct parser *p) {
    for (;; p->at++) {
        if (*p->at == '\n') {
            p->line++;
            p->line_start = p->at + 1;
        } else if (*p->at != ' ' && *p->at != '\t' && *p->at != '\r') {
            return;
        }
    }
}

// Of a string only quotes, backslashes, control bytes and what is not ASCII need a look.
static bool is_plain(unsigned char c) {
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

// plain_run returns how many bytes need no look, eight at a time: a byte's top bit is set in one of
// the terms if the byte is below 0x20, a quote, a backslash or beyond ASCII.
static size_t plain_run(const char *text) {
    const uint64_t ones = 0x0101010101010101U;
    const uint64_t tops = 0x8080808080808080U;
    size_t n = 0;

    for (;; n += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, text + n, sizeof(word));
        uint64_t quote = word ^ (ones * '"');
        uint64_t slash = word ^ (ones * '\\');
        uint64_t found = ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) |
                         ((slash - ones) & ~slash) | word;
        if ((found & tops) != 0) {
            break;
        }
    }
    while (is_plain((unsigned char)text[n])) {
        n++;
    }
    return n;
}

static bool read_hex4(const char *at, uint32_t *out) {
    uint32_t value = 0;

    for (int i = 0; i < 4; i++) {
        char c = at[i];

        if (c >= '0' && c <= '9') {
            value = value << 4 | (uint32_t)(c - '0');
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            value = value << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
        } else {
            return false;
        }
    }
    *out = value;
    return true;
}

static char *put_utf8(char *to, uint32_t c) {
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (c & 0x3f));
    return to;
}

// read_code_point reads what follows \u, and the second half of a surrogate pair.
static enum cm_rc read_code_point(struct parser *p, const char **from, uint32_t *out) {
    const char *at = *from;
    uint32_t high;
    uint32_t low;

    if (!read_hex4(at, &high)) {
        return FAIL_AT(p, at, "\\u needs four hexadecimal digits");
    }
    at += 4;
    if (high == 0) {
        return FAIL_AT(p, *from, "a string may not hold a NUL");
    }
    if (high >= 0xd800 && high <= 0xdfff) {
        if (high >= 0xdc00 || at[0] != '\\' || at[1] != 'u' || !read_hex4(at + 2, &low) ||
            low < 0xdc00 || low > 0xdfff) {
            return FAIL_AT(p, *from, "half of a surrogate pair stands alone");
        }
        at += 6;
        high = 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00));
    }
    *from = at;
    *out = high;
    return CM_OK;
}

// unescape turns the escape at *from into bytes at *to; both move on.
static enum cm_rc unescape(struct parser *p, const char **from, char **to) {
    static const char names[] = "\"\\/bfnrt";
    static const char bytes[] = "\"\\/\b\f\n\r\t";
    const char *at = *from + 1;
    const char *name = *at != '\0' ? strchr(names, *at) : NULL;
    uint32_t c;

    if (name != NULL) {
        *(*to)++ = bytes[name - names];
        *from = at + 1;
        return CM_OK;
    }
    if (*at != 'u') {
        return FAIL_AT(p, at, "a backslash may stand only before one of \"\\/bfnrtu");
    }
    at++;
    enum cm_rc rc = read_code_point(p, &at, &c);
    if (rc < 0) {
        return rc;
    }
    *to = put_utf8(*to, c);
    *from = at;
    return CM_OK;
}

// copy_sequence moves one character that is not ASCII.
static enum cm_rc copy_sequence(struct parser *p, const char **from, char **to) {
    size_t n = cm_utf8_sequence(*from, (size_t)(p->end - *from));

    if (n == 0) {
        return FAIL_AT(p, *from, "invalid UTF-8");
    }
    memmove(*to, *from, n);
    *from += n;
    *to += n;
    return CM_OK;
}

static enum cm_rc read_string(struct parser *p, const char **out, size_t *out_len) {
    char *start = p->at + 1;
    char *to = start;
    const char *from = start;
    enum cm_rc rc = CM_OK;

    while (rc == CM_OK) {
        size_t n = plain_run(from);

        if (to != from) {
            memmove(to, from, n);
        }
        from += n;
        to += n;
        if (*from == '"') {
            break;
        }
        if (*from == '\\') {
            rc = unescape(p, &from, &to);
        } else if ((unsigned char)*from >= 0x80) {
            rc = copy_sequence(p, &from, &to);
        } else if (from == p->end) {
            rc = FAIL_AT(p, p->at, "the string that begins here does not end");
        } else {
            rc = FAIL_AT(p, from, "control byte 0x%02x in a string: write it as an escape",
                         (unsigned char)*from);
        }
    }
    if (rc < 0) {
        return rc;
    }
    p->at = start + (from - start) + 1;
    *to = '\0';
    *out = start;
    *out_len = (size_t)(to - start);
    return CM_OK;
}

// new_node makes a node with room for `extra` bytes behind it.
static enum cm_rc new_node(struct parser *p, enum cm_json_type type, size_t extra,
                           struct cm_json **out) {
    size_t column = (size_t)(p->at - p->line_start) + 1;

    if (p->nodes_left == 0) {
        return FAIL_AT(p, p->at, "the document has too many values");
    }
    p->nodes_left--;
    struct cm_json *node = cm_arena_try(p->arena, sizeof(*node) + extra);
    if (node == NULL) {
        return FAIL_AT(p, p->at, "the document needs more memory than it may have");
    }
    node->type = type;
    node->line = p->line;
    node->column = column < UINT16_MAX ? (uint16_t)column : UINT16_MAX;
    *out = node;
    return CM_OK;
}

static const char *skip_digits(const char *at) {
    while (*at >= '0' && *at <= '9') {
        at++;
    }
    return at;
}

// number_end returns where a number ends; NULL if it is malformed. RFC 8259 section 6.
static const char *number_end(const char *at) {
    const char *digits = at + (*at == '-' ? 1 : 0);

    at = *digits == '0' ? digits + 1 : skip_digits(digits);
    if (at == digits) {
        return NULL;
    }
    if (*at == '.') {
        digits = at + 1;
        at = skip_digits(digits);
        if (at == digits) {
            return NULL;
        }
    }
    if (*at == 'e' || *at == 'E') {
        digits = at + (at[1] == '+' || at[1] == '-' ? 2 : 1);
        at = skip_digits(digits);
        if (at == digits) {
            return NULL;
        }
    }
    return at;
}

static enum cm_rc read_number(struct parser *p, struct cm_json **out) {
    const char *end = number_end(p->at);
    struct cm_json *node;

    if (end == NULL) {
        return FAIL_AT(p, p->at, "malformed number");
    }
    size_t len = (size_t)(end - p->at);
    enum cm_rc rc = new_node(p, CM_NUMBER, len + 1, &node);
    if (rc < 0) {
        return rc;
    }
    memcpy(node + 1, p->at, len);
    node->text = (const char *)(node + 1);
    node->len = len;
    p->at += len;
    *out = node;
    return CM_OK;
}

struct word {
    const char *text;
    size_t len;
    enum cm_json_type type;
    bool truth;
};

static const struct word *find_word(const char *text) {
    static const struct word words[] = {
        {"null", 4, CM_NULL, false},
        {"true", 4, CM_BOOL, true},
        {"false", 5, CM_BOOL, false},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strncmp(text, words[i].text, words[i].len) == 0) {
            return &words[i];
        }
    }
    return NULL;
}

static enum cm_rc read_word(struct parser *p, struct cm_json **out) {
    const struct word *word = find_word(p->at);

    if (word == NULL) {
        return fail_here(p, "a value");
    }
    enum cm_rc rc = new_node(p, word->type, 0, out);
    if (rc < 0) {
        return rc;
    }
    (*out)->truth = word->truth;
    p->at += word->len;
    return CM_OK;
}

static enum cm_rc read_text(struct parser *p, struct cm_json **out) {
    struct cm_json *node;
    enum cm_rc rc = new_node(p, CM_STRING, 0, &node);

    if (rc < 0) {
        return rc;
    }
    rc = read_string(p, &node->text, &node->len);
    if (rc < 0) {
        return rc;
    }
    *out = node;
    return CM_OK;
}

static enum cm_rc read_value(struct parser *p, struct cm_json **out);

static enum cm_rc read_member(struct parser *p, struct cm_json **out) {
    const char *key;
    size_t len;

    if (*p->at != '"') {
        return fail_here(p, "a member's name in quotes");
    }
    enum cm_rc rc = read_string(p, &key, &len);
    if (rc < 0) {
        return rc;
    }
    skip_space(p);
    if (*p->at != ':') {
        return fail_here(p, "':'");
    }
    p->at++;
    skip_space(p);
    rc = read_value(p, out);
    if (rc < 0) {
        return rc;
    }
    (*out)->key = key;
    return CM_OK;
}

static enum cm_rc check_names(struct parser *p, const struct cm_json *object) {
    const struct cm_json *again = cm_json_members_duplicate(object);

    if (again == NULL) {
        return CM_OK;
    }
    return cm_fail(p->err, CM_EINVAL, "line %u, column %u: '%.200s' is there twice in one object",
                   again->line, again->column, again->key);
}

// read_items reads what stands between the brackets of `holder`, up to `close`.
static enum cm_rc read_items(struct parser *p, struct cm_json *holder, char close) {
    enum cm_rc rc;

    p->at++;
    skip_space(p);
    if (*p->at == close) {
        p->at++;
        return CM_OK;
    }
    for (;;) {
        struct cm_json *item = NULL;

        rc = close == '}' ? read_member(p, &item) : read_value(p, &item);
        if (rc < 0) {
            return rc;
        }
        cm_json_append(holder, item);
        skip_space(p);
        if (*p->at != ',') {
            break;
        }
        p->at++;
        skip_space(p);
    }
    if (*p->at != close) {
        return fail_here(p, close == '}' ? "',' or '}'" : "',' or ']'");
    }
    p->at++;
    return CM_OK;
}

static enum cm_rc read_holder(struct parser *p, enum cm_json_type type, struct cm_json **out) {
    struct cm_json *holder;
    enum cm_rc rc;

    if (p->depth_left == 0) {
        return FAIL_AT(p, p->at, "the document is nested too deeply");
    }
    rc = new_node(p, type, 0, &holder);
    if (rc < 0) {
        return rc;
    }
    p->depth_left--;
    rc = read_items(p, holder, type == CM_OBJECT ? '}' : ']');
    p->depth_left++;
    if (rc == CM_OK && type == CM_OBJECT) {
        rc = check_names(p, holder);
    }
    if (rc < 0) {
        return rc;
    }
    *out = holder;
    return CM_OK;
}

static enum cm_rc read_value(struct parser *p, struct cm_json **out) {
    switch (*p->at) {
    case '{':
        return read_holder(p, CM_OBJECT, out);
    case '[':
        return read_holder(p, CM_ARRAY, out);
    case '"':
        return read_text(p, out);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return read_number(p, out);
    default:
        return read_word(p, out);
    }
}

// start copies the text, so that it ends in NULs and strings can be unescaped in place.
static enum cm_rc start(struct parser *p, struct cm_arena *a, const char *text, size_t size,
                        const struct cm_json_limits *limits, struct cm_err *err) {
    const struct cm_json_limits *l = limits != NULL ? limits : &cm_json_limits_default;

    if (size > l->max_bytes) {
        return cm_fail(err, CM_EINVAL, "line 1, column 1: the text has %zu bytes, more than %zu",
                       size, l->max_bytes);
    }
    char *copy = cm_arena_try(a, size + PADDING);
    if (copy == NULL) {
        return cm_fail(err, CM_EINVAL,
                       "line 1, column 1: the document needs more memory than it may have");
    }
    if (size > 0) {
        memcpy(copy, text, size);
    }
    *p = (struct parser){
        .arena = a,
        .at = copy,
        .end = copy + size,
        .line_start = copy,
        .line = 1,
        .nodes_left = l->max_nodes,
        .depth_left = l->max_depth < CM_JSON_DEPTH_MAX ? l->max_depth : CM_JSON_DEPTH_MAX,
        .err = err,
    };
    return CM_OK;
}

enum cm_rc cm_json_parse(struct cm_arena *a, const char *text, size_t size,
                         const struct cm_json_limits *limits, struct cm_json **out,
                         struct cm_err *err) {
    struct cm_json *node;
    struct parser p;
    enum cm_rc rc = start(&p, a, text, size, limits, err);

    if (rc < 0) {
        return rc;
    }
    skip_space(&p);
    rc = read_value(&p, &node);
    if (rc < 0) {
        return rc;
    }
    skip_space(&p);
    if (p.at != p.end) {
        return fail_here(&p, "the end of the text");
    }
    *out = node;
    return CM_OK;
}

enum cm_rc cm_json_parse_all(struct cm_arena *a, const char *text, size_t size,
                             const struct cm_json_limits *limits, struct cm_json *out,
                             struct cm_err *err) {
    struct cm_json found = {.type = CM_ARRAY};
    struct parser p;
    enum cm_rc rc = start(&p, a, text, size, limits, err);

    if (rc < 0) {
        return rc;
    }
    for (skip_space(&p); p.at != p.end; skip_space(&p)) {
        struct cm_json *node;

        rc = read_value(&p, &node);
        if (rc < 0) {
            return rc;
        }
        cm_json_append(&found, node);
    }
    *out = found;
    return CM_OK;
}
