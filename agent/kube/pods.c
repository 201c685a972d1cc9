// Why an object is not ready: its pods are asked while it is not, then Events, then a log.
//
// Nothing watches pods: they are many, and say nothing while all is well. A workload that is ill is
// looked into at once, one that is in progress once it has not changed for a while, so that an
// ordinary rollout costs nothing, and one that its controller has not seen yet not at all, however
// busy that is; then in growing pauses, and every five minutes in the end. At most two looks are
// under way, so that many ill workloads delay nothing else. A look is a list of the pods; if these
// do not say it all, the Events of one of them, or those of the workload if it has no pod to blame;
// and where the App allows it the end of the log of one container that crashed. A right that is
// missing is told in place of what it would have shown, and hides nothing else.
#include <stdlib.h>
#include <string.h>

#include "agent/kube/causes.h"
#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "common/arena.h"
#include "common/backoff.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

enum {
    ILL_MS = 500,
    PATIENCE_MS = 8000,
    PATIENT_MS = 16000, // patience begins anew with each change
    BUSY_MS = 500,
    LOOKING_MAX = 2,
    PODS_MAX = 100, // of a page; bounds the answer
    EVENTS_MAX = 100,
    LOG_MAX = 16 << 10, // asked for
    LINES_MAX = 5,
    TAIL_MAX = 300, // of a log, in the words
};

struct kube_pods {
    struct kube_entry *entry; // NULL: nobody wants to know any more
    struct agent_kube *k;
    struct cm_timer timer;
    struct kube_call *call;
    char *ns;
    char *selector; // of its pods, as a query; NULL: it has none
    char *uid;
    int64_t generation;
    int64_t since_ms; // it is not ready; monotonic
    uint64_t version; // as it was when it was seen last
    char *cause;      // NULL: none is known
    unsigned looks;
    bool waiting; // for the timer
    bool ill;
    bool says_itself; // whether it failed: a Job
    bool failing;     // what its pods lack does not come by waiting
    bool asks_first;  // no look has ended yet

    // Of the present look.
    struct cm_str words;
    unsigned pages; // of its pods
    bool bad;
    char *log_path; // NULL: no log is asked for
};

static void free_pods(struct kube_pods *p) {
    cm_timer_stop(p->k->loop, &p->timer);
    free(p->ns);
    free(p->selector);
    free(p->uid);
    free(p->cause);
    free(p->log_path);
    cm_str_done(&p->words);
    free(p);
}

void kube_pods_forget(struct kube_entry *e) {
    struct kube_pods *p = e->pods;

    e->pods = NULL;
    if (p == NULL) {
        return;
    }
    p->entry = NULL;
    if (p->call != NULL) {
        cm_timer_stop(p->k->loop, &p->timer);
        kube_call_cancel(p->call); // its end frees p
    } else {
        free_pods(p);
    }
}

const char *kube_pods_cause(const struct kube_entry *e) {
    return e->pods == NULL || e->pods->cause == NULL ? "" : e->pods->cause;
}

enum agent_health kube_pods_health(const struct kube_entry *e) {
    const struct kube_pods *p = e->pods;

    if (p == NULL) {
        return e->health;
    }
    if (e->health == AGENT_HEALTH_PROGRESSING && p->failing) {
        return AGENT_HEALTH_DEGRADED;
    }
    // Who hears that it is ill shall hear why.
    return e->health == AGENT_HEALTH_DEGRADED && p->asks_first ? AGENT_HEALTH_PROGRESSING
                                                               : e->health;
}

static void wait_for(struct kube_pods *p, int64_t ms) {
    p->waiting = true;
    cm_timer_start(p->k->loop, &p->timer, ms);
}

// end_look tells what was found, if it is news.
static void end_look(struct kube_pods *p) {
    const char *words = cm_str_get(&p->words);
    bool first = p->asks_first;
    bool news = strcmp(words, kube_pods_cause(p->entry)) != 0 || p->bad != p->failing;

    p->k->pods_looking--;
    p->asks_first = false;
    p->failing = p->bad;
    free(p->cause);
    p->cause = cm_strdup(words);
    p->looks++;
    if (!p->k->stopping) {
        wait_for(p, kube_causes_pause_ms(p->looks));
    }
    if (news || first) {
        kube_entry_reword(p->entry);
    }
}

// is_over ends a look that nobody wants any more.
static bool is_over(struct kube_pods *p) {
    p->call = NULL;
    if (p->entry == NULL) {
        p->k->pods_looking--;
        free_pods(p);
        return true;
    }
    return false;
}

static void add_words(struct kube_pods *p, const char *words) {
    if (words[0] != '\0') {
        cm_str_addf(&p->words, "%s%s", p->words.len == 0 ? "" : "; ", words);
    }
}

// lack says which right is missing, if one is.
static void lack(struct kube_pods *p, const struct kube_answer *answer, const char *verb,
                 const char *resource) {
    if (answer->status == 403) {
        cm_str_addf(&p->words,
                    "%sthe agent may not %s %s in namespace '%s', which would say more: add "
                    "{apiGroups: [\"\"], resources: [\"%s\"], verbs: [\"%s\"]} to its Role there "
                    "or its ClusterRole",
                    p->words.len == 0 ? "" : "; ", verb, resource, p->ns, resource, verb);
    }
}

static void ask(struct kube_pods *p, const char *path, bool text, kube_answer_fn done) {
    struct kube_request request = {.method = "GET",
                                   .path = path,
                                   .accept = text ? "text/plain, */*" : NULL,
                                   .text = text,
                                   .done = done,
                                   .ctx = p};

    p->call = kube_call(p->k, &request);
}

// ---- The log

static void on_log(void *ctx, const struct kube_answer *answer) {
    struct kube_pods *p = ctx;

    if (is_over(p)) {
        return;
    }
    if (kube_answer_ok(answer)) {
        CM_AUTOFREE char *tail = kube_logs_join(answer->text, answer->size);
        size_t len = strlen(tail);
        const char *from = len > TAIL_MAX ? tail + len - TAIL_MAX : tail;

        while (((unsigned char)*from & 0xc0) == 0x80) {
            from++;
        }
        CM_AUTOFREE char *words = cm_strf("its log ends: %s", from);
        add_words(p, len == 0 ? "" : words);
    }
    lack(p, answer, "get", "pods/log");
    end_look(p);
}

static void ask_log(struct kube_pods *p) {
    if (p->log_path == NULL || p->k->stopping) {
        end_look(p);
    } else {
        ask(p, p->log_path, true, on_log);
    }
}

// plan_log remembers which log to ask for: that of the container that crashed.
static void plan_log(struct kube_pods *p, const struct kube_causes *causes) {
    struct agent_health_options options = {0};

    p->k->host.health(p->k->host.ctx, p->entry->app, &options);
    if (!options.logs || causes->crashed_pod == NULL) {
        return;
    }
    CM_AUTOFREE char *space = cm_http_escape(p->ns);
    CM_AUTOFREE char *pod = cm_http_escape(causes->crashed_pod);
    CM_AUTOFREE char *container = cm_http_escape(causes->crashed_container);
    p->log_path = cm_strf(
        "/api/v1/namespaces/%s/pods/%s/log?container=%s%s&tailLines=%d&limitBytes=%d", space, pod,
        container, causes->crashed_before ? "&previous=true" : "", LINES_MAX, LOG_MAX);
}

// ---- Events

static void on_events(void *ctx, const struct kube_answer *answer) {
    struct kube_pods *p = ctx;

    if (is_over(p)) {
        return;
    }
    if (kube_answer_ok(answer) && answer->json != NULL) {
        add_words(p, kube_causes_event(answer->arena, answer->json));
    }
    lack(p, answer, "list", "events");
    ask_log(p);
}

static void ask_events(struct kube_pods *p, const char *uid) {
    CM_AUTOFREE char *space = cm_http_escape(p->ns);
    CM_AUTOFREE char *of = cm_http_escape(uid);
    CM_AUTOFREE char *path =
        cm_strf("/api/v1/namespaces/%s/events?fieldSelector=involvedObject.uid%%3D%s&limit=%d",
                space, of, EVENTS_MAX);

    if (p->k->stopping) {
        end_look(p);
    } else {
        ask(p, path, false, on_events);
    }
}

// ---- Pods

static void ask_pods(struct kube_pods *p, const char *token);

static void read_pods(struct kube_pods *p, const struct kube_answer *answer) {
    struct agent_health_options options = {0};
    struct kube_causes causes;

    p->k->host.health(p->k->host.ctx, p->entry->app, &options);
    kube_causes_find(answer->arena, answer->json, options.logs, &causes);
    const char *more = kube_causes_more(&causes, answer->json, ++p->pages);
    if (more != NULL && causes.ask == NULL && !p->k->stopping) {
        ask_pods(p, more);
        return;
    }
    add_words(p, causes.words);
    p->bad = causes.failing && !p->says_itself;
    plan_log(p, &causes);
    if (causes.ask != NULL) {
        ask_events(p, causes.ask);
    } else if (causes.words[0] == '\0') {
        ask_events(p, p->uid); // perhaps they cannot be made
    } else {
        ask_log(p);
    }
}

static void on_pods(void *ctx, const struct kube_answer *answer) {
    struct kube_pods *p = ctx;

    if (is_over(p)) {
        return;
    }
    if (kube_answer_ok(answer) && answer->json != NULL) {
        read_pods(p, answer);
        return;
    }
    lack(p, answer, "list", "pods");
    ask_events(p, p->uid);
}

static void ask_pods(struct kube_pods *p, const char *token) {
    CM_AUTOFREE char *space = cm_http_escape(p->ns);
    CM_AUTOFREE char *next = cm_http_escape(token);
    CM_AUTOFREE char *path =
        cm_strf("/api/v1/namespaces/%s/pods?%s&limit=%d%s%s", space, p->selector, PODS_MAX,
                token[0] == '\0' ? "" : "&continue=", next);

    ask(p, path, false, on_pods);
}

// ---- When

static void on_timer(void *ctx) {
    struct kube_pods *p = ctx;

    p->waiting = false;
    if (p->k->stopping) {
        return;
    }
    if (p->k->reach != KUBE_UP || p->k->pods_looking >= LOOKING_MAX) {
        wait_for(p, BUSY_MS + cm_jitter_ms(BUSY_MS));
        return;
    }
    p->k->pods_looking++;
    cm_str_clear(&p->words);
    p->bad = false;
    p->pages = 0;
    free(p->log_path);
    p->log_path = NULL;
    if (p->selector != NULL) {
        ask_pods(p, "");
    } else {
        ask_events(p, p->uid);
    }
}

static struct kube_pods *pods_of(struct kube_entry *e) {
    if (e->pods == NULL) {
        e->pods = cm_new(1, sizeof(*e->pods));
        e->pods->entry = e;
        e->pods->k = e->k;
        e->pods->asks_first = true;
        e->pods->since_ms = cm_clock_now_ms();
        e->pods->timer = (struct cm_timer){.run = on_timer, .ctx = e->pods};
    }
    return e->pods;
}

static void set_text(char **at, const char *text) {
    free(*at);
    *at = cm_strdup(text);
}

// begin_anew forgets what the pods of a form before said.
static void begin_anew(struct kube_pods *p, int64_t generation) {
    p->generation = generation;
    p->failing = false;
    p->asks_first = true;
    p->since_ms = cm_clock_now_ms();
    free(p->cause);
    p->cause = NULL;
}

const char *kube_pods_query(struct cm_arena *a, const struct cm_json *live) {
    bool is_pod = kube_causes_is_pod(live);
    const char *what = is_pod ? cm_json_string(cm_json_path(live, "metadata", "name", NULL))
                              : kube_causes_selector(a, live);
    CM_AUTOFREE char *escaped = what == NULL ? NULL : cm_http_escape(what);

    return what == NULL
               ? NULL
               : cm_arena_strf(
                     a, "%s%s",
                     is_pod ? "fieldSelector=metadata.name%3D" : "labelSelector=", escaped);
}

// moves tells whether it changes, and may yet come up by itself.
static bool moves(const struct kube_pods *p, const struct cm_json *live) {
    return !p->ill && p->asks_first && kube_object_version(live) != p->version &&
           cm_clock_now_ms() - p->since_ms < PATIENT_MS;
}

// may_say tells whether an object is not ready in a way that others could explain.
static bool may_say(const struct kube_entry *e, const struct cm_json *live) {
    bool ill = e->health == AGENT_HEALTH_DEGRADED;

    return !e->k->stopping &&
           (ill || (e->health == AGENT_HEALTH_PROGRESSING && !kube_causes_unseen(live)));
}

void kube_pods_follow(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live) {
    bool ill = e->health == AGENT_HEALTH_DEGRADED;
    bool asks = may_say(e, live);
    const char *selector = asks ? kube_pods_query(a, live) : NULL;
    const char *ns = cm_json_string(cm_json_path(live, "metadata", "namespace", NULL));

    if (!asks || (selector == NULL && !kube_causes_has_events(live))) {
        kube_pods_forget(e);
        return;
    }
    struct kube_pods *p = pods_of(e);
    int64_t generation = cm_json_int(cm_json_path(live, "metadata", "generation", NULL), 0);
    bool rested = p->looks > 0 && kube_causes_pause_ms(p->looks) == KUBE_CAUSES_SLOW_MS;
    bool anew = (ill && !p->ill) || generation != p->generation || rested;
    if (generation != p->generation) {
        begin_anew(p, generation);
    }
    set_text(&p->selector, selector);
    set_text(&p->ns, ns == NULL ? "default" : ns);
    set_text(&p->uid, kube_object_uid(live));
    p->ill = ill;
    p->says_itself = kube_causes_says_itself(live);
    p->looks = 0;
    anew |= moves(p, live);
    p->version = kube_object_version(live);
    if (p->call == NULL && (!p->waiting || anew)) {
        wait_for(p, ill ? ILL_MS : PATIENCE_MS);
    }
}
