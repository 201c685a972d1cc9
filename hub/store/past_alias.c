#include "hub/store/past_alias.h"

#include "common/mem.h"
#include "common/tls/digest.h"
#include "hub/store/db.h"
#include "hub/store/past.h"

#define TEXT(name) line->of[HUB_LINE_M_##name].text
#define NUM(name) line->of[HUB_LINE_M_##name].number

enum kind { VALUE, FREEZE };

enum cm_rc hub_past_alias_begin(struct hub_db *db, struct cm_err *err) {
    enum cm_rc rc = hub_db_run(db, err,
                               "CREATE TEMP TABLE IF NOT EXISTS past_alias (kind INTEGER NOT NULL,"
                               " number INTEGER NOT NULL, here INTEGER NOT NULL,"
                               " PRIMARY KEY (kind, number)) WITHOUT ROWID",
                               "");

    return rc < 0 ? rc : hub_db_run(db, err, "DELETE FROM past_alias", "");
}

static enum cm_rc read_number(struct hub_stmt *stmt, enum cm_rc rc, int64_t *out,
                              struct cm_err *err) {
    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = hub_stmt_int(stmt, 0);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// use puts what a number means in its place; what was not said before means itself.
static enum cm_rc use(struct hub_db *db, enum kind kind, int64_t *number, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err, "SELECT here FROM past_alias WHERE kind = ?1 AND number = ?2",
                     "ii", (int64_t)kind, *number);

    return read_number(stmt, rc, number, err);
}

static enum cm_rc say(struct hub_db *db, enum kind kind, int64_t *number, int64_t here,
                      struct cm_err *err) {
    enum cm_rc rc = hub_db_run(db, err, "INSERT OR REPLACE INTO past_alias VALUES (?1, ?2, ?3)",
                               "iii", (int64_t)kind, *number, here);

    *number = here;
    return rc;
}

// The number of the same value, else its own if that is free, else the next one.
static enum cm_rc say_value(struct hub_db *db, struct hub_line *line, struct cm_err *err) {
    static const char sql[] =
        "SELECT coalesce((SELECT number FROM past_value WHERE app = ?1 AND bundle = ?2"
        " AND revision = ?3), (SELECT max(number) + 1 FROM past_value WHERE EXISTS (SELECT 1"
        " FROM past_value WHERE number = ?4)), ?4)";
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_sha256 bundle = {{0}};
    int64_t here = NUM(NUMBER);

    (void)cm_sha256_parse(TEXT(BUNDLE), &bundle); // the line's parser has looked at it
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "tbti", TEXT(APP), bundle.bytes,
                                 sizeof(bundle.bytes), TEXT(REVISION), NUM(NUMBER));
    rc = read_number(stmt, rc, &here, err);
    return rc < 0 ? rc : say(db, VALUE, &NUM(NUMBER), here, err);
}

// Likewise; a freeze is told again when it ends.
static enum cm_rc say_freeze(struct hub_db *db, struct hub_line *line, struct cm_err *err) {
    static const char sql[] =
        "SELECT coalesce((SELECT id FROM freeze_past WHERE name = ?1 AND from_ms = ?2), (SELECT"
        " max(id) + 1 FROM freeze_past WHERE EXISTS (SELECT 1 FROM freeze_past WHERE id = ?3)), "
        "?3)";
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    int64_t here = NUM(NUMBER);
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "tii", TEXT(NAME), NUM(FROM), NUM(NUMBER));

    rc = read_number(stmt, rc, &here, err);
    return rc < 0 ? rc : say(db, FREEZE, &NUM(NUMBER), here, err);
}

enum cm_rc hub_past_alias_apply(struct hub_db *db, struct hub_line *line, struct cm_err *err) {
    switch (line->kind) {
    case HUB_LINE_VALUE:
        return say_value(db, line, err);
    case HUB_LINE_FREEZE:
        return say_freeze(db, line, err);
    case HUB_LINE_FROZEN:
        return use(db, FREEZE, &NUM(NUMBER), err);
    case HUB_LINE_IMAGE:
        return use(db, VALUE, &NUM(VALUE), err);
    case HUB_LINE_CHANGE:
    case HUB_LINE_ROW:
        return hub_past_is_named((enum hub_past_axis)NUM(AXIS)) ? use(db, VALUE, &NUM(VALUE), err)
                                                                : CM_OK;
    default:
        return CM_OK;
    }
}
