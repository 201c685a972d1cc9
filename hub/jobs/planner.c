#include "hub/jobs/planner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/access/authority.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/commit.h"
#include "hub/jobs/documents.h"
#include "hub/jobs/history.h"
#include "hub/jobs/lost.h"
#include "hub/jobs/problems.h"
#include "hub/jobs/publication.h"
#include "hub/jobs/seed.h"
#include "hub/render/bundle.h"
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
    bool tree_only;            // Apps want it; it has no documents
    struct hub_repo_id commit; // that the fleet has taken in
    bool loaded;
    bool awaited;                   // was read before the restart: publishing waits for it
    char last[HUB_REPO_ID_HEX_MAX]; // on record as resolved; "": none
    struct hub_commit pending;      // taken in but not on record
    bool has_pending;
};

struct hub_planner {
    struct hub_planner_config config;
    struct hub_fleet *fleet;
    struct cm_map *clusters; // by name
    // Repositories with documents, then what Apps want; each with its place in both arrays.
    struct hub_planner_source *sources;
    struct source_state *states;
    size_t source_count;
    struct hub_document_set *documents; // that the database shows; NULL: not known
    struct hub_lost lost;
    bool ready; // everything was published at least once
    bool swept; // clusters that are not in Git are off the record
};

static void free_state(void *value) {
    struct cluster_state *state = value;

    hub_desired_unref(state->desired);
    free(state);
}

static size_t add_source(struct hub_planner *p, const struct hub_planner_source *source) {
    size_t at = p->source_count++;

    p->sources = cm_resize(p->sources, p->source_count * sizeof(*p->sources));
    p->states = cm_resize(p->states, p->source_count * sizeof(*p->states));
    p->sources[at] = (struct hub_planner_source){.name = cm_strdup(source->name),
                                                 .folder = cm_strdup(source->folder),
                                                 .prefix = cm_strdup(source->prefix)};
    p->states[at] = (struct source_state){0};
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
    p->fleet = hub_fleet_new(hub_authority_secret_key(config->authority));
    p->clusters = cm_map_new(free_state);
    for (size_t i = 0; i < config->source_count; i++) {
        (void)add_source(p, &config->sources[i]);
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
    for (size_t i = 0; i < p->source_count; i++) {
        hub_commit_done(&p->states[i].pending);
        free_source(&p->sources[i]);
    }
    free(p->sources);
    free(p->states);
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
    hub_document_set_unref(o->documents_before);
    hub_document_set_unref(o->documents);
    cm_arena_free(o->arena);
}

// The arrays of an outcome are made for a known number of clusters.
static void make_room(struct hub_outcome *o, size_t clusters) {
    o->changes = cm_arena_get(o->arena, (clusters + 1) * sizeof(*o->changes));
    o->refreshed = cm_arena_get(o->arena, (clusters + 1) * sizeof(struct hub_publication *));
}

static void unref_publication(struct hub_publication **p) {
    hub_publication_unref(*p);
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

static bool same_pair(const struct hub_pair *a, const struct hub_pair *b) {
    return strcmp(a->app, b->app) == 0 && strcmp(a->revision, b->revision) == 0 &&
           cm_sha256_equal(&a->bundle->sha256, &b->bundle->sha256);
}

static bool same_gone(const struct hub_gone *a, const struct hub_gone *b) {
    return strcmp(a->app, b->app) == 0 && strcmp(a->revision, b->revision) == 0 &&
           a->prune == b->prune;
}

// Whether the manifest would come out the same, whatever else the store shows of the pairs.
static bool same_manifest(const struct hub_desired *a, const struct hub_desired *b) {
    if (a->pair_count != b->pair_count || a->gone_count != b->gone_count) {
        return false;
    }
    for (size_t i = 0; i < a->pair_count; i++) {
        if (!same_pair(&a->pairs[i], &b->pairs[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < a->gone_count; i++) {
        if (!same_gone(&a->gone[i], &b->gone[i])) {
            return false;
        }
    }
    return true;
}

// What the store shows of a pair beside the manifest.
static bool same_marks(const struct hub_desired *a, const struct hub_desired *b) {
    for (size_t i = 0; i < a->pair_count; i++) {
        if (a->pairs[i].stale != b->pairs[i].stale ||
            strcmp(a->pairs[i].repo, b->pairs[i].repo) != 0) {
            return false;
        }
    }
    return true;
}

static bool is_zero(const struct cm_sha256 *hash) {
    static const struct cm_sha256 zero;

    return cm_sha256_equal(hash, &zero);
}

static bool has_manifest(const struct cluster_state *state) {
    return state->desired != NULL && (state->id[0] == '\0' || !is_zero(&state->manifest));
}

// Takes the reference to the publication.
static void change(struct hub_outcome *o, struct cluster_state *state, struct hub_desired *desired,
                   struct hub_publication *publication) {
    add_change(o, &(struct hub_cluster_change){.cluster = desired->cluster,
                                               .before = state->desired,
                                               .now = hub_desired_ref(desired),
                                               .generation = state->generation,
                                               .publication = publication});
    state->desired = hub_desired_ref(desired);
}

static void publish(struct hub_planner *p, struct hub_outcome *o, struct hub_desired *desired) {
    struct cluster_state *state = get_state(p, desired->cluster);

    if (has_manifest(state) && same_manifest(state->desired, desired)) {
        change(o, state, desired, NULL);
        return;
    }
    state->generation++;
    struct hub_publication *publication = make_publication(p, state, desired, state->generation);
    state->manifest = publication == NULL ? (struct cm_sha256){0} : publication->sha256;
    change(o, state, desired, publication);
}

// After a restart: the same manifest again if it comes out the same, now with the bytes of Secrets,
// else the next one.
static void refresh(struct hub_planner *p, struct hub_outcome *o, struct hub_desired *desired) {
    struct cluster_state *state = get_state(p, desired->cluster);
    CM_CLEANUP(unref_publication)
    struct hub_publication *publication =
        state->generation == 0 ? NULL : make_publication(p, state, desired, state->generation);

    if (publication == NULL || state->desired == NULL ||
        !cm_sha256_equal(&publication->sha256, &state->manifest)) {
        publish(p, o, desired);
    } else if (!same_marks(state->desired, desired)) {
        change(o, state, desired, CM_TAKE(publication));
    } else {
        o->refreshed[o->refreshed_count++] = CM_TAKE(publication);
        hub_desired_unref(state->desired);
        state->desired = hub_desired_ref(desired);
    }
}

static void withdraw(struct hub_planner *p, struct hub_outcome *o, const char *cluster) {
    struct cluster_state *state = get_state(p, cluster);

    add_change(o, &(struct hub_cluster_change){.cluster = cluster,
                                               .before = state->desired,
                                               .generation = state->generation});
    state->desired = NULL;
    state->manifest = (struct cm_sha256){0};
}

// ---- Commits

static void note_revision(struct hub_planner *p, struct hub_outcome *o, size_t at) {
    struct source_state *source = &p->states[at];
    const struct hub_commit *commit = &source->pending;
    size_t problems;

    hub_repo_id_hex(&commit->id, source->last);
    (void)hub_fleet_problems(p->fleet, &problems);
    o->revisions[o->revision_count++] = (struct hub_revision_row){
        .repo = cm_arena_strdup(o->arena, p->sources[at].name),
        .id = cm_arena_strdup(o->arena, source->last),
        .author = cm_arena_strf(o->arena, "%s <%s>", commit->author_name, commit->author_email),
        .subject = cm_arena_strdup(o->arena, commit->subject),
        .committed_ms = commit->committed_ms,
        .resolved_ms = cm_clock_unix_ms(),
        .clusters = o->change_count,
        .problems = problems,
    };
    hub_commit_done(&source->pending);
    source->has_pending = false;
}

// A commit is on record only once all that it changes is: who waits for it may count on that.
static void note_revisions(struct hub_planner *p, struct hub_outcome *o) {
    o->revisions = cm_arena_get(o->arena, (p->source_count + 1) * sizeof(*o->revisions));
    for (size_t i = 0; p->ready && i < p->source_count; i++) {
        if (p->states[i].has_pending) {
            note_revision(p, o, i);
        }
    }
}

static void note_documents(struct hub_planner *p, struct hub_outcome *o) {
    o->documents_before = p->documents;
    o->documents = hub_document_set_new(p->fleet);
    p->documents = hub_document_set_ref(o->documents);
}

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
    note_documents(p, o);
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
        note_documents(p, o);
    }
}

static bool all_loaded(const struct hub_planner *p) {
    for (size_t i = 0; i < p->source_count; i++) {
        const struct source_state *state = &p->states[i];

        if (!state->tree_only && (state->awaited || p->lost.count > 0) && !state->loaded) {
            return false;
        }
    }
    return true;
}

static void take_problems(struct hub_planner *p, struct hub_outcome *o,
                          const struct hub_fleet_commit *commit, bool changed) {
    const struct hub_problem_rows *rows =
        hub_problem_rows_new(o->arena, p->fleet, &p->lost, commit);

    if (changed || hub_problem_rows_touched(rows)) {
        o->problems = rows;
    }
}

// `result` NULL: anything may have changed.
static void take_result(struct hub_planner *p, struct hub_outcome *o,
                        const struct hub_fleet_commit *commit,
                        const struct hub_fleet_result *result) {
    if (p->ready && result != NULL) {
        take_changed(p, o, result);
        take_problems(p, o, commit, result->problems_changed);
    } else if (p->ready || all_loaded(p)) {
        hub_lost_give_up(&p->lost, p->fleet);
        p->ready = true;
        take_all(p, o);
        take_problems(p, o, commit, true);
    }
    o->complete = p->ready && !p->swept && hub_fleet_is_loaded(p->fleet);
    if (o->complete) {
        p->swept = true;
        if (o->documents == NULL) {
            note_documents(p, o);
        }
    }
}

static bool has_problems(const struct hub_planner *p, const char *repo) {
    size_t count;
    const struct hub_problem *problems = hub_fleet_problems(p->fleet, &count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(problems[i].repo, repo) == 0) {
            return true;
        }
    }
    return false;
}

// look_back finds the last good state of what is wrong, for a repository of which the hub knows
// nothing. It tells whether anything may have changed.
static bool look_back(struct hub_planner *p, struct hub_reading *r, size_t at,
                      const struct hub_repo_id *id) {
    const struct source_state *source = &p->states[at];
    const char *name = p->sources[at].name;
    size_t commits;
    struct cm_err err;

    if (source->tree_only || source->last[0] != '\0' || !has_problems(p, name)) {
        return false;
    }
    if (hub_history_replay(p->fleet, r, at, id, &commits, &err) < 0) {
        cm_log(CM_LOG_WARN, "history.broken",
               "the last good revision of what is wrong in Git could not be looked for",
               "repository", name, "error", err.msg, NULL);
        return true;
    }
    if (commits > 0) {
        CM_AUTOFREE char *count = cm_strf("%zu", commits);

        cm_log(CM_LOG_INFO, "history.read",
               "looked for the last good revision of what is wrong in Git", "repository", name,
               "commits", count, NULL);
    }
    return commits > 0;
}

// is_loaded tells whether the fleet knows the tree: what nobody wanted for a while it has
// forgotten.
static bool is_loaded(const struct hub_planner *p, size_t at) {
    size_t count;
    const struct hub_fleet_source *wants = hub_fleet_sources(p->fleet, &count);

    if (!p->states[at].tree_only) {
        return p->states[at].loaded;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(wants[i].name, p->sources[at].name) == 0) {
            return wants[i].loaded;
        }
    }
    return false;
}

static void note_wants(const struct hub_planner *p, struct hub_outcome *o) {
    const struct hub_fleet_source *wants = hub_fleet_sources(p->fleet, &o->want_count);

    o->wants_changed = true;
    o->wants = cm_arena_get(o->arena, (o->want_count + 1) * sizeof(*o->wants));
    for (size_t i = 0; i < o->want_count; i++) {
        o->wants[i] =
            (struct hub_planner_want){.name = cm_arena_strdup(o->arena, wants[i].name),
                                      .repository = cm_arena_strdup(o->arena, wants[i].repository),
                                      .ref = wants[i].ref,
                                      .text = cm_arena_strdup(o->arena, wants[i].text)};
    }
}

static void keep_commit(struct source_state *source, struct hub_commit *commit,
                        const char *revision) {
    source->commit = commit->id;
    source->loaded = true;
    hub_commit_done(&source->pending);
    source->has_pending = strcmp(revision, source->last) != 0;
    source->pending = *commit;
    *commit = (struct hub_commit){0};
}

static enum cm_rc take_commit(struct hub_planner *p, struct hub_reading *r, size_t at,
                              const struct hub_repo_id *id, struct hub_outcome *o) {
    struct source_state *source = &p->states[at];
    CM_CLEANUP(hub_commit_done) struct hub_commit commit = {0};
    CM_CLEANUP(hub_fleet_result_freep) struct hub_fleet_result *result = NULL;
    struct hub_fleet_commit what = {.repo = p->sources[at].name, .source_only = source->tree_only};
    bool loaded = is_loaded(p, at);
    enum cm_rc rc = hub_reading_commit(r, at, id, &commit, &o->err);

    rc = rc < 0 ? rc
                : hub_reading_changes(r, at, loaded ? &source->commit : NULL, id, o->arena, &what,
                                      &o->err);
    if (rc < 0) {
        return rc;
    }

    result = hub_fleet_update(p->fleet, &what,
                              &(struct hub_fleet_reader){.read = hub_reading_blob, .ctx = r});
    bool wants_changed = result->sources_changed;
    if (!source->loaded && look_back(p, r, at, id)) {
        hub_fleet_result_freep(&result);
        result = NULL;
        wants_changed = true;
    }
    keep_commit(source, &commit, what.revision);
    take_result(p, o, &what, result);
    note_revisions(p, o);
    if (wants_changed) {
        note_wants(p, o);
    }
    return CM_OK;
}

static struct hub_outcome *commit_at(struct hub_planner *p, size_t at,
                                     const struct hub_repo_id *commit) {
    struct hub_outcome *o = new_outcome();
    struct hub_reading r;

    if (is_loaded(p, at) && hub_repo_id_equal(&p->states[at].commit, commit)) {
        return o;
    }
    hub_reading_begin(&r, p->sources, p->source_count);
    if (take_commit(p, &r, at, commit, o) < 0) {
        (void)cm_wrap(&o->err, "repository '%s'", p->sources[at].name);
    } else {
        o->err.code = CM_OK;
    }
    hub_reading_end(&r);
    return o;
}

struct hub_outcome *hub_planner_commit(struct hub_planner *p, size_t source,
                                       const struct hub_repo_id *commit) {
    return commit_at(p, source, commit);
}

// ---- What Apps want of other repositories

static bool is_wanted(const struct hub_planner *p, const char *name) {
    size_t count;
    const struct hub_fleet_source *wants = hub_fleet_sources(p->fleet, &count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(wants[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static size_t find_tree(struct hub_planner *p, const struct hub_planner_source *tree) {
    for (size_t i = p->config.source_count; i < p->source_count; i++) {
        if (strcmp(p->sources[i].name, tree->name) == 0) {
            return i;
        }
    }
    size_t at = add_source(p, tree);
    p->states[at].tree_only = true;
    return at;
}

// fetched_last reads what a mirror holds. It tells whether there is something.
static bool fetched_last(const struct hub_planner *p, size_t at, struct hub_repo_id *out) {
    CM_CLEANUP(hub_commit_done) struct hub_commit commit = {0};
    struct hub_reading r;
    struct cm_err ignored;

    hub_reading_begin(&r, p->sources, p->source_count);
    enum cm_rc rc = hub_reading_resolve(&r, at, "HEAD", &commit, &ignored);
    hub_reading_end(&r);
    *out = commit.id;
    return rc == CM_OK;
}

struct hub_outcome *hub_planner_tree(struct hub_planner *p, const struct hub_planner_source *tree,
                                     const struct hub_repo_id *commit) {
    struct hub_repo_id last;

    if (!is_wanted(p, tree->name)) {
        return new_outcome();
    }
    size_t at = find_tree(p, tree);
    if (commit != NULL) {
        return commit_at(p, at, commit);
    }
    struct hub_outcome *o = fetched_last(p, at, &last) ? commit_at(p, at, &last) : new_outcome();
    o->err.code = CM_OK; // a fetch will do
    return o;
}

struct hub_outcome *hub_planner_trouble(struct hub_planner *p, const char *tree, const char *why) {
    struct hub_outcome *o = new_outcome();
    const struct hub_fleet_commit nothing = {.repo = tree, .revision = ""};

    if (hub_fleet_source_tell(p->fleet, tree, why) && p->ready) {
        take_problems(p, o, &nothing, true);
    }
    return o;
}

struct hub_outcome *hub_planner_resume(struct hub_planner *p, size_t source) {
    struct hub_repo_id id;

    if (p->states[source].loaded || !hub_repo_id_parse(p->states[source].last, &id)) {
        return new_outcome();
    }
    struct hub_outcome *o = hub_planner_commit(p, source, &id);
    o->err.code = CM_OK; // the mirror was lost or its source is another one now
    return o;
}

// What is seeded may lack the bytes of Secrets: it must wait until Git is read again.
static bool can_publish(const struct hub_planner *p, const struct hub_desired *desired) {
    return p->ready || hub_seed_is_whole(desired);
}

struct hub_outcome *hub_planner_enroll(struct hub_planner *p, const char *cluster,
                                       const char *cluster_id) {
    struct hub_outcome *o = new_outcome();
    struct cluster_state *state = get_state(p, cluster);
    struct hub_desired *desired = p->ready ? hub_fleet_desired(p->fleet, cluster) : state->desired;

    make_room(o, 1);
    (void)snprintf(state->id, sizeof(state->id), "%s", cluster_id);
    state->manifest = (struct cm_sha256){0};
    if (desired != NULL && can_publish(p, desired)) {
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
    state->manifest = (struct cm_sha256){0};
    if (state->desired != NULL && can_publish(p, state->desired)) {
        publish(p, o, state->desired);
    }
    return o;
}

void hub_planner_forget_gone(struct hub_planner *p, const char *cluster, const char *app) {
    hub_fleet_forget_gone(p->fleet, cluster, app);
}

bool hub_planner_is_ready(const struct hub_planner *p) {
    return all_loaded(p);
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
    }
}

static void seed_app(void *ctx, const char *name, const char *repo) {
    hub_lost_add_app(&((struct hub_planner *)ctx)->lost, repo, name);
}

enum cm_rc hub_planner_seed(struct hub_planner *p, struct hub_db *db, struct cm_err *err) {
    struct hub_seed_visitor visitor = {.cluster = seed_cluster,
                                       .agent = seed_agent,
                                       .source = seed_source,
                                       .app = seed_app,
                                       .ctx = p};

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
