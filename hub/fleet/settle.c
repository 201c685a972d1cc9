// What is in force on a cluster.
//
// Each link of the cluster has a candidate: what its variant rendered to. Where there is none, the
// version in force stays. Of two Apps that would claim one object, the one in whose version in
// force it is keeps it and the other one's candidate is refused, so that *its* version in force
// stays; if neither has it, both are refused. A refused App falls back on objects that a third one
// may have wanted, so this is done until nothing changes. What is in force never conflicts, so it
// ends.
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

void hub_gone_put(struct hub_cluster *c, const char *app, struct cm_buf *revision, bool prune) {
    size_t at = gone_position(c, app);

    if (gone_at(c, at, app)) {
        return;
    }
    c->gone = cm_resize(c->gone, (c->gone_count + 1) * sizeof(*c->gone));
    memmove(&c->gone[at + 1], &c->gone[at], (c->gone_count - at) * sizeof(*c->gone));
    c->gone[at] = (struct hub_gone_mark){cm_strdup(app), cm_buf_ref(revision), prune};
    c->gone_count++;
}

bool hub_gone_take(struct hub_cluster *c, const char *app, bool *prune) {
    size_t at = gone_position(c, app);

    if (!gone_at(c, at, app)) {
        return false;
    }
    *prune = c->gone[at].prune;
    free(c->gone[at].app);
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

static bool has_key(const struct hub_version *v, const char *key) {
    return v != NULL && find_key(v, key) != SIZE_MAX;
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

static void add_conflict(struct hub_cluster *c, const struct hub_link *loser,
                         const struct hub_link *other, const char *key) {
    const struct hub_object_place *at = place_of(loser->chosen, key);
    CM_AUTOFREE char *where = other_place(other, key);

    if (c->conflict_count == CONFLICTS_MAX) {
        return;
    }
    c->conflicts = cm_resize(c->conflicts, (c->conflict_count + 1) * sizeof(*c->conflicts));
    c->conflicts[c->conflict_count++] = (struct hub_conflict){
        .app = loser->app,
        .diag = {.path = cm_strdup(at != NULL ? (const char *)at->path->data
                                   : loser->app->named.doc != NULL
                                       ? (const char *)loser->app->named.doc->file->path->data
                                       : ""),
                 .line = at != NULL ? at->line : 0,
                 .column = at != NULL ? at->column : 0,
                 .message = cm_strf("%s belongs to App '%s' too, %s: remove it from one of the two "
                                    "Apps, or give it another name or namespace",
                                    key, other->app->named.name, where)},
    };
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
    bool a_has = has_key(a->version, key);
    bool b_has = has_key(b->version, key);
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

static void resolve_conflicts(struct hub_update *u, struct hub_cluster *c) {
    CM_AUTOFREE struct hub_link **links = cm_new(c->link_count + 1, sizeof(struct hub_link *));
    bool had = c->conflict_count > 0;
    size_t count = 0;

    hub_conflicts_clear(c);
    for (size_t i = 0; i < c->link_count; i++) {
        if (c->links[i]->app->contested > 0) {
            links[count++] = c->links[i];
        }
    }
    while (count > 1 && compare_all(c, links, count)) {
    }
    if (had || c->conflict_count > 0) {
        u->problems = true;
    }
    if (had != (c->conflict_count > 0)) {
        if (had) {
            (void)hub_set_remove(&u->fleet->conflicted, c);
        } else {
            hub_set_add(&u->fleet->conflicted, c);
        }
    }
}

// ---- What is in force

static struct hub_version *candidate(const struct hub_link *link) {
    if (link->app->named.doc == NULL || link->app->frozen.count > 0 || link->variant == NULL) {
        return NULL;
    }
    return link->variant->version;
}

static bool same_bundle(const struct hub_version *a, const struct hub_version *b) {
    return a != NULL && b != NULL &&
           cm_sha256_equal(&a->rendered.bundle->sha256, &b->rendered.bundle->sha256);
}

static void put_in_force(struct hub_update *u, struct hub_link *link) {
    struct hub_version *old = link->version;

    if (link->chosen == old) {
        return;
    }
    if (!same_bundle(link->chosen, old)) {
        cm_buf_unref(link->revision);
        cm_buf_unref(link->repo);
        link->revision = cm_buf_ref(u->revision);
        link->repo = cm_buf_ref(u->repo_name);
    }
    link->chosen->refs++;
    link->version = link->chosen;
    link->was_gone = false;
    hub_version_unref(u->fleet, old);
}

static bool is_stale(const struct hub_update *u, const struct hub_link *link) {
    const struct hub_doc *app = link->app->named.doc;
    const struct hub_doc *cluster = link->cluster->named.doc;

    if (app == NULL || cluster == NULL) { // seeded; still to be loaded, or wrong
        return hub_fleet_is_loaded(u->fleet);
    }
    return link->lost || candidate(link) == NULL || app->kept || cluster->kept;
}

static void settle_links(struct hub_update *u, struct hub_cluster *c) {
    for (size_t i = 0; i < c->link_count; i++) {
        struct hub_link *link = c->links[i];
        struct hub_version *wanted = candidate(link);

        link->lost = false;
        link->chosen = wanted != NULL ? wanted : link->version;
    }
    resolve_conflicts(u, c);
    for (size_t i = 0; i < c->link_count; i++) {
        put_in_force(u, c->links[i]);
        c->links[i]->stale = is_stale(u, c->links[i]);
    }
}

// ---- Desired states

// A desired state is one piece of memory; the texts that it shares are counted.
struct desired {
    struct hub_desired public;
    size_t text_count;
    struct cm_buf **texts;
};

struct hub_desired *hub_desired_ref(struct hub_desired *d) {
    d->refs++;
    return d;
}

void hub_desired_unref(struct hub_desired *d) {
    struct desired *own = (struct desired *)(void *)d;

    if (d == NULL || --d->refs > 0) {
        return;
    }
    for (size_t i = 0; i < d->pair_count; i++) {
        hub_bundle_unref(d->pairs[i].bundle);
    }
    for (size_t i = 0; i < own->text_count; i++) {
        cm_buf_unref(own->texts[i]);
    }
    free(own);
}

static const char *share_text(struct desired *d, struct cm_buf *text) {
    d->texts[d->text_count++] = cm_buf_ref(text);
    return (const char *)text->data;
}

static size_t names_size(const struct hub_cluster *c) {
    size_t size = strlen(c->named.name) + 1;

    for (size_t i = 0; i < c->gone_count; i++) {
        size += strlen(c->gone[i].app) + 1;
    }
    return size;
}

static size_t count_in_force(const struct hub_cluster *c) {
    size_t count = 0;

    for (size_t i = 0; i < c->link_count; i++) {
        count += c->links[i]->version != NULL ? 1 : 0;
    }
    return count;
}

static const char *put_text(char **at, const char *text) {
    size_t size = strlen(text) + 1;
    const char *copy = memcpy(*at, text, size);

    *at += size;
    return copy;
}

static void fill_pairs(struct desired *d, const struct hub_cluster *c, struct hub_pair *pairs) {
    for (size_t i = 0; i < c->link_count; i++) {
        const struct hub_link *link = c->links[i];

        if (link->version == NULL) {
            continue;
        }
        struct hub_bundle *bundle = hub_bundle_ref(link->version->rendered.bundle);
        pairs[d->public.pair_count++] = (struct hub_pair){
            .app = bundle->spec.app,
            .bundle = bundle,
            .revision = share_text(d, link->revision),
            .repo = share_text(d, link->repo),
            .stale = link->stale,
        };
    }
    d->public.pairs = pairs;
}

struct hub_desired *hub_settle_desired(const struct hub_cluster *c) {
    size_t pair_count = count_in_force(c);
    size_t pairs_size = pair_count * sizeof(struct hub_pair);
    size_t gone_size = c->gone_count * sizeof(struct hub_gone);
    size_t texts_size = (2 * pair_count + c->gone_count) * sizeof(struct cm_buf *);
    struct desired *d = cm_new(1, sizeof(*d) + pairs_size + gone_size + texts_size + names_size(c));
    struct hub_pair *pairs = (struct hub_pair *)(void *)(d + 1);
    struct hub_gone *gone = (struct hub_gone *)(void *)((char *)pairs + pairs_size);
    char *text = (char *)gone + gone_size + texts_size;

    d->public.refs = 1;
    d->texts = (struct cm_buf **)(void *)((char *)gone + gone_size);
    d->public.cluster = put_text(&text, c->named.name);
    fill_pairs(d, c, pairs);
    for (size_t i = 0; i < c->gone_count; i++) {
        gone[i] = (struct hub_gone){put_text(&text, c->gone[i].app),
                                    share_text(d, c->gone[i].revision), c->gone[i].prune};
    }
    d->public.gone = gone;
    d->public.gone_count = c->gone_count;
    return &d->public;
}

static const char *copy_text(struct desired *d, const char *text) {
    struct cm_buf *copy = cm_buf_copy(text, strlen(text) + 1);

    d->texts[d->text_count++] = copy;
    return (const char *)copy->data;
}

struct hub_desired *hub_desired_copy(const struct hub_desired *from) {
    size_t pairs_size = from->pair_count * sizeof(struct hub_pair);
    size_t gone_size = from->gone_count * sizeof(struct hub_gone);
    size_t texts = 1 + 2 * (from->pair_count + from->gone_count);
    struct desired *d =
        cm_new(1, sizeof(*d) + pairs_size + gone_size + texts * sizeof(struct cm_buf *));
    struct hub_pair *pairs = (struct hub_pair *)(void *)(d + 1);
    struct hub_gone *gone = (struct hub_gone *)(void *)((char *)pairs + pairs_size);

    d->texts = (struct cm_buf **)(void *)((char *)gone + gone_size);
    d->public = (struct hub_desired){.refs = 1,
                                     .cluster = copy_text(d, from->cluster),
                                     .pairs = pairs,
                                     .pair_count = from->pair_count,
                                     .gone = gone,
                                     .gone_count = from->gone_count};
    for (size_t i = 0; i < from->pair_count; i++) {
        struct hub_bundle *bundle = hub_bundle_ref(from->pairs[i].bundle);

        pairs[i] =
            (struct hub_pair){bundle->spec.app, bundle, copy_text(d, from->pairs[i].revision),
                              copy_text(d, from->pairs[i].repo), from->pairs[i].stale};
    }
    for (size_t i = 0; i < from->gone_count; i++) {
        gone[i] = (struct hub_gone){copy_text(d, from->gone[i].app),
                                    copy_text(d, from->gone[i].revision), from->gone[i].prune};
    }
    return &d->public;
}

bool hub_bundle_is_whole(const struct hub_bundle *b) {
    for (size_t i = 0; i < b->spec.object_count; i++) {
        if (b->spec.objects[i].bytes == NULL) {
            return false;
        }
    }
    return true;
}

static bool same_pair(const struct hub_pair *a, const struct hub_pair *b) {
    return strcmp(a->app, b->app) == 0 && cm_sha256_equal(&a->bundle->sha256, &b->bundle->sha256) &&
           strcmp(a->revision, b->revision) == 0 && strcmp(a->repo, b->repo) == 0 &&
           a->stale == b->stale &&
           (a->bundle == b->bundle ||
            hub_bundle_is_whole(a->bundle) == hub_bundle_is_whole(b->bundle));
}

static bool same_gone(const struct hub_gone *a, const struct hub_gone *b) {
    return strcmp(a->app, b->app) == 0 && strcmp(a->revision, b->revision) == 0 &&
           a->prune == b->prune;
}

static bool same_desired(const struct hub_desired *a, const struct hub_desired *b) {
    if (a->pair_count != b->pair_count || a->gone_count != b->gone_count) {
        return false;
    }
    for (size_t i = 0; i < a->pair_count; i++) {
        if (!same_pair(&a->pairs[i], &b->pairs[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < a->gone_count; i++) {
        if (!same_gone(&a->gone[i], &b->gone[i])) {
            return false;
        }
    }
    return true;
}

static void count_stale(struct hub_update *u, const struct hub_cluster *c, size_t before) {
    size_t now = 0;

    for (size_t i = 0; i < c->link_count; i++) {
        now += c->links[i]->stale ? 1 : 0;
    }
    if (now != before) {
        u->problems = true;
    }
}

static void settle_cluster(struct hub_update *u, struct hub_cluster *c,
                           struct hub_fleet_result *result) {
    size_t stale = 0;

    for (size_t i = 0; i < c->link_count; i++) {
        stale += c->links[i]->stale ? 1 : 0;
    }
    settle_links(u, c);
    count_stale(u, c, stale);

    struct hub_desired *desired = hub_settle_desired(c);
    bool changed = c->fresh || c->desired == NULL || !same_desired(desired, c->desired);
    hub_desired_unref(c->desired);
    c->desired = desired;
    c->fresh = false;
    if (changed) {
        result->changed[result->changed_count++] = hub_desired_ref(desired);
    }
}

void hub_settle(struct hub_update *u, struct hub_fleet_result *result) {
    result->changed = cm_new(u->clusters.count + 1, sizeof(struct hub_desired *));
    for (size_t i = 0; i < u->clusters.count; i++) {
        struct hub_cluster *c = u->clusters.items[i];

        c->touched = false;
        settle_cluster(u, c, result);
    }
}
