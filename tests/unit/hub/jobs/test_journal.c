// What agents did while there was no hub, and the events that it becomes.
#include "hub/jobs/journal.h"

#include "desk.h"

#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"

#define RUN "9d0e5c4e-3f0f-4d2b-9a0b-1d2c3b4a5f60"
#define OTHER_RUN "9d0e5c4e-3f0f-4d2b-9a0b-1d2c3b4a5f61"

#define APPLIED HOLDFAST__V1__APPLIED__APPLIED
#define FAILED HOLDFAST__V1__APPLIED__FAILED
#define HEALTHY HOLDFAST__V1__HEALTH__HEALTHY
#define DEGRADED HOLDFAST__V1__HEALTH__DEGRADED

enum { ENTRIES_MAX = 16 };

// A journal that is being put together in the arena that the job takes.
struct draft {
    struct cm_arena *arena;
    Holdfast__V1__Journal *journal;
};

struct outcome {
    size_t count;
    enum cm_rc code;
    struct hub_journal_result result;
};

static struct draft begin(const char *run) {
    struct draft m = {.arena = cm_arena_new(0)};

    m.journal = cm_arena_get(m.arena, sizeof(*m.journal));
    holdfast__v1__journal__init(m.journal);
    m.journal->run = cm_arena_strdup(m.arena, run);
    m.journal->entries =
        cm_arena_get(m.arena, ENTRIES_MAX * sizeof(struct Holdfast__V1__JournalEntry *));
    return m;
}

static Holdfast__V1__JournalEntry *add(struct draft *m, uint64_t number, int64_t at_ms) {
    Holdfast__V1__JournalEntry *entry = cm_arena_get(m->arena, sizeof(*entry));

    holdfast__v1__journal_entry__init(entry);
    entry->number = number;
    entry->at_ms = at_ms;
    m->journal->entries[m->journal->n_entries++] = entry;
    return entry;
}

static void add_app(struct draft *m, uint64_t number, Holdfast__V1__Applied applied,
                    Holdfast__V1__Health health) {
    Holdfast__V1__AppReport *app = cm_arena_get(m->arena, sizeof(*app));
    struct cm_sha256 hash = cm_sha256("one", 3);

    holdfast__v1__app_report__init(app);
    app->app = cm_arena_strdup(m->arena, "web");
    app->bundle_sha256.data = cm_arena_get(m->arena, sizeof(hash.bytes));
    app->bundle_sha256.len = sizeof(hash.bytes);
    memcpy(app->bundle_sha256.data, hash.bytes, sizeof(hash.bytes));
    app->applied = applied;
    app->health = health;
    add(m, number, 1000 * (int64_t)number)->app = app;
}

static void add_drift(struct draft *m, uint64_t number, size_t fields) {
    Holdfast__V1__ObjectReport *object = cm_arena_get(m->arena, sizeof(*object));
    Holdfast__V1__FieldDrift *field = cm_arena_get(m->arena, sizeof(*field));

    holdfast__v1__object_report__init(object);
    holdfast__v1__field_drift__init(field);
    field->path = cm_arena_strdup(m->arena, "data.a");
    object->app = cm_arena_strdup(m->arena, "web");
    object->key = cm_arena_strdup(m->arena, "ConfigMap/default/web");
    object->drift = cm_arena_get(m->arena, sizeof(struct Holdfast__V1__FieldDrift *));
    object->drift[0] = field;
    object->n_drift = fields;
    object->drift_end = HOLDFAST__V1__DRIFT_END__DRIFT_END_CORRECTED;
    add(m, number, 1000 * (int64_t)number)->object = object;
}

static void on_done(void *ctx, const struct cm_err *err, const struct hub_journal_result *result) {
    struct outcome *o = ctx;

    o->count++;
    o->code = err->code;
    o->result = *result;
}

static struct outcome commit(struct desk *d, struct draft *m) {
    struct outcome o = {0};

    hub_journal_commit(d->store, "paris-1", m->arena, m->journal,
                       &(struct hub_journal_done){.done = on_done, .ctx = &o});
    desk_settle(d);
    assert_int_equal(o.count, 1);
    return o;
}

static int open_with_agent(void **state) {
    int rc = desk_open(state);

    desk_run(*state, "INSERT INTO presence (cluster, connected, seen_ms, version, driver, target,"
                     " address) VALUES ('paris-1', 1, 1, '', '', '', '')");
    return rc;
}

static int64_t count_events(struct desk *d, const char *kind) {
    CM_AUTOFREE char *sql = cm_strf("SELECT count(*) FROM event WHERE kind GLOB '%s'", kind);

    return desk_count(d, sql);
}

static void each_entry_is_the_event_that_it_would_have_been(void **state) {
    struct desk *d = *state;
    struct draft m = begin(RUN);

    add_app(&m, 1, APPLIED, HEALTHY);
    add_app(&m, 2, APPLIED, DEGRADED);
    add_app(&m, 3, FAILED, DEGRADED);
    add_drift(&m, 4, 1);
    add_drift(&m, 5, 0);
    add_app(&m, 7, APPLIED, HEALTHY);
    struct outcome o = commit(d, &m);
    assert_int_equal(o.code, CM_OK);
    assert_int_equal(o.result.entries, 6);
    assert_int_equal(o.result.degraded, 1);
    assert_int_equal(count_events(d, "app.degraded"), 1);
    assert_int_equal(count_events(d, "app.failed"), 1);
    assert_int_equal(count_events(d, "app.recovered"), 2); // from both
    assert_int_equal(count_events(d, "drift.found"), 1);
    assert_int_equal(count_events(d, "drift.cleared"), 1);
    assert_int_equal(desk_count(d, "SELECT happened_ms FROM event WHERE kind = 'drift.found'"),
                     4000);
    assert_true(desk_count(d, "SELECT min(at_ms) FROM event") > 7000);
    assert_int_equal(desk_count(d,
                                "SELECT count(*) FROM event a JOIN event b ON a.number < b.number"
                                " AND a.happened_ms > b.happened_ms"),
                     0);
}

static void what_was_committed_before_is_passed_over(void **state) {
    struct desk *d = *state;

    for (int i = 0; i < 2; i++) {
        struct draft m = begin(RUN);

        add_app(&m, 1, FAILED, HEALTHY);
        add_app(&m, 2, APPLIED, HEALTHY);
        assert_int_equal(commit(d, &m).result.entries, i == 0 ? 2 : 0);
    }
    assert_int_equal(count_events(d, "app.failed"), 1);
    struct draft more = begin(RUN);
    add_app(&more, 2, APPLIED, HEALTHY);
    add_app(&more, 3, FAILED, HEALTHY);
    assert_int_equal(commit(d, &more).result.entries, 1);
    assert_int_equal(count_events(d, "app.failed"), 2);
}

static void a_new_disk_begins_anew(void **state) {
    struct desk *d = *state;
    struct draft m = begin(RUN);
    struct draft other = begin(OTHER_RUN);

    add_app(&m, 5, FAILED, HEALTHY);
    add_app(&other, 1, APPLIED, HEALTHY);
    assert_int_equal(commit(d, &m).result.entries, 1);
    assert_int_equal(commit(d, &other).result.entries, 1);
    assert_int_equal(count_events(d, "app.recovered"), 1);
}

static void what_the_hub_knew_is_no_event(void **state) {
    struct desk *d = *state;
    struct draft m = begin(RUN);
    struct draft again = begin(RUN);

    add_app(&m, 1, APPLIED, DEGRADED);
    (void)commit(d, &m);
    int64_t before = count_events(d, "*");
    add_app(&again, 2, APPLIED, DEGRADED);
    (void)commit(d, &again);
    assert_int_equal(count_events(d, "*"), before);
}

// Its acknowledgement was lost with the link.
static void what_a_report_on_record_has_told_is_passed_over(void **state) {
    struct desk *d = *state;
    struct draft m = begin(RUN);
    struct draft other = begin(OTHER_RUN);

    desk_run(d, "UPDATE presence SET run = '" RUN "', report = 7");
    add_app(&m, 10, FAILED, HEALTHY);
    m.journal->entries[0]->report = 7;
    add_app(&m, 11, APPLIED, DEGRADED);
    m.journal->entries[1]->report = 8;
    assert_int_equal(commit(d, &m).result.entries, 1);
    assert_int_equal(count_events(d, "app.failed"), 0);
    assert_int_equal(count_events(d, "app.degraded"), 1);
    add_app(&other, 1, FAILED, HEALTHY); // of another run
    other.journal->entries[0]->report = 1;
    assert_int_equal(commit(d, &other).result.entries, 1);
    assert_int_equal(count_events(d, "app.failed"), 1);
}

static void a_time_that_is_none_is_not_told(void **state) {
    struct desk *d = *state;
    struct draft m = begin(RUN);

    add_app(&m, 1, FAILED, HEALTHY);
    m.journal->entries[0]->at_ms = INT64_MAX;
    assert_int_equal(commit(d, &m).result.entries, 1);
    assert_int_equal(desk_count(d, "SELECT max(happened_ms) FROM event"), 0);
}

static void what_the_agent_had_no_room_for_is_told_as_a_gap(void **state) {
    struct desk *d = *state;
    struct draft m = begin(RUN);
    Holdfast__V1__JournalGap *gap = cm_arena_get(m.arena, sizeof(*gap));

    holdfast__v1__journal_gap__init(gap);
    gap->from_ms = 1000;
    gap->count = 17;
    add(&m, 20, 61000)->gap = gap;
    add_app(&m, 21, FAILED, HEALTHY);
    struct outcome o = commit(d, &m);
    assert_int_equal(o.result.dropped, 17);
    assert_int_equal(o.result.entries, 1);
    assert_int_equal(
        desk_count(d, "SELECT count(*) FROM event WHERE kind = 'journal.gap' AND happened_ms = 1000"
                      " AND message LIKE '17 things that happened from 1970-01-01T00:00:01.000Z to"
                      " 1970-01-01T00:01:01.000Z are not known%'"),
        1);
}

static void decisions_that_the_agent_had_no_room_for_are_told_as_such(void **state) {
    struct desk *d = *state;
    struct draft m = begin(RUN);
    Holdfast__V1__JournalGap *gap = cm_arena_get(m.arena, sizeof(*gap));

    holdfast__v1__journal_gap__init(gap);
    gap->from_ms = 1000;
    gap->count = 3;
    gap->decisions = true;
    add(&m, 20, 61000)->gap = gap;
    assert_int_equal(commit(d, &m).result.dropped, 3);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event WHERE kind = 'journal.gap' AND "
                                   "message LIKE '3 decisions of controllers are not known%'"),
                     1);
}

static void add_scaled(struct draft *m, uint64_t number, int64_t last_ms) {
    Holdfast__V1__Scaled *scaled = cm_arena_get(m->arena, sizeof(*scaled));

    holdfast__v1__scaled__init(scaled);
    scaled->app = cm_arena_strdup(m->arena, "web");
    scaled->key = cm_arena_strdup(m->arena, "Deployment.apps/default/web");
    scaled->owner = cm_arena_strdup(m->arena, "ScaledObject.keda.sh/default/web");
    scaled->manager = cm_arena_strdup(m->arena, "keda-operator");
    scaled->from = 3;
    scaled->least = 2;
    scaled->most = 14;
    scaled->last = 12;
    scaled->changes = 4;
    scaled->first_ms = 1000;
    scaled->last_ms = last_ms;
    add(m, number, 1000 * (int64_t)number)->scaled = scaled;
}

static void what_was_scaled_is_one_event_however_often_it_is_told(void **state) {
    struct desk *d = *state;
    struct outcome o;

    for (int i = 0; i < 2; i++) {
        struct draft m = begin(RUN);

        add_scaled(&m, 4, 281000);
        o = commit(d, &m);
        assert_int_equal(o.code, CM_OK);
        assert_int_equal(o.result.scaled, i == 0 ? 1 : 0);
        assert_int_equal(o.result.entries, 0); // nobody was away
    }
    assert_int_equal(
        desk_count(d, "SELECT count(*) FROM event WHERE kind = 'app.scaled' AND cluster ="
                      " 'paris-1' AND app = 'web' AND key = 'Deployment.apps/default/web'"
                      " AND actor = 'keda-operator' AND happened_ms = 281000 AND message ="
                      " '3 to 12 replicas (at least 2, at most 14; changes: 4 within 280 s) for"
                      " ScaledObject.keda.sh/default/web'"),
        1);
    assert_int_equal(count_events(d, "*"), 1);
}

static void a_time_to_come_of_what_was_scaled_is_not_told(void **state) {
    struct desk *d = *state;
    struct draft m = begin(RUN);

    add_scaled(&m, 4, cm_clock_unix_ms() + 86400000);
    add_scaled(&m, 5, -1);
    assert_int_equal(commit(d, &m).code, CM_OK);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event WHERE happened_ms = 0"), 2);
}

static void what_cannot_be_written_is_not_acknowledged(void **state) {
    struct desk *d = *state;
    struct draft m = begin(RUN);
    struct draft again = begin(RUN);

    add_app(&m, 1, FAILED, HEALTHY);
    add_app(&again, 1, FAILED, HEALTHY);
    desk_fail(d);
    assert_true(commit(d, &m).code < 0);
    desk_mend(d);
    assert_int_equal(commit(d, &again).result.entries, 1);
}

#define DESK_TEST(name) cmocka_unit_test_setup_teardown(name, open_with_agent, desk_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        DESK_TEST(each_entry_is_the_event_that_it_would_have_been),
        DESK_TEST(what_was_committed_before_is_passed_over),
        DESK_TEST(a_new_disk_begins_anew),
        DESK_TEST(what_the_hub_knew_is_no_event),
        DESK_TEST(what_a_report_on_record_has_told_is_passed_over),
        DESK_TEST(a_time_that_is_none_is_not_told),
        DESK_TEST(what_the_agent_had_no_room_for_is_told_as_a_gap),
        DESK_TEST(decisions_that_the_agent_had_no_room_for_are_told_as_such),
        DESK_TEST(what_was_scaled_is_one_event_however_often_it_is_told),
        DESK_TEST(a_time_to_come_of_what_was_scaled_is_not_told),
        DESK_TEST(what_cannot_be_written_is_not_acknowledged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
