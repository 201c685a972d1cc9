#include "tests/unit/hub/store/memory_db.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/store/db.h"
#include "hub/store/decisions.h"
#include "hub/store/events.h"
#include "hub/store/meta.h"
#include "hub/store/past.h"
#include "hub/store/past_query.h"

#define NOW_MS ((int64_t)1790000000000)
#define HOUR_MS ((int64_t)3600 * 1000)
#define THEN_MS (NOW_MS - 10 * HOUR_MS)
#define R1 "1111111111111111111111111111111111111111"
#define R2 "2222222222222222222222222222222222222222"
#define R3 "3333333333333333333333333333333333333333"

typedef enum cm_rc (*query_fn)(struct hub_db *db, struct cm_arena *a,
                               const struct hub_past_ask *ask, struct cm_json **out,
                               struct cm_err *err);

static void run_sql(struct hub_db *db, const char *sql) {
    struct cm_err err;

    assert_int_equal(hub_db_run(db, &err, sql, ""), CM_OK);
}

static int64_t value_of(struct hub_db *db, const char *revision, const char *image) {
    struct hub_past_bundle b = {.app = "web", .revision = revision, .repo = "fleet"};
    struct cm_err err;
    int64_t value = 0;
    bool made;

    memcpy(b.bundle.bytes, revision, sizeof(b.bundle.bytes));
    assert_int_equal(hub_past_value(db, &b, &value, &made, &err), CM_OK);
    assert_int_equal(hub_past_image(db, value, image, &err), CM_OK);
    return value;
}

static void note(struct hub_db *db, enum hub_past_axis axis, const char *cluster, int64_t value,
                 int64_t at_ms) {
    struct cm_err err;

    assert_int_equal(
        hub_past_note(db,
                      &(struct hub_past_change){.app = axis == HUB_PAST_SEEN ? "" : "web",
                                                .axis = axis,
                                                .cluster = cluster,
                                                .value = value,
                                                .at_ms = at_ms,
                                                .seen_ms = at_ms},
                      &err),
        CM_OK);
}

static void run_well(struct hub_db *db, const char *cluster, int64_t value, int64_t at_ms) {
    note(db, HUB_PAST_DESIRED, cluster, value, at_ms);
    note(db, HUB_PAST_ACTUAL, cluster, value, at_ms + 1000);
    note(db, HUB_PAST_VERDICT, cluster, HUB_VERDICT_HEALTHY, at_ms + 2000);
}

// Ten hours ago R1 everywhere; an hour later R2 on prod, where b fails; c goes offline after that.
static int open_past(void **state) {
    static const char *const names[] = {"a", "b", "c"};

    (void)open_db(state);
    run_sql(*state, "INSERT INTO cluster_group VALUES ('prod', 'fleet', 'p')");
    run_sql(*state, "INSERT INTO group_member VALUES ('prod', 'a'), ('prod', 'b')");
    run_sql(*state, "INSERT INTO revision (repo, id, author, subject, committed_ms, resolved_ms,"
                    " clusters, problems) VALUES ('fleet', '" R2 "', 'ann', 'Bump', 5, 6, 2, 0)");
    int64_t first = value_of(*state, R1, "reg/web:1.4");
    int64_t second = value_of(*state, R2, "reg/web@sha256:00");
    for (int i = 0; i < 3; i++) {
        note(*state, HUB_PAST_SEEN, names[i], 1, THEN_MS - HOUR_MS);
        run_well(*state, names[i], first, THEN_MS);
    }
    run_well(*state, "a", second, THEN_MS + HOUR_MS);
    note(*state, HUB_PAST_DESIRED, "b", second, THEN_MS + HOUR_MS);
    note(*state, HUB_PAST_VERDICT, "b", HUB_VERDICT_FAILED, THEN_MS + HOUR_MS + 5000);
    note(*state, HUB_PAST_SEEN, "c", 0, THEN_MS + 2 * HOUR_MS);
    return 0;
}

static const char *word(struct cm_arena *a, const struct cm_json *item, const char *member) {
    const struct cm_json *node = cm_json_get(item, member);

    return node == NULL              ? "-"
           : node->type == CM_NUMBER ? node->text
           : node->type == CM_STRING ? cm_arena_strndup(a, node->text, 12)
                                     : "?";
}

static const char *revision(const struct cm_json *item, const char *member) {
    const char *text = cm_json_string(cm_json_get(cm_json_get(item, member), "revision"));

    return text == NULL ? "-" : text[0] == '1' ? "R1" : "R2";
}

static void add_names(struct cm_str *out, const struct cm_json *names) {
    for (const struct cm_json *at = names->first; at != NULL; at = at->next) {
        cm_str_addf(out, "%s%s", at == names->first ? "" : ",", at->text);
    }
}

static struct cm_json *ask(void **state, struct cm_arena *a, query_fn query,
                           const struct hub_past_ask *what) {
    struct hub_past_ask full = *what;
    struct cm_json *json = NULL;
    struct cm_err err = {0};

    full.now_ms = NOW_MS;
    if (query(*state, a, &full, &json, &err) != CM_OK) {
        fail_msg("%s", err.msg);
    }
    return json;
}

static void assert_show(void **state, const char *select, const char *expected) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_arena *a = cm_arena_new(0);
    struct cm_json *json = ask(state, a, hub_past_show, &(struct hub_past_ask){.select = select});

    for (const struct cm_json *at = cm_json_get(json, "items")->first; at != NULL; at = at->next) {
        cm_str_addf(&text, "%s%s %s %s ", text.len > 0 ? "; " : "", word(a, at, "state"),
                    revision(at, "desired"), revision(at, "actual"));
        add_names(&text, cm_json_get(at, "names"));
    }
    cm_arena_free(a);
    assert_string_equal(cm_str_get(&text), expected);
}

static void assert_refused(void **state, query_fn query, const struct hub_past_ask *what,
                           const char *words) {
    struct hub_past_ask full = *what;
    struct cm_arena *a = cm_arena_new(0);
    struct cm_json *json = NULL;
    struct cm_err err = {0};

    full.now_ms = NOW_MS;
    assert_true(query(*state, a, &full, &json, &err) < 0);
    cm_arena_free(a);
    assert_non_null(strstr(err.msg, words));
}

static void it_is_shown_as_it_is_now(void **state) {
    assert_show(state, "prod", "failed R2 R1 b; inSync R2 R2 a");
    assert_show(state, "", "failed R2 R1 b; inSync R2 R2 a; unobserved R1 R1 c");
}

// Nobody in Git says how it should be, so it is neither in sync nor leaving.
static void what_no_app_in_git_names_is_shown_as_observed(void **state) {
    const struct hub_past_bundle none = {.app = "web", .revision = "", .repo = ""};
    int64_t value = 0;
    struct cm_err err;
    bool made;

    assert_int_equal(hub_past_value(*state, &none, &value, &made, &err), CM_OK);
    note(*state, HUB_PAST_DESIRED, "a", 0, THEN_MS + 3 * HOUR_MS);
    assert_show(state, "a", "leaving - R2 a");
    note(*state, HUB_PAST_ACTUAL, "a", value, THEN_MS + 3 * HOUR_MS);
    assert_show(state, "a", "observed - - a");
    note(*state, HUB_PAST_VERDICT, "a", HUB_VERDICT_DEGRADED, THEN_MS + 4 * HOUR_MS);
    assert_show(state, "a", "degraded - - a");
}

static void it_is_shown_as_it_was(void **state) {
    assert_show(state, "@{2026-09-21T04:43}", "inSync R1 R1 a,b,c");
    assert_show(state, "prod:web@{9.hours.ago}", "converging R2 R1 a,b");
    assert_show(state, "a@{20.hours.ago}", "");
}

static void so_many_changes_back_is_the_moment_before_them(void **state) {
    assert_show(state, "prod~1", "inSync R1 R1 a,b");
    assert_show(state, "prod~2", "");
    assert_refused(state, hub_past_show, &(struct hub_past_ask){.select = "prod~3"},
                   "only 2 changes");
}

static void what_is_not_there_is_an_error(void **state) {
    assert_refused(state, hub_past_show, &(struct hub_past_ask){.select = "nowhere"},
                   "no cluster or group 'nowhere'");
    assert_refused(state, hub_past_show, &(struct hub_past_ask){.select = "prod:nothing"},
                   "no App 'nothing'");
    assert_refused(state, hub_past_show, &(struct hub_past_ask){.select = "prod@{x}"}, "no time");
}

static void assert_log(void **state, const struct hub_past_ask *what, const char *expected) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_arena *a = cm_arena_new(0);
    struct cm_json *json = ask(state, a, hub_past_log, what);

    for (const struct cm_json *at = cm_json_get(json, "items")->first; at != NULL; at = at->next) {
        cm_str_addf(&text, "%s%s %.2s %s/%s %s", text.len > 0 ? "; " : "", word(a, at, "kind"),
                    word(a, at, "revision"), word(a, at, "applied"), word(a, at, "clusters"),
                    word(a, at, "subject"));
    }
    cm_arena_free(a);
    assert_string_equal(cm_str_get(&text), expected);
}

static void each_action_is_one_line_for_the_whole_fleet(void **state) {
    assert_log(state, &(struct hub_past_ask){.select = ""},
               "disconnected - 0/1 -; failed - 0/1 -; release 22 1/2 Bump; healthy - 0/3 -; "
               "release 11 3/3 -; connected - 0/3 -");
}

static void a_log_can_be_of_less(void **state) {
    assert_log(state, &(struct hub_past_ask){.select = "c:web"},
               "healthy - 0/1 -; release 11 1/1 -");
    assert_log(state, &(struct hub_past_ask){.select = "", .kind = "release", .limit = 1},
               "release 22 1/2 Bump");
    assert_log(state, &(struct hub_past_ask){.select = "@{2026-09-21T04:43}", .kind = "failed"},
               "");
}

static void reject(struct hub_db *db, const char *cluster, int64_t at_ms) {
    const struct hub_decision_row row = {.id = cm_sha256(cluster, strlen(cluster)),
                                         .cluster = cluster,
                                         .cluster_id = "",
                                         .app = "web",
                                         .key = "k",
                                         .controller = "flagger",
                                         .verdict = "rejected",
                                         .bad_revision = R2,
                                         .text = "too slow",
                                         .at_ms = at_ms};
    struct cm_err err;
    bool is_new;

    assert_int_equal(hub_decisions_add(db, &row, &is_new, &err), CM_OK);
}

static void what_controllers_decided_is_in_the_log(void **state) {
    reject(*state, "a", THEN_MS + HOUR_MS + 5000);
    reject(*state, "b", THEN_MS + HOUR_MS + 9000);
    assert_log(state, &(struct hub_past_ask){.select = "prod", .kind = "rejected"},
               "rejected 22 0/2 Bump");
    assert_log(state, &(struct hub_past_ask){.select = "c", .kind = "rejected"}, "");
    assert_log(state, &(struct hub_past_ask){.select = "prod@{9.hours.ago}", .kind = "rejected"},
               "");
}

static void assert_where(void **state, const struct hub_past_ask *what, const char *expected) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_arena *a = cm_arena_new(0);
    struct cm_json *json = ask(state, a, hub_past_where, what);

    for (const struct cm_json *at = cm_json_get(json, "items")->first; at != NULL; at = at->next) {
        cm_str_addf(&text, "%s%.2s ", text.len > 0 ? "; " : "", word(a, at, "revision"));
        add_names(&text, cm_json_get(at, "names"));
    }
    cm_arena_free(a);
    assert_string_equal(cm_str_get(&text), expected);
}

static void what_runs_where_is_found_by_image_tag_digest_and_commit(void **state) {
    static const char *const second[] = {"reg/web@sha256:00", "sha256:00", R2, "2222222"};

    for (size_t i = 0; i < sizeof(second) / sizeof(second[0]); i++) {
        assert_where(state, &(struct hub_past_ask){.select = "", .what = second[i]}, "22 a");
    }
    assert_where(state, &(struct hub_past_ask){.select = "", .what = "1.4"}, "11 b,c");
    assert_where(state, &(struct hub_past_ask){.select = "", .what = "web:1.4"}, "11 b,c");
    assert_where(state, &(struct hub_past_ask){.select = "", .what = "web"}, "11 b,c; 22 a");
    assert_where(state, &(struct hub_past_ask){.select = "prod", .what = "1.4"}, "11 b");
    assert_where(state, &(struct hub_past_ask){.select = "", .what = "reg/web"}, "11 b,c; 22 a");
    assert_where(state, &(struct hub_past_ask){.select = "@{9.hours.ago}", .what = "1.4"},
                 "11 a,b,c");
}

static void of_before_what_is_kept_nothing_is_told_and_that_is_said(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct hub_past_ask all = {.select = ""};
    struct cm_err err;

    reject(*state, "a", THEN_MS - HOUR_MS);
    assert_int_equal(hub_events_add(*state,
                                    &(struct hub_event){.at_ms = THEN_MS - HOUR_MS,
                                                        .kind = "ban.started",
                                                        .message = "reg/web:1.4"},
                                    &err),
                     CM_OK);
    assert_null(cm_json_get(ask(state, a, hub_past_log, &all), "keptFromMs"));
    assert_int_equal(hub_meta_set_int(*state, HUB_PAST_KEPT_FROM, THEN_MS + HOUR_MS, &err), CM_OK);
    assert_log(state, &all, "disconnected - 0/1 -; failed - 0/1 -; release 22 1/2 Bump");
    assert_int_equal(cm_json_int(cm_json_get(ask(state, a, hub_past_log, &all), "keptFromMs"), 0),
                     THEN_MS + HOUR_MS);
    run_sql(*state, "INSERT INTO past_gap VALUES ('decisions', 'a', 5), ('decisions', 'b', 7),"
                    " ('events', '', 9), ('scaled', 'a', 8)");
    const struct hub_past_ask of_a = {.select = "a"};
    const struct cm_json *json = ask(state, a, hub_past_log, &of_a);
    assert_int_equal(cm_json_int(cm_json_get(json, "decisionsFromMs"), 0), 5);
    assert_int_equal(cm_json_int(cm_json_get(json, "eventsFromMs"), 0), 9);
    assert_int_equal(cm_json_int(cm_json_get(json, "scaledFromMs"), 0), 8);
    json = ask(state, a, hub_past_log, &(struct hub_past_ask){.select = "c"});
    assert_null(cm_json_get(json, "decisionsFromMs"));
    assert_null(cm_json_get(json, "scaledFromMs"));
    assert_refused(state, hub_past_show, &(struct hub_past_ask){.select = "prod~2"},
                   "only 1 changes are known of 'prod~2' since 2026-09-21T0");
    assert_refused(state, hub_past_where, &(struct hub_past_ask){.select = "", .what = "9.9"},
                   "has '9.9' since 2026-09-21T0");
}

static void where_it_is_missing_is_found(void **state) {
    assert_where(state, &(struct hub_past_ask){.select = "", .what = "sha256:00", .missing = true},
                 "11 b,c");
}

static void what_never_ran_is_an_error(void **state) {
    assert_refused(state, hub_past_where, &(struct hub_past_ask){.select = "", .what = "9.9"},
                   "'9.9'");
    assert_refused(state, hub_past_where, &(struct hub_past_ask){.select = "", .what = "%"}, "'%'");
}

static void assert_diff(void **state, const char *select, const char *expected) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_arena *a = cm_arena_new(0);
    struct cm_json *json = ask(state, a, hub_past_diff, &(struct hub_past_ask){.select = select});

    for (const struct cm_json *at = cm_json_get(json, "items")->first; at != NULL; at = at->next) {
        const struct cm_json *from = cm_json_get(at, "from")->first;
        const struct cm_json *to = cm_json_get(at, "to")->first;

        cm_str_addf(&text, "%s: %.2s -> %.2s", word(a, at, "app"),
                    from == NULL ? "-" : word(a, from, "revision"),
                    to == NULL ? "-" : word(a, to, "revision"));
    }
    cm_arena_free(a);
    assert_string_equal(cm_str_get(&text), expected);
}

static void what_a_hold_makes_of_a_commit_is_told_apart(void **state) {
    struct hub_past_bundle b = {.app = "web", .revision = R2, .repo = "fleet", .held = "1.4"};
    struct cm_err err;
    int64_t value;
    bool made;

    assert_int_equal(hub_past_value(*state, &b, &value, &made, &err), CM_OK);
    assert_int_equal(hub_past_image(*state, value, "reg/web:1.4", &err), CM_OK);
    run_well(*state, "b", value, THEN_MS + 3 * HOUR_MS);
    assert_show(state, "prod", "held R2 R2 b; inSync R2 R2 a");
    assert_diff(state, "a..b", "web: 22 -> 22");
    assert_where(state, &(struct hub_past_ask){.select = "prod", .what = "1.4"}, "22 b");
}

// publish_again publishes what ran before at another commit, suspended or not.
static int64_t publish_again(void **state, const char *revision, bool suspended, int64_t at_ms) {
    struct hub_past_bundle b = {
        .app = "web", .revision = revision, .repo = "fleet", .suspended = suspended};
    struct cm_err err;
    int64_t value;
    bool made;

    memcpy(b.bundle.bytes, suspended ? "s" : R1, suspended ? 1 : sizeof(b.bundle.bytes));
    assert_int_equal(hub_past_value(*state, &b, &value, &made, &err), CM_OK);
    note(*state, HUB_PAST_DESIRED, "c", value, at_ms);
    return value;
}

static void what_git_suspends_is_no_release_that_nobody_has_done(void **state) {
    (void)publish_again(state, R2, true, THEN_MS + 3 * HOUR_MS);
    assert_log(state, &(struct hub_past_ask){.select = "c:web"},
               "suspend 22 0/1 Bump; healthy - 0/1 -; release 11 1/1 -");
    assert_log(state, &(struct hub_past_ask){.select = "c:web", .kind = "suspend"},
               "suspend 22 0/1 Bump");
    assert_log(state, &(struct hub_past_ask){.select = "c:web", .kind = "release"},
               "release 11 1/1 -");
}

static void what_was_suspended_and_resumed_is_the_same(void **state) {
    (void)publish_again(state, R2, true, THEN_MS + 3 * HOUR_MS);
    int64_t again = publish_again(state, R3, false, THEN_MS + 4 * HOUR_MS);

    note(*state, HUB_PAST_ACTUAL, "c", again, THEN_MS + 4 * HOUR_MS + 1000);
    assert_diff(state, "c@{9.hours.ago}..", "");
    assert_diff(state, "b..c", ""); // which was never suspended
    assert_diff(state, "a..c", "web: 22 -> 33");
}

// freeze says that prod's a and b were frozen from eight to six hours ago, and b still is.
static void freeze(struct hub_db *db) {
    CM_AUTOFREE char *past = cm_strf(
        "INSERT INTO freeze_past (id, name, app, reason, actor, source, from_ms, until_ms, to_ms,"
        " ended_by, ended_why) VALUES (1, 'stop', 'web', 'it burns', 'ann', 'hand', %lld, 0, %lld,"
        " 'bob', 'it was unfrozen'), (2, 'more', '', 'too much', 'breaker', 'breaker', %lld, %lld,"
        " 0, '', '')",
        (long long)(NOW_MS - 8 * HOUR_MS), (long long)(NOW_MS - 6 * HOUR_MS),
        (long long)(NOW_MS - 7 * HOUR_MS), (long long)(NOW_MS + HOUR_MS));
    CM_AUTOFREE char *on =
        cm_strf("INSERT INTO freeze_past_cluster (freeze, cluster, from_ms, to_ms) VALUES"
                " (1, 'a', %lld, %lld), (1, 'b', %lld, %lld), (2, 'b', %lld, 0)",
                (long long)(NOW_MS - 8 * HOUR_MS), (long long)(NOW_MS - 6 * HOUR_MS),
                (long long)(NOW_MS - 8 * HOUR_MS), (long long)(NOW_MS - 6 * HOUR_MS),
                (long long)(NOW_MS - 7 * HOUR_MS));

    run_sql(db, past);
    run_sql(db, on);
}

static void assert_frozen(void **state, const char *select, const char *expected) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_arena *a = cm_arena_new(0);
    struct cm_json *json = ask(state, a, hub_past_show, &(struct hub_past_ask){.select = select});

    for (const struct cm_json *at = cm_json_get(json, "items")->first; at != NULL; at = at->next) {
        const struct cm_json *list = cm_json_get(at, "frozen");

        cm_str_addf(&text, "%s", text.len > 0 ? "; " : "");
        add_names(&text, cm_json_get(at, "names"));
        for (const struct cm_json *f = list == NULL ? NULL : list->first; f != NULL; f = f->next) {
            cm_str_addf(&text, " %s %s by %s", word(a, f, "name"), word(a, f, "reason"),
                        word(a, f, "actor"));
        }
    }
    cm_arena_free(a);
    assert_string_equal(cm_str_get(&text), expected);
}

static void what_is_frozen_is_shown_and_what_was(void **state) {
    freeze(*state);
    assert_frozen(state, "prod", "b more too much by breaker; a");
    assert_frozen(state, "prod@{9.hours.ago}", "a,b");
    assert_frozen(state, "prod@{450.minutes.ago}",
                  "b stop it burns by ann; a stop it burns by ann");
    assert_frozen(state, "b@{390.minutes.ago}", "b more too much by breaker stop it burns by ann");
}

static void assert_freezes_in_log(void **state, const char *select, const char *kind,
                                  const char *expected) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_arena *a = cm_arena_new(0);
    struct cm_json *json =
        ask(state, a, hub_past_log, &(struct hub_past_ask){.select = select, .kind = kind});

    for (const struct cm_json *at = cm_json_get(json, "items")->first; at != NULL; at = at->next) {
        cm_str_addf(&text, "%s%s %s: %s ", text.len > 0 ? "; " : "", word(a, at, "app"),
                    word(a, at, "actor"), cm_json_string(cm_json_get(at, "text")));
        add_names(&text, cm_json_get(at, "names"));
    }
    cm_arena_free(a);
    assert_string_equal(cm_str_get(&text), expected);
}

static void the_log_says_what_was_frozen_by_whom_and_until_when(void **state) {
    freeze(*state);
    assert_freezes_in_log(state, "", "frozen",
                          " breaker: 'more': too much (until 2026-09-21T15:13:20.000Z) b; web ann:"
                          " 'stop': it burns (until 2026-09-21T08:13:20.000Z, ended by bob) a,b");
    assert_freezes_in_log(state, "", "unfrozen",
                          "web bob: 'stop': it was unfrozen (frozen since 2026-09-21T06:13:20.000Z"
                          " by ann: it burns) a,b");
    assert_freezes_in_log(state, "c", "frozen", "");
    assert_freezes_in_log(state, "@{9.hours.ago}", "frozen", "");
    assert_freezes_in_log(state, "prod@{7.hours.ago}", "unfrozen", "");
    assert_log(state, &(struct hub_past_ask){.select = "prod", .limit = 2},
               "unfrozen - 0/2 -; frozen - 0/1 -");
}

static void the_log_says_what_sites_allowed_themselves(void **state) {
    CM_AUTOFREE char *site = cm_strf(
        "INSERT INTO site_exemption (cluster, id, name, said, app, object, field, reason, actor,"
        " manager, message, until_ms, began_ms, ended_ms, seen_ms) VALUES ('a', 'x', 'n', 'inc-1',"
        " 'web', 'A/b/c', 'spec.x', 'it burns', '', 'kubectl', 'its time is over', %lld, %lld,"
        " %lld, %lld)",
        (long long)NOW_MS, (long long)(NOW_MS - 8 * HOUR_MS), (long long)(NOW_MS - 6 * HOUR_MS),
        (long long)NOW_MS);

    run_sql(*state, site);
    assert_freezes_in_log(state, "", "exempted",
                          "web kubectl: the site's 'inc-1': A/b/c, spec.x (it burns) a");
    assert_freezes_in_log(state, "", "unexempted",
                          "web kubectl: the site's 'inc-1': A/b/c, spec.x (its time is over) a");
    assert_freezes_in_log(state, "b", "exempted", "");
    assert_freezes_in_log(state, "@{7.hours.ago}", "unexempted", "");
}

static void environments_and_moments_are_compared(void **state) {
    assert_diff(state, "a..c", "web: 22 -> 11");
    assert_diff(state, "b..c", "");
    assert_diff(state, "a@{9.hours.ago}..", "web: 11 -> 22");
    assert_diff(state, "a@{20.hours.ago}..", "web: - -> 22");
}

// ---- What is not known

static void assert_doubts(void **state, query_fn query, const struct hub_past_ask *what,
                          const char *expected) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_arena *a = cm_arena_new(0);
    struct cm_json *json = ask(state, a, query, what);

    for (const struct cm_json *at = cm_json_get(json, "items")->first; at != NULL; at = at->next) {
        cm_str_addf(&text, "%s%.2s %s unobserved %s drifted %s", text.len > 0 ? "; " : "",
                    word(a, at, "revision"), word(a, at, "clusters"), word(a, at, "unobserved"),
                    word(a, at, "drifted"));
    }
    cm_arena_free(a);
    assert_string_equal(cm_str_get(&text), expected);
}

static void what_was_not_observed_does_not_count_as_known(void **state) {
    assert_doubts(state, hub_past_where, &(struct hub_past_ask){.select = "", .what = "1.4"},
                  "11 2 unobserved 1 drifted 0");
    assert_doubts(state, hub_past_where,
                  &(struct hub_past_ask){.select = "@{9.hours.ago}", .what = "1.4"},
                  "11 3 unobserved 0 drifted 0");
}

static void a_cluster_that_is_away_is_not_known_to_have_a_patch(void **state) {
    assert_doubts(state, hub_past_where,
                  &(struct hub_past_ask){.select = "", .what = "1.4", .missing = true},
                  "11 1 unobserved 1 drifted 0; 22 1 unobserved 0 drifted 0");
}

static void nor_is_one_where_something_was_changed_by_hand(void **state) {
    note(*state, HUB_PAST_VERDICT, "a", HUB_VERDICT_DRIFTED, THEN_MS + 3 * HOUR_MS);
    assert_doubts(state, hub_past_where,
                  &(struct hub_past_ask){.select = "prod", .what = "sha256:00"},
                  "22 1 unobserved 0 drifted 1");
    assert_where(state, &(struct hub_past_ask){.select = "a", .what = "sha256:00", .missing = true},
                 "22 a");
}

static int64_t images_of(struct hub_db *db, const char *image, bool partial) {
    const struct hub_past_set set = {
        .app = "web", .images = &image, .count = 1, .partial = partial};
    struct cm_err err;
    int64_t value = 0;

    assert_int_equal(hub_past_images(db, &set, &value, &err), CM_OK);
    return value;
}

static void what_really_runs_counts_however_the_app_does(void **state) {
    note(*state, HUB_PAST_VERDICT, "a", HUB_VERDICT_DEGRADED, THEN_MS + 3 * HOUR_MS);
    note(*state, HUB_PAST_IMAGES, "a", images_of(*state, "reg/web:1.4", false),
         THEN_MS + 3 * HOUR_MS);
    assert_doubts(state, hub_past_where,
                  &(struct hub_past_ask){.select = "prod", .what = "sha256:00"}, "");
    assert_doubts(state, hub_past_where, &(struct hub_past_ask){.select = "prod", .what = "1.4"},
                  "11 1 unobserved 0 drifted 0; 22 1 unobserved 0 drifted 1");
    assert_doubts(state, hub_past_where, &(struct hub_past_ask){.select = "prod", .what = R2},
                  "22 1 unobserved 0 drifted 1");
    assert_doubts(state, hub_past_where,
                  &(struct hub_past_ask){.select = "prod@{8.hours.ago}", .what = "sha256:00"},
                  "22 1 unobserved 0 drifted 0"); // before that
    note(*state, HUB_PAST_IMAGES, "a", 0, THEN_MS + 4 * HOUR_MS);
    assert_doubts(state, hub_past_where, &(struct hub_past_ask){.select = "a", .what = "sha256:00"},
                  "22 1 unobserved 0 drifted 0");
}

static void assert_runs(void **state, query_fn query, const char *select, const char *expected) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_arena *a = cm_arena_new(0);
    struct cm_json *json = ask(state, a, query, &(struct hub_past_ask){.select = select});

    for (const struct cm_json *at = cm_json_get(json, "items")->first; at != NULL; at = at->next) {
        const struct cm_json *runs = cm_json_get(at, "runs");

        add_names(&text, cm_json_get(at, "names"));
        cm_str_addf(&text, " %s, ", cm_json_get(at, "images")->first->text);
        cm_str_addf(&text, "%s; ", runs == NULL ? "-" : runs->first->text);
    }
    cm_arena_free(a);
    assert_string_equal(cm_str_get(&text), expected);
}

static void what_runs_instead_of_what_is_desired_is_shown(void **state) {
    assert_runs(state, hub_past_show, "prod",
                "b reg/web@sha256:00, reg/web:1.4; a reg/web@sha256:00, -; "); // b has failed
    note(*state, HUB_PAST_IMAGES, "a", images_of(*state, "reg/web:9", false),
         THEN_MS + 3 * HOUR_MS);
    assert_runs(state, hub_past_show, "a", "a reg/web@sha256:00, reg/web:9; ");
    assert_runs(state, hub_past_why, "a:web", "a reg/web@sha256:00, reg/web:9; ");
    assert_runs(state, hub_past_show, "a@{8.hours.ago}", "a reg/web@sha256:00, -; ");
    note(*state, HUB_PAST_IMAGES, "a", images_of(*state, "reg/web@sha256:00", true),
         THEN_MS + 4 * HOUR_MS);
    assert_runs(state, hub_past_show, "a", "a reg/web@sha256:00, -; "); // as desired
}

static void clusters_on_which_other_images_run_are_not_alike(void **state) {
    run_well(*state, "c", value_of(*state, R2, "reg/web@sha256:00"), THEN_MS + HOUR_MS);
    note(*state, HUB_PAST_SEEN, "c", 1, THEN_MS + 3 * HOUR_MS);
    note(*state, HUB_PAST_IMAGES, "c", images_of(*state, "reg/web:9", false),
         THEN_MS + 3 * HOUR_MS);
    assert_show(state, "a", "inSync R2 R2 a");
    assert_show(state, "", "failed R2 R1 b; inSync R2 R2 a; inSync R2 R2 c");
}

static void where_nothing_runs_is_not_like_where_the_right_images_do(void **state) {
    const struct hub_past_set nothing = {.app = "web"};
    int64_t value = 0;
    struct cm_err err;

    assert_int_equal(hub_past_images(*state, &nothing, &value, &err), CM_OK);
    run_well(*state, "c", value_of(*state, R2, "reg/web@sha256:00"), THEN_MS + HOUR_MS);
    note(*state, HUB_PAST_SEEN, "c", 1, THEN_MS + 3 * HOUR_MS);
    note(*state, HUB_PAST_IMAGES, "c", value, THEN_MS + 3 * HOUR_MS);
    assert_show(state, "", "failed R2 R1 b; inSync R2 R2 a; inSync R2 R2 c");
}

static void what_is_not_all_known_may_be_without_a_patch(void **state) {
    note(*state, HUB_PAST_IMAGES, "a", images_of(*state, "reg/web@sha256:00", true),
         THEN_MS + 3 * HOUR_MS);
    assert_where(state, &(struct hub_past_ask){.select = "a", .what = "sha256:00"}, "22 a");
    assert_where(state, &(struct hub_past_ask){.select = "a", .what = "sha256:00", .missing = true},
                 "22 a");
    note(*state, HUB_PAST_IMAGES, "a", images_of(*state, "reg/web@sha256:00", false),
         THEN_MS + 4 * HOUR_MS);
    note(*state, HUB_PAST_VERDICT, "a", HUB_VERDICT_DRIFTED, THEN_MS + 4 * HOUR_MS);
    assert_where(state, &(struct hub_past_ask){.select = "a", .what = "sha256:00", .missing = true},
                 ""); // something else was changed there
}

static void until_it_is_healthy_the_release_before_may_run(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_past_ask patch = {.select = "a", .what = "sha256:00", .missing = true};

    assert_where(state, &patch, "");
    note(*state, HUB_PAST_VERDICT, "a", HUB_VERDICT_PROGRESSING, THEN_MS + 3 * HOUR_MS);
    assert_where(state, &patch, "22 a");
    patch.missing = false;
    const struct cm_json *items = cm_json_get(ask(state, a, hub_past_where, &patch), "items");
    assert_int_equal(cm_json_int(cm_json_get(items->first, "unwell"), 0), 1);
    note(*state, HUB_PAST_VERDICT, "a", HUB_VERDICT_HEALTHY, THEN_MS + 4 * HOUR_MS);
    patch.missing = true;
    assert_where(state, &patch, "");
}

static void what_ran_is_told_as_it_was_or_as_it_was_known(void **state) {
    const struct hub_past_change late = {.app = "web",
                                         .axis = HUB_PAST_IMAGES,
                                         .cluster = "a",
                                         .value = images_of(*state, "reg/web:9", false),
                                         .at_ms = THEN_MS + 3 * HOUR_MS,
                                         .seen_ms = THEN_MS + 6 * HOUR_MS};
    struct hub_past_ask ask = {.select = "@{6.hours.ago}", .what = "reg/web:9"};
    struct cm_err err;

    assert_int_equal(hub_past_note(*state, &late, &err), CM_OK);
    assert_where(state, &ask, "22 a");
    ask.known = true;
    assert_where(state, &ask, "");
    ask.select = "@{3.hours.ago}";
    assert_where(state, &ask, "22 a");
    assert_log(state, &(struct hub_past_ask){.select = "a@{1.hour.ago}", .limit = 1},
               "release 22 1/1 Bump"); // who did what is told by events
}

// ---- What runs behind tags

#define ASK(...) (&(struct hub_past_ask){__VA_ARGS__})

// undigested is what an answer about where something runs says of it.
static int64_t undigested(void **state, const struct hub_past_ask *what) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    return cm_json_int(cm_json_get(ask(state, a, hub_past_where, what), "undigested"), -1);
}

// first_digests lists what the first item says of them, with spaces between.
static char *first_digests(void **state, query_fn query, const struct hub_past_ask *what) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    const struct cm_json *item = cm_json_get(ask(state, a, query, what), "items")->first;
    const struct cm_json *list = cm_json_get(item, "digests");

    for (const struct cm_json *at = list == NULL ? NULL : list->first; at != NULL; at = at->next) {
        cm_str_addf(&text, "%s%s", at == list->first ? "" : " ", at->text);
    }
    return cm_strdup(cm_str_get(&text));
}

static void assert_digests(void **state, query_fn query, const struct hub_past_ask *what,
                           const char *expected) {
    CM_AUTOFREE char *found = first_digests(state, query, what);

    assert_string_equal(found, expected);
}

static void a_digest_is_found_behind_a_tag_since_it_runs_there(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct hub_past_ask *now = ASK(.select = "", .what = "reg/web@sha256:aa");

    assert_int_equal(undigested(state, now), 2); // b and c
    note(*state, HUB_PAST_DIGESTS, "b", images_of(*state, "reg/web:1.4@sha256:aa", false),
         THEN_MS + 3 * HOUR_MS);
    assert_where(state, now, "11 b");
    assert_where(state, ASK(.select = "", .what = "sha256:aa"), "11 b");
    assert_where(state, ASK(.select = "", .what = "web:1.4@sha256:aa"), "11 b");
    assert_where(state, ASK(.select = "", .what = "1.4"), "11 b,c");
    const struct cm_json *items = cm_json_get(ask(state, a, hub_past_where, now), "items");
    assert_int_equal(cm_json_int(cm_json_get(items->first, "fromMs"), 0), THEN_MS + 3 * HOUR_MS);
    assert_int_equal(undigested(state, now), 1);
    assert_where(state, ASK(.select = "@{8.hours.ago}", .what = "sha256:aa"), "");
    assert_where(state, ASK(.select = "@{6.hours.ago}", .what = "sha256:aa"), "11 b");
    assert_digests(state, hub_past_where, now, "reg/web:1.4@sha256:aa");
    assert_digests(state, hub_past_show, ASK(.select = "b"), "reg/web:1.4@sha256:aa");
    assert_digests(state, hub_past_show, ASK(.select = "c"), "");
}

static void of_what_is_not_known_a_patch_is_not_called_missing(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_past_ask patch = {.select = "b", .what = "web@sha256:aa", .missing = true};

    note(*state, HUB_PAST_DIGESTS, "c", images_of(*state, "reg/web:1.4@sha256:aa", false),
         THEN_MS + 3 * HOUR_MS);
    const struct cm_json *items = cm_json_get(ask(state, a, hub_past_where, &patch), "items");
    assert_int_equal(cm_json_int(cm_json_get(items->first, "undigested"), -1), 1);
    note(*state, HUB_PAST_DIGESTS, "b", images_of(*state, "reg/web:1.4@sha256:bb", true),
         THEN_MS + 4 * HOUR_MS); // and perhaps others
    assert_int_equal(undigested(state, &patch), 1);
    note(*state, HUB_PAST_DIGESTS, "b", images_of(*state, "reg/web:1.4@sha256:bb", false),
         THEN_MS + 5 * HOUR_MS);
    assert_int_equal(undigested(state, &patch), 0);
    assert_where(state, &patch, "11 b"); // it is missing
    assert_refused(state, hub_past_where, ASK(.select = "", .what = "other@sha256:aa"), "other@");
}

static void a_patch_that_runs_nowhere_yet_is_missing_where_its_image_runs(void **state) {
    struct hub_past_ask patch = {.select = "", .what = "web@sha256:aa", .missing = true};

    note(*state, HUB_PAST_DIGESTS, "b", images_of(*state, "reg/web:1.4@sha256:bb", false),
         THEN_MS + 3 * HOUR_MS);
    assert_where(state, &patch, "11 b; 11 c; 22 a");
    assert_int_equal(undigested(state, &patch), 1); // c
    patch.what = "reg/web:1.5@sha256:aa";
    assert_where(state, &patch, "11 b; 11 c; 22 a");
    assert_int_equal(undigested(state, &patch), 0); // which all have another tag
    assert_where(state, ASK(.select = "", .what = "web@sha256:aa"), "");
    patch.what = "sha256:aa";
    assert_refused(state, hub_past_where, &patch, "behind its name");
    patch.what = "other@sha256:aa";
    assert_refused(state, hub_past_where, &patch, "other@");
}

static void where_another_image_runs_by_now_a_patch_is_not_missing(void **state) {
    const struct hub_past_ask patch = {.select = "prod", .what = "web@sha256:aa", .missing = true};

    note(*state, HUB_PAST_IMAGES, "a", images_of(*state, "reg/other:1", false),
         THEN_MS + 3 * HOUR_MS);
    assert_where(state, &patch, "11 b");
}

// It was taken from a tag to the digest behind it, and the agent has not told of that.
static void behind_an_image_with_a_digest_there_is_no_other(void **state) {
    run_well(*state, "b", value_of(*state, R3, "reg/web:1.4@sha256:aa"), THEN_MS + 3 * HOUR_MS);
    note(*state, HUB_PAST_DIGESTS, "b", images_of(*state, "reg/web:1.4@sha256:bb", false),
         THEN_MS + 3 * HOUR_MS);
    assert_where(state, ASK(.select = "b", .what = "sha256:bb"), "");
    assert_where(state, ASK(.select = "b", .what = "sha256:aa"), "33 b");
    assert_digests(state, hub_past_where, ASK(.select = "b", .what = "sha256:aa"), "");
}

static void of_ever_so_many_digests_some_are_told_and_that_there_are_more(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE const char **images = cm_new(300, sizeof(*images));
    const struct hub_past_set set = {.app = "web", .images = images, .count = 300};
    int64_t value = 0;
    struct cm_err err;

    for (size_t i = 0; i < set.count; i++) {
        images[i] = cm_arena_strf(a, "reg/web:1.4@sha256:%06zu", i);
    }
    assert_int_equal(hub_past_images(*state, &set, &value, &err), CM_OK);
    note(*state, HUB_PAST_DIGESTS, "b", value, THEN_MS + 3 * HOUR_MS);
    const struct cm_json *json = ask(state, a, hub_past_show, ASK(.select = "b"));
    const struct cm_json *item = cm_json_get(json, "items")->first;
    assert_int_equal(cm_json_get(item, "digests")->count, 256);
    assert_true(cm_json_true(cm_json_get(item, "digestsMore")));
    note(*state, HUB_PAST_DIGESTS, "b", images_of(*state, images[0], false), THEN_MS + 4 * HOUR_MS);
    item = cm_json_get(ask(state, a, hub_past_show, ASK(.select = "b")), "items")->first;
    assert_int_equal(cm_json_get(item, "digests")->count, 1);
    assert_null(cm_json_get(item, "digestsMore"));
}

static void digests_of_images_that_do_not_run_any_more_do_not_count(void **state) {
    note(*state, HUB_PAST_DIGESTS, "b", images_of(*state, "reg/web:1.3@sha256:aa", false),
         THEN_MS + 3 * HOUR_MS);
    assert_where(state, ASK(.select = "", .what = "reg/web@sha256:aa"), "");
    assert_where(state, ASK(.select = "@{6.hours.ago}", .what = "1.3"), "");
    assert_digests(state, hub_past_show, ASK(.select = "b"), "");
}

static void all_that_runs_behind_a_tag_that_moved_is_told(void **state) {
    static const char *const both[] = {"reg/web:1.4@sha256:aa", "reg/web:1.4@sha256:bb"};
    const struct hub_past_set set = {.app = "web", .images = both, .count = 2};
    int64_t value = 0;
    struct cm_err err;

    assert_int_equal(hub_past_images(*state, &set, &value, &err), CM_OK);
    note(*state, HUB_PAST_DIGESTS, "b", value, THEN_MS + 3 * HOUR_MS);
    note(*state, HUB_PAST_DIGESTS, "c", images_of(*state, "reg/web:1.4@sha256:cc", false),
         THEN_MS + 3 * HOUR_MS);
    assert_where(state, ASK(.select = "", .what = "sha256:aa"), "11 b");
    assert_where(state, ASK(.select = "", .what = "sha256:bb"), "11 b");
    assert_digests(state, hub_past_show, ASK(.select = "b"),
                   "reg/web:1.4@sha256:aa reg/web:1.4@sha256:bb");
    assert_digests(state, hub_past_where, ASK(.select = "", .what = "1.4"),
                   "reg/web:1.4@sha256:aa reg/web:1.4@sha256:bb reg/web:1.4@sha256:cc");
}

static void a_comparison_says_of_how_much_nobody_knows(void **state) {
    struct cm_arena *a = cm_arena_new(0);
    struct cm_json *json =
        ask(state, a, hub_past_diff, &(struct hub_past_ask){.select = "prod@{9.hours.ago}..c"});
    const struct cm_json *item = cm_json_get(json, "items")->first;

    assert_null(item); // which is the same, as far as anybody knows
    assert_string_equal(word(a, cm_json_get(json, "from"), "unobserved"), "0");
    assert_string_equal(word(a, cm_json_get(json, "to"), "unobserved"), "1");
    assert_true(cm_json_true(cm_json_get(json, "membersNow")));
    json = ask(state, a, hub_past_diff, &(struct hub_past_ask){.select = "a..c"});
    item = cm_json_get(json, "items")->first;
    assert_string_equal(word(a, cm_json_get(item, "to")->first, "unobserved"), "1");
    assert_false(cm_json_true(cm_json_get(json, "membersNow")));
    cm_arena_free(a);
}

// ---- The share of the traffic

#define DEPLOYMENT "Deployment.apps/default/web"

static void decide(struct hub_db *db, const char *verdict, int weight, int64_t at_ms,
                   int64_t seen_ms) {
    CM_AUTOFREE char *id = cm_strf("%s %lld", verdict, (long long)at_ms);
    const struct hub_decision_row row = {.id = cm_sha256(id, strlen(id)),
                                         .cluster = "a",
                                         .cluster_id = "",
                                         .app = "web",
                                         .key = DEPLOYMENT,
                                         .controller = "flagger",
                                         .verdict = verdict,
                                         .bad_revision = R2,
                                         .text = "so",
                                         .weight = weight,
                                         .at_ms = at_ms,
                                         .seen_ms = seen_ms,
                                         .provisional = true};
    struct cm_err err;
    bool is_new;

    assert_int_equal(hub_decisions_add(db, &row, &is_new, &err), CM_OK);
}

// assert_weight: what still gets its traffic is not in sync.
static void assert_weight(void **state, const struct hub_past_ask *what, const char *expected) {
    struct cm_arena *a = cm_arena_new(0);
    struct cm_json *json = ask(state, a, hub_past_show, what);
    struct cm_json *item = cm_json_get(json, "items")->first;

    assert_string_equal(word(a, item, "weight"), expected);
    assert_true((strcmp(word(a, item, "state"), "converging") == 0) == (expected[0] != '-'));
    cm_arena_free(a);
}

static void a_canary_is_shown_with_its_last_share_of_the_traffic(void **state) {
    int64_t at_ms = THEN_MS + 4 * HOUR_MS; // six hours ago

    decide(*state, "weight", 10, at_ms, at_ms);
    decide(*state, "weight", 20, at_ms + HOUR_MS, at_ms + 2 * HOUR_MS);
    decide(*state, "rejected", -1, at_ms + 3 * HOUR_MS, at_ms + 3 * HOUR_MS);
    assert_weight(state, &(struct hub_past_ask){.select = "a@{7.hours.ago}"}, "-");
    assert_weight(state, &(struct hub_past_ask){.select = "a@{330.minutes.ago}"}, "10");
    assert_weight(state, &(struct hub_past_ask){.select = "a@{290.minutes.ago}"}, "20");
    assert_weight(state, &(struct hub_past_ask){.select = "a@{290.minutes.ago}", .known = true},
                  "10");
    assert_weight(state, &(struct hub_past_ask){.select = "a"}, "-");
    assert_weight(state, &(struct hub_past_ask){.select = "b@{290.minutes.ago}"}, "-");
}

static void who_waits_for_somebody_is_shown_to_wait_until_he_goes_on(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    int64_t at_ms = THEN_MS + 4 * HOUR_MS; // six hours ago

    decide(*state, "waiting", 20, at_ms, at_ms);
    decide(*state, "restarted", -1, at_ms + HOUR_MS, at_ms + HOUR_MS);
    decide(*state, "started", 20, at_ms + 3 * HOUR_MS, at_ms + 3 * HOUR_MS);
    const struct cm_json *item =
        cm_json_get(
            ask(state, a, hub_past_show, &(struct hub_past_ask){.select = "a@{4.hours.ago}"}),
            "items")
            ->first;
    assert_string_equal(word(a, item, "state"), "waiting");
    assert_string_equal(word(a, item, "waits"), "flagger: so");
    assert_string_equal(word(a, item, "weight"), "20");
    assert_int_equal(cm_json_int(cm_json_get(item, "toMs"), 0), at_ms);
    item = cm_json_get(ask(state, a, hub_past_show, &(struct hub_past_ask){.select = "a"}), "items")
               ->first;
    assert_string_not_equal(word(a, item, "state"), "waiting");
    assert_string_equal(word(a, item, "waits"), "-");
}

static void what_shifts_no_traffic_is_shown_with_how_far_it_is(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    int64_t at_ms = THEN_MS + 4 * HOUR_MS; // six hours ago

    decide(*state, "weight", -1, at_ms, at_ms);
    decide(*state, "promoted", -1, at_ms + 3 * HOUR_MS, at_ms + 3 * HOUR_MS);
    const struct hub_past_ask then = {.select = "a@{4.hours.ago}"};
    const struct cm_json *item = cm_json_get(ask(state, a, hub_past_show, &then), "items")->first;
    assert_string_equal(word(a, item, "step"), "-"); // which is no step
    run_sql(*state, "UPDATE decision SET text = 'iteration 3' WHERE verdict = 'weight'");
    item = cm_json_get(ask(state, a, hub_past_show, &then), "items")->first;
    assert_string_equal(word(a, item, "step"), "iteration 3");
    assert_string_equal(word(a, item, "weight"), "-");
    assert_string_equal(word(a, item, "state"), "converging");
    item = cm_json_get(ask(state, a, hub_past_show, &(struct hub_past_ask){.select = "a"}), "items")
               ->first;
    assert_string_equal(word(a, item, "step"), "-");
}

static const char *needed(void **state, struct cm_arena *a, const char *select) {
    const struct cm_json *json =
        ask(state, a, hub_past_show, &(struct hub_past_ask){.select = select});

    const char *words =
        cm_json_string(cm_json_get(cm_json_get(json, "items")->first, "needsHuman"));

    return words == NULL ? "-" : words;
}

static void
what_failed_and_serves_is_shown_to_need_people_until_its_controller_goes_on(void **state) {
    static const char words[] = "flagger: so; it failed and serves all the same: commit another "
                                "release, or the one before";
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    int64_t at_ms = THEN_MS + 4 * HOUR_MS; // six hours ago

    decide(*state, "weight", 50, at_ms, at_ms);
    decide(*state, "failed_forward", 100, at_ms + HOUR_MS, at_ms + HOUR_MS);
    assert_string_equal(needed(state, a, "a"), words); // Git says nothing else since
    decide(*state, "started", 20, at_ms + 3 * HOUR_MS, at_ms + 3 * HOUR_MS);
    assert_string_equal(needed(state, a, "a@{330.minutes.ago}"), "-");
    assert_string_equal(needed(state, a, "a@{4.hours.ago}"), words);
    assert_string_equal(needed(state, a, "b@{4.hours.ago}"), "-");
    assert_string_equal(needed(state, a, "a"), "-");
}

// state_now tells how `a` is now.
static const char *state_now(void **state, struct cm_arena *a) {
    const struct cm_json *json =
        ask(state, a, hub_past_show, &(struct hub_past_ask){.select = "a"});

    return word(a, cm_json_get(json, "items")->first, "state");
}

// Its controller says nothing more once the workload has left Git.
static void who_waits_with_what_has_left_git_is_not_shown_to_wait_now(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    int64_t at_ms = THEN_MS + 4 * HOUR_MS; // six hours ago

    decide(*state, "waiting", 20, at_ms, at_ms);
    assert_string_equal(state_now(state, a), "waiting"); // of an App that Git does not say
    run_sql(*state, "INSERT INTO pair (cluster, app, bundle, repo, revision, generation, objects,"
                    " suspend, stale, waits) VALUES ('a', 'web', x'b1', 'fleet', 'a', 1, 1, 0, 0,"
                    " '')");
    run_sql(*state, "INSERT INTO needs_human (cluster, app, key, why, revision, form, bundle,"
                    " at_ms, waits) VALUES ('a', 'web', '" DEPLOYMENT "', 'w', '', '', x'', 1, 1)");
    assert_string_equal(state_now(state, a), "waiting");
    run_sql(*state, "UPDATE needs_human SET key = 'Rollout.argoproj.io/default/web'");
    assert_string_equal(state_now(state, a), "waiting"); // Git says nothing else since
    run_well(*state, "a", value_of(*state, R1, "reg/web:1.4"), at_ms + HOUR_MS);
    assert_string_equal(state_now(state, a), "inSync");
    assert_string_equal(word(a,
                             cm_json_get(ask(state, a, hub_past_show,
                                             &(struct hub_past_ask){.select = "a@{4.hours.ago}"}),
                                         "items")
                                 ->first,
                             "state"),
                        "waiting");
}

// ---- Who did what

struct told {
    const char *kind;
    const char *cluster;
    const char *app;
    const char *key;
    const char *actor;
    const char *message;
};

static void tell(struct hub_db *db, const struct told *t, int64_t happened_ms, int64_t at_ms) {
    struct cm_err err;

    assert_int_equal(hub_events_add(db,
                                    &(struct hub_event){.at_ms = at_ms,
                                                        .happened_ms = happened_ms,
                                                        .kind = t->kind,
                                                        .cluster = t->cluster,
                                                        .app = t->app,
                                                        .key = t->key,
                                                        .actor = t->actor,
                                                        .message = t->message},
                                    &err),
                     CM_OK);
}

static void assert_told(void **state, const struct hub_past_ask *what, const char *expected) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_arena *a = cm_arena_new(0);
    struct cm_json *json = ask(state, a, hub_past_log, what);

    for (const struct cm_json *at = cm_json_get(json, "items")->first; at != NULL; at = at->next) {
        const char *told = cm_json_string(cm_json_get(at, "text"));

        cm_str_addf(&text, "%s%s %s %s: %s ", text.len > 0 ? "; " : "", word(a, at, "kind"),
                    word(a, at, "app"), word(a, at, "actor"), told == NULL ? "-" : told);
        add_names(&text, cm_json_get(at, "names"));
    }
    cm_arena_free(a);
    assert_string_equal(cm_str_get(&text), expected);
}

#define KEY DEPLOYMENT

static void who_changed_what_by_hand_is_one_line_in_the_log(void **state) {
    int64_t at_ms = THEN_MS + 3 * HOUR_MS;
    struct told t = {"drift.found", "a", "web", KEY, "kubectl", "spec.replicas: 1 -> 3"};

    note(*state, HUB_PAST_VERDICT, "a", HUB_VERDICT_DRIFTED, at_ms);
    note(*state, HUB_PAST_VERDICT, "b", HUB_VERDICT_DRIFTED, at_ms + 1000);
    tell(*state, &t, 0, at_ms);
    t.cluster = "b";
    tell(*state, &t, 0, at_ms + 1000);
    t.message = "spec.paused: nothing -> true";
    tell(*state, &t, 0, at_ms + 2000);
    t.actor = "helm";
    tell(*state, &t, 0, at_ms + 2 * HOUR_MS);
    assert_told(state, &(struct hub_past_ask){.select = "", .kind = "drifted"},
                "drifted web helm: " KEY
                ": spec.paused: nothing -> true b; drifted web kubectl: " KEY
                ": spec.paused: nothing -> true, and more b,a");
    assert_told(state, &(struct hub_past_ask){.select = "a", .kind = "drifted"},
                "drifted web kubectl: " KEY ": spec.replicas: 1 -> 3 a");
    assert_told(state, &(struct hub_past_ask){.select = "c", .kind = "drifted"}, "");
}

#define FOR_HPA " for HorizontalPodAutoscaler.autoscaling/default/web"
#define UP "3 to 12 replicas (at least 3, at most 12; changes: 1 within 0 s)" FOR_HPA
#define DOWN "12 to 4 replicas (at least 2, at most 12; changes: 3 within 90 s)" FOR_HPA
#define CONTROLLER "kube-controller-manager"

// begin_scaling has a and b scale up at about the same time, b down a while later, and c the day
// after that.
static int64_t begin_scaling(struct hub_db *db) {
    const struct told up = {"app.scaled", "a", "web", KEY, CONTROLLER, UP};
    int64_t at_ms = NOW_MS / HOUR_MS * HOUR_MS - 5 * HOUR_MS;
    struct told t = up;

    tell(db, &t, at_ms, at_ms + 300000);
    t.cluster = "b";
    tell(db, &t, at_ms + 1000, at_ms + 301000);
    return at_ms;
}

static void scaling_is_one_line_for_an_app_and_hour(void **state) {
    int64_t at_ms = begin_scaling(*state);
    struct told down = {"app.scaled", "b", "web", KEY, CONTROLLER, DOWN};
    const struct hub_past_ask what = {.select = "", .kind = "scaled"};

    assert_told(state, &what,
                "scaled web "
                "kube-control: 3 to 12 (HorizontalPodAutoscaler web) b,a");
    tell(*state, &down, at_ms + HOUR_MS / 3, at_ms + HOUR_MS);
    assert_told(state, &what,
                "scaled web kube-control: between 2 and 12, 5 changes (HorizontalPodAutoscaler "
                "web) b,a");
    tell(*state, &down, at_ms + HOUR_MS * 3 / 4, at_ms + HOUR_MS);
    tell(*state, &down, at_ms + HOUR_MS, at_ms + HOUR_MS);
    assert_told(state, &what,
                "scaled web kube-control: 12 to 4, between 2 and 12, 3 changes "
                "(HorizontalPodAutoscaler web) b; "
                "scaled web kube-control: between 2 and 12, 8 changes (HorizontalPodAutoscaler "
                "web) b,a");
}

static void each_time_that_somebody_scaled_is_a_line_if_asked_for(void **state) {
    (void)begin_scaling(*state);
    assert_told(state, &(struct hub_past_ask){.select = "", .kind = "scaled", .expand = true},
                "scaled web kube-control: " KEY ": 3 to 12 (HorizontalPodAutoscaler web) b; "
                "scaled web kube-control: " KEY ": 3 to 12 (HorizontalPodAutoscaler web) a");
}

static void scaling_can_be_asked_for_like_all_else(void **state) {
    int64_t at_ms = begin_scaling(*state);
    const struct told purged = {"app.scaled", "a", "web", KEY, "[purged]", "[purged]"};
    const struct told other = {"app.scaled", "a", "db", "", "", UP};
    const char *one = "scaled web kube-control: 3 to 12 (HorizontalPodAutoscaler web) a";

    tell(*state, &purged, at_ms, at_ms);
    assert_told(state, &(struct hub_past_ask){.select = "a", .kind = "scaled"}, one);
    assert_told(state, &(struct hub_past_ask){.select = "a:web", .limit = 1}, one);
    assert_told(state, &(struct hub_past_ask){.select = "c", .kind = "scaled"}, "");
    assert_told(state, &(struct hub_past_ask){.select = "", .kind = "promoted"}, "");
    assert_told(state, &(struct hub_past_ask){.select = "a@{6.hours.ago}", .kind = "scaled"}, "");
    tell(*state, &other, at_ms - HOUR_MS, at_ms);
    assert_told(state, &(struct hub_past_ask){.select = ":web", .kind = "scaled"},
                "scaled web kube-control: 3 to 12 (HorizontalPodAutoscaler web) b,a");
    assert_told(
        state,
        &(struct hub_past_ask){.select = "a@{313.minutes.ago}", .kind = "scaled", .known = true},
        "scaled db : 3 to 12 (HorizontalPodAutoscaler web) a");
    assert_told(state,
                &(struct hub_past_ask){.select = "a:web@{313.minutes.ago}", .kind = "scaled"}, one);
}

static void why_tells_of_scaling_only_if_asked_of_the_object(void **state) {
    struct cm_arena *a = cm_arena_new(0);

    (void)begin_scaling(*state);
    struct cm_json *json = ask(state, a, hub_past_why, &(struct hub_past_ask){.select = "a:web"});
    assert_int_equal(cm_json_get(json, "events")->count, 0);
    json = ask(state, a, hub_past_why, &(struct hub_past_ask){.select = "a:web", .object = KEY});
    assert_int_equal(cm_json_get(json, "events")->count, 1);
    cm_arena_free(a);
}

static void drift_of_which_no_event_is_left_is_in_the_log_too(void **state) {
    int64_t at_ms = THEN_MS + 3 * HOUR_MS;
    const struct told t = {"drift.found", "a", "web", KEY, "kubectl", "spec.replicas: 1 -> 3"};

    note(*state, HUB_PAST_VERDICT, "a", HUB_VERDICT_DRIFTED, at_ms);
    note(*state, HUB_PAST_VERDICT, "b", HUB_VERDICT_DRIFTED, at_ms + 1000);
    tell(*state, &t, 0, at_ms);
    assert_told(state, &(struct hub_past_ask){.select = "", .kind = "drifted"},
                "drifted web -: - a,b; drifted web kubectl: " KEY ": spec.replicas: 1 -> 3 a");
}

static void what_git_keeps_out_bans_and_allows_is_in_the_log(void **state) {
    static const struct told all[] = {
        {"hold.started", "", "web", "holds/web/2.yaml", "ann", "'web-2': 1 instead of 2"},
        {"ban.started", "", "", "bans/x.yaml", "bob", "'x': reg/x (CVE-1)"},
        {"exemption.started", "", "db", "", "cid", "'e' may"},
        {"agent.upgraded", "a", "", "", "agent", "1 -> 2"},
        {"agent.upgraded", "c", "", "", "agent", "1 -> 2"},
        {"app.healthy", "a", "web", "", "agent", "it is"},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        tell(*state, &all[i], 0, NOW_MS - HOUR_MS + (int64_t)i * 1000);
    }
    assert_told(state, &(struct hub_past_ask){.select = "", .limit = 4},
                "upgraded  agent: 1 -> 2 c,a; exempted db cid: 'e' may ; ban  bob: bans/x.yaml: "
                "'x': reg/x (CVE-1) ; hold web ann: holds/web/2.yaml: 'web-2': 1 instead of 2 ");
    assert_told(state, &(struct hub_past_ask){.select = ":web", .limit = 2},
                "ban  bob: bans/x.yaml: 'x': reg/x (CVE-1) ; hold web ann: holds/web/2.yaml: "
                "'web-2': 1 instead of 2 ");
    assert_told(state, &(struct hub_past_ask){.select = "c", .limit = 1},
                "upgraded  agent: 1 -> 2 c");
}

// tell_often has ever so much of it, each by somebody else, a millisecond apart.
static void tell_often(struct hub_db *db, const struct told *t, int64_t from_ms, int64_t count) {
    struct cm_err err;

    assert_int_equal(
        hub_db_run(db, &err,
                   "INSERT INTO event (at_ms, kind, cluster, app, key, revision, actor, message)"
                   " WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE"
                   " i + 1 < ?2) SELECT ?1 + i, ?3, ?4, ?5, ?6, '', ?7 || i, ?8 FROM n",
                   "iitttttt", from_ms, count, t->kind, t->cluster, t->app, t->key, t->actor,
                   t->message),
        CM_OK);
}

static const struct told drifted = {"drift.found", "a", "web", "k", "a", "x"};

static void of_one_kind_all_is_in_the_log_behind_ever_so_much_else(void **state) {
    const struct told hold = {"hold.started", "", "web", "holds/web/2.yaml", "ann", "so"};

    tell(*state, &hold, 0, NOW_MS - 2 * HOUR_MS);
    tell_often(*state, &drifted, NOW_MS - HOUR_MS, 100001);
    assert_told(state, &(struct hub_past_ask){.select = "", .kind = "hold"},
                "hold web ann: holds/web/2.yaml: so ");
}

static void what_happened_on_one_cluster_is_in_its_log_behind_all_others(void **state) {
    const struct told one = {"drift.found", "c", "web", "k", "a", "x"};

    tell(*state, &one, 0, NOW_MS - 2 * HOUR_MS);
    tell_often(*state, &drifted, NOW_MS - HOUR_MS, 100001);
    assert_told(state, &(struct hub_past_ask){.select = "c", .kind = "drifted"},
                "drifted web a: k: x c");
}

static void of_few_clusters_the_log_has_all_behind_those_of_others(void **state) {
    static const char *const kinds[] = {"scaled", "drifted"};
    const struct told scaled = {"app.scaled", "a", "web", KEY, CONTROLLER, UP};
    const struct told changed = {"drift.found", "a", "web", "k", "a", "x"};
    const struct told others[] = {{"app.scaled", "b", "web", KEY, CONTROLLER, UP},
                                  {"drift.found", "b", "web", "k", "a", "x"}};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    run_sql(*state, "INSERT INTO cluster_group VALUES ('few', 'fleet', 'p')");
    run_sql(*state, "INSERT INTO group_member VALUES ('few', 'a'), ('few', 'c')");
    tell(*state, &scaled, 0, NOW_MS - 2 * HOUR_MS);
    tell(*state, &changed, 0, NOW_MS - 2 * HOUR_MS);
    for (size_t i = 0; i < 2; i++) {
        const struct hub_past_ask what = {.select = "few", .kind = kinds[i]};

        tell_often(*state, &others[i], NOW_MS - HOUR_MS, 100001);
        assert_told(state, &what,
                    i == 0 ? "scaled web kube-control: 3 to 12 (HorizontalPodAutoscaler web) a"
                           : "drifted web a: k: x a");
        assert_false(cm_json_true(cm_json_get(ask(state, a, hub_past_log, &what), "more")));
    }
}

static void what_scaled_on_one_cluster_is_in_its_log_behind_all_others(void **state) {
    const struct told one = {"app.scaled", "a", "web", KEY, CONTROLLER, UP};
    const struct told often = {"app.scaled", "b", "web", KEY, CONTROLLER, UP};
    const struct hub_past_ask what = {.select = "a", .kind = "scaled"};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    tell(*state, &one, 0, NOW_MS - 2 * HOUR_MS);
    tell_often(*state, &often, NOW_MS - HOUR_MS, 100001);
    assert_told(state, &what, "scaled web kube-control: 3 to 12 (HorizontalPodAutoscaler web) a");
    assert_false(cm_json_true(cm_json_get(ask(state, a, hub_past_log, &what), "more")));
}

static void of_ever_so_much_the_log_says_that_there_is_more(void **state) {
    const struct told ban = {"ban.started", "", "", "bans/x.yaml", "bob", "so"};
    struct cm_arena *a = cm_arena_new(0);

    tell(*state, &ban, 0, NOW_MS - 2 * HOUR_MS);
    tell_often(*state, &drifted, NOW_MS - HOUR_MS, 100001);
    run_sql(*state, "UPDATE event SET actor = 'one'");
    struct cm_json *json =
        ask(state, a, hub_past_log, &(struct hub_past_ask){.select = "@{30.minutes.ago}"});
    assert_true(cm_json_true(cm_json_get(json, "more"))); // though all of that is one action
    cm_arena_free(a);
}

// What an agent told later is not known at that time.
static void the_log_and_why_tell_what_was_known_then(void **state) {
    const struct told t = {"drift.found", "a", "web", KEY, "kubectl", "spec.replicas: 1 -> 3"};
    int64_t late_ms = NOW_MS - HOUR_MS;
    struct cm_arena *a = cm_arena_new(0);
    struct cm_json *json;

    tell(*state, &t, THEN_MS + 3 * HOUR_MS, late_ms);
    decide(*state, "rejected", -1, THEN_MS + 3 * HOUR_MS, late_ms);
    for (int known = 0; known <= 1; known++) {
        struct hub_past_ask what = {
            .select = "a:web@{2.hours.ago}", .kind = "drifted", .known = known == 1};

        assert_told(state, &what,
                    known == 1 ? "" : "drifted web kubectl: " KEY ": spec.replicas: 1 -> 3 a");
        what.kind = "rejected";
        assert_told(state, &what, known == 1 ? "" : "rejected web flagger: so a");
        json = ask(state, a, hub_past_why, &what);
        assert_int_equal(cm_json_get(json, "events")->count, known == 1 ? 0 : 1);
        assert_int_equal(cm_json_get(json, "decisions")->count, known == 1 ? 0 : 1);
    }
    assert_told(state, &(struct hub_past_ask){.select = "a", .kind = "drifted", .known = true},
                "drifted web kubectl: " KEY ": spec.replicas: 1 -> 3 a");
    cm_arena_free(a);
}

static void note_late(struct hub_db *db, const char *cluster, int64_t value, int64_t at_ms,
                      int64_t seen_ms) {
    struct cm_err err;

    assert_int_equal(hub_past_note(db,
                                   &(struct hub_past_change){.app = "web",
                                                             .axis = HUB_PAST_VERDICT,
                                                             .cluster = cluster,
                                                             .value = value,
                                                             .at_ms = at_ms,
                                                             .seen_ms = seen_ms},
                                   &err),
                     CM_OK);
}

static void a_change_that_was_told_late_is_not_in_the_log_of_what_was_known(void **state) {
    note_late(*state, "a", HUB_VERDICT_DEGRADED, THEN_MS + 3 * HOUR_MS, NOW_MS - HOUR_MS);
    assert_told(state, &(struct hub_past_ask){.select = "@{2.hours.ago}", .kind = "degraded"},
                "degraded web -: - a");
    assert_told(
        state,
        &(struct hub_past_ask){.select = "@{2.hours.ago}", .kind = "degraded", .known = true}, "");
}

// ---- Why

static void why_says_what_holds_keep_out_by_whom_and_with_what_proof(void **state) {
    CM_AUTOFREE char *id = cm_strf("rejected %lld", (long long)THEN_MS);
    struct cm_sha256 hash = cm_sha256(id, strlen(id));
    const struct told t = {"hold.started", "", "web", "holds/web/2.yaml", "ann", "'web-2': so"};
    char hex[CM_SHA256_HEX_MAX];
    struct cm_arena *a = cm_arena_new(0);
    struct cm_err err;

    cm_sha256_hex(&hash, hex);
    decide(*state, "rejected", -1, THEN_MS, THEN_MS);
    assert_int_equal(hub_decisions_settle(*state, &hash, HUB_SETTLED_HELD, "", "name: web-2", &err),
                     CM_OK);
    assert_int_equal(
        hub_db_run(*state, &err,
                   "INSERT INTO hold (key, name, app, repo, path, rejected, restored, controller,"
                   " object, text, at_ms, event, clusters, in_force, retry) VALUES ('web-2',"
                   " 'web-2', 'web', 'fleet', 'holds/web/2.yaml', '2', '1', 'flagger', 'o', 'so',"
                   " ?1, ?2, '[\"a\"]', 1, 0)",
                   "it", THEN_MS, hex),
        CM_OK);
    run_sql(*state, "INSERT INTO intent (id, repo, kind, app, cluster, cause, args, actor, state,"
                    " revision, message, made_ms, ended_ms, automatic) VALUES ('i', 'fleet',"
                    " 'hold', 'web', '', 'holds/web/2.yaml',"
                    " '{\"trailers\":{\"Proof\":\"same (a)\",\"Rejects-Commit\":\"" R2
                    "\"}}', 'flagger', 'waiting', '', '', 1, 0, 1)");
    tell(*state, &t, 0, NOW_MS - HOUR_MS);
    run_sql(*state, "DELETE FROM intent"); // after a week

    struct cm_json *json = ask(state, a, hub_past_why, &(struct hub_past_ask){.select = "a:web"});
    const struct cm_json *hold = cm_json_get(json, "holds")->first;
    assert_string_equal(word(a, hold, "name"), "web-2");
    assert_string_equal(word(a, hold, "state"), "in force");
    assert_string_equal(word(a, hold, "actor"), "ann");
    assert_string_equal(word(a, hold, "proof"), "same (a)");
    assert_string_equal(word(a, cm_json_get(json, "decisions")->first, "proof"), "same (a)");
    assert_string_equal(word(a, cm_json_get(json, "events")->first, "kind"), "hold.started");
    json = ask(state, a, hub_past_why, &(struct hub_past_ask){.select = "b:web"});
    assert_null(cm_json_get(json, "holds")->first);
    json = ask(state, a, hub_past_why, &(struct hub_past_ask){.select = "a:web@{20.hours.ago}"});
    assert_null(cm_json_get(json, "holds")->first);
    json = ask(state, a, hub_past_why, &(struct hub_past_ask){.select = "a:web@{2.hours.ago}"});
    assert_non_null(cm_json_get(json, "holds")->first);
    json = ask(state, a, hub_past_why,
               &(struct hub_past_ask){.select = "a:web@{2.hours.ago}", .known = true});
    assert_null(cm_json_get(json, "holds")->first); // its commit came an hour ago
    cm_arena_free(a);
}

static void hold_on(struct hub_db *db, const char *cluster, int64_t at_ms) {
    const struct hub_decision_row row = {.id = cm_sha256(cluster, strlen(cluster)),
                                         .cluster = cluster,
                                         .cluster_id = "",
                                         .app = "web",
                                         .key = KEY,
                                         .controller = "flagger",
                                         .verdict = "rejected",
                                         .bad_revision = R2,
                                         .text = "so",
                                         .at_ms = at_ms,
                                         .seen_ms = at_ms};
    const char *hold = "metadata:\n  name: web-2\n";
    struct cm_err err;
    bool is_new;

    assert_int_equal(hub_decisions_add(db, &row, &is_new, &err), CM_OK);
    assert_int_equal(hub_decisions_settle(db, &row.id, HUB_SETTLED_HELD, "", hold, &err), CM_OK);
}

#define HOLDS_OF(text)                                                                             \
    cm_json_get(ask(state, a, hub_past_why, &(struct hub_past_ask){.select = (text)}), "holds")

// The file names both clusters now, and is as old as what the first of them decided.
static void a_cluster_that_joined_a_hold_had_none_before(void **state) {
    struct cm_arena *a = cm_arena_new(0);
    struct cm_err err;

    hold_on(*state, "a", THEN_MS);
    hold_on(*state, "b", NOW_MS - HOUR_MS);
    assert_int_equal(
        hub_db_run(*state, &err,
                   "INSERT INTO hold (key, name, app, repo, path, rejected, restored, controller,"
                   " object, text, at_ms, event, clusters, in_force, retry) VALUES ('web-2',"
                   " 'web-2', 'web', 'fleet', 'holds/web/2.yaml', '2', '1', 'flagger', 'o', 'so',"
                   " ?1, '', '[\"a\", \"b\"]', 2, 0)",
                   "i", THEN_MS),
        CM_OK);
    assert_int_equal(HOLDS_OF("a:web@{2.hours.ago}")->count, 1);
    assert_int_equal(HOLDS_OF("b:web@{2.hours.ago}")->count, 0);
    assert_int_equal(HOLDS_OF("b:web~1")->count, 0);
    assert_int_equal(HOLDS_OF("b:web@{1.minute.ago}")->count, 1);
    assert_int_equal(HOLDS_OF("b:web")->count, 1);
    // what was desired says that one counted, whoever decided
    run_sql(*state, "UPDATE past_value SET held = '1 instead of 2, holds/web/2.yaml'");
    assert_int_equal(HOLDS_OF("b:web@{2.hours.ago}")->count, 1);
    cm_arena_free(a);
}

static void a_hold_of_people_begins_with_its_commit(void **state) {
    const struct told t = {"hold.started", "", "web", "holds/web/2.yaml", "ann", "'web-2': so"};
    struct cm_arena *a = cm_arena_new(0);

    run_sql(*state, "INSERT INTO hold (key, name, app, repo, path, rejected, restored, controller,"
                    " object, text, at_ms, event, clusters, in_force, retry) VALUES ('web-2',"
                    " 'web-2', 'web', 'fleet', 'holds/web/2.yaml', '2', '1', '', 'o', 'so', 0, '',"
                    " '[\"a\"]', 1, 0)");
    tell(*state, &t, 0, NOW_MS - HOUR_MS);

    struct cm_json *json = ask(state, a, hub_past_why, &(struct hub_past_ask){.select = "a:web"});
    assert_int_equal(cm_json_int(cm_json_get(cm_json_get(json, "holds")->first, "atMs"), 0),
                     NOW_MS - HOUR_MS);
    json = ask(state, a, hub_past_why, &(struct hub_past_ask){.select = "a:web@{2.hours.ago}"});
    assert_null(cm_json_get(json, "holds")->first);
    cm_arena_free(a);
}

static void what_is_wrongly_selected_is_said(void **state) {
    struct cm_arena *a = cm_arena_new(0);
    struct cm_json *answer = NULL;
    struct cm_err err;

    assert_int_equal(hub_past_log(*state, a,
                                  &(struct hub_past_ask){.select = "a@{soon}", .now_ms = NOW_MS},
                                  &answer, &err),
                     CM_EINVAL);
    cm_arena_free(a);
}

static void why_can_be_asked_of_one_object(void **state) {
    static const char *const names[] = {KEY, "Deployment/web", "Deployment/default/web"};
    const struct told web = {"drift.found", "a", "web", KEY, "kubectl", "spec.replicas: 1 -> 3"};
    const struct told other = {"drift.found", "a", "web", "ConfigMap/default/web", "ann", "x"};
    struct cm_arena *a = cm_arena_new(0);

    tell(*state, &web, 0, NOW_MS - HOUR_MS);
    tell(*state, &other, 0, NOW_MS - HOUR_MS);
    decide(*state, "promoted", -1, THEN_MS, THEN_MS);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct cm_json *json = ask(state, a, hub_past_why,
                                   &(struct hub_past_ask){.select = "a:web", .object = names[i]});

        assert_int_equal(cm_json_get(json, "events")->count, 1);
        assert_string_equal(word(a, cm_json_get(json, "events")->first, "actor"), "kubectl");
        assert_int_equal(cm_json_get(json, "decisions")->count, 1);
    }
    struct cm_json *json =
        ask(state, a, hub_past_why,
            &(struct hub_past_ask){.select = "a:web", .object = "ConfigMap/web"});
    assert_string_equal(word(a, cm_json_get(json, "events")->first, "actor"), "ann");
    assert_int_equal(cm_json_get(json, "decisions")->count, 0);
    cm_arena_free(a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_past, close_db)

static const struct CMUnitTest tests[] = {
    TEST(it_is_shown_as_it_is_now),
    TEST(what_no_app_in_git_names_is_shown_as_observed),
    TEST(it_is_shown_as_it_was),
    TEST(so_many_changes_back_is_the_moment_before_them),
    TEST(what_is_not_there_is_an_error),
    TEST(each_action_is_one_line_for_the_whole_fleet),
    TEST(a_log_can_be_of_less),
    TEST(what_controllers_decided_is_in_the_log),
    TEST(what_a_hold_makes_of_a_commit_is_told_apart),
    TEST(what_git_suspends_is_no_release_that_nobody_has_done),
    TEST(what_was_suspended_and_resumed_is_the_same),
    TEST(what_runs_where_is_found_by_image_tag_digest_and_commit),
    TEST(where_it_is_missing_is_found),
    TEST(of_before_what_is_kept_nothing_is_told_and_that_is_said),
    TEST(what_never_ran_is_an_error),
    TEST(environments_and_moments_are_compared),
    TEST(what_is_frozen_is_shown_and_what_was),
    TEST(the_log_says_what_was_frozen_by_whom_and_until_when),
    TEST(the_log_says_what_sites_allowed_themselves),
    TEST(what_was_not_observed_does_not_count_as_known),
    TEST(a_cluster_that_is_away_is_not_known_to_have_a_patch),
    TEST(nor_is_one_where_something_was_changed_by_hand),
    TEST(what_really_runs_counts_however_the_app_does),
    TEST(what_runs_instead_of_what_is_desired_is_shown),
    TEST(clusters_on_which_other_images_run_are_not_alike),
    TEST(where_nothing_runs_is_not_like_where_the_right_images_do),
    TEST(what_is_not_all_known_may_be_without_a_patch),
    TEST(until_it_is_healthy_the_release_before_may_run),
    TEST(what_ran_is_told_as_it_was_or_as_it_was_known),
    TEST(a_digest_is_found_behind_a_tag_since_it_runs_there),
    TEST(of_what_is_not_known_a_patch_is_not_called_missing),
    TEST(a_patch_that_runs_nowhere_yet_is_missing_where_its_image_runs),
    TEST(where_another_image_runs_by_now_a_patch_is_not_missing),
    TEST(behind_an_image_with_a_digest_there_is_no_other),
    TEST(of_ever_so_many_digests_some_are_told_and_that_there_are_more),
    TEST(digests_of_images_that_do_not_run_any_more_do_not_count),
    TEST(all_that_runs_behind_a_tag_that_moved_is_told),
    TEST(a_comparison_says_of_how_much_nobody_knows),
    TEST(who_waits_for_somebody_is_shown_to_wait_until_he_goes_on),
    TEST(who_waits_with_what_has_left_git_is_not_shown_to_wait_now),
    TEST(what_shifts_no_traffic_is_shown_with_how_far_it_is),
    TEST(a_canary_is_shown_with_its_last_share_of_the_traffic),
    TEST(who_changed_what_by_hand_is_one_line_in_the_log),
    TEST(drift_of_which_no_event_is_left_is_in_the_log_too),
    TEST(what_git_keeps_out_bans_and_allows_is_in_the_log),
    TEST(the_log_and_why_tell_what_was_known_then),
    TEST(scaling_is_one_line_for_an_app_and_hour),
    TEST(each_time_that_somebody_scaled_is_a_line_if_asked_for),
    TEST(scaling_can_be_asked_for_like_all_else),
    TEST(why_tells_of_scaling_only_if_asked_of_the_object),
    TEST(a_change_that_was_told_late_is_not_in_the_log_of_what_was_known),
    TEST(of_one_kind_all_is_in_the_log_behind_ever_so_much_else),
    TEST(what_happened_on_one_cluster_is_in_its_log_behind_all_others),
    TEST(of_few_clusters_the_log_has_all_behind_those_of_others),
    TEST(what_scaled_on_one_cluster_is_in_its_log_behind_all_others),
    TEST(of_ever_so_much_the_log_says_that_there_is_more),
    TEST(why_says_what_holds_keep_out_by_whom_and_with_what_proof),
    TEST(a_cluster_that_joined_a_hold_had_none_before),
    TEST(a_hold_of_people_begins_with_its_commit),
    TEST(what_is_wrongly_selected_is_said),
    TEST(why_can_be_asked_of_one_object),
    TEST(what_failed_and_serves_is_shown_to_need_people_until_its_controller_goes_on),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
