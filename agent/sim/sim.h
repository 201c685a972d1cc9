// sim: a cluster in memory, with faults on request, and the driver for it.
//
// The cluster (struct agent_sim) outlives its driver, as a real one outlives its agent: free the
// driver, make a new one, and what was applied is still there. It behaves as a Kubernetes API
// server does where the agent can see it: objects have uids; applying sets our fields and takes
// away those that we no longer set, and leaves other people's alone; a kind that nobody declared is
// refused until its CustomResourceDefinition is there; a Namespace and a definition take along what
// is in them; workloads take a while to become healthy; what others change is seen as drift, with
// their name and the time.
//
// Threads: the loop given at new.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/driver.h"
#include "common/err.h"

struct agent_driver;
struct agent_sim;
struct agent_sim_pool;
struct cm_buf;
struct cm_loop;

// A pool lets many clusters hold equal objects once. NULL is fine: each holds its own.
struct agent_sim_pool *agent_sim_pool_new(void);
void agent_sim_pool_free(struct agent_sim_pool *pool); // after its clusters

// What became of an object. By the agent: "write", "remove", "release" (our mark was taken off),
// and "adopt" at a start; by somebody else: "create", "change", "delete".
struct agent_sim_note {
    const char *what;
    const char *key;
    const struct cm_buf *live; // NULL: it is gone
};

struct agent_sim_config {
    struct agent_sim_pool *pool;
    int64_t latency_ms;     // each request takes this long
    size_t in_flight;       // requests at once; 0: 64
    int64_t health_ms;      // until a workload, Namespace or CustomResourceDefinition is healthy
    bool observes;          // its driver changes nothing
    bool strict_namespaces; // refuse objects whose Namespace is not there ("default" always is)
    bool adopt; // for the first driver: objects that it tracks with a uid are taken to be
                // there as desired (the process was started again, the fleet was not)
    void (*noted)(void *ctx, const struct agent_sim_note *note); // NULL: nobody wants to know
    void *ctx;
};

struct agent_sim *agent_sim_new(struct cm_loop *loop, const struct agent_sim_config *config);
void agent_sim_free(struct agent_sim *sim); // after its driver

// agent_sim_driver_new makes a driver for the cluster; at most one at a time.
struct agent_driver *agent_sim_driver_new(struct agent_sim *sim);

// ---- Faults

void agent_sim_set_latency(struct agent_sim *sim, int64_t latency_ms);
void agent_sim_set_health_ms(struct agent_sim *sim, int64_t health_ms);

// agent_sim_fail makes applying (and removing) of every key that holds the text fail with the code,
// and what is done in the name of accounts that hold it; CM_OK ends it.
void agent_sim_fail(struct agent_sim *sim, const char *substring, enum cm_rc code);

// agent_sim_degrade makes objects whose key holds the text unhealthy, or healthy again.
void agent_sim_degrade(struct agent_sim *sim, const char *substring, bool on);

// agent_sim_decide has the controller of a workload do something with the release that was applied
// last. What it rejects goes on being what is asked for. It fails with CM_ENOTFOUND if there is no
// such workload of the agent's, or it does not follow it yet: what it applied is to be on its disk.
struct agent_sim_decision {
    const char *key; // complete
    enum agent_verdict verdict;
    int weight;
    const char *text;
    const char *controller; // NULL: "flagger"
    const char *actor;      // who decided; NULL: the controller
};
CM_MUSTUSE enum cm_rc agent_sim_decide(struct agent_sim *sim, const struct agent_sim_decision *what,
                                       struct cm_err *err);

// agent_sim_digests says what runs behind the tags of a workload ("web:1.4@sha256:…", sorted);
// none: that cannot be known. It fails with CM_ENOTFOUND if nobody follows such an object.
CM_MUSTUSE enum cm_rc agent_sim_digests(struct agent_sim *sim, const char *key,
                                        const char *const *images, size_t count,
                                        struct cm_err *err);

void agent_sim_set_reachable(struct agent_sim *sim, bool reachable);

// agent_sim_in_force is the generation that the cluster knows as the last in force; 0: none.
uint64_t agent_sim_in_force(const struct agent_sim *sim);

// ---- Somebody else at work. Keys are complete here, with their namespace.

// An object of this kind, in any namespace, allows a change by hand (agent/plan/exempt.h).
#define AGENT_SIM_EXEMPTION "Exemption.holdfast.dev"

// agent_sim_change sets a field as `manager` would: path as in common/object/diff.h
// (spec.replicas, spec.containers[name=web].image, data['a.b']), value as JSON or plain text. It
// fails with CM_ENOTFOUND if the object is not there and CM_EINVAL if the path leads nowhere.
CM_MUSTUSE enum cm_rc agent_sim_change(struct agent_sim *sim, const char *key, const char *path,
                                       const char *value, const char *manager, struct cm_err *err);

// agent_sim_delete deletes an object. It fails with CM_ENOTFOUND.
CM_MUSTUSE enum cm_rc agent_sim_delete(struct agent_sim *sim, const char *key, struct cm_err *err);

// agent_sim_create makes or replaces an object that is not ours (a new uid, no mark).
CM_MUSTUSE enum cm_rc agent_sim_create(struct agent_sim *sim, const char *key, const char *json,
                                       const char *manager, struct cm_err *err);

// agent_sim_forget takes away what the agent keeps there of which manifest is in force.
void agent_sim_forget(struct agent_sim *sim);

// ---- Looking

// agent_sim_get returns a reference to an object as it is (canonical form), or NULL.
struct cm_buf *agent_sim_get(const struct agent_sim *sim, const char *key);

struct agent_sim_stats {
    size_t objects;
    uint64_t applies; // requests
    uint64_t writes;  // of them, those that changed something
    uint64_t removes;
};
void agent_sim_stats_get(const struct agent_sim *sim, struct agent_sim_stats *out);
