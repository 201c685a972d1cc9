#include "hub/config/config.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "hub/config/addresses.h"

#define HEARTBEATS_MIN 10 // in the life of a certificate

#define AT(field) offsetof(struct hub_config, field)

static const struct cm_option options[] = {
    {.name = "data-dir",
     .type = CM_OPTION_STRING,
     .offset = AT(data_dir),
     .default_value = "/var/lib/holdfast-hub",
     .value_name = "DIR",
     .help = "Where the hub keeps its keys, its database and its copies of the repositories."},
    {.name = "repositories",
     .type = CM_OPTION_STRING,
     .offset = AT(repositories),
     .default_value = "/etc/holdfast/repositories.yaml",
     .value_name = "FILE",
     .help = "The repositories to read and how to get into them."},
    {.name = "listen",
     .type = CM_OPTION_STRING,
     .offset = AT(listen),
     .default_value = "0.0.0.0:7420",
     .value_name = "HOST:PORT",
     .help = "Where agents connect."},
    {.name = "enroll-listen",
     .type = CM_OPTION_STRING,
     .offset = AT(enroll_listen),
     .default_value = "0.0.0.0:7421",
     .value_name = "HOST:PORT",
     .help = "Where new agents enroll."},
    {.name = "enroll-needs-approval",
     .type = CM_OPTION_BOOL,
     .offset = AT(enroll_needs_approval),
     .help = "Let no new agent in before a person has accepted its key: 'holdfast approve'."},
    {.name = "api-listen",
     .type = CM_OPTION_STRING,
     .offset = AT(api_listen),
     .default_value = "127.0.0.1:7422",
     .value_name = "HOST:PORT",
     .help = "Where the CLI, webhooks and Prometheus connect."},
    {.name = "api-insecure",
     .type = CM_OPTION_BOOL,
     .offset = AT(api_insecure),
     .help = "Serve the API without TLS; only allowed on a loopback address."},
    {.name = "advertise",
     .type = CM_OPTION_STRING,
     .offset = AT(advertise),
     .value_name = "HOST:PORT[,HOST:PORT]",
     .help = "Under which addresses agents reach the hub; by default the address of --listen."},
    {.name = "heartbeat",
     .type = CM_OPTION_DURATION,
     .offset = AT(heartbeat_ms),
     .default_value = "60s",
     .value_name = "DURATION",
     .min = 1000,
     .max = 3600000,
     .help = "How often an idle agent says that it is there; 2.5 times as long without a word and "
             "it counts as disconnected."},
    {.name = "max-agents",
     .type = CM_OPTION_INT,
     .offset = AT(max_agents),
     .default_value = "20000",
     .value_name = "N",
     .min = 1,
     .max = 1000000,
     .help = "How many agents may be connected at once."},
    {.name = "certificate-life",
     .type = CM_OPTION_DURATION,
     .offset = AT(certificate_life_ms),
     .default_value = "7d",
     .value_name = "DURATION",
     .min = 3600000,
     .max = INT64_C(90) * 86400000,
     .help = "How long an agent's certificate is good; the agent renews it at half of that. At "
             "least ten heartbeats."},
    {.name = "offline-renewal",
     .type = CM_OPTION_DURATION,
     .offset = AT(offline_renewal_ms),
     .default_value = "90d",
     .value_name = "DURATION",
     .min = 0,
     .max = INT64_C(3650) * 86400000,
     .help = "So long after it has ended the certificate of an agent that was away is renewed "
             "without a person; later 'holdfast approve' is needed. 0s: always."},
    {.name = "git-workers",
     .type = CM_OPTION_INT,
     .offset = AT(git_workers),
     .default_value = "4",
     .value_name = "N",
     .min = 1,
     .max = 64,
     .help = "How many repositories are fetched at the same time."},
    {.name = "removal-share-percent",
     .type = CM_OPTION_INT,
     .offset = AT(removal_share_percent),
     .default_value = "30",
     .value_name = "PERCENT",
     .min = 0,
     .max = 100,
     .help = "How much of a cluster's objects, and of an App's clusters, a commit may remove "
             "without a Confirmation in Git; 100: all."},
    {.name = "removal-objects-min",
     .type = CM_OPTION_INT,
     .offset = AT(removal_objects_min),
     .default_value = "10",
     .value_name = "N",
     .min = 1,
     .max = 1000000,
     .help = "Fewer objects that a cluster loses need no Confirmation, whatever share they are."},
    {.name = "removal-clusters-min",
     .type = CM_OPTION_INT,
     .offset = AT(removal_clusters_min),
     .default_value = "10",
     .value_name = "N",
     .min = 1,
     .max = 1000000,
     .help = "Fewer clusters that lose an App need no Confirmation, whatever share they are."},
    {.name = "capture-after",
     .type = CM_OPTION_DURATION,
     .offset = AT(capture_after_ms),
     .default_value = "1m",
     .value_name = "DURATION",
     .min = 1000,
     .max = 86400000,
     .help = "For how long a change by hand must stay before an App with 'drift: capture' takes "
             "it over into Git."},
    {.name = "breaker-releases",
     .type = CM_OPTION_INT,
     .offset = AT(breaker_releases),
     .default_value = "5",
     .value_name = "N",
     .min = 0,
     .max = 100,
     .help = "How many releases of an App a cluster may reject within an hour; where it is more, "
             "the App is frozen on what ran before. 0: never."},
    {.name = "breaker-freeze",
     .type = CM_OPTION_DURATION,
     .offset = AT(breaker_freeze_ms),
     .default_value = "1d",
     .value_name = "DURATION",
     .min = 0,
     .max = INT64_C(365) * 86400000,
     .help = "For how long; 'holdfast unfreeze' ends it before. 0s: until somebody does."},
    {.name = "events-kept",
     .type = CM_OPTION_INT,
     .offset = AT(events_kept),
     .default_value = "1000000",
     .value_name = "N",
     .min = 1000,
     .max = 1000000000,
     .help = "How many events are kept of what agents tell, and as many of all else; older "
             "ones are removed. What 'holdfast log' tells is kept for 400 days beside these."},
    {.name = "registry-copy",
     .type = CM_OPTION_STRING,
     .offset = AT(registry_copy),
     .value_name = "FILE",
     .help =
         "Also keep the registry of agents (who may connect, and who was revoked) in this file, "
         "on another machine's disk: for --registry and 'recover'."},
    {.name = "registry",
     .type = CM_OPTION_STRING,
     .offset = AT(registry),
     .value_name = "FILE",
     .help = "For 'restore': a registry of agents that is newer than the backup."},
    {.name = "state-window",
     .type = CM_OPTION_DURATION,
     .offset = AT(state_window_ms),
     .default_value = "2s",
     .value_name = "DURATION",
     .min = 0,
     .max = 3600000,
     .help = "How long changes are gathered before they become one commit of the state repository; "
             "0s: none is kept."},
    {.name = "state-keep-months",
     .type = CM_OPTION_INT,
     .offset = AT(state_keep_months),
     .default_value = "0",
     .value_name = "N",
     .min = 0,
     .max = 1200,
     .help = "Begin a history of its own in the state repository each month, and keep those of N "
             "months besides the one that runs; older ones are removed. 0: all is kept, in one "
             "history."},
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

const struct cm_option_set hub_config_options = {
    .program = "holdfast-hub",
    .summary = "Reads what many clusters should run from Git and streams it to their agents.",
    .usage = "[OPTIONS] [backup FILE | restore FILE | recover REGISTRY | reindex |\n"
             "                    rotate [ROOT-KEY] |\n"
             "                    rotate-root begin|finish|drop [ROOT-KEY]]",
    .env_prefix = "HOLDFAST_HUB",
    .env_own = true,
    .options = options,
    .count = sizeof(options) / sizeof(options[0]),
};

// take_root reads the step of a change of the root, and where the key is.
static enum cm_rc take_root(struct hub_config *c, char **words, int count, struct cm_err *err) {
    static const struct {
        const char *word;
        enum hub_command command;
        bool anyway;
    } steps[] = {{"begin", HUB_COMMAND_ROOT_BEGIN, false},
                 {"begin-anyway", HUB_COMMAND_ROOT_BEGIN, true},
                 {"finish", HUB_COMMAND_ROOT_FINISH, false},
                 {"finish-anyway", HUB_COMMAND_ROOT_FINISH, true},
                 {"drop", HUB_COMMAND_ROOT_DROP, false},
                 {"drop-anyway", HUB_COMMAND_ROOT_DROP, true}};

    for (size_t i = 0; count >= 2 && count <= 3 && i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (strcmp(words[1], steps[i].word) == 0) {
            c->command = steps[i].command;
            c->anyway = steps[i].anyway;
            c->file = count == 3 ? cm_strdup(words[2]) : NULL;
            return CM_OK;
        }
    }
    return cm_fail(err, CM_EINVAL,
                   "say the step: holdfast-hub rotate-root begin, finish or drop [ROOT-KEY]");
}

// take_command reads what is no option.
static enum cm_rc take_command(struct hub_config *c, char **words, int count, struct cm_err *err) {
    if (count == 0) {
        return CM_OK;
    }
    if (strcmp(words[0], "rotate") == 0) {
        c->command = HUB_COMMAND_ROTATE;
        c->file = count == 2 ? cm_strdup(words[1]) : NULL;
        return count <= 2 ? CM_OK
                          : cm_fail(err, CM_EINVAL, "say one file: holdfast-hub rotate ROOT-KEY");
    }
    if (strcmp(words[0], "rotate-root") == 0) {
        return take_root(c, words, count, err);
    }
    if (strcmp(words[0], "reindex") == 0) {
        c->command = HUB_COMMAND_REINDEX;
        return count == 1 ? CM_OK : cm_fail(err, CM_EINVAL, "'reindex' takes no more words");
    }
    bool backup = strcmp(words[0], "backup") == 0;
    bool recover = strcmp(words[0], "recover") == 0;
    if (!backup && !recover && strcmp(words[0], "restore") != 0) {
        return cm_fail(err, CM_EINVAL, "'%.80s' is no option of holdfast-hub; see --help",
                       words[0]);
    }
    if (count != 2) {
        return cm_fail(err, CM_EINVAL, "say the file: holdfast-hub %s FILE", words[0]);
    }
    c->command = backup ? HUB_COMMAND_BACKUP : recover ? HUB_COMMAND_RECOVER : HUB_COMMAND_RESTORE;
    c->file = cm_strdup(words[1]);
    return CM_OK;
}

enum cm_rc hub_config_load(int argc, char **argv, struct hub_config *out, struct cm_err *err) {
    int rest = 0;
    struct hub_config config = {0};
    enum cm_rc rc = cm_options_load(&hub_config_options, &config, argc, argv, &rest, err);

    if (rc < 0) {
        return rc;
    }
    if (take_command(&config, argv, rest, err) < 0) {
        hub_config_done(&config);
        return err->code;
    }
    if (!config.help && !config.version && config.command == HUB_COMMAND_SERVE &&
        hub_addresses_check(&config, err) < 0) {
        hub_config_done(&config);
        return err->code;
    }
    if (config.certificate_life_ms < HEARTBEATS_MIN * config.heartbeat_ms) {
        hub_config_done(&config);
        return cm_fail(err, CM_EINVAL,
                       "--certificate-life must be at least %d times --heartbeat, so that agents "
                       "can renew in time",
                       HEARTBEATS_MIN);
    }
    *out = config;
    return CM_OK;
}

void hub_config_done(struct hub_config *c) {
    free(c->file);
    c->file = NULL;
    cm_options_done(&hub_config_options, c);
}
