// Exemptions: which there are, and which are in force.
//
// One ends by time, without a commit: whoever holds the fleet tells it what time it is, and the
// next update settles the clusters that it was for.
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/fleet/internal.h"

static struct hub_exempt_doc *exempt_of(struct hub_named *named) {
    return (struct hub_exempt_doc *)(void *)named;
}

static const struct hub_exemption *exemption_of(const struct hub_exempt_doc *e) {
    return &e->named.doc->exemption.exemption;
}

static void touch_clusters(struct hub_update *u, const struct hub_exemption *e) {
    for (size_t i = 0; i < e->cluster_count; i++) {
        struct hub_named *c = cm_map_get(u->fleet->names[HUB_CLUSTER], e->clusters[i]);

        if (c != NULL) {
            hub_cluster_touch(u, hub_cluster_of(c));
        }
    }
}

void hub_exemptions_changed(struct hub_update *u, struct hub_named *named) {
    struct hub_fleet *f = u->fleet;
    struct hub_exempt_doc *e = exempt_of(named);

    u->problems = true;
    if (named->before != NULL) {
        touch_clusters(u, &named->before->exemption.exemption);
        (void)hub_set_remove(&f->exemptions, e);
    }
    if (named->doc != NULL) {
        e->serial = ++f->serials;
        e->in_force = exemption_of(e)->until_ms > f->now_ms;
        hub_set_add(&f->exemptions, e);
        touch_clusters(u, exemption_of(e));
    }
}

void hub_exemptions_take(struct hub_update *u) {
    struct hub_fleet *f = u->fleet;

    for (size_t i = 0; i < f->exemptions.count; i++) {
        struct hub_exempt_doc *e = f->exemptions.items[i];

        if (e->in_force && exemption_of(e)->until_ms <= f->now_ms) {
            e->in_force = false;
            touch_clusters(u, exemption_of(e));
        }
    }
}

static int compare_names(const void *a, const void *b) {
    return strcmp((*(const struct hub_exempt_doc *const *)a)->named.name,
                  (*(const struct hub_exempt_doc *const *)b)->named.name);
}

size_t hub_exemptions_find(const struct hub_fleet *f, const char *app, const char *cluster,
                           const struct hub_exempt_doc ***out) {
    size_t count = 0;

    *out = NULL;
    for (size_t i = 0; i < f->exemptions.count; i++) {
        const struct hub_exempt_doc *e = f->exemptions.items[i];

        if (!e->in_force || strcmp(exemption_of(e)->app, app) != 0 ||
            !hub_exemption_lists(exemption_of(e), cluster)) {
            continue;
        }
        if (*out == NULL) {
            *out = cm_new(f->exemptions.count + 1, sizeof(**out));
        }
        (*out)[count++] = e;
    }
    if (count > 1) {
        qsort(*out, count, sizeof(**out), compare_names);
    }
    return count;
}

void hub_fleet_clock(struct hub_fleet *f, int64_t now_ms) {
    f->now_ms = now_ms;
}

int64_t hub_fleet_due_ms(const struct hub_fleet *f) {
    int64_t due_ms = INT64_MAX;

    for (size_t i = 0; i < f->exemptions.count; i++) {
        const struct hub_exempt_doc *e = f->exemptions.items[i];
        int64_t until_ms = exemption_of(e)->until_ms;

        due_ms = e->in_force && until_ms < due_ms ? until_ms : due_ms;
    }
    return due_ms;
}

void hub_fleet_each_exemption(const struct hub_fleet *f,
                              void (*visit)(void *ctx, const struct hub_exemption_info *e),
                              void *ctx) {
    const struct cm_map *all = f->names[HUB_EXEMPTION];
    CM_AUTOFREE const char **names = cm_map_keys(all);

    for (size_t i = 0; i < cm_map_len(all); i++) {
        const struct hub_named *named = cm_map_get(all, names[i]);

        if (named->doc != NULL) {
            visit(ctx,
                  &(struct hub_exemption_info){.exemption = &named->doc->exemption.exemption,
                                               .repo = named->doc->file->repo->name,
                                               .path = (const char *)named->doc->file->path->data});
        }
    }
}
