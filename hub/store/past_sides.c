// past_sides.c: a range whose sides are one cluster each.
#include <string.h>

#include "common/arena.h"
#include "hub/store/past_read.h"

static enum cm_rc take_side(struct past_read *r, const struct hub_select *select,
                            struct hub_past_side *out, struct cm_err *err) {
    struct hub_past_state seen = {.count = r->count};
    struct past_scope scope;
    size_t count = 0;
    enum cm_rc rc = past_scope_find(r, select, &scope, err);

    rc = rc < 0 ? rc : hub_past_read(r->db, r->arena, "", HUB_PAST_SEEN, &scope.when, &seen, err);
    for (size_t i = 0; rc == CM_OK && i < r->count; i++) {
        if (scope.in[i]) {
            out->cluster = r->names[i];
            out->observed = seen.cells[i].value != 0;
            count++;
        }
    }
    if (rc == CM_OK && count != 1) {
        return cm_fail(err, CM_EINVAL,
                       "'%.100s' is %zu clusters: objects are compared of one cluster on each side",
                       select->target, count);
    }
    out->app = select->app;
    out->at_ms = select->timed || select->back > 0 ? scope.when.at_ms : r->ask->now_ms;
    return rc;
}

static enum cm_rc take_both(struct past_read *r, struct hub_past_side *out_from,
                            struct hub_past_side *out_to, struct cm_err *err) {
    struct hub_select from, to;
    enum cm_rc rc =
        hub_select_parse_range(r->arena, r->ask->select, r->ask->now_ms, &from, &to, err);

    rc = rc < 0 ? rc : take_side(r, &from, out_from, err);
    rc = rc < 0 ? rc : take_side(r, &to, out_to, err);
    if (rc == CM_OK && strcmp(from.app, to.app) != 0) {
        return cm_fail(err, CM_EINVAL, "'%.100s' compares two Apps: name the same on both sides",
                       r->ask->select);
    }
    return rc;
}

enum cm_rc hub_past_sides(struct hub_db *db, struct cm_arena *a, const struct hub_past_ask *ask,
                          struct hub_past_side *out_from, struct hub_past_side *out_to,
                          struct cm_err *err) {
    struct past_read r;
    enum cm_rc rc = past_read_begin(&r, db, a, ask, err);

    rc = rc < 0 ? rc : take_both(&r, out_from, out_to, err);
    past_read_end(&r);
    return rc;
}
