// sim_fleet: many real agents with simulated clusters, in one process.
//
// Each cluster has a folder below the data folder, named after it. A second start finds them there
// with their identities, so tokens are needed once. Agents share the loop and the disk workers.
//
// Threads: the loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct cm_loop;
struct cm_str;
struct sim_fleet;

struct sim_fleet_config {
    const char *data_dir;
    const char *tokens; // path of a file with lines "NAME TOKEN"; NULL: none
    const char *hub;
    const char *enroll_hub;
    int64_t latency_ms;
    int64_t health_ms;
    int64_t report_interval_ms;
    int64_t reconnect_max_ms;
    int64_t disk_threads;
    int64_t start_rate; // agents a second
    bool strict_namespaces;
    bool observes;
    const char *history; // path of a file to which a line of JSON is added for all that becomes of
                         // an object; NULL: none
};

CM_MUSTUSE enum cm_rc sim_fleet_new(struct cm_loop *loop, const struct sim_fleet_config *config,
                                    struct sim_fleet **out, struct cm_err *err);
void sim_fleet_start(struct sim_fleet *f);

// sim_fleet_stop stops all agents; `stopped` comes on the loop.
void sim_fleet_stop(struct sim_fleet *f, void (*stopped)(void *ctx), void *ctx);
void sim_fleet_free(struct sim_fleet *f); // NULL is fine

// sim_fleet_command does what one line of the control socket says and appends the answer, a line.
//
//     drift CLUSTER KEY PATH VALUE [MANAGER]    somebody changes a field
//     delete CLUSTER KEY                        somebody deletes an object
//     create CLUSTER KEY JSON [MANAGER]         somebody makes one, or replaces it
//     fail CLUSTER SUBSTRING on|off [refuse]    applying such keys fails (for what they are)
//     degrade CLUSTER SUBSTRING on|off          such objects are unhealthy
//     decide CLUSTER KEY VERDICT [TEXT [WHO [BY]]]
//                                               a controller (flagger) did that with a release,
//                                               on behalf of whoever:
//                                               started, promoted, rejected, config-rejected,
//                                               failed-forward, timed-out, undone, or its weight
//     digests CLUSTER KEY [IMAGE@DIGEST...]     what runs behind the tags of a workload
//     unreachable CLUSTER on|off                the cluster's API does not answer
//     kill CLUSTER, start CLUSTER               the agent, as a crash would
//     get CLUSTER KEY                           an object as it is, on one line
//     state [CLUSTER]                           sums, or one agent's state, as JSON
//
// `*` instead of a CLUSTER means all, but for get and state. Words with spaces stand in double
// quotes, within which \ comes before " and \.
void sim_fleet_command(struct sim_fleet *f, const char *line, struct cm_str *answer);
