// query_tables: how full the database is, for whoever looks for what is wrong with a hub.
//
// Threads: a handle belongs to one thread at a time. Blocks; large tables take a while to count.
#pragma once

#include "common/err.h"

struct cm_arena;
struct cm_json;
struct hub_db;

// hub_query_tables answers {"schema": 10, "rows": {"agent": 3, …}}.
CM_MUSTUSE enum cm_rc hub_query_tables(struct hub_db *db, struct cm_arena *a, struct cm_json **out,
                                       struct cm_err *err);
