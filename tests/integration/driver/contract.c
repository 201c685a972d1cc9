// The contract of agent/driver.h, as tests that every driver passes:
//     contract sim
//     contract kube KUBECONFIG
//     contract pod SERVICE-ACCOUNT-FOLDER
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/driver.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/integration/driver/contract.h"

enum { PATIENCE_MS = 90000 };

// What was last heard of an object.
struct heard {
    int times;
    int drifts; // observations that told drift
    enum agent_health health;
    char uid[80];
    char message[256];
    size_t drift_count;
    struct {
        size_t rule;
        char path[128];
        char desired[64];
        char actual[64];
        char manager[64];
        int64_t at_ms;
    } drift[4];
    char token[AGENT_TOKEN_MAX];
    bool promoted;
    int decisions;
    enum agent_verdict verdict;
    char actor[64];
    char actual[1024]; // all that is there; "": as desired
    int64_t replicas;
    bool theirs;
    char scaler[64]; // who set them
};

struct outcome {
    enum cm_rc code;
    char msg[512];
    char uid[80];
    char note[AGENT_NOTE_MAX + 1];
    char whose[400];
    enum agent_besides besides;
    bool is_done;
    bool written;
};

static struct {
    struct outside *outside;
    struct cm_loop *loop;
    struct agent_driver *driver;
    struct cm_map *heard;   // key -> struct heard
    struct cm_map *desired; // key -> struct cm_buf
    struct cm_map *found;   // key -> app, by recover
    bool reachable;
    bool is_stopped;
    const char *who;  // is the agent
    const char *app;  // whose objects are applied
    bool ignore_apps; // whatever App is found
    bool adopt;       // what the App says
    bool yields;
    bool recreate;
    bool once;
    bool observes;
    const char *account;
    struct agent_sparing sparing; // what Git and the core say
    bool (*met)(const void *ctx);
    const void *met_ctx;
    struct cm_timer deadline;
    bool late;
    bool waits;
} t;

// Waiting: every callback asks whether what we wait for has come.

static void end_wait(void) {
    t.waits = false;
    cm_loop_stop(t.loop);
}

static void check(void) {
    if (t.met != NULL && t.met(t.met_ctx)) {
        end_wait();
    }
}

static void on_deadline(void *ctx) {
    (void)ctx;
    t.late = true;
    end_wait();
}

// run_loop runs the loop until end_wait. Where nothing happens but on the loop time is our own: it
// goes on when there is nothing else to do.
static void run_loop(void) {
    if (!t.outside->is_on_loop) {
        cm_loop_run(t.loop);
        return;
    }
    for (t.waits = true; t.waits;) {
        if (!cm_loop_turn(t.loop)) {
            cm_clock_advance(1);
        }
    }
}

static void wait_until(bool (*met)(const void *ctx), const void *ctx, const char *what) {
    if (met(ctx)) {
        return;
    }
    t.met = met;
    t.met_ctx = ctx;
    t.late = false;
    t.deadline = (struct cm_timer){.run = on_deadline};
    cm_timer_start(t.loop, &t.deadline, PATIENCE_MS);
    run_loop();
    cm_timer_stop(t.loop, &t.deadline);
    t.met = NULL;
    if (t.late) {
        fail_msg("waited in vain for %s", what);
    }
}

static struct heard *heard_of(const char *key) {
    struct heard *h = cm_map_get(t.heard, key);

    if (h == NULL) {
        h = cm_new(1, sizeof(*h));
        cm_map_put(t.heard, key, h);
    }
    return h;
}

#define COPY(to, from) (void)snprintf(to, sizeof(to), "%s", from)

static void on_observed(void *ctx, const struct agent_observation *what) {
    struct heard *h = heard_of(what->key);

    (void)ctx;
    h->times++;
    h->health = what->health;
    h->drift_count = 0;
    while (h->drift_count < what->drift_count &&
           what->drift[h->drift_count].difference == AGENT_DIFFERENCE_FOREIGN) {
        h->drift_count++;
    }
    h->drifts += h->drift_count > 0 ? 1 : 0;
    COPY(h->uid, what->uid);
    COPY(h->message, what->message);
    COPY(h->actual, what->actual == NULL ? "" : what->actual);
    for (size_t i = 0; i < h->drift_count && i < 4; i++) {
        h->drift[i].rule = what->drift[i].rule;
        COPY(h->drift[i].path, what->drift[i].path);
        COPY(h->drift[i].desired, what->drift[i].desired);
        COPY(h->drift[i].actual, what->drift[i].actual);
        COPY(h->drift[i].manager, what->drift[i].manager);
        h->drift[i].at_ms = what->drift[i].at_ms;
    }
    check();
}

static void on_reachable(void *ctx, bool yes, const struct cm_err *why) {
    (void)ctx;
    if (!yes) {
        print_message("not reachable: %s\n", why->msg);
    }
    t.reachable = yes;
    check();
}

static void on_health(void *ctx, const char *app, struct agent_health_options *out) {
    (void)ctx;
    (void)app;
    *out = (struct agent_health_options){0};
}

static struct cm_buf *on_desired(void *ctx, const char *key) {
    struct cm_buf *buf = cm_map_get(t.desired, key);

    (void)ctx;
    return buf == NULL ? NULL : cm_buf_ref(buf);
}

static void on_ready(void *ctx, const char *key) {
    (void)ctx;
    (void)key;
}

static const struct cm_spare_rule *on_rules(void *ctx, const char *key, size_t *count) {
    (void)ctx;
    (void)key;
    *count = t.sparing.count;
    return t.sparing.rules;
}

static void on_released(void *ctx, const char *key, const char *token, bool promoted) {
    struct heard *h = heard_of(key);

    (void)ctx;
    COPY(h->token, token);
    h->promoted = promoted;
    check();
}

static void on_decided(void *ctx, const struct agent_decision *what) {
    struct heard *h = heard_of(what->key);

    (void)ctx;
    h->decisions++;
    h->verdict = what->verdict;
    COPY(h->actor, what->actor);
    check();
}

static void on_applied(void *ctx, const struct agent_applied *result) {
    struct outcome *o = ctx;

    assert_false(o->is_done);
    o->is_done = true;
    o->code = result->error.code;
    o->written = result->written;
    o->besides = result->besides;
    COPY(o->whose, result->whose == NULL ? "" : result->whose);
    COPY(o->msg, result->error.msg);
    COPY(o->uid, result->uid);
    COPY(o->note, result->note);
    check();
}

static void on_removed(void *ctx, const struct cm_err *error, int64_t retry_after_ms) {
    struct outcome *o = ctx;

    (void)retry_after_ms;
    assert_false(o->is_done);
    o->is_done = true;
    o->code = error->code;
    COPY(o->msg, error->msg);
    check();
}

static void on_stopped(void *ctx) {
    (void)ctx;
    t.is_stopped = true;
    check();
}

static bool is_reachable(const void *ctx) {
    (void)ctx;
    return t.reachable;
}

static bool is_stopped(const void *ctx) {
    (void)ctx;
    return t.is_stopped;
}

static bool is_done(const void *ctx) {
    return ((const struct outcome *)ctx)->is_done;
}

static bool is_healthy(const void *ctx) {
    return heard_of(ctx)->health == AGENT_HEALTH_HEALTHY;
}

static bool is_missing(const void *ctx) {
    return heard_of(ctx)->times > 0 && heard_of(ctx)->health == AGENT_HEALTH_MISSING;
}

static bool is_drifted(const void *ctx) {
    return heard_of(ctx)->drift_count > 0;
}

static bool is_heard(const void *ctx) {
    return heard_of(ctx)->times > 0;
}

static bool is_not_drifted(const void *ctx) {
    return is_heard(ctx) && !is_drifted(ctx);
}

static void on_scaled(void *ctx, const struct agent_scaled *what) {
    struct heard *h = heard_of(what->key);

    (void)ctx;
    h->replicas = what->replicas;
    h->theirs = what->theirs;
    COPY(h->scaler, what->manager);
    check();
}

static void on_digests(void *ctx, const struct agent_digests *what) {
    (void)ctx;
    (void)what;
}

static void on_exempted(void *ctx, const struct agent_site_object *all, size_t count) {
    (void)ctx;
    (void)all;
    (void)count;
}

// A driver's life

static void start(void) {
    struct agent_driver_host host = {.observed = on_observed,
                                     .reachable = on_reachable,
                                     .desired = on_desired,
                                     .health = on_health,
                                     .ready = on_ready,
                                     .rules = on_rules,
                                     .released = on_released,
                                     .decided = on_decided,
                                     .scaled = on_scaled,
                                     .digests = on_digests,
                                     .exempted = on_exempted};

    CM_AUTOFREE char *who = cm_strf("%s-%s", t.outside->namespace, t.who);

    t.reachable = false;
    t.driver = t.outside->driver_new(t.outside, t.loop);
    t.driver->observes = t.observes;
    t.driver->ops->identify(t.driver, who);
    t.driver->ops->start(t.driver, &host);
    wait_until(is_reachable, NULL, "the target to answer");
}

static void stop(void) {
    t.is_stopped = false;
    t.driver->ops->stop(t.driver, on_stopped, NULL);
    wait_until(is_stopped, NULL, "the driver to stop");
    t.driver->ops->free(t.driver);
    t.driver = NULL;
}

static void unref_buf(void *buf) {
    cm_buf_unref(buf);
}

static int set_up(void **state) {
    (void)state;
    t.heard = cm_map_new(free);
    t.found = cm_map_new(free);
    t.desired = cm_map_new(unref_buf);
    t.who = "paris";
    t.app = "shop";
    t.adopt = false;
    t.yields = false;
    t.recreate = false;
    t.once = false;
    t.observes = false;
    t.account = "";
    t.sparing = (struct agent_sparing){0};
    start();
    return 0;
}

static int take_down(void **state) {
    (void)state;
    if (t.driver != NULL) {
        stop();
    }
    cm_map_free(t.heard);
    cm_map_free(t.found);
    cm_map_free(t.desired);
    return 0;
}

// Objects

static struct cm_buf *canonical(const char *json) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *tree = NULL;
    struct cm_str text = {0};
    struct cm_err err;

    assert_int_equal(cm_json_parse(a, json, strlen(json), NULL, &tree, &err), CM_OK);
    cm_json_write_canonical(tree, &text);
    struct cm_buf *buf = cm_buf_copy(text.data, text.len);
    cm_str_done(&text);
    return buf;
}

static char *config_map_json(const char *name, const char *color, const char *more) {
    return cm_strf("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s\","
                   "\"namespace\":\"%s\"},\"data\":{\"color\":\"%s\"%s}}",
                   name, t.outside->namespace, color, more);
}

static char *key_of(const char *kind, const char *name) {
    return cm_strf("%s/%s/%s", kind, t.outside->namespace, name);
}

typedef void (*write_fn)(struct agent_driver *d, const struct agent_object *object,
                         agent_applied_fn done, void *ctx);

// begin begins to apply, or to run, and makes the object what is desired.
static void begin(write_fn write, const char *key, const char *json, struct outcome *out) {
    struct cm_buf *bytes = canonical(json);
    struct agent_object object = {
        .app = t.app,
        .key = key,
        .default_namespace = t.outside->namespace,
        .bytes = bytes,
        .sha256 = cm_sha256(bytes->data, bytes->size),
        .secret = strncmp(key, "Secret/", 7) == 0,
        .adopt = t.adopt,
        .yields = t.yields,
        .recreate = t.recreate,
        .once = t.once,
        .account = t.account,
        .sparing = t.sparing,
    };

    *out = (struct outcome){0};
    cm_map_put(t.desired, key, bytes);
    write(t.driver, &object, on_applied, out);
}

static void begin_apply(const char *key, const char *json, struct outcome *out) {
    begin(t.driver->ops->apply, key, json, out);
}

static void apply(const char *key, const char *json, struct outcome *out) {
    begin_apply(key, json, out);
    assert_false(out->is_done); // never from inside the call
    wait_until(is_done, out, "an apply");
}

static void apply_well(const char *key, const char *json, struct outcome *out) {
    apply(key, json, out);
    if (out->code != CM_OK) {
        fail_msg("%s", out->msg);
    }
}

static void track(const char *key, const struct outcome *applied) {
    struct agent_owned owned = {
        .app = "shop",
        .key = key,
        .default_namespace = t.outside->namespace,
        .uid = applied->uid,
        .note = applied->note,
    };

    t.driver->ops->track(t.driver, &owned);
}

typedef void (*end_fn)(struct agent_driver *d, const struct agent_owned *object,
                       agent_removed_fn done, void *ctx);

static void begin_end(end_fn end, const char *key, const char *uid, struct outcome *out) {
    struct agent_owned owned = {
        .app = "shop",
        .key = key,
        .default_namespace = t.outside->namespace,
        .uid = uid,
        .note = "",
        .account = t.account,
    };

    *out = (struct outcome){0};
    end(t.driver, &owned, on_removed, out);
    assert_false(out->is_done);
}

static void remove_object(const char *key, const char *uid, struct outcome *out) {
    begin_end(t.driver->ops->remove, key, uid, out);
    wait_until(is_done, out, "a removal");
}

static void begin_release(const char *key, const char *uid, struct outcome *out) {
    begin_end(t.driver->ops->release, key, uid, out);
}

static void release(const char *key, const char *uid, struct outcome *out) {
    begin_release(key, uid, out);
    wait_until(is_done, out, "a release");
}

// have makes a config map that is applied, tracked and known to be healthy. The caller frees *key.
static void have(const char *name, const char *color, char **key, struct outcome *out) {
    CM_AUTOFREE char *json = config_map_json(name, color, "");

    *key = key_of("ConfigMap", name);
    apply_well(*key, json, out);
    track(*key, out);
    wait_until(is_healthy, *key, "an observation");
}

// The contract

static void an_apply_makes_the_object(void **state) {
    CM_AUTOFREE char *key = key_of("ConfigMap", "make");
    CM_AUTOFREE char *json = config_map_json("make", "red", "");
    struct outcome first;

    (void)state;
    apply_well(key, json, &first);
    assert_true(first.written);
    assert_true(first.uid[0] != '\0');
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "red");
}

static void an_unchanged_apply_writes_nothing(void **state) {
    CM_AUTOFREE char *key = key_of("ConfigMap", "same");
    CM_AUTOFREE char *json = config_map_json("same", "red", "");
    struct outcome first;
    struct outcome second;

    (void)state;
    apply_well(key, json, &first);
    apply_well(key, json, &second);
    assert_false(second.written);
    assert_string_equal(second.uid, first.uid);
    assert_string_equal(second.note, first.note);
}

static void a_changed_apply_changes_and_takes_away(void **state) {
    CM_AUTOFREE char *key = key_of("ConfigMap", "change");
    CM_AUTOFREE char *before = config_map_json("change", "red", ",\"size\":\"L\"");
    CM_AUTOFREE char *after = config_map_json("change", "blue", "");
    struct outcome first;
    struct outcome second;

    (void)state;
    apply_well(key, before, &first);
    apply_well(key, after, &second);
    assert_true(second.written);
    assert_string_equal(second.uid, first.uid);
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "blue");
    assert_string_equal(t.outside->field(t.outside, key, "data", "size"), "");
}

static void on_turn(void *ctx) {
    (void)ctx;
    end_wait();
}

// turn lets happen what is due by the next turn of the loop.
static void turn(void) {
    struct cm_task task = {.run = on_turn};

    cm_loop_post(t.loop, &task);
    run_loop();
}

static char *deployment_json(const char *name, int replicas) {
    return cm_strf(
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"%s\","
        "\"namespace\":\"%s\"},\"spec\":{\"replicas\":%d,\"selector\":{\"matchLabels\":{"
        "\"app\":\"%s\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"%s\"}},"
        "\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"example.com/a:1\"}]}}}}",
        name, t.outside->namespace, replicas, name, name);
}

static void the_health_of_the_form_before_does_not_outlive_a_change(void **state) {
    CM_AUTOFREE char *key = key_of("Deployment.apps", "moving");
    struct outcome out;

    (void)state;
    for (int replicas = 1; replicas <= 4; replicas++) {
        CM_AUTOFREE char *json = deployment_json("moving", replicas);

        apply_well(key, json, &out);
        turn();
        if (heard_of(key)->health == AGENT_HEALTH_HEALTHY) { // a quick cluster was done already
            CM_AUTOFREE char *wanted = cm_strf("%d", replicas);
            assert_string_equal(t.outside->field(t.outside, key, "status", "readyReplicas"),
                                wanted);
        }
        track(key, &out);
        wait_until(is_healthy, key, "the deployment to be healthy");
    }
}

static bool has_five(const void *ctx) {
    return heard_of(ctx)->replicas == 5;
}

static void replicas_that_git_does_not_say_are_told_with_who_set_them(void **state) {
    CM_AUTOFREE char *key = key_of("Deployment.apps", "scaled");
    CM_AUTOFREE char *json = deployment_json("scaled", 1);
    struct outcome out;

    (void)state;
    char *said = strstr(json, "\"replicas\":1,");
    memmove(said, said + strlen("\"replicas\":1,"), strlen(said + strlen("\"replicas\":1,")) + 1);
    apply_well(key, json, &out);
    track(key, &out);
    t.outside->change(t.outside, key, "spec", "replicas", "5", "somebody");
    wait_until(has_five, key, "five replicas");
    assert_true(heard_of(key)->theirs);
    assert_string_equal(heard_of(key)->scaler, "somebody");
}

static void replicas_that_git_says_are_nobody_elses(void **state) {
    CM_AUTOFREE char *key = key_of("Deployment.apps", "ours");
    CM_AUTOFREE char *json = deployment_json("ours", 1);
    struct outcome out;

    (void)state;
    apply_well(key, json, &out);
    track(key, &out);
    t.outside->change(t.outside, key, "spec", "replicas", "5", "somebody");
    wait_until(has_five, key, "five replicas");
    assert_false(heard_of(key)->theirs);
}

static bool is_promoted(const void *ctx) {
    const struct heard *h = heard_of(ctx);

    return h->token[0] != '\0' && h->promoted;
}

static bool is_decided(const void *ctx) {
    return heard_of(ctx)->decisions > 0;
}

static void a_release_that_came_up_has_a_token_and_going_back_by_hand_is_told_once(void **state) {
    CM_AUTOFREE char *key = key_of("Deployment.apps", "undone");
    CM_AUTOFREE char *json = deployment_json("undone", 1);
    struct outcome out;

    (void)state;
    apply_well(key, json, &out);
    track(key, &out);
    wait_until(is_promoted, key, "the release to be taken up");
    t.outside->change(t.outside, key, "spec.template.spec", "terminationGracePeriodSeconds", "7",
                      "kubectl");
    wait_until(is_decided, key, "what was undone to be told");
    assert_int_equal(heard_of(key)->verdict, AGENT_VERDICT_UNDONE);
    assert_string_equal(heard_of(key)->actor, "kubectl");
    heard_of(key)->times = 0;
    t.driver->ops->observe(t.driver, key);
    wait_until(is_heard, key, "an observation");
    assert_int_equal(heard_of(key)->decisions, 1);
}

static void the_fields_of_others_stay(void **state) {
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *json = config_map_json("others", "blue", "");
    struct outcome out;

    (void)state;
    have("others", "red", &key, &out);
    t.outside->change(t.outside, key, "data", "theirs", "\"1\"", "somebody");
    apply_well(key, json, &out);
    assert_string_equal(t.outside->field(t.outside, key, "data", "theirs"), "1");
    assert_int_equal(heard_of(key)->drifts, 0);
}

static void an_open_namespace_is_the_apps(void **state) {
    CM_AUTOFREE char *full = key_of("ConfigMap", "open");
    struct outcome out;

    (void)state;
    apply_well("ConfigMap//open",
               "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"open\"},"
               "\"data\":{\"a\":\"1\"}}",
               &out);
    assert_true(t.outside->exists(t.outside, full));
    track("ConfigMap//open", &out);
    wait_until(is_healthy, "ConfigMap//open", "an observation");
    t.outside->delete (t.outside, full);
    wait_until(is_missing, "ConfigMap//open", "the object to be missing");
}

static void where_an_object_is_can_be_told(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE char *full = key_of("ConfigMap", "open");
    const struct agent_driver *d = t.driver;

    (void)state;
    assert_string_equal(d->ops->locate(d, a, "ConfigMap//open", t.outside->namespace), full);
    assert_string_equal(d->ops->locate(d, a, full, "elsewhere"), full);
    assert_string_equal(d->ops->locate(d, a, "Namespace//open", "elsewhere"), "Namespace//open");
}

static void an_observation_follows_each_tracking(void **state) {
    CM_AUTOFREE char *key = NULL;
    struct outcome out;

    (void)state;
    have("track", "red", &key, &out);
    assert_string_equal(heard_of(key)->uid, out.uid);
    heard_of(key)->times = 0;
    track(key, &out);
    assert_int_equal(heard_of(key)->times, 0); // never from inside the call
    wait_until(is_heard, key, "another observation");
}

static void an_observation_follows_a_look(void **state) {
    CM_AUTOFREE char *key = NULL;
    struct outcome out;

    (void)state;
    have("look", "red", &key, &out);
    heard_of(key)->times = 0;
    t.driver->ops->observe(t.driver, key);
    wait_until(is_heard, key, "an observation");
}

static void what_was_never_there_is_missing(void **state) {
    CM_AUTOFREE char *key = key_of("ConfigMap", "never");
    struct outcome nothing = {0};

    (void)state;
    track(key, &nothing);
    wait_until(is_missing, key, "the object to be missing");
}

static void what_is_deleted_is_missing_until_it_is_applied_again(void **state) {
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *json = config_map_json("deleted", "red", "");
    struct outcome first;
    struct outcome second;

    (void)state;
    have("deleted", "red", &key, &first);
    t.outside->delete (t.outside, key);
    wait_until(is_missing, key, "the object to be missing");
    assert_string_equal(heard_of(key)->uid, "");
    apply_well(key, json, &second);
    assert_true(second.written);
    assert_string_not_equal(second.uid, first.uid);
    track(key, &second);
    wait_until(is_healthy, key, "the object to be back");
}

static void drift_tells_field_values_and_manager(void **state) {
    CM_AUTOFREE char *key = NULL;
    struct outcome out;

    (void)state;
    have("drift", "red", &key, &out);
    t.outside->change(t.outside, key, "data", "color", "\"green\"", "kubectl-edit");
    wait_until(is_drifted, key, "drift");
    assert_int_equal(heard_of(key)->drift_count, 1);
    assert_string_equal(heard_of(key)->drift[0].path, "data.color");
    assert_string_equal(heard_of(key)->drift[0].desired, "\"red\"");
    assert_string_equal(heard_of(key)->drift[0].actual, "\"green\"");
    assert_string_equal(heard_of(key)->drift[0].manager, "kubectl-edit");
    assert_true(heard_of(key)->drift[0].at_ms > 0);
}

static void drift_ends_when_it_is_applied_again(void **state) {
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *json = config_map_json("correct", "red", "");
    struct outcome out;

    (void)state;
    have("correct", "red", &key, &out);
    t.outside->change(t.outside, key, "data", "color", "\"green\"", "kubectl-edit");
    wait_until(is_drifted, key, "drift");
    apply_well(key, json, &out);
    assert_true(out.written);
    track(key, &out);
    wait_until(is_not_drifted, key, "the drift to end");
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "red");
}

static void drift_ends_when_it_is_changed_back(void **state) {
    CM_AUTOFREE char *key = NULL;
    struct outcome out;

    (void)state;
    have("back", "red", &key, &out);
    t.outside->change(t.outside, key, "data", "color", "\"green\"", "kubectl-edit");
    wait_until(is_drifted, key, "drift");
    t.outside->change(t.outside, key, "data", "color", "\"red\"", "kubectl-edit");
    wait_until(is_not_drifted, key, "the drift to end");
}

static bool has_two(const void *ctx) {
    return heard_of(ctx)->drift_count == 2;
}

static bool has_one(const void *ctx) {
    return heard_of(ctx)->drift_count == 1;
}

#define SIZED ",\"size\":\"L\""

// have_changed makes a config map of which somebody changes both fields.
static void have_changed(const char *name, char **key, struct outcome *out) {
    CM_AUTOFREE char *json = config_map_json(name, "red", SIZED);

    *key = key_of("ConfigMap", name);
    apply_well(*key, json, out);
    track(*key, out);
    wait_until(is_healthy, *key, "an observation");
    t.outside->change(t.outside, *key, "data", "color", "\"green\"", "kubectl-edit");
    wait_until(has_one, *key, "drift");
    t.outside->change(t.outside, *key, "data", "size", "\"XL\"", "resizer");
    wait_until(has_two, *key, "more drift");
}

static const char *const color_fields[] = {"/data/color"};
static const char *const edit_managers[] = {"kubectl-edit"};
static const struct cm_spare_rule color_rule = {.fields = color_fields, .field_count = 1};
static const struct cm_spare_rule edit_rule = {.managers = edit_managers, .manager_count = 1};

static void spare_color(const struct cm_spare_rule *rule, const enum cm_spare_how *how) {
    t.sparing = (struct agent_sparing){.rules = rule, .how = how, .count = 1};
}

static void check_spared(const char *key, struct outcome *out) {
    assert_true(out->written);
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "green");
    assert_string_equal(t.outside->field(t.outside, key, "data", "size"), "L");
    track(key, out);
    wait_until(has_one, key, "the other drift to end");
    assert_string_equal(heard_of(key)->drift[0].path, "data.color");
    assert_int_equal(heard_of(key)->drift[0].rule, 1);
}

static void what_is_spared_stays_while_other_fields_are_put_right(void **state) {
    static const enum cm_spare_how how[] = {CM_SPARE_ALWAYS};
    CM_AUTOFREE char *json = config_map_json("spare", "red", SIZED);
    CM_AUTOFREE char *key = NULL;
    struct outcome out;

    (void)state;
    spare_color(&color_rule, how);
    have_changed("spare", &key, &out);
    apply_well(key, json, &out);
    check_spared(key, &out);
    apply_well(key, json, &out);
    assert_false(out.written);
}

static void what_a_manager_set_is_spared(void **state) {
    static const enum cm_spare_how how[] = {CM_SPARE_ALWAYS};
    CM_AUTOFREE char *json = config_map_json("spare-manager", "red", SIZED);
    CM_AUTOFREE char *key = NULL;
    struct outcome out;

    (void)state;
    spare_color(&edit_rule, how);
    have_changed("spare-manager", &key, &out);
    apply_well(key, json, &out);
    check_spared(key, &out);
}

static void what_no_rule_is_about_is_spared_if_so_said(void **state) {
    static const enum cm_spare_how how[] = {CM_SPARE_NEVER};
    CM_AUTOFREE char *json = config_map_json("spare-rest", "red", SIZED);
    CM_AUTOFREE char *key = NULL;
    struct outcome out;

    (void)state;
    spare_color(&color_rule, how);
    have_changed("spare-rest", &key, &out);
    t.sparing.otherwise = CM_SPARE_ALWAYS;
    apply_well(key, json, &out);
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "red");
    assert_string_equal(t.outside->field(t.outside, key, "data", "size"), "XL");
}

static void what_is_ignored_is_applied_when_git_changes_it_and_only_then(void **state) {
    static const enum cm_spare_how how[] = {CM_SPARE_UNLESS_NEW};
    CM_AUTOFREE char *first = config_map_json("spare-new", "red", SIZED);
    CM_AUTOFREE char *other = config_map_json("spare-new", "red", ",\"size\":\"S\"");
    CM_AUTOFREE char *color = config_map_json("spare-new", "blue", ",\"size\":\"S\"");
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *of_first = canonical(first);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *of_other = canonical(other);
    CM_AUTOFREE char *key = NULL;
    struct outcome out;

    (void)state;
    spare_color(&color_rule, how);
    have_changed("spare-new", &key, &out);
    t.sparing.before = of_first;
    apply_well(key, other, &out);
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "green");
    assert_string_equal(t.outside->field(t.outside, key, "data", "size"), "S");
    t.sparing.before = of_other;
    apply_well(key, color, &out);
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "blue");
}

static bool is_under_the_rule(const void *ctx) {
    return heard_of(ctx)->drift_count == 1 && heard_of(ctx)->drift[0].rule == 1;
}

static bool is_under_no_rule(const void *ctx) {
    return heard_of(ctx)->drift_count == 1 && heard_of(ctx)->drift[0].rule == 0;
}

static void a_rule_holds_only_while_its_owner_exists(void **state) {
    static const enum cm_spare_how how[] = {CM_SPARE_ALWAYS};
    CM_AUTOFREE char *owner = key_of("ConfigMap", "spare-owner");
    CM_AUTOFREE char *beside = config_map_json("spare-owner", "grey", "");
    CM_AUTOFREE char *json = config_map_json("spare-while", "red", "");
    const struct cm_spare_rule rule = {
        .fields = color_fields, .field_count = 1, .owner = "ConfigMap//spare-owner"};
    CM_AUTOFREE char *key = NULL;
    struct outcome out;

    (void)state;
    spare_color(&rule, how);
    have("spare-while", "red", &key, &out);
    t.outside->change(t.outside, key, "data", "color", "\"green\"", "kubectl-edit");
    wait_until(is_under_no_rule, key, "drift while there is no owner");
    t.outside->create(t.outside, owner, beside, "kubectl-create");
    wait_until(is_under_the_rule, key, "the owner to be seen");
    apply_well(key, json, &out);
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "green");
    track(key, &out);
    t.outside->delete (t.outside, owner);
    wait_until(is_under_no_rule, key, "the owner's end to be seen");
    apply_well(key, json, &out);
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "red");
}

static void own_changes_are_no_drift(void **state) {
    CM_AUTOFREE char *key = NULL;
    struct outcome out;

    (void)state;
    have("own", "red", &key, &out);
    for (int i = 0; i < 20; i++) {
        CM_AUTOFREE char *color = cm_strf("c%d", i);
        CM_AUTOFREE char *json = config_map_json("own", color, "");

        apply_well(key, json, &out);
        track(key, &out);
    }
    heard_of(key)->times = 0;
    t.driver->ops->observe(t.driver, key);
    wait_until(is_heard, key, "an observation");
    assert_int_equal(heard_of(key)->drifts, 0);
}

static void drift_is_found_after_a_restart(void **state) {
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *clean = NULL;
    struct outcome out;
    struct outcome clean_out;

    (void)state;
    have("restart", "red", &key, &out);
    have("clean", "red", &clean, &clean_out);
    stop();
    t.outside->change(t.outside, key, "data", "color", "\"green\"", "kubectl-edit");
    (void)cm_map_remove(t.heard, key);
    (void)cm_map_remove(t.heard, clean);
    start();
    track(key, &out);
    track(clean, &clean_out);
    wait_until(is_drifted, key, "drift");
    wait_until(is_heard, clean, "an observation");
    assert_int_equal(heard_of(clean)->drifts, 0);
    assert_int_equal(heard_of(clean)->health, AGENT_HEALTH_HEALTHY);
}

static void secrets_are_not_told(void **state) {
    CM_AUTOFREE char *key = key_of("Secret", "hidden");
    CM_AUTOFREE char *json =
        cm_strf("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"hidden\","
                "\"namespace\":\"%s\"},\"data\":{\"word\":\"c2VjcmV0\"}}",
                t.outside->namespace);
    struct outcome out;

    (void)state;
    apply_well(key, json, &out);
    track(key, &out);
    wait_until(is_healthy, key, "an observation");
    t.outside->change(t.outside, key, "data", "word", "\"b3RoZXI=\"", "kubectl-edit");
    wait_until(is_drifted, key, "drift");
    assert_string_equal(heard_of(key)->drift[0].path, "data.word");
    assert_non_null(strstr(heard_of(key)->drift[0].desired, "***"));
    assert_null(strstr(heard_of(key)->drift[0].desired, "c2Vj"));
    assert_non_null(strstr(heard_of(key)->drift[0].actual, "***"));
    assert_null(strstr(heard_of(key)->drift[0].actual, "b3Ro"));
}

static void what_is_removed_is_gone(void **state) {
    CM_AUTOFREE char *key = NULL;
    struct outcome out;
    struct outcome gone;
    struct outcome again;

    (void)state;
    have("gone", "red", &key, &out);
    remove_object(key, out.uid, &gone);
    assert_int_equal(gone.code, CM_OK);
    assert_false(t.outside->exists(t.outside, key));
    remove_object(key, out.uid, &again);
    assert_int_equal(again.code, CM_OK);
}

static void another_object_of_that_name_is_left_alone(void **state) {
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *theirs = config_map_json("theirs", "black", "");
    struct outcome out;
    struct outcome gone;

    (void)state;
    have("theirs", "red", &key, &out);
    t.outside->delete (t.outside, key);
    t.outside->create(t.outside, key, theirs, "somebody");
    remove_object(key, out.uid, &gone);
    assert_int_equal(gone.code, CM_OK);
    assert_true(t.outside->exists(t.outside, key));
}

// A manifest that left its namespace to the App names it now: another key, the same object.
static void what_another_key_wants_is_not_removed(void **state) {
    static const char open_key[] = "ConfigMap//renamed";
    CM_AUTOFREE char *key = key_of("ConfigMap", "renamed");
    CM_AUTOFREE char *json = config_map_json("renamed", "red", "");
    struct outcome before;
    struct outcome after;
    struct outcome gone;

    (void)state;
    apply_well(open_key,
               "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":"
               "\"renamed\"},\"data\":{\"color\":\"red\"}}",
               &before);
    track(open_key, &before);
    wait_until(is_healthy, open_key, "an observation");
    apply_well(key, json, &after);
    assert_string_equal(after.uid, before.uid);
    track(key, &after);
    release(open_key, before.uid, &gone);
    assert_int_equal(gone.code, CM_OK);
    remove_object(open_key, before.uid, &gone);
    assert_int_equal(gone.code, CM_OK);
    t.driver->ops->untrack(t.driver, open_key);
    assert_true(t.outside->exists(t.outside, key));

    // It is the new key that hears of it from now on, and that can take it away.
    t.outside->change(t.outside, key, "data", "color", "\"green\"", "kubectl-edit");
    wait_until(is_drifted, key, "drift");
    remove_object(key, after.uid, &gone);
    assert_int_equal(gone.code, CM_OK);
    assert_false(t.outside->exists(t.outside, key));
}

// have_theirs makes a config map that Flux applied. The caller frees *key.
static void have_theirs(const char *name, char **key) {
    CM_AUTOFREE char *json =
        cm_strf("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s\","
                "\"namespace\":\"%s\",\"labels\":{\"kustomize.toolkit.fluxcd.io/name\":\"apps\","
                "\"kustomize.toolkit.fluxcd.io/namespace\":\"flux-system\"}},"
                "\"data\":{\"color\":\"black\"}}",
                name, t.outside->namespace);

    *key = key_of("ConfigMap", name);
    t.outside->create(t.outside, *key, json, "somebody");
}

static void assert_left_to_flux(const struct outcome *out, const char *key) {
    assert_int_equal(out->code, CM_EINVAL);
    assert_non_null(strstr(out->msg, "Flux (Kustomization 'flux-system/apps')"));
    assert_non_null(strstr(out->msg, "adopt: true"));
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "black");
}

static void what_another_tool_owns_is_left_to_it(void **state) {
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *json = config_map_json("fluxs", "red", "");
    struct outcome out;

    (void)state;
    have_theirs("fluxs", &key);
    apply(key, json, &out);
    assert_left_to_flux(&out, key);
    remove_object(key, "", &out);
    assert_int_equal(out.code, CM_OK);
    assert_true(t.outside->exists(t.outside, key));
}

struct owner {
    char name[400];
    enum cm_rc code;
    bool is_done;
};

static void on_owner(void *ctx, const char *owner, const struct cm_err *error) {
    struct owner *o = ctx;

    (void)snprintf(o->name, sizeof(o->name), "%s", owner);
    o->code = error->code;
    o->is_done = true;
    check();
}

static bool is_told(const void *ctx) {
    return ((const struct owner *)ctx)->is_done;
}

static const char *owner_of(const char *key, struct owner *out) {
    *out = (struct owner){0};
    t.driver->ops->owner(t.driver, key, t.outside->namespace, on_owner, out);
    assert_false(out->is_done);
    wait_until(is_told, out, "an owner");
    assert_int_equal(out->code, CM_OK);
    return out->name;
}

static void whose_an_object_is_can_be_asked_without_changing_it(void **state) {
    CM_AUTOFREE char *theirs = NULL;
    CM_AUTOFREE char *ours = NULL;
    CM_AUTOFREE char *none = key_of("ConfigMap", "not-there");
    struct outcome out;
    struct owner owner;

    (void)state;
    have_theirs("asked", &theirs);
    have("asked-ours", "red", &ours, &out);
    assert_non_null(strstr(owner_of(theirs, &owner), "Flux"));
    assert_string_equal(owner_of("ConfigMap//asked", &owner), owner_of(theirs, &(struct owner){0}));
    assert_string_equal(owner_of(ours, &owner), "");
    assert_string_equal(owner_of(none, &owner), "");
    assert_string_equal(owner_of("Never.example.com//there", &owner), "");
    assert_true(t.outside->exists(t.outside, theirs));
}

static void what_another_tool_owns_is_taken_over_if_the_app_says_so(void **state) {
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *red = config_map_json("taken", "red", "");
    CM_AUTOFREE char *blue = config_map_json("taken", "blue", "");
    struct outcome out;

    (void)state;
    have_theirs("taken", &key);
    t.adopt = true;
    apply_well(key, red, &out);
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "red");
    assert_int_equal(out.besides, AGENT_BESIDES_ADOPTED);
    assert_string_not_equal(out.whose, "");

    // From now on it is ours.
    t.adopt = false;
    apply_well(key, blue, &out);
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "blue");
    assert_int_equal(out.besides, AGENT_BESIDES_NOTHING);
}

static void what_no_tool_owns_is_taken_over(void **state) {
    CM_AUTOFREE char *key = key_of("ConfigMap", "plain");
    CM_AUTOFREE char *plain = config_map_json("plain", "black", "");
    CM_AUTOFREE char *json = config_map_json("plain", "red", "");
    struct outcome out;

    (void)state;
    t.outside->create(t.outside, key, plain, "somebody");
    apply_well(key, json, &out);
    assert_true(out.written);
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "red");
}

static void what_was_made_by_hand_becomes_ours_with_all_its_fields(void **state) {
    static const char *const makers[][2] = {
        {"kubectl-create", ""}, {"helm", ""}, {"somebody", "L"}};

    (void)state;
    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
        CM_AUTOFREE char *name = cm_strf("by-%s", makers[i][0]);
        CM_AUTOFREE char *key = key_of("ConfigMap", name);
        CM_AUTOFREE char *theirs = config_map_json(name, "black", ",\"size\":\"L\"");
        CM_AUTOFREE char *ours = config_map_json(name, "red", "");
        struct outcome out;

        t.outside->create(t.outside, key, theirs, makers[i][0]);
        apply_well(key, ours, &out);
        assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "red");
        assert_string_equal(t.outside->field(t.outside, key, "data", "size"), makers[i][1]);
    }
}

static void what_is_added_to_ours_by_hand_stays(void **state) {
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *blue = config_map_json("added", "blue", "");
    struct outcome out;

    (void)state;
    have("added", "red", &key, &out);
    t.outside->change(t.outside, key, "data", "size", "\"L\"", "kubectl-edit");
    apply_well(key, blue, &out);
    assert_string_equal(t.outside->field(t.outside, key, "data", "size"), "L");
}

static bool is_as_desired(const void *ctx) {
    return is_heard(ctx) && heard_of(ctx)->actual[0] == '\0';
}

static bool is_otherwise(const void *ctx) {
    return heard_of(ctx)->actual[0] != '\0';
}

static bool is_large(const void *ctx) {
    return strstr(heard_of(ctx)->actual, "\"size\": \"L\"") != NULL;
}

static void assert_there(const char *key, const char *color) {
    CM_AUTOFREE char *expected = cm_strf("{\n  \"apiVersion\": \"v1\",\n  \"data\": {\n"
                                         "    \"color\": \"%s\",\n    \"size\": \"L\"\n  },\n"
                                         "  \"kind\": \"ConfigMap\",\n  \"metadata\": {\n"
                                         "    \"name\": \"whole\",\n    \"namespace\": \"%s\"\n"
                                         "  }\n}\n",
                                         color, t.outside->namespace);

    assert_string_equal(heard_of(key)->actual, expected);
}

static void all_that_is_there_is_told_in_the_words_of_what_is_desired(void **state) {
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *blue = config_map_json("whole", "blue", "");
    struct outcome out;

    (void)state;
    have("whole", "red", &key, &out);
    wait_until(is_as_desired, key, "nothing to differ");
    t.outside->change(t.outside, key, "data", "color", "\"green\"", "kubectl-edit");
    wait_until(is_otherwise, key, "the object as it is");
    t.outside->change(t.outside, key, "data", "size", "\"L\"", "kubectl-edit");
    wait_until(is_large, key, "what was added");
    assert_there(key, "green");
    apply_well(key, blue, &out);
    track(key, &out);
    wait_until(is_not_drifted, key, "the drift to end");
    assert_there(key, "blue"); // what was added is there still
}

// labelled_json selects pods by a label. The caller frees it.
static char *labelled_json(const char *name, const char *label) {
    return cm_strf("{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":"
                   "\"%s\",\"namespace\":\"%s\"},\"spec\":{\"replicas\":0,\"selector\":{"
                   "\"matchLabels\":{\"app\":\"%s\"}},\"template\":{\"metadata\":{\"labels\":{"
                   "\"app\":\"%s\"}},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"b\"}]}"
                   "}}}",
                   name, t.outside->namespace, label, label);
}

static void what_cannot_be_changed_is_made_anew_only_if_the_app_says_so(void **state) {
    CM_AUTOFREE char *key = key_of("Deployment.apps", "fixed");
    CM_AUTOFREE char *before = labelled_json("fixed", "before");
    CM_AUTOFREE char *after = labelled_json("fixed", "after");
    struct outcome first;
    struct outcome out;

    (void)state;
    apply_well(key, before, &first);
    track(key, &first);
    apply(key, after, &out);
    assert_int_equal(out.code, CM_EINVAL);
    assert_non_null(strstr(out.msg, "spec.selector cannot be changed"));
    assert_non_null(strstr(out.msg, "'recreate: true'"));

    // What can be changed is not deleted for that.
    t.recreate = true;
    apply_well(key, before, &out);
    assert_string_equal(out.uid, first.uid);
    apply_well(key, after, &out);
    assert_true(out.written);
    assert_string_not_equal(out.uid, first.uid);
    assert_int_equal(out.besides, AGENT_BESIDES_RECREATED);
    assert_true(t.outside->exists(t.outside, key));
    apply_well(key, after, &first);
    assert_int_equal(first.besides, AGENT_BESIDES_NOTHING);
    assert_string_equal(out.uid, first.uid);
}

static void an_account_can_do_no_more_than_it_may(void **state) {
    CM_AUTOFREE char *key = key_of("ConfigMap", "delegated");
    CM_AUTOFREE char *red = config_map_json("delegated", "red", "");
    CM_AUTOFREE char *blue = config_map_json("delegated", "blue", "");
    struct outcome made;
    struct outcome out;

    (void)state;
    t.account = t.outside->powerless;
    apply(key, red, &out);
    assert_int_equal(out.code, CM_EAUTH);
    assert_non_null(strstr(out.msg, t.outside->powerless));
    assert_false(t.outside->exists(t.outside, key));
    t.account = "";
    apply_well(key, red, &made);
    t.account = t.outside->powerless;
    apply(key, blue, &out);
    assert_int_equal(out.code, CM_EAUTH);
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "red");
    remove_object(key, made.uid, &out);
    assert_int_equal(out.code, CM_EAUTH);
    assert_true(t.outside->exists(t.outside, key));
    t.account = "";
    remove_object(key, made.uid, &out);
    assert_int_equal(out.code, CM_OK);
    t.account = t.outside->powerless;
    remove_object(key, made.uid, &out); // what is gone needs no right
    assert_int_equal(out.code, CM_OK);
}

static void what_is_only_to_be_made_is_made_once(void **state) {
    CM_AUTOFREE char *key = key_of("ConfigMap", "once");
    CM_AUTOFREE char *red = config_map_json("once", "red", "");
    CM_AUTOFREE char *blue = config_map_json("once", "blue", "");
    struct outcome out;

    (void)state;
    t.once = true;
    apply_well(key, red, &out);
    assert_true(out.written);
    track(key, &out);
    wait_until(is_healthy, key, "an observation");
    apply_well(key, blue, &out);
    assert_false(out.written);
    track(key, &out);
    t.outside->change(t.outside, key, "data", "color", "\"green\"", "kubectl-edit");
    heard_of(key)->times = 0;
    t.driver->ops->observe(t.driver, key);
    wait_until(is_heard, key, "an observation");
    assert_int_equal(heard_of(key)->drifts, 0);
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "green");

    t.outside->delete (t.outside, key);
    wait_until(is_missing, key, "the object to be missing");
    apply_well(key, blue, &out);
    assert_true(out.written);
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "blue");
}

static void what_is_only_to_be_made_and_is_there_is_not_ours(void **state) {
    CM_AUTOFREE char *key = key_of("ConfigMap", "there");
    CM_AUTOFREE char *black = config_map_json("there", "black", "");
    CM_AUTOFREE char *red = config_map_json("there", "red", "");
    struct outcome out;
    struct outcome gone;

    (void)state;
    t.outside->create(t.outside, key, black, "somebody");
    t.once = true;
    apply_well(key, red, &out);
    assert_false(out.written);
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "black");
    track(key, &out);
    wait_until(is_healthy, key, "an observation");
    remove_object(key, out.uid, &gone);
    assert_true(gone.code == CM_OK || gone.code == CM_EEXISTS); // it stays, and is told to
    assert_true(t.outside->exists(t.outside, key));
}

static void a_field_of_somebody_else_stays_if_the_app_yields(void **state) {
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *red = config_map_json("yield", "red", "");
    CM_AUTOFREE char *green = config_map_json("yield", "green", ",\"size\":\"L\"");
    struct outcome out;

    (void)state;
    have("yield", "red", &key, &out);
    t.outside->change(t.outside, key, "data", "color", "\"green\"", "kubectl-edit");
    t.yields = true;
    apply(key, red, &out);
    assert_int_equal(out.code, CM_EINVAL);
    assert_non_null(strstr(out.msg, "data.color is set by 'kubectl-edit'"));
    assert_non_null(strstr(out.msg, "'conflicts: force'"));
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "green");

    // Who agrees takes nothing, and whoever does not yield takes it.
    apply_well(key, green, &out);
    assert_string_equal(t.outside->field(t.outside, key, "data", "size"), "L");
    t.yields = false;
    apply_well(key, red, &out);
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "red");
}

static void what_another_tool_made_in_the_place_of_ours_is_left_to_it(void **state) {
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *again = NULL;
    CM_AUTOFREE char *json = config_map_json("swapped", "red", "");
    struct outcome out;

    (void)state;
    have("swapped", "red", &key, &out);
    t.outside->delete (t.outside, key);
    wait_until(is_missing, key, "an observation that it is missing");
    have_theirs("swapped", &again);
    apply(key, json, &out);
    assert_left_to_flux(&out, key);
}

static void ours_is_known_by_a_driver_that_remembers_nothing(void **state) {
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *json = config_map_json("known", "red", "");
    struct outcome before;
    struct outcome after;

    (void)state;
    have("known", "red", &key, &before);
    stop();
    start();
    apply_well(key, json, &after);
    assert_string_equal(after.uid, before.uid);
    assert_false(after.written);
}

static void what_nobody_tracks_is_not_told(void **state) {
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *other = NULL;
    struct outcome out;

    (void)state;
    have("untracked", "red", &key, &out);
    have("witness", "red", &other, &out);
    t.driver->ops->untrack(t.driver, key);
    heard_of(key)->times = 0;
    t.outside->change(t.outside, key, "data", "color", "\"green\"", "kubectl-edit");
    t.outside->change(t.outside, other, "data", "color", "\"green\"", "kubectl-edit");
    wait_until(is_drifted, other, "drift");
    assert_int_equal(heard_of(key)->times, 0);
}

static void on_found(void *ctx, const struct agent_owned *found) {
    (void)ctx;
    assert_true(t.ignore_apps || strcmp(found->app, "shop") == 0);
    assert_true(found->uid[0] != '\0');
    assert_int_equal(found->keep, strstr(found->key, "annotated") != NULL);
    cm_map_put(t.found, found->key, cm_strdup(found->uid));
}

static void on_recovered(void *ctx, const struct cm_err *error) {
    struct outcome *o = ctx;

    o->is_done = true;
    o->code = error->code;
    COPY(o->msg, error->msg);
    check();
}

static void what_was_applied_is_found_again(void **state) {
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *theirs = key_of("ConfigMap", "not-ours");
    CM_AUTOFREE char *json = config_map_json("not-ours", "black", "");
    CM_AUTOFREE char *annotated = key_of("ConfigMap", "annotated");
    CM_AUTOFREE char *keep =
        cm_strf("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":"
                "\"annotated\",\"namespace\":\"%s\",\"annotations\":{\"holdfast.dev/prune\":"
                "\"disabled\"}}}",
                t.outside->namespace);
    struct outcome out;
    struct outcome recovered = {0};

    (void)state;
    apply_well(annotated, keep, &out);
    have("found", "red", &key, &out);
    t.outside->create(t.outside, theirs, json, "somebody");
    stop();
    start();
    t.driver->ops->recover(t.driver, on_found, on_recovered, &recovered);
    wait_until(is_done, &recovered, "the recovery");
    assert_int_equal(recovered.code, CM_OK);
    assert_non_null(cm_map_get(t.found, key));
    assert_string_equal(cm_map_get(t.found, key), out.uid);
    assert_null(cm_map_get(t.found, theirs));
    assert_non_null(cm_map_get(t.found, annotated));
}

static void find_all(void) {
    struct outcome recovered = {0};

    stop();
    start();
    t.driver->ops->recover(t.driver, on_found, on_recovered, &recovered);
    wait_until(is_done, &recovered, "the recovery");
    assert_int_equal(recovered.code, CM_OK);
}

static void what_is_released_stays_and_is_not_found_again(void **state) {
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *other = NULL;
    struct outcome out;
    struct outcome end;

    (void)state;
    have("released", "red", &key, &out);
    have("beside", "red", &other, &end);
    t.outside->change(t.outside, key, "data", "theirs", "\"1\"", "somebody");
    release(key, out.uid, &end);
    assert_int_equal(end.code, CM_OK);
    release(key, out.uid, &end); // stopped before we knew that it is done
    assert_int_equal(end.code, CM_OK);
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "red");
    assert_string_equal(t.outside->field(t.outside, key, "data", "theirs"), "1");
    assert_null(strstr(t.outside->labels(t.outside, key), "applyset"));
    assert_null(strstr(t.outside->labels(t.outside, key), "holdfast"));
    remove_object(key, "", &end);
    assert_true(t.outside->exists(t.outside, key));
    find_all();
    assert_null(cm_map_get(t.found, key));
    assert_non_null(cm_map_get(t.found, other));
}

static void what_was_released_is_taken_up_again_where_it_was_left(void **state) {
    CM_AUTOFREE char *key = key_of("ConfigMap", "returns");
    CM_AUTOFREE char *before = config_map_json("returns", "red", ",\"size\":\"L\"");
    CM_AUTOFREE char *after = config_map_json("returns", "blue", "");
    struct outcome out;
    struct outcome end;

    (void)state;
    apply_well(key, before, &out);
    track(key, &out);
    wait_until(is_healthy, key, "an observation");
    t.driver->ops->untrack(t.driver, key);
    release(key, out.uid, &end);
    apply_well(key, after, &end);
    assert_string_equal(end.uid, out.uid);
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "blue");
    assert_string_equal(t.outside->field(t.outside, key, "data", "size"), "");
    find_all();
    assert_non_null(cm_map_get(t.found, key));
}

static void another_object_of_that_name_is_not_released(void **state) {
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *json = config_map_json("successor", "red", "");
    struct outcome first;
    struct outcome second;
    struct outcome end;

    (void)state;
    have("successor", "red", &key, &first);
    t.outside->delete (t.outside, key);
    wait_until(is_missing, key, "the object to be missing");
    apply_well(key, json, &second);
    release(key, first.uid, &end);
    assert_int_equal(end.code, CM_OK);
    find_all();
    assert_non_null(cm_map_get(t.found, key));
}

// An App that is gone lets an object go while another one takes it.
static void operations_on_one_key_go_in_their_order(void **state) {
    enum { OTHERS = 40 };
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *blue = config_map_json("ordered", "blue", "");
    char *others[OTHERS];
    struct outcome other_outs[OTHERS];
    struct outcome out;
    struct outcome end;
    struct outcome again;

    (void)state;
    have("ordered", "red", &key, &out);
    for (int i = 0; i < OTHERS; i++) { // the App has much to do
        CM_AUTOFREE char *name = cm_strf("busy%d", i);
        CM_AUTOFREE char *json = config_map_json(name, "red", "");

        others[i] = key_of("ConfigMap", name);
        begin_apply(others[i], json, &other_outs[i]);
    }
    begin_release(key, out.uid, &end);
    t.app = "other";
    begin_apply(key, blue, &again);
    t.app = "shop";
    wait_until(is_done, &again, "the apply");
    assert_true(end.is_done);
    assert_int_equal(again.code, CM_OK);
    for (int i = 0; i < OTHERS; i++) {
        wait_until(is_done, &other_outs[i], "the others");
        free(others[i]);
    }
    t.ignore_apps = true;
    find_all();
    t.ignore_apps = false;
    assert_non_null(cm_map_get(t.found, key));
    remove_object(key, again.uid, &end);
}

static void what_another_agent_applied_is_left_to_it(void **state) {
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *json = config_map_json("anothers", "blue", "");
    struct outcome out;
    struct outcome end;

    (void)state;
    have("anothers", "red", &key, &out);
    t.who = "rome";
    find_all(); // what that one has
    assert_null(cm_map_get(t.found, key));
    apply(key, json, &end);
    assert_int_equal(end.code, CM_EINVAL);
    assert_non_null(strstr(end.msg, "another holdfast agent (App 'shop'"));
    remove_object(key, out.uid, &end);
    assert_int_equal(end.code, CM_OK);
    release(key, out.uid, &end);
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "red");

    t.adopt = true;
    apply_well(key, json, &end);
    t.adopt = false;
    t.who = "paris";
    find_all();
    assert_null(cm_map_get(t.found, key));
}

// copy_of makes another object with the labels of one of ours, as controllers do. The caller frees
// the key.
static char *copy_of(const char *key, const char *name) {
    CM_AUTOFREE char *json =
        cm_strf("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s\","
                "\"namespace\":\"%s\",\"labels\":%s}}",
                name, t.outside->namespace, t.outside->labels(t.outside, key));
    char *copy = key_of("ConfigMap", name);

    t.outside->create(t.outside, copy, json, "somebody");
    return copy;
}

static void a_copy_of_our_labels_is_not_ours(void **state) {
    CM_AUTOFREE char *key = NULL;
    struct outcome recovered = {0};
    struct outcome out;

    (void)state;
    have("original", "red", &key, &out);
    CM_AUTOFREE char *copy = copy_of(key, "copy");
    stop();
    start();
    t.driver->ops->recover(t.driver, on_found, on_recovered, &recovered);
    wait_until(is_done, &recovered, "the recovery");
    assert_int_equal(recovered.code, CM_OK);
    assert_non_null(cm_map_get(t.found, key));
    assert_null(cm_map_get(t.found, copy));
    remove_object(copy, "", &out);
    assert_int_equal(out.code, CM_OK);
    assert_true(t.outside->exists(t.outside, copy));
}

static const char WIDGET_KIND[] =
    "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\","
    "\"metadata\":{\"name\":\"widgets.contract.example\"},\"spec\":{\"group\":\"contract.example\","
    "\"names\":{\"kind\":\"Widget\",\"plural\":\"widgets\",\"singular\":\"widget\","
    "\"listKind\":\"WidgetList\"},\"scope\":\"Namespaced\",\"versions\":[{\"name\":\"v1\","
    "\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\","
    "\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{\"color\":{\"type\":"
    "\"string\"}}}}}}}]}}";

static void a_kind_is_busy_until_it_appears(void **state) {
    static const char definition[] =
        "CustomResourceDefinition.apiextensions.k8s.io//widgets.contract.example";
    CM_AUTOFREE char *key = key_of("Widget.contract.example", "w");
    CM_AUTOFREE char *json =
        cm_strf("{\"apiVersion\":\"contract.example/v1\",\"kind\":\"Widget\",\"metadata\":{"
                "\"name\":\"w\",\"namespace\":\"%s\"},\"spec\":{\"color\":\"red\"}}",
                t.outside->namespace);
    struct outcome out;
    struct outcome gone;

    (void)state;
    apply(key, json, &out);
    assert_int_equal(out.code, CM_EBUSY);
    apply_well(definition, WIDGET_KIND, &out);
    track(definition, &out);
    wait_until(is_healthy, definition, "the definition to be established");
    struct outcome widget;
    apply_well(key, json, &widget);
    track(key, &widget);
    wait_until(is_healthy, key, "an observation");

    // Its definition goes, and the object with it.
    remove_object(definition, out.uid, &gone);
    assert_int_equal(gone.code, CM_OK);
    wait_until(is_missing, key, "the object to be missing");
}

static void a_namespace_takes_along_what_is_in_it(void **state) {
    CM_AUTOFREE char *space = cm_strf("Namespace//%s-in", t.outside->namespace);
    CM_AUTOFREE char *key = cm_strf("ConfigMap/%s-in/a", t.outside->namespace);
    CM_AUTOFREE char *other = key_of("ConfigMap", "a");
    CM_AUTOFREE char *space_json =
        cm_strf("{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"%s-in\"}}",
                t.outside->namespace);
    CM_AUTOFREE char *json = cm_strf("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
                                     "\"name\":\"a\",\"namespace\":\"%s-in\"}}",
                                     t.outside->namespace);
    struct outcome out;
    struct outcome inside;
    struct outcome gone;

    (void)state;
    apply_well(space, space_json, &out);
    apply_well(key, json, &inside);
    track(key, &inside);
    wait_until(is_healthy, key, "an observation");
    assert_true(t.driver->ops->takes(t.driver, space, NULL, key, ""));
    assert_false(t.driver->ops->takes(t.driver, space, NULL, other, ""));
    remove_object(space, out.uid, &gone);
    assert_int_equal(gone.code, CM_OK);
    wait_until(is_missing, key, "the object to be missing");
}

// gear_kind defines a kind with the fields f0 to fN. The caller frees it.
static char *gear_kind(int fields) {
    struct cm_str json = {0};

    cm_str_add(&json, "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":"
                      "\"CustomResourceDefinition\",\"metadata\":{\"name\":"
                      "\"gears.contract.example\"},\"spec\":{\"group\":\"contract.example\","
                      "\"names\":{\"kind\":\"Gear\",\"plural\":\"gears\",\"singular\":"
                      "\"gear\",\"listKind\":\"GearList\"},\"scope\":\"Namespaced\","
                      "\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,"
                      "\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{"
                      "\"spec\":{\"type\":\"object\",\"properties\":{");
    for (int i = 0; i <= fields; i++) {
        cm_str_addf(&json, "%s\"f%d\":{\"type\":\"string\"}", i == 0 ? "" : ",", i);
    }
    cm_str_add(&json, "}}}}}}]}}");
    return cm_str_take(&json);
}

static void a_new_field_is_there_once_its_definition_is_applied(void **state) {
    static const char definition[] =
        "CustomResourceDefinition.apiextensions.k8s.io//gears.contract.example";
    CM_AUTOFREE char *key = key_of("Gear.contract.example", "g");
    struct outcome kind;
    struct outcome out;

    (void)state;
    for (int i = 0; i < 8; i++) {
        CM_AUTOFREE char *kind_json = gear_kind(i);
        CM_AUTOFREE char *json =
            cm_strf("{\"apiVersion\":\"contract.example/v1\",\"kind\":\"Gear\",\"metadata\":{"
                    "\"name\":\"g\",\"namespace\":\"%s\"},\"spec\":{\"f%d\":\"x\"}}",
                    t.outside->namespace, i);

        apply_well(definition, kind_json, &kind);
        heard_of(definition)->health = AGENT_HEALTH_UNKNOWN;
        track(definition, &kind);
        wait_until(is_healthy, definition, "the definition to be established");
        apply_well(key, json, &out);
        assert_string_equal(t.outside->field(t.outside, key, "spec", "f0"), i == 0 ? "x" : "");
    }
    remove_object(definition, kind.uid, &out);
    assert_int_equal(out.code, CM_OK);
}

static void a_namespace_that_is_not_there_is_busy(void **state) {
    struct outcome out;

    (void)state;
    apply("ConfigMap/contract-nowhere/a",
          "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","
          "\"namespace\":\"contract-nowhere\"}}",
          &out);
    assert_int_equal(out.code, CM_EBUSY);
    assert_non_null(strstr(out.msg, "contract-nowhere"));
}

static char *job_json(const char *name, const char *color) {
    return cm_strf("{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\"%s\","
                   "\"namespace\":\"%s\",\"annotations\":{\"color\":\"%s\"}},\"spec\":{"
                   "\"backoffLimit\":0,\"template\":{\"spec\":{\"restartPolicy\":\"Never\","
                   "\"containers\":[{\"name\":\"main\",\"image\":\"example.com/%s:1\"}]}}}}",
                   name, t.outside->namespace, color, color);
}

static void run(const char *key, const char *json, struct outcome *out) {
    begin(t.driver->ops->run, key, json, out);
    assert_false(out->is_done);
    wait_until(is_done, out, "a run");
}

static void a_run_makes_the_object_anew_each_time(void **state) {
    CM_AUTOFREE char *key = key_of("Job.batch", "hook");
    struct outcome before = {0};
    struct outcome out;

    (void)state;
    for (int i = 0; i < 3; i++) { // its template could not change else
        CM_AUTOFREE char *json = job_json("hook", i == 0 ? "red" : "green");

        run(key, json, &out);
        if (out.code != CM_OK) {
            fail_msg("%s", out.msg);
        }
        assert_true(out.written);
        assert_string_not_equal(out.uid, before.uid);
        turn();
        assert_int_not_equal(heard_of(key)->health, AGENT_HEALTH_HEALTHY);
        track(key, &out);
        wait_until(is_healthy, key, "the job to succeed");
        assert_string_equal(heard_of(key)->uid, out.uid);
        before = out;
    }
}

static void a_run_leaves_alone_what_is_not_ours(void **state) {
    CM_AUTOFREE char *key = key_of("Job.batch", "theirs");
    CM_AUTOFREE char *json = job_json("theirs", "red");
    struct outcome out;

    (void)state;
    t.outside->create(t.outside, key, json, "somebody");
    run(key, json, &out);
    assert_int_equal(out.code, CM_EINVAL);
    assert_non_null(strstr(out.msg, "not made by this agent"));
    assert_true(t.outside->exists(t.outside, key));
}

static void on_tail(void *ctx, const char *text, const struct cm_err *error) {
    struct outcome *o = ctx;

    assert_false(o->is_done);
    assert_true(strlen(text) <= AGENT_TAIL_MAX);
    assert_true(error->code == CM_OK || text[0] == '\0');
    o->is_done = true;
    check();
}

static void the_end_of_a_log_is_asked_for_and_always_answered(void **state) {
    CM_AUTOFREE char *key = key_of("Job.batch", "speaking");
    CM_AUTOFREE char *never = key_of("Job.batch", "silent");
    CM_AUTOFREE char *json = job_json("speaking", "red");
    const char *const keys[] = {key, never};
    struct outcome out;

    (void)state;
    if (t.driver->ops->tail == NULL) {
        return;
    }
    run(key, json, &out);
    track(key, &out);
    wait_until(is_healthy, key, "the job to succeed");
    for (int i = 0; i < 2; i++) {
        out = (struct outcome){0};
        t.driver->ops->tail(t.driver, keys[i], on_tail, &out);
        assert_false(out.is_done);
        wait_until(is_done, &out, "the log");
    }
}

static void gates_and_precious_objects_are_known(void **state) {
    struct agent_place definition;
    struct agent_place space;
    struct agent_place map;
    struct agent_place claim;

    (void)state;
    t.driver->ops->place(t.driver, "CustomResourceDefinition.apiextensions.k8s.io//a.b",
                         &definition);
    t.driver->ops->place(t.driver, "Namespace//a", &space);
    t.driver->ops->place(t.driver, "ConfigMap/a/b", &map);
    t.driver->ops->place(t.driver, "PersistentVolumeClaim/a/b", &claim);
    assert_true(definition.gate && space.gate && !map.gate);
    assert_true(definition.precious && space.precious && claim.precious && !map.precious);
    assert_true(definition.rank < map.rank && space.rank < map.rank);
}

static void assert_only_observes(const struct outcome *out) {
    assert_int_equal(out->code, CM_EAUTH);
    assert_non_null(strstr(out->msg, "only observes"));
}

static void who_observes_changes_nothing(void **state) {
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *fresh = key_of("ConfigMap", "unmade");
    CM_AUTOFREE char *blue = config_map_json("mine", "blue", "");
    CM_AUTOFREE char *json = config_map_json("unmade", "blue", "");
    struct outcome first;
    struct outcome out;

    (void)state;
    have("mine", "red", &key, &first);
    stop();
    t.observes = true;
    start();
    apply(key, blue, &out);
    assert_only_observes(&out);
    apply(fresh, json, &out);
    assert_only_observes(&out);
    begin(t.driver->ops->run, fresh, json, &out);
    wait_until(is_done, &out, "a run");
    assert_only_observes(&out);
    release(key, first.uid, &out);
    assert_only_observes(&out);
    remove_object(key, first.uid, &out);
    assert_only_observes(&out);
    assert_string_equal(t.outside->field(t.outside, key, "data", "color"), "red");
    assert_false(t.outside->exists(t.outside, fresh));
}

static void who_observes_compares_what_anybody_applied(void **state) {
    const struct outcome nothing = {0};
    CM_AUTOFREE char *key = NULL;
    CM_AUTOFREE char *json = config_map_json("watched", "red", "");

    (void)state;
    stop();
    t.observes = true;
    have_theirs("watched", &key);
    cm_map_put(t.desired, key, canonical(json));
    start();
    track(key, &nothing);
    wait_until(is_drifted, key, "drift");
    assert_int_equal(heard_of(key)->health, AGENT_HEALTH_HEALTHY);
    assert_int_equal(heard_of(key)->drift_count, 1);
    assert_string_equal(heard_of(key)->drift[0].path, "data.color");
    assert_string_equal(heard_of(key)->drift[0].desired, "\"red\"");
    t.outside->change(t.outside, key, "data", "color", "\"red\"", "kustomize-controller");
    wait_until(is_not_drifted, key, "no drift");
    t.outside->change(t.outside, key, "data", "color", "\"green\"", "kubectl-edit");
    wait_until(is_drifted, key, "drift again");
    assert_string_equal(heard_of(key)->drift[0].manager, "kubectl-edit");
    t.outside->delete (t.outside, key);
    wait_until(is_missing, key, "it to be missing");
}

static void the_end_cancels_what_was_begun(void **state) {
    struct outcome outs[20];
    CM_AUTOFREE char *key = key_of("ConfigMap", "canceled");
    CM_AUTOFREE char *json = config_map_json("canceled", "red", "");

    (void)state;
    for (int i = 0; i < 20; i++) {
        begin_apply(key, json, &outs[i]);
    }
    stop();
    for (int i = 0; i < 20; i++) {
        assert_true(outs[i].is_done);
        assert_int_equal(outs[i].code, CM_ECANCELED);
    }
}

static int open_target(int argc, char **argv) {
    t.loop = cm_loop_new();
    if (argc == 2 && strcmp(argv[1], "sim") == 0) {
        cm_clock_fake(cm_clock_unix_ms());
        t.outside = outside_sim_open(t.loop);
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "kube") == 0) {
        t.outside = outside_kube_open(argv[2], NULL);
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "pod") == 0) {
        t.outside = outside_kube_open(NULL, argv[2]);
        return 0;
    }
    print_error("usage: contract sim | contract kube KUBECONFIG | contract pod FOLDER\n");
    return 2;
}

#define CONTRACT(f) cmocka_unit_test_setup_teardown(f, set_up, take_down)

static const struct CMUnitTest tests[] = {
    CONTRACT(an_apply_makes_the_object),
    CONTRACT(an_unchanged_apply_writes_nothing),
    CONTRACT(a_changed_apply_changes_and_takes_away),
    CONTRACT(the_health_of_the_form_before_does_not_outlive_a_change),
    CONTRACT(the_fields_of_others_stay),
    CONTRACT(a_release_that_came_up_has_a_token_and_going_back_by_hand_is_told_once),
    CONTRACT(replicas_that_git_does_not_say_are_told_with_who_set_them),
    CONTRACT(replicas_that_git_says_are_nobody_elses),
    CONTRACT(an_open_namespace_is_the_apps),
    CONTRACT(where_an_object_is_can_be_told),
    CONTRACT(an_observation_follows_each_tracking),
    CONTRACT(an_observation_follows_a_look),
    CONTRACT(what_was_never_there_is_missing),
    CONTRACT(what_is_deleted_is_missing_until_it_is_applied_again),
    CONTRACT(drift_tells_field_values_and_manager),
    CONTRACT(drift_ends_when_it_is_applied_again),
    CONTRACT(drift_ends_when_it_is_changed_back),
    CONTRACT(what_is_spared_stays_while_other_fields_are_put_right),
    CONTRACT(what_a_manager_set_is_spared),
    CONTRACT(a_rule_holds_only_while_its_owner_exists),
    CONTRACT(what_no_rule_is_about_is_spared_if_so_said),
    CONTRACT(what_is_ignored_is_applied_when_git_changes_it_and_only_then),
    CONTRACT(own_changes_are_no_drift),
    CONTRACT(drift_is_found_after_a_restart),
    CONTRACT(secrets_are_not_told),
    CONTRACT(what_is_removed_is_gone),
    CONTRACT(another_object_of_that_name_is_left_alone),
    CONTRACT(what_another_key_wants_is_not_removed),
    CONTRACT(what_another_tool_owns_is_left_to_it),
    CONTRACT(what_another_tool_owns_is_taken_over_if_the_app_says_so),
    CONTRACT(whose_an_object_is_can_be_asked_without_changing_it),
    CONTRACT(what_no_tool_owns_is_taken_over),
    CONTRACT(what_was_made_by_hand_becomes_ours_with_all_its_fields),
    CONTRACT(what_is_added_to_ours_by_hand_stays),
    CONTRACT(all_that_is_there_is_told_in_the_words_of_what_is_desired),
    CONTRACT(what_cannot_be_changed_is_made_anew_only_if_the_app_says_so),
    CONTRACT(an_account_can_do_no_more_than_it_may),
    CONTRACT(what_is_only_to_be_made_is_made_once),
    CONTRACT(what_is_only_to_be_made_and_is_there_is_not_ours),
    CONTRACT(a_field_of_somebody_else_stays_if_the_app_yields),
    CONTRACT(what_another_tool_made_in_the_place_of_ours_is_left_to_it),
    CONTRACT(ours_is_known_by_a_driver_that_remembers_nothing),
    CONTRACT(what_nobody_tracks_is_not_told),
    CONTRACT(what_was_applied_is_found_again),
    CONTRACT(what_is_released_stays_and_is_not_found_again),
    CONTRACT(what_was_released_is_taken_up_again_where_it_was_left),
    CONTRACT(another_object_of_that_name_is_not_released),
    CONTRACT(operations_on_one_key_go_in_their_order),
    CONTRACT(what_another_agent_applied_is_left_to_it),
    CONTRACT(a_copy_of_our_labels_is_not_ours),
    CONTRACT(a_kind_is_busy_until_it_appears),
    CONTRACT(a_namespace_takes_along_what_is_in_it),
    CONTRACT(a_new_field_is_there_once_its_definition_is_applied),
    CONTRACT(a_namespace_that_is_not_there_is_busy),
    CONTRACT(a_run_makes_the_object_anew_each_time),
    CONTRACT(a_run_leaves_alone_what_is_not_ours),
    CONTRACT(the_end_of_a_log_is_asked_for_and_always_answered),
    CONTRACT(gates_and_precious_objects_are_known),
    CONTRACT(who_observes_changes_nothing),
    CONTRACT(who_observes_compares_what_anybody_applied),
    CONTRACT(the_end_cancels_what_was_begun),
};

int main(int argc, char **argv) {
    if (open_target(argc, argv) != 0) {
        return 2;
    }
    int failed = cmocka_run_group_tests_name(t.outside->name, tests, NULL, NULL);
    t.outside->close(t.outside);
    cm_loop_free(t.loop);
    return failed;
}
