#include "common/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "common/arena.h"
#include "common/json_members.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/utf8.h"
#include "common/yaml_merge.h"
#include "common/yaml_next.h"
#include "common/yaml_piece.h"
#include "common/yaml_scalar.h"

// Aliases may make a text at most this many times larger, and a small text by this much.
#define EXPANSION_FACTOR 10
#define EXPANSION_FREE (64U << 10)

// libyaml looks through all %TAG lines for each of them.
#define TAG_LINES_MAX 16

// So many documents are left out before the rest is.
#define WRONG_MAX 100

// An anchor is known from where its node begins, so that a node that holds itself is noticed.
struct anchor {
    struct cm_json *node; // NULL until the node is complete
};

struct reader {
    struct cm_arena *arena;
    yaml_parser_t parser;
    struct cm_map *anchors; // of this document; NULL until there is one
    struct cm_str scratch;  // a number's text
    size_t nodes_left;
    size_t depth_left;
    size_t expansion_left; // bytes that aliases may still add
    size_t anchored;       // nodes with an anchor so far
    struct cm_err *err;
    const struct cm_yaml_listener *listener; // NULL: the first thing that is wrong ends it
    uint32_t line;                           // at which the document begins
    bool ended;                              // what is wrong keeps the rest from being read, too
    bool incomplete;                         // a document is left out
};

static void event_done(yaml_event_t *event) {
    yaml_event_delete(event);
}

#define AUTO_EVENT CM_CLEANUP(event_done) yaml_event_t

static enum cm_rc fail_parser(struct reader *r) {
    const yaml_parser_t *p = &r->parser;

    if (p->error == YAML_MEMORY_ERROR) {
        cm_mem_end();
    }
    r->ended = p->error == YAML_READER_ERROR;
    if (p->error == YAML_READER_ERROR) {
        return CM_YAML_FAIL(r->err, &p->mark, "%s (0x%02x) at or after this line", p->problem,
                            (unsigned)p->problem_value);
    }
    if (p->context != NULL) {
        return CM_YAML_FAIL(r->err, &p->problem_mark, "%s %s", p->problem, p->context);
    }
    return CM_YAML_FAIL(r->err, &p->problem_mark, "%s", p->problem);
}

static enum cm_rc next_event(struct reader *r, yaml_event_t *event) {
    if (yaml_parser_parse(&r->parser, event) == 0) {
        return fail_parser(r);
    }
    return CM_OK;
}

// A value's name, and where it is written. The text is the event's, the scratch's or the arena's.
struct name {
    const char *text; // NULL: no member of an object
    size_t len;
};

static const struct name no_name = {0};

// fail_memory says that the arena is full.
static enum cm_rc fail_memory(struct reader *r, const yaml_mark_t *mark) {
    r->ended = true;
    return CM_YAML_FAIL(r->err, mark, "the documents need more memory than they may have");
}

static enum cm_rc fail_expansion(struct reader *r, const yaml_mark_t *mark) {
    r->ended = true;
    return CM_YAML_FAIL(r->err, mark, "the aliases up to here make the document too large");
}

static enum cm_rc count_node(struct reader *r, const yaml_mark_t *mark) {
    if (r->nodes_left == 0) {
        r->ended = true;
        return CM_YAML_FAIL(r->err, mark, "the documents have too many values");
    }
    r->nodes_left--;
    return CM_OK;
}

// new_node makes a node; its name and text stand behind it in one piece of memory.
static enum cm_rc new_node(struct reader *r, const yaml_mark_t *mark, struct name name,
                           struct cm_yaml_piece piece, struct cm_json **out) {
    size_t name_size = name.text != NULL ? name.len + 1 : 0;
    size_t text_size = piece.text != NULL ? piece.len + 1 : 0;
    enum cm_rc rc = count_node(r, mark);

    if (rc < 0) {
        return rc;
    }
    struct cm_json *node = cm_arena_try(r->arena, sizeof(*node) + name_size + text_size);
    if (node == NULL) {
        return fail_memory(r, mark);
    }
    char *behind = (char *)(node + 1);
    node->type = piece.type;
    node->line = (uint32_t)mark->line + 1;
    node->column = mark->column < UINT16_MAX ? (uint16_t)(mark->column + 1) : UINT16_MAX;
    if (name_size > 0) {
        node->key = memcpy(behind, name.text, name.len);
    }
    if (text_size > 0) {
        node->text = memcpy(behind + name_size, piece.text, piece.len);
        node->len = piece.len;
    }
    *out = node;
    return CM_OK;
}

static enum cm_rc add_anchor(struct reader *r, const yaml_mark_t *mark, const yaml_char_t *name,
                             struct anchor **out) {
    *out = NULL;
    if (name == NULL) {
        return CM_OK;
    }
    struct anchor *anchor = cm_arena_try(r->arena, sizeof(*anchor));
    if (anchor == NULL) {
        return fail_memory(r, mark);
    }
    if (r->anchors == NULL) {
        r->anchors = cm_map_new(NULL);
    }
    cm_map_put(r->anchors, (const char *)name, anchor);
    r->anchored++;
    *out = anchor;
    return CM_OK;
}

static enum cm_rc find_anchor(struct reader *r, const yaml_event_t *alias,
                              const struct cm_json **out) {
    const char *name = (const char *)alias->data.alias.anchor;
    const struct anchor *anchor = r->anchors != NULL ? cm_map_get(r->anchors, name) : NULL;

    if (anchor == NULL) {
        return CM_YAML_FAIL(r->err, &alias->start_mark, "no anchor is named '%.200s'", name);
    }
    if (anchor->node == NULL) {
        return CM_YAML_FAIL(r->err, &alias->start_mark, "'%.200s' would contain itself", name);
    }
    *out = anchor->node;
    return CM_OK;
}

// expand copies what an anchor names to where an alias stands. Texts are shared.
static enum cm_rc expand(struct reader *r, const yaml_mark_t *mark, const struct cm_json *from,
                         struct cm_json **out) {
    size_t bytes =
        4 + (from->text != NULL ? from->len : 0) + (from->key != NULL ? strlen(from->key) : 0);
    struct cm_json *node;

    if (bytes > r->expansion_left) {
        return fail_expansion(r, mark);
    }
    r->expansion_left -= bytes;
    if (r->depth_left == 0 && from->first != NULL) {
        return CM_YAML_FAIL(r->err, mark, "the document is nested too deeply");
    }
    enum cm_rc rc = new_node(r, mark, no_name, (struct cm_yaml_piece){.type = from->type}, &node);
    if (rc < 0) {
        return rc;
    }
    *node = *from;
    node->next = node->first = node->last = NULL;
    node->count = from->text != NULL ? from->len : 0;
    r->depth_left -= from->first != NULL ? 1 : 0;
    for (const struct cm_json *item = from->first; item != NULL && rc == CM_OK; item = item->next) {
        struct cm_json *below;

        rc = expand(r, mark, item, &below);
        if (rc == CM_OK) {
            cm_json_append(node, below);
        }
    }
    r->depth_left += from->first != NULL ? 1 : 0;
    *out = node;
    return rc;
}

static enum cm_rc read_alias(struct reader *r, const yaml_event_t *event, struct name name,
                             struct cm_json **out) {
    const struct cm_json *from;
    struct cm_json *node;
    enum cm_rc rc = find_anchor(r, event, &from);

    if (rc < 0) {
        return rc;
    }
    rc = expand(r, &event->start_mark, from, &node);
    if (rc < 0) {
        return rc;
    }
    node->key = NULL;
    if (name.text != NULL) {
        char *key = cm_arena_try(r->arena, name.len + 1);
        if (key == NULL) {
            return fail_memory(r, &event->start_mark);
        }
        node->key = memcpy(key, name.text, name.len);
    }
    *out = node;
    return CM_OK;
}

static enum cm_rc read_scalar(struct reader *r, const yaml_event_t *event, struct name name,
                              struct cm_json **out) {
    struct anchor *anchor;
    struct cm_yaml_piece piece;
    enum cm_rc rc = cm_yaml_piece_of(event, &r->scratch, &piece, r->err);

    if (rc < 0) {
        return rc;
    }
    rc = add_anchor(r, &event->start_mark, event->data.scalar.anchor, &anchor);
    if (rc < 0) {
        return rc;
    }
    rc = new_node(r, &event->start_mark, name, piece, out);
    if (rc < 0) {
        return rc;
    }
    (*out)->truth = piece.truth;
    if (anchor != NULL) {
        anchor->node = *out;
    }
    return CM_OK;
}

static enum cm_rc read_node(struct reader *r, const yaml_event_t *event, struct name name,
                            struct cm_json **out);

// begin_holder makes the node of a sequence or a mapping.
static enum cm_rc begin_holder(struct reader *r, const yaml_event_t *event, struct name name,
                               enum cm_json_type type, struct cm_json **out) {
    const char *tag = (const char *)(type == CM_ARRAY ? event->data.sequence_start.tag
                                                      : event->data.mapping_start.tag);
    const char *expected = type == CM_ARRAY ? CM_YAML_TAG "seq" : CM_YAML_TAG "map";

    if (tag != NULL && strcmp(tag, "!") != 0 && strcmp(tag, expected) != 0) {
        return CM_YAML_FAIL(r->err, &event->start_mark, "unknown tag '%.200s'", tag);
    }
    if (r->depth_left == 0) {
        return CM_YAML_FAIL(r->err, &event->start_mark, "the document is nested too deeply");
    }
    return new_node(r, &event->start_mark, name, (struct cm_yaml_piece){.type = type}, out);
}

static enum cm_rc read_elements(struct reader *r, struct cm_json *array) {
    for (;;) {
        AUTO_EVENT event = {0};
        struct cm_json *element;
        enum cm_rc rc = next_event(r, &event);

        if (rc < 0 || event.type == YAML_SEQUENCE_END_EVENT) {
            return rc;
        }
        rc = read_node(r, &event, no_name, &element);
        if (rc < 0) {
            return rc;
        }
        cm_json_append(array, element);
    }
}

static enum cm_rc name_of(struct reader *r, const yaml_mark_t *mark, struct cm_yaml_piece piece,
                          struct name *out) {
    switch (piece.type) {
    case CM_STRING:
    case CM_NUMBER:
        *out = (struct name){piece.text, piece.len};
        return CM_OK;
    case CM_BOOL:
        *out = piece.truth ? (struct name){"true", 4} : (struct name){"false", 5};
        return CM_OK;
    case CM_NULL:
        return CM_YAML_FAIL(r->err, mark, "a member's name may not be null: put it in quotes");
    case CM_ARRAY:
    case CM_OBJECT:
        break;
    }
    return CM_YAML_FAIL(r->err, mark, "a member's name must be a scalar");
}

static enum cm_rc name_of_scalar(struct reader *r, const yaml_event_t *event, struct name *out) {
    struct anchor *anchor;
    struct cm_yaml_piece piece;
    enum cm_rc rc = cm_yaml_piece_of(event, &r->scratch, &piece, r->err);

    if (rc < 0) {
        return rc;
    }
    if (event->data.scalar.anchor != NULL) {
        rc = add_anchor(r, &event->start_mark, event->data.scalar.anchor, &anchor);
        if (rc == CM_OK) {
            rc = new_node(r, &event->start_mark, no_name, piece, &anchor->node);
        }
        if (rc < 0) {
            return rc;
        }
        anchor->node->truth = piece.truth;
    }
    if (piece.type == CM_NUMBER && strpbrk(piece.text, ".eE") != NULL) {
        cm_yaml_float_name(&r->scratch);
        piece.text = cm_str_get(&r->scratch);
        piece.len = r->scratch.len;
    }
    return name_of(r, &event->start_mark, piece, out);
}

static enum cm_rc name_of_alias(struct reader *r, const yaml_event_t *event, struct name *out) {
    const struct cm_json *node;
    enum cm_rc rc = find_anchor(r, event, &node);

    if (rc < 0) {
        return rc;
    }
    struct cm_yaml_piece piece = {node->type, node->truth, node->text,
                                  node->text != NULL ? node->len : 0};
    if (piece.len > r->expansion_left) {
        return fail_expansion(r, &event->start_mark);
    }
    r->expansion_left -= piece.len;
    return name_of(r, &event->start_mark, piece, out);
}

static enum cm_rc read_name(struct reader *r, const yaml_event_t *event, struct name *out) {
    if (event->type == YAML_SCALAR_EVENT) {
        return name_of_scalar(r, event, out);
    }
    if (event->type == YAML_ALIAS_EVENT) {
        return name_of_alias(r, event, out);
    }
    return CM_YAML_FAIL(r->err, &event->start_mark, "a member's name must be a scalar");
}

static bool is_merge_key(const yaml_event_t *event) {
    if (event->type != YAML_SCALAR_EVENT ||
        strcmp((const char *)event->data.scalar.value, "<<") != 0) {
        return false;
    }
    if (event->data.scalar.tag != NULL) {
        return strcmp((const char *)event->data.scalar.tag, CM_YAML_TAG "merge") == 0;
    }
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

// read_member reads what follows the event of a name. Values of merge keys go to `merges`.
static enum cm_rc read_member(struct reader *r, const yaml_event_t *name_event,
                              struct cm_json *object, struct cm_json *merges) {
    bool merge = is_merge_key(name_event);
    AUTO_EVENT event = {0};
    struct name name = no_name;
    struct cm_json *value = NULL;
    enum cm_rc rc = merge ? CM_OK : read_name(r, name_event, &name);

    if (rc < 0) {
        return rc;
    }
    // The scratch is needed for the value too.
    CM_AUTOFREE char *kept = NULL;
    if (name.text == cm_str_get(&r->scratch)) {
        kept = cm_strdup(name.text);
        name.text = kept;
    }
    size_t anchored = r->anchored;
    rc = next_event(r, &event);
    if (rc == CM_OK) {
        rc = read_node(r, &event, name, &value);
    }
    if (rc == CM_OK && merge && r->anchored > anchored) { // an alias needs the members, too
        rc = expand(r, &event.start_mark, value, &value);
    }
    if (rc < 0) {
        return rc;
    }
    cm_json_append(merge ? merges : object, value);
    return CM_OK;
}

static void found_again(void *ctx, const struct cm_json *first, const struct cm_json *again) {
    struct reader *r = ctx;

    if (r->listener == NULL && r->err->code != CM_OK) {
        return; // the first one is told
    }
    (void)cm_fail(r->err, CM_EINVAL,
                  "line %u, column %u: '%.200s' is there twice in one object, first in line %u",
                  again->line, again->column, again->key, first->line);
    if (r->listener != NULL) {
        r->listener->wrong(r->listener->ctx, r->err);
    }
}

// check_names looks for members of one name. Those who listen are told of all of them, and the
// document goes on.
static enum cm_rc check_names(struct reader *r, const struct cm_json *object) {
    if (cm_json_members_duplicate(object) == NULL) {
        return CM_OK;
    }
    *r->err = (struct cm_err){0};
    cm_json_members_each_duplicate(object, found_again, r);
    return r->listener != NULL ? CM_OK : CM_EINVAL;
}

static enum cm_rc read_members(struct reader *r, struct cm_json *object) {
    struct cm_json merges = {.type = CM_ARRAY};
    enum cm_rc rc;

    for (;;) {
        AUTO_EVENT event = {0};

        rc = next_event(r, &event);
        if (rc < 0) {
            return rc;
        }
        if (event.type == YAML_MAPPING_END_EVENT) {
            break;
        }
        rc = read_member(r, &event, object, &merges);
        if (rc < 0) {
            return rc;
        }
    }
    rc = check_names(r, object);
    return rc < 0 ? rc : cm_yaml_merge(object, &merges, r->err);
}

static enum cm_rc read_holder(struct reader *r, const yaml_event_t *event, struct name name,
                              struct cm_json **out) {
    bool is_array = event->type == YAML_SEQUENCE_START_EVENT;
    const yaml_char_t *anchor_name =
        is_array ? event->data.sequence_start.anchor : event->data.mapping_start.anchor;
    struct anchor *anchor;
    enum cm_rc rc = add_anchor(r, &event->start_mark, anchor_name, &anchor);

    if (rc < 0) {
        return rc;
    }
    rc = begin_holder(r, event, name, is_array ? CM_ARRAY : CM_OBJECT, out);
    if (rc < 0) {
        return rc;
    }
    r->depth_left--;
    rc = is_array ? read_elements(r, *out) : read_members(r, *out);
    r->depth_left++;
    if (rc == CM_OK && anchor != NULL) {
        anchor->node = *out;
    }
    return rc;
}

static enum cm_rc read_node(struct reader *r, const yaml_event_t *event, struct name name,
                            struct cm_json **out) {
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(r, event, name, out);
    case YAML_ALIAS_EVENT:
        return read_alias(r, event, name, out);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return read_holder(r, event, name, out);
    default: // libyaml makes no other event here
        abort();
    }
}

// is_nothing tells whether a document's event is that of an empty document.
static bool is_nothing(const yaml_event_t *event) {
    return event->type == YAML_SCALAR_EVENT && event->data.scalar.length == 0 &&
           event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && event->data.scalar.tag == NULL &&
           event->data.scalar.anchor == NULL;
}

// read_document reads what follows a document's start into `docs`.
static enum cm_rc read_document(struct reader *r, struct cm_json *docs) {
    AUTO_EVENT event = {0};
    AUTO_EVENT end = {0};
    enum cm_rc rc = next_event(r, &event);

    if (rc < 0) {
        return rc;
    }
    if (is_nothing(&event)) {
        rc = count_node(r, &event.start_mark);
    } else {
        struct cm_json *doc;

        rc = read_node(r, &event, no_name, &doc);
        if (rc == CM_OK) {
            cm_json_append(docs, doc);
        }
    }
    cm_map_free(r->anchors);
    r->anchors = NULL;
    return rc < 0 ? rc : next_event(r, &end);
}

static enum cm_rc read_stream(struct reader *r, struct cm_json *docs) {
    for (;;) {
        AUTO_EVENT event = {0};
        enum cm_rc rc = next_event(r, &event);

        if (rc < 0 || event.type == YAML_STREAM_END_EVENT) {
            return rc;
        }
        if (event.type == YAML_DOCUMENT_START_EVENT) {
            r->line = (uint32_t)event.start_mark.line;
            rc = read_document(r, docs);
        }
        if (rc < 0) {
            return rc;
        }
    }
}

static enum cm_rc give_docs(struct cm_arena *a, struct cm_json *docs, struct cm_yaml_docs *out,
                            struct cm_err *err) {
    size_t n = 0;
    struct cm_json *next;
    struct cm_json **list = cm_arena_try(a, (docs->count + 1) * sizeof(struct cm_json *));

    if (list == NULL) {
        return cm_fail(err, CM_EINVAL,
                       "line 1, column 1: the documents need more memory than they may have");
    }
    for (struct cm_json *doc = docs->first; doc != NULL; doc = next) {
        next = doc->next;
        doc->next = NULL;
        if (doc->type != CM_NULL) {
            list[n++] = doc;
        }
    }
    *out = (struct cm_yaml_docs){.docs = list, .count = n};
    return CM_OK;
}

static enum cm_rc check_utf8(const char *text, size_t size, struct cm_err *err) {
    size_t at = cm_utf8_valid(text, size);
    size_t line = 1;
    const char *line_start = text;

    if (at == size) {
        return CM_OK;
    }
    for (const char *c = text; c < text + at; c++) {
        if (*c == '\n') {
            line++;
            line_start = c + 1;
        }
    }
    return cm_fail(err, CM_EINVAL, "line %zu, column %zu: invalid UTF-8", line,
                   (size_t)(text + at - line_start) + 1);
}

static enum cm_rc check_tag_lines(const char *text, size_t size, struct cm_err *err) {
    const char *end = text + size;
    size_t n = 0;

    for (const char *at = text; (at = memmem(at, (size_t)(end - at), "%TAG", 4)) != NULL; at += 4) {
        if ((at == text || at[-1] == '\n' || at[-1] == '\r') && ++n > TAG_LINES_MAX) {
            return cm_fail(err, CM_EINVAL,
                           "line 1, column 1: more than %d %%TAG lines: write the tags out",
                           TAG_LINES_MAX);
        }
    }
    return CM_OK;
}

static enum cm_rc check_text(const char *text, size_t size, const struct cm_json_limits *limits,
                             struct cm_err *err) {
    if (size > limits->max_bytes) {
        return cm_fail(err, CM_EINVAL, "line 1, column 1: the text has %zu bytes, more than %zu",
                       size, limits->max_bytes);
    }
    enum cm_rc rc = check_utf8(text, size, err);
    return rc < 0 ? rc : check_tag_lines(text, size, err);
}

// line_of returns the line that an error names, from 0.
static size_t line_of(const struct cm_err *err) {
    unsigned long line = strncmp(err->msg, "line ", 5) == 0 ? strtoul(err->msg + 5, NULL, 10) : 1;

    return line > 0 ? line - 1 : 0;
}

// is_json tells whether the text is a JSON object, most likely. As kubectl does, such a text is
// tried as JSON first: it is faster, and YAML has no surrogate pairs.
static bool is_json(const char *text, size_t size) {
    size_t i = 0;

    while (i < size && strchr(" \t\r\n", text[i]) != NULL && text[i] != '\0') {
        i++;
    }
    return i < size && text[i] == '{';
}

// read_from reads all documents from a place on.
static enum cm_rc read_from(struct reader *r, const char *text, struct cm_yaml_place at,
                            size_t size, struct cm_json *docs) {
    if (yaml_parser_initialize(&r->parser) == 0) {
        cm_mem_end();
    }
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)text + at.offset,
                                 size - at.offset);
    r->parser.mark.line = at.line;
    r->line = (uint32_t)at.line;
    enum cm_rc rc = read_stream(r, docs);
    yaml_parser_delete(&r->parser);
    cm_map_free(r->anchors);
    r->anchors = NULL;
    return rc;
}

// parse_yaml reads what it can. Where a document cannot be read it goes on with the one behind, if
// somebody listens.
static enum cm_rc parse_yaml(struct reader *r, const char *text, size_t size,
                             struct cm_json *docs) {
    size_t depth = r->depth_left;
    struct cm_yaml_place at = {0};
    struct cm_err last = {0};
    enum cm_rc rc = read_from(r, text, at, size, docs);

    for (int told = 1; rc < 0 && r->listener != NULL; told++) {
        r->incomplete = true;
        if (strcmp(last.msg, r->err->msg) != 0) { // the parser had looked into the next document
            r->listener->wrong(r->listener->ctx, r->err);
        }
        last = *r->err;
        if (r->ended || told == WRONG_MAX ||
            !cm_yaml_next_document(text, size, r->line, line_of(r->err), &at)) {
            break;
        }
        r->depth_left = depth;
        rc = read_from(r, text, at, size, docs);
    }
    cm_str_done(&r->scratch);
    return rc;
}

static size_t expansion_allowed(size_t size, const struct cm_json_limits *limits) {
    size_t by_text = EXPANSION_FACTOR * size + EXPANSION_FREE;
    size_t by_limit = limits->max_bytes - size;

    return by_text < by_limit ? by_text : by_limit;
}

// read_text reads a text into `docs`; what is wrong with all of it is told to nobody yet.
static enum cm_rc read_text(struct reader *r, const char *text, size_t size,
                            const struct cm_json_limits *l, struct cm_json *docs) {
    static const char bom[] = "\xef\xbb\xbf";

    if (size >= 3 && memcmp(text, bom, 3) == 0) {
        text += 3;
        size -= 3;
    }
    enum cm_rc rc = check_text(text, size, l, r->err);
    if (rc < 0) {
        r->incomplete = true;
        if (r->listener != NULL) {
            r->listener->wrong(r->listener->ctx, r->err);
        }
        return rc;
    }
    if (is_json(text, size) && cm_json_parse_all(r->arena, text, size, l, docs, r->err) == CM_OK) {
        return CM_OK;
    }
    r->nodes_left = l->max_nodes;
    r->depth_left = l->max_depth < CM_JSON_DEPTH_MAX ? l->max_depth : CM_JSON_DEPTH_MAX;
    r->expansion_left = expansion_allowed(size, l);
    return parse_yaml(r, text, size, docs);
}

enum cm_rc cm_yaml_parse(struct cm_arena *a, const char *text, size_t size,
                         const struct cm_json_limits *limits, struct cm_yaml_docs *out,
                         struct cm_err *err) {
    struct cm_json docs = {.type = CM_ARRAY};
    struct reader r = {.arena = a, .err = err};
    enum cm_rc rc =
        read_text(&r, text, size, limits != NULL ? limits : &cm_json_limits_default, &docs);

    return rc < 0 ? rc : give_docs(a, &docs, out, err);
}

bool cm_yaml_parse_all(struct cm_arena *a, const char *text, size_t size,
                       const struct cm_json_limits *limits, const struct cm_yaml_listener *listener,
                       struct cm_yaml_docs *out) {
    struct cm_json docs = {.type = CM_ARRAY};
    struct cm_err err = {0};
    struct reader r = {.arena = a, .err = &err, .listener = listener};

    *out = (struct cm_yaml_docs){0};
    (void)read_text(&r, text, size, limits != NULL ? limits : &cm_json_limits_default, &docs);
    if (give_docs(a, &docs, out, &err) < 0) {
        listener->wrong(listener->ctx, &err);
        return false;
    }
    return !r.incomplete;
}

struct cm_json *cm_yaml_scalar(struct cm_arena *a, const char *text) {
    CM_CLEANUP(cm_str_done) struct cm_str number = {0};
    struct cm_json *node;

    switch (cm_yaml_resolve(text, strlen(text), &number)) {
    case CM_YAML_NULL:
        return cm_json_new(a, CM_NULL);
    case CM_YAML_TRUE:
        return cm_json_new_bool(a, true);
    case CM_YAML_FALSE:
        return cm_json_new_bool(a, false);
    case CM_YAML_INT:
    case CM_YAML_FLOAT:
        node = cm_json_new_string(a, cm_str_get(&number));
        node->type = CM_NUMBER;
        return node;
    case CM_YAML_NOT_FINITE:
    case CM_YAML_STRING:
        break;
    }
    return cm_json_new_string(a, text);
}
