#include "agent/kube/object.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/object/canonical.h"
#include "common/object/id.h"
#include "common/str.h"

#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static struct cm_json *map_at(struct cm_arena *a, struct cm_json *object, const char *key) {
    struct cm_json *map = cm_json_get(object, key);

    if (map == NULL || map->type != CM_OBJECT) {
        map = cm_json_new(a, CM_OBJECT);
        cm_json_set(a, object, key, map);
    }
    return map;
}

void kube_object_mark(struct cm_arena *a, struct cm_json *object, const struct kube_mark *mark) {
    struct cm_json *labels = map_at(a, map_at(a, object, "metadata"), "labels");

    cm_json_set_string(a, labels, KUBE_LABEL_PART_OF, mark->applyset);
    cm_json_set_string(a, labels, KUBE_LABEL_APP, mark->app);
}

enum cm_rc kube_object_prepare(struct cm_arena *a, struct cm_json *object,
                               const struct kube_mark *mark, const char *ns, struct cm_err *err) {
    if (object->type != CM_OBJECT) {
        return cm_fail(err, CM_EINVAL, "the object is no map");
    }
    cm_object_normalise(a, object);
    struct cm_json *metadata = map_at(a, object, "metadata");
    if (ns[0] == '\0') {
        (void)cm_json_remove(metadata, "namespace");
    } else {
        cm_json_set_string(a, metadata, "namespace", ns);
    }
    if (mark != NULL) {
        kube_object_mark(a, object, mark);
    }
    return CM_OK;
}

// decode reads one UTF-8 sequence of two or three bytes; 0 for all others, which YAML takes as they
// are. The text is known to be valid.
static unsigned decode(const unsigned char *at, size_t *size) {
    if ((at[0] & 0xe0) == 0xc0) {
        *size = 2;
        return (at[0] & 0x1fU) << 6 | (at[1] & 0x3fU);
    }
    if ((at[0] & 0xf0) == 0xe0) {
        *size = 3;
        return (at[0] & 0x0fU) << 12 | (at[1] & 0x3fU) << 6 | (at[2] & 0x3fU);
    }
    *size = 1;
    return 0;
}

// is_special tells which code points a YAML reader refuses or folds.
static bool is_special(unsigned point) {
    return (point >= 0x80 && point < 0xa0) || point == 0x2028 || point == 0x2029 ||
           point == 0xfeff || point == 0xfffe || point == 0xffff;
}

void kube_object_write(const struct cm_json *object, struct cm_str *out) {
    struct cm_str json = {0};
    size_t size = 1;

    cm_json_write_compact(object, &json);
    const unsigned char *at = (const unsigned char *)cm_str_get(&json);
    const unsigned char *from = at;
    for (; *at != '\0'; at += size) {
        unsigned point = decode(at, &size);
        unsigned escaped = *at == 0x7f ? 0x7f : is_special(point) ? point : 0;

        if (escaped != 0) {
            cm_str_add_n(out, from, (size_t)(at - from));
            cm_str_addf(out, "\\u%04x", escaped);
            from = at + size;
        }
    }
    cm_str_add_n(out, from, (size_t)(at - from));
    cm_str_done(&json);
}

static const char *metadata_text(const struct cm_json *object, const char *key) {
    const char *text = cm_json_string(cm_json_path(object, "metadata", key, NULL));

    return text == NULL ? "" : text;
}

uint64_t kube_object_version(const struct cm_json *object) {
    const char *text = metadata_text(object, "resourceVersion");
    char *end;
    uint64_t version = strtoull(text, &end, 10);

    return end != text && *end == '\0' ? version : 0;
}

const char *kube_object_uid(const struct cm_json *object) {
    return metadata_text(object, "uid");
}

const char *kube_object_label(const struct cm_json *object, const char *label) {
    return cm_json_string(cm_json_path(object, "metadata", "labels", label, NULL));
}

bool kube_object_is_part_of(const struct cm_json *object, const char *applyset) {
    const char *part_of = kube_object_label(object, KUBE_LABEL_PART_OF);

    return part_of != NULL && strcmp(part_of, applyset) == 0;
}

static const struct cm_json *items_of(const struct cm_json *list) {
    return list != NULL && list->type == CM_ARRAY ? list->first : NULL;
}

static bool has_controller(const struct cm_json *object) {
    const struct cm_json *owner =
        items_of(cm_json_path(object, "metadata", "ownerReferences", NULL));

    for (; owner != NULL; owner = owner->next) {
        const struct cm_json *controller = cm_json_get(owner, "controller");

        if (controller != NULL && controller->type == CM_BOOL && controller->truth) {
            return true;
        }
    }
    return false;
}

static bool is_text(const struct cm_json *node, const char *text) {
    const char *its = cm_json_string(node);

    return its != NULL && strcmp(its, text) == 0;
}

bool kube_object_is_applied_by(const struct cm_json *object, const char *manager) {
    const struct cm_json *entry = items_of(cm_json_path(object, "metadata", "managedFields", NULL));

    if (has_controller(object)) {
        return false;
    }
    for (; entry != NULL; entry = entry->next) {
        if (is_text(cm_json_get(entry, "manager"), manager) &&
            is_text(cm_json_get(entry, "operation"), "Apply") &&
            cm_json_path(entry, "fieldsV1", "f:metadata", "f:labels", "f:" KUBE_LABEL_PART_OF,
                         NULL) != NULL) {
            return true;
        }
    }
    return false;
}

const char *kube_object_changed_by(const struct cm_json *object) {
    const struct cm_json *entry = items_of(cm_json_path(object, "metadata", "managedFields", NULL));
    const char *latest = "";
    const char *who = "";

    for (; entry != NULL; entry = entry->next) {
        const char *name = cm_json_string(cm_json_get(entry, "manager"));
        const char *time = cm_json_string(cm_json_get(entry, "time"));

        if (name != NULL && time != NULL && cm_json_get(entry, "subresource") == NULL &&
            strcmp(time, latest) >= 0) {
            latest = time;
            who = name;
        }
    }
    return who;
}

uint64_t kube_hash(uint64_t seed, const void *bytes, size_t size) {
    const unsigned char *at = bytes;
    uint64_t hash = seed == 0 ? FNV_START : seed;

    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ at[i]) * FNV_PRIME;
    }
    return hash;
}

static uint64_t hash_node(uint64_t hash, const struct cm_json *node);

// A tree is no deeper than CM_JSON_DEPTH_MAX.
static uint64_t hash_members(uint64_t hash, const struct cm_json *node, const char *const *but) {
    for (const struct cm_json *child = node->first; child != NULL; child = child->next) {
        bool left_out = false;

        for (const char *const *b = but; b != NULL && *b != NULL; b++) {
            left_out |= child->key != NULL && strcmp(child->key, *b) == 0;
        }
        hash = left_out ? hash : hash_node(hash, child);
    }
    return kube_hash(hash, "}", 1);
}

static uint64_t hash_node(uint64_t hash, const struct cm_json *node) {
    char type[2] = {(char)node->type, (char)node->truth};

    if (node->key != NULL) {
        hash = kube_hash(hash, node->key, strlen(node->key) + 1);
    }
    hash = kube_hash(hash, type, sizeof(type));
    if (node->type == CM_STRING || node->type == CM_NUMBER) {
        return kube_hash(hash, node->text, node->len + 1);
    }
    return node->type == CM_ARRAY || node->type == CM_OBJECT ? hash_members(hash, node, NULL)
                                                             : hash;
}

uint64_t kube_object_print(const struct cm_json *object) {
    static const char *const not_in_object[] = {"status", "metadata", NULL};
    static const char *const not_in_metadata[] = {"managedFields", "resourceVersion", "generation",
                                                  NULL};
    const struct cm_json *metadata = cm_json_get(object, "metadata");
    uint64_t hash = hash_members(0, object, not_in_object);

    return metadata == NULL ? hash : hash_members(hash, metadata, not_in_metadata);
}

const char *kube_object_key(struct cm_arena *a, const struct cm_json *object) {
    struct cm_object_id id;
    struct cm_err err;

    return cm_object_id_of(a, object, &id, &err) < 0 ? NULL : cm_object_key(a, &id);
}

const char *kube_key_fill(struct cm_arena *a, const char *key, const char *ns) {
    const char *slash = strchr(key, '/');
    const char *second = slash == NULL ? NULL : strchr(slash + 1, '/');

    if (second == NULL) {
        return cm_arena_strdup(a, key);
    }
    return cm_arena_strf(a, "%.*s/%s%s", (int)(slash - key), key, ns, second);
}

const char *kube_key_name(const char *key) {
    const char *slash = strchr(key, '/');
    const char *second = slash == NULL ? NULL : strchr(slash + 1, '/');

    return second == NULL ? key : second + 1;
}
