// What a cluster begins with that was built anew: the release that was promoted on it last.
//
// Until its controllers have promoted that, each version of the App is made as if a Hold kept out
// of the workload, and of the ConfigMaps that it refers to, what differs from it. Whatever Git says
// by then comes after it, through its canary. That Hold is nobody's document: it is over in
// minutes.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/fleet/internal.h"
#include "hub/hold/hold.h"
#include "hub/render/bundle.h"

#define WHY "the cluster's agent is a new one, and begins with what was promoted on it last"

struct beginning {
    char *app;
    char *key;
    char *needs;
    char *revision;
    struct hub_bundle *bundle;
    struct cm_sha256 made_for; // bundle
    bool made;
    struct hub_hold_entry *entry; // NULL: that does not differ
};

struct beginnings {
    struct beginning *items;
    size_t count;
};

static void done_beginning(struct beginning *b) {
    free(b->app);
    free(b->key);
    free(b->needs);
    free(b->revision);
    hub_bundle_unref(b->bundle);
    if (b->entry != NULL) {
        hub_holds_free_entry(b->entry);
    }
}

void hub_proven_free_cluster(void *value) {
    struct beginnings *all = value;

    for (size_t i = 0; i < all->count; i++) {
        done_beginning(&all->items[i]);
    }
    free(all->items);
    free(all);
}

void hub_fleet_begin_with(struct hub_fleet *f, const char *cluster, const struct hub_proven *list,
                          size_t count) {
    if (count == 0) {
        if (cm_map_remove(f->beginnings, cluster)) {
            cm_map_put(f->begun, cluster, f);
        }
        return;
    }
    struct beginnings *all = cm_new(1, sizeof(*all));
    all->items = cm_new(count + 1, sizeof(*all->items));
    for (; all->count < count; all->count++) {
        const struct hub_proven *from = &list[all->count];

        all->items[all->count] = (struct beginning){.app = cm_strdup(from->app),
                                                    .key = cm_strdup(from->key),
                                                    .needs = cm_strdup(from->needs),
                                                    .revision = cm_strdup(from->revision),
                                                    .bundle = hub_bundle_ref(from->bundle)};
    }
    cm_map_put(f->begun, cluster, f);
    cm_map_put(f->beginnings, cluster, all);
}

static bool touch(void *ctx, const char *cluster, void *value) {
    struct hub_update *u = ctx;
    struct hub_named *named = cm_map_get(u->fleet->names[HUB_CLUSTER], cluster);

    (void)value;
    if (named != NULL) {
        hub_cluster_touch(u, hub_cluster_of(named));
    }
    return true;
}

void hub_proven_take_begun(struct hub_update *u) {
    struct hub_fleet *f = u->fleet;

    if (cm_map_len(f->begun) > 0) {
        cm_map_each(f->begun, touch, u);
        cm_map_free(f->begun);
        f->begun = cm_map_new(NULL);
    }
}

// ---- The Hold

static struct hub_hold_object *objects_of(struct cm_arena *a, const struct hub_bundle *bundle) {
    size_t count = bundle->spec.object_count;
    struct hub_hold_object *list = cm_arena_get(a, (count + 1) * sizeof(*list));

    for (size_t i = 0; i < count; i++) {
        const struct hub_object *from = &bundle->spec.objects[i];
        bool known = !from->secret && from->bytes != NULL;

        list[i] = (struct hub_hold_object){.key = from->key,
                                           .bytes = known ? from->bytes->data : NULL,
                                           .size = known ? from->bytes->size : 0};
    }
    return list;
}

enum cm_rc hub_fleet_proven_hold(const struct hub_proven *proven, const char *cluster,
                                 const struct hub_bundle *instead_of, struct hub_hold **out,
                                 struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *const clusters[] = {cluster};

    return hub_hold_make(
        &(struct hub_hold_decision){
            .app = proven->app,
            .clusters = clusters,
            .cluster_count = 1,
            .workload = proven->key,
            .good = objects_of(a, proven->bundle),
            .good_count = proven->bundle->spec.object_count,
            .bad = objects_of(a, instead_of),
            .bad_count = instead_of->spec.object_count,
            .good_revision = proven->revision,
            .bad_revision = "",
            .cause =
                {.controller = "", .actor = "", .object = "", .phase = "", .text = WHY, .at = ""},
            .event = ""},
        out, err);
}

static void make_entry(struct hub_fleet *f, struct beginning *b, const char *cluster,
                       const struct hub_version *base) {
    const struct hub_proven proven = {b->app, b->key, b->needs, b->revision, b->bundle};
    struct hub_hold *hold = NULL;
    struct cm_err err;

    if (b->entry != NULL) {
        hub_holds_free_entry(b->entry);
        b->entry = NULL;
    }
    b->made = true;
    b->made_for = base->rendered.bundle->sha256;
    if (hub_fleet_proven_hold(&proven, cluster, base->rendered.bundle, &hold, &err) < 0) {
        return;
    }
    b->entry = cm_new(1, sizeof(*b->entry));
    b->entry->own = hold;
    b->entry->hold = hold;
    b->entry->retried = cm_new(2, sizeof(*b->entry->retried));
    b->entry->serial = ++f->serials;
}

// Else nobody will.
bool hub_proven_will(const struct hub_cluster *c, const char *key) {
    for (size_t i = 0; i < c->link_count; i++) {
        const struct hub_version *rendered = hub_settle_rendered(c->links[i]);

        if (hub_version_has(rendered != NULL ? rendered : c->links[i]->version, key)) {
            return true;
        }
    }
    return false;
}

size_t hub_proven_add(struct hub_update *u, const struct hub_link *link,
                      const struct hub_version *base, const struct hub_hold_entry ***entries,
                      size_t count) {
    const char *cluster = link->cluster->named.name;
    struct beginnings *all = cm_map_get(u->fleet->beginnings, cluster);

    for (size_t i = 0; all != NULL && i < all->count; i++) {
        struct beginning *b = &all->items[i];

        if (strcmp(b->app, link->app->named.name) != 0 ||
            !hub_proven_will(link->cluster, b->needs)) {
            continue;
        }
        if (!b->made || !cm_sha256_equal(&b->made_for, &base->rendered.bundle->sha256)) {
            make_entry(u->fleet, b, cluster, base);
        }
        if (b->entry != NULL) {
            *entries = cm_resize(*entries, (count + 1) * sizeof(**entries));
            (*entries)[count++] = b->entry;
        }
    }
    return count;
}
