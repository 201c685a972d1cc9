// freeze.c: `holdfast freeze` and `unfreeze`: the red button.
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/http/http.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/names.h"
#include "hub/ctl/print.h"
#include "hub/ctl/verbs.h"
#include "hub/ctl/words.h"

#define LOOK_MS 100
#define STOP_MS 5000 // agents that are connected stop in less

static const char *text_of(struct ctl *c, const struct cm_json *answer, const char *member) {
    const char *text = cm_json_string(cm_json_get(answer, member));

    return text == NULL ? "" : ctl_one_line(c->arena, text);
}

static int64_t number_of(const struct cm_json *answer, const char *member) {
    return cm_json_int(cm_json_get(answer, member), 0);
}

// ---- What is asked

// read_end gives when it ends by itself; 0: it does not.
static enum cm_rc read_end(struct ctl *c, int64_t *out) {
    const char *until = c->options.until;
    bool has_for = ctl_has_word(c->given, "for");
    int64_t for_ms = 0;

    *out = 0;
    if (until != NULL && has_for) {
        return cm_fail(&c->err, CM_EINVAL, "freeze: say --for or --until, not both");
    }
    if (has_for) {
        enum cm_rc rc = cm_str_parse_duration(c->options.wait_for, &for_ms, &c->err);

        *out = cm_clock_unix_ms() + for_ms;
        return rc < 0 ? cm_wrap(&c->err, "--for") : CM_OK;
    }
    if (until != NULL && !cm_clock_parse(until, out)) {
        return cm_fail(&c->err, CM_EINVAL,
                       "--until: '%.60s' is no moment: write it as 2026-10-01T12:00:00Z", until);
    }
    return CM_OK;
}

static enum cm_rc check_what(struct ctl *c) {
    const struct ctl_options *o = &c->options;
    int where = (o->cluster != NULL) + (o->group != NULL) + (o->selector != NULL);

    if (where > 1) {
        return cm_fail(&c->err, CM_EINVAL,
                       "freeze: name one of --cluster, --group and -l; freeze twice for two");
    }
    if (where == 0 && o->app == NULL && !o->all) {
        return cm_fail(&c->err, CM_EINVAL,
                       "freeze: say what: an App, a cluster, a group, -l LABELS, or --all for all "
                       "Apps everywhere");
    }
    if (where > 0 && o->all) {
        return cm_fail(&c->err, CM_EINVAL, "freeze: --all is everywhere: leave the other out");
    }
    if (o->reason == NULL || o->reason[0] == '\0') {
        return cm_fail(&c->err, CM_EINVAL,
                       "freeze: say why, for those who meet it: --reason 'INC-4711'");
    }
    return ctl_check_names(c);
}

static struct cm_json *body_of(struct ctl *c, int64_t until_ms) {
    struct cm_json *body = cm_json_new(c->arena, CM_OBJECT);

    cm_json_set_string(c->arena, body, "name", c->options.name);
    cm_json_set_string(c->arena, body, "app", c->options.app);
    cm_json_set_string(c->arena, body, "cluster", c->options.cluster);
    cm_json_set_string(c->arena, body, "group", c->options.group);
    cm_json_set_string(c->arena, body, "selector", c->options.selector);
    cm_json_set_string(c->arena, body, "reason", c->options.reason);
    if (until_ms != 0) {
        cm_json_set_int(c->arena, body, "untilMs", until_ms);
    }
    cm_json_set_bool(c->arena, body, "dryRun", c->options.dry_run);
    return body;
}

// ---- What became of it

static enum cm_rc find_freeze(struct ctl *c, const char *name, struct cm_json **out) {
    const struct ctl_param params[] = {{"name", name}, {NULL, NULL}};
    struct cm_json *items = NULL;
    enum cm_rc rc = ctl_list(c, "/freezes", params, 1, &items);

    if (rc == CM_OK && items->count == 0) {
        return cm_fail(&c->err, CM_ENOTFOUND, "the freeze '%.200s' has ended already", name);
    }
    *out = rc == CM_OK ? items->first : NULL;
    return rc;
}

// wait_for_stop waits a moment until all agents that can be reached have stopped.
static enum cm_rc wait_for_stop(struct ctl *c, const char *name, struct cm_json **out) {
    int64_t until_ms = cm_clock_now_ms() + STOP_MS;

    for (;;) {
        int64_t now_ms = cm_clock_now_ms();
        enum cm_rc rc = find_freeze(c, name, out);

        if (rc < 0 || now_ms > until_ms ||
            number_of(*out, "stopped") + number_of(*out, "offline") + number_of(*out, "tooOld") >=
                number_of(*out, "clusters")) {
            return rc;
        }
        ctl_pause_after(c, LOOK_MS, now_ms);
    }
}

static void tell_stopped(const struct cm_json *freeze) {
    int64_t clusters = number_of(freeze, "clusters");
    int64_t stopped = number_of(freeze, "stopped");
    int64_t offline = number_of(freeze, "offline");
    int64_t too_old = number_of(freeze, "tooOld");

    (void)printf("%lld of %lld clusters have stopped\n", (long long)stopped, (long long)clusters);
    if (offline > 0) {
        (void)printf("%lld are not connected, and stop when they are\n", (long long)offline);
    }
    if (too_old > 0) {
        (void)printf("%lld have agents that are too old to stop by themselves: they are sent "
                     "nothing new, but go on to correct drift; upgrade them\n",
                     (long long)too_old);
    }
    if (stopped + offline + too_old < clusters) {
        (void)printf("%lld have not said so yet: 'holdfast get freezes' tells how many have\n",
                     (long long)(clusters - stopped - offline - too_old));
    }
}

static void tell_git(struct ctl *c, const struct cm_json *answer) {
    if (strcmp(text_of(c, answer, "written"), "off") == 0) {
        (void)printf("the hub does not write to repository '%s': it is on the hub's record alone\n",
                     text_of(c, answer, "repository"));
    } else {
        (void)printf("the hub commits it to '%s' in repository '%s' as soon as it can\n",
                     text_of(c, answer, "path"), text_of(c, answer, "repository"));
    }
}

static int print_trial(struct ctl *c, const struct cm_json *answer) {
    const char *text = cm_json_string(cm_json_get(answer, "text"));

    if (!ctl_output_is(c, "table")) {
        return ctl_print_value(c, answer) < 0 ? CTL_ERROR : CTL_DONE;
    }
    (void)printf("this would freeze %s: %lld clusters\n%s:\n%s", text_of(c, answer, "what"),
                 (long long)number_of(answer, "clusters"), text_of(c, answer, "path"),
                 text == NULL ? "" : ctl_lines(c->arena, text));
    return CTL_DONE;
}

static int finish(struct ctl *c, const struct cm_json *answer) {
    struct cm_json *freeze = NULL;
    bool table = ctl_output_is(c, "table");

    if (table) {
        (void)printf("frozen as '%s': %s\n", text_of(c, answer, "name"),
                     text_of(c, answer, "what"));
        (void)fflush(stdout);
    }
    if (wait_for_stop(c, text_of(c, answer, "name"), &freeze) < 0) {
        return CTL_ERROR;
    }
    if (!table) {
        return ctl_print_value(c, freeze) < 0 ? CTL_ERROR : CTL_DONE;
    }
    tell_stopped(freeze);
    tell_git(c, answer);
    return CTL_DONE;
}

int ctl_freeze(struct ctl *c) {
    struct cm_json *answer = NULL;
    int64_t until_ms = 0;

    if (ctl_target_read(c) < 0 || check_what(c) < 0 || read_end(c, &until_ms) < 0 ||
        ctl_call(c, "POST", "/freezes", NULL, body_of(c, until_ms), &answer) < 0) {
        return CTL_ERROR;
    }
    return c->options.dry_run ? print_trial(c, answer) : finish(c, answer);
}

// ---- unfreeze

static void tell_end(struct ctl *c, const struct cm_json *answer) {
    (void)printf("this would end '%s': %s, %lld clusters; what waits there would be applied\n",
                 text_of(c, answer, "name"), text_of(c, answer, "what"),
                 (long long)number_of(answer, "clusters"));
    if (strcmp(text_of(c, answer, "written"), "off") != 0) {
        (void)printf("the hub would remove '%s' from repository '%s'\n", text_of(c, answer, "path"),
                     text_of(c, answer, "repository"));
    }
}

static enum cm_rc end_one(struct ctl *c, const char *name) {
    CM_AUTOFREE char *escaped = cm_http_escape(name);
    const struct ctl_param params[] = {{"dryRun", c->options.dry_run ? "true" : NULL},
                                       {NULL, NULL}};
    struct cm_json *answer = NULL;
    enum cm_rc rc = ctl_call(c, "DELETE", cm_arena_strf(c->arena, "/freezes/%s", escaped), params,
                             NULL, &answer);

    if (rc == CM_OK && c->options.dry_run) {
        tell_end(c, answer);
    } else if (rc == CM_OK) {
        (void)printf("'%s' has ended: %s\n", text_of(c, answer, "name"),
                     text_of(c, answer, "what"));
    }
    return rc;
}

static enum cm_rc end_all(struct ctl *c) {
    struct cm_json *items = NULL;
    enum cm_rc rc = ctl_list(c, "/freezes", NULL, 0, &items);

    for (const struct cm_json *i = rc == CM_OK ? items->first : NULL; rc == CM_OK && i != NULL;
         i = i->next) {
        if (strcmp(text_of(c, i, "state"), "frozen") == 0) {
            rc = end_one(c, text_of(c, i, "name"));
        }
    }
    return rc;
}

int ctl_unfreeze(struct ctl *c) {
    if ((c->argc == 0) != c->options.all) {
        return ctl_fail(c, CM_EINVAL,
                        "say 'holdfast unfreeze NAME...', or --all: 'holdfast get freezes' lists "
                        "them");
    }
    if (c->options.all) {
        return end_all(c) < 0 ? CTL_ERROR : CTL_DONE;
    }
    for (int i = 0; i < c->argc; i++) {
        if (end_one(c, c->argv[i]) < 0) {
            return CTL_ERROR;
        }
    }
    return CTL_DONE;
}
