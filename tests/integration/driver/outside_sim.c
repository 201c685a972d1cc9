// The contract's tests against the simulated cluster.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/sim/sim.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/list.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/integration/driver/contract.h"

struct outside_sim {
    struct outside base;
    struct agent_sim *sim;
    char text[256];
};

static struct outside_sim *sim_of(struct outside *o) {
    return CM_CONTAINER(o, struct outside_sim, base);
}

static struct agent_driver *driver_new(struct outside *o, struct cm_loop *loop) {
    (void)loop; // the cluster has it
    return agent_sim_driver_new(sim_of(o)->sim);
}

static void change(struct outside *o, const char *key, const char *parent, const char *name,
                   const char *value, const char *manager) {
    CM_AUTOFREE char *path = cm_strf("%s.%s", parent, name);
    struct cm_err err = {0};

    if (agent_sim_change(sim_of(o)->sim, key, path, value, manager, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

static void delete (struct outside *o, const char *key) {
    struct cm_err err;

    assert_int_equal(agent_sim_delete(sim_of(o)->sim, key, &err), CM_OK);
}

static void create(struct outside *o, const char *key, const char *json, const char *manager) {
    struct cm_err err = {0};

    if (agent_sim_create(sim_of(o)->sim, key, json, manager, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

static bool exists(struct outside *o, const char *key) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *buf = agent_sim_get(sim_of(o)->sim, key);

    return buf != NULL;
}

const struct cm_json *outside_field(const struct cm_json *object, const char *parent,
                                    const char *name) {
    CM_AUTOFREE char *names = cm_strdup(parent);
    char *rest = names;

    for (char *one; (one = strsep(&rest, ".")) != NULL;) {
        object = cm_json_get(object, one);
    }
    return cm_json_get(object, name);
}

static const char *field(struct outside *o, const char *key, const char *parent, const char *name) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *buf = agent_sim_get(sim_of(o)->sim, key);
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *object = NULL;
    struct cm_err err;

    sim_of(o)->text[0] = '\0';
    if (buf == NULL) {
        return sim_of(o)->text;
    }
    assert_int_equal(cm_json_parse(a, (const char *)buf->data, buf->size, NULL, &object, &err),
                     CM_OK);
    const char *text = cm_json_string(outside_field(object, parent, name));
    (void)snprintf(sim_of(o)->text, sizeof(sim_of(o)->text), "%s", text == NULL ? "" : text);
    return sim_of(o)->text;
}

// The mark of what is ours is no label here.
static const char *labels(struct outside *o, const char *key) {
    (void)o;
    (void)key;
    return "{}";
}

static void blink(struct outside *o) {
    agent_sim_set_reachable(sim_of(o)->sim, false);
    agent_sim_set_reachable(sim_of(o)->sim, true);
}

static void close_sim(struct outside *o) {
    agent_sim_free(sim_of(o)->sim);
    free(sim_of(o));
}

struct outside *outside_sim_open(struct cm_loop *loop) {
    struct agent_sim_config config = {.latency_ms = 1, .health_ms = 5, .strict_namespaces = true};
    struct outside_sim *o = cm_new(1, sizeof(*o));

    o->base = (struct outside){
        .name = "sim",
        .namespace = "contract",
        .powerless = "contract/nobody",
        .driver_new = driver_new,
        .change = change,
        .delete = delete,
        .create = create,
        .exists = exists,
        .field = field,
        .labels = labels,
        .blink = blink,
        .close = close_sim,
        .is_on_loop = true,
    };
    o->sim = agent_sim_new(loop, &config);
    agent_sim_fail(o->sim, o->base.powerless, CM_EAUTH);
    create(&o->base, "Namespace//contract",
           "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"contract\"}}",
           "somebody");
    return &o->base;
}
