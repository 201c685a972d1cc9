#include "hub/jobs/exempted.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/mem.h"
#include "hub/jobs/made.h"
#include "hub/jobs/store.h"
#include "hub/store/site_exemptions.h"
#include "proto/wire.h"

#define MOST_MS ((int64_t)HUB_SITE_EXEMPTION_DAYS * 24 * 60 * 60 * 1000)

struct exempted_job {
    struct hub_store_job job;
    struct cm_arena *arena;
    const char *cluster;
    const Holdfast__V1__Exempted *message;
    bool loaded;
    int64_t now_ms;
    struct hub_exempted_done done;
    struct hub_exempted_result result;
    struct cm_sha256 over[WIRE_EXEMPTED_MAX];
};

static int64_t time_of(int64_t ms, int64_t now_ms) {
    return ms <= 0 ? 0 : ms < now_ms ? ms : now_ms;
}

static struct hub_site_exemption row_of(const struct exempted_job *j,
                                        const Holdfast__V1__SiteExemption *m) {
    struct hub_site_exemption e = {.cluster = j->cluster,
                                   .said = m->name,
                                   .app = m->app,
                                   .object = m->key,
                                   .field = m->field,
                                   .reason = m->reason,
                                   .actor = m->actor,
                                   .manager = m->manager,
                                   .message = m->message,
                                   .until_ms = m->until_ms,
                                   .began_ms = time_of(m->began_ms, j->now_ms),
                                   .ended_ms = time_of(m->ended_ms, j->now_ms),
                                   .given = m->given};
    struct cm_sha256 id;

    memcpy(id.bytes, m->id.data, sizeof(id.bytes));
    cm_sha256_hex(&id, e.id);
    e.name = hub_made_site_name(j->arena, j->cluster, m->name, e.id);
    return e;
}

static bool is_taken(const Holdfast__V1__SiteExemption *m) {
    return m->id.len == CM_SHA256_SIZE && m->name[0] != '\0' && m->until_ms >= 0;
}

static enum cm_rc put(struct exempted_job *j, struct hub_db *db,
                      const Holdfast__V1__SiteExemption *m, struct cm_err *err) {
    struct hub_site_exemption e = row_of(j, m);
    bool over = false;

    if (e.began_ms != 0 && e.ended_ms == 0 && e.until_ms - j->now_ms > MOST_MS) {
        e.ended_ms = j->now_ms; // no agent of ours says so
        e.message = "it would last longer than may be";
    }
    enum cm_rc rc = hub_site_exemptions_put(db, &e, j->now_ms, err);
    if (rc == CM_OK && m->ended_ms == 0 && m->began_ms != 0) {
        rc = hub_site_exemptions_over(db, j->cluster, e.id, j->loaded, &over, err);
        over = over || e.ended_ms != 0;
        j->result.begun++;
    }
    if (rc == CM_OK && over) {
        memcpy(j->over[j->result.over_count++].bytes, m->id.data, CM_SHA256_SIZE);
    }
    return rc;
}

// The same twice is one: of what one message says of it the first that can be taken counts.
static bool came_before(const Holdfast__V1__Exempted *m, size_t at) {
    const uint8_t *id = m->exemptions[at]->id.data;

    for (size_t i = 0; i < at; i++) {
        const Holdfast__V1__SiteExemption *other = m->exemptions[i];

        if (is_taken(other) && memcmp(other->id.data, id, CM_SHA256_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

static enum cm_rc run_exempted(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct exempted_job *j = CM_CONTAINER(job, struct exempted_job, job);
    enum cm_rc rc = CM_OK;

    j->result = (struct hub_exempted_result){.over = j->over};
    for (size_t i = 0; rc == CM_OK && i < j->message->n_exemptions; i++) {
        const Holdfast__V1__SiteExemption *m = j->message->exemptions[i];

        rc = is_taken(m) && !came_before(j->message, i) ? put(j, db, m, err) : CM_OK;
    }
    return rc < 0 ? rc : hub_site_exemptions_end(db, j->cluster, j->now_ms, err);
}

static void exempted_done(struct hub_store_job *job, const struct cm_err *err) {
    struct exempted_job *j = CM_CONTAINER(job, struct exempted_job, job);

    j->done.done(j->done.ctx, err, &j->result);
    cm_arena_free(j->arena);
    free(j);
}

void hub_exempted_commit(struct hub_store *store, const char *cluster, struct cm_arena *arena,
                         const Holdfast__V1__Exempted *message, bool loaded,
                         const struct hub_exempted_done *done) {
    struct exempted_job *j = cm_new(1, sizeof(*j));

    j->job = (struct hub_store_job){.run = run_exempted, .done = exempted_done};
    j->arena = arena;
    j->cluster = cm_arena_strdup(arena, cluster);
    j->message = message;
    j->loaded = loaded;
    j->now_ms = cm_clock_unix_ms();
    j->done = *done;
    hub_store_submit(store, &j->job);
}
