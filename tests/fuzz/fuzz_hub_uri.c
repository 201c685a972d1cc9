// What is taken for the address of a request is text without control characters, its parameters
// have different names, and it is the same when it is written with escapes and read again.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/utf8.h"
#include "hub/api/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth) {
    if (!truth) {
        abort();
    }
}

static void check_text(const char *text) {
    size_t len = strlen(text);

    require(cm_utf8_valid(text, len) == len);
    for (; *text != '\0'; text++) {
        require((unsigned char)*text >= ' ' && *text != 0x7f);
    }
}

static void write_escaped(const char *text, struct cm_str *out) {
    for (; *text != '\0'; text++) {
        cm_str_addf(out, "%%%02x", (unsigned char)*text);
    }
}

static void write_uri(const struct hub_uri *uri, struct cm_str *out) {
    cm_str_add_char(out, '/');
    write_escaped(uri->path + 1, out);
    for (size_t i = 0; i < uri->param_count; i++) {
        cm_str_add_char(out, i == 0 ? '?' : '&');
        write_escaped(uri->params[i].name, out);
        cm_str_add_char(out, '=');
        write_escaped(uri->params[i].value, out);
    }
}

static void check(struct cm_arena *a, const struct hub_uri *uri) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct hub_uri again;
    struct cm_err err;

    require(uri->path[0] == '/' && uri->param_count <= HUB_QUERY_PARAMS_MAX);
    check_text(uri->path);
    for (size_t i = 0; i < uri->param_count; i++) {
        check_text(uri->params[i].name);
        check_text(uri->params[i].value);
        require(hub_uri_param(uri, uri->params[i].name) == uri->params[i].value);
    }
    write_uri(uri, &text);
    if (text.len > HUB_URI_MAX) {
        return;
    }
    require(hub_uri_parse(a, cm_str_get(&text), &again, &err) == CM_OK);
    require(strcmp(uri->path, again.path) == 0 && uri->param_count == again.param_count);
    for (size_t i = 0; i < uri->param_count; i++) {
        require(strcmp(uri->params[i].name, again.params[i].name) == 0);
        require(strcmp(uri->params[i].value, again.params[i].value) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_uri uri = {0};
    struct cm_err err = {0};

    if (hub_uri_parse(a, cm_arena_strndup(a, (const char *)data, size), &uri, &err) == CM_OK) {
        check(a, &uri);
    } else {
        require(err.code == CM_EINVAL && err.msg[0] != '\0' && uri.path == NULL);
    }
    return 0;
}
