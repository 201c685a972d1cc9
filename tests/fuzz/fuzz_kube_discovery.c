// What discovery says becomes parts of URLs: whatever the answer is, a path that is made of it
// stays below /api or /apis and is nothing but a path.
//
// The input is the name of a kind, "Kind.group", a line feed and an answer in JSON.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/resources.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void check_path(const char *path) {
    require(strncmp(path, "/api/", 5) == 0 || strncmp(path, "/apis/", 6) == 0);
    require(strpbrk(path, " ?#%\\\r\n") == NULL && strstr(path, "//") == NULL);
    require(strstr(path, "/../") == NULL);
}

static void check_groups(struct cm_arena *a, const struct cm_json *answer) {
    const char **paths = NULL;
    size_t count = 0;
    struct cm_err err;

    if (kube_resources_groups(a, answer, &paths, &count, &err) == CM_OK) {
        for (size_t i = 0; i < count; i++) {
            check_path(paths[i]);
        }
    }
}

static void check_kind(const struct cm_json *answer, char *kind) {
    struct kube_resources *r = kube_resources_new();
    struct cm_err err;
    char *dot = strchr(kind, '.');

    if (dot != NULL) {
        *dot = '\0';
    }
    if (kube_resources_add(r, answer, &err) == CM_OK) {
        const struct kube_resource *found =
            kube_resources_find(r, dot == NULL ? "" : dot + 1, NULL, kind);
        CM_AUTOFREE char *path = found == NULL ? NULL : kube_resource_path(found, NULL, NULL);

        if (path != NULL) {
            check_path(path);
            require(kube_resources_find(r, found->group, found->version, found->kind) == found);
        }
    }
    kube_resources_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *feed = memchr(data, '\n', size);
    struct cm_json *answer = NULL;
    struct cm_err err;

    if (feed == NULL) {
        return 0;
    }
    size_t kind = (size_t)(feed - (const char *)data);
    if (cm_json_parse(a, feed + 1, size - kind - 1, NULL, &answer, &err) < 0) {
        return 0;
    }
    check_groups(a, answer);
    check_kind(answer, cm_arena_strndup(a, (const char *)data, kind));
    return 0;
}
