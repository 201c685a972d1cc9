#include "hub/backup/heed.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/workers.h"
#include "hub/access/registry.h"
#include "hub/backup/merge.h"
#include "hub/store/agents.h"
#include "hub/store/db.h"
#include "hub/store/events.h"
#include "hub/store/meta.h"

#define WAIT_MS ((int64_t)5 * 1000) // for a disk elsewhere

// ---- Reading

struct reading {
    struct cm_job job;
    char *path;
    struct cm_buf *text; // NULL: it could not be read
};

static void run_reading(struct cm_job *job) {
    struct reading *r = CM_CONTAINER(job, struct reading, job);
    struct cm_err ignored;

    if (cm_fsys_read(r->path, HUB_REGISTRY_MAX, &r->text, &ignored) < 0) {
        r->text = NULL;
    }
}

static void nothing_more(struct cm_job *job) {
    (void)job;
}

// read_within gives NULL where the file cannot be read. A disk that hangs keeps what it was given.
static struct cm_buf *read_within(const char *path, int64_t wait_ms, bool *silent) {
    struct cm_loop *nowhere = cm_loop_new(); // nobody runs it
    struct cm_workers *disk = cm_workers_new("registry", 1, NULL);
    struct reading *r = cm_new(1, sizeof(*r));

    r->path = cm_strdup(path);
    r->job = (struct cm_job){.run = run_reading, .done = nothing_more, .home = nowhere};
    cm_workers_submit(disk, &r->job);
    *silent = !cm_workers_leave(disk, wait_ms);
    if (*silent) {
        return NULL;
    }
    struct cm_buf *text = r->text;
    cm_workers_free(disk);
    cm_loop_free(nowhere);
    free(r->path);
    free(r);
    return text;
}

// ---- Taking to heart

static enum cm_rc tell(struct hub_db *db, const struct hub_registered *agent, struct cm_err *err) {
    CM_AUTOFREE char *words =
        cm_strf("%s: the registry has it as %s; the database is older", agent->id, agent->state);
    const struct hub_event event = {.at_ms = cm_clock_unix_ms(),
                                    .kind = "agent.revoked",
                                    .cluster = agent->cluster,
                                    .actor = "hub",
                                    .message = words};

    return hub_events_add(db, &event, err);
}

static enum cm_rc heed_agent(struct hub_db *db, const struct hub_registered *agent,
                             struct hub_heeded *out, struct cm_err *err) {
    struct hub_agent_row row = backup_row(agent);
    struct hub_agents_restricted done = {.known = false};
    enum cm_rc rc = hub_agents_restrict(db, &row, agent->state, agent->at_ms, &done, err);

    out->ended += done.ended ? 1 : 0;
    out->held += done.held ? 1 : 0;
    return rc < 0 || !done.ended ? rc : tell(db, agent, err);
}

static enum cm_rc heed_all(struct hub_db *db, const struct hub_registry *registry,
                           struct hub_heeded *out, struct cm_err *err) {
    enum cm_rc rc = hub_db_begin(db, err);

    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; rc == CM_OK && i < registry->count; i++) {
        rc = heed_agent(db, &registry->agents[i], out, err);
    }
    if (rc < 0) {
        hub_db_rollback(db);
        return rc;
    }
    return hub_db_commit(db, err);
}

static enum cm_rc raise_above(struct hub_db *db, uint64_t epoch, struct hub_heeded *out,
                              struct cm_err *err) {
    const struct backup_merged merged = {.revoked = out->ended};
    int64_t mine = 1;
    enum cm_rc rc = hub_meta_get_int(db, "epoch", &mine, err);

    rc = rc == CM_ENOTFOUND ? CM_OK : rc;
    if (rc < 0 || epoch <= (uint64_t)mine) {
        return rc;
    }
    out->epoch = epoch;
    return backup_raise_epoch(db, &out->epoch, &merged, err);
}

// Takes the reference to the text.
static enum cm_rc heed(struct hub_db *db, const char *hub_id, struct cm_buf *file,
                       struct hub_heeded *out, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *text = file;
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_registry registry;
    struct cm_err ignored;

    if (text == NULL ||
        hub_registry_read(a, (const char *)text->data, text->size, &registry, &ignored) < 0 ||
        strcmp(registry.hub_id, hub_id) != 0) {
        return CM_OK; // it is put aside when the next one is written (hub/jobs/registry.h)
    }
    enum cm_rc rc = heed_all(db, &registry, out, err);
    return rc < 0 ? rc : raise_above(db, registry.epoch, out, err);
}

enum cm_rc hub_heed_registries(struct hub_db *db, const struct hub_heed *what,
                               struct hub_heeded *out, struct cm_err *err) {
    struct cm_buf *copy = NULL;
    bool silent = false;

    *out = (struct hub_heeded){0};
    enum cm_rc rc = heed(db, what->hub_id, read_within(what->own, WAIT_MS, &silent), out, err);
    if (rc == CM_OK && what->copy != NULL) {
        copy = read_within(what->copy, WAIT_MS, &out->silent);
        rc = heed(db, what->hub_id, copy, out, err);
    }
    return rc;
}
