#include "tests/integration/api/rig.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/fsys.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/net/net.h"
#include "common/str.h"
#include "hub/access/authority.h"
#include "hub/jobs/freezer.h"
#include "hub/jobs/store.h"
#include "hub/jobs/sync.h"
#include "hub/jobs/writer.h"
#include "hub/session/sessions.h"

static const char *const addresses[] = {"127.0.0.1:1"};
static const char *const hosts[] = {"127.0.0.1", "localhost"};

static void require(enum cm_rc rc, const struct cm_err *err) {
    if (rc < 0) {
        (void)fprintf(stderr, "the API: %s\n", err->msg);
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

static void on_frozen(void *ctx, struct hub_freeze_set *set) {
    hub_freezer_adopt(((struct api_rig *)ctx)->freezer, set);
}

static void on_refrozen(void *ctx, struct hub_freeze_set *set) {
    hub_sessions_freeze(((struct api_rig *)ctx)->sessions, set);
}

static void on_recovered(void *ctx, const char *repository) {
    hub_writer_retry(((struct api_rig *)ctx)->writer, repository);
}

static void on_holds(void *ctx, const struct hub_hold_ask *asks, size_t count) {
    (void)ctx;
    (void)asks;
    (void)count;
}

static void on_pushed(void *ctx, const char *repository) {
    (void)ctx;
    (void)repository;
}

static void on_writer_stopped(void *ctx) {
    cm_loop_stop(((struct api_rig *)ctx)->loop);
}

static void on_sync_stopped(void *ctx) {
    hub_writer_stop(((struct api_rig *)ctx)->writer, on_writer_stopped, ctx);
}

void api_rig_stop(struct api_rig *r) {
    hub_freezer_stop(r->freezer);
    hub_sync_stop(r->sync, on_sync_stopped, r);
}

// ---- Parts

static void open_parts(struct api_rig *r) {
    CM_AUTOFREE char *keys = cm_strf("%s/keys", r->dir);
    CM_AUTOFREE char *git = cm_strf("%s/git", r->dir);
    CM_AUTOFREE char *db = cm_strf("%s/hub.db", r->dir);
    CM_AUTOFREE char *list = cm_strf("%s/repositories.yaml", r->dir);
    struct cm_err err;

    r->metrics = cm_metrics_new();
    require(hub_repositories_load(list, &r->repositories, &err), &err);
    require(cm_fsys_make_dir(git, 0700, &err), &err);
    require(hub_authority_open(keys, hosts, 2, &r->authority, &err), &err);
    require(hub_store_open(db, r->loop, &r->store, &err), &err);
    hub_store_make_metrics(r->store, r->metrics);
}

static void open_sessions(struct api_rig *r) {
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

static void open_sync(struct api_rig *r) {
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
        .frozen = on_frozen,
        .recovered = on_recovered,
        .holds = on_holds,
        .ctx = r,
    };
    struct cm_err err;

    require(hub_sync_new(&config, &r->sync, &err), &err);
}

static void open_writer(struct api_rig *r) {
    struct hub_writer_config config = {
        .loop = r->loop,
        .store = r->store,
        .metrics = r->metrics,
        .repositories = &r->repositories,
        .data_dir = r->dir,
        .hub_id = hub_authority_hub_id(r->authority),
        .epoch = 1,
        .pushed = on_pushed,
        .ctx = r,
    };
    struct cm_err err;

    require(hub_writer_new(&config, &r->writer, &err), &err);
}

static void open_freezer(struct api_rig *r) {
    struct hub_freezer_config config = {
        .loop = r->loop,
        .store = r->store,
        .metrics = r->metrics,
        .writer = r->writer,
        .repositories = &r->repositories,
        .changed = on_refrozen,
        .ctx = r,
    };
    struct cm_err err;

    require(hub_freezer_new(&config, &r->freezer, &err), &err);
}

static const struct hub_config options = {.certificate_life_ms = INT64_C(7) * 86400000};

static void start_api(struct api_rig *r, const struct hub_api_limits *limits, bool insecure) {
    CM_AUTOFREE char *db = cm_strf("%s/hub.db", r->dir);
    struct hub_api_config config = {
        .loop = r->loop,
        .addr = "127.0.0.1:0",
        .insecure = insecure,
        .options = &options,
        .db_path = db,
        .data_dir = r->dir,
        .store = r->store,
        .sync = r->sync,
        .writer = r->writer,
        .freezer = r->freezer,
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

void api_rig_close(struct api_rig *r) {
    hub_api_stop(r->api);
    hub_store_stop(r->store);
    while (cm_loop_turn(r->loop)) {
    }
    hub_api_free(r->api);
    hub_freezer_free(r->freezer);
    hub_writer_free(r->writer);
    hub_sync_free(r->sync);
    hub_sessions_free(r->sessions);
    hub_store_free(r->store);
    cm_net_done();
    hub_authority_free(r->authority);
    cm_metrics_free(r->metrics);
    cm_loop_free(r->loop);
    hub_repositories_done(&r->repositories);
}

void api_rig_open(struct api_rig *r, const struct hub_api_limits *limits, bool insecure) {
    open_parts(r);
    open_sessions(r);
    open_sync(r);
    open_writer(r);
    open_freezer(r);
    start_api(r, limits, insecure);
    hub_sync_start(r->sync);
    hub_writer_start(r->writer);
    hub_freezer_begin(r->freezer);
}
