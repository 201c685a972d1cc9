// events: who did what and why, in order, append-only.
//
// Kinds (stable words): sync.resolved, sync.failed, sync.recovered, app.applied, app.failed,
// app.recovered, app.degraded, app.healthy, app.removed, app.scaled, app.claimed, drift.found,
// drift.cleared, drift.fight, object.adopted, object.recreated, field.taken, release.started,
// release.weight, release.promoted, release.rejected, release.failed_forward, release.timed_out,
// release.undone, release.restarted, release.waiting, release.held, release.not_held,
// release.rollback, hold.started, hold.retried, hold.void, hold.ended, ban.started, ban.ended,
// freeze.started, freeze.ended, exemption.started, exemption.ending, exemption.ended,
// site.exempted, site.refused, site.ended, agent.enrolled, agent.connected, agent.disconnected,
// agent.upgraded, agent.too_old, agent.revoked, agent.refused, agent.returned, agent.silent,
// agent.disk_outdated, agent.ahead, agent.protocol, agent.trusts, problem.found, problem.cleared,
// api.changed, write.done, write.failed, write.impossible, write.breaker, pull-request.opened,
// pull-request.merged, pull-request.closed, journal.gap, hub.restored, hub.rotated, state.failed,
// state.recovered, state.unpushed, state.pushed.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct hub_db;

// In the table `meta`: up to which number events were removed, though not all of them.
#define HUB_EVENTS_TRIMMED "events_trimmed"

// Strings may be NULL, which is the same as "".
struct hub_event {
    int64_t at_ms;       // Unix time at which it became known
    int64_t happened_ms; // when it happened by the agent's clock, if that was earlier; else 0
    const char *kind;
    const char *cluster;
    const char *app;
    const char *key;      // of an object
    const char *revision; // why: the commit
    const char *actor;    // who: a field manager, a Git author, an API token's name, "agent", "hub"
    const char *message;  // what, for people
};

CM_MUSTUSE enum cm_rc hub_events_add(struct hub_db *db, const struct hub_event *event,
                                     struct cm_err *err);

// hub_events_marks tells where the table is.
struct hub_event_marks {
    int64_t newest;    // number; 0: there is none
    int64_t restored;  // number of the newest event hub.restored; 0: there is none
    int64_t trimmed;   // up to which number some were removed; 0: none was
    int64_t oldest_ms; // when the oldest became known
};
CM_MUSTUSE enum cm_rc hub_events_marks(struct hub_db *db, struct hub_event_marks *out,
                                       struct cm_err *err);

// hub_events_each_after visits events after a number, in their order, until a visit fails.
CM_MUSTUSE enum cm_rc hub_events_each_after(struct hub_db *db, int64_t after, size_t most,
                                            enum cm_rc (*visit)(void *ctx, int64_t number,
                                                                const struct hub_event *event,
                                                                struct cm_err *err),
                                            void *ctx, struct cm_err *err);

// hub_events_last_ms tells when the newest event of a kind about a cluster became known; 0: there
// is none.
CM_MUSTUSE enum cm_rc hub_events_last_ms(struct hub_db *db, const char *cluster, const char *kind,
                                         int64_t *out, struct cm_err *err);

// hub_events_trim keeps what the log of the past tells (hub/store/past_log_events.c) from
// `before_ms` (Unix) on, of a cluster the newest ten thousand at most: it is on record if that was
// not all. Of the rest it keeps the newest `keep` of what agents can make happen, and as many of
// all else, so that no agent can wipe out who changed what. While agents' are too many, one
// cluster's are half of them at most: it cannot wipe out what is known of others either. What was
// scaled is a quarter at most, of which the same is true; it is on record if that was not all.
#define HUB_EVENTS_TOLD 10000
CM_MUSTUSE enum cm_rc hub_events_trim(struct hub_db *db, int64_t keep, int64_t before_ms,
                                      struct cm_err *err);
