// Tracked objects, and what was last said of each.
//
// An entry is made when its object is first applied or tracked. What the server shows of it (an
// answer to an apply, an event, a look) is judged at once and forgotten; the entry keeps a few
// hundred bytes, enough to see whether anything changed.
//
// Own applies are no drift: while an operation works on an object, what is seen of it is only taken
// down (`ahead`). The answer of the apply then is the new baseline, and what is older than it is
// ignored. If something newer was seen we look again, also if it is just another status: it may be
// the last that a controller says of a release.
#include <stdlib.h>
#include <string.h>

#include "agent/kube/actual.h"
#include "agent/kube/drift.h"
#include "agent/kube/health.h"
#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "agent/kube/rollout.h"
#include "agent/kube/status.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"

enum { LOOKS_MAX = 4, UNSEEN_MINUTES = 10 };

static void set_text(char **at, const char *text) {
    if (*at == NULL || strcmp(*at, text) != 0) {
        free(*at);
        *at = cm_strdup(text);
    }
}

struct kube_entry *kube_entry_find(struct agent_kube *k, const char *key) {
    return cm_map_get(k->table.by_key, key);
}

struct kube_entry *kube_entry_at(struct agent_kube *k, const char *place) {
    struct kube_entry *e = cm_map_get(k->table.by_place, place);

    return e != NULL ? e : cm_map_get(k->table.by_key, place);
}

struct kube_entry *kube_entry_make(struct agent_kube *k, const char *app, const char *key,
                                   const char *default_namespace) {
    struct kube_entry *e = kube_entry_find(k, key);

    if (e == NULL) {
        e = cm_new(1, sizeof(*e));
        e->k = k;
        e->key = cm_strdup(key);
        e->uid = cm_strdup("");
        e->note = cm_strdup("");
        cm_list_init(&e->at_watch);
        cm_list_init(&e->at_look);
        cm_list_init(&e->at_say);
        cm_list_init(&e->at_time);
        cm_map_put(k->table.by_key, key, e);
    }
    set_text(&e->app, app);
    set_text(&e->default_namespace, default_namespace);
    return e;
}

static void leave_place(struct kube_entry *e) {
    if (e->place != NULL && cm_map_get(e->k->table.by_place, e->place) == e) {
        (void)cm_map_remove(e->k->table.by_place, e->place);
    }
    free(e->place);
    e->place = NULL;
}

static void free_entry(struct kube_entry *e) {
    kube_audited_forget(e);
    kube_owners_want(e, 0);
    kube_conditions_want(e, NULL, 0);
    kube_watch_drop(e);
    kube_pods_forget(e);
    kube_tags_forget(e);
    kube_stuck_forget(e);
    leave_place(e);
    cm_list_remove(&e->at_look);
    cm_list_remove(&e->at_say);
    cm_list_remove(&e->at_time);
    (void)cm_map_remove(e->k->table.by_key, e->key);
    free(e->key);
    free(e->app);
    free(e->default_namespace);
    free(e->uid);
    free(e->note);
    free(e->stays);
    free(e->api_version);
    free(e->message);
    free(e->releases);
    free(e);
}

// kube_entry_settle keeps what is tracked, what somebody works on, and what was applied but not
// tracked yet.
void kube_entry_settle(struct kube_entry *e) {
    if (!e->tracked && !e->known && e->op == NULL && e->call == NULL && e->pins == 0) {
        free_entry(e);
    }
}

void kube_entry_set_version(struct kube_entry *e, const char *api_version) {
    if (e->api_version == NULL || strcmp(e->api_version, api_version) != 0) {
        set_text(&e->api_version, api_version);
        kube_watch_drop(e); // resolve finds the right one
    }
}

static const struct kube_resource *resource_of(struct kube_entry *e, struct cm_arena *a,
                                               const char **out_ns) {
    const char *slash = e->api_version == NULL ? NULL : strrchr(e->api_version, '/');
    const char *version = slash == NULL ? e->api_version : slash + 1;
    const struct kube_resource *r =
        kube_resolve(e->k, a, e->key, e->default_namespace, version, out_ns);

    // Its version may be served no longer.
    return r != NULL ? r : kube_resolve(e->k, a, e->key, e->default_namespace, NULL, out_ns);
}

bool kube_entry_resolve(struct kube_entry *e) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *ns = "";
    const struct kube_resource *r = resource_of(e, a, &ns);

    if (r == NULL) {
        return false;
    }
    const char *place = kube_key_fill(a, e->key, ns);
    leave_place(e);
    if (strcmp(place, e->key) != 0) {
        e->place = cm_strdup(place);
        cm_map_put(e->k->table.by_place, place, e);
    }
    if (e->watch == NULL) {
        kube_watch_add(kube_watch_for(e->k, r, ns, false), e);
    }
    return true;
}

// Saying

static uint64_t hash_text(uint64_t hash, const char *text) {
    return kube_hash(hash, text, strlen(text) + 1);
}

static uint64_t hash_of(const struct agent_observation *o) {
    char fixed[5] = {(char)o->health, (char)o->drift_more, (char)o->due, (char)o->ended,
                     (char)o->drift_stands};
    uint64_t hash = kube_hash(0, fixed, sizeof(fixed));

    hash = kube_hash(hash, &o->undone_ms, sizeof(o->undone_ms));
    hash = hash_text(hash_text(hash, o->uid), o->message);
    for (size_t i = 0; i < o->drift_count; i++) {
        const struct agent_field_drift *f = &o->drift[i];
        const size_t why[2] = {f->difference, f->rule};

        hash = kube_hash(hash, why, sizeof(why));
        hash = hash_text(hash_text(hash, f->path), f->desired);
        hash = hash_text(hash_text(hash_text(hash, f->actual), f->manager), f->user);
    }
    return o->actual == NULL ? hash : kube_hash(hash, o->actual, o->actual_size);
}

// differences_of is a hash of what differs, whoever set it; 0: nothing does.
static uint64_t differences_of(const struct kube_drift *drift) {
    uint64_t hash = 0;

    for (size_t i = 0; drift != NULL && i < drift->count; i++) {
        const struct agent_field_drift *f = &drift->fields[i];

        hash = hash_text(hash_text(hash_text(hash, f->path), f->actual), f->manager);
    }
    return hash;
}

// words_of says why an object is not healthy, with what its pods say. The text is the arena's.
static const char *words_of(struct cm_arena *a, const struct kube_entry *e) {
    const char *cause = kube_pods_cause(e);
    const char *message = e->message == NULL ? "" : e->message;

    return cause[0] == '\0' ? message : cm_arena_strf(a, "%s; %s", message, cause);
}

static void tell(struct kube_entry *e, const struct kube_drift *drift, bool stands, bool anyhow) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct agent_observation o = {
        .key = e->key,
        .uid = e->health == AGENT_HEALTH_MISSING ? "" : e->uid,
        .health = kube_pods_health(e),
        .message = words_of(a, e),
        .drift = drift == NULL ? NULL : drift->fields,
        .drift_count = drift == NULL ? 0 : drift->count,
        .drift_more = drift != NULL && drift->more,
        .actual = drift == NULL ? NULL : drift->actual,
        .actual_size = drift == NULL ? 0 : drift->actual_size,
        .undone_ms = e->undone_ms,
        .drift_stands = stands,
        .due = e->due,
        .ended = e->ended && e->health == AGENT_HEALTH_MISSING,
    };
    uint64_t hash = hash_of(&o);

    if (e->tracked && !e->k->stopping && (anyhow || hash != e->said)) {
        e->said = hash;
        e->k->host.observed(e->k->host.ctx, &o);
    }
}

// say tells the core how an object is, if that is news or `anyhow`.
static void say(struct kube_entry *e, const struct kube_drift *drift, bool anyhow) {
    e->unnamed = false;
    kube_audit_told(&e->wait, differences_of(drift));
    tell(e, drift, false, anyhow);
}

static void set_health(struct kube_entry *e, enum agent_health health, const char *message) {
    cm_list_remove(&e->at_time);
    e->health = health;
    free(e->message);
    e->message = message[0] == '\0' ? NULL : cm_strdup(message);
}

static void wake_at(struct agent_kube *k, int64_t ms) {
    if (!k->stopping) {
        k->table.time_ms = ms;
        cm_timer_start(k->loop, &k->table.time, ms - cm_clock_now_ms());
    }
}

// wait_for_time waits for the next entry whose health time alone changes.
static void wait_for_time(struct agent_kube *k) {
    const struct cm_list *list = &k->table.to_time;
    int64_t next_ms = INT64_MAX;

    for (struct cm_list *l = list->next; l != list; l = l->next) {
        const struct kube_entry *e = CM_CONTAINER(l, struct kube_entry, at_time);

        next_ms = e->time_ms < next_ms ? e->time_ms : next_ms;
    }
    if (next_ms != INT64_MAX) {
        wake_at(k, next_ms);
    }
}

static void time_alone(struct kube_entry *e, const struct kube_health *health) {
    e->time_ms = cm_clock_now_ms() + health->again_ms;
    e->then = health->then;
    cm_list_append(&e->k->table.to_time, &e->at_time);
    if (e->k->table.time.at == 0 || e->time_ms < e->k->table.time_ms) {
        wake_at(e->k, e->time_ms);
    }
}

static void read_health(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live) {
    const struct agent_driver_host *host = &e->k->host;
    struct agent_health_options options = {0};
    struct kube_health health;

    host->health(host->ctx, e->app, &options);
    kube_health_of(a, live, &options, cm_clock_unix_ms(), &health);
    set_health(e, health.health, health.message);
    e->seen = true;
    e->ended = kube_health_goes(live) && kube_health_done(live);
    if (health.again_ms > 0) {
        time_alone(e, &health);
    }
    kube_pods_follow(e, a, live);
    kube_tags_follow(e, a, live);
}

// Judging

// wanted returns the form that the core wants; NULL if the live one is not to be compared: it is
// left there, or waits to be applied.
static struct cm_buf *wanted(struct kube_entry *e, const struct kube_baseline *baseline) {
    struct cm_buf *bytes = e->k->host.desired(e->k->host.ctx, e->key);

    if (bytes != NULL && baseline != NULL && baseline->print != kube_baseline_print(bytes)) {
        cm_buf_unref(bytes);
        return NULL;
    }
    return bytes;
}

// read_wanted makes of it what we apply; NULL if that cannot be done now.
static struct cm_json *read_wanted(struct kube_entry *e, struct cm_arena *a,
                                   const struct cm_buf *bytes, const char *applyset) {
    const struct kube_mark mark = {applyset, e->app};
    const struct kube_mark *ours = e->k->driver.observes ? NULL : &mark;
    struct cm_json *desired = NULL;
    const char *ns = "";
    struct cm_err err;

    if (resource_of(e, a, &ns) == NULL ||
        cm_json_parse(a, (const char *)bytes->data, bytes->size, NULL, &desired, &err) < 0 ||
        kube_object_prepare(a, desired, ours, ns, &err) < 0) {
        return NULL;
    }
    return desired;
}

static bool is_same_version(const struct cm_json *a, const struct cm_json *b) {
    return cm_json_equal(cm_json_get(a, "apiVersion"), cm_json_get(b, "apiVersion"));
}

unsigned kube_entry_given(const struct kube_entry *e) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_baseline baseline;

    return kube_note_read(a, e->note, &baseline) ? baseline.given : 0;
}

// wakes tells whether somebody who is gone has left an object with no pods, which Git wants to have
// some.
static bool wakes(struct kube_entry *e, const struct cm_json *desired, const struct cm_json *live) {
    bool none = cm_json_int(cm_json_path(desired, "spec", "replicas", NULL), 1) == 0 ||
                kube_right_is_asleep(desired, e->k->field_manager);

    e->asleep = !none && kube_right_is_asleep(live, e->k->field_manager);
    e->woken &= kube_owners_leader(e) == NULL; // who may take it there again
    kube_owners_want(e, kube_owners_rights(e, desired));
    return e->asleep && kube_owners_wake(e, live) > 0;
}

// give_way returns what is desired without what somebody has by right, or had when the object was
// applied, or may have as far as we know. What is left out now and was not then, or the other way
// round, makes the object due.
static struct cm_json *give_way(struct kube_entry *e, struct cm_arena *a, struct cm_json *desired,
                                const struct cm_json *live, const struct kube_baseline *baseline) {
    unsigned rights = kube_right_of(desired);
    unsigned was = baseline == NULL ? 0 : baseline->given & rights;
    unsigned owned = 0;
    bool alone = wakes(e, desired, live);

    enum kube_knowledge known = kube_owners_of(e, &owned);
    unsigned maybe = known == KUBE_PENDING ? rights : 0;
    owned &= rights & ~(alone ? KUBE_RIGHT_REPLICAS : 0U);
    e->had = (e->had | owned) & ~(alone ? KUBE_RIGHT_REPLICAS : 0U);
    unsigned all = was | owned | maybe | e->had;
    struct cm_json *form = all == 0 ? desired : cm_json_copy(a, desired);
    const struct kube_right_gift gift = {.manager = e->k->field_manager,
                                         .rights = all,
                                         .terms = kube_owners_terms(e, a),
                                         .now_ms = cm_clock_unix_ms()};
    struct kube_right_given given = kube_right_give(a, form, live, &gift);
    e->by_hand = given.by_hand;
    e->due = known == KUBE_KNOWN && baseline != NULL && (alone || owned != was || e->had != owned);
    e->undecided = (given.differing & ~(was | owned)) != 0;
    return form;
}

// knows_conditions finds out which rules hold; it tells whether that is known, as far as it will
// be.
static bool knows_conditions(struct kube_entry *e, const struct kube_comparison *c) {
    kube_conditions_want(e, c->rules, c->rule_count);
    enum kube_knowledge known = kube_conditions_known(e);

    e->guessed = known != KUBE_KNOWN;
    return known != KUBE_PENDING;
}

enum compared { COMPARED, NOT_YET, UNWANTED };

static bool is_other(const struct kube_drift *found) {
    return found->count > 0 || found->actual != NULL;
}

static bool has_added(const struct kube_drift *found) {
    for (size_t i = 0; i < found->count; i++) {
        if (found->fields[i].difference == AGENT_DIFFERENCE_ADDED) {
            return true;
        }
    }
    return found->more; // some that have no name here
}

// find_drift compares with what is wanted.
static enum compared find_drift(struct kube_entry *e, struct cm_arena *a,
                                const struct cm_json *live, struct kube_drift *out) {
    struct kube_baseline baseline;
    bool has_note = kube_note_read(a, e->note, &baseline);
    const struct kube_baseline *known = has_note ? &baseline : NULL;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = wanted(e, known);

    *out = (struct kube_drift){0};
    e->by_hand = false;
    e->unnamed = false;
    e->nameless = 0;
    if (bytes == NULL) {
        return e->tracked ? UNWANTED : NOT_YET;
    }
    bool shared = kube_object_is_part_of(live, e->k->applyset.shared_id);
    const struct kube_applyset *set = &e->k->applyset;
    struct cm_json *desired = read_wanted(e, a, bytes, shared ? set->shared_id : set->id);
    if (desired == NULL || !is_same_version(desired, live)) {
        return NOT_YET;
    }
    if (e->once) {
        return COMPARED;
    }
    struct kube_comparison c = {.desired = desired,
                                .live = live,
                                .manager = e->nobodys ? "" : e->k->field_manager,
                                .taken = e->taken,
                                .stays = e->stays,
                                .baseline = known};
    c.rules = e->k->host.rules(e->k->host.ctx, e->key, &c.rule_count);
    c.holding = (struct kube_holding){kube_condition_holds, e};
    if (!knows_conditions(e, &c)) {
        return NOT_YET;
    }
    c.given = give_way(e, a, desired, live, known);
    kube_scaled_saw(e, desired, live);
    e->due |= shared && !e->k->driver.observes; // to get a label of our own
    kube_drift_find(a, &c, out);
    e->added = has_added(out);
    kube_actual_find(a, &c, bytes, out);
    kube_audited_want(e, known != NULL ? baseline.print : kube_baseline_print(bytes));
    kube_audited_name(e, a, live, out);
    return COMPARED;
}

// has_mark tells whether the watch of its kind tells of an object.
static bool has_mark(const struct kube_entry *e, const struct cm_json *live) {
    return e->k->driver.observes || kube_object_is_part_of(live, e->k->applyset.id);
}

// ask_for_kinds: a kind of owners may be new to the server, if somebody does what only they do.
static void ask_for_kinds(struct kube_entry *e, const struct kube_drift *drift) {
    bool may_be = (e->rights & KUBE_RIGHT_WEIGHTS) != 0 || kube_conditions_lack_kind(e);
    bool theirs = may_be && drift->count > 0;

    for (size_t i = 0; i < drift->count; i++) {
        theirs |= strcmp(drift->fields[i].path, "spec.replicas") == 0;
    }
    if (theirs) {
        (void)kube_discover_want(e->k);
    }
}

// note_retouched: fields of the template that a rule is about are let be, so they are a part of it,
// and so is what was added, which may stay for good. What is foreign is listed first.
static void note_retouched(struct kube_entry *e, const struct kube_drift *drift) {
    static const char template[] = "spec.template.";

    // Some that have no name here may be of it.
    e->retouched = drift->more && drift->count > 0 &&
                   drift->fields[drift->count - 1].difference == AGENT_DIFFERENCE_FOREIGN;
    for (size_t i = 0; i < drift->count; i++) {
        const struct agent_field_drift *f = &drift->fields[i];

        e->retouched |= f->difference == AGENT_DIFFERENCE_FOREIGN && f->rule == 0 &&
                        strncmp(f->path, template, sizeof(template) - 1) == 0;
    }
}

static void judge(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live,
                  bool anyhow) {
    uint64_t print = kube_object_print(live);
    struct kube_drift drift = {0};

    if (print != e->print) {
        enum compared compared = find_drift(e, a, live, &drift);

        e->drifted = is_other(&drift);
        if (compared == COMPARED) {
            note_retouched(e, &drift);
        } else {
            kube_audited_forget(e);
        }
        e->doubtful |= compared == NOT_YET;
        e->unwanted = compared == UNWANTED;
        e->print = compared == COMPARED && !e->drifted ? print : 0;
        ask_for_kinds(e, &drift);
    }
    if (!anyhow && kube_audited_waits(e, differences_of(&drift))) {
        tell(e, NULL, true, false);
    } else {
        say(e, &drift, anyhow);
    }
}

// follow_mark: what carries our label again, or is not there, needs no watch of its own. What the
// others' watch told meanwhile was not heard.
static void follow_mark(struct kube_entry *e) {
    if (!e->unmarked && e->watch != NULL && e->watch->only != NULL) {
        kube_watch_drop(e);
        (void)kube_entry_resolve(e);
        e->doubtful |= e->op != NULL;
        if (e->op == NULL) {
            kube_entry_look(e, false);
        }
    }
}

static bool is_old(const struct kube_entry *e, uint64_t version) {
    return version != 0 && version < e->version;
}

// take_ahead takes down what is seen while an operation works on the object.
static void take_ahead(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live,
                       uint64_t version) {
    if (e->ahead && version < e->ahead_version) {
        return;
    }
    e->ahead = true;
    e->ahead_version = version;
    e->ahead_print = kube_object_print(live);
    read_health(e, a, live);
}

void kube_entry_gone_ahead(struct kube_entry *e, uint64_t version) {
    if (!e->ahead || version > e->ahead_version) {
        e->ahead = true;
        e->ahead_version = version;
        e->ahead_print = 0;
    }
    e->doubtful = true; // after the operation somebody looks
}

static int64_t undone_ms_of(const struct cm_json *live) {
    int64_t at_ms = 0;

    return kube_rollout_undoer(live, &at_ms) != NULL ? at_ms : 0;
}

// see takes in how an object is. The core may untrack it when it hears: the caller pins it.
static void see(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live, bool anyhow) {
    uint64_t version = kube_object_version(live);

    if (is_old(e, version)) {
        if (anyhow) {
            kube_entry_look(e, true); // an event overtook the answer: a new one is newer
        }
        return;
    }
    if (e->op != NULL) {
        take_ahead(e, a, live, version);
        return;
    }
    e->known = true;
    e->doubtful = false;
    e->version = version;
    e->unmarked = !has_mark(e, live);
    follow_mark(e);
    set_text(&e->uid, kube_object_uid(live));
    read_health(e, a, live);
    e->undone_ms = undone_ms_of(live);
    judge(e, a, live, anyhow);
    kube_releases_saw(e, a, live);
}

void kube_entry_saw(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live,
                    bool anyhow) {
    e->pins++;
    see(e, a, live, anyhow);
    e->pins--;
    kube_entry_settle(e);
}

// take_note returns the print of the form that was applied; 0: it is not known.
static uint64_t take_note(struct kube_entry *e, const char *note) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_baseline baseline = {.print = 0};

    set_text(&e->note, note);
    e->once = false;
    if (kube_note_read(a, note, &baseline)) {
        e->once = baseline.once;
        kube_entry_set_version(e, baseline.version);
    }
    return baseline.print;
}

void kube_entry_stays(struct kube_entry *e, const char *paths, uint64_t print) {
    set_text(&e->stays, paths);
    e->stays_print = print;
}

void kube_entry_compare(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live,
                        struct kube_drift *out) {
    enum compared compared = find_drift(e, a, live, out);

    e->doubtful |= compared == NOT_YET;
    e->unwanted = compared == UNWANTED;
    e->drifted = is_other(out);
    if (compared == COMPARED) {
        note_retouched(e, out);
    }
    e->print = compared == COMPARED && !e->drifted ? e->print : 0;
}

// kube_entry_applied: what overtook the answer and differs in its status alone need not be looked
// at, unless it says something of a release.
void kube_entry_applied(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live,
                        const char *note) {
    uint64_t version = kube_object_version(live);
    bool newer = e->ahead && e->ahead_version > version;

    e->known = true;
    e->drifted = false;
    e->added = false;
    e->taken = false;
    e->retouched = false;
    e->by_hand = false;
    e->unmarked = false;
    e->unwanted = false;
    e->due = false;
    e->had = 0;
    e->nameless = 0;
    e->unnamed = false;
    kube_audit_told(&e->wait, 0);
    e->print = kube_object_print(live);
    e->doubtful = newer && (e->ahead_print != e->print || kube_releases_has(live));
    e->version = newer ? e->ahead_version : version;
    set_text(&e->uid, kube_object_uid(live));
    e->unasked = true; // a field that still differs keeps its user
    uint64_t print = take_note(e, note);
    if (print != e->stays_print) {
        set_text(&e->stays, ""); // of another form it may go
    }
    kube_audited_want(e, print);
    kube_scaled_applied(e, live);
    if (!newer) {
        read_health(e, a, live);
    }
    e->ahead = false;
    follow_mark(e);
}

// kube_entry_after_op goes on where observation stopped for an operation.
void kube_entry_after_op(struct kube_entry *e, const struct kube_drift *drift) {
    bool stale = e->drifted && drift == NULL;
    bool missed =
        e->ahead || e->doubtful || stale || e->undecided || !e->known || kube_releases_wait(e);

    if (e->unasked) {
        kube_audited_forget(e);
    }
    e->ahead = false;
    e->print = e->undecided ? 0 : e->print;
    e->pins++; // the core may untrack it when it hears
    if (e->tracked && missed) {
        if (e->known && !stale) {
            say(e, drift, false); // its health was that of the form before
        }
        kube_entry_look(e, false);
    } else if (e->tracked && cm_list_empty(&e->at_say)) {
        say(e, drift, false);
    }
    e->pins--;
    kube_entry_settle(e);
}

// may_have_ended: a Job that goes by itself and was there when another program was last.
static bool may_have_ended(const struct kube_entry *e) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    struct cm_json *desired = NULL;
    struct cm_err err;

    if (e->seen || e->uid[0] == '\0' || strncmp(e->key, "Job.batch/", 10) != 0) {
        return false;
    }
    bytes = e->k->host.desired(e->k->host.ctx, e->key);
    return bytes != NULL &&
           cm_json_parse(a, (const char *)bytes->data, bytes->size, NULL, &desired, &err) ==
               CM_OK &&
           kube_health_goes(desired);
}

void kube_entry_missing(struct kube_entry *e, bool anyhow) {
    if (e->op != NULL) {
        e->doubtful = true;
        return;
    }
    e->known = true;
    e->drifted = false;
    e->due = false;
    e->doubtful = false;
    e->unmarked = false;
    e->unwanted = false;
    e->nameless = 0;
    e->print = 0;
    kube_audited_forget(e);
    follow_mark(e);
    kube_pods_forget(e);
    kube_tags_forget(e);
    e->ended |= may_have_ended(e);
    e->seen = true;
    set_health(e, AGENT_HEALTH_MISSING,
               e->ended ? "it ran to its end, and is gone as its ttlSecondsAfterFinished says"
                        : "");
    say(e, NULL, anyhow);
}

static void say_later(struct kube_entry *e) {
    if (cm_list_empty(&e->at_say)) {
        cm_list_append(&e->k->table.to_say, &e->at_say);
    }
    kube_table_wake(e->k);
}

void kube_entry_reword(struct kube_entry *e) {
    if (e->op == NULL && e->known && !e->drifted && !e->doubtful) {
        say_later(e);
    } else {
        kube_entry_look(e, false); // an observation tells drift, too
    }
}

void kube_entry_unknown(struct kube_entry *e, const char *why) {
    if (e->op == NULL) {
        e->known = false;
        kube_pods_forget(e);
        set_health(e, AGENT_HEALTH_UNKNOWN, why);
        say_later(e);
    }
}

static void time_is_up(struct kube_entry *e) {
    CM_AUTOFREE char *message = cm_strdup(e->message);
    bool well = e->then == AGENT_HEALTH_HEALTHY;

    set_health(e, e->then, well || message == NULL ? "" : message);
    if (well) {
        kube_pods_forget(e);
    }
    if (e->op == NULL) { // else the end of that says it
        kube_entry_reword(e);
    }
}

static void on_time(void *ctx) {
    struct agent_kube *k = ctx;
    struct cm_list *list = &k->table.to_time;
    int64_t now_ms = cm_clock_now_ms();
    struct cm_list *next;

    for (struct cm_list *l = list->next; l != list; l = next) {
        struct kube_entry *e = CM_CONTAINER(l, struct kube_entry, at_time);

        next = l->next;
        if (e->time_ms <= now_ms) {
            time_is_up(e);
        }
    }
    wait_for_time(k);
}

void kube_table_init(struct agent_kube *k) {
    k->table.by_key = cm_map_new(NULL);
    k->table.by_place = cm_map_new(NULL);
    cm_list_init(&k->table.looks);
    cm_list_init(&k->table.to_say);
    cm_list_init(&k->table.to_time);
    k->table.time = (struct cm_timer){.run = on_time, .ctx = k};
}

void kube_table_stop(struct agent_kube *k) {
    cm_timer_stop(k->loop, &k->table.time);
}

// Looking

static void look_at_next(struct agent_kube *k);

static void not_seen(struct kube_entry *e, const struct kube_answer *answer, bool anyhow) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *ns = "";
    struct kube_asked asked = {"get", resource_of(e, a, &ns), ns, NULL, NULL};
    struct cm_err err;

    asked.ns = ns;
    (void)kube_answer_error(answer, &asked, &err);
    e->known = false;
    e->doubtful = true; // what made us look is still to be seen
    if (anyhow || err.code == CM_EAUTH) {
        set_health(e, AGENT_HEALTH_UNKNOWN, err.msg);
        say(e, NULL, anyhow);
    }
}

// is_seen tells whether something tells of an object, though it is without our label: the first of
// those get watches of their own, all others are looked at now and then. What is only made is
// nobody's business afterwards.
static bool is_seen(struct kube_entry *e) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *ns = "";

    if (!e->tracked || !e->unmarked || e->once || e->op != NULL) {
        return true;
    }
    const struct kube_resource *r = resource_of(e, a, &ns);
    return r != NULL && kube_watch_only(e, r, ns);
}

static void on_look(void *ctx, const struct kube_answer *answer) {
    struct kube_entry *e = ctx;
    struct agent_kube *k = e->k;
    bool anyhow = e->look_says;
    bool again = e->look_again;

    e->pins++;
    e->call = NULL;
    e->look_says = false;
    e->look_again = false;
    k->table.looking--;
    if (kube_answer_ok(answer) && answer->json != NULL) {
        see(e, answer->arena, answer->json, anyhow);
    } else if (answer->status == 404) {
        kube_entry_missing(e, anyhow);
    } else {
        not_seen(e, answer, anyhow);
    }
    if (again && e->tracked) {
        kube_entry_look(e, anyhow);
    }
    (void)is_seen(e);
    e->known &= e->tracked; // else nobody would ever free it
    e->pins--;
    kube_entry_settle(e);
    look_at_next(k);
}

static void kind_unknown(struct kube_entry *e) {
    bool anyhow = e->look_says;

    e->look_says = false;
    if (kube_resources_stale(e->k->resources)) {
        kube_entry_unknown(e, "an extension of the API server is away");
    } else {
        kube_entry_missing(e, anyhow); // no kind, no objects
    }
}

static void look_at(struct kube_entry *e) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *ns = "";
    const struct kube_resource *r = resource_of(e, a, &ns);

    cm_list_remove(&e->at_look);
    if (r == NULL) {
        kind_unknown(e);
        return;
    }
    CM_AUTOFREE char *path = kube_resource_path(r, ns, kube_key_name(e->key));
    struct kube_request request = {.method = "GET", .path = path, .done = on_look, .ctx = e};
    e->call = kube_call(e->k, &request);
    e->k->table.looking++;
}

static void look_at_next(struct agent_kube *k) {
    struct kube_table *t = &k->table;

    while (k->reach == KUBE_UP && !k->stopping && t->looking < LOOKS_MAX &&
           !cm_list_empty(&t->looks)) {
        look_at(CM_CONTAINER(t->looks.next, struct kube_entry, at_look));
    }
}

void kube_entry_look(struct kube_entry *e, bool anyhow) {
    e->look_says |= anyhow;
    e->look_again |= e->call != NULL;
    if (e->call == NULL && cm_list_empty(&e->at_look)) {
        cm_list_append(&e->k->table.looks, &e->at_look);
        kube_table_wake(e->k);
    }
}

void kube_entry_judge_anew(struct kube_entry *e) {
    e->print = 0;
    if (e->op != NULL) {
        e->undecided = true; // after the operation somebody looks
    } else if (e->tracked) {
        kube_entry_look(e, false);
    }
}

static void say_queued(struct agent_kube *k) {
    struct cm_list *to_say = &k->table.to_say;

    while (!cm_list_empty(to_say) && !k->stopping) {
        struct kube_entry *e = CM_CONTAINER(to_say->next, struct kube_entry, at_say);

        cm_list_remove(&e->at_say);
        if (e->op == NULL) {
            say(e, NULL, e->known); // what is not known is said when it changes
        }
    }
}

static void on_wake(void *ctx) {
    struct agent_kube *k = ctx;

    k->table.posted = false;
    if (!k->stopping) {
        say_queued(k);
        look_at_next(k);
    }
}

void kube_table_wake(struct agent_kube *k) {
    if (!k->table.posted && !k->stopping) {
        k->table.posted = true;
        k->table.task = (struct cm_task){.run = on_wake, .ctx = k};
        cm_loop_post(k->loop, &k->table.task);
    }
}

// Tracking

// observe_soon makes an observation follow: from what is known, from the list that comes, or from a
// look.
static void observe_soon(struct kube_entry *e) {
    if (!kube_entry_resolve(e)) {
        (void)kube_discover_want(e->k); // kube_table_discovered goes on
        return;
    }
    if (e->known && !e->drifted && !e->doubtful) {
        say_later(e);
        if (kube_releases_unheard(e)) {
            kube_entry_look(e, false);
        }
    } else if (e->known || e->watch->complete) {
        kube_entry_look(e, true);
    }
}

// take_desired_version: of what we do not apply no note tells in which version it is written.
static void take_desired_version(struct kube_entry *e) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = e->k->host.desired(e->k->host.ctx, e->key);
    struct cm_json *desired = NULL;
    struct cm_err err;

    if (bytes == NULL ||
        cm_json_parse(a, (const char *)bytes->data, bytes->size, NULL, &desired, &err) < 0) {
        return;
    }
    const char *version = cm_json_string(cm_json_get(desired, "apiVersion"));
    if (version != NULL) {
        kube_entry_set_version(e, version);
    }
    e->print = 0;
    e->doubtful = e->known;
}

void kube_table_track(struct agent_kube *k, const struct agent_owned *object) {
    struct kube_entry *e = kube_entry_make(k, object->app, object->key, object->default_namespace);

    e->tracked = true;
    if (k->driver.observes) {
        e->once = object->once;
        e->nobodys = object->nobodys;
        take_desired_version(e);
    }
    if (strcmp(e->note, object->note) != 0) {
        (void)take_note(e, object->note);
        e->print = 0;
        e->doubtful = e->known;
    }
    if (!e->known) {
        set_text(&e->uid, object->uid);
    }
    if (k->resources != NULL) {
        observe_soon(e);
    }
}

void kube_table_untrack(struct agent_kube *k, const char *key) {
    struct kube_entry *e = kube_entry_find(k, key);

    if (e != NULL) {
        e->tracked = false;
        e->known = false;
        kube_audited_forget(e);
        kube_releases_forget(e);
        kube_stuck_forget(e);
        kube_tags_forget(e);
        kube_owners_want(e, 0);
        kube_conditions_want(e, NULL, 0);
        cm_list_remove(&e->at_say);
        cm_list_remove(&e->at_look);
        kube_entry_settle(e);
    }
}

static bool find_again(void *ctx, const char *key, void *value) {
    struct kube_entry *e = value;
    size_t *unresolved = ctx;

    (void)key;
    if (e->watch != NULL && kube_watch_is_gone(e->watch)) {
        kube_watch_drop(e);
    }
    if (e->watch == NULL && !kube_entry_resolve(e)) {
        *unresolved += 1;
        if (e->tracked) {
            kube_entry_look(e, !e->known); // which says that it is missing
        }
    }
    return true;
}

static bool is_of_group(const struct kube_entry *e, const char *group) {
    size_t kind = strcspn(e->key, "./");

    return strncmp(e->key + kind + (e->key[kind] == '.'), group, strlen(group)) == 0 &&
           e->key[kind + (e->key[kind] == '.') + strlen(group)] == '/';
}

struct lacking {
    const char *group;
    bool found;
};

static bool find_lacking(void *ctx, const char *key, void *value) {
    struct lacking *l = ctx;
    const struct kube_entry *e = value;

    (void)key;
    l->found = e->watch == NULL && is_of_group(e, l->group);
    return !l->found;
}

bool kube_table_lacks(struct agent_kube *k, const char *group) {
    struct lacking l = {.group = group};

    if (k->table.unresolved > 0) {
        cm_map_each(k->table.by_key, find_lacking, &l);
    }
    return l.found;
}

// kube_table_discovered finds watches for entries whose kind was not known.
void kube_table_discovered(struct agent_kube *k) {
    k->table.unresolved = 0;
    cm_map_each(k->table.by_key, find_again, &k->table.unresolved);
    kube_owners_discovered(k);
}

static bool forget_print(void *ctx, const char *key, void *value) {
    struct kube_entry *e = value;

    (void)ctx;
    (void)key;
    e->print = 0;
    return true;
}

void kube_table_forget_prints(struct agent_kube *k) {
    cm_map_each(k->table.by_key, forget_print, NULL);
}

static bool forget_version(void *ctx, const char *key, void *value) {
    struct kube_entry *e = value;

    (void)ctx;
    (void)key;
    e->version = 0;
    return true;
}

// kube_table_forget_versions: the server was away and may have been restored from a backup, in
// which versions begin again where they were.
void kube_table_forget_versions(struct agent_kube *k) {
    k->newest = 0;
    cm_map_each(k->table.by_key, forget_version, NULL);
}

// is_wanted_again tells whether what was not to be compared when it changed is to be compared now.
static bool is_wanted_again(struct kube_entry *e) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_baseline baseline;

    if (!e->unwanted) {
        return false;
    }
    bool has_note = kube_note_read(a, e->note, &baseline);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = wanted(e, has_note ? &baseline : NULL);
    return bytes != NULL;
}

static bool look_again(void *ctx, const char *key, void *value) {
    struct kube_entry *e = value;
    bool unseen = !is_seen(e) && e->k->table.minutes % UNSEEN_MINUTES == 0;

    (void)ctx;
    (void)key;
    if (e->tracked && e->by_hand) {
        kube_entry_judge_anew(e);
    } else if (e->tracked && (unseen || e->doubtful || is_wanted_again(e))) {
        kube_entry_look(e, false);
    }
    return true;
}

// kube_table_minute looks at what no watch tells of.
void kube_table_minute(struct agent_kube *k) {
    k->table.minutes++;
    cm_map_each(k->table.by_key, look_again, NULL);
}

static bool free_one(void *ctx, const char *key, void *value) {
    struct kube_entry *e = value;

    (void)ctx;
    (void)key;
    free_entry(e); // takes its own entry out of the map
    return true;
}

void kube_table_free(struct agent_kube *k) {
    cm_map_each(k->table.by_key, free_one, NULL);
}
