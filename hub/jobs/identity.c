#include "hub/jobs/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/fault.h"
#include "common/list.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/keys.h"
#include "hub/access/authority.h"
#include "hub/access/keys.h"
#include "hub/jobs/store.h"
#include "hub/store/agents.h"
#include "hub/store/desired.h"
#include "hub/store/events.h"
#include "hub/store/status.h"

#define NEAR_MAX 1000

struct enroll_job {
    struct hub_store_job job;
    const struct hub_authority *authority;
    struct hub_enroll_ask ask;
    uint8_t *csr;
    char *address;
    hub_enroll_fn done;
    void *ctx;

    bool refused; // the proof was wrong: counted, and said in done
    char cluster[HUB_CLUSTER_NAME_MAX + 1];
    char cluster_id[CM_UUID_MAX];
    struct cm_sha256 key;
    struct hub_certificate certificate;
    int64_t pending_ms; // 0: it may connect
};

static bool proof_is_right(const struct enroll_job *e, const struct hub_join_claim *claim) {
    struct cm_sha256 expected =
        wire_token_proof(&claim->secret, e->ask.exporter, e->csr, e->ask.csr_size);

    return cm_equal_secret(expected.bytes, e->ask.proof.bytes, sizeof(expected.bytes));
}

static enum cm_rc certify(struct enroll_job *e, const struct cm_key *key, struct cm_err *err) {
    struct hub_certify_ask ask = {
        .key = key, .cluster_id = e->cluster_id, .cluster = e->cluster, .life_ms = e->ask.life_ms};

    e->key = cm_key_sha256(key);
    return hub_authority_certify(e->authority, &ask, &e->certificate, err);
}

static enum cm_rc add_event(struct enroll_job *e, struct hub_db *db, int64_t now_ms,
                            const char *kind, const char *message, struct cm_err *err) {
    return hub_events_add(db,
                          &(struct hub_event){.at_ms = now_ms,
                                              .kind = kind,
                                              .cluster = e->cluster,
                                              .actor = "hub",
                                              .message = message},
                          err);
}

// say_pending tells a person what is to be accepted.
static char *say_pending(const struct enroll_job *e) {
    char key[CM_SHA256_HEX_MAX];

    cm_sha256_hex(&e->key, key);
    return cm_strf("it enrolled, and waits until somebody accepts its key; %.*s from %s",
                   HUB_ACCEPT_DIGITS, key, e->address);
}

static enum cm_rc keep(struct enroll_job *e, struct hub_db *db, int64_t now_ms,
                       struct cm_err *err) {
    CM_AUTOFREE char *pending = e->pending_ms == 0 ? NULL : say_pending(e);
    struct hub_agent_row row = {.id = e->cluster_id,
                                .cluster = e->cluster,
                                .key = e->key,
                                .begins_ms = e->certificate.begins_ms,
                                .ends_ms = e->certificate.ends_ms,
                                .held = pending,
                                .held_ms = e->pending_ms};

    row.held_key = pending == NULL ? row.held_key : row.key;
    enum cm_rc rc = hub_join_tokens_use(db, e->ask.token_id, now_ms, err);

    rc = rc < 0 ? rc : hub_agents_enroll(db, &row, now_ms, err);
    rc = rc < 0 ? rc : hub_presence_reset(db, e->cluster, err);
    rc = rc < 0 ? rc : add_event(e, db, now_ms, "agent.enrolled", e->cluster_id, err);
    return rc < 0 || pending == NULL ? rc : add_event(e, db, now_ms, "agent.pending", pending, err);
}

// A wrong proof is no error of the job: the count must be kept.
static enum cm_rc count_failure(struct enroll_job *e, struct hub_db *db,
                                const struct hub_join_claim *claim, struct cm_err *err) {
    enum cm_rc rc = hub_join_tokens_fail(db, e->ask.token_id, err);

    e->refused = true;
    if (rc < 0 || claim->failures + 1 < HUB_TOKEN_FAILURES_MAX) {
        return rc;
    }
    return hub_events_add(
        db,
        &(struct hub_event){.at_ms = cm_clock_unix_ms(),
                            .kind = "token.voided",
                            .cluster = claim->cluster,
                            .actor = "hub",
                            .message = "its join token was used with wrong proofs"},
        err);
}

// The token was used, but if it was for this very key then only the answer got lost: it is given
// again. The key shows that it is the same agent, the proof that it has the token; the CSR comes
// last, as checking it takes the longest.
static enum cm_rc answer_again(struct enroll_job *e, struct hub_db *db, int64_t now_ms,
                               struct cm_err *err) {
    CM_CLEANUP(cm_key_freep) struct cm_key *key = NULL;
    struct hub_join_answered answered;
    enum cm_rc rc = hub_join_tokens_find_answered(db, e->ask.token_id, now_ms, &answered, err);

    if (rc < 0) {
        return rc;
    }
    if (!proof_is_right(e, &answered.claim)) {
        return count_failure(e, db, &answered.claim, err);
    }
    rc = cm_csr_key(e->csr, e->ask.csr_size, &key, err);
    if (rc < 0) {
        return rc;
    }
    struct cm_sha256 hash = cm_key_sha256(key);
    if (!cm_sha256_equal(&hash, &answered.key)) {
        e->refused = true;
        return CM_OK;
    }
    memcpy(e->cluster, answered.claim.cluster, sizeof(e->cluster));
    memcpy(e->cluster_id, answered.agent, sizeof(e->cluster_id));
    return certify(e, key, err);
}

static enum cm_rc run_enroll(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct enroll_job *e = CM_CONTAINER(job, struct enroll_job, job);
    CM_CLEANUP(cm_key_freep) struct cm_key *key = NULL;
    int64_t now_ms = cm_clock_unix_ms();
    struct hub_join_claim claim;
    enum cm_rc rc = hub_join_tokens_find(db, e->ask.token_id, now_ms, &claim, err);

    if (rc == CM_EAUTH) {
        return answer_again(e, db, now_ms, err);
    }
    if (rc < 0) {
        return rc;
    }
    if (!proof_is_right(e, &claim)) {
        return count_failure(e, db, &claim, err);
    }
    memcpy(e->cluster, claim.cluster, sizeof(e->cluster));
    e->pending_ms = claim.needs_approval || e->ask.needs_approval ? now_ms : 0;
    cm_uuid(e->cluster_id);
    rc = cm_csr_key(e->csr, e->ask.csr_size, &key, err);
    rc = rc < 0 ? rc : certify(e, key, err);
    return rc < 0 ? rc : keep(e, db, now_ms, err);
}

static void enroll_done(struct hub_store_job *job, const struct cm_err *err) {
    struct enroll_job *e = CM_CONTAINER(job, struct enroll_job, job);
    struct hub_enrolled enrolled = {
        .cluster_id = e->cluster_id,
        .cluster = e->cluster,
        .key = e->key,
        .certificate = e->certificate.der,
        .certificate_size = e->certificate.size,
        .begins_ms = e->certificate.begins_ms,
        .ends_ms = e->certificate.ends_ms,
        .pending_ms = e->pending_ms,
    };
    struct cm_err answer = *err;

    if (answer.code == CM_OK && e->refused) {
        (void)cm_fail(&answer, CM_EAUTH,
                      "the join token is not valid; make a new one with 'holdfast enroll'");
    }
    e->done(e->ctx, &answer, answer.code == CM_OK ? &enrolled : NULL);
    free(e->certificate.der);
    free(e->csr);
    free(e->address);
    free(e);
}

void hub_identity_enroll(struct hub_store *store, const struct hub_authority *authority,
                         const struct hub_enroll_ask *ask, hub_enroll_fn done, void *ctx) {
    struct enroll_job *e = cm_new(1, sizeof(*e));

    e->job.run = run_enroll;
    e->job.done = enroll_done;
    e->authority = authority;
    e->ask = *ask;
    e->csr = memcpy(cm_new(1, ask->csr_size + 1), ask->csr, ask->csr_size);
    e->address = cm_strdup(ask->address);
    e->done = done;
    e->ctx = ctx;
    hub_store_submit(store, &e->job);
}

struct token_job {
    struct hub_store_job job;
    struct wire_token token;
    char *cluster;
    char *made_by;
    int64_t life_ms;
    bool again;
    bool needs_approval;
    char *warning;
    hub_token_fn done;
    void *ctx;
};

struct names {
    struct cm_arena *arena;
    const char *items[NEAR_MAX];
    size_t count;
};

static void note_name(void *ctx, const char *name) {
    struct names *names = ctx;

    names->items[names->count++] = cm_arena_strdup(names->arena, name);
}

// An agent of a cluster that is not in Git has nothing to run, which is likely a typing error. The
// nearest name is looked for among NEAR_MAX.
static enum cm_rc check_in_git(struct hub_db *db, const char *cluster, char **warning,
                               struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct names *names = cm_arena_get(a, sizeof(*names));

    names->arena = a;
    enum cm_rc rc = hub_documents_each_cluster(db, cluster, NEAR_MAX, note_name, names, err);
    if (rc < 0 || (names->count > 0 && strcmp(names->items[0], cluster) == 0)) {
        return rc;
    }
    const char *near = cm_str_nearest(cluster, names->items, names->count);
    *warning = cm_strf("no Cluster document in Git names '%s', so its agent has nothing to apply "
                       "until one does, and only tells what runs there if it observes%s%s%s",
                       cluster, near == NULL ? "" : "; did you mean '", near == NULL ? "" : near,
                       near == NULL ? "" : "'?");
    return CM_OK;
}

static enum cm_rc run_token(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct token_job *t = CM_CONTAINER(job, struct token_job, job);
    struct hub_join_token row = {
        .id = t->token.id,
        .cluster = t->cluster,
        .secret = cm_sha256(t->token.secret, sizeof(t->token.secret)),
        .expires_ms = cm_clock_unix_ms() + t->life_ms,
        .made_by = t->made_by,
        .needs_approval = t->needs_approval,
    };

    if (!hub_cluster_name_ok(t->cluster)) {
        return cm_fail(err, CM_EINVAL,
                       "'%.80s' cannot name a cluster: use 1 to %d of a-z, 0-9 and '-', with no "
                       "'-' at either end",
                       t->cluster, HUB_CLUSTER_NAME_MAX);
    }
    enum cm_rc rc = hub_join_tokens_add(db, &row, t->again, err);

    return rc < 0 ? rc : check_in_git(db, t->cluster, &t->warning, err);
}

static void token_done(struct hub_store_job *job, const struct cm_err *err) {
    struct token_job *t = CM_CONTAINER(job, struct token_job, job);
    char text[WIRE_TOKEN_TEXT_MAX];

    wire_token_text(&t->token, text);
    t->done(t->ctx, err, err->code == CM_OK ? text : NULL, t->warning);
    explicit_bzero(text, sizeof(text));
    explicit_bzero(&t->token, sizeof(t->token));
    free(t->cluster);
    free(t->made_by);
    free(t->warning);
    free(t);
}

void hub_identity_make_token(struct hub_store *store, const struct hub_authority *authority,
                             const struct hub_token_ask *ask, hub_token_fn done, void *ctx) {
    struct token_job *t = cm_new(1, sizeof(*t));
    struct cm_sha256 pin = hub_authority_pin(authority);

    t->job.run = run_token;
    t->job.done = token_done;
    wire_token_make(&pin, &t->token);
    t->cluster = cm_strdup(ask->cluster);
    t->made_by = cm_strdup(ask->made_by);
    t->life_ms = ask->life_ms;
    t->again = ask->again;
    t->needs_approval = ask->needs_approval;
    t->done = done;
    t->ctx = ctx;
    hub_store_submit(store, &t->job);
}

struct revoke_job {
    struct hub_store_job job;
    char *cluster;
    char *made_by;
    char cluster_id[CM_UUID_MAX];
    hub_revoke_fn done;
    void *ctx;
};

static enum cm_rc run_revoke(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct revoke_job *r = CM_CONTAINER(job, struct revoke_job, job);
    enum cm_rc rc = hub_agents_revoke(db, r->cluster, r->cluster_id, err);
    const char *what = r->cluster_id[0] != '\0' ? r->cluster_id : "a join token nobody had used";

    return rc < 0 ? rc
                  : hub_events_add(db,
                                   &(struct hub_event){.at_ms = cm_clock_unix_ms(),
                                                       .kind = "agent.revoked",
                                                       .cluster = r->cluster,
                                                       .actor = r->made_by,
                                                       .message = what},
                                   err);
}

static void revoke_done(struct hub_store_job *job, const struct cm_err *err) {
    struct revoke_job *r = CM_CONTAINER(job, struct revoke_job, job);

    CM_FAULT_POINT("revocation-recorded");
    r->done(r->ctx, err, r->cluster, r->cluster_id);
    free(r->cluster);
    free(r->made_by);
    free(r);
}

void hub_identity_revoke(struct hub_store *store, const char *cluster, const char *made_by,
                         hub_revoke_fn done, void *ctx) {
    struct revoke_job *r = cm_new(1, sizeof(*r));

    r->job.run = run_revoke;
    r->job.done = revoke_done;
    r->cluster = cm_strdup(cluster);
    r->made_by = cm_strdup(made_by);
    r->done = done;
    r->ctx = ctx;
    hub_store_submit_first(store, &r->job);
}
