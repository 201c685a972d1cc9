#include "hub/repo/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/keys.h"

#define SELF "/proc/self/exe"
#define CHILD_NAME "holdfast-fetch"
#define ENVIRONMENT_MAX 16

struct child {
    pid_t pid;
    int socket;
    int cancel_fd;
    int64_t deadline; // monotonic
};

// What a child may inherit: nothing that changes what is fetched, only how the program is loaded
// and instrumented.
static void inherit(char *out[ENVIRONMENT_MAX]) {
    static const char *const kept[] = {
        "LD_LIBRARY_PATH", "LD_PRELOAD",  "ASAN_OPTIONS",      "UBSAN_OPTIONS", "LSAN_OPTIONS",
        "TSAN_OPTIONS",    "GCOV_PREFIX", "LLVM_PROFILE_FILE", "RES_OPTIONS",   "TZ"};
    size_t count = 0;

    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        const char *value = getenv(kept[i]);

        if (value != NULL) {
            out[count++] = cm_strf("%s=%s", kept[i], value);
        }
    }
    out[count] = NULL;
}

static int prepare_files(posix_spawn_file_actions_t *files, int socket) {
    int rc = posix_spawn_file_actions_adddup2(files, socket, STDIN_FILENO);

    if (rc == 0) {
        rc = posix_spawn_file_actions_addopen(files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    }
    return rc != 0 ? rc : posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
}

static int run(pid_t *pid, int socket, char *const environment[]) {
    char name[] = CHILD_NAME;
    char flag[] = HUB_REPO_CHILD_FLAG;
    char *const argv[] = {name, flag, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    int rc = posix_spawn_file_actions_init(&files);

    if (rc != 0) {
        return rc;
    }
    rc = posix_spawnattr_init(&how);
    if (rc == 0) {
        rc = posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP); // Ctrl-C is not for it
        rc = rc != 0 ? rc : prepare_files(&files, socket);
        rc = rc != 0 ? rc : posix_spawn(pid, SELF, &files, &how, argv, environment);
        (void)posix_spawnattr_destroy(&how);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    return rc;
}

static enum cm_rc start(struct child *c, struct cm_err *err) {
    char *environment[ENVIRONMENT_MAX];
    int pair[2];

    if (strcmp(program_invocation_name, CHILD_NAME) == 0) { // else it would go on for ever
        return cm_fail(err, CM_EINVAL, "main() does not begin with hub_repo_child_main()");
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return cm_fail(err, CM_EIO, "start a process: %s", strerror(errno));
    }
    inherit(environment);
    int rc = run(&c->pid, pair[1], environment);
    for (size_t i = 0; environment[i] != NULL; i++) {
        free(environment[i]);
    }
    (void)close(pair[1]);
    if (rc != 0) {
        (void)close(pair[0]);
        return cm_fail(err, CM_EIO, "start a process: %s", strerror(rc));
    }
    c->socket = pair[0];
    return CM_OK;
}

// wait_for waits until the socket is ready. CM_EBUSY means that the deadline passed.
static enum cm_rc wait_for(const struct child *c, short events, struct cm_err *err) {
    struct pollfd fds[] = {{.fd = c->socket, .events = events},
                           {.fd = c->cancel_fd, .events = POLLIN}};

    for (;;) {
        int64_t left = c->deadline - cm_clock_now_ms();

        if (left <= 0) {
            return cm_fail(err, CM_EBUSY, "the time is over");
        }
        int n = poll(fds, 2, left > INT_MAX ? INT_MAX : (int)left);
        if (n < 0 && errno != EINTR) {
            return cm_fail(err, CM_EIO, "wait for a process: %s", strerror(errno));
        }
        if (n > 0 && fds[1].revents != 0) {
            return cm_fail(err, CM_ECANCELED, "canceled");
        }
        if (n > 0) {
            return CM_OK;
        }
    }
}

static enum cm_rc send_request(const struct child *c, const char *text, struct cm_err *err) {
    size_t size = strlen(text);

    for (size_t sent = 0; sent < size;) {
        if (wait_for(c, POLLOUT, err) < 0) {
            return err->code;
        }

        ssize_t n = send(c->socket, text + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return CM_OK; // it has ended; what it left behind tells more
        }
        sent += n > 0 ? (size_t)n : 0;
    }
    (void)shutdown(c->socket, SHUT_WR);
    return CM_OK;
}

static enum cm_rc receive_answer(const struct child *c, struct cm_str *text, struct cm_err *err) {
    char chunk[4096];

    while (text->len < HUB_EXCHANGE_MAX) {
        if (wait_for(c, POLLIN, err) < 0) {
            return err->code;
        }

        ssize_t n = recv(c->socket, chunk, sizeof(chunk), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno == ECONNRESET)) {
            return CM_OK;
        }
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return cm_fail(err, CM_EIO, "hear a process: %s", strerror(errno));
        }
        cm_str_add_n(text, chunk, n > 0 ? (size_t)n : 0);
    }
    return cm_fail(err, CM_EIO, "the fetch says too much");
}

// reap makes sure that the child is gone and returns how it ended. Killing what has ended already
// does not change that.
static int reap(const struct child *c) {
    int status = 0;

    (void)kill(c->pid, SIGKILL);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR) {
    }
    (void)close(c->socket);
    return status;
}

static enum cm_rc no_answer(int status, const struct hub_request *request,
                            enum hub_repo_trouble *trouble, struct cm_err *err) {
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
        *trouble = HUB_REPO_TIMEOUT;
        return cm_fail(err, CM_EIO, "the server was silent for %lld ms",
                       (long long)request->limits.silence_ms);
    }
    if (WIFSIGNALED(status)) {
        return cm_fail(err, CM_EIO, "the process of the fetch was ended by signal %d",
                       WTERMSIG(status));
    }
    return cm_fail(err, CM_EIO, "the process of the fetch ended with %d and no answer",
                   WEXITSTATUS(status));
}

enum cm_rc hub_spawn(const struct hub_request *request, int cancel_fd, struct hub_answer *out,
                     enum hub_repo_trouble *trouble, struct cm_err *err) {
    struct child c = {.cancel_fd = cancel_fd,
                      .deadline = cm_clock_now_ms() + request->limits.deadline_ms};
    CM_CLEANUP(cm_str_done) struct cm_str answer = {0};
    struct hub_request sent = *request;

    *trouble = HUB_REPO_LOCAL;
    if (start(&c, err) < 0) {
        return err->code;
    }
    sent.parent = getpid();
    char *text = hub_request_write(&sent);
    enum cm_rc rc = send_request(&c, text, err);
    cm_secret_free(text);
    if (rc == CM_OK) {
        rc = receive_answer(&c, &answer, err);
    }
    int status = reap(&c);

    if (rc == CM_EBUSY) {
        *trouble = HUB_REPO_TIMEOUT;
        return cm_fail(err, CM_EIO, "it was not done within %lld ms",
                       (long long)request->limits.deadline_ms);
    }
    if (rc < 0) {
        return rc;
    }
    if (answer.len == 0) {
        return no_answer(status, request, trouble, err);
    }
    return hub_answer_read(cm_str_get(&answer), answer.len, out, err);
}
