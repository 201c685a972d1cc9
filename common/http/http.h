// http: an HTTP client for the whole process, around curl_multi.
//
// Requests go in from any thread; answers are posted to the loop named in the request. Connections
// are shared and kept; HTTP/2 is used where the server offers it over TLS. Answers are bounded in
// bytes; a streaming request (a Kubernetes watch) hands over its body line by line and is paused,
// at the socket, while the loop has not taken the last piece. So that a paused stream holds up
// nothing else, streams speak HTTP/1.1 and have connections and a thread of their own.
//
// Nothing follows redirects, nothing speaks anything but http and https, and no proxy is taken from
// the environment unless the endpoint says so.
//
// Threads: cm_http_new, _free: the owner; cm_http_send, _cancel: the request's loop; endpoints:
// any.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct cm_http;
struct cm_http_endpoint;
struct cm_http_request;
struct cm_loop;

struct cm_http *cm_http_new(void);

// cm_http_free cancels what runs and joins the thread. The requests' `done` still come on their
// loops, and endpoints may be freed later. NULL is fine.
void cm_http_free(struct cm_http *http);

// An endpoint is a server and how to prove who is who. It is copied.
struct cm_http_endpoint_config {
    const char *base_url;        // "https://10.0.0.1:6443"
    const char *ca_pem;          // NULL: the system's
    const char *client_cert_pem; // NULL: none
    const char *client_key_pem;
    const char *tls_server_name; // NULL: the host of base_url
    bool insecure;               // no verification; kubeconfig's insecure-skip-tls-verify
    bool use_proxy_env;
    const char *unix_socket; // NULL: TCP
    long max_in_flight; // requests running at once, streams not counted; 0: no limit. Others wait
                        // in order
};

// cm_http_endpoint_new fails with CM_EINVAL if base_url is not http or https, or has a user, a
// query or a fragment.
CM_MUSTUSE enum cm_rc cm_http_endpoint_new(struct cm_http *http,
                                           const struct cm_http_endpoint_config *config,
                                           struct cm_http_endpoint **out, struct cm_err *err);
void cm_http_endpoint_free(struct cm_http_endpoint *ep); // its requests must be over

// cm_http_endpoint_set_bearer sets the token sent with each request that starts from now on. Our
// copies of it are zeroed before they are freed; libcurl's own buffers, in which it has put the
// request together, it frees as they are.
void cm_http_endpoint_set_bearer(struct cm_http_endpoint *ep, const char *token);

struct cm_http_answer {
    int status;       // 0 if the server was not reached: see error
    const char *body; // NUL-ended for convenience; "" for streams that were answered with 2xx
    size_t size;
    int64_t retry_after_ms; // from Retry-After; 0 if there was none
    const char *content_type;
    const char *etag;
    struct cm_err error; // code CM_OK when there was an answer of any status; CM_EIO not
                         // reached or broken off, CM_EAUTH TLS, CM_ECANCELED
};

struct cm_http_request_config {
    struct cm_loop *loop;
    const char *method;       // "GET"
    const char *path;         // appended to base_url: "/api/v1/pods?limit=500"
    const char *content_type; // of the body
    const char *accept;
    const char *const *headers; // more, "Name: value", ended by NULL; may be NULL
    const void *body;           // copied
    size_t body_size;
    int64_t timeout_ms;      // from when its turn came to the end; for streams: longest silence
    size_t max_answer_bytes; // beyond it the request fails; for streams: longest line

    // Streams only: called for each line of an answer of 2xx, without its line feed. NULL: not a
    // stream.
    void (*line)(void *ctx, const char *line, size_t size);
    // Called exactly once, on the loop, also after cancel. The answer is good until it returns; the
    // request is freed afterwards.
    void (*done)(void *ctx, const struct cm_http_answer *answer);
    void *ctx;
};

// cm_http_send begins a request; it never fails at once, `done` tells. A method, path or header
// that could not be sent as it is (control characters, spaces in the path) is CM_EINVAL there.
struct cm_http_request *cm_http_send(struct cm_http_endpoint *ep,
                                     const struct cm_http_request_config *config);

// cm_http_cancel ends a request soon; `done` follows with CM_ECANCELED, `line` comes no more.
void cm_http_cancel(struct cm_http_request *request);

// cm_http_escape percent-encodes one path segment or query value; the caller frees it.
char *cm_http_escape(const char *text);
