#include "hub/jobs/state_hide.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/object/hiding.h"

struct cm_json *hub_state_hide(const struct hub_state_hiding *h, const char *object_key,
                               const char *path, const char *value) {
    const struct cm_hiding hiding = {.key = h->key, .object_key = object_key};
    const char *told = cm_hiding_text(h->arena, &hiding, path, value);
    struct cm_json *tree = NULL;
    struct cm_err err;

    if (value[0] == '\0') {
        return NULL;
    }
    if (cm_json_parse(h->arena, told, strlen(told), NULL, &tree, &err) < 0) {
        return cm_hiding_hash(h->arena, h->key, value, strlen(value)); // it was cut
    }
    return tree;
}
