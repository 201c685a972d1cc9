#include "hub/jobs/state_pass.h"

#include "tests/unit/hub/repo/scratch.h"

#include <dirent.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "hub/render/bundle.h"
#include "hub/repo/source.h"
#include "hub/store/db.h"
#include "hub/store/desired.h"
#include "hub/store/events.h"
#include "hub/store/needs.h"
#include "hub/store/past_lines.h"
#include "hub/store/status.h"
#include "hub/store/unwritten.h"
#include "proto/holdfast.pb-c.h"

struct fixture {
    struct scratch *scratch;
    struct hub_db *db;
    struct hub_state_pass *pass;
    char *folder;
    char *db_path;
    int cancel_fd;
    int64_t keep_months;
    struct hub_state_done done;
    struct cm_err err;
};

static void begin(struct fixture *f, uint64_t epoch) {
    static const uint8_t key[32] = {7};
    struct hub_state_pass_config config = {.folder = f->folder,
                                           .db_path = f->db_path,
                                           .hub_id = "hub-1",
                                           .epoch = epoch,
                                           .value_key = key,
                                           .keep_months = f->keep_months,
                                           .cancel_fd = f->cancel_fd};

    hub_state_pass_free(f->pass);
    f->pass = hub_state_pass_new(&config);
}

static struct fixture fixture_of(void *state) {
    struct fixture f = {.scratch = state,
                        .cancel_fd = -1,
                        .folder = scratch_path(state, "state.git"),
                        .db_path = scratch_path(state, "hub.db")};

    assert_int_equal(hub_db_open(f.db_path, HUB_DB_WRITER, &f.db, &f.err), CM_OK);
    begin(&f, 1);
    return f;
}

static void fixture_done(struct fixture *f) {
    hub_state_pass_free(f->pass);
    hub_db_close(f->db);
    free(f->folder);
    free(f->db_path);
}

static void pass(struct fixture *f) {
    if (hub_state_pass_run(f->pass, &f->done, &f->err) < 0) {
        fail_msg("%s", f->err.msg);
    }
    for (int i = HUB_UNWRITTEN_DESIRED; i <= HUB_UNWRITTEN_ACTUAL; i++) {
        int64_t last =
            i == HUB_UNWRITTEN_DESIRED ? f->done.desired_written : f->done.actual_written;

        const struct hub_unwritten_due which = {(enum hub_unwritten)i, f->done.now_ms};

        assert_int_equal(hub_unwritten_remove(f->db, &which, last, &f->err), CM_OK);
    }
}

// first_pass finds out that there is no repository, and the next one fills it.
static void first_pass(struct fixture *f) {
    pass(f);
    assert_true(f->done.fresh);
    assert_int_equal(hub_unwritten_add_all(f->db, &f->err), CM_OK);
    pass(f);
    assert_false(f->done.fresh);
}

static struct hub_bundle *make_bundle(struct fixture *f, const char *app, const char *text) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = cm_buf_copy(text, strlen(text));
    struct hub_object objects[] = {
        {.key = "ConfigMap/shop/cfg", .bytes = bytes, .sha256 = cm_sha256(text, strlen(text))},
        {.key = "Secret/shop/login", .secret = true, .bytes = bytes, .sha256 = {{1}}}};
    struct hub_bundle_spec spec = {.app = app,
                                   .namespace = "",
                                   .health = {.rules = ""},
                                   .account = "",
                                   .objects = objects,
                                   .object_count = 2};
    struct hub_bundle *bundle = hub_bundle_new(&spec);

    assert_int_equal(hub_desired_put_blob(f->db, &bundle->sha256, bundle->bytes->data,
                                          bundle->bytes->size, &f->err),
                     CM_OK);
    assert_int_equal(hub_desired_put_blob(f->db, &objects[0].sha256, text, strlen(text), &f->err),
                     CM_OK);
    return bundle;
}

static void put(struct fixture *f, const char *cluster, const char *app, const char *text) {
    struct hub_bundle *bundle = make_bundle(f, app, text);
    struct hub_pair_row row = {.cluster = cluster,
                               .app = app,
                               .bundle = bundle->sha256,
                               .repo = "fleet",
                               .revision = "4f1c"};

    assert_int_equal(hub_desired_put_pair(f->db, &row, &f->err), CM_OK);
    hub_bundle_unref(bundle);
}

static void add_event(struct fixture *f, const char *message, int64_t at_ms) {
    struct hub_event event = {.at_ms = at_ms, .kind = "app.applied", .message = message};

    assert_int_equal(hub_events_add(f->db, &event, &f->err), CM_OK);
}

static void expect(const struct fixture *f, const char *script, const char *wanted) {
    CM_AUTOFREE char *got = scratch_sh(f->scratch, script);

    assert_string_equal(got, wanted);
}

static void check(const struct fixture *f) {
    scratch_run(f->scratch,
                "test -z \"$(git -C state.git fsck --full --strict --no-dangling 2>&1)\"");
}

#define NAMES "git -C state.git ls-tree -r --name-only desired | tr '\\n' ' '"
#define COMMITS "git -C state.git rev-list --count desired"
#define MESSAGES                                                                                   \
    "for f in $(git -C state.git ls-tree -r --name-only events); do git -C state.git show "        \
    "events:$f; done | grep -o '\"message\":\"[^\"]*' | cut -d'\"' -f4 | tr '\\n' ' '"
#define NOW_MS INT64_C(1764364445123)

static void what_is_in_force_is_in_the_repository(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "c01", "shop", "one\n");
    first_pass(&f);
    expect(&f, NAMES,
           "12/c01/_meta.json 12/c01/shop/shop/ConfigMap.core.cfg.json "
           "12/c01/shop/shop/Secret.core.login.json ");
    expect(&f, "git -C state.git show desired:12/c01/shop/shop/ConfigMap.core.cfg.json", "one");
    expect(&f, "git -C state.git log -1 --format=%s desired", "desired: shop on 1 cluster");
    expect(&f, "git -C state.git log -1 --format=%B desired | grep Cause",
           "Holdfast-Cause: commit fleet@4f1c");
    check(&f);
}

static void nothing_of_a_secret_is_in_it(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "c01", "shop", "plain\n");
    first_pass(&f);
    expect(&f, "git -C state.git show desired:12/c01/shop/shop/Secret.core.login.json | grep hmac",
           "  \"hmac\": \"0100000000000000000000000000000000000000000000000000000000000000\",");
}

static void what_changes_meanwhile_is_written_by_the_next_pass(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    int64_t left = 0;

    put(&f, "c01", "shop", "one\n");
    first_pass(&f);
    put(&f, "c01", "shop", "two\n");
    assert_int_equal(hub_state_pass_run(f.pass, &f.done, &f.err), CM_OK);
    put(&f, "c01", "shop", "three\n"); // before what was written is taken off the list
    const struct hub_unwritten_due which = {HUB_UNWRITTEN_DESIRED, f.done.now_ms};
    assert_int_equal(hub_unwritten_remove(f.db, &which, f.done.desired_written, &f.err), CM_OK);
    assert_int_equal(hub_unwritten_count(f.db, HUB_UNWRITTEN_DESIRED, &left, &f.err), CM_OK);
    assert_int_equal(left, 1);
    pass(&f);
    expect(&f, "git -C state.git show desired:12/c01/shop/shop/ConfigMap.core.cfg.json", "three");
    expect(&f, COMMITS, "3");
}

static void a_pass_that_is_repeated_makes_no_second_commit(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "c01", "shop", "one\n");
    first_pass(&f);
    put(&f, "c01", "shop", "two\n");
    assert_int_equal(hub_state_pass_run(f.pass, &f.done, &f.err), CM_OK);
    begin(&f, 1); // killed before it was noted
    pass(&f);
    assert_false(f.done.fresh);
    assert_int_equal(f.done.commits, 0);
    expect(&f, COMMITS, "2");
}

static void a_cluster_that_lost_its_apps_is_gone(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "c01", "shop", "one\n");
    put(&f, "c02", "shop", "one\n");
    first_pass(&f);
    assert_int_equal(hub_desired_forget_cluster(f.db, "c01", &f.err), CM_OK);
    pass(&f);
    expect(&f, "git -C state.git ls-tree --name-only -r desired | grep -c c01 || true", "0");
    expect(&f, "git -C state.git log -1 --format=%s desired", "desired: shop removed on 1 cluster");
}

#define TRAILERS                                                                                   \
    "git -C state.git log -1 --format=%B desired | grep -e ^Holdfast-Cause -e ^Holdfast-Actor | "  \
    "tr '\\n' ' '"

// explain says why the App is another one on the first cluster.
static void explain(struct fixture *f, const struct hub_unwritten_row *why) {
    struct hub_unwritten_row row = *why;

    row.cluster = "c01";
    row.app = "shop";
    assert_int_equal(hub_unwritten_explain(f->db, &row, &f->err), CM_OK);
}

static void clusters_that_share_a_bundle_share_its_folder(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "c01", "shop", "one\n");
    put(&f, "c02", "shop", "one\n");
    first_pass(&f);
    expect(&f, "git -C state.git rev-parse desired:12/c01/shop desired:31/c02/shop | uniq | wc -l",
           "1");
}

static void what_is_held_back_is_told_of_the_hold_and_not_of_the_commit(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    const struct hub_hold_row hold = {.key = "2-abc",
                                      .name = "2-abc",
                                      .app = "shop",
                                      .repo = "",
                                      .path = "",
                                      .rejected = "2",
                                      .restored = "1",
                                      .controller = "flagger",
                                      .object = "",
                                      .text = "",
                                      .event = "",
                                      .clusters = "[\"c01\"]",
                                      .in_force = 1};

    put(&f, "c01", "shop", "two\n");
    first_pass(&f);
    put(&f, "c01", "shop", "one\n");
    assert_int_equal(hub_documents_put_hold(f.db, &hold, &f.err), CM_OK);
    explain(&f, &(struct hub_unwritten_row){.held = true, .revision = "", .removal = ""});
    pass(&f);
    expect(&f, TRAILERS, "Holdfast-Cause: hold 2-abc Holdfast-Actor: flagger ");
    put(&f, "c01", "shop", "three\n"); // it is still there, and not why
    pass(&f);
    expect(&f, TRAILERS, "Holdfast-Cause: commit fleet@4f1c Holdfast-Actor: unknown ");
}

static void a_removal_is_told_of_its_commit_and_of_who_confirmed_it(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    const struct hub_revision_row commit = {
        .repo = "fleet", .id = "5e2d", .author = "A Developer <dev@example.com>", .subject = ""};

    put(&f, "c01", "shop", "one\n");
    first_pass(&f);
    assert_int_equal(hub_revisions_add(f.db, &commit, &f.err), CM_OK);
    assert_int_equal(hub_documents_put_used(f.db, "shop-over", "r1", &f.err), CM_OK);
    assert_int_equal(hub_desired_remove_pair(f.db, "c01", "shop", &f.err), CM_OK);
    explain(&f, &(struct hub_unwritten_row){.revision = "5e2d", .removal = "r1"});
    pass(&f);
    expect(&f, TRAILERS,
           "Holdfast-Cause: commit fleet@5e2d Holdfast-Cause: confirmation shop-over "
           "Holdfast-Actor: A Developer <dev@example.com> ");
}

#define CONFIG "{\n  \"data\": {\n    \"colour\": \"green\"\n  },\n  \"spec\": {}\n}\n"
#define DRIFTED "git -C state.git diff --name-only desired actual | tr '\\n' ' '"

// report says that the agent has applied what was put, and how its objects are.
static void report(struct fixture *f, const char *cluster, const char *app, const char *text,
                   int health) {
    struct hub_bundle *bundle = make_bundle(f, app, text);
    struct hub_status_row row = {.cluster = cluster,
                                 .app = app,
                                 .bundle = bundle->sha256,
                                 .revision = "4f1c",
                                 .message = "",
                                 .health_message = ""};

    assert_int_equal(hub_status_put(f->db, &row, &f->err), CM_OK);
    for (size_t i = 0; i < bundle->spec.object_count; i++) {
        const struct hub_object *o = &bundle->spec.objects[i];
        struct hub_object_row object = {.cluster = cluster,
                                        .app = app,
                                        .key = o->key,
                                        .sha256 = o->sha256.bytes,
                                        .sha256_size = sizeof(o->sha256.bytes),
                                        .health = health,
                                        .message = ""};

        assert_int_equal(hub_objects_put(f->db, &object, &f->err), CM_OK);
    }
    hub_bundle_unref(bundle);
}

// observe says of an object what an agent says that applies nothing.
static void observe(struct fixture *f, const char *key, int health) {
    struct hub_bundle *bundle = make_bundle(f, "shop", CONFIG);
    struct hub_status_row row = {.cluster = "c01",
                                 .app = "shop",
                                 .bundle = bundle->sha256,
                                 .revision = "4f1c",
                                 .applied = HOLDFAST__V1__APPLIED__OBSERVED,
                                 .message = "",
                                 .health_message = ""};
    struct hub_object_row object = {.cluster = "c01",
                                    .app = "shop",
                                    .key = key,
                                    .sha256 = NULL,
                                    .health = health,
                                    .message = ""};

    assert_int_equal(hub_status_put(f->db, &row, &f->err), CM_OK);
    assert_int_equal(hub_objects_put(f->db, &object, &f->err), CM_OK);
    hub_bundle_unref(bundle);
}

static void drift(struct fixture *f, const char *key, const char *path, const char *actual) {
    struct hub_drift_row row = {.cluster = "c01",
                                .app = "shop",
                                .key = key,
                                .path = path,
                                .desired = "",
                                .actual = actual,
                                .manager = "kubectl-edit",
                                .operation = "",
                                .class = "foreign"};

    assert_int_equal(hub_drift_put(f->db, &row, &f->err), CM_OK);
}

static void what_is_applied_as_desired_makes_no_difference(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "c01", "shop", CONFIG);
    report(&f, "c01", "shop", CONFIG, 2);
    first_pass(&f);
    expect(&f, "git -C state.git ls-tree -r --name-only actual | wc -l", "3");
    expect(&f, DRIFTED, "");
    expect(&f, "git -C state.git rev-parse desired^{tree} actual^{tree} | uniq | wc -l", "1");
    expect(&f, "git -C state.git log -1 --format=%s actual", "actual: shop on 1 cluster");
    expect(&f,
           "test $(git -C state.git log -1 --format=%B actual | sed -n "
           "'s/Holdfast-Desired: //p') = $(git -C state.git rev-parse desired) && echo yes",
           "yes");
}

static void a_report_that_says_the_same_again_makes_no_row(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    int64_t left = 1;

    put(&f, "c01", "shop", CONFIG);
    report(&f, "c01", "shop", CONFIG, 2);
    first_pass(&f);
    report(&f, "c01", "shop", CONFIG, 3); // only its health is another one
    assert_int_equal(hub_unwritten_count(f.db, HUB_UNWRITTEN_ACTUAL, &left, &f.err), CM_OK);
    assert_int_equal(left, 0);
}

static void a_field_that_differs_is_the_difference(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "c01", "shop", CONFIG);
    report(&f, "c01", "shop", CONFIG, 2);
    drift(&f, "ConfigMap/shop/cfg", "spec.replicas", "9");
    first_pass(&f);
    expect(&f, DRIFTED, "12/c01/shop/shop/ConfigMap.core.cfg.json ");
    expect(&f, "git -C state.git diff desired actual | grep '^[-+] ' | tr -d '\\n'",
           "-  \"spec\": {}+  \"spec\": {+    \"replicas\": 9+  }");
    expect(&f,
           "git -C state.git log -1 --format=%B actual | grep -c -e 'Actor: kubectl-edit "
           "(claimed)' -e 'Cause: drift'",
           "2");
    assert_int_equal(hub_drift_clear(f.db, "c01", "ConfigMap/shop/cfg", &f.err), CM_OK);
    pass(&f);
    expect(&f, DRIFTED, "");
}

#define REPLICAS                                                                                   \
    "git -C state.git show actual:12/c01/shop/shop/ConfigMap.core.cfg.json | grep -c "             \
    "'replicas\": %d' || true"

static void expect_replicas(const struct fixture *f, int count) {
    CM_AUTOFREE char *script = cm_strf(REPLICAS, count);

    expect(f, script, "1");
}

// scale says of replicas that are an autoscaler's that they are other ones.
static void scale(struct fixture *f, int count, int64_t due_ms) {
    CM_AUTOFREE char *actual = cm_strf("%d", count);
    struct hub_drift_row row = {.cluster = "c01",
                                .app = "shop",
                                .key = "ConfigMap/shop/cfg",
                                .path = "spec.replicas",
                                .desired = "1",
                                .actual = actual,
                                .manager = "",
                                .operation = "",
                                .class = "right",
                                .waits_ms = 300000};

    assert_int_equal(hub_drift_put(f->db, &row, &f->err), CM_OK);
    if (due_ms > 0) {
        assert_int_equal(hub_unwritten_wait(f->db, "c01", "shop", due_ms, &f->err), CM_OK);
    }
}

static struct fixture fixture_that_scales(void **state) {
    struct fixture f = fixture_of(*state);

    cm_clock_fake(NOW_MS);
    put(&f, "c01", "shop", CONFIG);
    report(&f, "c01", "shop", CONFIG, 2);
    scale(&f, 2, 0);
    first_pass(&f);
    expect_replicas(&f, 2);
    return f;
}

static void fixture_that_scales_done(struct fixture *f) {
    cm_clock_fake(-1);
    fixture_done(f);
}

static void values_that_wait_are_written_together_when_the_first_is_due(void **state) {
    CM_CLEANUP(fixture_that_scales_done) struct fixture f = fixture_that_scales(state);

    scale(&f, 3, NOW_MS + 300000);
    put(&f, "c02", "shop", CONFIG);
    report(&f, "c02", "shop", CONFIG, 2); // with a higher number
    pass(&f);
    expect_replicas(&f, 2);
    cm_clock_fake(NOW_MS + 299999);
    scale(&f, 5, NOW_MS + 299999 + 300000);
    pass(&f);
    expect_replicas(&f, 2);
    cm_clock_fake(NOW_MS + 300000);
    begin(&f, 1); // a hub that was killed meanwhile
    pass(&f);
    expect_replicas(&f, 5);
    expect(&f, "git -C state.git rev-list --count actual", "3");
}

static void what_is_more_than_a_value_takes_those_that_wait_along(void **state) {
    CM_CLEANUP(fixture_that_scales_done) struct fixture f = fixture_that_scales(state);

    scale(&f, 3, NOW_MS + 300000);
    drift(&f, "Secret/shop/login", "data.password", "\"***\"");
    pass(&f);
    expect_replicas(&f, 3);
    scale(&f, 4, NOW_MS + 300000);
    assert_int_equal(hub_unwritten_hurry(f.db, "c01", "shop", &f.err), CM_OK);
    pass(&f);
    expect_replicas(&f, 4);
}

// A clock that was ahead, and is set right, lets nothing wait for longer than it ever would.
static void what_is_due_too_late_is_due(void **state) {
    CM_CLEANUP(fixture_that_scales_done) struct fixture f = fixture_that_scales(state);

    scale(&f, 3, NOW_MS + 86400000);
    pass(&f);
    expect_replicas(&f, 3);
}

static void a_value_that_may_be_secret_is_a_hash_and_a_secret_names_its_fields(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "c01", "shop", CONFIG);
    report(&f, "c01", "shop", CONFIG, 2);
    drift(&f, "ConfigMap/shop/cfg", "data.colour", "\"canary\"");
    drift(&f, "Secret/shop/login", "data.password", "\"***\"");
    first_pass(&f);
    expect(&f, "git -C state.git diff desired actual | grep -c '^+.*colour.*hmac:'", "1");
    expect(&f, "git -C state.git diff desired actual | grep '^+.*password' | tr -d ' '",
           "+\"data.password\"");
    expect(&f, "git -C state.git cat-file --batch-all-objects --batch | grep -c canary || true",
           "0");
}

static void whole(struct fixture *f, const char *key, const char *actual) {
    struct cm_sha256 name =
        key[0] == 'S' ? (struct cm_sha256){{1}} : cm_sha256(CONFIG, strlen(CONFIG));
    struct hub_object_row row = {.cluster = "c01",
                                 .app = "shop",
                                 .key = key,
                                 .sha256 = name.bytes,
                                 .sha256_size = sizeof(name.bytes),
                                 .health = 2,
                                 .message = "",
                                 .drift_more = true,
                                 .actual = actual,
                                 .actual_size = strlen(actual)};

    assert_int_equal(hub_objects_put(f->db, &row, &f->err), CM_OK);
}

static void an_object_that_is_told_as_a_whole_stands_there_as_it_is(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "c01", "shop", CONFIG);
    report(&f, "c01", "shop", CONFIG, 2);
    first_pass(&f);
    drift(&f, "ConfigMap/shop/cfg", "spec.replicas", "9"); // one of many
    whole(&f, "ConfigMap/shop/cfg", "{\n  \"a\": 1\n}\n");
    pass(&f);
    expect(&f,
           "git -C state.git show actual:12/c01/shop/shop/ConfigMap.core.cfg.json | tr -d ' \\n'",
           "{\"a\":1}");
    expect(&f, "git -C state.git show actual:12/c01/_meta.json | grep -c more || true", "0");
    whole(&f, "Secret/shop/login", "{\n  \"data\": {\n    \"w\": \"hmac:1\"\n  }\n}\n");
    pass(&f);
    expect(&f, "git -C state.git diff desired actual -- '*Secret*' | grep '^[-+] ' | tr -d ' \\n'",
           "+\"actual\":{+\"data\":{+\"w\":\"hmac:1\"+}+},+\"changed\":[],");
    expect(&f, "git -C state.git log -1 --format=%B actual | grep -c 'Cause: added'", "1");
    report(&f, "c01", "shop", CONFIG, 2);
    assert_int_equal(hub_drift_clear(f.db, "c01", "ConfigMap/shop/cfg", &f.err), CM_OK);
    pass(&f);
    expect(&f, DRIFTED, "");
}

static void need(struct fixture *f, const char *key, const char *why, bool waits) {
    const struct hub_need_row row = {.cluster = "c01",
                                     .app = "shop",
                                     .key = key,
                                     .why = why,
                                     .revision = "",
                                     .form = "",
                                     .waits = waits};

    assert_int_equal(hub_needs_put(f->db, &row, &f->err), CM_OK);
}

static void what_only_people_can_settle_is_said_of_what_is_there(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "c01", "shop", CONFIG);
    report(&f, "c01", "shop", CONFIG, 2);
    first_pass(&f);
    need(&f, "D", "look", false);
    need(&f, "E", "w", true);
    pass(&f);
    expect(&f, "git -C state.git diff desired actual | grep '^[-+] ' | tr -d ' \\n'",
           "+\"needsHuman\":{+\"D\":\"look\"+},");
    expect(&f, "git -C state.git log -1 --format=%B actual | grep -c 'Cause: needs human'", "1");
    assert_int_equal(hub_needs_end(f.db, "c01", "shop", "D", &f.err), CM_OK);
    pass(&f);
    expect(&f, DRIFTED, "");
}

static void a_missing_object_is_missing(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "c01", "shop", CONFIG);
    report(&f, "c01", "shop", CONFIG, 2);
    first_pass(&f);
    report(&f, "c01", "shop", CONFIG, 4);
    pass(&f);
    expect(&f, "git -C state.git diff --name-status desired actual | cut -c1 | tr -d '\\n'", "DD");
    expect(&f, "git -C state.git log -1 --format=%B actual | grep -c 'Cause: missing'", "1");
}

static void what_is_still_to_be_applied_differs_and_then_no_longer(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "c01", "shop", CONFIG);
    report(&f, "c01", "shop", CONFIG, 2);
    first_pass(&f);
    put(&f, "c01", "shop", "two\n");
    pass(&f);
    expect(&f, DRIFTED, "12/c01/_meta.json 12/c01/shop/shop/ConfigMap.core.cfg.json ");
    report(&f, "c01", "shop", "two\n", 2);
    pass(&f);
    expect(&f, DRIFTED, "");
    check(&f);
}

static void what_an_agent_makes_up_stays_in_its_clusters_folder(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "c01", "shop", CONFIG);
    report(&f, "c01", "../../31/c02/shop", CONFIG, 2);
    first_pass(&f);
    report(&f, "c01", "_meta.json", CONFIG, 2);
    pass(&f);
    expect(&f, "git -C state.git ls-tree -r --name-only actual | grep -vc '^12/c01/' || true", "0");
    check(&f);
}

static void what_an_agent_has_removed_is_gone(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    bool had = false;

    put(&f, "c01", "shop", CONFIG);
    report(&f, "c01", "shop", CONFIG, 2);
    first_pass(&f);
    assert_int_equal(hub_status_remove(f.db, "c01", "shop", &had, &f.err), CM_OK);
    pass(&f);
    expect(&f, "git -C state.git ls-tree -r actual | wc -l", "0");
    expect(&f, "git -C state.git log -1 --format=%s actual", "actual: shop removed on 1 cluster");
}

static void where_an_agent_only_observes_what_differs_is_told_and_no_more(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "c01", "shop", CONFIG);
    report(&f, "c01", "shop", CONFIG, 2);
    first_pass(&f);
    observe(&f, "ConfigMap/shop/cfg", 2);
    observe(&f, "Secret/shop/login", 0); // nobody has looked yet
    drift(&f, "ConfigMap/shop/cfg", "spec.replicas", "9");
    pass(&f);
    expect(&f, "git -C state.git ls-tree -r --name-only actual | tr '\\n' ' '",
           "12/c01/_meta.json 12/c01/shop/shop/ConfigMap.core.cfg.json ");
    expect(&f, "git -C state.git show actual:12/c01/_meta.json | tr -d ' \\n'",
           "{\"apps\":{\"shop\":{\"observed\":\"4f1c\"}}}");
    expect(&f,
           "git -C state.git show actual:12/c01/shop/shop/ConfigMap.core.cfg.json | tr -d ' \\n'",
           "{\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"cfg\",\"namespace\":\"shop\"},"
           "\"observed\":{\"spec.replicas\":9}}");
}

// Then what Git says is what is there, whoever applied it: no difference is shown.
static void what_an_agent_only_observes_and_finds_as_desired_is_the_same_file(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "c01", "shop", CONFIG);
    first_pass(&f);
    observe(&f, "ConfigMap/shop/cfg", 2);
    pass(&f);
    expect(&f, "git -C state.git diff --name-status desired actual | tr '\\t\\n' '  '",
           "D 12/c01/shop/shop/Secret.core.login.json ");
    observe(&f, "Secret/shop/login", 4);
    pass(&f);
    expect(&f, "git -C state.git show actual:12/c01/_meta.json | tr -d ' \\n'",
           "{\"apps\":{\"shop\":{\"observed\":\"4f1c\"}}}");
    observe(&f, "Secret/shop/login", 1);
    pass(&f);
    expect(&f, "git -C state.git diff desired actual", "");
    drift(&f, "ConfigMap/shop/cfg", "data.a", "9");
    pass(&f);
    expect(&f, "git -C state.git diff --name-only desired actual | tr '\\n' ' '",
           "12/c01/_meta.json 12/c01/shop/shop/ConfigMap.core.cfg.json ");
}

static void each_event_is_there_once(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    add_event(&f, "a", NOW_MS);
    add_event(&f, "b", NOW_MS);
    first_pass(&f);
    begin(&f, 1);
    add_event(&f, "c", NOW_MS);
    pass(&f);
    pass(&f);
    expect(&f, MESSAGES, "a b c ");
    expect(&f, "git -C state.git ls-tree -r --name-only events", "events/2025/11/28/21-0000.jsonl");
    expect(&f, "git -C state.git rev-list --count events", "2");
}

static void a_clock_that_goes_back_loses_no_event(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    add_event(&f, "a", NOW_MS);
    add_event(&f, "b", NOW_MS - 3600000);
    add_event(&f, "c", NOW_MS);
    first_pass(&f);
    assert_true(f.done.more);
    pass(&f);
    assert_false(f.done.more);
    expect(&f, MESSAGES, "b a c ");
}

static void a_segment_that_is_full_is_followed_by_another(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    char *text = cm_new(1, 50001);

    memset(text, 'x', 50000);
    for (int i = 0; i < 5; i++) {
        add_event(&f, text, NOW_MS);
    }
    free(text);
    first_pass(&f);
    expect(&f, "git -C state.git ls-tree -r --name-only events | tr '\\n' ' '",
           "events/2025/11/28/21-0000.jsonl events/2025/11/28/21-0001.jsonl "
           "events/2025/11/28/21-0002.jsonl ");
    add_event(&f, "more", NOW_MS);
    pass(&f);
    expect(&f, "git -C state.git show events:events/2025/11/28/21-0002.jsonl | wc -l", "2");
}

static void events_that_were_removed_before_are_a_gap(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    for (int i = 0; i < 5; i++) {
        add_event(&f, "a", NOW_MS);
    }
    assert_int_equal(hub_events_trim(f.db, 2, 0, &f.err), CM_OK);
    first_pass(&f);
    expect(&f, MESSAGES,
           "events up to number 3 may be missing: they were removed before they could be written a "
           "a ");
}

static void after_a_restore_numbers_begin_again_where_the_backup_ended(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    add_event(&f, "a", NOW_MS);
    add_event(&f, "lost", NOW_MS);
    first_pass(&f);
    assert_int_equal(hub_db_run(f.db, &f.err, "DELETE FROM event WHERE number = 2", ""), CM_OK);
    assert_int_equal(hub_db_run(f.db, &f.err,
                                "INSERT INTO event (at_ms, kind, cluster, app, key, revision,"
                                " actor, message) VALUES (1764364445123, 'hub.restored', '', '',"
                                " '', '', '', 'restored')",
                                ""),
                     CM_OK);
    begin(&f, 2);
    first_pass(&f);
    expect(&f, MESSAGES, "a lost restored ");
}

static void a_failed_pass_is_made_again_in_full(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "c01", "shop", "one\n");
    first_pass(&f);
    put(&f, "c01", "shop", "two\n");
    add_event(&f, "a", NOW_MS);
    scratch_run(f.scratch, "mv state.git/refs refs; echo >state.git/refs");
    assert_int_not_equal(hub_state_pass_run(f.pass, &f.done, &f.err), CM_OK);
    scratch_run(f.scratch, "rm state.git/refs; mv refs state.git/refs");
    pass(&f);

    expect(&f, "git -C state.git show desired:12/c01/shop/shop/ConfigMap.core.cfg.json", "two");
    check(&f);
}

// open_packs counts the packs that this process has open.
static size_t open_packs(void) {
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry;
    size_t count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        char name[4096];
        ssize_t size = readlinkat(dirfd(dir), entry->d_name, name, sizeof(name) - 1);

        name[size < 0 ? 0 : size] = '\0';
        count += strstr(name, ".pack") != NULL ? 1 : 0;
    }
    (void)closedir(dir);
    return count;
}

static void packs_are_merged_when_there_are_many(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    first_pass(&f);
    for (int i = 0; i < 30; i++) {
        CM_AUTOFREE char *text = cm_strf("%d\n", i);

        put(&f, "c01", "shop", text);
        pass(&f);
    }
    expect(&f,
           "cd state.git/objects/pack; echo $(($(ls *.pack | wc -l) - $(ls *.retired | wc -l)))",
           "7");
    expect(&f, COMMITS, "30");
    assert_true(open_packs() <= 7); // not those that were merged
    check(&f);
}

static void a_merge_that_is_cut_short_spoils_nothing(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    f.cancel_fd = eventfd(1, EFD_CLOEXEC); // the hub is stopping
    begin(&f, 1);
    first_pass(&f);
    for (int i = 0; f.done.merge.code == CM_OK && i < 30; i++) {
        CM_AUTOFREE char *text = cm_strf("%d\n", i);

        put(&f, "c01", "shop", text);
        pass(&f);
    }
    assert_int_equal(f.done.merge.code, CM_ECANCELED);
    put(&f, "c01", "shop", "last\n");
    pass(&f); // it is not tried again at once
    assert_int_equal(f.done.merge.code, CM_OK);
    expect(&f, "git -C state.git show desired:12/c01/shop/shop/ConfigMap.core.cfg.json", "last");
    check(&f);
    assert_int_equal(close(f.cancel_fd), 0);
}

// ---- Months

#define BRANCHES                                                                                   \
    "git -C state.git for-each-ref --format='%(refname:short)' refs/heads refs/tags | tr '\\n' ' " \
    "'"

static void go_to(const char *time) {
    int64_t ms = 0;

    assert_true(cm_clock_parse(time, &ms));
    cm_clock_fake(ms);
}

// happen is a pass of all branches that there are.
static void happen(struct fixture *f, const char *text) {
    put(f, "c01", "shop", text);
    add_event(f, "a", cm_clock_unix_ms());
    pass(f);
}

static struct fixture months_of(void *state, const char *time, int64_t keep) {
    struct fixture f = fixture_of(state);

    f.keep_months = keep;
    go_to(time);
    begin(&f, 1);
    put(&f, "c01", "shop", "first\n");
    first_pass(&f);
    pass(&f); // lines of the past are told from now on
    assert_int_equal(hub_past_lines_want(f.db, true, &f.err), CM_OK);
    happen(&f, "zero\n");
    return f;
}

static void months_done(struct fixture *f) {
    cm_clock_fake(-1);
    fixture_done(f);
}

static void when_a_month_is_over_each_branch_begins_anew_with_what_comes(void **state) {
    CM_CLEANUP(months_done) struct fixture f = months_of(*state, "2027-12-31T23:59:59.999Z", 12);

    pass(&f);
    expect(&f, BRANCHES, "desired events ");
    go_to("2028-01-01T00:00:00Z"); // a leap year, that is
    pass(&f);                      // nothing happens, but how all is begins a month of events
    expect(&f, BRANCHES, "desired events state/events/2027-12 ");
    happen(&f, "one\n");
    expect(&f, BRANCHES, "desired events state/desired/2027-12 state/events/2027-12 ");
    expect(&f, COMMITS, "1");
    expect(&f, "git -C state.git show desired:12/c01/shop/shop/ConfigMap.core.cfg.json", "one");
    expect(&f, "git -C state.git ls-tree -r --name-only events | tr '\\n' ' '",
           "changes/2028-01/01/00000.jsonl events/2028/01/01/00-0000.jsonl ");
    go_to("2028-02-29T23:00:00Z");
    happen(&f, "two\n");
    go_to("2028-03-01T00:00:01Z");
    happen(&f, "three\n");
    expect(&f, "git -C state.git tag -l 'state/desired/*' | tr '\\n' ' '",
           "state/desired/2027-12 state/desired/2028-01 state/desired/2028-02 ");
    check(&f);
}

static void where_all_is_one_history_it_goes_on(void **state) {
    CM_CLEANUP(months_done) struct fixture f = months_of(*state, "2026-11-30T12:00:00Z", 0);

    go_to("2026-12-01T12:00:00Z");
    happen(&f, "one\n");
    expect(&f, BRANCHES, "desired events ");
    expect(&f, COMMITS, "3");
}

static void months_in_which_nothing_was_there_to_write_are_not_there(void **state) {
    CM_CLEANUP(months_done) struct fixture f = months_of(*state, "2026-09-30T12:00:00Z", 12);

    begin(&f, 1); // the hub was down
    go_to("2027-02-10T12:00:00Z");
    happen(&f, "one\n");
    go_to("2027-03-10T12:00:00Z");
    happen(&f, "two\n");
    expect(&f, BRANCHES,
           "desired events state/desired/2026-09 state/desired/2027-02 state/events/2026-09 "
           "state/events/2027-02 ");
}

static void a_clock_that_goes_back_over_the_end_of_a_month_begins_none(void **state) {
    CM_CLEANUP(months_done) struct fixture f = months_of(*state, "2026-11-30T12:00:00Z", 12);

    go_to("2026-12-01T00:00:01Z");
    happen(&f, "one\n");
    go_to("2026-11-30T23:59:59Z");
    happen(&f, "two\n");
    go_to("2026-12-01T00:00:03Z");
    happen(&f, "three\n");
    expect(&f, BRANCHES, "desired events state/desired/2026-11 state/events/2026-11 ");
    expect(&f, COMMITS, "3");
    go_to("2027-01-01T00:00:00Z");
    happen(&f, "four\n");
    expect(&f, "git -C state.git tag -l 'state/desired/*' | tr '\\n' ' '",
           "state/desired/2026-11 state/desired/2026-12 ");
}

static void months_that_ended_are_named_in_the_order_of_history(void **state) {
    CM_CLEANUP(months_done) struct fixture f = months_of(*state, "2026-10-31T12:00:00Z", 12);
    static const char *const times[] = {"2027-01-31T12:00:00Z", "2027-02-01T12:00:00Z",
                                        "2026-11-10T12:00:00Z", "2026-12-10T12:00:00Z",
                                        "2027-01-10T12:00:00Z", "2027-02-10T12:00:00Z",
                                        "2027-03-10T12:00:00Z"};

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        go_to(times[i]); // it was ahead over the ends of two
        happen(&f, times[i]);
    }
    expect(&f, "git -C state.git tag -l 'state/desired/*' | tr '\\n' ' '",
           "state/desired/2026-10 state/desired/2027-01 state/desired/2027-02 ");
    expect(&f, "git -C state.git rev-list --count state/desired/2027-02", "5");
}

static void what_is_older_than_shall_be_kept_goes_from_the_disk(void **state) {
    CM_CLEANUP(months_done) struct fixture f = months_of(*state, "2026-10-10T12:00:00Z", 2);

    for (int i = 0; i < 9; i++) {
        CM_AUTOFREE char *text = cm_strf("of October, number %d\n", i);
        happen(&f, text);
    }
    scratch_run(f.scratch, "git -C state.git rev-parse "
                           "desired:12/c01/shop/shop/ConfigMap.core.cfg.json >id");
    static const char *const times[] = {"2026-11-10T12:00:00Z", "2026-12-10T12:00:00Z",
                                        "2027-01-10T12:00:00Z"};
    for (size_t i = 0; i < 3; i++) {
        go_to(times[i]);
        happen(&f, times[i]);
        assert_int_equal(f.done.merge.code, CM_OK);
    }
    expect(&f, BRANCHES,
           "desired events state/desired/2026-11 state/desired/2026-12 state/events/2026-11 "
           "state/events/2026-12 ");
    expect(&f, "git -C state.git cat-file -t $(cat id) 2>/dev/null || echo gone", "gone");
    expect(&f, "ls state.git/objects/pack/*.pack | wc -l", "1");
    happen(&f, "of October, number 8\n"); // it is there no more, and comes again
    expect(&f, "git -C state.git cat-file -t $(cat id)", "blob");
    check(&f);
}

static void a_hub_that_was_killed_before_it_had_room_again_has_it_later(void **state) {
    CM_CLEANUP(months_done) struct fixture f = months_of(*state, "2026-10-10T12:00:00Z", 1);

    go_to("2026-11-10T12:00:00Z");
    happen(&f, "one\n");
    f.cancel_fd = eventfd(1, EFD_CLOEXEC); // the hub is stopping
    go_to("2026-12-10T12:00:00Z");
    begin(&f, 1);
    happen(&f, "two\n");
    assert_int_equal(f.done.merge.code, CM_ECANCELED);
    expect(&f, "ls state.git/holdfast-prune", "state.git/holdfast-prune");
    assert_int_equal(close(f.cancel_fd), 0);
    f.cancel_fd = -1;
    begin(&f, 1);
    pass(&f);
    assert_int_equal(f.done.merge.code, CM_OK);
    expect(&f,
           "ls state.git/holdfast-prune 2>/dev/null || ls state.git/objects/pack/*.pack | wc -l",
           "1");
    expect(&f, BRANCHES, "desired events state/desired/2026-11 state/events/2026-11 ");
    check(&f);
}

static void packs_that_cannot_be_pruned_are_merged_all_the_same(void **state) {
    CM_CLEANUP(months_done) struct fixture f = months_of(*state, "2026-10-10T12:00:00Z", 1);

    go_to("2026-11-10T12:00:00Z");
    happen(&f, "one\n");
    scratch_run(f.scratch, "git -C state.git rev-parse HEAD | tr '0-9a-f' '1-9a-f0' "
                           ">state.git/refs/heads/broken");
    go_to("2026-12-10T12:00:00Z");
    happen(&f, "two\n");
    assert_int_not_equal(f.done.merge.code, CM_OK);
    for (int i = 0; i < 30; i++) {
        CM_AUTOFREE char *text = cm_strf("%d\n", i);

        happen(&f, text); // in no time, so it is not tried again
        assert_int_equal(f.done.merge.code, CM_OK);
    }
    expect(&f, "test $(ls state.git/objects/pack/*.pack | wc -l) -lt 30 && echo merged", "merged");
    scratch_run(f.scratch, "rm state.git/refs/heads/broken");
    go_to("2026-12-11T12:00:00Z");
    pass(&f);
    assert_int_equal(f.done.merge.code, CM_OK);
    expect(&f, "ls state.git/holdfast-prune 2>/dev/null || echo done", "done");
    check(&f);
}

static void a_clock_that_is_ahead_for_a_while_takes_no_history(void **state) {
    CM_CLEANUP(months_done) struct fixture f = months_of(*state, "2026-10-10T12:00:00Z", 2);

    go_to("2026-11-10T12:00:00Z");
    happen(&f, "one\n");
    go_to("2036-11-10T12:00:00Z");
    happen(&f, "two\n");
    go_to("2026-11-10T12:00:01Z");
    happen(&f, "three\n");
    expect(&f, "git -C state.git tag -l 'state/desired/*' | tr '\\n' ' '",
           "state/desired/2026-10 state/desired/2026-11 ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_open, scratch_close)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_in_force_is_in_the_repository),
        TEST(nothing_of_a_secret_is_in_it),
        TEST(what_changes_meanwhile_is_written_by_the_next_pass),
        TEST(a_pass_that_is_repeated_makes_no_second_commit),
        TEST(a_cluster_that_lost_its_apps_is_gone),
        TEST(clusters_that_share_a_bundle_share_its_folder),
        TEST(what_is_held_back_is_told_of_the_hold_and_not_of_the_commit),
        TEST(a_removal_is_told_of_its_commit_and_of_who_confirmed_it),
        TEST(what_is_applied_as_desired_makes_no_difference),
        TEST(a_report_that_says_the_same_again_makes_no_row),
        TEST(a_field_that_differs_is_the_difference),
        TEST(values_that_wait_are_written_together_when_the_first_is_due),
        TEST(what_is_more_than_a_value_takes_those_that_wait_along),
        TEST(what_is_due_too_late_is_due),
        TEST(a_value_that_may_be_secret_is_a_hash_and_a_secret_names_its_fields),
        TEST(an_object_that_is_told_as_a_whole_stands_there_as_it_is),
        TEST(what_only_people_can_settle_is_said_of_what_is_there),
        TEST(a_missing_object_is_missing),
        TEST(what_is_still_to_be_applied_differs_and_then_no_longer),
        TEST(what_an_agent_makes_up_stays_in_its_clusters_folder),
        TEST(what_an_agent_has_removed_is_gone),
        TEST(where_an_agent_only_observes_what_differs_is_told_and_no_more),
        TEST(what_an_agent_only_observes_and_finds_as_desired_is_the_same_file),
        TEST(each_event_is_there_once),
        TEST(a_clock_that_goes_back_loses_no_event),
        TEST(a_segment_that_is_full_is_followed_by_another),
        TEST(events_that_were_removed_before_are_a_gap),
        TEST(after_a_restore_numbers_begin_again_where_the_backup_ended),
        TEST(a_failed_pass_is_made_again_in_full),
        TEST(packs_are_merged_when_there_are_many),
        TEST(a_merge_that_is_cut_short_spoils_nothing),
        TEST(when_a_month_is_over_each_branch_begins_anew_with_what_comes),
        TEST(where_all_is_one_history_it_goes_on),
        TEST(months_in_which_nothing_was_there_to_write_are_not_there),
        TEST(a_clock_that_goes_back_over_the_end_of_a_month_begins_none),
        TEST(months_that_ended_are_named_in_the_order_of_history),
        TEST(what_is_older_than_shall_be_kept_goes_from_the_disk),
        TEST(a_hub_that_was_killed_before_it_had_room_again_has_it_later),
        TEST(packs_that_cannot_be_pruned_are_merged_all_the_same),
        TEST(a_clock_that_is_ahead_for_a_while_takes_no_history),
    };

    hub_repo_child_main(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
