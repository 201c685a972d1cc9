// history.c: what led to a commit, along all parents, the newest first as their clocks have it.
//
// libgit2's own walk is not used: as soon as it is to sort it reads all there is first, and puts it
// into a list that it searches from the begin.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/repo/git.h"
#include "hub/repo/repo.h"

// Commits that are read in one walk: merges of many, with whatever times somebody gave them, are
// no reason to look at more.
#define READ_MAX 20000

struct reached {
    git_commit *commit;
    git_time_t at;
    bool old; // it is, or came before, what was looked at already
};

struct history {
    struct hub_repo *repo;
    struct reached *items; // reached and not visited yet, in no order
    size_t count;
    size_t capacity;
    size_t fresh;        // of them, not old
    struct cm_map *seen; // ids of all that were reached
    bool full;           // more would be reached than READ_MAX
};

static void history_done(struct history *h) {
    for (size_t i = 0; i < h->count; i++) {
        git_commit_free(h->items[i].commit);
    }
    free(h->items);
    cm_map_free(h->seen);
}

static void make_old(struct history *h, const git_oid *id) {
    for (size_t i = 0; i < h->count; i++) {
        if (git_oid_equal(git_commit_id(h->items[i].commit), id) && !h->items[i].old) {
            h->items[i].old = true;
            h->fresh--;
        }
    }
}

static void push(struct history *h, git_commit *commit, bool old) {
    if (h->count == h->capacity) {
        h->capacity = h->capacity == 0 ? 64 : 2 * h->capacity;
        h->items = cm_resize(h->items, h->capacity * sizeof(*h->items));
    }
    h->items[h->count++] =
        (struct reached){.commit = commit, .at = git_commit_time(commit), .old = old};
    h->fresh += old ? 0 : 1;
}

static enum cm_rc reach(struct history *h, const git_oid *id, bool old, struct cm_err *err) {
    const char *hex = git_oid_tostr_s(id);
    git_commit *commit = NULL;

    if (cm_map_get(h->seen, hex) != NULL) {
        if (old) {
            make_old(h, id);
        }
        return CM_OK;
    }
    if (cm_map_len(h->seen) >= READ_MAX) {
        h->full = true;
        return CM_OK;
    }
    if (hub_repo_read_commit(h->repo, id, &commit, err) < 0) {
        return err->code;
    }
    cm_map_put(h->seen, hex, h);
    push(h, commit, old);
    return CM_OK;
}

static struct reached pop(struct history *h) {
    size_t newest = 0;

    for (size_t i = 1; i < h->count; i++) {
        newest = h->items[i].at > h->items[newest].at ? i : newest;
    }
    struct reached item = h->items[newest];
    h->items[newest] = h->items[--h->count];
    h->fresh -= item.old ? 0 : 1;
    return item;
}

static enum cm_rc go_on(struct history *h, const struct reached *from, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    for (unsigned i = 0; rc == CM_OK && i < git_commit_parentcount(from->commit); i++) {
        rc = reach(h, git_commit_parent_id(from->commit, i), from->old, err);
    }
    return rc;
}

static enum cm_rc begin(struct history *h, struct hub_repo *repo, const struct hub_repo_id *from,
                        struct cm_err *err) {
    git_oid id;

    h->repo = repo;
    h->seen = cm_map_new(NULL);
    memcpy(id.id, from->bytes, HUB_REPO_ID_SIZE);
    return reach(h, &id, false, err);
}

enum cm_rc hub_repo_history(struct hub_repo *repo, const struct hub_repo_id *from,
                            bool (*visit)(void *ctx, const struct hub_commit *commit), void *ctx,
                            struct cm_err *err) {
    CM_CLEANUP(history_done) struct history h = {0};
    enum cm_rc rc = begin(&h, repo, from, err);
    bool more = true;

    while (rc == CM_OK && more && h.count > 0) {
        CM_CLEANUP(hub_commit_done) struct hub_commit commit = {0};
        struct reached next = pop(&h);

        rc = hub_repo_describe(repo, git_commit_id(next.commit), &commit, err);
        more = rc == CM_OK && visit(ctx, &commit);
        rc = more ? go_on(&h, &next, err) : rc;
        git_commit_free(next.commit);
    }
    return rc;
}

enum cm_rc hub_repo_passed(struct hub_repo *repo, const char *old, const struct hub_repo_id *now,
                           size_t max, char **out, struct cm_err *err) {
    CM_CLEANUP(history_done) struct history h = {0};
    CM_CLEANUP(cm_str_done) struct cm_str ids = {0};
    git_oid id;
    enum cm_rc rc = begin(&h, repo, now, err);

    if (rc == CM_OK && git_oid_fromstr(&id, old) < 0) {
        rc = cm_fail(err, CM_EINVAL, "'%.80s' is no commit id", old);
    }
    rc = rc < 0 ? rc : reach(&h, &id, true, err);
    while (rc == CM_OK && h.fresh > 0 && !h.full) {
        struct reached next = pop(&h);
        const git_oid *at = git_commit_id(next.commit);

        if (!next.old && max > 0 && memcmp(at->id, now->bytes, HUB_REPO_ID_SIZE) != 0) {
            cm_str_addf(&ids, "%s ", git_oid_tostr_s(at));
            max--;
        }
        rc = go_on(&h, &next, err);
        git_commit_free(next.commit);
    }
    if (rc == CM_OK && h.full) {
        return cm_fail(err, CM_EINVAL, "more than %d commits came with it", READ_MAX);
    }
    if (rc == CM_OK) {
        *out = cm_str_take(&ids);
    }
    return rc;
}
