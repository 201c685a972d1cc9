#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sim/internal.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/actual.h"
#include "common/object/diff.h"
#include "common/object/id.h"
#include "common/object/inside.h"
#include "common/object/keep.h"
#include "common/object/owner.h"
#include "common/str.h"

enum { VALUE_MAX = 256, WHOSE_MAX = 128 };

#define ONCE "once" // the note of what is only made, never changed

enum op_type {
    OP_APPLY,
    OP_RUN,
    OP_TAIL,
    OP_REMOVE,
    OP_RELEASE,
    OP_RECOVER,
    OP_RECALL,
    OP_OWNER,
    OP_PROVE
};

// A request. Requests wait in order; those in flight come first in the list.
struct op {
    struct cm_list in_queue;
    enum op_type type;
    bool started;
    int64_t due_ms;
    char *app;
    char *key;
    char *default_namespace;
    char *account;
    char *uid;
    struct cm_buf *bytes;
    agent_read_fn read; // NULL: bytes are there
    struct cm_err unread;
    bool adopt;
    bool yields;
    bool recreate;
    bool once;
    const struct agent_sim *sim;
    struct agent_sparing sparing;
    agent_applied_fn applied;
    agent_tail_fn tail;
    agent_removed_fn removed;
    agent_found_fn found;
    agent_recovered_fn recovered;
    agent_recalled_fn recalled;
    agent_owner_fn owner;
    agent_proof_fn proof;
    void *ctx;
};

// A key that the core wants to hear of.
struct tracked {
    char *core_key;
    char *key; // complete
    bool once; // nothing is drift
    struct agent_sim_driver *driver;
    struct cm_list waiting; // in driver->to_observe while an observation is due
};

struct agent_sim_driver {
    struct agent_driver base;
    struct agent_sim *sim;
    struct agent_driver_host host;
    bool started;
    bool told_reachable;
    bool adopt;
    struct cm_list queue;
    size_t in_flight;
    struct cm_timer timer;
    struct cm_map *tracked; // by the core's key
    struct cm_map *by_key;  // by complete key
    struct cm_list to_observe;
    bool sites_due;      // who allows what is to be told
    struct cm_task task; // runs observations, and the end of a stop
    bool task_posted;
    bool stopping;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static struct agent_sim_driver *self(struct agent_driver *d) {
    return CM_CONTAINER(d, struct agent_sim_driver, base);
}

static void op_free(struct op *op) {
    cm_list_remove(&op->in_queue);
    cm_buf_unref(op->bytes);
    cm_buf_unref(op->sparing.before);
    free(op->app);
    free(op->key);
    free(op->default_namespace);
    free(op->uid);
    free(op->account);
    free(op);
}

static void tracked_free(void *value) {
    struct tracked *t = value;

    cm_list_remove(&t->waiting);
    free(t->core_key);
    free(t->key);
    free(t);
}

static void post(struct agent_sim_driver *d) {
    if (!d->task_posted && d->started) {
        d->task_posted = true;
        cm_loop_post(d->sim->loop, &d->task);
    }
}

static void want_observation(struct agent_sim_driver *d, struct tracked *t) {
    cm_list_remove(&t->waiting);
    cm_list_append(&d->to_observe, &t->waiting);
    if (d->sim->reachable) {
        post(d);
    }
}

void sim_driver_changed(struct agent_sim_driver *d, const char *key) {
    struct tracked *t = cm_map_get(d->by_key, key);

    if (sim_is_site(key)) {
        d->sites_due = true;
        post(d);
    }
    if (t != NULL) {
        want_observation(d, t);
    }
}

struct depending {
    struct agent_sim_driver *driver;
    const char *owner;
};

// observe_if_depends looks at an object again of which a rule depends on an owner.
static bool observe_if_depends(void *ctx, const char *key, void *value) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct depending *on = ctx;
    struct agent_sim_driver *d = on->driver;
    struct tracked *t = value;
    const struct sim_object *o = sim_find(d->sim, key);
    size_t count = 0;
    const struct cm_spare_rule *rules = d->host.rules(d->host.ctx, t->core_key, &count);

    for (size_t i = 0; i < count && o != NULL; i++) {
        const char *owner = rules[i].owner;

        if (owner != NULL && strcmp(sim_owner_key(d->sim, a, o, owner), on->owner) == 0) {
            want_observation(d, t);
        }
    }
    return true;
}

void sim_driver_owner(struct agent_sim_driver *d, const char *key) {
    struct depending on = {d, key};

    cm_map_each(d->by_key, observe_if_depends, &on);
}

// ---- Requests

static struct op *queue_op(struct agent_sim_driver *d, enum op_type type, void *ctx) {
    struct op *op = cm_new(1, sizeof(*op));

    op->type = type;
    op->sim = d->sim;
    op->ctx = ctx;
    cm_list_init(&op->in_queue);
    cm_list_append(&d->queue, &op->in_queue);
    return op;
}

// read_forms: what cannot be read fails in its time.
static void read_forms(struct agent_sim *sim, struct op *op) {
    struct agent_read forms = {0};

    if (op->read == NULL || op->read(op->ctx, &forms, &op->unread) < 0) {
        return;
    }
    op->bytes = sim_share(sim, forms.bytes);
    op->sparing.before = forms.before == NULL ? NULL : sim_share(sim, forms.before);
}

// start_ops lets as many requests go as may be in flight, and sets the timer for the first.
static void start_ops(struct agent_sim_driver *d) {
    if (d->stopping) {
        return;
    }
    for (struct cm_list *l = d->queue.next;
         l != &d->queue && d->in_flight < d->sim->config.in_flight; l = l->next) {
        struct op *op = CM_CONTAINER(l, struct op, in_queue);

        if (!op->started) {
            op->started = true;
            read_forms(d->sim, op);
            op->due_ms = cm_clock_now_ms() + d->sim->config.latency_ms;
            d->in_flight++;
        }
    }
    if (!cm_list_empty(&d->queue) && d->timer.at == 0) {
        const struct op *first = CM_CONTAINER(d->queue.next, struct op, in_queue);

        cm_timer_start(d->sim->loop, &d->timer, first->due_ms - cm_clock_now_ms());
    }
}

// An object as it is before an apply.
struct before {
    bool there;
    bool ours;
    char uid[CM_UUID_MAX];
    char whose[WHOSE_MAX];
};

static struct before look_before(const struct agent_sim_driver *d, const struct op *op) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct sim_object *o =
        sim_find(d->sim, sim_resolve(d->sim, a, op->key, op->default_namespace));
    struct before b = {.there = o != NULL, .ours = o != NULL && sim_is_ours(d->sim, o)};

    if (o != NULL) {
        const struct sim_change *by = sim_changed_by(o, "");

        (void)snprintf(b.uid, sizeof(b.uid), "%s", o->uid);
        (void)snprintf(b.whose, sizeof(b.whose), "%s", by == NULL ? "" : by->manager);
    }
    return b;
}

// say_besides says what an apply did besides.
static void say_besides(const struct op *op, const struct before *b, struct agent_applied *out) {
    if (!b->there || op->once || op->type == OP_RUN) {
        return;
    }
    if (strcmp(b->uid, out->uid) != 0) {
        out->besides = AGENT_BESIDES_RECREATED;
        out->said = "deleted and made anew, because a field cannot be changed";
    } else if (!b->ours) {
        out->besides = AGENT_BESIDES_ADOPTED;
        out->whose = b->whose;
        out->said = "the object was there already and is ours now";
    }
}

static void end_apply(struct agent_sim_driver *d, struct op *op, bool canceled) {
    struct agent_object object = {.app = op->app,
                                  .key = op->key,
                                  .default_namespace = op->default_namespace,
                                  .bytes = op->bytes,
                                  .adopt = op->adopt,
                                  .yields = op->yields,
                                  .recreate = op->recreate,
                                  .once = op->once,
                                  .sparing = op->sparing};
    struct agent_applied result = {.uid = "", .note = ""};
    const struct before before = look_before(d, op);
    struct sim_object *o = NULL;

    if (canceled) {
        (void)cm_fail(&result.error, CM_ECANCELED, "the driver is stopped");
    } else if (d->base.observes) {
        (void)cm_fail(&result.error, CM_EAUTH, AGENT_OBSERVES);
    } else if (op->unread.code != CM_OK) {
        result.error = op->unread;
    } else if (!sim_refuses(d->sim, op->key, op->account, &result.error) &&
               (op->type == OP_RUN ? sim_run : sim_apply)(d->sim, &object, &result.written, &o,
                                                          &result.error) == CM_OK) {
        result.error = (struct cm_err){0};
        result.uid = o->uid;
        result.note = op->once ? ONCE : "";
        say_besides(op, &before, &result);
    }
    op->applied(op->ctx, &result);
}

static void end_tail(struct op *op, bool canceled) {
    struct cm_err error = {0};

    if (canceled) {
        (void)cm_fail(&error, CM_ECANCELED, "the driver is stopped");
    }
    op->tail(op->ctx, canceled ? "" : "the simulated pod says nothing more", &error);
}

// is_wanted tells whether another key of the same object is tracked: one that names its namespace
// and one that leaves it to the App mean the same.
static bool is_wanted(const struct agent_sim_driver *d, const char *complete, const char *key) {
    const struct tracked *t = cm_map_get(d->by_key, complete);

    return t != NULL && strcmp(t->core_key, key) != 0;
}

static void end_remove(struct agent_sim_driver *d, struct op *op, bool canceled) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *key = sim_resolve(d->sim, a, op->key, op->default_namespace);
    const char *account = sim_find(d->sim, key) != NULL ? op->account : ""; // only who deletes
    struct cm_err error = {0};

    if (canceled) {
        (void)cm_fail(&error, CM_ECANCELED, "the driver is stopped");
    } else if (d->base.observes) {
        (void)cm_fail(&error, CM_EAUTH, AGENT_OBSERVES);
    } else if (!is_wanted(d, key, op->key) && !sim_refuses(d->sim, op->key, account, &error)) {
        if (op->type == OP_RELEASE) {
            sim_release(d->sim, key, op->uid);
        } else {
            error.code = sim_remove(d->sim, key, op->uid, &error);
        }
    }
    op->removed(op->ctx, &error, 0);
}

static bool says_keep(const struct sim_object *o) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *tree = NULL;
    struct cm_err ignored;

    return cm_json_parse(a, (const char *)o->live->data, o->live->size, NULL, &tree, &ignored) ==
               CM_OK &&
           cm_object_says_keep(tree);
}

static bool tell_found(void *ctx, const char *key, void *value) {
    const struct op *op = ctx;
    const struct sim_object *o = value;

    if (sim_is_ours(op->sim, o)) { // it says where it is, not how its App called it
        op->found(op->ctx, &(struct agent_owned){.app = o->app,
                                                 .key = key,
                                                 .default_namespace = o->default_namespace,
                                                 .uid = o->uid,
                                                 .note = "",
                                                 .keep = says_keep(o)});
    }
    return true;
}

static void end_recover(struct agent_sim_driver *d, struct op *op, bool canceled) {
    struct cm_err error = {0};

    if (canceled) {
        (void)cm_fail(&error, CM_ECANCELED, "the driver is stopped");
    } else if (!d->sim->reachable) {
        (void)cm_fail(&error, CM_EIO, "the simulated cluster does not answer");
    } else {
        cm_map_each(d->sim->objects, tell_found, op);
    }
    op->recovered(op->ctx, &error);
}

static void end_recall(struct agent_sim_driver *d, struct op *op, bool canceled) {
    const struct agent_sim *sim = d->sim;
    struct agent_mark mark = {0};
    struct cm_err error = {0};

    if (canceled) {
        (void)cm_fail(&error, CM_ECANCELED, "the driver is stopped");
    } else if (!sim->reachable) {
        (void)cm_fail(&error, CM_EIO, "the simulated cluster does not answer");
    } else if (sim->marked != NULL && strcmp(sim->marked, sim->identity) == 0) {
        mark = sim->mark;
    }
    op->recalled(op->ctx, &mark, &error);
}

static void end_owner(struct agent_sim_driver *d, struct op *op, bool canceled) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct sim_object *o =
        sim_find(d->sim, sim_resolve(d->sim, a, op->key, op->default_namespace));
    char owner[CM_OWNER_MAX] = "";
    struct cm_json *tree = NULL;
    struct cm_err error = {0};

    if (canceled) {
        (void)cm_fail(&error, CM_ECANCELED, "the driver is stopped");
    } else if (!d->sim->reachable) {
        (void)cm_fail(&error, CM_EIO, "the simulated cluster does not answer");
    } else if (o != NULL && o->core_key == NULL &&
               cm_json_parse(a, (const char *)o->live->data, o->live->size, NULL, &tree, &error) ==
                   CM_OK) {
        (void)cm_object_owner_find(tree, NULL, owner);
    }
    op->owner(op->ctx, owner, &error);
}

// end_prove compares tokens, which are of whole objects.
static void end_prove(struct agent_sim_driver *d, struct op *op, bool canceled) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct sim_object *o =
        sim_find(d->sim, sim_resolve(d->sim, a, op->key, op->default_namespace));

    if (canceled || !d->sim->reachable) {
        op->proof(op->ctx, AGENT_PROOF_NONE, "the simulated cluster does not answer");
    } else if (o == NULL || (o->good[0] == '\0' && o->rejected)) {
        op->proof(op->ctx, AGENT_PROOF_NONE, "what its controller runs is not there");
    } else if (strcmp(op->uid, o->good) == 0 || (strcmp(op->uid, o->token) == 0 && !o->rejected)) {
        op->proof(op->ctx, AGENT_PROOF_SAME, "");
    } else {
        op->proof(op->ctx, AGENT_PROOF_DIFFERENT, "it is not as in what runs");
    }
}

static void end_op(struct agent_sim_driver *d, struct op *op, bool canceled) {
    cm_list_remove(&op->in_queue);
    d->in_flight -= op->started ? 1 : 0;
    if (op->type == OP_APPLY || op->type == OP_RUN) {
        end_apply(d, op, canceled);
    } else if (op->type == OP_TAIL) {
        end_tail(op, canceled);
    } else if (op->type == OP_REMOVE || op->type == OP_RELEASE) {
        end_remove(d, op, canceled);
    } else if (op->type == OP_OWNER) {
        end_owner(d, op, canceled);
    } else if (op->type == OP_PROVE) {
        end_prove(d, op, canceled);
    } else if (op->type == OP_RECALL) {
        end_recall(d, op, canceled);
    } else {
        end_recover(d, op, canceled);
    }
    op_free(op);
}

static void run_timer(void *ctx) {
    struct agent_sim_driver *d = ctx;
    int64_t now = cm_clock_now_ms();

    while (!cm_list_empty(&d->queue)) {
        struct op *op = CM_CONTAINER(d->queue.next, struct op, in_queue);

        // NOLINTNEXTLINE(clang-analyzer-unix.Malloc) what was freed left the list
        if (!op->started || op->due_ms > now) {
            break;
        }
        end_op(d, op, false);
    }
    start_ops(d);
}

static void queue_write(struct agent_driver *base, enum op_type type,
                        const struct agent_object *object, agent_applied_fn done, void *ctx) {
    struct agent_sim_driver *d = self(base);
    struct op *op = queue_op(d, type, ctx);

    op->app = cm_strdup(object->app);
    op->key = cm_strdup(object->key);
    op->default_namespace = cm_strdup(object->default_namespace);
    op->bytes = object->bytes == NULL ? NULL : sim_share(d->sim, cm_buf_ref(object->bytes));
    op->read = object->bytes == NULL ? object->read : NULL;
    op->adopt = object->adopt;
    op->yields = object->yields;
    op->recreate = object->recreate;
    op->once = object->once;
    op->account = cm_strdup(object->account);
    op->sparing = object->sparing;
    if (op->sparing.before != NULL) {
        op->sparing.before = sim_share(d->sim, cm_buf_ref(op->sparing.before));
    }
    op->applied = done;
    start_ops(d);
}

static void apply(struct agent_driver *base, const struct agent_object *object,
                  agent_applied_fn done, void *ctx) {
    queue_write(base, OP_APPLY, object, done, ctx);
}

static void run(struct agent_driver *base, const struct agent_object *object, agent_applied_fn done,
                void *ctx) {
    queue_write(base, OP_RUN, object, done, ctx);
}

static void tail(struct agent_driver *base, const char *key, agent_tail_fn done, void *ctx) {
    struct agent_sim_driver *d = self(base);
    struct op *op = queue_op(d, OP_TAIL, ctx);

    op->key = cm_strdup(key);
    op->tail = done;
    start_ops(d);
}

static void queue_end(struct agent_driver *base, enum op_type type,
                      const struct agent_owned *object, agent_removed_fn done, void *ctx) {
    struct agent_sim_driver *d = self(base);
    struct op *op = queue_op(d, type, ctx);

    op->key = cm_strdup(object->key);
    op->default_namespace = cm_strdup(object->default_namespace);
    op->uid = cm_strdup(object->uid);
    op->account = cm_strdup(object->account);
    op->removed = done;
    start_ops(d);
}

static void remove_object(struct agent_driver *base, const struct agent_owned *object,
                          agent_removed_fn done, void *ctx) {
    queue_end(base, OP_REMOVE, object, done, ctx);
}

static void release_object(struct agent_driver *base, const struct agent_owned *object,
                           agent_removed_fn done, void *ctx) {
    queue_end(base, OP_RELEASE, object, done, ctx);
}

static void ask_owner(struct agent_driver *base, const char *key, const char *default_namespace,
                      agent_owner_fn done, void *ctx) {
    struct agent_sim_driver *d = self(base);
    struct op *op = queue_op(d, OP_OWNER, ctx);

    op->key = cm_strdup(key);
    op->default_namespace = cm_strdup(default_namespace);
    op->owner = done;
    start_ops(d);
}

static void prove(struct agent_driver *base, const struct agent_proof_ask *what,
                  agent_proof_fn done, void *ctx) {
    struct agent_sim_driver *d = self(base);
    struct op *op = queue_op(d, OP_PROVE, ctx);
    struct cm_sha256 hash = cm_sha256(what->bytes, what->size);
    char hex[CM_SHA256_HEX_MAX];

    cm_sha256_hex(&hash, hex);
    op->key = cm_strdup(what->key);
    op->default_namespace = cm_strdup(what->default_namespace);
    op->uid = cm_strf("%.*s", SIM_TOKEN_MAX - 1, hex); // what its token would be
    op->proof = done;
    start_ops(d);
}

static void recover(struct agent_driver *base, agent_found_fn found, agent_recovered_fn done,
                    void *ctx) {
    struct agent_sim_driver *d = self(base);
    struct op *op = queue_op(d, OP_RECOVER, ctx);

    op->found = found;
    op->recovered = done;
    start_ops(d);
}

static void recall(struct agent_driver *base, agent_recalled_fn done, void *ctx) {
    queue_op(self(base), OP_RECALL, ctx)->recalled = done;
    start_ops(self(base));
}

static void remember(struct agent_driver *base, const struct agent_mark *mark) {
    struct agent_sim *sim = self(base)->sim;

    if (sim->marked == NULL || strcmp(sim->marked, sim->identity) != 0) {
        free(sim->marked);
        sim->marked = cm_strdup(sim->identity);
    }
    sim->mark = *mark;
}

// ---- Observing

// An observation in the making.
struct look {
    struct cm_arena *a;
    struct agent_sim *sim;
    struct sim_object *object;
    const struct cm_spare_rule *rules;
    size_t rule_count;
    struct agent_field_drift *fields;
    struct agent_observation *out;
};

// changed_by says who did it; if nobody is known to have, whoever changed anything last.
static const struct sim_change *changed_by(const struct sim_object *o, const char *path) {
    const struct sim_change *by = sim_changed_by(o, path);

    return by != NULL ? by : o->changes;
}

static bool is_secret_value(const struct sim_object *o, const char *path) {
    return strncmp(o->key, "Secret/", 7) == 0 &&
           (strncmp(path, "data", 4) == 0 || strncmp(path, "stringData", 10) == 0);
}

static void add_field(struct look *l, const struct cm_difference *d, size_t rule) {
    const struct sim_change *by = changed_by(l->object, d->path);
    bool secret = is_secret_value(l->object, d->path);
    struct agent_field_drift *f = &l->fields[l->out->drift_count++];

    *f = (struct agent_field_drift){
        .rule = rule == CM_SPARE_NO_RULE ? 0 : rule + 1,
        .path = d->path,
        .desired = secret ? "***" : cm_difference_text(l->a, d->desired, VALUE_MAX),
        .actual = d->actual == NULL ? ""
                  : secret          ? "***"
                                    : cm_difference_text(l->a, d->actual, VALUE_MAX),
        .manager = by == NULL ? "" : by->manager,
        .operation = by == NULL ? "" : "Update",
        .at_ms = by == NULL ? 0 : by->at_ms,
    };
}

// tell_actual tells all that is there: in a simulated cluster somebody has set whatever there is.
static void tell_actual(struct look *l, const struct cm_json *want, const struct cm_json *have) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    const struct cm_actual what = {.form = want, .desired = want, .live = have, .others = have};
    const struct cm_json *actual = cm_object_actual(l->a, &what);

    if (actual != NULL) {
        cm_json_write_canonical(actual, &text);
        l->out->actual = cm_arena_strndup(l->a, cm_str_get(&text), text.len);
        l->out->actual_size = text.len;
    }
}

// tell_scaled: of nobody there is known by what right he scales, but if Git does not say how many
// replicas there are, they are his.
static void tell_scaled(const struct look *l, const struct cm_json *want,
                        const struct cm_json *have) {
    const struct agent_driver_host *host = &l->sim->driver->host;
    const struct cm_json *replicas = cm_json_path(have, "spec", "replicas", NULL);
    const struct sim_change *by = sim_changed_by(l->object, "spec.replicas");

    if (replicas != NULL && replicas->type == CM_NUMBER) {
        host->scaled(host->ctx, &(struct agent_scaled){
                                    .key = l->out->key,
                                    .replicas = cm_json_int(replicas, 0),
                                    .theirs = cm_json_path(want, "spec", "replicas", NULL) == NULL,
                                    .owner = "",
                                    .manager = by == NULL ? "" : by->manager});
    }
}

static void compare(struct look *l, const struct cm_buf *desired) {
    struct cm_json *want = NULL;
    struct cm_json *have = NULL;
    struct cm_differences found;
    struct cm_err err;

    if (desired == l->object->live ||
        cm_json_parse(l->a, (const char *)desired->data, desired->size, NULL, &want, &err) < 0 ||
        cm_json_parse(l->a, (const char *)l->object->live->data, l->object->live->size, NULL, &have,
                      &err) < 0) {
        return;
    }
    cm_object_diff(l->a, want, have, AGENT_DRIFT_MAX, &found);
    struct sim_spare_ctx ctx = {l->sim, l->object};
    struct cm_spare spare = sim_spare(&ctx, l->rules, l->rule_count);
    size_t rules[AGENT_DRIFT_MAX];
    cm_spare_sort(l->a, &spare, want, have, &found, rules);
    for (size_t i = 0; i < found.count; i++) {
        add_field(l, &found.items[i], rules[i]);
    }
    l->out->drift_more = found.more;
    tell_actual(l, want, have);
    tell_scaled(l, want, have);
}

static bool same_bytes(const struct cm_buf *a, const struct cm_buf *b) {
    return a == b || (a->size == b->size && memcmp(a->data, b->data, a->size) == 0);
}

// may_differ tells whether an object must be compared: not if it is just as desired, and not if
// another form than the one that was applied is desired by now: that one is still to be applied, if
// anything is.
static bool may_differ(const struct agent_sim_driver *d, const struct sim_object *o,
                       const struct cm_buf *desired) {
    bool applied = desired != NULL && o->applied != NULL && same_bytes(desired, o->applied);

    return desired != NULL && (applied || d->base.observes) && !same_bytes(desired, o->live);
}

// tell_release: what was rejected is not found to be good by being healthy.
static void tell_release(struct agent_sim_driver *d, const struct tracked *t,
                         const struct sim_object *o) {
    const char *why;

    if (o->token[0] != '\0' && sim_is_ours(d->sim, o)) {
        d->host.released(d->host.ctx, t->core_key, o->token,
                         !o->rejected && sim_health(o, &why) == AGENT_HEALTH_HEALTHY);
    }
}

bool sim_driver_decide(struct agent_sim_driver *d, const struct sim_object *o,
                       const struct agent_sim_decision *what) {
    const struct tracked *t = cm_map_get(d->by_key, o->key);
    const char *controller = what->controller != NULL ? what->controller : "flagger";
    bool promoted = what->verdict == AGENT_VERDICT_PROMOTED;
    bool undone = what->verdict == AGENT_VERDICT_UNDONE;
    char runs[SIM_TOKEN_MAX];

    if (t == NULL || d->stopping) {
        return false;
    }
    sim_token(o->live, runs);
    tell_release(d, t, o);
    d->host.decided(d->host.ctx,
                    &(struct agent_decision){
                        .key = t->core_key,
                        .uid = o->uid,
                        .controller = controller,
                        .controller_key = "",
                        .leader = "",
                        .verdict = what->verdict,
                        .bad = promoted ? "" : o->token,
                        .good = promoted ? o->token
                                : undone ? runs
                                         : o->good,
                        .text = what->text,
                        .weight = what->weight,
                        .at_ms = undone && o->undone_ms != 0 ? o->undone_ms : cm_clock_unix_ms(),
                        .actor = undone                ? "kubectl"
                                 : what->actor != NULL ? what->actor
                                                       : controller});
    return true;
}

bool sim_driver_digests(struct agent_sim_driver *d, const char *key, const char *const *images,
                        size_t count) {
    const struct tracked *t = cm_map_get(d->by_key, key);

    if (t == NULL || d->stopping) {
        return false;
    }
    d->host.digests(d->host.ctx,
                    &(struct agent_digests){.key = t->core_key, .images = images, .count = count});
    return true;
}

static void observe_now(struct agent_sim_driver *d, const struct tracked *t) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct agent_field_drift fields[AGENT_DRIFT_MAX];
    struct agent_observation out = {.key = t->core_key,
                                    .uid = "",
                                    .health = AGENT_HEALTH_MISSING,
                                    .message = "",
                                    .drift = fields};
    struct sim_object *o = sim_find(d->sim, t->key);

    if (o == NULL) {
        out.message = "the object is not there";
        d->host.observed(d->host.ctx, &out);
        return;
    }
    CM_CLEANUP(cm_buf_unrefp)
    struct cm_buf *desired = d->host.desired(d->host.ctx, t->core_key);
    out.uid = o->uid;
    out.health = sim_health(o, &out.message);
    out.undone_ms = o->undone_ms;
    if (!t->once && may_differ(d, o, desired)) {
        struct look l = {.a = a, .sim = d->sim, .object = o, .fields = fields, .out = &out};

        l.rules = d->host.rules(d->host.ctx, t->core_key, &l.rule_count);
        compare(&l, desired);
    }
    tell_release(d, t, o);
    d->host.observed(d->host.ctx, &out);
}

// tell_reachable says once at the start, and whenever it changes, whether the target answers.
static void tell_reachable(struct agent_sim_driver *d) {
    struct cm_err why;

    if (d->sim->reachable) {
        d->told_reachable = true;
        d->host.reachable(d->host.ctx, true, NULL);
        return;
    }
    (void)cm_fail(&why, CM_EIO, "the simulated cluster does not answer");
    d->host.reachable(d->host.ctx, false, &why);
}

void sim_driver_reachable(struct agent_sim_driver *d, bool reachable) {
    (void)reachable;
    d->told_reachable = false;
    post(d);
}

static void cancel_ops(struct agent_sim_driver *d) {
    while (!cm_list_empty(&d->queue)) {
        // NOLINTNEXTLINE(clang-analyzer-unix.Malloc) what was freed left the list
        end_op(d, CM_CONTAINER(d->queue.next, struct op, in_queue), true);
    }
}

// ---- What the site allows

struct sites {
    struct cm_arena *arena;
    struct agent_site_object all[AGENT_SITE_OBJECTS_MAX];
    size_t count;
};

static bool add_site(void *ctx, const char *key, void *value) {
    const struct sim_object *o = value;
    struct sites *s = ctx;
    struct cm_json *tree = NULL;
    struct cm_err ignored;

    if (!sim_is_site(key) || s->count == AGENT_SITE_OBJECTS_MAX ||
        cm_json_parse(s->arena, (const char *)o->live->data, o->live->size, NULL, &tree, &ignored) <
            0) {
        return true;
    }
    const struct sim_change *by = sim_changed_by(o, "");
    s->all[s->count++] = (struct agent_site_object){.name = strrchr(key, '/') + 1,
                                                    .uid = o->uid,
                                                    .manager = by == NULL ? "" : by->manager,
                                                    .made_ms = by == NULL ? 0 : by->at_ms,
                                                    .spec = cm_json_get(tree, "spec")};
    return true;
}

static void tell_sites(struct agent_sim_driver *d) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE struct sites *s = cm_new(1, sizeof(*s));

    s->arena = a;
    d->sites_due = false;
    cm_map_each(d->sim->objects, add_site, s);
    d->host.exempted(d->host.ctx, s->all, s->count);
}

static void run_task(void *ctx) {
    struct agent_sim_driver *d = ctx;
    struct cm_list due;

    d->task_posted = false;
    if (d->stopping) {
        cancel_ops(d);
        d->started = false;
        d->stopped(d->stopped_ctx);
        return;
    }
    if (!d->told_reachable) {
        tell_reachable(d);
    }
    if (d->sim->reachable && d->sites_due) {
        tell_sites(d);
    }
    if (!d->sim->reachable || cm_list_empty(&d->to_observe)) {
        return;
    }
    // What is asked for from within an observation comes in the next turn.
    due = d->to_observe;
    due.next->prev = &due;
    due.prev->next = &due;
    cm_list_init(&d->to_observe);
    while (!cm_list_empty(&due)) {
        struct tracked *t = CM_CONTAINER(due.next, struct tracked, waiting);

        cm_list_remove(&t->waiting);
        observe_now(d, t);
    }
}

static void leave_key(struct agent_sim_driver *d, const struct tracked *t) {
    if (cm_map_get(d->by_key, t->key) == t) {
        (void)cm_map_remove(d->by_key, t->key);
    }
}

static void track(struct agent_driver *base, const struct agent_owned *object) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct agent_sim_driver *d = self(base);

    if (d->adopt) {
        CM_CLEANUP(cm_buf_unrefp)
        struct cm_buf *desired = d->host.desired(d->host.ctx, object->key);

        if (desired != NULL) {
            sim_adopt(d->sim, object, desired);
        }
    }
    struct tracked *t = cm_map_get(d->tracked, object->key);
    const char *key = sim_resolve(d->sim, a, object->key, object->default_namespace);
    if (t == NULL) {
        t = cm_new(1, sizeof(*t));
        t->driver = d;
        t->core_key = cm_strdup(object->key);
        cm_list_init(&t->waiting);
        cm_map_put(d->tracked, t->core_key, t);
    } else {
        leave_key(d, t);
        free(t->key);
    }
    t->key = cm_strdup(key);
    t->once = object->once || strcmp(object->note, ONCE) == 0;
    cm_map_put(d->by_key, t->key, t);
    want_observation(d, t);
}

static void untrack(struct agent_driver *base, const char *key) {
    struct agent_sim_driver *d = self(base);
    struct tracked *t = cm_map_get(d->tracked, key);

    if (t != NULL) {
        leave_key(d, t);
        (void)cm_map_remove(d->tracked, key);
    }
}

static void observe(struct agent_driver *base, const char *key) {
    struct agent_sim_driver *d = self(base);
    struct tracked *t = cm_map_get(d->tracked, key);

    if (t != NULL) {
        want_observation(d, t);
    }
}

// ---- Life

static void start(struct agent_driver *base, const struct agent_driver_host *host) {
    struct agent_sim_driver *d = self(base);

    d->host = *host;
    d->started = true;
    d->sites_due = true;
    post(d);
}

static void stop(struct agent_driver *base, void (*stopped)(void *ctx), void *ctx) {
    struct agent_sim_driver *d = self(base);

    d->stopped = stopped;
    d->stopped_ctx = ctx;
    d->stopping = true;
    d->started = true;
    cm_timer_stop(d->sim->loop, &d->timer);
    post(d);
}

static void driver_free(struct agent_driver *base) {
    struct agent_sim_driver *d = self(base);

    assert(!d->task_posted && cm_list_empty(&d->queue));
    cm_timer_stop(d->sim->loop, &d->timer);
    d->sim->driver = NULL;
    cm_map_free(d->by_key);
    cm_map_free(d->tracked);
    free(d);
}

static void identify(struct agent_driver *base, const char *who) {
    struct agent_sim *sim = self(base)->sim;

    free(sim->identity);
    sim->identity = cm_strdup(who);
}

static const char *target_version(const struct agent_driver *d) {
    (void)d;
    return "sim";
}

static void place(const struct agent_driver *d, const char *key, struct agent_place *out) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_object_id id;

    (void)d;
    *out = (struct agent_place){0};
    if (!cm_object_key_parse(a, key, &id)) {
        return;
    }
    bool core = id.group[0] == '\0';
    out->gate = (core && strcmp(id.kind, "Namespace") == 0) ||
                (strcmp(id.group, "apiextensions.k8s.io") == 0 &&
                 strcmp(id.kind, "CustomResourceDefinition") == 0);
    out->precious = out->gate || (core && (strcmp(id.kind, "PersistentVolumeClaim") == 0 ||
                                           strcmp(id.kind, "PersistentVolume") == 0));
    out->rank = cm_object_rank(id.group, id.kind);
}

static const char *locate(const struct agent_driver *base, struct cm_arena *a, const char *key,
                          const char *default_namespace) {
    const struct agent_sim_driver *d = (const struct agent_sim_driver *)(const void *)base;

    return sim_resolve(d->sim, a, key, default_namespace);
}

static bool takes(const struct agent_driver *base, const char *key, const struct cm_json *form,
                  const char *other, const char *default_namespace) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    return cm_object_inside(key, form, locate(base, a, other, default_namespace));
}

static const struct agent_driver_ops ops = {
    .name = "sim",
    .start = start,
    .stop = stop,
    .free = driver_free,
    .identify = identify,
    .target_version = target_version,
    .locate = locate,
    .takes = takes,
    .place = place,
    .apply = apply,
    .run = run,
    .tail = tail,
    .remove = remove_object,
    .release = release_object,
    .track = track,
    .untrack = untrack,
    .observe = observe,
    .owner = ask_owner,
    .prove = prove,
    .recover = recover,
    .remember = remember,
    .recall = recall,
};

struct agent_driver *agent_sim_driver_new(struct agent_sim *sim) {
    struct agent_sim_driver *d = cm_new(1, sizeof(*d));

    assert(sim->driver == NULL);
    d->base.ops = &ops;
    d->base.observes = sim->config.observes;
    d->sim = sim;
    d->adopt = sim->config.adopt && !sim->had_driver;
    cm_list_init(&d->queue);
    cm_list_init(&d->to_observe);
    d->timer = (struct cm_timer){.run = run_timer, .ctx = d};
    d->task = (struct cm_task){.run = run_task, .ctx = d};
    d->tracked = cm_map_new(tracked_free);
    d->by_key = cm_map_new(NULL);
    sim->driver = d;
    sim->had_driver = true;
    return &d->base;
}
