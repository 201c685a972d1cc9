// Looks for workloads, whether any App names them or not (found.h): a watch for each of their
// kinds, of all namespaces or of each that was named, which stays though none of its objects is
// tracked. A kind that the server gets later is found then (absent.c).
//
// Whether one that is found is told to anybody the core says: it tracks it then, like any object.
#include <stdlib.h>
#include <string.h>

#include "agent/kube/found.h"
#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "agent/kube/status.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"

enum { KNOWN_MAX = 10000 }; // beyond that none is told of

static const char *const not_theirs[] = {"kube-system", "kube-public", "kube-node-lease"};

// When a workload was last in a list, or in an event: rounds are counted over all watches.
struct known {
    uint32_t round;
};

void kube_survey_init(struct agent_kube *k, const char *namespaces) {
    k->driver.surveys = k->driver.observes && namespaces != NULL && namespaces[0] != '\0';
    k->survey.namespaces = k->driver.surveys ? cm_strdup(namespaces) : NULL;
    k->survey.known = cm_map_new(free);
}

void kube_survey_free(struct agent_kube *k) {
    free(k->survey.namespaces);
    cm_map_free(k->survey.known);
}

static bool is_all(const struct agent_kube *k) {
    return strcmp(k->survey.namespaces, "*") == 0;
}

// ---- Watches

static void watch_kind(struct agent_kube *k, const struct kube_resource *r) {
    char *rest = is_all(k) ? NULL : k->survey.namespaces;

    if (rest == NULL) {
        kube_watch_survey(k, r, "");
        return;
    }
    while (rest[0] != '\0') {
        size_t size = strcspn(rest, ",");
        CM_AUTOFREE char *ns = cm_strndup(rest, size);

        kube_watch_survey(k, r, ns);
        rest += size + (rest[size] == ',');
    }
}

// lose_before says of what a watch would tell of and has not since that round that it is gone.
static void lose_before(const struct kube_watch *w, uint32_t round) {
    struct agent_kube *k = w->k;
    CM_AUTOFREE char *where =
        cm_strf("%s.%s/%s%s", w->kind, w->group, w->ns, w->ns[0] == '\0' ? "" : "/");
    CM_AUTOFREE const char **places = cm_map_keys(k->survey.known);
    size_t count = cm_map_len(k->survey.known);

    for (size_t i = 0; i < count; i++) {
        const struct known *known = cm_map_get(k->survey.known, places[i]);
        CM_AUTOFREE char *place = cm_strdup(places[i]);

        if (known->round < round && strncmp(place, where, strlen(where)) == 0) {
            kube_survey_lost(k, place);
        }
    }
}

// drop_gone ends watches in versions that are no longer served. If the kind is gone with its last
// version, so are all of it.
static void drop_gone(struct agent_kube *k) {
    for (struct cm_list *at = k->watches.next, *next; at != &k->watches; at = next) {
        struct kube_watch *w = CM_CONTAINER(at, struct kube_watch, at);

        bool gone = w->survey && !w->dead && kube_watch_is_gone(w);
        if (gone && kube_resources_find(k->resources, w->group, NULL, w->kind) == NULL) {
            lose_before(w, UINT32_MAX);
        }
        next = at->next;
        if (gone) {
            w->survey = false;
            if (cm_list_empty(&w->entries)) {
                kube_watch_end(w);
            }
        }
    }
}

static void tell_surveyed(struct agent_kube *k) {
    bool all = !k->survey.told;

    for (struct cm_list *at = k->watches.next; all && at != &k->watches; at = at->next) {
        const struct kube_watch *w = CM_CONTAINER(at, struct kube_watch, at);

        all = !w->survey || w->complete || w->refused;
    }
    if (all) {
        k->survey.told = true;
        k->host.surveyed(k->host.ctx);
    }
}

// resource_of returns how the server serves a kind; NULL: it has none.
static const struct kube_resource *resource_of(const struct agent_kube *k, size_t kind) {
    return kube_resources_find(k->resources, kube_found_kinds[kind].group, NULL,
                               kube_found_kinds[kind].kind);
}

void kube_survey_discovered(struct agent_kube *k) {
    if (!k->driver.surveys || !k->survey.begun || k->resources == NULL) {
        return;
    }
    drop_gone(k);
    k->survey.lacks = 0;
    for (size_t i = 0; i < KUBE_FOUND_KINDS; i++) {
        const struct kube_resource *r = resource_of(k, i);

        if (r != NULL) {
            watch_kind(k, r);
        } else {
            k->survey.lacks++;
        }
    }
    kube_absent_settle(k);
    tell_surveyed(k);
}

bool kube_survey_lacks(const struct agent_kube *k, const char *group) {
    bool lacks = false;

    for (size_t i = 0; k->survey.lacks > 0 && i < KUBE_FOUND_KINDS; i++) {
        lacks |= strcmp(kube_found_kinds[i].group, group) == 0 && resource_of(k, i) == NULL;
    }
    return lacks;
}

// kube_survey_begin: before it is known who we are nothing may be tracked.
void kube_survey_begin(struct agent_kube *k) {
    k->survey.begun = true;
    kube_survey_discovered(k);
}

// ---- What they tell

static bool is_looked_for(const struct agent_kube *k, const struct cm_json *live) {
    const char *ns = cm_json_string(cm_json_path(live, "metadata", "namespace", NULL));

    if (ns == NULL || !is_all(k)) {
        return ns != NULL;
    }
    for (size_t i = 0; i < sizeof(not_theirs) / sizeof(not_theirs[0]); i++) {
        if (strcmp(ns, not_theirs[i]) == 0) {
            return false;
        }
    }
    return strcmp(ns, k->applyset.ns) != 0 && strcmp(ns, k->pod_namespace) != 0;
}

// say_full says once that not all are looked at.
static void say_full(struct kube_survey *s) {
    CM_AUTOFREE char *words = cm_strf("there are more than %d workloads, and the others are not "
                                      "looked at: name namespaces with --observe-namespaces",
                                      KNOWN_MAX);

    if (!s->full) {
        s->full = true;
        cm_log(CM_LOG_WARN, "agent.workloads_cut", words, NULL);
    }
}

// note takes down that one is there; it tells whether there was room.
static bool note(struct kube_watch *w, const char *place) {
    struct cm_map *all = w->k->survey.known;
    struct known *known = cm_map_get(all, place);

    if (known == NULL && cm_map_len(all) == KNOWN_MAX) {
        say_full(&w->k->survey);
        return false;
    }
    if (known == NULL) {
        known = cm_new(1, sizeof(*known));
        cm_map_put(all, place, known);
    }
    known->round = known->round > w->round ? known->round : w->round;
    return true;
}

void kube_survey_saw(struct kube_watch *w, struct cm_arena *a, const struct cm_json *live) {
    struct agent_kube *k = w->k;
    const char *place = kube_object_key(a, live);
    struct kube_found found;

    if (w->split || place == NULL || !is_looked_for(k, live) || !kube_found_of(a, live, &found) ||
        !note(w, place)) {
        return;
    }
    const struct kube_entry *e = kube_entry_at(k, place);
    k->host.found(k->host.ctx,
                  &(struct agent_found){.key = place,
                                        .group = found.group,
                                        .runs = found.runs,
                                        .form = found.form,
                                        .as = e != NULL && e->tracked ? e->key : NULL});
}

void kube_survey_lost(struct agent_kube *k, const char *place) {
    if (cm_map_remove(k->survey.known, place)) {
        k->host.lost(k->host.ctx, place);
    }
}

void kube_survey_listed(struct kube_watch *w) {
    lose_before(w, w->round);
    tell_surveyed(w->k);
}

void kube_survey_refused(struct kube_watch *w, const struct kube_answer *answer) {
    struct kube_resource resource = {.group = w->group, .plural = strrchr(w->path, '/') + 1};
    struct kube_asked asked = {"list and watch", &resource, w->ns, NULL, NULL};
    struct cm_err err;

    if (!w->refused) {
        (void)kube_answer_error(answer, &asked, &err);
        cm_log(CM_LOG_WARN, "agent.workloads_unseen", err.msg, "kind", w->kind, "means",
               "what Git does not name of this kind is not told", NULL);
        w->refused = true;
    }
    tell_surveyed(w->k);
}
