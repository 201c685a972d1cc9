// freeze_rig: a freezer with a store in memory and a writer whose repository was fetched; time
// stands still unless it is moved.
//
// Threads: one, and those of what it starts.
#pragma once

#include "desk.h"
#include "tests/unit/hub/repo/scratch.h"

#include "hub/config/config.h"
#include "hub/jobs/freezer.h"

#define FREEZE_NOW_MS INT64_C(1790856000000)

struct freeze_rig {
    struct scratch *scratch;
    struct desk *desk;
    struct cm_metrics *metrics;
    struct cm_metrics *own;           // the freezer's
    struct hub_repository repository; // `write` may be set anew
    struct hub_repositories repositories;
    char *url;
    char *mirror;
    struct hub_writer *writer;
    struct hub_freezer *freezer;
    bool stopped;
    size_t changes; // that were told
    char last[256]; // the name of the last freeze of these
    // Of the last answer:
    size_t answers;
    struct cm_err err;
    size_t clusters;
    bool writes;
    char name[256];
    char text[1024];
};

int freeze_rig_open(void **state);
int freeze_rig_close(void **state);

// freeze_rig_restart makes the freezer anew from what is on record.
void freeze_rig_restart(struct freeze_rig *r);

// freeze_rig_start freezes all, or what a row says, and expects a result. freeze_rig_end likewise.
struct hub_freeze_row freeze_rig_row(void);
void freeze_rig_start(struct freeze_rig *r, const struct hub_freeze_row *row, bool dry_run,
                      enum cm_rc expected);
void freeze_rig_end(struct freeze_rig *r, const char *name, bool dry_run, enum cm_rc expected);

// freeze_rig_answer takes an answer; freeze_rig_wait waits for one after so many.
void freeze_rig_answer(void *ctx, const struct cm_err *err, const struct hub_frozen *frozen);
void freeze_rig_wait(struct freeze_rig *r, size_t answers, enum cm_rc expected);

// freeze_rig_until turns the loop until a query gives a number.
void freeze_rig_until(struct freeze_rig *r, const char *sql, int64_t wanted);

// freeze_rig_pass lets time pass.
void freeze_rig_pass(struct freeze_rig *r, int64_t ms);
