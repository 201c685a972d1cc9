// What of a folder is an App's: globs of its source, and .holdfastignore files in the folders above
// a file, of which the deepest one counts first.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/mem.h"
#include "hub/fleet/glob.h"
#include "hub/fleet/ignore.h"
#include "hub/fleet/internal.h"

static const char *path_of(const struct hub_file *file) {
    return (const char *)file->path->data;
}

// ---- Globs

static const struct hub_glob **compile(struct cm_arena *a, const char *const *globs, size_t count) {
    const struct hub_glob **compiled = cm_arena_get(a, (count + 1) * sizeof(struct hub_glob *));

    for (size_t i = 0; i < count; i++) {
        compiled[i] = hub_glob_new(a, globs[i], strlen(globs[i]), false);
    }
    return compiled;
}

void hub_filter_init(struct hub_filter *filter, const struct hub_source_doc *doc, size_t root) {
    *filter = (struct hub_filter){
        .root = root, .include_count = doc->include_count, .exclude_count = doc->exclude_count};
    if (doc->include_count + doc->exclude_count > 0) {
        filter->arena = cm_arena_new(0);
        filter->include = compile(filter->arena, doc->include, doc->include_count);
        filter->exclude = compile(filter->arena, doc->exclude, doc->exclude_count);
    }
}

void hub_filter_done(struct hub_filter *filter) {
    cm_arena_free(filter->arena);
    *filter = (struct hub_filter){0};
}

static bool any_matches(const struct hub_glob *const *globs, size_t count, const char *path) {
    for (size_t i = 0; i < count; i++) {
        if (hub_glob_match(globs[i], path, strlen(path))) {
            return true;
        }
    }
    return false;
}

enum hub_filtered hub_filter_judge(struct hub_update *u, const struct hub_filter *filter,
                                   const struct hub_file *file, struct hub_diags *diags) {
    const char *path = path_of(file) + filter->root;

    if (filter->include_count > 0 && !any_matches(filter->include, filter->include_count, path)) {
        return HUB_NOT_INCLUDED;
    }
    if (any_matches(filter->exclude, filter->exclude_count, path)) {
        return HUB_EXCLUDED;
    }
    return hub_filter_ignores(u, file, diags) ? HUB_IGNORED : HUB_TAKEN;
}

// ---- Ignore files

// A folder above a file, and where the names in it stand in the file's path.
struct level {
    const struct hub_folder *folder;
    size_t start;
};

static size_t list_levels(const struct hub_file *file, struct level **out) {
    const char *path = path_of(file);
    const struct hub_folder *folder = file->folder;
    size_t count = 1;

    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        count++;
    }
    *out = cm_new(count, sizeof(**out));
    for (size_t i = count; i > 0; i--, folder = folder->parent) {
        (*out)[i - 1].folder = folder;
    }
    for (size_t i = 1; i < count; i++) {
        const char *slash = strchr(path + (*out)[i - 1].start, '/');
        (*out)[i].start = (size_t)(slash - path) + 1;
    }
    return count;
}

static bool is_told(const struct hub_diags *diags, const struct hub_diag *diag) {
    for (size_t i = 0; i < diags->count; i++) {
        if (strcmp(diags->items[i].path, diag->path) == 0 &&
            strcmp(diags->items[i].message, diag->message) == 0) {
            return true;
        }
    }
    return false;
}

// ignore_of returns what an ignore file says. One that cannot be read is told once of each App.
static const struct hub_ignore *ignore_of(struct hub_update *u, struct hub_file *file,
                                          struct hub_diags *diags) {
    if (file->ignore == NULL && file->diags.count == 0) {
        CM_CLEANUP(cm_buf_unrefp)
        struct cm_buf *bytes = hub_file_read(u, file, HUB_IGNORE_MAX, &file->diags);

        if (bytes != NULL) {
            file->ignore = hub_ignore_new(bytes->data, bytes->size);
        }
    }
    for (size_t i = 0; i < file->diags.count; i++) {
        const struct hub_diag *diag = &file->diags.items[i];

        if (!is_told(diags, diag)) {
            hub_diags_add(diags, diag->path, 0, 0, "%s", diag->message);
        }
    }
    return file->ignore;
}

// judge_item asks the ignore files above one part of a path, the deepest first.
static enum hub_verdict judge_item(struct hub_update *u, const char *path,
                                   const struct level *levels, size_t depth, size_t end,
                                   struct hub_diags *diags) {
    for (size_t i = depth + 1; i > 0; i--) {
        struct hub_file *file = levels[i - 1].folder->ignore_file;
        const struct hub_ignore *ignore = file != NULL ? ignore_of(u, file, diags) : NULL;
        enum hub_verdict verdict = HUB_VERDICT_NONE;

        if (ignore != NULL) {
            size_t start = levels[i - 1].start;
            verdict = hub_ignore_judge(ignore, path + start, end - start, path[end] == '/');
        }
        if (verdict != HUB_VERDICT_NONE) {
            return verdict;
        }
    }
    return HUB_VERDICT_NONE;
}

bool hub_filter_ignores(struct hub_update *u, const struct hub_file *file,
                        struct hub_diags *diags) {
    CM_AUTOFREE struct level *levels = NULL;
    const char *path = path_of(file);
    bool ignored = false;

    if (file->repo->ignore_files == 0) {
        return false;
    }
    size_t count = list_levels(file, &levels);
    for (size_t i = 0; i < count && !ignored; i++) {
        size_t end = i + 1 < count ? levels[i + 1].start - 1 : strlen(path);

        ignored = judge_item(u, path, levels, i, end, diags) == HUB_VERDICT_IGNORED;
    }
    return ignored;
}

// ---- An ignore file that came, went or changed

static void dirty_app(void *ctx, struct hub_file *file) {
    if (file->role == HUB_ROLE_APP && file->app != NULL) {
        hub_content_dirty(ctx, file->app);
    }
}

void hub_filter_changed(struct hub_update *u, struct hub_file *file) {
    struct hub_app *owner = hub_content_owner(file->folder);

    hub_ignore_free(file->ignore);
    hub_diags_done(&file->diags);
    file->ignore = NULL;
    if (file->repo->source_only) {
        hub_sources_touch(u, file->repo);
        return;
    }
    if (owner != NULL) {
        hub_content_dirty(u, owner);
    }
    hub_file_tree_each(file->folder, false, dirty_app, u);
}
