// handlers: what the routes do, by what they touch: read.c, stream.c,
// changes.c, writes.c, freezes.c, owners.c, tokens.c, hooks.c, past.c, health.c.
//
// Threads: the server's.
#pragma once

#include "common/err.h"

struct hub_request;

// read.c: the database, by a handle of its own
enum cm_rc hub_get_list(struct hub_request *r, struct cm_err *err);
enum cm_rc hub_get_detail(struct hub_request *r, struct cm_err *err);
enum cm_rc hub_get_openapi(struct hub_request *r, struct cm_err *err);
enum cm_rc hub_get_version(struct hub_request *r, struct cm_err *err);
enum cm_rc hub_get_summary(struct hub_request *r, struct cm_err *err);
enum cm_rc hub_get_rollout(struct hub_request *r, struct cm_err *err);
enum cm_rc hub_get_desired(struct hub_request *r, struct cm_err *err);

// stream.c: what happens from now on
enum cm_rc hub_get_watch(struct hub_request *r, struct cm_err *err);

// changes.c: the loop
enum cm_rc hub_post_sync(struct hub_request *r, struct cm_err *err);
enum cm_rc hub_post_enrollment(struct hub_request *r, struct cm_err *err);
enum cm_rc hub_delete_enrollment(struct hub_request *r, struct cm_err *err);
enum cm_rc hub_post_approval(struct hub_request *r, struct cm_err *err);

// writes.c: Git, through the loop
enum cm_rc hub_post_write(struct hub_request *r, struct cm_err *err);

// freezes.c: what is frozen, through the loop
enum cm_rc hub_post_freeze(struct hub_request *r, struct cm_err *err);
enum cm_rc hub_delete_freeze(struct hub_request *r, struct cm_err *err);

// owners.c: an agent
enum cm_rc hub_post_owners(struct hub_request *r, struct cm_err *err);

// tokens.c: the store, through the loop
enum cm_rc hub_post_token(struct hub_request *r, struct cm_err *err);
enum cm_rc hub_delete_token(struct hub_request *r, struct cm_err *err);

// hooks.c: webhooks. hub_begin_hook, called before the body is read, finds the repository and
// prepares the check of the signature. CM_ENOTFOUND.
CM_MUSTUSE enum cm_rc hub_begin_hook(struct hub_request *r, struct cm_err *err);
enum cm_rc hub_post_hook(struct hub_request *r, struct cm_err *err);

// metrics.c
enum cm_rc hub_get_metrics(struct hub_request *r, struct cm_err *err);

// debug.c
enum cm_rc hub_get_debug(struct hub_request *r, struct cm_err *err);

// fleet_health.c
enum cm_rc hub_get_fleet_health(struct hub_request *r, struct cm_err *err);

// past.c
enum cm_rc hub_get_past_show(struct hub_request *r, struct cm_err *err);
enum cm_rc hub_get_past_log(struct hub_request *r, struct cm_err *err);
enum cm_rc hub_get_past_where(struct hub_request *r, struct cm_err *err);
enum cm_rc hub_get_past_why(struct hub_request *r, struct cm_err *err);
enum cm_rc hub_get_past_diff(struct hub_request *r, struct cm_err *err);
enum cm_rc hub_get_past_objects(struct hub_request *r, struct cm_err *err);

// health.c
enum cm_rc hub_get_healthz(struct hub_request *r, struct cm_err *err);
enum cm_rc hub_get_readyz(struct hub_request *r, struct cm_err *err);
