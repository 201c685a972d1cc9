// rows: lists of an answer, taken apart and put together.
//
// Rows move: they are out of the list that they come from.
//
// Threads: any, one arena each.
#pragma once

#include <stddef.h>

struct cm_arena;
struct cm_json;

// ctl_rows_reversed returns the rows in the other order.
struct cm_json *ctl_rows_reversed(struct cm_arena *a, const struct cm_json *rows);

// ctl_rows_first returns the first `count` rows.
struct cm_json *ctl_rows_first(struct cm_arena *a, const struct cm_json *rows, size_t count);

// ctl_rows_move appends all rows to another list.
void ctl_rows_move(struct cm_json *to, const struct cm_json *from);
