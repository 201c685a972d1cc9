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

static enum cm_rc folder_of(struct hub_state_side *s, const char *cluster,
                            struct hub_state_app *app, struct hub_repo_id *out, bool *empty,
                            struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    CM_CLEANUP(hub_bundle_unrefp) struct hub_bundle *bundle = NULL;
    const struct hub_repo_id *known = hub_state_known(s->pass, &app->bundle);

    (void)cluster;
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

static enum cm_rc tell(struct hub_state_side *s, const struct hub_state_app *app,
                       struct cm_err *err) {
    CM_AUTOFREE char *author = NULL;
    const char *cause = cm_arena_strf(s->arena, "commit %s@%s", app->repo, app->revision);

    if (cm_map_get(s->news.causes, cause) != NULL) {
        return CM_OK;
    }
    hub_state_news_add(s->news.causes, cause);
    enum cm_rc rc = hub_unwritten_author(s->pass->db, app->revision, &author, err);
    if (author != NULL) {
        hub_state_news_add(s->news.actors, author);
    }
    return rc;
}

enum cm_rc hub_state_desired_stage(struct hub_state_pass *p, struct hub_state_done *out,
                                   struct cm_err *err) {
    struct hub_state_side side = {
        .pass = p, .list = HUB_UNWRITTEN_DESIRED, .folder = folder_of, .tell = tell};

    return hub_state_side_stage(&side, "desired", out, &out->desired_written, err);
}
