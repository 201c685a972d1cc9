#include "hub/capture/stable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define AFTER_MS 60000

static bool look(struct hub_stable *s, const char *key, const char *content, int64_t now_ms) {
    hub_stable_begin(s);
    bool due = hub_stable_see(s, key, content, now_ms);
    hub_stable_end(s);
    return due;
}

static void what_stays_for_long_enough_is_told_once(void **state) {
    struct hub_stable *s = hub_stable_new(AFTER_MS);

    (void)state;
    assert_false(look(s, "a", "1", 1000));
    assert_false(look(s, "a", "1", 1000 + AFTER_MS - 1));
    assert_true(look(s, "a", "1", 1000 + AFTER_MS));
    hub_stable_told(s, "a");
    assert_false(look(s, "a", "1", 1000 + 9 * AFTER_MS));
    hub_stable_free(s);
}

static void what_changes_again_begins_anew(void **state) {
    struct hub_stable *s = hub_stable_new(AFTER_MS);

    (void)state;
    assert_false(look(s, "a", "1", 0));
    assert_false(look(s, "a", "2", AFTER_MS));
    assert_true(look(s, "a", "2", 2 * AFTER_MS));
    hub_stable_told(s, "a");
    assert_false(look(s, "a", "3", 2 * AFTER_MS));
    assert_true(look(s, "a", "3", 3 * AFTER_MS));
    hub_stable_free(s);
}

static void what_was_put_back_is_forgotten(void **state) {
    struct hub_stable *s = hub_stable_new(AFTER_MS);

    (void)state;
    assert_false(look(s, "a", "1", 0));
    assert_false(look(s, "b", "1", AFTER_MS));
    assert_false(look(s, "a", "1", AFTER_MS));
    assert_true(look(s, "a", "1", 2 * AFTER_MS));
    hub_stable_free(s);
}

static void what_could_not_be_is_told_again_later(void **state) {
    struct hub_stable *s = hub_stable_new(AFTER_MS);

    (void)state;
    assert_false(look(s, "a", "1", 0));
    assert_true(look(s, "a", "1", AFTER_MS));
    hub_stable_told(s, "a");
    hub_stable_again(s, "a", AFTER_MS);
    assert_false(look(s, "a", "1", AFTER_MS + 1));
    assert_true(look(s, "a", "1", 2 * AFTER_MS));
    hub_stable_told(s, "gone");
    hub_stable_again(s, "gone", 0);
    hub_stable_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stays_for_long_enough_is_told_once),
        cmocka_unit_test(what_changes_again_begins_anew),
        cmocka_unit_test(what_was_put_back_is_forgotten),
        cmocka_unit_test(what_could_not_be_is_told_again_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
