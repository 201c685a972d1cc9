// state_desired.c: the branch `desired`: what is in force, as it is in the database.
#include <stdlib.h>

#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/jobs/state_work.h"
#include "hub/render/bundle.h"
#include "hub/store/desired.h"

static enum cm_rc make_folder(struct hub_state_pass *p, const struct hub_bundle *bundle,
                              struct hub_repo_id *out, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_state_edit *edits =
        cm_arena_get(a, (bundle->spec.object_count + 1) * sizeof(*edits));
    size_t count = 0;
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < bundle->spec.object_count; i++) {
        const struct hub_object *object = &bundle->spec.objects[i];
        struct hub_state_edit *edit = &edits[count];

        edit->what = HUB_STATE_FILE;
        edit->path = hub_state_file(a, object->key);
        rc = hub_state_object(p, object->key, &object->sha256, object->secret, &edit->id, err);
        count += edit->path != NULL ? 1 : 0;
    }
    return rc < 0 ? rc : hub_state_tree(p->repo, edits, count, out, err);
}

static enum cm_rc folder_of(struct hub_state_side *s, struct hub_state_app *app,
                            struct hub_repo_id *out, bool *empty, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    CM_CLEANUP(hub_bundle_unrefp) struct hub_bundle *bundle = NULL;
    const struct hub_repo_id *known = hub_state_known(s->pass, &app->bundle);

    if (known != NULL) {
        *out = *known;
        return CM_OK;
    }
    enum cm_rc rc = hub_desired_find_blob(s->pass->db, &app->bundle, &bytes, err);
    rc = rc < 0 ? rc : hub_bundle_decode(bytes, NULL, NULL, &bundle, err);
    if (rc < 0) {
        return rc;
    }
    *empty = bundle->spec.object_count == 0;
    rc = *empty ? CM_OK : make_folder(s->pass, bundle, out, err);
    if (rc == CM_OK && !*empty) {
        hub_state_keep(s->pass, &app->bundle, out);
    }
    return rc;
}

// ---- Why and who

struct commit {
    struct hub_state_side *side;
    const char *repo; // NULL: wherever it is known from
    const char *revision;
};

static void add_commit(const struct commit *c, const char *repo) {
    hub_state_news_add(c->side->news.causes,
                       cm_arena_strf(c->side->arena, "commit %s@%s", repo, c->revision));
}

static void note_commit(void *ctx, const char *repo, const char *author) {
    const struct commit *c = ctx;

    if (c->repo == NULL) {
        add_commit(c, repo);
    }
    if (author[0] != '\0') {
        hub_state_news_add(c->side->news.actors, author);
    }
}

static enum cm_rc tell_commit(struct hub_state_side *s, const char *repo, const char *revision,
                              struct cm_err *err) {
    struct commit c = {.side = s, .repo = repo, .revision = revision};
    size_t before = cm_map_len(s->news.causes);

    if (repo != NULL) {
        add_commit(&c, repo);
        if (cm_map_len(s->news.causes) == before) {
            return CM_OK; // it was told
        }
    }
    return hub_unwritten_commit(s->pass->db, revision, note_commit, &c, err);
}

static void note_hold(void *ctx, const char *name, const char *controller) {
    struct hub_state_side *s = ctx;

    hub_state_news_add(s->news.causes, cm_arena_strf(s->arena, "hold %s", name));
    if (controller[0] != '\0') {
        hub_state_news_add(s->news.actors, controller);
    }
}

static void note_confirmation(void *ctx, const char *name) {
    struct hub_state_side *s = ctx;

    hub_state_news_add(s->news.causes, cm_arena_strf(s->arena, "confirmation %s", name));
}

// A release that is held back stays the commit's that brought it: not that is why it changed.
static enum cm_rc tell(struct hub_state_side *s, const struct hub_state_app *app,
                       const struct hub_unwritten_row *row, struct cm_err *err) {
    if (row->removal[0] != '\0' &&
        hub_unwritten_confirmation(s->pass->db, row->removal, note_confirmation, s, err) < 0) {
        return err->code;
    }
    if (app == NULL) {
        return row->revision[0] == '\0' ? CM_OK : tell_commit(s, NULL, row->revision, err);
    }
    return row->held ? hub_unwritten_holds(s->pass->db, s->cluster, app->name, note_hold, s, err)
                     : tell_commit(s, app->repo, app->revision, err);
}

enum cm_rc hub_state_desired_stage(struct hub_state_pass *p, struct hub_state_done *out,
                                   struct cm_err *err) {
    struct hub_state_side side = {
        .pass = p, .list = HUB_UNWRITTEN_DESIRED, .folder = folder_of, .tell = tell};

    return hub_state_side_stage(&side, "desired", out, &out->desired_written, err);
}
