// query: what the API reads: lists of rows as JSON, filtered, a page at a time.
//
// Each list is a row of a table in query_lists.c: where its rows come from, its columns, its
// filters, and the columns by which it is sorted and continued. A page goes on where the last one
// ended (keyset), so its cost does not grow with its number, and rows that come or go meanwhile
// disturb nothing.
//
// Threads: a reader's handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct cm_arena;
struct cm_json;
struct hub_db;

#define HUB_QUERY_LIMIT_DEFAULT 500
#define HUB_QUERY_LIMIT_MAX 5000
#define HUB_QUERY_PARAMS_MAX 16

#define HUB_QUERY_PAGE_PARAMS 5

// What every list takes: limit, cursor, sort, fields, total.
extern const char *const hub_query_page_params[HUB_QUERY_PAGE_PARAMS];

struct hub_query_param {
    const char *name;
    const char *value;
};

struct hub_query {
    const char *list; // "clusters", "groups", "apps", "status", "objects", "drift", "events",
                      // "revisions", "problems"
    struct hub_query_param params[HUB_QUERY_PARAMS_MAX];
    size_t param_count;
    const char *also; // SQL that rows must meet as well, from no stranger; NULL: none
};

// hub_query_run answers {"items": [...], "next": "...", "total": N}; `total` if it was asked for.
// CM_EINVAL: an unknown parameter (with the nearest name), a bad limit, cursor or selector.
CM_MUSTUSE enum cm_rc hub_query_run(struct hub_db *db, struct cm_arena *a,
                                    const struct hub_query *query, struct cm_json **out,
                                    struct cm_err *err);

// hub_query_summary counts over the whole fleet; hub_query_rollout how far a revision is.
// Parameters of rollout: revision, app, cluster, group, selector. A revision that is not resolved
// yet is told as such; once it is, CM_ENOTFOUND: no such App or cluster. "problems" are those that
// the revision brought or touched, or all of what is asked for: what they hold up is at its last
// good state.
CM_MUSTUSE enum cm_rc hub_query_summary(struct hub_db *db, struct cm_arena *a, struct cm_json **out,
                                        struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_query_rollout(struct hub_db *db, struct cm_arena *a,
                                        const struct hub_query *query, struct cm_json **out,
                                        struct cm_err *err);
