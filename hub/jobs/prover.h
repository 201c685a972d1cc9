// prover: has agents prove what a Hold makes of a workload before that is written into Git.
//
// Of each form one cluster is asked, for on all that have it the server and the controller make the
// same of it: the first that is connected of a few. The answer goes into the commit; it delays it
// by no more than the time that an agent has. A Hold whose form is another one than what runs is
// written all the same, and says so: what people committed since lands with it, and without the
// Hold Git would go on saying the release that was rejected. Where nobody can tell, that is said.
//
// Nothing is on record: a hub that is killed meanwhile is asked for the Hold, and asks, anew.
//
// Threads: the loop.
#pragma once

#include <stddef.h>

#include "common/err.h"

struct cm_metrics;
struct hub_hold_ask;
struct hub_prover;

// What the form that a Hold gives a workload would be for its controller.
enum hub_proof {
    HUB_PROOF_NONE,      // it cannot be told
    HUB_PROOF_SAME,      // its pod template is the one that it runs already as the good one
    HUB_PROOF_DIFFERENT, // it is another one
};

// text: what differs, without values, or why it cannot be told; good until the call returns.
typedef void (*hub_proved_fn)(void *ctx, enum hub_proof proof, const char *text);

struct hub_prove_ask {
    const char *cluster;
    const char *app;
    const char *key;
    const char *controller;
    const void *bytes; // canonical form
    size_t size;
};

struct hub_prover_config {
    // ask is as hub_sessions_prove.
    enum cm_rc (*ask)(void *ctx, const struct hub_prove_ask *what, hub_proved_fn done,
                      void *done_ctx, struct cm_err *err);
    void *ctx;
    struct cm_metrics *metrics; // NULL: nothing is counted
};

struct hub_prover *hub_prover_new(const struct hub_prover_config *config);
void hub_prover_free(struct hub_prover *p); // once nothing is asked any more; NULL is fine

// proof: "same (c01)", "different (c01): ..." or "none: ...", on one line; good until the call
// returns.
typedef void (*hub_prover_fn)(void *ctx, const char *proof);

// hub_prover_prove borrows what is asked until `done`, which may come from within the call.
void hub_prover_prove(struct hub_prover *p, const struct hub_hold_ask *ask, hub_prover_fn done,
                      void *ctx);
