// db: the hub's SQLite database. Nothing outside hub/store/ sees SQLite.
//
// One writer (WAL, synchronous=FULL: what is committed survives a power cut), and readers that
// never wait for it. Statements are prepared once per handle and reused; their SQL must be a string
// with static lifetime.
//
// Values go in by a letter each: t text (NULL is NULL), i int64_t, b a pointer and a size_t.
//
// Threads: a handle belongs to one thread at a time. All of it blocks.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct hub_db;
struct hub_stmt;

enum hub_db_mode { HUB_DB_WRITER, HUB_DB_READER };

// hub_db_open opens the file, the writer makes it and brings its tables up to date (schema.c). A
// database of a newer version is refused with CM_EINVAL.
CM_MUSTUSE enum cm_rc hub_db_open(const char *path, enum hub_db_mode mode, struct hub_db **out,
                                  struct cm_err *err);
void hub_db_close(struct hub_db *db); // NULL is fine
void hub_db_closep(struct hub_db **db);

// hub_db_set_deadline lets queries that are still running at this moment (monotonic, 0: none) end
// with CM_EBUSY.
void hub_db_set_deadline(struct hub_db *db, int64_t deadline_ms);

// hub_db_set_triggers: without them a change is nothing but itself.
void hub_db_set_triggers(struct hub_db *db, bool on);

// hub_db_set_stop lets queries with a deadline also end, with the same error, once *stop is true,
// which any thread may set. It is borrowed until the next call; NULL: none.
void hub_db_set_stop(struct hub_db *db, const atomic_bool *stop);

// hub_db_run carries out a statement that yields no rows. It fails with CM_EEXISTS if a unique
// column already holds the value, and CM_EIO otherwise.
CM_MUSTUSE enum cm_rc hub_db_run(struct hub_db *db, struct cm_err *err, const char *sql,
                                 const char *types, ...);

// hub_db_changes tells how many rows the last hub_db_run changed.
int64_t hub_db_changes(const struct hub_db *db);

// hub_db_plans tells how many plans were made of statements so far: one for each, and one more each
// time that it became another one.
int64_t hub_db_plans(const struct hub_db *db);

// hub_db_all_changes tells how many rows were changed since the handle was opened, by triggers,
// too.
int64_t hub_db_all_changes(const struct hub_db *db);

// hub_db_last_id tells the number of the row that the last hub_db_run inserted, whatever triggers
// inserted after it.
int64_t hub_db_last_id(const struct hub_db *db);

// hub_db_query begins a query. The statement must be ended with hub_stmt_end before its SQL is used
// again on this handle.
CM_MUSTUSE enum cm_rc hub_db_query(struct hub_db *db, struct hub_stmt **out, struct cm_err *err,
                                   const char *sql, const char *types, ...);

// hub_db_query_texts begins a query whose SQL was put together, with text values only. The last few
// are kept, by their text.
CM_MUSTUSE enum cm_rc hub_db_query_texts(struct hub_db *db, struct hub_stmt **out,
                                         struct cm_err *err, const char *sql,
                                         const char *const *values, size_t count);

// hub_db_ask asks a question without values whose only row is a yes or no.
CM_MUSTUSE enum cm_rc hub_db_ask(struct hub_db *db, const char *sql, bool *out, struct cm_err *err);

// hub_stmt_next moves to the next row. It fails with CM_ENOTFOUND after the last.
CM_MUSTUSE enum cm_rc hub_stmt_next(struct hub_stmt *stmt, struct cm_err *err);
void hub_stmt_end(struct hub_stmt *stmt); // NULL is fine
void hub_stmt_endp(struct hub_stmt **stmt);

// Columns of the current row, from 0; good until the statement moves on. Text of NULL is "".
const char *hub_stmt_text(struct hub_stmt *stmt, int column);
int64_t hub_stmt_int(struct hub_stmt *stmt, int column);
const void *hub_stmt_blob(struct hub_stmt *stmt, int column, size_t *out_size);

// Transactions of the writer. A savepoint lets one job of a batch fail alone.
CM_MUSTUSE enum cm_rc hub_db_begin(struct hub_db *db, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_db_commit(struct hub_db *db,
                                    struct cm_err *err); // rolls back if it fails
void hub_db_rollback(struct hub_db *db);
CM_MUSTUSE enum cm_rc hub_db_savepoint(struct hub_db *db, struct cm_err *err);

// hub_db_look begins to read all as of one moment; a rollback ends it.
CM_MUSTUSE enum cm_rc hub_db_look(struct hub_db *db, struct cm_err *err);

// hub_db_in_transaction is false after SQLite rolled a transaction back by itself (disk full, I/O
// error): a savepoint would then begin, and commit, one of its own.
bool hub_db_in_transaction(const struct hub_db *db);
// hub_db_savepoint_end keeps what was written since, or takes it back. If that fails the
// transaction must not be committed.
CM_MUSTUSE enum cm_rc hub_db_savepoint_end(struct hub_db *db, bool keep, struct cm_err *err);
