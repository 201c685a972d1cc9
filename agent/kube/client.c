// Requests to the API server.
#include <stdlib.h>
#include <string.h>

#include "agent/kube/account.h"
#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "agent/kube/status.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"

enum {
    REQUEST_TIMEOUT_MS = 30000,
    PROBE_TIMEOUT_MS = 5000,
    // A watch is ended by the server in time (agent/kube/watch.c), and tells of bookmarks before
    // that; what stays silent for longer is a proxy that lost its server.
    STREAM_SILENCE_MS = 660000,
};

struct kube_call {
    struct cm_list at; // in agent_kube.calls
    struct agent_kube *k;
    struct cm_http_request *http;
    kube_answer_fn done;
    void (*line)(void *ctx, const char *line, size_t size);
    void *ctx;
    char *method;
    char *path;
    char *content_type;
    char *accept;
    char *body;
    char *as; // a header; NULL: we ourselves
    bool text;
    bool probe;
    bool canceled;
    struct cm_task refusal; // of what an agent that observes must not do
    bool retried;           // with another token
    unsigned token_round;   // of the token that it went out with
};

static const struct cm_json_limits answer_limits = {KUBE_ANSWER_MAX, 256, 4000000};

static void send_call(struct kube_call *call);

static void free_call(struct kube_call *call) {
    struct agent_kube *k = call->k;

    cm_list_remove(&call->at);
    free(call->method);
    free(call->path);
    free(call->content_type);
    free(call->accept);
    free(call->as);
    if (call->body != NULL) {
        explicit_bzero(call->body, strlen(call->body));
        free(call->body);
    }
    free(call);
    kube_stopped_maybe(k);
}

// load_token reads the token file again. A token file is on the node's memory file system and read
// in microseconds.
static void load_token(struct agent_kube *k) {
    char *token = NULL;
    struct cm_err err;

    if (k->access.token_file == NULL ||
        kube_access_read_token(k->access.token_file, &token, &err) < 0) {
        return; // the old one is as good as any
    }
    if (k->access.token == NULL || strcmp(token, k->access.token) != 0) {
        k->token_round++;
    }
    if (k->access.token != NULL) {
        explicit_bzero(k->access.token, strlen(k->access.token));
        free(k->access.token);
    }
    k->access.token = token;
    cm_http_endpoint_set_bearer(k->endpoint, token);
}

void kube_client_minute(struct agent_kube *k) {
    load_token(k);
}

// has_newer_token: many calls may have gone out with the old one; the first that is refused reads
// the file.
static bool has_newer_token(struct kube_call *call) {
    load_token(call->k);
    return call->token_round != call->k->token_round;
}

static void see_version(struct agent_kube *k, const struct cm_json *json) {
    uint64_t version = kube_object_version(json);

    if (version > k->newest) {
        k->newest = version;
    }
}

static void parse(struct kube_answer *answer, const struct cm_http_answer *http) {
    struct cm_err err;

    answer->arena = cm_arena_new(0);
    if (http->size == 0) {
        return;
    }
    enum cm_rc rc =
        cm_json_parse(answer->arena, http->body, http->size, &answer_limits, &answer->json, &err);
    if (rc == CM_OK && answer->json->type != CM_OBJECT) {
        rc = cm_fail(&err, CM_EINVAL, "it is %s", cm_json_type_name(answer->json->type));
    }
    if (rc < 0) {
        answer->json = NULL; // a proxy's page in HTML, perhaps: then the status says enough
        if (answer->status >= 200 && answer->status < 300) {
            (void)cm_fail(&answer->error, CM_EIO,
                          "the API server's answer is no object of JSON: %.400s", err.msg);
        }
    }
}

static bool is_unreached(const struct cm_err *error) {
    return error->code == CM_EIO || error->code == CM_EAUTH;
}

static void on_done(void *ctx, const struct cm_http_answer *http) {
    struct kube_call *call = ctx;
    struct agent_kube *k = call->k;
    struct kube_answer answer = {
        .status = http->status,
        .size = http->size,
        .retry_after_ms = http->retry_after_ms,
        .error = http->error,
    };

    call->http = NULL;
    if (http->status != 0) {
        k->heard_ms = cm_clock_now_ms();
    }
    if (http->status == 401 && !call->retried && !call->canceled && has_newer_token(call)) {
        call->retried = true;
        send_call(call);
        return;
    }
    if (call->canceled) { // whatever it was: nobody goes on with it
        answer.status = 0;
        (void)cm_fail(&answer.error, CM_ECANCELED, "stopped");
    }
    if (call->text && answer.error.code == CM_OK && answer.status >= 200 && answer.status < 300) {
        answer.text = http->body;
    } else if (answer.error.code == CM_OK) {
        parse(&answer, http);
        see_version(k, answer.json);
    }
    if ((is_unreached(&http->error) || http->status == 401) && !call->probe && !k->stopping) {
        kube_reach_doubt(k);
    }
    call->done(call->ctx, &answer);
    cm_arena_free(answer.arena);
    free_call(call);
}

static void on_line(void *ctx, const char *line, size_t size) {
    struct kube_call *call = ctx;

    call->k->heard_ms = cm_clock_now_ms();
    call->line(call->ctx, line, size);
}

static void send_call(struct kube_call *call) {
    const char *const headers[] = {"User-Agent: holdfast-agent/" HOLDFAST_VERSION, call->as, NULL};
    struct cm_http_request_config config = {
        .loop = call->k->loop,
        .method = call->method,
        .path = call->path,
        .content_type = call->content_type,
        .accept = call->accept,
        .headers = headers,
        .body = call->body,
        .body_size = call->body == NULL ? 0 : strlen(call->body),
        .timeout_ms = call->line != NULL ? STREAM_SILENCE_MS
                      : call->probe      ? PROBE_TIMEOUT_MS
                                         : REQUEST_TIMEOUT_MS,
        .max_answer_bytes = KUBE_ANSWER_MAX,
        .line = call->line == NULL ? NULL : on_line,
        .done = on_done,
        .ctx = call,
    };

    call->token_round = call->k->token_round;
    call->http = cm_http_send(call->k->endpoint, &config);
}

// may_send: whoever asks, and whatever the credentials allow, an agent that observes only reads.
static bool may_send(const struct kube_call *call) {
    return !call->k->driver.observes || strcmp(call->method, "GET") == 0;
}

static void refuse(void *ctx) {
    struct kube_call *call = ctx;
    struct kube_answer answer = {0};

    (void)cm_fail(&answer.error, CM_EAUTH, AGENT_OBSERVES);
    call->done(call->ctx, &answer);
    free_call(call);
}

struct kube_call *kube_call(struct agent_kube *k, const struct kube_request *request) {
    struct kube_call *call = cm_new(1, sizeof(*call));

    *call = (struct kube_call){
        .k = k,
        .done = request->done,
        .line = request->line,
        .ctx = request->ctx,
        .method = cm_strdup(request->method),
        .path = cm_strdup(request->path),
        .content_type = cm_strdup(request->content_type),
        .accept = cm_strdup(request->accept == NULL ? "application/json" : request->accept),
        .body = cm_strdup(request->body),
        .as = request->account == NULL ? NULL : kube_account_header(request->account),
        .text = request->text,
        .probe = request->probe,
    };
    cm_list_append(&k->calls, &call->at);
    if (may_send(call)) {
        send_call(call);
    } else {
        call->refusal = (struct cm_task){.run = refuse, .ctx = call};
        cm_loop_post(k->loop, &call->refusal);
    }
    return call;
}

void kube_call_cancel(struct kube_call *call) {
    call->canceled = true;
    if (call->http != NULL) {
        cm_http_cancel(call->http);
    }
}

void kube_client_stop(struct agent_kube *k) {
    for (struct cm_list *at = k->calls.next; at != &k->calls; at = at->next) {
        kube_call_cancel(CM_CONTAINER(at, struct kube_call, at));
    }
}

enum cm_rc kube_answer_error(const struct kube_answer *answer, const struct kube_asked *asked,
                             struct cm_err *err) {
    if (answer->error.code != CM_OK) {
        *err = answer->error;
        // What was too large or not JSON will be so again; the server is not to blame for our
        // bound.
        return err->code;
    }
    return kube_status_error(asked, answer->status, answer->json, err);
}
