// What Holds should be written into Git, and which should leave it.
//
// A decision that is in force, or that waits for Git, which says nothing of it, wants a file; all
// clusters that decided the same about the same release are in one. Git says nothing of it because
// nobody wrote it yet, or because somebody took it away: absence is no decision, so it comes back.
// A file that the hub wrote and that holds nothing any more goes: Git says another release, what
// ran it is gone, or no cluster of it has the App any more. What a cluster rejected stays on
// record, so that it is kept out of one that has its name later.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/fleet.h"
#include "hub/hold/hold.h"
#include "hub/jobs/commit.h"
#include "hub/jobs/effects.h"
#include "hub/jobs/planner_state.h"
#include "hub/render/bundle.h"

#define NAMES_MAX 50

// One file.
struct file {
    struct hub_hold *hold; // of the first decision
    const char **clusters; // of all of them
    size_t count;
    size_t room;
    bool written;
    bool found;  // all of them
    bool others; // not all of them were decided by the same
};

struct gathering {
    struct hub_planner *planner;
    struct hub_outcome *outcome;
    struct cm_map *files;     // by path
    struct cm_map *repos;     // of Apps, by name
    struct cm_map *void_ones; // path -> the ask for it to go
    struct cm_map *unwanted;  // path -> event: decided, but asked for in vain
    struct cm_map *reverted;  // event -> itself: Git left the rejected release
    struct cm_map *documents; // path -> something: a Hold is there
    size_t room;
};

static void free_file(void *value) {
    struct file *f = value;

    hub_hold_free(f->hold);
    free(f->clusters);
    free(f);
}

static void add_clusters(struct gathering *g, struct file *f, const struct hub_hold *hold) {
    if (f->count + hold->cluster_count > f->room) {
        f->room = 2 * (f->count + hold->cluster_count);
        f->clusters = cm_resize(f->clusters, f->room * sizeof(*f->clusters));
    }
    for (size_t i = 0; i < hold->cluster_count; i++) {
        f->clusters[f->count++] = cm_arena_strdup(g->outcome->arena, hold->clusters[i]);
    }
}

static void note_app(void *ctx, const struct hub_app_info *app) {
    struct gathering *g = ctx;

    cm_map_put(g->repos, app->name, cm_arena_strdup(g->outcome->arena, app->repo));
}

static void note_missing(void *ctx, const struct hub_hold_info *h) {
    struct gathering *g = ctx;
    const char *path = hub_hold_path(g->outcome->arena, h->hold);
    struct file *f = cm_map_get(g->files, path);

    if (f == NULL) {
        f = cm_new(1, sizeof(*f));
        f->hold = hub_hold_copy(h->hold);
        f->found = true;
        cm_map_put(g->files, path, f);
    }
    f->others = f->others || strcmp(f->hold->cause.actor, h->hold->cause.actor) != 0;
    add_clusters(g, f, h->hold);
    f->written = f->written || h->written;
    f->found = f->found && hub_found_is(g->planner, h->hold->event);
}

// find_pair returns the App on the first cluster of a Hold that has it; NULL: none has.
static const struct hub_pair *find_pair(const struct hub_planner *p, const struct hub_hold *hold) {
    for (size_t i = 0; i < hold->cluster_count; i++) {
        const struct hub_desired *d = hub_fleet_desired(p->fleet, hold->clusters[i]);

        for (size_t k = 0; d != NULL && k < d->pair_count; k++) {
            if (strcmp(d->pairs[k].app, hold->app) == 0) {
                return &d->pairs[k];
            }
        }
    }
    return NULL;
}

// is_settled tells whether what a cluster runs of the App is what Git says now.
static bool is_settled(const struct hub_planner *p, const struct hub_hold *hold) {
    const struct hub_pair *pair = find_pair(p, hold);

    return pair != NULL && !pair->stale && pair->waits == NULL;
}

// why_void says why nothing is held any more; NULL: that is not sure.
static const char *why_void(const struct gathering *g, const struct hub_hold *hold) {
    const struct hub_pair *pair = find_pair(g->planner, hold);
    const char *object = hold->identity_count > 0 ? hold->identity[0].object : "";

    if (pair == NULL) {
        return hub_fleet_left(g->planner->fleet, hold)
                   ? cm_arena_strf(g->outcome->arena, "no cluster of it has App '%s' any more",
                                   hold->app)
                   : NULL;
    }
    if (!is_settled(g->planner, hold)) {
        return NULL;
    }
    return hub_bundle_find_key(pair->bundle, object) == NULL
               ? cm_arena_strf(g->outcome->arena, "%s is gone", object)
               : "Git says another release";
}

const char *hub_hold_marks(bool written, bool retried) {
    return retried ? "retried" : written ? "written" : "";
}

struct hub_hold_mark *hub_hold_add_mark(struct hub_outcome *o) {
    size_t count = o->mark_count;

    if ((count & (count - 1)) == 0) { // grows when it is a power of two
        struct hub_hold_mark *all = cm_arena_get(o->arena, (2 * count + 1) * sizeof(*all));

        if (count > 0) {
            memcpy(all, o->marks, count * sizeof(*all));
        }
        o->marks = all;
    }
    return &o->marks[o->mark_count++];
}

// note_mark notes what became known of a decision's Hold, so that a restart knows it still.
static void note_mark(struct gathering *g, const char *event, bool written, bool retried) {
    const char *marks = hub_hold_marks(written, retried);
    const char *before = cm_map_get(g->planner->marked, event);

    if (strcmp(marks, before == NULL ? "" : before) != 0) {
        cm_map_put(g->planner->marked, event, cm_strdup(marks));
        *hub_hold_add_mark(g->outcome) =
            (struct hub_hold_mark){.event = cm_arena_strdup(g->outcome->arena, event),
                                   .written = written,
                                   .retried = retried};
    }
}

// note_left: what nothing has written holds nothing any more. Of an App that reverts that is the
// answer: pushed again, the release is held by a Hold, at once. What was asked for is dropped; an
// App that reverts may have asked for more than one, one after the other.
static void note_left(struct gathering *g, const struct hub_hold_info *h) {
    struct cm_arena *a = g->outcome->arena;
    char *event = cm_arena_strdup(a, h->hold->event);

    if (!is_settled(g->planner, h->hold)) {
        return;
    }
    bool reverts = !h->retried && hub_fleet_reverts(g->planner->fleet, h->hold->app);
    if (reverts && !h->written) {
        cm_map_put(g->reverted, event, event);
    }
    if (reverts || (!h->written && (!h->retried || hub_hold_is_own(h->hold)))) {
        cm_map_put(g->unwanted, hub_hold_path(a, h->hold), event);
    }
}

static void note_going(struct gathering *g, const struct hub_hold_info *h) {
    struct cm_arena *a = g->outcome->arena;
    const char *why = why_void(g, h->hold);

    if (why != NULL) {
        struct hub_hold_ask *ask = cm_arena_get(a, sizeof(*ask));

        *ask = (struct hub_hold_ask){.repo = cm_arena_strdup(a, h->repo),
                                     .path = cm_arena_strdup(a, h->path),
                                     .app = cm_arena_strdup(a, h->hold->app),
                                     .why = why};
        cm_map_put(g->void_ones, h->path, ask);
    }
}

// What people wrote, moved or want to be tried again is theirs.
static void note_void(void *ctx, const struct hub_hold_info *h) {
    struct gathering *g = ctx;
    bool document = h->repo[0] != '\0';

    if (document) {
        cm_map_put(g->documents, h->path, g);
    } else {
        note_mark(g, h->hold->event, h->written, h->retried);
    }
    if (!document && h->in_force + h->waits == 0) {
        note_left(g, h);
    }
    if (document && h->in_force == 0 && !h->retried && h->hold->event[0] != '\0' &&
        strcmp(h->path, hub_hold_path(g->outcome->arena, h->hold)) == 0) {
        note_going(g, h);
    }
}

static bool answer(void *ctx, const char *event, void *value) {
    struct gathering *g = ctx;

    (void)value;
    hub_fleet_answer(g->planner->fleet, event);
    note_mark(g, event, true, false);
    return true;
}

// ---- Asking

// known_as returns the id of what is asked for as long as it is the same; the first time it is made
// of the file and, if it has been in Git before, of the commit that lacks it.
static const char *known_as(struct hub_planner *p, struct cm_arena *a, const char *key,
                            const char *content, const char *revision, bool *is_new) {
    CM_AUTOFREE char *same = cm_strf("%s\n%s", key, content);
    CM_AUTOFREE char *once = cm_strf("%s\n%s", same, revision);
    struct cm_sha256 what = cm_sha256(same, strlen(same));
    struct cm_sha256 id = cm_sha256(once, strlen(once));
    const char *before = cm_map_get(p->asked, key);
    char hex[CM_SHA256_HEX_MAX];

    cm_sha256_hex(&what, hex);
    *is_new = before == NULL || strcmp(before, hex) != 0;
    cm_map_put(p->asked, key, cm_strdup(hex));
    cm_sha256_hex(&id, hex);
    return cm_arena_strdup(a, hex);
}

#define UNWANTED "unwanted" // what is asked for to drop what was asked for

// was_dropped: what is wanted once more is another wish than the first.
static bool was_dropped(const struct hub_planner *p, const char *key) {
    CM_AUTOFREE char *same = cm_strf("%s\n" UNWANTED, key);
    struct cm_sha256 what = cm_sha256(same, strlen(same));
    const char *before = cm_map_get(p->asked, key);
    char hex[CM_SHA256_HEX_MAX];

    cm_sha256_hex(&what, hex);
    return before != NULL && strcmp(before, hex) == 0;
}

static const char *revision_of(const struct hub_planner *p, struct cm_arena *a, const char *repo) {
    char hex[HUB_REPO_ID_HEX_MAX] = "";

    for (size_t i = 0; i < p->source_count; i++) {
        if (strcmp(p->sources[i].name, repo) == 0) {
            hub_repo_id_hex(&p->states[i].commit, hex);
        }
    }
    return cm_arena_strdup(a, hex);
}

static struct hub_hold_ask *add_ask(struct gathering *g) {
    struct hub_outcome *o = g->outcome;

    if (o->asks == NULL) {
        o->asks = cm_arena_get(o->arena, g->room * sizeof(*o->asks));
    }
    return &o->asks[o->ask_count++];
}

static const char *names_of(struct cm_arena *a, const struct hub_hold *hold) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    for (size_t i = 0; i < hold->cluster_count && i < NAMES_MAX; i++) {
        cm_str_addf(&text, "%s%s", i > 0 ? " " : "", hold->clusters[i]);
    }
    return cm_arena_strdup(a, cm_str_get(&text));
}

// controller_of: a workload of a release group may have gone back though nobody has decided of it
// yet; that is no decision of holdfast's own.
static const char *controller_of(const struct hub_hold *hold) {
    return hold->cause.controller[0] == '\0' ? "release-group" : hold->cause.controller;
}

static struct hub_hold_ask ask_of(struct cm_arena *a, const struct hub_hold *hold,
                                  const struct file *f) {
    return (struct hub_hold_ask){
        .app = cm_arena_strdup(a, hold->app),
        .rejected = cm_arena_strdup(a, hub_hold_rejected(a, hold)),
        .restored = cm_arena_strdup(a, hub_hold_restored(a, hold)),
        .bad_revision = cm_arena_strdup(a, hold->bad_revision),
        .controller = cm_arena_strdup(a, controller_of(hold)),
        .actor = cm_arena_strdup(a, f->others ? "" : hold->cause.actor),
        .object = cm_arena_strdup(a, hold->cause.object),
        .words = cm_arena_strdup(a, hold->cause.text),
        .cluster = cm_arena_strdup(a, hold->clusters[0]),
        .names = names_of(a, hold),
        .clusters = hold->cluster_count,
        .own = hub_hold_is_own(hold),
        .undone = hub_hold_is_undone(hold),
    };
}

// is_on_its_way: what would be held may be reverted in Git, which was not read since.
static bool is_on_its_way(const struct hub_planner *p, const char *path, const char *revision) {
    const char *before = cm_map_get(p->reverted, path);

    return before != NULL && strcmp(before, revision) == 0;
}

static bool ask_for_file(void *ctx, const char *path, void *value) {
    struct gathering *g = ctx;
    const struct file *f = value;
    struct cm_arena *a = g->outcome->arena;
    const char *repo = cm_map_get(g->repos, f->hold->app);
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *all = hub_hold_with(f->hold, f->clusters, f->count);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    bool is_new = false;

    // Or the App is gone meanwhile.
    if (repo == NULL || is_on_its_way(g->planner, path, revision_of(g->planner, a, repo))) {
        return true;
    }
    hub_hold_write(all, &text);
    bool reverts = hub_fleet_reverts(g->planner->fleet, f->hold->app);
    bool again = f->written || was_dropped(g->planner, path);
    const char *revision = again ? revision_of(g->planner, a, repo) : "";
    const char *id = known_as(g->planner, a, path, cm_str_get(&text), revision, &is_new);
    if (is_new) {
        struct hub_hold_ask *ask = add_ask(g);

        *ask = ask_of(a, all, f);
        ask->id = id;
        ask->repo = repo;
        ask->path = cm_arena_strdup(a, path);
        ask->text = cm_arena_strdup(a, cm_str_get(&text));
        ask->again = f->written && !reverts;
        ask->back = f->written && reverts;
        ask->revert = !again && reverts;
        ask->found = f->found;
        hub_effects_find(g->planner->fleet, a, all, ask);
    }
    return true;
}

static bool ask_to_go(void *ctx, const char *path, void *value) {
    struct gathering *g = ctx;
    struct hub_hold_ask *ask = value;
    const char *revision = revision_of(g->planner, g->outcome->arena, ask->repo);
    bool is_new = false;

    ask->id = known_as(g->planner, g->outcome->arena, path, "void", revision, &is_new);
    if (is_new) {
        *add_ask(g) = *ask;
    }
    return true;
}

// ask_to_drop: what was asked for may wait still, in a pull request; Git says another release
// meanwhile.
static bool ask_to_drop(void *ctx, const char *path, void *value) {
    struct gathering *g = ctx;
    struct cm_arena *a = g->outcome->arena;
    const char *folder = path + strlen("holds/");
    const char *app = cm_arena_strndup(a, folder, strcspn(folder, "/"));
    const char *repo = cm_map_get(g->repos, app);
    bool is_new = false;

    if (repo == NULL || cm_map_get(g->planner->asked, path) == NULL ||
        cm_map_get(g->files, path) != NULL || cm_map_get(g->documents, path) != NULL) {
        return true;
    }
    const char *once =
        cm_arena_strf(a, "%s\n%s", (const char *)value, revision_of(g->planner, a, repo));
    const char *id = known_as(g->planner, a, path, UNWANTED, once, &is_new);
    if (is_new) {
        *add_ask(g) = (struct hub_hold_ask){.id = id,
                                            .repo = repo,
                                            .path = cm_arena_strdup(a, path),
                                            .app = app,
                                            .why = "Git says another release"};
    }
    return true;
}

// forget_answered lets what is no longer wanted be asked for anew when it is wanted once more.
static void forget_answered(const struct gathering *g) {
    CM_AUTOFREE const char **keys = cm_map_keys(g->planner->asked);
    size_t count = cm_map_len(g->planner->asked);

    for (size_t i = 0; i < count; i++) {
        if (cm_map_get(g->files, keys[i]) == NULL && cm_map_get(g->void_ones, keys[i]) == NULL &&
            cm_map_get(g->unwanted, keys[i]) == NULL) {
            (void)cm_map_remove(g->planner->asked, keys[i]);
        }
    }
}

// ---- What was reverted

struct answering {
    struct cm_arena *arena;
    const char *app;
    const char *path;
    const char *repo;
    const char **events;
    size_t count;
};

static void find_repo(void *ctx, const struct hub_app_info *app) {
    struct answering *a = ctx;

    if (strcmp(app->name, a->app) == 0) {
        a->repo = cm_arena_strdup(a->arena, app->repo);
    }
}

static void find_event(void *ctx, const struct hub_hold_info *h) {
    struct answering *a = ctx;

    if (h->repo[0] == '\0' && !h->written && !h->retried && strcmp(h->hold->app, a->app) == 0 &&
        strcmp(hub_hold_path(a->arena, h->hold), a->path) == 0) {
        a->events = cm_resize(a->events, (a->count + 1) * sizeof(*a->events));
        a->events[a->count++] = cm_arena_strdup(a->arena, h->hold->event);
    }
}

void hub_planner_note_reverted(struct hub_planner *p, const char *app, const char *path) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    struct answering a = {.arena = arena, .app = app, .path = path};

    hub_fleet_each_hold(p->fleet, find_event, &a);
    hub_fleet_each_app(p->fleet, find_repo, &a);
    for (size_t i = 0; i < a.count; i++) {
        hub_fleet_answer(p->fleet, a.events[i]);
        cm_map_put(p->marked, a.events[i], cm_strdup(hub_hold_marks(true, false)));
    }
    if (a.count > 0 && a.repo != NULL) {
        (void)cm_map_remove(p->asked, path);
        cm_map_put(p->reverted, path, cm_strdup(revision_of(p, arena, a.repo)));
    }
    free(a.events);
}

void hub_planner_ask_holds(struct hub_planner *p, struct hub_outcome *o) {
    struct gathering g = {.planner = p, .outcome = o};

    if (!p->ready || !hub_fleet_is_loaded(p->fleet)) {
        return; // what is not read yet looks as if it was not there
    }
    g.files = cm_map_new(free_file);
    g.repos = cm_map_new(NULL);
    g.void_ones = cm_map_new(NULL);
    g.unwanted = cm_map_new(NULL);
    g.reverted = cm_map_new(NULL);
    g.documents = cm_map_new(NULL);
    hub_fleet_missing_holds(p->fleet, note_missing, &g);
    hub_fleet_each_hold(p->fleet, note_void, &g);
    cm_map_each(g.reverted, answer, &g);
    if (cm_map_len(g.files) + cm_map_len(g.unwanted) > 0) {
        hub_fleet_each_app(p->fleet, note_app, &g);
    }
    g.room = cm_map_len(g.files) + cm_map_len(g.void_ones) + cm_map_len(g.unwanted);
    cm_map_each(g.files, ask_for_file, &g);
    cm_map_each(g.void_ones, ask_to_go, &g);
    cm_map_each(g.unwanted, ask_to_drop, &g);
    forget_answered(&g);
    cm_map_free(g.files);
    cm_map_free(g.repos);
    cm_map_free(g.void_ones);
    cm_map_free(g.unwanted);
    cm_map_free(g.reverted);
    cm_map_free(g.documents);
}
