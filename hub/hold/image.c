#include "hub/hold/image.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"

enum { DIGITS_SHOWN = 12 };

void hub_image_parse(struct cm_arena *a, const char *text, struct hub_image *out) {
    const char *at = strchr(text, '@');
    size_t len = at != NULL ? (size_t)(at - text) : strlen(text);
    char *name = cm_arena_strndup(a, text, len);
    char *slash = strrchr(name, '/');
    char *colon = strchr(slash != NULL ? slash : name, ':');

    *out = (struct hub_image){.name = name, .tag = "", .digest = at != NULL ? at + 1 : ""};
    out->digest = cm_arena_strdup(a, out->digest);
    if (colon != NULL) {
        *colon = '\0';
        out->tag = colon + 1;
    }
}

bool hub_image_same(const char *a, const char *b) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    struct hub_image left;
    struct hub_image right;

    if (strcmp(a, b) == 0) {
        return true;
    }
    hub_image_parse(arena, a, &left);
    hub_image_parse(arena, b, &right);
    if (left.digest[0] != '\0' && right.digest[0] != '\0') {
        return strcmp(left.digest, right.digest) == 0;
    }
    return strcmp(left.name, right.name) == 0 && strcmp(left.tag, right.tag) == 0 &&
           left.tag[0] != '\0';
}

const char *hub_image_version(struct cm_arena *a, const char *text) {
    struct hub_image image;

    hub_image_parse(a, text, &image);
    if (image.tag[0] != '\0') {
        return image.tag;
    }
    const char *digits = strchr(image.digest, ':');
    return digits != NULL ? cm_arena_strndup(a, digits + 1, DIGITS_SHOWN) : image.name;
}

static bool are_containers(const struct cm_json *node) {
    static const char *const names[] = {"containers", "initContainers", "ephemeralContainers"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (node->key != NULL && strcmp(node->key, names[i]) == 0) {
            return node->type == CM_ARRAY;
        }
    }
    return false;
}

static const char *find_in_list(const struct cm_json *list,
                                bool (*fits)(const void *ctx, const char *image), const void *ctx) {
    for (const struct cm_json *n = list->first; n != NULL; n = n->next) {
        const char *image = cm_json_string(cm_json_get(n, "image"));

        if (image != NULL && fits(ctx, image)) {
            return image;
        }
    }
    return NULL;
}

// The recursion is as deep as objects are, which their parser has limited.
const char *hub_image_find(const struct cm_json *object, // NOLINT(misc-no-recursion)
                           bool (*fits)(const void *ctx, const char *image), const void *ctx) {
    const char *found = are_containers(object) ? find_in_list(object, fits, ctx) : NULL;

    for (const struct cm_json *n = object->first; n != NULL && found == NULL; n = n->next) {
        found = hub_image_find(n, fits, ctx);
    }
    return found;
}
