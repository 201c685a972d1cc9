// image: the parts of a container image's name, "reg/checkout:1.5.0@sha256:…".
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cm_arena;
struct cm_json;

struct hub_image {
    const char *name;   // "reg/checkout"
    const char *tag;    // "" if it has none
    const char *digest; // "sha256:…", "" if it has none
};

void hub_image_parse(struct cm_arena *a, const char *text, struct hub_image *out);

// hub_image_familiar returns a name as people know it, which is the end of it: "nginx" of
// "docker.io/library/nginx", for an image of Docker Hub has several names.
const char *hub_image_familiar(const char *name);

// hub_image_names gives all names of an image that has this one, and their number.
enum { HUB_IMAGE_NAMES = 6 };
size_t hub_image_names(struct cm_arena *a, const char *name, const char *out[HUB_IMAGE_NAMES]);

// hub_image_same tells whether two names mean one image: the same digest or, where one has none,
// the same name and tag.
bool hub_image_same(const char *a, const char *b);

// hub_image_is tells whether somebody who says `what` means the image: by its name, also without
// what stands before a '/', its tag, its digest, or a name with one or both of these. Of an image
// with tag and digest each will do.
bool hub_image_is(struct cm_arena *a, const char *what, const char *image);

// hub_image_find returns the first image of the containers of an object that fits; NULL: none does.
const char *hub_image_find(const struct cm_json *object,
                           bool (*fits)(const void *ctx, const char *image), const void *ctx);

// hub_image_version is what people call it: its tag, or the first digits of its digest.
const char *hub_image_version(struct cm_arena *a, const char *text);
