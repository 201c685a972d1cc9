#include "hub/jobs/collect.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/mem.h"
#include "hub/render/bundle.h"
#include "hub/store/desired.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

#define MANIFESTS_STEP 50
#define PAIRS_STEP 100
#define REPORTED_STEP 1000
#define SWEEP_STEP 500

#define UNPACK_BUDGET ((size_t)64 * 1024 * 1024)

void hub_collection_done(struct hub_collection *c) {
    free(c->cluster);
    free(c->name);
    *c = (struct hub_collection){0};
}

static enum cm_rc keep_objects(struct hub_db *db, struct cm_buf *bytes, struct cm_err *err) {
    CM_CLEANUP(hub_bundle_unrefp) struct hub_bundle *bundle = NULL;
    enum cm_rc rc = CM_OK;
    struct cm_err damaged;

    if (hub_bundle_decode(bytes, NULL, NULL, &bundle, &damaged) < 0) {
        return CM_OK; // nobody else can read it either
    }
    for (size_t i = 0; rc == CM_OK && i < bundle->spec.object_count; i++) {
        rc = hub_blobs_keep(db, &bundle->spec.objects[i].sha256, err);
    }
    return rc;
}

// A bundle that is kept has its objects kept: both happen in one step, here and where it is put.
static enum cm_rc keep_bundle(struct hub_db *db, const void *bytes, size_t size,
                              struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *blob = NULL;
    struct cm_sha256 name;
    bool kept = true;

    if (size != sizeof(name.bytes)) {
        return CM_OK;
    }
    memcpy(name.bytes, bytes, size);
    enum cm_rc rc = hub_blobs_is_kept(db, &name, &kept, err);
    if (rc < 0 || kept) {
        return rc;
    }
    rc = hub_desired_find_blob(db, &name, &blob, err);
    if (rc == CM_ENOTFOUND) {
        return CM_OK;
    }
    rc = rc < 0 ? rc : keep_objects(db, blob, err);
    return rc < 0 ? rc : hub_blobs_keep(db, &name, err);
}

static enum cm_rc keep_manifest(struct hub_db *db, const void *bytes, size_t size,
                                struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(UNPACK_BUDGET);
    Holdfast__V1__Manifest *manifest = NULL;
    struct cm_err damaged;
    enum cm_rc rc = CM_OK;

    if (WIRE_UNPACK(a, Holdfast__V1__Manifest, holdfast__v1__manifest, bytes, size, &manifest,
                    &damaged) < 0) {
        return CM_OK; // the next start leaves it out, too
    }
    for (size_t i = 0; rc == CM_OK && i < manifest->n_apps; i++) {
        const ProtobufCBinaryData *name = &manifest->apps[i]->bundle_sha256;

        rc = keep_bundle(db, name->data, name->len, err);
    }
    return rc;
}

static enum cm_rc keep_object(struct hub_db *db, const void *bytes, size_t size,
                              struct cm_err *err) {
    struct cm_sha256 name;

    if (size != sizeof(name.bytes)) {
        return CM_OK; // never applied
    }
    memcpy(name.bytes, bytes, size);
    return hub_blobs_keep(db, &name, err);
}

struct walk {
    enum hub_blobs_user user;
    size_t limit;
    enum cm_rc (*keep)(struct hub_db *db, const void *bytes, size_t size, struct cm_err *err);
};

static const struct walk walks[] = {
    [HUB_COLLECT_MANIFESTS] = {HUB_BLOBS_MANIFESTS, MANIFESTS_STEP, keep_manifest},
    [HUB_COLLECT_PAIRS] = {HUB_BLOBS_PAIRS, PAIRS_STEP, keep_bundle},
    [HUB_COLLECT_PROVEN] = {HUB_BLOBS_PROVEN, PAIRS_STEP, keep_bundle},
    [HUB_COLLECT_APPLIED] = {HUB_BLOBS_APPLIED, PAIRS_STEP, keep_bundle},
    [HUB_COLLECT_REPORTED] = {HUB_BLOBS_REPORTED, REPORTED_STEP, keep_object},
    [HUB_COLLECT_GOOD] = {HUB_BLOBS_GOOD, PAIRS_STEP, keep_bundle},
    [HUB_COLLECT_BEFORE] = {HUB_BLOBS_BEFORE, PAIRS_STEP, keep_bundle},
};

static void set_text(char **at, const char *text) {
    free(*at);
    *at = cm_strdup(text);
}

static void next_phase(struct hub_collection *c) {
    c->phase++;
    set_text(&c->cluster, "");
    set_text(&c->name, "");
}

// A collection at a step of a walk. The places move on behind the one that is asked for.
struct step {
    struct hub_collection *collection;
    struct hub_db *db;
    char *cluster;
    char *name;
};

static enum cm_rc keep_use(void *ctx, const struct hub_blobs_use *use, struct cm_err *err) {
    struct step *step = ctx;

    set_text(&step->cluster, use->cluster);
    set_text(&step->name, use->name);
    return walks[step->collection->phase].keep(step->db, use->bytes, use->size, err);
}

static enum cm_rc walk_on(struct hub_collection *c, struct hub_db *db, struct cm_err *err) {
    const struct walk *walk = &walks[c->phase];
    struct step step = {
        .collection = c, .db = db, .cluster = cm_strdup(c->cluster), .name = cm_strdup(c->name)};
    size_t seen = 0;
    enum cm_rc rc = hub_blobs_walk(db,
                                   &(struct hub_blobs_walk){.user = walk->user,
                                                            .cluster = c->cluster,
                                                            .name = c->name,
                                                            .limit = walk->limit,
                                                            .visit = keep_use,
                                                            .ctx = &step},
                                   &seen, err);

    free(c->cluster);
    free(c->name);
    c->cluster = step.cluster;
    c->name = step.name;
    if (rc == CM_OK && seen < walk->limit) {
        next_phase(c);
    }
    return rc;
}

static enum cm_rc sweep(struct hub_collection *c, struct hub_db *db, struct cm_err *err) {
    bool more = false;
    enum cm_rc rc = hub_blobs_sweep(db, &c->cursor, SWEEP_STEP, &more, &c->removed, err);

    if (rc == CM_OK && !more) {
        next_phase(c);
    }
    return rc;
}

enum cm_rc hub_collection_step(struct hub_collection *c, struct hub_db *db, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    switch (c->phase) {
    case HUB_COLLECT_BEGIN:
        rc = hub_blobs_begin(db, err);
        next_phase(c);
        break;
    case HUB_COLLECT_MANIFESTS:
    case HUB_COLLECT_PAIRS:
    case HUB_COLLECT_PROVEN:
    case HUB_COLLECT_APPLIED:
    case HUB_COLLECT_REPORTED:
    case HUB_COLLECT_GOOD:
    case HUB_COLLECT_BEFORE:
        rc = walk_on(c, db, err);
        break;
    case HUB_COLLECT_SWEEP:
        rc = sweep(c, db, err);
        break;
    case HUB_COLLECT_END:
        rc = hub_blobs_end(db, err);
        next_phase(c);
        break;
    case HUB_COLLECT_DONE:
        break;
    }
    return rc < 0 ? cm_wrap(err, "remove blobs that nothing needs") : CM_OK;
}
