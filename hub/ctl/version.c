// version.c: `holdfast version`: ours, and the hub's if one is named.
#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/print.h"

static const char *text_of(const struct cm_json *answer, const char *member) {
    const char *text = cm_json_string(cm_json_get(answer, member));

    return text == NULL ? "?" : text;
}

static int print_tree(struct ctl *c, struct cm_json *hub) {
    struct cm_json *both = cm_json_new(c->arena, CM_OBJECT);

    if (!c->options.server_only) {
        cm_json_set_string(c->arena, both, "version", HOLDFAST_VERSION);
    }
    if (hub != NULL) {
        cm_json_set(c->arena, both, "hub", hub);
    }
    return ctl_print_value(c, both) < 0 ? CTL_ERROR : CTL_DONE;
}

int ctl_version(struct ctl *c) {
    struct cm_json *answer = NULL;
    bool has_server = c->hub.server != NULL && c->hub.server[0] != '\0';

    if (!c->options.server_only && !ctl_output_is_tree(c)) {
        (void)printf("holdfast %s\n", HOLDFAST_VERSION);
    }
    if ((has_server || c->options.server_only) &&
        ctl_call(c, "GET", "/version", NULL, NULL, &answer) < 0) {
        return CTL_ERROR;
    }
    if (ctl_output_is_tree(c)) {
        return print_tree(c, answer);
    }
    if (answer != NULL) {
        (void)printf("hub %s (%s)\n", text_of(answer, "version"), text_of(answer, "hubId"));
    }
    return CTL_DONE;
}
