// writer_capture.c: a capture, held against a tip with what all other repositories say.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/mem.h"
#include "hub/capture/capture.h"
#include "hub/config/config.h"
#include "hub/jobs/writer_state.h"

// The tips of all repositories with documents.
struct tips {
    struct hub_tip *others; // zeroed where it is the one that is written to
    struct hub_capture_repo *repos;
    size_t count;
    size_t own;
};

static void tips_done(struct tips *t) {
    for (size_t i = 0; i < t->count; i++) {
        hub_tip_close(&t->others[i]);
    }
    free(t->others);
    free(t->repos);
}

static enum cm_rc open_all(struct hub_tip *own, struct tips *t, struct cm_err *err) {
    const struct hub_repositories *list = own->world->repositories;

    t->others = cm_new(list->count + 1, sizeof(*t->others));
    t->repos = cm_new(list->count + 1, sizeof(*t->repos));
    for (size_t i = 0; i < list->count; i++) {
        const struct hub_repository *repository = &list->items[i];
        bool is_own = strcmp(repository->name, own->repository->name) == 0;

        if (repository->source_only) {
            continue;
        }
        if (is_own) {
            t->own = t->count;
        } else if (hub_tip_open_mirror(own->world, repository, &t->others[t->count], err) < 0) {
            return err->code;
        }
        t->repos[t->count] = (struct hub_capture_repo){.name = repository->name,
                                                       .root = repository->path,
                                                       .read = hub_tip_read,
                                                       .each = hub_tip_each,
                                                       .ctx = is_own ? own : &t->others[t->count]};
        t->count++;
    }
    return CM_OK;
}

enum cm_rc hub_tip_capture(void *ctx, const struct hub_intent *intent, const struct cm_json *args,
                           struct hub_write_edit *out, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(tips_done) struct tips tips = {0};
    struct hub_captured captured = {0};
    struct hub_capture what;

    if (hub_capture_read(a, args, &what, err) < 0 || open_all(ctx, &tips, err) < 0) {
        return err->code;
    }
    what.app = intent->app;
    what.cluster = intent->cluster;
    what.now_ms = cm_clock_unix_ms();
    if (hub_capture_make(&what, tips.repos, tips.count, tips.own, &captured, err) < 0) {
        return err->code;
    }
    *out = (struct hub_write_edit){
        .path = captured.path, .before = captured.before, .text = captured.text};
    return CM_OK;
}
