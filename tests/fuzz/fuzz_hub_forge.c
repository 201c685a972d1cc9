// What a provider of pull requests answers is never trusted: links are of the web, ids of commits
// hexadecimal digits, numbers positive.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hub/forge/forge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth) {
    if (!truth) {
        abort();
    }
}

static void check_sha(const char *sha) {
    size_t len = strlen(sha);

    require(len == 0 || len == 40 || len == 64);
    require(strspn(sha, "0123456789abcdef") == len);
}

static void check(const struct hub_forge_pull *pull) {
    if (pull->state == HUB_FORGE_MISSING) {
        return;
    }
    require(pull->number > 0);
    require(pull->url[0] == '\0' || strncmp(pull->url, "http", 4) == 0);
    require(strpbrk(pull->url, " \"<>\n") == NULL);
    check_sha(pull->head);
    check_sha(pull->commit);
}

// The first byte chooses provider and verb, the second the status.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int statuses[] = {200, 201, 204, 302, 401, 403, 404, 409, 422, 429, 500};
    static char text[] = "a/b";
    struct hub_forge_answer answer = {0};
    struct cm_err err = {0};

    if (size < 2) {
        return 0;
    }
    const struct hub_forge_project p = {
        .provider = (enum hub_forge_provider)(1 + data[0] % 3), .api = text, .name = text};
    const struct hub_forge_ask ask = {.verb = (enum hub_forge_verb)(data[0] / 3 % 7),
                                      .branch = "holdfast/x",
                                      .base = "main",
                                      .number = 1,
                                      .page = 1};
    int status = statuses[data[1] % (sizeof(statuses) / sizeof(statuses[0]))];

    if (hub_forge_answer_read(&p, &ask, status, (const char *)data + 2, size - 2, &answer, &err) <
        0) {
        require(err.code != CM_OK && err.msg[0] != '\0');
    } else {
        check(&answer.pull);
    }
    return 0;
}
