// A hub of which only the API is served: serve DIR [LIMIT=NUMBER...], until SIGTERM.
//
// Repositories are those of DIR/repositories.yaml. It prints "ready PORT" when it serves.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fsys.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/net/net.h"
#include "common/str.h"
#include "hub/access/authority.h"
#include "hub/api/api.h"
#include "hub/config/config.h"
#include "hub/jobs/store.h"
#include "hub/jobs/sync.h"
#include "hub/repo/source.h"
#include "hub/session/sessions.h"

static const char *const addresses[] = {"127.0.0.1:1"};
static const char *const hosts[] = {"127.0.0.1", "localhost"};

struct rig {
    const char *dir;
    struct cm_loop *loop;
    struct cm_metrics *metrics;
    struct hub_repositories repositories;
    struct hub_authority *authority;
    struct hub_store *store;
    struct hub_sessions *sessions;
    struct hub_sync *sync;
    struct hub_api *api;
};

static void require(enum cm_rc rc, const struct cm_err *err) {
    if (rc < 0) {
        (void)fprintf(stderr, "serve: %s\n", err->msg);
        exit(1);
    }
}

// ---- What sessions and sync would tell each other

static void on_published(void *ctx, struct hub_publication *p) {
    (void)ctx;
    (void)p;
}

static void on_withdrawn(void *ctx, const char *cluster) {
    (void)ctx;
    (void)cluster;
}

static void on_sync_stopped(void *ctx) {
    cm_loop_stop(((struct rig *)ctx)->loop);
}

static void on_signal(void *ctx, int number) {
    (void)number;
    hub_sync_stop(((struct rig *)ctx)->sync, on_sync_stopped, ctx);
}

// ---- Parts

static void open_parts(struct rig *r) {
    CM_AUTOFREE char *keys = cm_strf("%s/keys", r->dir);
    CM_AUTOFREE char *git = cm_strf("%s/git", r->dir);
    CM_AUTOFREE char *db = cm_strf("%s/hub.db", r->dir);
    CM_AUTOFREE char *list = cm_strf("%s/repositories.yaml", r->dir);
    struct cm_err err;

    r->loop = cm_loop_new();
    cm_loop_on_signal(r->loop, SIGTERM, on_signal, r);
    r->metrics = cm_metrics_new();
    require(hub_repositories_load(list, &r->repositories, &err), &err);
    require(cm_fsys_make_dir(git, 0700, &err), &err);
    require(hub_authority_open(keys, hosts, 2, &r->authority, &err), &err);
    require(hub_store_open(db, r->loop, &r->store, &err), &err);
    hub_store_make_metrics(r->store, r->metrics);
}

static void open_sessions(struct rig *r) {
    struct hub_sessions_config config = {
        .loop = r->loop,
        .store = r->store,
        .authority = r->authority,
        .metrics = r->metrics,
        .link_addr = "127.0.0.1:0",
        .enroll_addr = "127.0.0.1:0",
        .advertise = addresses,
        .advertise_count = 1,
        .epoch = 1,
        .heartbeat_ms = 15000,
        .max_connections = 10,
        .ctx = r,
    };
    struct cm_err err;

    require(hub_sessions_new(&config, &r->sessions, &err), &err);
}

static void open_sync(struct rig *r) {
    struct hub_sync_config config = {
        .loop = r->loop,
        .store = r->store,
        .authority = r->authority,
        .metrics = r->metrics,
        .repositories = &r->repositories,
        .data_dir = r->dir,
        .epoch = 1,
        .git_workers = 1,
        .published = on_published,
        .withdrawn = on_withdrawn,
        .ctx = r,
    };
    struct cm_err err;

    require(hub_sync_new(&config, &r->sync, &err), &err);
}

// ---- Limits

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
        if (strncmp(text, known[i].name, len) == 0) {
            *known[i].large = strtoll(text + len, NULL, 10);
            return;
        }
    }
    (void)fprintf(stderr, "serve: no limit is named '%s'\n", text);
    exit(1);
}

static void start_api(struct rig *r, const struct hub_api_limits *limits) {
    CM_AUTOFREE char *db = cm_strf("%s/hub.db", r->dir);
    struct hub_api_config config = {
        .loop = r->loop,
        .addr = "127.0.0.1:0",
        .db_path = db,
        .data_dir = r->dir,
        .store = r->store,
        .sync = r->sync,
        .sessions = r->sessions,
        .authority = r->authority,
        .repositories = &r->repositories,
        .metrics = r->metrics,
        .advertise = addresses,
        .advertise_count = 1,
        .advertise_enroll = addresses,
        .advertise_enroll_count = 1,
        .epoch = 1,
        .limits = *limits,
    };
    struct cm_err err;

    require(hub_api_start(&config, &r->api, &err), &err);
}

static void close_parts(struct rig *r) {
    hub_api_stop(r->api);
    hub_store_stop(r->store);
    while (cm_loop_turn(r->loop)) {
    }
    hub_api_free(r->api);
    hub_sync_free(r->sync);
    hub_sessions_free(r->sessions);
    hub_store_free(r->store);
    cm_net_done();
    hub_authority_free(r->authority);
    cm_metrics_free(r->metrics);
    cm_loop_free(r->loop);
    hub_repositories_done(&r->repositories);
}

int main(int argc, char **argv) {
    struct hub_api_limits limits = {0};
    struct rig r = {.dir = argc > 1 ? argv[1] : "."};

    hub_repo_child_main(argc, argv);
    cm_log_setup(CM_LOG_DEBUG, CM_LOG_LOGFMT, stderr);
    for (int i = 2; i < argc; i++) {
        set_limit(&limits, argv[i]);
    }
    open_parts(&r);
    open_sessions(&r);
    open_sync(&r);
    start_api(&r, &limits);
    hub_sync_start(r.sync);
    (void)printf("ready %u\n", (unsigned)hub_api_port(r.api));
    (void)fflush(stdout);
    cm_loop_run(r.loop);
    close_parts(&r);
    return 0;
}
