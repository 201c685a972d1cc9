// metrics: how an agent is, in a file that node_exporter's textfile collector reads
// (--metrics-file), in Prometheus' text format.
//
// A file and no port: most agents are where nobody can connect to them, and what does not listen
// cannot be attacked. It is replaced as a whole now and then, and removed at the end, so that what
// is there is of a running agent; its time says since when.
//
// Threads: the loop; the file is written on the disk workers.
#pragma once

struct agent;
struct agent_metrics;
struct cm_loop;
struct cm_workers;

// agent_metrics_start begins to write; `agent` and `path` are borrowed. A file that cannot be
// written is logged once, and tried again.
struct agent_metrics *agent_metrics_start(struct cm_loop *loop, struct cm_workers *disk,
                                          const struct agent *agent, const char *path);

// agent_metrics_stop ends it; on the loop, before the workers stop.
void agent_metrics_stop(struct agent_metrics *m); // NULL is fine
void agent_metrics_free(struct agent_metrics *m); // after the workers have stopped; NULL is fine
