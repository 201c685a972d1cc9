// found: decisions that stand on the branch of Holds alone (hub/jobs/writer_state.h), read back.
//
// Where Git takes pull requests only, or nothing, a release that clusters rejected is kept out by
// the hub's record until people have merged it. A hub that lost its record finds it again there,
// before it takes in the first commit of the branch that is watched.
//
// Whoever may push any branch must not decide what clusters run. So each commit of that branch
// carries a seal, which the hub alone can make: of one file, the Hold that it puts there, keyed
// with what is among its keys. From the tip down to the first commit without a seal that is right
// each Hold counts that the hub would write itself, at that very path; nothing else of it is read.
//
// Threads: any; reading blocks.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct cm_arena;
struct hub_authority;
struct hub_hold;
struct hub_repo_job;
struct hub_repo_source;

#define HUB_FOUND_SEAL "Seal" // the trailer
#define HUB_FOUND_MAX 1000    // commits that are looked at

// hub_found_seal makes the seal of a file at a path, told from the top of the repository that has
// this name. secret: 32 bytes (hub_authority_secret_key).
void hub_found_seal(const uint8_t *secret, const char *repository, const char *path,
                    const char *text, char out[CM_SHA256_HEX_MAX]);

struct hub_found_place {
    const char *repository;
    const char *folder; // of a mirror of that branch alone
    const char *root;   // of the fleet in the repository; ""
    const uint8_t *secret;
};

struct hub_found {
    struct hub_hold **holds; // each path once
    size_t count;
    size_t sealed; // commits with a seal that is right
};

void hub_found_free(struct hub_found *f); // NULL is fine

// hub_found_read reads what is in the mirror.
CM_MUSTUSE enum cm_rc hub_found_read(const struct hub_found_place *place, struct hub_found **out,
                                     struct cm_err *err);

// hub_found_fetch fetches the branch first, and removes the mirror afterwards; what is not there is
// nothing, and what is too large, or cannot be read for what it is, has no seal. It fails as
// hub_repo_fetch.
CM_MUSTUSE enum cm_rc hub_found_fetch(const struct hub_repo_source *source,
                                      const struct hub_repo_job *job,
                                      const struct hub_found_place *place, struct hub_found **out,
                                      struct cm_err *err);
