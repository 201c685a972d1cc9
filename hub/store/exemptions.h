// exemptions: what was told of changes by hand that are allowed for a time.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdint.h>

#include "common/err.h"

struct hub_db;

// One whose time is over and whose file is still there.
struct hub_exemption_over {
    const char *name;
    const char *app;
    const char *repo;
    const char *path;
    int64_t until_ms;
};

// hub_exemptions_look makes an event of each that began, ends soon (the last quarter of its time, a
// day at most), or ended, since it was looked for last, and visits all whose time is over.
CM_MUSTUSE enum cm_rc hub_exemptions_look(struct hub_db *db, int64_t now_ms,
                                          void (*over)(void *ctx,
                                                       const struct hub_exemption_over *e),
                                          void *ctx, struct cm_err *err);
