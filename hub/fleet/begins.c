// What an App begins with on a cluster that it is new to, while other clusters keep a release out.
//
// Nobody there has decided anything, so the word of those that did counts: as long as Git says what
// they rejected, and no cluster is known to have promoted it, their Holds make of it what runs
// instead. That lasts until a controller there has promoted something; whatever Git says comes
// after that, through its own canary, and is its own decision. Decisions alone count: what people
// hold on some clusters is for these, and a hub that lost its record knows of no cluster whether
// it is new. What holdfast itself went back from has no controller that would promote, and what a
// person undid on one cluster is for that one. What went
// back with another App of its release group goes by that one, if it begins there as well. A
// release with a Secret that Git has no more cannot be begun with: there it is what Git says.
//
// An App is new to a cluster when it comes there after all of Git was read, or after a restart that
// knew what was in force; or when no agent there ever had it. A hub that lost its record reads
// which releases are kept out (hub/jobs/found.h), and not who runs which.
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/internal.h"
#include "hub/hold/hold.h"

// ---- What is waited for, as lines

static bool has_line(const struct cm_buf *lines, const char *line) {
    size_t size = strlen(line);

    for (const char *at = lines != NULL ? (const char *)lines->data : ""; *at != '\0';
         at += strcspn(at, "\n") + 1) {
        if (strncmp(at, line, size) == 0 && at[size] == '\n') {
            return true;
        }
    }
    return false;
}

// set_lines takes the lines.
static void set_lines(struct hub_link *link, struct cm_buf *lines) {
    link->app->begins += (lines != NULL ? 1U : 0U) - (link->begins != NULL ? 1U : 0U);
    cm_buf_unref(link->begins);
    link->begins = lines;
}

static void add_line(struct hub_link *link, const char *line) {
    const char *before = link->begins != NULL ? (const char *)link->begins->data : "";

    if (line[0] != '\0' && !has_line(link->begins, line)) {
        CM_AUTOFREE char *text = cm_strf("%s%s\n", before, line);

        set_lines(link, cm_buf_copy(text, strlen(text) + 1));
    }
}

// remove_line tells whether it was there.
static bool remove_line(struct hub_link *link, const char *line) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    size_t size = strlen(line);

    if (!has_line(link->begins, line)) {
        return false;
    }
    for (const char *at = (const char *)link->begins->data; *at != '\0';
         at += strcspn(at, "\n") + 1) {
        if (strncmp(at, line, size) != 0 || at[size] != '\n') {
            cm_str_addf(&text, "%.*s\n", (int)strcspn(at, "\n"), at);
        }
    }
    set_lines(link, text.len == 0 ? NULL : cm_buf_copy(cm_str_get(&text), text.len + 1));
    return true;
}

void hub_begins_seed(struct hub_link *link, const char *begins) {
    set_lines(link, begins != NULL ? cm_buf_copy(begins, strlen(begins) + 1) : NULL);
}

// is_led tells whether a line is what a controller of that App decided: others only go with it.
static bool is_led(const struct hub_app_holds *holds, const char *line) {
    for (size_t i = 0; holds != NULL && i < holds->decisions.count; i++) {
        const struct hub_hold_entry *entry = holds->decisions.items[i];

        if (!hub_hold_joins(entry->hold) && strcmp(entry->hold->cause.object, line) == 0) {
            return true;
        }
    }
    return false;
}

// end_line: nobody there will promote it any more, and if the App comes back that is another time.
static void end_line(struct hub_fleet *f, struct hub_cluster *c, const char *line) {
    for (size_t i = 0; i < c->link_count; i++) {
        if (remove_line(c->links[i], line)) {
            cm_map_put(f->begun, c->named.name, f);
        }
    }
}

void hub_begins_leave(struct hub_fleet *f, struct hub_link *link) {
    const struct hub_app_holds *holds = cm_map_get(f->holds, link->app->named.name);

    for (const char *at = link->begins != NULL ? (const char *)link->begins->data : ""; *at != '\0';
         at += strcspn(at, "\n") + 1) {
        CM_AUTOFREE char *line = cm_strf("%.*s", (int)strcspn(at, "\n"), at);

        if (is_led(holds, line)) {
            end_line(f, link->cluster, line);
        }
    }
    set_lines(link, NULL);
}

void hub_begins_touch(struct hub_update *u, const char *app) {
    const struct hub_app *a = cm_map_get(u->fleet->names[HUB_APP], app);

    for (size_t i = 0; a != NULL && a->begins > 0 && i < a->link_count; i++) {
        if (a->links[i]->begins != NULL) {
            hub_cluster_touch(u, a->links[i]->cluster);
        }
    }
}

// ---- What is known of it

void hub_fleet_begin_new(struct hub_fleet *f, const char *cluster, const char *app) {
    CM_AUTOFREE char *key = cm_strf("%s\n%s", cluster, app);

    cm_map_put(f->untried, key, f);
    cm_map_put(f->begun, cluster, f);
}

// is_new tells whether an App is new to a cluster; the first time that it is made there, and again
// until something is in force.
static bool is_new(const struct hub_fleet *f, const struct hub_link *link) {
    if (link->is_new && link->version == NULL) {
        return true;
    }
    if (cm_map_len(f->untried) == 0) {
        return false;
    }
    CM_AUTOFREE char *key = cm_strf("%s\n%s", link->cluster->named.name, link->app->named.name);
    return cm_map_get(f->untried, key) != NULL;
}

static void forget_untried(struct hub_fleet *f, const struct hub_link *link) {
    CM_AUTOFREE char *key = cm_strf("%s\n%s", link->cluster->named.name, link->app->named.name);

    (void)cm_map_remove(f->untried, key);
}

static char *release_key(const char *app, const char *revision) {
    return cm_strf("%s\n%s", app, revision);
}

static bool is_promoted(const struct hub_fleet *f, const struct hub_hold *hold) {
    CM_AUTOFREE char *key = NULL;

    if (cm_map_len(f->promoted) == 0) {
        return false;
    }
    key = release_key(hold->app, hold->bad_revision);
    return cm_map_get(f->promoted, key) != NULL;
}

static bool is_rejected(const struct hub_fleet *f, const struct hub_promoted *p) {
    const struct hub_app_holds *holds = cm_map_get(f->holds, p->app);

    for (size_t i = 0; holds != NULL && i < holds->decisions.count; i++) {
        const struct hub_hold_entry *entry = holds->decisions.items[i];

        if (strcmp(entry->hold->bad_revision, p->revision) == 0) {
            return p->revision[0] != '\0';
        }
    }
    return false;
}

void hub_fleet_promoted(struct hub_fleet *f, const struct hub_promoted *p) {
    const struct hub_app *app = cm_map_get(f->names[HUB_APP], p->app);
    const struct hub_cluster *c = cm_map_get(f->names[HUB_CLUSTER], p->cluster);

    for (size_t i = 0; c != NULL && i < c->link_count; i++) { // others of its group wait for it
        if (remove_line(c->links[i], p->needs)) {
            cm_map_put(f->begun, p->cluster, f);
        }
    }
    if (!is_rejected(f, p)) {
        return;
    }
    CM_AUTOFREE char *key = release_key(p->app, p->revision);
    cm_map_put(f->promoted, key, f);
    for (size_t i = 0; app != NULL && app->begins > 0 && i < app->link_count; i++) {
        if (app->links[i]->begins != NULL) {
            cm_map_put(f->begun, app->links[i]->cluster->named.name, f);
        }
    }
}

// ---- What goes with another App of a release group

// leader_of returns the decision that one goes with, itself if it goes with none; NULL: that is not
// there any more, and nobody would promote.
static const struct hub_hold_entry *leader_of(const struct hub_fleet *f,
                                              const struct hub_hold_entry *entry) {
    const struct hub_hold *hold = entry->hold;
    const struct hub_hold_entry *leader = hub_hold_joins(hold) ? NULL : entry;

    for (size_t i = 0; leader == NULL && i < hold->cluster_count; i++) {
        leader = hub_holds_leader(f, entry, hold->clusters[i]);
    }
    return leader;
}

// link_of_leader returns the link of an App that begins on a cluster, too, or will once it is made
// there; NULL: it does not, so nothing goes with it.
static const struct hub_link *link_of_leader(const struct hub_fleet *f, const struct hub_cluster *c,
                                             const struct hub_hold *hold) {
    const struct hub_app *app = cm_map_get(f->names[HUB_APP], hold->app);
    const struct hub_link *link = app != NULL ? hub_link_find(c, app) : NULL;

    return link != NULL && (has_line(link->begins, hold->cause.object) || is_new(f, link)) ? link
                                                                                           : NULL;
}

// ---- What counts

// begin notes whose controllers are to promote something first.
static void begin(const struct hub_fleet *f, struct hub_link *link,
                  const struct hub_app_holds *holds) {
    const char *joined = ""; // the release for which somebody is found: one for all clusters

    for (size_t i = 0; i < holds->decisions.count; i++) {
        const struct hub_hold_entry *entry = holds->decisions.items[i];
        const struct hub_hold *hold = entry->hold;

        if (hub_hold_is_own(hold) || hub_hold_is_undone(hold) ||
            (hub_hold_joins(hold) && strcmp(joined, hold->name) == 0)) {
            continue;
        }
        const struct hub_hold_entry *leader = leader_of(f, entry);
        if (leader == entry) {
            add_line(link, hold->cause.object);
        } else if (leader != NULL && link_of_leader(f, link->cluster, leader->hold) != NULL) {
            add_line(link, leader->hold->cause.object);
            joined = hold->name;
        }
    }
}

// has_word tells whether the cluster itself decided about a release, whatever people made of it.
static bool has_word(const struct hub_app_holds *holds, const struct hub_hold *hold,
                     const char *cluster) {
    const struct hub_set *decided = cm_map_get(holds->by_cluster, cluster);

    for (size_t i = 0; decided != NULL && i < decided->count; i++) {
        if (hub_hold_same(((const struct hub_hold_entry *)decided->items[i])->hold, hold)) {
            return true;
        }
    }
    return false;
}

// is_there tells whether one of the same file is there already: a release has one for all clusters.
static bool is_there(const struct hub_hold_entry *const *entries, size_t count,
                     const struct hub_hold *hold) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(entries[i]->hold->name, hold->name) == 0) {
            return true;
        }
    }
    return false;
}

static bool brings(const struct hub_hold *hold, const char *key) {
    for (size_t i = 0; i < hold->delta_count; i++) {
        const struct hub_hold_delta *delta = &hold->delta[i];

        if (delta->at[0] == '\0' && delta->use != NULL && strcmp(delta->object, key) == 0) {
            return true;
        }
    }
    return false;
}

// has_kept tells whether all that only the good release has is at hand: elsewhere it is taken over
// from what is in force, and where nothing is a Secret of that release has no bytes.
static bool has_kept(const struct hub_link *link, const struct hub_hold *hold) {
    const struct hub_version *rendered = hub_settle_rendered(link);

    for (size_t i = 0; i < hold->keep_count; i++) {
        const char *key = hold->keep[i];

        if (!hub_version_has(rendered, key) && !hub_version_has(link->version, key) &&
            !brings(hold, key)) {
            return false;
        }
    }
    return true;
}

static const struct hub_hold_entry *stands_for(const struct hub_fleet *f,
                                               const struct hub_link *link,
                                               const struct hub_hold_entry *entry) {
    const struct hub_app_holds *holds = cm_map_get(f->holds, link->app->named.name);

    const struct hub_hold_entry *found = has_word(holds, entry->hold, link->cluster->named.name)
                                             ? NULL
                                             : hub_holds_standing(holds, entry);

    return found != NULL && has_kept(link, found->hold) ? found : NULL;
}

// leads returns what counts of what a controller decided, if the one there is waited for.
static const struct hub_hold_entry *leads(const struct hub_fleet *f, const struct hub_link *link,
                                          const struct hub_hold_entry *entry) {
    return is_promoted(f, entry->hold) || !hub_proven_will(link->cluster, entry->hold->cause.object)
               ? NULL
               : stands_for(f, link, entry);
}

// find_for: what goes with another App goes on with it, too.
static const struct hub_hold_entry *find_for(const struct hub_fleet *f, const struct hub_link *link,
                                             const struct hub_hold_entry *entry) {
    const struct hub_hold_entry *leader = leader_of(f, entry);

    if (leader == NULL || !has_line(link->begins, leader->hold->cause.object)) {
        return NULL;
    }
    if (leader == entry) {
        return leads(f, link, entry);
    }
    const struct hub_link *with = link_of_leader(f, link->cluster, leader->hold);
    return with != NULL && leads(f, with, leader) != NULL ? stands_for(f, link, entry) : NULL;
}

size_t hub_begins_add(struct hub_update *u, struct hub_link *link,
                      const struct hub_hold_entry ***entries, size_t count) {
    const struct hub_app_holds *holds = cm_map_get(u->fleet->holds, link->app->named.name);

    if (is_new(u->fleet, link)) {
        if (holds != NULL) {
            begin(u->fleet, link, holds);
        }
        forget_untried(u->fleet, link);
    }
    for (size_t i = 0; holds != NULL && link->begins != NULL && i < holds->decisions.count; i++) {
        const struct hub_hold_entry *entry = holds->decisions.items[i];
        const struct hub_hold_entry *found =
            is_there(*entries, count, entry->hold) ? NULL : find_for(u->fleet, link, entry);

        if (found != NULL && !is_there(*entries, count, found->hold)) {
            *entries = cm_resize(*entries, (count + 1) * sizeof(**entries));
            (*entries)[count++] = found;
        }
    }
    return count;
}
