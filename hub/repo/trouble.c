#include "hub/repo/trouble.h"

#include <git2.h>
#include <string.h>

#include "hub/repo/git.h"

struct rule {
    int code;          // 0: any
    int klass;         // -1: any
    const char *words; // part of the message; NULL: any
    enum hub_repo_trouble trouble;
    enum cm_rc rc;
    const char *say;
};

// The first that fits counts.
static const struct rule rules[] = {
    {GIT_ECERTIFICATE, -1, NULL, HUB_REPO_CA, CM_EAUTH, "its certificate is not trusted"},
    {0, -1, "redirect", HUB_REPO_REDIRECT, CM_EINVAL,
     "it redirects elsewhere: put the address where the repository really is into its URL"},
    {GIT_EAUTH, -1, NULL, HUB_REPO_AUTH, CM_EAUTH, "the server refused us"},
    {0, -1, "status code: 401", HUB_REPO_AUTH, CM_EAUTH, "the server refused us"},
    {0, -1, "status code: 403", HUB_REPO_AUTH, CM_EAUTH, "the server refused us"},
    {0, -1, "status code: 404", HUB_REPO_MISSING, CM_ENOTFOUND,
     "no such repository, or not for us"},
    {GIT_EOWNER, -1, NULL, HUB_REPO_LOCAL, CM_EAUTH,
     "the folder belongs to another user: give it to the user that the hub runs as"},
    {0, GIT_ERROR_NOMEMORY, NULL, HUB_REPO_TOO_LARGE, CM_EINVAL,
     "it needs more memory than the limit"},
    {0, -1, "too many objects", HUB_REPO_TOO_LARGE, CM_EINVAL, "it sends more than the limit"},
    {0, -1, "overly large object", HUB_REPO_TOO_LARGE, CM_EINVAL, "an object is over the limit"},
    {0, -1, "failed to resolve path", HUB_REPO_MISSING, CM_ENOTFOUND, "there is no such folder"},
    {0, -1, "could not find repository", HUB_REPO_MISSING, CM_ENOTFOUND,
     "the folder is no repository"},
    {0, -1, "not appear to be a git repository", HUB_REPO_MISSING, CM_ENOTFOUND,
     "no such repository, or not for us"},
    {0, -1, "epository not found", HUB_REPO_MISSING, CM_ENOTFOUND,
     "no such repository, or not for us"},
    {0, -1, "failed to connect", HUB_REPO_UNREACHABLE, CM_EIO, "not reached"},
    {0, GIT_ERROR_NET, NULL, HUB_REPO_UNREACHABLE, CM_EIO, "not reached, or broken off"},
    {0, GIT_ERROR_SSL, NULL, HUB_REPO_UNREACHABLE, CM_EIO, "not reached, or broken off"},
    {0, GIT_ERROR_SSH, NULL, HUB_REPO_UNREACHABLE, CM_EIO, "not reached, or broken off"},
    {0, GIT_ERROR_HTTP, NULL, HUB_REPO_UNREACHABLE, CM_EIO, "no use of the answer"},
    {0, GIT_ERROR_OS, NULL, HUB_REPO_LOCAL, CM_EIO, "the mirror could not be written"},
    {0, GIT_ERROR_FILESYSTEM, NULL, HUB_REPO_LOCAL, CM_EIO, "the mirror could not be written"},
    {0, -1, NULL, HUB_REPO_PROTOCOL, CM_EIO, "no use of what was sent"},
};

static bool fits(const struct rule *rule, int code, int klass, const char *message) {
    return (rule->code == 0 || rule->code == code) && (rule->klass < 0 || rule->klass == klass) &&
           (rule->words == NULL || strstr(message, rule->words) != NULL);
}

enum hub_repo_trouble hub_trouble_of(int failure, struct cm_err *err) {
    const git_error *last = git_error_last();
    const char *message = last != NULL && last->message != NULL ? last->message : "";
    int klass = last != NULL ? last->klass : GIT_ERROR_NONE;
    const struct rule *rule = rules;

    while (!fits(rule, failure, klass, message)) {
        rule++; // the last one always fits
    }
    (void)hub_git_fail(err, rule->rc, "%s", rule->say);
    return rule->trouble;
}
