#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sim/internal.h"
#include "agent/sim/merge.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/object/inside.h"
#include "common/object/owner.h"
#include "common/str.h"

enum { IN_FLIGHT = 64, CHANGES_MAX = 32, POOL_SWEEP = 1024 };

#define CRD_KIND "CustomResourceDefinition"
#define CRD_GROUP "apiextensions.k8s.io"

struct sim_failing {
    enum cm_rc code;
};

struct agent_sim_pool {
    struct cm_map *bufs; // hash as hex: struct cm_buf
    size_t sweep_at;
};

// ---- The pool

static void unref_buf(void *buf) {
    cm_buf_unref(buf);
}

struct agent_sim_pool *agent_sim_pool_new(void) {
    struct agent_sim_pool *pool = cm_new(1, sizeof(*pool));

    pool->bufs = cm_map_new(unref_buf);
    pool->sweep_at = POOL_SWEEP;
    return pool;
}

void agent_sim_pool_free(struct agent_sim_pool *pool) {
    if (pool != NULL) {
        cm_map_free(pool->bufs);
        free(pool);
    }
}

static bool drop_unused(void *ctx, const char *key, void *value) {
    const struct cm_buf *buf = value;

    if (buf->refs == 1) {
        (void)cm_map_remove(ctx, key);
    }
    return true;
}

struct cm_buf *sim_share(struct agent_sim *sim, struct cm_buf *bytes) {
    struct agent_sim_pool *pool = sim->config.pool;
    char hex[CM_SHA256_HEX_MAX];

    if (pool == NULL) {
        return bytes;
    }
    struct cm_sha256 hash = cm_sha256(bytes->data, bytes->size);
    cm_sha256_hex(&hash, hex);
    struct cm_buf *known = cm_map_get(pool->bufs, hex);
    if (known != NULL) {
        cm_buf_unref(bytes);
        return cm_buf_ref(known);
    }
    if (cm_map_len(pool->bufs) >= pool->sweep_at) {
        cm_map_each(pool->bufs, drop_unused, pool->bufs);
        pool->sweep_at = cm_map_len(pool->bufs) * 2 + POOL_SWEEP;
    }
    cm_map_put(pool->bufs, hex, cm_buf_ref(bytes));
    return bytes;
}

// ---- Objects

static void drop_changes(struct sim_object *o) {
    while (o->changes != NULL) {
        struct sim_change *change = o->changes;

        o->changes = change->next;
        free(change->path);
        free(change->manager);
        free(change);
    }
}

static void object_free(void *object) {
    struct sim_object *o = object;

    cm_list_remove(&o->settling);
    drop_changes(o);
    cm_buf_unref(o->live);
    cm_buf_unref(o->applied);
    free(o->key);
    free(o->core_key);
    free(o->owner);
    free(o->app);
    free(o->default_namespace);
    free(o->declares);
    free(o);
}

bool sim_is_site(const char *key) {
    static const char start[] = AGENT_SIM_EXEMPTION "/";

    return strncmp(key, start, sizeof(start) - 1) == 0;
}

struct sim_object *sim_find(const struct agent_sim *sim, const char *key) {
    return cm_map_get(sim->objects, key);
}

static struct sim_object *object_new(struct agent_sim *sim, const char *key) {
    struct sim_object *o = cm_new(1, sizeof(*o));

    cm_list_init(&o->settling);
    o->key = cm_strdup(key);
    cm_uuid(o->uid);
    cm_map_put(sim->objects, key, o);
    return o;
}

// take_object takes an object out of the cluster.
static void take_object(struct agent_sim *sim, struct sim_object *o) {
    CM_AUTOFREE char *key = cm_strdup(o->key);

    (void)cm_map_remove(sim->objects, key);
    sim_changed(sim, key);
}

static struct cm_json *parse(struct cm_arena *a, const struct cm_buf *bytes) {
    struct cm_json *tree = NULL;
    struct cm_err err;

    if (bytes == NULL ||
        cm_json_parse(a, (const char *)bytes->data, bytes->size, NULL, &tree, &err) < 0) {
        return NULL;
    }
    return tree;
}

struct doomed {
    struct agent_sim *sim;
    const char *key; // of what takes others with it
    const struct cm_json *form;
};

static bool drop_inside(void *ctx, const char *key, void *value) {
    const struct doomed *d = ctx;

    if (cm_object_inside(d->key, d->form, key)) {
        take_object(d->sim, value);
    }
    return true;
}

// drop_object removes an object; what is in a Namespace, or of the kind that a
// CustomResourceDefinition declares, goes with it.
static void drop_object(struct agent_sim *sim, struct sim_object *o) {
    CM_AUTOFREE char *kind = CM_TAKE(o->declares);

    if (kind == NULL && strncmp(o->key, "Namespace/", strlen("Namespace/")) != 0) {
        take_object(sim, o);
        return;
    }
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct doomed doomed = {sim, cm_arena_strdup(a, o->key), parse(a, o->live)};
    take_object(sim, o);
    if (kind != NULL) {
        (void)cm_map_remove(sim->declared, kind);
    }
    cm_map_each(sim->objects, drop_inside, &doomed);
}

enum agent_health sim_health(const struct sim_object *o, const char **why) {
    if (o->degraded) {
        *why = "degraded on request";
        return AGENT_HEALTH_DEGRADED;
    }
    if (o->healthy_at_ms > cm_clock_now_ms()) {
        *why = "the simulated rollout goes on";
        return AGENT_HEALTH_PROGRESSING;
    }
    *why = "";
    return AGENT_HEALTH_HEALTHY;
}

bool sim_has_releases(const struct sim_object *o) {
    static const char *const kinds[] = {"Deployment.apps/", "StatefulSet.apps/", "DaemonSet.apps/",
                                        "Rollout.argoproj.io/"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strncmp(o->key, kinds[i], strlen(kinds[i])) == 0) {
            return true;
        }
    }
    return false;
}

void sim_token(const struct cm_buf *form, char out[SIM_TOKEN_MAX]) {
    struct cm_sha256 hash = cm_sha256(form->data, form->size);
    char hex[CM_SHA256_HEX_MAX];

    cm_sha256_hex(&hash, hex);
    (void)snprintf(out, SIM_TOKEN_MAX, "%.16s", hex);
}

// begin_release gives what was just applied its token.
static void begin_release(struct sim_object *o) {
    char token[SIM_TOKEN_MAX];

    sim_token(o->applied, token);
    o->undone_ms = 0;
    if (!sim_has_releases(o) || strcmp(token, o->token) == 0) {
        return;
    }
    if (!o->rejected) {
        memcpy(o->good, o->token, sizeof(o->good));
    }
    memcpy(o->token, token, sizeof(token));
    o->rejected = false;
}

enum cm_rc agent_sim_decide(struct agent_sim *sim, const struct agent_sim_decision *what,
                            struct cm_err *err) {
    struct sim_object *o = sim_find(sim, what->key);

    if (o == NULL || o->token[0] == '\0' || sim->driver == NULL) {
        return cm_fail(err, CM_ENOTFOUND, "'%s' is no workload that the agent has applied",
                       what->key);
    }
    bool before = o->rejected;
    o->rejected =
        what->verdict == AGENT_VERDICT_REJECTED || what->verdict == AGENT_VERDICT_CONFIG_REJECTED;
    if (!sim_driver_decide(sim->driver, o, what)) {
        o->rejected = before;
        return cm_fail(err, CM_ENOTFOUND, "the agent does not follow '%s' yet", what->key);
    }
    return CM_OK;
}

enum cm_rc agent_sim_digests(struct agent_sim *sim, const char *key, const char *const *images,
                             size_t count, struct cm_err *err) {
    return sim->driver != NULL && sim_driver_digests(sim->driver, key, images, count)
               ? CM_OK
               : cm_fail(err, CM_ENOTFOUND, "the agent does not follow '%s'", key);
}

static bool takes_time(const char *key) {
    static const char *const kinds[] = {
        "Deployment.apps/", "StatefulSet.apps/", "DaemonSet.apps/", "Job.batch/",
        "Namespace/",       CRD_KIND "."}; // NOLINT(bugprone-suspicious-missing-comma)

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strncmp(key, kinds[i], strlen(kinds[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void schedule_settle(struct agent_sim *sim) {
    int64_t soonest = INT64_MAX;

    for (struct cm_list *l = sim->settling.next; l != &sim->settling; l = l->next) {
        const struct sim_object *o = CM_CONTAINER(l, struct sim_object, settling);

        soonest = o->healthy_at_ms < soonest ? o->healthy_at_ms : soonest;
    }
    if (soonest != INT64_MAX) {
        cm_timer_start(sim->loop, &sim->settle, soonest - cm_clock_now_ms());
    }
}

static void settle(void *ctx) {
    struct agent_sim *sim = ctx;
    int64_t now = cm_clock_now_ms();
    struct cm_list *next;

    for (struct cm_list *l = sim->settling.next; l != &sim->settling; l = next) {
        struct sim_object *o = CM_CONTAINER(l, struct sim_object, settling);

        next = l->next;
        if (o->healthy_at_ms <= now) {
            cm_list_remove(&o->settling);
            sim_changed(sim, o->key);
        }
    }
    schedule_settle(sim);
}

static void begin_rollout(struct agent_sim *sim, struct sim_object *o) {
    if (sim->config.health_ms <= 0 || !takes_time(o->key)) {
        return;
    }
    o->healthy_at_ms = cm_clock_now_ms() + sim->config.health_ms;
    cm_list_remove(&o->settling);
    cm_list_append(&sim->settling, &o->settling);
    if (sim->settle.at == 0) {
        cm_timer_start(sim->loop, &sim->settle, sim->config.health_ms);
    }
}

static struct cm_buf *canonical(const struct cm_json *tree) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_json_write_canonical(tree, &text);
    return cm_buf_copy(text.data, text.len);
}

// ---- Kinds and namespaces

static const char *declared_name(struct cm_arena *a, const char *kind, const char *group) {
    return cm_arena_strf(a, "%s.%s", kind, group);
}

static void learn_declared(struct agent_sim *sim, struct sim_object *o, const struct cm_json *crd) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *kind = cm_json_string(cm_json_path(crd, "spec", "names", "kind", NULL));
    const char *group = cm_json_string(cm_json_path(crd, "spec", "group", NULL));
    const char *scope = cm_json_string(cm_json_path(crd, "spec", "scope", NULL));

    if (strncmp(o->key, CRD_KIND "." CRD_GROUP "/", strlen(CRD_KIND "." CRD_GROUP "/")) != 0 ||
        kind == NULL || group == NULL) {
        return;
    }
    free(o->declares);
    o->declares = cm_strdup(declared_name(a, kind, group));
    o->declares_cluster = scope != NULL && strcmp(scope, "Cluster") == 0;
    cm_map_put(sim->declared, o->declares, o);
}

static enum cm_object_scope scope_of(const struct agent_sim *sim, struct cm_arena *a,
                                     const struct cm_object_id *id) {
    enum cm_object_scope scope = cm_object_scope(id->group, id->kind);
    const struct sim_object *crd;
    const char *why;

    if (scope != CM_SCOPE_UNKNOWN) {
        return scope;
    }
    crd = cm_map_get(sim->declared, declared_name(a, id->kind, id->group));
    if (crd == NULL || sim_health(crd, &why) != AGENT_HEALTH_HEALTHY) {
        return CM_SCOPE_UNKNOWN;
    }
    return crd->declares_cluster ? CM_SCOPE_CLUSTER : CM_SCOPE_NAMESPACED;
}

const char *sim_resolve(const struct agent_sim *sim, struct cm_arena *a, const char *key,
                        const char *default_namespace) {
    struct cm_object_id id;

    if (!cm_object_key_parse(a, key, &id) || id.namespace[0] != '\0' ||
        scope_of(sim, a, &id) == CM_SCOPE_CLUSTER) {
        return cm_arena_strdup(a, key);
    }
    id.namespace = default_namespace[0] == '\0' ? "default" : default_namespace;
    return cm_object_key(a, &id);
}

static enum cm_rc check_kind(const struct agent_sim *sim, struct cm_arena *a,
                             const struct cm_object_id *id, struct cm_err *err) {
    if (scope_of(sim, a, id) == CM_SCOPE_UNKNOWN) {
        return cm_fail(err, CM_EBUSY,
                       "no kind '%s' in group '%s' is declared: its CustomResourceDefinition is "
                       "not there yet",
                       id->kind, id->group);
    }
    if (!sim->config.strict_namespaces || id->namespace[0] == '\0' ||
        strcmp(id->namespace, "default") == 0 ||
        sim_find(sim, cm_arena_strf(a, "Namespace//%s", id->namespace)) != NULL) {
        return CM_OK;
    }
    return cm_fail(err, CM_EBUSY, "namespaces '%s' not found", id->namespace);
}

// ---- Requests

struct refusal {
    const char *key;
    const char *text;
    const char *account;
    const struct sim_failing *how;
};

static bool match_failing(void *ctx, const char *text, void *value) {
    struct refusal *r = ctx;

    if (strstr(r->key, text) != NULL || strstr(r->account, text) != NULL) {
        r->text = text;
        r->how = value;
        return false;
    }
    return true;
}

bool sim_refuses(const struct agent_sim *sim, const char *key, const char *account,
                 struct cm_err *err) {
    struct refusal r = {.key = key, .account = account};

    if (!sim->reachable) {
        (void)cm_fail(err, CM_EIO, "the simulated cluster does not answer");
        return true;
    }
    cm_map_each(sim->failing, match_failing, &r);
    if (r.how == NULL) {
        return false;
    }
    (void)cm_fail(err, r.how->code, "refused on request: the key or the account holds '%s'",
                  r.text);
    return true;
}

bool sim_is_ours(const struct agent_sim *sim, const struct sim_object *o) {
    return o->core_key != NULL && strcmp(o->owner, sim->identity) == 0;
}

static void remember(const struct agent_sim *sim, struct sim_object *o,
                     const struct agent_object *from) {
    free(o->core_key);
    free(o->owner);
    free(o->app);
    free(o->default_namespace);
    o->core_key = cm_strdup(from->key);
    o->owner = cm_strdup(sim->identity);
    o->app = cm_strdup(from->app);
    o->default_namespace = cm_strdup(from->default_namespace);
}

static bool same_bytes(const struct cm_buf *x, const struct cm_buf *y) {
    return x == y ||
           (x != NULL && y != NULL && x->size == y->size && memcmp(x->data, y->data, x->size) == 0);
}

// set_live replaces an object's content and tells whether that changed anything.
static bool set_live(struct agent_sim *sim, struct sim_object *o, const struct cm_json *tree) {
    struct cm_buf *bytes = canonical(tree);

    if (same_bytes(bytes, o->live)) {
        cm_buf_unref(bytes);
        return false;
    }
    cm_buf_unref(o->live);
    o->live = sim_share(sim, bytes);
    learn_declared(sim, o, tree);
    return true;
}

static const char *manager_of(void *ctx, const char *path) {
    const struct sim_spare_ctx *s = ctx;
    const struct sim_change *by = sim_changed_by(s->object, path);

    return by == NULL ? "" : by->manager;
}

const char *sim_owner_key(const struct agent_sim *sim, struct cm_arena *a,
                          const struct sim_object *o, const char *owner) {
    return sim_resolve(sim, a, owner, o->default_namespace == NULL ? "" : o->default_namespace);
}

static bool holds(void *ctx, const char *owner) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct sim_spare_ctx *s = ctx;
    const char *key = sim_owner_key(s->sim, a, s->object, owner);

    cm_map_put(s->sim->owners, key, s->sim);
    return sim_find(s->sim, key) != NULL;
}

struct cm_spare sim_spare(struct sim_spare_ctx *ctx, const struct cm_spare_rule *rules,
                          size_t count) {
    return (struct cm_spare){
        .rules = rules, .count = count, .manager_of = manager_of, .holds = holds, .ctx = ctx};
}

// spared returns what is to be applied when what shall be let be is taken over as it is; a
// reference. What cannot be read is refused later.
static struct cm_buf *spared(struct agent_sim *sim, struct cm_arena *a, struct sim_object *o,
                             const struct agent_object *object) {
    const struct agent_sparing *s = &object->sparing;
    struct sim_spare_ctx ctx = {sim, o};
    struct cm_spare spare = sim_spare(&ctx, s->rules, s->count);
    struct cm_json *desired = o == NULL ? NULL : parse(a, object->bytes);
    bool any = s->count > 0 || s->otherwise != CM_SPARE_NEVER;

    if (desired == NULL || !any) {
        return cm_buf_ref(object->bytes);
    }
    (void)cm_spare_apply(a, &spare, s->how, s->otherwise, parse(a, s->before), desired,
                         parse(a, o->live));
    return canonical(desired);
}

// put_desired makes the object as we want it; others' fields stay. `form` is what of it is applied
// now.
static enum cm_rc put_desired(struct agent_sim *sim, struct cm_arena *a, struct sim_object *o,
                              struct cm_buf *desired, struct cm_buf *form, bool *written,
                              struct cm_err *err) {
    struct cm_json *tree = NULL;
    enum cm_rc rc = cm_json_parse(a, (const char *)form->data, form->size, NULL, &tree, err);

    if (rc < 0) {
        return rc;
    }
    struct cm_json *live = parse(a, o->live);
    if (live == NULL) {
        live = tree;
    } else {
        agent_sim_merge(a, parse(a, o->applied), tree, live);
    }
    *written = set_live(sim, o, live);
    cm_buf_unref(o->applied);
    o->applied =
        same_bytes(desired, o->live) ? cm_buf_ref(o->live) : sim_share(sim, cm_buf_ref(desired));
    begin_release(o);
    if (same_bytes(desired, form)) { // else something of others is still there
        drop_changes(o);
    }
    return CM_OK;
}

// may_change tells whether an object that is there may become what is desired. One that cannot be
// changed is dropped if it is to be made anew.
static enum cm_rc may_change(struct agent_sim *sim, struct sim_object *o,
                             const struct agent_object *object, const struct cm_buf *form,
                             struct cm_err *err) {
    const char *field = "";
    enum cm_rc rc = CM_OK;

    if (o->core_key != NULL && !sim_is_ours(sim, o) && !object->adopt) {
        return cm_fail(err, CM_EINVAL,
                       "it belongs to another holdfast agent (App '%s'); take it out there, or "
                       "write 'adopt: true' in the App to take it over",
                       o->app);
    }
    if (o->core_key == NULL && !object->adopt) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        rc = cm_object_owner_check(parse(a, o->live), NULL, err);
    }
    if (rc == CM_OK && object->yields) {
        rc = sim_check_conflicts(o, form, err);
    }
    if (rc < 0 || !sim_is_fixed(o, form, &field)) {
        return rc;
    }
    if (!object->recreate) {
        return cm_fail(err, CM_EINVAL,
                       "%s cannot be changed: delete the object, or write 'recreate: true' in the "
                       "App to have it deleted and made anew",
                       field);
    }
    drop_object(sim, o);
    return CM_OK;
}

// put makes an object new, or changes it.
static enum cm_rc put(struct agent_sim *sim, const char *key, const struct agent_object *object,
                      struct cm_buf *form, bool *written, struct sim_object **out,
                      struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct sim_object *o = sim_find(sim, key);
    bool is_new = o == NULL;

    o = is_new ? object_new(sim, key) : o;
    if (!is_new && o->core_key == NULL && sim_was_made_by_hand(o)) {
        cm_buf_unref(o->applied);
        o->applied = cm_buf_ref(o->live); // as if we had set all of it
        begin_release(o);
    }
    enum cm_rc rc = put_desired(sim, a, o, object->bytes, form, written, err);
    if (rc < 0) {
        if (is_new) {
            drop_object(sim, o);
        }
        return rc;
    }
    *out = o;
    return CM_OK;
}

enum cm_rc sim_apply(struct agent_sim *sim, const struct agent_object *object, bool *written,
                     struct sim_object **out, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *key = sim_resolve(sim, a, object->key, object->default_namespace);
    struct sim_object *o = sim_find(sim, key);
    struct cm_object_id id;

    sim->stats.applies++;
    if (!cm_object_key_parse(a, key, &id)) {
        return cm_fail(err, CM_EINVAL, "'%s' is no key", key);
    }
    enum cm_rc rc = check_kind(sim, a, &id, err);
    if (rc == CM_OK && o != NULL && object->once) {
        *out = o;
        return CM_OK;
    }
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *form = spared(sim, a, o, object);
    rc = rc < 0 || o == NULL ? rc : may_change(sim, o, object, form, err);
    rc = rc < 0 ? rc : put(sim, key, object, form, written, out, err);
    if (rc < 0) {
        return rc;
    }
    remember(sim, *out, object);
    if (*written) {
        sim->stats.writes++;
        sim_note(sim, "write", key, *out);
        begin_rollout(sim, *out);
        sim_changed(sim, key);
    }
    return CM_OK;
}

enum cm_rc sim_run(struct agent_sim *sim, const struct agent_object *object, bool *written,
                   struct sim_object **out, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct sim_object *o =
        sim_find(sim, sim_resolve(sim, a, object->key, object->default_namespace));

    if (o != NULL && !sim_is_ours(sim, o)) {
        return cm_fail(err, CM_EINVAL,
                       "%s is there already and was not made by this agent: delete it, or give the "
                       "hook another name",
                       object->key);
    }
    if (o != NULL) {
        drop_object(sim, o);
    }
    return sim_apply(sim, object, written, out, err);
}

void sim_adopt(struct agent_sim *sim, const struct agent_owned *owned, struct cm_buf *desired) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *key = sim_resolve(sim, a, owned->key, owned->default_namespace);
    struct agent_object object = {.app = owned->app,
                                  .key = owned->key,
                                  .default_namespace = owned->default_namespace,
                                  .bytes = desired};
    bool written = false;
    struct cm_err err;

    if (owned->uid[0] == '\0' || sim_find(sim, key) != NULL) {
        return;
    }
    struct sim_object *o = object_new(sim, key);
    if (put_desired(sim, a, o, desired, desired, &written, &err) < 0) {
        drop_object(sim, o);
        return;
    }
    (void)snprintf(o->uid, sizeof(o->uid), "%s", owned->uid);
    remember(sim, o, &object);
    sim_note(sim, "adopt", key, o);
}

enum cm_rc sim_remove(struct agent_sim *sim, const char *key, const char *uid, struct cm_err *err) {
    struct sim_object *o = sim_find(sim, key);

    (void)err;
    sim->stats.removes++;
    if (o != NULL && sim_is_ours(sim, o) && (uid[0] == '\0' || strcmp(o->uid, uid) == 0)) {
        sim_note(sim, "remove", key, NULL);
        drop_object(sim, o);
    }
    return CM_OK;
}

void sim_release(struct agent_sim *sim, const char *key, const char *uid) {
    struct sim_object *o = sim_find(sim, key);

    if (o != NULL && sim_is_ours(sim, o) && (uid[0] == '\0' || strcmp(o->uid, uid) == 0)) {
        free(o->core_key);
        o->core_key = NULL;
        sim_note(sim, "release", key, o);
    }
}

// ---- Made and asked from outside

struct agent_sim *agent_sim_new(struct cm_loop *loop, const struct agent_sim_config *config) {
    struct agent_sim *sim = cm_new(1, sizeof(*sim));

    sim->loop = loop;
    sim->config = *config;
    sim->config.in_flight = config->in_flight == 0 ? IN_FLIGHT : config->in_flight;
    sim->objects = cm_map_new(object_free);
    sim->declared = cm_map_new(NULL);
    sim->failing = cm_map_new(free);
    sim->degraded = cm_map_new(NULL);
    sim->owners = cm_map_new(NULL);
    sim->reachable = true;
    sim->identity = cm_strdup("");
    cm_list_init(&sim->settling);
    sim->settle = (struct cm_timer){.run = settle, .ctx = sim};
    return sim;
}

void agent_sim_free(struct agent_sim *sim) {
    if (sim == NULL) {
        return;
    }
    assert(sim->driver == NULL);
    cm_timer_stop(sim->loop, &sim->settle);
    cm_map_free(sim->objects);
    cm_map_free(sim->declared);
    cm_map_free(sim->failing);
    cm_map_free(sim->degraded);
    cm_map_free(sim->owners);
    free(sim->identity);
    free(sim->marked);
    free(sim);
}

void agent_sim_forget(struct agent_sim *sim) {
    free(sim->marked);
    sim->marked = NULL;
}

void sim_note(const struct agent_sim *sim, const char *what, const char *key,
              const struct sim_object *o) {
    if (sim->config.noted != NULL) {
        sim->config.noted(sim->config.ctx,
                          &(struct agent_sim_note){what, key, o == NULL ? NULL : o->live});
    }
}

void sim_changed(struct agent_sim *sim, const char *key) {
    if (sim->driver != NULL) {
        sim_driver_changed(sim->driver, key);
    }
    if (sim->driver != NULL && cm_map_get(sim->owners, key) != NULL) {
        sim_driver_owner(sim->driver, key);
    }
}

void agent_sim_set_latency(struct agent_sim *sim, int64_t latency_ms) {
    sim->config.latency_ms = latency_ms;
}

void agent_sim_set_health_ms(struct agent_sim *sim, int64_t health_ms) {
    sim->config.health_ms = health_ms;
}

void agent_sim_fail(struct agent_sim *sim, const char *substring, enum cm_rc code) {
    if (code == CM_OK) {
        (void)cm_map_remove(sim->failing, substring);
        return;
    }
    struct sim_failing *how = cm_new(1, sizeof(*how));
    how->code = code;
    cm_map_put(sim->failing, substring, how);
}

static bool match_degraded(void *ctx, const char *text, void *value) {
    struct sim_object *o = ctx;

    (void)value;
    o->degraded = o->degraded || strstr(o->key, text) != NULL;
    return true;
}

static bool judge(void *ctx, const char *key, void *value) {
    struct agent_sim *sim = ctx;
    struct sim_object *o = value;
    bool was = o->degraded;

    o->degraded = false;
    cm_map_each(sim->degraded, match_degraded, o);
    if (was != o->degraded) {
        sim_changed(sim, key);
    }
    return true;
}

void agent_sim_degrade(struct agent_sim *sim, const char *substring, bool on) {
    if (on) {
        cm_map_put(sim->degraded, substring, sim);
    } else {
        (void)cm_map_remove(sim->degraded, substring);
    }
    cm_map_each(sim->objects, judge, sim);
}

uint64_t agent_sim_in_force(const struct agent_sim *sim) {
    return sim->mark.generation;
}

void agent_sim_set_reachable(struct agent_sim *sim, bool reachable) {
    if (sim->reachable == reachable) {
        return;
    }
    sim->reachable = reachable;
    if (sim->driver != NULL) {
        sim_driver_reachable(sim->driver, reachable);
    }
}

static void note_change(struct sim_object *o, const char *path, const char *manager) {
    struct sim_change *change = cm_new(1, sizeof(*change));
    size_t count = 0;

    change->path = cm_strdup(path);
    change->manager = cm_strdup(manager);
    change->at_ms = cm_clock_unix_ms();
    change->next = o->changes;
    o->changes = change;
    for (struct sim_change *c = o->changes; c != NULL; c = c->next) {
        if (++count == CHANGES_MAX && c->next != NULL) { // the oldest is forgotten
            free(c->next->path);
            free(c->next->manager);
            free(c->next);
            c->next = NULL;
        }
    }
}

// value_of reads JSON, or takes the text as a string.
static struct cm_json *value_of(struct cm_arena *a, const char *text) {
    struct cm_json *value = NULL;
    struct cm_err err;

    if (cm_json_parse(a, text, strlen(text), NULL, &value, &err) < 0) {
        return cm_json_new_string(a, text);
    }
    return value;
}

// tell_undone: as `kubectl rollout undo` does.
static void tell_undone(struct agent_sim *sim, struct sim_object *o, const char *path,
                        const char *manager) {
    static const char template[] = "spec.template.spec";

    if (strcmp(manager, "kubectl") == 0 && o->token[0] != '\0' && sim->driver != NULL &&
        strncmp(path, template, strlen(template)) == 0) {
        o->undone_ms = cm_clock_unix_ms();
        (void)sim_driver_decide(
            sim->driver, o,
            &(struct agent_sim_decision){
                .key = o->key, .verdict = AGENT_VERDICT_UNDONE, .weight = -1, .text = "undone"});
    }
}

enum cm_rc agent_sim_change(struct agent_sim *sim, const char *key, const char *path,
                            const char *value, const char *manager, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct sim_object *o = sim_find(sim, key);

    if (o == NULL) {
        return cm_fail(err, CM_ENOTFOUND, "the simulated cluster has no '%s'", key);
    }
    struct cm_json *tree = parse(a, o->live);
    if (tree == NULL || !agent_sim_set(a, tree, path, value_of(a, value))) {
        return cm_fail(err, CM_EINVAL, "'%s' has no field '%s'", key, path);
    }
    if (set_live(sim, o, tree)) {
        note_change(o, path, manager);
        sim_note(sim, "change", key, o);
        sim_changed(sim, key);
        tell_undone(sim, o, path, manager);
    }
    return CM_OK;
}

enum cm_rc agent_sim_delete(struct agent_sim *sim, const char *key, struct cm_err *err) {
    struct sim_object *o = sim_find(sim, key);

    if (o == NULL) {
        return cm_fail(err, CM_ENOTFOUND, "the simulated cluster has no '%s'", key);
    }
    sim_note(sim, "delete", key, NULL);
    drop_object(sim, o);
    return CM_OK;
}

enum cm_rc agent_sim_create(struct agent_sim *sim, const char *key, const char *json,
                            const char *manager, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *tree = NULL;
    enum cm_rc rc = cm_json_parse(a, json, strlen(json), NULL, &tree, err);

    if (rc < 0) {
        return rc;
    }
    if (sim_find(sim, key) != NULL) {
        drop_object(sim, sim_find(sim, key));
    }
    struct sim_object *o = object_new(sim, key);
    (void)set_live(sim, o, tree);
    note_change(o, "", manager);
    sim_note(sim, "create", key, o);
    sim_changed(sim, key);
    return CM_OK;
}

struct cm_buf *agent_sim_get(const struct agent_sim *sim, const char *key) {
    const struct sim_object *o = sim_find(sim, key);

    return o == NULL ? NULL : cm_buf_ref(o->live);
}

void agent_sim_stats_get(const struct agent_sim *sim, struct agent_sim_stats *out) {
    *out = sim->stats;
    out->objects = cm_map_len(sim->objects);
}
