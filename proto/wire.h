// wire: frame types, their caps, and messages in and out of bytes.
//
// A peer may send anything. So: the frame's cap by type is checked before its payload is read
// (common/net asks wire_max_payload); unpacking allocates from a budget of 16 times the payload
// plus 64 KiB and gives up beyond it; no message type is recursive; more than 16 unknown fields in
// one message, invalid UTF-8 and strings or lists beyond wire_check's limits are refused.
// protobuf-c 1.4.1 itself has none of these limits.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "common/err.h"

struct cm_arena;
struct cm_buf;

// Tests build programs of other versions.
#ifndef WIRE_PROTOCOL_MIN
#define WIRE_PROTOCOL_MIN 1
#endif
#ifndef WIRE_PROTOCOL_MAX
#define WIRE_PROTOCOL_MAX 1
#endif

enum wire_type {
    WIRE_HELLO = 1,
    WIRE_WELCOME = 2,
    WIRE_GOODBYE = 3,
    WIRE_PING = 4,
    WIRE_PONG = 5,
    WIRE_DESIRED = 6,
    WIRE_WANT = 7,
    WIRE_BLOB = 8,
    WIRE_REPORT = 9,
    WIRE_REPORT_ACK = 10,
    WIRE_SYNC = 11,
    WIRE_LOOK = 12,
    WIRE_FOUND = 13,
    WIRE_RENEW = 14,
    WIRE_RENEWED = 15,
    WIRE_CONFIRM = 16,
    WIRE_TRUST = 17,
    WIRE_JOURNAL = 18,
    WIRE_JOURNAL_ACK = 19,
    WIRE_DECISIONS = 20,
    WIRE_DECISIONS_ACK = 21,
    WIRE_FREEZE = 22,
    WIRE_FROZEN = 23,
    WIRE_PROVE = 24,
    WIRE_PROVEN = 25,
    WIRE_EXEMPTED = 26,
    WIRE_EXEMPTED_ACK = 27,
    WIRE_ENROLL_REQUEST = 32,
    WIRE_ENROLL_REPLY = 33,
};

#define WIRE_SKIPPED_MAX 255 // the highest type that is passed over where it is not known

#define WIRE_CONTROL_MAX ((size_t)64 * 1024)
#define WIRE_BULK_MAX ((size_t)1024 * 1024)
#define WIRE_BLOB_PIECE ((size_t)256 * 1024)      // data in one Blob
#define WIRE_BLOB_MAX ((size_t)16 * 1024 * 1024)  // a whole blob
#define WIRE_OBJECT_MAX ((size_t)4 * 1024 * 1024) // a whole object in canonical form
#define WIRE_WANT_MAX 1000
#define WIRE_REPORT_ITEMS_MAX 500             // apps and objects in one Report
#define WIRE_LOOK_MAX 100                     // keys in one Look
#define WIRE_JOURNAL_MAX 500                  // entries in one Journal
#define WIRE_DECISIONS_MAX 100                // in one Decisions
#define WIRE_DECIDED_MAX ((size_t)256 * 1024) // Decision.good_object
#define WIRE_PROVE_MAX ((size_t)256 * 1024)   // Prove.object
#define WIRE_ACTUAL_MAX ((size_t)256 * 1024)  // ObjectReport.actual
#define WIRE_ANSWERED_MAX 16                  // ids in one ManifestApp
#define WIRE_FREEZES_MAX 64                   // in one Freeze
#define WIRE_EXEMPTED_MAX 64                  // in one Exempted
#define WIRE_REASON_MAX 256                   // FreezeEntry.reason
#define WIRE_ACTOR_MAX 128                    // FreezeEntry.actor
#define WIRE_ENROLL_MAX ((size_t)16 * 1024)
#define WIRE_NAME_MAX 253
#define WIRE_IMAGE_MAX 512
#define WIRE_IMAGES_MAX 100   // AppReport.images
#define WIRE_DIGESTS_MAX 32   // ObjectReport.digests
#define WIRE_USER_MAX 253     // FieldDrift.user, Decision.user
#define WIRE_MESSAGE_MAX 1024 // a report's texts
#define WIRE_VALUE_MAX 256    // FieldDrift.desired and .actual

// wire_max_payload is the cap for a type on the main link; 0 for types that do not belong there.
// Types that are not known, up to WIRE_SKIPPED_MAX, have one too: wire_is_skipped tells that a
// frame is to be passed over, as a peer of a newer version may send what this one can do without.
// wire_max_enroll is the cap on the enrolment listener.
size_t wire_max_payload(uint16_t type);
size_t wire_max_enroll(uint16_t type);
bool wire_is_skipped(uint16_t type);

const char *
wire_type_name(uint16_t type); // "Hello"; "type 77" style text is the caller's job: NULL

// wire_pack encodes a message into a new buffer (one reference, the caller's).
struct cm_buf *wire_pack(const ProtobufCMessage *message);

// wire_unpack decodes into the arena, with the limits above; the message is freed with the arena.
// Every string, list and byte field is checked against wire_check's table for its message type.
// It fails with CM_EINVAL.
CM_MUSTUSE enum cm_rc wire_unpack(struct cm_arena *a, const ProtobufCMessageDescriptor *type,
                                  const void *bytes, size_t size, ProtobufCMessage **out,
                                  struct cm_err *err);

// WIRE_UNPACK(arena, Holdfast__V1__Hello, holdfast__v1__hello, bytes, size, &hello, &err)
#define WIRE_UNPACK(a, Type, prefix, bytes, size, out, err)                                        \
    wire_unpack((a), &prefix##__descriptor, (bytes), (size), (ProtobufCMessage **)(void *)(out),   \
                (err))

// wire_key_to_be_signed returns what an agent signs to prove that it has the key of a certificate:
// the purpose, the exporter of the TLS session (so that nothing can be replayed on another one) and
// the certificate.
#define WIRE_PROVES_CONFIRM "holdfast-confirm-v1"
#define WIRE_PROVES_EXPIRED "holdfast-expired-v1"
struct cm_buf *wire_key_to_be_signed(const char *purpose, const uint8_t exporter[32],
                                     const uint8_t *der, size_t size);

// wire_desired_to_be_signed returns the bytes that a manifest's signature is made over.
struct cm_buf *wire_desired_to_be_signed(const char *cluster_id, uint64_t epoch,
                                         uint64_t generation, const uint8_t sha256[32]);
