// Lists and watches: one of each per kind that has entries, selected by label.
//
// A list comes in pages; when it is complete, each entry that was not in it is looked at by name
// before anyone calls it missing. The watch goes on where the list ended and is begun again where
// it broke off; when the server has forgotten that place (410), by a new list.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "agent/kube/status.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

enum {
    PAGE_BYTES = 256 << 10, // a list costs several times its page in memory
    PAGE_MAX = 500,         // objects
    PAGE_GROWTH = 4,
    PATIENCE = 3,       // a watch that is refused as often goes on from a new list
    SILENT_MS = 120000, // without a list or a watch what we know is old
    WATCH_S = 300,      // the server ends a watch after this, and up to as long again
    SHORT_MS = 1000,    // a watch that ends sooner is an error
    BACKOFF_MIN_MS = 1000,
    BACKOFF_MAX_MS = 30000,
    FORBIDDEN_MS = 30000,
    UNSEEN_MS = 60000,
    SPLIT_MS = 600000, // may we see all namespaces by now?
};

// What knows no such form answers with the whole object.
#define NAMES(list)                                                                                \
    "application/json;as=PartialObjectMetadata" list ";g=meta.k8s.io;v=v1,application/json"

static void go_on(struct kube_watch *w);

static void free_watch(struct kube_watch *w) {
    cm_timer_stop(w->k->loop, &w->timer);
    cm_list_remove(&w->at);
    free(w->group);
    free(w->api_version);
    free(w->kind);
    free(w->ns);
    free(w->path);
    free(w->version);
    free(w->more);
    free(w->only);
    free(w);
}

static void set_text(char **at, const char *text) {
    free(*at);
    *at = cm_strdup(text);
}

static void on_timer(void *ctx) {
    go_on(ctx);
}

static void go_on_later(struct kube_watch *w, int64_t ms) {
    if (!w->k->stopping) {
        cm_timer_start(w->k->loop, &w->timer, ms);
    }
}

struct kube_watch *kube_watch_new(struct agent_kube *k, const struct kube_resource *r,
                                  const char *ns, bool foreign) {
    struct kube_watch *w = cm_new(1, sizeof(*w));

    *w = (struct kube_watch){
        .k = k,
        .group = cm_strdup(r->group),
        .api_version = cm_strf("%s%s%s", r->group, r->group[0] == '\0' ? "" : "/", r->version),
        .kind = cm_strdup(r->kind),
        .ns = cm_strdup(ns),
        .path = kube_resource_path(r, ns, NULL),
        .namespaced = r->namespaced,
        .foreign = foreign,
        .timer = {.run = on_timer, .ctx = w},
        .backoff = {BACKOFF_MIN_MS, BACKOFF_MAX_MS, 0},
        .page = KUBE_PAGE_FIRST,
    };
    cm_list_init(&w->entries);
    cm_list_append(&k->watches, &w->at);
    go_on_later(w, 0);
    return w;
}

struct kube_watch *kube_watch_scout(struct agent_kube *k, const struct kube_resource *r) {
    struct kube_watch *w = kube_watch_new(k, r, "", false);

    w->scout = true;
    return w;
}

struct kube_watch *kube_watch_site(struct agent_kube *k, const struct kube_resource *r,
                                   const char *ns) {
    struct kube_watch *w = kube_watch_new(k, r, ns, false);

    w->site = true;
    return w;
}

void kube_watch_add(struct kube_watch *w, struct kube_entry *e) {
    e->watch = w;
    e->round = w->round - 1; // not in the list that may be under way
    cm_list_append(&w->entries, &e->at_watch);
}

void kube_watch_end(struct kube_watch *w) {
    w->dead = true;
    cm_timer_stop(w->k->loop, &w->timer);
    if (w->call != NULL) {
        kube_call_cancel(w->call);
    } else {
        free_watch(w);
    }
}

// Lists

// miss: what ran when it was seen last and went while nobody looked may have run to its end, as it
// may between two runs of this program.
static void miss(struct kube_entry *e) {
    if (e->op != NULL) {
        e->doubtful = true; // after the operation somebody looks
    } else {
        e->seen =
            e->seen && e->health != AGENT_HEALTH_PROGRESSING && e->health != AGENT_HEALTH_UNKNOWN;
        kube_entry_look(e, !e->known);
    }
}

static void look_for_missing(struct kube_watch *w) {
    for (struct cm_list *at = w->entries.next; at != &w->entries; at = at->next) {
        struct kube_entry *e = CM_CONTAINER(at, struct kube_entry, at_watch);

        // What was applied after the list was made need not be in it.
        if (e->round != w->round && e->version <= w->list_version) {
            miss(e);
        }
    }
}

static void see_item(struct kube_watch *w, struct cm_arena *a, struct cm_json *item, bool listed) {
    if (w->scout) {
        if (!listed) {
            kube_absent_saw(w, item);
        }
        return;
    }
    if (w->site) {
        kube_exempt_saw(w, item);
        return;
    }
    if (w->foreign) {
        kube_owners_saw(w, a, item);
        return;
    }
    if (w->survey) {
        kube_survey_saw(w, a, item);
    }
    const char *place = kube_object_key(a, item);
    struct kube_entry *e = place == NULL ? NULL : kube_entry_at(w->k, place);

    if (e == NULL || e->watch != w) {
        return; // not tracked, or not in this version
    }
    if (listed) {
        e->round = w->round;
    }
    kube_entry_saw(e, a, item, !e->known);
}

// name_kind: items of lists of built-in kinds do not say what they are, nor does what is asked for
// by name only.
static void name_kind(const struct kube_watch *w, struct cm_arena *a, struct cm_json *item) {
    cm_json_set_string(a, item, "apiVersion", w->api_version);
    cm_json_set_string(a, item, "kind", w->kind);
}

static void see_page(struct kube_watch *w, struct cm_arena *a, const struct cm_json *list) {
    const struct cm_json *items = cm_json_get(list, "items");
    struct cm_json *next;

    if (items == NULL || items->type != CM_ARRAY) {
        return;
    }
    for (struct cm_json *item = items->first; item != NULL; item = next) {
        next = item->next;
        if (item->type == CM_OBJECT) {
            name_kind(w, a, item);
            see_item(w, a, item, true);
        }
    }
}

// blind says of each entry that nobody can tell how it is.
static void blind(struct kube_watch *w, const struct kube_answer *answer, const char *verbs) {
    struct kube_resource resource = {.group = w->group, .plural = strrchr(w->path, '/') + 1};
    struct kube_asked asked = {verbs, &resource, w->ns, NULL, NULL};
    struct cm_err err;

    (void)kube_answer_error(answer, &asked, &err);
    for (struct cm_list *at = w->entries.next, *next; at != &w->entries; at = next) {
        next = at->next;
        kube_entry_unknown(CM_CONTAINER(at, struct kube_entry, at_watch), err.msg);
    }
}

// kind_gone: a CustomResourceDefinition was deleted, perhaps. Discovery knows; then the entries
// find another watch if their kind lives on in another version (kube_table_discovered).
static void kind_gone(struct kube_watch *w) {
    (void)kube_discover_want(w->k);
    go_on_later(w, cm_backoff_next(&w->backoff));
}

bool kube_watch_is_gone(const struct kube_watch *w) {
    const char *slash = strrchr(w->api_version, '/');
    const char *version = slash == NULL ? w->api_version : slash + 1;

    return !kube_resources_stale(w->k->resources) &&
           kube_resources_find(w->k->resources, w->group, version, w->kind) == NULL;
}

static void list_again(struct kube_watch *w) {
    free(w->version);
    w->version = NULL;
    free(w->more);
    w->more = NULL;
}

void kube_watch_restart(struct kube_watch *w) {
    list_again(w);
    go_on_later(w, 0);
}

static void goes_well(struct kube_watch *w) {
    w->failures = 0;
    w->failing_since_ms = 0;
}

// is_silent notes that it goes wrong; it tells whether it has for so long that what we know is old.
static bool is_silent(struct kube_watch *w) {
    int64_t now_ms = cm_clock_now_ms();

    if (w->failing_since_ms == 0) {
        w->failing_since_ms = now_ms;
    }
    return now_ms - w->failing_since_ms >= SILENT_MS;
}

// try_later: what a watch goes on from the server may refuse for ever without saying that it is too
// old (504 "Too large resource version").
static void try_later(struct kube_watch *w, const struct kube_answer *answer, const char *verbs) {
    int64_t pause_ms = cm_backoff_next(&w->backoff);

    w->failures++;
    if (is_silent(w)) {
        blind(w, answer, verbs);
        list_again(w);
    } else if (w->failures % PATIENCE == 0) {
        list_again(w);
    }
    go_on_later(w, answer->retry_after_ms > pause_ms ? answer->retry_after_ms : pause_ms);
}

// has_no_use: what a scout may not see, or what the server does not have, is not asked for often.
static bool has_no_use(struct kube_watch *w, const struct kube_answer *answer) {
    bool none = (w->scout || w->site) && (answer->status == 403 || answer->status == 404);

    if (none) {
        list_again(w);
        w->complete = false;
        go_on_later(w, w->site ? UNSEEN_MS : SPLIT_MS);
    }
    return none;
}

static void go_wrong(struct kube_watch *w, const struct kube_answer *answer, const char *verbs) {
    if (has_no_use(w, answer)) {
        return;
    }
    bool silent = is_silent(w);
    if (w->survey && (silent || answer->status == 403)) {
        kube_survey_refused(w, answer); // nobody waits for it any longer
    }
    if (answer->status == 410) {
        list_again(w);
        go_on_later(w, cm_backoff_next(&w->backoff));
        return;
    }
    if (answer->status == 403 && w->namespaced && w->ns[0] == '\0') {
        list_again(w);
        kube_watch_split(w);
        go_on_later(w, SPLIT_MS);
        return;
    }
    if (w->foreign) {
        kube_owners_refused(w, answer);
    }
    if (answer->status == 403) {
        blind(w, answer, verbs);
        go_on_later(w, w->foreign ? SPLIT_MS : FORBIDDEN_MS);
    } else if (answer->status == 404) {
        list_again(w);
        kind_gone(w);
    } else {
        try_later(w, answer, verbs);
    }
}

static void end_list(struct kube_watch *w, const struct cm_json *list) {
    const char *version = cm_json_string(cm_json_path(list, "metadata", "resourceVersion", NULL));

    set_text(&w->version, version == NULL ? "" : version);
    w->list_version = kube_object_version(list);
    bool first = !w->complete;
    w->page = KUBE_PAGE_FIRST; // the first objects may be larger than the last
    w->complete = true;
    w->refused = false;
    if (w->scout) {
        kube_absent_listed(w);
    } else if (w->site) {
        kube_exempt_listed(w);
    } else if (w->foreign) {
        kube_owners_listed(w, first);
    } else {
        look_for_missing(w);
    }
    if (w->survey) {
        kube_survey_listed(w);
    }
    go_on(w);
}

// is_over tells whether nothing goes on after a call; a dead watch is freed by it.
static bool is_over(struct kube_watch *w) {
    w->call = NULL;
    if (w->dead) {
        free_watch(w);
        return true;
    }
    return w->k->stopping;
}

int kube_page_next(int page, const struct kube_answer *answer) {
    const struct cm_json *items = cm_json_get(answer->json, "items");
    size_t count = items != NULL && items->type == CM_ARRAY ? items->count : 0;
    int most = page < PAGE_MAX / PAGE_GROWTH ? page * PAGE_GROWTH : PAGE_MAX;

    if (count == 0) {
        return page;
    }
    size_t fit = PAGE_BYTES / (answer->size / count + 1);
    return fit < 1 ? 1 : fit > (size_t)most ? most : (int)fit;
}

static void on_page(void *ctx, const struct kube_answer *answer) {
    struct kube_watch *w = ctx;
    bool ok = kube_answer_ok(answer) && answer->json != NULL;

    if (ok && !w->dead && !w->k->stopping) {
        see_page(w, answer->arena, answer->json); // while w->call says that w is in use
    }
    if (is_over(w)) {
        return;
    }
    if (kube_answer_too_large(answer) && w->page > 1) {
        w->page /= 2;
        go_on(w);
        return;
    }
    if (!ok) {
        go_wrong(w, answer, "list");
        return;
    }
    w->page = kube_page_next(w->page, answer);
    goes_well(w);
    if (w->split) {
        kube_watch_join(w);
        return;
    }
    const char *more = cm_json_string(cm_json_path(answer->json, "metadata", "continue", NULL));
    set_text(&w->more, more == NULL ? "" : more);
    if (w->more[0] != '\0' && !w->scout) {
        go_on(w);
    } else {
        end_list(w, answer->json);
    }
}

// selector is the beginning of a query for what is watched. The caller frees it.
static char *selector(const struct kube_watch *w) {
    if (w->only != NULL) {
        return cm_strf("fieldSelector=metadata.name%%3D%s&", w->only);
    }
    // What somebody else applies does not carry our label.
    return w->foreign || w->scout || w->site || w->k->driver.observes
               ? cm_strdup("")
               : cm_strf("labelSelector=" KUBE_LABEL_PART_OF "%%3D%s&", w->k->applyset.id);
}

// form_of is what is asked for: of owners that nobody but rules depends on, and by scouts, only
// what they are called.
static const char *form_of(const struct kube_watch *w, bool list) {
    if (!w->scout && (!w->foreign || !kube_owners_are_names(w))) {
        return NULL;
    }
    return list ? NAMES("List") : NAMES("");
}

static void ask_for_page(struct kube_watch *w) {
    CM_AUTOFREE char *more = w->more == NULL ? NULL : cm_http_escape(w->more);
    CM_AUTOFREE char *which = selector(w);
    CM_AUTOFREE char *path = cm_strf("%s?%slimit=%d%s%s", w->path, which, w->scout ? 1 : w->page,
                                     more == NULL ? "" : "&continue=", more == NULL ? "" : more);
    struct kube_request request = {.method = "GET", .path = path, .done = on_page, .ctx = w};

    request.accept = form_of(w, true);
    if (w->more == NULL) {
        w->round = ++w->k->rounds;
    }
    w->streaming = false;
    w->call = kube_call(w->k, &request);
}

// Watches

enum cm_rc kube_watch_read(struct cm_arena *a, const char *line, size_t size, const char **type,
                           struct cm_json **object, struct cm_err *err) {
    struct cm_json *event = NULL;
    enum cm_rc rc = cm_json_parse(a, line, size, NULL, &event, err);

    if (rc < 0) {
        return cm_wrap(err, "read an event of a watch");
    }
    const char *its = cm_json_string(cm_json_get(event, "type"));
    struct cm_json *what = cm_json_get(event, "object");
    if (its == NULL || what == NULL || what->type != CM_OBJECT) {
        return cm_fail(err, CM_EINVAL, "an event of a watch has no type or no object");
    }
    *type = its;
    *object = what;
    return CM_OK;
}

static void see_error(struct kube_watch *w, const struct cm_json *status) {
    if (cm_json_int(cm_json_get(status, "code"), 0) == 410) {
        list_again(w);
    }
    // The server ends the stream now; on_end goes on.
}

static void see_deleted(struct kube_watch *w, struct cm_arena *a, const struct cm_json *object) {
    const char *place = kube_object_key(a, object);
    struct kube_entry *e = place == NULL ? NULL : kube_entry_at(w->k, place);

    if (w->site) {
        kube_exempt_lost(w, object);
        return;
    }
    if (w->foreign) {
        kube_owners_lost(w, a, object);
        return;
    }
    if (w->survey && place != NULL) {
        kube_survey_lost(w->k, place);
    }
    if (e == NULL || e->watch != w || kube_object_version(object) < e->version) {
        return;
    }
    if (e->op != NULL) {
        kube_entry_gone_ahead(e, kube_object_version(object));
    } else {
        kube_entry_look(e, false); // gone, or it has lost its label
    }
}

static void on_line(void *ctx, const char *line, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_watch *w = ctx;
    struct cm_json *object = NULL;
    const char *type = NULL;
    struct cm_err err;

    if (w->dead || w->k->stopping || size == 0) {
        return;
    }
    if (kube_watch_read(a, line, size, &type, &object, &err) < 0) {
        list_again(w);
        kube_call_cancel(w->call);
        return;
    }
    if (strcmp(type, "ERROR") == 0) {
        see_error(w, object);
        return;
    }
    goes_well(w);
    const char *version = cm_json_string(cm_json_path(object, "metadata", "resourceVersion", NULL));
    if (w->version != NULL && version != NULL) {
        set_text(&w->version, version);
    }
    if (w->foreign) {
        name_kind(w, a, object);
    }
    if (strcmp(type, "DELETED") == 0) {
        see_deleted(w, a, object);
    } else if (strcmp(type, "BOOKMARK") != 0) {
        see_item(w, a, object, false);
    }
}

static void on_end(void *ctx, const struct kube_answer *answer) {
    struct kube_watch *w = ctx;
    bool was_short = cm_clock_now_ms() - w->began_ms < SHORT_MS;

    if (is_over(w)) {
        return;
    }
    if (w->version == NULL) {
        go_on_later(w, was_short ? cm_backoff_next(&w->backoff) : cm_jitter_ms(SHORT_MS));
    } else if (!kube_answer_ok(answer)) {
        go_wrong(w, answer, "watch");
    } else if (was_short) {
        go_on_later(w, cm_backoff_next(&w->backoff));
    } else {
        cm_backoff_reset(&w->backoff);
        go_on_later(w, 0);
    }
}

static void stream(struct kube_watch *w) {
    CM_AUTOFREE char *version = cm_http_escape(w->version);
    CM_AUTOFREE char *which = selector(w);
    CM_AUTOFREE char *path = cm_strf("%s?watch=1&%sresourceVersion=%s&allowWatchBookmarks=true"
                                     "&timeoutSeconds=%" PRId64,
                                     w->path, which, version, WATCH_S + cm_jitter_ms(WATCH_S));
    struct kube_request request = {
        .method = "GET", .path = path, .done = on_end, .line = on_line, .ctx = w};

    request.accept = form_of(w, false);
    w->streaming = true;
    w->began_ms = cm_clock_now_ms();
    w->call = kube_call(w->k, &request);
}

static void go_on(struct kube_watch *w) {
    if (w->k->reach != KUBE_UP || w->call != NULL || w->dead) {
        return; // kube_watch_wake_all comes
    }
    if (w->version == NULL) {
        ask_for_page(w);
    } else {
        stream(w);
    }
}

void kube_watch_wake_all(struct agent_kube *k) {
    for (struct cm_list *at = k->watches.next; at != &k->watches; at = at->next) {
        struct kube_watch *w = CM_CONTAINER(at, struct kube_watch, at);

        list_again(w);
        goes_well(w); // it says nothing of the server that nobody asked it for so long
        cm_backoff_reset(&w->backoff);
        if (w->call == NULL) {
            go_on_later(w, 0);
        } else {
            kube_call_cancel(w->call);
        }
    }
}

void kube_watch_free_all(struct agent_kube *k) {
    for (struct cm_list *at = k->watches.next, *next; at != &k->watches; at = next) {
        next = at->next;
        free_watch(CM_CONTAINER(at, struct kube_watch, at));
    }
}

void kube_watch_stop_all(struct agent_kube *k) {
    for (struct cm_list *at = k->watches.next; at != &k->watches; at = at->next) {
        struct kube_watch *w = CM_CONTAINER(at, struct kube_watch, at);

        cm_timer_stop(k->loop, &w->timer);
    }
}
