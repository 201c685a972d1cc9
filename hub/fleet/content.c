// The folder of an App: which files are its manifests, and what they say.
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/internal.h"
#include "hub/render/source.h"

#define OVERLAYS "overlays/" // a folder that is hardly meant as manifests

static const char *path_of(const struct hub_file *file) {
    return (const char *)file->path->data;
}

// told_path returns how problems name a file: one of a source with the source's name before it. The
// caller frees it.
static char *told_path(const struct hub_file *file) {
    return file->repo->source_only ? cm_strf("%s:%s", file->repo->name, path_of(file))
                                   : cm_strdup(path_of(file));
}

struct cm_buf *hub_file_read(struct hub_update *u, struct hub_file *file, size_t max,
                             struct hub_diags *diags) {
    CM_AUTOFREE char *path = told_path(file);
    struct cm_buf *bytes = NULL;
    struct cm_err err;

    if (file->special) {
        hub_diags_add(
            diags, path, 0, 0, "%s",
            strchr(path, '\\') != NULL
                ? "its name has bytes that no name may have, written as \\xHH here: rename it"
                : "this is a symbolic link or a submodule, which is not followed: put "
                  "the file itself here");
        return NULL;
    }
    if (u->reader->read(u->reader->ctx, file->repo->name, file->oid, max, &bytes, &err) < 0) {
        hub_diags_add(diags, path, 0, 0, "cannot be read: %s", err.msg);
        if (err.code != CM_EINVAL && !file->unreadable) {
            file->unreadable = true;
            hub_set_add(&u->fleet->unreadable, file);
        }
        return NULL;
    }
    return bytes;
}

// ---- Which App a file belongs to

struct hub_app *hub_content_owner(const struct hub_folder *folder) {
    while (folder != NULL && folder->app_file == NULL) {
        folder = folder->parent;
    }
    return folder != NULL ? folder->app_file->app : NULL;
}

void hub_content_list(struct hub_update *u, struct hub_app *app) {
    if (!app->listed) {
        app->listed = true;
        hub_set_add(&u->dirty_apps, app);
    }
}

void hub_content_dirty(struct hub_update *u, struct hub_app *app) {
    app->content_dirty = true;
    hub_content_list(u, app);
}

static void uncount(struct hub_update *u, struct hub_file *file) {
    if (file->counted) {
        hub_crds_count(u, file->repo, file->source, false);
        file->counted = false;
    }
}

static void forget_source(struct hub_update *u, struct hub_file *file) {
    if (file->source != NULL) {
        u->problems = u->problems || file->source->diags.count > 0;
        uncount(u, file);
        hub_source_free(file->source);
        file->source = NULL;
    }
}

void hub_content_drop_source(struct hub_update *u, struct hub_file *file) {
    if (file->app != NULL) {
        hub_content_dirty(u, file->app);
    }
    forget_source(u, file);
}

// ---- Reading manifests

static struct hub_source *parse(struct hub_update *u, struct hub_file *file, struct cm_buf *path,
                                bool literal) {
    struct hub_source *(*read)(struct cm_buf * path, const void *bytes, size_t size) =
        literal ? hub_source_new_literal : hub_source_new;
    struct hub_diags diags = {0};
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = hub_file_read(u, file, HUB_SOURCE_MAX, &diags);
    struct hub_source *source =
        bytes != NULL ? read(path, bytes->data, bytes->size) : read(path, "", 0);

    if (bytes == NULL) {
        source->whole = false;
        hub_diags_done(&source->diags);
        source->diags = diags;
    }
    return source;
}

static void add_manifest(struct hub_app *app, struct hub_manifest manifest) {
    size_t count = app->manifest_count;

    if ((count & (count - 1)) == 0) { // full at each power of two
        app->manifests =
            cm_resize(app->manifests, (count == 0 ? 1 : 2 * count) * sizeof(*app->manifests));
    }
    app->manifests[app->manifest_count++] = manifest;
}

const struct hub_source *hub_content_read(struct hub_update *u, struct hub_file *file,
                                          bool literal) {
    if (file->source != NULL && file->literal != literal) {
        forget_source(u, file);
    }
    if (file->source == NULL) {
        file->source = parse(u, file, file->path, literal);
        file->literal = literal;
    }
    return file->source;
}

struct hub_source *hub_content_add(struct hub_update *u, struct hub_app *app, struct hub_file *file,
                                   bool overlay) {
    bool literal = app->named.doc->app.literal;

    if (file->source != NULL && file->counted == overlay) {
        forget_source(u, file);
    }
    (void)hub_content_read(u, file, literal);
    if (!overlay && !file->counted) {
        hub_crds_count(u, file->repo, file->source, true);
        file->counted = true;
    }
    file->app = app;
    hub_set_add(&app->files, file);
    add_manifest(app, (struct hub_manifest){file, file->source, overlay});
    return file->source;
}

// ---- Files of another repository

static void free_foreign(void *p) {
    struct hub_foreign *foreign = p;

    hub_source_free(foreign->source);
    free(foreign);
}

static struct hub_foreign *read_foreign(struct hub_update *u, struct hub_app *app,
                                        struct hub_file *file) {
    struct hub_foreign *foreign = cm_new(1, sizeof(*foreign));
    CM_AUTOFREE char *text = told_path(file);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *path = cm_buf_copy(text, strlen(text) + 1);

    memcpy(foreign->oid, file->oid, sizeof(foreign->oid));
    foreign->literal = app->named.doc->app.literal;
    foreign->source = parse(u, file, path, foreign->literal);
    foreign->unreadable = file->unreadable;
    hub_crds_count(u, file->repo, foreign->source, true);
    return foreign;
}

static struct hub_source *add_foreign(struct hub_update *u, struct hub_app *app,
                                      struct hub_file *file) {
    struct hub_foreign *foreign = cm_map_get(app->foreign, path_of(file));

    if (foreign != NULL &&
        (memcmp(foreign->oid, file->oid, sizeof(foreign->oid)) != 0 ||
         foreign->literal != app->named.doc->app.literal || foreign->unreadable)) {
        hub_crds_count(u, file->repo, foreign->source, false);
        (void)cm_map_remove(app->foreign, path_of(file));
        foreign = NULL;
    }
    if (foreign == NULL) {
        foreign = read_foreign(u, app, file);
        cm_map_put(app->foreign, path_of(file), foreign);
    }
    foreign->seen = true;
    add_manifest(app, (struct hub_manifest){file, foreign->source, false});
    return foreign->source;
}

struct sweeping {
    struct hub_update *u;
    struct hub_app *app;
    struct hub_repo *tree; // that the files are of
};

// sweep_foreign drops what was not taken up again.
static bool sweep_foreign(void *ctx, const char *path, void *value) {
    const struct sweeping *s = ctx;
    struct hub_foreign *foreign = value;

    if (foreign->seen) {
        foreign->seen = false;
    } else {
        hub_crds_count(s->u, s->tree, foreign->source, false);
        (void)cm_map_remove(s->app->foreign, path);
    }
    return true;
}

static void sweep(struct hub_update *u, struct hub_app *app, struct hub_repo *tree) {
    struct sweeping s = {u, app, tree};

    if (app->foreign != NULL && tree != NULL) {
        cm_map_each(app->foreign, sweep_foreign, &s);
    }
}

// ---- Loading

struct loading {
    struct hub_update *u;
    struct hub_app *app;
    struct hub_filter filter;
    size_t templates;
    size_t files[HUB_FILTERED_KINDS]; // that count, and that are left out
    bool stray;                       // manifests in a folder named overlays
};

const char *hub_content_advice(const char *name) {
    if (strcmp(name, "Chart.yaml") == 0) {
        return "Helm charts are not supported: put the output of 'helm template' here instead";
    }
    if (strcmp(name, "fleet.yaml") == 0) {
        return "fleet.yaml is another program's: say in app.yaml what it says, and remove it";
    }
    return "kustomizations are not supported: list plain manifests, and say in spec.overlays of "
           "app.yaml what differs between clusters";
}

static void refuse(struct loading *l, struct hub_file *file) {
    CM_AUTOFREE char *path = told_path(file);

    if (!file->repo->source_only) {
        file->app = l->app;
        hub_set_add(&l->app->files, file);
    }
    hub_diags_add(&l->app->content, path, 0, 0, "%s", hub_content_advice(file->name));
}

static void load_file(void *ctx, struct hub_file *file) {
    struct loading *l = ctx;

    if ((file->role != HUB_ROLE_MANIFEST && file->role != HUB_ROLE_REFUSED) ||
        hub_editions_hide(l->app, file)) {
        return;
    }
    enum hub_filtered filtered = hub_filter_judge(l->u, &l->filter, file, &l->app->content);
    l->files[filtered]++;
    if (filtered != HUB_TAKEN) {
        return;
    }
    if (strncmp(path_of(file) + l->filter.root, OVERLAYS, strlen(OVERLAYS)) == 0) {
        l->stray = true;
    }
    if (file->strays != NULL) { // which is reported; an App below this one is not its manifests
        l->app->content_broken =
            l->app->content_broken || file->folder != l->app->named.doc->file->folder;
        l->app->partial = true;
        return;
    }
    if (file->role == HUB_ROLE_REFUSED) {
        refuse(l, file);
        return;
    }
    const struct hub_source *source = file->repo->source_only
                                          ? add_foreign(l->u, l->app, file)
                                          : hub_content_add(l->u, l->app, file, false);
    l->templates += source->readable;
    l->app->partial = l->app->partial || !source->whole;
    if (source->diags.count > 0) {
        l->app->content_broken = true;
    }
}

void hub_content_clear(struct hub_app *app) {
    for (size_t i = 0; i < app->files.count; i++) {
        struct hub_file *file = app->files.items[i];
        file->app = NULL;
    }
    hub_editions_clear(app);
    hub_set_done(&app->files);
    free(app->manifests);
    free(app->templates);
    free(app->used);
    hub_diags_done(&app->content);
    app->manifests = NULL;
    app->manifest_count = 0;
    app->templates = NULL;
    app->template_count = 0;
    app->used = NULL;
    app->used_count = 0;
    app->content_broken = false;
    app->partial = false;
    app->unsure = false;
    app->waiting = false;
}

void hub_content_free(struct hub_app *app) {
    hub_content_clear(app);
    hub_sources_leave(app);
    cm_map_free(app->foreign);
}

bool hub_content_crosses(const struct hub_folder *folder, const struct hub_folder *home) {
    for (; folder != NULL && folder != home; folder = folder->parent) {
        if (folder->app_file != NULL) {
            return true;
        }
    }
    return false;
}

static void report(struct hub_app *app, const struct hub_place *at, const char *message) {
    const struct hub_doc *doc = app->named.doc;

    at = at->line > 0 ? at : &doc->place;
    hub_diags_add(&app->content, path_of(doc->file), at->line, at->column, "%s", message);
}

static void report_missing(struct loading *l, const struct hub_folder *home) {
    const struct hub_source_doc *doc = &l->app->named.doc->app.source;
    CM_AUTOFREE char *near = hub_file_tree_nearest(home, doc->path.name);
    const char *where = l->app->tree != NULL ? l->app->tree->name : "the folder of app.yaml";
    CM_AUTOFREE char *message =
        near != NULL ? cm_strf("there is no folder '%s' in %s: did you mean '%s'?", doc->path.name,
                               where, near)
                     : cm_strf("there is no folder '%s' in %s: put *.yaml files into it or correct "
                               "the path",
                               doc->path.name, where);

    report(l->app, &doc->path.place, message);
}

// report_filtered says what leaves out the files of an App that has no manifests.
static void report_filtered(struct loading *l, size_t count) {
    static const char *const by[] = {[HUB_NOT_INCLUDED] = "spec.source.include",
                                     [HUB_EXCLUDED] = "spec.source.exclude",
                                     [HUB_IGNORED] = ".holdfastignore"};
    struct cm_str message = {0};
    const char *comma = "";

    cm_str_addf(&message, "the App has no manifests: %zu file%s left out, ", count,
                count == 1 ? " is" : "s are");
    for (size_t i = HUB_NOT_INCLUDED; i < HUB_FILTERED_KINDS; i++) {
        if (l->files[i] > 0) {
            cm_str_addf(&message, "%s%zu by %s", comma, l->files[i], by[i]);
            comma = ", ";
        }
    }
    cm_str_add(&message, ": correct that, or delete app.yaml to remove the App");
    report(l->app, &l->app->named.doc->place, cm_str_get(&message));
    cm_str_done(&message);
}

static void report_none(struct loading *l) {
    size_t left_out = l->files[HUB_NOT_INCLUDED] + l->files[HUB_EXCLUDED] + l->files[HUB_IGNORED];

    if (left_out > 0) {
        report_filtered(l, left_out);
        return;
    }
    const struct hub_source_doc *doc = &l->app->named.doc->app.source;
    bool whole = doc->path.name[0] == '\0';
    const char *rest = l->app->tree != NULL ? "choose other files"
                                            : "delete app.yaml to remove the "
                                              "App";
    CM_AUTOFREE char *message =
        cm_strf("the App has no manifests: put *.yaml files into %s%s%s, or %s", whole ? "" : "'",
                whole ? l->app->tree != NULL ? l->app->tree->name : "the folder of app.yaml"
                      : doc->path.name,
                whole ? "" : "'", rest);

    report(l->app, &l->app->named.doc->place, message);
}

static void report_crossing(struct loading *l) {
    const struct hub_doc *doc = l->app->named.doc;
    CM_AUTOFREE char *message =
        cm_strf("the folder '%s' belongs to another App, which has an app.yaml there: name another "
                "one in spec.source.path",
                doc->app.source.path.name);

    report(l->app, &doc->place, message);
}

void hub_content_wait(struct hub_app *app) {
    const char *why =
        app->tree->why != NULL ? app->tree->why : "the App stays as it is until it is";
    CM_AUTOFREE char *message =
        cm_strf("the source '%s' is not fetched yet: %s", app->tree->name, why);

    hub_diags_done(&app->content);
    app->waiting = true;
    report(app, &app->named.doc->app.source.repository.place, message);
}

// load_files takes up the manifests below the source's folder.
static void load_files(struct loading *l) {
    const struct hub_doc *doc = l->app->named.doc;
    struct hub_folder *home = l->app->tree != NULL ? l->app->tree->root : doc->file->folder;
    const char *path = doc->app.source.path.name;
    struct hub_folder *folder = hub_file_tree_folder_find(home, path);
    size_t root = l->app->tree != NULL ? 0 : (size_t)(doc->file->name - path_of(doc->file));

    if (folder == NULL) {
        report_missing(l, home);
        return;
    }
    if (hub_content_crosses(folder, home)) {
        report_crossing(l);
        return;
    }
    hub_filter_init(&l->filter, &doc->app.source, root + strlen(path) + (path[0] != '\0' ? 1 : 0));
    hub_file_tree_each(folder, true, load_file, l);
    hub_filter_done(&l->filter);
    if (l->stray) {
        l->app->unsure = true;
        report(l->app, &doc->place,
               "no overlay names the files in the folder 'overlays' among the manifests: name them "
               "in spec.overlays or those of a target, or leave them out with "
               "spec.source.exclude");
    }
    if (l->templates == 0 && l->app->content.count == 0 && !l->app->content_broken) {
        report_none(l);
    }
}

static void list_templates(struct loading *l) {
    struct hub_app *app = l->app;
    size_t used = 0;

    app->templates = cm_new(l->templates + 1, sizeof(struct hub_template *));
    for (size_t i = 0; i < app->manifest_count; i++) {
        const struct hub_manifest *manifest = &app->manifests[i];

        for (size_t k = 0; !manifest->overlay && k < manifest->source->readable; k++) {
            app->templates[app->template_count++] = &manifest->source->templates[k];
            used += manifest->source->templates[k].used_count;
        }
    }
    app->used = cm_new(used + 1, sizeof(*app->used));
    for (size_t i = 0; i < app->template_count; i++) {
        for (size_t k = 0; k < app->templates[i]->used_count; k++) {
            app->used[app->used_count++] = app->templates[i]->used[k];
        }
    }
    app->used_count = hub_names_sort(app->used, app->used_count);
}

static void load(struct hub_update *u, struct hub_app *app) {
    struct loading l = {.u = u, .app = app};

    app->render_dirty = true;
    app->serial = ++u->fleet->serials;
    if (app->named.doc == NULL) {
        return;
    }
    if (app->foreign == NULL && app->tree != NULL) {
        app->foreign = cm_map_new(free_foreign);
    }
    hub_editions_load(u, app);
    if (app->tree != NULL && !app->tree->loaded) {
        hub_content_wait(app);
    } else {
        load_files(&l);
    }
    sweep(u, app, app->tree);
    app->content_broken = app->content_broken || app->content.count > 0;
    app->partial = app->content_broken && (app->partial || l.templates == 0);
    u->problems = u->problems || app->content_broken;
    list_templates(&l);
    hub_editions_make(u, app);
}

// unload lets go of what the App was made of; files that it does not take up again are forgotten.
static void unload(struct hub_update *u, struct hub_app *app, struct hub_set *left) {
    u->problems = u->problems || app->content_broken;
    for (size_t i = 0; i < app->edition_count; i++) {
        u->problems = u->problems || app->editions[i].broken;
    }
    for (size_t i = 0; i < app->files.count; i++) {
        hub_set_add(left, app->files.items[i]);
    }
    hub_content_clear(app);
    struct hub_repo *before = app->tree;
    hub_sources_want(u, app);
    if (app->tree != before) {
        sweep(u, app, before);
    }
}

void hub_content_load(struct hub_update *u) {
    struct hub_set left = {0};

    for (size_t i = 0; i < u->dirty_apps.count; i++) {
        struct hub_app *app = u->dirty_apps.items[i];

        if (app->content_dirty) {
            unload(u, app, &left);
        }
    }
    for (size_t i = 0; i < u->dirty_apps.count; i++) {
        struct hub_app *app = u->dirty_apps.items[i];

        if (app->content_dirty) {
            app->content_dirty = false;
            load(u, app);
        }
    }
    for (size_t i = 0; i < left.count; i++) {
        struct hub_file *file = left.items[i];

        if (file->app == NULL) { // what it was rendered to may not be so when it comes back
            forget_source(u, file);
        }
    }
    hub_set_done(&left);
    hub_crds_forget(u);
}
