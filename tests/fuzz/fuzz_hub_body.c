// The body of a request that is taken is an object with members of its route only, each of its type
// and within its limits, and with all that the route needs.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/api/check.h"
#include "hub/api/request.h"
#include "hub/api/routes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static const struct hub_member *find(const struct hub_route *route, const char *name) {
    const struct hub_member *m = route->body;

    while (m != NULL && m->name != NULL && strcmp(m->name, name) != 0) {
        m++;
    }
    return m != NULL && m->name != NULL ? m : NULL;
}

static void check_member(const struct hub_member *m, const struct cm_json *value) {
    require(m != NULL);
    if (m->type == HUB_MEMBER_TEXT) {
        require(value->type == CM_STRING && (m->max == 0 || value->len <= 4 * (size_t)m->max));
    } else if (m->type == HUB_MEMBER_INT) {
        int64_t number = cm_json_int(value, INT64_MIN);

        require(m->max == 0 || (number >= m->min && number <= m->max));
    } else {
        require(m->type != HUB_MEMBER_BOOL || value->type == CM_BOOL);
    }
}

// choose returns one of the routes that take a body.
static const struct hub_route *choose(unsigned number) {
    const struct hub_route *taking[64];
    size_t count = 0;

    for (size_t i = 0; hub_route_at(i) != NULL && count < 64; i++) {
        if (hub_route_at(i)->body != NULL) {
            taking[count++] = hub_route_at(i);
        }
    }
    return count == 0 ? NULL : taking[number % count];
}

static void check_route(const struct hub_route *route, const char *text, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_request request = {.arena = a, .route = route};
    struct cm_json *body = NULL;
    struct cm_err err = {0};

    cm_str_add_n(&request.body, text, size);
    enum cm_rc rc = hub_check_body(&request, &body, &err);
    cm_str_done(&request.body);
    if (rc < 0) {
        require(body == NULL && err.code == CM_EINVAL && err.msg[0] != '\0');
        return;
    }
    require(body->type == CM_OBJECT);
    for (const struct cm_json *at = body->first; at != NULL; at = at->next) {
        check_member(find(route, at->key), at);
    }
    for (const struct hub_member *m = route->body; m != NULL && m->name != NULL; m++) {
        require(!m->required || cm_json_get(body, m->name) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct hub_route *route = size == 0 ? NULL : choose(data[0]);

    if (route != NULL) {
        check_route(route, (const char *)data + 1, size - 1);
    }
    return 0;
}
