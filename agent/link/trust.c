// Roots that the hub tells: believed once a root that is believed already has signed them, used
// once they are on disk.
#include <string.h>

#include "agent/link/internal.h"
#include "common/log.h"
#include "common/mem.h"
#include "proto/wire.h"

static void say_believed(struct agent_link *l) {
    Holdfast__V1__Trust m;

    holdfast__v1__trust__init(&m);
    m.version = l->identity.trust.version;
    if (l->state == LINK_UP) { // else Hello says it
        (void)link_send(l, WIRE_TRUST, &m.base);
    }
}

static void complain(const struct agent_link *l, const char *why) {
    cm_log(CM_LOG_WARN, "agent.trust_refused", why, "cluster", agent_link_cluster(l), NULL);
}

static enum cm_rc decode(const Holdfast__V1__Trust *m, struct cm_trust *out, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    out->version = m->version;
    for (size_t i = 0; rc == CM_OK && i < m->n_roots_der; i++) {
        struct cm_cert *root = NULL;

        rc = cm_cert_from_der(m->roots_der[i].data, m->roots_der[i].len, &root, err);
        rc = rc < 0 ? rc : cm_trust_add(out, root, err);
    }
    return rc;
}

// check fails with CM_EBUSY if it is good once the hub has signed anew what is in force.
static enum cm_rc check(const struct agent_link *l, const Holdfast__V1__Trust *m,
                        const struct cm_trust *next, struct cm_err *err) {
    struct cm_trust_signature signatures[CM_TRUST_ROOTS_MAX];
    size_t count = 0;

    for (; count < m->n_signatures && count < CM_TRUST_ROOTS_MAX; count++) {
        signatures[count] = (struct cm_trust_signature){.bytes = m->signatures[count].data,
                                                        .size = m->signatures[count].len};
    }
    enum cm_rc rc =
        cm_trust_check(&l->identity.trust, next, l->identity.hub_id, signatures, count, err);
    if (rc == CM_OK && !fetch_is_proven_by(l, next)) {
        return cm_fail(err, CM_EBUSY,
                       "a root is to be dropped that proves what is in force here; it is kept "
                       "until the hub has signed that anew");
    }
    return rc;
}

// keep puts a set in the place of another one.
static void keep(struct cm_trust *to, struct cm_trust *set) {
    cm_trust_done(to);
    *to = *set;
    *set = (struct cm_trust){0};
}

void link_trust_hear(struct agent_link *l, const Holdfast__V1__Trust *m) {
    CM_CLEANUP(cm_trust_done) struct cm_trust next = {0};
    struct cm_err err;

    if (m->version == l->identity.trust.version) {
        say_believed(l);
        return;
    }
    if (l->told.count > 0 && l->saving) {
        return; // what is being written is told first; the hub tells this again
    }
    if (decode(m, &next, &err) < 0 || check(l, m, &next, &err) < 0) {
        if (err.code == CM_EBUSY) {
            keep(&l->later, &next);
        }
        complain(l, err.msg);
        say_believed(l);
        return;
    }
    keep(&l->told, &next);
    link_trust_store(l);
}

void link_trust_proven(struct agent_link *l) {
    if (l->later.count > 0 && l->told.count == 0 && fetch_is_proven_by(l, &l->later)) {
        keep(&l->told, &l->later);
        link_trust_store(l);
    }
}

static void stored(struct agent_link *l, const struct cm_err *error) {
    char version[CM_LOG_INT_MAX];

    if (error->code != CM_OK) { // the hub tells them again
        cm_trust_done(&l->told);
        complain(l, error->msg);
        say_believed(l);
        return;
    }
    keep(&l->identity.trust, &l->told);
    cm_trust_done(&l->later); // it was signed by who is believed no more
    cm_log(CM_LOG_INFO, "agent.trust", "this agent believes another set of roots", "cluster",
           agent_link_cluster(l), "version",
           cm_log_int((int64_t)l->identity.trust.version, version), NULL);
    say_believed(l);
    link_renew_if_due(l);
}

void link_trust_store(struct agent_link *l) {
    if (l->told.count > 0 && !l->saving && l->renewing == NULL && !l->stopping) {
        link_save_text(l, agent_identity_trust_text(&l->identity, &l->told), stored);
    }
}
