// path: the place of a field as people write it, segment by segment.
//
//     spec.template.spec.containers[name=web].image
//     metadata.labels['app.kubernetes.io/name']
//     spec.ports[port=80,protocol=TCP].nodePort     an entry of a list by its keys
//     metadata.finalizers[=example.com/guard]       an entry of a set by its value
//
// What would be ambiguous stands in single quotes, within which \ comes before ' and \.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/object/listkeys.h"

struct cm_arena;
struct cm_json;
struct cm_str;

void cm_path_add_member(struct cm_str *path, const char *name);
void cm_path_add_entry(struct cm_str *path, const struct cm_list_rule *rule,
                       const struct cm_json *entry);

enum cm_segment_type { CM_SEGMENT_MEMBER, CM_SEGMENT_ENTRY, CM_SEGMENT_VALUE };

struct cm_segment {
    enum cm_segment_type type;
    const char *name;                       // of a member; the value of a set's entry
    const char *keys[CM_LIST_KEYS_MAX + 1]; // of a list's entry; ended by NULL
    const char *values[CM_LIST_KEYS_MAX];
};

struct cm_path {
    struct cm_segment *segments; // in the arena
    size_t count;
};

// cm_path_parse reads a path back; it tells whether the text was one.
bool cm_path_parse(struct cm_arena *a, const char *text, struct cm_path *out);
