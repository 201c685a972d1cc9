// run: a request about a source, from the files that it names to the answer of the child.
//
// Threads: any; blocks.
#pragma once

#include "hub/repo/exchange.h"

// hub_request_run fills in what the source and the job say, runs the request in a child, and sweeps
// after one that was killed. source NULL: none is needed.
CM_MUSTUSE enum cm_rc hub_request_run(const struct hub_repo_source *source,
                                      const struct hub_repo_job *job, struct hub_request *request,
                                      struct hub_answer *answer, struct cm_err *err);
