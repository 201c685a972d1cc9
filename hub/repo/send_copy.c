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
#include "hub/repo/state_shards.h"

#define REPORT_MAX 200

#define HEADS "refs/heads/"

struct send_copy {
    struct hub_remote remote;
    const struct hub_repo_copy *copy;
    git_repository *repo;
    struct hub_shards months; // that have ended; they are sent, too
    char report[REPORT_MAX];  // why the server did not move a branch; "": it moved all
    bool turns;               // a branch moves on to a new month
};

static enum cm_rc diverged(struct send_copy *s) {
    s->remote.answer->trouble = HUB_REPO_MOVED;
    return cm_fail(&s->remote.answer->err, CM_EEXISTS,
                   "its branches hold what this hub's do not, and nothing is ever forced: name an "
                   "empty repository, or rename those branches there");
}

static bool holds(git_repository *repo, const git_oid *tip, const git_oid *commit) {
    return git_oid_equal(tip, commit) || git_graph_descendant_of(repo, tip, commit) == 1;
}

// is_kept tells whether what a branch is at the server stays there: it goes on from it, or from the
// month after the one that it is in.
static bool is_kept(struct send_copy *s, const git_push_update *u) {
    const char *branch = u->dst_refname + strlen(HEADS);
    bool kept = git_oid_is_zero(&u->src) || holds(s->repo, &u->dst, &u->src);
    CM_AUTOFREE char *before = hub_shard_ref(branch, "");
    git_oid end;

    s->turns = s->turns || !kept;
    for (size_t i = s->months.count; !kept && i > 0; i--) {
        const char *name = s->months.names[i - 1];

        kept = strncmp(name, before, strlen(before)) == 0 &&
               git_reference_name_to_id(&end, s->repo, name) == 0 && holds(s->repo, &end, &u->src);
    }
    return kept;
}

// The server has said where its branches are; the same values go with the commands, so that it
// compares, too.
static int on_negotiation(const git_push_update **updates, size_t count, void *payload) {
    struct send_copy *s = CM_CONTAINER(payload, struct send_copy, remote);

    hub_child_alive();
    for (size_t i = 0; i < count; i++) {
        if (strncmp(updates[i]->dst_refname, HEADS, strlen(HEADS)) == 0 &&
            !is_kept(s, updates[i])) {
            (void)diverged(s);
            return GIT_EUSER;
        }
    }
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
    CM_AUTOFREE char *said = hub_remote_said(&s->remote);

    hub_git_printable(said);
    s->remote.answer->trouble = HUB_REPO_REFUSED;
    return cm_fail(&s->remote.answer->err, CM_EAUTH, "the server does not take %s%s%.250s%s",
                   s->report, said[0] != '\0' ? ": " : "", said,
                   s->turns
                       ? " (let the hub move its branches on to a new month, which Git calls a "
                         "forced push: nothing is lost, the tags are there)"
                       : "");
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
    if (rc == GIT_EUSER && s->remote.answer->err.code != CM_OK) {
        return s->remote.answer->err.code;
    }
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

// list_specs says what goes where; months first. A branch may go back to another beginning: whether
// it may is seen when the server has said where it is.
static enum cm_rc list_specs(struct send_copy *s, git_strarray *out) {
    enum cm_rc rc = hub_shards_list(s->repo, NULL, &s->months, &s->remote.answer->err);

    if (rc < 0) {
        return rc;
    }
    out->strings = cm_new(s->months.count + s->copy->branch_count + 1, sizeof(*out->strings));
    for (size_t i = 0; i < s->months.count; i++) {
        out->strings[out->count++] = cm_strf("%s:%s", s->months.names[i], s->months.names[i]);
    }
    for (size_t i = 0; i < s->copy->branch_count; i++) {
        CM_AUTOFREE char *name = cm_strf(HEADS "%s", s->copy->branches[i]);

        if (exists(s->repo, name)) {
            out->strings[out->count++] = cm_strf("+%s:%s", name, name);
        }
    }
    return CM_OK;
}

static void free_specs(git_strarray *specs) {
    for (size_t i = 0; i < specs->count; i++) {
        free(specs->strings[i]);
    }
    free(specs->strings);
}

static enum cm_rc send_all(struct send_copy *s) {
    CM_CLEANUP(hub_git_repositoryp) git_repository *mirror = NULL;
    CM_CLEANUP(hub_git_repositoryp) git_repository *repo = NULL;
    CM_CLEANUP(free_specs) git_strarray specs = {0};
    struct cm_err *err = &s->remote.answer->err;

    if (hub_remote_open(&s->remote, &mirror, err) < 0) {
        return err->code;
    }
    if (git_repository_open_bare(&repo, s->copy->from) < 0) {
        return hub_git_fail(err, CM_EIO, "open '%.200s'", s->copy->from);
    }
    s->repo = repo;
    enum cm_rc rc = list_specs(s, &specs);
    rc = rc < 0 || specs.count == 0 ? rc : hand_over(s, repo, &specs);
    hub_shards_done(&s->months);
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
