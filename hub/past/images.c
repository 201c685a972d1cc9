#include "hub/past/images.h"

#include <stdbool.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"

struct looking {
    void (*visit)(void *ctx, const char *image);
    void *ctx;
};

static bool holds_containers(const char *name) {
    static const char *const names[] = {"containers", "initContainers", "ephemeralContainers"};

    for (size_t i = 0; name != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void visit_containers(const struct looking *l, const struct cm_json *list) {
    for (const struct cm_json *at = list->first; at != NULL; at = at->next) {
        const char *image = cm_json_string(cm_json_get(at, "image"));

        if (image != NULL && image[0] != '\0') {
            l->visit(l->ctx, image);
        }
    }
}

// As deep as the tree, which the parser bounds.
static void look( // NOLINT(misc-no-recursion)
    const struct looking *l, const struct cm_json *node) {
    if (node->type != CM_OBJECT && node->type != CM_ARRAY) {
        return;
    }
    for (const struct cm_json *at = node->first; at != NULL; at = at->next) {
        if (node->type == CM_OBJECT && at->type == CM_ARRAY && holds_containers(at->key)) {
            visit_containers(l, at);
        } else {
            look(l, at);
        }
    }
}

void hub_images_each(const void *bytes, size_t size, void (*visit)(void *ctx, const char *image),
                     void *ctx) {
    static const char member[] = "\"image\"";
    const struct looking l = {visit, ctx};
    struct cm_json *object = NULL;
    struct cm_err ignored;

    if (memmem(bytes, size, member, sizeof(member) - 1) == NULL) {
        return; // most objects: not worth a tree
    }
    struct cm_arena *a = cm_arena_new(0);
    if (cm_json_parse(a, bytes, size, NULL, &object, &ignored) == CM_OK) {
        look(&l, object);
    }
    cm_arena_free(a);
}
