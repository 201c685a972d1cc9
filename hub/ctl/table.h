// table: rows under titles, as wide as the terminal allows.
//
// On a terminal a table fits: columns that may be missing are left out from the right, then the
// widest are made narrower, names elided in their middle, the last column cut. Without a terminal,
// and with -o wide, nothing is left out of what is asked for.
//
// Threads: one.
#pragma once

#include <stddef.h>

struct cm_arena;
struct cm_json;
struct ctl;
struct ctl_table;

enum ctl_column_type {
    CTL_TEXT,
    CTL_NUMBER,  // right-aligned
    CTL_YES,     // "yes" or "no"
    CTL_SHORT,   // a hash, its first 8 digits
    CTL_AGE,     // milliseconds since 1970 as "3m" ago; "-" for 0
    CTL_LABELS,  // an object as "a=b,c=d"
    CTL_COUNT,   // number of elements of an array
    CTL_LIST,    // an array of texts as "a,b"
    CTL_TIME,    // milliseconds since 1970 as hh:mm:ss of today, else with its date
    CTL_READY,   // "37/40" of two members: "healthy clusters"
    CTL_PLACE,   // "4:9" of two members: "line column"; "" for a file as a whole
    CTL_STATE,   // a word such as "healthy"
    CTL_CURRENT, // "yes", "no" or, where the row is stale, "stale"
};

enum ctl_column_when {
    CTL_ALWAYS,
    CTL_IF_ROOM, // left out where the terminal is narrow, the last one first
    CTL_IF_WIDE, // with -o wide only
};

// A row with "connected": false tells what was so when its cluster was last heard of; CTL_READY and
// CTL_STATE then stand in brackets: what is not known now must not look well.
struct ctl_column {
    const char *title;
    const char *member;
    enum ctl_column_type type;
    enum ctl_column_when when;
};

// ctl_table_new makes a table of these columns, at most 24, in the ctl's arena.
struct ctl_table *ctl_table_new(struct ctl *c, const struct ctl_column *columns, size_t count);

// ctl_table_use lets later rows be put together in another arena, for tables that go on for hours.
void ctl_table_use(struct ctl_table *t, struct cm_arena *arena);

// ctl_table_print prints rows; titles stand above the first ones, unless --no-headers says
// otherwise. Later rows keep the widths of the first.
void ctl_table_print(struct ctl_table *t, const struct cm_json *items);

// ctl_cell_text returns what stands in one cell.
const char *ctl_cell_text(struct cm_arena *a, const struct cm_json *row,
                          const struct ctl_column *column);

// ctl_terminal_width tells how many columns standard output has, ctl_terminal_height how many
// lines; 0 if it is no terminal.
size_t ctl_terminal_width(void);
size_t ctl_terminal_height(void);

#define CTL_AGE_MAX 32

// ctl_age writes how long ago a Unix time is: "12s", "5m", "3h", "8d".
const char *ctl_age(long long unix_ms, char out[CTL_AGE_MAX]);
