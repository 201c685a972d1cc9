// query_lists: the lists behind hub/store/query.h, as tables.
//
// From them the SQL is made, and the API's own description of itself (hub/api/openapi.c).
//
// Threads: constants.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum hub_column_type {
    HUB_COLUMN_TEXT,
    HUB_COLUMN_INT,
    HUB_COLUMN_COUNT, // of what the list counts; all of a row are read in one go
    HUB_COLUMN_TIME,  // Unix milliseconds, 0: none
    HUB_COLUMN_BOOL,
    HUB_COLUMN_LABELS, // JSON object of texts
    HUB_COLUMN_NAMES,  // JSON array of texts
    HUB_COLUMN_HEX,
    HUB_COLUMN_ROLE, // "read" or "admin"
    HUB_COLUMN_APPLIED,
    HUB_COLUMN_HEALTH,
};

struct hub_column {
    const char *name;
    const char *sql;
    enum hub_column_type type;
    const char *about;
};

enum hub_filter_kind {
    HUB_FILTER_VALUE,
    HUB_FILTER_NUMBER,
    HUB_FILTER_BOOL,     // the condition holds, or does not
    HUB_FILTER_REVISION, // 7 digits or more of a commit id
    HUB_FILTER_ROLE,
    HUB_FILTER_SELECTOR,
    HUB_FILTER_STATE,
};

struct hub_filter {
    const char *name;
    enum hub_filter_kind kind;
    const char *condition; // '?' is the value; NULL for selectors and states
    const char *about;
};

struct hub_list_key {
    const char *sql; // never NULL
    bool numeric;
};

struct hub_list {
    const char *name;
    const char *item; // what a row is called in the API's description
    const char *about;
    const char *from;
    const char *counts; // "FROM …", what columns of that kind count over; NULL: there are none
    const struct hub_column *columns;
    size_t column_count;
    struct hub_list_key keys[3]; // sorted by these, unless asked otherwise, and continued
    size_t key_count;
    bool descending;                  // only with one key
    const char *required;             // a parameter that must be given; NULL: none
    const struct hub_filter *filters; // ended by a NULL name
};

const struct hub_list *hub_list_find(const char *name);
const struct hub_column *hub_list_column(const struct hub_list *list, const char *name);

// hub_column_sorts tells whether rows can be sorted by columns of this type; hub_column_numeric
// whether they compare as numbers.
bool hub_column_sorts(enum hub_column_type type);
bool hub_column_numeric(enum hub_column_type type);

// The words that stand for a state, an applied or a health number; NULL beyond the last one.
const char *hub_state_name(size_t i);
const char *hub_applied_word(size_t i);
const char *hub_health_word(size_t i);

const char *hub_state_condition(const char *state); // NULL: no such state
const char *hub_applied_name(int applied);          // "unknown" for one that we do not know
const char *hub_health_name(int health);
