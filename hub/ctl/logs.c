// logs.c: `holdfast logs`: the hub's events as lines; with -f those that come.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/names.h"
#include "hub/ctl/print.h"
#include "hub/ctl/query.h"
#include "hub/ctl/resources.h"
#include "hub/ctl/rows.h"

#define LOOK_MS 500
#define AWAY_MS 2000
#define LINES 100
#define PARAMS_MAX 16

static const char *text_of(struct ctl *c, const struct cm_json *row, const char *member) {
    const char *text = cm_json_string(cm_json_get(row, member));

    return text == NULL ? "" : ctl_one_line(c->arena, text);
}

static const char *colour_of(const char *kind) {
    static const char *const bad[] = {"failed", "degraded", "problem", "lost", "refused"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (strstr(kind, bad[i]) != NULL) {
            return ctl_red();
        }
    }
    return strstr(kind, "drift") != NULL     ? ctl_yellow()
           : strstr(kind, "healthy") != NULL ? ctl_green()
                                             : "";
}

static void print_part(const char *before, const char *text, const char *after) {
    if (text[0] != '\0') {
        (void)printf("%s%s%s", before, text, after);
    }
}

// "12:27:54  drift.found  eu-west-01/checkout  spec.replicas: 4 -> 9  (kubectl-edit)"
static void print_line(struct ctl *c, const struct cm_json *event) {
    struct ctl_column time = {.member = "atMs", .type = CTL_TIME};
    struct ctl_column happened = {.member = "happenedMs", .type = CTL_TIME};
    const char *kind = text_of(c, event, "kind");
    const char *cluster = text_of(c, event, "cluster");
    const char *app = text_of(c, event, "app");
    const char *revision = text_of(c, event, "revision");

    (void)printf("%s%s%s  %s%-14s%s", ctl_dim(), ctl_cell_text(c->arena, event, &time), ctl_plain(),
                 colour_of(kind), kind, ctl_plain());
    print_part("  ", cluster, "");
    print_part(cluster[0] == '\0' ? "  App " : "/", app, "");
    print_part("  ", text_of(c, event, "key"), "");
    print_part("  at ", cm_arena_strndup(c->arena, revision, 8), "");
    print_part("  ", text_of(c, event, "message"), "");
    print_part("  (", text_of(c, event, "actor"), ")");
    if (cm_json_int(cm_json_get(event, "happenedMs"), 0) > 0) { // told late
        print_part("  happened ", ctl_cell_text(c->arena, event, &happened), "");
    }
    (void)putchar('\n');
}

static void print_json(const struct cm_json *event) {
    CM_CLEANUP(cm_str_done) struct cm_str json = {0};
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_json_write_compact(event, &json);
    ctl_add_json(&text, cm_str_get(&json));
    (void)printf("%s\n", cm_str_get(&text));
}

static enum cm_rc print_event(struct ctl *c, const struct cm_json *event) {
    if (ctl_output_is(c, "json")) {
        print_json(event);
        return CM_OK;
    }
    if (ctl_output_is_tree(c)) {
        return ctl_print_value(c, event);
    }
    print_line(c, event);
    return CM_OK;
}

// The rows are in the order they are printed in.
static enum cm_rc print_events(struct ctl *c, const struct cm_json *events, int64_t *last) {
    enum cm_rc rc = CM_OK;

    for (const struct cm_json *at = events->first; rc == CM_OK && at != NULL; at = at->next) {
        int64_t number = cm_json_int(cm_json_get(at, "number"), 0);

        *last = number > *last ? number : *last;
        rc = print_event(c, at);
    }
    (void)fflush(stdout);
    return rc;
}

static enum cm_rc print_past(struct ctl *c, int64_t *last) {
    const struct ctl_resource *r = ctl_resource_named("events");
    bool bounded = c->options.limit > 0 || c->options.since_ms == 0;
    int64_t limit = c->options.limit > 0 ? c->options.limit : bounded ? LINES : 0;
    struct cm_json *events = NULL;
    enum cm_rc rc = ctl_list(c, "/events", ctl_query_params(c, r, NULL), limit, &events);

    if (rc < 0) {
        return rc;
    }
    if (events->first == NULL && !c->options.follow) {
        (void)fprintf(stderr, "nothing to show\n");
    }
    return print_events(c, ctl_rows_reversed(c->arena, events), last);
}

static enum cm_rc print_new(struct ctl *c, int64_t *last) {
    const struct ctl_resource *r = ctl_resource_named("events");
    const struct ctl_param *given = ctl_query_params(c, r, NULL);
    struct ctl_param params[PARAMS_MAX] = {
        {"after", cm_arena_strf(c->arena, "%lld", (long long)*last)}};
    struct cm_json *events = NULL;
    size_t count = 1;

    for (; given->name != NULL && count + 1 < PARAMS_MAX; given++) {
        if (strcmp(given->name, "since") != 0) {
            params[count++] = *given;
        }
    }
    enum cm_rc rc = ctl_list(c, "/events", params, 0, &events);
    return rc < 0 ? rc : print_events(c, events, last);
}

// Until Ctrl-C. A hub that is started anew is waited for.
static int follow(struct ctl *c, int64_t last) {
    struct cm_arena *lasting = c->arena;

    for (;;) {
        c->arena = cm_arena_new(0);
        enum cm_rc rc = print_new(c, &last);
        cm_arena_free(c->arena);
        c->arena = lasting;
        if (rc < 0 && !ctl_may_pass(rc)) {
            return CTL_ERROR;
        }
        ctl_pause(c, rc < 0 ? AWAY_MS : LOOK_MS);
    }
}

int ctl_logs(struct ctl *c) {
    int64_t last = 0;

    if (ctl_target_read(c) < 0 || print_past(c, &last) < 0) {
        return CTL_ERROR;
    }
    return c->options.follow ? follow(c, last) : CTL_DONE;
}
