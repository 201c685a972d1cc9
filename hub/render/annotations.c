#include "hub/render/annotations.h"

#include <string.h>

#include "common/mem.h"
#include "common/str.h"

static const char *const known[] = {
    "holdfast.dev/apply",
    "holdfast.dev/hook",
    "holdfast.dev/hook-delete-policy",
    "holdfast.dev/ignore-differences",
    "holdfast.dev/prune",
    "holdfast.dev/recreate",
    "holdfast.dev/substitute",
    "holdfast.dev/wave",
};

#define KNOWN (sizeof(known) / sizeof(known[0]))

const char *const *hub_annotations_known(size_t *count) {
    *count = KNOWN;
    return known;
}

static char *list_words(void) {
    struct cm_str words = {0};

    for (size_t i = 0; i < KNOWN; i++) {
        cm_str_addf(&words, "%s%s", i > 0 ? ", " : "", known[i] + strlen(HUB_ANNOTATION_PREFIX));
    }
    return cm_str_take(&words);
}

char *hub_annotations_advice(const char *name) {
    if (strncmp(name, HUB_ANNOTATION_PREFIX, strlen(HUB_ANNOTATION_PREFIX)) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < KNOWN; i++) {
        if (strcmp(known[i], name) == 0) {
            return NULL;
        }
    }
    const char *word = name + strlen(HUB_ANNOTATION_PREFIX);
    const char *words[KNOWN];
    for (size_t i = 0; i < KNOWN; i++) {
        words[i] = known[i] + strlen(HUB_ANNOTATION_PREFIX);
    }
    const char *near = cm_str_nearest(word, words, KNOWN);
    CM_AUTOFREE char *all = list_words();
    return near != NULL
               ? cm_strf("did you mean '" HUB_ANNOTATION_PREFIX "%s'?", near)
               : cm_strf("remove it, or use " HUB_ANNOTATION_PREFIX " with one of %s", all);
}
