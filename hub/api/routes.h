// routes: which requests there are, who may make them, and what answers them.
//
// Threads: constants.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "hub/store/tokens.h"

struct hub_request;

enum hub_access { HUB_ACCESS_ANYONE, HUB_ACCESS_HOOK, HUB_ACCESS_READ, HUB_ACCESS_ADMIN };

struct hub_route {
    const char *method;
    const char *path; // a '*' at the end stands for one segment or more, request->arg
    enum hub_access access;
    const char *list; // of hub_query_run; NULL: none
    // handle answers, asks the loop (hub_change_new), or fails; then the error is the answer.
    enum cm_rc (*handle)(struct hub_request *r, struct cm_err *err);
};

// hub_route_find finds the route of a request. If there is none it returns NULL; then *out_allow
// has the methods that this path knows, as the header Allow wants them, or "" if there is no such
// path. HEAD is GET.
const struct hub_route *hub_route_find(const char *method, const char *path, const char **out_arg,
                                       char *out_allow, size_t allow_size);
