// Holds and Bans: which there are, in Git and not there yet, and which count for a link.
//
// A Hold that is not in Git yet does the same as one that is. A document is the answer to it: it is
// of the same event, or of the same rejected release and names the cluster. What was answered once
// and is then taken off the list of clusters by hand is no longer held; but if no document of the
// release is there at all, the decision counts again: absence decides nothing. Trying again is an
// act: `retry: true` answers, on the clusters that it names, what is decided when it comes, for
// good. Where the release is rejected once more, that is another decision, and holds. What holdfast
// decides itself begins with Git: it waits until a document was the answer, and is then like any
// other. Until then what goes back with another App is wanted only as long as that one is.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/fleet/internal.h"

static struct hub_hold_entry *entry_of(struct hub_named *named) {
    return &((struct hub_held_doc *)(void *)named)->entry;
}

// ---- By App, and decisions by cluster too: a link asks for what it has, not for all of its App's

static void free_set(void *set) {
    hub_set_done(set);
    free(set);
}

void hub_holds_free_app(void *p) {
    struct hub_app_holds *holds = p;

    hub_set_done(&holds->documents);
    hub_set_done(&holds->decisions);
    cm_map_free(holds->by_cluster);
    free(holds);
}

static struct hub_app_holds *holds_of(struct hub_fleet *f, const char *app) {
    struct hub_app_holds *holds = cm_map_get(f->holds, app);

    if (holds == NULL) {
        holds = cm_new(1, sizeof(*holds));
        holds->by_cluster = cm_map_new(free_set);
        cm_map_put(f->holds, app, holds);
    }
    return holds;
}

static void list_decision(struct hub_app_holds *holds, struct hub_hold_entry *entry) {
    hub_set_add(&holds->decisions, entry);
    for (size_t i = 0; i < entry->hold->cluster_count; i++) {
        struct hub_set *set = cm_map_get(holds->by_cluster, entry->hold->clusters[i]);

        if (set == NULL) {
            set = cm_new(1, sizeof(*set));
            cm_map_put(holds->by_cluster, entry->hold->clusters[i], set);
        }
        hub_set_add(set, entry);
    }
}

static void unlist_decision(struct hub_app_holds *holds, struct hub_hold_entry *entry) {
    (void)hub_set_remove(&holds->decisions, entry);
    for (size_t i = 0; i < entry->hold->cluster_count; i++) {
        struct hub_set *set = cm_map_get(holds->by_cluster, entry->hold->clusters[i]);

        if (set != NULL && hub_set_remove(set, entry) && set->count == 0) {
            (void)cm_map_remove(holds->by_cluster, entry->hold->clusters[i]);
        }
    }
}

static void list(struct hub_fleet *f, struct hub_hold_entry *entry) {
    struct hub_app_holds *holds = holds_of(f, entry->hold->app);

    entry->serial = ++f->serials;
    if (entry->own != NULL) {
        list_decision(holds, entry);
    } else {
        hub_set_add(&holds->documents, entry);
    }
}

static void unlist(struct hub_fleet *f, struct hub_hold_entry *entry, const char *app) {
    struct hub_app_holds *holds = cm_map_get(f->holds, app);

    if (holds == NULL) {
        return;
    }
    if (entry->own != NULL) {
        unlist_decision(holds, entry);
    } else {
        (void)hub_set_remove(&holds->documents, entry);
    }
    if (holds->documents.count == 0 && holds->decisions.count == 0) {
        (void)cm_map_remove(f->holds, app);
    }
}

static void touch_clusters(struct hub_update *u, const struct hub_hold *hold) {
    for (size_t i = 0; i < hold->cluster_count; i++) {
        struct hub_named *c = cm_map_get(u->fleet->names[HUB_CLUSTER], hold->clusters[i]);

        if (c != NULL) {
            hub_cluster_touch(u, hub_cluster_of(c));
        }
    }
    hub_begins_touch(u, hold->app);
}

// ---- Documents

// is_written_of tells whether a document is what the hub wrote of a decision, whatever people made
// of it since: it has the event of the first one that it was written of, and the name of all.
static bool is_written_of(const struct hub_hold *document, const struct hub_hold *hold) {
    return document->event[0] != '\0' &&
           (strcmp(document->event, hold->event) == 0 || strcmp(document->name, hold->name) == 0);
}

static bool is_answer(const struct hub_hold *document, const struct hub_hold *hold) {
    return strcmp(document->app, hold->app) == 0 &&
           (is_written_of(document, hold) || hub_hold_same(document, hold));
}

static bool lists_any(const struct hub_hold *document, const struct hub_hold *hold) {
    for (size_t i = 0; i < hold->cluster_count; i++) {
        if (hub_hold_lists(document, hold->clusters[i])) {
            return true;
        }
    }
    return false;
}

// is_about tells whether a decision came no later than what a document is about.
static bool is_about(const struct hub_hold *document, const struct hub_hold *hold) {
    return strcmp(hold->cause.at, document->cause.at) <= 0 ||
           (hold->event[0] != '\0' && strcmp(document->event, hold->event) == 0);
}

// retries tells whether a document begins to say that what was decided may be tried again. After a
// restart nobody knows when it began: it does for what had been in Git, as a retry that was there
// already would be on record, or had been the answer to an earlier decision.
static bool retries(const struct hub_update *u, const struct hub_named *named,
                    const struct hub_hold_entry *entry) {
    const struct hub_hold *document = &named->doc->hold.hold;
    const struct hub_hold *before = named->before != NULL ? &named->before->hold.hold : NULL;

    if (!document->retry || (before != NULL && before->retry && is_answer(before, entry->hold))) {
        return false;
    }
    return before != NULL || !u->commit->complete || entry->written ||
           is_about(document, entry->hold);
}

static void answer_entry(const struct hub_update *u, const struct hub_named *named,
                         struct hub_hold_entry *entry) {
    const struct hub_hold *document = &named->doc->hold.hold;
    bool retry = retries(u, named, entry);

    for (size_t i = 0; i < entry->hold->cluster_count; i++) {
        if (hub_hold_lists(document, entry->hold->clusters[i])) {
            entry->retried[i] = entry->retried[i] || retry;
            entry->written = entry->written || !document->retry || entry->retried[i];
        }
    }
}

// answer notes what a document says of Holds that are known without it.
static void answer(struct hub_update *u, const struct hub_named *named) {
    const struct hub_hold *document = &named->doc->hold.hold;
    const struct hub_app_holds *holds = cm_map_get(u->fleet->holds, document->app);

    for (size_t i = 0; holds != NULL && i < holds->decisions.count; i++) {
        struct hub_hold_entry *entry = holds->decisions.items[i];

        if (is_answer(document, entry->hold)) {
            answer_entry(u, named, entry);
            touch_clusters(u, entry->hold);
        }
    }
}

// touch_answered touches clusters for which a document may have been the answer.
static void touch_answered(struct hub_update *u, const struct hub_hold *document) {
    const struct hub_app_holds *holds = cm_map_get(u->fleet->holds, document->app);

    for (size_t i = 0; holds != NULL && i < holds->decisions.count; i++) {
        const struct hub_hold_entry *entry = holds->decisions.items[i];

        if (is_answer(document, entry->hold)) {
            touch_clusters(u, entry->hold);
        }
    }
}

void hub_holds_changed(struct hub_update *u, struct hub_named *named) {
    struct hub_hold_entry *entry = entry_of(named);

    u->problems = true;
    if (named->before != NULL) {
        unlist(u->fleet, entry, named->before->hold.hold.app);
        touch_clusters(u, &named->before->hold.hold);
        touch_answered(u, &named->before->hold.hold);
    }
    if (named->doc != NULL) {
        entry->hold = &named->doc->hold.hold;
        entry->doc = named->doc;
        list(u->fleet, entry);
        touch_clusters(u, entry->hold);
        answer(u, named);
    }
}

static bool touch_app(void *ctx, const char *name, void *value) {
    const struct hub_app *app = value;

    (void)name;
    for (size_t i = 0; i < app->link_count; i++) {
        hub_cluster_touch(ctx, app->links[i]->cluster);
    }
    return true;
}

static void touch_banned(struct hub_update *u, const struct hub_ban *ban) {
    struct cm_map *apps = u->fleet->names[HUB_APP];
    struct hub_app *app = ban->app != NULL ? cm_map_get(apps, ban->app) : NULL;

    if (app != NULL) {
        (void)touch_app(u, NULL, app);
    } else if (ban->app == NULL) {
        cm_map_each(apps, touch_app, u);
    }
}

void hub_bans_changed(struct hub_update *u, struct hub_named *named) {
    struct hub_fleet *f = u->fleet;

    u->problems = true;
    f->ban_serial = ++f->serials;
    if (named->before != NULL) {
        touch_banned(u, &named->before->ban.ban);
        (void)hub_set_remove(&f->bans, named);
    }
    if (named->doc != NULL) {
        hub_set_add(&f->bans, named);
        touch_banned(u, &named->doc->ban.ban);
    }
}

bool hub_bans_any(const struct hub_fleet *f, const char *app) {
    for (size_t i = 0; i < f->bans.count; i++) {
        const struct hub_ban *ban = &((const struct hub_named *)f->bans.items[i])->doc->ban.ban;

        if (ban->app == NULL || strcmp(ban->app, app) == 0) {
            return true;
        }
    }
    return false;
}

const char *hub_fleet_find_ban(const struct hub_fleet *f, struct cm_arena *a, const char *app,
                               const struct cm_buf *object, const char **out_ban) {
    struct cm_json *tree;
    struct cm_err err;

    if (f->bans.count == 0 ||
        cm_json_parse(a, (const char *)object->data, object->size, NULL, &tree, &err) < 0) {
        return NULL;
    }
    for (size_t i = 0; i < f->bans.count; i++) {
        const struct hub_doc *doc = ((const struct hub_named *)f->bans.items[i])->doc;
        const char *image = hub_ban_finds(&doc->ban.ban, app, tree);

        if (image != NULL) {
            *out_ban = cm_arena_strdup(a, doc->name);
            return image;
        }
    }
    return NULL;
}

bool hub_fleet_only_reports(const struct hub_fleet *f, const char *app) {
    const struct hub_named *named = cm_map_get(f->names[HUB_APP], app);

    return named != NULL && named->doc != NULL && strcmp(named->doc->app.on_reject, "report") == 0;
}

bool hub_fleet_holds_undo(const struct hub_fleet *f, const char *app) {
    const struct hub_named *named = cm_map_get(f->names[HUB_APP], app);

    return named != NULL && named->doc != NULL && named->doc->app.holds_undo;
}

bool hub_fleet_reverts(const struct hub_fleet *f, const char *app) {
    const struct hub_named *named = cm_map_get(f->names[HUB_APP], app);

    return named != NULL && named->doc != NULL && named->doc->app.reverts;
}

const char *hub_fleet_repo_of(const struct hub_fleet *f, const char *app) {
    const struct hub_named *named = cm_map_get(f->names[HUB_APP], app);

    return named != NULL && named->doc != NULL ? named->doc->file->repo->name : NULL;
}

const char *hub_fleet_goes_back(const struct hub_fleet *f, const char *app) {
    const struct hub_named *named = cm_map_get(f->names[HUB_APP], app);

    return named != NULL && named->doc != NULL && named->doc->app.goes_back
               ? named->doc->file->repo->name
               : NULL;
}

// ---- Those that are not in Git yet

static bool is_retried(const struct hub_hold_entry *entry, const char *cluster) {
    for (size_t i = 0; i < entry->hold->cluster_count; i++) {
        if (strcmp(entry->hold->clusters[i], cluster) == 0) {
            return entry->retried[i];
        }
    }
    return false;
}

void hub_holds_free_entry(void *p) {
    struct hub_hold_entry *entry = p;

    hub_hold_free(entry->own);
    free(entry->retried);
    free(entry);
}

// take_over keeps what was the answer to the same decision when it was told before.
static void take_over(struct hub_hold_entry *entry, const struct hub_hold_entry *before) {
    for (size_t i = 0; i < entry->hold->cluster_count; i++) {
        entry->retried[i] = is_retried(before, entry->hold->clusters[i]);
    }
    entry->written = entry->written || before->written;
}

void hub_fleet_hold(struct hub_fleet *f, const struct hub_hold *hold, bool written) {
    struct hub_hold_entry *entry = cm_new(1, sizeof(*entry));
    const struct hub_hold_entry *before = cm_map_get(f->decided, hold->event);

    entry->own = hub_hold_copy(hold);
    entry->hold = entry->own;
    entry->written = written;
    entry->retried = cm_new(hold->cluster_count + 1, sizeof(*entry->retried));
    if (before != NULL) {
        take_over(entry, before);
        hub_fleet_unhold(f, hold->event);
    }
    cm_map_put(f->decided, hold->event, entry);
    list(f, entry);
    hub_set_add(&f->fresh_holds, entry);
}

void hub_fleet_unhold(struct hub_fleet *f, const char *event) {
    struct hub_hold_entry *entry = cm_map_take(f->decided, event);

    if (entry == NULL) {
        return;
    }
    unlist(f, entry, entry->hold->app);
    (void)hub_set_remove(&f->fresh_holds, entry);
    hub_set_add(&f->old_holds, entry);
}

void hub_fleet_retry(struct hub_fleet *f, const char *event) {
    struct hub_hold_entry *entry = cm_map_get(f->decided, event);

    if (entry == NULL) {
        return;
    }
    for (size_t i = 0; i < entry->hold->cluster_count; i++) {
        entry->retried[i] = true;
    }
    hub_set_add(&f->fresh_holds, entry);
}

void hub_fleet_answer(struct hub_fleet *f, const char *event) {
    struct hub_hold_entry *entry = cm_map_get(f->decided, event);

    if (entry != NULL) {
        entry->written = true;
    }
}

// What is in Git already when a decision comes is its answer, but for a retry: that one failed.
static void look_for_answer(struct hub_update *u, struct hub_hold_entry *entry) {
    const struct hub_app_holds *holds = cm_map_get(u->fleet->holds, entry->hold->app);

    for (size_t i = 0; holds != NULL && i < holds->documents.count; i++) {
        const struct hub_hold *document =
            ((struct hub_hold_entry *)holds->documents.items[i])->hold;

        if (!document->retry && is_answer(document, entry->hold)) {
            entry->written = entry->written || lists_any(document, entry->hold);
        }
    }
}

void hub_holds_take(struct hub_update *u) {
    struct hub_fleet *f = u->fleet;

    u->problems = u->problems || f->fresh_holds.count > 0 || f->old_holds.count > 0;
    u->documents = u->documents || f->fresh_holds.count > 0 || f->old_holds.count > 0;
    for (size_t i = 0; i < f->fresh_holds.count; i++) {
        struct hub_hold_entry *entry = f->fresh_holds.items[i];

        look_for_answer(u, entry);
        touch_clusters(u, entry->hold);
    }
    for (size_t i = 0; i < f->old_holds.count; i++) {
        struct hub_hold_entry *entry = f->old_holds.items[i];

        touch_clusters(u, entry->hold);
        hub_holds_free_entry(entry);
    }
    f->fresh_holds.count = 0;
    f->old_holds.count = 0;
}

void hub_holds_free(struct hub_fleet *f) {
    for (size_t i = 0; i < f->old_holds.count; i++) {
        hub_holds_free_entry(f->old_holds.items[i]);
    }
    hub_set_done(&f->old_holds);
    hub_set_done(&f->fresh_holds);
    hub_set_done(&f->bans);
    hub_set_done(&f->exemptions);
    cm_map_free(f->holds);
    cm_map_free(f->decided);
}

// ---- What counts

// is_file_of tells whether a document is what was written of a decision: another one of the same
// release, which restores something else for other clusters, need not list its cluster.
static bool is_file_of(const struct hub_hold *document, const struct hub_hold_entry *entry) {
    return strcmp(document->name, entry->hold->name) == 0 ||
           (document->event[0] != '\0' && strcmp(document->event, entry->hold->event) == 0);
}

// is_answered tells whether Git says what is to be done about a decision on a cluster: by holding
// it, or by no longer listing the cluster.
static bool is_answered(const struct hub_app_holds *holds, const struct hub_hold_entry *entry,
                        const char *cluster) {
    for (size_t i = 0; i < holds->documents.count; i++) {
        const struct hub_hold *document =
            ((const struct hub_hold_entry *)holds->documents.items[i])->hold;

        if (is_answer(document, entry->hold) &&
            (hub_hold_lists(document, cluster) ? !document->retry
                                               : entry->written && is_file_of(document, entry))) {
            return true;
        }
    }
    return false;
}

// waits_for_git: what holdfast decided itself is nothing before Git has said it once.
static bool waits_for_git(const struct hub_hold_entry *entry) {
    return entry->own != NULL && !entry->written && hub_hold_is_own(entry->hold);
}

static bool counts(const struct hub_app_holds *holds, const struct hub_hold_entry *entry,
                   const char *cluster) {
    if (entry->hold->retry) {
        return false;
    }
    return entry->own == NULL ? hub_hold_lists(entry->hold, cluster)
                              : !is_retried(entry, cluster) && !is_answered(holds, entry, cluster);
}

static int compare_entries(const void *a, const void *b) {
    const struct hub_hold_entry *left = *(const struct hub_hold_entry *const *)a;
    const struct hub_hold_entry *right = *(const struct hub_hold_entry *const *)b;
    int order = strcmp(left->hold->name, right->hold->name);

    return order != 0 ? order : strcmp(left->hold->event, right->hold->event);
}

static size_t add_counting(const struct hub_app_holds *holds, const struct hub_set *set,
                           const char *cluster, bool waiting, const struct hub_hold_entry **out) {
    size_t count = 0;

    for (size_t i = 0; i < set->count; i++) {
        if (waits_for_git(set->items[i]) == waiting && counts(holds, set->items[i], cluster)) {
            out[count++] = set->items[i];
        }
    }
    return count;
}

static size_t find_all(const struct hub_fleet *f, const char *app, const char *cluster,
                       bool waiting, const struct hub_hold_entry ***out) {
    const struct hub_app_holds *holds = cm_map_get(f->holds, app);
    const struct hub_set none = {0};

    *out = NULL;
    if (holds == NULL) {
        return 0;
    }
    const struct hub_set *decided = cm_map_get(holds->by_cluster, cluster);
    decided = decided != NULL ? decided : &none;
    const struct hub_hold_entry **found =
        cm_new(holds->documents.count + decided->count + 1, sizeof(*found));
    size_t count = add_counting(holds, &holds->documents, cluster, waiting, found);
    count += add_counting(holds, decided, cluster, waiting, found + count);
    if (count > 1) {
        qsort(found, count, sizeof(*found), compare_entries);
    }
    *out = found;
    return count;
}

size_t hub_holds_find(const struct hub_fleet *f, const char *app, const char *cluster,
                      const struct hub_hold_entry ***out) {
    return find_all(f, app, cluster, false, out);
}

size_t hub_holds_find_waiting(const struct hub_fleet *f, const char *app, const char *cluster,
                              const struct hub_hold_entry ***out) {
    return find_all(f, app, cluster, true, out);
}

// document_on finds the document that holds what was decided on a cluster.
static const struct hub_hold_entry *document_on(const struct hub_app_holds *holds,
                                                const struct hub_hold_entry *entry,
                                                const char *cluster) {
    for (size_t i = 0; i < holds->documents.count; i++) {
        const struct hub_hold_entry *document = holds->documents.items[i];

        if (!document->hold->retry && is_answer(document->hold, entry->hold) &&
            hub_hold_lists(document->hold, cluster)) {
            return document;
        }
    }
    return NULL;
}

const struct hub_hold_entry *hub_holds_standing(const struct hub_app_holds *holds,
                                                const struct hub_hold_entry *entry) {
    const struct hub_hold_entry *found = NULL;

    for (size_t i = 0; found == NULL && i < entry->hold->cluster_count; i++) {
        const char *cluster = entry->hold->clusters[i];

        found = entry->retried[i] ? NULL : document_on(holds, entry, cluster);
        if (found == NULL && !waits_for_git(entry) && counts(holds, entry, cluster)) {
            found = entry;
        }
    }
    return found;
}

// ---- For those who ask

static const struct hub_link *link_of(const struct hub_fleet *f, const struct hub_hold_entry *entry,
                                      const char *cluster) {
    const struct hub_cluster *c = cm_map_get(f->names[HUB_CLUSTER], cluster);
    const struct hub_app *app = cm_map_get(f->names[HUB_APP], entry->hold->app);

    return c != NULL && app != NULL ? hub_link_find(c, app) : NULL;
}

// applied_on tells whether an entry is in force on a cluster, waits_on whether it would be.
static bool applied_on(const struct hub_fleet *f, const struct hub_hold_entry *entry,
                       const char *cluster) {
    const struct hub_link *link = link_of(f, entry, cluster);

    return link != NULL && hub_held_applies(link, entry->serial);
}

// ---- What goes back with another

static const struct hub_hold_entry *leader_in(const struct hub_app_holds *holds,
                                              const struct hub_hold_entry *entry,
                                              const char *cluster) {
    const struct hub_set *decided = holds != NULL ? cm_map_get(holds->by_cluster, cluster) : NULL;

    for (size_t i = 0; decided != NULL && i < decided->count; i++) {
        const struct hub_hold_entry *other = decided->items[i];

        if (hub_hold_goes_with(entry->hold, other->hold)) {
            return other;
        }
    }
    return NULL;
}

const struct hub_hold_entry *hub_holds_leader(const struct hub_fleet *f,
                                              const struct hub_hold_entry *entry,
                                              const char *cluster) {
    CM_AUTOFREE char *app = hub_hold_joined(entry->hold);

    return app != NULL ? leader_in(cm_map_get(f->holds, app), entry, cluster) : NULL;
}

static bool would_be_on(const struct hub_fleet *f, const struct hub_hold_entry *entry,
                        const char *cluster) {
    const struct hub_link *link = link_of(f, entry, cluster);

    return link != NULL && hub_held_waits(link, entry->serial);
}

// is_kept_out tells whether what was decided is in force, by itself or by a document.
static bool is_kept_out(const struct hub_fleet *f, const struct hub_hold_entry *entry,
                        const char *cluster) {
    const struct hub_app_holds *holds = cm_map_get(f->holds, entry->hold->app);
    bool is = applied_on(f, entry, cluster);

    for (size_t i = 0; !is && i < holds->documents.count; i++) {
        const struct hub_hold_entry *document = holds->documents.items[i];

        is = is_answer(document->hold, entry->hold) && applied_on(f, document, cluster);
    }
    return is;
}

static bool waits_on(const struct hub_fleet *f, const struct hub_hold_entry *entry,
                     const char *cluster) {
    if (!would_be_on(f, entry, cluster)) {
        return false;
    }
    const struct hub_hold_entry *leader = hub_holds_leader(f, entry, cluster);
    return leader == NULL || would_be_on(f, leader, cluster) || is_kept_out(f, leader, cluster);
}

// note_gone: of what people wrote names that are not there are problems.
static void note_gone(const struct hub_fleet *f, struct hub_hold_info *info) {
    const struct hub_hold *hold = info->hold;

    if (info->repo[0] == '\0' || hold->event[0] == '\0') {
        return;
    }
    info->gone_app = hub_find_app(f, hold->app) == NULL ? hold->app : NULL;
    for (size_t i = 0; i < hold->cluster_count && info->gone_cluster == NULL; i++) {
        info->gone_cluster =
            hub_find_cluster(f, hold->clusters[i]) == NULL ? hold->clusters[i] : NULL;
    }
}

static struct hub_hold_info info_of(const struct hub_fleet *f, struct cm_arena *a,
                                    const struct hub_hold_entry *entry) {
    const struct hub_file *file = entry->own == NULL ? entry->doc->file : NULL;
    struct hub_hold_info info = {
        .hold = entry->hold,
        .rejected = hub_hold_rejected(a, entry->hold),
        .restored = hub_hold_restored(a, entry->hold),
        .repo = file != NULL ? file->repo->name : "",
        .path = file != NULL ? (const char *)file->path->data : "",
        .written = entry->written,
        .retried = entry->hold->retry,
    };

    for (size_t i = 0; i < entry->hold->cluster_count; i++) {
        info.retried = info.retried || (entry->own != NULL && entry->retried[i]);
        info.in_force += applied_on(f, entry, entry->hold->clusters[i]) ? 1 : 0;
        info.waits += waits_on(f, entry, entry->hold->clusters[i]) ? 1 : 0;
    }
    note_gone(f, &info);
    return info;
}

static void visit_entry(const struct hub_fleet *f, const struct hub_hold_entry *entry,
                        void (*visit)(void *ctx, const struct hub_hold_info *h), void *ctx) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_hold_info info = info_of(f, a, entry);

    visit(ctx, &info);
}

void hub_fleet_each_hold(const struct hub_fleet *f,
                         void (*visit)(void *ctx, const struct hub_hold_info *h), void *ctx) {
    const struct cm_map *documents = f->names[HUB_HOLD];
    CM_AUTOFREE const char **names = cm_map_keys(documents);
    CM_AUTOFREE const char **events = cm_map_keys(f->decided);

    for (size_t i = 0; i < cm_map_len(documents); i++) {
        struct hub_named *named = cm_map_get(documents, names[i]);

        if (named->doc != NULL) {
            visit_entry(f, entry_of(named), visit, ctx);
        }
    }
    for (size_t i = 0; i < cm_map_len(f->decided); i++) {
        visit_entry(f, cm_map_get(f->decided, events[i]), visit, ctx);
    }
}

// is_decided tells whether the same release is kept out of a cluster by what was decided there.
static bool is_decided(const struct hub_fleet *f, const struct hub_hold *hold,
                       const char *cluster) {
    const struct hub_app_holds *holds = cm_map_get(f->holds, hold->app);
    const struct hub_set *decided = holds == NULL ? NULL : cm_map_get(holds->by_cluster, cluster);

    for (size_t i = 0; decided != NULL && i < decided->count; i++) {
        if (hub_hold_same(((const struct hub_hold_entry *)decided->items[i])->hold, hold)) {
            return true;
        }
    }
    return false;
}

bool hub_fleet_left(const struct hub_fleet *f, const struct hub_hold *hold) {
    const struct hub_app *app = cm_map_get(f->names[HUB_APP], hold->app);

    for (size_t i = 0; i < hold->cluster_count; i++) {
        const struct hub_cluster *c = cm_map_get(f->names[HUB_CLUSTER], hold->clusters[i]);

        if ((c != NULL && app != NULL && hub_link_find(c, app) != NULL) ||
            !is_decided(f, hold, hold->clusters[i])) {
            return false;
        }
    }
    return true;
}

// What was, and is, held of a release on a cluster.
struct history {
    const struct hub_app_holds *holds;
    const struct hub_hold *hold;
    const char *cluster;
    bool was;
    bool is;
};

static void look_back(struct history *h, const struct hub_hold_entry *entry) {
    if (hub_hold_same(entry->hold, h->hold) && hub_hold_lists(entry->hold, h->cluster)) {
        h->was = true;
        h->is = h->is || counts(h->holds, entry, h->cluster);
    }
}

bool hub_fleet_was_held(const struct hub_fleet *f, const struct hub_hold *hold,
                        const char *cluster) {
    struct history h = {.holds = cm_map_get(f->holds, hold->app), .hold = hold, .cluster = cluster};
    const struct hub_set *decided =
        h.holds == NULL ? NULL : cm_map_get(h.holds->by_cluster, cluster);

    for (size_t i = 0; h.holds != NULL && i < h.holds->documents.count; i++) {
        look_back(&h, h.holds->documents.items[i]);
    }
    for (size_t i = 0; decided != NULL && i < decided->count; i++) {
        look_back(&h, decided->items[i]);
    }
    return h.was && !h.is;
}

void hub_fleet_each_decided(const struct hub_fleet *f, const char *app, const char *cluster,
                            void (*visit)(void *ctx, const struct hub_hold *hold, bool written),
                            void *ctx) {
    const struct hub_app_holds *holds = cm_map_get(f->holds, app);
    const struct hub_set *decided = holds == NULL ? NULL : cm_map_get(holds->by_cluster, cluster);

    for (size_t i = 0; decided != NULL && i < decided->count; i++) {
        const struct hub_hold_entry *entry = decided->items[i];

        if (!is_retried(entry, cluster)) {
            visit(ctx, entry->hold, entry->written);
        }
    }
}

void hub_fleet_each_waiting(const struct hub_fleet *f, const char *app, const char *cluster,
                            void (*visit)(void *ctx, const struct hub_hold *hold), void *ctx) {
    const struct hub_app_holds *holds = cm_map_get(f->holds, app);
    const struct hub_set *decided = holds == NULL ? NULL : cm_map_get(holds->by_cluster, cluster);

    for (size_t i = 0; decided != NULL && i < decided->count; i++) {
        const struct hub_hold_entry *entry = decided->items[i];

        if (waits_for_git(entry)) {
            visit(ctx, entry->hold);
        }
    }
}

void hub_fleet_missing_holds(const struct hub_fleet *f,
                             void (*visit)(void *ctx, const struct hub_hold_info *h), void *ctx) {
    CM_AUTOFREE const char **events = cm_map_keys(f->decided);

    for (size_t i = 0; i < cm_map_len(f->decided); i++) {
        const struct hub_hold_entry *entry = cm_map_get(f->decided, events[i]);
        bool missing = false;

        for (size_t k = 0; k < entry->hold->cluster_count && !missing; k++) {
            missing = applied_on(f, entry, entry->hold->clusters[k]) ||
                      waits_on(f, entry, entry->hold->clusters[k]);
        }
        if (missing) {
            visit_entry(f, entry, visit, ctx);
        }
    }
}

void hub_fleet_each_ban(const struct hub_fleet *f,
                        void (*visit)(void *ctx, const struct hub_ban_info *b), void *ctx) {
    const struct cm_map *all = f->names[HUB_BAN];
    CM_AUTOFREE const char **names = cm_map_keys(all);

    for (size_t i = 0; i < cm_map_len(all); i++) {
        const struct hub_named *named = cm_map_get(all, names[i]);

        if (named->doc != NULL) {
            visit(ctx, &(struct hub_ban_info){.ban = &named->doc->ban.ban,
                                              .repo = named->doc->file->repo->name,
                                              .path = (const char *)named->doc->file->path->data});
        }
    }
}
