#include "agent/cache/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cache/record.h"
#include "common/log.h"
#include "common/mem.h"

static void close_fdp(const int *fd) {
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static enum cm_rc fail_errno(struct cm_err *err, const char *what) {
    int cause = errno;

    return cm_fail(err, CM_EIO, "cannot %s the agent's log: %s", what, strerrordesc_np(cause));
}

enum cm_rc agent_log_write(int fd, uint64_t at, const void *bytes, size_t size,
                           struct cm_err *err) {
    const uint8_t *from = bytes;

    while (size > 0) {
        ssize_t n = pwrite(fd, from, size, (off_t)at);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return fail_errno(err, "write");
        }
        from += n;
        at += (uint64_t)n;
        size -= (size_t)n;
    }
    return CM_OK;
}

enum cm_rc agent_log_sync(int fd, struct cm_err *err) {
    return fdatasync(fd) == 0 ? CM_OK : fail_errno(err, "sync");
}

// read_some reads until size bytes are there or the file ends; it returns how many, or -1.
static ssize_t read_some(int fd, uint64_t at, uint8_t *out, size_t size) {
    size_t done = 0;

    while (done < size) {
        ssize_t n = pread(fd, out + done, size - done, (off_t)(at + done));

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

enum cm_rc agent_log_read(int fd, uint64_t at, void *out, size_t size, struct cm_err *err) {
    ssize_t n = read_some(fd, at, out, size);

    if (n < 0) {
        return fail_errno(err, "read");
    }
    if ((size_t)n < size) {
        return cm_fail(err, CM_EIO, "the agent's log is shorter than it was");
    }
    return CM_OK;
}

enum cm_rc agent_log_create(const char *path, int *out_fd, struct cm_err *err) {
    CM_CLEANUP(close_fdp)
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    char magic[AGENT_LOG_MAGIC_SIZE] = AGENT_LOG_MAGIC;

    if (fd < 0) {
        return fail_errno(err, "make");
    }
    enum cm_rc rc = agent_log_write(fd, 0, magic, sizeof(magic), err);
    if (rc < 0) {
        return rc;
    }
    *out_fd = fd;
    fd = -1; // NOLINT(clang-analyzer-deadcode.DeadStores) the cleanup reads it
    return CM_OK;
}

// A reading of the log from its begin.
struct scan {
    int fd;
    uint64_t at;
    uint64_t size; // of the file
    bool torn;     // the frame at `at` goes on behind it
    uint8_t *payload;
    size_t capacity;
};

static void scan_done(struct scan *s) {
    cm_free_wiped(s->payload, s->capacity); // it may be of a Secret
}

// goes_on tells whether what is left can be the begin of a frame's records. Nothing says that the
// frame's length is right: where it is not, the file ends with these, or no record follows.
static bool goes_on(const struct scan *s, size_t size) {
    uint64_t begin = s->at + AGENT_FRAME_HEADER;
    uint64_t end = begin + size;
    uint64_t at = begin;
    uint8_t header[AGENT_RECORD_HEADER];

    while (at + sizeof(header) <= s->size) {
        ssize_t n = read_some(s->fd, at, header, sizeof(header));
        struct agent_reader r = {.at = header, .left = sizeof(header)};
        uint8_t type = agent_get_u8(&r);

        at += sizeof(header) + (uint64_t)agent_get_u32(&r);
        if (n < (ssize_t)sizeof(header) || type == 0 || type > AGENT_RECORD_LAST || at > end) {
            return false;
        }
    }
    return at == begin || at != s->size;
}

// read_frame reads the frame at s->at; false if no whole one is there. What the disk does not give
// out is not torn: then it fails.
static enum cm_rc read_frame(struct scan *s, size_t *out_size, bool *out_whole,
                             struct cm_err *err) {
    uint8_t header[AGENT_FRAME_HEADER];

    *out_whole = false;
    s->torn = s->at + sizeof(header) > s->size;
    if (s->torn) {
        return CM_OK;
    }
    enum cm_rc rc = agent_log_read(s->fd, s->at, header, sizeof(header), err);
    size_t size = rc < 0 ? 0 : agent_frame_size(header);
    bool whole = s->at + sizeof(header) + size <= s->size;
    if (rc < 0 || size > AGENT_FRAME_MAX || !whole) {
        s->torn = rc == CM_OK && size <= AGENT_FRAME_MAX && goes_on(s, size);
        return rc;
    }
    if (size > s->capacity) {
        scan_done(s);
        s->payload = cm_resize(NULL, size);
        s->capacity = size;
    }
    rc = agent_log_read(s->fd, s->at + sizeof(header), s->payload, size, err);
    *out_size = size;
    *out_whole = rc == CM_OK && agent_frame_ok(header, s->payload, size);
    return rc;
}

static enum cm_rc scan_frames(struct scan *s, agent_log_visit_fn visit, void *ctx,
                              struct cm_err *err) {
    size_t size = 0;
    bool whole = false;
    enum cm_rc rc;

    while ((rc = read_frame(s, &size, &whole, err)) == CM_OK && whole &&
           visit(ctx, s->payload, size, s->at + AGENT_FRAME_HEADER)) {
        s->at += AGENT_FRAME_HEADER + size;
    }
    return rc;
}

// read_log reads an open file from begin to end.
static enum cm_rc read_log(int fd, agent_log_visit_fn visit, void *ctx, struct agent_log_end *out,
                           struct cm_err *err) {
    char magic[AGENT_LOG_MAGIC_SIZE] = {0};
    CM_CLEANUP(scan_done) struct scan s = {.fd = fd, .at = AGENT_LOG_MAGIC_SIZE};
    struct stat st;

    if (fstat(fd, &st) < 0) {
        return fail_errno(err, "look at");
    }
    s.size = (uint64_t)st.st_size;
    ssize_t n = read_some(fd, 0, (uint8_t *)magic, sizeof(magic));
    if (n < 0) {
        return fail_errno(err, "read");
    }
    if (memcmp(magic, AGENT_LOG_MAGIC, (size_t)n) != 0) {
        return cm_fail(err, CM_EINVAL, "this file was not written by this version of the agent");
    }
    if ((size_t)n < sizeof(magic)) { // stopped while it was made: nothing was in it yet
        *out = (struct agent_log_end){0};
        return CM_OK;
    }
    enum cm_rc rc = scan_frames(&s, visit, ctx, err);
    if (rc < 0) {
        return rc;
    }
    *out = (struct agent_log_end){.at = s.at, .rest = s.size - s.at, .torn = s.torn};
    return CM_OK;
}

enum cm_rc agent_log_open(const char *path, agent_log_visit_fn visit, void *ctx, int *out_fd,
                          struct agent_log_end *out, struct cm_err *err) {
    CM_CLEANUP(close_fdp) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct agent_log_end end = {0};
    enum cm_rc rc = CM_OK;

    if (fd < 0 && errno != ENOENT) {
        return fail_errno(err, "open");
    }
    if (fd >= 0) {
        rc = read_log(fd, visit, ctx, &end, err);
    }
    if (rc == CM_OK && end.at == 0) {
        close_fdp(&fd);
        fd = -1;
        end.at = AGENT_LOG_MAGIC_SIZE;
        rc = agent_log_create(path, &fd, err);
    }
    if (rc < 0) {
        return cm_wrap(err, "%s", path);
    }
    *out_fd = fd;
    fd = -1;
    *out = end;
    return CM_OK;
}

enum cm_rc agent_log_cut(int fd, uint64_t end, struct cm_err *err) {
    if (ftruncate(fd, (off_t)end) < 0) {
        return fail_errno(err, "cut");
    }
    return agent_log_sync(fd, err);
}

enum cm_rc agent_log_adopt(const char *dir, const char *path, const char *over,
                           struct cm_err *err) {
    CM_CLEANUP(close_fdp) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        return fail_errno(err, "open the folder of");
    }
    if (rename(path, over) < 0) {
        return fail_errno(err, "replace");
    }
    if (fsync(fd) < 0) {
        // It is in place now, so it must be used. The next snapshot tries again.
        cm_log(CM_LOG_WARN, "agent.snapshot_failed", "cannot sync the folder of the agent's log",
               "path", dir, NULL);
    }
    return CM_OK;
}
