// print: tables, JSON, YAML and names, by -o.
//
// Threads: one.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct cm_arena;
struct cm_json;
struct ctl;

enum ctl_column_type {
    CTL_TEXT,
    CTL_NUMBER, // right-aligned
    CTL_YES,    // "yes" or "no"
    CTL_SHORT,  // a hash, its first 8 digits
    CTL_AGE,    // milliseconds since 1970 as "3m" ago; "-" for 0
    CTL_LABELS, // an object as "a=b,c=d"
    CTL_COUNT,  // number of elements of an array
    CTL_TIME,   // milliseconds since 1970 as hh:mm:ss of today, else with its date
};

struct ctl_column {
    const char *title;
    const char *member;
    enum ctl_column_type type;
};

// ctl_print_list prints an array of objects as -o says. `name_member` is what -o name prints: one
// member, or several joined by '/', separated by spaces in the string.
CM_MUSTUSE enum cm_rc ctl_print_list(struct ctl *c, const struct cm_json *items,
                                     const struct ctl_column *columns, size_t count,
                                     const char *name_member);

// ctl_print_value prints one tree: YAML for -o yaml, else JSON.
CM_MUSTUSE enum cm_rc ctl_print_value(struct ctl *c, const struct cm_json *value);

// ctl_output_is tells whether -o was given this word; ctl_output_check refuses unknown ones.
bool ctl_output_is(const struct ctl *c, const char *word);
CM_MUSTUSE enum cm_rc ctl_output_check(struct ctl *c);

// Escape sequences, "" unless the output is a terminal and NO_COLOR is not set.
const char *ctl_red(void);
const char *ctl_green(void);
const char *ctl_bold(void);
const char *ctl_dim(void);
const char *ctl_plain(void);
bool ctl_is_terminal(void);

#define CTL_AGE_MAX 32

// ctl_age writes how long ago a Unix time is: "12s", "5m", "3h", "8d".
const char *ctl_age(long long unix_ms, char out[CTL_AGE_MAX]);

// ctl_one_line returns a text whose control characters became spaces: what somebody wrote into a
// cluster must neither break a table nor steer the terminal.
const char *ctl_one_line(struct cm_arena *a, const char *text);
