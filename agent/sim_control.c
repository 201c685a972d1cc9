#include "agent/sim_control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"

enum { LINE_MAX_BYTES = 64 * 1024 };

struct sim_control {
    struct cm_loop *loop;
    void (*run)(void *ctx, const char *line, struct cm_str *answer);
    void *ctx;
    char *path;
    int listener;
    int wake; // readable when it shall end
    pthread_t thread;

    // One command on its way through the loop.
    struct cm_task task;
    const char *line;
    struct cm_str answer;

    pthread_mutex_t mu; // guards everything below
    pthread_cond_t changed;
    bool answered;
    bool stopping;
};

static void run_on_loop(void *ctx) {
    struct sim_control *c = ctx;

    (void)pthread_mutex_lock(&c->mu);
    if (!c->stopping) {
        c->run(c->ctx, c->line, &c->answer);
    }
    c->answered = true;
    (void)pthread_cond_signal(&c->changed);
    (void)pthread_mutex_unlock(&c->mu);
}

// ask runs a line on the loop; false when we are stopping.
static bool ask(struct sim_control *c, const char *line) {
    cm_str_clear(&c->answer);
    c->line = line;
    (void)pthread_mutex_lock(&c->mu);
    c->answered = false;
    bool go = !c->stopping;
    if (go) {
        c->task = (struct cm_task){.run = run_on_loop, .ctx = c};
        cm_loop_post(c->loop, &c->task);
    }
    while (go && !c->answered && !c->stopping) {
        (void)pthread_cond_wait(&c->changed, &c->mu);
    }
    go = go && c->answered;
    (void)pthread_mutex_unlock(&c->mu);
    return go;
}

// wait_readable waits for the descriptor; false when it shall end.
static bool wait_readable(const struct sim_control *c, int fd) {
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = c->wake, .events = POLLIN}};

    while (poll(fds, 2, -1) < 0 && errno == EINTR) {
    }
    return fds[1].revents == 0;
}

static bool write_all(int fd, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        bytes += n;
        size -= (size_t)n;
    }
    return true;
}

// take_lines runs the whole lines at the begin of the buffer and keeps the rest.
static bool take_lines(struct sim_control *c, int fd, struct cm_str *in) {
    char *end;

    while (in->len > 0 && (end = memchr(in->data, '\n', in->len)) != NULL) {
        size_t used = (size_t)(end - in->data) + 1;

        *end = '\0';
        if (!ask(c, in->data) || !write_all(fd, c->answer.data, c->answer.len)) {
            return false;
        }
        memmove(in->data, in->data + used, in->len - used);
        in->len -= used;
    }
    return in->len < LINE_MAX_BYTES;
}

static void serve(struct sim_control *c, int fd) {
    CM_CLEANUP(cm_str_done) struct cm_str in = {0};
    char bytes[4096];

    while (wait_readable(c, fd)) {
        ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

        if (n <= 0) {
            return;
        }
        cm_str_add_n(&in, bytes, (size_t)n);
        if (!take_lines(c, fd, &in)) {
            return;
        }
    }
}

static void *work(void *ctx) {
    struct sim_control *c = ctx;

    while (wait_readable(c, c->listener)) {
        int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0) {
            serve(c, fd);
            (void)close(fd);
        }
    }
    return NULL;
}

static enum cm_rc listen_at(struct sim_control *c, struct cm_err *err) {
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    if (strlen(c->path) >= sizeof(addr.sun_path)) {
        return cm_fail(err, CM_EINVAL, "--control: the path is longer than %zu bytes",
                       sizeof(addr.sun_path) - 1);
    }
    memcpy(addr.sun_path, c->path, strlen(c->path) + 1);
    (void)unlink(c->path);
    c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mode_t before = umask(0077);
    bool ok = c->listener >= 0 &&
              bind(c->listener, (const struct sockaddr *)&addr, sizeof(addr)) == 0 &&
              listen(c->listener, 16) == 0;
    int cause = errno;
    (void)umask(before);
    return ok ? CM_OK
              : cm_fail(err, CM_EIO, "cannot listen on '%s': %s", c->path, strerrordesc_np(cause));
}

static void control_free(struct sim_control *c) {
    if (c->listener >= 0) {
        (void)close(c->listener);
        (void)unlink(c->path);
    }
    if (c->wake >= 0) {
        (void)close(c->wake);
    }
    cm_str_done(&c->answer);
    (void)pthread_mutex_destroy(&c->mu);
    (void)pthread_cond_destroy(&c->changed);
    free(c->path);
    free(c);
}

enum cm_rc sim_control_start(struct cm_loop *loop, const char *path,
                             void (*run)(void *ctx, const char *line, struct cm_str *answer),
                             void *ctx, struct sim_control **out, struct cm_err *err) {
    struct sim_control *c = cm_new(1, sizeof(*c));

    c->loop = loop;
    c->run = run;
    c->ctx = ctx;
    c->path = cm_strdup(path);
    c->listener = -1;
    c->wake = eventfd(0, EFD_CLOEXEC);
    (void)pthread_mutex_init(&c->mu, NULL);
    (void)pthread_cond_init(&c->changed, NULL);
    enum cm_rc rc = listen_at(c, err);
    if (rc == CM_OK && pthread_create(&c->thread, NULL, work, c) != 0) {
        rc = cm_fail(err, CM_EIO, "cannot start the control thread");
    }
    if (rc < 0) {
        control_free(c);
        return rc;
    }
    *out = c;
    return CM_OK;
}

void sim_control_stop(struct sim_control *c) {
    uint64_t one = 1;

    if (c == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&c->mu);
    c->stopping = true;
    (void)pthread_cond_signal(&c->changed);
    (void)pthread_mutex_unlock(&c->mu);
    if (write(c->wake, &one, sizeof(one)) != (ssize_t)sizeof(one)) {
        abort();
    }
    (void)pthread_join(c->thread, NULL);
    control_free(c);
}

static enum cm_rc connect_to(const char *path, int *out, struct cm_err *err) {
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(path) >= sizeof(addr.sun_path)) {
        return cm_fail(err, CM_EINVAL, "--control: cannot use '%s'", path);
    }
    memcpy(addr.sun_path, path, strlen(path) + 1);
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
        (void)close(fd);
        return cm_fail(err, CM_EIO, "no holdfast-sim listens at '%s'", path);
    }
    *out = fd;
    return CM_OK;
}

static void read_answer(int fd, struct cm_str *out) {
    char bytes[4096];
    ssize_t n;

    while ((out->len == 0 || out->data[out->len - 1] != '\n') &&
           (n = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
        cm_str_add_n(out, bytes, (size_t)n);
    }
}

enum cm_rc sim_control_send(const char *path, const char *line, struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    int fd = -1;
    enum cm_rc rc = connect_to(path, &fd, err);

    if (rc < 0) {
        return rc;
    }
    cm_str_addf(&text, "%s\n", line);
    bool sent = write_all(fd, text.data, text.len);
    cm_str_clear(&text);
    if (sent) {
        read_answer(fd, &text);
    }
    (void)close(fd);
    if (strncmp(cm_str_get(&text), "ok", 2) != 0) {
        return cm_fail(err, CM_EINVAL, "%.*s", (int)strcspn(cm_str_get(&text), "\n"),
                       text.len == 0 ? "no answer" : text.data);
    }
    (void)fwrite(text.data, 1, text.len, stdout);
    return CM_OK;
}
