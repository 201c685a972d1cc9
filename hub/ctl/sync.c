// sync.c: `holdfast sync`: fetch now, apply again now.
#include <stdio.h>

#include "common/clock.h"
#include "common/json.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/names.h"
#include "hub/ctl/print.h"

#define LOOK_MS 100

static void tell(const struct ctl *c, const struct cm_json *answer) {
    int64_t agents = cm_json_int(cm_json_get(answer, "agents"), 0);

    if (c->options.app == NULL && c->options.cluster == NULL) {
        (void)printf("fetching\n");
    } else {
        (void)printf("fetching; %lld %s asked to apply again\n", (long long)agents,
                     agents == 1 ? "agent was" : "agents were");
    }
    (void)fflush(stdout);
}

// find_unchecked returns a repository that was not fetched since then, NULL if there is none, or
// fails with what keeps one from being fetched. *out_some: there is a repository.
static enum cm_rc find_unchecked(struct ctl *c, int64_t asked_ms, const char **out,
                                 bool *out_some) {
    const struct ctl_param params[] = {{"name", c->options.repository}, {NULL, NULL}};
    struct cm_json *items = NULL;
    enum cm_rc rc = ctl_list(c, "/repositories", params, 0, &items);

    *out = NULL;
    for (const struct cm_json *at = rc < 0 ? NULL : items->first; at != NULL; at = at->next) {
        const char *failure = cm_json_string(cm_json_get(at, "failure"));

        *out_some = true;
        if (cm_json_int(cm_json_get(at, "checkedMs"), 0) < asked_ms) {
            *out = cm_json_string(cm_json_get(at, "name"));
        } else if (failure != NULL && failure[0] != '\0') {
            return cm_fail(&c->err, CM_EIO, "%s", ctl_one_line(c->arena, failure));
        }
    }
    return rc;
}

// wait_for_fetches waits until what was asked for is fetched and taken in.
static int wait_for_fetches(struct ctl *c, int64_t asked_ms) {
    int64_t timeout_ms = ctl_wait_timeout(c);
    int64_t began_ms = cm_clock_now_ms();
    const char *unchecked = NULL;
    bool some = false;

    while (find_unchecked(c, asked_ms, &unchecked, &some) == CM_OK && some) {
        int64_t now_ms = cm_clock_now_ms();

        if (unchecked == NULL) {
            return CTL_DONE;
        }
        if (now_ms - began_ms > timeout_ms) {
            (void)ctl_fail(c, CM_EBUSY, "not in time: repository '%s' is still being fetched",
                           ctl_one_line(c->arena, unchecked));
            return CTL_NO;
        }
        ctl_pause_after(c, LOOK_MS, now_ms);
    }
    return c->err.code != CM_OK ? CTL_ERROR : CTL_DONE;
}

int ctl_sync(struct ctl *c) {
    struct cm_json *body = cm_json_new(c->arena, CM_OBJECT);
    struct cm_json *answer = NULL;

    if (ctl_target_read(c) < 0) {
        return CTL_ERROR;
    }
    cm_json_set_string(c->arena, body, "repository", c->options.repository);
    cm_json_set_string(c->arena, body, "app", c->options.app);
    cm_json_set_string(c->arena, body, "cluster", c->options.cluster);
    if (ctl_check_names(c) < 0 || ctl_call(c, "POST", "/sync", NULL, body, &answer) < 0) {
        return CTL_ERROR;
    }
    if (ctl_output_is(c, "table")) {
        tell(c, answer);
    } else if (!c->options.wait && ctl_print_value(c, answer) < 0) {
        return CTL_ERROR;
    }
    if (!c->options.wait) {
        return CTL_DONE;
    }
    int code = wait_for_fetches(c, cm_json_int(cm_json_get(answer, "askedMs"), 0));
    return code == CTL_DONE ? ctl_wait_as_told(c) : code;
}
