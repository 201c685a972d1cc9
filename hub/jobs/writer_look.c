// writer_look.c: the files of a tip, as hub/write wants them.
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/config/config.h"
#include "hub/jobs/writer_state.h"

enum cm_rc hub_tip_open(const char *folder, struct hub_tip *out, struct cm_err *err) {
    struct hub_tip tip = {0};

    if (hub_repo_open(folder, &tip.repo, err) < 0 ||
        hub_repo_resolve(tip.repo, "HEAD", &tip.commit, err) < 0 ||
        hub_repo_tree(tip.repo, &tip.commit.id, &tip.tree, err) < 0) {
        hub_tip_close(&tip);
        return err->code;
    }
    *out = tip;
    return CM_OK;
}

enum cm_rc hub_tip_open_mirror(const struct hub_writer_world *world,
                               const struct hub_repository *repository, struct hub_tip *out,
                               struct cm_err *err) {
    CM_AUTOFREE char *folder = cm_strf("%s/git/%s", world->data_dir, repository->name);

    if (hub_tip_open(folder, out, err) < 0) {
        return cm_fail(err, CM_EBUSY, "repository '%s' was not fetched yet; try again later",
                       repository->name);
    }
    out->world = world;
    out->repository = repository;
    return CM_OK;
}

void hub_tip_close(struct hub_tip *tip) {
    hub_tree_free(tip->tree);
    hub_commit_done(&tip->commit);
    hub_repo_close(tip->repo);
    *tip = (struct hub_tip){0};
}

// edited finds what was already decided about a file, the last of it.
static const struct hub_write_edit *edited(const struct hub_tip *tip, const char *path) {
    for (size_t i = tip->count; i > 0; i--) {
        const struct hub_flush_item *item = &tip->items[i - 1];

        if (item->stands && strcmp(item->edit.path, path) == 0) {
            return &item->edit;
        }
    }
    return NULL;
}

enum cm_rc hub_tip_read(void *ctx, const char *path, size_t max_bytes, struct cm_buf **out,
                        struct cm_err *err) {
    const struct hub_tip *tip = ctx;
    const struct hub_write_edit *edit = edited(tip, path);

    if (edit == NULL) {
        return hub_tree_read(tip->tree, path, max_bytes, out, err);
    }
    if (edit->text == NULL) {
        return cm_fail(err, CM_ENOTFOUND, "'%.200s' is not there", path);
    }
    *out = cm_buf_copy(edit->text, strlen(edit->text));
    return CM_OK;
}

static enum cm_rc read_file(void *ctx, const char *path, struct cm_buf **out, struct cm_err *err) {
    return hub_tip_read(ctx, path, HUB_WRITE_FILE_MAX, out, err);
}

enum cm_rc hub_tip_each(void *ctx, const char *folder,
                        bool (*visit)(void *visitor, const char *path), void *visitor,
                        struct cm_err *err) {
    const struct hub_tip *tip = ctx;
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    enum cm_rc rc = hub_tree_list(tip->tree, folder, NULL, &entries, err);

    for (size_t i = 0; rc == CM_OK && i < entries.count; i++) {
        if (entries.items[i].type == HUB_ENTRY_FILE && !visit(visitor, entries.items[i].path)) {
            break;
        }
    }
    return rc;
}

struct hub_write_files hub_tip_files(struct hub_tip *tip, const char *root) {
    return (struct hub_write_files){.read = read_file,
                                    .each = hub_tip_each,
                                    .capture = hub_tip_capture,
                                    .revert = hub_tip_revert,
                                    .ctx = tip,
                                    .root = root};
}

enum cm_rc hub_look(const struct hub_writer_world *world, const struct hub_repository *repository,
                    const struct hub_intent *intent, const struct hub_repo_id *after,
                    struct hub_write_edit *out, bool *out_fresh, struct cm_err *err) {
    CM_CLEANUP(hub_tip_close) struct hub_tip tip = {0};

    if (hub_write_check(intent, repository->path, err) < 0 ||
        hub_tip_open_mirror(world, repository, &tip, err) < 0) {
        return err->code;
    }
    *out_fresh = after == NULL;
    if (after != NULL &&
        hub_repo_is_ancestor(tip.repo, after, &tip.commit.id, out_fresh, err) < 0) {
        return err->code;
    }
    struct hub_write_files files = hub_tip_files(&tip, repository->path);
    // A proof renders the fleet; whoever holds a release back waits behind this.
    files.revert = NULL;
    return hub_write_evaluate(intent, &files, out, err);
}
