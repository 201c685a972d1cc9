// state_copy: keeps a copy of the state repository at a server, for those who have no access to the
// hub's disk.
//
//     the writer made commits ──▶ push, in a child (hub/repo/copy.h) ──▶ a pause
//                                   │ fails
//                                   └── later and later, up to ten minutes
//
// Nobody waits for it. A failure is an event and a line in the log when it begins, and so is its
// end. A branch at the server only moves forward; what it has and the hub has not is never touched.
//
// Threads: the loop, and a worker of its own.
#pragma once

struct cm_loop;
struct cm_metrics;
struct hub_repository;
struct hub_state_copy;
struct hub_store;

struct hub_state_copy_config {
    struct cm_loop *loop;
    struct hub_store *store;
    struct cm_metrics *metrics;
    const struct hub_repository *repository; // where to; borrowed; NULL: nowhere
    const char *from;                        // the state repository
    const char *folder;                      // what speaking with the server needs
};

// hub_state_copy_start pushes what there is at once. Its poll interval is the pause between pushes.
struct hub_state_copy *hub_state_copy_start(const struct hub_state_copy_config *config);

// hub_state_copy_wrote says that there is more to push.
void hub_state_copy_wrote(void *copy);

// As those of hub/jobs/state.h.
void hub_state_copy_stop(struct hub_state_copy *c);
void hub_state_copy_end(struct hub_state_copy *c);
void hub_state_copy_free(struct hub_state_copy *c);
