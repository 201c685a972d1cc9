#include "common/yaml_edit.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"

#define INDENT 2
#define NOWHERE SIZE_MAX

// A mapping on the way to the member. Places count characters, as libyaml does.
struct level {
    bool seen;
    bool flow; // {a: 1}
    size_t open;
    size_t first; // where its first name stands; NOWHERE: it has none
    size_t column;
    size_t last; // where what is in it ends
};

struct finder {
    yaml_parser_t parser;
    const struct cm_yaml_edit *edit;
    struct level levels[CM_YAML_EDIT_DEPTH];
    size_t key; // of the member, or of the last name on the way to it that has no mapping
    size_t start;
    size_t end;
    size_t stop;   // how many names of the path there are up to that; 0: none
    bool is_plain; // a scalar without anchor or tag, on one line
    bool is_list;
    bool flow;     // of the list
    size_t column; // of its entries
    size_t last;   // where what is in it ends
    size_t close;  // where the list ends; of a flow, its bracket
    bool is_empty;
    size_t ended; // where the last scalar ended
    bool broken;
};

static void event_done(yaml_event_t *event) {
    yaml_event_delete(event);
}

static bool next(struct finder *f, yaml_event_t *event) {
    f->broken = f->broken || yaml_parser_parse(&f->parser, event) == 0;
    return !f->broken;
}

static void skip(struct finder *f, const yaml_event_t *event);

// skip_inside passes all up to the end of a collection.
static void skip_inside(struct finder *f, yaml_event_type_t end) {
    for (;;) {
        CM_CLEANUP(event_done) yaml_event_t event = {0};

        if (!next(f, &event) || event.type == end) {
            f->ended =
                event.start_mark.index < event.end_mark.index ? event.end_mark.index : f->ended;
            return;
        }
        skip(f, &event);
    }
}

// read_list passes a list and notes where another entry belongs.
static void read_list(struct finder *f, const yaml_event_t *start) {
    f->is_list = start->data.sequence_start.anchor == NULL;
    f->flow = start->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    f->column = start->start_mark.column;
    f->is_empty = true;
    for (;;) {
        CM_CLEANUP(event_done) yaml_event_t event = {0};

        if (!next(f, &event) || event.type == YAML_SEQUENCE_END_EVENT) {
            f->last = f->ended;
            f->close = event.start_mark.index;
            f->ended = f->flow ? event.end_mark.index : f->ended;
            return;
        }
        f->is_empty = false;
        skip(f, &event);
    }
}

static void skip(struct finder *f, const yaml_event_t *event) {
    if (event->type == YAML_MAPPING_START_EVENT) {
        skip_inside(f, YAML_MAPPING_END_EVENT);
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        skip_inside(f, YAML_SEQUENCE_END_EVENT);
    } else {
        f->ended = event->end_mark.index;
    }
}

static void read_mapping(struct finder *f, const yaml_event_t *event, size_t depth);

// read_value reads the value of the last of `depth` names of the path.
static void read_value(struct finder *f, size_t key, size_t depth) {
    CM_CLEANUP(event_done) yaml_event_t event = {0};

    if (!next(f, &event)) {
        return;
    }
    if (event.type == YAML_MAPPING_START_EVENT && depth < f->edit->depth) {
        read_mapping(f, &event, depth);
        return;
    }
    f->key = key;
    f->stop = depth;
    f->start = event.start_mark.index;
    f->end = event.end_mark.index;
    f->is_plain = event.type == YAML_SCALAR_EVENT && event.data.scalar.anchor == NULL &&
                  event.data.scalar.tag == NULL && event.start_mark.line == event.end_mark.line;
    if (event.type == YAML_SEQUENCE_START_EVENT && f->edit->add != NULL) {
        read_list(f, &event);
    } else {
        skip(f, &event);
    }
}

static bool is_name(const yaml_event_t *event, const char *name) {
    return event->type == YAML_SCALAR_EVENT && event->data.scalar.length == strlen(name) &&
           memcmp(event->data.scalar.value, name, strlen(name)) == 0;
}

// read_mapping reads what is below `depth` names of the path.
static void read_mapping(struct finder *f, const yaml_event_t *start, size_t depth) {
    struct level *level = &f->levels[depth];

    *level = (struct level){.seen = true,
                            .flow = start->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE,
                            .open = start->start_mark.index,
                            .first = NOWHERE};
    for (;;) {
        CM_CLEANUP(event_done) yaml_event_t key = {0};
        CM_CLEANUP(event_done) yaml_event_t value = {0};

        if (!next(f, &key) || key.type == YAML_MAPPING_END_EVENT) {
            level->last = f->ended;
            f->ended = level->flow ? key.end_mark.index : f->ended;
            return;
        }
        if (level->first == NOWHERE) {
            level->first = key.start_mark.index;
            level->column = key.start_mark.column;
        }
        f->ended = key.end_mark.index;
        if (is_name(&key, f->edit->path[depth])) {
            read_value(f, key.start_mark.index, depth + 1);
            continue;
        }
        if (key.type != YAML_SCALAR_EVENT) {
            skip(f, &key);
        }
        if (next(f, &value)) {
            skip(f, &value);
        }
    }
}

// find reads up to the end of the document that is meant.
static bool find(struct finder *f, const char *text, size_t size) {
    size_t document = 0;
    bool done = false;

    if (yaml_parser_initialize(&f->parser) == 0) {
        cm_mem_end();
    }
    yaml_parser_set_input_string(&f->parser, (const unsigned char *)text, size);
    while (!done) {
        CM_CLEANUP(event_done) yaml_event_t event = {0};

        if (!next(f, &event) || event.type == YAML_STREAM_END_EVENT) {
            break;
        }
        if (event.type == YAML_MAPPING_START_EVENT && document++ == f->edit->document) {
            read_mapping(f, &event, 0);
            done = true;
        } else if (event.type == YAML_MAPPING_START_EVENT ||
                   event.type == YAML_SEQUENCE_START_EVENT) {
            skip(f, &event);
        }
    }
    yaml_parser_delete(&f->parser);
    return done && !f->broken;
}

// ---- Places

// offset_of turns a number of characters into bytes.
static size_t offset_of(const char *text, size_t size, size_t characters) {
    size_t at = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

    for (; at < size; at++) {
        if (((unsigned char)text[at] & 0xc0U) != 0x80U && characters-- == 0) {
            return at;
        }
    }
    return size;
}

static size_t line_start(const char *text, size_t at) {
    while (at > 0 && text[at - 1] != '\n') {
        at--;
    }
    return at;
}

// line_after returns where the line after the one of `at` begins.
static size_t line_after(const char *text, size_t size, size_t at) {
    while (at < size && text[at] != '\n') {
        at++;
    }
    return at < size ? at + 1 : size;
}

static const char *line_end_of(const char *text, size_t size) {
    const char *first = memchr(text, '\n', size);

    return first != NULL && first > text && first[-1] == '\r' ? "\r\n" : "\n";
}

// ---- What is written

// add_scalar writes a value as JSON does, which YAML reads as the same.
static void add_scalar(struct cm_str *out, const struct cm_json *value) {
    cm_json_write_compact(value, out);
}

static void add_indent(struct cm_str *out, size_t columns) {
    for (size_t i = 0; i < columns; i++) {
        cm_str_add_char(out, ' ');
    }
}

// add_entry writes an entry of a list as lines of its own.
static void add_entry(struct cm_str *out, const struct cm_json *entry, size_t column,
                      const char *line_end) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_yaml_write(entry, &text);
    for (const char *at = cm_str_get(&text); *at != '\0';) {
        size_t len = strcspn(at, "\n");

        add_indent(out, column);
        cm_str_add(out, at == cm_str_get(&text) ? "- " : "  ");
        cm_str_add_n(out, at, len);
        cm_str_add(out, line_end);
        at += len + (at[len] == '\n' ? 1 : 0);
    }
}

// add_value writes the value behind a name that stands in a column.
static void add_value(struct cm_str *out, const struct cm_yaml_edit *edit, size_t column,
                      const char *line_end) {
    if (edit->add != NULL) {
        cm_str_addf(out, ":%s", line_end);
        add_entry(out, edit->add, column, line_end);
        return;
    }
    cm_str_add(out, ": ");
    add_scalar(out, edit->to);
    cm_str_add(out, line_end);
}

// add_block writes the names from `depth` on, one below the other, and the value.
static void add_block(struct cm_str *out, const struct cm_yaml_edit *edit, size_t depth,
                      size_t column, const char *line_end) {
    for (; depth < edit->depth; depth++, column += INDENT) {
        add_indent(out, column);
        cm_str_add(out, edit->path[depth]);
        if (depth + 1 < edit->depth) {
            cm_str_addf(out, ":%s", line_end);
        }
    }
    add_value(out, edit, column - INDENT, line_end);
}

static void add_flow(struct cm_str *out, const struct cm_yaml_edit *edit, size_t depth) {
    for (size_t i = depth; i < edit->depth; i++) {
        cm_str_addf(out, "%s\"%s\": ", i > depth ? "{" : "", edit->path[i]);
    }
    cm_str_add(out, edit->add != NULL ? "[" : "");
    add_scalar(out, edit->add != NULL ? edit->add : edit->to);
    cm_str_add(out, edit->add != NULL ? "]" : "");
    for (size_t i = depth + 1; i < edit->depth; i++) {
        cm_str_add_char(out, '}');
    }
}

struct patch {
    const char *text;
    size_t size;
    const char *line_end;
    struct cm_str out;
};

// put replaces bytes [from, to) by what is in `with`.
static void put(struct patch *p, size_t from, size_t to, const struct cm_str *with) {
    cm_str_add_n(&p->out, p->text, from);
    cm_str_add_n(&p->out, cm_str_get(with), with->len);
    cm_str_add_n(&p->out, p->text + to, p->size - to);
}

static size_t place(const struct patch *p, size_t characters) {
    return offset_of(p->text, p->size, characters);
}

static void insert_block(struct patch *p, const struct finder *f, size_t depth) {
    const struct level *level = &f->levels[depth];
    CM_CLEANUP(cm_str_done) struct cm_str with = {0};
    size_t at = place(p, level->last);

    if (at == 0 || p->text[at - 1] != '\n') {
        at = line_after(p->text, p->size, at);
    }
    if (at > 0 && p->text[at - 1] != '\n') {
        cm_str_add(&with, p->line_end);
    }
    add_block(&with, f->edit, depth, level->column, p->line_end);
    put(p, at, at, &with);
}

static void insert_flow(struct patch *p, const struct finder *f, size_t depth) {
    const struct level *level = &f->levels[depth];
    CM_CLEANUP(cm_str_done) struct cm_str with = {0};
    size_t at = place(p, level->open) + 1;

    add_flow(&with, f->edit, depth);
    if (level->first != NOWHERE) {
        cm_str_add(&with, at < p->size && strchr(" \r\n", p->text[at]) != NULL ? "," : ", ");
    }
    put(p, at, at, &with);
}

// fill_blank puts a mapping where a name has none: `spec:`.
static void fill_blank(struct patch *p, const struct finder *f) {
    const struct level *level = &f->levels[f->stop - 1];
    CM_CLEANUP(cm_str_done) struct cm_str with = {0};
    size_t at = line_after(p->text, p->size, place(p, f->end));

    if (at > 0 && p->text[at - 1] != '\n') {
        cm_str_add(&with, p->line_end);
    }
    add_block(&with, f->edit, f->stop, level->column + INDENT, p->line_end);
    put(p, at, at, &with);
}

static void replace(struct patch *p, const struct finder *f) {
    CM_CLEANUP(cm_str_done) struct cm_str with = {0};

    cm_str_add(&with, f->start == f->end ? " " : "");
    add_scalar(&with, f->edit->to);
    put(p, place(p, f->start), place(p, f->end), &with);
}

static void append_to_flow(struct patch *p, const struct finder *f) {
    CM_CLEANUP(cm_str_done) struct cm_str with = {0};
    size_t at = place(p, f->is_empty ? f->close : f->last);

    cm_str_add(&with, f->is_empty ? "" : ", ");
    add_scalar(&with, f->edit->add);
    put(p, at, at, &with);
}

static void append_to_block(struct patch *p, const struct finder *f) {
    CM_CLEANUP(cm_str_done) struct cm_str with = {0};
    size_t at = place(p, f->last);

    if (at == 0 || p->text[at - 1] != '\n') {
        at = line_after(p->text, p->size, at);
    }
    if (at > 0 && p->text[at - 1] != '\n') {
        cm_str_add(&with, p->line_end);
    }
    add_entry(&with, f->edit->add, f->column, p->line_end);
    put(p, at, at, &with);
}

// append puts an entry at the end of a list; where the member has no value it becomes one.
static bool append(struct patch *p, const struct finder *f) {
    if (f->is_list && f->flow) {
        append_to_flow(p, f);
    } else if (f->is_list) {
        append_to_block(p, f);
    } else {
        CM_CLEANUP(cm_str_done) struct cm_str with = {0};

        cm_str_add(&with, " [");
        add_scalar(&with, f->edit->add);
        cm_str_add_char(&with, ']');
        put(p, place(p, f->start), place(p, f->end), &with);
    }
    return f->is_list || (f->is_plain && f->start == f->end);
}

static bool set(struct patch *p, const struct finder *f) {
    size_t depth = f->edit->depth;

    if (f->stop == depth && f->edit->add != NULL) {
        return append(p, f);
    }
    if (f->stop == depth) {
        replace(p, f);
        return f->is_plain;
    }
    if (f->stop > 0) { // a name on the way has no mapping
        fill_blank(p, f);
        return f->start == f->end && !f->levels[f->stop - 1].flow;
    }
    while (!f->levels[depth - 1].seen) {
        depth--;
    }
    if (f->levels[depth - 1].flow) {
        insert_flow(p, f, depth - 1);
    } else {
        insert_block(p, f, depth - 1);
    }
    return true;
}

static bool drop(struct patch *p, const struct finder *f) {
    static const struct cm_str nothing = {0};
    size_t key = place(p, f->key);
    size_t from = line_start(p->text, key);

    if (f->stop != f->edit->depth) { // it is not there
        put(p, 0, 0, &nothing);
        return true;
    }
    put(p, from, line_after(p->text, p->size, place(p, f->end)), &nothing);
    return f->is_plain && !f->levels[f->stop - 1].flow && strspn(p->text + from, " ") >= key - from;
}

// ---- Whether it is right

static struct cm_json *member_of(struct cm_arena *a, struct cm_json *root,
                                 const struct cm_yaml_edit *edit) {
    struct cm_json *at = root;

    for (size_t i = 0; i + 1 < edit->depth; i++) {
        struct cm_json *below = cm_json_get(at, edit->path[i]);

        if (below == NULL || below->type != CM_OBJECT) {
            if (edit->to == NULL && edit->add == NULL) {
                return NULL;
            }
            below = cm_json_new(a, CM_OBJECT);
            cm_json_set(a, at, edit->path[i], below);
        }
        at = below;
    }
    return at;
}

// append_to puts the entry into the list of the tree; it tells whether it is there already.
static bool append_to(struct cm_arena *a, struct cm_json *object, const struct cm_yaml_edit *edit) {
    const char *name = edit->path[edit->depth - 1];
    struct cm_json *list = cm_json_get(object, name);

    if (list == NULL || list->type != CM_ARRAY) {
        list = cm_json_new(a, CM_ARRAY);
        cm_json_set(a, object, name, list);
    }
    for (const struct cm_json *at = list->first; at != NULL; at = at->next) {
        if (cm_json_equal(at, edit->add)) {
            return true;
        }
    }
    cm_json_append(list, cm_json_copy(a, edit->add));
    return false;
}

// change_tree changes the tree of the old text as the new one shall be. It tells whether an entry
// that is added is there already.
static bool change_tree(struct cm_arena *a, struct cm_json *root, const struct cm_yaml_edit *edit) {
    const char *name = edit->path[edit->depth - 1];
    struct cm_json *object = member_of(a, root, edit);

    if (edit->add != NULL) {
        return append_to(a, object, edit);
    }
    if (edit->to != NULL) {
        cm_json_set(a, object, name, cm_json_copy(a, edit->to));
    } else if (object != NULL) {
        (void)cm_json_remove(object, name);
    }
    return false;
}

static bool same(const struct cm_yaml_docs *a, const struct cm_yaml_docs *b) {
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (!cm_json_equal(a->docs[i], b->docs[i])) {
            return false;
        }
    }
    return true;
}

static bool holds(struct cm_arena *a, const struct cm_yaml_docs *wanted,
                  const struct cm_str *text) {
    struct cm_yaml_docs got = {0};
    struct cm_err ignored;

    return cm_yaml_parse(a, cm_str_get(text), text->len, NULL, &got, &ignored) == CM_OK &&
           same(wanted, &got);
}

static enum cm_rc refuse(const struct cm_yaml_edit *edit, const struct cm_json *document,
                         struct cm_err *err) {
    return cm_fail(err, CM_EINVAL,
                   "line %u, column %u: '%s' cannot be changed in this form of YAML: change it by "
                   "hand",
                   document->line, document->column, edit->path[edit->depth - 1]);
}

static enum cm_rc make(struct cm_arena *a, const struct cm_yaml_docs *wanted, struct patch *p,
                       const struct cm_yaml_edit *edit, struct cm_err *err) {
    struct finder f = {.edit = edit};
    bool sets = edit->to != NULL || edit->add != NULL;
    bool fits = find(&f, p->text, p->size) && (sets ? set(p, &f) : drop(p, &f));

    return fits && holds(a, wanted, &p->out) ? CM_OK
                                             : refuse(edit, wanted->docs[edit->document], err);
}

enum cm_rc cm_yaml_edit_text(const char *text, size_t size, const struct cm_yaml_edit *edit,
                             char **out, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_yaml_docs docs = {0};
    struct patch p = {.text = text, .size = size, .line_end = line_end_of(text, size)};

    assert(edit->depth > 0 && edit->depth <= CM_YAML_EDIT_DEPTH);
    if (cm_yaml_parse(a, text, size, NULL, &docs, err) < 0) {
        return err->code;
    }
    if (edit->document >= docs.count || docs.docs[edit->document]->type != CM_OBJECT) {
        return cm_fail(err, CM_EINVAL, "there is no such document");
    }
    if (change_tree(a, docs.docs[edit->document], edit)) {
        *out = cm_strndup(text, size);
        return CM_OK;
    }
    enum cm_rc rc = make(a, &docs, &p, edit, err);
    if (rc < 0) {
        cm_str_done(&p.out);
        return rc;
    }
    *out = cm_str_take(&p.out);
    return CM_OK;
}
