// The index of the past is compared with what is made anew of the state repository, after random
// histories that are written there in passes of which some are killed before they were noted.
#include "hub/jobs/reindex.h"

#include "tests/unit/hub/repo/scratch.h"

#include <inttypes.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/fsys.h"
#include "common/json.h"
#include "hub/access/registry.h"
#include "hub/jobs/state_pass.h"
#include "hub/repo/source.h"
#include "hub/store/db.h"
#include "hub/store/decisions.h"
#include "hub/store/events.h"
#include "hub/store/meta.h"
#include "hub/store/past.h"
#include "hub/store/past_lines.h"
#include "hub/store/past_query.h"
#include "hub/store/proven.h"
#include "hub/store/schema.h"

#define HUB "0d7e2b1f-7a55-4a8e-9a34-0d7e2b1f0a11"
#define CLUSTERS 12
#define APPS 3
#define VALUES 9
#define STEP_MS 45000

struct history {
    struct scratch *scratch;
    struct hub_db *db;
    struct hub_state_pass *pass;
    char *dir;
    char *db_path;
    char *repo;
    char *registry;
    uint32_t random;
    int64_t now_ms;
    int64_t began_ms;
    uint64_t epoch;
    int64_t keep_months;
    struct cm_err err;
};

static uint32_t dice(struct history *h, uint32_t sides) {
    h->random = h->random * 1664525u + 1013904223u;
    return (h->random >> 8) % sides;
}

static void must(struct history *h, enum cm_rc rc) {
    if (rc < 0) {
        fail_msg("%s", h->err.msg);
    }
}

static void begin_passes(struct history *h) {
    static const uint8_t key[32] = {7};
    struct hub_state_pass_config config = {.folder = h->repo,
                                           .db_path = h->db_path,
                                           .hub_id = HUB,
                                           .registry = h->registry,
                                           .epoch = h->epoch,
                                           .value_key = key,
                                           .keep_months = h->keep_months,
                                           .cancel_fd = -1};

    hub_state_pass_free(h->pass);
    h->pass = hub_state_pass_new(&config);
}

static struct history history_of(void *state, uint32_t seed) {
    struct history h = {.scratch = state,
                        .dir = scratch_path(state, "."),
                        .db_path = scratch_path(state, "hub.db"),
                        .repo = scratch_path(state, "state.git"),
                        .registry = scratch_path(state, "registry.jsonl"),
                        .random = seed,
                        .epoch = 1,
                        .began_ms = cm_clock_unix_ms() - INT64_C(20) * 24 * 3600 * 1000};

    h.now_ms = h.began_ms;
    must(&h, hub_db_open(h.db_path, HUB_DB_WRITER, &h.db, &h.err));
    must(&h, hub_db_run(h.db, &h.err, "PRAGMA synchronous=OFF", "")); // thousands of changes
    begin_passes(&h);
    return h;
}

static void history_done(struct history *h) {
    hub_state_pass_free(h->pass);
    hub_db_close(h->db);
    free(h->dir);
    free(h->db_path);
    free(h->repo);
    free(h->registry);
}

static void close_all(struct history *h) {
    hub_state_pass_free(h->pass);
    h->pass = NULL;
    hub_db_close(h->db);
    h->db = NULL;
}

// ---- What happens

static const char *cluster_of(struct history *h) {
    static const char *const names[CLUSTERS] = {"c01", "c02", "c03", "c04", "c05", "c06",
                                                "c07", "c08", "c09", "c10", "c11", "c12"};

    return names[dice(h, CLUSTERS)];
}

static const char *const apps[APPS] = {"web", "shop", "mail"};

static void note(struct history *h, const char *app, enum hub_past_axis axis, int64_t value,
                 int64_t late_ms) {
    must(h, hub_past_note(h->db,
                          &(struct hub_past_change){.app = app,
                                                    .axis = axis,
                                                    .cluster = cluster_of(h),
                                                    .value = value,
                                                    .at_ms = h->now_ms - late_ms,
                                                    .seen_ms = h->now_ms},
                          &h->err));
}

static int64_t value_of(struct history *h, uint32_t which) {
    CM_AUTOFREE char *revision = cm_strf("%040x", 0xabc000 + which);
    CM_AUTOFREE char *image = cm_strf("reg/%s:%u", apps[which % APPS], which / 2);
    const struct hub_past_bundle b = {.app = apps[which % APPS],
                                      .bundle = {{(uint8_t)(which + 1)}},
                                      .revision = revision,
                                      .repo = "fleet",
                                      .held = which == 4 ? "reg/shop:9" : "",
                                      .suspended = which == 5};
    bool made = false;
    int64_t value = 0;

    must(h, hub_past_value(h->db, &b, &value, &made, &h->err));
    must(h, made ? hub_past_image(h->db, value, image, &h->err) : CM_OK);
    return value;
}

static void release(struct history *h, int64_t late_ms) {
    uint32_t which = dice(h, VALUES);
    bool none = dice(h, 6) == 0;

    note(h, apps[which % APPS], dice(h, 2) == 0 ? HUB_PAST_DESIRED : HUB_PAST_ACTUAL,
         none ? 0 : value_of(h, which), late_ms);
}

// What runs is sometimes what another App has, too.
static void run_other(struct history *h) {
    uint32_t which = dice(h, 6);
    CM_AUTOFREE char *own = cm_strf("reg/web:%u", which);
    const char *const images[] = {own, "reg/web:3"};
    const struct hub_past_set set = {
        .app = apps[which % APPS], .images = images, .count = which % 2 + 1, .partial = which == 5};
    int64_t value = 0;

    must(h, dice(h, 3) == 0 ? CM_OK : hub_past_images(h->db, &set, &value, &h->err));
    note(h, set.app, HUB_PAST_IMAGES, value, dice(h, 4) == 0 ? 7200000 : 0);
}

// run_behind has a tag mean this or that.
static void run_behind(struct history *h) {
    uint32_t which = dice(h, 6);
    CM_AUTOFREE char *image = cm_strf("reg/web:3@sha256:%u", which);
    const char *const images[] = {image};
    const struct hub_past_set set = {
        .app = apps[which % APPS], .images = images, .count = 1, .partial = which == 5};
    int64_t value = 0;

    must(h, dice(h, 4) == 0 ? CM_OK : hub_past_images(h->db, &set, &value, &h->err));
    note(h, set.app, HUB_PAST_DIGESTS, value, dice(h, 4) == 0 ? 7200000 : 0);
}

// An image that somebody set by hand on c02.
static void run_by_hand(struct history *h, const char *name) {
    CM_AUTOFREE char *image = cm_strf("reg/%s:by-hand", name);
    const char *const images[] = {image};
    const struct hub_past_set set = {.app = "web", .images = images, .count = 1};
    struct hub_past_change change = {.app = "web",
                                     .axis = HUB_PAST_IMAGES,
                                     .cluster = "c02",
                                     .at_ms = h->now_ms,
                                     .seen_ms = h->now_ms};

    must(h, hub_past_images(h->db, &set, &change.value, &h->err));
    must(h, hub_past_note(h->db, &change, &h->err));
}

static void decide(struct history *h) {
    struct cm_sha256 id = {{1}};
    bool fresh = false;
    uint32_t number = dice(h, 60);
    struct hub_decision_row row = {.cluster = cluster_of(h),
                                   .cluster_id = "uid",
                                   .app = apps[number % APPS],
                                   .key = "Deployment.apps/default/web",
                                   .controller = "flagger",
                                   .verdict = number % 5 == 3   ? "failed_forward"
                                              : number % 2 == 0 ? "rejected"
                                                                : "promoted",
                                   .bad_revision = "abc000",
                                   .good_revision = "abc001",
                                   .text = "it failed; its log ends: password=hunter2",
                                   .weight = number % 5 == 0 ? (int)number : -1,
                                   .at_ms = h->now_ms,
                                   .seen_ms = h->now_ms,
                                   .actor = "flagger",
                                   .provisional = number % 3 == 0};

    id.bytes[1] = (uint8_t)number;
    row.id = id;
    must(h, hub_decisions_add(h->db, &row, &fresh, &h->err));
    if (!fresh) {
        must(h, hub_decisions_settle(h->db, &id, HUB_SETTLED_HELD, "it is held", "{}", &h->err));
    }
    must(h, hub_db_run(h->db, &h->err,
                       "UPDATE decision SET proof = 'same (c01)' WHERE number % 3 = 0 AND"
                       " proof = ''",
                       ""));
    must(h, hub_verdicts_put(h->db,
                             &(struct hub_verdict_row){.cluster_id = "uid",
                                                       .app = row.app,
                                                       .identity = number % 2 == 0 ? "a" : "b",
                                                       .verdict = row.verdict,
                                                       .revision = "abc000",
                                                       .at_ms = h->now_ms,
                                                       .by = "flagger"},
                             &h->err));
}

static void promote(struct history *h) {
    bool earlier = false;
    const struct hub_proven_row row = {.cluster = cluster_of(h),
                                       .agent = dice(h, 2) == 0 ? "agent-1" : "agent-2",
                                       .app = "web",
                                       .key = "Deployment.apps/default/web",
                                       .needs = "",
                                       .revision = "abc001",
                                       .bundle = {{3}}};

    must(h, hub_proven_put(h->db, &row, &earlier, &h->err));
    must(h, hub_proven_take(h->db, &row, &h->err));
}

static void freeze(struct history *h) {
    CM_AUTOFREE char *name = cm_strf("stop-%u", dice(h, 5));

    must(h, hub_db_run(h->db, &h->err,
                       "UPDATE freeze_past_cluster SET to_ms = ?2 WHERE to_ms = 0 AND freeze IN"
                       " (SELECT id FROM freeze_past WHERE name = ?1 AND to_ms = 0)",
                       "ti", name, h->now_ms));
    must(h, hub_db_run(h->db, &h->err,
                       "UPDATE freeze_past SET to_ms = ?2, ended_by = 'ann', ended_why = 'enough'"
                       " WHERE name = ?1 AND to_ms = 0",
                       "ti", name, h->now_ms));
    must(h, hub_db_run(h->db, &h->err,
                       "INSERT OR IGNORE INTO freeze (name, app, cluster, grp, selector, reason,"
                       " actor, at_ms, until_ms, repo, path, git, ended_ms, note) VALUES (?1, '',"
                       " '', '', '', '', '', 0, 0, '', '', 0, 0, '')",
                       "t", name));
    must(h, hub_db_run(h->db, &h->err,
                       "INSERT INTO freeze_past (name, app, reason, actor, source, from_ms,"
                       " until_ms, to_ms, ended_by, ended_why) VALUES (?1, 'web', 'why', 'bob', '',"
                       " ?2, 0, 0, '', '')",
                       "ti", name, h->now_ms));
    must(h, hub_db_run(h->db, &h->err,
                       "INSERT INTO freeze_past_cluster (freeze, cluster, from_ms, to_ms) SELECT"
                       " max(id), ?1, ?2, 0 FROM freeze_past",
                       "ti", cluster_of(h), h->now_ms));
}

static void add_event(struct history *h) {
    const struct hub_event event = {.at_ms = h->now_ms,
                                    .kind = "app.applied",
                                    .cluster = cluster_of(h),
                                    .app = apps[dice(h, APPS)],
                                    .revision = "abc000",
                                    .actor = "agent",
                                    .message = "it is applied"};

    must(h, hub_events_add(h->db, &event, &h->err));
}

static void happen(struct history *h) {
    uint32_t what = dice(h, 100);

    h->now_ms += dice(h, STEP_MS);
    if (what < 60) {
        release(h, 0);
    } else if (what < 64) {
        release(h, (int64_t)dice(h, 7200) * 1000);
    } else if (what < 70) {
        run_other(h);
        run_behind(h);
    } else if (what < 80) {
        note(h, apps[dice(h, APPS)], HUB_PAST_VERDICT, dice(h, HUB_VERDICT_SUSPENDED + 1), 0);
    } else if (what < 90) {
        note(h, "", HUB_PAST_SEEN, dice(h, 2), 0);
    } else if (what < 91) {
        must(h, hub_past_forget(h->db, cluster_of(h), h->now_ms, &h->err));
    } else if (what < 94) {
        decide(h);
    } else if (what < 95) {
        promote(h);
    } else if (what < 96) {
        freeze(h);
    } else {
        add_event(h);
    }
}

// ---- Passes

static void write_down(struct history *h, bool noted) {
    struct hub_state_done done = {0};

    do {
        must(h, hub_state_pass_run(h->pass, &done, &h->err));
        if (!noted) {
            begin_passes(h); // killed before it was noted
            return;
        }
        must(h, hub_past_lines_written(h->db, done.changes_written, done.changes_listed, &h->err));
        must(h, done.wants_changes ? hub_past_lines_want(h->db, true, &h->err) : CM_OK);
    } while (done.more || done.fresh || done.wants_changes);
}

static void go_on(struct history *h, size_t steps) {
    must(h, hub_db_begin(h->db, &h->err));
    for (size_t i = 0; i < steps; i++) {
        happen(h);
    }
    must(h, hub_past_keep(h->db, h->now_ms, &h->err));
    must(h, hub_db_commit(h->db, &h->err));
}

static void live(struct history *h, size_t days) {
    for (size_t i = 0; i < days; i++) {
        go_on(h, 400);
        write_down(h, dice(h, 3) != 0);
    }
}

// ---- Tables and answers

static const char *const tables[] = {"past_cluster",
                                     "past_value",
                                     "past_image",
                                     "past_now",
                                     "past_value_image",
                                     "past_change",
                                     "freeze_past",
                                     "freeze_past_cluster",
                                     "past_checkpoint",
                                     "decision",
                                     "verdict",
                                     "proven",
                                     "event",
                                     "past_unwritten"};
enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

static void add_rows(struct history *h, const char *sql, struct cm_str *out) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;

    must(h, hub_db_query_texts(h->db, &stmt, &h->err, sql, NULL, 0));
    while (hub_stmt_next(stmt, &h->err) == CM_OK) {
        cm_str_addf(out, "%s\n", hub_stmt_text(stmt, 0));
    }
}

static int64_t count_of(struct history *h, const char *sql) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;

    must(h, hub_db_query_texts(h->db, &stmt, &h->err, sql, NULL, 0));
    must(h, hub_stmt_next(stmt, &h->err));
    return hub_stmt_int(stmt, 0);
}

static char *rows_of(struct history *h, const char *table, const char *but) {
    CM_CLEANUP(cm_str_done) struct cm_str columns = {0};
    CM_CLEANUP(cm_str_done) struct cm_str rows = {0};
    CM_AUTOFREE char *ask = cm_strf("SELECT group_concat('quote(' || name || ')', '||'' ''||') FROM"
                                    " pragma_table_info('%s') WHERE name NOT IN (%s)",
                                    table, but);

    add_rows(h, ask, &columns);
    columns.data[columns.len - 1] = ' ';
    CM_AUTOFREE char *sql = cm_strf("SELECT %s FROM %s ORDER BY 1", columns.data, table);
    add_rows(h, sql, &rows);
    return cm_strf("%s: %s", table, cm_str_get(&rows));
}

static void add_answer(struct history *h, const char *verb, const struct hub_past_ask *ask,
                       struct cm_str *out) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *answer = NULL;
    enum cm_rc rc = CM_OK;

    switch (verb[0]) {
    case 's':
        rc = hub_past_show(h->db, a, ask, &answer, &h->err);
        break;
    case 'l':
        rc = hub_past_log(h->db, a, ask, &answer, &h->err);
        break;
    case 'd':
        rc = hub_past_diff(h->db, a, ask, &answer, &h->err);
        break;
    case 'w':
        rc = ask->what == NULL ? hub_past_why(h->db, a, ask, &answer, &h->err)
                               : hub_past_where(h->db, a, ask, &answer, &h->err);
        break;
    default:
        fail();
    }
    cm_str_addf(out, "%s %s: ", verb, ask->select);
    if (rc == CM_OK) {
        cm_json_write_compact(answer, out);
    } else {
        cm_str_add(out, h->err.msg);
    }
    cm_str_add_char(out, '\n');
}

static void add_answers_at(struct history *h, int64_t at_ms, struct cm_str *out) {
    char at[CM_CLOCK_TEXT_MAX];

    cm_clock_format(at_ms, at);
    CM_AUTOFREE char *all = cm_strf("@{%s}", at);
    CM_AUTOFREE char *one = cm_strf("c03:web@{%s}", at);
    CM_AUTOFREE char *sides = cm_strf("c01@{%s}..c02", at);
    struct hub_past_ask ask = {.select = all, .now_ms = h->now_ms};

    add_answer(h, "show", &ask, out);
    add_answer(h, "log", &ask, out);
    ask.known = true;
    add_answer(h, "show", &ask, out);
    ask.known = false;
    ask.what = "reg/web:3";
    add_answer(h, "where", &ask, out);
    ask.missing = true;
    add_answer(h, "where", &ask, out);
    ask.what = "web@sha256:3";
    add_answer(h, "where", &ask, out);
    ask.what = NULL;
    ask.select = one;
    add_answer(h, "why", &ask, out);
    ask.select = sides;
    add_answer(h, "diff", &ask, out);
    ask.select = "web~2";
    add_answer(h, "show", &ask, out);
}

static char *answers(struct history *h) {
    CM_CLEANUP(cm_str_done) struct cm_str out = {0};

    for (int i = 0; i <= 20; i++) {
        add_answers_at(h, h->began_ms + (h->now_ms - h->began_ms) / 20 * i, &out);
    }
    return cm_strdup(out.data);
}

// ---- The comparison

struct before {
    const char *but; // columns
    char *tables[TABLES];
    char *answers;
};

static void before_done(struct before *b) {
    for (size_t i = 0; i < TABLES; i++) {
        free(b->tables[i]);
    }
    free(b->answers);
}

// What lines do not tell of a decision.
#define UNTOLD                                                                                     \
    "'bad', 'good', 'bad_bundle', 'good_bundle', 'good_object', 'provisional', 'why',"             \
    "'hold'"

// Of decisions that only lines tell of what a program wrote is not known.
static void cut_texts(struct history *h) {
    must(h,
         hub_db_run(h->db, &h->err, "UPDATE decision SET text = 'it failed; its log ends: '", ""));
}

static struct before remember_but(struct history *h, const char *but) {
    struct before b = {.but = but};

    cut_texts(h);
    for (size_t i = 0; i < TABLES; i++) {
        b.tables[i] = rows_of(h, tables[i], but);
    }
    b.answers = answers(h);
    return b;
}

static struct before remember(struct history *h) {
    return remember_but(h, UNTOLD);
}

static enum cm_rc reindex(struct history *h, struct hub_reindex_facts *facts) {
    const struct hub_reindex_config config = {h->dir, 1000000};

    hub_state_pass_free(h->pass);
    h->pass = NULL;
    hub_db_close(h->db);
    h->db = NULL;
    enum cm_rc rc = hub_reindex(&config, facts, &h->err);
    struct cm_err err = h->err;
    must(h, hub_db_open(h->db_path, HUB_DB_WRITER, &h->db, &h->err));
    h->err = err;
    begin_passes(h);
    return rc;
}

static void compare(struct history *h, const struct before *b) {
    cut_texts(h);
    CM_AUTOFREE char *now = answers(h);

    for (size_t i = 0; i < TABLES; i++) {
        CM_AUTOFREE char *rows = rows_of(h, tables[i], b->but);

        assert_string_equal(rows, b->tables[i]);
    }
    assert_string_equal(now, b->answers);
}

// Of events the last are in no repository yet.
#define HALF_OF_EVENTS                                                                             \
    "DELETE FROM event WHERE number % 2 = 0 AND number < (SELECT max(number) - 50 FROM event)"

static void spoil(struct history *h) {
    static const char *const sqls[] = {"DELETE FROM past_change WHERE number % 3 = 0",
                                       "DELETE FROM past_cluster",
                                       "DELETE FROM past_checkpoint",
                                       "DELETE FROM past_now",
                                       "DELETE FROM past_value_image",
                                       "DELETE FROM freeze_past_cluster",
                                       "DELETE FROM decision WHERE number % 2 = 0",
                                       "DELETE FROM verdict",
                                       "DELETE FROM proven",
                                       HALF_OF_EVENTS};

    must(h, hub_past_lines_set(h->db, HUB_PAST_LINES_OFF, &h->err));
    for (size_t i = 0; i < sizeof(sqls) / sizeof(sqls[0]); i++) {
        must(h, hub_db_run(h->db, &h->err, sqls[i], ""));
    }
    must(h, hub_past_lines_set(h->db, HUB_PAST_LINES_KEPT, &h->err));
}

static void what_is_made_anew_is_the_same(void **state) {
    for (uint32_t seed = 1; seed <= 3; seed++) {
        CM_CLEANUP(history_done) struct history h = history_of(*state, seed);
        CM_CLEANUP(before_done) struct before b = {.answers = NULL};
        struct hub_reindex_facts facts = {0};

        write_down(&h, true);
        live(&h, 20);
        go_on(&h, 50); // of which no line is in the repository yet
        b = remember(&h);
        spoil(&h);
        must(&h, reindex(&h, &facts));
        assert_int_equal(facts.repeated + facts.lost + facts.purged, 0);
        assert_true(facts.kept > 0 && facts.lines > 4000 && facts.events > 0);
        compare(&h, &b);
        write_down(&h, true); // and the hub goes on from there
        must(&h, reindex(&h, &facts));
        assert_int_equal(facts.kept, 0);
        scratch_run(h.scratch, "rm -rf hub.db* state.git");
    }
}

// ---- Months

#define DAY_MS (INT64_C(24) * 3600 * 1000)

// live_months lives a day every six days, for so many months; passes are made at the time.
static struct history live_months(void *state, uint32_t seed, size_t months) {
    struct history h = history_of(state, seed);

    h.keep_months = 24;
    begin_passes(&h);
    cm_clock_fake(h.now_ms);
    write_down(&h, true);
    for (size_t i = 0; i < months * 5; i++) {
        h.now_ms += 6 * DAY_MS;
        go_on(&h, 200);
        cm_clock_fake(h.now_ms);
        write_down(&h, dice(&h, 3) != 0);
    }
    return h;
}

static void months_done(struct history *h) {
    cm_clock_fake(-1);
    history_done(h);
}

static void of_all_months_the_index_is_made_as_it_was(void **state) {
    for (uint32_t seed = 40; seed <= 41; seed++) {
        CM_CLEANUP(months_done) struct history h = live_months(*state, seed, 4);
        CM_CLEANUP(before_done) struct before b = {.answers = NULL};
        struct hub_reindex_facts facts = {0};

        go_on(&h, 50);
        b = remember(&h);
        scratch_run(h.scratch, "test $(git -C state.git tag -l 'state/events/*' | wc -l) -ge 3");
        must(&h, reindex(&h, &facts));
        assert_true(facts.kept_from_ms == 0 && facts.lost == 0 && facts.repeated > 100);
        compare(&h, &b);
        cm_clock_fake(-1);
        scratch_run(h.scratch, "rm -rf hub.db* state.git");
    }
}

static int order_texts(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

// add_show tells how all was at a moment. Items that are as large have no order.
static void add_show(struct history *h, const char *at, struct cm_str *out) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE char *all = cm_strf("@{%s}", at);
    const struct hub_past_ask ask = {.select = all, .now_ms = h->now_ms};
    struct cm_json *answer = NULL;
    char *rows[256];
    size_t count = 0;

    cm_str_addf(out, "%s:\n", at);
    if (hub_past_show(h->db, a, &ask, &answer, &h->err) < 0) {
        cm_str_addf(out, "%s\n", h->err.msg);
        return;
    }
    for (const struct cm_json *item = cm_json_get(answer, "items")->first; item != NULL;
         item = item->next) {
        CM_CLEANUP(cm_str_done) struct cm_str row = {0};

        cm_json_write_compact(item, &row);
        assert_true(count < sizeof(rows) / sizeof(rows[0]));
        rows[count++] = cm_str_take(&row);
    }
    assert_true(count > 0);
    qsort(rows, count, sizeof(rows[0]), order_texts);
    for (size_t i = 0; i < count; i++) {
        cm_str_addf(out, "%s\n", rows[i]);
        free(rows[i]);
    }
}

static char *show_since(struct history *h, int64_t from_ms) {
    CM_CLEANUP(cm_str_done) struct cm_str out = {0};

    for (int i = 0; i <= 30; i++) {
        char at[CM_CLOCK_TEXT_MAX];

        cm_clock_format(from_ms + (h->now_ms - from_ms) / 30 * i, at);
        add_show(h, at, &out);
    }
    return cm_strdup(out.data);
}

static void of_months_that_are_left_the_index_tells_how_it_was_since_then(void **state) {
    CM_CLEANUP(months_done) struct history h = live_months(*state, 42, 4);
    struct hub_reindex_facts facts = {0};
    int64_t from_ms = 0;

    write_down(&h, true);
    CM_AUTOFREE char *from =
        scratch_sh(h.scratch, "cd state.git; for t in $(git tag -l 'state/events/*' | head -2); do"
                              " git tag -d $t >/dev/null; done;"
                              " t=$(git tag -l 'state/events/*' | head -1); git log -1 --format=%cI"
                              " $(git rev-list --max-parents=0 $t) | tr -d '\\n'");
    assert_true(cm_clock_parse(from, &from_ms));
    CM_AUTOFREE char *before = show_since(&h, from_ms + 1000);
    must(&h, reindex(&h, &facts));
    assert_in_range(facts.kept_from_ms, from_ms, from_ms + 999);
    CM_AUTOFREE char *after = show_since(&h, from_ms + 1000);
    assert_string_equal(after, before);
    CM_AUTOFREE char *earlier = show_since(&h, from_ms - 40 * DAY_MS);
    assert_non_null(strstr(earlier, "is not kept"));
    write_down(&h, true); // and the hub goes on from there
    must(&h, reindex(&h, &facts));
    assert_in_range(facts.kept_from_ms, from_ms, from_ms + 999);
}

static void of_a_release_that_comes_back_from_months_that_are_gone_all_is_known(void **state) {
    CM_CLEANUP(months_done) struct history h = live_months(*state, 44, 2);
    struct hub_reindex_facts facts = {0};
    int64_t back = value_of(&h, VALUES); // nobody else has it

    run_by_hand(&h, "back");
    for (int i = 0; i < 3; i++) {
        h.now_ms += 20 * DAY_MS;
        cm_clock_fake(h.now_ms);
        note(&h, apps[VALUES % APPS], HUB_PAST_DESIRED, i == 0 ? back : value_of(&h, 0), 0);
        go_on(&h, 200);
        write_down(&h, true);
    }
    note(&h, apps[VALUES % APPS], HUB_PAST_DESIRED, back, 0);
    run_by_hand(&h, "back");
    write_down(&h, true);
    scratch_run(h.scratch, "cd state.git; git tag -d $(git tag -l 'state/events/*')");
    must(&h, reindex(&h, &facts));
    assert_true(facts.kept_from_ms > 0);
    assert_int_equal(facts.unknown, 0);
}

// What is between is not known, so the index begins after it.
static void where_a_month_is_missing_the_index_begins_after_it(void **state) {
    CM_CLEANUP(months_done) struct history h = live_months(*state, 43, 4);
    struct hub_reindex_facts facts = {0};

    write_down(&h, true);
    CM_AUTOFREE char *before = show_since(&h, h.now_ms - DAY_MS);
    scratch_run(h.scratch, "cd state.git; git tag -d $(git tag -l 'state/events/*' | sed -n 2p)");
    must(&h, reindex(&h, &facts));
    assert_true(facts.kept_from_ms > h.began_ms + 32 * DAY_MS);
    CM_AUTOFREE char *after = show_since(&h, h.now_ms - DAY_MS);
    assert_string_equal(after, before);
}

static enum cm_rc add_decided(void *ctx, struct hub_line *line, struct cm_err *err) {
    (void)err;
    if (line->kind == HUB_LINE_DECISION) {
        cm_str_addf(ctx, "%s %s; ", line->of[HUB_LINE_M_KEY].text, line->of[HUB_LINE_M_TEXT].text);
    }
    return CM_OK;
}

// Of ten thousand clusters all decisions of a year are more than a gigabyte of lines.
static void a_month_begins_with_the_decisions_that_still_count(void **state) {
    static const struct {
        const char *key, *verdict, *text;
        bool provisional;
        enum hub_settled settled;
    } made[] = {
        {"web", "rejected", "holds", true, HUB_SETTLED_NEW},
        {"web", "rejected", "held", false, HUB_SETTLED_HELD},
        {"web", "promoted", "before", false, HUB_SETTLED_NEW},
        {"web", "promoted", "last", false, HUB_SETTLED_NEW},
        {"web", "weight", "step before", false, HUB_SETTLED_NEW},
        {"web", "weight", "step", false, HUB_SETTLED_NEW},
        {"api", "promoted", "its last", false, HUB_SETTLED_NEW},
    };
    CM_CLEANUP(history_done) struct history h = history_of(*state, 45);
    CM_CLEANUP(cm_str_done) struct cm_str told = {0};

    must(&h, hub_db_run(h.db, &h.err, "DELETE FROM decision", ""));
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        const struct hub_decision_row row = {.id = {{0xdd, (uint8_t)i}},
                                             .cluster = "c01",
                                             .cluster_id = "uid",
                                             .app = "web",
                                             .at_ms = h.now_ms,
                                             .seen_ms = h.now_ms,
                                             .key = made[i].key,
                                             .verdict = made[i].verdict,
                                             .text = made[i].text,
                                             .provisional = made[i].provisional};
        bool fresh = false;

        must(&h, hub_decisions_add(h.db, &row, &fresh, &h.err));
        must(&h, hub_decisions_settle(h.db, &row.id, made[i].settled, "", "", &h.err));
    }
    must(&h,
         hub_past_lines_base(h.db, &(struct hub_past_lines_visitor){add_decided, &told}, &h.err));
    assert_string_equal(cm_str_get(&told),
                        "web holds; web held; web last; web step; api its last; ");
}

static void run_text(struct history *h, const char *sql) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;

    must(h, hub_db_query_texts(h->db, &stmt, &h->err, sql, NULL, 0));
    assert_int_equal(hub_stmt_next(stmt, &h->err), CM_ENOTFOUND);
}

static void drop(struct history *h, const char *what, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        CM_AUTOFREE char *sql = cm_strf("DROP %s %s", what, names[i]);

        run_text(h, sql);
    }
}

// Makes the database one of the version before there were lines, and opens it as this one does.
static void migrate(struct history *h) {
    static const char *const triggers[] = {
        "past_cluster_put",  "past_value_put",    "past_image_put",   "past_checkpoint_put",
        "past_decision_put", "past_decision_set", "past_verdict_put", "past_proven_put",
        "past_proven_set",   "past_freeze_put",   "past_freeze_set",  "past_frozen_put",
        "past_frozen_set",   "decision_proof",    "drift_set"};
    static const char *const indexes[] = {"decision_held", "past_change_desired", "decision_weight",
                                          "event_told", "event_hold"};

    drop(h, "TRIGGER", triggers, sizeof(triggers) / sizeof(triggers[0]));
    drop(h, "INDEX", indexes, sizeof(indexes) / sizeof(indexes[0]));
    must(h, hub_db_run(h->db, &h->err, "ALTER TABLE decision DROP COLUMN proof", ""));
    must(h, hub_db_run(h->db, &h->err, "ALTER TABLE drift DROP COLUMN user", ""));
    must(h, hub_db_run(h->db, &h->err, "DROP TABLE past_unwritten", ""));
    // Of the steps that came later only 38 changed what this one makes.
    must(h, hub_db_run(h->db, &h->err, "PRAGMA user_version = 33", ""));
    must(h, hub_schema_take(h->db, 34, &h->err));
    run_text(h, "PRAGMA user_version = 37");
    must(h, hub_schema_take(h->db, 38, &h->err));
    CM_AUTOFREE char *now = cm_strf("PRAGMA user_version = %d", hub_schema_steps());
    run_text(h, now);
    hub_db_close(h->db);
    h->db = NULL;
    must(h, hub_db_open(h->db_path, HUB_DB_WRITER, &h->db, &h->err));
    assert_int_equal(count_of(h, "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND"
                                 " name LIKE 'past_%'"),
                     13);
}

static void what_a_hub_of_before_knew_is_told_once(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 9);
    CM_CLEANUP(before_done) struct before b = {.answers = NULL};
    struct hub_reindex_facts facts = {0};

    for (int i = 0; i < 50; i++) {
        go_on(&h, 400);
    }
    assert_true(count_of(&h, "SELECT count(*) FROM past_checkpoint") > 5);
    migrate(&h);
    live(&h, 8);
    write_down(&h, true);
    b = remember_but(&h, UNTOLD ", 'upto'"); // where late rows begin is found anew
    spoil(&h);
    must(&h, reindex(&h, &facts));
    compare(&h, &b);
}

static void checkpoints_are_made_where_they_were(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 4);
    CM_CLEANUP(before_done) struct before b = {.answers = NULL};
    struct hub_reindex_facts facts = {0};

    write_down(&h, true);
    for (int i = 0; i < 60; i++) {
        go_on(&h, 400);
    }
    write_down(&h, true);
    assert_true(count_of(&h, "SELECT count(*) FROM past_checkpoint") > 6);
    b = remember(&h);
    spoil(&h);
    must(&h, reindex(&h, &facts));
    compare(&h, &b);
}

static void a_listing_that_is_killed_is_made_again(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 5);
    CM_CLEANUP(before_done) struct before b = {.answers = NULL};
    struct hub_reindex_facts facts = {0};

    go_on(&h, 300);
    must(&h, hub_past_lines_want(h.db, true, &h.err));
    write_down(&h, false); // that the repository is new
    write_down(&h, false);
    go_on(&h, 100);
    write_down(&h, false);
    write_down(&h, true);
    b = remember(&h);
    must(&h, reindex(&h, &facts));
    assert_int_equal(facts.repeated, 0);
    compare(&h, &b);
}

// Rewrites the last segment with a filter, as one who has the repository can.
static void rewrite(const struct history *h, const char *filter) {
    CM_AUTOFREE char *script = cm_strf(
        "cd state.git; f=$(git ls-tree -r --name-only events changes | tail -1);"
        " export GIT_INDEX_FILE=$PWD/index.test; rm -f $GIT_INDEX_FILE; git read-tree events;"
        " b=$(git show events:$f | %s | git hash-object -w --stdin);"
        " git update-index --cacheinfo 100644,$b,$f;"
        " m=$(git log -1 --format=%%B events);"
        " git update-ref refs/heads/events"
        " $(git commit-tree $(git write-tree) -p events -m \"$m\")",
        filter);

    scratch_run(h->scratch, script);
}

static void a_line_that_stands_there_twice_counts_once(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 6);
    CM_CLEANUP(before_done) struct before b = {.answers = NULL};
    struct hub_reindex_facts facts = {0};

    write_down(&h, true);
    live(&h, 2);
    write_down(&h, true);
    b = remember(&h);
    rewrite(&h, "sed 'p'");
    must(&h, reindex(&h, &facts));
    assert_true(facts.repeated > 0);
    compare(&h, &b);
}

static void a_line_that_is_damaged_is_named_and_changes_nothing(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 7);
    CM_CLEANUP(before_done) struct before b = {.answers = NULL};
    struct hub_reindex_facts facts = {0};

    write_down(&h, true);
    live(&h, 1);
    write_down(&h, true);
    b = remember(&h);
    rewrite(&h, "sed '3s/kind/kinder/'");
    assert_int_equal(reindex(&h, &facts), CM_EINVAL);
    assert_non_null(strstr(h.err.msg, "line 3 of '"));
    compare(&h, &b);
    rewrite(&h, "sed '3s/.*/{\"purged\":true}/'");
    must(&h, reindex(&h, &facts));
    assert_int_equal(facts.purged, 1);
}

static void nothing_is_begun_that_would_lose_what_is_known(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 8);
    CM_CLEANUP(before_done) struct before b = {.answers = NULL};
    struct hub_reindex_facts facts = {0};

    go_on(&h, 200);
    assert_int_equal(reindex(&h, &facts), CM_ENOTFOUND);
    assert_non_null(strstr(h.err.msg, "there is no state repository"));
    write_down(&h, true);
    scratch_run(h.scratch, "cp -r state.git older.git");
    go_on(&h, 200);
    write_down(&h, true);
    b = remember(&h);
    scratch_run(h.scratch, "mv state.git newer.git; mv older.git state.git");
    assert_int_equal(reindex(&h, &facts), CM_EINVAL);
    assert_non_null(strstr(h.err.msg, "it is an older copy"));
    scratch_run(h.scratch, "rm -rf state.git; mv newer.git state.git");
    must(&h, hub_past_lines_want(h.db, false, &h.err)); // --state-window 0s
    assert_int_equal(reindex(&h, &facts), CM_EINVAL);
    assert_non_null(strstr(h.err.msg, "that was off for a while"));
    compare(&h, &b);
}

static void a_database_that_is_damaged_is_to_be_restored_first(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 23);
    const struct hub_reindex_config config = {h.dir, 1000000};
    struct hub_reindex_facts facts = {0};

    go_on(&h, 100);
    write_down(&h, true);
    close_all(&h);
    scratch_run(h.scratch, "dd if=/dev/zero of=hub.db bs=4096 seek=3 count=8 conv=notrunc");
    assert_int_equal(hub_reindex(&config, &facts, &h.err), CM_EINVAL);
    assert_non_null(strstr(h.err.msg, "is damaged: put a backup in its place"));
}

static void while_a_hub_runs_nothing_is_done(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 8);
    struct hub_reindex_facts facts = {0};
    CM_AUTOFREE char *path = cm_strf("%s/lock", h.dir);
    int lock = -1;

    write_down(&h, true);
    must(&h, cm_fsys_lock(path, &lock, &h.err));
    assert_int_equal(reindex(&h, &facts), CM_EBUSY);
    (void)close(lock);
}

static void with_an_empty_database_all_comes_from_the_repository(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 10);
    CM_CLEANUP(before_done) struct before b = {.answers = NULL};
    struct hub_reindex_facts facts = {0};

    write_down(&h, true);
    live(&h, 3);
    write_down(&h, true);
    must(&h, hub_db_run(h.db, &h.err, "DELETE FROM freeze", "")); // of these the record is lost
    b = remember(&h);
    hub_db_close(h.db);
    h.db = NULL;
    scratch_run(h.scratch, "rm hub.db*");
    must(&h, hub_db_open(h.db_path, HUB_DB_WRITER, &h.db, &h.err));
    must(&h, reindex(&h, &facts));
    assert_int_equal(count_of(&h, "SELECT count(*) FROM freeze_past WHERE to_ms = 0"), 0);
    assert_int_equal(count_of(&h, "SELECT count(*) FROM decision WHERE provisional = 1"), 0);
    for (size_t i = 0; i < TABLES; i++) {
        CM_AUTOFREE char *rows =
            rows_of(&h, tables[i], UNTOLD ", 'to_ms', 'ended_by', 'ended_why'");

        if (strncmp(tables[i], "past_", 5) == 0) {
            assert_string_equal(rows, b.tables[i]);
        }
    }
}

// The decision of a controller that keeps a release out.
static struct hub_decision_row rejection(struct history *h) {
    return (struct hub_decision_row){.id = {{0xee}},
                                     .cluster = "c01",
                                     .cluster_id = "uid",
                                     .app = "web",
                                     .key = "Deployment.apps/default/web",
                                     .verdict = "rejected",
                                     .bad_bundle = {{7}},
                                     .at_ms = h->now_ms,
                                     .seen_ms = h->now_ms,
                                     .provisional = true};
}

static void put_decision(struct history *h, const struct hub_decision_row *row, bool fresh) {
    bool is_new = false;

    must(h, hub_decisions_add(h->db, row, &is_new, &h->err));
    assert_int_equal(is_new, fresh);
}

// What the database knew goes; the index is kept as it is.
static void forget_rejection(struct history *h, const char *sql) {
    must(h, hub_past_lines_set(h->db, HUB_PAST_LINES_OFF, &h->err));
    must(h, hub_db_run(h->db, &h->err, sql, ""));
    must(h, hub_past_lines_set(h->db, HUB_PAST_LINES_KEPT, &h->err));
}

static void what_its_agent_is_still_held_by_it_can_tell_after_that(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 17);
    const struct hub_decision_row row = rejection(&h);
    struct hub_reindex_facts facts = {0};

    write_down(&h, true);
    put_decision(&h, &row, true);
    must(&h, hub_decisions_settle(h.db, &row.id, HUB_SETTLED_HELD, "", "hold", &h.err));
    write_down(&h, true);
    forget_rejection(&h, "DELETE FROM decision"); // a backup from before it
    must(&h, reindex(&h, &facts));
    assert_int_equal(count_of(&h, "SELECT count(*) FROM decision WHERE provisional = 0"), 1);
    put_decision(&h, &row, true);
    assert_int_equal(count_of(&h, "SELECT count(*) FROM decision WHERE provisional = 1"), 1);
}

static void a_decision_is_not_later_than_it_was_heard_of(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 19);
    struct hub_decision_row row = rejection(&h);
    struct hub_reindex_facts facts = {0};

    write_down(&h, true);
    row.at_ms = row.seen_ms + 1000;
    put_decision(&h, &row, true);
    row.id.bytes[0]++;
    row.at_ms = 0;
    put_decision(&h, &row, true);
    row.id.bytes[0]++;
    row.at_ms = row.seen_ms - 1000;
    put_decision(&h, &row, true);
    write_down(&h, true);
    forget_rejection(&h, "DELETE FROM decision");
    must(&h, reindex(&h, &facts));
    assert_int_equal(count_of(&h, "SELECT count(*) FROM decision WHERE at_ms = seen_ms"), 2);
    assert_int_equal(count_of(&h, "SELECT count(*) FROM decision WHERE at_ms = seen_ms - 1000"), 1);
}

static void what_the_database_has_not_made_a_hold_of_is_not_settled_by_a_line(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 18);
    const struct hub_decision_row row = rejection(&h);
    struct hub_reindex_facts facts = {0};

    write_down(&h, true);
    put_decision(&h, &row, true);
    must(&h, hub_decisions_settle(h.db, &row.id, HUB_SETTLED_HELD, "", "hold", &h.err));
    write_down(&h, true);
    forget_rejection(&h, "UPDATE decision SET settled = 0, hold = ''"); // as a backup had it
    must(&h, reindex(&h, &facts));
    assert_int_equal(count_of(&h, "SELECT settled FROM decision"), HUB_SETTLED_NEW);
}

// ---- Restored

static int64_t number(const struct history *h, const char *script) {
    CM_AUTOFREE char *text = scratch_sh(h->scratch, script);

    return strtoll(text, NULL, 10);
}

static void back_up(struct history *h) {
    close_all(h);
    scratch_run(h->scratch, "cp hub.db backup.db; ! test -s hub.db-wal");
    must(h, hub_db_open(h->db_path, HUB_DB_WRITER, &h->db, &h->err));
    begin_passes(h);
}

// As hub/backup does it.
static void restore(struct history *h) {
    const struct hub_event event = {.at_ms = h->now_ms, .kind = "hub.restored", .actor = "hub"};

    close_all(h);
    scratch_run(h->scratch, "rm hub.db*; cp backup.db hub.db");
    must(h, hub_db_open(h->db_path, HUB_DB_WRITER, &h->db, &h->err));
    must(h, hub_meta_set_int(h->db, "epoch", (int64_t)++h->epoch, &h->err));
    must(h, hub_past_lines_restored(h->db, h->epoch, &h->err));
    must(h, hub_events_add(h->db, &event, &h->err));
    begin_passes(h);
}

// A release that is named and runs on c01.
static void run_there(struct history *h, const char *name) {
    CM_AUTOFREE char *image = cm_strf("reg/%s:1", name);
    const struct hub_past_bundle b = {
        .app = "web", .bundle = cm_sha256(name, strlen(name)), .revision = name, .repo = "fleet"};
    struct hub_past_change change = {.app = "web", .axis = HUB_PAST_ACTUAL, .cluster = "c01"};
    bool made = false;

    h->now_ms += STEP_MS;
    change.at_ms = change.seen_ms = h->now_ms;
    must(h, hub_past_value(h->db, &b, &change.value, &made, &h->err));
    must(h, hub_past_image(h->db, change.value, image, &h->err));
    must(h, hub_past_note(h->db, &change, &h->err));
    run_by_hand(h, name);
}

#define RELEASES                                                                                   \
    "SELECT count(*) FROM past_value v JOIN past_value_image i ON i.value = v.number JOIN"         \
    " past_image t ON t.number = i.image AND t.image = 'reg/' || v.revision || ':1'"               \
    " WHERE v.revision IN ('lost', 'new') AND EXISTS (SELECT 1 FROM past_change WHERE"             \
    " value = v.number)"

static void what_came_after_a_restore_and_what_came_before_it_are_both_there(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 19);
    struct hub_reindex_facts facts = {0};

    write_down(&h, true);
    go_on(&h, 100);
    write_down(&h, true);
    back_up(&h);
    run_there(&h, "lost");
    go_on(&h, 300);
    write_down(&h, true);
    restore(&h);
    run_there(&h, "new"); // with lower numbers than the repository has by then
    must(&h, reindex(&h, &facts));
    assert_int_equal(count_of(&h, RELEASES), 2);
    assert_int_equal(count_of(&h, "SELECT count(*) FROM past_now n JOIN past_value v ON v.number ="
                                  " n.value JOIN past_cluster c ON c.number = n.cluster WHERE"
                                  " n.axis = 1 AND v.revision = 'new' AND c.name = 'c01'"),
                     1);
    assert_int_equal(count_of(&h, "SELECT count(*) FROM past_now n JOIN past_value_image i ON"
                                  " i.value = n.value JOIN past_image t ON t.number = i.image JOIN"
                                  " past_cluster c ON c.number = n.cluster WHERE n.axis = 4 AND"
                                  " t.image = 'reg/new:by-hand' AND c.name = 'c02'"),
                     1);
    write_down(&h, true);
    must(&h, reindex(&h, &facts));
    assert_int_equal(count_of(&h, RELEASES), 2);
    assert_int_equal(facts.unknown, 0);
}

static void count_happened(struct history *h, int64_t before, int64_t restored) {
    assert_int_equal(count_of(h, "SELECT count(*) FROM event WHERE kind = 'app.applied'"), before);
    assert_int_equal(count_of(h, "SELECT number FROM event WHERE kind = 'hub.restored'"), restored);
}

#define TOLD "git -C state.git grep -h . events -- events | "

// Ten events, of which a backup knows four, and its restore.
static void outlive_a_backup(struct history *h) {
    for (int i = 0; i < 10; i++) {
        add_event(h);
        if (i == 3) {
            back_up(h);
        }
    }
    write_down(h, true);
    restore(h);
}

static void what_happened_between_a_backup_and_its_restore_comes_back(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 20);
    struct hub_reindex_facts facts = {0};

    outlive_a_backup(&h);
    must(&h, reindex(&h, &facts));
    assert_int_equal(facts.events, 6);
    count_happened(&h, 10, 11);
    write_down(&h, true);
    assert_int_equal(number(&h, TOLD "wc -l"), 11); // none is told twice
    assert_int_equal(number(&h, TOLD "cut -d, -f1,2 | sort -u | wc -l"), 11);
    add_event(&h);
    write_down(&h, true);
    must(&h, reindex(&h, &facts));
    assert_int_equal(facts.events, 0);
    count_happened(&h, 11, 11);
}

// A hub that was restored by one that knew nothing of that has told of numbers twice.
static void numbers_that_an_epoch_has_told_stay_its_own(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 21);
    struct hub_reindex_facts facts = {0};

    outlive_a_backup(&h);
    write_down(&h, true);
    must(&h, reindex(&h, &facts));
    count_happened(&h, 4, 5);
    back_up(&h);
    const struct hub_event failed = {.at_ms = h.now_ms, .kind = "app.failed"};
    must(&h, hub_events_add(h.db, &failed, &h.err));
    write_down(&h, true);
    restore(&h); // and once more
    must(&h, reindex(&h, &facts));
    assert_int_equal(count_of(&h, "SELECT count(*) FROM event"), 7);
    assert_int_equal(count_of(&h, "SELECT number FROM event WHERE kind = 'app.failed'"), 6);
    assert_int_equal(facts.events, 1);
}

static void of_a_release_whose_line_had_to_go_it_is_known_that_it_ran(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 22);
    struct hub_reindex_facts facts = {0};

    write_down(&h, true);
    run_there(&h, "new");
    go_on(&h, 50);
    write_down(&h, true);
    rewrite(&h, "sed 's/.*\"kind\":\"value\".*/{\"purged\":true}/'");
    must(&h, reindex(&h, &facts));
    assert_true(facts.unknown > 1 && facts.unknown <= facts.purged);
    assert_int_equal(count_of(&h, "SELECT count(*) FROM past_value WHERE revision = 'unknown'"),
                     facts.unknown);
    CM_AUTOFREE char *told = answers(&h);
    assert_non_null(strstr(told, "unknown"));
}

// ---- The registry

static void put_registry(struct history *h, const char *hub, const char *state) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    const struct hub_registered agent = {
        .id = "0b7c3f60-8c0e-4c3a-9d10-5d3b8e1c2f4d", .cluster = "c01", .state = state};

    hub_registry_write_hub(&text, hub, h->epoch);
    hub_registry_write_agent(&text, &agent);
    must(h, cm_fsys_replace(h->registry, text.data, text.len, 0600, &h->err));
    begin_passes(h); // which look at once
}

#define COMMITS "git -C state.git rev-list --count events"

static void the_registry_is_there_as_it_became_last(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 24);

    add_event(&h);
    write_down(&h, true);
    put_registry(&h, HUB, "active");
    write_down(&h, true);
    scratch_run(h.scratch, "git -C state.git show events:registry/agents.jsonl"
                           " | cmp - registry.jsonl");
    int64_t commits = number(&h, COMMITS);
    put_registry(&h, HUB, "active");
    write_down(&h, true);
    assert_int_equal(number(&h, COMMITS), commits);
    put_registry(&h, HUB, "revoked");
    write_down(&h, true);
    assert_int_equal(number(&h, COMMITS), commits + 1);
    put_registry(&h, "1c8d4071-9d1f-4d4b-8e21-6e4c9f2d305e", "active"); // another hub's
    write_down(&h, true);
    scratch_run(h.scratch, "git -C state.git show events:registry/agents.jsonl | grep -q revoked");
}

static void what_a_program_wrote_is_in_no_line(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 11);

    go_on(&h, 400);
    write_down(&h, true);
    go_on(&h, 400);
    write_down(&h, true);
    assert_true(count_of(&h, "SELECT count(*) FROM decision WHERE text LIKE '%hunter2%'") > 3);
    scratch_run(h.scratch, "git -C state.git grep -q 'its log ends: ' events -- changes");
    scratch_run(h.scratch, "! git -C state.git grep -q hunter2 events -- changes");
}

static void while_nobody_takes_them_no_lines_are_kept(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 12);
    struct hub_reindex_facts facts = {0};
    CM_CLEANUP(before_done) struct before b = {.answers = NULL};

    go_on(&h, 300);
    assert_int_equal(count_of(&h, "SELECT count(*) FROM past_unwritten"), 0);
    write_down(&h, true);
    go_on(&h, 300);
    assert_true(count_of(&h, "SELECT count(*) FROM past_unwritten") > 200);
    must(&h, hub_past_lines_want(h.db, false, &h.err));
    assert_int_equal(count_of(&h, "SELECT count(*) FROM past_unwritten"), 0);
    go_on(&h, 300);
    assert_int_equal(count_of(&h, "SELECT count(*) FROM past_unwritten"), 0);
    write_down(&h, true); // from here on they are wanted again, and all is told anew
    b = remember(&h);
    must(&h, reindex(&h, &facts));
    assert_true(facts.repeated == 0);
    compare(&h, &b);
}

static void what_is_no_line_is_lost_and_holds_nothing_up(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 13);
    struct hub_reindex_facts facts = {0};

    write_down(&h, true);
    must(&h, hub_db_run(h.db, &h.err, "INSERT INTO past_unwritten (line) VALUES ('nonsense')", ""));
    go_on(&h, 100);
    write_down(&h, true);
    must(&h, reindex(&h, &facts));
    assert_int_equal(facts.lost, 1);
    assert_true(facts.rows > 10);
}

#define CHANGED "git -C state.git ls-tree -rl events changes"

static void a_segment_that_is_full_is_followed_by_another(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 14);

    write_down(&h, true);
    for (int i = 0; i < 6; i++) {
        go_on(&h, 400);
        write_down(&h, true);
    }
    assert_true(number(&h, CHANGED " | wc -l") > 3);
    assert_true(number(&h, CHANGED " | awk '$4 > 65536 + 2048' | wc -l") == 0);
    // but for the last, all are full
    assert_true(number(&h, CHANGED " | sed '$d' | awk '$4 < 65536' | wc -l") == 0);
}

static void where_a_clock_goes_back_the_day_stays(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 15);
    CM_CLEANUP(before_done) struct before b = {.answers = NULL};
    struct hub_reindex_facts facts = {0};
    int64_t now_ms = cm_clock_unix_ms();

    write_down(&h, true);
    for (int i = 0; i < 3; i++) {
        cm_clock_fake(now_ms - (int64_t)i * 2 * 24 * 3600 * 1000);
        go_on(&h, 100);
        write_down(&h, true);
    }
    cm_clock_fake(-1);
    assert_int_equal(number(&h, CHANGED " | wc -l"), 1);
    b = remember(&h);
    must(&h, reindex(&h, &facts));
    assert_int_equal(facts.repeated, 0);
    compare(&h, &b);
}

static void the_next_day_has_a_folder_of_its_own(void **state) {
    CM_CLEANUP(history_done) struct history h = history_of(*state, 16);
    struct hub_reindex_facts facts = {0};
    int64_t now_ms = cm_clock_unix_ms();

    write_down(&h, true);
    for (int i = 0; i < 40; i++) {
        cm_clock_fake(now_ms + (int64_t)i * 24 * 3600 * 1000);
        go_on(&h, 10);
        write_down(&h, true);
    }
    cm_clock_fake(-1);
    assert_int_equal(number(&h, CHANGED " | wc -l"), 40);
    assert_true(number(&h, "git -C state.git ls-tree --name-only events changes/ | wc -l") > 1);
    must(&h, reindex(&h, &facts));
    assert_int_equal(facts.repeated, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_open, scratch_close)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_made_anew_is_the_same),
        TEST(of_all_months_the_index_is_made_as_it_was),
        TEST(of_months_that_are_left_the_index_tells_how_it_was_since_then),
        TEST(of_a_release_that_comes_back_from_months_that_are_gone_all_is_known),
        TEST(a_month_begins_with_the_decisions_that_still_count),
        TEST(where_a_month_is_missing_the_index_begins_after_it),
        TEST(what_a_hub_of_before_knew_is_told_once),
        TEST(checkpoints_are_made_where_they_were),
        TEST(a_listing_that_is_killed_is_made_again),
        TEST(a_line_that_stands_there_twice_counts_once),
        TEST(a_line_that_is_damaged_is_named_and_changes_nothing),
        TEST(nothing_is_begun_that_would_lose_what_is_known),
        TEST(a_database_that_is_damaged_is_to_be_restored_first),
        TEST(while_a_hub_runs_nothing_is_done),
        TEST(with_an_empty_database_all_comes_from_the_repository),
        TEST(what_its_agent_is_still_held_by_it_can_tell_after_that),
        TEST(a_decision_is_not_later_than_it_was_heard_of),
        TEST(what_the_database_has_not_made_a_hold_of_is_not_settled_by_a_line),
        TEST(what_came_after_a_restore_and_what_came_before_it_are_both_there),
        TEST(what_happened_between_a_backup_and_its_restore_comes_back),
        TEST(numbers_that_an_epoch_has_told_stay_its_own),
        TEST(of_a_release_whose_line_had_to_go_it_is_known_that_it_ran),
        TEST(the_registry_is_there_as_it_became_last),
        TEST(what_a_program_wrote_is_in_no_line),
        TEST(while_nobody_takes_them_no_lines_are_kept),
        TEST(what_is_no_line_is_lost_and_holds_nothing_up),
        TEST(a_segment_that_is_full_is_followed_by_another),
        TEST(where_a_clock_goes_back_the_day_stays),
        TEST(the_next_day_has_a_folder_of_its_own),
    };

    hub_repo_child_main(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
