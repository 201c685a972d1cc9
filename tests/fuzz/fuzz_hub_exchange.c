// What a fetch's child is told and what it answers is the same when it is written and read again;
// an answer that is taken is in its range.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "hub/repo/exchange.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static bool same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void check_request(const char *text, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_request request;
    struct hub_request again;
    struct cm_err err = {0};

    if (hub_request_read(a, text, size, &request, &err) < 0) {
        require(err.code == CM_EINVAL && err.msg[0] != '\0');
        return;
    }
    CM_AUTOFREE char *written = hub_request_write(&request);
    if (strlen(written) > HUB_EXCHANGE_MAX) {
        return; // escapes made it longer
    }
    require(hub_request_read(a, written, strlen(written), &again, &err) == CM_OK);
    require(again.verb == request.verb && again.parent == request.parent);
    require(same_text(again.folder, request.folder));
    require(same_text(again.source.url, request.source.url));
    require(same_text(again.source.password, request.source.password));
    require(same_text(again.source.known_hosts, request.source.known_hosts));
    require(again.source.allow_private_hosts == request.source.allow_private_hosts);
    require(memcmp(&again.limits, &request.limits, sizeof(again.limits)) == 0);
}

static void check_answer(const char *text, size_t size) {
    struct hub_answer answer = {0};
    struct hub_answer again = {0};
    struct cm_err err = {0};

    if (hub_answer_read(text, size, &answer, &err) < 0) {
        require(err.msg[0] != '\0');
        return;
    }
    require(answer.err.code <= CM_OK && answer.err.code >= CM_ECANCELED);
    require(memchr(answer.fetched.ref, '\0', sizeof(answer.fetched.ref)) != NULL);
    CM_AUTOFREE char *written = hub_answer_write(&answer);
    require(hub_answer_read(written, strlen(written), &again, &err) == CM_OK);
    require(again.err.code == answer.err.code && again.trouble == answer.trouble);
    require(strcmp(again.err.msg, answer.err.msg) == 0);
    require(strcmp(again.fetched.ref, answer.fetched.ref) == 0);
    require(again.fetched.changed == answer.fetched.changed);
    require(again.fetched.packs == answer.fetched.packs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check_request((const char *)data, size);
    check_answer((const char *)data, size);
    return 0;
}
