// What stands on the branch of Holds alone (found.h) is taken in as decisions: once, and before any
// manifest is made of the commit that it stands upon.
//
// The record comes first: of a release of which it knows a decision of that cluster, whatever
// became of that, nothing is taken in. What Git says comes last, as with any decision: a document
// of the same release is the answer.
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/fleet.h"
#include "hub/hold/hold.h"
#include "hub/jobs/found.h"
#include "hub/jobs/planner_state.h"

// key_of tells apart rejected releases, whatever is restored in their place: that may be another
// one on record than on the branch (promoted.c).
static const char *key_of(struct cm_arena *a, const struct hub_hold *hold, const char *cluster) {
    CM_CLEANUP(cm_str_done) struct cm_str key = {0};

    cm_str_addf(&key, "%s\n%s", cluster, hold->app);
    for (size_t i = 0; i < hold->identity_count; i++) {
        const struct hub_hold_identity *id = &hold->identity[i];

        cm_str_addf(&key, "\n%s\n%s\n%s", id->object, id->at, id->sha256 != NULL ? id->sha256 : "");
        if (id->value != NULL) {
            cm_json_write_canonical(id->value, &key);
        }
    }
    return cm_arena_strdup(a, cm_str_get(&key));
}

void hub_found_know(struct hub_planner *p, const struct hub_hold *hold) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    for (size_t i = 0; i < hold->cluster_count; i++) {
        cm_map_put(p->known, key_of(a, hold, hold->clusters[i]), p);
    }
}

bool hub_found_is(const struct hub_planner *p, const char *event) {
    return cm_map_get(p->found, event) != NULL;
}

// ---- Taking them in

// event_of makes the id of a decision of one cluster: its own is not told by a file for many.
static struct cm_sha256 event_of(struct cm_arena *a, const struct hub_hold *hold,
                                 const char *cluster) {
    const char *what = cm_arena_strf(a, "%s\n%s", hold->event, cluster);

    return cm_sha256(what, strlen(what));
}

// workload_of: what is told of a release by its configuration alone names that first.
static const char *workload_of(const struct hub_hold *hold) {
    for (size_t i = 0; i < hold->delta_count; i++) {
        if (hub_hold_changes(hold, hold->delta[i].object)) {
            return hold->delta[i].object;
        }
    }
    return hold->identity[0].object;
}

static void note(struct hub_outcome *o, const struct hub_hold *hold, const struct cm_sha256 *id) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct hub_decision_row *row = cm_arena_get(o->arena, sizeof(*row));

    hub_hold_write(hold, &text);
    *row = (struct hub_decision_row){
        .id = *id,
        .cluster = cm_arena_strdup(o->arena, hold->clusters[0]),
        .cluster_id = "", // no agent waits for an answer to it
        .app = cm_arena_strdup(o->arena, hold->app),
        .key = cm_arena_strdup(o->arena, workload_of(hold)),
        .controller = cm_arena_strdup(o->arena, hold->cause.controller),
        .controller_key = cm_arena_strdup(o->arena, hold->cause.object),
        .verdict = "rejected",
        .bad_revision = cm_arena_strdup(o->arena, hold->bad_revision),
        .good_revision = cm_arena_strdup(o->arena, hold->good_revision),
        .text = cm_arena_strdup(o->arena, hold->cause.text),
        .weight = -1,
        .at_ms = cm_clock_unix_ms(),
        .seen_ms = cm_clock_unix_ms(),
        .actor = cm_arena_strdup(o->arena, hold->cause.actor),
        .provisional = true,
    };
    (void)cm_clock_parse(hold->cause.at, &row->at_ms); // else it is of now
    hub_settle_note(o,
                    &(struct hub_settlement){.row = row,
                                             .settled = HUB_SETTLED_HELD,
                                             .why = HUB_FOUND_WHY,
                                             .hold = cm_arena_strdup(o->arena, cm_str_get(&text)),
                                             .fresh = true});
}

static bool take(struct hub_planner *p, struct hub_outcome *o, const struct hub_hold *hold,
                 const char *cluster) {
    struct cm_sha256 id = event_of(o->arena, hold, cluster);
    struct hub_hold one = *hold;
    char event[CM_SHA256_HEX_MAX];

    if (cm_map_get(p->known, key_of(o->arena, hold, cluster)) != NULL) {
        return false;
    }
    cm_sha256_hex(&id, event);
    one.clusters = &cluster;
    one.cluster_count = 1;
    one.event = event;
    hub_found_know(p, &one);
    cm_map_put(p->found, event, p);
    hub_fleet_hold(p->fleet, &one, false);
    note(o, &one, &id);
    cm_log(CM_LOG_WARN, "release.found",
           "a release is kept out as the branch of Holds says; the hub's record knew nothing of it",
           "cluster", cluster, "app", hold->app, "revision", hold->bad_revision, NULL);
    return true;
}

struct hub_outcome *hub_planner_found(struct hub_planner *p, const struct hub_found *found) {
    struct hub_outcome *o = hub_outcome_new();
    bool any = false;

    for (size_t i = 0; i < found->count; i++) {
        for (size_t k = 0; k < found->holds[i]->cluster_count; k++) {
            any |= take(p, o, found->holds[i], found->holds[i]->clusters[k]);
        }
    }
    if (any && p->ready) {
        hub_settle_apply(p, o, 0);
    }
    return o;
}

// ---- What an agent tells once more

struct search {
    const struct hub_decision_row *row;
    const struct hub_hold *hold;
};

static bool is_of_workload(const struct hub_hold *hold, const struct hub_decision_row *row) {
    return strcmp(hold->cause.object, row->key) == 0 ||
           (row->controller_key[0] != '\0' && strcmp(hold->cause.object, row->controller_key) == 0);
}

static void look(void *ctx, const struct hub_hold *hold, bool written) {
    struct search *s = ctx;

    (void)written;
    if (!hub_hold_is_own(hold) && is_of_workload(hold, s->row) &&
        strcmp(hold->bad_revision, s->row->bad_revision) == 0) {
        s->hold = hold;
    }
}

struct hub_hold *hub_found_same(struct hub_planner *p, const struct hub_decision_row *row) {
    struct search s = {.row = row};
    char event[CM_SHA256_HEX_MAX];

    if (cm_map_len(p->found) == 0 || row->bad_revision[0] == '\0') {
        return NULL;
    }
    hub_fleet_each_decided(p->fleet, row->app, row->cluster, look, &s);
    if (s.hold == NULL) {
        return NULL;
    }
    struct hub_hold one = *s.hold;
    cm_sha256_hex(&row->id, event);
    one.clusters = &row->cluster;
    one.cluster_count = 1;
    one.event = event;
    cm_map_put(p->found, event, p);
    return hub_hold_copy(&one);
}
