// What is fetched: repositories with documents, and trees that Apps want.
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/access/authority.h"
#include "hub/config/config.h"
#include "hub/jobs/found.h"
#include "hub/jobs/sync_state.h"

#define HOLDS "@holds" // of the mirror that is read and removed before the first fetch

struct hub_tracked *hub_watch_find(struct hub_sync *s, const char *name) {
    for (struct cm_list *at = s->trees.next; at != &s->trees; at = at->next) {
        struct hub_tracked *tree = CM_CONTAINER(at, struct hub_tracked, in_trees);

        if (strcmp(tree->name, name) == 0) {
            return tree;
        }
    }
    return NULL;
}

void hub_sync_tell_news(const struct hub_tracked *t) {
    const struct hub_sync_config *config = &t->owner->config;

    if (config->news != NULL) {
        config->news(config->ctx, t->config->name);
    }
}

// find_holds: what of it counts is known before what it stands upon is.
static enum cm_rc find_holds(void *ctx, int cancel_fd, struct cm_err *err) {
    struct hub_tracked *t = ctx;
    struct hub_repo_source source = hub_fetcher_source(t->config);
    struct hub_repo_limits limits = hub_repo_limits_default;
    CM_AUTOFREE char *folder = cm_strf("%s" HOLDS, t->folder);
    const struct hub_repo_job job = {.folder = folder, .limits = &limits, .cancel_fd = cancel_fd};
    const struct hub_found_place place = {.repository = t->config->name,
                                          .folder = folder,
                                          .root = t->config->path,
                                          .secret =
                                              hub_authority_secret_key(t->owner->config.authority)};

    limits.deadline_ms = t->config->timeout_ms;
    return hub_found_fetch(&source, &job, &place, &t->found, err);
}

// take_found has what was found taken in before the commit that it was found with.
static void take_found(struct hub_tracked *t) {
    if (t->found != NULL) {
        hub_step_add(t->owner, HUB_STEP_FOUND, NULL, NULL)->found = CM_TAKE(t->found);
    }
}

static void on_fetched(void *ctx, struct hub_fetcher *f, const struct hub_repo_id *commit) {
    struct hub_tracked *t = ctx;
    bool tree = t->in_trees.next != NULL;

    take_found(t);
    struct hub_step *step = tree ? hub_step_add(t->owner, HUB_STEP_TREE, t->name, t->folder)
                                 : hub_step_add(t->owner, HUB_STEP_COMMIT, NULL, NULL);

    (void)f;
    step->source = t->index;
    step->commit = *commit;
    hub_steps_go(t->owner);
    if (!tree) {
        hub_sync_tell_news(t);
    }
}

static void on_trouble(void *ctx, struct hub_fetcher *f, const char *why) {
    const struct hub_tracked *t = ctx;

    (void)f;
    if (t->in_trees.next != NULL) {
        (void)hub_step_add(t->owner, HUB_STEP_TROUBLE, t->name, why);
        hub_steps_go(t->owner);
    } else if (why == NULL) {
        t->owner->config.recovered(t->owner->config.ctx, t->name);
    }
}

// may_hold tells whether there can be Holds that wait to be merged, or that a server refused.
static bool may_hold(const struct hub_tracked *t) {
    return t->in_trees.next == NULL && t->config->write != HUB_WRITE_OFF;
}

struct hub_fetcher_config hub_watch_config(struct hub_tracked *t) {
    return (struct hub_fetcher_config){.shared = &t->owner->fetching,
                                       .repository = t->config,
                                       .name = t->name,
                                       .folder = t->folder,
                                       .before = may_hold(t) ? find_holds : NULL,
                                       .fetched = on_fetched,
                                       .trouble = on_trouble,
                                       .ctx = t};
}

const struct hub_repository *hub_watch_repository(const struct hub_sync *s, const char *name) {
    const struct hub_repositories *list = s->config.repositories;

    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            return &list->items[i];
        }
    }
    return NULL;
}

// Names of sources hold what no file name should; the hash of one tells them apart.
static char *tree_folder(const struct hub_sync *s, const struct hub_planner_want *want) {
    struct cm_sha256 hash = cm_sha256(want->name, strlen(want->name));
    char hex[CM_SHA256_HEX_MAX];

    cm_sha256_hex(&hash, hex);
    return cm_strf("%s/git/%s@%.16s", s->config.data_dir, want->repository, hex);
}

static void set_ref(struct hub_fetcher_config *config, const struct hub_planner_want *want) {
    switch (want->ref) {
    case HUB_REF_DEFAULT:
        break;
    case HUB_REF_BRANCH:
        config->ref.branch = want->text;
        break;
    case HUB_REF_TAG:
        config->ref.tag = want->text;
        break;
    case HUB_REF_SEMVER:
        config->ref.semver = want->text;
        break;
    case HUB_REF_COMMIT:
        config->ref.commit = want->text;
        break;
    }
}

static void watch_tree(struct hub_sync *s, const struct hub_planner_want *want) {
    struct hub_tracked *t = cm_new(1, sizeof(*t));

    t->owner = s;
    t->name = cm_strdup(want->name);
    t->folder = tree_folder(s, want);
    t->wanted = true;
    t->config = hub_watch_repository(s, want->repository);
    cm_list_append(&s->trees, &t->in_trees);
    if (t->config == NULL) {
        CM_AUTOFREE char *why = cm_strf("the hub has no repository '%s': add it to the file of "
                                        "repositories",
                                        want->repository);

        (void)hub_step_add(s, HUB_STEP_TROUBLE, t->name, why);
        return;
    }
    struct hub_fetcher_config config = hub_watch_config(t);
    set_ref(&config, want);
    t->fetcher = hub_fetcher_new(&config);
    (void)hub_step_add(s, HUB_STEP_TREE_RESUME, t->name, t->folder);
    hub_fetcher_now(t->fetcher);
}

void hub_watch_drop(struct hub_tracked *t) {
    hub_fetcher_drop(t->fetcher);
    cm_list_remove(&t->in_trees);
    free(t->name);
    free(t->folder);
    free(t);
}

// ---- Mirrors that nobody wants any more

struct sweep {
    struct cm_job job;
    struct hub_sync *owner;
    char *folder;
    struct cm_map *doomed; // names in it; what is made after they were listed stays
};

static void sweep_one(const struct sweep *sweep, const char *name) {
    CM_AUTOFREE char *path = cm_strf("%s/%s", sweep->folder, name);
    struct cm_err err;

    if (hub_repo_discard(path, &err) < 0) {
        cm_log(CM_LOG_DEBUG, "git.discard", err.msg, NULL); // the next sweep takes it
    } else {
        cm_log(CM_LOG_INFO, "git.discard", "nobody wants this mirror any more", "folder", path,
               NULL);
    }
}

static bool sweep_next(void *ctx, const char *name, void *value) {
    (void)value;
    sweep_one(ctx, name);
    return true;
}

static void run_sweep(struct cm_job *job) {
    struct sweep *sweep = CM_CONTAINER(job, struct sweep, job);

    cm_map_each(sweep->doomed, sweep_next, sweep);
}

static void sweep_done(struct cm_job *job) {
    struct sweep *sweep = CM_CONTAINER(job, struct sweep, job);
    struct hub_sync *s = sweep->owner;

    cm_map_free(sweep->doomed);
    free(sweep->folder);
    free(sweep);
    s->jobs--;
    hub_sync_check_stopped(s);
}

static void list_mirrors(const char *path, struct cm_map *out) {
    DIR *folder = opendir(path);
    const struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        const char *at = strrchr(entry->d_name, '@');

        if (at != NULL && strcmp(at, HOLDS) != 0) {
            cm_map_put(out, entry->d_name, out);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
}

static void sweep(struct hub_sync *s) {
    struct sweep *sweep = cm_new(1, sizeof(*sweep));

    s->swept = true;
    sweep->owner = s;
    sweep->folder = cm_strf("%s/git", s->config.data_dir);
    sweep->doomed = cm_map_new(NULL);
    list_mirrors(sweep->folder, sweep->doomed);
    for (struct cm_list *at = s->trees.next; at != &s->trees; at = at->next) {
        struct hub_tracked *t = CM_CONTAINER(at, struct hub_tracked, in_trees);

        // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was dropped is off the list
        (void)cm_map_remove(sweep->doomed, strrchr(t->folder, '/') + 1);
    }
    sweep->job = (struct cm_job){.run = run_sweep, .done = sweep_done, .home = s->config.loop};
    s->jobs++;
    cm_workers_submit(s->fetching.git, &sweep->job);
}

// ---- What Apps want

static void drop_unwanted(struct hub_sync *s) {
    struct cm_list unwanted;

    cm_list_init(&unwanted);
    for (struct cm_list *at = s->trees.next, *next; at != &s->trees; at = next) {
        next = at->next;
        if (!CM_CONTAINER(at, struct hub_tracked, in_trees)->wanted) {
            cm_list_remove(at);
            cm_list_append(&unwanted, at);
        }
    }
    while (!cm_list_empty(&unwanted)) {
        hub_fetcher_forget(CM_CONTAINER(unwanted.next, struct hub_tracked, in_trees)->fetcher);
        hub_watch_drop(CM_CONTAINER(unwanted.next, struct hub_tracked, in_trees));
    }
}

static void follow_wants(struct hub_sync *s, const struct hub_outcome *o) {
    for (struct cm_list *at = s->trees.next; at != &s->trees; at = at->next) {
        CM_CONTAINER(at, struct hub_tracked, in_trees)->wanted = false;
    }
    for (size_t i = 0; i < o->want_count; i++) {
        struct hub_tracked *t = hub_watch_find(s, o->wants[i].name);

        if (t != NULL) {
            t->wanted = true;
        } else {
            watch_tree(s, &o->wants[i]);
        }
    }
    drop_unwanted(s);
}

void hub_watch_wants(struct hub_sync *s, const struct hub_outcome *o) {
    if (o->wants_changed) {
        follow_wants(s, o);
    }
    if (s->ready && (o->wants_changed || !s->swept)) {
        sweep(s);
    }
}
