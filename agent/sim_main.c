// holdfast-sim: many real agents with simulated clusters, for the demo, tests and measurements.
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/config/config.h"
#include "agent/sim_control.h"
#include "agent/sim_fleet.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/net/net.h"

struct sim_options {
    struct sim_fleet_config fleet;
    char *data_dir;
    char *tokens;
    char *hub;
    char *enroll_hub;
    char *control;
    char *history;
    char *command;
    char *log_level;
    char *log_format;
    bool version;
    bool help;
};

#define AT(field) offsetof(struct sim_options, field)
#define STRING(option, field, value, word, text)                                                   \
    {                                                                                              \
        .name = (option), .type = CM_OPTION_STRING, .offset = AT(field), .default_value = (value), \
        .value_name = (word), .help = (text)                                                       \
    }

static const struct cm_option options[] = {
    STRING("data-dir", data_dir, "holdfast-sim.data", "DIR",
           "Where the agents keep what they must not forget; one folder each."),
    STRING("tokens", tokens, NULL, "FILE",
           "Lines of a cluster's name and its join token; not needed for those that are enrolled."),
    STRING("hub", hub, NULL, "HOST:PORT",
           "The hub's address for agents; by default those that it told at enrolment."),
    STRING("enroll-hub", enroll_hub, NULL, "HOST:PORT", "The hub's address for enrolment."),
    STRING("control", control, NULL, "SOCKET", "A Unix socket that takes commands, line by line."),
    STRING("history", history, NULL, "FILE",
           "Add a line of JSON to this file for all that becomes of an object in a cluster."),
    STRING("command", command, NULL, "LINE",
           "Give this command to the holdfast-sim that listens at --control, and exit."),
    {.name = "latency",
     .type = CM_OPTION_DURATION,
     .offset = AT(fleet.latency_ms),
     .default_value = "5ms",
     .value_name = "DURATION",
     .max = 60000,
     .help = "How long each request to a simulated cluster takes."},
    {.name = "health-time",
     .type = CM_OPTION_DURATION,
     .offset = AT(fleet.health_ms),
     .default_value = "500ms",
     .value_name = "DURATION",
     .max = 600000,
     .help = "How long a workload takes to become healthy."},
    {.name = "strict-namespaces",
     .type = CM_OPTION_BOOL,
     .offset = AT(fleet.strict_namespaces),
     .help = "Refuse objects whose Namespace is not there."},
    {.name = "observe",
     .type = CM_OPTION_BOOL,
     .offset = AT(fleet.observes),
     .help = "The agents only observe: they change nothing."},
    {.name = "report-interval",
     .type = CM_OPTION_DURATION,
     .offset = AT(fleet.report_interval_ms),
     .default_value = "800ms",
     .value_name = "DURATION",
     .min = 10,
     .max = 60000,
     .help = "How long changes are gathered before they are reported; the first is at once."},
    {.name = "reconnect-max",
     .type = CM_OPTION_DURATION,
     .offset = AT(fleet.reconnect_max_ms),
     .default_value = "60s",
     .value_name = "DURATION",
     .min = 1000,
     .max = 3600000,
     .help = "The longest pause between tries to reach the hub."},
    {.name = "disk-threads",
     .type = CM_OPTION_INT,
     .offset = AT(fleet.disk_threads),
     .default_value = "16",
     .value_name = "N",
     .min = 1,
     .max = 256,
     .help = "How many agents write to disk at once."},
    {.name = "start-rate",
     .type = CM_OPTION_INT,
     .offset = AT(fleet.start_rate),
     .default_value = "1000",
     .value_name = "N",
     .min = 1,
     .max = 100000,
     .help = "How many agents are started in a second."},
    STRING("log-level", log_level, "info", "LEVEL", "error, warn, info or debug."),
    STRING("log-format", log_format, "logfmt", "FORMAT", "logfmt or json."),
    {.name = "version",
     .type = CM_OPTION_BOOL,
     .offset = AT(version),
     .help = "Print the version and exit."},
    {.name = "help", .type = CM_OPTION_BOOL, .offset = AT(help), .help = "Print this and exit."},
};

static const struct cm_option_set option_set = {
    .program = "holdfast-sim",
    .summary = "Runs many real agents with simulated clusters in one process.",
    .usage = "[OPTIONS]",
    .env_prefix = "HOLDFAST_SIM",
    .env_own = true,
    .options = options,
    .count = sizeof(options) / sizeof(options[0]),
};

struct program {
    struct sim_options options;
    struct cm_loop *loop;
    struct sim_fleet *fleet;
    struct sim_control *control;
    bool stopping;
};

static void on_stopped(void *ctx) {
    struct program *p = ctx;

    cm_loop_stop(p->loop);
}

static void on_signal(void *ctx, int signal) {
    struct program *p = ctx;

    (void)signal;
    if (p->stopping) {
        _exit(EXIT_FAILURE); // asked twice
    }
    p->stopping = true;
    sim_fleet_stop(p->fleet, on_stopped, p);
}

static void on_command(void *ctx, const char *line, struct cm_str *answer) {
    struct program *p = ctx;

    sim_fleet_command(p->fleet, line, answer);
}

static enum cm_rc run(struct program *p, struct cm_err *err) {
    struct sim_options *o = &p->options;
    enum cm_rc rc;

    (void)signal(SIGPIPE, SIG_IGN);
    p->loop = cm_loop_new();
    cm_loop_on_signal(p->loop, SIGTERM, on_signal, p);
    cm_loop_on_signal(p->loop, SIGINT, on_signal, p);
    o->fleet.data_dir = o->data_dir;
    o->fleet.tokens = o->tokens;
    o->fleet.hub = o->hub;
    o->fleet.enroll_hub = o->enroll_hub;
    o->fleet.history = o->history;
    rc = sim_fleet_new(p->loop, &o->fleet, &p->fleet, err);
    if (rc == CM_OK && o->control != NULL) {
        rc = sim_control_start(p->loop, o->control, on_command, p, &p->control, err);
    }
    if (rc == CM_OK) {
        sim_fleet_start(p->fleet);
        cm_loop_run(p->loop);
    }
    return rc;
}

static void take_down(struct program *p) {
    sim_control_stop(p->control);
    sim_fleet_free(p->fleet);
    cm_net_done();
    cm_loop_free(p->loop);
    cm_options_done(&option_set, &p->options);
}

static enum cm_rc load_options(int argc, char **argv, struct sim_options *o, struct cm_err *err) {
    int rest = 0;
    enum cm_rc rc = cm_options_load(&option_set, o, argc, argv, &rest, err);

    if (rc == CM_OK && rest > 0) {
        return cm_fail(err, CM_EINVAL, "'%.80s' is no option of holdfast-sim; see --help", argv[0]);
    }
    return rc < 0 ? rc : cm_log_configure(o->log_level, o->log_format, err);
}

int main(int argc, char **argv) {
    struct program p = {0};
    struct cm_err err;
    enum cm_rc rc = CM_OK;

    if (load_options(argc, argv, &p.options, &err) < 0) {
        (void)fprintf(stderr, "holdfast-sim: %s\n", err.msg);
        cm_options_done(&option_set, &p.options);
        return 2;
    }
    if (p.options.help) {
        cm_options_help(&option_set, stdout);
    } else if (p.options.version) {
        (void)printf("holdfast-sim %s\n", HOLDFAST_VERSION);
    } else if (p.options.command != NULL && p.options.control != NULL) {
        rc = sim_control_send(p.options.control, p.options.command, &err);
    } else {
        rc = run(&p, &err);
    }
    if (rc < 0) {
        (void)fprintf(stderr, "holdfast-sim: %s\n", err.msg);
    }
    take_down(&p);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
