#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/throttle.h"
#include "hub/api/change.h"
#include "hub/api/handlers.h"
#include "hub/api/internal.h"
#include "hub/api/request.h"
#include "hub/api/signature.h"
#include "hub/config/config.h"
#include "hub/jobs/sync.h"

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

static void begin_fetch(struct hub_change *c) {
    struct cm_err err = {.code = CM_OK};

    if (hub_sync_now(c->api->config.sync, c->repository, &err) == CM_OK) {
        err.code = CM_OK;
    }
    hub_change_done(c, &err, 202, NULL);
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
    // However many there are, hub_sync_now makes one fetch of those that wait.
    hub_change_new(r, begin_fetch)->repository = cm_strdup(r->repository);
    return CM_OK;
}
