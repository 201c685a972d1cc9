// messages: every message type of the protocol, and one sample of each, filled by its descriptor.
//
// Threads: any.
#pragma once

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

struct cm_arena;

extern const ProtobufCMessageDescriptor *const all_messages[];
extern const size_t all_messages_count;

// sample_message fills all fields of a message with values that follow from the fields' numbers.
// Lists get two entries.
ProtobufCMessage *sample_message(struct cm_arena *a, const ProtobufCMessageDescriptor *type);
