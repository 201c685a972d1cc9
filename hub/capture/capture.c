#include "hub/capture/capture.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/yaml.h"
#include "hub/capture/internal.h"

void hub_captured_done(struct hub_captured *c) {
    free(c->path);
    free(c->before);
    free(c->text);
    *c = (struct hub_captured){0};
}

// ---- The App

struct finding {
    const char *name;
    struct capture_tip *tip;
    struct capture_app *out;
};

static void take_app(void *ctx, const struct hub_app_info *info) {
    const struct finding *f = ctx;

    if (strcmp(info->name, f->name) == 0 && strcmp(info->repo, f->tip->own->name) == 0) {
        f->out->path = cm_arena_strdup(f->tip->arena, info->path);
        f->out->captures = strcmp(info->drift, "capture") == 0;
        f->out->reverts = info->reverts;
    }
}

enum cm_rc capture_app_find(struct capture_tip *t, const char *name, struct capture_app *out,
                            struct cm_err *err) {
    struct finding f = {name, t, out};

    hub_fleet_each_app(t->fleet, take_app, &f);
    return out->path != NULL
               ? CM_OK
               : cm_fail(err, CM_ENOTFOUND, "the repository has no App '%s' any more", name);
}

bool capture_is_literal(struct capture_tip *t, const char *path) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *file = NULL;
    struct cm_yaml_docs docs = {0};
    struct cm_err ignored;

    if (t->own->read(t->own->ctx, capture_tip_path(t, path), HUB_CAPTURE_FILE_MAX, &file,
                     &ignored) < 0 ||
        cm_yaml_parse(t->arena, (const char *)file->data, file->size, NULL, &docs, &ignored) < 0 ||
        docs.count == 0) {
        return false;
    }
    const struct cm_json *substitute = cm_json_path(docs.docs[0], "spec", "substitute", NULL);
    return substitute != NULL && substitute->type == CM_BOOL && !substitute->truth;
}

// ---- Trying

bool capture_consider(void *ctx, const char *path, const char *before, char *text) {
    struct capture_trial *t = ctx;
    const char *below = capture_tip_below(t->tip, path);
    struct cm_err err = {0};

    if (capture_tip_stopped(t->tip)) {
        free(text);
        return false;
    }
    capture_tip_edit(t->tip, below, text);
    enum cm_rc rc = capture_proof_check(t->proof, t->tip, &err);
    if (rc < 0) {
        t->try.why = cm_arena_strf(t->tip->arena, "'%.200s': %.300s", path, err.msg);
        capture_tip_edit(t->tip, below, NULL);
        free(text);
        return false;
    }
    *t->out =
        (struct hub_captured){.path = cm_strdup(path), .before = cm_strdup(before), .text = text};
    return true;
}

enum cm_rc capture_end(const struct capture_tip *t, struct hub_captured *out, struct cm_err *err) {
    if (capture_tip_stopped(t)) {
        hub_captured_done(out);
        (void)cm_fail(err, CM_ECANCELED, "the hub is stopping");
    }
    return err->code;
}

static enum cm_rc try_all(struct capture_trial *t, struct cm_err *err) {
    const struct hub_capture *what = t->try.what;

    if (capture_by_source(&t->try)) {
        return CM_OK;
    }
    const char *source = t->try.why;
    if (what->everywhere) {
        return cm_fail(err, CM_EINVAL,
                       "this cannot be written for all clusters: %.400s; edit it there", source);
    }
    t->try.why = NULL;
    if (capture_by_overlay(&t->try)) {
        t->out->overlay = true;
        return CM_OK;
    }
    return cm_fail(err, CM_EINVAL,
                   "this cannot be written for cluster '%s' alone: in the manifests, %.300s; as an "
                   "overlay, %.300s",
                   what->cluster, source, t->try.why);
}

static enum cm_rc make(struct capture_tip *tip, const struct hub_capture *what,
                       struct hub_captured *out, struct cm_err *err) {
    CM_CLEANUP(capture_proof_freep) struct capture_proof *proof = NULL;
    struct capture_app app = {0};
    bool so = false;

    if (capture_app_find(tip, what->app, &app, err) < 0) {
        return err->code;
    }
    if (what->automatic && !capture_is_wanted(tip, what, app.captures)) {
        return cm_fail(err, CM_EINVAL,
                       "App '%s' does not say 'drift: capture' of this field any more", what->app);
    }
    if (capture_proof_new(tip, what, &proof, &so, err) < 0) {
        return err->code;
    }
    if (so) {
        return CM_OK;
    }
    struct capture_trial t = {.tip = tip, .proof = proof, .out = out};
    t.try = (struct capture_try){.tip = tip,
                                 .what = what,
                                 .object = capture_proof_object(proof),
                                 .literal = capture_is_literal(tip, app.path),
                                 .app_path = app.path,
                                 .consider = capture_consider,
                                 .ctx = &t};
    return try_all(&t, err);
}

enum cm_rc hub_capture_make(const struct hub_capture *what, const struct hub_capture_repo *repos,
                            size_t repo_count, size_t own, struct hub_captured *out,
                            struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    CM_CLEANUP(capture_tip_done)
    struct capture_tip tip = {.arena = arena,
                              .repos = repos,
                              .repo_count = repo_count,
                              .own = &repos[own],
                              .now_ms = what->now_ms,
                              .stopped = what->stopped,
                              .stopped_ctx = what->ctx};

    if (capture_tip_load(&tip, err) == CM_OK) {
        err->code = make(&tip, what, out, err);
    }
    return capture_end(&tip, out, err);
}
