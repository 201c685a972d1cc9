// Apps that are held back: their controllers rejected a release, and no manifest knows it yet.
//
// What the hub sends is taken as it is, fetched and put on disk; only of an App that is held back
// the bundle stays the one at which it was, until a manifest lists all its decisions as answered.
// The manifest's own bundle of that App is not fetched meanwhile; it is when the App is let go
// without another manifest (agent_link_held). What the older bundle needs is on disk. Should it not
// be, the App does nothing at all: that is not asked of the hub, which serves only what its own
// manifest names.
#include <stdlib.h>

#include "agent/link/internal.h"
#include "common/arena.h"
#include "common/log.h"
#include "common/mem.h"

static bool is_answered(const struct agent_desired_app *app, const struct agent_hold *hold) {
    for (size_t i = 0; i < hold->id_count; i++) {
        bool found = false;

        for (size_t j = 0; !found && j < app->answered_count; j++) {
            found = cm_sha256_equal(&app->answered[j], &hold->ids[i]);
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

// hold_of returns what holds an App of a manifest back, or NULL.
static const struct agent_hold *hold_of(const struct agent_link *l,
                                        const struct agent_desired_app *app) {
    const struct agent_hold *hold = agent_cache_hold(l->cache, app->name);

    return hold == NULL || is_answered(app, hold) ? NULL : hold;
}

void link_hold_back(struct agent_link *l, struct agent_desired *d) {
    for (size_t i = 0; i < d->app_count; i++) {
        struct agent_desired_app *app = &d->apps[i];
        const struct agent_hold *hold = hold_of(l, app);

        if (hold == NULL) {
            continue;
        }
        app->held = cm_arena_strdup(d->arena, hold->why);
        if (cm_sha256_equal(&app->bundle_sha256, &hold->bundle)) {
            continue; // it may still become another one
        }
        if (agent_cache_has(l->cache, &hold->bundle)) {
            app->bundle_sha256 = hold->bundle;
            app->revision = cm_arena_strdup(d->arena, hold->revision);
        } else {
            link_hold_still(d, app);
        }
    }
}

void link_hold_still(struct agent_desired *d, struct agent_desired_app *app) {
    app->error = cm_arena_strf(
        d->arena, "%s; nothing is done, for what it ran is not on the agent's disk any more",
        app->held);
}

bool link_holds_otherwise(const struct agent_link *l, const struct agent_desired *d) {
    for (size_t i = 0; i < d->app_count; i++) {
        const struct agent_desired_app *app = &d->apps[i];

        if ((hold_of(l, app) == NULL) != (app->held == NULL)) {
            return true;
        }
    }
    return false;
}

// Of an App that the manifest does not have nothing is held back any more.
void link_hold_no_more(struct agent_link *l, const struct agent_desired *d) {
    CM_AUTOFREE const char **apps = agent_cache_hold_apps(l->cache);
    size_t count = agent_cache_hold_count(l->cache);

    for (size_t i = 0; i < count; i++) {
        CM_AUTOFREE char *name = cm_strdup(apps[i]);
        const struct agent_desired_app *app = agent_desired_app(d, name);

        if (app == NULL || hold_of(l, app) == NULL) {
            cm_log(CM_LOG_INFO, "agent.held_no_more", "an App is not held back any more", "cluster",
                   l->identity.cluster_name, "app", name, NULL);
            agent_cache_drop_hold(l->cache, name);
        }
    }
}
