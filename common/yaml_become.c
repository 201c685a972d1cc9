#include "common/yaml_become.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"
#include "common/yaml_tree.h"

#define INDENT 2

// Bytes [from, to) become `text`.
struct patch {
    size_t from;
    size_t to;
    char *text;
};

struct editor {
    struct cm_arena *arena;
    const char *text;
    size_t size;
    const char *line_end;
    struct patch *patches; // in the order of their places
    size_t count;
    const struct cm_json *wrong; // what cannot be changed; NULL: all can
};

static void add_patch(struct editor *e, size_t from, size_t to, struct cm_str *text) {
    e->patches = cm_resize(e->patches, (e->count + 1) * sizeof(*e->patches));
    e->patches[e->count++] = (struct patch){from, to, cm_str_take(text)};
}

static void refuse(struct editor *e, const struct cm_json *at) {
    e->wrong = e->wrong == NULL ? at : e->wrong;
}

// ---- Places

static size_t line_start(const struct editor *e, size_t at) {
    while (at > 0 && e->text[at - 1] != '\n') {
        at--;
    }
    return at;
}

static size_t line_after(const struct editor *e, size_t at) {
    while (at < e->size && e->text[at] != '\n') {
        at++;
    }
    return at < e->size ? at + 1 : e->size;
}

// is_blank tells whether there are only spaces between two places.
static bool is_blank(const struct editor *e, size_t from, size_t to) {
    while (from < to && e->text[from] == ' ') {
        from++;
    }
    return from == to;
}

// dash_of finds the '-' of an entry of a block.
static size_t dash_of(const struct editor *e, const struct cm_yaml_node *entry) {
    size_t at = entry->start;

    while (at > 0 && e->text[at - 1] != '-') {
        at--;
    }
    return at > 0 ? at - 1 : 0;
}

static size_t column_of(const struct editor *e, size_t at) {
    return at - line_start(e, at); // what is before a dash are spaces and dashes
}

// ---- What is written

static void indent(struct cm_str *out, size_t columns) {
    for (size_t i = 0; i < columns; i++) {
        cm_str_add_char(out, ' ');
    }
}

// add_indented adds lines, all of them set in but the first `skip`.
static void add_indented(const struct editor *e, struct cm_str *out, const char *lines,
                         size_t columns, size_t skip) {
    while (*lines != '\0') {
        size_t len = strcspn(lines, "\n");

        if (skip > 0) {
            skip--;
        } else if (len > 0) {
            indent(out, columns);
        }
        cm_str_add_n(out, lines, len);
        lines += len;
        if (*lines == '\n') {
            cm_str_add(out, e->line_end);
            lines++;
        }
    }
}

// block_of writes a member (name != NULL) or an entry as lines.
static void block_of(struct editor *e, const char *name, const struct cm_json *value,
                     struct cm_str *out) {
    struct cm_json *whole = cm_json_new(e->arena, name != NULL ? CM_OBJECT : CM_ARRAY);
    struct cm_json *copy = cm_json_copy(e->arena, value);

    if (name != NULL) {
        cm_json_set(e->arena, whole, name, copy);
    } else {
        cm_json_append(whole, copy);
    }
    cm_yaml_write(whole, out);
}

static bool has_line_end(const char *text) {
    return strchr(text, '\n') != NULL;
}

static bool is_simple(const char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || (unsigned char)*text > '~') {
            return false;
        }
    }
    return true;
}

static void add_single_quoted(struct cm_str *out, const char *text) {
    cm_str_add_char(out, '\'');
    for (; *text != '\0'; text++) {
        cm_str_add(out, *text == '\'' ? "'" : "");
        cm_str_add_char(out, *text);
    }
    cm_str_add_char(out, '\'');
}

// add_scalar writes a scalar as the one before was written. `column` is that of the name or dash
// before it.
static void add_scalar(struct editor *e, struct cm_str *out, const struct cm_yaml_node *old,
                       const struct cm_json *value, size_t column, bool flow) {
    CM_CLEANUP(cm_str_done) struct cm_str block = {0};
    bool text = value->type == CM_STRING;

    if (text && old->style == CM_YAML_SINGLE && is_simple(value->text)) {
        add_single_quoted(out, value->text);
        return;
    }
    bool lines = text && has_line_end(value->text);
    if (!text || old->style == CM_YAML_DOUBLE || (lines && old->style != CM_YAML_BLOCK)) {
        cm_json_write_compact(value, out);
        return;
    }
    block_of(e, "k", value, &block);
    const char *written = cm_str_get(&block) + strlen("k: ");
    bool last = block.len > 0 && cm_str_get(&block)[block.len - 1] == '\n';
    CM_AUTOFREE char *inner = cm_strndup(written, strlen(written) - (last ? 1 : 0));
    if (flow && strpbrk(inner, ":,[]{}\"'") != NULL) {
        cm_json_write_compact(value, out);
        return;
    }
    add_indented(e, out, inner, column, 1);
}

// ---- Changes

static void change(struct editor *e, const struct cm_yaml_node *node, const struct cm_json *now,
                   const struct cm_json *wanted, size_t column, bool flow);

static const struct cm_yaml_node *find_value(const struct cm_yaml_node *map, const char *name,
                                             const struct cm_yaml_node **key) {
    for (const struct cm_yaml_node *at = map->first; at != NULL && at->next != NULL;
         at = at->next->next) {
        if (at->type == CM_YAML_SCALAR && strcmp(at->text, name) == 0) {
            *key = at;
            return at->next;
        }
    }
    return NULL;
}

static void replace_all(struct editor *e, const struct cm_yaml_node *node, const char *with) {
    struct cm_str text = {0};

    cm_str_add(&text, with);
    add_patch(e, node->start, node->end, &text);
}

// before_of finds the node before one among its siblings; NULL: it is the first.
static const struct cm_yaml_node *before_of(const struct cm_yaml_node *parent,
                                            const struct cm_yaml_node *node) {
    const struct cm_yaml_node *before = NULL;

    for (const struct cm_yaml_node *at = parent->first; at != node; at = at->next) {
        before = at;
    }
    return before;
}

// take_out_of_flow takes [first, last] and a comma out.
static void take_out_of_flow(struct editor *e, const struct cm_yaml_node *parent,
                             const struct cm_yaml_node *first, const struct cm_yaml_node *last) {
    const struct cm_yaml_node *before = before_of(parent, first);
    struct cm_str nothing = {0};

    if (before != NULL) {
        add_patch(e, before->end, last->end, &nothing);
    } else {
        add_patch(e, first->start, last->next != NULL ? last->next->start : last->end, &nothing);
    }
}

// take_lines takes the lines of what begins at `start` out. Where another dash is before that, what
// follows `first` takes its place.
static void take_lines(struct editor *e, size_t start, const struct cm_yaml_node *first,
                       const struct cm_yaml_node *last) {
    size_t from = line_start(e, start);
    struct cm_str nothing = {0};

    if (is_blank(e, from, start)) {
        add_patch(e, from, line_after(e, last->end), &nothing);
    } else if (last->next != NULL) {
        add_patch(e, first->start, last->next->start, &nothing);
    } else {
        add_patch(e, start, last->end, &nothing);
    }
}

static void put_into_flow(struct editor *e, const struct cm_yaml_node *node, const char *name,
                          const struct cm_json *value, bool is_first) {
    struct cm_str text = {0};
    size_t at = node->last != NULL ? node->last->end : node->start + 1;

    cm_str_add(&text, node->last != NULL || !is_first ? ", " : "");
    if (name != NULL) {
        const struct cm_json *key = cm_json_new_string(e->arena, name);

        cm_json_write_compact(key, &text);
        cm_str_add(&text, ": ");
    }
    cm_json_write_compact(value, &text);
    add_patch(e, at, at, &text);
}

// put_lines puts a member or an entry behind a place.
static void put_lines(struct editor *e, size_t behind, const char *name,
                      const struct cm_json *value, size_t column) {
    CM_CLEANUP(cm_str_done) struct cm_str block = {0};
    struct cm_str text = {0};
    size_t at = line_after(e, behind);

    block_of(e, name, value, &block);
    if (at > 0 && e->text[at - 1] != '\n' &&
        (e->count == 0 || e->patches[e->count - 1].from != at)) {
        cm_str_add(&text, e->line_end);
    }
    add_indented(e, &text, cm_str_get(&block), column, 0);
    add_patch(e, at, at, &text);
}

static void take_members(struct editor *e, const struct cm_yaml_node *node,
                         const struct cm_json *now, const struct cm_json *wanted) {
    for (const struct cm_json *at = now->first; at != NULL; at = at->next) {
        const struct cm_yaml_node *key = NULL;

        if (cm_json_get(wanted, at->key) != NULL) {
            continue;
        }
        const struct cm_yaml_node *value = find_value(node, at->key, &key);
        if (value == NULL) {
            refuse(e, at);
        } else if (node->flow) {
            take_out_of_flow(e, node, key, value);
        } else {
            take_lines(e, key->start, key, value);
        }
    }
}

// is_kind tells whether what a node says can become a value without its form changing.
static bool is_kind(const struct cm_yaml_node *node, const struct cm_json *value) {
    switch (node->type) {
    case CM_YAML_MAPPING:
        return value->type == CM_OBJECT;
    case CM_YAML_SEQUENCE:
        return value->type == CM_ARRAY;
    case CM_YAML_ALIAS: // which is nothing that can be changed
        return true;
    default:
        return value->type != CM_OBJECT && value->type != CM_ARRAY;
    }
}

static void change_members(struct editor *e, const struct cm_yaml_node *node,
                           const struct cm_json *now, const struct cm_json *wanted) {
    bool is_first = true;

    for (const struct cm_json *at = wanted->first; at != NULL; at = at->next) {
        const struct cm_json *old = cm_json_get(now, at->key);
        const struct cm_yaml_node *key = NULL;
        const struct cm_yaml_node *value = find_value(node, at->key, &key);

        if (old != NULL && cm_json_equal(old, at)) {
            continue;
        }
        if (value != NULL && !node->flow && !is_kind(value, at)) {
            take_lines(e, key->start, key, value);
            value = NULL;
        }
        if (value != NULL) {
            change(e, value, old, at, node->column, node->flow);
        } else if (node->flow) {
            put_into_flow(e, node, at->key, at, is_first);
            is_first = false;
        } else {
            put_lines(e, node->end, at->key, at, node->column);
        }
    }
}

static void change_map(struct editor *e, const struct cm_yaml_node *node, const struct cm_json *now,
                       const struct cm_json *wanted) {
    if (wanted->count == 0) {
        replace_all(e, node, "{}");
        return;
    }
    take_members(e, node, now, wanted);
    change_members(e, node, now, wanted);
}

static void take_entry(struct editor *e, const struct cm_yaml_node *node,
                       const struct cm_yaml_node *entry) {
    if (node->flow) {
        take_out_of_flow(e, node, entry, entry);
    } else {
        take_lines(e, dash_of(e, entry), entry, entry);
    }
}

// put_first puts an entry before the one with this dash, on its line.
static void put_first(struct editor *e, size_t dash, const struct cm_json *value) {
    CM_CLEANUP(cm_str_done) struct cm_str block = {0};
    struct cm_str text = {0};

    block_of(e, NULL, value, &block);
    add_indented(e, &text, cm_str_get(&block), column_of(e, dash), 1);
    indent(&text, column_of(e, dash));
    add_patch(e, dash, dash, &text);
}

static void put_entry(struct editor *e, const struct cm_yaml_node *node,
                      const struct cm_yaml_node *before, const struct cm_json *value) {
    const struct cm_yaml_node *first = node->first;

    if (node->flow) {
        struct cm_yaml_node up_to = *node;

        up_to.last = (struct cm_yaml_node *)(uintptr_t)before;
        put_into_flow(e, &up_to, NULL, value, true);
    } else if (first == NULL) {
        refuse(e, value);
    } else if (before != NULL) {
        put_lines(e, before->end, NULL, value, column_of(e, dash_of(e, first)));
    } else {
        put_first(e, dash_of(e, first), value);
    }
}

static size_t length_of(const struct cm_json *list) {
    size_t length = 0;

    for (; list != NULL; list = list->next) {
        length++;
    }
    return length;
}

// is_extra tells whether the longer of two lists begins with an entry that the other one lacks: the
// other one's first comes later in it.
static bool is_extra(const struct cm_json *longer, const struct cm_json *other) {
    if (longer == NULL || length_of(longer) <= length_of(other)) {
        return false;
    }
    for (const struct cm_json *at = longer->next; at != NULL && other != NULL; at = at->next) {
        if (cm_json_equal(at, other)) {
            return true;
        }
    }
    return other == NULL;
}

static void change_entry(struct editor *e, const struct cm_yaml_node *list,
                         const struct cm_yaml_node *entry, const struct cm_json *now,
                         const struct cm_json *wanted) {
    if (!list->flow && !is_kind(entry, wanted)) {
        take_entry(e, list, entry);
        put_entry(e, list, entry, wanted);
    } else {
        change(e, entry, now, wanted, list->flow ? 0 : column_of(e, dash_of(e, entry)), list->flow);
    }
}

// change_list goes through both lists at once: what only one has is put in or taken out, any other
// is the same entry with other content.
static void change_list(struct editor *e, const struct cm_yaml_node *node,
                        const struct cm_json *now, const struct cm_json *wanted) {
    const struct cm_yaml_node *at = node->first;
    const struct cm_yaml_node *before = NULL;
    const struct cm_json *old = now->first;
    const struct cm_json *new = wanted->first;

    if (wanted->count == 0 || now->count == 0) {
        struct cm_str text = {0};

        cm_json_write_compact(wanted, &text);
        add_patch(e, node->start, node->end, &text);
        return;
    }
    while (at != NULL && old != NULL) {
        bool equal = new != NULL &&cm_json_equal(old, new);

        if (new != NULL && !equal && is_extra(new, old)) {
            put_entry(e, node, before, new);
            new = new->next;
            continue;
        }
        if (new == NULL || (!equal && is_extra(old, new))) {
            take_entry(e, node, at);
        } else {
            change_entry(e, node, at, old, new);
            new = new->next;
        }
        before = at;
        at = at->next;
        old = old->next;
    }
    for (; new != NULL; new = new->next) {
        put_entry(e, node, before, new);
    }
}

static void change(struct editor *e, const struct cm_yaml_node *node, const struct cm_json *now,
                   const struct cm_json *wanted, size_t column, bool flow) {
    struct cm_str text = {0};

    if (now != NULL && cm_json_equal(now, wanted)) {
        return;
    }
    bool whole = node->type == CM_YAML_SCALAR || !is_kind(node, wanted);

    // Where a tag makes something else of a document than its text, this may be another one.
    if ((node->marked && whole) || node->type == CM_YAML_ALIAS || now == NULL ||
        !is_kind(node, now)) {
        refuse(e, now != NULL ? now : wanted);
    } else if (!is_kind(node, wanted)) { // only within braces
        cm_json_write_compact(wanted, &text);
        add_patch(e, node->start, node->end, &text);
    } else if (node->type == CM_YAML_MAPPING) {
        change_map(e, node, now, wanted);
    } else if (node->type == CM_YAML_SEQUENCE) {
        change_list(e, node, now, wanted);
    } else {
        cm_str_add(&text, node->start == node->end ? " " : "");
        add_scalar(e, &text, node, wanted, column, flow);
        add_patch(e, node->start, node->end, &text);
    }
}

// ---- The whole

// sort keeps the order of what is at the same place.
static void sort(struct patch *patches, size_t count) {
    for (size_t i = 1; i < count; i++) {
        struct patch moved = patches[i];
        size_t at = i;

        for (; at > 0 && patches[at - 1].from > moved.from; at--) {
            patches[at] = patches[at - 1];
        }
        patches[at] = moved;
    }
}

// join tells whether no two patches change the same bytes.
static bool join(struct editor *e, struct cm_str *out) {
    size_t at = 0;

    sort(e->patches, e->count);
    for (size_t i = 0; i < e->count; i++) {
        const struct patch *p = &e->patches[i];

        if (p->from < at) {
            return false;
        }
        cm_str_add_n(out, e->text + at, p->from - at);
        cm_str_add(out, p->text);
        at = p->to;
    }
    cm_str_add_n(out, e->text + at, e->size - at);
    return true;
}

static bool says(struct cm_arena *a, const struct cm_str *text, const struct cm_yaml_docs *before,
                 size_t document, const struct cm_json *wanted) {
    struct cm_yaml_docs got = {0};
    struct cm_err ignored;

    if (cm_yaml_parse(a, cm_str_get(text), text->len, NULL, &got, &ignored) < 0 ||
        got.count != before->count) {
        return false;
    }
    for (size_t i = 0; i < got.count; i++) {
        if (!cm_json_equal(got.docs[i], i == document ? wanted : before->docs[i])) {
            return false;
        }
    }
    return true;
}

static void editor_done(struct editor *e) {
    for (size_t i = 0; i < e->count; i++) {
        free(e->patches[i].text);
    }
    free(e->patches);
    cm_arena_free(e->arena);
}

static const char *line_end_of(const char *text, size_t size) {
    const char *first = memchr(text, '\n', size);

    return first != NULL && first > text && first[-1] == '\r' ? "\r\n" : "\n";
}

enum cm_rc cm_yaml_become(const char *text, size_t size, size_t document,
                          const struct cm_json *wanted, char **out, struct cm_err *err) {
    CM_CLEANUP(editor_done)
    struct editor e = {
        .arena = cm_arena_new(0), .text = text, .size = size, .line_end = line_end_of(text, size)};
    CM_CLEANUP(cm_str_done) struct cm_str made = {0};
    struct cm_yaml_docs docs = {0};
    struct cm_yaml_node *root = NULL;

    if (cm_yaml_parse(e.arena, text, size, NULL, &docs, err) < 0 ||
        cm_yaml_tree_find(e.arena, text, size, document, &root, err) < 0) {
        return err->code;
    }
    if (document >= docs.count) {
        return cm_fail(err, CM_EINVAL, "there is no such document");
    }
    change(&e, root, docs.docs[document], wanted, 0, false);
    if (e.wrong != NULL || !join(&e, &made) || !says(e.arena, &made, &docs, document, wanted)) {
        const struct cm_json *at = e.wrong != NULL ? e.wrong : docs.docs[document];

        return cm_fail(err, CM_EINVAL,
                       "line %u, column %u: what is there cannot be changed in this form of YAML: "
                       "change it by hand",
                       at->line, at->column);
    }
    *out = cm_str_take(&made);
    return CM_OK;
}
