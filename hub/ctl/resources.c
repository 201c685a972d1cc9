#include "hub/ctl/resources.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/words.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define COLUMNS(of) .columns = (of), .count = COUNT(of)

static const struct ctl_column clusters[] = {
    {"NAME", "name", CTL_TEXT, CTL_ALWAYS},
    {"CONNECTED", "connected", CTL_YES, CTL_ALWAYS},
    {"READY", "healthy apps", CTL_READY, CTL_ALWAYS},
    {"FAILED", "failed", CTL_NUMBER, CTL_IF_WIDE},
    {"STALE", "stale", CTL_NUMBER, CTL_IF_ROOM},
    {"DRIFTED", "drifted", CTL_NUMBER, CTL_IF_ROOM},
    {"SEEN", "lastSeenMs", CTL_AGE, CTL_IF_ROOM},
    {"OBJECTS", "objects", CTL_NUMBER, CTL_IF_WIDE},
    {"AGENT", "agentVersion", CTL_TEXT, CTL_IF_WIDE},
    {"DRIVER", "driver", CTL_TEXT, CTL_IF_WIDE},
    {"MODE", "mode", CTL_TEXT, CTL_IF_ROOM},
    {"TARGET", "targetVersion", CTL_TEXT, CTL_IF_ROOM},
    {"LABELS", "labels", CTL_LABELS, CTL_IF_ROOM},
};

static const struct ctl_column agents[] = {
    {"CLUSTER", "cluster", CTL_TEXT, CTL_ALWAYS},
    {"CONNECTED", "connected", CTL_YES, CTL_ALWAYS},
    {"SEEN", "lastSeenMs", CTL_AGE, CTL_IF_ROOM},
    {"EXPIRES", "expiresMs", CTL_TIME, CTL_ALWAYS},
    {"KEY", "key", CTL_SHORT, CTL_IF_ROOM},
    {"CLOCK AHEAD MS", "clockAheadMs", CTL_NUMBER, CTL_IF_WIDE},
    {"VERSION", "version", CTL_TEXT, CTL_IF_WIDE},
    {"ADDRESS", "address", CTL_TEXT, CTL_IF_WIDE},
    {"ID", "id", CTL_TEXT, CTL_IF_WIDE},
    {"WAITS FOR APPROVAL", "held", CTL_TEXT, CTL_ALWAYS},
};

static const struct ctl_column groups[] = {
    {"NAME", "name", CTL_TEXT, CTL_ALWAYS},
    {"CLUSTERS", "clusters", CTL_COUNT, CTL_ALWAYS},
    {"PATH", "path", CTL_TEXT, CTL_IF_ROOM},
    {"MEMBERS", "clusters", CTL_LIST, CTL_IF_WIDE},
};

static const struct ctl_column apps[] = {
    {"NAME", "name", CTL_TEXT, CTL_ALWAYS},
    {"READY", "healthy clusters", CTL_READY, CTL_ALWAYS},
    {"APPLIED", "applied", CTL_NUMBER, CTL_IF_WIDE},
    {"FAILED", "failed", CTL_NUMBER, CTL_ALWAYS},
    {"DEGRADED", "degraded", CTL_NUMBER, CTL_IF_ROOM},
    {"STALE", "stale", CTL_NUMBER, CTL_ALWAYS},
    {"HELD", "held", CTL_NUMBER, CTL_IF_ROOM},
    {"NEEDS HUMAN", "needsHuman", CTL_NUMBER, CTL_IF_ROOM},
    {"WAITING", "releasesWaiting", CTL_NUMBER, CTL_IF_ROOM},
    {"TO CONFIRM", "waits", CTL_NUMBER, CTL_IF_ROOM},
    {"PROBLEMS", "problemCount", CTL_NUMBER, CTL_ALWAYS},
    {"OFFLINE", "offline", CTL_NUMBER, CTL_IF_ROOM},
    {"DRIFTED", "drifted", CTL_NUMBER, CTL_IF_ROOM},
    {"NAMESPACE", "namespace", CTL_TEXT, CTL_IF_ROOM},
    {"REPOSITORY", "repository", CTL_TEXT, CTL_IF_ROOM},
    {"PATH", "path", CTL_TEXT, CTL_IF_WIDE},
    {"DRIFT MODE", "driftMode", CTL_TEXT, CTL_IF_WIDE},
    {"CAPTURE", "capture", CTL_TEXT, CTL_IF_WIDE},
    {"ON REJECT", "onReject", CTL_TEXT, CTL_IF_WIDE},
    {"ON FAILURE", "onFailure", CTL_TEXT, CTL_IF_WIDE},
    {"UNDO", "undo", CTL_TEXT, CTL_IF_WIDE},
    {"WRITE BACK", "writeBack", CTL_TEXT, CTL_IF_WIDE},
    {"PRUNE", "prune", CTL_YES, CTL_IF_WIDE},
    {"SUSPENDED", "suspend", CTL_YES, CTL_IF_WIDE},
    {"DEPENDS ON", "dependsOn", CTL_LIST, CTL_IF_WIDE},
};

static const struct ctl_column status[] = {
    {"APP", "app", CTL_TEXT, CTL_ALWAYS},
    {"CLUSTER", "cluster", CTL_TEXT, CTL_ALWAYS},
    {"REVISION", "revision", CTL_SHORT, CTL_IF_ROOM},
    {"UP TO DATE", "upToDate", CTL_CURRENT, CTL_ALWAYS},
    {"APPLIED", "applied", CTL_STATE, CTL_ALWAYS},
    {"HEALTH", "health", CTL_STATE, CTL_ALWAYS},
    {"DRIFTED", "drifted", CTL_NUMBER, CTL_IF_ROOM},
    {"OBJECTS", "objects", CTL_NUMBER, CTL_IF_WIDE},
    {"CONNECTED", "connected", CTL_YES, CTL_IF_ROOM},
    {"AGO", "atMs", CTL_AGE, CTL_IF_WIDE},
    {"HELD", "held", CTL_TEXT, CTL_IF_ROOM},
    {"NEEDS HUMAN", "needsHuman", CTL_TEXT, CTL_IF_ROOM},
    {"WAITS", "releaseWaits", CTL_TEXT, CTL_IF_ROOM},
    {"FROZEN", "frozen", CTL_TEXT, CTL_IF_ROOM},
    {"TO CONFIRM", "waits", CTL_TEXT, CTL_IF_ROOM},
    {"MESSAGE", "message", CTL_TEXT, CTL_ALWAYS},
};

static const struct ctl_column observed[] = {
    {"APP", "app", CTL_TEXT, CTL_ALWAYS},
    {"CLUSTER", "cluster", CTL_TEXT, CTL_ALWAYS},
    {"HEALTH", "health", CTL_STATE, CTL_ALWAYS},
    {"WORKLOADS", "objects", CTL_NUMBER, CTL_ALWAYS},
    {"CONNECTED", "connected", CTL_YES, CTL_IF_ROOM},
    {"AGO", "atMs", CTL_AGE, CTL_IF_WIDE},
    {"MESSAGE", "message", CTL_TEXT, CTL_ALWAYS},
};

static const struct ctl_column objects[] = {
    {"OBJECT", "key", CTL_TEXT, CTL_ALWAYS},      {"APP", "app", CTL_TEXT, CTL_ALWAYS},
    {"HEALTH", "health", CTL_STATE, CTL_ALWAYS},  {"AGO", "atMs", CTL_AGE, CTL_IF_WIDE},
    {"MESSAGE", "message", CTL_TEXT, CTL_ALWAYS},
};

static const struct ctl_column drift[] = {
    {"CLUSTER", "cluster", CTL_TEXT, CTL_ALWAYS},  {"APP", "app", CTL_TEXT, CTL_IF_ROOM},
    {"OBJECT", "key", CTL_TEXT, CTL_ALWAYS},       {"FIELD", "path", CTL_TEXT, CTL_ALWAYS},
    {"DESIRED", "desired", CTL_TEXT, CTL_ALWAYS},  {"ACTUAL", "actual", CTL_TEXT, CTL_ALWAYS},
    {"MANAGER", "manager", CTL_TEXT, CTL_IF_ROOM}, {"USER", "user", CTL_TEXT, CTL_IF_ROOM},
    {"AGO", "atMs", CTL_AGE, CTL_IF_ROOM},         {"HOW", "operation", CTL_TEXT, CTL_IF_WIDE},
    {"CLASS", "class", CTL_TEXT, CTL_IF_ROOM},     {"MORE", "more", CTL_YES, CTL_IF_ROOM},
    {"FOUGHT", "fought", CTL_NUMBER, CTL_IF_ROOM},
};

static const struct ctl_column holds[] = {
    {"NAME", "name", CTL_TEXT, CTL_IF_ROOM},
    {"APP", "app", CTL_TEXT, CTL_ALWAYS},
    {"STATE", "state", CTL_TEXT, CTL_ALWAYS},
    {"REJECTED", "rejected", CTL_TEXT, CTL_ALWAYS},
    {"RESTORED", "restored", CTL_TEXT, CTL_ALWAYS},
    {"CLUSTERS", "clusters", CTL_COUNT, CTL_ALWAYS},
    {"AGE", "atMs", CTL_AGE, CTL_ALWAYS},
    {"BY", "controller", CTL_TEXT, CTL_IF_ROOM},
    {"WHY", "message", CTL_TEXT, CTL_ALWAYS},
    {"FILE", "path", CTL_TEXT, CTL_IF_WIDE},
    {"LISTED", "clusters", CTL_LIST, CTL_IF_WIDE},
    {"PROOF", "proof", CTL_TEXT, CTL_IF_WIDE},
    {"PULL REQUEST", "pullRequest", CTL_TEXT, CTL_IF_WIDE},
    {"ITS STATE", "pullRequestState", CTL_TEXT, CTL_IF_WIDE},
};

static const struct ctl_column bans[] = {
    {"NAME", "name", CTL_TEXT, CTL_ALWAYS},     {"APP", "app", CTL_TEXT, CTL_ALWAYS},
    {"IMAGES", "images", CTL_LIST, CTL_ALWAYS}, {"WHY", "reason", CTL_TEXT, CTL_ALWAYS},
    {"FILE", "path", CTL_TEXT, CTL_IF_ROOM},
};

static const struct ctl_column freezes[] = {
    {"NAME", "name", CTL_TEXT, CTL_ALWAYS},
    {"STATE", "state", CTL_TEXT, CTL_ALWAYS},
    {"APP", "app", CTL_TEXT, CTL_ALWAYS},
    {"CLUSTER", "cluster", CTL_TEXT, CTL_IF_ROOM},
    {"GROUP", "group", CTL_TEXT, CTL_IF_ROOM},
    {"LABELS", "selector", CTL_TEXT, CTL_IF_ROOM},
    {"STOPPED", "stopped clusters", CTL_READY, CTL_ALWAYS},
    {"OFFLINE", "offline", CTL_NUMBER, CTL_IF_ROOM},
    {"AGE", "atMs", CTL_AGE, CTL_ALWAYS},
    {"UNTIL", "untilMs", CTL_TIME, CTL_ALWAYS},
    {"BY", "actor", CTL_TEXT, CTL_IF_ROOM},
    {"MADE BY", "source", CTL_TEXT, CTL_IF_ROOM},
    {"IN GIT", "inGit", CTL_TEXT, CTL_IF_ROOM},
    {"WHY", "reason", CTL_TEXT, CTL_ALWAYS},
    {"TOO OLD", "tooOld", CTL_NUMBER, CTL_IF_WIDE},
    {"NOTE", "note", CTL_TEXT, CTL_IF_WIDE},
    {"FILE", "path", CTL_TEXT, CTL_IF_WIDE},
};

static const struct ctl_column exemptions[] = {
    {"NAME", "name", CTL_TEXT, CTL_ALWAYS},         {"APP", "app", CTL_TEXT, CTL_ALWAYS},
    {"CLUSTERS", "clusters", CTL_LIST, CTL_ALWAYS}, {"OBJECT", "object", CTL_TEXT, CTL_ALWAYS},
    {"FIELD", "field", CTL_TEXT, CTL_ALWAYS},       {"STATE", "state", CTL_TEXT, CTL_ALWAYS},
    {"UNTIL", "untilMs", CTL_TIME, CTL_ALWAYS},     {"BY", "by", CTL_TEXT, CTL_IF_ROOM},
    {"FROM", "from", CTL_TEXT, CTL_IF_ROOM},        {"WHY", "reason", CTL_TEXT, CTL_ALWAYS},
    {"FILE", "path", CTL_TEXT, CTL_IF_WIDE},
};

static const struct ctl_column events[] = {
    {"TIME", "atMs", CTL_TIME, CTL_ALWAYS},       {"KIND", "kind", CTL_TEXT, CTL_ALWAYS},
    {"CLUSTER", "cluster", CTL_TEXT, CTL_ALWAYS}, {"APP", "app", CTL_TEXT, CTL_IF_ROOM},
    {"OBJECT", "key", CTL_TEXT, CTL_IF_WIDE},     {"REVISION", "revision", CTL_SHORT, CTL_IF_ROOM},
    {"WHO", "actor", CTL_TEXT, CTL_IF_ROOM},      {"HAPPENED", "happenedMs", CTL_TIME, CTL_IF_WIDE},
    {"WHAT", "message", CTL_TEXT, CTL_ALWAYS},
};

static const struct ctl_column revisions[] = {
    {"REVISION", "id", CTL_SHORT, CTL_ALWAYS},
    {"REPOSITORY", "repository", CTL_TEXT, CTL_IF_ROOM},
    {"AGO", "committedMs", CTL_AGE, CTL_ALWAYS},
    {"CLUSTERS", "clusters", CTL_NUMBER, CTL_ALWAYS},
    {"PROBLEMS", "problems", CTL_NUMBER, CTL_ALWAYS},
    {"AUTHOR", "author", CTL_TEXT, CTL_IF_ROOM},
    {"SUBJECT", "subject", CTL_TEXT, CTL_ALWAYS},
};

static const struct ctl_column repositories[] = {
    {"REPOSITORY", "name", CTL_TEXT, CTL_ALWAYS},  {"REVISION", "revision", CTL_SHORT, CTL_ALWAYS},
    {"CHECKED", "checkedMs", CTL_AGE, CTL_ALWAYS}, {"URL", "url", CTL_TEXT, CTL_IF_ROOM},
    {"FAILURE", "failure", CTL_TEXT, CTL_ALWAYS},
};

static const struct ctl_column writes[] = {
    {"ID", "id", CTL_TEXT, CTL_IF_ROOM},
    {"KIND", "kind", CTL_TEXT, CTL_ALWAYS},
    {"APP", "app", CTL_TEXT, CTL_ALWAYS},
    {"CLUSTER", "cluster", CTL_TEXT, CTL_ALWAYS},
    {"AGO", "madeMs", CTL_AGE, CTL_ALWAYS},
    {"WHO", "actor", CTL_TEXT, CTL_IF_ROOM},
    {"STATE", "state", CTL_TEXT, CTL_ALWAYS},
    {"REVISION", "revision", CTL_SHORT, CTL_ALWAYS},
    {"MESSAGE", "message", CTL_TEXT, CTL_ALWAYS},
    {"PULL REQUEST", "pullRequest", CTL_TEXT, CTL_IF_WIDE},
};

static const struct ctl_column problems[] = {
    {"FILE", "path", CTL_TEXT, CTL_ALWAYS},       {"AT", "line column", CTL_PLACE, CTL_ALWAYS},
    {"APP", "app", CTL_TEXT, CTL_IF_ROOM},        {"CLUSTERS", "clusters", CTL_NUMBER, CTL_IF_ROOM},
    {"PROBLEM", "message", CTL_TEXT, CTL_ALWAYS},
};

static int64_t number(const struct cm_json *row, const char *member) {
    return cm_json_int(cm_json_get(row, member), 0);
}

static bool cluster_is_ready(const struct cm_json *row) {
    return cm_json_true(cm_json_get(row, "connected")) &&
           number(row, "healthy") == number(row, "apps") && number(row, "stale") == 0;
}

static bool is(const struct cm_json *row, const char *member, const char *value) {
    const char *text = cm_json_string(cm_json_get(row, member));

    return text != NULL && strcmp(text, value) == 0;
}

static bool status_is_ready(const struct cm_json *row) {
    return cm_json_true(cm_json_get(row, "upToDate")) && is(row, "health", "healthy") &&
           cm_json_true(cm_json_get(row, "connected")) && !cm_json_true(cm_json_get(row, "stale"));
}

const struct ctl_resource ctl_resources[] = {
    {.name = "clusters",
     .one = "cluster",
     .words = "cluster clusters cl",
     .names = "name",
     COLUMNS(clusters),
     .params = "cluster group selector",
     .by = "name",
     .about = "clusters of Git, and agents",
     .foldable = true,
     .ready = cluster_is_ready},
    {.name = "agents",
     .one = "agent",
     .words = "agent agents ag",
     .names = "cluster",
     COLUMNS(agents),
     .params = "cluster group selector",
     .by = "cluster",
     .about = "who may connect, and who waits for an approval"},
    {.name = "groups",
     .one = "group",
     .words = "group groups clustergroup clustergroups cg",
     .names = "name",
     COLUMNS(groups),
     .params = "",
     .by = "name",
     .about = "ClusterGroups and their members"},
    {.name = "apps",
     .one = "App",
     .words = "app apps application applications",
     .names = "name",
     COLUMNS(apps),
     .params = "app",
     .by = "name",
     .about = "Apps, and how many clusters run them"},
    {.name = "status",
     .one = "status",
     .words = "status statuses st",
     .names = "app cluster",
     COLUMNS(status),
     .params = "app cluster group selector state revision",
     .by = "app",
     .about = "each App on each cluster",
     .foldable = true,
     .ready = status_is_ready},
    {.name = "observed",
     .one = "observed",
     .words = "observed obs",
     .names = "app cluster",
     COLUMNS(observed),
     .params = "app cluster group selector",
     .about = "what runs where an agent only observes, and no App in Git names"},
    {.name = "objects",
     .one = "object",
     .words = "object objects obj",
     .names = "key",
     COLUMNS(objects),
     .params = "cluster app",
     .by = "key",
     .about = "objects on one cluster"},
    {.name = "drift",
     .one = "drift",
     .words = "drift drifts",
     .names = "cluster key path",
     COLUMNS(drift),
     .params = "app cluster",
     .about = "fields that are not as Git says"},
    {.name = "differences",
     .one = "difference",
     .words = "difference differences",
     .names = "cluster key path",
     COLUMNS(drift),
     .params = "app cluster",
     .about = "the same, and what is no drift: ignored, another controller's by right, noise"},
    {.name = "holds",
     .one = "Hold",
     .words = "hold holds",
     .names = "name",
     COLUMNS(holds),
     .params = "app cluster",
     .by = "name",
     .about = "releases that are kept out of clusters that rejected them"},
    {.name = "bans",
     .one = "Ban",
     .words = "ban bans",
     .names = "name",
     COLUMNS(bans),
     .params = "app",
     .by = "name",
     .about = "images that shall never run"},
    {.name = "freezes",
     .one = "Freeze",
     .words = "freeze freezes frozen",
     .names = "name",
     COLUMNS(freezes),
     .params = "app cluster",
     .by = "name",
     .about = "where nothing is applied for a while"},
    {.name = "exemptions",
     .one = "Exemption",
     .words = "exemption exemptions",
     .names = "name",
     COLUMNS(exemptions),
     .params = "app cluster",
     .by = "name",
     .about = "changes by hand that are allowed for a time"},
    {.name = "events",
     .one = "event",
     .words = "event events ev",
     .names = "number",
     COLUMNS(events),
     .params = "app cluster kind revision since",
     .about = "what happened, newest last",
     .limit = 50,
     .newest_last = true},
    {.name = "revisions",
     .one = "revision",
     .words = "revision revisions rev revs commit commits",
     .names = "id",
     COLUMNS(revisions),
     .params = "repository",
     .by = "id",
     .about = "commits that were resolved",
     .limit = 20},
    {.name = "repositories",
     .one = "repository",
     .words = "repo repository repositories repos source sources gitrepo gitrepos gitrepository",
     .names = "name",
     COLUMNS(repositories),
     .params = "",
     .by = "name",
     .about = "what is fetched from where, and how that went"},
    {.name = "writes",
     .one = "write",
     .words = "write writes intents intent",
     .names = "id",
     COLUMNS(writes),
     .params = "app cluster repository",
     .by = "id",
     .about = "what the hub was asked to commit, and what became of it",
     .limit = 20},
    {.name = "problems",
     .one = "problem",
     .words = "problem problems errors",
     .names = "path",
     COLUMNS(problems),
     .params = "repository app revision",
     .about = "what is wrong in the repositories"},
};

const size_t ctl_resource_count = COUNT(ctl_resources);

const struct ctl_resource *ctl_resource_find(const char *word) {
    CM_AUTOFREE char *lower = cm_strdup(word);

    for (char *at = lower; *at != '\0'; at++) {
        *at = cm_lower(*at);
    }
    for (size_t i = 0; i < COUNT(ctl_resources); i++) {
        if (ctl_has_word(ctl_resources[i].words, lower)) {
            return &ctl_resources[i];
        }
    }
    return NULL;
}

const struct ctl_resource *ctl_resource_named(const char *name) {
    for (size_t i = 0; i < COUNT(ctl_resources); i++) {
        if (strcmp(ctl_resources[i].name, name) == 0) {
            return &ctl_resources[i];
        }
    }
    assert(!"a list that there is");
    return NULL;
}

// ---- Words of other programs

static const char *const foreign[][2] = {
    {"kustomization kustomizations ks helmrelease helmreleases hr bundle bundles bd manifestwork",
     "here these are Apps: 'holdfast get apps', and on each cluster 'holdfast get status'"},
    {"gitrepo gitrepos gitrepository gitrepositories source sources repository repositories repo",
     "repositories are named in the hub's configuration; 'holdfast get revisions' shows what was "
     "fetched"},
    {"appproject project projects applicationset appset",
     "there is no such kind; see 'holdfast get apps' and 'holdfast get groups'"},
    {"all", "say which: 'holdfast get apps', 'holdfast get clusters', 'holdfast get status'"},
    {"pod pods po deployment deployments deploy service services svc configmap configmaps cm "
     "secret secrets ingress ingresses namespace namespaces ns statefulset statefulsets sts "
     "daemonset daemonsets ds job jobs cronjob cronjobs resource resources",
     "what runs on a cluster is listed by 'holdfast get objects --cluster NAME'"},
    {"node nodes no", "the hub knows clusters, not their nodes: 'holdfast get clusters'"},
    {"token tokens", "use 'holdfast token list'"},
    {"context contexts", "use 'holdfast context list'"},
};

static const char *find_hint(const char *word) {
    if (strchr(word, ',') != NULL) {
        return "one type at a time";
    }
    for (size_t i = 0; i < COUNT(foreign); i++) {
        if (ctl_has_word(foreign[i][0], word)) {
            return foreign[i][1];
        }
    }
    return NULL;
}

int ctl_resource_fail(struct ctl *c, const char *word) {
    const char *names[2 * COUNT(ctl_resources)];
    char ones[COUNT(ctl_resources)][32];
    const char *hint = find_hint(word);

    for (size_t i = 0; i < COUNT(ctl_resources); i++) { // "cluster", and "clusters"
        (void)snprintf(ones[i], sizeof(ones[i]), "%.*s", (int)strcspn(ctl_resources[i].words, " "),
                       ctl_resources[i].words);
        names[2 * i] = ones[i];
        names[2 * i + 1] = ctl_resources[i].name;
    }
    const char *nearest = cm_str_nearest(word, names, COUNT(names));
    if (hint != NULL) {
        return ctl_fail(c, CM_EINVAL, "'%.40s' cannot be listed; %s", word, hint);
    }
    if (nearest != NULL) {
        return ctl_fail(c, CM_EINVAL, "'%.40s' cannot be listed; did you mean '%s'?", word,
                        nearest);
    }
    return ctl_fail(
        c, CM_EINVAL,
        "'%.40s' cannot be listed; use clusters, groups, apps, status, objects, "
        "drift, holds, bans, exemptions, freezes, events, revisions, repositories, writes or "
        "problems",
        word);
}

// ---- What is asked for

// Returns the name in "cluster/eu-01", if the word before the slash is the same type.
static const char *without_type(const struct ctl_resource *r, const char *name) {
    size_t len = strcspn(name, "/");
    CM_AUTOFREE char *type = cm_strndup(name, len);

    return name[len] == '/' && ctl_resource_find(type) == r ? name + len + 1 : name;
}

enum cm_rc ctl_asked_read(struct ctl *c, struct ctl_asked *out) {
    const char *slash = strchr(c->argv[0], '/');
    const char *type = slash == NULL
                           ? c->argv[0]
                           : cm_arena_strndup(c->arena, c->argv[0], (size_t)(slash - c->argv[0]));

    *out = (struct ctl_asked){.resource = ctl_resource_find(type)};
    out->names = cm_arena_get(c->arena, (size_t)(c->argc + 1) * sizeof(*out->names));
    if (out->resource == NULL) {
        (void)ctl_resource_fail(c, type);
        return c->err.code;
    }
    if (slash != NULL) {
        out->names[out->count++] = slash + 1;
    }
    for (int i = 1; i < c->argc; i++) {
        out->names[out->count++] =
            slash == NULL ? c->argv[i] : without_type(out->resource, c->argv[i]);
    }
    return CM_OK;
}
