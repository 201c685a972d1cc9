// Whatever the inventory's parent says, at most so much of it is kept, and what we write of it
// reads back as the same; a log's end that is told is one short line.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/driver.h"
#include "agent/kube/applyset.h"
#include "agent/kube/internal.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void check_parent(struct cm_arena *a, const struct cm_json *parent) {
    struct kube_applyset first;
    struct kube_applyset second;

    kube_applyset_init(&first, "hub/cluster", "holdfast");
    kube_applyset_init(&second, "hub/cluster", "holdfast");
    kube_applyset_read(&first, parent);
    kube_applyset_read(&second, kube_applyset_parent(&first, a));
    require(cm_map_len(first.kinds) <= 10000 && cm_map_len(first.namespaces) <= 10000);
    require(cm_map_len(first.kinds) == cm_map_len(second.kinds));
    require(cm_map_len(first.namespaces) == cm_map_len(second.namespaces));
    require(!kube_applyset_covers(&first, "ConfigMap", "shop")); // it was never written
    kube_applyset_done(&first);
    kube_applyset_done(&second);
}

static void check_log(const char *text, size_t size) {
    CM_AUTOFREE char *line = kube_logs_join(text, size);
    size_t len = strlen(line);

    require(len <= AGENT_TAIL_MAX && cm_utf8_valid(line, len) == len);
    for (size_t i = 0; i < len; i++) {
        require((unsigned char)line[i] >= ' ' && line[i] != 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_log_source from = {NULL, NULL};
    struct cm_json *answer = NULL;
    struct cm_err err;

    check_log((const char *)data, size);
    if (cm_json_parse(a, (const char *)data, size, NULL, &answer, &err) == CM_OK) {
        check_parent(a, answer);
        require(!kube_logs_choose(answer, &from) ||
                (from.pod[0] != '\0' && from.container != NULL));
    }
    return 0;
}
