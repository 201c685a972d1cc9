// greet.c: connections that have proved an agent's key and have not said Hello.
//
// Until then they change nothing but which key counts as in use (keys.c): whoever is connected as
// that agent stays, so a copy of the key that keeps silent does no harm, and is seen. An identity
// has a few of them at most, whatever addresses they come from: a fleet may be behind one router,
// so addresses are not counted. Who says nothing is closed when its time for the first message is
// over.
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "hub/jobs/presence.h"
#include "hub/session/internal.h"

#define GREETERS_MAX 4 // of one identity at a time
#define SILENT_MAX 3   // within this time are told; one or two are lost on a bad network
#define SILENT_WITHIN_MS ((int64_t)10 * 60 * 1000)
#define TELL_AGAIN_MS ((int64_t)60 * 60 * 1000)

void hub_greet_make_metrics(struct hub_sessions *s) {
    s->metric_silent =
        cm_metrics_counter(s->config.metrics, "holdfast_agents_silent_total", NULL,
                           "Connections with an agent's key that ended before they said anything.");
}

static void tell(const struct hub_session *session, struct hub_member *member, int64_t now_ms) {
    const char *address = cm_net_conn_addr(session->conn);
    CM_AUTOFREE char *why = cm_strf(
        "%u connections with this agent's key said nothing, the last from %s%s; if that is "
        "not the agent's machine, somebody has its key: 'holdfast revoke' it",
        member->silent, address, member->session == NULL ? "" : ", while the agent was connected");

    cm_log(CM_LOG_WARN, "agent.silent", why, "cluster", member->cluster, "address", address, NULL);
    hub_presence_tell(session->owner->config.store, member->cluster, "agent.silent", why);
    member->silent_told_ms = now_ms;
}

static void count_silent(const struct hub_session *session, struct hub_member *member) {
    int64_t now_ms = cm_clock_now_ms();

    cm_metric_add(session->owner->metric_silent, 1);
    if (member->silent == 0 || now_ms - member->silent_since_ms > SILENT_WITHIN_MS) {
        member->silent = 0;
        member->silent_since_ms = now_ms;
    }
    member->silent++;
    bool told = member->silent_told_ms != 0 && now_ms - member->silent_told_ms < TELL_AGAIN_MS;
    if (member->silent >= SILENT_MAX && !told) {
        tell(session, member, now_ms);
    }
}

static struct hub_session *oldest(const struct hub_member *member) {
    return CM_CONTAINER(member->greeting.next, struct hub_session, in_greeting);
}

static void leave(struct hub_session *session) {
    cm_list_remove(&session->in_greeting);
    session->member->greeters--;
}

static void make_room(struct hub_member *member) {
    struct hub_session *session = oldest(member);

    hub_greet_lost(session);
    hub_session_part(session);
    cm_net_close(session->conn, false, "too many connections of this agent that say nothing");
}

void hub_greet_begin(struct hub_session *session) {
    struct hub_member *member = session->member;

    if (member->greeters == GREETERS_MAX) {
        make_room(member);
    }
    cm_list_append(&member->greeting, &session->in_greeting);
    member->greeters++;
}

void hub_greet_heard(struct hub_session *session) {
    leave(session);
}

void hub_greet_lost(struct hub_session *session) {
    if (cm_list_empty(&session->in_greeting)) {
        return; // it has the agent's place
    }
    leave(session);
    if (session->state == HUB_SESSION_OPENED && !session->owner->stopping) {
        count_silent(session, session->member);
    }
}

void hub_greet_end(struct hub_member *member, int reason, const char *why) {
    while (!cm_list_empty(&member->greeting)) {
        struct hub_session *session = oldest(member);

        leave(session);
        session->revoked_ms = member->revoking_ms;
        hub_session_goodbye(session, reason, why);
        hub_session_part(session);
    }
}
