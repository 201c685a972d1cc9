#include "hub/store/past_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/store/db.h"
#include "hub/store/meta.h"

// ---- Names

static enum cm_rc read_names(struct past_read *r, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(r->db, &stmt, err, "SELECT number, name FROM past_cluster", "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        size_t number = (size_t)hub_stmt_int(stmt, 0);

        if (number < r->count) {
            r->names[number] = cm_arena_strdup(r->arena, hub_stmt_text(stmt, 1));
        }
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc read_kept_from(struct past_read *r, struct cm_err *err) {
    enum cm_rc rc = hub_meta_get_int(r->db, HUB_PAST_KEPT_FROM, &r->kept_from_ms, err);

    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

const char *past_kept_words(struct past_read *r) {
    char text[CM_CLOCK_TEXT_MAX];

    if (r->kept_from_ms == 0) {
        return "";
    }
    cm_clock_format(r->kept_from_ms, text);
    return cm_arena_strf(r->arena,
                         " since %.19sZ (what was before is not kept: reindex, with months before "
                         "that in state.git, brings it back)",
                         text);
}

enum cm_rc past_read_begin(struct past_read *r, struct hub_db *db, struct cm_arena *a,
                           const struct hub_past_ask *ask, struct cm_err *err) {
    *r = (struct past_read){.db = db, .arena = a, .ask = ask, .info = cm_map_new(NULL)};
    enum cm_rc rc = hub_past_clusters(db, &r->count, err);

    rc = rc < 0 ? rc : read_kept_from(r, err);
    if (rc < 0) {
        return rc;
    }
    r->names = cm_arena_get(a, r->count * sizeof(*r->names));
    return read_names(r, err);
}

void past_read_end(struct past_read *r) {
    cm_map_freep(&r->info);
}

// ---- What is meant

static bool find_cluster(const struct past_read *r, struct past_scope *s) {
    for (size_t i = 0; i < r->count; i++) {
        if (r->names[i] != NULL && strcmp(r->names[i], s->select.target) == 0) {
            s->in[i] = true;
            return true;
        }
    }
    return false;
}

// is_known also knows a cluster that is in Git and has no past yet.
static enum cm_rc is_known(struct past_read *r, const char *name, bool *out_group,
                           struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(r->db, &stmt, err,
                                 "SELECT 1 FROM cluster_group WHERE name = ?1 UNION ALL"
                                 " SELECT 0 FROM cluster WHERE name = ?1",
                                 "t", name);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    *out_group = rc == CM_OK && hub_stmt_int(stmt, 0) != 0;
    return rc != CM_ENOTFOUND
               ? rc
               : cm_fail(err, CM_ENOTFOUND, "there is no cluster or group '%.200s'", name);
}

static enum cm_rc find_members(struct past_read *r, struct past_scope *s, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = is_known(r, s->select.target, &s->grouped, err);

    rc = rc < 0 ? rc
                : hub_db_query(r->db, &stmt, err,
                               "SELECT c.number FROM group_member g JOIN past_cluster c"
                               " ON c.name = g.cluster WHERE g.grp = ?1",
                               "t", s->select.target);
    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        size_t number = (size_t)hub_stmt_int(stmt, 0);

        if (number < r->count) {
            s->in[number] = true;
        }
    }
    return rc == CM_ENOTFOUND && stmt != NULL ? CM_OK : rc;
}

static enum cm_rc find_clusters(struct past_read *r, struct past_scope *s, struct cm_err *err) {
    bool all = s->select.target[0] == '\0';

    s->in = cm_arena_get(r->arena, r->count * sizeof(*s->in));
    for (size_t i = 0; i < r->count; i++) {
        s->in[i] = all && r->names[i] != NULL;
    }
    return all || find_cluster(r, s) ? CM_OK : find_members(r, s, err);
}

// check_kept: what is known of before came to be so then, and all else is not known.
static enum cm_rc check_kept(struct past_read *r, int64_t at_ms, struct cm_err *err) {
    char text[CM_CLOCK_TEXT_MAX];

    if (at_ms >= r->kept_from_ms) {
        return CM_OK;
    }
    cm_clock_format(r->kept_from_ms, text);
    return cm_fail(err, CM_ENOTFOUND,
                   "how it was before %.19sZ is not kept: months before that were gone when the "
                   "index was made anew (reindex, with them in state.git, brings them back)",
                   text);
}

static const struct {
    const char *source;
    const char *member;
} gaps[] = {
    {"decisions", "decisionsFromMs"}, {"events", "eventsFromMs"}, {"scaled", "scaledFromMs"}};
#define GAPS (sizeof(gaps) / sizeof(gaps[0]))

static void note_gap(const char *source, int64_t ms, int64_t from_ms[GAPS]) {
    for (size_t i = 0; i < GAPS; i++) {
        if (strcmp(gaps[i].source, source) == 0 && ms > from_ms[i]) {
            from_ms[i] = ms;
        }
    }
}

enum cm_rc past_gaps_set(struct past_read *r, const struct past_scope *scope,
                         struct cm_json *answer, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    int64_t from_ms[GAPS] = {0};
    enum cm_rc rc = hub_db_query(r->db, &stmt, err,
                                 "SELECT source, from_ms, iif(cluster = '', -1,"
                                 " ifnull((SELECT number FROM past_cluster WHERE name = cluster),"
                                 " 0)) FROM past_gap",
                                 "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        int64_t cluster = hub_stmt_int(stmt, 2);

        if (cluster < 0 || ((size_t)cluster < r->count && scope->in[cluster])) {
            note_gap(hub_stmt_text(stmt, 0), hub_stmt_int(stmt, 1), from_ms);
        }
    }
    for (size_t i = 0; i < GAPS; i++) {
        if (from_ms[i] > 0) {
            cm_json_set_int(r->arena, answer, gaps[i].member, from_ms[i]);
        }
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc past_scope_find(struct past_read *r, const struct hub_select *select,
                           struct past_scope *out, struct cm_err *err) {
    *out = (struct past_scope){.select = *select};
    enum cm_rc rc = find_clusters(r, out, err);

    out->when = (struct hub_past_when){.at_ms = select->at_ms, .known = r->ask->known};
    rc = rc == CM_OK && select->back > 0 ? past_back_find(r, out, &out->when.at_ms, err) : rc;
    return rc < 0 ? rc : check_kept(r, out->when.at_ms, err);
}

void past_members_set(struct past_read *r, const struct past_scope *scope, struct cm_json *answer) {
    bool before = cm_json_true(cm_json_get(answer, "membersNow"));
    bool then = scope->select.timed || scope->select.back > 0;

    cm_json_set(r->arena, answer, "membersNow",
                cm_json_new_bool(r->arena, before || (scope->grouped && then)));
}

static const char all_apps[] = HUB_PAST_APPS " SELECT app FROM apps WHERE ?1 = '' OR app = ?1";

static enum cm_rc find_apps(struct past_read *r, const char *only, struct cm_json *list,
                            struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(r->db, &stmt, err, all_apps, "t", only);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        cm_json_append(list, cm_json_new_string(r->arena, hub_stmt_text(stmt, 0)));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc past_each_app(struct past_read *r, const struct hub_select *select,
                         enum cm_rc (*visit)(void *ctx, const char *app, struct cm_err *err),
                         void *ctx, struct cm_err *err) {
    struct cm_json *apps = cm_json_new(r->arena, CM_ARRAY);
    enum cm_rc rc = find_apps(r, select->app, apps, err);

    if (rc == CM_OK && apps->count == 0 && select->app[0] != '\0') {
        return cm_fail(err, CM_ENOTFOUND, "no App '%.200s' was ever in force", select->app);
    }
    for (const struct cm_json *at = apps->first; rc == CM_OK && at != NULL; at = at->next) {
        rc = visit(ctx, at->text, err);
    }
    return rc;
}

// ---- Values

static enum cm_rc read_info(struct past_read *r, uint32_t value, struct past_info *out,
                            struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(r->db, &stmt, err,
                                 "SELECT app, revision, repo, bundle, held, (SELECT"
                                 " group_concat(image, ' ') FROM (SELECT i.image FROM"
                                 " past_value_image v JOIN past_image i ON i.number = v.image"
                                 " WHERE v.value = ?1 ORDER BY i.image)), suspended FROM past_value"
                                 " WHERE number = ?1",
                                 "i", (int64_t)value);
    size_t size;

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc < 0) {
        return rc == CM_ENOTFOUND ? CM_OK : rc;
    }
    out->app = cm_arena_strdup(r->arena, hub_stmt_text(stmt, 0));
    out->revision = cm_arena_strdup(r->arena, hub_stmt_text(stmt, 1));
    out->repo = cm_arena_strdup(r->arena, hub_stmt_text(stmt, 2));
    out->held = cm_arena_strdup(r->arena, hub_stmt_text(stmt, 4));
    out->images = cm_arena_strdup(r->arena, hub_stmt_text(stmt, 5));
    out->release = cm_arena_strf(r->arena, "%s %s%s", out->revision, out->images,
                                 out->held[0] == '\0' ? "" : " held");
    out->suspended = hub_stmt_int(stmt, 6) != 0;
    const void *bundle = hub_stmt_blob(stmt, 3, &size);
    memcpy(&out->bundle, bundle, size < sizeof(out->bundle) ? size : sizeof(out->bundle));
    return CM_OK;
}

static enum cm_rc find_info(struct past_read *r, uint32_t value, struct past_info **out,
                            struct cm_err *err) {
    char key[16];

    (void)snprintf(key, sizeof(key), "%u", value);
    *out = cm_map_get(r->info, key);
    if (*out != NULL) {
        return CM_OK;
    }
    *out = cm_arena_get(r->arena, sizeof(**out));
    **out = (struct past_info){.value = value,
                               .app = "",
                               .revision = "",
                               .repo = "",
                               .release = "",
                               .images = "",
                               .held = ""};
    cm_map_put(r->info, key, *out);
    return value == 0 ? CM_OK : read_info(r, value, *out, err);
}

enum cm_rc past_info_find(struct past_read *r, uint32_t value, struct past_info **out,
                          struct cm_err *err) {
    struct past_info **recent = &r->recent[value % PAST_RECENT];

    if (*recent != NULL && (*recent)->value == value) {
        *out = *recent;
        return CM_OK;
    }
    enum cm_rc rc = find_info(r, value, out, err);
    *recent = rc == CM_OK ? *out : NULL;
    return rc;
}

enum cm_rc past_revision_set(struct past_read *r, struct cm_json *item,
                             const struct past_info *info, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(r->db, &stmt, err,
                                 "SELECT subject, author, committed_ms FROM revision"
                                 " WHERE repo = ?2 AND id = ?1",
                                 "tt", info->revision, info->repo);

    cm_json_set_string(r->arena, item, "revision", info->revision);
    cm_json_set_string(r->arena, item, "repo", info->repo);
    if (info->held[0] != '\0') {
        cm_json_set_string(r->arena, item, "held", info->held);
    }
    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        cm_json_set_string(r->arena, item, "subject", hub_stmt_text(stmt, 0));
        cm_json_set_string(r->arena, item, "author", hub_stmt_text(stmt, 1));
        cm_json_set_int(r->arena, item, "committedMs", hub_stmt_int(stmt, 2));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc past_images_make(struct past_read *r, uint32_t value, struct cm_json **out,
                            struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(r->db, &stmt, err,
                                 "SELECT i.image FROM past_value_image v JOIN past_image i"
                                 " ON i.number = v.image WHERE v.value = ?1 ORDER BY i.image",
                                 "i", (int64_t)value);

    *out = cm_json_new(r->arena, CM_ARRAY);
    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        cm_json_append(*out, cm_json_new_string(r->arena, hub_stmt_text(stmt, 0)));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// ---- Folds

void past_fold_add(struct past_read *r, struct past_fold *fold, size_t cluster, int64_t at_ms) {
    if (fold->clusters == 0) {
        fold->names = cm_json_new(r->arena, CM_ARRAY);
        fold->from_ms = at_ms;
        fold->to_ms = at_ms;
    }
    if (fold->clusters++ < HUB_PAST_NAMES) {
        const char *name = r->names[cluster] == NULL ? "" : r->names[cluster];

        cm_json_append(fold->names, cm_json_new_string(r->arena, name));
    }
    fold->from_ms = at_ms < fold->from_ms ? at_ms : fold->from_ms;
    fold->to_ms = at_ms > fold->to_ms ? at_ms : fold->to_ms;
}

void past_fold_set(struct past_read *r, const struct past_fold *fold, struct cm_json *item) {
    cm_json_set_int(r->arena, item, "clusters", (int64_t)fold->clusters);
    cm_json_set(r->arena, item, "names",
                fold->names == NULL ? cm_json_new(r->arena, CM_ARRAY) : fold->names);
    cm_json_set_int(r->arena, item, "fromMs", fold->from_ms);
    cm_json_set_int(r->arena, item, "toMs", fold->to_ms);
}

static const char *text_of(const struct cm_json *item, const char *member) {
    const char *text = cm_json_string(cm_json_get(item, member));

    return text == NULL ? "" : text;
}

static const char *first_name(const struct cm_json *item) {
    const struct cm_json *names = cm_json_get(item, "names");

    return names == NULL || names->first == NULL ? "" : names->first->text;
}

static int order_items(const void *a, const void *b) {
    const struct cm_json *left = *(struct cm_json *const *)a;
    const struct cm_json *right = *(struct cm_json *const *)b;
    int64_t more = cm_json_int(cm_json_get(right, "clusters"), 0) -
                   cm_json_int(cm_json_get(left, "clusters"), 0);
    int order = strcmp(text_of(left, "app"), text_of(right, "app"));

    if (order != 0 || more != 0) {
        return order != 0 ? order : more > 0 ? 1 : -1;
    }
    order = strcmp(text_of(left, "state"), text_of(right, "state"));
    order = order != 0 ? order : strcmp(text_of(left, "revision"), text_of(right, "revision"));
    return order != 0 ? order : strcmp(first_name(left), first_name(right));
}

void past_items_set(struct past_read *r, struct cm_json *answer, struct cm_json **items,
                    size_t count) {
    struct cm_json *list = cm_json_new(r->arena, CM_ARRAY);

    if (count > 0) {
        qsort(items, count, sizeof(*items), order_items);
    }
    for (size_t i = 0; i < count && i < HUB_PAST_ITEMS_MAX; i++) {
        cm_json_append(list, items[i]);
    }
    cm_json_set(r->arena, answer, "items", list);
    cm_json_set(r->arena, answer, "more", cm_json_new_bool(r->arena, count > HUB_PAST_ITEMS_MAX));
}
