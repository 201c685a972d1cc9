// history.c: what led to a commit, along all parents.
#include <string.h>

#include "common/mem.h"
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
