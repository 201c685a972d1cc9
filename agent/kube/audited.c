// Who did what, as the audit log says: followed once it is known what kinds there are, of objects
// that are tracked and of those by which releases are decided.
//
// The log is often a moment behind the watch. So drift that is new is not told at once: it is
// judged anew when the log says of a write of that object under that manager's name, and told in
// any case `wait_ms` after the first change that was not, or soon where it is to be put right.
// Health waits for nobody.
#include <stdlib.h>
#include <string.h>

#include "agent/kube/audit.h"
#include "agent/kube/audit_log.h"
#include "agent/kube/drift.h"
#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"

#define VALUE_WHOLE_MAX 200 // bytes; a longer one may have been cut
#define HIDDEN "***"

enum { CORRECTED_WAIT_MS = 2000 };

static int64_t wait_of(const struct kube_entry *e) {
    const struct agent_driver_host *host = &e->k->host;
    struct agent_health_options options = {0};
    int64_t wait_ms = e->k->audited.wait_ms;

    host->health(host->ctx, e->app, &options);
    return options.corrects && wait_ms > CORRECTED_WAIT_MS ? CORRECTED_WAIT_MS : wait_ms;
}

// judge_due judges what has waited long enough, and finds when the next one will have.
static bool judge_due(void *ctx, const char *key, void *value) {
    int64_t *next_ms = ctx;
    struct kube_entry *e = value;

    (void)key;
    if (e->wait.since_ms == 0) {
        return true;
    }
    int64_t left_ms = e->wait.since_ms + wait_of(e) - cm_clock_now_ms();
    if (left_ms <= 0) {
        kube_entry_judge_anew(e);
    } else if (left_ms < *next_ms) {
        *next_ms = left_ms;
    }
    return true;
}

static void on_time(void *ctx) {
    struct agent_kube *k = ctx;
    int64_t next_ms = INT64_MAX;

    cm_map_each(k->table.by_key, judge_due, &next_ms);
    if (next_ms != INT64_MAX) {
        cm_timer_start(k->loop, &k->audited.timer, next_ms);
    }
}

bool kube_audited_waits(struct kube_entry *e, uint64_t differences) {
    struct cm_timer *timer = &e->k->audited.timer;
    int64_t now_ms = cm_clock_now_ms();
    int64_t wait_ms = wait_of(e);

    if (!e->unnamed || !kube_audit_waits(&e->wait, differences, now_ms, wait_ms)) {
        return false;
    }
    if (!e->k->stopping && (timer->at == 0 || timer->due_ms > now_ms + wait_ms)) {
        cm_timer_start(e->k->loop, timer, wait_ms);
    }
    return true;
}

void kube_audited_init(struct agent_kube *k, const char *path, int64_t wait_ms,
                       struct cm_workers *disk) {
    if (path != NULL && disk != NULL) {
        k->audited = (struct kube_audited){.path = cm_strdup(path),
                                           .wait_ms = wait_ms,
                                           .disk = disk,
                                           .book = kube_audit_book_new(wait_ms),
                                           .timer = {.run = on_time, .ctx = k}};
    }
}

// decides tells whether releases are decided by objects of a kind, which need not be ours.
static bool decides(const struct kube_resource *r) {
    return (strcmp(r->group, "flagger.app") == 0 && strcmp(r->kind, "Canary") == 0) ||
           (strcmp(r->group, "argoproj.io") == 0 && strcmp(r->kind, "Rollout") == 0);
}

static uint64_t bit_of(const char *manager) {
    return (uint64_t)1 << kube_hash(0, manager, strlen(manager)) % 64;
}

static void on_write(void *ctx, const struct kube_audit_write *w) {
    struct agent_kube *k = ctx;
    const struct kube_resource *r = kube_resources_named(k->resources, w->group, w->resource);

    if (r == NULL || strcmp(w->manager, k->field_manager) == 0) {
        return;
    }
    CM_AUTOFREE char *key =
        cm_strf("%s%s%s/%s/%s", r->kind, r->group[0] == '\0' ? "" : ".", r->group, w->ns, w->name);
    struct kube_entry *e = kube_entry_at(k, key);
    bool tracked = e != NULL && e->tracked;

    if (tracked || decides(r)) {
        kube_audit_note(k->audited.book, key, w, cm_clock_now_ms());
    }
    if (tracked && (e->nameless & bit_of(w->manager)) != 0) {
        kube_entry_judge_anew(e);
    }
}

void kube_audited_discovered(struct agent_kube *k) {
    struct kube_audited *d = &k->audited;

    if (d->path != NULL && d->log == NULL && !k->stopping) {
        d->log = kube_audit_log_start(k->loop, d->disk, d->path, on_write, k);
    }
}

void kube_audited_stop(struct agent_kube *k) {
    kube_audit_log_stop(k->audited.log);
    cm_timer_stop(k->loop, &k->audited.timer);
}

void kube_audited_free(struct agent_kube *k) {
    kube_audit_log_free(k->audited.log);
    kube_audit_book_free(k->audited.book);
    free(k->audited.path);
}

static const char *place_of(const struct kube_entry *e) {
    return e->place != NULL ? e->place : e->key;
}

// newest_of is when an object was changed last, by whomever.
static int64_t newest_of(const struct cm_json *live) {
    const struct cm_json *all = cm_json_path(live, "metadata", "managedFields", NULL);
    int64_t newest_ms = 0;

    for (const struct cm_json *m = all != NULL && all->type == CM_ARRAY ? all->first : NULL;
         m != NULL; m = m->next) {
        const char *text = cm_json_string(cm_json_get(m, "time"));
        int64_t ms = 0;

        if (text != NULL && cm_clock_parse(text, &ms) && ms > newest_ms) {
            newest_ms = ms;
        }
    }
    return newest_ms;
}

// name_field fills in one name, if the log says it.
static void name_field(struct kube_entry *e, struct cm_arena *a, struct agent_field_drift *f) {
    bool whole = strlen(f->actual) < VALUE_WHOLE_MAX && strstr(f->actual, HIDDEN) == NULL;
    bool waits = false;
    const char *user = kube_audit_user(e->k->audited.book,
                                       &(struct kube_audit_field){.key = place_of(e),
                                                                  .path = f->path,
                                                                  .actual = f->actual,
                                                                  .whole = whole,
                                                                  .manager = f->manager,
                                                                  .at_ms = f->at_ms},
                                       cm_clock_now_ms(), &waits);

    f->user = cm_arena_strdup(a, user);
    if (user[0] == '\0' && f->difference <= AGENT_DIFFERENCE_STAYS && f->manager[0] != '\0') {
        e->nameless |= bit_of(f->manager);
        e->unnamed |= waits;
    }
}

void kube_audited_want(struct kube_entry *e, uint64_t form) {
    if (e->k->audited.book != NULL && e->form != form) {
        kube_audit_close(e->k->audited.book, place_of(e));
    }
    e->form = form;
}

void kube_audited_name(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live,
                       struct kube_drift *drift) {
    struct kube_audited *d = &e->k->audited;

    e->unasked = false;
    if (d->log == NULL || (drift->count == 0 && !e->booked)) {
        return;
    }
    e->booked = drift->count > 0;
    for (size_t i = 0; i < drift->count; i++) {
        name_field(e, a, &drift->fields[i]);
    }
    kube_audit_settle(d->book, place_of(e), newest_of(live));
}

const char *kube_audited_author(struct agent_kube *k, const char *key, const char *name,
                                int64_t at_ms, bool *never) {
    *never = k->audited.log == NULL;
    if (*never) {
        return "";
    }
    const struct kube_entry *e = kube_entry_find(k, key);
    return kube_audit_author(k->audited.book, e == NULL ? key : place_of(e), name, at_ms);
}

void kube_audited_forget(struct kube_entry *e) {
    e->unasked = false;
    if (e->booked) {
        kube_audit_forget(e->k->audited.book, place_of(e));
    }
    e->booked = false;
}
