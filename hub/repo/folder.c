#include "hub/repo/folder.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/repo/git.h"
#include "hub/repo/walk.h"

struct folder {
    int root;
    struct cm_map *paths; // id in hex -> path, of what was listed
};

struct folder_walk {
    struct hub_walk base;
    struct folder *folder;
};

static void close_fdp(const int *fd) {
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static void close_dirp(DIR **dir) {
    if (*dir != NULL) {
        (void)closedir(*dir);
    }
}

static enum cm_rc fail_errno(struct cm_err *err, const char *path) {
    enum cm_rc code = errno == ENOENT ? CM_ENOTFOUND : CM_EIO;

    if (errno == ELOOP || errno == ENOTDIR) {
        code = CM_EINVAL;
    }
    return cm_fail(err, code, "'%.200s': %s", path, strerror(errno));
}

// open_below opens a path part by part, so that no link is followed anywhere on the way.
static int open_below(int root, const char *path, int flags) {
    CM_AUTOFREE char *copy = cm_strdup(path);
    int fd = root;
    char *rest = copy;

    while (rest != NULL && fd >= 0) {
        const char *name = strsep(&rest, "/");
        int how = rest != NULL ? O_RDONLY | O_DIRECTORY : flags;
        int next = openat(fd, name, how | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        int kept = errno;

        if (fd != root) {
            (void)close(fd);
        }
        errno = kept;
        fd = next;
    }
    return fd;
}

static enum cm_rc read_fd(int fd, const char *path, size_t max, struct cm_buf **out,
                          struct cm_err *err) {
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return fail_errno(err, path);
    }
    if (!S_ISREG(st.st_mode)) {
        return cm_fail(err, CM_EINVAL, "'%.200s' is no regular file", path);
    }
    if (st.st_size < 0 || (size_t)st.st_size > max) {
        return cm_fail(err, CM_EINVAL, "'%.200s' has more than %zu bytes", path, max);
    }

    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *buf = cm_buf_new((size_t)st.st_size);
    for (size_t at = 0; at < buf->size;) {
        ssize_t n = read(fd, buf->data + at, buf->size - at);

        if (n < 0 && errno != EINTR) {
            return fail_errno(err, path);
        }
        if (n == 0) {
            return cm_fail(err, CM_EBUSY, "'%.200s' became shorter while it was read", path);
        }
        at += n > 0 ? (size_t)n : 0;
    }
    *out = CM_TAKE(buf);
    return CM_OK;
}

static enum cm_rc read_path(void *ctx, const char *path, size_t max, struct cm_buf **out,
                            struct cm_err *err) {
    const struct folder *f = ctx;
    CM_CLEANUP(close_fdp) int fd = open_below(f->root, path, O_RDONLY);

    return fd < 0 ? fail_errno(err, path) : read_fd(fd, path, max, out, err);
}

static enum cm_rc read_id(void *ctx, const struct hub_repo_id *id, size_t max, struct cm_buf **out,
                          struct cm_err *err) {
    const struct folder *f = ctx;
    char hex[HUB_REPO_ID_HEX_MAX];

    hub_repo_id_hex(id, hex);
    const char *path = cm_map_get(f->paths, hex);
    if (path == NULL) {
        return cm_fail(err, CM_ENOTFOUND, "no file of the folder has the id %s", hex);
    }
    return read_path(ctx, path, max, out, err);
}

static enum cm_rc name_bytes(const void *bytes, size_t size, struct hub_repo_id *out,
                             struct cm_err *err) {
    git_oid oid;

    if (git_odb_hash(&oid, bytes, size, GIT_OBJECT_BLOB) < 0) {
        return hub_git_fail(err, CM_EIO, "name a file");
    }
    memcpy(out->bytes, oid.id, HUB_REPO_ID_SIZE);
    return CM_OK;
}

static void remember(struct folder *f, const struct hub_entry *entry) {
    char hex[HUB_REPO_ID_HEX_MAX];

    hub_repo_id_hex(&entry->id, hex);
    cm_map_put(f->paths, hex, cm_strdup(entry->path));
}

static enum cm_rc add_file(struct folder_walk *w, int dir, const char *name, const char *path,
                           mode_t mode, struct cm_err *err) {
    struct hub_entry entry = {
        .path = path, .type = HUB_ENTRY_FILE, .executable = (mode & 0111) != 0};
    CM_CLEANUP(close_fdp)
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *buf = NULL;

    if (fd < 0) {
        return fail_errno(err, path);
    }
    if (read_fd(fd, path, w->base.limits->max_file_bytes, &buf, err) < 0) {
        return err->code;
    }
    assert(buf != NULL);
    if (name_bytes(buf->data, buf->size, &entry.id, err) < 0) {
        return err->code;
    }
    remember(w->folder, &entry);
    hub_walk_add(&w->base, &entry);
    return CM_OK;
}

static enum cm_rc add_link(struct folder_walk *w, int dir, const char *name, const char *path,
                           struct cm_err *err) {
    struct hub_entry entry = {.path = path, .type = HUB_ENTRY_SYMLINK};
    char target[4096];
    ssize_t size = readlinkat(dir, name, target, sizeof(target));

    if (size < 0) {
        return fail_errno(err, path);
    }
    if (name_bytes(target, (size_t)size, &entry.id, err) < 0) {
        return err->code;
    }
    hub_walk_add(&w->base, &entry);
    return CM_OK;
}

static enum cm_rc walk(struct folder_walk *w, int fd, const char *path, size_t depth,
                       struct cm_err *err);

struct here {
    int dir;
    const char *path; // of the folder
    size_t depth;
};

static enum cm_rc walk_sub(struct folder_walk *w, const struct here *at, const char *name,
                           const char *path, struct cm_err *err) {
    int fd = openat(at->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? fail_errno(err, path) : walk(w, fd, path, at->depth + 1, err);
}

static enum cm_rc take(struct folder_walk *w, const struct here *at, const char *name,
                       struct cm_err *err) {
    const char *path = NULL;
    bool safe = true;
    struct stat st;

    if (hub_walk_visit(&w->base, err) < 0 ||
        hub_walk_path(&w->base, at->path, name, &path, &safe, err) < 0) {
        return err->code;
    }
    if (fstatat(at->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return fail_errno(err, path);
    }
    if (safe && S_ISREG(st.st_mode)) {
        return add_file(w, at->dir, name, path, st.st_mode, err);
    }
    if (safe && S_ISLNK(st.st_mode)) {
        return add_link(w, at->dir, name, path, err);
    }
    if (safe && S_ISDIR(st.st_mode)) {
        return walk_sub(w, at, name, path, err);
    }
    hub_walk_add(&w->base, &(struct hub_entry){.path = path, .type = HUB_ENTRY_UNSAFE});
    return CM_OK;
}

// walk takes everything in a folder; fd is closed.
static enum cm_rc walk(struct folder_walk *w, int fd, const char *path, size_t depth,
                       struct cm_err *err) {
    CM_CLEANUP(close_dirp) DIR *dir = fdopendir(fd);
    const struct here at = {.dir = fd, .path = path, .depth = depth};
    const struct dirent *entry;

    if (dir == NULL) {
        (void)close(fd);
        return fail_errno(err, path);
    }
    if (depth > w->base.limits->max_depth) {
        return hub_walk_too_deep(&w->base, path, err);
    }
    while ((entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, ".git") == 0) {
            continue;
        }
        if (take(w, &at, name, err) < 0) {
            return err->code;
        }
    }
    return CM_OK;
}

static enum cm_rc list_below(struct folder_walk *w, const char *prefix, struct cm_err *err) {
    const char *slash = strrchr(prefix, '/');
    CM_AUTOFREE char *parent =
        slash != NULL ? cm_strf("%.*s", (int)(slash - prefix), prefix) : cm_strdup("");
    CM_CLEANUP(close_fdp)
    int dir = open_below(w->folder->root, parent[0] != '\0' ? parent : ".", O_RDONLY | O_DIRECTORY);

    if (dir < 0) {
        return fail_errno(err, prefix);
    }
    if (prefix[0] == '\0') {
        int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return own < 0 ? fail_errno(err, ".") : walk(w, own, "", 0, err);
    }

    const struct here at = {.dir = dir, .path = parent};
    return take(w, &at, slash != NULL ? slash + 1 : prefix, err);
}

static enum cm_rc list(void *ctx, const char *prefix, const struct hub_tree_limits *limits,
                       struct hub_entries *out, struct cm_err *err) {
    struct folder_walk w = {.folder = ctx};

    hub_walk_init(&w.base, limits);
    enum cm_rc rc = list_below(&w, prefix, err);
    if (rc == CM_OK) {
        hub_walk_finish(&w.base, out);
    }
    hub_walk_done(&w.base);
    return rc;
}

static void free_folder(void *ctx) {
    struct folder *f = ctx;

    (void)close(f->root);
    cm_map_free(f->paths);
    free(f);
}

enum cm_rc hub_folder_open(const char *path, struct hub_tree **out, struct cm_err *err) {
    static const struct hub_tree_ops ops = {
        .list = list, .read = read_path, .read_id = read_id, .free = free_folder};
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        return fail_errno(err, path);
    }
    hub_git_start();

    struct folder *f = cm_new(1, sizeof(*f));
    *f = (struct folder){.root = fd, .paths = cm_map_new(free)};
    *out = hub_tree_new(&ops, f);
    return CM_OK;
}
