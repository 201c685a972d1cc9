#include "hub/jobs/overrule.h"

#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/tls/digest.h"
#include "hub/hold/hold.h"
#include "hub/store/decisions.h"

struct looking {
    struct cm_arena *arena;
    const char *app;
    const char *path;
    struct cm_sha256 *ids;
    size_t count;
};

static void look(void *ctx, const struct hub_decision_row *row) {
    struct looking *l = ctx;
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = NULL;
    struct cm_err ignored; // it holds nothing

    if (row->settled != HUB_SETTLED_HELD || row->written || row->retried ||
        strcmp(row->app, l->app) != 0 ||
        hub_hold_parse(row->hold, strlen(row->hold), &hold, &ignored) < 0 ||
        strcmp(hub_hold_path(l->arena, hold), l->path) != 0) {
        return;
    }
    l->ids = cm_resize(l->ids, (l->count + 1) * sizeof(*l->ids));
    l->ids[l->count++] = row->id;
}

static enum cm_rc mark(struct hub_db *db, const char *app, const char *path, bool retried,
                       struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct looking l = {.arena = a, .app = app, .path = path};
    enum cm_rc rc = hub_decisions_each_provisional(db, false, look, &l, err);
    CM_AUTOFREE struct cm_sha256 *ids = l.ids;

    for (size_t i = 0; i < l.count && rc == CM_OK; i++) {
        rc = hub_decisions_mark(db, &ids[i], !retried, retried, err);
    }
    return rc;
}

enum cm_rc hub_overrule(struct hub_db *db, const char *app, const char *path, struct cm_err *err) {
    return mark(db, app, path, true, err);
}

enum cm_rc hub_overrule_answer(struct hub_db *db, const char *app, const char *path,
                               struct cm_err *err) {
    return mark(db, app, path, false, err);
}
