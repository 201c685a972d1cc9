#include "hub/hold/image.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"

#define HUB "docker.io/"
#define OFFICIAL "library/"

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

static const char *behind(const char *text, const char *start) {
    size_t len = strlen(start);

    return strncmp(text, start, len) == 0 ? text + len : NULL;
}

// is_of_hub: a name without a registry, which would have a dot, a port, or be localhost.
static bool is_of_hub(const char *name) {
    const char *slash = strchr(name, '/');
    size_t len = slash != NULL ? (size_t)(slash - name) : 0;

    return memchr(name, '.', len) == NULL && memchr(name, ':', len) == NULL &&
           behind(name, "localhost/") == NULL;
}

const char *hub_image_familiar(const char *name) {
    const char *path = behind(name, HUB);
    const char *own;

    path = path != NULL ? path : behind(name, "index." HUB);
    path = path != NULL && is_of_hub(path) ? path : name; // else it would read as another one's
    own = behind(path, OFFICIAL);
    return own != NULL && strchr(own, '/') == NULL ? own : path;
}

size_t hub_image_names(struct cm_arena *a, const char *name, const char *out[HUB_IMAGE_NAMES]) {
    const char *own = hub_image_familiar(name);
    size_t count = 0;

    out[count++] = own;
    if (!is_of_hub(own)) {
        return count;
    }
    out[count++] = cm_arena_strf(a, HUB "%s", own);
    out[count++] = cm_arena_strf(a, "index." HUB "%s", own);
    if (strchr(own, '/') == NULL) {
        out[count++] = cm_arena_strf(a, OFFICIAL "%s", own);
        out[count++] = cm_arena_strf(a, HUB OFFICIAL "%s", own);
        out[count++] = cm_arena_strf(a, "index." HUB OFFICIAL "%s", own);
    }
    return count;
}

static bool same_name(const struct hub_image *a, const struct hub_image *b) {
    return strcmp(hub_image_familiar(a->name), hub_image_familiar(b->name)) == 0;
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
    return same_name(&left, &right) && strcmp(left.tag, right.tag) == 0 && left.tag[0] != '\0';
}

// is_end tells whether a name is what stands behind a '/' of another one.
static bool is_end(const char *name, const char *end) {
    size_t size = strlen(name);
    size_t len = strlen(end);

    return len > 0 && size > len && name[size - len - 1] == '/' &&
           strcmp(name + size - len, end) == 0;
}

bool hub_image_is(struct cm_arena *a, const char *what, const char *image) {
    struct hub_image asked;
    struct hub_image has;

    hub_image_parse(a, what, &asked);
    hub_image_parse(a, image, &has);
    const char *colon = strchr(has.digest, ':');
    if (strcmp(what, has.tag) == 0 || strcmp(what, has.digest) == 0 ||
        (colon != NULL && strcmp(what, colon + 1) == 0)) {
        return what[0] != '\0';
    }
    if (!same_name(&asked, &has) && !is_end(has.name, asked.name)) {
        return false;
    }
    return asked.digest[0] != '\0' ? strcmp(asked.digest, has.digest) == 0
                                   : asked.tag[0] == '\0' || strcmp(asked.tag, has.tag) == 0;
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
