// A watch's line that is taken has a type and an object, of which everything that the driver reads
// can be read: a health that is one, a key that reads back, a print that a copy has too.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/health.h"
#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void check_key(struct cm_arena *a, const struct cm_json *object) {
    const char *key = kube_object_key(a, object);
    struct cm_object_id id;

    if (key != NULL) {
        require(cm_object_key_parse(a, key, &id));
        require(strcmp(kube_key_name(key), id.name) == 0);
        require(strcmp(kube_key_fill(a, key, id.namespace), key) == 0);
    }
}

// check_body: what we would send of it is JSON with the same meaning.
static void check_body(struct cm_arena *a, const struct cm_json *object) {
    struct cm_json *again = NULL;
    struct cm_str body = {0};
    struct cm_err err;

    kube_object_write(object, &body);
    require(cm_json_parse(a, body.data, body.len, NULL, &again, &err) == CM_OK);
    require(cm_json_equal(object, again));
    cm_str_done(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct agent_health_options options = {.addresses = size % 2 == 1};
    struct kube_health health = {.message = NULL};
    struct cm_json *object = NULL;
    const char *type = NULL;
    struct cm_err err;

    if (kube_watch_read(a, (const char *)data, size, &type, &object, &err) < 0) {
        require(object == NULL && type == NULL && err.msg[0] != '\0');
        return 0;
    }
    require(type != NULL && object->type == CM_OBJECT);
    kube_health_of(a, object, &options, 1893456000000, &health);
    require(health.health <= AGENT_HEALTH_DEGRADED && health.message != NULL);
    require((health.health == AGENT_HEALTH_HEALTHY) == (health.message[0] == '\0'));
    require(kube_object_print(object) == kube_object_print(cm_json_copy(a, object)));
    check_key(a, object);
    check_body(a, object);
    return 0;
}
