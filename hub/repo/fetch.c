#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/repo/child.h"
#include "hub/repo/git.h"
#include "hub/repo/remote.h"
#include "hub/repo/want.h"

struct fetch {
    struct hub_remote remote;
    struct hub_want want;
};

static enum cm_rc choose(struct fetch *f, git_remote *remote) {
    const git_remote_head **heads = NULL;
    size_t count = 0;
    int rc = git_remote_ls(&heads, &count, remote);

    if (rc < 0) {
        return hub_remote_explain(&f->remote, rc);
    }
    rc = hub_want_find(f->remote.source, heads, count, &f->want, &f->remote.answer->err);
    if (rc == CM_ENOTFOUND) {
        f->remote.answer->trouble = HUB_REPO_BRANCH_GONE;
    }
    return (enum cm_rc)rc;
}

static int download_specs(struct fetch *f, git_remote *remote, char **names, size_t count) {
    const git_strarray specs = {.strings = names, .count = count};
    git_fetch_options options;

    (void)git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
    options.callbacks = hub_remote_callbacks(&f->remote);
    options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
    options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
    options.update_fetchhead = 0;
    return git_remote_download(remote, &specs, &options);
}

// No reference moves by this; move_tip does that.
static enum cm_rc download(struct fetch *f, git_remote *remote) {
    CM_AUTOFREE char *spec = cm_strf("+%s:" HUB_MIRROR_TIP, f->want.name);
    char all[] = "+refs/*:refs/*";
    char *names[] = {all};
    int rc = download_specs(f, remote, &spec, 1);

    if (rc < 0 && f->want.by_id && f->remote.answer->err.code == CM_OK) { // it serves no ids
        rc = download_specs(f, remote, names, 1);
    }
    return rc < 0 ? hub_remote_explain(&f->remote, rc) : CM_OK;
}

static enum cm_rc receive(struct fetch *f, git_repository *repo) {
    CM_CLEANUP(hub_git_remotep) git_remote *remote = NULL;
    int rc = git_remote_create_anonymous(&remote, repo, f->remote.url.text);

    if (rc < 0) {
        return hub_remote_explain(&f->remote, rc);
    }
    if (hub_remote_connect(&f->remote, remote, GIT_DIRECTION_FETCH) < 0 || choose(f, remote) < 0) {
        return f->remote.answer->err.code;
    }
    return download(f, remote);
}

// is_here: a commit that was fetched once stays what it is.
static bool is_here(struct fetch *f, git_repository *repo) {
    CM_CLEANUP(hub_git_commitp) git_commit *commit = NULL;

    return f->remote.source->commit != NULL &&
           git_oid_fromstr(&f->want.oid, f->remote.source->commit) == 0 &&
           git_commit_lookup(&commit, repo, &f->want.oid) == 0;
}

// wanted_commit: a tag's object may stand before its commit.
static enum cm_rc wanted_commit(struct fetch *f, git_repository *repo, git_oid *out) {
    CM_CLEANUP(hub_git_objectp) git_object *object = NULL;
    CM_CLEANUP(hub_git_objectp) git_object *commit = NULL;

    CM_AUTOFREE char *text = hub_want_text(f->remote.source);

    if (git_object_lookup(&object, repo, &f->want.oid, GIT_OBJECT_ANY) < 0 && f->want.by_id) {
        f->remote.answer->trouble = HUB_REPO_BRANCH_GONE;
        return cm_fail(&f->remote.answer->err, CM_ENOTFOUND, "the repository has no %s", text);
    }
    if (object == NULL || git_object_peel(&commit, object, GIT_OBJECT_COMMIT) < 0) {
        f->remote.answer->trouble = HUB_REPO_PROTOCOL;
        return hub_git_fail(&f->remote.answer->err, CM_EIO, "the %s leads to no commit", text);
    }
    *out = *git_object_id(commit);
    return CM_OK;
}

// ---- Where the tip was found: another branch, or another server, is not one that went back

#define PLACE_MAX_BYTES 8192

static char *place_file(const struct fetch *f) {
    return cm_strf("%s/tip-of", f->remote.mirror.home);
}

static char *place_of(const struct fetch *f) {
    return cm_strf("%s %s\n", f->remote.url.text, f->want.name);
}

// is_same_place: a mirror that does not say it is of before that was kept.
static bool is_same_place(const struct fetch *f) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *there = NULL;
    CM_AUTOFREE char *file = place_file(f);
    CM_AUTOFREE char *place = place_of(f);
    struct cm_err ignored;

    if (cm_fsys_read(file, PLACE_MAX_BYTES, &there, &ignored) < 0) {
        return true;
    }
    return there->size == strlen(place) && memcmp(there->data, place, there->size) == 0;
}

static enum cm_rc keep_place(struct fetch *f) {
    CM_AUTOFREE char *file = place_file(f);
    CM_AUTOFREE char *place = place_of(f);
    struct cm_err *err = &f->remote.answer->err;

    if (cm_fsys_replace(file, place, strlen(place), 0600, err) < 0) {
        f->remote.answer->trouble = HUB_REPO_LOCAL;
        return err->code;
    }
    return CM_OK;
}

// went_back tells whether what is in force came after a commit. One that this mirror does not know
// came from elsewhere, as far as can be told.
static bool went_back(const struct fetch *f, git_repository *repo, const git_oid *commit,
                      const git_oid *before, git_oid *from) {
    const char *in_force = f->remote.source->in_force;

    *from = *before;
    return in_force != NULL && is_same_place(f) &&
           (in_force[0] == '\0' || git_oid_fromstr(from, in_force) == 0) &&
           git_graph_descendant_of(repo, from, commit) == 1;
}

static enum cm_rc refuse_back(struct fetch *f, const git_oid *commit, const git_oid *from) {
    char there[9];
    char here[9];

    (void)git_oid_tostr(there, sizeof(there), commit);
    (void)git_oid_tostr(here, sizeof(here), from);
    f->remote.answer->trouble = HUB_REPO_WENT_BACK;
    return cm_fail(
        &f->remote.answer->err, CM_EEXISTS,
        "the branch went back to %s, and %s, which came after it, stays: push that again, "
        "or go back with a commit on top ('git commit --allow-empty')",
        there, here);
}

static enum cm_rc move_tip(struct fetch *f, git_repository *repo, const git_oid *commit) {
    CM_CLEANUP(hub_git_referencep) git_reference *ref = NULL;
    struct hub_repo_fetched *fetched = &f->remote.answer->fetched;
    struct cm_err ignored;
    git_oid before = {{0}};
    git_oid from;

    if (hub_mirror_tip(repo, &before, &ignored) == CM_OK && !git_oid_equal(&before, commit)) {
        fetched->rewound = git_graph_descendant_of(repo, commit, &before) != 1;
    }
    if (went_back(f, repo, commit, &before, &from)) {
        return refuse_back(f, commit, &from);
    }
    if ((!git_oid_equal(&before, commit) || !is_same_place(f)) && keep_place(f) < 0) {
        return f->remote.answer->err.code;
    }
    if (git_reference_create(&ref, repo, HUB_MIRROR_TIP, commit, 1, NULL) < 0) {
        f->remote.answer->trouble = HUB_REPO_LOCAL;
        return hub_git_fail(&f->remote.answer->err, CM_EIO, "move the mirror's tip");
    }
    memcpy(fetched->commit.bytes, commit->id, HUB_REPO_ID_SIZE);
    memcpy(fetched->before.bytes, before.id, HUB_REPO_ID_SIZE);
    memcpy(fetched->ref, f->want.name, f->want.by_id ? 0 : strlen(f->want.name));
    fetched->changed = !git_oid_equal(&before, commit);
    fetched->received_bytes = f->remote.received_bytes;
    fetched->packs = hub_mirror_packs(&f->remote.mirror);
    return CM_OK;
}

static enum cm_rc fetch(struct fetch *f) {
    CM_CLEANUP(hub_git_repositoryp) git_repository *repo = NULL;
    struct cm_err *err = &f->remote.answer->err;
    git_oid commit;

    if (hub_remote_open(&f->remote, &repo, err) < 0) {
        return err->code;
    }
    if (!is_here(f, repo)) {
        hub_child_listen(f->remote.request->limits.silence_ms);
        if (hub_remote_check_address(&f->remote) < 0 || receive(f, repo) < 0) {
            return err->code;
        }
        hub_child_listen(0);
    }
    if (wanted_commit(f, repo, &commit) < 0) {
        return err->code;
    }
    return move_tip(f, repo, &commit);
}

void hub_child_fetch(const struct hub_request *request, struct hub_answer *answer) {
    struct fetch f = {.remote = {.request = request, .source = &request->source, .answer = answer}};

    answer->trouble = HUB_REPO_LOCAL; // until we talk to somebody else
    if (fetch(&f) == CM_OK) {
        answer->trouble = HUB_REPO_FINE;
    }
    hub_remote_close(&f.remote);
}
