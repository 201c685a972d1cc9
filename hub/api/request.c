#include "hub/api/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/log.h"

static const struct cm_json_limits body_limits = {
    .max_bytes = (size_t)64 * 1024, .max_depth = 8, .max_nodes = 1024};

// ---- Answers

static const char *title_of(unsigned status) {
    static const struct {
        unsigned status;
        const char *title;
    } titles[] = {
        {400, "Bad Request"},         {401, "Unauthorized"},       {403, "Forbidden"},
        {404, "Not Found"},           {405, "Method Not Allowed"}, {409, "Conflict"},
        {413, "Content Too Large"},   {429, "Too Many Requests"},  {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };

    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
        if (titles[i].status == status) {
            return titles[i].title;
        }
    }
    return "Error";
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

static void answer_detail(struct hub_request *r, unsigned status, const char *detail) {
    struct cm_json *problem = cm_json_new(r->arena, CM_OBJECT);

    cm_json_set_string(r->arena, problem, "type", "about:blank");
    cm_json_set_string(r->arena, problem, "title", title_of(status));
    cm_json_set_int(r->arena, problem, "status", status);
    cm_json_set_string(r->arena, problem, "detail", detail);
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

// ---- Bodies

static enum cm_rc check_names(const struct cm_json *object, const char *const *names,
                              struct cm_err *err) {
    size_t count = 0;

    while (names[count] != NULL) {
        count++;
    }
    for (const struct cm_json *member = object->first; member != NULL; member = member->next) {
        size_t i = 0;

        while (i < count && strcmp(names[i], member->key) != 0) {
            i++;
        }
        if (i < count) {
            continue;
        }
        const char *nearest = cm_str_nearest(member->key, names, count);
        return cm_fail(err, CM_EINVAL, "the body: '%.80s' is no member of this request%s%s%s",
                       member->key, nearest == NULL ? "" : "; did you mean '",
                       nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
    }
    return CM_OK;
}

enum cm_rc hub_request_body(struct hub_request *r, const char *const *names, struct cm_json **out,
                            struct cm_err *err) {
    struct cm_json *body = NULL;

    if (r->body.len == 0) {
        *out = cm_json_new(r->arena, CM_OBJECT);
        return CM_OK;
    }
    if (cm_json_parse(r->arena, r->body.data, r->body.len, &body_limits, &body, err) < 0) {
        return cm_wrap(err, "the body");
    }
    if (body->type != CM_OBJECT) {
        return cm_fail(err, CM_EINVAL, "the body: %s where an object is expected",
                       cm_json_type_name(body->type));
    }
    if (check_names(body, names, err) < 0) {
        return err->code;
    }
    *out = body;
    return CM_OK;
}
