// exemption: a change by hand that somebody at the site allows for a time, by an object there.
//
// It is as an Exemption in Git for this cluster alone, and works without a hub. All that are known
// are kept by agent/cache on disk; agent/plan puts those in force into the rules of bundles;
// agent/exempt.c says which those are.
//
// Threads: the agent's loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/tls/digest.h"

#define AGENT_EXEMPTIONS_MAX 64      // that are remembered
#define AGENT_EXEMPTIONS_IN_FORCE 16 // at a time

struct agent_exemption {
    struct cm_sha256 id; // of the object's uid and what it says
    const char *name;    // of the object
    const char *app;
    const char *key;   // of what may be changed (common/object/id.h)
    const char *field; // a path (common/object/path.h); "": all of it
    const char *reason;
    const char *actor;   // who made it, as he says; "": he does not
    const char *manager; // who made it, as the target knows him; ""
    const char *message; // why it ended, or was never taken; ""
    int64_t until_ms;    // Unix time
    int64_t began_ms;    // 0: it never was in force
    int64_t ended_ms;    // 0: it goes on
    bool given;          // Git has had it: only what Git says of it counts any more
};

// agent_exemption_counts tells whether it is in force by the word of the site.
static inline bool agent_exemption_counts(const struct agent_exemption *e) {
    return e->began_ms != 0 && e->ended_ms == 0 && !e->given;
}
