// spawn: runs one request in a child process and brings back the answer.
//
// Threads: any; blocks until the child is gone.
#pragma once

#include "hub/repo/exchange.h"

// hub_spawn starts this program again as a child, hands it the request, and waits for its answer,
// the deadline or cancel_fd (-1: none). When it returns there is no child any more. It fails when
// no answer came: then *trouble says why. An answer may itself tell of a failure.
CM_MUSTUSE enum cm_rc hub_spawn(const struct hub_request *request, int cancel_fd,
                                struct hub_answer *out, enum hub_repo_trouble *trouble,
                                struct cm_err *err);
