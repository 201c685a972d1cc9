// request: one request on its way through the API, and its answer.
//
//     begun (headers) ──▶ body ──▶ answered ──▶ sent
//                           ├──▶ waits for the loop (change.h) ──▶ answered
//                           └──▶ waits for its turn (workers.h) ─▶ answered
//
// Handlers know nothing of the server library: they read what is here and call one of the
// hub_answer functions.
//
// Threads: one at a time, the server's, or a worker's while the connection is suspended.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/net/addr.h"
#include "common/str.h"
#include "hub/api/uri.h"
#include "hub/api/workers.h"
#include "hub/store/tokens.h"

struct cm_arena;
struct cm_json;
struct hub_api;
struct hub_change;
struct hub_db;
struct hub_route;
struct hub_signature;
struct hub_stream;

struct hub_answer {
    unsigned status; // 0: not answered yet
    struct cm_str body;
    struct hub_stream *stream; // instead of a body; owned
    const char *type;          // of the body
    const char *allow;         // for 405
    unsigned retry_s;          // for 429 and 503; 0: not said
    bool secret;               // the body is wiped once it is sent
    bool close;                // the connection, unread
    char etag[24];             // "" for none
};

struct hub_request {
    struct hub_api *api;
    struct cm_arena *arena;
    uint64_t number; // for the log
    int64_t began_ms;
    void *connection; // the server's
    char address[CM_NET_ORIGIN_MAX];
    const char *method;
    struct hub_uri uri;
    struct cm_err uri_err; // code CM_OK if the address could be read

    bool begun;
    const struct hub_route *route;
    const char *arg; // the end of the path, where the route has a '*'
    struct hub_api_token token;
    bool known; // a token was shown and is good

    size_t body_max;
    size_t body_size; // what arrived so far, kept or not
    struct cm_str body;
    struct hub_signature *signature; // of a webhook
    const char *repository;          // of a webhook; borrowed from the configuration

    struct hub_change *change; // what the loop is asked
    struct hub_job job;        // where the route reads much
    struct hub_answer answer;
};

// hub_request_header returns a header's value or NULL (hub/api/server.c).
const char *hub_request_header(const struct hub_request *r, const char *name);

// hub_answer_problem answers with a problem document (RFC 9457): its type is a word for the status,
// its instance the number that the log has, its field what the words begin with, if that is a name.
void hub_answer_problem(struct hub_request *r, unsigned status, const char *fmt, ...)
    CM_PRINTF(3, 4);

// hub_problem_title is what a status of a problem is called.
const char *hub_problem_title(unsigned status);

// hub_answer_too_large answers that the body is larger than r->body_max.
void hub_answer_too_large(struct hub_request *r);

// hub_answer_error answers with the problem that stands for this error. What the caller cannot
// mend is logged, not told.
void hub_answer_error(struct hub_request *r, const struct cm_err *err);

void hub_answer_json(struct hub_request *r, unsigned status, const struct cm_json *json);
void hub_answer_text(struct hub_request *r, unsigned status, const char *type, const char *text);
void hub_answer_empty(struct hub_request *r, unsigned status);
