#include "tests/unit/hub/store/memory_db.h"

#include "hub/store/events.h"
#include "hub/store/news.h"

static struct hub_news read_news(void **state) {
    struct hub_news news;
    struct cm_err err;

    assert_int_equal(hub_news_read(*state, &news, &err), CM_OK);
    return news;
}

static void add_events(void **state, int count) {
    struct cm_err err;

    for (int i = 0; i < count; i++) {
        assert_int_equal(hub_events_add(*state, &(struct hub_event){.kind = "a.b"}, &err), CM_OK);
    }
}

static void an_empty_store_has_no_event(void **state) {
    assert_int_equal(read_news(state).newest, 0);
    assert_int_equal(read_news(state).oldest, 0);
}

static void the_range_follows_what_comes_and_what_is_trimmed(void **state) {
    struct cm_err err;

    add_events(state, 5);
    assert_int_equal(read_news(state).newest, 5);
    assert_int_equal(read_news(state).oldest, 1);
    assert_int_equal(hub_events_trim(*state, 2, &err), CM_OK);
    assert_int_equal(read_news(state).newest, 5);
    assert_int_equal(read_news(state).oldest, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_store_has_no_event, open_db, close_db),
        cmocka_unit_test_setup_teardown(the_range_follows_what_comes_and_what_is_trimmed, open_db,
                                        close_db),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
