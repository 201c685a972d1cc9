// sync.c: `holdfast sync`: fetch now, compare again now.
#include <stdio.h>

#include "common/json.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"

int ctl_sync(struct ctl *c) {
    struct cm_json *body = cm_json_new(c->arena, CM_OBJECT);
    struct cm_json *answer = NULL;

    cm_json_set_string(c->arena, body, "repository", c->options.repository);
    cm_json_set_string(c->arena, body, "app", c->options.app);
    cm_json_set_string(c->arena, body, "cluster", c->options.cluster);
    if (ctl_call(c, "POST", "/sync", NULL, body, &answer) < 0) {
        return CTL_ERROR;
    }
    (void)printf("fetching; %lld agents were asked to compare again\n",
                 (long long)cm_json_int(cm_json_get(answer, "agents"), 0));
    return c->options.wait ? ctl_wait(c) : CTL_DONE;
}
