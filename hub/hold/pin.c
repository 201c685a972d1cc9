// What somebody wants instead of what Git says: a Hold that nothing in a cluster has decided.
//
// Of all objects with containers of the image, wherever they have them, each container gets the one
// that shall run; what makes the release what it is are the images as Git says them.
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "hub/hold/image.h"
#include "hub/hold/internal.h"

#define SPEC "spec"

struct pinning {
    const struct hub_hold_decision *d;
    const char *image;
    struct hub_image parts;
    struct cm_arena *a;
    struct hub_changes_of delta;
    bool runs; // something has this very image already
};

// set_image gives one container the image, if it is of the same name. It tells whether it changed.
static bool set_image(struct pinning *p, struct cm_json *container) {
    const char *image = cm_json_string(cm_json_get(container, "image"));
    struct hub_image parts;

    if (image == NULL) {
        return false;
    }
    hub_image_parse(p->a, image, &parts);
    if (strcmp(hub_image_familiar(parts.name), hub_image_familiar(p->parts.name)) != 0) {
        return false;
    }
    if (strcmp(image, p->image) == 0) {
        p->runs = true;
        return false;
    }
    cm_json_set_string(p->a, container, "image", p->image);
    return true;
}

static bool is_list_of_containers(const struct cm_json *node) {
    return node->type == CM_ARRAY && node->key != NULL &&
           (strcmp(node->key, "containers") == 0 || strcmp(node->key, "initContainers") == 0);
}

// The recursion is as deep as objects are, which their parser has limited.
static bool set_images(struct pinning *p, struct cm_json *node) { // NOLINT(misc-no-recursion)
    bool list = is_list_of_containers(node);
    bool changed = false;

    for (struct cm_json *n = node->first; n != NULL; n = n->next) {
        bool now = list ? set_image(p, n) : set_images(p, n);

        changed = changed || now;
    }
    return changed;
}

static enum cm_rc take_object(struct pinning *p, const struct hub_hold_object *object,
                              struct cm_err *err) {
    struct cm_json *now;

    if (object->bytes == NULL || hub_hold_is_secret(object->key) ||
        memmem(object->bytes, object->size, "\"image\"", 7) == NULL) {
        return CM_OK;
    }
    if (cm_json_parse(p->a, object->bytes, object->size, NULL, &now, err) < 0) {
        return cm_wrap(err, "read %s", object->key);
    }
    struct cm_json *then = cm_json_copy(p->a, now);
    if (set_images(p, then)) {
        struct cm_place place = cm_schema_member(hub_hold_root(p->a, now).place, SPEC);

        p->delta.object = cm_arena_strdup(p->a, object->key);
        hub_hold_compare(&p->delta, "/" SPEC, cm_json_get(then, SPEC), cm_json_get(now, SPEC),
                         place);
    }
    return CM_OK;
}

static enum cm_rc check_changes(const struct pinning *p, struct cm_err *err) {
    if (p->delta.count == 0 && p->runs) {
        return cm_fail(err, CM_EEXISTS, "Git says %s already", p->image);
    }
    if (p->delta.count == 0) {
        return cm_fail(err, CM_ENOTFOUND,
                       "no container of App '%s' has an image '%s': name one that it has, with "
                       "another tag or digest",
                       p->d->app, p->parts.name);
    }
    if (p->delta.count > HUB_HOLD_FIELDS_MAX) {
        return cm_fail(err, CM_EINVAL, "%zu containers have this image, more than a Hold names",
                       p->delta.count);
    }
    return CM_OK;
}

static struct hub_hold *finish(struct pinning *p) {
    const struct hub_hold_decision *d = p->d;
    struct hub_hold_identity *identity =
        cm_arena_get(p->a, (p->delta.count + 1) * sizeof(*identity));
    struct hub_hold hold = {
        .app = d->app,
        .clusters = d->clusters,
        .bad_revision = d->bad_revision,
        .good_revision = "",
        .identity = identity,
        .identity_count = p->delta.count,
        .delta = p->delta.items,
        .delta_count = p->delta.count,
        .cause = d->cause,
        .event = "",
    };

    for (size_t i = 0; i < p->delta.count; i++) {
        identity[i] = (struct hub_hold_identity){.object = p->delta.items[i].object,
                                                 .at = p->delta.items[i].at,
                                                 .value = p->delta.items[i].bad};
    }
    hold.name = hub_hold_name(p->a, &hold);
    return hub_hold_with(&hold, d->clusters, d->cluster_count);
}

enum cm_rc hub_hold_pin(const struct hub_hold_decision *d, const char *image, struct hub_hold **out,
                        struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct pinning p = {.d = d, .image = image, .a = a, .delta = {.a = a}};

    hub_image_parse(a, image, &p.parts);
    if (p.parts.tag[0] == '\0' && p.parts.digest[0] == '\0') {
        return cm_fail(err, CM_EINVAL, "image: '%.200s' has neither tag nor digest", image);
    }
    for (size_t i = 0; i < d->bad_count; i++) {
        if (take_object(&p, &d->bad[i], err) < 0) {
            return err->code;
        }
    }
    if (check_changes(&p, err) < 0) {
        return err->code;
    }
    *out = finish(&p);
    return CM_OK;
}
