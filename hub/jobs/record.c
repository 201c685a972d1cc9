#include "hub/jobs/record.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/planner.h"
#include "hub/jobs/publication.h"
#include "hub/render/bundle.h"
#include "hub/store/db.h"
#include "hub/store/desired.h"
#include "hub/store/events.h"

#define PROBLEM_EVENTS_MAX 20 // of one commit; all of them are in the table

// ---- Snapshots

struct cluster_row {
    const char *name;
    const char *labels;
    const char *repo;
    const char *path;
    bool suspend;
};

struct group_row {
    const char *name;
    const char *repo;
    const char *path;
    const char **members;
    size_t member_count;
};

struct hub_document_rows {
    struct cluster_row *clusters;
    size_t cluster_count;
    struct group_row *groups;
    size_t group_count;
    struct hub_app_row *apps;
    size_t app_count;
};

struct hub_problem_rows {
    struct hub_problem_row *rows;
    size_t count;
};

struct snapshot {
    struct cm_arena *arena;
    struct hub_document_rows *rows;
};

static void count_cluster(void *ctx, const struct hub_cluster_info *info) {
    (void)info;
    ((struct snapshot *)ctx)->rows->cluster_count++;
}

static void count_group(void *ctx, const struct hub_group_info *info) {
    (void)info;
    ((struct snapshot *)ctx)->rows->group_count++;
}

static void count_app(void *ctx, const struct hub_app_info *info) {
    (void)info;
    ((struct snapshot *)ctx)->rows->app_count++;
}

static const char *compact(struct cm_arena *a, const struct cm_json *node) {
    struct cm_str text = {0};

    if (node == NULL) {
        return "{}";
    }
    cm_json_write_compact(node, &text);
    const char *copy = cm_arena_strdup(a, cm_str_get(&text));
    cm_str_done(&text);
    return copy;
}

static void copy_cluster(void *ctx, const struct hub_cluster_info *info) {
    struct snapshot *s = ctx;

    s->rows->clusters[s->rows->cluster_count++] = (struct cluster_row){
        .name = cm_arena_strdup(s->arena, info->name),
        .labels = compact(s->arena, info->labels),
        .repo = cm_arena_strdup(s->arena, info->repo),
        .path = cm_arena_strdup(s->arena, info->path),
        .suspend = info->suspend,
    };
}

static void copy_group(void *ctx, const struct hub_group_info *info) {
    struct snapshot *s = ctx;
    struct group_row *row = &s->rows->groups[s->rows->group_count++];

    *row = (struct group_row){
        .name = cm_arena_strdup(s->arena, info->name),
        .repo = cm_arena_strdup(s->arena, info->repo),
        .path = cm_arena_strdup(s->arena, info->path),
        .members = cm_arena_get(s->arena, (info->cluster_count + 1) * sizeof(char *)),
        .member_count = info->cluster_count,
    };
    for (size_t i = 0; i < info->cluster_count; i++) {
        row->members[i] = cm_arena_strdup(s->arena, info->clusters[i]);
    }
}

static const char *names_json(struct cm_arena *a, const char *const *names, size_t count) {
    struct cm_json *array = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < count; i++) {
        cm_json_append(array, cm_json_new_string(a, names[i]));
    }
    return compact(a, array);
}

static void copy_app(void *ctx, const struct hub_app_info *info) {
    struct snapshot *s = ctx;

    s->rows->apps[s->rows->app_count++] = (struct hub_app_row){
        .name = cm_arena_strdup(s->arena, info->name),
        .repo = cm_arena_strdup(s->arena, info->repo),
        .path = cm_arena_strdup(s->arena, info->path),
        .namespace = cm_arena_strdup(s->arena, info->namespace),
        .drift = cm_arena_strdup(s->arena, info->drift),
        .prune = info->prune,
        .suspend = info->suspend,
        .depends_on = names_json(s->arena, info->depends_on, info->depends_on_count),
    };
}

const struct hub_document_rows *hub_record_documents(struct cm_arena *a,
                                                     const struct hub_fleet *fleet) {
    struct snapshot s = {.arena = a, .rows = cm_arena_get(a, sizeof(*s.rows))};

    hub_fleet_each_cluster(fleet, count_cluster, &s);
    hub_fleet_each_group(fleet, count_group, &s);
    hub_fleet_each_app(fleet, count_app, &s);
    s.rows->clusters = cm_arena_get(a, (s.rows->cluster_count + 1) * sizeof(*s.rows->clusters));
    s.rows->groups = cm_arena_get(a, (s.rows->group_count + 1) * sizeof(*s.rows->groups));
    s.rows->apps = cm_arena_get(a, (s.rows->app_count + 1) * sizeof(*s.rows->apps));
    s.rows->cluster_count = 0;
    s.rows->group_count = 0;
    s.rows->app_count = 0;
    hub_fleet_each_cluster(fleet, copy_cluster, &s);
    hub_fleet_each_group(fleet, copy_group, &s);
    hub_fleet_each_app(fleet, copy_app, &s);
    return s.rows;
}

static const char *copy_or_empty(struct cm_arena *a, const char *text) {
    return text == NULL ? "" : cm_arena_strdup(a, text);
}

const struct hub_problem_rows *hub_record_problems(struct cm_arena *a,
                                                   const struct hub_fleet *fleet) {
    struct hub_problem_rows *out = cm_arena_get(a, sizeof(*out));
    const struct hub_problem *problems = hub_fleet_problems(fleet, &out->count);

    out->rows = cm_arena_get(a, (out->count + 1) * sizeof(*out->rows));
    for (size_t i = 0; i < out->count; i++) {
        out->rows[i] = (struct hub_problem_row){
            .repo = cm_arena_strdup(a, problems[i].repo),
            .path = cm_arena_strdup(a, problems[i].path),
            .line = problems[i].line,
            .column = problems[i].column,
            .message = cm_arena_strdup(a, problems[i].message),
            .app = copy_or_empty(a, problems[i].app),
            .cluster = copy_or_empty(a, problems[i].cluster),
            .clusters = problems[i].clusters,
        };
    }
    return out;
}

// ---- Writing

static enum cm_rc put_documents(struct hub_db *db, const struct hub_document_rows *rows,
                                struct cm_err *err) {
    enum cm_rc rc = hub_documents_begin(db, err);

    for (size_t i = 0; rc == CM_OK && i < rows->cluster_count; i++) {
        const struct cluster_row *c = &rows->clusters[i];
        rc = hub_documents_put_cluster(db, c->name, c->labels, c->suspend, c->repo, c->path, err);
    }
    for (size_t i = 0; rc == CM_OK && i < rows->group_count; i++) {
        const struct group_row *g = &rows->groups[i];
        rc = hub_documents_put_group(db, g->name, g->repo, g->path, err);
        for (size_t k = 0; rc == CM_OK && k < g->member_count; k++) {
            rc = hub_documents_put_member(db, g->name, g->members[k], err);
        }
    }
    for (size_t i = 0; rc == CM_OK && i < rows->app_count; i++) {
        rc = hub_documents_put_app(db, &rows->apps[i], err);
    }
    return rc;
}

static enum cm_rc is_new_problem(struct hub_db *db, const struct hub_problem_row *row, bool *out,
                                 struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT 1 FROM problem WHERE repo = ?1 AND path = ?2"
                                 " AND message = ?3",
                                 "ttt", row->repo, row->path, row->message);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    *out = rc == CM_ENOTFOUND;
    return CM_OK;
}

static enum cm_rc tell_problem(struct hub_db *db, const struct hub_outcome *o,
                               const struct hub_problem_row *row, struct cm_err *err) {
    const char *message =
        row->line == 0 ? cm_arena_strf(o->arena, "%s: %s", row->path, row->message)
                       : cm_arena_strf(o->arena, "%s:%u: %s", row->path, row->line, row->message);

    return hub_events_add(
        db,
        &(struct hub_event){.at_ms = cm_clock_unix_ms(),
                            .kind = "problem.found",
                            .cluster = row->cluster,
                            .app = row->app,
                            .revision = o->revision == NULL ? "" : o->revision->id,
                            .actor = o->revision == NULL ? "" : o->revision->author,
                            .message = message},
        err);
}

static enum cm_rc put_problems(struct hub_db *db, const struct hub_outcome *o, struct cm_err *err) {
    const struct hub_problem_rows *problems = o->problems;
    size_t told = 0;
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < problems->count && told < PROBLEM_EVENTS_MAX; i++) {
        bool is_new = false;

        rc = is_new_problem(db, &problems->rows[i], &is_new, err);
        if (rc == CM_OK && is_new) {
            rc = tell_problem(db, o, &problems->rows[i], err);
            told++;
        }
    }
    rc = rc < 0 ? rc : hub_problems_begin(db, err);
    for (size_t i = 0; rc == CM_OK && i < problems->count; i++) {
        rc = hub_problems_put(db, &problems->rows[i], err);
    }
    return rc;
}

static enum cm_rc put_bundle(struct hub_db *db, const struct hub_bundle *bundle,
                             struct cm_err *err) {
    enum cm_rc rc =
        hub_desired_put_blob(db, &bundle->sha256, bundle->bytes->data, bundle->bytes->size, err);

    for (size_t i = 0; rc == CM_OK && i < bundle->spec.object_count; i++) {
        const struct hub_object *object = &bundle->spec.objects[i];

        if (!object->secret && object->bytes != NULL) {
            rc = hub_desired_put_blob(db, &object->sha256, object->bytes->data, object->bytes->size,
                                      err);
        }
    }
    return rc;
}

static enum cm_rc put_pair(struct hub_db *db, const struct hub_cluster_change *change,
                           const struct hub_pair *pair, struct cm_err *err) {
    struct hub_pair_row row = {
        .cluster = change->cluster,
        .app = pair->app,
        .bundle = pair->bundle->sha256,
        .repo = pair->repo,
        .revision = pair->revision,
        .generation = change->generation,
        .objects = pair->bundle->spec.object_count,
        .suspend = pair->bundle->spec.suspend,
        .stale = pair->stale,
    };

    return hub_desired_put_pair(db, &row, err);
}

static bool same_pair(const struct hub_pair *a, const struct hub_pair *b) {
    return cm_sha256_equal(&a->bundle->sha256, &b->bundle->sha256) && a->stale == b->stale &&
           strcmp(a->revision, b->revision) == 0 && strcmp(a->repo, b->repo) == 0;
}

struct pair_walk {
    const struct hub_pair *before;
    const struct hub_pair *before_end;
    const struct hub_pair *now;
    const struct hub_pair *now_end;
};

static struct pair_walk begin_walk(const struct hub_cluster_change *change) {
    struct pair_walk w = {0};

    if (change->before != NULL) {
        w.before = change->before->pairs;
        w.before_end = w.before + change->before->pair_count;
    }
    if (change->now != NULL) {
        w.now = change->now->pairs;
        w.now_end = w.now + change->now->pair_count;
    }
    return w;
}

static int next_order(const struct pair_walk *w) {
    if (w->before == w->before_end) {
        return 1;
    }
    return w->now == w->now_end ? -1 : strcmp(w->before->app, w->now->app);
}

// A bundle that many clusters share is written once: `written` remembers which were.
static enum cm_rc put_new_pair(struct hub_db *db, const struct hub_cluster_change *change,
                               const struct hub_pair *pair, struct cm_map *written,
                               struct cm_err *err) {
    char hex[CM_SHA256_HEX_MAX];
    enum cm_rc rc = CM_OK;

    cm_sha256_hex(&pair->bundle->sha256, hex);
    if (cm_map_get(written, hex) == NULL) {
        rc = put_bundle(db, pair->bundle, err);
        cm_map_put(written, hex, pair->bundle);
    }
    return rc < 0 ? rc : put_pair(db, change, pair, err);
}

// Both lists are sorted by App: a walk along both finds what differs.
static enum cm_rc put_pairs(struct hub_db *db, const struct hub_cluster_change *change,
                            struct cm_map *written, struct cm_err *err) {
    struct pair_walk w = begin_walk(change);
    enum cm_rc rc = CM_OK;

    while (rc == CM_OK && (w.before != w.before_end || w.now != w.now_end)) {
        int order = next_order(&w);

        if (order < 0) {
            rc = hub_desired_remove_pair(db, change->cluster, w.before->app, err);
        } else if (order > 0 || !same_pair(w.before, w.now)) {
            rc = put_new_pair(db, change, w.now, written, err);
        }
        w.before += order <= 0 ? 1 : 0;
        w.now += order >= 0 ? 1 : 0;
    }
    return rc;
}

static enum cm_rc put_change(struct hub_db *db, const struct hub_cluster_change *change,
                             struct cm_map *written, struct cm_err *err) {
    const struct hub_publication *p = change->publication;

    if (change->now == NULL) {
        return hub_desired_forget_cluster(db, change->cluster, err);
    }
    enum cm_rc rc = put_pairs(db, change, written, err);
    if (rc < 0 || p == NULL) {
        return rc;
    }
    return hub_desired_put_manifest(db,
                                    &(struct hub_manifest_row){.cluster = change->cluster,
                                                               .epoch = p->epoch,
                                                               .generation = p->generation,
                                                               .sha256 = p->sha256,
                                                               .bytes = p->manifest},
                                    err);
}

static enum cm_rc put_revision(struct hub_db *db, const struct hub_outcome *o, struct cm_err *err) {
    const struct hub_revision_row *row = o->revision;
    const char *message = cm_arena_strf(o->arena, "%s: %s (%zu clusters change)", row->repo,
                                        row->subject, row->clusters);
    enum cm_rc rc = hub_revisions_add(db, row, err);

    return rc < 0 ? rc
                  : hub_events_add(db,
                                   &(struct hub_event){.at_ms = row->resolved_ms,
                                                       .kind = "sync.resolved",
                                                       .revision = row->id,
                                                       .actor = row->author,
                                                       .message = message},
                                   err);
}

enum cm_rc hub_record_outcome(struct hub_db *db, const struct hub_outcome *o, struct cm_err *err) {
    CM_CLEANUP(cm_map_freep) struct cm_map *written = cm_map_new(NULL);
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < o->change_count; i++) {
        rc = put_change(db, &o->changes[i], written, err);
    }
    rc = rc < 0 || o->documents == NULL ? rc : put_documents(db, o->documents, err);
    rc = rc < 0 || o->problems == NULL ? rc : put_problems(db, o, err);
    rc = rc < 0 || o->revision == NULL ? rc : put_revision(db, o, err);
    return rc < 0 ? cm_wrap(err, "record what the commit changes") : CM_OK;
}
