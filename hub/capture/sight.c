// sight.c: what a proof cannot see, as the tip's fleet renders nothing of it: Apps that are wrong
// in Git, or of which the manifests are in trees that are not read here. In clusters they run on.
#include <string.h>

#include "common/arena.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/capture/internal.h"

struct sighting {
    const struct capture_tip *tip;
    const char *app;      // that is edited
    struct cm_map *pairs; // App -> how many clusters run what the tip says
    struct capture_sight *out;
    bool own; // the App itself is not seen everywhere
};

static void count_pairs(void *ctx, const struct hub_cluster_info *info) {
    struct sighting *s = ctx;
    const struct hub_desired *d = hub_fleet_desired(s->tip->fleet, info->name);

    for (size_t i = 0; d != NULL && i < d->pair_count; i++) {
        size_t *count = cm_map_get(s->pairs, d->pairs[i].app);

        if (d->pairs[i].stale) {
            continue;
        }
        if (count == NULL) {
            count = cm_arena_get(s->tip->arena, sizeof(*count));
            *count = 0;
            cm_map_put(s->pairs, d->pairs[i].app, count);
        }
        ++*count;
    }
}

static void check_app(void *ctx, const struct hub_app_info *info) {
    struct sighting *s = ctx;
    const size_t *seen = cm_map_get(s->pairs, info->name);

    if ((seen != NULL ? *seen : 0) == info->clusters) {
        return;
    }
    if (strcmp(info->name, s->app) == 0) {
        s->own = true;
    } else if (s->out->unseen == NULL) {
        s->out->unseen = cm_arena_strdup(s->tip->arena, info->name);
    }
}

// find_own finds a tree of the repository that is written to, which moves with what is written.
static const char *find_own(const struct capture_tip *tip) {
    size_t count = 0;
    const struct hub_fleet_source *sources = hub_fleet_sources(tip->fleet, &count);

    for (size_t i = 0; i < count; i++) {
        bool moves = sources[i].ref == HUB_REF_DEFAULT || sources[i].ref == HUB_REF_BRANCH;

        if (moves && !sources[i].loaded && strcmp(sources[i].repository, tip->own->name) == 0) {
            return sources[i].name;
        }
    }
    return NULL;
}

// find_wrong finds what is wrong with no App in particular: then which clusters there are, and what
// they run, is not known for certain.
static const struct hub_problem *find_wrong(const struct capture_tip *tip) {
    size_t count = 0;
    const struct hub_problem *problems = hub_fleet_problems(tip->fleet, &count);

    for (size_t i = 0; i < count; i++) {
        if (problems[i].app == NULL) {
            return &problems[i];
        }
    }
    return NULL;
}

enum cm_rc capture_sight_find(const struct capture_tip *tip, const char *app,
                              struct capture_sight *out, struct cm_err *err) {
    CM_CLEANUP(cm_map_freep) struct cm_map *pairs = cm_map_new(NULL);
    struct sighting s = {.tip = tip, .app = app, .pairs = pairs, .out = out};
    const struct hub_problem *wrong = find_wrong(tip);
    const char *own = find_own(tip);

    if (wrong != NULL) {
        return cm_fail(err, CM_EINVAL,
                       "'%.200s' is wrong in Git: mend that first ('holdfast get problems')",
                       wrong->path);
    }
    if (own != NULL) {
        return cm_fail(err, CM_EINVAL, "other Apps read the same repository as the source '%.200s'",
                       own);
    }
    hub_fleet_each_cluster(tip->fleet, count_pairs, &s);
    hub_fleet_each_app(tip->fleet, check_app, &s);
    return s.own ? cm_fail(err, CM_EINVAL, "App '%s' is wrong in Git, or on none of the clusters",
                           app)
                 : CM_OK;
}

// ---- Which files may be edited

struct owning {
    const struct capture_tip *tip;
    const char *path; // below the root
    size_t longest;   // folder of an App that it is in
    char *owner;
};

static void find_owner(void *ctx, const struct hub_app_info *info) {
    struct owning *o = ctx;
    const char *slash = strrchr(info->path, '/');
    size_t len = slash != NULL ? (size_t)(slash - info->path) + 1 : 0;

    // An App at the top has all files, so none is its alone.
    if (strcmp(info->repo, o->tip->own->name) == 0 && len > o->longest &&
        strncmp(o->path, info->path, len) == 0) {
        o->longest = len;
        o->owner = cm_arena_strdup(o->tip->arena, info->name);
    }
}

enum cm_rc capture_sight_check(const struct capture_sight *sight, const struct capture_tip *tip,
                               const char *app, const char *path, struct cm_err *err) {
    struct owning o = {.tip = tip, .path = capture_tip_below(tip, path)};

    if (sight->unseen == NULL) {
        return CM_OK;
    }
    hub_fleet_each_app(tip->fleet, find_owner, &o);
    return o.owner != NULL && strcmp(o.owner, app) == 0
               ? CM_OK
               : cm_fail(err, CM_EINVAL,
                         "what it would change of App '%s' is not known here, of which the "
                         "manifests are in another repository, or wrong",
                         sight->unseen);
}
