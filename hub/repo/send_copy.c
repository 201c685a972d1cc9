// send_copy.c: the child's part of hub/repo/copy.h.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/list.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/repo/child.h"
#include "hub/repo/copy.h"
#include "hub/repo/git.h"
#include "hub/repo/remote.h"

#define REPORT_MAX 200

struct send_copy {
    struct hub_remote remote;
    const struct hub_repo_copy *copy;
    char report[REPORT_MAX]; // why the server did not move a branch; "": it moved all
};

static enum cm_rc diverged(struct send_copy *s) {
    s->remote.answer->trouble = HUB_REPO_MOVED;
    return cm_fail(&s->remote.answer->err, CM_EEXISTS,
                   "its branches hold what this hub's do not, and nothing is ever forced: name an "
                   "empty repository, or rename those branches there");
}

static int on_negotiation(const git_push_update **updates, size_t count, void *payload) {
    (void)updates;
    (void)count;
    (void)payload;
    hub_child_alive();
    return 0;
}

static int on_packed(int stage, uint32_t current, uint32_t total, void *payload) {
    (void)stage;
    (void)current;
    (void)total;
    (void)payload;
    hub_child_alive();
    return 0;
}

static int on_sent(unsigned current, unsigned total, size_t bytes, void *payload) {
    (void)current;
    (void)total;
    (void)bytes;
    (void)payload;
    hub_child_alive();
    return 0;
}

static int on_report(const char *name, const char *status, void *payload) {
    struct send_copy *s = CM_CONTAINER(payload, struct send_copy, remote);

    hub_child_alive();
    if (status != NULL && s->report[0] == '\0') {
        (void)snprintf(s->report, sizeof(s->report), "%.100s: %.90s", name, status);
        hub_git_printable(s->report);
    }
    return 0;
}

static bool exists(git_repository *repo, const char *name) {
    git_oid ignored;

    return git_reference_name_to_id(&ignored, repo, name) == 0;
}

static enum cm_rc refused(struct send_copy *s) {
    CM_AUTOFREE char *said = cm_strdup(cm_str_get(&s->remote.words));

    said[strcspn(said, "\r\n")] = '\0'; // the first line says it
    hub_git_printable(said);
    s->remote.answer->trouble = HUB_REPO_REFUSED;
    return cm_fail(&s->remote.answer->err, CM_EAUTH, "the server does not take %s%s%.250s",
                   s->report, said[0] != '\0' ? ": " : "", said);
}

static enum cm_rc upload(struct send_copy *s, git_remote *remote, const git_strarray *specs) {
    git_push_options options;

    (void)git_push_options_init(&options, GIT_PUSH_OPTIONS_VERSION);
    options.callbacks = hub_remote_callbacks(&s->remote);
    options.callbacks.push_negotiation = on_negotiation;
    options.callbacks.pack_progress = on_packed;
    options.callbacks.push_transfer_progress = on_sent;
    options.callbacks.push_update_reference = on_report;
    options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
    int rc = git_remote_upload(remote, specs, &options);
    if (rc == GIT_ENONFASTFORWARD) {
        return diverged(s);
    }
    if (rc < 0) {
        return hub_remote_explain(&s->remote, rc);
    }
    return s->report[0] == '\0' ? CM_OK : refused(s);
}

static enum cm_rc hand_over(struct send_copy *s, git_repository *repo, const git_strarray *specs) {
    CM_CLEANUP(hub_git_remotep) git_remote *remote = NULL;
    int rc = git_remote_create_anonymous(&remote, repo, s->remote.url.text);

    if (rc < 0) {
        return hub_remote_explain(&s->remote, rc);
    }
    hub_child_listen(s->remote.request->limits.silence_ms);
    enum cm_rc sent = hub_remote_check_address(&s->remote);
    sent = sent < 0 ? sent : hub_remote_connect(&s->remote, remote, GIT_DIRECTION_PUSH);
    sent = sent < 0 ? sent : upload(s, remote, specs);
    hub_child_listen(0);
    return sent;
}

static enum cm_rc send_all(struct send_copy *s) {
    CM_CLEANUP(hub_git_repositoryp) git_repository *mirror = NULL;
    CM_CLEANUP(hub_git_repositoryp) git_repository *repo = NULL;
    char *texts[HUB_COPY_BRANCHES_MAX] = {0};
    git_strarray specs = {.strings = texts, .count = 0};
    struct cm_err *err = &s->remote.answer->err;

    if (hub_remote_open(&s->remote, &mirror, err) < 0) {
        return err->code;
    }
    if (git_repository_open_bare(&repo, s->copy->from) < 0) {
        return hub_git_fail(err, CM_EIO, "open '%.200s'", s->copy->from);
    }
    for (size_t i = 0; i < s->copy->branch_count && i < HUB_COPY_BRANCHES_MAX; i++) {
        CM_AUTOFREE char *name = cm_strf("refs/heads/%s", s->copy->branches[i]);

        if (exists(repo, name)) {
            texts[specs.count++] = cm_strf("%s:%s", name, name);
        }
    }
    enum cm_rc rc = specs.count == 0 ? CM_OK : hand_over(s, repo, &specs);
    for (size_t i = 0; i < specs.count; i++) {
        free(texts[i]);
    }
    return rc;
}

void hub_child_copy(const struct hub_request *request, struct hub_answer *answer) {
    struct send_copy s = {
        .remote = {.request = request, .source = &request->source, .answer = answer},
        .copy = request->copy};

    answer->trouble = HUB_REPO_LOCAL; // until we talk to somebody else
    if (send_all(&s) == CM_OK) {
        answer->trouble = HUB_REPO_FINE;
    }
    hub_remote_close(&s.remote);
}
