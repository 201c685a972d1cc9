// presence: who is connected goes into the database, and coming and going become events.
//
// Threads: the loop; nothing waits.
#pragma once

#include <stdint.h>

#include "common/err.h"
#include "hub/store/status.h"

struct hub_store;

typedef void (*hub_presence_fn)(void *ctx, const struct cm_err *err,
                                const struct hub_report_mark *last);

// hub_presence_connected keeps the row and answers with the last report that was committed.
void hub_presence_connected(struct hub_store *store, const struct hub_presence_row *row,
                            hub_presence_fn done, void *ctx);

// hub_presence_disconnected needs no answer; what fails is logged.
void hub_presence_disconnected(struct hub_store *store, const char *cluster, const char *why);
