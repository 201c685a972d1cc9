// wait.c: `holdfast wait`: until the fleet runs what Git says, with bars that show how far it is.
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/str.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/names.h"
#include "hub/ctl/print.h"
#include "hub/ctl/progress.h"
#include "hub/ctl/words.h"

#define LOOK_MS 100 // in the first seconds
#define SOON_MS 5000
#define CALM_MS 500
#define LINE_MS 1000  // without a terminal: at most one line in so long, if something changed
#define SAME_MS 30000 // and one in so long if nothing did
#define TIMEOUT_MS 300000

struct waiting {
    struct ctl *ctl;
    struct ctl_progress now;
    enum ctl_stage goal;
    int64_t began_ms;
    int64_t line_ms; // when the last line was printed; 0: never
    int64_t line_counts[CTL_STAGES];
    bool drawn;
    bool looked; // the hub has answered once, so the settings are right
};

static bool is_reached(const struct waiting *w) {
    return w->now.resolved && w->now.counts[w->goal] == w->now.pairs;
}

static void draw(struct waiting *w) {
    if (w->drawn) {
        (void)printf("\x1b[%dA", CTL_STAGES);
    }
    ctl_progress_bars(&w->now, "\x1b[2K");
    w->drawn = true;
    (void)fflush(stdout);
}

static bool is_line_due(const struct waiting *w, int64_t now_ms) {
    bool same = memcmp(w->line_counts, w->now.counts, sizeof(w->line_counts)) == 0;

    return w->line_ms == 0 || now_ms - w->line_ms >= (same ? SAME_MS : LINE_MS);
}

static void show(struct waiting *w, bool last) {
    int64_t now_ms = cm_clock_now_ms();

    if (!ctl_output_is(w->ctl, "table")) {
        return;
    }
    if (ctl_is_terminal()) {
        draw(w);
    } else if (last || is_line_due(w, now_ms)) {
        w->line_ms = now_ms;
        memcpy(w->line_counts, w->now.counts, sizeof(w->line_counts));
        ctl_progress_line(&w->now, w->began_ms);
    }
}

// The result for programs: the hub's answer, and whether that was it.
static int print_result(struct waiting *w, int code) {
    struct ctl *c = w->ctl;

    if (!ctl_output_is_tree(c)) {
        return code;
    }
    struct cm_json *result = cm_json_copy(c->arena, w->now.answer);
    cm_json_set_string(c->arena, result, "for", ctl_stage_name(w->goal));
    cm_json_set_bool(c->arena, result, "reached", code == CTL_DONE);
    cm_json_set_int(c->arena, result, "waitedMs", cm_clock_now_ms() - w->began_ms);
    return ctl_print_value(c, result) < 0 ? CTL_ERROR : code;
}

static int give_up(struct waiting *w) {
    const struct ctl_progress *p = &w->now;
    const char *first = p->first_failure;

    if (!p->resolved) {
        (void)ctl_fail(w->ctl, CM_EBUSY,
                       "the hub has not resolved that commit; see 'holdfast get events'");
        return CTL_NO;
    }
    (void)ctl_fail(
        w->ctl, CM_EBUSY, "not in time: %s%s%s", ctl_progress_missing(w->ctl, p, w->goal),
        first == NULL ? "" : "; first: ", first == NULL ? "" : ctl_one_line(w->ctl->arena, first));
    return CTL_NO;
}

static int tell_problems(struct waiting *w) {
    const char *first = w->now.first_problem != NULL ? w->now.first_problem : "";

    (void)ctl_fail(w->ctl, CM_EINVAL,
                   "%s has %lld problem%s: what has one stays at its last good revision, all else "
                   "is %s; first: %s",
                   w->ctl->options.revision != NULL ? "that commit" : "Git",
                   (long long)w->now.problems, w->now.problems == 1 ? "" : "s",
                   ctl_stage_name(w->goal), ctl_one_line(w->ctl->arena, first));
    return CTL_NO;
}

static int finish(struct waiting *w) {
    if (w->now.problems > 0) {
        return tell_problems(w);
    }
    // When nothing is asked for, the names must be right.
    bool right = w->now.pairs > 0 ||
                 (ctl_check_names(w->ctl) == CM_OK && ctl_check_selector(w->ctl) == CM_OK);
    return right ? CTL_DONE : CTL_ERROR;
}

static int set_goal(struct waiting *w) {
    const char *wanted = w->ctl->options.wait_for;
    const char *names[CTL_STAGES];

    for (size_t i = 0; i < CTL_STAGES; i++) {
        names[i] = ctl_stage_name(i);
        if (strcmp(names[i], wanted) == 0) {
            w->goal = i;
            return CTL_DONE;
        }
    }
    const char *nearest = strcasestr(wanted, "ready") != NULL
                              ? names[CTL_HEALTHY] // as kubectl calls it
                              : cm_str_nearest(wanted, names, CTL_STAGES);
    return ctl_fail(w->ctl, CM_EINVAL,
                    "--for %.40s: use rendered, delivered, applied or healthy%s%s", wanted,
                    nearest == NULL ? "" : "; did you mean ", nearest == NULL ? "" : nearest);
}

int64_t ctl_wait_timeout(const struct ctl *c) {
    return ctl_has_word(c->given, "timeout") ? c->options.timeout_ms : TIMEOUT_MS;
}

// Looks once; returns true when that was the last time, *code is then the result.
static bool look(struct waiting *w, int64_t timeout_ms, int *code) {
    struct ctl *c = w->ctl;
    bool late = cm_clock_now_ms() - w->began_ms > timeout_ms;
    enum cm_rc rc = ctl_progress_look(c, c->options.revision, &w->now);

    if (rc < 0) { // the hub is started anew, or the line is bad
        *code = CTL_ERROR;
        return late || !w->looked || !ctl_may_pass(rc);
    }
    c->err = (struct cm_err){.code = CM_OK};
    w->looked = true;
    bool reached = is_reached(w);
    show(w, reached || late);
    if (!reached && !late) {
        return false;
    }
    *code = reached ? finish(w) : give_up(w);
    if (*code != CTL_ERROR) {
        *code = print_result(w, *code);
    }
    return true;
}

int ctl_wait_for_progress(struct ctl *c, int64_t timeout_ms) {
    struct waiting w = {.ctl = c, .began_ms = cm_clock_now_ms(), .goal = CTL_HEALTHY};
    struct cm_arena *lasting = c->arena;
    bool over = false;
    int code = CTL_DONE;

    if (set_goal(&w) != CTL_DONE) {
        return CTL_ERROR;
    }
    while (!over) { // an arena a look: this may take days
        int64_t looked_ms = cm_clock_now_ms();

        c->arena = cm_arena_new(0);
        over = look(&w, timeout_ms, &code);
        cm_arena_free(c->arena);
        c->arena = lasting;
        if (!over) {
            bool soon = looked_ms - w.began_ms < SOON_MS;

            ctl_pause_after(c, soon ? LOOK_MS : CALM_MS, looked_ms);
        }
    }
    return code;
}

int ctl_wait_as_told(struct ctl *c) {
    return ctl_wait_for_progress(c, ctl_wait_timeout(c));
}

int ctl_wait(struct ctl *c) {
    return ctl_target_read(c) < 0 ? CTL_ERROR : ctl_wait_as_told(c);
}
