// sync.c: `holdfast sync`: fetch now, apply again now.
#include <stdio.h>

#include "common/json.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/names.h"
#include "hub/ctl/print.h"

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
    return c->options.wait ? ctl_wait_as_told(c) : CTL_DONE;
}
