// capture: has what was changed by hand in clusters written into Git, where an App says
// `drift: capture`.
//
// Now and then it is looked what differs. What has stayed as it is for long enough becomes an
// intent (hub/jobs/writer.h), once for each object and content, one at a time: to prove one means
// rendering the whole fleet. It asks for a pull request, or not, as the App says; where that says
// nothing, if its repository has a provider. Who did it is not known: the commit names the field
// manager, as it calls itself. What cannot be captured, or may be a secret, is an event, with why
// and what to do.
//
// Threads: the loop.
#pragma once

#include <stdint.h>

struct cm_loop;
struct hub_capturer;
struct hub_repositories;
struct hub_store;
struct hub_writer;

// hub_capturer_new borrows all of it. `after_ms`: for how long what was changed must stay.
struct hub_capturer *hub_capturer_new(struct cm_loop *loop, struct hub_store *store,
                                      struct hub_writer *writer,
                                      const struct hub_repositories *repositories,
                                      int64_t after_ms);

void hub_capturer_start(struct hub_capturer *c);

// hub_capturer_stop begins nothing more; free it when writer and store have stopped.
void hub_capturer_stop(struct hub_capturer *c);
void hub_capturer_free(struct hub_capturer *c); // NULL is fine
