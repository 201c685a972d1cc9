// past_images.c: sets of images that really run, where a bundle does not say it.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/past/entries.h"
#include "hub/store/db.h"
#include "hub/store/past.h"

// A set is kept like a bundle at a commit, and named by what is in it.
static struct cm_sha256 name_of(const struct hub_past_set *set) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_str_add(&text, "images");
    for (size_t i = 0; i < set->count; i++) {
        cm_str_addf(&text, "\n%s", set->images[i]);
    }
    return cm_sha256(text.data, text.len);
}

enum cm_rc hub_past_images(struct hub_db *db, const struct hub_past_set *set, int64_t *out,
                           struct cm_err *err) {
    const struct hub_past_bundle b = {.app = set->app,
                                      .bundle = name_of(set),
                                      .revision = set->partial ? HUB_PAST_PARTIAL : "",
                                      .repo = ""};
    bool made = false;
    enum cm_rc rc = hub_past_value(db, &b, out, &made, err);

    for (size_t i = 0; rc == CM_OK && made && i < set->count; i++) {
        rc = hub_past_image(db, *out, set->images[i], err);
    }
    return rc;
}

enum cm_rc hub_past_images_are(struct hub_db *db, const char *cluster,
                               const struct hub_past_set *set, bool *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err,
        "SELECT i.image FROM past_cluster c JOIN past_now n ON n.app = ?2 AND n.axis = 1"
        " AND n.cluster = c.number JOIN past_value_image v ON v.value = n.value"
        " JOIN past_image i ON i.number = v.image WHERE c.name = ?1 ORDER BY i.image",
        "tt", cluster, set->app);
    size_t same = 0;

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        if (same == set->count || strcmp(hub_stmt_text(stmt, 0), set->images[same]) != 0) {
            *out = false;
            return CM_OK;
        }
        same++;
    }
    *out = same == set->count;
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_past_images_next(struct hub_db *db, const char *cluster, const char *app,
                                int64_t *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT ifnull(max(n.since_ms + (n.axis = 4)), 0) FROM "
                                 "past_cluster c JOIN past_now n ON n.app = ?2 AND"
                                 " n.axis IN (1, 4) AND n.cluster = c.number WHERE c.name = ?1",
                                 "tt", cluster, app);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = hub_stmt_int(stmt, 0);
    }
    return rc;
}

enum cm_rc hub_past_digests_find(struct hub_db *db, const char *cluster, const char *app,
                                 struct hub_past_since *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT n.value, n.since_ms FROM past_cluster c JOIN past_now n ON"
                                 " n.app = ?2 AND n.axis = 5 AND n.cluster = c.number WHERE"
                                 " c.name = ?1",
                                 "tt", cluster, app);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    *out = (struct hub_past_since){0};
    if (rc == CM_OK) {
        *out = (struct hub_past_since){hub_stmt_int(stmt, 0), hub_stmt_int(stmt, 1)};
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// What may change which images run: of a row `d` of the table `drift`.
#define TOUCHES_IMAGES                                                                             \
    "(d.class = 'foreign' OR d.path GLOB '*.image' OR d.path GLOB '*ontainers' OR d.path GLOB"     \
    " '*ontainers[[]*]')"

enum cm_rc hub_past_images_due(struct hub_db *db, const char *cluster, const char *app, bool *out,
                               struct cm_err *err) {
    static const char sql[] =
        "SELECT EXISTS (SELECT 1 FROM past_cluster c JOIN past_now n ON n.app = ?2 AND n.axis = 4"
        " AND n.cluster = c.number WHERE c.name = ?1 AND n.value <> 0)"
        " OR EXISTS (SELECT 1 FROM object INDEXED BY object_other WHERE cluster = ?1 AND app = ?2"
        " AND (actual <> x'' OR health = 4))"
        " OR EXISTS (SELECT 1 FROM drift d INDEXED BY drift_app WHERE cluster = ?1 AND app = ?2"
        " AND " TOUCHES_IMAGES ")"
        " OR EXISTS (SELECT 1 FROM status WHERE cluster = ?1 AND app = ?2 AND applied = 4)"
        " OR EXISTS (SELECT 1 FROM decision d INDEXED BY decision_holding CROSS JOIN object o ON"
        " o.cluster = d.cluster AND o.key = d.key AND o.sha256 = d.bad WHERE d.cluster = ?1 AND"
        " d.provisional = 1 AND d.app = ?2 AND d.verdict = 'rejected')";
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "tt", cluster, app);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = hub_stmt_int(stmt, 0) != 0;
    }
    return rc;
}

enum cm_rc hub_past_images_each_new(struct hub_db *db,
                                    void (*visit)(void *ctx, const char *cluster, const char *app),
                                    void *ctx, struct cm_err *err) {
    static const char sql[] =
        "SELECT DISTINCT d.cluster, d.app FROM drift d WHERE " TOUCHES_IMAGES
        " AND NOT EXISTS (SELECT 1 FROM past_cluster c JOIN past_now n ON n.app = d.app"
        " AND n.axis = 4 AND n.cluster = c.number WHERE c.name = d.cluster)";
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        visit(ctx, hub_stmt_text(stmt, 0), hub_stmt_text(stmt, 1));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// ---- Sets that nothing has any more

#define DROPPED_MAX 10000 // at once

struct spare {
    int64_t number;
    bool used; // a checkpoint has it
};

struct spares {
    struct spare *items; // by number
    size_t count;
    struct cm_map *apps;
};

// find_spares: the highest number stays, so that none is ever used again.
static enum cm_rc find_spares(struct hub_db *db, struct spares *out, struct cm_err *err) {
    static const char sql[] =
        "SELECT v.number, v.app FROM past_value v WHERE v.revision IN ('', '" HUB_PAST_PARTIAL
        "') AND v.repo = '' AND v.number < (SELECT max(number) FROM past_value) AND NOT EXISTS"
        " (SELECT 1 FROM past_change c WHERE c.app = v.app AND c.axis IN (0, 1, 4, 5) AND c.value ="
        " v.number) AND NOT EXISTS (SELECT 1 FROM past_now n WHERE n.app = v.app AND n.axis IN"
        " (0, 1, 4, 5) AND n.value = v.number) ORDER BY v.number LIMIT ?1";
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "i", (int64_t)DROPPED_MAX);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        out->items[out->count++] = (struct spare){hub_stmt_int(stmt, 0), false};
        cm_map_put(out->apps, hub_stmt_text(stmt, 1), out);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static int compare_spares(const void *left, const void *right) {
    const struct spare *a = left;
    const struct spare *b = right;

    return (a->number > b->number) - (a->number < b->number);
}

static void mark_used(const struct spares *all, const void *state, size_t size) {
    struct hub_entries walk = {state, (const uint8_t *)state + size, 0};
    struct hub_cell cell;

    while (hub_cells_next(&walk, &cell)) {
        const struct spare key = {.number = cell.value};
        struct spare *one =
            bsearch(&key, all->items, all->count, sizeof(*all->items), compare_spares);

        if (one != NULL) {
            one->used = true;
        }
    }
}

static enum cm_rc read_checkpoints(struct hub_db *db, const struct spares *all, const char *app,
                                   struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err, "SELECT state FROM past_checkpoint WHERE app = ?1 AND axis IN (0, 1, 4, 5)",
        "t", app);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        size_t size;
        const void *state = hub_stmt_blob(stmt, 0, &size);

        mark_used(all, state, size);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc read_all_checkpoints(struct hub_db *db, const struct spares *all,
                                       struct cm_err *err) {
    CM_AUTOFREE const char **apps = cm_map_keys(all->apps);
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < cm_map_len(all->apps); i++) {
        rc = read_checkpoints(db, all, apps[i], err);
    }
    return rc;
}

static enum cm_rc drop_spares(struct hub_db *db, const struct spares *all, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < all->count; i++) {
        if (!all->items[i].used) {
            rc = hub_db_run(db, err, "DELETE FROM past_value_image WHERE value = ?1", "i",
                            all->items[i].number);
            rc = rc < 0 ? rc
                        : hub_db_run(db, err, "DELETE FROM past_value WHERE number = ?1", "i",
                                     all->items[i].number);
        }
    }
    return rc < 0 || all->count == 0
               ? rc
               : hub_db_run(db, err,
                            "DELETE FROM past_image WHERE number < (SELECT max(number) FROM"
                            " past_image) AND NOT EXISTS (SELECT 1 FROM past_value_image v WHERE"
                            " v.image = past_image.number)",
                            "");
}

enum cm_rc hub_past_images_drop(struct hub_db *db, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct spares all = {.items = cm_arena_get(a, DROPPED_MAX * sizeof(*all.items)),
                         .apps = cm_map_new(NULL)};
    enum cm_rc rc = find_spares(db, &all, err);

    rc = rc < 0 ? rc : read_all_checkpoints(db, &all, err);
    rc = rc < 0 ? rc : drop_spares(db, &all, err);
    cm_map_free(all.apps);
    return rc;
}
