#include "common/object/field.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/listkeys.h"
#include "common/object/path.h"
#include "common/object/pointer.h"
#include "common/str.h"

// ---- Reading

// read_token reads a part of a pointer: what stands in brackets is an element by its keys.
static bool read_token(struct cm_arena *a, const char *token, struct cm_segment *out) {
    struct cm_path path;

    if (token[0] == '[' && strchr(token, '=') != NULL) {
        if (!cm_path_parse(a, cm_arena_strf(a, "x%s", token), &path) || path.count != 2) {
            return false;
        }
        *out = path.segments[1];
        return true;
    }
    *out = (struct cm_segment){.type = CM_SEGMENT_MEMBER, .name = token};
    return true;
}

bool cm_field_parse(struct cm_arena *a, const char *text, struct cm_path *out) {
    struct cm_pointer pointer;
    struct cm_err err;

    if (text[0] != '/') {
        return cm_path_parse(a, text, out) && out->count > 0;
    }
    if (cm_pointer_parse(a, text, &pointer, &err) < 0) {
        return false;
    }
    out->segments = cm_arena_get(a, (pointer.count + 1) * sizeof(*out->segments));
    out->count = pointer.count;
    for (size_t i = 0; i < pointer.count; i++) {
        if (!read_token(a, pointer.tokens[i], &out->segments[i])) {
            return false;
        }
    }
    return true;
}

// ---- Walking

struct cm_cursor cm_field_root(struct cm_arena *a, const struct cm_json *object) {
    const char *version = cm_json_string(cm_json_get(object, "apiVersion"));
    const char *kind = cm_json_string(cm_json_get(object, "kind"));
    const char *slash = version == NULL ? NULL : strchr(version, '/');
    const char *group =
        slash == NULL ? "" : cm_arena_strndup(a, version, (size_t)(slash - version));

    return (struct cm_cursor){(struct cm_json *)(uintptr_t)object,
                              cm_schema_root(group, kind == NULL ? "" : kind)};
}

static const char *scalar_text(const struct cm_json *node) {
    if (node != NULL && node->type == CM_BOOL) {
        return node->truth ? "true" : "false";
    }
    return node == NULL ? NULL : node->text;
}

static const char *default_of(const struct cm_list_rule *rule, const char *key) {
    for (size_t i = 0; rule->type == CM_LIST_MAP && rule->keys[i] != NULL; i++) {
        if (strcmp(rule->keys[i], key) == 0) {
            return rule->defaults[i];
        }
    }
    return NULL;
}

bool cm_field_means(const struct cm_list_rule *rule, const struct cm_segment *segment,
                    const struct cm_json *element, size_t index) {
    size_t wanted;

    if (segment->type == CM_SEGMENT_MEMBER) {
        return strcmp(segment->name, "*") == 0 ||
               (cm_pointer_index(segment->name, &wanted) && wanted == index);
    }
    if (segment->type == CM_SEGMENT_VALUE) {
        const char *text = scalar_text(element);
        return text != NULL && strcmp(text, segment->name) == 0;
    }
    for (size_t i = 0; segment->keys[i] != NULL; i++) {
        const char *text = scalar_text(cm_json_get(element, segment->keys[i]));

        text = text != NULL ? text : default_of(rule, segment->keys[i]);
        if (text == NULL || strcmp(text, segment->values[i]) != 0) {
            return false;
        }
    }
    return true;
}

struct cm_cursor cm_field_step(struct cm_cursor at, const struct cm_segment *segment) {
    size_t index = 0;

    if (at.node != NULL && at.node->type == CM_ARRAY) {
        const struct cm_list_rule *rule = cm_schema_rule(at.place);
        struct cm_json *n = at.node->first;

        for (; n != NULL && !cm_field_means(rule, segment, n, index); n = n->next) {
            index++;
        }
        return (struct cm_cursor){n, cm_schema_element(at.place)};
    }
    if (at.node == NULL || segment->type != CM_SEGMENT_MEMBER) {
        return (struct cm_cursor){0};
    }
    return (struct cm_cursor){cm_json_get(at.node, segment->name),
                              cm_schema_member(at.place, segment->name)};
}

struct cm_cursor cm_field_walk(struct cm_cursor at, const struct cm_segment *segments,
                               size_t count) {
    for (size_t i = 0; i < count && at.node != NULL; i++) {
        at = cm_field_step(at, &segments[i]);
    }
    return at;
}

// ---- Changing

static void unlink_element(struct cm_json *list, const struct cm_json *element) {
    struct cm_json *next = list->first;

    list->first = NULL;
    list->last = NULL;
    list->count = 0;
    while (next != NULL) {
        struct cm_json *n = next;

        next = n->next;
        n->next = NULL;
        if (n != element) {
            cm_json_append(list, n);
        }
    }
}

static void replace_element(struct cm_arena *a, struct cm_json *element, const struct cm_json *by) {
    struct cm_json *next = element->next;

    *element = *cm_json_copy(a, by);
    element->key = NULL;
    element->next = next;
}

void cm_field_put(struct cm_arena *a, struct cm_json *parent, const struct cm_segment *last,
                  struct cm_json *own, const struct cm_json *value) {
    if (value == NULL && own == NULL) {
        return;
    }
    if (value == NULL && parent->type == CM_ARRAY) {
        unlink_element(parent, own);
    } else if (value == NULL) {
        (void)cm_json_remove(parent, last->name);
    } else if (parent->type == CM_ARRAY && own == NULL) {
        struct cm_json *element = cm_json_copy(a, value);

        element->key = NULL;
        cm_json_append(parent, element);
    } else if (parent->type == CM_ARRAY) {
        replace_element(a, own, value);
    } else {
        cm_json_set(a, parent, last->name, cm_json_copy(a, value));
    }
}

// make_way makes the map or list that a segment is to stand in, if its holder has none.
static struct cm_json *make_way(struct cm_arena *a, struct cm_json *holder,
                                const struct cm_segment *at, const struct cm_segment *next) {
    if (holder->type != CM_OBJECT || at->type != CM_SEGMENT_MEMBER) {
        return NULL;
    }
    struct cm_json *made = cm_json_new(a, next->type == CM_SEGMENT_MEMBER ? CM_OBJECT : CM_ARRAY);
    cm_json_set(a, holder, at->name, made);
    return made;
}

bool cm_field_set(struct cm_arena *a, struct cm_json *object, const struct cm_path *path,
                  const struct cm_json *value) {
    struct cm_cursor at = cm_field_root(a, object);

    for (size_t i = 0; i + 1 < path->count; i++) {
        struct cm_cursor below = cm_field_step(at, &path->segments[i]);

        if (below.node == NULL && value == NULL) {
            return true;
        }
        if (below.node == NULL) {
            below.node = make_way(a, at.node, &path->segments[i], &path->segments[i + 1]);
        }
        if (below.node == NULL) {
            return false;
        }
        at = below;
    }
    const struct cm_segment *last = &path->segments[path->count - 1];
    if (at.node->type != CM_ARRAY &&
        (at.node->type != CM_OBJECT || last->type != CM_SEGMENT_MEMBER)) {
        return value == NULL;
    }
    cm_field_put(a, at.node, last, cm_field_step(at, last).node, value);
    return true;
}

// ---- Writing

static void add_escaped(struct cm_str *out, const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '~' || *text == '/') {
            cm_str_add(out, *text == '~' ? "~0" : "~1");
        } else {
            cm_str_add_char(out, *text);
        }
    }
}

void cm_field_add_member(struct cm_str *pointer, const char *name) {
    cm_str_add_char(pointer, '/');
    add_escaped(pointer, name);
}

void cm_field_add_entry(struct cm_str *pointer, const struct cm_list_rule *rule,
                        const struct cm_json *entry) {
    CM_CLEANUP(cm_str_done) struct cm_str token = {0};

    cm_path_add_entry(&token, rule, entry);
    cm_field_add_member(pointer, cm_str_get(&token));
}
