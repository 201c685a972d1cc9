// Which digests run behind the tags of a workload's template: its pods are asked once it has come
// up.
//
// Nothing watches pods for that. A workload that is healthy is looked at a second or two after it
// has become so with another form of its template, and after that only if it changes (a pod that is
// replaced does that: it may have pulled another image), once in ten minutes at most. A look is a
// list of its pods, in pages that begin small and grow as far as memory allows; two at most are
// under way, with a rest behind each, for at a start all are due at once. Of a workload that
// Flagger took to no pods those of its primary are looked at, too.
//
// What was found is told once no other workload of its App is to be looked at soon, or comes up,
// but within half a minute: each set that an App ever had is kept by the hub.
//
// What is not known is told, too, as more that there may be: others with the same image do not
// speak for it. So it is with what has no pods of its own that could be asked, with a tag of which
// no pod says a digest, and where pods may not be listed: that is said once, and asked for again
// after an hour. Refused only once, what was told stands.
#include <stdlib.h>
#include <string.h>

#include "agent/kube/causes.h"
#include "agent/kube/digests.h"
#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "common/arena.h"
#include "common/backoff.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/list.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"

enum {
    SOON_MS = 1000,
    AGAIN_MS = 600000,
    RETRY_MS = 60000, // after an error
    REFUSED_MS = 3600000,
    REST_MS = 250, // after a look
    HOLD_MS = 30000,
    LOOKING_MAX = 2,
    PAGES_MAX = 100,
};

#define CANARY "\"kind\":\"Canary\"" // in what it says, which is JSON

struct kube_tags {
    struct kube_entry *entry; // NULL: nobody wants to know any more
    struct agent_kube *k;
    struct cm_timer timer;
    struct cm_list at; // in k->tags, if it is due and others are looked at; else alone
    struct kube_call *call;
    uint64_t form; // of its template, and which object it is; 0: not seen yet
    uint64_t uid;
    uint64_t looked;   // what that was when it was looked at last; 0: it was not
    uint64_t awaited;  // what it was when the wait began
    int64_t looked_ms; // monotonic
    int64_t generation;
    uint64_t version; // as it was when it was seen last
    bool waiting;     // for the timer, or in the list
    bool told;        // the core has heard of something
    bool missed;      // it changed while it was looked at
    unsigned refused; // looks, one after the other

    // Of the look that is to come, or under way; NULL: of none.
    char *tags; // as kube_digests_tags gives them
    char *ns;
    char *query;
    bool ended; // pods of a Job count when they have ended
    uint64_t looks_at;
    int page; // pods in a page
    unsigned pages;
    struct kube_digests found;

    struct cm_timer hold; // runs: this is to be told
    struct kube_digests known;
};

static void forget_look(struct kube_tags *t) {
    free(t->tags);
    free(t->ns);
    free(t->query);
    t->tags = NULL;
    t->ns = NULL;
    t->query = NULL;
    kube_digests_done(&t->found);
}

static void stop_waiting(struct kube_tags *t) {
    cm_timer_stop(t->k->loop, &t->timer);
    cm_list_remove(&t->at);
    t->waiting = false;
}

static void drop_known(struct kube_tags *t) {
    cm_timer_stop(t->k->loop, &t->hold);
    kube_digests_done(&t->known);
}

static void free_tags(struct kube_tags *t) {
    stop_waiting(t);
    drop_known(t);
    forget_look(t);
    free(t);
}

void kube_tags_forget(struct kube_entry *e) {
    struct kube_tags *t = e->tags;

    e->tags = NULL;
    if (t == NULL) {
        return;
    }
    t->entry = NULL;
    stop_waiting(t);
    drop_known(t);
    if (t->call != NULL) {
        kube_call_cancel(t->call); // its end frees t
    } else {
        free_tags(t);
    }
}

static void wait_for(struct kube_tags *t, int64_t ms) {
    t->waiting = true;
    t->awaited = t->form;
    cm_timer_start(t->k->loop, &t->timer, ms + cm_jitter_ms(SOON_MS));
}

// ---- A look

static void tell(struct kube_tags *t, const struct kube_digests *found) {
    t->told = found->count > 0 || found->more;
    t->k->host.digests(t->k->host.ctx,
                       &(struct agent_digests){.key = t->entry->key,
                                               .images = (const char *const *)found->images,
                                               .count = found->count,
                                               .more = found->more});
}

static void tell_known(void *ctx) {
    struct kube_tags *t = ctx;

    if (!t->k->stopping) {
        tell(t, &t->known);
    }
    drop_known(t);
}

static bool tell_one(void *ctx, const char *key, void *value) {
    const struct kube_entry *e = value;

    (void)key;
    if (strcmp(e->app, ctx) == 0 && e->tags != NULL && e->tags->hold.at != 0) {
        tell_known(e->tags);
    }
    return true;
}

// Whether anything else of an App is yet to say which digests it runs.
struct others {
    const struct kube_entry *but;
    bool due;
};

static bool is_due(void *ctx, const char *key, void *value) {
    struct others *o = ctx;
    const struct kube_entry *e = value;
    const struct kube_tags *t = e->tags;

    (void)key;
    if (e != o->but && t != NULL && strcmp(e->app, o->but->app) == 0) {
        o->due = t->call != NULL ||
                 (t->form != t->looked && (t->waiting || e->health == AGENT_HEALTH_PROGRESSING));
    }
    return !o->due;
}

static void hold(struct kube_tags *t) {
    struct others others = {.but = t->entry};

    drop_known(t);
    t->known = t->found;
    t->found = (struct kube_digests){0};
    cm_timer_start(t->k->loop, &t->hold, HOLD_MS);
    cm_map_each(t->k->table.by_key, is_due, &others);
    if (!others.due) {
        cm_map_each(t->k->table.by_key, tell_one, t->entry->app);
    }
}

// go_on: what it has become meanwhile is seen with another look at the workload itself.
static void go_on(struct kube_tags *t, bool known) {
    kube_digests_done(&t->found);
    if (t->k->stopping) {
        return;
    }
    if (t->form != t->looks_at) {
        kube_entry_look(t->entry, false);
    } else if (!known) {
        wait_for(t, RETRY_MS + cm_jitter_ms(RETRY_MS));
    } else if (t->refused > 0) {
        wait_for(t, REFUSED_MS);
    } else if (t->missed) {
        wait_for(t, AGAIN_MS);
    } else {
        forget_look(t);
    }
}

static void end_look(struct kube_tags *t, bool known) {
    struct agent_kube *k = t->k;

    k->tags_looking--;
    if (t->entry == NULL) {
        free_tags(t);
    } else {
        t->looked_ms = cm_clock_now_ms();
        t->looked = known ? t->looks_at : t->looked;
        if (known && !k->stopping) {
            kube_digests_close(t->tags, &t->found);
            hold(t);
        }
        go_on(t, known);
    }
    if (!k->stopping && k->tags_timer.at == 0) {
        cm_timer_start(k->loop, &k->tags_timer, REST_MS);
    }
}

static void refuse(struct kube_tags *t) {
    if (!t->k->tags_refused) {
        t->k->tags_refused = true;
        cm_log(CM_LOG_WARN, "agent.digests_unknown",
               "the agent may not list pods, so which digests run behind tags is not known: add "
               "{apiGroups: [\"\"], resources: [\"pods\"], verbs: [\"list\"]} to its Role there or "
               "its ClusterRole",
               "namespace", t->ns, NULL);
    }
    kube_digests_done(&t->found);
    t->refused++;
    end_look(t, t->refused > 1);
}

static void ask(struct kube_tags *t, const char *token);

static void read_page(struct kube_tags *t, const struct kube_answer *answer) {
    const char *more = cm_json_string(cm_json_path(answer->json, "metadata", "continue", NULL));

    kube_digests_read(t->tags, answer->json, t->ended, &t->found);
    t->page = kube_page_next(t->page, answer);
    t->refused = 0;
    if (more == NULL || more[0] == '\0') {
        end_look(t, true);
    } else if (++t->pages < PAGES_MAX) {
        ask(t, more);
    } else {
        t->found.more = true;
        end_look(t, true);
    }
}

static void on_page(void *ctx, const struct kube_answer *answer) {
    struct kube_tags *t = ctx;
    bool over = t->entry == NULL || t->k->stopping;
    bool large = kube_answer_too_large(answer) && t->page > 1 && ++t->pages < PAGES_MAX;

    t->call = NULL;
    if (!over && answer->status == 403) {
        refuse(t);
    } else if (!over && large) {
        t->page /= 2;
        kube_digests_done(&t->found);
        ask(t, "");
    } else if (over || !kube_answer_ok(answer) || answer->json == NULL) {
        end_look(t, false);
    } else {
        read_page(t, answer);
    }
}

static void ask(struct kube_tags *t, const char *token) {
    CM_AUTOFREE char *space = cm_http_escape(t->ns);
    CM_AUTOFREE char *next = cm_http_escape(token);
    CM_AUTOFREE char *path = cm_strf("/api/v1/namespaces/%s/pods?%s&limit=%d%s%s", space, t->query,
                                     t->page, token[0] == '\0' ? "" : "&continue=", next);
    const struct kube_request request = {.method = "GET", .path = path, .done = on_page, .ctx = t};

    t->call = kube_call(t->k, &request);
}

static void begin_look(struct kube_tags *t) {
    t->waiting = false;
    t->missed = false;
    t->k->tags_looking++;
    t->looks_at = t->form;
    t->page = KUBE_PAGE_FIRST;
    t->pages = 0;
    ask(t, "");
}

static void look_at_next(void *ctx) {
    struct agent_kube *k = ctx;

    while (k->tags_timer.at == 0 && !k->stopping && k->tags_looking < LOOKING_MAX &&
           !cm_list_empty(&k->tags)) {
        struct kube_tags *t = CM_CONTAINER(k->tags.next, struct kube_tags, at);

        cm_list_remove(&t->at);
        begin_look(t);
    }
}

static void on_timer(void *ctx) {
    struct kube_tags *t = ctx;

    if (t->k->stopping) {
        return;
    }
    if (t->k->reach != KUBE_UP || !t->entry->tracked) {
        wait_for(t, t->entry->tracked ? RETRY_MS : SOON_MS);
        return;
    }
    cm_list_append(&t->k->tags, &t->at);
    look_at_next(t->k);
}

// ---- When

static uint64_t uid_of(const struct cm_json *live) {
    const char *uid = kube_object_uid(live);

    return kube_hash(0, uid, strlen(uid));
}

// form_of is a hash of the template, or of what counts of a bare pod. One that was deleted and made
// anew has other pods.
static uint64_t form_of(const struct cm_json *live, const char *tags) {
    const struct cm_json *template = cm_json_path(live, "spec", "template", NULL);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    if (template != NULL) {
        cm_json_write_canonical(template, &text);
    }
    return kube_hash(kube_hash(uid_of(live), tags, strlen(tags)), cm_str_get(&text), text.len) | 1;
}

static bool is_led_by_flagger(const struct kube_entry *e) {
    const char *leader = kube_owners_leader(e);

    return leader != NULL && strstr(leader, CANARY) != NULL;
}

// primary_label returns which label tells the pods of a Deployment from those of the one that
// Flagger made of it, which have all others, too; NULL: none does.
// https://docs.flagger.app/faq#label-selectors
static const struct cm_json *primary_label(const struct cm_json *labels) {
    static const char *const names[] = {"app", "name", "app.kubernetes.io/name"};
    const struct cm_json *label = NULL;

    for (size_t i = 0; label == NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        label = cm_json_get(labels, names[i]);
    }
    return cm_json_string(label) == NULL ? NULL : label;
}

static const char *with_primary(struct cm_arena *a, const struct cm_json *live) {
    const struct cm_json *labels = cm_json_path(live, "spec", "selector", "matchLabels", NULL);
    const struct cm_json *telling = primary_label(labels);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    if (telling == NULL) {
        return kube_pods_query(a, live);
    }
    cm_str_addf(&text, "%s in (%s,%s-primary)", telling->key, telling->text, telling->text);
    for (const struct cm_json *l = labels->first; l != NULL; l = l->next) {
        if (l != telling && cm_json_string(l) != NULL) {
            cm_str_addf(&text, ",%s=%s", l->key, l->text);
        }
    }
    CM_AUTOFREE char *query = cm_http_escape(cm_str_get(&text));
    return cm_arena_strf(a, "labelSelector=%s", query);
}

static const char *query_of(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live) {
    return is_led_by_flagger(e) ? with_primary(a, live) : kube_pods_query(a, live);
}

// has_come_up: until then its pods are of this form and that.
static bool has_come_up(const struct kube_entry *e, const struct cm_json *live) {
    bool none = cm_json_int(cm_json_path(live, "spec", "replicas", NULL), 1) == 0;

    return e->health == AGENT_HEALTH_HEALTHY && !kube_causes_unseen(live) &&
           (!none || is_led_by_flagger(e));
}

static struct kube_tags *tags_of(struct kube_entry *e) {
    if (e->tags == NULL) {
        e->tags = cm_new(1, sizeof(*e->tags));
        e->tags->entry = e;
        e->tags->k = e->k;
        e->tags->timer = (struct cm_timer){.run = on_timer, .ctx = e->tags};
        e->tags->hold = (struct cm_timer){.run = tell_known, .ctx = e->tags};
        cm_list_init(&e->tags->at);
    }
    return e->tags;
}

// no_tags: all that it has is written by digest.
static void no_tags(struct kube_entry *e) {
    bool told = e->tags != NULL && (e->tags->told || e->tags->hold.at != 0);

    if (told && !e->k->stopping) {
        tell(e->tags, &(struct kube_digests){0});
    }
    kube_tags_forget(e);
}

// no_pods: it runs something behind tags, in pods that nobody can find by it. It is told each time,
// for the core forgets it where the object is removed.
static void no_pods(struct kube_entry *e) {
    struct kube_tags *t = tags_of(e);

    stop_waiting(t);
    drop_known(t);
    tell(t, &(struct kube_digests){.more = true});
}

static void set_look(struct kube_tags *t, const char *tags, const char *query,
                     const struct cm_json *live) {
    const char *ns = cm_json_string(cm_json_path(live, "metadata", "namespace", NULL));

    forget_look(t);
    t->tags = cm_strdup(tags);
    t->query = cm_strdup(query);
    t->ns = cm_strdup(ns == NULL ? "default" : ns);
    t->ended = kube_causes_says_itself(live);
}

// pause_ms tells when to look; -1: not for this.
static int64_t pause_ms(const struct kube_tags *t, bool changed) {
    int64_t rests_ms = t->looked_ms + AGAIN_MS - cm_clock_now_ms();

    if (t->form != t->looked) {
        return SOON_MS;
    }
    return !changed ? -1 : rests_ms > SOON_MS ? rests_ms : SOON_MS;
}

// see_form tells whether it is as it was seen last.
static bool see_form(struct kube_tags *t, const struct cm_json *live, const char *tags) {
    int64_t generation = cm_json_int(cm_json_path(live, "metadata", "generation", NULL), 0);
    uint64_t version = kube_object_version(live);
    uint64_t uid = uid_of(live);
    bool same = version == t->version;

    if (t->form == 0 || generation != t->generation || uid != t->uid) {
        t->form = form_of(live, tags);
        t->generation = generation;
        t->uid = uid;
    }
    t->version = version;
    return same;
}

static void follow(struct kube_tags *t, const char *tags, const char *query,
                   const struct cm_json *live) {
    bool changed = !see_form(t, live, tags);

    if (t->call != NULL) {
        t->missed = t->missed || changed;
        return; // its end looks again, if that is another form
    }
    if (!has_come_up(t->entry, live)) {
        stop_waiting(t);
        return;
    }
    int64_t ms = pause_ms(t, changed);
    if (ms >= 0 && (!t->waiting || t->awaited != t->form)) {
        stop_waiting(t);
        set_look(t, tags, query, live);
        wait_for(t, ms);
    }
}

void kube_tags_follow(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live) {
    const char *tags = kube_digests_tags(a, live);
    bool refers = cm_json_path(live, "spec", "workloadRef", NULL) != NULL;

    if (e->k->stopping || (tags[0] == '\0' && !refers)) {
        no_tags(e);
        return;
    }
    const char *query = tags[0] == '\0' ? NULL : query_of(e, a, live);
    if (query == NULL) {
        no_pods(e);
    } else {
        follow(tags_of(e), tags, query, live);
    }
}

void kube_tags_init(struct agent_kube *k) {
    cm_list_init(&k->tags);
    k->tags_timer = (struct cm_timer){.run = look_at_next, .ctx = k};
}

void kube_tags_stop(struct agent_kube *k) {
    cm_timer_stop(k->loop, &k->tags_timer);
}
