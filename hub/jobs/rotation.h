// rotation: the hub's own keys made anew while it runs, because of their age or by hand.
//
// What is old is noticed within a minute, what somebody changed in the folder when he says so
// (SIGHUP); what fails is tried again after an hour. Connections stay; those that begin afterwards
// see the new ones, also if the database cannot take the event in yet. What ends and cannot be
// made anew without somebody is logged once a day.
//
// Threads: the loop; files are read and written on the store's thread.
#pragma once

struct cm_loop;
struct cm_metrics;
struct hub_authority;
struct hub_rotation;
struct hub_store;

struct hub_rotation_config {
    struct cm_loop *loop;
    struct hub_store *store;
    struct hub_authority *authority;
    struct cm_metrics *metrics;
    void (*rotated)(void *ctx); // the authority has other keys
    void *ctx;
};

struct hub_rotation *hub_rotation_start(const struct hub_rotation_config *config);

// hub_rotation_reload takes over what the folder holds.
void hub_rotation_reload(struct hub_rotation *r);

// hub_rotation_stop begins nothing more; free it when the store has stopped and the loop has
// turned.
void hub_rotation_stop(struct hub_rotation *r);
void hub_rotation_free(struct hub_rotation *r); // NULL is fine
