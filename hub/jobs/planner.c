#include "hub/jobs/planner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/access/authority.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/documents.h"
#include "hub/jobs/note.h"
#include "hub/jobs/planner_state.h"
#include "hub/jobs/proven.h"
#include "hub/jobs/publication.h"
#include "hub/jobs/running.h"
#include "hub/jobs/seed.h"
#include "hub/store/db.h"
#include "hub/store/intents.h"
#include "hub/store/past.h"
#include "hub/write/write.h"

static void free_state(void *value) {
    struct hub_cluster_state *state = value;

    hub_desired_unref(state->desired);
    hub_answers_done(&state->answers);
    free(state);
}

size_t hub_planner_add_source(struct hub_planner *p, const struct hub_planner_source *source) {
    size_t at = p->source_count++;

    p->sources = cm_resize(p->sources, p->source_count * sizeof(*p->sources));
    p->states = cm_resize(p->states, p->source_count * sizeof(*p->states));
    p->sources[at] = (struct hub_planner_source){.name = cm_strdup(source->name),
                                                 .folder = cm_strdup(source->folder),
                                                 .prefix = cm_strdup(source->prefix),
                                                 .writes = source->writes};
    p->states[at] = (struct hub_source_state){0};
    return at;
}

static void free_source(struct hub_planner_source *source) {
    free((char *)(uintptr_t)source->name);
    free((char *)(uintptr_t)source->folder);
    free((char *)(uintptr_t)source->prefix);
}

struct hub_planner *hub_planner_new(const struct hub_planner_config *config) {
    struct hub_planner *p = cm_new(1, sizeof(*p));

    p->config = *config;
    p->config.sources = NULL; // ours are copies
    p->fleet = hub_fleet_new(hub_authority_secret_key(config->authority));
    hub_fleet_set_guard(p->fleet, &config->guard);
    p->clusters = cm_map_new(free_state);
    p->trees = cm_map_new(free);
    p->asked = cm_map_new(free);
    p->known = cm_map_new(NULL);
    p->found = cm_map_new(NULL);
    p->reverted = cm_map_new(free);
    p->marked = cm_map_new(free);
    p->not_renewed = cm_map_new(NULL);
    for (size_t i = 0; i < config->source_count; i++) {
        (void)hub_planner_add_source(p, &config->sources[i]);
        hub_fleet_expect(p->fleet, config->sources[i].name);
    }
    return p;
}

void hub_planner_free(struct hub_planner *p) {
    if (p == NULL) {
        return;
    }
    hub_fleet_free(p->fleet);
    hub_document_set_unref(p->documents);
    hub_lost_done(&p->lost);
    cm_map_free(p->clusters);
    cm_map_free(p->trees);
    cm_map_free(p->asked);
    cm_map_free(p->known);
    cm_map_free(p->found);
    cm_map_free(p->reverted);
    cm_map_free(p->marked);
    cm_map_free(p->not_renewed);
    for (size_t i = 0; i < p->source_count; i++) {
        hub_commit_done(&p->states[i].pending);
        free(p->states[i].passed);
        free_source(&p->sources[i]);
    }
    free(p->sources);
    free(p->states);
    free(p);
}

struct hub_cluster_state *hub_planner_cluster(struct hub_planner *p, const char *cluster) {
    struct hub_cluster_state *state = cm_map_get(p->clusters, cluster);

    if (state == NULL) {
        state = cm_new(1, sizeof(*state));
        state->epoch = p->config.epoch;
        cm_map_put(p->clusters, cluster, state);
    }
    return state;
}

// What is seeded may lack the bytes of Secrets: it must wait until Git is read again.
static bool can_publish(const struct hub_planner *p, const struct hub_desired *desired) {
    return p->ready || hub_seed_is_whole(desired);
}

// take_news tells the fleet which Apps are new to clusters, and what was promoted.
static void take_news(struct hub_planner *p, const struct hub_proven_list *list) {
    for (size_t i = 0; list != NULL && i < list->fresh_count; i++) {
        hub_fleet_begin_new(p->fleet, list->fresh[i].cluster, list->fresh[i].app);
    }
    for (size_t i = 0; list != NULL && i < list->promoted_count; i++) {
        hub_fleet_promoted(p->fleet, &list->promoted[i]);
    }
}

// begin_with: until Git is read nothing can be made of it, and what is in force was not tried
// there.
static void begin_with(struct hub_planner *p, struct hub_outcome *o,
                       struct hub_cluster_state *state, const char *cluster,
                       const struct hub_proven_list *proven) {
    size_t count = proven != NULL ? proven->count : 0;
    bool untried = count > 0 || (proven != NULL && proven->fresh_count > 0);

    hub_fleet_begin_with(p->fleet, cluster, count > 0 ? proven->items : NULL, count);
    take_news(p, proven);
    state->held |= untried && !p->ready;
    if (p->ready) {
        hub_settle_apply(p, o, 1);
    } else {
        hub_outcome_room(o, 1);
    }
}

struct hub_outcome *hub_planner_enroll(struct hub_planner *p, const char *cluster,
                                       const char *cluster_id,
                                       const struct hub_proven_list *proven) {
    struct hub_outcome *o = hub_outcome_new();
    struct hub_cluster_state *state = hub_planner_cluster(p, cluster);
    bool same = cluster_id[0] == '\0' || strcmp(state->id, cluster_id) == 0;

    if (!same) {
        (void)snprintf(state->id, sizeof(state->id), "%s", cluster_id);
        hub_answers_done(&state->answers); // which were another agent's
        state->manifest = (struct cm_sha256){0};
    }
    if (proven != NULL) {
        begin_with(p, o, state, cluster, proven);
    } else { // the record could not be read: what it begins with stays until it is
        hub_outcome_room(o, 1);
    }
    struct hub_desired *desired = p->ready ? hub_fleet_desired(p->fleet, cluster) : state->desired;
    if (!same && desired != NULL && can_publish(p, desired)) {
        hub_offer(p, o, desired);
    }
    return o;
}

static bool hold(void *ctx, const char *cluster, void *value) {
    (void)ctx;
    (void)cluster;
    ((struct hub_cluster_state *)value)->held = true;
    return true;
}

// hold_others: the agents of clusters that are not here now may be ahead as well. One alone may
// lie, and shall not stop all others.
static void hold_others(struct hub_planner *p) {
    if (++p->ahead > 1 && !(p->ready && p->fetched)) {
        cm_map_each(p->clusters, hold, NULL);
    }
}

struct hub_outcome *hub_planner_raise(struct hub_planner *p, const char *cluster, uint64_t epoch,
                                      uint64_t generation, bool new_disk) {
    struct hub_outcome *o = hub_outcome_new();
    struct hub_cluster_state *state = hub_planner_cluster(p, cluster);

    hub_outcome_room(o, 1);
    state->epoch = epoch > state->epoch ? epoch : state->epoch;
    state->generation = generation > state->generation ? generation : state->generation;
    state->manifest = (struct cm_sha256){0};
    if (!state->held && !new_disk) {
        hold_others(p);
    }
    state->held = true; // until all is fetched, which it may be already
    struct hub_desired *desired = hub_fleet_desired(p->fleet, cluster);
    if (desired != NULL) {
        hub_offer(p, o, desired);
    }
    return o;
}

void hub_planner_forget_gone(struct hub_planner *p, const char *cluster, const char *app) {
    hub_fleet_forget_gone(p->fleet, cluster, app);
}

struct each_ctx {
    struct hub_planner *planner;
    struct hub_outcome *outcome;
};

// ---- The seed

static void seed_cluster(void *ctx, const struct hub_seed_cluster *seed) {
    struct hub_planner *p = ctx;
    struct hub_cluster_state *state = hub_planner_cluster(p, seed->desired->cluster);

    state->epoch = seed->epoch > p->config.epoch ? seed->epoch : p->config.epoch;
    state->generation = seed->generation;
    state->held = seed->epoch < p->config.epoch; // the hub was restored since
    state->manifest = state->held ? (struct cm_sha256){0} : seed->sha256;
    state->desired = hub_desired_ref(seed->desired);
    hub_fleet_seed(p->fleet, seed->desired->cluster, seed->desired->pairs,
                   seed->desired->pair_count, seed->desired->gone, seed->desired->gone_count);
}

static void seed_agent(void *ctx, const char *cluster, const char *cluster_id) {
    struct hub_cluster_state *state = hub_planner_cluster(ctx, cluster);

    (void)snprintf(state->id, sizeof(state->id), "%s", cluster_id);
}

static void seed_source(void *ctx, const struct hub_seed_source *source) {
    struct hub_planner *p = ctx;

    for (size_t i = 0; i < p->source_count; i++) {
        if (strcmp(p->sources[i].name, source->name) == 0) {
            p->states[i].awaited = true;
            (void)snprintf(p->states[i].last, sizeof(p->states[i].last), "%s", source->revision);
            return;
        }
    }
    if (source->in_use) {
        hub_lost_add(&p->lost, source->name, source->revision);
        hub_fleet_expect(p->fleet, source->name);
        cm_log(CM_LOG_WARN, "repository.lost",
               "a repository is not configured any more; once all others are read, what only it "
               "had is taken as deleted from Git",
               "repository", source->name, NULL);
    } else {
        cm_map_put(p->trees, source->name, cm_strdup(source->revision));
    }
}

static void seed_app(void *ctx, const char *name, const char *repo) {
    hub_lost_add_app(&((struct hub_planner *)ctx)->lost, repo, name);
}

static void seed_used(void *ctx, const char *confirmation, const char *removal) {
    hub_fleet_seed_used(((struct hub_planner *)ctx)->fleet, confirmation, removal);
}

static void seed_decision(void *ctx, const struct hub_decision_row *row) {
    struct hub_planner *p = ctx;
    struct hub_cluster_state *state = cm_map_get(p->clusters, row->cluster);

    // What a cluster rejected is kept out of the one that has its name now, or will.
    if (row->settled != HUB_SETTLED_NEW) {
        hub_settle_seed(p, state, row);
    }
    if (row->settled == HUB_SETTLED_HELD && strcmp(row->why, HUB_FOUND_WHY) == 0) {
        char event[CM_SHA256_HEX_MAX];

        cm_sha256_hex(&row->id, event);
        cm_map_put(p->found, event, p);
    }
}

// seed_asked: what was asked for and waits still, in a pull request say, may have to be dropped;
// the next look asks for what is wanted as if it had not been.
static void seed_asked(void *ctx, const struct hub_intent_row *row) {
    const struct hub_intent intent = {.kind = row->kind, .app = row->app, .args = row->args};
    struct hub_planner *p = ctx;
    CM_AUTOFREE char *path = strcmp(row->kind, "hold") == 0 ? hub_write_path(&intent) : NULL;

    for (size_t i = 0; path != NULL && i < p->source_count; i++) {
        size_t root = strlen(p->sources[i].prefix);

        if (strcmp(p->sources[i].name, row->repository) == 0 && strlen(path) > root) {
            cm_map_put(p->asked, path + (root > 0 ? root + 1 : 0), cm_strdup(""));
        }
    }
}

static bool is_held(const struct hub_desired *desired, const char *app) {
    for (size_t i = 0; desired != NULL && i < desired->pair_count; i++) {
        if (strcmp(desired->pairs[i].app, app) == 0) {
            return desired->pairs[i].held != NULL;
        }
    }
    return true;
}

// seed_proven: what is in force may be from before the agent is a new one.
static enum cm_rc seed_proven(struct hub_planner *p, struct hub_db *db, struct cm_err *err) {
    struct hub_proven_list *list = NULL;
    enum cm_rc rc = hub_proven_read(db, NULL, &list, err);

    for (size_t i = 0, from = 0; rc == CM_OK && i < list->count; i++) {
        const char *cluster = list->clusters[i];
        struct hub_cluster_state *state = hub_planner_cluster(p, cluster);
        bool last = i + 1 == list->count || strcmp(list->clusters[i + 1], cluster) != 0;

        state->held |= !is_held(state->desired, list->items[i].app);
        if (last) {
            hub_fleet_begin_with(p->fleet, cluster, &list->items[from], i + 1 - from);
            from = i + 1;
        }
    }
    for (size_t i = 0; rc == CM_OK && i < list->fresh_count; i++) {
        hub_planner_cluster(p, list->fresh[i].cluster)->held = true;
    }
    take_news(p, list);
    hub_proven_free(list);
    return rc;
}

// ---- A database from before there was a past

struct noting {
    struct hub_db *db;
    enum cm_rc rc;
    struct cm_err *err;
};

static bool note_cluster(void *ctx, const char *cluster, void *value) {
    struct noting *n = ctx;
    const struct hub_desired *desired = ((struct hub_cluster_state *)value)->desired;

    for (size_t i = 0; n->rc == CM_OK && desired != NULL && i < desired->pair_count; i++) {
        n->rc = hub_note_published(n->db, cluster, &desired->pairs[i], n->err);
    }
    return n->rc == CM_OK;
}

static enum cm_rc note_all(struct hub_planner *p, struct hub_db *db, struct cm_err *err) {
    struct noting n = {db, hub_db_begin(db, err), err};

    if (n.rc < 0) {
        return n.rc;
    }
    cm_map_each(p->clusters, note_cluster, &n);
    n.rc = n.rc < 0 ? n.rc : hub_note_statuses(db, err);
    if (n.rc < 0) {
        hub_db_rollback(db);
        return cm_wrap(err, "begin with the past");
    }
    return hub_db_commit(db, err);
}

static enum cm_rc begin_past(struct hub_planner *p, struct hub_db *db, struct cm_err *err) {
    bool empty = false;
    enum cm_rc rc = hub_past_is_empty(db, &empty, err);

    rc = rc < 0 || !empty ? rc : note_all(p, db, err);
    return rc < 0 ? rc : hub_running_begin(db, cm_clock_unix_ms(), err);
}

enum cm_rc hub_planner_seed(struct hub_planner *p, struct hub_db *db, struct cm_err *err) {
    struct hub_seed_visitor visitor = {.cluster = seed_cluster,
                                       .agent = seed_agent,
                                       .source = seed_source,
                                       .app = seed_app,
                                       .used = seed_used,
                                       .decision = seed_decision,
                                       .ctx = p};

    enum cm_rc rc = hub_seed_load(db, &visitor, err);
    rc = rc < 0 ? rc : seed_proven(p, db, err);
    rc = rc < 0 ? rc : hub_intents_each(db, seed_asked, p, err);
    return rc < 0 ? rc : begin_past(p, db, err);
}

const char *hub_planner_taken(const struct hub_planner *p, size_t source) {
    return p->states[source].last;
}

static bool start_cluster(void *ctx, const char *cluster, void *value) {
    struct each_ctx *each = ctx;
    struct hub_cluster_state *state = value;

    (void)cluster;
    if (state->desired != NULL && state->id[0] != '\0' && !state->held &&
        hub_seed_is_whole(state->desired)) {
        each->outcome->refreshed[each->outcome->refreshed_count++] =
            hub_offer_publication(each->planner, state, state->desired, state->generation);
    }
    return true;
}

struct hub_outcome *hub_planner_start(struct hub_planner *p) {
    struct hub_outcome *o = hub_outcome_new();
    struct each_ctx each = {.planner = p, .outcome = o};

    hub_outcome_room(o, cm_map_len(p->clusters));
    cm_map_each(p->clusters, start_cluster, &each);
    return o;
}
