// version.c: `holdfast version`: ours, and the hub's if one is named.
#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"

int ctl_version(struct ctl *c) {
    struct cm_json *answer = NULL;
    bool has_server = c->hub.server != NULL && c->hub.server[0] != '\0';

    if (!c->options.server_only) {
        (void)printf("holdfast %s\n", HOLDFAST_VERSION);
    }
    if (!has_server && !c->options.server_only) {
        return CTL_DONE;
    }
    if (ctl_call(c, "GET", "/version", NULL, NULL, &answer) < 0) {
        return CTL_ERROR;
    }
    const char *version = cm_json_string(cm_json_get(answer, "version"));
    const char *hub = cm_json_string(cm_json_get(answer, "hubId"));
    (void)printf("hub %s (%s)\n", version == NULL ? "?" : version, hub == NULL ? "?" : hub);
    return CTL_DONE;
}
