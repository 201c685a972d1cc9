// Which watch tells of an entry.
//
// One watch per kind sees all namespaces. Where the agent has rights in some namespaces only, the
// API server refuses it; then it is split: its entries go to watches of one namespace each. It
// stays as a mark of that, without entries, asks now and then whether it may see everything by now,
// and ends with its last part.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "common/mem.h"
#include "common/str.h"

enum { ALONE_MAX = 32 };

// What is watched, wherever it is.
struct subject {
    const char *kind;
    const char *api_version;
    bool foreign;
};

static bool is_of(const struct kube_watch *w, const struct subject *s) {
    return !w->dead && !w->scout && !w->site && w->only == NULL && w->foreign == s->foreign &&
           strcmp(w->kind, s->kind) == 0 && strcmp(w->api_version, s->api_version) == 0;
}

static struct kube_watch *find(struct agent_kube *k, const struct subject *s, const char *ns) {
    for (struct cm_list *at = k->watches.next; at != &k->watches; at = at->next) {
        struct kube_watch *w = CM_CONTAINER(at, struct kube_watch, at);

        if (is_of(w, s) && strcmp(w->ns, ns) == 0) {
            return w;
        }
    }
    return NULL;
}

struct kube_watch *kube_watch_for(struct agent_kube *k, const struct kube_resource *r,
                                  const char *ns, bool foreign) {
    CM_AUTOFREE char *api_version =
        cm_strf("%s%s%s", r->group, r->group[0] == '\0' ? "" : "/", r->version);
    const struct subject s = {r->kind, api_version, foreign};
    struct kube_watch *all = find(k, &s, "");
    struct kube_watch *part = find(k, &s, ns);

    if (all == NULL) {
        return part != NULL ? part : kube_watch_new(k, r, "", foreign); // one of a survey
    }
    if (!all->split) {
        return all;
    }
    return part != NULL ? part : kube_watch_new(k, r, ns, foreign);
}

void kube_watch_survey(struct agent_kube *k, const struct kube_resource *r, const char *ns) {
    CM_AUTOFREE char *api_version = cm_strf("%s/%s", r->group, r->version);
    const struct subject s = {r->kind, api_version, false};
    struct kube_watch *w = find(k, &s, ns);

    if (w == NULL) {
        w = kube_watch_new(k, r, ns, false);
    } else if (!w->survey && w->complete) {
        kube_watch_restart(w); // what it has told before was not heard
        if (w->call != NULL) {
            kube_call_cancel(w->call);
        }
    }
    w->survey = true;
}

// next_part returns the first watch of one namespace from `at` on that `all` was split into.
static struct kube_watch *next_part(const struct kube_watch *all, struct cm_list *at) {
    const struct subject s = {all->kind, all->api_version, all->foreign};

    for (; at != &all->k->watches; at = at->next) {
        struct kube_watch *w = CM_CONTAINER(at, struct kube_watch, at);

        if (w != all && !w->survey && is_of(w, &s)) {
            return w;
        }
    }
    return NULL;
}

static void part_ended(struct agent_kube *k, const char *kind, const char *api_version) {
    const struct subject s = {kind, api_version, false};
    struct kube_watch *all = find(k, &s, "");

    if (all != NULL && all->split && !all->survey && next_part(all, k->watches.next) == NULL) {
        kube_watch_end(all);
    }
}

void kube_watch_drop(struct kube_entry *e) {
    struct kube_watch *w = e->watch;

    if (w == NULL) {
        return;
    }
    cm_list_remove(&e->at_watch);
    e->watch = NULL;
    e->k->table.alone -= w->only != NULL ? 1 : 0;
    if (!cm_list_empty(&w->entries) || w->dead || w->survey) {
        return;
    }
    CM_AUTOFREE char *kind = cm_strdup(w->kind);
    CM_AUTOFREE char *api_version = cm_strdup(w->api_version);
    bool part = w->ns[0] != '\0';
    kube_watch_end(w);
    if (part) {
        part_ended(e->k, kind, api_version);
    }
}

bool kube_watch_only(struct kube_entry *e, const struct kube_resource *resource, const char *ns) {
    if (e->watch != NULL && e->watch->only != NULL) {
        return true;
    }
    if (e->k->table.alone == ALONE_MAX) {
        return false;
    }
    kube_watch_drop(e);
    struct kube_watch *w = kube_watch_new(e->k, resource, ns, false);
    w->only = cm_http_escape(kube_key_name(e->key));
    e->k->table.alone++;
    kube_watch_add(w, e);
    return true;
}

void kube_watch_split(struct kube_watch *w) {
    struct cm_list moving;

    cm_list_init(&moving);
    w->split = true;
    if (w->foreign) {
        kube_owners_split(w);
    }
    while (!cm_list_empty(&w->entries)) {
        struct cm_list *at = w->entries.next;

        cm_list_remove(at);
        cm_list_append(&moving, at);
    }
    while (!cm_list_empty(&moving)) {
        struct kube_entry *e = CM_CONTAINER(moving.next, struct kube_entry, at_watch);

        cm_list_remove(&e->at_watch);
        e->watch = NULL;
        if (!kube_entry_resolve(e)) {
            (void)kube_discover_want(w->k); // which finds a watch for it
        }
    }
}

void kube_watch_join(struct kube_watch *w) {
    struct kube_watch *part;

    w->split = false;
    while (w->foreign && (part = next_part(w, w->k->watches.next)) != NULL) {
        kube_watch_end(part);
    }
    while ((part = next_part(w, w->k->watches.next)) != NULL) {
        assert(!cm_list_empty(&part->entries)); // else it would have ended
        struct kube_entry *e = CM_CONTAINER(part->entries.next, struct kube_entry, at_watch);

        kube_watch_drop(e); // the last one ends the part
        kube_watch_add(w, e);
    }
    kube_watch_restart(w);
}
