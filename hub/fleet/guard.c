// What does not go without a word: removals that are larger than a slip of the pen should be able
// to cause wait until Git confirms them.
//
// What would be removed is what is in force of an App on a cluster and is in nothing that was
// chosen for the cluster (settle.c), so what moves to another App is none of it. Three things wait:
//
//     most of a cluster    objects of several Apps together; each App keeps what is in force of it
//     all of an App        it would be empty on a cluster
//     an App in most places it leaves clusters, each with however little: all of that waits as one
//
// A removal is named by the digest of what goes. What once waits goes on waiting while it is the
// same removal, though the cluster has more objects by then; so the decision is made of what is in
// force, what waits already and what Git says, and comes out the same after a restart.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/keep.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/fleet/internal.h"

// ---- What would be removed

// stays tells whether agents leave an object where it is in any case.
static bool stays(const struct hub_link *link, const struct hub_object *object) {
    bool precious_goes = link->chosen != NULL && link->chosen->rendered.bundle->spec.prune_precious;

    return object->keep || (!precious_goes && cm_object_is_precious(object->key));
}

// find_taker returns who has an object next, or would if its candidate was not refused.
static const struct hub_link *find_taker(const struct hub_fleet *f, const struct hub_link *link,
                                         const char *key) {
    const struct hub_claim *claim = cm_map_get(f->claims, key);
    const struct hub_cluster *c = link->cluster;
    const struct hub_link *found = NULL;

    for (size_t i = 0; claim != NULL && claim->count > 1 && i < c->link_count; i++) {
        const struct hub_link *other = c->links[i];

        if (other != link && hub_version_has(other->chosen, key)) {
            return other;
        }
        if (other != link && hub_version_has(hub_settle_candidate(other), key)) {
            found = other;
        }
    }
    return found;
}

static void add_to_loss(struct hub_loss *loss, struct cm_sha256_stream *digest, const char *key) {
    if (loss->count < HUB_LOSS_SHOWN) {
        loss->first[loss->count] = key;
    }
    loss->count++;
    cm_sha256_add(digest, key, strlen(key) + 1);
}

static void name_removal(struct cm_sha256_stream *digest, char out[HUB_REMOVAL_MAX]) {
    struct cm_sha256 hash = cm_sha256_end(digest);
    char hex[CM_SHA256_HEX_MAX];

    cm_sha256_hex(&hash, hex);
    memcpy(out, hex, HUB_REMOVAL_MAX - 1);
    out[HUB_REMOVAL_MAX - 1] = '\0';
}

static void compare(const struct hub_fleet *f, const struct hub_link *link, struct hub_loss *loss) {
    assert(link->version != NULL);
    const struct hub_bundle_spec *old = &link->version->rendered.bundle->spec;
    struct cm_sha256_stream *digest = cm_sha256_begin();
    size_t k = 0;

    cm_sha256_add(digest, old->app, strlen(old->app) + 1);
    for (size_t i = 0; i < old->object_count; i++) {
        const char *key = old->objects[i].key;

        if (hub_version_walk(link->chosen, key, &k) || stays(link, &old->objects[i])) {
            continue;
        }
        const struct hub_link *taker = find_taker(f, link, key);
        if (taker == NULL) {
            add_to_loss(loss, digest, key);
        } else if (!hub_version_has(taker->chosen, key)) {
            loss->taker = taker->app;
            loss->taken = key;
        }
    }
    name_removal(digest, loss->removal);
}

// may_lose tells whether anything of a link can go at all, most of the time without looking at the
// objects: clusters share versions, and most versions drop nothing.
static bool may_lose(const struct hub_link *link) {
    struct hub_app *app = link->app;
    size_t k = 0;

    if (link->version == NULL || link->chosen == link->version ||
        (link->chosen == NULL ? !link->leaving : !link->chosen->rendered.bundle->spec.prune)) {
        return false;
    }
    if (link->chosen == NULL) {
        return true;
    }
    if (app->kept_from == link->version && app->kept_by == link->chosen) {
        return false;
    }
    const struct hub_bundle_spec *old = &link->version->rendered.bundle->spec;
    for (size_t i = 0; i < old->object_count; i++) {
        if (!hub_version_walk(link->chosen, old->objects[i].key, &k)) {
            return true;
        }
    }
    app->kept_from = link->version;
    app->kept_by = link->chosen;
    return false;
}

static void measure(const struct hub_fleet *f, struct hub_link *link) {
    struct hub_loss loss = {0};

    free(link->loss);
    link->loss = NULL;
    if (may_lose(link)) {
        compare(f, link, &loss);
    }
    if (loss.count > 0 || loss.taker != NULL) {
        link->loss = cm_new(1, sizeof(*link->loss));
        *link->loss = loss;
    }
}

static bool is_over(size_t part, size_t whole, uint32_t share_percent, uint32_t min) {
    return part > 0 && part >= min && part * 100 > whole * share_percent;
}

// measure_cluster works out all losses; it tells whether they are more than may go.
static bool measure_cluster(const struct hub_fleet *f, struct hub_cluster *c) {
    size_t whole = 0;
    size_t part = 0;

    for (size_t i = 0; i < c->link_count; i++) {
        struct hub_link *link = c->links[i];

        whole += link->version != NULL ? link->version->rendered.bundle->spec.object_count : 0;
        if (!link->guarded) {
            measure(f, link);
        }
        part += link->loss != NULL ? link->loss->count : 0;
    }
    return is_over(part, whole, f->guard.share_percent, f->guard.objects_min);
}

// ---- Words

static void add_some(struct cm_str *out, const char *const *names, size_t count) {
    for (size_t i = 0; i < count && i < HUB_LOSS_SHOWN; i++) {
        cm_str_addf(out, "%s%.200s", i > 0 ? ", " : "", names[i]);
    }
    if (count > HUB_LOSS_SHOWN) {
        cm_str_addf(out, " and %zu more", count - HUB_LOSS_SHOWN);
    }
}

static const char *plural(size_t count) {
    return count == 1 ? "" : "s";
}

static void add_advice(struct cm_str *out, const struct hub_app *app, const char *removal) {
    cm_str_addf(out,
                ": if that is meant, commit a Confirmation with app: %s and removal: '%s' in "
                "confirmations/; else put back what went",
                app->named.name, removal);
}

static char *say_loss(const struct hub_link *link) {
    const struct hub_loss *loss = link->loss;
    const struct hub_bundle_spec *rest = &link->chosen->rendered.bundle->spec;
    struct cm_str out = {0};

    cm_str_addf(&out, "%s of %zu object%s (",
                rest->object_count == 0 ? "the App would be empty: "
                                          "the removal"
                                        : "the removal",
                loss->count, plural(loss->count));
    add_some(&out, loss->first, loss->count);
    cm_str_add(&out, ") waits for a confirmation");
    add_advice(&out, link->app, loss->removal);
    return cm_str_take(&out);
}

static void say_leave(struct hub_app *app, struct hub_link *const *links, size_t count) {
    struct hub_leave *leave = &app->leave;
    const char *names[HUB_LOSS_SHOWN] = {NULL};
    struct cm_str out = {0};
    size_t objects = 0;

    for (size_t i = 0; i < count; i++) {
        objects += links[i]->loss->count;
        if (i < HUB_LOSS_SHOWN) {
            names[i] = links[i]->cluster->named.name;
        }
    }
    cm_str_addf(&out, "the removal of the App from %zu cluster%s (", count, plural(count));
    add_some(&out, names, count);
    cm_str_addf(&out, "), with %zu object%s, waits for a confirmation", objects, plural(objects));
    add_advice(&out, app, leave->removal);
    leave->message = cm_str_take(&out);
    leave->clusters = count;
    leave->first = names[0];
}

// ---- One cluster

static void wait_for(struct hub_link *link, const char *removal) {
    cm_buf_unref(link->waits);
    link->waits = cm_buf_copy(removal, strlen(removal) + 1);
    link->guarded = true;
    link->chosen = link->version;
}

static bool waited(const struct hub_link *link, const char *removal) {
    return link->waits != NULL && strcmp((const char *)link->waits->data, removal) == 0;
}

// must_wait decides about an App that stays on the cluster.
static bool must_wait(struct hub_update *u, struct hub_link *link, bool over) {
    bool empty = link->chosen->rendered.bundle->spec.object_count == 0;
    bool asks = over || empty || waited(link, link->loss->removal);

    if (u->fleet->looking_back) {
        asks = link->waits != NULL;
    }
    if (!asks) {
        return false;
    }
    link->confirmation = hub_confirmations_find(u, link->app->named.name, link->loss->removal);
    return link->confirmation == NULL;
}

static void report(struct hub_link *link) {
    const struct hub_doc *doc = link->app->named.doc;

    hub_conflicts_add(link->cluster, link->app,
                      (struct hub_diag){.path = (const char *)doc->file->path->data,
                                        .line = doc->place.line,
                                        .column = doc->place.column,
                                        .message = say_loss(link)},
                      link->loss->removal);
}

// keep_for_taker keeps what another App takes over and cannot yet: it would be gone until it can.
static void keep_for_taker(struct hub_link *link) {
    const struct hub_doc *doc = link->app->named.doc;
    const struct hub_loss *loss = link->loss;

    if (doc != NULL) {
        hub_conflicts_add(
            link->cluster, link->app,
            (struct hub_diag){
                .path = (const char *)doc->file->path->data,
                .line = doc->place.line,
                .column = doc->place.column,
                .message = cm_strf("%.200s goes to App '%s', which cannot take it yet: what keeps "
                                   "that App as it is has to be settled first",
                                   loss->taken, loss->taker->named.name)},
            "");
    }
    link->keeps = true;
    link->chosen = link->version;
}

bool hub_guard_hold(struct hub_update *u, struct hub_cluster *c) {
    bool over = measure_cluster(u->fleet, c);
    bool changed = false;

    for (size_t i = 0; i < c->link_count; i++) {
        struct hub_link *link = c->links[i];

        if (link->loss == NULL || link->guarded) {
            continue;
        }
        if (link->loss->taker != NULL) {
            keep_for_taker(link);
            changed = true;
        } else if (link->leaving) {
            link->over = link->over || over;
        } else if (must_wait(u, link, over)) {
            report(link);
            wait_for(link, link->loss->removal);
            changed = true;
        }
    }
    return changed;
}

// ---- An App that leaves clusters

bool hub_guard_lets_go(const struct hub_update *u, const struct hub_link *link) {
    bool frozen = link->app->named.doc != NULL && link->app->frozen.count > 0;

    // After a restart, what is not where it was may have moved to what is not loaded yet.
    return link->leaving && !frozen && (!u->fleet->restarted || hub_fleet_is_loaded(u->fleet));
}

void hub_guard_leaves(struct hub_fleet *f, struct hub_link *link, bool leaves) {
    struct hub_app *app = link->app;

    if (link->leaving == leaves) {
        return;
    }
    link->leaving = leaves;
    app->leaving_changed = true;
    if (leaves && app->leaving++ == 0) {
        hub_set_add(&f->leaving, app);
    } else if (!leaves && --app->leaving == 0) {
        (void)hub_set_remove(&f->leaving, app);
        hub_guard_forget(app);
    }
}

void hub_guard_forget(struct hub_app *app) {
    free(app->leave.message);
    app->leave = (struct hub_leave){0};
}

// touch_all sees to it that all clusters that an App leaves are settled if one is: what waits is
// one thing. It tells whether there was one more.
static bool touch_all(struct hub_update *u, struct hub_app *app) {
    bool any = app->leaving_changed;
    bool more = false;

    app->leaving_changed = false;
    for (size_t i = 0; i < app->link_count && !any; i++) {
        any = app->links[i]->leaving && app->links[i]->cluster->touched;
    }
    for (size_t i = 0; i < app->link_count && any; i++) {
        if (app->links[i]->leaving && !app->links[i]->cluster->touched) {
            hub_cluster_touch(u, app->links[i]->cluster);
            more = true;
        }
    }
    return more;
}

void hub_guard_spread(struct hub_update *u) {
    const struct hub_set *leaving = &u->fleet->leaving;
    bool more = true;

    while (more) {
        more = false;
        for (size_t i = 0; i < leaving->count; i++) {
            more = touch_all(u, leaving->items[i]) || more;
        }
    }
}

static int compare_links(const void *a, const void *b) {
    return strcmp((*(struct hub_link *const *)a)->cluster->named.name,
                  (*(struct hub_link *const *)b)->cluster->named.name);
}

// What an App would lose by leaving, all clusters together.
struct leaving {
    struct hub_link **links; // sorted by cluster
    size_t count;
    size_t whole; // clusters that it is on
    bool asks;
    bool waited;
};

static void list_leaving(const struct hub_app *app, struct leaving *out) {
    *out = (struct leaving){.links = cm_new(app->link_count + 1, sizeof(struct hub_link *))};
    for (size_t i = 0; i < app->link_count; i++) {
        struct hub_link *link = app->links[i];

        out->whole += link->version != NULL ? 1 : 0;
        if (link->leaving && link->loss != NULL && (link->guarded || link->chosen == NULL)) {
            out->links[out->count++] = link;
            out->asks = out->asks || link->over;
            out->waited = out->waited || link->waits != NULL;
        }
    }
    qsort(out->links, out->count, sizeof(*out->links), compare_links);
}

static void name_leave(struct hub_app *app, const struct leaving *l) {
    struct cm_sha256_stream *digest = cm_sha256_begin();
    const char *name = app->named.name;

    cm_sha256_add(digest, "leaves", sizeof("leaves"));
    cm_sha256_add(digest, name, strlen(name) + 1);
    for (size_t i = 0; i < l->count; i++) {
        const char *cluster = l->links[i]->cluster->named.name;

        cm_sha256_add(digest, cluster, strlen(cluster) + 1);
        cm_sha256_add(digest, l->links[i]->loss->removal, HUB_REMOVAL_MAX);
    }
    name_removal(digest, app->leave.removal);
}

static bool leave_asks(const struct hub_fleet *f, const struct leaving *l) {
    if (l->count == 0 || f->looking_back) {
        return l->waited;
    }
    return l->asks || l->waited ||
           is_over(l->count, l->whole, f->guard.share_percent, f->guard.clusters_min);
}

// hold_leaving lets all of it wait; it tells whether some did not before.
static bool hold_leaving(struct hub_app *app, const struct leaving *l) {
    bool more = false;

    for (size_t i = 0; i < l->count; i++) {
        struct hub_link *link = l->links[i];

        more = more || !link->guarded;
        link->cluster->again = link->cluster->again || !link->guarded;
        wait_for(link, app->leave.removal);
    }
    return more;
}

// let_go lets all of it happen, if Git confirms it.
static bool let_go(struct hub_update *u, struct hub_app *app, const struct leaving *l) {
    struct hub_confirmation *found = hub_confirmations_find(u, app->named.name, app->leave.removal);

    for (size_t i = 0; found != NULL && i < l->count; i++) {
        l->links[i]->guarded = false;
        l->links[i]->chosen = NULL;
        l->links[i]->confirmation = found;
    }
    return found != NULL;
}

// is_settled tells whether the clusters that an App leaves are: all of them are, or none.
static bool is_settled(const struct hub_app *app) {
    for (size_t i = 0; i < app->link_count; i++) {
        if (app->links[i]->leaving) {
            return app->links[i]->cluster->touched;
        }
    }
    return false;
}

static bool hold_app(struct hub_update *u, struct hub_app *app) {
    struct leaving l;
    bool more = false;

    if (!is_settled(app)) {
        return false;
    }
    list_leaving(app, &l);
    u->problems = u->problems || app->leave.message != NULL;
    hub_guard_forget(app);
    if (leave_asks(u->fleet, &l)) {
        name_leave(app, &l);
        if (!let_go(u, app, &l)) {
            u->problems = true;
            say_leave(app, l.links, l.count);
            more = hold_leaving(app, &l);
        }
    }
    free(l.links);
    return more;
}

bool hub_guard_hold_apps(struct hub_update *u) {
    const struct hub_set *leaving = &u->fleet->leaving;
    bool more = false;

    for (size_t i = 0; i < leaving->count; i++) {
        more = hold_app(u, leaving->items[i]) || more;
    }
    return more;
}
