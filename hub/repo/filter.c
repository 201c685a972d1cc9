#include "hub/repo/filter.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <seccomp.h>

#include "common/mem.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

// By what they are for; a name that this architecture does not have is left out.
static const char *const allowed[] = {
    // Bytes and descriptors.
    "read",
    "write",
    "readv",
    "writev",
    "pread64",
    "pwrite64",
    "preadv",
    "pwritev",
    "close",
    "dup",
    "dup2",
    "dup3",
    "lseek",
    "fcntl",
    "flock",
    "ioctl",
    "pipe2",
    "eventfd2",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "ftruncate",
    "fallocate",
    "copy_file_range",
    "sendfile",
    // Files and folders.
    "open",
    "openat",
    "creat",
    "stat",
    "fstat",
    "lstat",
    "newfstatat",
    "statx",
    "statfs",
    "fstatfs",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getdents64",
    "getcwd",
    "chdir",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "rmdir",
    "chmod",
    "fchmod",
    "fchmodat",
    "umask",
    "utimensat",
    "utimes",
    "utime",
    "futimesat",
    // Memory.
    "mmap",
    "munmap",
    "mremap",
    "mprotect",
    "madvise",
    "brk",
    "msync",
    "mincore",
    // The network.
    "connect",
    "bind",
    "getsockname",
    "getpeername",
    "getsockopt",
    "setsockopt",
    "sendto",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "sendmmsg",
    "recvmmsg",
    "shutdown",
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    // Time and chance.
    "clock_gettime",
    "clock_getres",
    "gettimeofday",
    "time",
    "nanosleep",
    "clock_nanosleep",
    "getrandom",
    "setitimer",
    "getitimer",
    "alarm",
    "times",
    // Itself and its threads.
    "futex",
    "set_robust_list",
    "get_robust_list",
    "rseq",
    "set_tid_address",
    "arch_prctl",
    "sched_yield",
    "sched_getaffinity",
    "getpid",
    "gettid",
    "getppid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getgroups",
    "getpgrp",
    "getpgid",
    "uname",
    "sysinfo",
    "getrlimit",
    "getrusage",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigpending",
    "sigaltstack",
    "restart_syscall",
    "exit",
    "exit_group",
    "getcpu",
    "membarrier",
};

static int allow_all(scmp_filter_ctx ctx) {
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < COUNT(allowed); i++) {
        int number = seccomp_syscall_resolve_name(allowed[i]);

        if (number != __NR_SCMP_ERROR && number >= 0) {
            rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, number, 0);
        }
    }
    return rc;
}

// Resolving a host's name asks by UNIX and netlink sockets, too.
static int allow_sockets(scmp_filter_ctx ctx) {
    static const int families[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < COUNT(families); i++) {
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                              SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
    }
    return rc;
}

// Packs are made by threads. What clone3 is asked for no filter can see: the C library takes clone
// where there is none. Signals and limits are its own only.
static int allow_self(scmp_filter_ctx ctx) {
    scmp_datum_t self = (scmp_datum_t)getpid();
    int rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));

    rc = rc != 0 ? rc : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    rc = rc != 0 ? rc
                 : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                    SCMP_A0(SCMP_CMP_EQ, self));
    return rc != 0 ? rc
                   : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
                                      SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0));
}

static void release(scmp_filter_ctx *ctx) {
    seccomp_release(*ctx);
}

enum cm_rc hub_filter_set(struct cm_err *err) {
    CM_CLEANUP(release)
    scmp_filter_ctx ctx = SANITIZED ? NULL : seccomp_init(SCMP_ACT_ERRNO(EPERM));

    if (SANITIZED) {
        return CM_OK;
    }
    int rc = ctx == NULL ? -ENOMEM : allow_all(ctx);
    rc = rc != 0 ? rc : allow_sockets(ctx);
    rc = rc != 0 ? rc : allow_self(ctx);
    rc = rc != 0 ? rc : seccomp_load(ctx);
    return rc != 0 ? cm_fail(err, CM_EIO, "set the filter of system calls: %s", strerror(-rc))
                   : CM_OK;
}
