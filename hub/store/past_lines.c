#include "hub/store/past_lines.h"

#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/past/entries.h"
#include "hub/store/db.h"
#include "hub/store/meta.h"
#include "hub/store/past.h"
#include "hub/store/past_lines_sql.h"
#include "hub/store/past_state.h"

#define STATE "past_lines"                  // in the table `meta`: enum hub_past_lines
#define RESTORED "past_lines_before_epoch_" // likewise, with the epoch: the last line before it
#define DAY_MS ((int64_t)24 * 3600 * 1000)

// ---- What is kept

static enum cm_rc read_numbers(struct hub_db *db, struct hub_past_lines_look *out,
                               struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err,
        "SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'past_unwritten'), 0),"
        " ifnull((SELECT min(n) FROM past_unwritten), 0)",
        "");

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        int64_t first = hub_stmt_int(stmt, 1);

        out->last = hub_stmt_int(stmt, 0);
        out->first = first == 0 ? out->last + 1 : first;
    }
    return rc;
}

enum cm_rc hub_past_lines_look(struct hub_db *db, struct hub_past_lines_look *out,
                               struct cm_err *err) {
    int64_t state = HUB_PAST_LINES_OFF;
    enum cm_rc rc = hub_meta_get_int(db, STATE, &state, err);

    rc = rc < 0 && rc != CM_ENOTFOUND ? rc : read_numbers(db, out, err);
    out->state = (enum hub_past_lines)state;
    return rc;
}

enum cm_rc hub_past_lines_set(struct hub_db *db, enum hub_past_lines state, struct cm_err *err) {
    return hub_meta_set_int(db, STATE, state, err);
}

enum cm_rc hub_past_lines_restored(struct hub_db *db, uint64_t epoch, struct cm_err *err) {
    CM_AUTOFREE char *name = cm_strf(RESTORED "%llu", (unsigned long long)epoch);
    struct hub_past_lines_look look = {0};
    enum cm_rc rc = read_numbers(db, &look, err);

    return rc < 0 ? rc : hub_meta_set_int(db, name, look.last, err);
}

enum cm_rc hub_past_lines_before(struct hub_db *db, uint64_t epoch, int64_t *out,
                                 struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err,
                     "SELECT ifnull(min(CAST(value AS INTEGER)), ?3) FROM meta WHERE name GLOB"
                     " '" RESTORED "*' AND CAST(substr(name, ?1) AS INTEGER) > ?2",
                     "iii", (int64_t)sizeof(RESTORED), (int64_t)epoch, INT64_MAX);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = hub_stmt_int(stmt, 0);
    }
    return rc;
}

enum cm_rc hub_past_lines_want(struct hub_db *db, bool wanted, struct cm_err *err) {
    struct hub_past_lines_look look = {0};
    enum cm_rc rc = hub_past_lines_look(db, &look, err);

    if (rc < 0 || wanted == (look.state != HUB_PAST_LINES_OFF)) {
        return rc;
    }
    rc = hub_db_run(db, err, "DELETE FROM past_unwritten", "");
    return rc < 0 ? rc
                  : hub_past_lines_set(db, wanted ? HUB_PAST_LINES_DUE : HUB_PAST_LINES_OFF, err);
}

enum cm_rc hub_past_lines_written(struct hub_db *db, int64_t last, bool listed,
                                  struct cm_err *err) {
    enum cm_rc rc = hub_db_run(db, err, "DELETE FROM past_unwritten WHERE n <= ?1", "i", last);

    return rc < 0 || !listed ? rc : hub_past_lines_set(db, HUB_PAST_LINES_KEPT, err);
}

enum cm_rc hub_past_lines_change(struct hub_db *db, const struct hub_past_change *c,
                                 struct cm_err *err) {
    return hub_db_run(db, err,
                      "INSERT INTO past_unwritten (line) SELECT json_object('kind','change',"
                      "'app',?1,'axis',CASE ?2 WHEN 0 THEN 'desired' WHEN 1 THEN 'actual'"
                      " WHEN 2 THEN 'verdict' WHEN 3 THEN 'seen' WHEN 4 THEN 'images'"
                      " ELSE 'digests' END,'cluster',?3,'value',?4,'atMs',?5,"
                      "'seenMs',?6) WHERE " LINES_WANTED,
                      "titiii", c->app, (int64_t)c->axis, c->cluster, c->value, c->at_ms,
                      c->seen_ms);
}

// ---- Telling

// visit_text hands a line on as the database keeps it; what it cannot be is one that is lost.
static enum cm_rc visit_text(const struct hub_past_lines_visitor *to, int64_t n, const char *text,
                             struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_line line;
    struct cm_err ignored;

    if (hub_line_parse(a, text, strlen(text), true, &line, &ignored) < 0) {
        line = (struct hub_line){.kind = HUB_LINE_LOST};
    }
    line.n = n;
    return to->visit(to->ctx, &line, err);
}

static enum cm_rc visit_rows(struct hub_stmt *stmt, const struct hub_past_lines_visitor *to,
                             struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        rc = visit_text(to, hub_stmt_int(stmt, 0), hub_stmt_text(stmt, 1), err);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_past_lines_each(struct hub_db *db, int64_t after, size_t most,
                               const struct hub_past_lines_visitor *to, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err, "SELECT n, line FROM past_unwritten WHERE n > ?1 ORDER BY n LIMIT ?2", "ii",
        after, (int64_t)most);

    return rc < 0 ? rc : visit_rows(stmt, to, err);
}

// ---- All of it

struct listing {
    struct hub_db *db;
    const struct hub_past_lines_visitor *to;
    struct cm_arena *arena;
    const char **names; // of clusters, by number; NULL: there is none
    size_t count;
};

static enum cm_rc list_query(struct hub_db *db, const struct hub_past_lines_visitor *to,
                             const char *sql, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "");

    return rc < 0 ? rc : visit_rows(stmt, to, err);
}

static enum cm_rc list_queries(struct hub_db *db, const struct hub_past_lines_visitor *to,
                               const char *const *sqls, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    for (; rc == CM_OK && *sqls != NULL; sqls++) {
        rc = list_query(db, to, *sqls, err);
    }
    return rc;
}

static enum cm_rc read_names(struct listing *l, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_past_clusters(l->db, &l->count, err);

    l->names = cm_arena_get(l->arena, (l->count + 1) * sizeof(*l->names));
    rc = rc < 0 ? rc : hub_db_query(l->db, &stmt, err, "SELECT number, name FROM past_cluster", "");
    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        l->names[hub_stmt_int(stmt, 0)] = cm_arena_strdup(l->arena, hub_stmt_text(stmt, 1));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static const char *name_of(const struct listing *l, uint32_t cluster) {
    return cluster < l->count ? l->names[cluster] : NULL;
}

// A row as it is: app, axis, value, at_ms, seen_ms, late, entries.
static enum cm_rc list_row(const struct listing *l, struct hub_stmt *stmt, struct cm_err *err) {
    struct hub_line_place places[HUB_LINE_PLACES_MAX];
    struct hub_line line = {.kind = HUB_LINE_ROW, .places = places};
    struct hub_entry entry;
    size_t size;

    line.of[HUB_LINE_M_APP].text = hub_stmt_text(stmt, 0);
    line.of[HUB_LINE_M_AXIS].number = hub_stmt_int(stmt, 1);
    line.of[HUB_LINE_M_VALUE].number = hub_stmt_int(stmt, 2);
    line.of[HUB_LINE_M_AT].number = hub_stmt_int(stmt, 3);
    line.of[HUB_LINE_M_SEEN].number = hub_stmt_int(stmt, 4);
    line.of[HUB_LINE_M_LATE].number = hub_stmt_int(stmt, 5);
    const uint8_t *bytes = hub_stmt_blob(stmt, 6, &size);
    struct hub_entries walk = {bytes, bytes + size, 0}; // times as differences
    while (line.place_count < HUB_LINE_PLACES_MAX && hub_entries_next(&walk, &entry)) {
        if (name_of(l, entry.cluster) != NULL) {
            places[line.place_count++] =
                (struct hub_line_place){name_of(l, entry.cluster), entry.at_ms};
        }
    }
    return line.place_count == 0 ? CM_OK : l->to->visit(l->to->ctx, &line, err);
}

static enum cm_rc list_rows(const struct listing *l, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(l->db, &stmt, err,
                                 "SELECT app, axis, value, at_ms, seen_ms, late, entries"
                                 " FROM past_change ORDER BY number",
                                 "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        rc = list_row(l, stmt, err);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// What was so at the oldest checkpoint of an axis: app, axis, at_ms, state. Rows before it are
// gone.
static enum cm_rc list_cells(const struct listing *l, struct hub_stmt *stmt, struct cm_err *err) {
    struct hub_line line = {.kind = HUB_LINE_CHANGE};
    enum cm_rc rc = CM_OK;
    struct hub_cell cell;
    size_t size;

    line.of[HUB_LINE_M_APP].text = hub_stmt_text(stmt, 0);
    line.of[HUB_LINE_M_AXIS].number = hub_stmt_int(stmt, 1);
    const uint8_t *bytes = hub_stmt_blob(stmt, 3, &size);
    struct hub_entries walk = {bytes, bytes + size, hub_stmt_int(stmt, 2)};
    while (rc == CM_OK && hub_cells_next(&walk, &cell)) {
        line.of[HUB_LINE_M_CLUSTER].text = name_of(l, cell.cluster);
        line.of[HUB_LINE_M_VALUE].number = cell.value;
        line.of[HUB_LINE_M_AT].number = cell.since_ms;
        line.of[HUB_LINE_M_SEEN].number = cell.since_ms;
        rc =
            line.of[HUB_LINE_M_CLUSTER].text == NULL ? CM_OK : l->to->visit(l->to->ctx, &line, err);
    }
    return rc;
}

static enum cm_rc list_oldest(const struct listing *l, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(l->db, &stmt, err,
                                 "SELECT app, axis, min(at_ms), state FROM past_checkpoint"
                                 " GROUP BY app, axis HAVING min(at_ms) < (SELECT max(seen_ms)"
                                 " FROM past_change) - ?1 ORDER BY app, axis",
                                 "i", HUB_PAST_DAYS * DAY_MS);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        rc = list_cells(l, stmt, err);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc list_all(struct listing *l, struct cm_err *err) {
    static const char *const before[] = {
        "SELECT 0, " LINE_CLUSTER("t.") " FROM past_cluster t ORDER BY number",
        "SELECT 0, " LINE_VALUE("t.") " FROM past_value t ORDER BY number",
        "SELECT 0, " LINE_IMAGE("t.") " FROM past_value_image t ORDER BY image, value", NULL};
    static const char *const after[] = {
        "SELECT 0, " LINE_EACH_CHECKPOINT("t.") " FROM past_checkpoint t ORDER BY at_ms, app, axis",
        "SELECT 0, " LINE_DECISION_WEIGHED("t.") " FROM decision t ORDER BY number",
        "SELECT 0, " LINE_VERDICT("t.") " FROM verdict t ORDER BY at_ms",
        "SELECT 0, " LINE_PROVEN("t.") " FROM proven t ORDER BY cluster, key",
        "SELECT 0, " LINE_FREEZE("t.") " FROM freeze_past t ORDER BY id",
        "SELECT 0, " LINE_FROZEN(
            "t.") " FROM freeze_past_cluster t ORDER BY freeze, cluster, from_ms",
        NULL};
    enum cm_rc rc = read_names(l, err);

    rc = rc < 0 ? rc : list_queries(l->db, l->to, before, err);
    rc = rc < 0 ? rc : list_oldest(l, err);
    rc = rc < 0 ? rc : list_rows(l, err);
    return rc < 0 ? rc : list_queries(l->db, l->to, after, err);
}

enum cm_rc hub_past_lines_list(struct hub_db *db, const struct hub_past_lines_visitor *to,
                               struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct listing l = {.db = db, .to = to, .arena = a};

    return list_all(&l, err);
}

// ---- All that is so

// Releases that are there, or were within ninety days: one that comes back is told by its number
// alone. Of the other axes a value is none.
#define USED                                                                                       \
    "SELECT value FROM past_now WHERE axis IN (0, 1, 4, 5) UNION SELECT value FROM (SELECT value " \
    "FROM"                                                                                         \
    " past_change WHERE axis IN (0, 1, 4, 5) AND at_ms > (SELECT max(at_ms) FROM past_change) - "  \
    "7776000000"                                                                                   \
    " GROUP BY value ORDER BY max(at_ms) DESC LIMIT 10000)"
// Decisions that keep something out, or are in a Hold, and of each workload the last one, and the
// last step of a release. The others are in the months in which they were made.
#define LAST                                                                                       \
    "SELECT number FROM decision WHERE provisional = 1 UNION SELECT number FROM decision WHERE"    \
    " settled = 1 UNION SELECT max(number) FROM decision GROUP BY cluster, key, verdict IN"        \
    " ('weight', 'started')"
#define LINE_NOW                                                                                   \
    "json_object('kind','change','app',t.app,'axis'," LINE_EACH_AXIS(                              \
        "t.") ",'cluster',c.name,"                                                                 \
              "'value',t.value,'atMs',t.since_ms,'seenMs',t.since_ms)"

enum cm_rc hub_past_lines_base(struct hub_db *db, const struct hub_past_lines_visitor *to,
                               struct cm_err *err) {
    static const char *const sqls[] = {
        "SELECT 0, " LINE_CLUSTER("t.") " FROM past_cluster t ORDER BY number",
        "SELECT 0, " LINE_VALUE("t.") " FROM past_value t WHERE number IN (" USED
                                      ") ORDER BY number",
        "SELECT 0, " LINE_IMAGE("t.") " FROM past_value_image t WHERE value IN (" USED ")"
                                      " ORDER BY image, value",
        "SELECT 0, " LINE_NOW " FROM past_now t JOIN past_cluster c ON c.number = t.cluster"
        " ORDER BY t.since_ms, t.app, t.axis, c.name",
        "SELECT 0, " LINE_DECISION_WEIGHED("t.") " FROM decision t WHERE number IN (" LAST
                                                 ") ORDER BY number",
        "SELECT 0, " LINE_VERDICT("t.") " FROM verdict t ORDER BY at_ms",
        "SELECT 0, " LINE_PROVEN("t.") " FROM proven t ORDER BY cluster, key",
        "SELECT 0, " LINE_FREEZE("t.") " FROM freeze_past t WHERE to_ms = 0 ORDER BY id",
        "SELECT 0, " LINE_FROZEN("t.") " FROM freeze_past_cluster t WHERE freeze IN (SELECT id FROM"
                                       " freeze_past WHERE to_ms = 0) ORDER BY freeze, cluster,"
                                       " from_ms",
        NULL};

    return list_queries(db, to, sqls, err);
}
