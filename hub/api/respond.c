#include "hub/api/respond.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/tls/digest.h"
#include "common/tls/keys.h"
#include "hub/api/request.h"
#include "hub/api/routes.h"
#include "hub/api/stream.h"

#define STREAM_BLOCK 4096

static bool names_etag(const char *list, const char *etag) {
    const char *bare = etag + 2; // a weak comparison ignores W/

    return list != NULL && (strcmp(list, "*") == 0 || strstr(list, bare) != NULL);
}

// What is read changes seldom and is asked for often.
static void add_etag(struct hub_request *r) {
    char hex[CM_SHA256_HEX_MAX];

    if (r->answer.status != 200 || r->route == NULL || strcmp(r->route->method, "GET") != 0 ||
        r->route->type != NULL) {
        return;
    }
    struct cm_sha256 digest = cm_sha256(r->answer.body.data, r->answer.body.len);
    cm_sha256_hex(&digest, hex);
    (void)snprintf(r->answer.etag, sizeof(r->answer.etag), "W/\"%.16s\"", hex);
    if (names_etag(hub_request_header(r, "If-None-Match"), r->answer.etag)) {
        hub_answer_empty(r, 304);
    }
}

static void add_header(struct MHD_Response *response, const char *name, const char *value) {
    if (value != NULL && value[0] != '\0') {
        (void)MHD_add_response_header(response, name, value);
    }
}

static void add_headers(struct MHD_Response *response, const struct hub_request *r) {
    char seconds[16] = "";

    if (r->answer.retry_s > 0) {
        (void)snprintf(seconds, sizeof(seconds), "%u", r->answer.retry_s);
    }
    add_header(response, "Cache-Control",
               r->answer.etag[0] == '\0' ? "no-store" : "private, no-cache");
    add_header(response, "X-Content-Type-Options", "nosniff");
    add_header(response, "ETag", r->answer.etag);
    add_header(response, "Allow", r->answer.allow);
    add_header(response, "Retry-After", seconds);
    add_header(response, "Connection", r->answer.close ? "close" : NULL);
    if (r->answer.status == 401) {
        add_header(response, "WWW-Authenticate", "Bearer realm=\"holdfast\"");
    }
}

static ssize_t read_stream(void *cls, uint64_t at, char *out, size_t size) {
    ssize_t count = hub_stream_read(cls, out, size);

    (void)at;
    return count < 0 ? MHD_CONTENT_READER_END_OF_STREAM : count;
}

static void free_stream(void *cls) {
    hub_stream_free(cls);
}

// A stream may last; from now on only its reader's silence ends it, not the time that it takes.
static struct MHD_Response *make_stream(struct hub_request *r) {
    struct hub_stream *stream = CM_TAKE(r->answer.stream);
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, stream, free_stream);

    hub_server_outlast(r);
    if (response == NULL) {
        hub_stream_free(stream);
    }
    return response;
}

static void free_secret(void *body) {
    cm_secret_free(body);
}

// make_response takes the answer's body.
static struct MHD_Response *make_response(struct hub_request *r) {
    static char nothing[] = "";
    size_t size = r->answer.body.len;

    if (r->answer.stream != NULL) {
        return make_stream(r);
    }
    if (size == 0) {
        return MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
    }
    char *body = cm_str_take(&r->answer.body);
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(
        size, body, r->answer.secret ? free_secret : free);
    if (response == NULL) {
        free(body);
    }
    return response;
}

enum MHD_Result hub_respond(struct hub_request *r) {
    add_etag(r);
    bool has_body = r->answer.body.len > 0 || r->answer.stream != NULL;
    struct MHD_Response *response = make_response(r);

    if (response == NULL) {
        return MHD_NO;
    }
    add_header(response, "Content-Type", has_body ? r->answer.type : NULL);
    add_headers(response, r);
    enum MHD_Result queued = MHD_queue_response(r->connection, r->answer.status, response);
    MHD_destroy_response(response);
    return queued;
}
