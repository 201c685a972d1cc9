// past_rebuild: makes the index of the past (hub/store/past.h) of lines (hub/past/line.h), with
// what was frozen when; and of decisions, verdicts, proven releases and events what the database
// lacks.
//
// The index is emptied first and made anew, in one transaction, which is the caller's. The other
// tables are records of their own: a line adds what is missing and sets what it tells, and takes
// nothing away. Texts there stay as they are, but for those that were purged (HUB_LINE_PURGED).
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "hub/past/line.h"

struct hub_db;

// Numbers of the events that an epoch of the repository has.
struct hub_past_epoch {
    uint64_t epoch;
    int64_t first;
    int64_t last;
};

struct hub_past_rebuild {
    struct hub_db *db;
    int64_t epoch;    // of the database
    int64_t restored; // number of the event that says when it was restored; 0: it was not
    uint64_t begun;   // epoch of the last `begin`
    uint64_t last_epoch;
    int64_t last_n;
    bool listing; // a `begin` was the last that had another number
    bool began;
    bool hidden;          // the last line was purged, so its number is not known
    int64_t kept_from_ms; // all is known since then; 0: since the first line ever
    size_t lines;         // that were taken
    size_t repeated;      // that were told before
    size_t purged;
    size_t lost;
    size_t unknown; // releases of which no line tells
    size_t events;  // that the database lacked
    struct hub_past_epoch *epochs;
    size_t epoch_count;
    int64_t clusters; // in the end
    int64_t values;
    int64_t rows;
};

// hub_past_rebuild_begin empties the index.
CM_MUSTUSE enum cm_rc hub_past_rebuild_begin(struct hub_past_rebuild *r, struct hub_db *db,
                                             struct cm_err *err);

// hub_past_rebuild_take takes the next line in. Before a `begin` or `base` nothing counts; a `base`
// to which lines are missing makes void what stands before it.
CM_MUSTUSE enum cm_rc hub_past_rebuild_take(struct hub_past_rebuild *r, const struct hub_line *line,
                                            struct cm_err *err);

// hub_past_rebuild_event_seen is told of all events first; then hub_past_rebuild_make_room moves
// what came with a restore behind what came between the backup and that, unless the repository has
// events from after it, whose numbers stay.
void hub_past_rebuild_event_seen(struct hub_past_rebuild *r, const struct hub_line_event *e);
CM_MUSTUSE enum cm_rc hub_past_rebuild_make_room(struct hub_past_rebuild *r, struct cm_err *err);

// hub_past_rebuild_event adds an event that the database lacks, and takes over a text that was
// purged.
CM_MUSTUSE enum cm_rc hub_past_rebuild_event(struct hub_past_rebuild *r,
                                             const struct hub_line_event *e, struct cm_err *err);

// hub_past_rebuild_end drops what is too old, as the hub does, and counts what is in the index.
CM_MUSTUSE enum cm_rc hub_past_rebuild_end(struct hub_past_rebuild *r, int64_t now_ms,
                                           struct cm_err *err);

void hub_past_rebuild_done(struct hub_past_rebuild *r);
