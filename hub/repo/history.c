// history.c: what led to a commit, along all parents.
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/repo/git.h"
#include "hub/repo/repo.h"

static void free_walk(git_revwalk **p) {
    git_revwalk_free(*p);
}

// Sorted by time alone it reads only what it visits; sorted by topology it would read everything
// first.
static enum cm_rc start_walk(struct hub_repo *repo, const struct hub_repo_id *from,
                             git_revwalk **out, struct cm_err *err) {
    git_oid id;

    memcpy(id.id, from->bytes, HUB_REPO_ID_SIZE);
    int rc = git_revwalk_new(out, repo->git);
    rc = rc < 0 ? rc : git_revwalk_sorting(*out, GIT_SORT_TIME);
    rc = rc < 0 ? rc : git_revwalk_push(*out, &id);
    return rc < 0 ? hub_git_fail(err, hub_git_code(rc), "read the history") : CM_OK;
}

enum cm_rc hub_repo_history(struct hub_repo *repo, const struct hub_repo_id *from,
                            bool (*visit)(void *ctx, const struct hub_commit *commit), void *ctx,
                            struct cm_err *err) {
    CM_CLEANUP(free_walk) git_revwalk *walk = NULL;
    bool more = true;
    git_oid id;

    if (start_walk(repo, from, &walk, err) < 0) {
        return err->code;
    }
    while (more) {
        CM_CLEANUP(hub_commit_done) struct hub_commit commit = {0};
        int rc = git_revwalk_next(&id, walk);

        if (rc == GIT_ITEROVER) {
            return CM_OK;
        }
        if (rc < 0) {
            return hub_git_fail(err, hub_git_code(rc), "read the history");
        }
        if (hub_repo_describe(repo, &id, &commit, err) < 0) {
            return err->code;
        }
        more = visit(ctx, &commit);
    }
    return CM_OK;
}

// hide leaves out a commit and all before it; false if it is not here.
static bool hide(git_revwalk *walk, const char *hex) {
    git_oid id;

    return git_oid_fromstr(&id, hex) == 0 && git_revwalk_hide(walk, &id) == 0;
}

enum cm_rc hub_repo_passed(struct hub_repo *repo, const char *old, const struct hub_repo_id *now,
                           size_t max, char **out, struct cm_err *err) {
    CM_CLEANUP(free_walk) git_revwalk *walk = NULL;
    CM_CLEANUP(cm_str_done) struct cm_str ids = {0};
    git_oid id;
    enum cm_rc rc = start_walk(repo, now, &walk, err);

    if (rc < 0) {
        return rc;
    }
    for (size_t left = hide(walk, old) ? max : 0; left > 0 && git_revwalk_next(&id, walk) == 0;) {
        if (memcmp(id.id, now->bytes, HUB_REPO_ID_SIZE) != 0) {
            cm_str_addf(&ids, "%s ", git_oid_tostr_s(&id));
            left--;
        }
    }
    *out = cm_str_take(&ids);
    return CM_OK;
}
