#include "hub/past/select.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "hub/past/moment.h"

#define NAME_MAX_LEN 253

struct reading {
    struct cm_arena *arena;
    const char *whole;
    const char *rest;
    int64_t now_ms;
    bool has_app;
    struct hub_select *out;
};

static enum cm_rc no_time(const struct reading *r, struct cm_err *err) {
    return cm_fail(err, CM_EINVAL, "'%.100s': a time is written as @{2.hours.ago}", r->whole);
}

static enum cm_rc read_name(struct reading *r, const char *what, const char **out,
                            struct cm_err *err) {
    size_t size = strcspn(r->rest, ":@~");

    if (size > NAME_MAX_LEN) {
        return cm_fail(err, CM_EINVAL, "the name of %s has more than %d characters", what,
                       NAME_MAX_LEN);
    }
    *out = cm_arena_strndup(r->arena, r->rest, size);
    r->rest += size;
    return strpbrk(*out, "{}") == NULL ? CM_OK : no_time(r, err);
}

// @{TIME}
static enum cm_rc read_time(struct reading *r, struct cm_err *err) {
    const char *end = strchr(r->rest, '}');

    if (r->out->timed || r->out->back > 0) {
        return cm_fail(err, CM_EINVAL, "'%.100s' has two times: leave one out", r->whole);
    }
    if (r->rest[1] != '{' || end == NULL) {
        return no_time(r, err);
    }
    const char *text = cm_arena_strndup(r->arena, r->rest + 2, (size_t)(end - r->rest - 2));
    r->rest = end + 1;
    r->out->timed = true;
    return hub_moment_parse(text, r->now_ms, &r->out->at_ms, err);
}

// ~N, or ~ for one
static enum cm_rc read_back(struct reading *r, struct cm_err *err) {
    char *end = NULL;
    bool counted = r->rest[1] >= '0' && r->rest[1] <= '9';
    unsigned long back = counted ? strtoul(r->rest + 1, &end, 10) : 1;

    if (r->out->timed || r->out->back > 0) {
        return cm_fail(err, CM_EINVAL, "'%.100s' has two times: leave one out", r->whole);
    }
    if (back == 0 || back > HUB_SELECT_BACK_MAX) {
        return cm_fail(err, CM_EINVAL, "'%.100s': from 1 to %d changes back can be asked for",
                       r->whole, HUB_SELECT_BACK_MAX);
    }
    r->rest = counted ? end : r->rest + 1;
    r->out->back = (uint32_t)back;
    return CM_OK;
}

static enum cm_rc read_app(struct reading *r, struct cm_err *err) {
    if (r->has_app) {
        return cm_fail(err, CM_EINVAL, "'%.100s' names two Apps", r->whole);
    }
    r->has_app = true;
    r->rest++;
    return read_name(r, "an App", &r->out->app, err);
}

static enum cm_rc read_rest(struct reading *r, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    while (rc == CM_OK && *r->rest != '\0') {
        switch (*r->rest) {
        case ':':
            rc = read_app(r, err);
            break;
        case '@':
            rc = read_time(r, err);
            break;
        case '~':
            rc = read_back(r, err);
            break;
        default:
            rc = cm_fail(err, CM_EINVAL, "'%.100s': after a time comes :APP, or nothing", r->whole);
            break;
        }
    }
    return rc;
}

enum cm_rc hub_select_parse(struct cm_arena *a, const char *text, int64_t now_ms,
                            struct hub_select *out, struct cm_err *err) {
    struct reading r = {.arena = a, .whole = text, .rest = text, .now_ms = now_ms, .out = out};

    *out = (struct hub_select){.target = "", .app = "", .at_ms = now_ms};
    enum cm_rc rc = read_name(&r, "a cluster or group", &out->target, err);
    return rc < 0 ? rc : read_rest(&r, err);
}

// Two dots outside of braces, where they are "2.hours..ago" or the like.
static const char *find_dots(const char *text) {
    bool inside = false;

    for (; *text != '\0'; text++) {
        inside = *text == '{' || (inside && *text != '}');
        if (!inside && text[0] == '.' && text[1] == '.') {
            return text;
        }
    }
    return NULL;
}

static void fill_in(struct hub_select *side, const struct hub_select *other) {
    side->target = other->target;
    side->app = other->app;
}

static enum cm_rc read_sides(struct cm_arena *a, const char *left, const char *right,
                             int64_t now_ms, struct hub_select *from, struct hub_select *to,
                             struct cm_err *err) {
    enum cm_rc rc = hub_select_parse(a, left, now_ms, from, err);

    rc = rc < 0 ? rc : hub_select_parse(a, right, now_ms, to, err);
    if (rc == CM_OK && left[0] == '\0') {
        fill_in(from, to);
    } else if (rc == CM_OK && (right[0] == '\0' || right[0] == '@' || right[0] == '~')) {
        fill_in(to, from);
    }
    return rc;
}

enum cm_rc hub_select_parse_range(struct cm_arena *a, const char *text, int64_t now_ms,
                                  struct hub_select *from, struct hub_select *to,
                                  struct cm_err *err) {
    const char *dots = find_dots(text);

    if (dots == NULL) {
        return read_sides(a, text, "", now_ms, from, to, err);
    }
    if (dots[2] == '.') {
        return cm_fail(err, CM_EINVAL, "'%.100s': two dots are between what is compared", text);
    }
    return read_sides(a, cm_arena_strndup(a, text, (size_t)(dots - text)), dots + 2, now_ms, from,
                      to, err);
}
