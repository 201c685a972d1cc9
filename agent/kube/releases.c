// What controllers do with releases of our workloads: told to the core as it is seen.
//
// What a workload itself says is seen with it (table.c), a Canary, or a Rollout that refers to a
// Deployment of ours, with the other owners of fields (owners.c). What it means is rollout.h's;
// here is only who it is about. A token of a template that somebody else changed is none of what
// was applied. A leader's tokens do not say which template they are of, and it looks now and then:
// so it may tell of such a template when that was put right long ago. Once somebody has changed
// what we applied, of that form no other token counts than the one that was known before. A
// Deployment counts as led by its own controller only once it is known that there is no Canary for
// it: by its own status it would be promoted while its Canary is still at work.
#include <stdlib.h>
#include <string.h>

#include "agent/kube/drift.h"
#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "agent/kube/rollout.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

#define STATEFUL_SET_S 600
#define ROLLOUT "Rollout.argoproj.io"

// Tokens of the form that was applied last, as prints; 0: none is known.
struct told {
    uint64_t form;
    uint64_t before; // of the form before, at which the leader may still be
    uint64_t ours;   // of this form
    uint64_t other;  // of what somebody else made of its template
    bool retouched;  // somebody did
};

struct kube_releases {
    bool heard; // what its leader says; else it is its own controller that leads it
    bool waits; // until it is known who leads it
    struct kube_rollout_seen own;
    struct kube_rollout_seen leader;
    struct kube_rollout_seen hands; // what people did
    struct told told;               // by the leader
};

static struct kube_releases *releases_of(struct kube_entry *e) {
    if (e->releases == NULL) {
        e->releases = cm_new(1, sizeof(*e->releases));
    }
    return e->releases;
}

static bool is_kind(const struct kube_entry *e, const char *kind) {
    size_t size = strlen(kind);

    return strncmp(e->key, kind, size) == 0 && e->key[size] == '/';
}

static uint64_t form_of(const struct kube_entry *e) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_baseline baseline;

    return kube_note_read(a, e->note, &baseline) ? baseline.print : 0;
}

// told_of returns what is known of tokens of the present form.
static struct told *told_of(struct kube_entry *e) {
    struct told *told = &releases_of(e)->told;
    uint64_t form = form_of(e);

    if (form != told->form) {
        *told = (struct told){.form = form, .before = told->ours != 0 ? told->ours : told->before};
    }
    told->retouched = told->retouched || e->retouched;
    return told;
}

// template_of is short for what a token says of the template; configuration may change without it.
static uint64_t template_of(const char *token) {
    size_t size = strcspn(token, ":");

    return size == 0 ? 0 : kube_hash(0, token, size);
}

// is_other tells whether a leader's token is of what somebody else made of the template.
static bool is_other(const struct kube_entry *e, struct told *told, const char *token) {
    uint64_t print = template_of(token);

    if (print == 0 || e->retouched) {
        told->other = print != 0 ? print : told->other;
        return e->retouched;
    }
    if (told->retouched && (told->ours != 0 ? print != told->ours : print == told->other)) {
        return true;
    }
    told->ours = print != told->before ? print : told->ours;
    return false;
}

// as_tracked is how the core calls a leader, if that is ours: by what Git says of its namespace,
// which may be nothing.
static const char *as_tracked(struct agent_kube *k, const char *leader) {
    const struct kube_entry *l = leader[0] == '\0' ? NULL : kube_entry_at(k, leader);

    return l != NULL && l->tracked ? l->key : leader;
}

static void tell(struct kube_entry *e, const struct kube_rollout *r, const char *leader) {
    const struct agent_driver_host *host = &e->k->host;
    struct agent_decision decision = r->decision;

    if (!e->tracked || e->k->stopping) {
        return;
    }
    struct told *told = told_of(e);
    decision.other = leader[0] == '\0' ? e->retouched : is_other(e, told, r->token);
    if (r->token[0] != '\0' && !decision.other) {
        host->released(host->ctx, e->key, r->token, r->promoted);
    }
    if (r->decided) {
        decision.key = e->key;
        decision.uid = e->uid;
        decision.controller_key = leader;
        decision.leader = as_tracked(e->k, leader);
        host->decided(host->ctx, &decision);
    }
}

static bool is_rollout(const char *key) {
    return strncmp(key, ROLLOUT "/", sizeof(ROLLOUT)) == 0;
}

// has_started: what has just started may tell more.
static bool has_started(const struct kube_rollout *r) {
    return r->decided && r->decision.verdict == AGENT_VERDICT_STARTED;
}

static bool hear_once(struct kube_entry *e, struct cm_arena *a, const struct cm_json *leader,
                      const char *key) {
    struct kube_rollout r;

    if (is_rollout(key)) {
        kube_rollout_argo(a, leader, &releases_of(e)->leader, &r);
    } else {
        kube_rollout_flagger(a, leader, &releases_of(e)->leader, &r);
    }
    tell(e, &r, key);
    return has_started(&r);
}

static void hear(struct kube_entry *e, struct cm_arena *a, const struct cm_json *leader) {
    const char *key = kube_object_key(a, leader);

    if (key == NULL) {
        return;
    }
    releases_of(e)->heard = true;
    if (hear_once(e, a, leader, key)) {
        (void)hear_once(e, a, leader, key);
    }
}

// hear_again takes in what a leader said before its workload was there.
static void hear_again(struct kube_entry *e, const char *said) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *leader = NULL;
    struct cm_err err;

    if (cm_json_parse(a, said, strlen(said), NULL, &leader, &err) == CM_OK) {
        hear(e, a, leader);
    }
}

// is_looked_at tells whether it is known if somebody changed the template; until then nothing that
// is said of releases can be told apart from what was applied.
static bool is_looked_at(const struct kube_entry *e) {
    return e->known && !e->doubtful;
}

// knows_leader finds out who leads a workload that a Canary may lead, and hears what was said
// before; it tells whether that is known. *led: somebody does.
static bool knows_leader(struct kube_entry *e, bool *led) {
    struct kube_releases *releases = releases_of(e);
    const char *said = kube_owners_leader(e);

    if (e->tracked && !e->once) { // also while it is not compared, for it waits to be applied
        kube_owners_want(e, e->rights | KUBE_RIGHT_RELEASES);
    }
    releases->waits = said == NULL && kube_owners_leaders(e) == KUBE_PENDING;
    if (releases->waits || !e->tracked || !is_looked_at(e)) {
        return false;
    }
    if (said != NULL && !releases->heard) {
        hear_again(e, said);
    }
    *led = said != NULL;
    return true;
}

static void saw_deployment(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live) {
    struct kube_rollout r;
    bool led = false;

    if (knows_leader(e, &led)) {
        kube_rollout_deployment(live, led, &releases_of(e)->own, &r);
        kube_rollout_add_form(a, live, &r);
        tell(e, &r, "");
    }
}

static void saw_daemon_set(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live) {
    struct kube_rollout r;
    bool led = false;

    if (knows_leader(e, &led)) {
        kube_rollout_daemon_set(live, &releases_of(e)->own, &r);
        r.promoted = r.promoted && !led;
        kube_rollout_add_form(a, live, &r);
        tell(e, &r, "");
    }
}

// Without a bound of the App's own a StatefulSet has the time of a Deployment, if a release that is
// late is gone back from at all.

static void saw_stateful_set(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live) {
    struct kube_rollout_time time = {.now_ms = cm_clock_now_ms(), .unix_ms = cm_clock_unix_ms()};
    struct agent_health_options options = {0};
    struct kube_rollout r;

    if (!e->tracked || !is_looked_at(e)) {
        return;
    }
    e->k->host.health(e->k->host.ctx, e->app, &options);
    time.timeout_s = options.timeout_s;
    if (options.timeout_s == 0 && options.goes_back) {
        time.timeout_s = STATEFUL_SET_S;
    }
    kube_rollout_stateful_set(a, live, &time, &releases_of(e)->own, &r);
    kube_rollout_add_form(a, live, &r);
    r.stuck = r.stuck && options.goes_back && !e->k->driver.observes && !e->retouched;
    kube_stuck_follow(e, a, live, &r);
    tell(e, &r, "");
}

// refers tells whether a Rollout leads a workload of ours, which has the template.
static bool refers(const struct kube_entry *e, struct cm_arena *a, const struct cm_json *live) {
    struct kube_right_claim claims[KUBE_RIGHT_CLAIMS_MAX];
    bool any = kube_right_claims(a, live, claims) > 0 && claims[0].right == KUBE_RIGHT_REPLICAS;
    const struct kube_entry *workload = any ? kube_entry_at(e->k, claims[0].target) : NULL;

    return workload != NULL && workload->tracked;
}

static void saw_rollout(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live) {
    struct kube_rollout r = {.decided = false};

    if (e->tracked && is_looked_at(e) && !refers(e, a, live)) {
        kube_rollout_argo(a, live, &releases_of(e)->own, &r);
        tell(e, &r, "");
    }
    if (has_started(&r)) {
        kube_rollout_argo(a, live, &releases_of(e)->own, &r);
        tell(e, &r, "");
    }
}

static void saw_restart(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live) {
    struct kube_rollout r;

    if (e->tracked && cm_json_path(live, "spec", "template", NULL) != NULL && is_looked_at(e)) {
        kube_rollout_restart(a, live, &releases_of(e)->hands, &r);
        tell(e, &r, "");
    }
}

bool kube_releases_has(const struct cm_json *live) {
    return cm_json_path(live, "spec", "template", NULL) != NULL ||
           cm_json_path(live, "spec", "workloadRef", NULL) != NULL;
}

void kube_releases_saw(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live) {
    saw_restart(e, a, live);
    if (is_rollout(e->key)) {
        saw_rollout(e, a, live);
    } else if (is_kind(e, "Deployment.apps")) {
        saw_deployment(e, a, live);
    } else if (is_kind(e, "DaemonSet.apps")) {
        saw_daemon_set(e, a, live);
    } else if (is_kind(e, "StatefulSet.apps")) {
        saw_stateful_set(e, a, live);
    }
}

bool kube_releases_unheard(const struct kube_entry *e) {
    bool says = is_rollout(e->key) || is_kind(e, "StatefulSet.apps");

    return says && (e->releases == NULL || !e->releases->own.known);
}

bool kube_releases_wait(const struct kube_entry *e) {
    return e->releases != NULL && e->releases->waits && kube_owners_leaders(e) != KUBE_PENDING;
}

void kube_releases_led(struct agent_kube *k, struct cm_arena *a, const char *target,
                       const struct cm_json *leader) {
    struct kube_entry *e = kube_entry_at(k, target);

    if (e != NULL && e->tracked && is_looked_at(e)) {
        hear(e, a, leader);
    } else if (e != NULL && e->releases != NULL) {
        e->releases->heard = false; // it will be when it is seen
    }
}

void kube_releases_forget(struct kube_entry *e) {
    if (e->releases != NULL) {
        e->releases->heard = false;
        e->releases->leader = (struct kube_rollout_seen){0};
    }
}

void kube_releases_lost(struct agent_kube *k, const char *target) {
    struct kube_entry *e = kube_entry_at(k, target);

    if (e != NULL) {
        kube_releases_forget(e);
    }
}

// words_of_status is who wrote the status, as far as that is said.
static struct cm_json *words_of_status(struct cm_arena *a, const struct cm_json *leader) {
    const struct cm_json *all = cm_json_path(leader, "metadata", "managedFields", NULL);
    struct cm_json *out = cm_json_new(a, CM_ARRAY);

    for (const struct cm_json *m = all != NULL && all->type == CM_ARRAY ? all->first : NULL;
         m != NULL; m = m->next) {
        if (cm_json_path(m, "fieldsV1", "f:status", NULL) != NULL) {
            cm_json_append(out, cm_json_copy(a, m));
        }
    }
    return out;
}

static void copy_member(struct cm_arena *a, struct cm_json *to, const struct cm_json *from,
                        const char *name) {
    const struct cm_json *member = cm_json_get(from, name);

    if (member != NULL) {
        cm_json_set(a, to, name, cm_json_copy(a, member));
    }
}

char *kube_releases_words(struct cm_arena *a, const struct cm_json *leader) {
    const struct cm_json *metadata = cm_json_get(leader, "metadata");
    struct cm_json *out = cm_json_new(a, CM_OBJECT);
    struct cm_json *who = cm_json_new(a, CM_OBJECT);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    copy_member(a, out, leader, "apiVersion");
    copy_member(a, out, leader, "kind");
    copy_member(a, who, metadata, "namespace");
    copy_member(a, who, metadata, "name");
    cm_json_set(a, who, "managedFields", words_of_status(a, leader));
    cm_json_set(a, out, "metadata", who);
    copy_member(a, out, leader, "status");
    cm_json_write_compact(out, &text);
    return cm_strdup(cm_str_get(&text));
}
