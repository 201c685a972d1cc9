// What controllers in clusters decided, what is kept out for it, and how manifests answer.
//
// A decision is taken in before any manifest answers it: whatever its App's bundle is by then, what
// keeps the rejected release out of it came first. Of a release that was rejected a Hold is made
// (hub/hold), which the fleet applies from then on as if it was in Git; it is on record with the
// decision, so that a restart has it before anything is published. Where no Hold can be made only
// people can help: that is an event, and the agent is let go on with what Git says. Of a release
// that does not come up one is made if the App says so (rollback.h); it waits for Git, and no agent
// for an answer.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/who.h"
#include "common/str.h"
#include "hub/fleet/fleet.h"
#include "hub/hold/hold.h"
#include "hub/jobs/commit.h"
#include "hub/jobs/decided.h"
#include "hub/jobs/group.h"
#include "hub/jobs/planner_state.h"
#include "hub/jobs/problems.h"
#include "hub/jobs/rollback.h"
#include "hub/jobs/undone.h"
#include "hub/render/bundle.h"

static const struct hub_pair *find_pair(const struct hub_desired *desired, const char *app) {
    for (size_t i = 0; desired != NULL && i < desired->pair_count; i++) {
        if (strcmp(desired->pairs[i].app, app) == 0) {
            return &desired->pairs[i];
        }
    }
    return NULL;
}

static void add_answer(struct hub_cluster_state *state, const struct hub_decision_row *row,
                       enum hub_settled settled) {
    if (hub_rollback_is_late(row) || hub_rollback_is_over(row) || hub_decision_joins(row)) {
        return; // no agent waits for it
    }
    hub_answers_add(&state->answers, &(struct hub_answer){.app = (char *)(uintptr_t)row->app,
                                                          .id = row->id,
                                                          .bad_bundle = row->bad_bundle,
                                                          .always = settled == HUB_SETTLED_NEVER ||
                                                                    settled == HUB_SETTLED_SAME});
}

void hub_settle_seed(struct hub_planner *p, struct hub_cluster_state *state,
                     const struct hub_decision_row *row) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = NULL;
    struct cm_err err;

    if (state != NULL && strcmp(state->id, row->cluster_id) == 0) {
        add_answer(state, row, row->settled);
    }
    if (row->settled != HUB_SETTLED_HELD) {
        return;
    }
    if (hub_hold_parse(row->hold, strlen(row->hold), &hold, &err) < 0) {
        cm_log(CM_LOG_ERROR, "release.hold_damaged", err.msg, "cluster", row->cluster, "app",
               row->app, NULL);
        return;
    }
    hub_found_know(p, hold);
    cm_map_put(p->marked, hold->event, cm_strdup(hub_hold_marks(row->written, row->retried)));
    if (!row->retried || hub_hold_is_own(hold)) { // one of these is done once
        hub_fleet_hold(p->fleet, hold, row->written);
    }
    if (row->retried) {
        hub_fleet_retry(p->fleet, hold->event);
    }
}

// ---- Making a Hold

struct objects {
    struct hub_hold_object *list;
    size_t count;
};

struct hub_hold_object *hub_settle_objects(struct cm_arena *a, const struct hub_bundle *bundle,
                                           const struct hub_hold_object *other) {
    size_t count = bundle->spec.object_count;
    struct hub_hold_object *list = cm_arena_get(a, (count + 1) * sizeof(*list));

    for (size_t i = 0; i < count; i++) {
        const struct hub_object *from = &bundle->spec.objects[i];
        bool known = !from->secret && from->bytes != NULL;

        list[i] = other != NULL && strcmp(other->key, from->key) == 0
                      ? *other
                      : (struct hub_hold_object){.key = from->key,
                                                 .bytes = known ? from->bytes->data : NULL,
                                                 .size = known ? from->bytes->size : 0};
    }
    return list;
}

static struct objects objects_of(struct cm_arena *a, const struct hub_bundle *bundle,
                                 const struct hub_hold_object *other) {
    return (struct objects){hub_settle_objects(a, bundle, other), bundle->spec.object_count};
}

// good_of: where the good release is not kept any more, the workload as its agent knows it tells
// what its template was.
static enum cm_rc good_of(struct cm_arena *a, const struct hub_decided *d, struct objects *out,
                          struct cm_err *err) {
    const struct hub_hold_object workload = {
        .key = d->row.key, .bytes = d->row.good_object, .size = d->row.good_object_size};

    if (d->good != NULL) {
        *out = objects_of(a, d->good, NULL);
        return CM_OK;
    }
    if (d->row.good_object_size == 0) {
        return cm_fail(err, CM_EBUSY,
                       "it is not known what ran before: put the good release into Git");
    }
    *out = objects_of(a, d->bad, &workload);
    return CM_OK;
}

// cause_of: where nobody in the cluster went back, holdfast does.
static struct hub_hold_cause cause_of(struct cm_arena *a, const struct hub_decision_row *row) {
    bool own = hub_rollback_is_late(row);
    bool late = own && !hub_decision_joins(row);
    char at[CM_CLOCK_TEXT_MAX];

    cm_clock_format(row->at_ms, at);
    return (struct hub_hold_cause){
        .controller = own ? HUB_HOLD_OWN : row->controller,
        .actor = own || strcmp(row->actor, row->controller) == 0 ? "" : cm_who_else(a, row->actor),
        .object = row->controller_key[0] == '\0' ? row->key : row->controller_key,
        .phase = row->verdict,
        .text =
            late ? cm_arena_strf(a, "it did not come up in its time: %s", row->text) : row->text,
        .at = cm_arena_strdup(a, at)};
}

static enum cm_rc make(struct cm_arena *a, const struct hub_decided *d, struct hub_hold **out,
                       struct cm_err *err) {
    const struct hub_decision_row *row = &d->row;
    const char *const clusters[] = {row->cluster};
    char event[CM_SHA256_HEX_MAX];
    struct objects good = {0};

    if (d->bad == NULL) {
        return cm_fail(err, CM_EBUSY, "the rejected release is not on record any more");
    }
    enum cm_rc rc = good_of(a, d, &good, err);
    if (rc < 0) {
        return rc;
    }
    struct objects bad = objects_of(a, d->bad, NULL);
    cm_sha256_hex(&row->id, event);
    return hub_hold_make(&(struct hub_hold_decision){.app = row->app,
                                                     .clusters = clusters,
                                                     .cluster_count = 1,
                                                     .workload = row->key,
                                                     .good = good.list,
                                                     .good_count = good.count,
                                                     .bad = bad.list,
                                                     .bad_count = bad.count,
                                                     .good_revision = row->good_revision,
                                                     .bad_revision = row->bad_revision,
                                                     .cause = cause_of(a, row),
                                                     .event = event},
                         out, err);
}

// check_writes: holdfast goes back by a commit, or not at all.
static enum cm_rc check_writes(const struct hub_planner *p, const char *app, struct cm_err *err) {
    const char *repo = hub_fleet_repo_of(p->fleet, app);

    for (size_t i = 0; repo != NULL && i < p->source_count; i++) {
        if (strcmp(p->sources[i].name, repo) == 0 && !p->sources[i].writes) {
            return cm_fail(err, CM_EBUSY,
                           "'onFailure: rollback' needs a commit, and the hub may not write to "
                           "repository '%.80s': set its 'write'",
                           repo);
        }
    }
    return CM_OK;
}

// make_own makes what holdfast decides itself, as hub_settle_make.
static enum cm_rc make_own(struct hub_planner *p, struct cm_arena *a, const struct hub_decided *d,
                           struct hub_hold **out, struct cm_err *err) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *made = NULL;
    bool joins = hub_decision_joins(&d->row);
    enum cm_rc rc = check_writes(p, d->row.app, err);

    rc = rc < 0 || joins ? rc : hub_rollback_check(p->fleet, d, err);
    rc = rc < 0 ? rc : make(a, d, &made, err);
    if (rc == CM_OK) {
        rc = joins ? hub_rollback_joins(p->fleet, d, made, err)
                   : hub_rollback_fits(p->fleet, d, made, err);
    }
    if (rc == CM_OK) {
        *out = CM_TAKE(made);
    }
    return rc;
}

// make_undone makes what somebody did by hand, as hub_settle_make.
static enum cm_rc make_undone(struct hub_planner *p, struct cm_arena *a,
                              const struct hub_decided *d, struct hub_hold **out,
                              struct cm_err *err) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *made = NULL;
    enum cm_rc rc = make(a, d, &made, err);

    rc = rc < 0 ? rc : hub_undone_check(p->fleet, d, made, err);
    if (rc == CM_OK) {
        *out = CM_TAKE(made);
    }
    return rc;
}

enum cm_rc hub_settle_make(struct hub_planner *p, struct cm_arena *a, const struct hub_decided *d,
                           struct hub_hold **out, struct cm_err *err) {
    if (hub_undone_is(&d->row)) {
        return make_undone(p, a, d, out, err);
    }
    return hub_rollback_is_late(&d->row) ? make_own(p, a, d, out, err) : make(a, d, out, err);
}

const char *hub_settle_words(struct cm_arena *a, const struct hub_hold *hold) {
    return cm_arena_strf(a, "%s instead of %s", hub_hold_restored(a, hold),
                         hub_hold_rejected(a, hold));
}

// ---- Taking a decision in

void hub_settle_note(struct hub_outcome *o, const struct hub_settlement *s) {
    size_t count = o->settlement_count;

    if ((count & (count - 1)) == 0) { // grows when it is a power of two
        struct hub_settlement *grown =
            cm_arena_get(o->arena, (count == 0 ? 1 : 2 * count) * sizeof(*grown));

        memcpy(grown, count == 0 ? grown : o->settlements, count * sizeof(*grown));
        o->settlements = grown;
    }
    o->settlements[o->settlement_count++] = *s;
}

static void settle(struct hub_outcome *o, const struct hub_decision_row *row,
                   enum hub_settled settled, const char *why, const char *hold) {
    hub_settle_note(o, &(struct hub_settlement){.row = row,
                                                .settled = settled,
                                                .why = cm_arena_strdup(o->arena, why),
                                                .hold = hold});
}

// is_same tells whether a controller rejected what it runs: a canary of good on good, because of
// configuration that went back with a release.
static bool is_same(const struct hub_decision_row *row, enum cm_rc rc) {
    static const struct cm_sha256 none;

    return !hub_rollback_is_late(row) &&
           (rc == CM_ENOTFOUND || (cm_sha256_equal(&row->bad_bundle, &row->good_bundle) &&
                                   !cm_sha256_equal(&row->bad_bundle, &none)));
}

// hold tells what became of a decision.
static enum hub_settled hold(struct hub_planner *p, struct hub_outcome *o,
                             const struct hub_decided *d) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *made = NULL;
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_err err;
    enum cm_rc rc = hub_settle_make(p, o->arena, d, &made, &err);

    bool by_controller = !hub_rollback_is_late(&d->row) && !hub_undone_is(&d->row);
    if (rc < 0 && by_controller && (made = hub_found_same(p, &d->row)) != NULL) {
        rc = CM_OK; // what the release was is not on record any more, but what is kept out of it
    }
    if (rc < 0) {
        enum hub_settled never = is_same(&d->row, rc) ? HUB_SETTLED_SAME : HUB_SETTLED_NEVER;

        cm_log(CM_LOG_WARN, "release.not_held", err.msg, "cluster", d->row.cluster, "app",
               d->row.app, NULL);
        settle(o, &d->row, never, err.msg, "");
        return never;
    }
    hub_hold_write(made, &text);
    hub_found_know(p, made);
    hub_fleet_hold(p->fleet, made, false);
    if (d->promoted) {
        hub_fleet_promoted(p->fleet, &(struct hub_promoted){.cluster = "",
                                                            .app = d->row.app,
                                                            .needs = "",
                                                            .revision = d->row.bad_revision});
    }
    settle(o, &d->row, HUB_SETTLED_HELD,
           hub_hold_is_own(made) ? hub_settle_words(o->arena, made) : "",
           cm_arena_strdup(o->arena, cm_str_get(&text)));
    return HUB_SETTLED_HELD;
}

// hold_all holds what goes back with it, too.
static enum hub_settled hold_all(struct hub_planner *p, struct hub_outcome *o,
                                 const struct hub_decided *d) {
    enum hub_settled settled = hold(p, o, d);

    if (settled == HUB_SETTLED_HELD) {
        hub_group_hold(p, o, d);
    }
    return settled;
}

// take_word takes in what only tells how a release does; one that came up is what is restored from
// now on.
static bool take_word(struct hub_planner *p, struct hub_outcome *o, const struct hub_decided *d) {
    bool over = hub_rollback_is_over(&d->row);

    if (over) {
        hub_rollback_end(p->fleet, &d->row);
        hub_promoted_renew(p, o, d);
    }
    if (over || hub_fleet_goes_back(p->fleet, d->row.app) == NULL) {
        settle(o, &d->row, HUB_SETTLED_NEVER, "", "");
        return over;
    }
    return hold_all(p, o, d) == HUB_SETTLED_HELD;
}

// hold_or_tell: that it was rejected is told already, and that may be all that an App wants; of
// what somebody undid unless it says otherwise.
static enum hub_settled hold_or_tell(struct hub_planner *p, struct hub_outcome *o,
                                     const struct hub_decided *d) {
    bool wanted = hub_undone_is(&d->row) ? hub_fleet_holds_undo(p->fleet, d->row.app)
                                         : !hub_fleet_only_reports(p->fleet, d->row.app);

    if (!wanted) {
        settle(o, &d->row, HUB_SETTLED_NEVER, "", "");
        return HUB_SETTLED_NEVER;
    }
    return hold_all(p, o, d);
}

// take takes a decision in; it tells whether the fleet is to be asked again.
static bool take(struct hub_planner *p, struct hub_outcome *o, const struct hub_decided *d) {
    struct hub_cluster_state *state = cm_map_get(p->clusters, d->row.cluster);

    if (state == NULL || strcmp(state->id, d->row.cluster_id) != 0) {
        settle(o, &d->row, HUB_SETTLED_NEVER, "", ""); // another agent has the name by now
        return false;
    }
    const struct hub_pair *pair = find_pair(state->desired, d->row.app);
    bool asks = !hub_rollback_is_over(&d->row); // what people say of it
    bool known = pair != NULL && (!asks || hub_fleet_repo_of(p->fleet, d->row.app) != NULL);
    if (!known && !hub_fleet_is_loaded(p->fleet)) {
        p->undecided = true; // what is not read yet looks as if it was gone, or said nothing
        return false;
    }
    if (pair == NULL) {
        add_answer(state, &d->row, HUB_SETTLED_NEVER);
        settle(o, &d->row, HUB_SETTLED_NEVER, "", ""); // the App is gone from there
        return false;
    }
    if (hub_rollback_is_late(&d->row) || hub_rollback_is_over(&d->row)) {
        return take_word(p, o, d);
    }
    enum hub_settled settled = hold_or_tell(p, o, d);
    add_answer(state, &d->row, settled);
    state->answers_more = true;
    return settled == HUB_SETTLED_HELD;
}

void hub_settle_apply(struct hub_planner *p, struct hub_outcome *o, size_t more) {
    CM_CLEANUP(hub_fleet_result_freep) struct hub_fleet_result *result = NULL;
    struct hub_reading r;

    // It is no commit: what changes stays with the commit that it has.
    const struct hub_fleet_commit what = {.repo = p->sources[0].name, .revision = ""};
    hub_reading_begin(&r, p->sources, p->source_count);
    result = hub_fleet_update(p->fleet, &what,
                              &(struct hub_fleet_reader){.read = hub_reading_blob, .ctx = &r});
    hub_reading_end(&r);
    hub_outcome_room(o, result->changed_count + more);
    for (size_t i = 0; i < result->changed_count; i++) {
        hub_offer(p, o, result->changed[i]);
    }
    if (result->documents_changed) {
        hub_note_documents(p, o);
    }
    if (result->problems_changed) {
        o->problems = hub_problem_rows_new(o->arena, p->fleet, &p->lost, &what);
    }
}

// answer offers what answers more than the last manifest, though its bundles are the same.
static void answer(struct hub_planner *p, struct hub_outcome *o,
                   const struct hub_decision_row *row) {
    struct hub_cluster_state *state = cm_map_get(p->clusters, row->cluster);
    struct hub_desired *desired = hub_fleet_desired(p->fleet, row->cluster);
    const struct hub_pair *pair = find_pair(desired, row->app);

    if (state == NULL || pair == NULL || !state->answers_more || !p->ready) {
        return; // what is offered next tells all of it
    }
    state->answers_more = false;
    for (size_t i = 0; i < state->answers.count; i++) {
        state->answers_more |= hub_answers_is_given(&state->answers.items[i], pair);
    }
    if (state->answers_more) {
        hub_offer(p, o, desired);
    }
}

struct hub_outcome *hub_planner_decide(struct hub_planner *p, struct hub_decided_list *list) {
    struct hub_outcome *o = hub_outcome_new();
    bool held = false;

    o->decided = list;
    hub_outcome_room(o, list->count);
    for (size_t i = 0; i < list->count; i++) {
        held |= take(p, o, &list->items[i]);
    }
    if (held && p->ready) {
        hub_settle_apply(p, o, list->count);
    }
    for (size_t i = 0; i < list->count; i++) {
        answer(p, o, &list->items[i].row);
    }
    return o;
}

bool hub_planner_decides_again(struct hub_planner *p) {
    bool again = p->undecided && hub_fleet_is_loaded(p->fleet);

    p->undecided = p->undecided && !again;
    return again;
}

// ---- Overruling

struct overruling {
    const char *app;
    const char *path;
    struct cm_arena *arena;
    const char **events;
    size_t count;
};

static void note_overruled(void *ctx, const struct hub_hold_info *h) {
    struct overruling *o = ctx;

    if (h->repo[0] == '\0' && !h->written && !h->retried && strcmp(h->hold->app, o->app) == 0 &&
        strcmp(hub_hold_path(o->arena, h->hold), o->path) == 0) {
        o->events = cm_resize(o->events, (o->count + 1) * sizeof(*o->events));
        o->events[o->count++] = cm_arena_strdup(o->arena, h->hold->event);
    }
}

struct hub_outcome *hub_planner_overrule(struct hub_planner *p, const char *app, const char *path) {
    struct hub_outcome *out = hub_outcome_new();
    struct overruling o = {.app = app, .path = path, .arena = out->arena};

    hub_fleet_each_hold(p->fleet, note_overruled, &o);
    for (size_t i = 0; i < o.count; i++) {
        hub_fleet_retry(p->fleet, o.events[i]);
    }
    free(o.events);
    if (o.count > 0 && p->ready) {
        hub_settle_apply(p, out, 0);
    }
    return out;
}

struct hub_outcome *hub_planner_pass_time(struct hub_planner *p) {
    struct hub_outcome *o = hub_outcome_new();

    if (p->ready && p->source_count > 0) {
        hub_settle_apply(p, o, 0);
    }
    return o;
}

int64_t hub_planner_due_ms(const struct hub_planner *p) {
    return p->ready ? hub_fleet_due_ms(p->fleet) : INT64_MAX;
}

void hub_planner_clock(struct hub_planner *p, int64_t now_ms) {
    hub_fleet_clock(p->fleet, now_ms);
}
