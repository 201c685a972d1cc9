#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/api/audit.h"
#include "hub/api/change.h"
#include "hub/api/check.h"
#include "hub/api/handlers.h"
#include "hub/api/internal.h"
#include "hub/api/readers.h"
#include "hub/api/request.h"
#include "hub/config/config.h"
#include "hub/jobs/identity.h"
#include "hub/jobs/renewal.h"
#include "hub/jobs/sync.h"
#include "hub/session/sessions.h"
#include "hub/store/query.h"

#define LIFE_DEFAULT_MS ((int64_t)24 * 60 * 60 * 1000)

static const struct cm_err no_err = {.code = CM_OK};

// ---- Reading what is asked

// The text of a member; NULL without one.
static char *copy_text(const struct cm_json *body, const char *name) {
    return cm_strdup(cm_json_string(cm_json_get(body, name)));
}

// Fails with CM_ENOTFOUND unless the list has a row of this name.
static enum cm_rc check_known(struct hub_request *r, const char *list, const char *what,
                              const char *name, struct cm_err *err) {
    struct hub_query query = {.list = list, .params = {{"name", name}}, .param_count = 1};
    struct cm_json *json = NULL;
    struct hub_db *db = NULL;
    enum cm_rc rc = hub_readers_take(r->api->readers, &db, err);

    rc = rc < 0 ? rc : hub_query_run(db, r->arena, &query, &json, err);
    hub_readers_give(r->api->readers, db);
    if (rc == CM_OK && cm_json_get(json, "items")->count == 0) {
        return cm_fail(err, CM_ENOTFOUND, "no %s is named '%.80s'", what, name);
    }
    return rc;
}

// ---- POST /api/v1/sync

static void begin_sync(struct hub_change *c) {
    const struct hub_api_config *config = &c->api->config;
    long long asked_ms = cm_clock_unix_ms();
    struct cm_err err = no_err;
    size_t agents = 0;

    if (hub_sync_now(config->sync, c->repository, &err) < 0) {
        hub_change_done(c, &err, 0, NULL);
        return;
    }
    if (c->cluster != NULL || c->app != NULL) {
        agents = hub_sessions_sync(config->sessions, c->cluster, c->app == NULL ? "" : c->app);
    }
    hub_audit_done(c,
                   c->repository == NULL ? cm_strf("sync of all repositories")
                                         : cm_strf("sync of repository '%s'", c->repository),
                   202, cm_strf("{\"agents\":%zu,\"askedMs\":%lld}\n", agents, asked_ms));
}

enum cm_rc hub_post_sync(struct hub_request *r, struct cm_err *err) {
    struct hub_change *c = hub_change_new(r, begin_sync);
    struct cm_json *body = NULL;
    enum cm_rc rc = hub_check_body(r, &body, err);

    c->repository = copy_text(body, "repository");
    c->cluster = copy_text(body, "cluster");
    c->app = copy_text(body, "app");
    if (rc == CM_OK && c->cluster != NULL) {
        rc = check_known(r, "clusters", "cluster", c->cluster, err);
    }
    if (rc == CM_OK && c->app != NULL) {
        rc = check_known(r, "apps", "app", c->app, err);
    }
    return rc;
}

// ---- POST /api/v1/enrollments

static void add_texts(struct cm_arena *a, struct cm_json *object, const char *name,
                      const char *const *texts, size_t count) {
    struct cm_json *array = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < count; i++) {
        cm_json_append(array, cm_json_new_string(a, texts[i]));
    }
    cm_json_set(a, object, name, array);
}

static char *enrollment_text(const struct hub_change *c, const char *token, const char *warning) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct hub_api_config *config = &c->api->config;
    struct cm_json *answer = cm_json_new(a, CM_OBJECT);
    struct cm_str text = {0};

    cm_json_set_string(a, answer, "cluster", c->cluster);
    cm_json_set_string(a, answer, "token", token);
    cm_json_set_int(a, answer, "expiresMs", cm_clock_unix_ms() + c->life_ms);
    cm_json_set_bool(a, answer, "needsApproval", c->needs_approval);
    add_texts(a, answer, "enrollAddresses", config->advertise_enroll,
              config->advertise_enroll_count);
    add_texts(a, answer, "addresses", config->advertise, config->advertise_count);
    if (warning != NULL) {
        cm_json_set_string(a, answer, "warning", warning);
    }
    cm_json_write_compact(answer, &text);
    cm_str_add_char(&text, '\n');
    return cm_str_take(&text);
}

static void token_made(void *ctx, const struct cm_err *err, const char *token,
                       const char *warning) {
    struct hub_change *c = ctx;

    if (err->code != CM_OK) {
        hub_change_done(c, err, 0, NULL);
        return;
    }
    hub_audit_done(c,
                   cm_strf("a join token was made%s%s",
                           c->again ? ", for a cluster built anew" : "",
                           c->needs_approval ? "; the key is to be accepted" : ""),
                   201, enrollment_text(c, token, warning));
}

static void begin_enrollment(struct hub_change *c) {
    struct hub_token_ask ask = {.cluster = c->cluster,
                                .life_ms = c->life_ms,
                                .again = c->again,
                                .needs_approval = c->needs_approval,
                                .made_by = c->actor};

    hub_identity_make_token(c->api->config.store, c->api->config.authority, &ask, token_made, c);
}

enum cm_rc hub_post_enrollment(struct hub_request *r, struct cm_err *err) {
    const struct hub_config *options = r->api->config.options;
    struct hub_change *c = hub_change_new(r, begin_enrollment);
    struct cm_json *body = NULL;
    enum cm_rc rc = hub_check_body(r, &body, err);

    c->cluster = copy_text(body, "cluster");
    c->life_ms = cm_json_int(cm_json_get(body, "lifeMs"), LIFE_DEFAULT_MS);
    c->again = cm_json_true(cm_json_get(body, "again"));
    c->needs_approval = cm_json_true(cm_json_get(body, "needsApproval")) ||
                        (options != NULL && options->enroll_needs_approval);
    return rc;
}

// ---- DELETE /api/v1/enrollments/CLUSTER

static void revoked(void *ctx, const struct cm_err *err, const char *cluster,
                    const char *cluster_id) {
    struct hub_change *c = ctx;

    if (err->code != CM_OK) {
        hub_sessions_spare(c->api->config.sessions, cluster);
        hub_change_done(c, err, 0, NULL);
        return;
    }
    bool agent = cluster_id[0] != '\0';
    if (agent) {
        hub_sessions_revoke(c->api->config.sessions, cluster_id, c->asked_ms);
    }
    hub_audit_done(c, cm_strdup(agent ? "the agent was revoked" : "the join token was voided"), 204,
                   NULL);
}

static void begin_revocation(struct hub_change *c) {
    hub_sessions_revoking(c->api->config.sessions, c->cluster, c->asked_ms);
    hub_identity_revoke(c->api->config.store, c->cluster, c->actor, revoked, c);
}

enum cm_rc hub_delete_enrollment(struct hub_request *r, struct cm_err *err) {
    struct hub_change *c = hub_change_new(r, begin_revocation);

    (void)err;
    c->cluster = cm_strdup(r->arg);
    c->asked_ms = cm_clock_now_ms();
    return CM_OK;
}

// ---- POST /api/v1/approvals

static void approved(void *ctx, const struct cm_err *err, const char *id,
                     const struct hub_keys *keys) {
    char hex[CM_SHA256_HEX_MAX];
    struct hub_change *c = ctx;

    if (err->code != CM_OK) {
        hub_change_done(c, err, 0, NULL);
        return;
    }
    hub_sessions_approve(c->api->config.sessions, id, keys);
    cm_sha256_hex(&keys->current, hex);
    hub_audit_done(c, cm_strdup("the agent was approved"), 200,
                   cm_strf("{\"cluster\":\"%s\",\"key\":\"%s\"}\n", c->cluster, hex));
}

static void begin_approval(struct hub_change *c) {
    hub_renewal_approve(c->api->config.store, c->cluster, c->key, c->actor, approved, c);
}

enum cm_rc hub_post_approval(struct hub_request *r, struct cm_err *err) {
    struct hub_change *c = hub_change_new(r, begin_approval);
    struct cm_json *body = NULL;
    enum cm_rc rc = hub_check_body(r, &body, err);

    c->cluster = copy_text(body, "cluster");
    c->key = copy_text(body, "key");
    return rc;
}
