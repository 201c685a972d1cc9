// select: what a label selector means: which clusters, which objects.
//
// matchLabels and matchExpressions are one list of requirements that must all hold, with the rules
// of Kubernetes: NotIn also holds where the label is missing; no requirement at all selects
// everything.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cm_arena;
struct cm_json;

enum hub_operator { HUB_OP_IN, HUB_OP_NOT_IN, HUB_OP_EXISTS, HUB_OP_NOT_EXISTS };

struct hub_requirement {
    const char *key;
    enum hub_operator op;
    const char **values;
    size_t value_count;
};

struct hub_selector {
    struct hub_requirement *items; // in the arena that it was read into
    size_t count;
};

// hub_selector_read reads a selector that the schema of its document let through. Texts stay the
// tree's.
void hub_selector_read(struct cm_arena *a, const struct cm_json *node, struct hub_selector *out);

// hub_selector_match tells whether labels (an object of strings, or NULL) satisfy the selector.
bool hub_selector_match(const struct hub_selector *s, const struct cm_json *labels);
