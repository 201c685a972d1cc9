#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/http/http.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/forge/forge.h"

void hub_forge_request_done(struct hub_forge_request *r) {
    free(r->path);
    free(r->body);
    *r = (struct hub_forge_request){0};
}

static bool is_gitlab(const struct hub_forge_project *p) {
    return p->provider == HUB_FORGE_GITLAB;
}

// escape_parts escapes what is between slashes.
static char *escape_parts(const char *text) {
    struct cm_str out = {0};

    for (const char *at = text;; at++) {
        size_t len = strcspn(at, "/");
        CM_AUTOFREE char *part = cm_strndup(at, len);
        CM_AUTOFREE char *escaped = cm_http_escape(part);

        cm_str_add(&out, escaped);
        at += len;
        if (*at == '\0') {
            return cm_str_take(&out);
        }
        cm_str_add_char(&out, '/');
    }
}

// To GitLab a name with slashes is one part of a path.
static char *escape_name(const struct hub_forge_project *p, const char *name) {
    return is_gitlab(p) ? cm_http_escape(name) : escape_parts(name);
}

static char *project_path(const struct hub_forge_project *p) {
    CM_AUTOFREE char *name = escape_name(p, p->name);

    return cm_strf("/%s/%s", is_gitlab(p) ? "projects" : "repos", name);
}

static char *find_path(const struct hub_forge_project *p, const struct hub_forge_ask *ask) {
    CM_AUTOFREE char *branch = cm_http_escape(ask->branch);
    CM_AUTOFREE char *base = cm_http_escape(ask->base);
    CM_AUTOFREE char *owner = cm_strndup(p->name, strcspn(p->name, "/"));
    CM_AUTOFREE char *escaped = cm_http_escape(owner);
    const char *state = ask->any ? "all" : "open";

    switch (p->provider) {
    case HUB_FORGE_GITLAB:
        return cm_strf("/merge_requests?state=%s&source_branch=%s&target_branch=%s"
                       "&per_page=%d&page=%d",
                       ask->any ? "all" : "opened", branch, base, HUB_FORGE_PAGE, ask->page);
    case HUB_FORGE_GITHUB:
        return cm_strf("/pulls?state=%s&head=%s:%s&base=%s&per_page=%d&page=%d", state, escaped,
                       branch, base, HUB_FORGE_PAGE, ask->page);
    default: // which cannot be asked for a branch
        return cm_strf("/pulls?state=%s&sort=recentupdate&base_branch=%s&limit=%d&page=%d", state,
                       base, HUB_FORGE_PAGE, ask->page);
    }
}

static char *branch_path(const struct hub_forge_project *p, const struct hub_forge_ask *ask) {
    CM_AUTOFREE char *branch = escape_name(p, ask->branch);
    bool refs = p->provider == HUB_FORGE_GITHUB && ask->verb == HUB_FORGE_DROP;

    return cm_strf("%s/%s",
                   is_gitlab(p) ? "/repository/branches"
                   : refs       ? "/git/refs/heads"
                                : "/branches",
                   branch);
}

static char *pull_path(const struct hub_forge_project *p, const struct hub_forge_ask *ask) {
    const char *folder = is_gitlab(p) ? "/merge_requests" : "/pulls";

    return ask->verb == HUB_FORGE_OPEN ? cm_strdup(folder)
                                       : cm_strf("%s/%lld", folder, (long long)ask->number);
}

static char *path_of(const struct hub_forge_project *p, const struct hub_forge_ask *ask) {
    CM_AUTOFREE char *project = project_path(p);
    bool branch = ask->verb == HUB_FORGE_DROP || ask->verb == HUB_FORGE_BRANCH;
    CM_AUTOFREE char *rest = ask->verb == HUB_FORGE_FIND ? find_path(p, ask)
                             : branch                    ? branch_path(p, ask)
                                                         : pull_path(p, ask);

    return cm_strf("%s%s", project, rest);
}

static const char *method_of(const struct hub_forge_project *p, enum hub_forge_verb verb) {
    switch (verb) {
    case HUB_FORGE_OPEN:
        return "POST";
    case HUB_FORGE_EDIT:
    case HUB_FORGE_CLOSE:
        return is_gitlab(p) ? "PUT" : "PATCH";
    case HUB_FORGE_DROP:
        return "DELETE";
    default:
        return "GET";
    }
}

static void add_words(struct cm_arena *a, struct cm_json *json, bool gitlab,
                      const struct hub_forge_ask *ask) {
    cm_json_set_string(a, json, "title", ask->title);
    cm_json_set_string(a, json, gitlab ? "description" : "body", ask->body);
}

static char *body_of(const struct hub_forge_project *p, const struct hub_forge_ask *ask) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *json = cm_json_new(a, CM_OBJECT);
    bool gitlab = is_gitlab(p);
    struct cm_str text = {0};

    switch (ask->verb) {
    case HUB_FORGE_OPEN:
        cm_json_set_string(a, json, gitlab ? "source_branch" : "head", ask->branch);
        cm_json_set_string(a, json, gitlab ? "target_branch" : "base", ask->base);
        add_words(a, json, gitlab, ask);
        break;
    case HUB_FORGE_EDIT:
        add_words(a, json, gitlab, ask);
        break;
    case HUB_FORGE_CLOSE:
        cm_json_set_string(a, json, gitlab ? "state_event" : "state", gitlab ? "close" : "closed");
        break;
    default:
        return NULL;
    }
    cm_json_write_compact(json, &text);
    return cm_str_take(&text);
}

void hub_forge_request_make(const struct hub_forge_project *p, const struct hub_forge_ask *ask,
                            struct hub_forge_request *out) {
    *out = (struct hub_forge_request){
        .method = method_of(p, ask->verb), .path = path_of(p, ask), .body = body_of(p, ask)};
}
