// readers: handles on the database for those who only read, lent out one at a time.
//
// They are opened when first needed; there are as many as threads that read at once. Who has taken
// one has 20 s for his queries (hub_db_set_deadline), and less if they are stopped.
//
// Threads: any; a handle belongs to who took it until he gives it back.
#pragma once

#include "common/err.h"

struct hub_db;
struct hub_readers;

struct hub_readers *hub_readers_new(const char *db_path);
void hub_readers_free(struct hub_readers *r); // all were given back; NULL is fine

// hub_readers_stop ends queries that run under a deadline, and all later ones, with CM_EBUSY.
void hub_readers_stop(struct hub_readers *r);

CM_MUSTUSE enum cm_rc hub_readers_take(struct hub_readers *r, struct hub_db **out,
                                       struct cm_err *err);
void hub_readers_give(struct hub_readers *r, struct hub_db *db); // NULL is fine
