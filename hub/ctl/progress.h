// progress: how far the fleet is with what Git says, or with one commit.
//
// Threads: one; asks the hub.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct cm_json;
struct ctl;

enum ctl_stage { CTL_RENDERED, CTL_DELIVERED, CTL_APPLIED, CTL_HEALTHY, CTL_STAGES };

struct ctl_progress {
    int64_t pairs; // an App on a cluster each
    int64_t counts[CTL_STAGES];
    int64_t failed;
    int64_t degraded;
    int64_t offline;
    int64_t problems; // that the revision brought; without one, all of what is asked for
    bool resolved;
    const char *first_failure; // NULL: none
    const char *first_problem;
    const struct cm_json *answer; // of the API
};

// ctl_progress_look asks how far what the options name is: --revision, --app, --cluster, --group,
// -l. `revision` stands for --revision.
CM_MUSTUSE enum cm_rc ctl_progress_look(struct ctl *c, const char *revision,
                                        struct ctl_progress *out);

// ctl_progress_bars prints a bar for each stage, as wide as the terminal allows; `before` stands
// at the beginning of each line.
void ctl_progress_bars(const struct ctl_progress *p, const char *before);

// ctl_progress_line prints all of it in one line. Either says how many are not connected.
void ctl_progress_line(const struct ctl_progress *p, int64_t since_ms);

// ctl_progress_missing returns "37 of 400 are not healthy, 3 failed or degraded, 2 not connected".
const char *ctl_progress_missing(struct ctl *c, const struct ctl_progress *p, enum ctl_stage goal);

const char *ctl_stage_name(enum ctl_stage stage);
