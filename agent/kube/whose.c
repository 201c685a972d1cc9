// Whose an object is that is not ours, without changing anything.
#include <stdlib.h>
#include <string.h>

#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "agent/kube/status.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/owner.h"

struct asking {
    struct agent_kube *k;
    char *key;
    char *default_namespace;
    agent_owner_fn done;
    void *ctx;
    struct cm_task task; // where there is nothing to ask for
};

static void finish(struct asking *a, const char *owner, const struct cm_err *error) {
    a->done(a->ctx, owner, error);
    free(a->key);
    free(a->default_namespace);
    free(a);
}

static void fail(struct asking *a, const struct kube_answer *answer) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    struct kube_asked asked = {.verbs = "get", .ns = ""};
    struct cm_err err;

    asked.resource = kube_resolve(a->k, arena, a->key, a->default_namespace, NULL, &asked.ns);
    (void)kube_answer_error(answer, &asked, &err);
    finish(a, "", &err);
}

static void on_answer(void *ctx, const struct kube_answer *answer) {
    static const struct cm_err ok = {.code = CM_OK};
    struct asking *a = ctx;
    char owner[CM_OWNER_MAX] = "";

    if (answer->status != 404 && (!kube_answer_ok(answer) || answer->json == NULL)) {
        fail(a, answer);
        return;
    }
    if (answer->status != 404) {
        (void)cm_object_owner_find(answer->json, a->k->applyset.id, owner);
    }
    finish(a, owner, &ok);
}

// is_unasked: no object of a kind that is not there is anybody's.
static void is_unasked(void *ctx) {
    struct asking *a = ctx;
    struct cm_err err = {.code = CM_OK};

    if (a->k->resources == NULL || a->k->reach != KUBE_UP) {
        (void)cm_fail(&err, CM_EIO, "the agent does not reach the API server");
    }
    finish(a, "", &err);
}

void kube_whose(struct agent_kube *k, const char *key, const char *default_namespace,
                agent_owner_fn done, void *ctx) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    struct asking *a = cm_new(1, sizeof(*a));
    const char *ns = "";

    *a = (struct asking){.k = k,
                         .key = cm_strdup(key),
                         .default_namespace = cm_strdup(default_namespace),
                         .done = done,
                         .ctx = ctx,
                         .task = {.run = is_unasked, .ctx = a}};
    const struct kube_resource *resource =
        kube_resolve(k, arena, key, default_namespace, NULL, &ns);
    if (resource == NULL || k->reach != KUBE_UP || k->stopping) {
        cm_loop_post(k->loop, &a->task);
        return;
    }
    CM_AUTOFREE char *path = kube_resource_path(resource, ns, kube_key_name(key));
    struct kube_request request = {.method = "GET", .path = path, .done = on_answer, .ctx = a};
    (void)kube_call(k, &request);
}
