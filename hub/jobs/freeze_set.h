// freeze_set: all that is frozen, as it was at one moment of the database.
//
// Threads: loaded on the store's thread; then it does not change, and is counted.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "hub/store/freezes.h"

struct hub_db;
struct hub_freeze_set;

CM_MUSTUSE enum cm_rc hub_freeze_set_load(struct hub_db *db, struct hub_freeze_set **out,
                                          struct cm_err *err);
struct hub_freeze_set *hub_freeze_set_ref(struct hub_freeze_set *set);
void hub_freeze_set_unref(struct hub_freeze_set *set); // NULL is fine
void hub_freeze_set_unrefp(struct hub_freeze_set **set);

// hub_freeze_set_number is larger for each set that is loaded.
uint64_t hub_freeze_set_number(const struct hub_freeze_set *set);

// hub_freeze_set_rows returns all freezes by name, also those that have ended;
// hub_freeze_set_in_force counts the others.
const struct hub_freeze_row *hub_freeze_set_rows(const struct hub_freeze_set *set, size_t *count);
size_t hub_freeze_set_in_force(const struct hub_freeze_set *set);

// hub_freeze_set_clusters counts the clusters of one.
size_t hub_freeze_set_clusters(const struct hub_freeze_set *set, const char *name);

// hub_freeze_set_of returns what is frozen on a cluster, by name; NULL: nothing is.
const struct hub_freeze_row *const *hub_freeze_set_of(const struct hub_freeze_set *set,
                                                      const char *cluster, size_t *count);
