// registry: keeps who may connect as a file that can be kept elsewhere (hub/access/registry.h).
//
// It is written whole, and takes the place of the one before, at the start, within a second after
// somebody was enrolled, revoked, held or approved, and once an hour for keys that were renewed:
// into the hub's folder, and into a copy, on another machine's disk, if there is one. What cannot
// be written is tried again each minute; nobody waits for it, nor for a disk that does not answer.
// What was there when the hub began is kept as FILE.before if it is another hub's or has what this
// hub does not know: then the database was lost or is an older one, and that file is what brings it
// back.
//
// Threads: the loop; read on the store's thread, each place written on a worker of its own.
#pragma once

#include <stdint.h>

struct cm_loop;
struct cm_metrics;
struct hub_registry_writer;
struct hub_store;

struct hub_registry_config {
    struct cm_loop *loop;
    struct hub_store *store;
    struct cm_metrics *metrics;
    const char *hub_id;
    uint64_t epoch;
    const char *path;
    const char *copy; // NULL: none
};

struct hub_registry_writer *hub_registry_start(const struct hub_registry_config *config);
void hub_registry_touch(struct hub_registry_writer *w); // who may connect has changed

// hub_registry_stop begins nothing more. hub_registry_end waits for what is being written, for five
// seconds at most; the loop must turn once more before the free. NULL is fine for all.
void hub_registry_stop(struct hub_registry_writer *w);
void hub_registry_end(struct hub_registry_writer *w);
void hub_registry_free(struct hub_registry_writer *w);
