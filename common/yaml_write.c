// Writing trees as block YAML, in the style of kubectl.
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/utf8.h"
#include "common/yaml.h"
#include "common/yaml_scalar.h"

// libyaml and go-yaml take no longer name without a question mark in front.
#define SHORT_NAME_MAX 128

// is_printable tells whether YAML takes a character as it is (YAML 1.1 section 5.1); line
// separators that only YAML knows are left out.
static bool is_printable(const char *at, size_t n) {
    const unsigned char *s = (const unsigned char *)at;

    if (n == 1) {
        return s[0] >= 0x20 && s[0] != 0x7f;
    }
    if (n == 2) {
        return s[0] != 0xc2 || s[1] >= 0xa0;
    }
    if (n == 3) {
        bool separator = s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9);
        bool bom = s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf;
        bool beyond = s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe;

        return !separator && !bom && !beyond;
    }
    return true;
}

// Characters that a plain scalar may hold: no more than people expect unquoted.
static bool is_plain_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-_./+=@~^$;() <>*&%!?", c) != NULL);
}

static bool may_begin_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_./+^$();", c) != NULL);
}

// looks_like_number is wide on purpose: other readers of YAML know dates, base 60 and more numbers.
static bool looks_like_number(const char *text) {
    return strchr("0123456789.+-", text[0]) != NULL &&
           text[strspn(text, "0123456789abcdefABCDEFxXoO_.:+-TtZz ")] == '\0';
}

static bool is_plain(const char *text, size_t len) {
    CM_CLEANUP(cm_str_done) struct cm_str number = {0};

    if (len == 0 || !may_begin_plain(text[0]) || text[len - 1] == ' ' || text[len - 1] == ':') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        bool inner_colon = text[i] == ':' && text[i + 1] != ' ';

        if (!inner_colon && !is_plain_char(text[i])) {
            return false;
        }
    }
    if (strncmp(text, "...", 3) == 0) {
        return false; // at the start of a line it would end the document
    }
    return !looks_like_number(text) && cm_yaml_resolve(text, len, &number) == CM_YAML_STRING;
}

// decode returns the code point of a valid sequence.
static unsigned decode(const char *at, size_t n) {
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned value = (unsigned char)at[0] & masks[n];

    for (size_t i = 1; i < n; i++) {
        value = value << 6 | ((unsigned char)at[i] & 0x3f);
    }
    return value;
}

static void write_escape(unsigned c, struct cm_str *out) {
    static const char bytes[] = "\"\\\n\t\r";
    static const char names[] = "\"\\ntr";
    const char *at = c < 0x80 && c != 0 ? strchr(bytes, (int)c) : NULL;

    if (at != NULL) {
        cm_str_add_n(out, (char[]){'\\', names[at - bytes]}, 2);
    } else {
        cm_str_addf(out, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
    }
}

static void write_quoted(const char *text, size_t len, struct cm_str *out) {
    size_t n;

    cm_str_add_char(out, '"');
    for (size_t i = 0; i < len; i += n) {
        n = cm_utf8_sequence(text + i, len - i);
        if (n == 0) {
            n = 1; // only a tree that was not read but made can hold this
            cm_str_add(out, "\\ufffd");
        } else if (is_printable(text + i, n) && text[i] != '"' && text[i] != '\\') {
            cm_str_add_n(out, text + i, n);
        } else {
            write_escape(decode(text + i, n), out);
        }
    }
    cm_str_add_char(out, '"');
}

static void write_text(const char *text, size_t len, struct cm_str *out) {
    if (is_plain(text, len)) {
        cm_str_add_n(out, text, len);
    } else {
        write_quoted(text, len, out);
    }
}

static void indent(size_t depth, struct cm_str *out) {
    for (size_t i = 0; i < depth; i++) {
        cm_str_add_n(out, "  ", 2);
    }
}

// is_literal tells whether a text of several lines can stand as it is below a '|'.
static bool is_literal(const char *text, size_t len) {
    size_t n;

    if (len == 0 || memchr(text, '\n', len) == NULL || strchr(" \t\n", text[0]) != NULL) {
        return false;
    }
    for (size_t i = 0; i < len; i += n) {
        n = cm_utf8_sequence(text + i, len - i);
        if (n == 0 || (!is_printable(text + i, n) && text[i] != '\n' && text[i] != '\t')) {
            return false;
        }
    }
    return true;
}

static void write_literal(const char *text, size_t len, size_t depth, struct cm_str *out) {
    const char *end = text + len;
    bool ends_line = end[-1] == '\n';

    cm_str_add_char(out, '|');
    if (!ends_line) {
        cm_str_add_char(out, '-');
    } else if (len > 1 && end[-2] == '\n') {
        cm_str_add_char(out, '+');
    }
    cm_str_add_char(out, '\n');
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((stop != NULL ? stop : end) - text);

        if (n > 0) {
            indent(depth, out);
            cm_str_add_n(out, text, n);
        }
        cm_str_add_char(out, '\n');
        text += n + 1;
    }
}

static void write_number(const struct cm_json *node, struct cm_str *out) {
    CM_CLEANUP(cm_str_done) struct cm_str number = {0};
    enum cm_yaml_kind kind = cm_yaml_resolve(node->text, node->len, &number);

    if (kind != CM_YAML_INT && kind != CM_YAML_FLOAT) {
        cm_str_add(out, "!!float ");
    }
    cm_str_add_n(out, node->text, node->len);
}

// write_line writes a value without items and ends the line. `depth` is that of lines below it.
static void write_line(const struct cm_json *node, size_t depth, struct cm_str *out) {
    switch (node->type) {
    case CM_NULL:
        cm_str_add(out, "null");
        break;
    case CM_BOOL:
        cm_str_add(out, node->truth ? "true" : "false");
        break;
    case CM_NUMBER:
        write_number(node, out);
        break;
    case CM_STRING:
        if (depth > 0 && is_literal(node->text, node->len)) {
            write_literal(node->text, node->len, depth, out);
            return;
        }
        write_text(node->text, node->len, out);
        break;
    case CM_ARRAY:
        cm_str_add(out, "[]");
        break;
    case CM_OBJECT:
        cm_str_add(out, "{}");
        break;
    }
    cm_str_add_char(out, '\n');
}

static void write_object(const struct cm_json *node, size_t depth, struct cm_str *out);
static void write_array(const struct cm_json *node, size_t depth, struct cm_str *out);

// write_below writes the value of a member whose name and colon are written.
static void write_below(const struct cm_json *node, size_t depth, struct cm_str *out) {
    if (node->first == NULL) {
        cm_str_add_char(out, ' ');
        write_line(node, depth + 1, out);
        return;
    }
    cm_str_add_char(out, '\n');
    if (node->type == CM_OBJECT) {
        indent(depth + 1, out);
        write_object(node, depth + 1, out);
    } else {
        indent(depth, out);
        write_array(node, depth, out);
    }
}

// write_object writes members; the first line is indented already.
static void write_object(const struct cm_json *node, size_t depth, struct cm_str *out) {
    for (const struct cm_json *m = node->first; m != NULL; m = m->next) {
        size_t len = strlen(m->key);

        if (m != node->first) {
            indent(depth, out);
        }
        if (len > SHORT_NAME_MAX) {
            cm_str_add(out, "? ");
            write_text(m->key, len, out);
            cm_str_add_char(out, '\n');
            indent(depth, out);
        } else {
            write_text(m->key, len, out);
        }
        cm_str_add_char(out, ':');
        write_below(m, depth, out);
    }
}

static void write_array(const struct cm_json *node, size_t depth, struct cm_str *out) {
    for (const struct cm_json *item = node->first; item != NULL; item = item->next) {
        if (item != node->first) {
            indent(depth, out);
        }
        cm_str_add_n(out, "- ", 2);
        if (item->first == NULL) {
            write_line(item, depth + 1, out);
        } else if (item->type == CM_OBJECT) {
            write_object(item, depth + 1, out);
        } else {
            write_array(item, depth + 1, out);
        }
    }
}

void cm_yaml_write(const struct cm_json *node, struct cm_str *out) {
    if (node->first == NULL) {
        write_line(node, 0, out);
    } else if (node->type == CM_OBJECT) {
        write_object(node, 0, out);
    } else {
        write_array(node, 0, out);
    }
}
