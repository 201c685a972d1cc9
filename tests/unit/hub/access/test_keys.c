// Which keys of an agent are good, and when.
#include "hub/access/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MINUTE_MS ((int64_t)60 * 1000)
#define DAY_MS (1440 * MINUTE_MS)

static const struct cm_sha256 a = {{1}};
static const struct cm_sha256 b = {{2}};
static const struct cm_sha256 c = {{3}};
static const struct cm_sha256 none = {{0}};

static struct hub_keys enrolled(void) {
    return (struct hub_keys){.current = a, .begins_ms = 1000, .ends_ms = 7 * DAY_MS};
}

static struct hub_keys renewed(int64_t used_ms) {
    struct hub_keys keys = enrolled();

    hub_keys_certified(&keys, &b, 2000, 8 * DAY_MS);
    hub_keys_use(&keys, &b, 0, used_ms);
    return keys;
}

static void a_new_key_is_good_beside_the_old_one_until_it_is_used(void **state) {
    struct hub_keys keys = enrolled();

    (void)state;
    hub_keys_certified(&keys, &b, 2000, 8 * DAY_MS);
    assert_int_equal(hub_keys_judge(&keys, &a, 1000, 9 * DAY_MS), HUB_KEY_CURRENT);
    assert_int_equal(hub_keys_judge(&keys, &b, 2000, 9 * DAY_MS), HUB_KEY_NEXT);
    assert_int_equal(keys.ends_ms, 8 * DAY_MS);
}

static void the_old_one_is_good_for_ten_minutes_more_and_then_suspicious(void **state) {
    struct hub_keys keys = renewed(DAY_MS);

    (void)state;
    assert_int_equal(hub_keys_judge(&keys, &b, 2000, DAY_MS), HUB_KEY_CURRENT);
    assert_int_equal(hub_keys_judge(&keys, &a, 1000, DAY_MS + 10 * MINUTE_MS - 1), HUB_KEY_BEFORE);
    assert_int_equal(hub_keys_judge(&keys, &a, 1000, DAY_MS + 10 * MINUTE_MS), HUB_KEY_STALE);
}

static void a_key_that_was_certified_and_never_used_gives_way_to_the_next(void **state) {
    struct hub_keys keys = enrolled();

    (void)state;
    hub_keys_certified(&keys, &b, 2000, 8 * DAY_MS);
    hub_keys_certified(&keys, &c, 3000, 8 * DAY_MS);
    assert_int_equal(hub_keys_judge(&keys, &b, 2000, DAY_MS), HUB_KEY_STALE);
    assert_int_equal(hub_keys_judge(&keys, &c, 3000, DAY_MS), HUB_KEY_NEXT);
}

static void a_key_is_suspicious_however_often_it_was_replaced(void **state) {
    struct hub_keys keys = renewed(DAY_MS);

    (void)state;
    hub_keys_certified(&keys, &c, 3000, 9 * DAY_MS);
    hub_keys_use(&keys, &c, 0, 2 * DAY_MS);
    assert_int_equal(hub_keys_judge(&keys, &a, 1000, 2 * DAY_MS), HUB_KEY_STALE);
    assert_int_equal(hub_keys_judge(&keys, &a, 3000, 2 * DAY_MS), HUB_KEY_UNKNOWN);
    assert_int_equal(hub_keys_judge(&keys, &a, 0, 2 * DAY_MS), HUB_KEY_UNKNOWN);
    keys.begins_ms = 0; // on record from before this was kept
    assert_int_equal(hub_keys_judge(&keys, &a, 1000, 2 * DAY_MS), HUB_KEY_UNKNOWN);
}

static void what_was_certified_before_a_person_looked_is_no_longer_suspicious(void **state) {
    struct hub_keys keys = renewed(DAY_MS);

    (void)state;
    keys.approved_ms = 5 * MINUTE_MS + 1000;
    assert_int_equal(hub_keys_judge(&keys, &c, 1000, 2 * DAY_MS), HUB_KEY_UNKNOWN);
    assert_int_equal(hub_keys_judge(&keys, &c, 1001, 2 * DAY_MS), HUB_KEY_STALE);
}

static void using_the_current_key_changes_nothing(void **state) {
    struct hub_keys keys = renewed(DAY_MS);

    (void)state;
    hub_keys_certified(&keys, &c, 3000, 9 * DAY_MS);
    hub_keys_use(&keys, &b, 0, 2 * DAY_MS);
    assert_int_equal(hub_keys_judge(&keys, &c, 3000, 2 * DAY_MS), HUB_KEY_NEXT);
    assert_int_equal(keys.before_until_ms, DAY_MS + 10 * MINUTE_MS);
}

static void certifying_the_current_key_anew_makes_no_next_one(void **state) {
    struct hub_keys keys = enrolled();

    (void)state;
    hub_keys_certified(&keys, &a, 5000, 9 * DAY_MS);
    assert_true(cm_sha256_equal(&keys.next, &none));
    assert_int_equal(hub_keys_judge(&keys, &a, 1000, DAY_MS), HUB_KEY_CURRENT);
}

// The hub's database is an older copy, and a renewal is not in it.
static void what_was_certified_before_a_restore_may_be_forgotten(void **state) {
    struct hub_keys keys = enrolled();

    (void)state;
    keys.forgot_until_ms = 5000;
    assert_int_equal(hub_keys_judge(&keys, &b, 1001, DAY_MS), HUB_KEY_LOST);
    assert_int_equal(hub_keys_judge(&keys, &b, 5000, DAY_MS), HUB_KEY_LOST);
    assert_int_equal(hub_keys_judge(&keys, &b, 5001, DAY_MS), HUB_KEY_AHEAD);
    assert_int_equal(hub_keys_judge(&keys, &b, 1000, DAY_MS), HUB_KEY_LOST);
    assert_int_equal(hub_keys_judge(&keys, &b, 999, DAY_MS), HUB_KEY_STALE);
    keys.begins_ms = 0; // on record from before this was kept
    assert_int_equal(hub_keys_judge(&keys, &b, 5000, DAY_MS), HUB_KEY_UNKNOWN);
}

static void what_is_older_than_the_key_that_was_forgotten_is_suspicious(void **state) {
    struct hub_keys keys = enrolled();

    (void)state;
    keys.forgot_until_ms = 5000;
    keys.ends_ms = 2000; // of the one before
    hub_keys_use(&keys, &b, 3000, DAY_MS);
    assert_int_equal(keys.ends_ms, 0);
    assert_int_equal(hub_keys_judge(&keys, &b, 3000, DAY_MS), HUB_KEY_CURRENT);
    assert_int_equal(hub_keys_judge(&keys, &c, 2000, DAY_MS), HUB_KEY_STALE);
}

static void a_hub_that_was_never_restored_has_forgotten_nothing(void **state) {
    struct hub_keys keys = enrolled();

    (void)state;
    assert_int_equal(hub_keys_judge(&keys, &b, 1001, DAY_MS), HUB_KEY_UNKNOWN);
}

static void no_key_at_all_is_none_that_is_good(void **state) {
    struct hub_keys keys = enrolled();

    (void)state;
    assert_int_equal(hub_keys_judge(&keys, &none, 0, 0), HUB_KEY_UNKNOWN);
}

static void of_two_keys_a_person_chooses_one_and_the_other_is_unknown(void **state) {
    (void)state;
    for (int restored = 0; restored < 2; restored++) {
        for (int second = 0; second < 2; second++) {
            struct hub_keys keys = {.current = {{1}},
                                    .before = {{2}},
                                    .before_until_ms = 1,
                                    .begins_ms = 5 * DAY_MS,
                                    .forgot_until_ms = restored * 6 * DAY_MS};
            const struct cm_sha256 both[] = {{{1}}, {{2}}};

            hub_keys_choose(&keys, &both[second], 7 * DAY_MS);
            assert_int_equal(hub_keys_judge(&keys, &both[second], 5 * DAY_MS, 7 * DAY_MS),
                             HUB_KEY_CURRENT);
            assert_int_equal(hub_keys_judge(&keys, &both[1 - second], 5 * DAY_MS, 7 * DAY_MS),
                             HUB_KEY_UNKNOWN);
        }
    }
}

// The agent may be in the midst of it.
static void a_key_certified_for_the_one_that_a_person_chooses_stays_good(void **state) {
    const struct hub_keys before = {
        .current = {{1}}, .next = {{3}}, .before = {{2}}, .begins_ms = 5 * DAY_MS};
    struct hub_keys keys = before;

    (void)state;
    hub_keys_choose(&keys, &before.current, 7 * DAY_MS);
    assert_int_equal(hub_keys_judge(&keys, &before.next, 5 * DAY_MS, 7 * DAY_MS), HUB_KEY_NEXT);
    keys = before;
    hub_keys_choose(&keys, &before.before, 7 * DAY_MS);
    assert_int_equal(hub_keys_judge(&keys, &before.next, 5 * DAY_MS, 7 * DAY_MS), HUB_KEY_UNKNOWN);
}

static void
an_expired_certificate_is_renewed_within_the_budget_or_when_a_person_said_so(void **state) {
    (void)state;
    assert_true(hub_keys_may_renew(DAY_MS, 90 * DAY_MS, 0, 91 * DAY_MS));
    assert_false(hub_keys_may_renew(DAY_MS, 90 * DAY_MS, 0, 91 * DAY_MS + 1));
    assert_false(hub_keys_may_renew(DAY_MS, 0, 0, DAY_MS + 1));
    assert_true(hub_keys_may_renew(DAY_MS, 0, 400 * DAY_MS, 401 * DAY_MS));
    assert_false(hub_keys_may_renew(DAY_MS, 0, 400 * DAY_MS, 401 * DAY_MS + 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_key_is_good_beside_the_old_one_until_it_is_used),
        cmocka_unit_test(the_old_one_is_good_for_ten_minutes_more_and_then_suspicious),
        cmocka_unit_test(a_key_that_was_certified_and_never_used_gives_way_to_the_next),
        cmocka_unit_test(a_key_is_suspicious_however_often_it_was_replaced),
        cmocka_unit_test(what_was_certified_before_a_person_looked_is_no_longer_suspicious),
        cmocka_unit_test(using_the_current_key_changes_nothing),
        cmocka_unit_test(certifying_the_current_key_anew_makes_no_next_one),
        cmocka_unit_test(what_was_certified_before_a_restore_may_be_forgotten),
        cmocka_unit_test(what_is_older_than_the_key_that_was_forgotten_is_suspicious),
        cmocka_unit_test(a_hub_that_was_never_restored_has_forgotten_nothing),
        cmocka_unit_test(no_key_at_all_is_none_that_is_good),
        cmocka_unit_test(of_two_keys_a_person_chooses_one_and_the_other_is_unknown),
        cmocka_unit_test(a_key_certified_for_the_one_that_a_person_chooses_stays_good),
        cmocka_unit_test(
            an_expired_certificate_is_renewed_within_the_budget_or_when_a_person_said_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
