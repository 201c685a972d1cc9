#include "hub/store/query_details.h"

#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/store/db.h"
#include "hub/store/desired.h"
#include "hub/store/query_conditions.h"

#define KNOWN_MAX 5000 // names that are compared with a wrong one

#define MANY "100"
#define UNWELL_MAX 100 // as many as MANY
// What is known to be ill comes before what nobody can know.
#define NOT_HEALTHY                                                                                \
    {"state", "not-healthy"}, {                                                                    \
        "sort", "-connected,-applied"                                                              \
    }
#define EVENTS "20"
#define CAUSES(filter)                                                                             \
    {                                                                                              \
        "causes", HUB_PART_CAUSES, "status", {{filter, "$0"}},                                     \
            "Why it is not healthy: equal causes counted together, at most 20 of them."            \
    }
#define END_OF_PARTS                                                                               \
    { NULL, HUB_PART_ROWS, NULL, {{NULL, NULL}}, NULL }

static const struct hub_detail_part cluster_parts[] = {
    CAUSES("cluster"),
    {"groups",
     HUB_PART_NAMES,
     "groups",
     {{"cluster", "$0"}, {"limit", MANY}},
     "The groups that it is in, at most 100."},
    {"status",
     HUB_PART_ROWS,
     "status",
     {{"cluster", "$0"}, {"limit", MANY}},
     "Its Apps, at most 100."},
    {"drift",
     HUB_PART_ROWS,
     "drift",
     {{"cluster", "$0"}, {"limit", MANY}},
     "What drifted, at most 100 fields."},
    {"exemptions",
     HUB_PART_ROWS,
     "exemptions",
     {{"cluster", "$0"}, {"limit", MANY}},
     "Changes by hand that are allowed for a time, at most 100."},
    {"problems",
     HUB_PART_ROWS,
     "problems",
     {{"cluster", "$0"}, {"limit", MANY}},
     "What is wrong with it in Git, at most 100."},
    {"events",
     HUB_PART_ROWS,
     "events",
     {{"cluster", "$0"}, {"limit", EVENTS}},
     "The newest 20 events."},
    END_OF_PARTS,
};

static const struct hub_detail_part app_parts[] = {
    CAUSES("app"),
    {"revisions",
     HUB_PART_REVISIONS,
     NULL,
     {{NULL, NULL}},
     "The commits that its clusters should run, most clusters first, at most 100."},
    {"status",
     HUB_PART_UNWELL,
     "status",
     {{"app", "$0"}, NOT_HEALTHY, {"limit", MANY}},
     "Where it is not healthy, at most 100; those that are not connected come last."},
    {"drift",
     HUB_PART_ROWS,
     "drift",
     {{"app", "$0"}, {"limit", MANY}},
     "What drifted, at most 100 fields."},
    {"exemptions",
     HUB_PART_ROWS,
     "exemptions",
     {{"app", "$0"}, {"limit", MANY}},
     "Changes by hand that are allowed for a time, at most 100."},
    {"problems",
     HUB_PART_ROWS,
     "problems",
     {{"app", "$0"}, {"limit", MANY}},
     "What is wrong with it in Git, at most 100."},
    {"events",
     HUB_PART_ROWS,
     "events",
     {{"app", "$0"}, {"limit", EVENTS}},
     "The newest 20 events."},
    END_OF_PARTS,
};

static const struct hub_detail_part group_parts[] = {
    CAUSES("group"),
    {"status",
     HUB_PART_ROWS,
     "status",
     {{"group", "$0"}, NOT_HEALTHY, {"limit", MANY}},
     "What is not healthy, at most 100; what is not connected comes last."},
    {"events",
     HUB_PART_ROWS,
     "events",
     {{"group", "$0"}, {"limit", EVENTS}},
     "The newest 20 events."},
    END_OF_PARTS,
};

static const struct hub_detail_part status_parts[] = {
    {"objectList",
     HUB_PART_ROWS,
     "objects",
     {{"cluster", "$0"}, {"app", "$1"}, {"limit", "1000"}},
     "Its objects, at most 1000."},
    {"drift",
     HUB_PART_ROWS,
     "drift",
     {{"cluster", "$0"}, {"app", "$1"}, {"limit", MANY}},
     "What drifted, at most 100 fields."},
    {"problems",
     HUB_PART_ROWS,
     "problems",
     {{"app", "$1"}, {"limit", MANY}},
     "What is wrong with the App in Git, at most 100."},
    {"events",
     HUB_PART_ROWS,
     "events",
     {{"cluster", "$0"}, {"app", "$1"}, {"limit", EVENTS}},
     "The newest 20 events."},
    END_OF_PARTS,
};

static const struct hub_detail_part revision_parts[] = {
    CAUSES("revision"),
    {"rollout", HUB_PART_ROLLOUT, NULL, {{"revision", "$0"}}, "How far it is."},
    {"status",
     HUB_PART_ROWS,
     "status",
     {{"revision", "$0"}, NOT_HEALTHY, {"limit", MANY}},
     "What it changed and is not healthy, at most 100; what is not connected comes last."},
    {"problemList",
     HUB_PART_ROWS,
     "problems",
     {{"revision", "$0"}, {"limit", MANY}},
     "The problems that it brought or touched and that are still there, at most 100."},
    {"events",
     HUB_PART_ROWS,
     "events",
     {{"revision", "$0"}, {"limit", EVENTS}},
     "The newest 20 events."},
    END_OF_PARTS,
};

static const struct hub_detail_part no_parts[] = {END_OF_PARTS};

static const struct hub_detail details[] = {
    {.name = "clusters",
     .item = "ClusterDetails",
     .what = "cluster",
     .about = "A cluster with its groups, Apps, drift, problems and events.",
     .list = "clusters",
     .names = {"name"},
     .known_sql = "SELECT name FROM cluster",
     .parts = cluster_parts},
    {.name = "apps",
     .item = "AppDetails",
     .what = "App",
     .about = "An App with its commits, where it is not healthy, drift, problems and events.",
     .list = "apps",
     .names = {"name"},
     .known_sql = "SELECT name FROM app",
     .parts = app_parts},
    {.name = "groups",
     .item = "GroupDetails",
     .what = "group",
     .about = "A group with counts over its clusters and what is not healthy there.",
     .list = "group-details",
     .names = {"name"},
     .known_sql = "SELECT name FROM cluster_group",
     .parts = group_parts},
    {.name = "status",
     .item = "StatusDetails",
     .what = "pair",
     .about = "An App on a cluster with its objects, drift, problems and events.",
     .list = "status",
     .names = {"cluster", "app"},
     .parts = status_parts},
    {.name = "revisions",
     .item = "RevisionDetails",
     .what = "revision",
     .about = "A commit with how far it is, what it broke and its events.",
     .list = "revisions",
     .names = {"id"},
     .parts = revision_parts},
    {.name = "holds",
     .item = "HoldDetails",
     .what = "Hold",
     .about = "A release that is kept out of clusters.",
     .list = "holds",
     .names = {"name"},
     .known_sql = "SELECT name FROM hold",
     .parts = no_parts},
    {.name = "bans",
     .item = "BanDetails",
     .what = "Ban",
     .about = "Images that shall never run.",
     .list = "bans",
     .names = {"name"},
     .known_sql = "SELECT name FROM ban",
     .parts = no_parts},
    {.name = "freezes",
     .item = "FreezeDetails",
     .what = "Freeze",
     .about = "Where nothing is applied for a while, and how far that is known.",
     .list = "freezes",
     .names = {"name"},
     .known_sql = "SELECT name FROM freeze",
     .parts = no_parts},
    {.name = "exemptions",
     .item = "ExemptionDetails",
     .what = "Exemption",
     .about = "A change by hand that is allowed for a time.",
     .list = "exemptions",
     .names = {"name"},
     .known_sql = "SELECT name FROM exemption_any",
     .parts = no_parts},
};

const struct hub_detail *hub_detail_find(const char *name) {
    for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++) {
        if (strcmp(details[i].name, name) == 0) {
            return &details[i];
        }
    }
    return NULL;
}

// ---- What is not there

static enum cm_rc read_known(struct hub_db *db, struct cm_arena *a, const char *sql,
                             const char **names, size_t *count, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "");

    while (rc == CM_OK && *count < KNOWN_MAX && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        names[(*count)++] = cm_arena_strdup(a, hub_stmt_text(stmt, 0));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc fail_unknown(struct hub_db *db, struct cm_arena *a,
                               const struct hub_detail *detail, const char *const *names,
                               struct cm_err *err) {
    const char **known = cm_arena_get(a, KNOWN_MAX * sizeof(*known));
    size_t count = 0;

    if (detail->names[1] != NULL) {
        return cm_fail(err, CM_ENOTFOUND, "cluster '%.80s' is not to run an App '%.80s'", names[0],
                       names[1]);
    }
    if (detail->known_sql != NULL && read_known(db, a, detail->known_sql, known, &count, err) < 0) {
        return err->code;
    }
    const char *nearest = cm_str_nearest(names[0], known, count);
    if (nearest == NULL) {
        return cm_fail(err, CM_ENOTFOUND, "no %s is named '%.80s'", detail->what, names[0]);
    }
    return cm_fail(err, CM_ENOTFOUND, "no %s is named '%.80s'; did you mean '%.80s'?", detail->what,
                   names[0], nearest);
}

// ---- Parts

static const char *value_of(const char *value, const char *const *names) {
    return value[0] == '$' ? names[value[1] - '0'] : value;
}

static struct hub_query query_of(const struct hub_detail_part *part, const char *const *names) {
    struct hub_query query = {.list = part->list};

    while (query.param_count < HUB_DETAIL_PARAMS_MAX &&
           part->params[query.param_count].name != NULL) {
        const struct hub_query_param *p = &part->params[query.param_count];

        query.params[query.param_count++] =
            (struct hub_query_param){p->name, value_of(p->value, names)};
    }
    return query;
}

static enum cm_rc read_revisions(struct hub_db *db, struct cm_arena *a, const char *app,
                                 struct cm_json **out, struct cm_err *err) {
    static const char sql[] = "SELECT repo, revision, sum(pairs) FROM tally WHERE app = ?1"
                              " GROUP BY repo, revision ORDER BY 3 DESC, 2 LIMIT 100";
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_json *rows = cm_json_new(a, CM_ARRAY);
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "t", app);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct cm_json *row = cm_json_new(a, CM_OBJECT);

        cm_json_set_string(a, row, "repository", hub_stmt_text(stmt, 0));
        cm_json_set_string(a, row, "revision", hub_stmt_text(stmt, 1));
        cm_json_set_int(a, row, "clusters", hub_stmt_int(stmt, 2));
        cm_json_append(rows, row);
    }
    if (rc == CM_ENOTFOUND) {
        *out = rows;
        return CM_OK;
    }
    return rc;
}

// Takes the items of a list out of its answer.
static struct cm_json *take_items(struct cm_arena *a, struct cm_json *answer, bool names_only) {
    struct cm_json *items = cm_json_new(a, CM_ARRAY);
    struct cm_json *next;

    for (struct cm_json *at = cm_json_get(answer, "items")->first; at != NULL; at = next) {
        next = at->next;
        at->next = NULL;
        cm_json_append(items, names_only
                                  ? cm_json_new_string(a, cm_json_string(cm_json_get(at, "name")))
                                  : at);
    }
    return items;
}

// The pairs of an App that come first in the order of NOT_HEALTHY: these are equals.
struct first_ones {
    int64_t pairs;
    int64_t connected;
    int64_t applied;
};

static enum cm_rc find_first_ones(struct hub_db *db, const char *app, struct first_ones *out,
                                  struct cm_err *err) {
    static const char sql[] = "SELECT sum(pairs), connected, applied FROM tally t WHERE app = ?1"
                              " AND NOT " ARE_HEALTHY " GROUP BY 2, 3 ORDER BY 2 DESC, 3 DESC";
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "t", app);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = (struct first_ones){hub_stmt_int(stmt, 0), hub_stmt_int(stmt, 1),
                                   hub_stmt_int(stmt, 2)};
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static void drop_param(struct hub_query *query, const char *name) {
    size_t kept = 0;

    for (size_t i = 0; i < query->param_count; i++) {
        if (strcmp(query->params[i].name, name) != 0) {
            query->params[kept++] = query->params[i];
        }
    }
    query->param_count = kept;
}

// To put pairs in order all of them are looked at. Not so if there are none, or if those that come
// first are more than are shown: then these are taken by the order of clusters, until it is enough.
static enum cm_rc read_unwell(struct hub_db *db, struct cm_arena *a, struct hub_query *query,
                              struct cm_json **out, struct cm_err *err) {
    struct first_ones first = {0};
    enum cm_rc rc = find_first_ones(db, query->params[0].value, &first, err);

    if (rc == CM_OK && first.pairs == 0) {
        *out = cm_json_new(a, CM_OBJECT);
        cm_json_set(a, *out, "items", cm_json_new(a, CM_ARRAY));
        return CM_OK;
    }
    if (first.pairs > UNWELL_MAX) {
        drop_param(query, "sort");
        query->also = cm_arena_strf(a,
                                    " AND ifnull(r.connected, 0) = %d AND"
                                    " ifnull(s.applied, 0) = %d",
                                    (int)first.connected, (int)first.applied);
    }
    return rc < 0 ? rc : hub_query_run(db, a, query, out, err);
}

static enum cm_rc read_part(struct hub_db *db, struct cm_arena *a,
                            const struct hub_detail_part *part, const char *const *names,
                            struct cm_json **out, struct cm_err *err) {
    struct hub_query query = query_of(part, names);
    struct cm_json *answer = NULL;

    if (part->kind == HUB_PART_REVISIONS) {
        return read_revisions(db, a, names[0], out, err);
    }
    if (part->kind == HUB_PART_ROLLOUT) {
        return hub_query_rollout(db, a, &query, out, err);
    }
    if (part->kind == HUB_PART_CAUSES) {
        return hub_query_causes(db, a, &query, out, err);
    }
    enum cm_rc rc = part->kind == HUB_PART_UNWELL ? read_unwell(db, a, &query, &answer, err)
                                                  : hub_query_run(db, a, &query, &answer, err);
    if (rc == CM_OK) {
        *out = take_items(a, answer, part->kind == HUB_PART_NAMES);
    }
    return rc;
}

static enum cm_rc add_parts(struct hub_db *db, struct cm_arena *a, const struct hub_detail *detail,
                            const char *const *names, struct cm_json *answer, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    for (const struct hub_detail_part *p = detail->parts; rc == CM_OK && p->member != NULL; p++) {
        struct cm_json *value = NULL;

        rc = read_part(db, a, p, names, &value, err);
        if (rc == CM_OK) {
            cm_json_set(a, answer, p->member, value);
        }
    }
    return rc;
}

// ---- The whole

static enum cm_rc read_own(struct hub_db *db, struct cm_arena *a, const struct hub_detail *detail,
                           const char *const *names, struct cm_json **out, struct cm_err *err) {
    struct hub_query query = {.list = detail->list};
    struct cm_json *answer = NULL;

    for (size_t i = 0; i < HUB_DETAIL_NAMES_MAX && detail->names[i] != NULL; i++) {
        query.params[query.param_count++] = (struct hub_query_param){detail->names[i], names[i]};
    }
    enum cm_rc rc = hub_query_run(db, a, &query, &answer, err);
    if (rc < 0) {
        return rc;
    }
    *out = cm_json_get(answer, "items")->first;
    return *out == NULL ? fail_unknown(db, a, detail, names, err) : CM_OK;
}

static enum cm_rc read_detail(struct hub_db *db, struct cm_arena *a,
                              const struct hub_detail *detail, const char *const *names,
                              struct cm_json **out, struct cm_err *err) {
    struct cm_json *answer = NULL;
    enum cm_rc rc = read_own(db, a, detail, names, &answer, err);

    if (rc < 0) {
        return rc;
    }
    answer->next = NULL;
    rc = add_parts(db, a, detail, names, answer, err);
    if (rc == CM_OK) {
        *out = answer;
    }
    return rc;
}

// In one transaction, so that the parts tell of one moment.
enum cm_rc hub_query_detail(struct hub_db *db, struct cm_arena *a, const struct hub_detail *detail,
                            const char *const names[HUB_DETAIL_NAMES_MAX], struct cm_json **out,
                            struct cm_err *err) {
    struct cm_err ignored;
    enum cm_rc rc = hub_db_savepoint(db, err);

    if (rc < 0) {
        return rc;
    }
    rc = read_detail(db, a, detail, names, out, err);
    enum cm_rc ended = hub_db_savepoint_end(db, true, rc < 0 ? &ignored : err);
    return rc < 0 ? rc : ended;
}

// ---- An object as it should be

struct desired_object {
    const char *app;
    struct cm_buf *bytes;
};

static enum cm_rc fail_desired(const char *cluster, const char *key, struct cm_err *err) {
    return cm_fail(err, CM_ENOTFOUND,
                   "no object '%.200s' that may be shown is known on cluster '%.80s'", key,
                   cluster);
}

// Whose object it is the agent says, and may lie: what counts is the bundle that is in force for
// that App there.
static enum cm_rc find_object(struct hub_db *db, struct cm_arena *a,
                              const struct hub_desired_query *q, struct desired_object *out,
                              struct cm_err *err) {
    static const char sql[] = "SELECT o.app, b.bytes FROM object o"
                              " JOIN pair p ON p.cluster = o.cluster AND p.app = o.app"
                              " JOIN blob b ON b.sha256 = p.bundle"
                              " WHERE o.cluster = ?1 AND o.key = ?2";
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_sha256 name;
    size_t size;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "tt", q->cluster, q->key);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc < 0) {
        return rc;
    }
    const void *bundle = hub_stmt_blob(stmt, 1, &size);
    if (!q->find(bundle, size, q->key, &name)) {
        return CM_ENOTFOUND;
    }
    out->app = cm_arena_strdup(a, hub_stmt_text(stmt, 0));
    return hub_desired_find_blob(db, &name, &out->bytes, err);
}

static enum cm_rc read_desired(struct hub_db *db, struct cm_arena *a,
                               const struct hub_desired_query *q, struct cm_json **out,
                               struct cm_err *err) {
    struct desired_object found = {0};
    struct cm_json *object = NULL;
    enum cm_rc rc = find_object(db, a, q, &found, err);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = found.bytes;

    if (rc == CM_OK &&
        cm_json_parse(a, (const char *)bytes->data, bytes->size, NULL, &object, err) < 0) {
        rc = CM_ENOTFOUND;
    }
    if (rc < 0) {
        return rc == CM_ENOTFOUND ? fail_desired(q->cluster, q->key, err) : rc;
    }
    struct cm_json *answer = cm_json_new(a, CM_OBJECT);
    cm_json_set_string(a, answer, "cluster", q->cluster);
    cm_json_set_string(a, answer, "app", found.app);
    cm_json_set_string(a, answer, "key", q->key);
    cm_json_set(a, answer, "object", object);
    *out = answer;
    return CM_OK;
}

// In one transaction, so that bundle and object are of one moment.
enum cm_rc hub_query_desired(struct hub_db *db, struct cm_arena *a,
                             const struct hub_desired_query *q, struct cm_json **out,
                             struct cm_err *err) {
    struct cm_err ignored;
    enum cm_rc rc = hub_db_savepoint(db, err);

    if (rc < 0) {
        return rc;
    }
    rc = read_desired(db, a, q, out, err);
    enum cm_rc ended = hub_db_savepoint_end(db, true, rc < 0 ? &ignored : err);
    return rc < 0 ? rc : ended;
}
