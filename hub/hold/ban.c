#include "hub/hold/ban.h"

#include <fnmatch.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/semver.h"
#include "hub/hold/image.h"

#define IMAGES_MAX 1000

static const char *text_of(struct cm_arena *a, const struct cm_json *object, const char *name) {
    const char *text = cm_json_string(cm_json_get(object, name));

    return text != NULL ? cm_arena_strdup(a, text) : NULL;
}

static enum cm_rc read_image(struct cm_arena *a, const struct cm_json *node,
                             struct hub_ban_image *out, struct cm_err *err) {
    const char *versions = cm_json_string(cm_json_get(node, "versions"));

    *out = (struct hub_ban_image){.name = text_of(a, node, "name"),
                                  .digest = text_of(a, node, "digest"),
                                  .tag = text_of(a, node, "tag"),
                                  .range = text_of(a, node, "versions")};
    if (out->name == NULL && out->digest == NULL) {
        return cm_fail(err, CM_EINVAL, "this names no image: write a name, or a digest");
    }
    return versions != NULL ? cm_semver_range_parse(a, versions, &out->versions, err) : CM_OK;
}

enum cm_rc hub_ban_read(struct cm_arena *a, const struct cm_json *document, struct hub_ban *out,
                        const struct cm_json **wrong, struct cm_err *err) {
    const struct cm_json *spec = cm_json_get(document, "spec");
    const struct cm_json *list = cm_json_get(spec, "images");
    size_t count = list != NULL && list->type == CM_ARRAY ? list->count : 0;
    struct hub_ban_image *images = cm_arena_get(a, (count + 1) * sizeof(*images));
    const char *name = text_of(a, cm_json_get(document, "metadata"), "name");
    const char *reason = text_of(a, spec, "reason");
    size_t i = 0;

    *wrong = document;
    if (count == 0 || count > IMAGES_MAX) {
        return cm_fail(err, CM_EINVAL,
                       "spec.images names nothing, or too much: list what is "
                       "banned");
    }
    for (const struct cm_json *n = list->first; n != NULL; n = n->next) {
        enum cm_rc rc = read_image(a, n, &images[i++], err);

        if (rc < 0) {
            *wrong = n;
            return rc;
        }
    }
    *out = (struct hub_ban){.name = name != NULL ? name : "",
                            .app = text_of(a, spec, "app"),
                            .images = images,
                            .image_count = count,
                            .reason = reason != NULL ? reason : ""};
    return CM_OK;
}

struct meant {
    struct hub_image parts;
    const char *names[HUB_IMAGE_NAMES];
    size_t name_count;
};

static bool fits_name(const char *pattern, const struct meant *m) {
    for (size_t i = 0; i < m->name_count; i++) {
        if (fnmatch(pattern, m->names[i], 0) == 0) {
            return true;
        }
    }
    return false;
}

static bool fits(const struct hub_ban_image *b, const struct meant *m) {
    const struct hub_image *image = &m->parts;
    struct cm_semver version;

    if (b->name != NULL && !fits_name(b->name, m)) {
        return false;
    }
    if (b->digest != NULL && strcmp(b->digest, image->digest) != 0) {
        return false;
    }
    if (b->tag != NULL && fnmatch(b->tag, image->tag, 0) != 0) {
        return false;
    }
    return b->versions == NULL ||
           (cm_semver_parse(image->tag, &version) && cm_semver_range_match(b->versions, &version));
}

bool hub_ban_forbids(const struct hub_ban *ban, const char *app, const char *image) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct meant m;

    if (ban->app != NULL && strcmp(ban->app, app) != 0) {
        return false;
    }
    hub_image_parse(a, image, &m.parts);
    m.name_count = hub_image_names(a, m.parts.name, m.names);
    for (size_t i = 0; i < ban->image_count; i++) {
        if (fits(&ban->images[i], &m)) {
            return true;
        }
    }
    return false;
}

struct asking {
    const struct hub_ban *ban;
    const char *app;
};

static bool is_forbidden(const void *ctx, const char *image) {
    const struct asking *asking = ctx;

    return hub_ban_forbids(asking->ban, asking->app, image);
}

const char *hub_ban_finds(const struct hub_ban *ban, const char *app,
                          const struct cm_json *object) {
    return hub_image_find(object, is_forbidden, &(struct asking){ban, app});
}
