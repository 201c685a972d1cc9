// action: verbs with a second word: `token create`, `context use`.
//
// Threads: one.
#pragma once

#include <stddef.h>

struct ctl;

struct ctl_action {
    const char *name;
    int arguments; // how many words follow
    const char *usage;
    const char *also; // other words that people say for it, each between blanks; NULL: none
    int (*run)(struct ctl *c); // c->argv[0] is the action
};

// ctl_action_run runs what the first argument names, the first action without arguments; the
// nearest is proposed if there is none of this name.
int ctl_action_run(struct ctl *c, const struct ctl_action *actions, size_t count);
