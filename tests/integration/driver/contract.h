// contract: what the contract's tests ask of a target, besides its driver.
//
// The tests change objects behind the driver's back. How that is done depends on the target: calls
// on the simulated cluster, or requests of our own to the API server.
//
// Threads: the test's.
#pragma once

#include <stdbool.h>

struct agent_driver;
struct cm_json;
struct cm_loop;

struct outside {
    const char *name;
    const char *namespace; // the tests' own; it is there
    const char *powerless; // an account that may do nothing

    struct agent_driver *(*driver_new)(struct outside *o, struct cm_loop *loop);
    // change sets the field `parent.name` of an object to a JSON value, as `manager`.
    void (*change)(struct outside *o, const char *key, const char *parent, const char *name,
                   const char *value, const char *manager);
    void (*delete)(struct outside *o, const char *key);
    // create makes an object that is not ours, as `manager`.
    void (*create)(struct outside *o, const char *key, const char *json, const char *manager);
    bool (*exists)(struct outside *o, const char *key);
    // field returns the string at parent.name (parent: names with dots between), "" if it or the
    // object is not there; good until the next call.
    const char *(*field)(struct outside *o, const char *key, const char *parent, const char *name);
    // labels returns the labels of an object as JSON; good until the next call.
    const char *(*labels)(struct outside *o, const char *key);
    // blink makes the target unreachable for a moment; NULL: that cannot be done.
    void (*blink)(struct outside *o);
    void (*close)(struct outside *o);

    bool is_on_loop;    // all of it; nothing comes from elsewhere
    bool own_inventory; // set before driver_new: apart from that of others on this target
};

struct outside *outside_sim_open(struct cm_loop *loop);

// outside_kube_open uses a kubeconfig, or the folder of a service account (and the environment) as
// a pod has it; the other is NULL.
struct outside *outside_kube_open(const char *kubeconfig, const char *service_account);

// outside_field finds what is at parent.name of an object, or NULL.
const struct cm_json *outside_field(const struct cm_json *object, const char *parent,
                                    const char *name);
