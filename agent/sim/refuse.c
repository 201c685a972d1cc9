// What the simulated API server refuses because of how the object is.
#include <string.h>

#include "agent/sim/internal.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/diff.h"

enum { LOOKED_AT = 100 };

static struct cm_json *parse(struct cm_arena *a, const struct cm_buf *bytes) {
    struct cm_json *tree = NULL;
    struct cm_err err;

    return cm_json_parse(a, (const char *)bytes->data, bytes->size, NULL, &tree, &err) < 0 ? NULL
                                                                                           : tree;
}

const struct sim_change *sim_changed_by(const struct sim_object *o, const char *path) {
    for (const struct sim_change *c = o->changes; c != NULL; c = c->next) {
        size_t len = strlen(c->path);

        if (strncmp(path, c->path, len) == 0 || strncmp(c->path, path, strlen(path)) == 0) {
            return c;
        }
    }
    return NULL;
}

static bool is_by_hand(const struct sim_change *change) {
    return strncmp(change->manager, "kubectl", strlen("kubectl")) == 0 ||
           strcmp(change->manager, "helm") == 0;
}

bool sim_was_made_by_hand(const struct sim_object *o) {
    bool by_hand = false;

    for (const struct sim_change *c = o->changes; c != NULL; c = c->next) {
        by_hand |= c->path[0] == '\0' && is_by_hand(c);
    }
    return by_hand;
}

enum cm_rc sim_check_conflicts(const struct sim_object *o, const struct cm_buf *desired,
                               struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_differences found = {0};
    struct cm_json *want = parse(a, desired);
    struct cm_json *have = parse(a, o->live);

    if (want == NULL || have == NULL) {
        return CM_OK; // others complain
    }
    cm_object_diff(a, want, have, LOOKED_AT, &found);
    for (size_t i = 0; i < found.count; i++) {
        const struct sim_change *by = sim_changed_by(o, found.items[i].path);

        bool taken_over = o->core_key == NULL && by != NULL && is_by_hand(by);

        if (by != NULL && !taken_over && found.items[i].actual != NULL) {
            return cm_fail(err, CM_EINVAL,
                           "%.200s is set by '%.100s': take it out of the manifest, or write "
                           "'conflicts: force' in the App",
                           found.items[i].path, by->manager);
        }
    }
    return CM_OK;
}

bool sim_is_fixed(const struct sim_object *o, const struct cm_buf *desired, const char **field) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_json *want = parse(a, desired);
    const struct cm_json *have = parse(a, o->live);

    if (strncmp(o->key, "Deployment.apps/", strlen("Deployment.apps/")) != 0) {
        return false;
    }
    want = cm_json_path(want, "spec", "selector", NULL);
    have = cm_json_path(have, "spec", "selector", NULL);
    *field = "spec.selector";
    return want != NULL && have != NULL && !cm_json_equal(want, have);
}
