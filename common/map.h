// map: from strings to pointers.
//
// The map copies its keys. It owns its values if it was given a function that frees them.
// A hash table from Debian's uthash stands behind it.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cm_map;

// cm_map_new returns an empty map. free_value, if not NULL, is called for each value that is
// replaced, removed or left at the end.
struct cm_map *cm_map_new(void (*free_value)(void *));
void cm_map_free(struct cm_map *m); // NULL is fine
void cm_map_freep(struct cm_map **m);

size_t cm_map_len(const struct cm_map *m);

// cm_map_get returns the value or NULL.
void *cm_map_get(const struct cm_map *m, const char *key);

// cm_map_put sets the value of key.
void cm_map_put(struct cm_map *m, const char *key, void *value);

// cm_map_remove removes key; it tells whether key was there.
bool cm_map_remove(struct cm_map *m, const char *key);

// cm_map_take removes key and gives its value to the caller, or returns NULL.
void *cm_map_take(struct cm_map *m, const char *key);

// cm_map_each visits all entries, oldest first, until visit returns false. The visitor may remove
// the entry that it is called for, and no other.
void cm_map_each(const struct cm_map *m, bool (*visit)(void *ctx, const char *key, void *value),
                 void *ctx);

// cm_map_keys returns the keys sorted by byte value: an array of cm_map_len pointers that the
// caller frees; the strings are the map's.
const char **cm_map_keys(const struct cm_map *m);
