// write.c: `holdfast suspend`, `resume`, `confirm`, `hold`, `retry`, `ban`, `unban` and `ignore`:
// the hub commits what shall be so.
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
#include "hub/ctl/verbs.h"
#include "hub/ctl/words.h"

#define LOOK_MS 200

static const char *text_of(struct ctl *c, const struct cm_json *answer, const char *member) {
    const char *text = cm_json_string(cm_json_get(answer, member));

    return text == NULL ? "" : ctl_one_line(c->arena, text);
}

static bool is_state(const struct cm_json *answer, const char *state) {
    const char *text = cm_json_string(cm_json_get(answer, "state"));

    return text != NULL && strcmp(text, state) == 0;
}

static void print_diff(struct ctl *c, const struct cm_json *answer) {
    const char *diff = cm_json_string(cm_json_get(answer, "diff"));

    (void)fputs(diff != NULL ? ctl_lines(c->arena, diff) : "", stdout);
    (void)fflush(stdout);
}

// fail_off tells what to do where the hub may not write; what to commit was printed.
static int fail_off(struct ctl *c, const struct cm_json *answer) {
    return ctl_fail(c, CM_EAUTH,
                    "the hub does not write to repository '%.100s': commit this change to '%.200s' "
                    "yourself, or let it with 'write: direct' in its file of repositories",
                    text_of(c, answer, "repository"), text_of(c, answer, "path"));
}

// ---- --wait

// find_write looks at what became of it.
static enum cm_rc find_write(struct ctl *c, const char *id, struct cm_json **out) {
    const struct ctl_param params[] = {{"id", id}, {NULL, NULL}};
    struct cm_json *items = NULL;
    enum cm_rc rc = ctl_list(c, "/writes", params, 1, &items);

    if (rc == CM_OK && items->count == 0) {
        return cm_fail(&c->err, CM_ENOTFOUND, "the hub does not know of it any more");
    }
    *out = rc == CM_OK ? items->first : NULL;
    return rc;
}

static bool is_resolved(struct ctl *c, const char *revision) {
    struct ctl_progress now;

    return revision[0] == '\0' || (ctl_progress_look(c, revision, &now) == CM_OK && now.resolved);
}

static int give_up(struct ctl *c, const struct cm_json *write) {
    const char *why = write != NULL ? text_of(c, write, "message") : "";

    (void)ctl_fail(c, CM_EBUSY, "not in time: it is not in Git yet%s%s; the hub goes on trying",
                   why[0] != '\0' ? ": " : "", why);
    return CTL_NO;
}

// wait_for_write waits until the commit is in Git and the hub has taken it in, or is in a pull
// request.
static int wait_for_write(struct ctl *c, const char *id, struct cm_json **out) {
    int64_t until_ms = cm_clock_now_ms() + ctl_wait_timeout(c);

    for (;;) {
        int64_t now_ms = cm_clock_now_ms();
        enum cm_rc rc = find_write(c, id, out);

        if (rc < 0 && !ctl_may_pass(rc)) {
            return CTL_ERROR;
        }
        if (rc == CM_OK && is_state(*out, "failed")) {
            return ctl_fail(c, CM_EINVAL, "%s", text_of(c, *out, "message"));
        }
        if (rc == CM_OK && is_state(*out, "waiting") &&
            text_of(c, *out, "pullRequest")[0] != '\0') {
            return CTL_DONE; // people say when it goes on
        }
        if (rc == CM_OK && is_state(*out, "done") && is_resolved(c, text_of(c, *out, "revision"))) {
            return CTL_DONE;
        }
        if (now_ms > until_ms) {
            return give_up(c, rc == CM_OK ? *out : NULL);
        }
        c->err = (struct cm_err){.code = CM_OK};
        ctl_pause_after(c, LOOK_MS, now_ms);
    }
}

static void tell_done(struct ctl *c, const struct cm_json *write) {
    const char *revision = text_of(c, write, "revision");

    if (revision[0] == '\0') {
        (void)printf("Git says so already\n");
    } else {
        (void)printf("committed as %.12s in repository '%s'\n", revision,
                     text_of(c, write, "repository"));
    }
}

// What undoes something that waits has no path yet: the file is as it shall be.
static void tell_waiting(struct ctl *c, const struct cm_json *write) {
    const char *path = text_of(c, write, "path");
    const char *pull = text_of(c, write, "pullRequest");

    if (pull[0] != '\0') {
        (void)printf("it waits to be merged: %s\n", pull);
        return;
    }
    if (cm_json_true(cm_json_get(write, "byPullRequest"))) {
        (void)printf("the hub opens a pull request of it in repository '%s': 'holdfast get write "
                     "%s'\n",
                     text_of(c, write, "repository"), text_of(c, write, "id"));
        return;
    }
    (void)printf("the hub commits it%s%s%s in repository '%s': 'holdfast get write %s'\n",
                 path[0] != '\0' ? " to '" : "", path, path[0] != '\0' ? "'" : "",
                 text_of(c, write, "repository"), text_of(c, write, "id"));
}

// ---- The verbs

static int finish(struct ctl *c, struct cm_json *answer) {
    bool table = ctl_output_is(c, "table");
    int code = CTL_DONE;

    if (table && !is_state(answer, "done") && !is_state(answer, "waiting")) {
        print_diff(c, answer);
    }
    if (c->options.wait && is_state(answer, "waiting")) {
        code = wait_for_write(c, text_of(c, answer, "id"), &answer);
        if (code != CTL_DONE) {
            return code;
        }
    }
    if (!table && ctl_print_value(c, answer) < 0) {
        return CTL_ERROR;
    }
    if (table && is_state(answer, "done")) {
        tell_done(c, answer);
    } else if (table && is_state(answer, "waiting")) {
        tell_waiting(c, answer);
    }
    return is_state(answer, "off") ? fail_off(c, answer) : CTL_DONE;
}

// post asks for a change of the verb's kind.
static int post(struct ctl *c, struct cm_json *body) {
    struct cm_json *answer = NULL;

    cm_json_set_string(c->arena, body, "kind", c->verb->name);
    cm_json_set_string(c->arena, body, "reason", c->options.reason);
    cm_json_set_bool(c->arena, body, "dryRun", c->options.dry_run);
    return ctl_call(c, "POST", "/writes", NULL, body, &answer) < 0 ? CTL_ERROR : finish(c, answer);
}

int ctl_write(struct ctl *c) {
    struct cm_json *body = cm_json_new(c->arena, CM_OBJECT);

    if (ctl_target_read(c) < 0) {
        return CTL_ERROR;
    }
    if ((c->options.app == NULL) == (c->options.cluster == NULL)) {
        return ctl_fail(c, CM_EINVAL, "%s: name one App or one cluster", c->verb->name);
    }
    if (ctl_check_names(c) < 0) {
        return CTL_ERROR;
    }
    cm_json_set_string(c->arena, body, "app", c->options.app);
    cm_json_set_string(c->arena, body, "cluster", c->options.cluster);
    return post(c, body);
}

// read_arguments puts the verb's arguments into members of the body, at least `least` of them.
static enum cm_rc read_arguments(struct ctl *c, const char *const *members, int least,
                                 struct cm_json *body) {
    int most = 0;

    while (members[most] != NULL) {
        most++;
    }
    if (c->argc < least || c->argc > most) {
        return cm_fail(&c->err, CM_EINVAL, "say 'holdfast %s %s'", c->verb->name,
                       c->verb->arguments);
    }
    for (int i = 0; i < c->argc; i++) {
        cm_json_set_string(c->arena, body, members[i], c->argv[i]);
    }
    return CM_OK;
}

// check_app proposes the nearest name where there is no such App.
static enum cm_rc check_app(struct ctl *c, const struct cm_json *body) {
    const char *app = cm_json_string(cm_json_get(body, "app"));

    c->options.app = app != NULL ? cm_arena_strdup(c->arena, app) : NULL;
    return ctl_check_names(c);
}

// set_clusters reads names with commas between them.
static void set_clusters(struct ctl *c, struct cm_json *body) {
    struct cm_json *list = cm_json_new(c->arena, CM_ARRAY);
    const char *at = c->options.clusters;

    while (at != NULL && *at != '\0') {
        size_t len = strcspn(at, ",");

        if (len > 0) {
            const char *name = cm_arena_strndup(c->arena, at, len);

            cm_json_append(list, cm_json_new_string(c->arena, name));
        }
        at += len + (at[len] == ',' ? 1 : 0);
    }
    if (list->count > 0) {
        cm_json_set(c->arena, body, "clusters", list);
    }
}

// The App may be gone from Git, so its name is not looked up here. Without one the hub says which
// wait.
int ctl_confirm(struct ctl *c) {
    static const char *const members[] = {"app", "removal", NULL};
    struct cm_json *body = cm_json_new(c->arena, CM_OBJECT);

    return read_arguments(c, members, 0, body) < 0 ? CTL_ERROR : post(c, body);
}

int ctl_hold(struct ctl *c) {
    static const char *const members[] = {"app", "image", NULL};
    struct cm_json *body = cm_json_new(c->arena, CM_OBJECT);

    if (read_arguments(c, members, 2, body) < 0 || check_app(c, body) < 0) {
        return CTL_ERROR;
    }
    set_clusters(c, body);
    return post(c, body);
}

int ctl_retry(struct ctl *c) {
    static const char *const members[] = {"app", "hold", NULL};
    struct cm_json *body = cm_json_new(c->arena, CM_OBJECT);

    if (read_arguments(c, members, 1, body) < 0 || check_app(c, body) < 0) {
        return CTL_ERROR;
    }
    set_clusters(c, body);
    return post(c, body);
}

int ctl_ban(struct ctl *c) {
    static const char *const members[] = {"image", "name", NULL};
    struct cm_json *body = cm_json_new(c->arena, CM_OBJECT);

    if (read_arguments(c, members, 1, body) < 0 || ctl_check_names(c) < 0) {
        return CTL_ERROR;
    }
    cm_json_set_string(c->arena, body, "app", c->options.app);
    cm_json_set_string(c->arena, body, "versions", c->options.versions);
    cm_json_set_string(c->arena, body, "repository", c->options.repository);
    return post(c, body);
}

int ctl_unban(struct ctl *c) {
    static const char *const members[] = {"name", NULL};
    struct cm_json *body = cm_json_new(c->arena, CM_OBJECT);

    return read_arguments(c, members, 1, body) < 0 ? CTL_ERROR : post(c, body);
}

int ctl_capture(struct ctl *c) {
    static const char *const members[] = {"app", NULL};
    struct cm_json *body = cm_json_new(c->arena, CM_OBJECT);

    if (read_arguments(c, members, 1, body) < 0 || check_app(c, body) < 0) {
        return CTL_ERROR;
    }
    if (c->options.cluster == NULL) {
        return ctl_fail(c, CM_EINVAL,
                        "capture: say where it was changed, as --cluster NAME ('holdfast get "
                        "drift')");
    }
    cm_json_set_string(c->arena, body, "cluster", c->options.cluster);
    cm_json_set_string(c->arena, body, "object", c->options.object);
    if (c->options.everywhere) {
        cm_json_set_bool(c->arena, body, "everywhere", true);
    }
    return post(c, body);
}

int ctl_ignore(struct ctl *c) {
    static const char *const members[] = {"app", "field", NULL};
    struct cm_json *body = cm_json_new(c->arena, CM_OBJECT);

    if (read_arguments(c, members, 2, body) < 0 || check_app(c, body) < 0) {
        return CTL_ERROR;
    }
    cm_json_set_string(c->arena, body, "object", c->options.object);
    return post(c, body);
}

int ctl_exempt(struct ctl *c) {
    static const char *const members[] = {"app", "name", NULL};
    struct cm_json *body = cm_json_new(c->arena, CM_OBJECT);
    int64_t for_ms = 0;

    if (read_arguments(c, members, 1, body) < 0 || check_app(c, body) < 0) {
        return CTL_ERROR;
    }
    if (!ctl_has_word(c->given, "for") || c->options.object == NULL || c->options.reason == NULL) {
        return ctl_fail(
            c, CM_EINVAL,
            "say of what, for how long and why: --object Deployment.apps/shop/web --for "
            "2h --reason INC-123");
    }
    if (cm_str_parse_duration(c->options.wait_for, &for_ms, &c->err) < 0) {
        return ctl_fail(c, CM_EINVAL, "--for: '%.40s' is no duration such as 2h or 30m",
                        c->options.wait_for);
    }
    set_clusters(c, body);
    cm_json_set_string(c->arena, body, "object", c->options.object);
    cm_json_set_string(c->arena, body, "field", c->options.field);
    cm_json_set_int(c->arena, body, "untilMs", cm_clock_unix_ms() + for_ms);
    cm_json_set_string(c->arena, body, "workingHours", c->options.working_hours);
    return post(c, body);
}
