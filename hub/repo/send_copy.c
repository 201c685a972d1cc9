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
    struct hub_shards months;      // that have ended; they are sent, too
    const git_remote_head **there; // what the server has; the connection's
    size_t there_count;
    char report[REPORT_MAX]; // why the server did not move a branch; "": it moved all
    bool turns;              // a branch moves on to a new month
};

static enum cm_rc diverged(struct send_copy *s) {
    s->remote.answer->trouble = HUB_REPO_MOVED;
    return cm_fail(&s->remote.answer->err, CM_EEXISTS,
                   "its branches hold what this hub's do not%s, and nothing is ever forced: name "
                   "an empty repository, or rename those branches there",
                   s->months.count == 0 ? "" : " (or not any more: --state-keep-months)");
}

// ---- What goes where

static bool is_ours(git_repository *repo, const char *name, git_oid *out) {
    return git_reference_name_to_id(out, repo, name) == 0;
}

static const git_oid *find_there(const struct send_copy *s, const char *name) {
    for (size_t i = 0; i < s->there_count; i++) {
        if (strcmp(s->there[i]->name, name) == 0) {
            return &s->there[i]->oid;
        }
    }
    return NULL;
}

static bool holds(git_repository *repo, const git_oid *tip, const git_oid *commit) {
    return git_oid_equal(tip, commit) || git_graph_descendant_of(repo, tip, commit) == 1;
}

static void add_spec(git_strarray *specs, const char *force, const char *from, const char *to) {
    specs->strings[specs->count++] = cm_strf("%s%s:%s", force, from, to);
}

// is_named_there tells whether the server has a name for a month of a branch that ends there.
static bool is_named_there(const struct send_copy *s, const char *branch, const git_oid *end) {
    CM_AUTOFREE char *stem = hub_shard_ref(branch, "");

    for (size_t i = 0; i < s->there_count; i++) {
        if (strncmp(s->there[i]->name, stem, strlen(stem)) == 0 &&
            git_oid_equal(&s->there[i]->oid, end)) {
            return true;
        }
    }
    return false;
}

// find_month finds the month of a branch in which a commit is, or NULL.
static const char *find_month(const struct send_copy *s, const char *branch,
                              const git_oid *commit) {
    CM_AUTOFREE char *stem = hub_shard_ref(branch, "");
    git_oid end;

    for (size_t i = s->months.count; i > 0; i--) {
        const char *name = s->months.names[i - 1];

        if (strncmp(name, stem, strlen(stem)) == 0 && is_ours(s->repo, name, &end) &&
            holds(s->repo, &end, commit)) {
            return name;
        }
    }
    return NULL;
}

// list_branch says how a branch moves: on, to the end of the month in which it is at the server,
// or, once the server has a name for that, to another beginning.
static enum cm_rc list_branch(struct send_copy *s, const char *branch, git_strarray *ends,
                              git_strarray *moves) {
    CM_AUTOFREE char *name = cm_strf(HEADS "%s", branch);
    const git_oid *there = find_there(s, name);
    git_oid ours;

    if (!is_ours(s->repo, name, &ours) || (there != NULL && git_oid_equal(there, &ours))) {
        return CM_OK;
    }
    if (there == NULL || holds(s->repo, &ours, there)) {
        add_spec(moves, "", name, name);
    } else if (is_named_there(s, branch, there)) {
        s->turns = true;
        add_spec(moves, "+", name, name);
    } else {
        const char *month = find_month(s, branch, there);

        if (month == NULL) {
            return diverged(s);
        }
        add_spec(ends, "", month, name);
    }
    return CM_OK;
}

// list_all lists what the server lacks of months that have ended, and then how branches move.
static enum cm_rc list_all(struct send_copy *s, git_strarray *ends, git_strarray *moves) {
    const struct hub_repo_copy *copy = s->copy;
    enum cm_rc rc = CM_OK;
    git_oid ours;

    ends->strings = cm_new(s->months.count + copy->branch_count + 1, sizeof(*ends->strings));
    moves->strings = cm_new(copy->branch_count + 1, sizeof(*moves->strings));
    for (size_t i = 0; i < s->months.count; i++) {
        const char *name = s->months.names[i];
        const git_oid *there = find_there(s, name);

        if (is_ours(s->repo, name, &ours) && (there == NULL || !git_oid_equal(there, &ours))) {
            add_spec(ends, "", name, name);
        }
    }
    for (size_t i = 0; rc == CM_OK && i < copy->branch_count; i++) {
        rc = list_branch(s, copy->branches[i], ends, moves);
    }
    return rc;
}

static void free_specs(git_strarray *specs) {
    for (size_t i = 0; i < specs->count; i++) {
        free(specs->strings[i]);
    }
    free(specs->strings);
}

// ---- Sending

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

// speak sends what the server lacks of months that have ended, and else the branches. The server's
// values go with the commands, so that it compares, too.
static enum cm_rc speak(struct send_copy *s, git_remote *remote, bool *more) {
    CM_CLEANUP(free_specs) git_strarray ends = {0};
    CM_CLEANUP(free_specs) git_strarray moves = {0};
    int rc = git_remote_ls(&s->there, &s->there_count, remote);

    if (rc < 0) {
        return hub_remote_explain(&s->remote, rc);
    }
    enum cm_rc listed = list_all(s, &ends, &moves);
    *more = ends.count > 0;
    if (listed < 0 || ends.count + moves.count == 0) {
        return listed;
    }
    return upload(s, remote, *more ? &ends : &moves);
}

// connect_and_speak is one connection: after a push a server says no more.
static enum cm_rc connect_and_speak(struct send_copy *s, bool *more) {
    CM_CLEANUP(hub_git_remotep) git_remote *remote = NULL;
    int rc = git_remote_create_anonymous(&remote, s->repo, s->remote.url.text);

    if (rc < 0) {
        return hub_remote_explain(&s->remote, rc);
    }
    s->remote.asked = 0;
    cm_str_done(&s->remote.words);
    hub_child_listen(s->remote.request->limits.silence_ms);
    enum cm_rc sent = hub_remote_check_address(&s->remote);
    sent = sent < 0 ? sent : hub_remote_connect(&s->remote, remote, GIT_DIRECTION_PUSH);
    sent = sent < 0 ? sent : speak(s, remote, more);
    hub_child_listen(0);
    return sent;
}

// hand_over sends months first, and lets no branch leave one before the server shows its name.
static enum cm_rc hand_over(struct send_copy *s) {
    bool more = false;
    enum cm_rc rc = connect_and_speak(s, &more);

    rc = rc < 0 || !more ? rc : connect_and_speak(s, &more);
    if (rc < 0 || !more) {
        return rc;
    }
    s->remote.answer->trouble = HUB_REPO_REFUSED;
    return cm_fail(&s->remote.answer->err, CM_EAUTH,
                   "the server took tags of months and does not show them: let the hub push and "
                   "read refs/tags/state/*");
}

static enum cm_rc send_all(struct send_copy *s) {
    CM_CLEANUP(hub_git_repositoryp) git_repository *mirror = NULL;
    CM_CLEANUP(hub_git_repositoryp) git_repository *repo = NULL;
    struct cm_err *err = &s->remote.answer->err;

    if (hub_remote_open(&s->remote, &mirror, err) < 0) {
        return err->code;
    }
    if (git_repository_open_bare(&repo, s->copy->from) < 0) {
        return hub_git_fail(err, CM_EIO, "open '%.200s'", s->copy->from);
    }
    s->repo = repo;
    enum cm_rc rc = hub_shards_list(repo, NULL, &s->months, err);
    rc = rc < 0 ? rc : hand_over(s);
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
