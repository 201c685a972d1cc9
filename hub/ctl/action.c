#include "hub/ctl/action.h"

#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/verbs.h"
#include "hub/ctl/words.h"

#define ACTIONS_MAX 8

static const char *meant_by(const char *word, const struct ctl_action *actions, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (actions[i].also != NULL && ctl_has_word(actions[i].also, word)) {
            return actions[i].name;
        }
    }
    return NULL;
}

static int fail_action(struct ctl *c, const struct ctl_action *actions, size_t count) {
    CM_CLEANUP(cm_str_done) struct cm_str list = {0};
    const char *names[ACTIONS_MAX];
    const char *verb = c->verb->name;

    for (size_t i = 0; i < count && i < ACTIONS_MAX; i++) {
        names[i] = actions[i].name;
        cm_str_addf(&list, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", names[i]);
    }
    const char *meant = meant_by(c->argv[0], actions, count);
    const char *nearest = meant != NULL ? meant : cm_str_nearest(c->argv[0], names, count);
    if (nearest != NULL) {
        return ctl_fail(c, CM_EINVAL, "there is no '%s %.40s'; did you mean '%s %s'?", verb,
                        c->argv[0], verb, nearest);
    }
    return ctl_fail(c, CM_EINVAL, "there is no '%s %.40s'; use %s", verb, c->argv[0],
                    cm_str_get(&list));
}

int ctl_action_run(struct ctl *c, const struct ctl_action *actions, size_t count) {
    if (c->argc == 0) {
        return actions[0].run(c);
    }
    for (size_t i = 0; i < count; i++) {
        const struct ctl_action *action = &actions[i];

        if (strcmp(action->name, c->argv[0]) != 0) {
            continue;
        }
        if (c->argc - 1 != action->arguments) {
            return ctl_fail(c, CM_EINVAL, "say 'holdfast %s %s%s%s'", c->verb->name, action->name,
                            action->usage[0] == '\0' ? "" : " ", action->usage);
        }
        return action->run(c);
    }
    return fail_action(c, actions, count);
}
