// change: what a request asks of the loop, and the wait for its answer.
//
//     server's thread: new ──▶ start ─────────────────┐          connection resumed: answer
//     loop:                        begin … done ──────┤                 ▲
//     watch:                                 deadline ┴── first one ────┘
//
// No thread waits: the connection is suspended until the loop is done or the deadline has passed,
// whichever comes first. The record lives until both the request and the loop have let go of it.
// If the deadline passes before the loop has begun, nothing is done.
//
// Threads: new, start and unref: the server's; begin and hub_change_done: the loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/loop.h"
#include "hub/api/watch.h"
#include "hub/store/tokens.h"

struct hub_api;
struct hub_request;

#define HUB_CHANGE_MS 10000

struct hub_change {
    // What is asked; copies. NULL: not said.
    char *actor;
    char *address;
    char *cluster;
    char *app;
    char *repository;
    char *key;   // of an agent: how its hash begins
    char *token; // the name of an API token, or its id
    char *namespace;
    char **keys; // of objects, ended by NULL
    size_t key_count;
    enum hub_role role;
    int64_t life_ms;
    int64_t asked_ms; // monotonic
    bool again;
    bool needs_approval;
    char *kind; // of what is to be written
    char *args; // JSON
    bool dry_run;
    struct hub_api *api;
    void (*begin)(struct hub_change *c);

    // The answer, for the request once it is resumed.
    unsigned status;  // 0: see err
    char *text;       // the body, which may hold a secret; NULL: none
    const char *type; // of the body
    struct cm_err err;

    // change.c only
    _Atomic int refs;
    _Atomic bool expired;
    struct hub_due due;
    struct cm_task task;
    void *connection;
};

// hub_change_new makes the change of this request, whose handler then returns CM_OK without an
// answer. `begin` is called on the loop and leads to one hub_change_done, now or later.
struct hub_change *hub_change_new(struct hub_request *r, void (*begin)(struct hub_change *c));

// hub_change_start hands it to the loop; the connection is suspended already.
void hub_change_start(struct hub_change *c, int64_t deadline_ms);

// hub_change_done tells the answer and lets go of the change: either an error, or a status with a
// body (taken; NULL: none).
void hub_change_done(struct hub_change *c, const struct cm_err *err, unsigned status, char *text);

void hub_change_unref(struct hub_change *c); // NULL is fine

// hub_connection_sleep suspends a connection, hub_change_wake resumes it (hub/api/server.c).
void hub_connection_sleep(void *connection);
void hub_change_wake(void *connection);
