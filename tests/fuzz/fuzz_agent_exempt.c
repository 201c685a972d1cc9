// Any document as what an object at a site says: what is taken is whole, within bounds, and is what
// a hub takes.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "agent/driver.h"
#include "agent/plan/exempt.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/object/path.h"
#include "common/utf8.h"

#define NOW_MS INT64_C(1790856000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t max) {
    size_t len = strlen(text);

    assert(len <= max && cm_utf8_valid(text, len) == len);
    for (const char *at = text; *at != '\0'; at++) {
        assert((unsigned char)*at >= ' ');
    }
}

static void check(struct cm_arena *a, const struct agent_exemption *e) {
    struct cm_object_id id;
    struct cm_path path;

    assert(e->app[0] != '\0' && e->reason[0] != '\0');
    check_text(e->app, 253);
    check_text(e->key, CM_OBJECT_KEY_MAX);
    check_text(e->field, AGENT_EXEMPTION_FIELD_MAX);
    check_text(e->reason, AGENT_EXEMPTION_REASON_MAX);
    check_text(e->actor, AGENT_EXEMPTION_BY_MAX);
    assert(cm_object_key_parse(a, e->key, &id));
    assert(e->field[0] == '\0' || cm_path_parse(a, e->field, &path));
    assert(e->until_ms > 0 && e->until_ms <= NOW_MS + AGENT_EXEMPTION_DAYS * INT64_C(86400000));
    assert(e->began_ms == 0 && e->ended_ms == 0 && !e->given);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct agent_site_object object = {.name = "one", .uid = "u", .manager = "m"};
    struct cm_json *spec = NULL;
    struct agent_exemption e;
    struct cm_err err;

    if (cm_json_parse(a, (const char *)data, size, NULL, &spec, &err) < 0) {
        return 0;
    }
    object.spec = spec;
    if (agent_exempt_read(a, &object, NOW_MS, &e, &err) == CM_OK) {
        struct cm_sha256 id = agent_exempt_id(&object);

        check(a, &e);
        assert(cm_sha256_equal(&id, &e.id));
    } else {
        assert(err.code == CM_EINVAL && err.msg[0] != '\0');
    }
    return 0;
}
