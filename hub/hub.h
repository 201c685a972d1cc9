// hub: all parts of the daemon, put together and taken apart in order.
//
// Threads: the owner's; hub_run runs the loop on it.
#pragma once

#include "common/err.h"

struct hub;
struct hub_config;

// hub_open brings everything up but serves nobody yet. On failure nothing is left behind.
CM_MUSTUSE enum cm_rc hub_open(const struct hub_config *config, struct hub **out,
                               struct cm_err *err);

// hub_run serves until SIGTERM or SIGINT, then closes connections and ends what runs.
CM_MUSTUSE enum cm_rc hub_run(struct hub *h, struct cm_err *err);
void hub_close(struct hub *h); // NULL is fine
