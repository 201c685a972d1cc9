// Release groups: Apps whose changes land together on a cluster, or not at all. While one of them
// cannot become what Git says, the others keep what is in force. Where a cluster rejected one of
// them and it is held, the others are told of as a problem: people decide about them.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/mem.h"
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

// report adds a problem at the place where the App names its group. It takes the message.
static void report(struct hub_cluster *c, const struct hub_link *link, const char *message) {
    const struct hub_doc *doc = link->app->named.doc;
    const struct hub_mention *group = &doc->app.release_group;

    hub_conflicts_add(c, link->app,
                      (struct hub_diag){.path = (const char *)doc->file->path->data,
                                        .line = group->place.line,
                                        .column = group->place.column,
                                        .message = message},
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
            report(c, link,
                   cm_strf("release group '%s' waits for App '%s', which cannot become what "
                           "Git says: mend that App, or take it out of the group",
                           group_of(link)->name, stuck->app->named.name));
            link->held = true;
            link->chosen = link->version;
            changed = true;
        }
    }
    return changed;
}

// ---- A group of which one release is kept out

#define SHORT 7 // digits of a commit

// find_hold returns the Hold that is in force on a link; NULL: none is.
static const struct hub_hold *find_hold(const struct hub_fleet *f, const struct hub_link *link) {
    const struct hub_hold_entry **entries = NULL;
    const struct hub_hold *found = NULL;
    size_t count = 0;

    if (link->outcome != NULL && link->outcome->applied_count > 0) {
        count = hub_holds_find(f, link->app->named.name, link->cluster->named.name, &entries);
    }
    for (size_t i = 0; i < count && found == NULL; i++) {
        found = hub_held_applies(link, entries[i]->serial) ? entries[i]->hold : NULL;
    }
    free(entries);
    return found;
}

// is_of tells whether an App is, and stays, what a commit made it.
static bool is_of(const struct hub_link *link, const char *revision) {
    return revision[0] != '\0' && link->revision != NULL &&
           strcmp((const char *)link->revision->data, revision) == 0 &&
           hub_settle_same_bundle(link->chosen, link->version);
}

static void report_split(struct hub_cluster *c, const struct hub_link *link,
                         const struct hub_link *held, const struct hub_hold *hold) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    report(c, link,
           cm_strf("release group '%s' is split: App '%s' is held at %s, as %s was "
                   "rejected, and this App still is what commit %.*s made it: hold it "
                   "too ('holdfast hold'), or commit another release",
                   group_of(link)->name, held->app->named.name, hub_hold_restored(a, hold),
                   hub_hold_rejected(a, hold), SHORT, hold->bad_revision));
}

// tell_of_split tells of the Apps of the group of one that is held.
static void tell_of_split(const struct hub_fleet *f, struct hub_cluster *c,
                          const struct hub_link *held, const struct hub_hold *hold) {
    const char *name = group_of(held)->name;

    for (size_t i = 0; i < c->link_count; i++) {
        const struct hub_link *link = c->links[i];
        const struct hub_mention *group = group_of(link);

        if (link != held && group != NULL && strcmp(group->name, name) == 0 &&
            is_of(link, hold->bad_revision) && find_hold(f, link) == NULL) {
            report_split(c, link, held, hold);
        }
    }
}

void hub_release_tell_split(const struct hub_fleet *f, struct hub_cluster *c) {
    for (size_t i = 0; i < c->link_count; i++) {
        const struct hub_hold *hold =
            group_of(c->links[i]) != NULL ? find_hold(f, c->links[i]) : NULL;

        if (hold != NULL) {
            tell_of_split(f, c, c->links[i], hold);
        }
    }
}
