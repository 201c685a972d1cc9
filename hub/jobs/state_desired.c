// state_desired.c: the branch `desired`: what is in force, as it is in the database.
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/jobs/state_work.h"
#include "hub/render/bundle.h"
#include "hub/store/db.h"
#include "hub/store/desired.h"
#include "hub/store/unwritten.h"

#define ROWS_MAX 100000 // of one pass
#define BRANCH "desired"

// ---- Folders of Apps

static const struct hub_repo_id *find_known(const struct hub_state_pass *p,
                                            const struct cm_sha256 *name) {
    char hex[CM_SHA256_HEX_MAX];

    cm_sha256_hex(name, hex);
    return cm_map_get(p->known, hex);
}

static void keep_known(struct hub_state_pass *p, const struct cm_sha256 *name,
                       const struct hub_repo_id *id) {
    struct hub_repo_id *copy = cm_new(1, sizeof(*copy));
    char hex[CM_SHA256_HEX_MAX];

    *copy = *id;
    cm_sha256_hex(name, hex);
    cm_map_put(p->known, hex, copy);
}

// A Secret's bytes are nowhere in the database; its name is a keyed hash.
static enum cm_rc write_object(struct hub_state_pass *p, const struct hub_object *object,
                               struct hub_repo_id *out, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = NULL;
    CM_CLEANUP(cm_str_done) struct cm_str named = {0};
    enum cm_rc rc =
        object->secret ? CM_ENOTFOUND : hub_desired_find_blob(p->db, &object->sha256, &bytes, err);

    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    if (rc == CM_ENOTFOUND) {
        a = cm_arena_new(0);
        hub_state_named(a, object->key, &object->sha256, object->secret, &named);
        return hub_state_blob(p->repo, cm_str_get(&named), named.len, out, err);
    }
    return hub_state_blob(p->repo, bytes->data, bytes->size, out, err);
}

static enum cm_rc add_object(struct hub_state_pass *p, const struct hub_object *object,
                             struct hub_repo_id *out, struct cm_err *err) {
    const struct hub_repo_id *known = find_known(p, &object->sha256);

    if (known != NULL) {
        *out = *known;
        return CM_OK;
    }
    enum cm_rc rc = write_object(p, object, out, err);
    if (rc == CM_OK) {
        keep_known(p, &object->sha256, out);
    }
    return rc;
}

static enum cm_rc make_folder(struct hub_state_pass *p, const struct hub_bundle *bundle,
                              struct hub_repo_id *out, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_state_edit *edits =
        cm_arena_get(a, (bundle->spec.object_count + 1) * sizeof(*edits));
    size_t count = 0;
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < bundle->spec.object_count; i++) {
        const struct hub_object *object = &bundle->spec.objects[i];
        struct hub_state_edit *edit = &edits[count];

        edit->what = HUB_STATE_FILE;
        edit->path = hub_state_file(a, object->key);
        rc = add_object(p, object, &edit->id, err);
        count += edit->path != NULL ? 1 : 0;
    }
    return rc < 0 ? rc : hub_state_tree(p->repo, edits, count, out, err);
}

// folder_of makes the folder of a bundle. CM_ENOTFOUND: the bundle is not in the database any more.
static enum cm_rc folder_of(struct hub_state_pass *p, const struct cm_sha256 *name,
                            struct hub_repo_id *out, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    CM_CLEANUP(hub_bundle_unrefp) struct hub_bundle *bundle = NULL;
    const struct hub_repo_id *known = find_known(p, name);

    if (known != NULL) {
        *out = *known;
        return CM_OK;
    }
    enum cm_rc rc = hub_desired_find_blob(p->db, name, &bytes, err);
    rc = rc < 0 ? rc : hub_bundle_decode(bytes, NULL, NULL, &bundle, err);
    rc = rc < 0 ? rc : make_folder(p, bundle, out, err);
    if (rc == CM_OK) {
        keep_known(p, name, out);
        rc = hub_state_spill(p->repo, err);
    }
    return rc;
}

// ---- Clusters

struct app {
    char *name;
    struct cm_sha256 bundle;
    char *repo;
    char *revision;
};

struct desired {
    struct hub_state_pass *pass;
    struct hub_state_news news;
    struct cm_map *clusters; // name -> a map of the Apps that changed
    struct hub_state_edit *edits;
    size_t edit_count;
    struct app *apps; // of the cluster that is looked at
    size_t app_count;
    size_t app_room;
    struct cm_arena *arena; // of that one
};

static void free_set(void *set) {
    cm_map_free(set);
}

static enum cm_rc note_row(void *ctx, const char *cluster, const char *app, struct cm_err *err) {
    struct desired *d = ctx;
    struct cm_map *apps = cm_map_get(d->clusters, cluster);

    (void)err;
    if (apps == NULL) {
        apps = cm_map_new(NULL);
        cm_map_put(d->clusters, cluster, apps);
        d->edit_count++; // of what every cluster has
    }
    hub_state_news_add(apps, app);
    d->edit_count++;
    return CM_OK;
}

static void note_pair(void *ctx, const struct hub_unwritten_pair *pair) {
    struct desired *d = ctx;

    if (d->app_count == d->app_room) {
        size_t room = d->app_room == 0 ? 16 : d->app_room * 2;
        struct app *apps = cm_arena_get(d->arena, room * sizeof(*apps));

        if (d->app_count > 0) {
            memcpy(apps, d->apps, d->app_count * sizeof(*apps));
        }
        d->apps = apps;
        d->app_room = room;
    }
    d->apps[d->app_count++] = (struct app){.name = cm_arena_strdup(d->arena, pair->app),
                                           .bundle = pair->bundle,
                                           .repo = cm_arena_strdup(d->arena, pair->repo),
                                           .revision = cm_arena_strdup(d->arena, pair->revision)};
}

static const struct app *find_app(const struct desired *d, const char *name) {
    for (size_t i = 0; i < d->app_count; i++) {
        if (strcmp(d->apps[i].name, name) == 0) {
            return &d->apps[i];
        }
    }
    return NULL;
}

static enum cm_rc add_meta(struct desired *d, const char *folder, struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_json *root = cm_json_new(d->arena, CM_OBJECT);
    struct cm_json *apps = cm_json_new(d->arena, CM_OBJECT);
    struct hub_state_edit *edit = &d->edits[d->edit_count++];

    edit->path = cm_arena_strf(d->pass->arena, "%s/" HUB_STATE_META, folder);
    edit->what = d->app_count == 0 ? HUB_STATE_GONE : HUB_STATE_FILE;
    if (d->app_count == 0) {
        return CM_OK;
    }
    for (size_t i = 0; i < d->app_count; i++) {
        struct cm_json *app = cm_json_new(d->arena, CM_OBJECT);
        char hex[CM_SHA256_HEX_MAX];

        cm_sha256_hex(&d->apps[i].bundle, hex);
        cm_json_set_string(d->arena, app, "bundle", hex);
        cm_json_set_string(d->arena, app, "revision", d->apps[i].revision);
        cm_json_set(d->arena, apps, d->apps[i].name, app);
    }
    cm_json_set(d->arena, root, "apps", apps);
    cm_json_write_canonical(root, &text);
    return hub_state_blob(d->pass->repo, cm_str_get(&text), text.len, &edit->id, err);
}

static void tell_app(struct desired *d, const char *name, const struct app *app) {
    hub_state_news_add(d->news.apps, name);
    if (app != NULL) {
        hub_state_news_add(d->news.causes,
                           cm_arena_strf(d->arena, "commit %s@%s", app->repo, app->revision));
        d->news.only_removed = false;
    }
}

static enum cm_rc add_app(struct desired *d, const char *folder, const char *name,
                          struct cm_err *err) {
    const struct app *app = find_app(d, name);
    struct hub_state_edit *edit = &d->edits[d->edit_count++];

    edit->path = cm_arena_strf(d->pass->arena, "%s/%s", folder, name);
    edit->what = app == NULL ? HUB_STATE_GONE : HUB_STATE_FOLDER;
    tell_app(d, name, app);
    return app == NULL ? CM_OK : folder_of(d->pass, &app->bundle, &edit->id, err);
}

static enum cm_rc add_apps(struct desired *d, const char *cluster, const struct cm_map *changed,
                           struct cm_err *err) {
    const char **names = cm_map_keys(changed);
    const char *folder = hub_state_folder(d->arena, cluster);
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < cm_map_len(changed); i++) {
        rc = add_app(d, folder, names[i], err);
    }
    free(names);
    return rc < 0 ? rc : add_meta(d, folder, err);
}

static enum cm_rc add_cluster(struct desired *d, const char *cluster, const struct cm_map *changed,
                              struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    d->arena = a;
    d->apps = NULL;
    d->app_count = 0;
    d->app_room = 0;
    hub_state_news_add(d->news.clusters, cluster);
    enum cm_rc rc = hub_unwritten_pairs(d->pass->db, cluster, note_pair, d, err);
    return rc < 0 ? rc : add_apps(d, cluster, changed, err);
}

// ---- The commit

struct walk {
    struct desired *desired;
    struct cm_err *err;
    enum cm_rc rc;
};

static bool visit_cluster(void *ctx, const char *cluster, void *changed) {
    struct walk *w = ctx;

    w->rc = add_cluster(w->desired, cluster, changed, w->err);
    return w->rc == CM_OK;
}

static enum cm_rc find_actors(struct desired *d, struct cm_err *err) {
    const char **causes = cm_map_keys(d->news.causes);
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < cm_map_len(d->news.causes); i++) {
        CM_AUTOFREE char *author = NULL;
        const char *id = strchr(causes[i], '@');

        rc = hub_unwritten_author(d->pass->db, id == NULL ? "" : id + 1, &author, err);
        if (author != NULL) {
            hub_state_news_add(d->news.actors, author);
        }
    }
    free(causes);
    return rc;
}

static enum cm_rc stage(struct desired *d, struct hub_state_done *out, struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str message = {0};
    bool changed = false;
    enum cm_rc rc = find_actors(d, err);

    if (rc < 0) {
        return rc;
    }
    d->news.epoch = d->pass->epoch;
    d->news.event = d->pass->event;
    d->news.hub_id = d->pass->hub_id;
    hub_state_message(&d->news, &message);
    struct hub_state_change change = {.branch = BRANCH,
                                      .edits = d->edits,
                                      .edit_count = d->edit_count,
                                      .message = cm_str_get(&message),
                                      .committer = HUB_STATE_COMMITTER,
                                      .when_ms = cm_clock_unix_ms()};
    rc = hub_state_stage(d->pass->repo, &change, &changed, err);
    out->commits += changed ? 1 : 0;
    out->files += changed ? d->edit_count : 0;
    return rc;
}

static enum cm_rc run(struct desired *d, struct hub_state_done *out, struct cm_err *err) {
    struct walk w = {.desired = d, .err = err, .rc = CM_OK};
    enum cm_rc rc = hub_unwritten_each(d->pass->db, ROWS_MAX, note_row, d, &out->written, err);

    if (rc < 0 || out->written == 0) {
        return rc;
    }
    out->more = out->more || d->edit_count >= ROWS_MAX;
    d->edits = cm_arena_get(d->pass->arena, d->edit_count * sizeof(*d->edits));
    d->edit_count = 0;
    cm_map_each(d->clusters, visit_cluster, &w);
    return w.rc < 0 ? w.rc : stage(d, out, err);
}

enum cm_rc hub_state_desired_stage(struct hub_state_pass *p, struct hub_state_done *out,
                                   struct cm_err *err) {
    struct desired d = {.pass = p, .clusters = cm_map_new(free_set)};

    hub_state_news_init(&d.news, BRANCH);
    enum cm_rc rc = run(&d, out, err);
    hub_state_news_done(&d.news);
    cm_map_free(d.clusters);
    return rc;
}
