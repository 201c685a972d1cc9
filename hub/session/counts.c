// counts.c: what of the listeners and of enrolment is counted, by reason.
#include <stdio.h>

#include "common/metrics.h"
#include "hub/session/internal.h"

static const char *const goodbyes[HUB_GOODBYES] = {
    "unspecified", "shutdown", "protocol", "revoked", "replaced", "overloaded", "pending"};
static const char *const listeners[HUB_LISTENERS] = {"agents", "enrolment"};
static const char *const refusals[CM_NET_REFUSALS] = {NULL,     "flood",   "crowded", "slow",
                                                      "no_tls", "garbage", "gone"};
static const char *const enrolments[HUB_ENROLMENTS] = {"enrolled", "refused", "failed",
                                                       "throttled"};

static void make_unused(struct hub_sessions *s) {
    char label[80];

    for (size_t i = 0; i < HUB_LISTENERS; i++) {
        for (size_t k = CM_NET_NOT_REFUSED + 1; k < CM_NET_REFUSALS; k++) {
            (void)snprintf(label, sizeof(label), "listener=\"%s\",reason=\"%s\"", listeners[i],
                           refusals[k]);
            s->metric_unused[i][k] =
                cm_metrics_counter(s->config.metrics, "holdfast_connections_unused_total", label,
                                   "Connections that ended before their first message.");
        }
    }
}

void hub_sessions_make_counts(struct hub_sessions *s) {
    char label[80];

    make_unused(s);
    for (size_t i = 0; i < HUB_GOODBYES; i++) {
        (void)snprintf(label, sizeof(label), "reason=\"%s\"", goodbyes[i]);
        s->metric_sent_away[i] =
            cm_metrics_counter(s->config.metrics, "holdfast_agents_sent_away_total", label,
                               "Agents to which the hub said goodbye.");
    }
    for (size_t i = 0; i < HUB_ENROLMENTS; i++) {
        (void)snprintf(label, sizeof(label), "result=\"%s\"", enrolments[i]);
        s->metric_enrolments[i] =
            cm_metrics_counter(s->config.metrics, "holdfast_enrolments_total", label,
                               "Requests to enrol that were answered.");
    }
    s->metric_connects = cm_metrics_counter(s->config.metrics, "holdfast_agent_connects_total",
                                            NULL, "How often an agent connected and was let in.");
}

void hub_sessions_count_goodbye(struct hub_sessions *s, int reason) {
    cm_metric_add(s->metric_sent_away[reason >= 0 && reason < HUB_GOODBYES ? reason : 0], 1);
}

void hub_sessions_count_unused(void *sessions, enum cm_net_refusal why) {
    struct hub_sessions *s = sessions;

    cm_metric_add(s->metric_unused[HUB_LISTENER_AGENTS][why], 1);
}

void hub_sessions_count_unenrolled(void *sessions, enum cm_net_refusal why) {
    struct hub_sessions *s = sessions;

    cm_metric_add(s->metric_unused[HUB_LISTENER_ENROL][why], 1);
}

void hub_sessions_count_enrolment(struct hub_sessions *s, enum hub_enrolment what) {
    cm_metric_add(s->metric_enrolments[what], 1);
}
