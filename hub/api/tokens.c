#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/list.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/keys.h"
#include "hub/api/audit.h"
#include "hub/api/change.h"
#include "hub/api/check.h"
#include "hub/api/handlers.h"
#include "hub/api/internal.h"
#include "hub/api/request.h"
#include "hub/jobs/store.h"
#include "hub/store/tokens.h"

// The change and its event are one job of the store: both are on record or neither is.
struct token_job {
    struct hub_store_job job;
    struct hub_change *change;
    char *message;
    struct hub_api_token token;
    struct hub_credential shown;
};

static void submit(struct hub_change *c,
                   enum cm_rc (*run)(struct hub_store_job *job, struct hub_db *db,
                                     struct cm_err *err),
                   void (*done)(struct hub_store_job *job, const struct cm_err *err)) {
    struct token_job *t = cm_new(1, sizeof(*t));

    t->job.run = run;
    t->job.done = done;
    t->change = c;
    hub_store_submit(c->api->config.store, &t->job);
}

static void free_job(struct token_job *t) {
    hub_credential_done(&t->shown);
    free(t->message);
    free(t);
}

static const char *role_name(enum hub_role role) {
    return role == HUB_ROLE_ADMIN ? "admin" : "read";
}

// ---- POST /api/v1/tokens

static enum cm_rc run_make(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct token_job *t = CM_CONTAINER(job, struct token_job, job);
    const struct hub_change *c = t->change;
    struct hub_token_order order = {
        .name = c->token, .role = c->role, .life_ms = c->life_ms, .made_by = c->actor};
    enum cm_rc rc = hub_api_tokens_make(db, &order, cm_clock_unix_ms(), &t->token, &t->shown, err);

    if (rc < 0) {
        return rc;
    }
    t->message = cm_strf("the API token '%s' (%s) was made, with the role %s", t->token.name,
                         t->token.id, role_name(t->token.role));
    return hub_audit_add(db, c, t->message, err);
}

static char *token_text(const struct token_job *t) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    char secret[HUB_CREDENTIAL_TEXT_MAX];
    struct cm_json *head = cm_json_new(a, CM_OBJECT);
    struct cm_str text = {0};

    cm_json_set_string(a, head, "id", t->token.id);
    cm_json_set_string(a, head, "name", t->token.name);
    cm_json_set_string(a, head, "role", role_name(t->token.role));
    cm_json_set_int(a, head, "expiresMs", t->token.expires_ms);
    cm_json_write_compact(head, &text);
    hub_credential_text(&t->shown, secret);
    CM_AUTOFREE char *open = cm_str_take(&text); // the secret goes into no arena
    char *whole = cm_strf("%.*s,\"token\":\"%s\"}\n", (int)strlen(open) - 1, open, secret);
    explicit_bzero(secret, sizeof(secret));
    return whole;
}

static void make_done(struct hub_store_job *job, const struct cm_err *err) {
    struct token_job *t = CM_CONTAINER(job, struct token_job, job);

    if (err->code == CM_OK) {
        hub_audit_log(t->change, t->message);
    }
    hub_change_done(t->change, err, 201, err->code == CM_OK ? token_text(t) : NULL);
    free_job(t);
}

static void begin_make(struct hub_change *c) {
    submit(c, run_make, make_done);
}

enum cm_rc hub_post_token(struct hub_request *r, struct cm_err *err) {
    struct hub_change *c = hub_change_new(r, begin_make);
    struct cm_json *body = NULL;
    enum cm_rc rc = hub_check_body(r, &body, err);

    if (rc < 0) {
        return rc;
    }
    c->token = cm_strdup(cm_json_string(cm_json_get(body, "name")));
    c->role = strcmp(cm_json_string(cm_json_get(body, "role")), "admin") == 0 ? HUB_ROLE_ADMIN
                                                                              : HUB_ROLE_READ;
    c->life_ms = cm_json_int(cm_json_get(body, "lifeMs"), 0);
    return CM_OK;
}

// ---- DELETE /api/v1/tokens/ID

static enum cm_rc run_revoke(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct token_job *t = CM_CONTAINER(job, struct token_job, job);
    enum cm_rc rc = hub_api_tokens_revoke(db, t->change->token, cm_clock_unix_ms(), &t->token, err);

    if (rc < 0) {
        return rc;
    }
    t->message = cm_strf("the API token '%s' (%s) was revoked", t->token.name, t->token.id);
    return hub_audit_add(db, t->change, t->message, err);
}

static void revoke_done(struct hub_store_job *job, const struct cm_err *err) {
    struct token_job *t = CM_CONTAINER(job, struct token_job, job);

    if (err->code == CM_OK) {
        hub_audit_log(t->change, t->message);
    }
    hub_change_done(t->change, err, 204, NULL);
    free_job(t);
}

static void begin_revoke(struct hub_change *c) {
    submit(c, run_revoke, revoke_done);
}

enum cm_rc hub_delete_token(struct hub_request *r, struct cm_err *err) {
    (void)err;
    hub_change_new(r, begin_revoke)->token = cm_strdup(r->arg);
    return CM_OK;
}
