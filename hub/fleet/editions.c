// What Apps and targets change in manifests: the files of overlays, and one edition for all targets
// that make the same changes.
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/internal.h"
#include "hub/render/edition.h"
#include "hub/render/source.h"

static const char *path_of(const struct hub_doc *doc) {
    return (const char *)doc->file->path->data;
}

// ---- Files of overlays

static void free_files(void *p) {
    struct hub_overlay_files *files = p;

    hub_diags_done(&files->diags);
    free(files->sources);
    free(files);
}

struct loading {
    struct hub_update *u;
    struct hub_app *app;
    struct hub_overlay_files *files;
};

static void load_file(void *ctx, struct hub_file *file) {
    const struct loading *l = ctx;
    struct hub_overlay_files *files = l->files;

    bool seen = file->overlay == l->app->serial;

    file->overlay = l->app->serial;
    if ((file->role != HUB_ROLE_MANIFEST && file->role != HUB_ROLE_REFUSED) ||
        hub_filter_ignores(l->u, file, &files->diags)) {
        return;
    }
    if (file->role == HUB_ROLE_REFUSED) {
        hub_diags_add(&files->diags, (const char *)file->path->data, 0, 0, "%s",
                      hub_content_advice(file->name));
        return;
    }
    files->sources = cm_resize(files->sources, (files->count + 1) * sizeof(*files->sources));
    files->sources[files->count++] =
        seen ? file->source : hub_content_add(l->u, l->app, file, true);
}

// report_missing says that an overlay's path names nothing.
static void report_missing(struct hub_app *app, const struct hub_mention *at,
                           struct hub_overlay_files *files) {
    const struct hub_doc *doc = app->named.doc;
    CM_AUTOFREE char *near = hub_file_tree_nearest(doc->file->folder, at->name);

    if (near != NULL) {
        hub_diags_add(&files->diags, path_of(doc), at->place.line, at->place.column,
                      "there is no file or folder '%s' beside app.yaml: did you mean '%s'?",
                      at->name, near);
    } else {
        hub_diags_add(&files->diags, path_of(doc), at->place.line, at->place.column,
                      "there is no file or folder '%s' beside app.yaml: add it or remove the "
                      "overlay",
                      at->name);
    }
}

// are_empty tells whether nothing is in files that are right.
static bool are_empty(const struct hub_overlay_files *files) {
    for (size_t i = 0; i < files->count; i++) {
        if (files->sources[i]->count > 0 || files->sources[i]->diags.count > 0) {
            return false;
        }
    }
    return true;
}

static void load_path(struct loading *l, const struct hub_mention *at) {
    const struct hub_doc *doc = l->app->named.doc;
    struct hub_folder *home = doc->file->folder;
    struct hub_folder *folder = hub_file_tree_folder_find(home, at->name);
    struct hub_file *file = folder == NULL ? hub_file_tree_find(home, at->name) : NULL;
    const struct hub_folder *where = file != NULL ? file->folder : folder;

    if (where == NULL || (file != NULL && file->role != HUB_ROLE_MANIFEST)) {
        report_missing(l->app, at, l->files);
        return;
    }
    if (hub_content_crosses(where, home)) {
        hub_diags_add(&l->files->diags, path_of(doc), at->place.line, at->place.column,
                      "'%s' belongs to another App, which has an app.yaml there: name another one",
                      at->name);
        return;
    }
    if (file != NULL) {
        load_file(l, file);
    } else {
        hub_file_tree_each(folder, true, load_file, l);
    }
    if (l->files->count > 0 && l->files->diags.count == 0 && are_empty(l->files)) {
        hub_diags_add(&l->files->diags, path_of(doc), at->place.line, at->place.column,
                      "there is no object in '%s': add one or remove the overlay", at->name);
    }
    if (l->files->count == 0 && l->files->diags.count == 0) {
        hub_diags_add(&l->files->diags, path_of(doc), at->place.line, at->place.column,
                      "there are no *.yaml files in '%s': add some or remove the overlay",
                      at->name);
    }
}

static void load_changes(struct hub_update *u, struct hub_app *app,
                         const struct hub_changes *changes) {
    for (size_t i = 0; i < changes->overlay_count; i++) {
        const struct hub_mention *at = &changes->paths[i];
        struct loading l = {u, app, NULL};

        if (at->name == NULL || cm_map_get(app->overlays, at->name) != NULL) {
            continue;
        }
        l.files = cm_new(1, sizeof(*l.files));
        cm_map_put(app->overlays, at->name, l.files);
        load_path(&l, at);
        l.files->broken = l.files->diags.count > 0;
        for (size_t k = 0; k < l.files->count; k++) {
            l.files->broken = l.files->broken || l.files->sources[k]->diags.count > 0;
        }
        u->problems = u->problems || l.files->broken;
    }
}

void hub_editions_load(struct hub_update *u, struct hub_app *app) {
    const struct hub_app_doc *doc = &app->named.doc->app;

    app->overlays = cm_map_new(free_files);
    load_changes(u, app, &doc->changes);
    for (size_t i = 0; i < doc->target_count; i++) {
        load_changes(u, app, &doc->targets[i].changes);
    }
}

bool hub_editions_hide(const struct hub_app *app, const struct hub_file *file) {
    return file->overlay == app->serial;
}

// ---- Editions

static void add_node(struct cm_str *key, const struct cm_json *node) {
    if (node != NULL) {
        struct cm_json bare = *node;

        bare.next = NULL;
        bare.key = NULL;
        cm_json_write_compact(&bare, key);
    }
    cm_str_add_char(key, '\x1f');
}

// key_of returns a text that tells the changes of targets apart.
static char *key_of(const struct hub_changes *changes) {
    struct cm_str key = {0};

    add_node(&key, changes->common.labels);
    add_node(&key, changes->common.annotations);
    add_node(&key, changes->common.images);
    for (size_t i = 0; i < changes->overlay_count; i++) {
        add_node(&key, changes->overlays[i].node);
    }
    return cm_str_take(&key);
}

static bool changes_nothing(const struct hub_changes *changes) {
    return changes->overlay_count == 0 && changes->common.labels == NULL &&
           changes->common.annotations == NULL && changes->common.images == NULL;
}

// put_overlays adds overlays with their files to those of an edition.
static void put_overlays(struct hub_app *app, const struct hub_changes *changes,
                         struct hub_app_edition *e) {
    for (size_t i = 0; i < changes->overlay_count; i++) {
        struct hub_overlay *overlay = &e->overlays[e->overlay_count++];
        const struct hub_overlay_files *files =
            changes->paths[i].name != NULL ? cm_map_get(app->overlays, changes->paths[i].name)
                                           : NULL;

        *overlay = changes->overlays[i];
        if (files != NULL) {
            overlay->sources = files->sources;
            overlay->source_count = files->count;
            e->broken = e->broken || files->broken;
            for (size_t k = 0; k < files->diags.count; k++) {
                const struct hub_diag *diag = &files->diags.items[k];
                hub_diags_add(&e->diags, diag->path, diag->line, diag->column, "%s", diag->message);
            }
        }
    }
}

static void use_edition(struct hub_app_edition *e, struct hub_edition *made) {
    e->made = made;
    e->broken = e->broken || made == NULL || made->wrong;
    e->unknown = made == NULL;
    if (made != NULL) {
        e->templates = made->templates;
        e->template_count = made->count;
        e->used = made->used;
        e->used_count = made->used_count;
    }
}

static size_t size_of_all(const struct hub_app *app) {
    size_t size = 0;

    for (size_t i = 0; i < app->edition_count; i++) {
        size += app->editions[i].made != NULL ? hub_edition_size(app->editions[i].made) : 0;
    }
    return size;
}

static void make_edition(struct hub_app *app, const struct hub_changes *changes,
                         struct hub_app_edition *e) {
    const struct hub_doc *doc = app->named.doc;

    e->templates = app->templates;
    e->template_count = app->template_count;
    e->used = app->used;
    e->used_count = app->used_count;
    if (changes_nothing(&doc->app.changes) && changes_nothing(changes)) {
        return;
    }
    e->overlays =
        cm_new(doc->app.changes.overlay_count + changes->overlay_count + 1, sizeof(*e->overlays));
    put_overlays(app, &doc->app.changes, e);
    put_overlays(app, changes, e);
    struct hub_edition_input input = {
        .path = path_of(doc),
        .text = doc->app.text,
        .text_size = doc->app.text_size,
        .literal = doc->app.literal,
        .templates = app->templates,
        .template_count = app->template_count,
        .partial = app->partial,
        .overlays = e->overlays,
        .overlay_count = e->overlay_count,
        .common = {doc->app.changes.common, changes->common},
        .spent = size_of_all(app),
    };
    use_edition(e, hub_edition_make(&input, &e->diags));
}

// edition_for returns the index of the edition with certain changes.
static size_t edition_for(struct hub_app *app, const struct hub_changes *changes) {
    CM_AUTOFREE char *key = key_of(changes);

    for (size_t i = 0; i < app->edition_count; i++) {
        if (strcmp(app->editions[i].key, key) == 0) {
            return i;
        }
    }
    struct hub_app_edition *e = &app->editions[app->edition_count++];
    e->key = CM_TAKE(key);
    make_edition(app, changes, e);
    return app->edition_count - 1;
}

void hub_editions_make(struct hub_update *u, struct hub_app *app) {
    static const struct hub_changes none = {0};
    const struct hub_app_doc *doc = &app->named.doc->app;

    app->editions = cm_new(doc->target_count + 1, sizeof(*app->editions));
    app->edition_of = cm_new(doc->target_count + 1, sizeof(*app->edition_of));
    for (size_t i = 0; i < doc->target_count; i++) {
        if (!doc->targets[i].do_not_deploy) {
            app->edition_of[i] = edition_for(app, &doc->targets[i].changes);
        }
    }
    if (app->edition_count == 0) { // to tell what is wrong with the App's own changes
        (void)edition_for(app, &none);
    }
    for (size_t i = 0; i < app->edition_count; i++) {
        u->problems = u->problems || app->editions[i].diags.count > 0;
    }
}

void hub_editions_clear(struct hub_app *app) {
    for (size_t i = 0; i < app->edition_count; i++) {
        struct hub_app_edition *e = &app->editions[i];

        hub_edition_free(e->made);
        hub_diags_done(&e->diags);
        free(e->overlays);
        free(e->key);
    }
    free(app->editions);
    free(app->edition_of);
    cm_map_free(app->overlays);
    app->editions = NULL;
    app->edition_count = 0;
    app->edition_of = NULL;
    app->overlays = NULL;
}
