#include "hub/ctl/query.h"

#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/resources.h"
#include "hub/ctl/words.h"

#define PARAMS_MAX 12

static const char *const filters[] = {"app",  "cluster",    "group",    "selector", "state",
                                      "kind", "repository", "revision", "since"};

enum { FILTERS = sizeof(filters) / sizeof(filters[0]) };

static const char *since_text(struct ctl *c) {
    return c->options.since_ms == 0
               ? NULL
               : cm_arena_strf(c->arena, "%lld",
                               (long long)(cm_clock_unix_ms() - c->options.since_ms));
}

static const char *value_of(struct ctl *c, size_t filter) {
    const struct ctl_options *o = &c->options;
    const char *const values[FILTERS] = {o->app,        o->cluster,  o->group,
                                         o->selector,   o->state,    o->kind,
                                         o->repository, o->revision, since_text(c)};

    return values[filter];
}

enum cm_rc ctl_query_check(struct ctl *c, const struct ctl_resource *r) {
    for (size_t i = 0; i < FILTERS; i++) {
        if (ctl_has_word(c->given, filters[i]) && !ctl_has_word(r->params, filters[i])) {
            return cm_fail(&c->err, CM_EINVAL, "get: %s cannot be filtered by --%s%s%s", r->name,
                           filters[i], r->params[0] == '\0' ? "" : "; they can by: ", r->params);
        }
    }
    return CM_OK;
}

// The API calls a cluster's own name `name` in the list of clusters, an App's in the list of Apps.
static const char *api_name(const struct ctl_resource *r, const char *filter) {
    bool is_named = r->by != NULL && strcmp(r->by, "name") == 0;

    return is_named && ctl_has_word(r->words, filter) ? "name" : filter;
}

struct ctl_param *ctl_query_params(struct ctl *c, const struct ctl_resource *r, const char *name) {
    struct ctl_param *params = cm_arena_get(c->arena, PARAMS_MAX * sizeof(*params));
    size_t count = 0;

    for (size_t i = 0; i < FILTERS; i++) {
        if (ctl_has_word(r->params, filters[i])) {
            params[count++] = (struct ctl_param){api_name(r, filters[i]), value_of(c, i)};
        }
    }
    if (name != NULL) {
        params[count] = (struct ctl_param){r->by, name};
    }
    return params;
}
