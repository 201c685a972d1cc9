// What is taken for a URL reads back as the same from its own text, and holds nothing that could be
// taken for an option, a second line or a secret.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "hub/repo/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth) {
    if (!truth) {
        abort();
    }
}

static int same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void check(const struct hub_url *url) {
    CM_CLEANUP(hub_url_done) struct hub_url again = {0};
    struct cm_err err;

    for (const char *p = url->text; *p != '\0'; p++) {
        require(*p > ' ' && *p < 0x7f);
    }
    require(url->path != NULL && url->path[0] != '\0' && url->path[0] != '-');
    require((url->host == NULL) == (url->scheme == HUB_URL_FILE));
    require(url->host == NULL || (url->host[0] != '\0' && url->host[0] != '-' && url->port != 0));
    require(url->user == NULL || (url->scheme == HUB_URL_SSH && strpbrk(url->user, ":@/") == NULL));
    require(hub_url_parse(url->text, &again, &err) == CM_OK);
    require(again.scheme == url->scheme && again.port == url->port);
    require(same_text(again.host, url->host) && same_text(again.user, url->user));
    require(same_text(again.path, url->path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(hub_url_done) struct hub_url url = {0};
    CM_AUTOFREE char *text = cm_new(1, size + 1);
    struct cm_err err = {0};

    memcpy(text, data, size);
    if (hub_url_parse(text, &url, &err) == CM_OK) {
        check(&url);
    } else {
        require(err.code == CM_EINVAL && err.msg[0] != '\0');
        require(url.text == NULL && url.host == NULL);
    }
    return 0;
}
