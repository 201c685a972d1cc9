// publication: a cluster's desired state as it goes out: encoded, signed, stored.
//
// Threads: any, once made; the count is atomic.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/tls/digest.h"
#include "common/tls/keys.h"
#include "hub/access/authority.h"

struct cm_buf;
struct hub_answers;
struct hub_desired;

struct hub_publication {
    _Atomic uint32_t refs;
    char *cluster;
    char cluster_id[CM_UUID_MAX];
    uint64_t epoch;
    uint64_t generation;
    struct cm_buf *manifest; // encoded Manifest
    struct cm_sha256 sha256; // of it
    uint8_t signature[CM_SIGNATURE_MAX];
    size_t signature_size;
    struct hub_signer signer; // whose signature it is
    struct hub_desired *desired;
};

// hub_publication_new encodes and signs `desired` (a reference is taken) for a cluster's agent,
// with the decisions that it answers; NULL: none.
struct hub_publication *hub_publication_new(const struct hub_authority *authority,
                                            struct hub_desired *desired,
                                            const struct hub_answers *answers,
                                            const char *cluster_id, uint64_t epoch,
                                            uint64_t generation);
// hub_publication_signed returns the same signed by who signs now: a reference to it if he did,
// else another one.
struct hub_publication *hub_publication_signed(const struct hub_authority *authority,
                                               struct hub_publication *p);
struct hub_publication *hub_publication_ref(struct hub_publication *p);
void hub_publication_unref(struct hub_publication *p); // NULL is fine
