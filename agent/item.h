// item: one object that this agent owns on its target.
//
// All items together are the inventory: kept by agent/cache on disk, read by agent/plan, written by
// agent/apply. Only what is in the inventory is ever removed.
//
// Threads: the agent's loop.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/tls/digest.h"

struct agent_item {
    const char *key;
    const char *app;               // the App that owns it; it changes when an object is handed over
    const char *default_namespace; // as the App's bundle said when it was applied
    const char *uid;               // the target's identity of it, "" if it has none
    const char *note;              // the driver's, opaque
    const char *account;           // in whose name it was applied; "": the agent's own
    struct cm_sha256 sha256;       // desired form that was applied last
    struct cm_sha256 sent;         // another one that may have been since; zeros: none
    bool keep;                     // it is not pruned; as it said when it was applied
    uint8_t propagation;           // enum agent_propagation, as the App said last
    int32_t wave;                  // in which it was applied: removal goes the other way round
    bool release;                  // it is to be left where it is, without our mark
    bool applied;                  // false: it was about to be applied for the first time
};
