#include "hub/store/copy.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

#include "common/mem.h"

#define BUSY_TIMEOUT_MS 10000
#define ALL_PAGES (-1) // in one go, under one read transaction: writers go on meanwhile

static void close_handle(sqlite3 **handle) {
    sqlite3_close(*handle);
}

static enum cm_rc open_file(const char *path, int flags, sqlite3 **out, struct cm_err *err) {
    if (sqlite3_open_v2(path, out, flags, NULL) != SQLITE_OK) {
        return cm_fail(err, CM_EIO, "open database '%s': %s", path, sqlite3_errmsg(*out));
    }
    sqlite3_busy_timeout(*out, BUSY_TIMEOUT_MS);
    return CM_OK;
}

static int take_answer(void *ctx, int count, char **values, char **names) {
    bool *sound = ctx;

    (void)names;
    *sound = count == 1 && values[0] != NULL && strcmp(values[0], "ok") == 0;
    return 0;
}

static enum cm_rc check(sqlite3 *handle, const char *path, struct cm_err *err) {
    bool sound = false;

    if (sqlite3_exec(handle, "PRAGMA integrity_check(1)", take_answer, &sound, NULL) != SQLITE_OK) {
        return cm_fail(err, CM_EINVAL, "database '%s': %s", path, sqlite3_errmsg(handle));
    }
    return sound ? CM_OK : cm_fail(err, CM_EINVAL, "database '%s' is damaged", path);
}

static enum cm_rc copy_pages(sqlite3 *from, sqlite3 *to, struct cm_err *err) {
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");

    if (backup == NULL) {
        return cm_fail(err, CM_EIO, "copy the database: %s", sqlite3_errmsg(to));
    }
    int step = sqlite3_backup_step(backup, ALL_PAGES);
    int end = sqlite3_backup_finish(backup);
    if (step != SQLITE_DONE || end != SQLITE_OK) {
        return cm_fail(err, CM_EIO, "copy the database: %s",
                       sqlite3_errstr(step != SQLITE_DONE ? step : end));
    }
    // What is in a log would be left behind.
    return sqlite3_exec(to, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL) == SQLITE_OK
               ? CM_OK
               : cm_fail(err, CM_EIO, "copy the database: %s", sqlite3_errmsg(to));
}

enum cm_rc hub_db_copy(const char *from, const char *to, struct cm_err *err) {
    CM_CLEANUP(close_handle) sqlite3 *source = NULL;
    CM_CLEANUP(close_handle) sqlite3 *copy = NULL;
    enum cm_rc rc = open_file(from, SQLITE_OPEN_READWRITE, &source, err);

    rc = rc < 0 ? rc : open_file(to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &copy, err);
    rc = rc < 0 ? rc : copy_pages(source, copy, err);
    return rc < 0 ? rc : check(copy, to, err);
}

enum cm_rc hub_db_check(const char *path, struct cm_err *err) {
    CM_CLEANUP(close_handle) sqlite3 *handle = NULL;
    enum cm_rc rc = open_file(path, SQLITE_OPEN_READWRITE, &handle, err);

    return rc < 0 ? rc : check(handle, path, err);
}
