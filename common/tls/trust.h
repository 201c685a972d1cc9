// trust: the roots that agents believe, as a set with a number.
//
// A set that takes the place of another has a higher number and is signed by a root of the one
// before: whoever merely has a hub's own key cannot make agents believe another root. It carries
// signatures by several roots, so that an agent that missed a set in between can check it, too.
//
// Threads: any; pure.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/keys.h"

#define CM_TRUST_ROOTS_MAX 4

struct cm_trust {
    uint64_t version; // 1: the root alone that was believed from the beginning
    struct cm_cert *roots[CM_TRUST_ROOTS_MAX];
    size_t count;
};

void cm_trust_done(struct cm_trust *t); // frees the roots; a zeroed one is fine

// cm_trust_add takes a root; it fails with CM_EINVAL, and frees it, if it is none or there is no
// room.
CM_MUSTUSE enum cm_rc cm_trust_add(struct cm_trust *t, struct cm_cert *root, struct cm_err *err);

// cm_trust_sign makes a root's signature over the set, for agents of this hub.
size_t cm_trust_sign(const struct cm_trust *t, const char *hub_id, const struct cm_key *root_key,
                     uint8_t out[CM_SIGNATURE_MAX]);

struct cm_trust_signature {
    const uint8_t *bytes;
    size_t size;
};

// cm_trust_check tells whether `next` may take the place of `now`. CM_EAUTH.
CM_MUSTUSE enum cm_rc cm_trust_check(const struct cm_trust *now, const struct cm_trust *next,
                                     const char *hub_id,
                                     const struct cm_trust_signature *signatures, size_t count,
                                     struct cm_err *err);

// cm_trust_verify is cm_cert_verify with any of the roots, without certificates in between.
CM_MUSTUSE enum cm_rc cm_trust_verify(const struct cm_trust *t, const struct cm_cert *cert,
                                      enum cm_cert_use use, int64_t at_ms, struct cm_err *err);
