#include "agent/apply/found.h"

#include <stdlib.h>
#include <string.h>

#include "agent/apply/internal.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/list.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"

struct found {
    char *key;
    char *group;
    char *runs;
    struct cm_buf *form;
    bool tracked;
    struct cm_list waits;    // in apply->found.waits while it waits for room
    struct cm_list of_group; // in group->members while it is tracked
    // What it looks like to those who ask for what is desired.
    struct agent_entry entry;
    struct agent_desired_app app;
    struct agent_claim claim;
};

struct group {
    struct cm_list members;
    struct cm_sha256 sum; // of what they run, in whatever order they were found
};

// What of the agent's manifest is nobody's.
static struct agent_bundle nobodys = {
    .app = "", .namespace = "", .account = "", .drift = AGENT_DRIFT_REPORT};

static void found_free(void *value) {
    struct found *f = value;

    cm_list_remove(&f->waits);
    cm_list_remove(&f->of_group);
    free(f->key);
    free(f->group);
    free(f->runs);
    cm_buf_unref(f->form);
    free(f);
}

void apply_found_init(struct agent_apply *a) {
    a->found.all = cm_map_new(found_free);
    a->found.groups = cm_map_new(free);
    a->found.places = cm_map_new(free);
    cm_list_init(&a->found.waits);
    a->found.most = AGENT_FOUND_MAX;
}

void apply_found_done(struct agent_apply *a) {
    cm_map_free(a->found.all);
    cm_map_free(a->found.groups);
    cm_map_free(a->found.places);
}

void agent_apply_set_found_max(struct agent_apply *a, size_t most) {
    a->found.most = most;
}

const struct agent_claim *agent_apply_claim(const struct agent_apply *a, const char *key) {
    const struct agent_claim *claim =
        a->desired == NULL ? NULL : agent_desired_claim(a->desired, key);
    const struct found *f = claim != NULL ? NULL : cm_map_get(a->found.all, key);

    return f != NULL && f->tracked ? &f->claim : claim;
}

struct cm_buf *agent_apply_found_form(const struct agent_apply *a, const char *key) {
    const struct found *f = cm_map_get(a->found.all, key);

    return f == NULL || !f->tracked ? NULL : cm_buf_ref(f->form);
}

// claimed_by returns the App in Git that names an object, or NULL.
static const char *claimed_by(const struct agent_apply *a, const char *key) {
    const struct agent_claim *claim =
        a->desired == NULL ? NULL : agent_desired_claim(a->desired, key);

    return claim != NULL ? claim->app->name : cm_map_get(a->found.places, key);
}

// ---- Groups

static void mix(struct group *g, const struct found *f) {
    CM_AUTOFREE char *text = cm_strf("%s\n%s", f->key, f->runs);
    struct cm_sha256 hash = cm_sha256(text, strlen(text));

    for (size_t i = 0; i < sizeof(hash.bytes); i++) {
        g->sum.bytes[i] = (uint8_t)(g->sum.bytes[i] ^ hash.bytes[i]);
    }
}

static void add_images(struct cm_map *images, const struct found *f) {
    for (const char *at = f->runs; *at != '\0'; at += strcspn(at, "\n") + 1) {
        CM_AUTOFREE char *image = cm_strndup(at, strcspn(at, "\n"));

        cm_map_put(images, image, images);
    }
}

// images_of lists all that a group runs, each image once, by name. The caller frees it.
static char *images_of(const struct group *g) {
    CM_CLEANUP(cm_map_freep) struct cm_map *images = cm_map_new(NULL);
    struct cm_str text = {0};

    for (struct cm_list *l = g->members.next; l != &g->members; l = l->next) {
        add_images(images, CM_CONTAINER(l, struct found, of_group));
    }
    CM_AUTOFREE const char **names = cm_map_keys(images);
    for (size_t i = 0; i < cm_map_len(images); i++) {
        cm_str_addf(&text, "%s\n", names[i]);
    }
    return cm_str_take(&text);
}

static void tell_group(struct agent_apply *a, const char *name, const struct group *g) {
    CM_AUTOFREE char *images = images_of(g);

    a->host.app_state(a->host.ctx, &(struct agent_app_state){.app = name,
                                                             .revision = "",
                                                             .bundle_sha256 = g->sum,
                                                             .applied = AGENT_APP_OBSERVED,
                                                             .message = "",
                                                             .images = images});
}

static void join(struct agent_apply *a, struct found *f) {
    struct group *g = cm_map_get(a->found.groups, f->group);

    if (g == NULL) {
        g = cm_new(1, sizeof(*g));
        cm_list_init(&g->members);
        cm_map_put(a->found.groups, f->group, g);
    }
    cm_list_append(&g->members, &f->of_group);
    mix(g, f);
    tell_group(a, f->group, g);
}

// leave: `by` has the object now; NULL: nobody has.
static void leave(struct agent_apply *a, struct found *f, const char *by) {
    struct group *g = cm_map_get(a->found.groups, f->group);

    cm_list_remove(&f->of_group);
    mix(g, f);
    if (!cm_list_empty(&g->members)) {
        tell_group(a, f->group, g);
        return;
    }
    (void)cm_map_remove(a->found.groups, f->group);
    a->host.app_removed(a->host.ctx,
                        &(struct agent_app_removed){
                            .app = f->group, .revision = "", .found = true, .claimed_by = by});
}

// ---- How many there is room for

static void wait(struct agent_apply *a, struct found *f, bool waits) {
    bool waited = !cm_list_empty(&f->waits);

    if (waits && !waited) {
        cm_list_append(&a->found.waits, &f->waits);
        a->found.waiting++;
    } else if (!waits && waited) {
        cm_list_remove(&f->waits);
        a->found.waiting--;
    }
}

static void tell_cut(struct agent_apply *a) {
    size_t all = a->found.tracked + a->found.waiting;
    CM_AUTOFREE char *message =
        cm_strf("observes %zu of %zu workloads that no App names: --observe-max says how many, "
                "--observe-namespaces where",
                a->found.tracked, all);

    if (a->found.waiting > 0) {
        a->host.app_state(a->host.ctx, &(struct agent_app_state){.app = AGENT_FOUND_CUT,
                                                                 .revision = "",
                                                                 .applied = AGENT_APP_OBSERVED,
                                                                 .message = message});
    } else if (a->found.cut) {
        a->host.app_removed(
            a->host.ctx,
            &(struct agent_app_removed){.app = AGENT_FOUND_CUT, .revision = "", .found = true});
    }
    a->found.cut = a->found.waiting > 0;
}

// ---- Tracking

static void track(struct agent_apply *a, const struct found *f) {
    a->driver->ops->track(a->driver, &(struct agent_owned){.app = f->group,
                                                           .key = f->key,
                                                           .default_namespace = "",
                                                           .uid = "",
                                                           .note = "",
                                                           .account = "",
                                                           .nobodys = true});
}

static void begin(struct agent_apply *a, struct found *f) {
    wait(a, f, false);
    f->tracked = true;
    a->found.tracked++;
    a->host.listed(a->host.ctx, f->group, f->key);
    track(a, f);
    join(a, f);
}

// end: an App that names the object by the same key goes on where the group ends.
static void end(struct agent_apply *a, struct found *f, const char *by) {
    const struct agent_claim *claim =
        a->desired == NULL ? NULL : agent_desired_claim(a->desired, f->key);
    bool goes_on = claim != NULL && !agent_entry_is_hook(claim->entry);

    f->tracked = false;
    a->found.tracked--;
    if (!goes_on) {
        a->driver->ops->untrack(a->driver, f->key);
        a->host.removed(a->host.ctx, f->group, f->key);
    }
    leave(a, f, by);
}

// settle decides about one of which nothing is tracked.
static void settle(struct agent_apply *a, struct found *f) {
    bool wanted = claimed_by(a, f->key) == NULL;

    if (wanted && a->found.tracked < a->found.most) {
        begin(a, f);
    } else {
        wait(a, f, wanted);
    }
}

// fill has the first that wait be tracked, as many as there is room for now.
static void fill(struct agent_apply *a) {
    while (a->found.tracked < a->found.most && !cm_list_empty(&a->found.waits)) {
        settle(a, CM_CONTAINER(a->found.waits.next, struct found, waits));
    }
    tell_cut(a);
}

static bool give_way(void *ctx, const char *key, void *value) {
    struct agent_apply *a = ctx;
    struct found *f = value;
    const char *by = claimed_by(a, key);

    if (f->tracked && by != NULL) {
        end(a, f, by);
    }
    return true;
}

static bool come_back(void *ctx, const char *key, void *value) {
    struct found *f = value;

    (void)key;
    if (!f->tracked) {
        settle(ctx, f);
    }
    return true;
}

// find_places finds out where those objects are of which Apps leave the namespace open.
static void find_places(struct agent_apply *a) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *scratch = cm_arena_new(0);

    cm_map_free(a->found.places);
    a->found.places = cm_map_new(free);
    for (size_t i = 0; i < a->desired->claim_count; i++) {
        const struct agent_claim *claim = &a->desired->claims[i];
        const char *key = claim->entry->key;
        const char *place =
            a->driver->ops->locate(a->driver, scratch, key, claim->app->bundle->namespace);

        if (place != NULL && strcmp(place, key) != 0) {
            cm_map_put(a->found.places, place, cm_strdup(claim->app->name));
        }
    }
}

void apply_found_give_way(struct agent_apply *a) {
    if (a->driver->surveys) {
        find_places(a);
        cm_map_each(a->found.all, give_way, a);
    }
}

void apply_found_come_back(struct agent_apply *a) {
    if (a->driver->surveys) {
        cm_map_each(a->found.all, come_back, a);
        tell_cut(a);
    }
}

// ---- From the driver

static struct found *make(struct agent_apply *a, const char *key) {
    struct found *f = cm_new(1, sizeof(*f));

    f->key = cm_strdup(key);
    cm_list_init(&f->waits);
    cm_list_init(&f->of_group);
    f->claim = (struct agent_claim){.entry = &f->entry, .app = &f->app, .found = true};
    cm_map_put(a->found.all, key, f);
    return f;
}

static void describe(struct found *f, const struct agent_found *what) {
    size_t size = strlen(what->form);

    free(f->group);
    free(f->runs);
    cm_buf_unref(f->form);
    f->group = cm_strdup(what->group);
    f->runs = cm_strdup(what->runs);
    f->form = cm_buf_copy(what->form, size);
    f->entry = (struct agent_entry){
        .key = f->key, .sha256 = cm_sha256(what->form, size), .size = (uint32_t)size};
    f->app = (struct agent_desired_app){.name = f->group, .revision = "", .bundle = &nobodys};
}

static bool is_as_told(const struct found *f, const struct agent_found *what) {
    return f->group != NULL && strcmp(f->group, what->group) == 0 &&
           strcmp(f->runs, what->runs) == 0 && f->form->size == strlen(what->form) &&
           memcmp(f->form->data, what->form, f->form->size) == 0;
}

// change: it stays tracked, perhaps as a part of another group.
static void change(struct agent_apply *a, struct found *f, const struct agent_found *what) {
    struct group *same = cm_map_get(a->found.groups, what->group);
    bool moves = strcmp(f->group, what->group) != 0;

    if (moves || same == NULL) {
        leave(a, f, NULL);
        describe(f, what);
        a->host.listed(a->host.ctx, f->group, f->key);
        track(a, f);
        join(a, f);
        return;
    }
    mix(same, f);
    describe(f, what);
    track(a, f);
    mix(same, f);
    tell_group(a, f->group, same);
}

// note_place: an App leaves the namespace open, and where it is was not known when it came.
static void note_place(struct agent_apply *a, const struct agent_found *what) {
    const struct agent_claim *claim =
        what->as == NULL || a->desired == NULL ? NULL : agent_desired_claim(a->desired, what->as);

    if (claim != NULL && strcmp(what->as, what->key) != 0) {
        cm_map_put(a->found.places, what->key, cm_strdup(claim->app->name));
    }
}

void agent_apply_found(struct agent_apply *a, const struct agent_found *what) {
    struct found *f = cm_map_get(a->found.all, what->key);

    if (a->shut) {
        return;
    }
    note_place(a, what);
    f = f == NULL ? make(a, what->key) : f;
    const char *by = claimed_by(a, what->key);
    if (f->tracked && by != NULL) {
        end(a, f, by);
        fill(a);
    }
    if (is_as_told(f, what)) {
        return;
    }
    if (f->tracked) {
        change(a, f, what);
        return;
    }
    describe(f, what);
    settle(a, f);
    tell_cut(a);
}

static void drop(struct agent_apply *a, struct found *f) {
    CM_AUTOFREE char *key = cm_strdup(f->key);

    wait(a, f, false);
    (void)cm_map_remove(a->found.all, key);
    fill(a);
}

void agent_apply_lost(struct agent_apply *a, const char *key) {
    struct found *f = cm_map_get(a->found.all, key);

    if (f != NULL && !f->tracked && !a->shut) {
        drop(a, f);
    }
}

bool apply_found_missing(struct agent_apply *a, const char *key) {
    struct found *f = cm_map_get(a->found.all, key);

    if (f == NULL || !f->tracked || a->shut) {
        return false;
    }
    end(a, f, NULL);
    drop(a, f);
    return true;
}

void agent_apply_surveyed(struct agent_apply *a) {
    CM_AUTOFREE char *told = cm_strf("%zu", a->found.tracked);
    CM_AUTOFREE char *left = cm_strf("%zu", a->found.waiting);
    bool cut = a->found.waiting > 0;

    cm_log(cut ? CM_LOG_WARN : CM_LOG_INFO, cut ? "agent.workloads_cut" : "agent.workloads",
           cut ? "there are more workloads that no App names than are told (--observe-max)"
               : "workloads that no App names are told",
           "told", told, "not_told", left, NULL);
}
