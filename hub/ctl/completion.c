// completion.c: `holdfast completion`: the script that makes a shell complete.
#include <stdio.h>
#include <string.h>

#include "hub/ctl/action.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/scripts.h"

static int print(const char *script) {
    (void)fputs(script, stdout);
    return CTL_DONE;
}

static int print_bash(struct ctl *c) {
    (void)c;
    return print(ctl_bash);
}

static int print_zsh(struct ctl *c) {
    (void)c;
    return print(ctl_zsh);
}

static int print_fish(struct ctl *c) {
    (void)c;
    return print(ctl_fish);
}

int ctl_completion(struct ctl *c) {
    static const struct ctl_action actions[] = {{"bash", 0, "", NULL, print_bash},
                                                {"zsh", 0, "", NULL, print_zsh},
                                                {"fish", 0, "", NULL, print_fish}};

    if (c->argc == 0) {
        return ctl_fail(c, CM_EINVAL, "for which shell? bash, zsh or fish");
    }
    return ctl_action_run(c, actions, sizeof(actions) / sizeof(actions[0]));
}
