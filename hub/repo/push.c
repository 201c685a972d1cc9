#include "hub/repo/push.h"

#include <git2.h>
#include <string.h>

#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/ssh_sign.h"
#include "common/utf8.h"
#include "hub/repo/run.h"
#include "hub/repo/walk.h"

#define PERSON_MAX 200 // bytes of a name or an address

static bool text_ok(const char *text) {
    size_t len = strlen(text);

    return cm_utf8_valid(text, len) == len;
}

static bool person_ok(const struct hub_repo_person *p) {
    const char *const texts[] = {p->name, p->email};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i] == NULL || texts[i][0] == '\0' || strlen(texts[i]) > PERSON_MAX ||
            strpbrk(texts[i], "<>\n\r") != NULL || !text_ok(texts[i])) {
            return false;
        }
    }
    return true;
}

// names_git: a part of a path that git commands would take for their own folder.
static bool names_git(const char *path) {
    for (const char *at = path; at != NULL; at = strchr(at, '/')) {
        at += *at == '/' ? 1 : 0;
        CM_AUTOFREE char *part = cm_strndup(at, strcspn(at, "/"));

        if (hub_name_is_git(part)) {
            return true;
        }
    }
    return false;
}

static bool in_jail(const struct hub_repo_push *push, const char *path) {
    for (size_t i = 0; i < push->jail_count; i++) {
        size_t len = strlen(push->jail[i]);
        bool folder = len > 0 && push->jail[i][len - 1] == '/';

        if (folder ? strncmp(path, push->jail[i], len) == 0 : strcmp(path, push->jail[i]) == 0) {
            return true;
        }
    }
    return false;
}

static enum cm_rc check_edit(const struct hub_repo_push *push, const struct hub_repo_edit *edit,
                             struct cm_err *err) {
    if (!cm_fsys_path_ok(edit->path) || names_git(edit->path)) {
        return cm_fail(err, CM_EINVAL, "'%.200s' is no path of a file in a repository", edit->path);
    }
    if (!in_jail(push, edit->path)) {
        return cm_fail(err, CM_EINVAL, "'%.200s' is not one of the files that may be written",
                       edit->path);
    }
    if (edit->text != NULL && !text_ok(edit->text)) {
        return cm_fail(err, CM_EINVAL, "what '%.200s' shall hold is no UTF-8", edit->path);
    }
    return CM_OK;
}

static enum cm_rc check_change(const struct hub_repo_push *push, const struct hub_repo_change *c,
                               size_t *bytes, size_t *edits, struct cm_err *err) {
    if (c->message == NULL || c->message[0] == '\0' || !text_ok(c->message) ||
        !person_ok(&c->author)) {
        return cm_fail(err, CM_EINVAL, "a commit needs a message, and an author with a name");
    }
    *bytes += strlen(c->message);
    for (size_t i = 0; i < c->edit_count; i++) {
        if (check_edit(push, &c->edits[i], err) < 0) {
            return err->code;
        }
        *bytes += c->edits[i].text != NULL ? strlen(c->edits[i].text) : 0;
    }
    *edits += c->edit_count;
    return CM_OK;
}

enum cm_rc hub_repo_push_check(const struct hub_repo_push *push, struct cm_err *err) {
    size_t bytes = 0;
    size_t edits = 0;
    int valid = 0;

    if (push->ref == NULL || strncmp(push->ref, "refs/heads/", 11) != 0 ||
        git_reference_name_is_valid(&valid, push->ref) < 0 || valid == 0) {
        return cm_fail(err, CM_EINVAL, "only branches are pushed: name one as 'refs/heads/main'");
    }
    if (!person_ok(&push->committer)) {
        return cm_fail(err, CM_EINVAL, "commits need a committer with a name and an address");
    }
    if (push->signing_key != NULL && cm_ssh_key_check(push->signing_key, err) < 0) {
        return cm_wrap(err, "the signing key");
    }
    for (size_t i = 0; i < push->change_count; i++) {
        if (check_change(push, &push->changes[i], &bytes, &edits, err) < 0) {
            return err->code;
        }
    }
    if (bytes > HUB_PUSH_BYTES_MAX || edits > HUB_PUSH_EDITS_MAX) {
        return cm_fail(err, CM_EINVAL, "a push has at most %d files and %zu bytes",
                       HUB_PUSH_EDITS_MAX, HUB_PUSH_BYTES_MAX);
    }
    return CM_OK;
}

enum cm_rc hub_repo_push(const struct hub_repo_source *source, const struct hub_repo_job *job,
                         const struct hub_repo_push *push, struct hub_repo_pushed *out,
                         enum hub_repo_trouble *trouble, struct cm_err *err) {
    struct hub_request request = {.verb = HUB_REQUEST_PUSH, .push = push};
    struct hub_answer answer = {.trouble = HUB_REPO_LOCAL};

    *trouble = HUB_REPO_LOCAL;
    if (hub_repo_source_check(source, err) < 0 || hub_repo_push_check(push, err) < 0) {
        return err->code;
    }

    enum cm_rc rc = hub_request_run(source, job, &request, &answer, err);
    *trouble = answer.trouble;
    if (rc < 0) {
        return cm_wrap(err, "push to '%.100s' at '%.200s'", source->name, source->url);
    }
    out->commit = answer.fetched.commit;
    out->made = answer.made;
    return CM_OK;
}
