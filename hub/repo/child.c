#include "hub/repo/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/repo/filter.h"
#include "hub/repo/git.h"
#include "hub/repo/mirror.h"

#define SOCKET_FD 0
#define OPEN_FILES_MAX 256
#define FILE_SLACK_BYTES (64U << 20) // what a thin pack grows by, and indexes

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true // shadow memory needs terabytes of address space, leak checks need ptrace
#else
#define SANITIZED false
#endif

static struct itimerval silence;

void hub_child_listen(int64_t silence_ms) {
    silence.it_value.tv_sec = (time_t)(silence_ms / 1000);
    silence.it_value.tv_usec = (suseconds_t)(silence_ms % 1000 * 1000);
    hub_child_alive();
}

void hub_child_alive(void) {
    (void)setitimer(ITIMER_REAL, &silence, NULL);
}

// Whoever started us may have blocked or ignored signals, and that outlives exec.
static void reset_signals(void) {
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGALRM, SIG_DFL); // ends us: the peer was silent for too long
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); // writing fails with EFBIG instead
}

static bool set_limit(__rlimit_resource_t what, uint64_t value) {
    struct rlimit now;

    if (getrlimit(what, &now) != 0) {
        return false;
    }
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < value) {
        value = now.rlim_max;
    }

    const struct rlimit limit = {.rlim_cur = value, .rlim_max = value};
    return setrlimit(what, &limit) == 0;
}

static enum cm_rc confine(const struct hub_repo_limits *limits, struct cm_err *err) {
    uint64_t cpu_s = (uint64_t)limits->deadline_ms / 1000 * 2 + 5;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !set_limit(RLIMIT_CORE, 0) ||
        !set_limit(RLIMIT_CPU, cpu_s) || !set_limit(RLIMIT_NOFILE, OPEN_FILES_MAX) ||
        !set_limit(RLIMIT_FSIZE, limits->max_received_bytes * 2 + FILE_SLACK_BYTES)) {
        return cm_fail(err, CM_EIO, "set limits: %s", strerror(errno));
    }
    if (!SANITIZED && (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
                       !set_limit(RLIMIT_AS, limits->max_memory_bytes))) {
        return cm_fail(err, CM_EIO, "set limits: %s", strerror(errno));
    }
    return CM_OK;
}

// read_all reads the request up to the end that the parent set.
static enum cm_rc read_all(struct cm_str *out, struct cm_err *err) {
    char chunk[4096];

    for (;;) {
        ssize_t n = read(SOCKET_FD, chunk, sizeof(chunk));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return cm_fail(err, CM_EIO, "read the request: %s", strerror(errno));
        }
        if (n == 0) {
            return CM_OK;
        }
        if (out->len + (size_t)n > HUB_EXCHANGE_MAX) {
            return cm_fail(err, CM_EINVAL, "the request is too large");
        }
        cm_str_add_n(out, chunk, (size_t)n);
    }
}

static void reply(const struct hub_answer *answer) {
    CM_AUTOFREE char *text = hub_answer_write(answer);
    size_t size = strlen(text);

    for (size_t sent = 0; sent < size;) {
        ssize_t n = send(SOCKET_FD, text + sent, size - sent, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR) {
            return; // nobody waits for it any more
        }
        sent += n > 0 ? (size_t)n : 0;
    }
}

static enum cm_rc compact(const char *folder, struct cm_err *err) {
    CM_CLEANUP(hub_mirror_unlock) struct hub_mirror mirror = {0};

    if (hub_mirror_lock(folder, &mirror, err) < 0) {
        return err->code;
    }
    return hub_mirror_compact(&mirror, err);
}

static void work(const struct hub_request *request, struct hub_answer *answer) {
    hub_git_start();
    (void)git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
    if (request->verb == HUB_REQUEST_FETCH) {
        hub_child_fetch(request, answer);
        return;
    }
    if (request->verb == HUB_REQUEST_PUSH) {
        hub_child_send(request, answer);
        return;
    }
    if (request->verb == HUB_REQUEST_COPY) {
        hub_child_copy(request, answer);
        return;
    }
    enum cm_rc rc =
        request->verb == HUB_REQUEST_MERGE   ? hub_mirror_merge(request->folder, &answer->err)
        : request->verb == HUB_REQUEST_PRUNE ? hub_mirror_prune(request->folder, &answer->err)
                                             : compact(request->folder, &answer->err);
    answer->trouble = rc < 0 ? HUB_REPO_LOCAL : HUB_REPO_FINE;
}

static void serve(void) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct hub_request request = {0};
    struct hub_answer answer = {.trouble = HUB_REPO_LOCAL};

    if (read_all(&text, &answer.err) == CM_OK &&
        hub_request_read(a, cm_str_get(&text), text.len, &request, &answer.err) == CM_OK &&
        confine(&request.limits, &answer.err) == CM_OK && hub_filter_set(&answer.err) == CM_OK) {
        if (getppid() != request.parent) {
            return; // it died before we asked to be told
        }
        work(&request, &answer);
    }
    reply(&answer);
}

void hub_repo_child_main(int argc, char **argv) {
    if (argc != 2 || strcmp(argv[1], HUB_REPO_CHILD_FLAG) != 0) {
        return;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    reset_signals();
    serve();
    // No exit handlers: libssh2's and libgit2's would wait for a peer that may never answer.
    _exit(EXIT_SUCCESS);
}
