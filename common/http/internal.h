// internal: what the parts of common/http share.
//
// A request belongs to its curl thread from cm_http_send until that thread has set `over`; from
// then on to its loop, which frees it. In between both sides meet only under the lock of struct
// cm_http.
//
// Threads: as said at each member.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "common/err.h"
#include "common/http/http.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/str.h"

// A thread with a curl_multi. There are two, one for requests and one for streams: curl keeps one
// note per host whether it speaks HTTP/2, and streams, which do not, would spoil it.
struct cm_http_engine {
    struct cm_http *http;
    CURLM *multi;
    pthread_t thread;

    // The engine's thread only.
    struct cm_list running;        // requests that have an easy handle
    struct cm_list refused;        // requests that curl cannot send as they are
    int64_t next_silence_check_ms; // 0: none

    struct cm_list commands; // requests whose flags the thread shall look at; guarded by http->mu
};

struct cm_http {
    atomic_uint refs; // the owner, each endpoint, each request
    struct cm_http_engine requests;
    struct cm_http_engine streams;

    pthread_mutex_t mu; // guards everything below, and what the others say it guards
    bool stopping;
};

struct cm_http_endpoint {
    struct cm_http *http;
    char *base_url; // without a slash at its end
    char *ca_pem;
    char *client_cert_pem;
    char *client_key_pem;
    char *unix_socket;
    char *connect_to;  // "name:port:host:port" if the server's name is not that of base_url
    char *host_header; // "Host: host:port", then
    bool insecure;
    bool use_proxy_env;
    long max_in_flight;

    long in_flight;         // the thread for requests only
    struct cm_list waiting; // the thread for requests only

    char *bearer; // "Authorization: Bearer …", guarded by http->mu
};

struct cm_http_request {
    struct cm_http *http;
    struct cm_http_endpoint *ep;
    struct cm_http_engine *engine;

    // Set by cm_http_send, read by both sides.
    struct cm_loop *loop;
    char *method;
    char *path;
    char *content_type;
    char *accept;
    char **headers; // ended by NULL; may be NULL
    char *body;
    size_t body_size;
    int64_t timeout_ms;
    size_t max_answer_bytes;
    void (*line)(void *ctx, const char *line, size_t size);
    void (*done)(void *ctx, const struct cm_http_answer *answer);
    void *ctx;

    // The engine's thread only, until over.
    CURL *easy;
    struct curl_slist *slist; // headers
    struct curl_slist *connect_to;
    char why[CURL_ERROR_SIZE];
    struct cm_list at; // in running or waiting
    bool counted;      // in ep->in_flight
    int64_t last_data_ms;
    struct cm_str answer_body;
    char *answer_type;
    char *answer_etag;
    struct cm_http_answer answer;

    // The loop only.
    struct cm_str rest; // a line whose end has not come yet
    bool too_long;      // a line was longer than allowed

    // Guarded by http->mu.
    struct cm_list command; // in engine->commands
    bool started;           // the curl thread has seen it
    bool canceled;
    bool resume; // the loop has taken the piece that the socket waits for
    bool paused;
    bool posted; // task is on its way to the loop
    bool over;   // the curl thread is done with it
    struct cm_str piece;
    struct cm_task task;
};

// cm_http_easy_setup fills r->easy from the request and its endpoint.
CM_MUSTUSE enum cm_rc cm_http_easy_setup(struct cm_http_request *r, struct cm_err *err);

// cm_http_easy_answer fills r->answer from a transfer that ended with `code`.
void cm_http_easy_answer(struct cm_http_request *r, CURLcode code);

// cm_http_write is curl's write function; ctx is the request.
size_t cm_http_write(char *bytes, size_t one, size_t size, void *ctx);

// cm_http_deliver runs on the request's loop: lines, then `done`, then it frees the request.
void cm_http_deliver(void *ctx);

// cm_http_post_locked sends the request's task to its loop, unless it is on its way.
void cm_http_post_locked(struct cm_http_request *r);

void *cm_http_thread(void *ctx); // an engine's

// cm_http_command_locked makes the request's thread look at its flags; it wakes up by
// curl_multi_wakeup, which the caller does without the lock.
void cm_http_command_locked(struct cm_http_request *r);

void cm_http_unref(struct cm_http *http);
