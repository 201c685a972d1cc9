// What is in force on a cluster.
//
// Each link of the cluster has a candidate: what its variant rendered to. Where there is none, the
// version in force stays. Of two Apps that would claim one object, the one in whose version in
// force it is keeps it and the other one's candidate is refused, so that *its* version in force
// stays; if neither has it, both are refused. A refused App falls back on objects that a third one
// may have wanted, so this is done until nothing changes. What is in force never conflicts, so it
// ends.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/internal.h"

#define CONFLICTS_MAX 100 // told of one cluster

// ---- Tombstones

static size_t gone_position(const struct hub_cluster *c, const char *app) {
    size_t at = 0;

    while (at < c->gone_count && strcmp(c->gone[at].app, app) < 0) {
        at++;
    }
    return at;
}

static bool gone_at(const struct hub_cluster *c, size_t at, const char *app) {
    return at < c->gone_count && strcmp(c->gone[at].app, app) == 0;
}

void hub_gone_put(struct hub_cluster *c, const char *app, struct cm_buf *revision, bool prune,
                  const char *account) {
    size_t at = gone_position(c, app);

    if (gone_at(c, at, app)) {
        return;
    }
    c->gone = cm_resize(c->gone, (c->gone_count + 1) * sizeof(*c->gone));
    memmove(&c->gone[at + 1], &c->gone[at], (c->gone_count - at) * sizeof(*c->gone));
    c->gone[at] = (struct hub_gone_mark){.app = cm_strdup(app),
                                         .revision = cm_buf_ref(revision),
                                         .account = cm_strdup(account),
                                         .prune = prune};
    c->gone_count++;
}

// What is left behind (no prune) is left behind, though the App comes back: that takes nothing
// away.
void hub_gone_hold(struct hub_cluster *c, const char *app, bool held) {
    size_t at = gone_position(c, app);

    if (gone_at(c, at, app)) {
        c->gone[at].held = held && c->gone[at].prune;
    }
}

bool hub_gone_take(struct hub_cluster *c, const char *app) {
    size_t at = gone_position(c, app);

    if (!gone_at(c, at, app)) {
        return false;
    }
    free(c->gone[at].app);
    free(c->gone[at].account);
    cm_buf_unref(c->gone[at].revision);
    memmove(&c->gone[at], &c->gone[at + 1], (c->gone_count - at - 1) * sizeof(*c->gone));
    c->gone_count--;
    return true;
}

// ---- Conflicts

void hub_conflicts_clear(struct hub_cluster *c) {
    for (size_t i = 0; i < c->conflict_count; i++) {
        free((void *)(uintptr_t)c->conflicts[i].diag.path);
        free((void *)(uintptr_t)c->conflicts[i].diag.message);
    }
    free(c->conflicts);
    c->conflicts = NULL;
    c->conflict_count = 0;
}

static size_t find_key(const struct hub_version *v, const char *key) {
    const struct hub_bundle_spec *spec = &v->rendered.bundle->spec;
    size_t low = 0;
    size_t high = spec->object_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(spec->objects[middle].key, key);

        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return SIZE_MAX;
}

bool hub_version_has(const struct hub_version *v, const char *key) {
    return v != NULL && find_key(v, key) != SIZE_MAX;
}

const struct hub_object *hub_version_object(const struct hub_version *v, const char *key) {
    size_t at = v != NULL ? find_key(v, key) : SIZE_MAX;

    return at != SIZE_MAX ? &v->rendered.bundle->spec.objects[at] : NULL;
}

bool hub_version_walk(const struct hub_version *v, const char *key, size_t *at) {
    const struct hub_bundle_spec *spec = v != NULL ? &v->rendered.bundle->spec : NULL;

    while (spec != NULL && *at < spec->object_count && strcmp(spec->objects[*at].key, key) < 0) {
        *at += 1;
    }
    return spec != NULL && *at < spec->object_count && strcmp(spec->objects[*at].key, key) == 0;
}

static const struct hub_object_place *place_of(const struct hub_version *v, const char *key) {
    size_t at = find_key(v, key);

    return at != SIZE_MAX && v->rendered.places != NULL ? &v->rendered.places[at] : NULL;
}

// other_place says where the other App has the object.
static char *other_place(const struct hub_link *other, const char *key) {
    const struct hub_object_place *at = place_of(other->chosen, key);

    return at != NULL ? cm_strf("at %s line %u", (const char *)at->path->data, at->line)
                      : cm_strf("in what is in force of it");
}

void hub_conflicts_add(struct hub_cluster *c, struct hub_app *app, struct hub_diag diag,
                       const char *removal) {
    if (c->conflict_count == CONFLICTS_MAX) {
        free((void *)(uintptr_t)diag.message);
        return;
    }
    c->conflicts = cm_resize(c->conflicts, (c->conflict_count + 1) * sizeof(*c->conflicts));
    diag.path = cm_strdup(diag.path);
    struct hub_conflict *conflict = &c->conflicts[c->conflict_count++];
    *conflict = (struct hub_conflict){.app = app, .diag = diag};
    (void)snprintf(conflict->removal, sizeof(conflict->removal), "%s", removal);
}

static void add_conflict(struct hub_cluster *c, const struct hub_link *loser,
                         const struct hub_link *other, const char *key) {
    const struct hub_object_place *at = place_of(loser->chosen, key);
    const struct hub_doc *doc = loser->app->named.doc;
    CM_AUTOFREE char *where = other_place(other, key);
    struct hub_diag diag = {.path = doc != NULL ? (const char *)doc->file->path->data : ""};

    if (at != NULL) {
        diag = (struct hub_diag){(const char *)at->path->data, at->line, at->column, NULL};
    }
    diag.message = cm_strf("%s belongs to App '%s' too, %s: remove it from one of the two Apps, or "
                           "give it another name or namespace",
                           key, other->app->named.name, where);
    hub_conflicts_add(c, loser->app, diag, "");
}

// lose refuses a link's candidate, unless it has none: then what is in force is wrong itself.
static bool lose(struct hub_cluster *c, struct hub_link *loser, const struct hub_link *other,
                 const char *key) {
    if (loser->chosen == loser->version) {
        return false;
    }
    add_conflict(c, loser, other, key);
    if (loser->lost) {
        return false;
    }
    loser->lost = true;
    return true;
}

static bool judge(struct hub_cluster *c, struct hub_link *a, struct hub_link *b, const char *key) {
    bool a_has = hub_version_has(a->version, key);
    bool b_has = hub_version_has(b->version, key);
    bool changed = false;

    if (!a_has || b_has) {
        changed = lose(c, a, b, key);
    }
    if (!b_has || a_has) {
        changed = lose(c, b, a, key) || changed;
    }
    return changed;
}

static bool compare(struct hub_cluster *c, struct hub_link *a, struct hub_link *b) {
    const struct hub_bundle_spec *left = &a->chosen->rendered.bundle->spec;
    const struct hub_bundle_spec *right = &b->chosen->rendered.bundle->spec;
    bool changed = false;
    size_t i = 0;
    size_t k = 0;

    while (i < left->object_count && k < right->object_count) {
        int order = strcmp(left->objects[i].key, right->objects[k].key);

        if (order == 0) {
            changed = judge(c, a, b, left->objects[i].key) || changed;
        }
        i += order <= 0 ? 1 : 0;
        k += order >= 0 ? 1 : 0;
    }
    return changed;
}

static bool compare_all(struct hub_cluster *c, struct hub_link **links, size_t count) {
    bool changed = false;

    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++) {
            if (links[i]->chosen != NULL && links[k]->chosen != NULL) {
                changed = compare(c, links[i], links[k]) || changed;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (links[i]->lost) {
            links[i]->chosen = links[i]->version;
        }
    }
    return changed;
}

static void note_conflicts(struct hub_update *u, struct hub_cluster *c) {
    bool had = c->had_conflicts;
    bool has = c->conflict_count > 0;

    u->problems = u->problems || had || has;
    if (had && !has) {
        (void)hub_set_remove(&u->fleet->conflicted, c);
    } else if (has && !had) {
        hub_set_add(&u->fleet->conflicted, c);
    }
}

// resolve refuses candidates until no two of them conflict, no release group is half there and
// nothing goes that must wait.
static void resolve(struct hub_update *u, struct hub_cluster *c) {
    CM_AUTOFREE struct hub_link **links = cm_new(c->link_count + 1, sizeof(struct hub_link *));
    size_t count = 0;

    c->again = false;
    for (size_t i = 0; i < c->link_count; i++) {
        if (c->links[i]->app->contested > 0) {
            links[count++] = c->links[i];
        }
    }
    do {
        while (count > 1 && compare_all(c, links, count)) {
        }
    } while (hub_release_hold(c) || hub_guard_hold(u, c));
}

// ---- What is in force

struct hub_version *hub_settle_rendered(const struct hub_link *link) {
    if (hub_app_stays(link->app) || link->variant == NULL) {
        return NULL;
    }
    return link->variant->version;
}

struct hub_version *hub_settle_candidate(const struct hub_link *link) {
    struct hub_version *rendered = hub_settle_rendered(link);

    return rendered != NULL && link->outcome != NULL && link->outcome->base == rendered
               ? link->outcome->version
               : rendered;
}

// stays_as returns what an App is that cannot become what Git says: a release that was rejected
// since is kept out all the same.
static struct hub_version *stays_as(const struct hub_link *link) {
    return link->outcome != NULL && link->outcome->base == link->version &&
                   link->outcome->version != NULL
               ? link->outcome->version
               : link->version;
}

bool hub_settle_same_bundle(const struct hub_version *a, const struct hub_version *b) {
    return a != NULL && b != NULL &&
           cm_sha256_equal(&a->rendered.bundle->sha256, &b->rendered.bundle->sha256);
}

static void put_in_force(struct hub_update *u, struct hub_link *link) {
    struct hub_version *old = link->version;

    bool commit = u->revision->size > 1; // "" and its end: it is none

    if (!hub_settle_same_bundle(link->chosen, old) && (commit || link->revision == NULL)) {
        cm_buf_unref(link->revision);
        cm_buf_unref(link->repo);
        link->revision = cm_buf_ref(u->revision);
        link->repo = cm_buf_ref(u->repo_name);
    }
    link->chosen->refs++;
    link->version = link->chosen;
    (void)hub_gone_take(link->cluster, link->app->named.name);
    hub_version_unref(u->fleet, old);
}

static bool is_stale(const struct hub_update *u, const struct hub_link *link) {
    const struct hub_doc *app = link->app->named.doc;
    const struct hub_doc *cluster = link->cluster->named.doc;

    if (link->guarded) {
        return true;
    }
    if (app == NULL || cluster == NULL) { // seeded; still to be loaded, or wrong
        return hub_fleet_is_loaded(u->fleet);
    }
    return link->lost || link->held || link->keeps || hub_settle_candidate(link) == NULL ||
           cluster->kept;
}

static void choose(struct hub_update *u, struct hub_cluster *c) {
    c->had_conflicts = c->conflict_count > 0;
    hub_conflicts_clear(c);
    for (size_t i = 0; i < c->link_count; i++) {
        struct hub_link *link = c->links[i];
        struct hub_version *wanted;

        hub_held_choose(u, link);
        wanted = hub_settle_candidate(link);
        link->lost = false;
        link->held = false;
        link->keeps = false;
        link->over = false;
        link->confirmation = NULL;
        link->guarded = false;
        link->chosen = wanted != NULL ? wanted : stays_as(link);
        if (hub_guard_lets_go(u, link)) {
            link->chosen = NULL;
        }
    }
}

// end_link puts in force what was chosen of an App; the link may be no more afterwards.
static void end_link(struct hub_update *u, struct hub_link *link) {
    if (link->confirmation != NULL) {
        hub_confirmations_note(u, link->confirmation, link->chosen != link->version);
    }
    free(link->loss);
    link->loss = NULL;
    if (!link->guarded) {
        cm_buf_unref(link->waits);
        link->waits = NULL;
    }
    if (link->chosen == NULL && link->version != NULL) {
        hub_named_touch(u, &link->app->named); // nothing may stand behind it any more
        hub_link_remove(u->fleet, link, u->revision, true);
        return;
    }
    if (link->chosen != link->version) {
        put_in_force(u, link);
    }
    hub_link_suspend(u->fleet, link);
    link->stale = is_stale(u, link);
}

static size_t count_stale(const struct hub_cluster *c) {
    size_t count = 0;

    for (size_t i = 0; i < c->link_count; i++) {
        count += c->links[i]->stale ? 1 : 0;
    }
    return count;
}

static void end_cluster(struct hub_update *u, struct hub_cluster *c,
                        struct hub_fleet_result *result) {
    size_t stale = count_stale(c);

    hub_release_tell_split(u->fleet, c);
    note_conflicts(u, c);
    for (size_t i = c->link_count; i > 0; i--) { // a link may go
        end_link(u, c->links[i - 1]);
    }
    u->problems = u->problems || count_stale(c) != stale;

    struct hub_desired *desired = hub_settle_desired(c);
    bool changed = c->fresh || c->desired == NULL || !hub_settle_same(desired, c->desired);
    hub_desired_unref(c->desired);
    c->desired = desired;
    c->fresh = false;
    c->touched = false;
    if (changed) {
        result->changed[result->changed_count++] = hub_desired_ref(desired);
    }
}

void hub_settle(struct hub_update *u, struct hub_fleet_result *result) {
    struct hub_cluster **clusters;

    hub_guard_spread(u);
    clusters = (struct hub_cluster **)(void *)u->clusters.items;
    result->changed = cm_new(u->clusters.count + 1, sizeof(struct hub_desired *));
    for (size_t i = 0; i < u->clusters.count; i++) {
        choose(u, clusters[i]);
        resolve(u, clusters[i]);
    }
    while (hub_guard_hold_apps(u)) {
        for (size_t i = 0; i < u->clusters.count; i++) {
            if (clusters[i]->again) {
                resolve(u, clusters[i]);
            }
        }
    }
    for (size_t i = 0; i < u->clusters.count; i++) {
        end_cluster(u, clusters[i], result);
    }
    hub_confirmations_settle(u);
}
