// past_show.c: how it was: Apps and clusters that were alike then, folded.
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/store/db.h"
#include "hub/store/past_read.h"

#define RECENT 64
#define WAITING "waiting"
#define WEIGHTS_MS ((int64_t)7 * 24 * 3600 * 1000) // so old may the last step of a canary be
#define WEIGHTS_MAX 20000                          // of an App, and as many that wait

// Clusters on which an App was alike.
struct alike {
    const char *app;
    struct past_info *desired;
    struct past_info *actual;
    struct past_info *running; // whose images run; NULL: those of what is desired
    uint32_t value;            // of the first of them
    const char *state;
    uint64_t frozen;   // by which freezes
    int weight;        // per cent of the traffic that a release has; -1: none is being shifted
    const char *waits; // what a controller waits for; NULL: for nobody
    const char *needs; // what only people can settle; NULL: nothing
    struct past_digests digests;
    const char *step; // how far a release is that has no share of the traffic; NULL: it is none
    struct past_fold fold;
};

// What a controller is at with a release of an App on a cluster.
struct shift {
    int weight;        // -1: it shifts no traffic
    const char *waits; // for what; NULL: for nobody
    const char *needs; // what failed and serves all the same; NULL: nothing
    const char *step;  // at which one that shifts no traffic is; NULL: none
    int64_t since_ms;
};

struct showing {
    struct past_read *read;
    struct past_scope scope;
    struct hub_past_state seen;
    struct hub_past_state axes[HUB_PAST_SEEN]; // of the present App
    struct hub_past_state images;              // likewise
    struct hub_past_state digests;             // likewise
    struct shift *shifts;                      // of it, by cluster
    struct past_frozen frozen;
    struct cm_map *alike;
    struct cm_map *waits; // texts; each is itself
    struct recent {
        const struct past_info *desired;
        const struct past_info *actual;
        const struct past_info *running;
        const char *state;
        uint64_t frozen;
        int weight;
        const char *waits;
        const char *needs;
        const char *step;
        struct alike *alike;
    } recent[RECENT]; // of the present App: most clusters are like one before
};

static const char *verdict_word(uint32_t verdict) {
    switch (verdict) {
    case HUB_VERDICT_HEALTHY:
        return "inSync";
    case HUB_VERDICT_PROGRESSING:
        return "progressing";
    case HUB_VERDICT_DEGRADED:
        return "degraded";
    case HUB_VERDICT_FAILED:
        return "failed";
    case HUB_VERDICT_DRIFTED:
        return "drifted";
    case HUB_VERDICT_SUSPENDED:
        return "suspended";
    default:
        return "unknown";
    }
}

// found_word: what no App in Git names is as nobody says.
static const char *found_word(uint32_t verdict) {
    return verdict == HUB_VERDICT_HEALTHY ? "observed" : verdict_word(verdict);
}

static bool is_same(const struct past_info *a, const struct past_info *b) {
    return a->bundle == b->bundle;
}

static const char *state_of(const struct showing *s, size_t cluster,
                            const struct past_info *desired, const struct past_info *actual) {
    uint32_t verdict = s->axes[HUB_PAST_VERDICT].cells[cluster].value;

    if (s->seen.cells[cluster].value == 0) {
        return "unobserved";
    }
    if (desired->revision[0] == '\0' && actual->value != 0 && actual->revision[0] == '\0') {
        return found_word(verdict);
    }
    if (desired->revision[0] == '\0') {
        return "leaving";
    }
    if (verdict == HUB_VERDICT_FAILED || verdict == HUB_VERDICT_SUSPENDED) {
        return verdict_word(verdict);
    }
    if (!is_same(desired, actual)) {
        return "converging";
    }
    if (s->shifts[cluster].waits != NULL && verdict != HUB_VERDICT_DEGRADED) {
        return WAITING;
    }
    if (verdict == HUB_VERDICT_HEALTHY && desired->held[0] != '\0') {
        return "held";
    }
    bool shifts = s->shifts[cluster].weight >= 0 ||
                  s->shifts[cluster].step != NULL; // it is applied, and not yet what all meet
    return verdict == HUB_VERDICT_HEALTHY && shifts ? "converging" : verdict_word(verdict);
}

static int64_t since(const struct showing *s, size_t cluster, const char *state) {
    int64_t latest = 0;

    if (strcmp(state, WAITING) == 0) {
        return s->shifts[cluster].since_ms;
    }

    for (size_t i = 0; i < HUB_PAST_SEEN; i++) {
        int64_t ms = s->axes[i].cells[cluster].since_ms;

        latest = ms > latest ? ms : latest;
    }
    return latest;
}

static struct alike *make_alike(struct showing *s, const struct alike *like) {
    const char *key = cm_arena_strf(
        s->read->arena, "%s %s %s %s %llx %d %s\n%s\n%s%s%s", like->app, like->desired->release,
        like->actual->release, like->state, (unsigned long long)like->frozen, like->weight,
        like->waits == NULL ? "" : like->waits, like->needs == NULL ? "" : like->needs,
        like->step == NULL ? "" : like->step,
        like->running == NULL ? "" : "\n", // that nothing runs is not that it runs as desired
        like->running == NULL ? "" : like->running->images);
    struct alike *found = cm_map_get(s->alike, key);

    if (found == NULL) {
        found = cm_arena_get(s->read->arena, sizeof(*found));
        *found = *like;
        cm_map_put(s->alike, key, found);
    }
    return found;
}

static struct alike *find_alike(struct showing *s, const struct alike *like) {
    size_t slot = (like->desired->value * 7u + like->actual->value * 3u + like->state[0]) % RECENT;
    struct recent *recent = &s->recent[slot];

    if (recent->desired != like->desired || recent->actual != like->actual ||
        recent->state != like->state || recent->frozen != like->frozen ||
        recent->weight != like->weight || recent->waits != like->waits ||
        recent->needs != like->needs || recent->step != like->step ||
        recent->running != like->running) {
        *recent = (struct recent){like->desired, like->actual,       like->running, like->state,
                                  like->frozen,  like->weight,       like->waits,   like->needs,
                                  like->step,    make_alike(s, like)};
    }
    return recent->alike;
}

// find_running finds whose images run, where these are not those of what is desired: somebody has
// set another one, a controller went back, or the release is not applied.
static enum cm_rc find_running(struct showing *s, size_t cluster, struct alike *like,
                               struct cm_err *err) {
    uint32_t images = s->images.cells[cluster].value;
    enum cm_rc rc;

    if (like->desired->value == 0 || (like->actual->value == 0 && images == 0)) {
        return CM_OK;
    }
    rc = past_info_find(s->read, images != 0 ? images : like->actual->value, &like->running, err);
    if (rc == CM_OK && strcmp(like->running->images, like->desired->images) == 0) {
        like->running = NULL;
    }
    return rc;
}

// note_digests adds to clusters that are alike what runs behind tags on one of them.
static enum cm_rc note_digests(struct showing *s, size_t cluster, struct alike *alike,
                               struct cm_err *err) {
    struct past_info *digests;
    enum cm_rc rc = past_info_find(s->read, s->digests.cells[cluster].value, &digests, err);

    if (rc == CM_OK) {
        past_digests_note(s->read, &alike->digests, digests);
    }
    return rc;
}

static enum cm_rc show_cluster(struct showing *s, const char *app, size_t cluster,
                               struct cm_err *err) {
    uint32_t desired = s->axes[HUB_PAST_DESIRED].cells[cluster].value;
    uint32_t actual = s->axes[HUB_PAST_ACTUAL].cells[cluster].value;
    struct alike like = {.app = app, .value = desired != 0 ? desired : actual};

    if (desired == 0 && actual == 0) {
        return CM_OK;
    }
    enum cm_rc rc = past_info_find(s->read, desired, &like.desired, err);
    rc = rc < 0 ? rc : past_info_find(s->read, actual, &like.actual, err);
    rc = rc < 0 ? rc : find_running(s, cluster, &like, err);
    if (rc == CM_OK) {
        like.state = state_of(s, cluster, like.desired, like.actual);
        like.frozen = past_frozen_of(&s->frozen, app, cluster);
        like.weight = s->shifts[cluster].weight;
        like.waits = s->shifts[cluster].waits;
        like.needs = s->shifts[cluster].needs;
        like.step = s->shifts[cluster].step;
        struct alike *alike = find_alike(s, &like);

        past_fold_add(s->read, &alike->fold, cluster, since(s, cluster, like.state));
        rc = note_digests(s, cluster, alike, err);
    }
    return rc;
}

static enum cm_rc read_axes(struct showing *s, const char *app, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    for (int i = 0; rc == CM_OK && i < HUB_PAST_SEEN; i++) {
        s->axes[i].count = s->read->count;
        rc = hub_past_read(s->read->db, s->read->arena, app, (enum hub_past_axis)i, &s->scope.when,
                           &s->axes[i], err);
    }
    s->images.count = s->read->count;
    s->digests.count = s->read->count;
    rc = rc < 0 ? rc
                : hub_past_read(s->read->db, s->read->arena, app, HUB_PAST_IMAGES, &s->scope.when,
                                &s->images, err);
    return rc < 0 ? rc
                  : hub_past_read(s->read->db, s->read->arena, app, HUB_PAST_DIGESTS,
                                  &s->scope.when, &s->digests, err);
}

// What a controller did last, unless it has done anything else since: then it shifts no more,
// waits for nobody, and needs nobody. That somebody has pods replaced is nothing of that. Of a
// workload that left Git nothing more is heard, so what waits now is what people are needed for
// (hub/jobs/needs.h); but that may be more than is kept, or a hub that was rebuilt knows of none,
// so that what waits since Git said something else last waits, too.
#define LAST(VERDICT, SURE)                                                                        \
    "SELECT c.number, d.weight, d.controller || ': ' || d.text, d.at_ms, " SURE " FROM (SELECT *"  \
    " FROM decision WHERE app = ?1 AND verdict = '" VERDICT "' AND at_ms BETWEEN ?2 AND ?3 AND"    \
    " seen_ms <= ?4 ORDER BY at_ms DESC LIMIT ?5) d JOIN past_cluster c ON c.name = d.cluster"     \
    " WHERE NOT EXISTS (SELECT 1 FROM decision e WHERE e.cluster = d.cluster AND e.key = d.key"    \
    " AND e.number > d.number AND e.at_ms <= ?3 AND e.seen_ms <= ?4 AND e.verdict <> "             \
    "'restarted')"
#define NOW(WAITS)                                                                                 \
    "EXISTS (SELECT 1 FROM needs_human n WHERE n.cluster = d.cluster AND n.app = ?1 AND n.key ="   \
    " d.key AND n.waits = " WAITS ") OR NOT EXISTS (SELECT 1 FROM pair p WHERE p.cluster ="        \
    " d.cluster AND p.app = ?1)"
enum last { LAST_WEIGHT, LAST_WAIT, LAST_NEED };
static const char *const lasts[][2] = {
    [LAST_WEIGHT] = {LAST("weight", "1"), LAST("weight", "1")},
    [LAST_WAIT] = {LAST("waiting", "1"), LAST("waiting", NOW("1"))},
    [LAST_NEED] = {LAST("failed_forward", "1"), LAST("failed_forward", NOW("0"))},
};

static const char *one_text(struct showing *s, const char *text) {
    const char *found = cm_map_get(s->waits, text);

    if (found == NULL) {
        char *copy = cm_arena_strdup(s->read->arena, text);

        cm_map_put(s->waits, copy, copy);
        found = copy;
    }
    return found;
}

static bool counts(const struct showing *s, struct hub_stmt *stmt, size_t cluster) {
    return hub_stmt_int(stmt, 4) != 0 ||
           hub_stmt_int(stmt, 3) >= s->axes[HUB_PAST_DESIRED].cells[cluster].since_ms;
}

static void take_last(struct showing *s, enum last which, struct hub_stmt *stmt, size_t cluster) {
    const char *words = hub_stmt_text(stmt, 2);

    if (which == LAST_NEED) {
        s->shifts[cluster].needs = one_text(s, words);
        return;
    }
    int weight = (int)hub_stmt_int(stmt, 1);
    const char *text = strstr(words, ": iteration "); // behind its controller
    bool steps = which == LAST_WEIGHT && weight < 0;
    s->shifts[cluster] =
        (struct shift){.weight = weight,
                       .step = steps && text != NULL ? one_text(s, text + 2) : NULL,
                       .waits = which == LAST_WAIT ? one_text(s, words) : NULL,
                       .since_ms = hub_stmt_int(stmt, 3)};
}

static enum cm_rc read_last(struct showing *s, const char *app, enum last which,
                            struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    const struct hub_past_when *when = &s->scope.when;
    int64_t heard_by = when->known ? when->at_ms : INT64_MAX;
    int64_t from_ms = which == LAST_WEIGHT ? when->at_ms - WEIGHTS_MS : 0;
    bool now = !s->scope.select.timed && s->scope.select.back == 0;
    enum cm_rc rc = hub_db_query(s->read->db, &stmt, err, lasts[which][now ? 1 : 0], "tiiii", app,
                                 from_ms, when->at_ms, heard_by, (int64_t)WEIGHTS_MAX);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        size_t cluster = (size_t)hub_stmt_int(stmt, 0);

        if (cluster < s->read->count && counts(s, stmt, cluster)) {
            take_last(s, which, stmt, cluster);
        }
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// read_shifts: of several workloads of an App one that waits is told rather than one that shifts.
static enum cm_rc read_shifts(struct showing *s, const char *app, struct cm_err *err) {
    for (size_t i = 0; i < s->read->count; i++) {
        s->shifts[i] = (struct shift){.weight = -1};
    }
    enum cm_rc rc = read_last(s, app, LAST_WEIGHT, err);

    rc = rc < 0 ? rc : read_last(s, app, LAST_WAIT, err);
    return rc < 0 ? rc : read_last(s, app, LAST_NEED, err);
}

static enum cm_rc show_app(void *ctx, const char *app, struct cm_err *err) {
    struct showing *s = ctx;
    enum cm_rc rc = read_axes(s, app, err);

    rc = rc < 0 ? rc : read_shifts(s, app, err);
    memset(s->recent, 0, sizeof(s->recent));
    for (size_t i = 0; rc == CM_OK && i < s->read->count; i++) {
        rc = s->scope.in[i] ? show_cluster(s, app, i, err) : CM_OK;
    }
    return rc;
}

static enum cm_rc set_revision(struct past_read *r, struct cm_json *item, const char *member,
                               const struct past_info *info, struct cm_err *err) {
    if (info->revision[0] == '\0') {
        return CM_OK;
    }
    struct cm_json *revision = cm_json_new(r->arena, CM_OBJECT);
    cm_json_set(r->arena, item, member, revision);
    return past_revision_set(r, revision, info, err);
}

// images_of returns those that run.
static const char *images_of(const struct alike *alike) {
    return alike->running != NULL       ? alike->running->images
           : alike->desired->value != 0 ? alike->desired->images
                                        : alike->actual->images;
}

static enum cm_rc make_item(struct showing *s, const struct alike *alike, struct cm_json **out,
                            struct cm_err *err) {
    struct past_read *r = s->read;
    struct cm_json *item = cm_json_new(r->arena, CM_OBJECT);
    struct cm_json *images = NULL;
    struct cm_json *runs = NULL;

    cm_json_set_string(r->arena, item, "app", alike->app);
    cm_json_set_string(r->arena, item, "state", alike->state);
    enum cm_rc rc = set_revision(r, item, "desired", alike->desired, err);
    rc = rc < 0 ? rc : set_revision(r, item, "actual", alike->actual, err);
    rc = rc < 0 ? rc : past_images_make(r, alike->value, &images, err);
    cm_json_set(r->arena, item, "images", images);
    if (rc == CM_OK && alike->running != NULL) {
        rc = past_images_make(r, alike->running->value, &runs, err);
        cm_json_set(r->arena, item, "runs", runs);
    }
    past_digests_set(r, &alike->digests, images_of(alike), item);
    past_fold_set(r, &alike->fold, item);
    past_frozen_set(r, &s->frozen, alike->frozen, item);
    if (alike->weight >= 0) {
        cm_json_set_int(r->arena, item, "weight", alike->weight);
    }
    if (alike->step != NULL) {
        cm_json_set_string(r->arena, item, "step", alike->step);
    }
    if (alike->waits != NULL) {
        cm_json_set_string(r->arena, item, "waits", alike->waits);
    }
    if (alike->needs != NULL) {
        cm_json_set_string(r->arena, item, "needsHuman",
                           cm_arena_strf(r->arena,
                                         "%s; it failed and serves all the same: commit another "
                                         "release, or the one before",
                                         alike->needs));
    }
    *out = item;
    return rc;
}

static enum cm_rc make_items(struct showing *s, struct cm_json *answer, struct cm_err *err) {
    struct past_read *r = s->read;
    CM_AUTOFREE const char **keys = cm_map_keys(s->alike);
    size_t count = cm_map_len(s->alike);
    struct cm_json **items = cm_arena_get(r->arena, (count + 1) * sizeof(struct cm_json *));
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < count; i++) {
        rc = make_item(s, cm_map_get(s->alike, keys[i]), &items[i], err);
    }
    if (rc == CM_OK) {
        past_items_set(r, answer, items, count);
    }
    return rc;
}

static enum cm_rc show(struct past_read *r, struct cm_json *answer, struct cm_err *err) {
    struct showing s = {.read = r, .seen = {.count = r->count}};
    struct hub_select select;
    enum cm_rc rc = hub_select_parse(r->arena, r->ask->select, r->ask->now_ms, &select, err);

    rc = rc < 0 ? rc : past_scope_find(r, &select, &s.scope, err);
    rc = rc < 0 ? rc
                : hub_past_read(r->db, r->arena, "", HUB_PAST_SEEN, &s.scope.when, &s.seen, err);
    rc = rc < 0 ? rc : past_frozen_find(r, s.scope.when.at_ms, &s.frozen, err);
    if (rc < 0) {
        return rc;
    }
    s.shifts = cm_arena_get(r->arena, r->count * sizeof(*s.shifts));
    s.alike = cm_map_new(NULL);
    s.waits = cm_map_new(NULL);
    rc = past_each_app(r, &select, show_app, &s, err);
    cm_json_set_int(r->arena, answer, "atMs", s.scope.when.at_ms);
    past_members_set(r, &s.scope, answer);
    rc = rc < 0 ? rc : make_items(&s, answer, err);
    cm_map_free(s.waits);
    cm_map_free(s.alike);
    return rc;
}

enum cm_rc hub_past_show(struct hub_db *db, struct cm_arena *a, const struct hub_past_ask *ask,
                         struct cm_json **out, struct cm_err *err) {
    struct cm_json *answer = cm_json_new(a, CM_OBJECT);
    struct past_read r;
    enum cm_rc rc = past_read_begin(&r, db, a, ask, err);

    rc = rc < 0 ? rc : show(&r, answer, err);
    past_read_end(&r);
    *out = answer;
    return rc;
}
