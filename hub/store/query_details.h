// query_details: one thing with what belongs to it, as 'describe' shows it.
//
// Each kind is a row of a table: the list that its own row comes from, and its parts, which are
// short lists of their own. A part ends after a few rows; who wants all of them asks for the list.
//
// Threads: a reader's handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/tls/digest.h"
#include "hub/store/query.h"

struct cm_arena;
struct cm_json;
struct hub_db;

#define HUB_DETAIL_NAMES_MAX 2
#define HUB_DETAIL_PARAMS_MAX 4

enum hub_part_kind {
    HUB_PART_ROWS,
    HUB_PART_UNWELL,    // rows too: the pairs of an App that are not healthy
    HUB_PART_NAMES,     // the names of the rows
    HUB_PART_ROLLOUT,   // the answer of hub_query_rollout, an object
    HUB_PART_REVISIONS, // which commits the pairs of an App are at
    HUB_PART_CAUSES,    // why pairs of the list are not healthy; see hub_query_causes
};

struct hub_detail_part {
    const char *member;
    enum hub_part_kind kind;
    const char *list;
    // Values "$0" and "$1" stand for the first and second name.
    struct hub_query_param params[HUB_DETAIL_PARAMS_MAX];
    const char *about;
};

struct hub_detail {
    const char *name; // of the resource
    const char *item; // what it is called in the API's description
    const char *what; // for people: "cluster"
    const char *about;
    const char *list;                        // its own row
    const char *names[HUB_DETAIL_NAMES_MAX]; // the filters that the names are for
    const char *known_sql;                   // the names that there are, for the nearest; or NULL
    const struct hub_detail_part *parts;     // ended by a NULL member
};

// hub_detail_find returns the kind of this name ("clusters", "status", …) or NULL.
const struct hub_detail *hub_detail_find(const char *name);

// hub_query_detail answers with one thing. CM_ENOTFOUND, with the nearest name; CM_EINVAL: the name
// is none.
CM_MUSTUSE enum cm_rc hub_query_detail(struct hub_db *db, struct cm_arena *a,
                                       const struct hub_detail *detail,
                                       const char *const names[HUB_DETAIL_NAMES_MAX],
                                       struct cm_json **out, struct cm_err *err);

// hub_query_causes answers why pairs of the list "status" are not healthy: equal causes (cause.h)
// counted together, most pairs first, 20 at most, with three examples each.
CM_MUSTUSE enum cm_rc hub_query_causes(struct hub_db *db, struct cm_arena *a,
                                       const struct hub_query *query, struct cm_json **out,
                                       struct cm_err *err);

// Which object. `find` reads how a bundle, in its encoded form, names the object of a key; it tells
// whether it does.
struct hub_desired_query {
    const char *cluster;
    const char *key;
    bool (*find)(const void *bundle, size_t size, const char *key, struct cm_sha256 *out);
};

// hub_query_desired answers with the canonical form of an object that an agent told of, as it is in
// the bundle in force. CM_ENOTFOUND, also for Secrets, which are not kept.
CM_MUSTUSE enum cm_rc hub_query_desired(struct hub_db *db, struct cm_arena *a,
                                        const struct hub_desired_query *q, struct cm_json **out,
                                        struct cm_err *err);
