// The update, in order: files, documents, the index of labels, groups, what Apps refer to, contents
// of Apps, links, what is in force, problems.
#include "hub/fleet/fleet.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/internal.h"

// ---- The fleet

static struct cm_buf *text_buf(const char *text) {
    return cm_buf_copy(text, strlen(text) + 1);
}

static struct hub_repo *get_repo(struct hub_fleet *f, const char *name) {
    struct hub_repo *repo = cm_map_get(f->repos, name);

    if (repo == NULL) {
        repo = hub_repo_new(name);
        cm_map_put(f->repos, name, repo);
    }
    return repo;
}

static void free_named(void *p) {
    hub_named_free(p);
}

static void free_claim(void *p) {
    struct hub_claim *claim = p;

    free(claim->items);
    free(claim);
}

struct hub_fleet *hub_fleet_new(const uint8_t secret_key[32]) {
    struct hub_fleet *f = cm_new(1, sizeof(*f));

    memcpy(f->secret_key, secret_key, sizeof(f->secret_key));
    f->repos = cm_map_new(hub_repo_free);
    f->trees = cm_map_new(hub_repo_free);
    f->claims = cm_map_new(free_claim);
    f->confirmations = cm_map_new(hub_confirmations_free_set);
    f->used = cm_map_new(free);
    f->holds = cm_map_new(hub_holds_free_app);
    f->decided = cm_map_new(hub_holds_free_entry);
    f->beginnings = cm_map_new(hub_proven_free_cluster);
    f->begun = cm_map_new(NULL);
    f->untried = cm_map_new(NULL);
    f->promoted = cm_map_new(NULL);
    f->guard = HUB_GUARD_DEFAULT;
    for (size_t i = 0; i < HUB_KINDS; i++) {
        f->names[i] = cm_map_new(free_named);
    }
    return f;
}

static bool drop_links(void *ctx, const char *name, void *value) {
    struct hub_fleet *f = ctx;
    struct hub_cluster *c = value;

    (void)name;
    while (c->link_count > 0) {
        hub_link_drop(f, c->links[c->link_count - 1]);
    }
    return true;
}

void hub_fleet_free(struct hub_fleet *f) {
    if (f == NULL) {
        return;
    }
    cm_map_each(f->names[HUB_CLUSTER], drop_links, f);
    for (size_t i = HUB_KINDS; i > 0; i--) { // Apps first: they point at files
        cm_map_free(f->names[i - 1]);
    }
    cm_map_free(f->repos);
    cm_map_free(f->trees);
    free(f->sources);
    cm_map_free(f->claims);
    cm_map_free(f->labels);
    cm_map_free(f->confirmations);
    cm_map_free(f->used);
    hub_holds_free(f);
    cm_map_free(f->beginnings);
    cm_map_free(f->begun);
    cm_map_free(f->untried);
    cm_map_free(f->promoted);
    hub_set_done(&f->leaving);
    hub_problems_done(f);
    hub_set_done(&f->clusters);
    hub_set_done(&f->wrong);
    hub_set_done(&f->unreadable);
    hub_set_done(&f->strays);
    hub_set_done(&f->seeded);
    hub_set_done(&f->conflicted);
    explicit_bzero(f->secret_key, sizeof(f->secret_key));
    free(f);
}

static bool check_loaded(void *ctx, const char *name, void *value) {
    bool *loaded = ctx;

    (void)name;
    *loaded = *loaded && ((const struct hub_repo *)value)->loaded;
    return *loaded;
}

bool hub_fleet_is_loaded(const struct hub_fleet *f) {
    bool loaded = true;

    cm_map_each(f->repos, check_loaded, &loaded);
    return loaded;
}

void hub_fleet_set_guard(struct hub_fleet *f, const struct hub_fleet_guard *guard) {
    f->guard = *guard;
}

void hub_fleet_look_back(struct hub_fleet *f, bool yes) {
    f->looking_back = yes;
}

void hub_fleet_expect(struct hub_fleet *f, const char *repo) {
    (void)get_repo(f, repo);
}

// ---- Seeds

static struct hub_named *seed_name(struct hub_fleet *f, enum hub_kind kind, const char *name) {
    struct hub_named *named = hub_named_get(f, kind, name);

    if (!named->seeded && named->doc == NULL) {
        named->seeded = true;
        hub_set_add(&f->seeded, named);
    }
    return named;
}

static void seed_pair(struct hub_fleet *f, struct hub_cluster *c, const struct hub_pair *pair) {
    struct hub_app *app = hub_app_of(seed_name(f, HUB_APP, pair->app));

    if (hub_link_find(c, app) != NULL) {
        return;
    }
    struct hub_link *link = hub_link_make(app, c);
    if (app->variants == NULL) {
        hub_links_reset(app);
    }
    app->prune = true; // as far as what is in force says so (remove_app)
    link->version =
        hub_version_new(f, app, (struct hub_rendered){.bundle = hub_bundle_ref(pair->bundle)});
    link->version->told = pair->held != NULL ? text_buf(pair->held) : NULL;
    link->revision = text_buf(pair->revision);
    link->repo = text_buf(pair->repo);
    link->stale = pair->stale;
    link->waits = pair->waits != NULL ? text_buf(pair->waits) : NULL;
    hub_begins_seed(link, pair->begins);
}

void hub_fleet_seed(struct hub_fleet *f, const char *cluster, const struct hub_pair *pairs,
                    size_t pair_count, const struct hub_gone *gone, size_t gone_count) {
    struct hub_cluster *c = hub_cluster_of(seed_name(f, HUB_CLUSTER, cluster));

    for (size_t i = 0; i < pair_count; i++) {
        seed_pair(f, c, &pairs[i]);
    }
    for (size_t i = 0; i < gone_count; i++) {
        CM_CLEANUP(cm_buf_unrefp) struct cm_buf *revision = text_buf(gone[i].revision);
        hub_gone_put(c, gone[i].app, revision, gone[i].prune, gone[i].account);
    }
    hub_desired_unref(c->desired);
    c->desired = hub_settle_desired(c);
    f->restarted = true;
}

// ---- Documents that are in force now and were not

static void unseed(struct hub_update *u, struct hub_named *named) {
    if (named->seeded) {
        named->seeded = false;
        (void)hub_set_remove(&u->fleet->seeded, named);
    }
}

static void dirty_cluster(struct hub_update *u, struct hub_cluster *c) {
    if (!c->dirty) {
        c->dirty = true;
        hub_set_add(&u->dirty_clusters, c);
    }
}

static void cluster_changed(struct hub_update *u, struct hub_cluster *c) {
    if (c->named.before != NULL) {
        hub_targets_unindex(u->fleet, c, c->named.before);
    } else {
        u->problems = true; // somebody may have named it in vain
        c->fresh = !c->named.seeded;
    }
    if (c->named.doc == NULL) {
        u->problems = true;
        hub_set_add(&u->gone_clusters, c);
        return;
    }
    unseed(u, &c->named);
    hub_targets_index(u->fleet, c, c->named.doc);
    dirty_cluster(u, c);
    hub_cluster_touch(u, c);
}

static void touch_links(struct hub_update *u, const struct hub_app *app) {
    for (size_t i = 0; i < app->link_count; i++) {
        hub_cluster_touch(u, app->links[i]->cluster);
    }
}

static void app_changed(struct hub_update *u, struct hub_app *app) {
    u->references = true;
    u->problems = true;
    if (app->named.before_file != NULL && app->named.before_file->app == app) {
        app->named.before_file->app = NULL;
    }
    hub_content_dirty(u, app);
    touch_links(u, app);
    if (app->named.doc == NULL) {
        return;
    }
    unseed(u, &app->named);
    app->targets_dirty = true;
    app->prune = app->named.doc->app.prune;
}

static void dispatch(struct hub_update *u, struct hub_named *named) {
    bool kept = named->doc != NULL && named->doc->kept;

    if (named->doc == named->before) {
        if (kept != named->before_kept || (kept && named->doc->file != named->before_file)) {
            u->problems = true;
            if (named->kind == HUB_APP) {
                app_changed(u, hub_app_of(named)); // maybe of another folder
            } else if (named->kind == HUB_CLUSTER) {
                hub_cluster_touch(u, hub_cluster_of(named));
            }
        }
        return;
    }
    u->documents = true;
    if (named->kind == HUB_CLUSTER) {
        cluster_changed(u, hub_cluster_of(named));
    } else if (named->kind == HUB_APP) {
        app_changed(u, hub_app_of(named));
    } else if (named->kind == HUB_CONFIRMATION) {
        hub_confirmations_changed(u, named);
    } else if (named->kind == HUB_HOLD) {
        hub_holds_changed(u, named);
    } else if (named->kind == HUB_BAN) {
        hub_bans_changed(u, named);
    } else if (named->kind == HUB_EXEMPTION) {
        hub_exemptions_changed(u, named);
    } else {
        u->problems = true;
        u->references = true;
    }
}

static void dispatch_all(struct hub_update *u) {
    for (size_t i = 0; i < u->touched.count; i++) {
        dispatch(u, u->touched.items[i]);
    }
    hub_groups_reach(u);
    for (size_t i = 0; i < u->touched.count; i++) {
        struct hub_named *named = u->touched.items[i];

        if (named->kind == HUB_APP && named->doc != NULL) {
            named->doc->file->app = hub_app_of(named);
        }
        if (named->kind == HUB_CLUSTER && named->doc != named->before) {
            hub_groups_place(u, hub_cluster_of(named));
            dirty_cluster(u, hub_cluster_of(named));
        }
    }
    hub_groups_regroup(u);
}

// ---- Apps and clusters that are gone

// remove_app removes objects only where both the last document and what is in force say so: the
// second is all that is known after a restart.
static void remove_app(struct hub_update *u, struct hub_app *app) {
    for (size_t i = app->link_count; i > 0; i--) { // a link may go
        const struct hub_version *version = app->links[i - 1]->version;

        hub_link_leave(u, app->links[i - 1],
                       app->prune && version != NULL && version->rendered.bundle->spec.prune);
    }
}

static void remove_apps(struct hub_update *u) {
    for (size_t i = 0; i < u->touched.count; i++) {
        struct hub_named *named = u->touched.items[i];

        if (named->kind == HUB_APP && named->doc == NULL && !named->seeded) {
            remove_app(u, hub_app_of(named));
        }
    }
}

static void remove_clusters(struct hub_update *u, struct hub_fleet_result *result) {
    result->removed = cm_new(u->gone_clusters.count + 1, sizeof(char *));
    for (size_t i = 0; i < u->gone_clusters.count; i++) {
        struct hub_cluster *c = u->gone_clusters.items[i];

        (void)drop_links(u->fleet, NULL, c);
        if (c->touched) {
            (void)hub_set_remove(&u->clusters, c);
            c->touched = false;
        }
        if (c->conflict_count > 0) {
            (void)hub_set_remove(&u->fleet->conflicted, c);
        }
        result->removed[result->removed_count++] = cm_strdup(c->named.name);
    }
}

static bool any_wrong(const struct hub_fleet *f, enum hub_role role) {
    for (size_t i = 0; i < f->wrong.count; i++) {
        if (((const struct hub_file *)f->wrong.items[i])->role == role) {
            return true;
        }
    }
    return false;
}

// sweep_seeds gives up what ran before a restart and is no longer in Git: once all repositories are
// loaded, and no file is wrong that it may stand in.
static void sweep_seeds(struct hub_update *u) {
    struct hub_fleet *f = u->fleet;
    bool clusters_wrong = any_wrong(f, HUB_ROLE_CLUSTERS);
    bool apps_wrong = any_wrong(f, HUB_ROLE_APP);

    if (!hub_fleet_is_loaded(f)) {
        return;
    }
    for (size_t i = f->seeded.count; i > 0; i--) {
        struct hub_named *named = f->seeded.items[i - 1];
        bool waits = (named->kind == HUB_CLUSTER ? clusters_wrong : apps_wrong) ||
                     hub_strays_find(u, named->kind, named->name) != NULL;

        if (waits && named->kind == HUB_CLUSTER) {
            hub_cluster_touch(u, hub_cluster_of(named));
        } else if (waits) {
            touch_links(u, hub_app_of(named));
        } else {
            hub_named_touch(u, named);
            unseed(u, named);
            if (named->kind == HUB_CLUSTER) {
                hub_set_add(&u->gone_clusters, named);
            } else {
                remove_app(u, hub_app_of(named));
            }
        }
    }
}

// ---- Links

static void evaluate_candidate(void *ctx, struct hub_cluster *c) {
    struct hub_set *clusters = ctx;

    if (!c->listed) {
        c->listed = true;
        hub_set_add(clusters, c);
    }
}

static void evaluate_app(struct hub_update *u, struct hub_app *app) {
    struct hub_set clusters = {0};

    if (app->render_dirty || app->variants == NULL) {
        hub_links_reset(app);
    }
    for (size_t i = 0; i < app->link_count; i++) {
        evaluate_candidate(&clusters, app->links[i]->cluster);
    }
    for (size_t i = 0; app->targets_dirty && i < app->named.doc->app.target_count; i++) {
        hub_targets_candidates(u->fleet, &app->named.doc->app.targets[i], evaluate_candidate,
                               &clusters);
    }
    for (size_t i = 0; i < clusters.count; i++) {
        struct hub_cluster *c = clusters.items[i];

        c->listed = false;
        hub_link_evaluate(u, app, c);
    }
    hub_set_done(&clusters);
}

static void evaluate_apps(struct hub_update *u) {
    for (size_t i = 0; i < u->dirty_apps.count; i++) {
        struct hub_app *app = u->dirty_apps.items[i];

        app->listed = false;
        if (!hub_app_stays(app)) {
            evaluate_app(u, app);
            app->evaluated = app->targets_dirty;
            app->render_dirty = false;
            app->targets_dirty = false;
        }
    }
}

struct evaluation {
    struct hub_update *u;
    struct hub_cluster *cluster;
};

static bool evaluate_pair(void *ctx, const char *name, void *value) {
    const struct evaluation *e = ctx;

    struct hub_app *app = value;

    (void)name;
    if (!app->evaluated) {
        hub_link_evaluate(e->u, app, e->cluster);
    }
    return true;
}

static bool mentions_group(const struct hub_app *app, const struct hub_group *g) {
    const struct hub_doc *doc = app->named.doc;

    for (size_t i = 0; doc != NULL && i < doc->app.target_count; i++) {
        const char *name = doc->app.targets[i].group.name;

        if (name != NULL && strcmp(name, g->named.name) == 0) {
            return true;
        }
    }
    return false;
}

struct regrouping {
    struct hub_update *u;
    struct hub_group *group;
};

static bool evaluate_delta(void *ctx, const char *name, void *value) {
    const struct regrouping *r = ctx;
    struct hub_app *app = value;

    (void)name;
    if (app->evaluated || !mentions_group(app, r->group)) {
        return true;
    }
    for (size_t i = 0; i < r->group->delta.count; i++) {
        hub_link_evaluate(r->u, app, r->group->delta.items[i]);
    }
    return true;
}

static void evaluate(struct hub_update *u) {
    evaluate_apps(u);
    for (size_t i = 0; i < u->dirty_clusters.count; i++) {
        struct evaluation e = {u, u->dirty_clusters.items[i]};

        e.cluster->dirty = false;
        cm_map_each(u->fleet->names[HUB_APP], evaluate_pair, &e);
    }
    for (size_t i = 0; i < u->changed_groups.count; i++) {
        struct regrouping r = {u, u->changed_groups.items[i]};

        cm_map_each(u->fleet->names[HUB_APP], evaluate_delta, &r);
        hub_set_done(&r.group->delta);
    }
    for (size_t i = 0; i < u->dirty_apps.count; i++) {
        ((struct hub_app *)u->dirty_apps.items[i])->evaluated = false;
    }
}

// ---- The update

static void update_done(struct hub_update *u) {
    hub_named_tidy(u);
    for (size_t i = 0; i < u->old_docs.count; i++) {
        hub_doc_free(u->old_docs.items[i]);
    }
    for (size_t i = 0; i < u->files.count; i++) {
        struct hub_file *file = u->files.items[i];

        file->dirty = false;
        file->fresh = false;
    }
    for (size_t i = 0; i < u->removed.count; i++) {
        hub_file_free(u->removed.items[i]);
    }
    hub_sources_sweep(u);
    hub_set_done(&u->files);
    hub_set_done(&u->removed);
    hub_set_done(&u->old_docs);
    hub_set_done(&u->touched);
    hub_set_done(&u->clusters);
    hub_set_done(&u->dirty_clusters);
    hub_set_done(&u->dirty_apps);
    hub_set_done(&u->gone_clusters);
    hub_set_done(&u->regrouped);
    hub_set_done(&u->changed_groups);
    hub_set_done(&u->confirmed);
    cm_arena_free(u->scratch);
    cm_map_free(u->kinds);
    cm_map_free(u->strays);
    cm_buf_unref(u->revision);
    cm_buf_unref(u->repo_name);
}

static bool touch_leaving(void *ctx, const char *name, void *value) {
    struct hub_app *app = value;

    (void)ctx;
    (void)name;
    app->leaving_changed = app->leaving > 0;
    return true;
}

static void work(struct hub_update *u, struct hub_fleet_result *result) {
    bool was_loaded = hub_fleet_is_loaded(u->fleet);

    u->was_loaded = was_loaded || u->fleet->restarted;
    hub_files_take(u);
    if (!was_loaded && hub_fleet_is_loaded(u->fleet)) {
        cm_map_each(u->fleet->names[HUB_APP], touch_leaving, NULL);
    }
    hub_documents_take(u);
    dispatch_all(u);
    hub_holds_take(u);
    hub_proven_take_begun(u);
    hub_exemptions_take(u);
    if (u->references) {
        hub_references_check(u);
    }
    hub_content_load(u);
    hub_drafts_look(u);
    evaluate(u);
    if (u->stopped) {
        return;
    }
    remove_apps(u);
    sweep_seeds(u);
    remove_clusters(u, result);
    hub_settle(u, result);
    if (u->problems) {
        result->problems_changed = hub_problems_make(u->fleet);
    }
}

struct hub_fleet_result *hub_fleet_update(struct hub_fleet *f,
                                          const struct hub_fleet_commit *commit,
                                          const struct hub_fleet_reader *reader) {
    struct hub_fleet_result *result = cm_new(1, sizeof(*result));
    struct hub_update u = {
        .fleet = f,
        .repo =
            commit->source_only ? cm_map_get(f->trees, commit->repo) : get_repo(f, commit->repo),
        .commit = commit,
        .reader = reader,
        .revision = text_buf(commit->revision),
        .repo_name = text_buf(commit->repo),
        .kinds = cm_map_new(NULL),
        .scratch = cm_arena_new(0),
    };

    if (u.repo != NULL) { // else nobody wants the source any more
        work(&u, result);
    }
    result->evaluated = u.evaluated;
    result->rendered = u.rendered;
    result->made = u.made;
    result->documents = u.parsed;
    result->documents_changed = u.documents;
    result->sources_changed = u.sources;
    update_done(&u);
    return result;
}

void hub_fleet_result_free(struct hub_fleet_result *r) {
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; i < r->changed_count; i++) {
        hub_desired_unref(r->changed[i]);
    }
    for (size_t i = 0; i < r->removed_count; i++) {
        free((void *)(uintptr_t)r->removed[i]);
    }
    free(r->changed);
    free(r->removed);
    free(r);
}

void hub_fleet_result_freep(struct hub_fleet_result **r) {
    hub_fleet_result_free(*r);
}

void hub_fleet_forget_gone(struct hub_fleet *f, const char *cluster, const char *app) {
    struct hub_cluster *c = cm_map_get(f->names[HUB_CLUSTER], cluster);

    if (c != NULL && hub_gone_take(c, app)) {
        hub_desired_unref(c->desired);
        c->desired = hub_settle_desired(c);
    }
}

struct hub_desired *hub_fleet_desired(const struct hub_fleet *f, const char *cluster) {
    const struct hub_cluster *c = cm_map_get(f->names[HUB_CLUSTER], cluster);

    return c != NULL ? c->desired : NULL;
}

const struct hub_problem *hub_fleet_problems(const struct hub_fleet *f, size_t *count) {
    *count = f->problem_count;
    return f->problems;
}
