// agent: keeps one cluster as the hub last said, with or without the hub.
//
// The parts, all on one loop: link (the connection), cache (what must survive, on disk), apply
// (carries out plans through the driver), watch (health and drift, told when they change). No state
// is global: thousands of agents live in one holdfast-sim.
//
// The life of a change: link receives Desired, checks signature, epoch and generation, asks for the
// blobs that the cache lacks, and commits manifest and blobs to disk. Only then apply begins; a
// newer manifest replaces one that is being applied at the next step. What was applied goes into
// the inventory on disk before it is reported; only what the inventory owns is ever removed, and
// only because a newer complete manifest does not list it.
//
// Threads: the loop given at new.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct agent;
struct agent_driver;
struct cm_loop;
struct cm_metrics;
struct cm_workers;

struct agent_config {
    const char *data_dir;       // made if missing, 0700; one agent each
    const char *join_token;     // NULL once enrolled; ignored if the folder holds an identity
    const char *hub;            // "host:port" of the hub's agent listener; NULL: as enrolled
    const char *enroll_hub;     // "host:port" of the enrolment listener; NULL: as in the token
    size_t observe_max;         // workloads that no App names: how many are told (default 500)
    int64_t author_wait_ms;     // for what the driver says of who decided, if it ever does
    int64_t report_interval_ms; // changes after the first are gathered this long (default 800)
    int64_t reconnect_min_ms;   // default 1000
    int64_t reconnect_max_ms;   // default 60000
};

// agent_new makes an agent on the loop; whether it only observes says the driver; `disk` runs its
// writes. It owns the driver from now on, also if it fails. It fails if the folder cannot be used
// or belongs to a running agent.
CM_MUSTUSE enum cm_rc agent_new(struct cm_loop *loop, struct cm_workers *disk,
                                const struct agent_config *config, struct agent_driver *driver,
                                struct agent **out, struct cm_err *err);

void agent_start(struct agent *a);

// agent_stop closes everything in order; `stopped` comes on the loop when all is quiet, then
// agent_free may be called.
void agent_stop(struct agent *a, void (*stopped)(void *ctx), void *ctx);
void agent_free(struct agent *a);

// agent_kill ends it as a crash would: nothing more is written, said or applied. For tests and the
// simulation; the rest is as agent_stop.
void agent_kill(struct agent *a, void (*stopped)(void *ctx), void *ctx);

struct agent_state {
    bool enrolled;
    bool connected;
    const char *cluster; // name, "" before enrolment
    uint64_t generation; // applied or being applied
    size_t apps;
    size_t apps_applied;
    size_t apps_healthy;
    size_t objects;
    size_t drifted;
    bool outdated;          // its disk is an older copy, and the hub has not said what counts now
    bool untold;            // something that the hub has not acknowledged
    const char *report_run; // in which reports are numbered
    uint64_t reports_acked; // the hub has committed those up to here
};

// agent_state_get tells how it goes, for metrics and holdfast-sim's progress.
void agent_state_get(const struct agent *a, struct agent_state *out);
