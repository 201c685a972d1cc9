// past_lines: which lines (hub/past/line.h) of what the index of the past took in are not in the
// state repository yet.
//
// They are added in the transaction that changes the index: by triggers, and of changes by
// hub_past_note. A number, which never comes twice, is a line's `n`; who has committed all up to a
// number removes these and misses nothing. Lines are kept only once somebody wants them; whoever
// wants them from then on is told all that is known first (hub_past_lines_list), for what came
// before is nowhere else.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "hub/past/line.h"

struct hub_db;
struct hub_past_change;

enum hub_past_lines {
    HUB_PAST_LINES_OFF,  // none are kept
    HUB_PAST_LINES_DUE,  // they are, and what was before is to be told
    HUB_PAST_LINES_KEPT, // they are, and all before was told
};

struct hub_past_lines_look {
    enum hub_past_lines state;
    int64_t first; // number of the first that is kept, last + 1 if none is
    int64_t last;  // of the last that there ever was
};
CM_MUSTUSE enum cm_rc hub_past_lines_look(struct hub_db *db, struct hub_past_lines_look *out,
                                          struct cm_err *err);

// hub_past_lines_want keeps them from now on, or drops them and keeps none.
CM_MUSTUSE enum cm_rc hub_past_lines_want(struct hub_db *db, bool wanted, struct cm_err *err);

// hub_past_lines_written says that all up to this number is committed, and, if `listed`, all that
// was before.
CM_MUSTUSE enum cm_rc hub_past_lines_written(struct hub_db *db, int64_t last, bool listed,
                                             struct cm_err *err);

// hub_past_lines_set changes what is kept, as part of a transaction in which the index is made
// anew.
CM_MUSTUSE enum cm_rc hub_past_lines_set(struct hub_db *db, enum hub_past_lines state,
                                         struct cm_err *err);

// hub_past_lines_restored notes that lines from now on are of another epoch;
// hub_past_lines_before gives the number of the last line that was of an epoch, or of one before
// it. It is INT64_MAX if no later one is known.
CM_MUSTUSE enum cm_rc hub_past_lines_restored(struct hub_db *db, uint64_t epoch,
                                              struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_past_lines_before(struct hub_db *db, uint64_t epoch, int64_t *out,
                                            struct cm_err *err);

// hub_past_lines_change adds the line of a change, if lines are kept.
CM_MUSTUSE enum cm_rc hub_past_lines_change(struct hub_db *db, const struct hub_past_change *change,
                                            struct cm_err *err);

// Who is told of lines, which are his until he returns. `n` is 0 of what is listed. A visit that
// fails ends it.
struct hub_past_lines_visitor {
    enum cm_rc (*visit)(void *ctx, struct hub_line *line, struct cm_err *err);
    void *ctx;
};

// hub_past_lines_each visits the lines after a number, in their order. What is no line is one that
// is lost.
CM_MUSTUSE enum cm_rc hub_past_lines_each(struct hub_db *db, int64_t after, size_t most,
                                          const struct hub_past_lines_visitor *to,
                                          struct cm_err *err);

// hub_past_lines_base visits lines that tell how all is now, and nothing of how it came.
CM_MUSTUSE enum cm_rc
hub_past_lines_base(struct hub_db *db, const struct hub_past_lines_visitor *to, struct cm_err *err);

// hub_past_lines_list visits lines that make the index as it is.
CM_MUSTUSE enum cm_rc
hub_past_lines_list(struct hub_db *db, const struct hub_past_lines_visitor *to, struct cm_err *err);
