// entries: finding the entries of a list that is a map in disguise.
//
// Threads: one at a time.
#pragma once

#include "common/object/listkeys.h"

struct cm_json;
struct cm_map;

struct cm_entries {
    const struct cm_list_rule *rule;
    const struct cm_json *list;
    const struct cm_json *hint; // where the next entry is expected
    struct cm_map *by_key;      // only if there are many
};

// cm_entries_init prepares finding under a map rule; the list may be NULL or no list, and must not
// be changed before cm_entries_done.
void cm_entries_init(struct cm_entries *e, const struct cm_list_rule *rule,
                     const struct cm_json *list);
void cm_entries_done(struct cm_entries *e);

// cm_entries_find returns the entry with the keys of `like`, or NULL.
const struct cm_json *cm_entries_find(struct cm_entries *e, const struct cm_json *like);
