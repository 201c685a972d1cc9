// holdfast-agent: keeps one cluster as the hub says.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/config/config.h"
#include "agent/kube/kube.h"
#include "agent/memory.h"
#include "agent/metrics.h"
#include "agent/sim/sim.h"
#include "common/harden.h"
#include "common/http/http.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/net/net.h"
#include "common/str.h"
#include "common/workers.h"

enum { GIVE_BACK_MS = 10000 };

struct program {
    struct agent_options options;
    struct cm_timer give_back;
    struct cm_loop *loop;
    struct cm_workers *disk;
    struct cm_http *http;
    struct agent_sim *sim;
    struct agent *agent;
    struct agent_metrics *metrics; // NULL: they are not written
    bool stopping;
};

static void on_stopped(void *ctx) {
    struct program *p = ctx;

    agent_metrics_stop(p->metrics);
    cm_loop_stop(p->loop);
}

static void on_signal(void *ctx, int signal) {
    struct program *p = ctx;

    (void)signal;
    if (p->agent == NULL || p->stopping) {
        _exit(EXIT_FAILURE); // asked twice
    }
    p->stopping = true;
    agent_stop(p->agent, on_stopped, p);
}

static void give_back(void *ctx) {
    struct program *p = ctx;

    agent_memory_give_back();
    cm_timer_start(p->loop, &p->give_back, GIVE_BACK_MS);
}

static bool observes(const struct agent_options *o) {
    return strcmp(o->mode, "observe") == 0;
}

static enum cm_rc make_sim(struct program *p, struct agent_driver **out) {
    p->sim = agent_sim_new(p->loop, &(struct agent_sim_config){.latency_ms = 5,
                                                               .health_ms = 500,
                                                               .adopt = true,
                                                               .observes = observes(&p->options)});
    *out = agent_sim_driver_new(p->sim);
    return CM_OK;
}

static enum cm_rc make_kube(struct program *p, struct agent_driver **out, struct cm_err *err) {
    const struct agent_options *o = &p->options;
    const struct agent_kube_config config = {.kubeconfig = o->kubeconfig,
                                             .context = o->context,
                                             .service_account_dir = o->service_account_dir,
                                             .pod = o->pod_name,
                                             .pod_namespace = o->pod_namespace,
                                             .inventory_namespace = o->inventory_namespace,
                                             .max_in_flight = (long)o->max_in_flight,
                                             .observes = observes(o),
                                             .survey = o->observe_namespaces,
                                             .audit_log = o->audit_log,
                                             .audit_wait_ms = o->audit_wait_ms,
                                             .disk = p->disk,
                                             .verify_ms = o->verify_interval_ms};

    p->http = cm_http_new();
    return agent_kube_new(p->loop, p->http, &config, out, err);
}

static enum cm_rc make_agent(struct program *p, struct cm_err *err) {
    struct agent_options *o = &p->options;
    const struct agent_config config = {.data_dir = o->data_dir,
                                        .join_token = o->join_token,
                                        .hub = o->hub,
                                        .enroll_hub = o->enroll_hub,
                                        .observe_max = (size_t)o->observe_max,
                                        .author_wait_ms = o->audit_wait_ms,
                                        .report_interval_ms = o->report_interval_ms,
                                        .reconnect_min_ms = o->reconnect_min_ms,
                                        .reconnect_max_ms = o->reconnect_max_ms};
    struct agent_driver *driver = NULL;
    enum cm_rc rc =
        strcmp(o->driver, "sim") == 0 ? make_sim(p, &driver) : make_kube(p, &driver, err);

    rc = rc < 0 ? rc : agent_new(p->loop, p->disk, &config, driver, &p->agent, err);
    agent_options_forget_token(o);
    return rc;
}

static void begin_metrics(struct program *p) {
    const char *path = p->options.metrics_file;

    if (path != NULL && path[0] != '\0') {
        p->metrics = agent_metrics_start(p->loop, p->disk, p->agent, path);
    }
}

static enum cm_rc run(struct program *p, struct cm_err *err) {
    enum cm_rc rc;

    (void)signal(SIGPIPE, SIG_IGN);
    p->loop = cm_loop_new();
    cm_loop_on_signal(p->loop, SIGTERM, on_signal, p);
    cm_loop_on_signal(p->loop, SIGINT, on_signal, p);
    p->disk = cm_workers_new("disk", 1, NULL);
    rc = make_agent(p, err);
    if (rc == CM_OK) {
        cm_log(CM_LOG_INFO, "agent.start", "holdfast-agent " HOLDFAST_VERSION " begins", "driver",
               p->options.driver, "data_dir", p->options.data_dir, NULL);
        agent_start(p->agent);
        begin_metrics(p);
        p->give_back = (struct cm_timer){.run = give_back, .ctx = p};
        cm_timer_start(p->loop, &p->give_back, GIVE_BACK_MS);
        cm_loop_run(p->loop);
    }
    return rc;
}

static void take_down(struct program *p) {
    if (p->disk != NULL) {
        cm_workers_stop(p->disk, true);
    }
    agent_metrics_free(p->metrics);
    agent_free(p->agent);
    agent_sim_free(p->sim);
    cm_http_free(p->http);
    cm_workers_free(p->disk);
    cm_net_done();
    cm_loop_free(p->loop);
    agent_options_done(&p->options);
}

int main(int argc, char **argv) {
    struct program p = {0};
    struct cm_err err;
    enum cm_rc rc = CM_OK;

    agent_memory_set();
    cm_harden();
    if (agent_options_load(argc, argv, &p.options, &err) < 0 ||
        cm_log_configure(p.options.log_level, p.options.log_format, &err) < 0) {
        (void)fprintf(stderr, "holdfast-agent: %s\n", err.msg);
        agent_options_done(&p.options);
        return 2;
    }
    if (p.options.help) {
        cm_options_help(&agent_option_set, stdout);
    } else if (p.options.version) {
        (void)printf("holdfast-agent %s\n", HOLDFAST_VERSION);
    } else {
        rc = run(&p, &err);
    }
    if (rc < 0) {
        (void)fprintf(stderr, "holdfast-agent: %s\n", err.msg);
    }
    take_down(&p);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
