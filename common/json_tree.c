// Making, changing, reading and comparing trees.
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/arena.h"
#include "common/decimal.h"
#include "common/json.h"
#include "common/json_members.h"
#include "common/mem.h"

// new_scalar makes a node whose text stands behind it in one piece of memory.
static struct cm_json *new_scalar(struct cm_arena *a, enum cm_json_type type, const char *text,
                                  size_t len) {
    struct cm_json *node = cm_arena_get(a, sizeof(*node) + len + 1);

    node->type = type;
    node->text = memcpy(node + 1, text, len);
    node->len = len;
    return node;
}

struct cm_json *cm_json_new(struct cm_arena *a, enum cm_json_type type) {
    struct cm_json *node = cm_arena_get(a, sizeof(*node));

    assert(type != CM_NUMBER);
    node->type = type;
    node->text = type == CM_STRING ? "" : NULL;
    return node;
}

struct cm_json *cm_json_new_string(struct cm_arena *a, const char *text) {
    return new_scalar(a, CM_STRING, text, strlen(text));
}

struct cm_json *cm_json_new_int(struct cm_arena *a, int64_t value) {
    char text[24];
    int n = snprintf(text, sizeof(text), "%" PRId64, value);

    assert(n > 0 && (size_t)n < sizeof(text));
    return new_scalar(a, CM_NUMBER, text, (size_t)n);
}

struct cm_json *cm_json_new_bool(struct cm_arena *a, bool truth) {
    struct cm_json *node = cm_json_new(a, CM_BOOL);

    node->truth = truth;
    return node;
}

struct cm_json *cm_json_copy(struct cm_arena *a, const struct cm_json *node) {
    struct cm_json *copy;

    if (node->text != NULL) {
        copy = new_scalar(a, node->type, node->text, node->len);
    } else {
        copy = cm_json_new(a, node->type);
    }
    copy->truth = node->truth;
    copy->line = node->line;
    copy->column = node->column;
    for (const struct cm_json *item = node->first; item != NULL; item = item->next) {
        struct cm_json *below = cm_json_copy(a, item);

        below->key = item->key != NULL ? cm_arena_strdup(a, item->key) : NULL;
        cm_json_append(copy, below);
    }
    return copy;
}

// link_to returns the link that points to the member, or to nothing if there is none.
static struct cm_json **link_to(struct cm_json *object, const char *key) {
    struct cm_json **link = &object->first;

    while (*link != NULL && strcmp((*link)->key, key) != 0) {
        link = &(*link)->next;
    }
    return link;
}

void cm_json_set(struct cm_arena *a, struct cm_json *object, const char *key,
                 struct cm_json *value) {
    struct cm_json **link = link_to(object, key);
    struct cm_json *old = *link;

    assert(object->type == CM_OBJECT);
    value->key = old != NULL ? old->key : cm_arena_strdup(a, key);
    if (old == NULL) {
        cm_json_append(object, value);
        return;
    }
    value->next = old->next;
    *link = value;
    if (object->last == old) {
        object->last = value;
    }
    old->next = NULL;
}

void cm_json_set_string(struct cm_arena *a, struct cm_json *object, const char *key,
                        const char *text) {
    if (text != NULL) {
        cm_json_set(a, object, key, cm_json_new_string(a, text));
    }
}

void cm_json_set_int(struct cm_arena *a, struct cm_json *object, const char *key, int64_t value) {
    cm_json_set(a, object, key, cm_json_new_int(a, value));
}

void cm_json_set_bool(struct cm_arena *a, struct cm_json *object, const char *key, bool truth) {
    cm_json_set(a, object, key, cm_json_new_bool(a, truth));
}

void cm_json_append(struct cm_json *array, struct cm_json *value) {
    assert(array->type == CM_ARRAY || array->type == CM_OBJECT);
    value->next = NULL;
    if (array->last == NULL) {
        array->first = value;
    } else {
        array->last->next = value;
    }
    array->last = value;
    array->count++;
}

bool cm_json_remove(struct cm_json *object, const char *key) {
    struct cm_json *before = NULL;

    if (object->type != CM_OBJECT) {
        return false;
    }
    for (struct cm_json *m = object->first; m != NULL; before = m, m = m->next) {
        if (strcmp(m->key, key) != 0) {
            continue;
        }
        if (before == NULL) {
            object->first = m->next;
        } else {
            before->next = m->next;
        }
        if (object->last == m) {
            object->last = before;
        }
        object->count--;
        m->next = NULL;
        return true;
    }
    return false;
}

struct cm_json *cm_json_get(const struct cm_json *node, const char *key) {
    if (node == NULL || node->type != CM_OBJECT) {
        return NULL;
    }
    for (struct cm_json *m = node->first; m != NULL; m = m->next) {
        if (m->key[0] == key[0] && strcmp(m->key, key) == 0) {
            return m;
        }
    }
    return NULL;
}

struct cm_json *cm_json_path(const struct cm_json *node, ...) {
    struct cm_json *found = NULL;
    const char *key;
    va_list keys;

    va_start(keys, node);
    while ((key = va_arg(keys, const char *)) != NULL) {
        found = cm_json_get(node, key);
        node = found;
    }
    va_end(keys);
    return found;
}

const char *cm_json_string(const struct cm_json *node) {
    return node != NULL && node->type == CM_STRING ? node->text : NULL;
}

int64_t cm_json_int(const struct cm_json *node, int64_t otherwise) {
    struct cm_decimal d;
    int64_t value;

    if (node == NULL || node->type != CM_NUMBER) {
        return otherwise;
    }
    if (cm_decimal_read(node->text, node->len, &d) != node->len || !cm_decimal_int(&d, &value)) {
        return otherwise;
    }
    return value;
}

bool cm_json_true(const struct cm_json *node) {
    return node != NULL && node->type == CM_BOOL && node->truth;
}

static bool text_equal(const struct cm_json *a, const struct cm_json *b) {
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

// numbers_equal compares values. Where an exponent is beyond all reason, it compares texts, but for
// the case of the E, which only JSON's reader keeps.
static bool numbers_equal(const struct cm_json *a, const struct cm_json *b) {
    struct cm_decimal x;
    struct cm_decimal y;

    if (a->len == b->len && strncasecmp(a->text, b->text, a->len) == 0) {
        return true;
    }
    return cm_decimal_read(a->text, a->len, &x) == a->len &&
           cm_decimal_read(b->text, b->len, &y) == b->len && cm_decimal_equal(&x, &y);
}

// members_equal compares two objects with as many members. Most often they are in one order; from
// the first member on that is elsewhere, both are sorted.
static bool members_equal(const struct cm_json *a, const struct cm_json *b) {
    const struct cm_json *x = a->first;
    const struct cm_json *y = b->first;

    while (x != NULL && strcmp(x->key, y->key) == 0) {
        if (!cm_json_equal(x, y)) {
            return false;
        }
        x = x->next;
        y = y->next;
    }
    if (x == NULL) {
        return true;
    }
    CM_AUTOFREE struct cm_json **left = cm_json_members_sorted(a);
    CM_AUTOFREE struct cm_json **right = cm_json_members_sorted(b);
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(left[i]->key, right[i]->key) != 0 || !cm_json_equal(left[i], right[i])) {
            return false;
        }
    }
    return true;
}

static bool elements_equal(const struct cm_json *a, const struct cm_json *b) {
    const struct cm_json *x = a->first;
    const struct cm_json *y = b->first;

    while (x != NULL && cm_json_equal(x, y)) {
        x = x->next;
        y = y->next;
    }
    return x == NULL;
}

bool cm_json_equal(const struct cm_json *a, const struct cm_json *b) {
    if (a == NULL || b == NULL) {
        return a == b;
    }
    if (a->type != b->type) {
        return false;
    }
    switch (a->type) {
    case CM_NULL:
        return true;
    case CM_BOOL:
        return a->truth == b->truth;
    case CM_NUMBER:
        return numbers_equal(a, b);
    case CM_STRING:
        return text_equal(a, b);
    case CM_ARRAY:
        return a->count == b->count && elements_equal(a, b);
    case CM_OBJECT:
        return a->count == b->count && members_equal(a, b);
    }
    return false;
}

size_t cm_json_depth(const struct cm_json *node) {
    size_t deepest = 0;

    for (const struct cm_json *n = node->first; n != NULL; n = n->next) {
        size_t depth = cm_json_depth(n);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

size_t cm_json_nodes(const struct cm_json *node) {
    size_t nodes = 1;

    for (const struct cm_json *n = node->first; n != NULL; n = n->next) {
        nodes += cm_json_nodes(n);
    }
    return nodes;
}

const char *cm_json_type_name(enum cm_json_type type) {
    static const char *const names[] = {
        [CM_NULL] = "null",       [CM_BOOL] = "a boolean", [CM_NUMBER] = "a number",
        [CM_STRING] = "a string", [CM_ARRAY] = "a list",   [CM_OBJECT] = "an object",
    };

    return names[type];
}
