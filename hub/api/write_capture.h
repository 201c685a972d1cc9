// write_capture: what of an object somebody changed by hand, as the arguments of a capture.
//
// Threads: the server's.
#pragma once

#include "common/err.h"

struct cm_json;
struct hub_change;
struct hub_db;
struct hub_request;

// hub_write_capture finds in the database what differs of an App's object on a cluster (`object` of
// the body; needed where several do) and adds that to the arguments. CM_EINVAL, CM_ENOTFOUND.
CM_MUSTUSE enum cm_rc hub_write_capture(struct hub_request *r, struct hub_change *c,
                                        struct hub_db *db, const struct cm_json *body,
                                        struct cm_json *args, struct cm_err *err);
