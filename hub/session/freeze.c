// freeze.c: agents are told what is frozen on their clusters, before anything else, and say when
// they have stopped it.
//
// The list is sent after each Welcome, also an empty one, as the agent may still hold to another.
// It goes behind what is in the connection's queue, which is never more than a piece of a blob
// (serve.c). An agent that is too old for it is sent no manifest while anything is frozen there.
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/utf8.h"
#include "hub/jobs/freeze_set.h"
#include "hub/jobs/presence.h"
#include "hub/session/internal.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

#define FROZEN_COST 1024

static const struct hub_freeze_row *const *rows_of(const struct hub_session *session,
                                                   size_t *count) {
    const struct hub_freeze_set *set = session->owner->freezes;

    *count = 0;
    return set == NULL || session->member == NULL
               ? NULL
               : hub_freeze_set_of(set, session->member->cluster, count);
}

static char *text_of(struct cm_arena *a, const char *text, size_t max) {
    return cm_arena_strndup(a, text, cm_utf8_fit(text, max));
}

static Holdfast__V1__FreezeEntry *entry_of(struct cm_arena *a, const struct hub_freeze_row *row) {
    Holdfast__V1__FreezeEntry *e = cm_arena_get(a, sizeof(*e));

    holdfast__v1__freeze_entry__init(e);
    e->name = text_of(a, row->name, WIRE_NAME_MAX);
    e->app = text_of(a, row->app, WIRE_NAME_MAX);
    e->actor = text_of(a, row->actor, WIRE_ACTOR_MAX);
    e->reason = text_of(a, row->reason, WIRE_REASON_MAX);
    e->until_ms = row->until_ms;
    return e;
}

// stop_all stands for more freezes than a message holds: to stop more than was said is safe.
static Holdfast__V1__FreezeEntry *stop_all(struct cm_arena *a) {
    return entry_of(a, &(struct hub_freeze_row){.name = "many",
                                                .app = "",
                                                .actor = "hub",
                                                .reason = "more freezes are in force here than an "
                                                          "agent is told one by one"});
}

static void fill(struct cm_arena *a, const struct hub_session *session, Holdfast__V1__Freeze *m) {
    size_t count;
    const struct hub_freeze_row *const *rows = rows_of(session, &count);
    bool many = count > WIRE_FREEZES_MAX;

    m->n_entries = many ? 1 : count;
    m->entries = cm_arena_get(a, (m->n_entries + 1) * sizeof(*m->entries));
    for (size_t i = 0; i < m->n_entries; i++) {
        m->entries[i] = many ? stop_all(a) : entry_of(a, rows[i]);
    }
}

// is_news tells whether the agent was not told just that on this connection.
static bool is_news(struct hub_session *session, const Holdfast__V1__Freeze *m) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = wire_pack(&m->base);
    struct cm_sha256 told = cm_sha256(bytes->data, bytes->size);
    bool news = session->freeze_number == 0 || !cm_sha256_equal(&told, &session->freeze_told);

    session->freeze_told = told;
    return news;
}

static void tell(struct hub_session *session) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct hub_freeze_set *set = session->owner->freezes;
    Holdfast__V1__Freeze m;

    holdfast__v1__freeze__init(&m);
    fill(a, session, &m);
    if (set != NULL && is_news(session, &m)) {
        m.number = hub_freeze_set_number(set);
        m.now_ms = cm_clock_unix_ms();
        session->freeze_number = m.number;
        hub_session_send(session, WIRE_FREEZE, &m.base);
    }
}

void hub_freeze_greet(struct hub_session *session, const void *hello) {
    session->freezes = ((const Holdfast__V1__Hello *)hello)->freezes;
    if (session->freezes) {
        tell(session);
    }
}

static void tell_old(struct hub_session *session, const char *app) {
    static const char why[] = "nothing new is sent to this agent while anything is frozen on its "
                              "cluster: it is too old to stop by itself, and goes on to correct "
                              "drift; upgrade the agent";
    const char *cluster = session->member->cluster;

    if (!session->told_unfrozen) {
        session->told_unfrozen = true;
        cm_log(CM_LOG_WARN, "agent.too_old", why, "cluster", cluster, NULL);
        hub_presence_too_old(session->owner->config.store, cluster, app, why);
    }
}

bool hub_freeze_holds_up(struct hub_session *session) {
    size_t count;
    const struct hub_freeze_row *const *rows = rows_of(session, &count);

    if (session->freezes || count == 0) {
        return false;
    }
    tell_old(session, rows[0]->app);
    return true;
}

// refreeze: the connection may be closing while the list is walked.
static void refreeze(struct hub_session *session) {
    if (session->conn == NULL || session->member == NULL || session->state != HUB_SESSION_SERVING) {
        return;
    }
    if (session->freezes) {
        tell(session);
    } else {
        hub_session_offer(session);
    }
}

void hub_sessions_freeze(struct hub_sessions *s, struct hub_freeze_set *set) {
    struct hub_freeze_set *old = s->freezes;
    struct cm_list *next;

    s->freezes = hub_freeze_set_ref(set);
    hub_freeze_set_unref(old);
    for (struct cm_list *l = s->sessions.next; l != &s->sessions; l = next) {
        next = l->next;
        refreeze(CM_CONTAINER(l, struct hub_session, in_sessions));
    }
}

enum cm_rc hub_freeze_heard(struct hub_session *session, const struct cm_net_frame *frame,
                            struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct hub_sessions_config *config = &session->owner->config;
    Holdfast__V1__Frozen *m = NULL;
    size_t count;
    enum cm_rc rc = WIRE_UNPACK(a, Holdfast__V1__Frozen, holdfast__v1__frozen, frame->payload,
                                frame->size, &m, err);

    if (rc < 0 || !hub_session_is_allowed(session, FROZEN_COST)) {
        return rc;
    }
    (void)rows_of(session, &count);
    if (m->number == session->freeze_number && count > 0) {
        config->frozen(config->ctx, session->member->cluster);
    }
    return CM_OK;
}
