#include "hub/jobs/digests.h"

#include <stdbool.h>
#include <string.h>

#include "common/arena.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/store/past.h"
#include "hub/store/status.h"

struct gathering {
    struct cm_arena *arena;
    struct cm_map *images;
    bool partial;
};

static void gather_line(struct gathering *g, const char *line, size_t size) {
    if ((size == 1 && line[0] == '+') || cm_map_len(g->images) == HUB_PAST_IMAGES_MAX) {
        g->partial = true;
    } else {
        cm_map_put(g->images, cm_arena_strndup(g->arena, line, size), g);
    }
}

static void gather(void *ctx, const char *lines) {
    for (const char *at = lines; *at != '\0';) {
        size_t size = strcspn(at, "\n");

        gather_line(ctx, at, size);
        at += size + (at[size] == '\n');
    }
}

static enum cm_rc note(struct hub_db *db, const struct hub_running *of, const struct gathering *g,
                       const struct hub_past_since *before, struct cm_err *err) {
    CM_AUTOFREE const char **images = cm_map_keys(g->images);
    const struct hub_past_set set = {
        .app = of->app, .images = images, .count = cm_map_len(g->images), .partial = g->partial};
    struct hub_past_change change = {.app = of->app,
                                     .axis = HUB_PAST_DIGESTS,
                                     .cluster = of->cluster,
                                     .at_ms = of->at_ms > before->since_ms ? of->at_ms
                                                                           : before->since_ms + 1,
                                     .seen_ms = of->seen_ms};
    enum cm_rc rc = set.count == 0 ? CM_OK : hub_past_images(db, &set, &change.value, err);

    return rc < 0 || change.value == before->value ? rc : hub_past_note(db, &change, err);
}

enum cm_rc hub_digests_note(struct hub_db *db, const struct hub_running *of, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct gathering g = {.arena = a, .images = cm_map_new(NULL)};
    struct hub_past_since before = {0};
    enum cm_rc rc = hub_objects_each_digests(db, of->cluster, of->app, gather, &g, err);

    rc = rc < 0 ? rc : hub_past_digests_find(db, of->cluster, of->app, &before, err);
    // Of a clock that was set back each report would be one more change in the same moment.
    if (rc == CM_OK && of->seen_ms > before.since_ms &&
        (cm_map_len(g.images) > 0 || before.value != 0)) {
        rc = note(db, of, &g, &before, err);
    }
    cm_map_free(g.images);
    return rc < 0 ? cm_wrap(err, "note what runs behind the tags of App '%s' on '%s'", of->app,
                            of->cluster)
                  : CM_OK;
}
