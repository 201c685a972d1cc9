// past_where.c: where something ran, since when; and where an App ran without it.
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/hold/image.h"
#include "hub/store/db.h"
#include "hub/store/past_read.h"

#define HEX_MIN 7
#define HEX_MAX 64

struct found {
    const struct past_info *info;    // what was applied; of value 0: that is not known
    const struct past_info *running; // what runs instead; of value 0: just that
    const struct past_info *digests; // behind tags, if one is asked for; else of value 0
    bool wanted;                     // it has what is asked for
    bool behind;                     // but only behind a tag
    bool undigested;                 // it has not, as far as is known of what is behind tags
    bool other;                      // it has no image of the name that is asked for
    struct past_digests known;
    struct past_fold fold;
};

struct seeking {
    struct past_read *read;
    struct past_scope scope;
    struct hub_past_state seen;
    struct hub_past_state actual;  // of the present App
    struct hub_past_state verdict; // of it, too
    struct hub_past_state images;  // likewise
    struct hub_past_state digests; // likewise
    struct cm_map *wanted;         // values, by number as text
    struct cm_map *committed;      // those that are it by their commit, whatever runs
    struct cm_map *apps;           // that ever had one of them, or only (&named) what is named
    struct cm_map *found;          // by App, revision and what runs
    bool by_digest;                // a digest is asked for
    const char *named;             // and where it is missing: of this image; "": of any
    bool *undigested;              // by number of cluster: it may be there, for all that is known
};

static const char *key_of(struct past_read *r, uint32_t value) {
    return cm_arena_strf(r->arena, "%u", value);
}

static enum cm_rc want(struct seeking *s, struct cm_map *wanted, struct hub_stmt *stmt,
                       struct cm_err *err) {
    enum cm_rc rc;

    while ((rc = hub_stmt_next(stmt, err)) == CM_OK) {
        const char *app = cm_arena_strdup(s->read->arena, hub_stmt_text(stmt, 1));

        cm_map_put(wanted, key_of(s->read, (uint32_t)hub_stmt_int(stmt, 0)), s);
        cm_map_put(s->apps, app, s);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc want_image(struct seeking *s, int64_t image, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(s->read->db, &stmt, err,
                                 "SELECT v.value, b.app FROM past_value_image v"
                                 " JOIN past_value b ON b.number = v.value WHERE v.image = ?1",
                                 "i", image);

    return rc < 0 ? rc : want(s, s->wanted, stmt, err);
}

// want_named adds the Apps that ever had an image of the name: where a patch is missing may be all
// of them.
static enum cm_rc want_named(struct seeking *s, int64_t image, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(s->read->db, &stmt, err,
                                 "SELECT DISTINCT b.app FROM past_value_image v"
                                 " JOIN past_value b ON b.number = v.value WHERE v.image = ?1",
                                 "i", image);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        if (cm_map_get(s->apps, hub_stmt_text(stmt, 0)) == NULL) {
            cm_map_put(s->apps, hub_stmt_text(stmt, 0), &s->named);
        }
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc want_images(struct seeking *s, const char *what, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(s->read->db, &stmt, err, "SELECT number, image FROM past_image", "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        bool is = hub_image_is(a, what, hub_stmt_text(stmt, 1));
        bool named = s->named[0] != '\0' && hub_image_is(a, s->named, hub_stmt_text(stmt, 1));

        cm_arena_reset(a);
        rc = is ? want_image(s, hub_stmt_int(stmt, 0), err) : CM_OK;
        rc = rc < 0 || !named ? rc : want_named(s, hub_stmt_int(stmt, 0), err);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static bool is_revision(const char *what) {
    size_t size = strspn(what, "0123456789abcdef");

    return what[size] == '\0' && size >= HEX_MIN && size <= HEX_MAX;
}

static enum cm_rc want_revision(struct seeking *s, const char *what, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(s->read->db, &stmt, err,
                                 "SELECT number, app FROM past_value WHERE revision >= ?1"
                                 " AND revision < ?1 || 'g'",
                                 "t", what);

    return rc < 0 ? rc : want(s, s->committed, stmt, err);
}

// name_of returns which image it is that shall have the digest that is asked for.
static const char *name_of(const struct past_read *r) {
    struct hub_image image = {.name = ""};

    if (r->ask->missing && strchr(r->ask->what, '@') != NULL) {
        hub_image_parse(r->arena, r->ask->what, &image);
    }
    return image.name;
}

static enum cm_rc find_wanted(struct seeking *s, struct cm_err *err) {
    const char *what = s->read->ask->what;

    s->named = name_of(s->read);
    enum cm_rc rc = want_images(s, what, err);

    s->by_digest = past_digests_meant(what);
    s->undigested = cm_arena_get(s->read->arena, s->read->count * sizeof(*s->undigested));
    return rc == CM_OK && is_revision(what) ? want_revision(s, what, err) : rc;
}

static size_t count_undigested(const struct seeking *s) {
    size_t count = 0;

    for (size_t i = 0; i < s->read->count; i++) {
        count += s->undigested[i] ? 1 : 0;
    }
    return count;
}

// check_known: what nobody ever heard of is a mistake, unless it may run behind some tag. Where it
// is missing nobody can tell then.
static enum cm_rc check_known(const struct seeking *s, struct cm_err *err) {
    const struct hub_past_ask *ask = s->read->ask;

    if (cm_map_len(s->apps) > 0 || (!ask->missing && count_undigested(s) > 0)) {
        return CM_OK;
    }
    return cm_fail(err, CM_ENOTFOUND,
                   "nothing that was ever in force has '%.200s'%s: give an image, its name, "
                   "tag or "
                   "digest%s, or a commit with 7 digits or more that changed an App",
                   ask->what, past_kept_words(s->read),
                   ask->missing && s->by_digest ? " behind its name (web@sha256:...)" : "");
}

static bool has(struct seeking *s, const struct cm_map *wanted, const struct past_info *info) {
    return cm_map_get(wanted, key_of(s->read, info->value)) != NULL;
}

// images_of returns those that run.
static const char *images_of(const struct found *found) {
    return (found->running->value != 0 ? found->running : found->info)->images;
}

// has_other tells whether no image of the name that is asked for runs.
static bool has_other(const struct seeking *s, const char *images) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    char *rest = cm_arena_strdup(a, images);
    char *image;

    while ((image = strsep(&rest, " ")) != NULL) {
        if (hub_image_is(a, s->named, image)) {
            return false;
        }
    }
    return true;
}

static void judge(struct seeking *s, struct found *found) {
    const struct past_info *runs = found->running->value != 0 ? found->running : found->info;

    found->wanted = has(s, s->committed, found->info) || has(s, s->wanted, runs);
    if (!found->wanted && s->by_digest) {
        found->behind = past_digests_have(s->read, found->digests, runs->images);
        found->wanted = found->behind;
        found->undigested =
            !found->wanted && past_digests_lack(s->read, found->digests, runs->images);
    }
}

static struct found *make_found(struct seeking *s, const char *app, const struct found *like) {
    CM_AUTOFREE char *key = cm_strf("%s %u %u %s", app, like->running->value, like->digests->value,
                                    like->info->release);
    struct found *found = cm_map_get(s->found, key);

    if (found == NULL) {
        found = cm_arena_get(s->read->arena, sizeof(*found));
        *found = *like;
        judge(s, found);
        found->other = cm_map_get(s->apps, app) == &s->named && has_other(s, images_of(found));
        cm_map_put(s->found, key, found);
    }
    return found;
}

// is_unsure: of what runs instead not all may be known, and what was changed by hand before anybody
// looked at images may be one. So with `missing` such a cluster is told, too.
static bool is_unsure(const struct seeking *s, size_t cluster, const struct found *found) {
    return found->running->value != 0 ? found->running->revision[0] != '\0'
                                      : s->verdict.cells[cluster].value == HUB_VERDICT_DRIFTED;
}

// since_of: an image that was put there by hand has been there since that; a commit since it was
// applied.
static int64_t since_of(const struct seeking *s, size_t cluster, const struct found *found) {
    int64_t applied_ms = s->actual.cells[cluster].since_ms;
    int64_t images_ms = s->images.cells[cluster].since_ms;

    if (found->behind) {
        return s->digests.cells[cluster].since_ms;
    }
    return cm_map_len(s->committed) > 0 && found->info->value != 0 ? applied_ms
           : images_ms > applied_ms                                ? images_ms
                                                                   : applied_ms;
}

// is_unwell: until a release is healthy, pods of the one before may run beside it, or instead.
static bool is_unwell(const struct seeking *s, size_t cluster) {
    uint32_t verdict = s->verdict.cells[cluster].value;

    return verdict == HUB_VERDICT_PROGRESSING || verdict == HUB_VERDICT_DEGRADED;
}

// What runs is known as long as somebody watches.
static void add_cell(struct seeking *s, size_t cluster, struct found *found,
                     const struct past_info *digests) {
    bool unobserved = s->seen.cells[cluster].value == 0;
    bool unwell = is_unwell(s, cluster);
    bool unsure = unwell || is_unsure(s, cluster, found);
    bool drifted =
        found->running->value != 0 || s->verdict.cells[cluster].value == HUB_VERDICT_DRIFTED;

    bool lacks = unobserved || unsure || (!found->wanted && !found->other);

    if (s->read->ask->missing ? lacks : found->wanted) {
        past_fold_add(s->read, &found->fold, cluster, since_of(s, cluster, found));
        found->fold.unobserved += unobserved ? 1 : 0;
        found->fold.drifted += drifted && !unobserved ? 1 : 0;
        found->fold.unwell += unwell && !unobserved ? 1 : 0;
        found->fold.undigested += found->undigested ? 1 : 0;
        past_digests_note(s->read, &found->known, digests);
    }
}

// find_found: most clusters run what their bundle says.
static struct found *find_found(struct seeking *s, const char *app, struct past_info *info,
                                const struct found *like) {
    if (like->running->value != 0 || like->digests->value != 0) {
        return make_found(s, app, like);
    }
    if (info->mark == NULL) {
        info->mark = make_found(s, app, like);
    }
    return info->mark;
}

static enum cm_rc seek_cluster(struct seeking *s, const char *app, size_t cluster,
                               struct cm_err *err) {
    uint32_t images = s->images.cells[cluster].value;
    uint32_t value = s->actual.cells[cluster].value;
    struct past_info *running;
    struct past_info *digests;
    struct past_info *none;
    struct past_info *info;
    enum cm_rc rc = past_info_find(s->read, value, &info, err);

    rc = rc < 0 ? rc : past_info_find(s->read, images, &running, err);
    rc = rc < 0 ? rc : past_info_find(s->read, s->digests.cells[cluster].value, &digests, err);
    rc = rc < 0 ? rc : past_info_find(s->read, 0, &none, err);
    if (rc < 0 || (value == 0 && images == 0)) {
        return rc;
    }
    const struct found like = {
        .info = info, .running = running, .digests = s->by_digest ? digests : none};
    struct found *found = find_found(s, app, info, &like);
    s->undigested[cluster] = s->undigested[cluster] || found->undigested;
    if (cm_map_get(s->apps, app) != NULL) {
        add_cell(s, cluster, found, digests);
    }
    return CM_OK;
}

static enum cm_rc read_axis(struct seeking *s, const char *app, enum hub_past_axis axis,
                            struct hub_past_state *out, struct cm_err *err) {
    out->count = s->read->count;
    return hub_past_read(s->read->db, s->read->arena, app, axis, &s->scope.when, out, err);
}

static enum cm_rc seek_app(void *ctx, const char *app, struct cm_err *err) {
    struct seeking *s = ctx;

    if (cm_map_get(s->apps, app) == NULL && !s->by_digest) {
        return CM_OK;
    }
    enum cm_rc rc = read_axis(s, app, HUB_PAST_ACTUAL, &s->actual, err);
    rc = rc < 0 ? rc : read_axis(s, app, HUB_PAST_VERDICT, &s->verdict, err);
    rc = rc < 0 ? rc : read_axis(s, app, HUB_PAST_IMAGES, &s->images, err);
    rc = rc < 0 ? rc : read_axis(s, app, HUB_PAST_DIGESTS, &s->digests, err);
    for (size_t i = 0; rc == CM_OK && i < s->read->count; i++) {
        rc = s->scope.in[i] ? seek_cluster(s, app, i, err) : CM_OK;
    }
    return rc;
}

static enum cm_rc make_item(struct past_read *r, const struct found *found, struct cm_json **out,
                            struct cm_err *err) {
    const struct past_info *running = found->running->value != 0 ? found->running : found->info;
    struct cm_json *item = cm_json_new(r->arena, CM_OBJECT);
    struct cm_json *images = NULL;

    cm_json_set_string(r->arena, item, "app", running->app);
    enum cm_rc rc = past_revision_set(r, item, found->info, err);
    rc = rc < 0 ? rc : past_images_make(r, running->value, &images, err);
    cm_json_set(r->arena, item, "images", images);
    past_fold_set(r, &found->fold, item);
    cm_json_set_int(r->arena, item, "unobserved", (int64_t)found->fold.unobserved);
    cm_json_set_int(r->arena, item, "drifted", (int64_t)found->fold.drifted);
    cm_json_set_int(r->arena, item, "unwell", (int64_t)found->fold.unwell);
    cm_json_set_int(r->arena, item, "undigested", (int64_t)found->fold.undigested);
    past_digests_set(r, &found->known, images_of(found), item);
    *out = item;
    return rc;
}

static enum cm_rc make_items(struct seeking *s, struct cm_json *answer, struct cm_err *err) {
    CM_AUTOFREE const char **keys = cm_map_keys(s->found);
    size_t count = cm_map_len(s->found);
    struct cm_json **items = cm_arena_get(s->read->arena, (count + 1) * sizeof(struct cm_json *));
    enum cm_rc rc = CM_OK;

    size_t told = 0;

    for (size_t i = 0; rc == CM_OK && i < count; i++) {
        const struct found *found = cm_map_get(s->found, keys[i]);

        rc = found->fold.clusters == 0 ? CM_OK : make_item(s->read, found, &items[told++], err);
    }
    if (rc == CM_OK) {
        past_items_set(s->read, answer, items, told);
    }
    return rc;
}

static enum cm_rc seek(struct seeking *s, struct cm_json *answer, struct cm_err *err) {
    struct past_read *r = s->read;
    struct hub_select select;
    enum cm_rc rc = hub_select_parse(r->arena, r->ask->select, r->ask->now_ms, &select, err);

    rc = rc < 0 ? rc : past_scope_find(r, &select, &s->scope, err);
    rc = rc < 0 ? rc : find_wanted(s, err);
    rc = rc < 0 ? rc : read_axis(s, "", HUB_PAST_SEEN, &s->seen, err);
    rc = rc < 0 ? rc : past_each_app(r, &select, seek_app, s, err);
    rc = rc < 0 ? rc : check_known(s, err);
    if (rc < 0) {
        return rc;
    }
    cm_json_set_int(r->arena, answer, "atMs", s->scope.when.at_ms);
    cm_json_set_int(r->arena, answer, "undigested", (int64_t)count_undigested(s));
    past_members_set(r, &s->scope, answer);
    return make_items(s, answer, err);
}

enum cm_rc hub_past_where(struct hub_db *db, struct cm_arena *a, const struct hub_past_ask *ask,
                          struct cm_json **out, struct cm_err *err) {
    struct cm_json *answer = cm_json_new(a, CM_OBJECT);
    struct past_read r;
    struct seeking s = {.read = &r,
                        .wanted = cm_map_new(NULL),
                        .committed = cm_map_new(NULL),
                        .apps = cm_map_new(NULL),
                        .found = cm_map_new(NULL)};
    enum cm_rc rc = past_read_begin(&r, db, a, ask, err);

    rc = rc < 0 ? rc : seek(&s, answer, err);
    cm_map_free(s.wanted);
    cm_map_free(s.committed);
    cm_map_free(s.apps);
    cm_map_free(s.found);
    past_read_end(&r);
    *out = answer;
    return rc;
}
