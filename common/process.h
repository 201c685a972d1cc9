// process: the metrics that every exporter has: what this process uses, and which build it is.
//
// Names and meanings are those of Prometheus' client libraries, so that dashboards made for any
// program show ours.
//
// Threads: new from one thread at start; update from any.
#pragma once

#include <stdint.h>

struct cm_metrics;
struct cm_process;

// cm_process_new makes process_* and holdfast_build_info.
struct cm_process *cm_process_new(struct cm_metrics *m);
void cm_process_free(struct cm_process *p); // NULL is fine

// cm_process_update reads /proc; before the metrics are written. It takes under a millisecond, and
// longer with very many open files.
void cm_process_update(struct cm_process *p);
