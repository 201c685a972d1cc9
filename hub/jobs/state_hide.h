// state_hide: values of fields that somebody changed by hand may be secrets, wherever secrets are
// put: arguments and environments of containers, ConfigMaps.
//
// Such a value is told as a keyed hash, "hmac:" and 32 digits: it says that two values are the same
// one, or are not, to whoever has the key or not.
//
// Threads: one a tree; pure.
#pragma once

#include <stdint.h>

struct cm_arena;
struct cm_json;

struct hub_state_hiding {
    struct cm_arena *arena;
    const uint8_t *key; // 32 bytes
};

// hub_state_hide reads the value of a field as a report tells it (JSON, perhaps cut) and returns
// what may be told of it. NULL: the field is missing.
struct cm_json *hub_state_hide(const struct hub_state_hiding *h, const char *object_key,
                               const char *path, const char *value);
