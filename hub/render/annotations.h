// annotations: those of ours that an object may have. A word that is not among them is a slip of
// the pen: what it should say would not be so.
//
// Threads: any; pure.
#pragma once

#include <stddef.h>

#define HUB_ANNOTATION_PREFIX "holdfast.dev/"

// hub_annotations_known lists all of them, sorted.
const char *const *hub_annotations_known(size_t *count);

// hub_annotations_advice says what to do about an annotation that is ours and not known; NULL:
// there is nothing to do. The caller frees it.
char *hub_annotations_advice(const char *name);
