#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/forge/forge.h"

enum hub_forge_provider hub_forge_provider_find(const char *name) {
    static const char *const names[] = {
        [HUB_FORGE_GITEA] = "gitea", [HUB_FORGE_GITHUB] = "github", [HUB_FORGE_GITLAB] = "gitlab"};

    for (size_t i = HUB_FORGE_GITEA; name != NULL && i <= HUB_FORGE_GITLAB; i++) {
        if (strcmp(names[i], name) == 0) {
            return (enum hub_forge_provider)i;
        }
    }
    return HUB_FORGE_NONE;
}

void hub_forge_project_done(struct hub_forge_project *p) {
    free(p->api);
    free(p->name);
    *p = (struct hub_forge_project){0};
}

// split_url gives host (with a port of https) and path of what Git uses: https://HOST/PATH,
// ssh://USER@HOST:PORT/PATH or USER@HOST:PATH; the caller frees both. Of a folder there is none.
static bool split_url(const char *url, char **host, char **path) {
    bool https = strncmp(url, "https://", 8) == 0;
    bool ssh = strncmp(url, "ssh://", 6) == 0;
    const char *at = https ? url + 8 : ssh ? url + 6 : url;

    if (!https && !ssh && (strstr(url, "://") != NULL || strchr(url, ':') == NULL)) {
        return false;
    }
    size_t user = strcspn(at, "@");
    at += at[user] == '@' && user < strcspn(at, "/") ? user + 1 : 0;
    size_t len = strcspn(at, https ? "/" : "/:");
    const char *rest = at + len;
    if (ssh && *rest == ':') {
        rest += strcspn(rest, "/"); // the port
    }
    rest += strspn(rest, ":/");
    if (len == 0 || *rest == '\0') {
        return false;
    }
    *host = cm_strndup(at, len);
    *path = cm_strdup(rest);
    return true;
}

// name_of cuts what is no name of a project; the last two parts are one but for GitLab, which has
// groups of groups.
static char *name_of(enum hub_forge_provider provider, char *path) {
    size_t len = strlen(path);

    while (len > 0 && path[len - 1] == '/') {
        path[--len] = '\0';
    }
    if (len > 4 && strcmp(path + len - 4, ".git") == 0) {
        path[len - 4] = '\0';
    }
    const char *at = strrchr(path, '/');
    if (at == NULL || at == path) {
        return NULL;
    }
    while (provider != HUB_FORGE_GITLAB && at > path && at[-1] != '/') {
        at--;
    }
    return cm_strdup(provider != HUB_FORGE_GITLAB ? at : path);
}

static char *api_of(enum hub_forge_provider provider, const char *host) {
    switch (provider) {
    case HUB_FORGE_GITHUB:
        return strcmp(host, "github.com") == 0 ? cm_strdup("https://api.github.com")
                                               : cm_strf("https://%s/api/v3", host);
    case HUB_FORGE_GITLAB:
        return cm_strf("https://%s/api/v4", host);
    default:
        return cm_strf("https://%s/api/v1", host);
    }
}

enum cm_rc hub_forge_project_of(enum hub_forge_provider provider, const char *git_url,
                                const char *api, const char *name, struct hub_forge_project *out,
                                struct cm_err *err) {
    CM_AUTOFREE char *host = NULL;
    CM_AUTOFREE char *path = NULL;
    struct hub_forge_project p = {.provider = provider};
    bool told = split_url(git_url, &host, &path);

    p.api = api != NULL ? cm_strdup(api) : told ? api_of(provider, host) : NULL;
    p.name = name != NULL ? cm_strdup(name) : told ? name_of(provider, path) : NULL;
    if (p.api == NULL || p.name == NULL || strchr(p.name, '/') == NULL) {
        hub_forge_project_done(&p);
        return cm_fail(err, CM_EINVAL,
                       "the URL does not tell where pull requests are: say 'apiUrl' and 'project', "
                       "as 'https://git.example.com/api/v1' and 'platform/fleet'");
    }
    *out = p;
    return CM_OK;
}
