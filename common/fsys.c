#include "common/fsys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/str.h"

enum { PATH_MAX_BYTES = 4096, TREE_DEPTH_MAX = 128 };

// fail_errno turns errno into an error: "cannot <what> '<path>': <reason>".
static enum cm_rc fail_errno(struct cm_err *err, const char *what, const char *path) {
    int cause = errno;
    enum cm_rc rc = CM_EIO;

    if (cause == ENOENT || cause == ENOTDIR) {
        rc = CM_ENOTFOUND;
    } else if (cause == EEXIST) {
        rc = CM_EEXISTS;
    } else if (cause == EACCES || cause == EPERM) {
        rc = CM_EAUTH;
    }
    return cm_fail(err, rc, "cannot %s '%s': %s", what, path, strerrordesc_np(cause));
}

static void close_fdp(const int *fd) {
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

// read_some reads until size bytes are there or the file ends; it returns how many, or -1.
static ssize_t read_some(int fd, uint8_t *bytes, size_t size) {
    size_t done = 0;

    while (done < size) {
        ssize_t n = read(fd, bytes + done, size - done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        done += (size_t)n;
    }
    return (ssize_t)done;
}

// read_whole reads what fd has, at most max bytes. The size that stat tells is only a first guess:
// files in /proc say 0, and a file may grow meanwhile.
static enum cm_rc read_whole(int fd, const char *path, size_t max, struct cm_str *text,
                             struct cm_err *err) {
    uint8_t piece[16384];
    ssize_t n;

    do {
        n = read_some(fd, piece, sizeof(piece));
        if (n < 0) {
            return fail_errno(err, "read", path);
        }
        if ((size_t)n > max - text->len) {
            return cm_fail(err, CM_EINVAL, "'%s' is larger than %zu bytes", path, max);
        }
        cm_str_add_n(text, piece, (size_t)n);
    } while (n == (ssize_t)sizeof(piece));
    explicit_bzero(piece, sizeof(piece));
    return CM_OK;
}

enum cm_rc cm_fsys_read(const char *path, size_t max, struct cm_buf **out, struct cm_err *err) {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    CM_CLEANUP(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0) {
        return fail_errno(err, "read", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return cm_fail(err, CM_EINVAL, "'%s' is no regular file", path);
    }
    if (st.st_size > 0 && (uint64_t)st.st_size > max) {
        return cm_fail(err, CM_EINVAL, "'%s' is larger than %zu bytes", path, max);
    }
    text.capacity = (size_t)st.st_size + 1; // so that it does not move: it may be a secret
    text.data = cm_new(text.capacity, 1);
    enum cm_rc rc = read_whole(fd, path, max, &text, err);
    if (rc == CM_OK) {
        *out = cm_buf_copy(text.data, text.len);
    }
    return rc;
}

static bool write_all(int fd, const void *bytes, size_t size) {
    const char *at = bytes;

    while (size > 0) {
        ssize_t n = write(fd, at, size);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return false;
        }
        at += n;
        size -= (size_t)n;
    }
    return true;
}

// folder_of returns the folder that path is in, which the caller frees.
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');

    if (slash == NULL) {
        return cm_strdup(".");
    }
    return slash == path ? cm_strdup("/") : cm_strndup(path, (size_t)(slash - path));
}

enum cm_rc cm_fsys_sync(const char *path, struct cm_err *err) {
    CM_CLEANUP(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0) {
        return fail_errno(err, "sync", path);
    }
    return CM_OK;
}

// fill_file writes a new file's content and makes it durable.
static bool fill_file(int fd, const void *bytes, size_t size, mode_t mode) {
    return fchmod(fd, mode) == 0 && write_all(fd, bytes, size) && fsync(fd) == 0;
}

enum cm_rc cm_fsys_replace(const char *path, const void *bytes, size_t size, mode_t mode,
                           struct cm_err *err) {
    CM_AUTOFREE char *folder = folder_of(path);
    CM_AUTOFREE char *temporary = cm_strf("%s.XXXXXX", path);
    CM_CLEANUP(close_fdp) int fd = mkostemp(temporary, O_CLOEXEC);

    if (fd < 0) {
        return fail_errno(err, "write", path);
    }
    if (!fill_file(fd, bytes, size, mode) || rename(temporary, path) != 0) {
        enum cm_rc rc = fail_errno(err, "write", path);

        (void)unlink(temporary);
        return rc;
    }
    return cm_fsys_sync(folder, err);
}

static bool is_folder(const char *path) {
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

// make_one makes a folder whose parent exists, and makes its name durable.
static enum cm_rc make_one(const char *path, mode_t mode, struct cm_err *err) {
    if (mkdir(path, mode) == 0) {
        CM_AUTOFREE char *parent = folder_of(path);

        return cm_fsys_sync(parent, err);
    }
    if (errno == EEXIST && is_folder(path)) {
        return CM_OK;
    }
    return fail_errno(err, "make folder", path);
}

enum cm_rc cm_fsys_make_dir(const char *path, mode_t mode, struct cm_err *err) {
    size_t done = 0;

    while (path[done] != '\0') {
        done += strspn(path + done, "/");
        done += strcspn(path + done, "/");
        CM_AUTOFREE char *part = cm_strndup(path, done);
        enum cm_rc rc = is_folder(part) ? CM_OK : make_one(part, mode, err);

        if (rc < 0) {
            return rc;
        }
    }
    return CM_OK;
}

static void close_dirp(DIR **dir) {
    if (*dir != NULL) {
        (void)closedir(*dir);
    }
}

typedef int (*each_fn)(void *ctx, int parent, const char *name, int depth);

// each_in calls `each` for all that is in a folder, until it fails; 0 or -1 with errno. It owns fd.
static int each_in(int fd, each_fn each, void *ctx, int depth) {
    CM_CLEANUP(close_dirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (dir == NULL) {
        close_fdp(&fd);
        return -1;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            each(ctx, fd, entry->d_name, depth) != 0) {
            return -1;
        }
    }
    return 0;
}

static int open_in(int parent, const char *name) {
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

// remove_at removes a file, a link (not what it points to) or a folder; 0 or -1 with errno.
static int remove_at(void *ctx, int parent, const char *name, int depth) {
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) {
        return 0;
    }
    if (errno != EISDIR) {
        return -1;
    }
    if (depth == TREE_DEPTH_MAX) {
        errno = ELOOP;
        return -1;
    }
    if (each_in(open_in(parent, name), remove_at, ctx, depth + 1) != 0) {
        return -1;
    }
    return unlinkat(parent, name, AT_REMOVEDIR);
}

enum cm_rc cm_fsys_remove_tree(const char *path, struct cm_err *err) {
    if (remove_at(NULL, AT_FDCWD, path, 0) != 0) {
        return fail_errno(err, "remove", path);
    }
    return CM_OK;
}

// give_at gives a file, a link or a folder with what is in it; 0 or -1 with errno. What was looked
// at is what is given, whatever takes its name meanwhile.
static int give_at(void *ctx, int parent, const char *name, int depth) {
    const struct stat *owner = ctx;
    CM_CLEANUP(close_fdp) int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0) {
        return errno == ENOENT ? 0 : -1;
    }
    if (depth == TREE_DEPTH_MAX) {
        errno = ELOOP;
        return -1;
    }
    bool given = st.st_uid == 0 && (S_ISDIR(st.st_mode) || st.st_nlink == 1);
    if (given && fchownat(fd, "", owner->st_uid, owner->st_gid, AT_EMPTY_PATH) != 0) {
        return -1;
    }
    return S_ISDIR(st.st_mode) ? each_in(open_in(fd, "."), give_at, ctx, depth + 1) : 0;
}

enum cm_rc cm_fsys_give(const char *path, struct cm_err *err) {
    CM_CLEANUP(close_fdp) int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat owner;

    if (geteuid() != 0 || (fd < 0 && errno == ENOENT)) {
        return CM_OK;
    }
    if (fd < 0 || fstat(fd, &owner) != 0) {
        return fail_errno(err, "look at", path);
    }
    if (owner.st_uid != 0 && each_in(open_in(fd, "."), give_at, &owner, 0) != 0) {
        return fail_errno(err, "give its owner what is in", path);
    }
    return CM_OK;
}

// lock_fd takes the lock without waiting.
static enum cm_rc lock_fd(int fd, const char *path, struct cm_err *err) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return CM_OK;
    }
    if (errno == EWOULDBLOCK) {
        return cm_fail(err, CM_EBUSY, "'%s' is locked: another process uses this folder", path);
    }
    return fail_errno(err, "lock", path);
}

enum cm_rc cm_fsys_lock(const char *path, int *out_fd, struct cm_err *err) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        return fail_errno(err, "lock", path);
    }
    enum cm_rc rc = lock_fd(fd, path, err);
    if (rc < 0) {
        (void)close(fd);
        return rc;
    }
    *out_fd = fd;
    return CM_OK;
}

// part_ok tells whether one part of a path may be there.
static bool part_ok(const char *part, size_t len) {
    if (len == 0 || (len == 1 && part[0] == '.')) {
        return false;
    }
    return !(len == 2 && part[0] == '.' && part[1] == '.');
}

static bool has_control_byte(const char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

bool cm_fsys_path_ok(const char *path) {
    if (strnlen(path, PATH_MAX_BYTES + 1) > PATH_MAX_BYTES || has_control_byte(path)) {
        return false;
    }
    for (;;) {
        size_t len = strcspn(path, "/");

        if (!part_ok(path, len)) {
            return false;
        }
        if (path[len] == '\0') {
            return true;
        }
        path += len + 1;
    }
}

size_t cm_fsys_allow_files(size_t wanted) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) {
        return wanted;
    }
    struct rlimit more = limit;
    more.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    return (size_t)(setrlimit(RLIMIT_NOFILE, &more) == 0 ? more.rlim_cur : limit.rlim_cur);
}
