// Commits: into the fleet, and what comes of it for every cluster.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/commit.h"
#include "hub/jobs/documents.h"
#include "hub/jobs/history.h"
#include "hub/jobs/planner_state.h"
#include "hub/jobs/problems.h"
#include "hub/store/desired.h"

// ---- Commits

static void note_revision(struct hub_planner *p, struct hub_outcome *o, size_t at) {
    struct hub_source_state *source = &p->states[at];
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
        .passed = cm_arena_strdup(o->arena, source->passed == NULL ? "" : source->passed),
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

void hub_note_documents(struct hub_planner *p, struct hub_outcome *o) {
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
        hub_offer_again(each->planner, each->outcome, desired);
    }
}

static bool withdraw_if_gone(void *ctx, const char *cluster, void *value) {
    struct each_ctx *each = ctx;
    struct hub_cluster_state *state = value;

    if (state->desired != NULL && hub_fleet_desired(each->planner->fleet, cluster) == NULL) {
        hub_offer_nothing(each->planner, each->outcome, cluster);
    }
    return true;
}

// The first time that all is loaded, every cluster is looked at.
static void take_all(struct hub_planner *p, struct hub_outcome *o) {
    struct each_ctx each = {.planner = p, .outcome = o};

    hub_fleet_each_cluster(p->fleet, count_cluster, &each);
    hub_outcome_room(o, each.count + cm_map_len(p->clusters));
    hub_fleet_each_cluster(p->fleet, refresh_cluster, &each);
    cm_map_each(p->clusters, withdraw_if_gone, &each);
    hub_note_documents(p, o);
}

static void take_changed(struct hub_planner *p, struct hub_outcome *o,
                         const struct hub_fleet_result *result) {
    hub_outcome_room(o, result->changed_count + result->removed_count);
    for (size_t i = 0; i < result->changed_count; i++) {
        hub_offer(p, o, result->changed[i]);
    }
    for (size_t i = 0; i < result->removed_count; i++) {
        hub_offer_nothing(p, o, result->removed[i]);
    }
    if (result->documents_changed) {
        hub_note_documents(p, o);
    }
}

bool hub_planner_is_ready(const struct hub_planner *p) {
    for (size_t i = 0; i < p->source_count; i++) {
        const struct hub_source_state *state = &p->states[i];

        if (!state->tree_only && (state->awaited || p->lost.count > 0) && !state->loaded) {
            return false;
        }
    }
    return true;
}

static bool is_held(void *ctx, const char *cluster, void *value) {
    struct each_ctx *each = ctx;
    const struct hub_cluster_state *state = value;

    each->count += state->held && hub_fleet_desired(each->planner->fleet, cluster) != NULL ? 1 : 0;
    return true;
}

// May what was held back be offered now?
static bool can_release(struct hub_planner *p) {
    struct each_ctx each = {.planner = p};

    if (p->fetched) {
        cm_map_each(p->clusters, is_held, &each);
    }
    return each.count > 0;
}

static bool is_fetched(const struct hub_planner *p, const char *name) {
    for (size_t i = 0; i < p->source_count; i++) {
        if (strcmp(p->sources[i].name, name) == 0) {
            return p->states[i].fetched;
        }
    }
    return false;
}

// What was never read before the start holds up nobody.
static bool all_is_fetched(const struct hub_planner *p) {
    size_t count;
    const struct hub_fleet_source *wants = hub_fleet_sources(p->fleet, &count);

    for (size_t i = 0; i < p->source_count; i++) {
        const struct hub_source_state *state = &p->states[i];

        if (!state->tree_only && (state->awaited || p->lost.count > 0) && !state->fetched) {
            return false;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (cm_map_get(p->trees, wants[i].name) != NULL && !is_fetched(p, wants[i].name)) {
            return false;
        }
    }
    return true;
}

static void note_fetched(struct hub_planner *p, size_t at) {
    p->states[at].fetched = true;
    p->fetched = p->fetched || all_is_fetched(p);
}

static void take_problems(struct hub_planner *p, struct hub_outcome *o,
                          const struct hub_fleet_commit *commit, bool changed) {
    const struct hub_problem_rows *rows =
        hub_problem_rows_new(o->arena, p->fleet, &p->lost, commit);

    if (changed || hub_problem_rows_touched(rows)) {
        o->problems = rows;
    }
}

static void note_name(void *ctx, const struct hub_cluster_info *info) {
    cm_map_put(ctx, info->name, ctx);
}

struct search {
    const struct cm_map *documents; // of clusters, by name
    bool found;
};

static bool has_no_document(void *ctx, const char *cluster, void *value) {
    struct search *s = ctx;
    const struct hub_cluster_state *state = value;

    s->found = state->desired != NULL && cm_map_get(s->documents, cluster) == NULL;
    return !s->found;
}

// rests_on_seed tells whether something is in force on a cluster that has no document: the file
// that is wrong may be its, so the fleet keeps what was seeded, and so must the record.
static bool rests_on_seed(const struct hub_planner *p) {
    CM_CLEANUP(cm_map_freep) struct cm_map *documents = cm_map_new(NULL);
    struct search s = {.documents = documents};

    hub_fleet_each_cluster(p->fleet, note_name, documents);
    cm_map_each(p->clusters, has_no_document, &s);
    return s.found;
}

// `result` NULL: anything may have changed.
static void take_result(struct hub_planner *p, struct hub_outcome *o,
                        const struct hub_fleet_commit *commit,
                        const struct hub_fleet_result *result) {
    if (p->ready && result != NULL && !can_release(p)) {
        take_changed(p, o, result);
        take_problems(p, o, commit, result->problems_changed);
    } else if (p->ready || hub_planner_is_ready(p)) {
        hub_lost_give_up(&p->lost, p->fleet);
        p->ready = true;
        take_all(p, o);
        take_problems(p, o, commit, true);
    }
    o->complete = p->ready && !p->swept && hub_fleet_is_loaded(p->fleet) && !rests_on_seed(p);
    if (o->complete) {
        p->swept = true;
        if (o->documents == NULL) {
            hub_note_documents(p, o);
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
    const struct hub_source_state *source = &p->states[at];
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

static void keep_commit(struct hub_source_state *source, struct hub_commit *commit,
                        const char *revision) {
    source->commit = commit->id;
    source->loaded = true;
    hub_commit_done(&source->pending);
    source->has_pending = strcmp(revision, source->last) != 0;
    source->pending = *commit;
    *commit = (struct hub_commit){0};
}

// Who waits for a commit that was pushed over before it was fetched waits for the one that has it.
// Nothing else depends on that, so what cannot be read is left out. Trees that Apps want are at
// tags and ranges, too: a commit may have come with several of them.
static void note_passed(struct hub_source_state *source, struct hub_reading *r, size_t at) {
    struct cm_err ignored;

    free(source->passed);
    source->passed = NULL;
    if (source->has_pending && !source->tree_only && source->last[0] != '\0' &&
        hub_reading_passed(r, at, source->last, &source->commit, &source->passed, &ignored) < 0) {
        source->passed = NULL;
    }
}

static enum cm_rc take_commit(struct hub_planner *p, struct hub_reading *r, size_t at,
                              const struct hub_repo_id *id, bool fetched, struct hub_outcome *o) {
    struct hub_source_state *source = &p->states[at];
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
    note_passed(source, r, at);
    if (fetched) {
        note_fetched(p, at);
    }
    take_result(p, o, &what, result);
    note_revisions(p, o);
    if (wants_changed) {
        note_wants(p, o);
    }
    return CM_OK;
}

// The commit is what the fleet has taken in already.
static void take_same(struct hub_planner *p, size_t at, bool fetched, struct hub_outcome *o) {
    if (fetched) {
        note_fetched(p, at);
    }
    if (p->ready && can_release(p)) {
        take_all(p, o);
    }
}

// `fetched`: since the start, so nothing newer is known; else it is what the mirror held.
static struct hub_outcome *commit_at(struct hub_planner *p, size_t at,
                                     const struct hub_repo_id *commit, bool fetched) {
    struct hub_outcome *o = hub_outcome_new();
    struct hub_reading r;

    if (is_loaded(p, at) && hub_repo_id_equal(&p->states[at].commit, commit)) {
        take_same(p, at, fetched, o);
        return o;
    }
    hub_reading_begin(&r, p->sources, p->source_count);
    if (take_commit(p, &r, at, commit, fetched, o) == CM_OK) {
        o->err.code = CM_OK;
    }
    hub_reading_end(&r);
    return o;
}

struct hub_outcome *hub_planner_commit(struct hub_planner *p, size_t source,
                                       const struct hub_repo_id *commit) {
    return commit_at(p, source, commit, true);
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
    size_t at = hub_planner_add_source(p, tree);
    const char *last = cm_map_get(p->trees, tree->name);
    p->states[at].tree_only = true;
    (void)snprintf(p->states[at].last, sizeof(p->states[at].last), "%s", last == NULL ? "" : last);
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
        return hub_outcome_new();
    }
    size_t at = find_tree(p, tree);
    if (commit != NULL) {
        return commit_at(p, at, commit, true);
    }
    struct hub_outcome *o =
        fetched_last(p, at, &last) ? commit_at(p, at, &last, false) : hub_outcome_new();
    o->err.code = CM_OK; // a fetch will do
    return o;
}

struct hub_outcome *hub_planner_trouble(struct hub_planner *p, const char *tree, const char *why) {
    struct hub_outcome *o = hub_outcome_new();
    const struct hub_fleet_commit nothing = {.repo = tree, .revision = ""};

    if (hub_fleet_source_tell(p->fleet, tree, why) && p->ready) {
        take_problems(p, o, &nothing, true);
    }
    return o;
}

struct hub_outcome *hub_planner_resume(struct hub_planner *p, size_t source) {
    struct hub_repo_id id;

    if (p->states[source].loaded || !hub_repo_id_parse(p->states[source].last, &id)) {
        return hub_outcome_new();
    }
    struct hub_outcome *o = commit_at(p, source, &id, false);
    o->err.code = CM_OK; // the mirror was lost or its source is another one now
    return o;
}
