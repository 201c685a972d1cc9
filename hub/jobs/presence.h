// presence: who is connected goes into the database, and coming and going become events.
//
// When a connected agent was heard last is in its session's memory, and is written for all of them
// together now and then: a heartbeat costs no write.
//
// Threads: the loop; nothing waits.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "hub/store/status.h"

struct hub_store;

typedef void (*hub_presence_fn)(void *ctx, const struct cm_err *err,
                                const struct hub_report_mark *last);

// hub_presence_connected keeps the row and answers with the last report that was committed.
void hub_presence_connected(struct hub_store *store, const struct hub_presence_row *row,
                            hub_presence_fn done, void *ctx);

// hub_presence_disconnected needs no answer; what fails is logged. seen_ms: heard last, Unix time.
void hub_presence_disconnected(struct hub_store *store, const char *cluster, int64_t seen_ms,
                               const char *why);

// hub_presence_trust keeps that an agent believes a set of roots; likewise.
void hub_presence_trust(struct hub_store *store, const char *cluster, uint64_t version);

// hub_presence_tell adds an event of this kind (a literal) about an agent; likewise.
void hub_presence_tell(struct hub_store *store, const char *cluster, const char *kind,
                       const char *words);

// hub_presence_too_old tells that an agent cannot be given what is in force, and why; likewise.
void hub_presence_too_old(struct hub_store *store, const char *cluster, const char *app,
                          const char *why);

struct hub_presence_beat {
    const char *cluster;
    int64_t seen_ms;
};

// hub_presence_seen_all writes these in one step; copied. What fails is logged.
void hub_presence_seen_all(struct hub_store *store, const struct hub_presence_beat *beats,
                           size_t count);
