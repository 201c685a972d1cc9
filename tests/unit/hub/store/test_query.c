#include "tests/unit/hub/store/memory_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/store/desired.h"
#include "hub/store/query.h"
#include "hub/store/query_details.h"

static const char *const fleet[] = {
    "INSERT INTO cluster VALUES ('oslo-1', '{\"env\":\"prod\",\"region\":\"eu\"}', 0, 'fleet', "
    "'c'),"
    " ('paris-1', '{\"env\":\"prod\",\"canary\":\"\"}', 1, 'fleet', 'c'),"
    " ('rome-1', '{\"env\":\"test\",\"example.org/tier\":\"2\"}', 0, 'fleet', 'c')",
    "INSERT INTO agent (id, cluster, state, key_sha256, enrolled_ms) VALUES ('id-1', 'oslo-1', "
    "'active', x'01', 1),"
    " ('id-2', 'left-1', 'active', x'02', 1), ('id-3', 'gone-1', 'revoked', x'03', 1)",
    "INSERT INTO presence (cluster, connected, seen_ms, version, driver, target, address,"
    " generation, run, report) VALUES ('oslo-1', 1, 77, '1.0', 'sim', 'v1', 'a', 5, '', 0),"
    " ('paris-1', 0, 66, '1.0', 'sim', 'v1', 'a', 3, '', 0)",
    "INSERT INTO cluster_group VALUES ('all', 'fleet', 'g'), ('none', 'fleet', 'g')",
    "INSERT INTO group_member VALUES ('all', 'oslo-1'), ('all', 'paris-1')",
    "INSERT INTO app VALUES ('web', 'fleet', 'apps/web', 'web', 'correct', 1, 0, '[\"db\"]', 1, 0, "
    "'commit', 0)",
    "INSERT INTO manifest VALUES ('oslo-1', 1, 5, x'aa', x'')",
    "INSERT INTO pair VALUES ('oslo-1', 'web', x'b1', 'fleet', 'abcdef01', 5, 3, 0, 0, '', ''),"
    " ('paris-1', 'web', x'b1', 'fleet', 'abcdef01', 4, 3, 0, 0, '', ''),"
    " ('rome-1', 'web', x'b2', 'fleet', 'abcdef02', 1, 2, 0, 1, '', '')",
    "INSERT INTO status (cluster, app, bundle, revision, applied, message, health, health_message,"
    " objects, drifted, at_ms) VALUES"
    " ('oslo-1', 'web', x'b1', 'abcdef01', 3, '', 2, '', 3, 1, 9),"
    " ('paris-1', 'web', x'b0', 'abcdef00', 4, 'no room', 3, '', 3, 0, 9)",
    "INSERT INTO object (cluster, app, key, sha256, health, message, at_ms) VALUES"
    " ('oslo-1', 'web', 'ConfigMap/web/a', x'c1', 2, 'fine', 9),"
    " ('oslo-1', 'web', 'Secret/web/s', x'c2', 2, '', 9),"
    " ('oslo-1', 'web', 'ConfigMap/web/odd', x'c3', 2, '', 9)",
    "INSERT INTO blob VALUES (x'c1', '{\"kind\":\"ConfigMap\"}'), (x'c3', 'no document')",
    "INSERT INTO drift VALUES ('oslo-1', 'ConfigMap/web/a', 'data.x', 'web', '\"1\"', '\"2\"',"
    " 'kubectl-edit', 'Update', 9, 'foreign', 0, 'alice', 0)",
    "INSERT INTO event (at_ms, kind, cluster, app, key, revision, actor, message) VALUES"
    " (1, 'sync.resolved', '', '', '', 'abcdef01', 'ann', 'one'),"
    " (2, 'drift.found', 'oslo-1', 'web', 'k', '', 'kubectl-edit', 'two')",
    "INSERT INTO revision (repo, id, author, subject, committed_ms, resolved_ms, clusters, "
    "problems)"
    " VALUES ('fleet', 'abcdef01abcdef01', 'ann', 'first', 1, 2, 2, 0),"
    " ('fleet', 'abcdef02abcdef02', 'bob', 'second', 3, 4, 1, 1)",
    "INSERT INTO pull_request VALUES"
    " ('holdfast/rollback/web/2-aa', 'fleet', 6, 'web', 't', 'https://x/6', 'closed', '', '', 1, "
    "2), ('holdfast/rollback/web/2-aa', 'fleet', 7, 'web', 't', 'https://x/7', 'merged', '', '', "
    "1, 2)",
    "INSERT INTO hold VALUES"
    " ('web-2-aa', 'web-2-aa', 'web', 'fleet', 'holds/web/2-aa.yaml', '2', '1', 'flagger', "
    "'web/web',"
    " 'it failed', 5, 'e1', '[\"oslo-1\",\"rome-1\"]', 1, 0),"
    " ('web-3-bb', 'web-3-bb', 'web', 'fleet', 'holds/web/3-bb.yaml', '3', '1', '', '', '', 0, '',"
    " '[\"rome-1\"]', 0, 0),"
    " ('~e9', 'web-4-cc', 'web', '', '', '4', '1', '', '', '', 0, 'e9', '[\"oslo-1\"]', 1, 1)",
    "INSERT INTO ban VALUES ('cve', '', 'fleet', 'bans/cve.yaml', '[\"reg/web:1.5.*\"]', 'a hole')",
    "INSERT INTO problem (repo, path, line, col, message, app, cluster, clusters, revision) VALUES"
    " ('fleet', 'apps/web/x.yaml', 3, 5, 'no such field', 'web', '', 2, 'abcdef02abcdef02')",
};

struct fixture {
    struct hub_db *db;
    struct cm_arena *arena;
};

static void run_sql(struct hub_db *db, const char *sql) {
    struct cm_err err = {.code = CM_OK};

    if (hub_db_run(db, &err, sql, "") < 0) {
        fail_msg("%s: %s", sql, err.msg);
    }
}

static int set_up(void **state) {
    struct fixture *f = cm_new(1, sizeof(*f));
    void *db = NULL;

    (void)open_db(&db);
    f->db = db;
    f->arena = cm_arena_new(0);
    for (size_t i = 0; i < sizeof(fleet) / sizeof(fleet[0]); i++) {
        run_sql(f->db, fleet[i]);
    }
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    cm_arena_free(f->arena);
    hub_db_close(f->db);
    free(f);
    return 0;
}

// query_of reads "list?a=b&c=d", without escapes.
static struct hub_query query_of(struct cm_arena *a, const char *text) {
    char *rest = cm_arena_strdup(a, text);
    struct hub_query query = {.list = strsep(&rest, "?")};
    char *param;

    while ((param = strsep(&rest, "&")) != NULL) {
        const char *name = strsep(&param, "=");

        query.params[query.param_count++] = (struct hub_query_param){name, param};
    }
    return query;
}

static struct cm_json *get(struct fixture *f, const char *text) {
    struct hub_query query = query_of(f->arena, text);
    struct cm_json *json = NULL;
    struct cm_err err;

    if (hub_query_run(f->db, f->arena, &query, &json, &err) < 0) {
        fail_msg("%s: %s", text, err.msg);
    }
    return json;
}

static const char *as_text(struct fixture *f, const struct cm_json *json) {
    struct cm_str text = {0};

    cm_json_write_compact(json, &text);
    const char *copy = cm_arena_strdup(f->arena, cm_str_get(&text));
    cm_str_done(&text);
    return copy;
}

// names returns the member of each item, "a b c".
static const char *names(struct fixture *f, const char *query, const char *member) {
    struct cm_str text = {0};
    const struct cm_json *items = cm_json_get(get(f, query), "items");

    for (const struct cm_json *item = items->first; item != NULL; item = item->next) {
        cm_str_addf(&text, "%s%s", text.len > 0 ? " " : "", cm_json_get(item, member)->text);
    }
    const char *copy = cm_arena_strdup(f->arena, cm_str_get(&text));
    cm_str_done(&text);
    return copy;
}

static void refuses(struct fixture *f, const char *text, const char *words) {
    struct hub_query query = query_of(f->arena, text);
    struct cm_json *json = NULL;
    struct cm_err err = {.code = CM_OK};

    assert_int_equal(hub_query_run(f->db, f->arena, &query, &json, &err), CM_EINVAL);
    if (strstr(err.msg, words) == NULL) {
        fail_msg("%s: '%s' does not say '%s'", text, err.msg, words);
    }
    assert_null(json);
}

// ---- What the lists say

static void a_cluster_is_told_with_its_agent_and_its_counts(void **state) {
    assert_string_equal(
        as_text(*state, get(*state, "clusters?name=oslo-1")),
        "{\"items\":[{\"name\":\"oslo-1\",\"labels\":{\"env\":\"prod\",\"region\":\"eu\"},"
        "\"managed\":true,\"suspend\":false,\"enrolled\":true,\"connected\":true,\"held\":\"\","
        "\"lastSeenMs\":77,\"agentVersion\":\"1.0\",\"driver\":\"sim\",\"mode\":\"apply\","
        "\"targetVersion\":\"v1\","
        "\"generation\":5,"
        "\"agentGeneration\":5,\"apps\":1,\"applied\":1,\"failed\":0,\"healthy\":1,\"stale\":0,"
        "\"drifted\":1,"
        "\"objects\":3}]}");
}

static void a_cluster_that_left_git_is_told_while_its_agent_may_connect(void **state) {
    assert_string_equal(names(*state, "clusters", "name"), "left-1 oslo-1 paris-1 rome-1");
}

static void a_group_is_told_with_its_members(void **state) {
    assert_string_equal(as_text(*state, get(*state, "groups?name=all")),
                        "{\"items\":[{\"name\":\"all\",\"repository\":\"fleet\",\"path\":\"g\","
                        "\"clusters\":[\"oslo-1\",\"paris-1\"]}]}");
    assert_string_equal(names(*state, "groups", "name"), "all none");
}

static void an_app_is_told_with_its_counts(void **state) {
    assert_string_equal(
        as_text(*state, get(*state, "apps")),
        "{\"items\":[{\"name\":\"web\",\"repository\":\"fleet\",\"path\":\"apps/web\","
        "\"namespace\":\"web\",\"driftMode\":\"correct\",\"prune\":true,\"suspend\":false,"
        "\"dependsOn\":[\"db\"],\"releaseGroup\":\"\",\"onReject\":\"alone\","
        "\"onFailure\":\"report\",\"undo\":\"report\",\"writeBack\":\"revert\",\"capture\":"
        "\"commit\",\"clusters\":3,"
        "\"applied\":1,\"failed\":1,"
        "\"healthy\":1,\"degraded\":1,\"offline\":2,\"stale\":1,\"held\":0,"
        "\"needsHuman\":0,\"releasesWaiting\":0,\"waits\":0,"
        "\"drifted\":1,\"problemCount\":1}]}");
}

static void an_app_that_left_git_is_told_of_while_its_removal_waits(void **state) {
    struct fixture *f = *state;

    run_sql(f->db, "DELETE FROM app");
    assert_string_equal(as_text(*state, get(*state, "apps")), "{\"items\":[]}");
    run_sql(f->db, "UPDATE pair SET waits = 'r1' WHERE cluster <> 'rome-1'");
    const struct cm_json *items = cm_json_get(get(*state, "apps?name=web"), "items");
    assert_int_equal(items->count, 1);
    assert_int_equal(cm_json_int(cm_json_get(items->first, "clusters"), 0), 3);
    assert_int_equal(cm_json_int(cm_json_get(items->first, "waits"), 0), 2);
}

static void a_status_compares_what_is_wanted_with_what_is_applied(void **state) {
    assert_string_equal(
        as_text(*state, get(*state, "status?cluster=paris-1")),
        "{\"items\":[{\"app\":\"web\",\"cluster\":\"paris-1\",\"repository\":\"fleet\","
        "\"revision\":\"abcdef01\",\"desiredBundle\":\"b1\",\"appliedBundle\":\"b0\","
        "\"delivered\":false,\"applied\":\"failed\",\"upToDate\":false,\"message\":\"no room\","
        "\"health\":\"degraded\",\"healthMessage\":\"\",\"objects\":3,\"drifted\":0,"
        "\"connected\":false,\"stale\":false,\"waits\":\"\",\"held\":\"\",\"needsHuman\":\"\","
        "\"releaseWaits\":\"\",\"frozen\":\"\","
        "\"suspend\":false,"
        "\"atMs\":9}]}");
}

static void what_only_people_can_settle_is_told_of_its_pair_and_as_a_problem(void **state) {
    struct fixture *f = *state;
    const char *path = "status?cluster=oslo-1";

    run_sql(f->db, "INSERT INTO needs_human (cluster, app, key, why, revision, form, bundle, at_ms)"
                   " VALUES ('oslo-1', 'web', 'k1', 'look', 'abcdef01abcdef01', '', x'', 1),"
                   " ('oslo-1', 'web', 'k2', 'look too', '', '', x'', 1)");
    assert_string_equal(names(f, path, "needsHuman"), "k1: look; k2: look too");
    assert_string_equal(names(f, "status?cluster=rome-1", "needsHuman"), "");
    assert_string_equal(names(f, "problems?cluster=oslo-1", "message"), "k2: look too k1: look");
    assert_string_equal(names(f, "problems?revision=abcdef01abcdef01", "path"), "apps/web");
    const struct cm_json *items = cm_json_get(get(f, "apps?name=web"), "items");
    assert_int_equal(cm_json_int(cm_json_get(items->first, "needsHuman"), 0), 2);
}

static void what_waits_for_somebody_is_told_apart_from_what_failed(void **state) {
    struct fixture *f = *state;
    const char *path = "status?cluster=oslo-1";

    run_sql(f->db, "INSERT INTO needs_human (cluster, app, key, why, revision, form, bundle, at_ms,"
                   " waits) VALUES ('oslo-1', 'web', 'k1', 'promote', '', '', x'', 1, 1)");
    assert_string_equal(names(f, path, "needsHuman"), "");
    assert_string_equal(names(f, path, "releaseWaits"), "k1: promote");
    assert_string_equal(names(f, "problems?cluster=oslo-1", "message"), "k1: promote");
    const struct cm_json *items = cm_json_get(get(f, "apps?name=web"), "items");
    assert_int_equal(cm_json_int(cm_json_get(items->first, "needsHuman"), 0), 0);
    assert_int_equal(cm_json_int(cm_json_get(items->first, "releasesWaiting"), 0), 1);
}

static void a_pair_that_was_never_reported_is_unknown(void **state) {
    const struct cm_json *items = cm_json_get(get(*state, "status?cluster=rome-1"), "items");

    assert_int_equal(items->count, 1);
    assert_string_equal(cm_json_get(items->first, "applied")->text, "unknown");
    assert_string_equal(cm_json_get(items->first, "health")->text, "unknown");
    assert_true(cm_json_true(cm_json_get(items->first, "stale")));
}

static void what_no_app_in_git_names_is_a_list_of_its_own(void **state) {
    struct fixture *f = *state;

    run_sql(f->db, "INSERT INTO status (cluster, app, bundle, revision, applied, message, health,"
                   " health_message, objects, drifted, at_ms) VALUES"
                   " ('oslo-1', 'argocd.shop', x'b7', '', 6, '', 2, '', 3, 0, 9),"
                   " ('oslo-1', 'seen', x'b8', 'abcdef01', 6, '', 2, '', 3, 0, 9),"
                   " ('rome-1', 'argocd.shop', x'b7', '', 6, '', 3, 'k: it crashes', 3, 0, 9)");
    assert_string_equal(as_text(f, get(f, "observed?cluster=oslo-1")),
                        "{\"items\":[{\"app\":\"argocd.shop\",\"cluster\":\"oslo-1\","
                        "\"health\":\"healthy\",\"healthMessage\":\"\",\"objects\":3,"
                        "\"message\":\"\",\"connected\":true,\"atMs\":9}]}");
    assert_string_equal(names(f, "observed?app=argocd.shop", "cluster"), "oslo-1 rome-1");
    assert_string_equal(names(f, "observed?selector=env=test", "cluster"), "rome-1");
}

static void states_filter_pairs(void **state) {
    assert_string_equal(names(*state, "status?state=not-applied", "cluster"), "paris-1 rome-1");
    assert_string_equal(names(*state, "status?state=failed", "cluster"), "paris-1");
    assert_string_equal(names(*state, "status?state=not-healthy", "cluster"), "paris-1 rome-1");
    assert_string_equal(names(*state, "status?state=drifted", "cluster"), "oslo-1");
    assert_string_equal(names(*state, "status?state=not-applied&group=all", "cluster"), "paris-1");
}

static void objects_are_told_of_one_cluster(void **state) {
    assert_string_equal(as_text(*state, get(*state, "objects?cluster=oslo-1&key=ConfigMap/web/a")),
                        "{\"items\":[{\"cluster\":\"oslo-1\",\"app\":\"web\",\"key\":"
                        "\"ConfigMap/web/a\",\"health\":\"healthy\",\"message\":\"fine\","
                        "\"fought\":0,\"sha256\":\"c1\",\"atMs\":9}]}");
    refuses(*state, "objects", "needs the parameter 'cluster'");
}

static void drift_is_told_with_both_values_and_who_did_it(void **state) {
    assert_string_equal(
        as_text(*state, get(*state, "drift?app=web")),
        "{\"items\":[{\"cluster\":\"oslo-1\",\"app\":\"web\",\"key\":"
        "\"ConfigMap/web/a\",\"path\":\"data.x\",\"desired\":\"\\\"1\\\"\","
        "\"actual\":\"\\\"2\\\"\",\"manager\":\"kubectl-edit\",\"user\":\"alice\",\"operation\":"
        "\"Update\",\"class\":\"foreign\",\"exemption\":\"\",\"exemptUntilMs\":0,"
        "\"more\":false,\"fought\":0,\"atMs\":9}]}");
    run_sql(
        ((struct fixture *)*state)->db,
        "INSERT INTO exemption VALUES ('inc-1', 'web', '', '', '[\"oslo-1\"]', 'ConfigMap/web/a',"
        " 'data', 'INC-1', 'ada', 253402300799999, '')");
    assert_string_equal(names(*state, "drift?app=web", "exemption"), "inc-1: INC-1");
    run_sql(((struct fixture *)*state)->db, "UPDATE exemption SET field = 'dat'");
    assert_string_equal(names(*state, "drift?app=web", "exemption"), "");
    run_sql(((struct fixture *)*state)->db,
            "INSERT INTO site_exemption VALUES ('oslo-1', 'aa', 'site-inc-2', 'inc-2', 'web',"
            " 'ConfigMap/web/a', '', 'INC-2', 'ada', 'kubectl', '', 253402300799999, 1, 0, 1, 0,"
            " 0)");
    assert_string_equal(names(*state, "drift?app=web", "exemption"), "site-inc-2: INC-2");
    assert_string_equal(names(*state, "exemptions", "from"), "git site, not in git");
    run_sql(((struct fixture *)*state)->db, "UPDATE object SET drift_more = 1");
    assert_true(cm_json_true(
        cm_json_get(cm_json_get(get(*state, "drift?app=web"), "items")->first, "more")));
}

static void events_come_newest_first_unless_asked_for_what_came_after(void **state) {
    assert_string_equal(names(*state, "events", "message"), "two one");
    assert_string_equal(names(*state, "events?after=0", "message"), "one two");
    assert_string_equal(names(*state, "events?after=1", "message"), "two");
    assert_string_equal(names(*state, "events?kind=sync.resolved", "message"), "one");
    refuses(*state, "events?after=yesterday", "after: 'yesterday' is not a number");
    refuses(*state, "events?after=-1", "is not a number");
}

static void revisions_come_newest_first(void **state) {
    assert_string_equal(names(*state, "revisions?repository=fleet", "subject"), "second first");
}

static void holds_are_told_with_their_state_and_bans_with_their_images(void **state) {
    struct fixture *f = *state;

    run_sql(f->db,
            "INSERT INTO decision (id, cluster, cluster_id, app, key, controller, controller_key,"
            " verdict, bad, good, bad_bundle, good_bundle, bad_revision, good_revision,"
            " good_object, text, weight, at_ms, seen_ms, actor, provisional, settled, hold) VALUES"
            " (x'e1', 'oslo-1', '', 'web', '', '', '', 'rejected', x'', x'', x'', x'', 'abc', '',"
            " x'', '', -1, 5, 5, '', 1, 1, 'metadata: {name: web-2-aa}')");
    run_sql(f->db,
            "INSERT INTO intent (id, repo, kind, app, cluster, cause, args, actor, automatic,"
            " made_ms) VALUES ('i', 'fleet', 'hold', 'web', '', 'holds/web/2-aa.yaml',"
            " '{\"trailers\":{\"Proof\":\"same (oslo-1)\",\"Rejects-Commit\":\"abc\"}}',"
            " 'flagger', 1, 5)");
    assert_string_equal(names(f, "holds", "state"), "in force void retry");
    assert_string_equal(names(f, "holds?cluster=rome-1", "rejected"), "2 3");
    assert_string_equal(names(f, "holds?app=web&cluster=oslo-1", "name"), "web-2-aa web-4-cc");
    assert_string_equal(
        as_text(f, cm_json_get(get(f, "holds?name=web-2-aa"), "items")),
        "[{\"name\":\"web-2-aa\",\"app\":\"web\",\"state\":\"in force\",\"rejected\":"
        "\"2\",\"restored\":\"1\",\"clusters\":[\"oslo-1\",\"rome-1\"],\"inForce\":1,"
        "\"controller\":\"flagger\",\"object\":\"web/web\",\"message\":\"it failed\","
        "\"atMs\":5,\"event\":\"e1\",\"repository\":\"fleet\",\"path\":"
        "\"holds/web/2-aa.yaml\",\"pullRequest\":\"https://x/7\","
        "\"pullRequestState\":\"merged\",\"proof\":\"same (oslo-1)\"}]");
    assert_string_equal(names(f, "holds?cluster=rome-1", "pullRequest"), "https://x/7 ");
    run_sql(f->db, "UPDATE hold SET repo = '', in_force = 0 WHERE name = 'web-2-aa'");
    assert_string_equal(names(f, "holds", "state"), "waits void retry");
    assert_string_equal(as_text(f, cm_json_get(get(f, "bans?app=web"), "items")),
                        "[{\"name\":\"cve\",\"app\":\"\",\"images\":[\"reg/web:1.5.*\"],\"reason\":"
                        "\"a hole\",\"repository\":\"fleet\",\"path\":\"bans/cve.yaml\"}]");
}

static void problems_name_file_and_line(void **state) {
    assert_string_equal(
        as_text(*state, get(*state, "problems")),
        "{\"items\":[{\"repository\":\"fleet\",\"path\":\"apps/web/x.yaml\",\"line\":3,"
        "\"column\":5,\"message\":\"no such field\",\"app\":\"web\",\"cluster\":\"\","
        "\"clusters\":2,\"revision\":\"abcdef02abcdef02\"}]}");
    assert_string_equal(names(*state, "problems?revision=abcdef02abcdef02", "app"), "web");
    assert_string_equal(names(*state, "problems?revision=abcdef01abcdef01", "app"), "");
}

// ---- Selectors

static void selectors_choose_as_kubectl_does(void **state) {
    static const char *const cases[][2] = {
        {"env=prod", "oslo-1 paris-1"},
        {"env==prod", "oslo-1 paris-1"},
        {"env!=prod", "left-1 rome-1"},
        {"canary", "paris-1"},
        {"canary=", "paris-1"},
        {"!canary", "left-1 oslo-1 rome-1"},
        {"env=prod,region!=eu", "paris-1"},
        {" env = prod , !canary ", "oslo-1"},
        {"example.org/tier=2", "rome-1"},
        {"env=prod,env=test", ""},
        {"env in (prod, test)", "oslo-1 paris-1 rome-1"},
        {"env in (test),example.org/tier", "rome-1"},
        {"env notin (prod)", "left-1 rome-1"},
        {"canary in ()", "paris-1"},
        {"region notin (eu,us)", "left-1 paris-1 rome-1"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture *f = *state;
        struct hub_query query = {
            .list = "clusters", .params = {{"selector", cases[i][0]}}, .param_count = 1};
        struct cm_json *json = NULL;
        struct cm_str text = {0};
        struct cm_err err;

        assert_int_equal(hub_query_run(f->db, f->arena, &query, &json, &err), CM_OK);
        for (const struct cm_json *item = cm_json_get(json, "items")->first; item != NULL;
             item = item->next) {
            cm_str_addf(&text, "%s%s", text.len > 0 ? " " : "", cm_json_get(item, "name")->text);
        }
        assert_string_equal(cm_str_get(&text), cases[i][1]);
        cm_str_done(&text);
    }
}

static void a_selector_that_is_wrong_is_refused(void **state) {
    refuses(*state, "clusters?selector=", "selector: column 1: '' is no name of a label");
    refuses(*state, "clusters?selector=env in prod", "selector: column 8: '(' is missing");
    refuses(*state, "status?selector=env > 5", "column 5: a ',' or an operator");
}

static void a_selector_of_too_many_terms_is_refused(void **state) {
    struct cm_str text = {0};

    cm_str_add(&text, "clusters?selector=a0");
    for (int i = 1; i < 100; i++) {
        cm_str_addf(&text, ",a%d", i);
    }
    refuses(*state, cm_str_get(&text), "too many conditions");
    cm_str_done(&text);
}

// ---- Wrong parameters

static void an_unknown_parameter_gets_the_nearest_name(void **state) {
    refuses(*state, "status?clutser=a",
            "'clutser' is no parameter of status; did you mean 'cluster'?");
    refuses(*state, "status?limt=5", "did you mean 'limit'?");
    refuses(*state, "problems?xyzzy=1", "'xyzzy' is no parameter of problems");
    refuses(*state, "status?state=broken", "'broken' is none of");
}

static void a_limit_is_a_number_within_bounds(void **state) {
    static const char *const wrong[] = {"",    "0",  "-1", "5001",
                                        "1e3", " 5", "+5", "9999999999999999999"};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        refuses(*state, cm_arena_strf(((struct fixture *)*state)->arena, "apps?limit=%s", wrong[i]),
                "is not a number from 1 to 5000");
    }
    assert_int_equal(cm_json_get(get(*state, "clusters?limit=1"), "items")->count, 1);
}

static void a_cursor_of_somebody_else_is_refused(void **state) {
    static const char *const wrong[] = {
        "",
        "x",
        "!!!!",
        "W10",          // []
        "WyJhIl0",      // ["a"]: one key, status has two
        "WzEsMl0",      // [1,2]
        "eyJhIjoxfQ",   // {"a":1}
        "WyJhIiwiYiIs", // ["a","b",
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        refuses(*state,
                cm_arena_strf(((struct fixture *)*state)->arena, "status?cursor=%s", wrong[i]),
                "cursor: not one of ours");
    }
    refuses(*state, "events?cursor=WyJhIl0", "cursor: not one of ours");
}

// ---- Pages

// walk visits all pages; after each, `between` may change the table. *seen counts the visits of
// each row, by the number at the end of its member.
static size_t walk(struct fixture *f, const char *query, const char *member, unsigned *seen,
                   void (*between)(struct hub_db *db, size_t page)) {
    const char *cursor = NULL;
    size_t pages = 0;

    do {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        struct fixture page = {.db = f->db, .arena = a};
        const struct cm_json *json =
            get(&page, cursor == NULL ? query : cm_arena_strf(a, "%s&cursor=%s", query, cursor));

        for (const struct cm_json *item = cm_json_get(json, "items")->first; item != NULL;
             item = item->next) {
            seen[strtol(cm_json_get(item, member)->text +
                            strcspn(cm_json_get(item, member)->text, "0123456789"),
                        NULL, 10)]++;
        }
        const char *next = cm_json_string(cm_json_get(json, "next"));
        cursor = next == NULL ? NULL : cm_arena_strdup(f->arena, next);
        between(f->db, pages++);
    } while (cursor != NULL);
    return pages;
}

enum { ROWS = 3000, MORE = 2000 };

static void fill(struct hub_db *db, const char *sql, int64_t from, int64_t count) {
    struct cm_err err;

    assert_int_equal(hub_db_begin(db, &err), CM_OK);
    for (int64_t i = from; i < from + count; i++) {
        if (hub_db_run(db, &err, sql, "i", i) < 0) {
            fail_msg("%s", err.msg);
        }
    }
    assert_int_equal(hub_db_commit(db, &err), CM_OK);
}

static const char add_pair[] = "INSERT INTO pair VALUES (printf('c%06d', ?1 % 40), printf('x%06d',"
                               " ?1), x'00', 'fleet', 'r', 1, 1, 0, 0, '', '')";
static const char add_event[] =
    "INSERT INTO event (number, at_ms, kind, cluster, app, key, revision, actor, message) VALUES"
    " (?1, 1, 'k', 'paged', '', '', '', '', 'm')";
static const char add_drift[] =
    "INSERT INTO drift VALUES (printf('c%d', ?1 % 3), printf('k%d', ?1 % 7), printf('p%06d', ?1),"
    " 'paged', '', '', '', '', 1, 'foreign', 0, '', 0)";

static void add_pairs_between(struct hub_db *db, size_t page) {
    fill(db, add_pair, ROWS + (int64_t)page * 3, 3);
    run_sql(db, "DELETE FROM pair WHERE app = 'x000000'"); // one that was visited already
}

static void add_events_between(struct hub_db *db, size_t page) {
    fill(db, add_event, 100000 + (int64_t)page * 5, 5);
}

static void add_drift_between(struct hub_db *db, size_t page) {
    fill(db, add_drift, ROWS + (int64_t)page * 2, 2);
}

static void nothing_between(struct hub_db *db, size_t page) {
    (void)db;
    (void)page;
}

static void saw_each_once(const unsigned *seen, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        if (seen[i] != 1) {
            fail_msg("row %zu was visited %u times", i, seen[i]);
        }
    }
}

static void pages_visit_each_pair_once_while_others_come_and_go(void **state) {
    struct fixture *f = *state;
    unsigned *seen = cm_new(200000, sizeof(*seen));

    run_sql(f->db, "DELETE FROM pair");
    fill(f->db, add_pair, 0, ROWS);
    assert_true(walk(f, "status?limit=97", "app", seen, add_pairs_between) > ROWS / 97);
    saw_each_once(seen, 0, ROWS);
    free(seen);
}

static void pages_visit_each_event_once_while_others_come(void **state) {
    struct fixture *f = *state;
    unsigned *seen = cm_new(200000, sizeof(*seen));

    fill(f->db, add_event, 1000, ROWS);
    assert_int_equal(walk(f, "events?cluster=paged&limit=100", "number", seen, add_events_between),
                     ROWS / 100);
    saw_each_once(seen, 1000, 1000 + ROWS);
    free(seen);
}

static void pages_after_an_event_go_upwards(void **state) {
    struct fixture *f = *state;
    unsigned *seen = cm_new(200000, sizeof(*seen));

    fill(f->db, add_event, 1000, MORE);
    assert_int_equal(walk(f, "events?after=1499&limit=500", "number", seen, nothing_between), 3);
    assert_int_equal(seen[1499], 0);
    saw_each_once(seen, 1500, 1000 + MORE);
    free(seen);
}

static void pages_by_three_columns_visit_each_row_once(void **state) {
    struct fixture *f = *state;
    unsigned *seen = cm_new(200000, sizeof(*seen));

    fill(f->db, add_drift, 0, ROWS);
    (void)walk(f, "drift?app=paged&limit=41", "path", seen, add_drift_between);
    saw_each_once(seen, 0, ROWS);
    free(seen);
}

static void a_full_last_page_has_no_successor(void **state) {
    assert_null(cm_json_get(get(*state, "clusters?limit=4"), "next"));
    assert_non_null(cm_json_get(get(*state, "clusters?limit=3"), "next"));
}

// ---- Counts

static struct cm_json *rollout(struct fixture *f, const char *text, enum cm_rc expected) {
    struct hub_query query = query_of(f->arena, text);
    struct cm_json *json = NULL;
    struct cm_err err = {.code = CM_OK};

    assert_int_equal(hub_query_rollout(f->db, f->arena, &query, &json, &err), expected);
    return json;
}

static void the_summary_counts_the_fleet(void **state) {
    struct fixture *f = *state;
    struct cm_json *json = NULL;
    struct cm_err err;

    assert_int_equal(hub_query_summary(f->db, f->arena, &json, &err), CM_OK);
    assert_string_equal(as_text(f, json),
                        "{\"clusters\":3,\"enrolled\":2,\"connected\":1,\"apps\":1,\"problems\":1,"
                        "\"pairs\":3,\"applied\":1,\"failed\":1,\"healthy\":1,\"degraded\":1,"
                        "\"offline\":2,\"drifted\":1,\"fought\":0}");
}

static void a_rollout_counts_the_pairs_that_carry_the_revision(void **state) {
    struct fixture *f = *state;

    run_sql(f->db, "UPDATE pair SET revision = revision || revision");
    assert_string_equal(
        as_text(f, rollout(f, "rollout?revision=abcdef01", CM_OK)),
        "{\"revision\":\"abcdef01abcdef01\",\"resolved\":true,\"pairs\":2,\"delivered\":1,"
        "\"applied\":1,\"healthy\":1,\"failed\":1,\"degraded\":1,\"offline\":1,\"rendered\":2,"
        "\"firstFailure\":\"web on paris-1: no room\",\"problems\":0}");
    assert_int_equal(cm_json_int(cm_json_get(rollout(f, "rollout", CM_OK), "pairs"), -1), 3);
    assert_int_equal(
        cm_json_int(cm_json_get(rollout(f, "rollout?cluster=rome-1&app=web", CM_OK), "pairs"), -1),
        1);
}

static int64_t member(const struct cm_json *json, const char *name) {
    return cm_json_int(cm_json_get(json, name), -1);
}

static void nothing_is_healthy_where_no_agent_is_connected(void **state) {
    struct fixture *f = *state;
    struct cm_json *summary = NULL;
    struct cm_err err;

    run_sql(f->db, "UPDATE presence SET connected = 0");
    assert_int_equal(hub_query_summary(f->db, f->arena, &summary, &err), CM_OK);
    const struct cm_json *counts[] = {
        summary, rollout(f, "rollout", CM_OK), cm_json_get(get(f, "apps"), "items")->first,
        cm_json_get(get(f, "group-details?name=all"), "items")->first};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        assert_int_equal(member(counts[i], "healthy"), 0);
        assert_int_equal(member(counts[i], "applied"), 1); // that it was is no guess
        assert_int_equal(member(counts[i], "offline"), i == 3 ? 2 : 3);
    }
    assert_string_equal(names(f, "status?state=not-healthy", "cluster"), "oslo-1 paris-1 rome-1");
}

static const char *causes(struct fixture *f, const char *detail, const char *name) {
    const char *const names_of[HUB_DETAIL_NAMES_MAX] = {name};
    struct cm_json *json = NULL;
    struct cm_err err;

    if (hub_query_detail(f->db, f->arena, hub_detail_find(detail), names_of, &json, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return as_text(f, cm_json_get(json, "causes"));
}

static void equal_causes_are_counted_together(void **state) {
    static const char ill[] = "{\"pairs\":2,\"state\":\"degraded\",\"why\":"
                              "\"pod web-7d9c6b5f4-x2x9z: back-off 10s\",\"examples\":[";
    static const char failed[] = "{\"pairs\":1,\"state\":\"failed\",\"why\":\"no room\","
                                 "\"examples\":[";
    struct fixture *f = *state;

    run_sql(f->db, "UPDATE status SET health = 3, health_message ="
                   " 'pod web-7d9c6b5f4-x2x9z: back-off 10s' WHERE cluster = 'oslo-1'");
    run_sql(f->db, "INSERT INTO status (cluster, app, bundle, revision, applied, message, health,"
                   " health_message, objects, drifted, at_ms) VALUES ('rome-1', 'web', x'b2', '',"
                   " 3, '', 3, 'pod web-5cbfb4d4b8-k4k4k: back-off 5m0s', 3, 0, 9)");
    assert_string_equal(
        causes(f, "apps", "web"),
        cm_arena_strf(f->arena, "[%s\"oslo-1\",\"rome-1\"]},%s\"paris-1\"]}]", ill, failed));
    assert_string_equal(causes(f, "clusters", "paris-1"),
                        cm_arena_strf(f->arena, "[%s\"web\"]}]", failed));
    assert_non_null(strstr(causes(f, "groups", "all"), "[\"web on paris-1\"]"));
}

static void what_is_healthy_has_no_cause(void **state) {
    assert_string_equal(causes(*state, "clusters", "oslo-1"), "[]");
    assert_string_equal(causes(*state, "groups", "none"), "[]");
}

static void a_cluster_that_is_away_is_told_as_it_was(void **state) {
    struct fixture *f = *state;

    run_sql(f->db, "UPDATE presence SET connected = 0");
    const struct cm_json *oslo = cm_json_get(get(f, "clusters?name=oslo-1"), "items")->first;
    assert_false(cm_json_true(cm_json_get(oslo, "connected")));
    assert_int_equal(member(oslo, "healthy"), 1);
}

static void
a_rollout_of_a_commit_that_was_pushed_over_is_that_of_the_one_it_came_with(void **state) {
    struct fixture *f = *state;
    const struct hub_revision_row row = {.repo = "fleet",
                                         .id = "abcdef09abcdef09",
                                         .author = "",
                                         .subject = "",
                                         .resolved_ms = 5000,
                                         .passed = "1234567812345678 8765432187654321 "};
    struct cm_err err;

    assert_int_equal(hub_revisions_add(f->db, &row, &err), CM_OK);
    for (int i = 0; i < 2; i++) {
        const struct cm_json *json =
            rollout(f, i == 0 ? "rollout?revision=12345678" : "rollout?revision=87654321", CM_OK);

        assert_true(cm_json_true(cm_json_get(json, "resolved")));
        assert_string_equal(cm_json_string(cm_json_get(json, "revision")), row.id);
    }
    assert_int_equal(hub_revisions_keep(f->db, 5001, &err), CM_OK);
    assert_false(
        cm_json_true(cm_json_get(rollout(f, "rollout?revision=12345678", CM_OK), "resolved")));
}

static void a_rollout_names_what_the_revision_broke(void **state) {
    static const char first[] = "apps/web/x.yaml:3:5: no such field";
    const struct cm_json *json = rollout(*state, "rollout?revision=abcdef02", CM_OK);

    assert_int_equal(cm_json_int(cm_json_get(json, "problems"), -1), 1);
    assert_string_equal(cm_json_string(cm_json_get(json, "firstProblem")), first);
    json = rollout(*state, "rollout?revision=abcdef02&app=web&cluster=rome-1", CM_OK);
    assert_int_equal(cm_json_int(cm_json_get(json, "problems"), -1), 1);
    json = rollout(*state, "rollout?revision=abcdef02&cluster=oslo-1", CM_OK);
    assert_int_equal(cm_json_int(cm_json_get(json, "problems"), -1), 0);
    assert_null(cm_json_get(json, "firstProblem"));
}

static int64_t problems_of(struct fixture *f, const char *query) {
    return member(rollout(f, query, CM_OK), "problems");
}

static void a_rollout_without_a_revision_tells_all_that_holds_up_what_is_meant(void **state) {
    struct fixture *f = *state;

    run_sql(f->db, "INSERT INTO problem (repo, path, line, col, message, app, cluster, clusters)"
                   " VALUES ('fleet', 'c', 1, 1, 'no', '', 'paris-1', 1)");
    assert_int_equal(problems_of(f, "rollout"), 2);
    assert_int_equal(problems_of(f, "rollout?app=web"), 1);
    assert_int_equal(problems_of(f, "rollout?cluster=paris-1"), 1);
    assert_int_equal(problems_of(f, "rollout?cluster=oslo-1"), 0);
    assert_int_equal(problems_of(f, "rollout?group=all"), 1); // web is stale on rome-1 only
    assert_int_equal(problems_of(f, "rollout?group=all&app=web"), 0);
    assert_int_equal(problems_of(f, "rollout?selector=env=test"), 1);
    assert_int_equal(problems_of(f, "rollout?selector=env in (test,prod),region=eu"), 0);
}

static void what_is_stale_is_counted_and_can_be_chosen(void **state) {
    struct fixture *f = *state;

    assert_int_equal(member(cm_json_get(get(f, "apps"), "items")->first, "stale"), 1);
    assert_int_equal(member(cm_json_get(get(f, "clusters?name=rome-1"), "items")->first, "stale"),
                     1);
    assert_int_equal(member(cm_json_get(get(f, "group-details?name=all"), "items")->first, "stale"),
                     0);
    assert_string_equal(names(f, "status?state=stale", "cluster"), "rome-1");
}

static void a_revision_that_was_not_resolved_yet_is_told_as_such(void **state) {
    const struct cm_json *json = rollout(*state, "rollout?revision=1234567&app=new", CM_OK);

    assert_false(cm_json_true(cm_json_get(json, "resolved")));
    assert_int_equal(cm_json_int(cm_json_get(json, "pairs"), -1), 0);
}

static void a_rollout_of_what_is_not_there_is_no_success(void **state) {
    assert_null(rollout(*state, "rollout?app=wbe", CM_ENOTFOUND));
    assert_null(rollout(*state, "rollout?cluster=nowhere", CM_ENOTFOUND));
    assert_null(rollout(*state, "rollout?revision=abc", CM_EINVAL));
    assert_null(rollout(*state, "rollout?revision=abcdefgh", CM_EINVAL));
    assert_null(rollout(*state, "rollout?apps=web", CM_EINVAL));
}

static void put_blob(struct fixture *f, const struct cm_sha256 *name, const char *text) {
    struct cm_err err;

    assert_int_equal(hub_desired_put_blob(f->db, name, text, strlen(text), &err), CM_OK);
}

// A bundle here is the key of its one object, which is a ConfigMap.
static bool find_one(const void *bundle, size_t size, const char *key, struct cm_sha256 *out) {
    *out = cm_sha256("{\"kind\":\"ConfigMap\"}", 20);
    return strlen(key) == size && memcmp(bundle, key, size) == 0;
}

static enum cm_rc desired(struct fixture *f, const char *key, struct cm_json **out,
                          struct cm_err *err) {
    return hub_query_desired(
        f->db, f->arena,
        &(struct hub_desired_query){.cluster = "oslo-1", .key = key, .find = find_one}, out, err);
}

static void a_desired_object_is_shown_unless_it_is_a_secret(void **state) {
    static const char object[] = "{\"kind\":\"ConfigMap\"}";
    struct fixture *f = *state;
    struct cm_json *json = NULL;
    struct cm_sha256 name = cm_sha256(object, strlen(object));
    struct cm_err err;

    put_blob(f, &name, object);
    run_sql(f->db, "INSERT INTO blob VALUES (x'b1', 'ConfigMap/web/a')");
    assert_int_equal(desired(f, "ConfigMap/web/a", &json, &err), CM_OK);
    assert_string_equal(as_text(f, json),
                        "{\"cluster\":\"oslo-1\",\"app\":\"web\",\"key\":"
                        "\"ConfigMap/web/a\",\"object\":{\"kind\":\"ConfigMap\"}}");
    assert_int_equal(desired(f, "Secret/web/s", &json, &err), CM_ENOTFOUND);
    assert_int_equal(desired(f, "ConfigMap/web/odd", &json, &err), CM_ENOTFOUND);
}

static void what_an_agent_says_of_an_object_changes_not_what_is_shown(void **state) {
    static const char object[] = "{\"kind\":\"ConfigMap\"}";
    static const char foreign[] = "{\"kind\":\"other cluster's\"}";
    struct fixture *f = *state;
    struct cm_json *json = NULL;
    struct cm_sha256 name = cm_sha256(object, strlen(object));
    struct cm_sha256 other = cm_sha256(foreign, strlen(foreign));
    struct cm_err err;

    put_blob(f, &name, object);
    put_blob(f, &other, foreign);
    run_sql(f->db, "INSERT INTO blob VALUES (x'b1', 'ConfigMap/web/a')");
    run_sql(f->db, "UPDATE object SET sha256 = (SELECT sha256 FROM blob WHERE"
                   " CAST(bytes AS TEXT) LIKE '%other%') WHERE key = 'ConfigMap/web/a'");
    assert_int_equal(desired(f, "ConfigMap/web/a", &json, &err), CM_OK);
    assert_non_null(strstr(as_text(f, json), "{\"kind\":\"ConfigMap\"}"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_cluster_is_told_with_its_agent_and_its_counts),
        TEST(equal_causes_are_counted_together),
        TEST(holds_are_told_with_their_state_and_bans_with_their_images),
        TEST(what_is_healthy_has_no_cause),
        TEST(a_cluster_that_left_git_is_told_while_its_agent_may_connect),
        TEST(a_group_is_told_with_its_members),
        TEST(an_app_is_told_with_its_counts),
        TEST(an_app_that_left_git_is_told_of_while_its_removal_waits),
        TEST(a_status_compares_what_is_wanted_with_what_is_applied),
        TEST(a_pair_that_was_never_reported_is_unknown),
        TEST(what_waits_for_somebody_is_told_apart_from_what_failed),
        TEST(what_only_people_can_settle_is_told_of_its_pair_and_as_a_problem),
        TEST(what_no_app_in_git_names_is_a_list_of_its_own),
        TEST(states_filter_pairs),
        TEST(objects_are_told_of_one_cluster),
        TEST(drift_is_told_with_both_values_and_who_did_it),
        TEST(events_come_newest_first_unless_asked_for_what_came_after),
        TEST(revisions_come_newest_first),
        TEST(problems_name_file_and_line),
        TEST(selectors_choose_as_kubectl_does),
        TEST(a_selector_that_is_wrong_is_refused),
        TEST(a_selector_of_too_many_terms_is_refused),
        TEST(an_unknown_parameter_gets_the_nearest_name),
        TEST(a_limit_is_a_number_within_bounds),
        TEST(a_cursor_of_somebody_else_is_refused),
        TEST(pages_visit_each_pair_once_while_others_come_and_go),
        TEST(pages_visit_each_event_once_while_others_come),
        TEST(pages_after_an_event_go_upwards),
        TEST(pages_by_three_columns_visit_each_row_once),
        TEST(a_full_last_page_has_no_successor),
        TEST(the_summary_counts_the_fleet),
        TEST(a_rollout_counts_the_pairs_that_carry_the_revision),
        TEST(nothing_is_healthy_where_no_agent_is_connected),
        TEST(a_cluster_that_is_away_is_told_as_it_was),
        TEST(a_rollout_of_a_commit_that_was_pushed_over_is_that_of_the_one_it_came_with),
        TEST(a_rollout_names_what_the_revision_broke),
        TEST(a_rollout_without_a_revision_tells_all_that_holds_up_what_is_meant),
        TEST(what_is_stale_is_counted_and_can_be_chosen),
        TEST(a_revision_that_was_not_resolved_yet_is_told_as_such),
        TEST(a_rollout_of_what_is_not_there_is_no_success),
        TEST(a_desired_object_is_shown_unless_it_is_a_secret),
        TEST(what_an_agent_says_of_an_object_changes_not_what_is_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
