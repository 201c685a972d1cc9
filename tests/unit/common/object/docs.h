// docs: documents written in tests. Included by the tests of this folder only.
//
// Threads: one.
#pragma once

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/str.h"
#include "common/yaml.h"

static inline int set_up(void **state) {
    *state = cm_arena_new(0);
    return 0;
}

static inline int take_down(void **state) {
    cm_arena_free(*state);
    return 0;
}

// yaml reads one document; it fails the test if there is none.
static inline struct cm_json *yaml(void **state, const char *text) {
    struct cm_yaml_docs docs = {0};
    struct cm_err err = {0};

    if (cm_yaml_parse(*state, text, strlen(text), NULL, &docs, &err) != CM_OK || docs.count != 1) {
        print_error("%s: %s\n", text, err.msg);
        fail();
    }
    return docs.docs[0];
}

static inline void assert_compact(const struct cm_json *node, const char *expected) {
    struct cm_str out = {0};

    cm_json_write_compact(node, &out);
    assert_string_equal(cm_str_get(&out), expected);
    cm_str_done(&out);
}
