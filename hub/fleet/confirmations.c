// Confirmations: which removals Git lets happen that would wait otherwise.
//
// One is for a removal, named by the digest of all that goes, and for no other. What it has let
// happen is remembered (hub_fleet_each_used), for the same removal may come again one day, and the
// document may still lie there.
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/internal.h"

static struct hub_confirmation *confirmation_of(struct hub_named *named) {
    return (struct hub_confirmation *)(void *)named;
}

static char *key_of(const char *app, const char *removal) {
    return cm_strf("%s/%s", app, removal);
}

void hub_confirmations_free_set(void *set) {
    hub_set_done(set);
    free(set);
}

static void touch_app(struct hub_update *u, const char *name) {
    const struct hub_app *app = cm_map_get(u->fleet->names[HUB_APP], name);

    for (size_t i = 0; app != NULL && i < app->link_count; i++) {
        hub_cluster_touch(u, app->links[i]->cluster);
    }
}

static void unlist(struct hub_update *u, struct hub_named *named, const struct hub_doc *doc) {
    CM_AUTOFREE char *key = key_of(doc->confirmation.app, doc->confirmation.removal);
    struct hub_set *set = cm_map_get(u->fleet->confirmations, key);

    if (set != NULL && hub_set_remove(set, named) && set->count == 0) {
        (void)cm_map_remove(u->fleet->confirmations, key);
    }
    touch_app(u, doc->confirmation.app);
}

static void list(struct hub_update *u, struct hub_named *named) {
    const struct hub_confirmation_doc *doc = &named->doc->confirmation;
    CM_AUTOFREE char *key = key_of(doc->app, doc->removal);
    struct hub_set *set = cm_map_get(u->fleet->confirmations, key);

    if (set == NULL) {
        set = cm_new(1, sizeof(*set));
        cm_map_put(u->fleet->confirmations, key, set);
    }
    hub_set_add(set, named);
    touch_app(u, doc->app);
}

void hub_confirmations_changed(struct hub_update *u, struct hub_named *named) {
    if (named->before != NULL) {
        unlist(u, named, named->before);
    }
    if (named->doc != NULL) {
        list(u, named);
    } else if (cm_map_remove(u->fleet->used, named->name)) {
        u->documents = true; // one that is written again counts again
    }
}

static bool is_used(const struct hub_fleet *f, const struct hub_named *named) {
    const char *used = cm_map_get(f->used, named->name);

    return used != NULL && strcmp(used, named->doc->confirmation.removal) == 0;
}

struct hub_confirmation *hub_confirmations_find(struct hub_update *u, const char *app,
                                                const char *removal) {
    CM_AUTOFREE char *key = key_of(app, removal);
    const struct hub_set *set = cm_map_get(u->fleet->confirmations, key);

    for (size_t i = 0; set != NULL && i < set->count; i++) {
        if (!is_used(u->fleet, set->items[i])) {
            return confirmation_of(set->items[i]);
        }
    }
    return NULL;
}

void hub_confirmations_note(struct hub_update *u, struct hub_confirmation *c, bool happened) {
    if (!c->named_by) {
        c->named_by = true;
        hub_set_add(&u->confirmed, c);
    }
    c->released = c->released || happened;
    c->pending = c->pending || !happened;
}

void hub_confirmations_settle(struct hub_update *u) {
    for (size_t i = 0; i < u->confirmed.count; i++) {
        struct hub_confirmation *c = u->confirmed.items[i];

        if (c->released && !c->pending) {
            cm_map_put(u->fleet->used, c->named.name,
                       cm_strdup(c->named.doc->confirmation.removal));
            u->documents = true;
        }
        c->named_by = false;
        c->released = false;
        c->pending = false;
    }
}

void hub_fleet_each_confirmation(const struct hub_fleet *f,
                                 void (*visit)(void *ctx, const struct hub_confirmation_info *c),
                                 void *ctx) {
    const struct cm_map *all = f->names[HUB_CONFIRMATION];
    CM_AUTOFREE const char **names = cm_map_keys(all);

    for (size_t i = 0; i < cm_map_len(all); i++) {
        const struct hub_named *named = cm_map_get(all, names[i]);
        const struct hub_doc *doc = named->doc;

        if (doc != NULL) {
            visit(ctx, &(struct hub_confirmation_info){.name = named->name,
                                                       .repo = doc->file->repo->name,
                                                       .path = (const char *)doc->file->path->data,
                                                       .line = doc->place.line,
                                                       .column = doc->place.column,
                                                       .app = doc->confirmation.app,
                                                       .removal = doc->confirmation.removal,
                                                       .used = is_used(f, named)});
        }
    }
}

void hub_fleet_seed_used(struct hub_fleet *f, const char *confirmation, const char *removal) {
    cm_map_put(f->used, confirmation, cm_strdup(removal));
}

void hub_fleet_each_used(const struct hub_fleet *f,
                         void (*visit)(void *ctx, const char *confirmation, const char *removal),
                         void *ctx) {
    CM_AUTOFREE const char **names = cm_map_keys(f->used);

    for (size_t i = 0; i < cm_map_len(f->used); i++) {
        visit(ctx, names[i], cm_map_get(f->used, names[i]));
    }
}
