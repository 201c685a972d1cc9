// Everything that is wrong, as one sorted list. It is made again when something in it may have
// changed; what the clusters of an App have in common is told once, with their number.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/internal.h"
#include "hub/render/source.h"

#define SEARCHES_MAX 20 // for names of clusters that were meant

struct making {
    struct hub_fleet *fleet;
    struct cm_arena *arena;
    struct hub_problem *items;
    size_t count;
    size_t capacity;
    const char **clusters; // with a document; once one is searched
    size_t cluster_count;
    size_t searches;
};

static const char *path_of(const struct hub_file *file) {
    return (const char *)file->path->data;
}

static void add_at(struct making *m, const char *repo, const char *path,
                   const struct hub_diag *diag, struct hub_problem touches) {
    struct hub_problem problem = touches;

    problem.repo = cm_arena_strdup(m->arena, repo);
    problem.path = cm_arena_strdup(m->arena, path);
    problem.line = diag->line;
    problem.column = diag->column;
    problem.message = cm_arena_strdup(m->arena, diag->message);
    problem.app = touches.app != NULL ? cm_arena_strdup(m->arena, touches.app) : NULL;
    problem.cluster = touches.cluster != NULL ? cm_arena_strdup(m->arena, touches.cluster) : NULL;
    problem.removal = touches.removal != NULL ? cm_arena_strdup(m->arena, touches.removal) : NULL;
    if (m->count == m->capacity) {
        m->capacity = m->capacity == 0 ? 16 : m->capacity * 2;
        m->items = cm_resize(m->items, m->capacity * sizeof(*m->items));
    }
    m->items[m->count++] = problem;
}

static void add(struct making *m, const struct hub_file *file, const struct hub_diag *diag,
                struct hub_problem touches) {
    add_at(m, file->repo->name, diag->path, diag, touches);
}

static void add_all(struct making *m, const struct hub_file *file, const struct hub_diags *diags,
                    struct hub_problem touches) {
    for (size_t i = 0; i < diags->count; i++) {
        add(m, file, &diags->items[i], touches);
    }
}

// add_of adds what is wrong with an App, in its own repository or in its source.
static void add_of(struct making *m, const struct hub_app *app, const struct hub_diag *diag,
                   struct hub_problem touches) {
    const char *path;

    touches.app = app->named.name;
    if (hub_sources_path(app, diag->path, &path)) {
        add_at(m, app->tree->source.repository, path, diag, touches);
    } else {
        add(m, app->named.doc->file, diag, touches);
    }
}

static void add_all_of(struct making *m, const struct hub_app *app, const struct hub_diags *diags,
                       struct hub_problem touches) {
    for (size_t i = 0; i < diags->count; i++) {
        add_of(m, app, &diags->items[i], touches);
    }
}

// ---- Files of documents

static struct hub_problem touched_app(const struct hub_fleet *f, const char *name) {
    const struct hub_app *app = hub_find_app(f, name);

    return (struct hub_problem){.app = name, .clusters = app != NULL ? app->link_count : 0};
}

// touched_by says what a wrong file holds up.
static struct hub_problem touched_by(const struct hub_fleet *f, const struct hub_file *file) {
    const struct hub_doc *kept = file->kept.count == 1 ? file->kept.items[0] : NULL;

    if (kept != NULL && kept->kind == HUB_CLUSTER) {
        return (struct hub_problem){.cluster = kept->name, .clusters = 1};
    }
    if (kept != NULL && kept->kind == HUB_APP) {
        return touched_app(f, kept->name);
    }
    if (file->about == NULL || (file->about_folder && hub_find_app(f, file->about) != NULL)) {
        return (struct hub_problem){0};
    }
    return touched_app(f, file->about);
}

static void add_duplicate(struct making *m, const struct hub_file *file,
                          const struct hub_doc *doc) {
    const struct hub_named *named = cm_map_get(m->fleet->names[doc->kind], doc->name);
    const struct hub_doc *first = named->doc;

    if (first == doc || first == NULL) {
        return;
    }
    CM_AUTOFREE char *other = first->file->repo == file->repo
                                  ? cm_strdup("")
                                  : cm_strf("repository %s, ", first->file->repo->name);
    CM_AUTOFREE char *message = cm_strf(
        "%s %s named '%s' is defined at %s%s line %u already: give one of them another name",
        doc->kind == HUB_APP ? "an" : "a", hub_kind_tables[doc->kind].name, doc->name, other,
        path_of(first->file), first->place.line);
    add(m, file, &(struct hub_diag){path_of(file), doc->place.line, doc->place.column, message},
        (struct hub_problem){.app = doc->kind == HUB_APP ? doc->name : NULL,
                             .cluster = doc->kind == HUB_CLUSTER ? doc->name : NULL,
                             .clusters = doc->kind == HUB_CLUSTER ? 1 : 0});
}

static void add_wrong_file(struct making *m, const struct hub_file *file) {
    struct hub_problem touches = touched_by(m->fleet, file);

    add_all(m, file, &file->diags, touches);
    for (size_t i = 0; file->draft != NULL && i < file->draft->read_count; i++) {
        add_all(m, file, &file->draft->read[i]->diags, touches);
    }
    for (size_t i = 0; i < file->docs.count; i++) {
        add_duplicate(m, file, file->docs.items[i]);
    }
}

// ---- Names of clusters that do not exist: what names them means nothing, and all else goes on

static bool list_cluster(void *ctx, const char *name, void *value) {
    struct making *m = ctx;
    const struct hub_named *named = value;

    if (named->doc != NULL) {
        m->clusters[m->cluster_count++] = name;
    }
    return true;
}

// nearest_cluster returns the name of a Cluster that was most likely meant, or NULL. It looks for
// so many only: a list of thousands of wrong names is no slip of the pen.
static const char *nearest_cluster(struct making *m, const char *name) {
    const struct cm_map *clusters = m->fleet->names[HUB_CLUSTER];

    if (m->searches == SEARCHES_MAX) {
        return NULL;
    }
    if (m->searches++ == 0) {
        m->clusters = cm_new(cm_map_len(clusters) + 1, sizeof(*m->clusters));
        cm_map_each(clusters, list_cluster, m);
    }
    return cm_str_nearest(name, m->clusters, m->cluster_count);
}

static void check_cluster_name(struct making *m, const struct hub_doc *doc,
                               const struct hub_mention *at) {
    if (at->name == NULL || hub_find_cluster(m->fleet, at->name) != NULL) {
        return;
    }
    const char *near = nearest_cluster(m, at->name);
    CM_AUTOFREE char *message =
        near != NULL ? cm_strf("no Cluster is named '%s': did you mean '%s'?", at->name, near)
                     : cm_strf("no Cluster is named '%s': add it in %s or remove the name",
                               at->name, hub_kind_tables[HUB_CLUSTER].place);
    add(m, doc->file,
        &(struct hub_diag){path_of(doc->file), at->place.line, at->place.column, message},
        (struct hub_problem){
            .app = doc->kind == HUB_APP ? doc->name : NULL, .cluster = at->name, .clusters = 1});
}

static bool add_group(void *ctx, const char *name, void *value) {
    struct making *m = ctx;
    const struct hub_group *g = value;

    (void)name;
    if (g->named.doc != NULL) {
        add_all(m, g->named.doc->file, &g->wrong, (struct hub_problem){0});
    }
    for (size_t i = 0; g->named.doc != NULL && i < g->named.doc->group.cluster_count; i++) {
        check_cluster_name(m, g->named.doc, &g->named.doc->group.clusters[i]);
    }
    return true;
}

// ---- Apps

static int compare_variants(const void *a, const void *b) {
    return strcmp((*(const struct hub_variant *const *)a)->key,
                  (*(const struct hub_variant *const *)b)->key);
}

static void add_variants(struct making *m, const struct hub_app *app) {
    CM_AUTOFREE struct hub_variant **variants =
        cm_new(app->link_count + 1, sizeof(struct hub_variant *));
    size_t count = 0;

    for (size_t i = 0; i < app->link_count; i++) {
        struct hub_variant *v = app->links[i]->variant;
        const char *cluster = app->links[i]->cluster->named.name;

        if (v == NULL || v->diags.count == 0) {
            continue;
        }
        if (v->first_cluster == NULL) {
            variants[count++] = v;
            v->first_cluster = cluster;
        } else if (strcmp(cluster, v->first_cluster) < 0) {
            v->first_cluster = cluster;
        }
    }
    if (count > 1) {
        qsort(variants, count, sizeof(*variants), compare_variants);
    }
    for (size_t i = 0; i < count; i++) {
        struct hub_variant *v = variants[i];

        add_all_of(m, app, &v->diags,
                   (struct hub_problem){.cluster = v->first_cluster, .clusters = v->links});
        v->first_cluster = NULL;
    }
}

// clusters_of counts the clusters with an edition for which `counts` is set.
static size_t clusters_of(const struct hub_app *app, const bool *counts) {
    size_t count = 0;

    for (size_t i = 0; i < app->link_count; i++) {
        const struct hub_variant *v = app->links[i]->variant;

        count += v != NULL && v->edition < app->edition_count && counts[v->edition] ? 1 : 0;
    }
    return count;
}

static bool uses(const struct hub_app_edition *e, const struct hub_source *source) {
    for (size_t i = 0; i < e->overlay_count; i++) {
        for (size_t k = 0; k < e->overlays[i].source_count; k++) {
            if (e->overlays[i].sources[k] == source) {
                return true;
            }
        }
    }
    return false;
}

static void add_overlay(struct making *m, const struct hub_app *app,
                        const struct hub_source *source) {
    CM_AUTOFREE bool *counts = cm_new(app->edition_count + 1, sizeof(*counts));

    for (size_t i = 0; i < app->edition_count; i++) {
        counts[i] = uses(&app->editions[i], source);
    }
    add_all_of(m, app, &source->diags, (struct hub_problem){.clusters = clusters_of(app, counts)});
}

static void add_content(struct making *m, const struct hub_app *app) {
    struct hub_problem touches = {.clusters = app->link_count};

    for (size_t i = 0; i < app->manifest_count; i++) {
        const struct hub_manifest *manifest = &app->manifests[i];

        if (manifest->source->diags.count > 0 && manifest->overlay) {
            add_overlay(m, app, manifest->source);
        } else {
            add_all_of(m, app, &manifest->source->diags, touches);
        }
    }
    touches.waiting = app->waiting && app->tree->why == NULL;
    add_all_of(m, app, &app->content, touches);
}

static void add_editions(struct making *m, const struct hub_app *app) {
    CM_AUTOFREE bool *counts = cm_new(app->edition_count + 1, sizeof(*counts));

    for (size_t i = 0; i < app->edition_count; i++) {
        const struct hub_app_edition *e = &app->editions[i];

        if (e->diags.count > 0) {
            counts[i] = true;
            add_all_of(m, app, &e->diags,
                       (struct hub_problem){.clusters = clusters_of(app, counts)});
            counts[i] = false;
        }
    }
}

static const char *first_held(const struct hub_app *app, const struct hub_held *held) {
    const char *first = NULL;

    for (size_t i = 0; i < app->link_count; i++) {
        const char *cluster = app->links[i]->cluster->named.name;

        if (app->links[i]->outcome == held && (first == NULL || strcmp(cluster, first) < 0)) {
            first = cluster;
        }
    }
    return first;
}

// add_blocked tells of releases that may not run, where none is left that may.
static void add_blocked(struct making *m, const struct hub_app *app) {
    struct hub_set told = {0};

    for (size_t i = 0; i < app->link_count; i++) {
        struct hub_held *held = app->links[i]->outcome;

        if (held == NULL || held->message == NULL || hub_set_has(&told, held)) {
            continue;
        }
        hub_set_add(&told, held);
        add_at(m, held->repo, held->path,
               &(struct hub_diag){held->path, held->line, held->column, held->message},
               (struct hub_problem){.app = app->named.name,
                                    .cluster = first_held(app, held),
                                    .clusters = held->links});
    }
    hub_set_done(&told);
}

static bool add_app(void *ctx, const char *name, void *value) {
    struct making *m = ctx;
    const struct hub_app *app = value;
    const struct hub_doc *doc = app->named.doc;

    (void)name;
    if (doc == NULL) {
        return true;
    }
    add_all_of(m, app, &app->frozen, (struct hub_problem){.clusters = app->link_count});
    add_content(m, app);
    add_editions(m, app);
    if (app->broken_variants > 0) {
        add_variants(m, app);
    }
    if (app->blocked > 0) {
        add_blocked(m, app);
    }
    for (size_t i = 0; i < doc->app.target_count; i++) {
        check_cluster_name(m, doc, &doc->app.targets[i].cluster);
    }
    return true;
}

// check_app_name reports the name of an App that does not exist.
static void check_app_name(struct making *m, const struct hub_doc *doc,
                           const struct hub_mention *at) {
    if (at->name == NULL || cm_map_get(m->fleet->names[HUB_APP], at->name) != NULL) {
        return;
    }
    CM_AUTOFREE char *message = cm_strf(
        "no App is named '%s': correct the name, or delete the file if the App is gone", at->name);
    add(m, doc->file,
        &(struct hub_diag){path_of(doc->file), at->place.line, at->place.column, message},
        (struct hub_problem){.app = at->name});
}

// add_hold: of a Hold that the hub wrote clusters, and the App, may be gone; it goes by itself once
// all are.
static bool add_hold(void *ctx, const char *name, void *value) {
    const struct hub_doc *doc = ((const struct hub_named *)value)->doc;

    (void)name;
    if (doc == NULL || doc->hold.hold.event[0] != '\0') {
        return true;
    }
    check_app_name(ctx, doc, &doc->hold.app);
    for (size_t i = 0; i < doc->hold.cluster_count; i++) {
        check_cluster_name(ctx, doc, &doc->hold.clusters[i]);
    }
    return true;
}

static bool add_ban(void *ctx, const char *name, void *value) {
    const struct hub_doc *doc = ((const struct hub_named *)value)->doc;

    (void)name;
    if (doc != NULL) {
        check_app_name(ctx, doc, &doc->ban.app);
    }
    return true;
}

static void check_group_name(struct making *m, const struct hub_doc *doc,
                             const struct hub_mention *at) {
    if (at->name == NULL || hub_find_group(m->fleet, at->name) != NULL) {
        return;
    }
    CM_AUTOFREE char *message =
        cm_strf("no ClusterGroup is named '%s': correct the name, or delete the file", at->name);
    add(m, doc->file,
        &(struct hub_diag){path_of(doc->file), at->place.line, at->place.column, message},
        (struct hub_problem){0});
}

static bool add_freeze(void *ctx, const char *name, void *value) {
    const struct hub_doc *doc = ((const struct hub_named *)value)->doc;

    (void)name;
    if (doc != NULL) {
        check_app_name(ctx, doc, &doc->freeze.app);
        check_cluster_name(ctx, doc, &doc->freeze.cluster);
        check_group_name(ctx, doc, &doc->freeze.group);
    }
    return true;
}

static bool add_exemption(void *ctx, const char *name, void *value) {
    const struct hub_doc *doc = ((const struct hub_named *)value)->doc;

    (void)name;
    if (doc != NULL) {
        check_app_name(ctx, doc, &doc->exemption.app);
    }
    for (size_t i = 0; doc != NULL && i < doc->exemption.cluster_count; i++) {
        check_cluster_name(ctx, doc, &doc->exemption.clusters[i]);
    }
    return true;
}

static void add_conflicts(struct making *m, const struct hub_cluster *c) {
    for (size_t i = 0; i < c->conflict_count; i++) {
        const struct hub_conflict *conflict = &c->conflicts[i];

        if (conflict->app->named.doc != NULL) {
            add_of(m, conflict->app, &conflict->diag,
                   (struct hub_problem){.cluster = c->named.name,
                                        .clusters = 1,
                                        .removal = conflict->removal[0] != '\0' ? conflict->removal
                                                                                : NULL});
        }
    }
}

// home_of returns the repository that an App without a document was last seen in.
static const char *home_of(struct making *m, const struct hub_app *app) {
    for (size_t i = 0; i < app->link_count; i++) {
        if (app->links[i]->leaving) {
            const char *repo = (const char *)app->links[i]->repo->data;

            return cm_arena_strndup(m->arena, repo, strcspn(repo, "@")); // not of a source
        }
    }
    return "";
}

// add_leave tells of an App that waits to leave clusters; one that is deleted has no file any more,
// so it is told where the confirmation goes.
static void add_leave(struct making *m, const struct hub_app *app) {
    const struct hub_leave *leave = &app->leave;
    const struct hub_doc *doc = app->named.doc;
    struct hub_diag diag = {.message = leave->message};
    const struct hub_problem touches = {.app = app->named.name,
                                        .cluster = leave->first,
                                        .clusters = leave->clusters,
                                        .removal = leave->removal};

    if (leave->message == NULL) {
        return;
    }
    if (doc != NULL) {
        diag.path = path_of(doc->file);
        diag.line = doc->place.line;
        diag.column = doc->place.column;
        add(m, doc->file, &diag, touches);
    } else {
        diag.path = cm_arena_strf(m->arena, "confirmations/" HUB_CONFIRMATION_NAME ".yaml",
                                  app->named.name, leave->removal);
        add_at(m, home_of(m, app), diag.path, &diag, touches);
    }
}

// ---- The list

static int compare_texts(const char *a, const char *b) {
    return strcmp(a != NULL ? a : "", b != NULL ? b : "");
}

static int compare_numbers(uint32_t a, uint32_t b) {
    return a == b ? 0 : a < b ? -1 : 1;
}

// compare_places orders problems; what is equal is the same problem, maybe of several clusters.
static int compare_places(const struct hub_problem *a, const struct hub_problem *b) {
    int order = strcmp(a->repo, b->repo);

    order = order != 0 ? order : strcmp(a->path, b->path);
    order = order != 0 ? order : compare_numbers(a->line, b->line);
    order = order != 0 ? order : compare_numbers(a->column, b->column);
    order = order != 0 ? order : strcmp(a->message, b->message);
    return order != 0 ? order : compare_texts(a->app, b->app);
}

static int compare_problems(const void *left, const void *right) {
    const struct hub_problem *a = left;
    const struct hub_problem *b = right;
    int order = compare_places(a, b);

    return order != 0 ? order : compare_texts(a->cluster, b->cluster);
}

static void merge(struct making *m) {
    size_t kept = 0;

    if (m->count > 0) {
        qsort(m->items, m->count, sizeof(*m->items), compare_problems);
    }
    for (size_t i = 0; i < m->count; i++) {
        if (kept > 0 && compare_places(&m->items[kept - 1], &m->items[i]) == 0) {
            m->items[kept - 1].clusters += m->items[i].clusters;
        } else {
            m->items[kept++] = m->items[i];
        }
    }
    m->count = kept;
}

static bool same_lists(const struct hub_fleet *f, const struct making *m) {
    if (f->problem_count != m->count) {
        return false;
    }
    for (size_t i = 0; i < m->count; i++) {
        if (compare_problems(&f->problems[i], &m->items[i]) != 0 ||
            f->problems[i].clusters != m->items[i].clusters ||
            f->problems[i].waiting != m->items[i].waiting) {
            return false;
        }
    }
    return true;
}

void hub_problems_done(struct hub_fleet *f) {
    free(f->problems);
    cm_arena_free(f->problem_arena);
    f->problems = NULL;
    f->problem_count = 0;
    f->problem_arena = NULL;
}

bool hub_problems_make(struct hub_fleet *f) {
    struct making m = {.fleet = f, .arena = cm_arena_new(0)};

    for (size_t i = 0; i < f->wrong.count; i++) {
        add_wrong_file(&m, f->wrong.items[i]);
    }
    cm_map_each(f->names[HUB_GROUP], add_group, &m);
    cm_map_each(f->names[HUB_HOLD], add_hold, &m);
    cm_map_each(f->names[HUB_BAN], add_ban, &m);
    cm_map_each(f->names[HUB_FREEZE], add_freeze, &m);
    cm_map_each(f->names[HUB_EXEMPTION], add_exemption, &m);
    cm_map_each(f->names[HUB_APP], add_app, &m);
    for (size_t i = 0; i < f->conflicted.count; i++) {
        add_conflicts(&m, f->conflicted.items[i]);
    }
    for (size_t i = 0; i < f->leaving.count; i++) {
        add_leave(&m, f->leaving.items[i]);
    }
    free(m.clusters);
    merge(&m);
    bool same = same_lists(f, &m);
    hub_problems_done(f);
    f->problems = m.items;
    f->problem_count = m.count;
    f->problem_arena = m.arena;
    return !same;
}
