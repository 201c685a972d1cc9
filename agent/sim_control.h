// sim_control: a Unix socket (0600) through which tests and the demo cause faults, line by line.
//
// One thread serves one connection after the other; each line is run on the loop and answered with
// a line. See sim_fleet.h for the commands.
//
// Threads: start and stop from the owner; `run` is called on the loop.
#pragma once

#include "common/err.h"

struct cm_loop;
struct cm_str;
struct sim_control;

CM_MUSTUSE enum cm_rc sim_control_start(struct cm_loop *loop, const char *path,
                                        void (*run)(void *ctx, const char *line,
                                                    struct cm_str *answer),
                                        void *ctx, struct sim_control **out, struct cm_err *err);

// sim_control_stop ends the thread, also while the loop no longer runs. NULL is fine.
void sim_control_stop(struct sim_control *c);

// sim_control_send gives one line to the process that listens at `path` and prints its answer; for
// scripts. It blocks. CM_EINVAL: the answer was an error, which is then the message.
CM_MUSTUSE enum cm_rc sim_control_send(const char *path, const char *line, struct cm_err *err);
