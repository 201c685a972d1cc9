#include "hub/api/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/log.h"

// ---- Answers

static const struct kind {
    unsigned status;
    const char *name; // of the type
    const char *title;
} kinds[] = {
    {400, "invalid", "Bad Request"},
    {401, "unauthorized", "Unauthorized"},
    {403, "forbidden", "Forbidden"},
    {404, "not-found", "Not Found"},
    {405, "method-not-allowed", "Method Not Allowed"},
    {409, "conflict", "Conflict"},
    {413, "too-large", "Content Too Large"},
    {429, "too-many", "Too Many Requests"},
    {500, "failed", "Internal Server Error"},
    {503, "unavailable", "Service Unavailable"},
};

static const struct kind *kind_of(unsigned status) {
    const struct kind *last = &kinds[sizeof(kinds) / sizeof(kinds[0]) - 1];
    const struct kind *kind = kinds;

    while (kind < last && kind->status != status) {
        kind++;
    }
    return kind;
}

const char *hub_problem_title(unsigned status) {
    return kind_of(status)->title;
}

static void set_answer(struct hub_request *r, unsigned status, const char *type) {
    r->answer.status = status;
    r->answer.type = type;
    cm_str_clear(&r->answer.body);
}

void hub_answer_json(struct hub_request *r, unsigned status, const struct cm_json *json) {
    set_answer(r, status, "application/json");
    cm_json_write_compact(json, &r->answer.body);
    cm_str_add_char(&r->answer.body, '\n');
}

void hub_answer_text(struct hub_request *r, unsigned status, const char *type, const char *text) {
    set_answer(r, status, type);
    cm_str_add(&r->answer.body, text);
}

void hub_answer_empty(struct hub_request *r, unsigned status) {
    set_answer(r, status, NULL);
}

// What a message is about: "NAME: …" or "'NAME' is no …"; NULL if it does not begin so.
static const char *field_of(struct hub_request *r, const char *detail) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    bool quoted = detail[0] == '\'';
    const char *name = detail + quoted;
    size_t len = quoted ? strcspn(name, "'") : strspn(name, letters);

    if (len == 0 || strncmp(name + len, quoted ? "' is no " : ": ", quoted ? 8 : 2) != 0) {
        return NULL;
    }
    return cm_arena_strndup(r->arena, name, len);
}

static void answer_detail(struct hub_request *r, unsigned status, const char *detail) {
    struct cm_json *problem = cm_json_new(r->arena, CM_OBJECT);
    const struct kind *kind = kind_of(status);

    cm_json_set_string(r->arena, problem, "type",
                       cm_arena_strf(r->arena, "urn:holdfast:problem:%s", kind->name));
    cm_json_set_string(r->arena, problem, "title", kind->title);
    cm_json_set_int(r->arena, problem, "status", status);
    cm_json_set_string(r->arena, problem, "detail", detail);
    cm_json_set_string(
        r->arena, problem, "instance",
        cm_arena_strf(r->arena, "urn:holdfast:request:%llu", (unsigned long long)r->number));
    cm_json_set_string(r->arena, problem, "field", status == 400 ? field_of(r, detail) : NULL);
    hub_answer_json(r, status, problem);
    r->answer.type = "application/problem+json";
}

void hub_answer_problem(struct hub_request *r, unsigned status, const char *fmt, ...) {
    char detail[sizeof(((struct cm_err *)0)->msg)];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(detail, sizeof(detail), fmt, args);
    va_end(args);
    answer_detail(r, status, detail);
}

void hub_answer_too_large(struct hub_request *r) {
    if (r->body_max == 0) {
        hub_answer_problem(r, 413, "this request takes no body");
    } else {
        hub_answer_problem(r, 413, "the body is larger than %zu bytes", r->body_max);
    }
}

static unsigned status_of(enum cm_rc code) {
    switch (code) {
    case CM_EINVAL:
        return 400;
    case CM_ENOTFOUND:
        return 404;
    case CM_EEXISTS:
        return 409;
    case CM_EAUTH:
        return 401;
    case CM_EBUSY:
    case CM_ECANCELED:
        return 503;
    default:
        return 500;
    }
}

void hub_answer_error(struct hub_request *r, const struct cm_err *err) {
    unsigned status = status_of(err->code);

    if (status == 500) {
        cm_log(CM_LOG_ERROR, "api.failed", err->msg, "path", r->uri.path, NULL);
        answer_detail(r, status, "the hub could not do this; its log says why");
        return;
    }
    answer_detail(r, status, err->msg);
    r->answer.retry_s = status == 503 ? 1 : 0;
}
