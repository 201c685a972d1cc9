#include "tests/unit/agent/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/fsys.h"
#include "common/json.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

enum { PATIENCE_S = 100, MOMENTS_OF_A_MS = 5 };

char *temp_dir(void) {
    char path[] = "/tmp/holdfast-test-XXXXXX";

    return mkdtemp(path) == NULL ? NULL : cm_strdup(path);
}

void temp_dir_remove(char *path) {
    struct cm_err err;
    enum cm_rc rc = cm_fsys_remove_tree(path, &err);

    if (rc < 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
    }
    free(path);
}

bool time_goes_on;

bool turn_until(struct cm_loop *loop, bool (*holds)(void *ctx), void *ctx) {
    const struct timespec moment = {.tv_nsec = 1000000 / MOMENTS_OF_A_MS};
    int moments = 0;
    struct timespec now;
    struct timespec begin;

    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    while (!holds(ctx)) {
        if (!cm_loop_turn(loop)) {
            (void)nanosleep(&moment, NULL); // another thread has the word
            if (time_goes_on && ++moments % MOMENTS_OF_A_MS == 0) {
                cm_clock_advance(1);
            }
        }
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec - begin.tv_sec > PATIENCE_S) {
            return false;
        }
    }
    return true;
}

// made_up writes a simple object for a key, KIND[.GROUP]/[NAMESPACE]/NAME.
static char *made_up(const char *key) {
    CM_AUTOFREE char *copy = cm_strdup(key);
    char *namespace = strchr(copy, '/');
    char *name = strrchr(copy, '/');
    char *group = strchr(copy, '.');

    *name++ = '\0';
    *namespace ++ = '\0';
    namespace = namespace == name ? name + strlen(name) : namespace;
    if (group != NULL && group < namespace) {
        *group++ = '\0';
    } else {
        group = NULL;
    }
    return cm_strf(
        "{\"apiVersion\":\"%s%sv1\",\"kind\":\"%s\",\"metadata\":{\"name\":\"%s\"%s%s%s},"
        "\"spec\":{\"replicas\":1}}",
        group == NULL ? "" : group, group == NULL ? "" : "/", copy, name,
        namespace[0] == '\0' ? "" : ",\"namespace\":\"", namespace,
        namespace[0] == '\0' ? "" : "\"");
}

struct cm_buf *object_bytes(const struct test_object *o) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE char *text = o->json == NULL ? made_up(o->key) : cm_strdup(o->json);
    CM_CLEANUP(cm_str_done) struct cm_str out = {0};
    struct cm_json *tree = NULL;
    struct cm_err err;

    if (cm_json_parse(a, text, strlen(text), NULL, &tree, &err) < 0) {
        (void)fprintf(stderr, "%s: %s\n", o->key, err.msg);
        abort();
    }
    cm_json_write_canonical(tree, &out);
    return cm_buf_copy(out.data, out.len);
}

struct cm_sha256 object_name(const struct test_object *o) {
    struct cm_buf *bytes = object_bytes(o);
    struct cm_sha256 name = o->secret ? cm_hmac_sha256("hub", 3, bytes->data, bytes->size)
                                      : cm_sha256(bytes->data, bytes->size);

    cm_buf_unref(bytes);
    return name;
}

static void add_blob(struct test_release *r, const struct cm_sha256 *name, struct cm_buf *bytes,
                     bool secret) {
    r->blobs = cm_resize(r->blobs, (r->blob_count + 1) * sizeof(*r->blobs));
    r->blobs[r->blob_count++] = (struct test_blob){*name, bytes, secret};
}

static ProtobufCBinaryData hash_bytes(struct cm_arena *a, const struct cm_sha256 *h) {
    uint8_t *copy = cm_arena_get(a, sizeof(h->bytes));

    memcpy(copy, h->bytes, sizeof(h->bytes));
    return (ProtobufCBinaryData){.len = sizeof(h->bytes), .data = copy};
}

static char *text_in(struct cm_arena *a, const char *text) {
    return cm_arena_strdup(a, text == NULL ? "" : text);
}

static Holdfast__V1__BundleEntry *entry_of(struct cm_arena *a, struct test_release *r,
                                           const struct test_object *o) {
    Holdfast__V1__BundleEntry *e = cm_arena_get(a, sizeof(*e));
    struct cm_sha256 name = object_name(o);
    struct cm_buf *bytes = object_bytes(o);

    holdfast__v1__bundle_entry__init(e);
    e->key = text_in(a, o->key);
    e->sha256 = hash_bytes(a, &name);
    e->size = (uint32_t)bytes->size;
    e->secret = o->secret;
    e->recreate = o->recreate;
    e->keep = o->keep;
    e->once = o->once;
    e->rests = o->rests;
    e->drift_rules = o->rules;
    e->wave = o->wave;
    e->phase = (Holdfast__V1__Phase)o->phase;
    e->hook_delete = (Holdfast__V1__HookDelete)o->hook_delete;
    add_blob(r, &name, bytes, o->secret);
    return e;
}

static void add_rules(struct cm_arena *a, const struct test_app *app, Holdfast__V1__Bundle *m) {
    m->drift_rules = cm_arena_get(a, (app->rule_count + 1) * sizeof(void *));
    for (size_t i = 0; i < app->rule_count; i++) {
        Holdfast__V1__DriftRules *list = cm_arena_get(a, sizeof(*list));
        Holdfast__V1__DriftRule *rule = cm_arena_get(a, sizeof(*rule));

        holdfast__v1__drift_rules__init(list);
        holdfast__v1__drift_rule__init(rule);
        rule->fields = cm_arena_get(a, sizeof(char *));
        rule->fields[rule->n_fields++] = text_in(a, app->rules[i].field);
        rule->drift = (Holdfast__V1__Drift)app->rules[i].drift;
        rule->capture = app->rules[i].capture;
        list->rules = cm_arena_get(a, sizeof(void *));
        list->rules[list->n_rules++] = rule;
        m->drift_rules[m->n_drift_rules++] = list;
    }
}

static struct cm_buf *bundle_of(struct cm_arena *a, struct test_release *r,
                                const struct test_app *app) {
    Holdfast__V1__Bundle m;
    Holdfast__V1__HealthOptions health;

    holdfast__v1__bundle__init(&m);
    holdfast__v1__health_options__init(&health);
    m.version = 1;
    m.app = text_in(a, app->name);
    m.namespace_ = text_in(a, app->namespace);
    m.drift = (Holdfast__V1__Drift)app->drift;
    m.prune = !app->no_prune;
    m.prune_precious = app->prune_precious;
    m.suspend = app->suspend;
    if (app->hooks_for != NULL) {
        struct cm_sha256 name = cm_sha256(app->hooks_for, strlen(app->hooks_for));

        m.hooks_for = hash_bytes(a, &name);
    }
    m.adopt = app->adopt;
    m.recreate = app->recreate;
    m.propagation = (Holdfast__V1__Propagation)app->propagation;
    health.timeout_s = app->health_timeout_s;
    health.holds_undo = app->holds_undo;
    health.rules.data = (uint8_t *)text_in(a, app->health_rules);
    health.rules.len = strlen((const char *)health.rules.data);
    m.health = &health;
    m.account = text_in(a, app->account);
    m.conflicts = app->yields ? HOLDFAST__V1__CONFLICTS__CONFLICTS_FAIL
                              : HOLDFAST__V1__CONFLICTS__CONFLICTS_FORCE;
    m.depends_on = cm_arena_get(a, 4 * sizeof(char *));
    while (m.n_depends_on < 4 && app->depends_on[m.n_depends_on] != NULL) {
        m.depends_on[m.n_depends_on] = text_in(a, app->depends_on[m.n_depends_on]);
        m.n_depends_on++;
    }
    m.entries = cm_arena_get(a, (app->object_count + 1) * sizeof(void *));
    for (size_t i = 0; i < app->object_count; i++) {
        m.entries[m.n_entries++] = entry_of(a, r, &app->objects[i]);
    }
    add_rules(a, app, &m);
    return wire_pack(&m.base);
}

static Holdfast__V1__ManifestApp *manifest_app(struct cm_arena *a, struct test_release *r,
                                               const struct test_app *app) {
    Holdfast__V1__ManifestApp *m = cm_arena_get(a, sizeof(*m));
    struct cm_buf *bundle = bundle_of(a, r, app);
    struct cm_sha256 name = cm_sha256(bundle->data, bundle->size);

    holdfast__v1__manifest_app__init(m);
    m->name = text_in(a, app->name);
    m->revision = text_in(a, app->revision);
    m->bundle_sha256 = hash_bytes(a, &name);
    m->bundle_size = (uint32_t)bundle->size;
    if (app->answers != NULL) {
        m->n_answered = 1;
        m->answered = cm_arena_get(a, sizeof(*m->answered));
        m->answered[0] = hash_bytes(a, app->answers);
    }
    add_blob(r, &name, bundle, false);
    return m;
}

static Holdfast__V1__GoneApp *gone_app(struct cm_arena *a, const struct test_gone *gone) {
    Holdfast__V1__GoneApp *m = cm_arena_get(a, sizeof(*m));

    holdfast__v1__gone_app__init(m);
    m->name = text_in(a, gone->name);
    m->revision = text_in(a, "c0ffee");
    m->account = text_in(a, gone->account);
    m->prune = gone->prune;
    m->held = gone->held;
    return m;
}

struct test_release *release_new(const struct test_manifest *from) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct test_release *r = cm_new(1, sizeof(*r));
    Holdfast__V1__Manifest m;

    holdfast__v1__manifest__init(&m);
    m.version = 1;
    m.cluster_id = text_in(a, TEST_CLUSTER);
    m.cluster_name = text_in(a, "paris-1");
    m.epoch = from->epoch;
    m.generation = from->generation;
    m.apps = cm_arena_get(a, (from->app_count + 1) * sizeof(void *));
    for (size_t i = 0; i < from->app_count; i++) {
        m.apps[m.n_apps++] = manifest_app(a, r, &from->apps[i]);
    }
    m.gone = cm_arena_get(a, (from->gone_count + 1) * sizeof(void *));
    for (size_t i = 0; i < from->gone_count; i++) {
        m.gone[m.n_gone++] = gone_app(a, &from->gone[i]);
    }
    r->manifest = wire_pack(&m.base);
    r->manifest_sha256 = cm_sha256(r->manifest->data, r->manifest->size);
    return r;
}

void release_free(struct test_release *r) {
    if (r == NULL) {
        return;
    }
    cm_buf_unref(r->manifest);
    for (size_t i = 0; i < r->blob_count; i++) {
        cm_buf_unref(r->blobs[i].bytes);
    }
    free(r->blobs);
    free(r);
}

void release_freep(struct test_release **r) {
    release_free(*r);
}

const struct test_blob *release_find(const struct test_release *r, const struct cm_sha256 *name) {
    for (size_t i = 0; i < r->blob_count; i++) {
        if (cm_sha256_equal(&r->blobs[i].name, name)) {
            return &r->blobs[i];
        }
    }
    return NULL;
}

static bool attach(struct agent_desired_app *app, const struct test_release *r) {
    CM_CLEANUP(agent_bundle_unrefp) struct agent_bundle *b = NULL;
    const struct test_blob *blob = release_find(r, &app->bundle_sha256);
    struct cm_err err;

    return blob != NULL &&
           agent_bundle_decode(blob->bytes->data, blob->bytes->size, &blob->name, &b, &err) ==
               CM_OK &&
           agent_desired_attach(app, b, &err) == CM_OK;
}

struct agent_desired *desired_new(const struct test_release *r) {
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = NULL;
    struct cm_err err;

    if (agent_desired_decode(r->manifest->data, r->manifest->size, TEST_CLUSTER, &d, &err) < 0) {
        return NULL;
    }
    for (size_t i = 0; i < d->app_count; i++) {
        if (!attach(&d->apps[i], r)) {
            return NULL;
        }
    }
    agent_desired_finish(d);
    return CM_TAKE(d);
}
