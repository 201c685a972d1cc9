#include "hub/forge/call.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/fsys.h"
#include "common/http/http.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"

#define TIMEOUT_MS 30000
#define ANSWER_MAX ((size_t)4 << 20)
#define CA_MAX ((size_t)1 << 20)
#define PAGES_MAX 20
#define LOOK_MS 200                           // how often it is seen whether to give up
#define WAIT_MAX_MS ((int64_t)60 * 60 * 1000) // that is believed

struct hub_forge {
    struct hub_forge_project project;
    struct cm_loop *loop;
    struct cm_http *http;
    struct cm_http_endpoint *endpoint;
    int cancel_fd;
    int64_t rest_until_ms; // monotonic
};

void hub_forge_free(struct hub_forge *f) {
    if (f == NULL) {
        return;
    }
    hub_forge_project_done(&f->project);
    cm_http_endpoint_free(f->endpoint);
    cm_http_free(f->http);
    cm_loop_free(f->loop);
    free(f);
}

static enum cm_rc open_endpoint(struct hub_forge *f, const struct hub_forge_config *config,
                                struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *ca = NULL;
    CM_AUTOFREE char *pem = NULL;

    if (config->ca_file != NULL) {
        if (cm_fsys_read(config->ca_file, CA_MAX, &ca, err) < 0) {
            return cm_wrap(err, "caFile");
        }
        pem = cm_strndup((const char *)ca->data, ca->size);
    }
    const struct cm_http_endpoint_config endpoint = {.base_url = config->project.api,
                                                     .ca_pem = pem};
    if (cm_http_endpoint_new(f->http, &endpoint, &f->endpoint, err) < 0) {
        return cm_wrap(err, "apiUrl");
    }
    cm_http_endpoint_set_bearer(f->endpoint, config->token);
    return CM_OK;
}

enum cm_rc hub_forge_new(const struct hub_forge_config *config, struct hub_forge **out,
                         struct cm_err *err) {
    struct hub_forge *f = cm_new(1, sizeof(*f));

    f->project = (struct hub_forge_project){.provider = config->project.provider,
                                            .api = cm_strdup(config->project.api),
                                            .name = cm_strdup(config->project.name)};
    f->cancel_fd = config->cancel_fd;
    f->loop = cm_loop_new();
    f->http = cm_http_new();
    if (open_endpoint(f, config, err) < 0) {
        hub_forge_free(f);
        return err->code;
    }
    *out = f;
    return CM_OK;
}

struct call {
    struct hub_forge *forge;
    const struct hub_forge_ask *ask;
    struct hub_forge_answer *out;
    struct cm_http_request *request;
    struct cm_timer timer;
    int64_t wait_ms;
    struct cm_err *err;
    enum cm_rc rc;
};

static void answered(void *ctx, const struct cm_http_answer *answer) {
    struct call *c = ctx;
    struct hub_forge *f = c->forge;

    cm_timer_stop(f->loop, &c->timer);
    if (answer->error.code != CM_OK) {
        *c->err = answer->error;
        c->rc = answer->error.code;
    } else {
        c->rc = hub_forge_answer_read(&f->project, c->ask, answer->status, answer->body,
                                      answer->size, c->out, c->err);
    }
    // GitHub says it with 403, too.
    if (c->rc < 0 && answer->retry_after_ms > 0) {
        c->wait_ms = answer->retry_after_ms < WAIT_MAX_MS ? answer->retry_after_ms : WAIT_MAX_MS;
        f->rest_until_ms = cm_clock_now_ms() + c->wait_ms;
        c->err->code = CM_EBUSY;
        c->rc = CM_EBUSY;
    }
    cm_loop_stop(f->loop);
}

static void look_at_cancel(void *ctx) {
    struct call *c = ctx;
    struct pollfd fd = {.fd = c->forge->cancel_fd, .events = POLLIN};

    if (fd.fd >= 0 && poll(&fd, 1, 0) > 0) {
        cm_http_cancel(c->request);
    } else {
        cm_timer_start(c->forge->loop, &c->timer, LOOK_MS);
    }
}

static void send(struct call *c, const struct hub_forge_request *request) {
    static const char *const github[] = {"X-GitHub-Api-Version: 2022-11-28",
                                         "User-Agent: holdfast-hub", NULL};
    static const char *const others[] = {"User-Agent: holdfast-hub", NULL};
    bool is_github = c->forge->project.provider == HUB_FORGE_GITHUB;
    const struct cm_http_request_config config = {
        .loop = c->forge->loop,
        .method = request->method,
        .path = request->path,
        .content_type = request->body != NULL ? "application/json" : NULL,
        .accept = is_github ? "application/vnd.github+json" : "application/json",
        .headers = is_github ? github : others,
        .body = request->body,
        .body_size = request->body != NULL ? strlen(request->body) : 0,
        .timeout_ms = TIMEOUT_MS,
        .max_answer_bytes = ANSWER_MAX,
        .done = answered,
        .ctx = c};

    c->request = cm_http_send(c->forge->endpoint, &config);
}

enum cm_rc hub_forge_call(struct hub_forge *f, const struct hub_forge_ask *ask,
                          struct hub_forge_answer *out, int64_t *wait_ms, struct cm_err *err) {
    CM_CLEANUP(hub_forge_request_done) struct hub_forge_request request = {0};
    struct call c = {.forge = f, .ask = ask, .out = out, .err = err};
    int64_t rest_ms = f->rest_until_ms - cm_clock_now_ms();

    if (rest_ms > 0) {
        c.wait_ms = rest_ms;
        c.rc = cm_fail(err, CM_EBUSY, "the provider wants to be left alone for %lld s",
                       (long long)(rest_ms / 1000 + 1));
    } else {
        hub_forge_request_make(&f->project, ask, &request);
        send(&c, &request);
        c.timer = (struct cm_timer){.run = look_at_cancel, .ctx = &c};
        cm_timer_start(f->loop, &c.timer, 0);
        cm_loop_run(f->loop);
    }
    if (wait_ms != NULL) {
        *wait_ms = c.wait_ms;
    }
    return c.rc < 0 ? cm_wrap(err, "the API at '%.200s'", f->project.api) : CM_OK;
}

// find looks through the pages.
static enum cm_rc find(struct hub_forge *f, struct hub_forge_ask *ask, struct hub_forge_pull *out,
                       int64_t *wait_ms, struct cm_err *err) {
    struct hub_forge_answer answer = {.more = true};

    for (ask->page = 1; answer.more && ask->page <= PAGES_MAX; ask->page++) {
        if (hub_forge_call(f, ask, &answer, wait_ms, err) < 0) {
            return err->code;
        }
    }
    *out = answer.pull;
    return CM_OK;
}

enum cm_rc hub_forge_find_open(struct hub_forge *f, const char *branch, const char *base,
                               struct hub_forge_pull *out, int64_t *wait_ms, struct cm_err *err) {
    struct hub_forge_ask ask = {.verb = HUB_FORGE_FIND, .branch = branch, .base = base};

    return find(f, &ask, out, wait_ms, err);
}

enum cm_rc hub_forge_find_newest(struct hub_forge *f, const char *branch, const char *base,
                                 struct hub_forge_pull *out, int64_t *wait_ms, struct cm_err *err) {
    struct hub_forge_ask ask = {
        .verb = HUB_FORGE_FIND, .branch = branch, .base = base, .any = true};

    return find(f, &ask, out, wait_ms, err);
}
