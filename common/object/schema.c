#include "common/object/schema.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "common/object/listkeys.h"

struct field {
    const char *name;
    uint16_t type;
    uint8_t rule;
    uint8_t flags;
};

struct kind {
    const char *group;
    const char *kind;
    uint16_t type;
};

enum {
    QUANTITY = CM_FIELD_QUANTITY,
    QUANTITIES = CM_FIELD_QUANTITIES,
    NAMED = CM_FIELD_NAMED,
    ATOMIC = CM_FIELD_ATOMIC,
    EMPTY = CM_FIELD_EMPTY,
    REPLACED = CM_FIELD_REPLACED,
};

#include "common/object/schema_table.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

struct cm_place cm_schema_root(const char *group, const char *kind) {
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (strcmp(kinds[i].kind, kind) == 0 && strcmp(kinds[i].group, group) == 0) {
            return (struct cm_place){.type = kinds[i].type};
        }
    }
    return (struct cm_place){.type = UNKNOWN_KIND};
}

// find_field looks a field of a type up; the fields of a type are sorted by name.
static const struct field *find_field(uint16_t type, const char *name) {
    assert(type > 0 && type < COUNT(types));

    size_t low = types[type - 1];
    size_t high = types[type];
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(name, fields[middle].name);

        if (order == 0) {
            return &fields[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

// guess is for kinds whose schema is not known: what is called like the resources of a container is
// meant like them.
static struct cm_place guess(const char *name) {
    bool resources = strcmp(name, "limits") == 0 || strcmp(name, "requests") == 0;

    return (struct cm_place){.flags = resources ? QUANTITIES : 0};
}

struct cm_place cm_schema_member(struct cm_place place, const char *name) {
    if ((place.flags & QUANTITIES) != 0) {
        return (struct cm_place){.flags = QUANTITY};
    }
    if ((place.flags & NAMED) != 0) {
        return (struct cm_place){.type = place.type};
    }
    if (place.type == 0) {
        return guess(name);
    }
    const struct field *field = find_field(place.type, name);
    if (field == NULL) {
        return (struct cm_place){0};
    }
    return (struct cm_place){field->type, field->rule, field->flags};
}

struct cm_place cm_schema_element(struct cm_place place) {
    return (struct cm_place){.type = place.type};
}

const struct cm_list_rule *cm_schema_rule(struct cm_place place) {
    static const struct cm_list_rule atomic = {.type = CM_LIST_ATOMIC};

    return place.rule == 0 ? &atomic : &rules[place.rule - 1];
}
