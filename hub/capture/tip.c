#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/fsys.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/capture/internal.h"
#include "hub/render/bundle.h"

// A file by its made-up id.
struct tip_file {
    const struct hub_capture_repo *repo;
    char *path; // from the top
};

static void free_file(void *p) {
    struct tip_file *file = p;

    free(file->path);
    free(file);
}

// make_id makes an id of a file: what is in it need not be read for that.
static void make_id(const char *repo, const char *path, size_t edit, uint8_t id[HUB_OID_SIZE]) {
    CM_AUTOFREE char *text = cm_strf("%s\n%s\n%zu", repo, path, edit);
    struct cm_sha256 digest = cm_sha256(text, strlen(text));

    memcpy(id, digest.bytes, HUB_OID_SIZE);
}

bool capture_tip_stopped(const struct capture_tip *t) {
    return t->stopped(t->stopped_ctx);
}

static bool is_stopped(void *ctx) {
    return capture_tip_stopped(ctx);
}

static enum cm_rc read_file(void *ctx, const char *repo, const uint8_t id[HUB_OID_SIZE],
                            size_t max_bytes, struct cm_buf **out, struct cm_err *err) {
    struct capture_tip *t = ctx;
    CM_AUTOFREE char *hex = cm_hex(id, HUB_OID_SIZE);
    const struct tip_file *file = cm_map_get(t->paths, hex);

    (void)repo;
    if (capture_tip_stopped(t)) {
        return cm_fail(err, CM_ECANCELED, "the hub is stopping");
    }
    if (file == NULL) {
        return cm_fail(err, CM_ENOTFOUND, "the file is not there any more");
    }
    if (t->text != NULL && file->repo == t->own && strcmp(file->path, t->edited) == 0) {
        *out = cm_buf_copy(t->text, strlen(t->text));
        return CM_OK;
    }
    enum cm_rc rc = file->repo->read(file->repo->ctx, file->path, max_bytes, out, err);
    if (rc < 0 && rc != CM_ENOTFOUND && rc != CM_EINVAL && t->err.code == CM_OK) {
        t->err = *err;
    }
    return rc;
}

// ---- Loading

struct listing {
    struct capture_tip *tip;
    const struct hub_capture_repo *repo;
    struct hub_fleet_change *changes;
    size_t count;
    size_t capacity;
};

static void remember(struct capture_tip *t, const struct hub_capture_repo *repo, const char *path,
                     const uint8_t id[HUB_OID_SIZE]) {
    CM_AUTOFREE char *hex = cm_hex(id, HUB_OID_SIZE);
    struct tip_file *file = cm_new(1, sizeof(*file));

    *file = (struct tip_file){repo, cm_strdup(path)};
    cm_map_put(t->paths, hex, file);
}

static const char *below(const struct hub_capture_repo *repo, const char *path) {
    size_t len = strlen(repo->root);

    return len == 0 ? path : path + len + 1;
}

static bool list_file(void *visitor, const char *path) {
    struct listing *l = visitor;

    if (l->count == l->capacity) {
        l->capacity = l->capacity == 0 ? 256 : l->capacity * 2;
        l->changes = cm_resize(l->changes, l->capacity * sizeof(*l->changes));
    }
    struct hub_fleet_change *change = &l->changes[l->count++];
    *change =
        (struct hub_fleet_change){.path = cm_arena_strdup(l->tip->arena, below(l->repo, path))};
    make_id(l->repo->name, path, 0, change->oid);
    remember(l->tip, l->repo, path, change->oid);
    return true;
}

static void take(struct capture_tip *t, const struct hub_fleet_commit *commit) {
    const struct hub_fleet_reader reader = {.read = read_file, .ctx = t, .stopped = is_stopped};

    hub_fleet_result_free(hub_fleet_update(t->fleet, commit, &reader));
}

static enum cm_rc load(struct capture_tip *t, const struct hub_capture_repo *repo,
                       struct cm_err *err) {
    struct listing l = {.tip = t, .repo = repo};
    enum cm_rc rc = repo->each(repo->ctx, repo->root, list_file, &l, err);

    if (rc == CM_OK || rc == CM_ENOTFOUND) { // a folder that is not there is empty
        const struct hub_fleet_commit commit = {.repo = repo->name,
                                                .revision = "",
                                                .changes = l.changes,
                                                .change_count = l.count,
                                                .complete = true};

        take(t, &commit);
    }
    free(l.changes);
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc capture_tip_load(struct capture_tip *t, struct cm_err *err) {
    static const uint8_t secret_key[32] = {0}; // names stay here: nothing leaves this process

    t->fleet = hub_fleet_new(secret_key);
    hub_fleet_clock(t->fleet, t->now_ms);
    t->paths = cm_map_new(free_file);
    for (size_t i = 0; i < t->repo_count; i++) {
        hub_fleet_expect(t->fleet, t->repos[i].name);
    }
    for (size_t i = 0; i < t->repo_count; i++) {
        if (load(t, &t->repos[i], err) < 0) {
            return err->code;
        }
    }
    if (t->err.code != CM_OK) {
        *err = t->err;
    }
    return t->err.code;
}

void capture_tip_done(struct capture_tip *t) {
    hub_fleet_free(t->fleet);
    if (t->paths != NULL) {
        cm_map_free(t->paths);
    }
}

static bool is_there(const struct capture_tip *t, const char *path) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *file = NULL;
    struct cm_err err;

    return t->own->read(t->own->ctx, path, HUB_CAPTURE_FILE_MAX, &file, &err) != CM_ENOTFOUND;
}

void capture_tip_edit(struct capture_tip *t, const char *path, const char *text) {
    const char *whole = capture_tip_path(t, path);
    struct hub_fleet_change change = {.path = path, .removed = text == NULL && !is_there(t, whole)};
    const struct hub_fleet_commit commit = {
        .repo = t->own->name, .revision = "", .changes = &change, .change_count = 1};

    t->edited = text != NULL ? whole : NULL;
    t->text = text;
    make_id(t->own->name, whole, ++t->edits, change.oid);
    remember(t, t->own, whole, change.oid);
    take(t, &commit);
}

// ---- Looking

const char *capture_tip_path(struct capture_tip *t, const char *below_root) {
    const char *root = t->own->root;

    return cm_arena_strf(t->arena, "%s%s%s", root, root[0] != '\0' ? "/" : "", below_root);
}

const char *capture_tip_below(const struct capture_tip *t, const char *path) {
    return below(t->own, path);
}

const struct hub_object *capture_tip_object(const struct capture_tip *t,
                                            const struct hub_capture *what,
                                            const struct hub_bundle **bundle) {
    const struct hub_desired *desired = hub_fleet_desired(t->fleet, what->cluster);

    for (size_t i = 0; desired != NULL && i < desired->pair_count; i++) {
        const struct hub_pair *pair = &desired->pairs[i];
        const struct hub_bundle_spec *spec = &pair->bundle->spec;

        for (size_t k = 0; strcmp(pair->app, what->app) == 0 && k < spec->object_count; k++) {
            if (strcmp(spec->objects[k].key, what->key) == 0) {
                *bundle = pair->bundle;
                return &spec->objects[k];
            }
        }
    }
    return NULL;
}
