#include "hub/jobs/state_registry.h"

#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "hub/access/registry.h"
#include "hub/jobs/state_work.h"

#define PATH HUB_STATE_REGISTRY "/agents.jsonl"
#define LOOK_MS ((int64_t)5 * 1000)
#define PAUSE_MS ((int64_t)60 * 1000) // between two that are written: all of it is one file

// What is there before the hub has written its own may be another's, or not whole.
static bool is_ours(const struct hub_state_pass *p, const struct cm_buf *text) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_registry registry;
    struct cm_err ignored;

    return hub_registry_read(a, (const char *)text->data, text->size, &registry, &ignored) ==
               CM_OK &&
           strcmp(registry.hub_id, p->hub_id) == 0 && registry.epoch == p->epoch;
}

// Each is another file: the writer puts it in the place of the one before.
static bool is_same(const struct stat *a, const struct stat *b) {
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static enum cm_rc put(struct hub_state_pass *p, struct hub_state_edits *edits,
                      const struct cm_buf *text, size_t *out_count, struct cm_err *err) {
    struct hub_repo_id id;
    enum cm_rc rc = hub_state_blob(p->repo, text->data, text->size, &id, err);

    if (rc == CM_OK) {
        hub_state_edits_add(p, edits, PATH, &id);
        p->registry_after_ms = cm_clock_now_ms() + PAUSE_MS;
        *out_count = 1;
    }
    return rc;
}

enum cm_rc hub_state_registry_fill(struct hub_state_pass *p, struct hub_state_edits *edits,
                                   size_t *out_count, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *text = NULL;
    struct cm_err ignored;
    struct stat now;

    *out_count = 0;
    if (p->registry == NULL || cm_clock_now_ms() < p->registry_after_ms) {
        return CM_OK;
    }
    p->registry_after_ms = cm_clock_now_ms() + LOOK_MS;
    if (stat(p->registry, &now) < 0 || is_same(&now, &p->registry_seen) ||
        cm_fsys_read(p->registry, HUB_REGISTRY_MAX, &text, &ignored) < 0) {
        return CM_OK; // there is none yet, or no other
    }
    p->registry_seen = now;
    if (!is_ours(p, text)) {
        return CM_OK;
    }
    return put(p, edits, text, out_count, err);
}
