#include "hub/jobs/planner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/access/authority.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/publication.h"
#include "hub/jobs/record.h"
#include "hub/jobs/seed.h"
#include "hub/repo/tree.h"
#include "hub/store/desired.h"

// What is known of a cluster, in Git or enrolled or both.
struct cluster_state {
    char id[CM_UUID_MAX]; // "" while not enrolled
    uint64_t epoch;
    uint64_t generation;         // of the last manifest; 0: none
    struct cm_sha256 manifest;   // its hash; zero: none, or of an earlier id
    struct hub_desired *desired; // that it was made from; NULL: none
};

struct source_state {
    const struct hub_planner_source *source;
    struct hub_repo_id commit; // that the fleet has taken in
    bool loaded;
    bool awaited; // was read before the restart: publishing waits for it
};

struct hub_planner {
    struct hub_planner_config config;
    struct hub_fleet *fleet;
    struct cm_map *clusters; // by name
    struct source_state *sources;
    bool ready;
};

static void free_state(void *value) {
    struct cluster_state *state = value;

    hub_desired_unref(state->desired);
    free(state);
}

struct hub_planner *hub_planner_new(const struct hub_planner_config *config) {
    struct hub_planner *p = cm_new(1, sizeof(*p));

    p->config = *config;
    p->fleet = hub_fleet_new(hub_authority_secret_key(config->authority));
    p->clusters = cm_map_new(free_state);
    p->sources = cm_new(config->source_count + 1, sizeof(*p->sources));
    for (size_t i = 0; i < config->source_count; i++) {
        p->sources[i].source = &config->sources[i];
    }
    return p;
}

void hub_planner_free(struct hub_planner *p) {
    if (p == NULL) {
        return;
    }
    hub_fleet_free(p->fleet);
    cm_map_free(p->clusters);
    free(p->sources);
    free(p);
}

static struct cluster_state *get_state(struct hub_planner *p, const char *cluster) {
    struct cluster_state *state = cm_map_get(p->clusters, cluster);

    if (state == NULL) {
        state = cm_new(1, sizeof(*state));
        state->epoch = p->config.epoch;
        cm_map_put(p->clusters, cluster, state);
    }
    return state;
}

// ---- Outcomes

static struct hub_outcome *new_outcome(void) {
    struct cm_arena *a = cm_arena_new(0);
    struct hub_outcome *o = cm_arena_get(a, sizeof(*o));

    o->arena = a;
    return o;
}

void hub_outcome_free(struct hub_outcome *o) {
    if (o == NULL) {
        return;
    }
    for (size_t i = 0; i < o->change_count; i++) {
        hub_desired_unref(o->changes[i].before);
        hub_desired_unref(o->changes[i].now);
        hub_publication_unref(o->changes[i].publication);
    }
    for (size_t i = 0; i < o->refreshed_count; i++) {
        hub_publication_unref(o->refreshed[i]);
    }
    cm_arena_free(o->arena);
}

// The arrays of an outcome are made for a known number of clusters.
static void make_room(struct hub_outcome *o, size_t clusters) {
    o->changes = cm_arena_get(o->arena, (clusters + 1) * sizeof(*o->changes));
    o->refreshed = cm_arena_get(o->arena, (clusters + 1) * sizeof(struct hub_publication *));
}

static struct hub_desired *ref_or_null(struct hub_desired *d) {
    return d == NULL ? NULL : hub_desired_ref(d);
}

static void add_change(struct hub_outcome *o, const struct hub_cluster_change *change) {
    o->changes[o->change_count] = *change;
    o->changes[o->change_count].cluster = cm_arena_strdup(o->arena, change->cluster);
    o->change_count++;
}

// ---- Publishing one cluster

static struct hub_publication *make_publication(const struct hub_planner *p,
                                                const struct cluster_state *state,
                                                struct hub_desired *desired, uint64_t generation) {
    if (state->id[0] == '\0') {
        return NULL;
    }
    return hub_publication_new(p->config.authority, desired, state->id, state->epoch, generation);
}

static void publish(struct hub_planner *p, struct hub_outcome *o, struct hub_desired *desired) {
    struct cluster_state *state = get_state(p, desired->cluster);
    struct hub_publication *publication =
        make_publication(p, state, desired, state->generation + 1);

    state->generation++;
    add_change(o, &(struct hub_cluster_change){.cluster = desired->cluster,
                                               .before = ref_or_null(state->desired),
                                               .now = hub_desired_ref(desired),
                                               .generation = state->generation,
                                               .publication = publication});
    hub_desired_unref(state->desired);
    state->desired = hub_desired_ref(desired);
    state->manifest = publication == NULL ? (struct cm_sha256){0} : publication->sha256;
}

// After a restart: the same manifest again if it comes out the same, else the next one.
static void refresh(struct hub_planner *p, struct hub_outcome *o, struct hub_desired *desired) {
    struct cluster_state *state = get_state(p, desired->cluster);
    struct hub_publication *publication =
        state->generation == 0 ? NULL : make_publication(p, state, desired, state->generation);

    if (publication == NULL || !cm_sha256_equal(&publication->sha256, &state->manifest)) {
        hub_publication_unref(publication);
        publish(p, o, desired);
        return;
    }
    o->refreshed[o->refreshed_count++] = publication;
    hub_desired_unref(state->desired);
    state->desired = hub_desired_ref(desired);
}

static void withdraw(struct hub_planner *p, struct hub_outcome *o, const char *cluster) {
    struct cluster_state *state = get_state(p, cluster);

    add_change(o, &(struct hub_cluster_change){.cluster = cluster,
                                               .before = state->desired,
                                               .generation = state->generation});
    state->desired = NULL;
    state->manifest = (struct cm_sha256){0};
}

// ---- Reading a commit

struct reading {
    struct hub_planner *planner;
    struct hub_repo **repos; // one per source, opened when needed
};

static enum cm_rc open_source(struct reading *r, size_t at, struct hub_repo **out,
                              struct cm_err *err) {
    if (r->repos[at] == NULL) {
        enum cm_rc rc = hub_repo_open(r->planner->sources[at].source->folder, &r->repos[at], err);

        if (rc < 0) {
            return rc;
        }
    }
    *out = r->repos[at];
    return CM_OK;
}

static enum cm_rc read_blob(void *ctx, const char *repo, const uint8_t oid[HUB_OID_SIZE],
                            size_t max_bytes, struct cm_buf **out, struct cm_err *err) {
    struct reading *r = ctx;
    struct hub_repo_id id;

    memcpy(id.bytes, oid, sizeof(id.bytes));
    for (size_t i = 0; i < r->planner->config.source_count; i++) {
        struct hub_repo *handle = NULL;

        if (strcmp(r->planner->sources[i].source->name, repo) != 0) {
            continue;
        }
        enum cm_rc rc = open_source(r, i, &handle, err);
        return rc < 0 ? rc : hub_repo_read_blob(handle, &id, max_bytes, out, err);
    }
    return cm_fail(err, CM_ENOTFOUND, "no repository is named '%s'", repo);
}

static void end_reading(struct reading *r) {
    for (size_t i = 0; i < r->planner->config.source_count; i++) {
        hub_repo_close(r->repos[i]);
    }
    free(r->repos);
}

// What lies below the root folder, by its path from there; NULL for the rest.
static const char *below(const char *path, const char *prefix) {
    size_t len = strlen(prefix);

    if (len == 0) {
        return path;
    }
    return strncmp(path, prefix, len) == 0 && path[len] == '/' ? path + len + 1 : NULL;
}

static void fill_changes(struct cm_arena *a, const struct hub_entries *entries, const char *prefix,
                         struct hub_fleet_commit *out) {
    struct hub_fleet_change *changes = cm_arena_get(a, (entries->count + 1) * sizeof(*changes));

    out->changes = changes;
    for (size_t i = 0; i < entries->count; i++) {
        const struct hub_entry *entry = &entries->items[i];
        const char *path = below(entry->path, prefix);

        if (path == NULL) {
            continue;
        }
        struct hub_fleet_change *change = &changes[out->change_count++];
        change->path = path;
        memcpy(change->oid, entry->id.bytes, sizeof(change->oid));
        change->removed = entry->change == HUB_ENTRY_REMOVED;
        change->special = entry->type != HUB_ENTRY_FILE;
    }
}

static enum cm_rc list_all(struct hub_repo *repo, const struct hub_repo_id *commit,
                           const char *prefix, struct hub_entries *out, struct cm_err *err) {
    CM_CLEANUP(hub_tree_freep) struct hub_tree *tree = NULL;
    enum cm_rc rc = hub_repo_tree(repo, commit, &tree, err);

    rc = rc < 0 ? rc : hub_tree_list(tree, prefix, NULL, out, err);
    // An empty root folder is a fleet of nothing, which is said as such elsewhere, not an error.
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc list_changes(const struct source_state *source, struct hub_repo *repo,
                               const struct hub_repo_id *commit, struct hub_entries *out,
                               struct cm_err *err) {
    if (!source->loaded) {
        return list_all(repo, commit, source->source->prefix, out, err);
    }
    return hub_repo_diff(repo,
                         &(struct hub_repo_range){.old = source->commit,
                                                  .now = *commit,
                                                  .prefix = source->source->prefix},
                         NULL, out, err);
}

static void note_revision(struct hub_planner *p, struct hub_outcome *o, const char *repo,
                          const char *hex, const struct hub_commit *commit) {
    struct hub_revision_row *row = cm_arena_get(o->arena, sizeof(*row));
    size_t problems;

    (void)hub_fleet_problems(p->fleet, &problems);
    *row = (struct hub_revision_row){
        .repo = repo,
        .id = cm_arena_strdup(o->arena, hex),
        .author = cm_arena_strf(o->arena, "%s <%s>", commit->author_name, commit->author_email),
        .subject = cm_arena_strdup(o->arena, commit->subject),
        .committed_ms = commit->committed_ms,
        .resolved_ms = cm_clock_unix_ms(),
        .clusters = o->change_count,
        .problems = problems,
    };
    o->revision = row;
}

// ---- From the fleet's result to an outcome

struct each_ctx {
    struct hub_planner *planner;
    struct hub_outcome *outcome;
    size_t count;
};

static void count_cluster(void *ctx, const struct hub_cluster_info *info) {
    (void)info;
    ((struct each_ctx *)ctx)->count++;
}

static void refresh_cluster(void *ctx, const struct hub_cluster_info *info) {
    struct each_ctx *each = ctx;
    struct hub_desired *desired = hub_fleet_desired(each->planner->fleet, info->name);

    if (desired != NULL) {
        refresh(each->planner, each->outcome, desired);
    }
}

static bool withdraw_if_gone(void *ctx, const char *cluster, void *value) {
    struct each_ctx *each = ctx;
    struct cluster_state *state = value;

    if (state->desired != NULL && hub_fleet_desired(each->planner->fleet, cluster) == NULL) {
        withdraw(each->planner, each->outcome, cluster);
    }
    return true;
}

// The first time that all is loaded, every cluster is looked at.
static void take_all(struct hub_planner *p, struct hub_outcome *o) {
    struct each_ctx each = {.planner = p, .outcome = o};

    hub_fleet_each_cluster(p->fleet, count_cluster, &each);
    make_room(o, each.count + cm_map_len(p->clusters));
    hub_fleet_each_cluster(p->fleet, refresh_cluster, &each);
    cm_map_each(p->clusters, withdraw_if_gone, &each);
    o->documents = hub_record_documents(o->arena, p->fleet);
    o->problems = hub_record_problems(o->arena, p->fleet);
}

static void take_changed(struct hub_planner *p, struct hub_outcome *o,
                         const struct hub_fleet_result *result) {
    make_room(o, result->changed_count + result->removed_count);
    for (size_t i = 0; i < result->changed_count; i++) {
        publish(p, o, result->changed[i]);
    }
    for (size_t i = 0; i < result->removed_count; i++) {
        withdraw(p, o, result->removed[i]);
    }
    if (result->documents_changed) {
        o->documents = hub_record_documents(o->arena, p->fleet);
    }
    if (result->problems_changed) {
        o->problems = hub_record_problems(o->arena, p->fleet);
    }
}

static bool all_loaded(const struct hub_planner *p) {
    for (size_t i = 0; i < p->config.source_count; i++) {
        if (p->sources[i].awaited && !p->sources[i].loaded) {
            return false;
        }
    }
    return true;
}

static void take_result(struct hub_planner *p, struct hub_outcome *o,
                        const struct hub_fleet_result *result) {
    if (p->ready) {
        take_changed(p, o, result);
    } else if (all_loaded(p)) {
        p->ready = true;
        take_all(p, o);
    }
}

static enum cm_rc take_commit(struct hub_planner *p, struct reading *r, size_t at,
                              const struct hub_repo_id *id, struct hub_outcome *o) {
    struct source_state *source = &p->sources[at];
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    CM_CLEANUP(hub_commit_done) struct hub_commit commit = {0};
    CM_CLEANUP(hub_fleet_result_freep) struct hub_fleet_result *result = NULL;
    char hex[HUB_REPO_ID_HEX_MAX];
    struct hub_repo *repo = NULL;
    enum cm_rc rc = open_source(r, at, &repo, &o->err);

    hub_repo_id_hex(id, hex);
    rc = rc < 0 ? rc : hub_repo_resolve(repo, hex, &commit, &o->err);
    rc = rc < 0 ? rc : list_changes(source, repo, id, &entries, &o->err);
    if (rc < 0) {
        return rc;
    }

    struct hub_fleet_commit change = {
        .repo = source->source->name, .revision = hex, .complete = !source->loaded};
    fill_changes(o->arena, &entries, source->source->prefix, &change);
    result = hub_fleet_update(p->fleet, &change,
                              &(struct hub_fleet_reader){.read = read_blob, .ctx = r});
    source->commit = *id;
    source->loaded = true;
    take_result(p, o, result);
    note_revision(p, o, source->source->name, hex, &commit);
    return CM_OK;
}

struct hub_outcome *hub_planner_commit(struct hub_planner *p, size_t source,
                                       const struct hub_repo_id *commit) {
    struct hub_outcome *o = new_outcome();
    struct reading r = {.planner = p};

    if (p->sources[source].loaded && hub_repo_id_equal(&p->sources[source].commit, commit)) {
        return o;
    }
    r.repos = cm_new(p->config.source_count + 1, sizeof(struct hub_repo *));
    if (take_commit(p, &r, source, commit, o) < 0) {
        (void)cm_wrap(&o->err, "repository '%s'", p->sources[source].source->name);
    }
    end_reading(&r);
    return o;
}

struct hub_outcome *hub_planner_enroll(struct hub_planner *p, const char *cluster,
                                       const char *cluster_id) {
    struct hub_outcome *o = new_outcome();
    struct cluster_state *state = get_state(p, cluster);
    struct hub_desired *desired = p->ready ? hub_fleet_desired(p->fleet, cluster) : state->desired;

    make_room(o, 1);
    (void)snprintf(state->id, sizeof(state->id), "%s", cluster_id);
    if (desired != NULL) {
        publish(p, o, desired);
    }
    return o;
}

struct hub_outcome *hub_planner_raise(struct hub_planner *p, const char *cluster, uint64_t epoch,
                                      uint64_t generation) {
    struct hub_outcome *o = new_outcome();
    struct cluster_state *state = get_state(p, cluster);

    make_room(o, 1);
    state->epoch = epoch > state->epoch ? epoch : state->epoch;
    state->generation = generation > state->generation ? generation : state->generation;
    if (state->desired != NULL) {
        publish(p, o, state->desired);
    }
    return o;
}

void hub_planner_forget_gone(struct hub_planner *p, const char *cluster, const char *app) {
    hub_fleet_forget_gone(p->fleet, cluster, app);
}

bool hub_planner_is_ready(const struct hub_planner *p) {
    return p->ready;
}

// ---- The seed

static void seed_cluster(void *ctx, const struct hub_seed_cluster *seed) {
    struct hub_planner *p = ctx;
    struct cluster_state *state = get_state(p, seed->desired->cluster);

    state->epoch = seed->epoch;
    state->generation = seed->generation;
    state->manifest = seed->sha256;
    state->desired = hub_desired_ref(seed->desired);
    hub_fleet_seed(p->fleet, seed->desired->cluster, seed->desired->pairs,
                   seed->desired->pair_count, seed->desired->gone, seed->desired->gone_count);
}

static void seed_agent(void *ctx, const char *cluster, const char *cluster_id) {
    struct cluster_state *state = get_state(ctx, cluster);

    (void)snprintf(state->id, sizeof(state->id), "%s", cluster_id);
}

static void seed_source(void *ctx, const char *repo) {
    struct hub_planner *p = ctx;

    for (size_t i = 0; i < p->config.source_count; i++) {
        if (strcmp(p->sources[i].source->name, repo) == 0) {
            p->sources[i].awaited = true;
        }
    }
}

enum cm_rc hub_planner_seed(struct hub_planner *p, struct hub_db *db, struct cm_err *err) {
    struct hub_seed_visitor visitor = {
        .cluster = seed_cluster, .agent = seed_agent, .source = seed_source, .ctx = p};

    return hub_seed_load(db, &visitor, err);
}

static bool start_cluster(void *ctx, const char *cluster, void *value) {
    struct each_ctx *each = ctx;
    struct cluster_state *state = value;

    (void)cluster;
    if (state->desired != NULL && state->id[0] != '\0' && hub_seed_is_whole(state->desired)) {
        each->outcome->refreshed[each->outcome->refreshed_count++] =
            make_publication(each->planner, state, state->desired, state->generation);
    }
    return true;
}

struct hub_outcome *hub_planner_start(struct hub_planner *p) {
    struct hub_outcome *o = new_outcome();
    struct each_ctx each = {.planner = p, .outcome = o};

    make_room(o, cm_map_len(p->clusters));
    cm_map_each(p->clusters, start_cluster, &each);
    return o;
}
