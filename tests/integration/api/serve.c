// A hub of which only the API is served: serve DIR [LIMIT=NUMBER...], until SIGTERM.
//
// Repositories are those of DIR/repositories.yaml. It prints "ready PORT" when it serves. From
// SIGUSR1, when it prints "busy", to SIGUSR2 its loop is busy with something else.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/loop.h"
#include "hub/repo/source.h"
#include "tests/integration/api/rig.h"

static void on_signal(void *ctx, int number) {
    (void)number;
    api_rig_stop(ctx);
}

static void on_busy(void *ctx, int number) {
    sigset_t ends;

    (void)ctx;
    (void)number;
    (void)puts("busy");
    (void)fflush(stdout);
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGUSR2);
    (void)sigwait(&ends, &(int){0});
}

static void on_idle(void *ctx, int number) { // blocked, so that the one above can wait for it
    (void)ctx;
    (void)number;
}

static void set_limit(struct hub_api_limits *limits, const char *text) {
    const struct {
        const char *name;
        unsigned *small;
        int64_t *large;
    } known[] = {
        {"connections=", &limits->connections, NULL},
        {"per-address=", &limits->connections_per_address, NULL},
        {"per-s=", &limits->requests_per_s, NULL},
        {"wrong=", &limits->wrong_burst, NULL},
        {"watchers=", &limits->watchers, NULL},
        {"idle-s=", &limits->idle_s, NULL},
        {"beat-ms=", NULL, &limits->beat_ms},
        {"head-ms=", NULL, &limits->head_ms},
        {"request-ms=", NULL, &limits->request_ms},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t len = strlen(known[i].name);

        if (strncmp(text, known[i].name, len) == 0 && known[i].small != NULL) {
            *known[i].small = (unsigned)strtoul(text + len, NULL, 10);
            return;
        }
        if (strncmp(text, known[i].name, len) == 0 && known[i].large != NULL) {
            *known[i].large = strtoll(text + len, NULL, 10);
            return;
        }
    }
    (void)fprintf(stderr, "serve: no limit is named '%s'\n", text);
    exit(1);
}

int main(int argc, char **argv) {
    struct hub_api_limits limits = {0};
    struct api_rig r = {.dir = argc > 1 ? argv[1] : "."};

    hub_repo_child_main(argc, argv);
    cm_log_setup(CM_LOG_DEBUG, CM_LOG_LOGFMT, stderr);
    for (int i = 2; i < argc; i++) {
        set_limit(&limits, argv[i]);
    }
    r.loop = cm_loop_new();
    cm_loop_on_signal(r.loop, SIGTERM, on_signal, &r);
    cm_loop_on_signal(r.loop, SIGUSR1, on_busy, &r);
    cm_loop_on_signal(r.loop, SIGUSR2, on_idle, &r);
    api_rig_open(&r, &limits, false);
    (void)printf("ready %u\n", (unsigned)hub_api_port(r.api));
    (void)fflush(stdout);
    cm_loop_run(r.loop);
    api_rig_close(&r);
    return 0;
}
