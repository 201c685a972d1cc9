// past.c: how it was, what happened, and where something ran.
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "hub/api/handlers.h"
#include "hub/api/internal.h"
#include "hub/api/readers.h"
#include "hub/api/request.h"
#include "hub/jobs/state_look.h"
#include "hub/store/past_query.h"

typedef enum cm_rc (*past_fn)(struct hub_db *db, struct cm_arena *a, const struct hub_past_ask *ask,
                              struct cm_json **out, struct cm_err *err);

static const char *param(const struct hub_request *r, const char *name) {
    const char *value = hub_uri_param(&r->uri, name);

    return value == NULL ? "" : value;
}

static enum cm_rc read_limit(const struct hub_request *r, int64_t *out, struct cm_err *err) {
    const char *text = param(r, "limit");
    size_t size = strspn(text, "0123456789");

    *out = size > 0 && size < 8 ? strtoll(text, NULL, 10) : 0;
    if (text[0] == '\0' || (text[size] == '\0' && *out > 0 && *out <= HUB_PAST_LOG_MAX)) {
        return CM_OK;
    }
    return cm_fail(err, CM_EINVAL, "limit: '%.20s' is not a number from 1 to %d", text,
                   HUB_PAST_LOG_MAX);
}

static struct hub_past_ask read_ask(const struct hub_request *r) {
    return (struct hub_past_ask){.select = param(r, "select"),
                                 .now_ms = cm_clock_unix_ms(),
                                 .known = strcmp(param(r, "known"), "true") == 0,
                                 .expand = strcmp(param(r, "expand"), "true") == 0,
                                 .missing = strcmp(param(r, "missing"), "true") == 0,
                                 .what = param(r, "what"),
                                 .kind = param(r, "kind"),
                                 .object = param(r, "object")};
}

static enum cm_rc answer(struct hub_request *r, past_fn query, struct cm_err *err) {
    struct hub_past_ask ask = read_ask(r);
    struct cm_json *json = NULL;
    struct hub_db *db = NULL;
    enum cm_rc rc = read_limit(r, &ask.limit, err);

    rc = rc < 0 ? rc : hub_readers_take(r->api->readers, &db, err);
    if (rc < 0) {
        return rc;
    }
    rc = query(db, r->arena, &ask, &json, err);
    hub_readers_give(r->api->readers, db);
    if (rc == CM_OK) {
        hub_answer_json(r, 200, json);
    }
    return rc;
}

enum cm_rc hub_get_past_show(struct hub_request *r, struct cm_err *err) {
    return answer(r, hub_past_show, err);
}

enum cm_rc hub_get_past_log(struct hub_request *r, struct cm_err *err) {
    return answer(r, hub_past_log, err);
}

enum cm_rc hub_get_past_where(struct hub_request *r, struct cm_err *err) {
    return answer(r, hub_past_where, err);
}

enum cm_rc hub_get_past_diff(struct hub_request *r, struct cm_err *err) {
    return answer(r, hub_past_diff, err);
}

enum cm_rc hub_get_past_why(struct hub_request *r, struct cm_err *err) {
    return answer(r, hub_past_why, err);
}

// ---- Objects

static enum cm_rc find_sides(struct hub_request *r, struct hub_look_side *from,
                             struct hub_look_side *to, struct cm_err *err) {
    const struct hub_past_ask ask = read_ask(r);
    struct hub_past_side before, after;
    struct hub_db *db = NULL;
    enum cm_rc rc = hub_readers_take(r->api->readers, &db, err);

    if (rc < 0) {
        return rc;
    }
    rc = hub_past_sides(db, r->arena, &ask, &before, &after, err);
    hub_readers_give(r->api->readers, db);
    if (rc == CM_OK) {
        *from = (struct hub_look_side){before.cluster, before.app, before.at_ms, before.observed};
        *to = (struct hub_look_side){after.cluster, after.app, after.at_ms, after.observed};
    }
    return rc;
}

enum cm_rc hub_get_past_objects(struct hub_request *r, struct cm_err *err) {
    const char *path = r->api->config.state_path;
    struct hub_look_side from, to;
    struct cm_json *json = NULL;
    enum cm_rc rc = find_sides(r, &from, &to, err);

    if (rc == CM_OK && path == NULL) {
        return cm_fail(err, CM_ENOTFOUND,
                       "this hub keeps no state repository: start it with --state-window 2s");
    }
    rc = rc < 0 ? rc : hub_state_look(path, r->arena, &from, &to, &json, err);
    if (rc == CM_OK) {
        hub_answer_json(r, 200, json);
    }
    return rc;
}
