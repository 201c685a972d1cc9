#include "hub/store/query_lists.h"

#include <string.h>

// The numbers of Applied and Health are those of proto/holdfast.proto.
#define IS_APPLIED "(s.applied = 3 AND s.bundle = p.bundle)"
#define IS_FAILED "(ifnull(s.applied, 0) = 4)"
#define IS_HEALTHY "(" IS_APPLIED " AND s.health = 2)"
#define IS_DEGRADED "(ifnull(s.health, 0) IN (3, 4))"
#define IS_DRIFTED "(ifnull(s.drifted, 0) > 0)"
#define PAIR_STATUS "pair p LEFT JOIN status s ON s.cluster = p.cluster AND s.app = p.app"
#define SUM(condition) "ifnull(sum(" condition "), 0)"
#define OF_CLUSTER(what) "(SELECT " what " FROM " PAIR_STATUS " WHERE p.cluster = n.name)"
#define OF_APP(what) "(SELECT " what " FROM " PAIR_STATUS " WHERE p.app = a.name)"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

// ---- Clusters: those of Git, and those that are enrolled and no longer in Git

static const struct hub_column cluster_columns[] = {
    {"name", "n.name", HUB_COLUMN_TEXT},
    {"labels", "ifnull(c.labels, '{}')", HUB_COLUMN_JSON},
    {"managed", "c.name IS NOT NULL", HUB_COLUMN_BOOL},
    {"suspend", "ifnull(c.suspend, 0)", HUB_COLUMN_BOOL},
    {"enrolled", "EXISTS (SELECT 1 FROM agent g WHERE g.cluster = n.name AND g.state = 'active')",
     HUB_COLUMN_BOOL},
    {"connected", "ifnull(r.connected, 0)", HUB_COLUMN_BOOL},
    {"lastSeenMs", "ifnull(r.seen_ms, 0)", HUB_COLUMN_INT},
    {"agentVersion", "r.version", HUB_COLUMN_TEXT},
    {"driver", "r.driver", HUB_COLUMN_TEXT},
    {"targetVersion", "r.target", HUB_COLUMN_TEXT},
    {"generation", "ifnull((SELECT generation FROM manifest m WHERE m.cluster = n.name), 0)",
     HUB_COLUMN_INT},
    {"agentGeneration", "ifnull(r.generation, 0)", HUB_COLUMN_INT},
    {"apps", OF_CLUSTER("count(*)"), HUB_COLUMN_INT},
    {"applied", OF_CLUSTER(SUM(IS_APPLIED)), HUB_COLUMN_INT},
    {"failed", OF_CLUSTER(SUM(IS_FAILED)), HUB_COLUMN_INT},
    {"healthy", OF_CLUSTER(SUM(IS_HEALTHY)), HUB_COLUMN_INT},
    {"drifted", OF_CLUSTER(SUM("ifnull(s.drifted, 0)")), HUB_COLUMN_INT},
    {"objects", OF_CLUSTER(SUM("p.objects")), HUB_COLUMN_INT},
};

static const struct hub_filter cluster_filters[] = {
    {"name", HUB_FILTER_VALUE, "n.name = ?"},
    {"group", HUB_FILTER_VALUE, "n.name IN (SELECT cluster FROM group_member WHERE grp = ?)"},
    {"selector", HUB_FILTER_SELECTOR, NULL},
    {NULL, HUB_FILTER_VALUE, NULL},
};

static const struct hub_column group_columns[] = {
    {"name", "name", HUB_COLUMN_TEXT},
    {"repository", "repo", HUB_COLUMN_TEXT},
    {"path", "path", HUB_COLUMN_TEXT},
    {"clusters",
     "(SELECT json_group_array(cluster) FROM group_member m WHERE m.grp = cluster_group.name)",
     HUB_COLUMN_JSON},
};

static const struct hub_filter group_filters[] = {
    {"name", HUB_FILTER_VALUE, "name = ?"},
    {NULL, HUB_FILTER_VALUE, NULL},
};

static const struct hub_column app_columns[] = {
    {"name", "a.name", HUB_COLUMN_TEXT},
    {"repository", "a.repo", HUB_COLUMN_TEXT},
    {"path", "a.path", HUB_COLUMN_TEXT},
    {"namespace", "a.namespace", HUB_COLUMN_TEXT},
    {"drift", "a.drift", HUB_COLUMN_TEXT},
    {"prune", "a.prune", HUB_COLUMN_BOOL},
    {"suspend", "a.suspend", HUB_COLUMN_BOOL},
    {"dependsOn", "a.depends_on", HUB_COLUMN_JSON},
    {"clusters", OF_APP("count(*)"), HUB_COLUMN_INT},
    {"applied", OF_APP(SUM(IS_APPLIED)), HUB_COLUMN_INT},
    {"failed", OF_APP(SUM(IS_FAILED)), HUB_COLUMN_INT},
    {"healthy", OF_APP(SUM(IS_HEALTHY)), HUB_COLUMN_INT},
    {"degraded", OF_APP(SUM(IS_DEGRADED)), HUB_COLUMN_INT},
    {"drifted", OF_APP(SUM("ifnull(s.drifted, 0)")), HUB_COLUMN_INT},
};

static const struct hub_filter app_filters[] = {
    {"name", HUB_FILTER_VALUE, "a.name = ?"},
    {NULL, HUB_FILTER_VALUE, NULL},
};

static const struct hub_column status_columns[] = {
    {"app", "p.app", HUB_COLUMN_TEXT},
    {"cluster", "p.cluster", HUB_COLUMN_TEXT},
    {"repository", "p.repo", HUB_COLUMN_TEXT},
    {"revision", "p.revision", HUB_COLUMN_TEXT},
    {"desiredBundle", "p.bundle", HUB_COLUMN_HEX},
    {"appliedBundle", "s.bundle", HUB_COLUMN_HEX},
    {"delivered", "ifnull(r.generation, 0) >= p.generation", HUB_COLUMN_BOOL},
    {"applied", "ifnull(s.applied, 0)", HUB_COLUMN_APPLIED},
    {"upToDate", "ifnull(" IS_APPLIED ", 0)", HUB_COLUMN_BOOL},
    {"message", "s.message", HUB_COLUMN_TEXT},
    {"health", "ifnull(s.health, 0)", HUB_COLUMN_HEALTH},
    {"healthMessage", "s.health_message", HUB_COLUMN_TEXT},
    {"objects", "p.objects", HUB_COLUMN_INT},
    {"drifted", "ifnull(s.drifted, 0)", HUB_COLUMN_INT},
    {"connected", "ifnull(r.connected, 0)", HUB_COLUMN_BOOL},
    {"stale", "p.stale", HUB_COLUMN_BOOL},
    {"suspend", "p.suspend", HUB_COLUMN_BOOL},
    {"atMs", "ifnull(s.at_ms, 0)", HUB_COLUMN_INT},
};

static const struct hub_filter status_filters[] = {
    {"app", HUB_FILTER_VALUE, "p.app = ?"},
    {"cluster", HUB_FILTER_VALUE, "p.cluster = ?"},
    {"group", HUB_FILTER_VALUE, "p.cluster IN (SELECT cluster FROM group_member WHERE grp = ?)"},
    {"selector", HUB_FILTER_SELECTOR, NULL},
    {"state", HUB_FILTER_STATE, NULL},
    {NULL, HUB_FILTER_VALUE, NULL},
};

static const struct hub_column object_columns[] = {
    {"cluster", "cluster", HUB_COLUMN_TEXT}, {"app", "app", HUB_COLUMN_TEXT},
    {"key", "key", HUB_COLUMN_TEXT},         {"health", "health", HUB_COLUMN_HEALTH},
    {"message", "message", HUB_COLUMN_TEXT}, {"sha256", "sha256", HUB_COLUMN_HEX},
    {"atMs", "at_ms", HUB_COLUMN_INT},
};

static const struct hub_filter object_filters[] = {
    {"cluster", HUB_FILTER_VALUE, "cluster = ?"},
    {"app", HUB_FILTER_VALUE, "app = ?"},
    {"key", HUB_FILTER_VALUE, "key = ?"},
    {NULL, HUB_FILTER_VALUE, NULL},
};

static const struct hub_column drift_columns[] = {
    {"cluster", "cluster", HUB_COLUMN_TEXT}, {"app", "app", HUB_COLUMN_TEXT},
    {"key", "key", HUB_COLUMN_TEXT},         {"path", "path", HUB_COLUMN_TEXT},
    {"desired", "desired", HUB_COLUMN_TEXT}, {"actual", "actual", HUB_COLUMN_TEXT},
    {"manager", "manager", HUB_COLUMN_TEXT}, {"operation", "operation", HUB_COLUMN_TEXT},
    {"atMs", "at_ms", HUB_COLUMN_INT},
};

static const struct hub_filter drift_filters[] = {
    {"app", HUB_FILTER_VALUE, "app = ?"},
    {"cluster", HUB_FILTER_VALUE, "cluster = ?"},
    {NULL, HUB_FILTER_VALUE, NULL},
};

static const struct hub_column event_columns[] = {
    {"number", "number", HUB_COLUMN_INT},      {"atMs", "at_ms", HUB_COLUMN_INT},
    {"kind", "kind", HUB_COLUMN_TEXT},         {"cluster", "cluster", HUB_COLUMN_TEXT},
    {"app", "app", HUB_COLUMN_TEXT},           {"key", "key", HUB_COLUMN_TEXT},
    {"revision", "revision", HUB_COLUMN_TEXT}, {"actor", "actor", HUB_COLUMN_TEXT},
    {"message", "message", HUB_COLUMN_TEXT},
};

static const struct hub_filter event_filters[] = {
    {"app", HUB_FILTER_VALUE, "app = ?"},
    {"cluster", HUB_FILTER_VALUE, "cluster = ?"},
    {"kind", HUB_FILTER_VALUE, "kind = ?"},
    {"after", HUB_FILTER_NUMBER, "number > CAST(? AS INTEGER)"},
    {NULL, HUB_FILTER_VALUE, NULL},
};

static const struct hub_column revision_columns[] = {
    {"repository", "repo", HUB_COLUMN_TEXT},         {"id", "id", HUB_COLUMN_TEXT},
    {"author", "author", HUB_COLUMN_TEXT},           {"subject", "subject", HUB_COLUMN_TEXT},
    {"committedMs", "committed_ms", HUB_COLUMN_INT}, {"resolvedMs", "resolved_ms", HUB_COLUMN_INT},
    {"clusters", "clusters", HUB_COLUMN_INT},        {"problems", "problems", HUB_COLUMN_INT},
};

static const struct hub_filter revision_filters[] = {
    {"repository", HUB_FILTER_VALUE, "repo = ?"},
    {NULL, HUB_FILTER_VALUE, NULL},
};

static const struct hub_column problem_columns[] = {
    {"repository", "repo", HUB_COLUMN_TEXT}, {"path", "path", HUB_COLUMN_TEXT},
    {"line", "line", HUB_COLUMN_INT},        {"column", "col", HUB_COLUMN_INT},
    {"message", "message", HUB_COLUMN_TEXT}, {"app", "app", HUB_COLUMN_TEXT},
    {"cluster", "cluster", HUB_COLUMN_TEXT}, {"clusters", "clusters", HUB_COLUMN_INT},
    {"revision", "revision", HUB_COLUMN_TEXT},
};

static const struct hub_filter problem_filters[] = {
    {"repository", HUB_FILTER_VALUE, "repo = ?"},
    {"revision", HUB_FILTER_VALUE, "revision = ?"},
    {"app", HUB_FILTER_VALUE, "app = ?"},
    {NULL, HUB_FILTER_VALUE, NULL},
};

static const struct hub_list lists[] = {
    {.name = "clusters",
     .from = "(SELECT name FROM cluster UNION SELECT cluster FROM agent WHERE state = 'active') n"
             " LEFT JOIN cluster c ON c.name = n.name LEFT JOIN presence r ON r.cluster = n.name",
     .columns = cluster_columns,
     .column_count = COUNT(cluster_columns),
     .keys = "n.name",
     .key_count = 1,
     .filters = cluster_filters},
    {.name = "groups",
     .from = "cluster_group",
     .columns = group_columns,
     .column_count = COUNT(group_columns),
     .keys = "name",
     .key_count = 1,
     .filters = group_filters},
    {.name = "apps",
     .from = "app a",
     .columns = app_columns,
     .column_count = COUNT(app_columns),
     .keys = "a.name",
     .key_count = 1,
     .filters = app_filters},
    {.name = "status",
     .from = PAIR_STATUS " LEFT JOIN presence r ON r.cluster = p.cluster"
                         " LEFT JOIN cluster c ON c.name = p.cluster",
     .columns = status_columns,
     .column_count = COUNT(status_columns),
     .keys = "p.app, p.cluster",
     .key_count = 2,
     .filters = status_filters},
    {.name = "objects",
     .from = "object",
     .columns = object_columns,
     .column_count = COUNT(object_columns),
     .keys = "cluster, key",
     .key_count = 2,
     .required = "cluster",
     .filters = object_filters},
    {.name = "drift",
     .from = "drift",
     .columns = drift_columns,
     .column_count = COUNT(drift_columns),
     .keys = "cluster, key, path",
     .key_count = 3,
     .filters = drift_filters},
    {.name = "events",
     .from = "event",
     .columns = event_columns,
     .column_count = COUNT(event_columns),
     .keys = "number",
     .key_count = 1,
     .numeric = true,
     .descending = true,
     .filters = event_filters},
    {.name = "events-after",
     .from = "event",
     .columns = event_columns,
     .column_count = COUNT(event_columns),
     .keys = "number",
     .key_count = 1,
     .numeric = true,
     .filters = event_filters},
    {.name = "revisions",
     .from = "revision",
     .columns = revision_columns,
     .column_count = COUNT(revision_columns),
     .keys = "number",
     .key_count = 1,
     .numeric = true,
     .descending = true,
     .filters = revision_filters},
    {.name = "problems",
     .from = "problem",
     .columns = problem_columns,
     .column_count = COUNT(problem_columns),
     .keys = "number",
     .key_count = 1,
     .numeric = true,
     .filters = problem_filters},
};

const struct hub_list *hub_list_find(const char *name) {
    for (size_t i = 0; i < COUNT(lists); i++) {
        if (strcmp(lists[i].name, name) == 0) {
            return &lists[i];
        }
    }
    return NULL;
}

const char *hub_state_condition(const char *state) {
    static const char *const conditions[][2] = {
        {"not-applied", "ifnull(" IS_APPLIED ", 0) = 0"},
        {"failed", IS_FAILED},
        {"not-healthy", "ifnull(" IS_HEALTHY ", 0) = 0"},
        {"drifted", IS_DRIFTED},
    };

    for (size_t i = 0; i < COUNT(conditions); i++) {
        if (strcmp(conditions[i][0], state) == 0) {
            return conditions[i][1];
        }
    }
    return NULL;
}

static const char *name_of(const char *const *names, size_t count, int number) {
    return number < 0 || (size_t)number >= count ? "unknown" : names[number];
}

const char *hub_applied_name(int applied) {
    static const char *const names[] = {"unknown", "pending", "applying",
                                        "applied", "failed",  "suspended"};

    return name_of(names, COUNT(names), applied);
}

const char *hub_health_name(int health) {
    static const char *const names[] = {"unknown", "progressing", "healthy", "degraded", "missing"};

    return name_of(names, COUNT(names), health);
}

const char hub_summary_sql[] =
    "SELECT (SELECT count(*) FROM cluster), (SELECT count(*) FROM agent WHERE state = 'active'),"
    " (SELECT count(*) FROM presence WHERE connected), (SELECT count(*) FROM app),"
    " (SELECT count(*) FROM problem), count(*), " SUM(IS_APPLIED) ", " SUM(IS_FAILED) ", " SUM(
        IS_HEALTHY) ", " SUM(IS_DEGRADED) ", " SUM("ifnull(s.drifted, 0)") " FROM " PAIR_STATUS;

// A range, so that a revision is found by its index; "~" is above all hexadecimal digits.
#define ROLLOUT_FROM                                                                               \
    " FROM " PAIR_STATUS " LEFT JOIN presence r ON r.cluster = p.cluster"                          \
    " WHERE p.revision BETWEEN ?1 AND CASE ?1 WHEN '' THEN '~' ELSE ?1 END"                        \
    " AND (?2 = '' OR p.app = ?2) AND (?3 = '' OR p.cluster = ?3)"
#define IS_DELIVERED "ifnull(r.generation, 0) >= p.generation"
#define IS_OFFLINE "NOT ifnull(r.connected, 0)"
#define COUNTED(condition) ", " SUM(condition)

const char hub_rollout_sql[] = "SELECT count(*)" COUNTED(IS_DELIVERED) COUNTED(IS_APPLIED)
    COUNTED(IS_HEALTHY) COUNTED(IS_FAILED) COUNTED(IS_DEGRADED) COUNTED(IS_OFFLINE) ROLLOUT_FROM;

const char hub_rollout_failure_sql[] =
    "SELECT p.app, p.cluster, CASE WHEN " IS_FAILED
    " THEN s.message ELSE s.health_message END" ROLLOUT_FROM " AND (" IS_FAILED " OR " IS_DEGRADED
    ") ORDER BY p.app, p.cluster LIMIT 1";

// An App that is held up on a cluster is stale there, however many clusters its problem names.
const char hub_rollout_problem_sql[] =
    "SELECT count(*) OVER (), path, line, col, message FROM problem"
    " WHERE revision BETWEEN ?1 AND CASE ?1 WHEN '' THEN '~' ELSE ?1 END"
    " AND (?2 = '' OR app = ?2) AND (?3 = '' OR cluster = ?3 OR EXISTS (SELECT 1 FROM pair p"
    " WHERE p.cluster = ?3 AND p.app = problem.app AND p.stale)) ORDER BY number LIMIT 1";
