// Freezes: what documents there are.
#include <stdlib.h>

#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/fleet/internal.h"

void hub_fleet_each_freeze(const struct hub_fleet *f,
                           void (*visit)(void *ctx, const struct hub_freeze_info *i), void *ctx) {
    const struct cm_map *all = f->names[HUB_FREEZE];
    CM_AUTOFREE const char **names = cm_map_keys(all);

    for (size_t i = 0; i < cm_map_len(all); i++) {
        const struct hub_named *named = cm_map_get(all, names[i]);
        const struct hub_doc *doc = named->doc;

        if (doc != NULL) {
            visit(ctx, &(struct hub_freeze_info){.freeze = &doc->freeze.freeze,
                                                 .repo = doc->file->repo->name,
                                                 .path = (const char *)doc->file->path->data});
        }
    }
}
