#include "common/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/str.h"

static int freed;

static void count_free(void *value) {
    freed++;
    free(value);
}

static void a_key_that_was_not_put_is_not_there(void **state) {
    (void)state;
    struct cm_map *m = cm_map_new(NULL);

    assert_null(cm_map_get(m, "x"));
    assert_false(cm_map_remove(m, "x"));
    assert_null(cm_map_take(m, "x"));
    assert_int_equal(cm_map_len(m), 0);
    cm_map_free(m);
}

static void the_map_keeps_its_own_copy_of_a_key(void **state) {
    (void)state;
    struct cm_map *m = cm_map_new(NULL);
    char key[] = "paris";
    int value;

    cm_map_put(m, key, &value);
    key[0] = 'x';
    assert_ptr_equal(cm_map_get(m, "paris"), &value);
    cm_map_free(m);
}

static void values_are_freed_when_replaced_removed_or_left(void **state) {
    (void)state;
    struct cm_map *m = cm_map_new(count_free);

    freed = 0;
    cm_map_put(m, "a", cm_strdup("1"));
    cm_map_put(m, "a", cm_strdup("2"));
    assert_int_equal(freed, 1);
    cm_map_put(m, "b", cm_strdup("3"));
    assert_true(cm_map_remove(m, "b"));
    assert_int_equal(freed, 2);
    cm_map_free(m);
    assert_int_equal(freed, 3);
}

static void a_taken_value_belongs_to_the_taker(void **state) {
    (void)state;
    struct cm_map *m = cm_map_new(count_free);
    char *value = cm_strdup("1");

    freed = 0;
    cm_map_put(m, "a", value);
    assert_ptr_equal(cm_map_take(m, "a"), value);
    assert_null(cm_map_get(m, "a"));
    cm_map_free(m);
    assert_int_equal(freed, 0);
    free(value);
}

static void putting_the_same_value_again_keeps_it(void **state) {
    (void)state;
    struct cm_map *m = cm_map_new(count_free);
    char *value = cm_strdup("1");

    freed = 0;
    cm_map_put(m, "a", value);
    cm_map_put(m, "a", value);
    assert_int_equal(freed, 0);
    assert_string_equal(cm_map_get(m, "a"), "1");
    cm_map_free(m);
}

static void many_keys_of_every_length_are_found(void **state) {
    (void)state;
    enum { MANY = 5000 };
    static int values[MANY];
    struct cm_map *m = cm_map_new(NULL);
    char key[64];

    for (int i = 0; i < MANY; i++) {
        (void)snprintf(key, sizeof(key), "%.*s%d", i % 40,
                       "........................................", i);
        cm_map_put(m, key, &values[i]);
    }
    assert_int_equal(cm_map_len(m), MANY);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(key, sizeof(key), "%.*s%d", i % 40,
                       "........................................", i);
        assert_ptr_equal(cm_map_get(m, key), &values[i]);
    }
    cm_map_free(m);
}

struct walk {
    struct cm_map *m;
    struct cm_str seen;
    const char *stop_at;
};

static bool note(void *ctx, const char *key, void *value) {
    struct walk *walk = ctx;

    (void)value;
    cm_str_addf(&walk->seen, "%s ", key);
    return walk->stop_at == NULL || strcmp(key, walk->stop_at) != 0;
}

static bool note_and_remove(void *ctx, const char *key, void *value) {
    struct walk *walk = ctx;
    bool more = note(ctx, key, value);

    assert_true(cm_map_remove(walk->m, key));
    return more;
}

static struct cm_map *three(void) {
    static int value;
    struct cm_map *m = cm_map_new(NULL);

    cm_map_put(m, "c", &value);
    cm_map_put(m, "a", &value);
    cm_map_put(m, "b", &value);
    return m;
}

static void entries_are_visited_oldest_first(void **state) {
    (void)state;
    struct walk walk = {.m = three()};

    cm_map_each(walk.m, note, &walk);
    assert_string_equal(cm_str_get(&walk.seen), "c a b ");
    cm_str_done(&walk.seen);
    cm_map_free(walk.m);
}

static void a_visit_ends_when_the_visitor_says_so(void **state) {
    (void)state;
    struct walk walk = {.m = three(), .stop_at = "a"};

    cm_map_each(walk.m, note, &walk);
    assert_string_equal(cm_str_get(&walk.seen), "c a ");
    cm_str_done(&walk.seen);
    cm_map_free(walk.m);
}

static void a_visitor_may_remove_what_it_visits(void **state) {
    (void)state;
    struct walk walk = {.m = three()};

    cm_map_each(walk.m, note_and_remove, &walk);
    assert_string_equal(cm_str_get(&walk.seen), "c a b ");
    assert_int_equal(cm_map_len(walk.m), 0);
    cm_str_done(&walk.seen);
    cm_map_free(walk.m);
}

static void keys_come_sorted(void **state) {
    (void)state;
    struct cm_map *m = three();
    const char **keys = cm_map_keys(m);

    assert_string_equal(keys[0], "a");
    assert_string_equal(keys[1], "b");
    assert_string_equal(keys[2], "c");
    free(keys);
    cm_map_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_that_was_not_put_is_not_there),
        cmocka_unit_test(the_map_keeps_its_own_copy_of_a_key),
        cmocka_unit_test(values_are_freed_when_replaced_removed_or_left),
        cmocka_unit_test(a_taken_value_belongs_to_the_taker),
        cmocka_unit_test(putting_the_same_value_again_keeps_it),
        cmocka_unit_test(many_keys_of_every_length_are_found),
        cmocka_unit_test(entries_are_visited_oldest_first),
        cmocka_unit_test(a_visit_ends_when_the_visitor_says_so),
        cmocka_unit_test(a_visitor_may_remove_what_it_visits),
        cmocka_unit_test(keys_come_sorted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
