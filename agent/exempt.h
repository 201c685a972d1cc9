// exempt: which changes by hand the site itself allows, and what becomes of that.
//
// The driver tells which objects there are that allow something, each is read (agent/plan/exempt.h)
// and, if it can be, put in force: on disk, then in the rules of the App's bundle, as if it came
// from Git. It ends when the object goes, when its time is over, or when Git does not want it. What
// begins, ends or is refused is logged, said at the object, and told to a hub that takes Exempted,
// with our times; what ended is remembered until the hub has it and the object is gone.
//
//     the object ──▶ in force by the site's word ──▶ given: Git has it, and only Git counts from
//     then on
//
// Git has it once a bundle's rule carries its id, so there is no moment at which neither counts.
// An object that is changed is another one: the old one ends, the new one begins.
//
// Threads: the loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent_cache;
struct agent_desired;
struct agent_exempt;
struct agent_site_object;
struct cm_buf;
struct cm_loop;
struct cm_sha256;

struct agent_exempt_host {
    // changed: other ones are in force (agent_cache_exemptions); not from inside a driver's call.
    void (*changed)(void *ctx);
    // send hands a packed Exempted to the connection; false: not now.
    bool (*send)(void *ctx, struct cm_buf *exempted);
    // say tells at an object what became of it.
    void (*say)(void *ctx, const struct agent_site_object *object, bool taken, const char *words);
    const struct agent_desired *(*desired)(void *ctx); // NULL: nothing is known yet
    void *ctx;
};

struct agent_exempt *agent_exempt_new(struct cm_loop *loop, struct agent_cache *cache,
                                      const struct agent_exempt_host *host);
void agent_exempt_free(struct agent_exempt *x); // NULL is fine

// agent_exempt_start ends what is over since the last process; before anything is put in force.
void agent_exempt_start(struct agent_exempt *x);
void agent_exempt_stop(struct agent_exempt *x);

// agent_exempt_found is the driver's word of all objects there are.
void agent_exempt_found(struct agent_exempt *x, const struct agent_site_object *all, size_t count);

// agent_exempt_in_force: another manifest is.
void agent_exempt_in_force(struct agent_exempt *x);

// agent_exempt_connected: `full`, the hub knows nothing of this agent's disk; then it is told also
// that there is nothing.
void agent_exempt_connected(struct agent_exempt *x, bool takes, bool full);
void agent_exempt_disconnected(struct agent_exempt *x);
void agent_exempt_can_send(struct agent_exempt *x);
void agent_exempt_acked(struct agent_exempt *x, uint64_t number, const struct cm_sha256 *over,
                        size_t count);
