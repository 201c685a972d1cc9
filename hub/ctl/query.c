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

// ".metadata.name" and "{.name}" are what kubectl's users type.
static const char *sort_text(struct ctl *c) {
    const char *text = c->options.sort_by;
    const char *minus = text[0] == '-' ? "-" : "";
    size_t from = strspn(text, "-{.");

    return cm_arena_strf(c->arena, "%s%.*s", minus, (int)strcspn(text + from, "}"), text + from);
}

static const char *value_of(struct ctl *c, size_t filter) {
    const struct ctl_options *o = &c->options;
    const char *const values[FILTERS] = {o->app,        o->cluster,  o->group,
                                         o->selector,   o->state,    o->kind,
                                         o->repository, o->revision, since_text(c)};

    return values[filter];
}

const char *ctl_query_options(struct ctl *c, const struct ctl_resource *r) {
    const char *text = "";

    for (size_t i = 0; i < FILTERS; i++) {
        if (ctl_has_word(r->params, filters[i])) {
            text =
                cm_arena_strf(c->arena, "%s%s--%s", text, text[0] == '\0' ? "" : ", ", filters[i]);
        }
    }
    return text;
}

static enum cm_rc fail_filter(struct ctl *c, const struct ctl_resource *r, const char *filter) {
    const char *options = ctl_query_options(c, r);
    bool of_pairs = ctl_has_word(ctl_resource_named("status")->params, filter) && r->foldable;

    if (of_pairs || strcmp(r->name, "apps") == 0) {
        return cm_fail(&c->err, CM_EINVAL,
                       "get: %s cannot be filtered by --%s; 'holdfast get status --%s ...' lists "
                       "Apps on clusters",
                       r->name, filter, filter);
    }
    return cm_fail(&c->err, CM_EINVAL, "get: %s cannot be filtered by --%s%s%s", r->name, filter,
                   options[0] == '\0' ? "" : "; use ", options);
}

enum cm_rc ctl_query_check(struct ctl *c, const struct ctl_resource *r) {
    for (size_t i = 0; i < FILTERS; i++) {
        if (ctl_has_word(c->given, filters[i]) && !ctl_has_word(r->params, filters[i])) {
            return fail_filter(c, r, filters[i]);
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
    if (c->options.sort_by != NULL) {
        params[count++] = (struct ctl_param){"sort", sort_text(c)};
    }
    if (name != NULL) {
        params[count] = (struct ctl_param){r->by, name};
    }
    return params;
}
