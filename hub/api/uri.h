// uri: the path and the parameters of a request, read strictly.
//
// What a client wrote wrongly is told to him instead of being guessed at: a broken percent escape,
// a control character, text that is not UTF-8, a parameter that comes twice.
//
// Threads: any; pure.
#pragma once

#include <stddef.h>

#include "common/err.h"
#include "hub/store/query.h"

struct cm_arena;

#define HUB_URI_MAX 8192

struct hub_uri {
    const char *path; // decoded; begins with '/'
    struct hub_query_param params[HUB_QUERY_PARAMS_MAX];
    size_t param_count;
};

// hub_uri_parse reads "/path?name=value&…"; the texts live in the arena. CM_EINVAL.
CM_MUSTUSE enum cm_rc hub_uri_parse(struct cm_arena *a, const char *text, struct hub_uri *out,
                                    struct cm_err *err);

// hub_uri_param returns the value of a parameter, or NULL.
const char *hub_uri_param(const struct hub_uri *uri, const char *name);
