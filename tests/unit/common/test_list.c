#include "common/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct item {
    int number;
    struct cm_list link;
};

static void items_stay_in_the_order_they_were_appended(void **state) {
    (void)state;
    struct item items[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    struct cm_list head;
    int expected = 0;

    cm_list_init(&head);
    assert_true(cm_list_empty(&head));
    for (int i = 0; i < 3; i++) {
        cm_list_append(&head, &items[i].link);
    }
    for (struct cm_list *at = head.next; at != &head; at = at->next) {
        assert_int_equal(CM_CONTAINER(at, struct item, link)->number, expected++);
    }
    assert_int_equal(expected, 3);
}

static void an_item_may_be_removed_twice(void **state) {
    (void)state;
    struct item a, b;
    struct cm_list head;

    cm_list_init(&head);
    cm_list_append(&head, &a.link);
    cm_list_append(&head, &b.link);
    cm_list_remove(&a.link);
    cm_list_remove(&a.link);
    assert_ptr_equal(head.next, &b.link);
    assert_ptr_equal(head.prev, &b.link);
    cm_list_remove(&b.link);
    assert_true(cm_list_empty(&head));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_stay_in_the_order_they_were_appended),
        cmocka_unit_test(an_item_may_be_removed_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
