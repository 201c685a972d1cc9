// images: which container images an object runs.
//
// Threads: any; pure.
#pragma once

#include <stddef.h>

// hub_images_each visits the image of each container in an object's canonical form, wherever a
// pod's template stands in it: a string "image" in an entry of "containers", "initContainers" or
// "ephemeralContainers". The text is good until the visit returns.
void hub_images_each(const void *bytes, size_t size, void (*visit)(void *ctx, const char *image),
                     void *ctx);
