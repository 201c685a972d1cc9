#include "hub/hub.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fsys.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/net/net.h"
#include "common/str.h"
#include "hub/access/authority.h"
#include "hub/api/api.h"
#include "hub/backup/backup.h"
#include "hub/backup/heed.h"
#include "hub/config/addresses.h"
#include "hub/config/config.h"
#include "hub/jobs/breaker.h"
#include "hub/jobs/capture.h"
#include "hub/jobs/exempter.h"
#include "hub/jobs/freezer.h"
#include "hub/jobs/keeper.h"
#include "hub/jobs/prover.h"
#include "hub/jobs/registry.h"
#include "hub/jobs/renewal.h"
#include "hub/jobs/rotation.h"
#include "hub/jobs/state.h"
#include "hub/jobs/state_copy.h"
#include "hub/jobs/store.h"
#include "hub/jobs/sync.h"
#include "hub/jobs/upkeep.h"
#include "hub/jobs/writer.h"
#include "hub/session/sessions.h"
#include "hub/store/agents.h"
#include "hub/store/db.h"
#include "hub/store/events.h"
#include "hub/store/meta.h"
#include "hub/store/past.h"
#include "hub/store/past_lines.h"
#include "hub/store/repositories.h"
#include "hub/store/status.h"

// For everything but agents: enrolments, the API's clients, the database, Git.
#define FILES_SPARE ((size_t)1024)

struct hub {
    const struct hub_config *config;
    struct hub_repositories repositories;
    struct hub_addresses addresses;
    char *db_path;
    char *state_path;
    int lock_fd;
    uint64_t epoch;
    int64_t restored_ms; // 0: never
    struct cm_loop *loop;
    struct cm_metrics *metrics;
    struct hub_authority *authority;
    struct hub_store *store;
    struct hub_sessions *sessions;
    struct hub_sync *sync;
    struct hub_writer *writer;
    struct hub_keeper *keeper;
    struct hub_prover *prover;
    struct hub_freezer *freezer;
    struct hub_breaker *breaker;
    struct hub_exempter *exempter;
    struct hub_capturer *capturer;
    struct hub_upkeep *upkeep;
    struct hub_state_writer *state; // NULL: there is no state repository
    struct hub_state_copy *state_copy;
    struct hub_rotation *rotation;
    struct hub_registry_writer *registry;
    struct hub_api *api;
    bool stopping;
};

// ---- What the parts tell each other

static void on_published(void *ctx, struct hub_publication *p) {
    hub_sessions_publish(((struct hub *)ctx)->sessions, p);
}

static void on_withdrawn(void *ctx, const char *cluster) {
    hub_sessions_withdraw(((struct hub *)ctx)->sessions, cluster);
}

static void on_enrolled(void *ctx, const char *cluster, const char *cluster_id) {
    hub_sync_enrolled(((struct hub *)ctx)->sync, cluster, cluster_id);
    hub_registry_touch(((struct hub *)ctx)->registry);
}

static void on_evicted(void *ctx) {
    hub_registry_touch(((struct hub *)ctx)->registry);
}

static void on_behind(void *ctx, const char *cluster, uint64_t epoch, uint64_t generation,
                      bool new_disk) {
    hub_sync_behind(((struct hub *)ctx)->sync, cluster, epoch, generation, new_disk);
}

static void on_removed(void *ctx, const char *cluster, const char *const *apps, size_t count) {
    hub_sync_removed(((struct hub *)ctx)->sync, cluster, apps, count);
}

static void on_decided(void *ctx) {
    struct hub *h = ctx;

    hub_sync_decided(h->sync);
    hub_breaker_look(h->breaker);
}

static void on_frozen(void *ctx, struct hub_freeze_set *set) {
    hub_freezer_adopt(((struct hub *)ctx)->freezer, set);
}

static void on_refrozen(void *ctx, struct hub_freeze_set *set) {
    hub_sessions_freeze(((struct hub *)ctx)->sessions, set);
}

static void on_stopped_by_freeze(void *ctx, const char *cluster) {
    hub_freezer_told(((struct hub *)ctx)->freezer, cluster);
}

static void on_proven(void *ctx, const char *cluster, const char *cluster_id) {
    hub_sync_enrolled(((struct hub *)ctx)->sync, cluster, cluster_id);
}

static enum cm_rc on_prove(void *ctx, const struct hub_prove_ask *what, hub_proved_fn done,
                           void *done_ctx, struct cm_err *err) {
    struct hub *h = ctx;

    return h->sessions == NULL ? cm_fail(err, CM_ENOTFOUND, "no agent is connected")
                               : hub_sessions_prove(h->sessions, what, done, done_ctx, err);
}

static void on_holds(void *ctx, const struct hub_hold_ask *asks, size_t count) {
    hub_keeper_take(((struct hub *)ctx)->keeper, asks, count);
}

static void on_pushed(void *ctx, const char *repository) {
    struct cm_err ignored; // it may have been taken out of the configuration

    (void)!hub_sync_now(((struct hub *)ctx)->sync, repository, &ignored);
}

static void on_recovered(void *ctx, const char *repository) {
    hub_writer_retry(((struct hub *)ctx)->writer, repository);
}

static void on_overruled(void *ctx, const char *app, const char *path) {
    hub_sync_overruled(((struct hub *)ctx)->sync, app, path);
}

static void on_reverted(void *ctx, const char *app, const char *path) {
    hub_sync_reverted(((struct hub *)ctx)->sync, app, path);
}

static void on_news(void *ctx, const char *repository) {
    struct hub *h = ctx;

    if (h->writer != NULL) {
        hub_writer_fetched(h->writer, repository);
    }
}

static void on_rotated(void *ctx) {
    struct cm_err err;

    if (hub_sessions_reload(((struct hub *)ctx)->sessions, &err) < 0) {
        cm_log(CM_LOG_ERROR, "hub.keys_failed", err.msg, NULL);
    }
}

static void on_hangup(void *ctx, int number) {
    struct hub *h = ctx;

    (void)number;
    if (h->rotation != NULL) { // else it does not run yet, and reads them then
        hub_rotation_reload(h->rotation);
    }
}

// ---- Stopping

static void on_writer_stopped(void *ctx) {
    cm_loop_stop(((struct hub *)ctx)->loop);
}

static void on_sync_stopped(void *ctx) {
    hub_writer_stop(((struct hub *)ctx)->writer, on_writer_stopped, ctx);
}

static void on_sessions_stopped(void *ctx) {
    hub_sync_stop(((struct hub *)ctx)->sync, on_sync_stopped, ctx);
}

// Nobody new is let in and those who are here are sent away; then fetches, steps and pushes end;
// then the loop. The store is last: until it has stopped, everything may still be written.
static void begin_stop(struct hub *h) {
    if (h->stopping || h->upkeep == NULL) {
        return; // NULL: it does not run
    }
    h->stopping = true;
    hub_upkeep_stop(h->upkeep);
    hub_state_writer_stop(h->state);
    hub_state_copy_stop(h->state_copy);
    hub_keeper_stop(h->keeper);
    hub_breaker_stop(h->breaker);
    hub_freezer_stop(h->freezer);
    hub_exempter_stop(h->exempter);
    hub_capturer_stop(h->capturer);
    hub_rotation_stop(h->rotation);
    hub_registry_stop(h->registry);
    hub_sessions_stop(h->sessions, on_sessions_stopped, h);
}

static void on_signal(void *ctx, int number) {
    (void)number;
    cm_log(CM_LOG_INFO, "hub.stopping", "closing connections", NULL);
    begin_stop(ctx);
}

// ---- Opening

static enum cm_rc open_folder(struct hub *h, struct cm_err *err) {
    CM_AUTOFREE char *lock = cm_strf("%s/lock", h->config->data_dir);
    CM_AUTOFREE char *git = cm_strf("%s/git", h->config->data_dir);
    enum cm_rc rc = cm_fsys_make_dir(h->config->data_dir, 0700, err);

    rc = rc < 0 ? rc : hub_backup_check_whole(h->config->data_dir, err);
    rc = rc < 0 ? rc : cm_fsys_make_dir(git, 0700, err);
    rc = rc < 0 ? rc : cm_fsys_lock(lock, &h->lock_fd, err);
    if (rc == CM_EBUSY) {
        return cm_fail(err, rc, "another holdfast-hub uses '%s'", h->config->data_dir);
    }
    h->db_path = cm_strf("%s/hub.db", h->config->data_dir);
    h->state_path = cm_strf("%s/state.git", h->config->data_dir);
    return rc;
}

static enum cm_rc open_authority(struct hub *h, struct cm_err *err) {
    CM_AUTOFREE char *keys = cm_strf("%s/keys", h->config->data_dir);

    return hub_authority_open(keys, (const char *const *)h->addresses.hosts,
                              h->addresses.host_count, &h->authority, err);
}

static enum cm_rc open_epoch(struct hub *h, struct cm_err *err) {
    struct hub_db *db = hub_store_db(h->store);
    int64_t epoch = 1;
    enum cm_rc rc = hub_meta_get_int(db, "epoch", &epoch, err);

    if (rc == CM_ENOTFOUND) {
        rc = hub_meta_set_int(db, "epoch", epoch, err);
    }
    h->epoch = (uint64_t)epoch;
    return rc < 0 ? rc : hub_renewal_restored_ms(db, &h->restored_ms, err);
}

static void log_heeded(const struct hub *h, const struct hub_heeded *heeded) {
    char ended[CM_LOG_INT_MAX];
    char held[CM_LOG_INT_MAX];
    char epoch[CM_LOG_INT_MAX];

    if (heeded->silent) {
        cm_log(CM_LOG_WARN, "registry.failed",
               "whom it keeps out is not known: the disk of the copy does not answer", "file",
               h->config->registry_copy, NULL);
    }
    if (heeded->ended + heeded->held > 0 || heeded->epoch != 0) {
        cm_log(CM_LOG_WARN, "registry.heeded",
               "the database is older than the registry: who was revoked or held since stays out",
               "revoked", cm_log_int((int64_t)heeded->ended, ended), "held",
               cm_log_int((int64_t)heeded->held, held), "epoch",
               cm_log_int((int64_t)heeded->epoch, epoch), NULL);
    }
}

// Before anybody is let in.
static enum cm_rc heed_registry(struct hub *h, struct cm_err *err) {
    CM_AUTOFREE char *path = cm_strf("%s/registry.jsonl", h->config->data_dir);
    const struct hub_heed what = {.hub_id = hub_authority_hub_id(h->authority),
                                  .own = path,
                                  .copy = h->config->registry_copy};
    struct hub_heeded heeded;
    enum cm_rc rc = hub_heed_registries(hub_store_db(h->store), &what, &heeded, err);

    if (rc == CM_OK) {
        log_heeded(h, &heeded);
    }
    return rc;
}

static enum cm_rc open_store(struct hub *h, struct cm_err *err) {
    enum cm_rc rc = hub_store_open(h->db_path, h->loop, &h->store, err);

    if (rc == CM_OK) {
        hub_store_make_metrics(h->store, h->metrics);
    }
    rc = rc < 0 ? rc : heed_registry(h, err);
    rc = rc < 0 ? rc : open_epoch(h, err);
    rc = rc < 0 ? rc : hub_rotation_note_root(hub_store_db(h->store), h->authority, err);
    rc = rc < 0 ? rc
                : hub_events_trim(hub_store_db(h->store), h->config->events_kept,
                                  cm_clock_unix_ms() - HUB_PAST_MS, err);
    rc = rc < 0 ? rc : hub_repositories_clear(hub_store_db(h->store), err);
    if (rc == CM_OK && h->config->state_window_ms == 0) {
        rc = hub_past_lines_want(hub_store_db(h->store), false, err); // nobody would take them
    }
    return rc < 0 ? rc
                  : hub_presence_all_offline(hub_store_db(h->store), cm_clock_unix_ms(),
                                             "the hub ended without saying so", err);
}

static void admit(void *ctx, const struct hub_agent_row *row) {
    struct hub *h = ctx;
    struct hub_keys keys = hub_renewal_keys(row, h->restored_ms);

    hub_sessions_admit(h->sessions, row->cluster, row->id, &keys);
    if (hub_agent_is_pending(row)) {
        hub_sessions_pend(h->sessions, row->id, row->held_ms);
    } else if (row->held[0] != '\0') {
        hub_sessions_hold(h->sessions, row->id);
    }
}

// A flood of agents' connections must leave files for the database, Git and the API: so the limit
// of the process follows the number of agents, or the number of agents the limit. The listener goes
// beyond its own for moments, by an eighth.
static size_t allow_agents(size_t wanted) {
    size_t needed = wanted + wanted / 8 + FILES_SPARE;
    size_t files = cm_fsys_allow_files(needed);
    size_t spare = files / 2 < FILES_SPARE ? files / 2 : FILES_SPARE;
    size_t allowed = (files - spare) / 9 * 8;
    char text[CM_LOG_INT_MAX];

    if (files >= needed) {
        return wanted;
    }
    cm_log(CM_LOG_WARN, "hub.few_files",
           "fewer agents can be connected than --max-agents says: raise the number of open files "
           "(ulimit -n, LimitNOFILE=)",
           "agents", cm_log_int((int64_t)allowed, text), NULL);
    return allowed;
}

static enum cm_rc open_sessions(struct hub *h, struct cm_err *err) {
    struct hub_sessions_config config = {
        .loop = h->loop,
        .store = h->store,
        .authority = h->authority,
        .metrics = h->metrics,
        .link_addr = h->config->listen,
        .enroll_addr = h->config->enroll_listen,
        .advertise = (const char *const *)h->addresses.link,
        .advertise_count = h->addresses.link_count,
        .advertise_enroll = (const char *const *)h->addresses.enroll,
        .advertise_enroll_count = h->addresses.enroll_count,
        .epoch = h->epoch,
        .heartbeat_ms = h->config->heartbeat_ms,
        .certificate_life_ms = h->config->certificate_life_ms,
        .enroll_needs_approval = h->config->enroll_needs_approval,
        .offline_budget_ms = h->config->offline_renewal_ms,
        .tells_actual = h->config->state_window_ms > 0,
        .max_connections = allow_agents((size_t)h->config->max_agents),
        .enrolled = on_enrolled,
        .behind = on_behind,
        .removed = on_removed,
        .decided = on_decided,
        .frozen = on_stopped_by_freeze,
        .proven = on_proven,
        .evicted = on_evicted,
        .ctx = h,
    };
    enum cm_rc rc = hub_sessions_new(&config, &h->sessions, err);

    return rc < 0 ? rc : hub_agents_each(hub_store_db(h->store), admit, h, err);
}

static enum cm_rc open_sync(struct hub *h, struct cm_err *err) {
    struct hub_sync_config config = {
        .loop = h->loop,
        .store = h->store,
        .authority = h->authority,
        .metrics = h->metrics,
        .repositories = &h->repositories,
        .data_dir = h->config->data_dir,
        .epoch = h->epoch,
        .guard = {.share_percent = (uint32_t)h->config->removal_share_percent,
                  .objects_min = (uint32_t)h->config->removal_objects_min,
                  .clusters_min = (uint32_t)h->config->removal_clusters_min},
        .git_workers = (size_t)h->config->git_workers,
        .published = on_published,
        .withdrawn = on_withdrawn,
        .frozen = on_frozen,
        .recovered = on_recovered,
        .holds = on_holds,
        .news = on_news,
        .ctx = h,
    };

    return hub_sync_new(&config, &h->sync, err);
}

static enum cm_rc open_writer(struct hub *h, struct cm_err *err) {
    struct hub_writer_config config = {
        .loop = h->loop,
        .store = h->store,
        .metrics = h->metrics,
        .repositories = &h->repositories,
        .data_dir = h->config->data_dir,
        .hub_id = hub_authority_hub_id(h->authority),
        .secret = hub_authority_secret_key(h->authority),
        .epoch = h->epoch,
        .pushed = on_pushed,
        .overruled = on_overruled,
        .reverted = on_reverted,
        .ctx = h,
    };

    enum cm_rc rc = hub_writer_new(&config, &h->writer, err);

    if (rc == CM_OK) {
        h->prover = hub_prover_new(
            &(struct hub_prover_config){.ask = on_prove, .ctx = h, .metrics = h->metrics});
        h->keeper = hub_keeper_new(h->loop, h->writer, &h->repositories, h->prover);
        h->exempter = hub_exempter_new(h->loop, h->store, h->writer, &h->repositories);
        h->capturer = hub_capturer_new(h->loop, h->store, h->writer, &h->repositories,
                                       h->config->capture_after_ms);
    }
    return rc;
}

static enum cm_rc open_freezer(struct hub *h, struct cm_err *err) {
    struct hub_freezer_config config = {
        .loop = h->loop,
        .store = h->store,
        .metrics = h->metrics,
        .writer = h->writer,
        .repositories = &h->repositories,
        .changed = on_refrozen,
        .ctx = h,
    };

    return hub_freezer_new(&config, &h->freezer, err);
}

static void open_breaker(struct hub *h) {
    h->breaker = hub_breaker_new(&(struct hub_breaker_config){
        .loop = h->loop,
        .store = h->store,
        .metrics = h->metrics,
        .freezer = h->freezer,
        .most = h->config->breaker_releases,
        .freeze_ms = h->config->breaker_freeze_ms,
    });
}

static enum cm_rc start_api(struct hub *h, struct cm_err *err) {
    struct hub_api_config config = {
        .loop = h->loop,
        .addr = h->config->api_listen,
        .insecure = h->config->api_insecure,
        .db_path = h->db_path,
        .state_path = h->config->state_window_ms > 0 ? h->state_path : NULL,
        .data_dir = h->config->data_dir,
        .store = h->store,
        .sync = h->sync,
        .writer = h->writer,
        .freezer = h->freezer,
        .sessions = h->sessions,
        .authority = h->authority,
        .repositories = &h->repositories,
        .metrics = h->metrics,
        .options = h->config,
        .advertise = (const char *const *)h->addresses.link,
        .advertise_count = h->addresses.link_count,
        .advertise_enroll = (const char *const *)h->addresses.enroll,
        .advertise_enroll_count = h->addresses.enroll_count,
        .epoch = h->epoch,
    };

    return hub_api_start(&config, &h->api, err);
}

enum cm_rc hub_open(const struct hub_config *config, struct hub **out, struct cm_err *err) {
    struct hub *h = cm_new(1, sizeof(*h));
    enum cm_rc rc;

    h->config = config;
    h->lock_fd = -1;
    h->loop = cm_loop_new();
    cm_loop_on_signal(h->loop, SIGTERM, on_signal, h);
    cm_loop_on_signal(h->loop, SIGINT, on_signal, h);
    cm_loop_on_signal(h->loop, SIGHUP, on_hangup, h);
    h->metrics = cm_metrics_new();
    rc = hub_repositories_load(config->repositories, &h->repositories, err);
    rc = rc < 0 ? rc : hub_addresses_make(config, &h->addresses, err);
    rc = rc < 0 ? rc : open_folder(h, err);
    rc = rc < 0 ? rc : open_authority(h, err);
    rc = rc < 0 ? rc : open_store(h, err);
    rc = rc < 0 ? rc : open_sessions(h, err);
    rc = rc < 0 ? rc : open_sync(h, err);
    rc = rc < 0 ? rc : open_writer(h, err);
    rc = rc < 0 ? rc : open_freezer(h, err);
    if (rc < 0) {
        hub_close(h);
        return rc;
    }
    open_breaker(h);
    *out = h;
    return CM_OK;
}

// ---- Running

static void announce(const struct hub *h) {
    char link[CM_LOG_INT_MAX];
    char enroll[CM_LOG_INT_MAX];
    char api[CM_LOG_INT_MAX];

    cm_log(CM_LOG_INFO, "hub.ready", "serving", "version", HOLDFAST_VERSION, "hub",
           hub_authority_hub_id(h->authority), "link_port",
           cm_log_int(hub_sessions_link_port(h->sessions), link), "enroll_port",
           cm_log_int(hub_sessions_enroll_port(h->sessions), enroll), "api_port",
           cm_log_int(hub_api_port(h->api), api), NULL);
}

static void start_state_copy(struct hub *h, const char *from) {
    CM_AUTOFREE char *folder = cm_strf("%s/state-copy", h->config->data_dir);

    h->state_copy =
        hub_state_copy_start(&(struct hub_state_copy_config){.loop = h->loop,
                                                             .store = h->store,
                                                             .metrics = h->metrics,
                                                             .repository = h->repositories.state,
                                                             .from = from,
                                                             .folder = folder});
}

static void start_state(struct hub *h) {
    CM_AUTOFREE char *registry = cm_strf("%s/registry.jsonl", h->config->data_dir);
    struct hub_state_writer_config config = {
        .loop = h->loop,
        .store = h->store,
        .metrics = h->metrics,
        .folder = h->state_path,
        .db_path = h->db_path,
        .hub_id = hub_authority_hub_id(h->authority),
        .registry = registry,
        .epoch = h->epoch,
        .value_key = hub_authority_value_key(h->authority),
        .window_ms = h->config->state_window_ms,
        .keep_months = h->config->state_keep_months,
    };

    if (h->config->state_window_ms > 0) {
        start_state_copy(h, h->state_path);
        config.wrote = hub_state_copy_wrote;
        config.ctx = h->state_copy;
        h->state = hub_state_writer_start(&config);
    }
}

static void drain(struct hub *h) {
    hub_state_writer_end(h->state);
    hub_state_copy_end(h->state_copy);
    hub_store_stop(h->store);
    hub_registry_end(h->registry);
    while (cm_loop_turn(h->loop)) {
    }
}

// All at once, so that stopping takes no longer with thousands of agents.
static void end_presence(struct hub *h) {
    struct cm_err err;

    if (hub_presence_all_offline(hub_store_db(h->store), cm_clock_unix_ms(), "the hub was stopped",
                                 &err) < 0) {
        cm_log(CM_LOG_WARN, "store.failed", err.msg, NULL); // the next start says so instead
    }
}

static void start_rotation(struct hub *h) {
    struct hub_rotation_config config = {.loop = h->loop,
                                         .store = h->store,
                                         .authority = h->authority,
                                         .metrics = h->metrics,
                                         .rotated = on_rotated,
                                         .ctx = h};

    h->rotation = hub_rotation_start(&config);
}

static void start_registry(struct hub *h) {
    CM_AUTOFREE char *path = cm_strf("%s/registry.jsonl", h->config->data_dir);
    struct hub_registry_config config = {.loop = h->loop,
                                         .store = h->store,
                                         .metrics = h->metrics,
                                         .hub_id = hub_authority_hub_id(h->authority),
                                         .epoch = h->epoch,
                                         .path = path,
                                         .copy = h->config->registry_copy};

    h->registry = hub_registry_start(&config);
}

enum cm_rc hub_run(struct hub *h, struct cm_err *err) {
    enum cm_rc rc = hub_sessions_listen(h->sessions, err);

    rc = rc < 0 ? rc : start_api(h, err);
    start_rotation(h);
    start_registry(h);
    h->upkeep = hub_upkeep_start(h->loop, h->store, h->config->events_kept);
    if (rc == CM_OK) {
        start_state(h);
        hub_sync_start(h->sync);
        hub_writer_start(h->writer);
        hub_freezer_begin(h->freezer);
        hub_breaker_look(h->breaker);
        hub_capturer_start(h->capturer);
        announce(h);
    } else {
        begin_stop(h); // somebody may have connected already
    }
    cm_loop_run(h->loop);
    if (h->api != NULL) {
        hub_api_stop(h->api);
    }
    drain(h);
    end_presence(h);
    if (rc == CM_OK) {
        cm_log(CM_LOG_INFO, "hub.stopped", "all is written", NULL);
    }
    return rc;
}

void hub_close(struct hub *h) {
    if (h == NULL) {
        return;
    }

    if (h->store != NULL) {
        drain(h);
    }
    hub_api_free(h->api);
    hub_upkeep_free(h->upkeep);
    hub_state_writer_free(h->state);
    hub_state_copy_free(h->state_copy);
    hub_keeper_free(h->keeper);
    hub_prover_free(h->prover);
    hub_breaker_free(h->breaker);
    hub_freezer_free(h->freezer);
    hub_exempter_free(h->exempter);
    hub_capturer_free(h->capturer);
    hub_writer_free(h->writer);
    hub_rotation_free(h->rotation);
    hub_registry_free(h->registry);
    hub_sync_free(h->sync);
    hub_sessions_free(h->sessions);
    hub_store_free(h->store);
    cm_net_done();
    hub_authority_free(h->authority);
    cm_metrics_free(h->metrics);
    cm_loop_free(h->loop);
    hub_repositories_done(&h->repositories);
    hub_addresses_done(&h->addresses);
    free(h->db_path);
    free(h->state_path);
    if (h->lock_fd >= 0) {
        (void)close(h->lock_fd);
    }
    free(h);
}
