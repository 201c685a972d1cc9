// config: how the hub is told what to do: its option table, and the file of repositories.
//
// Threads: one, at start; afterwards nothing changes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/options.h"

enum hub_command {
    HUB_COMMAND_SERVE,
    HUB_COMMAND_BACKUP,
    HUB_COMMAND_RESTORE,
    HUB_COMMAND_ROTATE,
    HUB_COMMAND_ROOT_BEGIN,
    HUB_COMMAND_ROOT_FINISH,
    HUB_COMMAND_ROOT_DROP,
    HUB_COMMAND_RECOVER,
    HUB_COMMAND_REINDEX
};

struct hub_config {
    char *data_dir;
    char *listen;        // agents
    char *enroll_listen; // enrolments
    char *api_listen;    // people and tools
    char *advertise;     // "host:port[,host:port]" at which agents reach us; NULL: as in listen
    char *repositories;  // path of the file
    char *registry_copy; // where the registry of agents is kept, too; NULL: nowhere
    char *registry;      // that a restore takes in; NULL: none
    char *log_level;
    char *log_format;
    bool enroll_needs_approval;
    bool api_insecure; // plain HTTP; only on a loopback address
    int64_t heartbeat_ms;
    int64_t max_agents;
    int64_t certificate_life_ms;
    int64_t offline_renewal_ms;
    int64_t git_workers;
    int64_t events_kept;
    int64_t capture_after_ms;
    int64_t breaker_releases;
    int64_t breaker_freeze_ms;
    int64_t state_window_ms;   // 0: there is no state repository
    int64_t state_keep_months; // 0: all is kept
    int64_t removal_share_percent;
    int64_t removal_objects_min;
    int64_t removal_clusters_min;
    bool version;
    bool help;
    enum hub_command command;
    bool anyway; // though agents lack the newest set of roots
    char *file;  // of a backup, or a root's key (NULL: in the data folder)
};

extern const struct cm_option_set hub_config_options;

// hub_config_load reads everything; messages say where a bad value came from.
CM_MUSTUSE enum cm_rc hub_config_load(int argc, char **argv, struct hub_config *out,
                                      struct cm_err *err);
void hub_config_done(struct hub_config *c);

enum hub_write_mode { HUB_WRITE_OFF, HUB_WRITE_DIRECT, HUB_WRITE_PULL_REQUEST };

struct hub_repository {
    char *name; // a DNS label
    char *url;
    char *branch;    // default "main"
    char *path;      // root folder inside the repository; ""
    int64_t poll_ms; // default 30 s; 0: webhooks only
    char *token;     // secrets come from the files named by tokenFile, passwordFile, …
    char *username;
    char *password;
    char *ca_file;
    char *ssh_key_file;
    char *ssh_passphrase;
    char *known_hosts_file;
    char *webhook_secret;
    bool allow_private_hosts;
    bool source_only;   // Apps may take manifests from it; it holds no documents
    int64_t timeout_ms; // of one fetch, or push, default 5 min
    enum hub_write_mode write;
    char *committer;       // of commits of the hub; default "Holdfast"
    char *committer_email; // default "holdfast@fleet.invalid"
    char *signing_key;     // OpenSSH's form, from signingKeyFile; NULL: they are not signed
    char *provider;        // "gitea", "github" or "gitlab": of pull requests; NULL: there are none
    char *api_url;         // NULL: as `url` tells
    char *project;         // "platform/fleet"; NULL: likewise
    char *api_token;       // from apiTokenFile; NULL: `token`
};

struct hub_repositories {
    struct hub_repository *items;
    size_t count;
    struct hub_repository *state; // where the state repository is pushed to; NULL: nowhere
};

// hub_repositories_load reads the file of repositories: YAML, `repositories:` with a list, and
// `state:`, where the hub's own is pushed to. Errors
// name file, line and column; an unknown field proposes the nearest.
CM_MUSTUSE enum cm_rc hub_repositories_load(const char *path, struct hub_repositories *out,
                                            struct cm_err *err);

// hub_repositories_read reads its text; `path` is what errors call it.
CM_MUSTUSE enum cm_rc hub_repositories_read(const char *path, const char *text, size_t size,
                                            struct hub_repositories *out, struct cm_err *err);
void hub_repositories_done(struct hub_repositories *r);
