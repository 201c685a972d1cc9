// past_query: what the API answers about the past. What is meant is one word (hub/past/select.h);
// groups have the members that they have now.
//
// Revisions are told as {"revision", "repo", "subject", "author", "committedMs"}, the latter three
// if the commit is on record. Clusters are folded: a count, and the first names.
//
// Threads: a reader's handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct cm_arena;
struct cm_json;
struct hub_db;

#define HUB_PAST_NAMES 5
#define HUB_PAST_ITEMS_MAX 2000
#define HUB_PAST_LOG_DEFAULT 50
#define HUB_PAST_LOG_MAX 1000

struct hub_past_ask {
    const char *select;
    int64_t now_ms;     // Unix
    bool known;         // only what the hub had heard of by then
    const char *what;   // where: a commit (7 digits or more), an image, or a tag or digest of one
    bool missing;       // where: clusters with the App and without it
    int64_t limit;      // log: actions; 0: HUB_PAST_LOG_DEFAULT
    const char *kind;   // log: only actions of this kind; NULL or "": all but progressing
    bool expand;        // log: what was scaled not by App and hour, but each thing that was told
    const char *object; // why: only of this one, as in "Deployment.apps/prod/web"; NULL or "": all
};

// hub_past_show answers how it was: {"atMs", "items": [{"app", "desired", "actual", "state",
// "clusters", "names", "sinceMs", "images", "frozen"}]}, most of clusters first; "frozen", if
// something kept it from being applied then: [{"name", "reason", "actor", "source", "fromMs",
// "untilMs", "toMs", "endedBy"}]; "weight", while a controller shifts traffic: per cent, or "step":
// how far it is; "waits", while one waits for somebody: for what; "needsHuman", where a release
// failed and serves all the same, until its controller does anything else; "runs": the images that
// run where they are not "images", those of what is desired. States: inSync, held (in sync with
// what Holds make of Git), waiting, progressing, converging (desired and actual differ, or traffic
// is shifted still), degraded, failed, drifted, suspended, leaving, observed (no App in Git names
// it, and it is healthy), unknown, unobserved.
CM_MUSTUSE enum cm_rc hub_past_show(struct hub_db *db, struct cm_arena *a,
                                    const struct hub_past_ask *ask, struct cm_json **out,
                                    struct cm_err *err);

// hub_past_log answers what happened up to then, newest first, an item for each action over all
// clusters: {"kind", "app", "revision", …, "images", "clusters", "applied", "names", "fromMs",
// "toMs"}; of what controllers decided, of freezes, of what people did and of what was scaled, with
// "actor" and "text".
CM_MUSTUSE enum cm_rc hub_past_log(struct hub_db *db, struct cm_arena *a,
                                   const struct hub_past_ask *ask, struct cm_json **out,
                                   struct cm_err *err);

// hub_past_where answers where something ran: {"atMs", "items": [{"app", "revision", …, "images",
// "clusters", "names", "fromMs", "toMs", "unobserved", "drifted", "unwell", "undigested",
// "digests", "digestsMore"}], "undigested"}: which images run, and behind tags which digests as far
// as is known (some are left out), since when, the first and the last of the clusters; of them
// nobody watched, something is not as the commit says, the release before may run, too, or the
// digest that is asked for may. That may be so on so many clusters in all.
CM_MUSTUSE enum cm_rc hub_past_where(struct hub_db *db, struct cm_arena *a,
                                     const struct hub_past_ask *ask, struct cm_json **out,
                                     struct cm_err *err);

// hub_past_diff answers what runs in one and not in the other ("A..B"): {"items": [{"app", "from":
// [{"revision", …, "clusters", "unobserved"}], "to": […]}], "from": {"atMs", "clusters",
// "unobserved"}, "to": {…}}.
CM_MUSTUSE enum cm_rc hub_past_diff(struct hub_db *db, struct cm_arena *a,
                                    const struct hub_past_ask *ask, struct cm_json **out,
                                    struct cm_err *err);

// hub_past_sides reads a range whose sides are one cluster each, for comparing objects. Strings are
// the arena's.
struct hub_past_side {
    const char *cluster;
    const char *app; // "": all
    int64_t at_ms;   // Unix
    bool observed;   // the agent was connected then
};
CM_MUSTUSE enum cm_rc hub_past_sides(struct hub_db *db, struct cm_arena *a,
                                     const struct hub_past_ask *ask, struct hub_past_side *out_from,
                                     struct hub_past_side *out_to, struct cm_err *err);

// hub_past_why answers, of one App on one cluster, what hub_past_show does, and what led to it,
// newest first: {…, "holds": [{"name", "state", …}], "decisions": [{"controller", "verdict",
// "text", "badRevision", "goodRevision", "outcome", "atMs", "actor", "controllerKey", "proof"}],
// "events": [{"atMs", "kind", "key", "revision", "actor", "message"}]}.
CM_MUSTUSE enum cm_rc hub_past_why(struct hub_db *db, struct cm_arena *a,
                                   const struct hub_past_ask *ask, struct cm_json **out,
                                   struct cm_err *err);
