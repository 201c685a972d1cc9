// Whatever a stranger sends to the API, it answers with HTTP or not at all, ends the connection
// when he does, never calls it a failure of its own, and tells nothing that is for those with a
// token.
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fsys.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/repo/source.h"
#include "tests/integration/api/rig.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATIENCE_S = 20, NAME_BYTES = 16, CANARY_MAX = 2 * NAME_BYTES + 1, ADDRESSES = 200 };

static const struct hub_api_limits limits = {.requests_per_s = 1000 * 1000,
                                             .wrong_burst = 1000 * 1000 * 1000};

static struct api_rig rig;
static pthread_t thread;
static char dir[] = "/tmp/holdfast-fuzz-XXXXXX";
static uint64_t canary_print; // of the name of a repository

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void write_file(const char *name, const char *text) {
    CM_AUTOFREE char *path = cm_strf("%s/%s", dir, name);
    struct cm_err err;

    require(cm_fsys_replace(path, text, strlen(text), 0600, &err) == CM_OK);
}

static void write_repositories(const char *canary) {
    CM_AUTOFREE char *text =
        cm_strf("repositories:\n- {name: fleet, url: 'file:///nowhere', pollInterval: 0s,"
                " webhookSecretFile: '%s/secret'}\n"
                "- {name: %s, url: 'file:///nowhere', pollInterval: 0s}\n",
                dir, canary);

    write_file("secret", "a secret of the forge's\n");
    write_file("repositories.yaml", text);
}

static void *turn(void *arg) {
    cm_loop_run(arg);
    return NULL;
}

static void stop(void *ctx) {
    api_rig_stop(ctx);
}

static void end(void) {
    struct cm_task task = {.run = stop, .ctx = &rig};
    struct cm_err err;

    cm_loop_post(rig.loop, &task);
    (void)pthread_join(thread, NULL);
    api_rig_close(&rig);
    require(cm_fsys_remove_tree(dir, &err) == CM_OK);
}

static uint64_t print_of(const char *text) {
    uint64_t hash = 14695981039346656037U; // FNV-1a

    for (size_t i = 0; i < CANARY_MAX - 1; i++) {
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211U;
    }
    return hash;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    uint8_t name[NAME_BYTES];
    char canary[CANARY_MAX];

    hub_repo_child_main(*argc, *argv);
    require(mkdtemp(dir) != NULL);
    cm_log_setup(CM_LOG_ERROR, CM_LOG_LOGFMT, stderr);
    cm_random(name, sizeof(name));
    for (size_t i = 0; i < sizeof(name); i++) {
        (void)snprintf(canary + 2 * i, 3, "%02x", name[i]);
    }
    canary_print = print_of(canary);
    write_repositories(canary);
    rig = (struct api_rig){.dir = dir, .loop = cm_loop_new()};
    api_rig_open(&rig, &limits, true);
    require(pthread_create(&thread, NULL, turn, rig.loop) == 0);
    return atexit(end);
}

// reach connects; the signal that ends the fuzzer may come meanwhile.
static bool reach(int fd, const struct sockaddr_in *to) {
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    int failed = 0;
    socklen_t size = sizeof(failed);

    if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0) {
        return true;
    }
    while (errno == EINTR && poll(&ready, 1, -1) != 1) {
    }
    return errno == EINTR && getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) == 0 &&
           failed == 0;
}

// dial comes from another address each time: one has ports for half a minute of connections only,
// for closed ones keep theirs for a minute.
static int dial(void) {
    static uint32_t times;
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    const struct sockaddr_in from = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + times++ % ADDRESSES)};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(hub_api_port(rig.api))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    require(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
    require(bind(fd, (const struct sockaddr *)&from, sizeof(from)) == 0);
    require(reach(fd, &to));
    return fd;
}

// receive reads until the other end closes.
static void receive(int fd, struct cm_str *out) {
    char bytes[16384];
    ssize_t got;

    while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
        cm_str_add_n(out, bytes, (size_t)got);
    }
}

// tells_canary compares fingerprints: libFuzzer learns what is compared, and would send it.
static bool tells_canary(const struct cm_str *answer) {
    bool found = false;

    for (size_t i = 0; i + CANARY_MAX - 1 <= answer->len; i++) {
        found |= print_of(answer->data + i) == canary_print;
    }
    return found;
}

// has_failed tells whether anything was ever answered with 500.
static bool has_failed(void) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_metrics_write(rig.metrics, &text);
    return strstr(cm_str_get(&text), "requests_total{status=\"500\"} 0\n") == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_str_done) struct cm_str answer = {0};
    int64_t began_ms = cm_clock_now_ms();
    int fd = dial();

    (void)send(fd, data, size, MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    receive(fd, &answer);
    (void)close(fd);
    require(cm_clock_now_ms() - began_ms < PATIENCE_S * 1000LL);
    require(answer.len == 0 || strncmp(cm_str_get(&answer), "HTTP/1.", 7) == 0);
    require(!has_failed());
    require(!tells_canary(&answer));
    return 0;
}
