// Holds applied to the objects of an App.
#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/tls/digest.h"
#include "hub/hold/image.h"
#include "hub/hold/internal.h"

// A field of a hold, and what stands there now.
struct field {
    struct cm_path path;
    struct cm_json *object; // NULL: there is none
    struct cm_cursor at;
};

static struct field find_field(const struct hub_hold_objects *objects, const char *key,
                               const char *at) {
    struct field f = {.object = objects->find(objects->ctx, key)};

    if (f.object != NULL && at[0] != '\0' && cm_field_parse(objects->arena, at, &f.path)) {
        f.at =
            cm_field_walk(hub_hold_root(objects->arena, f.object), f.path.segments, f.path.count);
    }
    return f;
}

static bool same(const char *at, const struct cm_json *a, const struct cm_json *b) {
    if (a == NULL || b == NULL) {
        return a == b;
    }
    if (hub_hold_is_image(at) && a->type == CM_STRING && b->type == CM_STRING) {
        return hub_image_same(a->text, b->text);
    }
    return cm_json_equal(a, b);
}

const struct hub_hold_delta *hub_hold_delta_of(const struct hub_hold *hold,
                                               const struct hub_hold_identity *id) {
    for (size_t i = 0; i < hold->delta_count; i++) {
        if (strcmp(hold->delta[i].object, id->object) == 0 &&
            strcmp(hold->delta[i].at, id->at) == 0) {
            return &hold->delta[i];
        }
    }
    return NULL;
}

// ---- In force

// has_rejected_lines tells whether a file still has lines of the rejected release that the good one
// would take back. Of one that is too large to merge only the rejected release as a whole is.
static bool has_rejected_lines(struct cm_arena *a, const struct hub_hold_delta *d,
                               const char *now) {
    const char *merged;

    if (strcmp(now, d->use->text) == 0 || strcmp(now, d->bad->text) == 0) {
        return strcmp(now, d->use->text) != 0;
    }
    switch (hub_merge_text(a, d->bad->text, now, d->use->text, &merged)) {
    case HUB_MERGE_CLEAN:
        return strcmp(merged, now) != 0;
    case HUB_MERGE_TOO_LARGE:
        return false;
    case HUB_MERGE_CONFLICT:
        break;
    }
    return true;
}

static bool is_rejected(const struct hub_hold *hold, const struct hub_hold_identity *id,
                        const struct hub_hold_objects *objects) {
    const struct hub_hold_delta *d = hub_hold_delta_of(hold, id);
    struct field f = find_field(objects, id->object, id->at);
    const char *text = cm_json_string(f.at.node);

    if (f.object == NULL) {
        return false;
    }
    if (text != NULL && d != NULL && hub_merge_is_text(d->bad, d->use)) {
        return has_rejected_lines(objects->arena, d, text);
    }
    if (id->sha256 != NULL) {
        struct cm_sha256 digest =
            text != NULL ? cm_sha256(text, strlen(text)) : (struct cm_sha256){0};
        char hex[CM_SHA256_HEX_MAX];

        cm_sha256_hex(&digest, hex);
        return text != NULL && strcmp(hex, id->sha256) == 0;
    }
    return same(id->at, f.at.node, id->value);
}

bool hub_hold_in_force(const struct hub_hold *hold, const struct hub_hold_objects *objects) {
    bool rejected = !hold->retry && hold->identity_count > 0;

    for (size_t i = 0; rejected && i < hold->identity_count; i++) {
        rejected = is_rejected(hold, &hold->identity[i], objects);
    }
    return rejected;
}

// ---- What it no longer finds

struct counting {
    const char *image;
    size_t count;
};

// count_image never fits, so that all containers are asked.
static bool count_image(const void *ctx, const char *other) {
    struct counting *c = *(struct counting *const *)ctx;

    c->count += hub_image_same(c->image, other) ? 1 : 0;
    return false;
}

static size_t count_in(const struct hub_hold_objects *objects, const char *key, const char *image) {
    const struct cm_json *object = objects->find(objects->ctx, key);
    struct counting counting = {.image = image};
    struct counting *c = &counting;

    if (object != NULL) {
        (void)hub_image_find(object, count_image, &c);
    }
    return counting.count;
}

// find_image finds an object with more containers of an image than it has as it runs.
static const char *find_image(const struct hub_hold_objects *objects,
                              const struct hub_hold_objects *running, const char *const *keys,
                              size_t count, const char *image) {
    for (size_t i = 0; i < count; i++) {
        size_t has = count_in(objects, keys[i], image);

        if (has > 0 && has > count_in(running, keys[i], image)) {
            return keys[i];
        }
    }
    return NULL;
}

const char *hub_hold_elsewhere(const struct hub_hold *hold, const struct hub_hold_objects *objects,
                               const struct hub_hold_objects *running, const char *const *keys,
                               size_t count) {
    const char *found = NULL;

    for (size_t i = 0; i < hold->identity_count; i++) {
        const struct hub_hold_identity *id = &hold->identity[i];
        const char *image = hub_hold_is_image(id->at) ? cm_json_string(id->value) : NULL;
        bool gone = find_field(objects, id->object, id->at).at.node == NULL;

        if (gone && image != NULL) {
            const char *other = find_image(objects, running, keys, count, image);

            if (other == NULL) {
                return NULL;
            }
            found = found != NULL ? found : other;
        } else if (!is_rejected(hold, id, objects)) {
            return NULL;
        }
    }
    return found;
}

// ---- Restoring

static bool is_identity(const struct hub_hold *hold, const struct hub_hold_delta *d) {
    for (size_t i = 0; i < hold->identity_count; i++) {
        if (strcmp(hold->identity[i].object, d->object) == 0 &&
            strcmp(hold->identity[i].at, d->at) == 0) {
            return true;
        }
    }
    return false;
}

// value_for is what a field becomes. What makes the release what it is never stays.
static const struct cm_json *value_for(const struct hub_hold *hold, const struct hub_hold_delta *d,
                                       const struct field *f, struct cm_arena *a) {
    const struct cm_json *now = f->at.node;
    const struct cm_json *value =
        same(d->at, now, d->bad) ? d->use : hub_merge_value(a, f->at.place, d->bad, now, d->use);

    return value == now && is_identity(hold, d) ? d->use : value;
}

static void restore_object(const struct hub_hold_delta *d, const struct hub_hold_objects *objects) {
    if (objects->find(objects->ctx, d->object) == NULL) {
        objects->add(objects->ctx, d->object, cm_json_copy(objects->arena, d->use));
    }
}

static void restore_field(const struct hub_hold *hold, const struct hub_hold_delta *d,
                          const struct hub_hold_objects *objects) {
    struct field f = find_field(objects, d->object, d->at);

    if (f.object == NULL) {
        return;
    }
    const struct cm_json *value = value_for(hold, d, &f, objects->arena);
    if (!same("", f.at.node, value)) {
        objects->touch(objects->ctx, d->object);
        (void)cm_field_set(objects->arena, f.object, &f.path, value);
    }
}

static void restore(const struct hub_hold *hold, const struct hub_hold_objects *objects) {
    for (size_t i = 0; i < hold->delta_count; i++) {
        if (hold->delta[i].at[0] == '\0') {
            restore_object(&hold->delta[i], objects);
        } else {
            restore_field(hold, &hold->delta[i], objects);
        }
    }
}

size_t hub_hold_apply(const struct hub_hold *const *holds, size_t count,
                      const struct hub_hold_objects *objects, bool *applied) {
    bool any = true;

    memset(applied, 0, count * sizeof(*applied));
    while (any) {
        any = false;
        for (size_t i = 0; i < count; i++) {
            if (!applied[i] && hub_hold_in_force(holds[i], objects)) {
                restore(holds[i], objects);
                applied[i] = true;
                any = true;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (applied[i] && hub_hold_in_force(holds[i], objects)) {
            return i;
        }
    }
    return SIZE_MAX;
}
