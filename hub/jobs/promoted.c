// What was promoted on a cluster since it rejected other releases: that runs in their place from
// now on, should Git say one of them again.
//
// A decision keeps its id, and what is known of it; only what its Hold restores is another release.
// A file in Git stays what it is: where nothing holds any more, it is gone or on its way.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/fleet.h"
#include "hub/hold/hold.h"
#include "hub/jobs/decided.h"
#include "hub/jobs/planner_state.h"
#include "hub/render/bundle.h"

enum { SAID_MAX = 1000 };

struct renewed {
    struct hub_hold *hold;
    bool written;
};

struct renewing {
    struct hub_planner *planner;
    const struct hub_decided *d;
    struct cm_arena *arena;
    struct hub_hold_object *objects; // of what was promoted; NULL: nobody has asked yet
    struct renewed *items;
    size_t count;
};

static bool is_of_workload(const struct hub_hold *hold, const struct hub_decision_row *row) {
    return strcmp(hold->cause.object, row->key) == 0 ||
           (row->controller_key[0] != '\0' && strcmp(hold->cause.object, row->controller_key) == 0);
}

// say_not tells it once of a Hold, by why: clusters promote one release after the other.
static void say_not(const struct renewing *r, const struct hub_hold *hold, const char *why) {
    const struct hub_decision_row *row = &r->d->row;
    struct cm_map **said = &r->planner->not_renewed;
    const char *what = cm_arena_strf(r->arena, "%s\n%s", hold->app, why); // which names the Hold

    if (cm_map_get(*said, what) != NULL) {
        return;
    }
    if (cm_map_len(*said) == SAID_MAX) {
        cm_map_free(*said);
        *said = cm_map_new(NULL);
    }
    cm_map_put(*said, what, r->planner);
    cm_log(CM_LOG_WARN, "release.not_renewed", why, "cluster", row->cluster, "app", row->app,
           "hold", hold->name, NULL);
}

static void renew(void *ctx, const struct hub_hold *hold, bool written) {
    struct renewing *r = ctx;
    const struct hub_decision_row *row = &r->d->row;
    struct hub_hold *made = NULL;
    struct cm_err err;

    if (!is_of_workload(hold, row)) {
        return;
    }
    if (r->objects == NULL) {
        r->objects = hub_settle_objects(r->arena, r->d->good, NULL);
    }
    enum cm_rc rc = hub_hold_renew(hold, row->key, r->objects, r->d->good->spec.object_count,
                                   row->good_revision, &made, &err);
    if (rc == CM_OK) {
        r->items = cm_resize(r->items, (r->count + 1) * sizeof(*r->items));
        r->items[r->count++] = (struct renewed){made, written};
    } else if (rc != CM_EEXISTS) {
        say_not(r, hold, err.msg);
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
    struct renewing r = {.planner = p, .d = d, .arena = a};

    if (d->good == NULL) {
        return;
    }
    hub_fleet_each_decided(p->fleet, d->row.app, d->row.cluster, renew, &r);
    for (size_t i = 0; i < r.count; i++) {
        take(p, o, &r.items[i]);
        hub_hold_free(r.items[i].hold);
    }
    free(r.items);
}
