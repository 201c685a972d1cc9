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
#include "hub/store/decisions.h"
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

struct marking {
    struct cm_arena *arena;
    struct hub_pair *pairs;
    size_t count;
    size_t at; // both lists are sorted by App, so the next one is nearly always the one looked for
};

// Adds what a manifest does not say of its Apps.
static void mark_pair(void *ctx, const struct hub_pair_row *row) {
    struct marking *m = ctx;
    struct hub_pair *pair = find_pair(m->pairs + m->at, m->count - m->at, row->app);

    if (pair != NULL) {
        pair->repo = cm_arena_strdup(m->arena, row->repo);
        pair->stale = row->stale;
        pair->waits = row->waits[0] == '\0' ? NULL : cm_arena_strdup(m->arena, row->waits);
        pair->held = row->held[0] == '\0' ? NULL : cm_arena_strdup(m->arena, row->held);
        pair->begins = row->begins[0] == '\0' ? NULL : cm_arena_strdup(m->arena, row->begins);
        m->at = (size_t)(pair - m->pairs) + 1;
    }
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
        pairs[i].waits = NULL;
        pairs[i].held = NULL;
        pairs[i].begins = NULL;
    }
    for (size_t i = 0; i < m->n_gone; i++) {
        gone[i] = (struct hub_gone){.app = m->gone[i]->name,
                                    .revision = m->gone[i]->revision,
                                    .account = m->gone[i]->account,
                                    .prune = m->gone[i]->prune || m->gone[i]->held};
    }
    struct marking marking = {.arena = a, .pairs = pairs, .count = m->n_apps};
    if (hub_desired_each_pair(s->db, m->cluster_name, mark_pair, &marking, err) < 0) {
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

static void visit_source(void *ctx, const char *repo, const char *id, bool in_use) {
    struct seeding *s = ctx;

    s->visitor->source(s->visitor->ctx,
                       &(struct hub_seed_source){.name = repo, .revision = id, .in_use = in_use});
}

static void visit_app(void *ctx, const char *name, const char *repo) {
    struct seeding *s = ctx;

    s->visitor->app(s->visitor->ctx, name, repo);
}

static void visit_used(void *ctx, const char *confirmation, const char *removal) {
    struct seeding *s = ctx;

    s->visitor->used(s->visitor->ctx, confirmation, removal);
}

static void visit_decision(void *ctx, const struct hub_decision_row *row) {
    struct seeding *s = ctx;

    s->visitor->decision(s->visitor->ctx, row);
}

enum cm_rc hub_seed_load(struct hub_db *db, const struct hub_seed_visitor *visitor,
                         struct cm_err *err) {
    struct seeding s = {.db = db,
                        .visitor = visitor,
                        .bundles = cm_map_new(unref_bundle),
                        .blobs = cm_map_new(unref_buf)};
    enum cm_rc rc = hub_desired_each_manifest(db, visit_manifest, &s, err);

    rc = rc < 0 ? rc : hub_agents_each(db, visit_agent, &s, err);
    rc = rc < 0 ? rc : hub_revisions_each_newest(db, visit_source, &s, err);
    rc = rc < 0 ? rc : hub_documents_each_app(db, visit_app, &s, err);
    rc = rc < 0 ? rc : hub_documents_each_used(db, visit_used, &s, err);
    rc = rc < 0 ? rc : hub_decisions_each_provisional(db, false, visit_decision, &s, err);
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
