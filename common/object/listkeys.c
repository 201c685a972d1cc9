#include "common/object/listkeys.h"

#include <string.h>

#include "common/json.h"
#include "common/object/schema.h"

#define SEGMENT_MAX 128

// step walks one segment of a path, "containers" or "containers[]".
static struct cm_place step(struct cm_place place, const char *segment, size_t len) {
    char name[SEGMENT_MAX];
    size_t elements = 0;

    while (len >= 2 && memcmp(segment + len - 2, "[]", 2) == 0) {
        len -= 2;
        elements++;
    }
    if (len >= sizeof(name)) {
        return (struct cm_place){0};
    }
    memcpy(name, segment, len);
    name[len] = '\0';
    place = cm_schema_member(place, name);
    for (; elements > 0; elements--) {
        place = cm_schema_element(place);
    }
    return place;
}

const struct cm_list_rule *cm_list_rule_find(const char *group, const char *kind,
                                             const char *path) {
    struct cm_place place = cm_schema_root(group, kind);

    for (;;) {
        size_t len = strcspn(path, ".");

        place = step(place, path, len);
        if (path[len] == '\0') {
            return cm_schema_rule(place);
        }
        path += len + 1;
    }
}

// key_same compares one key of two entries. An entry that leaves the key out has its default.
static bool key_same(const char *fallback, const struct cm_json *a, const struct cm_json *b) {
    if (a != NULL && b != NULL) {
        return cm_json_equal(a, b);
    }
    if (a == NULL && b == NULL) {
        return true;
    }
    const char *text = cm_json_string(a != NULL ? a : b);
    return text != NULL && fallback != NULL && strcmp(text, fallback) == 0;
}

bool cm_list_same(const struct cm_list_rule *rule, const struct cm_json *a,
                  const struct cm_json *b) {
    bool any = false;

    if (rule->type != CM_LIST_MAP || a->type != CM_OBJECT || b->type != CM_OBJECT) {
        return false;
    }
    for (size_t i = 0; rule->keys[i] != NULL; i++) {
        const struct cm_json *x = cm_json_get(a, rule->keys[i]);
        const struct cm_json *y = cm_json_get(b, rule->keys[i]);

        if (!key_same(rule->defaults[i], x, y)) {
            return false;
        }
        any = any || (x != NULL && y != NULL);
    }
    return any;
}
