#include "agent/config/config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/fsys.h"
#include "common/log.h"
#include "common/mem.h"

#define AT(field) offsetof(struct agent_options, field)

enum { TOKEN_FILE_MAX = 4096 };

static const struct cm_option options[] = {
    {.name = "data-dir",
     .type = CM_OPTION_STRING,
     .offset = AT(data_dir),
     .default_value = "/var/lib/holdfast-agent",
     .value_name = "DIR",
     .help = "Where the agent keeps its identity, what it shall run and what it owns."},
    {.name = "hub",
     .type = CM_OPTION_STRING,
     .offset = AT(hub),
     .value_name = "HOST:PORT",
     .help = "The hub's address for agents; by default those that it told at enrolment."},
    {.name = "enroll-hub",
     .type = CM_OPTION_STRING,
     .offset = AT(enroll_hub),
     .value_name = "HOST:PORT",
     .help = "The hub's address for enrolment; needed once, with a join token."},
    {.name = "join-token",
     .type = CM_OPTION_STRING,
     .offset = AT(join_token),
     .value_name = "TOKEN",
     .secret = true,
     .help = "The token that 'holdfast enroll' printed; not looked at once the agent is enrolled."},
    {.name = "join-token-file",
     .type = CM_OPTION_STRING,
     .offset = AT(join_token_file),
     .value_name = "FILE",
     .help = "A file that holds the join token."},
    {.name = "driver",
     .type = CM_OPTION_STRING,
     .offset = AT(driver),
     .default_value = "kube",
     .value_name = "NAME",
     .help = "kube, or sim for a simulated cluster in memory."},
    {.name = "mode",
     .type = CM_OPTION_STRING,
     .offset = AT(mode),
     .default_value = "apply",
     .value_name = "MODE",
     .help = "apply, or observe: nothing is ever applied, removed or labelled, and the hub is told "
             "how what Git names is, and which workloads there are beside."},
    {.name = "observe-namespaces",
     .type = CM_OPTION_STRING,
     .offset = AT(observe_namespaces),
     .default_value = "*",
     .value_name = "NAMES",
     .help = "With --mode observe: the namespaces whose workloads are told though no App names "
             "them, with commas; * is all but kube-system, kube-public, kube-node-lease and the "
             "agent's own, none is only what Git names."},
    {.name = "observe-max",
     .type = CM_OPTION_INT,
     .offset = AT(observe_max),
     .default_value = "500",
     .value_name = "N",
     .min = 1,
     .max = 5000,
     .help = "How many such workloads are told; how many there are beside is said."},
    {.name = "kubeconfig",
     .type = CM_OPTION_STRING,
     .offset = AT(kubeconfig),
     .value_name = "FILE",
     .help = "How to reach Kubernetes; by default as the service account of the pod."},
    {.name = "context",
     .type = CM_OPTION_STRING,
     .offset = AT(context),
     .value_name = "NAME",
     .help = "The context of the kubeconfig; by default its current one."},
    {.name = "service-account-dir",
     .type = CM_OPTION_STRING,
     .offset = AT(service_account_dir),
     .default_value = "/var/run/secrets/kubernetes.io/serviceaccount",
     .value_name = "DIR",
     .help = "Without a kubeconfig: where the pod finds its service account (token, which is read "
             "again as it is replaced, and ca.crt); the server is in KUBERNETES_SERVICE_HOST and "
             "_PORT."},
    {.name = "pod-name",
     .type = CM_OPTION_STRING,
     .offset = AT(pod_name),
     .value_name = "NAME",
     .help = "The pod that the agent runs in, whose Deployment no App may take away; by default, "
             "without a kubeconfig, as the host is called."},
    {.name = "pod-namespace",
     .type = CM_OPTION_STRING,
     .offset = AT(pod_namespace),
     .value_name = "NAME",
     .help = "The namespace of that pod; by default that of the service account."},
    {.name = "inventory-namespace",
     .type = CM_OPTION_STRING,
     .offset = AT(inventory_namespace),
     .default_value = "holdfast-system",
     .value_name = "NAME",
     .help = "The namespace of the Secret that lists what the agent owns."},
    {.name = "metrics-file",
     .type = CM_OPTION_STRING,
     .offset = AT(metrics_file),
     .value_name = "FILE",
     .help = "Where to write metrics four times a minute, NAME.prom for node_exporter's textfile "
             "collector; by default nowhere."},
    {.name = "audit-log",
     .type = CM_OPTION_STRING,
     .offset = AT(audit_log),
     .value_name = "FILE",
     .help = "The API server's audit log, a line of JSON an event, which is followed to say which "
             "user changed something; by default who did is only claimed."},
    {.name = "audit-log-wait",
     .type = CM_OPTION_DURATION,
     .offset = AT(audit_wait_ms),
     .default_value = "2s",
     .value_name = "DURATION",
     .min = 100,
     .max = 600000,
     .help = "How long a change waits for what the audit log says of it, before it is told as "
             "claimed."},
    {.name = "max-in-flight",
     .type = CM_OPTION_INT,
     .offset = AT(max_in_flight),
     .default_value = "0",
     .value_name = "N",
     .min = 0,
     .max = 1000,
     .help = "How many requests to Kubernetes run at once; 0 leaves it to the driver."},
    {.name = "verify-interval",
     .type = CM_OPTION_DURATION,
     .offset = AT(verify_interval_ms),
     .default_value = "24h",
     .value_name = "DURATION",
     .min = 1000,
     .max = (int64_t)30 * 24 * 3600 * 1000,
     .help = "How often all objects are listed and compared anew, though watches tell what happens "
             "to them."},
    {.name = "report-interval",
     .type = CM_OPTION_DURATION,
     .offset = AT(report_interval_ms),
     .default_value = "800ms",
     .value_name = "DURATION",
     .min = 10,
     .max = 60000,
     .help = "How long changes are gathered before they are reported; the first is at once."},
    {.name = "reconnect-min",
     .type = CM_OPTION_DURATION,
     .offset = AT(reconnect_min_ms),
     .default_value = "1s",
     .value_name = "DURATION",
     .min = 10,
     .max = 3600000,
     .help = "The shortest pause between tries to reach the hub."},
    {.name = "reconnect-max",
     .type = CM_OPTION_DURATION,
     .offset = AT(reconnect_max_ms),
     .default_value = "60s",
     .value_name = "DURATION",
     .min = 10,
     .max = 3600000,
     .help = "The longest pause between tries to reach the hub."},
    {.name = "log-level",
     .type = CM_OPTION_STRING,
     .offset = AT(log_level),
     .default_value = "info",
     .value_name = "LEVEL",
     .help = "error, warn, info or debug."},
    {.name = "log-format",
     .type = CM_OPTION_STRING,
     .offset = AT(log_format),
     .default_value = "logfmt",
     .value_name = "FORMAT",
     .help = "logfmt or json."},
    {.name = "version",
     .type = CM_OPTION_BOOL,
     .offset = AT(version),
     .help = "Print the version and exit."},
    {.name = "help", .type = CM_OPTION_BOOL, .offset = AT(help), .help = "Print this and exit."},
};

const struct cm_option_set agent_option_set = {
    .program = "holdfast-agent",
    .summary = "Keeps one cluster as the hub says, with or without the hub.",
    .usage = "[OPTIONS]",
    .env_prefix = "HOLDFAST_AGENT",
    .env_own = true,
    .options = options,
    .count = sizeof(options) / sizeof(options[0]),
};

static enum cm_rc read_token(struct agent_options *o, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *text = NULL;
    enum cm_rc rc = cm_fsys_read(o->join_token_file, TOKEN_FILE_MAX, &text, err);

    if (rc < 0) {
        return cm_wrap(err, "--join-token-file");
    }
    free(o->join_token);
    o->join_token = cm_strndup((const char *)text->data, text->size);
    o->join_token[strcspn(o->join_token, " \t\r\n")] = '\0';
    return CM_OK;
}

// check_namespaces fails unless it is "*", "none", which is "" then, or names with commas.
static enum cm_rc check_namespaces(struct agent_options *o, struct cm_err *err) {
    static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    const char *at = o->observe_namespaces;

    if (strcmp(at, "*") == 0 || strcmp(at, "none") == 0) {
        o->observe_namespaces[strcmp(at, "*") == 0 ? 1 : 0] = '\0';
        return CM_OK;
    }
    for (;; at++) {
        size_t size = strspn(at, chars);

        if (size == 0 || (at[size] != ',' && at[size] != '\0')) {
            return cm_fail(err, CM_EINVAL,
                           "--observe-namespaces: '%.80s' names no namespaces: write them as "
                           "shop,web, or *, or none",
                           o->observe_namespaces);
        }
        at += size;
        if (*at == '\0') {
            return CM_OK;
        }
    }
}

static enum cm_rc check(struct agent_options *o, int rest, char **argv, struct cm_err *err) {
    if (rest > 0) {
        return cm_fail(err, CM_EINVAL, "'%.80s' is no option of holdfast-agent; see --help",
                       argv[0]);
    }
    if (strcmp(o->driver, "kube") != 0 && strcmp(o->driver, "sim") != 0) {
        return cm_fail(err, CM_EINVAL, "--driver: '%.80s' is neither kube nor sim", o->driver);
    }
    if (strcmp(o->mode, "apply") != 0 && strcmp(o->mode, "observe") != 0) {
        return cm_fail(err, CM_EINVAL, "--mode: '%.80s' is neither apply nor observe", o->mode);
    }
    if (o->reconnect_max_ms < o->reconnect_min_ms) {
        return cm_fail(err, CM_EINVAL, "--reconnect-max is shorter than --reconnect-min");
    }
    if (check_namespaces(o, err) < 0) {
        return err->code;
    }
    if (o->join_token_file != NULL && o->join_token_file[0] != '\0') {
        return read_token(o, err);
    }
    return CM_OK;
}

enum cm_rc agent_options_load(int argc, char **argv, struct agent_options *out,
                              struct cm_err *err) {
    struct agent_options o = {0};
    int rest = 0;
    enum cm_rc rc = cm_options_load(&agent_option_set, &o, argc, argv, &rest, err);

    if (rc < 0) {
        return rc;
    }
    rc = check(&o, rest, argv, err);
    if (rc < 0) {
        agent_options_done(&o);
        return rc;
    }
    *out = o;
    return CM_OK;
}

void agent_options_forget_token(struct agent_options *o) {
    if (o->join_token != NULL) {
        explicit_bzero(o->join_token, strlen(o->join_token));
    }
}

void agent_options_done(struct agent_options *o) {
    agent_options_forget_token(o);
    cm_options_done(&agent_option_set, o);
}
