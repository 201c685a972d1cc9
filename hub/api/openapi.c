#include "hub/api/openapi.h"

#include <ctype.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/api/openapi_parts.h"
#include "hub/api/request.h"
#include "hub/api/routes.h"
#include "hub/store/query.h"
#include "hub/store/query_details.h"
#include "hub/store/query_lists.h"

#define NAME "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
#define PROBLEM_TYPE "application/problem+json"

// ---- Addresses: "/api/v1/status/*" with "cluster/app" is "/api/v1/status/{cluster}/{app}"

static const char *address_of(struct cm_arena *a, const struct hub_route *route) {
    size_t fixed = strcspn(route->path, "*");
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    char *rest = route->arg == NULL ? NULL : cm_arena_strdup(a, route->arg);
    const char *between = "";
    char *name;

    cm_str_add_n(&text, route->path, fixed);
    while ((name = strsep(&rest, "/")) != NULL) {
        cm_str_addf(&text, "%s{%s}", between, name);
        between = "/";
    }
    return cm_arena_strdup(a, cm_str_get(&text));
}

// "GET /api/v1/clusters/{name}" is "getClustersName".
static const char *operation_id(struct cm_arena *a, const struct hub_route *route,
                                const char *address) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    const char *at = strncmp(address, "/api/v1", 7) == 0 ? address + 7 : address;
    bool begins = true;

    for (const char *m = route->method; *m != '\0'; m++) {
        cm_str_add_char(&text, cm_lower(*m));
    }
    for (; *at != '\0'; at++) {
        if (isalnum((unsigned char)*at)) {
            cm_str_add_char(&text, (char)(begins ? cm_upper(*at) : *at));
        }
        begins = !isalnum((unsigned char)*at);
    }
    return cm_arena_strdup(a, cm_str_get(&text));
}

// ---- Parameters

static void add_param(struct cm_arena *a, struct cm_json *params, const char *in, const char *name,
                      bool required, const char *about, struct cm_json *schema) {
    struct cm_json *param = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, param, "name", name);
    cm_json_set_string(a, param, "in", in);
    cm_json_set_bool(a, param, "required", required);
    cm_json_set_string(a, param, "description", about);
    cm_json_set(a, param, "schema", schema);
    cm_json_append(params, param);
}

static struct cm_json *path_schema(struct cm_arena *a, const char *name, const char *pattern) {
    struct cm_json *schema = hub_openapi_type(a, "string");
    struct cm_json *forges = cm_json_new(a, CM_ARRAY);

    if (strcmp(name, "forge") == 0) {
        hub_openapi_word(a, forges, "github");
        hub_openapi_word(a, forges, "gitlab");
        hub_openapi_word(a, forges, "gitea");
        cm_json_set(a, schema, "enum", forges);
    } else {
        cm_json_set_string(a, schema, "pattern", pattern == NULL ? NAME : pattern);
    }
    return schema;
}

static void add_path_params(struct cm_arena *a, struct cm_json *params,
                            const struct hub_route *route) {
    char *rest = route->arg == NULL ? NULL : cm_arena_strdup(a, route->arg);
    char *name;

    while ((name = strsep(&rest, "/")) != NULL) {
        add_param(a, params, "path", name, true, "What is meant, by name.",
                  path_schema(a, name, route->arg_pattern));
    }
}

static void add_page_params(struct cm_arena *a, struct cm_json *params,
                            const struct hub_list *list) {
    struct cm_json *limit = hub_openapi_type(a, "integer");
    struct cm_json *cursor = hub_openapi_type(a, "string");

    cm_json_set_int(a, limit, "minimum", 1);
    cm_json_set_int(a, limit, "maximum", HUB_QUERY_LIMIT_MAX);
    cm_json_set_int(a, limit, "default", HUB_QUERY_LIMIT_DEFAULT);
    cm_json_set_string(a, cursor, "pattern", "^[-_A-Za-z0-9]{4,4096}$");
    add_param(a, params, "query", "limit", false, "Rows of a page.", limit);
    add_param(a, params, "query", "cursor", false,
              "`next` of the page before, with the same `sort`.", cursor);
    add_param(a, params, "query", "sort", false, "Members to sort by; '-' for descending.",
              hub_openapi_sort(a, list));
    add_param(a, params, "query", "fields", false, "Only these members.",
              hub_openapi_fields(a, list));
    add_param(a, params, "query", "total", false, "Also count the rows of all pages.",
              hub_openapi_type(a, "boolean"));
}

static void add_list_params(struct cm_arena *a, struct cm_json *params,
                            const struct hub_list *list) {
    for (const struct hub_filter *f = list->filters; f->name != NULL; f++) {
        bool required = list->required != NULL && strcmp(list->required, f->name) == 0;

        add_param(a, params, "query", f->name, required, f->about, hub_openapi_filter(a, f));
    }
    if (list->column_count > 0) {
        add_page_params(a, params, list);
    }
}

static void add_member_params(struct cm_arena *a, struct cm_json *params,
                              const struct hub_member *members) {
    for (; members->name != NULL; members++) {
        struct cm_json *schema = hub_openapi_member(a, members);

        (void)cm_json_remove(schema, "description");
        if (members->pattern == NULL) {
            cm_json_set_string(a, schema, "pattern", HUB_OPENAPI_PLAIN);
        }
        add_param(a, params, "query", members->name, members->required, members->about, schema);
    }
}

static struct cm_json *params_of(struct cm_arena *a, const struct hub_route *route) {
    struct cm_json *params = cm_json_new(a, CM_ARRAY);

    add_path_params(a, params, route);
    if (route->list != NULL) {
        add_list_params(a, params, hub_list_find(route->list));
    }
    if (route->params != NULL) {
        add_member_params(a, params, route->params);
    }
    if (route->type != NULL && strcmp(route->type, "text/event-stream") == 0) {
        add_param(a, params, "header", "Last-Event-ID", false,
                  "Go on behind this event; before `after`.", hub_openapi_type(a, "string"));
    }
    return params;
}

// ---- Answers

static struct cm_json *content(struct cm_arena *a, const char *type, struct cm_json *schema) {
    struct cm_json *media = cm_json_new(a, CM_OBJECT);
    struct cm_json *content = cm_json_new(a, CM_OBJECT);

    cm_json_set(a, media, "schema", schema);
    cm_json_set(a, content, type, media);
    return content;
}

static struct cm_json *page_schema(struct cm_arena *a, const struct hub_list *list) {
    static const struct hub_member members[] = {
        {"next", HUB_MEMBER_TEXT, false, "The cursor of the next page; missing at the last one.", 0,
         0, NULL, NULL},
        {"total", HUB_MEMBER_INT, false, "The rows of all pages, if asked for.", 0, 0, NULL, NULL},
        {NULL, HUB_MEMBER_TEXT, false, NULL, 0, 0, NULL, NULL},
    };
    struct cm_json *schema = hub_openapi_object(a, members);
    struct cm_json *required = cm_json_new(a, CM_ARRAY);

    hub_openapi_word(a, required, "items");
    cm_json_set(a, schema, "required", required);
    cm_json_set(a, cm_json_get(schema, "properties"), "items",
                hub_openapi_array(a, hub_openapi_ref(a, "schemas", list->item)));
    return schema;
}

static struct cm_json *answer_schema(struct cm_arena *a, const struct hub_route *route) {
    if (route->detail != NULL) {
        return hub_openapi_ref(a, "schemas", hub_detail_find(route->detail)->item);
    }
    if (route->list != NULL && route->answer != NULL) {
        return hub_openapi_ref(a, "schemas", hub_list_find(route->list)->item);
    }
    if (route->list != NULL) {
        return page_schema(a, hub_list_find(route->list));
    }
    return hub_openapi_object(a, route->answer);
}

static struct cm_json *good_answer(struct cm_arena *a, const struct hub_route *route) {
    struct cm_json *answer = cm_json_new(a, CM_OBJECT);
    bool json = route->detail != NULL || route->list != NULL || route->answer != NULL;

    cm_json_set_string(a, answer, "description", "It worked.");
    if (json) {
        cm_json_set(a, answer, "content", content(a, "application/json", answer_schema(a, route)));
    } else if (route->type != NULL) {
        bool object = strcmp(route->type, "application/json") == 0;

        cm_json_set(a, answer, "content",
                    content(a, route->type, hub_openapi_type(a, object ? "object" : "string")));
    }
    return answer;
}

static void add_problem(struct cm_arena *a, struct cm_json *answers, bool possible,
                        unsigned status) {
    if (possible) {
        cm_json_set(a, answers, cm_arena_strf(a, "%u", status),
                    hub_openapi_ref(a, "responses", cm_arena_strf(a, "problem%u", status)));
    }
}

static struct cm_json *answers_of(struct cm_arena *a, const struct hub_route *route) {
    struct cm_json *answers = cm_json_new(a, CM_OBJECT);
    struct cm_json *same = cm_json_new(a, CM_OBJECT);
    bool gets = strcmp(route->method, "GET") == 0;
    bool counts = route->list != NULL && route->answer != NULL;

    cm_json_set(a, answers, cm_arena_strf(a, "%u", route->status), good_answer(a, route));
    if (gets && route->type == NULL) {
        cm_json_set_string(a, same, "description", "It is as If-None-Match says.");
        cm_json_set(a, answers, "304", same);
    }
    add_problem(a, answers, route->access != HUB_ACCESS_ANYONE, 400);
    add_problem(a, answers, route->access != HUB_ACCESS_ANYONE, 401);
    add_problem(a, answers, route->access == HUB_ACCESS_ADMIN, 403);
    add_problem(a, answers,
                route->arg != NULL || route->params != NULL || route->body != NULL || counts, 404);
    add_problem(a, answers, route->conflicts, 409);
    add_problem(a, answers, !gets, 413);
    add_problem(a, answers, true, 429);
    add_problem(a, answers, true, 503);
    return answers;
}

static struct cm_json *problem_answers(struct cm_arena *a) {
    static const unsigned statuses[] = {400, 401, 403, 404, 409, 413, 429, 503};
    struct cm_json *answers = cm_json_new(a, CM_OBJECT);

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct cm_json *answer = cm_json_new(a, CM_OBJECT);

        cm_json_set_string(a, answer, "description", hub_problem_title(statuses[i]));
        cm_json_set(a, answer, "content",
                    content(a, PROBLEM_TYPE, hub_openapi_ref(a, "schemas", "Problem")));
        cm_json_set(a, answers, cm_arena_strf(a, "problem%u", statuses[i]), answer);
    }
    return answers;
}

// ---- Operations

static bool needs_member(const struct hub_member *members) {
    while (members != NULL && members->name != NULL && !members->required) {
        members++;
    }
    return members != NULL && members->name != NULL;
}

static struct cm_json *body_of(struct cm_arena *a, const struct hub_route *route) {
    struct cm_json *body = cm_json_new(a, CM_OBJECT);
    bool hook = route->access == HUB_ACCESS_HOOK;

    cm_json_set_bool(a, body, "required", needs_member(route->body));
    cm_json_set(a, body, "content",
                content(a, "application/json",
                        hook ? hub_openapi_type(a, "object") : hub_openapi_object(a, route->body)));
    return body;
}

static const char *about(const struct hub_route *route) {
    if (route->about != NULL) {
        return route->about;
    }
    return route->detail != NULL ? hub_detail_find(route->detail)->about
                                 : hub_list_find(route->list)->about;
}

static struct cm_json *operation_of(struct cm_arena *a, const struct hub_route *route,
                                    const char *address) {
    struct cm_json *operation = cm_json_new(a, CM_OBJECT);
    struct cm_json *tags = cm_json_new(a, CM_ARRAY);
    bool open = route->access == HUB_ACCESS_ANYONE || route->access == HUB_ACCESS_HOOK;

    hub_openapi_word(a, tags, route->tag);
    cm_json_set_string(a, operation, "operationId", operation_id(a, route, address));
    cm_json_set_string(a, operation, "summary", about(route));
    cm_json_set(a, operation, "tags", tags);
    cm_json_set(a, operation, "parameters", params_of(a, route));
    cm_json_set(a, operation, "responses", answers_of(a, route));
    if (route->body != NULL || route->access == HUB_ACCESS_HOOK) {
        cm_json_set(a, operation, "requestBody", body_of(a, route));
    }
    if (open) {
        cm_json_set(a, operation, "security", cm_json_new(a, CM_ARRAY));
    }
    return operation;
}

static struct cm_json *paths(struct cm_arena *a) {
    struct cm_json *paths = cm_json_new(a, CM_OBJECT);

    for (size_t i = 0; hub_route_at(i) != NULL; i++) {
        const struct hub_route *route = hub_route_at(i);
        const char *address = address_of(a, route);
        struct cm_json *path = cm_json_get(paths, address);
        const char *method = strcmp(route->method, "GET") == 0    ? "get"
                             : strcmp(route->method, "POST") == 0 ? "post"
                                                                  : "delete";

        if (path == NULL) {
            path = cm_json_new(a, CM_OBJECT);
            cm_json_set(a, paths, address, path);
        }
        cm_json_set(a, path, method, operation_of(a, route, address));
    }
    return paths;
}

// ---- The document

static struct cm_json *info(struct cm_arena *a) {
    struct cm_json *info = cm_json_new(a, CM_OBJECT);
    struct cm_json *license = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, license, "name", "Apache-2.0");
    cm_json_set_string(a, info, "title", "holdfast hub");
    cm_json_set_string(a, info, "version", HOLDFAST_VERSION);
    cm_json_set_string(a, info, "description",
                       "GitOps for a fleet: what clusters should run, what they run, and changes. "
                       "Times are Unix milliseconds.");
    cm_json_set(a, info, "license", license);
    return info;
}

static struct cm_json *security(struct cm_arena *a) {
    struct cm_json *bearer = cm_json_new(a, CM_OBJECT);
    struct cm_json *one = cm_json_new(a, CM_ARRAY);

    cm_json_set(a, bearer, "bearer", cm_json_new(a, CM_ARRAY));
    cm_json_append(one, bearer);
    return one;
}

static struct cm_json *components(struct cm_arena *a) {
    struct cm_json *components = cm_json_new(a, CM_OBJECT);
    struct cm_json *schemes = cm_json_new(a, CM_OBJECT);
    struct cm_json *bearer = hub_openapi_type(a, "http");

    cm_json_set_string(a, bearer, "scheme", "bearer");
    cm_json_set(a, schemes, "bearer", bearer);
    cm_json_set(a, components, "securitySchemes", schemes);
    cm_json_set(a, components, "schemas", hub_openapi_schemas(a));
    cm_json_set(a, components, "responses", problem_answers(a));
    return components;
}

void hub_openapi_write(struct cm_str *out) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *document = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, document, "openapi", "3.1.0");
    cm_json_set(a, document, "info", info(a));
    cm_json_set(a, document, "security", security(a));
    cm_json_set(a, document, "paths", paths(a));
    cm_json_set(a, document, "components", components(a));
    cm_json_write_canonical(document, out);
}
