// inbox.c: what agents report and the store has not committed is held unpacked, which takes many
// times the bytes of a frame. What all of them hold together is bounded here.
//
// Whose report finds no room waits, and nobody else for it: the frame stays with its connection, on
// which nothing more is read, and is handed over again when there is room. Who waits longest is
// next. One agent may hold a share only, but for a single report, so that few cannot fill it.
#include "common/mem.h"
#include "common/metrics.h"
#include "hub/session/internal.h"

#define INBOX_BYTES ((size_t)64 << 20)
#define INBOX_SHARE ((size_t)8 << 20)

void hub_inbox_init(struct hub_sessions *s) {
    s->inbox.limit = INBOX_BYTES;
    s->inbox.share = INBOX_SHARE;
    cm_list_init(&s->inbox.waiting);
    s->inbox.metric_bytes = cm_metrics_gauge(s->config.metrics, "holdfast_reports_pending_bytes",
                                             NULL, "Memory of reports that are not committed yet.");
    s->inbox.metric_delayed =
        cm_metrics_counter(s->config.metrics, "holdfast_reports_delayed_total", NULL,
                           "Reports that waited until others were committed.");
}

static bool has_share(const struct hub_session *session, size_t bytes) {
    return session->held_bytes == 0 || session->held_bytes + bytes <= session->owner->inbox.share;
}

// What is larger than all there is gets in alone.
static bool has_room(const struct hub_inbox *in, size_t bytes) {
    return in->bytes == 0 || in->bytes + bytes <= in->limit;
}

static void add(struct hub_session *session, size_t bytes) {
    struct hub_inbox *in = &session->owner->inbox;

    in->bytes += bytes;
    session->held_bytes += bytes;
    cm_metric_set(in->metric_bytes, (int64_t)in->bytes);
}

static void sub(struct hub_session *session, size_t bytes) {
    struct hub_inbox *in = &session->owner->inbox;

    in->bytes -= bytes;
    session->held_bytes -= bytes;
    cm_metric_set(in->metric_bytes, (int64_t)in->bytes);
}

// Keeps room for the report of one that waited, and has it handed over again.
static void admit(struct hub_session *session) {
    session->kept_bytes = session->wanted_bytes;
    session->wanted_bytes = 0;
    add(session, session->kept_bytes);
    cm_net_resume(session->conn);
}

// Who waits for room of his own only is in no list: he is looked at when he gives some back.
static void try_own(struct hub_session *session) {
    struct hub_inbox *in = &session->owner->inbox;

    if (session->wanted_bytes == 0 || !cm_list_empty(&session->in_inbox) ||
        !has_share(session, session->wanted_bytes)) {
        return;
    }
    if (cm_list_empty(&in->waiting) && has_room(in, session->wanted_bytes)) {
        admit(session);
    } else {
        cm_list_append(&in->waiting, &session->in_inbox);
    }
}

static void admit_next(struct hub_inbox *in) {
    while (!cm_list_empty(&in->waiting)) {
        struct hub_session *session = CM_CONTAINER(in->waiting.next, struct hub_session, in_inbox);

        if (!has_room(in, session->wanted_bytes)) {
            return;
        }
        cm_list_remove(&session->in_inbox);
        admit(session);
    }
}

bool hub_inbox_take(struct hub_session *session, size_t bytes) {
    struct hub_inbox *in = &session->owner->inbox;

    if (session->kept_bytes > 0) { // it waited
        session->kept_bytes = 0;
        return true;
    }
    bool own = has_share(session, bytes);
    if (own && cm_list_empty(&in->waiting) && has_room(in, bytes)) {
        add(session, bytes);
        return true;
    }
    session->wanted_bytes = bytes;
    if (own) {
        cm_list_append(&in->waiting, &session->in_inbox);
    }
    cm_metric_add(in->metric_delayed, 1);
    cm_net_pause(session->conn);
    return false;
}

void hub_inbox_give(struct hub_session *session, size_t bytes) {
    sub(session, bytes);
    try_own(session);
    admit_next(&session->owner->inbox);
}

void hub_inbox_leave(struct hub_session *session) {
    size_t kept = session->kept_bytes;

    session->kept_bytes = 0;
    session->wanted_bytes = 0;
    cm_list_remove(&session->in_inbox);
    if (kept > 0) {
        hub_inbox_give(session, kept);
    } else {
        admit_next(&session->owner->inbox);
    }
}
