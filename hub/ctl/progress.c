#include "hub/ctl/progress.h"

#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/print.h"

#define BAR_MAX 40
#define BAR_MIN 4
#define BESIDE_BAR 30 // columns for the stage's name and its numbers
#define AWAY_MAX 40

static const char *const stages[CTL_STAGES] = {"rendered", "delivered", "applied", "healthy"};

const char *ctl_stage_name(enum ctl_stage stage) {
    return stages[stage];
}

static int64_t number(const struct cm_json *answer, const char *member) {
    return cm_json_int(cm_json_get(answer, member), 0);
}

enum cm_rc ctl_progress_look(struct ctl *c, const char *revision, struct ctl_progress *out) {
    const struct ctl_options *o = &c->options;
    struct ctl_param params[] = {{"revision", revision},    {"app", o->app},
                                 {"cluster", o->cluster},   {"group", o->group},
                                 {"selector", o->selector}, {NULL, NULL}};
    struct cm_json *answer = NULL;
    enum cm_rc rc = ctl_call(c, "GET", "/rollout", params, NULL, &answer);

    if (rc < 0) {
        return rc;
    }
    *out = (struct ctl_progress){
        .pairs = number(answer, "pairs"),
        .failed = number(answer, "failed"),
        .degraded = number(answer, "degraded"),
        .offline = number(answer, "offline"),
        .problems = number(answer, "problems"),
        .resolved = cm_json_true(cm_json_get(answer, "resolved")),
        .first_failure = cm_json_string(cm_json_get(answer, "firstFailure")),
        .first_problem = cm_json_string(cm_json_get(answer, "firstProblem")),
        .answer = answer,
    };
    for (size_t i = 0; i < CTL_STAGES; i++) {
        out->counts[i] = number(answer, stages[i]);
    }
    return CM_OK;
}

static int bar_width(void) {
    size_t terminal = ctl_terminal_width();

    if (terminal == 0 || terminal >= BAR_MAX + BESIDE_BAR) {
        return BAR_MAX;
    }
    return terminal < BAR_MIN + BESIDE_BAR ? BAR_MIN : (int)(terminal - BESIDE_BAR);
}

// Nobody knows how those are that are not connected: it is why they do not become healthy.
static const char *write_away(const struct ctl_progress *p, char out[AWAY_MAX]) {
    out[0] = '\0';
    if (p->offline > 0) {
        (void)snprintf(out, AWAY_MAX, ", %lld not connected", (long long)p->offline);
    }
    return out;
}

// What stands behind a bar, where the terminal has room for it.
static const char *beside(const struct ctl_progress *p, size_t stage, int bar, char out[AWAY_MAX]) {
    size_t terminal = ctl_terminal_width();
    size_t taken = (size_t)bar + BESIDE_BAR + strlen(write_away(p, out));

    return stage == CTL_HEALTHY && (terminal == 0 || terminal >= taken) ? out : "";
}

void ctl_progress_bars(const struct ctl_progress *p, const char *before) {
    int width = bar_width();
    char away[AWAY_MAX];

    if (!p->resolved) { // as many lines, so that bars can be drawn over them
        (void)printf("%s  waiting for the hub to resolve the commit\n%s\n%s\n%s\n", before, before,
                     before, before);
        return;
    }
    for (size_t stage = 0; stage < CTL_STAGES; stage++) {
        int64_t count = p->counts[stage];
        int filled = p->pairs == 0 ? 0 : (int)(count * width / p->pairs);

        (void)printf("%s  %-10s %s", before, stages[stage], ctl_green());
        for (int i = 0; i < width; i++) {
            (void)fputs(i < filled ? "█" : "░", stdout);
        }
        (void)printf("%s %lld of %lld%s\n", ctl_plain(), (long long)count, (long long)p->pairs,
                     beside(p, stage, width, away));
    }
}

void ctl_progress_line(const struct ctl_progress *p, int64_t since_ms) {
    char away[AWAY_MAX];

    if (!p->resolved) {
        (void)printf("  waiting for the hub to resolve the commit (%.1f s)\n",
                     (double)(cm_clock_now_ms() - since_ms) / 1000);
        (void)fflush(stdout);
        return;
    }
    (void)printf("  ");
    for (size_t i = 0; i < CTL_STAGES; i++) {
        (void)printf("%s%s %lld", i == 0 ? "" : ", ", stages[i], (long long)p->counts[i]);
    }
    (void)printf(" of %lld%s (%.1f s)\n", (long long)p->pairs, write_away(p, away),
                 (double)(cm_clock_now_ms() - since_ms) / 1000);
    (void)fflush(stdout);
}

const char *ctl_progress_missing(struct ctl *c, const struct ctl_progress *p, enum ctl_stage goal) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_str_addf(&text, "%lld of %lld are not %s", (long long)(p->pairs - p->counts[goal]),
                (long long)p->pairs, stages[goal]);
    if (p->failed + p->degraded > 0) {
        cm_str_addf(&text, ", %lld failed or degraded", (long long)(p->failed + p->degraded));
    }
    if (p->offline > 0) {
        cm_str_addf(&text, ", %lld not connected", (long long)p->offline);
    }
    return cm_arena_strdup(c->arena, cm_str_get(&text));
}
