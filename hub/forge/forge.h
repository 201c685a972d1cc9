// forge: pull requests, in the words of the HTTP APIs of Gitea (and Forgejo), GitHub and GitLab,
// which calls them merge requests. Requests are made and answers read here; hub/forge/call.h
// carries them.
//
//                    Gitea, GitHub: /repos/OWNER/NAME    GitLab: /projects/GROUP%2FNAME
//     find           GET    /pulls?state=open&…          GET    /merge_requests?state=opened&…
//                    (or state=all)                      (or state=all)
//     open           POST   /pulls                       POST   /merge_requests
//     look           GET    /pulls/N                     GET    /merge_requests/N
//     edit, close    PATCH  /pulls/N                     PUT    /merge_requests/N
//     drop           DELETE /branches/B (Gitea),         DELETE /repository/branches/B
//                           /git/refs/heads/B (GitHub)
//     branch         GET    /branches/B                  GET    /repository/branches/B
//
// All three take the token as `Authorization: Bearer`. What they answer is a stranger's: a link
// must be http or https, an id of a commit hexadecimal digits. Anybody may open a pull request from
// a fork, of a branch with any name: only one of the project's own branches is found.
//
// Sources: docs.github.com/rest/pulls/pulls (version 2022-11-28),
// docs.gitlab.com/api/merge_requests, and the swagger of Gitea 1.26.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum hub_forge_provider { HUB_FORGE_NONE, HUB_FORGE_GITEA, HUB_FORGE_GITHUB, HUB_FORGE_GITLAB };

#define HUB_FORGE_PAGE 50
#define HUB_FORGE_URL_MAX 512
#define HUB_FORGE_SHA_MAX 65

// hub_forge_provider_find reads "gitea", "github" or "gitlab"; anything else is none.
enum hub_forge_provider hub_forge_provider_find(const char *name);

// A repository as its provider knows it.
struct hub_forge_project {
    enum hub_forge_provider provider;
    char *api;  // "https://git.example.com/api/v1"
    char *name; // "platform/fleet"
};

void hub_forge_project_done(struct hub_forge_project *p); // a zeroed one is fine

// hub_forge_project_of finds the project of a repository by the URL that Git uses; `api` and `name`
// say otherwise (NULL: they do not). CM_EINVAL: the URL does not tell.
CM_MUSTUSE enum cm_rc hub_forge_project_of(enum hub_forge_provider provider, const char *git_url,
                                           const char *api, const char *name,
                                           struct hub_forge_project *out, struct cm_err *err);

enum hub_forge_verb {
    HUB_FORGE_FIND,   // the open pull request of `branch` into `base`, on a page; the newest, if
                      // `any` says that one that has ended is looked for, too
    HUB_FORGE_OPEN,   // a new one of them
    HUB_FORGE_LOOK,   // at `number`
    HUB_FORGE_EDIT,   // title and body of `number`
    HUB_FORGE_CLOSE,  // `number`, without merging it
    HUB_FORGE_DROP,   // `branch`, which may be gone already
    HUB_FORGE_BRANCH, // whether `branch` is protected
};

struct hub_forge_ask {
    enum hub_forge_verb verb;
    const char *branch;
    const char *base;
    const char *title;
    const char *body;
    int64_t number;
    int page; // from 1
    bool any;
};

// A request; both texts are owned.
struct hub_forge_request {
    const char *method;
    char *path; // below the API's URL
    char *body; // JSON; NULL: none
};

void hub_forge_request_done(struct hub_forge_request *r);

void hub_forge_request_make(const struct hub_forge_project *p, const struct hub_forge_ask *ask,
                            struct hub_forge_request *out);

enum hub_forge_state {
    HUB_FORGE_MISSING,
    HUB_FORGE_IS_OPEN,
    HUB_FORGE_MERGED,
    HUB_FORGE_CLOSED,
};

struct hub_forge_pull {
    enum hub_forge_state state;
    int64_t number;
    char url[HUB_FORGE_URL_MAX];    // for people; "" if it is none
    char head[HUB_FORGE_SHA_MAX];   // last commit of its branch; "" if it is not said
    char commit[HUB_FORGE_SHA_MAX]; // merged: what it became; "" if it is not said
};

struct hub_forge_answer {
    struct hub_forge_pull pull; // of a page that lacks what was looked for: missing
    bool more;                  // … and there may be another page
    bool is_protected;          // of a branch
};

// hub_forge_answer_read reads what came with a status. CM_EAUTH: the token is not taken, or may
// not; CM_ENOTFOUND; CM_EEXISTS: it is open already; CM_EBUSY: later; CM_EINVAL: the provider does
// not want it; CM_EIO: it is ill, or speaks something else.
CM_MUSTUSE enum cm_rc hub_forge_answer_read(const struct hub_forge_project *p,
                                            const struct hub_forge_ask *ask, int status,
                                            const char *body, size_t size,
                                            struct hub_forge_answer *out, struct cm_err *err);
