#include "hub/jobs/state_pass.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/jobs/state_work.h"
#include "hub/repo/source.h"
#include "hub/store/db.h"

#define KNOWN_MAX 100000
#define MERGE_DEADLINE_MS ((int64_t)3600 * 1000)
#define MERGE_PAUSE_MS ((int64_t)600 * 1000) // after one that failed
#define PRUNE_PAUSE_MIN_MS ((int64_t)3600 * 1000)
#define PRUNE_PAUSE_MAX_MS ((int64_t)24 * 3600 * 1000)
#define MERGE_MEMORY_BYTES (UINT64_C(16) << 30) // of address space: packs are mapped

struct hub_state_pass *hub_state_pass_new(const struct hub_state_pass_config *config) {
    struct hub_state_pass *p = cm_new(1, sizeof(*p));

    p->folder = cm_strdup(config->folder);
    p->db_path = cm_strdup(config->db_path);
    p->hub_id = cm_strdup(config->hub_id);
    p->registry = cm_strdup(config->registry);
    p->epoch = config->epoch;
    p->cancel_fd = config->cancel_fd;
    p->keep_months = config->keep_months;
    p->prune_backoff =
        (struct cm_backoff){.min_ms = PRUNE_PAUSE_MIN_MS, .max_ms = PRUNE_PAUSE_MAX_MS};
    memcpy(p->value_key, config->value_key, sizeof(p->value_key));
    p->known = cm_map_new(free);
    return p;
}

static void close_all(struct hub_state_pass *p) {
    hub_state_close(p->repo);
    hub_db_close(p->db);
    p->repo = NULL;
    p->db = NULL;
    p->registry_seen = (struct stat){0};
    cm_map_free(p->known);
    p->known = cm_map_new(free);
}

void hub_state_pass_free(struct hub_state_pass *p) {
    if (p == NULL) {
        return;
    }
    close_all(p);
    cm_map_free(p->known);
    free(p->folder);
    free(p->db_path);
    free(p->hub_id);
    free(p->registry);
    explicit_bzero(p->value_key, sizeof(p->value_key));
    free(p);
}

static enum cm_rc open_all(struct hub_state_pass *p, bool *fresh, struct cm_err *err) {
    if (p->repo != NULL) {
        return CM_OK;
    }
    enum cm_rc rc = hub_state_open(p->folder, &p->repo, err);

    rc = rc < 0 ? rc : hub_db_open(p->db_path, HUB_DB_READER, &p->db, err);
    return rc < 0 ? rc : hub_state_events_find(p, fresh, err);
}

// ---- Months

enum cm_rc hub_state_turns(const struct hub_state_pass *p, const char *branch, bool *out,
                           struct cm_err *err) {
    *out = false;
    return p->keep_months == 0
               ? CM_OK
               : hub_state_month_ended(p->repo, branch, cm_clock_unix_ms(), out, err);
}

// forget_months looks once a month, and at the start, what is not kept any more.
static enum cm_rc forget_months(struct hub_state_pass *p, struct cm_err *err) {
    char now[HUB_STATE_MONTH_MAX];
    char oldest[HUB_STATE_MONTH_MAX];

    hub_state_month(cm_clock_unix_ms(), now);
    if (p->keep_months == 0 || strcmp(now, p->month) == 0) {
        return CM_OK;
    }
    hub_state_month_back(cm_clock_unix_ms(), p->keep_months, oldest);
    enum cm_rc rc = hub_state_forget(p->repo, oldest, (size_t)p->keep_months, err);
    if (rc == CM_OK) {
        memcpy(p->month, now, sizeof(now));
    }
    return rc;
}

// ---- Packs

typedef enum cm_rc pack_fn(const struct hub_repo_job *job, struct cm_err *err);

static enum cm_rc run_child(struct hub_state_pass *p, pack_fn *child, struct hub_state_done *out) {
    struct hub_repo_limits limits = hub_repo_limits_default;
    struct hub_repo_job job = {.folder = p->folder, .limits = &limits, .cancel_fd = p->cancel_fd};

    limits.deadline_ms = MERGE_DEADLINE_MS;
    limits.max_memory_bytes = MERGE_MEMORY_BYTES;
    limits.max_received_bytes = out->bytes + limits.max_received_bytes;
    return child(&job, &out->merge);
}

// prune_packs: what was seen in packs that are gone now must not be taken for there.
static void prune_packs(struct hub_state_pass *p, struct hub_state_done *out) {
    int64_t now_ms = cm_clock_now_ms();

    if (run_child(p, hub_repo_prune, out) == CM_OK) {
        cm_backoff_reset(&p->prune_backoff);
        hub_state_paid(p->repo);
    } else {
        p->prune_after_ms = now_ms + cm_backoff_next(&p->prune_backoff);
    }
    close_all(p);
}

// merge_packs opens the repository anew, for libgit2 keeps open each pack that it has read from,
// though it was merged; what a killed merge leaves is swept by that: nobody else writes here.
static void merge_packs(struct hub_state_pass *p, struct hub_state_done *out) {
    int64_t now_ms = cm_clock_now_ms();
    struct cm_err ignored; // the next pass finds it

    if (run_child(p, hub_repo_merge, out) < 0) {
        p->merge_after_ms = now_ms + MERGE_PAUSE_MS;
    }
    hub_state_close(p->repo);
    p->repo = NULL;
    if (hub_state_open(p->folder, &p->repo, &ignored) < 0) {
        close_all(p);
    }
}

// tidy does one of the two: while packs cannot be pruned they are merged all the same.
static void tidy(struct hub_state_pass *p, struct hub_state_done *out) {
    size_t count = hub_state_packs(p->repo, &out->bytes);
    int64_t now_ms = cm_clock_now_ms();

    if (hub_state_is_owed(p->repo) && now_ms >= p->prune_after_ms) {
        prune_packs(p, out);
    } else if (count >= HUB_STATE_PACKS_MAX && now_ms >= p->merge_after_ms) {
        merge_packs(p, out);
    }
}

static enum cm_rc stage(struct hub_state_pass *p, struct hub_state_done *out, struct cm_err *err) {
    enum cm_rc rc = hub_state_events_stage(p, out, err);

    rc = rc < 0 ? rc : hub_state_desired_stage(p, out, err);
    return rc < 0 ? rc : hub_state_actual_stage(p, out, err);
}

// stage_all reads all as of one moment: what comes meanwhile has higher numbers.
static enum cm_rc stage_all(struct hub_state_pass *p, struct hub_state_done *out,
                            struct cm_err *err) {
    enum cm_rc rc = hub_db_look(p->db, err);

    if (rc == CM_OK) {
        rc = stage(p, out, err);
        hub_db_rollback(p->db);
    }
    return rc;
}

static enum cm_rc run(struct hub_state_pass *p, struct hub_state_done *out, struct cm_err *err) {
    enum cm_rc rc = open_all(p, &out->fresh, err);

    if (rc < 0 || out->fresh) {
        return rc;
    }
    rc = stage_all(p, out, err);
    rc = rc < 0 ? rc : hub_state_write(p->repo, err);
    rc = rc < 0 ? rc : forget_months(p, err);
    if (cm_map_len(p->known) > KNOWN_MAX) {
        cm_map_free(p->known);
        p->known = cm_map_new(free);
    }
    if (rc == CM_OK) {
        tidy(p, out);
    }
    return rc;
}

enum cm_rc hub_state_pass_run(struct hub_state_pass *p, struct hub_state_done *out,
                              struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    *out = (struct hub_state_done){.now_ms = cm_clock_unix_ms()};
    p->arena = a;
    enum cm_rc rc = run(p, out, err);
    p->arena = NULL;
    if (rc < 0) {
        close_all(p);
    }
    return rc;
}
