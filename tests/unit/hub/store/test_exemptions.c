#include "tests/unit/hub/store/memory_db.h"

#include "hub/store/desired.h"
#include "hub/store/exemptions.h"

#define NOW_MS ((int64_t)1790856000000)
#define HOUR_MS ((int64_t)60 * 60 * 1000)

static void put(struct hub_db *db, const char *name, int64_t hours) {
    const struct hub_exemption_row row = {.name = name,
                                          .app = "shop",
                                          .repo = "fleet",
                                          .path = "exemptions/x.yaml",
                                          .clusters = "[\"c01\"]",
                                          .object = "ConfigMap/shop/a",
                                          .field = "",
                                          .reason = "INC-1",
                                          .actor = "ada",
                                          .site = "",
                                          .until_ms = NOW_MS + hours * HOUR_MS};
    struct cm_err err;

    assert_int_equal(hub_documents_put_exemption(db, &row, &err), CM_OK);
}

static void count_one(void *ctx, const struct hub_exemption_over *e) {
    (void)e;
    *(int *)ctx += 1;
}

// look returns how many are over, so many hours later.
static int look(struct hub_db *db, int64_t hours) {
    struct cm_err err;
    int over = 0;

    assert_int_equal(hub_exemptions_look(db, NOW_MS + hours * HOUR_MS, count_one, &over, &err),
                     CM_OK);
    return over;
}

static int64_t count_ending(struct hub_db *db) {
    return count_rows(db, "SELECT count(*) FROM event WHERE kind = 'exemption.ending'");
}

static void of_a_short_one_it_is_warned_in_its_last_quarter(void **state) {
    put(*state, "short", 8);
    (void)look(*state, 0);
    (void)look(*state, 5);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM event"), 1);
    (void)look(*state, 6);
    (void)look(*state, 7);
    assert_int_equal(count_ending(*state), 1);
    assert_int_equal(look(*state, 8), 1);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM event"), 3);
}

static void of_a_long_one_it_is_warned_a_day_before(void **state) {
    put(*state, "long", 240);
    (void)look(*state, 0);
    (void)look(*state, 215);
    assert_int_equal(count_ending(*state), 0);
    (void)look(*state, 216);
    assert_int_equal(count_ending(*state), 1);
}

static void whose_end_is_put_off_is_warned_of_again(void **state) {
    put(*state, "more", 8);
    (void)look(*state, 0);
    (void)look(*state, 7);
    assert_int_equal(count_ending(*state), 1);
    put(*state, "more", 80);
    (void)look(*state, 59);
    assert_int_equal(count_ending(*state), 1);
    (void)look(*state, 60);
    assert_int_equal(count_ending(*state), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_db, close_db)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(of_a_short_one_it_is_warned_in_its_last_quarter),
        TEST(of_a_long_one_it_is_warned_a_day_before),
        TEST(whose_end_is_put_off_is_warned_of_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
