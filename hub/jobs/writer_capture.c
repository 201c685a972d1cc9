// writer_capture.c: what is proven by rendering, held against a tip with what all other
// repositories say: a capture, and what is reverted instead of being held.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/capture/capture.h"
#include "hub/config/config.h"
#include "hub/jobs/writer_state.h"

#define COMMITS_MAX 20 // that are looked at for what they made of files
#define CHANGES_MAX 50 // files of one of them

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

// ---- Reverting

// A commit and the one before it, as they are visited.
struct step {
    struct hub_tip *tip;
    struct hub_commit now;
    struct hub_commit before;
    hub_revert_visit_fn visit;
    void *visitor;
};

static void step_done(struct step *s) {
    hub_commit_done(&s->now);
    hub_commit_done(&s->before);
}

static char *read_text(struct hub_tip *tip, const struct hub_repo_id *commit, const char *path) {
    CM_CLEANUP(hub_tree_freep) struct hub_tree *tree = NULL;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *file = NULL;
    struct cm_err ignored;

    return hub_repo_tree(tip->repo, commit, &tree, &ignored) < 0 ||
                   hub_tree_read(tree, path, HUB_CAPTURE_FILE_MAX, &file, &ignored) < 0
               ? NULL
               : cm_strndup((const char *)file->data, file->size);
}

// visit_file tells whether to go on.
static bool visit_file(const struct step *s, const struct hub_entry *entry) {
    if (entry->type != HUB_ENTRY_FILE || entry->change != HUB_ENTRY_MODIFIED) {
        return true;
    }
    CM_AUTOFREE char *bad = read_text(s->tip, &s->now.id, entry->path);
    CM_AUTOFREE char *good = read_text(s->tip, &s->before.id, entry->path);
    return bad == NULL || good == NULL || s->visit(s->visitor, entry->path, bad, good);
}

// visit_commit tells whether to go on.
static bool visit_commit(const struct step *s) {
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    const struct hub_repo_range range = {
        .old = s->before.id, .now = s->now.id, .prefix = s->tip->repository->path};
    struct cm_err ignored;
    bool on = true;

    if (hub_repo_diff(s->tip->repo, &range, NULL, &entries, &ignored) < 0 ||
        entries.count > CHANGES_MAX) {
        return true;
    }
    for (size_t i = 0; i < entries.count && on; i++) {
        on = visit_file(s, &entries.items[i]);
    }
    return on;
}

// go_back visits the commit that is `number` before the rejected one; it tells whether to go on.
static bool go_back(struct step *s, const char *bad, const char *good, size_t number) {
    CM_AUTOFREE char *now = cm_strf("%s~%zu", bad, number);
    CM_AUTOFREE char *before = cm_strf("%s~%zu", bad, number + 1);
    char hex[HUB_REPO_ID_HEX_MAX];
    struct cm_err ignored;

    if (hub_repo_resolve(s->tip->repo, now, &s->now, &ignored) < 0) {
        return false;
    }
    hub_repo_id_hex(&s->now.id, hex);
    return strcmp(hex, good) != 0 &&
           hub_repo_resolve(s->tip->repo, before, &s->before, &ignored) == CM_OK && visit_commit(s);
}

static void each_change(void *ctx, const char *bad_revision, const char *good_revision,
                        hub_revert_visit_fn visit, void *visitor) {
    bool on = bad_revision[0] != '\0';

    for (size_t i = 0; i < COMMITS_MAX && on; i++) {
        CM_CLEANUP(step_done) struct step s = {.tip = ctx, .visit = visit, .visitor = visitor};

        on = go_back(&s, bad_revision, good_revision, i);
    }
}

enum cm_rc hub_tip_revert(void *ctx, const struct hub_write_edit *hold, struct hub_write_edit *out,
                          struct cm_err *err) {
    CM_CLEANUP(tips_done) struct tips tips = {0};
    struct hub_captured made = {0};
    const struct hub_revert what = {.path = hold->path,
                                    .text = hold->text,
                                    .now_ms = cm_clock_unix_ms(),
                                    .each = each_change,
                                    .ctx = ctx};

    if (open_all(ctx, &tips, err) < 0 ||
        hub_revert_make(&what, tips.repos, tips.count, tips.own, &made, err) < 0) {
        return err->code;
    }
    *out = (struct hub_write_edit){.path = made.path, .before = made.before, .text = made.text};
    return CM_OK;
}
