#include "hub/jobs/record.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/documents.h"
#include "hub/jobs/needs.h"
#include "hub/jobs/note.h"
#include "hub/jobs/planner.h"
#include "hub/jobs/problems.h"
#include "hub/jobs/publication.h"
#include "hub/jobs/rollback.h"
#include "hub/jobs/undone.h"
#include "hub/render/bundle.h"
#include "hub/store/db.h"
#include "hub/store/decisions.h"
#include "hub/store/desired.h"
#include "hub/store/events.h"
#include "hub/store/groups.h"
#include "hub/store/needs.h"
#include "hub/store/past.h"
#include "hub/store/proven.h"
#include "hub/store/unwritten.h"

// ---- What is in force

static enum cm_rc put_bundle(struct hub_db *db, const struct hub_bundle *bundle,
                             struct cm_err *err) {
    enum cm_rc rc =
        hub_desired_put_blob(db, &bundle->sha256, bundle->bytes->data, bundle->bytes->size, err);

    for (size_t i = 0; rc == CM_OK && i < bundle->spec.object_count; i++) {
        const struct hub_object *object = &bundle->spec.objects[i];

        if (!object->secret && object->bytes != NULL) {
            rc = hub_desired_put_blob(db, &object->sha256, object->bytes->data, object->bytes->size,
                                      err);
        }
    }
    return rc;
}

static enum cm_rc put_pair(struct hub_db *db, const struct hub_cluster_change *change,
                           const struct hub_pair *pair, struct cm_err *err) {
    struct hub_pair_row row = {
        .cluster = change->cluster,
        .app = pair->app,
        .bundle = pair->bundle->sha256,
        .repo = pair->repo,
        .revision = pair->revision,
        .generation = change->generation,
        .objects = pair->bundle->spec.object_count,
        .suspend = pair->bundle->spec.suspend,
        .stale = pair->stale,
        .waits = pair->waits,
        .held = pair->held,
    };

    return hub_desired_put_pair(db, &row, err);
}

static bool same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_pair(const struct hub_pair *a, const struct hub_pair *b) {
    return cm_sha256_equal(&a->bundle->sha256, &b->bundle->sha256) && a->stale == b->stale &&
           same_text(a->waits, b->waits) && same_text(a->held, b->held) &&
           strcmp(a->revision, b->revision) == 0 && strcmp(a->repo, b->repo) == 0;
}

struct pair_walk {
    const struct hub_pair *before;
    const struct hub_pair *before_end;
    const struct hub_pair *now;
    const struct hub_pair *now_end;
};

static struct pair_walk begin_walk(const struct hub_cluster_change *change) {
    struct pair_walk w = {0};

    if (change->before != NULL) {
        w.before = change->before->pairs;
        w.before_end = w.before + change->before->pair_count;
    }
    if (change->now != NULL) {
        w.now = change->now->pairs;
        w.now_end = w.now + change->now->pair_count;
    }
    return w;
}

static int next_order(const struct pair_walk *w) {
    if (w->before == w->before_end) {
        return 1;
    }
    return w->now == w->now_end ? -1 : strcmp(w->before->app, w->now->app);
}

// What is known while an outcome is recorded.
struct recording {
    struct cm_map *written; // bundles: one that many clusters share is written once
    bool needs;             // whether people are needed anywhere
    bool groups;            // whether there are release groups, or were
};

static enum cm_rc put_new_pair(struct hub_db *db, const struct hub_cluster_change *change,
                               const struct hub_pair *pair, const struct recording *r,
                               struct cm_err *err) {
    char hex[CM_SHA256_HEX_MAX];
    enum cm_rc rc = CM_OK;

    cm_sha256_hex(&pair->bundle->sha256, hex);
    if (cm_map_get(r->written, hex) == NULL) {
        rc = put_bundle(db, pair->bundle, err);
        cm_map_put(r->written, hex, pair->bundle);
    }
    rc = rc < 0 ? rc : hub_note_published(db, change->cluster, pair, err);
    if (rc == CM_OK && r->needs) {
        rc = hub_needs_look(db, change->cluster, pair, err);
    }
    if (rc == CM_OK && r->groups) {
        rc = hub_groups_leave(db, change->cluster, pair->app, pair->revision, err);
    }
    return rc < 0 ? rc : put_pair(db, change, pair, err);
}

static int order_gone(const void *app, const void *gone) {
    return strcmp(app, ((const struct hub_gone *)gone)->app);
}

// gone_at returns the commit that took an App away.
static const char *gone_at(const struct hub_desired *now, const char *app) {
    const struct hub_gone *gone = now->gone_count > 0 ? bsearch(app, now->gone, now->gone_count,
                                                                sizeof(*now->gone), order_gone)
                                                      : NULL;

    return gone != NULL ? gone->revision : "";
}

static enum cm_rc remove_pair(struct hub_db *db, const struct hub_cluster_change *change,
                              const struct hub_pair *pair, struct cm_err *err) {
    const struct hub_unwritten_row why = {.cluster = change->cluster,
                                          .app = pair->app,
                                          .revision = gone_at(change->now, pair->app),
                                          .removal = pair->waits != NULL ? pair->waits : ""};
    enum cm_rc rc = hub_desired_remove_pair(db, change->cluster, pair->app, err);

    rc = rc < 0 ? rc : hub_unwritten_explain(db, &why, err);
    rc = rc < 0 ? rc : hub_needs_end(db, change->cluster, pair->app, "", err);
    rc = rc < 0 ? rc : hub_groups_forget(db, change->cluster, pair->app, err);
    return rc < 0 ? rc : hub_note_withdrawn(db, change->cluster, pair->app, err);
}

// is_held tells whether a pair is another one because a release was rejected: no commit made it so.
static bool is_held(const struct hub_pair *before, const struct hub_pair *now) {
    return now->held != NULL && !same_text(before->held, now->held) &&
           strcmp(before->revision, now->revision) == 0 &&
           !cm_sha256_equal(&before->bundle->sha256, &now->bundle->sha256);
}

static enum cm_rc explain_pair(struct hub_db *db, const char *cluster,
                               const struct hub_pair *before, const struct hub_pair *now,
                               struct cm_err *err) {
    bool went = before->waits != NULL && now->waits == NULL;
    const struct hub_unwritten_row why = {.cluster = cluster,
                                          .app = now->app,
                                          .held = is_held(before, now),
                                          .revision = "",
                                          .removal = went ? before->waits : ""};

    return why.held || went ? hub_unwritten_explain(db, &why, err) : CM_OK;
}

// put_begins notes what the next pair of a walk begins with.
static enum cm_rc put_begins(struct hub_db *db, const char *cluster, const struct pair_walk *w,
                             int order, struct cm_err *err) {
    const char *was = order <= 0 ? w->before->begins : NULL;
    const char *is = order >= 0 ? w->now->begins : NULL;
    const char *app = order <= 0 ? w->before->app : w->now->app;

    enum cm_rc rc = is == NULL || order <= 0 ? CM_OK : hub_proven_forget(db, cluster, app, err);

    return rc < 0 || same_text(was, is) ? rc : hub_desired_put_begins(db, cluster, app, is, err);
}

// put_next puts the next pair of a walk: it goes, comes, or is there still.
static enum cm_rc put_next(struct hub_db *db, const struct hub_cluster_change *change,
                           const struct pair_walk *w, int order, const struct recording *r,
                           struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    if (order < 0) {
        rc = remove_pair(db, change, w->before, err);
    } else if (order > 0 || !same_pair(w->before, w->now)) {
        rc = put_new_pair(db, change, w->now, r, err);
        rc = rc < 0 || order > 0 ? rc : explain_pair(db, change->cluster, w->before, w->now, err);
    }
    return rc < 0 ? rc : put_begins(db, change->cluster, w, order, err);
}

// Both lists are sorted by App: a walk along both finds what differs.
static enum cm_rc put_pairs(struct hub_db *db, const struct hub_cluster_change *change,
                            const struct recording *r, struct cm_err *err) {
    struct pair_walk w = begin_walk(change);
    enum cm_rc rc = CM_OK;

    while (rc == CM_OK && (w.before != w.before_end || w.now != w.now_end)) {
        int order = next_order(&w);

        rc = put_next(db, change, &w, order, r, err);
        w.before += order <= 0 ? 1 : 0;
        w.now += order >= 0 ? 1 : 0;
    }
    return rc;
}

// A cluster left Git.
static enum cm_rc forget(struct hub_db *db, const struct hub_outcome *o,
                         const struct hub_cluster_change *change, struct cm_err *err) {
    size_t count = change->before != NULL && o->revision_count > 0 ? change->before->pair_count : 0;
    enum cm_rc rc = hub_desired_forget_cluster(db, change->cluster, err);

    for (size_t i = 0; rc == CM_OK && i < count; i++) {
        const struct hub_unwritten_row why = {.cluster = change->cluster,
                                              .app = change->before->pairs[i].app,
                                              .revision = o->revisions[o->revision_count - 1].id,
                                              .removal = ""};

        rc = hub_unwritten_explain(db, &why, err);
    }
    rc = rc < 0 ? rc : hub_needs_end_cluster(db, change->cluster, err);
    return rc < 0 ? rc : hub_past_forget(db, change->cluster, cm_clock_unix_ms(), err);
}

static enum cm_rc put_change(struct hub_db *db, const struct hub_outcome *o,
                             const struct hub_cluster_change *change, const struct recording *r,
                             struct cm_err *err) {
    const struct hub_publication *p = change->publication;

    if (change->now == NULL) {
        return forget(db, o, change, err);
    }
    // Without a before the table may hold more than is known: it is filled anew.
    enum cm_rc rc =
        change->before == NULL ? hub_desired_forget_cluster(db, change->cluster, err) : CM_OK;
    rc = rc < 0 ? rc : put_pairs(db, change, r, err);
    if (rc < 0 || p == NULL) {
        return rc;
    }
    return hub_desired_put_manifest(db,
                                    &(struct hub_manifest_row){.cluster = change->cluster,
                                                               .epoch = p->epoch,
                                                               .generation = p->generation,
                                                               .sha256 = p->sha256,
                                                               .bytes = p->manifest},
                                    err);
}

static enum cm_rc put_revision(struct hub_db *db, struct cm_arena *a,
                               const struct hub_revision_row *row, struct cm_err *err) {
    const char *message = cm_arena_strf(a, "%s: %s (clusters that change: %zu)", row->repo,
                                        row->subject, row->clusters);
    enum cm_rc rc = hub_revisions_add(db, row, err);

    return rc < 0 ? rc
                  : hub_events_add(db,
                                   &(struct hub_event){.at_ms = row->resolved_ms,
                                                       .kind = "sync.resolved",
                                                       .revision = row->id,
                                                       .actor = row->author,
                                                       .message = message},
                                   err);
}

static enum cm_rc put_mark(struct hub_db *db, const struct hub_hold_mark *mark,
                           struct cm_err *err) {
    struct cm_sha256 id;

    if (!cm_sha256_parse(mark->event, &id)) {
        return CM_OK;
    }
    enum cm_rc rc = hub_decisions_mark(db, &id, mark->written, mark->retried, err);
    return rc < 0 || mark->hold == NULL ? rc : hub_decisions_renew(db, &id, mark->hold, err);
}

static const char *words_of_undone(struct cm_arena *a, const struct hub_settlement *s) {
    return s->settled == HUB_SETTLED_HELD
               ? "undo: hold: what somebody went back from is kept out of this cluster; all else "
                 "that Git says is applied"
               : cm_arena_strf(a, "undo: hold: what somebody undid stays a change by hand: %s",
                               s->why);
}

static const char *words_of_settlement(struct cm_arena *a, const struct hub_settlement *s) {
    bool held = s->settled == HUB_SETTLED_HELD;

    if (hub_rollback_is_late(s->row)) {
        return held ? cm_arena_strf(a, "onFailure: rollback: %s, once a Hold in Git says so%s%s",
                                    s->why, s->fresh ? "; " : "", s->fresh ? s->row->text : "")
                    : cm_arena_strf(a,
                                    "onFailure: rollback: what did not come up stays, somebody "
                                    "must look: %s",
                                    s->why);
    }
    if (hub_undone_is(s->row) && !s->fresh) {
        return words_of_undone(a, s);
    }
    if (held && s->fresh) {
        return cm_arena_strf(a, "what it has of the release is kept out of this cluster %s",
                             s->why);
    }
    if (held) {
        return "what was rejected is kept out of this cluster; all else that Git says is applied";
    }
    return s->settled == HUB_SETTLED_SAME
               ? cm_arena_strf(a, "what was rejected runs on: %s", s->why)
               : cm_arena_strf(a,
                               "what was rejected is not kept out of this cluster: the next change "
                               "of its pods starts it again; somebody must look: %s",
                               s->why);
}

// put_need: an event passes, but that people are needed does not.
static enum cm_rc put_need(struct hub_db *db, const struct hub_settlement *s, const char *words,
                           struct cm_err *err) {
    if (s->settled == HUB_SETTLED_HELD) {
        return hub_needs_end(db, s->row->cluster, s->row->app, s->row->key, err);
    }
    return s->settled == HUB_SETTLED_NEVER && !hub_undone_is(s->row)
               ? hub_needs_note(db, s->row, words, err)
               : CM_OK;
}

static const char *event_of_settlement(const struct hub_settlement *s) {
    if (s->settled != HUB_SETTLED_HELD) {
        return "release.not_held";
    }
    return hub_rollback_is_late(s->row) ? "release.rollback" : "release.held";
}

// put_settlement: what is held is shown in its events, and so is what only people can help with.
static enum cm_rc put_settlement(struct hub_db *db, struct cm_arena *a,
                                 const struct hub_settlement *s, struct cm_err *err) {
    const struct hub_decision_row *row = s->row;
    const char *words = words_of_settlement(a, s);
    bool is_new;
    enum cm_rc rc = s->fresh ? hub_decisions_add(db, row, &is_new, err) : CM_OK;

    rc = rc < 0 ? rc : hub_decisions_settle(db, &row->id, s->settled, s->why, s->hold, err);
    if (rc < 0 || (s->settled != HUB_SETTLED_HELD && s->why[0] == '\0')) {
        return rc;
    }
    rc = put_need(db, s, words, err);
    if (rc < 0) {
        return rc;
    }
    return hub_events_add(db,
                          &(struct hub_event){.at_ms = cm_clock_unix_ms(),
                                              .kind = event_of_settlement(s),
                                              .cluster = row->cluster,
                                              .app = row->app,
                                              .key = row->key,
                                              .revision = row->bad_revision,
                                              .actor = "hub",
                                              .message = words},
                          err);
}

// put_changes asks only once for what few fleets have: all that may come of it comes later.
static enum cm_rc put_changes(struct hub_db *db, const struct hub_outcome *o, struct cm_err *err) {
    CM_CLEANUP(cm_map_freep) struct cm_map *written = cm_map_new(NULL);
    struct recording r = {.written = written};
    enum cm_rc rc = hub_needs_any(db, &r.needs, err);

    rc = rc < 0 ? rc : hub_groups_any(db, &r.groups, err);
    for (size_t i = 0; rc == CM_OK && i < o->change_count; i++) {
        rc = put_change(db, o, &o->changes[i], &r, err);
    }
    return rc;
}

enum cm_rc hub_record_outcome(struct hub_db *db, const struct hub_outcome *o, struct cm_err *err) {
    enum cm_rc rc = o->change_count == 0 ? CM_OK : put_changes(db, o, err);

    if (rc == CM_OK && o->documents != NULL) {
        const struct hub_document_news news = {
            .revisions = o->revisions, .count = o->revision_count, .now_ms = cm_clock_unix_ms()};

        rc = hub_document_set_write(db, o->documents_before, o->documents, &news, err);
    }
    for (size_t i = 0; rc == CM_OK && i < o->settlement_count; i++) {
        rc = put_settlement(db, o->arena, &o->settlements[i], err);
    }
    for (size_t i = 0; rc == CM_OK && i < o->mark_count; i++) {
        rc = put_mark(db, &o->marks[i], err);
    }
    rc = rc < 0 || !o->complete ? rc : hub_desired_forget_unknown(db, err);
    rc = rc < 0 || o->problems == NULL ? rc : hub_problem_rows_write(db, o, err);
    for (size_t i = 0; rc == CM_OK && i < o->revision_count; i++) {
        rc = put_revision(db, o->arena, &o->revisions[i], err);
    }
    return rc < 0 ? cm_wrap(err, "record what is in force now") : CM_OK;
}
