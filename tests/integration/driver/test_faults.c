// The driver for Kubernetes against an API server that fails, hangs and changes its mind.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/driver.h"
#include "agent/kube/applyset.h"
#include "agent/kube/kube.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/fsys.h"
#include "common/http/http.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/integration/driver/fake_api.h"
#include "tests/unit/agent/support.h"

#define CFG "ConfigMap/shop/a"
#define GEAR "Gear.example.com/shop/g"
#define PARENT "/secrets/holdfast-paris-1?"
#define ACCOUNT "shop/deployer" // of all Apps
#define AS "system:serviceaccount:shop:deployer"

enum { STEP_MS = 100, SECOND_MS = 1000, MINUTE_MS = 60000, LARGE = 33 << 20 };

struct fixture {
    char *root;
    struct cm_loop *loop;
    struct cm_http *http;
    struct fake_api *api;
    struct agent_driver *driver;
    char id[KUBE_APPLYSET_ID_MAX]; // of our ApplySet
    bool goes_back;                // what does not come up
    bool reachable;
    bool stopped;
    bool done; // an apply, a removal or a recovery
    struct cm_err error;
    char note[AGENT_NOTE_MAX + 1];
    size_t ready;             // how often something was said to be
    enum agent_health health; // told last
    bool told;                // anything
    bool ended;
    bool due;
    size_t drift_count;
    bool stays;     // some of it
    size_t foreign; // of these
    size_t found;
    size_t releases;             // that were told
    struct agent_mark mark;      // that was recalled
    char token[AGENT_TOKEN_MAX]; // of the last one
    bool promoted;
    size_t decisions;
    enum agent_verdict verdict; // of the last one
    bool other;                 // it is of what somebody made of the template
    char leader[64];            // of the decision, as the core calls it
    struct cm_buf *desired;     // NULL: it is not wanted
    const char *what;           // of the present wait
    size_t number;
    int64_t until_ms;
    int64_t set_ms;   // weights by hand
    int64_t replicas; // as it was told last
    bool theirs;
    int scalings;
    char scaler[128];
    size_t workloads;
    size_t lost;
    bool surveyed;
    char group[256];  // of the last one, and what it runs
    char *actual;     // told last; NULL: as desired
    size_t digests;   // so often they were told
    char behind[512]; // and what last, with spaces between; "+" if there may be more
};

static void on_observed(void *ctx, const struct agent_observation *what) {
    struct fixture *f = ctx;

    f->told = true;
    f->health = what->health;
    f->ended = what->ended;
    f->due = what->due;
    free(f->actual);
    f->actual = what->actual == NULL ? NULL : cm_strndup(what->actual, what->actual_size);
    f->drift_count = what->drift_count;
    f->stays = what->drift_count == 1 && what->drift[0].difference == AGENT_DIFFERENCE_STAYS;
    f->foreign = 0;
    for (size_t i = 0; i < what->drift_count; i++) {
        f->foreign += what->drift[i].difference == AGENT_DIFFERENCE_FOREIGN ? 1 : 0;
    }
}

static void on_reachable(void *ctx, bool yes, const struct cm_err *why) {
    (void)why;
    ((struct fixture *)ctx)->reachable = yes;
}

static void on_health(void *ctx, const char *app, struct agent_health_options *out) {
    (void)app;
    *out = (struct agent_health_options){.account = ACCOUNT,
                                         .goes_back = ((struct fixture *)ctx)->goes_back};
}

static struct cm_buf *on_desired(void *ctx, const char *key) {
    const struct fixture *f = ctx;

    (void)key;
    return f->desired == NULL ? NULL : cm_buf_ref(f->desired);
}

static void on_applied(void *ctx, const struct agent_applied *result) {
    struct fixture *f = ctx;

    f->done = true;
    f->error = result->error;
    (void)snprintf(f->note, sizeof(f->note), "%s", result->note);
}

static void on_removed(void *ctx, const struct cm_err *error, int64_t retry_after_ms) {
    struct fixture *f = ctx;

    (void)retry_after_ms;
    f->done = true;
    f->error = *error;
}

static void on_found(void *ctx, const struct agent_owned *found) {
    (void)found;
    ((struct fixture *)ctx)->found++;
}

static void on_recovered(void *ctx, const struct cm_err *error) {
    on_removed(ctx, error, 0);
}

static void on_stopped(void *ctx) {
    ((struct fixture *)ctx)->stopped = true;
}

// ---- What to wait for; time goes on meanwhile

static bool is_reachable(void *ctx) {
    cm_clock_advance(STEP_MS);
    return ((struct fixture *)ctx)->reachable;
}

static bool is_stopped(void *ctx) {
    return ((struct fixture *)ctx)->stopped;
}

static bool is_done(void *ctx) {
    cm_clock_advance(STEP_MS);
    return ((struct fixture *)ctx)->done;
}

static bool is_healthy(void *ctx) {
    cm_clock_advance(STEP_MS);
    return ((struct fixture *)ctx)->health == AGENT_HEALTH_HEALTHY;
}

static bool is_healthy_now(void *ctx) {
    return ((struct fixture *)ctx)->health == AGENT_HEALTH_HEALTHY;
}

static bool is_told(void *ctx) {
    return ((struct fixture *)ctx)->told;
}

static bool is_missing(void *ctx) {
    cm_clock_advance(STEP_MS);
    return ((struct fixture *)ctx)->health == AGENT_HEALTH_MISSING;
}

static bool is_unknown(void *ctx) {
    cm_clock_advance(STEP_MS);
    return ((struct fixture *)ctx)->health == AGENT_HEALTH_UNKNOWN;
}

static bool has_drifted(void *ctx) {
    cm_clock_advance(STEP_MS);
    return ((struct fixture *)ctx)->drift_count > 0;
}

static bool is_foreign(void *ctx) {
    cm_clock_advance(STEP_MS);
    return ((struct fixture *)ctx)->foreign > 0;
}

static bool has_not_drifted(void *ctx) {
    cm_clock_advance(STEP_MS);
    return ((struct fixture *)ctx)->drift_count == 0;
}

static bool was_asked_now(void *ctx) {
    struct fixture *f = ctx;

    return fake_api_count(f->api, f->what) >= f->number;
}

static bool was_asked(void *ctx) {
    cm_clock_advance(STEP_MS);
    return was_asked_now(ctx);
}

static bool is_late(void *ctx) {
    cm_clock_advance(STEP_MS);
    return cm_clock_now_ms() >= ((struct fixture *)ctx)->until_ms;
}

static void wait_asked(struct fixture *f, const char *what, size_t number) {
    f->what = what;
    f->number = number;
    assert_true(turn_until(f->loop, was_asked, f));
}

// assert_token compares what its controller calls a release; behind it stands which template it is.
static void assert_token(const struct fixture *f, const char *expected) {
    CM_AUTOFREE char *name = cm_strf("%.*s", (int)strcspn(f->token, ":"), f->token);

    assert_string_equal(name, expected);
}

static void let_pass(struct fixture *f, int64_t ms) {
    f->until_ms = cm_clock_now_ms() + ms;
    assert_true(turn_until(f->loop, is_late, f));
}

// ---- Set up and take down

static char *write_kubeconfig(const struct fixture *f) {
    char *path = cm_strf("%s/kubeconfig", f->root);
    CM_AUTOFREE char *text =
        cm_strf("current-context: c\ncontexts:\n- name: c\n  context: {cluster: c}\n"
                "clusters:\n- name: c\n  cluster: {server: '%s'}\n",
                fake_api_url(f->api));
    struct cm_err err;

    assert_int_equal(cm_fsys_replace(path, text, strlen(text), 0600, &err), CM_OK);
    return path;
}

static int set_up_with(void **state, struct agent_kube_config config) {
    struct fixture *f = cm_new(1, sizeof(*f));
    char name[KUBE_APPLYSET_NAME_MAX];
    struct cm_err err;

    cm_clock_fake(1000000);
    f->root = temp_dir();
    f->loop = cm_loop_new();
    f->http = cm_http_new();
    f->api = fake_api_new();
    CM_AUTOFREE char *kubeconfig = write_kubeconfig(f);
    config.kubeconfig = kubeconfig;
    if (agent_kube_new(f->loop, f->http, &config, &f->driver, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    f->driver->ops->identify(f->driver, "paris-1");
    kube_applyset_name("paris-1", name);
    kube_applyset_id(name, "holdfast-system", f->id);
    *state = f;
    return 0;
}

static int set_up(void **state) {
    return set_up_with(state, (struct agent_kube_config){.observes = false});
}

// set_up_pod has the agent live in another namespace than its inventory.
static int set_up_pod(void **state) {
    return set_up_with(state, (struct agent_kube_config){.pod = "holdfast-agent-7d4b9c6f5x-x2kqz",
                                                         .pod_namespace = "agents"});
}

// set_up_pod_only tells the agent its pod's name, and not in which namespace it is.
static int set_up_pod_only(void **state) {
    return set_up_with(state, (struct agent_kube_config){.pod = "holdfast-agent-7d4b9c6f5x-x2kqz"});
}

static int set_up_survey(void **state) {
    return set_up_with(state, (struct agent_kube_config){.observes = true, .survey = "*"});
}

static int set_up_survey_of_two(void **state) {
    return set_up_with(state, (struct agent_kube_config){.observes = true, .survey = "shop,web"});
}

// changed_by_agent counts what was changed in the agent's own name, but for its inventory: what an
// App has is changed in the name of its account.
static size_t changed_by_agent(struct fixture *f) {
    return fake_api_count_as(f->api, "PATCH /", NULL) + fake_api_count_as(f->api, "POST /", NULL) +
           fake_api_count_as(f->api, "DELETE /", NULL) -
           fake_api_count_as(f->api, "PATCH /api/v1/namespaces/holdfast-system" PARENT, NULL);
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    f->driver->ops->stop(f->driver, on_stopped, f);
    assert_true(turn_until(f->loop, is_stopped, f));
    f->driver->ops->free(f->driver);
    cm_http_free(f->http);
    size_t changed = changed_by_agent(f);
    fake_api_free(f->api);
    cm_loop_free(f->loop);
    cm_buf_unref(f->desired);
    temp_dir_remove(f->root);
    free(f->actual);
    free(f);
    cm_clock_fake(-1);
    assert_int_equal(changed, 0);
    return 0;
}

static void on_ready(void *ctx, const char *key) {
    struct fixture *f = ctx;

    assert_non_null(key);
    f->ready++;
}

static bool is_ready(void *ctx) {
    const struct fixture *f = ctx;

    return f->ready >= f->number;
}

static bool is_ready_by_now(void *ctx) {
    cm_clock_advance(STEP_MS);
    return is_ready(ctx);
}

static const struct cm_spare_rule *on_rules(void *ctx, const char *key, size_t *count) {
    (void)ctx;
    (void)key;
    *count = 0;
    return NULL;
}

static void on_released(void *ctx, const char *key, const char *token, bool promoted) {
    struct fixture *f = ctx;

    (void)key;
    f->releases++;
    f->promoted = promoted;
    (void)snprintf(f->token, sizeof(f->token), "%s", token);
}

static void on_decided(void *ctx, const struct agent_decision *what) {
    struct fixture *f = ctx;

    f->decisions++;
    f->verdict = what->verdict;
    f->other = what->other;
    (void)snprintf(f->leader, sizeof(f->leader), "%s", what->leader);
}

static void on_scaled(void *ctx, const struct agent_scaled *what) {
    struct fixture *f = ctx;

    f->replicas = what->replicas;
    f->theirs = what->theirs;
    f->scalings++;
    (void)snprintf(f->scaler, sizeof(f->scaler), "%s by %s", what->owner, what->manager);
}

static void on_digests(void *ctx, const struct agent_digests *what) {
    struct fixture *f = ctx;
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    for (size_t i = 0; i < what->count; i++) {
        cm_str_addf(&text, "%s%s", i == 0 ? "" : " ", what->images[i]);
    }
    (void)snprintf(f->behind, sizeof(f->behind), "%s%s", cm_str_get(&text), what->more ? "+" : "");
    f->digests++;
}

static void on_exempted(void *ctx, const struct agent_site_object *all, size_t count) {
    (void)ctx;
    (void)all;
    (void)count;
}

// on_workload tracks what is found, as the core does.
static void on_workload(void *ctx, const struct agent_found *what) {
    struct fixture *f = ctx;

    f->workloads++;
    cm_buf_unref(f->desired);
    f->desired = cm_buf_copy(what->form, strlen(what->form));
    (void)snprintf(f->group, sizeof(f->group), "%s %s", what->group, what->runs);
    f->driver->ops->track(f->driver, &(struct agent_owned){.app = what->group,
                                                           .key = what->key,
                                                           .default_namespace = "",
                                                           .uid = "",
                                                           .note = "",
                                                           .account = "",
                                                           .nobodys = true});
}

static void on_lost(void *ctx, const char *key) {
    (void)key;
    ((struct fixture *)ctx)->lost++;
}

static void on_surveyed(void *ctx) {
    ((struct fixture *)ctx)->surveyed = true;
}

static void start(struct fixture *f) {
    const struct agent_driver_host host = {.observed = on_observed,
                                           .reachable = on_reachable,
                                           .desired = on_desired,
                                           .health = on_health,
                                           .ready = on_ready,
                                           .rules = on_rules,
                                           .released = on_released,
                                           .decided = on_decided,
                                           .scaled = on_scaled,
                                           .digests = on_digests,
                                           .exempted = on_exempted,
                                           .found = on_workload,
                                           .lost = on_lost,
                                           .surveyed = on_surveyed,
                                           .ctx = f};

    f->driver->ops->start(f->driver, &host);
    assert_true(turn_until(f->loop, is_reachable, f));
}

static struct agent_owned owned_of(const struct fixture *f, const char *key) {
    return (struct agent_owned){.app = "shop",
                                .key = key,
                                .default_namespace = "shop",
                                .uid = "u1",
                                .note = f->note,
                                .account = ACCOUNT};
}

static struct agent_object object_of(const char *key, struct cm_buf *bytes) {
    return (struct agent_object){
        .app = "shop", .key = key, .default_namespace = "shop", .bytes = bytes, .account = ACCOUNT};
}

static void track(struct fixture *f, const char *key) {
    struct agent_owned owned = owned_of(f, key);

    f->driver->ops->track(f->driver, &owned);
}

// have applies an object and tracks it, and waits until a watch tells of it.
static void have(struct fixture *f, const char *key, const char *json, const char *watch) {
    struct agent_object object = object_of(key, NULL);

    start(f);
    f->desired = cm_buf_copy(json, strlen(json));
    object.bytes = f->desired;
    f->driver->ops->apply(f->driver, &object, on_applied, f);
    assert_true(turn_until(f->loop, is_done, f));
    if (f->error.code != CM_OK) {
        fail_msg("%s", f->error.msg);
    }
    track(f, key);
    assert_true(turn_until(f->loop, is_healthy, f));
    wait_asked(f, watch, 1);
    f->done = false;
}

#define CFG_JSON                                                                                   \
    "{\"apiVersion\":\"v1\",\"data\":{\"c\":\"red\"},\"kind\":\"ConfigMap\",\"metadata\":{"        \
    "\"name\":\"a\"}}"
#define CFG_GET "GET /api/v1/namespaces/shop/configmaps/a"
#define CFG_LIST "GET /api/v1/configmaps?labelSelector"
#define CFG_WATCH "GET /api/v1/configmaps?watch=1"
#define GEAR_JSON                                                                                  \
    "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Gear\",\"metadata\":{\"name\":\"g\"}}"

static void have_config(struct fixture *f) {
    have(f, CFG, CFG_JSON, CFG_WATCH);
}

// config_at is the config map as it is at a version. The caller frees it.
static char *config_at(const struct fixture *f, int version, const char *color) {
    return cm_strf("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","
                   "\"namespace\":\"shop\",\"uid\":\"u1\",\"resourceVersion\":\"%d\",\"labels\":{"
                   "\"applyset.kubernetes.io/part-of\":\"%s\",\"holdfast.dev/app\":\"shop\"}},"
                   "\"data\":{\"c\":\"%s\"}}",
                   version, f->id, color);
}

static const char DELETED[] =
    "{\"type\":\"DELETED\",\"object\":{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
    "\"name\":\"a\",\"namespace\":\"shop\",\"uid\":\"u1\",\"resourceVersion\":\"30\"}}}";

// ---- Looks

static void a_deletion_is_seen_though_the_look_at_it_fails(void **state) {
    struct fixture *f = *state;

    have_config(f);
    fake_api_answer(f->api, CFG_GET, 1, 500, "{}");
    fake_api_event(f->api, CFG_WATCH, DELETED);
    assert_true(turn_until(f->loop, is_missing, f));
}

static void a_deletion_is_seen_though_a_look_is_on_its_way(void **state) {
    struct fixture *f = *state;

    have_config(f);
    CM_AUTOFREE char *before = config_at(f, 20, "red");
    fake_api_answer(f->api, CFG_GET, 1, 200, before);
    fake_api_hold(f->api, CFG_GET);
    f->driver->ops->observe(f->driver, CFG);
    wait_asked(f, CFG_GET, 1);
    fake_api_event(f->api, CFG_WATCH, DELETED);
    let_pass(f, MINUTE_MS / 2); // no minute's look helps
    fake_api_release(f->api);
    assert_true(turn_until(f->loop, is_missing, f));
}

static void what_is_left_there_is_not_asked_for_again_and_again(void **state) {
    struct fixture *f = *state;
    struct cm_buf *desired;

    have_config(f);
    desired = CM_TAKE(f->desired); // it stands in Git no more
    CM_AUTOFREE char *green = config_at(f, 30, "green");
    CM_AUTOFREE char *event = cm_strf("{\"type\":\"MODIFIED\",\"object\":%s}", green);
    fake_api_answer(f->api, CFG_GET, 0, 200, green);
    fake_api_event(f->api, CFG_WATCH, event);
    let_pass(f, 3 * (int64_t)MINUTE_MS);
    assert_int_equal(fake_api_count(f->api, CFG_GET), 0);
    f->desired = desired; // and now it does again
    assert_true(turn_until(f->loop, has_drifted, f));
}

#define CFG_PATCH "PATCH /api/v1/namespaces/shop/configmaps/a"

// overtake_config has an event, of this colour, come before the answer of an apply. Who set it by
// hand did so at once.
static void overtake_config(struct fixture *f, const char *color) {
    struct agent_object object = object_of(CFG, NULL);

    have_config(f);
    CM_AUTOFREE char *answer = config_at(f, 20, "red");
    CM_AUTOFREE char *live = config_at(f, 30, color);
    CM_AUTOFREE char *event = cm_strf("{\"type\":\"MODIFIED\",\"object\":%s}", live);
    size_t patches = fake_api_count(f->api, CFG_PATCH);
    fake_api_answer(f->api, CFG_GET, 0, 200, live);
    fake_api_answer(f->api, CFG_PATCH, 0, 200, answer);
    fake_api_hold(f->api, CFG_PATCH);
    object.bytes = f->desired;
    f->driver->ops->apply(f->driver, &object, on_applied, f);
    wait_asked(f, CFG_PATCH, patches + 1);
    fake_api_event(f->api, CFG_WATCH, event);
    fake_api_end(f->api);
    wait_asked(f, CFG_WATCH, fake_api_count(f->api, CFG_WATCH) + 1); // so that was seen
    fake_api_release(f->api);
    assert_true(turn_until(f->loop, is_done, f));
    assert_int_equal(f->error.code, CM_OK);
}

static void an_apply_that_a_status_overtook_costs_no_look(void **state) {
    struct fixture *f = *state;

    overtake_config(f, "red");
    let_pass(f, MINUTE_MS);
    assert_int_equal(fake_api_count(f->api, CFG_GET), 0);
}

static void what_is_changed_by_hand_right_after_an_apply_is_seen(void **state) {
    struct fixture *f = *state;

    overtake_config(f, "green");
    assert_true(turn_until(f->loop, has_drifted, f));
}

// ---- What is not there yet

#define NAMESPACES "GET /api/v1/namespaces?"
#define DEFINITIONS "GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions?"

// lack applies what the server has no place for, and waits until the place is watched for.
static void lack(struct fixture *f, const char *key, const char *json, const char *places) {
    CM_AUTOFREE char *page = cm_strf("%slimit=1", places);
    CM_AUTOFREE char *watch = cm_strf("%swatch=1", places);
    struct agent_object object = object_of(key, NULL);

    fake_api_answer(f->api, page, 0, 200,
                    "{\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[]}");
    start(f);
    f->desired = cm_buf_copy(json, strlen(json));
    object.bytes = f->desired;
    f->driver->ops->apply(f->driver, &object, on_applied, f);
    assert_true(turn_until(f->loop, is_done, f));
    assert_int_equal(f->error.code, CM_EBUSY);
    wait_asked(f, watch, 1);
}

// The driver tries nothing again by itself: who waits is told, by the event alone.
static void who_waits_for_a_namespace_is_told_when_it_comes(void **state) {
    struct fixture *f = *state;

    fake_api_answer(f->api, CFG_PATCH, 0, 404,
                    "{\"kind\":\"Status\",\"code\":404,\"reason\":\"NotFound\",\"details\":{"
                    "\"kind\":\"namespaces\",\"name\":\"shop\"}}");
    lack(f, CFG, CFG_JSON, NAMESPACES);
    f->number = f->ready + 1;
    fake_api_event(f->api, "/api/v1/namespaces?watch=1",
                   "{\"type\":\"ADDED\",\"object\":{\"apiVersion\":\"v1\",\"kind\":\"Namespace\","
                   "\"metadata\":{\"name\":\"shop\",\"resourceVersion\":\"30\"}}}");
    assert_true(turn_until(f->loop, is_ready, f)); // the clock stands still
}

#define KINDS_AND(more)                                                                            \
    "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{\"name\":"                      \
    "\"apiextensions.k8s.io\"},\"versions\":[{\"version\":\"v1\",\"resources\":[{\"resource\":"    \
    "\"customresourcedefinitions\",\"responseKind\":{\"kind\":\"CustomResourceDefinition\"},"      \
    "\"scope\":\"Cluster\",\"verbs\":[\"list\",\"watch\"]}]}]}" more "]}"
#define GEARS                                                                                      \
    ",{\"metadata\":{\"name\":\"example.com\"},\"versions\":[{\"version\":\"v1\",\"resources\":"   \
    "[{\"resource\":\"gears\",\"responseKind\":{\"kind\":\"Gear\"},\"scope\":\"Namespaced\","      \
    "\"verbs\":[\"list\",\"watch\"]}]}]}"

static void who_waits_for_a_kind_is_told_when_it_comes(void **state) {
    struct fixture *f = *state;

    fake_api_answer(f->api, "GET /apis\n", 0, 200, KINDS_AND(""));
    lack(f, GEAR, GEAR_JSON, DEFINITIONS);
    let_pass(f, MINUTE_MS / 2);
    assert_int_equal(f->ready, 0);
    fake_api_answer(f->api, "GET /apis\n", 0, 200, KINDS_AND(GEARS));
    f->number = 1;
    fake_api_event(f->api, "customresourcedefinitions?watch=1",
                   "{\"type\":\"ADDED\",\"object\":{\"apiVersion\":\"apiextensions.k8s.io/v1\","
                   "\"kind\":\"CustomResourceDefinition\",\"metadata\":{\"name\":"
                   "\"gears.example.com\",\"resourceVersion\":\"30\"}}}");
    assert_true(turn_until(f->loop, is_ready_by_now, f));
}

// ---- Lists and watches

static void a_watch_that_is_refused_goes_on_from_a_new_list(void **state) {
    struct fixture *f = *state;

    fake_api_answer(
        f->api, "configmaps?watch=1", 0, 504,
        "{\"kind\":\"Status\",\"message\":\"Too large resource version: 10, current: 9\"}");
    have_config(f);
    wait_asked(f, CFG_LIST, 2);
    assert_in_range(fake_api_count(f->api, CFG_WATCH), 2, 4);
}

static void a_place_that_is_forgotten_at_once_is_asked_for_with_pauses(void **state) {
    struct fixture *f = *state;

    fake_api_answer(f->api, "configmaps?watch=1", 0, 410, "{}");
    have_config(f);
    let_pass(f, 2 * (int64_t)MINUTE_MS);
    assert_in_range(fake_api_count(f->api, CFG_LIST), 1, 40); // not as many as fit
}

static void a_page_that_is_too_large_is_halved(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *large = cm_new(1, LARGE + 1);

    memset(large, ' ', LARGE);
    fake_api_answer(f->api, "configmaps?labelSelector", 1, 200, large);
    have_config(f);
    assert_int_equal(fake_api_count(f->api, "&limit=4"), 1);
}

static void a_kind_that_cannot_be_watched_is_not_green_for_ever(void **state) {
    struct fixture *f = *state;

    have_config(f);
    fake_api_answer(f->api, "/api/v1/configmaps?", 0, 500, "{}");
    fake_api_end(f->api);
    assert_true(turn_until(f->loop, is_unknown, f));
}

// Of what happens here time must not run far ahead.
static bool is_unreachable(void *ctx) {
    cm_clock_advance(1);
    return !((struct fixture *)ctx)->reachable;
}

static bool was_asked_by_now(void *ctx) {
    const struct fixture *f = ctx;

    cm_clock_advance(1);
    return fake_api_count(f->api, f->what) >= f->number;
}

static void an_outage_is_no_silence_of_the_watches_that_are_begun_after_it(void **state) {
    struct fixture *f = *state;

    have_config(f);
    fake_api_answer(f->api, "GET /version", 0, 401, "{}");
    fake_api_answer(f->api, "/api/v1/configmaps?", 0, 401, "{}");
    fake_api_end(f->api);
    assert_true(turn_until(f->loop, is_unreachable, f));
    let_pass(f, 3 * (int64_t)MINUTE_MS);
    f->what = CFG_LIST;
    f->number = fake_api_count(f->api, CFG_LIST) + 2; // the first answer is known then
    fake_api_answer(f->api, "/api/v1/configmaps?", 0, 500, "{}");
    fake_api_answer(f->api, "GET /version", 0, 200, "{}");
    assert_true(turn_until(f->loop, was_asked_by_now, f));
    assert_int_equal(f->health, AGENT_HEALTH_HEALTHY);
}

static void a_version_that_is_no_longer_offered_is_watched_in_another(void **state) {
    struct fixture *f = *state;

    have(f, GEAR, GEAR_JSON, "GET /apis/example.com/v1/gears?watch=1");
    fake_api_answer(
        f->api, "GET /apis\n", 0, 200,
        "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{\"name\":"
        "\"example.com\"},\"versions\":[{\"version\":\"v2\",\"resources\":[{\"resource\":"
        "\"gears\",\"responseKind\":{\"kind\":\"Gear\"},\"scope\":\"Namespaced\"}]}]}]}");
    fake_api_answer(f->api, "/apis/example.com/v1/", 0, 404, "{}");
    fake_api_end(f->api);
    wait_asked(f, "GET /apis/example.com/v2/gears?watch=1", 1);
    size_t lists = fake_api_count(f->api, "/apis/example.com/v1/gears?");
    let_pass(f, 2 * (int64_t)MINUTE_MS);
    assert_int_equal(fake_api_count(f->api, "/apis/example.com/v1/gears?"), lists);
}

// ---- Releases

#define WEB "Deployment.apps/shop/web"
#define ANY_GET "GET /apis/apps/v1/namespaces/shop/deployments/"
#define WEB_LIST "GET /apis/apps/v1/deployments?labelSelector"
#define WEB_WATCH "GET /apis/apps/v1/deployments?watch=1"
#define CANARY_WATCH "GET /apis/flagger.app/v1beta1/canaries?watch=1"
#define CANARY_LIST "GET /apis/flagger.app/v1beta1/canaries?limit"

static const char WITH_FLAGGER[] =
    "{\"kind\":\"APIGroupDiscoveryList\",\"items\":["
    "{\"metadata\":{\"name\":\"apps\"},\"versions\":[{\"version\":\"v1\",\"resources\":[{"
    "\"resource\":\"deployments\",\"responseKind\":{\"kind\":\"Deployment\"},"
    "\"scope\":\"Namespaced\",\"verbs\":[\"list\",\"watch\"]}]}]},"
    "{\"metadata\":{\"name\":\"flagger.app\"},\"versions\":[{\"version\":\"v1beta1\","
    "\"resources\":[{\"resource\":\"canaries\",\"responseKind\":{\"kind\":\"Canary\"},"
    "\"scope\":\"Namespaced\",\"verbs\":[\"list\",\"watch\"]}]}]}]}";

#define WEB_SPEC(image)                                                                            \
    "\"spec\":{\"replicas\":1,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{"         \
    "\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"main\","        \
    "\"image\":\"" image "\"}]}}}"
// deployment_at is one, up and running, as it is at a version. The caller frees it.
static char *deployment_at(const struct fixture *f, const char *name, int version, const char *spec,
                           const char *fields) {
    return cm_strf("{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":"
                   "\"%s\",\"namespace\":\"shop\",\"uid\":\"u1\",\"generation\":%d,"
                   "\"resourceVersion\":\"%d\",\"annotations\":{"
                   "\"deployment.kubernetes.io/revision\":\"%d\"},\"labels\":{"
                   "\"applyset.kubernetes.io/part-of\":\"%s\",\"holdfast.dev/app\":\"shop\"}%s},%s,"
                   "\"status\":{\"observedGeneration\":%d,\"replicas\":1,\"updatedReplicas\":1,"
                   "\"readyReplicas\":1,\"availableReplicas\":1,\"conditions\":[{\"type\":"
                   "\"Available\",\"status\":\"True\"}]}}",
                   name, version, version, version, f->id, fields, spec, version);
}

static void list(struct fixture *f, const char *what, const char *items) {
    CM_AUTOFREE char *text = cm_strf(
        "{\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[%s]}", items);

    fake_api_answer(f->api, what, 0, 200, text);
}

// put has a Deployment there, which is wanted as it is.
static void put(struct fixture *f, const char *name) {
    CM_AUTOFREE char *live = deployment_at(f, name, 9, WEB_SPEC("one"), "");
    CM_AUTOFREE char *json =
        cm_strf("{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":"
                "\"%s\"}," WEB_SPEC("one") "}",
                name);

    fake_api_answer(f->api, ANY_GET, 0, 200, live);
    cm_buf_unref(f->desired);
    f->desired = cm_buf_copy(json, strlen(json));
}

// begin_with tracks a Deployment that is there, as after a restart.
static void begin_with(struct fixture *f, const char *name) {
    CM_AUTOFREE char *live = deployment_at(f, name, 9, WEB_SPEC("one"), "");
    CM_AUTOFREE char *key = cm_strf("Deployment.apps/shop/%s", name);

    fake_api_answer(f->api, "GET /apis\n", 0, 200, WITH_FLAGGER);
    list(f, WEB_LIST, live);
    start(f);
    track(f, key);
    assert_true(turn_until(f->loop, is_healthy, f));
}

static void begin(struct fixture *f, const char *name) {
    put(f, name);
    begin_with(f, name);
}

static bool is_released(void *ctx) {
    cm_clock_advance(STEP_MS);
    return ((struct fixture *)ctx)->releases > 0;
}

static void nobody_leads_a_deployment_before_it_is_known_that_no_canary_does(void **state) {
    struct fixture *f = *state;

    list(f, CANARY_LIST, "");
    fake_api_hold(f->api, CANARY_LIST);
    begin(f, "web");
    wait_asked(f, WEB_WATCH, 1);
    assert_int_equal(f->releases, 0);
    fake_api_release(f->api); // there is none
    assert_true(turn_until(f->loop, is_released, f));
    assert_token(f, "9");
    assert_true(f->promoted);
}

#define CANARY(token, version)                                                                     \
    "{\"apiVersion\":\"flagger.app/v1beta1\",\"kind\":\"Canary\",\"metadata\":{\"name\":\"web\","  \
    "\"namespace\":\"shop\",\"uid\":\"u2\",\"resourceVersion\":\"" version "\"},\"spec\":{"        \
    "\"targetRef\":{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"web\"}},"        \
    "\"status\":{\"phase\":\"Failed\",\"canaryWeight\":0,\"lastAppliedSpec\":\"" token "\","       \
    "\"lastPromotedSpec\":\"older\",\"conditions\":[{\"type\":\"Promoted\",\"status\":\"False\","  \
    "\"lastTransitionTime\":\"2026-01-02T03:04:05Z\"}]}}"
#define EVENT(object) "{\"type\":\"MODIFIED\",\"object\":" object "}"

// Its App is suspended, say, and another form is wanted.
static void who_leads_a_deployment_is_looked_for_while_it_is_not_compared(void **state) {
    struct fixture *f = *state;

    list(f, CANARY_LIST, "");
    put(f, "web");
    cm_buf_unref(f->desired);
    f->desired = NULL;
    begin_with(f, "web");
    assert_true(turn_until(f->loop, is_released, f));
    assert_token(f, "9");
}

static bool is_decided(void *ctx) {
    cm_clock_advance(STEP_MS);
    return ((struct fixture *)ctx)->decisions > 0;
}

static void what_a_canary_said_before_its_deployment_was_there_is_heard(void **state) {
    struct fixture *f = *state;

    list(f, CANARY_LIST, CANARY("bad", "8")); // which is not this one's
    begin(f, "api");
    assert_true(turn_until(f->loop, is_released, f));
    assert_int_equal(f->decisions, 0);
    put(f, "web");
    track(f, WEB);
    assert_true(turn_until(f->loop, is_decided, f));
    assert_int_equal(f->verdict, AGENT_VERDICT_REJECTED);
    assert_token(f, "bad");
    f->driver->ops->untrack(f->driver, WEB);
    f->decisions = 0;
    track(f, WEB); // it is taken on anew
    assert_true(turn_until(f->loop, is_decided, f));
}

#define BY_HAND                                                                                    \
    ",\"managedFields\":[{\"manager\":\"kubectl-edit\",\"operation\":\"Update\",\"apiVersion\":"   \
    "\"apps/v1\",\"time\":\"2026-01-02T03:04:05Z\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{"     \
    "\"f:spec\":{\"f:template\":{\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"main\\\"}\":" \
    "{"                                                                                            \
    "\"f:image\":{}}}}}}}}]"

// see has the Deployment change.
static void see(struct fixture *f, int version, const char *spec, const char *fields) {
    CM_AUTOFREE char *live = deployment_at(f, "web", version, spec, fields);
    CM_AUTOFREE char *event = cm_strf("{\"type\":\"MODIFIED\",\"object\":%s}", live);

    fake_api_answer(f->api, ANY_GET, 0, 200, live);
    fake_api_event(f->api, WEB_WATCH, event);
}

static void what_somebody_makes_of_a_template_is_not_taken_for_what_was_applied(void **state) {
    struct fixture *f = *state;

    list(f, CANARY_LIST, "");
    begin(f, "web");
    wait_asked(f, WEB_WATCH, 1);
    assert_true(turn_until(f->loop, is_released, f));
    assert_token(f, "9");
    f->releases = 0;
    see(f, 30, WEB_SPEC("two"), BY_HAND);
    assert_true(turn_until(f->loop, has_drifted, f));
    assert_int_equal(f->releases, 0);
    see(f, 31, WEB_SPEC("one"), ""); // it is put right
    assert_true(turn_until(f->loop, is_released, f));
    assert_token(f, "31");
}

// A manifest need not say in which namespace it is.
static void who_leads_is_called_as_the_core_calls_it(void **state) {
    struct fixture *f = *state;

    list(f, CANARY_LIST, CANARY("bad", "8"));
    begin(f, "web");
    assert_true(turn_until(f->loop, is_decided, f));
    assert_string_equal(f->leader, "Canary.flagger.app/shop/web"); // it is not ours
    track(f, "Canary.flagger.app//web");
    f->driver->ops->untrack(f->driver, WEB);
    f->decisions = 0;
    track(f, WEB);
    assert_true(turn_until(f->loop, is_decided, f));
    assert_string_equal(f->leader, "Canary.flagger.app//web");
}

// Whether somebody changed its template is not known until then.
static void what_a_canary_says_before_its_deployment_is_seen_is_heard_then(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *live = NULL;

    list(f, CANARY_LIST, "");
    begin(f, "api");
    wait_asked(f, CANARY_WATCH, 1);
    assert_true(turn_until(f->loop, is_released, f));
    f->releases = 0;
    put(f, "web");
    live = deployment_at(f, "web", 30, WEB_SPEC("two"), BY_HAND);
    fake_api_answer(f->api, ANY_GET "web", 0, 200, live);
    fake_api_hold(f->api, ANY_GET "web");
    track(f, WEB);
    wait_asked(f, ANY_GET "web", 1);
    fake_api_event(f->api, CANARY_WATCH, EVENT(CANARY("hand", "12")));
    let_pass(f, SECOND_MS);
    fake_api_release(f->api);
    assert_true(turn_until(f->loop, is_decided, f));
    assert_true(f->other);
    assert_int_equal(f->decisions, 1);
    assert_int_equal(f->releases, 0);
}

#define SELECTED(image)                                                                            \
    "\"spec\":{\"replicas\":1,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{"         \
    "\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"nodeSelector\":{\"disk\":\"ssd\"},"       \
    "\"containers\":[{\"name\":\"main\",\"image\":\"" image "\"}]}}}"
#define SELECTED_BY_HAND                                                                           \
    ",\"managedFields\":[{\"manager\":\"holdfast\",\"operation\":\"Apply\",\"fieldsV1\":{"         \
    "\"f:spec\":{\"f:replicas\":{}}}},{\"manager\":\"kubectl-edit\",\"operation\":\"Update\","     \
    "\"fieldsV1\":{\"f:spec\":{\"f:template\":{\"f:spec\":{\"f:nodeSelector\":{}}}}}}]"

// What people have added may stay for good, and what is released with it is what Git says.
static void a_release_is_no_other_for_what_was_added_to_it(void **state) {
    struct fixture *f = *state;

    list(f, CANARY_LIST, "");
    begin(f, "api");
    wait_asked(f, CANARY_WATCH, 1);
    assert_true(turn_until(f->loop, is_released, f));
    put(f, "web");
    CM_AUTOFREE char *live = deployment_at(f, "web", 30, SELECTED("one"), SELECTED_BY_HAND);
    fake_api_answer(f->api, ANY_GET "web", 0, 200, live);
    track(f, WEB);
    assert_true(turn_until(f->loop, has_drifted, f));
    fake_api_event(f->api, CANARY_WATCH, EVENT(CANARY("bad", "12")));
    assert_true(turn_until(f->loop, is_decided, f));
    assert_false(f->other);
    assert_int_equal(f->verdict, AGENT_VERDICT_REJECTED);
}

// hear_late has a Canary tell of a template by hand that was put right already, and that it was at
// work on it, too, if `while_there`.
static void hear_late(struct fixture *f, bool while_there) {
    list(f, CANARY_LIST, CANARY("good", "11"));
    begin(f, "web");
    wait_asked(f, WEB_WATCH, 1);
    wait_asked(f, CANARY_WATCH, 1);
    assert_true(turn_until(f->loop, is_released, f));
    see(f, 30, WEB_SPEC("two"), BY_HAND);
    assert_true(turn_until(f->loop, has_drifted, f));
    f->releases = 0;
    if (while_there) {
        fake_api_event(f->api, CANARY_WATCH, EVENT(CANARY("hand", "12")));
        let_pass(f, MINUTE_MS);
    }
    see(f, 31, WEB_SPEC("one"), "");
    assert_true(turn_until(f->loop, has_not_drifted, f));
    fake_api_event(f->api, CANARY_WATCH, EVENT(CANARY("hand", "13")));
    let_pass(f, MINUTE_MS);
    assert_int_equal(f->releases, 0);
    fake_api_event(f->api, CANARY_WATCH, EVENT(CANARY("good", "14")));
    assert_true(turn_until(f->loop, is_released, f));
    assert_token(f, "good");
}

static void what_a_canary_made_of_it_still_is_not_when_it_was_put_right(void **state) {
    hear_late(*state, true);
}

static void what_a_canary_made_of_it_is_not_though_it_is_told_after_it_was_put_right(void **state) {
    hear_late(*state, false);
}

static void a_deployment_that_was_applied_is_heard_when_it_is_up(void **state) {
    struct agent_object object = object_of(WEB, NULL);
    struct fixture *f = *state;

    fake_api_answer(f->api, "GET /apis\n", 0, 200, WITH_FLAGGER);
    list(f, CANARY_LIST, "");
    start(f);
    put(f, "web");
    object.bytes = f->desired;
    f->driver->ops->apply(f->driver, &object, on_applied, f);
    assert_true(turn_until(f->loop, is_done, f));
    track(f, WEB);
    wait_asked(f, WEB_WATCH, 1);
    see(f, 30, WEB_SPEC("one"), "");
    assert_true(turn_until(f->loop, is_released, f));
    assert_token(f, "30");
}

// ---- Jobs that go by themselves

#define JOB "Job.batch/shop/once"
#define JOB_LIST "GET /apis/batch/v1/jobs?labelSelector"
#define JOB_WATCH "GET /apis/batch/v1/jobs?watch=1"
#define JOB_GET "GET /apis/batch/v1/namespaces/shop/jobs/once"
#define JOB_SPEC "\"spec\":{\"ttlSecondsAfterFinished\":1}"

static const char WITH_JOBS[] =
    "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{\"name\":\"batch\"},"
    "\"versions\":[{\"version\":\"v1\",\"resources\":[{\"resource\":\"jobs\",\"responseKind\":{"
    "\"kind\":\"Job\"},\"scope\":\"Namespaced\",\"verbs\":[\"list\",\"watch\"]}]}]}]}";

static bool is_progressing(void *ctx) {
    cm_clock_advance(STEP_MS);
    return ((struct fixture *)ctx)->health == AGENT_HEALTH_PROGRESSING;
}

// have_running has a Job run that is seen; the caller frees it.
static char *have_running(struct fixture *f) {
    static const char json[] = "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{"
                               "\"name\":\"once\"}," JOB_SPEC "}";
    char *live = cm_strf(
        "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\"once\","
        "\"namespace\":\"shop\",\"uid\":\"u1\",\"resourceVersion\":\"9\",\"labels\":{"
        "\"applyset.kubernetes.io/part-of\":\"%s\",\"holdfast.dev/app\":\"shop\"}}," JOB_SPEC
        ",\"status\":{\"active\":1}}",
        f->id);

    f->desired = cm_buf_copy(json, strlen(json));
    fake_api_answer(f->api, "GET /apis\n", 0, 200, WITH_JOBS);
    list(f, JOB_LIST, live);
    start(f);
    track(f, JOB);
    assert_true(turn_until(f->loop, is_progressing, f));
    wait_asked(f, JOB_WATCH, 1);
    return live;
}

static void a_job_that_went_while_no_watch_was_open_may_have_ended(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *live = have_running(f);

    list(f, JOB_LIST, "");
    fake_api_answer(f->api, JOB_WATCH, 1, 410, "{}");
    fake_api_end(f->api);
    assert_true(turn_until(f->loop, is_missing, f));
    assert_true(f->ended);
}

static void a_job_that_is_deleted_before_our_eyes_has_not_ended(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *live = have_running(f);
    CM_AUTOFREE char *line = cm_strf("{\"type\":\"DELETED\",\"object\":%s}", live);

    fake_api_event(f->api, "jobs?watch=1", line);
    assert_true(turn_until(f->loop, is_missing, f));
    assert_false(f->ended);
    list(f, JOB_LIST, "");
    fake_api_answer(f->api, JOB_WATCH, 1, 410, "{}");
    fake_api_end(f->api);
    wait_asked(f, JOB_GET, fake_api_count(f->api, JOB_GET) + 1);
    let_pass(f, 2 * (int64_t)SECOND_MS);
    assert_false(f->ended); // no list makes it so
}

// ---- Other workloads

#define APPS "GET /apis/apps/v1/namespaces/shop/"
#define EDGE "DaemonSet.apps/shop/edge"
#define RESOURCE(kind, plural)                                                                     \
    "{\"resource\":\"" plural "\",\"responseKind\":{\"kind\":\"" kind                              \
    "\"},\"scope\":\"Namespaced\",\"verbs\":[\"list\",\"watch\"]}"
#define OFFERED(group, version, resources)                                                         \
    "{\"metadata\":{\"name\":\"" group "\"},\"versions\":[{\"version\":\"" version                 \
    "\",\"resources\":[" resources "]}]}"

static const char WITH_ALL[] = "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[" OFFERED(
    "apps", "v1",
    RESOURCE("Deployment", "deployments") "," RESOURCE("DaemonSet", "daemonsets") "," RESOURCE(
        "StatefulSet", "statefulsets")) "," OFFERED("flagger.app", "v1beta1",
                                                    RESOURCE("Canary", "canaries")) "]}";

// want has an object be wanted as it is; `what` asks for it, and is kept. The live form has
// `fields` in its metadata.
static char *want(struct fixture *f, const char *kind, const char *what, const char *name,
                  const char *spec, const char *fields, const char *live_spec, const char *status) {
    CM_AUTOFREE char *json = cm_strf(
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"%s\",\"metadata\":{\"name\":\"%s\"},\"spec\":%s}",
        kind, name, spec);
    char *live =
        cm_strf("{\"apiVersion\":\"apps/v1\",\"kind\":\"%s\",\"metadata\":{\"name\":\"%s\","
                "\"namespace\":\"shop\",\"uid\":\"u1\",\"generation\":9,\"resourceVersion\":"
                "\"9\",\"labels\":{\"applyset.kubernetes.io/part-of\":\"%s\","
                "\"holdfast.dev/app\":\"shop\"}%s},\"spec\":%s,\"status\":{"
                "\"observedGeneration\":9,%s}}",
                kind, name, f->id, fields, live_spec, status);

    fake_api_answer(f->api, what, 0, 200, live);
    cm_buf_unref(f->desired);
    f->desired = cm_buf_copy(json, strlen(json));
    return live;
}

#define SPEC_OF(image, more)                                                                       \
    "{" more                                                                                       \
    "\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{"        \
    "\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"" image "\"}]}}}"

static void what_a_canary_of_a_daemon_set_said_before_is_heard(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *canary = cm_strdup(CANARY("bad", "8"));
    char *kind = strstr(canary, "\"Deployment\",\"name\":\"web\"");

    memcpy(kind, "\"DaemonSet\",\"name\":\"edge\"", strlen("\"DaemonSet\",\"name\":\"edge\""));
    list(f, CANARY_LIST, canary);
    put(f, "api");
    CM_AUTOFREE char *api = deployment_at(f, "api", 9, WEB_SPEC("one"), "");
    fake_api_answer(f->api, "GET /apis\n", 0, 200, WITH_ALL);
    list(f, WEB_LIST, api);
    start(f);
    track(f, "Deployment.apps/shop/api");
    assert_true(turn_until(f->loop, is_released, f));
    assert_int_equal(f->decisions, 0);
    CM_AUTOFREE char *live = want(
        f, "DaemonSet", APPS "daemonsets/edge", "edge", SPEC_OF("one", ""), "", SPEC_OF("one", ""),
        "\"desiredNumberScheduled\":1,\"currentNumberScheduled\":1,\"numberReady\":1");
    list(f, "GET /apis/apps/v1/daemonsets?labelSelector", live);
    track(f, EDGE);
    assert_true(turn_until(f->loop, is_decided, f));
    assert_int_equal(f->verdict, AGENT_VERDICT_REJECTED);
    assert_token(f, "bad");
}

// ---- A StatefulSet that is held up

#define DB "StatefulSet.apps/shop/db"
#define PODS "GET /api/v1/namespaces/shop/pods?"
#define CAUSES PODS "labelSelector=a%3Db&limit=100" // why it is not ready
#define STUCK_POD                                                                                  \
    "{\"metadata\":{\"name\":\"db-1\",\"uid\":\"p1\",\"resourceVersion\":\"5\",\"labels\":{"       \
    "\"controller-revision-hash\":\"db-2\"},\"ownerReferences\":[{\"controller\":true,\"uid\":"    \
    "\"u1\"}]},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\"}]}}"

// be_stuck has one there that went back, and waits for a pod; its template is of this image.
static void be_stuck(struct fixture *f, const char *live_spec, const char *fields) {
    f->goes_back = true;
    CM_AUTOFREE char *live =
        want(f, "StatefulSet", APPS "statefulsets/db", "db", SPEC_OF("one", "\"replicas\":2,"),
             fields, live_spec,
             "\"replicas\":2,\"updatedReplicas\":1,\"availableReplicas\":1,\"readyReplicas\":1,"
             "\"currentRevision\":\"db-1\",\"updateRevision\":\"db-1\"");
    fake_api_answer(f->api, "GET /apis\n", 0, 200, WITH_ALL);
    list(f, "GET /apis/apps/v1/statefulsets?labelSelector", live);
    list(f, CANARY_LIST, "");
    start(f);
    track(f, DB);
}

static void a_pod_that_holds_up_is_found_among_however_many(void **state) {
    struct fixture *f = *state;

    fake_api_answer(f->api, PODS, 0, 200,
                    "{\"kind\":\"PodList\",\"metadata\":{\"continue\":\"m/1\"},\"items\":[]}");
    fake_api_answer(f->api, "&continue=m%2F1", 0, 200,
                    "{\"kind\":\"PodList\",\"metadata\":{},\"items\":[" STUCK_POD "]}");
    be_stuck(f, SPEC_OF("one", "\"replicas\":2,"), "");
    wait_asked(f, "DELETE /api/v1/namespaces/shop/pods/db-1", 1);
}

// db_at is the set as it is at a version, of one digit, with a status. The caller frees it.
static char *db_at(struct fixture *f, char version, const char *status) {
    static const char at[] = "\"resourceVersion\":\"";
    char *live =
        want(f, "StatefulSet", APPS "statefulsets/db", "db", SPEC_OF("one", "\"replicas\":2,"), "",
             SPEC_OF("one", "\"replicas\":2,"), status);

    strstr(live, at)[sizeof(at) - 1] = version;
    return live;
}

#define WELL                                                                                       \
    "\"replicas\":2,\"updatedReplicas\":2,\"availableReplicas\":2,\"readyReplicas\":2,"            \
    "\"currentRevision\":\"db-1\",\"updateRevision\":\"db-1\""
#define STUCK                                                                                      \
    "\"replicas\":2,\"updatedReplicas\":1,\"availableReplicas\":1,\"readyReplicas\":1,"            \
    "\"currentRevision\":\"db-1\",\"updateRevision\":\"db-1\""
#define DB_PATCH "PATCH /apis/apps/v1/namespaces/shop/statefulsets/db"
#define DB_WATCH "GET /apis/apps/v1/statefulsets?watch=1"

// apply_db applies a set that is well.
static void apply_db(struct fixture *f) {
    struct agent_object object = object_of(DB, NULL);

    f->done = false;
    object.bytes = f->desired;
    f->driver->ops->apply(f->driver, &object, on_applied, f);
}

// have_db applies one, and tracks it when all that there is to see of it was seen.
static void have_db(struct fixture *f) {
    f->goes_back = true;
    CM_AUTOFREE char *well = db_at(f, '3', WELL);
    fake_api_answer(f->api, "GET /apis\n", 0, 200, WITH_ALL);
    fake_api_answer(f->api, DB_PATCH, 0, 200, well);
    fake_api_answer(f->api, APPS "statefulsets/db", 0, 200, well);
    list(f, "GET /apis/apps/v1/statefulsets?labelSelector", well);
    list(f, CANARY_LIST, "");
    start(f);
    apply_db(f);
    assert_true(turn_until(f->loop, is_done, f));
    wait_asked(f, DB_WATCH, 1);
    track(f, DB);
}

static void what_a_set_says_before_it_is_tracked_is_heard(void **state) {
    struct fixture *f = *state;

    have_db(f);
    wait_asked(f, APPS "statefulsets/db", 1);
    assert_true(turn_until(f->loop, is_released, f));
    assert_token(f, "db-1");
    assert_true(f->promoted);
}

// overtake_apply has an event of a form come before the answer of an apply.
static void overtake_apply(struct fixture *f, const char *type, const char *status) {
    have_db(f);
    assert_true(turn_until(f->loop, is_released, f));
    fake_api_hold(f->api, DB_PATCH);
    apply_db(f);
    wait_asked(f, DB_PATCH, 2);
    CM_AUTOFREE char *live = db_at(f, '9', status);
    CM_AUTOFREE char *event = cm_strf("{\"type\":\"%s\",\"object\":%s}", type, live);
    wait_asked(f, DB_WATCH, 2); // a watch that is dropped hears nothing
    fake_api_event(f->api, DB_WATCH, event);
    fake_api_end(f->api);
    wait_asked(f, DB_WATCH, fake_api_count(f->api, DB_WATCH) + 1); // so that was seen
    fake_api_release(f->api);
    f->what = APPS "statefulsets/db";
    f->number = 2;
    assert_true(turn_until(f->loop, was_asked_now, f)); // no other look helps
}

static void what_a_set_says_while_it_is_applied_is_heard(void **state) {
    struct fixture *f = *state;

    overtake_apply(f, "MODIFIED", STUCK);
    wait_asked(f, "&limit=200", 1);
}

static void what_is_deleted_while_it_is_applied_is_looked_for(void **state) {
    overtake_apply(*state, "DELETED", WELL);
}

static void no_pod_is_deleted_where_the_template_is_not_as_git_says(void **state) {
    struct fixture *f = *state;

    fake_api_answer(f->api, PODS, 0, 200,
                    "{\"kind\":\"PodList\",\"metadata\":{},\"items\":[" STUCK_POD "]}");
    be_stuck(f, SPEC_OF("older", "\"replicas\":2,"), BY_HAND);
    assert_true(turn_until(f->loop, has_drifted, f));
    let_pass(f, MINUTE_MS);
    assert_int_equal(fake_api_count(f->api, "DELETE /api/v1/namespaces/shop/pods"), 0);
}

// ---- What is not ready

// see_unready has a Deployment of nine, of which so many are new, be as it is at a version, with
// nothing ready; it waits, in no time, until that was told.
static void see_unready(struct fixture *f, int updated, int observed) {
    CM_AUTOFREE char *live = cm_strf(
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\","
        "\"namespace\":\"shop\",\"uid\":\"u1\",\"generation\":2,\"resourceVersion\":\"1%d\","
        "\"labels\":{\"applyset.kubernetes.io/part-of\":\"%s\",\"holdfast.dev/app\":\"shop\"}}"
        ",\"spec\":" SPEC_OF(
            "one",
            "\"replicas\":9,") ",\"status\":{"
                               "\"observedGeneration\":%d,\"replicas\":9,\"updatedReplicas\":%d}}",
        updated, f->id, observed, updated);
    CM_AUTOFREE char *event = cm_strf("{\"type\":\"MODIFIED\",\"object\":%s}", live);

    f->told = false;
    fake_api_answer(f->api, ANY_GET, 0, 200, live);
    fake_api_event(f->api, WEB_WATCH, event);
    assert_true(turn_until(f->loop, is_told, f));
}

// begin_unready has one that its controller has not seen yet.
static void begin_unready(struct fixture *f) {
    fake_api_answer(f->api, "GET /apis\n", 0, 200, WITH_FLAGGER);
    list(f, CANARY_LIST, "");
    list(f, PODS, "");
    put(f, "web");
    begin_with(f, "web");
    wait_asked(f, WEB_WATCH, 1);
    see_unready(f, 0, 1);
    assert_int_equal(f->health, AGENT_HEALTH_PROGRESSING);
}

static void pods_say_nothing_of_what_its_controller_has_not_seen(void **state) {
    struct fixture *f = *state;

    begin_unready(f);
    let_pass(f, 10 * (int64_t)MINUTE_MS);
    assert_int_equal(fake_api_count(f->api, CAUSES), 0);
    see_unready(f, 1, 2);
    wait_asked(f, CAUSES, 1); // it has, and nothing comes of it
}

static void pods_are_not_asked_while_a_rollout_goes_on(void **state) {
    struct fixture *f = *state;

    begin_unready(f);
    for (int updated = 1; updated < 4; updated++) {
        see_unready(f, updated, 2);
        let_pass(f, 5 * (int64_t)SECOND_MS);
    }
    see(f, 20, WEB_SPEC("one"), "");
    assert_true(turn_until(f->loop, is_healthy_now, f));
    assert_int_equal(fake_api_count(f->api, CAUSES), 0);
}

static void pods_are_asked_though_something_changes_all_the_time(void **state) {
    struct fixture *f = *state;

    begin_unready(f);
    for (int updated = 1; updated < 9; updated++) {
        see_unready(f, updated, 2);
        let_pass(f, 5 * (int64_t)SECOND_MS);
    }
    assert_true(fake_api_count(f->api, CAUSES) > 0);
}

// ---- What runs behind tags

#define ONES "1111111111111111111111111111111111111111111111111111111111111111"
#define TWOS "2222222222222222222222222222222222222222222222222222222222222222"
#define POD_OF(image, digest)                                                                      \
    "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":"       \
    "\"" image                                                                                     \
    "\"}]},\"status\":{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"main\","           \
    "\"imageID\":\"docker.io/library/" image "@sha256:" digest "\"}]}}"

static bool has_digests(void *ctx) {
    cm_clock_advance(STEP_MS);
    return ((struct fixture *)ctx)->digests >= ((struct fixture *)ctx)->number;
}

static void wait_digests(struct fixture *f, size_t number, const char *expected) {
    f->number = number;
    assert_true(turn_until(f->loop, has_digests, f));
    assert_string_equal(f->behind, expected);
}

static void begin_tagged(struct fixture *f) {
    fake_api_answer(f->api, "GET /apis\n", 0, 200, WITH_FLAGGER);
    list(f, CANARY_LIST, "");
    put(f, "web");
    begin_with(f, "web");
    wait_asked(f, WEB_WATCH, 1);
}

static void which_digests_run_behind_a_tag_is_asked_once_for_a_form(void **state) {
    struct fixture *f = *state;

    fake_api_answer(f->api, PODS, 0, 200,
                    "{\"kind\":\"PodList\",\"metadata\":{\"continue\":\"m/1\"},\"items\":[" POD_OF(
                        "one", TWOS) "]}");
    fake_api_answer(f->api, "&continue=m%2F1", 0, 200,
                    "{\"kind\":\"PodList\",\"metadata\":{},\"items\":[" POD_OF("one", ONES) "]}");
    begin_tagged(f);
    wait_digests(f, 1, "one@sha256:" ONES " one@sha256:" TWOS);
    for (int version = 20; version < 25; version++) {
        see(f, version, WEB_SPEC("one"), "");
        let_pass(f, 5 * (int64_t)SECOND_MS);
    }
    assert_int_equal(fake_api_count(f->api, PODS), 2); // two pages of one look
    list(f, PODS, POD_OF("one", ONES));
    let_pass(f, 10 * (int64_t)MINUTE_MS);
    wait_digests(f, 2, "one@sha256:" ONES); // a pod may have been replaced
    let_pass(f, 30 * (int64_t)MINUTE_MS);
    assert_int_equal(f->digests, 2); // nothing has changed since
}

static void another_form_is_looked_at_once_it_has_come_up(void **state) {
    struct fixture *f = *state;

    list(f, PODS, POD_OF("one", ONES));
    begin_tagged(f);
    wait_digests(f, 1, "one@sha256:" ONES);
    list(f, PODS, POD_OF("two", TWOS));
    f->told = false;
    see(f, 20, WEB_SPEC("two"), "");
    assert_true(turn_until(f->loop, is_told, f));
    let_pass(f, 5 * (int64_t)SECOND_MS); // soon, that is
    assert_int_equal(fake_api_count(f->api, PODS), 2);
    wait_digests(f, 2, "two@sha256:" TWOS);
    see(f, 21, WEB_SPEC("two@sha256:" TWOS), "");
    wait_digests(f, 3, ""); // that is no question any more
    assert_int_equal(fake_api_count(f->api, PODS), 2);
}

static void where_pods_may_not_be_listed_nothing_is_known_until_they_may(void **state) {
    struct fixture *f = *state;

    fake_api_answer(f->api, PODS, 0, 403, "{\"kind\":\"Status\",\"code\":403}");
    begin_tagged(f);
    wait_digests(f, 1, "+");
    size_t asked = fake_api_count(f->api, PODS);
    assert_true(asked > 1);
    let_pass(f, 30 * (int64_t)MINUTE_MS);
    assert_int_equal(fake_api_count(f->api, PODS), asked);
    assert_int_equal(f->health, AGENT_HEALTH_HEALTHY);
    list(f, PODS, POD_OF("one", ONES));
    let_pass(f, 40 * (int64_t)MINUTE_MS);
    wait_digests(f, 2, "one@sha256:" ONES);
}

static void what_is_refused_once_takes_nothing_away(void **state) {
    struct fixture *f = *state;

    list(f, PODS, POD_OF("one", ONES));
    begin_tagged(f);
    wait_digests(f, 1, "one@sha256:" ONES);
    list(f, PODS, POD_OF("two", TWOS));
    fake_api_answer(f->api, PODS, 1, 403, "{\"kind\":\"Status\",\"code\":403}");
    see(f, 20, WEB_SPEC("two"), "");
    wait_digests(f, 2, "two@sha256:" TWOS);
}

static void what_is_deleted_and_made_anew_is_looked_at_again(void **state) {
    struct fixture *f = *state;

    list(f, PODS, POD_OF("one", ONES));
    begin_tagged(f);
    wait_digests(f, 1, "one@sha256:" ONES);
    list(f, PODS, POD_OF("one", TWOS));
    CM_AUTOFREE char *live = deployment_at(f, "web", 20, WEB_SPEC("one"), "");
    memcpy(strstr(live, "\"u1\""), "\"u9\"", 4);
    CM_AUTOFREE char *event = cm_strf("{\"type\":\"MODIFIED\",\"object\":%s}", live);
    fake_api_answer(f->api, ANY_GET, 0, 200, live);
    f->told = false;
    fake_api_event(f->api, WEB_WATCH, event);
    assert_true(turn_until(f->loop, is_told, f));
    let_pass(f, 5 * (int64_t)SECOND_MS); // soon, that is
    f->what = PODS;
    f->number = 2;
    assert_true(turn_until(f->loop, was_asked_now, f));
    wait_digests(f, 2, "one@sha256:" TWOS);
}

// begin_both has two Deployments of an App, and waits until both are looked at.
static void begin_both(struct fixture *f) {
    CM_AUTOFREE char *api = deployment_at(f, "api", 9, WEB_SPEC("one"), "");
    CM_AUTOFREE char *web = deployment_at(f, "web", 9, WEB_SPEC("one"), "");
    CM_AUTOFREE char *both = cm_strf("%s,%s", api, web);

    fake_api_answer(f->api, "GET /apis\n", 0, 200, WITH_FLAGGER);
    list(f, CANARY_LIST, "");
    put(f, "web");
    fake_api_answer(f->api, ANY_GET "api", 0, 200, api);
    list(f, WEB_LIST, both);
    fake_api_hold(f->api, PODS);
    start(f);
    track(f, "Deployment.apps/shop/api");
    track(f, "Deployment.apps/shop/web");
    f->what = PODS;
    f->number = 2;
    assert_true(turn_until(f->loop, was_asked_by_now, f));
}

static void what_runs_in_an_app_is_told_when_all_of_it_is_known_but_not_much_later(void **state) {
    struct fixture *f = *state;

    list(f, PODS, POD_OF("one", ONES));
    fake_api_answer(f->api, PODS, 1, 500, "{}"); // to one of them
    begin_both(f);
    fake_api_release(f->api);
    let_pass(f, 20 * (int64_t)SECOND_MS);
    assert_int_equal(f->digests, 0);
    wait_digests(f, 2, "one@sha256:" ONES);
}

static void a_tag_of_which_no_pod_says_a_digest_is_not_known(void **state) {
    struct fixture *f = *state;

    list(f, PODS, POD_OF("other", ONES));
    begin_tagged(f);
    wait_digests(f, 1, "+");
}

static void a_look_that_fails_is_tried_again(void **state) {
    struct fixture *f = *state;

    list(f, PODS, POD_OF("one", ONES));
    fake_api_answer(f->api, PODS, 1, 500, "{}");
    begin_tagged(f);
    wait_digests(f, 1, "one@sha256:" ONES);
    assert_int_equal(fake_api_count(f->api, PODS), 2);
}

#define APP_SPEC                                                                                   \
    "\"spec\":{\"replicas\":0,\"selector\":{\"matchLabels\":{\"a\":\"b\",\"app\":\"web\"}},"       \
    "\"template\":{"                                                                               \
    "\"metadata\":{\"labels\":{\"a\":\"b\",\"app\":\"web\"}},\"spec\":{\"containers\":[{\"name\":" \
    "\"main\","                                                                                    \
    "\"image\":\"one\"}]}}}"

// see_none has the Deployment be one that has no pods.
static void see_none(struct fixture *f, int version) {
    static const char one[] = "eplicas\":1";
    CM_AUTOFREE char *live = deployment_at(f, "web", version, APP_SPEC, "");

    for (char *at = strstr(live, "\"status\""); (at = strstr(at, one)) != NULL;) {
        at[sizeof(one) - 2] = '0';
    }
    CM_AUTOFREE char *event = cm_strf("{\"type\":\"MODIFIED\",\"object\":%s}", live);
    fake_api_answer(f->api, ANY_GET, 0, 200, live);
    fake_api_event(f->api, WEB_WATCH, event);
}

static void what_has_no_pods_is_not_asked_but_its_primary_is_if_flagger_made_one(void **state) {
    struct fixture *f = *state;

    list(f, PODS, POD_OF("one", ONES));
    begin_tagged(f);
    wait_digests(f, 1, "one@sha256:" ONES);
    see_none(f, 20);
    let_pass(f, MINUTE_MS);
    assert_int_equal(fake_api_count(f->api, PODS), 1);
    fake_api_event(f->api, CANARY_WATCH, EVENT(CANARY("good", "21")));
    let_pass(f, SECOND_MS);
    see_none(f, 22);
    wait_asked(f, "labelSelector=app%20in%20%28web%2Cweb-primary%29%2Ca%3Db&limit=8", 1);
}

// ---- Weights

#define ROUTE_SPEC(weight)                                                                         \
    "{\"http\":[{\"route\":[{\"destination\":{\"host\":\"web\"},\"weight\":" weight "}]}]}"
#define ROUTE(meta, weight)                                                                        \
    "{\"apiVersion\":\"networking.istio.io/"                                                       \
    "v1\",\"kind\":\"VirtualService\",\"metadata\":{\"name\":"                                     \
    "\"web\"" meta "},\"spec\":" ROUTE_SPEC(weight) "}"

static const char WITH_ISTIO[] = "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[" OFFERED(
    "networking.istio.io", "v1",
    RESOURCE("VirtualService", "virtualservices")) "," OFFERED("flagger.app", "v1beta1",
                                                               RESOURCE("Canary", "canaries")) "]}";
static const char IDLE[] =
    "{\"apiVersion\":\"flagger.app/v1beta1\",\"kind\":\"Canary\",\"metadata\":{\"name\":\"web\","
    "\"namespace\":\"shop\",\"uid\":\"u2\",\"resourceVersion\":\"8\",\"managedFields\":[{"
    "\"manager\":"
    "\"flagger\",\"operation\":\"Update\",\"fieldsV1\":{\"f:status\":{\"f:phase\":{}}}}]},\"spec\":"
    "{"
    "\"service\":{\"name\":\"web\"}},\"status\":{\"phase\":\"Succeeded\"}}";

#define ROUTE_GET "GET /apis/networking.istio.io/v1/namespaces/shop/virtualservices/web"
#define ROUTE_WATCH "GET /apis/networking.istio.io/v1/virtualservices?watch=1"

// route_at is the route as it is at a version, of which somebody set the weights now. The caller
// frees it.
static char *route_at(const struct fixture *f, int version, const char *weight) {
    char now[CM_CLOCK_TEXT_MAX];

    cm_clock_format(cm_clock_unix_ms(), now);
    return cm_strf(
        ROUTE(",\"namespace\":\"shop\",\"uid\":\"u1\",\"resourceVersion\":\"%d\",\"labels\":{"
              "\"applyset.kubernetes.io/part-of\":\"%s\",\"holdfast.dev/app\":\"shop\"},"
              "\"managedFields\":[{\"manager\":\"kubectl-edit\",\"operation\":\"Update\",\"time\":"
              "\"%s\",\"fieldsV1\":{\"f:spec\":{\"f:http\":{}}}}]",
              "%s"),
        version, f->id, now, weight);
}

static void see_weights_by_hand(struct fixture *f) {
    CM_AUTOFREE char *before = route_at(f, 9, "100");

    fake_api_answer(f->api, "GET /apis\n", 0, 200, WITH_ISTIO);
    fake_api_answer(f->api, ROUTE_GET, 0, 200, before);
    list(f, "GET /apis/networking.istio.io/v1/virtualservices?labelSelector", before);
    list(f, CANARY_LIST, IDLE);
    f->desired = cm_buf_copy(ROUTE("", "100"), sizeof(ROUTE("", "100")) - 1);
    start(f);
    track(f, "VirtualService.networking.istio.io/shop/web");
    wait_asked(f, CANARY_WATCH, 1);
    wait_asked(f, ROUTE_WATCH, 1);
    assert_true(turn_until(f->loop, is_healthy, f));
    CM_AUTOFREE char *live = route_at(f, 10, "50");
    CM_AUTOFREE char *event = cm_strf("{\"type\":\"MODIFIED\",\"object\":%s}", live);
    f->set_ms = cm_clock_now_ms();
    fake_api_answer(f->api, ROUTE_GET, 0, 200, live);
    fake_api_event(f->api, ROUTE_WATCH, event);
    let_pass(f, 20 * (int64_t)SECOND_MS);
}

static void weights_that_are_set_by_hand_between_releases_are_drift_after_a_while(void **state) {
    struct fixture *f = *state;

    see_weights_by_hand(f);
    assert_int_equal(f->foreign, 0); // it may be a part of what is under way
    assert_true(turn_until(f->loop, is_foreign, f));
    assert_true(cm_clock_now_ms() >= f->set_ms + MINUTE_MS);
}

static void what_is_not_compared_any_more_is_not_looked_at_for_weights_by_hand(void **state) {
    struct fixture *f = *state;

    see_weights_by_hand(f);
    cm_buf_unref(f->desired);
    f->desired = NULL;
    let_pass(f, 2 * (int64_t)MINUTE_MS);
    size_t looks = fake_api_count(f->api, ROUTE_GET);
    let_pass(f, 3 * (int64_t)MINUTE_MS);
    assert_int_equal(fake_api_count(f->api, ROUTE_GET), looks);
}

// ---- What is left with no replicas

#define DEPLOYMENTS OFFERED("apps", "v1", RESOURCE("Deployment", "deployments"))
#define CANARIES OFFERED("flagger.app", "v1beta1", RESOURCE("Canary", "canaries"))
#define AUTOSCALERS                                                                                \
    OFFERED("autoscaling", "v2", RESOURCE("HorizontalPodAutoscaler", "horizontalpodautoscalers"))
#define SCALED_OBJECTS OFFERED("keda.sh", "v1alpha1", RESOURCE("ScaledObject", "scaledobjects"))

static const char WITH_SCALERS[] = "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[" DEPLOYMENTS
                                   "," CANARIES "," AUTOSCALERS "," SCALED_OBJECTS "]}";
#define SCALER(api_version, kind)                                                                  \
    "{\"apiVersion\":\"" api_version "\",\"kind\":\"" kind "\",\"metadata\":{\"name\":\"web\","    \
    "\"namespace\":\"shop\",\"uid\":\"u3\",\"resourceVersion\":\"7\"},\"spec\":{"                  \
    "\"scaleTargetRef\":{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"web\"},"    \
    "\"minReplicas\":3}}"
#define AUTOSCALER SCALER("autoscaling/v2", "HorizontalPodAutoscaler")
#define SCALED_OBJECT SCALER("keda.sh/v1alpha1", "ScaledObject")
#define REPLICAS_OF(manager)                                                                       \
    ",\"managedFields\":[{\"manager\":\"" manager "\",\"operation\":\"Update\",\"fieldsV1\":{"     \
    "\"f:spec\":{\"f:replicas\":{}}}}]"

static bool is_due(void *ctx) {
    cm_clock_advance(STEP_MS);
    return ((struct fixture *)ctx)->due;
}

static void apply_key(struct fixture *f, const char *key) {
    struct agent_object object = object_of(key, f->desired);

    f->done = false;
    f->driver->ops->apply(f->driver, &object, on_applied, f);
    assert_true(turn_until(f->loop, is_done, f));
    assert_int_equal(f->error.code, CM_OK);
}

// ---- What the agent itself lives in

#define OWN "Deployment.apps/agents/holdfast-agent"
#define OWN_PATH "/apis/apps/v1/namespaces/agents/deployments/holdfast-agent"

static void start_with_deployments(struct fixture *f) {
    fake_api_answer(f->api, "GET /apis\n", 0, 200, WITH_FLAGGER);
    start(f);
}

static void remove_own(struct fixture *f, const char *key, const char *get, const char *ns) {
    CM_AUTOFREE char *live = cm_strf("{\"metadata\":{\"name\":\"x\",%s\"uid\":\"u1\",\"labels\":{"
                                     "\"applyset.kubernetes.io/part-of\":\"%s\"}}}",
                                     ns, f->id);
    struct agent_owned owned = owned_of(f, key);

    owned.note = "applied";
    fake_api_answer(f->api, get, 0, 200, live);
    f->done = false;
    f->driver->ops->remove(f->driver, &owned, on_removed, f);
    assert_true(turn_until(f->loop, is_done, f));
}

static void what_the_agent_lives_in_is_not_removed(void **state) {
    struct fixture *f = *state;

    start_with_deployments(f);
    remove_own(f, "Namespace//holdfast-system", "GET /api/v1/namespaces/holdfast-system\n", "");
    assert_int_equal(f->error.code, CM_EEXISTS);
    assert_non_null(strstr(f->error.msg, "this agent lives in it"));
    remove_own(f, "Namespace//agents", "GET /api/v1/namespaces/agents\n", "");
    assert_int_equal(f->error.code, CM_EEXISTS);
    remove_own(f, OWN, "GET " OWN_PATH, "\"namespace\":\"agents\",");
    assert_int_equal(f->error.code, CM_EEXISTS);
    assert_int_equal(fake_api_count(f->api, "DELETE"), 0);
}

static void who_does_not_know_where_it_lives_lives_where_its_inventory_is(void **state) {
    struct fixture *f = *state;

    start_with_deployments(f);
    remove_own(f, "Deployment.apps/holdfast-system/holdfast-agent",
               "GET /apis/apps/v1/namespaces/holdfast-system/deployments/holdfast-agent",
               "\"namespace\":\"holdfast-system\",");
    assert_int_equal(f->error.code, CM_EEXISTS);
    assert_int_equal(fake_api_count(f->api, "DELETE"), 0);
}

static void apply_own(struct fixture *f, int replicas) {
    CM_AUTOFREE char *json =
        cm_strf("{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":"
                "\"holdfast-agent\",\"namespace\":\"agents\"},\"spec\":{\"replicas\":%d}}",
                replicas);
    cm_buf_unref(f->desired);
    f->desired = cm_buf_copy(json, strlen(json));
    struct agent_object object = object_of(OWN, f->desired);

    object.recreate = true;
    f->done = false;
    f->driver->ops->apply(f->driver, &object, on_applied, f);
    assert_true(turn_until(f->loop, is_done, f));
}

static void an_agent_is_changed_from_git_but_not_stopped(void **state) {
    struct fixture *f = *state;

    start_with_deployments(f);
    apply_own(f, 0);
    assert_int_equal(f->error.code, CM_EINVAL);
    assert_non_null(strstr(f->error.msg, "this agent runs in"));
    assert_int_equal(fake_api_count(f->api, "PATCH " OWN_PATH), 0);
    apply_own(f, 1);
    assert_int_equal(f->error.code, CM_OK);
    assert_int_equal(fake_api_count(f->api, "PATCH " OWN_PATH), 1);
}

static void an_agent_is_not_made_anew_under_itself(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *live =
        cm_strf("{\"metadata\":{\"name\":\"holdfast-agent\",\"namespace\":\"agents\","
                "\"uid\":\"u1\",\"labels\":{\"applyset.kubernetes.io/part-of\":\"%s\"}}}",
                f->id);

    start_with_deployments(f);
    fake_api_answer(f->api, "GET " OWN_PATH, 0, 200, live);
    fake_api_answer(
        f->api, "PATCH " OWN_PATH, 0, 422,
        "{\"kind\":\"Status\",\"reason\":\"Invalid\",\"message\":\"spec.selector: field is "
        "immutable\",\"details\":{\"causes\":[{\"reason\":\"FieldValueInvalid\","
        "\"message\":\"Invalid value: x: field is immutable\",\"field\":"
        "\"spec.selector\"}]}}");
    apply_own(f, 1);
    assert_int_equal(f->error.code, CM_EINVAL);
    assert_non_null(strstr(f->error.msg, "this agent runs in it"));
    assert_int_equal(fake_api_count(f->api, "DELETE"), 0);
}

// fall_asleep has a Deployment whose Canary is there when `manager` has set no replicas.
static void fall_asleep(struct fixture *f, const char *replicas, const char *manager,
                        const char *autoscalers, const char *scaled_objects) {
    CM_AUTOFREE char *json =
        cm_strf("{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":"
                "\"web\"},\"spec\":" SPEC_OF("one", "%s") "}",
                replicas);

    fake_api_answer(f->api, "GET /apis\n", 0, 200, WITH_SCALERS);
    list(f, CANARY_LIST, CANARY("good", "8"));
    list(f, "GET /apis/autoscaling/v2/horizontalpodautoscalers?limit", autoscalers);
    list(f, "GET /apis/keda.sh/v1alpha1/scaledobjects?limit", scaled_objects);
    start(f);
    f->desired = cm_buf_copy(json, strlen(json));
    apply_key(f, WEB);
    track(f, WEB);
    wait_asked(f, WEB_WATCH, 1);
    wait_asked(f, CANARY_WATCH, 1);
    see(f, 21, "\"spec\":" SPEC_OF("one", "\"replicas\":0,"), manager);
    let_pass(f, SECOND_MS);
    assert_false(f->due); // it is the Canary's
}

// leave_asleep has the Canary go then.
static void leave_asleep(struct fixture *f, const char *replicas, const char *manager,
                         const char *autoscalers, const char *scaled_objects) {
    fall_asleep(f, replicas, manager, autoscalers, scaled_objects);
    size_t looks = fake_api_count(f->api, ANY_GET);
    fake_api_event(f->api, CANARY_WATCH,
                   "{\"type\":\"DELETED\",\"object\":" CANARY("good", "22") "}");
    wait_asked(f, ANY_GET, looks + 1);
}

#define APPLY_WEB "web?fieldManager=holdfast&"
#define WAKE "fieldManager=holdfast-wake"
#define OF_VERSION "{\"metadata\":{\"resourceVersion\":\"21\"},\"spec\":"

// assert_woken has it woken, with so many replicas, and applied again.
static void assert_woken(struct fixture *f, const char *replicas) {
    CM_AUTOFREE char *what = cm_strf(OF_VERSION "{\"replicas\":%s}}", replicas);

    assert_true(turn_until(f->loop, is_due, f));
    size_t applies = fake_api_count(f->api, APPLY_WEB);
    fake_api_answer(f->api, WAKE, 1, 409, "{}"); // somebody changed it meanwhile
    apply_key(f, WEB);
    assert_int_equal(fake_api_count(f->api, what), 2);
    assert_int_equal(fake_api_count(f->api, WAKE), 2);
    assert_int_equal(fake_api_count(f->api, APPLY_WEB), applies + 1);
    // Whoever keeps it at none after that shall have it so.
    see(f, 23, "\"spec\":" SPEC_OF("one", "\"replicas\":0,"), REPLICAS_OF("flagger"));
    let_pass(f, SECOND_MS);
    f->due = false;
    apply_key(f, WEB);
    assert_int_equal(fake_api_count(f->api, WAKE), 2);
}

static void what_flagger_left_with_none_gets_as_many_as_its_autoscaler_begins_with(void **state) {
    struct fixture *f = *state;

    leave_asleep(f, "", REPLICAS_OF("flagger"), AUTOSCALER, "");
    assert_woken(f, "3");
}

static void what_flagger_left_with_none_gets_as_many_as_git_says(void **state) {
    struct fixture *f = *state;

    leave_asleep(f, "\"replicas\":2,", REPLICAS_OF("flagger"), AUTOSCALER, "");
    assert_woken(f, "2");
}

static void what_flagger_left_with_none_gets_one_where_nobody_says_more(void **state) {
    struct fixture *f = *state;

    leave_asleep(f, "", REPLICAS_OF("flagger"), "", "");
    assert_woken(f, "1");
    assert_int_equal(fake_api_count(f->api, "\"replicas\":1"), 2); // none of it by an apply
}

#define SCALER_LIST "GET /apis/autoscaling/v2/horizontalpodautoscalers?limit"
#define SCALER_WATCH "GET /apis/autoscaling/v2/horizontalpodautoscalers?watch=1"

static void what_a_canary_keeps_at_none_is_looked_at_for_nobody_else(void **state) {
    struct fixture *f = *state;

    fall_asleep(f, "", REPLICAS_OF("flagger"), AUTOSCALER, "");
    wait_asked(f, SCALER_WATCH, 1);
    let_pass(f, SECOND_MS);
    assert_int_equal(fake_api_count(f->api, ANY_GET), 0);
    see(f, 22, "\"spec\":" SPEC_OF("one", "\"replicas\":2,"), REPLICAS_OF("flagger"));
    let_pass(f, SECOND_MS);
    see(f, 23, "\"spec\":" SPEC_OF("one", "\"replicas\":0,"), REPLICAS_OF("flagger"));
    let_pass(f, SECOND_MS);
    assert_int_equal(fake_api_count(f->api, SCALER_LIST), 1); // not anew with each release
    assert_int_equal(fake_api_count(f->api, ANY_GET), 0);
}

static void what_rests_because_somebody_wants_it_so_is_let_be(void **state) {
    struct fixture *f = *state;

    leave_asleep(f, "\"replicas\":2,", REPLICAS_OF("kubectl"), AUTOSCALER, "");
    let_pass(f, 2 * (int64_t)MINUTE_MS);
    assert_false(f->due);
}

static void what_keda_lets_rest_is_let_be(void **state) {
    struct fixture *f = *state;

    leave_asleep(f, "\"replicas\":2,", REPLICAS_OF("flagger"), AUTOSCALER, SCALED_OBJECT);
    let_pass(f, 2 * (int64_t)MINUTE_MS);
    assert_false(f->due);
}

static bool has_five(void *ctx) {
    cm_clock_advance(STEP_MS);
    return ((struct fixture *)ctx)->replicas == 5;
}

static bool is_ours(void *ctx) {
    cm_clock_advance(STEP_MS);
    return !((struct fixture *)ctx)->theirs;
}

#define AS_MANY(number, form) "\"spec\":" SPEC_OF(form, "\"replicas\":" #number ",")

static void what_an_autoscaler_does_is_told_with_its_name_until_it_goes(void **state) {
    struct fixture *f = *state;

    fall_asleep(f, "\"replicas\":2,", REPLICAS_OF("flagger"), AUTOSCALER, "");
    wait_asked(f, SCALER_WATCH, 1);
    see(f, 22, AS_MANY(5, "one"), REPLICAS_OF("kube-controller-manager"));
    assert_true(turn_until(f->loop, has_five, f));
    assert_true(f->theirs);
    assert_string_equal(f->scaler, "HorizontalPodAutoscaler.autoscaling/shop/web"
                                   " by kube-controller-manager");
    fake_api_event(f->api, CANARY_WATCH,
                   "{\"type\":\"DELETED\",\"object\":" CANARY("good", "23") "}");
    let_pass(f, SECOND_MS);
    assert_true(f->theirs);
    int before = f->scalings;
    see(f, 24, AS_MANY(5, "two"), REPLICAS_OF("kube-controller-manager"));
    let_pass(f, SECOND_MS);
    assert_int_equal(f->scalings, before); // it is no news
    fake_api_event(f->api, SCALER_WATCH, "{\"type\":\"DELETED\",\"object\":" AUTOSCALER "}");
    assert_true(turn_until(f->loop, is_ours, f));
    assert_int_equal(f->replicas, 5);
}

#define NO_NODE "\"flagger.app/scale-to-zero\":"
#define EDGE_PATH "/apis/apps/v1/namespaces/shop/daemonsets/edge"
#define EDGE_WATCH "GET /apis/apps/v1/daemonsets?watch=1"

// edge_at is a DaemonSet that Flagger keeps off all nodes. The caller frees it.
static char *edge_at(const struct fixture *f, int version) {
    return cm_strf(
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"DaemonSet\",\"metadata\":{\"name\":\"edge\","
        "\"namespace\":\"shop\",\"uid\":\"u1\",\"resourceVersion\":\"%d\",\"labels\":{"
        "\"applyset.kubernetes.io/part-of\":\"%s\",\"holdfast.dev/app\":\"shop\"},"
        "\"managedFields\":[{\"manager\":\"flagger\",\"operation\":\"Update\",\"fieldsV1\":{"
        "\"f:spec\":{\"f:template\":{\"f:spec\":{\"f:nodeSelector\":{}}}}}}]},"
        "\"spec\":{\"template\":{\"spec\":{\"nodeSelector\":{" NO_NODE "\"true\"}}}}}",
        version, f->id);
}

static void a_daemon_set_that_flagger_left_off_all_nodes_is_let_on_them_again(void **state) {
    static const char desired[] =
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"DaemonSet\",\"metadata\":{\"name\":\"edge\"},"
        "\"spec\":" SPEC_OF("one", "") "}";
    struct fixture *f = *state;
    CM_AUTOFREE char *gone =
        cm_strdup("{\"type\":\"DELETED\",\"object\":" CANARY("good", "22") "}");
    char *kind = strstr(gone, "\"Deployment\",\"name\":\"web\"");
    CM_AUTOFREE char *live = edge_at(f, 21);
    CM_AUTOFREE char *event = cm_strf("{\"type\":\"MODIFIED\",\"object\":%s}", live);

    memcpy(kind, "\"DaemonSet\",\"name\":\"edge\"", strlen("\"DaemonSet\",\"name\":\"edge\""));
    CM_AUTOFREE char *canary = cm_strndup(strchr(gone + 1, '{'), strlen(strchr(gone + 1, '{')) - 1);
    fake_api_answer(f->api, "GET /apis\n", 0, 200, WITH_ALL);
    list(f, CANARY_LIST, canary);
    start(f);
    f->desired = cm_buf_copy(desired, strlen(desired));
    apply_key(f, EDGE);
    track(f, EDGE);
    wait_asked(f, EDGE_WATCH, 1);
    wait_asked(f, CANARY_WATCH, 1);
    fake_api_answer(f->api, "GET " EDGE_PATH, 0, 200, live);
    fake_api_event(f->api, EDGE_WATCH, event);
    let_pass(f, SECOND_MS);
    assert_false(f->due);
    fake_api_event(f->api, CANARY_WATCH, gone);
    assert_true(turn_until(f->loop, is_due, f));
    size_t before = fake_api_count(f->api, "PATCH " EDGE_PATH);
    apply_key(f, EDGE);
    assert_int_equal(fake_api_count(f->api,
                                    OF_VERSION "{\"template\":{\"spec\":{\"nodeSelector\":{" NO_NODE
                                               "null}}}}}"),
                     1);
    assert_int_equal(fake_api_count(f->api, "PATCH " EDGE_PATH), before + 2); // and the apply
}

// ---- What people have added

#define CFG_APPLY "PATCH /api/v1/namespaces/shop/configmaps/a?fieldManager=holdfast"
#define CFG_TAKE CFG_APPLY "\n"
#define CFG_FORCED CFG_APPLY "&force=true"
#define NOTE_SET "{\"f:metadata\":{\"f:annotations\":{\".\":{},\"f:e.org/note\":{}}}}"
#define NOTE_LEFT "\"fieldsV1\":{\"f:metadata\":{\"f:annotations\":{\".\":{}}}}"
#define NOTE_TAKEN                                                                                 \
    "[{\"op\":\"test\",\"path\":\"/metadata/resourceVersion\",\"value\":\"21\"},"                  \
    "{\"op\":\"replace\",\"path\":\"/metadata/managedFields\",\"value\":[{\"manager\":"            \
    "\"holdfast\",\"operation\":\"Apply\",\"fieldsV1\":{\"f:data\":{\"f:c\":{}},\"f:metadata\":{"  \
    "\"f:annotations\":{\"f:e.org/note\":{}}}}},{\"manager\":\"kubectl-annotate\",\"operation\":"  \
    "\"Update\"," NOTE_LEFT "}]}]"

static bool is_added(void *ctx) {
    cm_clock_advance(STEP_MS);
    return ((struct fixture *)ctx)->drift_count == 1;
}

// have_noted has a config map that somebody has annotated. It returns how it is; the caller frees
// it.
static char *have_noted(struct fixture *f) {
    have_config(f);
    char *live = cm_strf(
        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","
        "\"namespace\":\"shop\",\"uid\":\"u1\",\"resourceVersion\":\"21\",\"annotations\":{"
        "\"e.org/note\":\"mine\"},\"labels\":{\"applyset.kubernetes.io/part-of\":\"%s\","
        "\"holdfast.dev/app\":\"shop\"},\"managedFields\":[{\"manager\":\"holdfast\",\"operation\":"
        "\"Apply\",\"fieldsV1\":{\"f:data\":{\"f:c\":{}}}},{\"manager\":\"kubectl-annotate\","
        "\"operation\":\"Update\",\"fieldsV1\":" NOTE_SET "}]},\"data\":{\"c\":\"red\"}}",
        f->id);
    CM_AUTOFREE char *event = cm_strf("{\"type\":\"MODIFIED\",\"object\":%s}", live);

    fake_api_answer(f->api, CFG_GET, 0, 200, live);
    fake_api_event(f->api, CFG_WATCH, event);
    assert_true(turn_until(f->loop, is_added, f));
    assert_int_equal(f->foreign, 0);
    return live;
}

static void apply_over(struct fixture *f, struct agent_sparing sparing) {
    struct agent_object object = object_of(CFG, f->desired);

    object.sparing = sparing;

    f->done = false;
    f->driver->ops->apply(f->driver, &object, on_applied, f);
    assert_true(turn_until(f->loop, is_done, f));
    assert_int_equal(f->error.code, CM_OK);
}

// see_noted has the driver look anew, as it does after an apply.
static void see_noted(struct fixture *f) {
    f->drift_count = 0;
    f->driver->ops->observe(f->driver, CFG);
    assert_true(turn_until(f->loop, is_added, f));
}

// taken_over is the config map once the note is ours; the caller frees it.
static char *taken_over(const char *live) {
    static const char his[] = "{\"manager\":\"kubectl-annotate\",\"operation\":\"Update\",";
    static const char theirs[] = "{\"manager\":\"kubectl-annotate\",\"operation\":\"Update\","
                                 "\"fieldsV1\":" NOTE_SET "}";
    const char *at = strstr(live, his);

    assert_non_null(at);
    return cm_strf("%.*s%s" NOTE_LEFT "}%s", (int)(at - live), live, his, at + sizeof(theirs) - 1);
}

static void what_people_have_added_is_made_ours_so_that_the_apply_takes_it_away(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *live = have_noted(f);
    CM_AUTOFREE char *taken = taken_over(live);
    CM_AUTOFREE char *without = config_at(f, 23, "red");
    size_t before = fake_api_count(f->api, CFG_APPLY);

    fake_api_answer(f->api, CFG_FORCED, 0, 200, without);
    fake_api_answer(f->api, CFG_TAKE, 0, 200, taken);
    apply_over(f, (struct agent_sparing){.takes_added = true});
    assert_int_equal(fake_api_count(f->api, NOTE_TAKEN), 1);
    assert_int_equal(fake_api_count(f->api, CFG_APPLY), before + 2);
    assert_int_equal(f->drift_count, 0);
}

static void what_changes_while_it_is_taken_over_is_looked_at_again(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *live = have_noted(f);
    CM_AUTOFREE char *gone = config_at(f, 22, "red");
    size_t before = fake_api_count(f->api, CFG_APPLY);

    fake_api_answer(f->api, CFG_GET, 0, 200, gone);
    fake_api_answer(f->api, CFG_GET, 1, 200, live);
    fake_api_answer(f->api, CFG_TAKE, 0, 409, "{}");
    apply_over(f, (struct agent_sparing){.takes_added = true});
    assert_int_equal(fake_api_count(f->api, NOTE_TAKEN), 1);
    assert_int_equal(fake_api_count(f->api, CFG_APPLY), before + 2);
}

// It is tried once more when the refusal may be because of a change, and never for another reason.
static void what_is_not_ours_to_take_keeps_nothing_from_being_applied(void **state) {
    static const struct {
        int status;
        size_t tries;
    } cases[] = {{422, 2}, {403, 1}, {413, 1}};
    struct fixture *f = *state;
    CM_AUTOFREE char *live = have_noted(f);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t before = fake_api_count(f->api, CFG_APPLY);

        fake_api_answer(f->api, CFG_TAKE, 0, cases[i].status, "{}");
        apply_over(f, (struct agent_sparing){.takes_added = true});
        assert_int_equal(fake_api_count(f->api, CFG_APPLY), before + cases[i].tries + 1);
        see_noted(f);
    }
}

static void a_server_that_cannot_now_is_not_asked_again_at_once(void **state) {
    static const int statuses[] = {429, 500, 503};
    struct fixture *f = *state;
    CM_AUTOFREE char *live = have_noted(f);

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct agent_object object = object_of(CFG, f->desired);
        size_t before = fake_api_count(f->api, CFG_APPLY);

        object.sparing.takes_added = true;
        fake_api_answer(f->api, CFG_TAKE, 0, statuses[i], "{}");
        f->done = false;
        f->driver->ops->apply(f->driver, &object, on_applied, f);
        assert_true(turn_until(f->loop, is_done, f));
        assert_int_not_equal(f->error.code, CM_OK);
        assert_int_equal(fake_api_count(f->api, CFG_APPLY), before + 1);
        see_noted(f);
    }
}

static bool stays(void *ctx) {
    cm_clock_advance(STEP_MS);
    return ((struct fixture *)ctx)->stays;
}

// What the API server does not let go is given back, with who did it, and told as what stays.
static void what_the_server_does_not_let_go_is_given_back(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *live = have_noted(f);
    CM_AUTOFREE char *taken = taken_over(live);
    size_t before = fake_api_count(f->api, CFG_APPLY);

    fake_api_answer(f->api, CFG_FORCED, 0, 200, live);
    fake_api_answer(f->api, CFG_FORCED, 1, 422, "{}");
    fake_api_answer(f->api, CFG_TAKE, 0, 200, live);
    fake_api_answer(f->api, CFG_GET, 1, 200, live);
    fake_api_answer(f->api, CFG_TAKE, 1, 200, taken);
    apply_over(f, (struct agent_sparing){.takes_added = true});
    assert_int_equal(fake_api_count(f->api, CFG_APPLY), before + 4); // there and back
    assert_true(turn_until(f->loop, stays, f));
    apply_over(f, (struct agent_sparing){.takes_added = true});
    assert_int_equal(fake_api_count(f->api, CFG_APPLY), before + 5); // and not again
}

static void what_is_not_to_be_corrected_is_not_taken_away(void **state) {
    static const char *const fields[] = {"/metadata/annotations"};
    static const enum cm_spare_how how[] = {CM_SPARE_NEVER, CM_SPARE_ALWAYS};
    const struct cm_spare_rule rule = {.fields = fields, .field_count = 1};
    struct fixture *f = *state;
    CM_AUTOFREE char *live = have_noted(f);

    fake_api_answer(f->api, CFG_TAKE, 0, 422, "{}");
    apply_over(f, (struct agent_sparing){.takes_added = false});
    see_noted(f);
    apply_over(
        f, (struct agent_sparing){
               .rules = &rule, .how = &how[0], .count = 1, .added = &how[1], .takes_added = true});
    assert_int_equal(fake_api_count(f->api, NOTE_TAKEN), 0);
    see_noted(f);
    apply_over(f, (struct agent_sparing){.rules = &rule, .how = how, .count = 1, .added = &how[0]});
    assert_int_equal(fake_api_count(f->api, NOTE_TAKEN), 2); // refused, and once more
}

// ---- What goes while it is applied

static void what_goes_while_it_is_applied_is_made_anew_as_a_whole(void **state) {
    struct fixture *f = *state;
    struct agent_object object = object_of(CFG, NULL);

    have_config(f);
    CM_AUTOFREE char *live = config_at(f, 21, "blue");
    object.bytes = f->desired;
    object.sparing =
        (struct agent_sparing){.otherwise = CM_SPARE_ALWAYS, .before = cm_buf_ref(f->desired)};
    fake_api_answer(f->api, CFG_GET, 1, 200, live);
    fake_api_answer(f->api, "PATCH /api/v1/namespaces/shop/configmaps/a", 1, 409, "{}");
    f->driver->ops->apply(f->driver, &object, on_applied, f);
    assert_true(turn_until(f->loop, is_done, f));
    cm_buf_unref(object.sparing.before);
    assert_int_equal(f->error.code, CM_OK);
    assert_int_equal(fake_api_count(f->api, "PATCH /api/v1/namespaces/shop/configmaps/a"), 3);
    assert_int_equal(fake_api_count(f->api, "\"c\":\"red\""), 2); // first, and last
}

// ---- In whose name

#define FORCED "PATCH /api/v1/namespaces/shop/configmaps/a?fieldManager=holdfast&force=true"
#define PLAIN "PATCH /api/v1/namespaces/shop/configmaps/a?fieldManager=holdfast\n"
#define CFG_DELETE "DELETE /api/v1/namespaces/shop/configmaps/a"
#define DRY_RUN DB_PATCH "?dryRun=All"
#define THEIRS                                                                                     \
    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","                  \
    "\"namespace\":\"shop\",\"uid\":\"u1\",\"resourceVersion\":\"9\",\"annotations\":{"            \
    "\"kubectl.kubernetes.io/last-applied-configuration\":\"{}\"}},\"data\":{\"c\":\"red\"}}"

static void wait_done_in_accounts_name(struct fixture *f, const char *request) {
    assert_true(turn_until(f->loop, is_done, f));
    assert_int_equal(f->error.code, CM_OK);
    assert_int_equal(fake_api_count_as(f->api, request, AS), 1);
}

static void what_is_there_already_is_taken_over_in_the_accounts_name(void **state) {
    struct fixture *f = *state;

    start(f);
    f->desired = cm_buf_copy(CFG_JSON, strlen(CFG_JSON));
    struct agent_object object = object_of(CFG, f->desired);
    object.adopt = true;
    fake_api_answer(f->api, FORCED, 1, 409, "{}");
    fake_api_answer(f->api, CFG_GET, 0, 200, THEIRS);
    fake_api_answer(f->api, PLAIN, 0, 200, THEIRS);
    f->driver->ops->apply(f->driver, &object, on_applied, f);
    wait_done_in_accounts_name(f, PLAIN);
    assert_int_equal(fake_api_count_as(f->api, FORCED, AS), 2);
}

static void what_cannot_be_changed_is_made_anew_in_the_accounts_name(void **state) {
    struct fixture *f = *state;

    have_config(f);
    CM_AUTOFREE char *live = config_at(f, 21, "blue");
    struct agent_object object = object_of(CFG, f->desired);
    object.recreate = true;
    fake_api_answer(
        f->api, FORCED, 1, 422,
        "{\"message\":\"data: Forbidden: field is immutable when `immutable` is set\"}");
    fake_api_answer(f->api, CFG_GET, 1, 200, live);
    f->driver->ops->apply(f->driver, &object, on_applied, f);
    wait_done_in_accounts_name(f, CFG_DELETE);
    assert_int_equal(fake_api_count_as(f->api, FORCED, AS), 3);
}

static void an_object_is_let_go_in_the_accounts_name(void **state) {
    struct fixture *f = *state;

    have_config(f);
    CM_AUTOFREE char *live = config_at(f, 20, "red");
    struct agent_owned owned = owned_of(f, CFG);
    fake_api_answer(f->api, CFG_GET, 0, 200, live);
    fake_api_answer(f->api, PLAIN, 0, 200, "{}");
    f->driver->ops->release(f->driver, &owned, on_removed, f);
    wait_done_in_accounts_name(f, PLAIN);
}

static void on_proof(void *ctx, enum agent_proof proof, const char *why) {
    (void)proof;
    (void)why;
    ((struct fixture *)ctx)->done = true;
}

static void what_a_form_would_be_is_asked_in_the_accounts_name(void **state) {
    static const char form[] =
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\",\"metadata\":{\"name\":\"db\"},"
        "\"spec\":" SPEC_OF("one", "") "}";
    const struct agent_proof_ask ask = {.app = "shop",
                                        .key = DB,
                                        .default_namespace = "shop",
                                        .controller = "statefulset-controller",
                                        .controller_key = "",
                                        .good = "db-1",
                                        .bytes = form,
                                        .size = sizeof(form) - 1};
    struct fixture *f = *state;

    fake_api_answer(f->api, "GET /apis\n", 0, 200, WITH_ALL);
    start(f);
    f->driver->ops->prove(f->driver, &ask, on_proof, f);
    wait_done_in_accounts_name(f, DRY_RUN);
}

// ---- Removal

static void remove_config(struct fixture *f) {
    struct agent_owned owned = owned_of(f, CFG);

    f->driver->ops->remove(f->driver, &owned, on_removed, f);
    assert_true(turn_until(f->loop, is_done, f));
}

static void a_refused_deletion_is_not_taken_for_done(void **state) {
    struct fixture *f = *state;

    have_config(f);
    CM_AUTOFREE char *live = config_at(f, 20, "red");
    fake_api_answer(f->api, CFG_GET, 0, 200, live);
    fake_api_answer(f->api, "DELETE", 1, 409,
                    "{\"kind\":\"Status\",\"message\":\"admission webhook denied the request\"}");
    remove_config(f);
    assert_int_equal(f->error.code, CM_EBUSY);
    f->done = false;
    fake_api_answer(
        f->api, "DELETE", 1, 409,
        "{\"kind\":\"Status\",\"message\":\"Precondition failed: UID in precondition: u1\"}");
    remove_config(f);
    assert_int_equal(f->error.code, CM_OK);
}

static void what_lost_our_label_is_said_to_be_left(void **state) {
    struct fixture *f = *state;

    have_config(f);
    fake_api_answer(f->api, CFG_GET, 0, 200,
                    "{\"metadata\":{\"name\":\"a\",\"namespace\":\"shop\",\"uid\":\"u1\"}}");
    remove_config(f);
    assert_int_equal(f->error.code, CM_EEXISTS);
    assert_non_null(strstr(f->error.msg, "delete it by hand"));
    assert_int_equal(fake_api_count(f->api, "DELETE"), 0);
}

// ---- Workloads that nobody names

#define ALL_LIST "GET /apis/apps/v1/deployments?limit"
#define ALL_WATCH "GET /apis/apps/v1/deployments?watch=1"
#define ALL_CANARIES "GET /apis/flagger.app/v1beta1/canaries?limit"

// workload_at is one that another agent of ours applied. The caller frees it.
static char *workload_at(const char *ns, const char *name, int version, const char *image) {
    return cm_strf(
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"%s\","
        "\"namespace\":\"%s\",\"uid\":\"u1\",\"generation\":1,\"resourceVersion\":\"%d\","
        "\"managedFields\":[{\"manager\":\"holdfast\",\"operation\":\"Apply\",\"apiVersion\":"
        "\"apps/v1\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:spec\":{\"f:template\":{"
        "\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"main\\\"}\":{\".\":{},"
        "\"f:image\":{},\"f:name\":{}}}}}}}}]},\"spec\":{\"replicas\":1,\"template\":{\"spec\":{"
        "\"containers\":[{\"name\":\"main\",\"image\":\"%s\"}]}}},\"status\":{"
        "\"observedGeneration\":1,\"replicas\":1,\"updatedReplicas\":1,\"readyReplicas\":1,"
        "\"availableReplicas\":1,\"conditions\":[{\"type\":\"Available\",\"status\":\"True\"}]}}",
        name, ns, version, image);
}

static bool is_surveyed(void *ctx) {
    cm_clock_advance(STEP_MS);
    return ((struct fixture *)ctx)->surveyed;
}

static bool is_lost(void *ctx) {
    cm_clock_advance(STEP_MS);
    return ((struct fixture *)ctx)->lost == 1;
}

static void list_workloads(struct fixture *f) {
    CM_AUTOFREE char *web = workload_at("shop", "web", 9, "web:1");
    CM_AUTOFREE char *dns = workload_at("kube-system", "dns", 8, "dns:1");
    CM_AUTOFREE char *both = cm_strf("%s,%s", dns, web);

    fake_api_answer(f->api, "GET /apis\n", 0, 200, WITH_FLAGGER);
    fake_api_answer(f->api, ANY_GET, 0, 200, web);
    list(f, ALL_CANARIES, "");
    list(f, ALL_LIST, both);
}

static bool runs_another(void *ctx) {
    const struct fixture *f = ctx;

    cm_clock_advance(STEP_MS);
    return strcmp(f->group, "app.shop.web web:2\n") == 0 && f->actual != NULL &&
           strstr(f->actual, "web:2") != NULL;
}

static void workloads_that_nobody_names_are_found_as_they_are(void **state) {
    struct fixture *f = *state;

    list_workloads(f);
    start(f);
    assert_true(turn_until(f->loop, is_surveyed, f));
    assert_int_equal(f->workloads, 1); // not the cluster's own
    assert_string_equal(f->group, "app.shop.web web:1\n");
    assert_true(turn_until(f->loop, is_healthy, f));
    assert_int_equal(f->drift_count, 0);
    assert_non_null(strstr(f->actual, "\"image\": \"web:1\""));
    wait_asked(f, ALL_WATCH, 1);
    CM_AUTOFREE char *newer = workload_at("shop", "web", 11, "web:2");
    CM_AUTOFREE char *event = cm_strf("{\"type\":\"MODIFIED\",\"object\":%s}", newer);
    fake_api_answer(f->api, ANY_GET, 0, 200, newer);
    fake_api_event(f->api, ALL_WATCH, event);
    assert_true(turn_until(f->loop, runs_another, f));
    assert_int_equal(f->drift_count, 0);
    CM_AUTOFREE char *gone = cm_strf("{\"type\":\"DELETED\",\"object\":%s}", newer);
    fake_api_answer(f->api, ANY_GET, 0, 404, "{}");
    fake_api_event(f->api, ALL_WATCH, gone);
    assert_true(turn_until(f->loop, is_lost, f));
    assert_true(turn_until(f->loop, is_missing, f));
}

static void what_went_between_two_lists_is_lost(void **state) {
    struct fixture *f = *state;

    list_workloads(f);
    start(f);
    assert_true(turn_until(f->loop, is_surveyed, f));
    wait_asked(f, ALL_WATCH, 1);
    fake_api_answer(f->api, ANY_GET, 0, 404, "{}");
    list(f, ALL_LIST, "");
    fake_api_answer(f->api, ALL_WATCH, 1, 410, "{}");
    fake_api_end(f->api);
    assert_true(turn_until(f->loop, is_lost, f));
    assert_true(turn_until(f->loop, is_missing, f));
}

static void a_survey_ends_though_a_kind_may_not_be_seen(void **state) {
    struct fixture *f = *state;

    list_workloads(f);
    fake_api_answer(f->api, ALL_CANARIES, 0, 403, "{\"kind\":\"Status\",\"message\":\"no\"}");
    start(f);
    assert_true(turn_until(f->loop, is_surveyed, f));
    assert_int_equal(f->workloads, 1);
    assert_true(turn_until(f->loop, is_healthy, f));
}

// end_without_canaries has them answer like this for ever.
static void end_without_canaries(struct fixture *f, int status) {
    list_workloads(f);
    fake_api_answer(f->api, ALL_CANARIES, 0, status, "{}");
    start(f);
    assert_true(turn_until(f->loop, is_surveyed, f));
    assert_int_equal(f->workloads, 1);
    assert_true(turn_until(f->loop, is_healthy, f));
}

static void a_survey_ends_though_a_kind_cannot_be_listed(void **state) {
    end_without_canaries(*state, 500);
}

static void a_survey_ends_though_a_kind_is_not_where_the_server_says(void **state) {
    end_without_canaries(*state, 404);
}

static bool are_two_lost(void *ctx) {
    cm_clock_advance(STEP_MS);
    return ((struct fixture *)ctx)->lost == 2;
}

#define ROLLOUT_GROUP(version)                                                                     \
    "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{\"name\":\"argoproj.io\"},"     \
    "\"versions\":[{\"version\":\"" version "\",\"resources\":[{\"resource\":\"rollouts\","        \
    "\"responseKind\":{\"kind\":\"Rollout\"},\"scope\":\"Namespaced\",\"verbs\":[\"list\","        \
    "\"watch\"]}]}]}]}"
#define ROLLOUT(name)                                                                              \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"shop\",\"uid\":\"u1\","                  \
    "\"resourceVersion\":\"7\"},\"spec\":{}}"

static void what_another_version_does_not_have_or_went_with_its_kind_is_lost(void **state) {
    struct fixture *f = *state;

    fake_api_answer(f->api, "GET /apis\n", 0, 200, ROLLOUT_GROUP("v1alpha1"));
    list(f, "GET /apis/argoproj.io/v1alpha1/rollouts?limit", ROLLOUT("a") "," ROLLOUT("b"));
    list(f, "GET /apis/argoproj.io/v1/rollouts?limit", ROLLOUT("b"));
    start(f);
    assert_true(turn_until(f->loop, is_surveyed, f));
    assert_int_equal(f->workloads, 2);
    wait_asked(f, "GET /apis/argoproj.io/v1alpha1/rollouts?watch=1", 1);
    fake_api_answer(f->api, "GET /apis\n", 0, 200, ROLLOUT_GROUP("v1"));
    fake_api_answer(f->api, "/apis/argoproj.io/v1alpha1/rollouts", 0, 404, "{}");
    fake_api_end(f->api);
    assert_true(turn_until(f->loop, is_lost, f));
    wait_asked(f, "GET /apis/argoproj.io/v1/rollouts?watch=1", 1);
    fake_api_answer(f->api, "GET /apis\n", 0, 200,
                    "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[]}");
    fake_api_answer(f->api, "/apis/argoproj.io/v1/rollouts", 0, 404, "{}");
    fake_api_end(f->api);
    assert_true(turn_until(f->loop, are_two_lost, f));
}

#define OF_DEFINITIONS                                                                             \
    OFFERED("apiextensions.k8s.io", "v1",                                                          \
            RESOURCE("CustomResourceDefinition", "customresourcedefinitions"))
#define ALL_KINDS(...) "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[" __VA_ARGS__ "]}"
#define DEFINITIONS_WATCH "GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions?watch=1"

static bool are_canaries_listed(void *ctx) {
    cm_clock_advance(STEP_MS);
    return fake_api_count(((struct fixture *)ctx)->api, ALL_CANARIES) > 0;
}

// survey_without_canaries surveys a server that has none, and gets them then.
static void survey_without_canaries(struct fixture *f, const char *kinds, const char *then) {
    fake_api_answer(f->api, "GET /apis\n", 0, 200, kinds);
    list(f, ALL_LIST, "");
    list(f, "GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions?limit", "");
    start(f);
    assert_true(turn_until(f->loop, is_surveyed, f));
    if (strstr(kinds, "customresourcedefinitions") != NULL) {
        wait_asked(f, DEFINITIONS_WATCH, 1);
        wait_asked(f, "GET /apis\n", 2); // for what came before it was watched
    }
    list(f, ALL_CANARIES, "");
    fake_api_answer(f->api, "GET /apis\n", 0, 200, then);
}

static void
a_kind_of_workloads_that_comes_later_is_surveyed_when_its_definition_is_seen(void **state) {
    struct fixture *f = *state;

    survey_without_canaries(f, ALL_KINDS(DEPLOYMENTS "," OF_DEFINITIONS),
                            ALL_KINDS(DEPLOYMENTS "," OF_DEFINITIONS "," CANARIES));
    let_pass(f, 7 * (int64_t)MINUTE_MS);
    assert_int_equal(fake_api_count(f->api, ALL_CANARIES), 0); // nothing asks while it is watched
    fake_api_event(f->api, DEFINITIONS_WATCH,
                   "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":"
                   "\"canaries.flagger.app\",\"resourceVersion\":\"30\"}}}");
    assert_true(turn_until(f->loop, are_canaries_listed, f));
}

static void a_kind_of_workloads_is_asked_for_where_definitions_cannot_be_watched(void **state) {
    struct fixture *f = *state;

    survey_without_canaries(f, ALL_KINDS(DEPLOYMENTS), ALL_KINDS(DEPLOYMENTS "," CANARIES));
    let_pass(f, 7 * (int64_t)MINUTE_MS);
    assert_true(turn_until(f->loop, are_canaries_listed, f));
}

static void a_survey_of_some_namespaces_lists_no_others(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *web = workload_at("shop", "web", 9, "web:1");

    list_workloads(f);
    list(f, "GET /apis/apps/v1/namespaces/shop/deployments?limit", web);
    list(f, "GET /apis/apps/v1/namespaces/web/deployments?limit", "");
    list(f, "GET /apis/flagger.app/v1beta1/namespaces/", "");
    start(f);
    assert_true(turn_until(f->loop, is_surveyed, f));
    assert_int_equal(f->workloads, 1);
    assert_true(turn_until(f->loop, is_healthy, f));
    assert_int_equal(fake_api_count(f->api, ALL_LIST), 0);
}

// ---- The inventory

static void a_parent_that_is_gone_is_written_with_all_that_is_tracked(void **state) {
    struct fixture *f = *state;

    track(f, CFG);
    track(f, GEAR);
    start(f);
    wait_asked(f, PARENT, 1);
    assert_int_equal(fake_api_count(f->api, "ConfigMap,Gear.example.com"), 1);
    assert_int_equal(fake_api_count(f->api, "additional-namespaces\":\"shop\""), 1);
}

#define PARENT_LIST "GET /api/v1/namespaces/holdfast-system/secrets?fieldSelector"
#define PARENT_PATH "/api/v1/namespaces/holdfast-system/secrets/holdfast-paris-1"
#define IN_FORCE "holdfast.dev/in-force"

static void remember(struct fixture *f, uint64_t generation) {
    f->driver->ops->remember(f->driver, &(struct agent_mark){2, generation});
}

static void what_is_in_force_is_kept_with_the_inventory_and_written_once(void **state) {
    struct fixture *f = *state;

    remember(f, 7);
    have_config(f); // the kind is written with it
    assert_int_equal(fake_api_count(f->api, PARENT), 1);
    assert_int_equal(fake_api_count(f->api, IN_FORCE "\":\"2.7\""), 1);
    remember(f, 7);
    let_pass(f, 10000);
    assert_int_equal(fake_api_count(f->api, PARENT), 1);
    remember(f, 8);
    remember(f, 9);
    wait_asked(f, IN_FORCE "\":\"2.9\"", 1);
    let_pass(f, 10000);
    assert_int_equal(fake_api_count(f->api, PARENT), 2);
}

static void what_is_in_force_is_written_again_when_that_failed(void **state) {
    struct fixture *f = *state;

    have_config(f);
    fake_api_answer(f->api, PARENT, 1, 500, "{}");
    remember(f, 8);
    wait_asked(f, IN_FORCE, 2);
}

static void on_recalled(void *ctx, const struct agent_mark *mark, const struct cm_err *error) {
    struct fixture *f = ctx;

    f->mark = *mark;
    f->error = *error;
    f->done = true;
}

static void recall(struct fixture *f) {
    f->done = false;
    f->driver->ops->recall(f->driver, on_recalled, f);
    assert_true(turn_until(f->loop, is_done, f));
}

static void answer_mark(struct fixture *f, const char *text) {
    CM_AUTOFREE char *list =
        cm_strf("{\"items\":[{\"metadata\":{\"annotations\":{\"" IN_FORCE "\":\"%s\","
                "\"applyset.kubernetes.io/contains-group-kinds\":\"Gear.example.com\"}}}]}",
                text);

    fake_api_answer(f->api, PARENT_LIST, 0, 200, list);
}

static void what_was_in_force_last_is_read_there_and_stays_when_kinds_are_written(void **state) {
    struct fixture *f = *state;

    start(f);
    recall(f);
    assert_int_equal(f->error.code, CM_OK);
    assert_int_equal(f->mark.generation, 0); // there is no parent
    answer_mark(f, "3.41");
    recall(f);
    assert_int_equal(f->error.code, CM_OK);
    assert_int_equal(f->mark.epoch, 3);
    assert_int_equal(f->mark.generation, 41);
    f->done = false;
    f->desired = cm_buf_copy(CFG_JSON, strlen(CFG_JSON));
    const struct agent_object object = object_of(CFG, f->desired);
    f->driver->ops->apply(f->driver, &object, on_applied, f);
    assert_true(turn_until(f->loop, is_done, f));
    assert_int_equal(fake_api_count(f->api, "ConfigMap,Gear.example.com"), 1);
    assert_int_equal(fake_api_count(f->api, IN_FORCE "\":\"3.41\""), 1);
}

static void apply_kind(struct fixture *f, const char *key, const char *json) {
    cm_buf_unref(f->desired);
    f->desired = cm_buf_copy(json, strlen(json));
    apply_key(f, key);
}

static void what_another_process_has_put_in_force_is_not_taken_back(void **state) {
    struct fixture *f = *state;

    remember(f, 7);
    have_config(f);
    assert_int_equal(fake_api_count(f->api, IN_FORCE "\":\"2.7\""), 1);
    answer_mark(f, "2.12");
    recall(f); // it is read anew
    assert_int_equal(f->mark.generation, 12);
    remember(f, 7);
    apply_kind(f, "Secret/shop/s",
               "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"}}");
    assert_true(fake_api_count(f->api, IN_FORCE "\":\"2.12\"") > 0);
    let_pass(f, 10000);
    assert_int_equal(fake_api_count(f->api, IN_FORCE "\":\"2.7\""), 1);
    f->driver->ops->remember(f->driver, &(struct agent_mark){3, 13});
    wait_asked(f, IN_FORCE "\":\"3.13\"", 1); // a hub goes on from there
}

static void a_recall_is_answered_though_the_parent_cannot_be_written(void **state) {
    struct fixture *f = *state;

    have_config(f);
    fake_api_answer(f->api, "PATCH " PARENT_PATH, 0, 500, "{}");
    fake_api_hold(f->api, "PATCH " PARENT_PATH);
    remember(f, 8);
    wait_asked(f, IN_FORCE, 1);
    answer_mark(f, "2.7");
    f->done = false;
    f->driver->ops->recall(f->driver, on_recalled, f);
    let_pass(f, SECOND_MS);
    assert_false(f->done); // it waits for what is on its way
    fake_api_release(f->api);
    assert_true(turn_until(f->loop, is_done, f));
    assert_int_equal(f->error.code, CM_OK);
    assert_int_equal(f->mark.generation, 7);
}

static void what_makes_no_sense_there_says_nothing(void **state) {
    // 2305843009213693951 is UINT64_MAX / 8.
    static const char *const texts[] = {"",
                                        "7",
                                        "7.",
                                        ".7",
                                        "7.8.9",
                                        "-1.2",
                                        "5.0",
                                        "99999999999999999999.1",
                                        "1.2305843009213693952",
                                        "2305843009213693952.1"};
    struct fixture *f = *state;

    start(f);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        answer_mark(f, texts[i]);
        recall(f);
        assert_int_equal(f->error.code, CM_OK);
        assert_int_equal(f->mark.epoch, 0);
        assert_int_equal(f->mark.generation, 0);
    }
    answer_mark(f, "1.2305843009213693951");
    recall(f);
    assert_int_equal(f->mark.generation, 2305843009213693951);
}

static void a_server_that_does_not_tell_what_was_in_force_is_an_error(void **state) {
    struct fixture *f = *state;

    fake_api_answer(f->api, PARENT_LIST, 0, 403, "{}");
    start(f);
    recall(f);
    assert_true(f->error.code < 0);
    assert_non_null(strstr(f->error.msg, "keep the inventory"));
}

static const char PARENT_JSON[] =
    "{\"metadata\":{\"annotations\":{\"applyset.kubernetes.io/contains-group-kinds\":\"ConfigMap\","
    "\"applyset.kubernetes.io/additional-namespaces\":\"gone,shop\"}}}";

static void recover(struct fixture *f) {
    f->driver->ops->recover(f->driver, on_found, on_recovered, f);
    assert_true(turn_until(f->loop, is_done, f));
}

// recover_in_places lets the agent list nothing but what is in the namespace shop.
static void recover_in_places(struct fixture *f, int namespace_status) {
    CM_AUTOFREE char *list = cm_strf(
        "{\"items\":[{\"metadata\":{\"name\":\"a\",\"namespace\":\"shop\",\"uid\":\"u1\","
        "\"managedFields\":[{\"manager\":\"holdfast\",\"operation\":\"Apply\",\"fieldsV1\":{"
        "\"f:metadata\":{\"f:labels\":{\"f:applyset.kubernetes.io/part-of\":{}}}}}]}}]}");

    fake_api_answer(f->api, "GET /api/v1/namespaces/holdfast-system/secrets/", 0, 200, PARENT_JSON);
    fake_api_answer(f->api, "configmaps?", 0, 403, "{}");
    fake_api_answer(f->api, "/namespaces/shop/configmaps?", 0, 200, list);
    fake_api_answer(f->api, "GET /api/v1/namespaces/gone\n", 0, namespace_status, "{}");
    start(f);
    recover(f);
}

static void a_namespace_that_is_gone_holds_up_no_recovery(void **state) {
    struct fixture *f = *state;

    recover_in_places(f, 404);
    assert_int_equal(f->error.code, CM_OK);
    assert_int_equal(f->found, 1);
}

static void a_namespace_that_cannot_be_seen_is_named(void **state) {
    struct fixture *f = *state;

    recover_in_places(f, 403);
    assert_int_equal(f->error.code, CM_EAUTH);
    assert_non_null(strstr(f->error.msg, "'gone'"));
    assert_non_null(strstr(f->error.msg, "additional-namespaces"));
}

static void a_page_that_is_too_large_is_halved_when_recovering(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *large = cm_new(1, LARGE + 1);

    memset(large, ' ', LARGE);
    fake_api_answer(f->api, "GET /api/v1/namespaces/holdfast-system/secrets/", 0, 200, PARENT_JSON);
    fake_api_answer(f->api, "configmaps?labelSelector", 1, 200, large);
    start(f);
    recover(f);
    assert_int_equal(f->error.code, CM_OK);
    assert_int_equal(fake_api_count(f->api, "&limit=4"), 1);
}

// ---- Requests that hang

enum {
    AT_ONCE = 16,
    SLOW_AT_ONCE = 48,
    SLOW_MS = 2000,
    HANGS_MS = 5000,
    LARGE_TEXT = 600000, // two of them are more than may be under way
};
#define HANGS "/namespaces/hangs/"

// What became of operations whose requests hang.
struct hanging {
    struct fixture *f;
    size_t ended;
    size_t reads;        // forms that were read
    struct cm_err error; // of the last one
};

static void on_hung(void *ctx, const struct agent_applied *result) {
    struct hanging *h = ctx;

    h->ended++;
    h->error = result->error;
}

static void on_removal_hung(void *ctx, const struct cm_err *error, int64_t retry_after_ms) {
    (void)retry_after_ms;
    on_hung(ctx, &(struct agent_applied){.error = *error});
}

// was_seen is was_asked while time stands still.
static bool was_seen(void *ctx) {
    struct fixture *f = ctx;

    return fake_api_count(f->api, f->what) >= f->number;
}

static void wait_seen(struct fixture *f, const char *what, size_t number) {
    f->what = what;
    f->number = number;
    if (!turn_until(f->loop, was_seen, f)) {
        fail_msg("%zu requests of %s, not %zu", fake_api_count(f->api, what), what, number);
    }
}

static bool was_done(void *ctx) {
    return ((struct fixture *)ctx)->done;
}

static bool have_all_ended(void *ctx) {
    const struct hanging *h = ctx;

    return h->ended == h->f->number;
}

static bool has_any_ended(void *ctx) {
    return ((struct hanging *)ctx)->ended > 0;
}

static void on_owner(void *ctx, const char *owner, const struct cm_err *error) {
    (void)owner;
    (void)error;
    ((struct fixture *)ctx)->done = true;
}

// look_twice asks for what needs no slot, so that what was sent before is seen before.
static void look_twice(struct fixture *f) {
    for (int i = 0; i < 2; i++) {
        f->done = false;
        f->driver->ops->owner(f->driver, CFG, "shop", on_owner, f);
        assert_true(turn_until(f->loop, was_done, f));
    }
}

// apply_in begins to apply an object of an App with so much text in it.
static void apply_in(struct hanging *h, const char *app, const char *ns, size_t number, size_t text,
                     agent_applied_fn done, void *ctx) {
    CM_AUTOFREE char *key = cm_strf("ConfigMap/%s/%s-%zu", ns, app, number);
    CM_AUTOFREE char *words = cm_new(1, text + 1);
    memset(words, 'x', text);
    CM_AUTOFREE char *json =
        cm_strf("{\"apiVersion\":\"v1\",\"data\":{\"c\":\"%s\"},\"kind\":\"ConfigMap\","
                "\"metadata\":{\"name\":\"%s-%zu\"}}",
                words, app, number);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = cm_buf_copy(json, strlen(json));
    const struct agent_object object = {
        .app = app, .key = key, .default_namespace = ns, .bytes = bytes, .account = ACCOUNT};

    h->f->driver->ops->apply(h->f->driver, &object, done, ctx);
}

// hang begins so many Apps with one operation each: every third removes something.
static void hang(struct hanging *h, size_t apps, size_t text) {
    for (size_t i = 0; i < apps; i++) {
        CM_AUTOFREE char *app = cm_strf("hung-%zu", i);
        CM_AUTOFREE char *key = cm_strf("ConfigMap/hangs/%s-0", app);

        if (i % 3 == 2 && text == 0) {
            h->f->driver->ops->remove(h->f->driver,
                                      &(struct agent_owned){.app = app,
                                                            .key = key,
                                                            .default_namespace = "hangs",
                                                            .uid = "u1",
                                                            .note = "",
                                                            .account = ACCOUNT},
                                      on_removal_hung, h);
        } else {
            apply_in(h, app, "hangs", 0, text, on_hung, h);
        }
    }
}

// others_go_on has something of another App applied, to its end.
static void others_go_on(struct hanging *h, size_t text) {
    h->f->done = false;
    apply_in(h, "quick", "shop", 0, text, on_applied, h->f);
    assert_true(turn_until(h->f->loop, was_done, h->f));
    assert_int_equal(h->f->error.code, CM_OK);
}

static void start_hanging(struct hanging *h) {
    start(h->f);
    others_go_on(h, 0); // our inventory knows the kind
    apply_in(h, "quick", "hangs", 0, 0, on_applied, h->f);
    h->f->done = false;
    assert_true(turn_until(h->f->loop, was_done, h->f));
    fake_api_hold(h->f->api, HANGS);
}

static void end_hanging(struct hanging *h, size_t count) {
    fake_api_release(h->f->api);
    h->f->number = count;
    assert_true(turn_until(h->f->loop, have_all_ended, h));
}

// hang_all begins so many Apps and waits until all their requests are under way.
static void hang_all(struct hanging *h, size_t apps) {
    hang(h, apps, 0);
    for (size_t seen = AT_ONCE; seen < apps + AT_ONCE; seen += AT_ONCE) {
        wait_seen(h->f, HANGS, 1 + (seen < apps ? seen : apps));
        cm_clock_advance(seen == AT_ONCE ? SLOW_MS : HANGS_MS); // then what is slow already hangs
    }
}

static enum cm_rc on_read(void *ctx, struct agent_read *out, struct cm_err *err) {
    static const char form[] = "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
                               "\"metadata\":{\"name\":\"read\"}}";
    struct hanging *h = ctx;

    (void)err;
    h->reads++;
    out->bytes = cm_buf_copy(form, sizeof(form) - 1);
    return CM_OK;
}

// apply_read begins to apply so many objects of as many Apps that are read when it is their turn.
static void apply_read(struct hanging *h, const char *ns, size_t count) {
    for (size_t i = 0; i < count; i++) {
        CM_AUTOFREE char *app = cm_strf("reads-%zu", i);
        CM_AUTOFREE char *key = cm_strf("ConfigMap/%s/read-%zu", ns, i);
        const struct agent_object object = {.app = app,
                                            .key = key,
                                            .default_namespace = ns,
                                            .read = on_read,
                                            .size = 70,
                                            .account = ACCOUNT};

        h->f->driver->ops->apply(h->f->driver, &object, on_hung, h);
    }
}

// However large it is: it may wait for long, and any number of others with it.
static void what_waits_for_its_turn_is_not_read_before(void **state) {
    static struct hanging h;

    h = (struct hanging){.f = *state};
    start_hanging(&h);
    apply_read(&h, "hangs", 2 * AT_ONCE);
    wait_seen(h.f, "hangs/configmaps/read", AT_ONCE);
    look_twice(h.f);
    assert_int_equal(h.reads, AT_ONCE);
    end_hanging(&h, 2 * AT_ONCE);
    assert_int_equal(h.reads, 2 * AT_ONCE);
}

// Who asked knows by that that it is not the number of others that it waits for.
static void what_waits_for_our_inventory_has_begun(void **state) {
    static struct hanging h;

    h = (struct hanging){.f = *state};
    start_hanging(&h);
    fake_api_hold(h.f->api, PARENT);
    apply_read(&h, "new", 1);
    look_twice(h.f);
    assert_int_equal(h.reads, 1);
    assert_int_equal(h.ended, 0);
    end_hanging(&h, 1);
    assert_int_equal(h.reads, 2); // nothing was kept meanwhile
    assert_int_equal(h.error.code, CM_OK);
}

static void however_many_apps_hang_others_go_on(void **state) {
    static struct hanging h;

    h = (struct hanging){.f = *state};
    start_hanging(&h);
    hang_all(&h, SLOW_AT_ONCE);
    others_go_on(&h, 0);
    assert_int_equal(h.ended, 0);
    end_hanging(&h, SLOW_AT_ONCE);
}

static void what_hangs_longest_is_cut_off_when_there_is_no_place(void **state) {
    enum { HUNG = SLOW_AT_ONCE + AT_ONCE };
    static struct hanging h;

    h = (struct hanging){.f = *state};
    start_hanging(&h);
    hang_all(&h, HUNG);
    others_go_on(&h, 0);
    h.f->number = AT_ONCE;
    assert_true(turn_until(h.f->loop, have_all_ended, &h));
    assert_int_equal(h.error.code, CM_EBUSY);
    assert_non_null(strstr(h.error.msg, "a webhook that hangs"));
    end_hanging(&h, HUNG);
}

// What does not hang yet may only be slow, and has 32 slots.
static void what_may_only_be_slow_gets_no_more_slots(void **state) {
    static struct hanging h;

    h = (struct hanging){.f = *state};
    start_hanging(&h);
    hang(&h, 3 * AT_ONCE, 0);
    wait_seen(h.f, HANGS, 1 + AT_ONCE);
    cm_clock_advance(SLOW_MS);
    wait_seen(h.f, HANGS, 1 + 2 * AT_ONCE);
    cm_clock_advance(SLOW_MS);
    look_twice(h.f);
    assert_int_equal(fake_api_count(h.f->api, HANGS), 1 + 2 * AT_ONCE);
    cm_clock_advance(HANGS_MS - 2 * SLOW_MS);
    wait_seen(h.f, HANGS, 1 + 3 * AT_ONCE);
    end_hanging(&h, 3 * AT_ONCE);
}

// What was slow once takes no place from others: not even when it comes again.
static void an_app_that_was_slow_cuts_nobody_off_when_it_comes_again(void **state) {
    enum { MANY = 2 * SLOW_AT_ONCE };
    static struct hanging h;

    h = (struct hanging){.f = *state};
    start_hanging(&h);
    hang(&h, 2, 0);
    wait_seen(h.f, HANGS, 1 + 2);
    cm_clock_advance(SLOW_MS);
    fake_api_release(h.f->api);
    h.f->number = 2;
    assert_true(turn_until(h.f->loop, have_all_ended, &h));
    fake_api_hold(h.f->api, HANGS);
    for (size_t i = 1; i <= MANY; i++) {
        apply_in(&h, "hung-0", "hangs", i, 0, on_hung, &h);
    }
    wait_seen(h.f, "/hung-0-", 1 + AT_ONCE);
    cm_clock_advance(HANGS_MS);
    others_go_on(&h, 0);
    wait_seen(h.f, "/hung-0-", 1 + SLOW_AT_ONCE / 2); // it leaves as much to others
    for (size_t i = 1; i <= 3; i++) {
        apply_in(&h, "hung-1", "hangs", i, 0, on_hung, &h);
    }
    wait_seen(h.f, "/hung-1-", 1 + 3);
    cm_clock_advance(HANGS_MS);
    others_go_on(&h, 0);
    assert_int_equal(h.ended, 2);
    assert_int_equal(fake_api_count(h.f->api, "/hung-0-"), 1 + SLOW_AT_ONCE / 2);
    end_hanging(&h, 2 + MANY + 3);
}

static void large_objects_that_hang_hold_up_no_other_large_one(void **state) {
    enum { HUNG = 3 };
    static struct hanging h;

    h = (struct hanging){.f = *state};
    start_hanging(&h);
    hang(&h, HUNG, LARGE_TEXT);
    for (size_t seen = 1; seen <= HUNG; seen++) {
        wait_seen(h.f, HANGS, 1 + seen);
        cm_clock_advance(seen == 1 ? SLOW_MS : HANGS_MS);
    }
    others_go_on(&h, LARGE_TEXT);
    assert_int_equal(h.ended, HUNG - 1); // one may have the slow place
    end_hanging(&h, HUNG);
}

// fill_slow_slots has so many requests under way that nothing that is slow gets a slot, while they
// do not hang yet.
static void fill_slow_slots(struct hanging *h) {
    hang(h, AT_ONCE, 0);
    wait_seen(h->f, "/hung-", AT_ONCE);
    cm_clock_advance(SLOW_MS);
    others_go_on(h, 0);
}

// What began while its App was slow does not wait for those that still are.
static void an_app_that_is_quick_again_waits_for_no_slow_slot(void **state) {
    static struct hanging h;

    h = (struct hanging){.f = *state};
    start_hanging(&h);
    h.f->done = false;
    apply_in(&h, "back", "hangs2", 0, 0, on_applied, h.f); // our inventory knows the namespace
    assert_true(turn_until(h.f->loop, was_done, h.f));
    fake_api_hold(h.f->api, "/namespaces/hangs");
    fill_slow_slots(&h);
    apply_in(&h, "back", "shop", 1, 0, on_hung, &h); // something has ended in time
    apply_in(&h, "back", "hangs", 2, 0, on_hung, &h);
    wait_seen(h.f, "/back-2", 1);
    cm_clock_advance(SLOW_MS / 2);
    apply_in(&h, "back", "hangs2", 3, 0, on_hung, &h);
    wait_seen(h.f, "/back-3", 1);
    cm_clock_advance(SLOW_MS / 2);
    look_twice(h.f);
    apply_in(&h, "back", "shop", 4, 0, on_hung, &h);
    look_twice(h.f);
    assert_int_equal(fake_api_count(h.f->api, "/back-4"), 0);
    fake_api_hold(h.f->api, HANGS); // back-3 is answered in time
    wait_seen(h.f, "/back-4", 1);
    end_hanging(&h, AT_ONCE + 4);
}

static void what_waits_for_a_slow_slot_begins_when_others_hang(void **state) {
    static struct hanging h;

    h = (struct hanging){.f = *state};
    start_hanging(&h);
    apply_in(&h, "slow", "hangs", 1, 0, on_hung, &h);
    wait_seen(h.f, "/slow-1", 1);
    cm_clock_advance(SLOW_MS);
    end_hanging(&h, 1);
    fake_api_hold(h.f->api, HANGS);
    fill_slow_slots(&h);
    apply_in(&h, "slow", "shop", 2, 0, on_hung, &h);
    cm_clock_advance(SLOW_MS); // nothing is under way that may become slow
    look_twice(h.f);
    assert_int_equal(fake_api_count(h.f->api, "/slow-2"), 0);
    cm_clock_advance(HANGS_MS - 2 * SLOW_MS);
    wait_seen(h.f, "/slow-2", 1);
    end_hanging(&h, AT_ONCE + 2);
}

// It may be made all the same, and would run twice.
static void a_hook_that_is_being_made_is_not_cut_off(void **state) {
    enum { HUNG = SLOW_AT_ONCE + AT_ONCE };
    static const char form[] = "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
                               "\"metadata\":{\"name\":\"hook\"}}";
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = cm_buf_copy(form, sizeof(form) - 1);
    const struct agent_object hook = {.app = "hook",
                                      .key = "ConfigMap/hangs/hook",
                                      .default_namespace = "hangs",
                                      .bytes = bytes,
                                      .account = ACCOUNT};
    static struct hanging h;

    h = (struct hanging){.f = *state};
    start_hanging(&h);
    fake_api_hold(h.f->api, "PATCH /api/v1" HANGS);
    h.f->done = false;
    h.f->driver->ops->run(h.f->driver, &hook, on_applied, h.f);
    wait_seen(h.f, "PATCH /api/v1" HANGS "configmaps/hook", 1);
    for (size_t i = 0; i < HUNG; i++) {
        CM_AUTOFREE char *app = cm_strf("hung-%zu", i);

        apply_in(&h, app, "hangs", 0, 0, on_hung, &h);
    }
    for (size_t seen = AT_ONCE - 1; seen < HUNG; seen += AT_ONCE) {
        wait_seen(h.f, "/hung-", seen);
        cm_clock_advance(seen < AT_ONCE ? SLOW_MS : HANGS_MS);
    }
    wait_seen(h.f, "/hung-", HUNG);
    assert_true(turn_until(h.f->loop, has_any_ended, &h));
    assert_false(h.f->done);
    end_hanging(&h, HUNG);
    assert_true(turn_until(h.f->loop, was_done, h.f));
    assert_int_equal(h.f->error.code, CM_OK);
}

static void an_app_that_has_answered_has_nearly_all_slots(void **state) {
    static struct hanging h;

    h = (struct hanging){.f = *state};

    start_hanging(&h);
    fake_api_hold(h.f->api, "/busy-");
    apply_in(&h, "busy", "shop", 0, 0, on_hung, &h);
    for (size_t i = 0; i < 2 * AT_ONCE; i++) {
        apply_in(&h, "busy", "shop", 100 + i, 0, on_hung, &h);
    }
    wait_seen(h.f, "/busy-", 1);
    others_go_on(&h, 0);
    assert_int_equal(fake_api_count(h.f->api, "/busy-"), 1);
    fake_api_hold(h.f->api, "/busy-1");
    wait_seen(h.f, "/busy-", 1 + AT_ONCE - 2);
    others_go_on(&h, 0);
    assert_int_equal(fake_api_count(h.f->api, "/busy-"), 1 + AT_ONCE - 2);
    end_hanging(&h, 1 + 2 * AT_ONCE);
}

static const struct CMUnitTest surveys[] = {
#define TEST_SURVEY(f, set) cmocka_unit_test_setup_teardown(f, set, tear_down)
    TEST_SURVEY(workloads_that_nobody_names_are_found_as_they_are, set_up_survey),
    TEST_SURVEY(what_went_between_two_lists_is_lost, set_up_survey),
    TEST_SURVEY(a_survey_ends_though_a_kind_may_not_be_seen, set_up_survey),
    TEST_SURVEY(a_survey_ends_though_a_kind_cannot_be_listed, set_up_survey),
    TEST_SURVEY(a_survey_ends_though_a_kind_is_not_where_the_server_says, set_up_survey),
    TEST_SURVEY(what_another_version_does_not_have_or_went_with_its_kind_is_lost, set_up_survey),
    TEST_SURVEY(a_kind_of_workloads_that_comes_later_is_surveyed_when_its_definition_is_seen,
                set_up_survey),
    TEST_SURVEY(a_kind_of_workloads_is_asked_for_where_definitions_cannot_be_watched,
                set_up_survey),
    TEST_SURVEY(a_survey_of_some_namespaces_lists_no_others, set_up_survey_of_two),
};

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define TEST_POD(f) cmocka_unit_test_setup_teardown(f, set_up_pod, tear_down)

static const struct CMUnitTest tests[] = {
    TEST(a_deletion_is_seen_though_the_look_at_it_fails),
    TEST(a_deletion_is_seen_though_a_look_is_on_its_way),
    TEST(what_is_left_there_is_not_asked_for_again_and_again),
    TEST(an_apply_that_a_status_overtook_costs_no_look),
    TEST(what_is_changed_by_hand_right_after_an_apply_is_seen),
    TEST(who_waits_for_a_namespace_is_told_when_it_comes),
    TEST(who_waits_for_a_kind_is_told_when_it_comes),
    TEST(a_watch_that_is_refused_goes_on_from_a_new_list),
    TEST(a_place_that_is_forgotten_at_once_is_asked_for_with_pauses),
    TEST(a_page_that_is_too_large_is_halved),
    TEST(a_kind_that_cannot_be_watched_is_not_green_for_ever),
    TEST(an_outage_is_no_silence_of_the_watches_that_are_begun_after_it),
    TEST(a_version_that_is_no_longer_offered_is_watched_in_another),
    TEST(nobody_leads_a_deployment_before_it_is_known_that_no_canary_does),
    TEST(what_a_canary_said_before_its_deployment_was_there_is_heard),
    TEST(what_somebody_makes_of_a_template_is_not_taken_for_what_was_applied),
    TEST(what_a_canary_says_before_its_deployment_is_seen_is_heard_then),
    TEST(a_release_is_no_other_for_what_was_added_to_it),
    TEST(who_leads_is_called_as_the_core_calls_it),
    TEST(what_a_canary_made_of_it_still_is_not_when_it_was_put_right),
    TEST(what_a_canary_made_of_it_is_not_though_it_is_told_after_it_was_put_right),
    TEST(who_leads_a_deployment_is_looked_for_while_it_is_not_compared),
    TEST(a_deployment_that_was_applied_is_heard_when_it_is_up),
    TEST(what_a_canary_of_a_daemon_set_said_before_is_heard),
    TEST(a_pod_that_holds_up_is_found_among_however_many),
    TEST(what_a_set_says_before_it_is_tracked_is_heard),
    TEST(what_a_set_says_while_it_is_applied_is_heard),
    TEST(what_is_deleted_while_it_is_applied_is_looked_for),
    TEST(no_pod_is_deleted_where_the_template_is_not_as_git_says),
    TEST(a_job_that_went_while_no_watch_was_open_may_have_ended),
    TEST(a_job_that_is_deleted_before_our_eyes_has_not_ended),
    TEST(pods_say_nothing_of_what_its_controller_has_not_seen),
    TEST(pods_are_not_asked_while_a_rollout_goes_on),
    TEST(pods_are_asked_though_something_changes_all_the_time),
    TEST(which_digests_run_behind_a_tag_is_asked_once_for_a_form),
    TEST(another_form_is_looked_at_once_it_has_come_up),
    TEST(where_pods_may_not_be_listed_nothing_is_known_until_they_may),
    TEST(what_is_refused_once_takes_nothing_away),
    TEST(what_is_deleted_and_made_anew_is_looked_at_again),
    TEST(what_runs_in_an_app_is_told_when_all_of_it_is_known_but_not_much_later),
    TEST(a_tag_of_which_no_pod_says_a_digest_is_not_known),
    TEST(a_look_that_fails_is_tried_again),
    TEST(what_has_no_pods_is_not_asked_but_its_primary_is_if_flagger_made_one),
    TEST(weights_that_are_set_by_hand_between_releases_are_drift_after_a_while),
    TEST(what_is_not_compared_any_more_is_not_looked_at_for_weights_by_hand),
    TEST(what_flagger_left_with_none_gets_as_many_as_its_autoscaler_begins_with),
    TEST(what_flagger_left_with_none_gets_as_many_as_git_says),
    TEST(what_flagger_left_with_none_gets_one_where_nobody_says_more),
    TEST(what_a_canary_keeps_at_none_is_looked_at_for_nobody_else),
    TEST(what_rests_because_somebody_wants_it_so_is_let_be),
    TEST(what_keda_lets_rest_is_let_be),
    TEST(what_an_autoscaler_does_is_told_with_its_name_until_it_goes),
    TEST(a_daemon_set_that_flagger_left_off_all_nodes_is_let_on_them_again),
    TEST(what_people_have_added_is_made_ours_so_that_the_apply_takes_it_away),
    TEST(what_changes_while_it_is_taken_over_is_looked_at_again),
    TEST(what_is_not_ours_to_take_keeps_nothing_from_being_applied),
    TEST(a_server_that_cannot_now_is_not_asked_again_at_once),
    TEST(what_the_server_does_not_let_go_is_given_back),
    TEST(what_is_not_to_be_corrected_is_not_taken_away),
    TEST(what_goes_while_it_is_applied_is_made_anew_as_a_whole),
    TEST(what_is_there_already_is_taken_over_in_the_accounts_name),
    TEST(what_cannot_be_changed_is_made_anew_in_the_accounts_name),
    TEST(an_object_is_let_go_in_the_accounts_name),
    TEST(what_a_form_would_be_is_asked_in_the_accounts_name),
    TEST(a_refused_deletion_is_not_taken_for_done),
    TEST(what_lost_our_label_is_said_to_be_left),
    TEST(a_parent_that_is_gone_is_written_with_all_that_is_tracked),
    TEST_POD(what_the_agent_lives_in_is_not_removed),
    cmocka_unit_test_setup_teardown(who_does_not_know_where_it_lives_lives_where_its_inventory_is,
                                    set_up_pod_only, tear_down),
    TEST_POD(an_agent_is_changed_from_git_but_not_stopped),
    TEST_POD(an_agent_is_not_made_anew_under_itself),
    TEST(what_is_in_force_is_kept_with_the_inventory_and_written_once),
    TEST(what_is_in_force_is_written_again_when_that_failed),
    TEST(what_was_in_force_last_is_read_there_and_stays_when_kinds_are_written),
    TEST(what_makes_no_sense_there_says_nothing),
    TEST(what_another_process_has_put_in_force_is_not_taken_back),
    TEST(a_recall_is_answered_though_the_parent_cannot_be_written),
    TEST(a_server_that_does_not_tell_what_was_in_force_is_an_error),
    TEST(a_namespace_that_is_gone_holds_up_no_recovery),
    TEST(a_namespace_that_cannot_be_seen_is_named),
    TEST(a_page_that_is_too_large_is_halved_when_recovering),
    TEST(what_waits_for_its_turn_is_not_read_before),
    TEST(what_waits_for_our_inventory_has_begun),
    TEST(however_many_apps_hang_others_go_on),
    TEST(what_hangs_longest_is_cut_off_when_there_is_no_place),
    TEST(what_may_only_be_slow_gets_no_more_slots),
    TEST(an_app_that_was_slow_cuts_nobody_off_when_it_comes_again),
    TEST(large_objects_that_hang_hold_up_no_other_large_one),
    TEST(an_app_that_is_quick_again_waits_for_no_slow_slot),
    TEST(what_waits_for_a_slow_slot_begins_when_others_hang),
    TEST(a_hook_that_is_being_made_is_not_cut_off),
    TEST(an_app_that_has_answered_has_nearly_all_slots),
};

int main(void) {
    return cmocka_run_group_tests(surveys, NULL, NULL) + cmocka_run_group_tests(tests, NULL, NULL);
}
