// watch: how every object and every App is, told to the hub when it changes.
//
// The driver's observations and apply's outcomes come together here, one record per object and one
// per App. What changed since it was last told is dirty; dirty records go out as Reports: the first
// change after a quiet time at once (that Apps are being applied a moment later, unless they are
// applied by then), what follows soon after, with pauses that grow to the report interval while
// changes go on, and that the last App is applied, or well, soon again; at most 500 records in one.
// A record remembers the number of the report that told it; what the hub has not acknowledged when
// the connection breaks is dirty again. So nothing is queued: a report tells state, not history.
// Only while there is no hub what it would have made history of goes into the cache's journal
// (journal.c), which is told before any report. So is what controllers decided about releases
// (decide.c); an App of which one was rejected is held back.
//
// Drift (and absence) of an App with `drift: correct` is put right by applying the object again, at
// once the first time, then with growing pauses while somebody else keeps at it, and after a few
// times no more (correct.c). So is what the driver says to be due, whatever the App says of drift.
//
// The functions that take void *watch fit into struct agent_apply_host and struct
// agent_driver_host.
//
// Threads: the loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/apply/apply.h"
#include "agent/driver.h"

struct agent_cache;
struct agent_watch;
struct cm_buf;
struct cm_loop;

struct agent_watch_host {
    // send hands a packed Report to the connection; false: not now (agent_watch_can_send follows).
    bool (*send)(void *ctx, struct cm_buf *report);
    // tell does the same with a packed Journal.
    bool (*tell)(void *ctx, struct cm_buf *journal);
    // decide does the same with packed Decisions.
    bool (*decide)(void *ctx, struct cm_buf *decisions);
    // held: other Apps are held back now (agent/cache); it is on disk, or on its way there.
    void (*held)(void *ctx);
    const char *(*cluster_id)(void *ctx); // as the hub knows it
    // author is the driver's; NULL: it never tells.
    const char *(*author)(void *ctx, const char *key, const char *name, int64_t at_ms, bool *never);
    int64_t author_wait_ms; // for what it says of a decision that was just made
    // good is the driver's; NULL: it never tells.
    void (*good)(void *ctx, const struct agent_proof_ask *what, agent_good_fn done, void *done_ctx);
    void *ctx;
};

struct agent_watch *agent_watch_new(struct cm_loop *loop, struct agent_cache *cache,
                                    int64_t report_interval_ms,
                                    const struct agent_watch_host *host);
void agent_watch_free(struct agent_watch *w); // NULL is fine

// agent_watch_start knows the inventory; `apply` is asked for what is desired and for corrections.
// Before it only what is said of Apps is told, and nothing in full.
void agent_watch_start(struct agent_watch *w, struct agent_apply *apply);
// agent_watch_survey, before that: a survey goes on (agent/apply/found.h). Until
// agent_watch_surveyed, and until all that was found was seen, nothing is told in full; for half a
// minute at most before that, and as long after it, no report is, for all of it would soon be
// told once more.
void agent_watch_survey(struct agent_watch *w);
void agent_watch_surveyed(struct agent_watch *w);
// agent_watch_last writes down what is gathered still, and what came and went and was not
// acknowledged, before the program ends in good order.
void agent_watch_last(struct agent_watch *w);
void agent_watch_shut(struct agent_watch *w); // tells and corrects nothing more

// From the connection. A connection that begins makes everything dirty that was told after `acked`;
// with `full` the hub wants all there is. If it takes the journal it gets that first; if it knows
// which report told an entry already, what came and went since the last report that it acknowledged
// is kept for the journal, too.
void agent_watch_connected(struct agent_watch *w, bool full, bool takes_journal, bool knows_reports,
                           bool takes_decisions);
// agent_watch_actual says, before that, whether the hub takes whole objects as they are: then their
// values are named by this key of 32 bytes, from then on, also after a restart; NULL: it does not.
void agent_watch_actual(struct agent_watch *w, const uint8_t *value_key);
void agent_watch_disconnected(struct agent_watch *w);
void agent_watch_acked(struct agent_watch *w, const char *run, uint64_t number);
void agent_watch_journal_acked(struct agent_watch *w, const char *run, uint64_t number);
void agent_watch_decisions_acked(struct agent_watch *w, const char *run, uint64_t number);
void agent_watch_can_send(struct agent_watch *w);

// From the driver.
void agent_watch_observed(void *watch, const struct agent_observation *what);
void agent_watch_reachable(void *watch, bool yes, const struct cm_err *why);
void agent_watch_released(void *watch, const char *key, const char *token, bool promoted);
void agent_watch_decided(void *watch, const struct agent_decision *what);
void agent_watch_scaled(void *watch, const struct agent_scaled *what);
void agent_watch_digests(void *watch, const struct agent_digests *what);

// From apply.
void agent_watch_app_state(void *watch, const struct agent_app_state *state);
void agent_watch_app_removed(void *watch, const struct agent_app_removed *what);
void agent_watch_written(void *watch, const char *app, const char *key,
                         const struct agent_applied *result);
void agent_watch_applied(void *watch, const struct agent_item *item);
void agent_watch_listed(void *watch, const char *app, const char *key);
void agent_watch_failed(void *watch, const char *app, const char *key, const char *why);
void agent_watch_removed(void *watch, const char *app, const char *key);
void agent_watch_left(void *watch, const char *app, const char *key, const char *why);
enum agent_health agent_watch_health(void *watch, const char *key);
const char *agent_watch_why(void *watch, const char *key);
enum agent_health agent_watch_app_health(void *watch, const char *app);
// agent_watch_app_why says why an App is not healthy: its worst object, the first by key, in its
// words. NULL if it is healthy or nobody knows; the caller frees it.
char *agent_watch_app_why(void *watch, const char *app);
bool agent_watch_app_late(void *watch, const char *app);
bool agent_watch_wrong(void *watch, const char *key);
void agent_watch_afresh(void *watch, const char *app);
void agent_watch_refrozen(void *watch);

struct agent_watch_counts {
    size_t apps;
    size_t apps_applied;
    size_t apps_healthy;
    size_t objects;
    size_t drifted;
    size_t dirty; // records that were not told yet
    bool unacked; // reports that were not acknowledged yet
};
void agent_watch_counts_get(const struct agent_watch *w, struct agent_watch_counts *out);
