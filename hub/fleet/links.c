// An App on a cluster: from target and values to a variant, which is rendered once for all clusters
// with the same input; and which App claims which object, to find those that two claim.
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/internal.h"

// ---- Claims on objects

static struct hub_claimant *claimant_of(struct hub_claim *claim, const struct hub_app *app) {
    for (size_t i = 0; i < claim->count; i++) {
        if (claim->items[i].app == app) {
            return &claim->items[i];
        }
    }
    return NULL;
}

static void claim_key(struct hub_fleet *f, struct hub_app *app, const char *key) {
    struct hub_claim *claim = cm_map_get(f->claims, key);

    if (claim == NULL) {
        claim = cm_new(1, sizeof(*claim));
        cm_map_put(f->claims, key, claim);
    }
    struct hub_claimant *own = claimant_of(claim, app);
    if (own != NULL) {
        own->count++;
        return;
    }
    claim->items = cm_resize(claim->items, (claim->count + 1) * sizeof(*claim->items));
    claim->items[claim->count++] = (struct hub_claimant){app, 1};
    if (claim->count == 2) {
        claim->items[0].app->contested++;
    }
    if (claim->count >= 2) {
        app->contested++;
    }
}

static void unclaim_key(struct hub_fleet *f, struct hub_app *app, const char *key) {
    struct hub_claim *claim = cm_map_get(f->claims, key);
    struct hub_claimant *own = claimant_of(claim, app);

    if (--own->count > 0) {
        return;
    }
    if (claim->count >= 2) {
        app->contested--;
    }
    *own = claim->items[--claim->count];
    if (claim->count == 1) {
        claim->items[0].app->contested--;
    } else if (claim->count == 0) {
        (void)cm_map_remove(f->claims, key);
    }
}

// ---- Versions

struct hub_version *hub_version_new(struct hub_fleet *f, struct hub_app *app,
                                    struct hub_rendered rendered) {
    struct hub_version *v = cm_new(1, sizeof(*v));
    const struct hub_bundle_spec *spec = &rendered.bundle->spec;

    v->refs = 1;
    v->app = app;
    v->rendered = rendered;
    for (size_t i = 0; i < spec->object_count; i++) {
        claim_key(f, app, spec->objects[i].key);
    }
    return v;
}

void hub_version_unref(struct hub_fleet *f, struct hub_version *v) {
    if (v == NULL || --v->refs > 0) {
        return;
    }
    if (v->app->kept_from == v || v->app->kept_by == v) {
        v->app->kept_from = NULL;
    }
    const struct hub_bundle_spec *spec = &v->rendered.bundle->spec;
    for (size_t i = 0; i < spec->object_count; i++) {
        unclaim_key(f, v->app, spec->objects[i].key);
    }
    hub_version_unref(f, v->turned);
    hub_set_done(&v->helds);
    cm_buf_unref(v->told);
    hub_rendered_done(&v->rendered);
    free(v);
}

static struct hub_object_place *copy_places(const struct hub_rendered *r) {
    size_t count = r->bundle->spec.object_count;
    struct hub_object_place *places = NULL;

    if (r->places != NULL) {
        places = cm_new(count + 1, sizeof(*places));
        for (size_t i = 0; i < count; i++) {
            places[i] = r->places[i];
            (void)cm_buf_ref(places[i].path);
        }
    }
    return places;
}

// turn returns a version with the other `suspend`, which all links of a version share.
static struct hub_version *turn(struct hub_fleet *f, struct hub_version *v) {
    if (v->turned == NULL) {
        v->turned =
            hub_version_new(f, v->app,
                            (struct hub_rendered){.bundle = hub_bundle_turn(v->rendered.bundle),
                                                  .places = copy_places(&v->rendered)});
        v->turned->told = v->told != NULL ? cm_buf_ref(v->told) : NULL;
    }
    v->turned->refs++;
    return v->turned;
}

// ---- Variants

static void leave_variant(struct hub_fleet *f, struct hub_link *link) {
    struct hub_variant *v = link->variant;

    link->variant = NULL;
    if (v == NULL || --v->links > 0) {
        return;
    }
    if (v->version == NULL) {
        link->app->broken_variants--;
    }
    if (cm_map_get(link->app->variants, v->key) == v) {
        (void)cm_map_remove(link->app->variants, v->key);
    }
    hub_version_unref(f, v->version);
    hub_diags_done(&v->diags);
    free(v->key);
    free(v);
}

void hub_links_reset(struct hub_app *app) {
    // Variants that links still have go with the last of them.
    cm_map_free(app->variants);
    app->variants = cm_map_new(NULL);
}

// The input of a link, besides what all links of its App share.
struct input {
    struct hub_app *app;
    size_t edition;
    const char *namespace;
    const char *service_account;
    bool suspend;
    struct hub_values values;
};

static struct input input_of(struct hub_app *app, const struct hub_cluster *c,
                             const struct hub_target *t) {
    const struct hub_app_doc *app_doc = &app->named.doc->app;
    const struct hub_cluster_doc *cluster_doc = &c->named.doc->cluster;

    return (struct input){
        .app = app,
        .edition = app->edition_of[t - app_doc->targets],
        .namespace = t->namespace != NULL ? t->namespace : app_doc->namespace,
        .service_account =
            t->service_account != NULL ? t->service_account : app_doc->service_account,
        .suspend = app_doc->suspend || t->suspend || cluster_doc->suspend,
        .values =
            {
                .layers = {cluster_doc->values, t->values, app_doc->values},
                .indexes = {cluster_doc->index, t->index, app_doc->index},
                .cluster = c->named.name,
                .labels = cluster_doc->labels,
            },
    };
}

// key_of is asked of every link, so it formats nothing.
static char *key_of(const struct input *in) {
    const struct hub_app_edition *e = &in->app->editions[in->edition];
    struct cm_str key = {0};

    for (size_t n = in->edition; n > 0; n /= 10) {
        cm_str_add_char(&key, (char)('0' + n % 10));
    }
    cm_str_add_char(&key, in->suspend ? 's' : '-');
    cm_str_add(&key, in->namespace);
    cm_str_add_char(&key, '\x1f');
    cm_str_add(&key, in->service_account != NULL ? in->service_account : "");
    cm_str_add_char(&key, '\x1f');
    hub_render_key(&in->values, e->used, e->used_count, &key);
    return cm_str_take(&key);
}

void hub_version_share(struct hub_rendered *rendered, const struct hub_version *in_force) {
    struct hub_bundle *old = in_force != NULL ? in_force->rendered.bundle : NULL;

    if (old != NULL && hub_bundle_is_whole(old) &&
        cm_sha256_equal(&old->sha256, &rendered->bundle->sha256)) {
        hub_bundle_unref(rendered->bundle);
        rendered->bundle = hub_bundle_ref(old);
    }
}

// list_right lists the templates of an edition that are right.
static struct hub_template **list_right(const struct hub_app_edition *e, size_t *count) {
    struct hub_template **right = cm_new(e->template_count + 1, sizeof(struct hub_template *));

    *count = 0;
    for (size_t i = 0; i < e->template_count; i++) {
        if (!e->templates[i]->wrong) {
            right[(*count)++] = e->templates[i];
        }
    }
    return right;
}

// render makes the version of a variant. If something is wrong already it only looks for more: at
// what is right so far.
static void render(struct hub_update *u, const struct input *in, struct hub_variant *v,
                   const struct hub_version *in_force) {
    const struct hub_app_edition *e = &in->app->editions[in->edition];
    const struct hub_doc *doc = in->app->named.doc;
    CM_AUTOFREE const char **depends_on = cm_new(doc->app.depends_on_count + 1, sizeof(char *));
    bool broken = in->app->content_broken || e->broken;
    size_t count = e->template_count;
    CM_AUTOFREE struct hub_template **right = broken ? list_right(e, &count) : NULL;
    struct hub_rendered rendered = {0};

    for (size_t i = 0; i < doc->app.depends_on_count; i++) {
        depends_on[i] = doc->app.depends_on[i].name;
    }
    struct hub_render_input input = {
        .app = in->app->named.name,
        .namespace = in->namespace,
        .service_account = in->service_account,
        .drift = doc->app.drift,
        .prune = doc->app.prune,
        .suspend = in->suspend,
        .adopt = doc->app.adopt,
        .prune_precious = doc->app.prune_precious,
        .conflicts = doc->app.conflicts,
        .propagation = doc->app.propagation,
        .recreate = doc->app.recreate,
        .health = doc->app.health,
        .tolerances = doc->app.tolerances,
        .tolerance_count = doc->app.tolerance_count,
        .shown = doc->app.shown,
        .shown_count = doc->app.shown_count,
        .plain_secrets = doc->app.plain_secrets,
        .depends_on = depends_on,
        .depends_on_count = doc->app.depends_on_count,
        .path = (const char *)doc->file->path->data,
        .templates = broken ? right : e->templates,
        .template_count = count,
        .values = in->values,
        .secret_key = u->fleet->secret_key,
        .scope = hub_crds_scope,
        .scope_ctx = in->app,
        .scratch = u->scratch,
    };
    bool fine = hub_render(&input, &rendered, &v->diags);
    u->rendered++;
    u->made += rendered.made;
    if (fine && broken) {
        hub_rendered_done(&rendered);
    } else if (fine) {
        hub_version_share(&rendered, in_force);
        v->version = hub_version_new(u->fleet, in->app, rendered);
    }
}

static struct hub_variant *variant_for(struct hub_update *u, const struct input *in,
                                       const struct hub_version *in_force) {
    struct hub_app *app = in->app;
    CM_AUTOFREE char *key = key_of(in);
    struct hub_variant *v = cm_map_get(app->variants, key);

    if (v != NULL) {
        return v;
    }
    v = cm_new(1, sizeof(*v));
    v->edition = in->edition;
    if (!app->editions[in->edition].unknown && !app->unsure && !app->waiting) {
        render(u, in, v, in_force);
    }
    if (v->version == NULL) {
        app->broken_variants++;
        u->problems = true;
    }
    v->key = CM_TAKE(key);
    cm_map_put(app->variants, v->key, v);
    return v;
}

// ---- Links

void hub_cluster_touch(struct hub_update *u, struct hub_cluster *c) {
    if (!c->touched) {
        c->touched = true;
        hub_set_add(&u->clusters, c);
    }
}

// position returns where the link to an App is, or would be, among a cluster's.
static size_t position(const struct hub_cluster *c, const char *app) {
    size_t low = 0;
    size_t high = c->link_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (strcmp(c->links[middle]->app->named.name, app) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct hub_link *hub_link_find(const struct hub_cluster *c, const struct hub_app *app) {
    size_t at = position(c, app->named.name);

    return at < c->link_count && c->links[at]->app == app ? c->links[at] : NULL;
}

struct hub_link *hub_link_make(struct hub_app *app, struct hub_cluster *c) {
    struct hub_link *link = cm_new(1, sizeof(*link));
    size_t at = position(c, app->named.name);

    link->app = app;
    link->cluster = c;
    if (c->link_count == c->link_capacity) {
        c->link_capacity = c->link_capacity == 0 ? 4 : c->link_capacity * 2;
        c->links = cm_resize(c->links, c->link_capacity * sizeof(struct hub_link *));
    }
    memmove(&c->links[at + 1], &c->links[at], (c->link_count - at) * sizeof(struct hub_link *));
    c->links[at] = link;
    c->link_count++;
    if (app->link_count == app->link_capacity) {
        app->link_capacity = app->link_capacity == 0 ? 8 : app->link_capacity * 2;
        app->links = cm_resize(app->links, app->link_capacity * sizeof(struct hub_link *));
    }
    link->at = app->link_count;
    app->links[app->link_count++] = link;
    hub_gone_hold(c, app->named.name, true);
    return link;
}

void hub_link_drop(struct hub_fleet *f, struct hub_link *link) {
    struct hub_cluster *c = link->cluster;
    struct hub_app *app = link->app;
    size_t at = position(c, app->named.name);

    hub_guard_leaves(f, link, false);
    memmove(&c->links[at], &c->links[at + 1], (c->link_count - at - 1) * sizeof(struct hub_link *));
    c->link_count--;
    app->links[link->at] = app->links[--app->link_count];
    app->links[link->at]->at = link->at;
    leave_variant(f, link);
    hub_held_leave(f, link);
    hub_begins_leave(f, link);
    hub_version_unref(f, link->version);
    cm_buf_unref(link->revision);
    cm_buf_unref(link->repo);
    cm_buf_unref(link->waits);
    free(link->loss);
    free(link);
}

void hub_link_remove(struct hub_fleet *f, struct hub_link *link, struct cm_buf *revision,
                     bool prune) {
    if (link->version != NULL) {
        hub_gone_put(link->cluster, link->app->named.name, revision, prune,
                     link->version->rendered.bundle->spec.account);
    } else {
        hub_gone_hold(link->cluster, link->app->named.name, false);
    }
    hub_link_drop(f, link);
}

void hub_link_leave(struct hub_update *u, struct hub_link *link, bool prune) {
    u->problems = u->problems || link->stale;
    hub_cluster_touch(u, link->cluster);
    if (prune && link->version != NULL) {
        leave_variant(u->fleet, link);
        hub_guard_leaves(u->fleet, link, true);
    } else {
        hub_link_remove(u->fleet, link, u->revision, prune);
    }
}

static bool is_stopped(struct hub_update *u) {
    const struct hub_fleet_reader *reader = u->reader;

    u->stopped = u->stopped || (reader->stopped != NULL && reader->stopped(reader->ctx));
    return u->stopped;
}

void hub_link_evaluate(struct hub_update *u, struct hub_app *app, struct hub_cluster *c) {
    const struct hub_target *target;
    struct hub_link *link = hub_link_find(c, app);

    if (is_stopped(u)) {
        return;
    }
    if (hub_app_stays(app) || c->named.doc == NULL) {
        if (link != NULL) {
            hub_cluster_touch(u, c); // another target may be the one that says `suspend` now
        }
        return;
    }
    target = hub_targets_find(app, c);
    if (target == NULL) {
        if (link != NULL) {
            hub_link_leave(u, link, app->named.doc->app.prune_on_loss);
        }
        return;
    }
    if (link == NULL) {
        link = hub_link_make(app, c);
        link->is_new = u->was_loaded;
        hub_cluster_touch(u, c);
    }
    hub_guard_leaves(u->fleet, link, false);
    u->evaluated++;
    struct input input = input_of(app, c, target);
    struct hub_variant *v = variant_for(u, &input, link->version);
    if (v != link->variant) {
        u->problems = u->problems || (link->variant != NULL && link->variant->version == NULL);
        v->links++;
        leave_variant(u->fleet, link);
        link->variant = v;
        hub_cluster_touch(u, c);
    }
    if (v->version == NULL) {
        u->problems = true; // the count of clusters may have changed
    }
}

// is_suspended tells what the documents of now say of a link. One that is missing may have said so.
static bool is_suspended(const struct hub_link *link) {
    const struct hub_doc *app = link->app->named.doc;
    const struct hub_doc *cluster = link->cluster->named.doc;
    bool now = link->version->rendered.bundle->spec.suspend;

    if (cluster == NULL) {
        return now;
    }
    if (app == NULL) {
        return now || cluster->cluster.suspend;
    }
    const struct hub_target *target = hub_targets_find(link->app, link->cluster);
    return app->app.suspend || cluster->cluster.suspend || (target != NULL && target->suspend);
}

void hub_link_suspend(struct hub_fleet *f, struct hub_link *link) {
    struct hub_version *v = link->version;

    if (v != NULL && v != hub_settle_candidate(link) &&
        v->rendered.bundle->spec.suspend != is_suspended(link)) {
        link->version = turn(f, v);
        hub_version_unref(f, v);
    }
}
