// report_work: what a report does to the database, for those who commit one: report.c, journal.c.
//
// Threads: the store's.
#pragma once

#include "hub/jobs/report.h"

struct hub_db;

struct report_work {
    struct cm_arena *arena;
    const Holdfast__V1__Report *report;
    const char *cluster;
    struct hub_publication *in_force; // NULL: not known
    const char **removed;             // room for all its Apps
    struct hub_report_result result;
    size_t drift_room;   // how many more differences may be kept
    size_t drift_events; // that were found; of these become events
    size_t drift_events_max;
    size_t besides; // what applies did besides; of these as many become events
    int64_t now_ms;
    int64_t journal_ms;  // when all that it tells happened; 0: each says it itself
    int64_t happened_ms; // what is looked at now, if it was told late; else 0
};

// hub_report_put writes what a report says, and events for what is different now.
CM_MUSTUSE enum cm_rc hub_report_put(struct report_work *r, struct hub_db *db, struct cm_err *err);

// hub_report_tell_rest says how much became no event.
CM_MUSTUSE enum cm_rc hub_report_tell_rest(struct report_work *r, struct hub_db *db,
                                           struct cm_err *err);
