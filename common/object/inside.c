#include "common/object/inside.h"

#include <stddef.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/id.h"

static bool is_text(const struct cm_json *node, const char *text) {
    const char *own = cm_json_string(node);

    return own != NULL && strcmp(own, text) == 0;
}

static bool is_defined(const char *definition, const struct cm_json *form,
                       const struct cm_object_id *id) {
    const struct cm_json *spec = cm_json_get(form, "spec");
    const char *group = strchr(definition, '.'); // "widgets.example.com"

    if (id->group[0] == '\0' || group == NULL || strcmp(group + 1, id->group) != 0) {
        return false;
    }
    return spec == NULL || is_text(cm_json_path(spec, "names", "kind", NULL), id->kind);
}

bool cm_object_inside(const char *key, const struct cm_json *form, const char *place) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_object_id outer;
    struct cm_object_id inner;

    if (!cm_object_key_parse(a, key, &outer) || !cm_object_key_parse(a, place, &inner)) {
        return false;
    }
    if (outer.group[0] == '\0' && strcmp(outer.kind, "Namespace") == 0) {
        return strcmp(inner.namespace, outer.name) == 0;
    }
    return strcmp(outer.kind, "CustomResourceDefinition") == 0 &&
           strcmp(outer.group, "apiextensions.k8s.io") == 0 && is_defined(outer.name, form, &inner);
}
