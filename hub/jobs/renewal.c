#include "hub/jobs/renewal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/list.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/keys.h"
#include "hub/access/authority.h"
#include "hub/jobs/store.h"
#include "hub/store/agents.h"
#include "hub/store/events.h"
#include "hub/store/meta.h"
#include "hub/store/status.h"
#include "proto/wire.h"

#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)

const char hub_renewal_stale[] = "a key that was replaced is used again: two have this identity";
const char hub_renewal_ahead[] = "its certificate is of after the hub was restored, and not on "
                                 "record: the clock was ahead, or another hub runs";

static const char replaced_words[] =
    "the key that asks was replaced minutes ago, so it gets no new one: either this disk was set "
    "back, or somebody else has a copy of it; a person has to say which key is right";

enum cm_rc hub_renewal_restored_ms(struct hub_db *db, int64_t *out, struct cm_err *err) {
    enum cm_rc rc = hub_meta_get_int(db, "restored_ms", out, err);

    if (rc == CM_ENOTFOUND) {
        *out = 0;
        return CM_OK;
    }
    return rc;
}

struct hub_keys hub_renewal_keys(const struct hub_agent_row *row, int64_t restored_ms) {
    return (struct hub_keys){.current = row->key,
                             .next = row->next_key,
                             .before = row->before_key,
                             .before_until_ms = row->before_until_ms,
                             .begins_ms = row->begins_ms,
                             .ends_ms = row->ends_ms,
                             .approved_ms = row->approved_ms,
                             .forgot_until_ms = restored_ms};
}

static void set_keys(struct hub_agent_row *row, const struct hub_keys *keys) {
    row->key = keys->current;
    row->next_key = keys->next;
    row->before_key = keys->before;
    row->before_until_ms = keys->before_until_ms;
    row->begins_ms = keys->begins_ms;
    row->ends_ms = keys->ends_ms;
}

static enum cm_rc add_event(struct hub_db *db, const struct hub_agent_row *row, const char *kind,
                            const char *actor, const char *message, struct cm_err *err) {
    return hub_events_add(db,
                          &(struct hub_event){.at_ms = cm_clock_unix_ms(),
                                              .kind = kind,
                                              .cluster = row->cluster,
                                              .actor = actor,
                                              .message = message},
                          err);
}

// accept_forgotten lets go on who was pending when an older copy of the database was made, and has
// another key since: only who was accepted was given one.
static enum cm_rc accept_forgotten(struct hub_db *db, struct hub_agent_row *row,
                                   struct cm_err *err) {
    if (!hub_agent_is_pending(row)) {
        return CM_OK;
    }
    row->approved_ms = row->held_ms; // it was later
    row->held = "";
    row->held_ms = 0;
    row->held_key = (struct cm_sha256){0};
    enum cm_rc rc = hub_agents_put(db, row, err);
    return rc < 0 ? rc
                  : add_event(db, row, "agent.approved", "hub",
                              "it has a key that it was given after somebody accepted it: the "
                              "database is an older copy",
                              err);
}

static enum cm_rc hold(struct hub_db *db, struct hub_agent_row *row, const char *why,
                       const struct cm_sha256 *key, struct cm_err *err) {
    if (row->held[0] != '\0') {
        return CM_OK; // for the reason that came first
    }
    row->held = why;
    row->held_ms = cm_clock_unix_ms();
    row->held_key = key == NULL ? (struct cm_sha256){0} : *key;
    enum cm_rc rc = hub_agents_put(db, row, err);
    return rc < 0 ? rc : add_event(db, row, "agent.held", "hub", why, err);
}

// Nobody can say which of two is the right one who does not know both, and where they are.
static enum cm_rc say_doubt(struct hub_db *db, const struct hub_agent_row *row, const char *why,
                            const struct cm_sha256 *key, const char *address, char **out,
                            struct cm_err *err) {
    char last[HUB_AGENT_ADDRESS_MAX];
    char came[CM_SHA256_HEX_MAX];
    char known[CM_SHA256_HEX_MAX];

    if (key == NULL || cm_sha256_equal(key, &row->key)) {
        *out = cm_strdup(why);
        return CM_OK;
    }
    cm_sha256_hex(key, came);
    cm_sha256_hex(&row->key, known);
    enum cm_rc rc = hub_agents_last_address(db, row->cluster, last, err);
    if (rc == CM_OK) {
        *out = cm_strf("%s; key %.8s came from %s, the newest on record is %.8s, last of %s", why,
                       came, address, known, last[0] == '\0' ? "an unknown address" : last);
    }
    return rc;
}

// ---- Certificates

struct certify_job {
    struct hub_store_job job;
    const struct hub_authority *authority;
    char id[CM_UUID_MAX];
    struct cm_sha256 key;
    uint8_t exporter[32];
    struct cm_buf *bytes;     // the CSR, or the certificate that has ended
    struct cm_buf *signature; // NULL: a CSR
    char *address;            // likewise
    int64_t life_ms;
    int64_t budget_ms;
    hub_renewal_fn done;
    void *ctx;

    struct hub_renewed result;
    char refused[WIRE_MESSAGE_MAX];
    struct hub_certificate certificate;
};

static enum cm_rc refuse(struct certify_job *c, const char *why) {
    (void)snprintf(c->refused, sizeof(c->refused), "%s", why);
    c->result.refused = c->refused;
    return CM_OK;
}

static enum cm_rc refuse_unknown(struct certify_job *c, const char *why) {
    c->result.unknown = true;
    return refuse(c, why);
}

static enum cm_rc refuse_held(struct certify_job *c, const struct hub_agent_row *row) {
    assert(row->held != NULL);
    // Which keys there are, and where they came from, is none of this one's business.
    int shown = (int)strcspn(row->held, ";");
    CM_AUTOFREE char *why =
        cm_strf("this agent waits for a person's approval (%.*s); 'holdfast "
                "approve %s%s' lets it go on",
                shown, row->held, row->cluster, hub_agent_is_pending(row) ? " --key" : "");

    c->result.held = true;
    return refuse(c, why);
}

static enum cm_rc issue(struct certify_job *c, struct hub_db *db, struct hub_agent_row *row,
                        const struct cm_key *key, struct cm_err *err) {
    struct hub_certify_ask ask = {
        .key = key, .cluster_id = row->id, .cluster = row->cluster, .life_ms = c->life_ms};
    struct hub_keys keys = hub_renewal_keys(row, 0);
    struct cm_sha256 hash = cm_key_sha256(key);
    enum cm_rc rc = hub_authority_certify(c->authority, &ask, &c->certificate, err);

    if (rc < 0) {
        return rc;
    }
    hub_keys_certified(&keys, &hash, c->certificate.begins_ms, c->certificate.ends_ms);
    set_keys(row, &keys);
    rc = hub_agents_put(db, row, err);
    if (rc == CM_OK) {
        c->result.certificate = &c->certificate;
        c->result.key = hash;
    }
    return rc;
}

static enum cm_rc run_certify(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct certify_job *c = CM_CONTAINER(job, struct certify_job, job);
    CM_CLEANUP(cm_key_freep) struct cm_key *key = NULL;
    struct hub_agent_found found;
    enum cm_rc rc = hub_agents_find(db, c->id, &found, err);

    if (rc < 0) {
        return rc == CM_ENOTFOUND ? refuse(c, "this agent is no longer enrolled") : rc;
    }
    struct hub_keys keys = hub_renewal_keys(&found.row, 0);
    enum hub_key_verdict verdict = hub_keys_judge(&keys, &c->key, 0, cm_clock_unix_ms());
    if (found.row.held[0] != '\0') {
        return refuse_held(c, &found.row);
    }
    if (verdict == HUB_KEY_BEFORE) {
        return refuse(c, replaced_words);
    }
    if (verdict != HUB_KEY_CURRENT) {
        return refuse(c, "the key that asks is not the agent's any more");
    }
    if (cm_csr_key(c->bytes->data, c->bytes->size, &key, err) < 0) {
        return refuse(c, err->msg);
    }
    return issue(c, db, &found.row, key, err);
}

// ---- Certificates that have ended

// The certificate is ours, for this id, and who asks has its key.
static enum cm_rc check_expired(const struct certify_job *c, const struct cm_cert *cert,
                                struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp)
    struct cm_buf *text =
        wire_key_to_be_signed(WIRE_PROVES_EXPIRED, c->exporter, c->bytes->data, c->bytes->size);
    char uri[CM_CERT_URI_MAX];

    if (!cm_cert_check(cert, text->data, text->size, c->signature->data, c->signature->size)) {
        return cm_fail(err, CM_EAUTH, "the proof of the key is wrong");
    }
    const char *id = cm_cert_uri(cert, uri) ? hub_authority_cluster_id(c->authority, uri) : NULL;
    if (id == NULL || strcmp(id, c->id) != 0) {
        return cm_fail(err, CM_EAUTH, "the certificate is another agent's");
    }
    return hub_authority_check(c->authority, cert, err);
}

static enum cm_rc hold_expired(struct certify_job *c, struct hub_db *db, struct hub_agent_row *row,
                               const char *why, struct cm_err *err) {
    CM_AUTOFREE char *words = NULL;
    enum cm_rc rc = say_doubt(db, row, why, &c->key, c->address, &words, err);

    rc = rc < 0 ? rc : hold(db, row, words, &c->key, err);
    return rc < 0 ? rc : refuse_held(c, row);
}

static enum cm_rc decide_expired(struct certify_job *c, struct hub_db *db,
                                 struct hub_agent_row *row, const struct cm_cert *cert,
                                 struct cm_err *err) {
    CM_CLEANUP(cm_key_freep) struct cm_key *key = cm_cert_key(cert);
    int64_t now_ms = cm_clock_unix_ms();
    int64_t ended_ms = cm_cert_not_after_ms(cert);
    int64_t restored_ms;

    if (hub_renewal_restored_ms(db, &restored_ms, err) < 0) {
        return err->code;
    }
    struct hub_keys keys = hub_renewal_keys(row, restored_ms);
    enum hub_key_verdict verdict =
        hub_keys_judge(&keys, &c->key, cm_cert_not_before_ms(cert), now_ms);

    if (verdict == HUB_KEY_UNKNOWN) {
        return refuse_unknown(c, "this key is not the agent's any more; enroll it anew");
    }
    if (verdict == HUB_KEY_LOST && accept_forgotten(db, row, err) < 0) {
        return err->code;
    }
    if (row->held[0] != '\0') {
        return refuse_held(c, row);
    }
    if (verdict == HUB_KEY_STALE || verdict == HUB_KEY_AHEAD) {
        return hold_expired(c, db, row,
                            verdict == HUB_KEY_STALE ? hub_renewal_stale : hub_renewal_ahead, err);
    }
    if (verdict == HUB_KEY_BEFORE) {
        c->result.unneeded = true;
        return refuse(c, replaced_words);
    }
    if (now_ms >= cm_cert_not_before_ms(cert) && now_ms <= ended_ms) {
        c->result.unneeded = true;
        return refuse(c, "this certificate has not ended; connect with it");
    }
    if (now_ms > ended_ms &&
        !hub_keys_may_renew(ended_ms, c->budget_ms, row->approved_ms, now_ms)) {
        CM_AUTOFREE char *why = cm_strf("its certificate ended %lld days ago, which is too long",
                                        (long long)((now_ms - ended_ms) / DAY_MS));
        enum cm_rc held = hold(db, row, why, NULL, err); // there is one only, with whichever key
        return held < 0 ? held : refuse_held(c, row);
    }
    enum cm_rc rc = issue(c, db, row, key, err);
    return rc < 0 ? rc
                  : add_event(db, row, "agent.expired_renewed", "hub",
                              "its certificate had ended, and was renewed for the same key", err);
}

static enum cm_rc run_expired(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct certify_job *c = CM_CONTAINER(job, struct certify_job, job);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *cert = NULL;
    struct hub_agent_found found;
    enum cm_rc rc = hub_agents_find(db, c->id, &found, err);

    if (rc == CM_ENOTFOUND) { // first of all, as checking signatures takes longer
        return refuse_unknown(c, "this agent is not enrolled here; enroll it anew");
    }
    if (rc < 0) {
        return rc;
    }
    if (cm_cert_from_der(c->bytes->data, c->bytes->size, &cert, err) < 0 ||
        check_expired(c, cert, err) < 0) {
        return refuse(c, err->msg);
    }
    c->key = cm_cert_key_sha256(cert);
    return decide_expired(c, db, &found.row, cert, err);
}

static void certify_done(struct hub_store_job *job, const struct cm_err *err) {
    struct certify_job *c = CM_CONTAINER(job, struct certify_job, job);

    c->done(c->ctx, err, &c->result);
    free(c->certificate.der);
    cm_buf_unref(c->bytes);
    cm_buf_unref(c->signature);
    free(c->address);
    free(c);
}

static struct certify_job *certify_new(const struct hub_authority *authority, const char *id,
                                       const uint8_t *bytes, size_t size) {
    struct certify_job *c = cm_new(1, sizeof(*c));

    c->job.done = certify_done;
    c->authority = authority;
    (void)snprintf(c->id, sizeof(c->id), "%s", id);
    c->bytes = cm_buf_copy(bytes, size);
    return c;
}

void hub_renewal_certify(struct hub_store *store, const struct hub_authority *authority,
                         const struct hub_renew_ask *ask, hub_renewal_fn done, void *ctx) {
    struct certify_job *c = certify_new(authority, ask->id, ask->csr, ask->csr_size);

    c->job.run = run_certify;
    c->key = ask->key;
    c->life_ms = ask->life_ms;
    c->done = done;
    c->ctx = ctx;
    hub_store_submit(store, &c->job);
}

void hub_renewal_expired(struct hub_store *store, const struct hub_authority *authority,
                         const struct hub_expired_ask *ask, hub_renewal_fn done, void *ctx) {
    struct certify_job *c =
        certify_new(authority, ask->id, ask->certificate, ask->certificate_size);

    c->job.run = run_expired;
    memcpy(c->exporter, ask->exporter, sizeof(c->exporter));
    c->signature = cm_buf_copy(ask->signature, ask->signature_size);
    c->address = cm_strdup(ask->address);
    c->life_ms = ask->life_ms;
    c->budget_ms = ask->budget_ms;
    c->done = done;
    c->ctx = ctx;
    hub_store_submit(store, &c->job);
}

// ---- What is only kept

struct note_job {
    struct hub_store_job job;
    char id[CM_UUID_MAX];
    struct cm_sha256 key;
    bool has_key;
    int64_t begins_ms;
    bool was_lost;
    int64_t at_ms;
    char *why;
    char *address;
    int64_t skew_ms;
    enum cm_rc (*keep)(struct note_job *n, struct hub_db *db, struct hub_agent_row *row,
                       struct cm_err *err);
};

static enum cm_rc run_note(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct note_job *n = CM_CONTAINER(job, struct note_job, job);
    struct hub_agent_found found;
    enum cm_rc rc = hub_agents_find(db, n->id, &found, err);

    if (rc == CM_ENOTFOUND) {
        return CM_OK; // revoked meanwhile
    }
    return rc < 0 ? rc : n->keep(n, db, &found.row, err);
}

static void note_done(struct hub_store_job *job, const struct cm_err *err) {
    struct note_job *n = CM_CONTAINER(job, struct note_job, job);

    if (err->code != CM_OK) {
        cm_log(CM_LOG_WARN, "store.failed", err->msg, "id", n->id, NULL);
    }
    free(n->why);
    free(n->address);
    free(n);
}

static struct note_job *note_new(const char *id) {
    struct note_job *n = cm_new(1, sizeof(*n));

    n->job.run = run_note;
    n->job.done = note_done;
    (void)snprintf(n->id, sizeof(n->id), "%s", id);
    return n;
}

static enum cm_rc keep_use(struct note_job *n, struct hub_db *db, struct hub_agent_row *row,
                           struct cm_err *err) {
    enum cm_rc rc = n->was_lost ? accept_forgotten(db, row, err) : CM_OK;
    struct hub_keys keys = hub_renewal_keys(row, 0);

    hub_keys_use(&keys, &n->key, n->begins_ms, n->at_ms);
    set_keys(row, &keys);
    rc = rc < 0 ? rc : hub_agents_put(db, row, err);
    rc = rc < 0 ? rc : hub_presence_set_certificate(db, row->cluster, row->ends_ms, err);
    return rc < 0
               ? rc
               : add_event(db, row, "agent.renewed", "agent",
                           n->was_lost ? "it uses a key that the hub had forgotten: the database "
                                         "is an older copy"
                                       : "it uses a new key from now on",
                           err);
}

void hub_renewal_use(struct hub_store *store, const char *id, const struct cm_sha256 *key,
                     int64_t begins_ms, bool was_lost) {
    struct note_job *n = note_new(id);

    n->key = *key;
    n->begins_ms = begins_ms;
    n->was_lost = was_lost;
    n->at_ms = cm_clock_unix_ms(); // as in the table in memory, however late it is written
    n->keep = keep_use;
    hub_store_submit(store, &n->job);
}

static enum cm_rc keep_hold(struct note_job *n, struct hub_db *db, struct hub_agent_row *row,
                            struct cm_err *err) {
    const struct cm_sha256 *key = n->has_key ? &n->key : NULL;
    CM_AUTOFREE char *words = NULL;
    enum cm_rc rc = say_doubt(db, row, n->why, key, n->address, &words, err);

    return rc < 0 ? rc : hold(db, row, words, key, err);
}

void hub_renewal_hold(struct hub_store *store, const char *id, const char *why,
                      const struct cm_sha256 *key, const char *address) {
    struct note_job *n = note_new(id);

    n->why = cm_strdup(why);
    n->address = cm_strdup(address);
    n->has_key = key != NULL;
    n->key = key == NULL ? (struct cm_sha256){0} : *key;
    n->keep = keep_hold;
    hub_store_submit(store, &n->job);
}

static enum cm_rc keep_return(struct note_job *n, struct hub_db *db, struct hub_agent_row *row,
                              struct cm_err *err) {
    (void)n;
    return add_event(
        db, row, "agent.returned", "agent",
        "a process came back after another one with this identity had taken its place: "
        "was the agent moved, or its disk copied?",
        err);
}

void hub_renewal_returned(struct hub_store *store, const char *id) {
    struct note_job *n = note_new(id);

    n->keep = keep_return;
    hub_store_submit(store, &n->job);
}

static enum cm_rc run_refused(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    const struct note_job *n = CM_CONTAINER(job, struct note_job, job);
    struct hub_agent_found found;
    int64_t now_ms = cm_clock_unix_ms();
    int64_t last_ms;
    enum cm_rc rc = hub_agents_find_revoked(db, n->id, &found, err);

    if (rc < 0) {
        return rc == CM_ENOTFOUND ? CM_OK : rc; // of a cluster that was enrolled anew, or lost
    }
    rc = hub_events_last_ms(db, found.row.cluster, "agent.refused", &last_ms, err);
    if (rc < 0 || (last_ms <= now_ms && now_ms - last_ms < DAY_MS)) {
        return rc;
    }
    return add_event(db, &found.row, "agent.refused", "hub",
                     "the agent that was revoked tried to connect, and was not let in", err);
}

void hub_renewal_refused(struct hub_store *store, const char *id) {
    struct note_job *n = note_new(id);

    n->job.run = run_refused;
    hub_store_submit(store, &n->job);
}

static enum cm_rc keep_skew(struct note_job *n, struct hub_db *db, struct hub_agent_row *row,
                            struct cm_err *err) {
    bool began = row->skew_ms == 0 && n->skew_ms != 0;
    bool ended = row->skew_ms != 0 && n->skew_ms == 0;
    CM_AUTOFREE char *ahead =
        cm_strf("its clock is %lld s %s the hub's", (long long)llabs(n->skew_ms) / 1000,
                n->skew_ms < 0 ? "behind" : "ahead of");

    row->skew_ms = n->skew_ms;
    enum cm_rc rc = hub_agents_put(db, row, err);
    rc = rc < 0 ? rc : hub_presence_set_skew(db, row->cluster, n->skew_ms, err);
    if (rc == CM_OK && began) {
        rc = add_event(db, row, "agent.clock_wrong", "agent", ahead, err);
    } else if (rc == CM_OK && ended) {
        rc = add_event(db, row, "agent.clock_right", "agent", "its clock is right again", err);
    }
    return rc;
}

void hub_renewal_skew(struct hub_store *store, const char *id, int64_t skew_ms) {
    struct note_job *n = note_new(id);

    n->skew_ms = skew_ms;
    n->keep = keep_skew;
    hub_store_submit(store, &n->job);
}

// ---- Approval

struct approve_job {
    struct hub_store_job job;
    char *cluster;
    char *key; // how it begins; NULL: not said
    char *made_by;
    int64_t restored_ms;
    char id[CM_UUID_MAX];
    struct hub_keys keys;
    hub_approve_fn done;
    void *ctx;
};

static bool begins(const char hex[CM_SHA256_HEX_MAX], const char *prefix) {
    return prefix != NULL && strncmp(hex, prefix, strlen(prefix)) == 0;
}

// With which of two keys it goes on: an old disk that is used again may be a thief's, or the
// agent's own that was set back, and no hub can tell.
static enum cm_rc choose_of_two(const struct approve_job *a, struct hub_agent_row *row,
                                int64_t now_ms, struct cm_err *err) {
    struct hub_keys keys = hub_renewal_keys(row, 0);
    char known[CM_SHA256_HEX_MAX];
    char came[CM_SHA256_HEX_MAX];

    cm_sha256_hex(&row->key, known);
    cm_sha256_hex(&row->held_key, came);
    if (begins(known, a->key) == begins(came, a->key)) {
        return cm_fail(err, CM_EINVAL,
                       "two keys have the identity of '%s': say --key %.8s, the newest on record, "
                       "if an old copy of its disk is used by somebody else, or --key %.8s, which "
                       "came last, if its own disk was set back; the other one is shut out (%s)",
                       a->cluster, known, came, row->held);
    }
    hub_keys_choose(&keys, begins(known, a->key) ? &row->key : &row->held_key, now_ms);
    set_keys(row, &keys);
    return CM_OK;
}

static enum cm_rc refuse_key(const struct approve_job *a, const struct hub_agent_row *row,
                             const char known[CM_SHA256_HEX_MAX], struct cm_err *err) {
    const char *restored =
        a->restored_ms > row->held_ms
            ? " the hub was restored since it enrolled: if it was accepted before that it has "
              "another key by now, and is let in with it when it connects;"
            : "";

    return cm_fail(err, CM_EINVAL,
                   "the agent that enrolled as '%s' has key %.*s, not %.*s;%s if the log of the "
                   "right agent never showed that one, somebody else used the join token: "
                   "'holdfast revoke %s', and enroll the cluster anew",
                   a->cluster, HUB_ACCEPT_DIGITS, known, HUB_ACCEPT_DIGITS, a->key, restored,
                   a->cluster);
}

// Somebody else may have used the join token: that the key is the agent's own can only be seen
// where the agent is.
static enum cm_rc accept_key(const struct approve_job *a, const struct hub_agent_row *row,
                             struct cm_err *err) {
    char known[CM_SHA256_HEX_MAX];

    if (a->key == NULL || strlen(a->key) < HUB_ACCEPT_DIGITS) {
        return cm_fail(err, CM_EINVAL,
                       "nobody has accepted the key yet with which an agent enrolled as '%s': say "
                       "--key with the first %d digits, or more, of the key that its own log shows "
                       "(agent.enrolled, agent.pending)",
                       a->cluster, HUB_ACCEPT_DIGITS);
    }
    cm_sha256_hex(&row->key, known);
    return begins(known, a->key) ? CM_OK : refuse_key(a, row, known, err);
}

static enum cm_rc choose_key(const struct approve_job *a, struct hub_agent_row *row, int64_t now_ms,
                             struct cm_err *err) {
    static const struct cm_sha256 none;
    char known[CM_SHA256_HEX_MAX];

    if (hub_agent_is_pending(row)) {
        return accept_key(a, row, err);
    }
    if (!cm_sha256_equal(&row->held_key, &none) && !cm_sha256_equal(&row->held_key, &row->key)) {
        return choose_of_two(a, row, now_ms, err);
    }
    cm_sha256_hex(&row->key, known);
    return a->key == NULL || begins(known, a->key)
               ? CM_OK
               : cm_fail(err, CM_EINVAL, "the key of cluster '%s' is %.8s", a->cluster, known);
}

static enum cm_rc run_approve(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct approve_job *a = CM_CONTAINER(job, struct approve_job, job);
    struct hub_agent_found found;
    struct hub_agent_row *row = &found.row;
    enum cm_rc rc = hub_agents_find_named(db, a->cluster, &found, err);

    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    if (rc == CM_ENOTFOUND || row->held[0] == '\0') {
        return cm_fail(err, CM_ENOTFOUND, "no agent of cluster '%s' waits for an approval",
                       a->cluster);
    }
    int64_t now_ms = cm_clock_unix_ms();
    rc = hub_renewal_restored_ms(db, &a->restored_ms, err);
    rc = rc < 0 ? rc : choose_key(a, row, now_ms, err);
    if (rc < 0) {
        return rc;
    }
    row->approved_ms = now_ms;
    rc = add_event(db, row, "agent.approved", a->made_by, row->held, err);
    row->held = "";
    row->held_ms = 0;
    row->held_key = (struct cm_sha256){0};
    rc = rc < 0 ? rc : hub_agents_put(db, row, err);
    memcpy(a->id, found.id, sizeof(a->id));
    a->keys = hub_renewal_keys(row, a->restored_ms);
    return rc;
}

static void approve_done(struct hub_store_job *job, const struct cm_err *err) {
    struct approve_job *a = CM_CONTAINER(job, struct approve_job, job);

    a->done(a->ctx, err, a->id, &a->keys);
    free(a->cluster);
    free(a->key);
    free(a->made_by);
    free(a);
}

void hub_renewal_approve(struct hub_store *store, const char *cluster, const char *key,
                         const char *made_by, hub_approve_fn done, void *ctx) {
    struct approve_job *a = cm_new(1, sizeof(*a));

    a->job.run = run_approve;
    a->job.done = approve_done;
    a->cluster = cm_strdup(cluster);
    a->key = cm_strdup(key);
    a->made_by = cm_strdup(made_by);
    a->done = done;
    a->ctx = ctx;
    hub_store_submit(store, &a->job);
}
