#include "hub/store/db.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "hub/store/blobs.h"
#include "hub/store/schema.h"

#define BUSY_TIMEOUT_MS 10000
#define STEPS_PER_LOOK 10000 // of SQLite's machine, between looks at the clock

#define BUCKETS 256

enum { TEXTS_MAX = 24 }; // statements that were put together and are kept: what a screen asks for

struct hub_stmt {
    sqlite3_stmt *handle;
    const char *sql; // identity of the statement: its address; NULL: see text
    char *text;      // of one that was put together, owned; NULL: used once
    bool busy;
    struct hub_stmt *next; // of its bucket
};

struct hub_db {
    sqlite3 *handle;
    struct hub_stmt *stmts[BUCKETS]; // prepared so far, by address
    struct hub_stmt texts[TEXTS_MAX];
    size_t next_text;    // which gives way next
    int64_t deadline_ms; // monotonic; 0: none
    const atomic_bool *stop;
};

static enum cm_rc fail_sqlite(sqlite3 *handle, struct cm_err *err) {
    switch (sqlite3_extended_errcode(handle)) {
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_UNIQUE:
        return cm_fail(err, CM_EEXISTS, "database: %s", sqlite3_errmsg(handle));
    case SQLITE_INTERRUPT:
        return cm_fail(err, CM_EBUSY, "the query took too long; ask for less at once");
    default:
        return cm_fail(err, CM_EIO, "database: %s", sqlite3_errmsg(handle));
    }
}

static enum cm_rc exec(struct hub_db *db, const char *sql, struct cm_err *err) {
    if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) != SQLITE_OK) {
        return fail_sqlite(db->handle, err);
    }
    return CM_OK;
}

static int is_late(void *ctx) {
    const struct hub_db *db = ctx;

    return (db->deadline_ms != 0 && cm_clock_now_ms() > db->deadline_ms) ||
           (db->stop != NULL && *db->stop);
}

void hub_db_set_deadline(struct hub_db *db, int64_t deadline_ms) {
    db->deadline_ms = deadline_ms;
    sqlite3_progress_handler(db->handle, deadline_ms == 0 ? 0 : STEPS_PER_LOOK, is_late, db);
}

void hub_db_set_triggers(struct hub_db *db, bool on) {
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, on ? 1 : 0, NULL);
}

void hub_db_set_stop(struct hub_db *db, const atomic_bool *stop) {
    db->stop = stop;
}

static enum cm_rc set_up(struct hub_db *db, enum hub_db_mode mode, struct cm_err *err) {
    // 16 MiB of pages: what a commit changes for ten thousand clusters lies on thousands, all over
    // the file, and is not to be read again for each of them. What a long read (a pass of the state
    // repository) or a large transaction made the log grow by goes back to the disk after it.
    static const char writer[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                                 "PRAGMA foreign_keys=ON; PRAGMA wal_autocheckpoint=4000;"
                                 "PRAGMA cache_size=-16384; PRAGMA journal_size_limit=67108864;";

    sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
    if (mode == HUB_DB_READER) {
        return exec(db, "PRAGMA query_only=ON", err);
    }

    // With it a plan depends on no bound value. Without, one that does (by the condition of a
    // partial index, say) is made anew each time that a value is bound: two thirds of what a change
    // of the past cost.
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL);
    enum cm_rc rc = exec(db, writer, err);
    rc = rc < 0 ? rc : hub_schema_migrate(db, err);
    return rc < 0 ? rc : hub_blobs_prepare(db, err);
}

// SQLite counts the memory that it has, under a lock that all threads share, at each piece of it.
// Nobody asks for that.
static void count_no_memory(void) {
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

enum cm_rc hub_db_open(const char *path, enum hub_db_mode mode, struct hub_db **out,
                       struct cm_err *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CM_CLEANUP(hub_db_closep) struct hub_db *db = cm_new(1, sizeof(*db));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI |
                (mode == HUB_DB_WRITER ? SQLITE_OPEN_CREATE : 0);

    (void)pthread_once(&once, count_no_memory);
    if (sqlite3_open_v2(path, &db->handle, flags, NULL) != SQLITE_OK) {
        return cm_fail(err, CM_EIO, "open database '%s': %s", path, sqlite3_errmsg(db->handle));
    }

    enum cm_rc rc = set_up(db, mode, err);
    if (rc < 0) {
        return cm_wrap(err, "open database '%s'", path);
    }
    *out = CM_TAKE(db);
    return CM_OK;
}

static void free_stmts(struct hub_stmt *first) {
    while (first != NULL) {
        struct hub_stmt *next = first->next;

        sqlite3_finalize(first->handle);
        free(first);
        first = next;
    }
}

void hub_db_close(struct hub_db *db) {
    if (db == NULL) {
        return;
    }

    for (size_t i = 0; i < BUCKETS; i++) {
        free_stmts(db->stmts[i]);
    }
    for (size_t i = 0; i < TEXTS_MAX; i++) {
        sqlite3_finalize(db->texts[i].handle);
        free(db->texts[i].text);
    }
    sqlite3_close(db->handle);
    free(db);
}

void hub_db_closep(struct hub_db **db) {
    hub_db_close(*db);
}

static struct hub_stmt **bucket_of(struct hub_db *db, const char *sql) {
    uintptr_t at = (uintptr_t)sql;

    return &db->stmts[(at ^ at >> 8) % BUCKETS];
}

static struct hub_stmt *find_prepared(struct hub_db *db, const char *sql) {
    struct hub_stmt *stmt = *bucket_of(db, sql);

    while (stmt != NULL && (stmt->sql != sql || stmt->busy)) {
        stmt = stmt->next;
    }
    return stmt;
}

static enum cm_rc prepare(struct hub_db *db, const char *sql, struct hub_stmt **out,
                          struct cm_err *err) {
    struct hub_stmt *stmt = find_prepared(db, sql);
    sqlite3_stmt *handle;

    if (stmt == NULL) {
        if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, NULL) !=
            SQLITE_OK) {
            return fail_sqlite(db->handle, err);
        }
        stmt = cm_new(1, sizeof(*stmt));
        *stmt = (struct hub_stmt){.handle = handle, .sql = sql, .next = *bucket_of(db, sql)};
        *bucket_of(db, sql) = stmt;
    }
    stmt->busy = true;
    *out = stmt;
    return CM_OK;
}

// bind: `lent` is SQLITE_STATIC for values that outlive the statement's use, else it copies them.
static void bind(struct hub_stmt *stmt, sqlite3_destructor_type lent, const char *types,
                 va_list args) {
    for (int at = 1; types[at - 1] != '\0'; at++) {
        switch (types[at - 1]) {
        case 't':
            sqlite3_bind_text(stmt->handle, at, va_arg(args, const char *), -1, lent);
            break;
        case 'i':
            sqlite3_bind_int64(stmt->handle, at, va_arg(args, int64_t));
            break;
        case 'b': {
            const void *bytes = va_arg(args, const void *);
            size_t size = va_arg(args, size_t);
            sqlite3_bind_blob64(stmt->handle, at, size == 0 ? "" : bytes, size, lent);
            break;
        }
        default:
            abort(); // a letter that this function does not know: a programming error
        }
    }
}

enum cm_rc hub_db_run(struct hub_db *db, struct cm_err *err, const char *sql, const char *types,
                      ...) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    va_list args;
    enum cm_rc rc = prepare(db, sql, &stmt, err);

    if (rc < 0) {
        return rc;
    }
    va_start(args, types);
    bind(stmt, SQLITE_STATIC, types, args); // it ends here
    va_end(args);
    return sqlite3_step(stmt->handle) == SQLITE_DONE ? CM_OK : fail_sqlite(db->handle, err);
}

int64_t hub_db_changes(const struct hub_db *db) {
    return sqlite3_changes64(db->handle);
}

int64_t hub_db_plans(const struct hub_db *db) {
    int64_t plans = 0;

    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct hub_stmt *stmt = db->stmts[i]; stmt != NULL; stmt = stmt->next) {
            plans += 1 + sqlite3_stmt_status(stmt->handle, SQLITE_STMTSTATUS_REPREPARE, 0);
        }
    }
    return plans;
}

int64_t hub_db_all_changes(const struct hub_db *db) {
    return sqlite3_total_changes64(db->handle);
}

int64_t hub_db_last_id(const struct hub_db *db) {
    return sqlite3_last_insert_rowid(db->handle);
}

enum cm_rc hub_db_query(struct hub_db *db, struct hub_stmt **out, struct cm_err *err,
                        const char *sql, const char *types, ...) {
    va_list args;
    enum cm_rc rc = prepare(db, sql, out, err);

    if (rc < 0) {
        return rc;
    }
    va_start(args, types);
    bind(*out, SQLITE_TRANSIENT, types, args);
    va_end(args);
    return CM_OK;
}

static struct hub_stmt *find_text(struct hub_db *db, const char *sql) {
    for (size_t i = 0; i < TEXTS_MAX; i++) {
        struct hub_stmt *stmt = &db->texts[i];

        if (stmt->text != NULL && !stmt->busy && strcmp(stmt->text, sql) == 0) {
            return stmt;
        }
    }
    return NULL;
}

// keep_text takes the place of the one that was made first, unless that is in use.
static struct hub_stmt *keep_text(struct hub_db *db, const char *sql, sqlite3_stmt *handle) {
    struct hub_stmt *stmt = &db->texts[db->next_text];

    db->next_text = (db->next_text + 1) % TEXTS_MAX;
    if (stmt->busy) {
        stmt = cm_new(1, sizeof(*stmt));
    } else {
        sqlite3_finalize(stmt->handle);
        free(stmt->text);
        stmt->text = cm_strdup(sql);
    }
    stmt->handle = handle;
    return stmt;
}

static enum cm_rc prepare_text(struct hub_db *db, const char *sql, struct hub_stmt **out,
                               struct cm_err *err) {
    struct hub_stmt *stmt = find_text(db, sql);
    sqlite3_stmt *handle;

    if (stmt == NULL) {
        if (sqlite3_prepare_v2(db->handle, sql, -1, &handle, NULL) != SQLITE_OK) {
            return fail_sqlite(db->handle, err);
        }
        stmt = keep_text(db, sql, handle);
    }
    stmt->busy = true;
    *out = stmt;
    return CM_OK;
}

enum cm_rc hub_db_query_texts(struct hub_db *db, struct hub_stmt **out, struct cm_err *err,
                              const char *sql, const char *const *values, size_t count) {
    enum cm_rc rc = prepare_text(db, sql, out, err);

    for (size_t i = 0; rc == CM_OK && i < count; i++) {
        sqlite3_bind_text((*out)->handle, (int)i + 1, values[i], -1, SQLITE_TRANSIENT);
    }
    return rc;
}

enum cm_rc hub_stmt_next(struct hub_stmt *stmt, struct cm_err *err) {
    switch (sqlite3_step(stmt->handle)) {
    case SQLITE_ROW:
        return CM_OK;
    case SQLITE_DONE:
        return cm_fail(err, CM_ENOTFOUND, "database: no more rows");
    default:
        return fail_sqlite(sqlite3_db_handle(stmt->handle), err);
    }
}

void hub_stmt_end(struct hub_stmt *stmt) {
    if (stmt == NULL) {
        return;
    }
    if (stmt->sql == NULL && stmt->text == NULL) {
        sqlite3_finalize(stmt->handle);
        free(stmt);
        return;
    }
    sqlite3_reset(stmt->handle);
    sqlite3_clear_bindings(stmt->handle);
    stmt->busy = false;
}

void hub_stmt_endp(struct hub_stmt **stmt) {
    hub_stmt_end(*stmt);
}

enum cm_rc hub_db_ask(struct hub_db *db, const char *sql, bool *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "");

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = hub_stmt_int(stmt, 0) != 0;
    }
    return rc;
}

const char *hub_stmt_text(struct hub_stmt *stmt, int column) {
    const char *text = (const char *)sqlite3_column_text(stmt->handle, column);
    return text == NULL ? "" : text;
}

int64_t hub_stmt_int(struct hub_stmt *stmt, int column) {
    return sqlite3_column_int64(stmt->handle, column);
}

const void *hub_stmt_blob(struct hub_stmt *stmt, int column, size_t *out_size) {
    const void *bytes = sqlite3_column_blob(stmt->handle, column);

    *out_size = (size_t)sqlite3_column_bytes(stmt->handle, column);
    return bytes;
}

enum cm_rc hub_db_begin(struct hub_db *db, struct cm_err *err) {
    return exec(db, "BEGIN IMMEDIATE", err);
}

enum cm_rc hub_db_look(struct hub_db *db, struct cm_err *err) {
    return exec(db, "BEGIN", err);
}

enum cm_rc hub_db_commit(struct hub_db *db, struct cm_err *err) {
    enum cm_rc rc = exec(db, "COMMIT", err);

    if (rc < 0) {
        hub_db_rollback(db);
    }
    return rc;
}

void hub_db_rollback(struct hub_db *db) {
    (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

bool hub_db_in_transaction(const struct hub_db *db) {
    return sqlite3_get_autocommit(db->handle) == 0;
}

enum cm_rc hub_db_savepoint(struct hub_db *db, struct cm_err *err) {
    return hub_db_run(db, err, "SAVEPOINT job", "");
}

enum cm_rc hub_db_savepoint_end(struct hub_db *db, bool keep, struct cm_err *err) {
    enum cm_rc rc = keep ? CM_OK : hub_db_run(db, err, "ROLLBACK TO job", "");

    return rc < 0 ? rc : hub_db_run(db, err, "RELEASE job", "");
}
