#include "hub/ctl/sources.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/offline.h"
#include "hub/fleet/fleet.h"
#include "hub/plan/show.h"
#include "hub/repo/folder.h"
#include "hub/repo/local.h"
#include "hub/repo/source.h"
#include "hub/repo/tree.h"

struct loaded {
    struct hub_repo *repo; // NULL: a plain folder
    struct hub_tree *tree;
    const char *revision;
    const char *prefix; // "" or "a/"
};

static void free_loaded(void *p) {
    struct loaded *l = p;

    hub_tree_free(l->tree);
    hub_repo_close(l->repo);
    free(l);
}

static void free_loadedp(struct loaded **l) {
    if (*l != NULL) {
        free_loaded(*l);
    }
}

enum cm_rc ctl_sources_open(struct ctl *c, struct ctl_sources *out) {
    const char *text = c->options.source == NULL ? "" : c->options.source;
    char *rest = cm_arena_strdup(c->arena, text);
    struct ctl_sources s = {.dirs = cm_map_new(NULL), .loaded = cm_map_new(free_loaded)};

    while (rest != NULL && rest[0] != '\0') {
        char *one = strsep(&rest, ",");
        char *equals = strchr(one, '=');

        if (equals == NULL || equals == one || equals[1] == '\0') {
            ctl_sources_close(&s);
            return cm_fail(&c->err, CM_EINVAL,
                           "--source %.100s: write NAME=DIR, the name as the hub knows it", one);
        }
        *equals = '\0';
        cm_map_put(s.dirs, one, equals + 1);
    }
    *out = s;
    return CM_OK;
}

void ctl_sources_close(struct ctl_sources *s) {
    cm_map_free(s->dirs);
    cm_map_free(s->loaded);
    *s = (struct ctl_sources){0};
}

// ---- Loading

// find_commit finds what the App means in a Git repository.
static enum cm_rc find_commit(struct hub_repo *repo, const struct hub_fleet_source *source,
                              struct hub_repo_id *out, struct cm_err *err) {
    struct hub_repo_source want = {.name = source->repository};
    struct hub_commit head = {0};

    switch (source->ref) {
    case HUB_REF_BRANCH:
        want.branch = source->text;
        break;
    case HUB_REF_TAG:
        want.tag = source->text;
        break;
    case HUB_REF_SEMVER:
        want.semver = source->text;
        break;
    case HUB_REF_COMMIT:
        want.commit = source->text;
        break;
    default:
        if (hub_repo_resolve(repo, "HEAD", &head, err) == CM_OK) {
            *out = head.id;
            hub_commit_done(&head);
            return CM_OK;
        }
        return err->code;
    }
    return hub_repo_find_local(repo, &want, out, err);
}

static enum cm_rc open_commit(struct ctl *c, struct loaded *l,
                              const struct hub_fleet_source *source) {
    char hex[HUB_REPO_ID_HEX_MAX];
    struct hub_repo_id commit;

    if (find_commit(l->repo, source, &commit, &c->err) < 0 ||
        hub_repo_tree(l->repo, &commit, &l->tree, &c->err) < 0) {
        return c->err.code;
    }
    hub_repo_id_hex(&commit, hex);
    l->revision = cm_arena_strdup(c->arena, hex);
    return CM_OK;
}

static enum cm_rc open_source(struct ctl *c, const struct hub_fleet_source *source, const char *dir,
                              struct loaded *l) {
    const char *prefix = "";
    enum cm_rc rc = CM_OK;

    l->revision = "";
    l->prefix = "";
    if (hub_repo_open_local(dir, &l->repo, &c->err) < 0) {
        l->repo = NULL;
        c->err = (struct cm_err){.code = CM_OK}; // it may be a plain folder
        return hub_folder_open(dir, &l->tree, &c->err);
    }
    const char *top = hub_repo_work_folder(l->repo);
    if (top != NULL) {
        rc = ctl_offline_inside(c, dir, top, &prefix);
    }
    if (prefix[0] != '\0') {
        l->prefix = cm_arena_strf(c->arena, "%s/", prefix);
    }
    return rc < 0 ? rc : open_commit(c, l, source);
}

static enum cm_rc load(struct ctl *c, struct ctl_offline *o, const struct hub_fleet_source *source,
                       const char *dir) {
    CM_CLEANUP(free_loadedp) struct loaded *l = cm_new(1, sizeof(*l));
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    const char *name = cm_arena_strdup(c->arena, source->name);

    if (open_source(c, source, dir, l) < 0) {
        return cm_wrap(&c->err, "source '%.100s' in '%.100s'", name, dir);
    }
    size_t len = strlen(l->prefix);
    const char *prefix = cm_arena_strndup(c->arena, l->prefix, len > 0 ? len - 1 : 0);
    if (hub_tree_list(l->tree, prefix, NULL, &entries, &c->err) < 0) {
        return cm_wrap(&c->err, "source '%.100s' in '%.100s'", name, dir);
    }
    struct hub_fleet_commit commit = {
        .repo = name, .revision = l->revision, .complete = true, .source_only = true};
    const char *skip = l->prefix;
    cm_map_put(o->sources.loaded, name, CM_TAKE(l));
    ctl_offline_take(c, o, &entries, skip, &commit);
    return CM_OK;
}

// ---- Other repositories of documents

static enum cm_rc load_other(struct ctl *c, struct ctl_offline *o, const char *dir) {
    CM_CLEANUP(free_loadedp) struct loaded *l = cm_new(1, sizeof(*l));
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    struct hub_fleet_commit commit = {.repo = dir, .revision = "", .complete = true};

    if (hub_folder_open(dir, &l->tree, &c->err) < 0 ||
        hub_tree_list(l->tree, "", NULL, &entries, &c->err) < 0) {
        return cm_wrap(&c->err, "--with %.200s", dir);
    }
    cm_map_put(o->sources.loaded, dir, CM_TAKE(l));
    ctl_offline_take(c, o, &entries, "", &commit);
    return CM_OK;
}

enum cm_rc ctl_sources_feed_others(struct ctl *c, struct ctl_offline *o) {
    char *rest = cm_arena_strdup(c->arena, c->options.with == NULL ? "" : c->options.with);

    while (rest != NULL && rest[0] != '\0') {
        const char *dir = strsep(&rest, ",");

        if (strcmp(dir, HUB_PLAN_HERE) == 0) {
            return cm_fail(&c->err, CM_EINVAL, "--with names another repository than this one");
        }
        if (load_other(c, o, dir) < 0) {
            return c->err.code;
        }
    }
    return CM_OK;
}

// ---- What Apps want

// next finds a source that is wanted, given and not there yet.
static const struct hub_fleet_source *next(const struct ctl_offline *o) {
    size_t count;
    const struct hub_fleet_source *sources = hub_fleet_sources(o->fleet, &count);

    for (size_t i = 0; i < count; i++) {
        if (!sources[i].loaded && cm_map_get(o->sources.dirs, sources[i].repository) != NULL) {
            return &sources[i];
        }
    }
    return NULL;
}

enum cm_rc ctl_sources_feed(struct ctl *c, struct ctl_offline *o) {
    const struct hub_fleet_source *source;

    while ((source = next(o)) != NULL) {
        if (load(c, o, source, cm_map_get(o->sources.dirs, source->repository)) < 0) {
            return c->err.code;
        }
    }
    return CM_OK;
}

enum cm_rc ctl_sources_read(const struct ctl_sources *s, const char *source, const uint8_t *oid,
                            size_t max_bytes, struct cm_buf **out, struct cm_err *err) {
    const struct loaded *l = cm_map_get(s->loaded, source);
    struct hub_repo_id id;

    if (l == NULL) {
        return cm_fail(err, CM_ENOTFOUND, "the source '%.100s' is not here", source);
    }
    memcpy(id.bytes, oid, sizeof(id.bytes));
    return hub_tree_read_id(l->tree, &id, max_bytes, out, err);
}
