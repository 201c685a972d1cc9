#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/throttle.h"
#include "hub/api/handlers.h"
#include "hub/api/internal.h"
#include "hub/api/request.h"
#include "hub/api/signature.h"
#include "hub/config/config.h"
#include "hub/jobs/sync.h"

// A repository of which webhooks say that it has news. However many they are, and however long the
// loop takes to hear it, one task is on its way.
struct hook {
    struct hub_sync *sync;
    const char *repository; // borrowed from the configuration
    atomic_bool told;       // the loop has not heard it yet
    struct cm_task task;
};

struct hub_hooks {
    size_t count;
    struct hook items[]; // as the repositories in the configuration
};

static void hear(void *ctx) {
    struct hook *h = ctx;
    struct cm_err ignored; // no repository leaves the configuration of a hub that runs

    h->told = false; // first: what is told from now on is news again
    (void)!hub_sync_now(h->sync, h->repository, &ignored);
}

struct hub_hooks *hub_hooks_new(struct hub_api *api) {
    const struct hub_repositories *list = api->config.repositories;
    struct hub_hooks *hooks = cm_new(1, sizeof(*hooks) + list->count * sizeof(struct hook));

    hooks->count = list->count;
    for (size_t i = 0; i < list->count; i++) {
        struct hook *h = &hooks->items[i];

        h->sync = api->config.sync;
        h->repository = list->items[i].name;
        h->task = (struct cm_task){.run = hear, .ctx = h};
    }
    return hooks;
}

void hub_hooks_free(struct hub_hooks *hooks) {
    free(hooks);
}

static void tell(struct hub_api *api, const char *repository) {
    for (size_t i = 0; i < api->hooks->count; i++) {
        struct hook *h = &api->hooks->items[i];

        if (strcmp(h->repository, repository) == 0 && !atomic_exchange(&h->told, true)) {
            cm_loop_post_first(api->config.loop, &h->task);
        }
    }
}

static const struct hub_repository *find_repository(const struct hub_repositories *list,
                                                    const char *name) {
    for (size_t i = 0; i < list->count; i++) {
        const struct hub_repository *r = &list->items[i];

        if (strcmp(r->name, name) == 0 && r->webhook_secret != NULL &&
            r->webhook_secret[0] != '\0') {
            return r;
        }
    }
    return NULL;
}

// The forge of "github/fleet".
static enum hub_forge forge_of(struct hub_request *r, const char **out_name) {
    const char *slash = strchr(r->arg, '/');

    if (slash == NULL) {
        return HUB_FORGES;
    }
    *out_name = slash + 1;
    return hub_forge_find(cm_arena_strndup(r->arena, r->arg, (size_t)(slash - r->arg)));
}

enum cm_rc hub_begin_hook(struct hub_request *r, struct cm_err *err) {
    const char *name = NULL;
    enum hub_forge forge = forge_of(r, &name);
    const struct hub_repository *found =
        forge == HUB_FORGES ? NULL : find_repository(r->api->config.repositories, name);

    if (found == NULL) {
        return cm_fail(err, CM_ENOTFOUND,
                       "no repository takes webhooks at '%.200s': it needs a webhookSecretFile",
                       r->uri.path);
    }
    r->repository = found->name;
    r->signature = hub_signature_begin(forge, found->webhook_secret);
    return CM_OK;
}

static void refuse(struct hub_request *r) {
    bool within = cm_throttle_take(r->api->wrong_tokens, r->address, cm_clock_now_ms());

    if (within) {
        cm_log(CM_LOG_WARN, "api.hook_refused", "a webhook's signature is wrong or missing",
               "repository", r->repository, "address", r->address, NULL);
    }
    hub_answer_problem(r, within ? 401 : 429, "the signature is wrong or missing");
    r->answer.retry_s = within ? 0 : 60;
}

enum cm_rc hub_post_hook(struct hub_request *r, struct cm_err *err) {
    const char *name = NULL;
    enum hub_forge forge = forge_of(r, &name);

    (void)err;
    if (!hub_signature_end(CM_TAKE(r->signature), hub_request_header(r, hub_forge_header(forge)))) {
        refuse(r);
        return CM_OK;
    }
    // Nobody waits for a loop that has ten thousand agents to serve: what was told lasts no longer
    // than the hub runs anyway, and the next one begins with fetching everything.
    tell(r->api, r->repository);
    hub_answer_empty(r, 202);
    return CM_OK;
}
