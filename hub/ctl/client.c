#include "hub/ctl/client.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/fsys.h"
#include "common/http/http.h"
#include "common/json.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/ctl.h"

#define TIMEOUT_MS 30000
#define ANSWER_MAX ((size_t)256 * 1024 * 1024)
#define ANSWER_NODES_MAX ((size_t)4 * 1024 * 1024)
#define FILE_MAX ((size_t)1024 * 1024)
#define PAGE 2000
#define PAUSE_MAX_MS 5000
#define TURNED_AWAY_MAX 12 // times, one after the other

struct ctl_client {
    struct cm_loop *loop;
    struct cm_http *http;
    struct cm_http_endpoint *endpoint;
};

void ctl_client_free(struct ctl_client *client) {
    if (client == NULL) {
        return;
    }
    cm_http_endpoint_free(client->endpoint);
    cm_http_free(client->http);
    cm_loop_free(client->loop);
    free(client);
}

static enum cm_rc read_text(const char *path, char **out, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *buf = NULL;
    enum cm_rc rc = cm_fsys_read(path, FILE_MAX, &buf, err);

    if (rc < 0) {
        return rc;
    }
    *out = cm_strndup((const char *)buf->data, buf->size);
    return CM_OK;
}

static bool given(const char *text) {
    return text != NULL && text[0] != '\0';
}

static enum cm_rc set_token(struct ctl *c) {
    CM_AUTOFREE char *token = NULL;

    if (given(c->hub.token)) {
        cm_http_endpoint_set_bearer(c->client->endpoint, c->hub.token);
        return CM_OK;
    }
    if (!given(c->hub.token_file)) {
        return CM_OK;
    }
    if (read_text(c->hub.token_file, &token, &c->err) < 0) {
        return cm_wrap(&c->err, "--token-file");
    }
    token[strcspn(token, "\r\n")] = '\0';
    cm_http_endpoint_set_bearer(c->client->endpoint, token);
    explicit_bzero(token, strlen(token));
    return CM_OK;
}

static enum cm_rc connect_client(struct ctl *c) {
    CM_AUTOFREE char *ca = NULL;
    const char *ca_pem = c->hub.ca;

    if (c->client != NULL) {
        return CM_OK;
    }
    if (c->hub.problem != NULL) {
        return cm_fail(&c->err, CM_ENOTFOUND, "%s", c->hub.problem);
    }
    if (!given(c->hub.server)) {
        return cm_fail(
            &c->err, CM_EINVAL,
            "which hub? give --server https://HOST:PORT, or set HOLDFAST_SERVER, or remember one "
            "with 'holdfast context set NAME --server URL --ca-file FILE --token-file FILE'");
    }
    if (given(c->hub.ca_file)) {
        if (read_text(c->hub.ca_file, &ca, &c->err) < 0) {
            return cm_wrap(&c->err, "--ca-file");
        }
        ca_pem = ca;
    }
    c->client = cm_new(1, sizeof(*c->client));
    c->client->loop = cm_loop_new();
    c->client->http = cm_http_new();

    struct cm_http_endpoint_config config = {
        .base_url = c->hub.server, .ca_pem = ca_pem, .use_proxy_env = true};
    enum cm_rc rc = cm_http_endpoint_new(c->client->http, &config, &c->client->endpoint, &c->err);
    return rc < 0 ? cm_wrap(&c->err, "--server") : set_token(c);
}

// ---- One call

struct call {
    struct ctl *ctl;
    struct cm_json *answer;
    enum cm_rc rc;
    int64_t wait_ms; // the hub wants it asked again after so long; 0: it does not
};

static enum cm_rc code_of(int status) {
    switch (status) {
    case 400:
        return CM_EINVAL;
    case 401:
    case 403:
        return CM_EAUTH;
    case 404:
        return CM_ENOTFOUND;
    case 409:
        return CM_EEXISTS;
    case 429:
    case 503:
        return CM_EBUSY;
    default:
        return CM_EIO;
    }
}

static enum cm_rc read_problem(struct call *call, const struct cm_http_answer *answer) {
    struct cm_json *problem = NULL;
    struct cm_err ignored;
    const char *detail = NULL;

    if (cm_json_parse(call->ctl->arena, answer->body, answer->size, NULL, &problem, &ignored) ==
        CM_OK) {
        detail = cm_json_string(cm_json_get(problem, "detail"));
    }
    if (detail == NULL) {
        return cm_fail(&call->ctl->err, code_of(answer->status), "the hub answered %d",
                       answer->status);
    }
    if (answer->status == 401 && !given(call->ctl->hub.token_file) &&
        !given(call->ctl->hub.token)) {
        return cm_fail(&call->ctl->err, CM_EAUTH,
                       "the hub wants an API token: name its file with --token-file, or set "
                       "HOLDFAST_TOKEN_FILE");
    }
    return cm_fail(&call->ctl->err, code_of(answer->status), "%s", detail);
}

// Adds what to do to the two failures of TLS that a setting mends.
static enum cm_rc add_hint(struct ctl *c) {
    CM_AUTOFREE char *words = cm_strf("%s", c->err.msg);

    if (strstr(words, "SSL certificate problem") != NULL) {
        return cm_fail(&c->err, c->err.code, "%s; name the hub's keys/root.crt with --ca-file",
                       words);
    }
    if (strstr(words, "Empty reply") != NULL || strstr(words, "certificate required") != NULL) {
        return cm_fail(&c->err, c->err.code,
                       "%s; --server must be https:// and the address of --api-listen", words);
    }
    return c->err.code;
}

static enum cm_rc read_answer(struct call *call, const struct cm_http_answer *answer) {
    struct cm_json_limits limits = cm_json_limits_default;

    if (answer->error.code != CM_OK) {
        call->ctl->err = answer->error;
        return add_hint(call->ctl);
    }
    if (answer->status >= 400) {
        return read_problem(call, answer);
    }
    if (answer->status < 200 || answer->status >= 300) {
        return cm_fail(&call->ctl->err, CM_EIO,
                       "the hub answered %d, as its API never does: --server must be the address "
                       "of --api-listen",
                       answer->status);
    }
    if (answer->size == 0) {
        return CM_OK;
    }
    limits.max_bytes = ANSWER_MAX;
    limits.max_nodes = ANSWER_NODES_MAX;
    return cm_json_parse(call->ctl->arena, answer->body, answer->size, &limits, &call->answer,
                         &call->ctl->err);
}

static void on_done(void *ctx, const struct cm_http_answer *answer) {
    struct call *call = ctx;

    call->rc = read_answer(call, answer);
    call->wait_ms = answer->status == 429 ? answer->retry_after_ms : 0;
    cm_loop_stop(call->ctl->client->loop);
}

static void add_params(struct cm_str *path, const struct ctl_param *params) {
    char separator = '?';

    for (; params != NULL && params->name != NULL; params++) {
        if (given(params->value)) {
            CM_AUTOFREE char *value = cm_http_escape(params->value);

            cm_str_addf(path, "%c%s=%s", separator, params->name, value);
            separator = '&';
        }
    }
}

static void send_once(struct call *call, const struct cm_http_request_config *config) {
    struct cm_http_request_config one = *config;
    struct ctl *c = call->ctl;

    one.loop = c->client->loop;
    one.timeout_ms = c->timeout_ms > 0 ? c->timeout_ms : TIMEOUT_MS;
    one.max_answer_bytes = ANSWER_MAX;
    one.done = on_done;
    one.ctx = call;
    call->answer = NULL;
    (void)cm_http_send(c->client->endpoint, &one);
    cm_loop_run(c->client->loop);
}

// A hub that has had too many requests did nothing for this one: it is sent again when the hub says
// so, unless that is long.
static void send_until_taken(struct call *call, const struct cm_http_request_config *config) {
    send_once(call, config);
    for (int i = 0; i < TURNED_AWAY_MAX && call->wait_ms > 0 && call->wait_ms <= PAUSE_MAX_MS;
         i++) {
        ctl_pause(call->ctl, call->wait_ms);
        send_once(call, config);
    }
}

enum cm_rc ctl_call(struct ctl *c, const char *method, const char *path,
                    const struct ctl_param *params, const struct cm_json *body,
                    struct cm_json **out) {
    struct cm_str full = {0};
    struct cm_str text = {0};
    struct call call = {.ctl = c};
    enum cm_rc rc = connect_client(c);

    if (rc < 0) {
        return rc;
    }
    cm_str_addf(&full, "/api/v1%s", path);
    add_params(&full, params);
    if (body != NULL) {
        cm_json_write_compact(body, &text);
    }
    send_until_taken(&call, &(struct cm_http_request_config){
                                .method = method,
                                .path = cm_str_get(&full),
                                .content_type = body == NULL ? NULL : "application/json",
                                .accept = "application/json",
                                .body = text.data,
                                .body_size = text.len});
    cm_str_done(&full);
    cm_str_done(&text);
    *out = call.answer;
    return call.rc;
}

// ---- Lists

static size_t count_params(const struct ctl_param *params) {
    size_t count = 0;

    while (params != NULL && params[count].name != NULL) {
        count++;
    }
    return count;
}

// Moves the items of a page to the end of the list; false once there are enough.
static bool take_items(struct cm_json *list, const struct cm_json *page, int64_t limit) {
    const struct cm_json *items = cm_json_get(page, "items");
    struct cm_json *item = items == NULL ? NULL : items->first;

    while (item != NULL) {
        struct cm_json *next = item->next;

        if (limit > 0 && (int64_t)list->count == limit) {
            return false;
        }
        item->next = NULL;
        cm_json_append(list, item);
        item = next;
    }
    return limit == 0 || (int64_t)list->count < limit;
}

static enum cm_rc check_list(struct ctl *c, const struct cm_json *page) {
    const struct cm_json *items = cm_json_get(page, "items");

    return items != NULL && items->type == CM_ARRAY
               ? CM_OK
               : cm_fail(&c->err, CM_EIO,
                         "the hub's answer is no list: --server must be the address of "
                         "--api-listen");
}

// A next page must be another one than the last, and begin behind something: else there is no end.
static enum cm_rc check_next(struct ctl *c, const struct cm_json *page, const char *last,
                             const char *next) {
    bool leads_on = cm_json_get(page, "items")->first != NULL;

    if (leads_on && (last == NULL || strcmp(last, next) != 0)) {
        return CM_OK;
    }
    return cm_fail(&c->err, CM_EIO, "the hub's list has no end: its page '%.40s' leads nowhere",
                   next);
}

static const char *page_size(struct ctl *c, int64_t limit) {
    return limit > 0 && limit < PAGE ? cm_arena_strf(c->arena, "%lld", (long long)limit)
                                     : cm_arena_strf(c->arena, "%d", PAGE);
}

enum cm_rc ctl_list(struct ctl *c, const char *path, const struct ctl_param *params, int64_t limit,
                    struct cm_json **out) {
    size_t count = count_params(params);
    struct ctl_param *all = cm_arena_get(c->arena, (count + 3) * sizeof(*all));
    struct cm_json *list = cm_json_new(c->arena, CM_ARRAY);
    struct cm_json *page = NULL;
    const char *last = NULL;

    memcpy(all, params, count * sizeof(*all));
    all[count] = (struct ctl_param){"limit", page_size(c, limit)};
    for (;;) {
        enum cm_rc rc = ctl_call(c, "GET", path, all, NULL, &page);

        rc = rc < 0 ? rc : check_list(c, page);
        if (rc < 0) {
            return rc;
        }
        const char *next = cm_json_string(cm_json_get(page, "next"));
        if (!take_items(list, page, limit) || next == NULL) {
            *out = list;
            return CM_OK;
        }
        if (check_next(c, page, last, next) < 0) {
            return c->err.code;
        }
        last = next;
        all[count + 1] = (struct ctl_param){"cursor", next};
    }
}

enum cm_rc ctl_word(struct ctl *c, const struct cm_json *answer, const char *member,
                    const char **out) {
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:[]";
    const struct cm_json *node = cm_json_get(answer, member);
    const char *text = cm_json_string(node != NULL && node->type == CM_ARRAY ? node->first : node);

    if (!given(text) || text[strspn(text, allowed)] != '\0') {
        return cm_fail(&c->err, CM_EIO,
                       "the hub's answer has no '%s' that could be used: --server must be the "
                       "address of --api-listen",
                       member);
    }
    *out = text;
    return CM_OK;
}

bool ctl_may_pass(enum cm_rc rc) {
    return rc != CM_EINVAL && rc != CM_EAUTH && rc != CM_ENOTFOUND;
}

static void end_pause(void *ctx) {
    cm_loop_stop(ctx);
}

void ctl_pause(struct ctl *c, int64_t ms) {
    struct cm_timer timer = {.run = end_pause, .ctx = c->client->loop};

    cm_timer_start(c->client->loop, &timer, ms);
    cm_loop_run(c->client->loop);
}

void ctl_pause_after(struct ctl *c, int64_t least_ms, int64_t looked_ms) {
    int64_t ms = 3 * (cm_clock_now_ms() - looked_ms);

    ms = ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : ms;
    ctl_pause(c, ms > least_ms ? ms : least_ms);
}
