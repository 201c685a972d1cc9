#include "common/yaml_piece.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/str.h"
#include "common/utf8.h"
#include "common/yaml_scalar.h"

void cm_yaml_set_error(struct cm_err *err, const yaml_mark_t *mark, const char *fmt, ...) {
    char words[320];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    (void)cm_fail(err, CM_EINVAL, "line %zu, column %zu: %s", mark->line + 1, mark->column + 1,
                  words);
}

static int base64_value(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

// decode_binary decodes standard base64 with padding; line ends and spaces between are skipped.
static bool decode_binary(const char *text, size_t len, struct cm_str *out) {
    uint32_t bits = 0;
    size_t digits = 0;
    size_t padding = 0;

    cm_str_clear(out);
    for (size_t i = 0; i < len; i++) {
        if (strchr(" \t\r\n", text[i]) != NULL && text[i] != '\0') {
            continue;
        }
        int value = text[i] == '=' ? 0 : base64_value(text[i]);
        padding += text[i] == '=' ? 1 : 0;
        if (value < 0 || padding > 2 || (padding > 0 && text[i] != '=')) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        if (++digits % 4 == 0) {
            char bytes[3] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
            cm_str_add_n(out, bytes, 3 - padding);
        }
    }
    return digits % 4 == 0;
}

static bool is_tag(const yaml_event_t *event, const char *name) {
    const char *tag = (const char *)event->data.scalar.tag;

    return strncmp(tag, CM_YAML_TAG, strlen(CM_YAML_TAG)) == 0 &&
           strcmp(tag + strlen(CM_YAML_TAG), name) == 0;
}

static enum cm_rc piece_of_kind(const yaml_event_t *event, enum cm_yaml_kind kind,
                                struct cm_str *scratch, struct cm_yaml_piece *out,
                                struct cm_err *err) {
    const char *text = (const char *)event->data.scalar.value;

    switch (kind) {
    case CM_YAML_NULL:
        *out = (struct cm_yaml_piece){.type = CM_NULL};
        return CM_OK;
    case CM_YAML_TRUE:
    case CM_YAML_FALSE:
        *out = (struct cm_yaml_piece){.type = CM_BOOL, .truth = kind == CM_YAML_TRUE};
        return CM_OK;
    case CM_YAML_INT:
    case CM_YAML_FLOAT:
        *out = (struct cm_yaml_piece){CM_NUMBER, false, cm_str_get(scratch), scratch->len};
        return CM_OK;
    case CM_YAML_NOT_FINITE:
        return CM_YAML_FAIL(err, &event->start_mark,
                            "'%s' is no number that JSON knows: put it in quotes if it is a text",
                            text);
    case CM_YAML_STRING:
        *out = (struct cm_yaml_piece){CM_STRING, false, text, event->data.scalar.length};
        return CM_OK;
    }
    return CM_OK;
}

static enum cm_rc fail_tag(const yaml_event_t *event, const char *what, struct cm_err *err) {
    return CM_YAML_FAIL(err, &event->start_mark, "'%.100s' is not %s, as its tag says",
                        (const char *)event->data.scalar.value, what);
}

static enum cm_rc binary_piece(const yaml_event_t *event, struct cm_str *scratch,
                               struct cm_yaml_piece *out, struct cm_err *err) {
    if (!decode_binary((const char *)event->data.scalar.value, event->data.scalar.length,
                       scratch)) {
        return fail_tag(event, "base64", err);
    }
    if (cm_utf8_valid(cm_str_get(scratch), scratch->len) != scratch->len) {
        return CM_YAML_FAIL(
            err, &event->start_mark,
            "!!binary holds bytes that are no UTF-8: use a field that takes base64");
    }
    *out = (struct cm_yaml_piece){CM_STRING, false, cm_str_get(scratch), scratch->len};
    return CM_OK;
}

// tagged_piece reads a scalar that says its type.
static enum cm_rc tagged_piece(const yaml_event_t *event, struct cm_str *scratch,
                               struct cm_yaml_piece *out, struct cm_err *err) {
    const char *text = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;

    if (strcmp((const char *)event->data.scalar.tag, "!") == 0 || is_tag(event, "str") ||
        is_tag(event, "timestamp")) {
        return piece_of_kind(event, CM_YAML_STRING, scratch, out, err);
    }
    if (is_tag(event, "binary")) {
        return binary_piece(event, scratch, out, err);
    }
    // A number beyond a double's range can be written with this tag only.
    if (is_tag(event, "float") && cm_yaml_decimal(text, len, scratch)) {
        return piece_of_kind(event, CM_YAML_FLOAT, scratch, out, err);
    }
    enum cm_yaml_kind kind = cm_yaml_resolve(text, len, scratch);
    if (is_tag(event, "int")) {
        return kind == CM_YAML_INT ? piece_of_kind(event, kind, scratch, out, err)
                                   : fail_tag(event, "an integer", err);
    }
    if (is_tag(event, "float")) {
        return kind == CM_YAML_INT || kind == CM_YAML_FLOAT || kind == CM_YAML_NOT_FINITE
                   ? piece_of_kind(event, kind, scratch, out, err)
                   : fail_tag(event, "a number", err);
    }
    if (is_tag(event, "bool")) {
        return kind == CM_YAML_TRUE || kind == CM_YAML_FALSE
                   ? piece_of_kind(event, kind, scratch, out, err)
                   : fail_tag(event, "a boolean", err);
    }
    if (is_tag(event, "null")) {
        return kind == CM_YAML_NULL ? piece_of_kind(event, kind, scratch, out, err)
                                    : fail_tag(event, "null", err);
    }
    return CM_YAML_FAIL(err, &event->start_mark, "unknown tag '%.200s'",
                        (const char *)event->data.scalar.tag);
}

enum cm_rc cm_yaml_piece_of(const yaml_event_t *event, struct cm_str *scratch,
                            struct cm_yaml_piece *out, struct cm_err *err) {
    const char *text = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    enum cm_rc rc;

    if (event->data.scalar.tag != NULL) {
        rc = tagged_piece(event, scratch, out, err);
    } else if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        rc = piece_of_kind(event, cm_yaml_resolve(text, len, scratch), scratch, out, err);
    } else {
        rc = piece_of_kind(event, CM_YAML_STRING, scratch, out, err);
    }
    if (rc == CM_OK && out->text != NULL && memchr(out->text, '\0', out->len) != NULL) {
        return CM_YAML_FAIL(err, &event->start_mark, "a string may not hold a NUL");
    }
    return rc;
}
