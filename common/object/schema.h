// schema: what there is to know about the fields of Kubernetes' built-in kinds.
//
// Of the published OpenAPI and Go types of Kubernetes 1.34 only what merging and comparing needs:
// which lists are maps or sets, which values are quantities, which maps have one owner as a whole,
// which scalars the server leaves out when they are empty. A place is a value's position in an
// object; one walks from the root with the names of members. Kinds that are not built in have
// metadata like all others; what else they have is unknown.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cm_list_rule;

enum {
    CM_FIELD_QUANTITY = 1,   // "1000m" and 1 are equal
    CM_FIELD_QUANTITIES = 2, // a map of quantities
    CM_FIELD_NAMED = 4,      // a map from any name to the type
    CM_FIELD_ATOMIC = 8,     // a map of strings with one owner
    CM_FIELD_EMPTY = 16,     // false, 0 and "" are not stored
    CM_FIELD_REPLACED = 32,  // a list with a rule that strategic merge patches replace all the same
};

struct cm_place {
    uint16_t type; // 0: unknown
    uint8_t rule;  // of the list at this place; 0: atomic
    uint8_t flags;
};

// cm_schema_root returns the place of a whole object.
struct cm_place cm_schema_root(const char *group, const char *kind);

// cm_schema_member returns the place of a member of the object at a place; cm_schema_element that
// of the elements of the list there.
struct cm_place cm_schema_member(struct cm_place place, const char *name);
struct cm_place cm_schema_element(struct cm_place place);

// cm_schema_rule returns the rule of the list at a place.
const struct cm_list_rule *cm_schema_rule(struct cm_place place);
