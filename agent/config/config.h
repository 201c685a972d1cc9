// config: how an agent is told what to do: its option table.
//
// Threads: one, at start; afterwards nothing changes.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/options.h"

struct agent_options {
    char *data_dir;
    char *hub;
    char *enroll_hub;
    char *join_token;
    char *join_token_file;
    char *driver;
    char *mode;
    char *observe_namespaces; // "": none
    int64_t observe_max;
    char *kubeconfig;
    char *context;
    char *service_account_dir;
    char *pod_name;
    char *pod_namespace;
    char *inventory_namespace;
    char *metrics_file;
    char *audit_log;
    int64_t audit_wait_ms;
    int64_t max_in_flight;
    int64_t verify_interval_ms;
    int64_t report_interval_ms;
    int64_t reconnect_min_ms;
    int64_t reconnect_max_ms;
    char *log_level;
    char *log_format;
    bool version;
    bool help;
};

extern const struct cm_option_set agent_option_set;

// agent_options_load reads everything; messages say where a bad value came from. The join token of
// join_token_file is in join_token afterwards.
CM_MUSTUSE enum cm_rc agent_options_load(int argc, char **argv, struct agent_options *out,
                                         struct cm_err *err);
void agent_options_done(struct agent_options *o);

// agent_options_forget_token wipes the join token, once whoever enrolls has it.
void agent_options_forget_token(struct agent_options *o);
