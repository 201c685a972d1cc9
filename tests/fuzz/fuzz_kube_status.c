// An answer of the API server that is no success becomes words of one line, with a code that says
// whether to try again, whatever the answer is; what is said of it agrees.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/immutable.h"
#include "agent/kube/resources.h"
#include "agent/kube/status.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int statuses[] = {400, 401, 403, 404, 405, 409, 410, 413, 422, 429, 500, 503, 0, 999};

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

// check_words: the field of an error is full at most, and ends.
static void check_words(const struct cm_err *err, enum cm_rc rc) {
    require(rc < 0 && rc >= CM_EIO && err->code == rc);
    require(memchr(err->msg, '\0', sizeof(err->msg)) != NULL && err->msg[0] != '\0');
}

static void check(struct cm_arena *a, int status, const struct cm_json *answer,
                  const char *account) {
    static const struct kube_resource pods = {"", "v1", "Pod", "pods", true};
    const struct kube_asked of_it = {"patch and create", &pods, "shop", "web", account};
    const struct kube_asked of_all = {"list", NULL, "", NULL, account};
    struct cm_err err = {0};

    check_words(&err, kube_status_error(&of_it, status, answer, &err));
    check_words(&err, kube_status_error(&of_all, status, answer, &err));
    require(status != 404 || kube_status_is_early(status, answer));
    require(!kube_status_is_taken(answer, ".spec") || kube_status_is_taken(answer, NULL));
    if (kube_immutable_is(status, answer)) {
        require(status == 422);
        require(strlen(kube_immutable_fields(a, answer)) < 4096);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *answer = NULL;
    struct cm_err err;

    if (size == 0) {
        return 0;
    }
    int status = statuses[data[0] % (sizeof(statuses) / sizeof(statuses[0]))];
    if (cm_json_parse(a, (const char *)data + 1, size - 1, NULL, &answer, &err) < 0) {
        answer = NULL;
    }
    check(a, status, answer, data[0] >= 0x80 ? "shop/deployer" : NULL);
    return 0;
}
