// The examples for CI systems are YAML.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"

static void expect_document(const char *name) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *text = NULL;
    CM_AUTOFREE char *path = cm_strf("%s/%s.yaml", EXAMPLES, name);
    struct cm_yaml_docs docs = {0};
    struct cm_err err = {0};

    if (cm_fsys_read(path, (size_t)1 << 20, &text, &err) < 0) {
        fail_msg("%s", err.msg);
    } else if (cm_yaml_parse(a, (const char *)text->data, text->size, NULL, &docs, &err) < 0) {
        fail_msg("%s: %s", path, err.msg);
    }
    assert_int_equal(docs.count, 1);
}

static void each_example_is_one_document(void **state) {
    (void)state;
    expect_document("github");
    expect_document("gitlab");
    expect_document("gitea");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_example_is_one_document),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
