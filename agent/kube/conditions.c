// Rules about differences that hold only while an owner exists.
//
// An object that has such rules keeps a list of the owners that they name. Kinds of owners are
// watched like those that have fields by right (owners.c); when an owner comes or goes, the objects
// that depend on it are looked at again. Until it is known whether an owner exists nothing is
// compared; if that cannot be known, for want of rights, it is taken to exist: to take a field from
// somebody who has it does more harm than to let it be.
#include <stdlib.h>
#include <string.h>

#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "common/arena.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/str.h"

static const char no_namespace[] = "";

// space_of is the namespace in a key; the arena's.
static const char *space_of(struct cm_arena *a, const char *key) {
    struct cm_object_id id;

    return cm_object_key_parse(a, key, &id) ? id.namespace : no_namespace;
}

// resolve finds out where an owner is; it tells whether that is news.
static bool resolve(struct kube_entry *e, struct kube_condition *c) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *ns = "";
    const struct kube_resource *r =
        kube_resolve(e->k, a, c->owner, e->default_namespace, NULL, &ns);
    bool was = c->place != NULL;

    free(c->place);
    c->place = NULL;
    if (r == NULL) {
        return was;
    }
    c->place = cm_strdup(kube_key_fill(a, c->owner, ns));
    (void)kube_watch_for(e->k, r, ns, true);
    return !was;
}

static void add(struct kube_entry *e, const char *owner) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_condition *c = &e->conditions[e->condition_count];
    struct cm_object_id id;

    if (!cm_object_key_parse(a, owner, &id)) {
        return; // such a thing never exists
    }
    *c = (struct kube_condition){.owner = cm_strdup(owner),
                                 .kind = kube_owners_kind(e->k, id.group, id.kind)};
    e->condition_count++;
    kube_owners_depend(e->k, c->kind, true);
    (void)resolve(e, c);
}

// drop ends a list of conditions, which is the caller's by now.
static void drop(struct agent_kube *k, struct kube_condition *conditions, size_t count) {
    for (size_t i = 0; i < count; i++) {
        kube_owners_depend(k, conditions[i].kind, false);
        free(conditions[i].owner);
        free(conditions[i].place);
    }
    free(conditions);
}

static bool has_same(const struct kube_entry *e, const struct cm_spare_rule *rules, size_t count) {
    size_t seen = 0;

    for (size_t i = 0; i < count; i++) {
        if (rules[i].owner == NULL) {
            continue;
        }
        if (seen == e->condition_count || strcmp(e->conditions[seen].owner, rules[i].owner) != 0) {
            return false;
        }
        seen++;
    }
    return seen == e->condition_count;
}

void kube_conditions_want(struct kube_entry *e, const struct cm_spare_rule *rules, size_t count) {
    struct kube_condition *before = e->conditions;
    size_t before_count = e->condition_count;

    if (has_same(e, rules, count)) {
        return;
    }
    e->conditions = count == 0 ? NULL : cm_new(count, sizeof(*e->conditions));
    e->condition_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (rules[i].owner != NULL) {
            add(e, rules[i].owner);
        }
    }
    drop(e->k, before, before_count); // afterwards, so that what is watched goes on
}

void kube_conditions_discovered(struct kube_entry *e) {
    for (size_t i = 0; i < e->condition_count; i++) {
        e->guessed |= resolve(e, &e->conditions[i]);
    }
}

static enum kube_knowledge knowledge_of(const struct kube_entry *e,
                                        const struct kube_condition *c) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    return kube_owners_knowledge(e->k, c->kind,
                                 c->place == NULL ? no_namespace : space_of(a, c->place));
}

enum kube_knowledge kube_conditions_known(const struct kube_entry *e) {
    enum kube_knowledge all = KUBE_KNOWN;

    for (size_t i = 0; i < e->condition_count && all != KUBE_PENDING; i++) {
        enum kube_knowledge one = knowledge_of(e, &e->conditions[i]);

        all = one == KUBE_KNOWN ? all : one;
    }
    return all;
}

bool kube_condition_holds(const void *entry, const char *owner) {
    const struct kube_entry *e = entry;

    for (size_t i = 0; i < e->condition_count; i++) {
        const struct kube_condition *c = &e->conditions[i];

        if (strcmp(c->owner, owner) == 0) {
            return knowledge_of(e, c) == KUBE_UNKNOWN ||
                   (c->place != NULL && cm_map_get(e->k->owners.by_key, c->place) != NULL);
        }
    }
    return false;
}

bool kube_conditions_lack_kind(const struct kube_entry *e) {
    for (size_t i = 0; i < e->condition_count; i++) {
        if (e->conditions[i].place == NULL) {
            return true;
        }
    }
    return false;
}

static bool judge_if_depends(void *ctx, const char *key, void *value) {
    const char *owner = ctx;
    struct kube_entry *e = value;

    (void)key;
    for (size_t i = 0; i < e->condition_count; i++) {
        if (e->conditions[i].place != NULL && strcmp(e->conditions[i].place, owner) == 0) {
            kube_entry_judge_anew(e);
            return true;
        }
    }
    return true;
}

void kube_conditions_changed(struct agent_kube *k, const char *owner) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_object_id id;

    if (cm_object_key_parse(a, owner, &id) &&
        k->owners.kinds[kube_owners_kind(k, id.group, id.kind)].conditions > 0) {
        cm_map_each(k->table.by_key, judge_if_depends, (void *)(uintptr_t)owner);
    }
}
