#include "common/object/who.h"

#include <stddef.h>
#include <string.h>

#include "common/arena.h"

#define ACCOUNT "system:serviceaccount:"
#define VERIFIED " (verified)"
#define CONTROL_PLANE "system:kube-controller-manager"

// Controllers that decide about releases or scale, what their ServiceAccounts' names have in them
// (with a colon: the namespace that they are of), and the user that may be one without.
static const struct controller {
    const char *manager;
    const char *account;
    const char *user; // NULL: none
} controllers[] = {
    {"flagger", "flagger", NULL},
    {"rollouts-controller", "rollouts", NULL},
    {"kube-controller-manager", "kube-system:", CONTROL_PLANE},
    {"keda", "keda", NULL},
    {"keda-operator", "keda", NULL},
};

// is_account tells whether a ServiceAccount is one of a controller's. A namespace of that name
// makes none: people call theirs after what they run.
static bool is_account(const struct controller *c, const char *account) {
    if (strchr(c->account, ':') != NULL) {
        return strncmp(account, c->account, strlen(c->account)) == 0;
    }
    const char *name = strrchr(account, ':');
    return name != NULL && strstr(name, c->account) != NULL;
}

static bool is_controller(const struct controller *c, const char *user) {
    if (strncmp(user, ACCOUNT, strlen(ACCOUNT)) == 0) {
        return is_account(c, user + strlen(ACCOUNT));
    }
    return c->user != NULL && strcmp(user, c->user) == 0;
}

bool cm_who_lies(const char *manager, const char *user) {
    for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++) {
        if (user[0] != '\0' && strcmp(controllers[i].manager, manager) == 0) {
            return !is_controller(&controllers[i], user);
        }
    }
    return false;
}

const char *cm_who_text(struct cm_arena *a, const char *manager, const char *user) {
    if (cm_who_lies(manager, user)) {
        return cm_arena_strf(a, "%s (verified; claims to be %s)", user, manager);
    }
    if (user[0] != '\0') {
        return cm_arena_strf(a, "%s" VERIFIED, user);
    }
    return manager[0] == '\0' ? "unknown" : cm_arena_strf(a, "%s (claimed)", manager);
}

const char *cm_who_actor(struct cm_arena *a, const char *manager, const char *user) {
    bool plain = user[0] == '\0' && strchr(manager, '(') == NULL;

    return plain ? manager : cm_who_text(a, manager, user);
}

// is_itself tells whether a controller is said to have done something, by its manager's name or as
// the user that it is.
static bool is_itself(struct cm_arena *a, const struct controller *c, const char *actor) {
    size_t size = strlen(actor);
    size_t word = strlen(VERIFIED);
    bool verified = size > word && strcmp(actor + size - word, VERIFIED) == 0;

    return strcmp(actor, c->manager) == 0 ||
           (verified && is_controller(c, cm_arena_strndup(a, actor, size - word)));
}

const char *cm_who_else(struct cm_arena *a, const char *actor) {
    for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++) {
        if (is_itself(a, &controllers[i], actor)) {
            return "";
        }
    }
    return actor[0] == '\0' || strchr(actor, '(') != NULL ? actor : cm_who_text(a, actor, "");
}
