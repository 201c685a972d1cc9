// query_lists: the SQL behind hub/store/query.h, as tables.
//
// Threads: constants.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum hub_column_type {
    HUB_COLUMN_TEXT,
    HUB_COLUMN_INT,
    HUB_COLUMN_BOOL,
    HUB_COLUMN_JSON,
    HUB_COLUMN_HEX,
    HUB_COLUMN_APPLIED,
    HUB_COLUMN_HEALTH,
};

struct hub_column {
    const char *name;
    const char *sql;
    enum hub_column_type type;
};

enum hub_filter_kind { HUB_FILTER_VALUE, HUB_FILTER_NUMBER, HUB_FILTER_SELECTOR, HUB_FILTER_STATE };

struct hub_filter {
    const char *name;
    enum hub_filter_kind kind;
    const char *condition; // HUB_FILTER_VALUE and _NUMBER: with one '?'
};

struct hub_list {
    const char *name;
    const char *from;
    const struct hub_column *columns;
    size_t column_count;
    const char *keys; // sorted by these columns, and continued
    size_t key_count;
    bool numeric;                     // the key is a number
    bool descending;                  // only with one key
    const char *required;             // a parameter that must be given; NULL: none
    const struct hub_filter *filters; // ended by a NULL name
};

const struct hub_list *hub_list_find(const char *name);
const char *hub_state_condition(const char *state); // NULL: no such state
const char *hub_applied_name(int applied);
const char *hub_health_name(int health);

struct hub_rollout_scope {
    const char *revision; // "": any
    const char *app;
    const char *cluster;
};

extern const char hub_summary_sql[];
extern const char hub_rollout_sql[];         // ?1 revision, ?2 app, ?3 cluster
extern const char hub_rollout_failure_sql[]; // likewise
extern const char hub_rollout_problem_sql[]; // likewise
