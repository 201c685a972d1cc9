// yaml_tree: where in a text its YAML stands: each document as nodes with their first and last
// byte.
//
// For those who change a text that people wrote (yaml_become.h). What the nodes mean says
// common/yaml.h; here is only where they are.
//
// Threads: any, one arena each; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct cm_arena;

enum cm_yaml_node_type { CM_YAML_SCALAR, CM_YAML_SEQUENCE, CM_YAML_MAPPING, CM_YAML_ALIAS };

enum cm_yaml_style { CM_YAML_PLAIN, CM_YAML_SINGLE, CM_YAML_DOUBLE, CM_YAML_BLOCK };

struct cm_yaml_node {
    enum cm_yaml_node_type type;
    enum cm_yaml_style style;   // of a scalar; BLOCK: one that is literal or folded
    bool flow;                  // of a collection: {a: 1}
    bool marked;                // it has an anchor or a tag
    size_t start;               // bytes
    size_t end;                 // behind the last that is not blank
    size_t column;              // of its start, in characters, from 0
    const char *text;           // of a scalar
    struct cm_yaml_node *first; // of a collection; a mapping has names and values in turn
    struct cm_yaml_node *last;
    struct cm_yaml_node *next;
};

// cm_yaml_tree_find returns the root of the document that is `number` among those that
// cm_yaml_parse returns; all of it is in the arena. CM_EINVAL: there is none.
CM_MUSTUSE enum cm_rc cm_yaml_tree_find(struct cm_arena *a, const char *text, size_t size,
                                        size_t number, struct cm_yaml_node **out,
                                        struct cm_err *err);
