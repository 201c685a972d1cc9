// registry: who may connect, and who may not any more, as text that is kept elsewhere.
//
// A line of JSON for the hub (its id and its epoch), then one for each agent that there ever was.
// With it a hub whose database is lost, or is an older copy, knows whom it must not let in; with
// its keys besides it knows its whole fleet. No secret is in it: keys are named by their hashes.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct cm_arena;
struct cm_str;

struct hub_registered {
    const char *id;
    const char *cluster;
    struct cm_sha256 key;
    const char *state; // "active", "revoked", "superseded"
    int64_t at_ms;     // when it was enrolled
    int64_t begins_ms; // of its newest certificate; 0: not known
    const char *held;  // why it waits for a person; "" or NULL: it does not
    int64_t held_ms;
    struct cm_sha256 held_key; // that raised the doubt; zeros: none, or it was not about a key
    int64_t approved_ms;       // when a person let it go on last; 0: never
};

struct hub_registry {
    const char *hub_id;
    uint64_t epoch;
    struct hub_registered *agents;
    size_t count;
};

void hub_registry_write_hub(struct cm_str *out, const char *hub_id, uint64_t epoch);
void hub_registry_write_agent(struct cm_str *out, const struct hub_registered *agent);

// hub_registry_read reads the text; what it gives is in the arena. CM_EINVAL: it is none, or is not
// whole, with the line.
#define HUB_REGISTRY_MAX ((size_t)256 * 1024 * 1024) // bytes of its text: a million agents
CM_MUSTUSE enum cm_rc hub_registry_read(struct cm_arena *a, const char *text, size_t size,
                                        struct hub_registry *out, struct cm_err *err);

// hub_registry_covers tells whether a registry has all that another one has: it is of the same hub,
// and has each of the other's agents, none of them as active that is not so in the other, or waits
// there for a person who has not let it go on since.
bool hub_registry_covers(const struct hub_registry *r, const struct hub_registry *other);
