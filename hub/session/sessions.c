#include "hub/session/sessions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fault.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/throttle.h"
#include "hub/access/authority.h"
#include "hub/jobs/freeze_set.h"
#include "hub/jobs/presence.h"
#include "hub/jobs/publication.h"
#include "hub/session/internal.h"
#include "proto/holdfast.pb-c.h"
#include "proto/squeeze.h"
#include "proto/wire.h"

#define SEND_QUEUE_BYTES ((size_t)4 * 1024 * 1024)
#define HANDSHAKE_MS 5000
#define ENROLL_SILENCE_MS 30000 // it runs also while the store is busy with the answer
#define ENROLL_CONNECTIONS 1024
#define QUIET_POLL_MS 10
#define WRONG_ENROLMENTS 20 // of one address at once, and then one more every
#define WRONG_REFILL_MS 3000
#define TELL_REFUSED_MS ((int64_t)60 * 60 * 1000) // the store, which tells it once a day
#define BEAT_MS ((int64_t)60 * 1000)

static void free_member(void *value) {
    struct hub_member *member = value;

    cm_timer_stop(member->owner->config.loop, &member->cut);
    hub_publication_unref(member->in_force);
    free(member->cluster);
    free(member);
}

static void make_release_metrics(struct hub_sessions *s) {
    char label[64];

    for (size_t i = 0; i < HUB_VERDICTS; i++) {
        (void)snprintf(label, sizeof(label), "verdict=\"%s\"", hub_verdict_name(i));
        s->metric_releases[i] =
            cm_metrics_counter(s->config.metrics, "holdfast_releases_decided_total", label,
                               "What controllers in clusters did with releases.");
    }
}

static void make_metrics(struct hub_sessions *s) {
    struct cm_metrics *m = s->config.metrics;

    s->metric_connected =
        cm_metrics_gauge(m, "holdfast_agents_connected", NULL, "Agents connected to this hub.");
    s->metric_refused = cm_metrics_counter(m, "holdfast_agents_refused_total", NULL,
                                           "Connections that were refused after the handshake.");
    s->metric_reports = cm_metrics_counter(m, "holdfast_reports_total", NULL,
                                           "Reports that were received from agents.");
    s->metric_journal =
        cm_metrics_counter(m, "holdfast_journal_entries_total", NULL,
                           "Things that happened while an agent had no hub, and were told later.");
    s->metric_journal_lost =
        cm_metrics_counter(m, "holdfast_journal_lost_total", NULL,
                           "Things that happened while an agent had no hub nor room to note them.");
    s->metric_scaled = cm_metrics_counter(m, "holdfast_scalings_total", NULL,
                                          "Windows of time in which an autoscaler, or who else has "
                                          "replicas by right, changed those of a workload.");
    make_release_metrics(s);
    s->metric_degraded = cm_metrics_counter(m, "holdfast_apps_degraded_total", NULL,
                                            "How often an App became degraded on a cluster.");
    s->metric_recovered =
        cm_metrics_counter(m, "holdfast_apps_recovered_total", NULL,
                           "How often an App that was degraded became healthy on a cluster.");
    s->metric_blobs =
        cm_metrics_counter(m, "holdfast_blobs_sent_total", NULL, "Blobs that were sent to agents.");
    s->metric_spared = cm_metrics_counter(
        m, "holdfast_agents_spared_bytes_total", NULL,
        "Bytes of blobs and manifests that were not sent, as agents could make them of others.");
    hub_keys_make_metrics(s);
    s->metric_manifests = cm_metrics_counter(m, "holdfast_manifests_sent_total", NULL,
                                             "Manifests that were sent to agents.");
    s->metric_full = cm_metrics_counter(m, "holdfast_full_reports_asked_total", NULL,
                                        "Agents that were asked to report everything anew.");
    s->metric_sent = cm_metrics_counter(m, "holdfast_agents_sent_bytes_total", NULL,
                                        "Bytes that were sent to agents, before TLS.");
}

static void on_quiet(void *ctx) {
    hub_sessions_check_stopped(ctx);
}

// ---- When agents were heard last: their sessions know; the database is told for all at once

static void store_seen(struct hub_sessions *s) {
    CM_AUTOFREE struct hub_presence_beat *beats = cm_new(s->connected + 1, sizeof(*beats));
    size_t count = 0;

    for (struct cm_list *at = s->sessions.next; at != &s->sessions; at = at->next) {
        struct hub_session *session = CM_CONTAINER(at, struct hub_session, in_sessions);

        if (session->state == HUB_SESSION_SERVING && session->member != NULL &&
            session->seen_ms > session->stored_ms && count < s->connected) {
            session->stored_ms = session->seen_ms;
            beats[count++] = (struct hub_presence_beat){.cluster = session->member->cluster,
                                                        .seen_ms = session->seen_ms};
        }
    }
    hub_presence_seen_all(s->config.store, beats, count);
}

static void on_beat(void *ctx) {
    struct hub_sessions *s = ctx;

    store_seen(s);
    cm_mem_give_back();
    cm_timer_start(s->config.loop, &s->beat, BEAT_MS);
}

static void on_unframe(void *ctx) {
    struct hub_sessions *s = ctx;

    hub_framed_clear(&s->framed);
    wire_squeezer_free(s->squeezer);
    s->squeezer = NULL;
}

static void copy_config(struct hub_sessions *s, const struct hub_sessions_config *config) {
    s->config = *config;
    s->link_addr = cm_strdup(config->link_addr);
    s->enroll_addr = cm_strdup(config->enroll_addr);
    s->advertise = cm_new(config->advertise_count + 1, sizeof(*s->advertise));
    for (size_t i = 0; i < config->advertise_count; i++) {
        s->advertise[i] = cm_strdup(config->advertise[i]);
    }
    s->advertise_enroll = cm_new(config->advertise_enroll_count + 1, sizeof(*s->advertise_enroll));
    for (size_t i = 0; i < config->advertise_enroll_count; i++) {
        s->advertise_enroll[i] = cm_strdup(config->advertise_enroll[i]);
    }
}

enum cm_rc hub_sessions_new(const struct hub_sessions_config *config, struct hub_sessions **out,
                            struct cm_err *err) {
    struct hub_sessions *s = cm_new(1, sizeof(*s));

    (void)err;
    copy_config(s, config);
    s->members = cm_map_new(free_member);
    s->by_name = cm_map_new(NULL);
    s->quiet = (struct cm_timer){.run = on_quiet, .ctx = s};
    s->unframe = (struct cm_timer){.run = on_unframe, .ctx = s};
    s->beat = (struct cm_timer){.run = on_beat, .ctx = s};
    cm_list_init(&s->sessions);
    cm_list_init(&s->enrolling);
    s->wrong_enrolments = cm_throttle_new(WRONG_ENROLMENTS, WRONG_REFILL_MS);
    s->told_refused = cm_throttle_new(1, TELL_REFUSED_MS);
    s->told_turned_away = cm_throttle_new(1, TELL_REFUSED_MS);
    make_metrics(s);
    hub_sessions_make_counts(s);
    hub_inbox_init(s);
    hub_resync_init(s);
    *out = s;
    return CM_OK;
}

void hub_sessions_free(struct hub_sessions *s) {
    if (s == NULL) {
        return;
    }

    cm_net_listener_free(s->link);
    cm_net_listener_free(s->enroll);
    cm_tls_context_unref(s->link_tls);
    cm_tls_context_unref(s->enroll_tls);
    cm_timer_stop(s->config.loop, &s->unframe);
    hub_framed_clear(&s->framed);
    wire_squeezer_free(s->squeezer);
    hub_freeze_set_unref(s->freezes);
    cm_map_free(s->by_name);
    cm_map_free(s->members);
    for (size_t i = 0; i < s->config.advertise_count; i++) {
        free(s->advertise[i]);
    }
    free(s->advertise);
    for (size_t i = 0; i < s->config.advertise_enroll_count; i++) {
        free(s->advertise_enroll[i]);
    }
    free(s->advertise_enroll);
    cm_throttle_free(s->wrong_enrolments);
    cm_throttle_free(s->told_refused);
    cm_throttle_free(s->told_turned_away);
    free(s->link_addr);
    free(s->enroll_addr);
    free(s);
}

struct hub_member *hub_member_find(struct hub_sessions *s, const char *cluster_id) {
    return cm_map_get(s->members, cluster_id);
}

void hub_sessions_admit(struct hub_sessions *s, const char *cluster, const char *cluster_id,
                        const struct hub_keys *keys) {
    struct hub_member *member = cm_new(1, sizeof(*member));

    member->owner = s;
    member->cluster = cm_strdup(cluster);
    (void)snprintf(member->cluster_id, sizeof(member->cluster_id), "%s", cluster_id);
    member->keys = *keys;
    cm_list_init(&member->greeting);
    member->cut = (struct cm_timer){.run = hub_keys_cut_off, .ctx = member};
    cm_map_put(s->members, cluster_id, member);
    cm_map_put(s->by_name, cluster, member);
}

void hub_sessions_evict(struct hub_sessions *s, const char *cluster_id) {
    struct hub_member *member = hub_member_find(s, cluster_id);

    if (member == NULL) {
        return;
    }
    hub_greet_end(member, HOLDFAST__V1__GOODBYE__REASON__REVOKED,
                  "this agent is no longer enrolled; enroll it anew");
    if (member->session != NULL) {
        hub_session_goodbye(member->session, HOLDFAST__V1__GOODBYE__REASON__REVOKED,
                            "this agent is no longer enrolled; enroll it anew");
        if (member->session->on_record) {
            hub_presence_disconnected(s->config.store, member->cluster, member->session->seen_ms,
                                      "no longer enrolled");
        }
        hub_session_part(member->session);
    }
    hub_keys_forget(s, member);
    if (cm_map_get(s->by_name, member->cluster) == member) {
        (void)cm_map_remove(s->by_name, member->cluster);
    }
    (void)cm_map_remove(s->members, cluster_id);
    if (s->config.evicted != NULL) {
        s->config.evicted(s->config.ctx);
    }
}

void hub_sessions_revoke(struct hub_sessions *s, const char *cluster_id, int64_t asked_ms) {
    struct hub_member *member = hub_member_find(s, cluster_id);

    cm_metric_add(s->metric_revocations, member == NULL ? 0 : 1);
    if (member != NULL && member->session != NULL) {
        member->session->revoked_ms = asked_ms;
    }
    hub_sessions_evict(s, cluster_id);
}

void hub_sessions_supersede(struct hub_sessions *s, const char *cluster) {
    struct hub_member *member = cm_map_get(s->by_name, cluster);

    if (member != NULL) {
        hub_sessions_evict(s, member->cluster_id);
    }
}

static enum cm_rc listen_link(struct hub_sessions *s, struct cm_err *err) {
    struct cm_net_limits limits = {
        .max_payload = wire_max_payload,
        .send_queue_bytes = SEND_QUEUE_BYTES,
        .handshake_ms = HANDSHAKE_MS,
        .silence_ms = s->config.heartbeat_ms * 5 / 2,
        .max_connections = s->config.max_connections,
    };
    struct cm_net_handlers handlers = hub_link_handlers;
    enum cm_rc rc = hub_authority_link_tls(s->config.authority, &s->link_tls, err);

    if (rc < 0) {
        return rc;
    }
    handlers.ctx = s;
    rc =
        cm_net_listen(s->config.loop, s->link_addr, s->link_tls, &limits, &handlers, &s->link, err);
    return rc < 0 ? cm_wrap(err, "listen for agents on %s", s->link_addr) : CM_OK;
}

static enum cm_rc listen_enroll(struct hub_sessions *s, struct cm_err *err) {
    struct cm_net_limits limits = {
        .max_payload = wire_max_enroll,
        .send_queue_bytes = 4 * WIRE_ENROLL_MAX,
        .handshake_ms = HANDSHAKE_MS,
        .silence_ms = ENROLL_SILENCE_MS,
        .max_connections = ENROLL_CONNECTIONS,
        .brief = true,
    };
    struct cm_net_handlers handlers = hub_enroll_handlers;
    enum cm_rc rc = hub_authority_enroll_tls(s->config.authority, &s->enroll_tls, err);

    if (rc < 0) {
        return rc;
    }
    handlers.ctx = s;
    rc = cm_net_listen(s->config.loop, s->enroll_addr, s->enroll_tls, &limits, &handlers,
                       &s->enroll, err);
    return rc < 0 ? cm_wrap(err, "listen for enrolments on %s", s->enroll_addr) : CM_OK;
}

enum cm_rc hub_sessions_listen(struct hub_sessions *s, struct cm_err *err) {
    enum cm_rc rc = listen_link(s, err);

    cm_timer_start(s->config.loop, &s->beat, BEAT_MS);
    return rc < 0 ? rc : listen_enroll(s, err);
}

uint16_t hub_sessions_link_port(const struct hub_sessions *s) {
    return cm_net_listener_port(s->link);
}

uint16_t hub_sessions_enroll_port(const struct hub_sessions *s) {
    return cm_net_listener_port(s->enroll);
}

static bool is_older(const struct hub_publication *p, const struct hub_publication *than) {
    if (p->epoch != than->epoch) {
        return p->epoch < than->epoch;
    }
    return p->generation < than->generation;
}

void hub_sessions_publish(struct hub_sessions *s, struct hub_publication *p) {
    struct hub_member *member = hub_member_find(s, p->cluster_id);

    if (member == NULL || (member->in_force != NULL && is_older(p, member->in_force))) {
        return;
    }
    hub_publication_unref(member->in_force);
    member->in_force = hub_publication_signed(s->config.authority, p);
    if (member->session != NULL && member->session->state == HUB_SESSION_SERVING) {
        CM_FAULT_POINT("manifest-published");
        hub_session_offer(member->session);
    }
}

void hub_sessions_withdraw(struct hub_sessions *s, const char *cluster) {
    struct hub_member *member = cm_map_get(s->by_name, cluster);

    if (member != NULL) {
        hub_publication_unref(member->in_force);
        member->in_force = NULL;
    }
}

static size_t sync_one(struct hub_session *session, const char *app) {
    if (session == NULL || session->state != HUB_SESSION_SERVING || session->member == NULL) {
        return 0;
    }
    hub_session_send_sync(session, app);
    return 1;
}

size_t hub_sessions_sync(struct hub_sessions *s, const char *cluster, const char *app) {
    size_t asked = 0;

    if (cluster != NULL) {
        const struct hub_member *member = cm_map_get(s->by_name, cluster);

        return member == NULL ? 0 : sync_one(member->session, app);
    }
    for (struct cm_list *at = s->sessions.next; at != &s->sessions; at = at->next) {
        asked += sync_one(CM_CONTAINER(at, struct hub_session, in_sessions), app);
    }
    return asked;
}

size_t hub_sessions_connected(const struct hub_sessions *s) {
    return s->connected;
}

// ---- Stopping

static bool is_quiet(const struct cm_net_listener *l) {
    return l == NULL || cm_net_listener_quiet(l);
}

// Connections that never became sessions (in their handshake, turned away) are known to the
// listeners only, and these call nobody: so they are asked.
void hub_sessions_check_stopped(struct hub_sessions *s) {
    void (*stopped)(void *) = s->stopped;

    if (!s->stopping || stopped == NULL || !cm_list_empty(&s->sessions) ||
        !cm_list_empty(&s->enrolling)) {
        return;
    }
    if (!is_quiet(s->link) || !is_quiet(s->enroll)) {
        cm_timer_start(s->config.loop, &s->quiet, QUIET_POLL_MS);
        return;
    }
    s->stopped = NULL;
    stopped(s->stopped_ctx);
}

void hub_sessions_stop(struct hub_sessions *s, void (*stopped)(void *ctx), void *ctx) {
    s->stopping = true;
    s->stopped = stopped;
    s->stopped_ctx = ctx;
    cm_timer_stop(s->config.loop, &s->beat);
    store_seen(s);
    if (s->link != NULL) {
        cm_net_listener_stop(s->link);
    }
    if (s->enroll != NULL) {
        cm_net_listener_stop(s->enroll);
    }
    for (struct cm_list *at = s->sessions.next; at != &s->sessions; at = at->next) {
        hub_session_goodbye(CM_CONTAINER(at, struct hub_session, in_sessions),
                            HOLDFAST__V1__GOODBYE__REASON__SHUTDOWN, "the hub is stopping");
    }
    hub_enroll_close_all(s);
    hub_sessions_check_stopped(s);
}
