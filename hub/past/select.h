// select: what of the fleet is meant, and when, as one word.
//
//     prod                       a cluster, or the clusters of a group, now
//     eu-017:checkout            an App there
//     :checkout                  an App everywhere;  ":" or "": all of it
//     prod@{2.hours.ago}         as it was then (hub/past/moment.h)
//     prod@{2026-10-01T12:00}:checkout   the time may stand before or behind the App
//     prod~5                     before the last five changes of what Git says
//     staging..prod              two of them, to be compared;  prod@{yesterday}.. : with now
//
// The form is that of git's revisions. Names of clusters, groups and Apps have none of : @ ~ in
// them, so there is nothing to quote.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct cm_arena;

#define HUB_SELECT_BACK_MAX 1000

struct hub_select {
    const char *target; // "" or NULL never: "" is all clusters
    const char *app;    // "": all
    bool timed;         // at_ms counts; else it is now
    int64_t at_ms;      // Unix
    uint32_t back;      // changes; 0: none
};

// hub_select_parse reads one; strings are the arena's. CM_EINVAL says what is wrong.
CM_MUSTUSE enum cm_rc hub_select_parse(struct cm_arena *a, const char *text, int64_t now_ms,
                                       struct hub_select *out, struct cm_err *err);

// hub_select_parse_range reads "A..B". What is left out on one side is the other's target and App,
// now. Without ".." it is one of them at its time, compared with now.
CM_MUSTUSE enum cm_rc hub_select_parse_range(struct cm_arena *a, const char *text, int64_t now_ms,
                                             struct hub_select *from, struct hub_select *to,
                                             struct cm_err *err);
