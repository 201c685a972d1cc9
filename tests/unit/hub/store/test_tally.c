// What is counted over all clusters is what the pairs are at, whatever happened to them before.
#include "tests/unit/hub/store/memory_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/store/desired.h"
#include "hub/store/query.h"
#include "hub/store/query_details.h"
#include "hub/store/status.h"

enum { APPS = 3, STEPS = 3000, MANY_CLUSTERS = 250 };

static unsigned clusters = 7;

// As it is told of each pair by itself: joined and counted anew.
#define COUNTED_ANEW                                                                               \
    "SELECT p.app, p.repo, p.revision, ifnull(s.applied, 0), ifnull(s.bundle = p.bundle, 0),"      \
    " ifnull(s.health, 0), ifnull(r.connected, 0), p.stale, p.held <> '', p.waits <> '',"          \
    " count(*), sum(ifnull(s.drifted, 0)) FROM pair p LEFT JOIN status s ON s.cluster ="           \
    " p.cluster AND s.app = p.app LEFT JOIN presence r ON r.cluster = p.cluster"                   \
    " GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10"

static void run_sql(struct hub_db *db, const char *sql) {
    struct cm_err err = {.code = CM_OK};

    if (hub_db_run(db, &err, sql, "") < 0) {
        fail_msg("%s: %s", sql, err.msg);
    }
}

static unsigned next_number(unsigned below) {
    static uint32_t state = 20260101;

    state = state * 1664525U + 1013904223U;
    return (state >> 8) % below;
}

static const char *name_of(char first, unsigned i) {
    static char names[2][16];
    char *name = names[first == 'a'];

    (void)snprintf(name, sizeof(names[0]), "%c%u", first, i);
    return name;
}

static const char *a_cluster(void) {
    return name_of('c', next_number(clusters));
}

static const char *an_app(void) {
    return name_of('a', next_number(APPS));
}

static void must(enum cm_rc rc, const struct cm_err *err) {
    if (rc < 0) {
        fail_msg("%s", err->msg);
    }
}

// ---- What can happen

static void put_pair(struct hub_db *db) {
    static const char *const revisions[] = {"0aaaaaaa", "0bbbbbbb", "0ccccccc"};
    struct hub_pair_row row = {.cluster = a_cluster(),
                               .app = an_app(),
                               .bundle = {{(uint8_t)next_number(2)}},
                               .repo = next_number(2) == 0 ? "fleet" : "other",
                               .revision = revisions[next_number(3)],
                               .generation = next_number(5),
                               .stale = next_number(4) == 0,
                               .waits = next_number(4) == 0 ? "r1" : "",
                               .held = next_number(4) == 0 ? "held" : ""};
    struct cm_err err;

    must(hub_desired_put_pair(db, &row, &err), &err);
}

static void put_status(struct hub_db *db) {
    struct hub_status_row row = {.cluster = a_cluster(),
                                 .app = an_app(),
                                 .bundle = {{(uint8_t)next_number(2)}},
                                 .revision = "r",
                                 .applied = (int)next_number(5),
                                 .message = "",
                                 .health = (int)next_number(5),
                                 .health_message = "",
                                 .drifted = next_number(3)};
    struct cm_err err;

    must(hub_status_put(db, &row, &err), &err);
}

static void put_presence(struct hub_db *db) {
    struct hub_presence_row row = {.cluster = a_cluster(),
                                   .connected = next_number(3) > 0,
                                   .version = "1",
                                   .driver = "sim",
                                   .target = "v1",
                                   .address = "a"};
    struct cm_err err;

    must(hub_presence_put(db, &row, &err), &err);
}

static void report(struct hub_db *db) {
    struct cm_err err;

    must(hub_reports_set(db, a_cluster(), "run", 1, next_number(5), 5, &err), &err);
}

static void reset(struct hub_db *db) {
    struct cm_err err;

    must(hub_presence_reset(db, a_cluster(), &err), &err);
}

static void remove_pair(struct hub_db *db) {
    struct cm_err err;

    must(hub_desired_remove_pair(db, a_cluster(), an_app(), &err), &err);
}

static void remove_status(struct hub_db *db) {
    struct cm_err err;
    bool had;

    must(hub_status_remove(db, a_cluster(), an_app(), &had, &err), &err);
}

static void forget_cluster(struct hub_db *db) {
    struct cm_err err;

    must(hub_desired_forget_cluster(db, a_cluster(), &err), &err);
}

static void lose_connection(struct hub_db *db) {
    struct cm_err err;

    must(hub_presence_offline(db, a_cluster(), 5, &err), &err);
}

static void report_in_full(struct hub_db *db) {
    struct cm_err err;
    size_t marked;
    char cluster[16];

    (void)snprintf(cluster, sizeof(cluster), "%s", a_cluster());

    must(hub_status_full_begin(db, cluster, &marked, &err), &err);
    put_status(db);
    must(hub_status_full_end(db, cluster, 5, &err), &err);
}

static void lose_all(struct hub_db *db) {
    struct cm_err err;

    if (next_number(20) == 0) {
        must(hub_presence_all_offline(db, 5, "", &err), &err);
    }
}

// What no function does today, but any statement may.
static void change_by_hand(struct hub_db *db) {
    static const char *const changes[] = {
        "UPDATE pair SET revision = '0ddddddd' WHERE cluster = 'c1'",
        "UPDATE pair SET waits = 'r2', stale = 1 WHERE app = 'a1'",
        "UPDATE status SET health = 3 WHERE cluster = 'c2'",
        "UPDATE pair SET generation = 3 WHERE app = 'a0'",
        "DELETE FROM presence WHERE cluster = 'c5'",
        ("INSERT INTO presence (cluster, connected, seen_ms, version, driver, target, address,"
         " generation) SELECT 'c5', 1, 1, '1', 'sim', 'v1', 'a', 2 WHERE NOT EXISTS"
         " (SELECT 1 FROM presence WHERE cluster = 'c5')"),
        "DELETE FROM status WHERE app = 'a2'",
    };

    if (next_number(10) == 0) {
        run_sql(db, changes[next_number(sizeof(changes) / sizeof(changes[0]))]);
    }
}

static void (*const happens[])(struct hub_db *db) = {
    put_pair,     put_pair,       put_pair,      put_status,     put_status,      put_status,
    put_presence, remove_pair,    remove_status, forget_cluster, lose_connection, report_in_full,
    lose_all,     change_by_hand, report,        report,         report,          reset,
};

static void happen(struct hub_db *db) {
    happens[next_number(sizeof(happens) / sizeof(happens[0]))](db);
}

// ---- What is counted

static void the_tally_is_what_counting_anew_gives(void **state) {
    static const char differs[] =
        "SELECT (SELECT count(*) FROM (SELECT * FROM tally EXCEPT " COUNTED_ANEW "))"
        " + (SELECT count(*) FROM (SELECT * FROM (" COUNTED_ANEW ") EXCEPT SELECT * FROM tally))";

    for (int i = 0; i < STEPS; i++) {
        happen(*state);
        if (count_rows(*state, differs) != 0) {
            fail_msg("after step %d the tally is not what the pairs are at", i);
        }
    }
    assert_true(count_rows(*state, "SELECT count(*) FROM tally") > 0);
}

static void what_is_not_delivered_is_what_counting_anew_gives(void **state) {
    static const char anew[] =
        "SELECT p.app, p.revision, count(*) FROM pair p LEFT JOIN presence r ON r.cluster ="
        " p.cluster WHERE p.generation > ifnull(r.generation, 0) GROUP BY 1, 2";
    CM_AUTOFREE char *differs =
        cm_strf("SELECT (SELECT count(*) FROM (SELECT * FROM undelivered EXCEPT %s)) + (SELECT"
                " count(*) FROM (SELECT * FROM (%s) EXCEPT SELECT * FROM undelivered))",
                anew, anew);

    for (int i = 0; i < STEPS; i++) {
        happen(*state);
        if (count_rows(*state, differs) != 0) {
            fail_msg("after step %d what is not delivered is counted wrongly", i);
        }
    }
    assert_true(count_rows(*state, "SELECT count(*) FROM undelivered") > 0);
}

static int64_t count_of(struct hub_db *db, const struct hub_query *query, const char *name) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *json = NULL;
    struct cm_err err;

    must(hub_query_rollout(db, a, query, &json, &err), &err);
    return cm_json_int(cm_json_get(json, name), -1);
}

// Where clusters are chosen pairs are counted one by one.
static void how_far_all_is_is_the_sum_of_how_far_each_cluster_is(void **state) {
    static const char *const names[] = {"pairs",  "delivered", "applied", "healthy",
                                        "failed", "degraded",  "offline"};
    struct hub_query all = {
        .list = "rollout", .params = {{"app", "a1"}, {"revision", "0bbbbbb"}}, .param_count = 2};
    struct hub_query one = {.list = "rollout",
                            .params = {{"app", "a1"}, {"revision", "0bbbbbb"}, {"cluster", ""}},
                            .param_count = 3};
    int looked = 0;

    run_sql(*state, "INSERT INTO revision VALUES ('fleet', '0bbbbbbb', '', '', 1, 1, 7, 0, 1)");
    for (unsigned c = 0; c < clusters; c++) { // so that all that is asked for is there
        struct hub_pair_row row = {
            .cluster = name_of('c', c), .app = "a9", .repo = "fleet", .revision = "0bbbbbbb"};
        struct cm_err err;

        must(hub_desired_put_pair(*state, &row, &err), &err);
    }
    for (int i = 0; i < STEPS / 10; i++) {
        for (int j = 0; j < 20; j++) {
            happen(*state);
        }
        if (count_rows(*state, "SELECT count(*) FROM pair WHERE app = 'a1'") == 0 ||
            count_rows(*state, "SELECT count(DISTINCT cluster) FROM pair") < clusters) {
            continue; // a name of nothing is asked for
        }
        looked++;
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
            int64_t sum = 0;

            for (unsigned c = 0; c < clusters; c++) {
                one.params[2].value = name_of('c', c);
                sum += count_of(*state, &one, names[n]);
            }
            assert_int_equal(count_of(*state, &all, names[n]), sum);
        }
    }
    assert_true(looked > 0);
}

static void what_is_taken_back_is_taken_out_of_the_tally_too(void **state) {
    struct cm_err err;

    put_pair(*state);
    int64_t before = count_rows(*state, "SELECT sum(pairs) FROM tally");
    must(hub_db_savepoint(*state, &err), &err);
    for (int i = 0; i < 50; i++) {
        put_pair(*state);
    }
    must(hub_db_savepoint_end(*state, false, &err), &err);
    assert_int_equal(count_rows(*state, "SELECT sum(pairs) FROM tally"), before);
}

// ---- What is answered

static struct cm_json *page_of(struct hub_db *db, struct cm_arena *a, const char *sort,
                               const char *cursor) {
    struct hub_query query = {
        .list = "status",
        .params = {{"state", "not-healthy"}, {"limit", "2"}, {"sort", sort}, {"cursor", cursor}},
        .param_count = cursor == NULL ? 3 : 4};
    struct cm_json *json = NULL;
    struct cm_err err;

    must(hub_query_run(db, a, &query, &json, &err), &err);
    return json;
}

// All pages one after the other, "cluster/app " each.
static char *read_pages(struct hub_db *db, const char *sort) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_str all = {0};
    const char *cursor = NULL;

    do {
        const struct cm_json *page = page_of(db, a, sort, cursor);

        for (const struct cm_json *row = cm_json_get(page, "items")->first; row != NULL;
             row = row->next) {
            cm_str_addf(&all, "%s/%s ", cm_json_string(cm_json_get(row, "cluster")),
                        cm_json_string(cm_json_get(row, "app")));
        }
        cursor = cm_json_string(cm_json_get(page, "next"));
    } while (cursor != NULL);
    cm_str_add(&all, "");
    return cm_str_take(&all);
}

static char *read_anew(struct hub_db *db, const char *order) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    CM_AUTOFREE char *sql =
        cm_strf("SELECT p.cluster || '/' || p.app || ' ' FROM pair p LEFT JOIN status s ON"
                " s.cluster = p.cluster AND s.app = p.app LEFT JOIN presence r ON r.cluster ="
                " p.cluster WHERE NOT ifnull(s.applied = 3 AND s.bundle = p.bundle AND s.health = 2"
                " AND r.connected, 0) ORDER BY %s",
                order);
    struct cm_str all = {0};
    struct cm_err err;

    must(hub_db_query_texts(db, &stmt, &err, sql, NULL, 0), &err);
    while (hub_stmt_next(stmt, &err) == CM_OK) {
        cm_str_add(&all, hub_stmt_text(stmt, 0));
    }
    cm_str_add(&all, "");
    return cm_str_take(&all);
}

static void pages_in_any_order_are_the_list_in_that_order(void **state) {
    static const char *const orders[][2] = {
        {"-connected,-applied", "ifnull(r.connected, 0) DESC, ifnull(s.applied, 0) DESC, p.app,"
                                " p.cluster"},
        {"cluster", "p.cluster, p.app"},
        {"health,-drifted", "ifnull(s.health, 0), ifnull(s.drifted, 0) DESC, p.app, p.cluster"},
    };

    for (int i = 0; i < STEPS / 10; i++) {
        const char *const *order = orders[i % 3];

        happen(*state);
        CM_AUTOFREE char *pages = read_pages(*state, order[0]);
        CM_AUTOFREE char *anew = read_anew(*state, order[1]);
        assert_string_equal(pages, anew);
    }
}

static void an_app_and_the_fleet_are_told_as_they_are_counted(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_query query = {.list = "apps", .params = {{"name", "a0"}}, .param_count = 1};
    struct cm_json *json = NULL;
    struct cm_json *summary = NULL;
    struct cm_err err;

    run_sql(*state,
            "INSERT INTO app VALUES ('a0', 'fleet', 'p', 'n', 'off', 1, 0, '[]', 0, 0, '', 0)");
    for (int i = 0; i < STEPS / 10; i++) {
        happen(*state);
        must(hub_query_run(*state, a, &query, &json, &err), &err);
        must(hub_query_summary(*state, a, &summary, &err), &err);
        const struct cm_json *row = cm_json_get(json, "items")->first;
#define SAYS(of, member, what, where)                                                              \
    assert_int_equal(cm_json_int(cm_json_get(of, member), -1),                                     \
                     count_rows(*state, "SELECT ifnull(sum(" what "), 0) FROM pair p LEFT JOIN"    \
                                        " status s ON s.cluster = p.cluster AND s.app = p.app"     \
                                        " LEFT JOIN presence r ON r.cluster = p.cluster"           \
                                        " WHERE " where))
#define OF_BOTH(member, what)                                                                      \
    SAYS(row, member, what, "p.app = 'a0'");                                                       \
    SAYS(summary, member, what, "1")
#define IS_APPLIED "s.applied = 3 AND s.bundle = p.bundle"
        SAYS(row, "clusters", "1", "p.app = 'a0'");
        SAYS(summary, "pairs", "1", "1");
        OF_BOTH("applied", IS_APPLIED);
        OF_BOTH("failed", "s.applied = 4");
        OF_BOTH("healthy", IS_APPLIED " AND s.health = 2 AND r.connected");
        OF_BOTH("degraded", "s.health IN (3, 4)");
        OF_BOTH("offline", "NOT ifnull(r.connected, 0)");
        OF_BOTH("drifted", "s.drifted");
        SAYS(row, "stale", "p.stale", "p.app = 'a0'");
        SAYS(row, "held", "p.held <> ''", "p.app = 'a0'");
        SAYS(row, "waits", "p.waits <> ''", "p.app = 'a0'");
    }
}

// ---- An App's details

static char *rows_of(const struct cm_json *rows) {
    struct cm_str all = {0};

    for (const struct cm_json *row = rows->first; row != NULL; row = row->next) {
        cm_str_addf(&all, "%s ", cm_json_string(cm_json_get(row, "cluster")));
    }
    cm_str_add(&all, "");
    return cm_str_take(&all);
}

// The details tell of as many as the list tells of at first; returns how many.
static size_t compare_details(struct hub_db *db) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *const names[HUB_DETAIL_NAMES_MAX] = {"a0"};
    struct hub_query query = {.list = "status",
                              .params = {{"app", "a0"},
                                         {"state", "not-healthy"},
                                         {"sort", "-connected,-applied"},
                                         {"limit", "100"}},
                              .param_count = 4};
    struct cm_json *detail = NULL;
    struct cm_json *list = NULL;
    struct cm_err err;

    must(hub_query_detail(db, a, hub_detail_find("apps"), names, &detail, &err), &err);
    must(hub_query_run(db, a, &query, &list, &err), &err);
    CM_AUTOFREE char *told = rows_of(cm_json_get(detail, "status"));
    CM_AUTOFREE char *listed = rows_of(cm_json_get(list, "items"));
    assert_string_equal(told, listed);
    return cm_json_get(list, "items")->count;
}

static void the_details_of_an_app_begin_as_the_list_of_what_is_not_healthy(void **state) {
    static const char *const turns[] = {
        "UPDATE status SET applied = 2, health = 1", // all equal
        "UPDATE presence SET connected = 0",
        "UPDATE status SET applied = 4 WHERE cluster < 'c12'", // few come first
        "DELETE FROM pair WHERE cluster > 'c1'",
    };

    clusters = MANY_CLUSTERS;
    run_sql(*state,
            "INSERT INTO app VALUES ('a0', 'fleet', 'p', 'n', 'off', 1, 0, '[]', 0, 0, '', 0)");
    for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
        for (int more = 0; more < STEPS; more++) {
            put_pair(*state);
            put_status(*state);
            put_presence(*state);
        }
        run_sql(*state, turns[i]);
        assert_true(compare_details(*state) > 0);
    }
    run_sql(*state, "DELETE FROM pair");
    assert_int_equal(compare_details(*state), 0);
    clusters = 7;
}

// ---- Clusters that Git does not name

static void put_cluster(struct hub_db *db) {
    struct cm_err err;

    must(hub_documents_put_cluster(db, a_cluster(), "{}", false, "fleet", "p", &err), &err);
}

static void remove_cluster(struct hub_db *db) {
    struct cm_err err;

    must(hub_documents_remove_cluster(db, a_cluster(), &err), &err);
}

static void enroll(struct hub_db *db) {
    struct cm_err err;
    static unsigned count;
    CM_AUTOFREE char *id = cm_strf("id-%u", count++);

    must(hub_db_run(db, &err,
                    "INSERT OR IGNORE INTO agent (id, cluster, state, key_sha256, enrolled_ms)"
                    " VALUES (?1, ?2, 'active', x'01', 1)",
                    "tt", id, a_cluster()),
         &err);
}

static void revoke(struct hub_db *db) {
    struct cm_err err;

    must(hub_db_run(db, &err, "UPDATE agent SET state = 'revoked' WHERE cluster = ?1", "t",
                    a_cluster()),
         &err);
}

static void forget_revoked(struct hub_db *db) {
    run_sql(db, "DELETE FROM agent WHERE state <> 'active'");
}

static void a_cluster_that_git_does_not_name_is_listed_while_its_agent_may_connect(void **state) {
    static void (*const all[])(struct hub_db * db) = {put_cluster, remove_cluster, enroll, revoke,
                                                      forget_revoked};
    static const char named[] =
        "(SELECT name FROM cluster UNION SELECT cluster FROM agent WHERE state = 'active')";
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE char *sql = cm_strf("SELECT count(*) FROM %s", named);
    struct hub_query query = {.list = "clusters", .params = {{"total", "true"}}, .param_count = 1};
    struct cm_json *json = NULL;
    struct cm_err err;

    for (int i = 0; i < STEPS; i++) {
        all[next_number(sizeof(all) / sizeof(all[0]))](*state);
        must(hub_query_run(*state, a, &query, &json, &err), &err);
        assert_int_equal(cm_json_int(cm_json_get(json, "total"), -1), count_rows(*state, sql));
        const struct cm_json *row = cm_json_get(json, "items")->first;
        for (; row != NULL && row->next != NULL; row = row->next) { // in order, none twice
            assert_true(strcmp(cm_json_string(cm_json_get(row, "name")),
                               cm_json_string(cm_json_get(row->next, "name"))) < 0);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_tally_is_what_counting_anew_gives, open_db, close_db),
        cmocka_unit_test_setup_teardown(what_is_not_delivered_is_what_counting_anew_gives, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(how_far_all_is_is_the_sum_of_how_far_each_cluster_is,
                                        open_db, close_db),
        cmocka_unit_test_setup_teardown(what_is_taken_back_is_taken_out_of_the_tally_too, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(pages_in_any_order_are_the_list_in_that_order, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(an_app_and_the_fleet_are_told_as_they_are_counted, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(
            the_details_of_an_app_begin_as_the_list_of_what_is_not_healthy, open_db, close_db),
        cmocka_unit_test_setup_teardown(
            a_cluster_that_git_does_not_name_is_listed_while_its_agent_may_connect, open_db,
            close_db),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
