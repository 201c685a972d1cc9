// resources: what there is to list and describe, and by which words people ask for it.
//
// Threads: constants.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "hub/ctl/table.h"

struct ctl;

struct ctl_resource {
    const char *name;  // "clusters": of the list in the API too
    const char *one;   // "cluster", "App": how sentences call it
    const char *words; // by which it is asked for, in lower case, separated by spaces
    const char *names; // what -o name prints
    const struct ctl_column *columns;
    size_t count;
    const char *params; // of the API that options fill
    const char *by;     // the parameter that NAME fills; NULL: it takes no NAME
    const char *about;  // a few words, for completion
    int64_t limit;      // when --limit is not given; 0: all
    bool newest_last;   // the API answers newest first; people read downwards
    bool foldable;      // a long list is folded to what is not ready
    bool (*ready)(const struct cm_json *row);
};

extern const struct ctl_resource ctl_resources[];
extern const size_t ctl_resource_count;

// ctl_resource_find returns what a word asks for ("cluster", "ClusterGroups", "ev"), or NULL;
// ctl_resource_named the one with this very name, which there is.
const struct ctl_resource *ctl_resource_find(const char *word);
const struct ctl_resource *ctl_resource_named(const char *name);

// ctl_resource_fail fails because a word asks for nothing, and proposes what may have been meant.
int ctl_resource_fail(struct ctl *c, const char *word);

// A type and names of it, as they stand on the command line.
struct ctl_asked {
    const struct ctl_resource *resource;
    const char **names;
    size_t count;
};

// ctl_asked_read reads the verb's arguments: "TYPE [NAME...]" or "TYPE/NAME...".
CM_MUSTUSE enum cm_rc ctl_asked_read(struct ctl *c, struct ctl_asked *out);
