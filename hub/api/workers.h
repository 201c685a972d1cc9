// workers: the threads that answer what takes time.
//
// Each of the server's threads carries many connections, so a query of seconds on one of them would
// hold up all that share it, webhooks and probes among them. Requests that read much are suspended
// and done here instead.
//
// Those who ask, by key (the id of an API token), take turns, one job each time, and one of them
// has at most half of the threads: whoever asks for much waits for himself.
//
//     put ──▶ waits in its key's lane ──▶ run(job, false) on a worker
//                        └── stopped ───▶ run(job, true), on the thread that stops
//
// Nothing here is bounded: who puts jobs in has at most one for each connection.
//
// Threads: put from any; new, stop and free: the owner.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/list.h"

struct hub_workers;

struct hub_job {
    // Does it; `stopping`: there is no time left, only to say so. Afterwards the job is the
    // caller's again.
    void (*run)(struct hub_job *job, bool stopping);
    struct cm_list in_lane; // the workers'
};

struct hub_workers *hub_workers_new(unsigned threads);

// hub_workers_put hands a job in, or runs it as stopping if the workers were stopped.
void hub_workers_put(struct hub_workers *w, const char *key, struct hub_job *job);

// hub_workers_stop waits for what runs; what waits is run as stopping.
void hub_workers_stop(struct hub_workers *w); // NULL is fine
void hub_workers_free(struct hub_workers *w); // after stop; NULL is fine
