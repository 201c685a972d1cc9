#include "common/http/http.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/http/internal.h"
#include "common/mem.h"

static void init_curl(void) {
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);

    assert(code == CURLE_OK);
    (void)code;
}

// Debian's libcurl brings GnuTLS along for a protocol that we do not speak. This tells it not to
// get ready when the program is loaded, which would cost two megabytes; see GNUTLS_SKIP_GLOBAL_INIT
// in its manual. NOLINTBEGIN(cert-dcl37-c,cert-dcl51-cpp,bugprone-reserved-identifier) the name is
// theirs
__attribute__((visibility("default"))) int _gnutls_global_init_skip(void);
int _gnutls_global_init_skip(void) {
    return 1;
}
// NOLINTEND(cert-dcl37-c,cert-dcl51-cpp,bugprone-reserved-identifier)

static void start(struct cm_http *http, struct cm_http_engine *engine) {
    engine->http = http;
    cm_list_init(&engine->running);
    cm_list_init(&engine->refused);
    cm_list_init(&engine->commands);
    engine->multi = curl_multi_init();
    assert(engine->multi != NULL);
    int failed = pthread_create(&engine->thread, NULL, cm_http_thread, engine);
    assert(failed == 0);
    (void)failed;
}

struct cm_http *cm_http_new(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct cm_http *http = cm_new(1, sizeof(*http));

    (void)pthread_once(&once, init_curl);
    http->refs = 1;
    (void)pthread_mutex_init(&http->mu, NULL);
    start(http, &http->requests);
    start(http, &http->streams);
    return http;
}

void cm_http_free(struct cm_http *http) {
    if (http == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&http->mu);
    http->stopping = true;
    (void)pthread_mutex_unlock(&http->mu);
    (void)curl_multi_wakeup(http->requests.multi);
    (void)curl_multi_wakeup(http->streams.multi);
    (void)pthread_join(http->requests.thread, NULL);
    (void)pthread_join(http->streams.thread, NULL);
    cm_http_unref(http);
}

void cm_http_unref(struct cm_http *http) {
    if (atomic_fetch_sub(&http->refs, 1) > 1) {
        return;
    }
    (void)curl_multi_cleanup(http->requests.multi);
    (void)curl_multi_cleanup(http->streams.multi);
    (void)pthread_mutex_destroy(&http->mu);
    free(http);
}

static void free_secret(char *text) {
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

// part reads one part of a URL; the caller passes it to curl_free. NULL if it is not there.
static char *part(CURLU *url, CURLUPart what, unsigned flags) {
    char *text = NULL;

    return curl_url_get(url, what, &text, flags) == CURLUE_OK ? text : NULL;
}

static bool has_part(CURLU *url, CURLUPart what) {
    char *text = part(url, what, 0);

    curl_free(text);
    return text != NULL;
}

static bool is_http(CURLU *url) {
    char *scheme = part(url, CURLUPART_SCHEME, 0);
    bool yes = scheme != NULL && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);

    curl_free(scheme);
    return yes;
}

// name_server makes the pair of options by which curl connects to one name and asks TLS for
// another.
static void name_server(struct cm_http_endpoint *ep, CURLU *url, const char *name) {
    char *host = part(url, CURLUPART_HOST, 0);
    char *port = part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    char *renamed = NULL;

    ep->connect_to = cm_strf("%s:%s:%s:%s", name, port, host, port);
    ep->host_header = cm_strf("Host: %s:%s", host, port);
    (void)curl_url_set(url, CURLUPART_HOST, name, 0);
    if (curl_url_get(url, CURLUPART_URL, &renamed, 0) == CURLUE_OK) {
        free(ep->base_url);
        ep->base_url = cm_strdup(renamed);
    }
    curl_free(host);
    curl_free(port);
    curl_free(renamed);
}

static void trim_slashes(char *text) {
    size_t len = strlen(text);

    while (len > 0 && text[len - 1] == '/') {
        text[--len] = '\0';
    }
}

static enum cm_rc check_url(CURLU *url, const char *text, struct cm_err *err) {
    if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK || !is_http(url)) {
        return cm_fail(err, CM_EINVAL, "'%s' is not a URL that begins with http:// or https://",
                       text);
    }
    if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_QUERY) ||
        has_part(url, CURLUPART_FRAGMENT)) {
        return cm_fail(err, CM_EINVAL, "the URL of a server has no user, query or fragment");
    }
    return CM_OK;
}

enum cm_rc cm_http_endpoint_new(struct cm_http *http, const struct cm_http_endpoint_config *config,
                                struct cm_http_endpoint **out, struct cm_err *err) {
    CURLU *url = curl_url();
    enum cm_rc rc = check_url(url, config->base_url, err);

    if (rc < 0) {
        curl_url_cleanup(url);
        return rc;
    }
    struct cm_http_endpoint *ep = cm_new(1, sizeof(*ep));
    *ep = (struct cm_http_endpoint){
        .http = http,
        .base_url = cm_strdup(config->base_url),
        .ca_pem = cm_strdup(config->ca_pem),
        .client_cert_pem = cm_strdup(config->client_cert_pem),
        .client_key_pem = cm_strdup(config->client_key_pem),
        .unix_socket = cm_strdup(config->unix_socket),
        .insecure = config->insecure,
        .use_proxy_env = config->use_proxy_env,
        .max_in_flight = config->max_in_flight,
    };
    cm_list_init(&ep->waiting);
    if (config->tls_server_name != NULL) {
        name_server(ep, url, config->tls_server_name);
    }
    trim_slashes(ep->base_url);
    curl_url_cleanup(url);
    atomic_fetch_add(&http->refs, 1);
    *out = ep;
    return CM_OK;
}

void cm_http_endpoint_free(struct cm_http_endpoint *ep) {
    if (ep == NULL) {
        return;
    }
    free(ep->base_url);
    free(ep->ca_pem);
    free(ep->client_cert_pem);
    free_secret(ep->client_key_pem);
    free(ep->unix_socket);
    free(ep->connect_to);
    free(ep->host_header);
    free_secret(ep->bearer);
    cm_http_unref(ep->http);
    free(ep);
}

void cm_http_endpoint_set_bearer(struct cm_http_endpoint *ep, const char *token) {
    char *header = token == NULL ? NULL : cm_strf("Authorization: Bearer %s", token);

    (void)pthread_mutex_lock(&ep->http->mu);
    char *old = ep->bearer;
    ep->bearer = header;
    (void)pthread_mutex_unlock(&ep->http->mu);
    free_secret(old);
}

static char **copy_headers(const char *const *headers) {
    size_t count = 0;

    while (headers != NULL && headers[count] != NULL) {
        count++;
    }
    if (count == 0) {
        return NULL;
    }
    char **copy = cm_new(count + 1, sizeof(*copy));
    for (size_t i = 0; i < count; i++) {
        copy[i] = cm_strdup(headers[i]);
    }
    return copy;
}

void cm_http_command_locked(struct cm_http_request *r) {
    if (cm_list_empty(&r->command)) {
        cm_list_append(&r->engine->commands, &r->command);
    }
}

struct cm_http_request *cm_http_send(struct cm_http_endpoint *ep,
                                     const struct cm_http_request_config *config) {
    struct cm_http_request *r = cm_new(1, sizeof(*r));

    *r = (struct cm_http_request){
        .http = ep->http,
        .ep = ep,
        .engine = config->line != NULL ? &ep->http->streams : &ep->http->requests,
        .loop = config->loop,
        .method = cm_strdup(config->method),
        .path = cm_strdup(config->path),
        .content_type = cm_strdup(config->content_type),
        .accept = cm_strdup(config->accept),
        .headers = copy_headers(config->headers),
        .body_size = config->body_size,
        .timeout_ms = config->timeout_ms,
        .max_answer_bytes = config->max_answer_bytes,
        .line = config->line,
        .done = config->done,
        .ctx = config->ctx,
        .task = {.run = cm_http_deliver, .ctx = r},
    };
    if (config->body != NULL) {
        r->body = cm_new(1, config->body_size + 1);
        memcpy(r->body, config->body, config->body_size);
    }
    cm_list_init(&r->at);
    cm_list_init(&r->command);
    atomic_fetch_add(&ep->http->refs, 1);

    (void)pthread_mutex_lock(&r->http->mu);
    bool refused = r->http->stopping;
    if (refused) {
        r->canceled = true;
        r->over = true;
        cm_http_post_locked(r);
    } else {
        cm_http_command_locked(r);
    }
    (void)pthread_mutex_unlock(&r->http->mu);
    if (!refused) {
        (void)curl_multi_wakeup(r->engine->multi);
    }
    return r;
}

void cm_http_cancel(struct cm_http_request *r) {
    (void)pthread_mutex_lock(&r->http->mu);
    r->canceled = true;
    cm_http_command_locked(r);
    (void)pthread_mutex_unlock(&r->http->mu);
    (void)curl_multi_wakeup(r->engine->multi);
}

char *cm_http_escape(const char *text) {
    char *escaped = curl_easy_escape(NULL, text, (int)strlen(text));
    char *copy = cm_strdup(escaped);

    curl_free(escaped);
    return copy;
}
