// pulls: the pull requests that the hub opened, and what became of them.
//
// The one of a branch that is open is what the hub goes on with; those that have ended stay for a
// while, so that people can see what became of them.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdint.h>

#include "common/err.h"

struct hub_db;

// States: "open", "merged", "closed".
struct hub_pull_row {
    const char *repository;
    const char *branch;
    int64_t number; // as its provider counts
    const char *app;
    const char *title;
    const char *url;
    const char *state;
    const char *head;    // the commit that the hub pushed last
    const char *content; // names what that commit changes
    int64_t at_ms;       // when it was opened, or ended
};

// hub_pulls_put puts one on record, or what it is now.
CM_MUSTUSE enum cm_rc hub_pulls_put(struct hub_db *db, const struct hub_pull_row *row,
                                    struct cm_err *err);

// hub_pulls_each_open visits those that are open; `at_ms` is 0 there.
CM_MUSTUSE enum cm_rc hub_pulls_each_open(struct hub_db *db,
                                          void (*visit)(void *ctx, const struct hub_pull_row *row),
                                          void *ctx, struct cm_err *err);
