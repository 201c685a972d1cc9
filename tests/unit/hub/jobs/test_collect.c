// Collections among publications: what is in force can always be read back whole, and what nothing
// names is gone in the end.
#include "rig.h"

#include <stdio.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/map.h"
#include "hub/access/authority.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/collect.h"
#include "hub/jobs/publication.h"
#include "hub/jobs/record.h"
#include "hub/jobs/seed.h"
#include "hub/render/bundle.h"
#include "hub/store/desired.h"

// More than a step of each phase takes.
#define CLUSTERS 60
#define APPS 3
#define OBJECTS 400
#define ID "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0001"

struct fleet {
    struct rig *rig;
    struct hub_desired *in_force[CLUSTERS];
    uint64_t generation;
    uint64_t random;
};

static uint32_t random_below(struct fleet *f, uint32_t limit) {
    f->random = f->random * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(f->random >> 33) % limit;
}

static struct hub_bundle *make_bundle(struct fleet *f, const char *app) {
    struct hub_object objects[4] = {0};
    struct hub_bundle_spec spec = {.app = app, .namespace = "", .account = "", .objects = objects};
    static const char *const keys[] = {"ConfigMap/default/a", "ConfigMap/default/b",
                                       "ConfigMap/default/c", "ConfigMap/default/d"};
    char text[64];

    spec.object_count = 1 + random_below(f, 4);
    for (size_t i = 0; i < spec.object_count; i++) {
        (void)snprintf(text, sizeof(text), "{\"number\":%u}", random_below(f, OBJECTS));
        objects[i].key = keys[i];
        objects[i].bytes = cm_buf_copy(text, strlen(text));
        objects[i].sha256 = cm_sha256(text, strlen(text));
    }
    struct hub_bundle *bundle = hub_bundle_new(&spec);
    for (size_t i = 0; i < spec.object_count; i++) {
        cm_buf_unref(objects[i].bytes);
    }
    return bundle;
}

// Some of the Apps stay as they are, some are made anew, some are not there.
static struct hub_desired *make_desired(struct fleet *f, const char *cluster,
                                        const struct hub_desired *before) {
    static const char *const apps[APPS] = {"api", "db", "web"};
    struct hub_pair pairs[APPS] = {0};
    struct hub_desired desired = {.refs = 1, .cluster = cluster, .pairs = pairs};

    for (size_t i = 0; i < APPS; i++) {
        uint32_t choice = random_below(f, 4);
        bool same = choice > 1 && before != NULL && i < before->pair_count &&
                    strcmp(before->pairs[i].app, apps[i]) == 0;

        if (choice == 0) {
            continue;
        }
        pairs[desired.pair_count++] = (struct hub_pair){
            .app = apps[i],
            .bundle = same ? hub_bundle_ref(before->pairs[i].bundle) : make_bundle(f, apps[i]),
            .revision = "r",
            .repo = "fleet"};
    }
    struct hub_desired *copy = hub_desired_copy(&desired);
    for (size_t i = 0; i < desired.pair_count; i++) {
        hub_bundle_unref(pairs[i].bundle);
    }
    return copy;
}

static void record(struct rig *r, const struct hub_outcome *o) {
    struct cm_err err;

    assert_int_equal(hub_db_begin(r->db, &err), CM_OK);
    if (hub_record_outcome(r->db, o, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(hub_db_commit(r->db, &err), CM_OK);
}

static void publish(struct fleet *f) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    uint32_t at = random_below(f, CLUSTERS);
    char cluster[16];

    (void)snprintf(cluster, sizeof(cluster), "c%02u", at);
    bool leaves = random_below(f, 10) == 0;
    bool restarted = random_below(f, 10) == 0;
    struct hub_desired *now = leaves ? NULL : make_desired(f, cluster, f->in_force[at]);
    struct hub_cluster_change change = {.cluster = cluster,
                                        .before = restarted ? NULL : f->in_force[at],
                                        .now = now,
                                        .generation = ++f->generation};

    if (now != NULL) {
        change.publication =
            hub_publication_new(f->rig->authority, now, NULL, ID, 1, f->generation);
    }
    record(f->rig, &(struct hub_outcome){.arena = a, .changes = &change, .change_count = 1});
    hub_publication_unref(change.publication);
    hub_desired_unref(f->in_force[at]);
    f->in_force[at] = now;
}

// ---- What can be read back

struct reading {
    size_t clusters;
    struct cm_map *names; // of all bundles and objects
};

static void add_name(struct cm_map *names, const struct cm_sha256 *name) {
    char hex[CM_SHA256_HEX_MAX];

    cm_sha256_hex(name, hex);
    cm_map_put(names, hex, names);
}

static void see_cluster(void *ctx, const struct hub_seed_cluster *seed) {
    struct reading *reading = ctx;

    reading->clusters++;
    assert_true(hub_seed_is_whole(seed->desired));
    for (size_t i = 0; i < seed->desired->pair_count; i++) {
        const struct hub_bundle *bundle = seed->desired->pairs[i].bundle;

        add_name(reading->names, &bundle->sha256);
        for (size_t k = 0; k < bundle->spec.object_count; k++) {
            add_name(reading->names, &bundle->spec.objects[k].sha256);
        }
    }
}

static void see_agent(void *ctx, const char *cluster, const char *id) {
    (void)ctx;
    (void)cluster;
    (void)id;
}

static void see_source(void *ctx, const struct hub_seed_source *source) {
    (void)ctx;
    (void)source;
}

static void see_app(void *ctx, const char *name, const char *repo) {
    (void)ctx;
    (void)name;
    (void)repo;
}

// Reads all that is in force as a hub that starts does; returns how many blobs that takes.
static size_t read_back(struct fleet *f) {
    struct reading reading = {.names = cm_map_new(NULL)};
    struct hub_seed_visitor visitor = {.cluster = see_cluster,
                                       .agent = see_agent,
                                       .source = see_source,
                                       .app = see_app,
                                       .ctx = &reading};
    size_t expected = 0;
    struct cm_err err;

    for (size_t i = 0; i < CLUSTERS; i++) {
        expected += f->in_force[i] != NULL ? 1 : 0;
    }
    assert_int_equal(hub_seed_load(f->rig->db, &visitor, &err), CM_OK);
    assert_int_equal(reading.clusters, expected);
    size_t names = cm_map_len(reading.names);
    cm_map_free(reading.names);
    return names;
}

static void step(struct fleet *f, struct hub_collection *c) {
    struct cm_err err;

    assert_int_equal(hub_db_begin(f->rig->db, &err), CM_OK);
    if (hub_collection_step(c, f->rig->db, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(hub_db_commit(f->rig->db, &err), CM_OK);
}

static size_t collect_all(struct fleet *f) {
    struct hub_collection c = {0};

    while (c.phase != HUB_COLLECT_DONE) {
        step(f, &c);
    }
    size_t removed = c.removed;
    hub_collection_done(&c);
    return removed;
}

static size_t count_blobs(struct fleet *f) {
    return (size_t)count_rows(f->rig->db, "SELECT count(*) FROM blob");
}

static void free_fleet(struct fleet *f) {
    for (size_t i = 0; i < CLUSTERS; i++) {
        hub_desired_unref(f->in_force[i]);
    }
}

// Publications and steps of collections, in any order.
static void run_random(struct fleet *f, size_t actions) {
    struct hub_collection c = {0};

    for (size_t i = 0; i < actions; i++) {
        if (random_below(f, 3) > 0) {
            publish(f);
            continue;
        }
        step(f, &c);
        if (c.phase == HUB_COLLECT_DONE) {
            (void)read_back(f);
            hub_collection_done(&c);
        }
    }
    hub_collection_done(&c);
}

static void what_is_in_force_can_be_served_whole_after_any_collection(void **state) {
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct fleet f = {.rig = *state, .random = seed};

        assert_int_equal(hub_db_run((f.rig)->db, &(struct cm_err){0}, "DELETE FROM manifest", ""),
                         CM_OK);
        assert_int_equal(hub_db_run((f.rig)->db, &(struct cm_err){0}, "DELETE FROM pair", ""),
                         CM_OK);
        run_random(&f, 600);
        assert_true(collect_all(&f) > 0);
        assert_int_equal(count_blobs(&f), read_back(&f));
        free_fleet(&f);
    }
}

static void with_nothing_new_there_is_nothing_to_remove(void **state) {
    struct fleet f = {.rig = *state, .random = 7};

    run_random(&f, 100);
    (void)collect_all(&f);
    assert_int_equal(collect_all(&f), 0);
    free_fleet(&f);
}

static void what_agents_report_as_theirs_is_kept(void **state) {
    static const char report[] =
        "INSERT INTO object (cluster, app, key, sha256, health, message, at_ms)"
        " SELECT 'c', 'web', hex(sha256), sha256, 0, '', 1 FROM blob LIMIT 1";
    struct fleet f = {.rig = *state, .random = 7};
    struct cm_err err;

    while (count_blobs(&f) == 0) {
        publish(&f);
    }
    assert_int_equal(hub_db_run(f.rig->db, &err, report, ""), CM_OK);
    assert_int_equal(hub_db_run(f.rig->db, &err, "DELETE FROM manifest", ""), CM_OK);
    assert_int_equal(hub_db_run(f.rig->db, &err, "DELETE FROM pair", ""), CM_OK);
    (void)collect_all(&f);
    assert_int_equal(count_blobs(&f), 1);
    free_fleet(&f);
}

static void a_manifest_of_an_agent_that_is_gone_is_kept_too(void **state) {
    struct fleet f = {.rig = *state, .random = 7};
    struct cm_err err;

    while (count_blobs(&f) == 0) {
        publish(&f);
    }
    assert_int_equal(hub_db_run(f.rig->db, &err, "DELETE FROM pair", ""), CM_OK);
    (void)collect_all(&f);
    assert_int_equal(count_blobs(&f), read_back(&f));
    free_fleet(&f);
}

static void what_waits_for_an_agent_is_kept_without_a_manifest(void **state) {
    struct fleet f = {.rig = *state, .random = 7};
    struct cm_err err;

    run_random(&f, 100);
    (void)collect_all(&f);
    assert_int_equal(hub_db_run(f.rig->db, &err, "DELETE FROM manifest", ""), CM_OK);
    assert_int_equal(collect_all(&f), 0);
    free_fleet(&f);
}

static void run(struct fleet *f, const char *sql, const struct cm_sha256 *bundle) {
    struct cm_err err;

    if (hub_db_run(f->rig->db, &err, sql, "b", bundle->bytes, sizeof(bundle->bytes)) < 0) {
        fail_msg("%s", err.msg);
    }
}

// release publishes another bundle of an App on a cluster, and returns its name.
static struct cm_sha256 release(struct fleet *f) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_pair pair = {
        .app = "web", .bundle = make_bundle(f, "web"), .revision = "r", .repo = "fleet"};
    struct hub_desired desired = {.refs = 1, .cluster = "c00", .pairs = &pair, .pair_count = 1};
    struct cm_sha256 name = pair.bundle->sha256;
    struct hub_cluster_change change = {.cluster = "c00",
                                        .before = f->in_force[0],
                                        .now = hub_desired_copy(&desired),
                                        .generation = ++f->generation};

    change.publication =
        hub_publication_new(f->rig->authority, change.now, NULL, ID, 1, f->generation);
    record(f->rig, &(struct hub_outcome){.arena = a, .changes = &change, .change_count = 1});
    hub_publication_unref(change.publication);
    hub_bundle_unref(pair.bundle);
    hub_desired_unref(f->in_force[0]);
    f->in_force[0] = change.now;
    return name;
}

static bool is_whole(struct fleet *f, const struct cm_sha256 *name) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    CM_CLEANUP(hub_bundle_unrefp) struct hub_bundle *bundle = NULL;
    bool whole = true;
    struct cm_err err;

    if (hub_desired_find_blob(f->rig->db, name, &bytes, &err) < 0 ||
        hub_bundle_decode(bytes, NULL, NULL, &bundle, &err) < 0) {
        return false;
    }
    for (size_t i = 0; i < bundle->spec.object_count; i++) {
        CM_CLEANUP(cm_buf_unrefp) struct cm_buf *object = NULL;

        whole = whole && hub_desired_find_blob(f->rig->db, &bundle->spec.objects[i].sha256, &object,
                                               &err) == CM_OK;
    }
    return whole;
}

static void begin_releases(struct fleet *f) {
    static const char *const tables[] = {"DELETE FROM manifest", "DELETE FROM pair",
                                         "DELETE FROM status", "DELETE FROM object"};
    struct cm_err err;

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        assert_int_equal(hub_db_run(f->rig->db, &err, tables[i], ""), CM_OK);
    }
}

static void the_release_that_was_good_last_is_kept_while_the_next_one_is_at_work(void **state) {
    static const char decided[] =
        "INSERT INTO decision (id, cluster, cluster_id, app, key, controller, controller_key,"
        " verdict, bad, good, bad_bundle, good_bundle, bad_revision, good_revision, good_object,"
        " text, weight, at_ms, seen_ms, actor, provisional) VALUES (randomblob(32), 'c00', '',"
        " 'web', 'Deployment.apps/prod/web', 'flagger', '', 'promoted', '', '', '', ?1, '', '', '',"
        " '', -1, 1, 1, '', 0)";
    static const struct cm_sha256 none;
    struct fleet f = {.rig = *state, .random = 11};

    begin_releases(&f);
    struct cm_sha256 first = release(&f);
    run(&f, decided, &first);
    struct cm_sha256 second = release(&f);
    run(&f, decided, &second);
    run(&f, decided, &none); // nothing is known of that one
    struct cm_sha256 third = release(&f);
    (void)collect_all(&f);
    assert_false(is_whole(&f, &first));
    assert_true(is_whole(&f, &second) && is_whole(&f, &third));
    run(&f, "DELETE FROM pair WHERE ?1 IS NOT NULL", &none); // the App is gone
    (void)collect_all(&f);
    assert_false(is_whole(&f, &second));
    free_fleet(&f);
}

static void what_an_app_of_a_release_group_was_before_is_kept(void **state) {
    static const struct cm_sha256 none;
    struct fleet f = {.rig = *state, .random = 13};

    begin_releases(&f);
    struct cm_sha256 first = release(&f);
    struct cm_sha256 second = release(&f); // of another commit, as are all of these
    run(&f, "INSERT INTO app_group (app, name, on_reject) SELECT 'web', 'g', '' WHERE ?1 NOT NULL",
        &none);
    run(&f, "UPDATE pair SET revision = 'before' WHERE ?1 NOT NULL", &none);
    struct cm_sha256 third = release(&f);
    (void)collect_all(&f);
    assert_false(is_whole(&f, &first));
    assert_true(is_whole(&f, &second) && is_whole(&f, &third));
    free_fleet(&f);
}

static void what_an_agent_runs_is_kept_until_it_runs_something_else(void **state) {
    static const char runs[] =
        "INSERT OR REPLACE INTO status (cluster, app, bundle, revision, applied, message, health,"
        " health_message, objects, drifted, at_ms) VALUES ('c00', 'web', ?1, 'r', 0, '', 0, '', 1,"
        " 0, 1)";
    struct fleet f = {.rig = *state, .random = 12};

    begin_releases(&f);
    struct cm_sha256 first = release(&f);
    run(&f, runs, &first);
    struct cm_sha256 second = release(&f);
    (void)collect_all(&f);
    assert_true(is_whole(&f, &first));
    run(&f, runs, &second);
    (void)collect_all(&f);
    assert_false(is_whole(&f, &first));
    free_fleet(&f);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(what_is_in_force_can_be_served_whole_after_any_collection),
        RIG_TEST(with_nothing_new_there_is_nothing_to_remove),
        RIG_TEST(what_agents_report_as_theirs_is_kept),
        RIG_TEST(the_release_that_was_good_last_is_kept_while_the_next_one_is_at_work),
        RIG_TEST(what_an_app_of_a_release_group_was_before_is_kept),
        RIG_TEST(what_an_agent_runs_is_kept_until_it_runs_something_else),
        RIG_TEST(a_manifest_of_an_agent_that_is_gone_is_kept_too),
        RIG_TEST(what_waits_for_an_agent_is_kept_without_a_manifest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
