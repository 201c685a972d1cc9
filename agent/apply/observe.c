// What an agent does that only observes: it hears of all that its bundles name, and applies
// nothing.
//
// Nothing of it is on disk: what is tracked follows from the manifest alone. What the inventory
// has, from a time when the agent applied, stays there as it is.
#include <stdlib.h>
#include <string.h>

#include "agent/apply/internal.h"
#include "common/mem.h"

// One object that is tracked for what an App says of it.
struct observed {
    char *app;
    char *namespace;
    struct cm_sha256 sha256;
};

void apply_observed_free(void *value) {
    struct observed *o = value;

    free(o->app);
    free(o->namespace);
    free(o);
}

bool agent_apply_observes(const struct agent_apply *a) {
    return a->driver->observes;
}

static void forget(struct agent_apply *a, const char *key) {
    struct observed *o = cm_map_take(a->observed, key);

    a->driver->ops->untrack(a->driver, key);
    a->host.removed(a->host.ctx, o->app, key);
    apply_observed_free(o);
}

// is_wanted tells whether an object is still to be tracked for the App that it is tracked for.
static bool is_wanted(const struct agent_apply *a, const char *key) {
    const struct observed *o = cm_map_get(a->observed, key);
    const struct agent_claim *claim = agent_desired_claim(a->desired, key);

    return claim != NULL && !agent_entry_is_hook(claim->entry) &&
           strcmp(claim->app->name, o->app) == 0 &&
           strcmp(claim->app->bundle->namespace, o->namespace) == 0;
}

static void forget_the_rest(struct agent_apply *a) {
    CM_AUTOFREE const char **keys = cm_map_keys(a->observed);
    size_t count = cm_map_len(a->observed);

    for (size_t i = 0; i < count; i++) {
        CM_AUTOFREE char *key = cm_strdup(keys[i]);

        if (!is_wanted(a, key)) {
            forget(a, key);
        }
    }
}

static void observe(struct agent_apply *a, const struct agent_claim *claim) {
    const struct agent_bundle *bundle = claim->app->bundle;
    const char *key = claim->entry->key;
    struct observed *o = cm_map_get(a->observed, key);

    if (o != NULL && cm_sha256_equal(&o->sha256, &claim->entry->sha256)) {
        return;
    }
    if (o == NULL) {
        o = cm_new(1, sizeof(*o));
        o->app = cm_strdup(claim->app->name);
        o->namespace = cm_strdup(bundle->namespace);
        cm_map_put(a->observed, key, o);
        a->host.listed(a->host.ctx, o->app, key);
    }
    o->sha256 = claim->entry->sha256;
    a->driver->ops->track(a->driver, &(struct agent_owned){.app = o->app,
                                                           .key = key,
                                                           .default_namespace = o->namespace,
                                                           .uid = "",
                                                           .note = "",
                                                           .account = "",
                                                           .once = claim->entry->once});
}

void apply_observe(struct agent_apply *a) {
    const struct agent_desired *d = a->desired;

    forget_the_rest(a);
    apply_found_give_way(a);
    for (size_t i = 0; i < d->claim_count; i++) {
        const struct agent_claim *claim = &d->claims[i];

        if (!agent_entry_is_hook(claim->entry) &&
            agent_desired_claim(d, claim->entry->key) == claim) {
            observe(a, claim);
        }
    }
    apply_found_come_back(a);
}
