// semver: versions, and ranges of versions to choose a tag by.
//
// Versions are those of semver.org 2.0.0; tags may begin with 'v'. Ranges are written as for npm,
// Cargo and Flux:
//     1.2.3  =1.2.3  !=1.2.3  >1.2  >=1.2.0 <2.0.0  ~1.2.3  ^1.2  1.2.x  *  1.2 - 1.4  ^1 || ^3
// A space or a comma means "and". Numbers that are left out stand for any, so <=1.2 takes 1.2.9,
// and >1.2 begins at 1.3.0. A version with a pre-release is taken only by a comparison that names
// one itself: >=1.2.0-0 takes 1.3.0-rc.1, >=1.2.0 does not.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct cm_arena;
struct cm_semver_range;

#define CM_SEMVER_TEXT_MAX 200 // bytes of a range or a version

struct cm_semver {
    uint64_t major;
    uint64_t minor;
    uint64_t patch;
    const char *pre; // "rc.1", "" if there is none; in the text that was parsed, pre_len bytes
    size_t pre_len;
};

// cm_semver_parse reads a whole version; `out` borrows from the text. It tells whether it was one.
bool cm_semver_parse(const char *text, struct cm_semver *out);

// cm_semver_compare orders by precedence (what comes after '+' does not count): <0, 0, >0.
int cm_semver_compare(const struct cm_semver *a, const struct cm_semver *b);

// cm_semver_range_parse reads a range into the arena. It fails with CM_EINVAL and says where.
CM_MUSTUSE enum cm_rc cm_semver_range_parse(struct cm_arena *a, const char *text,
                                            const struct cm_semver_range **out, struct cm_err *err);
bool cm_semver_range_match(const struct cm_semver_range *range, const struct cm_semver *version);
