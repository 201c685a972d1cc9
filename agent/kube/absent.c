// What waits for something that the server does not have: a kind, or a namespace.
//
// Who wants to apply such an object is told so, and comes again after a pause that grows. So that
// this need not be often, the names of definitions, of the server's extensions and of namespaces
// are watched while anything waits for them, and the core is told when something came. Where we may
// not watch them, pauses grow less far.
//
// A survey (survey.c) waits for kinds of workloads that the server does not have: as good as always
// for one or the other, so where definitions may not be watched the kinds are asked for rarely.
//
// What a definition says is offered a moment after it is there, so the kinds are then asked for a
// few times.
#include <stdlib.h>
#include <string.h>

#include "agent/kube/internal.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/id.h"

enum {
    BLIND_MAX_MS = 60000,
    WATCHED_MAX_MS = 300000,
    SURVEY_BLIND_MS = 300000,
    STALE_MS = 900000, // nobody has tried for so long: it is not wanted any more
    ASK_MIN_MS = 300,
    ASK_MAX_MS = 4000,
    ASK_FOR_MS = 10000, // after a definition came
};

struct absence {
    char *kind;
    char *group;
    char *version;    // NULL: any
    char *ns;         // waits for this namespace; NULL: for its kind
    int64_t pause_ms; // the last one
    int64_t tried_ms; // monotonic
};

// What is watched for whom.
static const struct scouted {
    const char *group;
    const char *kind;
    bool namespaces;
} scouted[KUBE_SCOUTS] = {
    {"apiextensions.k8s.io", "CustomResourceDefinition", false},
    {"apiregistration.k8s.io", "APIService", false},
    {"", "Namespace", true},
};

static void absence_free(void *value) {
    struct absence *b = value;

    free(b->kind);
    free(b->group);
    free(b->version);
    free(b->ns);
    free(b);
}

static void on_timer(void *ctx);

void kube_absent_init(struct agent_kube *k) {
    k->absent.by_key = cm_map_new(absence_free);
    k->absent.timer = (struct cm_timer){.run = on_timer, .ctx = k};
    k->absent.asking = (struct cm_backoff){.min_ms = ASK_MIN_MS, .max_ms = ASK_MAX_MS};
}

void kube_absent_stop(struct agent_kube *k) {
    cm_timer_stop(k->loop, &k->absent.timer);
}

void kube_absent_free(struct agent_kube *k) {
    cm_map_free(k->absent.by_key);
}

// ---- What is watched

static bool any_waits(const struct agent_kube *k, bool namespaces) {
    return namespaces ? k->absent.namespaces > 0
                      : k->absent.kinds > 0 || k->table.unresolved > 0 || k->survey.lacks > 0;
}

// settle begins and ends watches.
static void settle(struct agent_kube *k) {
    for (size_t i = 0; i < KUBE_SCOUTS && !k->stopping && k->resources != NULL; i++) {
        struct kube_watch **scout = &k->absent.scouts[i];
        const struct kube_resource *r =
            kube_resources_find(k->resources, scouted[i].group, NULL, scouted[i].kind);
        bool wanted = any_waits(k, scouted[i].namespaces);

        if (wanted && *scout == NULL && r != NULL) {
            *scout = kube_watch_scout(k, r);
        } else if (!wanted && *scout != NULL) {
            kube_watch_end(*scout);
            *scout = NULL;
        }
    }
}

void kube_absent_settle(struct agent_kube *k) {
    settle(k);
}

static bool is_watched(const struct agent_kube *k, bool namespaces) {
    const struct kube_watch *scout = k->absent.scouts[namespaces ? 2 : 0];

    return scout != NULL && scout->complete;
}

// ---- Who waits

static struct absence *make(struct agent_kube *k, const char *key, const char *version,
                            const char *ns) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct absence *b = cm_map_get(k->absent.by_key, key);
    struct cm_object_id id;

    if (b != NULL && (b->ns != NULL) == (ns != NULL)) {
        return b;
    }
    kube_absent_end(k, key);
    if (!cm_object_key_parse(a, key, &id)) {
        return NULL;
    }
    b = cm_new(1, sizeof(*b));
    b->kind = cm_strdup(id.kind);
    b->group = cm_strdup(id.group);
    b->version = version[0] == '\0' ? NULL : cm_strdup(version);
    b->ns = ns == NULL ? NULL : cm_strdup(ns);
    *(ns == NULL ? &k->absent.kinds : &k->absent.namespaces) += 1;
    cm_map_put(k->absent.by_key, key, b);
    return b;
}

int64_t kube_absent_pause(struct kube_op *op, const char *version, const char *ns) {
    struct agent_kube *k = op->k;
    struct absence *b = make(k, op->key, version, ns);

    op->lacks = true;
    if (b == NULL) {
        return KUBE_RETRY_MS;
    }
    settle(k);
    b->tried_ms = cm_clock_now_ms();
    int64_t max_ms = is_watched(k, ns != NULL) ? WATCHED_MAX_MS : BLIND_MAX_MS;
    b->pause_ms = b->pause_ms == 0 ? KUBE_RETRY_MS : 2 * b->pause_ms;
    b->pause_ms = b->pause_ms < max_ms ? b->pause_ms : max_ms;
    return b->pause_ms; // the core adds to it, so that not all come at once
}

void kube_absent_end(struct agent_kube *k, const char *key) {
    const struct absence *b = cm_map_get(k->absent.by_key, key);

    if (b == NULL) {
        return;
    }
    *(b->ns == NULL ? &k->absent.kinds : &k->absent.namespaces) -= 1;
    (void)cm_map_remove(k->absent.by_key, key);
    settle(k);
}

// each visits those that wait; these and others may go meanwhile, and their keys with them.
static void each(struct agent_kube *k,
                 void (*visit)(struct agent_kube *k, const char *key, const struct absence *b,
                               const void *ctx),
                 const void *ctx) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE const char **keys = cm_map_keys(k->absent.by_key);
    size_t count = cm_map_len(k->absent.by_key);

    for (size_t i = 0; i < count; i++) {
        keys[i] = cm_arena_strdup(a, keys[i]);
    }
    for (size_t i = 0; i < count; i++) {
        const struct absence *b = cm_map_get(k->absent.by_key, keys[i]);

        if (b != NULL) {
            visit(k, keys[i], b, ctx);
        }
    }
}

static void forget_stale(struct agent_kube *k, const char *key, const struct absence *b,
                         const void *ctx) {
    const int64_t *now_ms = ctx;

    if (*now_ms - b->tried_ms >= STALE_MS) {
        kube_absent_end(k, key);
    }
}

// asks_blindly tells whether to ask for the kinds without having seen that any came.
static bool asks_blindly(const struct agent_kube *k, int64_t now_ms) {
    bool survey = k->survey.lacks > 0 && now_ms - k->discover_began_ms >= SURVEY_BLIND_MS;

    return (k->table.unresolved > 0 || survey) && k->reach == KUBE_UP && !is_watched(k, false);
}

void kube_absent_minute(struct agent_kube *k) {
    int64_t now_ms = cm_clock_now_ms();

    each(k, forget_stale, &now_ms);
    if (asks_blindly(k, now_ms)) {
        (void)kube_discover_want(k);
    }
}

// ---- What comes

static void say_ready(struct agent_kube *k, const char *key) {
    if (!k->stopping) {
        k->host.ready(k->host.ctx, key);
    }
}

static void wake_of_namespace(struct agent_kube *k, const char *key, const struct absence *b,
                              const void *ctx) {
    const char *name = ctx;

    if (b->ns != NULL && (name == NULL || strcmp(b->ns, name) == 0)) {
        say_ready(k, key);
    }
}

static void wake_of_kind(struct agent_kube *k, const char *key, const struct absence *b,
                         const void *ctx) {
    (void)ctx;
    if (b->ns == NULL && kube_resources_find(k->resources, b->group, b->version, b->kind) != NULL) {
        say_ready(k, key);
    }
}

void kube_absent_discovered(struct agent_kube *k) {
    each(k, wake_of_kind, NULL);
    settle(k);
}

static void ask_later(struct agent_kube *k) {
    cm_timer_start(k->loop, &k->absent.timer, cm_backoff_next(&k->absent.asking));
}

static void on_timer(void *ctx) {
    struct agent_kube *k = ctx;

    if (any_waits(k, false) && k->reach == KUBE_UP) {
        (void)kube_discover_want(k);
    }
    if (any_waits(k, false) && cm_clock_now_ms() < k->absent.until_ms) {
        ask_later(k);
    }
}

static void ask_for_kinds(struct agent_kube *k) {
    k->absent.until_ms = cm_clock_now_ms() + ASK_FOR_MS;
    cm_backoff_reset(&k->absent.asking);
    if (k->absent.timer.at == 0 && !k->stopping) {
        ask_later(k);
    }
}

struct arrival {
    const char *group;
    bool matters;
};

static void compare_group(struct agent_kube *k, const char *key, const struct absence *b,
                          const void *ctx) {
    struct arrival *arrival = (struct arrival *)(uintptr_t)ctx;

    (void)k;
    (void)key;
    arrival->matters |= b->ns == NULL && strcmp(b->group, arrival->group) == 0;
}

// saw_group: "widgets.example.com" and "v1.example.com" are about kinds of example.com.
static void saw_group(struct agent_kube *k, const char *name) {
    const char *dot = strchr(name, '.');
    struct arrival arrival = {.group = dot == NULL ? "" : dot + 1};

    each(k, compare_group, &arrival);
    if (arrival.matters || kube_table_lacks(k, arrival.group) ||
        kube_survey_lacks(k, arrival.group)) {
        ask_for_kinds(k);
    }
}

void kube_absent_saw(const struct kube_watch *w, const struct cm_json *object) {
    const char *name = cm_json_string(cm_json_path(object, "metadata", "name", NULL));

    if (name != NULL && w == w->k->absent.scouts[2]) {
        each(w->k, wake_of_namespace, name);
    } else if (name != NULL) {
        saw_group(w->k, name);
    }
}

void kube_absent_listed(const struct kube_watch *w) {
    if (w == w->k->absent.scouts[2]) {
        each(w->k, wake_of_namespace, NULL);
    } else {
        (void)kube_discover_want(w->k);
    }
}
