// What was promoted on a cluster since it rejected other releases: that runs in their place from
// now on, should Git say one of them again.
//
// A decision keeps its id, and what is known of it; only what its Hold restores is another release.
// A file in Git stays what it is: where nothing holds any more, it is gone or on its way.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/fleet.h"
#include "hub/hold/hold.h"
#include "hub/jobs/decided.h"
#include "hub/jobs/planner_state.h"
#include "hub/render/bundle.h"

struct renewed {
    struct hub_hold *hold;
    bool written;
};

struct renewing {
    const struct hub_decided *d;
    struct cm_arena *arena;
    struct hub_hold_object *objects; // of what was promoted
    struct renewed *items;
    size_t count;
};

static bool is_of_workload(const struct hub_hold *hold, const struct hub_decision_row *row) {
    return strcmp(hold->cause.object, row->key) == 0 ||
           (row->controller_key[0] != '\0' && strcmp(hold->cause.object, row->controller_key) == 0);
}

static void renew(void *ctx, const struct hub_hold *hold, bool written) {
    struct renewing *r = ctx;
    const struct hub_decision_row *row = &r->d->row;
    struct hub_hold *made = NULL;
    struct cm_err err;

    if (!is_of_workload(hold, row)) {
        return;
    }
    enum cm_rc rc = hub_hold_renew(hold, row->key, r->objects, r->d->good->spec.object_count,
                                   row->good_revision, &made, &err);
    if (rc == CM_OK) {
        r->items = cm_resize(r->items, (r->count + 1) * sizeof(*r->items));
        r->items[r->count++] = (struct renewed){made, written};
    } else if (rc != CM_EEXISTS) {
        cm_log(CM_LOG_WARN, "release.not_renewed", err.msg, "cluster", row->cluster, "app",
               row->app, "hold", hold->name, NULL);
    }
}

static void take(struct hub_planner *p, struct hub_outcome *o, const struct renewed *renewed) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    hub_hold_write(renewed->hold, &text);
    hub_fleet_hold(p->fleet, renewed->hold, renewed->written);
    *hub_hold_add_mark(o) =
        (struct hub_hold_mark){.event = cm_arena_strdup(o->arena, renewed->hold->event),
                               .written = renewed->written,
                               .hold = cm_arena_strdup(o->arena, cm_str_get(&text))};
}

void hub_promoted_renew(struct hub_planner *p, struct hub_outcome *o, const struct hub_decided *d) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct renewing r = {.d = d, .arena = a};

    if (d->good == NULL) {
        return;
    }
    r.objects = hub_settle_objects(a, d->good, NULL);
    hub_fleet_each_decided(p->fleet, d->row.app, d->row.cluster, renew, &r);
    for (size_t i = 0; i < r.count; i++) {
        take(p, o, &r.items[i]);
        hub_hold_free(r.items[i].hold);
    }
    free(r.items);
}
