// desk: a loop and a store in memory, for jobs that are submitted and answered.
//
// Threads: one, and the store's.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct cm_loop;
struct hub_db;
struct hub_store;
struct owning;

struct desk {
    struct cm_loop *loop;
    struct hub_store *store;
    struct owning *owning; // between desk_own and desk_give
};

int desk_open(void **state);
int desk_close(void **state);

// desk_settle turns the loop until the store has done what was submitted, and what came of that.
void desk_settle(struct desk *d);

// desk_own settles, and keeps the store's thread from its handle until desk_give.
struct hub_db *desk_own(struct desk *d);
void desk_give(struct desk *d);

// The database, with the store at rest: run a statement, ask for one number.
void desk_run(struct desk *d, const char *sql);
int64_t desk_count(struct desk *d, const char *sql);

// desk_fail makes the store unable to write, as a full disk does; desk_mend ends that.
void desk_fail(struct desk *d);
void desk_mend(struct desk *d);
