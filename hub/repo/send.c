// send.c: the child's part of a push (hub/repo/push.h): makes the commits, and hands them over.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fault.h"
#include "common/list.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/ssh_sign.h"
#include "hub/repo/child.h"
#include "hub/repo/git.h"
#include "hub/repo/push.h"
#include "hub/repo/remote.h"

#define OUTGOING "refs/heads/outgoing" // what libgit2 takes the new commit from
#define REPORT_MAX 200

struct send {
    struct hub_remote remote;
    const struct hub_repo_push *push;
    git_oid expected;
    git_oid tip;             // the last commit that was made
    char report[REPORT_MAX]; // why the server did not move its reference; "": it did
};

static enum cm_rc fail_here(struct send *s, enum cm_rc code, const char *what) {
    s->remote.answer->trouble = HUB_REPO_LOCAL;
    return hub_git_fail(&s->remote.answer->err, code, "%s", what);
}

static enum cm_rc moved(struct send *s) {
    s->remote.answer->trouble = HUB_REPO_MOVED;
    return cm_fail(&s->remote.answer->err, CM_EEXISTS,
                   "'%s' is not where it was: somebody pushed meanwhile", s->push->ref);
}

// ---- Commits

// check_way: a file must not take the place of a folder, nor be put behind a link or a submodule.
static enum cm_rc check_way(struct send *s, const git_tree *tree, const char *path) {
    for (const char *at = strchr(path, '/');; at = strchr(at + 1, '/')) {
        CM_AUTOFREE char *part = cm_strndup(path, at != NULL ? (size_t)(at - path) : strlen(path));
        CM_CLEANUP(hub_git_tree_entryp) git_tree_entry *entry = NULL;

        if (git_tree_entry_bypath(&entry, tree, part) < 0) {
            return CM_OK; // nothing is in the way
        }
        git_filemode_t mode = git_tree_entry_filemode(entry);
        bool fits = at != NULL ? mode == GIT_FILEMODE_TREE
                               : mode == GIT_FILEMODE_BLOB || mode == GIT_FILEMODE_BLOB_EXECUTABLE;
        if (!fits) {
            return cm_fail(&s->remote.answer->err, CM_EINVAL,
                           "'%.200s' cannot be written: there is something else at '%.200s'", path,
                           part);
        }
        if (at == NULL) {
            return CM_OK;
        }
    }
}

// mode_of returns the mode of the file that is there; GIT_FILEMODE_UNREADABLE: none.
static git_filemode_t mode_of(const git_tree *tree, const char *path) {
    CM_CLEANUP(hub_git_tree_entryp) git_tree_entry *entry = NULL;

    return git_tree_entry_bypath(&entry, tree, path) < 0 ? GIT_FILEMODE_UNREADABLE
                                                         : git_tree_entry_filemode(entry);
}

// add_update tells in *use whether there is something to do.
static enum cm_rc add_update(struct send *s, git_repository *repo, const git_tree *tree,
                             const struct hub_repo_edit *edit, git_tree_update *out, bool *use) {
    git_filemode_t mode = mode_of(tree, edit->path);

    if (check_way(s, tree, edit->path) < 0) {
        return s->remote.answer->err.code;
    }
    *use = edit->text != NULL || mode != GIT_FILEMODE_UNREADABLE;
    *out = (git_tree_update){.action = edit->text != NULL ? GIT_TREE_UPDATE_UPSERT
                                                          : GIT_TREE_UPDATE_REMOVE,
                             .filemode = mode == GIT_FILEMODE_UNREADABLE ? GIT_FILEMODE_BLOB : mode,
                             .path = edit->path};
    if (edit->text != NULL &&
        git_blob_create_from_buffer(&out->id, repo, edit->text, strlen(edit->text)) < 0) {
        return fail_here(s, CM_EIO, "write a file");
    }
    return CM_OK;
}

static enum cm_rc make_tree(struct send *s, git_repository *repo, git_tree *tree,
                            const struct hub_repo_change *change, git_oid *out) {
    CM_AUTOFREE git_tree_update *updates = cm_new(change->edit_count + 1, sizeof(*updates));
    size_t count = 0;

    for (size_t i = 0; i < change->edit_count; i++) {
        bool use = false;

        if (add_update(s, repo, tree, &change->edits[i], &updates[count], &use) < 0) {
            return s->remote.answer->err.code;
        }
        count += use ? 1 : 0;
    }
    *out = *git_tree_id(tree);
    if (count > 0 && git_tree_create_updated(out, repo, tree, count, updates) < 0) {
        return fail_here(s, CM_EIO, "write the folders");
    }
    return CM_OK;
}

static void free_signature(git_signature **p) {
    git_signature_free(*p);
}

static void free_text(git_buf *text) {
    git_buf_dispose(text);
}

static enum cm_rc put_commit(struct send *s, git_repository *repo, const char *text) {
    CM_AUTOFREE char *signature = NULL;
    struct cm_err *err = &s->remote.answer->err;

    if (s->push->signing_key != NULL &&
        cm_ssh_sign(s->push->signing_key, "git", text, &signature, err) < 0) {
        return cm_wrap(err, "the signing key");
    }
    if (git_commit_create_with_signature(&s->tip, repo, text, signature,
                                         signature != NULL ? "gpgsig" : NULL) < 0) {
        return fail_here(s, CM_EIO, "write a commit");
    }
    s->remote.answer->made++;
    return CM_OK;
}

static enum cm_rc write_commit(struct send *s, git_repository *repo, git_commit *parent,
                               const git_oid *tree_id, const struct hub_repo_change *change) {
    const struct hub_repo_push *p = s->push;
    CM_CLEANUP(hub_git_treep) git_tree *tree = NULL;
    CM_CLEANUP(free_signature) git_signature *author = NULL;
    CM_CLEANUP(free_signature) git_signature *committer = NULL;
    CM_CLEANUP(free_text) git_buf text = {0};
    const git_commit *parents[] = {parent};

    if (git_tree_lookup(&tree, repo, tree_id) < 0 ||
        git_signature_new(&author, change->author.name, change->author.email,
                          change->authored_ms / 1000, 0) < 0 ||
        git_signature_new(&committer, p->committer.name, p->committer.email, p->committed_ms / 1000,
                          0) < 0 ||
        git_commit_create_buffer(&text, repo, author, committer, NULL, change->message, tree, 1,
                                 parents) < 0) {
        return fail_here(s, CM_EIO, "make a commit");
    }
    return put_commit(s, repo, text.ptr);
}

static enum cm_rc make_commit(struct send *s, git_repository *repo,
                              const struct hub_repo_change *change) {
    CM_CLEANUP(hub_git_commitp) git_commit *parent = NULL;
    CM_CLEANUP(hub_git_treep) git_tree *tree = NULL;
    git_oid made;

    if (git_commit_lookup(&parent, repo, &s->tip) < 0 || git_commit_tree(&tree, parent) < 0) {
        return fail_here(s, CM_EIO, "read the commit to build upon");
    }
    if (make_tree(s, repo, tree, change, &made) < 0) {
        return s->remote.answer->err.code;
    }
    return git_oid_equal(&made, git_tree_id(tree)) ? CM_OK
                                                   : write_commit(s, repo, parent, &made, change);
}

static enum cm_rc make_commits(struct send *s, git_repository *repo) {
    memcpy(s->tip.id, s->push->base.bytes, HUB_REPO_ID_SIZE);
    memcpy(s->expected.id, s->push->expected.bytes, HUB_REPO_ID_SIZE);
    for (size_t i = 0; i < s->push->change_count; i++) {
        if (make_commit(s, repo, &s->push->changes[i]) < 0) {
            return s->remote.answer->err.code;
        }
    }
    CM_FAULT_POINT("commits-made");
    return CM_OK;
}

// ---- Handing over

// The server has said where its reference is; the same value goes with the command, so that it
// compares, too.
static int on_negotiation(const git_push_update **updates, size_t count, void *payload) {
    struct send *s = CM_CONTAINER(payload, struct send, remote);

    hub_child_alive();
    if (count == 1 && git_oid_equal(&updates[0]->src, &s->expected)) {
        return 0;
    }
    (void)moved(s);
    return GIT_EUSER;
}

static int on_report(const char *name, const char *status, void *payload) {
    struct send *s = CM_CONTAINER(payload, struct send, remote);

    (void)name;
    if (status != NULL) {
        (void)snprintf(s->report, sizeof(s->report), "%s", status);
        hub_git_printable(s->report);
    }
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

// What servers say who lost a race against another push.
static bool means_moved(const char *report) {
    static const char *const words[] = {"fetch first",
                                        "non-fast-forward",
                                        "stale info",
                                        "failed to update ref",
                                        "incorrect old value",
                                        "failed to lock",
                                        "reference already exists"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strstr(report, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static enum cm_rc refused(struct send *s) {
    struct hub_answer *answer = s->remote.answer;
    CM_AUTOFREE char *said = hub_remote_said(&s->remote);

    if (means_moved(s->report)) {
        return moved(s);
    }
    answer->trouble = HUB_REPO_REFUSED;
    return cm_fail(&answer->err, CM_EAUTH, "the server does not take it: %s%s%.250s", s->report,
                   said[0] != '\0' ? ": " : "", said);
}

static enum cm_rc upload(struct send *s, git_remote *remote) {
    CM_AUTOFREE char *spec = cm_strf("%s%s:%s", s->push->rebuild ? "+" : "",
                                     s->push->remove ? "" : OUTGOING, s->push->ref);
    const git_strarray specs = {.strings = &spec, .count = 1};
    git_push_options options;

    (void)git_push_options_init(&options, GIT_PUSH_OPTIONS_VERSION);
    options.callbacks = hub_remote_callbacks(&s->remote);
    options.callbacks.push_negotiation = on_negotiation;
    options.callbacks.push_update_reference = on_report;
    options.callbacks.push_transfer_progress = on_sent;
    options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
    int rc = git_remote_upload(remote, &specs, &options);
    if (rc == GIT_ENONFASTFORWARD) {
        return moved(s);
    }
    return rc < 0 ? hub_remote_explain(&s->remote, rc) : CM_OK;
}

static enum cm_rc hand_over(struct send *s, git_repository *repo) {
    CM_CLEANUP(hub_git_remotep) git_remote *remote = NULL;
    CM_CLEANUP(hub_git_referencep) git_reference *ref = NULL;
    int rc = git_remote_create_anonymous(&remote, repo, s->remote.url.text);

    if (rc < 0) {
        return hub_remote_explain(&s->remote, rc);
    }
    if (git_reference_create(&ref, repo, OUTGOING, &s->tip, 1, NULL) < 0) {
        return fail_here(s, CM_EIO, "name the new commit");
    }
    hub_child_listen(s->remote.request->limits.silence_ms);
    enum cm_rc sent = hub_remote_check_address(&s->remote);
    sent = sent < 0 ? sent : hub_remote_connect(&s->remote, remote, GIT_DIRECTION_PUSH);
    sent = sent < 0 ? sent : upload(s, remote);
    hub_child_listen(0);
    (void)git_reference_delete(ref);
    if (sent < 0) {
        return sent;
    }
    return s->report[0] != '\0' ? refused(s) : CM_OK;
}

// ---- Folders

// remove_ref returns as libgit2, which looks once more that it is where it was found.
static int remove_ref(struct send *s, git_repository *repo) {
    CM_CLEANUP(hub_git_referencep) git_reference *ref = NULL;
    int rc = git_reference_lookup(&ref, repo, s->push->ref);
    const git_oid *at = rc < 0 ? NULL : git_reference_target(ref);

    return at != NULL && git_oid_equal(at, &s->expected) ? git_reference_delete(ref)
           : rc < 0                                      ? rc
                                                         : GIT_EMODIFIED;
}

static int move_ref(struct send *s, git_repository *repo) {
    CM_CLEANUP(hub_git_referencep) git_reference *ref = NULL;

    return git_oid_is_zero(&s->expected)
               ? git_reference_create(&ref, repo, s->push->ref, &s->tip, 0, NULL)
               : git_reference_create_matching(&ref, repo, s->push->ref, &s->tip, 1, &s->expected,
                                               NULL);
}

// move_there: libgit2's own way to a folder overwrites whatever its reference is meanwhile.
static enum cm_rc move_there(struct send *s, git_repository *repo) {
    int rc = s->push->remove ? remove_ref(s, repo) : move_ref(s, repo);

    if (rc == GIT_EMODIFIED || rc == GIT_EEXISTS || rc == GIT_ENOTFOUND) {
        return moved(s);
    }
    return rc < 0 ? fail_here(s, CM_EIO, "move the reference") : CM_OK;
}

static bool is_nothing(const struct send *s) {
    return s->remote.answer->made == 0 && !s->push->remove;
}

static enum cm_rc write_there(struct send *s) {
    CM_CLEANUP(hub_git_repositoryp) git_repository *repo = NULL;
    int rc = git_repository_open(&repo, s->remote.url.path);

    if (rc < 0) {
        return hub_remote_explain(&s->remote, rc);
    }
    if (!git_repository_is_bare(repo)) {
        return cm_fail(&s->remote.answer->err, CM_EINVAL,
                       "it is somebody's working copy: push to a bare repository");
    }
    if (make_commits(s, repo) < 0) {
        return s->remote.answer->err.code;
    }
    return is_nothing(s) ? CM_OK : move_there(s, repo);
}

static enum cm_rc send_all(struct send *s) {
    CM_CLEANUP(hub_git_repositoryp) git_repository *repo = NULL;
    struct cm_err *err = &s->remote.answer->err;

    if (hub_remote_open(&s->remote, &repo, err) < 0) {
        return err->code;
    }
    if (s->remote.url.scheme == HUB_URL_FILE) {
        return write_there(s);
    }
    if (make_commits(s, repo) < 0) {
        return err->code;
    }
    return is_nothing(s) ? CM_OK : hand_over(s, repo);
}

void hub_child_send(const struct hub_request *request, struct hub_answer *answer) {
    struct send s = {.remote = {.request = request, .source = &request->source, .answer = answer},
                     .push = request->push};

    answer->trouble = HUB_REPO_LOCAL; // until we talk to somebody else
    if (send_all(&s) == CM_OK) {
        answer->trouble = HUB_REPO_FINE;
        memcpy(answer->fetched.commit.bytes, s.tip.id, HUB_REPO_ID_SIZE);
    }
    hub_remote_close(&s.remote);
}
