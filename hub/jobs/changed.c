#include "hub/jobs/changed.h"

#include "hub/store/status.h"

static void take(void *ctx, const struct hub_drift_seen *seen) {
    const struct hub_capture_seen field = {.cluster = seen->row.cluster,
                                           .app = seen->row.app,
                                           .repo = seen->repo,
                                           .way = seen->way,
                                           .key = seen->row.key,
                                           .path = seen->row.path,
                                           .desired = seen->row.desired,
                                           .actual = seen->row.actual,
                                           .manager = seen->row.manager,
                                           .user = seen->row.user,
                                           .more = seen->more};

    hub_capture_gather(ctx, &field);
}

enum cm_rc hub_changed_find(struct hub_db *db, const char *app, const char *cluster, size_t most,
                            struct hub_capture_list *out, struct cm_err *err) {
    return hub_drift_foreign(db, app, cluster, most, take, out, err);
}
