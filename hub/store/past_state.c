#include "hub/store/past_state.h"

#include "common/arena.h"
#include "common/mem.h"
#include "hub/past/entries.h"
#include "hub/store/db.h"

#define LONG_AGO INT64_MIN

struct reading {
    struct hub_db *db;
    const char *app;
    int64_t axis;
    const struct hub_past_when *when;
    int64_t from_ms; // of the checkpoint that it began with
    int64_t upto;
    struct hub_past_state *state;
};

enum cm_rc hub_past_clusters(struct hub_db *db, size_t *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err, "SELECT ifnull(max(number), 0) + 1 FROM past_cluster", "");

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = (size_t)hub_stmt_int(stmt, 0);
    }
    return rc;
}

// Of entries about one cluster the latest counts.
static void put(const struct reading *r, uint32_t cluster, uint32_t value, int64_t at_ms) {
    if (cluster < r->state->count && at_ms <= r->when->at_ms) {
        struct hub_past_cell *cell = &r->state->cells[cluster];

        if (at_ms >= cell->since_ms) {
            *cell = (struct hub_past_cell){.since_ms = at_ms, .value = value};
        }
    }
}

static enum cm_rc read_checkpoint(struct reading *r, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(r->db, &stmt, err,
                                 "SELECT at_ms, upto, state FROM past_checkpoint WHERE app = ?1"
                                 " AND axis = ?2 AND at_ms <= ?3 ORDER BY at_ms DESC LIMIT 1",
                                 "tii", r->app, r->axis, r->when->at_ms);
    struct hub_cell cell;
    size_t size;

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc < 0) {
        return rc == CM_ENOTFOUND ? CM_OK : rc;
    }
    r->from_ms = hub_stmt_int(stmt, 0);
    r->upto = hub_stmt_int(stmt, 1);
    const uint8_t *bytes = hub_stmt_blob(stmt, 2, &size);
    struct hub_entries walk = {bytes, bytes + size, r->from_ms};
    while (hub_cells_next(&walk, &cell)) {
        put(r, cell.cluster, cell.value, cell.since_ms);
    }
    return CM_OK;
}

static void read_row(const struct reading *r, struct hub_stmt *stmt) {
    size_t size;
    const uint8_t *bytes = hub_stmt_blob(stmt, 2, &size);
    struct hub_entries walk = {bytes, bytes + size, hub_stmt_int(stmt, 0)};
    uint32_t value = (uint32_t)hub_stmt_int(stmt, 1);
    struct hub_entry entry;

    while (hub_entries_next(&walk, &entry)) {
        put(r, entry.cluster, value, entry.at_ms);
    }
}

static enum cm_rc read_rows(const struct reading *r, struct hub_stmt *stmt, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    while ((rc = hub_stmt_next(stmt, err)) == CM_OK) {
        read_row(r, stmt);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static int64_t heard_by(const struct reading *r) {
    return r->when->known ? r->when->at_ms : INT64_MAX;
}

static enum cm_rc read_since(const struct reading *r, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(r->db, &stmt, err,
                     "SELECT at_ms, value, entries FROM past_change WHERE app = ?1 AND axis = ?2"
                     " AND at_ms BETWEEN ?3 AND ?4 AND seen_ms <= ?5 ORDER BY number",
                     "tiiii", r->app, r->axis,
                     r->from_ms == LONG_AGO ? LONG_AGO : r->from_ms - 2 * HUB_PAST_SPAN_MS,
                     r->when->at_ms + HUB_PAST_SPAN_MS, heard_by(r));

    return rc < 0 ? rc : read_rows(r, stmt, err);
}

// What was told late may be older than the checkpoint.
static enum cm_rc read_late(const struct reading *r, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        r->db, &stmt, err,
        "SELECT at_ms, value, entries FROM past_change WHERE app = ?1 AND axis = ?2"
        " AND late AND number > ?3 AND at_ms <= ?4 AND seen_ms <= ?5 ORDER BY number",
        "tiiii", r->app, r->axis, r->upto, r->when->at_ms + HUB_PAST_SPAN_MS, heard_by(r));

    return rc < 0 ? rc : read_rows(r, stmt, err);
}

enum cm_rc hub_past_read(struct hub_db *db, struct cm_arena *a, const char *app,
                         enum hub_past_axis axis, const struct hub_past_when *when,
                         struct hub_past_state *out, struct cm_err *err) {
    struct reading r = {
        .db = db, .app = app, .axis = axis, .when = when, .from_ms = LONG_AGO, .state = out};

    out->cells = cm_arena_get(a, out->count * sizeof(*out->cells));
    enum cm_rc rc = read_checkpoint(&r, err);
    rc = rc < 0 ? rc : read_since(&r, err);
    return rc < 0 ? rc : read_late(&r, err);
}
