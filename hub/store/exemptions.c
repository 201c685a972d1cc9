#include "hub/store/exemptions.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/store/db.h"
#include "hub/store/events.h"

#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)
#define PARTS 4 // of its time: it is warned when the last one begins

enum told { TOLD_NOTHING, TOLD_BEGUN, TOLD_ENDING, TOLD_ENDED };

struct row {
    const char *name;
    const char *app;
    const char *repo;
    const char *path;
    const char *what; // object and field
    const char *reason;
    const char *actor;
    int64_t until_ms;
    int64_t began_ms; // when it was told of first
    enum told told;
    bool gone;  // its file is
    bool known; // that it began was told: a site made it
    struct row *next;
};

struct look {
    struct hub_db *db;
    struct cm_arena *a;
    int64_t now_ms;
    struct row *rows;
};

static const char *copy(const struct look *l, struct hub_stmt *stmt, int column) {
    return cm_arena_strdup(l->a, hub_stmt_text(stmt, column));
}

static enum cm_rc read_rows(struct look *l, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        l->db, &stmt, err,
        "SELECT x.name, x.app, x.repo, x.path, x.object || iif(x.field = '', '', ', ' || x.field),"
        " x.reason, x.actor, x.until_ms, ifnull(t.told, 0), 0,"
        " t.told IS NULL AND x.site <> '', ifnull(t.began_ms, ?1) FROM exemption x"
        " LEFT JOIN exemption_told t ON t.name = x.name"
        " UNION ALL SELECT name, app, '', '', '', '', '', 0, told, 1, 0, began_ms FROM "
        "exemption_told"
        " WHERE name NOT IN (SELECT name FROM exemption)",
        "i", l->now_ms);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct row *row = cm_arena_get(l->a, sizeof(*row));

        *row = (struct row){.name = copy(l, stmt, 0),
                            .app = copy(l, stmt, 1),
                            .repo = copy(l, stmt, 2),
                            .path = copy(l, stmt, 3),
                            .what = copy(l, stmt, 4),
                            .reason = copy(l, stmt, 5),
                            .actor = copy(l, stmt, 6),
                            .until_ms = hub_stmt_int(stmt, 7),
                            .told = (enum told)hub_stmt_int(stmt, 8),
                            .gone = hub_stmt_int(stmt, 9) != 0,
                            .known = hub_stmt_int(stmt, 10) != 0,
                            .began_ms = hub_stmt_int(stmt, 11),
                            .next = l->rows};
        l->rows = row;
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// warning_ms: for how long before its end one is warned of it.
static int64_t warning_ms(const struct row *row) {
    int64_t part_ms = (row->until_ms - row->began_ms) / PARTS;

    return part_ms < DAY_MS ? part_ms : DAY_MS;
}

static enum told state_of(const struct look *l, const struct row *row) {
    if (row->gone || row->until_ms <= l->now_ms) {
        return TOLD_ENDED;
    }
    return row->told != TOLD_NOTHING && row->until_ms - l->now_ms <= warning_ms(row) ? TOLD_ENDING
                                                                                     : TOLD_BEGUN;
}

static char *words_of(const struct row *row, enum told state) {
    char until[CM_CLOCK_TEXT_MAX];

    cm_clock_format(row->until_ms, until);
    if (row->gone) {
        return cm_strf("'%s' was taken out of Git", row->name);
    }
    return cm_strf("'%s': %s %s %s (%s)", row->name, row->what,
                   state == TOLD_BEGUN    ? "may be changed by hand until"
                   : state == TOLD_ENDING ? "is put right soon, at"
                                          : "may be changed by hand no more, since",
                   until, row->reason);
}

static enum cm_rc tell(const struct look *l, const struct row *row, enum told state,
                       struct cm_err *err) {
    static const char *const kinds[] = {[TOLD_BEGUN] = "exemption.started",
                                        [TOLD_ENDING] = "exemption.ending",
                                        [TOLD_ENDED] = "exemption.ended"};
    CM_AUTOFREE char *words = words_of(row, state);
    const struct hub_event event = {.at_ms = l->now_ms,
                                    .kind = kinds[state],
                                    .app = row->app,
                                    .actor = row->actor,
                                    .message = words};

    return hub_events_add(l->db, &event, err);
}

// note_row tells what is new of one. An end is told of what was told to have begun.
static enum cm_rc note_row(const struct look *l, const struct row *row, struct cm_err *err) {
    enum told state = state_of(l, row);
    enum cm_rc rc = CM_OK;

    if (state != row->told && !(row->known && state == TOLD_BEGUN) &&
        !(row->gone && row->told == TOLD_ENDED) &&
        !(state == TOLD_ENDED && row->told == TOLD_NOTHING)) {
        rc = tell(l, row, state, err);
    }
    if (rc < 0 || (state == row->told && !row->gone)) {
        return rc;
    }
    return row->gone ? hub_db_run(l->db, err, "DELETE FROM exemption_told WHERE name = ?1", "t",
                                  row->name)
                     : hub_db_run(l->db, err,
                                  "INSERT OR REPLACE INTO exemption_told (name, app, told,"
                                  " began_ms) VALUES (?1, ?2, ?3, ?4)",
                                  "ttii", row->name, row->app, (int64_t)state, row->began_ms);
}

enum cm_rc hub_exemptions_look(struct hub_db *db, int64_t now_ms,
                               void (*over)(void *ctx, const struct hub_exemption_over *e),
                               void *ctx, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct look l = {.db = db, .a = a, .now_ms = now_ms};
    enum cm_rc rc = read_rows(&l, err);

    for (const struct row *row = l.rows; rc == CM_OK && row != NULL; row = row->next) {
        rc = note_row(&l, row, err);
        if (!row->gone && state_of(&l, row) == TOLD_ENDED) {
            over(ctx, &(struct hub_exemption_over){.name = row->name,
                                                   .app = row->app,
                                                   .repo = row->repo,
                                                   .path = row->path,
                                                   .until_ms = row->until_ms});
        }
    }
    return rc;
}
