// What agents said of objects that another tool owns, in lines.
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/plan/paint.h"
#include "hub/plan/show.h"

static void paint_owned(const struct paint *p, const struct hub_plan_live *live) {
    const char *app = "";

    paint_line(
        p, PAINT_REMOVE, 0,
        "OWNED BY OTHERS: %zu object%s; with 'adopt: true' in the App's spec the agent takes "
        "them over, without, the App fails there",
        live->owned_count, paint_plural(live->owned_count));
    for (size_t i = 0; i < live->owned_count; i++) {
        const struct hub_plan_owned *owned = &live->owned[i];
        CM_CLEANUP(cm_str_done) struct cm_str names = {0};

        if (i == 0 || strcmp(app, owned->app) != 0) {
            paint_line(p, PAINT_OBJECT, 1, "App %s", owned->app);
        }
        app = owned->app;
        paint_clusters(owned->clusters, owned->cluster_count, "", &names);
        paint_line(p, PAINT_CHANGE, 2, "%s belongs to %s (%s)", owned->key, owned->owner,
                   cm_str_get(&names));
    }
}

void paint_live(const struct paint *p, const struct hub_plan_live *live) {
    if (live == NULL) {
        return;
    }
    if (live->owned_count > 0) {
        paint_owned(p, live);
    } else if (live->looked > 0) {
        paint_line(p, PAINT_NOTE, 0, "no new object belongs to another tool (%zu cluster%s asked)",
                   live->looked, paint_plural(live->looked));
    }
    for (size_t i = 0; i < live->blind_count; i++) {
        CM_CLEANUP(cm_str_done) struct cm_str names = {0};

        paint_clusters(live->blind[i].clusters, live->blind[i].cluster_count, "", &names);
        paint_line(p, PAINT_NOTE, 0, "not looked at: %s: %s", cm_str_get(&names),
                   live->blind[i].why);
    }
}
