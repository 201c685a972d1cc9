#include "hub/jobs/proven.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/fleet/fleet.h"
#include "hub/hold/hold.h"
#include "hub/jobs/store.h"
#include "hub/render/bundle.h"
#include "hub/store/desired.h"
#include "hub/store/proven.h"

struct looking {
    struct hub_db *db;
    struct hub_proven_list *list;
    struct hub_proven_before *rows; // the list's arena's
    size_t count;
    struct cm_map *blobs; // objects by hash in hex
};

static void unref_bundle(void *value) {
    hub_bundle_unref(value);
}

static void unref_buf(void *value) {
    cm_buf_unref(value);
}

void hub_proven_free(struct hub_proven_list *list) {
    if (list != NULL) {
        cm_map_free(list->bundles);
        cm_arena_free(list->arena);
        free(list);
    }
}

// ---- Bundles

static struct cm_buf *find_blob(void *ctx, const struct cm_sha256 *name) {
    struct looking *l = ctx;
    char hex[CM_SHA256_HEX_MAX];
    struct cm_err err;

    cm_sha256_hex(name, hex);
    struct cm_buf *blob = cm_map_get(l->blobs, hex);
    if (blob == NULL) {
        if (hub_desired_find_blob(l->db, name, &blob, &err) < 0) {
            return NULL;
        }
        cm_map_put(l->blobs, hex, blob);
    }
    return cm_buf_ref(blob);
}

// find_bundle returns a bundle, NULL if it is not kept any more.
static struct hub_bundle *find_bundle(struct looking *l, const struct cm_sha256 *name) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    char hex[CM_SHA256_HEX_MAX];
    struct cm_err err;

    cm_sha256_hex(name, hex);
    struct hub_bundle *bundle = cm_map_get(l->list->bundles, hex);
    if (bundle == NULL && hub_desired_find_blob(l->db, name, &bytes, &err) == CM_OK &&
        hub_bundle_decode(bytes, find_blob, l, &bundle, &err) == CM_OK) {
        cm_map_put(l->list->bundles, hex, bundle);
    }
    return bundle;
}

// ---- What differs

// grow returns room for one more behind `count`, which doubles when it is a power of two.
static void *grow(struct cm_arena *a, void *items, size_t count, size_t size) {
    void *grown;

    if ((count & (count - 1)) != 0) {
        return items;
    }
    grown = cm_arena_get(a, (count == 0 ? 1 : 2 * count) * size);
    memcpy(grown, count == 0 ? grown : items, count * size);
    return grown;
}

static void visit(void *ctx, const struct hub_proven_before *before) {
    struct looking *l = ctx;
    struct cm_arena *a = l->list->arena;

    l->rows = grow(a, l->rows, l->count, sizeof(*l->rows));
    struct hub_proven_before *to = &l->rows[l->count++];
    *to = *before;
    to->row.cluster = cm_arena_strdup(a, before->row.cluster);
    to->row.agent = cm_arena_strdup(a, before->row.agent);
    to->row.app = cm_arena_strdup(a, before->row.app);
    to->row.key = cm_arena_strdup(a, before->row.key);
    to->row.needs = cm_arena_strdup(a, before->row.needs);
    to->row.revision = cm_arena_strdup(a, before->row.revision);
}

static bool differ(const struct hub_proven *proven, const struct hub_bundle *in_force) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = NULL;
    struct cm_err err;

    return hub_fleet_proven_hold(proven, "", in_force, &hold, &err) == CM_OK;
}

static bool is_none(const struct cm_sha256 *hash) {
    static const struct cm_sha256 none;

    return cm_sha256_equal(hash, &none);
}

// is_unproven: what is held, or not in force yet, is to be looked at when it is made.
static bool is_unproven(struct looking *l, const struct hub_proven_before *before,
                        const struct hub_proven *proven) {
    if (before->held || is_none(&before->in_force)) {
        return true;
    }
    const struct hub_bundle *in_force = find_bundle(l, &before->in_force);
    return in_force != NULL && differ(proven, in_force);
}

static enum cm_rc look_at(struct looking *l, const struct hub_proven_before *before,
                          struct cm_err *err) {
    struct hub_proven_list *list = l->list;
    const struct hub_proven proven = {.app = before->row.app,
                                      .key = before->row.key,
                                      .needs = before->row.needs,
                                      .revision = before->row.revision,
                                      .bundle = find_bundle(l, &before->row.bundle)};

    if (proven.bundle == NULL) {
        cm_log(CM_LOG_WARN, "release.not_kept",
               "the cluster's agent is a new one, and what was promoted on it last is not kept any "
               "more: it begins with what Git says",
               "cluster", before->row.cluster, "app", before->row.app, NULL);
    }
    if (proven.bundle == NULL || !is_unproven(l, before, &proven)) {
        return hub_proven_take(l->db, &before->row, err);
    }
    list->clusters[list->count] = before->row.cluster;
    list->items[list->count++] = proven;
    return CM_OK;
}

// ---- What is new, and what was promoted

static void note_fresh(void *ctx, const char *cluster, const char *app) {
    struct hub_proven_list *list = ctx;
    struct cm_arena *a = list->arena;

    list->fresh = grow(a, list->fresh, list->fresh_count, sizeof(*list->fresh));
    list->fresh[list->fresh_count++] = (struct hub_proven_fresh){
        .cluster = cm_arena_strdup(a, cluster), .app = cm_arena_strdup(a, app)};
}

static void note_promoted(void *ctx, const struct hub_proven_row *row) {
    struct hub_proven_list *list = ctx;
    struct cm_arena *a = list->arena;

    list->promoted = grow(a, list->promoted, list->promoted_count, sizeof(*list->promoted));
    list->promoted[list->promoted_count++] =
        (struct hub_promoted){.cluster = cm_arena_strdup(a, row->cluster),
                              .app = cm_arena_strdup(a, row->app),
                              .needs = cm_arena_strdup(a, row->needs),
                              .revision = cm_arena_strdup(a, row->revision)};
}

static enum cm_rc read_news(struct looking *l, const char *cluster, struct cm_err *err) {
    enum cm_rc rc = hub_proven_each_fresh(l->db, cluster, note_fresh, l->list, err);

    return rc < 0 ? rc : hub_proven_each_release(l->db, cluster, note_promoted, l->list, err);
}

enum cm_rc hub_proven_read(struct hub_db *db, const char *cluster, struct hub_proven_list **out,
                           struct cm_err *err) {
    struct looking l = {.db = db, .list = cm_new(1, sizeof(*l.list))};

    l.list->arena = cm_arena_new(0);
    l.list->bundles = cm_map_new(unref_bundle);
    l.blobs = cm_map_new(unref_buf);
    enum cm_rc rc = hub_proven_each_before(db, cluster, visit, &l, err);
    l.list->items = cm_arena_get(l.list->arena, (l.count + 1) * sizeof(*l.list->items));
    l.list->clusters = cm_arena_get(l.list->arena, (l.count + 1) * sizeof(*l.list->clusters));
    for (size_t i = 0; rc == CM_OK && i < l.count; i++) {
        rc = look_at(&l, &l.rows[i], err);
    }
    rc = rc < 0 ? rc : read_news(&l, cluster, err);
    cm_map_free(l.blobs);
    if (rc < 0) {
        hub_proven_free(l.list);
        return rc;
    }
    *out = l.list;
    return CM_OK;
}

// ---- As a job

struct look_job {
    struct hub_store_job job;
    char *cluster;
    struct hub_proven_list *list;
    struct hub_proven_done done;
};

static enum cm_rc run_look(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct look_job *j = CM_CONTAINER(job, struct look_job, job);

    return hub_proven_read(db, j->cluster, &j->list, err);
}

static void look_done(struct hub_store_job *job, const struct cm_err *err) {
    struct look_job *j = CM_CONTAINER(job, struct look_job, job);

    if (err->code != CM_OK) { // it was read, and then could not be committed
        hub_proven_free(j->list);
        j->list = NULL;
    }
    j->done.done(j->done.ctx, err, j->list);
    free(j->cluster);
    free(j);
}

void hub_proven_look(struct hub_store *store, const char *cluster,
                     const struct hub_proven_done *done) {
    struct look_job *j = cm_new(1, sizeof(*j));

    j->job.run = run_look;
    j->job.done = look_done;
    j->cluster = cm_strdup(cluster);
    j->done = *done;
    hub_store_submit(store, &j->job);
}
