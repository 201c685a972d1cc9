// ban: images that shall never run, whoever says so.
//
// A hole that was found in a release, also in one that a Hold would restore: a Ban names images by
// name, digest, tag or a range of versions, for one App or for all. What is banned is not sent to
// any cluster; what runs stays until something else can.
//
// A digest is compared with what a manifest says; where it says a tag only, a Ban of a digest
// cannot know.
//
// Threads: a ban does not change once read; its arena belongs to one thread at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct cm_arena;
struct cm_json;
struct cm_semver_range;

// All that is not NULL must fit.
struct hub_ban_image {
    const char *name;   // a pattern of the shell, such as "*/checkout"; "*": any
    const char *digest; // "sha256:…"
    const char *tag;    // a pattern, such as "1.5.*"
    const struct cm_semver_range *versions;
    const char *range; // as it is written; NULL
};

struct hub_ban {
    const char *name;
    const char *app; // NULL: all Apps
    const struct hub_ban_image *images;
    size_t image_count;
    const char *reason; // ""
};

// hub_ban_read reads a parsed document into the arena. It fails with CM_EINVAL; *wrong is then the
// node that is.
CM_MUSTUSE enum cm_rc hub_ban_read(struct cm_arena *a, const struct cm_json *document,
                                   struct hub_ban *out, const struct cm_json **wrong,
                                   struct cm_err *err);

// hub_ban_forbids tells whether an image is banned for an App.
bool hub_ban_forbids(const struct hub_ban *ban, const char *app, const char *image);

// hub_ban_finds returns the first image in an object's containers that is banned for an App; NULL:
// there is none. Borrowed from the object.
const char *hub_ban_finds(const struct hub_ban *ban, const char *app, const struct cm_json *object);
