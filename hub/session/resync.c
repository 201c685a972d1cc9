// resync.c: how many agents at once report all that they know anew.
//
// After a restore the hub asks that of its whole fleet. A place is held from Welcome until the
// report has ended and is committed; who gets none waits for his Welcome in turn, and after a while
// is asked to come again later. An agent that is slow, or never ends, loses its place to those who
// wait, and is served on.
#include "common/clock.h"
#include "common/metrics.h"
#include "hub/session/internal.h"
#include "proto/holdfast.pb-c.h"

#define RESYNCS_MAX 1024
#define PLACE_MS 10000
#define WAIT_MS 8000 // less than an agent waits for Welcome
#define LOOK_MS 250

static void on_look(void *ctx);

void hub_resync_init(struct hub_sessions *s) {
    struct hub_resyncs *all = &s->resyncs;

    all->max = RESYNCS_MAX;
    all->look = (struct cm_timer){.run = on_look, .ctx = s};
    cm_list_init(&all->under_way);
    cm_list_init(&all->waiting);
    all->metric_under_way = cm_metrics_gauge(s->config.metrics, "holdfast_full_reports_under_way",
                                             NULL, "Agents that report everything anew.");
    all->metric_waiting = cm_metrics_gauge(s->config.metrics, "holdfast_full_reports_waiting", NULL,
                                           "Agents that wait until others have reported everything "
                                           "anew.");
}

static void show(const struct hub_resyncs *all) {
    cm_metric_set(all->metric_under_way, (int64_t)all->count);
    cm_metric_set(all->metric_waiting, (int64_t)all->waiting_count);
}

static struct hub_session *first(const struct cm_list *list) {
    return cm_list_empty(list) ? NULL : CM_CONTAINER(list->next, struct hub_session, in_resyncs);
}

static void take_place(struct hub_session *session) {
    struct hub_resyncs *all = &session->owner->resyncs;

    session->resync = HUB_RESYNC_UNDER_WAY;
    session->resync_ms = cm_clock_now_ms();
    all->count++;
    cm_list_append(&all->under_way, &session->in_resyncs);
}

static void take_out(struct hub_session *session) {
    struct hub_resyncs *all = &session->owner->resyncs;

    all->count -= session->resync == HUB_RESYNC_UNDER_WAY ? 1 : 0;
    all->waiting_count -= session->resync == HUB_RESYNC_WAITS ? 1 : 0;
    session->resync = HUB_RESYNC_NONE;
    cm_list_remove(&session->in_resyncs);
}

static void admit_next(struct hub_sessions *s) {
    struct hub_resyncs *all = &s->resyncs;
    struct hub_session *next;

    while (!s->stopping && all->count < all->max && (next = first(&all->waiting)) != NULL) {
        take_out(next);
        take_place(next);
        hub_session_serve(next, true);
    }
    show(all);
}

bool hub_resync_begin(struct hub_session *session) {
    struct hub_resyncs *all = &session->owner->resyncs;
    bool is_turn = all->count < all->max && all->waiting_count == 0;

    if (is_turn) {
        take_place(session);
    } else {
        session->resync = HUB_RESYNC_WAITS;
        session->resync_ms = cm_clock_now_ms();
        cm_list_append(&all->waiting, &session->in_resyncs);
        if (all->look.at == 0) { // else it would be put off by each that comes
            cm_timer_start(session->owner->config.loop, &all->look, LOOK_MS);
        }
        all->waiting_count++;
    }
    show(all);
    return is_turn;
}

void hub_resync_end(struct hub_session *session) {
    if (session->resync != HUB_RESYNC_NONE) {
        take_out(session);
        admit_next(session->owner);
    }
}

static bool is_older(const struct hub_session *session, int64_t ms) {
    return session != NULL && cm_clock_now_ms() - session->resync_ms >= ms;
}

// Places of those who take long go to those who wait; who waits for long comes again.
static void on_look(void *ctx) {
    struct hub_sessions *s = ctx;
    struct hub_resyncs *all = &s->resyncs;
    int64_t wait_ms = WAIT_MS < s->config.heartbeat_ms ? WAIT_MS : s->config.heartbeat_ms;

    while (is_older(first(&all->under_way), PLACE_MS)) {
        take_out(first(&all->under_way));
    }
    admit_next(s);
    while (is_older(first(&all->waiting), wait_ms)) {
        struct hub_session *session = first(&all->waiting);

        take_out(session);
        hub_session_goodbye(session, HOLDFAST__V1__GOODBYE__REASON__OVERLOADED,
                            "many agents report everything anew; try again");
    }
    show(all);
    if (all->waiting_count > 0) {
        cm_timer_start(s->config.loop, &all->look, LOOK_MS);
    }
}
