// A Hold whose rejected release is as it was, and which restores what was promoted since.
//
// Of the rejected release only what the Hold says of it is known, so it is made anew of what was
// promoted, and of that with what was bad put into it. What else the two differ in is as Git says.
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/hold/internal.h"

struct renewing {
    struct cm_arena *a;
    const struct hub_hold *hold;
    const struct hub_hold_object *good; // what was promoted
    size_t count;
};

// find_tree reads an object anew, so that each reader may change its own.
static struct cm_json *find_tree(void *ctx, const char *key) {
    const struct renewing *r = ctx;
    struct cm_json *tree = NULL;
    struct cm_err ignored; // what cannot be read is not there

    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->good[i].key, key) == 0 && r->good[i].bytes != NULL &&
            cm_json_parse(r->a, r->good[i].bytes, r->good[i].size, NULL, &tree, &ignored) < 0) {
            tree = NULL;
        }
    }
    return tree;
}

// ---- Which release it is

// has tells whether what was promoted has one part of the identity, as a Hold sees it.
static bool has(struct renewing *r, const struct hub_hold *hold,
                const struct hub_hold_identity *id) {
    const struct hub_hold_objects objects = {.find = find_tree, .ctx = r, .arena = r->a};
    struct hub_hold part = *hold;

    part.identity = id;
    part.identity_count = 1;
    part.retry = false;
    return hub_hold_in_force(&part, &objects);
}

// is_restored tells whether what was promoted has there what the Hold restores anyway.
static bool is_restored(struct renewing *r, const struct hub_hold_identity *id) {
    const struct hub_hold_delta *d = hub_hold_delta_of(r->hold, id);
    struct hub_hold none = *r->hold;

    none.delta_count = 0;
    return d == NULL ||
           has(r, &none,
               &(struct hub_hold_identity){.object = id->object, .at = id->at, .value = d->use});
}

// is_another tells whether what was promoted is neither of the two releases.
static bool is_another(struct renewing *r) {
    bool rejected = true;
    bool restored = true;

    for (size_t i = 0; i < r->hold->identity_count; i++) {
        rejected = rejected && has(r, r->hold, &r->hold->identity[i]);
        restored = restored && is_restored(r, &r->hold->identity[i]);
    }
    return !rejected && !restored;
}

// ---- The rejected one, as far as it is known

// worsen puts what was bad into an object; it tells whether anything was.
static bool worsen(const struct renewing *r, const char *key, struct cm_json *tree) {
    bool any = false;

    for (size_t i = 0; i < r->hold->delta_count; i++) {
        const struct hub_hold_delta *d = &r->hold->delta[i];
        struct cm_path path;

        if (strcmp(d->object, key) != 0 || d->at[0] == '\0' ||
            !cm_field_parse(r->a, d->at, &path)) {
            continue;
        }
        struct cm_cursor at = cm_field_walk(hub_hold_root(r->a, tree), path.segments, path.count);
        any |= (d->bad != NULL || at.node != NULL) && cm_field_set(r->a, tree, &path, d->bad);
    }
    return any;
}

static struct hub_hold_object worsened(struct renewing *r, const struct hub_hold_object *object) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_json *tree = find_tree(r, object->key);

    if (tree == NULL || !worsen(r, object->key, tree)) {
        return *object;
    }
    cm_json_write_canonical(tree, &text);
    return (struct hub_hold_object){.key = object->key,
                                    .bytes = cm_arena_strndup(r->a, cm_str_get(&text), text.len),
                                    .size = text.len};
}

// find_bad lists the objects of the rejected release: what the promoted workload refers to, and it
// does not, it need not have.
static struct hub_hold_object *find_bad(struct renewing *r, const char *workload, size_t *count) {
    struct hub_hold_object *list = cm_arena_get(r->a, (r->count + 1) * sizeof(*list));
    const struct cm_json *before = find_tree(r, workload);
    struct cm_json *after = find_tree(r, workload);

    *count = 0;
    if (after != NULL) {
        (void)worsen(r, workload, after);
    }
    for (size_t i = 0; i < r->count; i++) {
        const char *key = r->good[i].key;
        bool gone = after != NULL && hub_hold_refers(r->a, before, key) &&
                    !hub_hold_refers(r->a, after, key);

        if (!gone) {
            list[(*count)++] = worsened(r, &r->good[i]);
        }
    }
    return list;
}

// ---- The Hold

// choose_identity keeps what makes the rejected release what it is. A file that has lines of it
// still, and was promoted, tells the two apart no more.
static size_t choose_identity(struct renewing *r, const struct hub_hold *made,
                              struct hub_hold_identity *out) {
    size_t count = 0;
    bool restores = false;

    for (size_t i = 0; i < r->hold->identity_count; i++) {
        const struct hub_hold_identity *id = &r->hold->identity[i];

        if (has(r, r->hold, id) == has(r, made, id)) {
            out[count++] = *id;
            restores |= hub_hold_delta_of(made, id) != NULL;
        }
    }
    return restores ? count : 0;
}

static enum cm_rc take_identity(struct renewing *r, const struct hub_hold *made,
                                struct hub_hold **out, struct cm_err *err) {
    struct hub_hold all = *made;
    struct hub_hold_identity *identity =
        cm_arena_get(r->a, (r->hold->identity_count + 1) * sizeof(*identity));

    all.identity = identity;
    all.identity_count = choose_identity(r, made, identity);
    if (all.identity_count == 0) {
        return cm_fail(err, CM_ENOTFOUND,
                       "what was promoted has nothing in the place of what Hold '%s' keeps out",
                       r->hold->name);
    }
    all.name = hub_hold_name(r->a, &all);
    *out = hub_hold_copy(&all);
    return CM_OK;
}

enum cm_rc hub_hold_renew(const struct hub_hold *hold, const char *workload,
                          const struct hub_hold_object *good, size_t count, const char *revision,
                          struct hub_hold **out, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(hub_hold_freep) struct hub_hold *made = NULL;
    struct renewing r = {.a = a, .hold = hold, .good = good, .count = count};
    size_t bad_count;

    if (!is_another(&r)) {
        return cm_fail(err, CM_EEXISTS, "what was promoted is what Hold '%s' is about", hold->name);
    }
    const struct hub_hold_object *bad = find_bad(&r, workload, &bad_count);
    enum cm_rc rc = hub_hold_make(&(struct hub_hold_decision){.app = hold->app,
                                                              .clusters = hold->clusters,
                                                              .cluster_count = hold->cluster_count,
                                                              .workload = workload,
                                                              .good = good,
                                                              .good_count = count,
                                                              .bad = bad,
                                                              .bad_count = bad_count,
                                                              .good_revision = revision,
                                                              .bad_revision = hold->bad_revision,
                                                              .cause = hold->cause,
                                                              .event = hold->event},
                                  &made, err);
    return rc < 0 ? rc : take_identity(&r, made, out, err);
}
