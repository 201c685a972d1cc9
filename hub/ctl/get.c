// get.c: `holdfast get`: lists, by a table of what there is to list.
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/str.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/print.h"
#include "hub/ctl/words.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct resource {
    const char *name;
    const char *names; // what -o name prints
    const struct ctl_column *columns;
    size_t count;
    const char *params; // of the API that options fill
    int64_t limit;      // when --limit is not given; 0: all
    bool newest_last;   // the API answers newest first; people read downwards
    const char *by;     // the parameter that NAME fills; NULL: it takes no NAME
};

static const struct ctl_column clusters[] = {
    {"NAME", "name", CTL_TEXT},         {"CONNECTED", "connected", CTL_YES},
    {"APPS", "apps", CTL_NUMBER},       {"APPLIED", "applied", CTL_NUMBER},
    {"HEALTHY", "healthy", CTL_NUMBER}, {"DRIFTED", "drifted", CTL_NUMBER},
    {"SEEN", "lastSeenMs", CTL_AGE},    {"TARGET", "targetVersion", CTL_TEXT},
    {"LABELS", "labels", CTL_LABELS},
};

static const struct ctl_column groups[] = {
    {"NAME", "name", CTL_TEXT}, {"CLUSTERS", "clusters", CTL_COUNT}, {"PATH", "path", CTL_TEXT}};

static const struct ctl_column apps[] = {
    {"NAME", "name", CTL_TEXT},
    {"CLUSTERS", "clusters", CTL_NUMBER},
    {"APPLIED", "applied", CTL_NUMBER},
    {"HEALTHY", "healthy", CTL_NUMBER},
    {"FAILED", "failed", CTL_NUMBER},
    {"DEGRADED", "degraded", CTL_NUMBER},
    {"DRIFTED", "drifted", CTL_NUMBER},
    {"NAMESPACE", "namespace", CTL_TEXT},
    {"REPOSITORY", "repository", CTL_TEXT},
};

static const struct ctl_column status[] = {
    {"APP", "app", CTL_TEXT},
    {"CLUSTER", "cluster", CTL_TEXT},
    {"REVISION", "revision", CTL_SHORT},
    {"UP TO DATE", "upToDate", CTL_YES},
    {"APPLIED", "applied", CTL_TEXT},
    {"HEALTH", "health", CTL_TEXT},
    {"DRIFTED", "drifted", CTL_NUMBER},
    {"CONNECTED", "connected", CTL_YES},
    {"MESSAGE", "message", CTL_TEXT},
};

static const struct ctl_column objects[] = {
    {"OBJECT", "key", CTL_TEXT},
    {"APP", "app", CTL_TEXT},
    {"HEALTH", "health", CTL_TEXT},
    {"MESSAGE", "message", CTL_TEXT},
};

static const struct ctl_column drift[] = {
    {"CLUSTER", "cluster", CTL_TEXT}, {"APP", "app", CTL_TEXT},
    {"OBJECT", "key", CTL_TEXT},      {"FIELD", "path", CTL_TEXT},
    {"DESIRED", "desired", CTL_TEXT}, {"ACTUAL", "actual", CTL_TEXT},
    {"MANAGER", "manager", CTL_TEXT}, {"AGO", "atMs", CTL_AGE},
};

static const struct ctl_column events[] = {
    {"TIME", "atMs", CTL_TIME},          {"KIND", "kind", CTL_TEXT},
    {"CLUSTER", "cluster", CTL_TEXT},    {"APP", "app", CTL_TEXT},
    {"REVISION", "revision", CTL_SHORT}, {"WHO", "actor", CTL_TEXT},
    {"WHAT", "message", CTL_TEXT},
};

static const struct ctl_column revisions[] = {
    {"REVISION", "id", CTL_SHORT},        {"REPOSITORY", "repository", CTL_TEXT},
    {"AGO", "committedMs", CTL_AGE},      {"CLUSTERS", "clusters", CTL_NUMBER},
    {"PROBLEMS", "problems", CTL_NUMBER}, {"AUTHOR", "author", CTL_TEXT},
    {"SUBJECT", "subject", CTL_TEXT},
};

static const struct ctl_column problems[] = {
    {"FILE", "path", CTL_TEXT},       {"LINE", "line", CTL_NUMBER},
    {"APP", "app", CTL_TEXT},         {"CLUSTERS", "clusters", CTL_NUMBER},
    {"PROBLEM", "message", CTL_TEXT},
};

static const struct resource resources[] = {
    {"clusters", "name", clusters, COUNT(clusters), "cluster group selector", 0, false, "name"},
    {"groups", "name", groups, COUNT(groups), "", 0, false, "name"},
    {"apps", "name", apps, COUNT(apps), "app", 0, false, "name"},
    {"status", "app cluster", status, COUNT(status), "app cluster group selector state", 0, false,
     "app"},
    {"objects", "key", objects, COUNT(objects), "cluster app", 0, false, "key"},
    {"drift", "cluster key path", drift, COUNT(drift), "app cluster", 0, false, NULL},
    {"events", "number", events, COUNT(events), "app cluster kind", 50, true, NULL},
    {"revisions", "id", revisions, COUNT(revisions), "repository", 20, false, NULL},
    {"problems", "path", problems, COUNT(problems), "repository app", 0, false, NULL},
};

static const struct resource *find(const char *name) {
    for (size_t i = 0; i < COUNT(resources); i++) {
        size_t len = strlen(resources[i].name);

        // "cluster" is as good as "clusters"
        if (strcmp(resources[i].name, name) == 0 ||
            (resources[i].name[len - 1] == 's' && strlen(name) == len - 1 &&
             strncmp(resources[i].name, name, len - 1) == 0)) {
            return &resources[i];
        }
    }
    return NULL;
}

static int fail_unknown(struct ctl *c, const char *name) {
    const char *names[COUNT(resources)];

    for (size_t i = 0; i < COUNT(resources); i++) {
        names[i] = resources[i].name;
    }
    const char *nearest = cm_str_nearest(name, names, COUNT(resources));
    if (nearest == NULL) {
        return ctl_fail(c, CM_EINVAL,
                        "get: '%.40s' cannot be listed; use clusters, groups, apps, status, "
                        "objects, drift, events, revisions or problems",
                        name);
    }
    return ctl_fail(c, CM_EINVAL, "get: '%.40s' cannot be listed; did you mean '%s'?", name,
                    nearest);
}

static const char *option_value(const struct ctl_options *o, const char *param) {
    const struct {
        const char *name;
        const char *value;
    } values[] = {
        {"app", o->app},
        {"cluster", o->cluster},
        {"group", o->group},
        {"selector", o->selector},
        {"state", o->state},
        {"kind", o->kind},
        {"repository", o->repository},
    };

    for (size_t i = 0; i < COUNT(values); i++) {
        if (strcmp(values[i].name, param) == 0) {
            return values[i].value;
        }
    }
    return NULL;
}

// The API calls a cluster's own name `name` in the list of clusters, an App's in the list of Apps.
static const char *api_name(const struct resource *r, const char *param) {
    bool own = (r->columns == clusters && strcmp(param, "cluster") == 0) ||
               (r->columns == apps && strcmp(param, "app") == 0);

    return own ? "name" : param;
}

static struct ctl_param *make_params(struct ctl *c, const struct resource *r) {
    struct ctl_param *params = cm_arena_get(c->arena, 8 * sizeof(*params));
    char *rest = cm_arena_strdup(c->arena, r->params);
    char *param;
    size_t count = 0;

    while ((param = strsep(&rest, " ")) != NULL) {
        if (param[0] != '\0') {
            params[count++] =
                (struct ctl_param){api_name(r, param), option_value(&c->options, param)};
        }
    }
    if (c->argc > 1) {
        params[count++] = (struct ctl_param){r->by, c->argv[1]};
    }
    return params;
}

// An option that this list does not know would be a filter that filters nothing.
static int check_filters(struct ctl *c, const struct resource *r) {
    static const char *const filters[] = {"app",   "cluster", "group",     "selector",
                                          "state", "kind",    "repository"};

    for (size_t i = 0; i < COUNT(filters); i++) {
        const char *value = option_value(&c->options, filters[i]);

        if (value != NULL && value[0] != '\0' && !ctl_has_word(r->params, filters[i])) {
            return ctl_fail(c, CM_EINVAL, "get: %s cannot be filtered by --%s%s%s", r->name,
                            filters[i], r->params[0] == '\0' ? "" : "; they can by: ", r->params);
        }
    }
    return CTL_DONE;
}

static int check_arguments(struct ctl *c, const struct resource *r) {
    if (c->argc > 1 && r->by == NULL) {
        return ctl_fail(c, CM_EINVAL, "get: %s cannot be listed by name; use options: %s", r->name,
                        r->params);
    }
    if (c->argc > 2) {
        return ctl_fail(c, CM_EINVAL, "get: name one, or none for all of them");
    }
    if (c->argc > 1 && r->columns == status && c->options.app != NULL) {
        return ctl_fail(c, CM_EINVAL, "get: the name and --app both say which App");
    }
    if (r->columns == objects && c->options.cluster == NULL) {
        return ctl_fail(c, CM_EINVAL, "get: whose objects? say --cluster NAME");
    }
    return check_filters(c, r);
}

// Nothing was found: is that an answer, or is there nothing of that name?
static int check_found(struct ctl *c, const struct resource *r) {
    if (r->columns == events || r->columns == problems) { // also tell of what is gone
        return CTL_DONE;
    }
    if (c->argc > 1 && (r->columns == status || r->columns == apps)) {
        return ctl_check_named(c, "/apps", "App", c->argv[1]) < 0 ? CTL_ERROR : CTL_DONE;
    }
    if (ctl_check_names(c) < 0 || ctl_check_named(c, "/groups", "group", c->options.group) < 0) {
        return CTL_ERROR;
    }
    if (c->argc > 1) {
        return ctl_fail(c, CM_ENOTFOUND, "no %.*s is named '%.200s'", (int)strlen(r->name) - 1,
                        r->name, c->argv[1]);
    }
    return CTL_DONE;
}

static struct cm_json *reversed(struct cm_arena *a, const struct cm_json *items) {
    struct cm_json *list = cm_json_new(a, CM_ARRAY);

    for (struct cm_json *at = items->first; at != NULL;) {
        struct cm_json *next = at->next;

        at->next = list->first;
        list->first = at;
        list->last = list->last == NULL ? at : list->last;
        list->count++;
        at = next;
    }
    return list;
}

int ctl_get(struct ctl *c) {
    struct cm_json *items = NULL;

    if (c->argc == 0) {
        return ctl_fail(c, CM_EINVAL,
                        "get what? clusters, groups, apps, status, objects, drift, "
                        "events, revisions or problems");
    }
    const struct resource *r = find(c->argv[0]);
    if (r == NULL) {
        return fail_unknown(c, c->argv[0]);
    }
    if (check_arguments(c, r) != CTL_DONE) {
        return CTL_ERROR;
    }
    int64_t limit = c->options.limit > 0 ? c->options.limit : r->limit;
    const char *path = cm_arena_strf(c->arena, "/%s", r->name);
    if (ctl_output_check(c) < 0 || ctl_list(c, path, make_params(c, r), limit, &items) < 0) {
        return CTL_ERROR;
    }
    if (items->count == 0 && check_found(c, r) != CTL_DONE) {
        return CTL_ERROR;
    }
    if (r->newest_last && ctl_output_is(c, "table")) {
        items = reversed(c->arena, items);
    }
    return ctl_print_list(c, items, r->columns, r->count, r->names) < 0 ? CTL_ERROR : CTL_DONE;
}
