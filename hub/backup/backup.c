#include "hub/backup/backup.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/fault.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/access/authority.h"
#include "hub/backup/archive.h"
#include "hub/backup/merge.h"
#include "hub/store/copy.h"
#include "hub/store/db.h"
#include "hub/store/meta.h"

#define MARK "restoring"        // is in the folder while a restore is under way
#define RECOVERING "recovering" // likewise; the keys there are the only ones then
#define KEYS_PREFIX "keys/"
#define KEY_MAX_BYTES ((uint64_t)64 * 1024)

static const char *const beside[] = {"admin.token"};
enum { BESIDE = sizeof(beside) / sizeof(beside[0]) };

static char *in_dir(const char *dir, const char *name) {
    return cm_strf("%s/%s", dir, name);
}

static void close_dir(DIR **dir) {
    if (*dir != NULL) {
        (void)closedir(*dir);
    }
}

static enum cm_rc fail_errno(struct cm_err *err, const char *what, const char *path) {
    int cause = errno;

    return cm_fail(err, CM_EIO, "cannot %s '%s': %s", what, path, strerrordesc_np(cause));
}

static enum cm_rc sync_folder_of(const char *path, struct cm_err *err) {
    CM_AUTOFREE char *folder = cm_strdup(path);
    char *slash = strrchr(folder, '/');
    CM_CLEANUP(close_dir) DIR *dir = NULL;

    if (slash != NULL) {
        slash[slash == folder ? 1 : 0] = '\0';
    }
    dir = opendir(slash == NULL ? "." : folder);
    return dir != NULL && fsync(dirfd(dir)) == 0 ? CM_OK : fail_errno(err, "sync", folder);
}

// ---- What is in it

static enum cm_rc read_facts(struct hub_db *db, const char *keys, struct hub_backup_facts *out,
                             struct cm_err *err) {
    CM_AUTOFREE char *path = in_dir(keys, "hub.id");
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *id = NULL;
    int64_t epoch = 1;
    enum cm_rc rc = hub_meta_get_int(db, "epoch", &epoch, err);

    rc = rc == CM_ENOTFOUND ? CM_OK : rc;
    *out = (struct hub_backup_facts){.epoch = (uint64_t)epoch};
    rc = rc < 0 ? rc : backup_count_agents(db, &out->agents, err);
    rc = rc < 0 ? rc : cm_fsys_read(path, sizeof(out->hub_id) - 1, &id, err);
    if (rc == CM_OK) {
        memcpy(out->hub_id, id->data, id->size);
    }
    return rc;
}

// ---- Writing

static enum cm_rc add_keys(struct archive_writer *w, const char *keys, struct cm_err *err) {
    CM_CLEANUP(close_dir) DIR *dir = opendir(keys);
    const struct dirent *entry;
    enum cm_rc rc = CM_OK;

    if (dir == NULL) {
        return cm_fail(err, CM_ENOTFOUND, "'%s' is not there; is --data-dir the hub's?", keys);
    }
    while (rc == CM_OK && (entry = readdir(dir)) != NULL) {
        CM_AUTOFREE char *path = in_dir(keys, entry->d_name);
        CM_AUTOFREE char *name = cm_strf(KEYS_PREFIX "%s", entry->d_name);
        struct stat st;

        if (entry->d_name[0] != '.' && stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
            rc = archive_add(w, name, path, err);
        }
    }
    return rc;
}

static enum cm_rc add_beside(struct archive_writer *w, const char *data_dir, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < BESIDE; i++) {
        CM_AUTOFREE char *path = in_dir(data_dir, beside[i]);

        rc = access(path, R_OK) == 0 ? archive_add(w, beside[i], path, err) : CM_OK;
    }
    return rc;
}

// The database comes first: keys that were made since do no harm, ones that it lacks would.
static enum cm_rc write_archive(const char *data_dir, const char *copy, const char *file,
                                struct cm_err *err) {
    CM_CLEANUP(archive_writer_freep) struct archive_writer *w = NULL;
    CM_AUTOFREE char *keys = in_dir(data_dir, "keys");
    enum cm_rc rc = archive_create(file, &w, err);

    rc = rc < 0 ? rc : add_keys(w, keys, err);
    rc = rc < 0 ? rc : add_beside(w, data_dir, err);
    rc = rc < 0 ? rc : archive_add(w, "hub.db", copy, err);
    return rc < 0 ? rc : archive_finish(w, err);
}

static enum cm_rc facts_of_copy(const char *data_dir, const char *copy,
                                struct hub_backup_facts *out, struct cm_err *err) {
    CM_CLEANUP(hub_db_closep) struct hub_db *db = NULL;
    CM_AUTOFREE char *keys = in_dir(data_dir, "keys");
    enum cm_rc rc = hub_db_open(copy, HUB_DB_READER, &db, err);

    return rc < 0 ? rc : read_facts(db, keys, out, err);
}

static enum cm_rc put_in_place(const char *made, const char *file, struct cm_err *err) {
    enum cm_rc rc = archive_verify(made, err);

    if (rc == CM_OK && rename(made, file) < 0) {
        rc = fail_errno(err, "write", file);
    }
    return rc < 0 ? rc : sync_folder_of(file, err);
}

enum cm_rc hub_backup_write(const char *data_dir, const char *file, struct hub_backup_facts *out,
                            struct cm_err *err) {
    CM_AUTOFREE char *from = in_dir(data_dir, "hub.db");
    CM_AUTOFREE char *copy = cm_strf("%s.db", file);
    CM_AUTOFREE char *made = cm_strf("%s.new", file);
    mode_t before = umask(077);

    (void)unlink(copy); // of one that was killed
    enum cm_rc rc = hub_db_copy(from, copy, err);
    rc = rc < 0 ? rc : facts_of_copy(data_dir, copy, out, err);
    rc = rc < 0 ? rc : write_archive(data_dir, copy, made, err);
    rc = rc < 0 ? rc : put_in_place(made, file, err);
    (void)unlink(copy);
    (void)unlink(made);
    (void)umask(before);
    return rc;
}

// ---- Restoring

static bool is_key_name(const char *name) {
    size_t prefix = sizeof(KEYS_PREFIX) - 1;

    return strncmp(name, KEYS_PREFIX, prefix) == 0 && name[prefix] != '\0' && name[prefix] != '.' &&
           strchr(name + prefix, '/') == NULL;
}

static bool is_beside(const char *name) {
    for (size_t i = 0; i < BESIDE; i++) {
        if (strcmp(name, beside[i]) == 0) {
            return true;
        }
    }
    return false;
}

// What an archive must have: without its root a new one would be made, which no agent believes.
struct content {
    bool root;
    bool id;
    bool database;
};

static enum cm_rc look_at(void *ctx, const struct archive_entry *entry, struct cm_err *err) {
    struct content *c = ctx;
    bool database = strcmp(entry->name, "hub.db") == 0;
    bool small = is_key_name(entry->name) || is_beside(entry->name);

    c->database = c->database || database;
    c->root = c->root || strcmp(entry->name, KEYS_PREFIX "root.crt") == 0;
    c->id = c->id || strcmp(entry->name, KEYS_PREFIX "hub.id") == 0;
    return database || (small && entry->size <= KEY_MAX_BYTES)
               ? CM_OK
               : cm_fail(err, CM_EINVAL,
                         "there is '%.80s' in it, which this version of holdfast-hub does not "
                         "know; restore with the version that made it",
                         entry->name);
}

static enum cm_rc check_content(const char *file, struct cm_err *err) {
    struct content c = {.root = false};
    enum cm_rc rc = archive_verify(file, err);

    rc = rc < 0 ? rc : archive_each(file, look_at, &c, err);
    return rc < 0 || (c.root && c.id && c.database)
               ? rc
               : cm_fail(err, CM_EINVAL, "'%s' has not all that a hub needs; take another one",
                         file);
}

// What may be in an empty folder.
static bool is_nothing(const char *name, bool marked) {
    static const char *const mine[] = {"keys",       "hub.db",      "hub.db-wal",
                                       "hub.db-shm", "admin.token", MARK};
    bool ours = false;

    for (size_t i = 0; marked && i < sizeof(mine) / sizeof(mine[0]); i++) {
        ours = ours || strcmp(name, mine[i]) == 0;
    }
    return ours || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
           strcmp(name, "lost+found") == 0 || strcmp(name, "lock") == 0;
}

static enum cm_rc check_empty(const char *dir, bool marked, struct cm_err *err) {
    CM_CLEANUP(close_dir) DIR *open = opendir(dir);
    const struct dirent *entry;

    if (open == NULL) {
        return fail_errno(err, "read", dir);
    }
    while ((entry = readdir(open)) != NULL) {
        if (!is_nothing(entry->d_name, marked)) {
            return cm_fail(err, CM_EEXISTS,
                           "there is '%.80s' in '%s'; a backup is restored into an empty folder: "
                           "move what is there away",
                           entry->d_name, dir);
        }
    }
    return CM_OK;
}

static enum cm_rc extract(void *ctx, const struct archive_entry *entry, struct cm_err *err) {
    CM_AUTOFREE char *path = in_dir(ctx, entry->name);

    return archive_extract(entry, path, err);
}

static void clear(const char *dir) {
    static const char *const files[] = {"hub.db", "hub.db-wal", "hub.db-shm", "admin.token"};
    CM_AUTOFREE char *keys = in_dir(dir, "keys");
    struct cm_err ignored;

    if (cm_fsys_remove_tree(keys, &ignored) < 0) {
        return; // the mark stays
    }
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        CM_AUTOFREE char *path = in_dir(dir, files[i]);

        (void)unlink(path);
    }
}

static enum cm_rc check_keys(const char *keys, struct cm_err *err) {
    struct hub_authority *authority = NULL;
    enum cm_rc rc = hub_authority_open(keys, NULL, 0, &authority, err);

    hub_authority_free(authority);
    return rc;
}

static enum cm_rc open_restored(const char *dir, const char *registry, struct hub_backup_facts *out,
                                struct cm_err *err) {
    struct backup_merged merged = {.revoked = 0};
    CM_CLEANUP(hub_db_closep) struct hub_db *db = NULL;
    CM_AUTOFREE char *path = in_dir(dir, "hub.db");
    CM_AUTOFREE char *keys = in_dir(dir, "keys");
    enum cm_rc rc = hub_db_check(path, err);

    rc = rc < 0 ? rc : check_keys(keys, err);
    rc = rc < 0 ? rc : hub_db_open(path, HUB_DB_WRITER, &db, err);
    rc = rc < 0 ? rc : read_facts(db, keys, out, err);
    rc = rc < 0 || registry == NULL ? rc : backup_merge(db, registry, out, &merged, err);
    return rc < 0 ? rc : backup_raise_epoch(db, &out->epoch, &merged, err);
}

static enum cm_rc fill(const char *file, const char *dir, const char *registry,
                       struct hub_backup_facts *out, struct cm_err *err) {
    CM_AUTOFREE char *keys = in_dir(dir, "keys");
    CM_AUTOFREE char *mark = in_dir(dir, MARK);
    enum cm_rc rc = cm_fsys_make_dir(keys, 0700, err);

    rc = rc < 0 ? rc : archive_each(file, extract, (void *)(uintptr_t)dir, err);
    CM_FAULT_POINT("backup-extracted");
    rc = rc < 0 ? rc : open_restored(dir, registry, out, err);
    CM_FAULT_POINT("epoch-raised");
    if (rc < 0) {
        clear(dir);
    }
    if (unlink(mark) < 0 && rc == CM_OK) {
        rc = fail_errno(err, "remove", mark);
    }
    return rc < 0 ? rc : sync_folder_of(mark, err);
}

enum cm_rc hub_backup_restore(const char *file, const char *data_dir, const char *registry,
                              struct hub_backup_facts *out, struct cm_err *err) {
    CM_AUTOFREE char *lock = in_dir(data_dir, "lock");
    CM_AUTOFREE char *mark = in_dir(data_dir, MARK);
    int lock_fd = -1;
    enum cm_rc rc = check_content(file, err);

    rc = rc < 0 ? rc : cm_fsys_make_dir(data_dir, 0700, err);
    rc = rc < 0 ? rc : check_empty(data_dir, access(mark, F_OK) == 0, err);
    rc = rc < 0 ? rc : cm_fsys_lock(lock, &lock_fd, err);
    rc = rc < 0 ? rc : cm_fsys_replace(mark, "", 0, 0600, err);
    if (rc == CM_OK) {
        clear(data_dir);
        rc = fill(file, data_dir, registry, out, err);
    }
    if (lock_fd >= 0) {
        (void)close(lock_fd);
    }
    return rc;
}

// ---- From the keys alone

static void clear_database(const char *dir) {
    static const char *const files[] = {"hub.db", "hub.db-wal", "hub.db-shm"};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        CM_AUTOFREE char *path = in_dir(dir, files[i]);

        (void)unlink(path);
    }
}

// What is missing would be made anew, and no agent would believe it.
static enum cm_rc check_has_keys(const char *dir, struct cm_err *err) {
    static const char *const needed[] = {"hub.id", "secrets.key", "root.crt", "issuer.crt"};

    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        CM_AUTOFREE char *path = cm_strf("%s/" KEYS_PREFIX "%s", dir, needed[i]);

        if (access(path, R_OK) != 0) {
            return cm_fail(err, CM_ENOTFOUND,
                           "the hub's keys are not all in '%s/keys', there is no %s; put them "
                           "there first",
                           dir, needed[i]);
        }
    }
    return CM_OK;
}

static enum cm_rc check_recoverable(const char *dir, struct cm_err *err) {
    CM_AUTOFREE char *restoring = in_dir(dir, MARK);
    CM_AUTOFREE char *mark = in_dir(dir, RECOVERING);
    CM_AUTOFREE char *db = in_dir(dir, "hub.db");
    enum cm_rc rc = CM_OK;

    if (access(restoring, F_OK) == 0) {
        rc = hub_backup_check_whole(dir, err); // its keys may be half of them
    }
    rc = rc < 0 ? rc : check_has_keys(dir, err);
    return rc < 0 || access(db, F_OK) != 0 || access(mark, F_OK) == 0
               ? rc
               : cm_fail(err, CM_EEXISTS, "there is a database in '%s'; move it away", dir);
}

static enum cm_rc make_database(const char *registry, const char *dir, struct hub_backup_facts *out,
                                struct cm_err *err) {
    CM_CLEANUP(hub_db_closep) struct hub_db *db = NULL;
    CM_AUTOFREE char *path = in_dir(dir, "hub.db");
    CM_AUTOFREE char *keys = in_dir(dir, "keys");
    struct backup_merged merged = {.revoked = 0};
    enum cm_rc rc = check_keys(keys, err);

    rc = rc < 0 ? rc : hub_db_open(path, HUB_DB_WRITER, &db, err);
    rc = rc < 0 ? rc : read_facts(db, keys, out, err);
    rc = rc < 0 ? rc : backup_merge(db, registry, out, &merged, err);
    return rc < 0 ? rc : backup_raise_epoch(db, &out->epoch, &merged, err);
}

enum cm_rc hub_backup_recover(const char *registry, const char *data_dir,
                              struct hub_backup_facts *out, struct cm_err *err) {
    CM_AUTOFREE char *lock = in_dir(data_dir, "lock");
    CM_AUTOFREE char *mark = in_dir(data_dir, RECOVERING);
    int lock_fd = -1;
    enum cm_rc rc = check_recoverable(data_dir, err);

    rc = rc < 0 ? rc : cm_fsys_lock(lock, &lock_fd, err);
    rc = rc < 0 ? rc : cm_fsys_replace(mark, "", 0, 0600, err);
    if (rc == CM_OK) {
        clear_database(data_dir);
        rc = make_database(registry, data_dir, out, err);
        if (rc < 0) {
            clear_database(data_dir);
        }
        (void)unlink(mark);
    }
    if (lock_fd >= 0) {
        (void)close(lock_fd);
    }
    return rc;
}

enum cm_rc hub_backup_check_whole(const char *data_dir, struct cm_err *err) {
    CM_AUTOFREE char *restoring = in_dir(data_dir, MARK);
    CM_AUTOFREE char *recovering = in_dir(data_dir, RECOVERING);

    if (access(restoring, F_OK) == 0) {
        return cm_fail(err, CM_EINVAL,
                       "a restore into '%s' was interrupted; run 'holdfast-hub restore' once more",
                       data_dir);
    }
    return access(recovering, F_OK) != 0
               ? CM_OK
               : cm_fail(err, CM_EINVAL,
                         "making a hub from its keys in '%s' was interrupted; run 'holdfast-hub "
                         "recover' once more",
                         data_dir);
}
