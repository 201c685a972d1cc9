// Reports of one cluster, piece by piece, and the events that they become.
#include "hub/jobs/report.h"

#include "desk.h"

#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/publication.h"

#define RUN "9d0e5c4e-3f0f-4d2b-9a0b-1d2c3b4a5f60"
#define DRIFT_MAX 32
#define OBJECTS_MAX 500
#define OTHER_RUN "9d0e5c4e-3f0f-4d2b-9a0b-1d2c3b4a5f61"

// A report that is being put together in the arena that the job takes.
struct draft {
    struct cm_arena *arena;
    Holdfast__V1__Report *report;
};

struct outcome {
    size_t count;
    enum cm_rc code;
    size_t removed;
    size_t marked;
};

static char *text(struct draft *m, const char *value) {
    return cm_arena_strdup(m->arena, value);
}

static struct draft begin(const char *run, uint64_t number) {
    struct draft m = {.arena = cm_arena_new(0)};

    m.report = cm_arena_get(m.arena, sizeof(*m.report));
    holdfast__v1__report__init(m.report);
    m.report->run = text(&m, run);
    m.report->number = number;
    m.report->generation = 3;
    m.report->apps = cm_arena_get(m.arena, 8 * sizeof(struct Holdfast__V1__AppReport *));
    m.report->objects =
        cm_arena_get(m.arena, OBJECTS_MAX * sizeof(struct Holdfast__V1__ObjectReport *));
    return m;
}

static Holdfast__V1__AppReport *add_app(struct draft *m, const char *name, const char *bundle,
                                        Holdfast__V1__Applied applied,
                                        Holdfast__V1__Health health) {
    Holdfast__V1__AppReport *app = cm_arena_get(m->arena, sizeof(*app));
    struct cm_sha256 hash = cm_sha256(bundle, strlen(bundle));

    holdfast__v1__app_report__init(app);
    app->app = text(m, name);
    app->bundle_sha256.data = cm_arena_get(m->arena, sizeof(hash.bytes));
    app->bundle_sha256.len = sizeof(hash.bytes);
    memcpy(app->bundle_sha256.data, hash.bytes, sizeof(hash.bytes));
    app->revision = text(m, "abcdef0");
    app->message = text(m, applied == HOLDFAST__V1__APPLIED__FAILED ? "no room" : "");
    app->applied = applied;
    app->health = health;
    m->report->apps[m->report->n_apps++] = app;
    return app;
}

static Holdfast__V1__ObjectReport *add_object(struct draft *m, const char *key) {
    Holdfast__V1__ObjectReport *object = cm_arena_get(m->arena, sizeof(*object));

    holdfast__v1__object_report__init(object);
    object->app = text(m, "web");
    object->key = text(m, key);
    object->drift = cm_arena_get(m->arena, DRIFT_MAX * sizeof(struct Holdfast__V1__FieldDrift *));
    m->report->objects[m->report->n_objects++] = object;
    return object;
}

static void add_drift(struct draft *m, Holdfast__V1__ObjectReport *object, const char *path,
                      const char *actual) {
    Holdfast__V1__FieldDrift *field = cm_arena_get(m->arena, sizeof(*field));

    holdfast__v1__field_drift__init(field);
    field->path = text(m, path);
    field->desired = text(m, "\"1\"");
    field->actual = text(m, actual);
    field->manager = text(m, "kubectl-edit");
    object->drift[object->n_drift++] = field;
}

static void on_done(void *ctx, const struct cm_err *err, const struct hub_report_result *result) {
    struct outcome *o = ctx;

    o->count++;
    o->code = err->code;
    o->removed = result->removed_count;
    o->marked = result->marked;
}

static struct outcome commit_under(struct desk *d, struct hub_publication *in_force,
                                   struct draft *m) {
    struct outcome o = {0};

    hub_report_commit(d->store, in_force, "paris-1", m->arena, m->report,
                      &(struct hub_report_done){.done = on_done, .ctx = &o});
    desk_settle(d);
    assert_int_equal(o.count, 1);
    return o;
}

static struct outcome commit(struct desk *d, struct draft *m) {
    return commit_under(d, NULL, m);
}

static int open_with_agent(void **state) {
    int rc = desk_open(state);

    desk_run(*state, "INSERT INTO presence (cluster, connected, seen_ms, version, driver, target,"
                     " address) VALUES ('paris-1', 1, 1, '', '', '', '')");
    return rc;
}

static int64_t count_events(struct desk *d, const char *kind) {
    CM_AUTOFREE char *sql = cm_strf("SELECT count(*) FROM event WHERE kind = '%s'", kind);

    return desk_count(d, sql);
}

static void report_app(struct desk *d, uint64_t number, const char *bundle,
                       Holdfast__V1__Applied applied, Holdfast__V1__Health health) {
    struct draft m = begin(RUN, number);

    (void)add_app(&m, "web", bundle, applied, health);
    assert_int_equal(commit(d, &m).code, CM_OK);
}

#define OBSERVED HOLDFAST__V1__APPLIED__OBSERVED
#define MISSING HOLDFAST__V1__HEALTH__MISSING
#define APPLIED HOLDFAST__V1__APPLIED__APPLIED
#define APPLYING HOLDFAST__V1__APPLIED__APPLYING
#define FAILED HOLDFAST__V1__APPLIED__FAILED
#define HEALTHY HOLDFAST__V1__HEALTH__HEALTHY
#define DEGRADED HOLDFAST__V1__HEALTH__DEGRADED
#define PROGRESSING HOLDFAST__V1__HEALTH__PROGRESSING

// ---- What is on record

static void a_report_is_on_record_with_its_number(void **state) {
    struct desk *d = *state;

    report_app(d, 4, "one", APPLIED, HEALTHY);
    assert_int_equal(desk_count(d, "SELECT applied FROM status WHERE app = 'web'"), APPLIED);
    assert_int_equal(desk_count(d, "SELECT report FROM presence WHERE run = '" RUN "'"), 4);
    assert_int_equal(desk_count(d, "SELECT generation FROM presence"), 3);
}

static void a_report_that_comes_again_changes_nothing(void **state) {
    struct desk *d = *state;

    report_app(d, 4, "one", APPLIED, HEALTHY);
    report_app(d, 4, "one", FAILED, DEGRADED);
    report_app(d, 3, "one", FAILED, DEGRADED);
    assert_int_equal(desk_count(d, "SELECT applied FROM status"), APPLIED);
    assert_int_equal(desk_count(d, "SELECT report FROM presence"), 4);
}

static void another_run_counts_from_the_beginning(void **state) {
    struct desk *d = *state;
    struct draft m = begin(OTHER_RUN, 1);

    report_app(d, 4, "one", APPLIED, HEALTHY);
    (void)add_app(&m, "web", "one", FAILED, DEGRADED);
    assert_int_equal(commit(d, &m).code, CM_OK);
    assert_int_equal(desk_count(d, "SELECT applied FROM status"), FAILED);
}

static void a_full_report_takes_away_what_it_does_not_name(void **state) {
    struct desk *d = *state;
    struct draft begun = begin(RUN, 2);
    struct draft ended = begin(RUN, 3);

    report_app(d, 1, "one", APPLIED, HEALTHY);
    begun.report->full = true;
    (void)add_app(&begun, "api", "two", APPLIED, HEALTHY);
    (void)commit(d, &begun);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM status"), 2);
    ended.report->full_end = true;
    (void)commit(d, &ended);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM status WHERE app = 'api'"), 1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM status"), 1);
}

static void an_app_that_was_removed_is_told_to_the_hub(void **state) {
    struct desk *d = *state;
    struct draft m = begin(RUN, 2);

    report_app(d, 1, "one", APPLIED, HEALTHY);
    add_app(&m, "web", "one", APPLIED, HEALTHY)->removed = true;
    assert_int_equal(commit(d, &m).removed, 1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM status"), 0);
    assert_int_equal(count_events(d, "app.removed"), 1);
}

// in_force_with is a desired state of the cluster with one tombstone.
static struct hub_publication *in_force_with(struct desk *d, const char *gone) {
    const struct hub_gone tombstone = {.app = gone, .revision = "", .account = "", .prune = true};
    const struct hub_desired desired = {
        .refs = 1, .cluster = "paris-1", .gone = &tombstone, .gone_count = 1};
    struct hub_publication *p = cm_new(1, sizeof(*p));

    (void)d;
    p->refs = 1;
    p->desired = hub_desired_copy(&desired);
    return p;
}

static struct outcome report_removed(struct desk *d, struct hub_publication *in_force,
                                     uint64_t number, const char *app) {
    struct draft m = begin(RUN, number);

    add_app(&m, app, "one", APPLIED, HEALTHY)->removed = true;
    return commit_under(d, in_force, &m);
}

static void an_app_without_a_tombstone_of_which_nobody_knew_is_not_told_as_removed(void **state) {
    struct desk *d = *state;
    struct hub_publication *in_force = in_force_with(d, "api");

    assert_int_equal(report_removed(d, in_force, 1, "web").removed, 0);
    assert_int_equal(count_events(d, "app.removed"), 0);
    assert_int_equal(report_removed(d, in_force, 2, "api").removed, 1);
    assert_int_equal(count_events(d, "app.removed"), 1);
    hub_publication_unref(in_force);
}

static void one_that_was_known_is_told_but_awaited_by_nobody(void **state) {
    struct desk *d = *state;
    struct hub_publication *in_force = in_force_with(d, "api");

    report_app(d, 1, "one", APPLIED, HEALTHY);
    assert_int_equal(report_removed(d, in_force, 2, "web").removed, 0);
    assert_int_equal(count_events(d, "app.removed"), 1);
    hub_publication_unref(in_force);
}

static void a_full_report_says_how_many_rows_it_marked_once(void **state) {
    struct desk *d = *state;
    struct draft first = begin(RUN, 2);
    struct draft second = begin(RUN, 3);

    report_app(d, 1, "one", APPLIED, HEALTHY);
    first.report->full = true;
    assert_int_equal(commit(d, &first).marked, 1);
    second.report->full = true;
    assert_int_equal(commit(d, &second).marked, 0);
}

static void what_cannot_be_written_is_not_acknowledged(void **state) {
    struct desk *d = *state;
    struct draft m = begin(RUN, 1);

    (void)add_app(&m, "web", "one", APPLIED, HEALTHY);
    desk_fail(d);
    assert_int_equal(commit(d, &m).code, CM_EIO);
    desk_mend(d);
    assert_int_equal(desk_count(d, "SELECT report FROM presence"), 0);
    report_app(d, 1, "one", APPLIED, HEALTHY);
    assert_int_equal(desk_count(d, "SELECT report FROM presence"), 1);
}

// ---- Events

static void a_bundle_that_is_applied_is_an_event_once(void **state) {
    struct desk *d = *state;

    report_app(d, 1, "one", APPLIED, PROGRESSING);
    report_app(d, 2, "one", APPLIED, HEALTHY);
    assert_int_equal(count_events(d, "app.applied"), 1);
    assert_int_equal(count_events(d, "app.healthy"), 1);
    report_app(d, 3, "two", APPLIED, HEALTHY);
    assert_int_equal(count_events(d, "app.applied"), 2);
    assert_int_equal(count_events(d, "app.healthy"), 1);
}

static void what_is_healthy_before_it_is_applied_is_told_after_that(void **state) {
    struct desk *d = *state;

    report_app(d, 1, "one", APPLYING, PROGRESSING);
    report_app(d, 2, "one", APPLYING, HEALTHY);
    report_app(d, 3, "one", APPLYING, HEALTHY);
    assert_int_equal(count_events(d, "app.healthy"), 0);
    report_app(d, 4, "one", APPLIED, HEALTHY);
    report_app(d, 5, "one", APPLIED, HEALTHY);
    assert_int_equal(count_events(d, "app.healthy"), 1);
    assert_int_equal(desk_count(d, "SELECT min(iif(kind = 'app.healthy', number, 99)) >"
                                   " max(iif(kind = 'app.applied', number, 0)) FROM event"),
                     1);
    report_app(d, 6, "two", APPLYING, HEALTHY); // it stays what it was told to be
    report_app(d, 7, "two", APPLIED, HEALTHY);
    assert_int_equal(count_events(d, "app.healthy"), 1);
}

static void an_event_of_an_app_says_what_was_done_and_why(void **state) {
    struct desk *d = *state;
    struct draft applied = begin(RUN, 1);
    struct draft removed = begin(RUN, 2);

    add_app(&applied, "web", "one", APPLIED, PROGRESSING)->objects = 3;
    (void)commit(d, &applied);
    Holdfast__V1__AppReport *app = add_app(&removed, "web", "one", APPLIED, HEALTHY);
    app->removed = true;
    app->message = text(&removed, "left 3 objects there");
    (void)commit(d, &removed);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event WHERE revision = 'abcdef0'"
                                   " AND kind || ': ' || message IN"
                                   " ('app.applied: 3 objects are applied',"
                                   " 'app.removed: left 3 objects there')"),
                     2);
}

// observe_app tells of an App that only is observed, with so many of its objects other than
// desired.
static void observe_app(struct desk *d, uint64_t number, const char *bundle,
                        Holdfast__V1__Health health, uint32_t drifted) {
    struct draft m = begin(RUN, number);
    Holdfast__V1__AppReport *app = add_app(&m, "web", bundle, OBSERVED, health);

    app->objects = 2;
    app->drifted = drifted;
    assert_int_equal(commit(d, &m).code, CM_OK);
}

#define RAN "SELECT count(*) FROM past_change WHERE axis = 1 AND value <> 0"

// Whoever applied it: where it runs is asked of the past.
static void what_is_observed_to_be_as_desired_is_on_record_as_what_is_there(void **state) {
    struct desk *d = *state;

    observe_app(d, 1, "one", MISSING, 0);
    observe_app(d, 2, "one", HEALTHY, 1);
    assert_int_equal(desk_count(d, RAN), 0);
    observe_app(d, 3, "one", HEALTHY, 0);
    assert_int_equal(desk_count(d, RAN), 1);
    observe_app(d, 4, "two", HEALTHY, 1);
    assert_int_equal(desk_count(d, RAN), 1);
    observe_app(d, 5, "two", HEALTHY, 0);
    assert_int_equal(desk_count(d, RAN), 2);
    desk_run(d, "INSERT INTO app (name, repo, path, namespace, drift, prune, suspend, depends_on)"
                " VALUES ('web', 'fleet', 'app.yaml', '', 'off', 1, 0, '[]')");
    observe_app(d, 6, "three", HEALTHY, 0); // nobody compares
    assert_int_equal(desk_count(d, RAN), 2);
}

// observe_group tells of what no App in Git names.
static void observe_group(struct desk *d, uint64_t number, const char *image) {
    struct draft m = begin(RUN, number);
    Holdfast__V1__AppReport *app = add_app(&m, "argocd.web", image, OBSERVED, HEALTHY);
    char *images[] = {text(&m, image)};

    app->revision = text(&m, "");
    app->objects = 1;
    app->images = cm_arena_get(m.arena, sizeof(images));
    memcpy(app->images, images, sizeof(images));
    app->n_images = 1;
    assert_int_equal(commit(d, &m).code, CM_OK);
}

#define GROUP_RUNS                                                                                 \
    "SELECT count(*) FROM past_now n JOIN past_value_image v ON v.value = n.value JOIN past_image" \
    " i ON i.number = v.image WHERE n.app = 'argocd.web' AND n.axis = 1 AND i.image = "

static void of_what_no_app_names_it_is_on_record_which_images_it_runs(void **state) {
    struct desk *d = *state;

    observe_group(d, 1, "web:1");
    assert_int_equal(desk_count(d, GROUP_RUNS "'web:1'"), 1);
    observe_group(d, 2, "web:2");
    assert_int_equal(desk_count(d, GROUP_RUNS "'web:1'"), 0);
    assert_int_equal(desk_count(d, GROUP_RUNS "'web:2'"), 1);
    assert_int_equal(desk_count(d, RAN), 2);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM past_now WHERE axis = 4"), 0);
}

static void that_an_app_has_it_now_is_no_removal(void **state) {
    struct desk *d = *state;

    observe_group(d, 1, "web:1");
    struct draft m = begin(RUN, 2);
    Holdfast__V1__AppReport *app = add_app(&m, "argocd.web", "x", OBSERVED, HEALTHY);
    app->removed = true;
    app->claimed_by = text(&m, "shop");
    app->message = text(&m, "App 'shop' in Git has it now");
    assert_int_equal(commit(d, &m).code, CM_OK);
    assert_int_equal(count_events(d, "app.claimed"), 1);
    assert_int_equal(count_events(d, "app.removed"), 0);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM status"), 0);
}

static void a_failure_and_its_end_are_events_once(void **state) {
    struct desk *d = *state;

    report_app(d, 1, "one", FAILED, PROGRESSING);
    report_app(d, 2, "one", FAILED, PROGRESSING);
    assert_int_equal(count_events(d, "app.failed"), 1);
    report_app(d, 3, "one", APPLIED, PROGRESSING);
    assert_int_equal(count_events(d, "app.recovered"), 1);
    assert_int_equal(count_events(d, "app.applied"), 0);
    report_app(d, 4, "two", FAILED, PROGRESSING);
    assert_int_equal(count_events(d, "app.failed"), 2);
}

static void bad_health_and_its_end_are_events_once(void **state) {
    struct desk *d = *state;

    report_app(d, 1, "one", APPLIED, HEALTHY);
    report_app(d, 2, "one", APPLIED, DEGRADED);
    report_app(d, 3, "one", APPLIED, DEGRADED);
    assert_int_equal(count_events(d, "app.degraded"), 1);
    report_app(d, 4, "one", APPLIED, HEALTHY);
    assert_int_equal(count_events(d, "app.recovered"), 1);
}

static void a_difference_is_an_event_once_with_who_made_it(void **state) {
    struct desk *d = *state;

    for (uint64_t number = 1; number <= 2; number++) {
        struct draft m = begin(RUN, number);

        add_drift(&m, add_object(&m, "ConfigMap/web/a"), "data.x", "\"2\"");
        (void)commit(d, &m);
    }
    assert_int_equal(count_events(d, "drift.found"), 1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event WHERE actor = 'kubectl-edit'"
                                   " AND message = 'data.x: \"1\" -> \"2\"'"),
                     1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM drift"), 1);
}

static void what_was_added_is_said_so(void **state) {
    struct draft m = begin(RUN, 1);
    struct desk *d = *state;
    Holdfast__V1__ObjectReport *object = add_object(&m, "ConfigMap/web/a");

    add_drift(&m, object, "data.x", "\"2\"");
    object->drift[0]->desired = text(&m, "");
    (void)commit(d, &m);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event WHERE kind = 'drift.found' AND"
                                   " message = 'data.x: added \"2\"'"),
                     1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM drift WHERE class = 'foreign'"), 1);
}

// report_drift tells of an object that differs, or of one that was not seen since.
static void report_drift(struct desk *d, uint64_t number, bool unseen) {
    struct draft m = begin(RUN, number);
    Holdfast__V1__AppReport *app = add_app(&m, "web", "one", APPLIED, HEALTHY);
    Holdfast__V1__ObjectReport *object = add_object(&m, "ConfigMap/web/a");

    app->drifted = unseen ? 0 : 1;
    app->unseen = unseen;
    object->unseen = unseen;
    if (!unseen) {
        add_drift(&m, object, "data.x", "\"2\"");
    }
    m.report->full = true;
    m.report->full_end = true;
    (void)commit(d, &m);
}

static void what_an_agent_that_was_started_has_not_seen_yet_is_as_it_was(void **state) {
    struct desk *d = *state;

    for (uint64_t number = 1; number <= 3; number++) {
        report_drift(d, number, number == 2);
        assert_int_equal(desk_count(d, "SELECT count(*) FROM drift"), 1);
        assert_int_equal(desk_count(d, "SELECT count(*) FROM object"), 1);
        assert_int_equal(desk_count(d, "SELECT drifted FROM status"), 1);
    }
    assert_int_equal(count_events(d, "drift.found"), 1);
    assert_int_equal(count_events(d, "drift.cleared"), 0);
}

static void of_what_was_never_on_record_an_unseen_object_is(void **state) {
    struct desk *d = *state;

    report_drift(d, 1, true);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM object"), 1);
    assert_int_equal(desk_count(d, "SELECT drifted FROM status"), 0);
}

static void another_value_is_another_event(void **state) {
    struct desk *d = *state;

    for (uint64_t number = 1; number <= 2; number++) {
        struct draft m = begin(RUN, number);

        add_drift(&m, add_object(&m, "ConfigMap/web/a"), "data.x", number == 1 ? "\"2\"" : "");
        (void)commit(d, &m);
    }
    assert_int_equal(count_events(d, "drift.found"), 2);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event WHERE message LIKE '%-> nothing'"),
                     1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM drift"), 1);
}

static void the_end_of_a_difference_is_an_event(void **state) {
    struct desk *d = *state;
    struct draft drifted = begin(RUN, 1);
    struct draft mended = begin(RUN, 2);
    struct draft same = begin(RUN, 3);

    add_drift(&drifted, add_object(&drifted, "ConfigMap/web/a"), "data.x", "\"2\"");
    (void)commit(d, &drifted);
    (void)add_object(&mended, "ConfigMap/web/a");
    (void)commit(d, &mended);
    (void)add_object(&same, "ConfigMap/web/a");
    (void)commit(d, &same);
    assert_int_equal(count_events(d, "drift.cleared"), 1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM drift"), 0);
}

// ---- An agent that lies

// A report of as many differences as one can tell.
static void report_much_drift(struct desk *d, uint64_t number) {
    struct draft m = begin(RUN, number);

    for (int i = 0; i < OBJECTS_MAX; i++) {
        CM_AUTOFREE char *key = cm_strf("ConfigMap/%llu/%d", (unsigned long long)number, i);
        Holdfast__V1__ObjectReport *object = add_object(&m, key);

        for (int k = 0; k < DRIFT_MAX; k++) {
            CM_AUTOFREE char *path = cm_strf("data.%d", k);

            add_drift(&m, object, path, "\"2\"");
        }
    }
    assert_int_equal(commit(d, &m).code, CM_OK);
}

static void much_drift_at_once_is_a_bounded_number_of_events(void **state) {
    struct desk *d = *state;

    report_much_drift(d, 1);
    assert_int_equal(count_events(d, "drift.found"), 101);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event WHERE message ="
                                   " '15900 more differences at once'"),
                     1);
}

static void so_much_drift_of_a_cluster_is_kept_and_no_more(void **state) {
    struct desk *d = *state;

    report_much_drift(d, 1);
    report_much_drift(d, 2);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM drift"), 10000);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM object"), 1000);
}

static void that_more_fields_differ_than_are_named_is_on_record(void **state) {
    struct desk *d = *state;

    for (uint64_t number = 1; number <= 2; number++) {
        struct draft m = begin(RUN, number);
        Holdfast__V1__ObjectReport *object = add_object(&m, "ConfigMap/web/a");

        add_drift(&m, object, "data.x", "\"2\"");
        object->drift_more = number == 1;
        (void)commit(d, &m);
        assert_int_equal(desk_count(d, "SELECT drift_more FROM object"), number == 1);
    }
}

static void report_whole(struct desk *d, uint64_t number, const char *key, const char *actual) {
    struct draft m = begin(RUN, number);
    Holdfast__V1__ObjectReport *object = add_object(&m, key);

    object->actual.data = (uint8_t *)text(&m, actual);
    object->actual.len = strlen(actual);
    (void)commit(d, &m);
}

#define RUNS                                                                                       \
    "SELECT count(*) FROM past_now n JOIN past_value_image v ON v.value = n.value JOIN past_image" \
    " i ON i.number = v.image WHERE n.axis = 4 AND n.app = 'web' AND i.image = "

static void an_image_that_is_there_instead_is_what_runs(void **state) {
    struct desk *d = *state;
    struct draft first = begin(RUN, 3);
    struct draft last = begin(RUN, 4);

    report_app(d, 1, "one", APPLIED, HEALTHY);
    report_whole(d, 2, "Deployment.apps/web/a",
                 "{\"spec\":{\"containers\":[{\"image\":\"reg/web:9\"}]}}");
    assert_int_equal(desk_count(d, RUNS "'reg/web:9'"), 1);
    first.report->full = true; // which has no such object
    (void)add_app(&first, "web", "one", APPLIED, HEALTHY);
    (void)commit(d, &first);
    assert_int_equal(desk_count(d, RUNS "'reg/web:9'"), 1);
    last.report->full_end = true;
    (void)commit(d, &last);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM past_now WHERE axis = 4 AND value = 0"),
                     1);
}

static void all_that_is_there_is_on_record_until_it_is_as_desired(void **state) {
    struct desk *d = *state;

    report_whole(d, 1, "ConfigMap/web/a", "{\"b\":1,\"a\":2}");
    assert_int_equal(desk_count(d, "SELECT count(*) FROM object WHERE drift_more = 0 AND actual ="
                                   " CAST('{\n  \"a\": 2,\n  \"b\": 1\n}\n' AS BLOB)"),
                     1);
    report_whole(d, 2, "ConfigMap/web/a", "");
    assert_int_equal(desk_count(d, "SELECT count(*) FROM object WHERE actual = x''"), 1);
}

static void what_is_no_object_or_tells_a_secret_is_not_taken(void **state) {
    static const char *const bad[][2] = {{"ConfigMap/web/a", "{"},
                                         {"ConfigMap/web/a", "[1]"},
                                         {"Secret/web/a", "{\"data\":{\"w\":\"b25l\"}}"},
                                         {"Secret/web/a", "{\"stringData\":{\"w\":\"one\"}}"}};
    struct desk *d = *state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        report_whole(d, i + 1, bad[i][0], bad[i][1]);
        assert_int_equal(desk_count(d, "SELECT count(*) FROM object WHERE actual <> x''"), 0);
        assert_true(desk_count(d, "SELECT count(*) FROM object WHERE drift_more") > 0);
    }
    report_whole(d, 9, "Secret/web/a", "{\"data\":{\"w\":\"hmac:00\"}}");
    assert_int_equal(desk_count(d, "SELECT count(*) FROM object WHERE actual <> x''"), 1);
}

static void so_much_of_what_is_there_of_a_cluster_is_kept_and_no_more(void **state) {
    CM_AUTOFREE char *large = cm_strf("{\"a\":\"%*s\"}", 250 * 1024, "x");
    struct desk *d = *state;

    for (uint64_t i = 1; i <= 70; i++) {
        CM_AUTOFREE char *key = cm_strf("ConfigMap/web/a%d", (int)i);

        report_whole(d, i, key, large);
    }
    assert_true(desk_count(d, "SELECT sum(length(actual)) FROM object") <= 16 << 20);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM object WHERE drift_more"), 5);
}

#define WAITS "SELECT count(*) FROM unobserved WHERE due_ms > 0"
#define AT_ONCE "SELECT count(*) FROM unobserved WHERE due_ms = 0"

// report_right reports fields that are another controller's, with all that is there.
static void report_right(struct desk *d, uint64_t number, const char *key, const char *path,
                         const char *value, const char *actual) {
    struct draft m = begin(RUN, number);
    Holdfast__V1__ObjectReport *object = add_object(&m, key);

    desk_run(d, "DELETE FROM unobserved");
    object->actual.data = (uint8_t *)text(&m, actual);
    object->actual.len = strlen(actual);
    if (value != NULL) {
        add_drift(&m, object, path, value);
        object->drift[0]->difference = HOLDFAST__V1__DIFFERENCE__BY_RIGHT;
    }
    (void)commit(d, &m);
}

static void replicas(struct desk *d, uint64_t number, const char *value, const char *actual) {
    report_right(d, number, "Deployment.apps/web/a", "spec.replicas", value, actual);
}

static void
that_values_of_others_come_and_go_is_written_at_once_and_how_they_change_later(void **state) {
    struct desk *d = *state;

    replicas(d, 1, NULL, "");
    replicas(d, 2, "3", "{\"spec\":{\"replicas\":3}}");
    assert_int_equal(desk_count(d, AT_ONCE), 1);
    replicas(d, 3, "4", "{\"spec\":{\"replicas\":4}}");
    assert_int_equal(desk_count(d, AT_ONCE), 0);
    assert_int_equal(desk_count(d, WAITS), 1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM drift WHERE actual = '4'"), 1);
    replicas(d, 4, "4", "{\"note\":1,\"spec\":{\"replicas\":4}}"); // beside it, by somebody
    assert_int_equal(desk_count(d, AT_ONCE), 1);
    replicas(d, 5, NULL, "");
    assert_int_equal(desk_count(d, AT_ONCE), 1);
}

static void what_there_is_no_room_to_wait_for_is_written_at_once(void **state) {
    struct desk *d = *state;

    report_much_drift(d, 1);
    report_much_drift(d, 2);
    replicas(d, 3, "3", "{\"spec\":{\"replicas\":3}}");
    assert_int_equal(desk_count(d, "SELECT count(*) FROM drift WHERE path = 'spec.replicas'"), 0);
    replicas(d, 4, "4", "{\"spec\":{\"replicas\":4}}");
    assert_int_equal(desk_count(d, AT_ONCE), 1);
}

static void replicas_may_wait_longer_than_weights_and_what_selects_pods_not_at_all(void **state) {
    static const struct {
        const char *key;
        const char *path;
        const char *due;
    } all[] = {
        {"Deployment.apps/web/a", "spec.replicas", "unixepoch() + 31 AND unixepoch() + 300"},
        {"VirtualService.networking.istio.io/web/a", "spec.http", "1 AND unixepoch() + 30"},
        {"Service/web/a", "spec.selector.app", "0 AND 0"},
    };
    struct desk *d = *state;
    uint64_t number = 1;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        CM_AUTOFREE char *sql = cm_strf("SELECT count(*) FROM unobserved WHERE due_ms / 1000"
                                        " BETWEEN %s",
                                        all[i].due);

        report_right(d, number++, all[i].key, all[i].path, "1", "");
        report_right(d, number++, all[i].key, all[i].path, "2", "");
        assert_int_equal(desk_count(d, sql), 1);
    }
}

static void what_somebody_sets_waits_for_nothing_and_once_told_is_no_news(void **state) {
    struct desk *d = *state;

    for (uint64_t number = 1; number <= 3; number++) {
        struct draft m = begin(RUN, number);

        add_drift(&m, add_object(&m, "ConfigMap/web/a"), "data.x", number < 3 ? "1" : "2");
        desk_run(d, "DELETE FROM unobserved");
        (void)commit(d, &m);
        assert_int_equal(desk_count(d, AT_ONCE), number != 2);
    }
}

// Reports fields of one object that differ, then fewer.
static void a_fight_is_an_event_once(void **state) {
    struct desk *d = *state;

    for (uint64_t number = 1; number <= 3; number++) {
        struct draft m = begin(RUN, number);

        Holdfast__V1__ObjectReport *object = add_object(&m, "ConfigMap/web/a");
        add_drift(&m, object, "data.x", number == 1 ? "\"2\"" : "\"3\"");
        object->fought = number < 3 ? 5 : 0;
        (void)commit(d, &m);
        assert_int_equal(desk_count(d, "SELECT fought FROM object"), number < 3 ? 5 : 0);
    }
    assert_int_equal(count_events(d, "drift.fight"), 1);
}

static void add_happened(struct draft *m, Holdfast__V1__ObjectReport *object,
                         Holdfast__V1__What what, int64_t at_ms) {
    Holdfast__V1__Happened *h = cm_arena_get(m->arena, sizeof(*h));
    Holdfast__V1__Happened **all = cm_arena_get(m->arena, (object->n_happened + 1) * sizeof(*all));

    for (size_t i = 0; i < object->n_happened; i++) {
        all[i] = object->happened[i];
    }
    holdfast__v1__happened__init(h);
    h->what = what;
    h->who = cm_arena_strdup(m->arena, "kubectl-edit");
    h->message = cm_arena_strdup(m->arena, "it is ours now");
    h->at_ms = at_ms;
    all[object->n_happened++] = h;
    object->happened = all;
}

static void what_an_unseen_object_says_counts_but_not_that_it_differs_no_more(void **state) {
    struct desk *d = *state;

    report_drift(d, 1, false);
    for (uint64_t number = 2; number <= 3; number++) {
        struct draft m = begin(RUN, number);
        Holdfast__V1__ObjectReport *object = add_object(&m, "ConfigMap/web/a");

        object->unseen = true;
        object->health = number == 2 ? DEGRADED : HOLDFAST__V1__HEALTH__HEALTH_UNKNOWN;
        object->message = text(&m, number == 2 ? "no room" : "");
        add_happened(&m, object, HOLDFAST__V1__WHAT__RECREATED, 5);
        m.report->full = true;
        m.report->full_end = true;
        (void)commit(d, &m);
        assert_int_equal(
            desk_count(d, "SELECT count(*) FROM object WHERE health = 3 AND message = 'no room'"),
            1);
    }
    assert_int_equal(desk_count(d, "SELECT count(*) FROM drift"), 1);
    assert_int_equal(count_events(d, "drift.cleared"), 0);
    assert_int_equal(count_events(d, "object.recreated"), 1);
}

static void what_an_apply_did_besides_is_an_event_once(void **state) {
    struct desk *d = *state;

    for (uint64_t number = 1; number <= 4; number++) { // as if each acknowledgement were lost
        struct draft m = begin(RUN, number);
        Holdfast__V1__ObjectReport *object = add_object(&m, "ConfigMap/web/a");

        if (number != 3) { // nothing of it in between is no reason to tell it again
            add_happened(&m, object, HOLDFAST__V1__WHAT__ADOPTED, 1000);
        }
        add_happened(&m, object, HOLDFAST__V1__WHAT__TAKEN, number < 3 ? 1001 : 1002);
        add_happened(&m, object, (Holdfast__V1__What)77, 900); // of a newer agent
        (void)commit(d, &m);
    }
    assert_int_equal(count_events(d, "object.adopted"), 1);
    assert_int_equal(count_events(d, "field.taken"), 2);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event WHERE actor = 'kubectl-edit' AND"
                                   " key = 'ConfigMap/web/a' AND message = 'it is ours now'"),
                     3);
}

static void of_much_that_happened_at_once_not_all_is_an_event(void **state) {
    struct desk *d = *state;
    struct draft m = begin(RUN, 1);

    for (size_t i = 0; i < 150; i++) {
        char key[64];

        (void)snprintf(key, sizeof(key), "ConfigMap/web/%zu", i);
        add_happened(&m, add_object(&m, key), HOLDFAST__V1__WHAT__RECREATED, 1000);
    }
    (void)commit(d, &m);
    assert_int_equal(count_events(d, "object.recreated"), 100);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event WHERE message LIKE '50 more %'"), 1);
}

static void end_drift(struct desk *d, size_t before, size_t after, Holdfast__V1__DriftEnd end,
                      bool removed) {
    static const char *const paths[] = {"data.a", "data.b", "data.c", "data.d"};
    struct draft drifted = begin(RUN, 1);
    struct draft ended = begin(RUN, 2);
    Holdfast__V1__ObjectReport *object = add_object(&drifted, "ConfigMap/web/a");

    for (size_t i = 0; i < before; i++) {
        add_drift(&drifted, object, paths[i], "\"2\"");
    }
    (void)commit(d, &drifted);
    object = add_object(&ended, "ConfigMap/web/a");
    for (size_t i = 0; i < after; i++) {
        add_drift(&ended, object, paths[i], "\"2\"");
    }
    object->drift_end = end;
    object->removed = removed;
    (void)commit(d, &ended);
    assert_int_equal(count_events(d, "drift.cleared"), 1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM drift"), removed ? 0 : after);
}

static void tells(struct desk *d, const char *message) {
    CM_AUTOFREE char *sql = cm_strf("SELECT count(*) FROM event WHERE message = '%s'", message);

    assert_int_equal(desk_count(d, sql), 1);
}

#define CORRECTED HOLDFAST__V1__DRIFT_END__DRIFT_END_CORRECTED
#define PUT_BACK HOLDFAST__V1__DRIFT_END__DRIFT_END_PUT_BACK
#define NOT_KNOWN HOLDFAST__V1__DRIFT_END__DRIFT_END_UNKNOWN

static void who_ended_a_difference_is_told_with_the_field(void **state) {
    end_drift(*state, 1, 0, CORRECTED, false);
    tells(*state, "data.a: the agent put it right");
}

static void what_somebody_put_back_is_told_so(void **state) {
    end_drift(*state, 2, 0, PUT_BACK, false);
    tells(*state, "data.a, data.b: somebody put it back");
}

static void many_fields_are_named_in_part(void **state) {
    end_drift(*state, 4, 0, NOT_KNOWN, false);
    tells(*state, "data.a, data.b, data.c (and 1 more): it no longer differs");
}

static void a_field_is_told_while_others_still_differ(void **state) {
    end_drift(*state, 2, 1, CORRECTED, false); // the end of an older one
    tells(*state, "data.b: it no longer differs");
}

static void a_difference_that_goes_with_its_object_is_told(void **state) {
    end_drift(*state, 1, 0, NOT_KNOWN, true);
    tells(*state, "data.a: the App no longer has this object");
}

#define DESK_TEST(name) cmocka_unit_test_setup_teardown(name, open_with_agent, desk_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        DESK_TEST(a_report_is_on_record_with_its_number),
        DESK_TEST(a_report_that_comes_again_changes_nothing),
        DESK_TEST(another_run_counts_from_the_beginning),
        DESK_TEST(a_full_report_takes_away_what_it_does_not_name),
        DESK_TEST(an_app_that_was_removed_is_told_to_the_hub),
        DESK_TEST(an_app_without_a_tombstone_of_which_nobody_knew_is_not_told_as_removed),
        DESK_TEST(one_that_was_known_is_told_but_awaited_by_nobody),
        DESK_TEST(a_full_report_says_how_many_rows_it_marked_once),
        DESK_TEST(much_drift_at_once_is_a_bounded_number_of_events),
        DESK_TEST(so_much_drift_of_a_cluster_is_kept_and_no_more),
        DESK_TEST(what_cannot_be_written_is_not_acknowledged),
        DESK_TEST(a_bundle_that_is_applied_is_an_event_once),
        DESK_TEST(what_is_healthy_before_it_is_applied_is_told_after_that),
        DESK_TEST(an_event_of_an_app_says_what_was_done_and_why),
        DESK_TEST(what_is_observed_to_be_as_desired_is_on_record_as_what_is_there),
        DESK_TEST(of_what_no_app_names_it_is_on_record_which_images_it_runs),
        DESK_TEST(that_an_app_has_it_now_is_no_removal),
        DESK_TEST(a_failure_and_its_end_are_events_once),
        DESK_TEST(bad_health_and_its_end_are_events_once),
        DESK_TEST(a_difference_is_an_event_once_with_who_made_it),
        DESK_TEST(what_was_added_is_said_so),
        DESK_TEST(what_an_agent_that_was_started_has_not_seen_yet_is_as_it_was),
        DESK_TEST(what_an_unseen_object_says_counts_but_not_that_it_differs_no_more),
        DESK_TEST(of_what_was_never_on_record_an_unseen_object_is),
        DESK_TEST(another_value_is_another_event),
        DESK_TEST(the_end_of_a_difference_is_an_event),
        DESK_TEST(that_more_fields_differ_than_are_named_is_on_record),
        DESK_TEST(an_image_that_is_there_instead_is_what_runs),
        DESK_TEST(all_that_is_there_is_on_record_until_it_is_as_desired),
        DESK_TEST(what_is_no_object_or_tells_a_secret_is_not_taken),
        DESK_TEST(so_much_of_what_is_there_of_a_cluster_is_kept_and_no_more),
        DESK_TEST(that_values_of_others_come_and_go_is_written_at_once_and_how_they_change_later),
        DESK_TEST(what_there_is_no_room_to_wait_for_is_written_at_once),
        DESK_TEST(replicas_may_wait_longer_than_weights_and_what_selects_pods_not_at_all),
        DESK_TEST(what_somebody_sets_waits_for_nothing_and_once_told_is_no_news),
        DESK_TEST(a_fight_is_an_event_once),
        DESK_TEST(what_an_apply_did_besides_is_an_event_once),
        DESK_TEST(of_much_that_happened_at_once_not_all_is_an_event),
        DESK_TEST(who_ended_a_difference_is_told_with_the_field),
        DESK_TEST(what_somebody_put_back_is_told_so),
        DESK_TEST(many_fields_are_named_in_part),
        DESK_TEST(a_field_is_told_while_others_still_differ),
        DESK_TEST(a_difference_that_goes_with_its_object_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
