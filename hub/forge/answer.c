#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/utf8.h"
#include "hub/forge/forge.h"

#define WORDS_MAX 200 // of what a provider says

static bool is(const char *a, const char *b) {
    return a != NULL && strcmp(a, b) == 0;
}

// ---- What went wrong

// words_of finds what a provider says of a failure: GitLab's `message` may be a list, or an object
// of lists.
static const char *words_of(const struct cm_json *json) {
    const struct cm_json *at = cm_json_get(json, "message");

    at = at == NULL ? cm_json_get(json, "error") : at;
    while (at != NULL && (at->type == CM_ARRAY || at->type == CM_OBJECT)) {
        at = at->first;
    }
    return cm_json_string(at) != NULL ? cm_json_string(at) : "";
}

// detail_of finds the words beside `message` that GitHub tells of a request it does not take.
static const char *detail_of(const struct cm_json *json) {
    const struct cm_json *errors = cm_json_get(json, "errors");
    const struct cm_json *first = errors != NULL && errors->type == CM_ARRAY ? errors->first : NULL;
    const char *words = cm_json_string(first);

    words = words == NULL ? cm_json_string(cm_json_get(first, "message")) : words;
    return words != NULL ? words : "";
}

static void copy_words(char *out, const char *words) {
    size_t len = 0;

    for (; *words != '\0' && len + 1 < WORDS_MAX; words++) {
        out[len++] = (char)((unsigned char)*words < ' ' || *words == 0x7f ? ' ' : *words);
    }
    out[len] = '\0';
    out[cm_utf8_valid(out, len)] = '\0'; // a character that was cut
}

static enum cm_rc code_of(const struct hub_forge_ask *ask, int status, const char *words,
                          const char *detail) {
    bool exists =
        strstr(words, "already exists") != NULL || strstr(detail, "already exists") != NULL;

    switch (status) {
    case 401:
        return CM_EAUTH;
    case 403:
        return strstr(words, "rate limit") != NULL ? CM_EBUSY : CM_EAUTH;
    case 404:
        return CM_ENOTFOUND;
    case 429:
        return CM_EBUSY;
    default:
        if (ask->verb == HUB_FORGE_OPEN && (status == 409 || exists)) {
            return CM_EEXISTS;
        }
        return status >= 400 && status < 500 ? CM_EINVAL : CM_EIO;
    }
}

static const char *advice_of(enum cm_rc code) {
    switch (code) {
    case CM_EAUTH:
        return ": give the token the right to write pull requests";
    case CM_ENOTFOUND:
        return ": check 'apiUrl' and 'project', and what the token may see";
    default:
        return "";
    }
}

static enum cm_rc fail(const struct hub_forge_ask *ask, int status, const struct cm_json *json,
                       struct cm_err *err) {
    char words[WORDS_MAX];
    char detail[WORDS_MAX];

    copy_words(words, words_of(json));
    copy_words(detail, detail_of(json));
    enum cm_rc code = code_of(ask, status, words, detail);
    return cm_fail(err, code, "the provider answered %d%s%s%s%s%s", status,
                   words[0] != '\0' ? ": " : "", words, detail[0] != '\0' ? ": " : "", detail,
                   advice_of(code));
}

// ---- Pull requests

static void take_link(char out[HUB_FORGE_URL_MAX], const char *url) {
    bool web = url != NULL &&
               (strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0) &&
               strlen(url) < HUB_FORGE_URL_MAX;

    for (const char *at = url; web && *at != '\0'; at++) {
        web = *at > ' ' && *at < 0x7f && strchr("\"<>\\`", *at) == NULL;
    }
    if (web) {
        memcpy(out, url, strlen(url) + 1);
    }
}

static void take_sha(char out[HUB_FORGE_SHA_MAX], const char *sha) {
    size_t len = sha != NULL ? strlen(sha) : 0;

    if ((len == 40 || len == 64) && strspn(sha, "0123456789abcdef") == len) {
        memcpy(out, sha, len + 1);
    }
}

static enum hub_forge_state state_of(const struct cm_json *pull) {
    const char *state = cm_json_string(cm_json_get(pull, "state"));

    if (is(state, "merged") || cm_json_true(cm_json_get(pull, "merged")) ||
        cm_json_string(cm_json_get(pull, "merged_at")) != NULL) {
        return HUB_FORGE_MERGED;
    }
    if (is(state, "open") || is(state, "opened") || is(state, "locked")) {
        return HUB_FORGE_IS_OPEN;
    }
    return is(state, "closed") ? HUB_FORGE_CLOSED : HUB_FORGE_MISSING;
}

static const struct cm_json *member(const struct cm_json *pull, bool gitlab, const char *outer,
                                    const char *inner, const char *flat) {
    return gitlab ? cm_json_get(pull, flat) : cm_json_get(cm_json_get(pull, outer), inner);
}

static void take_commit(struct hub_forge_pull *out, const struct cm_json *pull) {
    static const char *const names[] = {"merge_commit_sha", "squash_commit_sha"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && out->commit[0] == '\0'; i++) {
        take_sha(out->commit, cm_json_string(cm_json_get(pull, names[i])));
    }
}

static enum cm_rc take_pull(const struct hub_forge_project *p, const struct cm_json *json,
                            struct hub_forge_pull *out, struct cm_err *err) {
    bool gitlab = p->provider == HUB_FORGE_GITLAB;
    struct hub_forge_pull pull = {
        .state = state_of(json),
        .number = cm_json_int(cm_json_get(json, gitlab ? "iid" : "number"), 0),
    };

    if (pull.state == HUB_FORGE_MISSING || pull.number <= 0) {
        return cm_fail(err, CM_EIO,
                       "what the provider answered is no pull request: check 'apiUrl'");
    }
    take_link(pull.url, cm_json_string(cm_json_get(json, gitlab ? "web_url" : "html_url")));
    take_sha(pull.head, cm_json_string(member(json, gitlab, "head", "sha", "sha")));
    if (pull.state == HUB_FORGE_MERGED) {
        take_commit(&pull, json);
    }
    *out = pull;
    return CM_OK;
}

// is_from_here: its branch is one of the project, not of a fork, which anybody can make.
static bool is_from_here(bool gitlab, const struct cm_json *pull) {
    const struct cm_json *head = cm_json_get(cm_json_get(pull, "head"), "repo");
    const struct cm_json *base = cm_json_get(cm_json_get(pull, "base"), "repo");
    const char *name = cm_json_string(cm_json_get(base, "full_name"));
    int64_t project = cm_json_int(cm_json_get(pull, "target_project_id"), 0);

    if (gitlab) {
        return project > 0 && cm_json_int(cm_json_get(pull, "source_project_id"), 0) == project;
    }
    return name != NULL && is(cm_json_string(cm_json_get(head, "full_name")), name);
}

static bool is_wanted(const struct hub_forge_project *p, const struct hub_forge_ask *ask,
                      const struct cm_json *pull) {
    bool gitlab = p->provider == HUB_FORGE_GITLAB;

    return (ask->any || state_of(pull) == HUB_FORGE_IS_OPEN) && is_from_here(gitlab, pull) &&
           is(cm_json_string(member(pull, gitlab, "head", "ref", "source_branch")), ask->branch) &&
           is(cm_json_string(member(pull, gitlab, "base", "ref", "target_branch")), ask->base);
}

static enum cm_rc take_list(const struct hub_forge_project *p, const struct hub_forge_ask *ask,
                            const struct cm_json *json, struct hub_forge_answer *out,
                            struct cm_err *err) {
    if (json == NULL || json->type != CM_ARRAY) {
        return cm_fail(err, CM_EIO,
                       "what the provider answered is no list of pull requests: check 'apiUrl'");
    }
    for (const struct cm_json *at = json->first; at != NULL; at = at->next) {
        struct hub_forge_pull pull = {0};

        if (!is_wanted(p, ask, at)) {
            continue;
        }
        if (take_pull(p, at, &pull, err) < 0) {
            return err->code;
        }
        out->pull = pull.number > out->pull.number ? pull : out->pull;
    }
    out->more = out->pull.state == HUB_FORGE_MISSING && json->count >= HUB_FORGE_PAGE;
    return CM_OK;
}

static enum cm_rc take(const struct hub_forge_project *p, const struct hub_forge_ask *ask,
                       const struct cm_json *json, struct hub_forge_answer *out,
                       struct cm_err *err) {
    switch (ask->verb) {
    case HUB_FORGE_FIND:
        return take_list(p, ask, json, out, err);
    case HUB_FORGE_DROP:
        return CM_OK;
    case HUB_FORGE_BRANCH:
        out->is_protected = cm_json_true(cm_json_get(json, "protected"));
        return CM_OK;
    default:
        return take_pull(p, json, &out->pull, err);
    }
}

// is_gone: what was to be deleted is not there. GitHub says so with 422.
static bool is_gone(const struct hub_forge_ask *ask, int status) {
    return ask->verb == HUB_FORGE_DROP && (status == 404 || status == 422);
}

enum cm_rc hub_forge_answer_read(const struct hub_forge_project *p, const struct hub_forge_ask *ask,
                                 int status, const char *body, size_t size,
                                 struct hub_forge_answer *out, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_forge_answer answer = {0};
    struct cm_json *json = NULL;
    struct cm_err ignored;
    bool good = status >= 200 && status < 300;

    if (size > 0 && cm_json_parse(a, body, size, NULL, &json, &ignored) < 0) {
        json = NULL;
    }
    if (!good && !is_gone(ask, status)) {
        return fail(ask, status, json, err);
    }
    enum cm_rc rc = take(p, ask, json, &answer, err);
    if (rc == CM_OK) {
        *out = answer;
    }
    return rc;
}
