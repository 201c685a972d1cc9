#include "hub/render/select.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"

static enum hub_operator operator_of(const char *word) {
    if (strcmp(word, "NotIn") == 0) {
        return HUB_OP_NOT_IN;
    }
    if (strcmp(word, "Exists") == 0) {
        return HUB_OP_EXISTS;
    }
    return strcmp(word, "DoesNotExist") == 0 ? HUB_OP_NOT_EXISTS : HUB_OP_IN;
}

static void read_expression(struct cm_arena *a, const struct cm_json *node,
                            struct hub_requirement *out) {
    const struct cm_json *values = cm_json_get(node, "values");

    out->key = cm_json_string(cm_json_get(node, "key"));
    out->op = operator_of(cm_json_string(cm_json_get(node, "operator")));
    if (values == NULL) {
        return;
    }
    out->values = cm_arena_get(a, (values->count + 1) * sizeof(*out->values));
    for (const struct cm_json *item = values->first; item != NULL; item = item->next) {
        out->values[out->value_count++] = item->text;
    }
}

void hub_selector_read(struct cm_arena *a, const struct cm_json *node, struct hub_selector *out) {
    const struct cm_json *labels = cm_json_get(node, "matchLabels");
    const struct cm_json *expressions = cm_json_get(node, "matchExpressions");
    size_t count = (labels != NULL ? labels->count : 0) + //
                   (expressions != NULL ? expressions->count : 0);

    out->items = cm_arena_get(a, (count + 1) * sizeof(*out->items));
    out->count = 0;
    for (const struct cm_json *item = labels != NULL ? labels->first : NULL; item != NULL;
         item = item->next) {
        const char **value = cm_arena_get(a, sizeof(*value));

        *value = item->text;
        out->items[out->count++] = (struct hub_requirement){item->key, HUB_OP_IN, value, 1};
    }
    for (const struct cm_json *item = expressions != NULL ? expressions->first : NULL; item != NULL;
         item = item->next) {
        read_expression(a, item, &out->items[out->count++]);
    }
}

static bool is_one_of(const struct hub_requirement *r, const char *value) {
    for (size_t i = 0; i < r->value_count; i++) {
        if (strcmp(r->values[i], value) == 0) {
            return true;
        }
    }
    return false;
}

static bool holds(const struct hub_requirement *r, const char *value) {
    switch (r->op) {
    case HUB_OP_IN:
        return value != NULL && is_one_of(r, value);
    case HUB_OP_NOT_IN:
        return value == NULL || !is_one_of(r, value);
    case HUB_OP_EXISTS:
        return value != NULL;
    case HUB_OP_NOT_EXISTS:
        return value == NULL;
    }
    return false;
}

bool hub_selector_match(const struct hub_selector *s, const struct cm_json *labels) {
    for (size_t i = 0; i < s->count; i++) {
        if (!holds(&s->items[i], cm_json_string(cm_json_get(labels, s->items[i].key)))) {
            return false;
        }
    }
    return true;
}
