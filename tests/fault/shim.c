// shim: makes a program's disk and clock misbehave, by LD_PRELOAD.
//
// $HOLDFAST_FAULTS names a file of seven little-endian numbers of 64 bits, which is mapped, so that
// who wrote it changes them while the program runs:
//
//     errno of fsync and fdatasync | errno of writes to files | ms that the clock is ahead | kill
//     in | fail in | errno of reads of files | ms that fsync and fdatasync take longer
//
// 0 means that all is well. What is mapped or read by stdio is not read by the program itself.
// "Kill in" counts calls of the first two kinds down and kills the program with SIGKILL in the
// middle of the last: those are the points where a crash could lose something. "Fail in" counts
// these down, and each other call that changes a file or a folder (what stdio does by itself is
// none), and has the last one alone fail, with EIO. Of files only those of a data directory are
// meant: descriptors 0 to 2 never are, and nor is an executable file, into which a test has the
// program write what it did.
//
// Where the working folder has a folder `synced`, there stands, in a file named after a file's
// inode, how long that was when it was last made durable (64 bits, little-endian). What is behind
// that a machine that goes may lose, though a process that is killed does not. A folder, for a
// child of the hub has not its environment.
//
// Threads: any.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { SYNC_ERRNO, WRITE_ERRNO, CLOCK_MS, KILL_IN, FAIL_IN, READ_ERRNO, SYNC_MS, COUNT };

static _Atomic int64_t none[COUNT];
static _Atomic int64_t *faults = none;

__attribute__((constructor)) static void open_faults(void) {
    const char *path = getenv("HOLDFAST_FAULTS");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    void *map =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(none), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (map != MAP_FAILED) {
        faults = map;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

// NEXT is the function that the program would have called.
#define NEXT(name)                                                                                 \
    static __typeof__(&(name)) next;                                                               \
    if (next == NULL) {                                                                            \
        *(void **)&next = dlsym(RTLD_NEXT, #name);                                                 \
    }

static int is_folder(int fd) {
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

static int is_file(int fd) {
    struct stat st;

    return fd > STDERR_FILENO && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
           (st.st_mode & S_IXUSR) == 0;
}

static void count_down(void) {
    if (faults[KILL_IN] > 0 && atomic_fetch_sub(&faults[KILL_IN], 1) == 1) {
        (void)kill(getpid(), SIGKILL);
    }
}

// open_note opens what is noted of a file past our own open: it is no deed of the program.
static int open_note(const struct stat *st, int how) {
    char path[64];

    if (!S_ISREG(st->st_mode)) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "synced/%llu", (unsigned long long)st->st_ino);
    return (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC | how, 0600);
}

static void note_synced(const struct stat *st) {
    int64_t size = st->st_size;
    int note = open_note(st, O_CREAT);

    if (note >= 0) {
        (void)syscall(SYS_pwrite64, note, &size, sizeof(size), 0);
        (void)close(note);
    }
}

// note_no_longer: what is behind a file's end now is not durable when it is written anew. An empty
// file's inode may have been another file's.
static void note_no_longer(const struct stat *st) {
    int64_t size = st->st_size;
    int64_t was = 0;
    int note = open_note(st, 0);

    if (note >= 0 && syscall(SYS_pread64, note, &was, sizeof(was), 0) == sizeof(was) &&
        was > size) {
        (void)syscall(SYS_pwrite64, note, &size, sizeof(size), 0);
    }
    if (note >= 0) {
        (void)close(note);
    }
}

static int fails_once(void) {
    if (faults[FAIL_IN] <= 0 || atomic_fetch_sub(&faults[FAIL_IN], 1) != 1) {
        return 0;
    }
    errno = EIO;
    return 1;
}

// fails tells whether the call is to fail, with errno.
static int fails(int fd, int which) {
    if (!is_file(fd)) {
        return 0;
    }
    count_down();
    int64_t number = faults[which];
    if (number != 0) {
        errno = (int)number;
    }
    return number != 0 || fails_once();
}

// sync_with makes a file durable; what is written meanwhile does not count. Two at a time could
// note in another order than they looked, and set the mark back.
static int sync_with(int fd, int (*next)(int fd)) {
    struct timespec longer = {faults[SYNC_MS] / 1000, faults[SYNC_MS] % 1000 * 1000000};
    static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
    struct stat st = {0};

    if (fails(fd, SYNC_ERRNO) || (is_folder(fd) && fails_once())) {
        return -1;
    }
    (void)nanosleep(&longer, NULL);
    (void)pthread_mutex_lock(&mu);
    (void)fstat(fd, &st);
    int rc = next(fd);
    if (rc == 0) {
        note_synced(&st);
    }
    (void)pthread_mutex_unlock(&mu);
    return rc;
}

int fsync(int fd) {
    NEXT(fsync)
    return sync_with(fd, next);
}

int fdatasync(int fd) {
    NEXT(fdatasync)
    return sync_with(fd, next);
}

static int fails_to_write(int fd) {
    struct stat st;

    if (fstat(fd, &st) == 0 && st.st_size == 0) {
        note_no_longer(&st);
    }
    return fails(fd, WRITE_ERRNO);
}

ssize_t write(int fd, const void *bytes, size_t size) {
    NEXT(write)
    return fails_to_write(fd) ? -1 : next(fd, bytes, size);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
    NEXT(pwrite)
    return fails_to_write(fd) ? -1 : next(fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
    NEXT(pwrite64)
    return fails_to_write(fd) ? -1 : next(fd, bytes, size, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    NEXT(writev)
    return fails_to_write(fd) ? -1 : next(fd, parts, count);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    NEXT(pwritev)
    return fails_to_write(fd) ? -1 : next(fd, parts, count, at);
}

static int fails_to_read(int fd) {
    int64_t number = faults[READ_ERRNO];

    if (number == 0 || !is_file(fd)) {
        return 0;
    }
    errno = (int)number;
    return 1;
}

// READS makes a call that reads what may be a file.
#define READS(name, takes, gives)                                                                  \
    ssize_t name takes {                                                                           \
        NEXT(name)                                                                                 \
        return fails_to_read(fd) ? -1 : next gives;                                                \
    }

READS(read, (int fd, void *bytes, size_t size), (fd, bytes, size))
READS(pread, (int fd, void *bytes, size_t size, off_t at), (fd, bytes, size, at))
READS(pread64, (int fd, void *bytes, size_t size, off64_t at), (fd, bytes, size, at))
READS(readv, (int fd, const struct iovec *parts, int count), (fd, parts, count))
READS(preadv, (int fd, const struct iovec *parts, int count, off_t at), (fd, parts, count, at))

static int cut(int fd, off_t size, int (*next)(int fd, off_t size)) {
    struct stat st;

    if (is_file(fd) && fails_once()) {
        return -1;
    }
    int rc = next(fd, size);

    if (rc == 0 && fstat(fd, &st) == 0) {
        note_no_longer(&st);
    }
    return rc;
}

int ftruncate(int fd, off_t size) {
    NEXT(ftruncate)
    return cut(fd, size, next);
}

int ftruncate64(int fd, off64_t size) {
    NEXT(ftruncate64)
    return cut(fd, size, next);
}

// CHANGES makes a call that changes a folder.
#define CHANGES(name, takes, gives)                                                                \
    int name takes {                                                                               \
        NEXT(name)                                                                                 \
        return fails_once() ? -1 : next gives;                                                     \
    }

CHANGES(rename, (const char *from, const char *to), (from, to))
CHANGES(link, (const char *from, const char *to), (from, to))
CHANGES(symlink, (const char *to, const char *path), (to, path))
CHANGES(unlink, (const char *path), (path))
CHANGES(unlinkat, (int at, const char *path, int how), (at, path, how))
CHANGES(mkdir, (const char *path, mode_t mode), (path, mode))
CHANGES(rmdir, (const char *path), (path))
CHANGES(chmod, (const char *path, mode_t mode), (path, mode))
CHANGES(fchmod, (int fd, mode_t mode), (fd, mode))
CHANGES(mkstemp, (char *path), (path))
CHANGES(mkostemp, (char *path, int how), (path, how))
CHANGES(mkstemp64, (char *path), (path))
CHANGES(mkostemp64, (char *path, int how), (path, how))

static int fails_to_open(int how) {
    return (how & (O_WRONLY | O_RDWR | O_CREAT)) != 0 && fails_once();
}

// OPENS makes a call that may change a folder. One without O_CREAT has no mode; what is taken for
// it then is not looked at.
#define OPENS(name, takes, gives)                                                                  \
    int name takes {                                                                               \
        NEXT(name)                                                                                 \
        va_list rest;                                                                              \
                                                                                                   \
        va_start(rest, how);                                                                       \
        mode_t mode = va_arg(rest, mode_t);                                                        \
        va_end(rest);                                                                              \
        return fails_to_open(how) ? -1 : next gives;                                               \
    }

OPENS(open, (const char *path, int how, ...), (path, how, mode))
OPENS(open64, (const char *path, int how, ...), (path, how, mode))
OPENS(openat, (int at, const char *path, int how, ...), (at, path, how, mode))
OPENS(openat64, (int at, const char *path, int how, ...), (at, path, how, mode))

// ---- The clock that people read; the one that only goes on is left alone

int clock_gettime(clockid_t which, struct timespec *out) {
    NEXT(clock_gettime)
    int rc = next(which, out);

    if (rc == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) {
        out->tv_sec += (time_t)(faults[CLOCK_MS] / 1000);
    }
    return rc;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    NEXT(gettimeofday)
    int rc = next(out, zone);

    if (rc == 0) {
        out->tv_sec += (time_t)(faults[CLOCK_MS] / 1000);
    }
    return rc;
}

time_t time(time_t *out) {
    NEXT(time)
    time_t now = next(NULL) + (time_t)(faults[CLOCK_MS] / 1000);

    if (out != NULL) {
        *out = now;
    }
    return now;
}
