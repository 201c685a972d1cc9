// How bytes get from the curl thread to the loop.
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http/internal.h"
#include "common/mem.h"

enum { PIECE_MAX = 64 * 1024 };

void cm_http_post_locked(struct cm_http_request *r) {
    if (!r->posted) {
        r->posted = true;
        cm_loop_post(r->loop, &r->task);
    }
}

static size_t stream_piece(struct cm_http_request *r, const char *bytes, size_t size) {
    size_t taken = size;

    (void)pthread_mutex_lock(&r->http->mu);
    if (r->piece.len > 0 && r->piece.len + size > PIECE_MAX) {
        r->paused = true;
        taken = CURL_WRITEFUNC_PAUSE;
    } else {
        cm_str_add_n(&r->piece, bytes, size);
        cm_http_post_locked(r);
    }
    (void)pthread_mutex_unlock(&r->http->mu);
    return taken;
}

static bool is_stream_of_lines(struct cm_http_request *r) {
    long status = 0;

    if (r->line == NULL) {
        return false;
    }
    (void)curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status < 300;
}

size_t cm_http_write(char *bytes, size_t one, size_t size, void *ctx) {
    struct cm_http_request *r = ctx;

    (void)one; // always 1
    r->last_data_ms = cm_clock_now_ms();
    if (is_stream_of_lines(r)) {
        return stream_piece(r, bytes, size);
    }
    if (size > r->max_answer_bytes - r->answer_body.len) {
        (void)cm_fail(&r->answer.error, CM_EINVAL,
                      "%s %.200s: the answer is larger than the allowed %zu bytes", r->method,
                      r->path, r->max_answer_bytes);
        return 0; // makes curl give up
    }
    cm_str_add_n(&r->answer_body, bytes, size);
    return size;
}

static void free_request(struct cm_http_request *r) {
    free(r->method);
    free(r->path);
    free(r->content_type);
    free(r->accept);
    for (char **h = r->headers; h != NULL && *h != NULL; h++) {
        free(*h);
    }
    free(r->headers);
    if (r->body != NULL) {
        explicit_bzero(r->body, r->body_size);
        free(r->body);
    }
    cm_str_done(&r->answer_body);
    cm_str_done(&r->rest);
    cm_str_done(&r->piece);
    free(r->answer_type);
    free(r->answer_etag);
    cm_http_unref(r->http);
    free(r);
}

static bool is_canceled(struct cm_http_request *r) {
    (void)pthread_mutex_lock(&r->http->mu);
    bool canceled = r->canceled;
    (void)pthread_mutex_unlock(&r->http->mu);
    return canceled;
}

// give_line hands over one line, which began in r->rest if that is not empty.
static void give_line(struct cm_http_request *r, const char *end, size_t size) {
    if (r->rest.len == 0) {
        r->line(r->ctx, end, size);
        return;
    }
    cm_str_add_n(&r->rest, end, size);
    r->line(r->ctx, r->rest.data, r->rest.len);
    cm_str_clear(&r->rest);
}

static bool line_fits(struct cm_http_request *r, size_t more) {
    if (r->rest.len + more <= r->max_answer_bytes) {
        return true;
    }
    r->too_long = true;
    cm_http_cancel(r);
    return false;
}

static void give_lines(struct cm_http_request *r, const char *at, size_t left) {
    while (left > 0 && !is_canceled(r)) {
        const char *feed = memchr(at, '\n', left);
        size_t size = feed != NULL ? (size_t)(feed - at) : left;

        if (!line_fits(r, size)) {
            return;
        }
        if (feed == NULL) {
            cm_str_add_n(&r->rest, at, left);
            return;
        }
        give_line(r, at, size);
        at += size + 1;
        left -= size + 1;
    }
}

static void finish(struct cm_http_request *r) {
    bool canceled = is_canceled(r);

    if (r->rest.len > 0 && !canceled && r->answer.error.code == CM_OK) {
        r->line(r->ctx, r->rest.data, r->rest.len); // the last line had no line feed
        canceled = is_canceled(r);
    }
    if (r->too_long) {
        (void)cm_fail(&r->answer.error, CM_EINVAL,
                      "%s %.200s: a line is longer than the allowed %zu bytes", r->method, r->path,
                      r->max_answer_bytes);
    } else if (canceled) {
        (void)cm_fail(&r->answer.error, CM_ECANCELED, "%s %.200s: canceled", r->method, r->path);
    }
    r->answer.body = cm_str_get(&r->answer_body);
    r->answer.size = r->answer_body.len;
    r->answer.content_type = r->answer_type != NULL ? r->answer_type : "";
    r->answer.etag = r->answer_etag != NULL ? r->answer_etag : "";
    r->done(r->ctx, &r->answer);

    (void)pthread_mutex_lock(&r->http->mu);
    cm_list_remove(&r->command);
    (void)pthread_mutex_unlock(&r->http->mu);
    free_request(r);
}

void cm_http_deliver(void *ctx) {
    struct cm_http_request *r = ctx;
    struct cm_http *http = r->http;

    (void)pthread_mutex_lock(&http->mu);
    struct cm_str piece = r->piece;
    bool over = r->over;
    bool wake = r->paused && !over;
    r->piece = (struct cm_str){0};
    r->posted = false;
    (void)pthread_mutex_unlock(&http->mu);

    give_lines(r, cm_str_get(&piece), piece.len);
    cm_str_done(&piece);
    if (over) {
        finish(r);
        return;
    }
    if (wake) {
        (void)pthread_mutex_lock(&http->mu);
        r->resume = true;
        cm_http_command_locked(r);
        (void)pthread_mutex_unlock(&http->mu);
        (void)curl_multi_wakeup(r->engine->multi);
    }
}
