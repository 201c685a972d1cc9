// breaker: a stream of releases that are rejected freezes their App on what ran before.
//
//     decisions ── look ──▶ store: what was kept out within an hour ──▶ hub/hold/stream.h: too
//     much?
//                               ▲   not landed yet                          │
//                               └───────────────────────────────────────────┤
//                                                       landed, or 30 s on  ▼
//                                                          hub_freezer_start (hub/jobs/freezer.h)
//
// Somebody, or something, pushes one bad release after the other: each is kept out by a Hold, but
// each began, too. Who rejects more than so many of an App within an hour gets no more of it until
// somebody has looked, or the freeze's time is over. It waits, for a moment, until what runs
// instead is applied: a freeze before that would keep a workload half way. Where holdfast goes back
// itself (hub/jobs/rollback.h) nothing runs instead before Git says so, so it counts from then on.
//
// What counts is on record with the decisions, and what froze an App with the freeze, so a restart
// changes nothing; and what froze it once does not do so again.
//
// Threads: the loop.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct cm_loop;
struct cm_metrics;
struct hub_breaker;
struct hub_freezer;
struct hub_store;

struct hub_breaker_config {
    struct cm_loop *loop;
    struct hub_store *store;
    struct cm_metrics *metrics;
    struct hub_freezer *freezer;
    int64_t most;      // releases of an App that a cluster may reject within an hour; 0: it is off
    int64_t freeze_ms; // how long; 0: until somebody ends it
};

// hub_breaker_new copies the configuration; what that points to is borrowed.
struct hub_breaker *hub_breaker_new(const struct hub_breaker_config *config);

// hub_breaker_look looks soon: something was rejected, or the hub was started.
void hub_breaker_look(struct hub_breaker *b);

// hub_breaker_stop begins nothing more; free it when the store has stopped.
void hub_breaker_stop(struct hub_breaker *b);
void hub_breaker_free(struct hub_breaker *b); // NULL is fine
