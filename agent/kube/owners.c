// Who has fields of our objects by right (right.h), as far as the server tells.
//
// Each kind of owners is watched once, in all namespaces or, where we may not, in those of our
// objects. It is not our business what owners do: only what they say they own is kept, and that
// they exist, on which rules may depend (conditions.c).
#include <stdlib.h>
#include <string.h>

#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "agent/kube/status.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"

struct claim {
    char *target;
    unsigned right;
};

struct owner {
    size_t kind; // in kube_owners.kinds
    char *ns;
    uint32_t round; // of the list that had it last
    struct claim *claims;
    size_t count;
    struct kube_right_terms terms; // texts are its own
    char *said; // what it said of releases last (kube_releases_words); NULL: it decides about none
};

// How many owners an object has for each right.
struct target {
    size_t replicas;
    size_t weights;
    struct owner *leader; // of those who have its replicas, who decides about its releases; NULL
};

static void drop_claims(struct owner *o) {
    for (size_t i = 0; i < o->count; i++) {
        free(o->claims[i].target);
    }
    free(o->claims);
    o->claims = NULL;
    o->count = 0;
}

static void drop_terms(struct owner *o) {
    free((char *)(uintptr_t)o->terms.controllers);
    free((char *)(uintptr_t)o->terms.routes);
    free((char *)(uintptr_t)o->terms.canaries);
}

static void owner_free(void *value) {
    struct owner *o = value;

    drop_claims(o);
    drop_terms(o);
    free(o->said);
    free(o->ns);
    free(o);
}

size_t kube_owners_kind(struct agent_kube *k, const char *group, const char *kind) {
    struct kube_owners *all = &k->owners;
    size_t i = 0;

    while (i < all->kind_count &&
           (strcmp(all->kinds[i].kind, kind) != 0 || strcmp(all->kinds[i].group, group) != 0)) {
        i++;
    }
    if (i == all->kind_count) {
        all->kinds = cm_resize(all->kinds, (i + 1) * sizeof(*all->kinds));
        all->kinds[i] =
            (struct kube_owner_kind){.group = cm_strdup(group), .kind = cm_strdup(kind)};
        all->kind_count++;
    }
    return i;
}

void kube_owners_init(struct agent_kube *k) {
    k->owners.by_key = cm_map_new(owner_free);
    k->owners.by_target = cm_map_new(free);
    for (size_t i = 0; i < KUBE_RIGHT_KINDS; i++) {
        const struct kube_right_kind *kind = &kube_right_kinds[i];
        size_t place = kube_owners_kind(k, kind->group, kind->kind);

        k->owners.kinds[place].rights = kind->rights;
    }
}

void kube_owners_free(struct agent_kube *k) {
    cm_map_free(k->owners.by_key);
    cm_map_free(k->owners.by_target);
    for (size_t i = 0; i < k->owners.kind_count; i++) {
        free(k->owners.kinds[i].group);
        free(k->owners.kinds[i].kind);
    }
    free(k->owners.kinds);
}

// ---- What is watched

static const struct kube_resource *resource_of(struct agent_kube *k, size_t kind) {
    const struct kube_owner_kind *o = &k->owners.kinds[kind];

    return k->resources == NULL ? NULL : kube_resources_find(k->resources, o->group, NULL, o->kind);
}

// kind_of finds the kind of owners that a watch tells of.
static size_t kind_of(const struct kube_watch *w) {
    return kube_owners_kind(w->k, w->group, w->kind);
}

bool kube_owners_are_names(const struct kube_watch *w) {
    return w->k->owners.kinds[kind_of(w)].rights == 0;
}

// place_of is an object's key with its namespace.
static const char *place_of(const struct kube_entry *e) {
    return e->place != NULL ? e->place : e->key;
}

static char *namespace_of(const struct kube_entry *e) {
    const char *slash = strchr(place_of(e), '/') + 1;

    return cm_strndup(slash, strcspn(slash, "/"));
}

// watch_kind sees to it that owners of a kind are watched where an object is.
static void watch_kind(const struct kube_entry *e, size_t kind) {
    const struct kube_resource *r = resource_of(e->k, kind);
    CM_AUTOFREE char *ns = namespace_of(e);

    if (r != NULL) {
        (void)kube_watch_for(e->k, r, ns, true);
    }
}

static bool wants(const struct kube_entry *e, size_t kind, unsigned rights) {
    return (e->k->owners.kinds[kind].rights & rights) != 0;
}

static void watch_all(const struct kube_entry *e) {
    for (size_t i = 0; e->rights != 0 && i < e->k->owners.kind_count; i++) {
        if (wants(e, i, e->rights)) {
            watch_kind(e, i);
        }
    }
}

// ---- Owners that come and go

static void count(struct agent_kube *k, const struct claim *claim, bool in) {
    struct target *t = cm_map_get(k->owners.by_target, claim->target);

    if (t == NULL) {
        t = cm_new(1, sizeof(*t));
        cm_map_put(k->owners.by_target, claim->target, t);
    }
    size_t *sum = claim->right == KUBE_RIGHT_REPLICAS ? &t->replicas : &t->weights;
    *sum += in ? 1 : (size_t)-1;
    if (t->replicas == 0 && t->weights == 0) {
        (void)cm_map_remove(k->owners.by_target, claim->target);
    }
}

static void judge_targets(struct agent_kube *k, const struct owner *o) {
    for (size_t i = 0; i < o->count; i++) {
        struct kube_entry *e = kube_entry_at(k, o->claims[i].target);

        if (e != NULL) {
            kube_entry_judge_anew(e);
        }
    }
}

// stop_leading: another one may lead what it led.
static void stop_leading(struct agent_kube *k, const struct owner *o) {
    for (size_t i = 0; i < o->count; i++) {
        struct target *t = cm_map_get(k->owners.by_target, o->claims[i].target);

        if (t != NULL && t->leader == o) {
            t->leader = NULL;
            kube_releases_lost(k, o->claims[i].target);
        }
    }
}

// set_claims replaces what an owner owns. Objects are looked at again if `judge`; at the first list
// kube_owners_listed does it for those that need it.
static void set_claims(struct agent_kube *k, struct owner *o, const struct kube_right_claim *claims,
                       size_t n, bool judge) {
    stop_leading(k, o);
    for (size_t i = 0; i < o->count; i++) {
        count(k, &o->claims[i], false);
    }
    if (judge) {
        judge_targets(k, o);
    }
    drop_claims(o);
    o->claims = cm_new(n + 1, sizeof(*o->claims));
    for (o->count = 0; o->count < n; o->count++) {
        o->claims[o->count] =
            (struct claim){cm_strdup(claims[o->count].target), claims[o->count].right};
        count(k, &o->claims[o->count], true);
    }
    if (judge) {
        judge_targets(k, o);
    }
}

static bool same_claims(const struct owner *o, const struct kube_right_claim *claims, size_t n) {
    bool same = o->count == n;

    for (size_t i = 0; same && i < n; i++) {
        same = o->claims[i].right == claims[i].right &&
               strcmp(o->claims[i].target, claims[i].target) == 0;
    }
    return same;
}

// is_leader tells whether an owner decides about releases of what it claims first.
static bool is_leader(const struct agent_kube *k, const struct owner *o) {
    return o->count > 0 && o->claims[0].right == KUBE_RIGHT_REPLICAS &&
           (k->owners.kinds[o->kind].rights & KUBE_RIGHT_RELEASES) != 0;
}

// lead keeps what a leader says: its workload may not be ours yet, or not be known again.
static void lead(struct agent_kube *k, struct cm_arena *a, struct owner *o,
                 const struct cm_json *live) {
    struct target *t = cm_map_get(k->owners.by_target, o->claims[0].target);

    free(o->said);
    o->said = kube_releases_words(a, live);
    t->leader = o;
    kube_releases_led(k, a, o->claims[0].target, live);
}

const char *kube_owners_leader(const struct kube_entry *e) {
    const struct target *t = cm_map_get(e->k->owners.by_target, place_of(e));

    return t == NULL || t->leader == NULL ? NULL : t->leader->said;
}

// take_terms takes in on what terms an owner has what it has. One that is idle when it is seen
// first has been so for long.
static void take_terms(struct owner *o, struct cm_arena *a, const struct cm_json *live) {
    struct kube_right_terms terms = kube_right_terms_of(a, live);
    bool ended = o->terms.controllers != NULL && !o->terms.idle && terms.idle;

    terms.idle_ms = ended ? cm_clock_unix_ms() : o->terms.idle_ms;
    terms.controllers = cm_strdup(terms.controllers);
    terms.routes = cm_strdup(terms.routes);
    terms.canaries = cm_strdup(terms.canaries);
    drop_terms(o);
    o->terms = terms;
}

void kube_owners_saw(struct kube_watch *w, struct cm_arena *a, const struct cm_json *live) {
    struct kube_right_claim claims[KUBE_RIGHT_CLAIMS_MAX];
    const char *key = kube_object_key(a, live);
    struct cm_map *owners = w->k->owners.by_key;

    if (key == NULL) {
        return;
    }
    size_t n = kube_right_claims(a, live, claims);
    struct owner *o = cm_map_get(owners, key);
    bool is_new = o == NULL;
    if (is_new) {
        const char *slash = strchr(key, '/') + 1;

        o = cm_new(1, sizeof(*o));
        o->kind = kind_of(w);
        o->ns = cm_strndup(slash, strcspn(slash, "/"));
        cm_map_put(owners, key, o);
    }
    o->round = w->round;
    take_terms(o, a, live);
    if (!same_claims(o, claims, n)) {
        set_claims(w->k, o, claims, n, w->complete);
    }
    if (is_new && w->complete) {
        kube_conditions_changed(w->k, key);
    }
    if (is_leader(w->k, o)) {
        lead(w->k, a, o, live);
    }
}

static void lose(struct agent_kube *k, const char *key, bool judge) {
    struct owner *o = cm_map_get(k->owners.by_key, key);

    if (o != NULL) {
        set_claims(k, o, NULL, 0, judge);
        (void)cm_map_remove(k->owners.by_key, key);
        if (judge) {
            kube_conditions_changed(k, key);
        }
    }
}

void kube_owners_lost(struct kube_watch *w, struct cm_arena *a, const struct cm_json *live) {
    const char *key = kube_object_key(a, live);

    if (key != NULL) {
        lose(w->k, key, true);
    }
}

// lose_those loses owners of a kind (in a namespace; "": in all) but those that a list had; `w`
// NULL: all of them.
static void lose_those(struct agent_kube *k, size_t kind, const struct kube_watch *w) {
    CM_AUTOFREE const char **keys = cm_map_keys(k->owners.by_key);
    size_t n = cm_map_len(k->owners.by_key);

    for (size_t i = 0; i < n; i++) {
        const struct owner *o = cm_map_get(k->owners.by_key, keys[i]);
        bool elsewhere = w != NULL && w->ns[0] != '\0' && strcmp(w->ns, o->ns) != 0;

        if (o->kind == kind && !elsewhere && (w == NULL || o->round != w->round)) {
            CM_AUTOFREE char *key = cm_strdup(keys[i]);
            lose(k, key, true);
        }
    }
}

// ---- What is known

enum kube_knowledge kube_owners_knowledge(struct agent_kube *k, size_t kind, const char *ns) {
    const struct kube_resource *r = resource_of(k, kind);

    if (r == NULL) {
        return kube_resources_stale(k->resources) ? KUBE_UNKNOWN : KUBE_KNOWN;
    }
    const struct kube_watch *w = kube_watch_for(k, r, ns, true);
    return w->complete ? KUBE_KNOWN : w->refused ? KUBE_UNKNOWN : KUBE_PENDING;
}

// knowledge_of tells whether all are known who could have some of these rights to an object.
static enum kube_knowledge knowledge_of(const struct kube_entry *e, unsigned rights) {
    enum kube_knowledge all = KUBE_KNOWN;
    CM_AUTOFREE char *ns = namespace_of(e);

    for (size_t i = 0; i < e->k->owners.kind_count; i++) {
        if (!wants(e, i, rights)) {
            continue;
        }
        enum kube_knowledge one = kube_owners_knowledge(e->k, i, ns);
        all = one == KUBE_PENDING || all == KUBE_KNOWN ? one : all;
    }
    return all;
}

enum kube_knowledge kube_owners_of(const struct kube_entry *e, unsigned *out) {
    const struct target *t = cm_map_get(e->k->owners.by_target, place_of(e));

    *out = t == NULL ? 0
                     : (t->replicas > 0 ? KUBE_RIGHT_REPLICAS : 0U) |
                           (t->weights > 0 ? KUBE_RIGHT_WEIGHTS : 0U);
    *out &= e->rights;
    return e->rights == 0 ? KUBE_KNOWN : knowledge_of(e, e->rights);
}

struct scaler {
    const char *target;
    const char *key; // NULL: none yet
    size_t kind;
};

static bool ask_scaler(void *ctx, const char *key, void *value) {
    struct scaler *s = ctx;
    const struct owner *o = value;
    bool has = false;

    for (size_t i = 0; i < o->count; i++) {
        has |= o->claims[i].right == KUBE_RIGHT_REPLICAS &&
               strcmp(o->claims[i].target, s->target) == 0;
    }
    bool before =
        s->key == NULL || o->kind < s->kind || (o->kind == s->kind && strcmp(key, s->key) < 0);
    if (has && before) {
        s->key = key;
        s->kind = o->kind;
    }
    return true;
}

bool kube_owners_scale(const struct kube_entry *e) {
    const struct target *t = cm_map_get(e->k->owners.by_target, place_of(e));

    return t != NULL && t->replicas > 0;
}

const char *kube_owners_scaler(const struct kube_entry *e) {
    struct scaler s = {.target = place_of(e)};

    if (!kube_owners_scale(e)) {
        return "";
    }
    cm_map_each(e->k->owners.by_key, ask_scaler, &s);
    return s.key == NULL ? "" : s.key;
}

// The terms of all who have weights of one object.
struct gathering {
    const char *target;
    struct kube_right_terms *terms;
    struct cm_str controllers;
    struct cm_str routes;
    struct cm_str canaries;
    size_t count;
};

static void gather(struct gathering *g, const struct kube_right_terms *terms) {
    int64_t idle_ms = g->terms->idle_ms;

    g->terms->idle = (g->count == 0 || g->terms->idle) && terms->idle;
    g->terms->idle_ms = terms->idle_ms > idle_ms ? terms->idle_ms : idle_ms;
    cm_str_add(&g->controllers, terms->controllers);
    cm_str_add(&g->routes, terms->routes);
    cm_str_add(&g->canaries, terms->canaries);
    g->count++;
}

static bool gather_from(void *ctx, const char *key, void *value) {
    struct gathering *g = ctx;
    const struct owner *o = value;
    bool has = false;

    (void)key;
    for (size_t i = 0; i < o->count; i++) {
        has |=
            o->claims[i].right == KUBE_RIGHT_WEIGHTS && strcmp(o->claims[i].target, g->target) == 0;
    }
    if (has) {
        gather(g, &o->terms);
    }
    return true;
}

struct kube_right_terms kube_owners_terms(const struct kube_entry *e, struct cm_arena *a) {
    const struct target *t = cm_map_get(e->k->owners.by_target, place_of(e));
    struct kube_right_terms terms = {.controllers = "", .routes = "", .canaries = ""};
    struct gathering g = {.target = place_of(e), .terms = &terms};

    if (t == NULL || t->weights == 0) {
        return terms;
    }
    cm_map_each(e->k->owners.by_key, gather_from, &g);
    terms.controllers = cm_arena_strdup(a, cm_str_get(&g.controllers));
    terms.routes = cm_arena_strdup(a, cm_str_get(&g.routes));
    terms.canaries = cm_arena_strdup(a, cm_str_get(&g.canaries));
    cm_str_done(&g.controllers);
    cm_str_done(&g.routes);
    cm_str_done(&g.canaries);
    return terms;
}

// ---- What somebody left with no replicas

unsigned kube_owners_rights(struct kube_entry *e, const struct cm_json *desired) {
    unsigned its = kube_right_of(desired);

    e->slept |= e->asleep;
    e->to_wake = e->slept ? ~its & KUBE_RIGHT_REPLICAS : 0U;
    return its | e->to_wake;
}

struct waking {
    const char *target;
    int64_t least; // of all who have its replicas
};

static bool ask_owner(void *ctx, const char *key, void *value) {
    struct waking *w = ctx;
    const struct owner *o = value;
    bool has = false;

    (void)key;
    for (size_t i = 0; i < o->count; i++) {
        has |= o->claims[i].right == KUBE_RIGHT_REPLICAS &&
               strcmp(o->claims[i].target, w->target) == 0;
    }
    if (has && (o->terms.least == 0 || o->terms.least > w->least)) {
        w->least = o->terms.least;
    }
    return w->least > 0; // else somebody lets it rest
}

int64_t kube_owners_wake(const struct kube_entry *e, const struct cm_json *live) {
    struct waking w = {.target = place_of(e), .least = 1};

    if (e->woken || kube_owners_leader(e) != NULL ||
        !kube_right_is_asleep(live, e->k->field_manager) ||
        knowledge_of(e, KUBE_RIGHT_REPLICAS) != KUBE_KNOWN) {
        return 0;
    }
    cm_map_each(e->k->owners.by_key, ask_owner, &w);
    return w.least;
}

enum kube_knowledge kube_owners_leaders(const struct kube_entry *e) {
    if (e->once) {
        return KUBE_KNOWN;
    }
    return (e->rights & KUBE_RIGHT_RELEASES) == 0 ? KUBE_PENDING
                                                  : knowledge_of(e, KUBE_RIGHT_RELEASES);
}

// decide looks again at an object of which more is known now, if that makes a difference.
static bool decide(void *ctx, const char *key, void *value) {
    struct kube_entry *e = value;
    unsigned owned = 0;

    (void)ctx;
    (void)key;
    if (!e->tracked) {
        return true;
    }
    bool rests = e->asleep && kube_owners_leader(e) == NULL; // who may have it so
    bool rights = e->rights != 0 && kube_owners_of(e, &owned) != KUBE_PENDING &&
                  (e->undecided || rests ||
                   ((owned ^ (kube_entry_given(e) | e->had)) & e->rights & ~e->to_wake) != 0);
    if (rights || kube_releases_wait(e) ||
        (e->guessed && kube_conditions_known(e) != KUBE_PENDING)) {
        kube_entry_judge_anew(e);
    }
    return true;
}

static void settle(struct agent_kube *k) {
    cm_map_each(k->table.by_key, decide, NULL);
    kube_ops_owners_known(k);
}

void kube_owners_listed(struct kube_watch *w, bool first) {
    lose_those(w->k, kind_of(w), w);
    if (first) {
        settle(w->k);
    }
}

// say_refused: what others have by right, or rules depend on, cannot be seen, and nobody would
// know.
static void say_refused(const struct kube_watch *w, const struct kube_answer *answer) {
    struct kube_resource resource = {.group = w->group, .plural = strrchr(w->path, '/') + 1};
    struct kube_asked asked = {"list and watch", &resource, w->ns, NULL, NULL};
    bool condition = w->k->owners.kinds[kind_of(w)].conditions > 0;
    struct cm_err err;

    (void)kube_answer_error(answer, &asked, &err);
    cm_log(CM_LOG_WARN, "agent.owners_unseen", err.msg, "kind", w->kind, "means",
           condition ? "rules with whileExists hold for all of this kind"
                     : "what such owners change is drift",
           NULL);
}

void kube_owners_refused(struct kube_watch *w, const struct kube_answer *answer) {
    if (!w->complete && !w->refused) {
        say_refused(w, answer);
        w->refused = true;
        settle(w->k);
    }
}

// ---- Wanting

static void end_watches(struct agent_kube *k, size_t kind) {
    for (struct cm_list *at = k->watches.next, *next; at != &k->watches; at = next) {
        struct kube_watch *w = CM_CONTAINER(at, struct kube_watch, at);

        next = at->next;
        if (w->foreign && !w->dead && kind_of(w) == kind) {
            kube_watch_end(w);
        }
    }
    lose_those(k, kind, NULL);
}

// want counts who wants owners of a kind; what nobody wants is watched no longer.
static void want(struct agent_kube *k, size_t kind, bool more) {
    size_t *wanted = &k->owners.kinds[kind].wanted;

    *wanted += more ? 1 : (size_t)-1;
    if (*wanted == 0) {
        end_watches(k, kind);
    }
}

void kube_owners_depend(struct agent_kube *k, size_t kind, bool more) {
    k->owners.kinds[kind].conditions += more ? 1 : (size_t)-1;
    want(k, kind, more);
}

void kube_owners_want(struct kube_entry *e, unsigned rights) {
    unsigned before = e->rights;

    e->rights = rights;
    for (size_t i = 0; before != rights && i < e->k->owners.kind_count; i++) {
        bool was = wants(e, i, before);
        bool is = wants(e, i, rights);

        if (was != is) {
            want(e->k, i, is);
        }
    }
    if (before != rights && rights != 0) {
        watch_all(e);
    }
}

static bool watch_again(void *ctx, const char *key, void *value) {
    struct kube_entry *e = value;

    (void)ctx;
    (void)key;
    watch_all(e);
    kube_conditions_discovered(e);
    return true;
}

void kube_owners_split(struct kube_watch *w) {
    cm_map_each(w->k->table.by_key, watch_again, NULL);
}

// kube_owners_discovered: kinds of owners may have come or gone.
void kube_owners_discovered(struct agent_kube *k) {
    for (size_t i = 0; i < k->owners.kind_count; i++) {
        if (resource_of(k, i) == NULL && !kube_resources_stale(k->resources)) {
            end_watches(k, i);
        }
    }
    cm_map_each(k->table.by_key, watch_again, NULL);
}
