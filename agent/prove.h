// prove: whether what the hub is about to write into Git is what a controller runs already.
//
// The hub gives the form that a workload will have; the driver says what that would be, without
// changing anything. A few questions are answered at a time; more are turned away, which is no
// proof.
//
// Threads: the loop.
#pragma once

struct agent_cache;
struct agent_driver;
struct agent_prove;
struct cm_buf;

struct Holdfast__V1__Prove;

// agent_prove_new makes it; `send` is given each packed Proven, a reference that stays ours.
struct agent_prove *agent_prove_new(struct agent_driver *driver, const struct agent_cache *cache,
                                    void (*send)(void *ctx, struct cm_buf *proven), void *ctx);
void agent_prove_free(struct agent_prove *p); // after the driver has stopped; NULL is fine

void agent_prove_ask(struct agent_prove *p, const struct Holdfast__V1__Prove *what);
