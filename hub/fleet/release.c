// Release groups: Apps whose changes land together on a cluster, or not at all. While one of them
// cannot become what Git says, the others keep what is in force.
#include <string.h>

#include "common/buf.h"
#include "common/str.h"
#include "hub/fleet/internal.h"

static const struct hub_mention *group_of(const struct hub_link *link) {
    const struct hub_doc *doc = link->app->named.doc;

    return doc != NULL && doc->app.release_group.name != NULL ? &doc->app.release_group : NULL;
}

// is_stuck tells whether an App cannot become what Git says, for reasons of its own.
static bool is_stuck(const struct hub_link *link) {
    return link->lost || link->keeps || link->guarded || hub_settle_candidate(link) == NULL;
}

// is_change tells whether a candidate is more than what is in force, suspended or not.
static bool is_change(const struct hub_link *link) {
    return link->chosen != link->version &&
           (link->version == NULL ||
            hub_bundle_differs(link->chosen->rendered.bundle, link->version->rendered.bundle));
}

// find_stuck returns the first App of the group of a link, besides its own, that is stuck.
static const struct hub_link *find_stuck(const struct hub_cluster *c, const struct hub_link *link) {
    const char *name = group_of(link)->name;

    for (size_t i = 0; i < c->link_count; i++) {
        const struct hub_link *other = c->links[i];
        const struct hub_mention *group = group_of(other);

        if (other != link && !other->leaving && group != NULL && strcmp(group->name, name) == 0 &&
            is_stuck(other)) {
            return other;
        }
    }
    return NULL;
}

static void report(struct hub_cluster *c, const struct hub_link *link,
                   const struct hub_link *stuck) {
    const struct hub_doc *doc = link->app->named.doc;
    const struct hub_mention *group = &doc->app.release_group;

    hub_conflicts_add(
        c, link->app,
        (struct hub_diag){
            .path = (const char *)doc->file->path->data,
            .line = group->place.line,
            .column = group->place.column,
            .message = cm_strf("release group '%s' waits for App '%s', which cannot become what "
                               "Git says: mend that App, or take it out of the group",
                               group->name, stuck->app->named.name)},
        "");
}

bool hub_release_hold(struct hub_cluster *c) {
    bool changed = false;

    for (size_t i = 0; i < c->link_count; i++) {
        struct hub_link *link = c->links[i];

        if (group_of(link) == NULL || link->leaving || !is_change(link)) {
            continue;
        }
        const struct hub_link *stuck = find_stuck(c, link);
        if (stuck != NULL) {
            report(c, link, stuck);
            link->held = true;
            link->chosen = link->version;
            changed = true;
        }
    }
    return changed;
}
