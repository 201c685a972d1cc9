#include "hub/jobs/seed.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/fleet/fleet.h"
#include "hub/render/bundle.h"
#include "hub/store/agents.h"
#include "hub/store/db.h"
#include "hub/store/desired.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

#define UNPACK_BUDGET ((size_t)64 * 1024 * 1024)

struct seeding {
    struct hub_db *db;
    const struct hub_seed_visitor *visitor;
    struct cm_map *bundles; // by hash in hex, shared by the clusters
    struct cm_map *blobs;   // objects, likewise
};

static void unref_buf(void *value) {
    cm_buf_unref(value);
}

static void unref_bundle(void *value) {
    hub_bundle_unref(value);
}

static struct cm_buf *find_blob(void *ctx, const struct cm_sha256 *name) {
    struct seeding *s = ctx;
    char hex[CM_SHA256_HEX_MAX];
    struct cm_err err;

    cm_sha256_hex(name, hex);
    struct cm_buf *blob = cm_map_get(s->blobs, hex);
    if (blob == NULL) {
        if (hub_desired_find_blob(s->db, name, &blob, &err) < 0) {
            return NULL;
        }
        cm_map_put(s->blobs, hex, blob);
    }
    return cm_buf_ref(blob);
}

static enum cm_rc find_bundle(struct seeding *s, const ProtobufCBinaryData *name,
                              struct hub_bundle **out, struct cm_err *err) {
    struct cm_sha256 hash = {0};
    char hex[CM_SHA256_HEX_MAX];

    memcpy(hash.bytes, name->data, name->len < sizeof(hash.bytes) ? name->len : sizeof(hash.bytes));
    cm_sha256_hex(&hash, hex);
    *out = cm_map_get(s->bundles, hex);
    if (*out != NULL) {
        return CM_OK;
    }

    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    enum cm_rc rc = hub_desired_find_blob(s->db, &hash, &bytes, err);
    rc = rc < 0 ? rc : hub_bundle_decode(bytes, find_blob, s, out, err);
    if (rc == CM_OK) {
        cm_map_put(s->bundles, hex, *out);
    }
    return rc;
}

static struct hub_pair *find_pair(struct hub_pair *pairs, size_t count, const char *app) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(pairs[i].app, app) == 0) {
            return &pairs[i];
        }
    }
    return NULL;
}

// Adds what a manifest does not say of its Apps. Both lists are sorted by App, so the next one is
// nearly always the one that is looked for.
static enum cm_rc mark_pairs(struct seeding *s, struct cm_arena *a, const char *cluster,
                             struct hub_pair *pairs, size_t count, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    size_t at = 0;
    enum cm_rc rc = hub_db_query(
        s->db, &stmt, err, "SELECT app, repo, stale FROM pair WHERE cluster = ?1 ORDER BY app", "t",
        cluster);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct hub_pair *pair = find_pair(pairs + at, count - at, hub_stmt_text(stmt, 0));

        if (pair != NULL) {
            pair->repo = cm_arena_strdup(a, hub_stmt_text(stmt, 1));
            pair->stale = hub_stmt_int(stmt, 2) != 0;
            at = (size_t)(pair - pairs) + 1;
        }
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc fill(struct seeding *s, struct cm_arena *a, const Holdfast__V1__Manifest *m,
                       struct hub_desired *out, struct cm_err *err) {
    struct hub_pair *pairs = cm_arena_get(a, (m->n_apps + 1) * sizeof(*pairs));
    struct hub_gone *gone = cm_arena_get(a, (m->n_gone + 1) * sizeof(*gone));

    for (size_t i = 0; i < m->n_apps; i++) {
        enum cm_rc rc = find_bundle(s, &m->apps[i]->bundle_sha256, &pairs[i].bundle, err);

        if (rc < 0) {
            return cm_wrap(err, "app '%s'", m->apps[i]->name);
        }
        pairs[i].app = m->apps[i]->name;
        pairs[i].revision = m->apps[i]->revision;
        pairs[i].repo = "";
    }
    for (size_t i = 0; i < m->n_gone; i++) {
        gone[i] = (struct hub_gone){
            .app = m->gone[i]->name, .revision = m->gone[i]->revision, .prune = m->gone[i]->prune};
    }
    if (mark_pairs(s, a, m->cluster_name, pairs, m->n_apps, err) < 0) {
        return err->code;
    }
    out->cluster = m->cluster_name;
    out->pairs = pairs;
    out->pair_count = m->n_apps;
    out->gone = gone;
    out->gone_count = m->n_gone;
    return CM_OK;
}

static enum cm_rc load_cluster(struct seeding *s, const struct hub_manifest_row *row,
                               struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(UNPACK_BUDGET);
    Holdfast__V1__Manifest *manifest = NULL;
    struct hub_desired desired = {.refs = 1};
    enum cm_rc rc = WIRE_UNPACK(a, Holdfast__V1__Manifest, holdfast__v1__manifest, row->bytes->data,
                                row->bytes->size, &manifest, err);

    rc = rc < 0 ? rc : fill(s, a, manifest, &desired, err);
    if (rc < 0) {
        return rc;
    }

    struct hub_desired *copy = hub_desired_copy(&desired);
    s->visitor->cluster(s->visitor->ctx, &(struct hub_seed_cluster){.desired = copy,
                                                                    .epoch = row->epoch,
                                                                    .generation = row->generation,
                                                                    .sha256 = row->sha256});
    hub_desired_unref(copy);
    return CM_OK;
}

static void visit_manifest(void *ctx, const struct hub_manifest_row *row) {
    struct cm_err err;

    if (load_cluster(ctx, row, &err) < 0) {
        cm_log(CM_LOG_WARN, "store.damaged", err.msg, "cluster", row->cluster, NULL);
    }
}

static void visit_agent(void *ctx, const struct hub_agent_row *row) {
    struct seeding *s = ctx;

    s->visitor->agent(s->visitor->ctx, row->cluster, row->id);
}

static enum cm_rc load_sources(struct seeding *s, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        s->db, &stmt, err,
        "WITH used AS (SELECT repo FROM app UNION SELECT repo FROM cluster"
        " UNION SELECT repo FROM cluster_group)"
        " SELECT repo, id, repo IN (SELECT repo FROM used) FROM revision WHERE number IN"
        " (SELECT max(number) FROM revision GROUP BY repo)",
        "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        s->visitor->source(s->visitor->ctx,
                           &(struct hub_seed_source){.name = hub_stmt_text(stmt, 0),
                                                     .revision = hub_stmt_text(stmt, 1),
                                                     .in_use = hub_stmt_int(stmt, 2) != 0});
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc load_apps(struct seeding *s, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(s->db, &stmt, err, "SELECT name, repo FROM app", "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        s->visitor->app(s->visitor->ctx, hub_stmt_text(stmt, 0), hub_stmt_text(stmt, 1));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_seed_load(struct hub_db *db, const struct hub_seed_visitor *visitor,
                         struct cm_err *err) {
    struct seeding s = {.db = db,
                        .visitor = visitor,
                        .bundles = cm_map_new(unref_bundle),
                        .blobs = cm_map_new(unref_buf)};
    enum cm_rc rc = hub_desired_each_manifest(db, visit_manifest, &s, err);

    rc = rc < 0 ? rc : hub_agents_each(db, visit_agent, &s, err);
    rc = rc < 0 ? rc : load_sources(&s, err);
    rc = rc < 0 ? rc : load_apps(&s, err);
    cm_map_free(s.bundles);
    cm_map_free(s.blobs);
    return rc < 0 ? cm_wrap(err, "read what was in force") : CM_OK;
}

bool hub_seed_is_whole(const struct hub_desired *desired) {
    for (size_t i = 0; i < desired->pair_count; i++) {
        if (!hub_bundle_is_whole(desired->pairs[i].bundle)) {
            return false;
        }
    }
    return true;
}
