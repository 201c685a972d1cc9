#include "hub/store/query_health.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "hub/store/agents.h"
#include "hub/store/db.h"
#include "hub/store/query_conditions.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define ILL SUM(IS_FAILED " OR " IS_DEGRADED)
#define WAITS SUM("p.waits <> ''")
#define OPEN SUM("p.cluster IS NOT NULL AND NOT p.suspend AND NOT ifnull(" WAS_HEALTHY ", 0)")

// The state of each cluster that Git names, by its number in `states`.
static const char of_clusters[] =
    "SELECT name, CASE WHEN connected IS NULL THEN 0 WHEN NOT connected THEN 1 WHEN ill THEN 2"
    " WHEN waits OR asks THEN 3 WHEN observes THEN 5 WHEN open THEN 4 ELSE 6 END"
    " FROM (SELECT c.name, r.connected, r.observes, " ILL " AS ill, " WAITS " AS waits, " OPEN
    " AS open, EXISTS (SELECT 1 FROM needs_human h WHERE h.cluster = c.name AND h.waits = 1) AS"
    " asks FROM cluster c LEFT JOIN presence r ON r.cluster = c.name"
    " LEFT JOIN pair p ON p.cluster = c.name" JOIN_STATUS " GROUP BY c.name) ORDER BY name";

static const char *const states[HUB_HEALTH_STATES] = {
    "unknown", "offline", "degraded", "waiting", "progressing", "observed", "inSync"};

const char *hub_health_state(size_t i) {
    return i < HUB_HEALTH_STATES ? states[i] : NULL;
}

struct tally {
    struct cm_arena *arena;
    int64_t counts[HUB_HEALTH_STATES];
    struct cm_json *first[HUB_HEALTH_STATES];
};

static void add_cluster(struct tally *t, const char *name, size_t state) {
    if (t->counts[state]++ < HUB_HEALTH_FIRST) {
        cm_json_append(t->first[state], cm_json_new_string(t->arena, name));
    }
}

static enum cm_rc count_clusters(struct hub_db *db, struct tally *t, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, of_clusters, "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        int64_t state = hub_stmt_int(stmt, 1);

        add_cluster(t, hub_stmt_text(stmt, 0),
                    state >= 0 && state < HUB_HEALTH_STATES ? (size_t)state : 0);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc add_clusters(struct hub_db *db, struct cm_arena *a, struct cm_json *out,
                               struct cm_err *err) {
    struct tally t = {.arena = a};
    struct cm_json *first = cm_json_new(a, CM_OBJECT);

    for (size_t i = 0; i < HUB_HEALTH_STATES; i++) {
        t.first[i] = cm_json_new(a, CM_ARRAY);
    }
    enum cm_rc rc = count_clusters(db, &t, err);
    for (size_t i = 0; rc == CM_OK && i < HUB_HEALTH_STATES; i++) {
        cm_json_set_int(a, out, states[i], t.counts[i]);
        if (i + 1 < HUB_HEALTH_STATES) {
            cm_json_set(a, first, states[i], t.first[i]);
        }
    }
    cm_json_set(a, out, "first", first);
    return rc;
}

// Less than this is left of a certificate's life (7 days: 2): an agent renews it long before.
#define ENDING(life_ms) ((life_ms) / 7 * 2)

// One row of numbers; ?1 to ?5 are now, the limits, and the newest set of roots.
struct counts {
    const char *sql;
    const char *types;
    const char *names[9];
};

static const char of_problems[] = "SELECT count(*), count(*) FILTER (WHERE app <> ''),"
                                  " count(*) FILTER (WHERE app = '' AND cluster <> ''),"
                                  " count(*) FILTER (WHERE app = '' AND cluster = '') FROM problem";

static const char of_pairs[] = "SELECT " TALLIED("t.waits") ", " TALLIED("t.stale") " FROM tally t";

static const char of_agents[] =
    "SELECT count(*), count(*) FILTER (WHERE r.connected), count(*) FILTER (WHERE g.held <> ''),"
    " count(*) FILTER (WHERE abs(r.skew_ms) > ?2),"
    " count(*) FILTER (WHERE r.cert_ends_ms BETWEEN ?1 AND ?1 + ?3),"
    " count(*) FILTER (WHERE r.cert_ends_ms BETWEEN 1 AND ?1 - 1),"
    " count(*) FILTER (WHERE NOT r.connected AND r.seen_ms < ?1 - ?4),"
    " count(*) FILTER (WHERE ?5 > 1 AND ifnull(r.trust, 0) < ?5)"
    " FROM agent g LEFT JOIN presence r ON r.cluster = g.cluster WHERE g.state = 'active'";

// Since when a Hold is that a person made is known by its event alone.
static const char of_holds[] =
    "SELECT count(*), ifnull(min(iif(at_ms > 0, at_ms, (SELECT min(e.at_ms) FROM event e WHERE"
    " e.kind = 'hold.started' AND e.key = hold.path AND e.app = hold.app))), 0)"
    " FROM hold WHERE in_force > 0";

static const struct counts tables[] = {
    {"SELECT count(*) FROM cluster", "", {"clusters"}},
    {of_problems, "", {"problems", "problemsOfApps", "problemsOfClusters", "problemsOfDocuments"}},
    {of_pairs, "", {"pairsWaiting", "pairsStale"}},
    {"SELECT count(*) FILTER (WHERE waits = 0), count(*) FILTER (WHERE waits = 1) FROM needs_human",
     "",
     {"needsHuman", "releasesWaiting"}},
    {"SELECT count(*) FROM freeze WHERE ended_ms = 0", "", {"freezes"}},
    {of_holds, "", {"holds", "holdsSinceMs"}},
    {"SELECT count(*), count(*) FILTER (WHERE failure <> '') FROM repository",
     "",
     {"repositories", "repositoriesFailing"}},
    {of_agents,
     "iiiii",
     {"enrolled", "connected", "held", "skewed", "certificatesEnding", "certificatesEnded",
      "silent", "trustBehind"}},
};

static enum cm_rc add_counts(struct hub_db *db, struct cm_arena *a, const struct counts *what,
                             const struct hub_health_ask *ask, struct cm_json *out,
                             struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err, what->sql, what->types, ask->now_ms, HUB_AGENT_SKEW_MS,
                     ENDING(ask->life_ms), HUB_HEALTH_SILENT_MS, (int64_t)ask->trust);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    for (int i = 0; rc == CM_OK && what->names[i] != NULL; i++) {
        cm_json_set_int(a, out, what->names[i], hub_stmt_int(stmt, i));
    }
    return rc;
}

static enum cm_rc add_failing(struct hub_db *db, struct cm_arena *a, struct cm_json *out,
                              struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_json *list = cm_json_new(a, CM_ARRAY);
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT name, failure FROM repository WHERE failure <> ''"
                                 " ORDER BY name LIMIT ?1",
                                 "i", (int64_t)HUB_HEALTH_FIRST);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        cm_json_append(list,
                       cm_json_new_string(a, cm_arena_strf(a, "%s: %s", hub_stmt_text(stmt, 0),
                                                           hub_stmt_text(stmt, 1))));
    }
    cm_json_set(a, out, "failures", list);
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// Without since when (hub/jobs/decisions.c says it in two words before all else).
#define FOR_WHAT "iif(why GLOB 'since *', substr(why, 7 + instr(substr(why, 7), ' ')), why)"

// add_waits: those that wait for the same are one, in the words of the one that waits longest:
// SQLite takes them from the row of the only min().
static enum cm_rc add_waits(struct hub_db *db, struct cm_arena *a, struct cm_json *out,
                            struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_json *list = cm_json_new(a, CM_ARRAY);
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT app, key, count(*), cluster, why, min(at_ms) FROM"
                                 " needs_human WHERE waits = 1 GROUP BY app, key, " FOR_WHAT
                                 " ORDER BY min(at_ms) LIMIT ?1",
                                 "i", (int64_t)HUB_HEALTH_FIRST);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        long long others = (long long)hub_stmt_int(stmt, 2) - 1;
        const char *more = others == 0 ? "" : cm_arena_strf(a, " and %lld more", others);

        cm_json_append(list, cm_json_new_string(
                                 a, cm_arena_strf(a, "%s on %s%s: %s: %s", hub_stmt_text(stmt, 0),
                                                  hub_stmt_text(stmt, 3), more,
                                                  hub_stmt_text(stmt, 1), hub_stmt_text(stmt, 4))));
    }
    cm_json_set(a, out, "waits", list);
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_query_health(struct hub_db *db, struct cm_arena *a, const struct hub_health_ask *ask,
                            struct cm_json **out, struct cm_err *err) {
    struct cm_json *answer = cm_json_new(a, CM_OBJECT);
    enum cm_rc rc = add_clusters(db, a, answer, err);

    for (size_t i = 0; rc == CM_OK && i < COUNT(tables); i++) {
        rc = add_counts(db, a, &tables[i], ask, answer, err);
    }
    rc = rc < 0 ? rc : add_failing(db, a, answer, err);
    rc = rc < 0 ? rc : add_waits(db, a, answer, err);
    if (rc == CM_OK) {
        *out = answer;
    }
    return rc;
}
