#include "hub/backup/merge.h"

#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/access/registry.h"
#include "hub/backup/backup.h"
#include "hub/store/agents.h"
#include "hub/store/db.h"
#include "hub/store/events.h"
#include "hub/store/meta.h"
#include "hub/store/past_lines.h"

static void count_agent(void *ctx, const struct hub_agent_row *row) {
    (void)row;
    ++*(uint64_t *)ctx;
}

enum cm_rc backup_count_agents(struct hub_db *db, uint64_t *out, struct cm_err *err) {
    *out = 0;
    return hub_agents_each(db, count_agent, out, err);
}

struct hub_agent_row backup_row(const struct hub_registered *agent) {
    return (struct hub_agent_row){.id = agent->id,
                                  .cluster = agent->cluster,
                                  .key = agent->key,
                                  .begins_ms = agent->begins_ms,
                                  .held = agent->held,
                                  .held_ms = agent->held_ms,
                                  .held_key = agent->held_key,
                                  .approved_ms = agent->approved_ms};
}

static enum cm_rc merge_each(struct hub_db *db, const struct hub_registry *registry,
                             struct backup_merged *out, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < registry->count; i++) {
        const struct hub_registered *agent = &registry->agents[i];
        struct hub_agent_row row = backup_row(agent);

        rc =
            hub_agents_merge(db, &row, agent->state, agent->at_ms, &out->revoked, &out->added, err);
    }
    return rc;
}

static enum cm_rc read_registry(struct cm_arena *a, const char *path, const char *hub_id,
                                struct hub_registry *out, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *text = NULL;
    enum cm_rc rc = cm_fsys_read(path, HUB_REGISTRY_MAX, &text, err);

    rc = rc < 0 ? rc : hub_registry_read(a, (const char *)text->data, text->size, out, err);
    if (rc < 0) {
        return cm_wrap(err, "%s", path);
    }
    return strcmp(out->hub_id, hub_id) == 0
               ? CM_OK
               : cm_fail(err, CM_EINVAL, "%s is the registry of hub %s, not of %s", path,
                         out->hub_id, hub_id);
}

enum cm_rc backup_merge(struct hub_db *db, const char *path, struct hub_backup_facts *facts,
                        struct backup_merged *out, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_registry registry;
    enum cm_rc rc = read_registry(a, path, facts->hub_id, &registry, err);

    rc = rc < 0 ? rc : hub_db_begin(db, err);
    if (rc < 0) {
        return rc;
    }
    if (merge_each(db, &registry, out, err) < 0) {
        hub_db_rollback(db);
        return cm_wrap(err, "%s", path);
    }
    facts->epoch = registry.epoch > facts->epoch ? registry.epoch : facts->epoch;
    rc = hub_db_commit(db, err);
    return rc < 0 ? rc : backup_count_agents(db, &facts->agents, err);
}

enum cm_rc backup_raise_epoch(struct hub_db *db, uint64_t *epoch,
                              const struct backup_merged *merged, struct cm_err *err) {
    CM_AUTOFREE char *message =
        cm_strf("the hub was restored; its epoch is %llu now. Of agents, a registry took %zu out, "
                "and brought %zu in",
                (unsigned long long)*epoch + 1, merged->revoked, merged->added);
    enum cm_rc rc = hub_db_begin(db, err);

    rc = rc < 0 ? rc : hub_meta_set_int(db, "epoch", (int64_t)++ * epoch, err);
    rc = rc < 0 ? rc : hub_past_lines_restored(db, *epoch, err);
    rc = rc < 0 ? rc : hub_meta_set_int(db, "restored_ms", cm_clock_unix_ms(), err);
    rc = rc < 0 ? rc
                : hub_events_add(db,
                                 &(struct hub_event){.at_ms = cm_clock_unix_ms(),
                                                     .kind = "hub.restored",
                                                     .actor = "hub",
                                                     .message = message},
                                 err);
    if (rc < 0) {
        hub_db_rollback(db);
        return rc;
    }
    return hub_db_commit(db, err);
}
