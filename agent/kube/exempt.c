// Objects by which somebody at the site allows changes by hand: `exemptions.holdfast.dev`, in the
// agent's own namespace. Who may make them there is for the cluster's RBAC to say; the agent reads
// them, and tells what became of one by an Event.
//
// Where the server has no such kind there are none. Where we may not list them nothing is known,
// and what was known before stays.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "agent/kube/status.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"

enum { KEPT_MAX = 256, SPEC_MAX = 16384 };

#define GROUP "holdfast.dev"
#define KIND "Exemption"

struct kept {
    char *name;
    char *uid;
    char *manager;
    char *spec; // JSON; NULL: it says nothing, or too much
    int64_t made_ms;
    uint32_t round; // of the list that had it last
};

static void kept_free(void *value) {
    struct kept *o = value;

    free(o->name);
    free(o->uid);
    free(o->manager);
    free(o->spec);
    free(o);
}

void kube_exempt_init(struct agent_kube *k) {
    k->exempt.by_uid = cm_map_new(kept_free);
}

void kube_exempt_free(struct agent_kube *k) {
    cm_map_free(k->exempt.by_uid);
}

// ---- Telling

static int compare_made(const void *a, const void *b) {
    const struct kept *x = *(const struct kept *const *)a;
    const struct kept *y = *(const struct kept *const *)b;

    return x->made_ms != y->made_ms ? (x->made_ms < y->made_ms ? -1 : 1) : strcmp(x->uid, y->uid);
}

struct gathering {
    const struct kept *all[KEPT_MAX];
    size_t count;
};

static bool gather(void *ctx, const char *uid, void *value) {
    struct gathering *g = ctx;

    (void)uid;
    g->all[g->count++] = value;
    return g->count < KEPT_MAX;
}

static struct agent_site_object site_of(struct cm_arena *a, const struct kept *o) {
    struct agent_site_object site = {
        .name = o->name, .uid = o->uid, .manager = o->manager, .made_ms = o->made_ms};
    struct cm_json *spec = NULL;
    struct cm_err ignored;

    if (o->spec != NULL && cm_json_parse(a, o->spec, strlen(o->spec), NULL, &spec, &ignored) == 0) {
        site.spec = spec;
    }
    return site;
}

static void tell(struct agent_kube *k) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct agent_site_object sites[AGENT_SITE_OBJECTS_MAX];
    struct gathering g = {.count = 0};
    size_t count = 0;

    if (k->stopping) {
        return;
    }
    cm_map_each(k->exempt.by_uid, gather, &g);
    qsort(g.all, g.count, sizeof(g.all[0]), compare_made);
    for (; count < g.count && count < AGENT_SITE_OBJECTS_MAX; count++) {
        sites[count] = site_of(a, g.all[count]);
    }
    k->exempt.told = true;
    k->host.exempted(k->host.ctx, sites, count);
}

// ---- What is watched

void kube_exempt_discovered(struct agent_kube *k) {
    const struct kube_resource *r = kube_resources_find(k->resources, GROUP, NULL, KIND);
    struct kube_exempt *x = &k->exempt;

    if (k->driver.observes || k->stopping) {
        return; // nothing is put right
    }
    if (r != NULL && r->namespaced && x->watch == NULL) {
        x->watch = kube_watch_site(k, r, k->applyset.ns);
    } else if (r == NULL && !kube_resources_stale(k->resources) && (x->watch != NULL || !x->told)) {
        if (x->watch != NULL) {
            kube_watch_end(x->watch);
            x->watch = NULL;
        }
        cm_map_free(x->by_uid);
        x->by_uid = cm_map_new(kept_free);
        tell(k);
    }
}

static const char *text_at(const struct cm_json *object, const char *name) {
    const char *text = cm_json_string(cm_json_path(object, "metadata", name, NULL));

    return text == NULL ? "" : text;
}

static char *spec_of(const struct cm_json *object) {
    const struct cm_json *spec = cm_json_get(object, "spec");
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    if (spec != NULL) {
        cm_json_write_canonical(spec, &text);
    }
    return spec == NULL || text.len > SPEC_MAX ? NULL : cm_strdup(cm_str_get(&text));
}

// make returns what is kept of an object; NULL: there are too many.
static struct kept *make(struct kube_exempt *x, const char *uid) {
    struct kept *o = cm_map_get(x->by_uid, uid);

    if (o == NULL && cm_map_len(x->by_uid) == KEPT_MAX) {
        if (!x->many) {
            cm_log(CM_LOG_WARN, "agent.exemptions_many",
                   "there are more Exemptions than the agent looks at: delete those that are over",
                   NULL);
        }
        x->many = true;
        return NULL;
    }
    if (o == NULL) {
        o = cm_new(1, sizeof(*o));
        o->uid = cm_strdup(uid);
        cm_map_put(x->by_uid, uid, o);
    }
    return o;
}

void kube_exempt_saw(struct kube_watch *w, const struct cm_json *object) {
    struct kube_exempt *x = &w->k->exempt;
    const char *uid = kube_object_uid(object);
    struct kept *o = uid[0] == '\0' ? NULL : make(x, uid);

    if (o == NULL) {
        return;
    }
    char *spec = spec_of(object);
    bool same = o->name != NULL &&
                (spec == NULL ? o->spec == NULL : o->spec != NULL && strcmp(spec, o->spec) == 0);
    free(o->name);
    free(o->manager);
    free(o->spec);
    o->name = cm_strdup(text_at(object, "name"));
    o->manager = cm_strdup(kube_object_changed_by(object));
    o->spec = spec;
    o->round = w->round;
    if (!cm_clock_parse(text_at(object, "creationTimestamp"), &o->made_ms)) {
        o->made_ms = 0;
    }
    if (w->complete && w->streaming && !same) {
        tell(w->k);
    }
}

void kube_exempt_lost(struct kube_watch *w, const struct cm_json *object) {
    if (cm_map_remove(w->k->exempt.by_uid, kube_object_uid(object))) {
        tell(w->k);
    }
}

void kube_exempt_listed(struct kube_watch *w) {
    struct kube_exempt *x = &w->k->exempt;
    CM_AUTOFREE const char **uids = cm_map_keys(x->by_uid);
    size_t count = cm_map_len(x->by_uid);

    x->many = false;
    for (size_t i = 0; i < count; i++) {
        const struct kept *o = cm_map_get(x->by_uid, uids[i]);

        if (o->round != w->round) {
            CM_AUTOFREE char *uid = cm_strdup(uids[i]);
            (void)cm_map_remove(x->by_uid, uid);
        }
    }
    tell(w->k);
}

// ---- Events

static struct cm_json *involved(struct cm_arena *a, const struct agent_kube *k,
                                const struct agent_site_object *object) {
    struct cm_json *made = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, made, "apiVersion", GROUP "/v1alpha1");
    cm_json_set_string(a, made, "kind", KIND);
    cm_json_set_string(a, made, "namespace", k->applyset.ns);
    cm_json_set_string(a, made, "name", object->name);
    cm_json_set_string(a, made, "uid", object->uid);
    return made;
}

static struct cm_json *event_of(struct cm_arena *a, const struct agent_kube *k,
                                const struct agent_site_object *object, bool taken,
                                const char *words) {
    struct cm_json *event = cm_json_new(a, CM_OBJECT);
    struct cm_json *metadata = cm_json_new(a, CM_OBJECT);
    struct cm_json *source = cm_json_new(a, CM_OBJECT);
    int64_t now_s = cm_clock_unix_ms() / 1000;
    char now[CM_CLOCK_TEXT_MAX];

    cm_clock_format(now_s * 1000, now);
    (void)snprintf(strchr(now, '.'), sizeof("Z"), "Z"); // a time without fractions
    cm_json_set_string(a, event, "apiVersion", "v1");
    cm_json_set_string(a, event, "kind", "Event");
    cm_json_set_string(a, metadata, "generateName", cm_arena_strf(a, "%.200s.", object->name));
    cm_json_set_string(a, metadata, "namespace", k->applyset.ns);
    cm_json_set(a, event, "metadata", metadata);
    cm_json_set(a, event, "involvedObject", involved(a, k, object));
    cm_json_set_string(a, event, "type", taken ? "Normal" : "Warning");
    cm_json_set_string(a, event, "reason", taken ? "Taken" : "NotTaken");
    cm_json_set_string(a, event, "message", words);
    cm_json_set_string(a, source, "component", "holdfast-agent");
    cm_json_set(a, event, "source", source);
    cm_json_set_string(a, event, "firstTimestamp", now);
    cm_json_set_string(a, event, "lastTimestamp", now);
    cm_json_set_int(a, event, "count", 1);
    return event;
}

static void on_said(void *ctx, const struct kube_answer *answer) {
    static const struct kube_resource events = {.group = "", .plural = "events"};
    const struct agent_kube *k = ctx;
    const struct kube_asked asked = {"create", &events, k->applyset.ns, NULL, NULL};
    struct cm_err err;

    if (!kube_answer_ok(answer) && !k->stopping) {
        (void)kube_answer_error(answer, &asked, &err);
        cm_log(CM_LOG_DEBUG, "agent.event_lost", err.msg, NULL);
    }
}

void kube_exempt_say(struct agent_kube *k, const struct agent_site_object *object, bool taken,
                     const char *words) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str body = {0};
    CM_AUTOFREE char *path = cm_strf("/api/v1/namespaces/%s/events", k->applyset.ns);

    if (k->reach != KUBE_UP || k->stopping) {
        return;
    }
    cm_json_write_compact(event_of(a, k, object, taken, words), &body);
    (void)kube_call(k, &(struct kube_request){.method = "POST",
                                              .path = path,
                                              .content_type = "application/json",
                                              .body = cm_str_get(&body),
                                              .done = on_said,
                                              .ctx = k});
}
