#include "hub/api/gate.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/throttle.h"
#include "hub/api/handlers.h"
#include "hub/api/internal.h"
#include "hub/api/readers.h"
#include "hub/api/routes.h"
#include "hub/api/usage.h"

#define BODY_MAX ((size_t)64 * 1024)
#define HOOK_BODY_MAX ((size_t)1024 * 1024)
#define ALLOW_MAX 64

static void find_route(struct hub_request *r) {
    char *allow = cm_arena_get(r->arena, ALLOW_MAX);

    r->route = hub_route_find(r->method, r->uri.path, &r->arg, allow, ALLOW_MAX);
    if (r->route != NULL) {
        return;
    }
    if (allow[0] == '\0') {
        hub_answer_problem(r, 404, "there is nothing at '%.200s'", r->uri.path);
        return;
    }
    hub_answer_problem(r, 405, "'%.20s' is not what can be done with '%.200s': %s", r->method,
                       r->uri.path, allow);
    r->answer.allow = allow;
}

static void refuse(struct hub_request *r, const struct cm_err *err) {
    if (cm_throttle_take(r->api->wrong_tokens, r->address, cm_clock_now_ms())) {
        cm_log(CM_LOG_WARN, "api.refused", err->msg, "address", r->address, "path", r->uri.path,
               NULL);
        hub_answer_error(r, err);
        return;
    }
    hub_answer_problem(r, 429, "too many wrong API tokens from %s", r->address);
    r->answer.retry_s = 60;
}

static enum cm_rc check_token(struct hub_request *r, const char *text, struct cm_err *err) {
    struct hub_db *db = NULL;
    enum cm_rc rc = hub_readers_take(r->api->readers, &db, err);

    rc = rc < 0 ? rc : hub_api_tokens_check(db, text, cm_clock_unix_ms(), &r->token, err);
    hub_readers_give(r->api->readers, db);
    return rc;
}

// Tells whether one more request fits the rate of this key; otherwise it is answered.
static bool within(struct hub_request *r, struct cm_throttle *rate, const char *key,
                   const char *whose) {
    if (cm_throttle_take(rate, key, cm_clock_now_ms())) {
        return true;
    }
    hub_answer_problem(r, 429, "too many requests %s; wait a second", whose);
    r->answer.retry_s = 1;
    return false;
}

static void know(struct hub_request *r) {
    const char *header = hub_request_header(r, "Authorization");
    struct cm_err err;

    if (header == NULL || strncasecmp(header, "Bearer ", 7) != 0) {
        hub_answer_problem(r, 401, "this needs an API token: Authorization: Bearer TOKEN");
        return;
    }
    enum cm_rc rc = check_token(r, header + 7 + strspn(header + 7, " "), &err);
    if (rc == CM_OK) {
        r->known = true;
        hub_usage_note(r->api->usage, r->token.id, cm_clock_unix_ms());
        (void)within(r, r->api->token_rate, r->token.id, "with this API token");
    } else if (rc == CM_EAUTH) {
        refuse(r, &err);
    } else {
        hub_answer_error(r, &err);
    }
}

static void check_access(struct hub_request *r) {
    struct cm_err err;

    if (!within(r, r->api->address_rate, r->address, "from this address") ||
        r->route->access == HUB_ACCESS_ANYONE) {
        return;
    }
    if (r->route->access == HUB_ACCESS_HOOK) {
        if (hub_begin_hook(r, &err) < 0) {
            hub_answer_error(r, &err);
        }
        return;
    }
    know(r);
    if (r->answer.status == 0 && r->route->access == HUB_ACCESS_ADMIN &&
        r->token.role != HUB_ROLE_ADMIN) {
        hub_answer_problem(r, 403, "the API token '%s' may only read", r->token.name);
    }
}

void hub_gate_pass(struct hub_request *r, uint64_t announced) {
    if (r->uri_err.code != CM_OK) {
        hub_answer_error(r, &r->uri_err);
        return;
    }
    find_route(r);
    if (r->answer.status == 0) {
        check_access(r);
    }
    if (r->answer.status != 0) {
        return;
    }
    if (r->route->access == HUB_ACCESS_HOOK) {
        r->body_max = HOOK_BODY_MAX;
    } else if (strcmp(r->route->method, "GET") != 0) {
        r->body_max = BODY_MAX;
    }
    if (announced > r->body_max) {
        hub_answer_too_large(r);
    }
}
