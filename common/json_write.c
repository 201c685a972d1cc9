// Writing trees as JSON: on one line, or in the canonical form.
#include <string.h>

#include "common/json.h"
#include "common/json_members.h"
#include "common/mem.h"
#include "common/str.h"

#define FEW 16

// escape_of returns what stands after the backslash; 'u' if the byte has no letter of its own.
static char escape_of(unsigned char c) {
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 'u';
    }
}

static void write_text(const char *text, size_t len, struct cm_str *out) {
    size_t done = 0;

    cm_str_add_char(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        char escape = escape_of(c);
        cm_str_add_n(out, text + done, i - done);
        done = i + 1;
        if (escape == 'u') {
            cm_str_addf(out, "\\u%04x", c);
        } else {
            cm_str_add_char(out, '\\');
            cm_str_add_char(out, escape);
        }
    }
    cm_str_add_n(out, text + done, len - done);
    cm_str_add_char(out, '"');
}

static void write_scalar(const struct cm_json *node, struct cm_str *out) {
    switch (node->type) {
    case CM_NULL:
        cm_str_add_n(out, "null", 4);
        break;
    case CM_BOOL:
        cm_str_add(out, node->truth ? "true" : "false");
        break;
    case CM_NUMBER:
        cm_str_add_n(out, node->text, node->len);
        break;
    case CM_STRING:
        write_text(node->text, node->len, out);
        break;
    case CM_ARRAY:
        cm_str_add_n(out, "[]", 2);
        break;
    case CM_OBJECT:
        cm_str_add_n(out, "{}", 2);
        break;
    }
}

void cm_json_write_compact(const struct cm_json *node, struct cm_str *out) {
    if (node->first == NULL) {
        write_scalar(node, out);
        return;
    }
    cm_str_add_char(out, node->type == CM_OBJECT ? '{' : '[');
    for (const struct cm_json *item = node->first; item != NULL; item = item->next) {
        if (item != node->first) {
            cm_str_add_char(out, ',');
        }
        if (node->type == CM_OBJECT) {
            write_text(item->key, strlen(item->key), out);
            cm_str_add_char(out, ':');
        }
        cm_json_write_compact(item, out);
    }
    cm_str_add_char(out, node->type == CM_OBJECT ? '}' : ']');
}

static void new_line(size_t depth, struct cm_str *out) {
    static const char spaces[] = "\n                                                              ";
    const size_t most = sizeof(spaces) - 2;
    size_t n = 2 * depth;
    size_t now = n < most ? n : most;

    cm_str_add_n(out, spaces, now + 1);
    for (n -= now; n > 0; n -= now) {
        now = n < most ? n : most;
        cm_str_add_n(out, spaces + 1, now);
    }
}

static void write_node(const struct cm_json *node, size_t depth, struct cm_str *out);

// write_item writes an element or a member on a line of its own.
static void write_item(const struct cm_json *item, bool is_first, size_t depth,
                       struct cm_str *out) {
    if (!is_first) {
        cm_str_add_char(out, ',');
    }
    new_line(depth, out);
    write_node(item, depth, out);
}

static void write_member(const struct cm_json *member, bool is_first, size_t depth,
                         struct cm_str *out) {
    if (!is_first) {
        cm_str_add_char(out, ',');
    }
    new_line(depth, out);
    write_text(member->key, strlen(member->key), out);
    cm_str_add_n(out, ": ", 2);
    write_node(member, depth, out);
}

// sort_few sorts without allocating, as almost all objects have few members, and counts them.
static size_t sort_few(const struct cm_json *object, const struct cm_json *out[FEW]) {
    size_t count = 0;

    for (const struct cm_json *m = object->first; m != NULL && count < FEW; m = m->next) {
        size_t at = count++;

        while (at > 0 && strcmp(out[at - 1]->key, m->key) > 0) {
            out[at] = out[at - 1];
            at--;
        }
        out[at] = m;
    }
    return count;
}

static void write_few(const struct cm_json *object, size_t depth, struct cm_str *out) {
    const struct cm_json *members[FEW];
    size_t count = sort_few(object, members);

    for (size_t i = 0; i < count; i++) {
        write_member(members[i], i == 0, depth, out);
    }
}

static void write_members(const struct cm_json *object, size_t depth, struct cm_str *out) {
    if (cm_json_members_in_order(object)) {
        for (const struct cm_json *m = object->first; m != NULL; m = m->next) {
            write_member(m, m == object->first, depth, out);
        }
        return;
    }
    if (object->count <= FEW) {
        write_few(object, depth, out);
        return;
    }
    CM_AUTOFREE struct cm_json **members = cm_json_members_sorted(object);
    for (size_t i = 0; i < object->count; i++) {
        write_member(members[i], i == 0, depth, out);
    }
}

static void write_node(const struct cm_json *node, size_t depth, struct cm_str *out) {
    if (node->first == NULL) {
        write_scalar(node, out);
        return;
    }
    if (node->type == CM_OBJECT) {
        cm_str_add_char(out, '{');
        write_members(node, depth + 1, out);
        new_line(depth, out);
        cm_str_add_char(out, '}');
        return;
    }
    cm_str_add_char(out, '[');
    for (const struct cm_json *item = node->first; item != NULL; item = item->next) {
        write_item(item, item == node->first, depth + 1, out);
    }
    new_line(depth, out);
    cm_str_add_char(out, ']');
}

void cm_json_write_canonical(const struct cm_json *node, struct cm_str *out) {
    write_node(node, 0, out);
    cm_str_add_char(out, '\n');
}
