#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/access/authority.h"
#include "hub/api/handlers.h"
#include "hub/api/internal.h"
#include "hub/api/readers.h"
#include "hub/api/request.h"
#include "hub/api/routes.h"
#include "hub/store/query.h"
#include "proto/wire.h"

// Fails if a parameter is none of `names`, which end with NULL.
static enum cm_rc check_params(const struct hub_request *r, const char *const *names,
                               struct cm_err *err) {
    size_t count = 0;

    while (names[count] != NULL) {
        count++;
    }
    for (size_t i = 0; i < r->uri.param_count; i++) {
        const char *name = r->uri.params[i].name;
        size_t at = 0;

        while (at < count && strcmp(names[at], name) != 0) {
            at++;
        }
        if (at == count) {
            const char *nearest = cm_str_nearest(name, names, count);

            return cm_fail(err, CM_EINVAL, "'%.80s' is no parameter of %s%s%s%s", name, r->uri.path,
                           nearest == NULL ? "" : "; did you mean '",
                           nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
        }
    }
    return CM_OK;
}

static enum cm_rc answer(struct hub_request *r, enum cm_rc rc, const struct cm_json *json) {
    if (rc == CM_OK) {
        hub_answer_json(r, 200, json);
    }
    return rc;
}

static struct hub_query query_of(const struct hub_request *r, const char *list) {
    struct hub_query query = {.list = list, .param_count = r->uri.param_count};

    memcpy(query.params, r->uri.params, sizeof(query.params));
    return query;
}

enum cm_rc hub_get_list(struct hub_request *r, struct cm_err *err) {
    struct hub_query query = query_of(r, r->route->list);
    struct cm_json *json = NULL;
    struct hub_db *db = NULL;
    enum cm_rc rc = hub_readers_take(r->api->readers, &db, err);

    rc = rc < 0 ? rc : hub_query_run(db, r->arena, &query, &json, err);
    hub_readers_give(r->api->readers, db);
    return answer(r, rc, json);
}

enum cm_rc hub_get_version(struct hub_request *r, struct cm_err *err) {
    static const char *const none[] = {NULL};
    struct cm_json *json = cm_json_new(r->arena, CM_OBJECT);
    enum cm_rc rc = check_params(r, none, err);

    cm_json_set_string(r->arena, json, "version", HOLDFAST_VERSION);
    cm_json_set_string(r->arena, json, "hubId", hub_authority_hub_id(r->api->config.authority));
    cm_json_set_int(r->arena, json, "epoch", (int64_t)r->api->config.epoch);
    cm_json_set_int(r->arena, json, "protocol", WIRE_PROTOCOL_MAX);
    return answer(r, rc, json);
}

enum cm_rc hub_get_summary(struct hub_request *r, struct cm_err *err) {
    static const char *const none[] = {NULL};
    struct cm_json *json = NULL;
    struct hub_db *db = NULL;
    enum cm_rc rc = check_params(r, none, err);

    rc = rc < 0 ? rc : hub_readers_take(r->api->readers, &db, err);
    rc = rc < 0 ? rc : hub_query_summary(db, r->arena, &json, err);
    hub_readers_give(r->api->readers, db);
    return answer(r, rc, json);
}

enum cm_rc hub_get_rollout(struct hub_request *r, struct cm_err *err) {
    struct hub_query query = query_of(r, "rollout");
    struct cm_json *json = NULL;
    struct hub_db *db = NULL;
    enum cm_rc rc = hub_readers_take(r->api->readers, &db, err);

    rc = rc < 0 ? rc : hub_query_rollout(db, r->arena, &query, &json, err);
    hub_readers_give(r->api->readers, db);
    return answer(r, rc, json);
}

static enum cm_rc need(const struct hub_request *r, const char *name, const char **out,
                       struct cm_err *err) {
    *out = hub_uri_param(&r->uri, name);
    return *out != NULL ? CM_OK
                        : cm_fail(err, CM_EINVAL, "%s needs the parameter '%s'", r->uri.path, name);
}

enum cm_rc hub_get_desired(struct hub_request *r, struct cm_err *err) {
    static const char *const names[] = {"cluster", "key", NULL};
    struct cm_json *json = NULL;
    struct hub_db *db = NULL;
    const char *cluster = NULL;
    const char *key = NULL;
    enum cm_rc rc = check_params(r, names, err);

    rc = rc < 0 ? rc : need(r, "cluster", &cluster, err);
    rc = rc < 0 ? rc : need(r, "key", &key, err);
    rc = rc < 0 ? rc : hub_readers_take(r->api->readers, &db, err);
    rc = rc < 0 ? rc : hub_query_desired(db, r->arena, cluster, key, &json, err);
    hub_readers_give(r->api->readers, db);
    return answer(r, rc, json);
}
