// revert.c: what a Hold would make of what clusters run, said by a document instead.
//
// The fleet takes the Hold in as if it was in Git, and what comes out is what shall be; then it is
// without it again, and an edit is right if all of the fleet comes out the same.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/field.h"
#include "hub/capture/internal.h"
#include "hub/hold/hold.h"
#include "hub/render/bundle.h"

#define TRIES_MAX 16

struct reverting {
    struct capture_trial trial;
    const struct hub_revert *what;
    const struct hub_hold *hold;
    struct capture_sight sight;
    size_t tries;
    bool done;
};

// consider takes an edit if all that it may change is seen, and proven.
static bool consider(void *ctx, const char *path, const char *before, char *text) {
    struct reverting *r = ctx;
    struct capture_tip *tip = r->trial.tip;
    struct cm_err err;

    if (capture_sight_check(&r->sight, tip, r->hold->app, path, &err) < 0) {
        r->trial.try.why = cm_arena_strf(tip->arena, "'%.200s': %.300s", path, err.msg);
        free(text);
        return false;
    }
    return capture_consider(&r->trial, path, before, text);
}

// ---- By what a commit made of a file

// is_decision tells of documents that say what somebody decided, which no revert takes back.
static bool is_decision(const char *path) {
    static const char *const folders[] = {"bans/", "confirmations/", "exemptions/", "freezes/",
                                          "holds/"};

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        if (strncmp(path, folders[i], strlen(folders[i])) == 0) {
            return true;
        }
    }
    return false;
}

static bool take_back(void *visitor, const char *path, const char *bad, const char *good) {
    struct reverting *r = visitor;
    const struct hub_capture_repo *own = r->trial.tip->own;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *file = NULL;
    const char *text = NULL;
    struct cm_err ignored;

    if (is_decision(capture_tip_below(r->trial.tip, path)) ||
        own->read(own->ctx, path, HUB_CAPTURE_FILE_MAX, &file, &ignored) < 0) {
        return true; // or it is gone by now
    }
    CM_AUTOFREE char *now = cm_strndup((const char *)file->data, file->size);
    r->tries++;
    if (hub_merge_text(r->trial.tip->arena, bad, now, good, &text) == HUB_MERGE_CLEAN &&
        strcmp(text, now) != 0) {
        r->done = consider(r, path, now, cm_strdup(text));
    }
    return !r->done && r->tries < TRIES_MAX;
}

// ---- By the values of an object

static const struct cm_json *value_at(struct cm_arena *a, const struct cm_json *object,
                                      const char *at) {
    struct cm_path path;

    return at[0] != '\0' && cm_field_parse(a, at, &path)
               ? cm_field_walk(cm_field_root(a, object), path.segments, path.count).node
               : NULL;
}

static bool is_same(const struct cm_json *a, const struct cm_json *b) {
    return a == NULL || b == NULL ? a == b : cm_json_equal(a, b);
}

// find_key finds the one object that the Hold is about; NULL: there is none, or more than one.
static const char *find_key(const struct hub_hold *hold) {
    const char *key = hold->delta_count > 0 ? hold->delta[0].object : NULL;

    for (size_t i = 1; i < hold->delta_count; i++) {
        if (strcmp(hold->delta[i].object, key) != 0) {
            return NULL;
        }
    }
    return key;
}

// list_fields lists the fields of an object that the Hold would change, with what they shall be.
static struct hub_capture_field *list_fields(const struct reverting *r, const struct cm_json *is,
                                             const struct cm_json *shall, size_t *count) {
    struct cm_arena *a = r->trial.tip->arena;
    struct hub_capture_field *fields =
        cm_arena_get(a, (r->hold->delta_count + 1) * sizeof(*fields));

    for (size_t i = 0; i < r->hold->delta_count; i++) {
        const char *at = r->hold->delta[i].at;
        const struct cm_json *value = value_at(a, shall, at);

        if (!is_same(value_at(a, is, at), value)) {
            fields[(*count)++] =
                (struct hub_capture_field){.path = at, .manager = "", .value = value};
        }
    }
    return fields;
}

// An object as it is on a cluster, and as it shall be.
struct pair {
    const struct hub_object *is;
    const struct hub_object *shall;
};

static bool differs(const struct pair *p) {
    return p->is != NULL && p->shall != NULL && !cm_sha256_equal(&p->is->sha256, &p->shall->sha256);
}

// find_pair finds a cluster on which the Hold would change the object.
static struct pair find_pair(const struct reverting *r, struct hub_capture *what) {
    const struct hub_bundle *bundle = NULL;
    struct pair p = {0};

    for (size_t i = 0; i < r->hold->cluster_count && !differs(&p); i++) {
        what->cluster = r->hold->clusters[i];
        p.is = capture_tip_object(r->trial.tip, what, &bundle);
        p.shall = capture_proof_find(r->trial.proof, what->cluster, what->key);
    }
    return p;
}

// by_values writes what the Hold would set into the document that the object is written in.
static bool by_values(struct reverting *r, const struct capture_app *app,
                      struct hub_capture *what) {
    struct capture_tip *tip = r->trial.tip;

    what->key = find_key(r->hold);
    if (what->key == NULL) {
        r->trial.try.why = "it is about more than one object";
        return false;
    }
    struct pair p = find_pair(r, what);
    struct cm_json *is = differs(&p) ? capture_parse(tip->arena, p.is) : NULL;
    struct cm_json *shall = is != NULL ? capture_parse(tip->arena, p.shall) : NULL;
    if (shall == NULL) {
        r->trial.try.why = "the release that runs has objects that Git has no more";
        return false;
    }
    what->fields = list_fields(r, is, shall, &what->field_count);
    r->trial.try.object = is;
    r->trial.try.literal = capture_is_literal(tip, app->path);
    r->trial.try.app_path = app->path;
    return capture_by_source(&r->trial.try);
}

// ---- The whole

// has_app tells whether a cluster runs the App as Git says it.
static bool has_app(const struct capture_tip *tip, const char *cluster, const char *app) {
    const struct hub_desired *d = hub_fleet_desired(tip->fleet, cluster);

    for (size_t i = 0; d != NULL && i < d->pair_count; i++) {
        if (strcmp(d->pairs[i].app, app) == 0) {
            return !d->pairs[i].stale;
        }
    }
    return false;
}

// find_cluster finds one of the Hold's that runs the App; NULL: none does.
static const char *find_cluster(const struct capture_tip *tip, const struct hub_hold *hold) {
    for (size_t i = 0; i < hold->cluster_count; i++) {
        if (has_app(tip, hold->clusters[i], hold->app)) {
            return hold->clusters[i];
        }
    }
    return NULL;
}

// check_kept: what the release that runs has and Git has no more must come out with the Hold, or
// the proof would be of clusters that lose it.
static enum cm_rc check_kept(const struct capture_tip *tip, const struct capture_proof *proof,
                             const struct hub_hold *hold, struct cm_err *err) {
    for (size_t i = 0; i < hold->cluster_count; i++) {
        bool runs = has_app(tip, hold->clusters[i], hold->app);

        for (size_t k = 0; runs && k < hold->keep_count; k++) {
            if (capture_proof_find(proof, hold->clusters[i], hold->keep[k]) == NULL) {
                return cm_fail(err, CM_EINVAL,
                               "the release that runs has '%s', which Git has no more",
                               hold->keep[k]);
            }
        }
    }
    return CM_OK;
}

// check_runs: where something forbids what the Hold would have run, what is in force stays, and so
// does the Hold.
static enum cm_rc check_runs(const struct capture_tip *tip, const struct capture_proof *proof,
                             const struct hub_hold *hold, struct cm_err *err) {
    for (size_t i = 0; i < hold->cluster_count; i++) {
        if (has_app(tip, hold->clusters[i], hold->app) &&
            !capture_proof_runs(proof, hold->clusters[i])) {
            return cm_fail(err, CM_EINVAL,
                           "no release is left that may run instead on cluster '%s' ('holdfast get "
                           "problems')",
                           hold->clusters[i]);
        }
    }
    return CM_OK;
}

// keep_held remembers what comes out with the Hold; the fleet is without it again.
static struct capture_proof *keep_held(struct capture_tip *tip, const struct hub_revert *revert,
                                       const struct hub_capture *what,
                                       const struct hub_hold *hold) {
    const char *path = capture_tip_below(tip, revert->path);

    capture_tip_edit(tip, path, revert->text);
    struct capture_proof *proof = capture_proof_keep(tip, what, hold);
    capture_tip_edit(tip, path, NULL);
    return proof;
}

static enum cm_rc make(struct capture_tip *tip, const struct hub_revert *revert,
                       const struct hub_hold *hold, struct hub_captured *out, struct cm_err *err) {
    struct hub_capture what = {.app = hold->app, .cluster = find_cluster(tip, hold)};
    struct capture_app app = {0};
    struct cm_err why;

    if (capture_app_find(tip, hold->app, &app, err) < 0) {
        return err->code;
    }
    if (!app.reverts) {
        return cm_fail(err, CM_EINVAL, "App '%s' does not say 'writeBack: revert' any more",
                       hold->app);
    }
    if (what.cluster == NULL) {
        return cm_fail(err, CM_EINVAL, "App '%s' is wrong in Git, or on none of the clusters",
                       hold->app);
    }
    CM_CLEANUP(capture_proof_freep)
    struct capture_proof *proof = keep_held(tip, revert, &what, hold);
    if (check_runs(tip, proof, hold, err) < 0) {
        return err->code;
    }
    if (capture_proof_check(proof, tip, &why) == CM_OK) {
        return CM_OK;
    }
    struct reverting r = {
        .trial = {.tip = tip, .proof = proof, .out = out}, .what = revert, .hold = hold};
    if (capture_sight_find(tip, hold->app, &r.sight, err) < 0 ||
        check_kept(tip, proof, hold, err) < 0) {
        return err->code;
    }
    r.trial.try = (struct capture_try){.tip = tip, .what = &what, .consider = consider, .ctx = &r};
    revert->each(revert->ctx, hold->bad_revision, hold->good_revision, take_back, &r);
    if (r.done || by_values(&r, &app, &what)) {
        return CM_OK;
    }
    return cm_fail(err, CM_EINVAL, "%.400s",
                   r.trial.try.why != NULL ? r.trial.try.why : "its documents cannot be read");
}

enum cm_rc hub_revert_make(const struct hub_revert *what, const struct hub_capture_repo *repos,
                           size_t repo_count, size_t own, struct hub_captured *out,
                           struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = NULL;
    CM_CLEANUP(capture_tip_done)
    struct capture_tip tip = {.arena = arena,
                              .repos = repos,
                              .repo_count = repo_count,
                              .own = &repos[own],
                              .now_ms = what->now_ms,
                              .stopped = what->stopped,
                              .stopped_ctx = what->ctx};

    if (hub_hold_parse(what->text, strlen(what->text), &hold, err) < 0) {
        return err->code;
    }
    if (capture_tip_load(&tip, err) == CM_OK) {
        err->code = make(&tip, what, hold, out, err);
    }
    return capture_end(&tip, out, err);
}
