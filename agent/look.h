// look: whose objects are that Git is about to bring: what the hub asks for a plan.
//
// The driver is asked for a few objects at a time, so that what is applied meanwhile does not wait.
// One question is answered at a time; another one is turned away.
//
// Threads: the loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent_driver;
struct agent_look;
struct cm_buf;

// agent_look_new makes it; `send` is given each packed Found, a reference that stays ours.
struct agent_look *agent_look_new(struct agent_driver *driver,
                                  void (*send)(void *ctx, struct cm_buf *found), void *ctx);
void agent_look_free(struct agent_look *l); // after the driver has stopped; NULL is fine

void agent_look_ask(struct agent_look *l, uint32_t id, const char *ns, const char *const *keys,
                    size_t count);
