// json: JSON that a test has written, as a tree.
//
// Threads: any.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/err.h"
#include "common/json.h"

// parse returns NULL for no text. What is not JSON fails the test.
static inline struct cm_json *parse(struct cm_arena *a, const char *text) {
    struct cm_json *node = NULL;
    struct cm_err err = {0};

    if (text != NULL && cm_json_parse(a, text, strlen(text), NULL, &node, &err) < 0) {
        fail_msg("%s: %s", err.msg, text);
    }
    return node;
}
