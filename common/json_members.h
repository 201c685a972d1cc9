// json_members: the members of an object in the order of their names.
//
// For the writers and readers of documents. Names are compared by byte value. All of it is
// O(n log n) at worst, whatever the names are.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cm_json;

// cm_json_members_sorted returns the `count` members of an object sorted by name, those of one name
// in their order. The caller frees the array; it is NULL for an object without members.
struct cm_json **cm_json_members_sorted(const struct cm_json *object);

// cm_json_members_in_order tells whether the members are in strictly ascending order already.
bool cm_json_members_in_order(const struct cm_json *object);

// cm_json_members_duplicate returns a member whose name an earlier one has, or NULL.
struct cm_json *cm_json_members_duplicate(const struct cm_json *object);

// cm_json_members_each_duplicate calls `found` for each member whose name an earlier one has, with
// the first of that name.
void cm_json_members_each_duplicate(const struct cm_json *object,
                                    void (*found)(void *ctx, const struct cm_json *first,
                                                  const struct cm_json *again),
                                    void *ctx);

// cm_json_index finds members of one object many times. A zeroed one finds nothing.
struct cm_json_index {
    const struct cm_json *object;
    struct cm_json **sorted; // only if there are many
};

// cm_json_index_init prepares finding; the object may be NULL or no object, and must not be changed
// before cm_json_index_done.
void cm_json_index_init(struct cm_json_index *index, const struct cm_json *object);
void cm_json_index_done(struct cm_json_index *index);
struct cm_json *cm_json_index_find(const struct cm_json_index *index, const char *key);
