#include "hub/jobs/undone.h"

#include <string.h>

#include "hub/fleet/fleet.h"
#include "hub/hold/hold.h"
#include "hub/jobs/decided.h"
#include "hub/jobs/rollback.h"
#include "hub/render/bundle.h"

bool hub_undone_is(const struct hub_decision_row *row) {
    return strcmp(row->verdict, HUB_HOLD_UNDONE) == 0;
}

struct meeting {
    const struct hub_hold *hold;
    const char *cluster;
    const struct hub_hold *found;
};

static void look(void *ctx, const struct hub_hold_info *h) {
    struct meeting *m = ctx;
    bool counts = h->in_force > 0 && !h->retried && !h->hold->retry &&
                  strcmp(h->hold->app, m->hold->app) == 0 && hub_hold_lists(h->hold, m->cluster);

    if (m->found == NULL && counts && hub_hold_meets(m->hold, h->hold)) {
        m->found = h->hold;
    }
}

// is_of tells whether the workload was left as the release on record has it: an agent of before
// this says what Git asks for next, if that is not applied yet.
static bool is_of(const struct hub_decided *d) {
    const struct hub_object *o = d->bad == NULL ? NULL : hub_bundle_find_key(d->bad, d->row.key);

    return o != NULL && cm_sha256_equal(&o->sha256, &d->row.bad);
}

enum cm_rc hub_undone_check(const struct hub_fleet *f, const struct hub_decided *d,
                            const struct hub_hold *hold, struct cm_err *err) {
    struct meeting m = {.hold = hold, .cluster = d->row.cluster};

    hub_fleet_each_hold(f, look, &m);
    if (m.found != NULL) {
        return cm_fail(err, CM_EBUSY,
                       "Hold '%.100s' keeps that release out of this cluster: 'holdfast retry "
                       "%.80s --clusters %.80s' lets it be tried again",
                       m.found->name, d->row.app, d->row.cluster);
    }
    if (!is_of(d)) {
        return cm_fail(
            err, CM_EBUSY,
            "what was left is not what that release has of %.300s: 'holdfast hold %.80s' "
            "keeps a release out",
            d->row.key, d->row.app);
    }
    return d->good == NULL ? CM_OK : hub_rollback_check_ban(f, d, err);
}
