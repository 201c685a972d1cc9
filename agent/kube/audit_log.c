#include "agent/kube/audit_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kube/audit.h"
#include "common/arena.h"
#include "common/err.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/workers.h"

enum { PAUSE_MS = 100, CHUNK = 64 * 1024, CHUNKS = 16, TAIL = 32 };

struct found {
    struct kube_audit_write write;
    struct found *next;
};

struct kube_audit_log {
    struct cm_loop *loop;
    struct cm_workers *disk;
    char *path;
    kube_audit_wrote_fn wrote;
    void *ctx;
    struct cm_timer timer;
    bool stopped;
    bool told; // that it cannot be read

    struct cm_job job; // while it runs, what follows is the worker's
    int fd;            // -1: it is not open
    bool opened;       // it was once
    off_t at;
    char tail[TAIL]; // what is before that
    size_t tail_size;
    struct cm_str line; // begun
    bool passing;       // over the rest of a line that is too long
    struct cm_arena *scratch;
    struct cm_arena *arena;
    struct found *first; // of what was read
    struct found **last;
    bool more; // there is
    struct cm_err why;
};

// ---- On the worker

// forget_line: what a request carried may be in it, and that may be a Secret.
static void forget_line(struct kube_audit_log *l) {
    if (l->line.len > 0) {
        explicit_bzero(l->line.data, l->line.len);
    }
    cm_str_clear(&l->line);
    l->passing = false;
}

// keep copies a write: of most lines nothing is kept.
static void keep(struct kube_audit_log *l, const struct kube_audit_write *w) {
    struct cm_arena *a = l->arena;
    struct found *f = cm_arena_get(a, sizeof(*f));

    f->write = (struct kube_audit_write){.group = cm_arena_strdup(a, w->group),
                                         .resource = cm_arena_strdup(a, w->resource),
                                         .ns = cm_arena_strdup(a, w->ns),
                                         .name = cm_arena_strdup(a, w->name),
                                         .manager = cm_arena_strdup(a, w->manager),
                                         .user = cm_arena_strdup(a, w->user),
                                         .from_ms = w->from_ms,
                                         .to_ms = w->to_ms};
    *l->last = f;
    l->last = &f->next;
}

static void take_line(struct kube_audit_log *l, const char *line, size_t size) {
    struct kube_audit_write write;

    if (kube_audit_read(l->scratch, line, size, &write)) {
        keep(l, &write);
    }
    cm_arena_reset(l->scratch);
}

// take_end takes what ends a line that was begun, or one that is whole.
static void take_end(struct kube_audit_log *l, const char *text, size_t size) {
    if (l->line.len == 0 && !l->passing) {
        take_line(l, text, size);
    } else if (!l->passing && l->line.len + size <= KUBE_AUDIT_LINE_MAX) {
        cm_str_add_n(&l->line, text, size);
        take_line(l, cm_str_get(&l->line), l->line.len);
    }
    forget_line(l);
}

static void take_begun(struct kube_audit_log *l, const char *text, size_t size) {
    if (l->passing || l->line.len + size > KUBE_AUDIT_LINE_MAX) {
        cm_str_done(&l->line);
        l->line = (struct cm_str){0};
        l->passing = true;
        return;
    }
    cm_str_add_n(&l->line, text, size);
}

static void take_chunk(struct kube_audit_log *l, const char *text, size_t size) {
    const char *end;

    while ((end = memchr(text, '\n', size)) != NULL) {
        size_t len = (size_t)(end - text);

        take_end(l, text, len);
        text += len + 1;
        size -= len + 1;
    }
    if (size > 0) {
        take_begun(l, text, size);
    }
}

static void close_file(struct kube_audit_log *l) {
    if (l->fd >= 0) {
        (void)close(l->fd);
    }
    l->fd = -1;
}

// begin_at goes on at a place. What is before it may be a part of the line that goes on there.
static void begin_at(struct kube_audit_log *l, off_t at) {
    off_t size = at < TAIL ? at : TAIL;
    ssize_t got = pread(l->fd, l->tail, (size_t)size, at - size);

    l->at = at;
    l->tail_size = got < size ? 0 : (size_t)size;
    forget_line(l);
    l->passing = at > 0 && (l->tail_size == 0 || l->tail[l->tail_size - 1] != '\n');
}

// open_fd opens nothing but a file: devices may do something then.
static int open_fd(const char *path, struct stat *st) {
    if (stat(path, st) < 0 || !S_ISREG(st->st_mode)) {
        return -1;
    }
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

// open_file begins at the end of what is there at first: what was written before is old.
static bool open_file(struct kube_audit_log *l) {
    struct stat st;

    if (l->fd >= 0) {
        return true;
    }
    errno = 0;
    l->fd = open_fd(l->path, &st);
    l->opened |= l->fd < 0 && errno == ENOENT; // all that will be in it is new
    if (l->fd < 0 || fstat(l->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        (void)cm_fail(
            &l->why, CM_EIO,
            "the audit log '%s' cannot be read, so who changed something is only claimed: "
            "%s",
            l->path, l->fd < 0 && errno != 0 ? strerror(errno) : "it is no file");
        close_file(l);
        return false;
    }
    begin_at(l, l->opened ? 0 : st.st_size);
    l->opened = true;
    return true;
}

// is_replaced tells whether another file has the name now.
static bool is_replaced(const struct kube_audit_log *l) {
    struct stat named;
    struct stat ours;

    return fstat(l->fd, &ours) < 0 || (stat(l->path, &named) == 0 && (named.st_ino != ours.st_ino ||
                                                                      named.st_dev != ours.st_dev));
}

// begin_again_if_cut: it may have grown since beyond where we were.
static void begin_again_if_cut(struct kube_audit_log *l) {
    char now[TAIL];
    ssize_t got = pread(l->fd, now, l->tail_size, l->at - (off_t)l->tail_size);

    if (got >= 0 && ((size_t)got < l->tail_size || memcmp(now, l->tail, l->tail_size) != 0)) {
        begin_at(l, 0);
    }
}

// read_chunk tells whether there was something.
static bool read_chunk(struct kube_audit_log *l, char *chunk) {
    ssize_t size = pread(l->fd, chunk, CHUNK, l->at);

    if (size < 0) {
        (void)cm_fail(&l->why, CM_EIO, "the audit log '%s' cannot be read: %s", l->path,
                      strerror(errno));
    }
    if (size <= 0) {
        return false;
    }
    l->at += size;
    l->tail_size = size < TAIL ? (size_t)size : TAIL;
    memcpy(l->tail, chunk + size - l->tail_size, l->tail_size);
    take_chunk(l, chunk, (size_t)size);
    return true;
}

static void run(struct cm_job *job) {
    struct kube_audit_log *l = CM_CONTAINER(job, struct kube_audit_log, job);
    CM_AUTOFREE char *chunk = cm_new(1, CHUNK);
    size_t chunks = 0;

    if (!open_file(l)) {
        return;
    }
    bool replaced = is_replaced(l); // before it is read to its end
    begin_again_if_cut(l);
    while (chunks < CHUNKS && read_chunk(l, chunk)) {
        chunks++;
    }
    explicit_bzero(chunk, CHUNK);
    l->more = chunks == CHUNKS;
    if (replaced && !l->more) {
        close_file(l);
        l->more = true;
    }
}

// ---- On the loop

static void look(void *ctx);

static void tell_failure(struct kube_audit_log *l) {
    bool failed = l->why.code != CM_OK;

    if (failed && !l->told) {
        cm_log(CM_LOG_WARN, "agent.audit_unread", l->why.msg, NULL);
    }
    l->told = failed;
}

static void done(struct cm_job *job) {
    struct kube_audit_log *l = CM_CONTAINER(job, struct kube_audit_log, job);

    if (l->stopped || job->canceled) {
        return;
    }
    tell_failure(l);
    for (const struct found *f = l->first; f != NULL && !l->stopped; f = f->next) {
        l->wrote(l->ctx, &f->write);
    }
    if (!l->stopped) {
        cm_timer_start(l->loop, &l->timer, l->more ? 0 : PAUSE_MS);
    }
}

static void look(void *ctx) {
    struct kube_audit_log *l = ctx;

    cm_arena_free(l->arena);
    l->arena = cm_arena_new(0);
    l->first = NULL;
    l->last = &l->first;
    l->more = false;
    l->why = (struct cm_err){.code = CM_OK};
    l->job = (struct cm_job){.run = run, .done = done, .home = l->loop};
    cm_workers_submit(l->disk, &l->job);
}

struct kube_audit_log *kube_audit_log_start(struct cm_loop *loop, struct cm_workers *disk,
                                            const char *path, kube_audit_wrote_fn wrote,
                                            void *ctx) {
    struct kube_audit_log *l = cm_new(1, sizeof(*l));

    *l = (struct kube_audit_log){.loop = loop,
                                 .disk = disk,
                                 .path = cm_strdup(path),
                                 .wrote = wrote,
                                 .ctx = ctx,
                                 .timer = {.run = look, .ctx = l},
                                 .scratch = cm_arena_new(0),
                                 .fd = -1};
    (void)open_file(l); // its end is where it is now; that it cannot be read the first look tells
    look(l);
    return l;
}

void kube_audit_log_stop(struct kube_audit_log *l) {
    if (l != NULL) {
        l->stopped = true;
        cm_timer_stop(l->loop, &l->timer);
    }
}

void kube_audit_log_free(struct kube_audit_log *l) {
    if (l == NULL) {
        return;
    }
    close_file(l);
    explicit_bzero(l->tail, sizeof(l->tail));
    cm_str_done(&l->line);
    cm_arena_free(l->scratch);
    cm_arena_free(l->arena);
    free(l->path);
    free(l);
}
