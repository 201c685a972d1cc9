// query_build: a query on its way to SQL: text and values grow together, so that what a client
// wrote is only ever bound, never part of the text.
//
// Threads: any, one at a time for a builder.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/str.h"
#include "hub/store/query.h"

struct cm_arena;
struct hub_filter;
struct hub_list;

#define HUB_BUILD_VALUES_MAX 256

struct hub_build {
    struct cm_arena *arena;
    struct cm_str where; // " AND …", one for each condition
    const char *values[HUB_BUILD_VALUES_MAX];
    size_t count;
};

void hub_build_done(struct hub_build *b);

// hub_build_value adds a value and tells its number in the SQL. CM_EINVAL: there are too many.
CM_MUSTUSE enum cm_rc hub_build_value(struct hub_build *b, const char *value, size_t *out_number,
                                      struct cm_err *err);

// hub_build_filter adds the condition of one filter. CM_EINVAL names the filter.
CM_MUSTUSE enum cm_rc hub_build_filter(struct hub_build *b, const struct hub_filter *filter,
                                       const char *value, struct cm_err *err);

// hub_filters_find returns the filter of this name or NULL; `filters` end with a NULL name.
const struct hub_filter *hub_filters_find(const struct hub_filter *filters, const char *name);

// hub_build_is_number tells whether the text is a number of at most 18 digits.
bool hub_build_is_number(const char *text);
