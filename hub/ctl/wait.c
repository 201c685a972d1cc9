// wait.c: `holdfast wait`: until the fleet runs what Git says, with bars that show how far it is.
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/names.h"
#include "hub/ctl/print.h"
#include "hub/ctl/words.h"

#define LOOK_MS 100
#define LINE_MS 1000 // without a terminal: at most one line in so long
#define BAR_WIDTH 40
#define TIMEOUT_MS 300000

static const char *const stages[] = {"rendered", "delivered", "applied", "healthy"};

enum { STAGES = sizeof(stages) / sizeof(stages[0]) };

struct progress {
    int64_t pairs;
    int64_t counts[STAGES];
    int64_t failed;
    int64_t degraded;
    int64_t offline;
    int64_t problems; // that the revision brought
    bool resolved;
    const char *first_failure;
    const char *first_problem;
};

struct waiting {
    struct ctl *ctl;
    struct progress now;
    size_t goal; // index of the stage that is waited for
    int64_t began_ms;
    int64_t line_at_ms;
    bool drawn;
    bool looked; // the hub has answered once, so the settings are right
};

static int64_t number(const struct cm_json *answer, const char *member) {
    return cm_json_int(cm_json_get(answer, member), 0);
}

static enum cm_rc look(struct waiting *w) {
    struct ctl *c = w->ctl;
    struct ctl_param params[] = {{"revision", c->options.revision},
                                 {"app", c->options.app},
                                 {"cluster", c->options.cluster},
                                 {NULL, NULL}};
    struct cm_json *answer = NULL;
    enum cm_rc rc = ctl_call(c, "GET", "/rollout", params, NULL, &answer);

    if (rc < 0) {
        return rc;
    }
    w->looked = true;
    w->now = (struct progress){
        .pairs = number(answer, "pairs"),
        .failed = number(answer, "failed"),
        .degraded = number(answer, "degraded"),
        .offline = number(answer, "offline"),
        .resolved = cm_json_true(cm_json_get(answer, "resolved")),
        .first_failure = cm_json_string(cm_json_get(answer, "firstFailure")),
        .problems = c->options.revision == NULL ? 0 : number(answer, "problems"),
        .first_problem = cm_json_string(cm_json_get(answer, "firstProblem")),
    };
    for (size_t i = 0; i < STAGES; i++) {
        w->now.counts[i] = number(answer, stages[i]);
    }
    return CM_OK;
}

static bool is_reached(const struct waiting *w) {
    return w->now.resolved && w->now.counts[w->goal] == w->now.pairs;
}

static void draw_bar(const char *name, int64_t count, int64_t of) {
    int filled = of == 0 ? 0 : (int)(count * BAR_WIDTH / of);

    (void)printf("\x1b[2K  %-10s %s", name, ctl_green());
    for (int i = 0; i < BAR_WIDTH; i++) {
        (void)fputs(i < filled ? "█" : "░", stdout);
    }
    (void)printf("%s %lld of %lld\n", ctl_plain(), (long long)count, (long long)of);
}

static void draw(struct waiting *w) {
    if (w->drawn) {
        (void)printf("\x1b[%dA", STAGES);
    }
    for (size_t i = 0; i < STAGES; i++) {
        draw_bar(stages[i], w->now.counts[i], w->now.pairs);
    }
    w->drawn = true;
    (void)fflush(stdout);
}

static void print_line(struct waiting *w) {
    (void)printf("  ");
    for (size_t i = 0; i < STAGES; i++) {
        (void)printf("%s%s %lld", i == 0 ? "" : ", ", stages[i], (long long)w->now.counts[i]);
    }
    (void)printf(" of %lld (%.1f s)\n", (long long)w->now.pairs,
                 (double)(cm_clock_now_ms() - w->began_ms) / 1000);
    (void)fflush(stdout);
}

static void show(struct waiting *w, bool last) {
    int64_t now_ms = cm_clock_now_ms();

    if (!ctl_output_is(w->ctl, "table")) {
        return;
    }
    if (ctl_is_terminal()) {
        draw(w);
    } else if (last || now_ms >= w->line_at_ms) {
        w->line_at_ms = now_ms + LINE_MS;
        print_line(w);
    }
}

static int give_up(struct waiting *w) {
    const struct progress *p = &w->now;
    CM_CLEANUP(cm_str_done) struct cm_str why = {0};

    if (!p->resolved) {
        (void)ctl_fail(w->ctl, CM_EBUSY,
                       "the hub has not resolved that commit; see 'holdfast get events'");
        return CTL_NO;
    }
    cm_str_addf(&why, "%lld of %lld are not %s", (long long)(p->pairs - p->counts[w->goal]),
                (long long)p->pairs, stages[w->goal]);
    if (p->failed + p->degraded > 0) {
        cm_str_addf(&why, ", %lld failed or degraded", (long long)(p->failed + p->degraded));
    }
    if (p->offline > 0) {
        cm_str_addf(&why, ", %lld not connected", (long long)p->offline);
    }
    if (p->first_failure != NULL) {
        cm_str_addf(&why, "; first: %s", ctl_one_line(w->ctl->arena, p->first_failure));
    }
    (void)ctl_fail(w->ctl, CM_EBUSY, "not in time: %s", cm_str_get(&why));
    return CTL_NO;
}

// What a commit broke stays at its last good state: all else is there, but the commit is not.
static int tell_problems(struct waiting *w) {
    const char *first = w->now.first_problem != NULL ? w->now.first_problem : "";

    (void)ctl_fail(w->ctl, CM_EINVAL,
                   "what that commit changes is %s, but %lld of its problems keep something at its "
                   "last good state; first: %s",
                   stages[w->goal], (long long)w->now.problems, ctl_one_line(w->ctl->arena, first));
    return CTL_NO;
}

static int succeed(struct waiting *w) {
    if (w->now.problems > 0) {
        return tell_problems(w);
    }
    // Nothing is there to wait for: then the names must be right.
    return w->now.pairs == 0 && ctl_check_names(w->ctl) < 0 ? CTL_ERROR : CTL_DONE;
}

static int set_goal(struct waiting *w) {
    for (size_t i = 0; i < STAGES; i++) {
        if (strcmp(stages[i], w->ctl->options.wait_for) == 0) {
            w->goal = i;
            return CTL_DONE;
        }
    }
    return ctl_fail(w->ctl, CM_EINVAL, "--for %.40s: use rendered, delivered, applied or healthy",
                    w->ctl->options.wait_for);
}

int ctl_wait(struct ctl *c) {
    struct waiting w = {.ctl = c, .began_ms = cm_clock_now_ms()};
    int64_t timeout_ms = ctl_has_word(c->given, "timeout") ? c->options.timeout_ms : TIMEOUT_MS;

    if (set_goal(&w) != CTL_DONE) {
        return CTL_ERROR;
    }
    for (;;) {
        bool late = cm_clock_now_ms() - w.began_ms > timeout_ms;
        enum cm_rc rc = look(&w);
        if (rc < 0 && (late || !w.looked || !ctl_may_pass(rc))) {
            return CTL_ERROR;
        }
        if (rc < 0) { // the hub is started anew, or the line is bad
            ctl_pause(c, LINE_MS);
            continue;
        }
        bool reached = is_reached(&w);
        show(&w, reached || late);
        if (reached) {
            return succeed(&w);
        }
        if (late) {
            return give_up(&w);
        }
        ctl_pause(c, LOOK_MS);
    }
}
