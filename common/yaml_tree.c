#include "common/yaml_tree.h"

#include <stdint.h>
#include <string.h>
#include <yaml.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/yaml.h"

struct reader {
    struct cm_arena *arena;
    yaml_parser_t parser;
    const char *text;
    size_t size;
    size_t at; // byte of the character `seen`: marks come nearly in order
    size_t seen;
    size_t depth;
    bool broken;
};

static void event_done(yaml_event_t *event) {
    yaml_event_delete(event);
}

static size_t begin_of(const char *text, size_t size) {
    return size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

// offset_of turns libyaml's number of characters into bytes.
static size_t offset_of(struct reader *r, size_t characters) {
    if (characters < r->seen) {
        r->at = begin_of(r->text, r->size);
        r->seen = 0;
    }
    while (r->seen < characters && r->at < r->size) {
        r->at++;
        while (r->at < r->size && ((unsigned char)r->text[r->at] & 0xc0U) == 0x80U) {
            r->at++;
        }
        r->seen++;
    }
    return r->at;
}

// end_of leaves out blanks and line ends before a place.
static size_t end_of(const struct reader *r, size_t start, size_t end) {
    while (end > start && strchr(" \t\r\n", r->text[end - 1]) != NULL && r->text[end - 1] != '\0') {
        end--;
    }
    return end;
}

static bool next(struct reader *r, yaml_event_t *event) {
    r->broken = r->broken || yaml_parser_parse(&r->parser, event) == 0;
    return !r->broken;
}

static struct cm_yaml_node *read_node(struct reader *r, const yaml_event_t *event);

static void append(struct cm_yaml_node *parent, struct cm_yaml_node *child) {
    if (parent->last == NULL) {
        parent->first = child;
    } else {
        parent->last->next = child;
    }
    parent->last = child;
}

static void read_children(struct reader *r, struct cm_yaml_node *node, yaml_event_type_t end) {
    if (++r->depth > CM_JSON_DEPTH_MAX) {
        r->broken = true;
    }
    for (;;) {
        CM_CLEANUP(event_done) yaml_event_t event = {0};

        if (!next(r, &event)) {
            return;
        }
        if (event.type == end) {
            node->end = node->flow           ? offset_of(r, event.end_mark.index)
                        : node->last != NULL ? node->last->end
                                             : node->start;
            r->depth--;
            return;
        }
        append(node, read_node(r, &event));
    }
}

static enum cm_yaml_style style_of(yaml_scalar_style_t style) {
    switch (style) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE:
        return CM_YAML_SINGLE;
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
        return CM_YAML_DOUBLE;
    case YAML_LITERAL_SCALAR_STYLE:
    case YAML_FOLDED_SCALAR_STYLE:
        return CM_YAML_BLOCK;
    default:
        return CM_YAML_PLAIN;
    }
}

static void read_scalar(struct reader *r, const yaml_event_t *event, struct cm_yaml_node *node) {
    node->text = cm_arena_strndup(r->arena, (const char *)event->data.scalar.value,
                                  event->data.scalar.length);
    node->style = style_of(event->data.scalar.style);
    node->marked = event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL;
    node->end = end_of(r, node->start, offset_of(r, event->end_mark.index));
}

static struct cm_yaml_node *read_node(struct reader *r, const yaml_event_t *event) {
    struct cm_yaml_node *node = cm_arena_get(r->arena, sizeof(*node));

    *node = (struct cm_yaml_node){.type = CM_YAML_ALIAS,
                                  .start = offset_of(r, event->start_mark.index),
                                  .column = event->start_mark.column};
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        node->type = CM_YAML_SCALAR;
        read_scalar(r, event, node);
        break;
    case YAML_SEQUENCE_START_EVENT:
        node->type = CM_YAML_SEQUENCE;
        node->flow = event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
        node->marked =
            event->data.sequence_start.anchor != NULL || event->data.sequence_start.tag != NULL;
        read_children(r, node, YAML_SEQUENCE_END_EVENT);
        break;
    case YAML_MAPPING_START_EVENT:
        node->type = CM_YAML_MAPPING;
        node->flow = event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
        node->marked =
            event->data.mapping_start.anchor != NULL || event->data.mapping_start.tag != NULL;
        read_children(r, node, YAML_MAPPING_END_EVENT);
        break;
    default:
        node->end = offset_of(r, event->end_mark.index);
        break;
    }
    return node;
}

// is_left_out tells whether cm_yaml_parse makes no document of it.
static bool is_left_out(struct reader *r, const struct cm_yaml_node *node) {
    return node->type == CM_YAML_SCALAR && node->style == CM_YAML_PLAIN &&
           cm_yaml_scalar(r->arena, node->text)->type == CM_NULL;
}

static struct cm_yaml_node *find(struct reader *r, size_t number) {
    size_t seen = 0;

    for (;;) {
        CM_CLEANUP(event_done) yaml_event_t event = {0};

        if (!next(r, &event) || event.type == YAML_STREAM_END_EVENT) {
            return NULL;
        }
        if (event.type == YAML_STREAM_START_EVENT || event.type == YAML_DOCUMENT_START_EVENT ||
            event.type == YAML_DOCUMENT_END_EVENT) {
            continue;
        }
        struct cm_yaml_node *node = read_node(r, &event);
        if (r->broken) {
            return NULL;
        }
        if (!is_left_out(r, node) && seen++ == number) {
            return node;
        }
    }
}

enum cm_rc cm_yaml_tree_find(struct cm_arena *a, const char *text, size_t size, size_t number,
                             struct cm_yaml_node **out, struct cm_err *err) {
    struct reader r = {.arena = a, .text = text, .size = size, .at = begin_of(text, size)};

    if (yaml_parser_initialize(&r.parser) == 0) {
        cm_mem_end();
    }
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, size);
    struct cm_yaml_node *node = find(&r, number);
    yaml_parser_delete(&r.parser);
    if (node == NULL) {
        return cm_fail(err, CM_EINVAL, "there is no such document");
    }
    *out = node;
    return CM_OK;
}
