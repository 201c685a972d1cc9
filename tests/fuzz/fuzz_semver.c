// Tags come from a stranger: what is taken for a version is ordered totally, and a range that is
// taken answers the same for versions that are equal.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/semver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static int sign(int number) {
    return (number > 0) - (number < 0);
}

enum { TEXTS = 4 };

static void check_order(const struct cm_semver *v) {
    for (int i = 0; i < 3; i++) {
        int next = cm_semver_compare(&v[i], &v[(i + 1) % 3]);

        require(cm_semver_compare(&v[i], &v[i]) == 0);
        require(sign(next) == -sign(cm_semver_compare(&v[(i + 1) % 3], &v[i])));
    }
    if (cm_semver_compare(&v[0], &v[1]) <= 0 && cm_semver_compare(&v[1], &v[2]) <= 0) {
        require(cm_semver_compare(&v[0], &v[2]) <= 0);
    }
}

static void check_range(struct cm_arena *a, const char *text, const struct cm_semver *v,
                        int count) {
    const struct cm_semver_range *range = NULL;
    struct cm_err err = {0};

    if (cm_semver_range_parse(a, text, &range, &err) < 0) {
        require(err.code == CM_EINVAL && err.msg[0] != '\0' && range == NULL);
        return;
    }
    for (int i = 0; i + 1 < count; i++) {
        if (cm_semver_compare(&v[i], &v[i + 1]) == 0) {
            require(cm_semver_range_match(range, &v[i]) == cm_semver_range_match(range, &v[i + 1]));
        }
    }
}

// The input: lines; a range, then versions.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    char *rest = cm_arena_strndup(a, (const char *)data, size);
    const char *texts[TEXTS] = {"", "", "", ""};
    struct cm_semver versions[TEXTS - 1];
    int count = 0;

    for (int i = 0; i < TEXTS && rest != NULL; i++) {
        texts[i] = strsep(&rest, "\n");
    }
    for (int i = 1; i < TEXTS; i++) {
        count += cm_semver_parse(texts[i], &versions[count]);
    }
    if (count == 3) {
        check_order(versions);
    }
    check_range(a, texts[0], versions, count);
    return 0;
}
