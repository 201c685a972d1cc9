// What controllers in clusters decided, and how manifests answer it.
//
// A decision is taken in before any manifest answers it: whatever its App's bundle is by then, what
// keeps the rejected release out of it came first.
#include <string.h>

#include "common/arena.h"
#include "common/map.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/decided.h"
#include "hub/jobs/planner_state.h"

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
    hub_answers_add(&state->answers, &(struct hub_answer){.app = (char *)(uintptr_t)row->app,
                                                          .id = row->id,
                                                          .bad_bundle = row->bad_bundle,
                                                          .always = settled == HUB_SETTLED_NEVER});
}

void hub_settle_seed(struct hub_planner *p, struct hub_cluster_state *state,
                     const struct hub_decision_row *row) {
    (void)p;
    add_answer(state, row, row->settled);
}

static void settle(struct hub_outcome *o, const struct hub_decision_row *row,
                   enum hub_settled settled, const char *why) {
    o->settlements[o->settlement_count++] =
        (struct hub_settlement){.id = &row->id, .settled = settled, .why = why, .hold = ""};
}

// take tells whether the cluster's next manifest says more than the last one.
static bool take(struct hub_planner *p, struct hub_outcome *o, const struct hub_decided *d) {
    struct hub_cluster_state *state = cm_map_get(p->clusters, d->row.cluster);

    if (state == NULL || strcmp(state->id, d->row.cluster_id) != 0) {
        settle(o, &d->row, HUB_SETTLED_NEVER, "another agent has the cluster's name by now");
        return false;
    }
    const struct hub_pair *pair = find_pair(state->desired, d->row.app);
    enum hub_settled settled = pair == NULL ? HUB_SETTLED_NEVER : HUB_SETTLED_SEEN;
    add_answer(state, &d->row, settled);
    settle(o, &d->row, settled, pair == NULL ? "the App is not on this cluster" : "");
    const struct hub_answer *answer = &state->answers.items[state->answers.count - 1];
    bool more = pair != NULL && hub_answers_is_given(answer, pair);
    state->answers_more |= more;
    return more;
}

struct hub_outcome *hub_planner_decide(struct hub_planner *p, struct hub_decided_list *list) {
    struct hub_outcome *o = hub_outcome_new();

    o->decided = list;
    o->settlements = cm_arena_get(o->arena, (list->count + 1) * sizeof(*o->settlements));
    hub_outcome_room(o, list->count);
    for (size_t i = 0; i < list->count; i++) {
        struct hub_desired *desired = take(p, o, &list->items[i]) && p->ready
                                          ? hub_fleet_desired(p->fleet, list->items[i].row.cluster)
                                          : NULL;

        if (desired != NULL) {
            hub_offer(p, o, desired);
        }
    }
    return o;
}
