// A file of repositories that is taken has only names that are labels, each once, and values within
// their ranges; one that is refused says where, and leaves nothing.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/fsys.h"
#include "hub/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void check(const struct hub_repositories *list, size_t i) {
    const struct hub_repository *r = &list->items[i];
    size_t len = strlen(r->name);

    require(len > 0 && len <= 63 && r->name[0] != '-' && r->name[len - 1] != '-');
    require(strspn(r->name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len);
    require(r->url[0] != '\0' && r->branch[0] != '\0');
    require(r->path[0] == '\0' || cm_fsys_path_ok(r->path));
    require((r->poll_ms == 0 || r->poll_ms >= 1000) && r->timeout_ms >= 1000);
    require(r->token == NULL || r->token[0] != '\0');
    for (size_t k = 0; k < i; k++) {
        require(strcmp(list->items[k].name, r->name) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct hub_repositories list = {0};
    struct cm_err err = {0};
    const char *text = (const char *)data;

    if (hub_repositories_read("repositories.yaml", text, size, &list, &err) < 0) {
        require(list.items == NULL && list.count == 0);
        require(strncmp(err.msg, "repositories.yaml", 17) == 0);
    }
    for (size_t i = 0; i < list.count; i++) {
        check(&list, i);
    }
    hub_repositories_done(&list);
    return 0;
}
