#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/access/authority.h"
#include "hub/api/handlers.h"
#include "hub/api/internal.h"
#include "hub/api/openapi.h"
#include "hub/api/readers.h"
#include "hub/api/request.h"
#include "hub/api/routes.h"
#include "hub/render/bundle.h"
#include "hub/store/query.h"
#include "hub/store/query_details.h"
#include "proto/wire.h"

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

enum cm_rc hub_get_openapi(struct hub_request *r, struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    (void)err;
    hub_openapi_write(&text);
    hub_answer_text(r, 200, r->route->type, cm_str_get(&text));
    return CM_OK;
}

enum cm_rc hub_get_version(struct hub_request *r, struct cm_err *err) {
    struct cm_json *json = cm_json_new(r->arena, CM_OBJECT);

    (void)err;
    cm_json_set_string(r->arena, json, "version", HOLDFAST_VERSION);
    cm_json_set_string(r->arena, json, "hubId", hub_authority_hub_id(r->api->config.authority));
    cm_json_set_int(r->arena, json, "epoch", (int64_t)r->api->config.epoch);
    cm_json_set_int(r->arena, json, "protocol", WIRE_PROTOCOL_MAX);
    return answer(r, CM_OK, json);
}

enum cm_rc hub_get_summary(struct hub_request *r, struct cm_err *err) {
    struct cm_json *json = NULL;
    struct hub_db *db = NULL;
    enum cm_rc rc = hub_readers_take(r->api->readers, &db, err);

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

static bool find_in_bundle(const void *bundle, size_t size, const char *key,
                           struct cm_sha256 *out) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = cm_buf_copy(bundle, size);
    CM_CLEANUP(hub_bundle_unrefp) struct hub_bundle *b = NULL;
    struct cm_err damaged;

    if (hub_bundle_decode(bytes, NULL, NULL, &b, &damaged) < 0) {
        return false;
    }
    const struct hub_object *object = hub_bundle_find_key(b, key);
    if (object == NULL) {
        return false;
    }
    *out = object->sha256;
    return !object->secret;
}

enum cm_rc hub_get_desired(struct hub_request *r, struct cm_err *err) {
    const struct hub_desired_query query = {.cluster = hub_uri_param(&r->uri, "cluster"),
                                            .key = hub_uri_param(&r->uri, "key"),
                                            .find = find_in_bundle};
    struct cm_json *json = NULL;
    struct hub_db *db = NULL;
    enum cm_rc rc = hub_readers_take(r->api->readers, &db, err);

    rc = rc < 0 ? rc : hub_query_desired(db, r->arena, &query, &json, err);
    hub_readers_give(r->api->readers, db);
    return answer(r, rc, json);
}

// ---- One thing, whose names are in the path

static enum cm_rc split_names(const struct hub_request *r, const struct hub_detail *detail,
                              const char **names, struct cm_err *err) {
    char *rest = cm_arena_strdup(r->arena, r->arg);

    names[0] = detail->names[1] == NULL ? rest : strsep(&rest, "/");
    names[1] = rest;
    return detail->names[1] == NULL || rest != NULL
               ? CM_OK
               : cm_fail(err, CM_ENOTFOUND, "there is nothing at '%.200s'; use /%s/%s", r->uri.path,
                         r->route->detail, r->route->arg);
}

enum cm_rc hub_get_detail(struct hub_request *r, struct cm_err *err) {
    const struct hub_detail *detail = hub_detail_find(r->route->detail);
    const char *names[HUB_DETAIL_NAMES_MAX] = {NULL};
    struct cm_json *json = NULL;
    struct hub_db *db = NULL;
    enum cm_rc rc = split_names(r, detail, names, err);

    rc = rc < 0 ? rc : hub_readers_take(r->api->readers, &db, err);
    rc = rc < 0 ? rc : hub_query_detail(db, r->arena, detail, names, &json, err);
    hub_readers_give(r->api->readers, db);
    return answer(r, rc, json);
}
