// limits: how long each field of each message may be.
//
// The table names every string, byte and list field; a field that is not in it may not be sent at
// all, so a new one cannot be forgotten.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

struct wire_limit {
    const ProtobufCMessageDescriptor *type;
    const char *field;
    size_t max_bytes; // of one string or byte field; 0 for messages
    size_t max_count; // of a list; 0 for single fields
    bool is_hash;     // empty or exactly 32 bytes
};

// wire_limit_find returns the row of a field, or NULL.
const struct wire_limit *wire_limit_find(const ProtobufCMessageDescriptor *type, const char *field);
