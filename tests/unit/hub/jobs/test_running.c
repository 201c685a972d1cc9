// Which images an App really runs, told by what is on record of its objects.
#include "hub/jobs/running.h"

#include "tests/unit/hub/store/memory_db.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/jobs/digests.h"
#include "hub/jobs/note.h"
#include "hub/store/db.h"
#include "hub/store/decisions.h"
#include "hub/store/desired.h"
#include "hub/store/past.h"
#include "hub/store/past_query.h"
#include "hub/store/status.h"
#include "proto/holdfast.pb-c.h"

#define WEB "Deployment.apps/default/web"
#define API "Deployment.apps/default/api"
#define IMAGE_FIELD "spec.template.spec.containers[name=main].image"
#define T0 ((int64_t)1790000000000)

#define APPLIED HOLDFAST__V1__APPLIED__APPLIED
#define APPLYING HOLDFAST__V1__APPLIED__APPLYING
#define FAILED HOLDFAST__V1__APPLIED__FAILED
#define OBSERVED HOLDFAST__V1__APPLIED__OBSERVED
#define HEALTHY HOLDFAST__V1__HEALTH__HEALTHY
#define MISSING HOLDFAST__V1__HEALTH__MISSING

static char *form_of(const char *image) {
    return cm_strf("{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"image\":\"%s\","
                   "\"name\":\"main\"}]}}}}",
                   image);
}

static struct cm_sha256 put_form(struct hub_db *db, const char *image) {
    CM_AUTOFREE char *form = form_of(image);
    struct cm_sha256 name = cm_sha256(form, strlen(form));
    struct cm_err err;

    assert_int_equal(hub_desired_put_blob(db, &name, form, strlen(form), &err), CM_OK);
    return name;
}

// What an agent says of one object: what was applied, and what is there instead ("": just that).
static void report_object(struct hub_db *db, const char *key, const char *applied,
                          const char *actual, int health) {
    CM_AUTOFREE char *form = form_of(actual);
    struct cm_sha256 sha256 = applied[0] == '\0' ? (struct cm_sha256){{0}} : put_form(db, applied);
    struct cm_err err;

    assert_int_equal(hub_objects_put(db,
                                     &(struct hub_object_row){
                                         .cluster = "paris",
                                         .app = "web",
                                         .key = key,
                                         .sha256 = sha256.bytes,
                                         .sha256_size = applied[0] == '\0' ? 0 : 32,
                                         .health = health,
                                         .message = "",
                                         .actual = form,
                                         .actual_size = actual[0] == '\0' ? 0 : strlen(form)},
                                     &err),
                     CM_OK);
}

static void report_path(struct hub_db *db, const char *path, const char *actual,
                        const char *class) {
    struct cm_err err;

    assert_int_equal(hub_drift_clear(db, "paris", WEB, &err), CM_OK);
    assert_int_equal(hub_drift_put(db,
                                   &(struct hub_drift_row){.cluster = "paris",
                                                           .app = "web",
                                                           .key = WEB,
                                                           .path = path,
                                                           .desired = "\"reg/web:1\"",
                                                           .actual = actual,
                                                           .manager = "kubectl",
                                                           .operation = "Update",
                                                           .class = class,
                                                           .at_ms = T0},
                                   &err),
                     CM_OK);
}

static void report_field(struct hub_db *db, const char *actual) {
    report_path(db, IMAGE_FIELD, actual, "foreign");
}

static void look(struct hub_db *db, int64_t at_ms) {
    struct cm_err err = {0};

    if (hub_running_look(db, &(struct hub_running){"paris", "web", at_ms, at_ms}, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

static struct hub_status_row row_of(const char *release, int applied, uint32_t drifted) {
    return (struct hub_status_row){.cluster = "paris",
                                   .app = "web",
                                   .bundle = cm_sha256(release, strlen(release)),
                                   .revision = release,
                                   .applied = applied,
                                   .message = "",
                                   .health = HEALTHY,
                                   .health_message = "",
                                   .objects = 2,
                                   .drifted = drifted};
}

// report_app says how the App is, and looks at what runs after that.
static void report_app(struct hub_db *db, const char *release, int applied, uint32_t drifted,
                       int64_t at_ms) {
    const struct hub_status_row row = row_of(release, applied, drifted);
    struct cm_err err;

    assert_int_equal(hub_note_reported(db, &row, at_ms, at_ms, &err), CM_OK);
    assert_int_equal(hub_status_put(db, &row, &err), CM_OK);
    look(db, at_ms);
}

static void publish(struct hub_db *db, const char *release, const char *image) {
    const struct hub_past_bundle b = {.app = "web",
                                      .bundle = cm_sha256(release, strlen(release)),
                                      .revision = release,
                                      .repo = "fleet"};
    struct cm_err err;
    int64_t value;
    bool made;

    assert_int_equal(hub_past_value(db, &b, &value, &made, &err), CM_OK);
    assert_int_equal(hub_past_image(db, value, image, &err), CM_OK);
}

// Release "aaaaaaa" of one object, as it was applied; "bbbbbbb" is in Git, too.
static int open_running(void **state) {
    struct cm_err err;

    (void)open_db(state);
    publish(*state, "aaaaaaa", "reg/web:1");
    publish(*state, "bbbbbbb", "reg/web:2");
    assert_int_equal(hub_note_seen(*state, "paris", true, T0, &err), CM_OK);
    report_object(*state, WEB, "reg/web:1", "", HEALTHY);
    report_app(*state, "aaaaaaa", APPLIED, 0, T0);
    return 0;
}

// where tells the images, commit and doubts of what is found: "reg/web:1 aaaaaaa drifted 0".
static char *where(struct hub_db *db, const char *what, bool missing, int64_t at_ms) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str out = {0};
    const struct hub_past_ask ask = {
        .select = "@{0.seconds.ago}", .now_ms = at_ms, .what = what, .missing = missing};
    struct cm_json *answer = NULL;
    struct cm_err err = {0};

    if (hub_past_where(db, a, &ask, &answer, &err) < 0) {
        return cm_strdup("never");
    }
    for (const struct cm_json *at = cm_json_get(answer, "items")->first; at != NULL;
         at = at->next) {
        const struct cm_json *images = cm_json_get(at, "images");

        cm_str_add(&out, out.len > 0 ? "; " : "");
        for (const struct cm_json *i = images->first; i != NULL; i = i->next) {
            cm_str_addf(&out, "%s ", i->text);
        }
        cm_str_addf(&out, "%s since %lld drifted %lld", cm_json_get(at, "revision")->text,
                    (long long)(cm_json_int(cm_json_get(at, "fromMs"), 0) - T0),
                    (long long)cm_json_int(cm_json_get(at, "drifted"), 0));
    }
    return cm_strdup(cm_str_get(&out));
}

#define ASSERT_WHERE(what, at_ms, expected)                                                        \
    do {                                                                                           \
        CM_AUTOFREE char *told = where(*state, what, false, at_ms);                                \
        assert_string_equal(told, expected);                                                       \
    } while (0)
#define ASSERT_MISSING(what, at_ms, expected)                                                      \
    do {                                                                                           \
        CM_AUTOFREE char *told = where(*state, what, true, at_ms);                                 \
        assert_string_equal(told, expected);                                                       \
    } while (0)

static int64_t changes(struct hub_db *db) {
    return count_rows(db, "SELECT ifnull(sum(count), 0) FROM past_change WHERE axis = 4");
}

static void what_was_applied_runs_and_costs_no_row(void **state) {
    ASSERT_WHERE("reg/web:1", T0 + 9, "reg/web:1 aaaaaaa since 0 drifted 0");
    report_app(*state, "aaaaaaa", APPLIED, 0, T0 + 5);
    assert_int_equal(changes(*state), 0);
}

static void an_image_that_was_set_by_hand_is_found_where_it_runs(void **state) {
    report_object(*state, WEB, "reg/web:1", "reg/web:evil", HEALTHY);
    report_app(*state, "aaaaaaa", APPLIED, 1, T0 + 100);
    ASSERT_WHERE("reg/web:evil", T0 + 200, "reg/web:evil aaaaaaa since 100 drifted 1");
    ASSERT_WHERE("reg/web:1", T0 + 200, "");
    ASSERT_MISSING("reg/web:1", T0 + 200, "reg/web:evil aaaaaaa since 100 drifted 1");
    ASSERT_MISSING("reg/web:evil", T0 + 200, "");
    ASSERT_WHERE("aaaaaaa", T0 + 200, "reg/web:evil aaaaaaa since 0 drifted 1");
    ASSERT_WHERE("reg/web:1", T0 + 50, "reg/web:1 aaaaaaa since 0 drifted 0"); // before that
    ASSERT_WHERE("reg/web:evil", T0 + 50, "");
}

static void once_it_is_put_back_what_was_applied_runs_again(void **state) {
    report_object(*state, WEB, "reg/web:1", "reg/web:evil", HEALTHY);
    report_app(*state, "aaaaaaa", APPLIED, 1, T0 + 100);
    report_object(*state, WEB, "reg/web:1", "", HEALTHY);
    report_app(*state, "aaaaaaa", APPLIED, 0, T0 + 300);
    ASSERT_WHERE("reg/web:1", T0 + 400, "reg/web:1 aaaaaaa since 300 drifted 0");
    ASSERT_WHERE("reg/web:evil", T0 + 400, "");
    ASSERT_WHERE("reg/web:evil", T0 + 200, "reg/web:evil aaaaaaa since 100 drifted 1");
}

static void a_field_tells_it_where_not_all_is_told(void **state) {
    report_field(*state, "\"reg/web:evil\"");
    report_app(*state, "aaaaaaa", APPLIED, 1, T0 + 100);
    ASSERT_WHERE("reg/web:evil", T0 + 200, "reg/web:evil aaaaaaa since 100 drifted 1");
    ASSERT_WHERE("reg/web:1", T0 + 200, "");
}

#define CONTAINERS_FIELD "spec.template.spec.containers"

static void a_container_that_was_added_or_taken_away_by_hand_is_told(void **state) {
    report_path(*state, CONTAINERS_FIELD "[name=miner]",
                "{\"image\":\"reg/miner:1\",\"name\":\"miner\"}", "foreign");
    report_app(*state, "aaaaaaa", APPLIED, 1, T0 + 100);
    ASSERT_WHERE("reg/miner:1", T0 + 200, "reg/miner:1 reg/web:1 aaaaaaa since 100 drifted 1");
    report_path(*state, CONTAINERS_FIELD "[name=main]", "", "right");
    report_app(*state, "aaaaaaa", APPLIED, 1, T0 + 300);
    ASSERT_WHERE("reg/web:1", T0 + 400, "");
    ASSERT_MISSING("reg/web:1", T0 + 400, "aaaaaaa since 300 drifted 1");
    report_path(*state, CONTAINERS_FIELD "[name=main].env[name=A]", "{\"na", "foreign"); // cut
    report_app(*state, "aaaaaaa", APPLIED, 1, T0 + 500);
    ASSERT_WHERE("reg/web:1", T0 + 600, "reg/web:1 aaaaaaa since 500 drifted 1");
}

// Replicas that an autoscaler sets stay so for ever.
static void what_cannot_change_images_is_no_reason_to_look(void **state) {
    static const struct {
        const char *path;
        const char *class;
        bool due;
    } cases[] = {
        {"spec.replicas", "right", false},
        {"spec.replicas", "ignored", false},
        {CONTAINERS_FIELD "[name=main].resources.limits.cpu", "right", false},
        {"spec.replicas", "foreign", true}, // the object is looked at whole
        {IMAGE_FIELD, "ignored", true},
        {CONTAINERS_FIELD "[name=proxy]", "right", true},
        {"spec.template.spec.initContainers", "noise", true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cm_err err;
        bool due = !cases[i].due;

        report_path(*state, cases[i].path, "1", cases[i].class);
        assert_int_equal(hub_past_images_due(*state, "paris", "web", &due, &err), CM_OK);
        assert_int_equal(due, cases[i].due);
    }
}

static void a_value_that_was_cut_may_be_any_image(void **state) {
    report_field(*state, "\"reg/web:ev");
    report_app(*state, "aaaaaaa", APPLIED, 1, T0 + 100);
    ASSERT_WHERE("reg/web:1", T0 + 200, "");
    ASSERT_MISSING("reg/web:1", T0 + 200, "aaaaaaa since 100 drifted 1");
    ASSERT_MISSING("reg/web:2", T0 + 200, "aaaaaaa since 100 drifted 1");
}

// An agent says what it likes.
static void of_very_many_or_long_images_only_some_are_kept(void **state) {
    CM_CLEANUP(cm_str_done) struct cm_str many = {0};
    CM_AUTOFREE char *longer = cm_strf("\"reg/%0600d\"", 1);

    cm_str_add(&many, "[{\"image\":\"reg/a:1\",\"name\":\"a\"}");
    for (int i = 0; i < 1500; i++) {
        cm_str_addf(&many, ",{\"image\":\"reg/many:%d\",\"name\":\"a%d\"}", i, i);
    }
    cm_str_add(&many, "]");
    report_path(*state, CONTAINERS_FIELD, cm_str_get(&many), "foreign");
    report_app(*state, "aaaaaaa", APPLIED, 1, T0 + 100);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_image"), 1002); // and two in Git
    assert_int_equal(
        count_rows(*state, "SELECT count(*) FROM past_value WHERE revision = 'partial'"), 1);
    report_path(*state, IMAGE_FIELD, longer, "foreign");
    report_app(*state, "aaaaaaa", APPLIED, 1, T0 + 300);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_image"), 1002);
    ASSERT_MISSING("reg/web:1", T0 + 400, "aaaaaaa since 300 drifted 1");
}

static void what_is_changed_by_hand_beside_the_image_leaves_no_doubt(void **state) {
    report_object(*state, WEB, "reg/web:1", "reg/web:1", HEALTHY);
    report_app(*state, "aaaaaaa", APPLIED, 1, T0 + 100);
    ASSERT_WHERE("reg/web:1", T0 + 200, "reg/web:1 aaaaaaa since 100 drifted 1");
    ASSERT_MISSING("reg/web:1", T0 + 200, "");
}

static void an_object_that_is_gone_runs_nothing(void **state) {
    report_object(*state, WEB, "reg/web:1", "", MISSING);
    look(*state, T0 + 100);
    ASSERT_WHERE("reg/web:1", T0 + 200, "");
    ASSERT_MISSING("reg/web:1", T0 + 200, "aaaaaaa since 100 drifted 1");
}

static void what_was_applied_by_half_runs_by_half(void **state) {
    report_object(*state, WEB, "reg/web:2", "", HEALTHY);
    report_object(*state, API, "reg/api:1", "", HEALTHY);
    report_app(*state, "bbbbbbb", FAILED, 0, T0 + 100);
    ASSERT_WHERE("reg/web:2", T0 + 200, "reg/api:1 reg/web:2 aaaaaaa since 100 drifted 1");
    ASSERT_WHERE("reg/web:1", T0 + 200, "");
}

static void what_is_on_its_way_is_not_told(void **state) {
    report_object(*state, WEB, "reg/web:1", "reg/web:evil", HEALTHY);
    report_app(*state, "bbbbbbb", APPLYING, 1, T0 + 100);
    assert_int_equal(changes(*state), 0);
    report_object(*state, WEB, "reg/web:2", "", HEALTHY);
    report_app(*state, "bbbbbbb", APPLIED, 0, T0 + 200);
    ASSERT_WHERE("reg/web:2", T0 + 300, "reg/web:2 bbbbbbb since 200 drifted 0");
    assert_int_equal(changes(*state), 0);
}

static void the_next_release_ends_what_was_set_by_hand(void **state) {
    report_object(*state, WEB, "reg/web:1", "reg/web:evil", HEALTHY);
    report_app(*state, "aaaaaaa", APPLIED, 1, T0 + 100);
    report_object(*state, WEB, "reg/web:2", "", HEALTHY);
    report_app(*state, "bbbbbbb", APPLIED, 0, T0 + 200);
    ASSERT_WHERE("reg/web:evil", T0 + 300, "");
    ASSERT_WHERE("reg/web:2", T0 + 300, "reg/web:2 bbbbbbb since 200 drifted 0");
}

// What was decided at a time, by a clock there, and heard of at another.
static void decide_late(struct hub_db *db, const char *verdict, const char *bad, const char *good,
                        int64_t at_ms, int64_t seen_ms) {
    struct hub_decision_row row = {.id = cm_sha256(&at_ms, sizeof(at_ms)),
                                   .cluster = "paris",
                                   .cluster_id = "",
                                   .app = "web",
                                   .key = WEB,
                                   .controller = "flagger",
                                   .verdict = verdict,
                                   .bad = put_form(db, bad),
                                   .at_ms = at_ms,
                                   .provisional = strcmp(verdict, "rejected") == 0};
    struct cm_err err;
    bool is_new;

    if (good[0] != '\0') {
        row.good = put_form(db, good);
    }
    assert_int_equal(hub_decisions_add(db, &row, &is_new, &err), CM_OK);
    assert_int_equal(
        hub_running_note(db, &(struct hub_running){"paris", "web", at_ms, seen_ms}, &err), CM_OK);
}

static void decide(struct hub_db *db, const char *verdict, const char *bad, const char *good,
                   int64_t at_ms) {
    decide_late(db, verdict, bad, good, at_ms, at_ms);
}

static void begin_second(struct hub_db *db) {
    report_object(db, WEB, "reg/web:2", "", HEALTHY);
    report_app(db, "bbbbbbb", APPLIED, 0, T0 + 100);
}

static void what_a_controller_went_back_to_runs(void **state) {
    begin_second(*state);
    decide(*state, "rejected", "reg/web:2", "reg/web:1", T0 + 200);
    ASSERT_WHERE("reg/web:1", T0 + 300, "reg/web:1 bbbbbbb since 200 drifted 1");
    ASSERT_WHERE("reg/web:2", T0 + 300, "");
    ASSERT_MISSING("reg/web:2", T0 + 300, "reg/web:1 bbbbbbb since 200 drifted 1");
    ASSERT_WHERE("reg/web:2", T0 + 150, "reg/web:2 bbbbbbb since 100 drifted 0");
}

// An agent keeps its reports back until its decisions are acknowledged.
static void a_controller_may_go_back_before_the_release_is_reported(void **state) {
    decide(*state, "rejected", "reg/web:2", "reg/web:1", T0 + 50);
    begin_second(*state);
    ASSERT_WHERE("reg/web:1", T0 + 300, "reg/web:1 bbbbbbb since 100 drifted 1");
    ASSERT_WHERE("reg/web:2", T0 + 300, "");
}

static void a_clock_that_is_behind_hides_nothing(void **state) {
    begin_second(*state);
    report_object(*state, WEB, "reg/web:2", "reg/web:evil", HEALTHY);
    report_app(*state, "bbbbbbb", APPLIED, 1, T0 + 120);
    report_object(*state, WEB, "reg/web:2", "", HEALTHY);
    report_app(*state, "bbbbbbb", APPLIED, 0, T0 + 150);
    decide_late(*state, "rejected", "reg/web:2", "reg/web:1", T0 + 110, T0 + 200);
    ASSERT_WHERE("reg/web:1", T0 + 300, "reg/web:1 bbbbbbb since 151 drifted 1");
    decide_late(*state, "promoted", "reg/web:1", "reg/web:2", T0 - 3600000, T0 + 400);
    ASSERT_WHERE("reg/web:2", T0 + 500, "reg/web:2 bbbbbbb since 152 drifted 0");
}

static void it_does_until_another_release_is_applied(void **state) {
    begin_second(*state);
    decide(*state, "rejected", "reg/web:2", "reg/web:1", T0 + 200);
    report_app(*state, "bbbbbbb", APPLIED, 0, T0 + 250); // says nothing new
    ASSERT_WHERE("reg/web:1", T0 + 300, "reg/web:1 bbbbbbb since 200 drifted 1");
    publish(*state, "ccccccc", "reg/web:1"); // with a Hold in it
    report_object(*state, WEB, "reg/web:1", "", HEALTHY);
    report_app(*state, "ccccccc", APPLIED, 0, T0 + 400);
    ASSERT_WHERE("reg/web:1", T0 + 500, "reg/web:1 ccccccc since 400 drifted 0");
}

static void a_release_that_is_promoted_later_runs(void **state) {
    begin_second(*state);
    decide(*state, "rejected", "reg/web:2", "reg/web:1", T0 + 200);
    decide(*state, "promoted", "reg/web:1", "reg/web:2", T0 + 300);
    ASSERT_WHERE("reg/web:2", T0 + 400, "reg/web:2 bbbbbbb since 300 drifted 0");
}

static void where_nobody_knows_what_it_went_back_to_that_is_said(void **state) {
    report_object(*state, API, "reg/api:1", "", HEALTHY);
    begin_second(*state);
    decide(*state, "rejected", "reg/web:2", "", T0 + 200);
    ASSERT_WHERE("reg/web:2", T0 + 300, "");
    ASSERT_MISSING("reg/api:1", T0 + 300, "reg/api:1 bbbbbbb since 200 drifted 1");
}

static void what_is_only_observed_is_found_by_what_is_there(void **state) {
    report_object(*state, WEB, "", "reg/web:theirs", HEALTHY);
    report_app(*state, "aaaaaaa", OBSERVED, 1, T0 + 100);
    ASSERT_WHERE("reg/web:theirs", T0 + 200, "reg/web:theirs aaaaaaa since 100 drifted 1");
    ASSERT_WHERE("reg/web:1", T0 + 200, "");
}

static void an_app_that_is_gone_runs_nothing(void **state) {
    struct cm_err err;

    report_object(*state, WEB, "reg/web:1", "reg/web:evil", HEALTHY);
    report_app(*state, "aaaaaaa", APPLIED, 1, T0 + 100);
    assert_int_equal(hub_note_removed(*state, "paris", "web", T0 + 200, T0 + 200, &err), CM_OK);
    ASSERT_WHERE("reg/web:evil", T0 + 300, "");
    ASSERT_MISSING("reg/web:1", T0 + 300, "");
}

static void what_was_reported_to_a_hub_of_before_is_looked_at_once(void **state) {
    const struct hub_status_row row = row_of("aaaaaaa", APPLIED, 1);
    struct cm_err err;

    report_field(*state, "\"reg/web:evil\"");
    assert_int_equal(hub_status_put(*state, &row, &err), CM_OK);
    assert_int_equal(hub_note_reported(*state, &row, T0 + 50, T0 + 50, &err), CM_OK);
    ASSERT_MISSING("reg/web:1", T0 + 60, "reg/web:1 aaaaaaa since 0 drifted 1"); // it may be so
    assert_int_equal(hub_running_begin(*state, T0 + 100, &err), CM_OK);
    assert_int_equal(hub_running_begin(*state, T0 + 200, &err), CM_OK);
    ASSERT_WHERE("reg/web:evil", T0 + 300, "reg/web:evil aaaaaaa since 100 drifted 1");
    assert_int_equal(changes(*state), 1);
}

// ---- What runs behind tags

// put_digests has an agent tell what an object's pods run; NULL: it has not looked.
static void put_digests(struct hub_db *db, const char *key, const char *digests) {
    struct cm_sha256 sha256 = put_form(db, "reg/web:1");
    struct cm_err err;

    assert_int_equal(hub_objects_put(db,
                                     &(struct hub_object_row){.cluster = "paris",
                                                              .app = "web",
                                                              .key = key,
                                                              .sha256 = sha256.bytes,
                                                              .sha256_size = 32,
                                                              .health = HEALTHY,
                                                              .message = "",
                                                              .digests = digests},
                                     &err),
                     CM_OK);
}

static void report_digests(struct hub_db *db, const char *key, const char *digests, int64_t at_ms) {
    struct cm_err err;

    put_digests(db, key, digests);
    assert_int_equal(
        hub_digests_note(db, &(struct hub_running){"paris", "web", at_ms, at_ms}, &err), CM_OK);
}

static int64_t digest_changes(struct hub_db *db) {
    return count_rows(db, "SELECT ifnull(sum(count), 0) FROM past_change WHERE axis = 5");
}

static void a_digest_that_pods_run_is_found_with_its_times(void **state) {
    report_digests(*state, WEB, "reg/web:1@sha256:aa\n", T0 + 100);
    ASSERT_WHERE("sha256:aa", T0 + 200, "reg/web:1 aaaaaaa since 100 drifted 0");
    ASSERT_MISSING("sha256:aa", T0 + 200, "");
    report_digests(*state, WEB, "reg/web:1@sha256:bb\n", T0 + 300);
    ASSERT_WHERE("sha256:aa", T0 + 400, "");
    ASSERT_MISSING("sha256:aa", T0 + 400, "reg/web:1 aaaaaaa since 0 drifted 0");
    ASSERT_WHERE("sha256:bb", T0 + 400, "reg/web:1 aaaaaaa since 300 drifted 0");
    ASSERT_WHERE("sha256:aa", T0 + 200, "reg/web:1 aaaaaaa since 100 drifted 0"); // then
    assert_int_equal(changes(*state), 0); // the image is the same
}

static void what_nobody_has_looked_at_again_stands(void **state) {
    report_digests(*state, WEB, "reg/web:1@sha256:aa\n", T0 + 100);
    report_digests(*state, WEB, NULL, T0 + 200); // as after a start of the agent
    ASSERT_WHERE("sha256:aa", T0 + 300, "reg/web:1 aaaaaaa since 100 drifted 0");
    assert_int_equal(digest_changes(*state), 1);
    report_digests(*state, WEB, "", T0 + 400); // it may not look any more
    ASSERT_WHERE("sha256:aa", T0 + 500, "");
    assert_int_equal(digest_changes(*state), 2);
}

static void digests_of_all_objects_of_an_app_count(void **state) {
    report_digests(*state, WEB, "reg/web:1@sha256:aa\n", T0 + 100);
    report_digests(*state, API, "reg/web:1@sha256:bb\n+\n", T0 + 200);
    ASSERT_WHERE("sha256:aa", T0 + 300, "reg/web:1 aaaaaaa since 200 drifted 0");
    ASSERT_WHERE("sha256:bb", T0 + 300, "reg/web:1 aaaaaaa since 200 drifted 0");
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_value WHERE revision ="
                                        " 'partial'"),
                     1);
}

static void a_clock_that_goes_back_hides_no_digest(void **state) {
    struct cm_err err;

    report_digests(*state, WEB, "reg/web:1@sha256:aa\n", T0 + 100);
    put_digests(*state, WEB, "reg/web:1@sha256:bb\n");
    assert_int_equal(
        hub_digests_note(*state, &(struct hub_running){"paris", "web", T0 + 50, T0 + 150}, &err),
        CM_OK);
    ASSERT_WHERE("sha256:bb", T0 + 200, "reg/web:1 aaaaaaa since 101 drifted 0");
}

static void while_the_hubs_clock_is_set_back_digests_do_not_pile_up(void **state) {
    report_digests(*state, WEB, "reg/web:1@sha256:aa\n", T0 + 100);
    report_digests(*state, WEB, "reg/web:1@sha256:bb\n", T0 + 50);
    report_digests(*state, WEB, "reg/web:1@sha256:cc\n", T0 + 60);
    assert_int_equal(digest_changes(*state), 1);
    report_digests(*state, WEB, NULL, T0 + 200);
    ASSERT_WHERE("sha256:cc", T0 + 300, "reg/web:1 aaaaaaa since 200 drifted 0");
}

static void what_is_missing_runs_no_digest(void **state) {
    struct cm_err err;

    report_digests(*state, WEB, "reg/web:1@sha256:aa\n", T0 + 100);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM object WHERE digests <> ''"), 1);
    assert_int_equal(
        hub_db_run(*state, &err, "UPDATE object SET health = 4 WHERE key = '" WEB "'", ""), CM_OK);
    report_digests(*state, API, NULL, T0 + 200);
    ASSERT_WHERE("sha256:aa", T0 + 300, "");
}

static void of_an_app_that_is_gone_no_digest_runs(void **state) {
    struct cm_err err;

    report_digests(*state, WEB, "reg/web:1@sha256:aa\n", T0 + 100);
    assert_int_equal(hub_note_removed(*state, "paris", "web", T0 + 200, T0 + 200, &err), CM_OK);
    ASSERT_WHERE("sha256:aa", T0 + 300, "");
    assert_int_equal(digest_changes(*state), 2);
}

static void sets_of_digests_go_when_nothing_has_them_any_more(void **state) {
    struct cm_err err;

    report_digests(*state, WEB, "reg/web:1@sha256:aa\n", T0 + 100);
    report_digests(*state, WEB, "reg/web:1@sha256:bb\n", T0 + 200);
    publish(*state, "ccccccc", "reg/web:3"); // what has the highest number stays anyway
    assert_int_equal(hub_past_images_drop(*state, &err), CM_OK);
    ASSERT_WHERE("sha256:aa", T0 + 150, "reg/web:1 aaaaaaa since 100 drifted 0");
    assert_int_equal(hub_db_run(*state, &err, "DELETE FROM past_change WHERE axis = 5", ""), CM_OK);
    assert_int_equal(hub_past_images_drop(*state, &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_image WHERE image GLOB '*:aa'"),
                     0);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_image WHERE image GLOB '*:bb'"),
                     1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_running, close_db)
    const struct CMUnitTest tests[] = {
        TEST(what_was_applied_runs_and_costs_no_row),
        TEST(an_image_that_was_set_by_hand_is_found_where_it_runs),
        TEST(once_it_is_put_back_what_was_applied_runs_again),
        TEST(a_field_tells_it_where_not_all_is_told),
        TEST(a_container_that_was_added_or_taken_away_by_hand_is_told),
        TEST(what_cannot_change_images_is_no_reason_to_look),
        TEST(a_value_that_was_cut_may_be_any_image),
        TEST(of_very_many_or_long_images_only_some_are_kept),
        TEST(what_is_changed_by_hand_beside_the_image_leaves_no_doubt),
        TEST(an_object_that_is_gone_runs_nothing),
        TEST(what_was_applied_by_half_runs_by_half),
        TEST(what_is_on_its_way_is_not_told),
        TEST(the_next_release_ends_what_was_set_by_hand),
        TEST(what_a_controller_went_back_to_runs),
        TEST(a_controller_may_go_back_before_the_release_is_reported),
        TEST(a_clock_that_is_behind_hides_nothing),
        TEST(it_does_until_another_release_is_applied),
        TEST(a_release_that_is_promoted_later_runs),
        TEST(where_nobody_knows_what_it_went_back_to_that_is_said),
        TEST(what_is_only_observed_is_found_by_what_is_there),
        TEST(an_app_that_is_gone_runs_nothing),
        TEST(what_was_reported_to_a_hub_of_before_is_looked_at_once),
        TEST(a_digest_that_pods_run_is_found_with_its_times),
        TEST(what_nobody_has_looked_at_again_stands),
        TEST(digests_of_all_objects_of_an_app_count),
        TEST(a_clock_that_goes_back_hides_no_digest),
        TEST(while_the_hubs_clock_is_set_back_digests_do_not_pile_up),
        TEST(what_is_missing_runs_no_digest),
        TEST(of_an_app_that_is_gone_no_digest_runs),
        TEST(sets_of_digests_go_when_nothing_has_them_any_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
