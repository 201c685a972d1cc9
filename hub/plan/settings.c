// Options of an App that do nothing to a cluster now and decide what happens later: they are in no
// bundle, so the documents of before and after are compared.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "hub/plan/internal.h"

struct remembering {
    struct hub_plan_before *before;
    size_t capacity;
};

static void remember_app(void *ctx, const struct hub_app_info *info) {
    struct remembering *r = ctx;
    struct hub_plan_before *before = r->before;
    struct cm_arena *a = before->arena;
    const char *group = info->release_group;

    before->settings = plan_grow(a, before->settings, before->setting_count, &r->capacity,
                                 sizeof(*before->settings));
    before->settings[before->setting_count++] =
        (struct plan_settings){.app = cm_arena_strdup(a, info->name),
                               .release_group = group == NULL ? NULL : cm_arena_strdup(a, group),
                               .prune_on_loss = info->prune_on_loss,
                               .plain_secrets = info->plain_secrets,
                               .goes_back = info->goes_back,
                               .holds_undo = info->holds_undo,
                               .on_reject = info->on_reject,
                               .reverts = info->reverts,
                               .drift = info->drift,
                               .capture = info->capture};
}

void plan_settings_remember(struct hub_plan_before *before, const struct hub_fleet *f) {
    struct remembering r = {.before = before};

    hub_fleet_each_app(f, remember_app, &r);
}

// ---- Now

static int compare_name(const void *name, const void *settings) {
    return strcmp(name, ((const struct plan_settings *)settings)->app);
}

struct telling {
    struct plan_making *m;
    const struct hub_fleet *fleet;
    const struct hub_plan_before *before;
    const char *app;
};

static void tell(struct plan_making *m, const char *app, const char *name, const char *before,
                 const char *after) {
    struct plan_app *own = plan_app_get(m, app);

    if (own->settings == NULL) {
        own->settings = cm_arena_get(m->arena, HUB_PLAN_SETTINGS * sizeof(*own->settings));
        m->totals.settings++;
    }
    own->settings[own->setting_count++] = (struct hub_plan_change){
        .action = HUB_PLAN_OPTION,
        .key = "",
        .path = name,
        .app = "",
        .before = before == NULL ? NULL : cm_json_new_string(m->arena, before),
        .after = after == NULL ? NULL : cm_json_new_string(m->arena, after)};
}

static bool same_group(const struct plan_settings *old, const struct hub_app_info *now) {
    return old->release_group == NULL || now->release_group == NULL
               ? old->release_group == now->release_group
               : strcmp(old->release_group, now->release_group) == 0;
}

// same_capture: of `drift` bundles say all but that what was changed goes into Git.
static bool same_capture(const struct plan_settings *old, const struct hub_app_info *now) {
    return (strcmp(old->drift, "capture") == 0) == (strcmp(now->drift, "capture") == 0);
}

struct choice {
    const char *name;
    const char *words[2]; // for false and true
    bool before;
    bool after;
};

static void compare_choices(struct plan_making *m, const struct plan_settings *old,
                            const struct hub_app_info *now) {
    const struct choice choices[] = {
        {"onTargetLoss", {"orphan", "prune"}, old->prune_on_loss, now->prune_on_loss},
        {"onFailure", {"report", "rollback"}, old->goes_back, now->goes_back},
        {"undo", {"report", "hold"}, old->holds_undo, now->holds_undo},
        {"writeBack", {"hold", "revert"}, old->reverts, now->reverts},
        {"plainSecrets", {"deny", "allow"}, old->plain_secrets, now->plain_secrets},
    };

    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        const struct choice *c = &choices[i];

        if (c->before != c->after) {
            tell(m, now->name, c->name, c->words[c->before], c->words[c->after]);
        }
    }
}

static const char *or_none(const char *text) {
    return text[0] != '\0' ? text : NULL;
}

static void compare_settings(struct plan_making *m, const struct plan_settings *old,
                             const struct hub_app_info *now) {
    compare_choices(m, old, now);
    if (!same_group(old, now)) {
        tell(m, now->name, "releaseGroup", old->release_group, now->release_group);
    }
    if (!same_capture(old, now)) {
        tell(m, now->name, "drift", old->drift, now->drift);
    }
    if (strcmp(old->capture, now->capture) != 0) {
        tell(m, now->name, "capture", or_none(old->capture), or_none(now->capture));
    }
    if (strcmp(old->on_reject, now->on_reject) != 0) {
        tell(m, now->name, "onReject", old->on_reject, now->on_reject);
    }
}

struct looking {
    const struct telling *t;
    bool found;
};

static void look_at_cluster(void *ctx, const struct hub_cluster_info *info) {
    struct looking *l = ctx;
    const struct hub_plan_filter *filter = l->t->m->filter;
    const struct hub_desired *state = hub_fleet_desired(l->t->fleet, info->name);

    if (l->found || state == NULL || !filter->wants(filter->ctx, info->name)) {
        return;
    }
    for (size_t i = 0; i < state->pair_count && !l->found; i++) {
        l->found = strcmp(state->pairs[i].app, l->t->app) == 0;
    }
}

// is_wanted: an App that is on no cluster is not left out because of those that are looked at.
static bool is_wanted(struct telling *t, const struct hub_app_info *info) {
    const struct hub_plan_filter *filter = t->m->filter;
    struct looking l = {.t = t};

    if (filter->app != NULL && strcmp(filter->app, info->name) != 0) {
        return false;
    }
    if (filter->wants == NULL || info->clusters == 0) {
        return true;
    }
    t->app = info->name;
    hub_fleet_each_cluster(t->fleet, look_at_cluster, &l);
    return l.found;
}

static bool are_same(const struct plan_settings *old, const struct hub_app_info *now) {
    return same_group(old, now) && old->prune_on_loss == now->prune_on_loss &&
           old->plain_secrets == now->plain_secrets && old->goes_back == now->goes_back &&
           old->holds_undo == now->holds_undo && strcmp(old->on_reject, now->on_reject) == 0 &&
           old->reverts == now->reverts && same_capture(old, now) &&
           strcmp(old->capture, now->capture) == 0;
}

static void look_at_app(void *ctx, const struct hub_app_info *info) {
    struct telling *t = ctx;
    const struct hub_plan_before *before = t->before;
    const struct plan_settings *old =
        before->setting_count == 0 ? NULL
                                   : bsearch(info->name, before->settings, before->setting_count,
                                             sizeof(*old), compare_name);

    if (old != NULL && !are_same(old, info) && is_wanted(t, info)) {
        compare_settings(t->m, old, info);
    }
}

void plan_settings_make(struct plan_making *m, const struct hub_plan_before *before,
                        const struct hub_fleet *f) {
    struct telling t = {.m = m, .fleet = f, .before = before};

    hub_fleet_each_app(f, look_at_app, &t);
}

static const char *on_reject_words(const char *after) {
    if (strcmp(after, "report") == 0) {
        return "from then on a release that is rejected is told, and NOT kept out";
    }
    return strcmp(after, "group") == 0
               ? "from then on its release group goes back with a release that is rejected"
               : "from then on a release that is rejected goes back alone";
}

static const char *capture_words(const char *after) {
    return strcmp(after, "commit") == 0 ? "from then on what is captured by itself is committed"
           : after[0] != '\0'           ? "from then on what is captured by itself is proposed"
                              : "from then on what is captured by itself is proposed where its "
                                "repository has a provider, else committed";
}

const char *hub_plan_setting_words(const struct hub_plan_change *setting) {
    const char *after = setting->after == NULL ? "" : setting->after->text;

    if (strcmp(setting->path, "onTargetLoss") == 0) {
        return strcmp(after, "prune") == 0
                   ? "from then on what it has is DELETED on clusters that its targets lose"
                   : "from then on what it has stays on clusters that its targets lose";
    }
    if (strcmp(setting->path, "releaseGroup") == 0) {
        return setting->after == NULL ? "from then on its changes land by themselves"
                                      : "from then on its changes land with those of this group";
    }
    if (strcmp(setting->path, "onFailure") == 0) {
        return strcmp(after, "rollback") == 0
                   ? "from then on a Hold brings back what came up before a release that does not"
                   : "from then on a release that does not come up is only told";
    }
    if (strcmp(setting->path, "undo") == 0) {
        return strcmp(after, "hold") == 0
                   ? "from then on a release that somebody goes back from by hand is kept out"
                   : "from then on what somebody undoes is a change by hand like any other";
    }
    if (strcmp(setting->path, "onReject") == 0) {
        return on_reject_words(after);
    }
    if (strcmp(setting->path, "capture") == 0) {
        return capture_words(after);
    }
    if (strcmp(setting->path, "writeBack") == 0) {
        return strcmp(after, "revert") == 0
                   ? "from then on a release that is rejected is reverted in Git where that is safe"
                   : "from then on a release that is rejected is kept out by a Hold alone";
    }
    return strcmp(after, "allow") == 0 ? "from then on its Secrets may stand in Git readably"
                                       : "from then on its Secrets may not stand in Git readably";
}
