// state_side.c: what the branches `desired` and `actual` have in common.
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/jobs/state_work.h"
#include "hub/store/desired.h"
#include "hub/store/needs.h"

#define ROWS_MAX 100000 // of one pass

// ---- Files and folders that were made before

const struct hub_repo_id *hub_state_known(const struct hub_state_pass *p,
                                          const struct cm_sha256 *name) {
    char hex[CM_SHA256_HEX_MAX];

    cm_sha256_hex(name, hex);
    return cm_map_get(p->known, hex);
}

void hub_state_keep(struct hub_state_pass *p, const struct cm_sha256 *name,
                    const struct hub_repo_id *id) {
    struct hub_repo_id *copy = cm_new(1, sizeof(*copy));
    char hex[CM_SHA256_HEX_MAX];

    *copy = *id;
    cm_sha256_hex(name, hex);
    cm_map_put(p->known, hex, copy);
}

static enum cm_rc write_object(struct hub_state_pass *p, const char *key,
                               const struct cm_sha256 *name, bool secret, struct hub_repo_id *out,
                               struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    CM_CLEANUP(cm_str_done) struct cm_str named = {0};
    enum cm_rc rc = secret ? CM_ENOTFOUND : hub_desired_find_blob(p->db, name, &bytes, err);

    if (rc == CM_OK) {
        return hub_state_blob(p->repo, bytes->data, bytes->size, out, err);
    }
    if (rc != CM_ENOTFOUND) {
        return rc;
    }
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    hub_state_named(a, key, name, secret, &named);
    return hub_state_blob(p->repo, cm_str_get(&named), named.len, out, err);
}

enum cm_rc hub_state_object(struct hub_state_pass *p, const char *key, const struct cm_sha256 *name,
                            bool secret, struct hub_repo_id *out, struct cm_err *err) {
    const struct hub_repo_id *known = hub_state_known(p, name);

    if (known != NULL) {
        *out = *known;
        return CM_OK;
    }
    enum cm_rc rc = write_object(p, key, name, secret, out, err);
    if (rc == CM_OK) {
        hub_state_keep(p, name, out);
    }
    return rc;
}

// ---- Clusters

static void free_set(void *set) {
    cm_map_free(set);
}

// copy_row keeps what a row says for the pass. Most say nothing but that there is one.
static struct hub_unwritten_row *copy_row(struct cm_arena *a, const struct hub_unwritten_row *row) {
    static struct hub_unwritten_row plain = {.revision = "", .removal = ""};

    if (!row->held && row->revision[0] == '\0' && row->removal[0] == '\0') {
        return &plain;
    }
    struct hub_unwritten_row *copy = cm_arena_get(a, sizeof(*copy));
    *copy = (struct hub_unwritten_row){.held = row->held,
                                       .revision = cm_arena_strdup(a, row->revision),
                                       .removal = cm_arena_strdup(a, row->removal)};
    return copy;
}

static enum cm_rc note_row(void *ctx, const struct hub_unwritten_row *row, struct cm_err *err) {
    struct hub_state_side *s = ctx;
    struct cm_map *apps = cm_map_get(s->clusters, row->cluster);

    (void)err;
    if (apps == NULL) {
        apps = cm_map_new(NULL);
        cm_map_put(s->clusters, row->cluster, apps);
        s->edit_count++; // of what every cluster has
    }
    cm_map_put(apps, row->app, copy_row(s->pass->arena, row));
    s->edit_count++;
    return CM_OK;
}

static void note_app(void *ctx, const struct hub_unwritten_app *app) {
    struct hub_state_side *s = ctx;

    if (s->app_count == s->app_room) {
        size_t room = s->app_room == 0 ? 16 : s->app_room * 2;
        struct hub_state_app *apps = cm_arena_get(s->arena, room * sizeof(*apps));

        if (s->app_count > 0) {
            memcpy(apps, s->apps, s->app_count * sizeof(*apps));
        }
        s->apps = apps;
        s->app_room = room;
    }
    s->apps[s->app_count++] =
        (struct hub_state_app){.name = cm_arena_strdup(s->arena, app->app),
                               .bundle = app->bundle,
                               .repo = cm_arena_strdup(s->arena, app->repo),
                               .revision = cm_arena_strdup(s->arena, app->revision),
                               .observed = app->observed,
                               .differs = app->differs};
}

static int order_app(const void *name, const void *app) {
    return strcmp(name, ((const struct hub_state_app *)app)->name);
}

// They were visited by name.
static struct hub_state_app *find_app(const struct hub_state_side *s, const char *name) {
    return s->app_count == 0 ? NULL
                             : bsearch(name, s->apps, s->app_count, sizeof(*s->apps), order_app);
}

// note_need: what is there serves though it failed, or is not kept out; only people can settle it.
static void note_need(void *ctx, const struct hub_need_row *row) {
    struct hub_state_side *s = ctx;
    struct hub_state_app *app = find_app(s, row->app);

    if (app != NULL) {
        app->needs = app->needs != NULL ? app->needs : cm_json_new(s->arena, CM_OBJECT);
        cm_json_set_string(s->arena, app->needs, cm_arena_strdup(s->arena, row->key), row->why);
    }
}

static void describe(const struct hub_state_side *s, struct cm_str *out) {
    struct cm_json *root = cm_json_new(s->arena, CM_OBJECT);
    struct cm_json *apps = cm_json_new(s->arena, CM_OBJECT);

    for (size_t i = 0; i < s->app_count; i++) {
        const struct hub_state_app *of = &s->apps[i];
        struct cm_json *app = cm_json_new(s->arena, CM_OBJECT);
        char hex[CM_SHA256_HEX_MAX];

        if (of->observed && (of->differs || of->revision[0] == '\0')) {
            cm_json_set_string(s->arena, app, "observed", of->revision);
        } else {
            cm_sha256_hex(&of->bundle, hex);
            cm_json_set_string(s->arena, app, "bundle", hex);
            cm_json_set_string(s->arena, app, "revision", of->revision);
        }
        if (of->more != NULL) {
            cm_json_set(s->arena, app, "more", of->more);
        }
        if (of->needs != NULL) {
            cm_json_set(s->arena, app, "needsHuman", of->needs);
        }
        cm_json_set(s->arena, apps, of->name, app);
    }
    cm_json_set(s->arena, root, "apps", apps);
    cm_json_write_canonical(root, out);
}

static enum cm_rc add_meta(struct hub_state_side *s, const char *folder, struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct hub_state_edit *edit = &s->edits[s->edit_count++];

    edit->path = cm_arena_strf(s->pass->arena, "%s/" HUB_STATE_META, folder);
    edit->what = s->app_count == 0 ? HUB_STATE_GONE : HUB_STATE_FILE;
    if (s->app_count == 0) {
        return CM_OK;
    }
    describe(s, &text);
    return hub_state_blob(s->pass->repo, cm_str_get(&text), text.len, &edit->id, err);
}

static enum cm_rc add_app(struct hub_state_side *s, const char *folder, const char *name,
                          const struct hub_unwritten_row *row, struct cm_err *err) {
    struct hub_state_app *app = find_app(s, name);
    struct hub_state_edit *edit = &s->edits[s->edit_count++];
    bool empty = app == NULL;
    enum cm_rc rc = CM_OK;

    edit->path = cm_arena_strf(s->pass->arena, "%s/%s", folder, hub_state_part(s->arena, name));
    hub_state_news_add(s->news.apps, name);
    rc = s->tell(s, app, row, err);
    if (app != NULL) {
        s->news.only_removed = false;
        rc = rc < 0 ? rc : s->folder(s, app, &edit->id, &empty, err);
    }
    edit->what = empty ? HUB_STATE_GONE : HUB_STATE_FOLDER;
    return rc < 0 ? rc : hub_state_spill(s->pass->repo, err);
}

static enum cm_rc add_apps(struct hub_state_side *s, const struct cm_map *changed,
                           struct cm_err *err) {
    const char **names = cm_map_keys(changed);
    const char *folder = hub_state_folder(s->arena, s->cluster);
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < cm_map_len(changed); i++) {
        rc = add_app(s, folder, names[i], cm_map_get(changed, names[i]), err);
    }
    free(names);
    return rc < 0 ? rc : add_meta(s, folder, err);
}

struct walk {
    struct hub_state_side *side;
    struct cm_err *err;
    enum cm_rc rc;
};

static bool visit_cluster(void *ctx, const char *cluster, void *changed) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct walk *w = ctx;
    struct hub_state_side *s = w->side;

    s->arena = a;
    s->cluster = cluster;
    s->apps = NULL;
    s->app_count = 0;
    s->app_room = 0;
    hub_state_news_add(s->news.clusters, cluster);
    w->rc = hub_unwritten_apps(s->pass->db, s->list, cluster, note_app, s, w->err);
    if (w->rc == CM_OK && s->list == HUB_UNWRITTEN_ACTUAL) {
        w->rc = hub_needs_settle(s->pass->db, cluster, note_need, s, w->err);
    }
    w->rc = w->rc < 0 ? w->rc : add_apps(s, changed, w->err);
    return w->rc == CM_OK;
}

// ---- The commit

static enum cm_rc stage(struct hub_state_side *s, struct hub_state_done *out, struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str message = {0};
    bool changed = false;

    s->news.epoch = s->pass->epoch;
    s->news.event = s->pass->event;
    s->news.hub_id = s->pass->hub_id;
    hub_state_message(&s->news, &message);
    struct hub_state_change change = {.branch = s->news.branch,
                                      .edits = s->edits,
                                      .edit_count = s->edit_count,
                                      .message = cm_str_get(&message),
                                      .committer = HUB_STATE_COMMITTER,
                                      .when_ms = cm_clock_unix_ms()};
    enum cm_rc rc = hub_state_turns(s->pass, s->news.branch, &change.month, err);
    rc = rc < 0 ? rc : hub_state_stage(s->pass->repo, &change, &changed, err);
    out->commits += changed ? 1 : 0;
    out->files += changed ? s->edit_count : 0;
    return rc;
}

static enum cm_rc run(struct hub_state_side *s, struct hub_state_done *out, int64_t *last,
                      struct cm_err *err) {
    struct walk w = {.side = s, .err = err, .rc = CM_OK};
    const struct hub_unwritten_due which = {s->list, out->now_ms};
    enum cm_rc rc = hub_unwritten_each(s->pass->db, &which, ROWS_MAX, note_row, s, last, err);

    if (rc < 0 || *last == 0) {
        return rc;
    }
    out->more = out->more || s->edit_count >= ROWS_MAX;
    s->edits = cm_arena_get(s->pass->arena, s->edit_count * sizeof(*s->edits));
    s->edit_count = 0;
    cm_map_each(s->clusters, visit_cluster, &w);
    return w.rc < 0 ? w.rc : stage(s, out, err);
}

enum cm_rc hub_state_side_stage(struct hub_state_side *s, const char *branch,
                                struct hub_state_done *out, int64_t *last, struct cm_err *err) {
    const char *desired = s->news.desired;

    hub_state_news_init(&s->news, branch);
    s->news.desired = desired;
    s->clusters = cm_map_new(free_set);
    enum cm_rc rc = run(s, out, last, err);
    hub_state_news_done(&s->news);
    cm_map_free(s->clusters);
    return rc;
}
