#include "hub/jobs/documents.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/fleet.h"
#include "hub/hold/ban.h"
#include "hub/hold/exemption.h"
#include "hub/hold/freeze.h"
#include "hub/hold/hold.h"
#include "hub/store/desired.h"
#include "hub/store/events.h"
#include "hub/store/freezes.h"

// Each kind of row begins with its name, by which the rows are sorted.
struct named {
    const char *name;
};

struct cluster_row {
    const char *name;
    const char *labels;
    const char *repo;
    const char *path;
    bool suspend;
};

struct group_row {
    const char *name;
    const char *repo;
    const char *path;
    const char **members; // sorted
    size_t member_count;
};

struct used_row {
    const char *name; // of the confirmation
    const char *removal;
};

struct rows {
    char *items;
    size_t count;
};

enum { CLUSTERS, GROUPS, APPS, USED, HOLDS, BANS, FREEZES, EXEMPTIONS, KINDS };

static const size_t row_sizes[KINDS] = {
    sizeof(struct cluster_row),    sizeof(struct group_row),        sizeof(struct hub_app_row),
    sizeof(struct used_row),       sizeof(struct hub_hold_row),     sizeof(struct hub_ban_row),
    sizeof(struct hub_freeze_row), sizeof(struct hub_exemption_row)};

struct hub_document_set {
    _Atomic uint32_t refs;
    struct cm_arena *arena; // holds all of it
    struct rows rows[KINDS];
};

// ---- Taking them down

static void count_cluster(void *ctx, const struct hub_cluster_info *info) {
    (void)info;
    ((struct hub_document_set *)ctx)->rows[CLUSTERS].count++;
}

static void count_group(void *ctx, const struct hub_group_info *info) {
    (void)info;
    ((struct hub_document_set *)ctx)->rows[GROUPS].count++;
}

static void count_app(void *ctx, const struct hub_app_info *info) {
    (void)info;
    ((struct hub_document_set *)ctx)->rows[APPS].count++;
}

static void count_used(void *ctx, const char *confirmation, const char *removal) {
    (void)confirmation;
    (void)removal;
    ((struct hub_document_set *)ctx)->rows[USED].count++;
}

// is_told leaves decisions out that Git has an answer to, or that are void.
static bool is_told(const struct hub_hold_info *info) {
    return info->repo[0] != '\0' || info->in_force + info->waits > 0;
}

static void count_hold(void *ctx, const struct hub_hold_info *info) {
    ((struct hub_document_set *)ctx)->rows[HOLDS].count += is_told(info) ? 1 : 0;
}

static void count_ban(void *ctx, const struct hub_ban_info *info) {
    (void)info;
    ((struct hub_document_set *)ctx)->rows[BANS].count++;
}

static void count_freeze(void *ctx, const struct hub_freeze_info *info) {
    (void)info;
    ((struct hub_document_set *)ctx)->rows[FREEZES].count++;
}

static void count_exemption(void *ctx, const struct hub_exemption_info *info) {
    (void)info;
    ((struct hub_document_set *)ctx)->rows[EXEMPTIONS].count++;
}

static void *next_row(struct hub_document_set *d, int kind) {
    struct rows *rows = &d->rows[kind];

    return rows->items + row_sizes[kind] * rows->count++;
}

static const char *compact(struct cm_arena *a, const struct cm_json *node) {
    struct cm_str text = {0};

    if (node == NULL) {
        return "{}";
    }
    cm_json_write_compact(node, &text);
    const char *copy = cm_arena_strdup(a, cm_str_get(&text));
    cm_str_done(&text);
    return copy;
}

static void copy_cluster(void *ctx, const struct hub_cluster_info *info) {
    struct hub_document_set *d = ctx;

    *(struct cluster_row *)next_row(d, CLUSTERS) = (struct cluster_row){
        .name = cm_arena_strdup(d->arena, info->name),
        .labels = compact(d->arena, info->labels),
        .repo = cm_arena_strdup(d->arena, info->repo),
        .path = cm_arena_strdup(d->arena, info->path),
        .suspend = info->suspend,
    };
}

static void copy_group(void *ctx, const struct hub_group_info *info) {
    struct hub_document_set *d = ctx;
    struct group_row *row = next_row(d, GROUPS);

    *row = (struct group_row){
        .name = cm_arena_strdup(d->arena, info->name),
        .repo = cm_arena_strdup(d->arena, info->repo),
        .path = cm_arena_strdup(d->arena, info->path),
        .members = cm_arena_get(d->arena, (info->cluster_count + 1) * sizeof(char *)),
        .member_count = info->cluster_count,
    };
    for (size_t i = 0; i < info->cluster_count; i++) {
        row->members[i] = cm_arena_strdup(d->arena, info->clusters[i]);
    }
}

static const char *names_json(struct cm_arena *a, const char *const *names, size_t count) {
    struct cm_json *array = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < count; i++) {
        cm_json_append(array, cm_json_new_string(a, names[i]));
    }
    return compact(a, array);
}

static void copy_app(void *ctx, const struct hub_app_info *info) {
    struct hub_document_set *d = ctx;

    *(struct hub_app_row *)next_row(d, APPS) = (struct hub_app_row){
        .name = cm_arena_strdup(d->arena, info->name),
        .repo = cm_arena_strdup(d->arena, info->repo),
        .path = cm_arena_strdup(d->arena, info->path),
        .namespace = cm_arena_strdup(d->arena, info->namespace == NULL ? "" : info->namespace),
        .drift = cm_arena_strdup(d->arena, info->drift),
        .prune = info->prune,
        .suspend = info->suspend,
        .depends_on = names_json(d->arena, info->depends_on, info->depends_on_count),
        .release_group =
            info->release_group == NULL ? NULL : cm_arena_strdup(d->arena, info->release_group),
        .on_reject = info->on_reject,
        .reverts = info->reverts,
        .goes_back = info->goes_back,
        .holds_undo = info->holds_undo,
        .capture = info->capture,
    };
}

static void copy_used(void *ctx, const char *confirmation, const char *removal) {
    struct hub_document_set *d = ctx;

    *(struct used_row *)next_row(d, USED) = (struct used_row){
        .name = cm_arena_strdup(d->arena, confirmation),
        .removal = cm_arena_strdup(d->arena, removal),
    };
}

static int64_t time_of(const char *text) {
    int64_t at_ms = 0;

    return cm_clock_parse(text, &at_ms) ? at_ms : 0;
}

static void copy_hold(void *ctx, const struct hub_hold_info *info) {
    struct hub_document_set *d = ctx;
    const struct hub_hold *hold = info->hold;
    struct cm_arena *a = d->arena;

    if (!is_told(info)) {
        return;
    }
    *(struct hub_hold_row *)next_row(d, HOLDS) = (struct hub_hold_row){
        .key = info->repo[0] != '\0' ? cm_arena_strdup(a, hold->name)
                                     : cm_arena_strf(a, "~%s", hold->event),
        .name = cm_arena_strdup(a, hold->name),
        .app = cm_arena_strdup(a, hold->app),
        .repo = cm_arena_strdup(a, info->repo),
        .path = cm_arena_strdup(a, info->path),
        .rejected = cm_arena_strdup(a, info->rejected),
        .restored = cm_arena_strdup(a, info->restored),
        .controller = cm_arena_strdup(a, hold->cause.controller),
        .object = cm_arena_strdup(a, hold->cause.object),
        .text = cm_arena_strdup(a, hold->cause.text),
        .at_ms = time_of(hold->cause.at),
        .event = cm_arena_strdup(a, hold->event),
        .clusters = names_json(a, hold->clusters, hold->cluster_count),
        .in_force = (int64_t)info->in_force,
        .retry = hold->retry,
    };
}

// image_text writes what a Ban says of images on one line.
static const char *image_text(struct cm_arena *a, const struct hub_ban_image *image) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_str_add(&text, image->name != NULL ? image->name : "*");
    if (image->tag != NULL) {
        cm_str_addf(&text, ":%s", image->tag);
    }
    if (image->digest != NULL) {
        cm_str_addf(&text, "@%s", image->digest);
    }
    if (image->range != NULL) {
        cm_str_addf(&text, " %s", image->range);
    }
    return cm_arena_strdup(a, cm_str_get(&text));
}

static void copy_ban(void *ctx, const struct hub_ban_info *info) {
    struct hub_document_set *d = ctx;
    const struct hub_ban *ban = info->ban;
    const char **images = cm_arena_get(d->arena, (ban->image_count + 1) * sizeof(*images));

    for (size_t i = 0; i < ban->image_count; i++) {
        images[i] = image_text(d->arena, &ban->images[i]);
    }
    *(struct hub_ban_row *)next_row(d, BANS) = (struct hub_ban_row){
        .name = cm_arena_strdup(d->arena, ban->name),
        .app = cm_arena_strdup(d->arena, ban->app != NULL ? ban->app : ""),
        .repo = cm_arena_strdup(d->arena, info->repo),
        .path = cm_arena_strdup(d->arena, info->path),
        .images = names_json(d->arena, images, ban->image_count),
        .reason = cm_arena_strdup(d->arena, ban->reason),
    };
}

static void copy_freeze(void *ctx, const struct hub_freeze_info *info) {
    struct hub_document_set *d = ctx;
    const struct hub_freeze *f = info->freeze;

    *(struct hub_freeze_row *)next_row(d, FREEZES) = (struct hub_freeze_row){
        .name = cm_arena_strdup(d->arena, f->name),
        .app = cm_arena_strdup(d->arena, f->app),
        .cluster = cm_arena_strdup(d->arena, f->cluster),
        .group = cm_arena_strdup(d->arena, f->group),
        .selector = cm_arena_strdup(d->arena, f->selector),
        .reason = cm_arena_strdup(d->arena, f->reason),
        .actor = cm_arena_strdup(d->arena, f->actor),
        .at_ms = f->at_ms,
        .until_ms = f->until_ms,
        .repo = cm_arena_strdup(d->arena, info->repo),
        .path = cm_arena_strdup(d->arena, info->path),
        .git = HUB_FREEZE_WRITTEN,
        .note = "",
        .source = HUB_FREEZE_BY_GIT,
    };
}

static void copy_exemption(void *ctx, const struct hub_exemption_info *info) {
    struct hub_document_set *d = ctx;
    const struct hub_exemption *e = info->exemption;
    struct cm_arena *a = d->arena;

    *(struct hub_exemption_row *)next_row(d, EXEMPTIONS) = (struct hub_exemption_row){
        .name = cm_arena_strdup(a, e->name),
        .app = cm_arena_strdup(a, e->app),
        .repo = cm_arena_strdup(a, info->repo),
        .path = cm_arena_strdup(a, info->path),
        .clusters = names_json(a, e->clusters, e->cluster_count),
        .object = cm_arena_strdup(a, e->object),
        .field = cm_arena_strdup(a, e->field),
        .reason = cm_arena_strdup(a, e->reason),
        .actor = cm_arena_strdup(a, e->by),
        .site = cm_arena_strdup(a, e->site),
        .until_ms = e->until_ms,
    };
}

struct hub_document_set *hub_document_set_new(const struct hub_fleet *fleet) {
    struct cm_arena *a = cm_arena_new(0);
    struct hub_document_set *d = cm_arena_get(a, sizeof(*d));

    d->refs = 1;
    d->arena = a;
    hub_fleet_each_cluster(fleet, count_cluster, d);
    hub_fleet_each_group(fleet, count_group, d);
    hub_fleet_each_app(fleet, count_app, d);
    hub_fleet_each_used(fleet, count_used, d);
    hub_fleet_each_hold(fleet, count_hold, d);
    hub_fleet_each_ban(fleet, count_ban, d);
    hub_fleet_each_freeze(fleet, count_freeze, d);
    hub_fleet_each_exemption(fleet, count_exemption, d);
    for (int i = 0; i < KINDS; i++) {
        d->rows[i].items = cm_arena_get(a, (d->rows[i].count + 1) * row_sizes[i]);
        d->rows[i].count = 0;
    }
    hub_fleet_each_cluster(fleet, copy_cluster, d);
    hub_fleet_each_group(fleet, copy_group, d);
    hub_fleet_each_app(fleet, copy_app, d);
    hub_fleet_each_used(fleet, copy_used, d);
    hub_fleet_each_hold(fleet, copy_hold, d);
    hub_fleet_each_ban(fleet, copy_ban, d);
    hub_fleet_each_freeze(fleet, copy_freeze, d);
    hub_fleet_each_exemption(fleet, copy_exemption, d);
    return d;
}

struct hub_document_set *hub_document_set_ref(struct hub_document_set *d) {
    d->refs++;
    return d;
}

void hub_document_set_unref(struct hub_document_set *d) {
    if (d != NULL && --d->refs == 0) {
        cm_arena_free(d->arena);
    }
}

// ---- Writing what differs

static enum cm_rc put_cluster(struct hub_db *db, const void *before, const void *now,
                              struct cm_err *err) {
    const struct cluster_row *a = before;
    const struct cluster_row *b = now;

    if (a != NULL && a->suspend == b->suspend && strcmp(a->labels, b->labels) == 0 &&
        strcmp(a->repo, b->repo) == 0 && strcmp(a->path, b->path) == 0) {
        return CM_OK;
    }
    return hub_documents_put_cluster(db, b->name, b->labels, b->suspend, b->repo, b->path, err);
}

static enum cm_rc put_members(struct hub_db *db, const struct group_row *before,
                              const struct group_row *now, struct cm_err *err) {
    size_t old = 0;
    size_t old_count = before == NULL ? 0 : before->member_count;
    size_t new = 0;
    enum cm_rc rc = CM_OK;

    while (rc == CM_OK && (old < old_count || new < now->member_count)) {
        int order = old == old_count           ? 1
                    : new == now->member_count ? -1
                                               : strcmp(before->members[old], now->members[new]);

        if (order < 0) {
            rc = hub_documents_remove_member(db, now->name, before->members[old], err);
        } else if (order > 0) {
            rc = hub_documents_put_member(db, now->name, now->members[new], err);
        }
        old += order <= 0 ? 1 : 0;
        new += order >= 0 ? 1 : 0;
    }
    return rc;
}

static enum cm_rc put_group(struct hub_db *db, const void *before, const void *now,
                            struct cm_err *err) {
    const struct group_row *a = before;
    const struct group_row *b = now;
    enum cm_rc rc = CM_OK;

    if (a == NULL || strcmp(a->repo, b->repo) != 0 || strcmp(a->path, b->path) != 0) {
        rc = hub_documents_put_group(db, b->name, b->repo, b->path, err);
    }
    return rc < 0 ? rc : put_members(db, a, b, err);
}

static bool same_group(const struct hub_app_row *a, const struct hub_app_row *b) {
    bool same = a->release_group == NULL || b->release_group == NULL
                    ? a->release_group == b->release_group
                    : strcmp(a->release_group, b->release_group) == 0;

    return same && strcmp(a->on_reject, b->on_reject) == 0;
}

static bool same_app(const struct hub_app_row *a, const struct hub_app_row *b) {
    return same_group(a, b) && a->prune == b->prune && a->suspend == b->suspend &&
           a->reverts == b->reverts && a->goes_back == b->goes_back &&
           a->holds_undo == b->holds_undo && strcmp(a->capture, b->capture) == 0 &&
           strcmp(a->repo, b->repo) == 0 && strcmp(a->path, b->path) == 0 &&
           strcmp(a->namespace, b->namespace) == 0 && strcmp(a->drift, b->drift) == 0 &&
           strcmp(a->depends_on, b->depends_on) == 0;
}

static enum cm_rc put_app(struct hub_db *db, const void *before, const void *now,
                          struct cm_err *err) {
    return before != NULL && same_app(before, now) ? CM_OK : hub_documents_put_app(db, now, err);
}

static enum cm_rc put_used(struct hub_db *db, const void *before, const void *now,
                           struct cm_err *err) {
    const struct used_row *a = before;
    const struct used_row *b = now;

    return a != NULL && strcmp(a->removal, b->removal) == 0
               ? CM_OK
               : hub_documents_put_used(db, b->name, b->removal, err);
}

static enum cm_rc put_hold(struct hub_db *db, const void *before, const void *now,
                           struct cm_err *err) {
    const struct hub_hold_row *a = before;
    const struct hub_hold_row *b = now;
    bool same = a != NULL && a->in_force == b->in_force && a->retry == b->retry &&
                a->at_ms == b->at_ms && strcmp(a->name, b->name) == 0 &&
                strcmp(a->app, b->app) == 0 && strcmp(a->repo, b->repo) == 0 &&
                strcmp(a->path, b->path) == 0 && strcmp(a->rejected, b->rejected) == 0 &&
                strcmp(a->restored, b->restored) == 0 && strcmp(a->text, b->text) == 0 &&
                strcmp(a->controller, b->controller) == 0 && strcmp(a->object, b->object) == 0 &&
                strcmp(a->event, b->event) == 0 && strcmp(a->clusters, b->clusters) == 0;

    return same ? CM_OK : hub_documents_put_hold(db, b, err);
}

static enum cm_rc put_ban(struct hub_db *db, const void *before, const void *now,
                          struct cm_err *err) {
    const struct hub_ban_row *a = before;
    const struct hub_ban_row *b = now;
    bool same = a != NULL && strcmp(a->app, b->app) == 0 && strcmp(a->repo, b->repo) == 0 &&
                strcmp(a->path, b->path) == 0 && strcmp(a->images, b->images) == 0 &&
                strcmp(a->reason, b->reason) == 0;

    return same ? CM_OK : hub_documents_put_ban(db, b, err);
}

static enum cm_rc put_freeze(struct hub_db *db, const void *before, const void *now,
                             struct cm_err *err) {
    const struct hub_freeze_row *a = before;
    const struct hub_freeze_row *b = now;
    bool same = a != NULL && a->until_ms == b->until_ms && strcmp(a->app, b->app) == 0 &&
                strcmp(a->cluster, b->cluster) == 0 && strcmp(a->group, b->group) == 0 &&
                strcmp(a->selector, b->selector) == 0 && strcmp(a->reason, b->reason) == 0 &&
                strcmp(a->repo, b->repo) == 0 && strcmp(a->path, b->path) == 0;

    return same ? CM_OK : hub_freezes_put(db, b, err);
}

static enum cm_rc put_exemption(struct hub_db *db, const void *before, const void *now,
                                struct cm_err *err) {
    const struct hub_exemption_row *a = before;
    const struct hub_exemption_row *b = now;
    bool same = a != NULL && a->until_ms == b->until_ms && strcmp(a->app, b->app) == 0 &&
                strcmp(a->repo, b->repo) == 0 && strcmp(a->path, b->path) == 0 &&
                strcmp(a->clusters, b->clusters) == 0 && strcmp(a->object, b->object) == 0 &&
                strcmp(a->field, b->field) == 0 && strcmp(a->reason, b->reason) == 0 &&
                strcmp(a->actor, b->actor) == 0 && strcmp(a->site, b->site) == 0;

    return same ? CM_OK : hub_documents_put_exemption(db, b, err);
}

// ---- Telling what is new

// The commit that a repository came to.
static const struct hub_revision_row *find_revision(const struct hub_document_news *news,
                                                    const char *repo) {
    static const struct hub_revision_row none = {.id = "", .author = ""};

    for (size_t i = news->count; i-- > 0;) {
        if (strcmp(news->revisions[i].repo, repo) == 0) {
            return &news->revisions[i];
        }
    }
    return &none;
}

// news_of names what happened to a Hold that stays; NULL: nothing that counts.
static const char *news_of(const struct hub_hold_row *a, const struct hub_hold_row *b) {
    if (b->retry) {
        return a->retry ? NULL : "hold.retried";
    }
    return b->in_force == 0 && (a->in_force > 0 || a->retry) ? "hold.void" : NULL;
}

static enum cm_rc tell_hold(struct hub_db *db, const struct hub_document_news *news,
                            const void *before, const void *now, struct cm_err *err) {
    const struct hub_hold_row *a = before;
    const struct hub_hold_row *b = now;
    const struct hub_hold_row *hold = b != NULL ? b : a;
    const struct hub_revision_row *revision = find_revision(news, hold->repo);
    const char *kind = b == NULL ? "hold.ended" : a == NULL ? "hold.started" : news_of(a, b);

    if (kind == NULL || hold->repo[0] == '\0') {
        return CM_OK; // what Git does not say yet is told by its decision
    }
    CM_AUTOFREE char *message =
        cm_strf("'%s': %s instead of %s", hold->name, hold->restored, hold->rejected);
    return hub_events_add(db,
                          &(struct hub_event){.at_ms = news->now_ms,
                                              .kind = kind,
                                              .app = hold->app,
                                              .key = hold->path,
                                              .revision = revision->id,
                                              .actor = revision->author,
                                              .message = message},
                          err);
}

static enum cm_rc tell_ban(struct hub_db *db, const struct hub_document_news *news,
                           const void *before, const void *now, struct cm_err *err) {
    const struct hub_ban_row *ban = now != NULL ? now : before;
    const struct hub_revision_row *revision = find_revision(news, ban->repo);
    CM_AUTOFREE char *message = cm_strf("'%s': %s (%s)", ban->name, ban->images, ban->reason);

    if (before != NULL && now != NULL) {
        return CM_OK;
    }
    return hub_events_add(db,
                          &(struct hub_event){.at_ms = news->now_ms,
                                              .kind = now != NULL ? "ban.started" : "ban.ended",
                                              .app = ban->app,
                                              .key = ban->path,
                                              .revision = revision->id,
                                              .actor = revision->author,
                                              .message = message},
                          err);
}

// tell_unknown tells of Holds of people that came while nobody looked: since when one is there is
// known by that alone. By whom it is nobody knows.
static enum cm_rc tell_unknown(struct hub_db *db, const struct rows *holds, int64_t now_ms,
                               struct cm_err *err) {
    const struct hub_document_news news = {.now_ms = now_ms};
    const struct hub_hold_row *hold = (const struct hub_hold_row *)(const void *)holds->items;
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < holds->count; i++) {
        bool known = hold[i].at_ms > 0;

        rc = known ? rc : hub_documents_find_hold_event(db, &hold[i], &known, err);
        rc = rc < 0 || known ? rc : tell_hold(db, &news, NULL, &hold[i], err);
    }
    return rc;
}

// put writes a row if it differs from the one before (NULL: there was none); tell makes an event of
// that. before, now: NULL if it was not there, or is not any more.
static const struct {
    enum cm_rc (*put)(struct hub_db *db, const void *before, const void *now, struct cm_err *err);
    enum cm_rc (*remove)(struct hub_db *db, const char *name, struct cm_err *err);
    enum cm_rc (*tell)(struct hub_db *db, const struct hub_document_news *news, const void *before,
                       const void *now, struct cm_err *err);
} kinds[KINDS] = {
    {put_cluster, hub_documents_remove_cluster, NULL},
    {put_group, hub_documents_remove_group, NULL},
    {put_app, hub_documents_remove_app, NULL},
    {put_used, hub_documents_remove_used, NULL},
    {put_hold, hub_documents_remove_hold, tell_hold},
    {put_ban, hub_documents_remove_ban, tell_ban},
    {put_freeze, hub_freezes_remove, NULL},
    {put_exemption, hub_documents_remove_exemption, NULL},
};

static const struct named *row_at(const struct rows *rows, int kind, size_t at) {
    return at == rows->count
               ? NULL
               : (const struct named *)(const void *)(rows->items + row_sizes[kind] * at);
}

// before, now: NULL if it was not there, or is not any more. news: NULL: nothing is told.
static enum cm_rc write_row(struct hub_db *db, int kind, const struct named *before,
                            const struct named *now, const struct hub_document_news *news,
                            struct cm_err *err) {
    assert(before != NULL || now != NULL);
    enum cm_rc rc = now == NULL ? kinds[kind].remove(db, before->name, err)
                                : kinds[kind].put(db, before, now, err);

    return rc < 0 || news == NULL || kinds[kind].tell == NULL
               ? rc
               : kinds[kind].tell(db, news, before, now, err);
}

// Both lists are sorted by name: a walk along both finds what differs.
static enum cm_rc write_kind(struct hub_db *db, int kind, const struct rows *before,
                             const struct rows *now, const struct hub_document_news *news,
                             struct cm_err *err) {
    size_t old = 0;
    size_t new = 0;
    enum cm_rc rc = CM_OK;

    while (rc == CM_OK && (old < before->count || new < now->count)) {
        const struct named *a = row_at(before, kind, old);
        const struct named *b = row_at(now, kind, new);
        int order = a == NULL ? 1 : b == NULL ? -1 : strcmp(a->name, b->name);

        rc = write_row(db, kind, order <= 0 ? a : NULL, order >= 0 ? b : NULL, news, err);
        old += order <= 0 ? 1 : 0;
        new += order >= 0 ? 1 : 0;
    }
    return rc;
}

static enum cm_rc end_anew(struct hub_db *db, const struct hub_document_set *now,
                           const struct hub_document_news *news, struct cm_err *err) {
    enum cm_rc rc = hub_documents_end(db, err);

    rc = rc < 0 ? rc : tell_unknown(db, &now->rows[HOLDS], news->now_ms, err);
    return rc < 0 ? rc : hub_freezes_sweep(db, err);
}

enum cm_rc hub_document_set_write(struct hub_db *db, const struct hub_document_set *before,
                                  const struct hub_document_set *now,
                                  const struct hub_document_news *news, struct cm_err *err) {
    static const struct rows none = {0};
    bool anew = before == NULL;
    enum cm_rc rc = anew ? hub_documents_begin(db, err) : CM_OK;

    rc = rc < 0 || !anew ? rc : hub_freezes_doubt(db, err);
    for (int i = 0; rc == CM_OK && i < KINDS; i++) {
        rc = write_kind(db, i, anew ? &none : &before->rows[i], &now->rows[i], anew ? NULL : news,
                        err);
    }
    rc = rc < 0 || !anew ? rc : end_anew(db, now, news, err);
    return rc < 0 ? rc : hub_freezes_resolve(db, err);
}
