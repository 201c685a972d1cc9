// write_kinds: what the kinds of writes need to know, beside what is asked.
//
// Where the documents are says the database; what shall be in them is made of what it holds
// (hub/jobs/made.h).
//
// Threads: the server's.
#pragma once

#include "common/err.h"

struct cm_json;
struct hub_change;
struct hub_request;

// hub_write_kind_prepare finds the repository of a change and what the writer wants to know. The
// kind may become another one: what a person held is not retried, its file goes.
CM_MUSTUSE enum cm_rc hub_write_kind_prepare(struct hub_request *r, struct hub_change *c,
                                             const struct cm_json *body, struct cm_json *args,
                                             struct cm_err *err);
