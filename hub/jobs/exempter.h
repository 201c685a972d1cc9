// exempter: tells of Exemptions that begin and end, and takes the files of those that ended out of
// Git.
//
// What sites allow themselves (hub/store/site_exemptions.h) is put into Git, and taken out when its
// object goes. What Git has had once and has no more is never put there again.
//
// They end by themselves (hub/fleet/exemptions.c); what is done here may come later. What was told
// is on record, so that a restart tells nothing twice.
//
// Threads: the loop.
#pragma once

struct cm_loop;
struct hub_exempter;
struct hub_repositories;
struct hub_store;
struct hub_writer;

// hub_exempter_new borrows all of it, and begins.
struct hub_exempter *hub_exempter_new(struct cm_loop *loop, struct hub_store *store,
                                      struct hub_writer *writer,
                                      const struct hub_repositories *repositories);

// hub_exempter_stop begins nothing more; free it when the writer and the store have stopped.
void hub_exempter_stop(struct hub_exempter *x);
void hub_exempter_free(struct hub_exempter *x); // NULL is fine
