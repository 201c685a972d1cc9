#include "hub/jobs/history.h"

#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/commit.h"
#include "hub/jobs/planner.h"
#include "hub/repo/tree.h"

struct replay {
    struct hub_fleet *fleet;
    struct hub_reading *reading;
    size_t at;
    struct hub_repo_id path[HUB_HISTORY_MAX + 1]; // the newest first
    size_t count;
};

// parent_of finds the first parent. CM_ENOTFOUND: there is none.
static enum cm_rc parent_of(struct replay *r, const struct hub_repo_id *id, struct hub_repo_id *out,
                            struct cm_err *err) {
    CM_CLEANUP(hub_commit_done) struct hub_commit commit = {0};
    char hex[HUB_REPO_ID_HEX_MAX];
    enum cm_rc rc = hub_reading_commit(r->reading, r->at, id, &commit, err);

    if (rc < 0 || commit.parents == 0) {
        return rc < 0 ? rc : CM_ENOTFOUND;
    }
    hub_commit_done(&commit);
    hub_repo_id_hex(id, hex);
    CM_AUTOFREE char *before = cm_strf("%s~1", hex);
    rc = hub_reading_resolve(r->reading, r->at, before, &commit, err);
    *out = commit.id;
    return rc;
}

// A history that ends early (a mirror that was made anew, a shallow one) is as good as it is long.
static void list_path(struct replay *r, const struct hub_repo_id *tip) {
    struct cm_err ignored;

    r->path[0] = *tip;
    r->count = 1;
    while (r->count <= HUB_HISTORY_MAX &&
           parent_of(r, &r->path[r->count - 1], &r->path[r->count], &ignored) == CM_OK) {
        r->count++;
    }
}

static enum cm_rc go(struct replay *r, const struct hub_repo_id *from,
                     const struct hub_repo_id *there, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_fleet_commit what = {.repo = r->reading->sources[r->at].name};

    if (hub_reading_changes(r->reading, r->at, from, there, a, &what, err) < 0) {
        return err->code;
    }
    const struct hub_fleet_reader reader = {.read = hub_reading_blob, .ctx = r->reading};
    hub_fleet_result_free(hub_fleet_update(r->fleet, &what, &reader));
    return CM_OK;
}

static bool is_on_path(const struct replay *r, const char *revision) {
    struct hub_repo_id id;

    for (size_t i = 0; i < r->count && hub_repo_id_parse(revision, &id); i++) {
        if (hub_repo_id_equal(&id, &r->path[i])) {
            return true;
        }
    }
    return false;
}

static void drop_tombstones(void *ctx, const struct hub_cluster_info *cluster) {
    struct replay *r = ctx;
    struct hub_desired *desired = hub_fleet_desired(r->fleet, cluster->name);

    if (desired == NULL) {
        return;
    }
    (void)hub_desired_ref(desired);
    for (size_t i = 0; i < desired->gone_count; i++) {
        if (is_on_path(r, desired->gone[i].revision)) {
            hub_fleet_forget_gone(r->fleet, cluster->name, desired->gone[i].app);
        }
    }
    hub_desired_unref(desired);
}

enum cm_rc hub_history_replay(struct hub_fleet *fleet, struct hub_reading *reading, size_t at,
                              const struct hub_repo_id *tip, size_t *commits, struct cm_err *err) {
    struct replay r = {.fleet = fleet, .reading = reading, .at = at};
    struct cm_err again;

    list_path(&r, tip);
    *commits = r.count - 1;
    if (r.count == 1) {
        return CM_OK;
    }
    hub_fleet_look_back(fleet, true);
    enum cm_rc rc = go(&r, tip, &r.path[r.count - 1], err);
    for (size_t i = r.count - 1; rc == CM_OK && i > 0; i--) {
        rc = go(&r, &r.path[i], &r.path[i - 1], err);
    }
    bool lost = rc < 0 && go(&r, NULL, tip, &again) < 0;
    hub_fleet_look_back(fleet, false);
    if (lost) {
        return rc;
    }
    hub_fleet_each_cluster(fleet, drop_tombstones, &r);
    return rc;
}
