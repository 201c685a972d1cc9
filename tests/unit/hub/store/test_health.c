#include "tests/unit/hub/store/memory_db.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/store/needs.h"
#include "hub/store/query_health.h"

#define NOW_MS ((int64_t)1000 * 24 * 3600 * 1000)

static void run_sql(struct hub_db *db, const char *sql) {
    struct cm_err err;

    assert_int_equal(hub_db_run(db, &err, sql, ""), CM_OK);
}

static void add_cluster(struct hub_db *db, const char *name) {
    struct cm_err err;

    assert_int_equal(
        hub_db_run(db, &err, "INSERT INTO cluster VALUES (?1, '{}', 0, 'fleet', 'c')", "t", name),
        CM_OK);
}

static void add_agent(struct hub_db *db, const char *name, int64_t connected) {
    struct cm_err err;

    assert_int_equal(hub_db_run(db, &err,
                                "INSERT INTO agent (id, cluster, state, key_sha256, enrolled_ms) "
                                "VALUES (?1, ?1, 'active', x'01', 1)",
                                "t", name),
                     CM_OK);
    assert_int_equal(hub_db_run(db, &err,
                                "INSERT INTO presence (cluster, connected, seen_ms, version,"
                                " driver, target, address) VALUES (?1, ?2, ?3, '', '', '', '')",
                                "tii", name, connected, NOW_MS - 1000),
                     CM_OK);
}

// An App on a cluster, with what was reported of the bundle in force; applied 0: nothing was.
static void add_pair(struct hub_db *db, const char *cluster, const char *waits, int64_t applied,
                     int64_t health) {
    struct cm_err err;

    assert_int_equal(hub_db_run(db, &err,
                                "INSERT INTO pair (cluster, app, bundle, repo, revision,"
                                " generation, objects, suspend, stale, waits) VALUES (?1, 'web',"
                                " x'b1', 'fleet', 'a', 1, 1, 0, ?2 <> '', ?2)",
                                "tt", cluster, waits),
                     CM_OK);
    if (applied == 0) {
        return;
    }
    assert_int_equal(hub_db_run(db, &err,
                                "INSERT INTO status (cluster, app, bundle, revision, applied,"
                                " health, message, health_message, objects, drifted, at_ms)"
                                " VALUES (?1, 'web', x'b1', 'a', ?2, ?3, '', '', 1, 0, 1)",
                                "tii", cluster, applied, health),
                     CM_OK);
}

// add_freezes makes one that is in force, and one that has ended.
static void add_freezes(struct hub_db *db) {
    struct cm_err err;

    assert_int_equal(hub_db_run(db, &err,
                                "INSERT INTO freeze VALUES ('stop', '', '', '', '', 'it burns',"
                                " 'ann', 1, 0, '', '', 0, 0, '', ''), ('over', '', '', '', '', 'it"
                                " burnt', 'ann', 1, 0, '', '', 0, 2, '', '')",
                                ""),
                     CM_OK);
}

static void add_wait(struct hub_db *db, const char *cluster, int64_t at_ms, const char *words) {
    CM_AUTOFREE char *why = cm_strf("since %lld %s", (long long)at_ms, words);
    struct cm_err err;

    assert_int_equal(hub_needs_put(db,
                                   &(struct hub_need_row){.cluster = cluster,
                                                          .app = "web",
                                                          .key = "Rollout.argoproj.io/a/web",
                                                          .why = why,
                                                          .revision = "",
                                                          .form = "",
                                                          .at_ms = at_ms,
                                                          .waits = true},
                                   &err),
                     CM_OK);
}

static void add_need(struct hub_db *db, const char *cluster) {
    struct cm_err err;

    assert_int_equal(hub_needs_put(db,
                                   &(struct hub_need_row){.cluster = cluster,
                                                          .app = "web",
                                                          .key = "Deployment.apps/default/web",
                                                          .why = "look",
                                                          .revision = "",
                                                          .form = ""},
                                   &err),
                     CM_OK);
}

static int64_t life_ms = INT64_C(7) * 86400000;

static struct cm_json *health_of(struct hub_db *db, struct cm_arena *a) {
    struct cm_json *json = NULL;
    struct cm_err err;

    struct hub_health_ask ask = {.now_ms = NOW_MS, .life_ms = life_ms, .trust = 3};

    assert_int_equal(hub_query_health(db, a, &ask, &json, &err), CM_OK);
    return json;
}

static int64_t number(const struct cm_json *json, const char *member) {
    return cm_json_int(cm_json_get(json, member), -1);
}

static void assert_states(const struct cm_json *json, const char *expected) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    for (size_t i = 0; hub_health_state(i) != NULL; i++) {
        cm_str_addf(&text, "%s%s %lld", i > 0 ? ", " : "", hub_health_state(i),
                    (long long)number(json, hub_health_state(i)));
    }
    assert_string_equal(cm_str_get(&text), expected);
}

static void each_cluster_is_in_one_state(void **state) {
    static const struct {
        const char *name, *waits;
        int64_t applied, health, connected;
    } cases[] = {
        {"a-well", "", 3, 2, 1},         {"b-rolls", "", 2, 1, 1},  {"c-silent", "", 0, 0, 1},
        {"d-waits", "removal", 3, 2, 1}, {"e-failed", "", 4, 2, 1}, {"f-ill", "", 3, 3, 1},
        {"g-ill-and-away", "", 3, 3, 0},
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        add_cluster(*state, cases[i].name);
        add_agent(*state, cases[i].name, cases[i].connected);
        add_pair(*state, cases[i].name, cases[i].waits, cases[i].applied, cases[i].health);
    }
    add_cluster(*state, "h-new");
    add_cluster(*state, "i-empty");
    add_agent(*state, "i-empty", 1);
    add_freezes(*state);
    add_need(*state, "a-well");
    const struct cm_json *json = health_of(*state, a);
    assert_int_equal(number(json, "clusters"), 9);
    assert_states(json, "unknown 1, offline 1, degraded 2, waiting 1, progressing 2, "
                        "observed 0, inSync 2");
    const struct cm_json *first = cm_json_get(cm_json_get(json, "first"), "degraded")->first;
    assert_string_equal(first->text, "e-failed");
    assert_string_equal(first->next->text, "f-ill");
    assert_int_equal(number(json, "pairsWaiting"), 1);
    assert_int_equal(number(json, "pairsStale"), 1);
    assert_int_equal(number(json, "needsHuman"), 1);
    assert_int_equal(number(json, "freezes"), 1);
}

static void what_waits_for_somebody_is_told_with_who_waits_longest(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    for (const char *name = "a\0b\0"; name[0] != '\0'; name += 2) {
        add_cluster(*state, name);
        add_agent(*state, name, 1);
        add_pair(*state, name, "", 3, 1);
        add_wait(*state, name, name[0], "promote it");
    }
    const struct cm_json *json = health_of(*state, a);
    assert_states(json, "unknown 0, offline 0, degraded 0, waiting 2, progressing 0, "
                        "observed 0, inSync 0");
    assert_int_equal(number(json, "needsHuman"), 0);
    assert_int_equal(number(json, "releasesWaiting"), 2);
    const struct cm_json *waits = cm_json_get(json, "waits");
    assert_int_equal(waits->count, 1);
    assert_string_equal(waits->first->text, "web on a and 1 more: Rollout.argoproj.io/a/web: since"
                                            " 97 promote it");
}

static void who_waits_for_something_else_is_told_by_himself(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    for (const char *name = "a\0b\0c\0"; name[0] != '\0'; name += 2) {
        add_cluster(*state, name);
        add_agent(*state, name, 1);
        add_pair(*state, name, "", 3, 1);
    }
    add_wait(*state, "a", 30, "at step 2");
    add_wait(*state, "b", 20, "at step 1");
    add_wait(*state, "c", 10, "at step 2");
    const struct cm_json *waits = cm_json_get(health_of(*state, a), "waits");
    assert_int_equal(waits->count, 2);
    assert_string_equal(waits->first->text, "web on c and 1 more: Rollout.argoproj.io/a/web: since"
                                            " 10 at step 2");
    assert_string_equal(waits->first->next->text, "web on b: Rollout.argoproj.io/a/web: since 20"
                                                  " at step 1");
}

static void holds_in_force_are_counted_and_the_oldest_is_told(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    assert_int_equal(number(health_of(*state, a), "holdsSinceMs"), 0);
    run_sql(*state,
            "INSERT INTO hold (key, name, app, repo, path, rejected, restored, controller, object,"
            " text, at_ms, event, clusters, in_force, retry) VALUES"
            " ('a', 'a', 'web', 'f', 'holds/web/a.yaml', '2', '1', 'c', '', '', 7000, '', '[]', 1,"
            " 0), ('void', 'void', 'web', 'f', 'p', '2', '1', 'c', '', '', 1, '', '[]', 0, 0)");
    assert_int_equal(number(health_of(*state, a), "holds"), 1);
    assert_int_equal(number(health_of(*state, a), "holdsSinceMs"), 7000);
    run_sql(*state, // a person's
            "INSERT INTO hold (key, name, app, repo, path, rejected, restored, controller, object,"
            " text, at_ms, event, clusters, in_force, retry) VALUES ('b', 'b', 'web', 'f',"
            " 'holds/web/b.yaml', '3', '1', '', '', '', 0, '', '[]', 2, 0)");
    assert_int_equal(number(health_of(*state, a), "holdsSinceMs"), 7000);
    run_sql(*state,
            "INSERT INTO event (at_ms, kind, cluster, app, key, revision, actor, message,"
            " happened_ms) VALUES (5000, 'hold.started', '', 'web', 'holds/web/b.yaml', '', '', '',"
            " 0)");
    assert_int_equal(number(health_of(*state, a), "holds"), 2);
    assert_int_equal(number(health_of(*state, a), "holdsSinceMs"), 5000);
}

static void what_is_suspended_keeps_no_cluster_from_being_in_sync(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    add_cluster(*state, "a");
    add_agent(*state, "a", 1);
    add_pair(*state, "a", "", 2, 1);
    assert_states(health_of(*state, a),
                  "unknown 0, offline 0, degraded 0, waiting 0, progressing 1, observed 0, "
                  "inSync 0");
    run_sql(*state, "UPDATE pair SET suspend = 1");
    assert_states(health_of(*state, a),
                  "unknown 0, offline 0, degraded 0, waiting 0, progressing 0, observed 0, "
                  "inSync 1");
}

static void what_is_only_observed_is_not_in_sync(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    add_cluster(*state, "a");
    add_agent(*state, "a", 1);
    add_pair(*state, "a", "", 6, 2);
    run_sql(*state, "UPDATE presence SET observes = 1");
    assert_states(health_of(*state, a),
                  "unknown 0, offline 0, degraded 0, waiting 0, progressing 0, observed 1, "
                  "inSync 0");
    run_sql(*state, "UPDATE status SET health = 3");
    assert_states(health_of(*state, a),
                  "unknown 0, offline 0, degraded 1, waiting 0, progressing 0, observed 0, "
                  "inSync 0");
}

static void agents_that_want_a_person_are_counted(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_err err;

    add_agent(*state, "fast", 1);
    add_agent(*state, "slow", 1);
    add_agent(*state, "ending", 1);
    add_agent(*state, "ended", 0);
    add_agent(*state, "well", 1);
    run_sql(*state, "UPDATE presence SET skew_ms = CASE cluster WHEN 'fast' THEN 60001"
                    " WHEN 'slow' THEN -60001 ELSE 59000 END");
    assert_int_equal(hub_db_run(*state, &err,
                                "UPDATE presence SET cert_ends_ms = CASE cluster WHEN 'ending'"
                                " THEN ?1 + 3600000 WHEN 'ended' THEN ?1 - 1 WHEN 'fast' THEN 0"
                                " ELSE ?1 + 10 * 86400000 END",
                                "i", NOW_MS),
                     CM_OK);
    run_sql(*state, "UPDATE agent SET held = 'a copied key' WHERE cluster = 'slow'");
    run_sql(*state, "UPDATE presence SET seen_ms = 5 WHERE cluster IN ('ended', 'well')");
    const struct cm_json *json = health_of(*state, a);
    assert_int_equal(number(json, "enrolled"), 5);
    assert_int_equal(number(json, "connected"), 4);
    assert_int_equal(number(json, "held"), 1);
    assert_int_equal(number(json, "skewed"), 2);
    assert_int_equal(number(json, "certificatesEnding"), 1);
    assert_int_equal(number(json, "certificatesEnded"), 1);
    assert_int_equal(number(json, "silent"), 1);
}

static void what_is_left_of_a_certificate_is_judged_by_its_life(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_err err;

    add_agent(*state, "paris", 1);
    assert_int_equal(
        hub_db_run(*state, &err, "UPDATE presence SET cert_ends_ms = ?1 + 3600000", "i", NOW_MS),
        CM_OK);
    assert_int_equal(number(health_of(*state, a), "certificatesEnding"), 1);
    life_ms = INT64_C(3) * 3600000; // it renews when an hour and a half are left
    assert_int_equal(number(health_of(*state, a), "certificatesEnding"), 0);
    life_ms = INT64_C(7) * 86400000;
}

static void agents_that_lack_the_newest_set_of_roots_are_counted(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    add_agent(*state, "has", 1);
    add_agent(*state, "lacks", 1);
    add_agent(*state, "old", 1);
    run_sql(*state, "UPDATE presence SET trust = CASE cluster WHEN 'has' THEN 3 WHEN 'lacks' THEN 2"
                    " ELSE 0 END");
    assert_int_equal(number(health_of(*state, a), "trustBehind"), 2);
}

static void problems_and_failing_repositories_are_told(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    run_sql(*state,
            "INSERT INTO problem (repo, path, line, col, message, app, cluster, clusters)"
            " VALUES ('fleet', 'x', 1, 1, 'm', 'web', '', 1),"
            " ('fleet', 'y', 1, 1, 'm', '', 'oslo', 1), ('fleet', 'z', 1, 1, 'm', '', '', 0),"
            " ('fleet', 'z', 2, 1, 'm', '', '', 0)");
    run_sql(*state, "INSERT INTO repository VALUES ('a', 'u', 'r', '', 5),"
                    " ('b', 'u', '', 'no such host', 5)");
    const struct cm_json *json = health_of(*state, a);
    assert_int_equal(number(json, "problems"), 4);
    assert_int_equal(number(json, "problemsOfApps"), 1);
    assert_int_equal(number(json, "problemsOfClusters"), 1);
    assert_int_equal(number(json, "problemsOfDocuments"), 2);
    assert_int_equal(number(json, "repositoriesFailing"), 1);
    assert_string_equal(cm_json_get(json, "failures")->first->text, "b: no such host");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_db, close_db)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_cluster_is_in_one_state),
        TEST(what_waits_for_somebody_is_told_with_who_waits_longest),
        TEST(who_waits_for_something_else_is_told_by_himself),
        TEST(holds_in_force_are_counted_and_the_oldest_is_told),
        TEST(what_is_suspended_keeps_no_cluster_from_being_in_sync),
        TEST(what_is_only_observed_is_not_in_sync),
        TEST(agents_that_want_a_person_are_counted),
        TEST(what_is_left_of_a_certificate_is_judged_by_its_life),
        TEST(agents_that_lack_the_newest_set_of_roots_are_counted),
        TEST(problems_and_failing_repositories_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
