// What is taken for a part of the fleet at a time is the same when it is written anew, never of
// times to come, and does not change its meaning because somebody asks later: a time ago moves with
// the clock, another one stays. A side of "A..B" means what it means alone.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/past/moment.h"
#include "hub/past/select.h"

#define NOW_MS INT64_C(1800000000000)
#define LATER_MS INT64_C(5000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void require_same(const struct hub_select *a, const struct hub_select *b) {
    require(strcmp(a->target, b->target) == 0 && strcmp(a->app, b->app) == 0);
    require(a->timed == b->timed && a->at_ms == b->at_ms && a->back == b->back);
}

static void require_now(const struct hub_select *side, const struct hub_select *other) {
    struct hub_select now = {.target = other->target, .app = other->app, .at_ms = NOW_MS};

    require_same(side, &now);
}

static void check_moment(const char *text) {
    char again[CM_CLOCK_TEXT_MAX];
    int64_t ms, later_ms, back_ms;
    struct cm_err err = {0};

    if (hub_moment_parse(text, NOW_MS, &ms, &err) < 0) {
        require(err.code == CM_EINVAL && err.msg[0] != '\0');
        return;
    }
    require(ms <= NOW_MS);
    require(hub_moment_parse(text, NOW_MS + LATER_MS, &later_ms, &err) == CM_OK);
    require(later_ms == ms || later_ms == ms + LATER_MS);
    if (ms >= 0) {
        cm_clock_format(ms, again);
        require(hub_moment_parse(again, NOW_MS, &back_ms, &err) == CM_OK && back_ms == ms);
    }
}

static void check_written(struct cm_arena *a, const struct hub_select *s) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    char time[CM_CLOCK_TEXT_MAX];
    struct hub_select again;
    struct cm_err err;

    require(strpbrk(s->target, ":@~") == NULL && strpbrk(s->app, ":@~") == NULL);
    require(s->back <= HUB_SELECT_BACK_MAX && (s->timed ? s->back == 0 : s->at_ms == NOW_MS));
    cm_str_addf(&text, "%s:%s", s->target, s->app);
    if (s->back > 0) {
        cm_str_addf(&text, "~%u", s->back);
    }
    if (s->timed && s->at_ms < 0) {
        return; // before what can be written with four digits
    }
    if (s->timed) {
        cm_clock_format(s->at_ms, time);
        cm_str_addf(&text, "@{%s}", time);
    }
    require(hub_select_parse(a, cm_str_get(&text), NOW_MS, &again, &err) == CM_OK);
    require_same(s, &again);
}

// check_sides does without dots that are part of a name: no name has two, or one at an end.
static void check_sides(struct cm_arena *a, const char *text, const struct hub_select *s) {
    CM_AUTOFREE char *since = cm_strf("%s..", text);
    CM_AUTOFREE char *until = cm_strf("..%s", text);
    CM_AUTOFREE char *both = cm_strf("%s..%s", text, text);
    struct hub_select from, to;
    struct cm_err err;

    if (strstr(text, "..") != NULL || text[0] == '.' ||
        (text[0] != '\0' && text[strlen(text) - 1] == '.')) {
        return;
    }
    const char *const ended[] = {since, text};
    for (size_t i = 0; i < 2; i++) {
        require(hub_select_parse_range(a, ended[i], NOW_MS, &from, &to, &err) == CM_OK);
        require_same(&from, s);
        require_now(&to, s);
    }
    require(hub_select_parse_range(a, until, NOW_MS, &from, &to, &err) == CM_OK);
    require_same(&to, s);
    require_now(&from, s);
    require(hub_select_parse_range(a, both, NOW_MS, &from, &to, &err) == CM_OK);
    require_same(&from, s);
    require_same(&to, s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *text = size == 0 ? "" : cm_arena_strndup(a, (const char *)data, size);
    struct hub_select s, from, to;
    struct cm_err err = {0};

    check_moment(text);
    if (hub_select_parse_range(a, text, NOW_MS, &from, &to, &err) == CM_OK) {
        check_written(a, &from);
        check_written(a, &to);
    }
    if (hub_select_parse(a, text, NOW_MS, &s, &err) == CM_OK) {
        check_written(a, &s);
        check_sides(a, text, &s);
    } else {
        require(err.code == CM_EINVAL && err.msg[0] != '\0');
    }
    return 0;
}
