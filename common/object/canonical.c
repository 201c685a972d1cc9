#include "common/object/canonical.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/object/secret.h"
#include "common/str.h"
#include "common/tls/digest.h"

static const char *const server_owned[] = {
    "creationTimestamp", "deletionGracePeriodSeconds",
    "deletionTimestamp", "generation",
    "managedFields",     "resourceVersion",
    "selfLink",          "uid",
};

#define USUAL_SIZE 2000 // bytes of an object; others grow

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

bool cm_object_is_server_owned(const char *name) {
    for (size_t i = 0; i < COUNT(server_owned); i++) {
        if (strcmp(server_owned[i], name) == 0) {
            return true;
        }
    }
    return false;
}

// drop_nulls removes members that are null, at all depths. Elements of lists stay: they have
// places.
static void drop_nulls(struct cm_json *node) {
    struct cm_json all = *node;
    struct cm_json *next;

    if (node->type != CM_OBJECT && node->type != CM_ARRAY) {
        return;
    }
    node->first = node->last = NULL;
    node->count = 0;
    for (struct cm_json *item = all.first; item != NULL; item = next) {
        next = item->next;
        if (item->type == CM_NULL && node->type == CM_OBJECT) {
            continue;
        }
        drop_nulls(item);
        cm_json_append(node, item);
    }
}

// is_built_in tells whether a kind is one of Kubernetes' own, for which null means that there is no
// such field and status is what the cluster says.
static bool is_built_in(const struct cm_json *object) {
    const char *version = cm_json_string(cm_json_get(object, "apiVersion"));
    const char *kind = cm_json_string(cm_json_get(object, "kind"));
    const char *slash = version != NULL ? strchr(version, '/') : NULL;
    char group[64];

    if (version == NULL || kind == NULL) {
        return false;
    }
    size_t len = slash != NULL ? (size_t)(slash - version) : 0;
    (void)snprintf(group, sizeof(group), "%.*s", (int)len, version);
    return len < sizeof(group) && cm_object_scope(group, kind) != CM_SCOPE_UNKNOWN;
}

void cm_object_normalise(struct cm_arena *a, struct cm_json *object) {
    struct cm_json *metadata = cm_json_get(object, "metadata");

    if (is_built_in(object)) {
        drop_nulls(object);
        (void)cm_json_remove(object, "status");
    } else if (metadata != NULL) {
        drop_nulls(metadata);
    }
    for (size_t i = 0; metadata != NULL && i < COUNT(server_owned); i++) {
        (void)cm_json_remove(metadata, server_owned[i]);
    }
    cm_secret_settle(a, object);
}

struct cm_buf *cm_object_hash(const struct cm_json *object, struct cm_sha256 *out) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_str_reserve(&text, USUAL_SIZE);
    cm_json_write_canonical(object, &text);
    *out = cm_sha256(text.data, text.len);
    return cm_buf_copy(text.data, text.len);
}
