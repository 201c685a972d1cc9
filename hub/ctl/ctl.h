// ctl: the command line, `holdfast`: a client of the hub's API, and verbs that work without a hub.
//
// One file per verb. A verb gets the options, which are parsed already, and its arguments; it
// prints what it has to say and returns the exit code: 0 done, 1 no (not healthy in time, there are
// differences, the fleet is not valid), 2 an error. Errors are printed by main, once.
//
// Threads: one; calls of the API block it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"

struct cm_arena;
struct cm_json;
struct ctl_client;
struct ctl_jsonpath;
struct ctl_verb;

struct ctl_options {
    char *server;
    char *token_file;
    char *ca_file;
    char *context;
    char *config;
    char *output; // as it was said; see ctl.output
    char *color;  // "auto", "always", "never"
    char *app;
    char *cluster;
    char *clusters;
    char *group;
    char *selector;
    char *state;
    char *kind;
    char *revision;
    char *repository;
    char *role;
    char *sort_by;
    char *at;
    char *path;
    char *file;
    char *reason;
    char *until;
    char *name;
    char *key;
    char *object;
    char *field;
    char *versions;
    bool everywhere;
    bool dry_run;
    char *source;
    char *with;
    char *image;
    char *namespaces;
    char *resources;
    char *mode;
    bool impersonate;
    char *audit_log;
    bool live;
    char *working_hours;
    char *wait_for;     // "rendered", "delivered", "applied", "healthy"
    int64_t timeout_ms; // 0: not given
    int64_t life_ms;    // 0: not given
    int64_t since_ms;   // 0: not given
    int64_t limit;      // 0: not given
    int64_t removal_share_percent;
    int64_t removal_objects_min;
    int64_t removal_clusters_min;
    bool all;
    bool again;
    bool needs_approval;
    bool tokens;
    bool manifests;
    bool wait;
    bool watch;
    bool follow;
    bool embed;
    bool show_secrets;
    bool exit_code;
    bool objects;
    bool known;
    bool expand;
    bool missing;
    bool no_headers;
    bool server_only;
    bool version;
    bool help;
};

// Where the hub is and how to prove who we are; NULL: not said. See settings.h.
struct ctl_hub {
    const char *server;
    const char *ca_file;
    const char *ca; // PEM
    const char *token_file;
    const char *token;
    const char *context; // the name of the context that said so
    const char *problem; // why nothing is said, if that is a mistake
};

#define CTL_DONE 0
#define CTL_NO 1
#define CTL_ERROR 2

struct ctl {
    struct ctl_options options;
    struct ctl_hub hub;
    const struct ctl_verb *verb;
    const char *output;            // the form that -o asks for
    const char *given;             // names of the options on the command line, each after a space
    struct ctl_jsonpath *jsonpath; // of -o jsonpath=…; NULL: none
    struct ctl_client *client;     // made by the first call
    int64_t timeout_ms;            // of a call; 0: 30 s
    struct cm_arena *arena;        // for what lives as long as the process
    int argc;                      // the verb's arguments
    char **argv;
    struct cm_err err; // of CTL_ERROR
};

// Verbs, each in the file of its name.
int ctl_get(struct ctl *c);
int ctl_describe(struct ctl *c);
int ctl_diff(struct ctl *c);
int ctl_debug(struct ctl *c);
int ctl_fleet(struct ctl *c);
int ctl_sync(struct ctl *c);
int ctl_wait(struct ctl *c);
int ctl_watch(struct ctl *c);
int ctl_logs(struct ctl *c);
int ctl_show(struct ctl *c);
int ctl_log(struct ctl *c);
int ctl_where(struct ctl *c);
int ctl_why(struct ctl *c);
int ctl_enroll(struct ctl *c);
int ctl_revoke(struct ctl *c);
int ctl_approve(struct ctl *c);
int ctl_write(struct ctl *c); // suspend, resume
int ctl_confirm(struct ctl *c);
int ctl_freeze(struct ctl *c);
int ctl_unfreeze(struct ctl *c);
int ctl_hold(struct ctl *c);
int ctl_retry(struct ctl *c);
int ctl_ban(struct ctl *c);
int ctl_unban(struct ctl *c);
int ctl_ignore(struct ctl *c);
int ctl_exempt(struct ctl *c);
int ctl_capture(struct ctl *c);
int ctl_validate(struct ctl *c);
int ctl_render(struct ctl *c);
int ctl_plan(struct ctl *c);
int ctl_token(struct ctl *c);
int ctl_context(struct ctl *c);
int ctl_completion(struct ctl *c);
int ctl_version(struct ctl *c);
int ctl_help(struct ctl *c);

// ctl_wait_for_progress waits as `holdfast wait` does, with bars or lines; ctl_wait_as_told as long
// as --timeout says. The arguments were read before (ctl_target_read).
int ctl_wait_for_progress(struct ctl *c, int64_t timeout_ms);
int ctl_wait_as_told(struct ctl *c);
int64_t ctl_wait_timeout(const struct ctl *c);

// ctl_fail fills c->err and returns CTL_ERROR.
int ctl_fail(struct ctl *c, enum cm_rc code, const char *fmt, ...) CM_PRINTF(3, 4);
