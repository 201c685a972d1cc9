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

struct ctl_options {
    char *server;
    char *token_file;
    char *ca_file;
    char *output; // "table", "json", "yaml", "name"
    char *app;
    char *cluster;
    char *group;
    char *selector;
    char *state;
    char *kind;
    char *revision;
    char *repository;
    char *wait_for; // "delivered", "applied", "healthy"
    int64_t timeout_ms;
    int64_t life_ms;
    int64_t limit;
    bool all;
    bool again;
    bool tokens;
    bool wait;
    bool server_only;
    bool version;
    bool help;
};

#define CTL_DONE 0
#define CTL_NO 1
#define CTL_ERROR 2

struct ctl {
    struct ctl_options options;
    struct ctl_client *client; // made by the first call
    struct cm_arena *arena;    // for what lives as long as the process
    int argc;                  // the verb's arguments
    char **argv;
    struct cm_err err; // of CTL_ERROR
};

struct ctl_verb {
    const char *name;
    const char *arguments; // "clusters|apps|…"
    const char *summary;
    const char *example;
    const char *options; // names it takes beside those that all take, separated by spaces
    int (*run)(struct ctl *c);
};

// Verbs, each in the file of its name.
int ctl_get(struct ctl *c);
int ctl_diff(struct ctl *c);
int ctl_sync(struct ctl *c);
int ctl_wait(struct ctl *c);
int ctl_enroll(struct ctl *c);
int ctl_revoke(struct ctl *c);
int ctl_validate(struct ctl *c);
int ctl_version(struct ctl *c);

// ctl_fail fills c->err and returns CTL_ERROR.
int ctl_fail(struct ctl *c, enum cm_rc code, const char *fmt, ...) CM_PRINTF(3, 4);
