#include "hub/api/server.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/net/addr.h"
#include "common/tls/keys.h"
#include "hub/access/authority.h"
#include "hub/api/change.h"
#include "hub/api/check.h"
#include "hub/api/feed.h"
#include "hub/api/framing.h"
#include "hub/api/gate.h"
#include "hub/api/internal.h"
#include "hub/api/listen.h"
#include "hub/api/peers.h"
#include "hub/api/readers.h"
#include "hub/api/request.h"
#include "hub/api/respond.h"
#include "hub/api/routes.h"
#include "hub/api/signature.h"
#include "hub/api/stream.h"
#include "hub/api/workers.h"

#define THREADS 4u
#define HEADERS_MAX ((size_t)32 * 1024)
#define DRAIN_MAX ((size_t)8 * 1024 * 1024) // read, so that the client reads our answer
#define STOP_MS 2000

// In GnuTLS's words. Its defaults speak TLS 1.0 and 1.1, too.
#define TLS_PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct hub_server {
    struct hub_api *api;
    struct hub_api_limits limits;
    struct MHD_Daemon *daemon;
    uint16_t port;
    struct hub_peers *peers;
    atomic_uint_fast64_t requests;
    atomic_bool stopping;
    pthread_mutex_t mu; // guards everything below
    pthread_cond_t idle;
    size_t running; // requests that have begun and not been answered
};

struct connection {
    struct hub_due due; // the moment until when its request must be done
    struct hub_server *server;
    char address[CM_NET_ORIGIN_MAX];
    int fd;
};

// ---- Connections

static void on_too_slow(struct hub_due *due) {
    const struct connection *c = CM_CONTAINER(due, struct connection, due);

    if (!c->server->stopping) {
        (void)shutdown(c->fd, SHUT_RDWR); // the server closes it
    }
}

static enum MHD_Result may_connect(void *cls, const struct sockaddr *addr, socklen_t size) {
    const struct hub_server *s = cls;
    char address[CM_NET_ORIGIN_MAX];

    (void)size;
    cm_net_addr_origin(addr, address);
    return hub_peers_has_room(s->peers, address) ? MHD_YES : MHD_NO;
}

static struct connection *new_connection(struct hub_server *s, struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *peer =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct connection *c = cm_new(1, sizeof(*c));

    c->server = s;
    c->fd = fd->connect_fd;
    c->due.expired = on_too_slow;
    cm_net_addr_origin(peer == NULL ? NULL : peer->client_addr, c->address);
    hub_peers_add(s->peers, c->address);
    return c;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **ctx,
                          enum MHD_ConnectionNotificationCode what) {
    struct hub_server *s = cls;
    struct connection *c = *ctx;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        c = new_connection(s, connection);
        *ctx = c;
        (void)hub_watch_add(s->api->watch, &c->due, s->limits.head_ms);
    } else if (c != NULL) {
        (void)hub_watch_take(s->api->watch, &c->due);
        hub_peers_remove(s->peers, c->address);
        free(c);
        *ctx = NULL;
    }
}

// ---- Requests

// The connection has so long from now on.
static void begin_time(struct hub_server *s, struct MHD_Connection *connection, int64_t ms) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    if (info != NULL && info->socket_context != NULL) {
        struct connection *c = info->socket_context;
        (void)hub_watch_add(s->api->watch, &c->due, ms);
    }
}

static void *on_uri(void *cls, const char *text, struct MHD_Connection *connection) {
    struct hub_server *s = cls;
    struct hub_request *r = cm_new(1, sizeof(*r));

    (void)connection;
    r->api = s->api;
    r->arena = cm_arena_new(0);
    r->number = ++s->requests;
    r->began_ms = cm_clock_now_ms();
    r->connection = connection;
    r->method = "";
    r->uri_err.code = CM_OK;
    if (hub_uri_parse(r->arena, text, &r->uri, &r->uri_err) == CM_OK) {
        r->uri_err.code = CM_OK;
    } else {
        r->uri.path = "";
    }
    return r;
}

static void free_request(struct hub_request *r) {
    hub_change_unref(r->change);
    (void)hub_signature_end(r->signature, NULL);
    cm_str_done(&r->body);
    cm_str_done(&r->answer.body);
    hub_stream_free(r->answer.stream);
    cm_arena_free(r->arena);
    free(r);
}

static void log_request(const struct hub_request *r) {
    char number[CM_LOG_INT_MAX];
    char status[CM_LOG_INT_MAX];
    char ms[CM_LOG_INT_MAX];

    cm_log(CM_LOG_DEBUG, "api.request", "answered", "request",
           cm_log_int((int64_t)r->number, number), "method", r->method, "path", r->uri.path,
           "status", cm_log_int(r->answer.status, status), "ms",
           cm_log_int(cm_clock_now_ms() - r->began_ms, ms), "address", r->address, "token",
           r->known ? r->token.name : NULL, NULL);
}

static void request_ended(struct hub_server *s) {
    (void)pthread_mutex_lock(&s->mu);
    s->running--;
    (void)pthread_cond_signal(&s->idle);
    (void)pthread_mutex_unlock(&s->mu);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **ctx,
                         enum MHD_RequestTerminationCode why) {
    struct hub_server *s = cls;
    struct hub_request *r = *ctx;

    (void)why;
    if (r == NULL) {
        return;
    }
    if (r->answer.status != 0) {
        hub_api_count(s->api, r->answer.status, cm_clock_now_ms() - r->began_ms);
    }
    if (r->begun) {
        log_request(r);
        request_ended(s);
    }
    free_request(r);
    *ctx = NULL;
    begin_time(s, connection, (int64_t)s->limits.idle_s * 1000);
}

const char *hub_request_header(const struct hub_request *r, const char *name) {
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

void hub_connection_sleep(void *connection) {
    MHD_suspend_connection(connection);
}

void hub_server_outlast(const struct hub_request *r) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct connection *c = info->socket_context;

    (void)hub_watch_take(r->api->watch, &c->due);
}

void hub_change_wake(void *connection) {
    MHD_resume_connection(connection);
}

// ---- The way of a request

static uint64_t content_length(const struct hub_request *r) {
    const char *text = hub_request_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

    return text == NULL ? 0 : strtoull(text, NULL, 10);
}

// Who has said all that he wants and may have it may take longer; a stranger whose body is still to
// come has as long once more as for what he wants. Who is refused is not heard again on this
// connection; what he still sends is dropped, for a reset would swallow the answer.
static void extend_time(struct hub_server *s, struct hub_request *r) {
    begin_time(s, r->connection, r->known ? s->limits.request_ms : s->limits.head_ms);
    r->answer.close = !r->known && r->answer.status != 0;
}

static enum MHD_Result begin(struct hub_server *s, struct hub_request *r, const char *method) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    bool framed = hub_framing_ok(r->connection);

    r->begun = true;
    r->method = cm_arena_strdup(r->arena, method);
    (void)pthread_mutex_lock(&s->mu);
    s->running++;
    (void)pthread_mutex_unlock(&s->mu);
    cm_net_addr_origin(info == NULL ? NULL : info->client_addr, r->address);
    if (s->stopping) {
        hub_answer_problem(r, 503, "the hub is stopping");
    } else if (!framed) {
        hub_answer_problem(r, 400,
                           "where the body ends must be said once: by one Content-Length, "
                           "or by 'Transfer-Encoding: chunked'; and no name of a header may "
                           "have blanks");
        r->answer.close = true;
    } else {
        hub_gate_pass(r, content_length(r));
        extend_time(s, r);
    }
    // The answer before the body: if the client waits for a word, or has too much to say.
    bool at_once = r->answer.status != 0 &&
                   (!framed || hub_request_header(r, MHD_HTTP_HEADER_EXPECT) != NULL ||
                    content_length(r) > DRAIN_MAX);
    return at_once ? hub_respond(r) : MHD_YES;
}

static enum MHD_Result take_body(struct hub_request *r, const char *bytes, size_t *size) {
    r->body_size += *size;
    if (r->body_size > DRAIN_MAX) {
        return MHD_NO; // closes the connection
    }
    if (r->answer.status == 0 && r->body_size > r->body_max) {
        hub_answer_too_large(r);
    } else if (r->answer.status == 0 && r->signature != NULL) {
        hub_signature_add(r->signature, bytes, *size);
    } else if (r->answer.status == 0) {
        cm_str_add_n(&r->body, bytes, *size);
    }
    *size = 0;
    return MHD_YES;
}

static void handle(struct hub_request *r) {
    struct cm_err err = {.code = CM_OK};

    if (hub_check_params(r, &err) < 0 || r->route->handle(r, &err) < 0) {
        hub_change_unref(CM_TAKE(r->change));
        hub_answer_error(r, &err);
    }
}

// What the loop said, or that it said nothing in time.
static void settle(struct hub_request *r) {
    struct hub_change *c = CM_TAKE(r->change);

    if (c->err.code != CM_OK) {
        hub_answer_error(r, &c->err);
    } else if (c->text == NULL) {
        hub_answer_empty(r, c->status);
    } else {
        hub_answer_text(r, c->status, c->type, c->text);
        r->answer.secret = true;
    }
    hub_change_unref(c);
}

static void read_much(struct hub_job *job, bool stopping) {
    struct hub_request *r = CM_CONTAINER(job, struct hub_request, job);

    if (stopping) {
        hub_answer_problem(r, 503, "the hub is stopping");
    } else {
        handle(r);
    }
    MHD_resume_connection(r->connection);
}

static enum MHD_Result answer(struct hub_request *r) {
    if (r->change != NULL) {
        settle(r);
    } else if (r->answer.status == 0 && r->route->reads) {
        MHD_suspend_connection(r->connection);
        r->job.run = read_much;
        hub_workers_put(r->api->workers, r->token.id, &r->job);
        return MHD_YES;
    } else if (r->answer.status == 0) {
        handle(r);
    }
    if (r->answer.status != 0) {
        return hub_respond(r);
    }
    MHD_suspend_connection(r->connection);
    hub_change_start(r->change, HUB_CHANGE_MS);
    return MHD_YES;
}

// NOLINTNEXTLINE(readability-function-size) the parameters are libmicrohttpd's
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **ctx) {
    struct hub_request *r = *ctx;

    (void)connection;
    (void)url;
    (void)version;
    if (!r->begun) {
        return begin(cls, r, method);
    }
    if (*upload_size > 0) {
        return take_body(r, upload, upload_size);
    }
    return answer(r);
}

// ---- Start and stop

static void on_log(void *cls, const char *fmt, va_list args) {
    char text[512];

    (void)cls;
    (void)vsnprintf(text, sizeof(text), fmt, args);
    text[strcspn(text, "\r\n")] = '\0';
    cm_log(CM_LOG_DEBUG, "api.http", text, NULL);
}

static struct MHD_Daemon *start_daemon(struct hub_server *s, int fd) {
    const struct hub_api_config *config = &s->api->config;
    unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (config->insecure ? 0 : MHD_USE_TLS);
    CM_AUTOFREE char *chain = NULL;
    char priorities[] = TLS_PRIORITIES; // the option takes no const
    char *key = NULL;

    hub_authority_api_tls(config->authority, &key, &chain);
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_KEY, 0, key},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, chain},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, priorities},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
    struct MHD_Daemon *daemon = MHD_start_daemon(
        flags, 0, may_connect, s, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, THREADS,
        MHD_OPTION_CONNECTION_LIMIT, s->limits.connections, MHD_OPTION_CONNECTION_TIMEOUT,
        s->limits.idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEADERS_MAX,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_ARRAY,
        config->insecure ? plain : tls, MHD_OPTION_END);

    cm_secret_free(key);
    return daemon;
}

static struct hub_api_limits with_defaults(struct hub_api_limits l) {
    return (struct hub_api_limits){
        .connections = l.connections > 0 ? l.connections : 512,
        .connections_per_address = l.connections_per_address > 0 ? l.connections_per_address : 128,
        .idle_s = l.idle_s > 0 ? l.idle_s : 30,
        .head_ms = l.head_ms > 0 ? l.head_ms : 10000,
        .request_ms = l.request_ms > 0 ? l.request_ms : 120000,
    };
}

static void free_server(struct hub_server *s) {
    hub_peers_free(s->peers);
    (void)pthread_cond_destroy(&s->idle);
    (void)pthread_mutex_destroy(&s->mu);
    free(s);
}

enum cm_rc hub_server_start(struct hub_api *api, struct hub_server **out, struct cm_err *err) {
    struct hub_server *s = NULL;
    uint16_t port = 0;
    int fd = -1;

    if (hub_listen(api->config.addr, api->config.insecure, &fd, &port, err) < 0) {
        return err->code;
    }
    s = cm_new(1, sizeof(*s));
    s->api = api;
    s->limits = with_defaults(api->config.limits);
    s->port = port;
    s->peers = hub_peers_new(s->limits.connections_per_address);
    (void)pthread_mutex_init(&s->mu, NULL);
    (void)pthread_cond_init(&s->idle, NULL);
    s->daemon = start_daemon(s, fd);
    if (s->daemon == NULL) {
        (void)close(fd);
        free_server(s);
        return cm_fail(err, CM_EIO, "the HTTP server does not start; its words are in the log");
    }
    *out = s;
    return CM_OK;
}

uint16_t hub_server_port(const struct hub_server *s) {
    return s->port;
}

static void wait_idle(struct hub_server *s) {
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_MS / 1000;
    (void)pthread_mutex_lock(&s->mu);
    while (s->running > 0 && pthread_cond_timedwait(&s->idle, &s->mu, &until) == 0) {
    }
    (void)pthread_mutex_unlock(&s->mu);
}

void hub_server_stop(struct hub_server *s) {
    if (s == NULL) {
        return;
    }
    s->stopping = true;
    int fd = MHD_quiesce_daemon(s->daemon);
    hub_feed_stop(s->api->feed);   // those that watch are told the end
    hub_watch_stop(s->api->watch); // those that wait for the loop get 503
    hub_readers_stop(s->api->readers);
    hub_workers_stop(s->api->workers); // those that wait for their turn, too
    wait_idle(s);
    MHD_stop_daemon(s->daemon);
    if (fd >= 0) {
        (void)close(fd);
    }
    free_server(s);
}
