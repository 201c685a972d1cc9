#include "common/object/path.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/str.h"

static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

static void add_quoted(struct cm_str *path, const char *text) {
    cm_str_add_char(path, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\') {
            cm_str_add_char(path, '\\');
        }
        cm_str_add_char(path, *text);
    }
    cm_str_add_char(path, '\'');
}

void cm_path_add_member(struct cm_str *path, const char *name) {
    if (name[0] != '\0' && name[strspn(name, bare)] == '\0') {
        if (path->len > 0) {
            cm_str_add_char(path, '.');
        }
        cm_str_add(path, name);
        return;
    }
    cm_str_add_char(path, '[');
    add_quoted(path, name);
    cm_str_add_char(path, ']');
}

static void add_value(struct cm_str *path, const char *text) {
    if (text[0] == '\0' || strpbrk(text, "'\\],= ") != NULL) {
        add_quoted(path, text);
    } else {
        cm_str_add(path, text);
    }
}

// value_text returns the text of a scalar; that of anything else says nothing.
static const char *value_text(const struct cm_json *node) {
    if (node->type == CM_BOOL) {
        return node->truth ? "true" : "false";
    }
    return node->text != NULL ? node->text : "";
}

void cm_path_add_entry(struct cm_str *path, const struct cm_list_rule *rule,
                       const struct cm_json *entry) {
    bool first = true;

    cm_str_add_char(path, '[');
    if (rule->type == CM_LIST_SET) {
        cm_str_add_char(path, '=');
        add_value(path, value_text(entry));
    }
    for (size_t i = 0; rule->type == CM_LIST_MAP && rule->keys[i] != NULL; i++) {
        const struct cm_json *value = cm_json_get(entry, rule->keys[i]);
        const char *text = value != NULL ? value_text(value) : rule->defaults[i];

        if (text == NULL) {
            continue;
        }
        cm_str_add(path, first ? "" : ",");
        cm_str_add(path, rule->keys[i]);
        cm_str_add_char(path, '=');
        add_value(path, text);
        first = false;
    }
    cm_str_add_char(path, ']');
}

// read_until returns the text up to one of the characters of `stop` and moves on to it.
static const char *read_until(struct cm_arena *a, const char **at, const char *stop) {
    size_t len = strcspn(*at, stop);
    const char *text = cm_arena_strndup(a, *at, len);

    *at += len;
    return text;
}

// read_quoted reads what stands in quotes; NULL if it does not end.
static const char *read_quoted(struct cm_arena *a, const char **at) {
    char *text = cm_arena_strdup(a, *at + 1);
    char *to = text;
    const char *from = *at + 1;

    while (*from != '\'') {
        from += *from == '\\' ? 1 : 0;
        if (*from == '\0') {
            return NULL;
        }
        *to++ = *from++;
    }
    *to = '\0';
    *at = from + 1;
    return text;
}

static const char *read_value(struct cm_arena *a, const char **at) {
    return **at == '\'' ? read_quoted(a, at) : read_until(a, at, ",]");
}

static bool read_keys(struct cm_arena *a, const char **at, struct cm_segment *out) {
    out->type = CM_SEGMENT_ENTRY;
    for (size_t i = 0; i < CM_LIST_KEYS_MAX; i++) {
        out->keys[i] = read_until(a, at, "=],'");
        if (**at != '=' || out->keys[i][0] == '\0') {
            return false;
        }
        (*at)++;
        out->values[i] = read_value(a, at);
        if (out->values[i] == NULL) {
            return false;
        }
        if (**at != ',') {
            return true;
        }
        (*at)++;
    }
    return false;
}

// read_bracket reads what stands in brackets.
static bool read_bracket(struct cm_arena *a, const char **at, struct cm_segment *out) {
    bool ok = true;

    (*at)++;
    if (**at == '\'') {
        out->name = read_quoted(a, at);
    } else if (**at == '=') {
        (*at)++;
        out->type = CM_SEGMENT_VALUE;
        out->name = read_value(a, at);
    } else {
        ok = read_keys(a, at, out);
    }
    if (!ok || (out->type != CM_SEGMENT_ENTRY && out->name == NULL) || **at != ']') {
        return false;
    }
    (*at)++;
    return true;
}

static size_t most_segments(const char *text) {
    size_t n = 1;

    for (; *text != '\0'; text++) {
        n += *text == '.' || *text == '[' ? 1 : 0;
    }
    return n;
}

// read_member reads a name; all but the first of a path stand behind a dot.
static bool read_member(struct cm_arena *a, const char **at, bool first, struct cm_segment *out) {
    if (!first && **at != '.') {
        return false;
    }
    *at += first ? 0 : 1;
    out->name = read_until(a, at, ".[");
    return out->name[0] != '\0';
}

bool cm_path_parse(struct cm_arena *a, const char *text, struct cm_path *out) {
    size_t most = most_segments(text);
    struct cm_path path = {.segments = cm_arena_get(a, most * sizeof(struct cm_segment))};
    const char *at = text;
    bool ok = true;

    while (ok && *at != '\0') {
        struct cm_segment *segment = &path.segments[path.count++];

        ok = *at == '[' ? read_bracket(a, &at, segment)
                        : read_member(a, &at, path.count == 1, segment);
    }
    if (!ok || path.count == 0) {
        return false;
    }
    *out = path;
    return true;
}
