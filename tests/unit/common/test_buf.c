#include "common/buf.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_copy_holds_the_same_bytes(void **state) {
    (void)state;
    struct cm_buf *buf = cm_buf_copy("a\0b", 3);

    assert_int_equal(buf->size, 3);
    assert_memory_equal(buf->data, "a\0b", 3);
    cm_buf_unref(buf);
}

static void a_buffer_may_be_empty(void **state) {
    (void)state;
    struct cm_buf *buf = cm_buf_copy(NULL, 0);

    assert_int_equal(buf->size, 0);
    cm_buf_unref(buf);
    cm_buf_unref(NULL);
}

enum { HOLDERS = 4 };

static void *hold_and_let_go(void *arg) {
    struct cm_buf *buf = arg;

    for (int i = 0; i < 1000; i++) {
        cm_buf_unref(cm_buf_ref(buf));
    }
    cm_buf_unref(buf);
    return NULL;
}

static void the_last_of_many_owners_frees_it(void **state) {
    (void)state;
    struct cm_buf *buf = cm_buf_copy("shared", 6);
    pthread_t holders[HOLDERS];

    for (int i = 0; i < HOLDERS; i++) {
        assert_int_equal(pthread_create(&holders[i], NULL, hold_and_let_go, cm_buf_ref(buf)), 0);
    }
    cm_buf_unref(buf); // the leak checker and ASan are the assertion
    for (int i = 0; i < HOLDERS; i++) {
        (void)pthread_join(holders[i], NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_holds_the_same_bytes),
        cmocka_unit_test(a_buffer_may_be_empty),
        cmocka_unit_test(the_last_of_many_owners_frees_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
