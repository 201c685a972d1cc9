#include "common/mem.h"
#include "hub/api/change.h"
#include "hub/api/handlers.h"
#include "hub/api/internal.h"
#include "hub/api/request.h"
#include "hub/jobs/sync.h"

static const char text_type[] = "text/plain; charset=utf-8";

enum cm_rc hub_get_healthz(struct hub_request *r, struct cm_err *err) {
    (void)err;
    hub_answer_text(r, 200, text_type, "ok\n");
    return CM_OK;
}

// Asked of the loop, so that it also shows that the loop runs.
static void begin_ready(struct hub_change *c) {
    struct cm_err err = {.code = CM_OK};

    if (!hub_sync_is_ready(c->api->config.sync)) {
        (void)cm_fail(&err, CM_EBUSY, "not every repository was read since the start yet");
    }
    hub_change_done(c, &err, 200, cm_strdup("ok\n"));
}

enum cm_rc hub_get_readyz(struct hub_request *r, struct cm_err *err) {
    (void)err;
    hub_change_new(r, begin_ready)->type = text_type;
    return CM_OK;
}
