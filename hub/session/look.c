// look.c: what an agent is asked for a plan: whose objects are that Git is about to bring.
//
// An answer is owed to whoever asked, also if the agent keeps silent or goes away: so each question
// has a timer, and ends with its connection.
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "hub/session/internal.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

enum { PATIENCE_MS = 8000, AT_ONCE = 64 };

struct hub_look {
    struct hub_session *session;
    uint32_t id;
    struct cm_timer timer;
    hub_looked_fn done;
    void *ctx;
};

// take ends the question; its record is the caller's.
static struct hub_look *take(struct hub_session *session) {
    struct hub_look *look = session->look;

    if (look != NULL) {
        session->look = NULL;
        session->owner->looking--;
        cm_timer_stop(session->owner->config.loop, &look->timer);
    }
    return look;
}

void hub_look_end(struct hub_session *session, const char *why) {
    static const struct hub_looked nothing;
    struct hub_look *look = take(session);
    struct cm_err err;

    if (look != NULL) {
        (void)cm_fail(&err, CM_EBUSY, "%s", why);
        look->done(look->ctx, &err, &nothing);
        free(look);
    }
}

static void on_timer(void *ctx) {
    struct hub_look *look = ctx;

    hub_look_end(look->session, "the agent does not answer");
}

void hub_look_found(struct hub_session *session, const void *message) {
    const Holdfast__V1__Found *found = message;
    struct cm_err err = {.code = CM_OK};

    if (session->look == NULL || session->look->id != found->id) {
        return; // too late
    }
    struct hub_look *look = take(session);
    CM_AUTOFREE const char **keys = cm_new(found->n_objects + 1, sizeof(*keys));
    CM_AUTOFREE const char **owners = cm_new(found->n_objects + 1, sizeof(*owners));
    for (size_t i = 0; i < found->n_objects; i++) {
        keys[i] = found->objects[i]->key;
        owners[i] = found->objects[i]->owner;
    }
    if (found->error[0] != '\0') {
        (void)cm_fail(&err, CM_EBUSY, "%.400s", found->error);
    }
    look->done(look->ctx, &err,
               &(struct hub_looked){.count = found->n_objects, .keys = keys, .owners = owners});
    free(look);
}

static enum cm_rc check(const struct hub_sessions *s, const struct hub_member *member,
                        struct cm_err *err) {
    const struct hub_session *session = member == NULL ? NULL : member->session;

    if (session == NULL || session->state != HUB_SESSION_SERVING) {
        return cm_fail(err, CM_ENOTFOUND, "no agent is connected");
    }
    if (!session->looks) {
        return cm_fail(err, CM_EINVAL, "its agent is too old to be asked: upgrade it");
    }
    if (session->look != NULL || s->looking >= AT_ONCE) {
        return cm_fail(err, CM_EBUSY, "somebody else is looking: try again");
    }
    return CM_OK;
}

enum cm_rc hub_sessions_look(struct hub_sessions *s, const struct hub_look_ask *what,
                             hub_looked_fn done, void *ctx, struct cm_err *err) {
    const struct hub_member *member = cm_map_get(s->by_name, what->cluster);
    enum cm_rc rc = check(s, member, err);
    Holdfast__V1__Look message;

    if (rc < 0) {
        return rc;
    }
    struct hub_look *look = cm_new(1, sizeof(*look));
    *look = (struct hub_look){.session = member->session,
                              .id = ++s->looks,
                              .timer = {.run = on_timer, .ctx = look},
                              .done = done,
                              .ctx = ctx};
    member->session->look = look;
    s->looking++;
    cm_timer_start(s->config.loop, &look->timer, PATIENCE_MS);
    holdfast__v1__look__init(&message);
    message.id = look->id;
    message.namespace_ = (char *)(uintptr_t)what->ns; // packing only reads
    message.keys = (char **)(uintptr_t)what->keys;
    message.n_keys = what->count < HUB_LOOK_KEYS_MAX ? what->count : HUB_LOOK_KEYS_MAX;
    hub_session_send(member->session, WIRE_LOOK, &message);
    return CM_OK;
}
