#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/http/internal.h"
#include "common/mem.h"

enum {
    CONNECT_TIMEOUT_MS = 10000,
    SILENT_PEER_MS = 30000, // unacknowledged for so long: the connection is dead
};

// A peer that is gone without a word would hold up every request of its HTTP/2 connection.
static int watch_socket(void *ctx, curl_socket_t fd, curlsocktype purpose) {
    unsigned timeout_ms = SILENT_PEER_MS;

    (void)ctx;
    (void)purpose;
    // Fails on unix sockets, where it has no meaning.
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
    return CURL_SOCKOPT_OK;
}

static void set_blob(CURL *easy, CURLoption option, char *pem) {
    struct curl_blob blob = {.data = pem, .flags = CURL_BLOB_NOCOPY};

    if (pem != NULL) {
        blob.len = strlen(pem);
        (void)curl_easy_setopt(easy, option, &blob);
    }
}

static void set_tls(CURL *easy, struct cm_http_endpoint *ep) {
    (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (ep->insecure) {
        (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (ep->ca_pem != NULL) {
        // Debian's curl would also trust its built-in folder.
        (void)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
        set_blob(easy, CURLOPT_CAINFO_BLOB, ep->ca_pem);
    }
    set_blob(easy, CURLOPT_SSLCERT_BLOB, ep->client_cert_pem);
    set_blob(easy, CURLOPT_SSLKEY_BLOB, ep->client_key_pem);
}

static bool is_printable(const char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            return false;
        }
    }
    return true;
}

static enum cm_rc add_header(struct cm_http_request *r, const char *header, struct cm_err *err) {
    if (!is_printable(header)) {
        return cm_fail(err, CM_EINVAL, "a request header may hold no control character");
    }
    r->slist = curl_slist_append(r->slist, header);
    return CM_OK;
}

static enum cm_rc add_named(struct cm_http_request *r, const char *name, const char *value,
                            struct cm_err *err) {
    CM_AUTOFREE char *header = value == NULL ? NULL : cm_strf("%s: %s", name, value);

    return header == NULL ? CM_OK : add_header(r, header, err);
}

static enum cm_rc add_bearer(struct cm_http_request *r, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    (void)pthread_mutex_lock(&r->http->mu);
    if (r->ep->bearer != NULL) {
        rc = add_header(r, r->ep->bearer, err);
    }
    (void)pthread_mutex_unlock(&r->http->mu);
    return rc;
}

static enum cm_rc set_headers(struct cm_http_request *r, struct cm_err *err) {
    // Without these two curl would name a content type of its own and wait for "100 Continue".
    enum cm_rc rc = r->content_type != NULL ? CM_OK : add_header(r, "Content-Type:", err);

    rc = rc < 0 ? rc : add_header(r, "Expect:", err);
    rc = rc < 0 ? rc : add_named(r, "Content-Type", r->content_type, err);
    rc = rc < 0 ? rc : add_named(r, "Accept", r->accept, err);
    rc = rc < 0 || r->ep->host_header == NULL ? rc : add_header(r, r->ep->host_header, err);
    rc = rc < 0 ? rc : add_bearer(r, err);
    for (char **h = r->headers; rc == CM_OK && h != NULL && *h != NULL; h++) {
        rc = add_header(r, *h, err);
    }
    (void)curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->slist);
    return rc;
}

static enum cm_rc set_target(struct cm_http_request *r, struct cm_err *err) {
    CM_AUTOFREE char *url = cm_strf("%s%s", r->ep->base_url, r->path);

    if (r->path[0] != '/' || !is_printable(r->path) || strchr(r->path, ' ') != NULL ||
        !is_printable(r->method) || strchr(r->method, ' ') != NULL) {
        return cm_fail(err, CM_EINVAL, "'%s %.200s' is no request", r->method, r->path);
    }
    (void)curl_easy_setopt(r->easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(r->easy, CURLOPT_PATH_AS_IS, 1L);
    if (strcmp(r->method, "HEAD") == 0) {
        (void)curl_easy_setopt(r->easy, CURLOPT_NOBODY, 1L);
    } else {
        (void)curl_easy_setopt(r->easy, CURLOPT_CUSTOMREQUEST, r->method);
    }
    if (r->body != NULL) {
        (void)curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_size);
        (void)curl_easy_setopt(r->easy, CURLOPT_POSTFIELDS, r->body);
    }
    return CM_OK;
}

static void set_transport(struct cm_http_request *r) {
    CURL *easy = r->easy;
    struct cm_http_endpoint *ep = r->ep;
    // Over plain TCP there is no HTTP/2; there curl would learn so only from the first answer and
    // hold all requests up till then.
    bool may_share = r->line == NULL && strncmp(ep->base_url, "https:", 6) == 0;

    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                           may_share ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_PIPEWAIT, may_share ? 1L : 0L);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 30L);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 10L);
    (void)curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, watch_socket);
    if (r->line == NULL && r->timeout_ms > 0) {
        (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
    }
    if (!ep->use_proxy_env) {
        (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    }
    if (ep->unix_socket != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, ep->unix_socket);
    }
}

// set_server lets curl connect to one name and ask TLS for another.
static void set_server(struct cm_http_request *r) {
    if (r->ep->connect_to != NULL) {
        r->connect_to = curl_slist_append(NULL, r->ep->connect_to);
        (void)curl_easy_setopt(r->easy, CURLOPT_CONNECT_TO, r->connect_to);
    }
}

enum cm_rc cm_http_easy_setup(struct cm_http_request *r, struct cm_err *err) {
    set_transport(r);
    set_server(r);
    set_tls(r->easy, r->ep);
    (void)curl_easy_setopt(r->easy, CURLOPT_PRIVATE, r);
    (void)curl_easy_setopt(r->easy, CURLOPT_ERRORBUFFER, r->why);
    (void)curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, cm_http_write);
    (void)curl_easy_setopt(r->easy, CURLOPT_WRITEDATA, r);

    enum cm_rc rc = set_target(r, err);
    return rc < 0 ? rc : set_headers(r, err);
}

static enum cm_rc code_of(CURLcode code, const char *why) {
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        return CM_EAUTH;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_RECV_ERROR:
        // A server that dislikes our certificate says so in an alert, with TLS 1.3 only once we
        // read from it.
        return strstr(why, "alert") != NULL ? CM_EAUTH : CM_EIO;
    default:
        return CM_EIO;
    }
}

static char *header_of(CURL *easy, const char *name) {
    struct curl_header *header = NULL;

    return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK
               ? cm_strdup(header->value)
               : NULL;
}

static bool is_too_large(const struct cm_http_request *r) {
    return r->answer.error.code == CM_EINVAL;
}

void cm_http_easy_answer(struct cm_http_request *r, CURLcode code) {
    long status = 0;
    curl_off_t retry_s = 0;

    (void)curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(r->easy, CURLINFO_RETRY_AFTER, &retry_s);
    r->answer.status = (int)status;
    r->answer.retry_after_ms = retry_s > 0 && retry_s < INT32_MAX ? (int64_t)retry_s * 1000 : 0;
    r->answer_type = header_of(r->easy, "Content-Type");
    r->answer_etag = header_of(r->easy, "ETag");
    if (code != CURLE_OK && !is_too_large(r)) {
        const char *why = r->why[0] != '\0' ? r->why : curl_easy_strerror(code);

        (void)cm_fail(&r->answer.error, code_of(code, why), "%s %s: %s", r->method, r->ep->base_url,
                      why);
    }
}
