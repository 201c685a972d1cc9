// check: reads an encoded message without allocating anything, before protobuf-c does.
//
// protobuf-c 1.4.1 keeps unknown fields, takes any bytes for a string and cuts it at a NUL, and has
// no limit on lists. So the bytes are walked first, with the message's descriptor: wire types,
// UTF-8, the limits of proto/limits.h, and at most 16 unknown fields in each message: a peer of a
// newer version may say something more of each of a thousand objects. A list is one field, however
// long: what it may take is bounded by the budget of wire_unpack.
//
// Threads: any; pure.
#pragma once

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

#include "common/err.h"

#define WIRE_UNKNOWN_FIELDS_MAX 16

// wire_check tells whether the bytes may be given to protobuf-c. It fails with CM_EINVAL.
CM_MUSTUSE enum cm_rc wire_check(const ProtobufCMessageDescriptor *type, const void *bytes,
                                 size_t size, struct cm_err *err);
