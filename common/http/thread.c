// The curl thread: takes commands, lets curl work, posts what is over.
#include <assert.h>
#include <limits.h>
#include <string.h>

#include "common/clock.h"
#include "common/http/internal.h"

enum { IDLE_MS = 60000 };

// free_headers: one of them is the credential.
static void free_headers(struct curl_slist *headers) {
    for (const struct curl_slist *h = headers; h != NULL; h = h->next) {
        explicit_bzero(h->data, strlen(h->data));
    }
    curl_slist_free_all(headers);
}

// end gives the request back to its loop; after it the request may be gone.
static void end(struct cm_http_request *r) {
    struct cm_http *http = r->http;

    cm_list_remove(&r->at);
    if (r->counted) {
        r->ep->in_flight--;
        r->counted = false;
    }
    curl_easy_cleanup(r->easy);
    free_headers(r->slist);
    curl_slist_free_all(r->connect_to);
    r->easy = NULL;
    (void)pthread_mutex_lock(&http->mu);
    r->over = true;
    cm_http_post_locked(r);
    (void)pthread_mutex_unlock(&http->mu);
}

static bool may_run(const struct cm_http_endpoint *ep, const struct cm_http_request *r) {
    return r->line != NULL || ep->max_in_flight == 0 || ep->in_flight < ep->max_in_flight;
}

static void schedule_silence_check(struct cm_http_engine *engine, const struct cm_http_request *r) {
    int64_t due = r->last_data_ms + r->timeout_ms;

    if (engine->next_silence_check_ms == 0 || due < engine->next_silence_check_ms) {
        engine->next_silence_check_ms = due;
    }
}

static void run(struct cm_http_request *r) {
    struct cm_err err = {0};

    if (r->line == NULL) { // the count is not the streams' thread's to touch
        r->counted = true;
        r->ep->in_flight++;
    }
    r->easy = curl_easy_init();
    assert(r->easy != NULL);
    if (cm_http_easy_setup(r, &err) < 0) {
        r->answer.error = err;
        cm_list_append(&r->engine->refused, &r->at);
        return;
    }
    cm_list_append(&r->engine->running, &r->at);
    if (r->line != NULL && r->timeout_ms > 0) {
        r->last_data_ms = cm_clock_now_ms();
        schedule_silence_check(r->engine, r);
    }
    CURLMcode code = curl_multi_add_handle(r->engine->multi, r->easy);
    assert(code == CURLM_OK);
    (void)code;
}

static void begin(struct cm_http_request *r) {
    if (may_run(r->ep, r)) {
        run(r);
    } else {
        cm_list_append(&r->ep->waiting, &r->at);
    }
}

static void run_next(struct cm_http_endpoint *ep) {
    while (!cm_list_empty(&ep->waiting)) {
        struct cm_http_request *r = CM_CONTAINER(ep->waiting.next, struct cm_http_request, at);

        if (!may_run(ep, r)) {
            return;
        }
        cm_list_remove(&r->at);
        run(r);
    }
}

// finish ends a request and lets the next one of its endpoint run. The endpoint is touched before
// the last of its requests is given back: whoever owns it may free it then.
static void finish(struct cm_http_request *r) {
    struct cm_http_endpoint *ep = r->ep;

    if (r->easy != NULL) {
        (void)curl_multi_remove_handle(r->engine->multi, r->easy);
    }
    if (r->counted) {
        ep->in_flight--;
        r->counted = false;
    }
    cm_list_remove(&r->at);
    if (r->line == NULL) {
        run_next(ep); // streams wait for nobody
    }
    end(r);
}

struct command {
    struct cm_http_request *request;
    bool start;
    bool cancel;
    bool resume;
};

static struct command read_flags_locked(struct cm_http_request *r) {
    struct command c = {r, !r->started, r->canceled, r->resume};

    r->started = true;
    r->paused = r->paused && !r->resume;
    r->resume = false;
    return c;
}

// take_command takes the next request that the loops have something to say about. It is not over,
// so nobody else frees it.
static bool take_command(struct cm_http_engine *engine, struct command *out) {
    *out = (struct command){0};
    (void)pthread_mutex_lock(&engine->http->mu);
    while (!cm_list_empty(&engine->commands) && out->request == NULL) {
        struct cm_http_request *r =
            CM_CONTAINER(engine->commands.next, struct cm_http_request, command);

        cm_list_remove(&r->command);
        if (!r->over) {
            *out = read_flags_locked(r);
        }
    }
    (void)pthread_mutex_unlock(&engine->http->mu);
    return out->request != NULL;
}

static void obey(struct cm_http_engine *engine) {
    struct command c;

    while (take_command(engine, &c)) {
        if (c.cancel) {
            finish(c.request);
        } else if (c.start) {
            begin(c.request);
        } else if (c.resume && c.request->easy != NULL) {
            (void)curl_easy_pause(c.request->easy, CURLPAUSE_CONT);
        }
    }
}

// end_refused ends what could not be begun; not at once, because then its endpoint could go while
// run_next still walks its queue.
static void end_refused(struct cm_http_engine *engine) {
    while (!cm_list_empty(&engine->refused)) {
        finish(CM_CONTAINER(engine->refused.next, struct cm_http_request, at));
    }
}

static void collect(struct cm_http_engine *engine) {
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(engine->multi, &left)) != NULL) {
        struct cm_http_request *r = NULL;

        if (msg->msg == CURLMSG_DONE) {
            CURLcode code = msg->data.result;

            (void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&r);
            cm_http_easy_answer(r, code);
            finish(r);
        }
    }
}

// is_paused: while the loop has not taken what came, silence is our own.
static bool is_paused(struct cm_http_request *r) {
    (void)pthread_mutex_lock(&r->http->mu);
    bool paused = r->paused;
    (void)pthread_mutex_unlock(&r->http->mu);
    return paused;
}

static void check_silence_of(struct cm_http_request *r, int64_t now) {
    if (r->line == NULL || r->timeout_ms <= 0) {
        return;
    }
    if (is_paused(r)) {
        r->last_data_ms = now;
    }
    if (now - r->last_data_ms >= r->timeout_ms) {
        (void)cm_fail(&r->answer.error, CM_EIO, "%s %.200s: nothing came for %lld ms", r->method,
                      r->path, (long long)r->timeout_ms);
        finish(r);
        return;
    }
    schedule_silence_check(r->engine, r);
}

static void check_silence(struct cm_http_engine *engine) {
    int64_t now = cm_clock_now_ms();

    if (engine->next_silence_check_ms == 0 || now < engine->next_silence_check_ms) {
        return;
    }
    engine->next_silence_check_ms = 0;
    // What is begun by finish is appended; it is looked at too, which does no harm.
    for (struct cm_list *at = engine->running.next, *next; at != &engine->running; at = next) {
        next = at->next;
        check_silence_of(CM_CONTAINER(at, struct cm_http_request, at), now);
    }
}

static int wait_ms(const struct cm_http_engine *engine) {
    if (engine->next_silence_check_ms == 0) {
        return IDLE_MS;
    }
    int64_t left = engine->next_silence_check_ms - cm_clock_now_ms();
    return left < 0 ? 0 : left > IDLE_MS ? IDLE_MS : (int)left;
}

static bool is_stopping(struct cm_http *http) {
    (void)pthread_mutex_lock(&http->mu);
    bool stopping = http->stopping;
    (void)pthread_mutex_unlock(&http->mu);
    return stopping;
}

static void cancel_locked(struct cm_http_request *r) {
    (void)pthread_mutex_lock(&r->http->mu);
    r->canceled = true;
    (void)pthread_mutex_unlock(&r->http->mu);
}

// cancel_all ends every request: what runs, and with it what waits for its endpoint.
static void cancel_all(struct cm_http_engine *engine) {
    struct command c;

    while (take_command(engine, &c)) {
        if (c.start) {
            cancel_locked(c.request);
            end(c.request);
        }
    }
    end_refused(engine);
    while (!cm_list_empty(&engine->running)) {
        struct cm_http_request *r = CM_CONTAINER(engine->running.next, struct cm_http_request, at);

        cancel_locked(r);
        finish(r);
        end_refused(engine);
    }
}

void *cm_http_thread(void *ctx) {
    struct cm_http_engine *engine = ctx;
    int running;

    while (!is_stopping(engine->http)) {
        obey(engine);
        (void)curl_multi_perform(engine->multi, &running);
        collect(engine);
        check_silence(engine);
        end_refused(engine);
        (void)curl_multi_poll(engine->multi, NULL, 0, wait_ms(engine), NULL);
    }
    cancel_all(engine);
    return NULL;
}
