#include "hub/store/query_lists.h"

#include <string.h>

#include "hub/store/query_conditions.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define IN_GROUP(cluster) cluster " IN (SELECT cluster FROM group_member WHERE grp = ?)"

#define GROUP_FILTER(cluster)                                                                      \
    { "group", HUB_FILTER_VALUE, IN_GROUP(cluster), "Only clusters of this group." }
#define SELECTOR_FILTER                                                                            \
    {                                                                                              \
        "selector", HUB_FILTER_SELECTOR, NULL,                                                     \
            "Only clusters whose labels match, in the syntax of Kubernetes: "                      \
            "`env=prod, region!=eu, tier in (web,db), canary, !old`."                              \
    }
#define END_OF_FILTERS                                                                             \
    { NULL, HUB_FILTER_VALUE, NULL, NULL }

// ---- Clusters: those of Git, and those that are enrolled and no longer in Git

static const struct hub_column cluster_columns[] = {
    {"name", "n.name", HUB_COLUMN_TEXT, "Its name."},
    {"labels", "ifnull(c.labels, '{}')", HUB_COLUMN_LABELS, "Its labels."},
    {"managed", "c.name IS NOT NULL", HUB_COLUMN_BOOL,
     "Git knows it; otherwise it left Git and its agent may still connect."},
    {"suspend", "ifnull(c.suspend, 0)", HUB_COLUMN_BOOL, "Git says that nothing be changed there."},
    {"enrolled", "EXISTS (SELECT 1 FROM agent g WHERE g.cluster = n.name AND g.state = 'active')",
     HUB_COLUMN_BOOL, "It has an agent that may connect."},
    {"connected", "ifnull(r.connected, 0)", HUB_COLUMN_BOOL, "Its agent is connected."},
    {"held", "(SELECT g.held FROM agent g WHERE g.cluster = n.name AND g.state = 'active')",
     HUB_COLUMN_TEXT, "Why its agent is not let in until a person approves; empty: it is let in."},
    {"lastSeenMs", "ifnull(r.seen_ms, 0)", HUB_COLUMN_TIME,
     "When its agent was last heard; moves once a minute while it is connected."},
    {"agentVersion", "r.version", HUB_COLUMN_TEXT, "The version of its agent."},
    {"driver", "r.driver", HUB_COLUMN_TEXT, "How its agent applies: kube or sim."},
    {"mode", "CASE r.observes WHEN 0 THEN 'apply' WHEN 1 THEN 'observe' END", HUB_COLUMN_TEXT,
     "apply, or observe: its agent changes nothing there, and tells how what Git names is."},
    {"targetVersion", "r.target", HUB_COLUMN_TEXT, "The version of what it runs, of Kubernetes."},
    {"generation", "ifnull((SELECT generation FROM manifest m WHERE m.cluster = n.name), 0)",
     HUB_COLUMN_INT, "The generation of its desired state."},
    {"agentGeneration", "ifnull(r.generation, 0)", HUB_COLUMN_INT,
     "The generation that its agent works on."},
    {"apps", "count(*)", HUB_COLUMN_COUNT, "How many Apps it should run."},
    {"applied", SUM(IS_APPLIED), HUB_COLUMN_COUNT, "Of those, applied as Git says."},
    {"failed", SUM(IS_FAILED), HUB_COLUMN_COUNT, "Apps that could not be applied."},
    {"healthy", SUM(WAS_HEALTHY), HUB_COLUMN_COUNT,
     "Apps that are applied and healthy, or were when it was last connected."},
    {"stale", SUM("p.stale"), HUB_COLUMN_COUNT,
     "Apps that are held at their last good state: what is newer in Git is wrong."},
    {"drifted", SUM("ifnull(s.drifted, 0)"), HUB_COLUMN_COUNT, "Objects that drifted."},
    {"objects", SUM("p.objects"), HUB_COLUMN_COUNT, "Objects that it should have."},
};

static const struct hub_filter cluster_filters[] = {
    {"name", HUB_FILTER_VALUE, "n.name = ?", "Only the one of this name."},
    GROUP_FILTER("n.name"),
    SELECTOR_FILTER,
    {"connected", HUB_FILTER_BOOL, "ifnull(r.connected, 0)",
     "Only those whose agent is connected, or is not."},
    END_OF_FILTERS,
};

// ---- Agents: who may connect

// As hub_agent_is_pending.
#define HUB_AGENT_PENDING "(g.held <> '' AND g.held_key = g.key_sha256)"

static const struct hub_column agent_columns[] = {
    {"cluster", "g.cluster", HUB_COLUMN_TEXT, "Its cluster."},
    {"id", "g.id", HUB_COLUMN_TEXT, "Its identity, which no other agent ever has."},
    {"connected", "ifnull(r.connected, 0)", HUB_COLUMN_BOOL, "It is connected."},
    {"lastSeenMs", "ifnull(r.seen_ms, 0)", HUB_COLUMN_TIME, "When it was last heard."},
    {"held", "g.held", HUB_COLUMN_TEXT,
     "Why it is not let in until a person approves; empty: it is let in."},
    {"heldMs", "g.held_ms", HUB_COLUMN_TIME, "Since when; 0: it is not."},
    {"key", "g.key_sha256", HUB_COLUMN_HEX, "SHA-256 of the key that it uses."},
    {"heldKey", "nullif(g.held_key, zeroblob(32))", HUB_COLUMN_HEX,
     "SHA-256 of the key that came and made it wait; empty: it was not about a key."},
    {"pending", HUB_AGENT_PENDING, HUB_COLUMN_BOOL,
     "It enrolled, and waits until a person accepts its key."},
    {"enrolledMs", "g.enrolled_ms", HUB_COLUMN_TIME, "When it was enrolled."},
    {"certifiedMs", "g.begins_ms", HUB_COLUMN_TIME,
     "When its newest certificate begins; 0: not known, from before this was kept."},
    {"expiresMs", "g.ends_ms", HUB_COLUMN_TIME, "When that ends; 0: likewise."},
    {"clockAheadMs", "g.skew_ms", HUB_COLUMN_INT,
     "By how much its clock is ahead of the hub's, below 0: behind; 0: by no more than a minute."},
    {"version", "r.version", HUB_COLUMN_TEXT, "Its version."},
    {"address", "r.address", HUB_COLUMN_TEXT, "Where it connected from last."},
};

static const struct hub_filter agent_filters[] = {
    {"cluster", HUB_FILTER_VALUE, "g.cluster = ?", "Only that of this cluster."},
    GROUP_FILTER("g.cluster"),
    SELECTOR_FILTER,
    {"held", HUB_FILTER_BOOL, "(g.held != '')", "Only those that wait for a person, or do not."},
    {"pending", HUB_FILTER_BOOL, HUB_AGENT_PENDING,
     "Only those whose key waits to be accepted, or does not."},
    END_OF_FILTERS,
};

// ---- Groups and Apps

static const struct hub_column group_columns[] = {
    {"name", "g.name", HUB_COLUMN_TEXT, "Its name."},
    {"repository", "g.repo", HUB_COLUMN_TEXT, "The repository that it is written in."},
    {"path", "g.path", HUB_COLUMN_TEXT, "The file that it is written in."},
    {"clusters", "(SELECT json_group_array(cluster) FROM group_member m WHERE m.grp = g.name)",
     HUB_COLUMN_NAMES, "The names of its clusters."},
};

// Those of one group only: they cost a look at all its pairs.
static const struct hub_column group_detail_columns[] = {
    {"name", "g.name", HUB_COLUMN_TEXT, "Its name."},
    {"repository", "g.repo", HUB_COLUMN_TEXT, "The repository that it is written in."},
    {"path", "g.path", HUB_COLUMN_TEXT, "The file that it is written in."},
    {"clusters", "(SELECT json_group_array(cluster) FROM group_member m WHERE m.grp = g.name)",
     HUB_COLUMN_NAMES, "The names of its clusters."},
    {"pairs", "count(*)", HUB_COLUMN_COUNT, "Pairs of an App and a cluster of the group."},
    {"applied", SUM(IS_APPLIED), HUB_COLUMN_COUNT, "Pairs that are applied as Git says."},
    {"failed", SUM(IS_FAILED), HUB_COLUMN_COUNT, "Pairs that could not be applied."},
    {"healthy", SUM(IS_HEALTHY), HUB_COLUMN_COUNT,
     "Pairs that are applied, healthy and connected."},
    {"degraded", SUM(IS_DEGRADED), HUB_COLUMN_COUNT, "Pairs with something ill."},
    {"offline", SUM(IS_OFFLINE), HUB_COLUMN_COUNT, "Pairs whose cluster is not connected."},
    {"stale", SUM("p.stale"), HUB_COLUMN_COUNT, "Pairs that are held at their last good state."},
    {"drifted", SUM("ifnull(s.drifted, 0)"), HUB_COLUMN_COUNT, "Objects that drifted."},
};

static const struct hub_filter group_filters[] = {
    {"name", HUB_FILTER_VALUE, "g.name = ?", "Only the one of this name."},
    {"cluster", HUB_FILTER_VALUE, "g.name IN (SELECT grp FROM group_member WHERE cluster = ?)",
     "Only those that this cluster is in."},
    END_OF_FILTERS,
};

static const struct hub_column app_columns[] = {
    {"name", "a.name", HUB_COLUMN_TEXT, "Its name."},
    {"repository", "a.repo", HUB_COLUMN_TEXT, "The repository that it is written in."},
    {"path", "a.path", HUB_COLUMN_TEXT, "The file that it is written in."},
    {"namespace", "a.namespace", HUB_COLUMN_TEXT, "Where its objects go."},
    {"driftMode", "a.drift", HUB_COLUMN_TEXT,
     "What is done about drift: report, correct, capture or off. Rules of the App and exemptions "
     "may say something else of a field."},
    {"prune", "a.prune", HUB_COLUMN_BOOL, "What leaves Git is removed."},
    {"suspend", "a.suspend", HUB_COLUMN_BOOL, "Git says that nothing be changed."},
    {"dependsOn", "a.depends_on", HUB_COLUMN_NAMES, "The Apps that must be healthy before it."},
    {"releaseGroup", "ifnull((SELECT name FROM app_group g WHERE g.app = a.name), '')",
     HUB_COLUMN_TEXT, "The Apps of one name here are one release; empty: it is of none."},
    {"onReject", "ifnull((SELECT on_reject FROM app_group g WHERE g.app = a.name), 'alone')",
     HUB_COLUMN_TEXT,
     "What is kept out where a release of it is rejected: alone, group, or (report) nothing."},
    {"onFailure", "iif(a.goes_back, 'rollback', 'report')", HUB_COLUMN_TEXT,
     "What happens where a release of a Deployment or StatefulSet does not come up: it is told "
     "(report), or gone back from by a commit (rollback)."},
    {"undo", "iif(a.holds_undo, 'hold', 'report')", HUB_COLUMN_TEXT,
     "What a rollout undo by hand is: a change by hand like any other (report), or a decision that "
     "keeps the release out (hold)."},
    {"writeBack", "iif(a.reverts, 'revert', 'hold')", HUB_COLUMN_TEXT,
     "What is written into Git of a release that is kept out: a Hold (hold), or the document as it "
     "was before where that is proven to do the same (revert)."},
    {"capture", "a.capture", HUB_COLUMN_TEXT,
     "How what was changed by hand comes into Git by itself: pull-request or commit; empty: a pull "
     "request where the repository has a provider, else a commit."},
    {"clusters", SUM("t.pairs"), HUB_COLUMN_COUNT, "How many clusters should run it."},
    {"applied", TALLIED(ARE_APPLIED), HUB_COLUMN_COUNT, "Clusters that run it as Git says."},
    {"failed", TALLIED(ARE_FAILED), HUB_COLUMN_COUNT, "Clusters where it could not be applied."},
    {"healthy", TALLIED(ARE_HEALTHY), HUB_COLUMN_COUNT,
     "Clusters where it is applied and healthy, and that are connected."},
    {"degraded", TALLIED(ARE_DEGRADED), HUB_COLUMN_COUNT, "Clusters where something of it is ill."},
    {"offline", TALLIED("NOT t.connected"), HUB_COLUMN_COUNT,
     "Clusters of it that are not connected."},
    {"stale", TALLIED("t.stale"), HUB_COLUMN_COUNT,
     "Clusters where it is held at its last good state: what is newer in Git is wrong."},
    {"held", TALLIED("t.held"), HUB_COLUMN_COUNT,
     "Clusters that a release is kept out of, because they rejected it."},
    {"needsHuman", "(SELECT count(*) FROM needs_human h WHERE h.app = a.name AND h.waits = 0)",
     HUB_COLUMN_INT,
     "Workloads on clusters whose release was rejected or failed, and only people can settle it."},
    {"releasesWaiting", "(SELECT count(*) FROM needs_human h WHERE h.app = a.name AND h.waits = 1)",
     HUB_COLUMN_INT, "Workloads on clusters whose controller waits for somebody to let it go on."},
    {"waits", TALLIED("t.waits"), HUB_COLUMN_COUNT,
     "Clusters where a removal waits for a Confirmation in Git."},
    {"drifted", SUM("t.drifted"), HUB_COLUMN_COUNT, "Its objects that drifted."},
    {"problemCount", "(SELECT count(*) FROM problem b WHERE b.app = a.name)", HUB_COLUMN_INT,
     "What is wrong with it in Git."},
};

static const struct hub_filter app_filters[] = {
    {"name", HUB_FILTER_VALUE, "a.name = ?", "Only the one of this name."},
    {"cluster", HUB_FILTER_VALUE, "a.name IN (SELECT app FROM pair WHERE cluster = ?)",
     "Only those that this cluster should run."},
    {"repository", HUB_FILTER_VALUE, "a.repo = ?", "Only those of this repository."},
    END_OF_FILTERS,
};

// ---- An App on a cluster

#define NEEDS(waits)                                                                               \
    "ifnull((SELECT group_concat(h.key || ': ' || h.why, '; ') FROM needs_human h WHERE h.cluster" \
    " = p.cluster AND h.app = p.app AND h.waits = " #waits "), '')"

static const struct hub_column status_columns[] = {
    {"app", "p.app", HUB_COLUMN_TEXT, "The App."},
    {"cluster", "p.cluster", HUB_COLUMN_TEXT, "The cluster."},
    {"repository", "p.repo", HUB_COLUMN_TEXT, "The repository that it comes from."},
    {"revision", "p.revision", HUB_COLUMN_TEXT, "The commit that last changed it here."},
    {"desiredBundle", "p.bundle", HUB_COLUMN_HEX, "SHA-256 of what should run."},
    {"appliedBundle", "s.bundle", HUB_COLUMN_HEX, "SHA-256 of what was applied last."},
    {"delivered", "ifnull(r.generation, 0) >= p.generation", HUB_COLUMN_BOOL,
     "The agent has it on its disk."},
    {"applied", "ifnull(s.applied, 0)", HUB_COLUMN_APPLIED, "How far applying is."},
    {"upToDate", "ifnull(" IS_APPLIED ", 0)", HUB_COLUMN_BOOL, "What should run is applied."},
    {"message", "s.message", HUB_COLUMN_TEXT, "What applying says."},
    {"health", "ifnull(s.health, 0)", HUB_COLUMN_HEALTH, "How its objects are."},
    {"healthMessage", "s.health_message", HUB_COLUMN_TEXT, "What is ill, or is waited for."},
    {"objects", "p.objects", HUB_COLUMN_INT, "Objects that it should have."},
    {"drifted", "ifnull(s.drifted, 0)", HUB_COLUMN_INT, "Objects that drifted."},
    {"connected", "ifnull(r.connected, 0)", HUB_COLUMN_BOOL, "The cluster's agent is connected."},
    {"stale", "p.stale", HUB_COLUMN_BOOL,
     "Git has something newer that is wrong or waits; this is its last good state."},
    {"waits", "p.waits", HUB_COLUMN_TEXT,
     "The removal that waits for a Confirmation in Git, or empty."},
    {"held", "p.held", HUB_COLUMN_TEXT,
     "What runs instead of a release that was rejected, and why, or empty."},
    {"needsHuman", NEEDS(0), HUB_COLUMN_TEXT,
     "What only people can settle: a release that was rejected and is not kept out, or that failed "
     "and serves all the same; or empty."},
    {"releaseWaits", NEEDS(1), HUB_COLUMN_TEXT,
     "What a controller waits for somebody to let go on, since when, and how; or empty."},
    {"frozen",
     "ifnull((SELECT group_concat(f.name || ': ' || f.reason, '; ') FROM freeze_cluster k"
     " JOIN freeze f ON f.name = k.freeze WHERE k.cluster = p.cluster AND f.app IN ('', p.app)),"
     " '')",
     HUB_COLUMN_TEXT, "The freezes that keep it from being applied, and why, or empty."},
    {"suspend", "p.suspend", HUB_COLUMN_BOOL, "Git says that nothing be changed."},
    {"atMs", "ifnull(s.at_ms, 0)", HUB_COLUMN_TIME, "When the agent reported it."},
};

static const struct hub_filter status_filters[] = {
    {"app", HUB_FILTER_VALUE, "p.app = ?", "Only this App."},
    {"cluster", HUB_FILTER_VALUE, "p.cluster = ?", "Only this cluster."},
    GROUP_FILTER("p.cluster"),
    SELECTOR_FILTER,
    {"state", HUB_FILTER_STATE, NULL, "Only pairs in this state."},
    {"revision", HUB_FILTER_REVISION, HUB_OF_REVISION("p.revision"),
     "Only what this commit changed."},
    END_OF_FILTERS,
};

static const struct hub_column observed_columns[] = {
    {"app", "s.app", HUB_COLUMN_TEXT, "What it is a part of, as whoever applies it says."},
    {"cluster", "s.cluster", HUB_COLUMN_TEXT, "The cluster."},
    {"health", "s.health", HUB_COLUMN_HEALTH, "How its workloads are."},
    {"healthMessage", "s.health_message", HUB_COLUMN_TEXT, "What is ill."},
    {"objects", "s.objects", HUB_COLUMN_INT, "Workloads of it that are told."},
    {"message", "s.message", HUB_COLUMN_TEXT, "How many are not told, or empty."},
    {"connected", "ifnull(r.connected, 0)", HUB_COLUMN_BOOL, "The cluster's agent is connected."},
    {"atMs", "s.at_ms", HUB_COLUMN_TIME, "When the agent reported it."},
};

static const struct hub_filter observed_filters[] = {
    {"app", HUB_FILTER_VALUE, "s.app = ?", "Only this one."},
    {"cluster", HUB_FILTER_VALUE, "s.cluster = ?", "Only those of this cluster."},
    GROUP_FILTER("s.cluster"),
    SELECTOR_FILTER,
    END_OF_FILTERS,
};

static const struct hub_column object_columns[] = {
    {"cluster", "cluster", HUB_COLUMN_TEXT, "The cluster."},
    {"app", "app", HUB_COLUMN_TEXT, "The App that it belongs to."},
    {"key", "key", HUB_COLUMN_TEXT, "What it is: group, kind, namespace and name."},
    {"health", "health", HUB_COLUMN_HEALTH, "How it is."},
    {"message", "message", HUB_COLUMN_TEXT, "Why."},
    {"fought", "fought", HUB_COLUMN_INT,
     "Corrections that somebody undid each time, before the agent left it alone; 0: none."},
    {"sha256", "sha256", HUB_COLUMN_HEX, "Names its desired form."},
    {"atMs", "at_ms", HUB_COLUMN_TIME, "When the agent reported it."},
};

static const struct hub_filter object_filters[] = {
    {"cluster", HUB_FILTER_VALUE, "cluster = ?", "Those of this cluster."},
    {"app", HUB_FILTER_VALUE, "app = ?", "Only those of this App."},
    {"key", HUB_FILTER_VALUE, "key = ?", "Only this one."},
    END_OF_FILTERS,
};

#define DRIFT_JOINS                                                                                \
    " LEFT JOIN cluster c ON c.name = d.cluster"                                                   \
    " LEFT JOIN object o ON o.cluster = d.cluster AND o.key = d.key"

#define NOW_MS "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"

// What is allowed of a difference by an Exemption.
#define EXEMPTION(what)                                                                            \
    "(SELECT " what " FROM exemption_any x WHERE x.app = d.app AND x.object = d.key"               \
    " AND x.until_ms > " NOW_MS " AND (x.field = '' OR d.path = x.field"                           \
    " OR substr(d.path, 1, length(x.field) + 1) IN (x.field || '.', x.field || '['))"              \
    " AND EXISTS (SELECT 1 FROM json_each(x.clusters) WHERE value = d.cluster)"                    \
    " ORDER BY x.until_ms DESC LIMIT 1)"

static const struct hub_column drift_columns[] = {
    {"cluster", "d.cluster", HUB_COLUMN_TEXT, "The cluster."},
    {"app", "d.app", HUB_COLUMN_TEXT, "The App."},
    {"key", "d.key", HUB_COLUMN_TEXT, "The object."},
    {"path", "d.path", HUB_COLUMN_TEXT, "The field."},
    {"desired", "d.desired", HUB_COLUMN_TEXT,
     "What Git says, as JSON text; empty: nothing, somebody has added it."},
    {"actual", "d.actual", HUB_COLUMN_TEXT, "What is there, as JSON text; empty: nothing."},
    {"manager", "d.manager", HUB_COLUMN_TEXT,
     "Who wrote it, as he calls himself: anybody may take any name."},
    {"user", "d.user", HUB_COLUMN_TEXT,
     "Who wrote it, as the cluster's audit log names the user; empty: not known."},
    {"operation", "d.operation", HUB_COLUMN_TEXT, "How it was written: Apply or Update."},
    {"class", "d.class", HUB_COLUMN_TEXT,
     "Why: foreign (somebody else set it), right (another controller has it by right), noise (the "
     "API server itself made that of it), ignored (a rule says not to mind)."},
    {"exemption", "ifnull(" EXEMPTION("x.name || ': ' || x.reason") ", '')", HUB_COLUMN_TEXT,
     "The Exemption that allows it for a time, and its reason; empty: none does."},
    {"exemptUntilMs", "ifnull(" EXEMPTION("x.until_ms") ", 0)", HUB_COLUMN_TIME,
     "Until when; 0: it is not."},
    {"more", "ifnull(o.drift_more, 0)", HUB_COLUMN_BOOL,
     "More fields of this object differ than its agent names."},
    {"fought", "ifnull(o.fought, 0)", HUB_COLUMN_INT,
     "Corrections of this object that somebody undid each time, before the agent left it alone; 0: "
     "none."},
    {"atMs", "d.at_ms", HUB_COLUMN_TIME, "When."},
};

static const struct hub_filter drift_filters[] = {
    {"app", HUB_FILTER_VALUE, "d.app = ?", "Only this App."},
    {"cluster", HUB_FILTER_VALUE, "d.cluster = ?", "Only this cluster."},
    {"key", HUB_FILTER_VALUE, "d.key = ?", "Only this object."},
    GROUP_FILTER("d.cluster"),
    SELECTOR_FILTER,
    END_OF_FILTERS,
};

// ---- What happened, and what is wrong

static const struct hub_column event_columns[] = {
    {"number", "e.number", HUB_COLUMN_INT, "Its place in the order of all events."},
    {"atMs", "e.at_ms", HUB_COLUMN_TIME, "When it became known."},
    {"happenedMs", "e.happened_ms", HUB_COLUMN_TIME,
     "When it happened, by the agent's clock, if it became known only later; else 0."},
    {"kind", "e.kind", HUB_COLUMN_TEXT, "What kind of event, such as drift.found."},
    {"cluster", "e.cluster", HUB_COLUMN_TEXT, "The cluster, if it is about one."},
    {"app", "e.app", HUB_COLUMN_TEXT, "The App, if it is about one."},
    {"key", "e.key", HUB_COLUMN_TEXT, "The object, if it is about one."},
    {"revision", "e.revision", HUB_COLUMN_TEXT, "The commit that is the reason."},
    {"actor", "e.actor", HUB_COLUMN_TEXT, "Who did it."},
    {"message", "e.message", HUB_COLUMN_TEXT, "What happened, for people."},
};

static const struct hub_filter event_filters[] = {
    {"app", HUB_FILTER_VALUE, "e.app = ?", "Only of this App."},
    {"cluster", HUB_FILTER_VALUE, "e.cluster = ?", "Only of this cluster."},
    GROUP_FILTER("e.cluster"),
    SELECTOR_FILTER,
    {"kind", HUB_FILTER_VALUE, "e.kind = ?", "Only of this kind."},
    {"revision", HUB_FILTER_REVISION, HUB_OF_REVISION("e.revision"),
     "Only because of this commit."},
    {"since", HUB_FILTER_NUMBER, "e.at_ms >= CAST(? AS INTEGER)",
     "Only from this moment on, in Unix milliseconds."},
    {"after", HUB_FILTER_NUMBER, "e.number > CAST(? AS INTEGER)",
     "Only later ones than this number; then the oldest come first."},
    END_OF_FILTERS,
};

// ---- Releases that are kept out

static const struct hub_column hold_columns[] = {
    {"name", "name", HUB_COLUMN_TEXT, "Its name."},
    {"app", "app", HUB_COLUMN_TEXT, "The App."},
    {"state", HOLD_STATE, HUB_COLUMN_TEXT,
     "in force; void (Git says another release); retry (the release may be tried again); waits "
     "(until Git says it, as holdfast decided it itself)."},
    {"rejected", "rejected", HUB_COLUMN_TEXT, "The release that is kept out."},
    {"restored", "restored", HUB_COLUMN_TEXT, "What runs instead."},
    {"clusters", "clusters", HUB_COLUMN_NAMES, "The clusters that it lists."},
    {"inForce", "in_force", HUB_COLUMN_INT, "On how many of them it is in force."},
    {"controller", "controller", HUB_COLUMN_TEXT, "Who rejected the release."},
    {"object", "object", HUB_COLUMN_TEXT, "The controller's object."},
    {"message", "text", HUB_COLUMN_TEXT, "What the controller said."},
    {"atMs", "at_ms", HUB_COLUMN_TIME, "When; 0: not known."},
    {"event", "event", HUB_COLUMN_TEXT, "Names the decision."},
    {"repository", "repo", HUB_COLUMN_TEXT,
     "The repository that it is written in; empty: it is decided, and not in Git yet."},
    {"path", "path", HUB_COLUMN_TEXT, "The file that it is written in."},
    {"pullRequest", PULL_OF_HOLD("url"), HUB_COLUMN_TEXT,
     "The pull request that brings it into Git, or takes it out; empty: there was none."},
    {"pullRequestState", PULL_OF_HOLD("state"), HUB_COLUMN_TEXT, "open, merged or closed."},
    {"proof", PROOF_OF_HOLD, HUB_COLUMN_TEXT,
     "What was found before it was written: same (it starts nothing in the cluster), different, "
     "with what differs, or none, with why; empty: nobody asked, as it is a person's."},
};

static const struct hub_filter hold_filters[] = {
    {"name", HUB_FILTER_VALUE, "name = ?", "Only the one of this name."},
    {"app", HUB_FILTER_VALUE, "app = ?", "Only those of this App."},
    {"cluster", HUB_FILTER_VALUE, "EXISTS (SELECT 1 FROM json_each(clusters) WHERE value = ?)",
     "Only those that list this cluster."},
    END_OF_FILTERS,
};

static const struct hub_column ban_columns[] = {
    {"name", "name", HUB_COLUMN_TEXT, "Its name."},
    {"app", "app", HUB_COLUMN_TEXT, "The App that it is for; empty: all."},
    {"images", "images", HUB_COLUMN_NAMES, "What it bans."},
    {"reason", "reason", HUB_COLUMN_TEXT, "Why."},
    {"repository", "repo", HUB_COLUMN_TEXT, "The repository that it is written in."},
    {"path", "path", HUB_COLUMN_TEXT, "The file that it is written in."},
};

static const struct hub_filter ban_filters[] = {
    {"name", HUB_FILTER_VALUE, "name = ?", "Only the one of this name."},
    {"app", HUB_FILTER_VALUE, "app IN ('', ?)", "Only those that are for this App."},
    END_OF_FILTERS,
};

#define FREEZE_STATE "iif(f.ended_ms = 0, 'frozen', 'ended')"
#define FREEZE_GIT "iif(f.git = 0, iif(f.note = '', 'waiting', 'no'), 'yes')"
#define FREEZE_CLUSTERS "(SELECT count(*) FROM freeze_cluster k WHERE k.freeze = f.name)"
#define FREEZE_STOPPED                                                                             \
    "(SELECT count(*) FROM freeze_cluster k WHERE k.freeze = f.name AND k.told_ms != 0)"
#define FREEZE_OFFLINE                                                                             \
    "(SELECT count(*) FROM freeze_cluster k LEFT JOIN presence r ON r.cluster = k.cluster"         \
    " WHERE k.freeze = f.name AND k.told_ms = 0 AND ifnull(r.connected, 0) = 0"                    \
    " AND ifnull(r.freezes, 1) = 1)"

#define FREEZE_TOO_OLD                                                                             \
    "(SELECT count(*) FROM freeze_cluster k JOIN presence r ON r.cluster = k.cluster"              \
    " WHERE k.freeze = f.name AND r.freezes = 0)"

static const struct hub_column freeze_columns[] = {
    {"name", "f.name", HUB_COLUMN_TEXT, "Its name."},
    {"state", FREEZE_STATE, HUB_COLUMN_TEXT,
     "frozen; ended (its file is still to be removed from Git)."},
    {"app", "f.app", HUB_COLUMN_TEXT, "The App; empty: all."},
    {"cluster", "f.cluster", HUB_COLUMN_TEXT, "The cluster; empty: it names none."},
    {"group", "f.grp", HUB_COLUMN_TEXT, "The group; empty: it names none."},
    {"selector", "f.selector", HUB_COLUMN_TEXT, "The labels; empty: it names none."},
    {"reason", "f.reason", HUB_COLUMN_TEXT, "Why."},
    {"actor", "f.actor", HUB_COLUMN_TEXT, "Who froze it."},
    {"source", "f.source", HUB_COLUMN_TEXT,
     "hand (somebody asked the hub); git (a commit); breaker (the hub itself, as too many releases "
     "were rejected); empty: it is from before that was on record."},
    {"atMs", "f.at_ms", HUB_COLUMN_TIME, "Since when."},
    {"untilMs", "f.until_ms", HUB_COLUMN_TIME, "When it ends by itself; 0: it does not."},
    {"clusters", FREEZE_CLUSTERS, HUB_COLUMN_INT, "On how many clusters it is."},
    {"stopped", FREEZE_STOPPED, HUB_COLUMN_INT,
     "Of these, whose agents have said that they stopped."},
    {"offline", FREEZE_OFFLINE, HUB_COLUMN_INT,
     "Of the others, that are not connected: they stop when they are."},
    {"tooOld", FREEZE_TOO_OLD, HUB_COLUMN_INT,
     "Whose agents are too old to stop by themselves: they are sent nothing new, and go on to "
     "correct drift."},
    {"inGit", FREEZE_GIT, HUB_COLUMN_TEXT,
     "yes; waiting (the hub writes it as soon as it can); no (`note` says why)."},
    {"note", "f.note", HUB_COLUMN_TEXT, "Why it is not in Git; empty: it is, or will be soon."},
    {"repository", "f.repo", HUB_COLUMN_TEXT, "Where its file is, or shall be."},
    {"path", "f.path", HUB_COLUMN_TEXT, "That file."},
};

static const struct hub_filter freeze_filters[] = {
    {"name", HUB_FILTER_VALUE, "f.name = ?", "Only the one of this name."},
    {"app", HUB_FILTER_VALUE, "f.app IN ('', ?)", "Only those that stop this App."},
    {"cluster", HUB_FILTER_VALUE,
     "f.name IN (SELECT k.freeze FROM freeze_cluster k WHERE k.cluster = ?)",
     "Only those that are on this cluster."},
    END_OF_FILTERS,
};

static const struct hub_column exemption_columns[] = {
    {"name", "name", HUB_COLUMN_TEXT, "Its name."},
    {"app", "app", HUB_COLUMN_TEXT, "The App."},
    {"clusters", "clusters", HUB_COLUMN_NAMES, "The clusters on which it is allowed."},
    {"object", "object", HUB_COLUMN_TEXT, "The object that may be changed."},
    {"field", "field", HUB_COLUMN_TEXT, "The field; empty: all of it."},
    {"state", "CASE WHEN until_ms > " NOW_MS " THEN 'in force' ELSE 'ended' END", HUB_COLUMN_TEXT,
     "in force, or ended."},
    {"untilMs", "until_ms", HUB_COLUMN_TIME, "When it ends."},
    {"reason", "reason", HUB_COLUMN_TEXT, "Why."},
    {"by", "actor", HUB_COLUMN_TEXT, "Who asked for it; empty: not known."},
    {"from", "CASE WHEN site = '' THEN 'git' WHEN git = 0 THEN 'site, not in git' ELSE 'site' END",
     HUB_COLUMN_TEXT,
     "git; site: an object on the cluster, which Git has by now; site, not in git: only that "
     "object says it."},
    {"siteObject", "ifnull(said, '')", HUB_COLUMN_TEXT,
     "What the object on the cluster is called; empty: it is from Git."},
    {"repository", "repo", HUB_COLUMN_TEXT, "The repository that it is written in."},
    {"path", "path", HUB_COLUMN_TEXT, "The file that it is written in."},
};

static const struct hub_filter exemption_filters[] = {
    {"name", HUB_FILTER_VALUE, "name = ?", "Only the one of this name."},
    {"app", HUB_FILTER_VALUE, "app = ?", "Only those of this App."},
    {"cluster", HUB_FILTER_VALUE, "EXISTS (SELECT 1 FROM json_each(clusters) WHERE value = ?)",
     "Only those for this cluster."},
    END_OF_FILTERS,
};

static const struct hub_column revision_columns[] = {
    {"repository", "repo", HUB_COLUMN_TEXT, "The repository."},
    {"id", "id", HUB_COLUMN_TEXT, "The commit."},
    {"author", "author", HUB_COLUMN_TEXT, "Who wrote it."},
    {"subject", "subject", HUB_COLUMN_TEXT, "The first line of its message."},
    {"committedMs", "committed_ms", HUB_COLUMN_TIME, "When it was made."},
    {"resolvedMs", "resolved_ms", HUB_COLUMN_TIME, "When the hub had read it."},
    {"clusters", "clusters", HUB_COLUMN_INT, "For how many clusters it changed something."},
    {"problems", "problems", HUB_COLUMN_INT, "How many problems there were after it."},
};

static const struct hub_filter revision_filters[] = {
    {"repository", HUB_FILTER_VALUE, "repo = ?", "Only those of this repository."},
    {"id", HUB_FILTER_REVISION, HUB_OF_REVISION("id"), "Only this one."},
    END_OF_FILTERS,
};

static const struct hub_column repository_columns[] = {
    {"name", "name", HUB_COLUMN_TEXT,
     "Its name in the hub's configuration; with the ref behind it, where Apps take one."},
    {"url", "url", HUB_COLUMN_TEXT, "Where it is fetched from."},
    {"revision", "revision", HUB_COLUMN_TEXT,
     "The newest commit that was taken in; empty: none yet since the hub started."},
    {"checkedMs", "checked_ms", HUB_COLUMN_TIME,
     "When the last fetch began that is over; 0: none is yet."},
    {"failure", "failure", HUB_COLUMN_TEXT,
     "Why that came to nothing; empty: the revision is what there was then."},
};

static const struct hub_filter repository_filters[] = {
    {"name", HUB_FILTER_VALUE, "name = ?", "Only this one."},
    END_OF_FILTERS,
};

static const struct hub_column write_columns[] = {
    {"number", "number", HUB_COLUMN_INT, "Its place in the order of all."},
    {"id", "id", HUB_COLUMN_TEXT, "What the commit names it by (Holdfast-Event)."},
    {"repository", "repo", HUB_COLUMN_TEXT, "The repository that it is for."},
    {"kind", "kind", HUB_COLUMN_TEXT, "What it is: suspend, resume, confirm, …"},
    {"app", "app", HUB_COLUMN_TEXT, "The App, if it is about one."},
    {"cluster", "cluster", HUB_COLUMN_TEXT, "The cluster, if it is about one."},
    {"actor", "actor", HUB_COLUMN_TEXT, "Who decided it."},
    {"madeMs", "made_ms", HUB_COLUMN_TIME, "When it was decided."},
    {"state", "state", HUB_COLUMN_TEXT, "waiting, done (it is in Git) or failed (it cannot be)."},
    {"revision", "revision", HUB_COLUMN_TEXT,
     "The commit that has it; empty while there is none, or if Git said so already."},
    {"message", "message", HUB_COLUMN_TEXT, "Why it waits or failed; empty: nothing is wrong."},
    {"endedMs", "ended_ms", HUB_COLUMN_TIME, "When it was done or failed; 0: it waits."},
    {"pullRequest",
     "ifnull((SELECT url FROM pull_request p WHERE p.repo = intent.repo AND p.number = pull), '')",
     HUB_COLUMN_TEXT, "The pull request that it is in; empty: none."},
};

static const struct hub_filter write_filters[] = {
    {"id", HUB_FILTER_VALUE, "id = ?", "Only this one."},
    {"repository", HUB_FILTER_VALUE, "repo = ?", "Only those for this repository."},
    {"app", HUB_FILTER_VALUE, "app = ?", "Only of this App."},
    {"cluster", HUB_FILTER_VALUE, "cluster = ?", "Only of this cluster."},
    END_OF_FILTERS,
};

static const struct hub_column problem_columns[] = {
    {"repository", "repo", HUB_COLUMN_TEXT, "The repository."},
    {"path", "path", HUB_COLUMN_TEXT, "The file."},
    {"line", "line", HUB_COLUMN_INT, "From 1; 0: the file as a whole."},
    {"column", "col", HUB_COLUMN_INT, "From 1; 0: the line as a whole."},
    {"message", "message", HUB_COLUMN_TEXT, "What is wrong and what to do."},
    {"app", "app", HUB_COLUMN_TEXT, "The App that it touches; empty: none in particular."},
    {"cluster", "cluster", HUB_COLUMN_TEXT, "The cluster that it touches, likewise."},
    {"clusters", "clusters", HUB_COLUMN_INT, "How many clusters keep their last good state."},
    {"revision", "revision", HUB_COLUMN_TEXT,
     "The commit that brought it, or touched what has it; empty: not known."},
};

static const struct hub_filter problem_filters[] = {
    {"repository", HUB_FILTER_VALUE, "repo = ?", "Only those of this repository."},
    {"app", HUB_FILTER_VALUE, "app = ?", "Only those that touch this App."},
    {"cluster", HUB_FILTER_VALUE, "cluster = ?", "Only those that touch this cluster."},
    {"revision", HUB_FILTER_REVISION, HUB_OF_REVISION("revision"), "Only those of this commit."},
    END_OF_FILTERS,
};

// ---- Tokens; never their secrets

// Unix milliseconds: SQLite 3.40 counts in days.
#define NOW_MS "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
#define IS_GOOD "(expires_ms = 0 OR expires_ms > " NOW_MS ")"

static const struct hub_column token_columns[] = {
    {"id", "id", HUB_COLUMN_TEXT, "Its number, which is part of the token."},
    {"name", "name", HUB_COLUMN_TEXT, "Its name, by which events call who changed something."},
    {"role", "role", HUB_COLUMN_ROLE, "What it may do."},
    {"active", IS_GOOD, HUB_COLUMN_BOOL, "It has neither expired nor been revoked."},
    {"expiresMs", "expires_ms", HUB_COLUMN_TIME, "Until when it is good; 0: for ever."},
    {"lastUsedMs", "used_ms", HUB_COLUMN_TIME, "When it was last used, to about a minute."},
    {"createdMs", "made_ms", HUB_COLUMN_TIME, "When it was made."},
    {"createdBy", "made_by", HUB_COLUMN_TEXT, "The name of the token that asked for it, or hub."},
};

static const struct hub_filter token_filters[] = {
    {"id", HUB_FILTER_VALUE, "id = ?", "Only this one."},
    {"name", HUB_FILTER_VALUE, "name = ?", "Only those of this name."},
    {"role", HUB_FILTER_ROLE, "role = ?", "Only those with this role."},
    {"active", HUB_FILTER_BOOL, IS_GOOD, "Only those that are still good, or are not."},
    END_OF_FILTERS,
};

static const struct hub_filter rollout_filters[] = {
    {"revision", HUB_FILTER_REVISION, HUB_OF_REVISION("p.revision"),
     "Only what this commit changed."},
    {"app", HUB_FILTER_VALUE, "p.app = ?", "Only this App."},
    {"cluster", HUB_FILTER_VALUE, "p.cluster = ?", "Only this cluster."},
    GROUP_FILTER("p.cluster"),
    SELECTOR_FILTER,
    END_OF_FILTERS,
};

#define STATUS_FROM PAIR_STATUS " LEFT JOIN cluster c ON c.name = p.cluster"

static const struct hub_list lists[] = {
    {.name = "clusters",
     .item = "Cluster",
     .about = "Clusters: those of Git, and those that left Git and may still connect.",
     // Two parts that share no name: so each is walked in its order, no further than the page.
     .from = "(SELECT name FROM cluster UNION ALL SELECT cluster FROM unmanaged) n"
             " LEFT JOIN cluster c ON c.name = n.name LEFT JOIN presence r ON r.cluster = n.name",
     .counts = "FROM " PAIR_STATUS " WHERE p.cluster = n.name",
     .columns = cluster_columns,
     .column_count = COUNT(cluster_columns),
     .keys = {{"n.name", false}},
     .key_count = 1,
     .filters = cluster_filters},
    {.name = "agents",
     .item = "Agent",
     .about = "Agents that are enrolled: their keys, and which of them wait for a person.",
     .from = "(SELECT * FROM agent WHERE state = 'active') g"
             " LEFT JOIN presence r ON r.cluster = g.cluster"
             " LEFT JOIN cluster c ON c.name = g.cluster",
     .columns = agent_columns,
     .column_count = COUNT(agent_columns),
     .keys = {{"g.cluster", false}},
     .key_count = 1,
     .filters = agent_filters},
    {.name = "groups",
     .item = "Group",
     .about = "Groups of clusters.",
     .from = "cluster_group g",
     .columns = group_columns,
     .column_count = COUNT(group_columns),
     .keys = {{"g.name", false}},
     .key_count = 1,
     .filters = group_filters},
    {.name = "group-details",
     .item = "GroupDetails",
     .about = "A group with what its clusters are at.",
     .from = "cluster_group g",
     .counts =
         "FROM group_member gm JOIN pair p ON p.cluster = gm.cluster" JOIN_STATUS JOIN_PRESENCE
         " WHERE gm.grp = g.name",
     .columns = group_detail_columns,
     .column_count = COUNT(group_detail_columns),
     .keys = {{"g.name", false}},
     .key_count = 1,
     .filters = group_filters},
    {.name = "apps",
     .item = "App",
     .about = "Apps.",
     // One that left Git is told of while its removal waits.
     .from = "(SELECT * FROM app UNION ALL SELECT DISTINCT app, repo, '', '', '', 0, 0, '[]', 0, 0,"
             " '', 0 FROM pair WHERE waits <> '' AND app NOT IN (SELECT name FROM app)) a",
     .counts = "FROM tally t WHERE t.app = a.name",
     .columns = app_columns,
     .column_count = COUNT(app_columns),
     .keys = {{"a.name", false}},
     .key_count = 1,
     .filters = app_filters},
    {.name = "status",
     .item = "Status",
     .about = "What each App is at on each cluster.",
     .from = STATUS_FROM,
     .columns = status_columns,
     .column_count = COUNT(status_columns),
     .keys = {{"p.app", false}, {"p.cluster", false}},
     .key_count = 2,
     .filters = status_filters},
    {.name = "observed",
     .item = "Observed",
     .about = "What runs on clusters where the agent only observes, and no App in Git names.",
     // Of the index: its own condition, which what is only observed meets anyway.
     .from = "(SELECT * FROM status INDEXED BY status_tells WHERE (applied <> 3 OR health <> 2 OR"
             " message <> '' OR health_message <> '') AND applied = 6 AND revision = '') s"
             " LEFT JOIN presence r ON r.cluster = s.cluster"
             " LEFT JOIN cluster c ON c.name = s.cluster",
     .columns = observed_columns,
     .column_count = COUNT(observed_columns),
     .keys = {{"s.app", false}, {"s.cluster", false}},
     .key_count = 2,
     .filters = observed_filters},
    {.name = "objects",
     .item = "Object",
     .about = "The objects of a cluster.",
     .from = "object",
     .columns = object_columns,
     .column_count = COUNT(object_columns),
     .keys = {{"cluster", false}, {"key", false}},
     .key_count = 2,
     .required = "cluster",
     .filters = object_filters},
    {.name = "drift",
     .item = "Drift",
     .about = "Fields that somebody else set and that are not as Git says.",
     .from = "(SELECT * FROM drift WHERE class = 'foreign') d" DRIFT_JOINS,
     .columns = drift_columns,
     .column_count = COUNT(drift_columns),
     .keys = {{"d.cluster", false}, {"d.key", false}, {"d.path", false}},
     .key_count = 3,
     .filters = drift_filters},
    {.name = "differences",
     .item = "Drift",
     .about = "Fields that are not as Git says, whoever set them: drift, and what is none.",
     .from = "drift d" DRIFT_JOINS,
     .columns = drift_columns,
     .column_count = COUNT(drift_columns),
     .keys = {{"d.cluster", false}, {"d.key", false}, {"d.path", false}},
     .key_count = 3,
     .filters = drift_filters},
    {.name = "holds",
     .item = "Hold",
     .about = "Releases that clusters rejected and that are kept out of them.",
     .from = "hold",
     .columns = hold_columns,
     .column_count = COUNT(hold_columns),
     .keys = {{"key", false}},
     .key_count = 1,
     .filters = hold_filters},
    {.name = "bans",
     .item = "Ban",
     .about = "Images that shall never run.",
     .from = "ban",
     .columns = ban_columns,
     .column_count = COUNT(ban_columns),
     .keys = {{"name", false}},
     .key_count = 1,
     .filters = ban_filters},
    {.name = "freezes",
     .item = "Freeze",
     .about = "Where nothing is applied for a while.",
     .from = "freeze f",
     .columns = freeze_columns,
     .column_count = COUNT(freeze_columns),
     .keys = {{"f.name", false}},
     .key_count = 1,
     .filters = freeze_filters},
    {.name = "exemptions",
     .item = "Exemption",
     .about = "Changes by hand that are allowed for a time.",
     .from = "exemption_any",
     .columns = exemption_columns,
     .column_count = COUNT(exemption_columns),
     .keys = {{"name", false}},
     .key_count = 1,
     .filters = exemption_filters},
    {.name = "events",
     .item = "Event",
     .about = "What happened: newest first, or what came after an event, oldest first.",
     .from = "event e LEFT JOIN cluster c ON c.name = e.cluster",
     .columns = event_columns,
     .column_count = COUNT(event_columns),
     .keys = {{"e.number", true}},
     .key_count = 1,
     .descending = true,
     .filters = event_filters},
    {.name = "events-after",
     .item = "Event",
     .about = "What happened, oldest first.",
     .from = "event e LEFT JOIN cluster c ON c.name = e.cluster",
     .columns = event_columns,
     .column_count = COUNT(event_columns),
     .keys = {{"e.number", true}},
     .key_count = 1,
     .filters = event_filters},
    {.name = "revisions",
     .item = "Revision",
     .about = "Commits that the hub has read, newest first.",
     .from = "revision",
     .columns = revision_columns,
     .column_count = COUNT(revision_columns),
     .keys = {{"number", true}},
     .key_count = 1,
     .descending = true,
     .filters = revision_filters},
    {.name = "repositories",
     .item = "Repository",
     .about = "What is fetched from where, and how that went the last time.",
     .from = "repository",
     .columns = repository_columns,
     .column_count = COUNT(repository_columns),
     .keys = {{"name", false}},
     .key_count = 1,
     .filters = repository_filters},
    {.name = "writes",
     .item = "Write",
     .about = "What the hub was asked to write into repositories, newest first; for a week.",
     .from = "intent",
     .columns = write_columns,
     .column_count = COUNT(write_columns),
     .keys = {{"number", true}},
     .key_count = 1,
     .descending = true,
     .filters = write_filters},
    {.name = "problems",
     .item = "Problem",
     .about = "What is wrong in the repositories now, and where only people can settle what became "
              "of a release.",
     .from = "problem_any",
     .columns = problem_columns,
     .column_count = COUNT(problem_columns),
     .keys = {{"number", true}},
     .key_count = 1,
     .filters = problem_filters},
    {.name = "tokens",
     .item = "Token",
     .about = "API tokens, without their secrets; for administrators.",
     .from = "api_token",
     .columns = token_columns,
     .column_count = COUNT(token_columns),
     .keys = {{"name", false}, {"id", false}},
     .key_count = 2,
     .filters = token_filters},
    {.name = "rollout",
     .item = "Rollout",
     .about = "How far the desired state, or what a commit changed, is.",
     .from = STATUS_FROM,
     .filters = rollout_filters},
};

const struct hub_list *hub_list_find(const char *name) {
    for (size_t i = 0; i < COUNT(lists); i++) {
        if (strcmp(lists[i].name, name) == 0) {
            return &lists[i];
        }
    }
    return NULL;
}

const struct hub_column *hub_list_column(const struct hub_list *list, const char *name) {
    for (size_t i = 0; i < list->column_count; i++) {
        if (strcmp(list->columns[i].name, name) == 0) {
            return &list->columns[i];
        }
    }
    return NULL;
}

bool hub_column_numeric(enum hub_column_type type) {
    return type == HUB_COLUMN_INT || type == HUB_COLUMN_COUNT || type == HUB_COLUMN_TIME ||
           type == HUB_COLUMN_BOOL || type == HUB_COLUMN_APPLIED || type == HUB_COLUMN_HEALTH;
}

bool hub_column_sorts(enum hub_column_type type) {
    return hub_column_numeric(type) || type == HUB_COLUMN_TEXT || type == HUB_COLUMN_ROLE;
}
