#include "hub/api/routes.h"

#include <stdio.h>
#include <string.h>

#include "hub/api/handlers.h"

#define API "/api/v1/"

#define LIST(of)                                                                                   \
    { "GET", API of, HUB_ACCESS_READ, of, hub_get_list }

static const struct hub_route routes[] = {
    LIST("clusters"),
    LIST("groups"),
    LIST("apps"),
    LIST("status"),
    LIST("objects"),
    LIST("drift"),
    LIST("events"),
    LIST("revisions"),
    LIST("problems"),
    {"GET", API "version", HUB_ACCESS_READ, NULL, hub_get_version},
    {"GET", API "summary", HUB_ACCESS_READ, NULL, hub_get_summary},
    {"GET", API "rollout", HUB_ACCESS_READ, NULL, hub_get_rollout},
    {"GET", API "objects/desired", HUB_ACCESS_READ, NULL, hub_get_desired},
    {"POST", API "sync", HUB_ACCESS_ADMIN, NULL, hub_post_sync},
    {"POST", API "enrollments", HUB_ACCESS_ADMIN, NULL, hub_post_enrollment},
    {"DELETE", API "enrollments/*", HUB_ACCESS_ADMIN, NULL, hub_delete_enrollment},
    {"POST", "/hooks/*", HUB_ACCESS_HOOK, NULL, hub_post_hook},
    {"GET", "/metrics", HUB_ACCESS_READ, NULL, hub_get_metrics},
    {"GET", "/healthz", HUB_ACCESS_ANYONE, NULL, hub_get_healthz},
    {"GET", "/readyz", HUB_ACCESS_ANYONE, NULL, hub_get_readyz},
};

// Tells whether the route is for this path; *arg is then its end.
static bool fits(const struct hub_route *route, const char *path, const char **arg) {
    size_t fixed = strcspn(route->path, "*");

    *arg = path + (route->path[fixed] == '*' ? fixed : strlen(path));
    if (route->path[fixed] == '*') {
        return strncmp(route->path, path, fixed) == 0 && path[fixed] != '\0';
    }
    return strcmp(route->path, path) == 0;
}

static void allow(char *text, size_t size, const char *method) {
    size_t at = strlen(text);
    const char *also = strcmp(method, "GET") == 0 ? ", HEAD" : "";

    (void)snprintf(text + at, size - at, "%s%s%s", at > 0 ? ", " : "", method, also);
}

const struct hub_route *hub_route_find(const char *method, const char *path, const char **out_arg,
                                       char *out_allow, size_t allow_size) {
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;

    out_allow[0] = '\0';
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (!fits(&routes[i], path, out_arg)) {
            continue;
        }
        if (strcmp(routes[i].method, wanted) == 0) {
            return &routes[i];
        }
        allow(out_allow, allow_size, routes[i].method);
    }
    return NULL;
}
