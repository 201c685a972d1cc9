#include "hub/api/uri.h"

#include <stdbool.h>
#include <string.h>

#include "common/arena.h"
#include "common/utf8.h"

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// The byte of "%XX" at text[0..left), or -1.
static int escaped_byte(const char *text, size_t left) {
    if (left < 3 || hex_value(text[1]) < 0 || hex_value(text[2]) < 0) {
        return -1;
    }
    return hex_value(text[1]) << 4 | hex_value(text[2]);
}

// Decodes %XX, and '+' if `plus`; NULL if an escape is broken, a control byte comes out or the
// whole is not UTF-8.
static char *decode(struct cm_arena *a, const char *text, size_t len, bool plus) {
    char *out = cm_arena_get(a, len + 1);
    size_t size = 0;

    for (size_t i = 0; i < len; i++) {
        int c = (unsigned char)text[i];

        if (c == '%') {
            c = escaped_byte(text + i, len - i);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c < ' ' || c == 0x7f) {
            return NULL;
        }
        out[size++] = (char)c;
    }
    return cm_utf8_valid(out, size) == size ? out : NULL;
}

const char *hub_uri_param(const struct hub_uri *uri, const char *name) {
    for (size_t i = 0; i < uri->param_count; i++) {
        if (strcmp(uri->params[i].name, name) == 0) {
            return uri->params[i].value;
        }
    }
    return NULL;
}

static enum cm_rc add_param(struct cm_arena *a, struct hub_uri *uri, const char *text, size_t len,
                            struct cm_err *err) {
    const char *equals = memchr(text, '=', len);
    size_t name_len = equals == NULL ? len : (size_t)(equals - text);
    const char *name = decode(a, text, name_len, true);
    const char *value = equals == NULL ? "" : decode(a, equals + 1, len - name_len - 1, true);

    if (name == NULL || value == NULL) {
        return cm_fail(err, CM_EINVAL, "the parameter '%.*s' is not percent-encoded UTF-8",
                       (int)(len < 80 ? len : 80), text);
    }
    if (hub_uri_param(uri, name) != NULL) {
        return cm_fail(err, CM_EINVAL, "the parameter '%.80s' is given twice", name);
    }
    if (uri->param_count == HUB_QUERY_PARAMS_MAX) {
        return cm_fail(err, CM_EINVAL, "more than %d parameters", HUB_QUERY_PARAMS_MAX);
    }
    uri->params[uri->param_count++] = (struct hub_query_param){.name = name, .value = value};
    return CM_OK;
}

static enum cm_rc add_params(struct cm_arena *a, struct hub_uri *uri, const char *text,
                             struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    while (rc == CM_OK && *text != '\0') {
        size_t len = strcspn(text, "&");

        if (len > 0) {
            rc = add_param(a, uri, text, len, err);
        }
        text += len + (text[len] == '&');
    }
    return rc;
}

enum cm_rc hub_uri_parse(struct cm_arena *a, const char *text, struct hub_uri *out,
                         struct cm_err *err) {
    size_t path_len = strcspn(text, "?");
    struct hub_uri uri = {0};

    if (strnlen(text, HUB_URI_MAX + 1) > HUB_URI_MAX) {
        return cm_fail(err, CM_EINVAL, "the address is longer than %d bytes", HUB_URI_MAX);
    }
    uri.path = decode(a, text, path_len, false);
    if (uri.path == NULL || uri.path[0] != '/') {
        return cm_fail(err, CM_EINVAL, "the address is no path of percent-encoded UTF-8");
    }
    if (text[path_len] == '?' && add_params(a, &uri, text + path_len + 1, err) < 0) {
        return err->code;
    }
    *out = uri;
    return CM_OK;
}
