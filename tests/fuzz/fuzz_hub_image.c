// Names of images are what pods say. Each is an image of its own name, tag and digest, and of all
// that it is called; who means one by a part of it means no other; and whether two are the same
// does not depend on which comes first.
//
// The input is two names, one on a line.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "hub/hold/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void check_parts(struct cm_arena *a, const char *text) {
    const char *names[HUB_IMAGE_NAMES];
    struct hub_image image;

    hub_image_parse(a, text, &image);
    size_t size = strlen(image.name) + (image.tag[0] == '\0' ? 0 : strlen(image.tag) + 1) +
                  (image.digest[0] == '\0' ? 0 : strlen(image.digest) + 1);
    require(size <= strlen(text) && strncmp(text, image.name, strlen(image.name)) == 0);
    require(strchr(image.tag, '/') == NULL && strchr(image.name, '@') == NULL);
    require(hub_image_is(a, text, text) || text[0] == '\0' || image.name[0] == '\0');
    require(image.tag[0] == '\0' || hub_image_is(a, image.tag, text));
    require(image.digest[0] == '\0' || hub_image_is(a, image.digest, text));
    require(strlen(hub_image_version(a, text)) <= strlen(text));

    size_t count = hub_image_names(a, image.name, names);
    require(count >= 1 && count <= HUB_IMAGE_NAMES);
    for (size_t i = 0; i < count; i++) {
        require(strcmp(hub_image_familiar(names[i]), hub_image_familiar(image.name)) == 0);
    }
}

static void check_two(struct cm_arena *a, const char *one, const char *other) {
    bool same = hub_image_same(one, other);

    require(same == hub_image_same(other, one));
    require(hub_image_is(a, one, other) == hub_image_is(a, one, other));
    if (same) {
        struct hub_image left;
        struct hub_image right;

        hub_image_parse(a, one, &left);
        hub_image_parse(a, other, &right);
        require(strcmp(one, other) == 0 || strcmp(left.digest, right.digest) == 0 ||
                strcmp(left.tag, right.tag) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *text = size == 0 ? "" : cm_arena_strndup(a, (const char *)data, size);
    size_t line = strcspn(text, "\n");
    const char *one = cm_arena_strndup(a, text, line);
    const char *other = text[line] == '\0' ? "" : text + line + 1;

    check_parts(a, one);
    check_parts(a, other);
    check_two(a, one, other);
    return 0;
}
