#include "hub/jobs/group.h"

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

// Of other objects no release is held.
static bool is_workload(const char *key) {
    static const char *const kinds[] = {"Deployment.apps/", "StatefulSet.apps/", "DaemonSet.apps/",
                                        "Rollout.argoproj.io/"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strncmp(key, kinds[i], strlen(kinds[i])) == 0) {
            return true;
        }
    }
    return false;
}

static const struct cm_sha256 *form_in(const struct hub_bundle *bundle, const char *key) {
    static const struct cm_sha256 none;

    const struct hub_object *object = hub_bundle_find_key(bundle, key);

    return object == NULL ? &none : &object->sha256;
}

// id_of: the same decision makes the same one of a workload, however often it is taken in.
static struct cm_sha256 id_of(const struct hub_decision_row *row, const char *app,
                              const char *key) {
    char hex[CM_SHA256_HEX_MAX];
    struct cm_sha256 id;

    cm_sha256_hex(&row->id, hex);
    hub_hold_event_with(hex, app, key, &id);
    return id;
}

// decided_of is what was decided, of a workload that goes back with it.
static struct hub_decided *decided_of(struct cm_arena *a, const struct hub_decided *d,
                                      const struct hub_decided_member *m, struct hub_bundle *now,
                                      const char *key) {
    struct hub_decided *out = cm_arena_get(a, sizeof(*out));

    *out = (struct hub_decided){.row = d->row, .bad = now, .good = m->before};
    out->row.id = id_of(&d->row, m->app, key);
    out->row.app = m->app;
    out->row.key = cm_arena_strdup(a, key);
    out->row.controller_key = ""; // which is of the other one
    out->row.bad = *form_in(now, key);
    out->row.good = *form_in(m->before, key);
    out->row.bad_bundle = now->sha256;
    out->row.good_bundle = m->before->sha256;
    out->row.good_revision = m->revision;
    out->row.good_object = NULL;
    out->row.good_object_size = 0;
    out->row.text = cm_arena_strf(a, HUB_HOLD_JOINS "%s' of its release group%s%s", d->row.app,
                                  d->row.text[0] == '\0' ? "" : ": ", d->row.text);
    return out;
}

// controller_of returns who releases a workload, as far as it has decided of it; "": not known.
static const char *controller_of(const struct hub_decided_member *m, const char *key) {
    for (size_t i = 0; i < m->controller_count; i++) {
        if (strcmp(m->controllers[i].key, key) == 0) {
            return m->controllers[i].name;
        }
    }
    return "";
}

static void hold_workload(struct hub_planner *p, struct hub_outcome *o, const struct hub_decided *d,
                          const char *controller) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *made = NULL;
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_err err;
    enum cm_rc rc = hub_settle_make(p, o->arena, d, &made, &err);

    if (rc == CM_ENOTFOUND) {
        return; // the commit did not touch it, or it is held already
    }
    if (rc < 0) {
        cm_log(CM_LOG_WARN, "release.not_held", err.msg, "cluster", d->row.cluster, "app",
               d->row.app, NULL);
        return;
    }
    bool own = hub_hold_is_own(made);
    if (!own) {
        made->cause.controller = cm_arena_strdup(made->arena, controller); // whom its proof asks
    }
    hub_hold_write(made, &text);
    hub_found_know(p, made);
    hub_fleet_hold(p->fleet, made, false);
    hub_settle_note(
        o, &(struct hub_settlement){.row = &d->row,
                                    .settled = HUB_SETTLED_HELD,
                                    .why = own ? hub_settle_words(o->arena, made) : d->row.text,
                                    .hold = cm_arena_strdup(o->arena, cm_str_get(&text)),
                                    .fresh = true});
}

// bundle_of returns what an App is on a cluster, if that is what the commit made it.
static struct hub_bundle *bundle_of(const struct hub_desired *desired, const char *app,
                                    const char *revision) {
    for (size_t i = 0; desired != NULL && i < desired->pair_count; i++) {
        const struct hub_pair *pair = &desired->pairs[i];

        if (strcmp(pair->app, app) == 0) {
            return strcmp(pair->revision, revision) == 0 ? pair->bundle : NULL;
        }
    }
    return NULL;
}

// went_further: to what was before the commit that a member would go back to; so they would not be
// one release.
static bool went_further(const struct hub_decided *d, const struct hub_decided_member *m) {
    const char *good = d->row.good_revision;
    bool other = good[0] != '\0' && strcmp(d->before_revision, good) != 0 &&
                 strcmp(d->before_revision, m->revision) == 0;

    return other &&
           (d->before == NULL || d->good == NULL ||
            !cm_sha256_equal(form_in(d->before, d->row.key), form_in(d->good, d->row.key)));
}

void hub_group_hold(struct hub_planner *p, struct hub_outcome *o, const struct hub_decided *d) {
    const struct hub_cluster_state *state = cm_map_get(p->clusters, d->row.cluster);

    for (size_t i = 0; state != NULL && i < d->member_count; i++) {
        const struct hub_decided_member *m = &d->members[i];
        struct hub_bundle *now = bundle_of(state->desired, m->app, d->row.bad_revision);
        bool may = now != NULL && m->before != NULL && !went_further(d, m);

        for (size_t k = 0; may && k < now->spec.object_count; k++) {
            const char *key = now->spec.objects[k].key;

            if (is_workload(key)) {
                hold_workload(p, o, decided_of(o->arena, d, m, now, key), controller_of(m, key));
            }
        }
    }
}
