// past_diff.c: what runs in one and not in the other: environments, or moments.
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/store/past_read.h"

struct running {
    const struct past_info *info;
    struct past_fold fold;
};

struct side {
    struct past_scope scope;
    struct hub_past_state seen;
    struct cm_map *releases; // of the present App: -> struct running
    struct cm_map *bundles;  // by name
    struct running *last;    // that was met: most clusters are alike
};

struct comparing {
    struct past_read *read;
    struct side from;
    struct side to;
    struct cm_json *list;
};

static struct running *find_running(struct past_read *r, struct side *side,
                                    const struct past_info *info) {
    if (side->last != NULL && side->last->info == info) {
        return side->last;
    }
    cm_map_put(side->bundles, cm_arena_strf(r->arena, "%llx", (unsigned long long)info->bundle),
               side);
    struct running *running = cm_map_get(side->releases, info->release);
    if (running == NULL) {
        running = cm_arena_get(r->arena, sizeof(*running));
        *running = (struct running){.info = info};
        cm_map_put(side->releases, info->release, running);
    }
    side->last = running;
    return running;
}

static enum cm_rc add_cell(struct past_read *r, struct side *side, size_t cluster,
                           const struct hub_past_cell *cell, struct cm_err *err) {
    struct past_info *info;
    enum cm_rc rc = past_info_find(r, cell->value, &info, err);

    if (rc == CM_OK && cell->value != 0) {
        struct past_fold *fold = &find_running(r, side, info)->fold;

        past_fold_add(r, fold, cluster, cell->since_ms);
        fold->unobserved += side->seen.cells[cluster].value == 0 ? 1 : 0;
    }
    return rc;
}

static enum cm_rc read_side(struct past_read *r, struct side *side, const char *app,
                            struct cm_err *err) {
    struct hub_past_state actual = {.count = r->count};
    enum cm_rc rc =
        hub_past_read(r->db, r->arena, app, HUB_PAST_ACTUAL, &side->scope.when, &actual, err);

    cm_map_freep(&side->releases);
    cm_map_freep(&side->bundles);
    side->releases = cm_map_new(NULL);
    side->bundles = cm_map_new(NULL);
    side->last = NULL;
    for (size_t i = 0; rc == CM_OK && i < actual.count; i++) {
        rc = side->scope.in[i] ? add_cell(r, side, i, &actual.cells[i], err) : CM_OK;
    }
    return rc;
}

static bool has_same(const struct cm_map *a, const struct cm_map *b) {
    CM_AUTOFREE const char **keys = cm_map_keys(a);
    size_t count = cm_map_len(a);
    bool same = count == cm_map_len(b);

    for (size_t i = 0; same && i < count; i++) {
        same = cm_map_get(b, keys[i]) != NULL;
    }
    return same;
}

// Releases that differ in nothing but their commit (one that was suspended, and resumed) are the
// same, and so are those of one commit, though clusters have bundles of their own of it.
static bool is_same(const struct side *a, const struct side *b) {
    return has_same(a->releases, b->releases) || has_same(a->bundles, b->bundles);
}

static enum cm_rc list_side(struct past_read *r, const struct side *side, struct cm_json **out,
                            struct cm_err *err) {
    CM_AUTOFREE const char **keys = cm_map_keys(side->releases);
    enum cm_rc rc = CM_OK;

    *out = cm_json_new(r->arena, CM_ARRAY);
    for (size_t i = 0; rc == CM_OK && i < cm_map_len(side->releases); i++) {
        const struct running *running = cm_map_get(side->releases, keys[i]);
        struct cm_json *item = cm_json_new(r->arena, CM_OBJECT);

        struct cm_json *images = NULL;

        rc = past_revision_set(r, item, running->info, err);
        rc = rc < 0 ? rc : past_images_make(r, running->info->value, &images, err);
        cm_json_set(r->arena, item, "images", images);
        past_fold_set(r, &running->fold, item);
        cm_json_set_int(r->arena, item, "unobserved", (int64_t)running->fold.unobserved);
        cm_json_append(*out, item);
    }
    return rc;
}

static enum cm_rc add_item(struct comparing *c, const char *app, struct cm_err *err) {
    struct past_read *r = c->read;
    struct cm_json *item = cm_json_new(r->arena, CM_OBJECT);
    struct cm_json *from = NULL;
    struct cm_json *to = NULL;
    enum cm_rc rc = list_side(r, &c->from, &from, err);

    rc = rc < 0 ? rc : list_side(r, &c->to, &to, err);
    cm_json_set_string(r->arena, item, "app", app);
    cm_json_set(r->arena, item, "from", from);
    cm_json_set(r->arena, item, "to", to == NULL ? cm_json_new(r->arena, CM_ARRAY) : to);
    cm_json_append(c->list, item);
    return rc;
}

static enum cm_rc compare_app(void *ctx, const char *app, struct cm_err *err) {
    struct comparing *c = ctx;
    enum cm_rc rc = read_side(c->read, &c->from, app, err);

    rc = rc < 0 ? rc : read_side(c->read, &c->to, app, err);
    return rc < 0 || is_same(&c->from, &c->to) ? rc : add_item(c, app, err);
}

static enum cm_rc find_side(struct past_read *r, const struct hub_select *select, struct side *out,
                            struct cm_err *err) {
    enum cm_rc rc = past_scope_find(r, select, &out->scope, err);

    out->seen.count = r->count;
    return rc < 0 ? rc
                  : hub_past_read(r->db, r->arena, "", HUB_PAST_SEEN, &out->scope.when, &out->seen,
                                  err);
}

// A side as a whole: what is the same on both is not listed, and may not have been observed either.
static void set_side(struct past_read *r, const struct side *side, const char *member,
                     struct cm_json *answer) {
    struct cm_json *item = cm_json_new(r->arena, CM_OBJECT);
    int64_t clusters = 0;
    int64_t unobserved = 0;

    for (size_t i = 0; i < r->count; i++) {
        clusters += side->scope.in[i] ? 1 : 0;
        unobserved += side->scope.in[i] && side->seen.cells[i].value == 0 ? 1 : 0;
    }
    cm_json_set_int(r->arena, item, "atMs", side->scope.when.at_ms);
    cm_json_set_int(r->arena, item, "clusters", clusters);
    cm_json_set_int(r->arena, item, "unobserved", unobserved);
    cm_json_set(r->arena, answer, member, item);
}

static enum cm_rc compare(struct comparing *c, struct cm_json *answer, struct cm_err *err) {
    struct past_read *r = c->read;
    struct hub_select from, to;
    enum cm_rc rc =
        hub_select_parse_range(r->arena, r->ask->select, r->ask->now_ms, &from, &to, err);

    rc = rc < 0 ? rc : find_side(r, &from, &c->from, err);
    rc = rc < 0 ? rc : find_side(r, &to, &c->to, err);
    if (rc == CM_OK && strcmp(from.app, to.app) != 0) {
        return cm_fail(err, CM_EINVAL, "'%.100s' compares two Apps: name the same on both sides",
                       r->ask->select);
    }
    if (rc == CM_OK) {
        set_side(r, &c->from, "from", answer);
        set_side(r, &c->to, "to", answer);
        past_members_set(r, &c->from.scope, answer);
        past_members_set(r, &c->to.scope, answer);
    }
    return rc < 0 ? rc : past_each_app(r, &from, compare_app, c, err);
}

enum cm_rc hub_past_diff(struct hub_db *db, struct cm_arena *a, const struct hub_past_ask *ask,
                         struct cm_json **out, struct cm_err *err) {
    struct past_read r;
    struct comparing c = {.read = &r, .list = cm_json_new(a, CM_ARRAY)};
    enum cm_rc rc = past_read_begin(&r, db, a, ask, err);

    *out = cm_json_new(a, CM_OBJECT);
    rc = rc < 0 ? rc : compare(&c, *out, err);
    cm_map_freep(&c.from.releases);
    cm_map_freep(&c.to.releases);
    cm_map_freep(&c.from.bundles);
    cm_map_freep(&c.to.bundles);
    past_read_end(&r);
    cm_json_set(a, *out, "items", c.list);
    return rc;
}
